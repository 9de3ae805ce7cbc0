"""One neuron by itself: its compartments and its synapses, cut out of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from dendrograph.base.errors import DendrographError, expect
from dendrograph.base.suggestions import did_you_mean, numbered
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.network.network import DendriticNetwork


def layer_of(graph: Graph, layer: str | None = None, neuron: str | None = None) -> str:
    """The layer of that name, or the first one of that kind of neuron, or the first of all.

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
    kinds = {copy.name: copy.layer.neuron for copy in graph.morphology.copies()}
    if neuron not in graph.morphology.neurons:
        raise DendrographError(f"no neuron '{neuron}'\n  {did_you_mean(neuron, graph.morphology.neurons, 'neurons')}")
    if layer is not None and kinds[layer] != neuron:
        raise DendrographError(f"layer '{layer}' has neurons '{kinds[layer]}', not '{neuron}'\n  leave one of them out")
    if neuron not in kinds.values():
        raise DendrographError(
            f"no layer has neurons '{neuron}'\n  {did_you_mean(neuron, set(kinds.values()), 'neurons')}"
        )
    return layer or next(name for name, kind in kinds.items() if kind == neuron)


def cut_out(graph: Graph, layer: str, index: int = 0) -> Graph:
    """One neuron of a layer as a graph of its own, without a readout.

    Whatever it draws from, input streams and somata of other layers alike, are its input streams; its synapses are
    those that it has in the layer. Groups and projections keep their names.

    Args:
        graph: of the network.
        layer: the neuron's layer.
        index: its number in the layer.

    Raises:
        DendrographError: there is no such neuron, or it is none without the others: a compartment of it is normalised
            over the layer.
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
    projections = tuple(
        _part(projection, index, count) for projection in graph.projections if projection.target in inside
    )
    streams = {one.source: (one.sources,) for one in projections if one.source not in inside}
    inputs = [Group(name, "input", name, units, 0, 0, 1) for name, (units,) in streams.items()]
    own = [replace(group, size=group.size // count, neurons=1) for group in groups]
    placed, start = [], 0
    for group in (*inputs, *own):
        placed.append(replace(group, start=start))
        start += group.size
    return Graph(graph.name, tuple(placed), projections, streams, 1, graph.seed)


def alone(network: DendriticNetwork, layer: str, index: int = 0) -> DendriticNetwork:
    """One neuron of a network as a network of its own, with its weights, biases and learnt excitability.

    It is in float64 and in evaluation mode; see `cut_out` for the arguments and errors.
    """
    graph = network.graph
    single = DendriticNetwork(cut_out(graph, layer, index)).double().eval()
    count = next(group.neurons for group in graph.groups if group.layer == layer and group.role == "soma")
    whole = {projection.name: projection for projection in graph.projections}

    def parts() -> Iterator[tuple[Tensor, Tensor]]:
        for name, weight in single.weights.items():
            edges = _edges(whole[name], index, count)
            yield weight, network.weights[name][edges]
        for name, bias in single.biases.items():
            yield bias, network.biases[name].view(count, -1)[index]
        for name, learnt in single.excitability.items():
            of_all = network.excitability[name]
            yield learnt, of_all.view(count, -1)[index] if of_all.dim() else of_all

    with torch.no_grad():
        for own, its in parts():
            own.copy_(its)
    return single


def _part(projection: Projection, index: int, count: int) -> Projection:
    """What of a projection reaches one of so many neurons; cables come from its own compartments."""
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
    """Where the edges onto one of so many neurons stand: edges are sorted by target, neuron by neuron."""
    each = projection.targets // count
    if projection.pairs is None:
        return slice(index * each * projection.sources, (index + 1) * each * projection.sources)
    first, last = np.searchsorted(projection.pairs[1], (index * each, (index + 1) * each))
    return slice(int(first), int(last))
