"""The figure of generalisation: loss, accuracy and the gap over epochs, with what the test gave at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dendrograph.draw.canvas.files import import_matplotlib
from dendrograph.draw.plots.learning import PARTS
from dendrograph.draw.plots.plots import COLOURS, Table, dress, hold, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEST = COLOURS[2]
GAP = COLOURS[3]


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
