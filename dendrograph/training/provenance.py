"""The record of a training in run.json: everything that decides its result, and the machine that made it."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from importlib.metadata import version
from typing import Any

import torch

from dendrograph.base.errors import DendrographError
from dendrograph.data.dataset import Dataset
from dendrograph.morphology.plugins import digests
from dendrograph.network.kernels.compiled import native
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.config import TrainConfig
from dendrograph.training.run import Run


def describe(
    network: DendriticNetwork,
    data: Dataset,
    config: TrainConfig,
    processes: int,
    together: int = 1,
    part_of: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """The record of a training that is about to begin.

    Args:
        network: with its initial weights.
        data: the data set.
        config: with the number of epochs decided.
        processes: number of processes that train the network.
        together: number of networks in the one graph that is trained.
        part_of: the longer learning that the training is a part of, if any.
    """
    graph = network.graph
    if graph.morphology is None:
        raise DendrographError("the network's graph has no morphology: make it by `compile`")
    return {
        "config": asdict(config),
        "data": {
            "name": data.name,
            "source": data.source,
            "digest": data.digest,
            "origin": dict(data.origin),
        },
        "graph": {
            "name": graph.name,
            "inputs": {stream: list(shape) for stream, shape in graph.inputs.items()},
            "classes": graph.classes if graph.output.role == "readout" else None,
            "seed": graph.seed,
            "morphology": hashlib.sha256(graph.morphology.to_yaml().encode()).hexdigest(),
            **({"plugins": digests(plugins)} if (plugins := graph.morphology.plugins) else {}),
            "connectivity_hash": graph.connectivity_hash,
            "compartments": graph.compartments,
            "synapses": graph.synapses,
            "parameters": graph.parameters,
            "knobs": dict(graph.morphology.parameters),
        },
        **({"learning": dict(part_of)} if part_of else {}),
        "network": {
            "kernel": network.kernel,
            "kernels": {choice.projection: choice.kernel.name for choice in network.plan.choices},
            "initial_weights": _digest(network),
            **network.frozen_otherwise,
            **_threads(network),
        },
        "reach": reach_of(network),
        "surroundings": {
            "dendrograph": version("dendrograph"),
            "python": platform.python_version(),
            **{library: metadata.version(library) for library in ("torch", "numpy", "scikit-learn")},
            "threads": torch.get_num_threads(),
            "processes": processes,
            **({"networks together": together} if together > 1 else {}),
            "instruction set": native.instruction_set() if native else "PyTorch's",
            "machine": f"{platform.system()} {platform.machine()}",
        },
    }


BY_THREADS = ("dense", "tree")  # kernels with matrix products of PyTorch, whose rounding depends on the threads


def _threads(network: DendriticNetwork) -> dict[str, int]:
    """The number of threads if the result depends on it; one thread is not recorded."""
    used = torch.get_num_threads()
    on_cpu = next(network.parameters()).device.type == "cpu"
    matters = used > 1 and on_cpu and any(choice.kernel.name in BY_THREADS for choice in network.plan.choices)
    return {"threads": used} if matters else {}


@contextmanager
def threads_of(run: Run | None) -> Iterator[None]:
    """Compute with the number of threads with which a run began, and restore that of PyTorch afterwards.

    The number stays where there are fewer cores or none is recorded: the results would differ in either case.
    """
    before, then = torch.get_num_threads(), run.threads if run else None
    if then is None or then == before or not has_cores(then):
        yield
        return
    torch.set_num_threads(then)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def has_cores(number: int) -> bool:
    """Whether this process may use this many cores."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return number <= there


def reach_of(network: DendriticNetwork) -> dict[str, int]:
    """Numbers of trained and of effective parameters and of unconnected units; not a part of the identity of a run."""
    trained = {name: parameter.numel() for name, parameter in network.named_parameters() if parameter.requires_grad}
    graph = network.graph
    return {
        "trainable_parameters": sum(trained.values()),
        "effective_parameters": sum(graph.reach.effective[name] for name in trained),
        "units_without_output": graph.without_output,
        "units_without_input": graph.without_input,
    }


def _digest(network: DendriticNetwork) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
