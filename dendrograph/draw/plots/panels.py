"""What the figures of tables share: their size on paper, their text, and how groups of many are told apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.figure import import_matplotlib, own_style
from dendrograph.draw.palettes import PALETTES
from dendrograph.draw.style import DOUBLE, SINGLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Table = Sequence[Mapping[str, Any]]

INCH = 25.4  # mm
POINTS = 7.0  # of text
COLOURS = PALETTES["okabe-ito"]  # told apart by the colour-blind
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (4, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = "osD^vP*X"
LONGEST = 30  # letters of a title above one of three panels


@contextmanager
def panels(number: int, columns: int, height: float, more: float = 0.0) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with so many panels, row by row: one is a column of a journal wide (89 mm), several are two (183 mm).

    Args:
        number: of panels.
        columns: beside each other.
        height: of a row, in inches.
        more: inches below them, for a legend.
    """
    import_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = math.ceil(number / columns)
    width = (SINGLE if columns == 1 else DOUBLE) / INCH
    with own_style():
        matplotlib.rcParams.update({"font.size": POINTS, "axes.linewidth": 0.6, "lines.markersize": 2.6})
        figure = Figure(figsize=(width, height * rows + more), layout="constrained")
        FigureCanvasAgg(figure)
        found = list(figure.subplots(rows, columns, squeeze=False).flat)
        for spare in found[number:]:
            spare.remove()
        yield figure, found[:number]


def dress(axes: Axes, across: str, up: str, title: str = "") -> None:
    """Labels, and two of the four sides."""
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if title:
        axes.set_title(shortened(title), fontsize=POINTS)
    axes.tick_params(width=0.6, length=2.5, labelsize=POINTS)
    axes.spines[["top", "right"]].set_visible(False)


def shortened(title: str) -> str:
    """A title that fits above its panel: of a long one the end, where names differ."""
    return title if len(title) <= LONGEST else f"…{title[1 - LONGEST :]}"


def hold(rows: Table, wanted: Sequence[str], what: str) -> None:
    """Refuse a table that is another, or none.

    Raises:
        DendrographError: there is no row, or a row lacks a column.
    """
    if not rows:
        raise DendrographError(f"there is no row of {what} to draw")
    for row in rows:
        if missing := [name for name in wanted if name not in row]:
            raise DendrographError(
                f"no table of {what}: column '{missing[0]}' is missing\n  it has {', '.join(row) or 'none'}"
            )


def hold_few(number: int, most: int, what: str) -> None:
    """Refuse more than a figure can show.

    Raises:
        DendrographError: there are more than that.
    """
    if number > most:
        raise DendrographError(
            f"{number} {what}, and a figure shows {most}\n  draw some of the rows at a time, or take the table alone"
        )
