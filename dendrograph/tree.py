"""One neuron as a tree: its groups of compartments, and its compartments one by one as a networkx arborescence."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from dendrograph.morphology import Compartment


@dataclass(frozen=True)
class Branching:
    """All compartments at one place of a neuron's tree.

    `name` is `soma`, `basal`, `basal/tuft`, …; `parent` is the position of the parent's entry in the tuple that
    `branchings` gives (None for the soma); `size` counts the compartments of one neuron. Compartment i is a child of
    the parent's compartment i // `compartment.count`, so siblings are contiguous.
    """

    name: str
    compartment: Compartment
    parent: int | None
    size: int


def branchings(neuron: Compartment) -> tuple[Branching, ...]:
    """The places of a neuron's tree, parents before children."""
    found = [Branching(neuron.name, neuron, None, 1)]
    for position, place in enumerate(found):  # the list grows on the way
        prefix = "" if place.parent is None else f"{place.name}/"
        for dendrite in place.compartment.dendrites:
            found.append(Branching(prefix + dendrite.name, dendrite, position, place.size * dendrite.count))
    return tuple(found)


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
