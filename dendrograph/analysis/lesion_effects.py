"""What a single lesion changes: the activity of one soma, and what lies above it.

A dendrite reaches the output through its ancestors and its soma alone. So only these are computed without it, a row for
each lesion, from the activity of all others, which is kept. What lies above the soma is then computed with the lesions
as so many more samples; where that is the linear readout alone, its logits are corrected by the weight of the soma
times the change of its activity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dendrograph.analysis.lesions import Numbers, Origin, of_parts
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.weights import Sign
from dendrograph.network.network import DendriticNetwork


@dataclass(frozen=True)
class Tried:
    """Lesions of one group, and the network that gives the activity of each one's soma without it.

    somata: of which soma each lesion is. Shape (lesions,)
    rows: None where the soma itself is removed: it sends nothing
    """

    somata: Numbers
    rows: DendriticNetwork | None

    @classmethod
    def of(cls, network: DendriticNetwork, group: Group, units: Numbers) -> Tried:
        """Of these units of the group."""
        return cls(units, None) if group.role == "soma" else cls(*_without(network, group.name, units))

    def activity(self, values: Mapping[str, Tensor]) -> Tensor:
        """Of the somata without what is removed. Shape (batch, lesions)."""
        if self.rows is None:
            first = next(iter(values.values()))
            return first.new_zeros((first.shape[0], len(self.somata)))
        return self.rows({name: values[name] for name in self.rows.graph.inputs})


def _without(network: DendriticNetwork, group: str, units: Numbers) -> tuple[Numbers, DendriticNetwork]:
    """Of each lesion: its soma, and a copy of all its ancestors that lack the dendrite.

    On every level of the tree the copies draw from what their originals draw from, less the dendrite that is removed;
    further up, with the copy below in the place of its original.
    """
    graph, lesions = network.graph, len(units)
    each = np.arange(lesions)
    groups: list[Group] = []
    projections: list[Projection] = []
    edges: dict[str, Origin] = {}
    origins: dict[str, Origin] = {}
    inputs: dict[str, tuple[int, ...]] = {}

    def add(projection: Projection, origin: Projection, numbers: Numbers) -> None:
        projections.append(projection)
        edges[projection.name] = origin.name, numbers

    below, changed = "", units
    while graph.by_name[group].role == "dendrite":
        cables = _cables(graph, group)
        child, parent = cables.endpoints()
        own = np.empty(cables.sources, dtype=np.int64)
        own[child] = np.arange(cables.edges)
        removed = own[changed]  # the edge of the dendrite that is removed, or of what its copy takes the place of
        parents = parent[removed].astype(np.int64)
        whole = graph.by_name[cables.target]
        name = f"{whole.name} without"
        for projection in graph.onto(whole):
            rows, numbers = _edges_onto(projection, parents)
            if projection is cables:
                stays = numbers != removed[rows]
                rows, numbers = rows[stays], numbers[stays]
            if len(numbers):
                pairs = projection.endpoints()[0][numbers], rows
                copied = replace(projection, name=f"{projection.name} without", target=name, targets=lesions)
                add(replace(copied, pairs=pairs, blocks=(), field=None), projection, numbers)
                inputs[projection.source] = (projection.sources,)
        if below:
            joined = replace(cables, name=f"{below}->{name}", source=below, target=name, pairs=(each, each))
            add(replace(joined, sources=lesions, targets=lesions, blocks=()), cables, removed)
        groups.append(replace(whole, name=name, size=lesions, neurons=lesions))
        origins[name] = whole.name, parents
        group, below, changed = whole.name, name, parents
    inputs = inputs or {group: (graph.by_name[group].size,)}  # nothing else reaches the somata: the bias acts alone
    streams = [Group(name, "input", name, size, 0, 0, 1) for name, (size,) in inputs.items()]
    rows_alone = Graph(graph.name, (*streams, *groups), tuple(projections), inputs, lesions, graph.seed)
    return changed, of_parts(network, rows_alone, edges, origins)


@dataclass(frozen=True)
class Above:
    """What lies above the somata of one layer.

    readout: the weights of the linear readout, (classes, somata), where that is all
    upper: the network of all groups that the somata reach; None where they are the output, or do not reach it
    numbers: how many numbers a lesion and sample takes
    """

    soma: str
    output: str
    readout: Tensor | None
    upper: DendriticNetwork | None
    numbers: int

    @classmethod
    def of(cls, network: DendriticNetwork, soma: str) -> Above:
        """Of the layer with this group of somata."""
        graph = network.graph
        onto = [projection for projection in graph.projections if projection.source == soma]
        output = graph.output
        if len(onto) == 1 and onto[0].target == output.name and _is_matrix(graph, onto[0]):
            weight = network.weight(onto[0].name).detach().view(output.size, -1)
            return cls(soma, output.name, weight, None, 2 * output.size)
        reached = {soma}
        for group in graph.groups:
            if any(projection.source in reached for projection in graph.onto(group)):
                reached.add(group.name)
        reached.remove(soma)
        if output.name not in reached:
            return cls(soma, output.name, None, None, output.size)
        projections = tuple(projection for projection in graph.projections if projection.target in reached)
        inputs = {one.source: (one.sources,) for one in projections if one.source not in reached}
        streams = [Group(name, "input", name, size, 0, 0, 1) for name, (size,) in inputs.items()]
        groups = [group for group in graph.groups if group.name in reached]
        upper = Graph(graph.name, (*streams, *groups), projections, inputs, graph.classes, graph.seed)
        names = {projection.name: (projection.name, None) for projection in projections}
        units = {group.name: (group.name, None) for group in groups}
        return cls(soma, output.name, None, of_parts(network, upper, names, units, network.kernel), upper.nodes)

    def logits(self, values: Mapping[str, Tensor], activity: Tensor, somata: Tensor) -> Tensor:
        """Where the activity of each lesion's soma is another.

        Args:
            values: activity of every group of the whole network, (batch, units) each.
            activity: (batch, lesions).
            somata: (lesions,).

        Returns:
            Shape (batch, lesions, classes).
        """
        batch, lesions = activity.shape
        somata = somata.to(activity.device)
        logits = values[self.output]
        if self.readout is not None:
            change = activity - values[self.soma][:, somata]
            return logits.unsqueeze(1) + change.unsqueeze(2) * self.readout.t()[somata]
        if self.upper is None and self.output != self.soma:
            return logits.unsqueeze(1).expand(-1, lesions, -1)
        changed = values[self.soma].unsqueeze(1).repeat(1, lesions, 1)
        changed[:, torch.arange(lesions, device=somata.device), somata] = activity
        if self.upper is None:
            return changed
        given = {
            name: (changed.flatten(0, 1) if name == self.soma else values[name].repeat_interleave(lesions, 0))
            for name in self.upper.graph.inputs
        }
        return self.upper(given).view(batch, lesions, -1)


def way_of(graph: Graph, group: str) -> str | None:
    """The somata through which a group acts; None where each lesion must be measured on a network of its own.

    That is where the layer is normalised; and for somata, where to send nothing is not the same as not to be there.
    """
    layer = graph.by_name[group].layer
    if any(one.layer == layer and one.normalisation != "none" for one in graph.groups):
        return None
    if graph.by_name[group].role == "soma":
        onto = [projection for projection in graph.projections if projection.source == group]
        summed = all(not one.nonlinear and graph.by_name[one.target].integration == "sum" for one in onto)
        return group if summed else None
    while graph.by_name[group].role == "dendrite":
        group = _cables(graph, group).target
    return group


def _is_matrix(graph: Graph, projection: Projection) -> bool:
    """Whether all that acts at the target is a matrix of weights and a bias."""
    target = graph.by_name[projection.target]
    linear = target.nonlinearity.name == "identity" and target.normalisation == "none" and target.integration == "sum"
    alone = len(graph.onto(target)) == 1 and projection.all_to_all
    return linear and alone and not projection.nonlinear and projection.sign != Sign.SHUNTING


def neurons_of(graph: Graph, group: str, units: Numbers) -> Numbers:
    """The neuron of each unit: the number of the soma that it hangs on."""
    while graph.by_name[group].role == "dendrite":
        cables = _cables(graph, group)
        child, parent = cables.endpoints()
        of = np.empty(cables.sources, dtype=np.int64)
        of[child] = parent
        group, units = cables.target, of[units]
    return units


def _cables(graph: Graph, group: str) -> Projection:
    return next(one for one in graph.projections if one.source == group and one.kind == "cable")


def _edges_onto(projection: Projection, targets: Numbers) -> tuple[Numbers, Numbers]:
    """The edges onto each of some targets: which of these, by its place, and the number of the edge."""
    if projection.all_to_all:
        first = targets * projection.sources
        last = first + projection.sources
    else:
        onto = projection.endpoints()[1]
        first, last = (np.searchsorted(onto, targets, side) for side in ("left", "right"))
    counts = last - first
    places = np.repeat(np.arange(len(targets)), counts)
    ahead = np.cumsum(counts) - counts
    return places, np.arange(len(places)) - ahead[places] + first[places]
