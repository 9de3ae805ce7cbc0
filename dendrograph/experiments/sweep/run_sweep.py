"""Running a sweep: from its file to its run folders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
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
class SweepOptions:
    """How a sweep is run.

    processes: workers on this machine; one per core by default
    scheduler: instead of them, the address of a running dask cluster or its scheduler file
    progress: whether to show the progress on standard output
    dry: only validate, and estimate the cost

    Raises:
        DendrographError: there would be no process, or both `processes` and `scheduler` are given.
    """

    processes: int | None = None
    scheduler: str | None = None
    progress: bool = True
    dry: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        if self.processes is None:
            return
        if self.processes < 1:
            raise DendrographError(f"{argument('processes', self.processes, 'workers')}: there must be at least 1")
        if self.scheduler is not None:
            both = f"{argument('processes', option='workers')} has no effect with {argument('scheduler')}"
            raise DendrographError(f"{both}: a cluster has its own workers\n  leave one out")

    @property
    def local_size(self) -> int:
        """The number of workers on this machine."""
        return self.processes or workers.cores()


@dataclass(frozen=True)
class Swept:
    """The result of a sweep: its folder, its runs that have ended, and the others with their errors."""

    folder: Path
    runs: tuple[SweepRun, ...]
    failures: tuple[tuple[str, str], ...]

    @property
    def finished(self) -> tuple[Path, ...]:
        """The run folders of its runs that have ended."""
        return tuple(run.run_folder(self.folder) for run in self.runs)


def run_sweep_file(
    file: str | Path,
    out: str | Path | None = None,
    data_dir: str | Path | None = None,
    plugins: Iterable[str | Path] = (),
    options: SweepOptions | None = None,
) -> Swept:
    """Run the sweep of a file, or continue it; see `run_sweep`.

        run_sweep_file("slopes.yaml", options=SweepOptions(dry=True))

    Args:
        file: the YAML file.
        out: the folder; `sweeps/NAME` by default.
        data_dir: where data sets are.
        plugins: plugins that the morphologies need, as `load` takes them.
        options: workers and progress.
    """
    options = options or SweepOptions()
    if options.scheduler is not None:  # the workers of a cluster may have another working folder
        file, data_dir = Path(file).absolute(), Path(data_dir).absolute() if data_dir else None
        plugins = [Path(one).absolute() if Path(one).exists() else one for one in plugins]
    sweep = read(file, data_dir, plugins)
    return run_sweep(sweep, Path(out) if out else Path("sweeps") / sweep.name, options, alone=True)


@torch.inference_mode(False)
def run_sweep(sweep: Sweep, out: Path, options: SweepOptions | None = None, alone: bool = False) -> Swept:
    """Train every run that has not been trained yet.

    A run that has ended is not repeated. A run that was begun continues from its last checkpoint, so that the same call
    continues a sweep after any interruption. Runs that failed are tried again.

    Args:
        sweep: the runs.
        out: the folder of the sweep.
        options: workers and progress.
        alone: whether the folder is for this sweep only; other run folders in it are then reported.

    Raises:
        DendrographError: the folder cannot be used, another sweep is at work in it, no worker can be started, or no
            scheduler answers.
        Interrupted: Ctrl-C.
    """
    options = options or SweepOptions()
    show, scheduler = options.progress, options.scheduler
    if options.dry:
        folder.check_sweep_folder(out)
        sweep = _with_existing_names(out, sweep, alone and show)
        ended = folder.finished(out, sweep.runs)
        _show_plan(sweep, ended, options)
        return _swept(sweep, out, ended, {})
    # A wrong address is reported before anything is made or timed.
    with workers.attached(scheduler) if scheduler else nullcontext() as cluster, folder.locked(out):
        if cluster and cluster.is_open:
            _say(show, f"note: {scheduler}: no TLS: anyone who can connect to the cluster can run code as its user")
        sweep = _with_existing_names(out, sweep, alone and show)
        folder.begin(out, sweep)
        ended = folder.finished(out, sweep.runs)
        failures: dict[str, str] = {}
        try:
            if costs := _show_plan(sweep, ended, options):
                size = min(options.local_size, len(costs))
                with nullcontext(cluster) if cluster else workers.local(size) as engine:
                    failures = _train(sweep, out, engine, costs, show)
        except KeyboardInterrupt:
            kept = f"{len(folder.finished(out, sweep.runs)):,} of {len(sweep.runs):,} runs have ended"
            remedy = "the same command continues where it stopped"
            raise Interrupted(f"{out}: interrupted; {kept}\n  {remedy}") from None
        try:
            folder.write_failures(out, failures)
        except RunError as error:  # the failures are shown anyway
            _say(show, f"note: {error}")
        # Each of the others has ended, as its worker reported.
        ended = {run.name for run in sweep.runs} - set(failures)
    return _swept(sweep, out, ended, failures)


def _with_existing_names(out: Path, sweep: Sweep, show: bool) -> Sweep:
    """The sweep with the names that its runs have in its folder; other run folders there are reported."""
    sweep = folder.with_existing_names(out, sweep)
    if show and (others := folder.other_runs(out, sweep)):
        number = f"{len(others):,} run folders" if len(others) > 1 else "a run folder"
        _say(True, f"note: {number} in {out} not of this file as it is now: {others[0]}")
    return sweep


def _train(sweep: Sweep, out: Path, engine: workers.Workers, costs: Mapping[str, float], show: bool) -> dict[str, str]:
    """Let workers train the runs of which the cost is given, and return the failures."""
    waiting = {run.name: run for run in sweep.runs if run.name in costs}
    number, total = len(sweep.runs), sum(costs.values()) or 1.0
    failures: dict[str, str] = {}
    jobs = workers.jobs(list(waiting.values()), sweep.batch, engine.size, costs)
    parallel = min(engine.size, workers.cores()) if isinstance(engine, workers.LocalWorkers) else engine.size
    with Display(show, number, number - len(costs), total, parallel) as display:
        done = 0.0
        for found in engine.outcomes(jobs, out, display.lost):
            for outcome in found:
                waiting.pop(outcome.run)
                done += costs[outcome.run]
                if outcome.error:
                    failures[outcome.run] = outcome.error
                    with suppress(RunError):  # a full disk does not stop the sweep; they are written again at its end
                        folder.write_failures(out, failures)
                display.outcome(outcome)
            begun = (costs[run.name] * folder.epochs(out, run) / (run.config.epochs or 1) for run in waiting.values())
            display.at((done + sum(begun)) / total)
    return failures


def _show_plan(sweep: Sweep, ended: Collection[str], options: SweepOptions) -> dict[str, float]:
    """Show what will be trained and the estimated cost, and return the seconds of each run that is left."""
    show, scheduler = options.progress, options.scheduler
    for note in sweep.notes:
        _say(show, f"note: {note}")
    conditions = len({run.condition for run in sweep.runs})
    _say(show, f"{sweep.name}: runs {len(sweep.runs):,}, conditions {conditions:,}, done {len(ended):,}")
    waiting = [run for run in sweep.runs if run.name not in ended]
    if not waiting:
        return {}
    costs = cost_estimate.seconds(waiting)
    total = sum(costs.values())
    if scheduler:
        by = f"measured here; the workers of {scheduler} share it"
    else:
        size = min(options.local_size, len(waiting))
        longest = max(total / min(size, workers.cores()), *costs.values())
        by = f"about {clock(longest)} on {size} workers"
    _say(show, f"expected: {clock(total)} of one core by timed steps, {by}")
    return costs


def _swept(sweep: Sweep, out: Path, ended: Collection[str], failures: Mapping[str, str]) -> Swept:
    runs = tuple(run for run in sweep.runs if run.name in ended)
    return Swept(folder=out, runs=runs, failures=tuple(sorted(failures.items())))


def _say(show: bool, text: str) -> None:
    if show:
        print(text, flush=True)
