"""A training that is stopped, however and whenever, and gone on with, ends as one that never was."""

from __future__ import annotations

import json
import os
import pickle
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from small import train_named

from dendrograph import Run, TrainConfig, build, train
from dendrograph.base.errors import DendrographError, RunError
from dendrograph.base.progress import Silent
from dendrograph.cli.main import main
from dendrograph.training import loop as training
from dendrograph.training import provenance, resume
from dendrograph.training.evaluation import evaluate
from dendrograph.training.train import Interrupted

CASES: Mapping[str, Mapping[str, Any]] = {
    "adam and dropout": {"epochs": 12},
    "early stop": {"epochs": 40, "early_stop": True, "patience": 2, "lr": 0.05},
    "noise": {"epochs": 12, "noise": 0.5},
    "sequential": {"epochs": 12, "sequential": True},
    "all at once": {"epochs": 12, "early_stop": True, "noise": 0.25, "sequential": True, "optimizer": "rmsprop"},
}


@pytest.fixture(scope="module")
def morphology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert in_process(dict) == 0  # from now on a process begins at once
    return small.morphology_file(tmp_path_factory.mktemp("morphology"))


def results(folder: Path) -> dict[str, Any]:
    """All that must be equal: every file but the checkpoint (whose end is the weights'), and no time."""
    names = {path.name for path in folder.iterdir()} - small.FIGURES  # which the command line draws
    assert names == small.FILES
    files: dict[str, Any] = {name: (folder / name).read_bytes() for name in names - {"checkpoint.pt"}}
    files["metrics.json"] = {**json.loads(files["metrics.json"]), "seconds": None, "sha256": None}
    return files


def in_process(target: Any, *arguments: Any, seconds: float | None = None) -> int | None:
    """Run a function in a process of its own, killed for good after so many seconds; the exit code."""
    process = small.processes.Process(target=target, args=arguments)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode


@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments_three_times_over(case: str, morphology: Path, tmp_path: Path) -> None:
    settings = CASES[case]
    began = time.monotonic()
    assert in_process(small.go, morphology, tmp_path / "whole", settings) == 0
    whole = time.monotonic() - began
    moments = random.Random(case)
    for _ in range(3):
        in_process(small.go, morphology, tmp_path / "broken", settings, seconds=moments.uniform(0.1, 0.8) * whole)
    small.go(morphology, tmp_path / "broken", settings)
    assert results(tmp_path / "broken") == results(tmp_path / "whole")
    if "patience" in settings:
        metrics = Run.open(tmp_path / "whole").metrics
        assert metrics["weights_of_epoch"] < metrics["epochs"], "this case is to show that the best weights are kept"
    leftovers = [path for path in tmp_path.iterdir() if path.name not in ("whole", "broken")]
    assert len(leftovers) <= 3, "at most what a kill left while the folder was made"


SETTINGS = {"epochs": 2, "early_stop": True, "noise": 0.1}
WRITTEN = (
    ["morphology.yaml", "run.json", "the folder"]
    + ["checkpoint.pt", "history.csv"] * 2
    + ["weights.safetensors", "history.csv", "metrics.json"]
)


@pytest.fixture(scope="module")
def unbroken(morphology: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    small.go(morphology, folder, SETTINGS)
    return folder


@pytest.mark.parametrize("number", range(1, len(WRITTEN) + 1), ids=lambda number: f"{number}-{WRITTEN[number - 1]}")
def test_killed_before_every_file(number: int, morphology: Path, unbroken: Path, tmp_path: Path) -> None:
    """Before the first checkpoint, between checkpoint and history, after the last epoch, and wherever else it shows."""
    folder = tmp_path / "run"
    code = in_process(small.killed_at_replacement, number, morphology, folder, SETTINGS)
    assert code == -signal.SIGKILL
    assert folder.exists() == (number > 3), "the folder is there with its first two files or not at all"
    if folder.exists():
        with pytest.raises(RunError, match="the run has not ended"):
            evaluate(folder)
    small.go(morphology, folder, SETTINGS)
    assert results(folder) == results(unbroken)


def test_every_file_was_tried(morphology: Path, tmp_path: Path) -> None:
    """One replacement more than are listed above is never made."""
    assert in_process(small.killed_at_replacement, len(WRITTEN) + 1, morphology, tmp_path / "run", SETTINGS) == 0


def command(*words: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "dendrograph", *map(str, words)]


def started(*words: object, **options: Any) -> subprocess.Popen[str]:
    def listen_to_interrupts() -> None:  # which a shell may have switched off for what it runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command(*words), preexec_fn=listen_to_interrupts, **pipes, **options)


def read_until(stream: Iterator[str], beginning: str) -> None:
    for line in stream:
        if line.startswith(beginning):
            return
    raise AssertionError(f"no line begins with {beginning!r}")


def test_the_command_is_killed_and_interrupted(
    morphology: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same through the command line, in processes of their own: nothing depends on the folder or on hashes."""
    words = ["--epochs", "100", "--seed", "3"]
    with started("train", morphology, *words, "--out", "my run", cwd=tmp_path) as process:
        read_until(process.stdout, "epoch   4/100")
        process.kill()
    assert not Run.open(tmp_path / "my run").finished
    (tmp_path / "elsewhere").mkdir()
    with started("train", "../my run", "--resume", cwd=tmp_path / "elsewhere") as process:
        read_until(process.stdout, "epoch   8/100")
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 130
    kept = Run.open(tmp_path / "my run").epochs_kept
    assert 8 <= kept < 100
    first, second = told.splitlines()
    assert first == f"../my run: interrupted; epoch {kept} is the last that was finished and kept"
    assert second == "  go on with it: dendrograph train '../my run' --resume"
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(SystemExit) as stopped:
        main(shlex.split(second.partition(": dendrograph ")[2]))
    out = capsys.readouterr().out
    assert stopped.value.code == 0
    assert f"epoch {kept:3}/100 " not in out and f"epoch {kept + 1:3}/100 " in out
    train_named(str(morphology), settings={"epochs": 100, "seed": 3}, out=tmp_path / "whole", progress=False)
    assert results(tmp_path / "my run") == results(tmp_path / "whole")


def interrupting(epoch: int) -> Any:
    """What stands for the progress display and presses Ctrl-C in the midst of an epoch."""
    from dendrograph.base.progress import Silent

    class Interrupting(Silent):
        def batch(self, number: int, seen: int, loss: float, accuracy: float) -> None:
            if number == epoch:
                raise KeyboardInterrupt

    return Interrupting()


def test_interrupted_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network in memory goes on too, if an epoch was finished; if none was, it is not what the run began with."""
    data, config = small.digits(), TrainConfig(epochs=4)

    def network() -> Any:
        return build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})

    whole = train(network(), data, config, tmp_path / "whole", progress=False)
    stopped, folder = network(), tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr("dendrograph.training.train.reporter", lambda progress: interrupting(epoch=1))
        with pytest.raises(Interrupted, match=r"interrupted; no epoch was finished\n  go on with it: train\(network,"):
            train(stopped, data, config, folder)
    with pytest.raises(RunError, match="initial weights: not those that the run began with; build the network again"):
        train(stopped, data, config, folder, resume=True, progress=False)
    stopped = network()
    with monkeypatch.context() as patch:
        patch.setattr("dendrograph.training.train.reporter", lambda progress: interrupting(epoch=3))
        with pytest.raises(Interrupted, match="epoch 2 is the last that was finished and kept"):
            train(stopped, data, config, folder, resume=True)
    assert train(stopped, data, config, folder, resume=True, progress=False).history == whole.history
    assert results(folder) == results(whole.folder)


def test_interrupted_between_the_files_of_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told is what going on begins after: the checkpoint has the epoch, the history has it not yet."""
    data, config = small.digits(), TrainConfig(epochs=3)

    def stopped(run: Run, history: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save_history", stopped)
    network = build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})
    with pytest.raises(Interrupted, match="epoch 1 is the last that was finished and kept"):
        train(network, data, config, tmp_path / "run", progress=False)
    run = Run.open(tmp_path / "run")
    assert not (run.folder / "history.csv").exists() and len(run.history) == run.epochs_kept == 1


def test_resume_begins_a_run_that_has_not_begun(morphology: Path, unbroken: Path, tmp_path: Path) -> None:
    train_named(str(morphology), settings=SETTINGS, out=tmp_path / "run", progress=False)
    assert results(tmp_path / "run") == results(unbroken), "go() above always says resume"


def test_a_finished_run_stays_as_it_is(
    unbroken: Path, morphology: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(unbroken, folder)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    for again in (
        lambda: train_named(str(folder), resume=True),
        lambda: train_named(str(morphology), settings=SETTINGS, out=folder, resume=True),
    ):
        run = again()
        assert capsys.readouterr().out == f"{folder}: the run has ended; nothing to do\n"
        assert run.metrics["epochs"] == 2
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


def test_a_finished_run_gives_its_weights_to_the_network(tmp_path: Path) -> None:
    data, config = small.digits(), TrainConfig(epochs=1)
    first, second = (build("sann-lrf", data.shapes, data.classes, overrides={"somata": 8}) for _ in range(2))
    for network in (first, second):
        train(network, data, config, tmp_path / "run", resume=True, progress=False)
    assert not first.training and not second.training
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])


@pytest.fixture
def begun(morphology: Path, tmp_path: Path) -> Path:
    """A run stopped in its third epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dendrograph.training.train.reporter", lambda progress: interrupting(epoch=3))
        with pytest.raises(Interrupted):
            train_named(str(morphology), settings={"epochs": 5}, out=tmp_path / "run")
    return tmp_path / "run"


def refused(call: Any) -> str:
    with pytest.raises(DendrographError) as error:
        call()
    return str(error.value)


def test_other_settings_are_refused_each_named(begun: Path, morphology: Path) -> None:
    others = {
        "epochs": 6,
        "batch_size": 64,
        "lr": 0.1,
        "optimizer": "sgd",
        "seed": 1,
        "early_stop": True,
        "patience": 3,
        "noise": 0.5,
        "sequential": True,
        "validation": 0.2,
    }
    own = Run.open(begun).record["config"]
    for again in (
        lambda: train_named(str(begun), kernel="dense", settings=others, resume=True),
        lambda: train_named(str(morphology), kernel="dense", settings=others, out=begun, resume=True),
    ):
        first, *named, last = refused(again).splitlines()
        assert first == f"{begun}: a run goes on only as it began"
        wanted = {f"  {name}: the run has {own[name]!r}, asked for is {value!r}" for name, value in others.items()}
        assert set(named) == {*wanted, "  kernel: the run has 'auto', asked for is 'dense'"}
        assert last == "  or give another folder by `out`"
    for name, value in others.items():
        text = refused(lambda setting={name: value}: train_named(str(begun), settings=setting, resume=True))
        assert f"\n  {name}: the run has {own[name]!r}, asked for is {value!r}\n" in text


def test_other_data_morphology_and_place_are_refused(begun: Path, morphology: Path, tmp_path: Path) -> None:
    data = small.digits()
    import numpy as np

    arrays = {
        f"{kind}_{part}": tensor.numpy()
        for part, split in (("train", data.train), ("test", data.test))
        for kind, tensor in (("x", split.inputs["image"]), ("y", split.labels))
    }
    np.savez(tmp_path / "other.npz", **arrays)
    settings = {"epochs": 5}
    text = refused(lambda: train_named(str(begun), data=str(tmp_path / "other.npz"), resume=True))
    assert text.startswith("digits: not the data that the run was trained on\n")
    (tmp_path / "digits.npz").write_bytes((tmp_path / "other.npz").read_bytes())
    text = refused(lambda: train_named(str(begun), data=str(tmp_path / "digits.npz"), resume=True))
    assert text.startswith("digits: not the data that the run was trained on\n")
    for change in ({"neurons.pyramidal.dendrites.0.count": 5}, {"neurons.pyramidal.dropout": 0.2}):
        knobs = {**change, "name": "small"}
        text = refused(
            lambda knobs=knobs: train_named(str(morphology), settings=settings, overrides=knobs, out=begun, resume=True)
        )
        assert "\n  morphology: not the morphology of the run (see its morphology.yaml)\n" in text
    text = refused(lambda: train_named(str(begun), overrides={"name": "other"}, resume=True))
    assert text.startswith(f"{begun}: the parameters of a run cannot be changed: found overrides=")
    text = refused(lambda: train_named(str(begun), out=tmp_path / "elsewhere", resume=True))
    assert text == f"{begun}: a run goes on in its own folder\n  leave `out` out"
    text = refused(lambda: train_named(str(begun)))
    assert text.startswith(f"{begun}: this is a run folder\n  add resume=True to go on with it")
    text = refused(lambda: train_named(str(morphology), settings=settings, out=begun))
    assert text.startswith(f"{begun}: a run is there already\n  go on with it by resume=True")
    text = refused(lambda: train_named(str(morphology), resume=True))
    assert text.startswith("resume=True needs the folder of the run")
    network = build(morphology, data.shapes, data.classes)
    assert "give it by `out`" in refused(lambda: train(network, data, resume=True))


def test_wiring_of_another_seed_is_refused(tmp_path: Path) -> None:
    """In Python, the seed of the wiring is not that of the configuration."""
    data, config = small.digits(), TrainConfig(epochs=1)
    for seed, match in ((0, None), (1, "wiring: compiled with another seed")):
        network = build("dann-lrf", data.shapes, data.classes, seed=seed, overrides={"somata": 8})
        if match is None:
            train(network, data, config, tmp_path / "run", progress=False)
        else:
            with pytest.raises(RunError, match=match):
                train(network, data, config, tmp_path / "run", resume=True, progress=False)


def test_the_same_said_again_goes_on(begun: Path, morphology: Path) -> None:
    settings = {"epochs": 5, "device": "auto", "lr": 1e-3, "early_stop": False}
    run = train_named(str(begun), settings=settings, kernel="auto", out=begun, resume=True, progress=False)
    assert run.finished and len(run.history) == 5


def test_changed_surroundings_are_told(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = small.read_record(begun / "run.json")
    record["surroundings"]["threads"] = 64
    small.write_record(begun / "run.json", record)
    train_named(str(begun), resume=True)
    assert capsys.readouterr().out.startswith(
        f"the run began with threads 64 and goes on with {torch.get_num_threads()}: "
        "results may differ in the last digits\n"
    )


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return (Path.touch, (self.target,))


def damaged_checkpoints(folder: Path, target: Path) -> Iterator[tuple[str, bytes]]:
    path = folder / "checkpoint.pt"
    whole = path.read_bytes()
    yield "empty", b""
    yield "truncated", whole[: len(whole) // 2]
    yield "random bytes", random.Random(0).randbytes(len(whole))
    yield "no zip", b"epoch: 3\n"
    middle = whole.index(bytes(torch.load(path, weights_only=True)["network"]["biases.readout"].numpy().tobytes()))
    flipped = bytearray(whole)
    flipped[middle] ^= 1
    yield "one bit of a weight flipped", bytes(flipped)
    yield "a pickle that runs code", pickle.dumps(Malicious(target))
    torch.save({"run": Run.open(folder).identity, "network": Malicious(target)}, path)
    yield "a checkpoint that runs code", path.read_bytes()
    torch.save([1, 2, 3], path)
    yield "a list", path.read_bytes()


def test_damaged_checkpoints_are_refused(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "code-was-run"
    for name, content in list(damaged_checkpoints(begun, target)):
        (begun / "checkpoint.pt").write_bytes(content)
        before = {path.name: path.read_bytes() for path in begun.iterdir()}
        with pytest.raises(SystemExit) as stopped:
            main(["train", str(begun), "--resume"])
        error = capsys.readouterr().err
        assert stopped.value.code == 2, name
        assert error.startswith(f"error: {begun / 'checkpoint.pt'}: damaged, or no checkpoint\n"), name
        assert {path.name: path.read_bytes() for path in begun.iterdir()} == before, name
        assert not target.exists(), name
    pickle.loads(pickle.dumps(Malicious(target)))
    assert target.exists(), "the payload does work where it is let"


def test_the_checkpoint_of_another_run_is_refused(begun: Path, morphology: Path, tmp_path: Path) -> None:
    """Even of one with the same wiring, that differs in the learning rate only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dendrograph.training.train.reporter", lambda progress: interrupting(epoch=3))
        with pytest.raises(Interrupted):
            train_named(str(morphology), settings={"epochs": 5, "lr": 0.01}, out=tmp_path / "other")
    shutil.copy(tmp_path / "other" / "checkpoint.pt", begun)
    text = refused(lambda: train_named(str(begun), resume=True))
    assert text.startswith(f"{begun / 'checkpoint.pt'}: not this run's checkpoint\n")


def test_a_checkpoint_whose_optimizer_is_that_of_another_version_is_refused(begun: Path) -> None:
    """Its state once stood for each parameter by itself."""
    run = Run.open(begun)
    content = run.read_checkpoint()
    assert content is not None
    checkpoint = run.parse_checkpoint(content)
    parameters = [torch.nn.Parameter(tensor) for tensor in checkpoint["network"].values()]
    checkpoint["optimizer"] = torch.optim.Adam(parameters).state_dict()
    torch.save({**checkpoint, "checkpoint_format": 1}, begun / "checkpoint.pt")
    text = refused(lambda: train_named(str(begun), resume=True, progress=False))
    assert text.startswith(f"{begun / 'checkpoint.pt'}: written by another version of dendrograph"), text


def test_without_its_checkpoint_a_run_begins_anew(begun: Path, morphology: Path, tmp_path: Path) -> None:
    (begun / "checkpoint.pt").unlink()
    run = train_named(str(begun), resume=True, progress=False)
    whole = train_named(str(morphology), settings={"epochs": 5}, out=tmp_path / "whole", progress=False)
    assert results(run.folder) == results(whole.folder)


def test_a_run_may_be_moved(begun: Path, tmp_path: Path) -> None:
    moved = tmp_path / "deeper" / "moved"
    moved.parent.mkdir()
    begun.rename(moved)
    assert train_named(str(moved), resume=True, progress=False).finished


def test_what_a_kill_left_is_cleared(begun: Path) -> None:
    (begun / ".checkpoint.pt.0123abcd.tmp").write_bytes(b"half a checkpoi")
    train_named(str(begun), resume=True, progress=False)
    assert not list(begun.glob(".*"))


def test_checkpoints_carry_checksums(begun: Path) -> None:
    """The zip's own: they are what finds a flipped bit."""
    with zipfile.ZipFile(begun / "checkpoint.pt") as archive:
        assert archive.testzip() is None
        assert all(entry.CRC for entry in archive.infolist() if entry.file_size > 4)


# Threads


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _started_with(number: int, folder: Path, kernel: str = "auto", epochs: int = 1) -> Run:
    network = build("vann" if kernel == "auto" else "dann-random", (8, 8), 10, overrides={"somata": 8}, kernel=kernel)
    with threads(number):
        return train(network, small.digits(), TrainConfig(epochs=epochs), folder, progress=False)


def test_the_number_of_threads_is_in_the_identity_where_a_result_depends_on_it(tmp_path: Path) -> None:
    one, two = (_started_with(number, tmp_path / f"dense{number}") for number in (1, 2))
    assert "threads" not in one.record["network"], "runs of before on one thread have this identity"
    assert two.record["network"]["threads"] == 2 and one.identity != two.identity
    assert (one.threads, two.threads) == (1, 2)
    same = [_started_with(number, tmp_path / f"fused{number}", "fused") for number in (1, 2)]
    assert same[0].identity == same[1].identity and same[0].weights == same[1].weights


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two threads need two cores")
@pytest.mark.parametrize(("began", "goes_on"), [(2, 1), (1, 2)])
def test_a_run_goes_on_with_the_threads_with_which_it_began(
    began: int, goes_on: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []
    step = training._step
    monkeypatch.setattr(training, "_step", lambda *given: seen.append(torch.get_num_threads()) or step(*given))
    whole = _started_with(began, tmp_path / "whole", epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr("dendrograph.training.train.reporter", lambda _: _Stopping())
        with pytest.raises(KeyboardInterrupt):
            _started_with(began, tmp_path / "stopped", epochs=2)
    seen.clear()
    with threads(goes_on):
        network = build("vann", (8, 8), 10, overrides={"somata": 8})
        run = train(network, small.digits(), TrainConfig(epochs=2), tmp_path / "stopped", resume=True)
        assert torch.get_num_threads() == goes_on, "left as it was"
    assert set(seen) == {began}
    assert "threads" not in capsys.readouterr().out
    assert run.identity == whole.identity
    assert all(map(torch.equal, run.network().state_dict().values(), whole.network().state_dict().values()))


def test_threads_that_this_machine_has_not_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _started_with(1, tmp_path / "run")
    run = Run(run.folder, {**run.record, "surroundings": {**run.record["surroundings"], "threads": 10_000}})
    asked = provenance.describe(
        build("vann", (8, 8), 10, overrides={"somata": 8}), small.digits(), TrainConfig(epochs=1), 1
    )
    assert any(note.startswith("the run began with threads 10000") for note in resume.changed_surroundings(run, asked))
    before = torch.get_num_threads()
    with provenance.threads_of(run):
        assert torch.get_num_threads() == before


class _Stopping(Silent):
    def epoch(self, row: object) -> None:
        raise KeyboardInterrupt
