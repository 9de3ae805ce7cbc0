"""The oracle: a plain loop over edges, in the order of the edge index. Slow, and hard to get wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from dendrograph.graph import Projection

NAME = "reference"
HOW = "a plain loop over edges"


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
    """Serves everything."""
    return ()


def prepare(projection: Projection) -> tuple[Tensor, ...]:
    """The edge index."""
    return (projection.edge_index,)


def apply(weight: Tensor, x: Tensor, targets: int, *index: Tensor) -> Tensor:
    """u[t] = sum of w[e] x[s] over e = (s, t), one edge after the other."""
    (edge_index,) = index
    sums: list[Tensor] = [x.new_zeros(x.shape[1:]) for _ in range(targets)]
    for edge, (source, target) in enumerate(edge_index.t().tolist()):
        sums[target] = sums[target] + weight[edge] * x[source]
    return torch.stack(sums) if sums else x.new_zeros((0, *x.shape[1:]))
