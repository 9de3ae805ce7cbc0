"""Runs of a sweep: their folders, outcomes, jobs and progress."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sweeps import SMALL, in_this_process, sweep_of

from dendrograph import TrainConfig, build, datasets, train
from dendrograph.base.errors import DendrographError, RunError
from dendrograph.cli.main import main
from dendrograph.comparison.compare import compare
from dendrograph.experiments.sweep import folder, workers
from dendrograph.experiments.sweep.display import Display
from dendrograph.experiments.sweep.file import Sweep
from dendrograph.experiments.sweep.run_sweep import SweepOptions, Swept, run_sweep
from dendrograph.experiments.sweep.runs import Outcome, SweepRun, train_run
from dendrograph.experiments.sweep.workers import jobs
from dendrograph.training.run import Run
from dendrograph.training.train import Interrupted


def test_a_run_that_is_damaged_or_another_runs_has_not_ended(tmp_path: Path) -> None:
    (run,) = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}").runs
    place = run.run_folder(tmp_path)
    train_run(run, tmp_path)
    assert run.has_ended(tmp_path)
    for key, value in {"digest": "0", "kernel": "dense", "written": "0", "sources": {"mine": "0"}}.items():
        assert not replace(run, **{key: value}).has_ended(tmp_path), key
    other = replace(run, config=replace(run.config, seed=1))
    assert not other.has_ended(tmp_path)
    error = train_run(other, tmp_path).error
    assert "seed: the run has 0, asked for is 1" in error and f"again, delete the folder {place}" in error
    assert "--out" not in error, "it would train the whole sweep anew"
    for name, told in {
        "metrics.json": "damaged",
        "weights.safetensors": "not the weights",
        "morphology.yaml": "the file was changed",
    }.items():
        content = (place / name).read_bytes()
        (place / name).write_bytes(content[:50])
        assert not run.has_ended(tmp_path)
        error = train_run(run, tmp_path).error
        assert told in error and "delete the folder" in error
        (place / name).write_bytes(content)
    assert run.has_ended(tmp_path)


# ---- runs, one by one


def test_a_run_of_a_sweep_is_the_training_that_train_makes(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\nseeds: [4]\n{SMALL}")
    (run,) = sweep.runs
    outcome = train_run(run, tmp_path / "s")
    digits = datasets.load("digits")
    network = build(
        "dann-lrf", digits.shapes, digits.classes, seed=4, overrides={"dendrites": 2, "somata": 4, "synapses": 4}
    )
    own = train(network, digits, TrainConfig(epochs=1, seed=4), tmp_path / "own", progress=False)
    swept = Run.open(run.run_folder(tmp_path / "s"))
    assert swept.metrics["weights"] == own.metrics["weights"]
    assert swept.identity == own.identity
    assert outcome.validation_accuracy == own.metrics["validation"]["accuracy"] and not outcome.error


def test_a_run_that_has_ended_is_left_as_it_is(tmp_path: Path) -> None:
    (run,) = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}").runs
    train_run(run, tmp_path / "s")
    before = {path: path.stat().st_mtime_ns for path in run.run_folder(tmp_path / "s").iterdir()}
    train_run(run, tmp_path / "s")
    assert before == {path: path.stat().st_mtime_ns for path in run.run_folder(tmp_path / "s").iterdir()}


def test_runs_of_older_sweeps_are_found_again(tmp_path: Path) -> None:
    """Their names, as the version of November 2026 gave them: an old sweep goes on, and trains nothing twice."""
    sweep = sweep_of(tmp_path, "morphologies: dann-lrf\nset: {dendrites: [2, 3], somata: 4}\ntrain: {epochs: 3}\n")
    assert [run.name for run in sweep.runs] == [
        "dann-lrf-dendrites=2-seed0-897b06840a54",
        "dann-lrf-dendrites=3-seed0-c8cff8829c49",
    ]


def test_paths_and_settings_that_are_no_whole_numbers_can_be_swept(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "name: own\nneurons: {n: {nonlinearity: {name: leaky_relu, slope: 0.1}, synapses: {count: 4}}}\n"
        "layers: [{neuron: n, count: 4}]\n"
    )
    path = "neurons.n.nonlinearity.slope"
    text = f"morphologies: own.yaml\nset: {{{path}: [0.25, 1, 1.0, 1.0e-3]}}\ntrain: {{epochs: 1, lr: [0.1, 0.01]}}\n"
    sweep = sweep_of(tmp_path, text)
    assert [dict(run.axes) for run in sweep.runs] == [
        {path: slope, "lr": lr} for slope in ("0.25", "1", "0.001") for lr in ("0.1", "0.01")
    ]
    for run in sweep.runs[:3]:
        assert not train_run(run, tmp_path / "out").error
    found = compare([tmp_path / "out"])
    assert {(row["condition"], row[path], row["lr"]) for row in found.conditions} == {
        (f"own {path_and_lr}", slope, lr)
        for path_and_lr, slope, lr in (
            (f"lr=0.1 {path}=0.25", 0.25, 0.1),
            (f"lr=0.01 {path}=0.25", 0.25, 0.01),
            (f"lr=0.1 {path}=1.0", 1.0, 0.1),
        )
    }


def test_an_error_is_the_outcome_of_its_run_only(tmp_path: Path) -> None:
    (run,) = sweep_of(tmp_path, "morphologies: dann-lrf\ntrain: {lr: 1.0e+30, epochs: 2}\n").runs
    outcome = train_run(run, tmp_path / "s")
    assert "the loss is" in outcome.error


def test_a_run_is_found_again_when_the_file_varies_more(tmp_path: Path) -> None:
    first = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}")
    train_run(first.runs[0], tmp_path / "s")
    more = sweep_of(
        tmp_path, "morphologies: dann-lrf\nset: {dendrites: [2, 3], somata: 4, synapses: 4}\ntrain: {epochs: 1}\n"
    )
    assert more.runs[0].name != first.runs[0].name
    adopted = folder.with_existing_names(tmp_path / "s", more)
    assert adopted.runs[0].name == first.runs[0].name
    assert folder.finished(tmp_path / "s", adopted.runs) == {first.runs[0].name}


def test_of_copies_of_a_run_its_own_comes_first_then_one_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}")
    (run,) = sweep.runs
    monkeypatch.setattr(SweepRun, "has_ended", lambda self, _: self.name.startswith("b"))
    for first in ("c", "b", "a"):
        (tmp_path / "runs" / f"{first}{run.mark}").mkdir(parents=True)
    assert folder.with_existing_names(tmp_path, sweep).runs[0].name == f"b{run.mark}"
    run.run_folder(tmp_path).mkdir()
    assert folder.with_existing_names(tmp_path, sweep).runs[0].name == run.name


def test_jobs_hold_what_may_be_trained_together(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path, f"morphologies: [dann-lrf, vann]\nseeds: 6\nbatch: 4\n{SMALL.replace('1}', '1, lr: [0.1, 0.2]}')}"
    )
    costs = {run.name: 1.0 for run in sweep.runs}
    found = jobs(sweep.runs, 4, 2, costs)
    assert sorted(len(job) for job in found) == [2, 2, 2, 2, 4, 4, 4, 4]
    assert all(len({(c.morphology["name"], c.config.lr) for c in job}) == 1 for job in found)
    assert sorted(run.name for job in found for run in job) == sorted(run.name for run in sweep.runs)
    assert max(len(job) for job in jobs(sweep.runs[:6], 6, 3, costs)) == 2, "no worker is left without work"


# ---- the whole, on several processes


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("swept")
    text = f"name: pair\nmorphologies: [dann-lrf, vann]\nseeds: 2\nbatch: 2\n{SMALL}"
    result = run_sweep(sweep_of(place, text), place / "out", SweepOptions(processes=2, progress=False))
    assert not result.failures and len(result.finished) == 4
    return place


def test_a_sweep_leaves_run_folders_and_its_file(swept: Path) -> None:
    out = swept / "out"
    runs = json.loads((out / "cells.json").read_text())["cells"]
    assert sorted(run["name"] for run in runs) == sorted(path.name for path in (out / "runs").iterdir())
    assert (out / "sweep.yaml").read_text() == (swept / "sweep.yaml").read_text()
    assert not (out / "failures.json").exists()
    assert all(Run.open(path).metrics["test"]["samples"] == 360 for path in (out / "runs").iterdir())


def test_a_sweep_in_a_folder_of_something_else_is_refused(swept: Path, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="it holds something else than a sweep"):
        run_sweep(sweep, tmp_path / "full", SweepOptions(progress=False))
    with folder.locked(swept / "out"), pytest.raises(RunError, match="a sweep is at work in it"):
        run_sweep(sweep, swept / "out", SweepOptions(progress=False))


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (".locks sweep.yaml", True),  # killed between two files
        (".sweep.yaml.0123abcd.tmp", True),
        (".locks sweep.yaml runs failures.json", True),  # cells.json was lost
        (".locks results continual", True),  # of `dendrograph reproduce`
        (".locks .DS_Store", True),
        ("results", False),  # the user's own
        ("cells.json letter.txt", True),
        ("sweep.yaml", False),  # it may be the user's own
        ("runs", False),
        ("results run.json", False),
        (".locks letter.txt", False),
    ],
)
def test_a_sweep_knows_its_own_folder(tmp_path: Path, there: str, taken: bool) -> None:
    for name in there.split():
        (tmp_path / name).write_text("") if "." in name[1:] else (tmp_path / name).mkdir()
    if taken:
        folder.check_sweep_folder(tmp_path)
    else:
        with pytest.raises(RunError, match="it holds something else than a sweep"):
            folder.check_sweep_folder(tmp_path)


def test_a_folder_that_could_not_be_made_is_refused_by_a_dry_run(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}")
    with pytest.raises(DendrographError, match="cannot be made"):
        run_sweep(sweep, tmp_path / "sweep.yaml" / "out", SweepOptions(dry=True))


def test_what_a_killed_sweep_left_half_made_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / ".cells.json.0123abcd.tmp").write_text("{")
    folder.begin(tmp_path, Sweep("s", ()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.json", "sweep.yaml"]


def test_ctrl_c_while_steps_are_timed_tells_of_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise Interrupted("/tmp/gone: interrupted")

    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}")
    monkeypatch.setattr("dendrograph.experiments.sweep.cost_estimate.train", interrupted)
    with pytest.raises(Interrupted, match="out: interrupted; 0 of 1 runs have ended\n  the same command"):
        run_sweep(sweep, tmp_path / "out", SweepOptions(progress=False))
    with pytest.raises(KeyboardInterrupt) as caught:
        run_sweep(sweep, tmp_path / "out", SweepOptions(progress=False, dry=True))
    assert not str(caught.value)


def test_more_workers_than_cores_make_nothing_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\nseeds: 4\n{SMALL}")
    monkeypatch.setattr(workers, "cores", lambda: 2)
    monkeypatch.setattr(
        "dendrograph.experiments.sweep.cost_estimate.seconds", lambda runs: {run.name: 60.0 for run in runs}
    )
    run_sweep(sweep, tmp_path / "out", SweepOptions(processes=9, dry=True))
    assert "about 2:00 on 4 workers" in capsys.readouterr().out


def test_nothing_to_compare_is_not_advised_to_be_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    none = Swept(tmp_path, (), (("run", "the loss is nan"),))
    monkeypatch.setattr("dendrograph.experiments.sweep.run_sweep.run_sweep_file", lambda *_, **__: none)
    with pytest.raises(SystemExit):
        main(["sweep", "s.yaml"])
    assert "next:" not in capsys.readouterr().out


def test_a_run_keeps_to_its_text_where_the_file_says_the_same_in_other_words(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[3] / "morphologies" / "dann-lrf.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text)
    asked = f"morphologies: mine.yaml\nseeds: 2\n{SMALL}"
    first = sweep_of(tmp_path, asked).runs[0]
    assert train_run(first, tmp_path / "out").error == ""
    (tmp_path / "mine.yaml").write_text(re.sub("(?m)^about:.*$", "about: told otherwise", text))
    runs = folder.with_existing_names(tmp_path / "out", sweep_of(tmp_path, asked)).runs
    assert [run.written == first.written for run in runs] == [True, False]
    assert [run.has_ended(tmp_path / "out") for run in runs] == [True, False]
    (first.run_folder(tmp_path / "out") / "metrics.json").unlink()
    assert train_run(runs[0], tmp_path / "out").error == "", "what has not ended goes on"


def test_failures_are_kept_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text(
        "name: f\nmorphologies: dann-lrf\nset: {dendrites: 2, somata: 4}\ntrain: {epochs: 2, lr: [1.0e+30, 0.01]}\n"
    )
    with pytest.raises(SystemExit) as caught:
        main(["sweep", str(tmp_path / "f.yaml"), "--out", str(tmp_path / "f"), "--workers", "1"])
    assert caught.value.code == 1
    (error,) = json.loads((tmp_path / "f" / "failures.json").read_text()).values()
    assert "the loss is" in error
    told = capsys.readouterr()
    assert "1 runs are finished" in told.out and "failed: dann-lrf-lr=1e+30" in told.err


def test_a_dry_run_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.yaml").write_text(f"name: dry\nmorphologies: dann-lrf\nseeds: 3\n{SMALL}")
    with pytest.raises(SystemExit) as caught:
        main(["sweep", str(tmp_path / "s.yaml"), "--out", str(tmp_path / "dry"), "--dry-run"])
    assert not caught.value.code
    told = capsys.readouterr().out
    assert "dry: runs 3, conditions 1, done 0" in told and "workers\n" in told
    assert not (tmp_path / "dry").exists()


def test_a_dry_run_looks_where_it_would_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}")
    with pytest.raises(RunError, match="it holds something else than a sweep\n  give another folder"):
        run_sweep(sweep, tmp_path, SweepOptions(dry=True))
    run_sweep(sweep, tmp_path / "out", SweepOptions(scheduler="tcp://there:8786", dry=True))
    assert "the workers of tcp://there:8786 share it" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_failure_that_cannot_be_kept_stops_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(place: Path, failures: dict[str, str]) -> None:
        raise RunError(f"{place}: is the disk full?")

    monkeypatch.setattr(folder, "write_failures", full)
    sweep = sweep_of(
        tmp_path, "morphologies: vann\nset: {dendrites: 2, somata: 4}\ntrain: {epochs: 1, lr: [1.0e+30, 0.1]}\n"
    )
    result = run_sweep(sweep, tmp_path / "out", SweepOptions(processes=1))
    assert "is the disk full?" in capsys.readouterr().out
    ((_, error),) = result.failures
    assert "the loss is" in error
    assert {run.config.lr for run in sweep.runs if run.has_ended(tmp_path / "out")} == {0.1}


# ---- workers


@pytest.mark.parametrize("name", [b"caf\xe9", "café".encode()])
def test_a_sweep_works_in_any_folder_that_the_system_takes(
    name: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / os.fsdecode(name)
    try:
        place.mkdir()
    except OSError:
        pytest.skip("this system takes UTF-8 alone")
    y = np.arange(40) % 2
    x = np.stack([y, 1 - y], axis=1).astype(np.float32)
    np.savez(place / "own.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    (place / "own.yaml").write_text(
        (Path(__file__).resolve().parents[3] / "morphologies" / "xor-dcaap.yaml").read_text()
    )
    file = place / os.fsdecode(name + b".yaml")
    file.write_text("morphologies: own.yaml\ndata: own.npz\nseeds: 2\ntrain: {epochs: 1}\n")
    monkeypatch.setattr(workers, "local", in_this_process)
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(["sweep", str(file), "--out", str(place / "out")])
        told = capsys.readouterr()
        assert not ended.value.code and "2 runs are finished" in told.out, told.err
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(place / "out")])
    assert not ended.value.code


def test_an_outcome_tells_no_test_result() -> None:
    assert "test" not in " ".join(vars(Outcome("run", 1.0)))


@pytest.mark.parametrize(
    ("passed", "share", "shown"),
    [
        (0, 0.0, "1:40 left"),
        (20, 0.0, "3:20 left"),
        (50, 0.5, "0:50 left"),
        (200, 0.5, "2:37 left"),
        (400, 1.0, "0:00 left"),
    ],
)
def test_the_time_that_is_left_is_what_was_expected_at_first_and_what_it_took_later(
    passed: float, share: float, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 seconds of one core, on two: 100 are expected, and count as a fifth of the sweep that went as expected."""
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    display = Display(show=False, number=10, before=0, cost=200.0, workers=2)
    monkeypatch.setattr("time.monotonic", lambda: 1000.0 + passed)
    display.at(share)
    assert display._left.endswith(shown)
