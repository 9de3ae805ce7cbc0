"""The JSON Schema of the language against the validator: what is right is taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from bad_morphologies import bad_morphologies
from cases import for_each
from trees import random_case

from dendrograph import load
from dendrograph.base.errors import DendrographError
from dendrograph.morphology.document import Document
from dendrograph.morphology.json_schema import schema
from dendrograph.morphology.shipped import shipped, write_starter

VALIDATOR = jsonschema.Draft7Validator(schema())


def faults(value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(value)]


def plain(text: str) -> Any:
    return Document.from_text(text, "mine.yaml").value


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(schema())


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_morphology_is_taken(name: str) -> None:
    assert faults(plain(shipped()[name].read_text(encoding="utf-8"))) == []
    assert faults(load(name).to_dict()) == []


@for_each("seed", range(100))
def test_every_random_tree_is_taken(seed: int) -> None:
    assert faults(random_case(seed).morphology) == []


@pytest.mark.slow
def test_every_good_twin_is_taken() -> None:
    refused = {case.name: faults(plain(case.good_text())) for case in bad_morphologies()}
    assert {name: found for name, found in refused.items() if found} == {}


# A schema checks one value at a time. It finds these kinds of fault, unless they depend on another key, on the file's
# defaults or on --set.
SEEN = {"unknown key", "missing key", "not true or false"}
SEEN_WORDS = ("nonlinearity", "field", "init")
NOT_SEEN = {"cable-diameter-alone", "cable-length-alone", "count-missing", "defaults-length-alone"}
NOT_SEEN |= {"set-length", "set-several"}


def test_it_refuses_what_one_value_shows() -> None:
    refused, taken = set(), set()
    for case in bad_morphologies():
        if not any(
            fault.kind in SEEN
            or (fault.kind == "unknown word" and fault.path.removesuffix(".name").endswith(SEEN_WORDS))
            for fault in case.faults
        ):
            continue
        try:
            value = plain(case.broken.decode())
        except (DendrographError, UnicodeDecodeError):
            continue  # no YAML at all
        (refused if faults(value) else taken).add(case.name)
    assert taken == NOT_SEEN
    assert len(refused) >= 40


def dendrograph(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dendrograph", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_command_prints_it_and_writes_it(tmp_path: Path) -> None:
    printed = dendrograph("schema", cwd=tmp_path)
    assert json.loads(printed.stdout) == schema()
    assert dendrograph("schema", "--out", "s.json", cwd=tmp_path).returncode == 0
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == printed.stdout
    again = dendrograph("schema", "--out", "s.json", cwd=tmp_path)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


def test_words_of_a_plugin_are_words_of_the_schema(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dendrograph import register_nonlinearity\n"
        "@register_nonlinearity('mine', equation='f(u) = strength u', parameters={'strength': 1.0})\n"
        "def mine(u, strength):\n    return strength * u\n",
        encoding="utf-8",
    )
    found = dendrograph("schema", "--plugin", "mine.py", cwd=tmp_path)
    assert "f(u) = strength u" in found.stdout, found.stderr
    assert "mine" not in dendrograph("schema", cwd=tmp_path).stdout


@pytest.mark.slow
def test_a_new_file_is_right_and_trains(tmp_path: Path) -> None:
    made = dendrograph("new", "true", cwd=tmp_path)  # a name that YAML would take for something else
    assert made.returncode == 0, made.stderr
    assert faults(plain((tmp_path / "true.yaml").read_text(encoding="utf-8"))) == []
    assert dendrograph("check", "true.yaml", cwd=tmp_path).returncode == 0
    trained = dendrograph("train", "true.yaml", "--data", "digits", "--epochs", "1", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr


def test_a_new_file_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = write_starter("mine")
    file.write_text("precious", encoding="utf-8")
    with pytest.raises(DendrographError, match="is there already"):
        write_starter("mine")
    assert file.read_text(encoding="utf-8") == "precious"
    assert write_starter("mine", force=True).read_text(encoding="utf-8").startswith("# mine: a morphology")
    with pytest.raises(DendrographError, match="'9x' is no name"):
        write_starter("9x")
    with pytest.raises(DendrographError, match="is a folder"):
        write_starter("other", out=tmp_path)
