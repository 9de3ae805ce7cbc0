"""Plots of learning curves: loss and accuracy over epochs, and the gap between training and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dendrograph.base import files
from dendrograph.draw.canvas.figure import as_bytes, new_figure, own_style
from dendrograph.draw.palettes import GAP, TEST, TRAIN, VALIDATION
from dendrograph.draw.plots.panels import BELOW, Table, check_columns, dress, labelled_lines, panels

if TYPE_CHECKING:
    from dendrograph.training.run import Run

PARTS: Mapping[str, Any] = {  # lines and markers differ, so that the parts can be told apart in grey
    "train": {"color": TRAIN, "linestyle": "-", "marker": "o"},
    "validation": {"color": VALIDATION, "linestyle": "--", "marker": "s", "markerfacecolor": "white"},
}
MEASURES = (("loss", "Cross-entropy", 1), ("accuracy", "Accuracy (%)", 100))  # column, label, factor


def learning_curves(history: Sequence[Mapping[str, float]], best_epoch: int | None = None) -> Figure:
    """Loss and accuracy of training and validation over epochs: two panels, 183 mm wide.

    Args:
        history: rows with `epoch` and, for `train` and `validation`, `_loss` and `_accuracy` (from 0 to 1).
        best_epoch: the epoch that early stopping chose, which is marked by a line.
    """
    with own_style():
        figure = new_figure(7.2, 2.7, layout="constrained")
        for axes, (measure, label, factor) in zip(figure.subplots(1, 2), MEASURES, strict=True):
            for part, look in PARTS.items():
                values = [factor * row[f"{part}_{measure}"] for row in history]
                axes.plot([row["epoch"] for row in history], values, markersize=2.5, linewidth=1.2, label=part, **look)
            if best_epoch:
                axes.axvline(best_epoch, color="0.6", linewidth=0.8, zorder=0, label="best epoch")
            axes.set(xlabel="Epoch", ylabel=label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.spines[["top", "right"]].set_visible(False)
        figure.axes[0].legend(frameon=False)
    return figure


def write_learning_curves(run: Run) -> None:
    """Write `learning-curves.png` and `.pdf` into the folder of a finished run, unless both are there."""
    paths = {form: run.folder / f"learning-curves.{form}" for form in ("png", "pdf")}
    if all(path.is_file() for path in paths.values()):
        return
    best_epoch = run.metrics["weights_of_epoch"] if run.record["config"].get("early_stop") else None
    figure = learning_curves(run.history, best_epoch)
    for form, path in paths.items():
        files.write(path, as_bytes(figure, form))


def generalisation_figure(learning: Table, results: Table = ()) -> Figure:
    """Cross-entropy, accuracy, and training accuracy minus validation accuracy: three panels, 183 mm wide.

    Args:
        learning: rows with epoch, train_loss, train_accuracy, validation_loss, validation_accuracy, accuracy_gap.
        results: one row with weights_of_epoch, test_loss, test_accuracy, accuracy_gap. A diamond at the epoch whose
            weights were kept shows the test, and the gap between training and test samples.

    Raises:
        DendrographError: there is nothing to draw.
    """
    wanted = ("epoch", *(f"{part}_{measure}" for part in PARTS for measure in ("loss", "accuracy")), "accuracy_gap")
    check_columns(learning, wanted, "learning")
    end: dict[str, Any] = {"linestyle": "", "marker": "D", "markersize": 4, "zorder": 4}
    line: dict[str, Any] = {"markersize": 2.2, "linewidth": 1.1}
    epochs, last = [row["epoch"] for row in learning], [row["weights_of_epoch"] for row in results]
    with panels(3, 3, 1.9, 0.25) as (figure, found):
        *measured, gaps = found
        for axes, (measure, up, factor) in zip(measured, MEASURES, strict=True):
            for part, look in PARTS.items():
                axes.plot(epochs, [factor * row[f"{part}_{measure}"] for row in learning], label=part, **line, **look)
            if last:
                axes.plot(last, [factor * row[f"test_{measure}"] for row in results], color=TEST, label="test", **end)
            dress(axes, "Epoch", up)
        gaps.axhline(0, color="0.7", linewidth=0.6, zorder=0)
        values = [100 * row["accuracy_gap"] for row in learning]
        gaps.plot(epochs, values, "o-", color=GAP, label="train − validation", **line)
        if last:
            values = [100 * row["accuracy_gap"] for row in results]
            gaps.plot(last, values, color=GAP, label="train − test, at the end", **end)
        dress(gaps, "Epoch", "Gap of accuracy (points)")
        for axes in found:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        shown = labelled_lines([found[0], gaps])
        figure.legend(shown.values(), shown.keys(), ncols=len(shown), **BELOW)
    return figure
