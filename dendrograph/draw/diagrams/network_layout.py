"""The layout of a network in mm: inputs at the left, a column for each level of the trees, the readout at the right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.layout import Whole
from dendrograph.draw.canvas.places import Place, depths_of, layers_of, places_of
from dendrograph.draw.canvas.scene import Box, Floats
from dendrograph.draw.diagrams.receptive_fields import edges_onto
from dendrograph.draw.diagrams.view import Panel
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Group, Projection

SLOTS = 26  # units above each other in a folded diagram
PITCH = 2.5  # mm from unit to unit at most
IMAGE = 30.0  # mm, the longer edge of an input's image
COLUMN = 8.0  # mm from column to column at least
FIRST_LAYERS, LAST_LAYERS = 2, 1  # that are drawn of many


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one group that are drawn.

    copy: number of each within the group; at: (units, 2), in mm; radius in mm
    gaps: (gaps, 2), where an ellipsis represents the other units
    image: the box of an input that is drawn as an image, in which every unit has a pixel
    """

    group: Group
    copy: Whole
    at: Floats
    radius: float
    gaps: Floats
    image: Box | None = None

    def number(self) -> Whole:
        """For each unit of the group its position among those drawn, -1 if it is not drawn."""
        found = np.full(self.group.size, -1, dtype=np.int64)
        found[self.copy] = np.arange(len(self.copy))
        return found


@dataclass(frozen=True, eq=False)
class Block:
    """An input stream, a layer, or the readout.

    captions: (x, lines) of each
    hulls: boxes around its neurons, (neurons, 4)
    cables: name of the projection, and lines of shape (edges, 2, 2)
    """

    name: str
    box: Box
    captions: tuple[tuple[float, tuple[str, ...]], ...]
    hulls: Floats
    cables: tuple[tuple[str, Floats], ...] = ()


@dataclass(frozen=True, eq=False)
class NetworkLayout:
    """A network laid out, in mm.

    gaps: (x, number of layers that are left out there)
    hidden: layers that are left out
    """

    width: float
    height: float
    units: Mapping[str, Units]
    blocks: tuple[Block, ...]
    gaps: tuple[tuple[float, int], ...]
    hidden: frozenset[str]


@dataclass(frozen=True, eq=False)
class _Plan:
    """A block before it has a position: its slots and columns, or the height and width of its image in pixels."""

    name: str
    group: Group
    slots: float
    columns: int
    places: tuple[Place, ...] = ()
    twigs: layout.Twigs | None = None
    image: tuple[int, int] | None = None
    channels: int = 1

    def image_size(self, side: float) -> tuple[float, float]:
        """Width and height of its image, whose longer edge is `side` mm long; zero if there is none."""
        height, width = self.image or (0, 1)
        return (side * min(1.0, width / height), side * min(1.0, height / width)) if height else (0.0, 0.0)

    def height(self, side: float, pitch: float) -> float:
        """Of the block, in mm."""
        return self.slots * pitch if self.image is None else self.image_size(side)[1]

    def words(self) -> list[tuple[int, tuple[str, str]]]:
        """The caption of each column, by its distance from the soma in cables: a name, and units in the whole layer."""
        if not self.places:
            return [(0, (self.name, f"{self.group.size:,}"))]
        depths = depths_of(self.places)
        found = []
        for depth in range(max(depths), -1, -1):
            here = [place for place, own in zip(self.places, depths, strict=True) if own == depth]
            names = list(dict.fromkeys(place.label for place in here))
            word = self.name if depth == 0 else ", ".join(names) if len(names) < 3 else "dendrites"
            found.append((depth, (word, f"{sum(place.group.size for place in here):,}")))
        return found


@dataclass(frozen=True)
class _Sizes:
    """Distances in mm: from column to column, from unit to unit, the width of a column, the scale of dots."""

    step: float
    pitch: float
    plain: float
    scale: float


def lay_out(graph: Graph, panel: Panel) -> NetworkLayout:
    """Every unit to be drawn, at its position."""
    scale, width = panel.theme.scale, panel.width
    levels, hidden, gap_after = _levels(graph, width / scale, panel.folded)
    plans = [[_planned(graph, name, SLOTS / len(level), panel.folded) for name in level] for level in levels]
    side = min(IMAGE * scale, 0.3 * width)
    margin = 5.0 * scale
    # Images have a fixed width; the other blocks, their columns and the steps between them share the rest.
    images = [max(plan.image_size(side)[0] for plan in level) for level in plans]
    room = width - 2 * margin - sum(images)
    plain = min(2.0 * scale, 0.3 * room / len(plans))
    wide = [image or plain for image in images]
    columns = [max(plan.columns for plan in level) for level in plans]
    flexible = sum(columns) - 1 + 0.7 * (len(plans) - 1)  # a step between blocks is wider than one within
    step = min((room - plain * images.count(0.0)) / max(flexible, 1.0), 22.0 * scale)
    x = (width - sum(wide) - step * flexible) / 2
    apart = _captions_room(plans, step, panel.theme)

    def height_of(level: Sequence[_Plan], pitch: float) -> float:
        return sum(plan.height(side, pitch) for plan in level) + apart * (len(level) - 1)

    pitch = PITCH * scale
    tall = (0.62 if panel.folded else 1.0) * width
    for level in plans:
        if slots := sum(plan.slots for plan in level):
            pitch = min(pitch, max(tall - height_of(level, 0.0), 0.3 * tall) / slots)
    sizes = _Sizes(step, pitch, plain, scale)
    high = [height_of(level, pitch) for level in plans]
    height = max(high)
    units: dict[str, Units] = {}
    blocks: list[Block] = []
    gaps: list[tuple[float, int]] = []
    for number, level in enumerate(plans):
        top = height / 2 + high[number] / 2
        right = x + wide[number] + step * (columns[number] - 1)
        for plan in level:
            bottom = top - plan.height(side, pitch)
            box = Box(right - wide[number] - step * (plan.columns - 1), bottom, right, top)
            found, block = _image(graph, plan, box) if plan.image else _placed(plan, box, sizes)
            units.update(found)
            blocks.append(block)
            top = bottom - apart
        if number == gap_after:
            gaps.append((right + 0.85 * step, len(hidden)))
        x = right + 1.7 * step
    return NetworkLayout(width, height, units, tuple(blocks), tuple(gaps), hidden)


def columns_of(graph: Graph) -> dict[str, int]:
    """The column of each stream, layer and readout: to the right of all its sources, the readout last."""
    column = dict.fromkeys(graph.inputs, 0) | dict.fromkeys(layers_of(graph), 1)
    for one in graph.projections:  # in the order of the stages
        if one.kind == "synapse":
            source, target = (graph.by_name[end].layer for end in (one.source, one.target))
            column[target] = max(column.get(target, 1), column[source] + 1)
    for group in graph.groups:
        if group.role == "readout":
            column[group.layer] = 1 + max(number for name, number in column.items() if name != group.layer)
    return column


def _levels(graph: Graph, width: float, folded: bool) -> tuple[list[list[str]], frozenset[str], int]:
    """Names of blocks, level by level; the layers that are left out; the level after which they are missing."""
    found: dict[int, list[str]] = {}
    for name, number in columns_of(graph).items():
        found.setdefault(number, []).append(name)
    levels = [found[number] for number in sorted(found)]
    middle = [number for number, names in enumerate(levels) if names[0] in layers_of(graph)]
    depth = {name: 1 + max(depths_of(places_of(graph, name))) for name in layers_of(graph)}
    columns = sum(max(depth.get(name, 1) for name in names) for names in levels)
    if not folded or len(middle) <= FIRST_LAYERS + LAST_LAYERS + 1 or columns * COLUMN <= width:
        return levels, frozenset(), -1
    out = middle[FIRST_LAYERS:-LAST_LAYERS]
    hidden = frozenset(name for number in out for name in levels[number])
    return [names for number, names in enumerate(levels) if number not in out], hidden, out[0] - 1


def _planned(graph: Graph, name: str, capacity: float, folded: bool) -> _Plan:
    places = places_of(graph, name) if name in layers_of(graph) else ()
    group = places[0].group if places else graph.by_name[name]
    shape = graph.inputs.get(name, (group.size,))
    if group.role == "input" and len(shape) > 1:
        return _Plan(name, group, 0.0, 1, image=(shape[0], shape[1]), channels=(*shape, 1)[2])
    # All neurons of the layer are subtrees of one invisible root.
    parents = [None, *(0 if place.parent is None else place.parent + 1 for place in places)] if places else [None, 0]
    counts = [1, group.neurons, *(place.count for place in places[1:])] if places else [1, group.size]
    modes = layout.fold(parents, counts, capacity) if folded else (layout.ALL,) * len(counts)
    twigs = layout.unfold(parents, counts, modes)
    return _Plan(name, group, twigs.slots, 1 + max(depths_of(places), default=0), places, twigs)


def _captions_room(plans: Sequence[Sequence[_Plan]], step: float, theme: Theme) -> float:
    """Room between blocks above each other for the captions of the upper one, in two rows if they are wide."""
    names = [word for level in plans if len(level) > 1 for plan in level for _, (word, _) in plan.words()]
    widest = max((theme.measure(word, theme.small) for word in names), default=0.0)
    rows = 2 if widest + theme.scale > step else 1
    return rows * 2.3 * theme.line(theme.small) + 2.2 * theme.scale


def _placed(plan: _Plan, box: Box, sizes: _Sizes) -> tuple[dict[str, Units], Block]:
    """A layer or the readout, or an input that is no image: its units and its block."""
    assert plan.twigs is not None
    twigs, (step, pitch) = plan.twigs, (sizes.step, sizes.pitch)
    hidden = twigs.copy == layout.ELLIPSIS
    own = box.right - sizes.plain / 2
    at = np.stack([own - step * (layout.levels(twigs.parent) - 1), box.top - twigs.slot * pitch], axis=1)
    units: dict[str, Units] = {}
    for position, group in enumerate([place.group for place in plan.places] or [plan.group], 1):
        rows = twigs.at(position)
        drawn, gaps = rows[~hidden[rows]], rows[hidden[rows]]
        big = group.role == "soma"
        radius = min((1.25 if big else 0.8) * sizes.scale, (0.48 if big else 0.4) * pitch, 0.45 * step)
        units[group.name] = Units(group, twigs.copy[drawn], at[drawn], radius, at[gaps])
    captions = tuple((own - step * depth, words) for depth, words in plan.words())
    if plan.columns == 1:
        return units, Block(plan.name, box, captions, np.zeros((0, 4)))
    cables = tuple(_cables(plan, twigs, at))
    somata = twigs.at(1)
    somata = somata[~hidden[somata]]
    half = twigs.span[somata] * box.height / twigs.slots / 2
    left = np.full(len(somata), box.right - 1.3 * sizes.plain - step * (plan.columns - 1))
    right = np.full(len(somata), box.right + 0.3 * sizes.plain)
    hulls = np.stack([left, at[somata, 1] - half, right, at[somata, 1] + half], axis=1)
    return units, Block(plan.name, box, captions, hulls, cables)


def _cables(plan: _Plan, twigs: layout.Twigs, at: Floats) -> Iterator[tuple[str, Floats]]:
    for position, place in enumerate(plan.places, 1):
        if place.cable is not None:
            rows = twigs.at(position)
            rows = rows[twigs.copy[rows] != layout.ELLIPSIS]
            yield place.cable.name, np.stack([at[rows], at[twigs.parent[rows]]], axis=1)


def _image(graph: Graph, plan: _Plan, box: Box) -> tuple[dict[str, Units], Block]:
    """An input as an image: its units and its block."""
    assert plan.image is not None
    height, width = plan.image
    cell = min(box.width / width, box.height / height)
    left, top = box.middle[0] - cell * width / 2, box.middle[1] + cell * height / 2
    own = Box(left, top - cell * height, left + cell * width, top)
    pixel = np.arange(plan.group.size) // plan.channels
    at = np.stack([left + cell * (pixel % width + 0.5), top - cell * (pixel // width + 0.5)], axis=1)
    units = Units(plan.group, np.arange(plan.group.size), at, cell / 2, np.zeros((0, 2)), own)
    words = (plan.name, " × ".join(map(str, graph.inputs[plan.name])))
    return {plan.group.name: units}, Block(plan.name, own, ((own.middle[0], words),), np.zeros((0, 4)))


def between(projection: Projection, source: Units, target: Units) -> tuple[Whole, Whole]:
    """The edges of a projection onto units that are drawn, as positions among the source and the target units.

    A source that is not drawn has position -1.
    """
    if projection.pairs is None:
        drawn = np.arange(len(source.copy)) if not len(source.gaps) else np.append(np.arange(len(source.copy)), -1)
        return np.tile(drawn, len(target.copy)), np.repeat(np.arange(len(target.copy)), len(drawn))
    starts, counts = edges_onto(projection, target.copy)
    second = np.repeat(np.arange(len(target.copy)), counts)
    edge = np.repeat(starts, counts) + np.arange(len(second)) - np.repeat(np.cumsum(counts) - counts, counts)
    return source.number()[projection.pairs[0][edge]], second


def edges_between(projection: Projection, source: Units, target: Units) -> int:
    """How many edges reach the units that are drawn."""
    if projection.pairs is None:
        return len(source.copy) * len(target.copy)
    return int(edges_onto(projection, target.copy)[1].sum())
