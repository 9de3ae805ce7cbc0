"""Sweeps: read and validated as a whole, run on several processes, and not to be stopped by any death."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import small

from dendrograph import TrainConfig, build, datasets, train
from dendrograph.base.errors import DendrographError, MorphologyError, RunError
from dendrograph.cli.main import main
from dendrograph.comparison.compare import compare
from dendrograph.experiments.sweep import folder, workers
from dendrograph.experiments.sweep.display import Display
from dendrograph.experiments.sweep.file import Sweep, read
from dendrograph.experiments.sweep.run_sweep import SweepOptions, Swept, run_sweep, run_sweep_file
from dendrograph.experiments.sweep.runs import Outcome, SweepRun, train_run
from dendrograph.experiments.sweep.workers import jobs, work
from dendrograph.training.run import Run
from dendrograph.training.train import Interrupted

SMALL = "set: {dendrites: 2, somata: 4, synapses: 4}\ntrain: {epochs: 1}\n"


def sweep_of(tmp_path: Path, text: str, name: str = "sweep.yaml") -> Sweep:
    path = tmp_path / name
    path.write_text(text)
    return read(path)


def faults(tmp_path: Path, text: str) -> str:
    with pytest.raises(MorphologyError) as caught:
        sweep_of(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}{os.sep}", "")


# ---- the language


def test_a_grid_is_every_combination_once(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        "name: grid\nmorphologies: [dann-lrf, vann]\nset: {dendrites: [2, 3], somata: 4}\n"
        "seeds: [3, 7]\ntrain: {epochs: 2, lr: [0.1, 0.01]}\n",
    )
    assert sweep.name == "grid"
    assert len(sweep.runs) == 2 * 2 * 2 * 2
    seen = {(c.morphology["name"], dict(c.axes)["dendrites"], c.config.lr, c.config.seed) for c in sweep.runs}
    expected = {(m, d, lr, s) for m in ("dann-lrf", "vann") for d in "23" for lr in (0.1, 0.01) for s in (3, 7)}
    assert seen == expected
    assert {key for run in sweep.runs for key, _ in run.axes} == {"dendrites", "lr"}, "only what varies"
    assert len({run.name for run in sweep.runs}) == len({run.identity for run in sweep.runs}) == 16
    assert len({run.condition for run in sweep.runs}) == 8


def test_mappings_in_a_list_are_grids_one_after_the_other(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        "morphologies: dann-lrf\nset:\n  - {dendrites: 2, somata: 4}\n  - {dendrites: [3, 5], somata: 8}\n",
    )
    turned = [(c.morphology["parameters"]["dendrites"], c.morphology["parameters"]["somata"]) for c in sweep.runs]
    assert turned == [(2, 4), (3, 8), (5, 8)]


def test_an_entry_of_runs_wins_over_the_file_key_by_key(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        "morphologies: dann-lrf\nset: {dendrites: 2, somata: 4}\ntrain: {epochs: 3, lr: 0.1}\n"
        "runs:\n  - {}\n  - {set: {dendrites: 5}, train: {lr: 0.5}}\n  - {morphologies: vann, seeds: 2}\n",
    )
    told = [
        (c.morphology["name"], *(c.morphology["parameters"][k] for k in ("dendrites", "somata")), c.config.lr)
        for c in sweep.runs
    ]
    assert told == [("dann-lrf", 2, 4, 0.1), ("dann-lrf", 5, 4, 0.5), ("vann", 2, 4, 0.1), ("vann", 2, 4, 0.1)]
    assert all(run.config.epochs == 3 for run in sweep.runs)


def test_an_entry_of_runs_turns_more_knobs_of_each_mapping_of_a_list(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        "morphologies: dann-lrf\nset: [{dendrites: 2}, {dendrites: 3}]\nruns: [{set: {somata: [4, 5]}}, {seeds: 2}]\n",
    )
    turned = [(c.morphology["parameters"]["dendrites"], c.morphology["parameters"]["somata"]) for c in sweep.runs]
    assert turned == [(2, 4), (2, 5), (3, 4), (3, 5), (2, 64), (2, 64), (3, 64), (3, 64)]


def test_a_huge_grid_is_refused_before_it_is_made(tmp_path: Path) -> None:
    many = str(list(range(1, 400)))
    knobs = f"{{dendrites: {many}, somata: {many}, synapses: {many}}}"
    assert "sweep.yaml:2:6: set: more than 100,000 runs" in faults(tmp_path, f"morphologies: dann-lrf\nset: {knobs}\n")


def test_a_run_that_is_damaged_or_another_cells_has_not_ended(tmp_path: Path) -> None:
    (run,) = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}").runs
    place = run.run_folder(tmp_path)
    train_run(run, tmp_path)
    assert run.has_ended(tmp_path)
    for key, value in {"digest": "0", "kernel": "dense", "written": "0", "sources": {"mine": "0"}}.items():
        assert not replace(run, **{key: value}).has_ended(tmp_path), key
    other = replace(run, config=replace(run.config, seed=1))
    assert not other.has_ended(tmp_path)
    error = train_run(other, tmp_path).error
    assert "seed: the run has 0, asked for is 1" in error and f"anew, delete the folder {place}" in error
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


def test_the_plugins_of_a_cell_decide_its_result(tmp_path: Path) -> None:
    (tmp_path / "swept_bump.py").write_text(
        "from dendrograph import register_nonlinearity\n"
        "@register_nonlinearity('swept-bump', equation='f(u) = 2 u', source='a test')\n"
        "def bump(u):\n    return 2 * u\n"
    )
    path = tmp_path / "s.yaml"
    path.write_text(f"morphologies: dann-lrf\n{SMALL}")
    (plain,), (run,) = read(path).runs, read(path, plugins=[tmp_path / "swept_bump.py"]).runs
    assert not plain.sources and list(run.sources) == ["swept_bump"]
    changed = replace(run, sources={"swept_bump": "0"})
    assert changed.identity != run.identity
    with pytest.raises(DendrographError, match="not those that the sweep was read with: swept_bump"):
        changed.graph(datasets.load("digits"))


def test_a_knob_that_changes_nothing_makes_no_second_run(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "morphologies: [dann-lrf, vann]\nset: {somata: 4, synapses: [3, 4]}\n")
    assert [run.morphology["name"] for run in sweep.runs] == ["dann-lrf", "dann-lrf", "vann"]
    assert any("are not repeated: 1" in note for note in sweep.notes)


def test_settings_that_are_equal_are_one_run(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path, "morphologies: vann\nruns:\n  - train: {noise: [0, 0.0, 0.5]}\n  - train: {epochs: 50}\n"
    )
    assert len(sweep.runs) == 2, "digits are trained for 50 epochs, without noise"


def test_settings_that_say_nothing_make_no_second_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    sweep = sweep_of(tmp_path, "morphologies: vann\ntrain: {device: [cpu, auto], patience: [1, 2]}\n")
    assert [(run.config.device, run.config.patience) for run in sweep.runs] == [("cpu", 10)]
    sweep = sweep_of(tmp_path, "morphologies: vann\ntrain: {early_stop: true, patience: [1, 2]}\n")
    assert [run.config.patience for run in sweep.runs] == [1, 2]


def test_a_cell_is_named_by_what_another_has_not(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "morphologies: vann\nruns: [{set: {somata: 4}}, {train: {epochs: 3}}]\n")
    assert [run.axes for run in sweep.runs] == [(("somata", "4"),), (("epochs", "3"),)]


def test_a_knob_of_one_morphology_is_left_out_for_the_others(tmp_path: Path) -> None:
    own = (
        "name: own\nparameters: {mine: 3}\nneurons: {n: {synapses: {count: $mine}}}\nlayers: [{neuron: n, count: 4}]\n"
    )
    (tmp_path / "own.yaml").write_text(own)
    sweep = sweep_of(tmp_path, "morphologies: [own.yaml, vann]\nset: {mine: [1, 2], somata: 3}\n")
    assert [run.morphology["name"] for run in sweep.runs] == ["own", "own", "vann"]
    assert [run.axes for run in sweep.runs] == [(("mine", "1"),), (("mine", "2"),), (("somata", "3"),)]


def test_a_knob_for_all_is_left_out_of_entries_whose_morphologies_have_it_not(tmp_path: Path) -> None:
    own = "name: own\nneurons: {n: {synapses: {count: 3}}}\nlayers: [{neuron: n, count: 4}]\n"
    (tmp_path / "own.yaml").write_text(own)
    text = "set: {dendrites: [2, 3], somata: 4}\nruns: [{morphologies: vann}, {morphologies: own.yaml}]\n"
    assert [run.morphology["name"] for run in sweep_of(tmp_path, text).runs] == ["vann", "vann", "own"]
    wrong = text.replace("own.yaml}", "own.yaml, set: {dendrites: 2}}").replace("somata", "sonata")
    with pytest.raises(MorphologyError) as error:
        sweep_of(tmp_path, wrong)
    assert "sweep.yaml:1:26: set.sonata: no morphology has the knob 'sonata'" in str(error.value)
    assert "runs[1].set.dendrites: no morphology has the knob 'dendrites'" in str(error.value)


def test_files_and_data_are_taken_from_where_the_sweep_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(tmp_path)
    main_text = (Path(__file__).resolve().parents[2] / "morphologies" / "xor-dcaap.yaml").read_text()
    (below / "mine.yaml").write_text(main_text)
    images, labels = np.zeros((40, 2), dtype=np.float32), np.arange(40) % 2
    np.savez(below / "own.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    for task in ("", "/permuted-2/2"):
        sweep = sweep_of(below, f"morphologies: mine.yaml\ndata: own.npz{task}\n")
        assert [run.data for run in sweep.runs] == [f"{below / 'own.npz'}{task}"]


def test_controls_are_cells_of_their_own(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\ncontrols: [linear, shuffled]\n{SMALL}")
    names = [run.morphology["name"] for run in sweep.runs]
    assert names == ["dann-lrf", "dann-lrf-linear", "dann-lrf-shuffled"]
    assert all(run.morphology["parameters"]["dendrites"] == 2 for run in sweep.runs), "knobs are kept for tables"


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = (
        "morphologies: [dann-lrf, nope]\n"
        "set: {dendritez: 2, somata: [0, 4]}\n"
        "data: [digits, digit]\n"
        "seeds: [1, 1]\n"
        "train: {epochs: 0, seed: 3, optimzer: adam, lr: [0.1, -1], noise: -2}\n"
        "controls: [linaer]\n"
        "wat: 1\n"
    )
    told = faults(tmp_path, text)
    for expected in (
        "sweep.yaml:1:26: morphologies[1]: nope: no such file",
        "sweep.yaml:2:7: set.dendritez: no morphology has the knob 'dendritez'\n  did you mean 'dendrites'?",
        "sweep.yaml:3:16: data[1]: unknown data set 'digit'\n  did you mean 'digits'?",
        "sweep.yaml:4:8: seeds: a seed is listed twice",
        "sweep.yaml:5:17: train.epochs: epochs must be a whole number of at least 1, found 0",
        "sweep.yaml:5:20: train.seed: unknown key 'seed'\n  seeds is a key of its own",
        "sweep.yaml:5:29: train.optimzer: unknown key 'optimzer'\n  did you mean 'optimizer'?",
        "sweep.yaml:5:55: train.lr[1]: lr must be a number greater than 0, found -1",
        "sweep.yaml:5:67: train.noise: noise must be a number of at least 0, found -2",
        "sweep.yaml:6:12: controls[0]: unknown control 'linaer'\n  did you mean 'linear'?",
        "sweep.yaml:7:1: wat: unknown key 'wat'",
    ):
        assert expected in told, told


def test_a_combination_that_cannot_be_compiled_is_told_with_its_values(tmp_path: Path) -> None:
    told = faults(tmp_path, "morphologies: [dann-lrf, vann]\nset: {somata: [0, 4], synapses: [4, 65]}\n")
    assert "sweep.yaml:2:16: set.somata[0]: this combination cannot be compiled: dann-lrf, somata=0, synapses=4" in told
    # 65 positions do not fit an image of 8 × 8; a vanilla network has no use for the knob.
    assert "dann-lrf, somata=4, synapses=65, data digits" in told
    assert "vann, somata=4, synapses=65" not in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seeds: 5\n", "missing key 'morphologies'"),
        ("morphologies: []\n", "an empty list of values"),
        ("- dann-lrf\n", "expected a mapping"),
        ("morphologies: 3\n", "expected a file, or the name of a morphology"),
        ("morphologies: vann\nset: 3\n", "expected a mapping of knobs"),
        ("morphologies: vann\nset: [3]\n", "expected a mapping of knobs"),
        ("morphologies: vann\nseeds: 0\n", "at least 1, or a list of seeds"),
        ("morphologies: vann\nseeds: [-1]\n", "at least 0"),
        ("morphologies: vann\nseeds: [4294967296]\n", "seeds[0]: expected a seed of at most 4,294,967,295"),
        ("morphologies: vann\nruns: 3\n", "expected a list of runs"),
        ("morphologies: vann\nruns: [{batch: 3}]\n", "unknown key 'batch'"),
        ("morphologies: vann\nbatch: 0\n", "at least 1"),
        ("morphologies: vann\ndata: 3\n", "expected the name of a data set"),
        ("morphologies: vann\nkernel: wat\n", "wat"),
        ("morphologies: vann\nseeds: 1000000000\n", "more than 100,000 runs"),
        ("morphologies: vann\ncontrols: [all, linear]\n", "unknown control 'all'"),
        ("morphologies: vann\nruns: [{kernel: dense}]\n", "unknown key 'kernel'"),
        ("morphologies: vann\ntrain: {device: warp}\n", "device 'warp' cannot be used"),
        ("morphologies: vann\ntrain: {lr: nan}\n", "lr must be a number"),
        ("morphologies: vann\ntrain: {validation: [0.9999, 0.1]}\n", "train.validation[0]: digits: 0.9999 of"),
        ("{", "not YAML"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in faults(tmp_path, text)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(DendrographError, match="is empty"):
        read(tmp_path / "empty.yaml")
    with pytest.raises(DendrographError, match="cannot be read"):
        read(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(DendrographError, match="a sweep is a YAML file"):
        read(tmp_path / "binary.yaml")


# ---- runs, one by one


def test_a_cell_is_the_training_that_train_makes(tmp_path: Path) -> None:
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


def test_cells_of_older_sweeps_are_found_again(tmp_path: Path) -> None:
    """Their names, as the version of November 2026 gave them: an old sweep goes on, and trains nothing twice."""
    sweep = sweep_of(tmp_path, "morphologies: dann-lrf\nset: {dendrites: [2, 3], somata: 4}\ntrain: {epochs: 3}\n")
    assert [run.name for run in sweep.runs] == [
        "dann-lrf-dendrites=2-seed0-897b06840a54",
        "dann-lrf-dendrites=3-seed0-c8cff8829c49",
    ]


@pytest.mark.slow
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


def test_an_error_is_the_outcome_of_its_cell_alone(tmp_path: Path) -> None:
    (run,) = sweep_of(tmp_path, "morphologies: dann-lrf\ntrain: {lr: 1.0e+30, epochs: 2}\n").runs
    outcome = train_run(run, tmp_path / "s")
    assert "the loss is" in outcome.error


@pytest.mark.slow
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


def test_of_copies_of_a_run_the_cells_own_comes_first_then_one_that_has_ended(
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


@pytest.mark.slow
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
    with pytest.raises(RunError, match="it is no sweep"):
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
        with pytest.raises(RunError, match="it is no sweep"):
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
    text = (Path(__file__).resolve().parents[2] / "morphologies" / "dann-lrf.yaml").read_text()
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


@pytest.mark.slow
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
    with pytest.raises(RunError, match="it is no sweep\n  give another folder"):
        run_sweep(sweep, tmp_path, SweepOptions(dry=True))
    run_sweep(sweep, tmp_path / "out", SweepOptions(scheduler="tcp://there:8786", dry=True))
    assert "the workers of tcp://there:8786 share it" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
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


@pytest.mark.slow
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
        (Path(__file__).resolve().parents[2] / "morphologies" / "xor-dcaap.yaml").read_text()
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


@contextmanager
def in_this_process(size: int) -> Iterator[Any]:
    """In the place of `workers.local`: jobs as a worker gets them, by a pipe."""

    def outcomes(
        jobs: list[tuple[SweepRun, ...]], folder: Path, lost: Callable[[int], None]
    ) -> Iterator[list[Outcome]]:
        near, far = multiprocessing.Pipe()
        for job in jobs:
            near.send((job, str(folder)))
            yield work(*far.recv())

    yield SimpleNamespace(size=size, outcomes=outcomes)


def listening(process: psutil.Process) -> list[str]:
    """The addresses at which other processes could reach a process or its children: ports, and sockets with a name."""
    found = []
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            connections = one.net_connections(kind="all")
            found += [str(each.laddr) for each in connections if each.status == psutil.CONN_LISTEN]
            found += [str(each.laddr) for each in connections if each.family == socket.AF_UNIX and each.laddr]
            found += [str(each.laddr) for each in connections if each.type == socket.SOCK_DGRAM and each.laddr]
    return found


@pytest.mark.slow
def test_while_a_sweep_runs_no_process_of_it_can_be_reached_by_anyone_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = psutil.Process()
    before, workers_seen, found = set(listening(here)), set(), set()

    def looked_at(display: Display, share: float) -> None:
        workers_seen.update(child.pid for child in here.children() if "spawn_main" in " ".join(child.cmdline()))
        found.update(set(listening(here)) - before)

    monkeypatch.setattr(Display, "at", looked_at)
    result = run_sweep(
        sweep_of(tmp_path, f"morphologies: vann\nseeds: 4\n{SMALL}"),
        tmp_path / "out",
        SweepOptions(processes=2, progress=False),
    )
    assert len(result.finished) == 4 and len(workers_seen) == 2
    assert not found
    assert not any(psutil.pid_exists(pid) for pid in workers_seen), "and none of them is left behind"


def test_what_listens_would_be_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert any(str(server.getsockname()[1]) in address for address in listening(psutil.Process()))


@pytest.fixture
def killed_at_start(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Has so many workers killed as soon as they are started; gives the numbers of all that are started."""

    def kill(number: int) -> list[int]:
        started: list[int] = []
        start = workers._Worker.start

        def begin(worker: workers._Worker) -> None:
            start(worker)
            started.append(worker.process.pid)
            if len(started) <= number:
                worker.process.kill()

        monkeypatch.setattr(workers._Worker, "start", begin)
        return started

    return kill


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_starts_is_started_again(
    tmp_path: Path, killed_at_start: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    started = killed_at_start(3)
    result = run_sweep(sweep_of(tmp_path, f"morphologies: vann\n{SMALL}"), tmp_path / "out", SweepOptions(processes=1))
    assert len(result.finished) == 1 and not result.failures
    assert len(started) == 4 and capsys.readouterr().out.count("a worker was killed") == 3


def test_a_sweep_of_which_no_worker_can_start_says_how_to_go_on(
    tmp_path: Path, killed_at_start: Callable[[int], list[int]]
) -> None:
    started = killed_at_start(1000)
    sweep = sweep_of(tmp_path, f"morphologies: vann\nseeds: 2\n{SMALL}")
    with pytest.raises(DendrographError) as caught:
        run_sweep(sweep, tmp_path / "out", SweepOptions(processes=2, progress=False))
    assert str(caught.value).startswith(
        "no worker of the sweep can start: all were killed by signal 9: out of memory?\n"
        "  the same command continues where it stopped; give fewer `processes`"
    )
    assert len(started) == 2 * workers.MOST_STARTS
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_a_worker_that_ends_by_itself_at_its_start_is_not_started_again(
    tmp_path: Path,
    killed_at_start: Callable[[int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As those of a script do that begins a sweep whenever it is imported."""
    started = killed_at_start(0)
    monkeypatch.setattr(workers, "_serve", sys.exit)  # with the pipe as what it says, and status 1
    with pytest.raises(DendrographError, match=r"(?s)all ended with status 1\n.*if __name__ == '__main__'"):
        run_sweep(sweep_of(tmp_path, f"morphologies: vann\n{SMALL}"), tmp_path / "out", SweepOptions(processes=1))
    assert len(started) == 1
    assert "killed" not in capsys.readouterr().out


def test_a_sweep_of_a_script_that_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one on standard input: the workers could not read it."""
    script = types.ModuleType("__main__")
    script.__file__ = "<stdin>"
    monkeypatch.setitem(sys.modules, "__main__", script)
    with pytest.raises(DendrographError, match=r"<stdin> is not a file\n  save the script as a file"):
        run_sweep(
            sweep_of(tmp_path, f"morphologies: vann\n{SMALL}"),
            tmp_path / "out",
            SweepOptions(processes=1, progress=False),
        )


def test_a_job_that_takes_down_every_worker_is_given_up_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = sweep_of(tmp_path, f"morphologies: vann\nseeds: 2\n{SMALL}").runs

    class Worker:
        """In this process: dead whenever it is given the bad run."""

        starts, ready = 0, False

        def __init__(self) -> None:
            self.start()

        def start(self) -> None:
            self.pipe, other = multiprocessing.Pipe()
            other.close()  # there is always something to hear
            self.job: Any = ()

        def begin(self, job: tuple[SweepRun, ...], folder: Path) -> None:
            self.job = job

        def answer(self) -> list[Outcome]:
            job, self.job, self.ready = self.job, (), True
            if bad in job:
                raise EOFError
            return [Outcome(run.name, 1.0) for run in job]

        def end(self) -> None:
            pass

        def join(self) -> int:
            return -9

    monkeypatch.setattr(workers, "_Worker", Worker)
    lost: list[int] = []
    with workers.local(1) as engine:
        told = [outcome for found in engine.outcomes([(bad,), (good,)], tmp_path, lost.append) for outcome in found]
    assert [(outcome.run, outcome.error) for outcome in told] == [
        (bad.name, "RuntimeError: its worker was killed several times: out of memory?"),
        (good.name, ""),
    ]
    assert sum(lost) == workers.MOST_TRIES


@pytest.mark.slow
def test_a_sweep_runs_on_a_cluster_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from distributed import LocalCluster

    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\nseeds: 2\n{SMALL}")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0) as cluster:
        result = run_sweep(sweep, tmp_path / "out", SweepOptions(scheduler=cluster.scheduler_address))
    assert len(result.finished) == 2 and not result.failures
    assert "no TLS: anyone who can connect to the cluster can run code as its user" in capsys.readouterr().out


@pytest.mark.slow
def test_a_cluster_may_stand_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data and plugins are named from where the sweep is begun, its workers have another folder."""
    from distributed import Client, LocalCluster

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine").mkdir()
    digits = small.digits(200)
    x, y = (digits.train.inputs["image"] * 16).byte().numpy(), digits.train.labels.numpy()
    np.savez(tmp_path / "mine" / "data.npz", x_train=x, y_train=y, x_test=x[:50], y_test=y[:50])
    (tmp_path / "mine" / "plugin.py").write_text("VALUE = 1\n")
    (tmp_path / "mine" / "sweep.yaml").write_text(f"morphologies: dann-lrf\ndata: data.npz\n{SMALL}")
    monkeypatch.chdir(tmp_path)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0) as cluster,
        Client(cluster) as client,
    ):
        client.run(os.chdir, str(tmp_path / "elsewhere"))
        result = run_sweep_file(
            Path("mine/sweep.yaml"),
            "out",
            plugins=["mine/plugin.py"],
            options=SweepOptions(scheduler=cluster.scheduler_address, progress=False),
        )
    assert len(result.finished) == 1 and not result.failures


def test_a_scheduler_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dendrograph.experiments.sweep.workers.SECONDS_TO_CONNECT", 1)
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}")
    with pytest.raises(DendrographError, match="no dask scheduler answers"):
        run_sweep(sweep, tmp_path / "out", SweepOptions(scheduler="tcp://127.0.0.1:9", progress=False))
    assert not (tmp_path / "out").exists()
    with pytest.raises(DendrographError, match="leave one out"):
        run_sweep(sweep, tmp_path / "out", SweepOptions(processes=2, scheduler="tcp://127.0.0.1:9", progress=False))


def test_only_a_cluster_needs_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dask", "distributed"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(workers, "local", in_this_process)
    sweep = sweep_of(tmp_path, f"morphologies: vann\n{SMALL}")
    assert len(run_sweep(sweep, tmp_path / "out", SweepOptions(progress=False)).finished) == 1
    with pytest.raises(DendrographError, match=r"(?s)dask.distributed, which is not installed\n.*dendrograph\[sweep\]"):
        run_sweep(sweep, tmp_path / "other", SweepOptions(scheduler="tcp://127.0.0.1:9", progress=False))
    assert not (tmp_path / "other").exists()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the sweep of k.yaml into k; however the test ends, nothing of it goes on."""
    # Whatever started the tests may have it ignore Ctrl-C, and its children inherit that.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from dendrograph.cli.main import main; main()"
    command = [sys.executable, "-c", program, "sweep", str(tmp_path / "k.yaml"), "--out", str(tmp_path / "k")]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        started.append(subprocess.Popen([*command, "--workers", "2"], start_new_session=True, **pipes))
        return started[-1]

    yield begin
    for process in started:
        with process, suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _until(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_sweep_outlives_a_killed_worker_and_its_own_death(
    tmp_path: Path, start: Callable[[], subprocess.Popen[str]]
) -> None:
    (tmp_path / "k.yaml").write_text(
        "name: k\nmorphologies: dann-lrf\nset: {dendrites: [2, 3], somata: 4}\nseeds: 12\ntrain: {epochs: 3}\n"
    )
    out = tmp_path / "k"

    def ended() -> int:
        return len(list(out.glob("runs/*/metrics.json")))

    first = start()
    _until(lambda: ended() >= 3, first)
    workers = [child for child in psutil.Process(first.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    os.kill(workers[0].pid, signal.SIGKILL)
    _until(lambda: ended() >= 6, first)
    first.kill()
    first.communicate()
    stopped = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/metrics.json")}
    assert 6 <= len(stopped) < 24
    second = start()
    told, errors = second.communicate(timeout=300)
    assert second.returncode == 0, errors
    assert "24 runs are finished" in told
    assert ended() == 24 and len({Run.open(path).identity for path in (out / "runs").iterdir()}) == 24
    assert all(path.stat().st_mtime_ns == then for path, then in stopped.items()), "nothing is trained twice"


@pytest.mark.slow
def test_the_stop_of_a_batch_system_is_answered_as_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it was not answered")

    monkeypatch.setattr("dendrograph.experiments.sweep.cost_estimate.seconds", stopped)
    (tmp_path / "sweep.yaml").write_text(f"morphologies: vann\n{SMALL}")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(tmp_path / "sweep.yaml"), "--out", str(tmp_path / "out")])
    assert ended.value.code == 130 and "the same command continues where it stopped" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.slow
def test_an_interrupted_sweep_says_how_to_go_on(tmp_path: Path, start: Callable[[], subprocess.Popen[str]]) -> None:
    (tmp_path / "k.yaml").write_text(
        "name: k\nmorphologies: dann-lrf\nset: {dendrites: 2, somata: 4}\nseeds: 40\ntrain: {epochs: 3}\n"
    )
    process = start()
    _until(lambda: bool(list((tmp_path / "k").glob("runs/*/metrics.json"))), process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 130, (told, errors)
    assert "interrupted" in errors and "the same command goes on" in errors
    assert "Traceback" not in errors and "leaked" not in errors


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


def test_cells_are_named_safely(tmp_path: Path) -> None:
    (run,) = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}").runs
    odd = SweepRun(run.morphology, "f", "d", "0", run.config, axes=(("data", "../../etc/pass wd"), ("k", "x" * 300)))
    name = odd.named().name
    assert "/" not in name and " " not in name and len(name) < 150
