"""The processes that work, by dask.distributed: on this machine's cores, or on a cluster that is running already.

A worker that dies is replaced, and its job is given to another, which goes on from the last checkpoint. A job that
takes down several workers, one after the other, is given up.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dendrograph.errors import DendrographError, argument, is_for_command_line
from dendrograph.sweep.cells import Outcome, failed
from dendrograph.sweep.jobs import Job, work

INSTALL = "install it with dendrograph's extra: pip install 'dendrograph[sweep]'"
SECONDS_TO_CONNECT = 30


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local(workers: int) -> Iterator[Any]:
    """A client of so many workers on this machine.

    Raises:
        DendrographError: dask is not installed.
    """
    engine = _engine()
    import dask

    settings = {
        "distributed.scheduler.allowed-failures": 3,
        "distributed.worker.preload": ["dendrograph.sweep.interrupts"],
    }
    # No limit of memory: the compiler refuses what would not fit, and a pause would only look like a stop.
    with (
        dask.config.set(settings),
        engine.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        engine.Client(cluster) as client,
    ):
        yield client


@contextmanager
def attached(scheduler: str) -> Iterator[Any]:
    """A client of the cluster at an address or in a scheduler's file.

    Raises:
        DendrographError: dask is not installed, or nothing answers.
    """
    engine = _engine()
    try:
        where = {"scheduler_file": scheduler} if Path(scheduler).is_file() else {"address": scheduler}
        client = engine.Client(**where, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError, TimeoutError, AssertionError, KeyError, TypeError) as error:
        reason = str(error) or type(error).__name__
        remedy = "give the address of a running one, such as tcp://10.0.0.1:8786, or its scheduler file"
        raise DendrographError(
            f"{argument('scheduler', scheduler)}: no dask scheduler answers: {reason}\n  {remedy}"
        ) from None
    with client:
        yield client


def _engine() -> Any:
    """The module `distributed`. What it has to tell of lost workers, the sweep tells in its own words."""
    try:
        import distributed
    except ImportError:
        raise DendrographError(f"a sweep is run by dask.distributed, which is not installed\n  {INSTALL}") from None
    for name in ("distributed", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


def number(client: Any) -> int:
    """How many networks a cluster trains at a time."""
    return max(1, sum(client.nthreads().values()))


def outcomes(client: Any, jobs: Sequence[Job], folder: Path, lost: Callable[[int], None]) -> Iterator[list[Outcome]]:
    """The outcomes of each job, as they come; none now and then meanwhile, so that its caller can look about.

    Args:
        client: of a cluster.
        jobs: the first of them is begun first.
        folder: of the sweep; a cluster's workers must see it too.
        lost: called with the number of workers that died.
    """
    from distributed import wait
    from distributed.scheduler import KilledWorker

    waiting = {
        client.submit(work, job, str(folder.resolve()), is_for_command_line(), pure=False, priority=-at): job
        for at, job in enumerate(jobs)
    }
    there = set(client.nthreads())
    try:
        while waiting:
            now = set(client.nthreads())
            if gone := len(there - now):
                lost(gone)
            there = now
            try:
                done = wait(list(waiting), timeout=1, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                yield []
                continue
            for future in done:
                job = waiting.pop(future)
                try:
                    yield future.result()
                except KilledWorker:
                    reason = RuntimeError("its worker was killed again and again: out of memory?")
                    yield [failed(cell, folder, reason) for cell in job]
                except Exception as error:  # noqa: BLE001 (whatever a worker could not give back is told as the failure)
                    yield [failed(cell, folder, error) for cell in job]
    finally:
        client.cancel(list(waiting), force=True)
