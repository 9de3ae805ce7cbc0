"""The compiled network is an ordinary PyTorch module."""

from __future__ import annotations

import copy
import io
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from cases import for_each
from oracle import by_hand
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.utils.data import DataLoader
from trees import BUILT, CORNERS, COVERING, KERNELS, SPARSE, Case, assert_same, gradients, inputs_of

from dendrograph import DendriticNetwork, DendrographError, build, compile, load
from dendrograph.network.kernels.sparse import Edges
from dendrograph.training.optimizer import FlatParameters

CASES = (*CORNERS[:14], *COVERING)

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_kernel = pytest.mark.parametrize("kernel", KERNELS)

# Everything at once: two streams, three branches, all fields, a silent dendrite, a skip connection, dropout.
RICH = Case(
    "rich",
    {
        "name": "rich",
        "inputs": {"image": "auto", "sound": 6},
        "neurons": {
            "pyramidal": {
                "nonlinearity": "tanh",
                "synapses": {"count": 3, "from": ["image", "sound"]},
                "dendrites": [
                    {"name": "basal", "count": 3, "synapses": {"count": 4, "from": "image", "field": "local"}},
                    {
                        "name": "apical",
                        "count": 2,
                        "nonlinearity": "nmda",
                        "dropout": 0.5,
                        "dendrites": [
                            {"name": "tuft", "count": 2, "synapses": {"from": "sound", "field": "all"}},
                            {"name": "mute", "count": 1, "synapses": {"count": 0, "from": "image"}},
                        ],
                    },
                ],
            },
            "point": {"bias": False, "synapses": [{"count": 3}, {"count": 2, "from": "image", "field": "pooled"}]},
        },
        "layers": [
            {"name": "first", "neuron": "pyramidal", "count": 4},
            {"name": "second", "neuron": "point", "count": 5},
        ],
    },
    {"image": (4, 4), "sound": (6,)},
    classes=4,
)


# --- shape ------------------------------------------------------------------------------------------------------------


@every_case
def test_logits_are_batch_by_classes(case: Case) -> None:
    network = case.build()
    for batch in (0, 1, 6):
        logits = network(inputs_of(network.graph, batch))
        assert logits.shape == (batch, case.classes) and logits.dtype == torch.float64


@every_case
def test_activations_hold_every_group_and_agree_with_forward(case: Case) -> None:
    network = case.build()
    x = inputs_of(network.graph, 5)
    found = network.activations(x)
    assert list(found) == [group.name for group in network.graph.groups]
    for group in network.graph.groups:
        assert found[group.name].shape == (5, group.size)
    # A pass sums what `activations` stores in between, which may round otherwise in the last digit.
    torch.testing.assert_close(found["readout"], network(x), rtol=0, atol=1e-10)
    assert network.plan.passes or torch.equal(found["readout"], network(x))
    for name, tensor in x.items():
        assert torch.equal(found[name], tensor.reshape(5, -1))
    for name, values in by_hand(network, x).items():
        torch.testing.assert_close(found[name], values, rtol=0, atol=1e-9)


def test_the_readout_is_linear() -> None:
    network = build("dann-lrf", (8, 8), 5, overrides={"somata": 6, "dendrites": 2})
    group = network.graph.by_name["readout"]
    assert group.nonlinearity.name == "identity" and group.bias
    soma = network.activations(torch.randn(3, 8, 8))["hidden/soma"]
    block = network.weights["hidden/soma->readout"].view(5, 6)
    torch.testing.assert_close(
        network.activations(torch.zeros(1, 8, 8))["readout"],
        torch.zeros(1, 5),
        msg="biases start at zero, and leaky ReLU keeps zero",
    )
    assert soma.shape == (3, 6) and block.shape == (5, 6)


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((4, 6), (2, 4, 6)),
        ((4, 6), (2, 24)),
        ((4, 6), (2, 1, 4, 6)),
        ((4, 6, 1), (2, 4, 6)),
        ((4, 6, 3), (2, 4, 6, 3)),
        ((4, 6, 3), (2, 72)),
        (24, (2, 4, 6)),
        (24, (2, 24)),
    ],
)
def test_an_input_may_be_flat_or_have_its_shape(shape: Any, given: tuple[int, ...]) -> None:
    network = build("dann-random", shape, 3, overrides={"somata": 5, "dendrites": 2, "synapses": 4})
    x = torch.randn(2, 24 if shape != (4, 6, 3) else 72)
    assert torch.equal(network(x.reshape(given)), network(x))


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((4, 6), (2, 6, 4)),
        ((4, 6, 3), (2, 3, 4, 6)),
        ((4, 6), (2, 23)),
        ((4, 6), (24,)),
        ((4, 6), (0, 5, 5)),
        ((4, 6), ()),
    ],
)
def test_an_input_of_another_shape_is_refused(shape: Any, given: tuple[int, ...]) -> None:
    network = build("dann-random", shape, 3, overrides={"somata": 5, "dendrites": 2, "synapses": 4})
    expected = ", ".join(map(str, shape))
    with pytest.raises(ValueError, match=r"'image' has shape .*, expected \(batch, " + expected):
        network(torch.zeros(given))


def test_bytes_are_refused_as_input() -> None:
    network = build("dann-random", (4, 4), 3, overrides={"somata": 5, "dendrites": 2, "synapses": 4})
    with pytest.raises(ValueError, match=r"holds torch\.uint8, expected a floating-point type"):
        network(torch.zeros(2, 4, 4, dtype=torch.uint8))


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_input_of_another_type_than_the_weights_is_refused(kernel: str) -> None:
    network = build("dann-random", (4, 4), 3, overrides={"somata": 5, "dendrites": 2, "synapses": 4}, kernel=kernel)
    with pytest.raises(ValueError, match=r"holds torch\.float64, and the weights are torch\.float32: convert one"):
        network(torch.zeros(2, 4, 4, dtype=torch.float64))


def test_streams_are_given_by_name() -> None:
    network = RICH.build()
    x = inputs_of(network.graph, 3)
    assert torch.equal(network(dict(reversed(x.items()))), network(x))
    with pytest.raises(ValueError, match="several input streams: give a mapping with image, sound"):
        network(x["image"])
    with pytest.raises(ValueError, match="input streams image given, image, sound expected"):
        network({"image": x["image"]})
    with pytest.raises(ValueError, match="different numbers of samples: 'image' 3, 'sound' 2"):
        network({"image": x["image"], "sound": x["sound"][:2]})


def test_layout_and_history_of_the_input_do_not_matter() -> None:
    network = build("dann-grf", (4, 6), 3, overrides={"somata": 5, "dendrites": 2, "synapses": 4})
    x = torch.randn(3, 4, 6)
    stored_otherwise = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    assert not stored_otherwise.is_contiguous()
    before = x.clone()
    assert torch.equal(network(stored_otherwise), network(x))
    assert torch.equal(x, before), "the input is left as it was"


# --- an ordinary module -----------------------------------------------------------------------------------------------


@every_case
def test_parameters_are_weights_of_edges_and_biases_of_compartments(case: Case) -> None:
    network = case.build()
    graph = network.graph
    assert {name: weight.numel() for name, weight in network.weights.items()} == {
        projection.name: projection.edges for projection in graph.projections
    }
    assert {name: bias.numel() for name, bias in network.biases.items()} == {
        group.name: group.size for group in graph.groups if group.bias
    }
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    assert trained == graph.trainable_parameters
    assert sum(parameter.numel() for parameter in network.parameters()) == graph.parameters
    fixed = {f"weights.{projection.name}" for projection in graph.projections if not projection.trainable}
    assert fixed == {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    fresh = DendriticNetwork(graph)
    assert all(parameter.dtype == torch.float32 for parameter in fresh.parameters())
    assert not any(bias.any() for bias in fresh.biases.values()), "biases start at zero"


@pytest.mark.slow
@every_kernel
@for_each("case", [RICH, *CASES[-4:]])
def test_state_dict_round_trips(case: Case, kernel: str) -> None:
    one, other = case.build(kernel), DendriticNetwork(case.compile(), kernel, seed=99).double().eval()
    x = inputs_of(one.graph, 4)
    assert set(one.state_dict()) == {name for name, _ in one.named_parameters()}, "parameters and nothing else"
    if not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True)):
        assert not torch.equal(one(x), other(x))
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(one(x), other(x))
    for mine, its in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(mine, its)
        assert not mine.numel() or mine.data_ptr() != its.data_ptr()


def test_one_kernels_state_dict_fits_every_other() -> None:
    x = inputs_of(RICH.compile(), 4)
    one = RICH.build("reference")
    for kernel in KERNELS:
        other = DendriticNetwork(RICH.compile(), kernel, seed=99).double().eval()
        other.load_state_dict(one.state_dict())
        torch.testing.assert_close(other(x), one(x), rtol=0, atol=1e-12)


def test_a_foreign_state_dict_is_refused() -> None:
    small, large = (build("dann-lrf", (8, 8), overrides={"somata": somata}) for somata in (5, 6))
    with pytest.raises(RuntimeError, match="size mismatch"):
        small.load_state_dict(large.state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        small.load_state_dict(build("vann", (8, 8), overrides={"somata": 5}).state_dict())


def _indices(network: DendriticNetwork) -> Iterator[Tensor]:
    """Every array of whole numbers that its kernels run over."""
    links = [link for step in (*network._operations, *network._every_group) for link in step.inputs]
    for link in links:
        for part in link.index if hasattr(link, "index") else (link.branch.edges,):
            if isinstance(part, Edges):
                yield from (part.pointers, part.columns, part.rows)
            elif isinstance(part, Tensor):
                yield part


@every_kernel
def test_it_moves_between_types(kernel: str) -> None:
    network = DendriticNetwork(RICH.compile(), kernel).eval()
    x = inputs_of(network.graph, 4)
    single = network({name: tensor.float() for name, tensor in x.items()})
    assert single.dtype == torch.float32
    double = network.to(torch.float64)(x)
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)
    assert all(parameter.dtype == torch.float64 for parameter in network.parameters())
    kinds = {index.dtype for index in _indices(network)}
    assert kinds <= {torch.int32, torch.int64}, "indices stay whole numbers"
    assert network.float()({name: tensor.float() for name, tensor in x.items()}).dtype == torch.float32


@every_kernel
def test_indices_move_with_the_network(kernel: str) -> None:
    """On another device runs another plan: on the meta device nothing that stayed behind can pass unseen."""
    network = DendriticNetwork(RICH.compile(), kernel)
    assert not [*network.buffers()], "the wiring belongs to the graph, not to the weights"
    network.to(torch.device("meta"))
    found = [*network.parameters(), *_indices(network)]
    assert len(found) > len([*network.parameters()])
    assert all(tensor.device.type == "meta" for tensor in found)
    assert "compiled" not in {choice.kernel.name for choice in network.plan.choices}
    assert network.plan.passes == ()
    for choice in network.plan.choices:
        because = {True: "it runs on CPUs, and the network is on meta", False: "it was not built"}[BUILT]
        assert dict(choice.refusals)["compiled"].startswith(because)


@every_kernel
def test_a_deep_copy_is_a_network_of_its_own(kernel: str) -> None:
    network = RICH.build(kernel)
    x = inputs_of(network.graph, 4)
    before = network(x)
    other = copy.deepcopy(network)
    assert torch.equal(other(x), before)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1.0)
    assert torch.equal(network(x), before) and not torch.equal(other(x), before)
    assert other.graph is network.graph, "what is frozen is shared"
    assert [choice.kernel for choice in other.plan.choices] == [choice.kernel for choice in network.plan.choices]


@every_kernel
def test_parameters_to_vector_and_back(kernel: str) -> None:
    network = RICH.build(kernel)
    x = inputs_of(network.graph, 4)
    vector = nn.utils.parameters_to_vector(network.parameters())
    assert vector.shape == (network.graph.parameters,)
    before = network(x)
    nn.utils.vector_to_parameters(torch.zeros_like(vector), network.parameters())
    assert not network(x).any()
    nn.utils.vector_to_parameters(vector, network.parameters())
    assert torch.equal(network(x), before)


@every_kernel
def test_hooks_are_called(kernel: str) -> None:
    network = next(case for case in CORNERS if case.name == "synapses on soma and dendrites").build(kernel)
    x = inputs_of(network.graph, 4)["image"].requires_grad_()
    calls: Counter[str] = Counter()
    handles = [
        network.register_forward_pre_hook(lambda *_: calls.update(["before"])),
        network.register_forward_hook(lambda module, args, output: calls.update(["after"]) or 2 * output),
        network.register_full_backward_hook(lambda *_: calls.update(["backward"])),
        *(weight.register_hook(lambda gradient: calls.update(["weight"])) for weight in network.weights.values()),
    ]
    doubled = network(x)
    doubled.sum().backward()
    assert calls == {"before": 1, "after": 1, "backward": 1, "weight": len(network.weights)}
    for handle in handles:
        handle.remove()
    torch.testing.assert_close(network(x), doubled / 2)


@every_kernel
def test_it_learns_and_an_optimizer_changes_every_tensor(kernel: str) -> None:
    network = DendriticNetwork(RICH.compile(), kernel)
    x = inputs_of(network.graph, 12, torch.float32)
    y = torch.arange(12) % 4
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    before = copy.deepcopy(network.state_dict())
    losses = []
    torch.manual_seed(0)
    for _ in range(8 if kernel == "reference" else 40):
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0] if kernel == "reference" else losses[-1] < 0.5 * losses[0]
    for name, tensor in network.state_dict().items():
        assert not tensor.numel() or not torch.equal(tensor, before[name]), f"{name} has not learned"


def test_dropout_acts_while_training_only() -> None:
    network = RICH.build()
    x = inputs_of(network.graph, 200)
    assert torch.equal(network(x), network(x))
    network.train()
    torch.manual_seed(1)
    first = network.activations(x)
    second = network.activations(x)
    apical = first["first/apical"]
    assert 0.4 < float((apical == 0).double().mean()) < 0.6
    assert not torch.equal(apical, second["first/apical"])
    kept = apical != 0
    assert torch.allclose(apical[kept], 2 * network.eval().activations(x)["first/apical"][kept])
    assert torch.equal(first["first/basal"], second["first/basal"]), "only where it was declared"


def test_the_seed_of_the_weights_is_the_graphs_own_by_default() -> None:
    graph = compile(load("dann-lrf"), (8, 8), seed=3)
    default, same, other = DendriticNetwork(graph), DendriticNetwork(graph, seed=3), DendriticNetwork(graph, seed=4)
    name = "image->hidden/dendrite"
    assert torch.equal(default.weights[name], same.weights[name])
    assert not torch.equal(default.weights[name], other.weights[name])


def test_functional_calls_and_per_layer_freezing() -> None:
    network = RICH.build()
    x = inputs_of(network.graph, 3)
    values = {name: torch.zeros_like(parameter) for name, parameter in network.named_parameters()}
    assert not torch.func.functional_call(network, values, (x,)).any()
    for weight in network.weights.values():
        weight.requires_grad_(False)
    network(x).sum().backward()
    assert all(weight.grad is None for weight in network.weights.values())
    assert all(bias.grad is not None for bias in network.biases.values())


def test_inference_mode_and_autocast_free_use() -> None:
    network = RICH.build()
    x = inputs_of(network.graph, 3)
    expected = network(x).detach()
    with torch.inference_mode():
        assert torch.equal(network(x), expected)
    with torch.no_grad():
        assert not network(x).requires_grad


def test_a_network_says_what_it_is() -> None:
    text = repr(build("dann-lrf", (28, 28)))
    assert "dann-lrf: 576 compartments, 9,930 parameters" in text


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(DendrographError, match=r"unknown kernel 'dens'\n  did you mean 'dense'\?"):
        build("dann-lrf", (8, 8), kernel="dens")


def test_build_is_load_compile_and_network_in_one() -> None:
    built = build("dann-grf", (8, 8), 7, seed=5, overrides={"somata": 6}, kernel="fused")
    graph = compile(load("dann-grf", {"somata": 6}), (8, 8), 7, seed=5)
    assert built.graph.connectivity_hash == graph.connectivity_hash
    assert {choice.kernel.name for choice in built.plan.choices} == {"fused"}
    other = DendriticNetwork(graph, "fused")
    assert all(torch.equal(a, b) for a, b in zip(built.parameters(), other.parameters(), strict=True))


# --- torch.compile ----------------------------------------------------------------------------------------------------


def _dann(count: int, dendrites: int, synapses: int) -> Case:
    cell = {"dendrites": [{"count": dendrites, "synapses": {"count": synapses}}]}
    layers = [{"name": "hidden", "neuron": "cell", "count": count}]
    return Case("dann", {"name": "dann", "neurons": {"cell": cell}, "layers": layers}, {"image": (10, 10)})


def _hold_compiled_to_eager(network: DendriticNetwork, compiled: Any, tolerance: float) -> None:
    x = inputs_of(network.graph, 6)
    weigh = torch.randn(6, network.graph.classes, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def run(module: Any) -> tuple[Tensor, dict[str, Tensor]]:
        given = {name: tensor.clone().requires_grad_() for name, tensor in x.items()}
        network.zero_grad(set_to_none=True)
        logits = module(given)
        (logits * weigh).sum().backward()
        found = {name: parameter.grad for name, parameter in network.named_parameters()}
        found |= {f"input {name}": tensor.grad for name, tensor in given.items()}
        return logits.detach(), {name: g.clone() for name, g in found.items() if g is not None and g.numel()}

    eager = run(network)
    assert set(eager[1]) == {
        *(name for name, parameter in network.named_parameters() if parameter.numel()),
        *(f"input {name}" for name in x),
    }
    assert_same(run(compiled), eager, tolerance)


# What PyTorch warns of while it traces is its own.
OF_PYTORCH = (
    "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning",
    "ignore:<class 'torch.autograd.function.Function'>:DeprecationWarning",
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning",
)


@pytest.mark.slow
@pytest.mark.filterwarnings(*OF_PYTORCH)
@every_kernel
def test_torch_compile_agrees_with_eager(kernel: str) -> None:
    torch.compiler.reset()
    # The plain loop over edges is Python: it runs, slowly, but not as one graph.
    case, whole = (_dann(count=2, dendrites=2, synapses=2), False) if kernel == "reference" else (RICH, True)
    network = case.build(kernel)
    assert bool(network.plan.passes) == (BUILT and kernel in ("auto", "compiled"))
    _hold_compiled_to_eager(network, torch.compile(network, backend="aot_eager", fullgraph=whole), 1e-12)


@pytest.mark.filterwarnings(*OF_PYTORCH)
@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++", "cl"))), reason="inductor needs a C++ compiler")
def test_torch_compile_by_inductor_agrees_with_eager() -> None:
    torch.compiler.reset()
    network = _dann(count=5, dendrites=3, synapses=4).build()
    assert [choice.kernel.name for choice in network.plan.choices] == [SPARSE, "compiled" if BUILT else "tree", "dense"]
    _hold_compiled_to_eager(network, torch.compile(network, fullgraph=True), 1e-12)


def test_gradients_reach_every_parameter() -> None:
    network = RICH.build()
    _, found = gradients(network, inputs_of(network.graph, 6))
    silent = "weights.image->first/apical/mute"
    assert found[silent].numel() == 0
    assert all(gradient.any() for name, gradient in found.items() if name != silent)


# --- weights and their wiring -----------------------------------------------------------------------------------------


SMALL = {"somata": 5, "dendrites": 2, "synapses": 4}


def _small(seed: int, **turned: int) -> DendriticNetwork:
    return build("dann-random", (4, 4), 3, seed, {**SMALL, **turned})


def _saved(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_the_state_of_another_wiring_is_refused_and_changes_nothing() -> None:
    one, other = _small(0), _small(1)
    before = copy.deepcopy(other.state_dict())
    outer = nn.Sequential(nn.Identity(), _small(1))
    for refuse in (
        lambda: other.load_state_dict(one.state_dict()),
        lambda: other.load_state_dict(_saved(one.state_dict())),
        lambda: other.load_state_dict(copy.deepcopy(one.state_dict()), strict=False),
        lambda: other.load_state_dict(one.state_dict(), assign=True),
        lambda: outer.load_state_dict(_saved(nn.Sequential(nn.Identity(), one).state_dict())),
    ):
        with pytest.raises(DendrographError, match="the state belongs to a network with other wiring"):
            refuse()
    assert all(torch.equal(before[name], value) for name, value in other.state_dict().items())
    moved = DendriticNetwork(one.graph, seed=9)
    moved.load_state_dict(_saved(one.state_dict()))
    x = torch.randn(2, 4, 4)
    assert torch.equal(moved(x), one(x)), "weights and wiring together"


def _without(state: Any, part: str) -> Any:
    for key in [key for key in state if part in key]:
        del state[key]
    return state


def test_a_part_of_a_state_is_held_to_its_wiring_as_well() -> None:
    one, other, more = _small(0), _small(1), build("dann-random", (4, 4), 7, 1, SMALL)
    before = copy.deepcopy(other.state_dict())
    outer = nn.Sequential(nn.Identity(), more)
    for refuse in (
        lambda: other.load_state_dict(_without(one.state_dict(), "biases.readout"), strict=False),
        lambda: more.load_state_dict(_without(_saved(one.state_dict()), "readout"), strict=False),
        lambda: outer.load_state_dict(
            _without(nn.Sequential(nn.Identity(), one).state_dict(), "readout"), strict=False
        ),
    ):
        with pytest.raises(DendrographError, match="other wiring: image->hidden/dendrite has wiring"):
            refuse()
    assert all(torch.equal(before[name], value) for name, value in other.state_dict().items())
    same = build("dann-random", (4, 4), 7, 0, SMALL)
    same.load_state_dict(_without(one.state_dict(), "readout"), strict=False)
    x = torch.randn(2, 4, 4)
    assert torch.equal(same.activations(x)["hidden/soma"], one.activations(x)["hidden/soma"]), "other classes"
    other.load_state_dict(_without(one.state_dict(), "weights.image"), strict=False)  # the rest is wired equally


def test_a_state_that_does_not_tell_its_wiring_is_taken() -> None:
    """As those of older versions, and of plain mappings."""
    one, other = _small(0), _small(1)
    plain = {name: value.clone() for name, value in one.state_dict().items()}
    assert set(plain) == {name for name, _ in one.named_parameters()}
    other.load_state_dict(plain)
    assert all(torch.equal(plain[name], value) for name, value in other.state_dict().items())


# --- initial weights, drawn anew --------------------------------------------------------------------------------------

EVERYTHING = Case(
    "everything",
    {
        "name": "everything",
        "neurons": {
            "n": {
                "nonlinearity": {"name": "elu", "alpha": {"value": 0.5, "trainable": "group"}},
                "normalisation": "layer",
                "dendrites": [
                    {
                        "name": "d",
                        "count": 3,
                        "nonlinearity": {"name": "nmda", "gain": {"value": 2.0, "trainable": "compartment"}},
                        "cable": {"init": {"name": "constant", "value": 0.5}, "trainable": False},
                        "synapses": [{"count": 4}, {"count": 2, "sign": "shunting"}],
                    },
                ],
            }
        },
        "layers": [{"name": "hidden", "neuron": "n", "count": 4}],
    },
    {"image": (4, 4)},
    classes=3,
)


def test_reset_parameters_restores_every_number_that_a_network_begins_with() -> None:
    network = DendriticNetwork(EVERYTHING.compile(), seed=5)
    began = copy.deepcopy(network.state_dict())
    assert {name.split(".")[0] for name in began} == {"weights", "biases", "excitability"}
    flat = FlatParameters(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7.0)
    network.reset_parameters()
    assert all(torch.equal(began[name], value) for name, value in network.state_dict().items())
    assert torch.equal(flat.vector, torch.cat([p.reshape(-1) for p in network.parameters() if p.requires_grad]))
    empty = copy.deepcopy(network).to("meta").to_empty(device="cpu")
    empty.reset_parameters()
    assert all(torch.equal(began[name], value) for name, value in empty.state_dict().items())
    x = torch.randn(2, 4, 4)
    assert torch.equal(empty(x), network(x))
    network.reset_parameters(seed=6)
    fresh = DendriticNetwork(EVERYTHING.compile(), seed=6).state_dict()
    assert all(torch.equal(fresh[name], value) for name, value in network.state_dict().items())


# --- pruning ----------------------------------------------------------------------------------------------------------


@every_kernel
def test_a_pruned_weight_follows_its_parameter(kernel: str) -> None:
    network, x = DendriticNetwork(_small(0).graph, kernel), torch.randn(6, 4, 4)
    name = "image->hidden/dendrite"
    prune.random_unstructured(network.weights, name, 0.5)
    prune.l1_unstructured(network.biases, "readout", 1)
    learnt, mask = network.weights.get_parameter(f"{name}_orig"), network.weights.get_buffer(f"{name}_mask")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(3):
        before = learnt.detach().clone()
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()
        assert not torch.equal(before, learnt)
        assert torch.equal(network.weight(name), learnt * mask)
    torch.testing.assert_close(network.activations(x)["readout"], network(x))
    network.reset_parameters()
    assert torch.equal(learnt, _small(0).weights[name]), "drawn anew"
    assert torch.equal(network.weight(name), learnt * mask), "and pruned as before"
    expected = network(x)
    prune.remove(network.weights, name)
    assert torch.equal(network(x), expected)
    pruned, other = copy.deepcopy(_small(0)), _small(1)
    prune.identity(pruned.weights, name)
    prune.identity(other.weights, name)
    with pytest.raises(DendrographError, match="other wiring"):
        other.load_state_dict(pruned.state_dict())


def test_what_is_computed_from_others_is_not_drawn_anew() -> None:
    network = _small(0)
    parametrize.register_parametrization(network.weights, "image->hidden/dendrite", nn.ReLU())
    with pytest.raises(DendrographError, match=r"'image->hidden/dendrite' is no longer a parameter.*\n  remove"):
        network.reset_parameters()


# --- parameters that come from another device -------------------------------------------------------------------------


@every_kernel
def test_a_state_is_assigned_to_a_network_on_the_meta_device(kernel: str) -> None:
    one, x = DendriticNetwork(_small(0).graph, kernel), torch.randn(2, 4, 4)
    with torch.device("meta"):
        inside = DendriticNetwork(one.graph, kernel)
    for network in (inside, copy.deepcopy(one).to("meta")):
        network.load_state_dict(_saved(one.state_dict()), assign=True)
        assert torch.equal(network(x), one(x))
        assert torch.equal(network.activations(x)["hidden/soma"], one.activations(x)["hidden/soma"])
        assert str(network.plan) == str(one.plan)
    moved = copy.deepcopy(one).to("meta")
    assert torch.equal(torch.func.functional_call(moved, dict(one.named_parameters()), (x,)), one(x))


def test_an_ensemble_runs_over_a_network_on_the_meta_device() -> None:
    graph, x = _small(0).graph, torch.randn(2, 4, 4)
    networks = [DendriticNetwork(graph, "dense", seed=seed) for seed in range(3)]
    parameters, buffers = torch.func.stack_module_state(networks)  # type: ignore[arg-type]
    base = copy.deepcopy(networks[0]).to("meta")
    found = torch.func.vmap(lambda p, b: torch.func.functional_call(base, (p, b), (x,)))(parameters, buffers)
    torch.testing.assert_close(found, torch.stack([network(x) for network in networks]))


def test_a_network_is_made_on_the_default_device() -> None:
    with torch.device("meta"):
        network = build("dann-random", (4, 4), 3, overrides={"somata": 5, "dendrites": 2, "synapses": 4})
    assert {parameter.device.type for parameter in network.parameters()} == {"meta"}
    network.to_empty(device="cpu").reset_parameters()
    x = torch.randn(2, 4, 4)
    assert torch.equal(network(x), _small(0)(x))


# --- gradients at every group -----------------------------------------------------------------------------------------


def _gradients_at_groups(network: DendriticNetwork, x: dict[str, Tensor]) -> dict[str, Tensor]:
    found = network.activations({name: given.clone().requires_grad_() for name, given in x.items()})
    for activity in found.values():
        activity.retain_grad()
    output = found[network.graph.output.name]
    (output * torch.arange(1, output.numel() + 1).view_as(output)).sum().backward()
    return {name: torch.zeros_like(a) if a.grad is None else a.grad for name, a in found.items()}


@every_kernel
@for_each("case", [EVERYTHING, *CORNERS[:6]])
def test_gradients_at_every_group_are_those_of_the_reference(case: Case, kernel: str) -> None:
    network = case.build(kernel)
    x = inputs_of(network.graph, 3)
    found, expected = _gradients_at_groups(network, x), _gradients_at_groups(case.build("reference"), x)
    assert list(found) == [group.name for group in network.graph.groups]
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=1e-9)


def test_what_a_hook_changes_reaches_the_weights() -> None:
    """Also where `forward` runs a tree in one pass, which stores no activity."""
    network = build("dann-random", (4, 4), 3, overrides={"somata": 5, "dendrites": 2, "synapses": 4})
    assert network.plan.passes or not BUILT
    found = network.activations(torch.randn(2, 4, 4))
    found["hidden/dendrite"].register_hook(torch.zeros_like)
    found["readout"].sum().backward()
    gradients = {name: weight.grad for name, weight in network.weights.items()}
    assert not gradients["image->hidden/dendrite"].any() and gradients["hidden/soma->readout"].any()


# --- objects of another kind ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            np.zeros((2, 4, 4), np.float32),
            "an object of type numpy.ndarray of shape (2, 4, 4)\n  pass torch.from_numpy",
        ),
        ([[0.0] * 16], "a list of 1\n  pass torch.tensor("),
        (None, "None"),
        ("image", "'image'"),
        (3, "3"),
        (DataLoader([0]), "an object of type torch.DataLoader\n  pass its batches, one at a time"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_input_that_is_no_tensor_is_refused(given: Any, text: str) -> None:
    network = _small(0)
    for call in (network, network.activations):
        with pytest.raises(TypeError) as error:
            call(given)
        assert str(error.value).startswith(f"`x`: expected torch.Tensor or Mapping, found {text}"), error.value
        with pytest.raises(TypeError) as error:
            call({"image": given})
        assert str(error.value).startswith(f"`x['image']`: expected torch.Tensor, found {text}"), error.value
    with pytest.raises(TypeError, match="`drive"):
        network.respond({"hidden/soma": given})
