"""dendrograph: a graph-based, modular simulator and trainer of dendritic neurons.

The names below are the public ones. Each is imported when it is first used, so that `import dendrograph` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dendrograph import data as datasets
    from dendrograph.compiler import compile
    from dendrograph.dendritic_layer import DendriticLayer, parameter_groups
    from dendrograph.errors import DendrographError
    from dendrograph.fields import register_field
    from dendrograph.graph import Graph
    from dendrograph.morphology import (
        Cable,
        Compartment,
        Init,
        Layer,
        Morphology,
        Nonlinearity,
        Readout,
        Stack,
        Synapses,
        load,
    )
    from dendrograph.network import DendriticNetwork, build
    from dendrograph.nonlinearities import register_nonlinearity
    from dendrograph.run import Run
    from dendrograph.stimulation import stimulate
    from dendrograph.training import TrainConfig, train

__version__ = "0.1.0"

_HOMES = {
    "Cable": "morphology",
    "Compartment": "morphology",
    "DendriticLayer": "dendritic_layer",
    "DendriticNetwork": "network",
    "DendrographError": "errors",
    "Graph": "graph",
    "Init": "morphology",
    "Layer": "morphology",
    "Morphology": "morphology",
    "Nonlinearity": "morphology",
    "Readout": "morphology",
    "Run": "run",
    "Stack": "morphology",
    "Synapses": "morphology",
    "TrainConfig": "training",
    "build": "network",
    "compile": "compiler",
    "load": "morphology",
    "parameter_groups": "dendritic_layer",
    "register_field": "fields",
    "register_nonlinearity": "nonlinearities",
    "stimulate": "stimulation",
    "train": "training",
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
        value: Any = import_module("dendrograph.data")
    elif name in _HOMES:
        value = getattr(import_module(f"dendrograph.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'dendrograph' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
