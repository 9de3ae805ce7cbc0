"""The sparse product and its derivatives of any order, from two primitives that a kernel brings."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import Function

from dendrograph.network.kernels.edges import Edges


class Primitives(Protocol):
    """What a sparse kernel can do; neither is differentiable by itself."""

    def multiply(self, edges: Edges, weight: Tensor, x: Tensor) -> Tensor:
        """u[r] = sum of w[e] x[c] over the edges e = (r, c): (edges,), (sources, batch) -> (rows, batch)."""

    def dots(self, edges: Edges, g: Tensor, x: Tensor) -> Tensor:
        """d[e] = sum of g[r] x[c] over the batch: (rows, batch), (sources, batch) -> (edges,)."""


def product(primitives: Primitives, edges: Edges, weight: Tensor, x: Tensor) -> Tensor:
    """u = A(w) x for edges sorted by target. Shapes (edges,), (sources, batch) -> (targets, batch).

    Three products serve it, its gradients and theirs, each deterministic, since every number of a result is summed by
    one thread in a fixed order:

        u  = A(w) x
        gx = A(w)^T g         the same over edges sorted by source
        gw = <g[t], x[s]>     one dot product over the batch an edge
    """
    x = like(weight, x)
    if x.shape[1] == 0 or weight.shape[0] == 0:
        # Zeros that keep their place in the graph of gradients.
        nothing = (weight.unsqueeze(1) * x.index_select(0, edges.columns)).sum(0)
        return x.new_zeros((len(edges.pointers) - 1, x.shape[1])) + nothing
    return _Product.apply(primitives, edges, False, weight, x)


def like(weight: Tensor, x: Tensor) -> Tensor:
    """The values in the weights' type where autocast has made them narrower; else as they are."""
    return x.to(weight.dtype) if torch.is_autocast_enabled(x.device.type) else x


class _Product(Function):
    """A(w) x, or its transpose."""

    @staticmethod
    def forward(ctx: Any, primitives: Primitives, edges: Edges, transposed: bool, weight: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(weight, x)
        ctx.given = primitives, edges, transposed
        return primitives.multiply(edges.transposed() if transposed else edges, weight, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, x = ctx.saved_tensors
        primitives, edges, transposed = ctx.given
        (g,) = gradients
        of_weight = of_x = None
        if ctx.needs_input_grad[3]:
            of_weight = _Dots.apply(primitives, edges, *((x, g) if transposed else (g, x)))
        if ctx.needs_input_grad[4]:
            of_x = _Product.apply(primitives, edges, not transposed, weight, g)
        return None, None, None, of_weight, of_x


class _Dots(Function):
    """One dot product over the batch an edge."""

    @staticmethod
    def forward(ctx: Any, primitives: Primitives, edges: Edges, g: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(g, x)
        ctx.given = primitives, edges
        return primitives.dots(edges, g, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        g, x = ctx.saved_tensors
        primitives, edges = ctx.given
        (of_dots,) = gradients
        of_g = _Product.apply(primitives, edges, False, of_dots, x) if ctx.needs_input_grad[2] else None
        of_x = _Product.apply(primitives, edges, True, of_dots, g) if ctx.needs_input_grad[3] else None
        return None, None, of_g, of_x
