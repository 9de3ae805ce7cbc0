"""What was kept, and what forgotten, of tasks that were learnt in turn: measures of a matrix of accuracies.

R has shape (T + 1, T): R[i, j] is the test accuracy on task j after task i, a share from 0 to 1. Tasks count from 1;
row 0 is the network before any training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dendrograph.base.errors import DendrographError

Matrix = NDArray[np.float64]


def average_accuracy(accuracies: ArrayLike) -> float:
    """ACC = (1/T) Σⱼ R[T, j]: accuracy over all tasks in the end (Lopez-Paz & Ranzato, NeurIPS 2017)."""
    return float(matrix_of(accuracies)[-1].mean())


def backward_transfer(accuracies: ArrayLike) -> float:
    """BWT = 1/(T − 1) Σ R[T, j] − R[j, j] over j < T: what learning later tasks did to earlier ones; below 0 it is
    forgetting (Lopez-Paz & Ranzato, NeurIPS 2017).
    """
    matrix = matrix_of(accuracies)
    return float((matrix[-1] - np.diag(matrix[1:]))[:-1].mean())


def forward_transfer(accuracies: ArrayLike) -> float:
    """FWT = 1/(T − 1) Σ R[j − 1, j] − R[0, j] over j > 1: what earlier tasks did for tasks not yet learnt, above the
    untrained network (Lopez-Paz & Ranzato, NeurIPS 2017).
    """
    matrix = matrix_of(accuracies)
    return float((np.diag(matrix) - matrix[0])[1:].mean())


def forgetting(accuracies: ArrayLike) -> float:
    """F = 1/(T − 1) Σ max R[l, j] − R[T, j] over j < T, the maximum over l = 1 … T − 1: what was lost of the best that
    was ever reached (Chaudhry, Dokania, Ajanthan & Torr, ECCV 2018).
    """
    matrix = matrix_of(accuracies)
    return float((matrix[1:-1].max(axis=0) - matrix[-1])[:-1].mean())


MEASURES: Mapping[str, Callable[[ArrayLike], float]] = {
    "average_accuracy": average_accuracy,
    "backward_transfer": backward_transfer,
    "forward_transfer": forward_transfer,
    "forgetting": forgetting,
}


def matrix_of(accuracies: ArrayLike) -> Matrix:
    """R, held to what it must be.

    Raises:
        DendrographError: its shape is another, there are fewer than two tasks, or a value is no share.
    """
    matrix = np.asarray(accuracies, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < 2 or matrix.shape[0] != matrix.shape[1] + 1:
        raise DendrographError(
            f"a matrix of accuracies of shape {matrix.shape}\n"
            "  wanted: (T + 1, T) for T tasks, 2 or more; row 0 is before any training"
        )
    if not ((matrix >= 0) & (matrix <= 1)).all():
        raise DendrographError("a matrix of accuracies holds what is no share from 0 to 1\n  give shares, not per cent")
    return matrix
