"""Gather, multiply and sum in one pass by PyTorch's embedding bag: no message is ever stored."""

from __future__ import annotations

import sys
from typing import cast

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels.edges import Edges
from dendrograph.network.kernels.product import Primitives, product

NAME = "fused"
HOW = "gather, multiply and sum in one pass"


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
    """Serves every linear projection."""
    if projection.nonlinear:
        return (projection.nonlinear,)
    return ()


def prepare(projection: Projection) -> tuple[Edges, ...]:
    """The edges, sorted by target."""
    return (Edges.of(projection),)


def apply(weight: Tensor, x: Tensor, targets: int, *index: Edges) -> Tensor:
    """u[t] = sum of w[e] x[s] over the edges of t."""
    return product(cast("Primitives", sys.modules[__name__]), index[0], weight, x)


def multiply(edges: Edges, weight: Tensor, x: Tensor) -> Tensor:
    """u[r] = sum of w[e] x[c] over the edges e = (r, c)."""
    weight = weight if edges.numbers is None else weight[edges.numbers]
    return torch.embedding_bag(x.contiguous(), edges.columns, edges.pointers, False, 0, False, weight, True)[0]


def dots(edges: Edges, g: Tensor, x: Tensor) -> Tensor:
    """d[e] = sum of g[r] x[c] over the batch."""
    return torch.ops.aten._embedding_bag_per_sample_weights_backward(
        g.contiguous(), x.contiguous(), edges.columns, edges.pointers, edges.rows, 0, -1
    )
