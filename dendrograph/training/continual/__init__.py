"""Continual learning: one network learns tasks in turn; how well it does each of them, after each of them.

A folder of it holds
    task-1, task-2, …     the run folder of each task, which begins with the weights that the task before ended with
    accuracy.{png,pdf}    the figure
    continual.json        the protocol, the matrix of accuracies and its measures, once all tasks have been learnt
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dendrograph.base import files as atomic
from dendrograph.base.errors import DataError, DendrographError, RunError, TrainingError, argument, clip, worded
from dendrograph.base.json_files import REMEDY, read_sealed, sealed
from dendrograph.base.progress import reporter
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data.dataset import Split
from dendrograph.data.tasks import SCENARIOS, Tasks
from dendrograph.graph.compiler import compile
from dendrograph.network.network import DendriticNetwork
from dendrograph.training import provenance as records
from dendrograph.training.config import TrainConfig
from dendrograph.training.continual.answers import Answers
from dendrograph.training.continual.forgetting import MEASURES, Matrix
from dendrograph.training.distributed import Ranks, join, own_device
from dendrograph.training.evaluation import evaluate
from dendrograph.training.loop import Interrupted, noisy_test, refuse_misfit, train
from dendrograph.training.model_source import DEFAULT_DATA, load_dataset
from dendrograph.training.run import Run, free_folder, is_run
from dendrograph.training.run_format import LEARNING, load

FORMAT = 1
FILE = "continual.json"
# Of the record: where the data lay, which may be elsewhere the next time, and what follows from the rest.
PLACES = ("data source", "data origin", "graph parameters", "network threads")


@dataclass(frozen=True)
class Learned:
    """Tasks that were learnt in turn, on disk. `record` is the content of continual.json."""

    folder: Path
    record: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Learned:
        """Open a folder in which all tasks have been learnt.

        Raises:
            RunError: it is none, or its continual.json is damaged.
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
    network: DendriticNetwork,
    tasks: Tasks,
    config: TrainConfig | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Learned:
    """Train a network in place on the tasks, one after the other, and test it on all of them after each.

    Each task begins with the weights that the one before ended with, and with a new optimizer. It leaves an ordinary
    run folder. In the task-incremental scenario the readout's units of other tasks are closed while a task is learnt
    and while it is tested (see `answers`); in the end all are open.

    Args:
        network: with inputs of the data set's shapes and `tasks.classes` classes; its weights are the start.
        tasks: the data set and how it is cut.
        config: of each task; the number of epochs is by default the paper's for the whole data set.
        out: the folder, which must not exist; by default the first free `runs/NAME-DATA-PROTOCOL-T-SCENARIO-seedN`.
        resume: go on with what is in `out`. Tasks that have been learnt are not learnt again; the result is that of a
            learning that was never stopped, bit for bit.
        progress: show it on standard output.

    Raises:
        RunError: `out` cannot be written, is another learning's, or is damaged.
        DataError: the data do not fit the network, a task has no samples, or no validation split can be made.
        TrainingError: the loss is not finite.
        Interrupted: Ctrl-C; it is a `KeyboardInterrupt`.
    """
    config = (config or TrainConfig()).for_data(tasks.whole.name)
    if resume and out is None:
        raise RunError("to go on with a learning, give its folder as `out`")
    _refuse_misfit(network, tasks)
    tasks.refuse_empty()
    stem = f"{network.graph.name}-{tasks.whole.name}-{tasks.protocol}-{tasks.number}-{tasks.scenario}-seed{config.seed}"
    folder = free_folder(stem) if out is None else Path(out)
    _refuse_occupied(folder, resume)
    network.to(own_device(config.device))
    begun = Run.open(folder / "task-1") if resume and is_run(folder / "task-1") else None
    with records.threads_of(begun):  # a task that begins now is learnt as those before it
        return _in_turn(network, tasks, config, folder, resume, progress)


def _in_turn(
    network: DendriticNetwork,
    tasks: Tasks,
    config: TrainConfig,
    folder: Path,
    resume: bool,
    progress: bool,
) -> Learned:
    """Learn the tasks that have not been learnt, and test after each."""
    ranks = join(config.device)
    show = reporter(progress and ranks.first)
    about = _about(network, tasks, config)
    answers = Answers(network)
    ended = _ended(folder, about, ranks) if resume else None
    if ended is not None and _whole(folder, tasks):
        for number in range(1, tasks.number + 1):  # for the network, which is to end as if it had learnt them now
            with answers.limited_to(tasks.answers(number), learning=True):
                _learn(network, tasks, number, config, folder, resume, progress=False)
        show.note(f"{folder}: all tasks have been learnt; nothing to do")
        return ended
    splits = _tests(tasks, config)
    rows, runs = [], []
    for number in range(tasks.number + 1):
        try:
            if number:
                show.note(f"task {number} of {tasks.number}: {tasks.about(number)}")
                with answers.limited_to(tasks.answers(number), learning=True):
                    runs.append(_learn(network, tasks, number, config, folder, resume, progress))
            rows.append(_row(network, tasks, splits, answers, ranks))
        except TrainingError as error:
            raise TrainingError(f"task {number} of {tasks.number}: {error}") from None
        except KeyboardInterrupt:
            raise Interrupted(f"{folder}: interrupted in task {max(1, number)}\n  {_go_on(folder)}") from None
    record = {**about, "reach": records.reach_of(network)}
    record |= {"runs": [run.identity for run in runs], "accuracy": rows}
    record["measures"] = {name: measure(rows) for name, measure in MEASURES.items()}
    if ranks.first:
        atomic.clear(folder, _names(tasks.number))
        atomic.write(folder / FILE, sealed(record))
    return Learned(folder, record)


def _learn(
    network: DendriticNetwork, tasks: Tasks, number: int, config: TrainConfig, out: Path, resume: bool, progress: bool
) -> Run:
    """Train on one task, or go on with it; of a task that has been learnt the weights are read."""
    data, folder = tasks.task(number), out / f"task-{number}"
    if resume and is_run(folder):
        run, asked = Run.open(folder), records.make(network, data, config, 1)
        records.refuse_another(run, asked, begun=True)  # says what differs, where it is more than the weights
        if run.record["network"]["initial_weights"] != asked["network"]["initial_weights"]:
            before = f"task-{number - 1} ended" if number > 1 else "this network does"
            raise RunError(
                f"{folder}: did not begin with the weights with which {before}\n"
                "  was it, or the one before, copied from another folder? delete it to learn the task anew"
            )
    part = {"scenario": tasks.scenario, "task": number}
    return train(network, data, config, folder, resume, progress, part)


def _tests(tasks: Tasks, config: TrainConfig) -> list[Split]:
    """The test split of each task, noise included, as its run sees it."""
    numbers = range(1, tasks.number + 1)
    return [noisy_test(replace(tasks.whole, test=tasks.test(number)), config) for number in numbers]


def _row(
    network: DendriticNetwork, tasks: Tasks, splits: Sequence[Split], answers: Answers, ranks: Ranks
) -> list[float]:
    """The accuracy on each task, learnt or not."""
    found = []
    for number, split in enumerate(splits, 1):
        with answers.limited_to(tasks.answers(number)):
            found.append(evaluate(network, split, tasks.whole.scale, ranks).accuracy)
    return found


def _about(network: DendriticNetwork, tasks: Tasks, config: TrainConfig) -> dict[str, Any]:
    """All that the result follows from."""
    made = records.make(network, tasks.whole, config, 1)
    return {
        "format": FORMAT,
        "protocol": tasks.protocol,
        "scenario": tasks.scenario,
        "tasks": [tasks.name(number) for number in range(1, tasks.number + 1)],
        **{section: made[section] for section in ("config", "data", "graph", "network")},
    }


def _ended(folder: Path, about: Mapping[str, Any], ranks: Ranks) -> Learned | None:
    """What is in a folder whose tasks have all been learnt; the first process reads it for all.

    Raises:
        RunError: it is not what is asked for.
    """
    found = b""
    if ranks.first and (folder / FILE).is_file():
        found = json.dumps(Learned.open(folder).record).encode()
    if not (found := ranks.send(found)):
        return None
    learned = Learned(folder, json.loads(found))
    asked, had = _flat(about), _flat(learned.record)
    same_data = asked["data digest"] == had["data digest"]  # in a file that was renamed, its tasks are named otherwise
    if same_data and len(asked["tasks"]) == len(had["tasks"]):
        asked |= {name: had[name] for name in ("tasks", "data name")}
    names = [*asked, *(name for name in had if name.startswith("network ") and name not in asked)]
    differences = [
        f"{name}: it has {clip(repr(had.get(name)))}, asked for is {clip(repr(asked.get(name)))}"
        for name in names
        if had.get(name) != asked.get(name) and name not in PLACES
    ]
    if differences:
        listed = "\n  ".join(differences)
        raise RunError(
            f"{folder}: a learning goes on only as it began\n  {listed}\n  or give another folder by {argument('out')}"
        )
    return learned


def _whole(folder: Path, tasks: Tasks) -> bool:
    """Whether every task's run is there to its end: one that was deleted is learnt again."""
    return all((folder / f"task-{number}" / "metrics.json").is_file() for number in range(1, tasks.number + 1))


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record's values, those of its sections under the section's name."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        flat |= {f"{key} {name}": each for name, each in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _names(tasks: int) -> list[str]:
    """Of all that is made in a folder of so many tasks."""
    return [FILE, "accuracy.png", "accuracy.pdf", *(f"task-{number}" for number in range(1, tasks + 1))]


def _refuse_misfit(network: DendriticNetwork, tasks: Tasks) -> None:
    """Say before the first test what it would fail at."""
    graph = network.graph
    readout = graph.output.role == "readout"
    refuse_misfit(network, replace(tasks.whole, classes=tasks.classes))
    if not readout or graph.classes != tasks.classes:
        found = f"a readout of {graph.classes} units" if readout else "no readout"
        raise DataError(
            f"{graph.name} has {found}, but {tasks.whole.name}, {tasks.protocol}, {tasks.scenario}, needs one of "
            f"{tasks.classes} units\n  build the network with classes={tasks.classes}"
        )


def _refuse_occupied(folder: Path, resume: bool) -> None:
    another = f"give another folder by {argument('out')}"
    atomic.check_name_lengths(folder)
    if is_run(folder):
        raise RunError(f"{folder}: is a run folder\n  {another}")
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: is a file\n  {another}")
    if folder.is_dir() and not all(map(atomic.is_temporary, folder.iterdir())):
        if not _begun(folder):
            raise RunError(f"{folder}: something is there already, and it is no learning of tasks\n  {another}")
        if not resume:
            on = f"go on with them by {argument('resume', True)}"
            raise RunError(f"{folder}: tasks were learnt there already\n  {on}, or {another}")


def _begun(folder: Path) -> bool:
    return any(map(is_run, folder.glob("task-*"))) or (folder / FILE).is_file()


def _go_on(folder: Path) -> str:
    call = f"the same call again, with {argument('out', str(folder))} and {argument('resume', True)}"
    return f"go on with it: {worded(f'the same command again, with --out {shlex.quote(str(folder))} --resume', call)}"


@torch.inference_mode(False)
def learn_by_name(
    morphology: str,
    data: str | None = None,
    data_dir: Path | None = None,
    protocol: str = "split",
    tasks: int = 5,
    scenario: str | None = None,
    kernel: str | None = None,
    settings: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: bool = True,
    plugins: Iterable[str | Path] = (),
) -> Learned:
    """Learn what the names say; see `learn_in_turn`.

    Args:
        morphology: a file or a shipped name.
        data: a data set's name or the path of a `.npz`; digits by default.
        data_dir: where data sets lie.
        protocol: `split` or `permuted`.
        tasks: how many.
        scenario: by default class-incremental for `split`, domain-incremental for `permuted`.
        kernel: of the network, `auto` by default.
        settings: fields of `TrainConfig`; `seed` is that of the wiring and the weights too.
        overrides: knobs of the morphology.
        out: the folder.
        resume: go on with what is in `out`.
        progress: show it on standard output.
        plugins: what the morphology needs, as `load` takes them.
    """
    if is_run(morphology):
        path = Path(morphology) / "morphology.yaml"
        raise RunError(f"{morphology}: this is a run folder\n  give {path} to learn anew with its morphology")
    if resume and out is None:
        needs = f"{argument('resume', True)} needs to know what to go on with"
        raise RunError(f"{needs}\n  give its folder by {argument('out')}")
    if protocol not in SCENARIOS:
        raise DataError(f"unknown protocol '{clip(protocol)}'\n  {did_you_mean(protocol, SCENARIOS, 'protocols')}")
    tree, config = load(morphology, overrides, plugins), TrainConfig(**(settings or {}))
    whole = load_dataset(DEFAULT_DATA if data is None else data, data_dir)
    cut = Tasks(whole, protocol, tasks, SCENARIOS[protocol][0] if scenario is None else scenario)
    network = DendriticNetwork(compile(tree, whole.shapes, cut.classes, config.seed), kernel or "auto")
    return learn_in_turn(network, cut, config, out, resume, progress)


def table(folders: Iterable[str | Path]) -> list[dict[str, Any]]:
    """A row a folder: what was learnt by what, and the measures; for comparing conditions, paired by their seeds.

    Raises:
        RunError: a folder holds no learning that has ended.
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
    """The effective parameters of what was learnt (see `Graph.reach`); nan where they are not known.

    Learnings that were recorded before they were counted are known by the graph of their first task.
    """
    recorded = learned.record.get("reach")
    if isinstance(recorded, dict) and type(recorded.get("effective_parameters")) is int:
        return int(recorded["effective_parameters"])
    try:
        return Run.open(learned.folder / "task-1").graph().effective_parameters
    except DendrographError:
        return float("nan")
