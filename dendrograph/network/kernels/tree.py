"""Cables of a full tree: the children of a parent are contiguous and equally many, so no index is needed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels.kernel import Kernel


class TreeKernel(Kernel):
    """The cables of full trees as one batched product over the parents.

    It serves projections in which target t has the sources t n, …, t n + n - 1, with the same n for all targets.
    """

    name = "tree"
    description = "batched product over parents, no index"

    def reasons_against(self, projection: Projection, device: str = "cpu") -> tuple[str, ...]:
        """Serve linear projections of full trees."""
        if reasons := super().reasons_against(projection, device):
            return reasons
        if projection.pairs is None and projection.targets > len(projection.parts):
            return ("the children of a parent are not contiguous: the wiring is all-to-all",)
        if not projection.targets or projection.sources % projection.targets:
            return (f"{projection.sources} sources do not divide evenly among {projection.targets} targets",)
        sources, targets = projection.endpoints()
        every = np.arange(projection.sources)
        children = projection.sources // projection.targets
        if not (np.array_equal(sources, every) and np.array_equal(targets, every // children)):
            return ("the children of a parent are not contiguous, or not equally many",)
        return ()

    def apply(self, weight: Tensor, x: Tensor, targets: int, *index: Tensor) -> Tensor:
        """u[t] = sum of w[t, i] x[t, i] over the n children i of t."""
        children = x.shape[0] // targets
        if children == 1:  # a batched product of single numbers takes several times as long
            return weight.unsqueeze(1) * x
        return torch.bmm(weight.view(targets, 1, children), x.reshape(targets, children, x.shape[1])).squeeze(1)


TREE = TreeKernel()
