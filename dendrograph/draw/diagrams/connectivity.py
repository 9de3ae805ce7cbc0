"""The connectivity of each projection as a spy plot: rows are targets, neuron by neuron, columns are sources."""

from __future__ import annotations

import numpy as np

from dendrograph.draw.canvas.chart import Box, frame_of, rows_of
from dendrograph.draw.canvas.scene import ABOVE, Floats, Mark, Picture, Scene, Strokes, Words
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection

FINEST = 160  # cells a side; of larger matrices a cell is a share of the pairs in it
MOST_LINES = 32  # between neurons
NARROWEST = 25.0  # mm of a panel


def matrix_scene(graph: Graph, width: float, style: Theme, *, label: bool = True) -> Scene:
    """One panel a projection, with its kind, its ends, and its density."""
    projections = graph.projections
    gap, margin = gap_of(style), 1.0 * style.scale
    side_label = style.line(style.small) + 0.8 * style.scale if label else 0.0
    columns = rows_of(len(projections), max(1, int((width - 2 * margin + gap) / ((NARROWEST * style.scale) + gap))))
    panel = min((width - 2 * margin - gap * (columns - 1)) / columns, 60.0 * style.scale)
    side = panel - side_label
    line = style.line(style.small)
    head, foot = (3 * line + 0.8 * style.scale, line + 0.6 * style.scale) if label else (0.0, 0.0)
    rows: list[list[Projection]] = [
        list(projections[start : start + columns]) for start in range(0, len(projections), columns)
    ]
    tall = [max(_height(one, side) for one in row) for row in rows]
    height = 2 * margin + sum(head + foot + each for each in tall) + gap * (len(rows) - 1)
    used = columns * panel + gap * (columns - 1)
    marks: list[Mark] = []
    top = height - margin
    for row, each in zip(rows, tall, strict=True):
        for number, projection in enumerate(row):
            left = (width - used) / 2 + number * (panel + gap) + side_label
            box = (left, top - head - _height(projection, side), left + side, top - head)
            marks += _panel(graph, projection, box, style, label)
        top -= head + foot + each + gap
    return Scene(width, height, tuple(marks))


def gap_of(style: Theme) -> float:
    """Between panels, in mm."""
    return 3.0 * style.scale


def _height(projection: Projection, side: float) -> float:
    return side * float(np.clip(projection.targets / max(1, projection.sources), 0.35, 1.3))


def shares(projection: Projection, finest: int = FINEST) -> Floats:
    """How many of the pairs in each cell are connected. Shape (rows, columns), at most so many of each."""
    rows, columns = min(finest, projection.targets), min(finest, projection.sources)
    if projection.pairs is None:
        return np.ones((rows, columns))
    source, target = (column.astype(np.int64) for column in projection.pairs)
    cell = target * rows // projection.targets * columns + source * columns // projection.sources
    counts = np.bincount(cell, minlength=rows * columns).reshape(rows, columns).astype(float)
    high = np.bincount(np.arange(projection.targets) * rows // projection.targets, minlength=rows)
    wide = np.bincount(np.arange(projection.sources) * columns // projection.sources, minlength=columns)
    return counts / (high[:, None] * wide[None])


def _panel(graph: Graph, projection: Projection, box: Box, style: Theme, label: bool) -> list[Mark]:
    name = projection.name
    cells = shares(projection)
    left, bottom, right, top = box
    marks: list[Mark] = [Picture(f"matrix {name}", cells, box, "ink", 0.0, float(cells.max()) or 1.0)]
    neurons = graph.by_name[projection.target].neurons
    if 1 < neurons <= MOST_LINES and neurons < projection.targets:
        ups = bottom + (top - bottom) * np.arange(1, neurons) / neurons
        lines = np.array([[[left, y], [right, y]] for y in ups])
        marks.append(Strokes(f"neurons {name}", lines, 0.06 * style.scale, style.faint, ABOVE))
    marks.append(frame_of(box, style, f"frame {name}"))
    if not label:
        return marks
    kind = "readout" if graph.by_name[projection.target].role == "readout" else projection.kind
    shorter = [_short(end, style, right - left) for end in (projection.source, projection.target)]
    room = right - left
    share = f"{100 * projection.density:.3g} %"
    density = style.fitting((f"{projection.edges:,} edges, {share}", share), style.small, room)
    line, lift = style.line(style.small), top + 0.5 * style.scale
    for row, text in enumerate((density, f"→ {shorter[1]}", f"{kind}: {shorter[0]}")):
        marks.append(
            Words(
                text,
                left,
                lift + (row + 0.5) * line,
                style.small,
                style.ink,
                "left",
                "center",
                name=f"title {name}",
            )
        )
    sources = f"{projection.sources:,} sources"
    peak = float(cells.max())
    # Of a matrix with more pairs than cells black is the densest cell, which may be far from full.
    told = (f"{sources}, black: {100 * peak:.2g} %", sources) if 0 < peak < 1 else (sources,)
    marks.append(
        Words(
            style.fitting(told, style.small, right - left + gap_of(style)),
            (left + right) / 2,
            bottom - 0.4 * style.scale,
            style.small,
            style.ink,
            "center",
            "top",
            name=f"label {name}",
        )
    )
    marks.append(
        Words(
            f"{projection.targets:,}" if top - bottom < 14 * style.scale else f"{projection.targets:,} targets",
            left - 0.5 * style.scale,
            (bottom + top) / 2,
            style.small,
            style.ink,
            "center",
            "bottom",
            upright=True,
            name=f"label {name}",
        )
    )
    return marks


def _short(name: str, style: Theme, room: float) -> str:
    """The end of a long name, which says more than its beginning."""
    text = name
    while style.measure(f"synapse: {text}", style.small) > 0.95 * room and len(text) > 2:
        text = "…" + (text[2:] if text[0] == "…" else text[1:])
    return text
