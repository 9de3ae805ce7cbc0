"""Figures of robustness, read off the artists."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from dendrograph import DendrographError
from dendrograph.draw.canvas.figure import as_bytes
from dendrograph.draw.palettes import OKABE_ITO
from dendrograph.draw.plots.robustness import robustness_figure, single_lesion_figure


def noise_rows(drop: float, trained: float = 0.0) -> list[dict[str, Any]]:
    return [
        {
            "sigma": sigma,
            "repeat": repeat,
            "accuracy": 0.9 - drop * sigma + 0.02 * (repeat - 1) * sigma,
            "loss": 1.0,
            "trained_sigma": trained,
        }
        for sigma in (1.0, 0.0, 0.5)
        for repeat in range(3)
    ]


def lesion_rows(*names: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "name": name, "share": share, "repeat": 0, "removed": 1, "accuracy": 1 - share, "loss": 1.0}
        for kind, name in names
        for share in (0.0, 0.5)
    ]


def single_rows(number: int, group: str = "hidden/dendrite") -> list[dict[str, Any]]:
    return [
        {"kind": "dendrites", "group": group, "unit": unit, "accuracy_drop": (unit % 3) / 100, "loss_rise": unit / 10}
        for unit in range(number)
    ]


def test_a_line_is_the_mean_and_a_band_its_spread() -> None:
    (axes,) = robustness_figure({"dann": noise_rows(0.6), "vann": noise_rows(0.8)}, classes=10).axes
    dann, vann, chance = axes.lines
    x, y = dann.get_data()
    assert list(x) == [0, 0.5, 1] and np.allclose(y, [90, 60, 30])
    assert np.allclose(vann.get_ydata(), [90, 50, 10]) and list(chance.get_ydata()) == [10, 10]
    band = axes.collections[0].get_paths()[0].vertices
    at_one = [up for across, up in band if across == 1]
    assert min(at_one) == pytest.approx(28) and max(at_one) == pytest.approx(32), "plus and minus 2, with n - 1"
    assert axes.get_ylabel() == "Accuracy (%)" and axes.get_xlabel() == "Standard deviation of the noise"


def test_every_repeat_is_a_point_and_the_figure_says_what_the_band_is() -> None:
    figure = robustness_figure({"dann": noise_rows(0.6), "vann": noise_rows(0.8)}, over="seeds")
    _, points, *_ = figure.axes[0].collections
    places = np.asarray(points.get_offsets())
    assert len(places) == 9 and sorted(places[places[:, 0] == 1, 1]) == pytest.approx([28, 30, 32])
    words = "Lines: means; small open marks: single {0}.\nBands: ± 1 standard deviation, n = 3 {0}."
    assert figure.legends[0].get_title().get_text() == words.format("seeds")
    assert robustness_figure({"dann": noise_rows(0.6)}).get_supxlabel() == words.format("repeats")
    alone = robustness_figure({"dann": [row for row in noise_rows(0.6) if row["repeat"] == 0]})
    assert not alone.get_supxlabel() and not alone.axes[0].collections


def test_runs_are_told_apart_without_colour_too() -> None:
    figure = robustness_figure({f"run {number}": noise_rows(0.1 * number) for number in range(8)})
    lines = figure.axes[0].lines
    assert [to_hex(line.get_color()).upper() for line in lines] == list(OKABE_ITO)
    assert len({line.get_marker() for line in lines}) == 8
    assert len({str(line._dash_pattern) for line in lines}) == 8
    (legend,) = figure.legends
    assert sorted(text.get_text() for text in legend.get_texts()) == [f"run {number}" for number in range(8)]


def test_training_noise_is_told_where_a_table_has_several() -> None:
    figure = robustness_figure({"dann": noise_rows(0.6) + noise_rows(0.3, trained=0.25)})
    assert [line.get_label() for line in figure.axes[0].lines] == ["dann, trained at 0", "dann, trained at 0.25"]
    of_runs = [{"run": run, **row} for run in ("a", "b") for row in noise_rows(0.6)]
    assert [line.get_label() for line in robustness_figure({"dann": of_runs}).axes[0].lines] == ["dann, a", "dann, b"]
    assert [line.get_label() for line in robustness_figure({"dann": noise_rows(0.6)}).axes[0].lines] == ["dann"]


def test_lesions_have_a_panel_for_each_part() -> None:
    parts = [("dendrites", "hidden/basal"), ("somata", "hidden/soma"), ("synapses", "image->hidden/basal")]
    figure = robustness_figure({"dann": lesion_rows(*parts), "vann": lesion_rows(("somata", "hidden/soma"))})
    assert [axes.get_title() for axes in figure.axes] == [name for _, name in parts]
    assert [axes.get_xlabel() for axes in figure.axes] == [f"Share of {kind} removed" for kind, _ in parts]
    assert [len(axes.lines) for axes in figure.axes] == [1, 2, 1]
    assert not figure.axes[0].collections, "one repeat has no spread"
    figure = robustness_figure({"dann": lesion_rows(*[("dendrites", f"hidden/{n}") for n in range(4)])})
    assert len(figure.axes) == 4, "no empty panel"


def test_occlusion_says_so() -> None:
    rows = [{"share": s, "repeat": 0, "covered": s, "accuracy": 1 - s, "loss": 1.0} for s in (0.0, 0.5)]
    (axes,) = robustness_figure({"dann": rows}).axes
    assert axes.get_xlabel() == "Share of the input hidden" and list(axes.lines[0].get_ydata()) == [100, 50]


def test_single_lesions_are_sorted() -> None:
    figure = single_lesion_figure({"dann": single_rows(6), "deep": single_rows(3, "a/b") + single_rows(3, "a/c")})
    accuracy, loss = figure.axes
    assert np.allclose(accuracy.lines[0].get_ydata(), [2, 2, 1, 1, 0, 0])
    assert np.allclose(loss.lines[0].get_ydata(), [0.5, 0.4, 0.3, 0.2, 0.1, 0])
    assert np.allclose(accuracy.lines[0].get_xdata(), (np.arange(6) + 0.5) / 6)
    assert [line.get_label() for line in loss.lines[:3]] == ["dann", "deep, a/b", "deep, a/c"]
    assert accuracy.get_xlabel() == "Share of dendrites, the costliest first"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_tables_give_the_same_bytes(form: str) -> None:
    figures = (
        lambda: robustness_figure({"dann": noise_rows(0.6), "vann": noise_rows(0.8)}, 10),
        lambda: single_lesion_figure({"dann": single_rows(6)}),
    )
    for figure in figures:
        assert as_bytes(figure(), form) == as_bytes(figure(), form)


def test_the_width_is_that_of_a_journal() -> None:
    for figure, width in (
        (robustness_figure({"dann": noise_rows(0.6)}), 89),
        (single_lesion_figure({"d": single_rows(2)}), 183),
    ):
        with Image.open(io.BytesIO(as_bytes(figure, "png"))) as image:
            assert image.size[0] / 300 * 25.4 == pytest.approx(width, abs=0.5)


def test_what_is_not_drawn() -> None:
    many = [("dendrites", f"hidden/{number}") for number in range(13)]
    for refused, message in (
        (lambda: robustness_figure({}), "there is no table to draw"),
        (lambda: robustness_figure(noise_rows(0.1)), "give a mapping of labels to tables"),
        (lambda: robustness_figure({"dann": noise_rows(0.1)}, classes=0), "classes: found 0"),
        (lambda: robustness_figure({"dann": []}), "dann: the table has no row"),
        (lambda: robustness_figure({"dann": single_rows(3)}), "not a table of noise, occlusion or lesions"),
        (
            lambda: robustness_figure({str(n): noise_rows(0.1) for n in range(9)}),
            "9 curves, but a figure shows at most 8",
        ),
        (lambda: robustness_figure({"dann": lesion_rows(*many)}), "13 groups and projections"),
        (lambda: robustness_figure({"a": noise_rows(0.1), "b": lesion_rows(many[0])}), "measure different things"),
        (lambda: single_lesion_figure({"dann": noise_rows(0.1)}), "dann: not a table of single lesions"),
        (lambda: single_lesion_figure({str(n): single_rows(2) for n in range(9)}), "9 curves"),
    ):
        with pytest.raises(DendrographError, match=message):
            refused()
