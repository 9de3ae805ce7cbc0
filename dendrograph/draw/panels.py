"""Diagrams side by side in one figure, or one of them on anyone's axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from dendrograph.draw.activity import activity_scene, picture_of
from dendrograph.draw.fields import fields_scene
from dendrograph.draw.files import own_style
from dendrograph.draw.legend import legend, with_legend
from dendrograph.draw.matrix import matrix_scene
from dendrograph.draw.network import network_scene
from dendrograph.draw.neuron import neuron_scene
from dendrograph.draw.places import layers_of, places_of
from dendrograph.draw.render import font_of, render, text_width
from dendrograph.draw.scene import Entry, Mark, Picture, Scene, Words
from dendrograph.draw.style import FONT, Style, style_of, width_of
from dendrograph.draw.weights import weights_scene
from dendrograph.errors import DendrographError, clip, did_you_mean
from dendrograph.graph import Graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEWS = ("neuron", "network", "fields", "matrix", "weights", "activity")
MOST_DRAWN = 1_000_000  # compartments, one by one
NARROWEST = 40.0  # mm of a panel
LETTER = 1.25  # of a panel, times the size of text


@dataclass(frozen=True, eq=False)
class Subject:
    """What is drawn: a graph, and arrays of numbers for the views that show numbers.

    weights: of each projection as they act, in the order of its edges
    about: what weights they are, `trained` or `initial`
    activity: of every group, shape (size,), for one sample; sample: what that is, in words
    """

    graph: Graph
    weights: Mapping[str, NDArray] = field(default_factory=dict)
    about: str = ""
    activity: Mapping[str, NDArray] = field(default_factory=dict)
    sample: str = ""


@dataclass(frozen=True)
class Options:
    """How to draw; see `dendrograph.drawing.figure`."""

    style: str = "paper"
    width: str | float | None = None
    palette: str = "okabe-ito"
    font: str = FONT
    label: bool = True
    legend: bool = True
    fold: bool = True
    layer: str | None = None
    neuron: int = 0
    columns: int | None = None


def views_of(text: str | Sequence[str]) -> tuple[str, ...]:
    """The names of views.

    Raises:
        DendrographError: there is no such view, or none is named.
    """
    names = [name.strip() for name in text.split(",")] if isinstance(text, str) else list(text)
    for name in names:
        if name not in VIEWS:
            raise DendrographError(f"unknown view '{clip(str(name))}'\n  {did_you_mean(str(name), VIEWS, 'views')}")
    if not names:
        raise DendrographError(f"no view is named\n  views: {', '.join(VIEWS)}")
    return tuple(names)


def compose(subjects: Sequence[Subject], views: Sequence[str], options: Options) -> tuple[Figure, tuple[str, ...]]:
    """One panel for each subject and view, and what the diagrams leave out.

    Raises:
        DendrographError: an option is none, or a network is too large to be drawn without folding.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style, width = _style_and_width(options)
    names = [(subject, view) for subject in subjects for view in views]
    columns = _columns(len(names), len(subjects), width, options, style)
    gap, margin = 3.0 * style.scale, 0.8 * style.scale
    panel = (width - 2 * margin - gap * (columns - 1)) / columns
    if panel < 15 * style.scale:
        raise DendrographError(
            f"{columns} columns in {width / 10:g} cm are too narrow\n  give fewer --columns, or a wider --width"
        )
    colours, sources = _shared(subjects, style, options.layer)
    # Where several networks are seen in one view, what the colours mean is said once, below them all.
    shared = len(subjects) > 1 and options.legend
    several = len(names) > 1
    scenes: list[Scene] = []
    entries: list[Entry] = []
    notes: list[str] = []
    for number, (subject, view) in enumerate(names):
        scene = _scene(subject, view, panel, style, options, colours, sources)
        entries += scene.entries if shared else ()
        notes += scene.notes
        scene = scene if shared or not options.legend else with_legend(scene, style)
        title = subject.graph.name if len(subjects) > 1 and options.label else ""
        scenes.append(_headed(scene, chr(ord("a") + number % 26) if several else "", title, style))
    rows = [scenes[start : start + columns] for start in range(0, len(scenes), columns)]
    tall = [max(scene.height for scene in row) for row in rows]
    foot = legend(tuple(dict.fromkeys(entries)), width, style) if entries else Scene(width, 0.0, ())
    below = foot.height + 0.8 * style.scale if entries else 0.0
    height = 2 * margin + sum(tall) + gap * (len(rows) - 1) + below
    with own_style():
        figure = Figure(figsize=(width / 25.4, height / 25.4), facecolor=style.paper)
        FigureCanvasAgg(figure)
        top = height - margin
        for row, each in zip(rows, tall, strict=True):
            for position, scene in enumerate(row):
                left = margin + position * (panel + gap)
                # The letter stays at the top of its row; the diagram below it, in the middle of what is left.
                padded = _padded(scene, each)
                where = (left / width, (top - each) / height, panel / width, each / height)
                axes = figure.add_axes(where, label=f"panel {len(figure.axes)}")
                render(padded, axes, style)
            top -= each + gap
        if entries:
            axes = figure.add_axes((0.0, margin / height, 1.0, foot.height / height), label="legend")
            render(foot, axes, style)
    return figure, tuple(dict.fromkeys(notes))


def draw_on(axes: Axes, subject: Subject, view: str, options: Options) -> tuple[str, ...]:
    """One diagram on axes, as wide as they are; and what it leaves out."""
    (view,) = views_of([view])
    figure = axes.get_figure(root=True)
    assert figure is not None
    box = axes.get_position(original=True)
    inches = figure.get_size_inches()
    style, _ = _style_and_width(options)
    colours, sources = _shared([subject], style, options.layer)
    scene = _scene(subject, view, float(25.4 * box.width * inches[0]), style, options, colours, sources)
    render(with_legend(scene, style) if options.legend else scene, axes, style)
    return scene.notes


def _style_and_width(options: Options) -> tuple[Style, float]:
    font = font_of(options.font)
    style = style_of(options.style, options.palette, font, partial(_measure, font))
    return style, width_of(options.width, options.style)


def _measure(font: str, text: str, size: float) -> float:
    return text_width(text, size, font)


def _columns(panels: int, subjects: int, width: float, options: Options, style: Style) -> int:
    most = max(1, int(width / (NARROWEST * style.scale)))
    if options.columns is not None:
        if not 1 <= options.columns <= panels:
            raise DendrographError(f"{options.columns} columns for {panels} panels\n  give a number from 1 to {panels}")
        return options.columns
    if subjects > 1:  # one network beside the other; several views of each, one below the other
        return min(most, subjects if panels == subjects else panels // subjects)
    wide = max(1, int(width / (75.0 * style.scale)))
    return min(panels, wide)


def _shared(
    subjects: Sequence[Subject], style: Style, layer: str | None
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Colours that mean the same in all panels."""
    graphs = [subject.graph for subject in subjects]
    named = [
        group.nonlinearity.name for graph in graphs for group in graph.groups if group.role in ("soma", "dendrite")
    ]
    colours = style.colours_of(named)
    found = [one.source.split("/")[0] for graph in graphs for one in graph.projections if one.kind == "synapse"]
    return colours, style.sources_of(list(dict.fromkeys(found)), colours.values())


def _scene(
    subject: Subject,
    view: str,
    width: float,
    style: Style,
    options: Options,
    colours: Mapping[str, str],
    sources: Mapping[str, str],
) -> Scene:
    graph = subject.graph
    layer = _layer(graph, options.layer)
    index = _neuron(graph, layer, options.neuron)
    drawn = (
        graph.compartments if view in ("network", "activity") else sum(place.size for place in places_of(graph, layer))
    )
    if not options.fold and view in ("neuron", "network", "activity", "weights") and drawn > MOST_DRAWN:
        raise DendrographError(
            f"{graph.name}: {drawn:,} compartments are too many to be drawn one by one, {MOST_DRAWN:,} are the most\n"
            "  let few stand for many: leave --no-fold out"
        )
    label, keyed, fold = options.label, options.legend, options.fold
    makers: dict[str, Callable[[], Scene]] = {
        "neuron": lambda: neuron_scene(
            graph, layer, index, width, style, label=label, folded=fold, colours=colours, sources=sources
        ),
        "network": lambda: network_scene(graph, width, style, label=label, folded=fold, colours=colours),
        "fields": lambda: fields_scene(
            graph, layer, index, width, style, label=label, with_legend=keyed, images=_images(subject)
        ),
        "matrix": lambda: matrix_scene(graph, width, style, label=label),
        "weights": lambda: weights_scene(
            graph,
            subject.weights,
            layer,
            index,
            width,
            style,
            about=subject.about,
            label=label,
            with_legend=keyed,
            folded=fold,
        ),
        "activity": lambda: activity_scene(
            graph,
            subject.activity,
            width,
            style,
            title=subject.sample,
            label=label,
            with_legend=keyed,
            folded=fold,
        ),
    }
    return makers[view]()


def _images(subject: Subject) -> dict[str, Picture]:
    """The sample, as a picture to lay receptive fields over."""
    graph = subject.graph
    return {
        name: picture_of(name, subject.activity[name], shape)
        for name, shape in graph.inputs.items()
        if name in subject.activity and len(shape) > 1
    }


def _layer(graph: Graph, layer: str | None) -> str:
    layers = layers_of(graph)
    if layer is not None and layer not in layers:
        raise DendrographError(f"no layer '{clip(layer)}'\n  {did_you_mean(layer, layers, 'layers')}")
    return layer or layers[0]


def _neuron(graph: Graph, layer: str, index: int) -> int:
    count = places_of(graph, layer)[0].group.neurons
    if not 0 <= index < count:
        told = "there is one neuron, number 0" if count == 1 else f"they are numbered from 0 to {count - 1:,}"
        raise DendrographError(f"no neuron {index} in layer '{layer}'\n  {told}")
    return index


def _headed(scene: Scene, letter: str, title: str, style: Style) -> Scene:
    """The diagram with its panel's letter and its title above it."""
    if not letter and not title:
        return scene
    size = LETTER * style.text
    head = style.line(size) + 0.4 * style.scale
    words: list[Mark] = []
    y = scene.height + head / 2
    if letter:
        words.append(Words(letter, 0.0, y, size, style.ink, "left", "center", bold=True, name="letter"))
    if title:
        x = scene.width / 2
        words.append(Words(title, x, y, style.text, style.ink, "center", "center", name="title"))
    return replace(scene, height=scene.height + head, marks=(*scene.marks, *words))


def _padded(scene: Scene, height: float) -> Scene:
    """As high as its row: letter and title at the top, the diagram in the middle of the rest."""
    spare = height - scene.height
    if spare <= 0:
        return scene
    head = [mark for mark in scene.marks if mark.name in ("letter", "title")]
    rest = [mark for mark in scene.marks if mark.name not in ("letter", "title")]
    lifted = Scene(scene.width, height, tuple(head)).moved(0.0, spare)
    middle = Scene(scene.width, height, tuple(rest)).moved(0.0, spare / 2)
    return replace(scene, height=height, marks=(*middle, *lifted))
