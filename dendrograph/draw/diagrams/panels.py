"""Diagrams side by side in one figure, or one of them on anyone's axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dendrograph.base.errors import DendrographError, argument, clip
from dendrograph.base.suggestions import did_you_mean, numbered
from dendrograph.draw.canvas.figure import import_matplotlib, own_style
from dendrograph.draw.canvas.legend import legend, with_legend
from dendrograph.draw.canvas.places import layers_of, places_of
from dendrograph.draw.canvas.render import font_of, hold_empty, render, size_of, text_width
from dendrograph.draw.canvas.scene import Entry, Mark, Picture, Scene, Shapes, Words
from dendrograph.draw.diagrams.activity import activity_scene, picture_of
from dendrograph.draw.diagrams.connectivity import matrix_scene
from dendrograph.draw.diagrams.network import network_scene
from dendrograph.draw.diagrams.neuron import neuron_scene
from dendrograph.draw.diagrams.receptive_fields import fields_scene
from dendrograph.draw.diagrams.view import ONE_NEURON, Snapshot, views_of
from dendrograph.draw.diagrams.weights import weights_scene
from dendrograph.draw.palettes import nonlinearity_colours, source_colours
from dendrograph.draw.style import Style, Theme, theme_of, width_of
from dendrograph.graph.graph import Graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_DRAWN = 1_000_000  # compartments, one by one
HIGHEST = 2000.0  # mm of a figure
# mm of a panel beside others, by its view
NARROWEST = {"neuron": 40.0, "network": 40.0, "fields": 50.0, "matrix": 50.0, "weights": 75.0, "activity": 60.0}
SEVERAL = 75.0  # mm of a panel beside others of another view
LETTER = 1.25  # of a panel, times the size of text
OF_ONE = ("scale", "none")  # signs of the legend that are true of one panel only


def compose(subjects: Sequence[Snapshot], views: Sequence[str], options: Style) -> tuple[Figure, tuple[str, ...]]:
    """One panel for each subject and view, and what the diagrams leave out.

    Raises:
        DendrographError: an option is none, or a network is too large to be drawn without folding.
    """
    import_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style, width = _style_and_width(options)
    names = [(subject, view) for subject in subjects for view in views]
    _refuse_idle(views, options)
    columns = _columns(subjects, views, width, options, style)
    gap, margin = 3.0 * style.scale, 0.8 * style.scale
    panel = (width - 2 * margin - gap * (columns - 1)) / columns
    if panel < 15 * style.scale:
        raise DendrographError(
            f"{columns} columns in {width / 10:g} cm are too narrow\n"
            f"  give fewer {argument('columns')}, or a wider {argument('width')}"
        )
    colours, sources = _shared(subjects, style)
    # Where several networks are seen in one view, what the colours mean is said once, below them all.
    shared = len(subjects) > 1 and options.legend
    several = len(names) > 1
    notes: list[str] = []
    if len(set(colours.values())) < len(colours):
        notes.append(f"{len(colours)} nonlinearities share {len(set(colours.values()))} colours")
    scenes: list[Scene] = []
    entries: list[Entry] = []
    for number, (subject, view) in enumerate(names):
        scene = _scene(subject, view, panel, style, options, colours, sources)
        notes += scene.notes
        if shared:
            entries += [entry for entry in scene.entries if entry.sign not in OF_ONE]
            scene = replace(scene, entries=tuple(entry for entry in scene.entries if entry.sign in OF_ONE))
        scene = with_legend(scene, style) if options.legend else scene
        title = subject.graph.name if len(subjects) > 1 and options.label else ""
        scenes.append(_headed(scene, _letter(number) if several else "", title, style))
    rows = [scenes[start : start + columns] for start in range(0, len(scenes), columns)]
    tall = [max(scene.height for scene in row) for row in rows]
    once = {(entry.colour, entry.text): entry for entry in reversed(entries)}  # a bar and a dot may say the same
    foot = legend(tuple(reversed(once.values())), width, style) if entries else Scene(width, 0.0, ())
    below = foot.height + 0.8 * style.scale if entries else 0.0
    height = 2 * margin + sum(tall) + gap * (len(rows) - 1) + below
    if height > HIGHEST:
        fewer = f"draw fewer panels, or more {argument('columns')}"
        page = "draw it as an interactive page, a file that ends in .html, which takes trees of any depth"
        raise DendrographError(
            f"the figure would be {height / 10:.0f} cm high, {HIGHEST / 10:g} are the most\n"
            f"  {fewer if len(rows) > 1 else page}"
        )
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


def draw_on(axes: Axes, subject: Snapshot, view: str, options: Style) -> tuple[str, ...]:
    """One diagram on axes, as wide as they are; and what it leaves out.

    Raises:
        DendrographError: also where something is on the axes already, or they are not plain.
    """
    (view,) = views_of([view])
    for name in ("width", "columns"):
        if getattr(options, name) is not None:
            raise DendrographError(f"'{name}' says nothing on axes of your own, which have a size\n  leave it out")
    _refuse_idle((view,), options)
    hold_empty(axes)
    style, _ = _style_and_width(options)
    colours, sources = _shared([subject], style)
    scene = _scene(subject, view, size_of(axes)[0], style, options, colours, sources)
    scene = with_legend(scene, style) if options.legend else scene
    if options.style == "dark":  # the axes' own ground does not show
        corners = np.array([[[0.0, 0.0], [scene.width, 0.0], [scene.width, scene.height], [0.0, scene.height]]])
        scene = replace(scene, marks=(Shapes("ground", corners, style.paper, level=-1), *scene.marks))
    with own_style():
        render(scene, axes, style)
    return scene.notes


def _refuse_idle(views: Sequence[str], options: Style) -> None:
    """Refuse options that none of the views has a use for."""
    for name in ("layer", "neuron"):
        if getattr(options, name) is not None and not set(views) & set(ONE_NEURON):
            raise DendrographError(
                f"'{name}' says nothing to the view {', '.join(views)}\n  leave it out, or draw {', '.join(ONE_NEURON)}"
            )


def _letter(number: int) -> str:
    """a, b, … z, aa, ab, …"""
    rest, last = divmod(number, 26)
    return (_letter(rest - 1) if rest else "") + chr(ord("a") + last)


def _style_and_width(options: Style) -> tuple[Theme, float]:
    font = font_of(options.font)
    style = theme_of(options.style, options.palette, font, partial(_measure, font))
    return style, width_of(options.width, options.style)


def _measure(font: str, text: str, size: float) -> float:
    return text_width(text, size, font)


def _columns(subjects: Sequence[Snapshot], views: Sequence[str], width: float, options: Style, style: Theme) -> int:
    """Panels in a row: networks beside each other in one view; or the views of one network, which share their rows."""
    panels = len(subjects) * len(views)
    if options.columns is not None:
        if not 1 <= options.columns <= panels:
            raise DendrographError(f"{options.columns} columns for {panels} panels\n  give a number from 1 to {panels}")
        return options.columns
    least = max(SEVERAL if len(views) > 1 else 0.0, *(NARROWEST[view] for view in views)) * style.scale
    most = max(1, int(width / least))
    if len(views) == 1:
        return min(most, len(subjects))
    if len(subjects) == 1:
        return min(most, len(views))
    return max(number for number in range(1, min(most, len(views)) + 1) if len(views) % number == 0)


def _shared(subjects: Sequence[Snapshot], style: Theme) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Colours that mean the same in all panels."""
    graphs = [subject.graph for subject in subjects]
    named = [
        group.nonlinearity.name for graph in graphs for group in graph.groups if group.role in ("soma", "dendrite")
    ]
    colours = nonlinearity_colours(style.palette, named)
    found = [one.source.split("/")[0] for graph in graphs for one in graph.projections if one.kind == "synapse"]
    return colours, source_colours(style.palette, style.ink, list(dict.fromkeys(found)), colours.values())


def _scene(
    subject: Snapshot,
    view: str,
    width: float,
    style: Theme,
    options: Style,
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
            f"  let few stand for many: leave {argument('fold', False)} out"
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


def _images(subject: Snapshot) -> dict[str, Picture]:
    """The sample that somebody chose, as a picture to lay receptive fields over."""
    graph = subject.graph
    if not subject.asked:
        return {}
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


def _neuron(graph: Graph, layer: str, index: int | None) -> int:
    index = index or 0
    count = places_of(graph, layer)[0].group.neurons
    if not 0 <= index < count:
        raise DendrographError(f"no neuron {index} in layer '{layer}'\n  {numbered(count, 'neuron')}")
    return index


def _headed(scene: Scene, letter: str, title: str, style: Theme) -> Scene:
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
        x, taken = scene.width / 2, style.measure(letter, size) + style.scale
        title = style.fitting((title,), style.text, scene.width - 2 * taken)
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
