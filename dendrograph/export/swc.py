"""SWC: the tree of one neuron, for programs that work with reconstructed neurons.

Each dendrite is a straight cylinder of two samples. Its length and diameter are those of its cable where the morphology
declares them. A morphology has no positions: the writer chooses directions in which no two branches cross.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dendrograph.base.errors import DendrographError, argument
from dendrograph.base.suggestions import numbered
from dendrograph.export.format import Content, Format
from dendrograph.export.subject import Subject, cables
from dendrograph.graph.graph import Group
from dendrograph.morphology.swc.lines import GREATEST
from dendrograph.morphology.swc.soma_tree import MOST_SECTIONS
from dendrograph.network.single_neuron import layer_of

SOMA_UM = 20.0  # diameters and length of what a morphology does not measure: round numbers of the usual size
LENGTH_UM, DIAMETER_UM = 100.0, 1.0

SOMA, BASAL, APICAL = 1, 3, 4
# The type of a dendrite follows from the start of its name; other names take the type of the parent, stems are basal.
TYPES = {"basal": BASAL, "apical": APICAL, "trunk": APICAL, "oblique": APICAL, "tuft": APICAL}

# Wedges in radians: of any branch at most, of apical stems, of the other stems beside them, and of stems of one kind.
WIDEST = math.radians(150.0)
UP = (math.radians(30.0), math.radians(150.0))
DOWN = (math.radians(150.0), math.radians(390.0))
ROUND = (math.radians(90.0), math.radians(450.0))


@dataclass(frozen=True)
class Dendrite:
    """A dendrite of the neuron.

    Attributes:
        type: Its SWC type, `BASAL` or `APICAL`.
        parent: The index of its parent in the list of dendrites; None for a stem.
        length: In µm.
        diameter: In µm.
        comment: Its name, synapses and cable weight.
    """

    type: int
    parent: int | None
    length: float
    diameter: float
    comment: str


class Swc(Format):
    """SWC, the format of reconstructed neurons."""

    name = "SWC"
    suffixes = (".swc",)

    def content(self, subject: Subject, path: Path) -> Content:
        """Return the soma, one sample at the origin, and the dendrites, parents before children.

        Raises:
            DendrographError: There is no such layer or neuron, or its tree is too large for readers of SWC.
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
                "  export the whole network, for example as FILE.npz"
            )
        dendrites, without_length = _dendrites(subject, soma, neuron)
        notes = [f"a morphology has no size of the soma: a diameter of {SOMA_UM:g} µm is written"]
        if without_length:
            default = f"length {LENGTH_UM:g} µm, diameter {DIAMETER_UM:g} µm"
            notes.append(f"{without_length:,} of {size:,} dendrites have no length in the morphology: {default}")
        if not dendrites:
            notes.append(f"neurons of layer '{layer}' have no dendrites: only the soma is written")
        if chains := _chains(dendrites):
            notes.append(
                f"{chains:,} dendrites have a single child of their own type: readers take both as one section"
            )
        about = subject.about()
        lines = [
            f"# {about['name']}: neuron {neuron} of layer {layer}, weights: {about['weights']}",
            f"# dendrograph {about['dendrograph']}, seed {about['seed']}, connectivity {about['connectivity_hash']}",
            "# Lengths and diameters in um; where branches lie is chosen to part them, not measured.",
            "# id type x y z radius parent",
            *_samples(dendrites),
        ]
        text = "".join(f"{line}\n" for line in lines).encode()
        summary = f"neuron {neuron} of layer {layer}, {size + 1:,} compartment{'s' if size else ''}"
        return Content({path: lambda stream: stream.write(text)}, tuple(notes), summary)


def _dendrites(subject: Subject, soma: Group, neuron: int) -> tuple[list[Dendrite], int]:
    """Return the dendrites of one neuron, parents before children, and how many have no declared length."""
    graph, declared = subject.graph, cables(subject.graph)
    dendrites: list[Dendrite] = []
    first: dict[str, int | None] = {soma.name: None}  # the index of the first dendrite of each group
    types = {soma.name: BASAL}
    without_length = 0
    towards_soma = {one.source: one for one in graph.projections if one.kind == "cable"}
    # The graph lists each group before its parent; in reverse order, parents come first.
    for group in reversed([one for one in graph.groups if one.layer == soma.layer and one.role == "dendrite"]):
        cable, size = towards_soma[group.name], group.size // soma.size
        own = slice(neuron * size, (neuron + 1) * size)
        source, target = cable.endpoints()
        edges = np.argsort(source, kind="stable")[own]  # the cable edge of each dendrite
        parents = (target[edges].astype(np.int64) - neuron * (cable.targets // soma.size)).tolist()
        name = group.name.partition("/")[2]
        start = group.name.rpartition("/")[2].lower()
        types[group.name] = next((kind for word, kind in TYPES.items() if start.startswith(word)), types[cable.target])
        length, diameter = LENGTH_UM, DIAMETER_UM
        if (measured := declared.get(group.name)) and measured.length_um:
            length, diameter = measured.length_um, measured.diameter_um
        else:
            without_length += size
        offset = first[cable.target]
        first[group.name] = len(dendrites)
        synapses = sum((one.fan_in()[own] for one in graph.onto(group) if one.kind == "synapse"), np.zeros(size, int))
        weight = subject.weight(cable.name)
        for index, (parent, count) in enumerate(zip(parents, synapses.tolist(), strict=True)):
            shown = "" if weight is None else f", cable weight {weight[edges[index]].item():.9g}"
            dendrite = Dendrite(
                type=types[group.name],
                parent=None if offset is None else offset + parent,
                length=length,
                diameter=diameter,
                comment=f"{name}[{index}]: {count:,} synapse{'' if count == 1 else 's'}{shown}",
            )
            dendrites.append(dendrite)
    return dendrites, without_length


def _chains(dendrites: Sequence[Dendrite]) -> int:
    """Count the dendrites whose only child has their own type."""
    children: dict[int, list[int]] = {}
    for one in dendrites:
        if one.parent is not None:
            children.setdefault(one.parent, []).append(one.type)
    return sum(types == [dendrites[parent].type] for parent, types in children.items())


def _samples(dendrites: Sequence[Dendrite]) -> Iterator[str]:
    """Return the lines of the samples. A stem begins on the surface of the soma."""
    yield f"1 {SOMA} 0 0 0 {SOMA_UM / 2:g} -1"
    angles = directions([one.parent for one in dendrites], [one.type == APICAL for one in dendrites])
    ends: list[tuple[float, float]] = []
    for index, (one, angle) in enumerate(zip(dendrites, angles, strict=True)):
        across, up = math.cos(angle), math.sin(angle)
        x, y = (SOMA_UM / 2 * across, SOMA_UM / 2 * up) if one.parent is None else ends[one.parent]
        ends.append((x + one.length * across, y + one.length * up))
        if max(map(abs, ends[-1])) >= GREATEST:
            raise DendrographError(
                f"{one.comment.partition(':')[0]}: ends more than {GREATEST:g} µm from the soma\n  are lengths in µm?"
            )
        # A dendrite has a first sample of its own at the end of its parent, so that it keeps its own diameter.
        number, parent = 2 * index + 2, 1 if one.parent is None else 2 * one.parent + 3
        yield f"# {one.comment}"
        for sample, place, previous in ((number, (x, y), parent), (number + 1, ends[-1], number)):
            coordinates = " ".join(map(_coordinate, place))
            yield f"{sample} {one.type} {coordinates} 0 {one.diameter / 2:.9g} {previous}"


def _coordinate(value: float) -> str:
    """Write a coordinate in µm with a precision of one picometre, without -0."""
    return f"{round(value, 6) + 0.0:.12g}"


def directions(parents: Sequence[int | None], apical: Sequence[bool]) -> list[float]:
    """Choose directions in which no two branches cross: each fork divides its wedge among its branches.

    A branch runs along the middle of its wedge, and its children stay within the wedge: a wedge narrower than a half
    turn that is moved along its middle lies inside itself, and the wedges of siblings do not overlap. This is the
    equal-angle layout of trees (Felsenstein, Inferring Phylogenies, 2004).

    Args:
        parents: The index of the parent of each branch, which comes before the branch; None for a stem.
        apical: Whether each branch is apical. Where the soma has stems of both kinds, apical stems point upwards.

    Returns:
        The direction of each branch in radians.
    """
    tips = [0] * len(parents)
    children: dict[int | None, list[int]] = {}
    for branch, parent in enumerate(parents):
        children.setdefault(parent, []).append(branch)
    for branch in reversed(range(len(parents))):
        tips[branch] = max(1, sum(tips[child] for child in children.get(branch, ())))
    wedges: dict[int, tuple[float, float]] = {}

    def divide(branches: Sequence[int], wedge: tuple[float, float]) -> None:
        low, total = wedge[0], sum(tips[branch] for branch in branches)
        for branch in branches:
            high = low + (wedge[1] - wedge[0]) * tips[branch] / total
            middle, half = (low + high) / 2, min(high - low, WIDEST) / 2
            wedges[branch] = middle - half, middle + half
            low = high

    stems = children.get(None, [])
    upwards = [stem for stem in stems if apical[stem]]
    others = [stem for stem in stems if not apical[stem]]
    if upwards and others:
        divide(upwards, UP)
        divide(others, DOWN)
    else:
        divide(stems, ROUND)
    for branch in range(len(parents)):
        divide(children.get(branch, ()), wedges[branch])
    return [(low + high) / 2 for low, high in (wedges[branch] for branch in range(len(parents)))]
