"""Separation of the classes in the activity of each group: embeddings in the plane, silhouette and other scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

SPACE = "activity"  # the space of the group itself, with one axis per unit
PERPLEXITY, UMAP_NEIGHBOURS = 30, 15  # the defaults of the libraries, for enough samples
LEVEL = 0.95  # of the intervals


@dataclass(frozen=True, kw_only=True)
class EmbeddingSettings:
    """The settings of embeddings and their scores.

    Attributes:
        methods: Names in `METHODS`.
        samples: Maximal number of samples in a repeat.
        neighbours: k of the neighbourhood hit and of trustworthiness.
        repeats: Number of repeats.
        seed: Seed of subsets and embeddings.
    """

    methods: Sequence[str] = ("pca", "tsne")
    samples: int = 1000
    neighbours: int = 6
    repeats: int = 5
    seed: int = 0


DEFAULT = EmbeddingSettings()


def tables(
    activity: Callable[[Counts], Mapping[str, Floats]], labels: Counts, settings: EmbeddingSettings = DEFAULT
) -> dict[str, tuple[Row, ...]]:
    """Return the tables `embedding`, a row per group, space and score, and `points`, the first repeat's coordinates.

    Each repeat draws its own subset of samples and embeds it with its own seed. A score is the mean over the repeats
    with the interval mean ± t s / sqrt(repeats) at 95 %, where t is Student's with repeats - 1 degrees of freedom. The
    interval covers the choice of samples and the random numbers of the embedding, but not another training. It is nan
    for one repeat. A group with the same activity for all samples has scores of nan and no points.

    Args:
        activity: Returns the activity, (rows, units), of each group for increasing row numbers of samples.
        labels: The labels of all samples, (samples,).
        settings: Methods, numbers of samples, neighbours and repeats, and the seed.

    Raises:
        DendrographError: There are too few samples or classes, or UMAP is not installed.
    """
    check_methods(settings.methods)
    check_enough_samples(labels, settings)
    scores: dict[tuple[str, str, str], list[float]] = {}
    points: list[Row] = []
    used = 0
    for repeat in range(settings.repeats):
        seed = int(np.random.SeedSequence([settings.seed, repeat]).generate_state(1)[0])
        rows = subset(labels, settings.samples, seed)
        used = len(rows)
        if len(np.unique(labels[rows])) < 2:
            raise DendrographError(
                f"{used} samples are too few: all have the same class, since the other classes are rare\n"
                "  give more samples"
            )
        for group, values in activity(rows).items():
            for space, where in _spaces(values, settings.methods, seed):
                for measure, score in _scores(values, where, space, labels[rows], settings.neighbours).items():
                    scores.setdefault((group, space, measure), []).append(score)
                if repeat == 0 and space != SPACE and where is not None:
                    points += [
                        {"group": group, "space": space, "sample": row, "label": label, "x": x, "y": y}
                        for row, label, (x, y) in zip(rows.tolist(), labels[rows].tolist(), where.tolist(), strict=True)
                    ]
    table = [
        {"group": group, "space": space, "measure": measure, **_interval(values), "repeats": settings.repeats}
        | {"samples": used, "neighbours": settings.neighbours}
        for (group, space, measure), values in scores.items()
    ]
    return {"embedding": tuple(table), "points": tuple(points)}


def check_methods(methods: Sequence[str]) -> None:
    """Check the names of embedding methods before the work begins.

    Raises:
        DendrographError: A method is unknown, named twice or not installed, or there is none.
    """
    if not methods:
        raise DendrographError(f"no embedding method is given\n  {did_you_mean('', METHODS, 'methods')}")
    for position, method in enumerate(methods):
        if method not in METHODS:
            raise DendrographError(
                f"unknown method '{clip(str(method))}' of embedding\n  {did_you_mean(method, METHODS, 'methods')}"
            )
        if method in methods[:position]:
            raise DendrographError(f"the method '{method}' of embedding is named twice\n  name it once")
    if "umap" in methods and find_spec("umap") is None:
        raise DendrographError(
            "umap: umap-learn is not installed\n  pip install 'dendrograph[umap]', or embed with pca and tsne"
        )


def check_enough_samples(labels: Counts, settings: EmbeddingSettings) -> None:
    """Check the numbers of samples and classes before the work begins.

    Raises:
        DendrographError: There are too few samples or classes.
    """
    samples = min(settings.samples, len(labels))
    limited = samples < len(labels)
    if samples <= 2 * settings.neighbours:
        raise DendrographError(
            f"{samples} samples are too few to score {settings.neighbours} neighbours: more than twice as many are "
            f"needed\n  give fewer neighbours{', or more samples' if limited else ''}"
        )
    classes = len(np.unique(labels))
    if classes < 2:
        raise DendrographError(
            "all samples have the same class, and the separation of classes needs two\n  leave the part 'embedding' out"
        )
    if samples < 2 * classes:
        raise DendrographError(
            f"{samples} samples are too few for {classes} classes: at least two of each are needed\n  "
            + (f"give at least {2 * classes} samples" if limited else "leave the part 'embedding' out")
        )


def subset(labels: Counts, most: int, seed: int) -> Counts:
    """Draw at most this many samples at random, with the classes in their shares, and return their increasing rows."""
    rng = np.random.default_rng(seed)
    share = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        share[rows] = (rng.permutation(len(rows)) + 0.5) / len(rows)
    # The samples of each class are spread evenly from 0 to 1, so that the first samples of all hold each class's share.
    return np.sort(np.lexsort((rng.permutation(len(labels)), share))[:most])


def neighbourhood_hit(points: Floats, labels: Counts, neighbours: int) -> float:
    """Return the mean share of the k nearest neighbours of a point, without itself, that have its class.

    Paulovich, Nonato, Minghim & Levkowitz, "Least square projection", IEEE TVCG 14, 2008. By chance it is the sum of
    the squares of the shares of the classes.

    Args:
        points: (samples, axes).
        labels: (samples,).
        neighbours: k.
    """
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=neighbours).fit(points).kneighbors(return_distance=False)
    return float(np.mean(labels[near] == labels[:, None]))


def _pca(values: Floats, seed: int) -> Floats:
    from sklearn.decomposition import PCA

    return PCA(n_components=2, random_state=seed).fit_transform(values)


def _tsne(values: Floats, seed: int) -> Floats:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    tsne = TSNE(n_components=2, init="pca", perplexity=perplexity, random_state=seed, n_jobs=1)
    return tsne.fit_transform(_within_one(values))


def _umap(values: Floats, seed: int) -> Floats:
    from umap import UMAP

    neighbours = min(UMAP_NEIGHBOURS, len(values) - 1)
    # It starts from PCA, as t-SNE does here, because its own start warns where the samples form islands.
    umap = UMAP(n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1)
    return umap.fit_transform(_within_one(values))


def _within_one(values: Floats) -> Floats:
    """Centre the values and scale them to [-1, 1], which single precision can hold."""
    centred = values - values.mean(axis=0)
    return centred / np.abs(centred).max()


METHODS: Mapping[str, Callable[[Floats, int], Floats]] = {"pca": _pca, "tsne": _tsne, "umap": _umap}


def _spaces(values: Floats, methods: Sequence[str], seed: int) -> Iterator[tuple[str, Floats | None]]:
    """Return the activity and each embedding of it, (samples, axes); None where all samples have the same activity."""
    from threadpoolctl import threadpool_limits

    if float(np.ptp(values, axis=0).max()) <= 0:
        yield from ((space, None) for space in (SPACE, *methods))
        return
    yield SPACE, values
    wide = np.pad(values, ((0, 0), (0, max(0, 2 - values.shape[1]))))  # a single unit gets a second axis
    with threadpool_limits(1):  # several threads round differently, and t-SNE amplifies it
        for method in methods:
            yield method, np.asarray(METHODS[method](wide, seed), dtype=np.float64)


def _scores(values: Floats, where: Floats | None, space: str, labels: Counts, neighbours: int) -> dict[str, float]:
    from sklearn.manifold import trustworthiness
    from sklearn.metrics import silhouette_score

    kept = ("trustworthiness",) if space != SPACE else ()
    if where is None:
        return dict.fromkeys(("silhouette", "neighbourhood_hit", *kept), float("nan"))
    scores = {
        "silhouette": float(silhouette_score(where, labels)),
        "neighbourhood_hit": neighbourhood_hit(where, labels, neighbours),
    }
    return scores | {name: float(trustworthiness(values, where, n_neighbors=neighbours)) for name in kept}


def _interval(values: Sequence[float]) -> dict[str, float]:
    """Return the mean of the repeats and the ends of its interval, by Student's t."""
    from scipy.stats import t

    mean = float(np.mean(values))
    if len(values) < 2:
        return {"mean": mean, "low": float("nan"), "high": float("nan")}
    half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return {"mean": mean, "low": mean - half, "high": mean + half}
