"""The layout of one neuron in mm: the slots, lengths and widths of its branches, and where their labels fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.layout import Whole
from dendrograph.draw.canvas.places import Place, depths_of
from dendrograph.draw.canvas.scene import Floats, Mark, Words
from dendrograph.draw.diagrams.view import Panel
from dendrograph.draw.style import Theme

LEAST = 6.0  # mm of a branch with synapses, so that they can be seen
SLOT = 2.5  # mm, the least width of a slot in which branches can be told apart
WIDEST_SLOT = 13.0
POINTS = 20  # of a bent branch
MOST_NAMED = 12  # places; in larger trees only the stems are named

Spot = tuple[float, float, str, str]  # x, y, and which point of the text is there


@dataclass(frozen=True, eq=False)
class Branches:
    """The branches of one neuron, laid out: arrays over the compartments drawn, in mm; see `layout.Twigs`.

    x, begin_x: of the branch and of its parent's end; begin, bend, end: upwards; side: 1 up, -1 down
    thick: width of each branch; radius: of the soma
    pitch: width of a slot
    um: mm to a µm, 0 if lengths are unknown
    short: labels of places whose branches are drawn longer than to scale, so that they can be seen
    """

    places: tuple[Place, ...]
    twigs: layout.Twigs
    x: Floats
    begin_x: Floats
    begin: Floats
    bend: Floats
    end: Floats
    side: Floats
    thick: Floats
    pitch: float
    radius: float
    um: float
    short: tuple[str, ...]

    def paths(self, points: int = POINTS) -> Floats:
        """Middle lines of all branches, without the soma."""
        begin, end = np.stack([self.begin_x, self.begin], axis=1), np.stack([self.x, self.end], axis=1)
        return layout.bends(begin[1:], end[1:], self.bend[1:], points)

    @property
    def has_basal(self) -> bool:
        """Whether some branches grow down."""
        return bool((self.side < 0).any())


def lay_out(places: tuple[Place, ...], panel: Panel) -> Branches:
    """Every branch to be drawn, in its slot; if there are apical and basal branches, the basal ones grow down."""
    theme, width = panel.theme, panel.width
    twigs, side, pitch = _slots(places, panel)
    x, parent = twigs.slot, twigs.parent
    lengths, um, short = _lengths(places, width, theme)
    radius = min(2.6 * theme.scale, 0.4 * theme.scale + 0.05 * width)
    begin, end = layout.heights(parent, np.concatenate([[radius], lengths[1:]])[twigs.place])
    # Branches from one point bend over the same height; the shortest of them decides.
    rows = np.arange(1, len(twigs))
    shortest = np.full(len(twigs), np.inf)
    np.minimum.at(shortest, parent[rows], lengths[twigs.place[rows]])
    reach = np.zeros(len(twigs))
    reach[rows] = 0.5 * np.minimum(shortest[parent[rows]], 16.0 * theme.scale)
    # A branch that continues straight on does not bend, which leaves more room for its synapses.
    straight = np.abs(x - x[parent.clip(0)]) < 1e-9
    alone = np.ones(len(twigs), dtype=bool)
    np.logical_and.at(alone, parent[rows], straight[rows])
    reach[rows] = np.where(alone[parent[rows]], 0.1, 1.0) * reach[rows]
    bend = begin + reach
    begin[parent == 0] = 0.0  # stems begin within the soma
    ups = side * begin, side * bend, side * end
    thick = _thickness(places, pitch, theme)[twigs.place]
    return Branches(places, twigs, x, x[parent.clip(0)], *ups, side, thick, pitch, radius, um, short)


def _slots(places: tuple[Place, ...], panel: Panel) -> tuple[layout.Twigs, Floats, float]:
    """The compartments drawn, with `slot` in mm; 1 for those above the soma, -1 below; the width of a slot in mm."""
    scale, width = panel.theme.scale, panel.width
    down = _downwards(places)
    room = width - 2 * scale
    parts = []
    for below in (False, True):
        kept = [position for position in range(len(places)) if position == 0 or down[position] == below]
        number: dict[int | None, int] = {position: own for own, position in enumerate(kept)}
        parents = [number.get(places[position].parent) for position in kept]
        counts = [places[position].count for position in kept]
        modes = layout.fold(parents, counts, room / (SLOT * scale)) if panel.folded else (layout.ALL,) * len(kept)
        parts.append((np.array(kept, dtype=np.int64), layout.unfold(parents, counts, modes)))
    (kept_up, up), (kept_down, below_soma) = parts
    pitch = min(WIDEST_SLOT * scale, room / max(up.slots, below_soma.slots))
    shifted = np.where(below_soma.parent > 0, below_soma.parent + len(up) - 1, below_soma.parent)

    def joined(first: NDArray, second: NDArray) -> NDArray:
        return np.concatenate([first, second[1:]])  # there is one soma

    x = joined(*(width / 2 + (part.slot - part.slots / 2) * pitch for part in (up, below_soma)))
    x[0] = width / 2
    twigs = layout.Twigs(
        parent=joined(up.parent, shifted),
        place=joined(kept_up[up.place], kept_down[below_soma.place]),
        copy=joined(up.copy, below_soma.copy),
        stands_for=joined(up.stands_for, below_soma.stands_for),
        slot=x,
        span=joined(up.span, below_soma.span),
        slots=width / pitch,
    )
    return twigs, joined(np.ones(len(up)), np.full(len(below_soma), -1.0)), pitch


def _downwards(places: tuple[Place, ...]) -> list[bool]:
    """Which places are below the soma: basal dendrites with their subtrees, if other dendrites grow up."""
    stems = [place.parent == 0 for place in places]
    basal = [stem and place.label.startswith("basal") for stem, place in zip(stems, places, strict=True)]
    if sum(basal) == sum(stems):
        return [False] * len(places)
    for position, place in enumerate(places):
        if place.parent:
            basal[position] = basal[place.parent]
    return basal


def _lengths(places: tuple[Place, ...], width: float, theme: Theme) -> tuple[Floats, float, tuple[str, ...]]:
    """Length of a branch of each place in mm; mm to a µm; and the places that are drawn longer than to scale.

    Lengths are to scale if the morphology gives them all. Branches too short for their synapses are drawn longer.
    """
    given = np.array([place.length_um for place in places[1:]])
    if not len(given):
        return np.zeros(1), 0.0, ()
    parents = np.array([-1 if place.parent is None else place.parent for place in places])
    # If only some lengths are given, the other branches have their mean.
    lengths = np.where(given > 0, given, given[given > 0].mean()) if given.any() else np.ones(len(given))
    _, reach = layout.heights(parents, np.concatenate([[0.0], lengths]))
    tall = width * min(0.85, 0.22 + 0.14 * max(depths_of(places)))
    scale = tall / reach.max()
    least = np.array([LEAST * theme.scale if place.synapses else 0.5 * theme.scale for place in places[1:]])
    found = np.maximum(lengths * scale, np.minimum(least, 0.4 * tall))
    short = tuple(place.label for place, one, own in zip(places[1:], found, lengths * scale, strict=True) if one > own)
    um = scale if (given > 0).all() else 0.0
    return np.concatenate([[0.0], found]), um, short if given.any() else ()


def _thickness(places: tuple[Place, ...], pitch: float, theme: Theme) -> Floats:
    """Width of a branch of each place in mm: by its diameter if all are given, else thinner with each fork."""
    given = np.array([place.diameter_um for place in places])
    most, least = min(1.5 * theme.scale, 0.42 * pitch), min(0.32 * theme.scale, 0.2 * pitch)
    if len(given) > 1 and (given[1:] > 0).all():
        return least + (most - least) * given / given.max()
    return np.maximum(least, most * 0.78 ** (np.array(depths_of(places)) - 1.0))


def place_labels(
    lay: Branches, panel: Panel, reach: tuple[float, float]
) -> tuple[list[Mark], tuple[float, float], list[str]]:
    """Names with counts, beyond the tips or beside a branch, wherever there is room.

    Args:
        lay: the branches.
        panel: that the diagram fills.
        reach: the lowest and the highest point of the diagram without labels.

    Returns:
        The labels, the lowest and the highest point with them, and the names that found no room.
    """
    theme, (lowest, highest) = panel.theme, reach
    line = theme.line()
    x, r = float(lay.x[0]), 1.3 * lay.radius
    free = layout.Free(panel.width, lowest - 3 * line, highest + 3 * line, _covered(lay, [x - r, -r, x + r, r]))
    words: list[Mark] = []
    left_out: list[str] = []
    # In a reconstruction with many sections only the stems are named.
    named = [k for k, place in enumerate(lay.places) if len(lay.places) <= MOST_NAMED or not place.parent]
    for position in reversed(named):
        place = lay.places[position]
        text = place.label if place.count == 1 else f"{place.label} ×{place.count:,}"
        wide = theme.measure(text, theme.text)
        spots = _beside_branches(lay, position, theme) if position else _beside_soma(lay, theme)
        for at_x, at_y, across, up in spots:
            left = at_x - {"left": 0.0, "center": wide / 2, "right": wide}[across]
            left = min(max(left, 0.0), panel.width - wide) if across == "center" else left
            under = at_y - {"bottom": 0.0, "center": line / 2, "top": line}[up]
            if free.take(left, under, left + wide, under + line, 0.3 * theme.scale):
                name = f"label {place.group.name}"
                words.append(Words(text, left, under + line / 2, theme.text, theme.ink, "left", "center", name=name))
                lowest, highest = min(lowest, under), max(highest, under + line)
                break
        else:
            left_out.append(text)
    return words, (lowest, highest), left_out


def _beside_soma(lay: Branches, theme: Theme) -> Iterator[Spot]:
    """At its right or left, else below or above it."""
    x, r, gap = float(lay.x[0]), 1.3 * lay.radius, 0.7 * theme.scale
    for y in (-0.6 * r, 0.0, 0.6 * r, -r, r):
        yield x + r + gap, y, "left", "center"
        yield x - r - gap, y, "right", "center"
    yield x, -r - gap, "center", "top"
    yield x, r + gap, "center", "bottom"


def _beside_branches(lay: Branches, position: int, theme: Theme) -> Iterator[Spot]:
    """Beyond the tips of the first siblings at a place, if these are tips of the tree; else beside a branch."""
    place, rows, gap = lay.places[position], lay.twigs.at(position), 0.7 * theme.scale
    siblings = rows[lay.twigs.parent[rows] == lay.twigs.parent[rows[0]]]
    side = float(lay.side[rows[0]])
    if all(other.parent != position for other in lay.places):
        middle, tip = float(lay.x[siblings].mean()), float((lay.end[siblings] * side).max()) * side
        for step in (0, 1, 2):
            yield middle, tip + side * (gap + step * theme.line()), "center", "bottom" if side > 0 else "top"
    for one in (siblings[0], siblings[-1]):
        away = 0.5 * float(lay.thick[one]) + gap + (1.6 * theme.scale if place.synapses else 0.0)
        for share in (0.5, 0.25, 0.75, 0.0, 1.0):
            at, x = float(lay.bend[one] + share * (lay.end[one] - lay.bend[one])), float(lay.x[one])
            yield x + away, at, "left", "center"
            yield x - away, at, "right", "center"


def _covered(lay: Branches, soma: list[float]) -> Floats:
    """The boxes that the soma, the branches and their synapses cover. Shape (boxes, 4)."""
    rows: Whole = np.arange(1, len(lay.twigs))
    has = np.array([bool(place.synapses) for place in lay.places])[lay.twigs.place[rows]]
    half = 0.5 * lay.thick[rows] + np.where(has, 0.4 * lay.pitch, 0.0).clip(max=1.6)
    bend, end, x = lay.bend[rows], lay.end[rows], lay.x[rows]
    straight = np.stack([x - half, np.minimum(bend, end), x + half, np.maximum(bend, end)], axis=1)
    # A few boxes cover the bent part, one for each piece of it.
    pieces = lay.paths(7)[:, :7]
    low, high = np.minimum(pieces[:, :-1], pieces[:, 1:]), np.maximum(pieces[:, :-1], pieces[:, 1:])
    pad = 0.5 * lay.thick[rows][:, None]
    bent = np.stack([low[..., 0] - pad, low[..., 1] - pad, high[..., 0] + pad, high[..., 1] + pad], axis=2)
    return np.concatenate([straight, bent.reshape(-1, 4), [soma]])
