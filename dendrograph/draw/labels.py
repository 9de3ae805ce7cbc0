"""Where the names of a neuron's branches stand: no label on another, on a branch or on its synapses."""

from __future__ import annotations

import numpy as np

from dendrograph.draw import layout
from dendrograph.draw.branches import Branches
from dendrograph.draw.layout import Floats
from dendrograph.draw.scene import Mark, Words
from dendrograph.draw.style import Style

MOST_NAMED = 12  # places; of more only the stems are named

Spot = tuple[float, float, str, str]  # x, y, and which point of the text lies there


def place_labels(
    lay: Branches, thick: Floats, width: float, reach: tuple[float, float], style: Style
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
    below, top = reach
    radius = lay.radius
    line = style.line()
    rise, fall = 3 * line, 3 * line
    free = layout.Free(width, top - below + rise + fall)
    base = below - fall
    for a, b, c, d in _boxes(lay, thick):
        free.taken.append((a, b - base, c, d - base))
    x, r = float(lay.x[0]), 1.3 * radius
    free.taken.append((x - r, -r - base, x + r, r - base))
    words: list[Mark] = []
    left_out: list[str] = []
    lowest, highest = below, top

    def put(text: str, spots: list[Spot], name: str) -> bool:
        wide = style.measure(text, style.text)
        for at_x, at_y, across, up in spots:
            left = at_x - {"left": 0.0, "center": wide / 2, "right": wide}[across]
            under = at_y - {"bottom": 0.0, "center": line / 2, "top": line}[up]
            left = min(max(left, 0.0), width - wide) if across == "center" else left
            if free.take(left, under - base, left + wide, under + line - base, 0.3 * style.scale):
                words.append(Words(text, left, under + line / 2, style.text, style.ink, "left", "center", name=name))
                nonlocal lowest, highest
                lowest, highest = min(lowest, under), max(highest, under + line)
                return True
        return False

    gap = 0.7 * style.scale
    # Of a reconstruction with its many sections only the stems are named.
    named = [k for k, place in enumerate(lay.places) if len(lay.places) <= MOST_NAMED or not place.parent]
    for position in reversed(named):
        place, rows = lay.places[position], lay.twigs.at(position)
        if position == 0:
            text = place.label
            spots = [
                (x + s * (r + gap), y, a, "center")
                for y in (-0.6 * r, 0.0, 0.6 * r, -r, r)
                for s, a in ((1, "left"), (-1, "right"))
            ]
            spots += [(x, -r - gap, "center", "top"), (x, r + gap, "center", "bottom")]
        else:
            text = place.label if place.size == 1 else f"{place.label} ×{place.count:,}"
            parent = lay.twigs.parent[rows[0]]
            family = rows[lay.twigs.parent[rows] == parent]
            middle, side = float(lay.x[family].mean()), float(lay.side[rows[0]])
            tip = float((lay.end[family] * side).max()) * side
            leaf = all(other.parent != position for other in lay.places)
            spots = []
            if leaf:
                for step in (0.0, 1.0, 2.0):
                    spots.append((middle, tip + side * (gap + step * line), "center", "bottom" if side > 0 else "top"))
            for one in (*family[:1], *family[-1:]):
                half = 0.5 * thick[one] + gap + (1.6 * style.scale if place.synapses else 0.0)
                for share in (0.5, 0.25, 0.75, 0.0, 1.0):
                    at = float(lay.bend[one] + share * (lay.end[one] - lay.bend[one]))
                    spots += [
                        (float(lay.x[one]) + half, at, "left", "center"),
                        (float(lay.x[one]) - half, at, "right", "center"),
                    ]
        if not put(text, spots, f"label {place.group.name}"):
            left_out.append(text)
    return words, (lowest, highest), left_out


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
