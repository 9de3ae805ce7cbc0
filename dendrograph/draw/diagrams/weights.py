"""The diagram of weights: receptive fields as images, weights on a neuron's tree, and distributions of all weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas.chart import ColourBar, Frame, even_columns, frame_of, largest_shown
from dendrograph.draw.canvas.layout import Whole
from dendrograph.draw.canvas.places import Place, places_of
from dendrograph.draw.canvas.render import colours_in
from dendrograph.draw.canvas.scene import (
    BELOW,
    Box,
    Entry,
    Floats,
    Mark,
    Picture,
    Scene,
    Shapes,
    Strokes,
    Words,
    stacked,
)
from dendrograph.draw.diagrams.neuron import Paint, neuron_scene
from dendrograph.draw.diagrams.receptive_fields import Grid, ReceptiveField, names_below, receptive_fields
from dendrograph.draw.diagrams.view import Panel, Snapshot
from dendrograph.draw.palettes import faded
from dendrograph.graph.graph import Projection

MOST_FIELDS = 24
MOST_VALUES = 20_000  # of a distribution; larger ones are sampled at random
POINTS = 200  # of a curve
CHART = 24.0  # mm, the least width of one distribution
WORDS = {"synapse": "synaptic", "cable": "cable", "readout": "readout"}


def weights_scene(snapshot: Snapshot, panel: Panel) -> Scene:
    """The receptive fields of a neuron as images, its tree, and the distributions of the whole network's weights."""
    fields = list(receptive_fields(snapshot.graph, panel.layer, panel.neuron))
    parts = [_images(snapshot, panel, fields)] if fields else []
    return stacked([*parts, _tree(snapshot, panel), _distributions(snapshot, panel)], 2.0 * panel.theme.scale)


def _images(snapshot: Snapshot, panel: Panel, fields: Sequence[ReceptiveField]) -> Scene:
    """Each receptive field as an image of its weights, on one scale."""
    theme, width, shown = panel.theme, panel.width, fields[:MOST_FIELDS]
    values = [snapshot.weights[one.projection.name][one.edges] for one in shown]
    most = largest_shown(values)
    colours = ColourBar(theme.signed, -most, most, "weight", theme)
    margin, gap, bar = 1.0 * theme.scale, 1.2 * theme.scale, 1.8 * theme.scale
    room = width - 2 * margin - (bar + 1.0 * theme.scale + colours.beside if panel.legend else 0.0)
    columns = even_columns(len(shown), 8)
    side = min((room - gap * (columns - 1)) / columns, 16.0 * theme.scale)
    used = columns * side + (columns - 1) * gap
    rows = -(-len(shown) // columns)
    head = theme.line() + 0.6 * theme.scale if panel.label else 0.0
    names = names_below(shown, theme, side + 0.6 * gap) if panel.label else []
    below = theme.line(theme.small) + 0.4 * theme.scale if names else 0.0
    tall = rows * (side + below) + (rows - 1) * gap
    start = margin + (room - used) / 2
    height = tall + head + 2 * margin
    marks: list[Mark] = []
    for number, one in enumerate(shown):
        grid = Grid.of(snapshot.graph, one.projection.source)
        left = start + (number % columns) * (side + gap)
        top = height - margin - head - (number // columns) * (side + below + gap)
        box = grid.within(Box(left, top - side, left + side, top))
        cells = grid.image(one.units, values[number].astype(float))
        marks.append(Shapes(f"ground {one.label}", box.corners, faded(theme.faint, 0.35), level=0))
        marks.append(Picture(f"weights {one.label}", cells, box, theme.signed, -most, most))
        marks.append(frame_of(box, theme, f"frame {one.label}", theme.faint))
        if names:
            x, y = box.middle[0], top - side - 0.3 * theme.scale
            marks.append(Words(names[number], x, y, theme.small, theme.ink, "center", "top", name="label weights"))
    if panel.label:
        about = f"{snapshot.about} synaptic weights".strip()
        choices = (f"{about} of neuron {panel.neuron} of {panel.layer}", about, "weights")
        text = theme.fitting(choices, theme.text, width - 2 * margin)
        x = max(margin, min(start, width - margin - theme.measure(text, theme.text)))
        y = height - margin - theme.line() / 2
        marks.append(Words(text, x, y, theme.text, theme.ink, "left", "center", name="title weights"))
    if panel.legend:
        left, top = start + used + 1.0 * theme.scale, height - margin - head - theme.line(theme.small) / 2
        bottom = max(margin, top - max(tall, 12 * theme.scale))
        marks += colours.marks(Box(left, bottom, left + bar, top), "weights")
    more = len(fields) - len(shown)
    notes = (f"{more:,} more fields of neuron {panel.neuron} are left out",) if more else ()
    return Scene(width, height, tuple(marks), notes)


def _tree(snapshot: Snapshot, panel: Panel) -> Scene:
    """The neuron's tree: branches have the colours of their cables' weights, dots those of their synapses' weights."""
    theme, weights = panel.theme, snapshot.weights
    places = places_of(snapshot.graph, panel.layer)

    def of_neuron(place: Place) -> NDArray:
        assert place.cable is not None
        return weights[place.cable.name][panel.neuron * place.size : (panel.neuron + 1) * place.size]

    cables = [of_neuron(place) for place in places if place.cable is not None]
    synapses = [weights[one.name] for place in places for one in place.synapses]
    most_cable, most_synapse = largest_shown(cables), largest_shown(synapses)

    def cable(place: Place, copies: Whole) -> Floats:
        return colours_in(of_neuron(place)[copies], theme.signed, -most_cable, most_cable)

    def edge(projection: Projection, edges: Whole) -> Floats:
        return colours_in(weights[projection.name][edges], theme.signed, -most_synapse, most_synapse)

    bar = 1.8 * theme.scale
    shown = [("cable", most_cable)] * bool(cables) + [("synapse", most_synapse)] * bool(synapses)
    bars = [ColourBar(theme.signed, -most, most, name, theme) for name, most in shown if panel.legend]
    beside = max((bar + 1.0 * theme.scale + one.beside for one in bars), default=0.0)
    scene = neuron_scene(snapshot.graph, replace(panel, width=panel.width - beside), Paint(cable, edge))
    marks = list(scene.marks)
    for number, one in enumerate(bars):
        each = (scene.height - 2.0 * theme.scale) / len(bars)
        top = scene.height - 1.0 * theme.scale - number * each
        bottom = top - min(each - theme.line(theme.small) - theme.scale, 22.0 * theme.scale)
        left = panel.width - beside
        within = replace(one, room=each - theme.scale)
        marks += within.marks(Box(left, bottom, left + bar, top), f"{one.label} weights")
    return Scene(panel.width, scene.height, tuple(marks), scene.notes, scene.entries)


@dataclass(frozen=True, eq=False)
class _Curve:
    """The density of one projection's weights, and how it is drawn."""

    name: str
    end: str  # of the projection, which the legend names
    colour: str
    x: Floats
    y: Floats


def _distributions(snapshot: Snapshot, panel: Panel) -> Scene:
    """Densities of the weights of synapses, of cables, and of the readout."""
    theme, width = panel.theme, panel.width
    kinds: dict[str, list[Projection]] = {"synapse": [], "cable": [], "readout": []}
    for projection in snapshot.graph.projections:
        readout = snapshot.graph.by_name[projection.target].role == "readout"
        kinds["readout" if readout else projection.kind].append(projection)
    shown = [kind for kind in kinds if kinds[kind]]
    margin, gap, beside = 1.0 * theme.scale, 2.5 * theme.scale, theme.line(theme.small) + 2.2 * theme.scale
    foot = 2 * theme.line(theme.small) + 2.5 * theme.scale
    head = theme.line() + 0.6 * theme.scale if panel.label else 0.0
    columns = min(len(shown), max(1, int((width - 2 * margin + gap) / (CHART * theme.scale + gap))))
    side = min((width - 2 * margin - gap * (columns - 1)) / columns - beside, 60 * theme.scale)
    tall = min(24.0 * theme.scale, 0.75 * side)
    rows = -(-len(shown) // columns)
    each = tall + foot + head + 2 * margin
    used = columns * (side + beside) + gap * (columns - 1)
    marks: list[Mark] = []
    entries: list[Entry] = []
    for number, kind in enumerate(shown):
        curves = list(_curves(snapshot, panel, kind, kinds[kind]))
        if not curves:
            continue
        left = (width - used) / 2 + (number % columns) * (side + beside + gap) + beside
        bottom = (rows - 1 - number // columns) * each + margin + foot
        box = Box(left, bottom, left + side, bottom + tall)
        marks += _chart(curves, box, panel, kind)
        if len(kinds[kind]) > 1:
            entries += [Entry("line", one.colour, f"{kind} {one.end}") for one in curves]
    return Scene(width, rows * each, tuple(marks), (), tuple(entries))


def _curves(snapshot: Snapshot, panel: Panel, kind: str, projections: Sequence[Projection]) -> Iterator[_Curve]:
    theme = panel.theme
    plain = {"synapse": theme.synapse, "cable": theme.cable, "readout": theme.readout}[kind]
    shown = [one for one in projections if len(snapshot.weights[one.name])]
    for position, one in enumerate(shown):
        colour = theme.palette[position % len(theme.palette)] if len(projections) > 1 else plain
        yield _Curve(
            one.name, one.source if kind == "cable" else one.target, colour, *density(snapshot.weights[one.name])
        )


def _chart(curves: Sequence[_Curve], box: Box, panel: Panel, kind: str) -> Iterator[Mark]:
    """The densities of one kind of weights, over the same axes."""
    theme = panel.theme
    limits = float(min(one.x.min() for one in curves)), float(max(one.x.max() for one in curves))
    frame = Frame(box, limits, (0.0, 1.05 * float(max(one.y.max() for one in curves))))
    for one in curves:
        line = frame.at(one.x, one.y)
        area = np.concatenate([line, frame.at(one.x[::-1], np.zeros(len(one.x)))])
        yield Shapes(f"density {one.name}", area[None], faded(one.colour, 0.22), level=BELOW)
        yield Strokes(f"curve {one.name}", line[None], 0.25 * theme.scale, one.colour)
    yield from frame.marks(theme, "weight", "density", f"distribution {kind}")
    if panel.label:
        text = theme.fitting((f"{WORDS[kind]} weights", WORDS[kind]), theme.text, box.width)
        y = box.top + 0.5 * theme.scale
        yield Words(text, box.left, y, theme.text, theme.ink, "left", "bottom", name=f"title {kind}")


def density(values: NDArray) -> tuple[Floats, Floats]:
    """The density of values, estimated with a Gaussian kernel of Scott's width: where, and its value there."""
    taken = np.asarray(values, dtype=float)
    if len(taken) > MOST_VALUES:  # at random: edges are sorted, and every n-th one may be of the same source
        taken = np.random.default_rng(0).choice(taken, MOST_VALUES, replace=False)
    low, high = float(taken.min()), float(taken.max())
    if high - low <= 1e-9 * max(1.0, abs(high)):  # all values are the same: one narrow peak
        reach = 0.05 * (abs(high) or 1.0)
        x = np.linspace(low - 4 * reach, high + 4 * reach, POINTS)
        return x, np.exp(-0.5 * ((x - low) / reach) ** 2) / (reach * np.sqrt(2 * np.pi))
    from scipy.stats import gaussian_kde  # slow to import

    kernel = gaussian_kde(taken)
    reach = 3 * float(np.sqrt(kernel.covariance[0, 0]))
    x = np.linspace(low - reach, high + reach, POINTS)
    return x, kernel(x)
