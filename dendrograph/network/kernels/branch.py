"""The dendrites of full trees in one compiled pass: synapses, bias, nonlinearity and cable sum.

For the dendrites d of a parent p, each with its edges e = (s, d),

    total[p] = sum over d of cable[d] f(u[d]),    u[d] = bias[d] + sum over e of w[e] x[s].

Memory grows with parents, not with dendrites. If f has one slope above zero and another below, the pass keeps one bit a
dendrite and sample: which slope applied. The gradients of weights, biases and cables then come from the same dot
products, because f(u) = f'(u) u. If f is a curve, the pass keeps nothing, and the backward pass computes u once more;
the gradient of the sources then needs the gradient of u, which is stored for a block of dendrites at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from dendrograph.morphology.nonlinearities import NONLINEARITIES, Nonlinearity, bind
from dendrograph.network.kernels.compiled import (
    COMPILED,
    NARROW,
    can_take_addresses,
    native,
    tiles,
    width_and_threads,
)
from dendrograph.network.kernels.sparse import Edges, match_dtype
from dendrograph.network.kernels.tree import TREE

# The nonlinearities that the pass serves, each with its parameters in the order of cpp/native.cpp: those with two
# slopes, and curves in the order of cpp/transfer.h.
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
# Dendrites in a block whose gradients of u are stored: half a megabyte, which fits a cache. Threads wait for each other
# after each block, which takes long on a busy machine: several threads take few blocks.
BLOCK_OF_DENDRITES = 1024
MOST_BLOCKS = 4
LARGEST_PARAMETER = 1e15  # of a curve


def reasons_against(nonlinearity: Nonlinearity) -> tuple[str, ...]:
    """Why the pass cannot serve a nonlinearity; empty for the built-in ones with fixed parameters of ordinary size."""
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
    if key == "c":
        return abs(value) < math.log(LARGEST_PARAMETER)
    return value == 0 or 1 / LARGEST_PARAMETER < abs(value) < LARGEST_PARAMETER


def _parameters(nonlinearity: Nonlinearity) -> dict[str, float]:
    return {**NONLINEARITIES[nonlinearity.name].defaults, **dict(nonlinearity.parameters)}


def _native_nonlinearity(nonlinearity: Nonlinearity) -> tuple[int, float, float, float]:
    """Arguments of the passes: the number of the curve (0 for two slopes) and three parameters."""
    name, given = nonlinearity.name, _parameters(nonlinearity)
    if name in SLOPES:
        return 0, {"identity": 1.0, "relu": 0.0}.get(name, given.get("slope", 0.0)), 0.0, 0.0
    if name == "leaky_ada":
        given["c"] = math.exp(given["c"])
    first, second, third, *_ = (*(given[key] for key in CURVES[name]), 0.0, 0.0, 0.0)
    return 1 + [*CURVES].index(name), first, second, third


class BranchPass:
    """The pass over a group of dendrites.

    Args:
        edges: the synapses, sorted by dendrite.
        parents: number of parents. Each has the same number of children, and these are contiguous.
        nonlinearity: the nonlinearity of the dendrites, one that the pass serves.
    """

    def __init__(self, edges: Edges, parents: int, nonlinearity: Nonlinearity) -> None:
        self.edges, self.parents, self.nonlinearity = edges, parents, nonlinearity
        self.dendrites = edges.row_count
        self.function = bind(nonlinearity.name, dict(nonlinearity.parameters))
        self.curve, *parameters = _native_nonlinearity(nonlinearity)
        self.form = (self.dendrites // parents, self.curve, *parameters)

    def __deepcopy__(self, memo: dict[int, Any]) -> BranchPass:
        """Return the pass itself, because nothing changes it: copies of a network share it."""
        return self

    def run(self, weight: Tensor, x: Tensor, bias: Tensor | None, cable: Tensor) -> Tensor:
        """The cable sum: (edges,), (sources, batch), (dendrites,), (dendrites,) -> (parents, batch)."""
        x = match_dtype(x, weight)
        if not can_take_addresses(weight) or not x.shape[1]:
            return self.run_step_by_step(weight, x, bias, cable)
        if weight.dtype in NARROW:
            wide_bias = None if bias is None else bias.float()
            return self.run(weight.float(), x.float(), wide_bias, cable.float()).to(weight.dtype)
        self.edges.check(weight, x, bias, cable)
        return _Branch.apply(self, weight, x, bias, cable)

    def run_step_by_step(self, weight: Tensor, x: Tensor, bias: Tensor | None, cable: Tensor) -> Tensor:
        """The same sum by separate operations, which can be differentiated any number of times."""
        u = COMPILED.apply(weight, x, len(cable), self.edges)
        if bias is not None:
            u = u + bias.unsqueeze(1)
        return TREE.apply(cable, self.function(u), self.parents)


class _Branch(Function):
    @staticmethod
    def forward(ctx: Any, branch: BranchPass, weight: Tensor, x: Tensor, bias: Tensor | None, cable: Tensor) -> Tensor:
        given = (weight.contiguous(), None if bias is None else bias.contiguous(), cable.contiguous())
        packed = tiles(x)
        bits = None
        if not branch.curve:
            vectors = -(-x.shape[1] // native.lanes(x.dtype == torch.float64))
            bits = torch.empty((branch.dendrites, vectors), dtype=torch.int16)
        total = x.new_empty((branch.parents, x.shape[1]))
        addresses = packed.data_ptr(), total.data_ptr(), _address(bits)
        native.branch_forward(*_arguments(branch, x, *given), *addresses)
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
            total = branch.run_step_by_step(*views)
            found = iter(torch.autograd.grad(total, wanted, gradients[0], create_graph=True))
            return (None, *(next(found) if needed else None for needed in needs))
        # Every tensor whose address is taken has a name of its own, so that its memory lives.
        g = gradients[0].contiguous()
        given = (weight.contiguous(), None if bias is None else bias.contiguous(), cable.contiguous())
        of_weight, of_bias, of_cable = map(torch.empty_like, (given[0], given[2], given[2]))
        of_x = torch.empty_like(x, memory_format=torch.contiguous_format) if needs[1] else None
        arguments = _arguments(branch, x, *given)
        addresses = of_weight.data_ptr(), of_bias.data_ptr(), of_cable.data_ptr()
        if branch.curve:
            _curve_backward(branch, arguments, (packed.data_ptr(), g.data_ptr(), *addresses), of_x)
        else:
            if needs[0] or needs[2] or needs[3]:
                native.branch_backward(*arguments, packed.data_ptr(), g.data_ptr(), bits.data_ptr(), *addresses)
            if of_x is not None:
                packed_g = tiles(g)
                by_source = _arguments(branch, x, *given, branch.edges.transposed())
                native.branch_sources(*by_source, packed_g.data_ptr(), bits.data_ptr(), of_x.data_ptr())
        return (
            None,
            of_weight if needs[0] else None,
            of_x,
            of_bias if needs[2] else None,
            of_cable if needs[3] else None,
        )


def _curve_backward(
    branch: BranchPass, arguments: tuple[Any, ...], addresses: tuple[int, ...], of_x: Tensor | None
) -> None:
    """Write all gradients. `addresses` are those of x in tiles, of g, and of the gradients but that of x."""
    if of_x is None:
        native.curve_backward(*arguments, *addresses, (0, 0, 0, 0, 0), 0, 0, 0, 0)
        return
    transposed = branch.edges.transposed()
    wide, threads = width_and_threads(of_x)
    size = min(branch.dendrites, max(BLOCK_OF_DENDRITES, 0 if threads == 1 else -(-branch.dendrites // MOST_BLOCKS)))
    of_u = of_x.new_empty(size * native.width(wide))
    following = torch.empty(branch.edges.sources, dtype=torch.int32)
    scratch = of_u.data_ptr(), following.data_ptr(), of_x.data_ptr()
    native.curve_backward(*arguments, *addresses, transposed.addresses, size, *scratch)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _arguments(
    branch: BranchPass, x: Tensor, weight: Tensor, bias: Tensor | None, cable: Tensor, edges: Edges | None = None
) -> tuple[Any, ...]:
    """The first arguments of every pass over dendrites: type, threads, edges, parameters, batch."""
    parameters = (weight.data_ptr(), _address(bias), cable.data_ptr())
    addresses = (edges or branch.edges).addresses
    return *width_and_threads(x), addresses, (*parameters, *branch.form), x.shape[1]
