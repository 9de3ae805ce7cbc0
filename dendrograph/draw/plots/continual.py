"""The figure of continual learning: the matrix of accuracies, and each task's accuracy over the tasks learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from dendrograph.base import files
from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.figure import as_bytes, import_matplotlib, own_style
from dendrograph.draw.plots.learning_curves import write_learning_curves
from dendrograph.training.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from dendrograph.training.continual import Learned

WIDTH, ROW = 7.2, 2.7  # inches: two columns of a journal, 183 mm; and the height of a row
MOST_ROWS = 8
MOST_NUMBERS = 12  # tasks, of whose matrix each cell says its number
MOST_TICKS = 10
DARK = 0.6  # accuracy from which on a cell's number is white
HEAT, LINES = "Blues", "viridis"  # both also tell the order by lightness
LAST_LINE = 0.85  # of the map of the lines: beyond it they are too light
MARKERS = "osD^vP*X"


def continual_figure(matrices: Mapping[str, ArrayLike]) -> Figure:
    """A row of two panels for each matrix, double-column width (183 mm).

    On the left the matrix, in per cent: rows are how many tasks have been learnt, columns on which task the network is
    tested; what lies on the steps is the task that was learnt last. On the right a line for each task, from before any
    training on; it is drawn through from when the task has been learnt, and dotted before.

    Args:
        matrices: title -> shares of shape (T + 1, T), as `Learned.matrix` has them.

    Raises:
        DendrographError: there is none, or more than a page holds, or one is no such matrix.
    """
    import_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not 1 <= len(matrices) <= MOST_ROWS:
        raise DendrographError(f"{len(matrices)} matrices of accuracies\n  a figure shows 1 to {MOST_ROWS}")
    tables = {title: np.asarray(matrix, dtype=np.float64) for title, matrix in matrices.items()}
    for title, matrix in tables.items():
        is_one = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] + 1 > 2
        if not is_one or not ((matrix >= 0) & (matrix <= 1)).all():
            raise DendrographError(
                f"{title}: no matrix of accuracies\n"
                "  wanted: shares from 0 to 1 of shape (T + 1, T) for T tasks, 2 or more"
            )
    with own_style():
        matplotlib.rcParams.update({"font.size": 8.0, "axes.linewidth": 0.6, "axes.titlesize": 8.0})
        figure = Figure(figsize=(WIDTH, ROW * len(tables)), layout="constrained")
        FigureCanvasAgg(figure)
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
        size = 7.0 if columns <= 6 else 5.0
        for (row, column), share in np.ndenumerate(matrix):
            text = f"{100 * share:.1f}" if columns <= 6 else f"{100 * share:.0f}"
            colour = "white" if share >= DARK else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    for task in range(columns):  # a frame around what was learnt last
        x, y = task - 0.5, task + 0.5
        axes.plot([x, x + 1, x + 1, x, x], [y, y, y + 1, y + 1, y], color="#D55E00", linewidth=1.0, clip_on=False)
    step = _step(columns)
    axes.set_xticks(range(0, columns, step), [str(1 + task) for task in range(0, columns, step)])
    axes.set_yticks(range(0, rows, step), [str(learnt) for learnt in range(0, rows, step)])
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xlabel("Tested on task")
    axes.set_ylabel("Tasks learnt")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _curves(axes: Axes, matrix: NDArray[np.float64]) -> None:
    """Each task's accuracy over the tasks learnt."""
    import_matplotlib()
    from matplotlib import colormaps

    rows, columns = matrix.shape
    learnt = np.arange(rows)
    for task in range(columns):
        colour = colormaps[LINES](LAST_LINE * task / max(1, columns - 1))
        values = 100 * matrix[:, task]
        axes.plot(learnt[: task + 2], values[: task + 2], ":", color=colour, linewidth=0.8)
        axes.plot(
            learnt[task + 1 :],
            values[task + 1 :],
            color=colour,
            linewidth=1.2,
            marker=MARKERS[task % len(MARKERS)],
            markersize=3.5,
            label=f"{task + 1}",
            clip_on=False,
        )
    axes.set_xticks(range(0, rows, _step(columns)))
    axes.set_ylim(0, 100)
    axes.set_xlabel("Tasks learnt (dotted: the task is not among them)")
    axes.set_ylabel("Test accuracy (%)")
    axes.spines[["top", "right"]].set_visible(False)
    if columns <= MOST_NUMBERS:
        axes.legend(title="Task", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _step(columns: int) -> int:
    return 1 + (columns - 1) // MOST_TICKS


def write_continual_figures(learned: Learned) -> None:
    """Draw into its folder what continual learning gave: `accuracy.png` and `.pdf`, and the curves of each task."""
    figure = continual_figure({learned.record["graph"]["name"]: learned.matrix})
    for form in ("png", "pdf"):
        files.write(learned.folder / f"accuracy.{form}", as_bytes(figure, form))
    for number in range(1, len(learned.matrix)):
        write_learning_curves(Run.open(learned.folder / f"task-{number}"))
