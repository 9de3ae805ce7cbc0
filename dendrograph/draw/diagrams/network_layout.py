"""Where the units of a network lie: inputs at the left, one column a level of the trees, the readout at the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.layout import Floats, Whole
from dendrograph.draw.canvas.places import Place, layers_of, places_of
from dendrograph.draw.diagrams.receptive_fields import edges_onto
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Group, Projection

SLOTS = 26  # units above each other, where few stand for many
PITCH = 2.5  # mm from unit to unit at most
IMAGE = 30.0  # mm, the longer edge of an input's image
COLUMN = 8.0  # mm from column to column at least
FIRST_LAYERS, LAST_LAYERS = 2, 1  # that are drawn of many

Box = tuple[float, float, float, float]  # left, bottom, right, top, in mm


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one group that are drawn.

    copy: number of each within the group; at: (units, 2), in mm; radius in mm
    gaps: (gaps, 2), where an ellipsis stands for the others
    image: box (left, bottom, right, top) of an input that is drawn as its image, all of whose units have a place
    """

    group: Group
    copy: Whole
    at: Floats
    radius: float
    gaps: Floats
    image: Box | None = None

    def number(self) -> Whole:
        """For each unit of the group its position among those drawn, -1 where it is none."""
        found = np.full(self.group.size, -1, dtype=np.int64)
        found[self.copy] = np.arange(len(self.copy))
        return found


@dataclass(frozen=True, eq=False)
class Block:
    """An input stream, a layer, or the readout: captions are (x, lines) each, `hulls` boxes around its neurons."""

    name: str
    box: Box
    captions: tuple[tuple[float, tuple[str, ...]], ...]
    hulls: Floats
    cables: tuple[tuple[str, Floats], ...] = ()  # name of the projection, (edges, 2, 2)


@dataclass(frozen=True, eq=False)
class Columns:
    """A network laid out, in mm; `gaps` are (x, layers left out)."""

    width: float
    height: float
    units: Mapping[str, Units]
    blocks: tuple[Block, ...]
    gaps: tuple[tuple[float, int], ...]
    hidden: frozenset[str]  # layers that are left out


@dataclass(frozen=True, eq=False)
class _Plan:
    """One block before it has a place: slots that it takes, columns that it has."""

    name: str
    group: Group
    slots: float
    columns: int
    places: tuple[Place, ...] = ()
    twigs: layout.Twigs | None = None
    image: tuple[int, int] | None = None
    channels: int = 1


def lay_out(graph: Graph, width: float, style: Theme, folded: bool) -> Columns:
    """Every unit to be drawn at its place.

    Args:
        graph: the network.
        width: in mm.
        style: what sizes are in proportion to.
        folded: few units stand for many, and few layers for many like ones; else all are drawn.
    """
    scale = style.scale
    levels, hidden, gap_after = _levels(graph, width / scale, folded)
    plans = [[_planned(graph, name, SLOTS / len(level), folded) for name in level] for level in levels]
    side = min(IMAGE * scale, 0.3 * width)
    margin = 5.0 * scale
    # An image is as wide as it is; the other blocks, their columns and the steps between them share what is left.
    images = [max((_image_size(plan.image, side)[0] for plan in level if plan.image), default=0.0) for level in plans]
    room = width - 2 * margin - sum(images)
    plain = min(2.0 * scale, 0.3 * room / len(plans))
    wide = [image or plain for image in images]
    columns = [max(plan.columns for plan in level) for level in plans]
    flexible = sum(columns) - 1 + 0.7 * (len(plans) - 1)  # a step between blocks is wider than one within
    step = min((room - plain * images.count(0.0)) / max(flexible, 1.0), 22.0 * scale)
    x = (width - sum(wide) - step * flexible) / 2
    apart = _captions_room(plans, step, style)

    def taken(plan: _Plan, pitch: float) -> float:
        """Height of a block."""
        return plan.slots * pitch if plan.image is None else _image_size(plan.image, side)[1]

    pitch = PITCH * scale
    tall = (0.62 if folded else 1.0) * width
    for level in plans:
        fixed = sum(taken(plan, 0.0) for plan in level) + apart * (len(level) - 1)
        slots = sum(plan.slots for plan in level if plan.image is None)
        if slots:
            pitch = min(pitch, max(tall - fixed, 0.3 * tall) / slots)
    high = [sum(taken(plan, pitch) for plan in level) + apart * (len(level) - 1) for level in plans]
    height = max(high)
    units: dict[str, Units] = {}
    blocks: list[Block] = []
    gaps: list[tuple[float, int]] = []
    for number, level in enumerate(plans):
        top = height / 2 + high[number] / 2
        right = x + wide[number] + step * (columns[number] - 1)
        for plan in level:
            bottom = top - taken(plan, pitch)
            box = (right - wide[number] - step * (plan.columns - 1), bottom, right, top)
            found, block = _placed(graph, plan, box, step, pitch, plain, scale)
            units.update(found)
            blocks.append(block)
            top = bottom - apart
        if number == gap_after:
            gaps.append((right + 0.85 * step, len(hidden)))
        x = right + 1.7 * step
    return Columns(width, height, units, tuple(blocks), tuple(gaps), hidden)


def columns_of(graph: Graph) -> dict[str, int]:
    """The column of each stream, layer and readout: to the right of all that it draws from, the readout last."""
    column = dict.fromkeys(graph.inputs, 0)
    column |= dict.fromkeys(layers_of(graph), 1)
    for one in graph.projections:  # in the order of the stages
        if one.kind == "synapse":
            source, target = (graph.by_name[end].layer for end in (one.source, one.target))
            column[target] = max(column.get(target, 1), column[source] + 1)
    for group in graph.groups:
        if group.role == "readout":
            column[group.layer] = 1 + max(number for name, number in column.items() if name != group.layer)
    return column


def depths_of(places: Sequence[Place]) -> list[int]:
    """How many cables lie between each place and the soma."""
    depths: list[int] = []
    for place in places:
        depths.append(0 if place.parent is None else depths[place.parent] + 1)
    return depths


def _levels(graph: Graph, width: float, folded: bool) -> tuple[list[list[str]], frozenset[str], int]:
    """Names of blocks, level by level; the layers that are left out; the level after which they are missing."""
    found: dict[int, list[str]] = {}
    for name, number in columns_of(graph).items():
        found.setdefault(number, []).append(name)
    levels = [found[number] for number in sorted(found)]
    middle = [number for number, names in enumerate(levels) if names[0] in layers_of(graph)]
    depth = {name: 1 + max(depths_of(places_of(graph, name))) for name in layers_of(graph)}
    columns = sum(max(depth.get(name, 1) for name in names) for names in levels)
    most = FIRST_LAYERS + LAST_LAYERS
    if not folded or len(middle) <= most + 1 or columns * COLUMN <= width:
        return levels, frozenset(), -1
    out = middle[FIRST_LAYERS:-LAST_LAYERS]
    hidden = frozenset(name for number in out for name in levels[number])
    return [names for number, names in enumerate(levels) if number not in out], hidden, out[0] - 1


def _planned(graph: Graph, name: str, capacity: float, folded: bool) -> _Plan:
    if name in layers_of(graph):
        places = places_of(graph, name)
        parents = [None, *(0 if place.parent is None else place.parent + 1 for place in places)]
        counts = [1, places[0].group.neurons, *(place.count for place in places[1:])]
        modes = layout.fold(parents, counts, capacity) if folded else (layout.ALL,) * len(counts)
        twigs = layout.unfold(parents, counts, modes)
        return _Plan(name, places[0].group, twigs.slots, 1 + max(depths_of(places)), places, twigs)
    group = graph.by_name[name]
    shape = graph.inputs.get(name, (group.size,))
    if group.role == "input" and len(shape) > 1:
        return _Plan(name, group, 0.0, 1, image=(shape[0], shape[1]), channels=(*shape, 1)[2])
    modes = layout.fold([None, 0], [1, group.size], capacity) if folded else (layout.ALL,) * 2
    twigs = layout.unfold([None, 0], [1, group.size], modes)
    return _Plan(name, group, twigs.slots, 1, twigs=twigs)


def _captions_room(plans: Sequence[Sequence[_Plan]], step: float, style: Theme) -> float:
    """Room between blocks above each other for the captions of the upper one, in two rows where they are wide."""
    names = [word for level in plans if len(level) > 1 for plan in level for _, (word, _) in _words(plan)]
    widest = max((style.measure(word, style.small) for word in names), default=0.0)
    rows = 2 if widest + style.scale > step else 1
    return rows * 2.3 * style.line(style.small) + 2.2 * style.scale


def _image_size(image: tuple[int, int], side: float) -> tuple[float, float]:
    """Width and height of an image whose longer edge has so many mm."""
    height, width = image
    return side * min(1.0, width / height), side * min(1.0, height / width)


def _placed(
    graph: Graph, plan: _Plan, box: Box, step: float, pitch: float, plain: float, scale: float
) -> tuple[dict[str, Units], Block]:
    _, _, right, top = box
    if plan.image is not None:
        return _image(graph, plan, box)
    assert plan.twigs is not None
    twigs = plan.twigs
    hidden = twigs.copy == layout.ELLIPSIS
    up = top - twigs.slot * pitch
    units: dict[str, Units] = {}
    level = layout.levels(twigs.parent)
    own = right - plain / 2
    x = own - step * (level - 1)
    at = np.stack([x, up], axis=1)
    groups = [place.group for place in plan.places] or [plan.group]
    for position, group in enumerate(groups, 1):
        rows = twigs.at(position)
        drawn, gaps = rows[~hidden[rows]], rows[hidden[rows]]
        big = group.role == "soma"
        radius = min((1.25 if big else 0.8) * scale, (0.48 if big else 0.4) * pitch, 0.45 * step)
        units[group.name] = Units(group, twigs.copy[drawn], at[drawn], radius, at[gaps])
    return units, _block(plan, box, twigs, at, step, plain)


def _words(plan: _Plan) -> list[tuple[int, tuple[str, str]]]:
    """Below each column, by its cables to the soma: what it holds, and how many in the whole layer."""
    if not plan.places:
        return [(0, (plan.name, f"{plan.group.size:,}"))]
    depths = depths_of(plan.places)
    found = []
    for depth in range(max(depths), -1, -1):
        here = [place for place, own in zip(plan.places, depths, strict=True) if own == depth]
        names = list(dict.fromkeys(place.label for place in here))
        word = plan.name if depth == 0 else ", ".join(names) if len(names) < 3 else "dendrites"
        found.append((depth, (word, f"{sum(place.group.size for place in here):,}")))
    return found


def _block(plan: _Plan, box: Box, twigs: layout.Twigs, at: Floats, step: float, plain: float) -> Block:
    """A layer's or the readout's captions, cables, and the boxes around its neurons."""
    own = box[2] - plain / 2
    if not plan.places:
        return Block(plan.name, box, tuple((own, words) for _, words in _words(plan)), np.zeros((0, 4)))
    captions = tuple((own - step * depth, words) for depth, words in _words(plan))
    depths = depths_of(plan.places)
    cables = []
    hidden = twigs.copy == layout.ELLIPSIS
    for position, place in enumerate(plan.places, 1):
        if place.cable is not None:
            rows = twigs.at(position)
            rows = rows[~hidden[rows]]
            cables.append((place.cable.name, np.stack([at[rows], at[twigs.parent[rows]]], axis=1)))
    somata = twigs.at(1)
    somata = somata[~hidden[somata]]
    half = twigs.span[somata] * (box[3] - box[1]) / twigs.slots / 2
    left = box[2] - 1.3 * plain - step * max(depths)
    hulls = np.stack(
        [
            np.full(len(somata), left),
            at[somata, 1] - half,
            np.full(len(somata), box[2] + 0.3 * plain),
            at[somata, 1] + half,
        ],
        1,
    )
    return Block(plan.name, box, captions, hulls if max(depths) else np.zeros((0, 4)), tuple(cables))


def _image(graph: Graph, plan: _Plan, box: Box) -> tuple[dict[str, Units], Block]:
    assert plan.image is not None
    height, width = plan.image
    cell = min((box[2] - box[0]) / width, (box[3] - box[1]) / height)
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, top = middle[0] - cell * width / 2, middle[1] + cell * height / 2
    own = (left, top - cell * height, left + cell * width, top)
    unit = np.arange(plan.group.size) // plan.channels
    at = np.stack([left + cell * (unit % width + 0.5), top - cell * (unit // width + 0.5)], axis=1)
    shape = " × ".join(map(str, graph.inputs[plan.name]))
    found = Units(plan.group, np.arange(plan.group.size), at, cell / 2, np.zeros((0, 2)), own)
    return {plan.group.name: found}, Block(
        plan.name, own, (((own[0] + own[2]) / 2, (plan.name, shape)),), np.zeros((0, 4))
    )


def between(projection: Projection, source: Units, target: Units) -> tuple[Whole, Whole, Whole]:
    """The edges of a projection between units drawn: their positions among the units, and the edges' numbers.

    A source that is not drawn has position -1.
    """
    if projection.pairs is None:
        drawn = source.copy if not len(source.gaps) else np.append(source.copy, -1)
        first = np.tile(np.where(drawn < 0, -1, np.arange(len(drawn))), len(target.copy))
        second = np.repeat(np.arange(len(target.copy)), len(drawn))
        return first, second, np.where(first < 0, -1, target.copy[second] * projection.sources + drawn[first])
    starts, counts = edges_onto(projection, target.copy)
    second = np.repeat(np.arange(len(target.copy)), counts)
    edge = np.repeat(starts, counts) + np.arange(len(second)) - np.repeat(np.cumsum(counts) - counts, counts)
    return source.number()[projection.pairs[0][edge]], second, edge


def edges_between(projection: Projection, source: Units, target: Units) -> int:
    """How many edges reach the units drawn."""
    if projection.pairs is None:
        return len(source.copy) * len(target.copy)
    return int(edges_onto(projection, target.copy)[1].sum())
