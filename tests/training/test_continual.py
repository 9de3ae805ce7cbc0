"""Tasks learnt in turn: the measures, worked out by hand; the chain of runs; the scenarios; and what was stopped."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
from small import train_named
from torch.nn.functional import cross_entropy

import dendrograph.training.continual as continual
from dendrograph import Run, TrainConfig, build, datasets
from dendrograph.base.errors import DendrographError, RunError
from dendrograph.base.json_files import sealed
from dendrograph.cli.main import main
from dendrograph.data.tasks import CLASS, DOMAIN, TASK, Tasks
from dendrograph.training.continual import Answers, Learned, learn_in_turn, table
from dendrograph.training.evaluation import evaluate
from dendrograph.training.forgetting import (
    MEASURES,
    average_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
)
from dendrograph.training.model_source import ModelSource
from dendrograph.training.train import Interrupted

SETTINGS = {"epochs": 2, "lr": 0.01}
KNOBS = {"somata": 8, "dendrites": 4}


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(DendrographError) as error:
        call()
    return str(error.value)


def learn(out: Path, **given: Any) -> Learned:
    """Two tasks of digits, in a second or two."""
    asked: dict[str, Any] = {
        "tasks": 2,
        "protocol": "split",
        "scenario": None,
        "settings": SETTINGS,
        "resume": False,
        "progress": False,
    }
    asked |= given
    options = {name: asked[name] for name in ("data", "data_dir", "kernel", "plugins") if name in asked}
    source = ModelSource(asked.get("morphology", "dann-lrf"), overrides=asked.get("overrides", KNOBS), **options)
    tasks = Tasks(source.dataset(), asked["protocol"], asked["tasks"], asked["scenario"])
    return learn_in_turn(
        source, tasks, TrainConfig(**asked["settings"]), out, asked.get("resume", False), asked.get("progress", False)
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """One of each scenario."""
    folder = tmp_path_factory.mktemp("continual")
    for scenario in (CLASS, TASK, DOMAIN):
        learn(folder / scenario, scenario=scenario)
    learn(folder / "permuted", protocol="permuted")
    return {path.name: path for path in folder.iterdir()}


# The measures

# Rows: before training, after task 1, 2, 3.
HAND = [[0.1, 0.2, 0.3], [0.8, 0.25, 0.2], [0.6, 0.9, 0.5], [0.5, 1.0, 0.7]]


def test_measures_by_hand() -> None:
    assert average_accuracy(HAND) == pytest.approx((0.5 + 1.0 + 0.7) / 3)
    assert backward_transfer(HAND) == pytest.approx(((0.5 - 0.8) + (1.0 - 0.9)) / 2)
    assert forward_transfer(HAND) == pytest.approx(((0.25 - 0.2) + (0.5 - 0.3)) / 2)
    assert forgetting(HAND) == pytest.approx(((0.8 - 0.5) + (0.9 - 1.0)) / 2)


def test_forgetting_is_from_the_best_that_was_reached_and_backward_transfer_from_the_first() -> None:
    better_later = [[0, 0, 0], [0.5, 0, 0], [0.9, 0.5, 0], [0.4, 0.5, 0.5]]
    assert forgetting(better_later) == pytest.approx((0.5 + 0) / 2)
    assert backward_transfer(better_later) == pytest.approx((-0.1 + 0) / 2)
    better_before = [[0, 0, 0], [0.5, 0.6, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5]]
    assert forgetting(better_before) == pytest.approx(0.1 / 2), "what was reached before its own task counts, too"


def test_measures_of_two_tasks() -> None:
    two = [[0.5, 0.5], [1.0, 0.25], [0.75, 1.0]]
    assert [measure(two) for measure in MEASURES.values()] == [0.875, -0.25, -0.25, 0.25]


def test_where_nothing_changes_nothing_is_forgotten_or_transferred() -> None:
    same = np.full((6, 5), 0.3)
    assert [measure(same) for measure in MEASURES.values()] == pytest.approx([0.3, 0, 0, 0])


@pytest.mark.parametrize("matrix", [[[0.5], [0.5]], np.zeros((3, 3)), np.zeros(6), [], np.zeros((2, 3, 2))])
def test_a_matrix_of_another_shape_is_refused(matrix: Any) -> None:
    for measure in MEASURES.values():
        assert "wanted: (T + 1, T)" in refused(lambda measure=measure: measure(matrix))


@pytest.mark.parametrize("value", [float("nan"), 1.5, -0.1, 99.0])
def test_what_is_no_share_is_refused(value: float) -> None:
    matrix = [[0.5, 0.5], [0.5, value], [0.5, 0.5]]
    assert "not per cent" in refused(lambda: average_accuracy(matrix))


# What is left behind


@pytest.mark.slow
def test_each_task_is_an_ordinary_run_and_begins_where_the_one_before_ended(folders: Mapping[str, Path]) -> None:
    for name, folder in folders.items():
        assert {path.name for path in folder.iterdir()} == {"task-1", "task-2", "continual.json"}
        learned = Learned.open(folder)
        for number in (1, 2):
            run = Run.open(folder / f"task-{number}")
            assert {path.name for path in run.folder.iterdir()} == small.FILES
            accuracy = learned.matrix[number, number - 1]
            assert accuracy == run.metrics["test"]["accuracy"] == evaluate(run.folder).accuracy, name
            assert run.record["data"]["name"] == learned.record["tasks"][number - 1]
            assert run.identity == learned.record["runs"][number - 1]
        assert learned.measures == learned.record["measures"]


def test_the_matrix_is_every_network_on_every_task(folders: Mapping[str, Path]) -> None:
    """Of the scenarios in which nothing is closed: from the folders' networks, and the networks before training."""
    for name, kind, classes in ((CLASS, "split", 10), (DOMAIN, "domain-split", 5), ("permuted", "permuted", 10)):
        networks = [build("dann-lrf", (8, 8), classes, seed=0, overrides=KNOBS)]
        networks += [Run.open(folders[name] / f"task-{number}").network() for number in (1, 2)]
        tasks = [datasets.load(f"digits/{kind}-2/{number}") for number in (1, 2)]
        for network, row in zip(networks, Learned.open(folders[name]).matrix, strict=True):
            assert [evaluate(network, task.test, task.scale).accuracy for task in tasks] == row.tolist(), name


def test_of_the_task_alone_is_what_the_readout_chooses_from(folders: Mapping[str, Path]) -> None:
    """The task-incremental scenario by masks, worked out from the logits of the networks in the folders."""
    folder = folders[TASK]
    first, second = (Run.open(folder / f"task-{number}").network() for number in (1, 2))
    initial = build("dann-lrf", (8, 8), 10, seed=0, overrides=KNOBS)
    before = [first.biases["readout"].detach()[:5], second.biases["readout"].detach()[5:]]
    test = datasets.load("digits").test
    image = test.inputs["image"].float() / 16
    for network, biases, row in (
        (initial, (torch.zeros(5), torch.zeros(5)), 0),
        (first, (before[0], torch.zeros(5)), 1),
        (second, before, 2),
    ):
        with torch.no_grad():
            network.biases["readout"].copy_(torch.cat(biases))
            logits = network(image)
        for task in (0, 1):
            mine = test.labels // 5 == task
            answers = logits[mine, 5 * task : 5 * task + 5].argmax(1) + 5 * task
            assert (answers == test.labels[mine]).double().mean().item() == Learned.open(folder).matrix[row, task]


def test_units_of_other_tasks_keep_their_weights(folders: Mapping[str, Path]) -> None:
    initial = build("dann-lrf", (8, 8), 10, seed=0, overrides=KNOBS)
    first, second = (Run.open(folders[TASK] / f"task-{number}").network() for number in (1, 2))
    name = next(name for name in initial.weights if name.endswith("readout"))
    weights = [network.weights[name].detach().reshape(10, -1) for network in (initial, first, second)]
    assert torch.equal(weights[1][5:], weights[0][5:]) and not torch.equal(weights[1][:5], weights[0][:5])
    assert torch.equal(weights[2][:5], weights[1][:5]) and not torch.equal(weights[2][5:], weights[1][5:])


def test_a_closed_unit_is_out_of_loss_and_gradient() -> None:
    network = build("dann-lrf", (8, 8), 10, overrides=KNOBS)
    with torch.no_grad():
        network.biases["readout"].copy_(torch.linspace(-1, 1, 10))
    images, labels = torch.rand(20, 8, 8), torch.arange(20) % 2 + 4
    own = network.biases["readout"].detach().clone()

    def gradients(loss: torch.Tensor) -> list[torch.Tensor]:
        return [each.clone() for each in torch.autograd.grad(loss, list(network.parameters()))]

    wanted = gradients(cross_entropy(network(images)[:, 4:6], labels - 4))
    answers = Answers(network)
    with answers.limited_to(range(4, 6)):
        found = gradients(cross_entropy(network(images), labels))
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, wanted, strict=True))
    assert torch.equal(network.biases["readout"], own), "open again"
    with answers.limited_to(range(4, 6), learning=True), torch.no_grad():
        network.biases["readout"].add_(1)
    assert (network.biases["readout"] - own).tolist() == pytest.approx([0] * 4 + [1, 1] + [0] * 4)


# Stopped, and gone on with


def content(folder: Path) -> dict[str, Any]:
    """Every file but checkpoints, and no time."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "checkpoint.pt":
            found[str(path.relative_to(folder))] = path.read_bytes()
    for name in [name for name in found if name.endswith("metrics.json")]:
        found[name] = {**json.loads(found[name]), "seconds": None, "sha256": None}
    return found


def gone_on(number: int, out: Path) -> None:
    """Learn, or go on, and be killed for good before the file of that number is put in place."""
    small.go = lambda *_: learn(out, scenario=TASK, resume=True)  # type: ignore[assignment]
    small.killed_at_replacement(number)


@pytest.mark.parametrize("number", [3, 12, 15, 20])
def test_killed_at_any_file_it_ends_as_if_it_had_not_been(
    number: int, folders: Mapping[str, Path], tmp_path: Path
) -> None:
    process = small.processes.Process(target=gone_on, args=(number, tmp_path / "run"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "run" / "continual.json").exists()
    learn(tmp_path / "run", scenario=TASK, resume=True)
    assert content(tmp_path / "run") == content(folders[TASK])


def test_tasks_that_have_been_learnt_are_not_learnt_again(
    folders: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(folders[TASK], out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert learn(out, scenario=TASK, resume=True, progress=True).record == Learned.open(folders[TASK]).record
    assert capsys.readouterr().out == f"{out}: all tasks have been learnt; nothing to do\n"
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == times
    (out / "continual.json").unlink()
    shutil.rmtree(out / "task-2")
    learn(out, scenario=TASK, resume=True, progress=True)
    shown = capsys.readouterr().out
    assert f"task 1 of 2: classes 0, 1, 2, 3 and 4\n{out / 'task-1'}: the run has ended; nothing to do\n" in shown
    assert content(out) == content(folders[TASK])


def test_a_task_that_was_deleted_after_the_end_is_learnt_again_and_told(
    folders: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(folders[TASK], out)
    shutil.rmtree(out / "task-1")
    learn(out, scenario=TASK, resume=True, progress=True)
    shown = capsys.readouterr().out
    assert "task 1 of 2: classes 0, 1, 2, 3 and 4\nepoch 1/2" in shown and "all tasks have been learnt" not in shown
    assert content(out) == content(folders[TASK])
    (out / "continual.json").unlink()
    shutil.rmtree(out / "task-1")
    assert "not all tasks have been learnt" in refused(lambda: Learned.open(out)), "task-2 tells what it is"
    assert "tasks were learnt there already" in refused(lambda: learn(out, scenario=TASK))


def test_a_task_without_samples_is_told_before_anything_is_learnt(tmp_path: Path) -> None:
    x, y = torch.rand(40, 8, 8), torch.arange(40) % 4
    lacking = datasets.from_tensors(x, y, x[:20], y[:20] % 2, classes=4)
    network = build("vann", (8, 8), 4, overrides={"somata": 3})
    told = refused(lambda: learn_in_turn(network, Tasks(lacking, "split", 2, CLASS), out=tmp_path / "run"))
    assert told.startswith("tensors/split-2/2: the test split of tensors has no sample of classes 2 and 3")
    assert not (tmp_path / "run").exists()


def test_the_network_ends_the_same_whether_it_learnt_or_had_learnt(tmp_path: Path) -> None:
    tasks, ends = Tasks(datasets.load("digits"), "split", 2, TASK), []
    for resume in (False, True):
        network = build("dann-lrf", (8, 8), 10, overrides=KNOBS)
        learn_in_turn(network, tasks, TrainConfig(epochs=1), tmp_path / "run", resume, progress=False)
        ends.append(network.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
    assert ends[0]["biases.readout"].abs().max() < 1, "all units are open"


def test_an_interrupted_task_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(*arguments)

    train = continual.train_network
    monkeypatch.setattr(continual, "train_network", interrupted)
    with pytest.raises(Interrupted) as stopped:
        learn(tmp_path / "my run")
    assert str(stopped.value) == (
        f"{tmp_path / 'my run'}: interrupted in task 2\n"
        f"  go on with it: the same call again, with out={str(tmp_path / 'my run')!r} and resume=True"
    )
    assert "not all tasks have been learnt\n  go on with it: the same" in refused(
        lambda: Learned.open(tmp_path / "my run")
    )


def test_a_loss_that_is_not_finite_names_the_task(tmp_path: Path) -> None:
    settings = {"epochs": 1, "lr": 1e38}
    assert refused(lambda: learn(tmp_path / "run", settings=settings)).startswith("task 1 of 2: epoch 1")


# What is refused


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"settings": {**SETTINGS, "epochs": 3}}, "config epochs: it has 2, asked for is 3"),
        ({"settings": {**SETTINGS, "seed": 1}}, "config seed: it has 0, asked for is 1"),
        ({"scenario": DOMAIN}, "scenario: it has 'class-incremental', asked for is 'domain-incremental'"),
        ({"scenario": TASK}, "scenario: it has 'class-incremental', asked for is 'task-incremental'"),
        ({"tasks": 5}, "tasks: it has ['digits/split-2/1', 'digits/split-2/2'], asked for is ['digits/split-5/1'"),
        ({"overrides": {**KNOBS, "somata": 9}}, "graph knobs: it has "),
        ({"protocol": "permuted"}, "protocol: it has 'split', asked for is 'permuted'"),
    ],
)
def test_another_learning_is_not_gone_on_with(
    changed: dict[str, Any], wanted: str, folders: Mapping[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(folders[CLASS], out)
    told = refused(lambda: learn(out, resume=True, **changed))
    assert wanted in told and told.startswith(f"{out}: a learning goes on only as it began\n"), told
    (out / "continual.json").unlink()  # as it is before it has ended
    assert str(out / "task-1") in refused(lambda: learn(out, resume=True, **changed))


def test_a_task_of_another_chain_is_refused(folders: Mapping[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(folders[CLASS], out)
    (out / "continual.json").unlink()
    shutil.rmtree(out / "task-1")
    train_named(
        "dann-lrf",
        "digits/split-2/1",
        settings={**SETTINGS, "lr": 0.02},
        overrides=KNOBS,
        out=out / "task-1",
        progress=False,
    )
    assert "lr: the run has 0.02, asked for is 0.01" in refused(lambda: learn(out, resume=True))
    shutil.rmtree(out / "task-1")
    shutil.copytree(folders[CLASS] / "task-1", out / "task-1")
    shutil.rmtree(out / "task-2")
    train_named(
        "dann-lrf", "digits/split-2/2", settings=SETTINGS, overrides=KNOBS, out=out / "task-2", progress=False
    )  # from initial weights, not from those of task 1
    assert refused(lambda: learn(out, resume=True)).startswith(
        f"{out / 'task-2'}: did not begin with the weights with which task-1 ended\n"
    )


def test_what_is_there_is_not_written_over(folders: Mapping[str, Path], tmp_path: Path) -> None:
    out = folders[CLASS]
    before = content(out)
    assert refused(lambda: learn(out)).startswith(
        f"{out}: tasks were learnt there already\n  go on with them by resume=True"
    )
    assert refused(lambda: learn(out / "task-1", resume=True)).startswith(f"{out / 'task-1'}: is a run folder\n")
    file = tmp_path / "file"
    file.write_text("mine")
    for resume in (False, True):
        assert refused(lambda resume=resume: learn(file, resume=resume)).startswith(f"{file}: is a file\n")
        assert "holds no learning of tasks" in refused(lambda resume=resume: learn(tmp_path, resume=resume))
    assert content(out) == before and file.read_text() == "mine"


def test_a_file_that_was_changed_is_not_read(folders: Mapping[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "continual.json"
    text = (folders[CLASS] / "continual.json").read_text()
    path.write_text(text.replace('"class-incremental"', '"task-incremental"'))
    assert "damaged or changed" in refused(lambda: Learned.open(tmp_path))
    path.write_text(text[:-20])
    assert "damaged: no JSON" in refused(lambda: Learned.open(tmp_path))
    path.write_text(sealed({**small.read_record(folders[CLASS] / "continual.json"), "format": 2}))
    assert refused(lambda: Learned.open(tmp_path)) == f"{path}: format 2, this version reads 1"
    assert refused(lambda: Learned.open(tmp_path / "none")).startswith(f"{tmp_path / 'none'}: no such folder\n")


def test_networks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    digits = datasets.load("digits")

    def told(scenario: str, *arguments: Any, overrides: Mapping[str, Any] | None = None) -> str:
        network = build("dann-lrf", *arguments, overrides={**KNOBS, **(overrides or {})})
        return refused(lambda: learn_in_turn(network, Tasks(digits, "split", 5, scenario), out=tmp_path / "run"))

    assert "digits does not fit the network" in told(CLASS, (4, 4), 10)
    assert "digits does not fit the network" in told(CLASS, (8, 8), 9)
    assert told(DOMAIN, (8, 8), 10) == (
        "dann-lrf has a readout of 10 units, but digits, split, domain-incremental, needs one of 2 units\n"
        "  build the network with classes=2"
    )
    assert "has no readout" in told(CLASS, (8, 8), None, overrides={"somata": 10})
    assert "its readout has no biases" in told(TASK, (8, 8), 10, overrides={"readout.bias": False})
    assert not (tmp_path / "run").exists()


def test_names_that_are_none_are_refused(folders: Mapping[str, Path], tmp_path: Path) -> None:
    run, two = str(folders[CLASS] / "task-1"), Tasks(datasets.load("digits"), "split", 2)
    assert refused(lambda: learn_in_turn(run, two)).startswith(
        f"{run}: this is a run folder\n  give {run}/morphology.yaml"
    )
    assert refused(lambda: learn_in_turn("dann-lrf", two, resume=True)).startswith("resume=True needs the folder")
    assert "did you mean 'split'?" in refused(lambda: learn(tmp_path / "run", protocol="splits"))
    assert "it can be split into 2 and 5" in refused(lambda: learn(tmp_path / "run", tasks=3))
    assert "digits lies in no data folder" in refused(lambda: learn(tmp_path / "run", data_dir=tmp_path))


# Tables and the command


def test_a_row_a_folder(folders: Mapping[str, Path]) -> None:
    rows = table(folders.values())
    assert [row["folder"] for row in rows] == [str(folder) for folder in folders.values()]
    row = next(row for row in rows if row["scenario"] == TASK)
    matrix = Learned.open(folders[TASK]).matrix
    assert row["average_accuracy"] == matrix[-1].mean() and row["forgetting"] == matrix[1, 0] - matrix[2, 0]
    fixed = {"morphology": "dann-lrf", "data": "digits", "protocol": "split", "tasks": 2, "epochs": 2, "lr": 0.01}
    assert row.items() >= {**fixed, "seed": 0}.items()
    assert "somata=8" in row["knobs"].split()
    with pytest.raises(RunError, match="holds no continual"):
        table([folders[TASK] / "task-1"])


@pytest.mark.slow
def test_the_command_prints_the_matrix_and_its_measures(
    folders: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["continual", "dann-lrf", "--tasks", "2", "--epochs", "2", "--lr", "0.01", "--scenario", TASK]
    words += ["--set", "somata=8", "--set", "dendrites=4", "--out", str(out)]
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    figures = {"accuracy.png", "accuracy.pdf", *small.FIGURES}
    assert {name: text for name, text in content(out).items() if Path(name).name not in figures} == content(
        folders[TASK]
    )
    learned, lines = Learned.open(out), capsys.readouterr().out.splitlines()
    start = lines.index("task-incremental split: test accuracy (%) on task 1 to 2")
    cells = [line.split() for line in lines[start + 2 : start + 5]]
    assert [row[1:] for row in cells] == [[f"{100 * share:.2f}" for share in row] for row in learned.matrix]
    shown = [line.rsplit(maxsplit=1) for line in lines[start + 7 : start + 11]]
    assert shown == [[name.replace("_", " "), f"{100 * value:.2f}"] for name, value in learned.measures.items()]
    assert lines[-1] == f"results: {out}"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--tasks", "3"], "error: digits: 10 classes do not make 3 tasks"),
        (["--tasks", "10"], "error: digits: 10 classes do not make 10 tasks"),
        (["--tasks", "-1"], "error: -1 tasks"),
        (["--protocol", "permutted"], "error: unknown protocol 'permutted'\n  did you mean 'permuted'?"),
        (["--protocol", "permuted", "--scenario", "class-incremental"], "error: no scenario 'class-incremental'"),
        (["--scenario", ""], "error: no scenario ''"),
        (["--lr", "nan"], "error: lr must be a number greater than 0"),
        (["--data", "digits/split-5/1"], "error: digits/split-5/1: is a task already"),
        (["--data", "fashion"], "error: unknown data set 'fashion'"),
        (["--resume"], "error: --resume needs the folder"),
    ],
)
def test_bad_words_are_told(words: list[str], wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["continual", "dann-lrf", *words])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(wanted)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("accuracy",), [[0.5, 0.5], [1.0, 0.5]]),
        (("accuracy", 0, 0), 1.5),
        (("accuracy", 0, 0), float("nan")),
        (("accuracy", 1), "high"),
        (("tasks",), ["one"]),
        (("graph", "knobs"), [1]),
        (("graph", "knobs"), {"somata": {"a": 1}}),
        (("config", "seed"), "0"),
        (("data",), None),
        (("runs",), []),
    ],
)
def test_a_file_that_was_forged_is_refused(
    path: tuple[Any, ...], value: Any, folders: Mapping[str, Path], tmp_path: Path
) -> None:
    """Sealed anew, it is still held to types and ranges."""
    record = small.read_record(folders[CLASS] / "continual.json")
    *above, last = path
    inner = record
    for key in above:
        inner = inner[key]
    inner[last] = value
    (tmp_path / "continual.json").write_text(sealed(record))
    for use in (lambda: Learned.open(tmp_path), lambda: table([tmp_path])):
        assert refused(use).startswith(f"{tmp_path / 'continual.json'}: damaged: ")


def test_temporary_files_of_others_stay_and_those_of_ours_go(folders: Mapping[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "learning"
    shutil.copytree(folders[CLASS], out)
    (out / "continual.json").unlink()
    (out / ".x.tmp").mkdir()
    (out / ".task-2.0123abcd.tmp").mkdir()
    (out / ".continual.json.0123abcd.tmp").write_text("{")
    learn(out, resume=True, scenario=CLASS)
    assert {path.name for path in out.glob(".*")} == {".x.tmp"}


def test_a_learning_goes_on_with_data_in_a_file_that_was_renamed(tmp_path: Path) -> None:
    out, old, new = tmp_path / "out", tmp_path / "old.npz", tmp_path / "new.npz"
    x, y = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8), np.arange(80) % 4
    np.savez(old, x_train=x, y_train=y, x_test=x, y_test=y)
    first = learn(out, data=str(old))
    old.rename(new)
    assert learn(out, data=str(new), resume=True).record == first.record
    (out / "task-2" / "metrics.json").unlink()
    assert np.array_equal(learn(out, data=str(new), resume=True).matrix, first.matrix)
    np.savez(new, x_train=x, y_train=y, x_test=255 - x, y_test=y)
    assert "data digest" in refused(lambda: learn(out, data=str(new), resume=True))
