"""Measures of the activity of units: hit matrix, entropy, class selectivity and sparseness, as functions of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def hit_matrix(active: NDArray[np.bool_], labels: Counts, classes: int) -> Counts:
    """Count the samples of each class that activate each unit.

        H[u, c] = number of samples s of class c in which unit u is active

    Args:
        active: (samples, units).
        labels: (samples,), from 0 to classes - 1.
        classes: Number of classes.

    Returns:
        Shape (units, classes).
    """
    return np.rint(_sums_by_class(active.astype(np.float64), labels, classes)).astype(np.int64).T


def class_sums(activity: Floats, labels: Counts, classes: int) -> Floats:
    """Sum the activity of each unit over the samples of each class; negative activity counts as 0.

    Args:
        activity: (samples, units).
        labels: (samples,), from 0 to classes - 1.
        classes: Number of classes.

    Returns:
        Shape (classes, units).
    """
    return _sums_by_class(np.maximum(activity, 0.0), labels, classes)


def _sums_by_class(values: Floats, labels: Counts, classes: int) -> Floats:
    members = np.zeros((classes, len(labels)))
    members[labels, np.arange(len(labels))] = 1.0
    return members @ values


def entropy(shares: Floats) -> Floats:
    """Return Shannon's entropy in bits of each row of shares: -sum p log2 p, with 0 log 0 = 0.

    Args:
        shares: Rows that add up to 1 or are all 0.

    Returns:
        Shape (rows,).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log2(shares), 0.0)
    return np.abs(terms.sum(axis=1))


def node_entropy(hits: Counts) -> Floats:
    """Return how evenly the hits of a unit are spread over the classes, in bits; 0 for a unit of one class or of none.

        E[u] = -sum over c of p log2 p,    p = H[u, c] / sum over c of H[u, c]

    Args:
        hits: The hit matrix, (units, classes).

    Returns:
        Shape (units,).
    """
    return entropy(hits / np.maximum(hits.sum(axis=1, keepdims=True), 1))


def node_entropy_with_silence(hits: Counts, samples: int) -> Floats:
    """Return the same over the classes and one more bin for the samples in which the unit is silent.

        E[u] = -sum over c of p log2 p - q log2 q,    p = H[u, c] / samples,    q = 1 - sum over c of p

    Args:
        hits: The hit matrix, (units, classes).
        samples: Number of samples.

    Returns:
        Shape (units,).
    """
    shares = hits / max(1, samples)
    silent = np.clip(1 - shares.sum(axis=1, keepdims=True), 0.0, 1.0)
    return entropy(np.concatenate([shares, silent], axis=1))


def preferred_classes(hits: Counts, class_sizes: Counts, threshold: float) -> Counts:
    """Count the classes to which a unit responds: it is active in at least this share of their samples.

    Returns:
        Shape (units,).
    """
    return np.asarray(np.sum(hits / np.maximum(class_sizes, 1) >= threshold, axis=1))


def selectivity(activity: Floats, labels: Counts, classes: int) -> Floats:
    """Return the class selectivity index of each unit, from 0 (all classes alike) to 1 (one class alone).

        S[u] = (m_max - m_rest) / (m_max + m_rest)

    of the mean activity for each class: m_max for the preferred class, m_rest the mean over the others (Morcos,
    Barrett, Rabinowitz & Botvinick, "On the importance of single directions for generalization", ICLR 2018). Negative
    activity counts as 0. A silent unit has 0.

    Args:
        activity: (samples, units).
        labels: (samples,).
        classes: Number of classes; classes without samples are left out.

    Returns:
        Shape (units,).
    """
    return selectivity_of_sums(class_sums(activity, labels, classes), np.bincount(labels, minlength=classes))


def selectivity_of_sums(sums: Floats, class_sizes: Counts) -> Floats:
    """Return the same from `class_sums`, (classes, units), and the number of samples of each class, (classes,)."""
    sampled = class_sizes > 0
    if sampled.sum() < 2:
        return np.zeros(sums.shape[1])
    means = sums[sampled] / class_sizes[sampled, None]
    most = means.max(axis=0)
    rest = (means.sum(axis=0) - most) / (len(means) - 1)
    total = most + rest
    # The rest is a difference of sums, which rounding can bring below zero.
    return np.clip(np.divide(most - rest, total, out=np.zeros_like(total), where=total > 0), 0.0, 1.0)


def sparseness(total: Floats, squares: Floats, number: int) -> Floats:
    """Return how few of n responses r carry the activity, from 0 (all alike) to 1 (one alone).

        S = (1 - (sum of r)^2 / (n sum of r^2)) / (1 - 1 / n),    r = max(activity, 0)

    Over the samples of one unit this is lifetime sparseness, over the units in one sample population sparseness (Treves
    & Rolls, "What determines the capacity of autoassociative memories in the brain?", Network 2, 1991; in this form
    Vinje & Gallant, Science 287, 2000).

    Args:
        total: The sums of r.
        squares: The sums of r^2, of the same shape.
        number: n.

    Returns:
        The same shape; nan where no response is above 0, or n is 1.
    """
    silent = (squares <= 0) | (number < 2)
    ratio = np.divide(total**2, number * squares, out=np.ones(total.shape), where=~silent)
    return np.where(silent, np.nan, np.clip((1 - ratio) / (1 - 1 / max(2, number)), 0.0, 1.0))
