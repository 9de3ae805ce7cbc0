"""Where the parts of a tree lie: pure numbers, linear in the number of compartments drawn.

A tree is laid out in slots: each end of a branch has one, a parent stands in the middle of its children's. So branches
of different subtrees never meet, whatever the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

ALL, SOME, ONE = "all", "some", "one"
MOST_SHOWN = 4  # slots that `some` takes: the first two copies, an ellipsis, the last
ELLIPSIS = -1  # in the place of a copy's number


@dataclass(frozen=True, eq=False)
class Twigs:
    """The compartments of a neuron that are drawn, in arrays of one length; the soma is number 0.

    parent: number of the parent, -1 for the soma
    place: position of its place
    copy: number within its place, or `ELLIPSIS` for the mark that stands for the copies between two others
    stands_for: compartments that it stands for, copies on one parent counted: 1 where all are drawn
    slot: position of its middle, in slots from the left
    span: slots that it and what grows from it take
    """

    parent: Whole
    place: Whole
    copy: Whole
    stands_for: Whole
    slot: Floats
    span: Floats
    slots: float  # of all

    def __len__(self) -> int:
        return len(self.parent)

    def at(self, place: int) -> Whole:
        """The numbers of the compartments drawn at a place, ellipses among them."""
        return np.flatnonzero(self.place == place)


def fold(parents: Sequence[int | None], counts: Sequence[int], capacity: float) -> tuple[str, ...]:
    """How many copies of each place to draw, so that a tree takes at most so many slots.

    Args:
        parents: of each place, the position of its parent's place; parents come first.
        counts: copies of each place on one parent.
        capacity: slots that there are.

    Returns:
        For each place `all`, `some` (the first, the second, an ellipsis, the last) or `one` (which says how many).
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
            # What is written as `some` still shows a population: `one` is for what does not fit otherwise.
            key = (saved if fewer == SOME else 0.25 * saved, counts[position], position, fewer)
            best = max(best, key) if best else key
        if best is None:
            break
        modes[best[2]] = best[3]
    return tuple(modes)


def spans(parents: Sequence[int | None], counts: Sequence[int], modes: Sequence[str]) -> list[float]:
    """Slots that one compartment of each place takes, with what grows from it; the same for all copies."""
    inner = [0.0] * len(counts)
    whole = [1.0] * len(counts)
    for position in reversed(range(len(counts))):
        whole[position] = max(1.0, inner[position])
        parent = parents[position]
        if parent is not None:
            inner[parent] += _run(counts[position], modes[position], whole[position])
    return whole


def _run(count: int, mode: str, span: float) -> float:
    """Slots that the copies on one parent take."""
    return span * {ALL: count, SOME: 3, ONE: 1}[mode] + (mode == SOME)


def unfold(parents: Sequence[int | None], counts: Sequence[int], modes: Sequence[str]) -> Twigs:
    """The compartments to draw, each in its slot; in time linear in their number."""
    whole = spans(parents, counts, modes)
    first = np.zeros(1, dtype=np.int64)
    columns: dict[str, list[NDArray]] = {
        "parent": [first - 1],
        "place": [first],
        "copy": [first],
        "stands_for": [first + 1],
        "left": [np.zeros(1)],
        "span": [np.full(1, whole[0])],
    }
    drawn: dict[int, tuple[Whole, Whole, Floats]] = {0: (first, first, np.zeros(1))}  # numbers, copies, left ends
    number = 1
    offsets = [0.0] * len(counts)  # where the next children begin, from the left end of their parent
    for position in range(1, len(counts)):
        above = parents[position]
        assert above is not None, "one soma"
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
        columns["parent"].append(np.repeat(numbers, each))
        columns["place"].append(np.full(len(copy), position, dtype=np.int64))
        columns["copy"].append(copy)
        stands = np.where(dots, count - 3, count if mode == ONE else 1)
        columns["stands_for"].append(stands)
        columns["left"].append(left)
        columns["span"].append(np.where(dots, 1.0, span))
        real = ~dots
        drawn[position] = own[real], copy[real], left[real]
        offsets[above] += _run(count, mode, span)
    joined = {key: np.concatenate(parts) for key, parts in columns.items()}
    left = joined.pop("left")
    return Twigs(slot=left + joined["span"] / 2, slots=whole[0], **joined)


def heights(parent: Whole, length: Floats) -> tuple[Floats, Floats]:
    """Distance from the soma at which each compartment begins and ends, along the path; parents come first."""
    begin = np.zeros(len(parent))
    end = np.zeros(len(parent))
    # Level by level: the parents of a level are done before it.
    level = levels(parent)
    for depth in range(1, int(level.max(initial=0)) + 1):
        here = np.flatnonzero(level == depth)
        begin[here] = end[parent[here]]
        end[here] = begin[here] + length[here]
    return begin, end


def levels(parent: Whole) -> Whole:
    """Cables between each compartment and the soma; parents come first."""
    level = np.zeros(len(parent), dtype=np.int64)
    reached = np.flatnonzero(parent < 0)
    waiting = np.flatnonzero(parent >= 0)
    depth = 0
    inside = np.zeros(len(parent), dtype=bool)
    inside[reached] = True
    while len(waiting):
        depth += 1
        found = inside[parent[waiting]]
        level[waiting[found]] = depth
        inside[waiting[found]] = True
        waiting = waiting[~found]
    return level


def bends(begin_x: Floats, end_x: Floats, begin_y: Floats, bend_y: Floats, end_y: Floats, points: int) -> Floats:
    """Branches that leave their parent's end upright, bend over to their own slot, and go on upright.

    All branches that begin in one point bend over the same height, so that they keep their order and never cross.

    Returns:
        Shape (branches, points + 1, 2).
    """
    share = np.linspace(0.0, 1.0, points)
    eased = share * share * (3 - 2 * share)
    x = begin_x[:, None] + (end_x - begin_x)[:, None] * eased
    y = begin_y[:, None] + (bend_y - begin_y)[:, None] * share
    bent = np.stack([x, y], axis=2)
    tip = np.stack([end_x, end_y], axis=1)[:, None]
    return np.concatenate([bent, tip], axis=1)


def tapered(paths: Floats, begin: Floats, end: Floats) -> Floats:
    """The outlines of branches that are `begin` wide where they leave and `end` wide at their round tips.

    Args:
        paths: (branches, points, 2).
        begin: (branches,), width.
        end: (branches,), width.

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
    tip, forward, sideward = paths[:, -1:], along[:, -1:], across[:, -1:]
    radius = half[:, -1:]
    cap = [
        tip + radius * (np.cos(turn) * sideward + np.sin(turn) * forward)
        for turn in (np.pi / 4, np.pi / 2, 3 * np.pi / 4)
    ]
    return np.concatenate([left, *cap, right[:, ::-1]], axis=1)


class Free:
    """Rectangles that are taken (left, bottom, right, top), to place labels beside each other.

    Args:
        width: of the paper.
        bottom: its lowest point.
        top: its highest point.
        taken: (boxes, 4), what lies on it already.
    """

    def __init__(self, width: float, bottom: float, top: float, taken: Floats | None = None) -> None:
        self.width, self.bottom, self.top = width, bottom, top
        self.taken = np.zeros((0, 4)) if taken is None else taken

    def take(self, left: float, bottom: float, right: float, top: float, margin: float = 0.0) -> bool:
        """Take a rectangle if it is free and on the paper; says whether it was. A margin is kept sideways."""
        slack = 1e-9
        if left < -slack or bottom < self.bottom - slack or right > self.width + slack or top > self.top + slack:
            return False
        beside = (left >= self.taken[:, 2] + margin) | (right <= self.taken[:, 0] - margin)
        above = (bottom >= self.taken[:, 3] - slack) | (top <= self.taken[:, 1] + slack)
        if not (beside | above).all():
            return False
        self.taken = np.concatenate([self.taken, [[left, bottom, right, top]]])
        return True
