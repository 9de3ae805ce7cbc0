"""The branches of one neuron laid out in millimetres: slots, true lengths, widths. Numbers, no drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.layout import Floats
from dendrograph.draw.canvas.places import Place
from dendrograph.draw.canvas.scene import Mark, Words
from dendrograph.draw.style import Theme

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


def lay_out(places: tuple[Place, ...], width: float, style: Theme, folded: bool) -> Branches:
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


def _lengths(places: tuple[Place, ...], width: float, style: Theme) -> tuple[Floats, float, tuple[str, ...]]:
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


def thickness(lay: Branches, style: Theme) -> Floats:
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


MOST_NAMED = 12  # places; of more only the stems are named

Spot = tuple[float, float, str, str]  # x, y, and which point of the text lies there


def place_labels(
    lay: Branches, thick: Floats, width: float, reach: tuple[float, float], style: Theme
) -> tuple[list[Mark], tuple[float, float], list[str]]:
    """Names with counts, beyond the tips or beside a branch, wherever there is room.

    Args:
        lay: the branches.
        thick: their widths in mm.
        width: of the diagram.
        reach: its lowest and highest point, so far.
        style: of letters.

    Returns:
        The labels, the lowest and the highest point with them, and what had no room.
    """
    lowest, highest = reach
    line = style.line()
    x, r = float(lay.x[0]), 1.3 * lay.radius
    taken = np.concatenate([_boxes(lay, thick), [[x - r, -r, x + r, r]]])
    free = layout.Free(width, lowest - 3 * line, highest + 3 * line, taken)
    words: list[Mark] = []
    left_out: list[str] = []
    # Of a reconstruction with its many sections only the stems are named.
    named = [k for k, place in enumerate(lay.places) if len(lay.places) <= MOST_NAMED or not place.parent]
    for position in reversed(named):
        place = lay.places[position]
        text = place.label if place.count == 1 else f"{place.label} ×{place.count:,}"
        wide = style.measure(text, style.text)
        spots = _beside_soma(lay, style) if position == 0 else _beside_branches(lay, thick, position, style)
        for at_x, at_y, across, up in spots:
            left = at_x - {"left": 0.0, "center": wide / 2, "right": wide}[across]
            left = min(max(left, 0.0), width - wide) if across == "center" else left
            under = at_y - {"bottom": 0.0, "center": line / 2, "top": line}[up]
            if free.take(left, under, left + wide, under + line, 0.3 * style.scale):
                name = f"label {place.group.name}"
                words.append(Words(text, left, under + line / 2, style.text, style.ink, "left", "center", name=name))
                lowest, highest = min(lowest, under), max(highest, under + line)
                break
        else:
            left_out.append(text)
    return words, (lowest, highest), left_out


def _beside_soma(lay: Branches, style: Theme) -> list[Spot]:
    """To its right or left, else below or above it."""
    x, r, gap = float(lay.x[0]), 1.3 * lay.radius, 0.7 * style.scale
    sides = ((x + r + gap, "left"), (x - r - gap, "right"))
    spots: list[Spot] = [(at, y, across, "center") for y in (-0.6 * r, 0.0, 0.6 * r, -r, r) for at, across in sides]
    return [*spots, (x, -r - gap, "center", "top"), (x, r + gap, "center", "bottom")]


def _beside_branches(lay: Branches, thick: Floats, position: int, style: Theme) -> list[Spot]:
    """Beyond the tips of the first family of a place, where nothing grows from them; else beside a branch of it."""
    place, rows, gap = lay.places[position], lay.twigs.at(position), 0.7 * style.scale
    family = rows[lay.twigs.parent[rows] == lay.twigs.parent[rows[0]]]
    side = float(lay.side[rows[0]])
    spots: list[Spot] = []
    if all(other.parent != position for other in lay.places):
        middle, tip = float(lay.x[family].mean()), float((lay.end[family] * side).max()) * side
        up = "bottom" if side > 0 else "top"
        spots += [(middle, tip + side * (gap + step * style.line()), "center", up) for step in (0, 1, 2)]
    for one in (*family[:1], *family[-1:]):
        away = 0.5 * float(thick[one]) + gap + (1.6 * style.scale if place.synapses else 0.0)
        for share in (0.5, 0.25, 0.75, 0.0, 1.0):
            at, x = float(lay.bend[one] + share * (lay.end[one] - lay.bend[one])), float(lay.x[one])
            spots += [(x + away, at, "left", "center"), (x - away, at, "right", "center")]
    return spots


def _boxes(lay: Branches, thick: Floats) -> Floats:
    """What branches and their dots cover: where they are straight, and where they bend."""
    rows = np.arange(1, len(lay.twigs))
    has = np.array([bool(place.synapses) for place in lay.places])[lay.twigs.place[rows]]
    half = 0.5 * thick[rows] + np.where(has, 0.4 * lay.pitch, 0.0).clip(max=1.6)
    straight = np.stack(
        [
            lay.x[rows] - half,
            np.minimum(lay.bend[rows], lay.end[rows]),
            lay.x[rows] + half,
            np.maximum(lay.bend[rows], lay.end[rows]),
        ],
        axis=1,
    )
    # A bent part is covered by few boxes, each around one piece of it.
    pieces = lay.paths(7)[:, :7]
    low, high = np.minimum(pieces[:, :-1], pieces[:, 1:]), np.maximum(pieces[:, :-1], pieces[:, 1:])
    pad = 0.5 * thick[rows][:, None]
    bent = np.stack([low[..., 0] - pad, low[..., 1] - pad, high[..., 0] + pad, high[..., 1] + pad], axis=2)
    return np.concatenate([straight, bent.reshape(-1, 4)])
