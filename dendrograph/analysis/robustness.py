"""How much of its accuracy a network keeps when its input is disturbed: noise, and patches that hide a part.

What is removed from the network itself stands in lesions.py and single_lesions.py, and what a curve comes to in
curves.py; all can be imported from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.analysis.curves import area, half_level, summary
from dendrograph.analysis.disturbance import (
    NOISE,
    OCCLUSION,
    chance,
    hold_levels,
    hold_samples,
    hold_whole,
    is_number,
    outcome,
)
from dendrograph.analysis.lesions import lesioned, lesions
from dendrograph.analysis.single_lesions import single_lesions
from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.tables import Row
from dendrograph.data.batches import add_noise
from dendrograph.data.dataset import Split
from dendrograph.network.network import DendriticNetwork

__all__ = ["area", "half_level", "lesioned", "lesions", "noise", "occluded", "occlusion", "single_lesions", "summary"]


def noise(
    network: DendriticNetwork,
    split: Split,
    scale: float,
    levels: Iterable[float] = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0),
    repeats: int = 3,
    seed: int = 0,
    trained_sigma: float = 0.0,
) -> tuple[Row, ...]:
    """Accuracy and loss under Gaussian noise of each standard deviation, clipped to [0, 1] (`data.add_noise`).

    In one repeat every level, and every network, sees the same noise, scaled: curves are compared pair by pair.

    Args:
        network: trained or not; it is left as it is.
        split: samples without noise, within [0, 1] once scaled.
        scale: what bytes are divided by (`Dataset.scale`).
        levels: standard deviations.
        repeats: draws of the noise.
        seed: of the draws.
        trained_sigma: the noise that the network was trained with (`TrainConfig.noise`): it is noted in every row.

    Returns:
        Rows with sigma, repeat, accuracy, loss, trained_sigma.

    Raises:
        DendrographError: an argument is not allowed, or inputs are not within [0, 1].
    """
    hold_samples(network, split, scale)
    sigmas = hold_levels("levels", levels)
    repeats, seed = hold_whole("repeats", repeats, 1), hold_whole("seed", seed, 0)
    if not (is_number(trained_sigma) and trained_sigma >= 0):
        raise DendrographError(f"trained_sigma: found {clip(repr(trained_sigma))}\n  give a number of at least 0")
    rows = []
    for sigma in sigmas:
        for repeat in range(repeats):
            drawn = int(chance(seed, NOISE, repeat).integers(2**63))
            found = outcome(network, add_noise(split, scale, sigma, drawn), scale)
            rows.append({"sigma": sigma, "repeat": repeat, **found, "trained_sigma": float(trained_sigma)})
    return tuple(rows)


def occlusion(
    network: DendriticNetwork,
    split: Split,
    scale: float,
    shares: Iterable[float] = (0.0, 0.1, 0.2, 0.3, 0.5),
    repeats: int = 3,
    seed: int = 0,
) -> tuple[Row, ...]:
    """Accuracy and loss where a patch of each sample is hidden; see `occluded` for what a patch is.

    The patches depend on the samples and the seed alone: every network sees the same ones.

    Args:
        network: trained or not; it is left as it is.
        split: samples and labels.
        scale: what bytes are divided by (`Dataset.scale`).
        shares: of the units that are hidden, from 0 to 1.
        repeats: draws of the places.
        seed: of the draws.

    Returns:
        Rows with share, repeat, covered (the share that whole pixels make of it), accuracy, loss.

    Raises:
        DendrographError: an argument is not allowed.
    """
    hold_samples(network, split, scale)
    levels = hold_levels("shares", shares, 1.0)
    repeats, seed = hold_whole("repeats", repeats, 1), hold_whole("seed", seed, 0)
    rows = []
    for share in levels:
        for repeat in range(repeats):
            hidden, covered = occluded(split, share, repeat, seed)
            rows.append({"share": share, "repeat": repeat, "covered": covered, **outcome(network, hidden, scale)})
    return tuple(rows)


def occluded(split: Split, share: float, repeat: int = 0, seed: int = 0) -> tuple[Split, float]:
    """Samples with a patch of zeros each, at a place of its own.

    On an image of height H and width W the patch has round(H sqrt(share)) rows and round(W sqrt(share)) columns, but at
    least one of each where share is above 0: a square on a square image. It takes all channels and lies wholly inside,
    each place being as likely as another. Axes of one do not count. A stream that is no image loses round(share n) of
    its n units, next to each other. Several streams are hidden at once, each at places of its own.

    Places of a smaller and a larger share are drawn by the same numbers: a sample's patch grows about where it was.

    Returns:
        The samples, and the share of their units that is 0 now, all streams together.
    """
    (share,) = hold_levels("share", (share,), 1.0)
    inputs: dict[str, Tensor] = {}
    units = hidden = 0
    for number, (stream, tensor) in enumerate(split.inputs.items()):
        drawn = chance(seed, OCCLUSION, repeat, number).random((2, len(split)))
        grid = _grid(tuple(tensor.shape[1:]))
        sides = _sides(grid, share)
        down, across = (_within(side, length, place) for side, length, place in zip(sides, grid, drawn, strict=True))
        patch = torch.from_numpy(down[:, :, None] & across[:, None, :]).to(tensor.device)
        pixels = tensor.reshape(len(split), grid[0], grid[1], -1)
        inputs[stream] = pixels.masked_fill(patch.unsqueeze(3), 0).reshape(tensor.shape)
        units += tensor[0].numel()
        hidden += sides[0] * sides[1] * pixels.shape[3]
    return Split(inputs, split.labels), hidden / units


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a sample; what is no image is one row of units."""
    sides = [side for side in shape if side != 1]
    return (sides[0], sides[1]) if len(sides) in (2, 3) else (1, math.prod(shape))


def _sides(grid: tuple[int, int], share: float) -> tuple[int, int]:
    """Rows and columns of the patch."""
    if share == 0:
        return 0, 0
    if grid[0] == 1:
        return 1, max(1, _rounded(share * grid[1]))
    return max(1, _rounded(grid[0] * share**0.5)), max(1, _rounded(grid[1] * share**0.5))


def _rounded(number: float) -> int:
    return int(np.floor(number + 0.5))


def _within(side: int, length: int, place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of so many pixels a run of `side` covers that starts anywhere inside. Shape (samples, length)."""
    start = np.floor(place * (length - side + 1)).astype(np.int64)[:, None]
    pixels = np.arange(length)[None, :]
    return (pixels >= start) & (pixels < start + side)
