"""Parts of scenes that show numbers: axes with ticks, and colour bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas.scene import ABOVE, Box, Floats, Mark, Picture, Strokes, Words
from dendrograph.draw.style import Theme


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, at most `most` of them unless fewer than two fit."""
    if not high > low:
        return [low]
    while True:
        rough = (high - low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(nice for nice in (1, 2, 2.5, 5, 10) if nice * power >= rough * (1 - 1e-9))
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last > first:  # a single tick shows no scale
            return [number * step for number in range(first, last + 1)]
        most += 1


def _shown(value: float) -> str:
    """The number at a tick, with a true minus."""
    return f"{value:.3g}".replace("-", "−")


@dataclass(frozen=True)
class Frame:
    """Two axes that fill a box: a point (x, y) of the data is drawn `at(x, y)`, in mm."""

    box: Box
    across: tuple[float, float]
    up: tuple[float, float]

    def at(self, x: Floats, y: Floats) -> Floats:
        """Shape (points, 2)."""
        share_x = (np.asarray(x) - self.across[0]) / (self.across[1] - self.across[0])
        share_y = (np.asarray(y) - self.up[0]) / (self.up[1] - self.up[0])
        return np.stack([self.box.left + self.box.width * share_x, self.box.bottom + self.box.height * share_y], axis=1)

    def _ticks(self, theme: Theme) -> list[float]:
        """Ticks of the lower axis, so few that their numbers do not touch."""
        found: list[float] = []
        for most in (4, 3, 2):
            found = ticks(*self.across, most)
            each = max(theme.measure(_shown(value), theme.small) for value in found) + 1.2 * theme.scale
            if len(found) * each <= self.box.width + each:
                return found
        return [found[len(found) // 2]]

    def marks(self, theme: Theme, x_label: str, y_label: str, name: str) -> list[Mark]:
        """The two axes with their labels, and ticks on the lower one."""
        left, bottom, _, top = self.box
        (x, y), size, ink, tick = self.box.middle, theme.small, theme.ink, 0.8 * theme.scale
        lines = [[[left, top], [left, bottom]], [[left, bottom], [self.box.right, bottom]]]
        words: list[Mark] = []
        for value in self._ticks(theme):
            at = float(self.at(np.array([value]), np.array([self.up[0]]))[0, 0])
            lines.append([[at, bottom], [at, bottom - tick]])
            words.append(Words(_shown(value), at, bottom - 1.4 * tick, size, ink, "center", "top", name=f"tick {name}"))
        below, beside = bottom - 1.4 * tick - theme.line(size), left - 1.4 * tick - 0.4 * theme.scale
        words.append(Words(x_label, x, below, size, ink, "center", "top", name=f"label {name}"))
        words.append(Words(y_label, beside, y, size, ink, "center", "bottom", upright=True, name=f"label {name}"))
        return [Strokes(f"axes {name}", np.array(lines), 0.2 * theme.scale, ink, ABOVE), *words]


@dataclass(frozen=True)
class ColourBar:
    """An upright bar that shows which number each colour of a map means.

    label: beside the bar; `room`: mm beyond which it is shortened
    """

    map: str
    low: float
    high: float
    label: str
    theme: Theme
    room: float = 1e9

    def marks(self, box: Box, name: str) -> list[Mark]:
        """The bar fills the box; ticks and label are at its right."""
        theme, low, high = self.theme, self.low, self.high
        size, ink = theme.small, theme.ink
        found = ticks(low, high, 3)
        if len(found) * 1.1 * theme.line(size) > box.height + theme.line(size):
            found = [low, high] if box.height > 1.1 * theme.line(size) else [high]
        marks: list[Mark] = [Picture(f"bar {name}", np.linspace(high, low, 128)[:, None], box, self.map, low, high)]
        marks.append(frame_of(box, theme, f"frame {name}"))
        for value in found:
            y = box.bottom + box.height * ((value - low) / (high - low) if high > low else 0.5)
            x = box.right + 0.6 * theme.scale
            marks.append(Words(_shown(value), x, y, size, ink, "left", "center", name=f"tick {name}"))
        wide = max(theme.measure(_shown(value), size) for value in found)
        x, y = box.right + wide + (1.2 * theme.scale) + theme.line(size), box.middle[1]
        text = theme.fitting((self.label,), size, self.room)
        return [*marks, Words(text, x, y, size, ink, "center", "bottom", upright=True, name=f"label {name}")]

    @property
    def beside(self) -> float:
        """Width in mm that ticks and label need at the right of the bar."""
        values = (*ticks(self.low, self.high, 3), self.low, self.high)
        wide = max(self.theme.measure(_shown(value), self.theme.small) for value in values)
        return wide + 1.6 * self.theme.scale + self.theme.line(self.theme.small)


def frame_of(box: Box, theme: Theme, name: str, colour: str | None = None) -> Strokes:
    """The outline of a box."""
    path = np.concatenate([box.corners, box.corners[:, :1]], axis=1)
    return Strokes(name, path, 0.18 * theme.scale, colour or theme.ink, ABOVE)


def even_columns(number: int, most: int) -> int:
    """Columns for so many panels, at most `most`, so that rows are filled evenly."""
    return math.ceil(number / math.ceil(number / most))


def largest_shown(values: Sequence[NDArray]) -> float:
    """The number at the ends of a colour map for numbers of either sign: only 1 % of the values are larger."""
    joined = np.abs(np.concatenate([np.ravel(part) for part in values])) if values else np.zeros(0)
    most = float(np.quantile(joined, 0.99)) if len(joined) else 0.0
    return most or float(joined.max(initial=0.0)) or 1.0
