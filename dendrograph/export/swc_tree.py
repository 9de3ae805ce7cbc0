"""SWC: the tree of one neuron, for the tools of those who work with reconstructions.

Each dendrite is a straight cylinder of two samples. Lengths and diameters are those of its cable where the morphology
gives them; where a branch lies is not in a morphology, and is chosen so that no two cross.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError, argument
from dendrograph.base.suggestions import numbered
from dendrograph.export.content import Content, of_bytes
from dendrograph.export.subject import Subject, cables
from dendrograph.export.tree_layout import directions
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.swc.lines import GREATEST
from dendrograph.morphology.swc.soma_tree import MOST_SECTIONS
from dendrograph.network.single_neuron import layer_of

NAME = "SWC"
SUFFIXES = (".swc",)
MOST = None

SOMA_UM = 20.0  # diameters and length of what a morphology does not measure: round numbers of the usual size
LENGTH_UM, DIAMETER_UM = 100.0, 1.0

SOMA, BASAL, APICAL = 1, 3, 4
# What a place is called says its type; what is called otherwise has that of its parent, and a stem is basal.
CALLED = {"basal": BASAL, "apical": APICAL, "trunk": APICAL, "oblique": APICAL, "tuft": APICAL}


def paths(path: Path) -> tuple[Path, ...]:
    """The file."""
    return (path,)


def require(weights: str) -> None:
    """Nothing."""


@dataclass(frozen=True)
class Dendrite:
    """One dendrite of the neuron; `parent` is its place among them, None for a stem; `told` is a comment."""

    kind: int
    parent: int | None
    length: float
    diameter: float
    told: str


def contents(subject: Subject, path: Path) -> Content:
    """The soma, one sample at the origin, and the dendrites, parents before children.

    Raises:
        DendrographError: there is no such layer or neuron, or its tree is larger than a reader of SWC takes.
    """
    graph = subject.graph
    layer = layer_of(graph, subject.layer)
    soma = next(group for group in graph.groups if group.layer == layer and group.role == "soma")
    neuron = subject.neuron or 0
    if neuron not in range(soma.size):
        raise DendrographError(
            f"{argument('neuron', neuron)}: no such neuron in layer '{layer}'\n  {numbered(soma.size, 'neuron')}"
        )
    size = sum(group.size // soma.size for group in graph.groups if group.layer == layer) - 1
    if size > MOST_SECTIONS:
        raise DendrographError(
            f"a neuron of layer '{layer}' has {size:,} dendrites, and readers of SWC take {MOST_SECTIONS:,}\n"
            "  export the whole network, as FILE.npz say"
        )
    dendrites, without = _dendrites(subject, soma, neuron)
    notes = [f"the size of the soma is not in a morphology: {SOMA_UM:g} µm across"]
    if without:
        round_numbers = f"length {LENGTH_UM:g} µm, diameter {DIAMETER_UM:g} µm"
        notes.append(f"{without:,} of {size:,} dendrites have no length in the morphology: {round_numbers}")
    if not dendrites:
        notes.append(f"neurons of layer '{layer}' have no dendrites: the soma alone is written")
    if lone := _single(dendrites):
        notes.append(f"{len(lone):,} dendrites go on in a single one of their type: a reader takes both as one section")
    text = "\n".join([*_header(subject, soma, neuron), *_samples(dendrites), ""])
    held = f"neuron {neuron} of layer {layer}, {size + 1:,} compartment{'s' if size else ''}"
    return Content({path: of_bytes(text.encode())}, tuple(notes), held)


def _dendrites(subject: Subject, soma: Group, neuron: int) -> tuple[list[Dendrite], int]:
    """Those of one neuron, parents before children, and how many of them have no length of their own."""
    graph, lengths = subject.graph, cables(subject.graph)
    found: list[Dendrite] = []
    first: dict[str, int | None] = {soma.name: None}  # the place of a group's first dendrite of this neuron
    kinds = {soma.name: BASAL}
    without = 0
    inwards = {one.source: one for one in graph.projections if one.kind == "cable"}
    # A group stands before its parent in the graph, so the other way round parents come first.
    for group in reversed([one for one in graph.groups if one.layer == soma.layer and one.role == "dendrite"]):
        cable = inwards[group.name]
        parents = _parents(cable, group, soma, neuron)
        kinds[group.name] = _kind(group.name.rpartition("/")[2], kinds[cable.target])
        measured = lengths.get(group.name)
        length, diameter = LENGTH_UM, DIAMETER_UM
        if measured and measured.length_um:
            length, diameter = measured.length_um, measured.diameter_um
        else:
            without += len(parents)
        begin = first[cable.target]
        first[group.name] = len(found)
        for index, (parent, told) in enumerate(zip(parents, _told(subject, group, soma, neuron), strict=True)):
            name = group.name.partition("/")[2]
            place = None if begin is None else begin + parent
            found.append(Dendrite(kinds[group.name], place, length, diameter, f"{name}[{index}]: {told}"))
    return found, without


def _parents(cable: Projection, group: Group, soma: Group, neuron: int) -> list[int]:
    """The parent of each of a neuron's dendrites of one group: its number among the neuron's own of the parent's."""
    each, of_parent = group.size // soma.size, cable.targets // soma.size
    own = np.arange(neuron * each, (neuron + 1) * each)
    source, target = cable.endpoints()
    parents = np.empty(group.size, dtype=np.int64)
    parents[source] = target
    found: list[int] = (parents[own] - neuron * of_parent).tolist()
    return found


def _kind(name: str, parent: int) -> int:
    return next((kind for start, kind in CALLED.items() if name.lower().startswith(start)), parent)


def _told(subject: Subject, group: Group, soma: Group, neuron: int) -> Iterator[str]:
    """What is said of each of a neuron's dendrites of one group: its synapses, and the weight of its cable."""
    graph, each = subject.graph, group.size // soma.size
    part = slice(neuron * each, (neuron + 1) * each)
    synapses = np.zeros(each, dtype=np.int64)
    for projection in graph.onto(group):
        if projection.kind == "synapse":
            synapses += projection.fan_in()[part]
    weights = _cable_weights(subject, graph, group)
    for index, count in enumerate(synapses.tolist()):
        weight = "" if weights is None else f", cable weight {weights[part][index].item():.9g}"
        yield f"{count:,} synapse{'' if count == 1 else 's'}{weight}"


def _cable_weights(subject: Subject, graph: Graph, group: Group) -> NDArray[Any] | None:
    """By the number of the dendrite in its group."""
    cable = next(one for one in graph.projections if one.kind == "cable" and one.source == group.name)
    weight = subject.weight(cable.name)
    return None if weight is None else weight[np.argsort(cable.endpoints()[0], kind="stable")]


def _single(dendrites: Sequence[Dendrite]) -> set[int]:
    """The dendrites from which one other of the same type grows, and nothing else."""
    children: dict[int | None, list[int]] = {}
    for one in dendrites:
        children.setdefault(one.parent, []).append(one.kind)
    return {
        place
        for place, kinds in children.items()
        if place is not None and len(kinds) == 1 and kinds[0] == dendrites[place].kind
    }


def _header(subject: Subject, soma: Group, neuron: int) -> list[str]:
    about = subject.about()
    return [
        f"# {about['name']}: neuron {neuron} of layer {soma.layer}, weights: {about['weights']}",
        f"# dendrograph {about['dendrograph']}, seed {about['seed']}, connectivity {about['connectivity_hash']}",
        "# Lengths and diameters in um; where branches lie is chosen to part them, not measured.",
        "# id type x y z radius parent",
    ]


def _samples(dendrites: Sequence[Dendrite]) -> Iterator[str]:
    """Lines of the file. A stem begins on the surface of the soma, so that it has no gap to it."""
    yield f"1 {SOMA} 0 0 0 {SOMA_UM / 2:g} -1"
    angles = directions([one.parent for one in dendrites], [one.kind == APICAL for one in dendrites])
    ends: list[tuple[float, float]] = []
    for place, (one, angle) in enumerate(zip(dendrites, angles, strict=True)):
        across, up = math.cos(angle), math.sin(angle)
        x, y = (SOMA_UM / 2 * across, SOMA_UM / 2 * up) if one.parent is None else ends[one.parent]
        ends.append((x + one.length * across, y + one.length * up))
        if max(map(abs, ends[-1])) >= GREATEST:
            raise DendrographError(
                f"{one.told.partition(':')[0]}: ends more than {GREATEST:g} µm from the soma\n  are lengths in µm?"
            )
        # Its own first sample on the end of the parent keeps its diameter its own.
        number, parent = 2 * place + 2, 1 if one.parent is None else 2 * one.parent + 3
        yield f"# {one.told}"
        yield f"{number} {one.kind} {_shown(x)} {_shown(y)} 0 {one.diameter / 2:.9g} {parent}"
        yield f"{number + 1} {one.kind} {_shown(ends[-1][0])} {_shown(ends[-1][1])} 0 {one.diameter / 2:.9g} {number}"


def _shown(coordinate: float) -> str:
    """To a picometre; what is as good as 0 is 0."""
    return f"{round(coordinate, 6) + 0.0:.12g}"
