"""Distributions of weights against cases worked out by hand, and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from dendrograph.analysis import weight_distributions
from dendrograph.analysis.weight_distributions import moments


def test_moments_by_hand() -> None:
    found = moments(np.array([-1.0, -1, 1, 1]))
    assert (found.number, found.mean, found.deviation, found.skewness, found.kurtosis) == (4, 0, 1, 0, 1)
    # Excess kurtosis without bias is -6, the correction 3 * 9 / 2.
    assert found.bimodality == pytest.approx(1 / (-6 + 13.5))
    assert found.near_zero == 0
    assert moments(np.array([0.0, 1e-3, 1.0, -1.0])).near_zero == 0.5


def test_bimodality_tells_two_peaks_from_one() -> None:
    rng = np.random.default_rng(0)
    one, flat = rng.normal(size=20_000), rng.uniform(size=20_000)
    two = np.concatenate([one[:10_000] - 4, one[10_000:] + 4])
    found = [moments(values).bimodality for values in (one, flat, two)]
    assert found[0] == pytest.approx(1 / 3, abs=0.01) and found[1] == pytest.approx(5 / 9, abs=0.01)
    assert found[2] > 0.8


def test_weights_that_are_alike_have_no_shape() -> None:
    for values in (np.full(5, 2.0), np.zeros(3), np.array([7.0])):
        found = moments(values)
        assert found.deviation == 0 and np.isnan([found.skewness, found.kurtosis, found.bimodality]).all()
    assert moments(np.zeros(3)).near_zero == 1
    assert np.isnan(moments(np.array([1.0, 2.0, 4.0])).bimodality)


def test_density_is_that_of_scipy_and_adds_up_to_one() -> None:
    weights = np.random.default_rng(0).normal(2, 3, 500)
    x, density = weight_distributions.density(weights)
    np.testing.assert_allclose(density, scipy.stats.gaussian_kde(weights)(x), rtol=1e-10)  # Scott's rule is its default
    assert np.trapezoid(density, x) == pytest.approx(1, abs=2e-3) and len(x) == 200


def test_density_by_hand() -> None:
    x, density = weight_distributions.density(np.array([0.0, 1.0]), points=11)
    h = np.sqrt(0.5) * 2 ** (-1 / 5)
    np.testing.assert_allclose(x[[0, 5, 10]], [-3 * h, 0.5, 1 + 3 * h])
    assert density[5] == pytest.approx(scipy.stats.norm.pdf(0.5, scale=h))


def test_the_density_of_many_weights_is_nearly_that_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.random.default_rng(0).normal(size=5000) ** 3
    x, exact = weight_distributions.density(weights)
    monkeypatch.setattr(weight_distributions, "EXACT", 1000)
    binned_x, binned = weight_distributions.density(weights)
    np.testing.assert_array_equal(binned_x, x)
    assert not np.array_equal(binned, exact)
    np.testing.assert_allclose(binned, exact, atol=2e-3 * exact.max())


def test_the_density_of_heavy_tails_keeps_its_mass(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    wide = np.concatenate([rng.normal(0, 1e-3, 30_000), [-5.0, 5.0]])
    for weights in (rng.standard_t(1.5, 30_000), wide):
        x, density = weight_distributions.density(weights)
        assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-3) and len(x) > 200
        near = density.argmax()
        exact = scipy.stats.gaussian_kde(weights)(x[near - 2 : near + 3])
        np.testing.assert_allclose(density[near - 2 : near + 3], exact, rtol=0.01)
    monkeypatch.setattr(weight_distributions, "MOST_POINTS", 300)
    assert len(weight_distributions.density(wide)[0]) == 300


def test_weights_that_are_alike_have_no_density() -> None:
    for values in (np.full(5, 0.1), np.zeros(3), np.array([7.0])):
        assert [len(one) for one in weight_distributions.density(values)] == [0, 0]
