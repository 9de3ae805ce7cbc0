"""One neuron as a tree: its places, and its compartments one by one."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import pytest
from trees import CORNERS, COVERING, Case

from dendrograph import Morphology
from dendrograph.graph.tree import arborescence, branchings
from dendrograph.morphology.neuron import Compartment

CASES = (*CORNERS[:14], *COVERING)


def _neurons(case: Case) -> list[Compartment]:
    return list(Morphology.from_dict(case.morphology).neurons.values())


def _unfolded(compartment: Compartment, path: str = "") -> Iterator[tuple[str, int]]:
    """The slow telling: every single compartment below one, depth first, as (place, parent's children so far)."""
    for dendrite in compartment.dendrites:
        place = f"{path}/{dendrite.name}" if path else dendrite.name
        for copy in range(dendrite.count):
            yield place, copy
            yield from _unfolded(dendrite, place)


every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
def test_places_stand_parents_first_and_count_their_compartments(case: Case) -> None:
    for neuron in _neurons(case):
        places = branchings(neuron)
        assert places[0].compartment is neuron and places[0].name == neuron.name
        assert (places[0].parent, places[0].size) == (None, 1)
        assert len({place.name for place in places}) == len(places)
        for position, place in enumerate(places[1:], start=1):
            assert place.parent is not None and place.parent < position
            parent = places[place.parent]
            assert place.compartment in parent.compartment.dendrites
            assert place.size == parent.size * place.compartment.count
            prefix = "" if place.parent == 0 else f"{parent.name}/"
            assert place.name == prefix + place.compartment.name
        found = [place for place, _ in _unfolded(neuron)]
        assert {place.name: place.size for place in places[1:]} == {name: found.count(name) for name in found}


@every_case
def test_the_arborescence_is_a_tree_of_every_compartment(case: Case) -> None:
    for neuron in _neurons(case):
        tree = arborescence(neuron)
        assert tree.number_of_nodes() == 1 + len(list(_unfolded(neuron)))
        assert nx.is_arborescence(tree)
        assert list(tree) == list(range(len(tree)))
        assert all(parent < child for parent, child in tree.edges), "parents before children"
        assert tree.nodes[0]["group"] == neuron.name and tree.in_degree(0) == 0
        for node, place in tree.nodes(data=True):
            # Each compartment has its own copies of every dendrite that its place declares, contiguous and in order.
            children = [tree.nodes[child] for child in tree.successors(node)]
            for dendrite in place["compartment"].dendrites:
                copies = [child["index"] for child in children if child["compartment"] is dendrite]
                assert copies == list(range(place["index"] * dendrite.count, (place["index"] + 1) * dendrite.count))
            assert len(children) == sum(dendrite.count for dendrite in place["compartment"].dendrites)


def test_a_tree_that_was_unfolded_by_hand() -> None:
    tuft = Compartment("tuft", 2)
    neuron = Compartment("soma", dendrites=(Compartment("basal", 2), Compartment("apical", 1, dendrites=(tuft,))))
    tree = arborescence(neuron)
    assert [tree.nodes[node]["group"] for node in tree] == [
        "soma",
        "basal",
        "basal",
        "apical",
        "apical/tuft",
        "apical/tuft",
    ]
    assert sorted(tree.edges) == [(0, 1), (0, 2), (0, 3), (3, 4), (3, 5)]


def test_a_point_neuron_is_a_tree_of_one() -> None:
    tree = arborescence(Compartment("soma"))
    assert (tree.number_of_nodes(), tree.number_of_edges()) == (1, 0)
