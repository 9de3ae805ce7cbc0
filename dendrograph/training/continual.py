"""Continual learning: one network learns tasks in turn, and is tested on all of them after each.

Its folder holds
    task-1, task-2, …     the run folder of each task, which begins with the weights that the task before ended with
    accuracy.{png,pdf}    the figure
    continual.json        the protocol, the matrix of accuracies and its measures, once all tasks have been learnt
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dendrograph.base import files
from dendrograph.base.errors import DataError, DendrographError, RunError, TrainingError, argument, clip, expect, worded
from dendrograph.base.json_files import REMEDY, read_sealed, sealed
from dendrograph.base.progress import Reporter, reporter
from dendrograph.data.dataset import Split
from dendrograph.data.tasks import Tasks
from dendrograph.network.network import DendriticNetwork
from dendrograph.training import provenance
from dendrograph.training.config import TrainConfig
from dendrograph.training.distributed import Ranks, join, own_device
from dendrograph.training.evaluation import evaluate
from dendrograph.training.forgetting import MEASURES, Matrix
from dendrograph.training.loop import check_fit
from dendrograph.training.model_source import Model, ModelSource
from dendrograph.training.resume import check_same_training
from dendrograph.training.run import Run, free_folder, is_run
from dendrograph.training.run_format import LEARNING
from dendrograph.training.splits import noisy_test
from dendrograph.training.train import Destination, Interrupted, network_to_train, train_network

FORMAT = 1
FILE = "continual.json"
# Values of the record that may differ when a learning goes on: the place of the data, and what follows from others.
PLACES = ("data source", "data origin", "graph parameters", "network threads")


@dataclass(frozen=True)
class Learned:
    """A folder of tasks that were learnt in turn; `record` is the content of continual.json."""

    folder: Path
    record: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Learned:
        """Open a folder in which all tasks have been learnt.

        Raises:
            RunError: it is no such folder, or its continual.json is damaged.
        """
        folder = Path(folder)
        path = folder / FILE
        if not path.is_file():
            if _begun(folder):
                raise RunError(f"{folder}: not all tasks have been learnt\n  {_go_on(folder)}")
            found = f"it holds no {FILE}" if folder.is_dir() else "no such folder"
            raise RunError(f"{folder}: {found}\n  give a folder that `dendrograph continual` has left")
        record = read_sealed(path, LEARNING, FORMAT)
        tasks = len(record["tasks"])
        if [len(row) for row in record["accuracy"]] != [tasks] * (tasks + 1) or len(record["runs"]) != tasks:
            raise RunError(
                f"{path}: damaged: not a row of accuracies before and after each of {tasks} tasks\n  {REMEDY}"
            )
        return cls(folder, record)

    @property
    def matrix(self) -> Matrix:
        """Test accuracy on each task (columns) before any training (row 0) and after each task."""
        return np.array(self.record["accuracy"])

    @property
    def measures(self) -> dict[str, float]:
        """The measures of the matrix, by name."""
        return {name: measure(self.matrix) for name, measure in MEASURES.items()}


@torch.inference_mode(False)
def learn_in_turn(
    source: ModelSource | Model,
    tasks: Tasks,
    config: TrainConfig | None = None,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Learned:
    """Train a network on tasks, one after the other, and test it on all of them after each.

    Each task begins with the weights that the task before ended with and with a new optimizer, and leaves a run folder.
    In the task-incremental scenario the readout units of other tasks are closed (see `Answers`) while a task is learnt
    or tested; in the end all are open. A network that is given is trained in place.

    Args:
        source: a `ModelSource` or a model: a name, a file, a `Morphology`, or a network with the shapes of the data and
            `tasks.classes` classes, whose weights are the start.
        tasks: the data set and its division into tasks.
        config: of each task. The number of epochs is by default that of the paper for the whole data set. Its seed is
            also the seed of wiring and initial weights, unless the source has one.
        out: the folder, which must not exist; by default the first free `runs/NAME-DATA-PROTOCOL-T-SCENARIO-seedN`.
        resume: go on with the learning in `out`. Finished tasks are not repeated; the result is that of a learning that
            never stopped, bit for bit.
        progress: show progress on standard output.

    Raises:
        RunError: `out` cannot be written, is another learning, or is damaged; or the model is a run.
        DataError: the data do not fit the network, a task has no samples, or no validation split can be made.
        TrainingError: the loss is not finite.
        Interrupted: Ctrl-C; it is a `KeyboardInterrupt`.
    """
    source = ModelSource.of(source)
    expect("tasks", tasks, Tasks)
    if source.run:
        path = source.run.folder / "morphology.yaml"
        raise RunError(f"{source}: this is a run folder\n  give {path} to learn again from the beginning")
    if resume and out is None:
        raise RunError(f"{argument('resume', True)} needs the folder of the learning\n  give it by {argument('out')}")
    config = config or TrainConfig()
    network, _ = network_to_train(source.with_options(data=tasks.whole), config.seed, tasks.classes)
    config = config.for_data(tasks.whole.name)
    _check_fit(network, tasks)
    tasks.check_samples()
    stem = f"{network.graph.name}-{tasks.whole.name}-{tasks.protocol}-{tasks.number}-{tasks.scenario}-seed{config.seed}"
    folder = free_folder(stem) if out is None else Path(out)
    _check_free(folder, resume)
    network.to(own_device(config.device))
    begun = Run.open(folder / "task-1") if resume and is_run(folder / "task-1") else None
    with provenance.threads_of(begun):  # later tasks use the number of threads of the first
        ranks = join(config.device)
        show = reporter(progress and ranks.first)
        learning = _Learning(
            network=network, tasks=tasks, config=config, folder=folder, resume=resume, ranks=ranks, show=show
        )
        return learning.run(progress)


@dataclass(frozen=True)
class _Learning:
    """One network that learns tasks in turn."""

    network: DendriticNetwork
    tasks: Tasks
    config: TrainConfig
    folder: Path
    resume: bool
    ranks: Ranks
    show: Reporter

    def run(self, progress: bool) -> Learned:
        """Learn the tasks that have not been learnt, and test after each."""
        network, tasks, folder = self.network, self.tasks, self.folder
        about = self._about()
        answers = Answers(network)
        ended = self._ended(about) if self.resume else None
        if ended is not None and self._has_all_runs():
            for number in self._numbers():  # loads the weights, so that the network ends as if it had learnt them now
                with answers.limited_to(tasks.answers(number), learning=True):
                    self._learn(number, progress=False)
            self.show.note(f"{folder}: all tasks have been learnt; nothing to do")
            return ended
        splits = [noisy_test(replace(tasks.whole, test=tasks.test(number)), self.config) for number in self._numbers()]
        rows, runs = [], []
        for number in range(tasks.number + 1):
            try:
                if number:
                    self.show.note(f"task {number} of {tasks.number}: {tasks.about(number)}")
                    with answers.limited_to(tasks.answers(number), learning=True):
                        runs.append(self._learn(number, progress))
                rows.append(self._accuracies(splits, answers))
            except TrainingError as error:
                raise TrainingError(f"task {number} of {tasks.number}: {error}") from None
            except KeyboardInterrupt:
                raise Interrupted(f"{folder}: interrupted in task {max(1, number)}\n  {_go_on(folder)}") from None
        record = {**about, "reach": provenance.reach_of(network)}
        record |= {"runs": [run.identity for run in runs], "accuracy": rows}
        record["measures"] = {name: measure(rows) for name, measure in MEASURES.items()}
        if self.ranks.first:
            written = [FILE, "accuracy.png", "accuracy.pdf", *(f"task-{number}" for number in self._numbers())]
            files.clear(folder, written)
            files.write(folder / FILE, sealed(record))
        return Learned(folder, record)

    def _numbers(self) -> range:
        return range(1, self.tasks.number + 1)

    def _learn(self, number: int, progress: bool) -> Run:
        """Train on one task, or go on with it; of a finished task the weights are loaded."""
        network, data, folder = self.network, self.tasks.task(number), self.folder / f"task-{number}"
        if self.resume and is_run(folder):
            run, asked = Run.open(folder), provenance.describe(network, data, self.config, 1)
            check_same_training(run, asked, begun=True)  # names all differences but the weights
            if run.record["network"]["initial_weights"] != asked["network"]["initial_weights"]:
                before = f"task-{number - 1} ended" if number > 1 else "this network does"
                raise RunError(
                    f"{folder}: did not begin with the weights with which {before}\n"
                    "  was it, or the task before, copied from another folder? delete it to learn the task again"
                )
        part_of = {"scenario": self.tasks.scenario, "task": number}
        destination = Destination(folder=folder, resume=self.resume, progress=progress, part_of=part_of)
        return train_network(network, data, self.config, destination)

    def _accuracies(self, splits: Sequence[Split], answers: Answers) -> list[float]:
        """The accuracy on each task, learnt or not."""
        found = []
        for number, split in enumerate(splits, 1):
            with answers.limited_to(self.tasks.answers(number)):
                found.append(evaluate(self.network, split, self.tasks.whole.scale, self.ranks).accuracy)
        return found

    def _about(self) -> dict[str, Any]:
        """The part of the record that decides the result."""
        made = provenance.describe(self.network, self.tasks.whole, self.config, 1)
        return {
            "format": FORMAT,
            "protocol": self.tasks.protocol,
            "scenario": self.tasks.scenario,
            "tasks": [self.tasks.name(number) for number in self._numbers()],
            **{section: made[section] for section in ("config", "data", "graph", "network")},
        }

    def _ended(self, about: Mapping[str, Any]) -> Learned | None:
        """The finished learning in the folder, if there is one; the first process reads it for all.

        Raises:
            RunError: it is not the one that is asked for.
        """
        found = b""
        if self.ranks.first and (self.folder / FILE).is_file():
            found = json.dumps(Learned.open(self.folder).record).encode()
        if not (found := self.ranks.send(found)):
            return None
        learned = Learned(self.folder, json.loads(found))
        asked, had = _flat(about), _flat(learned.record)
        same_data = asked["data digest"] == had["data digest"]  # the tasks of a renamed file have other names
        if same_data and len(asked["tasks"]) == len(had["tasks"]):
            asked |= {name: had[name] for name in ("tasks", "data name")}
        names = [*asked, *(name for name in had if name.startswith("network ") and name not in asked)]
        differences = [
            f"{name}: it has {clip(repr(had.get(name)))}, asked for is {clip(repr(asked.get(name)))}"
            for name in names
            if had.get(name) != asked.get(name) and name not in PLACES
        ]
        if differences:
            listed, another = "\n  ".join(differences), f"or give another folder by {argument('out')}"
            raise RunError(f"{self.folder}: a learning goes on only as it began\n  {listed}\n  {another}")
        return learned

    def _has_all_runs(self) -> bool:
        """Whether the run of every task is finished: a deleted one is learnt again."""
        return all((self.folder / f"task-{number}" / "metrics.json").is_file() for number in self._numbers())


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a record; those of its sections are named `SECTION NAME`."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        flat |= {f"{key} {name}": each for name, each in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _check_fit(network: DendriticNetwork, tasks: Tasks) -> None:
    """Check before the first test that the network can learn the tasks."""
    graph = network.graph
    readout = graph.output.role == "readout"
    check_fit(network, replace(tasks.whole, classes=tasks.classes))
    if not readout or graph.classes != tasks.classes:
        found = f"a readout of {graph.classes} units" if readout else "no readout"
        raise DataError(
            f"{graph.name} has {found}, but {tasks.whole.name}, {tasks.protocol}, {tasks.scenario}, needs one of "
            f"{tasks.classes} units\n  build the network with classes={tasks.classes}"
        )


def _check_free(folder: Path, resume: bool) -> None:
    """Check that a learning can be written to a folder, or go on there."""
    another = f"give another folder by {argument('out')}"
    files.check_name_lengths(folder)
    if is_run(folder):
        raise RunError(f"{folder}: is a run folder\n  {another}")
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: is a file\n  {another}")
    if folder.is_dir() and not all(map(files.is_temporary, folder.iterdir())):
        if not _begun(folder):
            raise RunError(f"{folder}: the folder is not empty, and holds no learning of tasks\n  {another}")
        if not resume:
            on = f"go on with them by {argument('resume', True)}"
            raise RunError(f"{folder}: tasks were learnt there already\n  {on}, or {another}")


def _begun(folder: Path) -> bool:
    return any(map(is_run, folder.glob("task-*"))) or (folder / FILE).is_file()


def _go_on(folder: Path) -> str:
    call = f"the same call again, with {argument('out', str(folder))} and {argument('resume', True)}"
    return f"go on with it: {worded(f'the same command again, with --out {shlex.quote(str(folder))} --resume', call)}"


CLOSED = -1e6  # bias of a closed unit: its exp is 0 in single precision, whatever else the unit sums


class Answers:
    """The readout of a network, some of whose units can be closed, so that it chooses among the others alone.

    A unit is closed by a bias of −10⁶: its softmax and its gradient are exactly 0. The loss is that over the other
    units, and the weights of the unit do not change (except by the decay of `adamw`). Only a parameter changes, so the
    network is trained, saved, resumed and tested like any other. The own bias of a closed unit is kept here.
    """

    def __init__(self, network: DendriticNetwork) -> None:
        self._network = network
        self._own = network.biases["readout"].detach().clone() if "readout" in network.biases else None

    @contextmanager
    def limited_to(self, answers: Sequence[int], learning: bool = False) -> Iterator[None]:
        """Close all units but these, and open all in the end.

        Args:
            answers: classes; if they are all classes, nothing is done.
            learning: whether the biases of these units in the end become their own.

        Raises:
            DendrographError: the readout has no biases.
        """
        if len(answers) == self._network.graph.classes:
            yield
            return
        if self._own is None:
            raise DendrographError(
                f"{self._network.graph.name}: its readout has no biases to close the units of other tasks with\n"
                "  give it biases (readout: {bias: true}), or take another scenario"
            )
        open_ = list(answers)
        limited = torch.full_like(self._own, CLOSED)
        limited[open_] = self._own[open_]
        self._write(limited)
        try:
            yield
        finally:
            if learning:
                self._own[open_] = self._network.biases["readout"].detach()[open_]
            self._write(self._own)

    def _write(self, bias: torch.Tensor) -> None:
        with torch.no_grad():
            self._network.biases["readout"].copy_(bias)


def table(folders: Iterable[str | Path]) -> list[dict[str, Any]]:
    """One row for each folder, with model, data, settings and measures, to compare conditions seed by seed.

    Raises:
        RunError: a folder holds no finished learning.
    """
    rows = []
    for folder in folders:
        learned = Learned.open(folder)
        graph, config = learned.record["graph"], learned.record["config"]
        rows.append(
            {
                "folder": str(folder),
                "morphology": graph["name"],
                "knobs": " ".join(f"{key}={value}" for key, value in graph["knobs"].items()),
                "parameters": graph["parameters"],
                "effective_parameters": _effective(learned),
                "data": learned.record["data"]["name"],
                "protocol": learned.record["protocol"],
                "scenario": learned.record["scenario"],
                "tasks": len(learned.record["tasks"]),
                "epochs": config["epochs"],
                "lr": config["lr"],
                "seed": config["seed"],
                **learned.measures,
            }
        )
    return rows


def _effective(learned: Learned) -> float:
    """The number of effective parameters (see `Graph.reach`); nan if it is unknown.

    Older records lack it: it is counted in the graph of the first task.
    """
    recorded = learned.record.get("reach")
    if isinstance(recorded, dict) and type(recorded.get("effective_parameters")) is int:
        return int(recorded["effective_parameters"])
    try:
        return Run.open(learned.folder / "task-1").graph().effective_parameters
    except DendrographError:
        return float("nan")
