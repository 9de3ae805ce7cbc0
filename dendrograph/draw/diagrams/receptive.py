"""Receptive fields as sets of pixels: which units of a source each compartment of a neuron samples, and its weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas.places import Place, places_of
from dendrograph.graph.graph import Graph, Projection
from dendrograph.graph.wiring import nearly_square


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
