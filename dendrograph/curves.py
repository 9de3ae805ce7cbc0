"""Learning curves from a history table: loss and accuracy over epochs, training against validation."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dendrograph.errors import DendrographError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

FORMS = ("pdf", "png", "svg")
TRAIN, VALIDATION = "#0072B2", "#D55E00"  # Okabe & Ito's colours, told apart by the colour-blind


def learning_curves(history: Sequence[Mapping[str, float]], best_epoch: int | None = None) -> Figure:
    """A figure of two panels, double-column width (183 mm).

    Args:
        history: rows with `epoch` and, for `train` and `validation`, `_loss` and `_accuracy` (a share of 1).
        best_epoch: marked with a line where early stopping chose it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in history]
    panels = (("loss", "Cross-entropy", 1), ("accuracy", "Accuracy (%)", 100))
    lines = (("train", TRAIN, "-"), ("validation", VALIDATION, "--"))
    with own_style():
        figure = Figure(figsize=(7.2, 2.7), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (what, label, factor) in zip(figure.subplots(1, 2), panels, strict=True):
            for part, colour, style in lines:
                values = [factor * row[f"{part}_{what}"] for row in history]
                axes.plot(epochs, values, style, color=colour, marker="o", markersize=2.5, linewidth=1.2, label=part)
            if best_epoch:
                axes.axvline(best_epoch, color="0.6", linewidth=0.8, zorder=0)
            axes.set_xlabel("Epoch")
            axes.set_ylabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.spines[["top", "right"]].set_visible(False)
        figure.axes[0].legend(frameon=False)
    return figure


def form_of(path: Path) -> str:
    """The form of a figure's file, by its suffix.

    Raises:
        DendrographError: there is none of that suffix.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise DendrographError(
            f"{path}: no figure has the suffix '{path.suffix}'\n  {did_you_mean(form, FORMS, 'forms')}"
        )
    return form


def as_bytes(figure: Figure, form: str) -> bytes:
    """The figure as a file of one of the `FORMS`, the same bytes for the same figure: no timestamp goes in."""
    stream = io.BytesIO()
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    with own_style():
        figure.savefig(stream, format=form, dpi=300, metadata=undated.get(form))
    return stream.getvalue()


@contextmanager
def own_style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's matplotlibrc says; text in a PDF or an SVG stays text."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["pdf.fonttype"] = 42
        matplotlib.rcParams["svg.fonttype"] = "none"
        matplotlib.rcParams["svg.hashsalt"] = "dendrograph"  # names of parts are else drawn at random
        yield
