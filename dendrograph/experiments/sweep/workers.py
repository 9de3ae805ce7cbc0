"""The workers of a sweep: processes on this machine, or those of a dask cluster that already runs.

A worker that dies is replaced. Its job is given to another one, which continues from the last checkpoint. A job that
kills several workers in a row fails.

Workers on this machine are reached by pipes only, which no other process can open. A sweep opens no port, so that no
other user of the machine can reach a worker and run code in it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
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
MOST_STARTS = 5  # in a row, of one worker that is killed before it is ready
MOST_TRIES = 4  # of one job that kills its workers
KILLED = "its worker was killed several times: out of memory?"

Job = tuple[SweepRun, ...]


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """A process that does one job at a time. It is restarted when it dies."""

    def __init__(self) -> None:
        self.starts = 0  # since it was last ready
        self.start()

    def start(self) -> None:
        """Start the process. It is ready after its first answer.

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
            with _without_ctrl_c():
                self.process.start()
        except OSError as error:
            fewer = argument("processes", option="workers")
            remedy = f"the same command continues where it stopped; give fewer {fewer} if necessary"
            raise DendrographError(f"no process can be started: {error.strerror}\n  {remedy}") from None
        its_end.close()  # the pipe then ends with the process

    def begin(self, job: Job, folder: Path) -> None:
        """Give it a job; `answer` reports whether it is still alive."""
        self.job = job
        with suppress(OSError):
            self.pipe.send((job, str(folder), is_for_command_line()))

    def answer(self) -> list[Outcome]:
        """The outcomes of its job, or none when it has become ready.

        Raises:
            EOFError: the process is dead.
        """
        try:
            found: list[Outcome] = self.pipe.recv()
        except OSError:  # it died while it sent
            raise EOFError from None
        self.job, self.ready, self.starts = None, True, 0
        return found

    def end(self) -> None:
        """Let an idle process end, and kill a busy one: its job can continue from the last checkpoint."""
        self.pipe.close()
        if self.job or not self.ready:
            self.process.kill()

    def join(self) -> int:
        """Wait for its end. Returns the exit status, negative for a signal."""
        self.process.join(SECONDS_TO_END)
        self.process.kill()
        self.process.join()
        return self.process.exitcode or 0


class Workers(ABC):
    """The workers that train the runs of a sweep."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many runs they train at a time."""

    @abstractmethod
    def outcomes(self, jobs: Sequence[Job], folder: Path, lost: Callable[[int], None]) -> Iterator[list[Outcome]]:
        """The outcomes of each job as it ends, and an empty list at least once a second, to let the caller work.

        Args:
            jobs: the first of them begins first.
            folder: of the sweep.
            lost: called with the number of workers that died.

        Raises:
            DendrographError: no worker is left, and none can be started.
        """


class LocalWorkers(Workers):
    """Processes on this machine.

    Raises:
        DendrographError: no process can be started, or none could read the script that starts the sweep.
    """

    def __init__(self, size: int) -> None:
        _check_script()
        self._size = size
        self._workers: list[_Worker] = []
        try:
            for _ in range(size):
                self._workers.append(_Worker())
        except BaseException:
            self.end()
            raise

    @property
    def size(self) -> int:
        """See `Workers.size`."""
        return self._size

    def outcomes(self, jobs: Sequence[Job], folder: Path, lost: Callable[[int], None]) -> Iterator[list[Outcome]]:
        """See `Workers.outcomes`."""
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
                if worker.ready or status < 0:  # the others failed to start
                    lost(1)
                if job:
                    tries[job[0].name] += 1
                    if tries[job[0].name] < MOST_TRIES:
                        waiting.appendleft(job)
                    else:
                        yield [failed(run, folder, RuntimeError(KILLED)) for run in job]
                self._replace(worker, status)

    def _replace(self, worker: _Worker, status: int) -> None:
        """Restart a dead worker, unless it failed to start or was killed too often during its start."""
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
                f"  the same command continues where it stopped; give fewer {fewer} if memory is short; "
                "in your own script, start a sweep under: if __name__ == '__main__':"
            )

    def end(self) -> None:
        """End all workers."""
        with _without_ctrl_c():
            for worker in self._workers:
                worker.end()
            for worker in self._workers:
                worker.join()


def _check_script() -> None:
    """Check that the script which starts the sweep is a file: each worker reads it again."""
    script = sys.modules["__main__"]
    path = getattr(script, "__file__", None)
    if path and getattr(script, "__spec__", None) is None and not os.path.isfile(path):
        raise DendrographError(
            f"the workers of a sweep read the script that starts it: {clip(path)} is not a file\n"
            "  save the script as a file, and start the sweep in it under: if __name__ == '__main__':"
        )


@contextmanager
def local(size: int) -> Iterator[LocalWorkers]:
    """Workers on this machine, until the end of the `with`."""
    found = LocalWorkers(size)
    try:
        yield found
    finally:
        found.end()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Postpone Ctrl-C. A process that is started meanwhile never receives it: only the sweep answers it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starts with the first process otherwise, and lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection) -> None:
    """Do the jobs that come through the pipe until it is closed; runs in the process of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    with suppress(EOFError, OSError):  # the sweep has ended
        pipe.send([])
        while True:
            job, folder, command_line = pipe.recv()
            try:
                found = work(job, folder, command_line)
            except Exception as error:  # noqa: BLE001 (any error is the failure of this job only)
                found = [failed(run, Path(folder), error) for run in job]
            pipe.send(found)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the libraries of a worker take a second or more to end otherwise


def _end_with_the_sweep() -> None:
    """End a worker whose sweep was killed."""
    sweep = multiprocessing.parent_process()
    assert sweep is not None
    sweep.join()
    os._exit(1)


class ClusterWorkers(Workers):
    """The workers of a dask cluster. All its machines must see the folder of the sweep.

    Args:
        client: of the cluster.
    """

    def __init__(self, client: Any) -> None:
        self.client = client

    @property
    def size(self) -> int:
        """See `Workers.size`."""
        return max(1, sum(self.client.nthreads().values()))

    @property
    def is_open(self) -> bool:
        """Whether anyone who can connect to the cluster can run code in it: its scheduler needs no certificate."""
        return not self.client.scheduler.address.startswith(("tls://", "wss://", "inproc://"))

    def outcomes(self, jobs: Sequence[Job], folder: Path, lost: Callable[[int], None]) -> Iterator[list[Outcome]]:
        """See `Workers.outcomes`."""
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
                    except Exception as error:  # noqa: BLE001 (an answer that cannot be sent is a failure)
                        yield [failed(run, folder, error) for run in job]
        finally:
            client.cancel(list(waiting), force=True)


@contextmanager
def attached(scheduler: str) -> Iterator[ClusterWorkers]:
    """The workers of the cluster at an address or in a scheduler's file. Dask's configuration sets the encryption.

    Raises:
        DendrographError: dask is not installed, or nothing answers.
    """
    try:
        import distributed
    except ImportError:
        needed = f"{argument('scheduler')} needs dask.distributed, which is not installed"
        raise DendrographError(f"{needed}\n  {INSTALL}") from None
    # The sweep reports lost workers itself.
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
        yield ClusterWorkers(client)


def jobs(runs: Sequence[SweepRun], batch: int, workers: int, costs: Mapping[str, float]) -> list[Job]:
    """Runs as jobs, the longest job first, so that no worker is left with a long one at the end.

    Runs of one kind of network, one data set and the same settings are put together, as long as each worker has a job.

    Args:
        runs: to be trained.
        batch: the largest number of runs in a job.
        workers: the number of workers.
        costs: seconds by the names of the runs.
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
    """Train the runs of a job in a worker. `command_line`: whether messages are for users of the command line."""
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
    """Train runs as one graph, or one by one where that is impossible."""
    from dendrograph.training.ensemble import reasons_against, train_together

    try:
        data = dataset(runs[0].data, runs[0].data_dir)
        networks = [run.network(data) for run in runs]
        configs = [run.config for run in runs]
        if reasons_against(networks, configs):
            return [train_run(run, folder) for run in runs]
        with ExitStack() as locks:
            # The same order everywhere, so that no two processes wait for each other.
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
    """Answer SIGTERM, by which batch systems stop a program, like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread can set a handler
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
