"""A sweep, from its file to its run folders."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from dendrograph.base.errors import DendrographError, RunError, argument
from dendrograph.base.progress import clock
from dendrograph.experiments.sweep import cost_estimate, folder, workers
from dendrograph.experiments.sweep.display import Display
from dendrograph.experiments.sweep.file import Sweep, read
from dendrograph.experiments.sweep.runs import SweepRun
from dendrograph.training.train import Interrupted


@dataclass(frozen=True)
class Swept:
    """What became of a sweep: its folder, its runs that have ended, and the others with their errors."""

    folder: Path
    runs: tuple[SweepRun, ...]
    failures: tuple[tuple[str, str], ...]

    @property
    def finished(self) -> tuple[Path, ...]:
        """The run folders of its runs that have ended."""
        return tuple(run.run_folder(self.folder) for run in self.runs)


@dataclass(frozen=True)
class SweepFile:
    """The file of a sweep, with the folder of data sets and the plugins that its morphologies need."""

    path: str | Path
    data_dir: str | Path | None = None
    plugins: Iterable[str | Path] = ()

    def absolute(self) -> SweepFile:
        """The same with absolute paths, for workers that run in other folders."""
        return SweepFile(
            path=Path(self.path).absolute(),
            data_dir=Path(self.data_dir).absolute() if self.data_dir else None,
            plugins=[Path(one).absolute() if Path(one).exists() else one for one in self.plugins],
        )


def sweep(
    file: SweepFile | str | Path,
    out: str | Path | None = None,
    processes: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
    dry: bool = False,
) -> Swept:
    """Run the sweep of a file, or go on with it; see `run_sweep`.

    Args:
        file: the YAML file.
        out: the folder; `sweeps/NAME` by default.
        processes: number of workers on this machine; one per core by default.
        scheduler: the address of a running dask cluster, or its scheduler file, instead of workers on this machine.
        progress: show progress on standard output.
        dry: only validate the file and estimate the cost.
    """
    file = file if isinstance(file, SweepFile) else SweepFile(file)
    if scheduler is not None:
        file = file.absolute()
    found = replace(read(file.path, file.data_dir, file.plugins), own_folder=True)
    place = Path(out) if out else Path("sweeps") / found.name
    return run_sweep(found, place, processes, scheduler, progress, dry)


@torch.inference_mode(False)
def run_sweep(
    sweep: Sweep,
    out: Path,
    processes: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
    dry: bool = False,
) -> Swept:
    """Train every run that has not been trained yet.

    A run that has ended is not repeated, one that was begun goes on from its last checkpoint; so the same call goes on
    with a sweep after whatever stopped it. Runs that failed are tried again. A note names other run folders in a folder
    that belongs to the sweep (`Sweep.own_folder`).

    Raises:
        DendrographError: the folder cannot be used, another sweep is at work in it, no worker can be started, or no
            scheduler answers.
        Interrupted: Ctrl-C.
    """
    if processes is not None and processes < 1:
        raise DendrographError(f"{argument('processes', processes, 'workers')}: there must be at least 1")
    if processes is not None and scheduler is not None:
        idle = f"{argument('processes', option='workers')} says nothing with {argument('scheduler')}"
        raise DendrographError(f"{idle}: a cluster has its own\n  leave one out")
    if dry:
        folder.check_sweep_folder(out)
        sweep = _adopted(out, sweep, sweep.own_folder and progress)
        ended = folder.finished(out, sweep.runs)
        _tell_plan(sweep, ended, scheduler or processes or workers.cores(), progress)
        return _swept(sweep, out, ended, {})
    # A wrong address is told before anything is made or timed.
    with workers.attached(scheduler) if scheduler else nullcontext() as cluster, folder.held(out):
        if cluster and cluster.is_open:
            _say(progress, f"note: {scheduler}: without TLS: whoever connects to the cluster can run code as its user")
        sweep = _adopted(out, sweep, sweep.own_folder and progress)
        folder.begin(out, sweep)
        ended = folder.finished(out, sweep.runs)
        failures: dict[str, str] = {}
        try:
            if costs := _tell_plan(sweep, ended, scheduler or processes or workers.cores(), progress):
                failures = _work(sweep, out, processes or workers.cores(), cluster, progress, costs)
        except KeyboardInterrupt:
            kept = f"{len(folder.finished(out, sweep.runs)):,} of {len(sweep.runs):,} runs have ended"
            remedy = "the same command goes on where it stopped"
            raise Interrupted(f"{out}: interrupted; {kept}\n  {remedy}") from None
        try:
            folder.note_failures(out, failures)
        except RunError as error:  # they are told all the same
            _say(progress, f"note: {error}")
        # Each of the others has ended, as its worker has told, or failed.
        ended = {run.name for run in sweep.runs} - set(failures)
    return _swept(sweep, out, ended, failures)


def _adopted(out: Path, sweep: Sweep, tell: bool) -> Sweep:
    """The sweep with the names that its runs have in its folder; run folders that are not of it are told."""
    sweep = folder.adopted(out, sweep)
    if tell and (others := folder.strangers(out, sweep)):
        number = f"{len(others):,} run folders" if len(others) > 1 else "a run folder"
        _say(True, f"note: {number} in {out} not of this file as it is now: {others[0]}")
    return sweep


def _work(
    sweep: Sweep,
    out: Path,
    processes: int,
    cluster: workers.Cluster | None,
    progress: bool,
    costs: dict[str, float],
) -> dict[str, str]:
    """Have workers train the runs of which the cost is given. Gives the failures.

    They are those of a cluster, or, where there is none, so many processes on this machine.
    """
    waiting = {run.name: run for run in sweep.runs if run.name in costs}
    number, total = len(sweep.runs), sum(costs.values()) or 1.0
    failures: dict[str, str] = {}
    with nullcontext(cluster) if cluster else workers.local(min(processes, len(waiting))) as engine:
        at_work = engine.size
        plan = workers.jobs(list(waiting.values()), sweep.batch, at_work, costs)
        shared_by = at_work if cluster else min(at_work, workers.cores())
        with Display(progress, number, number - len(costs), total, shared_by) as show:
            done = 0.0
            for found in engine.outcomes(plan, out, show.lost):
                for outcome in found:
                    waiting.pop(outcome.run)
                    done += costs[outcome.run]
                    if outcome.error:
                        failures[outcome.run] = outcome.error
                        with suppress(RunError):  # a full disk is no reason to stop; they are written at the end again
                            folder.note_failures(out, failures)
                    show.outcome(outcome)
                show.at((done + _begun(out, waiting.values(), costs)) / total)
    return failures


def _begun(out: Path, runs: Iterable[SweepRun], costs: dict[str, float]) -> float:
    """Seconds of what has been done of runs that have not ended."""
    return sum(costs[run.name] * folder.epochs(out, run) / (run.config.epochs or 1) for run in runs)


def _tell_plan(sweep: Sweep, ended: Collection[str], by: int | str, progress: bool) -> dict[str, float]:
    """Say what will be trained and what it will cost. Gives the seconds of each run that is left.

    `by` is the number of workers on this machine, or the address of a cluster, which is not asked how many it has.
    """
    for note in sweep.notes:
        _say(progress, f"note: {note}")
    conditions = len({run.condition for run in sweep.runs})
    _say(progress, f"{sweep.name}: runs {len(sweep.runs):,}, conditions {conditions:,}, done {len(ended):,}")
    waiting = [run for run in sweep.runs if run.name not in ended]
    if not waiting:
        return {}
    costs = cost_estimate.seconds(waiting)
    total = sum(costs.values())
    expected = f"{clock(total)} of one core by timed steps"
    if isinstance(by, str):
        expected += f", measured here; the workers of {by} share it"
    else:
        at_work = min(by, len(waiting))
        longest = max(total / min(at_work, workers.cores()), *costs.values())
        expected += f", about {clock(longest)} on {at_work} workers"
    _say(progress, f"expected: {expected}")
    return costs


def _swept(sweep: Sweep, out: Path, ended: Collection[str], failures: dict[str, str]) -> Swept:
    return Swept(out, tuple(run for run in sweep.runs if run.name in ended), tuple(sorted(failures.items())))


def _say(progress: bool, text: str) -> None:
    if progress:
        print(text)
        sys.stdout.flush()
