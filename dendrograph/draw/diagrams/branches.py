"""The branches of one neuron laid out in millimetres: slots, true lengths, widths. Numbers, no drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.layout import Floats
from dendrograph.draw.canvas.places import Place
from dendrograph.draw.style import Style

LEAST = 6.0  # mm of a branch with synapses, so that they can be seen
SLOT = 2.5  # mm that a branch takes at least, where all of them are to be told apart
WIDEST_SLOT = 13.0
POINTS = 20  # of a bent branch


@dataclass(frozen=True, eq=False)
class Branches:
    """The branches of one neuron, laid out: arrays over the compartments drawn, in mm; see `layout.Twigs`.

    x, begin_x: of its own slot and of the parent's end; begin, bend, end: upwards; side: 1 up, -1 down
    radius: of the soma, on whose surface its branches begin to be counted
    """

    places: tuple[Place, ...]
    twigs: layout.Twigs
    x: Floats
    begin_x: Floats
    begin: Floats
    bend: Floats
    end: Floats
    side: Floats
    pitch: float
    radius: float
    um: float  # mm to a µm; 0 where the lengths are not known
    short: tuple[str, ...]  # places whose branches are drawn longer than that, to be seen

    def paths(self, points: int = POINTS) -> Floats:
        """Middle lines of all but the soma."""
        rows = slice(1, None)
        return layout.bends(self.begin_x[rows], self.x[rows], self.begin[rows], self.bend[rows], self.end[rows], points)


def lay_out(places: tuple[Place, ...], width: float, style: Style, folded: bool) -> Branches:
    """Every branch to be drawn in its slot; apical branches go up and basal ones down where there are both."""
    parents, counts = [place.parent for place in places], [place.count for place in places]
    down = _downwards(places)
    room = width - 2 * style.scale
    slot = SLOT * style.scale
    parts = []
    for below in (False, True):
        kept = [position for position in range(len(places)) if position == 0 or down[position] == below]
        number = {position: own for own, position in enumerate(kept)}
        up = [None if (above := parents[position]) is None else number[above] for position in kept]
        many = [counts[position] for position in kept]
        modes = layout.fold(up, many, room / slot) if folded else (layout.ALL,) * len(kept)
        parts.append((below, kept, layout.unfold(up, many, modes)))
    pitch = min(WIDEST_SLOT * style.scale, room / max(part.slots for _, _, part in parts))
    columns: dict[str, list[NDArray]] = {
        key: [] for key in ("parent", "place", "copy", "stands_for", "x", "side", "span")
    }
    total = 0
    for below, kept, part in parts:
        own = slice(1 if below else 0, None)  # one soma
        shift = total - 1 if below else 0
        parent = np.where(part.parent > 0, part.parent + shift, part.parent)
        columns["parent"].append(parent[own])
        columns["place"].append(np.array(kept, dtype=np.int64)[part.place][own])
        columns["copy"].append(part.copy[own])
        columns["stands_for"].append(part.stands_for[own])
        columns["x"].append((width / 2 + (part.slot - part.slots / 2) * pitch)[own])
        columns["span"].append(part.span[own])
        columns["side"].append(np.full(len(part), -1.0 if below else 1.0)[own])
        total += len(part) - (1 if below else 0)
    joined = {key: np.concatenate(values) for key, values in columns.items()}
    x, side = joined["x"], joined["side"]
    x[0] = width / 2
    twigs = layout.Twigs(
        joined["parent"], joined["place"], joined["copy"], joined["stands_for"], x, joined["span"], width / pitch
    )
    lengths, um, short = _lengths(places, width, style)
    radius = min(2.6 * style.scale, 0.4 * style.scale + 0.05 * width)
    begin, end = layout.heights(twigs.parent, np.concatenate([[radius], lengths[1:]])[twigs.place])
    # Those that leave one point bend alike; the shortest of them says how far.
    shortest = np.full(len(twigs), np.inf)
    rows = np.arange(1, len(twigs))
    np.minimum.at(shortest, twigs.parent[rows], lengths[twigs.place[rows]])
    reach = np.zeros(len(twigs))
    # Branches to both sides of a soma leave it at once, so the bend is one for all of its children.
    reach[rows] = 0.5 * np.minimum(shortest[twigs.parent[rows]], 16.0 * style.scale)
    # What goes straight on bends nowhere, and leaves more room to its synapses.
    straight = np.abs(x - x[twigs.parent.clip(0)]) < 1e-9
    alone = np.ones(len(twigs), dtype=bool)
    np.logical_and.at(alone, twigs.parent[rows], straight[rows])
    reach[rows] = np.where(alone[twigs.parent[rows]], 0.1, 1.0) * reach[rows]
    bend = begin + reach
    begin[twigs.parent == 0] = 0.0  # they come from within the soma
    ups = side * begin, side * bend, side * end
    return Branches(places, twigs, x, x[twigs.parent.clip(0)], *ups, side, pitch, radius, um, short)


def _downwards(places: tuple[Place, ...]) -> list[bool]:
    """Which places grow down: those of basal dendrites, and what grows from them, where others go up."""
    stems = [place.parent == 0 for place in places]
    basal = [stem and place.label.startswith("basal") for stem, place in zip(stems, places, strict=True)]
    if sum(basal) == sum(stems):
        return [False] * len(places)
    for position, place in enumerate(places):
        if place.parent:
            basal[position] = basal[place.parent]
    return basal


def _lengths(places: tuple[Place, ...], width: float, style: Style) -> tuple[Floats, float, tuple[str, ...]]:
    """Length of a branch of each place in mm; mm to a µm; and the places whose branches are too short to be true.

    They are true to scale where the morphology gives lengths, but for those on which nothing could be seen.
    """
    given = np.array([place.length_um for place in places[1:]])
    if not len(given):
        return np.zeros(1), 0.0, ()
    parents = np.array([-1 if place.parent is None else place.parent for place in places])
    # Where only some are given, the others are drawn as long as these are on average.
    lengths = np.where(given > 0, given, given[given > 0].mean()) if given.any() else np.ones(len(given))
    _, reach = layout.heights(parents, np.concatenate([[0.0], lengths]))
    tall = width * min(0.85, 0.22 + 0.14 * int(layout.levels(parents).max()))
    scale = tall / reach.max()
    least = np.array([LEAST * style.scale if place.synapses else 0.5 * style.scale for place in places[1:]])
    least = np.minimum(least, 0.4 * tall)
    found = np.maximum(lengths * scale, least)
    true = bool((given > 0).all())
    short = tuple(place.label for place, one, own in zip(places[1:], found, lengths * scale, strict=True) if one > own)
    return np.concatenate([[0.0], found]), scale if true else 0.0, short if given.any() else ()


def thickness(lay: Branches, style: Style) -> Floats:
    """Width of each branch in mm: by its diameter where all are given, else thinner with each fork."""
    given = np.array([place.diameter_um for place in lay.places])
    most = min(1.5 * style.scale, 0.42 * lay.pitch)
    least = min(0.32 * style.scale, 0.2 * lay.pitch)
    if len(given) > 1 and (given[1:] > 0).all():
        by_place = least + (most - least) * given / given.max()
    else:
        level = layout.levels(np.array([-1 if place.parent is None else place.parent for place in lay.places]))
        by_place = np.maximum(least, most * 0.78 ** (level - 1))
    return by_place[lay.twigs.place]
