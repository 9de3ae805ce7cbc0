"""Statistics over seeds: hand-worked cases, laws, and the textbook formulas beside them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from dendrograph.comparison.statistics import (
    effect_size,
    holm,
    mean_interval,
    p_of_signs,
    p_of_t_test,
    paired,
    small_sample_factor,
)

FIVE = [0.81, 0.84, 0.80, 0.86, 0.83]
numbers = st.floats(-1e3, 1e3).map(lambda value: round(value, 4))


def test_the_interval_is_the_quantiles_of_all_resamples() -> None:
    """Of three values there are 27 resamples; of five 3125. Their quantiles are worked out without drawing."""
    for values in ([1.0, 2.0, 4.0], FIVE):
        n = len(values)
        share = stats.norm.cdf(stats.t.ppf(0.025, n - 1) * math.sqrt(n / (n - 1)))
        means = sorted(sum(drawn) / n for drawn in itertools.product(values, repeat=n))
        found = mean_interval(values)
        assert found.mean == pytest.approx(sum(values) / n) and found.number == n
        assert found.low == pytest.approx(means[math.floor(share * len(means))], abs=1e-9)
        assert found.high == pytest.approx(means[-1 - math.floor(share * len(means))], abs=1e-9)


def test_the_interval_is_wider_than_the_plain_one_and_near_that_of_t() -> None:
    values = np.random.default_rng(3).normal(size=20)
    found = mean_interval(list(values))
    plain = stats.bootstrap((values,), np.mean, method="percentile", random_state=np.random.default_rng(0))
    low, high = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert found.low < plain.confidence_interval.low and found.high > plain.confidence_interval.high
    assert found.high - found.low == pytest.approx(high - low, rel=0.08)


def test_it_holds_the_mean_about_as_often_as_it_says() -> None:
    """Of 300 samples of ten; its docstring says what few values can do."""
    generator = np.random.default_rng(1)
    intervals = [mean_interval(list(generator.normal(size=10))) for _ in range(300)]
    held = np.mean([one.low <= 0 <= one.high for one in intervals])
    assert 0.91 < held < 0.98


def test_more_confidence_is_a_wider_interval() -> None:
    values = list(np.random.default_rng(0).normal(size=12))
    narrow, wide = mean_interval(values, 0.8), mean_interval(values, 0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


@given(st.lists(numbers, min_size=2, max_size=8), st.floats(-100, 100).map(lambda value: round(value, 3)))
def test_it_moves_with_its_values_and_holds_their_mean(values: list[float], by: float) -> None:
    found, moved = mean_interval(values), mean_interval([value + by for value in values])
    assert min(values) - 1e-9 <= found.low <= found.mean <= found.high <= max(values) + 1e-9
    assert [moved.low, moved.mean, moved.high] == pytest.approx(
        [found.low + by, found.mean + by, found.high + by], abs=1e-6
    )


def test_the_same_seed_gives_the_same_bits() -> None:
    values = list(np.random.default_rng(0).normal(size=9))
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values, seed=1) != mean_interval(values)


def test_too_few_and_odd_values() -> None:
    nothing, one, odd = mean_interval([]), mean_interval([0.5]), mean_interval([0.5, float("nan"), 1.0])
    assert math.isnan(nothing.mean) and nothing.number == 0
    assert one.mean == 0.5 and math.isnan(one.low) and math.isnan(one.high) and one.number == 1
    assert math.isnan(odd.mean) and math.isnan(odd.low) and odd.number == 3
    assert math.isnan(mean_interval([1.0, math.inf]).mean)
    alike = mean_interval([0.1] * 5)
    assert (alike.low, alike.mean, alike.high) == (alike.mean,) * 3


def test_a_pair_worked_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, deviation 1, t = 2 sqrt 3; only the choices +++ and --- lie as far from 0."""
    found = paired({1: 2.0, 2: 4.0, 3: 6.0}, {1: 1.0, 2: 2.0, 3: 3.0})
    assert found.difference.mean == pytest.approx(2.0) and found.difference.number == 3
    assert found.effect == pytest.approx(2.0)
    assert found.corrected == pytest.approx(2.0 * small_sample_factor(3))
    assert found.p_t == pytest.approx(2 * stats.t.sf(2 * math.sqrt(3), 2))
    assert found.p_signs == pytest.approx(2 / 8)
    assert found.left_out == ()


def test_pairs_are_by_key_and_what_has_no_partner_is_told() -> None:
    ours, theirs = {1: 5.0, 2: 1.0, 3: 2.0}, {3: 1.0, 2: 3.0, 9: 0.0}
    found = paired(ours, theirs)
    assert found.difference.mean == pytest.approx(((1 - 3) + (2 - 1)) / 2)
    assert found.left_out == (1, 9)
    assert paired({1: 1.0}, {2: 1.0}).difference.number == 0


def test_pairing_takes_out_what_both_share() -> None:
    seeds = range(8)
    common = np.random.default_rng(0).normal(size=8)
    noise = np.random.default_rng(1).normal(size=8) / 100
    ours = {seed: common[seed] + 0.1 + noise[seed] for seed in seeds}
    found = paired(ours, {seed: common[seed] for seed in seeds})
    assert found.difference.low > 0.08 and found.p_signs == pytest.approx(2 / 2**8)
    assert mean_interval(list(ours.values())).low < mean_interval(list(common)).high, "unpaired they overlap"


@pytest.mark.slow
@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=7))
def test_the_other_way_round_is_the_same_with_the_other_sign(values: list[tuple[float, float]]) -> None:
    ours, theirs = ({key: pair[side] for key, pair in enumerate(values)} for side in (0, 1))
    there, back = paired(ours, theirs), paired(theirs, ours)
    assert there.difference.mean == pytest.approx(-back.difference.mean)
    assert there.effect == pytest.approx(-back.effect, nan_ok=True)
    assert there.p_signs == pytest.approx(back.p_signs)
    assert there.p_t == pytest.approx(back.p_t, nan_ok=True)


@pytest.mark.parametrize("number", [2, 3, 5, 10])
def test_the_tests_against_every_choice_of_signs_and_scipys_related_t(number: int) -> None:
    generator = np.random.default_rng(number)
    a, b = generator.normal(size=(2, number))
    difference = a - b
    every = [abs(np.dot(signs, difference)) for signs in itertools.product((-1, 1), repeat=number)]
    share = np.mean([value >= abs(difference.sum()) - 1e-12 for value in every])
    assert p_of_signs(difference) == pytest.approx(share)
    assert p_of_t_test(difference) == pytest.approx(stats.ttest_rel(a, b).pvalue)


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=10), st.sampled_from([360, 10_000]))
@example([1, 5, 2, 3, 2, 7, 1, 1, -1], 10_000)
@example([-1, 3, 3, 4, 1], 10_000)
def test_ties_count_whatever_their_last_digits(differences: list[int], samples: int) -> None:
    """Accuracies are whole numbers of right answers; by these all signs are counted without rounding."""
    theirs = {seed: round(0.85 * samples) / samples for seed in range(len(differences))}
    ours = {seed: (round(0.85 * samples) + more) / samples for seed, more in enumerate(differences)}
    every = itertools.product((1, -1), repeat=len(differences))
    sums = [abs(sum(sign * d for sign, d in zip(signs, differences, strict=True))) for signs in every]
    expected = sum(one >= abs(sum(differences)) for one in sums) / len(sums)
    assert paired(ours, theirs).p_signs == pytest.approx(expected, abs=1e-12)


def test_the_least_p_of_signs() -> None:
    assert p_of_signs(np.arange(1.0, 6.0)) == 2 / 32
    assert p_of_signs(np.arange(1.0, 7.0)) == 2 / 64
    many = p_of_signs(np.full(40, 1.0) + np.arange(40))
    assert 0 < many < 1e-4 and many == p_of_signs(np.full(40, 1.0) + np.arange(40))


def test_no_spread_is_no_effect_size() -> None:
    same = paired({1: 0.3, 2: 0.7}, {1: 0.3, 2: 0.7})
    assert same.difference.mean == 0 and math.isnan(same.effect) and math.isnan(same.p_t) and same.p_signs == 1
    digits = paired({1: 0.1 + 0.2, 2: 0.1 + 0.2, 3: 0.3}, {1: 0.3, 2: 0.3, 3: 0.3})
    assert digits.difference.mean == 0 and math.isnan(digits.effect) and digits.p_signs == 1
    moved = paired({1: 0.1, 2: 0.2, 3: 0.3}, {1: 0.0, 2: 0.1, 3: 0.2})
    assert moved.difference.low == moved.difference.high == pytest.approx(0.1)
    assert math.isnan(moved.effect) and math.isnan(moved.p_t) and moved.p_signs == pytest.approx(2 / 8)
    for few in ({}, {1: 1.0}):
        one = paired(few, few)  # type: ignore[arg-type]
        assert math.isnan(one.p_signs) and math.isnan(one.p_t) and math.isnan(one.effect)
    assert math.isnan(paired({1: 1.0, 2: math.nan}, {1: 0.0, 2: 0.0}).difference.mean)


def test_the_correction_takes_the_bias_out() -> None:
    """d_z of samples of five from a population whose effect is 1: too large on average, and right after."""
    samples = np.random.default_rng(0).normal(1.0, 1.0, size=(20_000, 5))
    sizes = samples.mean(axis=1) / samples.std(axis=1, ddof=1)
    assert effect_size(samples[0]) == pytest.approx(sizes[0])
    assert sizes.mean() > 1.2
    assert sizes.mean() * small_sample_factor(5) == pytest.approx(1.0, abs=0.02)


def test_the_factor_is_near_its_well_known_approximation() -> None:
    for number in (5, 10, 100):
        assert small_sample_factor(number) == pytest.approx(1 - 3 / (4 * (number - 1) - 1), abs=0.003)
    assert small_sample_factor(3) == pytest.approx(1 / math.sqrt(math.pi)), "Gamma(1) / (1 Gamma(1/2))"
    assert math.isnan(small_sample_factor(2))


def test_holm_worked_by_hand() -> None:
    """0.01 x 4, 0.02 x 3, then 0.03 x 2 = 0.06, and 0.04 x 1, which may not be less than the one before."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == [] and holm([0.2]) == [0.2]
    assert holm([0.01, math.nan, 0.04]) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_none_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    found = holm(p_values)
    for p, corrected in zip(p_values, found, strict=True):
        assert p <= corrected <= min(1.0, len(p_values) * p) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert all(np.diff(np.array(found)[order]) >= 0)
