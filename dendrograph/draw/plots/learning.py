"""Learning curves from a history table: loss and accuracy over epochs, training against validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dendrograph.base import files
from dendrograph.draw.canvas.files import as_bytes, import_matplotlib, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrograph.training.run import Run

TRAIN, VALIDATION = "#0072B2", "#D55E00"  # Okabe & Ito's colours, told apart by the colour-blind
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
