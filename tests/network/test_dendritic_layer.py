"""DendriticLayer stands wherever an nn.Linear does, and computes what two masked nn.Linear would."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx
from trees import BUILT, KERNELS

from dendrograph import Compartment, DendriticLayer, DendrographError, Nonlinearity, Synapses, load, parameter_groups
from dendrograph.network.kernels.compiled import native

# What PyTorch warns of while it compiles.
OF_TORCH_COMPILE = pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning",
    "ignore:<class 'torch.autograd.function.Function'>:DeprecationWarning",
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning",
)

LEADING = [(), (1,), (7,), (0,), (2, 3), (0, 3), (2, 0, 3), (2, 3, 1, 4)]


def masked(layer: DendriticLayer) -> nn.Sequential:
    """The layer as two nn.Linear whose weights are zero where there is no edge; the dendrites are leaky ReLUs."""
    onto, cables = layer.network.graph.projections
    parts = []
    for projection in (onto, cables):
        linear = nn.Linear(projection.sources, projection.targets).to(next(layer.parameters()).dtype)
        source, target = projection.endpoints()
        with torch.no_grad():
            linear.weight.zero_()
            linear.weight[target, source] = layer.network.weight(projection.name).detach()
            linear.bias.copy_(layer.network.biases[projection.target].detach())
        parts.append(linear)
    return nn.Sequential(parts[0], nn.LeakyReLU(0.1), parts[1])


def drawn(layer: DendriticLayer) -> DendriticLayer:
    """The same with biases that are not zero."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for bias in layer.network.biases.values():
            bias.copy_(torch.randn(bias.shape, generator=generator, dtype=torch.float64))
    return layer


def some(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


class TestWhatItComputes:
    """Against two masked nn.Linear."""

    @pytest.mark.parametrize("kernel", KERNELS)
    def test_answers_and_gradients(self, kernel: str) -> None:
        layer = drawn(DendriticLayer(12, 5, dendrites=3, synapses=4, kernel=kernel).double())
        other = masked(layer)
        x, y = some(2, 3, 12).requires_grad_(), some(2, 3, 12).requires_grad_()
        weigh = some(2, 3, 5)
        torch.testing.assert_close(layer(x), other(y), rtol=0, atol=1e-12)
        (layer(x) * weigh).sum().backward()
        (other(y) * weigh).sum().backward()
        torch.testing.assert_close(x.grad, y.grad, rtol=0, atol=1e-12)
        for projection, linear in zip(layer.network.graph.projections, (other[0], other[2]), strict=True):
            source, target = projection.endpoints()
            dense: Any = linear.weight.grad
            mine = layer.network.weights[projection.name].grad
            torch.testing.assert_close(mine, dense[target, source], rtol=0, atol=1e-12)
            torch.testing.assert_close(
                layer.network.biases[projection.target].grad, linear.bias.grad, rtol=0, atol=1e-12
            )

    def test_trained_as_the_masked_pair_is(self) -> None:
        layer = DendriticLayer(10, 4, dendrites=2, synapses=3, dtype=torch.float64)
        other = masked(layer)
        masks = [linear.weight.detach() != 0 for linear in (other[0], other[2])]
        x, goal = some(16, 10), some(16, 4)
        losses = []
        for module in (layer, other):
            optimizer = torch.optim.SGD(module.parameters(), 0.05)
            losses.append([])
            for _ in range(5):
                optimizer.zero_grad()
                loss = (module(x) - goal).square().mean()
                loss.backward()
                optimizer.step()
                if module is other:
                    with torch.no_grad():
                        for linear, mask in zip((other[0], other[2]), masks, strict=True):
                            linear.weight.mul_(mask)
                losses[-1].append(loss.item())
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-10)
        assert losses[0][-1] < losses[0][0]

    @pytest.mark.parametrize("bias", [True, False])
    def test_numbers_of_parameters_are_those_of_the_formula(self, bias: bool) -> None:
        for features, neurons, dendrites, synapses in ((64, 10, 8, 16), (5, 3, 2, 5), (9, 1, 1, 1)):
            layer = DendriticLayer(features, neurons, dendrites, synapses, bias=bias)
            per_dendrite = synapses + (2 if bias else 1)
            assert sum(p.numel() for p in layer.parameters()) == neurons * (dendrites * per_dendrite + bias)

    def test_second_derivatives(self) -> None:
        layer = drawn(DendriticLayer(6, 2, dendrites=2, synapses=3, nonlinearity="tanh", dtype=torch.float64))
        x = some(2, 2, 6).requires_grad_()
        assert torch.autograd.gradcheck(layer, x)
        assert torch.autograd.gradgradcheck(layer, x)

    def test_a_seed_decides_wiring_and_weights(self) -> None:
        one, same, other = (DendriticLayer(20, 4, 2, 5, seed=seed) for seed in (1, 1, 2))
        x = some(3, 20, dtype=torch.float32)
        assert torch.equal(one(x), same(x))
        assert one.network.graph.connectivity_hash == same.network.graph.connectivity_hash
        assert one.network.graph.connectivity_hash != other.network.graph.connectivity_hash


class TestShapes:
    """Any leading dimensions, any floating type."""

    @pytest.mark.parametrize("leading", LEADING, ids=str)
    def test_as_nn_linear(self, leading: tuple[int, ...]) -> None:
        layer, linear = DendriticLayer(12, 5, 3, 4), nn.Linear(12, 5)
        x = some(*leading, 12, dtype=torch.float32).requires_grad_()
        y = layer(x)
        assert y.shape == linear(x).shape == (*leading, 5)
        assert y.is_contiguous(), "nn.Linear's answer can be viewed; so can this"
        y.sum().backward()
        assert x.grad is not None and x.grad.shape == x.shape
        flat = layer(x.reshape(-1, 12))
        torch.testing.assert_close(y.reshape(-1, 5), flat, rtol=1e-6, atol=1e-6)

    def test_inputs_that_are_not_contiguous(self) -> None:
        layer = DendriticLayer(12, 5, 3, 4)
        x = some(12, 3, 2, dtype=torch.float32).permute(2, 1, 0)
        torch.testing.assert_close(layer(x), layer(x.contiguous()))
        wide = some(3, 24, dtype=torch.float32)[:, ::2]
        torch.testing.assert_close(layer(wide), layer(wide.contiguous()))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    def test_types(self, dtype: torch.dtype) -> None:
        layer = DendriticLayer(12, 5, 3, 4, dtype=dtype)
        assert {p.dtype for p in layer.parameters()} == {dtype}
        x = some(2, 3, 12, dtype=dtype).requires_grad_()
        y = layer(x)
        assert y.dtype == dtype
        y.float().sum().backward()
        assert x.grad is not None and x.grad.dtype == dtype
        exact = DendriticLayer(12, 5, 3, 4).double()(x.detach().double())
        torch.testing.assert_close(y.double(), exact, rtol=0, atol=20 * torch.finfo(dtype).eps)

    def test_the_default_type_holds(self) -> None:
        torch.set_default_dtype(torch.float64)
        try:
            layer = DendriticLayer(12, 5, 3, 4)
            assert {p.dtype for p in layer.parameters()} == {torch.float64}
            assert layer(torch.randn(2, 12)).dtype == torch.float64
        finally:
            torch.set_default_dtype(torch.float32)

    def test_autocast(self) -> None:
        model = nn.Sequential(nn.Linear(12, 12), DendriticLayer(12, 6, 3, 4), nn.LayerNorm(6), nn.Linear(6, 2))
        x = some(4, 12, dtype=torch.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = model(x)
        assert y.dtype == torch.bfloat16
        torch.testing.assert_close(y.float(), model(x), rtol=0.05, atol=0.05)
        y.float().sum().backward()
        assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())

    @pytest.mark.parametrize("shape", [(11,), (3, 13), (12, 3), ()])
    def test_another_last_dimension_is_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"the input has shape \(.*\), expected \(\.\.\., 12\)"):
            DendriticLayer(12, 5, 3, 4)(torch.zeros(shape))

    def test_whole_numbers_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"holds torch.int64, expected a floating-point type"):
            DendriticLayer(12, 5, 3, 4)(torch.zeros(2, 12, dtype=torch.int64))

    @pytest.mark.cuda
    def test_on_a_gpu(self) -> None:
        layer = DendriticLayer(64, 10, device="cuda")
        assert {p.device.type for p in layer.parameters()} == {"cuda"}
        x = some(2, 3, 64, dtype=torch.float32)
        torch.testing.assert_close(layer(x.cuda()).cpu(), copy.deepcopy(layer).cpu()(x), rtol=1e-4, atol=1e-5)
        with torch.autocast("cuda"):
            layer(x.cuda()).float().sum().backward()


class TestAsAModule:
    """state_dict, copies, torch.compile, hooks: whatever people do with modules."""

    def test_state_dict_there_and_back(self) -> None:
        one, other = drawn(DendriticLayer(12, 5, 3, 4)), DendriticLayer(12, 5, 3, 4)
        file = io.BytesIO()
        torch.save(one.state_dict(), file)
        file.seek(0)
        other.load_state_dict(torch.load(file, weights_only=True))
        x = some(3, 12, dtype=torch.float32)
        assert torch.equal(one(x), other(x))

    def test_the_state_of_another_wiring_is_refused(self) -> None:
        """The parameters would fit, and mean something else."""
        one, other = DendriticLayer(12, 5, 3, 4, seed=1), DendriticLayer(12, 5, 3, 4, seed=2)
        before = copy.deepcopy(other.state_dict())
        with pytest.raises(DendrographError, match=r"other wiring than in_features=12, out_features=5.*seed=2"):
            nn.Sequential(other).load_state_dict(nn.Sequential(one).state_dict())
        assert before.keys() == other.state_dict().keys()
        part = one.state_dict()
        del part["_extra_state"], part["network.biases.layer/soma"]
        with pytest.raises(DendrographError, match="other wiring: features->layer/dendrite has wiring"):
            other.load_state_dict(part, strict=False)
        assert all(torch.equal(before[name], value) for name, value in other.state_dict().items())
        averaged = {key: (value.float() + value.float()) / 2 for key, value in one.state_dict().items()}
        one.load_state_dict(averaged)  # whoever averages states averages the hash with them

    def test_deep_copies_are_independent(self) -> None:
        layer = DendriticLayer(12, 5, 3, 4)
        other = copy.deepcopy(layer)
        x = some(3, 12, dtype=torch.float32)
        assert torch.equal(layer(x), other(x))
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(1)
        assert not torch.equal(layer(x), other(x))

    @pytest.mark.slow
    @OF_TORCH_COMPILE
    def test_torch_compile(self) -> None:
        torch.compiler.reset()
        model = nn.Sequential(nn.Linear(12, 12), DendriticLayer(12, 5, 3, 4), nn.ReLU()).double()
        fast = torch.compile(model, backend="aot_eager", fullgraph=True)
        found = []
        for module in (model, fast):
            model.zero_grad()
            y = module(some(2, 3, 12))
            y.square().sum().backward()
            found.append([y.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
        assert len(found[0]) == len(found[1]) == 7
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)

    def test_functional_call(self) -> None:
        layer = DendriticLayer(12, 5, 3, 4, kernel="scatter", dtype=torch.float64)
        parameters = dict(layer.named_parameters())
        half = {name: value / 2 for name, value in parameters.items()}
        x = some(4, 12)
        torch.testing.assert_close(torch.func.functional_call(layer, parameters, x), layer(x))
        assert not torch.allclose(torch.func.functional_call(layer, half, x), layer(x))

    def test_what_it_says_of_itself(self) -> None:
        text = repr(DendriticLayer(64, 10, nonlinearity={"name": "nmda", "gain": 2}, seed=5))
        assert "in_features=64, out_features=10, dendrites=8, synapses=16, field=random, nonlinearity=" in text
        assert "seed=5" in text and "1,450 parameters" in text
        tree = {
            "dendrites": [
                {"name": "basal", "count": 2, "synapses": {"count": 3}},
                {"name": "apical", "dendrites": [{"name": "tuft", "count": 4, "synapses": {"count": 2}}]},
            ]
        }
        assert "neuron=soma(2 basal, apical(4 tuft))" in repr(DendriticLayer(64, 10, neuron=tree))


class TestInOthersNetworks:
    """Where people have an nn.Linear."""

    def learns(self, model: nn.Module, x: Tensor, goal: Tensor) -> None:
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        losses = []
        for _ in range(60):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), goal)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.6 * losses[0]
        assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters())

    def test_a_sequence(self) -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), DendriticLayer(64, 32, seed=1), nn.ReLU(), DendriticLayer(32, 3, seed=2))
        x = some(60, 8, 8, dtype=torch.float32)
        self.learns(model, x, x.flatten(1)[:, :3].argmax(1))

    def test_the_head_of_a_convolutional_network(self) -> None:
        torch.manual_seed(0)
        head = DendriticLayer(8 * 4 * 4, 3, field="local", shape=(8, 16))
        model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), head)
        x = some(60, 1, 8, 8, dtype=torch.float32)
        self.learns(model, x, x.flatten(1)[:, :3].argmax(1))

    def test_channels_last(self) -> None:
        """A 1 × 1 convolution is an nn.Linear over the last dimension."""
        layer = DendriticLayer(6, 4, 2, 3)
        x = some(2, 6, 5, 5, dtype=torch.float32).to(memory_format=torch.channels_last)
        assert layer(x.movedim(1, -1)).movedim(-1, 1).shape == (2, 4, 5, 5)

    @pytest.mark.parametrize("training", [True, False])
    def test_the_feed_forward_part_of_pytorchs_transformer(self, training: bool) -> None:
        torch.manual_seed(0)
        block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        block.linear1 = DendriticLayer(16, 32, 4, 8, seed=1)  # type: ignore[assignment]
        block.linear2 = DendriticLayer(32, 16, 4, 8, seed=2)  # type: ignore[assignment]
        model = nn.Sequential(block, nn.Flatten(), nn.Linear(5 * 16, 3))
        x = some(30, 5, 16, dtype=torch.float32)
        if training:
            self.learns(model, x, x.sum(1)[:, :3].argmax(1))
            return
        # In evaluation PyTorch's fused path would read the weight matrix of an nn.Linear, which is not there.
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with torch.no_grad():
                expected = model(x)
                torch.testing.assert_close(model.eval()(x), expected)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)


class TestTrees:
    """Any tree of the language."""

    TREE: Mapping[str, Any] = {
        "nonlinearity": "softplus",
        "dendrites": [
            {"name": "basal", "count": 3, "synapses": {"count": 4, "field": "local"}},
            {
                "name": "apical",
                "integration": "max",
                "dendrites": [{"name": "tuft", "count": 2, "synapses": {"from": "features", "field": "all"}}],
            },
        ],
    }

    def test_a_mapping_of_the_language(self) -> None:
        layer = DendriticLayer(12, 5, neuron=self.TREE, shape=(3, 4))
        sizes = {group.name: group.size for group in layer.network.graph.groups}
        assert sizes == {
            "features": 12,
            "layer/basal": 15,
            "layer/apical/tuft": 10,
            "layer/apical": 5,
            "layer/soma": 5,
        }
        assert (layer(some(3, 12, dtype=torch.float32)) > 0).all(), "the soma's own nonlinearity"
        assert layer.network.graph.inputs == {"features": (3, 4)}

    def test_compartments(self) -> None:
        neuron = Compartment(
            nonlinearity=Nonlinearity("identity", ()),
            dendrites=(Compartment("dendrite", 8, synapses=(Synapses(16),)),),
        )
        one, other = DendriticLayer(64, 10, neuron=neuron), DendriticLayer(64, 10)
        x = some(3, 64, dtype=torch.float32)
        assert torch.equal(one(x), other(x))

    def test_a_neuron_of_a_file_whatever_it_calls_its_stream(self) -> None:
        soma = load("dann-lrf").neurons["pyramidal"]
        layer = DendriticLayer(64, 10, neuron=soma)
        assert layer(some(3, 64, dtype=torch.float32)).shape == (3, 10)
        named = Compartment(synapses=(Synapses(3, ("pixels",)), Synapses(2)))
        assert DendriticLayer(64, 10, neuron=named).network.graph.inputs == {"pixels": (64,)}

    def test_excitability_and_signs(self) -> None:
        gain = {"name": "nmda", "gain": {"value": 2.0, "trainable": "compartment"}}
        layer = DendriticLayer(12, 5, 3, 4, nonlinearity=gain)
        assert layer.network.excitability["layer/dendrite:gain"].shape == (15,)
        signed = {"synapses": [{"count": 3, "sign": "excitatory"}, {"count": 2, "sign": "shunting"}]}
        assert DendriticLayer(12, 5, neuron=signed)(torch.rand(2, 12)).shape == (2, 5)

    def test_every_feature(self) -> None:
        layer = DendriticLayer(12, 5, 3, synapses="all")
        assert [projection.edges for projection in layer.network.graph.projections] == [12 * 15, 15]
        assert "synapses=all" in repr(layer)

    def test_the_plan_is_that_of_the_network(self) -> None:
        layer = DendriticLayer(784, 8)
        kernel = "compiled" if BUILT else "fused"
        assert layer.network.plan.choices[0].kernel.name == kernel
        assert native is None or layer.network.plan.passes
        assert {c.kernel.name for c in DendriticLayer(784, 8, kernel="reference").network.plan.choices} == {"reference"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_features": 0}, "in_features must be a whole number of at least 1, found 0"),
        ({"in_features": 2.5}, "in_features must be a whole number of at least 1, found 2.5"),
        ({"out_features": -3}, "out_features must be a whole number of at least 1, found -3"),
        ({"out_features": True}, "out_features must be a whole number of at least 1, found True"),
        ({"dendrites": 0}, "dendrites must be a whole number of at least 1, found 0"),
        ({"synapses": "some"}, "synapses must be a whole number of at least 1, found 'some'"),
        ({"synapses": 65}, "65 synapses a dendrite, but there are 64 features\n  at most 64, or 'all'"),
        ({"in_features": 8, "synapses": 16}, "16 synapses a dendrite, but there are 8 features\n  at most 8, or 'all'"),
        ({"seed": -1}, "the seed must be a whole number of at least 0, found -1"),
        ({"kernel": "fuse"}, "unknown kernel 'fuse'\n  did you mean 'fused'? kernels: "),
        ({"field": "all"}, "field 'all' takes no number of synapses\n  write synapses='all', and no field"),
        ({"field": "local", "synapses": "all"}, "synapses 'all' contradicts field 'local'\n  leave the field out"),
        (
            {"field": "rndom"},
            "DendriticLayer(64, 10): neurons.neuron.dendrites[0].synapses.field: unknown field 'rndom'\n"
            "  did you mean 'random'? known: ",
        ),
        (
            {"nonlinearity": "leaky_rleu"},
            "DendriticLayer(64, 10): neurons.neuron.dendrites[0].nonlinearity: unknown nonlinearity 'leaky_rleu'\n"
            "  did you mean 'leaky_relu'? known: ",
        ),
        (
            {"soma": {"name": "elu", "alpha": -1}},
            "DendriticLayer(64, 10): neurons.neuron.nonlinearity.alpha: expected a number greater than 0, found -1",
        ),
        (
            {"bias": "no"},
            "DendriticLayer(64, 10): neurons.neuron.bias: expected true, false or {trainable: false}, found 'no'",
        ),
        ({"shape": (8, 9)}, "shape (8, 9) is no grid of 64 features\n  give (height, width)"),
        ({"shape": 64}, "shape 64 is no grid of 64 features"),
        ({"shape": (-8, -8)}, "shape (-8, -8) is no grid of 64 features"),
        ({"shape": (2, 2, 4, 4)}, "shape (2, 2, 4, 4) is no grid of 64 features"),
        (
            {"neuron": {"synapses": {"count": 3}}, "dendrites": 4},
            "neuron and dendrites are both given\n  leave one out: a neuron is a whole tree",
        ),
        ({"neuron": "pyramidal"}, "DendriticLayer(64, 10): neurons.neuron: expected a mapping of "),
        (
            {"neuron": {"synapses": {"count": 3, "from": "image"}}},
            "DendriticLayer(64, 10): neurons.neuron.synapses.from: unknown source 'image'\n",
        ),
        (
            {"neuron": Compartment(synapses=(Synapses(3, ("left", "right")),))},
            "the neuron draws from left and right\n  a DendriticLayer has one input",
        ),
        (
            {"neuron": Compartment()},
            "DendriticLayer(64, 10): neurons.neuron: the soma has neither synapses nor dendrites",
        ),
        (
            {"field": "local", "shape": (4, 4, 4), "synapses": 17},
            "DendriticLayer(64, 10): neurons.neuron.dendrites[0].synapses.count: 17 positions asked for",
        ),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_meant(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DendrographError) as error:
        DendriticLayer(**{"in_features": 64, "out_features": 10, **arguments})
    assert str(error.value).startswith(message), str(error.value)


@pytest.mark.slow
@OF_TORCH_COMPILE
@pytest.mark.parametrize("integration", ["sum", "mean", "max", "min", "product"])
def test_what_traces_sees_the_operations(integration: str) -> None:
    layer = DendriticLayer(12, 5, neuron={"integration": integration, "synapses": {"count": 3}})
    x = torch.randn(2, 12)
    torch.compiler.reset()
    torch.testing.assert_close(torch.compile(layer, backend="eager")(x), layer(x))
    torch.testing.assert_close(make_fx(layer)(torch.ones(2, 12))(x), layer(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_comes_back_from_a_pickle(dtype: torch.dtype) -> None:
    layer, x = DendriticLayer(12, 5, synapses=4).to(dtype), torch.randn(3, 12, dtype=dtype)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), layer(x))


def test_the_default_type_is_taken() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        layer = DendriticLayer(12, 5, synapses=4)
        assert {parameter.dtype for parameter in layer.parameters()} == {torch.float64}
        assert layer(torch.randn(2, 12)).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_neuron_may_draw_from_a_stream_of_any_name() -> None:
    neuron = Compartment(dendrites=[Compartment("d", 3, synapses=Synapses(4, sources="layer"))])
    assert DendriticLayer(12, 5, neuron=neuron)(torch.randn(2, 12)).shape == (2, 5)


# --- the conventions of nn.Linear -------------------------------------------------------------------------------------


def test_fewer_features_than_sixteen_are_all_drawn_from() -> None:
    layer = DendriticLayer(8, 3)
    assert "synapses=8" in repr(layer) and layer.network.graph.projections[0].edges == 3 * 8 * 8
    assert "synapses=16" in repr(DendriticLayer(17, 3))
    usual, given = (DendriticLayer(17, 3, synapses=synapses).network.graph for synapses in (None, 16))
    assert usual.connectivity_hash == given.connectivity_hash


def test_dropout_leaves_dendrites_out_in_training_only() -> None:
    layer = DendriticLayer(12, 5, synapses=4, dropout=0.5)
    x = torch.randn(64, 12)
    assert [group.dropout for group in layer.network.graph.groups] == [0.0, 0.5, 0.0]
    torch.manual_seed(0)
    left_out = layer.network.activations(x)["layer/dendrite"] == 0
    assert 0.4 < left_out.float().mean() < 0.6 and not torch.equal(layer(x), layer(x))
    torch.testing.assert_close(layer.eval()(x), DendriticLayer(12, 5, synapses=4)(x), msg="else it is the same layer")
    assert "dropout=0.5" in repr(layer)


@pytest.mark.parametrize("dropout", [1.5, -0.1, "half", None, True])
def test_dropout_is_a_share(dropout: Any) -> None:
    with pytest.raises(DendrographError, match="dropout"):
        DendriticLayer(12, 5, dropout=dropout)


@pytest.mark.parametrize("argument", ["nonlinearity", "soma"])
@pytest.mark.parametrize(
    ("given", "way"),
    [
        (torch.sin, "found the function sin\n  register it, and pass its name: register_nonlinearity('sin', equation"),
        (lambda u: u, "register_nonlinearity('mine'"),
        (torch.nn.functional.gelu, "pass the name 'gelu'"),
        (nn.ReLU(), "pass the name 'relu'"),
        (nn.LeakyReLU, "pass the name 'leaky_relu'"),
        (3, "expected str or Mapping or Nonlinearity, found 3"),
        (None, "found None"),
    ],
    ids=["torch", "own", "functional", "module", "class", "number", "none"],
)
def test_a_function_in_place_of_a_nonlinearity_is_refused_with_the_way_to_register_it(
    argument: str, given: Any, way: str
) -> None:
    with pytest.raises(TypeError) as error:
        DendriticLayer(32, 3, **{argument: given})
    assert str(error.value).startswith(f"`{argument}`: expected ") and way in str(error.value)


def test_weights_decay_and_biases_do_not() -> None:
    learnt = {"name": "elu", "alpha": {"value": 1.0, "trainable": "group"}}
    layer = DendriticLayer(12, 5, synapses=4, nonlinearity=learnt)
    model = nn.Sequential(layer, nn.Linear(5, 4), nn.LayerNorm(4), layer)
    decaying, rest = parameter_groups(model, 0.1)
    assert (decaying["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(one)] for one in decaying["params"]} == {
        "0.network.weights.features->layer/dendrite",
        "0.network.weights.layer/dendrite->layer/soma",
        "1.weight",
    }
    assert len(decaying["params"]) + len(rest["params"]) == len(names), "each once"
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.5), lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for old, parameter in zip(before, model.parameters(), strict=True):
        decays = any(parameter is one for one in decaying["params"])
        torch.testing.assert_close(parameter.detach(), old * 0.95 if decays else old)
    frozen = nn.Linear(2, 2).requires_grad_(False)
    assert [group["params"] for group in parameter_groups(frozen, 0.1)] == [[], []]
    with pytest.raises(TypeError, match="expected Module"):
        parameter_groups([frozen], 0.1)  # type: ignore[arg-type]


@pytest.mark.slow
@OF_TORCH_COMPILE
def test_the_first_call_may_be_compiled_as_one_graph(hiding: str) -> None:
    """In a fresh process: a call before it would have computed what must not be computed on the way."""
    program = f"""{hiding}
import torch
from dendrograph import DendriticLayer
neuron = {{"synapses": {{"count": 3}}, "dendrites": [{{"name": "d", "count": 2, "synapses": {{"count": 4}}}}]}}
for layer in (DendriticLayer(12, 5), DendriticLayer(12, 5, kernel="dense"), DendriticLayer(12, 5, neuron=neuron)):
    x = torch.randn(3, 12)
    found = torch.compile(layer, backend="eager", fullgraph=True)(x)
    torch.testing.assert_close(found, layer(x))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- initial weights, drawn anew --------------------------------------------------------------------------------------


def test_reset_parameters_draws_the_initial_weights_anew() -> None:
    model = nn.Sequential(DendriticLayer(12, 6, dendrites=3, synapses=4, seed=3), nn.Linear(6, 2))
    layer = model[0]
    assert isinstance(layer, DendriticLayer)
    began = copy.deepcopy(layer.state_dict())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(7.0)
    places = [parameter.data_ptr() for parameter in model.parameters()]
    model.apply(lambda module: module.reset_parameters() if hasattr(module, "reset_parameters") else None)
    assert all(torch.equal(began[name], value) for name, value in layer.state_dict().items())
    assert places == [parameter.data_ptr() for parameter in model.parameters()], "in place"
    layer.reset_parameters(seed=8)
    weights = layer.network.weights["features->layer/dendrite"]
    assert not torch.equal(weights, began["network.weights.features->layer/dendrite"])
    other = DendriticLayer(12, 6, dendrites=3, synapses=4, seed=3)
    other.reset_parameters(8)
    assert torch.equal(weights, other.network.weights["features->layer/dendrite"])
    with pytest.raises(DendrographError, match=r"seed must be a whole number of at least 0, found 1\.5"):
        other.reset_parameters(1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_deferred_initialisation_gives_the_same_layer(dtype: torch.dtype) -> None:
    x = torch.randn(3, 12, dtype=dtype)
    expected = DendriticLayer(12, 5, synapses=4, seed=2, dtype=dtype)(x)
    with torch.device("meta"):
        inside = DendriticLayer(12, 5, synapses=4, seed=2, dtype=dtype)
    moved = DendriticLayer(12, 5, synapses=4, seed=2, dtype=dtype).to("meta")
    for layer in (inside, DendriticLayer(12, 5, synapses=4, seed=2, device="meta", dtype=dtype), moved):
        assert {parameter.device.type for parameter in layer.parameters()} == {"meta"}
        layer.reset_parameters()  # there is nothing to fill yet
        layer.to_empty(device="cpu")
        layer.reset_parameters()
        assert torch.equal(layer(x), expected)


def test_a_tensor_is_expected() -> None:
    layer = DendriticLayer(12, 6, dendrites=2, synapses=3)
    with pytest.raises(TypeError) as error:
        layer(np.zeros((2, 12), np.float32))
    assert str(error.value) == (
        "`x`: expected torch.Tensor, found an object of type numpy.ndarray of shape (2, 12)\n"
        "  pass torch.from_numpy(x).float()"
    )
