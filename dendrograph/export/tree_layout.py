"""Where the branches of a neuron lie, so that none crosses another: each fork shares out the angle that it was given.

A branch runs along the middle of its wedge, and all that grows from it stays within: a wedge narrower than a half turn
that is moved along its middle lies inside itself, and the wedges of siblings have nothing in common. (The equal-angle
layout of trees, Felsenstein, Inferring Phylogenies, 2004.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

WIDEST = math.radians(150.0)  # of a branch of the soma, also where it is the only one
UP = (math.radians(30.0), math.radians(150.0))  # the wedge of apical stems
DOWN = (math.radians(150.0), math.radians(390.0))  # of all others beside them
ROUND = (math.radians(90.0), math.radians(450.0))


def directions(parents: Sequence[int | None], apical: Sequence[bool]) -> list[float]:
    """The direction of each branch, in radians.

    Args:
        parents: the place of each branch's parent, which stands before it; None for a stem.
        apical: whether each branch is apical: where stems of both kinds leave the soma, these go upwards.
    """
    tips = [0] * len(parents)
    children: dict[int | None, list[int]] = {}
    for branch, parent in enumerate(parents):
        children.setdefault(parent, []).append(branch)
    for branch in reversed(range(len(parents))):
        tips[branch] = max(1, sum(tips[child] for child in children.get(branch, ())))
    wedges: dict[int, tuple[float, float]] = {}

    def share(branches: Sequence[int], wedge: tuple[float, float]) -> None:
        low, whole = wedge[0], sum(tips[branch] for branch in branches)
        for branch in branches:
            high = low + (wedge[1] - wedge[0]) * tips[branch] / whole
            middle, half = (low + high) / 2, min(high - low, WIDEST) / 2
            wedges[branch] = middle - half, middle + half
            low = high

    stems = children.get(None, [])
    upwards = [stem for stem in stems if apical[stem]]
    others = [stem for stem in stems if not apical[stem]]
    if upwards and others:
        share(upwards, UP)
        share(others, DOWN)
    else:
        share(stems, ROUND)
    for branch in range(len(parents)):  # parents stand before their branches
        share(children.get(branch, ()), wedges[branch])
    return [(wedges[branch][0] + wedges[branch][1]) / 2 for branch in range(len(parents))]
