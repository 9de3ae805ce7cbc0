"""A scene: the parts of a diagram in millimetres on paper, as numbers and names. The renderer makes artists of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Colour = str  # #rrggbb, or #rrggbbaa
Colours = Colour | Sequence[Colour] | Floats  # one for all, one each, or an (n, 4) array

# Levels: what is drawn over what.
BELOW, EDGES, BODIES, DOTS, ABOVE = 1, 2, 3, 4, 5


class Box(NamedTuple):
    """A rectangle, in mm."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre, (x, y)."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    @property
    def corners(self) -> Floats:
        """From the left bottom one counter-clockwise. Shape (1, 4, 2)."""
        left, bottom, right, top = self
        return np.array([[[left, bottom], [right, bottom], [right, top], [left, top]]])

    def grid(self, rows: int, columns: int) -> Floats:
        """The lines between so many square cells, counted from the left bottom. Shape (lines, 2, 2)."""
        left, bottom, right, top = self
        cell = self.width / columns
        lines = [[[left, bottom + k * cell], [right, bottom + k * cell]] for k in range(1, rows)]
        lines += [[[left + k * cell, bottom], [left + k * cell, top]] for k in range(1, columns)]
        return np.array(lines).reshape(-1, 2, 2)


@dataclass(frozen=True, eq=False)
class Strokes:
    """Lines of constant width.

    name: of what they show, such as `cable hidden/basal->hidden/soma`; tests find them by it
    paths: (lines, points, 2), in mm
    width: in mm, one for all or one each
    """

    name: str
    paths: Floats
    width: float | Floats
    colour: Colours
    level: int = EDGES
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class Discs:
    """Circles around `centres`, (discs, 2), in mm; a rim is drawn if it has a width."""

    name: str
    centres: Floats
    radius: float | Floats
    fill: Colours
    rim: Colours = "#00000000"
    rim_width: float = 0.0
    level: int = BODIES


@dataclass(frozen=True, eq=False)
class Shapes:
    """Filled polygons, (shapes, corners, 2), in mm."""

    name: str
    corners: Floats
    fill: Colours
    rim: Colours = "#00000000"
    rim_width: float = 0.0
    level: int = BODIES


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of numbers, (height, width), or of colours, (height, width, 3 or 4).

    It fills a box, the first row at the top. Numbers become colours by the colour map `map` between `low` and `high`.
    """

    name: str
    cells: Floats
    box: Box
    map: str = "grey"
    low: float = 0.0
    high: float = 1.0
    level: int = BELOW


@dataclass(frozen=True, eq=False)
class Words:
    """Text at (x, y), in mm, of `size` points. `across` and `up` say which point of the text is there."""

    text: str
    x: float
    y: float
    size: float
    colour: Colour
    across: Literal["left", "center", "right"] = "center"
    up: Literal["bottom", "center", "top"] = "center"
    bold: bool = False
    upright: bool = False  # reads from below
    name: str = ""


Mark = Strokes | Discs | Shapes | Picture | Words


@dataclass(frozen=True)
class Entry:
    """An entry of a legend: a sign and its meaning; `length` is that of a scale bar, in mm."""

    sign: Literal["bar", "dot", "ring", "line", "dashes", "scale", "none"]
    colour: str
    text: str
    length: float = 0.0


@dataclass(frozen=True, eq=False)
class Scene:
    """A finished diagram: its size in mm, and its marks in the order in which they are drawn within a level.

    notes: what the diagram leaves out, for the caller
    entries: of the legend below it
    """

    width: float
    height: float
    marks: tuple[Mark, ...]
    notes: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()

    def moved(self, across: float, up: float) -> tuple[Mark, ...]:
        """Its marks, moved by so many mm."""
        return tuple(moved(mark, across, up) for mark in self.marks)


def moved(mark: Mark, across: float, up: float) -> Mark:
    """The mark, moved by so many mm."""
    shift = np.array([across, up])
    if isinstance(mark, Strokes):
        return replace(mark, paths=mark.paths + shift)
    if isinstance(mark, Discs):
        return replace(mark, centres=mark.centres + shift)
    if isinstance(mark, Shapes):
        return replace(mark, corners=mark.corners + shift)
    if isinstance(mark, Picture):
        left, bottom, right, top = mark.box
        return replace(mark, box=Box(left + across, bottom + up, right + across, top + up))
    return replace(mark, x=mark.x + across, y=mark.y + up)


def stacked(scenes: Iterable[Scene], gap: float) -> Scene:
    """Scenes one below the other, each centred."""
    scenes = list(scenes)
    width = max(scene.width for scene in scenes)
    marks: list[Mark] = []
    bottom = 0.0
    for scene in reversed(scenes):
        marks += scene.moved((width - scene.width) / 2, bottom)
        bottom += scene.height + gap
    notes = tuple(dict.fromkeys(note for scene in scenes for note in scene.notes))
    entries = tuple(dict.fromkeys(entry for scene in scenes for entry in scene.entries))
    return Scene(width, bottom - gap, tuple(marks), notes, entries)
