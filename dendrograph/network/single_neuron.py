"""One neuron of a layer as a network of its own, and the names of its compartments, such as `basal/tuft[3]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from dendrograph.base.errors import DendrographError, clip, expect
from dendrograph.base.suggestions import did_you_mean, numbered
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.network.network import DendriticNetwork

SINGLE, SAME, DIFFERENT = "single", "same branch", "different branches"
MOST_TERMINAL = 4  # groups at the ends of the tree that are stimulated by default


def layer_of(graph: Graph, layer: str | None = None, neuron: str | None = None) -> str:
    """The layer of that name, or the first layer of that kind of neuron, or the first of all.

    Raises:
        DendrographError: there is none.
    """
    expect("layer", layer, str, None)
    expect("neuron", neuron, str, None)
    layers = [group.layer for group in graph.groups if group.role == "soma"]
    if layer is not None and layer not in layers:
        raise DendrographError(f"no layer '{layer}'\n  {did_you_mean(layer, layers, 'layers')}")
    if neuron is None:
        return layer or layers[0]
    if graph.morphology is None:
        raise DendrographError(f"neuron '{neuron}': the graph does not know its morphology\n  name the layer")
    if neuron not in graph.morphology.neurons:
        raise DendrographError(f"no neuron '{neuron}'\n  {did_you_mean(neuron, graph.morphology.neurons, 'neurons')}")
    kinds = {copy.name: copy.layer.neuron for copy in graph.morphology.copies()}
    if layer is not None and kinds[layer] != neuron:
        raise DendrographError(f"layer '{layer}' has neurons '{kinds[layer]}', not '{neuron}'\n  leave one of them out")
    if neuron not in kinds.values():
        known = did_you_mean(neuron, set(kinds.values()), "neurons")
        raise DendrographError(f"no layer has neurons '{neuron}'\n  {known}")
    return layer or next(name for name, kind in kinds.items() if kind == neuron)


def cut_out(graph: Graph, layer: str, index: int = 0) -> Graph:
    """One neuron of a layer as a graph of its own, without a readout.

    Its input streams are the groups that its synapses draw from: input streams and somata of other layers. It keeps the
    synapses that it has in the layer. Groups and projections keep their names.

    Args:
        graph: the graph of the network.
        layer: the layer of the neuron.
        index: the number of the neuron in the layer.

    Raises:
        DendrographError: there is no such neuron, or it needs the others because a compartment is normalised over the
            layer.
    """
    groups = [group for group in graph.groups if group.layer == layer and group.role in ("dendrite", "soma")]
    count = groups[-1].neurons
    expect("index", index, Integral)
    if index not in range(count):
        raise DendrographError(f"no neuron {index} in layer '{layer}'\n  {numbered(count, 'neuron')}")
    for group in groups:
        if group.normalisation != "none":
            raise DendrographError(
                f"{group.name} has normalisation '{group.normalisation}', which takes the activity of the whole layer: "
                "one of its neurons cannot be run alone\n  set normalisation: none for this experiment"
            )
    inside = {group.name for group in groups}
    onto = [projection for projection in graph.projections if projection.target in inside]
    projections = tuple(_of_one_neuron(projection, index, count) for projection in onto)
    streams = {each.source: (each.sources,) for each in projections if each.source not in inside}
    own = [
        *(Group(name=name, role="input", layer=name, size=units) for name, (units,) in streams.items()),
        *(replace(group, size=group.size // count, neurons=1) for group in groups),
    ]
    starts = np.cumsum([0, *(group.size for group in own)]).tolist()
    return Graph(
        name=graph.name,
        groups=tuple(replace(group, start=start) for group, start in zip(own, starts, strict=False)),
        projections=projections,
        inputs=streams,
        classes=1,
        seed=graph.seed,
    )


def alone(network: DendriticNetwork, layer: str, index: int = 0) -> DendriticNetwork:
    """One neuron of a network as a network of its own, with its weights, biases and learnt excitability.

    It is in float64 and in evaluation mode; see `cut_out` for the arguments and errors.
    """
    graph = network.graph
    single = DendriticNetwork(cut_out(graph, layer, index)).double().eval()
    count = next(group.neurons for group in graph.groups if group.layer == layer and group.role == "soma")
    whole = {projection.name: projection for projection in graph.projections}

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        for name, weight in single.weights.items():
            yield weight, network.weights[name][_edges(whole[name], index, count)]
        for name, bias in single.biases.items():
            yield bias, network.biases[name].view(count, -1)[index]
        for name, learnt in single.excitability.items():
            of_all = network.excitability[name]
            yield learnt, of_all.view(count, -1)[index] if of_all.dim() else of_all

    with torch.no_grad():
        for parameter, trained in pairs():
            parameter.copy_(trained)
    return single


def _of_one_neuron(projection: Projection, index: int, count: int) -> Projection:
    """The part of a projection that reaches one of `count` neurons; cables come from its own compartments."""
    targets = projection.targets // count
    cable = projection.kind == "cable"
    sources = projection.sources // count if cable else projection.sources
    pairs = None
    if projection.pairs is not None:
        edges = _edges(projection, index, count)
        source, target = (column[edges] for column in projection.pairs)
        pairs = source - source.dtype.type(index * sources if cable else 0), target - target.dtype.type(index * targets)
    return replace(projection, sources=sources, targets=targets, pairs=pairs, field=None)


def _edges(projection: Projection, index: int, count: int) -> slice:
    """The edges onto one of `count` neurons: edges are sorted by target, neuron by neuron."""
    each = projection.targets // count
    if projection.pairs is None:
        return slice(index * each * projection.sources, (index + 1) * each * projection.sources)
    first, last = np.searchsorted(projection.pairs[1], (index * each, (index + 1) * each))
    return slice(int(first), int(last))


@dataclass(frozen=True)
class Location:
    """One compartment of a neuron: its group, its number in the group, and both as text."""

    group: str
    index: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Locations:
    """All compartments of one neuron.

    Attributes:
        sizes: number of compartments of each group, the soma first and parents before children.
        parents: the group that each group of dendrites grows from.
    """

    sizes: Mapping[str, int]
    parents: Mapping[str, str]

    @classmethod
    def of(cls, single: Graph, layer: str) -> Locations:
        """The compartments of a graph that holds one neuron of a layer."""
        prefix = f"{layer}/"
        own = [group for group in reversed(single.groups) if group.role != "input"]
        cables = [projection for projection in single.projections if projection.kind == "cable"]
        return cls(
            {group.name.removeprefix(prefix): group.size for group in own},
            {cable.source.removeprefix(prefix): cable.target.removeprefix(prefix) for cable in cables},
        )

    @property
    def soma(self) -> Location:
        """The root of the tree."""
        return self.at(next(iter(self.sizes)), 0)

    @cached_property
    def terminal(self) -> tuple[str, ...]:
        """The groups from which nothing grows."""
        return tuple(group for group in self.sizes if group not in self.parents.values())

    @cached_property
    def chosen(self) -> tuple[str, ...]:
        """The terminal groups that are stimulated by default: one of each primary dendrite, if there is room."""
        first_of: dict[str, str] = {}
        for group in self.terminal:
            first_of.setdefault(self._primary_dendrite(self.at(group, 0))[0], group)
        ranked = dict.fromkeys([*first_of.values(), *self.terminal])
        return tuple(group for group in self.terminal if group in [*ranked][:MOST_TERMINAL])

    def at(self, group: str, index: int) -> Location:
        """The compartment of that number in a group; both must exist."""
        return Location(group, index, group if self.sizes[group] == 1 else f"{group}[{index}]")

    def read(self, text: str) -> Location:
        """Read `basal[0]`, `basal/tuft[3]` or `soma`. A group of one compartment needs no number.

        Raises:
            DendrographError: the text names no compartment of the neuron.
        """
        shown = clip(text.strip())
        found = re.fullmatch(r"\s*([^\s\[\]]+)\s*(?:\[\s*(-?[0-9]{1,9})\s*\])?\s*", text)
        if not found:
            examples = dict.fromkeys([self.at(self.terminal[0], 0).text, self.soma.text])
            raise DendrographError(f"'{shown}' names no compartment\n  write it as {' or '.join(examples)}")
        group, index = found[1], found[2]
        if group not in self.sizes:
            known = did_you_mean(group, self.sizes, "compartments")
            raise DendrographError(f"'{shown}': the neuron has no compartment '{clip(group)}'\n  {known}")
        size = self.sizes[group]
        allowed = f"there is one, {group}" if size == 1 else f"{group}[0] to {group}[{size - 1}]"
        if index is None and size > 1:
            raise DendrographError(f"'{shown}': the neuron has {size:,} of them\n  say which: {allowed}")
        if index is not None and not 0 <= int(index) < size:
            raise DendrographError(f"'{shown}': no compartment of that number\n  {allowed}")
        return self.at(group, int(index or 0))

    def read_stimulus(self, text: str) -> tuple[Location, ...]:
        """Read one compartment, or two with a `+` between them.

        Raises:
            DendrographError: the text is neither.
        """
        parts = text.split("+")
        if len(parts) > 2:
            raise DendrographError(
                f"'{clip(text)}': {len(parts)} compartments together\n  one is stimulated alone, or two as a pair"
            )
        return tuple(self.read(part) for part in parts)

    def kind(self, stimulus: tuple[Location, ...]) -> str:
        """Whether a stimulus is single, a pair on the same branch, or a pair on different branches.

        Two compartments lie on the same branch if they belong to the same primary dendrite, that is, a dendrite of the
        soma with all that grows from it: it integrates both before the soma does. Two compartments on different
        branches meet only in the soma.
        """
        if len(stimulus) == 1:
            return SINGLE
        first, second = map(self._primary_dendrite, stimulus)
        return SAME if first == second else DIFFERENT

    def by_default(self) -> list[tuple[Location, ...]]:
        """The default stimuli, from the first compartment of each chosen terminal group.

        It is stimulated alone, with itself, with its sibling, and with a compartment on another branch if the pairs so
        far lie on the same one.
        """
        found: list[tuple[Location, ...]] = []
        for group in self.chosen:
            first = self.at(group, 0)
            pairs = [(first, first)]
            if self.sizes[group] > 1:
                pairs.append((first, self.at(group, 1)))
            if all(self.kind(pair) == SAME for pair in pairs) and (other := self._on_another_branch(first)):
                pairs.append((first, other))
            found += [(first,), *pairs]
        unique: dict[tuple[int, frozenset[Location]], tuple[Location, ...]] = {}
        for stimulus in found:
            unique.setdefault((len(stimulus), frozenset(stimulus)), stimulus)
        return list(unique.values())

    def _on_another_branch(self, first: Location) -> Location | None:
        """The first compartment on another branch, in the same group if there is one, else in a terminal group."""
        for group in (first.group, *self.terminal):
            for index in range(self.sizes[group]):
                if self.kind((first, other := self.at(group, index))) == DIFFERENT:
                    return other
        return None

    def _primary_dendrite(self, location: Location) -> tuple[str, int]:
        """Group and number of the dendrite of the soma to which a compartment belongs; the soma itself for the soma."""
        group, index, root = location.group, location.index, next(iter(self.sizes))
        while group != root and self.parents[group] != root:
            parent = self.parents[group]
            index //= self.sizes[group] // self.sizes[parent]  # siblings are contiguous
            group = parent
        return group, index
