"""What a training shows: a bar on a terminal, a line an epoch elsewhere; the numbers in them are right."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import small

from dendrograph import TrainConfig, build, train
from dendrograph.base.progress import Bar, Lines, Silent, clock, epoch_text, reporter

ROW = {"epoch": 3, "train_loss": 1.25, "train_accuracy": 0.5, "validation_loss": 1.5, "validation_accuracy": 0.375}


class Clock:
    """Time that stands still unless it is told to go on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr("dendrograph.base.progress.time.monotonic", stopped)
    return stopped


def test_which_reporter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(reporter(False)) is Silent
    for terminal, kind in ((True, Bar), (False, Lines)):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal, raising=False)
        assert type(reporter(True)) is kind


def test_an_epoch_as_a_line() -> None:
    assert epoch_text(ROW, 12) == "epoch  3/12  loss 1.2500, accuracy 50.00%; validation 1.5000, 37.50%"
    assert len(epoch_text({**ROW, "epoch": 100}, 100)) < 80, "it fits on a terminal"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (0.4, "0:00"),
        (59.6, "1:00"),
        (61, "1:01"),
        (3599.9, "1:00:00"),
        (3661, "1:01:01"),
        (90061, "25:01:01"),
    ],
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize("before", [0, 2])
def test_lines_reckon_from_this_process(before: int, time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Epochs that were done before took none of this process's time."""
    lines = Lines()
    lines.start(epochs=12, done=before, samples=500)
    time.now += 10 * (3 - before)
    lines.epoch(ROW)
    assert capsys.readouterr().out == f"{epoch_text(ROW, 12)}  50 samples/s  1:30 left\n"
    time.now += 40
    lines.epoch({**ROW, "epoch": 4})
    seconds = (10 * (3 - before) + 40) / (4 - before)
    assert capsys.readouterr().out.endswith(f"{500 / seconds:.0f} samples/s  {clock(8 * seconds)} left\n")


@pytest.mark.parametrize("before", [0, 2])
def test_the_bar_reckons_from_this_process(before: int, time: Clock) -> None:
    bar = Bar()
    bar.bar.disable = True  # nothing is drawn; the numbers stand
    bar.start(epochs=4, done=before, samples=250)
    (task,) = bar.bar.tasks
    assert (task.total, task.completed) == (1000, 250 * before)
    for epoch in range(before + 1, 5):
        for seen in (100, 200, 250):
            time.now += 1
            bar.batch(epoch, seen, 0.5, 0.75)
            assert task.completed == 250 * (epoch - 1) + seen
            rate = (task.completed - 250 * before) / (time.now - 1000)
            assert task.fields["state"] == f"loss 0.5000 accuracy 75.00% {rate:,.0f} samples/s"
            assert task.description == f"epoch {epoch}/4"
    assert task.finished
    bar.stop()


def test_the_bar_is_not_drawn_at_every_batch(time: Clock) -> None:
    bar = Bar()
    bar.bar.disable = True
    bar.start(epochs=1, done=0, samples=1000)
    (task,) = bar.bar.tasks
    time.now += 1
    bar.batch(1, 10, 0.5, 0.5)
    time.now += 0.05
    bar.batch(1, 20, 0.5, 0.5)
    assert task.completed == 10
    time.now += 0.06
    bar.batch(1, 30, 0.5, 0.5)
    assert task.completed == 30


def test_a_bar_that_never_started_can_be_stopped() -> None:
    Bar().stop()


def test_training_reports_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told of every batch with the samples of the epoch so far; the last loss and accuracy are the history's."""
    told: list[Any] = []

    class Told(Silent):
        def start(self, *arguments: Any) -> None:
            told.append(("start", *arguments))

        def batch(self, *arguments: Any) -> None:
            told.append(("batch", *arguments))

        def epoch(self, row: Any) -> None:
            told.append(("epoch", row))

        def stop(self) -> None:
            told.append(("stop",))

    monkeypatch.setattr("dendrograph.training.train.reporter", lambda progress: Told())
    data = small.digits()
    network = build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})
    run = train(network, data, TrainConfig(epochs=2), tmp_path / "run")
    assert told[0] == ("start", 2, 0, 360) and told[-1] == ("stop",)
    assert [entry[:3] for entry in told if entry[0] == "batch"] == [
        ("batch", epoch, seen) for epoch in (1, 2) for seen in (128, 256, 360)
    ]
    for row, entry in zip(run.history, (told[4], told[8]), strict=True):
        assert entry == ("epoch", row)
    for row, entry in zip(run.history, (told[3], told[7]), strict=True):
        assert entry[3:] == (row["train_loss"], row["train_accuracy"])


def on_a_terminal(command: list[str], columns: int, cwd: Path) -> str:
    """What a command shows on a terminal, without control sequences."""
    import fcntl
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=environment)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert process.wait() == 0, shown.decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


@pytest.mark.slow
def test_on_a_terminal_of_80_columns(tmp_path: Path) -> None:
    """The whole program: bar and lines fit, with loss, accuracy, samples a second and the remaining time."""
    morphology = small.morphology_file(tmp_path)
    command = [sys.executable, "-W", "error", "-m", "dendrograph", "train", str(morphology), "--epochs", "60"]
    shown = on_a_terminal([*command, "--out", "run"], 80, tmp_path)
    lines = re.split(r"[\r\n]+", shown)
    assert all(len(line) <= 80 for line in lines), lines
    bars = [line for line in lines if "━" in line and "samples/s" in line]
    assert bars
    for line in bars:
        assert re.fullmatch(
            r"epoch \d+/60 [━╸╺ ]+ loss \d\.\d{4} accuracy \d+\.\d\d% [\d,]+ samples/s (-|\d):(--|\d\d):(--|\d\d)",
            line,
        ), line
    assert any(re.search(r"\d:\d\d:\d\d$", line) for line in bars), "the remaining time is known in the end"
    epochs = [line.strip() for line in lines if "; validation " in line]
    assert [int(line.split("/")[0].removeprefix("epoch")) for line in epochs] == list(range(1, 61))
    assert lines[-3].startswith("test accuracy ") and lines[-2] == "results: run"
