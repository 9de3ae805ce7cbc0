"""Sites of a neuron: compartments by the name of their place in the tree and their index, such as `basal/tuft[3]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.graph.graph import Graph

SINGLE, SAME, DIFFERENT = "single", "same branch", "different branches"
MOST_TERMINAL = 4  # places at the ends of the tree that are stimulated where nobody says which


@dataclass(frozen=True)
class Site:
    """One compartment of a neuron: the name of its place, its number within, and both as text."""

    place: str
    index: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Sites:
    """The compartments of one neuron.

    sizes: how many there are of each place, the soma first and parents before children
    parents: the place that each place of dendrites grows from
    """

    sizes: Mapping[str, int]
    parents: Mapping[str, str]

    @classmethod
    def of(cls, single: Graph, layer: str) -> Sites:
        """Those of a graph that holds one neuron of a layer."""
        prefix = f"{layer}/"
        own = [group for group in reversed(single.groups) if group.role != "input"]
        cables = [one for one in single.projections if one.kind == "cable"]
        return cls(
            {group.name.removeprefix(prefix): group.size for group in own},
            {one.source.removeprefix(prefix): one.target.removeprefix(prefix) for one in cables},
        )

    @property
    def soma(self) -> Site:
        """The root of the tree."""
        return self.site(next(iter(self.sizes)), 0)

    @cached_property
    def terminal(self) -> tuple[str, ...]:
        """The places from which nothing grows."""
        return tuple(place for place in self.sizes if place not in self.parents.values())

    @cached_property
    def chosen(self) -> tuple[str, ...]:
        """The terminal places that are stimulated where nobody says which: one of each stem, if there is room."""
        stems: dict[str, str] = {}
        for place in self.terminal:
            stems.setdefault(self._stem(self.site(place, 0))[0], place)
        first = [*stems.values(), *(place for place in self.terminal if place not in stems.values())]
        return tuple(place for place in self.terminal if place in first[:MOST_TERMINAL])

    def site(self, place: str, index: int) -> Site:
        """The compartment of that number at a place that there is."""
        return Site(place, index, place if self.sizes[place] == 1 else f"{place}[{index}]")

    def read(self, text: str) -> Site:
        """`basal[0]`, `basal/tuft[3]`, `soma`: the number may be left out where there is one compartment.

        Raises:
            DendrographError: it is none of them.
        """
        shown = clip(text.strip())
        found = re.fullmatch(r"\s*([^\s\[\]]+)\s*(?:\[\s*(-?[0-9]{1,9})\s*\])?\s*", text)
        if not found:
            raise DendrographError(f"'{shown}' names no compartment\n  write it as {self._example}")
        place, index = found[1], found[2]
        if place not in self.sizes:
            raise DendrographError(
                f"'{shown}': the neuron has no compartment '{clip(place)}'\n"
                f"  {did_you_mean(place, self.sizes, 'compartments')}"
            )
        size = self.sizes[place]
        if index is None and size > 1:
            raise DendrographError(f"'{shown}': the neuron has {size:,} of them\n  say which: {self._range(place)}")
        if index is not None and not 0 <= int(index) < size:
            raise DendrographError(f"'{shown}': no compartment of that number\n  {self._range(place)}")
        return self.site(place, int(index or 0))

    def read_stimulus(self, text: str) -> tuple[Site, ...]:
        """One site, or two with a `+` between them.

        Raises:
            DendrographError: it is neither.
        """
        parts = text.split("+")
        if len(parts) > 2:
            raise DendrographError(
                f"'{clip(text)}': {len(parts)} compartments together\n  one is stimulated alone, or two as a pair"
            )
        return tuple(self.read(part) for part in parts)

    def kind(self, sites: tuple[Site, ...]) -> str:
        """Whether a pair lies on one branch.

        Two sites lie on the same branch where they are one compartment, or belong to the same dendrite of the soma and
        what grows from it: a dendrite integrates both of them before the soma does. On different branches they meet in
        the soma, and nowhere before.
        """
        if len(sites) == 1:
            return SINGLE
        return SAME if self._stem(sites[0]) == self._stem(sites[1]) else DIFFERENT

    def by_default(self) -> list[tuple[Site, ...]]:
        """What is stimulated where nobody says what: of each terminal place (of some, where there are many) the first
        compartment alone, with itself, with its sibling, and, if that is on the same branch, with one on another.
        """
        found: list[tuple[Site, ...]] = []
        for place in self.chosen:
            first = self.site(place, 0)
            pairs = [(first, first)]
            if self.sizes[place] > 1:
                pairs.append((first, self.site(place, 1)))
            if all(self.kind(pair) == SAME for pair in pairs) and (other := self._elsewhere(first)):
                pairs.append((first, other))
            found += [(first,), *pairs]
        known: set[frozenset[Site] | tuple[Site, ...]] = set()
        unique = []
        for sites in found:
            key = sites if len(set(sites)) == 1 else frozenset(sites)
            if key not in known:
                known.add(key)
                unique.append(sites)
        return unique

    def _elsewhere(self, site: Site) -> Site | None:
        """The first compartment on another branch: of the same place if there is one, else of a terminal one."""
        for place in (site.place, *self.terminal):
            for index in range(self.sizes[place]):
                other = self.site(place, index)
                if self._stem(other) != self._stem(site):
                    return other
        return None

    def _stem(self, site: Site) -> tuple[str, int]:
        """The dendrite of the soma that a compartment belongs to; the soma itself for the soma."""
        place, index, root = site.place, site.index, next(iter(self.sizes))
        while place != root and self.parents[place] != root:
            parent = self.parents[place]
            index //= self.sizes[place] // self.sizes[parent]  # siblings are contiguous
            place = parent
        return place, index

    @property
    def _example(self) -> str:
        return " or ".join(dict.fromkeys([self.site(self.terminal[0], 0).text, self.soma.text]))

    def _range(self, place: str) -> str:
        size = self.sizes[place]
        return f"there is one, {place}" if size == 1 else f"{place}[0] to {place}[{size - 1}]"
