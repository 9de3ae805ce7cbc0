"""Jobs: the cells that one worker trains in one go, as one graph where the file says `batch`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from dendrograph.base.errors import for_command_line
from dendrograph.experiments.sweep.runs import Cell, Outcome, dataset, ended_well, failed, train_cell

Job = tuple[Cell, ...]


def jobs(cells: Sequence[Cell], batch: int, workers: int, costs: Mapping[str, float]) -> list[Job]:
    """Cells as jobs, the longest first, so that no worker is left with a long one at the end.

    Only cells of one kind of network, one data set and like settings are put together, and never so many that a worker
    would have nothing to do.
    """
    alike: dict[object, list[Cell]] = {}
    for cell in cells:
        settings = replace(cell.config, seed=0)
        alike.setdefault((cell.morphology["name"], cell.digest, settings, cell.kernel), []).append(cell)
    most = max(1, min(batch, -(-len(cells) // max(1, workers))))
    found: list[Job] = []
    for group in alike.values():
        found += [tuple(group[start : start + most]) for start in range(0, len(group), most)]
    return sorted(found, key=lambda job: -sum(costs.get(cell.name, 0.0) for cell in job))


def work(job: Job, folder: str, command_line: bool = False) -> list[Outcome]:
    """Train the cells of a job; what a worker is asked to do. `command_line` says who reads its messages."""
    torch.set_num_threads(1)  # there are as many workers as cores
    with for_command_line(command_line):
        return _outcomes(job, Path(folder))


def _outcomes(job: Job, place: Path) -> list[Outcome]:
    if len(job) == 1:
        return [train_cell(job[0], place)]
    began = time.monotonic()
    open_cells = [cell for cell in job if not cell.has_ended(place)]
    found = _together(open_cells, place) if len(open_cells) > 1 else [train_cell(cell, place) for cell in open_cells]
    share = (time.monotonic() - began) / max(1, len(open_cells))
    there = {outcome.cell for outcome in found}
    found += [train_cell(cell, place) for cell in job if cell.name not in there]
    return [replace(outcome, seconds=min(outcome.seconds, share) or share) for outcome in found]


def _together(cells: Sequence[Cell], folder: Path) -> list[Outcome]:
    """Train cells as one graph; one by one where that cannot be."""
    from dendrograph.training.ensemble import reasons_against, train_together

    try:
        data = dataset(cells[0].data, cells[0].data_dir)
        networks = [cell.network(data) for cell in cells]
        configs = [cell.config for cell in cells]
        if reasons_against(networks, configs):
            return [train_cell(cell, folder) for cell in cells]
        with ExitStack() as locks:
            # In one order everywhere, so that no two processes wait for each other.
            for cell in sorted(cells, key=lambda cell: cell.name):
                locks.enter_context(cell.lock(folder))
            results = train_together(networks, data, configs, [cell.run_folder(folder) for cell in cells])
    except Exception as error:  # noqa: BLE001 (as in `train_cell`)
        return [failed(cell, folder, error) for cell in cells]
    return [
        failed(cell, folder, result) if isinstance(result, BaseException) else ended_well(cell, folder, 0.0)
        for cell, result in zip(cells, results, strict=True)
    ]
