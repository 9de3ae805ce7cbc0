"""dendrograph: a graph-based, modular simulator and trainer of dendritic neurons.

The names below are the public ones. Each is imported when it is first used, so that `import dendrograph` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dendrograph.analysis.stimulate import stimulate
    from dendrograph.base.errors import DendrographError
    from dendrograph.data import load as datasets
    from dendrograph.graph.compiler import compile
    from dendrograph.graph.graph import Graph
    from dendrograph.morphology.cable import Cable
    from dendrograph.morphology.layers import Layer, Stack
    from dendrograph.morphology.morphology import Morphology, Readout
    from dendrograph.morphology.neuron import Compartment
    from dendrograph.morphology.nonlinearities import Nonlinearity, register_nonlinearity
    from dendrograph.morphology.receptive_fields import register_field
    from dendrograph.morphology.synapses import Synapses
    from dendrograph.morphology.weights import Init
    from dendrograph.network.dendritic_layer import DendriticLayer, parameter_groups
    from dendrograph.network.network import DendriticNetwork, build
    from dendrograph.training.config import TrainConfig
    from dendrograph.training.run import Run
    from dendrograph.training.run_format import load
    from dendrograph.training.train import train

__version__ = "0.1.0"

_HOMES = {
    "Cable": "morphology.morphology",
    "Compartment": "morphology.morphology",
    "DendriticLayer": "network.dendritic_layer",
    "DendriticNetwork": "network.network",
    "DendrographError": "base.errors",
    "Graph": "graph.graph",
    "Init": "morphology.morphology",
    "Layer": "morphology.morphology",
    "Morphology": "morphology.morphology",
    "Nonlinearity": "morphology.morphology",
    "Readout": "morphology.morphology",
    "Run": "training.run",
    "Stack": "morphology.morphology",
    "Synapses": "morphology.morphology",
    "TrainConfig": "training.loop",
    "build": "network.network",
    "compile": "graph.compiler",
    "load": "training.run_format",
    "parameter_groups": "network.dendritic_layer",
    "register_field": "morphology.receptive_fields",
    "register_nonlinearity": "morphology.nonlinearities",
    "stimulate": "analysis.stimulate",
    "train": "training.train",
}

__all__ = [
    "Cable",
    "Compartment",
    "DendriticLayer",
    "DendriticNetwork",
    "DendrographError",
    "Graph",
    "Init",
    "Layer",
    "Morphology",
    "Nonlinearity",
    "Readout",
    "Run",
    "Stack",
    "Synapses",
    "TrainConfig",
    "build",
    "compile",
    "datasets",
    "load",
    "parameter_groups",
    "register_field",
    "register_nonlinearity",
    "stimulate",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "datasets":
        value: Any = import_module("dendrograph.data.load")
    elif name in _HOMES:
        value = getattr(import_module(f"dendrograph.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'dendrograph' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
