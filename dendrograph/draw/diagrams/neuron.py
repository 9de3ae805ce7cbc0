"""The diagram of one neuron as a tree: a soma, branches of true length and width, and synapses as dots along them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

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
from dendrograph.draw.diagrams.neuron_layout import POINTS, Branches, lay_out, place_labels
from dendrograph.draw.diagrams.receptive_fields import edges_onto
from dendrograph.draw.diagrams.view import Panel
from dendrograph.draw.palettes import nonlinearity_colours, source_colours
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection
from dendrograph.morphology.weights import Sign

AXON = 2.2  # mm, the part of it that is drawn
MOST_DOTS = 40  # along one branch; if there are more, the legend gives their number


@dataclass(frozen=True, eq=False)
class Paint:
    """Colours of single branches and synapses, for weights.

    cables: colours of the cables at a place, by their numbers in the neuron; shape (numbers, 4)
    edges: colours of edges of a projection, by their numbers; shape (numbers, 4)
    """

    cables: Callable[[Place, Whole], Floats]
    edges: Callable[[Projection, Whole], Floats]


def neuron_scene(graph: Graph, panel: Panel, paint: Paint | None = None) -> Scene:
    """The panel's neuron; `paint` replaces the colours of nonlinearities and sources."""
    places = places_of(graph, panel.layer)
    palette = panel.theme.palette
    colours = panel.nonlinearities or nonlinearity_colours(palette, [one.group.nonlinearity.name for one in places])
    sources = panel.sources or source_colours(palette, panel.theme.ink, _sources(places), colours.values())
    drawing = _Drawing(lay_out(places, panel), replace(panel, nonlinearities=colours, sources=sources), paint)
    return drawing.scene()


def _sources(places: tuple[Place, ...]) -> list[str]:
    """The input streams and layers that synapses come from, each once."""
    return list(dict.fromkeys(one.source.split("/")[0] for place in places for one in place.synapses))


def _inhibits(projection: Projection) -> bool:
    return projection.sign in (Sign.INHIBITORY, Sign.SHUNTING)


@dataclass(frozen=True, eq=False)
class _Dots:
    """Synapses to be drawn at one place: arrays with one entry for each dot.

    row: number of the branch among those drawn; twig: its compartment
    rank: of the dot on its branch; number: of dots on that branch
    """

    row: Whole
    twig: Whole
    rank: Whole
    number: Whole


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A neuron that is laid out, to be drawn in a panel."""

    lay: Branches
    panel: Panel
    paint: Paint | None

    @property
    def theme(self) -> Theme:
        return self.panel.theme

    def scene(self) -> Scene:
        lay, scale = self.lay, self.theme.scale
        dots, crowded = self._synapses()
        marks = [*self._branches(), *dots, *self._soma()]
        around = 1.35 * lay.radius + 1.8 * scale * bool(lay.places[0].synapses)
        axon = 0.0 if lay.has_basal else lay.radius + AXON * scale
        reach = -max(around, axon, -float(lay.end.min())), max(around, float(lay.end.max()))
        unnamed: list[str] = []
        if self.panel.label:
            words, reach, unnamed = place_labels(lay, self.panel, reach)
            marks += words
        margin = 1.2 * scale
        whole = Scene(self.panel.width, reach[1] - reach[0] + 2 * margin, tuple(marks))
        return replace(whole, marks=whole.moved(0.0, margin - reach[0]), entries=self._entries(unnamed, crowded))

    def _branches(self) -> Iterator[Mark]:
        """The branches, place by place, and the ellipses between them."""
        lay, theme = self.lay, self.theme
        if len(lay.twigs) == 1:
            return
        paths = lay.paths(POINTS if len(lay.twigs) <= 2000 else 6)
        hidden, parent, thick = lay.twigs.copy == layout.ELLIPSIS, lay.twigs.parent, lay.thick
        begin = np.minimum(1.35 * thick, np.where(parent > 0, thick[parent.clip(0)], 1.6 * thick))
        for position, place in enumerate(lay.places):
            rows = np.flatnonzero((lay.twigs.place == position) & ~hidden & (parent >= 0))
            if not len(rows):
                continue
            outline = layout.tapered(paths[rows - 1], begin[rows], 0.85 * thick[rows])
            fill: Colours = self.panel.nonlinearities[place.group.nonlinearity.name]
            rim = 0.0
            if self.paint is not None:  # a weight of zero is as white as paper: the rim shows the branch
                fill, rim = self.paint.cables(place, lay.twigs.copy[rows]), 0.1 * theme.scale
            yield Shapes(f"dendrite {place.group.name}", outline, fill, theme.ink, rim)
        dots = np.flatnonzero(hidden)
        if len(dots):
            radius = min(0.3 * theme.scale, 0.11 * lay.pitch)
            steps = np.array([-1.0, 0.0, 1.0]) * 3.2 * radius
            up = np.repeat(0.5 * (lay.bend + lay.end)[dots], 3)
            yield Discs("ellipsis", np.stack([(lay.x[dots, None] + steps).ravel(), up], axis=1), radius, theme.ink)

    def _soma(self) -> Iterator[Mark]:
        """The soma, and an axon if nothing else grows down."""
        lay, theme = self.lay, self.theme
        x, radius, group = float(lay.x[0]), lay.radius, lay.places[0].group
        if not lay.has_basal:
            line = np.array([[[x, 0.0], [x, -radius - AXON * theme.scale]]])
            outline = layout.tapered(line, np.array([0.9 * radius]), np.array([0.3 * theme.scale]))
            yield Shapes("axon", outline, theme.ink)
        turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        # The soma is stretched towards the apical side, as in pyramidal neurons.
        out = 1 + 0.28 * np.exp(-(((turn - np.pi / 2) / 0.42) ** 2))
        corners = np.stack([x + radius * out * np.cos(turn), radius * out * np.sin(turn)], axis=1)[None]
        colour = theme.faint if self.paint else self.panel.nonlinearities[group.nonlinearity.name]
        yield Shapes(f"soma {group.name}", corners, colour, theme.ink, 0.25 * theme.scale, ABOVE)

    def _synapses(self) -> tuple[list[Mark], int]:
        """A dot for each synapse, on alternate sides of its branch; and the largest number on a branch, if dots are
        left out.
        """
        marks: list[Mark] = []
        crowded = 0
        for position, place in enumerate(self.lay.places):
            twigs = self.lay.twigs.at(position)
            twigs = twigs[self.lay.twigs.copy[twigs] != layout.ELLIPSIS]
            if not place.synapses or not len(twigs):
                continue
            targets = self.panel.neuron * place.size + self.lay.twigs.copy[twigs]
            onto = [edges_onto(one, targets) for one in place.synapses]
            total = np.sum([counts for _, counts in onto], axis=0)
            crowded = max(crowded, int(total.max()) if (total > MOST_DOTS).any() else 0)
            shown = np.minimum(total, MOST_DOTS)
            if not shown.any():
                continue
            row = np.repeat(np.arange(len(twigs)), shown)
            rank = np.arange(len(row)) - np.repeat(np.cumsum(shown) - shown, shown)
            dots = _Dots(row, twigs[row], rank, shown[row])
            centres, feet, radius = self._along(dots) if position else self._around(dots)
            begin, done = np.zeros(len(total), dtype=np.int64), np.zeros(len(total))
            for one, (first, count) in zip(place.synapses, onto, strict=True):
                done = done + count
                end = np.rint(done * shown / np.maximum(total, 1)).astype(np.int64)
                mine = (rank >= begin[row]) & (rank < end[row])
                edges = (first[row] + rank - begin[row])[mine]
                begin = end
                if mine.any():
                    if position:
                        spines = np.stack([feet[mine], centres[mine]], axis=1)
                        marks.append(Strokes(f"spine {one.name}", spines, 0.35 * radius[mine], self.theme.ink, EDGES))
                    marks.append(self._discs(one, edges, centres[mine], radius[mine]))
        return marks, crowded

    def _discs(self, projection: Projection, edges: Whole, centres: Floats, radius: Floats) -> Discs:
        """The dots of edges: inhibitory ones are hollow."""
        name, theme = f"synapse {projection.name}", self.theme
        if self.paint is not None:  # a weight of zero is as white as paper: the rim shows the synapse
            fill = self.paint.edges(projection, edges)
            return Discs(name, centres, radius, fill, theme.ink, 0.05 * theme.scale, DOTS)
        colour, less = self.panel.sources[projection.source.split("/")[0]], _inhibits(projection)
        rim = 0.3 * float(radius.min()) if less else 0.0
        return Discs(name, centres, radius, theme.paper if less else colour, colour, rim, DOTS)

    def _around(self, dots: _Dots) -> tuple[Floats, Floats, Floats]:
        """Centres, feet and radii around the soma: around its lower half if branches grow from it."""
        lay, scale = self.lay, self.theme.scale
        distance = lay.radius + 1.1 * scale
        low, high = (-0.92 * np.pi, -0.08 * np.pi) if len(lay.twigs) > 1 else (-0.4 * np.pi, 1.4 * np.pi)
        turn = low + (high - low) * (dots.rank + 0.5) / dots.number
        radius = np.minimum(0.42 * scale, 0.42 * distance * (high - low) / dots.number)
        centres = np.stack([lay.x[0] + distance * np.cos(turn), distance * np.sin(turn)], axis=1)
        return centres, centres, radius

    def _along(self, dots: _Dots) -> tuple[Floats, Floats, Floats]:
        """Centres, feet and radii along the straight part of the branches, on alternate sides."""
        lay, twig, rank = self.lay, dots.twig, dots.rank
        straight = np.abs(lay.end - lay.bend)[twig]
        pairs = np.ceil(dots.number / 2)
        radius = np.minimum(min(0.5 * self.theme.scale, 0.155 * lay.pitch), 0.46 * straight / (pairs + 0.5))
        share = (rank // 2 + 0.5 + 0.5 * (rank % 2)) / (pairs + 0.5)
        up = lay.bend[twig] + lay.side[twig] * straight * (0.04 + 0.94 * share)
        half = 0.45 * lay.thick[twig]
        sign: NDArray[np.float64] = np.where(rank % 2, 1.0, -1.0)
        feet = np.stack([lay.x[twig] + sign * 0.6 * half, up], axis=1)
        centres = np.stack([lay.x[twig] + sign * (half + 1.45 * radius), up], axis=1)
        return centres, feet, radius

    def _entries(self, unnamed: Sequence[str], crowded: int) -> tuple[Entry, ...]:
        """Nonlinearities, sources of synapses, the scale, and names that found no room."""
        lay, panel = self.lay, self.panel
        entries: list[Entry] = []
        if self.paint is None:
            names = dict.fromkeys(place.group.nonlinearity.name for place in lay.places)
            entries += [Entry("bar", panel.nonlinearities[name], name) for name in names]
            for source in _sources(lay.places):
                own = [one for place in lay.places for one in place.synapses if one.source.split("/")[0] == source]
                for less in sorted({_inhibits(one) for one in own}):
                    text = f"synapse from {source}" + (", inhibitory" if less else "")
                    entries.append(Entry("ring" if less else "dot", panel.sources[source], text))
        if crowded:
            entries.append(Entry("none", "", f"{MOST_DOTS} of {crowded:,} synapses drawn"))
        if lay.um:
            entries.append(scale_bar(lay.um, panel.width))
        if lay.short:
            few = ", ".join(dict.fromkeys(lay.short)) if len(set(lay.short)) < 4 else f"{len(lay.short)} short branches"
            entries.append(Entry("none", "", f"not to scale: {few}"))
        return (*entries, *(Entry("none", "", text) for text in unnamed if "×" in text))
