"""The figures of a comparison, read off the artists."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from artists import boxes, overlapping
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dendrograph.draw.canvas.figure import as_bytes
from dendrograph.draw.palettes import TWELVE
from dendrograph.draw.plots.comparison import CONTROL_MARKERS, accuracy_figure, differences_figure, looks, short


def condition(name: str, parameters: int = 1000, accuracy: float = 0.8, **more: Any) -> dict[str, Any]:
    row = {
        "data": "few",
        "condition": f"{name} {parameters}",
        "morphology": name,
        "parameters": parameters,
        "seeds": 5,
        "pareto_accuracy": False,
        "pareto_loss": False,
    }
    for key, value in (("test_accuracy", accuracy), ("test_loss", 1 - accuracy)):
        row |= {key: value, f"{key}_low": value - 0.01, f"{key}_high": value + 0.02}
    return {**row, **more}


def pair(name: str, difference: float = 0.02, **more: Any) -> dict[str, Any]:
    return {
        "data": "few",
        "condition": name,
        "reference": "base",
        "morphology": name,
        "measure": "test_accuracy",
        "difference": difference,
        "difference_low": difference - 0.01,
        "difference_high": difference + 0.01,
        "g_z": -0.5,
        "p_t_holm": 0.0004,
        "p_signs_holm": 0.125,
        "pairs": 10,
        "seeds": "; ".join(map(str, range(10))),
        **more,
    }


def runs(rows: list[dict[str, Any]], number: int = 5) -> list[dict[str, Any]]:
    """Single seeds about each condition."""
    return [
        {**row, "seed": str(seed), "test_accuracy": row["test_accuracy"] + seed / 1000, "test_loss": row["test_loss"]}
        for row in rows
        for seed in range(number)
    ]


def marks(figure: Figure, panel: int, kind: str) -> dict[str, list[tuple[float, float]]]:
    """Places of the marks of a kind in a panel, by what they are called."""
    found: dict[str, list[tuple[float, float]]] = {}
    for line in figure.axes[panel].lines:
        about, _, name = str(line.get_gid()).partition(" ")
        if about == kind:
            places = zip(line.get_xdata(), line.get_ydata(), strict=True)  # type: ignore[arg-type]
            found.setdefault(name, []).extend((float(x), float(y)) for x, y in places)
    return found


def legend_of(figure: Figure) -> tuple[list[str], str]:
    """The entries of the legend, and the words about marks and bars."""
    if not figure.legends:
        return [], figure.get_supxlabel()
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()], legend.get_title().get_text()


def test_points_and_bars_are_the_table() -> None:
    rows = [condition("dann", 100, 0.7), condition("vann", 10_000, 0.9)]
    figure = accuracy_figure(rows)
    near = pytest.approx
    assert marks(figure, 0, "mean") == {"dann": [near((100, 70))], "vann": [near((10_000, 90))]}
    assert marks(figure, 1, "mean") == {"dann": [near((100, 0.3))], "vann": [near((10_000, 0.1))]}
    bar = next(one for one in figure.axes[0].collections if one.get_gid() == "interval dann 100")
    (segment,) = bar.get_segments()  # type: ignore[attr-defined]
    assert segment[:, 1] == pytest.approx([69, 72])
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]


def test_equal_sizes_stand_at_their_size_and_every_seed_is_a_point() -> None:
    rows = [condition(name, size, 0.7) for name in ("dann", "vann", "sann") for size in (100, 400)]
    figure = accuracy_figure(rows, runs(rows))
    for panel in (0, 1):
        for kind in ("seed", "mean"):
            found = marks(figure, panel, kind)
            assert sorted(x for places in found.values() for x, _ in places) == sorted(
                [100, 400] * (15 if kind == "seed" else 3)
            )
    assert marks(figure, 0, "seed")["dann 100"] == [pytest.approx((100, 70 + seed / 10)) for seed in range(5)]
    assert figure.axes[0].get_xlabel() == "Trainable parameters"
    lines = figure.axes[0].lines
    highest = max(line.get_zorder() for line in lines if str(line.get_gid()).startswith("seed"))
    assert highest < min(one.get_zorder() for one in figure.axes[0].collections)
    assert highest < min(line.get_zorder() for line in lines if str(line.get_gid()).startswith("mean"))


def test_conditions_of_one_size_have_a_row_each_with_their_seeds_beside_each_other() -> None:
    rows = [
        condition("dann", 9930, 0.7),
        condition("dann-linear", 9930, 0.8),
        condition("dann-parameter-matched", 9550),
    ]
    figure = accuracy_figure(rows, runs(rows))
    left, right = figure.axes
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == ["dann 9930 (9,930)", "dann-linear 9930 (9,930)", "dann-parameter-matched 9550 (9,550)"]
    assert not any(label.get_text() for label in right.get_yticklabels()) and left.get_xscale() == "linear"
    assert marks(figure, 0, "row")["dann-linear 9930"] == [pytest.approx((80, 1))]
    places = marks(figure, 0, "seed")["dann-linear 9930"]
    assert [x for x, _ in places] == pytest.approx([80 + seed / 10 for seed in range(5)])
    assert len({y for _, y in places}) == 5 and all(abs(y - 1) < 0.4 for _, y in places)
    assert figure.axes[0].get_title("left") == "in brackets: trainable parameters"
    assert legend_of(figure)[0] == [], "names stand beside the rows"
    assert legend_of(figure)[1].endswith("over n = 5 seeds.")


def test_settings_of_one_morphology_and_size_are_told_apart() -> None:
    rows = [condition("dann", size, 0.7, condition=f"dann {size} lr={lr}") for size in (100, 400) for lr in (1, 2)]
    rows += [condition("vann", size) for size in (100, 400)]
    figure = accuracy_figure(rows)
    entries, _ = legend_of(figure)
    assert entries == ["dann 100 lr=1", "dann 100 lr=2", "dann 400 lr=1", "dann 400 lr=2", "vann"]


def test_the_figure_says_what_its_marks_are() -> None:
    rows = [condition("dann", 100), condition("vann", 900)]
    seeds = "Small open marks: single seeds; large ones: their means."
    bar = "Bars: 95 % bootstrap interval of the mean over n = {} seeds."
    assert legend_of(accuracy_figure(rows, runs(rows)))[1] == f"{seeds} {bar.format(5)}"
    assert legend_of(accuracy_figure(rows))[1] == bar.format(5)
    rows[0]["seeds"] = 3
    assert legend_of(accuracy_figure(rows))[1] == bar.format("3 to 5")
    for row in rows:
        row |= dict.fromkeys(("test_accuracy_low", "test_accuracy_high", "test_loss_low", "test_loss_high"), math.nan)
    assert legend_of(accuracy_figure(rows))[1] == ""


def test_the_legend_has_what_is_drawn_and_nothing_else() -> None:
    one, two = condition("dann", 100, pareto_accuracy=True), condition("vann", 900)
    assert legend_of(accuracy_figure([one, two]))[0] == ["dann", "vann"], "a front of one point is no line"
    two["pareto_accuracy"] = True
    figure = accuracy_figure([one, two, condition("gone", 300, test_accuracy=math.nan, test_loss=math.nan)])
    assert legend_of(figure)[0] == ["dann", "vann", "Pareto front"]
    alike = [condition("dann", 100, pareto_accuracy=True), condition("vann", 100, pareto_accuracy=True)]
    assert legend_of(accuracy_figure([*alike, condition("dann", 200)]))[0] == ["dann", "vann"]
    joined = accuracy_figure([condition("dann", 100), condition("dann", 200), condition("vann", 300)])
    handles = joined.legends[0].legend_handles
    assert [line.get_linestyle() for line in handles] != ["None", "None"]  # type: ignore[union-attr]
    assert handles[1].get_linestyle() == "None", "what has one size has no line"  # type: ignore[union-attr]


def test_the_front_goes_through_its_points_by_size() -> None:
    rows = [condition("c", 300, 0.9, pareto_accuracy=True), condition("b", 200, 0.1), condition("a", 100, 0.8)]
    rows[2]["pareto_accuracy"] = True
    figure = accuracy_figure(rows)
    (front,) = (line for line in figure.axes[0].lines if line.get_gid() == "front")
    assert list(front.get_xdata()) == [100, 300] and list(front.get_ydata()) == pytest.approx([80, 90])
    assert front.get_drawstyle() == "steps-post"
    assert not any(line.get_gid() == "front" for line in figure.axes[1].lines)


def test_what_is_not_known_is_not_drawn() -> None:
    nan = math.nan
    one = condition("dann", test_accuracy_low=nan, test_accuracy_high=nan)
    two = condition("vann", 2000, test_accuracy=nan, test_loss=nan)
    figure = accuracy_figure([one, two])
    assert set(marks(figure, 0, "mean")) == {"dann"} and not figure.axes[0].collections
    as_bytes(accuracy_figure([two]), "png")


def test_sizes_are_joined_and_repeats_of_one_size_are_not() -> None:
    sizes = [condition("dann", size) for size in (100, 400, 200)]
    lines = [line for line in accuracy_figure(sizes).axes[0].lines if line.get_gid() == "line dann"]
    assert list(lines[0].get_xdata()) == [100, 200, 400]
    alike = [condition("dann", 100, condition=f"dann lr={lr}") for lr in (1, 2)]
    assert not any(line.get_gid() == "line dann" for line in accuracy_figure(alike).axes[0].lines)


def test_sizes_of_two_knobs_that_cross_are_no_line_and_are_named_in_full() -> None:
    grid = [(d, s, 70 * d + 100 * s) for d in (2, 4) for s in (8, 16)]
    rows = [condition("tree", size, condition=f"tree dendrites={d} somata={s}") for d, s, size in grid]
    figure = accuracy_figure([*rows, condition("point", 900), condition("point", 1800)])
    lines = {str(line.get_gid()) for line in figure.axes[0].lines if str(line.get_gid()).startswith("line")}
    assert lines == {"line point"}
    entries = [f"tree dendrites={d} somata={s}" for d, s, _ in grid]
    assert sorted(legend_of(figure)[0]) == sorted([*entries, "point"])
    means = [line for line in figure.axes[0].lines if str(line.get_gid()).startswith("mean tree")]
    assert len({(line.get_marker(), line.get_fillstyle()) for line in means}) == 4
    fields = [condition("tree", size, condition=f"tree field={field}") for field, size in (("a", 90), ("b", 100))]
    assert not marks(accuracy_figure(fields), 0, "line"), "no number"


def test_sizes_of_two_knobs_that_rise_together_are_one_line() -> None:
    rows = [condition("tree", 100 * n, condition=f"tree dendrites={n} somata={8 * n} lr={1 / n}") for n in (2, 4, 8)]
    figure = accuracy_figure(rows)
    assert [x for x, _ in marks(figure, 0, "line")["tree"]] == [200, 400, 800]
    assert legend_of(figure)[0] == ["tree"]


@pytest.mark.slow
@pytest.mark.parametrize("most", [1.001, 1.2, 2.5, 6, 12, 20, 100, 1e6])
@pytest.mark.parametrize("least", [762, 28490])
def test_numbers_on_logarithmic_axes_do_not_overlap(least: float, most: float) -> None:
    rows = [condition("a", int(least), test_loss=1.3), condition("b", int(least * most) + 1, test_loss=1.3 * most)]
    for row in rows:
        row |= {"test_loss_low": row["test_loss"], "test_loss_high": row["test_loss"]}
    level = [{**row, "parameters": 1000} for row in rows]
    figures = [accuracy_figure(rows), accuracy_figure(level)]
    for figure in figures:
        figure.canvas.draw()
    sizes, losses = (figure.axes[1] for figure in figures)
    for figure, axis in ((figures[0], sizes.xaxis), (figures[0], sizes.yaxis), (figures[1], losses.xaxis)):
        if axis.get_scale() != "log":
            continue
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()) if low <= tick.get_loc() <= high]
        labels = [tick.label1 for tick in ticks if tick.label1.get_text()]
        assert not overlapping(boxes(figure, labels), slack=0)
        assert 2 <= len(labels) <= 10
        assert not any("times" in label.get_text() for label in labels)


def test_the_axis_is_that_of_the_sizes() -> None:
    figure = accuracy_figure([condition("dann", 722), condition("vann", 1434)])
    frozen = accuracy_figure([condition("dann", 722, trainable_parameters=700)])
    assert frozen.axes[0].get_xlabel() == "Parameters, trained or not"
    left, right = figure.axes[0].get_xlim()
    assert 600 < left < 700 < 1500 < right < 1700


def test_controls_are_hollow_and_their_marker_tells_the_kind() -> None:
    names = ["vann", "dann-lrf", *(f"dann-lrf-{kind}" for kind in CONTROL_MARKERS)]
    found = looks(names)
    controls = {kind: found[f"dann-lrf-{kind}"] for kind in CONTROL_MARKERS}
    assert {kind: one.marker for kind, one in controls.items()} == CONTROL_MARKERS
    assert {one.fill for one in controls.values()} == {"none"} and found["dann-lrf"].fill == "full"
    assert looks(["dann-lrf-linear"])["dann-lrf-linear"].fill == "none", "though its morphology is not there"
    figure = accuracy_figure([condition("dann-lrf"), condition("dann-lrf-linear", 2000)])
    solid, hollow = (line for line in figure.axes[0].lines if str(line.get_gid()).startswith("mean"))
    assert to_hex(hollow.get_markerfacecolor()) == "#ffffff" != to_hex(solid.get_markerfacecolor())


MODELS = [
    *(f"{family}-{field}" for family in ("dann", "sann", "vann") for field in ("random", "lrf", "grf")),
    *("pdann", "psann", "vann"),
]

# Machado, Oliveira & Fernandes (IEEE TVCG 15, 2009): what linear RGB becomes without one kind of cones.
SEEN = {
    "all cones": np.eye(3),
    "no L": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no M": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no S": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def oklab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of linear RGB, shape (colours, 3): lightness and two axes of hue (Ottosson 2020). 0.02 is just seen."""
    cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    hues = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.asarray(np.cbrt(np.clip(linear, 0, 1) @ np.array(cones).T) @ np.array(hues).T)


@pytest.mark.parametrize("seen", SEEN)
def test_twelve_models_have_twelve_colours_whatever_cones_one_has(seen: str) -> None:
    found = looks(MODELS)
    assert len({one.colour for one in found.values()}) == len(MODELS) == len(TWELVE)
    srgb = np.array([to_rgb(one.colour) for one in found.values()])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    lab = oklab(linear @ SEEN[seen].T)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2) + np.eye(len(MODELS))
    assert apart.min() > 0.06
    assert lab[:, 0].max() < 0.9, "none is lost on white paper"


def test_twelve_models_are_told_apart_in_grey() -> None:
    found = looks(MODELS)
    assert len({(one.marker, one.fill) for one in found.values()}) == len(MODELS)
    figure = accuracy_figure([condition(name, size, 0.5 + size / 1000) for name in MODELS for size in (100, 400)])
    pictures = {}
    for handle in figure.legends[0].legend_handles:
        alone = Figure(figsize=(0.2, 0.2), dpi=150)
        axes = alone.add_axes((0, 0, 1, 1), frameon=False)
        line = axes.plot([0.5], [0.5], linestyle="none")[0]
        line.update_from(handle)  # type: ignore[arg-type]
        canvas = FigureCanvasAgg(alone)
        canvas.draw()
        grey = np.asarray(canvas.buffer_rgba())[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
        pictures[handle.get_label()] = grey / 255
    assert set(pictures) == set(MODELS)
    for one, other in itertools.combinations(pictures, 2):
        assert np.abs(pictures[one] - pictures[other]).max() > 0.15, f"{one} and {other}"


def test_no_two_morphologies_look_alike_and_order_does_not_matter() -> None:
    names = [f"{family}-{number}" for family in ("dann", "vann", "sann", "pdann", "tree") for number in range(12)]
    found = looks(names)
    assert len(set(found.values())) == len(names)
    assert looks(names[::-1]) == found
    family = looks(["dann-a", "dann-b", "vann-a", "psann"])
    assert family["dann-a"].marker == family["dann-b"].marker != family["vann-a"].marker != family["psann"].marker
    assert len({one.colour for one in family.values()}) == 4


def test_a_row_of_panels_a_data_set() -> None:
    rows = [condition("dann", data=data) for data in ("few", "more", "most")]
    figure = accuracy_figure(rows)
    assert len(figure.axes) == 6
    assert [axes.get_title("left") for axes in figure.axes[::2]] == ["few", "more", "most"]
    assert figure.get_figwidth() * 25.4 == pytest.approx(183)


def test_losses_far_apart_are_drawn_on_a_logarithmic_axis() -> None:
    near = accuracy_figure([condition("a", test_loss=0.3), condition("b", test_loss=0.5)])
    far = accuracy_figure([condition("a", test_loss=0.3), condition("b", test_loss=300.0)])
    assert (near.axes[1].get_xscale(), far.axes[1].get_xscale()) == ("linear", "log")
    sizes = accuracy_figure([condition("a", test_loss=0.3), condition("b", 2000, test_loss=300.0)])
    assert [axes.get_yscale() for axes in sizes.axes] == ["linear", "log"]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "letters"), [(3, 4), (12, 40), (60, 12), (24, 64)])
def test_no_text_overlaps_another_or_leaves_the_page(number: int, letters: int) -> None:
    names = [f"{'m' * (letters - 3)}{place:03d}" for place in range(number)]
    rows = [condition(name, 100 + 10 * place, 0.5 + place / 200) for place, name in enumerate(names)]
    figures = [accuracy_figure(rows)] if number != 60 else []
    figures.append(differences_figure([pair(name, place / 100) for place, name in enumerate(names)]))
    for figure in figures:
        figure.canvas.draw()
        texts = [text for legend in figure.legends for text in (*legend.get_texts(), legend.get_title())]
        for axes in [*figure.axes, *(child for one in figure.axes for child in one.child_axes)]:
            low, high = sorted(axes.get_ylim())
            ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
            texts += [label for tick, label in ticks if low <= tick <= high]
            texts += [axes.xaxis.label] if axes in figure.axes else []
        found = boxes(figure, texts)
        assert not overlapping(found, slack=2)
        width, height = figure.canvas.get_width_height()
        assert (found[:, :2] >= -1).all() and (found[:, 2] <= width + 1).all() and (found[:, 3] <= height + 1).all()


def test_a_long_name_keeps_both_ends() -> None:
    name = "a" * 30 + "b" * 30
    assert short(name) == "a" * 22 + "…" + "b" * 21 and short("dann") == "dann"


def test_dollars_in_a_name_are_no_mathematics() -> None:
    rows = [condition("dann", data=r"$\frac$"), condition("vann", 2000, condition="vann $x$ = $y$", data="$a$")]
    as_bytes(accuracy_figure(rows, runs(rows)), "png")
    as_bytes(differences_figure([pair("dann", data=r"$\frac$", reference="$\\nothing$")]), "png")


def test_differences_are_the_table() -> None:
    figure = differences_figure([pair("dann"), pair("vann", -0.03)])
    (axes,) = figure.axes
    assert marks(figure, 0, "point") == {"dann": [pytest.approx((2, 0))], "vann": [pytest.approx((-3, 1))]}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dann", "vann"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first stands on top"
    bar = next(one for one in axes.collections if one.get_gid() == "interval vann")
    assert bar.get_segments()[0][:, 0] == pytest.approx([-4, -2])  # type: ignore[attr-defined]
    (zero,) = (line for line in axes.lines if line.get_gid() == "zero")
    assert list(zero.get_xdata()) == [0, 0]
    (beside_it,) = axes.child_axes
    words = [label.get_text() for label in beside_it.get_yticklabels()]
    assert words[0] == "g = −0.50, p(t) < 0.001, p(signs) = 0.125, n = 10"
    few = differences_figure([pair("dann", pairs=5)]).axes[0].child_axes[0]
    assert [label.get_text() for label in few.get_yticklabels()] == ["g = −0.50, p(t) < 0.001, n = 5"]


def test_differences_of_single_seeds_are_points_and_bars_are_told() -> None:
    rows = [condition("dann", condition="dann"), condition("base", condition="base", accuracy=0.7)]
    seeds = runs(rows, 3)
    seeds[0]["test_accuracy"] = 0.9
    figure = differences_figure([pair("dann", seeds="0; 1; 2", pairs=3)], ["base"], seeds)
    places = marks(figure, 0, "seed")["dann"]
    assert [x for x, _ in places] == pytest.approx([20, 10, 10]) and len({y for _, y in places}) == 3
    bar = "Bars: 95 % bootstrap interval of the mean over n = 3 seeds.\ng: corrected for few seeds."
    assert figure.get_supxlabel().startswith(f"Small open marks: single seeds; large ones: their means. {bar}")
    alone = differences_figure([pair("dann", difference_low=math.nan, pairs=1, seeds="0")])
    assert alone.get_supxlabel().startswith("g: ")


def test_differences_without_statistics_and_of_losses() -> None:
    nan = math.nan
    lone = pair("dann", difference_low=nan, difference_high=nan, g_z=nan, p_t_holm=nan, p_signs_holm=nan, pairs=1)
    figure = differences_figure([lone, pair("none", nan, pairs=0)])
    (axes,) = figure.axes
    assert not axes.collections and set(marks(figure, 0, "point")) == {"dann"}
    assert next(label.get_text() for label in axes.child_axes[0].get_yticklabels()) == "n = 1"
    two = pair("two", g_z=nan, difference_low=nan, difference_high=nan, pairs=2)
    assert differences_figure([two]).get_supxlabel() == "p: corrected for several comparisons.", "no g is printed"
    assert differences_figure([lone]).get_supxlabel() == ""
    loss = differences_figure([pair("dann", 0.5, measure="test_loss")])
    assert marks(loss, 0, "point")["dann"] == [pytest.approx((0.5, 0))] and "loss" in loss.axes[0].get_xlabel()


def test_colours_are_the_same_in_both_figures() -> None:
    names = ["base", "dann", "vann"]
    accuracy = accuracy_figure([condition(name, 10 ** (2 + place)) for place, name in enumerate(names)])
    differences = differences_figure([pair("dann"), pair("vann")], names)

    def colours(figure: Figure) -> dict[str, str]:
        found = [line for line in figure.axes[0].lines if str(line.get_gid()).startswith(("point", "mean"))]
        return {str(line.get_gid()).split()[1]: to_hex(line.get_color()) for line in found}

    assert {name: colour for name, colour in colours(accuracy).items() if name != "base"} == colours(differences)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_tables_give_the_same_bytes(form: str) -> None:
    rows, pairs = [condition("dann"), condition("vann", 2000)], [pair("dann")]
    assert as_bytes(accuracy_figure(rows), form) == as_bytes(accuracy_figure(rows), form)
    assert as_bytes(differences_figure(pairs), form) == as_bytes(differences_figure(pairs), form)
    assert as_bytes(accuracy_figure(rows[:1]), form) != as_bytes(accuracy_figure(rows), form)
