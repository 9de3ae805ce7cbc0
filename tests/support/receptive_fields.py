"""A slow check of a receptive field, which shares no code with the package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

Grid = tuple[int, int]


def rings(grid: Grid, centre: int) -> list[set[int]]:
    """Positions of the grid by their distance from the centre: itself, then ring after ring."""
    height, width = grid
    row, column = divmod(centre, width)
    rings: list[set[int]] = [set() for _ in range(max(height, width))]
    for r in range(height):
        for c in range(width):
            rings[max(abs(r - row), abs(c - column))].add(r * width + c)
    return [ring for ring in rings if ring]


def is_field(grid: Grid, centre: int, field: Iterable[int], count: int) -> bool:
    """Whether a field is the centre and whole rings around it, and then part of one more ring."""
    left = Counter(field)
    if sum(left.values()) != count or max(left.values(), default=1) > 1:
        return False
    chosen = set(left)
    for ring in rings(grid, centre):
        if len(chosen) <= len(ring):
            return chosen <= ring
        if not ring <= chosen:
            return False
        chosen -= ring
    return not chosen
