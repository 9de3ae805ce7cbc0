"""The cost estimate of a sweep: steps of a few of its networks are timed, and the others are interpolated."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from dendrograph.base.errors import DendrographError
from dendrograph.data.batches import batches_at
from dendrograph.data.dataset import Dataset
from dendrograph.experiments.sweep.runs import SweepRun, dataset
from dendrograph.training.optimizer import FlatParameters
from dendrograph.training.train import Interrupted, train

TIMED = 8  # networks of different size per data set; between them, time is taken as linear in the parameters
STEPS = 4


def seconds(runs: Sequence[SweepRun], tick: Callable[[], None] = lambda: None) -> dict[str, float]:
    """Seconds of one core that each run takes, by its name; the most that it can take with early stopping.

    Args:
        runs: of a sweep.
        tick: called after each timed network.
    """
    costs: dict[str, float] = {}
    for key in dict.fromkeys((run.data, run.data_dir) for run in runs):
        own = [run for run in runs if (run.data, run.data_dir) == key]
        costs |= _of_one_data_set(own, dataset(*key), tick)
    return costs


def _of_one_data_set(runs: Sequence[SweepRun], data: Dataset, tick: Callable[[], None]) -> dict[str, float]:
    first: dict[str, SweepRun] = {}
    for run in runs:
        first.setdefault(_shape(run), run)
    edges = {shape: run.graph(data).parameters for shape, run in first.items()}
    by_size = sorted(edges, key=lambda shape: edges[shape])
    chosen = [by_size[round(at)] for at in np.linspace(0, len(by_size) - 1, min(TIMED, len(by_size)))]
    timed: Mapping[int, float] = {}
    for shape in dict.fromkeys(chosen):
        timed = {**timed, edges[shape]: _step(first[shape], data)}
        tick()
    smallest = first[by_size[0]]
    more = _around(smallest, data, timed[edges[by_size[0]]] * _steps(smallest, data))
    tick()
    sizes = sorted(timed)
    found = {}
    for run in runs:
        step = float(np.interp(edges[_shape(run)], sizes, [timed[size] for size in sizes]))
        found[run.name] = step * _steps(run, data) * (run.config.epochs or 1) + more
    return found


def _steps(run: SweepRun, data: Dataset) -> float:
    """Steps of an epoch with its validation, which is forward only: about a third of a step per batch."""
    share = 0.0 if data.validation is not None else run.config.validation
    held_out = len(data.validation) if data.validation is not None else len(data.train) * share
    return (len(data.train) * (1 - share) + held_out / 3) / run.config.batch_size


def _around(run: SweepRun, data: Dataset, epoch: float) -> float:
    """Seconds of a run besides its steps (start, checkpoints, curves), from a run of one epoch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            config = replace(run.config, epochs=1)
            train(run.network(data), data, config, Path(folder) / "run", progress=False)
            return max(0.0, time.perf_counter() - began - epoch)
    except DendrographError:  # such as a loss that is not finite; the sweep reports it
        return 0.0
    except Interrupted:  # its message names a folder that is gone
        raise KeyboardInterrupt from None
    finally:
        torch.set_num_threads(threads)


def _shape(run: SweepRun) -> str:
    """What runs with the same cost per step have in common."""
    return f"{run.file} {sorted(run.morphology['parameters'].items())} {run.morphology['name']} {run.axes}"


def _step(run: SweepRun, data: Dataset) -> float:
    """Seconds of a step on one thread: the fastest of a few, since any disturbance makes it slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        network = run.network(data).train()
        parameters = FlatParameters(network, more=1)
        optimizer = torch.optim.Adam([parameters.vector], lr=run.config.lr, fused=True)
        rows = torch.arange(min(run.config.batch_size, len(data.train)))
        best = float("inf")
        for inputs, labels in batches_at(data.train, data.scale, [rows] * (STEPS + 1)):
            began = time.perf_counter()
            cross_entropy(network(inputs), labels).backward()
            parameters.collect()
            optimizer.step()
            best = min(best, time.perf_counter() - began)
        return best
    finally:
        torch.set_num_threads(threads)
