"""What a sweep will cost: timed steps of a few of its networks, and what follows for the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from dendrograph.data import batches_at
from dendrograph.dataset import Dataset
from dendrograph.flat import FlatParameters
from dendrograph.sweep.cells import Cell, dataset

TIMED = 8  # networks of different size, for each data set: between them, time is taken as linear in the synapses
STEPS = 4


def seconds(cells: Sequence[Cell], tick: Callable[[], None] = lambda: None) -> dict[str, float]:
    """Seconds that each cell takes one core, by its name; with early stopping, at most.

    Args:
        cells: of a sweep.
        tick: called after each network that was timed.
    """
    costs: dict[str, float] = {}
    for key in dict.fromkeys((cell.data, cell.data_dir) for cell in cells):
        own = [cell for cell in cells if (cell.data, cell.data_dir) == key]
        costs |= _of_one_data_set(own, dataset(*key), tick)
    return costs


def _of_one_data_set(cells: Sequence[Cell], data: Dataset, tick: Callable[[], None]) -> dict[str, float]:
    samples = 1.0 if data.validation is not None else 1 - cells[0].config.validation
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(_shape(cell), cell)
    edges = {shape: cell.graph(data).parameters for shape, cell in first.items()}
    by_size = sorted(edges, key=lambda shape: edges[shape])
    chosen = [by_size[round(at)] for at in np.linspace(0, len(by_size) - 1, min(TIMED, len(by_size)))]
    timed: Mapping[int, float] = {}
    for shape in dict.fromkeys(chosen):
        timed = {**timed, edges[shape]: _step(first[shape], data)}
        tick()
    sizes = sorted(timed)
    found = {}
    for cell in cells:
        step = float(np.interp(edges[_shape(cell)], sizes, [timed[size] for size in sizes]))
        steps = -(-len(data.train) * samples // cell.config.batch_size)
        # Validation runs forward alone, which is about a third of a step, over a tenth of the samples or so.
        found[cell.name] = step * steps * (cell.config.epochs or 1) * 1.1
    return found


def _shape(cell: Cell) -> str:
    """What cells of one cost a step have in common."""
    return f"{cell.file} {sorted(cell.morphology['parameters'].items())} {cell.morphology['name']} {cell.axes}"


def _step(cell: Cell, data: Dataset) -> float:
    """Seconds of a step on one thread: the fastest of a few, since whatever disturbs makes it slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        network = cell.network(data).train()
        parameters = FlatParameters(network, more=1)
        optimizer = torch.optim.Adam([parameters.vector], lr=cell.config.lr, fused=True)
        rows = torch.arange(min(cell.config.batch_size, len(data.train)))
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
