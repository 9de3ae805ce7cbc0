"""Records of runs as tables: nothing is lost, damage shows, and records go with the tables that name them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from small import train_named

from dendrograph.base.errors import RunError
from dendrograph.experiments.reproduce.records import keep, put, read_continual, read_runs, restore, write_continual
from dendrograph.training.run import Run

LEARNED = {"format": 1, "scenario": "one", "accuracy": [[0.1, 0.30000000000000004], [1.0, 0.5]], "tasks": ["a", "b"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two small runs."""
    folder = tmp_path_factory.mktemp("reproduced")
    for name, seed in (("vann", 0), ("dann-lrf", 1)):
        out, settings = folder / "runs" / f"{name}-{seed}", {"epochs": 2, "seed": seed}
        small = {"somata": 3, "dendrites": 2}
        train_named(name, "digits", settings=settings, overrides=small, out=out, progress=False)
    return folder


@pytest.fixture
def kept(place: Path, tmp_path: Path) -> Path:
    """A folder of tables with the records of the two runs."""
    beside = tmp_path / "results" / "small"
    put(beside / "fig2" / "summary.csv", b"runs,n\nruns/vann-0; runs/dann-lrf-1,2\n")
    keep((place / "runs").iterdir(), [], place, beside)
    return beside


def test_a_run_is_restored_without_loss(place: Path, kept: Path, tmp_path: Path) -> None:
    assert {path.name for path in kept.iterdir()} == {"fig2", "runs.csv", "history.csv"}
    assert len(restore(kept, tmp_path / "back")) == 2
    for run in (place / "runs").iterdir():
        back = tmp_path / "back" / "runs" / run.name
        for name in ("run.json", "metrics.json", "history.csv", "morphology.yaml"):
            assert (back / name).read_bytes() == (run / name).read_bytes(), name
        assert Run.open(back).history == Run.open(run).history
        assert Run.open(back).graph().connectivity_hash == Run.open(run).graph().connectivity_hash


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (
            "runs.csv",
            ",adam,",
            ",sgd,",
            "runs.csv:2: damaged or changed: runs/dann-lrf-1, with its rows of",
        ),
        ("runs.csv", "runs/dann-lrf-1", "runs/other", "runs.csv:2: damaged or changed: runs/other,"),
        ("history.csv", "\nruns/dann-lrf-1,2,", "\nruns/dann-lrf-1,3,", "runs.csv:2: damaged or changed: "),
    ],
)
def test_an_edited_record_is_refused(kept: Path, name: str, old: str, new: str, expected: str) -> None:
    text = (kept / name).read_text()
    assert old in text
    (kept / name).write_text(text.replace(old, new, 1))
    with pytest.raises(RunError, match=re.escape(expected)):
        read_runs(kept)


def test_a_missing_or_edited_morphology_is_refused(kept: Path) -> None:
    path = sorted((kept.parent / "morphologies").iterdir())[0]
    path.write_text(path.read_text() + "# edited\n")
    with pytest.raises(RunError, match=r"\.yaml: damaged or changed: not the text whose SHA-256 is the file's name"):
        read_runs(kept)
    path.unlink()
    with pytest.raises(RunError, match=r"\.yaml: cannot be read: No such file"):
        read_runs(kept)


def test_records_follow_the_runs_and_go_with_their_tables(place: Path, kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "runs" / "vann-0"
    shutil.copytree(place / "runs" / "dann-lrf-1", other)
    keep([other], [], tmp_path, kept)
    records = read_runs(kept)
    assert records["runs/vann-0"].content == records["runs/dann-lrf-1"].content, "a new run replaces the record"
    assert len(list((kept.parent / "morphologies").iterdir())) == 1, "no record needs the other morphology"
    put(kept / "fig2" / "summary.csv", b"runs,n\nruns/vann-0,1\n")
    own = b"\xff\n"  # it may name any record
    put(kept / "fig2" / "own.csv", own)
    keep([], [], place, kept)
    assert len(read_runs(kept)) == 2
    (kept / "fig2" / "own.csv").unlink()
    keep([], [], place, kept)
    assert read_runs(kept).keys() == {"runs/vann-0"}


def test_a_network_that_learned_tasks_in_turn_is_restored_without_loss(tmp_path: Path) -> None:
    write_continual(tmp_path / "small", {"continual/a": LEARNED})
    assert read_continual(tmp_path / "small") == {"continual/a": LEARNED}
    (folder,) = restore(tmp_path / "small", tmp_path / "back")
    restored = json.loads((folder / "continual.json").read_text())
    assert restored.pop("sha256") and restored == LEARNED
    path = tmp_path / "small" / "continual.csv"
    path.write_text(path.read_text().replace("0.5", "0.6"))
    with pytest.raises(RunError, match=r"continual\.csv:2: damaged or changed: continual/a is not what its"):
        read_continual(tmp_path / "small")


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no records: it holds no runs\.csv and no continual\.csv"):
        restore(tmp_path, tmp_path / "back")
