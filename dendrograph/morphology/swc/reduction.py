"""Reductions of a reconstruction to the dendrites of a morphology: one per section, one per branch order, or bins.

Branch orders are counted outwards from the soma: a stem has order 1, and each fork or change of type begins the next.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dendrograph.base.errors import DendrographError, argument, worded
from dendrograph.morphology.swc.sections import Reconstruction, Section
from dendrograph.morphology.yaml_reader import LARGEST_FILE, MOST_IN_A_ROW, MOST_STEPS, MOST_VALUES

SECTION, ORDER, BINS = REDUCTIONS = ("section", "order", "bins")
BIN_UM = 50.0

# Values (at least, at most) and bytes of a dendrite in a file with all defaults written out.
LEAST_VALUES, VALUES, BYTES = 17, 18, 400


@dataclass(frozen=True)
class Part:
    """One dendrite of the morphology file.

    Attributes:
        name: unique among its siblings.
        kind: `basal`, `apical` or `dendrite`.
        length_um: the length of one copy, in µm; the mean if it stands for several sections.
        diameter_um: the diameter of one copy, in µm; the mean if it stands for several sections.
        total_um: the length of all sections that it stands for, in µm.
        count: copies on each parent.
        sections: the number of sections that all copies stand for. A bin is a piece of one.
        dendrites: its branches.
        line: the line of the SWC file on which the (first) section ends.
    """

    name: str
    kind: str
    length_um: float
    diameter_um: float
    total_um: float
    count: int = 1
    sections: int = 1
    dendrites: tuple[Part, ...] = ()
    line: int = 0


def reduced(
    reconstruction: Reconstruction, how: str = SECTION, bin_um: float = BIN_UM, orders: int | None = None
) -> tuple[Part, ...]:
    """Reduce a reconstruction to the dendrites that leave the soma.

    `section`: each section is a dendrite.

    `order`: the sections of one stem with the same branch order, and the same types from the stem on, are one dendrite.
    In a regular stem, all sections of an order have equally many branches. The dendrite has that `count`, so that there
    are as many dendrites as sections. In any other stem its count is 1. In both cases the length is the mean length,
    and the diameter the mean weighted by length, so that the membrane area (length × diameter) is a mean too.

    `bins`: each section is cut into the fewest equal pieces of at most `bin_um`, chained to each other.

    Args:
        reconstruction: of the neuron.
        how: `section`, `order` or `bins`.
        bin_um: the largest length of a bin, in µm.
        orders: the highest branch order; branches of higher orders are left out.

    Raises:
        DendrographError: there would be more dendrites, or longer chains of them, than a file may hold.
    """
    tree = _tree(reconstruction, orders)
    size = tree.size(how, bin_um)
    problem = ""
    if size.deepest > MOST_IN_A_ROW:
        problem = f"{size.deepest:,} dendrites one on the other, and a morphology file nests {MOST_IN_A_ROW:,} at most"
    elif LEAST_VALUES * size.number > MOST_VALUES:
        problem = f"{size.number:,} dendrites are more than a morphology file may hold"
    if problem:
        raise DendrographError(f"{reconstruction.file}: {problem}\n  {advice(reconstruction, how, bin_um, orders)}")
    if how == ORDER:
        return tree.by_orders()
    return tree.by_section(bin_um if how == BINS else math.inf)


def advice(reconstruction: Reconstruction, how: str, bin_um: float, orders: int | None) -> str:
    """The remedy for a reduction that does not fit into a file."""
    tree = _tree(reconstruction, orders)
    if how == BINS and tree.size(SECTION).fits():
        larger = math.ceil(bin_um)
        while not tree.size(BINS, larger).fits():
            larger += max(1, larger // 20)
        by = f"{argument('reduce', SECTION)} or {worded(ORDER, repr(ORDER))}"
        return f"take larger bins, {argument('bin_um', larger)}, or {by}"
    if how != ORDER and tree.size(ORDER).fits():
        return f"take {argument('reduce', ORDER)}, which makes {tree.size(ORDER).number:,}"
    kept = ORDER if how == ORDER else SECTION
    deepest = tree.size(SECTION).deepest
    most = bisect_left(range(1, deepest), True, key=lambda most: not _tree(reconstruction, most).size(kept).fits())
    if most:
        by = argument("reduce", kept)
        if kept == SECTION:
            by += f" or {worded(ORDER, repr(ORDER))}"
        return f"leave out the outer branches: {by}, with {argument('orders', most)}"
    return (
        f"no reduction makes it fit, for {tree.size(ORDER).number:,} stems leave the soma: leave some out of the file"
    )


def _tree(reconstruction: Reconstruction, orders: int | None) -> _Tree:
    """The tree of the sections up to a branch order."""
    children: dict[int | None, list[int]] = defaultdict(list)
    for place in within(reconstruction, orders):
        children[reconstruction.sections[place].parent].append(place)
    return _Tree(reconstruction.sections, children)


@dataclass(frozen=True)
class _Size:
    """The number of dendrites, the length of the longest path, and the length of the paths to all of them together."""

    number: int
    deepest: int
    steps: int

    def fits(self) -> bool:
        """Whether a file certainly holds them."""
        around = 40  # values of the file outside its dendrites
        return (
            self.deepest <= MOST_IN_A_ROW
            and VALUES * self.number + around <= MOST_VALUES
            and VALUES * (2 * self.steps + 6 * self.number) <= MOST_STEPS
            and BYTES * self.number <= LARGEST_FILE
        )


def within(reconstruction: Reconstruction, orders: int | None) -> list[int]:
    """The indices of the sections up to a branch order."""
    found: list[int] = []
    order: list[int] = []
    for place, section in enumerate(reconstruction.sections):
        order.append(1 if section.parent is None else order[section.parent] + 1)
        if orders is None or order[place] <= orders:
            found.append(place)
    return found


def walk(parts: Iterable[Part]) -> Iterator[tuple[Part, int, int]]:
    """Every dendrite of the file, parents first, with its number of copies on a neuron and its depth."""
    waiting = [(part, part.count, 1) for part in reversed([*parts])]
    while waiting:
        part, copies, depth = waiting.pop()
        yield part, copies, depth
        waiting += [(child, copies * child.count, depth + 1) for child in reversed(part.dendrites)]


def entries(parts: Iterable[Part]) -> int:
    """The number of dendrites in the file, without copies."""
    return sum(1 for _ in walk(parts))


def dendrites(parts: Iterable[Part]) -> int:
    """The number of dendrites of one neuron, with copies."""
    return sum(copies for _, copies, _ in walk(parts))


def nested(parts: Iterable[Part]) -> int:
    """The number of dendrites on the longest path from the soma."""
    return max((depth for _, _, depth in walk(parts)), default=0)


def pieces(length: float, bin_um: float) -> int:
    """The smallest number of equal pieces of at most `bin_um`, with the tolerance of float32 coordinates."""
    return max(1, math.ceil(length / bin_um * (1 - 1e-6)))


@dataclass(frozen=True)
class _Tree:
    """The sections that are kept, and the indices of the branches of each (None: of the soma)."""

    sections: Sequence[Section]
    children: Mapping[int | None, Sequence[int]]

    def size(self, how: str, bin_um: float = BIN_UM) -> _Size:
        """The size of a reduction. For bins it is computed without making them."""
        if how == ORDER:
            depths = [depth for _, _, depth in walk(self.by_orders())]
            return _Size(len(depths), max(depths), sum(depths))
        number = deepest = steps = 0
        waiting = [(stem, 0) for stem in self.children[None]]
        while waiting:
            place, above = waiting.pop()
            count = pieces(self.sections[place].length, bin_um) if how == BINS else 1
            number += count
            steps += count * above + count * (count + 1) // 2
            deepest = max(deepest, above + count)
            waiting += [(child, above + count) for child in self.children.get(place, ())]
        return _Size(number, deepest, steps)

    def by_orders(self) -> tuple[Part, ...]:
        """The dendrites at the soma, one per stem, reduced by branch order."""
        return _named([self.by_order(stem) for stem in self.children[None]])

    def by_section(self, bin_um: float) -> tuple[Part, ...]:
        """The dendrites at the soma, one per section or piece of a section."""
        made: dict[int, Part] = {}

        def branches(place: int | None) -> tuple[Part, ...]:
            parts = [made.pop(child) for child in self.children.get(place, ())]
            return _named(parts, None if place is None else self.sections[place].kind)

        for place in sorted((child for places in self.children.values() for child in places), reverse=True):
            made[place] = self._in_pieces(self.sections[place], bin_um, branches(place))
        return branches(None)

    def _in_pieces(self, section: Section, bin_um: float, branches: tuple[Part, ...]) -> Part:
        """A section as a chain of pieces, with its branches on the outermost."""
        number = pieces(section.length, bin_um)
        step = section.length / number
        for piece in range(number, 0, -1):
            diameter = section.mean_diameter((piece - 1) * step, piece * step)
            branches = (Part(f"p{piece}", section.kind, step, diameter, step, dendrites=branches, line=section.line),)
        return branches[0]

    def by_order(self, stem: int) -> Part:
        """One stem as a chain of its branch orders."""
        orders = self._orders(stem)
        counted = all(self._regular(order.places, orders[order.inner].places) for order in orders[1:])
        outwards: list[list[Part]] = [[] for _ in orders]
        for at, order in reversed(list(enumerate(orders))):
            kind, parents = self.sections[order.places[0]].kind, 1
            name = kind
            if at:
                inner = orders[order.inner].places
                parents = len(inner)
                name = f"o{order.number}" if kind == self.sections[inner[0]].kind else kind
            total = sum(self.sections[place].length for place in order.places)
            area = sum(self.sections[place].length * self.sections[place].mean_diameter() for place in order.places)
            stands_for = len(order.places)
            count = stands_for // parents if counted else 1
            grown = tuple(reversed(outwards[at]))
            line = self.sections[order.places[0]].line
            part = Part(name, kind, total / stands_for, area / total, total, count, stands_for, grown, line)
            outwards[order.inner].append(part)
        return part

    def _orders(self, stem: int) -> list[_Order]:
        """The sections of a stem, grouped by branch order and by their types from the stem on."""
        orders = [_Order([stem], 1, 0)]
        for at, order in enumerate(orders):  # the loop extends the list
            by_kind: dict[str, list[int]] = defaultdict(list)
            for place in order.places:
                for child in self.children.get(place, ()):
                    by_kind[self.sections[child].kind].append(child)
            orders += [_Order(places, order.number + 1, at) for places in by_kind.values()]
        return orders

    def _regular(self, places: Sequence[int], parents: Sequence[int]) -> bool:
        """Whether all parents have equally many of these branches."""
        counts = Counter(self.sections[place].parent for place in places)
        return len(counts) == len(parents) and len(set(counts.values())) == 1


@dataclass(frozen=True)
class _Order:
    """Sections that become one dendrite: their indices, their branch order, and the index of the inner order."""

    places: Sequence[int]
    number: int
    inner: int


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
