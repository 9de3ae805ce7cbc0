"""One neuron as a tree: its groups of compartments, and its single compartments as a networkx arborescence.

The attenuation of a cable in a finite tree depends on the whole tree (Rall, Experimental Neurology 1 (1959)). A signal
runs from a dendrite to its parent. The load at the parent's end of the cable is the input conductance of all that is
joined there: the cable further inwards, and the other branches with all that grows from them. These conductances are
summed twice over the tree: inwards from the tips, which are sealed (no current leaves them), for the load of a branch
on its parent; then outwards from the soma, for the load of the rest of the neuron on a branch. The soma itself is no
load, because it has no size in a morphology. The product of the attenuations on the way is the steady voltage at the
soma divided by that at the dendrite, when current enters at the dendrite alone.
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

    Compartment i is a child of the parent's compartment i // `compartment.count`, so siblings are contiguous.

    Attributes:
        name: `soma`, `basal`, `basal/tuft`, …
        parent: the position of the parent in the result of `branchings`; None for the soma.
        size: number of compartments of one neuron.
        passed: the share of the voltage that the cable passes on to the parent.
    """

    name: str
    compartment: Compartment
    parent: int | None
    size: int
    passed: float = 1.0

    @property
    def factor(self) -> float:
        """The factor between the cable's parameter and its weight."""
        return self.passed if self.compartment.cable.attenuation == "factor" else 1.0

    @property
    def start(self) -> Init:
        """The initialisation of the cable's weight; attenuation included if it is only the initial value."""
        cable = self.compartment.cable
        return Init("constant", self.passed) if cable.attenuation == "initial" else cable.init

    @property
    def reduction(self) -> str:
        """How the messages onto a compartment are combined; a mean is a sum that is divided later."""
        integration = self.compartment.integration
        return "sum" if integration == "mean" else integration


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
    """The load at the parent's end of each place's cable: the conductance of everything else that is joined there."""
    loads = [0.0] * len(places)
    if not any(place.compartment.cable.ends == SEALED for place in places):
        return loads
    branch = [0.0] * len(places)  # the input conductance of one branch at its parent
    branches = [0.0] * len(places)  # the same of all branches on one compartment together
    for position, place in reversed(list(enumerate(places))):
        if place.parent is not None:
            branch[position] = place.compartment.cable.conductance(branches[position])
            branches[place.parent] += place.compartment.count * branch[position]
    inwards = [0.0] * len(places)  # of the rest of the neuron, through the cable to the parent
    for position, place in enumerate(places):
        if place.parent is not None:
            loads[position] = inwards[place.parent] + max(0.0, branches[place.parent] - branch[position])
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
