"""The subject of an export: a graph, and the network if there are weights."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.base.errors import DendrographError
from dendrograph.graph.graph import Graph, Group
from dendrograph.graph.tree import branchings
from dendrograph.morphology.cable import Cable
from dendrograph.morphology.nonlinearities import NONLINEARITIES
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.model_source import NONE, ModelSource


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, or its structure alone.

    Attributes:
        weights: `none`, `initial`, `trained` (of a run) or `own` (of a network).
        layer: of the neuron, for formats that hold one neuron.
        neuron: its number in the layer.
    """

    graph: Graph
    network: DendriticNetwork | None = None
    weights: str = NONE
    layer: str | None = None
    neuron: int | None = None

    def about(self) -> dict[str, str | int]:
        """Attributes of the whole network, with the keys that every format has."""
        graph = self.graph
        shapes = (f"{name} {'x'.join(map(str, shape))}" for name, shape in graph.inputs.items())
        return {
            "name": graph.name,
            "inputs": ", ".join(shapes),
            "classes": graph.classes,
            "seed": graph.seed,
            "weights": self.weights,
            "connectivity_hash": graph.connectivity_hash,
            "dendrograph": version("dendrograph"),
        }

    def weight(self, projection: str) -> NDArray[Any] | None:
        """The effective weights of a projection, shape (edges,); None where there are none.

        Raises:
            DendrographError: a number is not finite.
        """
        return None if self.network is None else _numbers(self.network.weight(projection), f"weights of {projection}")

    def bias(self, group: Group) -> NDArray[Any] | None:
        """The biases of a group, shape (size,); None where it has none.

        Raises:
            DendrographError: a number is not finite.
        """
        if self.network is None or not group.bias:
            return None
        return _numbers(self.network.biases[group.name], f"biases of {group.name}")

    def learnt(self, group: Group) -> dict[str, NDArray[Any]]:
        """The effective learnt parameters of the nonlinearity of a group, shape () or (size,).

        Raises:
            DendrographError: a number is not finite.
        """
        if self.network is None:
            return {}
        found = {}
        for name, _ in group.nonlinearity.trainable:
            value = self.network.excitability[f"{group.name}:{name}"]
            positive = name in NONLINEARITIES[group.nonlinearity.name].positive
            found[name] = _numbers(value.exp() if positive else value, f"{name} of {group.name}")
        return found


def subject_of(source: ModelSource, weights: str | None = None) -> Subject:
    """The graph of a model, and the network if there are weights.

    Args:
        source: the model.
        weights: of a morphology or a graph: `initial` for the weights before training; none by default.

    Raises:
        DendrographError: the model cannot be read, the run has not ended, or its weights are fixed.
    """
    chosen = source.choose_weights(weights)
    if chosen == NONE:
        return Subject(source.graph())
    network = source.network(chosen)
    return Subject(network.graph, network, chosen)


def cables(graph: Graph) -> dict[str, Cable]:
    """The cable that each group of dendrites has to its parent, by the group's name.

    A graph that was not compiled from a morphology has none.
    """
    if graph.morphology is None:
        return {}
    return {
        f"{copy.name}/{place.name}": place.compartment.cable
        for copy in graph.morphology.copies()
        for place in branchings(graph.morphology.neurons[copy.layer.neuron])
        if place.parent is not None
    }


def _numbers(tensor: Tensor, what: str) -> NDArray[Any]:
    values = tensor.detach().cpu()
    if values.dtype in (torch.bfloat16, torch.float16):
        values = values.float()  # holds each of them exactly
    if not bool(torch.isfinite(values).all()):
        raise DendrographError(f"{what}: not all are finite numbers\n  such a network cannot be exported")
    found: NDArray[Any] = values.numpy()
    return found
