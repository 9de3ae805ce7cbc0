"""Tables of a network's activity and weights, from Python and by the command."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dendrograph import DendrographError, TrainConfig, build, datasets, measures, train
from dendrograph.analyse import analyse
from dendrograph.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    network = build("dann-lrf", (8, 8), set={"somata": 6, "dendrites": 3, "synapses": 6})
    train(network, datasets.load("digits"), TrainConfig(epochs=1), folder, progress=False)
    return folder


def command(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["analyse", *map(str, words)])
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def test_rows_are_the_measures_of_the_activity() -> None:
    digits = datasets.load("digits")
    network = build("dann-lrf", (8, 8), set={"somata": 5, "dendrites": 2, "synapses": 6}).train()
    found = analyse(network, digits.test, digits.scale, active=0.1, answers=0.3)
    assert network.training, "its mode is put back"
    with torch.no_grad():
        x = digits.test.inputs["image"].float() / digits.scale
        values = network.eval().activations(x)["hidden/dendrite"].double().numpy()
    labels = digits.test.labels.numpy()
    hits = measures.hit_matrix(values > 0.1, labels, 10)
    rows = [row for row in found.units if row["group"] == "hidden/dendrite"]
    assert [row["unit"] for row in rows] == list(range(10))
    np.testing.assert_allclose([row["active"] for row in rows], (values > 0.1).mean(0))
    np.testing.assert_allclose([row["entropy"] for row in rows], measures.node_entropy(hits))
    np.testing.assert_allclose(
        [row["selectivity"] for row in rows], measures.selectivity(values, labels, 10), rtol=1e-5
    )
    sizes = np.bincount(labels)
    np.testing.assert_array_equal([row["classes"] for row in rows], measures.preferred(hits, sizes, 0.3))
    (group,) = (row for row in found.groups if row["group"] == "hidden/dendrite")
    assert group["units"] == 10 and group["silent"] == int((hits.sum(1) == 0).sum())
    assert [row["projection"] for row in found.weights] == [one.name for one in network.graph.projections]


def test_a_silent_group() -> None:
    digits = datasets.load("digits")
    network = build("dann-lrf", (8, 8), set={"somata": 5, "dendrites": 2, "synapses": 6})
    found = analyse(network, digits.test, digits.scale, active=1e6)
    for group in found.groups:
        assert group["silent"] == group["units"] and group["active"] == 0 and np.isnan(group["entropy"])


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"active": float("nan")}, "active: nan is no threshold"),
        ({"answers": 0.0}, "answers: 0.0 is no share of samples"),
    ],
)
def test_thresholds_that_are_none(thresholds: dict[str, float], message: str) -> None:
    digits = datasets.load("digits")
    with pytest.raises(DendrographError, match=message):
        analyse(build("dann-lrf", (8, 8)), digits.test, digits.scale, **thresholds)


def test_the_command(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = command(capsys, run)
    assert (code, err) == (0, "") and "hidden/dendrite" in out and "image->hidden/dendrite" in out
    code, out, _ = command(capsys, run, "--out", tmp_path / "tables")
    assert code == 0 and {path.name for path in (tmp_path / "tables").iterdir()} == {
        "units.csv",
        "groups.csv",
        "weights.csv",
    }
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tables" / "units.csv").read_text())))
    assert len(rows) == 6 * 3 + 6
    first = (tmp_path / "tables" / "units.csv").read_bytes()
    assert command(capsys, run, "--out", tmp_path / "again")[0] == 0
    assert (tmp_path / "again" / "units.csv").read_bytes() == first


def test_what_is_refused(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words, message in (
        (["no-such-run"], "error: no-such-run: no such folder"),
        ([run, "--answers", "2"], "error: answers: 2.0 is no share of samples"),
        ([run, "--out", tmp_path], f"error: {tmp_path}: there is something already"),
    ):
        (tmp_path / "kept").write_text("")
        code, out, err = command(capsys, *words)
        assert code == 2 and message in err and out == ""
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]
