"""One neuron as a tree: its groups of compartments, and its compartments one by one as a networkx arborescence.

How much the cables of a finite tree pass follows from the whole tree (Rall, Experimental Neurology 1 (1959)). A signal
runs from a dendrite to its parent, so its cable is loaded at the parent's end, by all that is joined there: the cable
further inwards and the other branches, each with all that lies behind it. Input conductances are summed twice over the
tree: inwards from the tips, which are sealed (no current leaves them), for what a branch takes from its parent; then
outwards from the soma, for what the rest of the neuron takes from a branch. The soma takes nothing by itself: it has no
size in a morphology. The product of what the cables pass on the way is then the steady voltage at the soma over that at
the dendrite, when current enters at the dendrite alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx

from dendrograph.morphology.cable import SEALED
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.weights import Init


@dataclass(frozen=True)
class Branching:
    """All compartments at one place of a neuron's tree.

    `name` is `soma`, `basal`, `basal/tuft`, …; `parent` is the position of the parent's entry in the tuple that
    `branchings` gives (None for the soma); `size` counts the compartments of one neuron. Compartment i is a child of
    the parent's compartment i // `compartment.count`, so siblings are contiguous. `passed` is the share of its voltage
    that the cable to the parent passes on.
    """

    name: str
    compartment: Compartment
    parent: int | None
    size: int
    passed: float = 1.0

    @property
    def factor(self) -> float:
        """What the cable's weight is multiplied with."""
        return self.passed if self.compartment.cable.attenuation == "factor" else 1.0

    @property
    def start(self) -> Init:
        """How the cable's weight starts, the attenuation seen to."""
        cable = self.compartment.cable
        return Init("constant", self.passed) if cable.attenuation == "initial" else cable.init


def branchings(neuron: Compartment) -> tuple[Branching, ...]:
    """The places of a neuron's tree, parents before children."""
    found = [Branching(neuron.name, neuron, None, 1)]
    for position, place in enumerate(found):  # the list grows on the way
        prefix = "" if place.parent is None else f"{place.name}/"
        for dendrite in place.compartment.dendrites:
            found.append(Branching(prefix + dendrite.name, dendrite, position, place.size * dendrite.count))
    passed = [place.compartment.cable.passes(load) for place, load in zip(found, _loads(found), strict=True)]
    return tuple(replace(place, passed=share) for place, share in zip(found, passed, strict=True))


def _loads(places: list[Branching]) -> list[float]:
    """The conductance at the parent's end of each place's cable, of all that is joined there but the cable itself."""
    loads = [0.0] * len(places)
    if not any(place.compartment.cable.ends == SEALED for place in places):
        return loads
    taken = [0.0] * len(places)  # by one branch from its parent: its input conductance there
    behind = [0.0] * len(places)  # of all branches on one compartment
    for position, place in reversed(list(enumerate(places))):
        if place.parent is not None:
            taken[position] = place.compartment.cable.conductance(behind[position])
            behind[place.parent] += place.compartment.count * taken[position]
    inwards = [0.0] * len(places)  # of the rest of the neuron, through the cable to the parent
    for position, place in enumerate(places):
        if place.parent is not None:
            loads[position] = inwards[place.parent] + max(0.0, behind[place.parent] - taken[position])
            inwards[position] = place.compartment.cable.conductance(loads[position])
    return loads


def arborescence(neuron: Compartment) -> nx.DiGraph:
    """One neuron's compartments: nodes 0 (the soma) to n - 1, parents before children, an edge from parent to child.

    Node attributes: `group` (the name of its place), `index` (its number within the group), `compartment`.
    """
    tree = nx.DiGraph(name=neuron.name)
    first: list[int] = []
    for place in branchings(neuron):
        first.append(tree.number_of_nodes())
        for index in range(place.size):
            node = tree.number_of_nodes()
            tree.add_node(node, group=place.name, index=index, compartment=place.compartment)
            if place.parent is not None:
                tree.add_edge(first[place.parent] + index // place.compartment.count, node)
    return tree
