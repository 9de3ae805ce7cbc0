"""The lines below a diagram that say what its colours mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dendrograph.draw.canvas.scene import Discs, Entry, Mark, Scene, Strokes, Words
from dendrograph.draw.style import Theme


def scale_bar(mm_per_um: float, width: float) -> Entry:
    """A bar of a round number of µm, about a tenth of the width long."""
    wanted = 0.11 * width / mm_per_um
    power = 10.0 ** math.floor(math.log10(wanted))
    length = power * max(step for step in (1, 2, 5) if step * power <= wanted)
    return Entry("scale", "", f"{length:g} µm", length * mm_per_um)


def legend(entries: Sequence[Entry], width: float, style: Theme) -> Scene:
    """Entries one after the other, on as many lines as they need, each line centred."""
    size, line = style.small, 1.15 * style.line(style.small)
    sign, gap, apart = 2.4 * style.scale, 1.0 * style.scale, 2.4 * style.scale
    rows: list[list[tuple[Entry, float]]] = [[]]
    taken = 0.0
    for given in entries:
        sign_room = 0.0 if given.sign == "none" else (given.length or sign) + gap
        entry = replace(given, text=style.fitting((given.text,), size, width - sign_room))
        wide = (0.0 if entry.sign == "none" else (entry.length or sign) + gap) + style.measure(entry.text, size)
        if rows[-1] and taken + apart + wide > 0.96 * width:  # letters on a screen are a little wider
            rows.append([])
            taken = 0.0
        taken += wide + (apart if rows[-1] else 0.0)
        rows[-1].append((entry, wide))
    marks: list[Mark] = []
    height = line * len(rows)
    for number, row in enumerate(rows):
        x = (width - sum(wide for _, wide in row) - apart * (len(row) - 1)) / 2
        y = height - (number + 0.5) * line
        for entry, wide in row:
            long = entry.length or sign
            start = x if entry.sign == "none" else x + long + gap
            marks += _sign(entry, x, y, long, style)
            marks.append(Words(entry.text, start, y, size, style.ink, "left", "center", name="legend"))
            x += wide + apart
    return Scene(width, height, tuple(marks))


def _sign(entry: Entry, x: float, y: float, long: float, style: Theme) -> list[Mark]:
    line = np.array([[[x, y], [x + long, y]]])
    name = f"legend {entry.text}"
    if entry.sign == "none":
        return []
    if entry.sign == "bar":
        return [Strokes(name, line, 0.9 * style.scale, entry.colour)]
    if entry.sign in ("line", "dashes"):
        return [Strokes(name, line, 0.3 * style.scale, entry.colour, dashed=entry.sign == "dashes")]
    if entry.sign == "scale":
        ends = np.array([[[x, y - 0.5], [x, y + 0.5]], [[x + long, y - 0.5], [x + long, y + 0.5]]])
        return [Strokes(name, np.concatenate([line, ends]), 0.25 * style.scale, style.ink)]
    radius = 0.55 * style.scale
    centre = np.array([[x + long - radius, y]])
    hollow = entry.sign == "ring"
    return [
        Discs(
            name,
            centre,
            radius,
            style.paper if hollow else entry.colour,
            entry.colour,
            0.2 * style.scale if hollow else 0.0,
        )
    ]


def with_legend(scene: Scene, style: Theme) -> Scene:
    """The diagram, with what its colours mean below it."""
    if not scene.entries:
        return scene
    foot, gap = legend(scene.entries, scene.width, style), 0.8 * style.scale
    marks = (*scene.moved(0.0, foot.height + gap), *foot.marks)
    return Scene(scene.width, scene.height + gap + foot.height, marks, scene.notes)
