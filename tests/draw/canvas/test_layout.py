"""Laws of the layout: what stands for what, and that branches of different subtrees keep apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.chart import ticks
from dendrograph.draw.canvas.layout import ALL, ELLIPSIS, ONE, SOME


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[int | None], list[int]]:
    """Places of a tree: of each the position of its parent, and its copies on one parent."""
    size = draw(st.integers(1, 9))
    parents: list[int | None] = [None, *(draw(st.integers(0, position)) for position in range(size - 1))]
    return parents, [1, *(draw(st.integers(1, 7)) for _ in range(size - 1))]


@given(trees(), st.integers(1, 60))
def test_folding_fits_or_has_nothing_left_to_fold(tree: tuple[list[int | None], list[int]], capacity: int) -> None:
    parents, counts = tree
    modes = layout.fold(parents, counts, capacity)
    slots = layout.spans(parents, counts, modes)[0]
    assert slots <= capacity or all(mode == ONE or count == 1 for mode, count in zip(modes, counts, strict=True))
    if layout.spans(parents, counts, [ALL] * len(counts))[0] <= capacity:
        assert set(modes) == {ALL}, "what fits is drawn"
    assert len(layout.unfold(parents, counts, modes)) <= 4 * slots * len(counts)


@given(trees(), st.integers(1, 60))
def test_every_compartment_is_drawn_or_stood_for(tree: tuple[list[int | None], list[int]], capacity: int) -> None:
    parents, counts = tree
    twigs = layout.unfold(parents, counts, layout.fold(parents, counts, capacity))
    assert (twigs.parent[1:] < np.arange(1, len(twigs))).all(), "parents come first"
    for position, above in enumerate(parents[1:], 1):
        rows = twigs.at(position)
        for parent in twigs.at(above):
            own = rows[twigs.parent[rows] == parent]
            if twigs.copy[parent] == ELLIPSIS:
                assert not len(own), "nothing grows from an ellipsis"
                continue
            assert twigs.stands_for[own].sum() == counts[position]
            drawn = own[twigs.copy[own] != ELLIPSIS]
            assert set(twigs.copy[drawn] // counts[position]) == {twigs.copy[parent]}, "copies of one parent"
            assert len(set(twigs.copy[drawn])) == len(drawn)


@given(trees(), st.integers(1, 60))
def test_children_lie_within_their_parent_and_beside_each_other(
    tree: tuple[list[int | None], list[int]], capacity: int
) -> None:
    parents, counts = tree
    twigs = layout.unfold(parents, counts, layout.fold(parents, counts, capacity))
    left, right = twigs.slot - twigs.span / 2, twigs.slot + twigs.span / 2
    for parent in range(len(twigs)):
        own = np.flatnonzero(twigs.parent == parent)
        order = own[np.argsort(left[own])]
        assert (left[order] >= left[parent] - 1e-9).all() and (right[order] <= right[parent] + 1e-9).all()
        assert (left[order][1:] >= right[order][:-1] - 1e-9).all()
        if len(own):
            middle = (left[order[0]] + right[order[-1]]) / 2
            assert middle == pytest.approx(twigs.slot[parent]), "a parent stands in the middle of its children"


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=8, unique=True), st.floats(0.5, 20))
def test_branches_from_one_point_never_cross(ends: list[float], reach: float) -> None:
    number = len(ends)
    x = np.array(sorted(ends))
    tips = np.stack([x, np.full(number, 2 * reach)], axis=1)
    paths = layout.bends(np.zeros((number, 2)), tips, np.full(number, reach), 12)
    for one, other in pairwise(paths):
        assert (one[1:, 0] <= other[1:, 0]).all()
        assert np.allclose(one[:, 1], other[:, 1]), "at the same height they keep their order"
    np.testing.assert_allclose(paths[:, -1], tips)


@given(st.floats(0.1, 3), st.floats(0.1, 3))
def test_an_outline_is_as_wide_as_its_branch(begin: float, end: float) -> None:
    path = np.array([[[0.0, 0.0], [0.0, 5.0], [0.0, 10.0]]])
    corners = layout.tapered(path, np.array([begin]), np.array([end]))[0]
    assert np.ptp(corners[[0, -1], 0]) == pytest.approx(begin)
    assert corners[:, 1].max() == pytest.approx(10 + end / 2), "a round tip"
    assert np.abs(corners[:, 0]).max() <= max(begin, end) / 2 + 1e-9


def test_heights_are_lengths_along_the_path() -> None:
    parent = np.array([-1, 0, 0, 1, 3])
    begin, end = layout.heights(parent, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(begin, [0, 0, 0, 2, 6])
    np.testing.assert_array_equal(end, [0, 2, 3, 6, 11])
    np.testing.assert_array_equal(layout.levels(parent), [0, 1, 1, 2, 3])


def test_some_is_the_first_two_an_ellipsis_and_the_last() -> None:
    twigs = layout.unfold([None, 0], [1, 100], [ALL, SOME])
    assert twigs.copy.tolist() == [0, 0, 1, ELLIPSIS, 99]
    assert twigs.stands_for.tolist() == [1, 1, 1, 97, 1]


def test_time_is_linear_in_the_compartments() -> None:
    """By counting what is made: arrays of one length, and no loop over compartments."""
    twigs = layout.unfold([None, 0, 1], [1, 300, 300], [ALL] * 3)
    assert len(twigs) == 1 + 300 + 90_000
    begin, end = layout.heights(twigs.parent, np.ones(len(twigs)))
    assert end.max() == 2 and begin[twigs.at(2)].min() == 1


class TestFree:
    def test_takes_each_place_once(self) -> None:
        free = layout.Free(10, 0, 10)
        assert free.take(0, 0, 5, 5)
        assert not free.take(4, 4, 6, 6)
        assert free.take(5, 5, 6, 6)
        assert not free.take(6.5, 5, 7, 6, margin=1)
        assert free.take(5, 6, 7, 7, margin=1), "a margin is kept sideways"

    def test_nothing_leaves_the_paper(self) -> None:
        free = layout.Free(10, 0, 10)
        assert not free.take(-1, 0, 1, 1)
        assert not free.take(9, 9, 11, 10)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_round_numbers_within_the_range(low: float, span: float, most: int) -> None:
    high = low + span
    if high <= low or span < 1e-9 * abs(low):
        return
    found = ticks(low, high, most)
    assert len(found) >= 2
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in found)
    steps = np.diff(found)
    assert np.allclose(steps, steps[0])
    mantissa = float(f"{steps[0]:.6e}".split("e")[0])
    assert min(abs(mantissa - nice) for nice in (1, 2, 2.5, 5, 10)) < 1e-3
