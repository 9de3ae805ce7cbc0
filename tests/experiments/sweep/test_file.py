"""The file of a sweep: every combination once, and all faults at once, each with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sweeps import SMALL, faults, sweep_of

from dendrograph import datasets
from dendrograph.base.errors import DendrographError, MorphologyError
from dendrograph.experiments.sweep.file import read
from dendrograph.experiments.sweep.runs import SweepRun

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


@pytest.mark.usefixtures("registries")
def test_the_plugins_of_a_run_decide_its_result(tmp_path: Path) -> None:
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


def test_a_run_is_named_by_the_values_that_others_lack(tmp_path: Path) -> None:
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
    assert "sweep.yaml:1:26: set.sonata: no morphology has the parameter 'sonata'" in str(error.value)
    assert "runs[1].set.dendrites: no morphology has the parameter 'dendrites'" in str(error.value)


def test_files_and_data_are_taken_from_where_the_sweep_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(tmp_path)
    main_text = (Path(__file__).resolve().parents[3] / "morphologies" / "xor-dcaap.yaml").read_text()
    (below / "mine.yaml").write_text(main_text)
    images, labels = np.zeros((40, 2), dtype=np.float32), np.arange(40) % 2
    np.savez(below / "own.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    for task in ("", "/permuted-2/2"):
        sweep = sweep_of(below, f"morphologies: mine.yaml\ndata: own.npz{task}\n")
        assert [run.data for run in sweep.runs] == [f"{below / 'own.npz'}{task}"]


def test_controls_are_runs_of_their_own(tmp_path: Path) -> None:
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
        "sweep.yaml:2:7: set.dendritez: no morphology has the parameter 'dendritez'\n  did you mean 'dendrites'?",
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
        ("morphologies: vann\nset: 3\n", "expected a mapping of parameters"),
        ("morphologies: vann\nset: [3]\n", "expected a mapping of parameters"),
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


def test_runs_are_named_safely(tmp_path: Path) -> None:
    (run,) = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}").runs
    odd = SweepRun(run.morphology, "f", "d", "0", run.config, axes=(("data", "../../etc/pass wd"), ("k", "x" * 300)))
    name = odd.named().name
    assert "/" not in name and " " not in name and len(name) < 150
