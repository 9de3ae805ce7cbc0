"""The legend below a diagram: what its colours and signs mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dendrograph.draw.canvas.scene import Discs, Entry, Mark, Scene, Strokes, Words
from dendrograph.draw.style import Theme

SIGN, GAP, APART = 2.4, 1.0, 2.4  # mm: a sign, from it to its text, from one entry to the next
WIDTHS = {"bar": 0.9, "line": 0.3, "dashes": 0.3}  # mm, of lines


def scale_bar(mm_per_um: float, width: float) -> Entry:
    """A bar of a round number of µm, about a tenth of the width long."""
    wanted = 0.11 * width / mm_per_um
    power = 10.0 ** math.floor(math.log10(wanted))
    length = power * max(step for step in (1, 2, 5) if step * power <= wanted)
    return Entry("scale", "", f"{length:g} µm", length * mm_per_um)


def legend(entries: Sequence[Entry], width: float, theme: Theme) -> Scene:
    """Entries one after the other, on as many lines as they need, each line centred."""
    size, line, apart = theme.small, 1.15 * theme.line(theme.small), APART * theme.scale
    rows: list[list[tuple[Entry, float, float]]] = [[]]  # of each entry also the width of its sign, and the whole width
    taken = 0.0
    for given in entries:
        sign = 0.0 if given.sign == "none" else (given.length or SIGN * theme.scale) + GAP * theme.scale
        entry = replace(given, text=theme.fitting((given.text,), size, width - sign))
        wide = sign + theme.measure(entry.text, size)
        if rows[-1] and taken + apart + wide > 0.96 * width:  # on a screen letters are slightly wider
            rows.append([])
            taken = 0.0
        taken += wide + (apart if rows[-1] else 0.0)
        rows[-1].append((entry, sign, wide))
    marks: list[Mark] = []
    height = line * len(rows)
    for number, row in enumerate(rows):
        x = (width - sum(wide for _, _, wide in row) - apart * (len(row) - 1)) / 2
        y = height - (number + 0.5) * line
        for entry, sign, wide in row:
            marks += _sign(entry, x, y, theme)
            marks.append(Words(entry.text, x + sign, y, size, theme.ink, "left", "center", name="legend"))
            x += wide + apart
    return Scene(width, height, tuple(marks))


def _sign(entry: Entry, x: float, y: float, theme: Theme) -> list[Mark]:
    long = entry.length or SIGN * theme.scale
    line = np.array([[[x, y], [x + long, y]]])
    name = f"legend {entry.text}"
    if entry.sign == "none":
        return []
    if entry.sign in WIDTHS:
        return [Strokes(name, line, WIDTHS[entry.sign] * theme.scale, entry.colour, dashed=entry.sign == "dashes")]
    if entry.sign == "scale":
        ends = np.array([[[x, y - 0.5], [x, y + 0.5]], [[x + long, y - 0.5], [x + long, y + 0.5]]])
        return [Strokes(name, np.concatenate([line, ends]), 0.25 * theme.scale, theme.ink)]
    radius, hollow = 0.55 * theme.scale, entry.sign == "ring"
    fill, rim = (theme.paper, 0.2 * theme.scale) if hollow else (entry.colour, 0.0)
    return [Discs(name, np.array([[x + long - radius, y]]), radius, fill, entry.colour, rim)]


def with_legend(scene: Scene, theme: Theme) -> Scene:
    """The diagram with its legend below it."""
    if not scene.entries:
        return scene
    foot, gap = legend(scene.entries, scene.width, theme), 0.8 * theme.scale
    marks = (*scene.moved(0.0, foot.height + gap), *foot.marks)
    return Scene(scene.width, scene.height + gap + foot.height, marks, scene.notes)
