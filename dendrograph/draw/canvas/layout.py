"""The layout of trees: numbers only, in time linear in the number of compartments drawn.

A tree is laid out in slots. Each tip has a slot of its own, and a parent is in the middle of its children's slots, so
that branches of different subtrees never meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas.scene import Floats

Whole = NDArray[np.int64]

ALL, SOME, ONE = "all", "some", "one"
MOST_SHOWN = 4  # slots of `some`: the first two copies, an ellipsis, the last copy
ELLIPSIS = -1  # instead of the number of a copy


@dataclass(frozen=True, eq=False)
class Twigs:
    """The compartments of a neuron that are drawn, in arrays of one length; the soma is number 0.

    parent: number of the parent, -1 for the soma
    place: position of its place
    copy: number within its place, or `ELLIPSIS` for the mark that represents the copies between two others
    stands_for: number of copies on one parent that it represents; 1 if all are drawn
    slot: position of its middle, in slots from the left
    span: slots of its whole subtree
    """

    parent: Whole
    place: Whole
    copy: Whole
    stands_for: Whole
    slot: Floats
    span: Floats
    slots: float  # of the whole tree

    def __len__(self) -> int:
        return len(self.parent)

    def at(self, place: int) -> Whole:
        """The numbers of the compartments and ellipses drawn at a place."""
        return np.flatnonzero(self.place == place)


def fold(parents: Sequence[int | None], counts: Sequence[int], capacity: float) -> tuple[str, ...]:
    """How many copies of each place to draw, so that a tree has at most `capacity` slots.

    Args:
        parents: the position of each place's parent; parents come first.
        counts: copies of each place on one parent.
        capacity: number of slots.

    Returns:
        For each place `all`, `some` (the first, the second, an ellipsis, the last) or `one` (labelled with the number).
    """
    modes = [ALL] * len(counts)
    while (slots := spans(parents, counts, modes)[0]) > capacity:
        best: tuple[float, int, int, str] | None = None
        for position, mode in enumerate(modes):
            if counts[position] == 1 or mode == ONE:
                continue
            fewer = SOME if mode == ALL and counts[position] > MOST_SHOWN else ONE
            tried = [*modes]
            tried[position] = fewer
            saved = slots - spans(parents, counts, tried)[0]
            # `some` still shows that there are many: `one` is the last resort.
            key = (saved if fewer == SOME else 0.25 * saved, counts[position], position, fewer)
            best = max(best, key) if best else key
        if best is None:
            break
        modes[best[2]] = best[3]
    return tuple(modes)


def spans(parents: Sequence[int | None], counts: Sequence[int], modes: Sequence[str]) -> list[float]:
    """Slots of the subtree of one compartment of each place, the same for all copies."""
    inner = [0.0] * len(counts)
    whole = [1.0] * len(counts)
    for position in reversed(range(len(counts))):
        whole[position] = max(1.0, inner[position])
        parent = parents[position]
        if parent is not None:
            inner[parent] += _run(counts[position], modes[position], whole[position])
    return whole


def _run(count: int, mode: str, span: float) -> float:
    """Slots of all copies on one parent."""
    return span * {ALL: count, SOME: 3, ONE: 1}[mode] + (mode == SOME)


def unfold(parents: Sequence[int | None], counts: Sequence[int], modes: Sequence[str]) -> Twigs:
    """The compartments to draw, each in its slot; in time linear in their number."""
    whole = spans(parents, counts, modes)
    first = np.zeros(1, dtype=np.int64)
    # Of each place: parent, place, copy, stands_for, left end and span of what is drawn there.
    columns: list[tuple[NDArray, ...]] = [(first - 1, first, first, first + 1, np.zeros(1), np.full(1, whole[0]))]
    drawn: dict[int, tuple[Whole, Whole, Floats]] = {0: (first, first, np.zeros(1))}  # numbers, copies, left ends
    number = 1
    offsets = [0.0] * len(counts)  # from the left end of a parent to its next children
    for position in range(1, len(counts)):
        above = parents[position]
        assert above is not None, "there is one soma"
        count, mode, span = counts[position], modes[position], whole[position]
        numbers, copies, lefts = drawn[above]
        if mode == ALL:
            kept, starts = np.arange(count), span * np.arange(count)
        elif mode == SOME:
            kept = np.array([0, 1, ELLIPSIS, count - 1])
            starts = np.array([0.0, span, 2 * span, 2 * span + 1])
        else:
            kept, starts = np.zeros(1, dtype=np.int64), np.zeros(1)
        each = len(kept)
        dots = np.tile(kept == ELLIPSIS, len(numbers))
        copy = np.where(dots, ELLIPSIS, np.repeat(copies * count, each) + np.tile(kept, len(numbers)))
        left = np.repeat(lefts, each) + offsets[above] + np.tile(starts, len(numbers))
        own = number + np.arange(len(copy), dtype=np.int64)
        number += len(copy)
        place, stands_for = np.full_like(copy, position), np.where(dots, count - 3, count if mode == ONE else 1)
        columns.append((np.repeat(numbers, each), place, copy, stands_for, left, np.where(dots, 1.0, span)))
        drawn[position] = own[~dots], copy[~dots], left[~dots]
        offsets[above] += _run(count, mode, span)
    parent, place, copy, stands_for, left, width = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return Twigs(parent, place, copy, stands_for, slot=left + width / 2, span=width, slots=whole[0])


def heights(parent: Whole, length: Floats) -> tuple[Floats, Floats]:
    """Distance from the soma to the beginning and the end of each compartment, along the path; parents come first."""
    begin = np.zeros(len(parent))
    end = np.zeros(len(parent))
    # Level by level: the parents of a level are placed before it.
    level = levels(parent)
    for depth in range(1, int(level.max(initial=0)) + 1):
        here = np.flatnonzero(level == depth)
        begin[here] = end[parent[here]]
        end[here] = begin[here] + length[here]
    return begin, end


def levels(parent: Whole) -> Whole:
    """The number of cables between each compartment and the soma; parents come first."""
    level = np.where(parent < 0, 0, -1)
    while (unknown := level < 0).any():
        above = level[parent]
        level[unknown & (above >= 0)] = above[unknown & (above >= 0)] + 1
    return level


def bends(begin: Floats, end: Floats, bend_y: Floats, points: int) -> Floats:
    """Branches that leave the end of their parent upright, bend to their own slot, and continue upright.

    All branches from one point bend over the same height, so that they keep their order and never cross.

    Args:
        begin: (branches, 2), the end of the parent.
        end: (branches, 2), the tips.
        bend_y: (branches,), where the bend ends.
        points: of each bend.

    Returns:
        Shape (branches, points + 1, 2).
    """
    share = np.linspace(0.0, 1.0, points)
    eased = share * share * (3 - 2 * share)
    x = begin[:, :1] + (end - begin)[:, :1] * eased
    y = begin[:, 1:] + (bend_y[:, None] - begin[:, 1:]) * share
    return np.concatenate([np.stack([x, y], axis=2), end[:, None]], axis=1)


def tapered(paths: Floats, begin: Floats, end: Floats) -> Floats:
    """The outlines of branches that are `begin` wide at their base and `end` wide at their round tips.

    Args:
        paths: (branches, points, 2).
        begin: width at the base, (branches,).
        end: width at the tip, (branches,).

    Returns:
        Corners, (branches, 2 * points + 3, 2).
    """
    along = np.gradient(paths, axis=1)
    along /= np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-12)[..., None]
    across = np.stack([-along[..., 1], along[..., 0]], axis=2)
    steps = np.hypot(*np.moveaxis(np.diff(paths, axis=1), 2, 0))
    share = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(steps, axis=1)], axis=1)
    share /= np.maximum(share[:, -1:], 1e-12)
    half = (begin[:, None] + (end - begin)[:, None] * share)[..., None] / 2
    left, right = paths + across * half, paths - across * half
    cap = [
        paths[:, -1:] + half[:, -1:] * (np.cos(turn) * across[:, -1:] + np.sin(turn) * along[:, -1:])
        for turn in (np.pi / 4, np.pi / 2, 3 * np.pi / 4)
    ]
    return np.concatenate([left, *cap, right[:, ::-1]], axis=1)


class Free:
    """The free space on a paper, to place labels that do not overlap.

    Args:
        width: of the paper.
        bottom: its lowest point.
        top: its highest point.
        taken: boxes (left, bottom, right, top) that are covered already, (boxes, 4).
    """

    def __init__(self, width: float, bottom: float, top: float, taken: Floats | None = None) -> None:
        self.width, self.bottom, self.top = width, bottom, top
        self.taken = np.zeros((0, 4)) if taken is None else taken

    def take(self, left: float, bottom: float, right: float, top: float, margin: float = 0.0) -> bool:
        """Cover a rectangle if it is free and on the paper; return whether it was. The margin is kept sideways."""
        slack = 1e-9
        if left < -slack or bottom < self.bottom - slack or right > self.width + slack or top > self.top + slack:
            return False
        beside = (left >= self.taken[:, 2] + margin) | (right <= self.taken[:, 0] - margin)
        above = (bottom >= self.taken[:, 3] - slack) | (top <= self.taken[:, 1] + slack)
        if not (beside | above).all():
            return False
        self.taken = np.concatenate([self.taken, [[left, bottom, right, top]]])
        return True
