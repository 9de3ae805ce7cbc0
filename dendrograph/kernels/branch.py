"""The dendrites of full trees in one compiled pass: synapses, bias, nonlinearity and cable sum.

For the dendrites d of a parent p, each with its edges e = (s, d),

    total[p] = sum over d of cable[d] f(u[d]),    u[d] = bias[d] + sum over e of w[e] x[s].

f has one slope above zero and another below. So nothing of a dendrite is stored but a few bits a sample, which of the
two it had: memory grows with parents, and the gradients of weights, biases and cables all come from the same dot
products, since f(u) = f'(u) u.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from dendrograph.kernels import compiled, tree
from dendrograph.kernels.compiled import native
from dendrograph.kernels.edges import Edges
from dendrograph.kernels.product import like
from dendrograph.morphology import Nonlinearity


class Branch:
    """What a pass needs to know of its dendrites.

    Args:
        edges: onto the dendrites, sorted by target.
        parents: how many, each with the same number of children, contiguous.
        function: the dendrites' nonlinearity.
        slope: its slope below zero; that above zero is 1.
    """

    def __init__(self, edges: Edges, parents: int, function: Callable[[Tensor], Tensor], slope: float) -> None:
        self.edges, self.parents, self.function, self.slope = edges, parents, function, slope
        self.children = (len(edges.pointers) - 1) // parents

    def __deepcopy__(self, memo: dict[int, Any]) -> Branch:
        """Itself, since nothing in it changes: copies of a network share it."""
        return self


def slope_below_zero(nonlinearity: Nonlinearity) -> float | None:
    """Of a nonlinearity whose slope above zero is 1; None for one that is not of this kind."""
    if nonlinearity.name == "leaky_relu":
        return dict(nonlinearity.parameters).get("slope", 0.1)
    return {"identity": 1.0, "relu": 0.0}.get(nonlinearity.name)


def apply(branch: Branch, weight: Tensor, x: Tensor, bias: Tensor | None, cable: Tensor) -> Tensor:
    """The cable sum. Shapes (edges,), (sources, batch), (dendrites,), (dendrites,) -> (parents, batch)."""
    x = like(weight, x)
    if not compiled.can_run(weight) or not x.shape[1]:
        return _step_by_step(branch, weight, x, bias, cable)
    if weight.dtype in compiled.NARROW:
        wide = (weight.float(), x.float(), None if bias is None else bias.float(), cable.float())
        return apply(branch, *wide).to(weight.dtype)
    branch.edges.check(weight, x, bias, cable)
    return _Branch.apply(branch, weight, x, bias, cable)


def _step_by_step(branch: Branch, weight: Tensor, x: Tensor, bias: Tensor | None, cable: Tensor) -> Tensor:
    """The same with everything between stored, differentiable any number of times."""
    u = compiled.apply(weight, x, len(cable), branch.edges)
    if bias is not None:
        u = u + bias.unsqueeze(1)
    return tree.apply(cable, branch.function(u), branch.parents)


class _Branch(Function):
    @staticmethod
    def forward(ctx: Any, branch: Branch, weight: Tensor, x: Tensor, bias: Tensor | None, cable: Tensor) -> Tensor:
        given = (weight.contiguous(), None if bias is None else bias.contiguous(), cable.contiguous())
        packed = compiled.tiles(x)
        vectors = -(-x.shape[1] // native.lanes(x.dtype == torch.float64))
        bits = torch.empty((len(cable), vectors), dtype=torch.int16)
        total = x.new_empty((branch.parents, x.shape[1]))
        native.branch_forward(*_run(branch, x, *given), packed.data_ptr(), total.data_ptr(), bits.data_ptr())
        ctx.save_for_backward(weight, x, bias, cable)
        ctx.given = branch, packed, bits
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        branch, packed, bits = ctx.given
        inputs = weight, x, bias, cable = ctx.saved_tensors
        needs = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # gradients of gradients are asked for
            # Views, so that a path from one operand to another is not followed here as well.
            views = tuple(None if tensor is None else tensor.view_as(tensor) for tensor in inputs)
            wanted = [view for view, needed in zip(views, needs, strict=True) if view is not None and needed]
            total = _step_by_step(branch, *views)  # type: ignore[arg-type]
            found = iter(torch.autograd.grad(total, wanted, gradients[0], create_graph=True))
            return (None, *(next(found) if needed else None for needed in needs))
        g = gradients[0].contiguous()
        given = (weight.contiguous(), None if bias is None else bias.contiguous(), cable.contiguous())
        of_weight = of_bias = of_cable = of_x = None
        if needs[0] or needs[2] or needs[3]:
            of_weight, of_bias, of_cable = (torch.empty_like(tensor) for tensor in (given[0], cable, cable))
            addresses = (tensor.data_ptr() for tensor in (packed, g, bits, of_weight, of_bias, of_cable))
            native.branch_backward(*_run(branch, x, *given), *addresses)
        if needs[1]:
            of_x = torch.empty_like(x, memory_format=torch.contiguous_format)
            packed_g = compiled.tiles(g)  # names of their own: memory whose address is taken must live
            transposed = branch.edges.transposed()
            by_source = _run(branch, x, *given, transposed)
            native.branch_sources(*by_source, packed_g.data_ptr(), bits.data_ptr(), of_x.data_ptr())
        return None, of_weight, of_x, of_bias if needs[2] else None, of_cable


def _run(
    branch: Branch, x: Tensor, weight: Tensor, bias: Tensor | None, cable: Tensor, edges: Edges | None = None
) -> tuple[Any, ...]:
    """What every pass takes first: type, threads, edges, parameters, batch."""
    parameters = (weight.data_ptr(), 0 if bias is None else bias.data_ptr(), cable.data_ptr())
    addresses = (edges or branch.edges).addresses
    return *compiled.how(x), addresses, (*parameters, branch.children, branch.slope), x.shape[1]
