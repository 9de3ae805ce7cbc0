"""Receptive-field rules: pure functions of (sizes, rule, generator) that draw the synapses of a group. NumPy only.

Each rule is vectorised over compartments. Its cost for a compartment depends on the synapses drawn (for `local` and
`global`, on the window of positions that holds them), not on all sources. The same generator state gives the same
wiring. Indices of a group are int32 where it has fewer than 2^31 units, which is half the memory; scratch arrays are
made block by block.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dendrograph.graph import size_limits as memory

Indices = NDArray[np.signedinteger]
Grid = tuple[int, int]

_NARROW = 1 << 31  # units that int32 numbers
_CHUNK = 1 << 24  # of `sample`: belongs to the definition of the random stream


def stream(seed: int, *purpose: int) -> np.random.Generator:
    """A stream of random numbers for each purpose, so that a change in one place leaves every other as it is.

    The purpose is a spawn key: as further words of entropy, (1, 2) and (1, 2, 0) would give one and the same stream.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=purpose))


def nearly_square(size: int) -> Grid:
    """The most nearly square grid of a given size: 512 -> (16, 32); a prime number is one row."""
    height = next(h for h in range(math.isqrt(size), 0, -1) if size % h == 0)
    return height, size // height


def index_type(units: int) -> type[np.signedinteger]:
    """The type that a group's indices are kept in."""
    return np.int32 if units < _NARROW else np.int64


def sample(sources: int, targets: int, count: int, rng: np.random.Generator, replace: bool = False) -> Indices:
    """`random`: each target draws exactly `count` of the sources, uniformly.

    Without replacement by Floyd's algorithm, all targets at once (Bentley & Floyd, CACM 30, 1987). Whether a source is
    taken is told by a table of all sources, or, where these are many, by what the target has drawn so far.

    Returns:
        Shape (targets, count), each row sorted.
    """
    drawn = np.empty((targets, count), dtype=index_type(sources))
    if replace:
        for rows in memory.blocks(targets, count):
            drawn[rows] = rng.integers(0, sources, size=drawn[rows].shape)
    else:
        tabled = sources <= count * count
        chunk = max(1, _CHUNK // max(1, sources if tabled else count))
        for start in range(0, targets, chunk):
            _floyd(drawn[start : start + chunk], sources, rng, tabled)
    drawn.sort(axis=1)
    return drawn


def _floyd(drawn: Indices, sources: int, rng: np.random.Generator, tabled: bool) -> None:
    """Fill each row with distinct sources: the candidates of all rows first, since they do not depend on each other."""
    targets, count = drawn.shape
    lasts = range(sources - count, sources)
    for column, last in enumerate(lasts):
        drawn[:, column] = rng.integers(0, last + 1, size=targets)
    for rows in memory.blocks(targets, sources // 64 if tabled else count):  # a table of bytes may have up to 4 MB
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
    """`pooled`: `count` × targets synapses thrown over the whole block at once, so that fan-in varies.

    Returns:
        Source and target of each synapse, sorted by target, then by source.
    """
    cells = rng.choice(sources * targets, size=count * targets, replace=replace, shuffle=False)
    cells.sort()
    source, target = (np.empty(len(cells), dtype=index_type(units)) for units in (sources, targets))
    for part in memory.blocks(len(cells)):
        target[part], source[part] = np.divmod(cells[part], sources)
    return source, target


def tile(sources: int, neurons: int, per_neuron: int, count: int) -> Indices:
    """`tiled`: the compartments of a neuron take `count` sources each, one after the other, beginning anew at the end.

    Nothing is drawn at random. Shape (neurons × per_neuron, count), each row sorted.
    """
    units = np.arange(per_neuron * count, dtype=np.int64) % max(1, sources)
    rows = np.sort(units.reshape(per_neuron, count), axis=1).astype(index_type(sources), copy=False)
    return np.tile(rows, (neurons, 1))


def shuffle(targets: int, rng: np.random.Generator) -> Indices:
    """For each target, the one whose synapses it gets: a permutation, each equally likely. Shape (targets,)."""
    return rng.permutation(targets).astype(index_type(targets), copy=False)


def deal(source: Indices, target: Indices, drawn_for: Indices) -> tuple[Indices, Indices]:
    """The same synapses, dealt out anew: target i gets all of those that were drawn for target `drawn_for[i]`.

    Synapses are sorted by target, `drawn_for` is a permutation of the targets.

    Returns:
        Source and target of each synapse, sorted by target; synapses of one target keep their order.
    """
    drawn = np.bincount(target, minlength=len(drawn_for))
    first = np.cumsum(drawn) - drawn
    counts = drawn[drawn_for]
    targets = np.repeat(np.arange(len(drawn_for), dtype=target.dtype), counts)
    sources = np.empty_like(source)
    moved = first[drawn_for] - (np.cumsum(counts) - counts)  # from where a synapse stands now to where it stood
    for part in memory.blocks(len(source)):
        sources[part] = source[np.arange(part.start, part.stop) + moved[targets[part]]]
    return sources, targets


def neighbourhood(grid: Grid, centres: Indices, count: int, rng: np.random.Generator) -> Indices:
    """The `count` positions nearest to each centre: itself, the 3×3 neighbourhood, then rings outward.

    A ring holds the positions at one Chebyshev distance, as far as they lie on the grid; the last ring that is needed
    is sampled at random.

    Returns:
        Shape (centres, count), each row sorted; positions are row × width + column.
    """
    height, width = grid
    radius = reach(grid, count)
    kind = index_type(height * width)
    steps = [np.arange(-min(radius, side - 1), min(radius, side - 1) + 1, dtype=kind) for side in grid]
    down, right = (offsets.ravel() for offsets in np.meshgrid(*steps, indexing="ij"))
    ring = np.maximum(np.abs(down), np.abs(right))
    near = np.empty((len(centres), count), dtype=kind)
    for rows in memory.blocks(len(centres), len(ring)):
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


def reach(grid: Grid, count: int) -> int:
    """Rings that suffice for `count` positions around any centre, even around a corner."""
    height, width = grid
    return next(r for r in range(max(grid)) if min(height, r + 1) * min(width, r + 1) >= count) if count > 1 else 0


def scatter_centres(grid: Grid, targets: int, rng: np.random.Generator) -> Indices:
    """A centre for each target, uniform over the grid."""
    positions = grid[0] * grid[1]
    return rng.integers(0, positions, size=targets).astype(index_type(positions), copy=False)


def gather_centres(grid: Grid, around: Indices, targets: int, rng: np.random.Generator) -> Indices:
    """`targets` centres around each neuron's own: distinct while the grid has room, rings outward until all have one.

    Where there are more targets than positions, every position is used before one is used again.

    Returns:
        Shape (neurons × targets,), neuron by neuron.
    """
    positions = grid[0] * grid[1]
    rounds, rest = divmod(targets, positions)
    everywhere = np.tile(np.arange(positions, dtype=index_type(positions)), (len(around), rounds))
    near = neighbourhood(grid, around, rest, rng)
    return rng.permuted(np.concatenate([everywhere, near], axis=1), axis=1).ravel()


def spread_channels(positions: Indices, channels: int) -> Indices:
    """Units of positions, all channels of each in order: (targets, count) to (targets, count × channels)."""
    if channels == 1:
        return positions
    targets, count = positions.shape
    units = np.empty((targets, count, channels), dtype=index_type((int(positions.max(initial=0)) + 1) * channels))
    units[:] = positions[:, :, None]
    units *= channels
    units += np.arange(channels, dtype=units.dtype)
    return units.reshape(targets, count * channels)
