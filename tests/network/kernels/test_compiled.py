"""The compiled passes against the same in plain PyTorch: every type, batch size, layout and instruction set."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from trees import Case, assert_same, gradients, inputs_of

from dendrograph import DendriticNetwork
from dendrograph.graph.graph import Projection
from dendrograph.morphology.nonlinearities import NONLINEARITIES, Nonlinearity, bind
from dendrograph.morphology.weights import Init
from dendrograph.network.kernels import branch
from dendrograph.network.kernels.branch import BranchPass
from dendrograph.network.kernels.compiled import COMPILED, gather_samples, native
from dendrograph.network.kernels.fused import FUSED
from dendrograph.network.kernels.reference import REFERENCE
from dendrograph.network.kernels.sparse import Edges

ROOT = Path(__file__).resolve().parents[3]

built_only = pytest.mark.skipif(native is None, reason="the compiled kernel is not built")

BATCHES = (*range(1, 41), 63, 64, 65, 127, 128, 129, 130, 200, 300)
FEW_BATCHES = (1, 5, 16, 33, 65, 130)
INSTRUCTION_SETS = ("128-bit vectors", "AVX2", "AVX-512")
TOLERANCE = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}
SLOPES = {
    "identity": Nonlinearity("identity", ()),
    "relu": Nonlinearity("relu", ()),
    **{f"leaky_relu {slope}": Nonlinearity("leaky_relu", (("slope", slope),)) for slope in (0.1, 0.0, -0.5, 2.0)},
}
CURVES = {
    **{name: Nonlinearity(name, ()) for name in branch.CURVES},
    "elu 0.3": Nonlinearity("elu", (("alpha", 0.3),)),
    "sublinear 2.5": Nonlinearity("sublinear", (("saturation", 2.5),)),
    "nmda -0.5 1.5 3.0": Nonlinearity("nmda", (("threshold", -0.5), ("gain", 1.5), ("plateau", 3.0))),
    # The default is so steep that a rounding of u is a thousand times as large in f(u): it has a test of its own.
    "dcaap": Nonlinearity("dcaap", (("gain", 4.0),)),
    "dcaap 0.0 2.5 0.7": Nonlinearity("dcaap", (("threshold", 0.0), ("gain", 2.5), ("decay", 0.7))),
    "leaky_ada 0.2 0.6 -0.4": Nonlinearity("leaky_ada", (("leak", 0.2), ("alpha", 0.6), ("c", -0.4))),
}
FUNCTIONS = {**SLOPES, **CURVES}

every_function = pytest.mark.parametrize("function", FUNCTIONS)
slopes_and_curve = pytest.mark.parametrize("function", ["leaky_relu 0.1", "nmda"])
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


@pytest.fixture(params=INSTRUCTION_SETS)
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each that the processor has, the one that was in use restored."""
    if native is None:
        pytest.skip("the compiled kernel is not built")
    before = native.instruction_set()
    try:
        native.use(request.param)
    except ValueError:
        pytest.skip(f"the processor does not have {request.param}")
    yield request.param
    native.use(before)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Dendrites with edges anywhere, some pairs twice, and the operands of a pass in float64."""

    projection: Projection
    branch: BranchPass
    operands: tuple[Tensor, Tensor, Tensor | None, Tensor]  # weight, x, bias, cable

    def to(self, dtype: torch.dtype) -> list[Tensor | None]:
        """The operands as leaves of a type."""
        return [None if one is None else one.to(dtype).requires_grad_() for one in self.operands]


def _projection(sources: int, fan_in: np.ndarray, rng: np.random.Generator) -> Projection:
    target = np.repeat(np.arange(len(fan_in)), fan_in)
    source = rng.integers(0, sources, len(target))
    order = np.lexsort((source, target))
    return Projection("a->b", "synapse", "a", "b", sources, len(fan_in), Init(), (source[order], target[order]))


def _drawn(
    parents: int = 3,
    children: int = 4,
    batch: int = 5,
    function: str = "leaky_relu 0.1",
    bias: bool = True,
    most: int = 40,
    sources: int = 11,
    seed: int = 0,
) -> Drawn:
    """Rows with 0 to `most` edges each."""
    rng = np.random.default_rng([7, seed])
    dendrites = parents * children
    projection = _projection(sources, rng.integers(0, most + 1, dendrites), rng)
    shapes = ((projection.edges,), (sources, batch), (dendrites,), (dendrites,))
    weight, x, of_bias, cable = (torch.from_numpy(rng.standard_normal(shape)) for shape in shapes)
    made = BranchPass(Edges.of(projection), parents, FUNCTIONS[function])
    return Drawn(projection, made, (weight, x, of_bias if bias else None, cable))


def _plainly(drawn: Drawn, weight: Tensor, x: Tensor, bias: Tensor | None, cable: Tensor) -> Tensor:
    """The cable sum by index_add: of nothing that is under test."""
    source, target = (torch.from_numpy(one) for one in drawn.projection.endpoints())
    u = x.new_zeros(len(cable), x.shape[1]).index_add(0, target, weight.unsqueeze(1) * x.index_select(0, source))
    y = drawn.branch.function(u if bias is None else u + bias.unsqueeze(1))
    return (cable.unsqueeze(1) * y).unflatten(0, (drawn.branch.parents, -1)).sum(1)


def _pass(drawn: Drawn, *operands: Tensor | None) -> Tensor:
    return drawn.branch.run(*operands)


def _step_by_step(drawn: Drawn, *operands: Tensor | None) -> Tensor:
    return drawn.branch.run_step_by_step(*operands)


def _with_gradients(run: Callable[..., Tensor], drawn: Drawn, operands: list[Tensor | None]) -> list[Tensor]:
    """The result, and the gradients of a random linear function of it."""
    total = run(drawn, *operands)
    g = torch.randn(total.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    wanted = [one for one in operands if one is not None and one.requires_grad]
    return [total.detach(), *(torch.autograd.grad(total, wanted, g.to(total.dtype)) if wanted else ())]


def _check_close(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for mine, its in zip(found, expected, strict=True):
        assert mine.shape == its.shape
        scale = max(1.0, float(its.abs().max())) if its.numel() else 1.0
        torch.testing.assert_close(mine.to(its.dtype), its, rtol=0, atol=tolerance * scale)


# --- whether it is there ----------------------------------------------------------------------------------------------


def test_it_is_built_where_it_must_be(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--without-compiled"):
        assert native is None
    elif os.environ.get("CI") == "true":
        assert native is not None, "CI needs the compiled kernel: its build failed"
    reasons = COMPILED.reasons_against(_drawn().projection)
    if native is None:
        assert reasons == ("it was not built: the package was installed without a C++ compiler",)
        assert COMPILED.description == "not built"
    else:
        assert reasons == ()
        assert native.instruction_set() in COMPILED.description


@built_only
def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    before = native.instruction_set()
    with pytest.raises(ValueError, match="this processor does not have 'AVX-1024'"):
        native.use("AVX-1024")
    assert native.instruction_set() == before


# --- values and gradients ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@slopes_and_curve
def test_every_batch_size(instruction_set: str, function: str, dtype: torch.dtype) -> None:
    for batch in BATCHES:
        drawn = _drawn(batch=batch, function=function, seed=batch)
        operands = drawn.to(dtype)
        expected = _with_gradients(_plainly, drawn, drawn.to(torch.float64))
        _check_close(_with_gradients(_pass, drawn, operands), expected, TOLERANCE[dtype])

        alone = [*operands[:2], None, None]
        _check_close(_with_gradients(_product, drawn, alone), _with_gradients(_looped, drawn, alone), TOLERANCE[dtype])


def _product(drawn: Drawn, weight: Tensor, x: Tensor, *_: None) -> Tensor:
    return COMPILED.apply(weight, x, drawn.projection.targets, drawn.branch.edges)


def _looped(drawn: Drawn, weight: Tensor, x: Tensor, *_: None) -> Tensor:
    source, target = (torch.from_numpy(one) for one in drawn.projection.endpoints())
    return x.new_zeros(drawn.projection.targets, x.shape[1]).index_add(0, target, weight.unsqueeze(1) * x[source])


@pytest.mark.slow
@every_function
def test_every_function_and_type(instruction_set: str, function: str) -> None:
    for dtype, bias, batch in product(TOLERANCE, (True, False), FEW_BATCHES):
        drawn = _drawn(function=function, bias=bias, batch=batch, seed=batch)
        operands = drawn.to(dtype)
        exact = [None if one is None else one.detach().double().requires_grad_() for one in operands]
        found = _with_gradients(_pass, drawn, operands)
        assert all(tensor.dtype == dtype for tensor in found)
        expected = _with_gradients(_plainly, drawn, exact)
        _check_close(found, expected, TOLERANCE[dtype])
        _check_close(_with_gradients(_step_by_step, drawn, exact), expected, 1e-13)


@built_only
@pytest.mark.parametrize("parents", [1, 2, 5])
@slopes_and_curve
def test_any_number_of_children(function: str, parents: int) -> None:
    for children in range(1, 71):
        drawn = _drawn(parents, children, batch=7, function=function, most=6, seed=children)
        operands = drawn.to(torch.float64)
        _check_close(_with_gradients(_pass, drawn, operands), _with_gradients(_plainly, drawn, operands), 1e-13)


@built_only
@slopes_and_curve
def test_dendrites_of_every_number_of_edges(instruction_set: str, function: str) -> None:
    """Rows of 0 to 40 edges, one of each, in both orders: groups of dot products begin and end everywhere."""
    for fan_in in (np.arange(41), np.arange(40, -1, -1), np.zeros(41, dtype=int)):
        drawn = _drawn(parents=41, children=1, batch=19, function=function)
        projection = _projection(11, fan_in, np.random.default_rng(3))
        own = BranchPass(Edges.of(projection), 41, drawn.branch.nonlinearity)
        weight = torch.randn(projection.edges, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        drawn = Drawn(projection, own, (weight, *drawn.operands[1:]))
        operands = drawn.to(torch.float64)
        _check_close(_with_gradients(_pass, drawn, operands), _with_gradients(_plainly, drawn, operands), 1e-13)


@built_only
@settings(max_examples=100)
@given(
    parents=st.integers(1, 6),
    children=st.integers(1, 9),
    batch=st.integers(1, 150),
    function=st.sampled_from([*FUNCTIONS]),
    bias=st.booleans(),
    most=st.integers(0, 40),
    sources=st.integers(1, 40),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 1000),
)
def test_random_dendrites(dtype: torch.dtype, **drawing: Any) -> None:
    drawn = _drawn(**drawing)
    found = _with_gradients(_pass, drawn, drawn.to(dtype))
    _check_close(found, _with_gradients(_plainly, drawn, drawn.to(torch.float64)), TOLERANCE[dtype])


@built_only
@pytest.mark.parametrize("function", ["leaky_relu 0.1", "relu", "dcaap"])
def test_local_fields_of_many_dendrites(function: str) -> None:
    """Sources close together, as in local receptive fields, more dendrites than one block holds."""
    rng = np.random.default_rng(1)
    dendrites, sources = 2100, 500
    target = np.repeat(np.arange(dendrites), 5)
    source = np.sort(rng.integers(0, sources - 9, (dendrites, 1)) + np.arange(0, 10, 2), axis=1).ravel()
    projection = Projection("a->b", "synapse", "a", "b", sources, dendrites, Init(), (source, target))
    model = _drawn(function=function)
    for parents in (1, 3, 700, 2100):
        own = BranchPass(Edges.of(projection), parents, model.branch.nonlinearity)
        shapes = ((projection.edges,), (sources, 33), (dendrites,), (dendrites,))
        drawn = Drawn(projection, own, tuple(torch.from_numpy(rng.standard_normal(shape)) for shape in shapes))
        operands = drawn.to(torch.float64)
        _check_close(_with_gradients(_pass, drawn, operands), _with_gradients(_plainly, drawn, operands), 1e-12)


@built_only
@every_function
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_no_edges_and_no_samples(function: str, bias: bool) -> None:
    for batch, most in ((0, 9), (0, 0), (17, 0), (130, 0)):
        drawn = _drawn(batch=batch, most=most, function=function, bias=bias)
        operands = drawn.to(torch.float64)
        _check_close(_with_gradients(_pass, drawn, operands), _with_gradients(_plainly, drawn, operands), 1e-13)


# --- layouts ----------------------------------------------------------------------------------------------------------


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "batch first": lambda x: x.t().contiguous().t(),
    "every other unit": lambda x: torch.stack([x, -x], 1).reshape(-1, x.shape[1])[::2],
    "every other sample": lambda x: torch.stack([x, -x], 2).reshape(x.shape[0], -1)[:, ::2],
    "a part of wider rows": lambda x: torch.cat([x, x, x], 1)[:, x.shape[1] : 2 * x.shape[1]],
    "a part of wider batch-first rows": lambda x: (
        torch.cat([x, x, x]).t().contiguous().t()[x.shape[0] : 2 * x.shape[0]]
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sources", [1, 7, 16, 37])
def test_layout_of_sources_does_not_matter(instruction_set: str, layout: str, sources: int) -> None:
    for batch in (1, 5, 16, 131):
        drawn = _drawn(batch=batch, sources=sources)
        operands = drawn.to(torch.float32)
        expected = _with_gradients(_pass, drawn, operands)
        x = LAYOUTS[layout](operands[1].detach())
        assert torch.equal(x, operands[1])
        found = _with_gradients(_pass, drawn, [operands[0], x.requires_grad_(), *operands[2:]])
        assert all(torch.equal(mine, its) for mine, its in zip(found, expected, strict=True))


@built_only
@pytest.mark.parametrize("along", [0, 1], ids=["one unit for all", "one sample for all"])
def test_expanded_operands_and_gradients(along: int) -> None:
    drawn = _drawn(batch=21)
    weight, x, bias, cable = drawn.operands
    expanded = x.narrow(along, 0, 1).expand_as(x)
    operands = [one.requires_grad_() for one in (weight, expanded.contiguous(), bias, cable)]
    expected = _plainly(drawn, *operands)
    spread = [torch.stack([one, one], 1)[:, 0] for one in (weight, bias, cable)]  # every other number
    found = _pass(drawn, spread[0], expanded, *spread[1:])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    gradients_found = torch.autograd.grad(_pass(drawn, *operands).sum(), operands)  # sent back with strides of 0
    _check_close([*gradients_found], [*torch.autograd.grad(expected.sum(), operands)], 1e-13)


@built_only
def test_what_is_given_is_left_as_it_was() -> None:
    drawn = _drawn(batch=37)
    operands = drawn.to(torch.float64)
    before = [one.detach().clone() for one in operands]
    _with_gradients(_pass, drawn, operands)
    assert all(torch.equal(one, was) for one, was in zip(operands, before, strict=True))


@built_only
def test_the_result_of_a_gradient_is_no_borrowed_memory() -> None:
    """Gradients stay what they are while others are made: small arrays, whose memory is soon used again."""
    drawn = _drawn(parents=1, children=1, batch=1, sources=2, most=2, seed=3)
    expected = _with_gradients(_plainly, drawn, drawn.to(torch.float32))
    found = [_with_gradients(_pass, drawn, drawn.to(torch.float32)) for _ in range(50)]
    for each in found:
        _check_close(each, expected, 1e-5)


# --- derivatives ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@built_only
@every_function
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_derivatives_hold_against_finite_differences(function: str, bias: bool) -> None:
    drawn = _drawn(parents=2, children=2, batch=3, most=3, sources=4, function=function, bias=bias)
    operands = [one for one in drawn.to(torch.float64) if one is not None]

    def run(weight: Tensor, x: Tensor, *rest: Tensor) -> Tensor:
        return _pass(drawn, weight, x, rest[0] if bias else None, rest[-1])

    assert torch.autograd.gradcheck(run, operands)
    assert torch.autograd.gradgradcheck(run, operands)
    assert torch.autograd.gradgradcheck(lambda *given: torch.tanh(run(*given)), operands)
    alone = operands[:2]
    assert torch.autograd.gradcheck(lambda *given: _product(drawn, *given), alone)
    assert torch.autograd.gradgradcheck(lambda *given: torch.tanh(_product(drawn, *given)), alone)


@built_only
@pytest.mark.parametrize("needed", range(16))
@slopes_and_curve
def test_any_gradients_alone_and_together(function: str, needed: int) -> None:
    drawn = _drawn(batch=18, function=function)
    operands = drawn.to(torch.float64)
    every = _with_gradients(_plainly, drawn, operands)
    wanted = [number for number in range(4) if needed >> number & 1]
    some = [one.detach().requires_grad_(number in wanted) for number, one in enumerate(operands)]
    _check_close(_with_gradients(_pass, drawn, some), [every[0], *(every[1 + number] for number in wanted)], 1e-13)
    assert _pass(drawn, *some).requires_grad == bool(wanted)
    if wanted:
        total = _pass(drawn, *some)
        made = torch.autograd.grad(total.square().sum(), [some[number] for number in wanted], create_graph=True)
        plain = torch.autograd.grad(_plainly(drawn, *operands).square().sum(), operands)
        _check_close([one.detach() for one in made], [plain[number] for number in wanted], 1e-12)


@built_only
@pytest.mark.parametrize("create_graph", [False, True], ids=["first", "second"])
@slopes_and_curve
def test_operands_that_follow_from_each_other(function: str, create_graph: bool) -> None:
    """Weights that also make x, as shared weights do: each path counts once, whatever graph is made of it."""
    drawn = _drawn(batch=6, function=function)

    def found(run: Callable[..., Tensor]) -> list[Tensor]:
        weight, x, bias, cable = drawn.to(torch.float64)
        made = x * torch.tanh(weight.sum()) + torch.sin(bias.sum()) * cable.mean()
        total = run(drawn, weight, made, bias, cable)
        leaves = (weight, x, bias, cable)
        first = torch.autograd.grad(total.square().sum(), leaves, create_graph=create_graph)
        if not create_graph:
            return [*first]
        return [*first, *torch.autograd.grad(sum(one.square().sum() for one in first), leaves)]

    _check_close([one.detach() for one in found(_pass)], [one.detach() for one in found(_plainly)], 1e-11)


@built_only
@every_function
def test_at_exactly_zero_the_slope_is_the_one_below(instruction_set: str, function: str) -> None:
    drawn = _drawn(function=function, batch=17)
    weight, x, bias, cable = drawn.to(torch.float64)
    for at in (0.0, -0.0):
        operands = [weight, torch.full_like(x, at).requires_grad_(), torch.full_like(bias, at).requires_grad_(), cable]
        found = _with_gradients(_pass, drawn, operands)
        _check_close(found, _with_gradients(_plainly, drawn, operands), 1e-13)
        assert found[3].abs().max() > 0 or function in ("relu", "leaky_relu 0.0")


@built_only
@pytest.mark.parametrize("function", ["dcaap", "nmda", "softplus"])
@pytest.mark.parametrize("at", [1.0, 20.0, 20.0 + 2e-15, 1.0 + 2e-16, 1.0 - 1e-16])
def test_at_a_threshold_it_is_as_step_by_step(instruction_set: str, function: str, at: float) -> None:
    """Of a dCaAP the slope jumps there, as that of PyTorch's softplus does at 20."""
    drawn = _drawn(function=function, batch=17)
    weight, x, bias, cable = drawn.to(torch.float64)
    operands = [weight, torch.zeros_like(x).requires_grad_(), torch.full_like(bias, at).requires_grad_(), cable]
    _check_close(_with_gradients(_pass, drawn, operands), _with_gradients(_plainly, drawn, operands), 1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@slopes_and_curve
def test_gradients_of_sources_do_not_depend_on_how_many_dendrites_are_taken_at_a_time(
    instruction_set: str,
    function: str,
    dtype: torch.dtype,
    threads: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for batch in (5, 64, 200):
        drawn = _drawn(parents=10, children=9, batch=batch, function=function, most=20)
        operands = drawn.to(dtype)
        expected = _with_gradients(_pass, drawn, operands)
        for number, of_threads in ((1, 1), (7, 1), (89, 1), (90, 1), (91, 1), (1, 2), (13, 3)):
            monkeypatch.setattr(branch, "BLOCK_OF_DENDRITES", number)
            threads(of_threads)
            found = _with_gradients(_pass, drawn, operands)
            assert all(torch.equal(mine, its) for mine, its in zip(found, expected, strict=True))
        monkeypatch.undo()


# --- the functions themselves -----------------------------------------------------------------------------------------


def _at(function: str, u: Tensor) -> list[Tensor]:
    """f(u) and f'(u) by the pass: one source, one synapse, one dendrite, all weights 1."""
    projection = _projection(1, np.ones(1, dtype=int), np.random.default_rng(0))
    own = BranchPass(Edges.of(projection), 1, FUNCTIONS[function])
    x, one = u.clone().unsqueeze(0).requires_grad_(), u.new_ones(1)
    y = own.run(one, x, None, one)
    return [y.detach().squeeze(0), torch.autograd.grad(y.sum(), x)[0].squeeze(0)]


def _of(function: str, u: Tensor) -> list[Tensor]:
    """The same by PyTorch."""
    x = u.clone().requires_grad_()
    y = bind(FUNCTIONS[function].name, dict(FUNCTIONS[function].parameters))(x)
    return [y.detach(), torch.autograd.grad(y.sum(), x)[0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("function", CURVES)
def test_curves_are_exact_to_the_last_digits(instruction_set: str, function: str, dtype: torch.dtype) -> None:
    """Against PyTorch in float64, which itself errs by a digit or two of float64.

    Of an exponent, as of gain (u - threshold), a rounding grows with its size; so it does in PyTorch.
    """
    epsilon = torch.finfo(dtype).eps
    sizes = torch.cat([torch.logspace(-30, 0, 1501), torch.linspace(0, 30, 3001), torch.logspace(1, 3, 301)]).to(dtype)
    u = torch.cat([sizes, -sizes])
    for mine, its in zip(_at(function, u), _of(function, u.double()), strict=True):
        error = (mine.double() - its).abs()
        assert float((error / its.abs().clamp(min=1)).max()) <= 8 * epsilon
    # Where f goes through zero every digit counts.
    if function.split()[0] in ("elu", "gelu", "tanh", "sublinear", "leaky_ada"):
        small = u[u.abs() < 0.5]
        mine, its = _at(function, small)[0].double(), _of(function, small.double())[0]
        assert torch.equal(mine == 0, its == 0)
        assert float(((mine - its).abs() / its.abs().clamp(min=1e-40)).max()) <= 4 * epsilon


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("gain", [100.0, 1000.0, 1e5])
def test_a_steep_dcaap_is_exact_but_for_the_rounding_of_its_exponent(
    instruction_set: str, gain: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gain (u - threshold) is rounded by a share of its size, which the sigmoid passes on where it is not flat."""
    monkeypatch.setitem(FUNCTIONS, "steep", Nonlinearity("dcaap", (("gain", gain),)))
    u = (1 + torch.cat([torch.linspace(-60, 60, 4001) / gain, torch.linspace(-5, 5, 101)])).to(dtype)
    (value, slope), (its, its_slope) = _at("steep", u), _of("steep", u.double())
    epsilon = torch.finfo(dtype).eps
    assert float((value.double() - its).abs().max()) <= 8 * epsilon
    assert torch.isfinite(slope).all() and float(slope.abs().max()) <= gain / 3.9
    assert float((slope.double() - its_slope).abs().max()) <= 8 * epsilon * gain


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("function", CURVES)
def test_limits_are_those_of_pytorch(instruction_set: str, function: str, dtype: torch.dtype) -> None:
    """Far out and at infinity. No number gives none, value and slope, which PyTorch does not always keep to."""
    ends = torch.tensor([89.0, 104.0, 750.0, 1000.0, 1e10, torch.finfo(dtype).max / 4, torch.inf], dtype=dtype)
    u = torch.cat([ends, -ends, torch.tensor([0.0, -0.0], dtype=dtype)])
    for mine, its in zip(_at(function, u), _of(function, u.double()), strict=True):
        torch.testing.assert_close(mine, its.to(dtype), rtol=1e-5, atol=1e-30, equal_nan=True)
    none = torch.full((21,), torch.nan, dtype=dtype)
    assert all(bool(found.isnan().all()) for found in _at(function, none))


@built_only
def test_what_the_pass_serves() -> None:
    for name in (*branch.SLOPES, *branch.CURVES):
        assert branch.reasons_against(Nonlinearity(name, tuple(NONLINEARITIES[name].defaults.items()))) == ()
    learnt = Nonlinearity(
        "nmda", (("threshold", 1.0), ("gain", 4.0)), (("threshold", "group"), ("gain", "compartment"))
    )
    assert branch.reasons_against(learnt) == (
        "the pass takes parameters that are fixed, and nmda learns its threshold and gain",
    )
    learnt = Nonlinearity("leaky_relu", (("slope", 0.1),), (("slope", "group"),))
    assert branch.reasons_against(learnt) == (
        "the pass takes parameters that are fixed, and leaky_relu learns its slope",
    )
    for name, parameter, value in (("nmda", "gain", 1e16), ("dcaap", "decay", 1e-16), ("leaky_ada", "c", 40.0)):
        assert branch.reasons_against(Nonlinearity(name, ((parameter, value),))) == (
            f"the pass does not compute with numbers as large or small as {parameter}={value:g}",
        )
    assert branch.reasons_against(Nonlinearity("leaky_ada", (("leak", 0.0), ("alpha", 1.0), ("c", 0.0)))) == ()
    served = "identity, relu, leaky_relu, elu, gelu, sigmoid, tanh, softplus, sublinear, nmda, dcaap and leaky_ada"
    assert branch.reasons_against(Nonlinearity("cube", ())) == (f"the pass serves {served}, and it has cube",)


# --- numbers that are not finite --------------------------------------------------------------------------------------


def _pattern(tensor: Tensor) -> Tensor:
    """Of each number: finite, infinite with its sign, or none."""
    return torch.where(tensor.isnan(), 2.0, torch.where(tensor.isinf(), tensor.sign(), 0.0))


@pytest.mark.slow
@pytest.mark.parametrize("function", ["identity", "relu", "leaky_relu 0.1", "leaky_relu -0.5", *CURVES])
def test_numbers_that_are_not_finite(instruction_set: str, function: str) -> None:
    """They spread as they do step by step, and reach no other sample, row or padded lane. In any of the operands."""
    for operand, value, batch in product(range(4), (torch.inf, -torch.inf, torch.nan), (1, 15, 131)):
        drawn = _drawn(batch=batch, function=function, most=9, seed=batch)
        operands = drawn.to(torch.float32)
        with torch.no_grad():
            operands[operand].view(-1)[operands[operand].numel() // 2] = value
        found, expected = _pass(drawn, *operands), _plainly(drawn, *_as_double(operands))
        assert torch.equal(_pattern(found), _pattern(expected))
        finite = expected.isfinite()
        torch.testing.assert_close(found[finite].double(), expected[finite], rtol=1e-5, atol=1e-4)


def _as_double(operands: list[Tensor | None]) -> list[Tensor | None]:
    return [None if one is None else one.detach().double().requires_grad_() for one in operands]


# Not ELU: of a slope where there is no number PyTorch says 1 or none, as the number of samples will have it.
@pytest.mark.parametrize("function", ["leaky_relu 0.1", *(name for name in CURVES if name[:3] != "elu")])
def test_gradients_where_a_source_is_not_finite(instruction_set: str, function: str) -> None:
    """An unused sample, source or row keeps finite gradients; the rest is not finite where it is not step by step."""
    for value, batch in product((torch.inf, -torch.inf, torch.nan), (3, 17, 131)):
        drawn = _drawn(batch=batch, function=function, most=9, seed=batch)
        operands = drawn.to(torch.float32)
        with torch.no_grad():
            operands[1][3, batch // 2] = value
        found = _with_gradients(_pass, drawn, operands)
        expected = _with_gradients(_plainly, drawn, _as_double(operands))
        for mine, its in zip(found, expected, strict=True):
            assert torch.equal(mine.isfinite(), its.isfinite())
        # A pass alone, with an edge to each source in turn.
        alone = [*operands[:2], None, None]
        found, expected = (_with_gradients(run, drawn, alone) for run in (_product, _looped))
        for mine, its in zip(found, expected, strict=True):
            assert torch.equal(_pattern(mine), _pattern(its))


# --- bits -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@slopes_and_curve
def test_threads_change_no_bit(
    instruction_set: str, function: str, dtype: torch.dtype, threads: Callable[[int], None]
) -> None:
    """More than two million multiply-adds in each pass, so that four threads share it."""
    drawn = _drawn(parents=150, children=7, batch=130, function=function, most=40, sources=200)
    assert drawn.projection.edges * 130 > 2_000_000
    operands = drawn.to(dtype)
    found = []
    for number in (1, 2, 4, 3, 4):
        threads(number)
        found.append([*_with_gradients(_pass, drawn, operands), *_with_gradients(_product, drawn, operands[:2])])
    for other in found[1:]:
        assert all(torch.equal(mine, its) for mine, its in zip(found[0], other, strict=True))


@every_function
def test_a_samples_result_is_its_own_bit_for_bit(instruction_set: str, function: str) -> None:
    """Whatever stands beside it in the batch, and wherever it stands."""
    drawn = _drawn(batch=150, function=function)
    weight, x, bias, cable = (one.float() for one in drawn.operands)
    total = _pass(drawn, weight, x, bias, cable)
    for first, last in ((0, 1), (149, 150), (20, 37), (1, 150), (60, 130)):
        assert torch.equal(_pass(drawn, weight, x[:, first:last], bias, cable), total[:, first:last])


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_one_bit_a_sample_is_kept_of_a_dendrite(instruction_set: str, dtype: torch.dtype) -> None:
    """What the pass keeps: its operands, x once more in tiles, and 2 bytes a dendrite and vector of samples."""
    batch, dendrites, sources = 150, 160, 11
    drawn = _drawn(parents=2, children=80, batch=batch, sources=sources, most=3)
    total = _pass(drawn, *drawn.to(dtype))
    node = total.grad_fn
    kept = [*node.saved_tensors, *(one for one in node.given if isinstance(one, Tensor))]
    vectors = -(-batch // native.lanes(dtype == torch.float64))
    (bits,) = (one for one in kept if not one.is_floating_point())
    assert (bits.dtype, bits.shape) == (torch.int16, (dendrites, vectors))
    padded = sources * vectors * native.lanes(dtype == torch.float64)
    assert max(one.numel() for one in kept if one.is_floating_point()) <= max(padded, drawn.projection.edges)
    assert padded < dendrites * batch / 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_nothing_is_kept_of_a_dendrite_that_has_a_curve(instruction_set: str, dtype: torch.dtype) -> None:
    """Its operands, and x once more in tiles."""
    batch, dendrites, sources = 150, 160, 11
    drawn = _drawn(parents=2, children=80, batch=batch, function="nmda", sources=sources, most=3)
    total = _pass(drawn, *drawn.to(dtype))
    kept = [*total.grad_fn.saved_tensors, *(one for one in total.grad_fn.given if isinstance(one, Tensor))]
    lanes = native.lanes(dtype == torch.float64)
    padded = sources * -(-batch // lanes) * lanes
    assert max(one.numel() for one in kept) <= max(padded, drawn.projection.edges) < dendrites * batch / 4


# --- in a network -----------------------------------------------------------------------------------------------------


def _network(kernel: str = "auto", **dendrite: Any) -> DendriticNetwork:
    """Dendrites that sample so few of many units that they run in one pass."""
    cell = {"dendrites": [{"name": "d", "count": 3, "synapses": {"count": 4, "from": "image"}, **dendrite}]}
    layers = [{"name": "here", "neuron": "cell", "count": 5}]
    case = Case("one", {"name": "one", "neurons": {"cell": cell}, "layers": layers}, {"image": (12, 12)})
    return DendriticNetwork(case.compile(), kernel).eval()


@built_only
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", [*branch.SLOPES, *branch.CURVES])
def test_a_network_of_any_type_runs_its_passes(name: str, dtype: torch.dtype) -> None:
    function = FUNCTIONS[name].to_dict() if name in FUNCTIONS else name
    network, other = (_network(kernel, nonlinearity=function) for kernel in ("auto", "reference"))
    network, other = network.to(dtype), other.double()
    assert len(network.plan.passes) == 1
    other.load_state_dict(network.state_dict())
    x = inputs_of(network.graph, 9, dtype)
    found = gradients(network, x)
    assert found[0].dtype == dtype
    weigh = torch.randn(found[0].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).to(dtype)
    expected = gradients(other, {name: one.double() for name, one in x.items()}, weigh.double())
    as_double = (found[0].double(), {name: one.double() for name, one in found[1].items()})
    assert_same(as_double, expected, 3 * TOLERANCE[dtype])


@built_only
def test_activations_are_those_of_the_pass() -> None:
    network = _network().double()
    x = inputs_of(network.graph, 9)
    values = network.activations(x)
    assert values["here/d"].shape == (9, 15), "activations that the pass does not store are given as well"
    torch.testing.assert_close(values["readout"], network(x), rtol=0, atol=1e-14)


@built_only
def test_dropout_on_dendrites_stands_against_a_pass() -> None:
    network = _network(dropout=0.5)
    assert network.plan.passes == ()
    assert "here/d: not in one pass with its cables: dropout acts on it" in str(network.plan)
    x = inputs_of(network.graph, 50, torch.float32)
    silent = (network.train().activations(x)["here/d"] == 0).double().mean()
    assert 0.4 < float(silent) < 0.6


@built_only
def test_copies_share_edges_and_no_parameters() -> None:
    network = _network()
    other = copy.deepcopy(network)
    mine, its = (one._operations[0].inputs[0].branch for one in (network, other))
    assert mine.edges is its.edges
    assert other.weights["image->here/d"].data_ptr() != network.weights["image->here/d"].data_ptr()
    x = inputs_of(network.graph, 4, torch.float32)
    assert torch.equal(other(x), network(x))


MISFITS = """
import torch
from test_compiled import _network

def refused(network, x, **changed):
    try:
        torch.func.functional_call(network, changed, (x,))
    except (RuntimeError, NotImplementedError, ValueError, IndexError, TypeError):
        return True

x = torch.zeros(3, 12, 12)
for kernel in ("auto", "compiled"):
    network = _network(kernel)
    for name, parameter in network.named_parameters():
        if name == "biases.readout":  # PyTorch's own addition, after the passes
            continue
        for other in (parameter[:-1], torch.cat([parameter, parameter]), parameter.double(), parameter.to("meta")):
            if not refused(network, x, **{name: other.detach()}):
                print(f"{kernel}: {name} as {other.dtype} {tuple(other.shape)} on {other.device}", flush=True)
    for other in (x.double(), x.to("meta")):
        if not refused(network, other):
            print(f"{kernel}: x as {other.dtype} on {other.device}", flush=True)
"""


@pytest.mark.slow
@built_only
def test_operands_that_do_not_fit_are_refused() -> None:
    """Passes take addresses: what PyTorch's own operations refuse must not reach them. In a process: it may crash."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "support", Path(__file__).parent)))
    fresh = subprocess.run(
        [sys.executable, "-c", MISFITS],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (fresh.stdout, fresh.returncode) == ("", 0), fresh.stderr


@built_only
def test_agreement_with_the_other_kernels_on_one_projection(instruction_set: str) -> None:
    for batch in FEW_BATCHES:
        drawn = _drawn(batch=batch)
        weight, x, *_ = drawn.operands
        targets = drawn.projection.targets
        found = _product(drawn, weight, x)
        torch.testing.assert_close(found, FUSED.apply(weight, x, targets, drawn.branch.edges), rtol=0, atol=1e-12)
        plain = REFERENCE.apply(weight, x, targets, *REFERENCE.prepare(drawn.projection))
        torch.testing.assert_close(found, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(28, 28), (3,), (1,), (32, 32, 3)], ids=str)
def test_samples_of_bytes_become_floats_as_by_pytorch(shape: tuple[int, ...], instruction_set: str) -> None:
    generator = torch.Generator().manual_seed(1)
    samples = torch.randint(256, (50, *shape), generator=generator, dtype=torch.uint8)
    for numbers in ([], [49], [0, 0, 7], list(range(49, -1, -1)) * 20):
        rows = torch.tensor(numbers, dtype=torch.int64)
        for scale in (255.0, 16.0, 1.0):
            assert torch.equal(gather_samples(samples, rows, scale), samples[rows].float() / scale)
    strided = samples.flip(0)
    assert torch.equal(gather_samples(strided, torch.arange(50), 255.0), strided.float() / 255.0)


@built_only
@pytest.mark.parametrize("number", [-1, 5, 2**40])
def test_a_sample_that_is_not_there_is_refused(number: int) -> None:
    with pytest.raises(IndexError, match=f"sample {number} of 5"):
        gather_samples(torch.zeros((5, 4), dtype=torch.uint8), torch.tensor([0, number]), 1.0)
