"""What run.json holds: all that a result follows from, and whether two runs are one and the same."""

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

from dendrograph.base.errors import DendrographError, RunError, argument, setting
from dendrograph.data.dataset import Dataset
from dendrograph.morphology.plugins import digests
from dendrograph.network.kernels.compiled import native
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.config import TrainConfig
from dendrograph.training.run import Run


def make(
    network: DendriticNetwork,
    data: Dataset,
    config: TrainConfig,
    processes: int,
    together: int = 1,
    learning: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """The record of a training that is about to begin, on so many processes and as one graph with so many networks.

    `learning` says of what longer learning it is a part, if of any.
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
        **({"learning": dict(learning)} if learning else {}),
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


BY_THREADS = ("dense", "tree")  # kernels that call PyTorch's matrix products: how these round hangs on the threads


def _threads(network: DendriticNetwork) -> dict[str, int]:
    """The number of threads, where a result depends on it; one thread is what is meant where nothing is said."""
    used = torch.get_num_threads()
    on_cpu = next(network.parameters()).device.type == "cpu"
    matters = used > 1 and on_cpu and any(choice.kernel.name in BY_THREADS for choice in network.plan.choices)
    return {"threads": used} if matters else {}


@contextmanager
def threads_of(run: Run | None) -> Iterator[None]:
    """Compute with the number of threads with which a run began, and leave PyTorch's as it was.

    Where there are fewer cores, or none is recorded, the number stays: the results would be others either way.
    """
    before, then = torch.get_num_threads(), run.threads if run else None
    if then is None or then == before or not _has_cores(then):
        yield
        return
    torch.set_num_threads(then)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _has_cores(number: int) -> bool:
    """Whether this process may use so many cores."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return number <= there


def reach_of(network: DendriticNetwork) -> dict[str, int]:
    """How much of a network is trained, and how much of that its output depends on. No part of a run's identity."""
    trained = {name: parameter.numel() for name, parameter in network.named_parameters() if parameter.requires_grad}
    graph = network.graph
    return {
        "trainable_parameters": sum(trained.values()),
        "effective_parameters": sum(graph.reach.effective[name] for name in trained),
        "units_without_output": graph.without_output,
        "units_without_input": graph.without_input,
    }


def refuse_another(run: Run, record: Mapping[str, Mapping[str, Any]], begun: bool) -> None:
    """Going on must continue the very run: the same settings, data, morphology and wiring.

    Args:
        run: what stands on disk.
        record: what is asked for.
        begun: whether there is a checkpoint; without one the initial weights, too, must be the run's.

    Raises:
        RunError: naming each difference.
    """

    def differ(section: str, key: str) -> bool:
        return bool(run.record[section].get(key) != record[section][key])

    named = [("config", key, setting(key)) for key in record["config"]]
    named += [("data", "name", setting("data"))] if differ("data", "digest") else []  # a renamed file is the same data
    named += [("graph", "inputs", "inputs"), ("graph", "classes", "classes"), ("network", "kernel", setting("kernel"))]
    differences = [
        f"{shown}: the run has {run.record[section].get(key)!r}, asked for is {record[section][key]!r}"
        for section, key, shown in named
        if differ(section, key)
    ]
    if differ("data", "digest") and not differ("data", "name"):
        differences.append(f"data: not what the run read ({run.record['data']['source']})")
    if differ("graph", "morphology"):
        differences.append("morphology: not that of the run (see its morphology.yaml)")
    elif run.record["graph"].get("plugins") != record["graph"].get("plugins"):
        differences.append("plugins: their source was changed since")
    if not differences and (differ("graph", "seed") or differ("graph", "connectivity_hash")):
        differences.append("wiring: compiled with another seed, or by another version of NumPy or dendrograph")
    if not differences and "reach" in run.record:  # runs before that do not say what was frozen
        differences += _frozen_otherwise(run.frozen, record["network"])
    if not differences and differ("network", "kernels"):
        differences.append("kernels: projections would run by other ones than those in run.json")
    if not differences and not begun and differ("network", "initial_weights"):
        differences.append("initial weights: not those that the run began with; build the network anew")
    if differences:
        listed = "\n  ".join(differences)
        raise RunError(
            f"{run.folder}: a run goes on only as it began\n  {listed}\n  or give another folder by {argument('out')}"
        )


def _frozen_otherwise(had: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What one of two networks of one graph trains, and the other does not."""
    frozen, unfrozen = (({*had.get(kind, ())}, {*asked.get(kind, ())}) for kind in ("frozen", "unfrozen"))
    only_then = (frozen[1] - frozen[0]) | (unfrozen[0] - unfrozen[1])
    only_now = (frozen[0] - frozen[1]) | (unfrozen[1] - unfrozen[0])
    remedy = "set requires_grad as it was, by network.freeze(**run.frozen)"
    found = [f"frozen: the run trains {', '.join(sorted(only_then))}, the network does not"] * bool(only_then)
    found += [f"frozen: the run does not train {', '.join(sorted(only_now))}, the network does"] * bool(only_now)
    return [f"{line}: {remedy}" for line in found]


def changed_surroundings(run: Run, record: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What may make the last digits differ from those of a run that never stopped."""
    before = run.record.get("surroundings", {})
    return [
        f"the run began with {key} {before.get(key)} and goes on with {value}: results may differ in the last digits"
        for key, value in record["surroundings"].items()
        if before.get(key) != value and not (key == "threads" and run.threads and _has_cores(run.threads))
    ]


def _digest(network: DendriticNetwork) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
