"""Run folders of earlier versions evaluate, resume, compare and draw as they did. They lie in tests/old_runs."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from small import train_named

from dendrograph.cli.main import main
from dendrograph.comparison.compare import compare
from dendrograph.training.evaluation import evaluate
from dendrograph.training.run import Run

FOLDER = Path(__file__).resolve().parents[1] / "old_runs"
FINISHED = ("finished", "early-stop")

# What the version that made the folders gave when it went on with `unfinished`.
ENDED = {"train_loss": 2.2695051550588587, "validation_loss": 2.264859093560113}


@pytest.mark.parametrize("name", FINISHED)
def test_an_old_run_evaluates_as_it_ended(name: str) -> None:
    found, then = evaluate(FOLDER / name), Run.open(FOLDER / name).metrics["test"]
    assert found.samples == then["samples"]
    assert math.isclose(found.loss, then["loss"], rel_tol=1e-5)
    assert abs(found.accuracy - then["accuracy"]) < 0.01  # another processor rounds otherwise


def test_an_old_run_that_was_interrupted_goes_on_to_the_same_end(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "unfinished", tmp_path / "run")
    run = train_named(str(tmp_path / "run"), resume=True, progress=False)
    assert len(run.history) == 6
    assert {key: pytest.approx(value, rel=1e-5) for key, value in ENDED.items()}.items() <= run.history[-1].items()


def test_old_runs_are_compared() -> None:
    result = compare([FOLDER / name for name in FINISHED])
    assert [condition["parameters"] for condition in result.conditions] == [198, 606]


def test_an_old_run_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["draw", str(FOLDER / "finished"), "-o", str(tmp_path / "network.svg")])
    assert ended.value.code == 0
    assert (tmp_path / "network.svg").stat().st_size > 1000
