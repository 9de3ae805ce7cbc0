"""Sweeps for tests."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dendrograph.base.errors import MorphologyError
from dendrograph.experiments.sweep.file import Sweep, read
from dendrograph.experiments.sweep.runs import Outcome, SweepRun
from dendrograph.experiments.sweep.workers import work

SMALL = "set: {dendrites: 2, somata: 4, synapses: 4}\ntrain: {epochs: 1}\n"


def sweep_of(tmp_path: Path, text: str, name: str = "sweep.yaml") -> Sweep:
    path = tmp_path / name
    path.write_text(text)
    return read(path)


def faults(tmp_path: Path, text: str) -> str:
    with pytest.raises(MorphologyError) as caught:
        sweep_of(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}{os.sep}", "")


@contextmanager
def in_this_process(size: int) -> Iterator[Any]:
    """In the place of `workers.local`: jobs as a worker gets them, by a pipe."""

    def outcomes(
        jobs: list[tuple[SweepRun, ...]], folder: Path, lost: Callable[[int], None]
    ) -> Iterator[list[Outcome]]:
        near, far = multiprocessing.Pipe()
        for job in jobs:
            near.send((job, str(folder)))
            yield work(*far.recv())

    yield SimpleNamespace(size=size, outcomes=outcomes)
