"""Tasks that networks learn one after the other, from a file in the language of sweeps.

Three keys come to those of a sweep: `scenarios`, a list of pairs of a protocol and a scenario; `tasks`, how many; and
`reference`, the morphology to which the others are held. Every cell of the sweep learns in every scenario.
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
from dendrograph.experiments.sweep.choices import many
from dendrograph.experiments.sweep.file import Sweep, read
from dendrograph.experiments.sweep.runs import Cell, dataset
from dendrograph.morphology.validation import Cursor
from dendrograph.training.continual import learn_in_turn
from dendrograph.training.train import Interrupted

KEYS = {
    "scenarios": "name pairs of a protocol and a scenario, such as - [split, class-incremental]",
    "tasks": "say how many, such as tasks: 5",
    "reference": "name the morphology to which the others are held",
}


@dataclass(frozen=True)
class Learning:
    """A network that learns tasks in turn."""

    cell: Cell
    tasks: Tasks

    @property
    def name(self) -> str:
        """Of its folder."""
        morphology, seed = self.cell.morphology["name"], self.cell.config.seed
        return f"{self.tasks.protocol}-{self.tasks.scenario}-{morphology}-seed{seed}"

    def run(self, out: Path) -> None:
        """Learn, or go on with it; what has ended is left as it is."""
        network = self.cell.network(replace(self.tasks.whole, classes=self.tasks.classes))
        write_continual_figures(learn_in_turn(network, self.tasks, self.cell.config, out, resume=True, progress=False))


@dataclass(frozen=True)
class Plan:
    """The learnings of a file, and the morphology to which the others are held."""

    learnings: tuple[Learning, ...]
    reference: str


def plan(file: Path, data_dir: Path | None = None) -> Plan:
    """Read a file and hold all that it names to what there is; nothing is learnt.

    Raises:
        MorphologyError: with every fault found, each with its place.
        DendrographError: the file cannot be read.
    """
    found: list[Plan] = []
    read(file, data_dir, more=lambda top, sweep: found.append(_plan(top, sweep)), more_keys=tuple(KEYS))
    return found[0]


def learn_all(plan: Plan, place: Path, progress: bool) -> tuple[list[Path], list[tuple[str, str]]]:
    """Learnings one after the other, each in a folder of its own under `place`.

    Gives the folders of those that ended, and the names of the others with their errors.

    Raises:
        Interrupted: Ctrl-C.
    """
    ended: list[Path] = []
    failures: list[tuple[str, str]] = []
    learnings = plan.learnings
    for learning in with_progress(learnings, lambda one: one.name, sys.stdout) if progress else learnings:
        folder = place / learning.name
        try:
            learning.run(folder)
            ended.append(folder)
        except DendrographError as error:
            failures.append((learning.name, str(error)))
        except KeyboardInterrupt:
            raise Interrupted(f"{place}: interrupted in {learning.name}\n  the same command goes on") from None
    return ended, failures


def _plan(top: Cursor, sweep: Sweep) -> Plan:
    top.keys(top.value, required=KEYS)  # unknown keys have been with_progress
    scenarios_at, tasks_at, reference_at = (top.child(key) for key in KEYS)
    names = dict.fromkeys(str(cell.morphology["name"]) for cell in sweep.cells)
    if reference_at and names and reference_at.value not in names:
        reference_at.fault(f"'{reference_at.value}' is none of the morphologies", did_you_mean("", names))
    number = tasks_at.whole(2) if tasks_at else 2
    learnings: list[Learning] = []
    for data in dict.fromkeys((cell.data, cell.data_dir) for cell in sweep.cells):
        own = [cell for cell in sweep.cells if (cell.data, cell.data_dir) == data]
        cuts = _cuts(scenarios_at, dataset(*data), number) if scenarios_at else []
        learnings += [Learning(cell, tasks) for tasks, cell in itertools.product(cuts, own)]
    return Plan(tuple(learnings), str(reference_at.value) if reference_at else "")


def _cuts(scenarios: Cursor, data: Dataset, number: int) -> list[Tasks]:
    """A data set, cut as each scenario says; what cannot be is a fault."""
    found = []
    for choice in many("scenario", scenarios):
        if not (isinstance(choice.value, list) and len(choice.value) == 2):
            choice.cursor.expected("a protocol and a scenario", "such as [split, class-incremental]")
            continue
        try:
            tasks = Tasks(data, choice.value[0], number, choice.value[1])
            tasks.check_samples()
            found.append(tasks)
        except DendrographError as error:
            choice.tell(error)
    return found
