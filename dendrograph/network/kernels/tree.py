"""Cables of a full tree: the children of a parent are contiguous and equally many, so no index is needed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dendrograph.graph.graph import Projection

NAME = "tree"
HOW = "batched product over parents, no index"


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
    """Serves projections in which target t has the sources t n, …, t n + n - 1, the same n for all."""
    if projection.nonlinear:
        return (projection.nonlinear,)
    if projection.pairs is None and projection.targets > len(projection.parts):
        return ("the children of a parent are not contiguous: the wiring is all-to-all",)
    if not projection.targets or projection.sources % projection.targets:
        return (f"{projection.sources} sources do not divide evenly among {projection.targets} targets",)
    children = projection.sources // projection.targets
    sources, targets = projection.endpoints()
    every = np.arange(projection.sources)
    if not (np.array_equal(sources, every) and np.array_equal(targets, every // children)):
        return ("the children of a parent are not contiguous, or not equally many",)
    return ()


def prepare(projection: Projection) -> tuple[Tensor, ...]:
    """Nothing."""
    return ()


def apply(weight: Tensor, x: Tensor, targets: int, *index: Tensor) -> Tensor:
    """u[t] = sum of w[t, i] x[t, i] over the n children i of t."""
    children = x.shape[0] // targets
    if children == 1:  # a batched product of single numbers takes several times as long
        return weight.unsqueeze(1) * x
    return torch.bmm(weight.view(targets, 1, children), x.reshape(targets, children, x.shape[1])).squeeze(1)
