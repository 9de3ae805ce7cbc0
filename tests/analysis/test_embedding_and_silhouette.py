"""Embeddings and their scores: cases worked by hand, other ways to the same number, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from dendrograph import DendrographError
from dendrograph.analysis import embedding_and_silhouette
from dendrograph.analysis.embedding_and_silhouette import EmbeddingSettings, neighbourhood_hit, subset, tables

LABELS = np.repeat([0, 1, 2], 20)
CLOUDS = np.random.default_rng(0).normal(size=(60, 4)) + 10 * np.eye(4)[LABELS]  # three that lie apart


def of(**groups: np.ndarray) -> Callable[[np.ndarray], Mapping[str, np.ndarray]]:
    return lambda rows: {name: values[rows] for name, values in groups.items()}


def score(found: Mapping[str, Any], space: str, measure: str, group: str = "soma") -> Mapping[str, Any]:
    (row,) = (
        row for row in found["embedding"] if (row["group"], row["space"], row["measure"]) == (group, space, measure)
    )
    return row


def test_neighbourhood_hit_by_hand() -> None:
    points = np.array([[0.0], [1.0], [2.5], [10.0], [11.0]])
    labels = np.array([0, 0, 1, 1, 1])
    # The two nearest of each: 1 2, 0 2, 1 0, 4 2, 3 2.
    assert neighbourhood_hit(points, labels, 2) == pytest.approx((1 + 1 + 0 + 2 + 2) / 10)
    assert neighbourhood_hit(points, labels, 1) == pytest.approx(4 / 5)


def test_one_neighbour_hits_as_often_as_a_classifier_of_one_neighbour_is_right() -> None:
    """Leaving one out each time: another way to the same number."""
    points = np.random.default_rng(1).normal(size=(40, 2)) + LABELS[10:50, None]
    found = cross_val_predict(KNeighborsClassifier(1), points, LABELS[10:50], cv=LeaveOneOut())
    assert neighbourhood_hit(points, LABELS[10:50], 1) == pytest.approx(np.mean(found == LABELS[10:50]))


def test_a_sample_is_no_neighbour_of_itself_even_where_others_lie_on_it() -> None:
    assert neighbourhood_hit(np.zeros((2, 3)), np.array([0, 1]), 1) == 0


def test_scores_are_those_of_the_libraries() -> None:
    found = tables(of(soma=CLOUDS), LABELS, EmbeddingSettings(methods=("pca",), repeats=1))
    where = np.array([[row["x"], row["y"]] for row in found["points"]])
    assert [row["sample"] for row in found["points"]] == list(range(60))
    assert [row["label"] for row in found["points"]] == LABELS.tolist()
    assert score(found, "activity", "silhouette")["mean"] == pytest.approx(silhouette_score(CLOUDS, LABELS))
    assert score(found, "pca", "silhouette")["mean"] == pytest.approx(silhouette_score(where, LABELS))
    expected = trustworthiness(CLOUDS, where, n_neighbors=6)
    assert score(found, "pca", "trustworthiness")["mean"] == pytest.approx(expected)
    assert not any(row["space"] == "activity" and row["measure"] == "trustworthiness" for row in found["embedding"])


def test_pca_keeps_the_distances_of_what_lies_in_a_plane() -> None:
    plane = np.random.default_rng(0).normal(size=(60, 2)) @ np.random.default_rng(1).normal(size=(2, 5))
    found = tables(of(soma=plane), LABELS, EmbeddingSettings(methods=("pca",), repeats=1))["points"]
    where = np.array([[row["x"], row["y"]] for row in found])
    between = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    np.testing.assert_allclose(np.linalg.norm(where[:, None] - where[None], axis=2), between, atol=1e-9)


def test_the_interval_is_students() -> None:
    values = [0.2, 0.5, 0.8, 0.4]
    found = embedding_and_silhouette._interval(values)
    low, high = scipy.stats.t.interval(0.95, 3, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert (found["mean"], found["low"], found["high"]) == pytest.approx((np.mean(values), low, high))
    assert np.isnan(embedding_and_silhouette._interval([0.5])["low"])


def test_repeats_draw_other_samples_and_the_same_seed_the_same() -> None:
    noisy = np.random.default_rng(2).normal(size=(60, 3))
    first, again, other = (
        tables(of(soma=noisy), LABELS, EmbeddingSettings(methods=("pca", "tsne"), samples=30, repeats=2, seed=seed))
        for seed in (0, 0, 1)
    )
    assert first == again and first != other
    row = score(first, "tsne", "silhouette")
    assert row["low"] < row["mean"] < row["high"]
    assert (row["samples"], row["repeats"], row["neighbours"]) == (30, 2, 6)
    assert {row["space"] for row in first["points"]} == {"pca", "tsne"} and len(first["points"]) == 60


@given(arrays(np.int64, st.integers(4, 60), elements=st.integers(0, 3)), st.integers(4, 60), st.integers(0, 5))
def test_a_subset_keeps_the_share_of_each_class(labels: np.ndarray, most: int, seed: int) -> None:
    rows = subset(labels, most, seed)
    assert len(rows) == min(most, len(labels)) and (np.diff(rows) > 0).all()
    for label in np.unique(labels):
        share = len(rows) * np.mean(labels == label)
        # Within one of its share for each class that may round the other way.
        assert abs((labels[rows] == label).sum() - share) <= 2
    np.testing.assert_array_equal(rows, subset(labels, most, seed))


def test_a_group_of_one_unit_and_one_that_never_changes() -> None:
    groups = of(one=CLOUDS[:, :1], silent=np.zeros((60, 3)))
    found = tables(groups, LABELS, EmbeddingSettings(methods=("pca", "tsne"), repeats=1))
    assert np.isfinite(score(found, "tsne", "silhouette", "one")["mean"])
    where = np.array([row["y"] for row in found["points"] if row["space"] == "pca"])
    np.testing.assert_allclose(where, 0, atol=1e-12)
    assert all(np.isnan(row["mean"]) for row in found["embedding"] if row["group"] == "silent")
    assert not any(row["group"] == "silent" for row in found["points"])


@pytest.mark.slow
def test_umap_where_it_is_installed() -> None:
    pytest.importorskip("umap")
    first, again = (tables(of(soma=CLOUDS), LABELS, EmbeddingSettings(methods=("umap",), repeats=1)) for _ in range(2))
    assert first["points"] == again["points"]
    assert score(first, "umap", "neighbourhood_hit")["mean"] > 0.95


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_size_of_the_activity_does_not_matter(scale: float) -> None:
    for method in ("pca", "tsne"):
        found = tables(of(soma=scale * CLOUDS), LABELS, EmbeddingSettings(methods=(method,), repeats=1))
        assert score(found, method, "neighbourhood_hit")["mean"] == 1
        assert score(found, "activity", "silhouette")["mean"] == pytest.approx(silhouette_score(CLOUDS, LABELS))


def test_umap_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_and_silhouette, "find_spec", lambda name: None)
    with pytest.raises(DendrographError, match=r"not installed\n  pip install 'dendrograph\[umap\]'"):
        tables(of(soma=CLOUDS), LABELS, EmbeddingSettings(methods=("umap",)))
    embedding_and_silhouette.check_methods(("pca", "tsne"))


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        (LABELS, {"methods": ("tsen",)}, "unknown method 'tsen' of embedding\n  did you mean 'tsne'?"),
        (LABELS, {"methods": ()}, "no embedding method is given"),
        (LABELS, {"methods": ("pca", "pca")}, "is named twice"),
        (LABELS, {"neighbours": 30}, "60 samples are too few to score 30 neighbours"),
        (LABELS, {"samples": 12}, "12 samples are too few to score 6 neighbours.*\n.*or more samples"),
        (LABELS * 0, {}, "all samples have the same class"),
        (np.arange(60), {}, "60 samples are too few for 60 classes"),
        (np.array([1] + 59 * [0]), {"samples": 13}, "all have the same class, since the other classes are rare"),
    ],
)
def test_what_is_refused(labels: np.ndarray, given: dict[str, Any], message: str) -> None:
    with pytest.raises(DendrographError, match=message):
        tables(of(soma=CLOUDS), labels, EmbeddingSettings(**given))
