"""From the sections of a reconstruction to the dendrites of a morphology: one a section, one a branch order, or bins.

Branch orders are counted outwards from the soma: a stem has order 1, and each fork or change of type begins the next.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dendrograph.errors import DendrographError, argument, worded
from dendrograph.reading import DEEPEST
from dendrograph.swc import Reconstruction, Section

SECTION, ORDER, BINS = REDUCTIONS = ("section", "order", "bins")
BIN_UM = 50.0

# Dendrites on one path of a file: each is two levels deeper (`dendrites`, and its place in that list), from `neurons`
# and the neuron's name on; the last one's synapses take three more.
MOST_NESTED = (DEEPEST - 2 - 3) // 2


@dataclass(frozen=True)
class Part:
    """What becomes one dendrite of the file.

    count: copies on each parent
    length_um, diameter_um: of one copy; where it stands for several sections, their means
    sections: for how many it stands, all copies together (a bin stands for a piece of one)
    total_um: their length
    dendrites: its children
    """

    name: str
    kind: str
    length_um: float
    diameter_um: float
    total_um: float
    count: int = 1
    sections: int = 1
    dendrites: tuple[Part, ...] = ()


def reduced(
    reconstruction: Reconstruction, how: str = SECTION, bin_um: float = BIN_UM, orders: int | None = None
) -> tuple[Part, ...]:
    """The dendrites that leave the soma.

    `section`: each section is a dendrite.

    `order`: the sections of one stem that have the same branch order and the same types from the stem on are one
    dendrite. In a regular stem, where all sections of an order have equally many branches, it has that `count`, so that
    there are as many dendrites as sections. In any other stem its count is 1. Either way the length is the mean of
    theirs, and the diameter the mean weighted by length: so length × diameter, and the membrane with it, is a mean too.

    `bins`: each section is cut into the fewest equal pieces of at most `bin_um`, one dendrite on the other.

    Args:
        reconstruction: of the neuron.
        how: `section`, `order` or `bins`.
        bin_um: for `bins`.
        orders: leave out branches of a higher order.

    Raises:
        DendrographError: the dendrites would nest more deeply than a file may.
    """
    children: dict[int | None, list[int]] = defaultdict(list)
    for place in within(reconstruction, orders):
        children[reconstruction.sections[place].parent].append(place)
    _held(reconstruction, orders, bin_um if how == BINS else math.inf)
    tree = _Tree(reconstruction.sections, children)
    if how == ORDER:
        return _named([tree.by_order([stem]) for stem in children[None]])
    return tree.by_section(None, bin_um if how == BINS else math.inf)


def within(reconstruction: Reconstruction, orders: int | None) -> list[int]:
    """The places of the sections up to a branch order."""
    found: list[int] = []
    order: list[int] = []
    for place, section in enumerate(reconstruction.sections):
        order.append(1 if section.parent is None else order[section.parent] + 1)
        if orders is None or order[place] <= orders:
            found.append(place)
    return found


def entries(parts: Iterable[Part]) -> int:
    """Dendrites as the file lists them, copies not counted."""
    return sum(1 + entries(part.dendrites) for part in parts)


def dendrites(parts: Iterable[Part]) -> int:
    """Dendrites of one neuron, copies counted."""
    return sum(part.count * (1 + dendrites(part.dendrites)) for part in parts)


def nested(parts: Iterable[Part]) -> int:
    """Dendrites on the longest path from the soma."""
    return max((1 + nested(part.dendrites) for part in parts), default=0)


def pieces(length: float, bin_um: float) -> int:
    """The fewest equal pieces of at most `bin_um`, within the rounding of float32 coordinates."""
    return max(1, math.ceil(length / bin_um * (1 - 1e-6)))


def _held(reconstruction: Reconstruction, orders: int | None, bin_um: float) -> None:
    """Refuse what no file could hold, and say what would fit."""
    kept = set(within(reconstruction, orders))

    def deepest(bin_um: float) -> int:
        depths: list[int] = []
        for place, section in enumerate(reconstruction.sections):
            above = 0 if section.parent is None else depths[section.parent]
            depths.append(above + (pieces(section.length, bin_um) if place in kept else 0))
        return max(depths)

    found = deepest(bin_um)
    if found <= MOST_NESTED:
        return
    other = f"{argument('reduce', SECTION)} or {worded(ORDER, repr(ORDER))}"
    remedy = f"leave out the outer branches: {other}, with {argument('orders', MOST_NESTED)}"
    if deepest(math.inf) <= MOST_NESTED:
        larger = math.ceil(bin_um)
        while deepest(larger) > MOST_NESTED:
            larger += max(1, larger // 20)
        remedy = f"take larger bins, {argument('bin_um', larger)}, or {other}"
    problem = f"{found:,} dendrites one on the other, and a morphology file nests {MOST_NESTED} at most"
    raise DendrographError(f"{reconstruction.file}: {problem}\n  {remedy}")


@dataclass(frozen=True)
class _Tree:
    sections: Sequence[Section]
    children: Mapping[int | None, Sequence[int]]

    def by_section(self, parent: int | None, bin_um: float) -> tuple[Part, ...]:
        """What grows from a section (None: from the soma)."""
        parts = [self._pieces(place, bin_um) for place in self.children.get(parent, ())]
        return _named(parts, None if parent is None else self.sections[parent].kind)

    def _pieces(self, place: int, bin_um: float) -> Part:
        """A section, or its pieces, the outer ones on the inner ones and the branches on the outermost."""
        section = self.sections[place]
        number = pieces(section.length, bin_um)
        step = section.length / number
        grown = self.by_section(place, bin_um)
        for piece in range(number, 0, -1):
            diameter = section.mean_diameter((piece - 1) * step, piece * step)
            grown = (Part(f"p{piece}", section.kind, step, diameter, step, dendrites=grown),)
        return grown[0]

    def by_order(self, stem: Sequence[int]) -> Part:
        """One stem, its orders one on the other."""
        return self._merged(stem, order=1, counted=self._regular(stem))

    def _outwards(self, places: Sequence[int]) -> list[list[int]]:
        """The sections of the next order, those of one type together."""
        by_kind: dict[str, list[int]] = defaultdict(list)
        for place in places:
            for child in self.children.get(place, ()):
                by_kind[self.sections[child].kind].append(child)
        return list(by_kind.values())

    def _regular(self, places: Sequence[int]) -> bool:
        """Whether all sections have equally many branches of each type, and so on outwards."""
        for grown in self._outwards(places):
            counts = Counter(self.sections[child].parent for child in grown)
            if len(counts) < len(places) or len(set(counts.values())) > 1 or not self._regular(grown):
                return False
        return True

    def _merged(self, places: Sequence[int], order: int, counted: bool, parents: int = 1) -> Part:
        """Sections of one order and type as one dendrite."""
        kind = self.sections[places[0]].kind
        outwards = []
        for grown in self._outwards(places):
            part = self._merged(grown, order + 1, counted, len(places))
            outwards.append(replace(part, name=f"o{order + 1}" if part.kind == kind else part.kind))
        total = sum(self.sections[place].length for place in places)
        area = sum(self.sections[place].length * self.sections[place].mean_diameter() for place in places)
        count = len(places) // parents if counted else 1
        return Part(kind, kind, total / len(places), area / total, total, count, len(places), tuple(outwards))


def _named(parts: Sequence[Part], parent: str | None = None) -> tuple[Part, ...]:
    """Names for siblings: `b1`, `b2`, … for branches of the parent's type; `basal1`, `apical`, … for all others."""
    of_kind = Counter(part.kind for part in parts)
    seen: Counter[str] = Counter()
    named = []
    for part in parts:
        seen[part.kind] += 1
        number = str(seen[part.kind]) if of_kind[part.kind] > 1 or part.kind == parent else ""
        named.append(replace(part, name=f"{'b' if part.kind == parent else part.kind}{number}"))
    return tuple(named)
