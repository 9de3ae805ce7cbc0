"""Receptive fields over the input: those of one neuron, dendrite by dendrite, and how a layer covers the input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.chart import Box, bar_room, colour_bar, frame_of
from dendrograph.draw.canvas.places import Place, places_of
from dendrograph.draw.canvas.scene import (
    ABOVE,
    BELOW,
    BODIES,
    Floats,
    Mark,
    Picture,
    Scene,
    Shapes,
    Strokes,
    Words,
    stacked,
)
from dendrograph.draw.palettes import faded
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection
from dendrograph.graph.wiring import nearly_square

MOST_THUMBNAILS = 16
FINEST_GRID = 64  # cells a side, beyond which lines between them would be all that one sees


def fields_scene(
    graph: Graph,
    layer: str,
    index: int,
    width: float,
    style: Theme,
    *,
    label: bool = True,
    with_legend: bool = True,
    images: Mapping[str, Picture] | None = None,
) -> Scene:
    """For each source: all fields of a neuron over it, the coverage by the layer, and the fields one by one.

    Raises:
        DendrographError: nothing in the layer has synapses.
    """
    found = [one for one in receptive_fields(graph, layer, index) if len(one.units)]
    if not found:
        raise DendrographError(f"{graph.name}: no compartment of layer '{layer}' has synapses: no field to draw")
    by_source: dict[str, list[Receptive]] = {}
    for one in found:
        by_source.setdefault(one.projection.source, []).append(one)
    scenes = []
    for source, own in by_source.items():
        scenes.append(_source(graph, layer, index, source, own, width, style, label, with_legend, images or {}))
    return stacked(scenes, 2.0 * style.scale)


def _source(
    graph: Graph,
    layer: str,
    index: int,
    source: str,
    own: Sequence[Receptive],
    width: float,
    style: Theme,
    label: bool,
    with_legend: bool,
    images: Mapping[str, Picture],
) -> Scene:
    """One source: the neuron's fields over it beside the coverage, and the fields one by one below."""
    grid = Grid.of(graph, source)
    counts = coverage(graph, layer, source, grid)
    margin, apart = 1.0 * style.scale, 5.0 * style.scale
    title = style.line() + 0.6 * style.scale if label else 0.0
    high = float(counts.max())
    bar = 2.0 * style.scale
    legend_room = bar + 1.2 * style.scale + bar_room(0.0, high, style) if with_legend else 0.0
    side = (width - 2 * margin - apart - legend_room) / 2
    ratio = float(np.clip(grid.height / grid.width, 0.3, 1.6))
    tall = side * ratio
    colours = field_colours(own, style)
    thumbs, thumb_height = _thumbnails(grid, own, colours, width - 2 * margin, style, label)
    height = 2 * margin + title + tall + (thumb_height + 2.0 * style.scale if thumbs else 0.0)
    bottom = height - margin - title - tall
    left_box = _fit((margin, bottom, margin + side, bottom + tall), grid)
    right_box = _fit((margin + side + apart, bottom, margin + 2 * side + apart, bottom + tall), grid)
    marks: list[Mark] = []
    if source in images:
        picture = images[source]
        marks.append(Picture(f"input {source}", picture.cells, left_box, picture.map, picture.low, picture.high, 0))
    marks += _grid(grid, left_box, style)
    marks += _cells(grid, own, colours, left_box, style, f"fields {source}")
    marks += _centres(grid, own, left_box, style)
    marks.append(frame_of(left_box, style, f"frame fields {source}"))
    marks.append(Picture(f"coverage {source}", counts, right_box, style.heat, 0.0, high or 1.0))
    marks.append(frame_of(right_box, style, f"frame coverage {source}"))
    if with_legend:
        box = (right_box[2] + 1.2 * style.scale, right_box[1], right_box[2] + 1.2 * style.scale + bar, right_box[3])
        marks += colour_bar(style.heat, 0.0, high or 1.0, box, "synapses", style, f"coverage {source}")
    if label:
        place = source.split("/")[0]
        top = bottom + tall + 0.6 * style.scale
        room = side + 0.4 * apart
        titles = (
            ("fields", left_box, [f"neuron {index} of {layer} over {place}", f"neuron {index} over {place}", place]),
            ("coverage", right_box, ["coverage by the layer", "coverage"]),
        )
        for name, box, choices in titles:
            text = style.fitting(choices, style.text, room)
            marks.append(Words(text, box[0], top, style.text, style.ink, "left", "bottom", name=f"title {name}"))
    for mark in Scene(width, thumb_height, tuple(thumbs)).moved(margin, margin):
        marks.append(mark)
    notes = (
        (f"{len(own) - MOST_THUMBNAILS:,} more fields of neuron {index} are not drawn one by one",)
        if len(own) > MOST_THUMBNAILS
        else ()
    )
    return Scene(width, height, tuple(marks), notes)


def field_colours(own: Sequence[Receptive], style: Theme) -> list[str]:
    """A colour for each field of a neuron, over and over."""
    return [style.palette[number % len(style.palette)] for number in range(len(own))]


def _fit(box: Box, grid: Grid) -> Box:
    """The largest box of the grid's shape within a box."""
    left, bottom, right, top = box
    cell = min((right - left) / grid.width, (top - bottom) / grid.height)
    x, y = (left + right - cell * grid.width) / 2, (bottom + top - cell * grid.height) / 2
    return x, y, x + cell * grid.width, y + cell * grid.height


def _grid(grid: Grid, box: Box, style: Theme) -> list[Mark]:
    left, bottom, right, top = box
    if max(grid.height, grid.width) > FINEST_GRID or max(grid.height, grid.width) == 1:
        return []
    cell = (right - left) / grid.width
    lines = [[[left, bottom + k * cell], [right, bottom + k * cell]] for k in range(1, grid.height)]
    lines += [[[left + k * cell, bottom], [left + k * cell, top]] for k in range(1, grid.width)]
    return [Strokes(f"grid {grid.name}", np.array(lines), 0.06 * style.scale, style.faint, BELOW)]


def _cells(
    grid: Grid, own: Sequence[Receptive], colours: Sequence[str], box: Box, style: Theme, name: str
) -> list[Mark]:
    """A square a cell; one that several dendrites sample is shared out between them, in upright strips."""
    cells = [np.unique(grid.cells(one.units)) for one in own]
    joined = np.concatenate(cells)
    which = np.repeat(np.arange(len(own)), [len(part) for part in cells])
    order = np.lexsort((which, joined))
    joined, which = joined[order], which[order]
    _, first, number = np.unique(joined, return_index=True, return_counts=True)
    rank = np.arange(len(joined)) - np.repeat(first, number)
    share = np.repeat(number, number)
    left, _, right, top = box
    cell = (right - left) / grid.width
    x = left + cell * (joined % grid.width + rank / share)
    y = top - cell * (joined // grid.width + 1)
    wide = cell / share
    corners = np.stack(
        [
            np.stack([x, y], 1),
            np.stack([x + wide, y], 1),
            np.stack([x + wide, y + cell], 1),
            np.stack([x, y + cell], 1),
        ],
        axis=1,
    )
    return [Shapes(name, corners, [faded(colours[number], 0.85) for number in which.tolist()], level=BODIES)]


def _centres(grid: Grid, own: Sequence[Receptive], box: Box, style: Theme) -> list[Mark]:
    """A cross at the centre of each local field."""
    centres = np.array([one.centre for one in own if one.centre >= 0])
    if not len(centres):
        return []
    left, _, right, top = box
    cell = (right - left) / grid.width
    x, y = left + cell * (centres % grid.width + 0.5), top - cell * (centres // grid.width + 0.5)
    reach = max(0.38 * cell, 0.5 * style.scale)
    across = np.stack([np.stack([x - reach, y], 1), np.stack([x + reach, y], 1)], 1)
    up = np.stack([np.stack([x, y - reach], 1), np.stack([x, y + reach], 1)], 1)
    return [Strokes(f"centres {grid.name}", np.concatenate([across, up]), 0.22 * style.scale, style.ink, ABOVE)]


def _thumbnails(
    grid: Grid, own: Sequence[Receptive], colours: Sequence[str], width: float, style: Theme, label: bool
) -> tuple[list[Mark], float]:
    """The fields one by one, below each other where a row is full."""
    shown = list(own[:MOST_THUMBNAILS])
    if len(own) < 2:
        return [], 0.0
    gap = 1.6 * style.scale
    columns = min(8, len(shown))
    rows = -(-len(shown) // columns)
    columns = -(-len(shown) // rows)
    side = min((width - gap * (columns - 1)) / columns, 20.0 * style.scale)
    tall = side * float(np.clip(grid.height / grid.width, 0.3, 1.6))
    names = names_below(shown, style, side + 0.6 * gap) if label else []
    line = style.line(style.small) + 0.3 * style.scale if names else 0.0
    height = rows * (tall + line) + gap * (rows - 1)
    marks: list[Mark] = []
    start = (width - columns * side - gap * (columns - 1)) / 2
    for number, one in enumerate(shown):
        left = start + (number % columns) * (side + gap)
        top = height - (number // columns) * (tall + line + gap)
        box = _fit((left, top - tall, left + side, top), grid)
        marks += _cells(grid, [one], [colours[number]], box, style, f"field {one.label}")
        marks.append(frame_of(box, style, f"frame {one.label}", style.faint))
        if names:
            marks.append(
                Words(
                    names[number],
                    (box[0] + box[2]) / 2,
                    box[1] - 0.3 * style.scale,
                    style.small,
                    style.ink,
                    "center",
                    "top",
                    name="label field",
                )
            )
    return marks, height


def names_below(shown: Sequence[Receptive], style: Theme, room: float) -> list[str]:
    """A name for each field, if all fit into so many mm: in full, or, where all are of one place, their numbers."""
    numbers = [str(one.copy) for one in shown] if len({one.place.name for one in shown}) == 1 else []
    for names in ([one.label for one in shown], numbers):
        if names and max(style.measure(name, style.small) for name in names) <= room:
            return names
    return []


def as_cells(grid: Grid, units: NDArray[np.int64], values: Floats) -> Floats:
    """An image of values at the cells of units, nan where there are none: their sum where there are several.

    Several are the channels of one position, or synapses that sample one unit twice; what acts is their sum.
    Shape (height, width).
    """
    total = np.bincount(grid.cells(units), weights=values, minlength=grid.height * grid.width)
    number = np.bincount(grid.cells(units), minlength=grid.height * grid.width)
    return np.where(number > 0, total, np.nan).reshape(grid.height, grid.width)


@dataclass(frozen=True, eq=False)
class Grid:
    """A source of synapses, laid out: an image, or units that are arranged nearly square."""

    name: str
    height: int
    width: int
    channels: int
    units: int

    @classmethod
    def of(cls, graph: Graph, group: str) -> Grid:
        """The grid of an input stream or of a layer's somata."""
        units = graph.by_name[group].size
        shape = graph.inputs.get(group, (units,))
        height, width = shape[:2] if len(shape) > 1 else nearly_square(units)
        return cls(group, height, width, shape[2] if len(shape) == 3 else 1, units)

    def cells(self, units: NDArray) -> NDArray[np.int64]:
        """The cell of each unit, numbered row by row."""
        return np.asarray(units, dtype=np.int64) // self.channels


@dataclass(frozen=True, eq=False)
class Receptive:
    """What one compartment samples of one source: units, the numbers of the edges, and its centre (a cell, or -1)."""

    place: Place
    copy: int
    projection: Projection
    units: NDArray[np.int64]
    edges: NDArray[np.int64]
    centre: int

    @property
    def label(self) -> str:
        """`basal[3]`."""
        return self.place.label if self.place.size == 1 else f"{self.place.label}[{self.copy}]"


def receptive_fields(graph: Graph, layer: str, index: int) -> Iterator[Receptive]:
    """Those of one neuron, compartment by compartment, the soma last."""
    for place in reversed(places_of(graph, layer)):
        for projection in place.synapses:
            for copy in range(place.size):
                yield _receptive(projection, place, index * place.size + copy, copy)


def _receptive(projection: Projection, place: Place, target: int, copy: int) -> Receptive:
    (first,), (count,) = edges_onto(projection, np.array([target]))
    edges = first + np.arange(count)
    units = np.arange(projection.sources) if projection.pairs is None else projection.pairs[0][edges]
    centres = projection.field.centres if projection.field is not None else None
    centre = -1 if centres is None else int(centres[target])
    return Receptive(place, copy, projection, np.asarray(units, dtype=np.int64), edges, centre)


def edges_onto(projection: Projection, targets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first edge onto each target, and how many there are. Shape (targets,) each."""
    if projection.pairs is None:
        return targets * projection.sources, np.full(len(targets), projection.sources)
    column = projection.pairs[1]
    sought = targets.astype(column.dtype)  # else all of the column would be cast for each search
    first, last = (np.searchsorted(column, sought, side=side) for side in ("left", "right"))
    return first, last - first


def coverage(graph: Graph, layer: str, group: str, grid: Grid) -> NDArray[np.float64]:
    """How many synapses of a layer sample each cell. Shape (height, width)."""
    counts = np.zeros(grid.height * grid.width)
    for place in places_of(graph, layer):
        for projection in place.synapses:
            if projection.source == group:
                cells = grid.cells(np.arange(projection.sources))
                counts += np.bincount(cells, weights=projection.fan_out(), minlength=len(counts))
    return counts.reshape(grid.height, grid.width)


def side_by_side(number: int) -> int:
    """Columns of a nearly square arrangement."""
    return max(1, math.ceil(math.sqrt(number)))
