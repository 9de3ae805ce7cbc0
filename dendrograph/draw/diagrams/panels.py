"""Figures of diagrams: panels side by side in one figure, or a single diagram on the caller's axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dendrograph.base.errors import DendrographError, argument, clip
from dendrograph.base.suggestions import did_you_mean, numbered
from dendrograph.draw.canvas.figure import new_figure, own_style
from dendrograph.draw.canvas.legend import legend, with_legend
from dendrograph.draw.canvas.places import layers_of, places_of
from dendrograph.draw.canvas.render import check_empty, font_of, render, size_of, text_width
from dendrograph.draw.canvas.scene import Box, Entry, Mark, Scene, Shapes, Words
from dendrograph.draw.diagrams.activity import activity_scene, sample_pictures
from dendrograph.draw.diagrams.connectivity import matrix_scene
from dendrograph.draw.diagrams.network import network_scene
from dendrograph.draw.diagrams.neuron import neuron_scene
from dendrograph.draw.diagrams.receptive_fields import fields_scene
from dendrograph.draw.diagrams.view import ONE_NEURON, Panel, Snapshot, views_of
from dendrograph.draw.diagrams.weights import weights_scene
from dendrograph.draw.palettes import nonlinearity_colours, source_colours
from dendrograph.draw.style import INCH, Style, theme_of, width_of
from dendrograph.graph.graph import Graph

MOST_DRAWN = 1_000_000  # compartments, one by one
HIGHEST = 2000.0  # mm of a figure
# mm of a panel beside others, by its view
NARROWEST = {"neuron": 40.0, "network": 40.0, "fields": 50.0, "matrix": 50.0, "weights": 75.0, "activity": 60.0}
SEVERAL = 75.0  # mm of a panel beside panels of other views
LETTER = 1.25  # size of a panel's letter over the size of text
OF_ONE = ("scale", "none")  # signs of legend entries that are valid for one panel only

SCENES: Mapping[str, Callable[[Snapshot, Panel], Scene]] = {
    "neuron": lambda snapshot, panel: neuron_scene(snapshot.graph, panel),
    "network": lambda snapshot, panel: network_scene(snapshot.graph, panel),
    "fields": lambda snapshot, panel: fields_scene(
        snapshot.graph, panel, sample_pictures(snapshot) if snapshot.asked else {}
    ),
    "matrix": lambda snapshot, panel: matrix_scene(snapshot.graph, panel),
    "weights": weights_scene,
    "activity": activity_scene,
}


def compose(snapshots: Sequence[Snapshot], views: Sequence[str], style: Style) -> tuple[Figure, tuple[str, ...]]:
    """A figure with one panel for each snapshot and view, and notes on what the diagrams leave out.

    Raises:
        DendrographError: an option is invalid, or a network is too large to be drawn without folding.
    """
    shared = _shared_panel(snapshots, style, None)
    theme, width = shared.theme, shared.width
    _check_used(views, style)
    columns = _columns(len(snapshots), views, shared, style)
    gap, margin = 3.0 * theme.scale, 0.8 * theme.scale
    wide = (width - 2 * margin - gap * (columns - 1)) / columns
    if wide < 15 * theme.scale:
        raise DendrographError(
            f"{columns} columns in {width / 10:g} cm are too narrow\n"
            f"  give fewer {argument('columns')}, or a wider {argument('width')}"
        )
    colours = shared.nonlinearities.values()
    notes: list[str] = []
    if len(set(colours)) < len(colours):
        notes.append(f"{len(colours)} nonlinearities share {len(set(colours))} colours")
    scenes: list[Scene] = []
    entries: list[Entry] = []
    for number, (snapshot, view) in enumerate((snapshot, view) for snapshot in snapshots for view in views):
        scene = _scene(snapshot, view, replace(shared, width=wide), style)
        notes += scene.notes
        if len(snapshots) > 1 and style.legend:  # several networks share one legend, below all panels
            entries += [entry for entry in scene.entries if entry.sign not in OF_ONE]
            scene = replace(scene, entries=tuple(entry for entry in scene.entries if entry.sign in OF_ONE))
        scene = with_legend(scene, theme) if style.legend else scene
        title = snapshot.graph.name if len(snapshots) > 1 and style.label else ""
        scenes.append(_headed(scene, _letter(number) if len(snapshots) * len(views) > 1 else "", title, shared))
    rows = [scenes[start : start + columns] for start in range(0, len(scenes), columns)]
    tall = [max(scene.height for scene in row) for row in rows]
    once = {(entry.colour, entry.text): entry for entry in reversed(entries)}  # a bar and a dot may mean the same
    foot = legend(tuple(reversed(once.values())), width, theme) if entries else Scene(width, 0.0, ())
    below = foot.height + 0.8 * theme.scale if entries else 0.0
    height = 2 * margin + sum(tall) + gap * (len(rows) - 1) + below
    _check_height(height, len(rows))
    with own_style():
        figure = new_figure(width / INCH, height / INCH, facecolor=theme.paper)
        top = height - margin
        for row, each in zip(rows, tall, strict=True):
            for position, scene in enumerate(row):
                left = margin + position * (wide + gap)
                where = (left / width, (top - each) / height, wide / width, each / height)
                axes = figure.add_axes(where, label=f"panel {len(figure.axes)}")
                render(_padded(scene, each), axes, theme)
            top -= each + gap
        if entries:
            axes = figure.add_axes((0.0, margin / height, 1.0, foot.height / height), label="legend")
            render(foot, axes, theme)
    return figure, tuple(dict.fromkeys(notes))


def draw_on(axes: Axes, snapshot: Snapshot, view: str, style: Style) -> tuple[str, ...]:
    """Draw one diagram on axes, as wide as they are; return notes on what it leaves out.

    Raises:
        DendrographError: an option is invalid, or the axes are not empty or not rectilinear.
    """
    (view,) = views_of([view])
    for name in ("width", "columns"):
        if getattr(style, name) is not None:
            raise DendrographError(f"'{name}' has no effect on your own axes, which have a size\n  leave it out")
    _check_used((view,), style)
    check_empty(axes)
    panel = _shared_panel([snapshot], style, size_of(axes)[0])
    scene = _scene(snapshot, view, panel, style)
    scene = with_legend(scene, panel.theme) if style.legend else scene
    if style.style == "dark":  # the background of the axes is not drawn
        ground = Shapes("ground", Box(0.0, 0.0, scene.width, scene.height).corners, panel.theme.paper, level=-1)
        scene = replace(scene, marks=(ground, *scene.marks))
    with own_style():
        render(scene, axes, panel.theme)
    return scene.notes


def _shared_panel(snapshots: Sequence[Snapshot], style: Style, width: float | None) -> Panel:
    """A panel as wide as the figure, with the colours that mean the same in all panels."""
    font = font_of(style.font)
    theme = theme_of(style.style, style.palette, font, partial(text_width, font))
    graphs = [snapshot.graph for snapshot in snapshots]
    names = [one.nonlinearity.name for graph in graphs for one in graph.groups if one.role in ("soma", "dendrite")]
    sources = [one.source.split("/")[0] for graph in graphs for one in graph.projections if one.kind == "synapse"]
    colours = nonlinearity_colours(theme.palette, names)
    return Panel(
        width=width_of(style.width, style.style) if width is None else width,
        theme=theme,
        label=style.label,
        legend=style.legend,
        folded=style.fold,
        nonlinearities=colours,
        sources=source_colours(theme.palette, theme.ink, list(dict.fromkeys(sources)), colours.values()),
    )


def _check_used(views: Sequence[str], style: Style) -> None:
    """Check that the views use `layer` and `neuron`, if these are given.

    Raises:
        DendrographError: no view uses them.
    """
    for name in ("layer", "neuron"):
        if getattr(style, name) is not None and not set(views) & set(ONE_NEURON):
            raise DendrographError(
                f"'{name}' has no effect on the view {', '.join(views)}\n"
                f"  leave it out, or draw {', '.join(ONE_NEURON)}"
            )


def _check_height(height: float, rows: int) -> None:
    if height > HIGHEST:
        fewer = f"draw fewer panels, or more {argument('columns')}"
        page = "draw it as an interactive page, a file that ends in .html, which takes trees of any depth"
        raise DendrographError(
            f"the figure would be {height / 10:.0f} cm high, {HIGHEST / 10:g} are the most\n"
            f"  {fewer if rows > 1 else page}"
        )


def _letter(number: int) -> str:
    """a, b, … z, aa, ab, …"""
    rest, last = divmod(number, 26)
    return (_letter(rest - 1) if rest else "") + chr(ord("a") + last)


def _columns(networks: int, views: Sequence[str], shared: Panel, style: Style) -> int:
    """Panels in a row: several networks in one view, or the views of one network, which share their rows."""
    panels = networks * len(views)
    if style.columns is not None:
        if not 1 <= style.columns <= panels:
            raise DendrographError(f"{style.columns} columns for {panels} panels\n  give a number from 1 to {panels}")
        return style.columns
    least = max(SEVERAL if len(views) > 1 else 0.0, *(NARROWEST[view] for view in views)) * shared.theme.scale
    most = max(1, int(shared.width / least))
    if len(views) == 1 or networks == 1:
        return min(most, panels)
    return max(number for number in range(1, min(most, len(views)) + 1) if len(views) % number == 0)


def _scene(snapshot: Snapshot, view: str, panel: Panel, style: Style) -> Scene:
    graph = snapshot.graph
    layer = _layer(graph, style.layer)
    places, neuron = places_of(graph, layer), style.neuron or 0
    if not 0 <= neuron < places[0].group.neurons:
        raise DendrographError(
            f"no neuron {neuron} in layer '{layer}'\n  {numbered(places[0].group.neurons, 'neuron')}"
        )
    drawn = graph.compartments if view in ("network", "activity") else sum(place.size for place in places)
    if not style.fold and view in ("neuron", "network", "activity", "weights") and drawn > MOST_DRAWN:
        raise DendrographError(
            f"{graph.name}: {drawn:,} compartments are too many to be drawn one by one, {MOST_DRAWN:,} are the most\n"
            f"  leave {argument('fold', False)} out to draw few of them"
        )
    return SCENES[view](snapshot, replace(panel, layer=layer, neuron=neuron))


def _layer(graph: Graph, layer: str | None) -> str:
    layers = layers_of(graph)
    if layer is not None and layer not in layers:
        raise DendrographError(f"no layer '{clip(layer)}'\n  {did_you_mean(layer, layers, 'layers')}")
    return layer or layers[0]


def _headed(scene: Scene, letter: str, title: str, panel: Panel) -> Scene:
    """The diagram with its panel's letter and its title above it."""
    if not letter and not title:
        return scene
    theme = panel.theme
    size = LETTER * theme.text
    head = theme.line(size) + 0.4 * theme.scale
    words: list[Mark] = []
    y = scene.height + head / 2
    if letter:
        words.append(Words(letter, 0.0, y, size, theme.ink, "left", "center", bold=True, name="letter"))
    if title:
        x, taken = scene.width / 2, theme.measure(letter, size) + theme.scale
        title = theme.fitting((title,), theme.text, scene.width - 2 * taken)
        words.append(Words(title, x, y, theme.text, theme.ink, name="title"))
    return replace(scene, height=scene.height + head, marks=(*scene.marks, *words))


def _padded(scene: Scene, height: float) -> Scene:
    """The scene, as high as its row: letter and title at the top, the diagram in the middle of the rest."""
    spare = height - scene.height
    if spare <= 0:
        return scene
    head = tuple(mark for mark in scene.marks if mark.name in ("letter", "title"))
    rest = tuple(mark for mark in scene.marks if mark.name not in ("letter", "title"))
    middle, lifted = replace(scene, marks=rest).moved(0.0, spare / 2), replace(scene, marks=head).moved(0.0, spare)
    return replace(scene, height=height, marks=(*middle, *lifted))
