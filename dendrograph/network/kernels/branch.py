"""The dendrites of full trees in one compiled pass: synapses, bias, nonlinearity and cable sum.

For the dendrites d of a parent p, each with its edges e = (s, d),

    total[p] = sum over d of cable[d] f(u[d]),    u[d] = bias[d] + sum over e of w[e] x[s].

Memory grows with parents, not with dendrites. Where f has one slope above zero and another below, a few bits a sample
are kept, which of the two it had, and the gradients of weights, biases and cables all come from the same dot products,
since f(u) = f'(u) u. Where f has a curve nothing is kept, and the way back gathers u once more; the gradient of the
sources then takes that of u, which is held while it is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from dendrograph.morphology.nonlinearities import NONLINEARITIES, Nonlinearity, bind
from dendrograph.network.kernels import compiled, tree
from dendrograph.network.kernels.compiled import native
from dendrograph.network.kernels.edges import Edges
from dendrograph.network.kernels.product import like

# What the pass serves, each with its parameters as native.cpp takes them: what has two slopes, and what has a curve, in
# the order of transfer.h.
SLOPES: Mapping[str, tuple[str, ...]] = {"identity": (), "relu": (), "leaky_relu": ("slope",)}
CURVES: Mapping[str, tuple[str, ...]] = {
    "elu": ("alpha",),
    "gelu": (),
    "sigmoid": (),
    "tanh": (),
    "softplus": (),
    "sublinear": ("saturation",),
    "nmda": ("threshold", "gain", "plateau"),
    "dcaap": ("threshold", "gain", "decay"),
    "leaky_ada": ("leak", "alpha", "c"),
}
# Dendrites whose gradient is held at a time, for that of the sources: half a megabyte, what a cache holds. Threads wait
# for each other after each block, which takes long where others use the processor too: few blocks for several threads.
AT_A_TIME = 1024
MOST_BLOCKS = 4
LARGE = 1e15  # beyond which a parameter of a curve is not taken


class Branch:
    """What a pass needs to know of its dendrites.

    Args:
        edges: onto the dendrites, sorted by target.
        parents: how many, each with the same number of children, contiguous.
        nonlinearity: the dendrites' own, one that the pass serves.
    """

    def __init__(self, edges: Edges, parents: int, nonlinearity: Nonlinearity) -> None:
        self.edges, self.parents, self.nonlinearity = edges, parents, nonlinearity
        self.dendrites = len(edges.pointers) - 1
        self.function = bind(nonlinearity.name, dict(nonlinearity.parameters))
        self.curve, *parameters = _curve(nonlinearity)
        self.form = (self.dendrites // parents, self.curve, *parameters)

    def __deepcopy__(self, memo: dict[int, Any]) -> Branch:
        """Itself, since nothing in it changes: copies of a network share it."""
        return self


def reasons_against(nonlinearity: Nonlinearity) -> tuple[str, ...]:
    """Serves the package's own, while their parameters are fixed."""
    name, served = nonlinearity.name, [*SLOPES, *CURVES]
    if name not in served:
        return (f"the pass serves {', '.join(served[:-1])} and {served[-1]}, and it has {name}",)
    learnt = [parameter for parameter, _ in nonlinearity.trainable]
    if learnt:
        return (f"the pass takes parameters that are fixed, and {name} learns its {' and '.join(learnt)}",)
    if name in SLOPES:
        return ()
    beyond = [f"{key}={value:g}" for key, value in _parameters(nonlinearity).items() if not _is_ordinary(key, value)]
    return (f"the pass does not compute with numbers as large or small as {' and '.join(beyond)}",) if beyond else ()


def _is_ordinary(key: str, value: float) -> bool:
    """Whether 32 bits hold a parameter, its inverse and its products with others; c is an exponent."""
    return abs(value) < math.log(LARGE) if key == "c" else value == 0 or 1 / LARGE < abs(value) < LARGE


def _parameters(nonlinearity: Nonlinearity) -> dict[str, float]:
    return {**NONLINEARITIES[nonlinearity.name].defaults, **dict(nonlinearity.parameters)}


def _curve(nonlinearity: Nonlinearity) -> tuple[int, float, float, float]:
    """Its number, 0 for two slopes, and three parameters, as native.cpp takes them."""
    name, given = nonlinearity.name, _parameters(nonlinearity)
    if name in SLOPES:
        return 0, {"identity": 1.0, "relu": 0.0}.get(name, given.get("slope", 0.0)), 0.0, 0.0
    if name == "leaky_ada":
        given["c"] = math.exp(given["c"])
    first, second, third, *_ = (*(given[key] for key in CURVES[name]), 0.0, 0.0, 0.0)
    return 1 + [*CURVES].index(name), first, second, third


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
        bits = None
        if not branch.curve:
            vectors = -(-x.shape[1] // native.lanes(x.dtype == torch.float64))
            bits = torch.empty((branch.dendrites, vectors), dtype=torch.int16)
        total = x.new_empty((branch.parents, x.shape[1]))
        where = packed.data_ptr(), total.data_ptr(), 0 if bits is None else bits.data_ptr()
        native.branch_forward(*_run(branch, x, *given), *where)
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
        of_weight, of_bias, of_cable = (
            torch.empty_like(given[0]),
            torch.empty_like(given[2]),
            torch.empty_like(given[2]),
        )
        of_x = torch.empty_like(x, memory_format=torch.contiguous_format) if needs[1] else None
        run = _run(branch, x, *given)
        results = of_weight.data_ptr(), of_bias.data_ptr(), of_cable.data_ptr()
        if branch.curve:
            _curve_backward(branch, run, (packed.data_ptr(), g.data_ptr(), *results), of_x)
        else:
            if needs[0] or needs[2] or needs[3]:
                native.branch_backward(*run, packed.data_ptr(), g.data_ptr(), bits.data_ptr(), *results)
            if of_x is not None:
                packed_g = compiled.tiles(g)  # names of their own: memory whose address is taken must live
                by_source = _run(branch, x, *given, branch.edges.transposed())
                native.branch_sources(*by_source, packed_g.data_ptr(), bits.data_ptr(), of_x.data_ptr())
        return (
            None,
            of_weight if needs[0] else None,
            of_x,
            of_bias if needs[2] else None,
            of_cable if needs[3] else None,
        )


def _curve_backward(branch: Branch, run: tuple[Any, ...], where: tuple[int, ...], of_x: Tensor | None) -> None:
    """The gradients at the addresses `where`, after those of x and of what comes back; and that of x."""
    if of_x is None:
        native.curve_backward(*run, *where, (0, 0, 0, 0, 0), 0, 0, 0, 0)
        return
    transposed = branch.edges.transposed()
    _, threads = compiled.how(of_x)
    some = min(branch.dendrites, max(AT_A_TIME, 0 if threads == 1 else -(-branch.dendrites // MOST_BLOCKS)))
    of_u = of_x.new_empty(some * native.width(of_x.dtype == torch.float64))
    following = torch.empty(branch.edges.sources, dtype=torch.int32)
    addresses = of_u.data_ptr(), following.data_ptr(), of_x.data_ptr()
    native.curve_backward(*run, *where, transposed.addresses, some, *addresses)


def _run(
    branch: Branch, x: Tensor, weight: Tensor, bias: Tensor | None, cable: Tensor, edges: Edges | None = None
) -> tuple[Any, ...]:
    """What every pass takes first: type, threads, edges, parameters, batch."""
    parameters = (weight.data_ptr(), 0 if bias is None else bias.data_ptr(), cable.data_ptr())
    addresses = (edges or branch.edges).addresses
    return *compiled.how(x), addresses, (*parameters, *branch.form), x.shape[1]
