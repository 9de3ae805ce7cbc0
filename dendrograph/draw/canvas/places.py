"""The places of a layer's neuron as diagrams need them: names, counts, lengths and synapses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.graph.tree import branchings


@dataclass(frozen=True)
class Place:
    """All compartments at one place of a neuron's tree.

    name: within the neuron, such as `soma` or `trunk/tuft`
    parent: position of the parent's place in the list of places (None for the soma)
    count: copies on each parent; size: compartments in one neuron
    length_um, diameter_um: of the cable, 0 if the morphology gives none
    synapses: the projections of synapses onto it; cable: the projection from it to its parent
    """

    name: str
    group: Group
    parent: int | None
    count: int
    size: int
    length_um: float
    diameter_um: float
    synapses: tuple[Projection, ...]
    cable: Projection | None

    @property
    def label(self) -> str:
        """The last word of its name."""
        return self.name.rsplit("/", 1)[-1]


def layers_of(graph: Graph) -> tuple[str, ...]:
    """The names of the layers, in order."""
    return tuple(group.layer for group in graph.groups if group.role == "soma")


def places_of(graph: Graph, layer: str) -> tuple[Place, ...]:
    """The places of a layer's neuron: the soma first, parents before children, siblings in the order declared."""
    groups = {
        group.name: group for group in graph.groups if group.layer == layer and group.role in ("soma", "dendrite")
    }
    cables = {one.source: one for one in graph.projections if one.kind == "cable" and one.source in groups}
    sizes = _cable_sizes(graph, layer)
    found: list[Place] = []
    positions: dict[str, int] = {}
    # The graph lists children before parents, and siblings backwards.
    for name, group in reversed(groups.items()):
        cable = cables.get(name)
        size = group.size // group.neurons
        parent = None if cable is None else positions[cable.target]
        place = name.removeprefix(f"{layer}/")
        positions[name] = len(found)
        length, diameter = sizes.get(place, (0.0, 0.0))
        synapses = tuple(one for one in graph.onto(group) if one.kind == "synapse")
        count = 1 if parent is None else size // found[parent].size
        found.append(Place(place, group, parent, count, size, length, diameter, synapses, cable))
    return tuple(found)


def depths_of(places: Sequence[Place]) -> list[int]:
    """The number of cables between each place and the soma."""
    depths: list[int] = []
    for place in places:
        depths.append(0 if place.parent is None else depths[place.parent] + 1)
    return depths


def _cable_sizes(graph: Graph, layer: str) -> dict[str, tuple[float, float]]:
    """Length and diameter of the cables in µm, by place; empty if the graph does not know its morphology."""
    if graph.morphology is None:
        return {}
    kind = next(copy.layer.neuron for copy in graph.morphology.copies() if copy.name == layer)
    return {
        place.name: (place.compartment.cable.length_um, place.compartment.cable.diameter_um)
        for place in branchings(graph.morphology.neurons[kind])
    }
