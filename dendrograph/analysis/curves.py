"""The curves of a robustness table, accuracy against the level of a disturbance, and two numbers for each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.tables import Row
from dendrograph.draw.plots.robustness import curves


def area(levels: Sequence[float], accuracy: Sequence[float]) -> float:
    """The mean accuracy over the range of levels: the area under the curve by trapezoids, over the range.

        A = sum over k of (a[k] + a[k + 1]) / 2 (x[k + 1] - x[k])  /  (x[last] - x[first])

    Args:
        levels: in any order, each once.
        accuracy: of each.

    Returns:
        nan of a single level.
    """
    from scipy.integrate import trapezoid

    x, y = _curve(levels, accuracy)
    return float(trapezoid(y, x) / (x[-1] - x[0])) if len(x) > 1 else float("nan")


def half_level(levels: Sequence[float], accuracy: Sequence[float], chance_level: float) -> float:
    """The first level at which half of the accuracy above chance is lost, between two levels by a straight line.

        a(x) = c + (a[first] - c) / 2,    c what chance gives, a[first] the accuracy at the lowest level

    Returns:
        nan where that is never reached, and where the first accuracy is not above chance.
    """
    x, y = _curve(levels, accuracy)
    half = chance_level + (y[0] - chance_level) / 2
    below = np.flatnonzero(y <= half)
    if not y[0] > chance_level or not len(below):
        return float("nan")
    last = int(below[0])
    before = last - 1
    return float(x[before] + (x[last] - x[before]) * (y[before] - half) / (y[before] - y[last]))


def summary(rows: Sequence[Row], classes: int) -> tuple[Row, ...]:
    """A row for each curve of a table of noise, occlusion or lesions: two numbers that stand for it.

    Accuracy is averaged over the repeats first. Chance is 1 / classes.

    Args:
        rows: as the measures give them.
        classes: among which the samples are told apart, such as those of their labels.

    Returns:
        Rows with what tells the curves apart (kind, name, trained_sigma, as far as the table has it), area, half_level.

    Raises:
        DendrographError: the table is none of these.
    """
    if type(classes) is not int or classes < 1:
        raise DendrographError(f"classes: found {clip(repr(classes))}\n  give how many the samples have, such as 10")
    found: list[Row] = []
    for about, levels, accuracies in curves(rows):
        means = [float(np.mean(one)) for one in accuracies]
        found.append({**about, "area": area(levels, means), "half_level": half_level(levels, means, 1 / classes)})
    return tuple(found)


def _curve(levels: Sequence[float], accuracy: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(levels, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x) or len(np.unique(x)) < len(x):
        raise DendrographError(
            f"no curve: {x.size} levels and {y.size} accuracies\n  give each level once, and an accuracy for each"
        )
    order = np.argsort(x)
    return x[order], y[order]
