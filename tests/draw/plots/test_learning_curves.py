"""Learning curves, read off the artists; and the files, which hold no time."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from dendrograph.draw.canvas.figure import as_bytes
from dendrograph.draw.palettes import TRAIN, VALIDATION
from dendrograph.draw.plots.learning_curves import learning_curves

HISTORY = [
    {
        "epoch": epoch,
        "train_loss": 2 / epoch,
        "train_accuracy": 1 - 0.5 / epoch,
        "validation_loss": 2.5 / epoch,
        "validation_accuracy": 1 - 0.75 / epoch,
    }
    for epoch in range(1, 6)
]


def test_the_lines_are_the_history() -> None:
    figure = learning_curves(HISTORY)
    loss, accuracy = figure.axes
    for axes, what, factor in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        assert [line.get_label() for line in axes.lines] == ["train", "validation"]
        for line, part in zip(axes.lines, ("train", "validation"), strict=True):
            x, y = line.get_data()
            assert list(x) == [1, 2, 3, 4, 5]
            assert np.allclose(y, [factor * row[f"{part}_{what}"] for row in HISTORY])
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("Cross-entropy", "Accuracy (%)")
    assert loss.get_xlabel() == accuracy.get_xlabel() == "Epoch"


def test_the_parts_are_told_apart_without_colour_too() -> None:
    for axes in learning_curves(HISTORY).axes:
        train, validation = axes.lines
        assert (to_hex(train.get_color()).upper(), to_hex(validation.get_color()).upper()) == (TRAIN, VALIDATION)
        assert train.get_linestyle() != validation.get_linestyle()
    legend = learning_curves(HISTORY).axes[0].get_legend()
    assert legend is not None and [text.get_text() for text in legend.get_texts()] == ["train", "validation"]


def test_the_best_epoch_is_marked() -> None:
    for axes in learning_curves(HISTORY, best_epoch=4).axes:
        assert list(axes.lines[-1].get_xdata()) == [4, 4]
    assert all(len(axes.lines) == 2 for axes in learning_curves(HISTORY, None).axes)
    (legend, *_) = (axes.get_legend() for axes in learning_curves(HISTORY, best_epoch=4).axes)
    assert [text.get_text() for text in legend.get_texts()] == ["train", "validation", "best epoch"]


def test_epochs_are_whole_numbers() -> None:
    for length in (1, 2, 5):
        figure = learning_curves(HISTORY[:length])
        as_bytes(figure, "png")
        for axes in figure.axes:
            ticks = [tick for tick in axes.get_xticks() if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
            assert ticks and all(tick == round(tick) for tick in ticks)


def test_the_width_is_that_of_two_columns() -> None:
    with Image.open(io.BytesIO(as_bytes(learning_curves(HISTORY), "png"))) as image:
        assert image.size[0] / 300 * 25.4 == pytest.approx(183, abs=1)
        assert image.info["dpi"][0] == pytest.approx(300, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_the_same_figure_gives_the_same_bytes(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = as_bytes(learning_curves(HISTORY, 3), form)
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert as_bytes(learning_curves(HISTORY, 3), form) == first
    assert as_bytes(learning_curves(HISTORY, 4), form) != first


def test_a_pdf_holds_text_and_no_time() -> None:
    pdf = as_bytes(learning_curves(HISTORY), "pdf")
    assert pdf.startswith(b"%PDF-")
    assert b"/CreationDate" not in pdf and b"/ModDate" not in pdf
    assert b"/Type3" not in pdf and b"/CIDFontType2" in pdf, "text that an editor can change"


@pytest.mark.slow
@pytest.mark.parametrize(
    "taste", [{"text.usetex": True}, {"lines.linewidth": 9}, {"font.size": 30}, {"savefig.transparent": True}]
)
def test_the_users_taste_changes_nothing(taste: dict[str, Any]) -> None:
    """A matplotlibrc that asks for LaTeX must not end a training, nor change its curves."""
    expected = as_bytes(learning_curves(HISTORY), "png")
    with matplotlib.rc_context(taste):
        settings = dict(matplotlib.rcParams)
        assert as_bytes(learning_curves(HISTORY), "png") == expected
        assert dict(matplotlib.rcParams) == settings, "and it stays the user's"


def test_no_window_is_opened() -> None:
    """Nothing goes through pyplot, whose figures stay open and need a display."""
    import sys

    before = "matplotlib.pyplot" in sys.modules
    as_bytes(learning_curves(HISTORY), "png")
    assert ("matplotlib.pyplot" in sys.modules) == before
