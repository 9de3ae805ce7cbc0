"""Gather, multiply and sum in one pass: no message is ever stored.

Edges sorted by target are rows of a sparse matrix A (CSR). Three products serve forward, gradients, and gradients of
gradients, each deterministic since every output element is summed by one thread in a fixed order:

    u  = A(w) x           rows of x, weighted and summed a target at a time
    gx = A(w)^T g         the same with the index sorted by source
    gw = <g[t], x[s]>     one dot product over the batch an edge
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from dendrograph.graph import Projection

NAME = "fused"
HOW = "gather, multiply and sum in one pass"


def reasons_against(projection: Projection) -> tuple[str, ...]:
    """Serves every linear projection."""
    return ()


def prepare(projection: Projection) -> tuple[Tensor, ...]:
    """By target: source, target, row pointers. By source: source, target, row pointers, and which edge each is.

    The two halves have the same form, so that transposing is exchanging them; each ends with the order that leads to
    the other.
    """
    source, target = projection.edge_index
    order = torch.argsort(source, stable=True)
    back = torch.argsort(order, stable=True)
    rows = (source, target, _pointers(target, projection.targets), order)
    columns = (target[order], source[order], _pointers(source, projection.sources), back)
    return (*rows, *columns)


def _pointers(index: Tensor, size: int) -> Tensor:
    counts = torch.bincount(index, minlength=size)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def apply(weight: Tensor, x: Tensor, targets: int, *index: Tensor) -> Tensor:
    """u[t] = sum of w[e] x[s] over the edges of t."""
    if x.shape[1] == 0 or weight.shape[0] == 0:
        return _nothing(weight, x, targets, index[0])
    return _Product.apply(weight, x, *index)


def _nothing(weight: Tensor, x: Tensor, targets: int, source: Tensor) -> Tensor:
    """An empty batch or no edges: zeros that keep their place in the graph of gradients."""
    return x.new_zeros((targets, x.shape[1])) + (weight.unsqueeze(1) * x.index_select(0, source)).sum(0)


class _Product(Function):
    """u = A(w) x."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: Tensor, *index: Tensor) -> Tensor:
        ctx.save_for_backward(weight, x, *index)
        source, _, pointers, _ = index[:4]
        return torch.embedding_bag(x, source, pointers, False, 0, False, weight, True)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, x, *index = ctx.saved_tensors
        (gradient,) = gradients
        order = index[3]
        of_weight = _Dots.apply(gradient, x, *index) if ctx.needs_input_grad[0] else None
        of_x = _Product.apply(weight[order], gradient, *index[4:], *index[:4]) if ctx.needs_input_grad[1] else None
        return (of_weight, of_x, *(None for _ in index))


class _Dots(Function):
    """d[e] = sum of g[t] x[s] over the batch, for every edge e = (s, t)."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, *index: Tensor) -> Tensor:
        ctx.save_for_backward(g, x, *index)
        source, target, pointers, _ = index[:4]
        return torch.ops.aten._embedding_bag_per_sample_weights_backward(
            g.contiguous(), x, source, pointers, target, 0, -1
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        g, x, *index = ctx.saved_tensors
        (gradient,) = gradients
        order = index[3]
        of_g = _Product.apply(gradient, x, *index) if ctx.needs_input_grad[0] else None
        of_x = _Product.apply(gradient[order], g, *index[4:], *index[:4]) if ctx.needs_input_grad[1] else None
        return (of_g, of_x, *(None for _ in index))
