"""Measures of activity and of weights: pure functions of arrays, each with its formula and source."""

from __future__ import annotations

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
    members = np.zeros((classes, len(labels)), dtype=np.int64)
    members[labels, np.arange(len(labels))] = 1
    return (members @ active.astype(np.int64)).T


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
    there = [label for label in range(classes) if (labels == label).any()]
    means = np.stack([np.maximum(activity[labels == label], 0.0).mean(axis=0) for label in there])
    if len(there) < 2:
        return np.zeros(activity.shape[1])
    most = means.max(axis=0)
    rest = (means.sum(axis=0) - most) / (len(there) - 1)
    total = most + rest
    return np.divide(most - rest, total, out=np.zeros_like(total), where=total > 0)


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
    alike = number < 2 or float(np.ptp(values)) <= 1e-12 * largest
    near = float(np.mean(np.abs(values) < largest / 100)) if largest else 1.0
    plain = number, float(values.mean()), float(values.std())
    if alike:
        return Moments(*plain, nan, nan, nan, near)
    third, fourth = float(skew(values)), float(kurtosis(values, fisher=False))
    bimodality = nan
    if number > 3:
        correction = 3 * (number - 1) ** 2 / ((number - 2) * (number - 3))
        excess = float(kurtosis(values, bias=False))
        bimodality = (float(skew(values, bias=False)) ** 2 + 1) / (excess + correction)
    return Moments(*plain, third, fourth, bimodality, near)
