"""Accuracy and loss relative to their cost: the efficiency scores of Chavlis & Poirazi, and the Pareto front.

The scores are those of "Dendrites endow artificial neural networks with accurate, robust and parameter-efficient
learning", Nature Communications 16, 943 (2025), Methods, "Efficiency scores". With p_i the trainable parameters of
model i and e_i the epochs that it needs to reach its lowest validation loss,

    k_i = p_i e_i,    f_i = log10 k_i / min over m of log10 k_m,
    accuracy efficiency = accuracy_i / f_i,    loss efficiency = loss_i f_i,

where m runs over the compared models: f is 1 for the cheapest and more for all others. A higher accuracy efficiency is
better, and a lower loss efficiency. The text leaves three points open, which are decided here as follows. Each run (one
seed) has its own k and score, and means are taken of scores. The minimum is over all compared runs on one data set. The
accuracy is that of the run at its end, whereas the paper takes the model that is best on the test set.

Scores of different reference sets cannot be compared: one more cheap run changes all other scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError

Floats = NDArray[np.float64]


def best_epoch(validation_losses: Sequence[float]) -> float:
    """The number, from 1 on, of the first epoch with the lowest validation loss; nan if there is none."""
    losses = np.asarray(validation_losses, dtype=np.float64)
    if not np.isfinite(losses).any():
        return float("nan")
    return float(np.nanargmin(np.where(np.isfinite(losses), losses, np.nan)) + 1)


def costs(parameters: Sequence[float], epochs: Sequence[float]) -> Floats:
    """k = parameters × epochs to the lowest validation loss. Shape (runs,)."""
    return np.asarray(parameters, dtype=np.float64) * np.asarray(epochs, dtype=np.float64)


def factors(costs: Floats) -> Floats:
    """f_i = log10 k_i / min log10 k, at least 1. Shape (runs,); nan where a cost is.

    Args:
        costs: k of each run of the reference set.

    Raises:
        DendrographError: a cost is 1 or less, so that its logarithm is not positive.
    """
    if bool((costs <= 1).any()):
        raise DendrographError(
            f"parameters × epochs is {float(np.nanmin(costs)):g}, and its logarithm must be above 0\n"
            "  leave that run out of the comparison"
        )
    logarithms = np.log10(costs)
    return logarithms / np.nanmin(logarithms) if np.isfinite(logarithms).any() else logarithms


def accuracy_efficiency(accuracies: Sequence[float], costs: Floats) -> Floats:
    """Accuracy / f, from 0 to 1 where accuracy is. Shape (runs,)."""
    return np.asarray(accuracies, dtype=np.float64) / factors(costs)


def loss_efficiency(losses: Sequence[float], costs: Floats) -> Floats:
    """Loss × f, from 0 on; less is better. Shape (runs,)."""
    return np.asarray(losses, dtype=np.float64) * factors(costs)


def on_front(values: Sequence[float], costs: Sequence[float]) -> list[bool]:
    """Which points are on the Pareto front: no other point costs at most as much, is worth at least as much, and is
    better in one of the two.

    Args:
        values: higher is better, such as accuracy; give negative losses. A value of nan is not on the front.
        costs: lower is better, such as parameters.
    """
    front = []
    for value, cost in zip(values, costs, strict=True):
        better = any(
            (other >= value and price <= cost) and (other > value or price < cost)
            for other, price in zip(values, costs, strict=True)
        )
        front.append(bool(np.isfinite(value) and np.isfinite(cost)) and not better)
    return front
