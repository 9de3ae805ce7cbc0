"""Distributions of the weights of each projection: moments, bimodality and density."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError
from dendrograph.base.tables import Row
from dendrograph.graph.graph import Projection
from dendrograph.network.network import DendriticNetwork

Floats = NDArray[np.float64]

EXACT = 20_000  # number of weights up to which the density is a sum over all weights, without bins
BINS = 4096  # minimal number of bins; more where a bin would not be narrower than h / 5
MOST_POINTS = 10_000  # of a density


def tables(network: DendriticNetwork) -> dict[str, tuple[Row, ...]]:
    """Return the tables `weights`, a row per projection, and `densities`, a row per point of a projection's density.

    Weights include their sign and attenuation. A projection of equal weights has no density.

    Raises:
        DendrographError: A weight is not finite.
    """
    weights: list[Row] = []
    densities: list[Row] = []
    for projection, values in _projections(network):
        about = {"projection": projection.name, "kind": projection.kind}
        weights.append({**about, **asdict(moments(values))})
        points = zip(*(column.tolist() for column in density(values)), strict=True)
        densities += [{**about, "x": x, "density": height} for x, height in points]
    return {"weights": tuple(weights), "densities": tuple(densities)}


def _projections(network: DendriticNetwork) -> Iterator[tuple[Projection, Floats]]:
    for projection in network.graph.projections:
        if projection.edges:
            values = network.weight(projection.name).detach().cpu().double().numpy()
            if not np.isfinite(values).all():
                raise DendrographError(
                    f"{projection.name}: some weights are not finite, so they have no distribution\n"
                    "  train with a smaller learning rate, or set them to finite numbers"
                )
            yield projection, values.ravel()


@dataclass(frozen=True)
class Moments:
    """The distribution of the weights of a projection.

    Attributes:
        skewness: Third standardised moment; nan where all weights are equal.
        kurtosis: Fourth standardised moment, 3 for a normal distribution; nan where all weights are equal.
        bimodality: Sarle's coefficient, corrected for the number n of weights,
            (skewness^2 + 1) / (excess kurtosis + 3 (n - 1)^2 / ((n - 2) (n - 3))), of the unbiased moments: 5/9 for a
            uniform distribution, more for two peaks (SAS/STAT User's Guide, the CLUSTER procedure); nan for less than
            four weights.
        near_zero: The share of weights that are nearer to zero than a hundredth of the largest.
    """

    number: int
    mean: float
    deviation: float
    skewness: float
    kurtosis: float
    bimodality: float
    near_zero: float


def moments(weights: Floats) -> Moments:
    """Return the moments of at least one weight."""
    from scipy.stats import kurtosis, skew

    values = np.asarray(weights, dtype=np.float64)
    number = len(values)
    largest = float(np.abs(values).max())
    third = fourth = bimodality = float("nan")
    if not _all_equal(values):
        third, fourth = float(skew(values)), float(kurtosis(values, fisher=False))
        if number > 3:
            correction = 3 * (number - 1) ** 2 / ((number - 2) * (number - 3))
            excess = float(kurtosis(values, bias=False))
            bimodality = (float(skew(values, bias=False)) ** 2 + 1) / (excess + correction)
    return Moments(
        number=number,
        mean=float(values.mean()),
        deviation=float(values.std()),
        skewness=third,
        kurtosis=fourth,
        bimodality=bimodality,
        near_zero=float(np.mean(np.abs(values) < largest / 100)) if largest else 1.0,
    )


def density(weights: Floats, points: int = 200) -> tuple[Floats, Floats]:
    """Estimate the density of a distribution of weights by a sum of Gaussians at evenly spaced points.

        f(x) = 1 / n * sum over i of N(x; w_i, h^2),    h = s n^(-1/5),    s the standard deviation with n - 1

    (Scott, "Multivariate Density Estimation", 1992; `scipy.stats.gaussian_kde`.) The points extend three bandwidths h
    beyond the smallest and the largest weight. Above `EXACT` weights, each weight is first moved to the middle of a bin
    that is narrower than h / 5.

    Args:
        weights: The weights of a projection.
        points: Minimal number of points; there are more, up to `MOST_POINTS`, where neighbours would be further apart
            than h.

    Returns:
        Points and densities; both are empty where all weights are equal or there are fewer than two.
    """
    from scipy.stats import gaussian_kde

    values = np.asarray(weights, dtype=np.float64)
    if _all_equal(values):
        return np.empty(0), np.empty(0)
    number = len(values)
    bandwidth = float(values.std(ddof=1)) * number ** (-1 / 5)
    counts = np.ones(number)
    centres = values
    low, high = values.min() - 3 * bandwidth, values.max() + 3 * bandwidth
    steps = math.ceil((high - low) / bandwidth)
    if number > EXACT:
        counts, edges = np.histogram(values, bins=max(BINS, 5 * steps))
        centres, counts = ((edges[:-1] + edges[1:]) / 2)[counts > 0], counts[counts > 0]
    # SciPy multiplies its factor by the deviation of the centres, which ignores the counts of the bins.
    deviation = float(np.sqrt(np.cov(centres, aweights=counts)))
    estimate = gaussian_kde(centres, bw_method=bandwidth / deviation, weights=counts)
    x = np.linspace(low, high, max(points, min(MOST_POINTS, steps + 1)))
    return x, np.asarray(estimate(x), dtype=np.float64)


def _all_equal(values: Floats) -> bool:
    """Return whether values differ by rounding only, or there is only one."""
    return len(values) < 2 or float(np.ptp(values)) <= 1e-12 * float(np.abs(values).max())
