"""SWC of a neuron's tree: read again by MorphIO and by `dendrograph import`, and no branch lies on another."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import morphio
import numpy as np
import pytest
from exports import small
from hypothesis import given
from hypothesis import strategies as st
from trees import CORNERS, COVERING

from dendrograph import Graph, compile, load
from dendrograph.base.errors import DendrographError
from dendrograph.export import export
from dendrograph.export.subject import cables
from dendrograph.export.swc import APICAL, BASAL, DIAMETER_UM, LENGTH_UM, directions
from dendrograph.graph.tree import branchings
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.shipped import shipped
from dendrograph.morphology.swc.importing import import_swc
from dendrograph.morphology.swc.sections import read
from dendrograph.training.model_source import ModelSource

TREES = [*CORNERS, *COVERING]


def sections(neuron: Compartment) -> list[tuple[int, float, float]]:
    """Branches on the path to each section of a neuron, its length and diameter: of a chain of one type it is one.

    Reckoned from the declared tree, one compartment after the other.
    """
    found: list[tuple[int, float, float]] = []

    def kind(compartment: Compartment, of_parent: int) -> int:
        starts = {"basal": BASAL, "apical": APICAL, "trunk": APICAL, "oblique": APICAL, "tuft": APICAL}
        return next((k for start, k in starts.items() if compartment.name.lower().startswith(start)), of_parent)

    def size(compartment: Compartment) -> tuple[float, float]:
        cable = compartment.cable
        return (cable.length_um, cable.diameter_um) if cable.length_um else (LENGTH_UM, DIAMETER_UM)

    def walk(compartment: Compartment, of_parent: int, order: int) -> None:
        own = kind(compartment, of_parent)
        length, diameter = size(compartment)
        area = length * diameter
        while sum(child.count for child in compartment.dendrites) == 1:
            (child,) = compartment.dendrites
            if kind(child, own) != own:
                break
            compartment = child
            length, area = length + size(child)[0], area + size(child)[0] * size(child)[1]
        found.append((order, length, area / length))
        for child in compartment.dendrites:
            for _ in range(child.count):
                walk(child, own, order + 1)

    for dendrite in neuron.dendrites:
        for _ in range(dendrite.count):
            walk(dendrite, BASAL, 1)
    return sorted(found)


def neurons(graph: Graph) -> dict[str, Compartment]:
    """The neuron of each layer."""
    assert graph.morphology
    return {copy.name: graph.morphology.neurons[copy.layer.neuron] for copy in graph.morphology.copies()}


def assert_comes_back(graph: Graph, layer: str, folder: Path) -> None:
    path = folder / f"{layer}.swc"
    export(graph, path, layer=layer)
    neuron = neurons(graph)[layer]
    expected = sections(neuron)
    if not expected:
        assert len(morphio.Morphology(path).sections) == 0
        return
    reconstruction = read(path)
    order: list[int] = []
    for section in reconstruction.sections:
        order.append(1 if section.parent is None else order[section.parent] + 1)
    found = [(order[i], one.length, one.mean_diameter()) for i, one in enumerate(reconstruction.sections)]
    assert len(found) == len(expected)
    for ours, (turn, length, diameter) in zip(_matched(found), _matched(expected), strict=True):
        assert ours[0] == turn
        assert ours[1:] == pytest.approx((length, diameter), abs=1e-3, rel=1e-6)
    alone = morphio.Morphology(path, options=morphio.Option.allow_unifurcated_section_change)
    assert len(alone.sections) == len(expected)
    total = sum(np.linalg.norm(np.diff(one.points, axis=0), axis=1).sum() for one in alone.sections)
    assert total == pytest.approx(sum(length for _, length, _ in expected), abs=1e-3 * len(expected))


def _matched(rows: list[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """In an order that rounding does not change."""
    return sorted(rows, key=lambda row: (row[0], round(row[1], 2), round(row[2], 2)))


@pytest.mark.parametrize("name", shipped())
def test_neurons_that_ship_come_back(name: str, tmp_path: Path) -> None:
    graph = small(name).graph
    for layer in list(neurons(graph))[:2]:
        assert_comes_back(graph, layer, tmp_path)


@pytest.mark.parametrize("case", TREES, ids=str)
def test_any_neuron_comes_back(case, tmp_path: Path) -> None:
    graph = case.compile()
    for layer in neurons(graph):
        assert_comes_back(graph, layer, tmp_path)


def test_the_import_gives_the_morphology_back(tmp_path: Path) -> None:
    """What was imported, exported and imported again is as it was: names, lengths and diameters."""
    export(ModelSource("pyramidal-swc", overrides={"somata": 1}), tmp_path / "neuron.swc")
    again = load(import_swc(tmp_path / "neuron.swc", tmp_path / "neuron.yaml").path)
    first, second = (
        {place.name: place.compartment.cable for place in branchings(of)}
        for of in (load("pyramidal-swc").neurons["pyramidal-swc"], again.neurons["neuron"])
    )
    assert first.keys() == second.keys()
    for name, cable in first.items():
        assert second[name].length_um == pytest.approx(cable.length_um, abs=1e-3)
        assert second[name].diameter_um == pytest.approx(cable.diameter_um, abs=1e-3)


def test_types_and_comments_are_of_the_neuron_asked_for(tmp_path: Path) -> None:
    network = small("asymmetric-pyramidal")
    result = export(network, tmp_path / "cell.swc", neuron=2)
    assert result.summary == "neuron 2 of layer hidden, 10 compartments"
    assert result.notes == ("a morphology has no size of the soma: a diameter of 20 µm is written",)
    lines = (tmp_path / "cell.swc").read_text().splitlines()
    told = {
        line.partition(":")[0][2:]: lines[number + 1].split()[1] for number, line in enumerate(lines) if "[" in line
    }
    assert {name: kind for name, kind in told.items() if name.endswith("[0]")} == {
        "basal[0]": "3",
        "trunk[0]": "4",
        "trunk/oblique[0]": "4",
        "trunk/tuft[0]": "4",
    }
    weights = network.weight("hidden/basal->hidden/soma")
    shown = [float(line.rpartition(" ")[2]) for line in lines if line.startswith("# basal[")]
    assert np.array(shown, dtype=np.float32).tolist() == weights[8:12].tolist()
    assert next(line for line in lines if line.startswith("# basal[0]")).startswith(
        "# basal[0]: 2 synapses, cable weight"
    )
    one, other = (export(network, tmp_path / f"{i}.swc", neuron=i).files[0].read_text() for i in (0, 1))
    assert one != other  # by their weights


def test_a_graph_that_knows_no_morphology(tmp_path: Path) -> None:
    from dataclasses import replace

    graph = replace(small("dann-lrf").graph, morphology=None)
    notes = export(graph, tmp_path / "cell.swc").notes
    assert "2 of 2 dendrites have no length in the morphology: length 100 µm, diameter 1 µm" in notes
    assert [round(one.length, 3) for one in read(tmp_path / "cell.swc").sections] == [100.0, 100.0]
    assert cables(graph) == {}


def test_what_is_too_large_for_a_reader_is_refused(tmp_path: Path) -> None:
    graph = compile(load("dann-lrf", {"dendrites": 50_001, "somata": 1, "synapses": 1}), (28, 28))
    with pytest.raises(DendrographError, match="has 50,001 dendrites, and readers of SWC take 50,000"):
        export(graph, tmp_path / "cell.swc")
    assert not list(tmp_path.iterdir())


def test_a_chain_and_a_lone_soma_are_told(tmp_path: Path) -> None:
    lone = export("vann", tmp_path / "lone.swc").notes
    assert "neurons of layer 'dendritic' have no dendrites: only the soma is written" in lone
    (case,) = (one for one in CORNERS if one.name == "a tree five branches deep")
    notes = export(case.compile(), tmp_path / "deep.swc").notes
    assert any("have a single child of their own type: readers take both as one section" in note for note in notes)


# The layout


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[int | None], list[bool], list[float]]:
    size = draw(st.integers(1, 40))
    parents = [draw(st.one_of(st.none(), st.integers(0, i - 1))) if i else None for i in range(size)]
    stems = [draw(st.booleans()) for _ in range(size)]
    lengths = [draw(st.floats(0.5, 500.0)) for _ in range(size)]
    return parents, stems, lengths


@pytest.mark.slow
@given(trees())
def test_no_branch_crosses_another(tree: tuple[list[int | None], list[bool], list[float]]) -> None:
    parents, apical, lengths = tree
    angles = directions(parents, apical)
    ends: list[complex] = []
    lines: list[tuple[complex, complex]] = []
    for parent, angle, length in zip(parents, angles, lengths, strict=True):
        turn = complex(math.cos(angle), math.sin(angle))
        begin = 10 * turn if parent is None else ends[parent]
        ends.append(begin + length * turn)
        lines.append((begin, ends[-1]))
    for (i, one), (j, other) in itertools.combinations(enumerate(lines), 2):
        if parents[j] == i or parents[i] == j:
            continue  # they meet in one point
        if parents[i] == parents[j]:
            assert abs(angles[i] - angles[j]) > 1e-9  # siblings part
            continue
        assert not _cross(one, other)


def _cross(one: tuple[complex, complex], other: tuple[complex, complex]) -> bool:
    def side(line: tuple[complex, complex], point: complex) -> float:
        along, to = line[1] - line[0], point - line[0]
        return along.real * to.imag - along.imag * to.real

    apart = side(one, other[0]) * side(one, other[1]) > 0 or side(other, one[0]) * side(other, one[1]) > 0
    near = min(abs(a - b) for a in one for b in other) < 1e-9
    return not apart and not near and abs(side(one, other[0])) + abs(side(one, other[1])) > 1e-6
