"""Means over the seeds of a condition: of a table by hand, and of runs."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dendrograph import TrainConfig, build, datasets, train
from dendrograph.analysis.analyse import Analysis, analyse
from dendrograph.analysis.parts import Settings
from dendrograph.cli.main import main
from dendrograph.comparison.over_seeds import AVERAGED, END, over_seeds
from dendrograph.comparison.statistics import mean_interval
from dendrograph.draw.plots.analysis import analysis_figures
from dendrograph.training.train import Destination, train_network

SIZE = {"somata": 6, "dendrites": 3, "synapses": 6}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds of one condition, and two of another that learned longer; the last stopped early."""
    folder = tmp_path_factory.mktemp("runs")
    digits = datasets.load("digits")
    for seed, epochs, name in ((0, 1, "a0"), (1, 1, "a1"), (2, 1, "a2"), (0, 3, "b0"), (1, 3, "b1")):
        network = build("dann-lrf", (8, 8), overrides=SIZE, seed=seed)
        train(network, digits, TrainConfig(epochs=epochs, seed=seed), folder / name, progress=False)
    return folder


@pytest.fixture(scope="module")
def found(runs: Path) -> Analysis:
    parts = ("activity", "weights", "learning", "noise", "lesions", "embedding")
    return analyse(sorted(runs.iterdir()), parts=parts, settings=Settings(repeats=2, embeddings=("pca",), samples=60))


def test_a_table_by_hand() -> None:
    """Repeats of one run are averaged first; a row that one of the runs lacks is left out; so is a run of nothing."""
    rows = [
        {"run": "x", "level": 0, "repeat": 0, "accuracy": 0.2},
        {"run": "x", "level": 0, "repeat": 1, "accuracy": 0.4},
        {"run": "y", "level": 0, "repeat": 0, "accuracy": 0.9},
        {"run": "y", "level": 1, "repeat": 0, "accuracy": 0.8},
        {"run": "z", "level": 1, "repeat": 0, "accuracy": 0.7},
        {"run": "unknown", "level": 0, "repeat": 0, "accuracy": 0.0},
    ]
    about = {"x": {"condition": "c"}, "y": {"condition": "c"}, "z": {"condition": "d"}}
    both, alone = over_seeds(rows, about, ("level",), ("accuracy",))
    assert both["accuracy"] == pytest.approx(0.6), "(0.2 + 0.4) / 2 = 0.3 of x, 0.9 of y"
    assert (both["condition"], both["level"], both["seeds"], both["runs"]) == ("c", 0, 2, "x; y")
    assert 0.3 - 1e-9 <= both["accuracy_low"] < both["accuracy"] < both["accuracy_high"] <= 0.9 + 1e-9
    assert (alone["condition"], alone["level"], alone["seeds"], alone["runs"]) == ("d", 1, 1, "z")
    assert alone["accuracy"] == 0.7 and math.isnan(alone["accuracy_low"])


def test_what_has_no_value_in_one_run_has_none_over_seeds() -> None:
    rows = [{"run": "x", "half_level": float("nan")}, {"run": "y", "half_level": 0.5}]
    (row,) = over_seeds(rows, {"x": {"condition": "c"}, "y": {"condition": "c"}}, (), ("half_level",))
    assert row["seeds"] == 2 and math.isnan(row["half_level"]) and math.isnan(row["half_level_high"])


@pytest.mark.slow
def test_every_mean_is_that_of_its_runs(found: Analysis) -> None:
    """Each cell of each table anew, from the rows of the runs that it names."""
    tables = {name: rows for name, rows in found.tables.items() if name.endswith(END)}
    assert set(tables) == {f"{name}{END}" for name in AVERAGED if name in found.tables}
    assert {"groups", "weights", "learning", "results", "embedding", "noise", "lesions_summary"} <= set(found.tables)
    for table, rows in tables.items():
        keys, columns = AVERAGED[table.removesuffix(END)]
        assert rows
        for row in rows:
            assert row["runs"] == {3: "a0; a1; a2", 2: "b0; b1"}[row["seeds"]] and row["data"] == "digits"
            for column in columns:
                of_runs = [
                    np.mean(
                        [
                            one[column]
                            for one in found[table.removesuffix(END)]
                            if one["run"] == run and all(one[key] == row[key] for key in keys)
                        ]
                    )
                    for run in row["runs"].split("; ")
                ]
                wanted = mean_interval(of_runs)
                np.testing.assert_allclose(
                    [row[column], row[f"{column}_low"], row[f"{column}_high"]], [wanted.mean, wanted.low, wanted.high]
                )


def test_conditions_are_told_apart_by_what_varies(found: Analysis) -> None:
    rows = found["results_over_seeds"]
    assert [(row["condition"], row["seeds"]) for row in rows] == [("dann-lrf epochs=1", 3), ("dann-lrf epochs=3", 2)]
    assert [row["epoch"] for row in found["learning_over_seeds"]] == [1, 1, 2, 3]


def test_what_varies_is_a_column_of_all_tables(found: Analysis, runs: Path) -> None:
    """Called otherwise where a table has a column of that name, here `epochs`: how many there were."""
    tables = {**found.tables, **analyse([runs / "a0", runs / "b0"], parts=["learning"]).tables}
    assert len(tables) > 15
    for rows in tables.values():
        for row in rows:
            of_a = row["run"][0] == "a" if "run" in row else row["condition"] == "dann-lrf epochs=1"
            assert list(row)[:2] in (["run", "train.epochs"], ["data", "condition"])
            assert row["train.epochs"] == (1 if of_a else 3)
    alike = analyse([runs / "a0", runs / "a1"], parts=["learning"])
    assert not any("train.epochs" in row for rows in alike.tables.values() for row in rows)


def test_one_seed_a_condition_makes_no_means(runs: Path) -> None:
    assert set(analyse([runs / "a0", runs / "b0"], parts=["weights"]).tables) == {"weights", "densities"}
    assert set(analyse([runs / "a0"], parts=["weights"]).tables) == {"weights", "densities"}


@pytest.mark.slow
def test_the_command_prints_means_and_keeps_both(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["analyse", str(runs), "--parts", "weights,noise", "--repeats", "2", "--out", str(tmp_path / "tables")]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--figures", "svg"])
    printed = capsys.readouterr()
    assert ended.value.code == 0 and "note" not in printed.err
    title, header, *lines = printed.out.split("\n\n")[0].splitlines()
    assert title == "weights, means over seeds"
    assert header.split("  ")[0] == "condition" and " n " in header and len(lines) == 6, (
        "two conditions, three projections"
    )
    assert lines[0].startswith("dann-lrf epochs=1  image->hidden/dendrite") and "[" in lines[0]
    assert "95 % interval over seeds" in printed.out and "a0" not in printed.out
    kept = {path.name for path in (tmp_path / "tables").iterdir()}
    assert {"weights.csv", "weights_over_seeds.csv", "noise_over_seeds.csv", "noise_summary_over_seeds.csv"} <= kept
    assert len(list(csv.DictReader((tmp_path / "tables" / "weights.csv").read_text().splitlines()))) == 15
    assert len(list(csv.DictReader((tmp_path / "tables" / "weights_over_seeds.csv").read_text().splitlines()))) == 6


@pytest.mark.slow
def test_curves_are_of_conditions(found: Analysis) -> None:
    figures, notes = analysis_figures(found.tables, found.conditions)
    assert notes == ()
    (axes,) = figures["noise"].axes
    assert [line.get_label() for line in axes.lines] == ["dann-lrf epochs=1", "dann-lrf epochs=3"]
    rows = [row for row in found["noise_over_seeds"] if row["condition"] == "dann-lrf epochs=1"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [100 * row["accuracy"] for row in rows])
    first = [
        np.mean([row["accuracy"] for row in found["noise"] if row["run"] == run and row["sigma"] == 0])
        for run in ("a0", "a1", "a2")
    ]
    band = axes.collections[0].get_paths()[0].vertices
    at_first = band[band[:, 0] == 0][:, 1]
    assert at_first.max() - at_first.min() == pytest.approx(200 * np.std(first, ddof=1)), "the spread over seeds"
    costs = figures["single_lesions"].axes[0].lines[0]
    assert len(costs.get_ydata()) == 3 * 18, "every dendrite of every seed"


def test_runs_that_contradict_each_other_are_measured_and_not_averaged(runs: Path, tmp_path: Path) -> None:
    """One seed twice, with another result: it is unknown which of them counts. Other conditions remain."""
    digits = datasets.load("digits")
    network = build("dann-lrf", (8, 8), overrides=SIZE, seed=0)
    with_other_weights: Any = network.state_dict()
    network.load_state_dict({name: value * 1.5 for name, value in with_other_weights.items()})
    train(network, digits, TrainConfig(epochs=1, seed=0), tmp_path / "other", progress=False)
    folders = [runs / "a0", runs / "a1", tmp_path / "other"]
    result = analyse(folders, parts=["weights"])
    assert set(result.tables) == {"weights", "densities"} and len(result["weights"]) == 9 and not result.conditions
    (note,) = result.notes
    assert note.startswith("means over seeds: left out with its condition: ")
    assert "different results of one condition and one seed" in note
    result = analyse([*folders, runs / "b0", runs / "b1"], parts=["weights"])
    assert {row["runs"] for row in result["weights_over_seeds"]} == {"b0; b1"} and len(result.notes) == 1


def test_what_is_left_out_is_told_also_where_nothing_is_left_to_average(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "b1", tmp_path / "cut")
    history = tmp_path / "cut" / "history.csv"
    history.write_text("".join(history.read_text().splitlines(keepends=True)[:-1]))
    result = analyse([runs / "b0", tmp_path / "cut"], parts=["weights"])
    assert set(result.tables) == {"weights", "densities"}
    (note,) = result.notes
    assert "cut" in note and "history.csv" in note


def test_a_copy_counts_once(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "a0", tmp_path / "copy")
    result = analyse([runs / "a0", runs / "a1", tmp_path / "copy"], parts=["weights"])
    assert {row["runs"] for row in result["weights_over_seeds"]} == {"a0; a1"}
    (note,) = result.notes
    assert note.startswith("means over seeds: left out: ") and "copy" in note


def test_names_that_hold_what_joins_them(runs: Path, tmp_path: Path) -> None:
    for name, source in (("a; b", "a0"), ("a", "a1"), ("b", "a2")):
        shutil.copytree(runs / source, tmp_path / name)
    found = analyse([tmp_path / "a; b", tmp_path / "a"], parts=["lesions"], settings=Settings(repeats=1))
    figures, notes = analysis_figures(found.tables, found.conditions)
    assert notes == () and len(figures["single_lesions"].axes[0].lines[0].get_ydata()) == 2 * 18


def test_what_learnt_before_is_no_replicate_of_what_did_not(runs: Path, tmp_path: Path) -> None:
    """Runs of a learning in turn are of one condition where scenario and task are the same, and with no other run."""
    digits = datasets.load("digits")
    for seed in (0, 1):
        for name, learning in (
            (f"task2-{seed}", {"scenario": "class-incremental", "task": 2}),
            (f"other-{seed}", None),
        ):
            network = build("dann-lrf", (8, 8), overrides=SIZE, seed=seed + 5)
            config = TrainConfig(epochs=1, seed=seed + 5)
            destination = Destination(folder=tmp_path / name, progress=False, part_of=learning)
            train_network(network, digits, config, destination)
    result = analyse(sorted(tmp_path.iterdir()), parts=["weights"])
    found = {(row["condition"], row["runs"]) for row in result["weights_over_seeds"]}
    assert {members for _, members in found} == {"other-0; other-1", "task2-0; task2-1"} and len(found) == 2
    assert result.notes == ()
