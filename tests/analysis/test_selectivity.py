"""Measures of activity against cases worked out by hand, and against scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics.cluster import contingency_matrix

from dendrograph.analysis import selectivity

LABELS = np.array([0, 0, 1, 1, 2])
# Four units: of class 0 alone, of all classes, of none, of classes 1 and 2.
ACTIVITY = np.array([[2.0, 1, -1, 0], [4.0, 1, 0, 0], [0.0, 1, 0, 1], [0.0, 1, -3, 3], [0.0, 1, 0, 2]])


def test_hits_by_hand() -> None:
    hits = selectivity.hit_matrix(ACTIVITY > 0, LABELS, 3)
    np.testing.assert_array_equal(hits, [[2, 0, 0], [2, 2, 1], [0, 0, 0], [0, 2, 1]])


def test_entropy_by_hand() -> None:
    hits = selectivity.hit_matrix(ACTIVITY > 0, LABELS, 3)
    third = -(2 / 3) * np.log2(2 / 3) - (1 / 3) * np.log2(1 / 3)
    np.testing.assert_allclose(selectivity.node_entropy(hits), [0, 0.8 * np.log2(2.5) + 0.2 * np.log2(5), 0, third])
    silent = selectivity.node_entropy_with_silence(hits, 5)
    two, three = -0.4 * np.log2(0.4), -0.6 * np.log2(0.6)
    np.testing.assert_allclose(silent, [two + three, 2 * two - 0.2 * np.log2(0.2), 0, 2 * two - 0.2 * np.log2(0.2)])


def test_selectivity_by_hand() -> None:
    # Means to the classes: 3, 0, 0; 1, 1, 1; 0, 0, 0; 0, 2, 2.
    np.testing.assert_allclose(selectivity.selectivity(ACTIVITY, LABELS, 3), [1, 0, 0, (2 - 1) / (2 + 1)])
    np.testing.assert_array_equal(selectivity.selectivity(ACTIVITY[:2], LABELS[:2], 3), [0, 0, 0, 0])


def test_classes_that_a_unit_answers_to() -> None:
    hits = selectivity.hit_matrix(ACTIVITY > 0, LABELS, 3)
    np.testing.assert_array_equal(selectivity.preferred_classes(hits, np.array([2, 2, 1]), 0.5), [1, 3, 0, 2])
    hits = selectivity.hit_matrix(ACTIVITY > 1, LABELS, 3)
    np.testing.assert_array_equal(selectivity.preferred_classes(hits, np.array([2, 2, 1]), 0.5), [1, 0, 0, 2])
    np.testing.assert_array_equal(selectivity.preferred_classes(hits, np.array([2, 2, 1]), 0.6), [1, 0, 0, 1])


@given(arrays(bool, (40, 3)), arrays(np.int64, 40, elements=st.integers(0, 3)))
def test_hits_and_entropy_agree_with_other_libraries(active: np.ndarray, labels: np.ndarray) -> None:
    hits = selectivity.hit_matrix(active, labels, 4)
    for unit in range(3):
        table = contingency_matrix(active[:, unit], labels)
        on = table[-1] if active[:, unit].any() else np.zeros(table.shape[1])
        np.testing.assert_array_equal(hits[unit][np.unique(labels)], on)
    with np.errstate(invalid="ignore"):
        expected = np.nan_to_num(scipy.stats.entropy(hits, base=2, axis=1))
    np.testing.assert_allclose(selectivity.node_entropy(hits), expected, atol=1e-12)
    silent = np.concatenate([hits, 40 - hits.sum(1, keepdims=True)], axis=1)
    found = selectivity.node_entropy_with_silence(hits, 40)
    np.testing.assert_allclose(found, scipy.stats.entropy(silent, base=2, axis=1), atol=1e-12)


def test_selectivity_of_sums_leaves_out_classes_without_samples() -> None:
    sums = selectivity.class_sums(ACTIVITY, LABELS, 5)
    np.testing.assert_array_equal(sums[:, 0], [6, 0, 0, 0, 0])
    np.testing.assert_allclose(sums[:, 3], [0, 4, 2, 0, 0])
    sizes = np.bincount(LABELS, minlength=5)
    expected = selectivity.selectivity(ACTIVITY, LABELS, 3)
    np.testing.assert_allclose(selectivity.selectivity_of_sums(sums, sizes), expected)


def test_sparseness_by_hand() -> None:
    def of(*responses: float) -> float:
        one = np.array(responses)
        return float(selectivity.sparseness(np.array([one.sum()]), np.array([np.square(one).sum()]), len(one))[0])

    assert of(3, 0, 0, 0) == 1
    assert of(2, 2, 2) == 0
    # (1 - 36 / (3 * 14)) / (1 - 1/3)
    assert of(1, 2, 3) == pytest.approx(3 / 14)
    assert np.isnan(of(0, 0)) and np.isnan(of(4))
