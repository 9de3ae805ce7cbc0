"""One neuron as a tree: a body with branches of true length and width, and synapses as dots along them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.layout import Whole
from dendrograph.draw.canvas.legend import scale_bar
from dendrograph.draw.canvas.places import Place, places_of
from dendrograph.draw.canvas.scene import (
    ABOVE,
    DOTS,
    EDGES,
    Colours,
    Discs,
    Entry,
    Floats,
    Mark,
    Scene,
    Shapes,
    Strokes,
)
from dendrograph.draw.diagrams.neuron_layout import POINTS, Branches, lay_out, place_labels, thickness
from dendrograph.draw.diagrams.receptive_fields import edges_onto
from dendrograph.draw.palettes import nonlinearity_colours, source_colours
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection
from dendrograph.morphology.weights import Sign

AXON = 2.2  # mm, what is drawn of it
MOST_DOTS = 40  # along one branch: more are told by their number


@dataclass(frozen=True, eq=False)
class Paint:
    """Colours of single parts: of the cables at a place, by their number in the neuron, and of a projection's edges.

    Each function takes whole numbers and gives colours, shape (numbers, 4).
    """

    cables: Callable[[Place, Whole], Floats]
    edges: Callable[[Projection, Whole], Floats]


def neuron_scene(
    graph: Graph,
    layer: str,
    index: int,
    width: float,
    style: Theme,
    *,
    label: bool = True,
    folded: bool = True,
    colours: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    paint: Paint | None = None,
) -> Scene:
    """One neuron of a layer.

    Args:
        graph: the network.
        layer: the neuron's layer.
        index: its number in the layer.
        width: in mm.
        style: of lines, colours and letters.
        label: names and counts beside the branches.
        folded: draw few of many like branches; else all.
        colours: of nonlinearities, where another diagram beside this one has chosen them.
        sources: the same of what synapses come from.
        paint: colours of single branches and synapses, in the place of those.
    """
    places = places_of(graph, layer)
    colours = colours or nonlinearity_colours(style.palette, [place.group.nonlinearity.name for place in places])
    sources = sources or source_colours(style.palette, style.ink, sources_of(places), colours.values())
    lay = lay_out(places, width, style, folded)
    thick = thickness(lay, style)
    body = style.faint if paint else colours[places[0].group.nonlinearity.name]
    dots, crowded = _synapses(lay, thick, index, sources, style, paint)
    marks = [*_branches(lay, thick, colours, style, paint), *dots, *_soma(lay, body, style)]
    around = 1.35 * lay.radius + 1.8 * style.scale * bool(places[0].synapses)
    axon = 0.0 if (lay.side < 0).any() else lay.radius + AXON * style.scale
    reach = -max(around, axon, -float(lay.end.min())), max(around, float(lay.end.max()))
    words: list[Mark] = []
    unnamed: list[str] = []
    if label:
        words, reach, unnamed = place_labels(lay, thick, width, reach, style)
    margin = 1.2 * style.scale
    height = reach[1] - reach[0] + 2 * margin
    entries = _entries(lay, colours, sources, unnamed, crowded, paint, width)
    return Scene(width, height, Scene(width, height, (*marks, *words)).moved(0.0, margin - reach[0]), (), entries)


def sources_of(places: tuple[Place, ...]) -> list[str]:
    """What synapses come from: input streams and earlier layers, each once."""
    return list(dict.fromkeys(one.source.split("/")[0] for place in places for one in place.synapses))


def _branches(
    lay: Branches, thick: Floats, colours: Mapping[str, str], style: Theme, paint: Paint | None
) -> list[Mark]:
    """The branches, place by place, and the dots that stand for those between."""
    marks: list[Mark] = []
    if len(lay.twigs) == 1:
        return marks
    few = len(lay.twigs) <= 2000
    paths = lay.paths(POINTS if few else 6)
    hidden = lay.twigs.copy == layout.ELLIPSIS
    parent = lay.twigs.parent
    begin = np.minimum(1.35 * thick, np.where(parent > 0, thick[parent.clip(0)], 1.6 * thick))
    for position, place in enumerate(lay.places):
        rows = np.flatnonzero((lay.twigs.place == position) & ~hidden & (parent >= 0))
        if not len(rows):
            continue
        outline = layout.tapered(paths[rows - 1], begin[rows], 0.85 * thick[rows])
        fill: Colours = colours[place.group.nonlinearity.name]
        rim = 0.0
        if paint is not None:  # a weight of nothing is as white as paper: the rim shows where it is
            fill, rim = paint.cables(place, lay.twigs.copy[rows]), 0.1 * style.scale
        marks.append(Shapes(f"dendrite {place.group.name}", outline, fill, style.ink, rim))
    dots = np.flatnonzero(hidden)
    if len(dots):
        radius = min(0.3 * style.scale, 0.11 * lay.pitch)
        steps = np.array([-1.0, 0.0, 1.0]) * 3.2 * radius
        centres = np.stack(
            [(lay.x[dots, None] + steps).ravel(), np.repeat(0.5 * (lay.bend + lay.end)[dots], 3)], axis=1
        )
        marks.append(Discs("ellipsis", centres, radius, style.ink))
    return marks


def _soma(lay: Branches, colour: str, style: Theme) -> list[Mark]:
    """The body; where nothing grows down, the axon does."""
    x, radius = float(lay.x[0]), lay.radius
    marks: list[Mark] = []
    if not (lay.side < 0).any():
        long = radius + AXON * style.scale
        line = np.array([[[x, 0.0], [x, -long]]])
        marks.append(
            Shapes("axon", layout.tapered(line, np.array([0.9 * radius]), np.array([0.3 * style.scale])), style.ink)
        )
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    # A body that is drawn out towards the apical side, as pyramidal neurons are.
    out = 1 + 0.28 * np.exp(-(((turn - np.pi / 2) / 0.42) ** 2))
    corners = np.stack([x + radius * out * np.cos(turn), radius * out * np.sin(turn)], axis=1)[None]
    marks.append(Shapes(f"soma {lay.places[0].group.name}", corners, colour, style.ink, 0.25 * style.scale, ABOVE))
    return marks


def _synapses(
    lay: Branches, thick: Floats, index: int, sources: Mapping[str, str], style: Theme, paint: Paint | None
) -> tuple[list[Mark], int]:
    """A dot for each synapse on alternate sides of its branch, by source; and how many the fullest one has, if some
    are left out.
    """
    marks: list[Mark] = []
    crowded = 0
    for position, place in enumerate(lay.places):
        rows = lay.twigs.at(position)
        rows = rows[lay.twigs.copy[rows] != layout.ELLIPSIS]
        if not place.synapses or not len(rows):
            continue
        targets = index * place.size + lay.twigs.copy[rows]
        firsts, counts = zip(*(edges_onto(one, targets) for one in place.synapses), strict=True)
        total = np.sum(counts, axis=0)
        crowded = max(crowded, int(total.max()) if (total > MOST_DOTS).any() else 0)
        shown = np.minimum(total, MOST_DOTS)
        if not shown.any():
            continue
        row = np.repeat(np.arange(len(rows)), shown)
        rank = np.arange(len(row)) - np.repeat(np.cumsum(shown) - shown, shown)
        spots = (
            _around(lay, rank, shown[row], style)
            if position == 0
            else _along(lay, thick, rows[row], rank, shown[row], style)
        )
        centres, feet, radius = spots
        for one, mine, edges in _shares(place.synapses, firsts, counts, total, shown, row, rank):
            less = one.sign in (Sign.INHIBITORY, Sign.SHUNTING)
            colour: Colours = sources[one.source.split("/")[0]]
            if paint is not None:
                colour, less = paint.edges(one, edges), False
            if position:
                spines = np.stack([feet[mine], centres[mine]], axis=1)
                marks.append(Strokes(f"spine {one.name}", spines, 0.35 * radius[mine], style.ink, EDGES))
            rim = 0.3 * float(radius[mine].min()) if less else 0.0
            edge = colour
            if paint is not None:  # a weight of nothing is as white as paper: the rim shows where it is
                edge, rim = style.ink, 0.05 * style.scale
            marks.append(
                Discs(
                    f"synapse {one.name}",
                    centres[mine],
                    radius[mine],
                    style.paper if less else colour,
                    edge,
                    rim,
                    DOTS,
                )
            )
    return marks, crowded


Spots = tuple[Floats, Floats, Floats]  # centres, feet, radii


def _around(lay: Branches, rank: Whole, number: Whole, style: Theme) -> Spots:
    """Around the soma: around its lower half where branches grow from it."""
    distance = lay.radius + 1.1 * style.scale
    low, high = (-0.92 * np.pi, -0.08 * np.pi) if len(lay.twigs) > 1 else (-0.4 * np.pi, 1.4 * np.pi)
    turn = low + (high - low) * (rank + 0.5) / number
    radius = np.minimum(0.42 * style.scale, 0.42 * distance * (high - low) / number)
    centres = np.stack([lay.x[0] + distance * np.cos(turn), distance * np.sin(turn)], axis=1)
    return centres, centres, radius


def _along(
    lay: Branches,
    thick: Floats,
    twig: Whole,
    rank: Whole,
    number: Whole,
    style: Theme,
) -> Spots:
    """Along the straight part of a branch, on alternate sides."""
    straight = np.abs(lay.end - lay.bend)[twig]
    pairs = np.ceil(number / 2)
    radius = np.minimum(min(0.5 * style.scale, 0.155 * lay.pitch), 0.46 * straight / (pairs + 0.5))
    share = (rank // 2 + 0.5 + 0.5 * (rank % 2)) / (pairs + 0.5)
    up = lay.bend[twig] + lay.side[twig] * straight * (0.04 + 0.94 * share)
    half = 0.45 * thick[twig]
    sign = np.where(rank % 2, 1.0, -1.0)
    feet = np.stack([lay.x[twig] + sign * 0.6 * half, up], axis=1)
    centres = np.stack([lay.x[twig] + sign * (half + 1.45 * radius), up], axis=1)
    return centres, feet, radius


def _shares(
    projections: tuple[Projection, ...],
    firsts: Sequence[Whole],
    counts: Sequence[Whole],
    total: Whole,
    shown: Whole,
    row: Whole,
    rank: Whole,
) -> Iterator[tuple[Projection, NDArray[np.bool_], Whole]]:
    """For each projection which of the dots are its own, and the edges that they stand for."""
    begin = np.zeros(len(total), dtype=np.int64)
    done = np.zeros(len(total))
    for projection, first, count in zip(projections, firsts, counts, strict=True):
        done = done + count
        end = np.rint(done * shown / np.maximum(total, 1)).astype(np.int64)
        mine = (rank >= begin[row]) & (rank < end[row])
        if mine.any():
            yield projection, mine, (first[row] + rank - begin[row])[mine]
        begin = end


def _entries(
    lay: Branches,
    colours: Mapping[str, str],
    sources: Mapping[str, str],
    unnamed: Sequence[str],
    crowded: int,
    paint: Paint | None,
    width: float,
) -> tuple[Entry, ...]:
    """Nonlinearities, sources of synapses, the scale, and what had no room beside its branches."""
    places = lay.places
    entries: list[Entry] = []
    if paint is None:
        names = dict.fromkeys(place.group.nonlinearity.name for place in places)
        entries += [Entry("bar", colours[name], name) for name in names]
        for source in sources_of(places):
            own = [one for place in places for one in place.synapses if one.source.split("/")[0] == source]
            for less in sorted({one.sign in (Sign.INHIBITORY, Sign.SHUNTING) for one in own}):
                text = f"synapse from {source}" + (", inhibitory" if less else "")
                entries.append(Entry("ring" if less else "dot", sources[source], text))
    if crowded:
        entries.append(Entry("none", "", f"{MOST_DOTS} of {crowded:,} synapses drawn"))
    if lay.um:
        entries.append(scale_bar(lay.um, width))
    if lay.short:
        some = ", ".join(dict.fromkeys(lay.short)) if len(set(lay.short)) < 4 else f"{len(lay.short)} short branches"
        entries.append(Entry("none", "", f"not to scale: {some}"))
    entries += [Entry("none", "", text) for text in unnamed if "×" in text]
    return tuple(entries)
