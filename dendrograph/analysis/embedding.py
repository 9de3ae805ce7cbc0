"""How the classes lie in the activity of each group: embeddings in the plane, and scores of their separation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

SPACE = "activity"  # the group's own space, one axis a unit
DEFAULT = ("pca", "tsne")
SAMPLES, NEIGHBOURS, REPEATS = 1000, 6, 5
PERPLEXITY, UMAP_NEIGHBOURS = 30, 15  # what the libraries take, where there are samples enough
LEVEL = 0.95  # of the intervals


def tables(
    activity: Callable[[Counts], Mapping[str, Floats]],
    labels: Counts,
    methods: Sequence[str] = DEFAULT,
    samples: int = SAMPLES,
    neighbours: int = NEIGHBOURS,
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[str, tuple[Row, ...]]:
    """The tables `embedding`, a row a group, space and score, and `points`, the coordinates of the first repeat.

    Each repeat draws a subset of its own and embeds it with a seed of its own. Scores are means over the repeats, with
    the interval mean ± t s / sqrt(repeats) at 95 %, t Student's with repeats - 1 degrees of freedom: it says how much
    hangs on the choice of samples and on the embedding's random numbers, not how another training would do. With one
    repeat the interval is nan. A group whose activity is the same for all samples has scores of nan, and no points.

    Args:
        activity: gives the activity, (rows, units), of each group at some samples (increasing row numbers).
        labels: of all samples, (samples,).
        methods: of `METHODS`.
        samples: at most so many a repeat.
        neighbours: k of the neighbourhood hit and of trustworthiness.
        repeats: how many.
        seed: of subsets and embeddings.

    Raises:
        DendrographError: there are too few samples or classes, or UMAP is not installed.
    """
    require(methods)
    refuse_too_few(labels, samples, neighbours)
    scores: dict[tuple[str, str, str], list[float]] = {}
    points: list[Row] = []
    used = 0
    for repeat in range(repeats):
        rows = subset(labels, samples, _seed(seed, repeat))
        used = len(rows)
        if len(np.unique(labels[rows])) < 2:
            raise DendrographError(
                f"{used} samples are too few: all are of one class, since the others are rare\n  give more samples"
            )
        for group, values in activity(rows).items():
            for space, where in _spaces(values, methods, _seed(seed, repeat)):
                for measure, score in _scores(values, where, space, labels[rows], neighbours).items():
                    scores.setdefault((group, space, measure), []).append(score)
                if repeat == 0 and space != SPACE and where is not None:
                    points += [
                        {"group": group, "space": space, "sample": row, "label": label, "x": x, "y": y}
                        for row, label, (x, y) in zip(rows.tolist(), labels[rows].tolist(), where.tolist(), strict=True)
                    ]
    table = [
        {"group": group, "space": space, "measure": measure, **_interval(found), "repeats": repeats}
        | {"samples": used, "neighbours": neighbours}
        for (group, space, measure), found in scores.items()
    ]
    return {"embedding": tuple(table), "points": tuple(points)}


def require(methods: Sequence[str]) -> None:
    """Say before the work is done what could not be embedded.

    Raises:
        DendrographError: a method is none, stands twice, or is not installed.
    """
    if not methods:
        raise DendrographError(f"there is no method to embed with\n  {did_you_mean('', METHODS, 'methods')}")
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


def refuse_too_few(labels: Counts, samples: int, neighbours: int) -> None:
    """Say before the work is done that there are too few samples or classes.

    Raises:
        DendrographError: there are.
    """
    drawn = min(samples, len(labels))
    if drawn <= 2 * neighbours:
        raise DendrographError(
            f"{drawn} samples are too few to score {neighbours} neighbours: there must be more than twice as many\n"
            f"  give fewer neighbours{', or more samples' if samples < len(labels) else ''}"
        )
    classes = len(np.unique(labels))
    if classes < 2:
        raise DendrographError(
            "all samples are of one class, and how far classes lie apart takes two\n  leave the part 'embedding' out"
        )
    if drawn < 2 * classes:
        raise DendrographError(
            f"{drawn} samples are too few for {classes} classes: there must be at least two of each\n  "
            + (f"give at least {2 * classes} samples" if samples < len(labels) else "leave the part 'embedding' out")
        )


def subset(labels: Counts, most: int, seed: int) -> Counts:
    """Rows of at most so many samples, drawn at random so that each class keeps its share, in increasing order."""
    rng = np.random.default_rng(seed)
    share = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        share[rows] = (rng.permutation(len(rows)) + 0.5) / len(rows)
    # Each class's members are spread evenly from 0 to 1: the first of all hold each class by its share.
    return np.sort(np.lexsort((rng.permutation(len(labels)), share))[:most])


def neighbourhood_hit(points: Floats, labels: Counts, neighbours: int) -> float:
    """The mean share of a point's k nearest neighbours, itself left out, that are of its class.

    Paulovich, Nonato, Minghim & Levkowitz, "Least square projection", IEEE TVCG 14, 2008. By chance alone it is the
    sum of the squares of the classes' shares.

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
    # It starts from PCA, as t-SNE does here: its own start warns where the samples fall into islands.
    umap = UMAP(n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1)
    return umap.fit_transform(_within_one(values))


def _within_one(values: Floats) -> Floats:
    """The same from -1 to 1, about the mean: nothing changes but that single precision, to which it comes, holds it."""
    centred = values - values.mean(axis=0)
    return centred / np.abs(centred).max()


METHODS: Mapping[str, Callable[[Floats, int], Floats]] = {"pca": _pca, "tsne": _tsne, "umap": _umap}


def _spaces(values: Floats, methods: Sequence[str], seed: int) -> Iterator[tuple[str, Floats | None]]:
    """The activity itself and each embedding of it, (samples, axes); None where it is the same for all samples."""
    from threadpoolctl import threadpool_limits

    if float(np.ptp(values, axis=0).max()) <= 0:
        yield from ((space, None) for space in (SPACE, *methods))
        return
    yield SPACE, values
    wide = np.pad(values, ((0, 0), (0, max(0, 2 - values.shape[1]))))  # one unit alone has no plane: it gets an axis
    with threadpool_limits(1):  # sums of several threads differ in the last digits, and t-SNE grows them
        for method in methods:
            yield method, np.asarray(METHODS[method](wide, seed), dtype=np.float64)


def _scores(values: Floats, where: Floats | None, space: str, labels: Counts, neighbours: int) -> dict[str, float]:
    from sklearn.manifold import trustworthiness
    from sklearn.metrics import silhouette_score

    kept = ("trustworthiness",) if space != SPACE else ()
    if where is None:
        return dict.fromkeys(("silhouette", "neighbourhood_hit", *kept), float("nan"))
    found = {
        "silhouette": float(silhouette_score(where, labels)),
        "neighbourhood_hit": neighbourhood_hit(where, labels, neighbours),
    }
    return found | {name: float(trustworthiness(values, where, n_neighbors=neighbours)) for name in kept}


def _interval(found: Sequence[float]) -> dict[str, float]:
    """Mean of the repeats and the ends of its interval, by Student's t."""
    from scipy.stats import t

    mean = float(np.mean(found))
    if len(found) < 2:
        return {"mean": mean, "low": float("nan"), "high": float("nan")}
    half = float(t.ppf((1 + LEVEL) / 2, len(found) - 1) * np.std(found, ddof=1) / np.sqrt(len(found)))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _seed(seed: int, repeat: int) -> int:
    return int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0])
