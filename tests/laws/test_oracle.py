"""An oracle outside the engine: the same network as masked dense layers in plain PyTorch.

It is built from the graph's public tables and the network's weights alone: node numbers, `edge_index`, the names of
groups. Nothing of dendrograph runs in its forward pass: no kernel, no nonlinearity, no plan, no stage.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from models import PAPERS
from oracle import FUNCTIONS, by_hand
from torch import Tensor, nn
from trees import BUILT_IN, KERNELS, assert_same, gradients, inputs_of, random_case

from dendrograph import DendriticNetwork, Graph, compile, load
from dendrograph.morphology.shipped import shipped


class MaskedNetwork(nn.Module):
    """Each projection is an `nn.Linear` whose weight is masked at every forward pass, as the paper's code has it."""

    def __init__(self, graph: Graph, weights: Mapping[str, Tensor], biases: Mapping[str, Tensor]) -> None:
        super().__init__()
        nodes, edges = graph.node_table(), graph.edge_table()
        names = list(dict.fromkeys(nodes["group"].tolist()))
        members = {name: torch.from_numpy((nodes["group"] == name).nonzero()[0]) for name in names}
        roles = {name: nodes["role"][members[name][0]] for name in names}
        self.functions = {
            group.name: (group.nonlinearity.name, dict(group.nonlinearity.parameters)) for group in graph.groups
        }
        self.bias = nn.ParameterDict({name: nn.Parameter(bias.detach().clone()) for name, bias in biases.items()})
        self.linear = nn.ModuleDict()
        self.cells: dict[str, tuple[Tensor, Tensor]] = {}  # row and column of each edge in the weight of its layer
        self.ends: dict[str, tuple[str, str]] = {}
        self.streams = [name for name in names if roles[name] == "input"]
        self.order = [name for name in names if roles[name] != "input"]
        self.sizes = {name: len(members[name]) for name in names}
        for name in dict.fromkeys(projection.name for projection in graph.projections):
            of_it = torch.from_numpy(edges["projection"] == name)
            source, target = graph.edge_index[:, of_it]
            ends = next((p.source, p.target) for p in graph.projections if p.name == name)
            # Node numbers of a group are contiguous; membership is checked, not assumed.
            column, row = source - members[ends[0]][0], target - members[ends[1]][0]
            assert torch.equal(members[ends[0]][column], source) and torch.equal(members[ends[1]][row], target)
            layer = nn.Linear(self.sizes[ends[0]], self.sizes[ends[1]], bias=False)
            with torch.no_grad():
                layer.weight.zero_().index_put_((row, column), weights[name].detach(), accumulate=True)
            mask = torch.zeros_like(layer.weight)
            mask[row, column] = 1.0
            layer.register_buffer("mask", mask)
            self.linear[name], self.cells[name], self.ends[name] = layer, (row, column), ends

    def forward(self, x: Mapping[str, Tensor]) -> Tensor:
        values = {name: x[name].reshape(len(x[name]), -1) for name in self.streams}
        waiting = list(self.order)
        while waiting:  # whichever group has all its sources is next
            name = next(
                name for name in waiting if all(s in values for s, target in self.ends.values() if target == name)
            )
            waiting.remove(name)
            u = next(iter(values.values())).new_zeros(len(next(iter(values.values()))), self.sizes[name])
            for projection, (source, target) in self.ends.items():
                if target == name:
                    layer = self.linear[projection]
                    u = u + nn.functional.linear(values[source], layer.weight * layer.mask)
            if name in self.bias:
                u = u + self.bias[name]
            function, parameters = self.functions[name]
            values[name] = FUNCTIONS[function](u, **parameters)
        return values["readout"]

    def gradients(self, x: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits and gradients under the names that the network gives them: one for each edge, bias and input."""
        logits, found = gradients(self, x)
        named = {}
        for name, gradient in found.items():
            if name.startswith("linear."):
                projection = name.removeprefix("linear.").removesuffix(".weight")
                named[f"weights.{projection}"] = gradient[self.cells[projection]]
            else:
                named[name.replace("bias.", "biases.")] = gradient
        return logits, named


def _hold_to_oracle(graph: Graph, batch: int) -> float:
    """Logits and gradients under every kernel; returns the share of tensors whose gradient is not all zero."""
    x = inputs_of(graph, batch, torch.float32)
    for kernel in KERNELS:
        network = DendriticNetwork(graph, kernel).eval()
        with torch.no_grad():
            for number, bias in enumerate(network.biases.values()):
                bias.copy_(torch.linspace(-0.5, 0.4, len(bias)).roll(number))
        oracle = MaskedNetwork(graph, network.weights, network.biases)
        assert sum(int(layer.mask.sum()) for layer in oracle.linear.values()) <= graph.edges
        expected = oracle.gradients(x)
        assert expected[0].abs().max() > 1e-3
        assert_same(gradients(network, x), expected, 1e-5)
    return float(torch.tensor([gradient.any() for gradient in expected[1].values()]).double().mean())


MODELS = PAPERS


def test_there_are_twelve_models_and_they_ship() -> None:
    assert len(set(MODELS)) == 12 and set(MODELS) <= set(shipped())


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("model", MODELS)
def test_the_models_are_masked_dense_networks(model: str, layers: int) -> None:
    # Small, because the reference kernel is a loop over edges; but images of full size.
    knobs = {"dendrites": 3, "somata": 6, "synapses": 5, "layers": layers}
    if any(synapses_of_all in model for synapses_of_all in ("pdann", "psann")) or model == "vann":
        knobs |= {"dendrites": 2, "somata": 3}
    assert _hold_to_oracle(compile(load(model, knobs), (28, 28), 10, seed=4), batch=5) == 1.0


@pytest.mark.parametrize("model", [name for name in MODELS if name.endswith(("lrf", "grf"))])
def test_models_on_images_of_three_channels(model: str) -> None:
    graph = compile(load(model, {"dendrites": 2, "somata": 5, "synapses": 4}), (9, 8, 3), 7, seed=4)
    assert _hold_to_oracle(graph, batch=4) == 1.0


def test_the_oracle_knows_every_nonlinearity() -> None:
    assert set(FUNCTIONS) == set(BUILT_IN)


@pytest.mark.parametrize("seed", range(100, 140))
def test_random_trees_do_what_the_equations_say(seed: int) -> None:
    """Logits and all gradients, edge by edge, for the whole language."""
    network = random_case(seed).build()
    x = inputs_of(network.graph, 4)

    class Told(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Mapping[str, Tensor]) -> Tensor:
            return by_hand(self.network, x)["readout"]

    logits, found = gradients(Told(), x)
    expected = logits, {name.removeprefix("network."): gradient for name, gradient in found.items()}
    for kernel in KERNELS:
        other = random_case(seed).build(kernel)
        assert_same(gradients(other, x), expected, 1e-8)
    for name, values in network.activations(x).items():
        torch.testing.assert_close(values, by_hand(network, x)[name], rtol=0, atol=1e-8)


def test_the_oracle_would_notice() -> None:
    """One weight moved to another unit, one edge left out, one bias: each shows far above the tolerance."""
    graph = compile(load("dann-lrf", {"dendrites": 3, "somata": 6, "synapses": 5}), (28, 28), 10, seed=4)
    x = inputs_of(graph, 5, torch.float32)
    network = DendriticNetwork(graph).eval()
    logits = network(x)
    for change in ("weights.image->hidden/dendrite", "weights.hidden/dendrite->hidden/soma", "biases.hidden/dendrite"):
        oracle = MaskedNetwork(graph, network.weights, network.biases)
        kind, _, name = change.partition(".")
        with torch.no_grad():
            if kind == "weights":
                row, column = oracle.cells[name]
                oracle.linear[name].weight[row[2], column[2]] = 0.0
            else:
                oracle.bias[name][2] += 0.3
        with pytest.raises(AssertionError):
            assert_same((oracle(x).detach(), {}), (logits.detach(), {}), 1e-5)
