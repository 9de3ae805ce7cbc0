"""Fair controls: what each keeps is kept and what it takes away is gone, for every model and for random trees."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trees import CORNERS, COVERING, Case, inputs_of, random_case, ready

from dendrograph import DendriticNetwork, DendrographError, Graph, Morphology, compile, load
from dendrograph.base.errors import MorphologyError
from dendrograph.cli.main import main
from dendrograph.draw.plots.comparison import CONTROL_MARKERS as MARKERS
from dendrograph.experiments.controls.controls import as_file, controls, survey
from dendrograph.graph.graph import Projection
from dendrograph.morphology.registry import CONTROLS
from dendrograph.morphology.shipped import shipped
from dendrograph.training.model_source import ModelSource

RANDOM = tuple(random_case(seed) for seed in range(40))
CASES = (*(case for case in CORNERS if "nonlinearity" not in case.name), *COVERING)
SHAPE, CLASSES = (28, 28), 10


def model(name: str, **knobs: int) -> Graph:
    morphology = load(name, knobs)
    return compile(morphology, None if all(morphology.inputs.values()) else SHAPE, CLASSES)


def made(graph: Graph, kind: str) -> Graph | None:
    (control,) = survey(graph, [kind])
    return control.graph


def reason(graph: Graph, kind: str) -> str:
    (control,) = survey(graph, [kind])
    assert control.graph is None
    return control.missing


def rows(projection: Projection) -> list[tuple[int, ...]]:
    """What each compartment draws."""
    found: list[list[int]] = [[] for _ in range(projection.targets)]
    for source, target in projection.edge_index.t().tolist():
        found[target].append(source)
    return [tuple(row) for row in found]


def written(neuron: dict[str, Any], count: int = 6, **more: Any) -> Graph:
    plain = {"name": "it", "neurons": {"n": neuron}, "layers": [{"name": "h", "neuron": "n", "count": count}], **more}
    return compile(Morphology.from_dict(plain), (9, 9), 3)


def dann(synapses: dict[str, Any], count: int = 6, dendrites: int = 4, **keys: Any) -> Graph:
    return written({"dendrites": [{"name": "d", "count": dendrites, "synapses": synapses, **keys}]}, count)


# --- parameter-matched ------------------------------------------------------------------------------------------------


def _parameters(graph: Graph, width: int) -> int:
    """An MLP's parameters, layer by layer, with a bias a unit."""
    assert graph.morphology is not None
    sizes = [sum(int(np.prod(shape)) for shape in graph.inputs.values())]
    sizes += [width] * len(list(graph.morphology.copies())) + [graph.classes]
    return sum((before + 1) * after for before, after in pairwise(sizes))


@pytest.mark.parametrize("name", sorted(shipped()))
def test_no_other_width_comes_nearer_in_parameters(name: str) -> None:
    graph = model(name)
    mlp = made(graph, "parameter-matched")
    if mlp is None:
        assert reason(graph, "parameter-matched") == "it would be the same network"
        return
    (width,) = {group.size for group in mlp.groups if group.role == "soma"}
    assert mlp.parameters == _parameters(graph, width)
    off = [abs(_parameters(graph, each) - graph.parameters) for each in (width - 1, width, width + 1) if each]
    assert min(off) == abs(mlp.parameters - graph.parameters)
    assert abs(mlp.parameters / graph.parameters - 1) < 0.1
    assert all(projection.all_to_all and projection.kind == "synapse" for projection in mlp.projections)


def test_a_width_worked_out_by_hand() -> None:
    """P = 81, one layer: (81 + 1) w + (w + 1) 3 = 85 w + 3; the dANN has 24 x 6 + 6 x 5 + 7 x 3 = 195 parameters."""
    graph = dann({"count": 5, "from": "image"})
    assert graph.parameters == 24 * (5 + 1) + 6 * (4 + 1) + (6 + 1) * 3 == 195
    mlp = made(graph, "parameter-matched")
    assert mlp is not None and mlp.parameters == 85 * 2 + 3


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_mlp_is_near_or_refused(case: Case) -> None:
    graph = case.compile()
    mlp = made(graph, "parameter-matched")
    if mlp is None:
        told = reason(graph, "parameter-matched")
        assert "it already has" in told or told == "it would be the same network"
        return
    assert mlp.morphology is not None
    soma = next(group for group in mlp.groups if group.role == "soma")
    layers = [{**layer.to_dict(), "count": soma.size + 1} for layer in mlp.morphology.layers]
    wider = compile(Morphology.from_dict({**mlp.morphology.to_dict(), "layers": layers}), None, graph.classes)
    off = mlp.parameters - graph.parameters
    assert abs(off) <= max(wider.parameters - mlp.parameters, 0.1 * graph.parameters), (
        "one unit more, or fewer, is no nearer"
    )
    assert sum(group.role == "soma" for group in mlp.groups) == sum(group.role == "soma" for group in graph.groups)


def test_a_network_smaller_than_one_unit_a_layer_has_no_mlp() -> None:
    graph = dann({"count": 1, "from": "image"}, count=2, dendrites=1)
    assert reason(graph, "parameter-matched") == "with one unit per layer it already has 88 parameters, more than 17"
    assert graph.morphology is not None
    with pytest.raises(DendrographError, match="it has no control 'parameter-matched'\n  with one unit"):
        controls(ModelSource(graph.morphology, inputs=(9, 9), classes=3), ["parameter-matched"])


def test_units_answer_as_a_dendrite_where_somata_are_linear() -> None:
    graph = model("k-tree")
    (control,) = survey(graph, ["parameter-matched"])
    assert control.graph is not None
    assert {group.nonlinearity.name for group in control.graph.groups if group.role == "soma"} == {"leaky_relu"}
    assert any("the somata are linear" in note for note in control.notes)


# --- compute-matched --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_vanilla_network_computes_as_much_in_like_proportions(name: str) -> None:
    graph = model(name)
    vann = made(graph, "compute-matched")
    if vann is None:
        assert name == "vann"
        return
    assert all(projection.all_to_all and projection.kind == "synapse" for projection in vann.projections)
    all_sizes = [group.size for group in graph.groups if group.role in ("dendrite", "soma")]
    all_scaled = [group.size for group in vann.groups if group.role == "soma"]
    assert len(all_sizes) == len(all_scaled)
    least = min(graph.classes, *all_scaled)
    # No layer is narrower than the readout, unless the morphology's own is, or there is no other way.
    kept = [(new, was) for new, was in zip(all_scaled, all_sizes, strict=True) if new > min(least, was)]
    if not kept:
        return
    scaled, sizes = zip(*kept, strict=True)
    # One factor for all, rounded up or down: the intervals of factors that give each size have one in common.
    low = max((size - 1) / was for size, was in zip(scaled, sizes, strict=True) if size > 1) if max(scaled) > 1 else 0
    high = min((size + 1) / was for size, was in zip(scaled, sizes, strict=True))
    assert low < high
    if name != "k-tree":  # of its leaves there is one unit for each 784 synapses
        assert abs(vann.edges / graph.edges - 1) < 0.05


def test_proportions_worked_out_by_hand() -> None:
    """24 dendrites and 6 somata on 81 inputs, 120 + 24 + 18 edges: 2 and 1 units need 162 + 2 + 3, 1 and 1 need 85."""
    graph = dann({"count": 5, "from": "image"})
    assert graph.edges == 24 * 5 + 24 + 6 * 3 == 162
    vann = made(graph, "compute-matched")
    assert vann is not None and vann.edges == 81 * 2 + 2 * 1 + 1 * 3
    assert [group.size for group in vann.groups] == [81, 2, 1, 3]


def test_no_layer_is_narrower_than_the_readout_where_it_need_not_be() -> None:
    """512 dendrites and 64 somata on 784 inputs, 9,344 edges: in proportion 12 and 1 units, with 10 somata 12 too."""
    vann = made(model("dann-lrf"), "compute-matched")
    assert vann is not None
    assert [group.size for group in vann.groups] == [784, 12, 10, 10]
    assert vann.edges == 784 * 12 + 12 * 10 + 10 * 10


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_vanilla_network_is_never_much_larger(case: Case) -> None:
    graph = case.compile()
    vann = made(graph, "compute-matched")
    if vann is None:
        told = reason(graph, "compute-matched")
        assert "it already has" in told or told == "it would be the same network"
        return
    assert all(each.all_to_all or each.edges == 0 for each in vann.projections)
    if vann.edges > 1.1 * graph.edges:  # one unit fewer of what is largest would be as far below
        assert max(group.size for group in vann.groups if group.role == "soma") > 1
    assert set(vann.inputs) == set(graph.inputs) and vann.classes == graph.classes


# --- fan-in-matched ---------------------------------------------------------------------------------------------------


def _point_of(graph: Graph, control: Graph) -> dict[str, str]:
    """Group of the original -> group of the control: they stand in the same order."""
    return {one.name: other.name for one, other in zip(graph.groups, control.groups, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sizes_and_fan_in_are_exactly_those_of_the_tree(case: Case) -> None:
    graph = case.compile()
    control = made(graph, "fan-in-matched")
    if control is None:
        assert reason(graph, "fan-in-matched") == "it would be the same network"
        return
    point = _point_of(graph, control)
    for group in graph.groups:
        other = control.by_name[point[group.name]]
        keys = ("size", "nonlinearity", "integration", "bias", "dropout", "normalisation")
        assert [getattr(group, key) for key in keys] == [getattr(other, key) for key in keys]
        mine: Counter[tuple[str, str, bool]] = Counter()
        its: Counter[tuple[str, str, bool]] = Counter()
        pooled = False
        for parts, found, name in ((graph.onto(group), mine, point.get), (control.onto(other), its, lambda key: key)):
            for each in parts:
                several = each.field is not None and sum(one.field is each.field for one in parts) > 1
                # How a pool of several sources falls to each of them, with its sign, is chance.
                key = ("several", "") if several else (str(name(each.source)), each.sign)
                found[(*key, each.nonlinearity is not None)] += each.edges
                pooled |= each.field is not None and each.field.rule == "pooled"
                if each.field is None or each.field.fan_in is not None:
                    assert several or len(set(each.fan_in().tolist())) == 1
        assert mine == its
        if not pooled:
            fan_in = [sum((one.fan_in() for one in g.onto(n)), np.zeros(group.size, int)) for g, n in
                      ((graph, group), (control, other))]  # fmt: skip
            assert (fan_in[0] == fan_in[1]).all()
    assert control.parameters == graph.parameters
    assert control.trainable_parameters == graph.trainable_parameters
    assert {each.field.rule for each in control.projections if each.field is not None} <= {"random", "all"}
    assert all(each.kind == "synapse" for each in control.projections)


@pytest.mark.parametrize("name", ["dann-random", "dann-lrf", "dann-grf"])
@pytest.mark.parametrize("layers", [1, 3])
def test_of_a_dann_it_is_the_sann_of_the_paper(name: str, layers: int) -> None:
    control, sann = made(model(name, layers=layers), "fan-in-matched"), model("sann-random", layers=layers)
    assert control is not None
    assert [group.size for group in control.groups] == [group.size for group in sann.groups]
    assert control.parameters == sann.parameters and control.edges == sann.edges
    for one, other in zip(control.projections, sann.projections, strict=True):
        assert (one.fan_in() == other.fan_in()).all() and one.init == other.init and one.sign == other.sign
        # Layer by layer drawn from the same streams of random numbers: with the same seed it is the same wiring.
        assert torch.equal(one.edge_index, other.edge_index)
    assert made(sann, "fan-in-matched") is None


def test_a_position_of_three_channels_is_three_synapses() -> None:
    control = made(compile(load("dann-lrf"), (32, 32, 3)), "fan-in-matched")
    assert control is not None
    assert set(control.projections[0].fan_in().tolist()) == {48}


# --- linear -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_dendrites_are_affine_and_somata_as_they_were(case: Case) -> None:
    graph = case.compile()
    control = made(graph, "linear")
    if control is None:
        assert reason(graph, "linear") in ("it has no dendrites", "its dendrites are linear already")
        return
    assert control.connectivity_hash == graph.connectivity_hash
    learnt = sum(
        len(group.nonlinearity.trainable) and group.learnt for group in graph.groups if group.role == "dendrite"
    )
    assert control.parameters == graph.parameters - learnt
    for group, other in zip(graph.groups, control.groups, strict=True):
        if group.role == "dendrite":
            assert (other.nonlinearity.name, other.normalisation) == ("identity", "none")
            assert other.integration in ("sum", "mean")
        else:
            assert group == other
    assert all(each.nonlinearity is None for each in control.projections)
    # f((x + y) / 2) = (f(x) + f(y)) / 2 for the dendrites that hear the input alone.
    network = ready(DendriticNetwork(control, "reference"))
    x, y = (inputs_of(control, 3, seed=seed) for seed in (1, 2))
    between = {name: (x[name] + y[name]) / 2 for name in x}
    found = [network.activations(each) for each in (x, y, between)]
    affine = {group.name for group in control.groups if group.role == "input"}
    for group in control.groups:
        if group.role == "dendrite" and {each.source for each in control.onto(group)} <= affine:
            affine.add(group.name)
            torch.testing.assert_close(found[2][group.name], (found[0][group.name] + found[1][group.name]) / 2)


@pytest.mark.slow
def test_the_nonlinear_dendrites_are_not_affine() -> None:
    """The test above would see it."""
    network = ready(DendriticNetwork(model("dann-lrf"), "reference"))
    x, y = (inputs_of(network.graph, 3, seed=seed) for seed in (1, 2))
    found = [network.activations(each)["hidden/dendrite"] for each in (x, y, {"image": (x["image"] + y["image"]) / 2})]
    assert not torch.allclose(found[2], (found[0] + found[1]) / 2)


# --- shuffled ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_rows_stand_at_other_dendrites_of_the_layer(case: Case) -> None:
    graph = case.compile(seed=3)
    control = made(graph, "shuffled")
    if control is None:
        told = reason(graph, "shuffled")
        beginnings = ("it has no dendrites", "all dendrites of a kind have one parent", "its dendrites receive all")
        others = ("it would be the same network", "its synapses are shuffled already")
        assert told.startswith(beginnings) or told in others
        return
    assert control.parameters == graph.parameters and control.edges == graph.edges
    assert [replace(group, start=0) for group in control.groups] == [replace(group, start=0) for group in graph.groups]
    moved = 0
    for group in graph.groups:
        mine, its = [], []
        for one, other in zip(graph.onto(group), control.onto(group), strict=True):
            assert one.name == other.name and (one.fan_out() == other.fan_out()).all()
            shuffled = other.field is not None and other.field.drawn_for is not None
            if group.role == "soma" or one.kind == "cable":
                assert not shuffled
            if not shuffled:
                assert torch.equal(one.edge_index, other.edge_index)
            else:
                mine.append(rows(one))
                its.append(rows(other))
        # What one compartment has of all its entries together is what one compartment had.
        assert Counter(zip(*mine, strict=True)) == Counter(zip(*its, strict=True))
        moved += mine != its
    assert moved or graph.compartments < 30


def test_a_shuffle_leaves_the_neurons_without_a_centre() -> None:
    """Patches of one neuron lie together with a global field, and anywhere once they are shuffled."""

    def spread(graph: Graph) -> float:
        field = graph.projections[0].field
        assert field is not None and field.centres is not None
        centres = np.stack(np.divmod(field.centres, 28), axis=1).reshape(64, 8, 2)
        return float(np.ptp(centres, axis=1).mean())

    graph = model("dann-grf")
    control = made(graph, "shuffled")
    assert control is not None
    assert spread(graph) < 4 and spread(control) > 15


def test_what_a_shuffle_cannot_change_is_said() -> None:
    fields = {"count": 5, "from": "image", "field": "global"}
    assert reason(dann(fields, count=1), "shuffled").startswith("all dendrites of a kind have one parent")
    assert reason(dann({"from": "image", "field": "all"}), "shuffled").startswith("its dendrites receive all units")
    assert reason(dann({**fields, "shuffle": True}), "shuffled") == "its synapses are shuffled already"
    assert reason(model("sann-lrf"), "shuffled") == "it has no dendrites"
    for field, told in (("local", True), ("random", True), ("global", False), ("tiled", False)):
        (control,) = survey(dann({**fields, "field": field}), ["shuffled"])
        assert any("one more draw of the same kind" in note for note in control.notes) == told, field


def test_twigs_of_one_neuron_are_shuffled_between_its_branches() -> None:
    control = made(model("k-tree"), "shuffled")
    assert control is not None
    fields = [each.field for each in control.projections if each.field is not None and each.field.drawn_for is not None]
    assert len(fields) == 1 and fields[0] is not None and fields[0].rule == "tiled"


def test_a_neuron_of_two_layers_is_shuffled_where_both_can() -> None:
    neuron = {"dendrites": [{"name": "d", "count": 2, "synapses": {"count": 2, "field": "global"}}]}
    several = [{"name": "a", "neuron": "n", "count": 4}, {"name": "b", "neuron": "n", "count": 1}]
    graph = written(neuron, layers=several)
    control = made(graph, "shuffled")
    assert control is not None and {
        p.target for p in control.projections if p.field and p.field.drawn_for is not None
    } == {*("a/d", "b/d")}
    neuron["dendrites"][0]["count"] = 1
    assert "one parent" in reason(written(neuron, layers=several), "shuffled")


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_control_is_a_file_that_gives_the_same_network(name: str, tmp_path: Path) -> None:
    graph = model(name)
    found = survey(graph)
    assert [control.kind for control in found] == [*CONTROLS]
    for control in found:
        if control.graph is None:
            assert control.missing and "\n" not in control.missing
            continue
        file = tmp_path / f"{control.kind}.yaml"
        file.write_text(as_file(control, graph), encoding="utf-8")
        assert file.read_text(encoding="utf-8").startswith(f"# {name}-{control.kind}: a control of {name}, ")
        again = compile(load(file), dict(graph.inputs), CLASSES)
        assert again.connectivity_hash == control.graph.connectivity_hash
        assert again.morphology == control.morphology
    assert {control.kind for control in found if control.graph is None} == MISSING.get(name, set())


_POINT = {"linear", "shuffled"}
MISSING = {
    "pdann": {"shuffled"},
    "xor-dcaap": {"shuffled", "fan-in-matched"},
    "vann": {*_POINT, "fan-in-matched", "compute-matched"},
    **{name: {*_POINT, "fan-in-matched"} for name in ("psann", "sann-random", "vann-random")},
    **dict.fromkeys(("sann-lrf", "sann-grf", "vann-lrf", "vann-grf"), _POINT),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", RANDOM[:30], ids=str)
def test_controls_of_random_trees_run(case: Case) -> None:
    graph = case.compile()
    for control in survey(graph):
        if control.graph is not None:
            assert Morphology.from_dict(control.morphology.to_dict()) == control.morphology
            network = ready(DendriticNetwork(control.graph, "reference"))
            assert network(inputs_of(control.graph, 2)).shape == (2, graph.classes)


def test_streams_and_layers_may_have_the_names_that_a_control_would_give() -> None:
    neuron = {
        "dendrites": [{"name": "d", "count": 3, "synapses": {"count": 4, "from": "h-d"}}],
        "synapses": {"from": "hidden", "count": 2},
    }
    plain = {
        "name": "x" * 64,
        "inputs": {"h-d": 20, "hidden": 5},
        "neurons": {"n": neuron},
        "layers": [{"name": "h", "neuron": "n", "count": 40}],
    }
    found = controls(ModelSource(Morphology.from_dict(plain), classes=3))
    assert set(found) == set(CONTROLS)
    assert all(len(each.name) <= 64 and each.name.endswith(f"-{kind}") for kind, each in found.items())


def test_long_names_are_cut_and_stay_apart() -> None:
    leaf = {"synapses": {"count": 2, "from": "image"}}
    for level in range(4):
        leaf = {"dendrites": [{"name": f"{'b' * 25}{level}{side}", "count": 2, **leaf} for side in "lr"]}
    control = made(written(leaf), "fan-in-matched")
    assert control is not None and len(control.groups) == 1 + (1 + 2 + 4 + 8 + 16) + 1


def test_names_of_controls() -> None:
    morphology = load("dann-grf")
    source = ModelSource(morphology, inputs=SHAPE)
    assert list(controls(source, ["linear", "linear"])) == ["linear"]
    assert list(controls(source)) == [*CONTROLS]
    assert controls(source, []) == {}
    with pytest.raises(DendrographError, match="unknown control 'lineal'\n  did you mean 'linear'"):
        controls(source, ["lineal"])
    assert list(controls(source, "linear")) == ["linear"]
    with pytest.raises(DendrographError, match="names must be names of controls, not 3"):
        controls(source, 3)  # type: ignore[arg-type]
    with pytest.raises(MorphologyError):
        controls(ModelSource(morphology, inputs=(2, 2)))


def test_what_does_not_fit_is_said_and_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of a layer for each kind of compartment may have more layers than the language holds."""
    monkeypatch.setattr("dendrograph.morphology.layers.MOST_LAYERS", 9)
    graph = compile(load("dann-random", {"layers": 5}), SHAPE, 2)
    found = {control.kind: control for control in survey(graph)}
    assert all("at most 9" in found[kind].missing for kind in ("fan-in-matched", "compute-matched"))
    assert found["linear"].graph is not None and found["parameter-matched"].graph is not None


# --- the command ------------------------------------------------------------------------------------------------------


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["controls", *words])
    return int(stopped.value.code or 0)


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "controls"
    assert call("sann-random", "--out", str(out), "--inputs", "8x8", "--classes", "4", "--set", "somata=16") == 0
    told = capsys.readouterr().out
    assert "linear: does not exist: it has no dendrites" in told
    assert {path.name for path in out.iterdir()} == {
        f"sann-random-{kind}.yaml" for kind in ("parameter-matched", "compute-matched")
    }
    for path in out.iterdir():
        assert f"control: {path}" in told
        with pytest.raises(SystemExit) as stopped:
            main(["check", str(path), "--inputs", "8x8", "--classes", "4"])
        assert not stopped.value.code
    capsys.readouterr()
    assert call("dann-grf", "--only", "linear,shuffled", "--data", "digits") == 0
    assert "parameter-matched" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["vann", "--only", "linear,shuffled"],
            "vann has no control 'linear'\n  it has no dendrites\nvann has no control",
        ),
        (["vann", "--only", "liner"], "unknown control 'liner'\n  did you mean 'linear'?"),
        (["vann", "--only", ""], "unknown control ''\n  controls: "),
        (["vann", "--out", "there"], "there: already exists\n"),
        (["vann", "--data", "digits", "--classes", "3"], "--data already gives the shape and the classes\n"),
        (["vann", "--data-dir", "."], "--data-dir . has no effect without --data\n"),
        (["vann", "--data", "mnits"], "mnits"),
        (["apical-basal", "--data", "digits"], "the data has a stream 'image', which the morphology does not declare"),
        (["nothing"], "nothing: no such file"),
        (["vann", "--inputs", "0x3"], "--inputs 0x3: not a shape\n"),
    ],
)
def test_mistakes(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    assert call(*words) == 2
    printed = capsys.readouterr()
    assert told in printed.err and printed.err.startswith("error: ") and printed.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["there"] and not any(Path("there").iterdir())


def test_every_control_has_a_marker_of_its_own() -> None:
    assert set(MARKERS) == set(CONTROLS), "figures tell the kinds of controls apart"
    assert len(set(MARKERS.values())) == len(MARKERS)


@pytest.mark.parametrize(
    ("dendrite", "unit", "note"),
    [
        ({"integration": "product"}, "leaky_relu", "except for their integration"),
        ({"synapses": {"nonlinearity": "tanh"}}, "tanh", "as synapses do"),
        ({"synapses": {"sign": "shunting"}}, "leaky_relu", "except for their integration"),
        ({}, "identity", ""),  # linear throughout: so is its MLP
    ],
)
def test_a_network_that_is_not_linear_has_no_linear_match(dendrite: dict[str, Any], unit: str, note: str) -> None:
    synapses = {"count": 5, "from": "image", "field": "random", **dendrite.get("synapses", {})}
    own = {"nonlinearity": "identity", **dendrite, "name": "basal", "count": 3, "synapses": synapses}
    if "sign" in synapses:
        own["synapses"] = [synapses, {**synapses, "sign": "excitatory"}]
    graph = written({"nonlinearity": "identity", "dendrites": [own]}, 12)
    for control in survey(graph, ["parameter-matched", "compute-matched"]):
        found = {each.nonlinearity.name for each in control.morphology.neurons.values()}
        assert found == {unit} and (not note or any(note in each for each in control.notes))


def test_matched_units_answer_as_the_first_layer_that_is_not_linear() -> None:
    synapses = {"count": 5, "from": "image", "field": "random"}
    flat = {"nonlinearity": "identity", "dendrites": [{"name": "d", "nonlinearity": "identity", "synapses": synapses}]}
    bent = {"nonlinearity": "tanh", "synapses": {**synapses, "from": "previous"}}
    layers = [{"name": "one", "neuron": "flat", "count": 8}, {"name": "two", "neuron": "bent", "count": 8}]
    tree = {"name": "tree", "neurons": {"flat": flat, "bent": bent}, "layers": layers}
    (control,) = survey(compile(Morphology.from_dict(tree), (9, 9), 3), ["parameter-matched"])
    assert {each.nonlinearity.name for each in control.morphology.neurons.values()} == {"tanh"}
