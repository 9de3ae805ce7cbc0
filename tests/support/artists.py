"""Reading a diagram off its artists: by name, in mm."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text


def named(axes: Axes, prefix: str) -> list[Collection]:
    """Collections whose name begins so; with a `=` in front, is so."""
    return [one for one in axes.collections if _is(one.get_gid(), prefix)]


def _is(name: str | None, prefix: str) -> bool:
    return name == prefix[1:] if prefix.startswith("=") else (name or "").startswith(prefix)


def texts(axes: Axes, prefix: str = "") -> list[Text]:
    """Texts whose name begins so."""
    return [one for one in axes.texts if _is(one.get_gid(), prefix)]


def discs(axes: Axes, prefix: str) -> np.ndarray:
    """Centres of all discs of such names. Shape (discs, 2)."""
    found = [one.get_offsets() for one in named(axes, prefix) if not isinstance(one, LineCollection | PolyCollection)]
    return np.concatenate([np.asarray(part) for part in found]) if found else np.zeros((0, 2))


def lines(axes: Axes, prefix: str) -> np.ndarray:
    """Ends of all lines of such names. Shape (lines, 2, 2)."""
    found = [
        np.asarray(path)[[0, -1]]
        for one in named(axes, prefix)
        if isinstance(one, LineCollection)
        for path in one.get_segments()
    ]
    return np.array(found).reshape(-1, 2, 2)


def outlines(axes: Axes, prefix: str) -> list[np.ndarray]:
    """Corners of all polygons of such names."""
    return [
        path.vertices[:-1] for one in named(axes, prefix) if isinstance(one, PolyCollection) for path in one.get_paths()
    ]


def boxes(figure: Figure, found: list[Text]) -> np.ndarray:
    """The boxes of texts in pixels: left, bottom, right, top. Shape (texts, 4)."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    return np.array([one.get_window_extent(renderer).extents for one in found]).reshape(-1, 4)


def overlapping(boxes: np.ndarray, slack: float = 0.5) -> list[tuple[int, int]]:
    """Pairs of boxes that overlap by more than a little."""
    found = []
    for i in range(len(boxes)):
        for j in range(i):
            a, b = boxes[i], boxes[j]
            if min(a[2], b[2]) - max(a[0], b[0]) > slack and min(a[3], b[3]) - max(a[1], b[1]) > slack:
                found.append((j, i))
    return found
