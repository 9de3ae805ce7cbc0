"""The branches of one neuron laid out in millimetres: slots, true lengths, widths. Numbers, no drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw import layout
from dendrograph.draw.layout import Floats
from dendrograph.draw.places import Place
from dendrograph.draw.style import Style

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
    lengths, um = _lengths(places, width, style)
    radius = min(2.6 * style.scale, 0.4 * style.scale + 0.05 * width)
    begin, end = layout.heights(twigs.parent, np.concatenate([[radius], lengths[1:]])[twigs.place])
    # Those that leave one point bend alike; the shortest of them says how far.
    shortest = np.full(len(twigs), np.inf)
    rows = np.arange(1, len(twigs))
    np.minimum.at(shortest, twigs.parent[rows], lengths[twigs.place[rows]])
    reach = np.zeros(len(twigs))
    # Branches to both sides of a soma leave it at once, so the bend is one for all of its children.
    reach[rows] = 0.5 * np.minimum(shortest[twigs.parent[rows]], 16.0 * style.scale)
    bend = begin + reach
    begin[twigs.parent == 0] = 0.0  # they come from within the soma
    ups = side * begin, side * bend, side * end
    return Branches(places, twigs, x, x[twigs.parent.clip(0)], *ups, side, pitch, radius, um)


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


def _lengths(places: tuple[Place, ...], width: float, style: Style) -> tuple[Floats, float]:
    """Length of a branch of each place in mm, and mm to a µm: true to scale where the morphology gives lengths."""
    given = np.array([place.length_um for place in places[1:]])
    depth = np.zeros(len(places))
    deepest = 0
    level = np.zeros(len(places), dtype=int)
    for position, place in enumerate(places[1:], 1):
        level[position] = level[place.parent] + 1
        deepest = max(deepest, level[position])
    tall = width * min(0.85, 0.22 + 0.14 * deepest)
    if not len(given):
        return np.zeros(1), 0.0
    true = bool(given.any())
    # Where only some are given, the others are drawn as long as these are on average.
    lengths = np.where(given > 0, given, given[given > 0].mean()) if true else np.ones(len(given))
    for position, place in enumerate(places[1:], 1):
        depth[position] = depth[place.parent] + lengths[position - 1]
    scale = tall / depth.max()
    return np.concatenate([[0.0], lengths * scale]), scale if bool((given > 0).all()) else 0.0


def thickness(lay: Branches, style: Style) -> Floats:
    """Width of each branch in mm: by its diameter where all are given, else thinner with each fork."""
    given = np.array([place.diameter_um for place in lay.places])
    most = min(1.5 * style.scale, 0.42 * lay.pitch)
    least = min(0.32 * style.scale, 0.2 * lay.pitch)
    if len(given) > 1 and (given[1:] > 0).all():
        by_place = least + (most - least) * given / given.max()
    else:
        level = np.zeros(len(lay.places))
        for position, place in enumerate(lay.places[1:], 1):
            level[position] = level[place.parent] + 1
        by_place = np.maximum(least, most * 0.78 ** (level - 1))
    return by_place[lay.twigs.place]
