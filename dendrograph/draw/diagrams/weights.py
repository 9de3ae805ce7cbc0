"""The weights of a network: receptive fields as images, weights on a neuron's tree, and their distributions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas.chart import Frame, bar_room, colour_bar, frame_of, symmetric
from dendrograph.draw.canvas.places import Place, places_of
from dendrograph.draw.canvas.render import colours_in
from dendrograph.draw.canvas.scene import BELOW, Entry, Floats, Mark, Picture, Scene, Shapes, Strokes, Words, stacked
from dendrograph.draw.diagrams.neuron import Paint, neuron_scene
from dendrograph.draw.diagrams.receptive_fields import Grid, Receptive, as_cells, names_below, receptive_fields
from dendrograph.draw.palettes import faded
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection

Weights = Mapping[str, NDArray[np.float32]]

MOST_FIELDS = 24
MOST_VALUES = 20_000  # of a distribution: of more, so many at random
POINTS = 200  # of a curve
CHART = 24.0  # mm, the least width of one distribution


def weights_scene(
    graph: Graph,
    weights: Weights,
    layer: str,
    index: int,
    width: float,
    style: Theme,
    *,
    about: str = "",
    label: bool = True,
    with_legend: bool = True,
    folded: bool = True,
) -> Scene:
    """Images of a neuron's fields, its tree, and the distributions of the whole network's weights.

    Args:
        graph: the network.
        weights: of each projection as they act, in the order of its edges.
        layer: the neuron's layer.
        index: its number in the layer.
        width: in mm.
        style: of lines, colours and letters.
        about: what weights they are, such as `trained`.
        label: titles and names.
        with_legend: colour bars, and what the curves are.
        folded: draw few of many like branches; else all.
    """
    parts = [
        _images(graph, weights, layer, index, width, style, about, label, with_legend),
        _tree(graph, weights, layer, index, width, style, label, with_legend, folded),
        distributions(graph, weights, width, style, label),
    ]
    return stacked([part for part in parts if part is not None], 2.0 * style.scale)


def _images(
    graph: Graph,
    weights: Weights,
    layer: str,
    index: int,
    width: float,
    style: Theme,
    about: str,
    label: bool,
    with_legend: bool,
) -> Scene | None:
    """Each field of the neuron as an image of its weights, on one scale."""
    own: list[Receptive] = [one for one in receptive_fields(graph, layer, index) if len(one.units)]
    if not own:
        return None
    shown = own[:MOST_FIELDS]
    most = symmetric([weights[one.projection.name][one.edges] for one in shown])
    margin, gap, bar = 1.0 * style.scale, 1.2 * style.scale, 1.8 * style.scale
    room = width - 2 * margin - ((bar + 1.0 * style.scale + bar_room(-most, most, style)) if with_legend else 0.0)
    columns = min(8, len(shown))
    columns = -(-len(shown) // -(-len(shown) // columns))
    side = min((room - gap * (columns - 1)) / columns, 16.0 * style.scale)
    rows = -(-len(shown) // columns)
    head = style.line() + 0.6 * style.scale if label else 0.0
    names = names_below(shown, style, side + 0.6 * gap) if label else []
    below = style.line(style.small) + 0.4 * style.scale if names else 0.0
    tall = rows * (side + below) + (rows - 1) * gap
    start = margin + (room - columns * side - (columns - 1) * gap) / 2
    height = tall + head + 2 * margin
    marks: list[Mark] = []
    for number, one in enumerate(shown):
        grid = Grid.of(graph, one.projection.source)
        cells = as_cells(grid, one.units, weights[one.projection.name][one.edges].astype(float))
        left = start + (number % columns) * (side + gap)
        top = height - margin - head - (number // columns) * (side + below + gap)
        cell = min(side / grid.width, side / grid.height)
        x, y = left + (side - cell * grid.width) / 2, top - (side - cell * grid.height) / 2
        box = (x, y - cell * grid.height, x + cell * grid.width, y)
        ground = np.array([[[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]]])
        marks.append(Shapes(f"ground {one.label}", ground, faded(style.faint, 0.35), level=0))
        marks.append(Picture(f"weights {one.label}", cells, box, style.signed, -most, most))
        marks.append(frame_of(box, style, f"frame {one.label}", style.faint))
        if names:
            at = (box[0] + box[2]) / 2, top - side - 0.3 * style.scale
            marks.append(Words(names[number], *at, style.small, style.ink, "center", "top", name="label weights"))
    if label:
        whose = f"neuron {index} of {layer}"
        choices = (f"{about} synaptic weights of {whose}".strip(), f"{about} synaptic weights".strip(), "weights")
        text = style.fitting(choices, style.text, width - 2 * margin)
        start_of_title = max(margin, min(start, width - margin - style.measure(text, style.text)))
        marks.append(
            Words(
                text,
                start_of_title,
                height - margin - style.line() / 2,
                style.text,
                style.ink,
                "left",
                "center",
                name="title weights",
            )
        )
    if with_legend:
        left = start + columns * side + (columns - 1) * gap + 1.0 * style.scale
        top = height - margin - head - style.line(style.small) / 2
        marks += colour_bar(
            style.signed,
            -most,
            most,
            (left, max(margin, top - max(tall, 12 * style.scale)), left + bar, top),
            "weight",
            style,
            "weights",
        )
    notes = (
        (f"{len(own) - MOST_FIELDS:,} more fields of neuron {index} are left out",) if len(own) > MOST_FIELDS else ()
    )
    return Scene(width, height, tuple(marks), notes)


def _tree(
    graph: Graph,
    weights: Weights,
    layer: str,
    index: int,
    width: float,
    style: Theme,
    label: bool,
    with_legend: bool,
    folded: bool,
) -> Scene:
    """The neuron's tree, coloured by its weights: branches by their cables', dots by their synapses'."""
    places = places_of(graph, layer)
    cables = [_of_neuron(weights[place.cable.name], place, index) for place in places if place.cable is not None]
    synapses = [weights[one.name] for place in places for one in place.synapses]
    most_cable, most_synapse = symmetric(cables), symmetric(synapses)

    def cable(place: Place, copies: NDArray[np.int64]) -> Floats:
        assert place.cable is not None
        own = _of_neuron(weights[place.cable.name], place, index)
        return colours_in(own[copies], style.signed, -most_cable, most_cable)

    def edge(projection: Projection, edges: NDArray[np.int64]) -> Floats:
        return colours_in(weights[projection.name][edges], style.signed, -most_synapse, most_synapse)

    bar = 1.8 * style.scale
    bars = [("cable", most_cable)] * bool(cables) + [("synapse", most_synapse)] * bool(synapses)
    beside = (
        max((bar + 1.0 * style.scale + bar_room(-most, most, style) for _, most in bars), default=0.0)
        if with_legend
        else 0.0
    )
    scene = neuron_scene(
        graph, layer, index, width - beside, style, label=label, folded=folded, paint=Paint(cable, edge)
    )
    marks = list(scene.marks)
    if with_legend and bars:
        each = (scene.height - 2.0 * style.scale) / len(bars)
        for number, (name, most) in enumerate(bars):
            top = scene.height - 1.0 * style.scale - number * each
            bottom = top - min(each - style.line(style.small) - style.scale, 22.0 * style.scale)
            left = width - beside
            marks += colour_bar(
                style.signed,
                -most,
                most,
                (left, bottom, left + bar, top),
                name,
                style,
                f"{name} weights",
                each - style.scale,
            )
    return Scene(width, scene.height, tuple(marks), scene.notes, scene.entries)


def _of_neuron(values: NDArray, place: Place, index: int) -> NDArray:
    """Of a cable's weights, one a compartment in their order, those of one neuron."""
    return values[index * place.size : (index + 1) * place.size]


def distributions(graph: Graph, weights: Weights, width: float, style: Theme, label: bool) -> Scene:
    """Densities of the weights, estimated with a Gaussian kernel: of synapses, of cables, and of the readout."""
    kinds: dict[str, list[Projection]] = {}
    for projection in graph.projections:
        readout = graph.by_name[projection.target].role == "readout"
        kinds.setdefault("readout" if readout else projection.kind, []).append(projection)
    shown = [kind for kind in ("synapse", "cable", "readout") if kind in kinds]
    margin, gap, left_room = 1.0 * style.scale, 2.5 * style.scale, style.line(style.small) + 2.2 * style.scale
    foot = 2 * style.line(style.small) + 2.5 * style.scale
    head = style.line() + 0.6 * style.scale if label else 0.0
    columns = min(len(shown), max(1, int((width - 2 * margin + gap) / (CHART * style.scale + gap))))
    side = min((width - 2 * margin - gap * (columns - 1)) / columns - left_room, 60 * style.scale)
    tall = min(24.0 * style.scale, 0.75 * side)
    rows = -(-len(shown) // columns)
    each = tall + foot + head + 2 * margin
    height = rows * each
    words = {"synapse": "synaptic", "cable": "cable", "readout": "readout"}
    marks: list[Mark] = []
    entries: list[Entry] = []
    used = columns * (side + left_room) + gap * (columns - 1)
    for number, kind in enumerate(shown):
        left = (width - used) / 2 + (number % columns) * (side + left_room + gap) + left_room
        bottom = (rows - 1 - number // columns) * each + margin + foot
        box = (left, bottom, left + side, bottom + tall)
        several = len(kinds[kind]) > 1
        curves = [(one, *density(weights[one.name])) for one in kinds[kind] if len(weights[one.name])]
        if not curves:
            continue
        low, high = min(x.min() for _, x, _ in curves), max(x.max() for _, x, _ in curves)
        most = max(y.max() for _, _, y in curves)
        frame = Frame(box, (float(low), float(high)), (0.0, 1.05 * float(most)))
        for position, (one, x, y) in enumerate(curves):
            plain = {"synapse": style.synapse, "cable": style.cable, "readout": style.readout}[kind]
            colour = style.palette[position % len(style.palette)] if several else plain
            line = frame.at(x, y)
            area = np.concatenate([line, frame.at(x[::-1], np.zeros(len(x)))])
            marks.append(Shapes(f"density {one.name}", area[None], faded(colour, 0.22), level=BELOW))
            marks.append(Strokes(f"curve {one.name}", line[None], 0.25 * style.scale, colour))
            if several:
                entries.append(Entry("line", colour, f"{kind} {one.source if kind == 'cable' else one.target}"))
        marks += frame.marks(style, "weight", "density", f"distribution {kind}", y_ticks=False)
        if label:
            marks.append(
                Words(
                    style.fitting((f"{words[kind]} weights", words[kind]), style.text, side),
                    left,
                    box[3] + 0.5 * style.scale,
                    style.text,
                    style.ink,
                    "left",
                    "bottom",
                    name=f"title {kind}",
                )
            )
    return Scene(width, height, tuple(marks), (), tuple(entries))


def density(values: NDArray) -> tuple[Floats, Floats]:
    """Where the density of values is estimated, and what it is there: by a Gaussian kernel of Scott's width."""
    taken = np.asarray(values, dtype=float)
    if len(taken) > MOST_VALUES:  # drawn at random: edges are in order, and every so many would be of one source
        taken = np.random.default_rng(0).choice(taken, MOST_VALUES, replace=False)
    low, high = float(taken.min()), float(taken.max())
    if high - low <= 1e-9 * max(1.0, abs(high)):  # all alike: one narrow peak
        reach = 0.05 * (abs(high) or 1.0)
        x = np.linspace(low - 4 * reach, high + 4 * reach, POINTS)
        return x, np.exp(-0.5 * ((x - low) / reach) ** 2) / (reach * np.sqrt(2 * np.pi))
    from scipy.stats import gaussian_kde

    kernel = gaussian_kde(taken)
    reach = 3 * float(np.sqrt(kernel.covariance[0, 0]))
    x = np.linspace(low - reach, high + reach, POINTS)
    return x, kernel(x)
