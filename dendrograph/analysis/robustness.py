"""Robustness: accuracy and loss under noise and occlusion of the input, and the summary of such a curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.analysis.activity import evaluating
from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.tables import Row
from dendrograph.data.batches import add_noise, batches
from dendrograph.data.dataset import Split
from dendrograph.draw.plots.robustness import curves
from dendrograph.graph.compiler import check_whole_number
from dendrograph.graph.wiring import stream
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.evaluation import evaluate

# Purposes of the random streams, after those of the compiler (0 and 1) and of the initial weights (2).
_ROBUSTNESS = 3
NOISE, OCCLUSION, LESIONS, SINGLE_LESIONS = range(4)


# Shared with the lesions: random numbers, scores and checks of arguments


def random_stream(seed: int, measure: int, *numbers: int) -> np.random.Generator:
    """Return the random numbers of one draw of a measure, which depend on these arguments only."""
    return stream(seed, _ROBUSTNESS, measure, *numbers)


def accuracy_and_loss(network: DendriticNetwork, split: Split, scale: float) -> dict[str, float]:
    """Return the two last columns of every measure."""
    evaluation = evaluate(network, split, scale)
    return {"accuracy": evaluation.accuracy, "loss": evaluation.loss}


def check_samples(network: DendriticNetwork, split: Split, scale: float) -> None:
    """Check that the network can take the samples.

    Raises:
        DendrographError: There are no samples, their shape or type does not fit, or a label has no output unit.
    """
    if not _is_number(scale) or scale <= 0:
        raise DendrographError(f"scale: found {scale!r}, which cannot divide bytes\n  give `dataset.scale`")
    if not len(split):
        raise DendrographError("there are no samples to measure robustness on\n  give a split with samples")
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= network.graph.classes:
        raise DendrographError(
            f"labels run from {low} to {high}, and the network has {network.graph.classes} classes\n"
            "  labels are numbered from 0; build the network with classes=data.classes"
        )
    first, _ = next(batches(split, scale, 1, torch.arange(1), next(network.parameters()).device))
    try:
        with evaluating(network):
            network(first)
    except ValueError as error:
        raise DendrographError(
            f"the samples do not fit the network: {error}\n  build it with inputs=data.shapes; samples come as float32"
        ) from None


def check_levels(name: str, values: Iterable[float], most: float = math.inf) -> tuple[float, ...]:
    """Return the levels of a disturbance as floats, from 0 to `most`.

    Raises:
        DendrographError: A level is out of range or repeated, or there is none.
    """
    allowed = "numbers of 0 or more" if most == math.inf else f"shares from 0 to {most:g}"
    try:
        listed: list[Any] = list(values)
    except TypeError:
        raise DendrographError(f"{name}: found {clip(repr(values))}\n  give a list of {allowed}") from None
    wrong = [value for value in listed if not (_is_number(value) and 0 <= value <= most)]
    if wrong:
        raise DendrographError(f"{name}: found {clip(repr(wrong[0]))}\n  give a list of {allowed}")
    if not listed:
        raise DendrographError(f"{name}: the list is empty\n  give a list of {allowed}")
    levels = tuple(float(value) for value in listed)
    if len(set(levels)) < len(levels):
        repeated = next(value for value in levels if levels.count(value) > 1)
        raise DendrographError(f"{name}: found {repeated:g} twice\n  give each level once; `repeats` measures it again")
    return levels


def _is_number(value: object) -> bool:
    """Return whether a value is a finite real number, of Python or NumPy."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return real and math.isfinite(value)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The random draws of a measure.

    Attributes:
        repeats: Number of draws at each level.
        seed: Seed of the draws.

    Raises:
        DendrographError: A value is not an integer or is out of range.
    """

    repeats: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "repeats", check_whole_number("repeats", self.repeats, 1))
        object.__setattr__(self, "seed", check_whole_number("seed", self.seed, 0))


# Disturbances of the input


def noise(
    network: DendriticNetwork,
    split: Split,
    scale: float,
    levels: Iterable[float] = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0),
    draws: Draws = Draws(),
    trained_sigma: float = 0.0,
) -> tuple[Row, ...]:
    """Measure accuracy and loss under Gaussian noise that is clipped to [0, 1] (`data.add_noise`).

    In one repeat, every level and every network gets the same noise, scaled, so that curves can be compared in pairs.

    Args:
        network: Trained or untrained; it is not changed.
        split: Samples without noise, within [0, 1] once scaled.
        scale: Divisor of bytes (`Dataset.scale`).
        levels: Standard deviations of the noise.
        draws: Repeats and seed of the noise.
        trained_sigma: The noise during training (`TrainConfig.noise`), which is written to every row.

    Returns:
        Rows with sigma, repeat, accuracy, loss, trained_sigma.

    Raises:
        DendrographError: An argument is not allowed, or inputs are outside [0, 1].
    """
    check_samples(network, split, scale)
    sigmas = check_levels("levels", levels)
    if not (_is_number(trained_sigma) and trained_sigma >= 0):
        raise DendrographError(f"trained_sigma: found {clip(repr(trained_sigma))}\n  give a number of at least 0")
    rows = []
    for sigma in sigmas:
        for repeat in range(draws.repeats):
            noise_seed = int(random_stream(draws.seed, NOISE, repeat).integers(2**63))
            scores = accuracy_and_loss(network, add_noise(split, scale, sigma, noise_seed), scale)
            rows.append({"sigma": sigma, "repeat": repeat, **scores, "trained_sigma": float(trained_sigma)})
    return tuple(rows)


def occlusion(
    network: DendriticNetwork,
    split: Split,
    scale: float,
    shares: Iterable[float] = (0.0, 0.1, 0.2, 0.3, 0.5),
    draws: Draws = Draws(),
) -> tuple[Row, ...]:
    """Measure accuracy and loss where a patch of each sample is hidden; `occluded` defines the patch.

    The patches depend on the samples and the seed only, so that every network sees the same patches.

    Args:
        network: Trained or untrained; it is not changed.
        split: Samples and labels.
        scale: Divisor of bytes (`Dataset.scale`).
        shares: Shares of the units that are hidden, from 0 to 1.
        draws: Repeats and seed of the places.

    Returns:
        Rows with share, repeat, covered (the hidden share in whole pixels), accuracy, loss.

    Raises:
        DendrographError: An argument is not allowed.
    """
    check_samples(network, split, scale)
    levels = check_levels("shares", shares, 1.0)
    rows = []
    for share in levels:
        for repeat in range(draws.repeats):
            hidden, covered = occluded(split, share, repeat, draws.seed)
            scores = accuracy_and_loss(network, hidden, scale)
            rows.append({"share": share, "repeat": repeat, "covered": covered, **scores})
    return tuple(rows)


def occluded(split: Split, share: float, repeat: int = 0, seed: int = 0) -> tuple[Split, float]:
    """Set a patch of each sample to zero, at a random place.

    On an image of height H and width W the patch has round(H sqrt(share)) rows and round(W sqrt(share)) columns, and at
    least one of each where the share is above 0. It covers all channels and lies inside the image; all places are
    equally likely. Axes of length one do not count. A stream that is no image loses round(share n) neighbouring units
    of its n units. Several streams are hidden at once, each at its own places.

    The places of a smaller and a larger share use the same random numbers, so that a patch grows where it was.

    Returns:
        The samples, and the hidden share of the units of all streams.
    """
    (share,) = check_levels("share", (share,), 1.0)
    inputs: dict[str, Tensor] = {}
    units = hidden = 0
    for number, (name, tensor) in enumerate(split.inputs.items()):
        places = random_stream(seed, OCCLUSION, repeat, number).random((2, len(split)))
        grid = _grid(tuple(tensor.shape[1:]))
        sides = _patch_sides(grid, share)
        rows, columns = (_covered(side, length, place) for side, length, place in zip(sides, grid, places, strict=True))
        patch = torch.from_numpy(rows[:, :, None] & columns[:, None, :]).to(tensor.device)
        pixels = tensor.reshape(len(split), grid[0], grid[1], -1)
        inputs[name] = pixels.masked_fill(patch.unsqueeze(3), 0).reshape(tensor.shape)
        units += tensor[0].numel()
        hidden += sides[0] * sides[1] * pixels.shape[3]
    return Split(inputs, split.labels), hidden / units


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the height and width of a sample; a sample that is no image is one row of units."""
    sides = [side for side in shape if side != 1]
    return (sides[0], sides[1]) if len(sides) in (2, 3) else (1, math.prod(shape))


def _patch_sides(grid: tuple[int, int], share: float) -> tuple[int, int]:
    """Return the rows and columns of the patch."""
    if share == 0:
        return 0, 0
    if grid[0] == 1:
        return 1, max(1, round_half_up(share * grid[1]))
    return max(1, round_half_up(grid[0] * share**0.5)), max(1, round_half_up(grid[1] * share**0.5))


def round_half_up(number: float) -> int:
    """Round to the nearest integer, halves up."""
    return int(np.floor(number + 0.5))


def _covered(side: int, length: int, place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of `length` pixels a patch of this side covers. Shape (samples, length)."""
    start = np.floor(place * (length - side + 1)).astype(np.int64)[:, None]
    pixels = np.arange(length)[None, :]
    return (pixels >= start) & (pixels < start + side)


# Summary of a curve of accuracy against the level of a disturbance


def area(levels: Sequence[float], accuracy: Sequence[float]) -> float:
    """Return the mean accuracy over the range of levels: the area under the curve by trapezoids, over the range.

        A = sum over k of (a[k] + a[k + 1]) / 2 (x[k + 1] - x[k])  /  (x[last] - x[first])

    Args:
        levels: In any order, without repetition.
        accuracy: The accuracy at each level.

    Returns:
        The area, or nan for a single level.
    """
    from scipy.integrate import trapezoid

    x, y = _sorted_curve(levels, accuracy)
    return float(trapezoid(y, x) / (x[-1] - x[0])) if len(x) > 1 else float("nan")


def half_level(levels: Sequence[float], accuracy: Sequence[float], chance_level: float) -> float:
    """Return the lowest level at which half of the accuracy above chance is lost, by linear interpolation.

        a(x) = c + (a[first] - c) / 2,    c the accuracy of chance, a[first] the accuracy at the lowest level

    Returns:
        The level, or nan where it is never reached or the first accuracy is not above chance.
    """
    x, y = _sorted_curve(levels, accuracy)
    half = chance_level + (y[0] - chance_level) / 2
    below = np.flatnonzero(y <= half)
    if not y[0] > chance_level or not len(below):
        return float("nan")
    last = int(below[0])
    before = last - 1
    return float(x[before] + (x[last] - x[before]) * (y[before] - half) / (y[before] - y[last]))


def summary(rows: Sequence[Row], classes: int) -> tuple[Row, ...]:
    """Summarise each curve of a table of noise, occlusion or lesions by two numbers.

    Accuracy is averaged over the repeats first. Chance is 1 / classes.

    Args:
        rows: Rows of `noise`, `occlusion` or `lesions`.
        classes: Number of classes of the samples.

    Returns:
        Rows with the columns that distinguish the curves (kind, name, trained_sigma), area and half_level.

    Raises:
        DendrographError: The table is of another kind.
    """
    if type(classes) is not int or classes < 1:
        raise DendrographError(f"classes: found {clip(repr(classes))}\n  give the number of classes, such as 10")
    result: list[Row] = []
    for about, levels, accuracies in curves(rows):
        means = [float(np.mean(one)) for one in accuracies]
        result.append({**about, "area": area(levels, means), "half_level": half_level(levels, means, 1 / classes)})
    return tuple(result)


def _sorted_curve(
    levels: Sequence[float], accuracy: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(levels, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x) or len(np.unique(x)) < len(x):
        raise DendrographError(
            f"no curve: {x.size} levels and {y.size} accuracies\n  give each level once, and an accuracy for each"
        )
    order = np.argsort(x)
    return x[order], y[order]
