"""Frames with ticks, and colour bars: what a scene needs where it shows numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas.scene import ABOVE, Floats, Mark, Picture, Strokes, Words
from dendrograph.draw.style import Theme

Box = tuple[float, float, float, float]  # left, bottom, right, top, in mm


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, at most so many."""
    if not high > low:
        return [low]
    while True:
        rough = (high - low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(nice for nice in (1, 2, 2.5, 5, 10) if nice * power >= rough * (1 - 1e-9))
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last > first:  # one tick alone tells no scale
            return [number * step for number in range(first, last + 1)]
        most += 1


def shown(value: float) -> str:
    """A number as a tick has it, with a true minus."""
    return f"{value:.3g}".replace("-", "−")


@dataclass(frozen=True)
class Frame:
    """Axes within a box: what lies at x and y of the data lies at `at(x, y)` in mm."""

    box: Box
    across: tuple[float, float]
    up: tuple[float, float]

    def at(self, x: Floats, y: Floats) -> Floats:
        """Shape (points, 2)."""
        left, bottom, right, top = self.box
        share_x = (np.asarray(x) - self.across[0]) / (self.across[1] - self.across[0])
        share_y = (np.asarray(y) - self.up[0]) / (self.up[1] - self.up[0])
        return np.stack([left + (right - left) * share_x, bottom + (top - bottom) * share_y], axis=1)

    def _fitting(self, style: Theme) -> list[float]:
        """Ticks of the lower axis, so few that their numbers keep apart."""
        found: list[float] = []
        for most in (4, 3, 2):
            found = ticks(*self.across, most)
            each = max(style.measure(shown(value), style.small) for value in found) + 1.2 * style.scale
            if len(found) * each <= (self.box[2] - self.box[0]) + each:
                return found
        return [found[len(found) // 2]]

    def marks(self, style: Theme, x_label: str, y_label: str, name: str, y_ticks: bool = True) -> list[Mark]:
        """The two axes with their ticks and labels."""
        left, bottom, right, top = self.box
        thin, tick = 0.2 * style.scale, 0.8 * style.scale
        lines = [[[left, top], [left, bottom]], [[left, bottom], [right, bottom]]]
        words: list[Mark] = []
        for value in self._fitting(style):
            x = float(self.at(np.array([value]), np.array([self.up[0]]))[0, 0])
            lines.append([[x, bottom], [x, bottom - tick]])
            words.append(
                Words(
                    shown(value), x, bottom - 1.4 * tick, style.small, style.ink, "center", "top", name=f"tick {name}"
                )
            )
        below = bottom - 1.4 * tick - style.line(style.small)
        words.append(
            Words(x_label, (left + right) / 2, below, style.small, style.ink, "center", "top", name=f"label {name}")
        )
        wide = 0.0
        for value in ticks(*self.up, 4) if y_ticks else []:
            y = float(self.at(np.array([self.across[0]]), np.array([value]))[0, 1])
            lines.append([[left, y], [left - tick, y]])
            words.append(
                Words(
                    shown(value), left - 1.4 * tick, y, style.small, style.ink, "right", "center", name=f"tick {name}"
                )
            )
            wide = max(wide, style.measure(shown(value), style.small))
        x = left - 1.4 * tick - wide - 0.4 * style.scale
        words.append(
            Words(
                y_label,
                x,
                (bottom + top) / 2,
                style.small,
                style.ink,
                "center",
                "bottom",
                upright=True,
                name=f"label {name}",
            )
        )
        return [Strokes(f"axes {name}", np.array(lines), thin, style.ink, ABOVE), *words]


def colour_bar(
    map: str, low: float, high: float, box: Box, label: str, style: Theme, name: str, room: float = 1e9
) -> list[Mark]:
    """An upright bar of colours with ticks at its right; its label, cut short where it takes more than `room` mm."""
    label = style.fitting((label,), style.small, room)
    _, bottom, right, top = box
    steps = np.linspace(high, low, 128)[:, None]
    marks: list[Mark] = [Picture(f"bar {name}", steps, box, map, low, high)]
    marks.append(frame_of(box, style, f"frame {name}"))
    wide = 0.0
    found = ticks(low, high, 3)
    if len(found) * 1.1 * style.line(style.small) > top - bottom + style.line(style.small):
        found = [low, high] if top - bottom > 1.1 * style.line(style.small) else [high]
    for value in found:
        y = bottom + (top - bottom) * ((value - low) / (high - low) if high > low else 0.5)
        marks.append(
            Words(
                shown(value),
                right + 0.6 * style.scale,
                y,
                style.small,
                style.ink,
                "left",
                "center",
                name=f"tick {name}",
            )
        )
        wide = max(wide, style.measure(shown(value), style.small))
    x = right + wide + (1.2 * style.scale) + style.line(style.small)
    marks.append(
        Words(
            label, x, (bottom + top) / 2, style.small, style.ink, "center", "bottom", upright=True, name=f"label {name}"
        )
    )
    return marks


def bar_room(low: float, high: float, style: Theme) -> float:
    """Width in mm that a colour bar's ticks and label take at its right."""
    wide = max(style.measure(shown(value), style.small) for value in (*ticks(low, high, 3), low, high))
    return wide + 1.6 * style.scale + style.line(style.small)


def frame_of(box: Box, style: Theme, name: str, colour: str | None = None) -> Strokes:
    """The outline of a box."""
    left, bottom, right, top = box
    path = np.array([[[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]])
    return Strokes(name, path, 0.18 * style.scale, colour or style.ink, ABOVE)


def rows_of(number: int, most: int) -> int:
    """Columns for so many panels, so that the rows are filled evenly."""
    rows = math.ceil(number / most)
    return math.ceil(number / rows)


def symmetric(values: Sequence[NDArray]) -> float:
    """The greatest distance from zero that colours shall tell: that which all but a hundredth of the values keep."""
    joined = np.abs(np.concatenate([np.ravel(part) for part in values])) if values else np.zeros(0)
    most = float(np.quantile(joined, 0.99)) if len(joined) else 0.0
    return most or float(joined.max(initial=0.0)) or 1.0
