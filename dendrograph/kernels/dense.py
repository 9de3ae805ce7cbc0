"""A matrix product with the whole block of weights: for all-to-all wiring, and for sampled wiring that is nearly so."""

from __future__ import annotations

import torch
from torch import Tensor

from dendrograph.graph import Projection

NAME = "dense"
HOW = "matrix product"


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
    """Serves every linear projection."""
    if projection.nonlinear:
        return (projection.nonlinear,)
    return ()


def prepare(projection: Projection) -> tuple[Tensor, ...]:
    """Nothing for all-to-all; else the cell of the block that each edge's weight is added to."""
    if projection.all_to_all:
        return ()
    source, target = projection.edge_index
    return (target * projection.sources + source,)


def apply(weight: Tensor, x: Tensor, targets: int, *index: Tensor) -> Tensor:
    """u = W x with W of shape (targets, sources), zero where no edge is."""
    if index:
        block = weight.new_zeros(targets * x.shape[0])
        weight = torch.index_add(block, 0, index[0], weight)  # adds: a pair may have several synapses
    return weight.view(targets, x.shape[0]) @ x


def apply_biased(weight: Tensor, x: Tensor, targets: int, bias: Tensor, *index: Tensor) -> Tensor:
    """u = W x + b in one call, for all-to-all wiring."""
    return torch.addmm(bias.unsqueeze(1), weight.view(targets, x.shape[0]), x)
