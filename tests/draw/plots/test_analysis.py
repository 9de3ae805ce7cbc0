"""Figures of an analysis, read off the artists."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from dendrograph import DendrographError
from dendrograph.draw.canvas.figure import as_bytes
from dendrograph.draw.plots import distributions as densities_module
from dendrograph.draw.plots.analysis import analysis_figures, figure_files
from dendrograph.draw.plots.distributions import densities_figure, hits_figure, selectivity_figure, sorted_units
from dendrograph.draw.plots.embeddings import embeddings_figure
from dendrograph.draw.plots.learning_curves import generalisation_figure
from dendrograph.draw.plots.panels import LONGEST, shortened

GROUPS = ("hidden/dendrite", "hidden/soma")
RNG = np.random.default_rng(0)

POINTS = [
    {"group": group, "space": space, "sample": 3 * i, "label": i % 12, "x": RNG.normal(), "y": RNG.normal()}
    for group in GROUPS
    for space in ("pca", "tsne")
    for i in range(48)
]
SCORES = [{"group": GROUPS[0], "space": "pca", "measure": "silhouette", "mean": 0.128}]
UNITS = [
    {"group": "a", "unit": 0, "active": 0.5, "entropy": 0.0, "selectivity": 1.0},
    {"group": "a", "unit": 1, "active": 0.5, "entropy": 1.99, "selectivity": 0.01},
    {"group": "a", "unit": 2, "active": 0.0, "entropy": 0.0, "selectivity": 0.0},
    {"group": "b", "unit": 0, "active": 0.1, "entropy": 2.0, "selectivity": 0.5},
]
DENSITIES = [
    {"projection": name, "kind": kind, "x": x / 10, "density": float(np.exp(-(x**2) / 20))}
    for name, kind in (("image->hidden/dendrite", "synapse"), ("hidden/dendrite->hidden/soma", "cable"))
    for x in range(-10, 11)
]
LEARNING = [
    {
        "epoch": epoch,
        "train_loss": 2 / epoch,
        "train_accuracy": 1 - 0.5 / epoch,
        "validation_loss": 2.5 / epoch,
        "validation_accuracy": 1 - 0.75 / epoch,
        "accuracy_gap": 0.25 / epoch,
        "loss_gap": 0.5 / epoch,
    }
    for epoch in range(1, 6)
]
RESULTS = [{"weights_of_epoch": 4, "test_loss": 0.9, "test_accuracy": 0.8, "accuracy_gap": 0.07}]
HITS = [
    {"group": "a", "unit": unit, "class": label, "hits": hits, "samples": samples}
    for unit, row in enumerate([[0, 0, 0], [1, 4, 0], [2, 0, 0], [0, 3, 0], [1, 0, 0]])
    for label, (hits, samples) in enumerate(zip(row, (2, 4, 0), strict=True))
]
TABLES = {
    "units": UNITS,
    "hits": HITS,
    "densities": DENSITIES,
    "learning": LEARNING,
    "results": RESULTS,
    "points": POINTS,
    "embedding": SCORES,
}


def test_every_point_is_there_and_its_class_has_a_look_of_its_own() -> None:
    figure = embeddings_figure(POINTS, SCORES)
    assert len(figure.axes) == 4
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "hidden/dendrite, PCA\nsilhouette 0.13" and titles[3] == "hidden/soma, t-SNE"
    looks = set()
    for line in figure.axes[1].lines:
        rows = [row for row in POINTS[48:96] if str(row["label"]) == line.get_label()]
        assert list(line.get_xdata()) == [row["x"] for row in rows] and len(rows) == 4
        assert list(line.get_ydata()) == [row["y"] for row in rows]
        looks.add((to_hex(line.get_color()), line.get_marker()))
    assert len(looks) == 12
    numbers = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert set(numbers) == {str(label) for label in range(12)}
    of_class = [row for row in POINTS[:48] if row["label"] == 5]
    assert numbers["5"] == pytest.approx(tuple(np.median([row[key] for row in of_class]) for key in "xy"))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(numbers)


def test_histograms_leave_silent_units_out_and_count_them() -> None:
    figure = selectivity_figure(UNITS, classes=4)
    entropy, selectivity = figure.axes
    a, b = (patch.get_data() for patch in entropy.patches)
    assert a.values[0] == a.values[-1] == 50 and a.values.sum() == 100, "in per cent of units that are not silent"
    assert b.values[-1] == 100 and a.edges[-1] == 2
    assert selectivity.patches[1].get_data().values[10] == 100
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["a: 2 units, and 1 silent", "b: 1 units, and 0 silent"]
    assert len({patch.get_linestyle() for patch in entropy.patches}) == 2, "told apart without colour"
    silent = [{**row, "active": 0.0} for row in UNITS]
    assert selectivity_figure(silent).axes[0].patches[0].get_data().values.sum() == 0


def test_densities_are_the_rows() -> None:
    figure = densities_figure(DENSITIES)
    for axes, start in zip(figure.axes, (0, 21), strict=True):
        rows = DENSITIES[start : start + 21]
        line = axes.lines[-1]
        assert list(line.get_xdata()) == [row["x"] for row in rows]
        assert list(line.get_ydata()) == [row["density"] for row in rows]
        assert axes.get_xlabel() == f"Weight ({rows[0]['kind']})"
        assert axes.get_title() == shortened(str(rows[0]["projection"]))
    assert figure.axes[0].lines[-1].get_color() != figure.axes[1].lines[-1].get_color()


def test_curves_and_the_end_of_a_training() -> None:
    loss, accuracy, gap = generalisation_figure(LEARNING, RESULTS).axes
    for axes, what, factor in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        train, validation, test = axes.lines
        for line, part in ((train, "train"), (validation, "validation")):
            assert list(line.get_ydata()) == pytest.approx([factor * row[f"{part}_{what}"] for row in LEARNING])
        assert (list(test.get_xdata()), list(test.get_ydata())) == (
            [4],
            [pytest.approx(factor * RESULTS[0][f"test_{what}"])],
        )
    _, line, end = gap.lines
    assert list(line.get_ydata()) == pytest.approx([100 * row["accuracy_gap"] for row in LEARNING])
    assert list(end.get_ydata()) == pytest.approx([7])
    assert len(generalisation_figure(LEARNING).axes[0].lines) == 2


def test_units_are_sorted_by_class_and_silent_ones_last() -> None:
    # Shares: silent; 0.5 and 1; 1 and 0; 0 and 0.75; 0.5 and 0; class 2 has no sample.
    (picture,) = hits_figure(HITS).axes[0].images
    shown = np.ma.filled(np.ma.masked_invalid(picture.get_array()), -1)
    np.testing.assert_array_equal(shown, [[1, 0, -1], [0.5, 0, -1], [0.5, 1, -1], [0, 0.75, -1], [0, 0, -1]])
    assert picture.get_clim() == (0, 1)
    many = np.random.default_rng(0).uniform(size=(1000, 3))
    once = sorted_units(many)
    np.testing.assert_array_equal(sorted_units(once), once)


def test_of_many_units_neighbours_are_averaged() -> None:
    rows = [
        {"group": "a", "unit": unit, "class": label, "hits": (unit % 7) * (label == 0), "samples": 6}
        for unit in range(1000)
        for label in range(2)
    ]
    (picture,) = hits_figure(rows).axes[0].images
    shown = np.asarray(picture.get_array())
    assert shown.shape == (400, 2) and picture.get_extent()[2] == 1000
    assert shown[:, 0].mean() == pytest.approx(np.mean([row["hits"] / 6 for row in rows[::2]]), abs=0.01)
    assert (np.diff(shown[:, 0]) <= 0).all()


def test_all_figures_of_one_run_and_of_several() -> None:
    figures, notes = analysis_figures(TABLES)
    assert list(figures) == ["selectivity", "hits", "densities", "generalisation", "embedding"] and notes == ()
    several = {name: [{"run": run, **row} for run in "xy" for row in rows] for name, rows in TABLES.items()}
    figures, notes = analysis_figures(several)
    assert {"selectivity-x", "selectivity-y", "embedding-y"} <= set(figures) and len(figures) == 10 and notes == ()
    own = as_bytes(figures["densities-x"], "svg")
    assert own == as_bytes(densities_figure(DENSITIES), "svg")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "pdf", "svg"])
def test_the_same_tables_give_the_same_bytes(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = figure_files({"points": POINTS, "hits": HITS}, form)
    assert set(first) == {f"embedding.{form}", f"hits.{form}"}
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert figure_files({"points": POINTS, "hits": HITS}, form)[0] == first
    assert figure_files({"points": POINTS}, "none") == ({}, ())


@pytest.mark.slow
def test_figures_are_two_columns_wide_and_their_letters_readable() -> None:
    figures, _ = analysis_figures(TABLES)
    for name, figure in figures.items():
        with Image.open(io.BytesIO(as_bytes(figure, "png"))) as image:
            assert image.size[0] / 300 * 25.4 == pytest.approx(89 if name == "hits" else 183, abs=1)
        for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")):
            assert text.get_fontsize() >= 5, f"{name}: {text}"


def test_a_long_name_keeps_its_end() -> None:
    assert shortened("a" * 30) == "a" * 30
    assert shortened("a" * 40 + "->hidden/soma").endswith("->hidden/soma")
    assert len(shortened("a" * 99)) == LONGEST


@pytest.mark.parametrize(
    ("figure", "rows", "message"),
    [
        (embeddings_figure, [], "the table of points has no rows to draw"),
        (densities_figure, [{"x": 1}], "not a table of densities: column 'projection' is missing\n  its columns: x"),
        (hits_figure, [{}], "column 'group' is missing\n  its columns: none"),
        (
            densities_figure,
            [{**DENSITIES[0], "projection": str(number)} for number in range(densities_module.MOST_PROJECTIONS + 1)],
            "16 projections, but a figure shows at most 15",
        ),
        (selectivity_figure, [{**UNITS[0], "group": str(number)} for number in range(9)], "9 groups"),
    ],
)
def test_what_cannot_be_drawn(figure: Any, rows: Any, message: str) -> None:
    with pytest.raises(DendrographError, match=message):
        figure(rows)
