"""Receptive fields: each rule against its definition, and against a slow version that shares no code with it."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from receptive_fields import is_field, rings
from scipy.stats import chisquare

from dendrograph.graph import wiring
from dendrograph.graph.wiring import (
    deal,
    gather_centres,
    index_type,
    nearly_square,
    neighbourhood,
    pool,
    rings_needed,
    sample,
    scatter_centres,
    shuffle,
    spread_channels,
    stream,
    tile,
)

Grid = tuple[int, int]

seeds = st.integers(0, 2**32)
grids = st.tuples(st.integers(1, 7), st.integers(1, 7))


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _assert_uniform(counts: Iterable[int]) -> None:
    """The seeds are fixed, so this holds or fails once and for all; a rule that favours anything fails by far."""
    counts = list(counts)
    assert min(counts) >= 5, "too few for the test to mean anything"
    assert chisquare(counts).pvalue > 0.005


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 9), st.data())
def test_tiles_share_the_units_out(sources: int, neurons: int, per_neuron: int, data: st.DataObject) -> None:
    """In order, beginning anew at the end: every unit is used equally often, up to one, and by all neurons alike."""
    count = data.draw(st.integers(0, sources))
    drawn = tile(sources, neurons, per_neuron, count)
    assert drawn.shape == (neurons * per_neuron, count) and drawn.dtype == index_type(sources)
    expected = [sorted((part * count + step) % sources for step in range(count)) for part in range(per_neuron)]
    assert drawn.tolist() == expected * neurons
    assert all(len(set(row)) == count for row in expected), "no compartment has a unit twice"
    used = Counter(unit for row in expected for unit in row)
    assert max(used.values(), default=0) - min(used[unit] for unit in range(sources)) <= 1


def test_the_slow_telling_knows_a_field_from_what_is_none() -> None:
    assert is_field((3, 3), 4, range(9), 9)
    assert is_field((5, 5), 12, [12, 6, 8, 16], 4)
    assert not is_field((5, 5), 12, [6, 8, 16, 18], 4), "without its centre"
    assert not is_field((5, 5), 12, [12, 6, 8, 0], 4), "a hole"
    assert not is_field((5, 5), 12, [12, 12, 6, 8], 4), "twice"
    assert not is_field((5, 5), 12, [12, 6, 8], 4), "too few"
    assert [len(ring) for ring in rings((5, 5), 12)] == [1, 8, 16]
    assert [len(ring) for ring in rings((5, 5), 0)] == [1, 3, 5, 7, 9]
    assert [len(ring) for ring in rings((1, 4), 1)] == [1, 2, 1]


# --- shuffled ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=9), seeds, st.integers(1, 50))
def test_a_shuffle_deals_whole_rows_out_anew(rows: list[list[int]], seed: int, block: int) -> None:
    """Against the same computed with lists: target i gets the row of `drawn_for[i]`, in its order."""
    source = np.array([unit for row in rows for unit in row], dtype=np.int32)
    target = np.array([number for number, row in enumerate(rows) for _ in row], dtype=np.int32)
    drawn_for = shuffle(len(rows), _rng(seed))
    assert sorted(drawn_for.tolist()) == list(range(len(rows))) and drawn_for.dtype == np.int32
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wiring, "BLOCK", block)
        sources, targets = deal(source, target, drawn_for)
    expected = [(number, unit) for number, row in enumerate(drawn_for.tolist()) for unit in rows[row]]
    assert list(zip(targets.tolist(), sources.tolist(), strict=True)) == expected
    assert (sources.dtype, targets.dtype) == (source.dtype, target.dtype)


def test_every_exchange_is_equally_likely() -> None:
    rng = _rng(4)
    found = Counter(tuple(shuffle(4, rng).tolist()) for _ in range(6000))
    assert len(found) == 24
    _assert_uniform(found.values())


# --- local ------------------------------------------------------------------------------------------------------------


@given(grids, st.data(), seeds)
def test_a_neighbourhood_is_its_centre_and_rings_around_it(grid: Grid, data: st.DataObject, seed: int) -> None:
    positions = grid[0] * grid[1]
    count = data.draw(st.integers(0, positions), label="count")
    centres = data.draw(st.lists(st.integers(0, positions - 1), max_size=8), label="centres")
    near = neighbourhood(grid, np.array(centres, dtype=np.int64), count, _rng(seed))
    assert near.shape == (len(centres), count) and near.dtype == np.int32
    for centre, field in zip(centres, near, strict=True):
        assert is_field(grid, centre, field.tolist(), count)
        assert field.tolist() == sorted(field)


@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (5, 2), (1, 7), (7, 1), (1, 1)])
def test_every_centre_and_every_count_of_a_grid(grid: Grid) -> None:
    positions = grid[0] * grid[1]
    for count in range(positions + 1):
        near = neighbourhood(grid, np.arange(positions), count, _rng())
        for centre, field in enumerate(near):
            assert is_field(grid, centre, field.tolist(), count)
    assert np.array_equal(near, np.tile(np.arange(positions), (positions, 1))), "all positions are all positions"


def test_nine_positions_are_the_neighbourhood_of_three_by_three() -> None:
    (near,) = neighbourhood((28, 28), np.array([28 * 10 + 10]), 9, _rng())
    assert near.tolist() == [28 * row + column for row in (9, 10, 11) for column in (9, 10, 11)]


def test_at_a_border_the_field_stays_on_the_grid_and_takes_fartherrings() -> None:
    (near,) = neighbourhood((28, 28), np.array([0]), 9, _rng())
    assert near.tolist() == [28 * row + column for row in range(3) for column in range(3)]
    (near,) = neighbourhood((28, 28), np.array([27]), 9, _rng())
    assert near.tolist() == [28 * row + column for row in range(3) for column in (25, 26, 27)]


def test_the_last_ring_is_sampled_uniformly() -> None:
    many = neighbourhood((9, 9), np.full(8000, 40), 9 + 5, _rng(1))
    counts = np.bincount(many.ravel(), minlength=81)
    inside = {9 * row + column for row in (3, 4, 5) for column in (3, 4, 5)}
    ring = {9 * row + column for row in range(2, 7) for column in range(2, 7)} - inside
    assert all(counts[position] == 8000 for position in inside)
    assert {position for position in range(81) if counts[position]} == inside | ring
    _assert_uniform(counts[sorted(ring)])
    # Each draws its own: the fields of one centre differ from target to target.
    assert len({tuple(field) for field in many.tolist()}) > 3000


@given(grids, st.data())
def test_reach_is_the_least_radius_that_serves_a_corner(grid: Grid, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, grid[0] * grid[1]))
    sizes = [len(ring) for ring in rings(grid, 0)]
    needed = next(radius for radius in range(len(sizes)) if sum(sizes[: radius + 1]) >= count)
    assert rings_needed(grid, count) == needed


def test_chunks_change_no_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_CHUNK", 300)
    monkeypatch.setattr(wiring, "BLOCK", 100)
    centres = scatter_centres((6, 7), 50, _rng())
    for centre, field in zip(centres, neighbourhood((6, 7), centres, 11, _rng()), strict=True):
        assert is_field((6, 7), int(centre), field.tolist(), 11)
    for count in (3, 25):  # by comparison, and by a table
        drawn = sample(40, 300, count, _rng())
        assert all(len(set(row)) == count for row in drawn.tolist())
        assert np.bincount(drawn.ravel(), minlength=40).min() > 300 * count / 40 / 2


def test_centres_are_uniform_over_the_grid() -> None:
    centres = scatter_centres((5, 4), 10_000, _rng(2))
    assert centres.shape == (10_000,)
    _assert_uniform(np.bincount(centres, minlength=20))
    assert len(np.bincount(centres)) == 20


# --- global -----------------------------------------------------------------------------------------------------------


def _centres_lie_around(grid: Grid, around: int, centres: list[int]) -> bool:
    """Every position as often as any other, and what is over fills the rings around the neuron's own centre."""
    positions = range(grid[0] * grid[1])
    rounds, rest = divmod(len(centres), len(positions))
    times = Counter(centres)
    over = [position for position in positions for _ in range(times[position] - rounds)]
    return all(times[position] >= rounds for position in positions) and is_field(grid, around, over, rest)


@given(grids, st.integers(0, 60), st.lists(st.integers(0, 48), max_size=5), seeds)
def test_the_centres_of_a_neuron_lie_around_its_own(grid: Grid, targets: int, around: list[int], seed: int) -> None:
    own = np.array([centre % (grid[0] * grid[1]) for centre in around], dtype=np.int64)
    centres = gather_centres(grid, own, targets, _rng(seed))
    assert centres.shape == (len(own) * targets,)
    for centre, mine in zip(own, centres.reshape(len(own), targets), strict=True):
        assert _centres_lie_around(grid, int(centre), mine.tolist())


def test_more_dendrites_than_positions_use_each_position_before_one_twice() -> None:
    centres = gather_centres((2, 3), np.array([0, 4]), 14, _rng())
    for own, mine in zip((0, 4), centres.reshape(2, 14), strict=True):
        assert sorted(np.bincount(mine).tolist()) == [2, 2, 2, 2, 3, 3]
        assert np.bincount(mine)[own] == 3


def test_which_dendrite_has_which_centre_is_random() -> None:
    """A neuron's first dendrite is not the one at the neuron's own centre more often than any other."""
    centres = gather_centres((9, 9), np.full(4000, 40), 6, _rng(3)).reshape(4000, 6)
    assert ((centres == 40).sum(axis=1) == 1).all()
    _assert_uniform((centres == 40).sum(axis=0))


# --- random -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(0, 20), st.data(), seeds)
def test_random_draws_exactly_count_distinct_sources(
    sources: int, targets: int, data: st.DataObject, seed: int
) -> None:
    count = data.draw(st.integers(0, sources), label="count")
    drawn = sample(sources, targets, count, _rng(seed))
    assert drawn.shape == (targets, count) and drawn.dtype == np.int32
    for row in drawn.tolist():
        assert len(set(row)) == count
        assert row == sorted(row) and all(0 <= source < sources for source in row)


@pytest.mark.parametrize(("sources", "count"), [(6, 2), (6, 3), (6, 4), (6, 5), (12, 3)])
def test_random_gives_every_subset_the_same_chance(sources: int, count: int) -> None:
    """Sampling without replacement is uniform over subsets, which is more than uniform over units."""
    subsets = Counter(map(tuple, sample(sources, 12_000, count, _rng(4)).tolist()))
    assert set(subsets) == set(combinations(range(sources), count))
    _assert_uniform(subsets.values())


def test_random_is_uniform_on_an_image() -> None:
    drawn = sample(784, 4096, 16, _rng(5))
    _assert_uniform(np.bincount(drawn.ravel(), minlength=784))
    drawn = sample(100, 1000, 60, _rng(6))
    assert np.bincount(drawn.ravel(), minlength=100).min() > 500  # not chi-square: without replacement it varies less


def test_with_replacement_a_unit_may_come_twice_and_more_often_than_there_are_units() -> None:
    drawn = sample(3, 2000, 7, _rng(7), replace=True)
    assert drawn.shape == (2000, 7)
    assert (np.diff(drawn, axis=1) >= 0).all() and drawn.min() == 0 and drawn.max() == 2
    _assert_uniform(np.bincount(drawn.ravel()))
    # Multinomial, each row: the share of rows in which all seven are the same is 3^-6.
    same = int((drawn[:, 0] == drawn[:, -1]).sum())
    assert same <= 12


def test_the_cost_of_random_does_not_grow_with_the_sources() -> None:
    """What is allocated, since timings decide nothing: a table of a million sources a target would show."""
    peaks = []
    for sources in (10_000, 1_000_000):
        tracemalloc.start()
        sample(sources, 5000, 16, _rng())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 5000 * 16 * 64


# --- pooled -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 20), st.integers(0, 20), st.data(), seeds, st.booleans())
def test_pooled_throws_exactly_count_times_targets(
    sources: int, targets: int, data: st.DataObject, seed: int, replace: bool
) -> None:
    count = data.draw(st.integers(0, sources * (2 if replace else 1)), label="count")
    source, target = pool(sources, targets, count, _rng(seed), replace)
    assert len(source) == len(target) == count * targets
    edges = list(zip(target.tolist(), source.tolist(), strict=True))
    assert edges == sorted(edges)
    assert all(0 <= s < sources and 0 <= t < targets for t, s in edges)
    assert replace or len(set(edges)) == len(edges)


def test_pooled_is_uniform_over_the_whole_block_so_fan_in_varies() -> None:
    cells: Counter[tuple[int, int]] = Counter()
    for seed in range(400):
        source, target = pool(10, 12, 3, _rng(seed))
        cells.update(zip(source.tolist(), target.tolist(), strict=True))
    assert len(cells) == 120
    _assert_uniform(cells.values())
    fan_in = np.bincount(pool(784, 512, 16, _rng())[1], minlength=512)
    assert fan_in.sum() == 512 * 16
    assert fan_in.min() < 10 and fan_in.max() > 24, "around 16, as in the paper's released runs: from 4 to 29"
    assert 3 < fan_in.std() < 5  # a binomial's is 3.96


# --- grids, channels, streams -----------------------------------------------------------------------------------------


@given(st.integers(1, 3000))
def test_nearly_square_is_the_most_nearly_square_grid(size: int) -> None:
    height, width = nearly_square(size)
    assert height * width == size and height <= width
    assert all(size % other for other in range(height + 1, math.isqrt(size) + 1))


def test_nearly_square_of_layers_as_they_are() -> None:
    assert [nearly_square(size) for size in (1, 7, 64, 512, 32 * 512)] == [(1, 1), (1, 7), (8, 8), (16, 32), (128, 128)]


@given(st.integers(0, 4), st.integers(0, 5), st.integers(1, 4), seeds)
def test_a_position_takes_all_of_its_channels(targets: int, count: int, channels: int, seed: int) -> None:
    positions = np.sort(_rng(seed).integers(0, 9, (targets, count)), axis=1)
    units = spread_channels(positions, channels)
    assert units.shape == (targets, count * channels)
    image = np.arange(9 * channels).reshape(9, channels)  # the units of an image, position by position
    for taken, row in zip(positions, units, strict=True):
        assert row.tolist() == [unit for position in taken for unit in image[position].tolist()]


def _first_numbers(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(rng.integers(0, 2**62, 2).tolist())


def test_no_two_purposes_share_a_stream_of_random_numbers() -> None:
    purposes = [(0, layer, position, entry) for layer in range(130) for position in range(3) for entry in range(2)]
    purposes += [
        (1, layer, *name.encode()) for layer in range(130) for name in ("a", "ab", "a\0", "image", "layer/soma")
    ]
    purposes += [(2, number) for number in range(300)]
    found = {(seed, *purpose): _first_numbers(stream(seed, *purpose)) for seed in (0, 1, 2**32) for purpose in purposes}
    assert len(set(found.values())) == len(found)
    assert _first_numbers(stream(3, 0, 1)) == _first_numbers(stream(3, 0, 1))


def _rules(rng: np.random.Generator) -> list[NDArray]:
    centres = scatter_centres((6, 5), 8, rng)
    near = neighbourhood((6, 5), centres, 7, rng)
    return [
        centres,
        near,
        neighbourhood((6, 5), centres, 0, rng),
        gather_centres((6, 5), centres, 4, rng),
        gather_centres((6, 5), centres, 67, rng),
        sample(30, 8, 5, rng),
        sample(30, 8, 12, rng),  # by a table
        sample(30, 8, 5, rng, replace=True),
        *pool(30, 8, 5, rng),
        *pool(30, 8, 5, rng, replace=True),
        spread_channels(near, 3),
    ]


def test_one_seed_gives_one_wiring_and_another_seed_another() -> None:
    one, again, other = _rules(_rng(1)), _rules(_rng(1)), _rules(_rng(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True) if a.size)


@pytest.mark.parametrize("block", [1, 7, 50])
def test_blocks_change_no_bit(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one, table = _rules(_rng(1)), sample(900, 40, 31, _rng())
    monkeypatch.setattr(wiring, "BLOCK", block)
    assert all(np.array_equal(a, b) for a, b in zip(one, _rules(_rng(1)), strict=True))
    assert np.array_equal(table, sample(900, 40, 31, _rng()))


def test_indices_are_as_narrow_as_their_group_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (index_type(0), index_type(2**31 - 1), index_type(2**31)) == (np.int32, np.int32, np.int64)
    narrow = _rules(_rng(1))
    assert {part.dtype for part in narrow} == {np.dtype(np.int32)}
    monkeypatch.setattr(wiring, "_NARROW", 0)
    wide = _rules(_rng(1))
    assert {part.dtype for part in wide} == {np.dtype(np.int64)}
    assert all(np.array_equal(a, b) for a, b in zip(narrow, wide, strict=True))


def test_channels_that_int32_cannot_number_are_int64() -> None:
    last = np.array([[2**30 - 1]], dtype=np.int32)
    units = spread_channels(last, 3)
    assert units.dtype == np.int64
    assert units.tolist() == [[3 * (2**30 - 1) + channel for channel in range(3)]]


# --- blocks of rows ---------------------------------------------------------------------------------------------------


@given(st.integers(0, 500), st.integers(0, 300), st.integers(1, 200))
def test_blocks_are_all_rows_in_order(rows: int, width: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "BLOCK", size)
        parts = list(wiring.blocks(rows, width))
    every = np.arange(rows)
    assert [row for part in parts for row in every[part].tolist()] == every.tolist()
    lengths = [part.stop - part.start for part in parts]
    assert all(length == 1 or 1 < length * max(1, width) <= size for length in lengths)
    assert len(set(lengths[:-1])) <= 1, "all but the last are of equal length"


def test_rows_that_fit_are_one_block() -> None:
    assert list(wiring.blocks(wiring.BLOCK // 16, 16)) == [slice(0, wiring.BLOCK // 16)]
    assert list(wiring.blocks(0, 16)) == []
    assert list(wiring.blocks(-1)) == [], "without an edge there is no pair of successive edges"
    assert list(wiring.blocks(2, 10 * wiring.BLOCK)) == [slice(0, 1), slice(1, 2)], "a row is never cut"
