"""Receptive-field rules: pure functions of (sizes, rule, generator) that draw the synapses of a group. NumPy only.

Each rule is vectorised over compartments. Its cost for a compartment depends on the synapses drawn (for `local` and
`global`, on the window of positions that holds them), not on all sources. The same generator state gives the same
wiring. The indices of a group are int32 if it has fewer than 2^31 units, which halves the memory. Scratch arrays are
made block by block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.signedinteger]
Grid = tuple[int, int]

BLOCK = 1 << 16  # elements of a scratch array: half a megabyte of numbers, which fits a processor's cache
_NARROW = 1 << 31  # units that int32 can number
_CHUNK = 1 << 24  # of `sample`; a part of the definition of the random stream


def blocks(rows: int, width: int = 1) -> Iterator[slice]:
    """Rows in blocks of about `BLOCK` elements, so that scratch arrays stay small for networks of any size."""
    step = max(1, BLOCK // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def stream(seed: int, *purpose: int) -> np.random.Generator:
    """A stream of random numbers for each purpose, so that a change in one place keeps all other streams.

    The purpose is a spawn key. As words of entropy, (1, 2) and (1, 2, 0) would give the same stream.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=purpose))


def nearly_square(size: int) -> Grid:
    """The most nearly square grid of a given size: 512 -> (16, 32); a prime number is one row."""
    height = next(h for h in range(math.isqrt(size), 0, -1) if size % h == 0)
    return height, size // height


def index_type(units: int) -> type[np.signedinteger]:
    """The smallest integer type for the indices of a group."""
    return np.int32 if units < _NARROW else np.int64


def sample(sources: int, targets: int, count: int, rng: np.random.Generator, replace: bool = False) -> Indices:
    """`random`: each target draws exactly `count` of the sources, uniformly.

    Without replacement by Floyd's algorithm, all targets at once (Bentley & Floyd, CACM 30, 1987). A table of all
    sources marks those that are taken; if there are many sources, the draws of the target so far are searched instead.

    Args:
        sources: number of sources.
        targets: number of targets.
        count: number of synapses of each target.
        rng: the random numbers.
        replace: whether a target may draw a source several times.

    Returns:
        Shape (targets, count), each row sorted.
    """
    drawn = np.empty((targets, count), dtype=index_type(sources))
    if replace:
        for rows in blocks(targets, count):
            drawn[rows] = rng.integers(0, sources, size=drawn[rows].shape)
    else:
        tabled = sources <= count * count
        chunk = max(1, _CHUNK // max(1, sources if tabled else count))
        for start in range(0, targets, chunk):
            _floyd(drawn[start : start + chunk], sources, rng, tabled)
    drawn.sort(axis=1)
    return drawn


def _floyd(drawn: Indices, sources: int, rng: np.random.Generator, tabled: bool) -> None:
    """Fill each row with distinct sources. The candidates of all rows come first, because they are independent."""
    targets, count = drawn.shape
    lasts = range(sources - count, sources)
    for column, last in enumerate(lasts):
        drawn[:, column] = rng.integers(0, last + 1, size=targets)
    for rows in blocks(targets, sources // 64 if tabled else count):  # a table of bytes may have up to 4 MB
        columns = drawn[rows].T.copy()
        each = np.arange(columns.shape[1])
        table = np.zeros((len(each), sources if tabled else 0), dtype=bool)
        for column, last in enumerate(lasts):
            pick = columns[column]
            taken = table[each, pick] if tabled else (columns[:column] == pick).any(axis=0)
            pick[taken] = last
            if tabled:
                table[each, pick] = True
        drawn[rows] = columns.T


def pool(
    sources: int, targets: int, count: int, rng: np.random.Generator, replace: bool = False
) -> tuple[Indices, Indices]:
    """`pooled`: `count` × targets synapses drawn from all pairs of the group together, so that fan-in varies.

    Returns:
        Source and target of each synapse, sorted by target, then by source.
    """
    drawn = rng.choice(sources * targets, size=count * targets, replace=replace, shuffle=False)
    drawn.sort()
    source, target = (np.empty(len(drawn), dtype=index_type(units)) for units in (sources, targets))
    for part in blocks(len(drawn)):
        target[part], source[part] = np.divmod(drawn[part], sources)
    return source, target


def tile(sources: int, neurons: int, per_neuron: int, count: int) -> Indices:
    """`tiled`: the compartments of a neuron take `count` sources each, one after the other, and start again at the end.

    Nothing is drawn at random. Shape (neurons × per_neuron, count), each row sorted.
    """
    units = np.arange(per_neuron * count, dtype=np.int64) % max(1, sources)
    rows = np.sort(units.reshape(per_neuron, count), axis=1).astype(index_type(sources), copy=False)
    return np.tile(rows, (neurons, 1))


def shuffle(targets: int, rng: np.random.Generator) -> Indices:
    """For each target, the target whose synapses it gets: a uniform random permutation. Shape (targets,)."""
    return rng.permutation(targets).astype(index_type(targets), copy=False)


def deal(source: Indices, target: Indices, drawn_for: Indices) -> tuple[Indices, Indices]:
    """Give all synapses that were drawn for target `drawn_for[i]` to target i.

    Synapses are sorted by target; `drawn_for` is a permutation of the targets.

    Returns:
        Source and target of each synapse, sorted by target; synapses of one target keep their order.
    """
    drawn = np.bincount(target, minlength=len(drawn_for))
    first = np.cumsum(drawn) - drawn
    counts = drawn[drawn_for]
    targets = np.repeat(np.arange(len(drawn_for), dtype=target.dtype), counts)
    sources = np.empty_like(source)
    moved = first[drawn_for] - (np.cumsum(counts) - counts)  # from the new position of a synapse to the old one
    for part in blocks(len(source)):
        sources[part] = source[np.arange(part.start, part.stop) + moved[targets[part]]]
    return sources, targets


def neighbourhood(grid: Grid, centres: Indices, count: int, rng: np.random.Generator) -> Indices:
    """The `count` positions nearest to each centre: itself, the 3×3 neighbourhood, then rings outward.

    A ring is the set of positions of the grid at one Chebyshev distance. The last ring is sampled at random.

    Returns:
        Shape (centres, count), each row sorted; positions are row × width + column.
    """
    height, width = grid
    radius = rings_needed(grid, count)
    kind = index_type(height * width)
    steps = [np.arange(-min(radius, side - 1), min(radius, side - 1) + 1, dtype=kind) for side in grid]
    down, right = (offsets.ravel() for offsets in np.meshgrid(*steps, indexing="ij"))
    ring = np.maximum(np.abs(down), np.abs(right))
    near = np.empty((len(centres), count), dtype=kind)
    for rows in blocks(len(centres), len(ring)):
        centre = centres[rows, None]
        row, column = centre // width + down, centre % width + right
        on_grid = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        # Ring number plus a fraction drawn at random: inner rings come first, and within a ring the order is random.
        distance = np.where(on_grid, ring + rng.random(row.shape), np.inf)
        if count:
            chosen = np.argpartition(distance, count - 1, axis=1)[:, :count]
            near[rows] = centre + (down * width + right)[chosen]
    near.sort(axis=1)
    return near


def rings_needed(grid: Grid, count: int) -> int:
    """The number of rings with at least `count` positions around any centre, even in a corner."""
    height, width = grid
    return next(r for r in range(max(grid)) if min(height, r + 1) * min(width, r + 1) >= count) if count > 1 else 0


def scatter_centres(grid: Grid, targets: int, rng: np.random.Generator) -> Indices:
    """A centre for each target, uniform over the grid."""
    positions = grid[0] * grid[1]
    return rng.integers(0, positions, size=targets).astype(index_type(positions), copy=False)


def gather_centres(grid: Grid, around: Indices, targets: int, rng: np.random.Generator) -> Indices:
    """`targets` centres around each neuron's own: distinct while the grid has room, rings outward until all have one.

    If there are more targets than positions, every position is used before one is used again.

    Returns:
        Shape (neurons × targets,), neuron by neuron.
    """
    positions = grid[0] * grid[1]
    rounds, rest = divmod(targets, positions)
    everywhere = np.tile(np.arange(positions, dtype=index_type(positions)), (len(around), rounds))
    near = neighbourhood(grid, around, rest, rng)
    return rng.permuted(np.concatenate([everywhere, near], axis=1), axis=1).ravel()


def spread_channels(positions: Indices, channels: int) -> Indices:
    """The units of positions, all channels of each in order: (targets, count) -> (targets, count × channels)."""
    if channels == 1:
        return positions
    targets, count = positions.shape
    units = np.empty((targets, count, channels), dtype=index_type((int(positions.max(initial=0)) + 1) * channels))
    units[:] = positions[:, :, None]
    units *= channels
    units += np.arange(channels, dtype=units.dtype)
    return units.reshape(targets, count * channels)
