"""Lesions of single compartments: how much accuracy and loss depend on each dendrite or each soma.

The whole network is not run for each lesion. A dendrite reaches the output only through its ancestors and its soma, so
that only these are computed without it, in one copy per lesion, from the stored activity of all other compartments. The
part of the network above the soma is then computed with the lesions as additional samples; where that part is only the
linear readout, its logits are corrected by the weight of the soma times the change of its activity.

Normalisation within the layer makes all its compartments depend on the removed one. Then each lesion is measured on the
network of `lesioned`, which takes one run per lesion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dendrograph.analysis.activity import evaluating
from dendrograph.analysis.lesions import ROLES, Indices, Origin, lesioned, network_from_parts, removable_groups
from dendrograph.analysis.robustness import (
    SINGLE_LESIONS,
    accuracy_and_loss,
    check_samples,
    random_stream,
)
from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.data.batches import batches
from dendrograph.data.dataset import Split
from dendrograph.graph.compiler import check_whole_number
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.weights import Sign
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.evaluation import BATCH

NUMBERS = 4_194_304  # computed at once for the lesions of one batch: 16 MiB
TOGETHER = 1024  # maximal number of lesions whose somata are computed at once


def single_lesions(
    network: DendriticNetwork,
    split: Split,
    scale: float,
    at_most: int | None = None,
    seed: int = 0,
    kind: str | None = None,
) -> tuple[Row, ...]:
    """Measure the loss of accuracy when a single dendrite or soma is removed, for each of them.

        accuracy_drop = accuracy of the whole - accuracy without it
        loss_rise = loss without it - loss of the whole

    as in Morcos, Barrett, Rabinowitz & Botvinick, "On the importance of single directions for generalization", ICLR
    2018, but the compartment is removed, as by `lesioned`, and not clamped to a value.

    Args:
        network: Trained or untrained; it is not changed.
        split: Samples and labels.
        scale: Divisor of bytes (`Dataset.scale`).
        at_most: Maximal number of lesions, drawn at random where there are more compartments. All by default.
        seed: Seed of that draw.
        kind: `dendrites` or `somata`; by default dendrites, or somata in a network of point neurons.

    Returns:
        Rows with kind, group, unit (its number in the group), neuron, accuracy_drop, loss_rise, and left_out (the
        number of units of the group that were not drawn).

    Raises:
        DendrographError: An argument is not allowed, or the network has no such compartments.
    """
    check_samples(network, split, scale)
    seed = check_whole_number("seed", seed, 0)
    graph = network.graph
    kind, groups = removable_units(graph, kind)
    total = sum(group.size for group in groups)
    drawn = np.arange(total)
    if at_most is not None and check_whole_number("at_most", at_most, 1) < total:
        drawn = np.sort(random_stream(seed, SINGLE_LESIONS).choice(total, at_most, replace=False))
    rows: list[Row] = []
    before = 0
    for group in groups:
        units = drawn[(drawn >= before) & (drawn < before + group.size)] - before
        before += group.size
        accuracy, loss = _changes(network, group, units, split, scale)
        neurons = _neurons_of(graph, group.name, units)
        rows += [
            {
                "kind": kind,
                "group": group.name,
                "unit": int(unit),
                "neuron": int(neurons[place]),
                "accuracy_drop": float(accuracy[place]),
                "loss_rise": float(loss[place]),
                "left_out": group.size - len(units),
            }
            for place, unit in enumerate(units)
        ]
    return tuple(rows)


def removable_units(graph: Graph, kind: str | None) -> tuple[str, tuple[Group, ...]]:
    """Return a kind, by default the first that the network has, and its groups that can be removed.

    Raises:
        DendrographError: The kind is unknown, or the network has no such groups.
    """
    if kind is not None and kind not in tuple(ROLES):
        raise DendrographError(f"kind: unknown kind {kind!r}\n  {did_you_mean(kind, ROLES, 'kinds')}")
    for one in ROLES if kind is None else (kind,):
        if groups := removable_groups(graph, one):
            return one, groups
    others = [one for one in ROLES if removable_groups(graph, one)]
    raise DendrographError(
        f"the network has no {kind or 'dendrites and no somata'} to remove\n  {did_you_mean('', others, 'it has')}"
    )


def _changes(
    network: DendriticNetwork, group: Group, units: Indices, split: Split, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the drop of accuracy and the rise of loss for each lesion. Shape (lesions,) each."""
    somata = _somata_of(network.graph, group.name)
    if not len(units):
        return np.zeros(0), np.zeros(0)
    if somata is None:
        whole = accuracy_and_loss(network, split, scale)
        scores = [accuracy_and_loss(lesioned(network, {group.name: unit}), split, scale) for unit in units]
        return (
            np.array([whole["accuracy"] - one["accuracy"] for one in scores]),
            np.array([one["loss"] - whole["loss"] for one in scores]),
        )
    parts = [units[start : start + TOGETHER] for start in range(0, len(units), TOGETHER)]
    lesions = [LesionedSomata.of(network, group, part) for part in parts]
    downstream = Downstream.of(network, somata)
    device = next(network.parameters()).device
    sums = torch.zeros(2, len(units), dtype=torch.float64)
    whole_sums = torch.zeros(2, 1, dtype=torch.float64)
    with evaluating(network):
        for inputs, labels in batches(split, scale, BATCH, torch.arange(len(split)), device):
            values = network.activations(inputs)
            whole_sums += _score(values[network.graph.output.name].unsqueeze(1), labels)
            sums += torch.cat([_scores(one, downstream, values, labels) for one in lesions], dim=1)
    right, loss = ((whole_sums - sums) / len(split)).numpy()
    return right, 0.0 - loss  # -loss would be -0 where nothing changes


def _scores(lesions: LesionedSomata, downstream: Downstream, values: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Return the correct answers and losses of each lesion, summed over a batch. Shape (2, lesions)."""
    together = max(1, NUMBERS // (len(labels) * downstream.numbers))
    activities = lesions.activity(values).split(together, dim=1)
    somata = torch.from_numpy(lesions.somata).split(together)
    parts = zip(activities, somata, strict=True)
    return torch.cat([_score(downstream.logits(values, part, of), labels) for part, of in parts], dim=1)


def _score(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum correct answers and cross-entropy over the batch: (batch, lesions, classes) -> (2, lesions), float64."""
    picked = logits.gather(2, labels.view(-1, 1, 1).expand(-1, logits.shape[1], 1)).squeeze(2)
    losses = logits.logsumexp(2) - picked
    right = logits.argmax(2) == labels.unsqueeze(1)
    return torch.stack([right.cpu().double().sum(0), losses.cpu().double().sum(0)])


@dataclass(frozen=True)
class LesionedSomata:
    """Lesions of one group, and a network that computes the activity of the soma of each lesion.

    Attributes:
        somata: The soma of each lesion. Shape (lesions,).
        copies: A network with a copy of the soma per lesion; None where the soma itself is removed and sends nothing.
    """

    somata: Indices
    copies: DendriticNetwork | None

    @classmethod
    def of(cls, network: DendriticNetwork, group: Group, units: Indices) -> LesionedSomata:
        """Return the lesions of these units of the group."""
        if group.role == "soma":
            return cls(somata=units, copies=None)
        somata, copies = _copy_ancestors(network, group.name, units)
        return cls(somata=somata, copies=copies)

    def activity(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the activity of the somata with the lesions. Shape (batch, lesions)."""
        if self.copies is None:
            first = next(iter(values.values()))
            return first.new_zeros((first.shape[0], len(self.somata)))
        return self.copies({name: values[name] for name in self.copies.graph.inputs})


def _copy_ancestors(network: DendriticNetwork, group: str, units: Indices) -> tuple[Indices, DendriticNetwork]:
    """Return the soma of each lesion, and a network with a copy of all ancestors of the removed dendrite per lesion.

    On every level of the tree, a copy has the inputs of its original, without the removed dendrite, and with the copy
    below in place of the copied child.
    """
    graph, lesions = network.graph, len(units)
    each = np.arange(lesions)
    groups: list[Group] = []
    projections: list[Projection] = []
    edges: dict[str, Origin] = {}
    origins: dict[str, Origin] = {}
    inputs: dict[str, tuple[int, ...]] = {}

    below, changed = "", units
    while graph.by_name[group].role == "dendrite":
        cables = _cables(graph, group)
        child, parent = cables.endpoints()
        # The edges of the removed dendrites, or of the children that a copy replaces.
        removed = np.argsort(child, kind="stable")[changed]
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
                projections.append(replace(copied, pairs=pairs, blocks=(), field=None))
                edges[copied.name] = projection.name, numbers
                inputs[projection.source] = (projection.sources,)
        if below:
            joined = replace(cables, name=f"{below}->{name}", source=below, target=name, pairs=(each, each))
            projections.append(replace(joined, sources=lesions, targets=lesions, blocks=()))
            edges[joined.name] = cables.name, removed
        groups.append(replace(whole, name=name, size=lesions, neurons=lesions))
        origins[name] = whole.name, parents
        group, below, changed = whole.name, name, parents
    inputs = inputs or {group: (graph.by_name[group].size,)}  # no other input reaches the somata
    streams = [Group(name, "input", name, size, 0, 0, 1) for name, (size,) in inputs.items()]
    copies = Graph(graph.name, (*streams, *groups), tuple(projections), inputs, lesions, graph.seed)
    return changed, network_from_parts(network, copies, edges, origins)


@dataclass(frozen=True)
class Downstream:
    """The part of the network that the somata of one layer reach.

    Attributes:
        soma: The group of somata.
        output: The group of the output.
        readout: The weights of the linear readout, (classes, somata), where it is the only such part.
        upper: The network of all groups that the somata reach; None where they are the output or do not reach it.
        numbers: Numbers that are computed per lesion and sample.
    """

    soma: str
    output: str
    readout: Tensor | None
    upper: DendriticNetwork | None
    numbers: int

    @classmethod
    def of(cls, network: DendriticNetwork, soma: str) -> Downstream:
        """Return the part of the network that this group of somata reaches."""
        graph = network.graph
        onto = [projection for projection in graph.projections if projection.source == soma]
        output = graph.output
        if len(onto) == 1 and onto[0].target == output.name and _is_matrix(graph, onto[0]):
            weight = network.weight(onto[0].name).detach().view(output.size, -1)
            return cls(soma=soma, output=output.name, readout=weight, upper=None, numbers=2 * output.size)
        reached = {soma}
        for group in graph.groups:
            if any(projection.source in reached for projection in graph.onto(group)):
                reached.add(group.name)
        reached.remove(soma)
        if output.name not in reached:
            return cls(soma=soma, output=output.name, readout=None, upper=None, numbers=output.size)
        projections = tuple(projection for projection in graph.projections if projection.target in reached)
        inputs = {one.source: (one.sources,) for one in projections if one.source not in reached}
        streams = [Group(name, "input", name, size, 0, 0, 1) for name, (size,) in inputs.items()]
        groups = [group for group in graph.groups if group.name in reached]
        part = Graph(graph.name, (*streams, *groups), projections, inputs, graph.classes, graph.seed)
        edges = {projection.name: (projection.name, None) for projection in projections}
        units = {group.name: (group.name, None) for group in groups}
        upper = network_from_parts(network, part, edges, units, network.kernel)
        return cls(soma=soma, output=output.name, readout=None, upper=upper, numbers=part.nodes)

    def logits(self, values: Mapping[str, Tensor], activity: Tensor, somata: Tensor) -> Tensor:
        """Return the logits with another activity of the soma of each lesion.

        Args:
            values: The activity of every group of the whole network, (batch, units) each.
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


def _somata_of(graph: Graph, group: str) -> str | None:
    """Return the group of somata through which a group acts; None where each lesion needs a network of its own.

    It does where the layer is normalised, and for somata whose absence differs from an activity of 0.
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
    """Return whether the target has one input, a matrix of weights, and a bias."""
    target = graph.by_name[projection.target]
    linear = target.nonlinearity.name == "identity" and target.normalisation == "none" and target.integration == "sum"
    alone = len(graph.onto(target)) == 1 and projection.all_to_all
    return linear and alone and not projection.nonlinear and projection.sign != Sign.SHUNTING


def _neurons_of(graph: Graph, group: str, units: Indices) -> Indices:
    """Return the neuron of each unit, which is the number of its soma."""
    while graph.by_name[group].role == "dendrite":
        cables = _cables(graph, group)
        child, parent = cables.endpoints()
        group, units = cables.target, parent[np.argsort(child, kind="stable")[units]].astype(np.int64)
    return units


def _cables(graph: Graph, group: str) -> Projection:
    return next(one for one in graph.projections if one.source == group and one.kind == "cable")


def _edges_onto(projection: Projection, targets: Indices) -> tuple[Indices, Indices]:
    """Return the edges onto some targets: the position of the target in `targets`, and the index of the edge."""
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
