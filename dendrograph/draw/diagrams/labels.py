"""Where the names of a neuron's branches stand: no label on another, on a branch or on its synapses."""

from __future__ import annotations

import numpy as np

from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.layout import Floats
from dendrograph.draw.canvas.scene import Mark, Words
from dendrograph.draw.diagrams.branches import Branches
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


def _beside_soma(lay: Branches, style: Style) -> list[Spot]:
    """To its right or left, else below or above it."""
    x, r, gap = float(lay.x[0]), 1.3 * lay.radius, 0.7 * style.scale
    sides = ((x + r + gap, "left"), (x - r - gap, "right"))
    spots: list[Spot] = [(at, y, across, "center") for y in (-0.6 * r, 0.0, 0.6 * r, -r, r) for at, across in sides]
    return [*spots, (x, -r - gap, "center", "top"), (x, r + gap, "center", "bottom")]


def _beside_branches(lay: Branches, thick: Floats, position: int, style: Style) -> list[Spot]:
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
