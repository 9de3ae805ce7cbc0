"""The experiment of a physiologist: sums on one branch and on two, sites, one neuron alone, the figure, the command."""

from __future__ import annotations

import csv
import io
import itertools
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trees
from matplotlib.colors import to_hex
from PIL import Image
from small import train_named

from dendrograph import DendriticNetwork, Graph, Morphology, Run, compile, load
from dendrograph.analysis.stimulate import AMPLITUDES, COLUMNS, NeuronIndex, Stimulation, stimulate
from dendrograph.base.errors import DendrographError
from dendrograph.cli.main import main
from dendrograph.draw.canvas.figure import as_bytes
from dendrograph.draw.plots.panels import MARKERS
from dendrograph.draw.plots.stimulation import KINDS, MOST_RECORDED, stimulation_figure
from dendrograph.morphology.nonlinearities import NONLINEARITIES, bind
from dendrograph.network.single_neuron import Locations, alone, cut_out
from dendrograph.training.model_source import ModelSource

ROOT = Path(__file__).resolve().parents[2]

NMDA = {"name": "nmda", "threshold": 1.0, "gain": 5.0}
SUBLINEAR = {"name": "sublinear", "saturation": 0.8}
FOUR = {"count": 4, "from": "image"}


def of_neuron(soma: Mapping[str, Any], count: int = 3, **more: Any) -> dict[str, Any]:
    layers = [{"name": "hidden", "neuron": "cell", "count": count}]
    return {"name": "stimulated", "inputs": {"image": [4, 4]}, "neurons": {"cell": soma}, "layers": layers, **more}


def with_dendrites(*dendrites: Mapping[str, Any], **soma: Any) -> Graph:
    neuron = {"nonlinearity": "identity", **soma, "dendrites": list(dendrites)}
    return compile(Morphology.from_dict(of_neuron(neuron)))


def basal(nonlinearity: Any, **more: Any) -> dict[str, Any]:
    return {"name": "basal", "count": 4, "nonlinearity": nonlinearity, "synapses": FOUR, **more}


def transfer(nonlinearity: Mapping[str, Any]) -> Callable[[Any], np.ndarray]:
    """The nonlinearity, as a function of arrays."""
    parameters = {key: value for key, value in nonlinearity.items() if key != "name"}
    function = bind(nonlinearity["name"], parameters)
    return lambda u: function(torch.as_tensor(u, dtype=torch.float64)).numpy()


def curve(result: Stimulation, sites: str, recorded: str = "soma", key: str = "measured") -> np.ndarray:
    found = [row[key] for row in result.table if (row["sites"], row["recorded"]) == (sites, recorded)]
    assert found
    return np.array(found)


# Sums on one branch and on two

PAIRS = ("basal[0]+basal[0]", "basal[0]+basal[1]")


@pytest.mark.parametrize("soma", [{}, {"nonlinearity": "leaky_relu"}], ids=["identity", "leaky_relu"])
def test_with_nmda_two_inputs_on_one_branch_do_more_than_their_sum(soma: dict[str, Any]) -> None:
    result = stimulate(with_dendrites(basal(NMDA), **soma), PAIRS)
    one, two = (curve(result, sites, key="supralinearity") for sites in PAIRS)
    moderate = [0 < amplitude < 0.95 for amplitude in AMPLITUDES]
    assert (one[moderate] > 0.002).all() and one.max() > 0.3
    assert one[-1] < -0.9, "a branch has one plateau, however much it gets"
    assert np.abs(two).max() < 1e-12


@pytest.mark.parametrize("soma", [{}, {"nonlinearity": "leaky_relu"}], ids=["identity", "leaky_relu"])
def test_with_sublinear_two_inputs_on_one_branch_do_less_than_their_sum(soma: dict[str, Any]) -> None:
    result = stimulate(with_dendrites(basal(SUBLINEAR), **soma), PAIRS)
    one, two = (curve(result, sites, key="supralinearity") for sites in PAIRS)
    assert one[0] == 0 and (one[1:] < -0.01).all() and (np.diff(one) < 0).all()
    assert np.abs(two).max() < 1e-12


@pytest.mark.parametrize("name", trees.BUILT_IN)
def test_closed_form(name: str) -> None:
    """A linear soma: f(I) - f(0) of one input, f(2I) - f(0) on one branch, 2 (f(I) - f(0)) on two."""
    amplitudes = np.linspace(-2, 3, 21)
    f = transfer({"name": name, **NONLINEARITIES[name].defaults})
    result = stimulate(
        with_dendrites(basal(name)), ["basal[2]", "basal[2]+basal[2]", "basal[2]+basal[0]"], None, amplitudes
    )
    single, twice = f(amplitudes) - f(0.0), f(2 * amplitudes) - f(0.0)
    assert np.allclose(curve(result, "basal[2]"), single, atol=1e-12)
    assert np.allclose(curve(result, "basal[2]+basal[2]"), twice, atol=1e-12)
    assert np.allclose(curve(result, "basal[2]+basal[0]"), 2 * single, atol=1e-12)
    for sites in ("basal[2]+basal[2]", "basal[2]+basal[0]"):
        assert np.allclose(curve(result, sites, key="arithmetic_sum"), 2 * single, atol=1e-12)
        assert np.allclose(curve(result, sites, key="first"), single, atol=1e-12)
    assert math.isclose(result.rest["soma"], 4 * float(f(0.0)), abs_tol=1e-12)


def test_two_kinds_of_dendrites_add_in_the_soma() -> None:
    thin, passive = {**basal(NMDA), "name": "thin"}, {**basal(SUBLINEAR), "name": "passive"}
    result = stimulate(with_dendrites(thin, passive), ["thin[0]+passive[3]"], ["soma", "thin[0]", "thin[1]"])
    f, g, x = transfer(NMDA), transfer(SUBLINEAR), np.array(AMPLITUDES)
    sites = "thin[0]+passive[3]"
    assert np.allclose(curve(result, sites, key="first"), f(x) - f(0.0))
    assert np.allclose(curve(result, sites, key="second"), g(x))
    assert np.allclose(curve(result, sites), f(x) - f(0.0) + g(x))
    assert np.allclose(curve(result, sites, "thin[0]"), f(x) - f(0.0)), "the other branch does not reach it"
    assert not curve(result, sites, "thin[1]").any()


def test_what_a_soma_makes_of_two_branches_is_measured_too() -> None:
    """A sigmoidal soma: branches that add no longer give the sum of the answers."""
    result = stimulate(with_dendrites(basal("identity"), nonlinearity=NMDA), ["basal[0]+basal[1]"])
    f, x = transfer(NMDA), np.array(AMPLITUDES)
    supra = curve(result, "basal[0]+basal[1]", key="supralinearity")
    assert np.allclose(supra, f(2 * x) - 2 * f(x) + f(0.0)) and supra.max() > 0.3


TUFT = {
    "name": "tuft",
    "count": 3,
    "nonlinearity": NMDA,
    "synapses": FOUR,
    "cable": {"length_um": 100, "diameter_um": 1},
}


def trunk(**more: Any) -> dict[str, Any]:
    return {"name": "trunk", "count": 2, "nonlinearity": "identity", "dendrites": [TUFT], **more}


def test_branches_of_one_dendrite_meet_in_it() -> None:
    result = stimulate(
        with_dendrites(trunk(nonlinearity=SUBLINEAR)),
        ["trunk/tuft[0]+trunk/tuft[2]", "trunk/tuft[0]+trunk/tuft[3]", "trunk[0]+trunk/tuft[1]", "soma+trunk[0]"],
    )
    kinds = {row["sites"]: row["kind"] for row in result.table}
    assert list(kinds.values()) == ["same branch", "different branches", "same branch", "different branches"]
    f, g, x = transfer(NMDA), transfer(SUBLINEAR), np.array(AMPLITUDES)
    loss = math.exp(-100 / (1e4 * math.sqrt(1e-4 * 20_000 / 600)))
    rest = 3 * loss * f(0.0)
    both = g(rest + 2 * loss * (f(x) - f(0.0))) - g(rest)
    assert np.allclose(curve(result, "trunk/tuft[0]+trunk/tuft[2]"), both)
    assert (curve(result, "trunk/tuft[0]+trunk/tuft[2]", key="supralinearity")[1:] < 0).all()
    for sites in ("trunk/tuft[0]+trunk/tuft[3]", "soma+trunk[0]"):
        assert np.abs(curve(result, sites, key="supralinearity")).max() < 1e-12
    assert np.allclose(curve(result, "trunk[0]+trunk/tuft[1]"), g(rest + x + loss * (f(x) - f(0.0))) - g(rest))


# Cables

LAMBDA = 1e4 * math.sqrt(2e-4 * 20_000 / (4 * 150))  # of 2 µm, in µm


@pytest.mark.parametrize(
    ("cable", "passes"),
    [
        ({}, 1.0),
        ({"init": "he", "sign": "excitatory"}, 1.0),
        ({"length_um": 300, "diameter_um": 2}, math.exp(-300 / LAMBDA)),
        ({"length_um": 300, "diameter_um": 2, "attenuation": "initial"}, math.exp(-300 / LAMBDA)),
        ({"length_um": 300, "diameter_um": 2, "trainable": False}, math.exp(-300 / LAMBDA)),
        ({"init": {"name": "constant", "value": 0.4}}, 0.4),
        (
            {"init": {"name": "constant", "value": 0.5}, "length_um": 300, "diameter_um": 2},
            0.5 * math.exp(-300 / LAMBDA),
        ),
    ],
)
def test_what_a_cable_passes(cable: dict[str, Any], passes: float) -> None:
    result = stimulate(with_dendrites(basal("identity", cable=cable)), ["basal[1]"], amplitudes=[0, 1, 2])
    assert np.allclose(curve(result, "basal[1]"), [0, passes, 2 * passes], rtol=1e-6)


def test_along_a_tree_attenuations_multiply() -> None:
    tuft = {"name": "tuft", "nonlinearity": "identity", "synapses": FOUR, "cable": {"length_um": 150, "diameter_um": 2}}
    stem = {
        "name": "trunk",
        "nonlinearity": "identity",
        "dendrites": [tuft],
        "cable": {"length_um": 250, "diameter_um": 2},
    }
    result = stimulate(with_dendrites(stem), ["trunk/tuft"], ["trunk/tuft", "trunk", "soma"], [1.0])
    found = [float(curve(result, "trunk/tuft", site)[0]) for site in ("trunk/tuft", "trunk", "soma")]
    assert np.allclose(found, [1, math.exp(-150 / LAMBDA), math.exp(-400 / LAMBDA)], rtol=1e-6)


@pytest.mark.parametrize(("integration", "share"), [("sum", 1.0), ("mean", 1 / 6), ("max", 1.0), ("min", 0.0)])
def test_silent_synapses_count_as_what_they_are(integration: str, share: float) -> None:
    """Messages of 0: two synapses and four cables make a mean of six, and the least of them stays 0."""
    graph = with_dendrites(basal("identity"), integration=integration, synapses={"count": 2, "from": "image"})
    result = stimulate(graph, ["basal[0]", "soma"], amplitudes=[3.0])
    assert np.allclose(curve(result, "basal[0]"), 3 * share)
    assert np.allclose(curve(result, "soma"), 3), "current comes on top of what is integrated"


# One neuron by itself


@pytest.mark.parametrize("seed", range(25))
def test_a_neuron_by_itself_does_what_it_does_in_its_network(seed: int) -> None:
    """Given what its network gives it, and stimulated; each neuron of random networks of the whole language."""
    network = trees.random_case(seed).build(seed=seed)
    with torch.no_grad():
        for number, learnt in enumerate(network.excitability.values()):
            learnt.mul_(
                torch.linspace(0.8, 1.2, max(1, learnt.numel()), dtype=torch.float64).view(learnt.shape) + 0.01 * number
            )
        everything = network.activations(trees.inputs_of(network.graph, 5))
    for soma in [group for group in network.graph.groups if group.role == "soma"]:
        layer = soma.layer
        groups = [group for group in network.graph.groups if group.layer == layer]
        for index in range(soma.neurons):
            if any(group.normalisation != "none" for group in groups):
                with pytest.raises(DendrographError, match="one of its neurons cannot be run alone"):
                    cut_out(network.graph, layer, index)
                continue
            single = alone(network, layer, index)
            own = single.activations({name: everything[name] for name in single.graph.inputs})
            for group in groups:
                each = group.size // group.neurons
                its = everything[group.name][:, index * each : (index + 1) * each]
                torch.testing.assert_close(own[group.name], its, rtol=1e-9, atol=1e-9)
            if all(network.graph.by_name[name].role == "input" for name in single.graph.inputs):
                _stimulated_alike(network, single, layer, index)


def _stimulated_alike(network: DendriticNetwork, single: DendriticNetwork, layer: str, index: int) -> None:
    whole, own = {}, {}
    for group in single.graph.groups:
        if group.role != "input":
            own[group.name] = torch.linspace(-1, 2, 4 * group.size, dtype=torch.float64).view(4, group.size)
            whole[group.name] = torch.zeros(4, network.graph.by_name[group.name].size, dtype=torch.float64)
            whole[group.name][:, index * group.size : (index + 1) * group.size] = own[group.name]
    alike, found = single.respond(own), network.respond(whole)
    for name in own:
        size = single.graph.by_name[name].size
        its = found[name][:, index * size : (index + 1) * size]
        torch.testing.assert_close(alike[name], its, rtol=1e-9, atol=1e-9)


def test_a_network_is_taken_with_its_weights() -> None:
    graph = with_dendrites(basal(NMDA))
    network = DendriticNetwork(graph)
    with torch.no_grad():
        network.biases["hidden/basal"].copy_(torch.linspace(-0.2, 0.3, 12))
    result = stimulate(network, ["basal[3]"], neuron=NeuronIndex(index=2))
    assert result.weights == "own"
    edge = 2 * 4 + 3
    weight, bias = (
        float(tensor.detach()[edge])
        for tensor in (network.weights["hidden/basal->hidden/soma"], network.biases["hidden/basal"])
    )
    f, x = transfer(NMDA), np.array(AMPLITUDES)
    assert np.allclose(curve(result, "basal[3]"), weight * (f(x + bias) - f(bias)), atol=1e-12)
    assert network.weights["hidden/basal->hidden/soma"].dtype == torch.float32, "the network itself stays as it is"


def test_dropout_does_not_act() -> None:
    network = DendriticNetwork(with_dendrites(basal("identity", dropout=0.9))).train()
    assert stimulate(network, ["basal[0]"]) == stimulate(network, ["basal[0]"])
    assert network.training


def test_the_layer_may_be_said_by_its_neuron() -> None:
    morphology = {
        "name": "two-layers",
        "inputs": {"image": [4, 4]},
        "neurons": {
            "point": {"synapses": FOUR},
            "cell": {"nonlinearity": "identity", "dendrites": [basal(NMDA)]},
            "idle": {"synapses": FOUR},
        },
        "layers": [
            {"name": "first", "neuron": "point", "count": 5},
            {"name": "second", "neuron": "cell", "count": 2, "repeat": 2},
        ],
    }
    morphology["neurons"]["cell"]["dendrites"][0]["synapses"] = {"count": 2}
    graph = compile(Morphology.from_dict(morphology))
    assert stimulate(graph).layer == "first"
    assert stimulate(graph, neuron=NeuronIndex(kind="cell")).layer == "second1"
    assert stimulate(graph, neuron=NeuronIndex(kind="cell", layer="second2", index=1)).layer == "second2"
    for chosen, message in {
        ("kind", "cel"): "no neuron 'cel'\n  did you mean 'cell'? neurons: cell, idle, point",
        ("kind", "idle"): "no layer has neurons 'idle'\n  neurons: cell, point",
        ("layer", "frist"): "no layer 'frist'\n  did you mean 'first'? layers: first, second1, second2",
        ("index", 5): "no neuron 5 in layer 'first'\n  they are numbered from 0 to 4",
        ("index", -1): "no neuron -1 in layer 'first'\n  they are numbered from 0 to 4",
    }.items():
        with pytest.raises(DendrographError) as raised:
            stimulate(graph, neuron=NeuronIndex(**dict([chosen])))
        assert str(raised.value) == message
    with pytest.raises(DendrographError, match="layer 'first' has neurons 'point', not 'cell'"):
        stimulate(graph, neuron=NeuronIndex(layer="first", kind="cell"))
    assert stimulate(cut_out(graph, "second1", 1)).layer == "second1", "a neuron by itself is a graph, too"
    with pytest.raises(DendrographError, match="the graph does not know its morphology"):
        stimulate(cut_out(graph, "second1"), neuron=NeuronIndex(kind="cell"))


def test_a_normalised_neuron_is_refused() -> None:
    with pytest.raises(DendrographError) as raised:
        stimulate(with_dendrites(basal(NMDA, normalisation="layer")))
    assert str(raised.value) == (
        "hidden/basal has normalisation 'layer', which takes the activity of the whole layer: one of its neurons "
        "cannot be run alone\n  set normalisation: none for this experiment"
    )


# Locations


@pytest.fixture(scope="module")
def tree() -> Graph:
    return with_dendrites(basal(NMDA), {**trunk(), "name": "apical"}, {"name": "axonal", "synapses": FOUR})


def locations_of(graph: Graph) -> Locations:
    return Locations.of(cut_out(graph, "hidden"), "hidden")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("basl[0]", "'basl[0]': the neuron has no compartment 'basl'\n  did you mean 'basal'? compartments: apical, "),
        (
            "hidden/basal[0]",
            "the neuron has no compartment 'hidden/basal'\n  compartments: apical, apical/tuft, axonal, ",
        ),
        ("basal", "'basal': the neuron has 4 of them\n  say which: basal[0] to basal[3]"),
        ("basal[4]", "'basal[4]': no compartment of that number\n  basal[0] to basal[3]"),
        ("basal[-1]", "'basal[-1]': no compartment of that number\n  basal[0] to basal[3]"),
        ("soma[1]", "'soma[1]': no compartment of that number\n  there is one, soma"),
        ("basal[x]", "'basal[x]' names no compartment\n  write it as basal[0] or soma"),
        ("basal[0", "'basal[0' names no compartment"),
        ("basal[99999999999]", "names no compartment"),
        ("", "'' names no compartment"),
        ("soma+", "'' names no compartment"),
        ("soma+soma+soma", "'soma+soma+soma': 3 compartments together\n  one is stimulated alone, or two as a pair"),
    ],
)
def test_what_names_no_site(tree: Graph, text: str, message: str) -> None:
    with pytest.raises(DendrographError) as raised:
        stimulate(tree, at=[text])
    assert message in str(raised.value)
    if "+" not in text:
        with pytest.raises(DendrographError) as raised:
            stimulate(tree, record=[text])
        assert message in str(raised.value)


def test_a_soma_has_the_name_that_it_is_given() -> None:
    result = stimulate(with_dendrites(basal(NMDA), name="body"))
    assert {row["recorded"] for row in result.table} == {"body"}


def test_nothing_is_named_twice(tree: Graph) -> None:
    for at in (["soma", "soma[0]"], ["basal[0]+basal[1]", "basal[1]+basal[0]"]):
        with pytest.raises(DendrographError, match="is stimulated twice"):
            stimulate(tree, at=at)
    with pytest.raises(DendrographError, match="'soma' is recorded twice"):
        stimulate(tree, record=["soma", "soma"])
    for nothing in ({"at": []}, {"record": []}):
        with pytest.raises(DendrographError, match="no compartment to be"):
            stimulate(tree, **nothing)  # type: ignore[arg-type]


def by_default(graph: Graph) -> list[str]:
    return ["+".join(map(str, stimulus)) for stimulus in locations_of(graph).by_default()]


def test_what_is_stimulated_by_default(tree: Graph) -> None:
    assert by_default(tree) == [
        *("basal[0]", "basal[0]+basal[0]", "basal[0]+basal[1]"),
        *("axonal", "axonal+axonal", "axonal+basal[0]"),
        *("apical/tuft[0]", "apical/tuft[0]+apical/tuft[0]", "apical/tuft[0]+apical/tuft[1]"),
        "apical/tuft[0]+apical/tuft[3]",
    ]
    point = compile(Morphology.from_dict(of_neuron({"synapses": FOUR})))
    assert by_default(point) == ["soma", "soma+soma"]
    two = with_dendrites(*({"name": name, "synapses": FOUR} for name in ("left", "right")))
    assert by_default(two) == ["left", "left+left", "left+right", "right", "right+right"]
    assert not stimulate(tree).left_out


def test_of_many_kinds_of_dendrites_some_are_stimulated_by_default() -> None:
    """As a reconstruction has them; the others are told, and the figure can be drawn."""
    graph = with_dendrites(*({"name": f"d{number}", "synapses": FOUR} for number in range(30)))
    result = stimulate(graph)
    assert result.left_out == tuple(f"d{number}" for number in range(4, 30))
    assert len({row["sites"] for row in result.table if row["kind"] == "single"}) == 4
    assert stimulation_figure(result.table).axes
    assert stimulate(graph, at=["d29"]).left_out == ()
    ends = [{"name": f"e{number}", "synapses": FOUR} for number in range(5)]
    stems = [{"name": name, "dendrites": ends} for name in ("left", "right")]
    of_each = [sites for sites in by_default(with_dendrites(*stems)) if "+" not in sites]
    assert of_each == ["left/e0", "left/e1", "left/e2", "right/e0"], "each dendrite of the soma has its turn"


# The table


def test_the_table_is_tidy(tree: Graph) -> None:
    result = stimulate(tree, ["basal[0]", *PAIRS], ["soma", "basal[1]"], [0.0, 0.5, 2.0])
    assert len(result.table) == 3 * 2 * 3
    for row in result.table:
        assert tuple(row) == COLUMNS
        if row["kind"] == "single":
            assert row["first"] == row["measured"]
            assert row["second"] is row["arithmetic_sum"] is row["supralinearity"] is None
        else:
            assert row["arithmetic_sum"] == row["first"] + row["second"]
            assert row["supralinearity"] == row["measured"] - row["arithmetic_sum"]
        if row["amplitude"] == 0:
            assert row["measured"] == 0, "measured from rest"
    assert [row["kind"] for row in result.table[::3]] == ["single", "same branch", "different branches"] * 2
    lines = list(csv.DictReader(io.StringIO(result.to_csv())))
    assert len(lines) == len(result.table)
    for line, row in zip(lines, result.table, strict=True):
        assert tuple(line) == COLUMNS
        for key, cell in line.items():
            assert cell == ("" if row[key] is None else str(row[key]))
            if isinstance(row[key], float):
                assert float(cell) == row[key], "all digits"


@pytest.mark.parametrize(
    ("amplitudes", "message"),
    [
        ([], "0 amplitudes\n  give at least one"),
        ([0.0] * 10_001, "10,001 amplitudes"),
        ([0, math.nan], "an amplitude is nan\n  give finite numbers"),
        ([math.inf], "an amplitude is inf"),
        (["much"], "amplitudes must be numbers, found ['much']"),
        ([None], "amplitudes must be numbers"),
        ([1e308], "basal[0]+basal[0]: the response is not a finite number\n  give smaller amplitudes"),
    ],
)
def test_bad_amplitudes(amplitudes: Any, message: str) -> None:
    graph = with_dendrites(basal({"name": "leaky_ada"}, cable={"init": {"name": "constant", "value": 1e8}}))
    linear = with_dendrites(basal("identity"))
    with pytest.raises(DendrographError) as raised:
        stimulate(linear, amplitudes=amplitudes)
    assert message in str(raised.value)
    assert stimulate(graph, amplitudes=[1e300]).table, "what decays stays finite"


# The figure


def labels(axes: Any) -> dict[str, Any]:
    return {str(line.get_label()): line for line in axes.lines}


def test_the_lines_are_the_table(tree: Graph) -> None:
    stimuli = ["basal[0]", *PAIRS]
    result = stimulate(tree, stimuli, ["soma", "basal[0]"])
    figure = stimulation_figure(result.table)
    assert len(figure.axes) == 4
    for recorded, left, right in (("soma", *figure.axes[:2]), ("basal[0]", *figure.axes[2:])):
        kinds = dict(zip(stimuli, KINDS, strict=True))
        assert list(labels(left)) == [f"{sites}, {kind}" for sites, kind in kinds.items()]
        assert list(labels(right)) == [f"{sites}, {kinds[sites]}" for sites in PAIRS] + ["measured = sum"]
        for sites in stimuli:
            x, y = labels(left)[f"{sites}, {kinds[sites]}"].get_data()
            assert list(x) == list(AMPLITUDES)
            assert np.array_equal(y, curve(result, sites, recorded))
        for sites in PAIRS:
            x, y = labels(right)[f"{sites}, {kinds[sites]}"].get_data()
            assert np.array_equal(x, curve(result, sites, recorded, "arithmetic_sum"))
            assert np.array_equal(y, curve(result, sites, recorded))
        x, y = labels(right)["measured = sum"].get_data()
        assert list(x) == list(y), "the diagonal"
        assert x[0] <= right.get_xlim()[0] < right.get_xlim()[1] <= x[1]
        assert (left.get_xlabel(), left.get_ylabel()) == ("Input on each compartment", f"Response of {recorded}")
        assert (right.get_xlabel(), right.get_ylabel()) == ("Arithmetic sum", "Measured")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*labels(figure.axes[0]), "measured = sum"]


def test_stimuli_are_told_apart_without_colour_too(tree: Graph) -> None:
    result = stimulate(tree)
    lines = stimulation_figure(result.table).axes[0].lines
    assert {to_hex(line.get_color()).upper() for line in lines} == {colour for colour, _ in KINDS.values()}
    told = {(line.get_linestyle(), line.get_marker()) for line in lines}
    assert len(told) == len(lines) == 10
    for one, other in itertools.combinations(lines, 2):
        same_kind = str(one.get_label()).split(", ")[1] == str(other.get_label()).split(", ")[1]
        assert (one.get_linestyle() == other.get_linestyle()) == same_kind


def test_without_pairs_there_is_one_panel(tree: Graph) -> None:
    (axes,) = stimulation_figure(stimulate(tree, ["soma", "basal[0]"]).table).axes
    assert list(labels(axes)) == ["soma, single", "basal[0], single"]


def test_the_figure_is_one_column_wide_and_can_be_read(tree: Graph) -> None:
    figure = stimulation_figure(stimulate(tree).table)
    with Image.open(io.BytesIO(as_bytes(figure, "png"))) as image:
        assert image.size[0] / 300 * 25.4 == pytest.approx(89, abs=1)
    texts = [
        text for axes in figure.axes for text in (*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label)
    ]
    texts += figure.legends[0].get_texts()
    assert {text.get_fontsize() for text in texts} == {7.0}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "pdf", "svg"])
def test_the_same_table_gives_the_same_bytes(tree: Graph, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = as_bytes(stimulation_figure(stimulate(tree).table), form)
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert as_bytes(stimulation_figure(stimulate(tree).table), form) == first


@pytest.mark.slow
def test_text_stays_text(tree: Graph) -> None:
    figure = stimulation_figure(stimulate(tree).table)
    svg, pdf = as_bytes(figure, "svg").decode(), as_bytes(figure, "pdf")
    assert "Arithmetic sum</text>" in svg and "basal[0]+basal[1], different branches</text>" in svg
    assert "<dc:date>" not in svg
    assert b"/CreationDate" not in pdf and b"/Type3" not in pdf


def test_what_no_figure_can_tell_apart_is_refused(tree: Graph) -> None:
    many = stimulate(with_dendrites(basal(NMDA, count=20)), [f"basal[{number}]" for number in range(len(MARKERS) + 1)])
    with pytest.raises(DendrographError, match="9 stimuli of kind 'single', but a figure shows at most 8"):
        stimulation_figure(many.table)
    record = ["soma", *(f"apical/tuft[{number}]" for number in range(MOST_RECORDED))]
    with pytest.raises(DendrographError, match="7 recorded compartments, but a figure shows at most 6"):
        stimulation_figure(stimulate(tree, PAIRS, record).table)


# Runs, and the command


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stimulated")
    neuron = {
        "nonlinearity": {"name": "softplus"},
        "dropout": 0.2,
        "dendrites": [
            {
                "name": "basal",
                "count": 3,
                "nonlinearity": {
                    "name": "nmda",
                    "threshold": {"value": 0.5, "trainable": "compartment"},
                    "gain": {"value": 3, "trainable": "group"},
                },
                "cable": {"length_um": 100, "diameter_um": 1, "sign": "excitatory"},
                "synapses": {"count": 8, "from": "image", "field": "pooled"},
            }
        ],
    }
    morphology = of_neuron(neuron, 5, inputs={"image": "auto"})
    (folder / "cell.yaml").write_text(Morphology.from_dict(morphology).to_yaml())
    settings = {"epochs": 2, "lr": 0.05}
    train_named(str(folder / "cell.yaml"), settings=settings, out=folder / "run", progress=False)
    return folder / "run"


def test_a_run_is_stimulated_as_it_was_trained(run: Path) -> None:
    """Against the trained network as a whole, its equation written out, and an untrained one, which is another."""
    result = stimulate(run, ["basal[2]+basal[0]"], neuron=NeuronIndex(index=3))
    assert (result.layer, result.index, result.weights) == ("hidden", 3, "trained")
    network = Run.open(run).network().double()
    drive = torch.zeros(len(AMPLITUDES), 15, dtype=torch.float64)
    rest = network.respond({"hidden/basal": drive})["hidden/soma"][:, 3]
    drive[:, 9] = drive[:, 11] = torch.tensor(AMPLITUDES)
    with torch.no_grad():
        whole = (network.respond({"hidden/basal": drive})["hidden/soma"][:, 3] - rest).numpy()
        own = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
        weight = network.weight("hidden/basal->hidden/soma")[9:12].numpy()
    assert np.allclose(curve(result, "basal[2]+basal[0]"), whole, atol=1e-12)
    gain, threshold = np.exp(own["excitability.hidden/basal:gain"]), own["excitability.hidden/basal:threshold"][9:12]
    u = drive[:, 9:12].numpy() + own["biases.hidden/basal"][9:12]
    dendrites = 1 / (1 + np.exp(-gain * (u - threshold)))
    soma = np.log1p(np.exp(dendrites @ weight + own["biases.hidden/soma"][3]))
    assert np.allclose(curve(result, "basal[2]+basal[0]"), soma - soma[0], atol=1e-9)
    assert gain != pytest.approx(3) and len(set(threshold)) == 3, "it was learnt"
    untrained = stimulate(run / "morphology.yaml", ["basal[2]+basal[0]"], neuron=NeuronIndex(index=3))
    assert not np.allclose(curve(untrained, "basal[2]+basal[0]"), whole, atol=1e-3)


def test_initial_weights_are_those_of_a_training(run: Path) -> None:
    network = DendriticNetwork(compile(Run.open(run).morphology, (28, 28), seed=4))
    source = ModelSource(run / "morphology.yaml", inputs={"image": (28, 28)}, seed=4)
    result = stimulate(source, weights="initial")
    assert result.weights == "initial" and result.table == stimulate(network).table
    assert result.table != stimulate(source).table


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    morphology = of_neuron({"nonlinearity": "identity", "dendrites": [basal(NMDA)]}, 6)
    Path("cell.yaml").write_text(Morphology.from_dict(morphology).to_yaml())

    def called(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["stimulate", *map(str, words)])
        return int(stopped.value.code or 0), *capsys.readouterr()

    return called


Call = Callable[..., tuple[int, str, str]]


def test_the_command_prints_the_curves(call: Call) -> None:
    code, out, err = call("cell.yaml", "--at", "basal[0]", "--at", PAIRS[0], "--amplitudes", "-1:3:5")
    assert (code, err) == (0, "")
    f, rest = transfer(NMDA), float(transfer(NMDA)(0.0))
    first, _, header, *rows = out.splitlines()
    assert first == f"neuron 0 of layer hidden, unit weights; at rest soma {4 * rest:.4g}"
    assert header.split() == [
        "recorded",
        "sites",
        "kind",
        "amplitude",
        "arithmetic",
        "sum",
        "measured",
        "supralinearity",
    ]
    assert len(rows) == 10
    for amplitude, line, pair in zip(range(-1, 4), rows[:5], rows[5:], strict=True):
        alone, both = float(f(float(amplitude))) - rest, float(f(2.0 * amplitude)) - rest
        assert line.split() == ["soma", "basal[0]", "single", f"{amplitude:.3f}", "-", f"{alone:.4f}", "-"]
        told = [f"{number:.4f}" for number in (2 * alone, both, both - 2 * alone)]
        told = [number.replace("-0.0000", "0.0000") for number in told]
        assert pair.split() == ["soma", PAIRS[0], "same", "branch", f"{amplitude:.3f}", *told]


def test_a_long_curve_is_printed_in_part(call: Call) -> None:
    _, out, _ = call("cell.yaml", "--at", "basal[0]")
    shown = [float(line.split()[3]) for line in out.splitlines()[3:]]
    assert shown == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["pdf", "svg", "png", "PNG"])
def test_the_command_writes_figure_and_table(call: Call, suffix: str) -> None:
    words = ("--at", PAIRS[0], "--at", PAIRS[1], "--record", "soma", "--record", "basal[1]", "--neuron", 5)
    code, out, err = call("cell.yaml", *words, "-o", f"sums.{suffix}", "--table", "sums.csv")
    assert (code, err) == (0, "")
    assert out.endswith(f"\ntable: sums.csv\nfigure: sums.{suffix}\n")
    graph = compile(Morphology.from_dict(of_neuron({"nonlinearity": "identity", "dendrites": [basal(NMDA)]}, 6)))
    result = stimulate(graph, PAIRS, ["soma", "basal[1]"], neuron=NeuronIndex(index=5))
    assert Path("sums.csv").read_text() == result.to_csv()
    assert Path(f"sums.{suffix}").read_bytes() == as_bytes(stimulation_figure(result.table), suffix.lower())
    Path("sums.csv").write_text("old")
    assert call("cell.yaml", "--table", "sums.csv")[0] == 0
    assert Path("sums.csv").read_text().startswith("recorded,"), "a file that is there is replaced"


def test_the_command_takes_what_show_takes(call: Call) -> None:
    words = ("dann-lrf", "--set", "dendrites=2", "--inputs", "8x8", "--seed", 3, "--weights", "initial")
    code, out, err = call(*words, "--at", "dendrite[1]", "--table", "t.csv")
    assert (code, err) == (0, "")
    assert out.startswith("neuron 0 of layer ")
    network = DendriticNetwork(compile(load("dann-lrf", {"dendrites": 2}), (8, 8), seed=3))
    assert Path("t.csv").read_text() == stimulate(network, ["dendrite[1]"]).to_csv()


def test_the_command_tells_what_it_leaves_out(call: Call) -> None:
    dendrites = [{"name": f"d{number}", "synapses": FOUR} for number in range(6)]
    Path("wide.yaml").write_text(Morphology.from_dict(of_neuron({"dendrites": dendrites})).to_yaml())
    code, _, err = call("wide.yaml")
    assert (code, err) == (0, "note: not stimulated: d4, d5; select them with --at\n")


def test_the_command_on_a_run(call: Call, run: Path) -> None:
    code, out, err = call(run, "--neuron", 3, "--at", "basal[2]+basal[0]", "--table", "trained.csv")
    assert (code, err) == (0, "")
    assert out.startswith("neuron 3 of layer hidden, trained weights; at rest soma ")
    assert (
        Path("trained.csv").read_text() == stimulate(run, ["basal[2]+basal[0]"], neuron=NeuronIndex(index=3)).to_csv()
    )
    for option in (("--seed", 1), ("--weights", "initial"), ("--inputs", "8x8"), ("--set", "layers.0.count=2")):
        code, out, err = call(run, *option)
        assert (code, out) == (2, "")
        assert "of a run cannot be changed" in err or "of a run are fixed" in err
        assert option[0] in err
    shutil.copytree(run, "unfinished")
    Path("unfinished/metrics.json").unlink()
    code, out, err = call("unfinished")
    assert (code, out) == (2, "")
    assert err.startswith("error: unfinished: no results yet: the run has not ended\n  go on with it: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.yaml"], "nothing.yaml: no such file, and no morphology of that name"),
        (["cell.yaml", "--at", "basal"], "'basal': the neuron has 4 of them\n  say which: basal[0] to basal[3]"),
        (["cell.yaml", "--record", "smoa"], "'smoa': the neuron has no compartment 'smoa'\n  did you mean 'soma'?"),
        (["cell.yaml", "--neuron", "6"], "no neuron 6 in layer 'hidden'\n  they are numbered from 0 to 5"),
        (["cell.yaml", "--neuron", "-1"], "no neuron -1 in layer 'hidden'"),
        (["cell.yaml", "--layer", "hiden"], "no layer 'hiden'\n  did you mean 'hidden'? layers: hidden"),
        (["cell.yaml", "--kind", "sell"], "no neuron 'sell'\n  did you mean 'cell'? neurons: cell"),
        (
            ["cell.yaml", "--weights", "intial"],
            "unknown weights 'intial'\n  did you mean 'initial'? known: initial, unit",
        ),
        (
            ["cell.yaml", "-o", "a.jpg"],
            "a.jpg: no figure has the suffix '.jpg'\n  did you mean 'png'? forms: pdf, png, svg",
        ),
        (["cell.yaml", "-o", "figure"], "figure: the name of a figure needs a suffix\n  forms: pdf, png, svg"),
        (["cell.yaml", "--table", "a.pdf"], "a.pdf: a table must be a file FILE.csv\n  --out writes a figure"),
        (["cell.yaml", "-o", "none/a.pdf"], "none/a.pdf: cannot be written: No such file or directory"),
        *(
            (
                ["cell.yaml", "--amplitudes", text],
                f"--amplitudes {text}: not FROM:TO:NUMBER with FROM below TO and NUMBER",
            )
            for text in (
                "1",
                "0:1",
                "0:1:",
                "0:1:1",
                "0:1:-3",
                "0:1:2.5",
                "1:0:5",
                "1:1:5",
                "0:x:5",
                "0:inf:5",
                "0:nan:5",
            )
        ),
        (["cell.yaml", "--amplitudes", "0:1:5:6"], "not FROM:TO:NUMBER"),
        (
            ["cell.yaml", "--amplitudes", "0:1:99999999"],
            "99,999,999 amplitudes\n  give at least one, and at most 10,000",
        ),
        (["cell.yaml", "--amplitudes", "0:1:20000"], "20,000 amplitudes\n  give at least one, and at most 10,000"),
    ],
)
def test_mistakes_on_the_command_line(call: Call, words: list[str], message: str) -> None:
    code, _, err = call(*words)
    assert code == 2
    assert err.startswith("error: ") and message in err
    assert not {path.name for path in Path().iterdir()} - {"cell.yaml"}, "nothing is left"


def test_the_page_shows_the_neuron_of_the_example() -> None:
    """Its figure is drawn by examples/stimulation.py."""
    page = (ROOT / "docs" / "guides" / "stimulation.md").read_text()
    assert f"```yaml\n{(ROOT / 'examples' / 'thin_and_passive.yaml').read_text()}```\n" in page


def test_long_names_fit_into_the_figure() -> None:
    """A reconstruction names its branches by their way from the soma."""
    branch: dict[str, Any] = {"name": "b1", "synapses": FOUR}
    for _ in range(11):
        branch = {"name": "b1", "dendrites": [branch]}
    graph = with_dendrites({**branch, "name": "apical"}, {"name": "basal", "synapses": FOUR})
    figure = stimulation_figure(stimulate(graph).table)
    as_bytes(figure, "png")
    (legend,) = figure.legends
    assert any("\n+ " in text.get_text() for text in legend.get_texts())
    box = legend.get_window_extent()
    assert 0 <= box.x0 and box.x1 <= figure.bbox.width and 0 <= box.y0
    assert all(axes.get_window_extent().height > 0.25 * figure.dpi for axes in figure.axes)


def test_one_compartment_is_named_by_its_text_alone() -> None:
    graph = compile(load("xor-dcaap"), classes=2)
    assert stimulate(graph, "apical[0]").table == stimulate(graph, ["apical[0]"]).table
    wrong: dict[str, Any]
    for wrong in ({"neuron": NeuronIndex(index=0.5)}, {"amplitudes": "123"}):
        with pytest.raises(DendrographError, match=r"`index`: expected int|must be numbers"):
            stimulate(graph, **wrong)
