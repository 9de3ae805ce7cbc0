"""Efficiency scores and the Pareto front, each against a case worked by hand and a law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrograph.base.errors import DendrographError
from dendrograph.comparison.efficiency import accuracy_efficiency, best_epoch, costs, factors, loss_efficiency, on_front


def test_a_case_worked_by_hand() -> None:
    """100 and 10,000 parameters, 10 epochs each: k = 10^3 and 10^5, f = 1 and 5/3."""
    k = costs([100, 10_000], [10, 10])
    assert list(k) == [1e3, 1e5]
    assert factors(k) == pytest.approx([1, 5 / 3])
    assert accuracy_efficiency([0.9, 0.95], k) == pytest.approx([0.9, 0.57])
    assert loss_efficiency([0.3, 0.24], k) == pytest.approx([0.3, 0.4])


def test_epochs_cost_as_parameters_do() -> None:
    assert factors(costs([10, 10], [1, 100])) == pytest.approx(factors(costs([10, 1000], [1, 1])))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(2, 1e8)), min_size=1, max_size=10))
def test_the_cheapest_keeps_its_accuracy_and_none_gains(runs: list[tuple[float, float]]) -> None:
    accuracies, k = [run[0] for run in runs], np.array([run[1] for run in runs])
    scores = accuracy_efficiency(accuracies, k)
    assert (scores <= np.array(accuracies) + 1e-12).all() and (scores >= 0).all()
    assert scores[k.argmin()] == pytest.approx(accuracies[k.argmin()])
    assert (loss_efficiency(accuracies, k) >= np.array(accuracies) - 1e-12).all()


def test_a_cheaper_run_changes_every_other_score() -> None:
    two, three = costs([100, 1000], [1, 1]), costs([100, 1000, 10], [1, 1, 1])
    assert factors(three)[:2] == pytest.approx(2 * factors(two)), "log10 of the least falls from 2 to 1"


def test_what_is_not_known_stays_unknown_and_changes_nothing_else() -> None:
    k = costs([100, 1000, 10], [1, 1, math.nan])
    assert factors(k) == pytest.approx([1, 1.5, math.nan], nan_ok=True)
    assert np.isnan(factors(np.array([math.nan]))).all()


def test_a_cost_without_a_logarithm_is_refused() -> None:
    with pytest.raises(DendrographError, match=r"(?s)parameters × epochs is 1, .* leave that run out"):
        factors(costs([1, 100], [1, 1]))


def test_the_best_epoch_is_the_first_of_the_lowest_loss() -> None:
    assert best_epoch([0.5, 0.2, 0.3, 0.2]) == 2
    assert best_epoch([0.5, math.nan, 0.4]) == 3
    assert math.isnan(best_epoch([])) and math.isnan(best_epoch([math.nan]))


def test_a_front_worked_by_hand() -> None:
    values = [0.8, 0.9, 0.85, 0.9, math.nan]
    prices = [10, 30, 40, 50, 1]
    assert on_front(values, prices) == [True, True, False, False, False]
    assert on_front([0.5, 0.5], [3, 3]) == [True, True], "equals do not beat each other"
    assert on_front([], []) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=12))
def test_what_is_not_on_the_front_is_beaten_by_what_is(points: list[tuple[int, int]]) -> None:
    front = on_front([value for value, _ in points], [price for _, price in points])
    assert any(front)
    there = [point for point, on in zip(points, front, strict=True) if on]
    for point, on in zip(points, front, strict=True):
        beaten = any(a >= point[0] and p <= point[1] and (a, p) != point for a, p in there)
        assert beaten != on
