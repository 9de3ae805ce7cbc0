"""One projection at a time: every kernel against a dense matrix, its derivatives, and the contract of kernels/."""

from __future__ import annotations

import copy
import platform

import numpy as np
import pytest
import torch
from cases import for_each
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.morphology.weights import Init
from dendrograph.network.kernels import KERNELS, scatter
from dendrograph.network.kernels.compiled import COMPILED, native
from dendrograph.network.kernels.dense import DENSE
from dendrograph.network.kernels.fused import FUSED
from dendrograph.network.kernels.kernel import Kernel
from dendrograph.network.kernels.reference import REFERENCE, Messages
from dendrograph.network.kernels.scatter import SCATTER
from dendrograph.network.kernels.sparse import Edges
from dendrograph.network.kernels.tree import TREE

ARITHMETIC_IS_KNOWN = platform.machine() in ("x86_64", "AMD64")


def _projection(sources: int, targets: int, pairs: tuple[NDArray, NDArray] | None) -> Projection:
    if pairs is not None:
        order = np.lexsort(pairs)
        pairs = (np.asarray(pairs[0], dtype=np.int64)[order], np.asarray(pairs[1], dtype=np.int64)[order])
    return Projection("here->there", "synapse", "here", "there", sources, targets, Init(), pairs)


def _thrown(sources: int, targets: int, edges: int, seed: int = 0) -> Projection:
    """Any edge anywhere: some pairs stand twice, some targets and some sources have no edge."""
    rng = np.random.default_rng(seed)
    return _projection(sources, targets, (rng.integers(0, sources, edges), rng.integers(0, targets, edges)))


PROJECTIONS = {
    "sparse": _thrown(11, 7, 15),
    "crowded, with pairs that stand twice": _thrown(4, 3, 40),
    "two synapses from one unit": _projection(3, 2, (np.array([1, 1, 2]), np.array([0, 0, 1]))),
    "one edge": _projection(5, 6, (np.array([3]), np.array([4]))),
    "no edge": _projection(3, 2, (np.array([]), np.array([]))),
    "first and last target without an edge": _projection(3, 4, (np.array([0, 2]), np.array([1, 2]))),
    "all-to-all": _projection(5, 4, None),
    "all-to-all onto one": _projection(5, 1, None),
    "all-to-all from one": _projection(1, 5, None),
    "a full tree": _projection(12, 4, (np.arange(12), np.arange(12) // 3)),
    "one child each": _projection(5, 5, (np.arange(5), np.arange(5))),
    "one and one": _projection(1, 1, (np.array([0]), np.array([0]))),
}

every_projection = for_each("projection", PROJECTIONS.values())
USABLE = [kernel for kernel in KERNELS if kernel is not COMPILED or native]
every_kernel = pytest.mark.parametrize("kernel", USABLE, ids=lambda kernel: kernel.name)


def _usable(kernel: Kernel, projection: Projection) -> bool:
    return not kernel.reasons_against(projection)


PAIRS = [
    pytest.param(kernel, projection, id=f"{kernel.name}, {name}")
    for kernel in KERNELS
    for name, projection in PROJECTIONS.items()
    if _usable(kernel, projection)
]
every_pair = for_each("kernel, projection", PAIRS)


def _operands(projection: Projection, batch: int = 4, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(projection.edges, dtype=torch.float64, generator=generator)
    x = torch.randn(projection.sources, batch, dtype=torch.float64, generator=generator)
    return weight.to(dtype).requires_grad_(), x.to(dtype).requires_grad_()


def _run(kernel: Kernel, projection: Projection, weight: Tensor, x: Tensor) -> Tensor:
    return kernel.apply(weight, x, projection.targets, *kernel.prepare(projection))


def _block(projection: Projection, weight: Tensor) -> NDArray:
    """The weights as a dense matrix (targets, sources), in NumPy."""
    block = np.zeros((projection.targets, projection.sources))
    source, target = projection.endpoints()
    np.add.at(block, (target, source), weight.detach().numpy())
    return block


def test_each_kernel_is_one_class_in_a_file_of_its_name() -> None:
    assert KERNELS == (TREE, DENSE, COMPILED, FUSED, SCATTER, REFERENCE)
    assert [kernel.name for kernel in KERNELS] == ["tree", "dense", "compiled", "fused", "scatter", "reference"]
    for kernel in KERNELS:
        assert isinstance(kernel, Kernel) and kernel.description and type(kernel).__doc__
        assert type(kernel).__module__ == f"dendrograph.network.kernels.{kernel.name}"
        assert copy.deepcopy(kernel) is kernel


@every_projection
def test_every_projection_has_kernels_and_the_last_serves_everything(projection: Projection) -> None:
    usable = [kernel.name for kernel in KERNELS if _usable(kernel, projection)]
    sparse = ["compiled"] if native else []
    assert [name for name in usable if name != "tree"] == ["dense", *sparse, "fused", "scatter", "reference"]


def test_tree_serves_full_trees_only() -> None:
    serves = {name for name, projection in PROJECTIONS.items() if _usable(TREE, projection)}
    assert serves == {"a full tree", "one child each", "one and one", "all-to-all onto one"}
    assert TREE.reasons_against(_projection(5, 2, None)) == (
        "the children of a parent are not contiguous: the wiring is all-to-all",
    )
    uneven = _projection(5, 2, (np.arange(5), np.array([0, 0, 0, 1, 1])))
    assert TREE.reasons_against(uneven) == ("5 sources do not divide evenly among 2 targets",)
    crossed = _projection(4, 2, (np.arange(4), np.array([0, 1, 0, 1])))
    uneven = _projection(4, 2, (np.arange(4), np.array([0, 0, 0, 1])))
    partial = _projection(4, 2, (np.arange(3), np.array([0, 0, 1])))
    for projection in (crossed, uneven, partial):
        assert TREE.reasons_against(projection) == ("the children of a parent are not contiguous, or not equally many",)


@every_pair
def test_values_and_gradients_are_those_of_a_dense_matrix(kernel: Kernel, projection: Projection) -> None:
    weight, x = _operands(projection)
    block = _block(projection, weight)
    u = _run(kernel, projection, weight, x)
    np.testing.assert_allclose(u.detach().numpy(), block @ x.detach().numpy(), rtol=0, atol=1e-13)
    assert u.shape == (projection.targets, 4) and u.dtype == torch.float64

    if not u.requires_grad:
        assert kernel is REFERENCE and not projection.edges  # to the plain loop, nothing is a constant
        return
    g = torch.randn(u.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    of_weight, of_x = torch.autograd.grad(u, (weight, x), g)
    source, target = projection.endpoints()
    outer = g.numpy() @ x.detach().numpy().T
    np.testing.assert_allclose(of_weight.numpy(), outer[target, source], rtol=0, atol=1e-13)
    np.testing.assert_allclose(of_x.numpy(), block.T @ g.numpy(), rtol=0, atol=1e-13)


@pytest.mark.slow
@every_pair
def test_derivatives_hold_against_finite_differences(kernel: Kernel, projection: Projection) -> None:
    if not projection.edges:
        return  # a constant: torch's checks refuse outputs that depend on nothing
    operands = _operands(projection, batch=3)
    index = kernel.prepare(projection)

    def run(weight: Tensor, x: Tensor) -> Tensor:
        return kernel.apply(weight, x, projection.targets, *index)

    assert torch.autograd.gradcheck(run, operands)
    assert torch.autograd.gradgradcheck(run, operands)
    # The same through a function that is not linear, so that second derivatives are not mostly zero.
    assert torch.autograd.gradgradcheck(lambda weight, x: torch.tanh(run(weight, x)), operands)


@every_pair
def test_third_derivatives_agree_with_reference(kernel: Kernel, projection: Projection) -> None:
    """A gradient penalty inside a loop that differentiates takes three of them."""
    if not projection.edges:
        return

    def third(kernel: Kernel) -> Tensor:
        weight, x = _operands(projection)
        u = torch.tanh(_run(kernel, projection, weight, x)).sum()
        for _ in range(3):
            of_weight, of_x = torch.autograd.grad(u, (weight, x), create_graph=True)
            u = (of_weight**2).sum() + (of_x**3).sum()
        return u

    torch.testing.assert_close(third(kernel), third(REFERENCE), rtol=1e-9, atol=1e-9)


@every_pair
def test_only_the_gradients_that_are_asked_for_are_made(kernel: Kernel, projection: Projection) -> None:
    if not projection.edges:
        return
    weight, x = _operands(projection)
    expected = torch.autograd.grad(_run(kernel, projection, weight, x).square().sum(), (weight, x))
    for wanted in (0, 1):
        operands = [operand.detach() for operand in (weight, x)]
        operands[wanted].requires_grad_()
        (found,) = torch.autograd.grad(_run(kernel, projection, *operands).square().sum(), operands[wanted])
        torch.testing.assert_close(found, expected[wanted])
    constant = _run(kernel, projection, weight.detach(), x.detach())
    assert not constant.requires_grad


@every_pair
@for_each("batch", [0, 1])
def test_an_empty_batch_and_a_batch_of_one(kernel: Kernel, projection: Projection, batch: int) -> None:
    weight, x = _operands(projection, batch)
    u = _run(kernel, projection, weight, x)
    assert u.shape == (projection.targets, batch)
    np.testing.assert_allclose(u.detach().numpy(), _block(projection, weight) @ x.detach().numpy(), rtol=0, atol=1e-13)
    if projection.edges:
        of_weight, of_x = torch.autograd.grad(u.sum(), (weight, x), create_graph=True)
        assert of_weight.shape == weight.shape and of_x.shape == x.shape
        assert batch or not of_weight.any()


@every_pair
def test_layout_of_operands_does_not_matter(kernel: Kernel, projection: Projection) -> None:
    weight, x = _operands(projection)
    expected = _run(kernel, projection, weight, x)

    batch_first = x.detach().t().contiguous().t().requires_grad_()  # stored the other way round
    spread = torch.stack([weight.detach()] * 2, dim=1)[:, 0].requires_grad_()  # every other element
    assert not projection.edges or x.shape[0] == 1 or not batch_first.is_contiguous()
    found = _run(kernel, projection, spread, batch_first)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    if found.requires_grad:
        ones = torch.ones((), dtype=torch.float64).expand_as(found)  # as sum() sends them back: strides of 0
        gradients = torch.autograd.grad(expected, (weight, x), torch.ones_like(expected))
        for mine, its in zip(torch.autograd.grad(found, (spread, batch_first), ones), gradients, strict=True):
            torch.testing.assert_close(mine, its, rtol=0, atol=1e-13)


@every_pair
def test_float32_stays_float32_and_agrees(kernel: Kernel, projection: Projection) -> None:
    weight, x = _operands(projection, batch=9, dtype=torch.float32)
    u = _run(kernel, projection, weight, x)
    assert u.dtype == torch.float32
    expected = _block(projection, weight).astype(np.float64) @ x.detach().double().numpy()
    np.testing.assert_allclose(u.detach().numpy(), expected, rtol=0, atol=1e-5)


@every_pair
def test_the_batch_order_changes_nothing(kernel: Kernel, projection: Projection) -> None:
    """Bit for bit where each column is summed by itself; a matrix product rounds a column by where it stands."""
    for dtype in (torch.float32, torch.float64):
        weight, x = (operand.detach() for operand in _operands(projection, 37, dtype))
        order = torch.randperm(37, generator=torch.Generator().manual_seed(1))
        u = _run(kernel, projection, weight, x)
        shuffled = _run(kernel, projection, weight, x[:, order].contiguous())
        alone = torch.cat([_run(kernel, projection, weight, x[:, [column]]) for column in range(37)], dim=1)
        if kernel in (SCATTER, REFERENCE, COMPILED) or (kernel is FUSED and ARITHMETIC_IS_KNOWN):
            assert torch.equal(shuffled, u[:, order])
            assert torch.equal(alone, u)
        tolerance = 1e-5 if dtype == torch.float32 else 1e-14
        torch.testing.assert_close(shuffled, u[:, order], rtol=0, atol=tolerance)
        torch.testing.assert_close(alone, u, rtol=0, atol=tolerance)


@every_pair
def test_renumbering_sources_targets_and_edges_changes_nothing(kernel: Kernel, projection: Projection) -> None:
    rng = np.random.default_rng(5)
    of_source, of_target = rng.permutation(projection.sources), rng.permutation(projection.targets)
    source, target = projection.endpoints()
    moved = (of_source[source], of_target[target])
    order = np.lexsort(moved)
    other = _projection(projection.sources, projection.targets, moved)
    runner = kernel if _usable(kernel, other) else REFERENCE  # a tree that is shuffled is a tree no more
    weight, x = _operands(projection)
    moved_x = torch.empty_like(x).index_copy(0, torch.from_numpy(of_source), x)
    u = _run(kernel, projection, weight, x)
    v = _run(runner, other, weight[order], moved_x)
    torch.testing.assert_close(v[of_target], u, rtol=0, atol=1e-13)
    if projection.edges:
        found = torch.autograd.grad(v[of_target].square().sum(), (weight, x))
        for mine, its in zip(found, torch.autograd.grad(u.square().sum(), (weight, x)), strict=True):
            torch.testing.assert_close(mine, its, rtol=0, atol=1e-12)


@every_kernel
def test_two_runs_are_equal_bit_for_bit(kernel: Kernel) -> None:
    projection = (
        _thrown(50, 40, 600) if kernel is not TREE else _projection(200, 40, (np.arange(200), np.arange(200) // 5))
    )

    def everything() -> list[Tensor]:
        weight, x = _operands(projection, 33, torch.float32)
        u = torch.tanh(_run(kernel, projection, weight, x))
        first = torch.autograd.grad(u.square().sum(), (weight, x), create_graph=True)
        second = torch.autograd.grad(sum(gradient.square().sum() for gradient in first), (weight, x))
        return [u, *first, *second]

    assert all(torch.equal(mine, its) for mine, its in zip(everything(), everything(), strict=True))


@pytest.mark.parametrize("kernel", [one for one in USABLE if one not in (SCATTER, REFERENCE)], ids=lambda one: one.name)
def test_no_message_is_kept_for_the_backward_pass(kernel: Kernel) -> None:
    """Messages are edges × batch numbers; what these kernels keep is never larger than their operands."""
    many = (np.tile(np.arange(20), 30), np.repeat(np.arange(30), 20))
    projection = _projection(20, 30, many) if kernel is not TREE else PROJECTIONS["a full tree"]
    batch = 50
    weight, x = _operands(projection, batch)
    index = kernel.prepare(projection)
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        u = kernel.apply(weight, x, projection.targets, *index)
    u.sum().backward()
    assert kept
    assert max(kept) <= max(x.numel(), weight.numel(), projection.sources * projection.targets)
    if kernel is not TREE:
        assert max(kept) < projection.edges * batch / 10


def test_scatter_says_what_it_runs_on(request: pytest.FixtureRequest) -> None:
    try:
        import torch_scatter  # noqa: F401
    except ImportError:
        installed = False
    else:
        installed = True
    assert installed == (scatter.torch_scatter is not None)
    assert not (installed and request.config.getoption("--without-torch-scatter"))
    assert SCATTER.description == (
        "torch-scatter over the edge index"
        if installed
        else "index_add over the edge index (torch-scatter is not installed)"
    )


def test_scatter_gives_the_same_with_and_without_torch_scatter(monkeypatch: pytest.MonkeyPatch) -> None:
    if scatter.torch_scatter is None:
        pytest.skip("torch-scatter is not installed")
    for projection in PROJECTIONS.values():
        weight, x = _operands(projection)
        installed = _run(SCATTER, projection, weight, x)
        of_installed = torch.autograd.grad(installed.square().sum(), (weight, x))
        with monkeypatch.context() as patch:
            patch.setattr(scatter, "torch_scatter", None)
            plain = _run(SCATTER, projection, weight, x)
            of_plain = torch.autograd.grad(plain.square().sum(), (weight, x))
        torch.testing.assert_close(installed, plain, rtol=0, atol=1e-13)
        for mine, its in zip(of_installed, of_plain, strict=True):
            torch.testing.assert_close(mine, its, rtol=0, atol=1e-13)


def test_indices_can_move_with_the_network() -> None:
    for kernel in KERNELS:
        for projection in PROJECTIONS.values():
            if _usable(kernel, projection):
                index = kernel.prepare(projection)
                assert isinstance(index, tuple)
                for part in index:
                    if isinstance(part, Messages):
                        assert part.to("meta") is part, "it holds no tensor"
                        continue
                    assert isinstance(part, Edges) or (isinstance(part, Tensor) and part.dtype == torch.int64)
                    moved = part.to("meta")
                    arrays = (moved.pointers, moved.columns, moved.rows) if isinstance(part, Edges) else (moved,)
                    assert all(array.device.type == "meta" for array in arrays)
    assert TREE.prepare(PROJECTIONS["a full tree"]) == ()
    assert DENSE.prepare(PROJECTIONS["all-to-all"]) == (), "no index where none is needed"
