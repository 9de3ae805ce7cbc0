"""Tasks that networks learn one after the other, from a file in the language of sweeps.

The file has three more keys than a sweep: `scenarios`, a list of pairs of a protocol and a scenario; `tasks`, their
number; and `reference`, the morphology with which the others are compared. Each run of the
sweep learns in each scenario.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from dendrograph.base.errors import DendrographError
from dendrograph.base.progress import with_progress
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data.dataset import Dataset
from dendrograph.data.tasks import Tasks
from dendrograph.draw.plots.continual import write_continual_figures
from dendrograph.experiments.sweep.file import Sweep, read
from dendrograph.experiments.sweep.grid import axis_values
from dendrograph.experiments.sweep.runs import SweepRun, dataset
from dendrograph.morphology.validation import Cursor
from dendrograph.training.continual import learn_in_turn
from dendrograph.training.train import Interrupted

KEYS = {
    "scenarios": "name pairs of a protocol and a scenario, such as - [split, class-incremental]",
    "tasks": "give their number, such as tasks: 5",
    "reference": "name the morphology with which the others are compared",
}


@dataclass(frozen=True)
class ContinualRun:
    """A network that learns tasks in turn."""

    sweep_run: SweepRun
    tasks: Tasks

    @property
    def name(self) -> str:
        """The name of its folder."""
        morphology, seed = self.sweep_run.morphology["name"], self.sweep_run.config.seed
        return f"{self.tasks.protocol}-{self.tasks.scenario}-{morphology}-seed{seed}"

    def train(self, out: Path) -> None:
        """Learn the tasks, or continue; a network that has learned them all is left as it is."""
        network = self.sweep_run.network(replace(self.tasks.whole, classes=self.tasks.classes))
        config = self.sweep_run.config
        write_continual_figures(learn_in_turn(network, self.tasks, config, out, resume=True, progress=False))


@dataclass(frozen=True)
class ContinualExperiment:
    """The runs of a file, and the morphology with which the others are compared."""

    runs: tuple[ContinualRun, ...]
    reference: str


def read_continual_experiment(file: Path, data_dir: Path | None = None) -> ContinualExperiment:
    """Read a file and check all that it names; nothing is trained.

    Raises:
        MorphologyError: with every fault found, each with its place.
        DendrographError: the file cannot be read.
    """
    found: list[ContinualExperiment] = []
    read(file, data_dir, more=lambda top, sweep: found.append(_experiment(top, sweep)), more_keys=tuple(KEYS))
    return found[0]


def run_all(experiment: ContinualExperiment, place: Path, progress: bool) -> tuple[list[Path], list[tuple[str, str]]]:
    """Train the networks one after the other, each in a folder of its own under `place`.

    Returns:
        The folders of those that ended, and the names of the others with their errors.

    Raises:
        Interrupted: Ctrl-C.
    """
    ended: list[Path] = []
    failures: list[tuple[str, str]] = []
    runs = experiment.runs
    for run in with_progress(runs, lambda one: one.name, sys.stdout) if progress else runs:
        folder = place / run.name
        try:
            run.train(folder)
            ended.append(folder)
        except DendrographError as error:
            failures.append((run.name, str(error)))
        except KeyboardInterrupt:
            raise Interrupted(f"{place}: interrupted in {run.name}\n  the same command continues") from None
    return ended, failures


def _experiment(top: Cursor, sweep: Sweep) -> ContinualExperiment:
    top.keys(top.value, required=KEYS)  # unknown keys are faults already
    scenarios_at, tasks_at, reference_at = (top.child(key) for key in KEYS)
    names = dict.fromkeys(str(run.morphology["name"]) for run in sweep.runs)
    if reference_at and names and reference_at.value not in names:
        reference_at.fault(f"'{reference_at.value}' is none of the morphologies", did_you_mean("", names))
    number = tasks_at.whole(2) if tasks_at else 2
    runs: list[ContinualRun] = []
    for data in dict.fromkeys((run.data, run.data_dir) for run in sweep.runs):
        own = [run for run in sweep.runs if (run.data, run.data_dir) == data]
        cuts = _cuts(scenarios_at, dataset(*data), number) if scenarios_at else []
        runs += [ContinualRun(sweep_run=run, tasks=tasks) for tasks, run in itertools.product(cuts, own)]
    return ContinualExperiment(runs=tuple(runs), reference=str(reference_at.value) if reference_at else "")


def _cuts(scenarios: Cursor, data: Dataset, number: int) -> list[Tasks]:
    """The data set, cut into tasks for each scenario; a scenario that does not fit the data is a fault."""
    found = []
    for choice in axis_values("scenario", scenarios):
        if not (isinstance(choice.value, list) and len(choice.value) == 2):
            choice.cursor.expected("a protocol and a scenario", "such as [split, class-incremental]")
            continue
        try:
            tasks = Tasks(data, choice.value[0], number, choice.value[1])
            tasks.check_samples()
            found.append(tasks)
        except DendrographError as error:
            choice.fault(error)
    return found
