"""Learning curves from a history table: loss and accuracy over epochs, training against validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dendrograph.base import files
from dendrograph.draw.canvas.figure import as_bytes, import_matplotlib, own_style
from dendrograph.draw.palettes import GAP, TEST, TRAIN, VALIDATION
from dendrograph.draw.plots.panels import Table, dress, hold, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrograph.training.run import Run

PARTS: Mapping[str, Any] = {  # told apart in grey, too
    "train": {"color": TRAIN, "linestyle": "-", "marker": "o"},
    "validation": {"color": VALIDATION, "linestyle": "--", "marker": "s", "markerfacecolor": "white"},
}


def learning_curves(history: Sequence[Mapping[str, float]], best_epoch: int | None = None) -> Figure:
    """A figure of two panels, double-column width (183 mm).

    Args:
        history: rows with `epoch` and, for `train` and `validation`, `_loss` and `_accuracy` (a share of 1).
        best_epoch: marked with a line where early stopping chose it.
    """
    import_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in history]
    panels = (("loss", "Cross-entropy", 1), ("accuracy", "Accuracy (%)", 100))
    with own_style():
        figure = Figure(figsize=(7.2, 2.7), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (what, label, factor) in zip(figure.subplots(1, 2), panels, strict=True):
            for part, look in PARTS.items():
                values = [factor * row[f"{part}_{what}"] for row in history]
                axes.plot(epochs, values, markersize=2.5, linewidth=1.2, label=part, **look)
            if best_epoch:
                axes.axvline(best_epoch, color="0.6", linewidth=0.8, zorder=0, label="best epoch")
            axes.set_xlabel("Epoch")
            axes.set_ylabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.spines[["top", "right"]].set_visible(False)
        figure.axes[0].legend(frameon=False)
    return figure


def write_learning_curves(run: Run) -> None:
    """Draw the history of a finished run into its folder, unless it is there: `learning-curves.png` and `.pdf`."""
    paths = {form: run.folder / f"learning-curves.{form}" for form in ("png", "pdf")}
    if all(path.is_file() for path in paths.values()):
        return
    best_epoch = run.metrics["weights_of_epoch"] if run.record["config"].get("early_stop") else None
    figure = learning_curves(run.history, best_epoch)
    for form, path in paths.items():
        files.write(path, as_bytes(figure, form))


def generalisation_figure(learning: Table, results: Table = ()) -> Figure:
    """Three panels, two columns wide (183 mm): cross-entropy, accuracy, and training accuracy less validation accuracy.

    Args:
        learning: rows with epoch, train_loss, train_accuracy, validation_loss, validation_accuracy, accuracy_gap.
        results: one row with weights_of_epoch, test_loss, test_accuracy, accuracy_gap: a diamond at the epoch whose
            weights were kept shows the test, and the gap between training and test samples.

    Raises:
        DendrographError: there is nothing to draw.
    """
    import_matplotlib()
    from matplotlib.ticker import MaxNLocator

    wanted = ("epoch", *(f"{part}_{what}" for part in PARTS for what in ("loss", "accuracy")), "accuracy_gap")
    hold(learning, wanted, "learning")
    end: dict[str, Any] = {"linestyle": "", "marker": "D", "markersize": 4, "zorder": 4}
    line: dict[str, Any] = {"markersize": 2.2, "linewidth": 1.1}
    epochs = [row["epoch"] for row in learning]
    measures = (("loss", "Cross-entropy", 1), ("accuracy", "Accuracy (%)", 100))
    with panels(3, 3, 1.9, 0.25) as (figure, found):
        for axes, (what, up, factor) in zip(found, measures, strict=False):
            for part, look in PARTS.items():
                values = [factor * row[f"{part}_{what}"] for row in learning]
                axes.plot(epochs, values, label=part, **line, **look)
            for row in results:
                axes.plot([row["weights_of_epoch"]], [factor * row[f"test_{what}"]], color=TEST, label="test", **end)
            dress(axes, "Epoch", up)
        gaps = [100 * row["accuracy_gap"] for row in learning]
        found[2].axhline(0, color="0.7", linewidth=0.6, zorder=0)
        found[2].plot(epochs, gaps, "o-", color=GAP, label="train − validation", **line)
        for row in results:
            gap = [100 * row["accuracy_gap"]]
            found[2].plot([row["weights_of_epoch"]], gap, color=GAP, label="train − test, at the end", **end)
        dress(found[2], "Epoch", "Gap of accuracy (points)")
        for axes in found:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        told = {str(line.get_label()): line for axes in (found[0], found[2]) for line in axes.lines}
        told = {label: line for label, line in told.items() if not label.startswith("_")}
        figure.legend(told.values(), told.keys(), loc="outside lower center", ncols=len(told), frameon=False)
    return figure
