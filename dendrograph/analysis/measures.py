"""Measures of activity and of weights: pure functions of arrays, each with its formula and source."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def hit_matrix(active: NDArray[np.bool_], labels: Counts, classes: int) -> Counts:
    """How many samples of each class activate each unit.

        H[u, c] = number of samples s of class c in which unit u is active

    Args:
        active: (samples, units).
        labels: (samples,), from 0 to classes - 1.
        classes: how many there are.

    Returns:
        Shape (units, classes).
    """
    return np.rint(_by_class(active.astype(np.float64), labels, classes)).astype(np.int64).T


def class_sums(activity: Floats, labels: Counts, classes: int) -> Floats:
    """The sum of each unit's activity over the samples of each class, negative activity taken as 0.

    Args:
        activity: (samples, units).
        labels: (samples,), from 0 to classes - 1.
        classes: how many there are.

    Returns:
        Shape (classes, units).
    """
    return _by_class(np.maximum(activity, 0.0), labels, classes)


def _by_class(values: Floats, labels: Counts, classes: int) -> Floats:
    members = np.zeros((classes, len(labels)))
    members[labels, np.arange(len(labels))] = 1.0
    return members @ values


def entropy(shares: Floats) -> Floats:
    """Shannon's entropy in bits of each row of shares, which add up to 1 or are all 0: -sum p log2 p, 0 log 0 being 0.

    Shape (rows,).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log2(shares), 0.0)
    return np.abs(terms.sum(axis=1))


def node_entropy(hits: Counts) -> Floats:
    """How evenly a unit's hits are spread over the classes, in bits; 0 for a unit of one class or of none.

        E[u] = -sum over c of p log2 p,    p = H[u, c] / sum over c of H[u, c]

    Shape (units,).
    """
    total = hits.sum(axis=1, keepdims=True)
    return entropy(hits / np.maximum(total, 1))


def node_entropy_with_silence(hits: Counts, samples: int) -> Floats:
    """The same over classes and one bin more, for the samples in which the unit is silent.

        E[u] = -sum over c of p log2 p - q log2 q,    p = H[u, c] / samples,    q = 1 - sum over c of p

    Shape (units,).
    """
    shares = hits / max(1, samples)
    silent = np.clip(1 - shares.sum(axis=1, keepdims=True), 0.0, 1.0)
    return entropy(np.concatenate([shares, silent], axis=1))


def preferred(hits: Counts, class_sizes: Counts, threshold: float) -> Counts:
    """To how many classes a unit answers: those of which it is active in at least this share of the samples.

    Shape (units,).
    """
    return np.asarray(np.sum(hits / np.maximum(class_sizes, 1) >= threshold, axis=1))


def selectivity(activity: Floats, labels: Counts, classes: int) -> Floats:
    """The class selectivity index of each unit, from 0 (all classes alike) to 1 (one class alone).

        S[u] = (m_max - m_rest) / (m_max + m_rest)

    of the mean activity to each class: m_max that to the preferred class, m_rest the mean over the others (Morcos,
    Barrett, Rabinowitz & Botvinick, "On the importance of single directions for generalization", ICLR 2018). It is
    meant for activity that is not negative: what is negative is taken as 0. A silent unit has 0.

    Args:
        activity: (samples, units).
        labels: (samples,).
        classes: how many there are; those without samples are left out.

    Returns:
        Shape (units,).
    """
    sums = class_sums(activity, labels, classes)
    return selectivity_of_sums(sums, np.bincount(labels, minlength=classes))


def selectivity_of_sums(sums: Floats, class_sizes: Counts) -> Floats:
    """The same from `class_sums`, (classes, units), and how many samples each class has, (classes,)."""
    there = class_sizes > 0
    if there.sum() < 2:
        return np.zeros(sums.shape[1])
    means = sums[there] / class_sizes[there, None]
    most = means.max(axis=0)
    rest = (means.sum(axis=0) - most) / (len(means) - 1)
    total = most + rest
    # The rest is a difference of sums: where all of it is rounding it may come out below zero.
    found = np.divide(most - rest, total, out=np.zeros_like(total), where=total > 0)
    return np.clip(found, 0.0, 1.0)


def sparseness(total: Floats, squares: Floats, number: int) -> Floats:
    """How few of n responses r carry the activity, from 0 (all alike) to 1 (one alone).

        S = (1 - (sum of r)^2 / (n sum of r^2)) / (1 - 1 / n),    r = max(activity, 0)

    Over the samples of one unit it is lifetime sparseness, over the units in one sample population sparseness (Treves &
    Rolls, "What determines the capacity of autoassociative memories in the brain?", Network 2, 1991; in this form Vinje
    & Gallant, Science 287, 2000).

    Args:
        total: the sums of r.
        squares: the sums of r^2, of the same shape.
        number: n.

    Returns:
        The same shape; nan where no response is above 0, or n is 1.
    """
    silent = (squares <= 0) | (number < 2)
    ratio = np.divide(total**2, number * squares, out=np.ones(total.shape), where=~silent)
    return np.where(silent, np.nan, np.clip((1 - ratio) / (1 - 1 / max(2, number)), 0.0, 1.0))


@dataclass(frozen=True)
class Moments:
    """The distribution of a projection's weights.

    skewness, kurtosis: third and fourth standardised moments; a normal distribution has kurtosis 3. nan where all
        weights are alike
    bimodality: Sarle's coefficient, corrected for the number n of weights,
        (skewness^2 + 1) / (excess kurtosis + 3 (n - 1)^2 / ((n - 2) (n - 3))), of the unbiased moments: 5/9 for a
        uniform distribution, more for two peaks (SAS/STAT User's Guide, the CLUSTER procedure); nan below four weights
    near_zero: the share of weights that are nearer to zero than a hundredth of the largest
    """

    number: int
    mean: float
    deviation: float
    skewness: float
    kurtosis: float
    bimodality: float
    near_zero: float


def moments(weights: Floats) -> Moments:
    """Of at least one weight."""
    from scipy.stats import kurtosis, skew

    values = np.asarray(weights, dtype=np.float64)
    number, nan = len(values), float("nan")
    largest = float(np.abs(values).max())
    near = float(np.mean(np.abs(values) < largest / 100)) if largest else 1.0
    plain = number, float(values.mean()), float(values.std())
    if _alike(values):
        return Moments(*plain, nan, nan, nan, near)
    third, fourth = float(skew(values)), float(kurtosis(values, fisher=False))
    bimodality = nan
    if number > 3:
        correction = 3 * (number - 1) ** 2 / ((number - 2) * (number - 3))
        excess = float(kurtosis(values, bias=False))
        bimodality = (float(skew(values, bias=False)) ** 2 + 1) / (excess + correction)
    return Moments(*plain, third, fourth, bimodality, near)


EXACT = 20_000  # weights up to which each gets a Gaussian of its own
BINS = 4096  # of more weights; more of them where each would not be narrower than h / 5
MOST_POINTS = 10_000  # of a density


def density(weights: Floats, points: int = 200) -> tuple[Floats, Floats]:
    """The density of a distribution of weights, estimated by a sum of Gaussians at evenly spaced points.

        f(x) = 1 / n * sum over i of N(x; w_i, h^2),    h = s n^(-1/5),    s the standard deviation with n - 1

    (Scott, "Multivariate Density Estimation", 1992; `scipy.stats.gaussian_kde`.) The points reach three bandwidths h
    beyond the least and the largest weight. Above `EXACT` weights each is first moved to the middle of a bin that is
    narrower than h / 5.

    Args:
        weights: of a projection.
        points: how many, or as many more, up to `MOST_POINTS`, as bring neighbours no further apart than h.

    Returns:
        Points and densities; both empty where all weights are alike, or there are fewer than two.
    """
    from scipy.stats import gaussian_kde

    values = np.asarray(weights, dtype=np.float64)
    if _alike(values):
        return np.empty(0), np.empty(0)
    number = len(values)
    width = float(values.std(ddof=1)) * number ** (-1 / 5)
    counts = np.ones(number)
    centres = values
    low, high = values.min() - 3 * width, values.max() + 3 * width
    steps = math.ceil((high - low) / width)
    if number > EXACT:
        counts, edges = np.histogram(values, bins=max(BINS, 5 * steps))
        centres, counts = ((edges[:-1] + edges[1:]) / 2)[counts > 0], counts[counts > 0]
    # SciPy multiplies its factor by the deviation of what it is given, which knows nothing of how many are in a bin.
    deviation = float(np.sqrt(np.cov(centres, aweights=counts)))
    estimate = gaussian_kde(centres, bw_method=width / deviation, weights=counts)
    x = np.linspace(low, high, max(points, min(MOST_POINTS, steps + 1)))
    return x, np.asarray(estimate(x), dtype=np.float64)


def _alike(values: Floats) -> bool:
    """Whether what differs between the values is rounding, or there is one alone."""
    return len(values) < 2 or float(np.ptp(values)) <= 1e-12 * float(np.abs(values).max())
