"""Receptive-field rules: pure functions of (sizes, rule, generator) that draw the synapses of a group. NumPy only.

Each rule is vectorised over compartments. Its cost for a compartment depends on the synapses drawn (for `local` and
`global`, on the window of positions that holds them), not on all sources. The same generator state gives the same
wiring.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Grid = tuple[int, int]

_CHUNK = 1 << 24  # elements of a scratch array: bounds memory, and belongs to the definition of the random stream


def stream(seed: int, *purpose: int) -> np.random.Generator:
    """A stream of random numbers for each purpose, so that a change in one place leaves every other as it is.

    The purpose is a spawn key: as further words of entropy, (1, 2) and (1, 2, 0) would give one and the same stream.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=purpose))


def nearly_square(size: int) -> Grid:
    """The most nearly square grid of a given size: 512 -> (16, 32); a prime number is one row."""
    height = next(h for h in range(math.isqrt(size), 0, -1) if size % h == 0)
    return height, size // height


def sample(sources: int, targets: int, count: int, rng: np.random.Generator, replace: bool = False) -> Indices:
    """`random`: each target draws exactly `count` of the sources, uniformly.

    Without replacement by Floyd's algorithm, all targets at once (Bentley & Floyd, CACM 30, 1987). Whether a source is
    taken is told by a table of all sources, or, where these are many, by what the target has drawn so far.

    Returns:
        Shape (targets, count), each row sorted.
    """
    if replace:
        return np.sort(rng.integers(0, sources, size=(targets, count)), axis=1)
    drawn = np.empty((targets, count), dtype=np.int64)
    tabled = sources <= count * count
    chunk = max(1, _CHUNK // max(1, sources if tabled else count))
    for start in range(0, targets, chunk):
        block = drawn[start : start + chunk]
        rows = np.arange(len(block))
        table = np.zeros((len(block), sources if tabled else 0), dtype=bool)
        for column, last in enumerate(range(sources - count, sources)):
            pick = rng.integers(0, last + 1, size=len(block))
            taken = table[rows, pick] if tabled else (block[:, :column] == pick[:, None]).any(axis=1)
            block[:, column] = np.where(taken, last, pick)
            if tabled:
                table[rows, block[:, column]] = True
    return np.sort(drawn, axis=1)


def pool(
    sources: int, targets: int, count: int, rng: np.random.Generator, replace: bool = False
) -> tuple[Indices, Indices]:
    """`pooled`: `count` × targets synapses thrown over the whole block at once, so that fan-in varies.

    Returns:
        Source and target of each synapse, sorted by target, then by source.
    """
    cells = np.sort(rng.choice(sources * targets, size=count * targets, replace=replace, shuffle=False))
    return cells % sources, cells // sources


def neighbourhood(grid: Grid, centres: Indices, count: int, rng: np.random.Generator) -> Indices:
    """The `count` positions nearest to each centre: itself, the 3×3 neighbourhood, then rings outward.

    A ring holds the positions at one Chebyshev distance, as far as they lie on the grid; the last ring that is needed
    is sampled at random.

    Returns:
        Shape (centres, count), each row sorted; positions are row × width + column.
    """
    height, width = grid
    radius = reach(grid, count)
    steps = [np.arange(-min(radius, side - 1), min(radius, side - 1) + 1) for side in grid]
    down, right = (offsets.ravel() for offsets in np.meshgrid(*steps, indexing="ij"))
    ring = np.maximum(np.abs(down), np.abs(right))
    near = np.empty((len(centres), count), dtype=np.int64)
    chunk = max(1, _CHUNK // 8 // len(ring))
    for start in range(0, len(centres), chunk):
        centre = centres[start : start + chunk, None]
        row, column = centre // width + down, centre % width + right
        on_grid = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        # Ring number plus a fraction drawn at random: inner rings come first, and within a ring the order is random.
        distance = np.where(on_grid, ring + rng.random(row.shape), np.inf)
        chosen = np.argpartition(distance, count - 1, axis=1)[:, :count] if count else np.empty((len(centre), 0), int)
        near[start : start + chunk] = np.take_along_axis(row * width + column, chosen, axis=1)
    return np.sort(near, axis=1)


def reach(grid: Grid, count: int) -> int:
    """Rings that suffice for `count` positions around any centre, even around a corner."""
    height, width = grid
    return next(r for r in range(max(grid)) if min(height, r + 1) * min(width, r + 1) >= count) if count > 1 else 0


def scatter_centres(grid: Grid, targets: int, rng: np.random.Generator) -> Indices:
    """A centre for each target, uniform over the grid."""
    return rng.integers(0, grid[0] * grid[1], size=targets)


def gather_centres(grid: Grid, around: Indices, targets: int, rng: np.random.Generator) -> Indices:
    """`targets` centres around each neuron's own: distinct while the grid has room, rings outward until all have one.

    Where there are more targets than positions, every position is used before one is used again.

    Returns:
        Shape (neurons × targets,), neuron by neuron.
    """
    positions = grid[0] * grid[1]
    rounds, rest = divmod(targets, positions)
    everywhere = np.tile(np.arange(positions), (len(around), rounds))
    near = neighbourhood(grid, around, rest, rng)
    return rng.permuted(np.concatenate([everywhere, near], axis=1), axis=1).ravel()


def spread_channels(positions: Indices, channels: int) -> Indices:
    """Units of positions, all channels of each in order: (targets, count) to (targets, count × channels)."""
    targets, count = positions.shape
    return (positions[:, :, None] * channels + np.arange(channels)).reshape(targets, count * channels)
