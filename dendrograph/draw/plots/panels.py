"""Shared parts of plots: panels of a journal's width, axis labels, legends, and checks of their tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.figure import new_figure, own_style
from dendrograph.draw.style import DOUBLE, INCH, SINGLE

Table = Sequence[Mapping[str, Any]]

POINTS = 7.0  # of text
SETTINGS: Mapping[str, Any] = {"font.size": POINTS, "axes.linewidth": 0.6, "lines.markersize": 2.6}
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (4, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = "osD^vP*X"
LONGEST = 30  # letters of a title above one of three panels
BELOW: Mapping[str, Any] = {"loc": "outside lower center", "frameon": False}  # a legend below all panels


@contextmanager
def panels(number: int, columns: int, height: float, more: float = 0.0) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with so many panels, row by row: 89 mm wide with one column of panels, else 183 mm.

    Args:
        number: of panels.
        columns: panels in a row.
        height: of a row, in inches.
        more: inches below the panels, for a legend.
    """
    rows = math.ceil(number / columns)
    with own_style(SETTINGS):
        width = (SINGLE if columns == 1 else DOUBLE) / INCH
        figure = new_figure(width, height * rows + more, layout="constrained")
        found = list(figure.subplots(rows, columns, squeeze=False).flat)
        for spare in found[number:]:
            spare.remove()
        yield figure, found[:number]


def dress(axes: Axes, across: str, up: str, title: str = "") -> None:
    """Label the axes, and draw only the left and the lower one."""
    axes.set(xlabel=across, ylabel=up)
    if title:
        axes.set_title(shortened(title), fontsize=POINTS)
    axes.tick_params(width=0.6, length=2.5, labelsize=POINTS)
    axes.spines[["top", "right"]].set_visible(False)


def labelled_lines(panels: Sequence[Axes]) -> dict[str, Any]:
    """The lines of panels by their labels, for a legend."""
    lines = {str(line.get_label()): line for axes in panels for line in axes.lines}
    return {label: line for label, line in lines.items() if not label.startswith("_")}


def shortened(title: str) -> str:
    """A title that fits above its panel: of a long one only the end, in which names differ."""
    return title if len(title) <= LONGEST else f"…{title[1 - LONGEST :]}"


def check_columns(rows: Table, wanted: Sequence[str], what: str) -> None:
    """Check that a table has rows, and every row the columns of a table of `what`.

    Raises:
        DendrographError: there is no row, or a row lacks a column.
    """
    if not rows:
        raise DendrographError(f"the table of {what} has no rows to draw")
    for row in rows:
        if missing := [name for name in wanted if name not in row]:
            raise DendrographError(
                f"not a table of {what}: column '{missing[0]}' is missing\n  its columns: {', '.join(row) or 'none'}"
            )


def check_number(number: int, most: int, what: str) -> None:
    """Check that a figure can show so many things.

    Raises:
        DendrographError: there are more than `most`.
    """
    if number > most:
        raise DendrographError(
            f"{number} {what}, but a figure shows at most {most}\n  draw fewer rows, or use the table alone"
        )
