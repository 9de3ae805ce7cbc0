"""The workers of a sweep: processes on this machine, or those of a dask cluster that is running already.

A worker that dies is replaced, and its job is given to another, which goes on from the last checkpoint. A job that
takes down several workers, one after the other, is given up.

Workers on this machine are reached by pipes alone, which no other process can open. Nothing of a sweep listens on a
port, so nobody else who uses the machine can reach a worker and run code in it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from dendrograph.base.errors import DendrographError, argument, clip, for_command_line, is_for_command_line
from dendrograph.experiments.sweep.runs import Outcome, SweepRun, dataset, ended_well, failed, train_run

INSTALL = "install it with dendrograph's extra: pip install 'dendrograph[sweep]'"
SECONDS_TO_CONNECT = 30
SECONDS_TO_END = 10
MOST_STARTS = 5  # of one worker that is killed before it is ready, in a row
MOST_TRIES = 4  # of one job that takes down its workers
KILLED = "its worker was killed again and again: out of memory?"

Job = tuple[SweepRun, ...]


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """A process that does one job at a time, started anew when it dies."""

    def __init__(self) -> None:
        self.starts = 0  # since it was last ready
        self.start()

    def start(self) -> None:
        """Start the process; it is ready when it first answers.

        Raises:
            DendrographError: the machine has no room for another process.
        """
        context = multiprocessing.get_context("spawn")
        self.pipe, its_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(its_end,), daemon=True)
        self.job: Job | None = None
        self.ready = False
        self.starts += 1
        try:
            with _ctrl_c_waits():
                self.process.start()
        except OSError as error:
            fewer = argument("processes", option="workers")
            remedy = f"the same command goes on where it stopped, with fewer {fewer} if need be"
            raise DendrographError(f"no process can be started: {error.strerror}\n  {remedy}") from None
        its_end.close()  # so that the pipe ends when the process does

    def begin(self, job: Job, folder: Path) -> None:
        """Give it a job; whether it is still alive is told by `answer`."""
        self.job = job
        with suppress(OSError):
            self.pipe.send((job, str(folder), is_for_command_line()))

    def answer(self) -> list[Outcome]:
        """What it sent: the outcomes of its job, or none when it has become ready.

        Raises:
            EOFError: it is dead.
        """
        try:
            found: list[Outcome] = self.pipe.recv()
        except OSError:  # it died while it sent
            raise EOFError from None
        self.job, self.ready, self.starts = None, True, 0
        return found

    def end(self) -> None:
        """Let it end if it has nothing to do; else kill it: its job can go on from the last checkpoint."""
        self.pipe.close()
        if self.job or not self.ready:
            self.process.kill()

    def join(self) -> int:
        """Wait until it has ended. Gives the status that it ended with, negative for a signal."""
        self.process.join(SECONDS_TO_END)
        self.process.kill()
        self.process.join()
        return self.process.exitcode or 0


class Local:
    """Workers on this machine.

    Raises:
        DendrographError: no process can be started, or none could read the script that begins the sweep.
    """

    def __init__(self, size: int) -> None:
        _refuse_without_a_file()
        self.size = size
        self._workers: list[_Worker] = []
        try:
            for _ in range(size):
                self._workers.append(_Worker())
        except BaseException:
            self.end()
            raise

    def outcomes(self, jobs: Sequence[Job], folder: Path, lost: Callable[[int], None]) -> Iterator[list[Outcome]]:
        """The outcomes of each job, as they come; none now and then meanwhile, so that its caller can look about.

        Args:
            jobs: the first of them is begun first.
            folder: of the sweep.
            lost: called with the number of workers that died.

        Raises:
            DendrographError: no worker is left, and none can be started.
        """
        waiting, place = deque(jobs), folder.resolve()
        tries: Counter[str] = Counter()
        while waiting or any(worker.job for worker in self._workers):
            for worker in self._workers:
                if worker.ready and not worker.job and waiting:
                    worker.begin(waiting.popleft(), place)
            heard = wait([worker.pipe for worker in self._workers], timeout=1)
            if not heard:
                yield []
            for worker in [worker for worker in self._workers if worker.pipe in heard]:
                job = worker.job
                try:
                    yield worker.answer()
                    continue
                except EOFError:
                    status = worker.join()
                if worker.ready or status < 0:  # others ended by themselves at their start
                    lost(1)
                if job:
                    tries[job[0].name] += 1
                    if tries[job[0].name] < MOST_TRIES:
                        waiting.appendleft(job)
                    else:
                        yield [failed(run, folder, RuntimeError(KILLED)) for run in job]
                self._replace(worker, status)

    def _replace(self, worker: _Worker, status: int) -> None:
        """Start a dead worker anew; not where it failed to start by itself, or was killed at its start too often."""
        worker.pipe.close()
        if worker.ready or (status < 0 and worker.starts < MOST_STARTS):
            worker.start()
            return
        self._workers.remove(worker)
        if not self._workers:
            why = f"were killed by signal {-status}: out of memory?" if status < 0 else f"ended with status {status}"
            fewer = argument("processes", option="workers")
            raise DendrographError(
                f"no worker of the sweep can start: all {why}\n"
                f"  the same command goes on where it stopped, with fewer {fewer} if memory is short; "
                "in a script of yours, begin a sweep under: if __name__ == '__main__':"
            )

    def end(self) -> None:
        """End all workers."""
        with _ctrl_c_waits():
            for worker in self._workers:
                worker.end()
            for worker in self._workers:
                worker.join()


def _refuse_without_a_file() -> None:
    """A worker begins by reading the script anew that began the sweep."""
    script = sys.modules["__main__"]
    path = getattr(script, "__file__", None)
    if path and getattr(script, "__spec__", None) is None and not os.path.isfile(path):
        raise DendrographError(
            f"a sweep's workers read the script that begins it, and {clip(path)} is no file\n"
            "  save the script as a file, begin the sweep in it under: if __name__ == '__main__':"
        )


@contextmanager
def local(size: int) -> Iterator[Local]:
    """So many workers on this machine, until the end of the `with`."""
    found = Local(size)
    try:
        yield found
    finally:
        found.end()


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Within it Ctrl-C is put off; a process that is started within never gets it: the sweep alone answers it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it is started with the first process, and would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection) -> None:
    """What the process of a worker does: jobs that come by the pipe, until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    with suppress(EOFError, OSError):  # the sweep has ended
        pipe.send([])
        while True:
            job, folder, command_line = pipe.recv()
            try:
                found = work(job, folder, command_line)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is the failure of this job)
                found = [failed(run, Path(folder), error) for run in job]
            pipe.send(found)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the libraries of a worker take a second or more to end by themselves


def _end_with_the_sweep() -> None:
    """A worker whose sweep was killed must not go on by itself."""
    sweep = multiprocessing.parent_process()
    assert sweep is not None
    sweep.join()
    os._exit(1)


class Cluster:
    """The workers of a dask cluster, by a client of it."""

    def __init__(self, client: Any) -> None:
        self.client = client

    @property
    def size(self) -> int:
        """How many networks it trains at a time."""
        return max(1, sum(self.client.nthreads().values()))

    @property
    def is_open(self) -> bool:
        """Whether whoever can connect to it may have it run code: its scheduler asks for no certificate."""
        return not self.client.scheduler.address.startswith(("tls://", "wss://", "inproc://"))

    def outcomes(self, jobs: Sequence[Job], folder: Path, lost: Callable[[int], None]) -> Iterator[list[Outcome]]:
        """As `Local.outcomes`; all machines of the cluster must see the folder."""
        from distributed import wait
        from distributed.scheduler import KilledWorker

        client, place = self.client, str(folder.resolve())
        waiting = {
            client.submit(work, job, place, is_for_command_line(), pure=False, priority=-at): job
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
                        yield [failed(run, folder, RuntimeError(KILLED)) for run in job]
                    except Exception as error:  # noqa: BLE001 (what a worker could not give back is told as the failure)
                        yield [failed(run, folder, error) for run in job]
        finally:
            client.cancel(list(waiting), force=True)


@contextmanager
def attached(scheduler: str) -> Iterator[Cluster]:
    """The cluster at an address or in a scheduler's file; dask's own configuration says how to encrypt the way to it.

    Raises:
        DendrographError: dask is not installed, or nothing answers.
    """
    try:
        import distributed
    except ImportError:
        needed = f"{argument('scheduler')} needs dask.distributed, which is not installed"
        raise DendrographError(f"{needed}\n  {INSTALL}") from None
    # What dask has to say of lost workers, the sweep says in its own words.
    for name in ("distributed", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        where = {"scheduler_file": scheduler} if Path(scheduler).is_file() else {"address": scheduler}
        client = distributed.Client(**where, timeout=SECONDS_TO_CONNECT)
    except Exception as error:  # noqa: BLE001 (dask raises errors of any kind here, OSError to RuntimeError)
        reason = str(error) or type(error).__name__
        remedy = "give the address of a running one, such as tls://10.0.0.1:8786, or its scheduler file"
        raise DendrographError(
            f"{argument('scheduler', scheduler)}: no dask scheduler answers: {reason}\n  {remedy}"
        ) from None
    with client:
        yield Cluster(client)


def jobs(runs: Sequence[SweepRun], batch: int, workers: int, costs: Mapping[str, float]) -> list[Job]:
    """Cells as jobs, the longest first, so that no worker is left with a long one at the end.

    Only runs of one kind of network, one data set and like settings are put together, and never so many that a worker
    would have nothing to do.
    """
    alike: dict[object, list[SweepRun]] = {}
    for run in runs:
        settings = replace(run.config, seed=0)
        alike.setdefault((run.morphology["name"], run.digest, settings, run.kernel), []).append(run)
    most = max(1, min(batch, -(-len(runs) // max(1, workers))))
    found: list[Job] = []
    for group in alike.values():
        found += [tuple(group[start : start + most]) for start in range(0, len(group), most)]
    return sorted(found, key=lambda job: -sum(costs.get(run.name, 0.0) for run in job))


def work(job: Job, folder: str, command_line: bool = False) -> list[Outcome]:
    """Train the runs of a job; what a worker is asked to do. `command_line` says who reads its messages."""
    torch.set_num_threads(1)  # there are as many workers as cores
    with for_command_line(command_line):
        return _outcomes(job, Path(folder))


def _outcomes(job: Job, place: Path) -> list[Outcome]:
    if len(job) == 1:
        return [train_run(job[0], place)]
    began = time.monotonic()
    unfinished = [run for run in job if not run.has_ended(place)]
    found = _together(unfinished, place) if len(unfinished) > 1 else [train_run(run, place) for run in unfinished]
    share = (time.monotonic() - began) / max(1, len(unfinished))
    there = {outcome.run for outcome in found}
    found += [train_run(run, place) for run in job if run.name not in there]
    return [replace(outcome, seconds=min(outcome.seconds, share) or share) for outcome in found]


def _together(runs: Sequence[SweepRun], folder: Path) -> list[Outcome]:
    """Train runs as one graph; one by one where that cannot be."""
    from dendrograph.training.ensemble import reasons_against, train_together

    try:
        data = dataset(runs[0].data, runs[0].data_dir)
        networks = [run.network(data) for run in runs]
        configs = [run.config for run in runs]
        if reasons_against(networks, configs):
            return [train_run(run, folder) for run in runs]
        with ExitStack() as locks:
            # In one order everywhere, so that no two processes wait for each other.
            for run in sorted(runs, key=lambda run: run.name):
                locks.enter_context(run.lock(folder))
            results = train_together(networks, data, configs, [run.run_folder(folder) for run in runs])
    except Exception as error:  # noqa: BLE001 (as in `train_run`)
        return [failed(run, folder, error) for run in runs]
    return [
        failed(run, folder, result) if isinstance(result, BaseException) else ended_well(run, folder, 0.0)
        for run, result in zip(runs, results, strict=True)
    ]


@contextmanager
def termination_as_ctrl_c() -> Iterator[None]:
    """Within it SIGTERM is answered as Ctrl-C is: the workers end, and the user is told how to go on."""
    if threading.current_thread() is not threading.main_thread():  # no other may say who answers
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
