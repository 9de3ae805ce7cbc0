"""Plots of continual learning: the matrix of accuracies, and the accuracy of each task over the tasks learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from dendrograph.base import files
from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.figure import as_bytes, new_figure, own_style
from dendrograph.draw.palettes import OKABE_ITO
from dendrograph.draw.plots.learning_curves import write_learning_curves
from dendrograph.draw.plots.panels import MARKERS
from dendrograph.training.run import Run

if TYPE_CHECKING:
    from dendrograph.training.continual import Learned

WIDTH, ROW = 7.2, 2.7  # inches: about two columns of a journal, and the height of a row
MOST_ROWS = 8
MOST_NUMBERS = 12  # tasks; in larger matrices no numbers are written
MOST_TICKS = 10
DARK = 0.6  # the number in a cell is white from this accuracy on
HEAT, LINES = "Blues", "viridis"  # lightness also shows the order
LAST_LINE = 0.85  # position in the colour map of the last line; later colours are too light


def continual_figure(matrices: Mapping[str, ArrayLike]) -> Figure:
    """A row of two panels for each matrix, 183 mm wide.

    On the left is the matrix, in per cent: a row is the number of tasks learnt, a column the task that is tested. A
    frame marks the task that was learnt last. On the right is a line for each task, beginning before any training; it
    is dotted until the task has been learnt.

    Args:
        matrices: title -> accuracies from 0 to 1 of shape (T + 1, T), as `Learned.matrix` has them.

    Raises:
        DendrographError: there is no matrix, there are too many, or one has another shape or range.
    """
    if not 1 <= len(matrices) <= MOST_ROWS:
        raise DendrographError(f"{len(matrices)} matrices of accuracies\n  a figure shows 1 to {MOST_ROWS}")
    tables = {title: np.asarray(matrix, dtype=np.float64) for title, matrix in matrices.items()}
    for title, matrix in tables.items():
        is_one = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] + 1 > 2
        if not is_one or not ((matrix >= 0) & (matrix <= 1)).all():
            raise DendrographError(
                f"{title}: not a matrix of accuracies\n"
                "  give numbers from 0 to 1 of shape (T + 1, T) for T tasks, 2 or more"
            )
    with own_style({"font.size": 8.0, "axes.linewidth": 0.6, "axes.titlesize": 8.0}):
        figure = new_figure(WIDTH, ROW * len(tables), layout="constrained")
        panels = figure.subplots(len(tables), 2, squeeze=False)
        for (title, matrix), (left, right) in zip(tables.items(), panels, strict=True):
            _heat(left, matrix)
            _curves(right, matrix)
            left.set_title(title, loc="left")
    return figure


def _heat(axes: Axes, matrix: NDArray[np.float64]) -> None:
    """The matrix as a heat map with numbers."""
    rows, columns = matrix.shape
    image = axes.imshow(100 * matrix, cmap=HEAT, vmin=0, vmax=100, aspect="auto", interpolation="nearest")
    assert axes.figure is not None
    axes.figure.colorbar(image, ax=axes, label="Test accuracy (%)").outline.set_visible(False)
    if columns <= MOST_NUMBERS:
        size, digits = (7.0, 1) if columns <= 6 else (5.0, 0)
        for (row, column), accuracy in np.ndenumerate(matrix):
            colour = "white" if accuracy >= DARK else "black"
            text = f"{100 * accuracy:.{digits}f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    for task in range(columns):  # the frame around the task that was learnt last
        x, y = task - 0.5, task + 0.5
        frame = [x, x + 1, x + 1, x, x], [y, y, y + 1, y + 1, y]
        axes.plot(*frame, color=OKABE_ITO[5], linewidth=1.0, clip_on=False)
    step = _step(columns)
    axes.set_xticks(range(0, columns, step), [str(1 + task) for task in range(0, columns, step)])
    axes.set_yticks(range(0, rows, step), [str(learnt) for learnt in range(0, rows, step)])
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), xlabel="Tested on task", ylabel="Tasks learnt")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _curves(axes: Axes, matrix: NDArray[np.float64]) -> None:
    """The accuracy of each task over the tasks learnt."""
    rows, columns = matrix.shape
    learnt = np.arange(rows)
    for task in range(columns):
        colour = colormaps[LINES](LAST_LINE * task / max(1, columns - 1))
        before, after, values = slice(task + 2), slice(task + 1, None), 100 * matrix[:, task]
        axes.plot(learnt[before], values[before], ":", color=colour, linewidth=0.8)
        look = {"marker": MARKERS[task % len(MARKERS)], "markersize": 3.5, "linewidth": 1.2, "clip_on": False}
        axes.plot(learnt[after], values[after], color=colour, label=f"{task + 1}", **look)  # type: ignore[arg-type]
    axes.set_xticks(range(0, rows, _step(columns)))
    across = "Tasks learnt (dotted: the task is not among them)"
    axes.set(ylim=(0, 100), xlabel=across, ylabel="Test accuracy (%)")
    axes.spines[["top", "right"]].set_visible(False)
    if columns <= MOST_NUMBERS:
        axes.legend(title="Task", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _step(columns: int) -> int:
    """From one number at an axis to the next."""
    return 1 + (columns - 1) // MOST_TICKS


def write_continual_figures(learned: Learned) -> None:
    """Write `accuracy.png` and `.pdf` into the folder of continual learning, and the learning curves of each task."""
    figure = continual_figure({learned.record["graph"]["name"]: learned.matrix})
    for form in ("png", "pdf"):
        files.write(learned.folder / f"accuracy.{form}", as_bytes(figure, form))
    for number in range(1, len(learned.matrix)):
        write_learning_curves(Run.open(learned.folder / f"task-{number}"))
