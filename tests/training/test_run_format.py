"""JSON files of run folders: whatever is in them, it is held to a type and a range before it is used."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from dendrograph.base.errors import DendrographError, RunError
from dendrograph.base.json_files import check_form, read_file, read_json, read_sealed, sealed
from dendrograph.training.run_format import CELLS, LEARNING, METRICS, RUN, load

EVALUATION = {"loss": 0.5, "accuracy": 0.75, "samples": 4, "confusion": [[2, 0], [1, 1]]}
ENDED: dict[str, Any] = {
    "test": EVALUATION,
    "validation": EVALUATION,
    "epochs": 3,
    "weights_of_epoch": 2,
    "parameters": 10,
    "seconds": 1.5,
    "weights": "0" * 64,
    "history": "1" * 64,
    "run": "a" * 64,
}
BEGUN: dict[str, Any] = {
    "config": {"seed": 0, "epochs": 3},
    "data": {"name": "few", "source": "a test", "digest": "d", "origin": {"name_or_path": "few", "data_dir": None}},
    "graph": {
        "name": "small",
        "inputs": {"image": [8, 8]},
        "classes": 10,
        "seed": 0,
        "morphology": "m",
        "connectivity_hash": "c",
        "knobs": {"dendrites": 4},
    },
    "network": {"kernel": "auto", "kernels": {}, "initial_weights": "w"},
}


def changed(record: Any, path: str, value: Any) -> Any:
    """A copy with another value at a path such as `test.loss`; a value that is missing where it is `...`."""
    copy = json.loads(json.dumps(record))
    *above, last = path.split(".")
    inner = copy
    for key in above:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return copy


def test_what_is_right_is_held() -> None:
    check_form(ENDED, METRICS, Path("metrics.json"))
    check_form(changed(ENDED, "history", ...), METRICS, Path("metrics.json"))
    check_form(changed(ENDED, "test.loss", float("nan")), METRICS, Path("metrics.json"))
    check_form(BEGUN, RUN, Path("run.json"))


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("test", ..., "'test' is missing"),
        ("test.loss", ..., "'test.loss' is missing"),
        ("test.loss", -1.0, "'test.loss' is -1.0, expected a number from 0 to inf"),
        ("validation.loss", float("nan"), "'validation.loss' is nan"),
        ("test.accuracy", 1.5, "'test.accuracy' is 1.5, expected a number from 0 to 1"),
        ("test.accuracy", True, "'test.accuracy' is True"),
        ("test.accuracy", "0.9", "'test.accuracy' is '0.9'"),
        ("test.accuracy", 10**400, "'test.accuracy' is 1000"),
        ("test.confusion", [[1], ["a"]], "'test.confusion.1.0' is 'a', expected a whole number"),
        ("test", [1], "'test' is a list of 1, expected a mapping"),
        ("epochs", 0, "'epochs' is 0, expected a whole number from 1"),
        ("epochs", 1e3, "'epochs' is 1000.0"),
        ("epochs", 10**30, "'epochs' is 1000000000"),
        ("weights", "short", "expected a SHA-256"),
    ],
)
def test_a_field_of_the_metrics_that_is_not_right(path: str, value: Any, told: str) -> None:
    with pytest.raises(RunError) as error:
        check_form(changed(ENDED, path, value), METRICS, Path("metrics.json"))
    assert told in str(error.value) and str(error.value).startswith("metrics.json: damaged: ")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("config", [], "'config' is a list of 0, expected a mapping"),
        ("config.seed", -1, "'config.seed' is -1"),
        ("config.batch_size", [], "'config.batch_size' is a list of 0, expected a whole number from 1"),
        ("config.lr", "fast", "'config.lr' is 'fast', expected a number from 0"),
        ("config.optimizer", None, "'config.optimizer' is None, expected text"),
        ("config.early_stop", 1, "'config.early_stop' is 1, expected true or false"),
        ("config.patience", 0, "'config.patience' is 0, expected a whole number from 1"),
        ("config.noise", {"a": 1}, "'config.noise' is a mapping, expected a number from 0"),
        ("config.sequential", "no", "'config.sequential' is 'no', expected true or false"),
        ("config.validation", [[]], "'config.validation' is a list of 1, expected a number from 0 to 1"),
        ("data.origin", "digits", "'data.origin' is 'digits', expected a mapping"),
        ("data.origin.data_dir", 5, "'data.origin.data_dir' is 5, expected text"),
        ("graph.inputs", [8, 8], "'graph.inputs' is a list of 2, expected a mapping"),
        ("graph.inputs.image", 8, "'graph.inputs.image' is 8, expected a list of at least 1"),
        ("graph.inputs.image", [8, "8"], "'graph.inputs.image.1' is '8'"),
        ("graph.classes", 0, "'graph.classes' is 0"),
        ("graph.knobs", {"dendrites": [1]}, "'graph.knobs.dendrites' is a list of 1"),
        ("graph.plugins", {"mine": None}, "'graph.plugins.mine' is None, expected text"),
        ("network.kernels", None, "'network.kernels' is None, expected a mapping"),
    ],
)
def test_a_field_of_the_record_that_is_not_right(path: str, value: Any, told: str) -> None:
    with pytest.raises(RunError) as error:
        check_form(changed(BEGUN, path, value), RUN, Path("run.json"))
    assert told in str(error.value)


@pytest.mark.parametrize("name", ["", "..", "../elsewhere", "/etc", 5])
def test_a_cell_is_a_folder_beside_the_others(name: Any) -> None:
    with pytest.raises(RunError, match=r"'cells\.0\.name' is .*, expected the name of a folder"):
        check_form({"name": "s", "cells": [{"name": name}]}, CELLS, Path("cells.json"))


def test_accuracies_of_a_learning_are_shares() -> None:
    about = {**BEGUN, "protocol": "split", "scenario": "class", "tasks": ["a", "b"], "runs": ["0" * 64] * 2}
    check_form({**about, "accuracy": [[0.5, 0.5]] * 3}, LEARNING, Path("continual.json"))
    for wrong in ([[0.5, 1.5]] * 3, [[0.5, None]] * 3, [0.5] * 3, "0.5", [[0.5, 0.5]]):
        with pytest.raises(RunError, match=r"continual\.json: damaged: 'accuracy"):
            check_form({**about, "accuracy": wrong}, LEARNING, Path("continual.json"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[" * 100_000 + "]" * 100_000, "damaged: nested too deeply"),
        ('{"a": ' * 100_000, "damaged: nested too deeply"),
        (f"[{'9' * 5000}]", "damaged: no JSON"),
        ("", "damaged: no JSON"),
        ("\ufeff{}", "damaged: no JSON"),
    ],
)
def test_no_json_is_too_strange_to_be_refused(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(content, encoding="utf-8")
    for read in (read_json, read_sealed):
        with pytest.raises(RunError) as error:
            read(path)
        assert str(error.value).startswith(f"{path}: {told}")


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    for name, make in {
        "folder": lambda path: path.mkdir(),
        "pipe": os.mkfifo,  # opening it would wait for ever
        "loop": lambda path: path.symlink_to(path.name),
        "dangling": lambda path: path.symlink_to("nothing"),
    }.items():
        make(tmp_path / name)
        with pytest.raises(RunError, match=f"{name}: cannot be read: "):
            read_file(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")
    (tmp_path / "large").write_bytes(b"12345")
    with pytest.raises(RunError, match="large: damaged: it has 5 bytes, at most 4 fit"):
        read_file(tmp_path / "large", 4)


def test_a_seal_is_over_all_that_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(sealed({"format": 1, "name": "\udce9"}))
    assert read_sealed(path, version=1) == {"format": 1, "name": "\udce9"}
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(RunError, match="damaged or changed"):
        read_sealed(path)


def as_run_folder(folder: Path, text: str) -> None:
    """Write the two files by which a folder is that of a run."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    graph = {"name": "", "inputs": {}, "classes": None, "seed": 0, "morphology": digest, "connectivity_hash": ""}
    record = {
        "format": 1,
        "config": {"seed": 0},
        "data": {"name": "", "source": "", "digest": "", "origin": None},
        "graph": graph,
        "network": {"kernel": "auto", "kernels": {}, "initial_weights": ""},
    }
    (folder / "morphology.yaml").write_text(text)
    (folder / "run.json").write_text(sealed(record))


TEXT = "name: mine\nneurons: {n: {synapses: {count: 2}}}\nlayers: [{neuron: n, count: 2}]\n"


def test_load_reads_the_morphology_of_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "morphology.yaml").write_text(TEXT)
    with pytest.raises(DendrographError) as error:
        load(tmp_path)
    expected = f"{tmp_path}: a folder, but no run folder (that holds run.json and morphology.yaml)\n  give a YAML file"
    assert str(error.value) == expected
    as_run_folder(tmp_path, TEXT)
    assert load(tmp_path).name == "mine"
    (tmp_path / "morphology.yaml").write_text(TEXT.replace("mine", "other"))
    with pytest.raises(RunError, match="not the morphology that was trained: the file was changed"):
        load(tmp_path)
