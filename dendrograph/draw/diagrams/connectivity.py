"""The diagram of connectivity: a matrix for each projection, in which rows are targets and columns are sources."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dendrograph.draw.canvas.chart import even_columns, frame_of
from dendrograph.draw.canvas.scene import ABOVE, Box, Floats, Mark, Picture, Scene, Strokes, Words
from dendrograph.draw.diagrams.view import Panel
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection

FINEST = 160  # cells a side; in larger matrices a cell shows the share of its pairs that are connected
MOST_LINES = 32  # between neurons
NARROWEST = 25.0  # mm of a matrix
GAP = 3.0  # mm between matrices


def matrix_scene(graph: Graph, panel: Panel) -> Scene:
    """A matrix for each projection, with its kind, its source and target, and its density."""
    theme, projections = panel.theme, graph.projections
    gap, margin, line = GAP * theme.scale, 1.0 * theme.scale, theme.line(theme.small)
    side_label, head, foot = (
        (line + 0.8 * theme.scale, 3 * line + 0.8 * theme.scale, line + 0.6 * theme.scale)
        if panel.label
        else (0.0, 0.0, 0.0)
    )
    most = max(1, int((panel.width - 2 * margin + gap) / ((NARROWEST * theme.scale) + gap)))
    columns = even_columns(len(projections), most)
    wide = min((panel.width - 2 * margin - gap * (columns - 1)) / columns, 60.0 * theme.scale)
    side = wide - side_label
    used = columns * wide + gap * (columns - 1)
    rows = [projections[start : start + columns] for start in range(0, len(projections), columns)]
    tall = [max(_height(one, side) for one in row) for row in rows]
    height = 2 * margin + sum(head + foot + each for each in tall) + gap * (len(rows) - 1)
    marks: list[Mark] = []
    top = height - margin
    for row, each in zip(rows, tall, strict=True):
        for number, projection in enumerate(row):
            left = (panel.width - used) / 2 + number * (wide + gap) + side_label
            box = Box(left, top - head - _height(projection, side), left + side, top - head)
            marks += _matrix(graph, projection, box, theme)
            marks += _labels(graph, projection, box, theme) if panel.label else []
        top -= head + foot + each + gap
    return Scene(panel.width, height, tuple(marks))


def _height(projection: Projection, side: float) -> float:
    return side * float(np.clip(projection.targets / max(1, projection.sources), 0.35, 1.3))


def _shares(projection: Projection) -> Floats:
    """The share of connected pairs in each cell. Shape (rows, columns), at most `FINEST` of each."""
    rows, columns = min(FINEST, projection.targets), min(FINEST, projection.sources)
    if projection.pairs is None:
        return np.ones((rows, columns))
    source, target = (column.astype(np.int64) for column in projection.pairs)
    cell = target * rows // projection.targets * columns + source * columns // projection.sources
    counts = np.bincount(cell, minlength=rows * columns).reshape(rows, columns).astype(float)
    high = np.bincount(np.arange(projection.targets) * rows // projection.targets, minlength=rows)
    wide = np.bincount(np.arange(projection.sources) * columns // projection.sources, minlength=columns)
    return counts / (high[:, None] * wide[None])


def _matrix(graph: Graph, projection: Projection, box: Box, theme: Theme) -> Iterator[Mark]:
    name, cells = projection.name, _shares(projection)
    yield Picture(f"matrix {name}", cells, box, "ink", 0.0, float(cells.max()) or 1.0)
    neurons = graph.by_name[projection.target].neurons
    if 1 < neurons <= MOST_LINES and neurons < projection.targets:
        ups = box.bottom + box.height * np.arange(1, neurons) / neurons
        lines = np.array([[[box.left, y], [box.right, y]] for y in ups])
        yield Strokes(f"neurons {name}", lines, 0.06 * theme.scale, theme.faint, ABOVE)
    yield frame_of(box, theme, f"frame {name}")


def _labels(graph: Graph, projection: Projection, box: Box, theme: Theme) -> Iterator[Mark]:
    """The title above a matrix, and the numbers of its sources and targets."""
    size, ink, line = theme.small, theme.ink, theme.line(theme.small)
    kind = "readout" if graph.by_name[projection.target].role == "readout" else projection.kind
    source, target = (_short(end, theme, box.width) for end in (projection.source, projection.target))
    share = f"{100 * projection.density:.3g} %"
    density = theme.fitting((f"{projection.edges:,} edges, {share}", share), size, box.width)
    title, label = f"title {projection.name}", f"label {projection.name}"
    for row, text in enumerate((density, f"→ {target}", f"{kind}: {source}")):
        y = box.top + 0.5 * theme.scale + (row + 0.5) * line
        yield Words(text, box.left, y, size, ink, "left", "center", name=title)
    sources, targets = f"{projection.sources:,} sources", f"{projection.targets:,} targets"
    peak = float(_shares(projection).max())
    # In a matrix with more pairs than cells, black is the densest cell, which may be far from full.
    choices = (f"{sources}, black: {100 * peak:.2g} %", sources) if 0 < peak < 1 else (sources,)
    text, (x, y) = theme.fitting(choices, size, box.width + GAP * theme.scale), box.middle
    yield Words(text, x, box.bottom - 0.4 * theme.scale, size, ink, "center", "top", name=label)
    text = targets.removesuffix(" targets") if box.height < 14 * theme.scale else targets
    yield Words(text, box.left - 0.5 * theme.scale, y, size, ink, "center", "bottom", upright=True, name=label)


def _short(name: str, theme: Theme, room: float) -> str:
    """The end of a long name, which says more than its beginning."""
    text = name
    while theme.measure(f"synapse: {text}", theme.small) > 0.95 * room and len(text) > 2:
        text = "…" + text.removeprefix("…")[1:]
    return text
