"""Measures against cases worked by hand, and against scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics.cluster import contingency_matrix

from dendrograph.analysis import measures

LABELS = np.array([0, 0, 1, 1, 2])
# Four units: of class 0 alone, of all classes, of none, of classes 1 and 2.
ACTIVITY = np.array([[2.0, 1, -1, 0], [4.0, 1, 0, 0], [0.0, 1, 0, 1], [0.0, 1, -3, 3], [0.0, 1, 0, 2]])


def test_hits_by_hand() -> None:
    hits = measures.hit_matrix(ACTIVITY > 0, LABELS, 3)
    np.testing.assert_array_equal(hits, [[2, 0, 0], [2, 2, 1], [0, 0, 0], [0, 2, 1]])


def test_entropy_by_hand() -> None:
    hits = measures.hit_matrix(ACTIVITY > 0, LABELS, 3)
    third = -(2 / 3) * np.log2(2 / 3) - (1 / 3) * np.log2(1 / 3)
    np.testing.assert_allclose(measures.node_entropy(hits), [0, 0.8 * np.log2(2.5) + 0.2 * np.log2(5), 0, third])
    silent = measures.node_entropy_with_silence(hits, 5)
    two, three = -0.4 * np.log2(0.4), -0.6 * np.log2(0.6)
    np.testing.assert_allclose(silent, [two + three, 2 * two - 0.2 * np.log2(0.2), 0, 2 * two - 0.2 * np.log2(0.2)])


def test_selectivity_by_hand() -> None:
    # Means to the classes: 3, 0, 0; 1, 1, 1; 0, 0, 0; 0, 2, 2.
    np.testing.assert_allclose(measures.selectivity(ACTIVITY, LABELS, 3), [1, 0, 0, (2 - 1) / (2 + 1)])
    np.testing.assert_array_equal(measures.selectivity(ACTIVITY[:2], LABELS[:2], 3), [0, 0, 0, 0])


def test_classes_that_a_unit_answers_to() -> None:
    hits = measures.hit_matrix(ACTIVITY > 0, LABELS, 3)
    np.testing.assert_array_equal(measures.preferred(hits, np.array([2, 2, 1]), 0.5), [1, 3, 0, 2])
    hits = measures.hit_matrix(ACTIVITY > 1, LABELS, 3)
    np.testing.assert_array_equal(measures.preferred(hits, np.array([2, 2, 1]), 0.5), [1, 0, 0, 2])
    np.testing.assert_array_equal(measures.preferred(hits, np.array([2, 2, 1]), 0.6), [1, 0, 0, 1])


@given(arrays(bool, (40, 3)), arrays(np.int64, 40, elements=st.integers(0, 3)))
def test_hits_and_entropy_agree_with_other_libraries(active: np.ndarray, labels: np.ndarray) -> None:
    hits = measures.hit_matrix(active, labels, 4)
    for unit in range(3):
        table = contingency_matrix(active[:, unit], labels)
        on = table[-1] if active[:, unit].any() else np.zeros(table.shape[1])
        np.testing.assert_array_equal(hits[unit][np.unique(labels)], on)
    with np.errstate(invalid="ignore"):
        expected = np.nan_to_num(scipy.stats.entropy(hits, base=2, axis=1))
    np.testing.assert_allclose(measures.node_entropy(hits), expected, atol=1e-12)
    silent = np.concatenate([hits, 40 - hits.sum(1, keepdims=True)], axis=1)
    found = measures.node_entropy_with_silence(hits, 40)
    np.testing.assert_allclose(found, scipy.stats.entropy(silent, base=2, axis=1), atol=1e-12)


def test_moments_by_hand() -> None:
    found = measures.moments(np.array([-1.0, -1, 1, 1]))
    assert (found.number, found.mean, found.deviation, found.skewness, found.kurtosis) == (4, 0, 1, 0, 1)
    # Excess kurtosis without bias is -6, the correction 3 * 9 / 2.
    assert found.bimodality == pytest.approx(1 / (-6 + 13.5))
    assert found.near_zero == 0
    assert measures.moments(np.array([0.0, 1e-3, 1.0, -1.0])).near_zero == 0.5


def test_bimodality_tells_two_peaks_from_one() -> None:
    rng = np.random.default_rng(0)
    one, flat = rng.normal(size=20_000), rng.uniform(size=20_000)
    two = np.concatenate([one[:10_000] - 4, one[10_000:] + 4])
    found = [measures.moments(values).bimodality for values in (one, flat, two)]
    assert found[0] == pytest.approx(1 / 3, abs=0.01) and found[1] == pytest.approx(5 / 9, abs=0.01)
    assert found[2] > 0.8


def test_weights_that_are_alike_have_no_shape() -> None:
    for values in (np.full(5, 2.0), np.zeros(3), np.array([7.0])):
        found = measures.moments(values)
        assert found.deviation == 0 and np.isnan([found.skewness, found.kurtosis, found.bimodality]).all()
    assert measures.moments(np.zeros(3)).near_zero == 1
    assert np.isnan(measures.moments(np.array([1.0, 2.0, 4.0])).bimodality)


def test_selectivity_of_sums_leaves_out_classes_without_samples() -> None:
    sums = measures.class_sums(ACTIVITY, LABELS, 5)
    np.testing.assert_array_equal(sums[:, 0], [6, 0, 0, 0, 0])
    np.testing.assert_allclose(sums[:, 3], [0, 4, 2, 0, 0])
    sizes = np.bincount(LABELS, minlength=5)
    expected = measures.selectivity(ACTIVITY, LABELS, 3)
    np.testing.assert_allclose(measures.selectivity_of_sums(sums, sizes), expected)


def test_sparseness_by_hand() -> None:
    def of(*responses: float) -> float:
        one = np.array(responses)
        return float(measures.sparseness(np.array([one.sum()]), np.array([np.square(one).sum()]), len(one))[0])

    assert of(3, 0, 0, 0) == 1
    assert of(2, 2, 2) == 0
    # (1 - 36 / (3 * 14)) / (1 - 1/3)
    assert of(1, 2, 3) == pytest.approx(3 / 14)
    assert np.isnan(of(0, 0)) and np.isnan(of(4))


def test_density_is_that_of_scipy_and_adds_up_to_one() -> None:
    weights = np.random.default_rng(0).normal(2, 3, 500)
    x, density = measures.density(weights)
    np.testing.assert_allclose(density, scipy.stats.gaussian_kde(weights)(x), rtol=1e-10)  # Scott's rule is its default
    assert np.trapezoid(density, x) == pytest.approx(1, abs=2e-3) and len(x) == 200


def test_density_by_hand() -> None:
    x, density = measures.density(np.array([0.0, 1.0]), points=11)
    h = np.sqrt(0.5) * 2 ** (-1 / 5)
    np.testing.assert_allclose(x[[0, 5, 10]], [-3 * h, 0.5, 1 + 3 * h])
    assert density[5] == pytest.approx(scipy.stats.norm.pdf(0.5, scale=h))


def test_the_density_of_many_weights_is_nearly_that_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.random.default_rng(0).normal(size=5000) ** 3
    x, exact = measures.density(weights)
    monkeypatch.setattr(measures, "EXACT", 1000)
    binned_x, binned = measures.density(weights)
    np.testing.assert_array_equal(binned_x, x)
    assert not np.array_equal(binned, exact)
    np.testing.assert_allclose(binned, exact, atol=2e-3 * exact.max())


def test_the_density_of_heavy_tails_keeps_its_mass(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    wide = np.concatenate([rng.normal(0, 1e-3, 30_000), [-5.0, 5.0]])
    for weights in (rng.standard_t(1.5, 30_000), wide):
        x, density = measures.density(weights)
        assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-3) and len(x) > 200
        near = density.argmax()
        exact = scipy.stats.gaussian_kde(weights)(x[near - 2 : near + 3])
        np.testing.assert_allclose(density[near - 2 : near + 3], exact, rtol=0.01)
    monkeypatch.setattr(measures, "MOST_POINTS", 300)
    assert len(measures.density(wide)[0]) == 300


def test_weights_that_are_alike_have_no_density() -> None:
    for values in (np.full(5, 0.1), np.zeros(3), np.array([7.0])):
        assert [len(one) for one in measures.density(values)] == [0, 0]
