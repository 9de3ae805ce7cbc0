"""Tables of a network's activity and weights, from Python and by the command."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import digits as digits_of

from dendrograph import DendrographError, TrainConfig, build, datasets, train
from dendrograph.analysis import selectivity
from dendrograph.analysis.analyse import analyse, names_of
from dendrograph.analysis.learning_curves import training_split
from dendrograph.analysis.parts import PARTS, Settings, choose
from dendrograph.cli.main import main
from dendrograph.data.batches import add_noise, split_validation
from dendrograph.draw.plots.analysis import analysis_figures
from dendrograph.training.evaluation import evaluate
from dendrograph.training.model_source import ModelSource
from dendrograph.training.run import Run
from dendrograph.training.splits import derived_seed


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    network = build("dann-lrf", (8, 8), overrides={"somata": 6, "dendrites": 3, "synapses": 6})
    train(network, datasets.load("digits"), TrainConfig(epochs=1), folder, progress=False)
    return folder


def command(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["analyse", *map(str, words)])
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def test_rows_are_the_measures_of_the_activity() -> None:
    digits = datasets.load("digits")
    network = build("dann-lrf", (8, 8), overrides={"somata": 5, "dendrites": 2, "synapses": 6}).train()
    found = analyse(ModelSource(network, data=digits), settings=Settings(active=0.1, answers=0.3))
    assert network.training, "its mode is put back"
    with torch.no_grad():
        x = digits.test.inputs["image"].float() / digits.scale
        values = network.eval().activations(x)["hidden/dendrite"].double().numpy()
    labels = digits.test.labels.numpy()
    hits = selectivity.hit_matrix(values > 0.1, labels, 10)
    rows = [row for row in found.units if row["group"] == "hidden/dendrite"]
    assert [row["unit"] for row in rows] == list(range(10))
    np.testing.assert_allclose([row["active"] for row in rows], (values > 0.1).mean(0))
    np.testing.assert_allclose([row["entropy"] for row in rows], selectivity.node_entropy(hits))
    np.testing.assert_allclose(
        [row["selectivity"] for row in rows], selectivity.selectivity(values, labels, 10), rtol=1e-5
    )
    sizes = np.bincount(labels)
    np.testing.assert_array_equal([row["classes"] for row in rows], selectivity.preferred_classes(hits, sizes, 0.3))
    (group,) = (row for row in found.groups if row["group"] == "hidden/dendrite")
    assert group["units"] == 10 and group["silent"] == int((hits.sum(1) == 0).sum())
    assert [row["projection"] for row in found.weights] == [one.name for one in network.graph.projections]


def test_a_silent_group() -> None:
    digits = datasets.load("digits")
    network = build("dann-lrf", (8, 8), overrides={"somata": 5, "dendrites": 2, "synapses": 6})
    found = analyse(ModelSource(network, data=digits), settings=Settings(active=1e6))
    for group in found.groups:
        assert group["silent"] == group["units"] and group["active"] == 0 and np.isnan(group["entropy"])


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"active": float("nan")}, "active: found nan, which is no threshold"),
        ({"answers": 0.0}, "answers: found 0.0, which is no share of samples"),
    ],
)
def test_thresholds_that_are_none(thresholds: dict[str, float], message: str) -> None:
    digits = datasets.load("digits")
    with pytest.raises(DendrographError, match=message):
        analyse(ModelSource(build("dann-lrf", (8, 8)), data=digits), settings=Settings(**thresholds))


@pytest.mark.slow
def test_the_command(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = command(capsys, run)
    assert (code, err) == (0, "") and "hidden/dendrite" in out and "image->hidden/dendrite" in out
    code, out, _ = command(capsys, run, "--out", tmp_path / "tables")
    tables = {"units", "groups", "hits", "weights", "densities", "learning", "results"}
    figures = {"selectivity", "hits", "densities", "generalisation"}
    assert code == 0 and {path.name for path in (tmp_path / "tables").iterdir()} == {
        *(f"{name}.csv" for name in tables),
        *(f"{name}.pdf" for name in figures),
    }
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tables" / "units.csv").read_text())))
    assert len(rows) == 6 * 3 + 6
    first = (tmp_path / "tables" / "units.csv").read_bytes()
    assert command(capsys, run, "--out", tmp_path / "again")[0] == 0
    assert (tmp_path / "again" / "units.csv").read_bytes() == first
    for figure in figures:
        assert (tmp_path / "again" / f"{figure}.pdf").read_bytes() == (
            tmp_path / "tables" / f"{figure}.pdf"
        ).read_bytes()


def test_what_is_refused(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words, message in (
        (["no-such-run"], "error: no-such-run: not a run, and the part 'learning' needs one"),
        ([run, "--answers", "2"], "error: --answers: found 2.0, which is no share of samples"),
        ([run, "--out", tmp_path], f"error: {tmp_path}: there is something already"),
        ([run, "--out", tmp_path / "kept" / "x"], f"error: {tmp_path / 'kept' / 'x'}: cannot be made"),
        ([run, run], f"error: {run}: given twice"),
        ([run, "--parts", "wieghts"], "error: unknown part 'wieghts' of an analysis\n  did you mean 'weights'?"),
        ([run, "--parts", ","], "error: no part of an analysis is given"),
        ([run, "--repeats", "3"], "error: --repeats: of no use to activity, weights, learning\n  leave it out"),
        ([run, "--parts", "weights", "--data-dir", tmp_path], "error: --data-dir: no data is read for weights"),
        ([run, "--parts", "embedding", "--embeddings", "tsen"], "did you mean 'tsne'?"),
        ([run, "--parts", "embedding", "--neighbours", "0"], "error: --neighbours: found 0"),
        (
            [run, "--parts", "embedding", "--samples", "10"],
            f"error: {run}: embedding: 10 samples are too few to score 6",
        ),
        ([run, "--format", "csv"], "error: --format has no effect without --out"),
        ([run, "--figures", "png"], "error: --figures has no effect without --out"),
        ([run, "--out", tmp_path / "new", "--format", "xlsx"], "error: unknown format 'xlsx' of tables"),
        (
            [run, "--out", tmp_path / "new", "--figures", "pfd"],
            "error: unknown form 'pfd' of figures\n  did you mean 'pdf'",
        ),
    ):
        (tmp_path / "kept").write_text("")
        code, out, err = command(capsys, *words)
        assert code == 2 and message in err and out == ""
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_sparseness_of_a_group_by_numpy() -> None:
    digits = datasets.load("digits")
    network = build("dann-lrf", (8, 8), overrides={"somata": 5, "dendrites": 2, "synapses": 6})
    found = analyse(ModelSource(network, data=digits), ["activity"])
    with torch.no_grad():
        x = digits.test.inputs["image"].float() / digits.scale
        values = np.maximum(network.eval().activations(x)["hidden/dendrite"].double().numpy(), 0)

    def of(responses: np.ndarray) -> float:
        return float((1 - responses.mean() ** 2 / np.mean(responses**2)) / (1 - 1 / len(responses)))

    rows = [row for row in found.units if row["group"] == "hidden/dendrite"]
    expected = [of(column) if column.any() else np.nan for column in values.T]
    np.testing.assert_allclose([row["sparseness"] for row in rows], expected)
    population = np.mean([of(sample) for sample in values if sample.any()])
    assert found.groups[0]["population_sparseness"] == pytest.approx(population)


def test_the_hits_are_those_of_the_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Summed over several batches, the last of them smaller."""
    digits = datasets.load("digits")
    network = build("dann-lrf", (8, 8), overrides={"somata": 5, "dendrites": 2, "synapses": 6})
    whole = analyse(ModelSource(network, data=digits))
    monkeypatch.setattr("dendrograph.analysis.activity.BATCH", 77)
    parts = analyse(ModelSource(network, data=digits))
    assert parts["hits"] == whole["hits"]
    for one, other in zip(parts.units, whole.units, strict=True):
        assert list(one.values())[2:] == pytest.approx(list(other.values())[2:], nan_ok=True)
    row = whole["hits"][13]
    assert (row["group"], row["unit"], row["class"]) == ("hidden/dendrite", 1, 3)
    labels = digits.test.labels.numpy()
    assert row["samples"] == (labels == 3).sum()
    of_unit = sum(row["hits"] for row in whole["hits"] if row["group"] == "hidden/dendrite" and row["unit"] == 1)
    assert of_unit / len(labels) == pytest.approx(whole.units[1]["active"])


def test_learning_is_the_history_with_gaps(run: Path) -> None:
    found = analyse(run, ["learning"])
    opened = Run.open(run)
    for row, then in zip(found["learning"], opened.history, strict=True):
        assert {key: row[key] for key in then} == then
        assert row["accuracy_gap"] == then["train_accuracy"] - then["validation_accuracy"]
        assert row["loss_gap"] == then["validation_loss"] - then["train_loss"]
    (end,) = found["results"]
    digits = datasets.load("digits")
    splits = *split_validation(digits, 0.1, 0), digits.test
    train, validation, test = (evaluate(opened.network(), split, digits.scale) for split in splits)
    assert (end["train_accuracy"], end["train_loss"]) == (train.accuracy, train.loss)
    assert end["accuracy_gap"] == pytest.approx(train.accuracy - test.accuracy)
    assert end["validation_accuracy_gap"] == pytest.approx(validation.accuracy - test.accuracy)
    assert end["loss_gap"] == pytest.approx(test.loss - train.loss)
    assert end["best_epoch"] == end["weights_of_epoch"] == end["epochs"] == 1


def test_the_training_split_is_the_one_the_run_saw(run: Path) -> None:
    digits, opened = datasets.load("digits"), Run.open(run)
    for noise in (0.0, 0.5):
        config = {**opened.record["config"], "noise": noise}
        found = training_split(Run(run, {**opened.record, "config": config}), digits)
        expected = split_validation(digits, 0.1, 0)[0]
        if noise:
            expected = add_noise(expected, digits.scale, noise, derived_seed(0, "noise", 0))
        assert torch.equal(found.inputs["image"], expected.inputs["image"]) and torch.equal(
            found.labels, expected.labels
        )


def test_noise_is_added_to_samples_without_noise(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, digits = Run.open(run), datasets.load("digits")
    found = analyse(run, ["noise"], settings=Settings(repeats=1))
    assert {row["trained_sigma"] for row in found["noise"]} == {0.0}
    first = found["noise"][0]
    assert first["sigma"] == 0
    clean = add_noise(digits.test, digits.scale, 0.0, 0)
    assert first["accuracy"] == evaluate(opened.network(), clean, digits.scale).accuracy
    assert found["noise_summary"][0]["area"] > 0


def test_every_part_has_its_tables(run: Path) -> None:
    settings = {"samples": 40, "repeats": 1, "embeddings": ("pca",), "at_most": 2}
    found = analyse(run, ["all"], Settings(**settings))
    tables = (
        "units groups hits weights densities learning results embedding points noise noise_summary occlusion "
        "occlusion_summary lesions lesions_summary single_lesions"
    )
    assert set(found.tables) == set(tables.split()) and all(found.tables.values())
    assert len(found["points"]) == 2 * 40 and len(found["single_lesions"]) == 2
    with pytest.raises(DendrographError, match="no table 'unts'\n  did you mean 'units'"):
        _ = found["unts"]
    with pytest.raises(TypeError):
        found.tables["units"] = ()  # type: ignore[index]


def test_several_runs(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    shutil.copytree(run, other)
    both, one = analyse([run, other]), analyse(run)
    for name, rows in one.tables.items():
        repeated = [{"run": label, **row} for label in ("small", "other") for row in rows]
        assert str(list(both[name])) == str(repeated), "in order; as text, in which nan is nan"
    code, _, _ = command(capsys, run, other, "--parts", "weights,noise", "--out", tmp_path / "two", "--figures", "svg")
    assert code == 0 and {path.name for path in (tmp_path / "two").glob("*.svg")} == {
        "densities-small.svg",
        "densities-other.svg",
        "noise.svg",
    }


def test_the_finished_runs_under_a_folder(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two", "begun"):
        shutil.copytree(run, tmp_path / "runs" / name)
    (tmp_path / "runs" / "begun" / "metrics.json").unlink()
    code, _, error = command(capsys, tmp_path, "--parts", "weights", "--out", tmp_path / "tables")
    assert code == 0 and "left out: " in error and "begun: it is not finished" in error
    assert "[1/2]  one\n[2/2]  two  0:0" in error, "which run is measured, and how long it takes"
    rows = csv.DictReader((tmp_path / "tables" / "weights.csv").read_text().splitlines())
    assert {row["run"] for row in rows} == {"one", "two"}


def test_a_run_in_a_folder_that_is_given_is_measured_once(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        shutil.copytree(run, tmp_path / name / "task-1")
    code, _, error = command(capsys, tmp_path, tmp_path / "b" / "task-1", tmp_path, "--parts", "weights")
    assert code == 0 and "[1/2]  a-task-1\n[2/2]  b-task-1" in error
    assert f"{run}: given twice" in command(capsys, run, run, "--parts", "weights")[2]


def test_what_a_part_cannot_measure_is_told_of_all_runs_before_any_is_measured(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = datasets.load("digits")
    arrays = {"x_train": digits.train.inputs["image"] * 1.0, "x_test": digits.test.inputs["image"] * 1.0}
    np.savez(tmp_path / "own.npz", **arrays, y_train=digits.train.labels, y_test=digits.test.labels)
    other, own = tmp_path / "run", datasets.load(str(tmp_path / "own.npz"))
    train(build("vann", (8, 8), overrides={"somata": 3}), own, TrainConfig(epochs=1), other, progress=False)
    monkeypatch.setattr("dendrograph.analysis.analyse._tables", lambda *_: pytest.fail("measured"))
    message = (
        f"^{other}: noise: stream 'image' holds values from 0 to 16, but noise is clipped.*\n  scale .*\n"
        "  or leave the part 'noise' out$"
    )
    with pytest.raises(DendrographError, match=message):
        analyse([run, other], ["activity", "noise"])
    (other / "history.csv").unlink()
    with pytest.raises(DendrographError, match=r"history\.csv: cannot be read"):
        analyse([run, other])


def test_what_has_nothing_to_remove_is_told_before_any_is_measured(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flat.yaml").write_text(
        "name: flat\ninputs: {image: auto}\nneurons: {point: {synapses: [{from: image, field: all}]}}\n"
        "layers: [{neuron: point, count: 10, name: out}]\n"
    )
    digits = datasets.load("digits")
    network = build(tmp_path / "flat.yaml", (8, 8), None)
    train(network, digits, TrainConfig(epochs=1), tmp_path / "flat", progress=False)
    code, out, err = command(capsys, run, tmp_path / "flat", "--parts", "weights,lesions")
    assert code == 2 and out == "" and "[1/2]" not in err
    assert f"error: {tmp_path / 'flat'}: lesions: the network has no" in err and "leave the part 'lesions' out" in err


def test_chance_is_among_the_classes_that_the_samples_have(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = []
    monkeypatch.setattr("dendrograph.analysis.robustness.summary", lambda rows, number: classes.append(number) or rows)
    task = datasets.load("digits/split-5/1")
    analyse(
        ModelSource(build("vann", (8, 8), 10, overrides={"somata": 3}), data=task),
        ["occlusion"],
        settings=Settings(repeats=1),
    )
    assert classes == [2]


def test_runs_of_one_name_are_told_apart() -> None:
    assert names_of(["a/x", "b/x", "c/y"]) == ("a-x", "b-x", "c-y")
    assert names_of(["a/x/r", "a/y/r"]) == ("x-r", "y-r")
    assert names_of(["a/x", "b/y"]) == ("x", "y")
    assert names_of(["runs/.."]) == (Path.cwd().name,)
    for none, message in (((), "no run is given"), (("a", "b/../a"), "b/../a: given twice")):
        with pytest.raises(DendrographError, match=message):
            names_of(none)


def test_weights_need_no_data(tmp_path: Path) -> None:
    """A run on data that only Python held has weights all the same."""
    data = digits_of()
    train(
        build("dann-lrf", (8, 8), overrides={"somata": 3}), data, TrainConfig(epochs=1), tmp_path / "r", progress=False
    )
    assert len(analyse(tmp_path / "r", ["weights"]).weights) == 3
    with pytest.raises(DendrographError, match="trained on data from Python"):
        analyse(tmp_path / "r")


def test_figures_that_cannot_be_drawn_are_told(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dendrograph.draw.plots.distributions.MOST_GROUPS", 1)
    figures, notes = analysis_figures(analyse(run).tables)
    assert set(figures) == {"selectivity", "densities", "generalisation"}
    assert len(notes) == 1 and notes[0].startswith("no figure 'hits': 2 groups, but a figure shows at most 1")


def test_parquet(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    words = (run, "--parts", "weights", "--out", tmp_path / "o", "--format", "parquet", "--figures", "none")
    assert command(capsys, *words)[0] == 0
    assert {path.name for path in (tmp_path / "o").iterdir()} == {"weights.parquet", "densities.parquet"}
    found = parquet.read_table(tmp_path / "o" / "weights.parquet").to_pylist()
    assert found == [dict(row) for row in analyse(run, ["weights"]).weights]


def test_what_python_refuses() -> None:
    digits = datasets.load("digits")
    network = build("dann-lrf", (8, 8), overrides={"somata": 3})
    split = digits.test
    for given, message in (
        ({"parts": ["learning"]}, "not a run, and the part 'learning' needs one"),
        ({"parts": ["weights"], "settings": Settings(active=1.0)}, "active: of no use to weights"),
        ({"parts": ["noise"], "settings": {"repeats": 1}}, "`settings`: expected Settings or None"),
    ):
        with pytest.raises(DendrographError, match=message):
            analyse(ModelSource(network, data=replace(digits, test=split)), **given)  # type: ignore[arg-type]
    for settings, message in (
        ({"seed": -1}, "seed: found -1"),
        ({"repeats": 1.5}, "repeats: found 1.5"),
        ({"embeddings": "pca"}, "embeddings: found 'pca'\n  give a tuple of names"),
    ):
        with pytest.raises(DendrographError, match=message):
            Settings(**settings)  # type: ignore[arg-type]
    with pytest.raises(DendrographError, match="there are no samples to analyse"):
        analyse(ModelSource(network, data=replace(digits, test=split.take(torch.arange(0)))))
    with torch.no_grad():
        network.get_parameter(next(name for name, _ in network.named_parameters())).fill_(float("nan"))
    with pytest.raises(DendrographError, match="its activity is not finite"):
        analyse(ModelSource(network, data=replace(digits, test=split)))
    with pytest.raises(DendrographError, match="not finite"):
        analyse(ModelSource(network, data=replace(digits, test=split)), ["weights"])


def test_the_parts_use_settings_that_there_are() -> None:
    assert {name for part in PARTS.values() for name in part.settings} == set(vars(Settings()))
    assert choose(["all"]) == tuple(PARTS) and choose(["weights", "activity"]) == ("activity", "weights")
