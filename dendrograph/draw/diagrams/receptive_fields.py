"""Receptive fields: which units of a source each compartment samples, and the diagram of them over the input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.chart import ColourBar, even_columns, frame_of
from dendrograph.draw.canvas.layout import Whole
from dendrograph.draw.canvas.places import Place, places_of
from dendrograph.draw.canvas.scene import (
    ABOVE,
    BELOW,
    BODIES,
    Box,
    Floats,
    Mark,
    Picture,
    Scene,
    Shapes,
    Strokes,
    Words,
    stacked,
)
from dendrograph.draw.diagrams.view import Panel
from dendrograph.draw.palettes import faded
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection
from dendrograph.graph.wiring import nearly_square

MOST_THUMBNAILS = 16
FINEST_GRID = 64  # cells a side of a grid with lines between them


@dataclass(frozen=True, eq=False)
class Grid:
    """A source of synapses as a grid of cells: the pixels of an image, or units arranged in a near-square."""

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

    @property
    def ratio(self) -> float:
        """Height of its panel over the width."""
        return float(np.clip(self.height / self.width, 0.3, 1.6))

    def cells(self, units: NDArray) -> Whole:
        """The cell of each unit, numbered row by row."""
        return np.asarray(units, dtype=np.int64) // self.channels

    def within(self, box: Box) -> Box:
        """The largest box of the grid's shape in the middle of a box."""
        cell = min(box.width / self.width, box.height / self.height)
        x, y = box.middle[0] - cell * self.width / 2, box.middle[1] - cell * self.height / 2
        return Box(x, y, x + cell * self.width, y + cell * self.height)

    def image(self, units: Whole, values: Floats) -> Floats:
        """An image of values at the cells of units, nan where there are none. Shape (height, width).

        Values of one cell are added: those of the channels of a pixel, and of synapses that sample one unit twice.
        """
        size = self.height * self.width
        total = np.bincount(self.cells(units), weights=values, minlength=size)
        number = np.bincount(self.cells(units), minlength=size)
        return np.where(number > 0, total, np.nan).reshape(self.height, self.width)


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """The units of one source that one compartment samples.

    units, edges: numbers of the units, and of the edges from them
    centre: a cell, or -1
    """

    place: Place
    copy: int
    projection: Projection
    units: Whole
    edges: Whole
    centre: int

    @property
    def label(self) -> str:
        """Such as `basal[3]`."""
        return self.place.label if self.place.size == 1 else f"{self.place.label}[{self.copy}]"


def receptive_fields(graph: Graph, layer: str, neuron: int) -> Iterator[ReceptiveField]:
    """The receptive fields of one neuron that are not empty, compartment by compartment, the soma last."""
    for place in reversed(places_of(graph, layer)):
        for projection in place.synapses:
            for copy in range(place.size):
                target = neuron * place.size + copy
                (first,), (count,) = edges_onto(projection, np.array([target]))
                edges = first + np.arange(count)
                units = np.arange(projection.sources) if projection.pairs is None else projection.pairs[0][edges]
                centres = projection.field.centres if projection.field is not None else None
                centre = -1 if centres is None else int(centres[target])
                if count:
                    yield ReceptiveField(place, copy, projection, np.asarray(units, dtype=np.int64), edges, centre)


def edges_onto(projection: Projection, targets: Whole) -> tuple[Whole, Whole]:
    """The first edge onto each target, and the number of edges. Shape (targets,) each."""
    if projection.pairs is None:
        return targets * projection.sources, np.full(len(targets), projection.sources)
    column = projection.pairs[1]
    sought = targets.astype(column.dtype)  # otherwise each search would convert the whole column
    first, last = (np.searchsorted(column, sought, side=side) for side in ("left", "right"))
    return first, last - first


def coverage(graph: Graph, layer: str, grid: Grid) -> NDArray[np.float64]:
    """The number of synapses of a layer that sample each cell of a source. Shape (height, width)."""
    counts = np.zeros(grid.height * grid.width)
    for place in places_of(graph, layer):
        for projection in place.synapses:
            if projection.source == grid.name:
                cells = grid.cells(np.arange(projection.sources))
                counts += np.bincount(cells, weights=projection.fan_out(), minlength=len(counts))
    return counts.reshape(grid.height, grid.width)


def near_square_width(number: int) -> int:
    """Columns of so many things in a near-square."""
    return max(1, math.ceil(math.sqrt(number)))


def fields_scene(graph: Graph, panel: Panel, images: Mapping[str, Picture]) -> Scene:
    """For each source: the receptive fields of a neuron over it, the coverage by the layer, and each field alone.

    Args:
        graph: the network.
        panel: that the diagram fills.
        images: samples of input streams, drawn below the fields.

    Raises:
        DendrographError: nothing in the layer has synapses.
    """
    by_source: dict[str, list[ReceptiveField]] = {}
    for one in receptive_fields(graph, panel.layer, panel.neuron):
        by_source.setdefault(one.projection.source, []).append(one)
    if not by_source:
        raise DendrographError(
            f"{graph.name}: no compartment of layer '{panel.layer}' has synapses: no receptive field to draw"
        )
    scenes = [_Over(Grid.of(graph, source), own, panel).scene(graph, images) for source, own in by_source.items()]
    return stacked(scenes, 2.0 * panel.theme.scale)


@dataclass(frozen=True, eq=False)
class _Over:
    """The receptive fields of a neuron over one source, to be drawn in a panel."""

    grid: Grid
    fields: Sequence[ReceptiveField]
    panel: Panel

    @property
    def theme(self) -> Theme:
        return self.panel.theme

    def scene(self, graph: Graph, images: Mapping[str, Picture]) -> Scene:
        """All fields beside the coverage, and below them each field alone."""
        panel, theme, source = self.panel, self.theme, self.grid.name
        counts = coverage(graph, panel.layer, self.grid)
        margin, apart, bar = 1.0 * theme.scale, 5.0 * theme.scale, 2.0 * theme.scale
        title = theme.line() + 0.6 * theme.scale if panel.label else 0.0
        colours = ColourBar(theme.heat, 0.0, float(counts.max()) or 1.0, "synapses", theme)
        beside = bar + 1.2 * theme.scale + colours.beside if panel.legend else 0.0
        side = (panel.width - 2 * margin - apart - beside) / 2
        tall = side * self.grid.ratio
        thumbs, below = self._thumbnails(panel.width - 2 * margin)
        height = 2 * margin + title + tall + (below + 2.0 * theme.scale if thumbs else 0.0)
        bottom, top = height - margin - title - tall, height - margin - title
        left_box = self.grid.within(Box(margin, bottom, margin + side, top))
        right_box = self.grid.within(Box(margin + side + apart, bottom, margin + 2 * side + apart, top))
        marks: list[Mark] = []
        if source in images:
            marks.append(replace(images[source], name=f"input {source}", box=left_box, level=0))
        marks += self._grid(left_box)
        marks.append(self._cells(range(len(self.fields)), left_box, f"fields {source}"))
        marks += self._centres(left_box)
        marks.append(frame_of(left_box, theme, f"frame fields {source}"))
        marks.append(Picture(f"coverage {source}", counts, right_box, theme.heat, 0.0, colours.high))
        marks.append(frame_of(right_box, theme, f"frame coverage {source}"))
        if panel.legend:
            left = right_box.right + 1.2 * theme.scale
            marks += colours.marks(Box(left, right_box.bottom, left + bar, right_box.top), f"coverage {source}")
        if panel.label:
            place, neuron = source.split("/")[0], f"neuron {panel.neuron}"
            titles = (
                ("fields", left_box, [f"{neuron} of {panel.layer} over {place}", f"{neuron} over {place}", place]),
                ("coverage", right_box, ["coverage by the layer", "coverage"]),
            )
            for name, box, choices in titles:
                text, y = theme.fitting(choices, theme.text, side + 0.4 * apart), top + 0.6 * theme.scale
                marks.append(Words(text, box.left, y, theme.text, theme.ink, "left", "bottom", name=f"title {name}"))
        marks += Scene(panel.width, below, tuple(thumbs)).moved(margin, margin)
        more = len(self.fields) - MOST_THUMBNAILS
        notes = (f"{more:,} more fields of neuron {panel.neuron} are not drawn one by one",) if more > 0 else ()
        return Scene(panel.width, height, tuple(marks), notes)

    def _grid(self, box: Box) -> Iterator[Mark]:
        """The lines between cells."""
        if 1 < max(self.grid.height, self.grid.width) <= FINEST_GRID:
            lines = box.grid(self.grid.height, self.grid.width)
            yield Strokes(f"grid {self.grid.name}", lines, 0.06 * self.theme.scale, self.theme.faint, BELOW)

    def _cells(self, numbers: Sequence[int], box: Box, name: str) -> Mark:
        """A square for each cell of these fields; a cell of several fields is divided into upright strips."""
        cells = [np.unique(self.grid.cells(self.fields[number].units)) for number in numbers]
        joined = np.concatenate(cells)
        which = np.repeat(numbers, [len(part) for part in cells])
        order = np.lexsort((which, joined))
        joined, which = joined[order], which[order]
        _, first, number = np.unique(joined, return_index=True, return_counts=True)
        rank, share = np.arange(len(joined)) - np.repeat(first, number), np.repeat(number, number)
        cell = box.width / self.grid.width
        x, y = (
            box.left + cell * (joined % self.grid.width + rank / share),
            box.top - cell * (joined // self.grid.width + 1),
        )
        across, up = np.stack([x, x + cell / share], axis=1), np.stack([y, y + cell], axis=1)
        corners = np.stack([across[:, [0, 1, 1, 0]], up[:, [0, 0, 1, 1]]], axis=2)
        palette = self.theme.palette
        return Shapes(name, corners, [faded(palette[k % len(palette)], 0.85) for k in which.tolist()], level=BODIES)

    def _centres(self, box: Box) -> Iterator[Mark]:
        """A cross at the centre of each local field."""
        centres = np.array([one.centre for one in self.fields if one.centre >= 0])
        if len(centres):
            cell = box.width / self.grid.width
            x = box.left + cell * (centres % self.grid.width + 0.5)
            y = box.top - cell * (centres // self.grid.width + 0.5)
            at, reach = np.stack([x, y], 1), max(0.38 * cell, 0.5 * self.theme.scale)
            arms = [np.stack([at - arm, at + arm], 1) for arm in np.array([[reach, 0.0], [0.0, reach]])]
            width = 0.22 * self.theme.scale
            yield Strokes(f"centres {self.grid.name}", np.concatenate(arms), width, self.theme.ink, ABOVE)

    def _thumbnails(self, width: float) -> tuple[list[Mark], float]:
        """The fields one by one, in rows; and the height that they take."""
        theme, shown = self.theme, self.fields[:MOST_THUMBNAILS]
        if len(shown) < 2:
            return [], 0.0
        gap = 1.6 * theme.scale
        columns = even_columns(len(shown), 8)
        rows = -(-len(shown) // columns)
        side = min((width - gap * (columns - 1)) / columns, 20.0 * theme.scale)
        tall = side * self.grid.ratio
        names = names_below(shown, theme, side + 0.6 * gap) if self.panel.label else []
        line = theme.line(theme.small) + 0.3 * theme.scale if names else 0.0
        height = rows * (tall + line) + gap * (rows - 1)
        marks: list[Mark] = []
        start = (width - columns * side - gap * (columns - 1)) / 2
        for number, one in enumerate(shown):
            left = start + (number % columns) * (side + gap)
            top = height - (number // columns) * (tall + line + gap)
            box = self.grid.within(Box(left, top - tall, left + side, top))
            marks.append(self._cells([number], box, f"field {one.label}"))
            marks.append(frame_of(box, theme, f"frame {one.label}", theme.faint))
            if names:
                x, y = box.middle[0], box.bottom - 0.3 * theme.scale
                marks.append(Words(names[number], x, y, theme.small, theme.ink, "center", "top", name="label field"))
        return marks, height


def names_below(shown: Sequence[ReceptiveField], theme: Theme, room: float) -> list[str]:
    """A name for each field, if all fit into `room` mm: in full, or only numbers if all fields are at one place."""
    numbers = [str(one.copy) for one in shown] if len({one.place.name for one in shown}) == 1 else []
    for names in ([one.label for one in shown], numbers):
        if names and max(theme.measure(name, theme.small) for name in names) <= room:
            return names
    return []
