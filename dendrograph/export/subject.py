"""What is exported: a graph, and where there are weights, the network that has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.base.errors import DendrographError, clip
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph, Group
from dendrograph.graph.tree import branchings
from dendrograph.morphology.cable import Cable
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.nonlinearities import NONLINEARITIES
from dendrograph.morphology.plugins import import_plugins
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.model_source import graph_of
from dendrograph.training.run import Run, is_run

NONE, INITIAL, TRAINED, OWN = "none", "initial", "trained", "own"

Anything = Graph | DendriticNetwork | Morphology | Run | str | Path


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, or the structure of one.

    weights: whose they are: `none`, `initial`, `trained` in a run, or `own` of a network from Python
    layer, neuron: for formats that hold one neuron: its layer and its number there
    """

    graph: Graph
    network: DendriticNetwork | None = None
    weights: str = NONE
    layer: str | None = None
    neuron: int | None = None

    def about(self) -> dict[str, str | int]:
        """What is said of the whole, by keys that every format has."""
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
        """The weights of a projection as they act. Shape (edges,); None where there are none.

        Raises:
            DendrographError: one is no finite number.
        """
        return None if self.network is None else _numbers(self.network.weight(projection), f"weights of {projection}")

    def bias(self, group: Group) -> NDArray[Any] | None:
        """The biases of a group. Shape (size,); None where it has none.

        Raises:
            DendrographError: one is no finite number.
        """
        if self.network is None or not group.bias:
            return None
        return _numbers(self.network.biases[group.name], f"biases of {group.name}")

    def learnt(self, group: Group) -> dict[str, NDArray[Any]]:
        """The parameters of a group's nonlinearity that are learnt, as they act; shape () or (size,).

        Raises:
            DendrographError: one is no finite number.
        """
        if self.network is None:
            return {}
        found = {}
        for name, _ in group.nonlinearity.trainable:
            value = self.network.excitability[f"{group.name}:{name}"]
            positive = name in NONLINEARITIES[group.nonlinearity.name].positive
            found[name] = _numbers(value.exp() if positive else value, f"{name} of {group.name}")
        return found


def subject_of(
    what: object,
    weights: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    classes: int | None = None,
    seed: int | None = None,
    plugins: Iterable[str | Path] = (),
) -> Subject:
    """What is meant by a graph, a network, a morphology, a run, or the name of one of the last two.

    Args:
        what: one of `Anything`; whatever else it is, is refused.
        weights: `initial` for those that a training of a morphology starts from.
        overrides: knobs of a morphology.
        inputs: shapes of its streams.
        classes: units of its readout.
        seed: of its wiring and initial weights.
        plugins: what it needs, as `load` takes them.

    Raises:
        DendrographError: it cannot be read, the run has not ended, or an option does not go with it.
    """
    options = {"overrides": overrides, "inputs": inputs, "classes": classes, "seed": seed}
    if isinstance(what, Run) or (isinstance(what, str | Path) and is_run(what)):
        _refuse(f"{what.folder if isinstance(what, Run) else what}", {**options, "weights": weights}, RUN_IS_FIXED)
        import_plugins(plugins)
        network = (what if isinstance(what, Run) else Run.open(what)).network()
        return Subject(network.graph, network, TRAINED)
    if isinstance(what, DendriticNetwork):
        _refuse(what.graph.name, {**options, "weights": weights}, "a network has its wiring and its weights")
        return Subject(what.graph, what, OWN)
    if isinstance(what, Graph):
        _refuse(what.name, options, "a graph has its wiring")
        graph = what
    elif isinstance(what, Morphology):
        _refuse(what.name, {"overrides": overrides}, "the knobs of a morphology are turned when it is loaded")
        graph = compile(what, inputs, 10 if classes is None else classes, seed or 0)
    elif isinstance(what, str | Path):
        graph = graph_of(str(what), overrides, inputs, classes, seed, plugins)
    else:
        found = clip(repr(what))
        raise DendrographError(f"{found}: cannot be exported\n  give a graph, a network, a morphology, a run or a name")
    return Subject(graph, DendriticNetwork(graph), INITIAL) if weights == INITIAL else Subject(graph)


RUN_IS_FIXED = "a run's morphology, inputs, classes and seed are fixed, and its weights are the trained ones"


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


def _refuse(what: str, options: Mapping[str, Any], why: str) -> None:
    if any(value is not None and value != {} for value in options.values()):
        raise DendrographError(f"{what}: {why}\n  leave the options out")


def _numbers(tensor: Tensor, what: str) -> NDArray[Any]:
    values = tensor.detach().cpu()
    if values.dtype in (torch.bfloat16, torch.float16):
        values = values.float()  # which holds each of them exactly
    if not bool(torch.isfinite(values).all()):
        raise DendrographError(f"{what}: not all are finite numbers\n  such a network cannot be exported")
    found: NDArray[Any] = values.numpy()
    return found
