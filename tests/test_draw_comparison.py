"""The figures of a comparison, read off the artists."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from artists import boxes, overlapping
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dendrograph.draw.comparison import CONTROLS, accuracy_figure, beside, looks, short
from dendrograph.draw.differences import differences_figure
from dendrograph.draw.files import as_bytes


def condition(name: str, parameters: int = 1000, accuracy: float = 0.8, **more: Any) -> dict[str, Any]:
    row = {
        "data": "few",
        "condition": f"{name} {parameters}",
        "morphology": name,
        "parameters": parameters,
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
        "pairs": 5,
        **more,
    }


def points(figure: Figure, panel: int) -> dict[str, tuple[float, float]]:
    """Place of each condition's point in a panel."""
    found = [line for line in figure.axes[panel].lines if (line.get_gid() or "").startswith("point ")]
    return {
        str(line.get_gid()).removeprefix("point "): (float(line.get_xdata()[0]), float(line.get_ydata()[0]))  # type: ignore[index]
        for line in found
    }


def test_points_and_bars_are_the_table() -> None:
    rows = [condition("dann", 100, 0.7), condition("vann", 10_000, 0.9)]
    figure = accuracy_figure(rows)
    assert points(figure, 0) == {"dann 100": pytest.approx((100, 70)), "vann 10000": pytest.approx((10_000, 90))}
    assert points(figure, 1) == {"dann 100": pytest.approx((100, 0.3)), "vann 10000": pytest.approx((10_000, 0.1))}
    bar = next(one for one in figure.axes[0].collections if one.get_gid() == "interval dann")
    (segment,) = bar.get_segments()  # type: ignore[attr-defined]
    assert segment[:, 1] == pytest.approx([69, 72])
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]


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
    two = condition("vann", test_accuracy=nan, test_loss=nan)
    figure = accuracy_figure([one, two])
    assert set(points(figure, 0)) == {"dann 1000"} and not figure.axes[0].collections
    as_bytes(accuracy_figure([two]), "png")


def test_sizes_are_joined_and_repeats_of_one_size_are_not() -> None:
    sizes = [condition("dann", size) for size in (100, 400, 200)]
    lines = [line for line in accuracy_figure(sizes).axes[0].lines if line.get_gid() == "line dann"]
    assert list(lines[0].get_xdata()) == [100, 200, 400]
    alike = [condition("dann", 100, condition=f"dann lr={lr}") for lr in (1, 2)]
    assert not any(line.get_gid() == "line dann" for line in accuracy_figure(alike).axes[0].lines)


def test_the_axis_is_that_of_the_sizes_and_says_that_equal_ones_stand_side_by_side() -> None:
    for sizes, more in (((722, 1434), ""), ((722, 1434, 1434), " (equal ones side by side)")):
        rows = [condition(f"dann{number}", size) for number, size in enumerate(sizes)]
        axes = accuracy_figure(rows).axes[0]
        assert axes.get_xlabel() == f"Trainable parameters{more}"
        left, right = axes.get_xlim()
        assert 600 < left < 700 < 1500 < right < 1700
        points = [line.get_xdata()[0] for line in axes.lines if str(line.get_gid()).startswith("point")]
        assert points == pytest.approx(sizes, rel=0.01), "near enough to their size to be read off"


def test_points_of_one_size_stand_side_by_side_about_it() -> None:
    assert beside([10.0, 1000.0], 2.0) == [10.0, 1000.0]
    places = beside([100.0, 5.0, 100.0, 100.0], 1.3)
    assert places[0] < places[2] < places[3] and places[1] == 5.0
    assert np.prod(np.array(places)[[0, 2, 3]]) == pytest.approx(100.0**3), "centred"
    assert max(beside([100.0] * 50, 0.5)) < 100 * 10**0.021, "a small part of the axis"
    assert beside([], 1.0) == []


def test_controls_are_hollow_in_the_colour_of_their_morphology() -> None:
    names = ["vann", "dann-lrf", *(f"dann-lrf-{kind}" for kind in CONTROLS)]
    found = looks(names)
    controls = [found[f"dann-lrf-{kind}"] for kind in CONTROLS]
    assert {one.colour for one in controls} == {found["dann-lrf"].colour} != {found["vann"].colour}
    assert all(one.hollow for one in controls) and not found["dann-lrf"].hollow
    assert len({one.marker for one in controls}) == len(CONTROLS)
    figure = accuracy_figure([condition("dann-lrf"), condition("dann-lrf-linear", 2000)])
    solid, hollow = (line for line in figure.axes[0].lines if (line.get_gid() or "").startswith("point"))
    assert to_hex(hollow.get_markerfacecolor()) == "#ffffff" != to_hex(solid.get_markerfacecolor())
    assert to_hex(hollow.get_markeredgecolor()) == to_hex(solid.get_markeredgecolor())


def test_no_two_morphologies_look_alike_and_order_does_not_matter() -> None:
    names = [f"{family}-{number}" for family in ("dann", "vann", "sann", "pdann", "tree") for number in range(12)]
    found = looks(names)
    assert len(set(found.values())) == len(names)
    assert looks(names[::-1]) == found
    family = looks(["dann-a", "dann-b", "vann-a", "psann"])
    assert family["dann-a"].marker == family["dann-b"].marker != family["vann-a"].marker != family["psann"].marker
    assert len({one.colour for one in family.values()}) == 4
    assert looks(["dann-lrf-linear"])["dann-lrf-linear"].hollow, "though its morphology is not there"


def test_a_row_of_panels_a_data_set() -> None:
    rows = [condition("dann", data=data) for data in ("few", "more", "most")]
    figure = accuracy_figure(rows)
    assert len(figure.axes) == 6
    assert [axes.get_title("left") for axes in figure.axes[::2]] == ["few", "more", "most"]
    assert figure.get_figwidth() * 25.4 == pytest.approx(183)


def test_losses_far_apart_are_drawn_on_a_logarithmic_axis() -> None:
    near = accuracy_figure([condition("a", test_loss=0.3), condition("b", test_loss=0.5)])
    far = accuracy_figure([condition("a", test_loss=0.3), condition("b", test_loss=300.0)])
    assert (near.axes[1].get_yscale(), far.axes[1].get_yscale()) == ("linear", "log")


@pytest.mark.parametrize(("number", "letters"), [(3, 4), (12, 40), (60, 12), (24, 64)])
def test_no_text_overlaps_another_or_leaves_the_page(number: int, letters: int) -> None:
    names = [f"{'m' * (letters - 3)}{place:03d}" for place in range(number)]
    rows = [condition(name, 100 + 10 * place, 0.5 + place / 200) for place, name in enumerate(names)]
    figures = [accuracy_figure(rows)] if number != 60 else []
    figures.append(differences_figure([pair(name, place / 100) for place, name in enumerate(names)]))
    for figure in figures:
        figure.canvas.draw()
        texts = [text for legend in figure.legends for text in legend.get_texts()]
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


def test_differences_are_the_table() -> None:
    figure = differences_figure([pair("dann"), pair("vann", -0.03)])
    (axes,) = figure.axes
    assert points(figure, 0) == {"dann": pytest.approx((2, 0)), "vann": pytest.approx((-3, 1))}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dann", "vann"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first stands on top"
    bar = next(one for one in axes.collections if one.get_gid() == "interval vann")
    assert bar.get_segments()[0][:, 0] == pytest.approx([-4, -2])  # type: ignore[attr-defined]
    (zero,) = (line for line in axes.lines if line.get_gid() == "zero")
    assert list(zero.get_xdata()) == [0, 0]
    (beside_it,) = axes.child_axes
    words = [label.get_text() for label in beside_it.get_yticklabels()]
    assert words[0] == "g = −0.50, p(t) < 0.001, p(signs) = 0.125, n = 5"


def test_differences_without_statistics_and_of_losses() -> None:
    nan = math.nan
    lone = pair("dann", difference_low=nan, difference_high=nan, g_z=nan, p_t_holm=nan, p_signs_holm=nan, pairs=1)
    figure = differences_figure([lone, pair("none", nan, pairs=0)])
    (axes,) = figure.axes
    assert not axes.collections and set(points(figure, 0)) == {"dann"}
    assert next(label.get_text() for label in axes.child_axes[0].get_yticklabels()) == "n = 1"
    loss = differences_figure([pair("dann", 0.5, measure="test_loss")])
    assert points(loss, 0)["dann"] == pytest.approx((0.5, 0)) and "loss" in loss.axes[0].get_xlabel()


def test_colours_are_the_same_in_both_figures() -> None:
    names = ["base", "dann", "vann"]
    accuracy = accuracy_figure([condition(name) for name in names])
    differences = differences_figure([pair("dann"), pair("vann")], names)

    def colours(figure: Figure) -> dict[str, str]:
        found = [line for line in figure.axes[0].lines if (line.get_gid() or "").startswith("point")]
        return {str(line.get_gid()).split()[1]: to_hex(line.get_color()) for line in found}

    assert {name: colour for name, colour in colours(accuracy).items() if name != "base"} == colours(differences)


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_tables_give_the_same_bytes(form: str) -> None:
    rows, pairs = [condition("dann"), condition("vann", 2000)], [pair("dann")]
    assert as_bytes(accuracy_figure(rows), form) == as_bytes(accuracy_figure(rows), form)
    assert as_bytes(differences_figure(pairs), form) == as_bytes(differences_figure(pairs), form)
    assert as_bytes(accuracy_figure(rows[:1]), form) != as_bytes(accuracy_figure(rows), form)
