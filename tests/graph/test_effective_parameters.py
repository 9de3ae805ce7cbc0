"""What reaches the output, held to autograd: a parameter is effective if some weights and inputs give it a gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from trees import CORNERS, COVERING, Case, random_case

from dendrograph import DendriticNetwork, Graph, compile, load

DRAWS = 60
RANDOM = tuple(random_case(seed) for seed in range(40))


def _moved(network: DendriticNetwork, graph: Graph, draws: int = DRAWS) -> dict[str, int]:
    """How many numbers of each parameter have a gradient for some weights and some inputs."""
    found: dict[str, torch.Tensor] = {}
    for draw in range(draws):
        generator = torch.Generator().manual_seed(draw)

        def drawn(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: B023

        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(drawn(*parameter.shape))
        logits = network({name: drawn(300, *shape) for name, shape in graph.inputs.items()})
        parameters = dict(network.named_parameters())
        gradients = torch.autograd.grad(
            (logits * drawn(*logits.shape)).sum(), [*parameters.values()], allow_unused=True
        )
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
            moved = torch.zeros_like(parameter, dtype=torch.bool) if gradient is None else gradient != 0
            found[name] = moved | found.get(name, torch.zeros_like(moved))
        if draw > 3 and all(int(moved.sum()) >= graph.reach.effective[name] for name, moved in found.items()):
            break
    return {name: int(moved.sum()) for name, moved in found.items()}


def _network(case: Case) -> DendriticNetwork:
    network = DendriticNetwork(case.compile()).double().eval()
    return network.requires_grad_(True)


def _of_one_sign(case: Case) -> bool:
    """Whether weights keep a sign, so that what they can do is a matter of their values too."""
    signs = {synapses.get("sign", "free") for synapses in case.synapses()} - {"free", "shunting"}
    cables = {compartment.get("cable", {}).get("sign", "free") for compartment in case.compartments()}
    return bool(signs) or "excitatory" in cables or any("sign" in layer for layer in case.morphology["layers"])


@pytest.mark.slow
@pytest.mark.parametrize("case", [*CORNERS, *COVERING], ids=str)
def test_the_effective_parameters_are_those_that_autograd_moves(case: Case) -> None:
    network = _network(case)
    moved, effective = _moved(network, network.graph, 6 if _of_one_sign(case) else DRAWS), network.graph.reach.effective
    assert set(moved) == set(effective)
    if _of_one_sign(case):
        assert all(moved[name] <= effective[name] for name in moved)
    else:
        assert moved == effective


@pytest.mark.parametrize("rule", ["sum", "mean", "max", "min", "product"])
def test_a_silent_source_gives_its_weights_no_gradient(rule: str) -> None:
    silent = {"name": "silent", "count": 2, "bias": False, "synapses": {"count": 0}, "nonlinearity": "relu"}
    heard = {"name": "heard", "count": 1, "synapses": {"count": 2}}
    case = _of({"integration": rule, "dendrites": [silent, heard]}, 3)
    graph = case.compile()
    assert _moved(_network(case), graph) == graph.reach.effective
    assert graph.reach.effective["weights.hidden/silent->hidden/soma"] == 0
    assert graph.reach.effective["weights.hidden/heard->hidden/soma"] == (0 if rule == "product" else 3)
    assert graph.without_input == 6 + 3 * (rule == "product")
    assert graph.without_output == 9 * (rule == "product")  # times 0, whatever it is


def test_shunting_of_nothing_changes_nothing() -> None:
    shunting = {"count": 2, "sign": "shunting"}
    graph = _of({"bias": False, "synapses": shunting, "nonlinearity": "tanh"}, 3).compile()
    assert graph.reach.effective["weights.image->hidden/soma"] == 0
    assert graph.without_input == 3
    graph = _of({"synapses": shunting, "nonlinearity": "tanh"}, 3).compile()
    assert graph.reach.effective["weights.image->hidden/soma"] == 6


def test_a_cable_that_is_fixed_at_zero_passes_nothing() -> None:
    cable = {"init": {"name": "constant", "value": 0.0}, "trainable": False}
    graph = _of({"dendrites": [{"name": "cut", "count": 2, "cable": cable, "synapses": {"count": 3}}]}, 4).compile()
    assert graph.without_output == 8
    assert graph.effective_parameters == 4 + 4 * 3 + 3  # biases of somata, and the readout
    assert graph.trainable_parameters == 8 * 3 + 8 + 4 + 4 * 3 + 3
    assert graph.parameters == graph.trainable_parameters + 8  # the cables


def test_units_that_are_normalised_together_depend_on_each_other() -> None:
    neurons = {
        "first": {"synapses": {"count": 3}, "normalisation": "layer", "nonlinearity": "tanh"},
        "second": {"synapses": {"count": 1}},
    }
    layers = [{"name": "one", "neuron": "first", "count": 20}, {"name": "two", "neuron": "second", "count": 2}]
    case = Case("normalised", {"name": "normalised", "neurons": neurons, "layers": layers}, {"image": (9,)})
    graph = case.compile()
    assert graph.without_output == 18
    assert graph.effective_parameters == graph.parameters
    assert _moved(_network(case), graph) == graph.reach.effective


def test_a_learnt_nonlinearity_counts_where_something_is_learnt_of_it() -> None:
    def of(shared: str, bias: bool) -> Graph:
        gain = {"name": "nmda", "gain": {"trainable": shared}}
        silent = {"name": "d", "count": 2, "bias": bias, "synapses": {"count": 0}, "nonlinearity": gain}
        return _of({"dendrites": [silent]}, 3).compile()

    # What a silent compartment answers is f(0), which has the gain.
    assert of("compartment", False).reach.effective["excitability.hidden/d:gain"] == 6
    assert of("group", False).reach.effective["excitability.hidden/d:gain"] == 1
    sublinear = {"name": "sublinear", "saturation": {"trainable": "compartment"}}
    silent = {"name": "d", "count": 2, "bias": False, "synapses": {"count": 0}, "nonlinearity": sublinear}
    graph = _of({"dendrites": [silent]}, 3).compile()
    assert graph.reach.effective["excitability.hidden/d:saturation"] == 0


def test_inputs_that_nothing_draws_are_named() -> None:
    graph = _of({"synapses": {"count": 1}}, 2).compile()
    assert int((~graph.reach.with_output["image"]).sum()) >= 14
    assert graph.without_output == graph.without_input == 0


def test_the_sparse_control_of_the_paper_has_units_without_an_output() -> None:
    from dendrograph.experiments.controls.controls import survey

    graph = compile(load("dann-lrf"), (28, 28), 10)
    assert (graph.without_output, graph.without_input) == (0, 0)
    assert graph.effective_parameters == graph.parameters
    (control,) = survey(graph, "fan-in-matched")
    assert control.graph is not None
    first = control.graph.groups[1]
    assert control.graph.parameters == 9930
    assert 0.3 < control.graph.without_output / first.size < 0.45
    assert control.graph.effective_parameters < 0.75 * control.graph.parameters


def test_ten_million_synapses_are_followed_as_arrays() -> None:
    somata = {"dendrites": [{"name": "d", "count": 10, "synapses": {"count": 100}}]}
    graph = _of(somata, 10_000, (1000,)).compile()
    assert graph.edges > 10_000_000
    pruned = replace(graph, projections=(*graph.projections[:-1], _fewer(graph)))
    found = pruned.reach
    assert int((~found.with_output["hidden/soma"]).sum()) == 5_000
    assert pruned.effective_parameters < graph.effective_parameters == graph.parameters


def _fewer(graph: Graph) -> Any:
    """The readout's projection from every other soma alone."""
    last = graph.projections[-1]
    source, target = last.endpoints()
    kept = source % 2 == 0
    return replace(last, pairs=(source[kept], target[kept]))


def _of(soma: dict[str, Any], count: int, shape: tuple[int, ...] = (16,)) -> Case:
    morphology = {
        "name": "one",
        "neurons": {"cell": soma},
        "layers": [{"name": "hidden", "neuron": "cell", "count": count}],
    }
    return Case("one", morphology, {"image": shape})
