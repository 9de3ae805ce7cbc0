"""Comparisons of runs: what is a condition, what is left out, what is chosen, and where each number comes from."""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import json
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from small import MORPHOLOGY, digits, morphology_file, read_record, write_record

from dendrograph import DendriticNetwork, Morphology, TrainConfig, build, compile, train
from dendrograph.base.errors import DendrographError
from dendrograph.base.json_files import sealed
from dendrograph.cli.main import main
from dendrograph.comparison.compare import Comparison, compare, is_control
from dendrograph.comparison.conditions import control_name
from dendrograph.comparison.print_comparison import files, markdown, text
from dendrograph.training.run import Run
from dendrograph.training.run_format import COLUMNS

CONFIG: dict[str, Any] = {field.name: field.default for field in fields(TrainConfig)} | {"epochs": 3, "device": "cpu"}


def made(
    folder: Path,
    seed: int = 0,
    accuracy: float = 0.8,
    loss: float = 0.5,
    validation: float | None = None,
    name: str = "small",
    parameters: int = 1000,
    config: Mapping[str, Any] = {},
    knobs: Mapping[str, Any] = {},
    morphology: Mapping[str, Any] = MORPHOLOGY,
    losses: tuple[float, ...] = (0.9, 0.6, 0.7),
    data: str = "few",
    digest: str = "d" * 64,
    graph_seed: int | None = None,
    weights: str = "w",
    finished: bool = True,
) -> Path:
    """A run folder with the results given, as a training leaves it, without one."""
    folder.mkdir(parents=True)
    tree = copy.deepcopy({**morphology, "name": name})
    if "dendrites" in knobs:
        tree["neurons"]["pyramidal"]["dendrites"][0]["count"] = knobs["dendrites"]
    if "somata" in knobs:
        tree["layers"][0]["count"] = knobs["somata"]
    yaml = Morphology.from_dict(tree).to_yaml()
    (folder / "morphology.yaml").write_text(yaml)
    record = {
        "format": 1,
        "config": {**CONFIG, **config, "seed": seed},
        "data": {"name": data, "source": "a test", "digest": digest, "origin": None},
        "graph": {
            "name": name,
            "inputs": {"image": [8, 8]},
            "classes": 10,
            "seed": seed if graph_seed is None else graph_seed,
            "morphology": hashlib.sha256(yaml.encode()).hexdigest(),
            "connectivity_hash": "c",
            "synapses": 500,
            "parameters": parameters,
            "knobs": dict(knobs),
        },
        "network": {"kernel": "auto", "kernels": {}, "initial_weights": weights},
    }
    write_record(folder / "run.json", record)
    rows = [f"{epoch},1.0,0.95,{value},0.7" for epoch, value in enumerate(losses, start=1)]
    (folder / "history.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    if finished:
        metrics = {
            "test": {"accuracy": accuracy, "loss": loss, "samples": 100},
            "validation": {"accuracy": accuracy if validation is None else validation, "loss": loss},
            "epochs": len(losses),
            "weights_of_epoch": len(losses),
            "parameters": parameters,
            "weights": "0" * 64,
            "run": Run.open(folder).identity,
        }
        write_record(folder / "metrics.json", metrics)
    return folder


def rows_of(found: Comparison) -> dict[str, dict[str, Any]]:
    return {row["condition"]: row for row in found.conditions}


def changed(path: Path, **values: Any) -> None:
    write_record(path, {**read_record(path), **values})


# -- what is a condition -----------------------------------------------------------------------------------------------


def test_runs_that_differ_in_the_seed_alone_are_one_condition(tmp_path: Path) -> None:
    for seed, accuracy in enumerate([0.7, 0.8, 0.9]):
        made(tmp_path / f"deep/er/{seed}", seed, accuracy)
    (row,) = compare([tmp_path]).conditions
    assert row["condition"] == "small" and row["seeds"] == 3
    assert row["test_accuracy"] == pytest.approx(0.8)
    assert 0.7 <= row["test_accuracy_low"] < 0.8 < row["test_accuracy_high"] <= 0.9


def test_a_label_names_what_varies_and_no_more(tmp_path: Path) -> None:
    for number, lr in enumerate([0.1, 0.01]):
        for dendrites in (4, 16):
            place = tmp_path / f"{number}-{dendrites}"
            made(place, config={"lr": lr}, knobs={"dendrites": dendrites, "somata": 8}, name="tree")
    made(tmp_path / "other", name="other")
    labels = [row["condition"] for row in compare([tmp_path]).conditions]
    assert sorted(labels) == sorted(
        ["other", *(f"tree dendrites={count} lr={lr}" for count in (4, 16) for lr in (0.1, 0.01))]
    )


def test_other_trees_of_one_name_are_other_conditions(tmp_path: Path) -> None:
    """As `--set layers.0.count=32` makes them: no knob differs. What a file says about itself makes no difference."""
    wide = {**MORPHOLOGY, "layers": [{"name": "hidden", "neuron": "pyramidal", "count": 32}]}
    made(tmp_path / "a", 0)
    made(tmp_path / "b", 0, morphology=wide)
    made(tmp_path / "c", 1, morphology={**wide, "about": "The wide one."})
    found = rows_of(compare([tmp_path]))
    assert {label: row["seeds"] for label, row in found.items()} == {
        "small layers.0.count=16": 1,
        "small layers.0.count=32": 2,
    }


def test_trees_that_differ_in_much_are_told_apart_shortly(tmp_path: Path) -> None:
    made(tmp_path / "a")
    soma = {"nonlinearity": "tanh", "synapses": {"count": 3, "from": "image", "field": "random"}}
    made(tmp_path / "b", morphology={**MORPHOLOGY, "neurons": {"pyramidal": soma}})
    labels = [row["condition"] for row in compare([tmp_path]).conditions]
    name = "small neurons.pyramidal.nonlinearity.name"
    assert labels == [f"{name}=leaky_relu", f"{name}=tanh"]


def slopes(*values: float) -> dict[str, Any]:
    """The morphology with such slopes of its soma and its dendrites, as `--set` with paths makes it."""
    tree = copy.deepcopy(dict(MORPHOLOGY))
    soma = tree["neurons"]["pyramidal"]
    for part, slope in zip([soma, *soma["dendrites"]], values, strict=False):
        part["nonlinearity"] = {"name": "leaky_relu", "slope": slope}
    return tree


def test_a_value_that_stands_in_several_places_is_named_once(tmp_path: Path) -> None:
    for slope in (0.1, 0.25):
        made(tmp_path / f"{slope}", morphology=slopes(slope, slope))
    found = compare([tmp_path])
    path = "neurons.pyramidal.nonlinearity.slope"
    assert [row["condition"] for row in found.conditions] == [f"small {path}={slope}" for slope in (0.1, 0.25)]
    other = "neurons.pyramidal.dendrites.0.nonlinearity.slope"
    for table in (found.conditions, found.runs):
        assert [(row[path], row[other]) for row in table] == [(0.1, 0.1), (0.25, 0.25)]


def test_every_knob_setting_and_path_that_varies_is_a_column_of_all_tables(tmp_path: Path) -> None:
    grid = [(slope, lr, seed) for slope in (0.1, 0.2) for lr in (0.01, 0.001) for seed in (0, 1)]
    for slope, lr, seed in grid:
        place = tmp_path / f"slope={slope}-lr={lr}-{seed}"
        made(place, seed, morphology=slopes(slope), knobs={"slope": slope, "synapses": 3}, config={"lr": lr})
    made(tmp_path / "wide", morphology={**MORPHOLOGY, "layers": [{"neuron": "pyramidal", "count": 32}]}, name="other")
    found = compare([tmp_path], "small slope=0.1 lr=0.001")
    assert [row["condition"] for row in found.conditions] == [
        *(f"small slope={slope} lr={lr}" for slope in (0.1, 0.2) for lr in (0.001, 0.01)),
        "other",
    ]
    assert [(row["slope"], row["lr"]) for row in found.conditions] == [
        *((slope, lr) for slope in (0.1, 0.2) for lr in (0.001, 0.01)),
        (None, 0.001),
    ]
    assert [(row["slope"], row["lr"]) for row in found.pairs] == [(0.1, 0.01), (0.2, 0.001), (0.2, 0.01), (None, 0.001)]
    tables = files(found, "png")
    for name in ("conditions", "pairs", "runs"):
        first = next(csv.DictReader(io.StringIO(str(tables[f"{name}.csv"]))))
        assert float(first["slope"]) == 0.1 and "synapses" not in first["condition"]
    chosen = compare([tmp_path], select=["lr"]).selection
    assert {row["lr"] for row in chosen} == {0.001, 0.01} and {row["slope"] for row in chosen} == {0.1, 0.2}


def test_settings_that_differ_between_morphologies_alone_are_columns_and_no_labels(tmp_path: Path) -> None:
    made(tmp_path / "a", config={"lr": 0.1}, name="a")
    made(tmp_path / "b", config={"lr": 0.2}, name="b")
    found = compare([tmp_path])
    assert [(row["condition"], row["lr"]) for row in found.conditions] == [("a", 0.1), ("b", 0.2)]


def test_a_path_that_was_set_is_named_beside_a_setting_that_was_changed_with_it(tmp_path: Path) -> None:
    wide = {**MORPHOLOGY, "layers": [{"name": "hidden", "neuron": "pyramidal", "count": 32}]}
    made(tmp_path / "a", config={"lr": 0.1})
    made(tmp_path / "b", config={"lr": 0.2}, morphology=wide)
    found = compare([tmp_path])
    assert [row["condition"] for row in found.conditions] == [
        "small lr=0.1 layers.0.count=16",
        "small lr=0.2 layers.0.count=32",
    ]
    assert [(row["lr"], row["layers.0.count"]) for row in found.runs] == [(0.1, 16), (0.2, 32)]


def test_columns_of_settings_do_not_hide_results_of_the_same_name(tmp_path: Path) -> None:
    for number, epochs in enumerate((3, 4)):
        made(
            tmp_path / str(number),
            config={"epochs": epochs},
            knobs={"synapses": 2 + number, "dendrites": 2 + number},
            losses=(0.5,) * epochs,
        )
    for row, number in zip(compare([tmp_path]).runs, (0, 1), strict=True):
        assert (row["epochs"], row["train.epochs"]) == (3 + number, 3 + number)
        assert (row["synapses"], row["parameters.synapses"], row["dendrites"]) == (500, 2 + number, 2 + number)


def test_of_trees_that_differ_in_very_much_a_few_paths_are_columns(tmp_path: Path) -> None:
    many = copy.deepcopy(dict(MORPHOLOGY))
    (first,) = many["neurons"]["pyramidal"]["dendrites"]
    many["neurons"]["pyramidal"]["dendrites"] = [{**first, "name": f"basal{number}"} for number in range(30)]
    made(tmp_path / "a")
    made(tmp_path / "b", morphology=many)
    made(tmp_path / "c", morphology=slopes(0.5))
    found = compare([tmp_path])
    assert len({row["condition"] for row in found.conditions}) == 3
    assert all(len(row["condition"]) < 140 and "morphology=" not in row["condition"] for row in found.conditions)
    assert len(found.conditions[0]) < 45


def test_a_column_holds_one_kind_of_values(tmp_path: Path) -> None:
    made(tmp_path / "a", name="a", knobs={"shape": 3})
    made(tmp_path / "b", name="b", knobs={"shape": "wide"})
    assert [row["shape"] for row in compare([tmp_path]).runs] == ["3", "wide"]
    made(tmp_path / "c" / "d", name="a", knobs={"slope": 1})
    made(tmp_path / "c" / "e", name="b", knobs={"slope": 0.5})
    assert [row["slope"] for row in compare([tmp_path / "c"]).runs] == [1, 0.5]


def test_a_knob_that_is_written_as_another_kind_of_number_is_the_same(tmp_path: Path) -> None:
    for name, two in (("tree", 2), ("tree-linear", 2.0)):
        for slope in (two, 0.5):
            made(tmp_path / f"{name}{slope}", name=name, knobs={"slope": slope}, morphology=slopes(slope))
    assert {(row["condition"], row["reference"]) for row in compare([tmp_path]).pairs} == {
        (f"tree-linear slope={slope}", f"tree slope={slope}") for slope in ("2", "0.5")
    }


def test_a_plugin_that_was_changed_is_named(tmp_path: Path) -> None:
    for digest in ("a" * 64, "b" * 64):
        place = made(tmp_path / digest[0])
        record = read_record(place / "run.json")
        write_record(place / "run.json", {**record, "graph": {**record["graph"], "plugins": {"mine": digest}}})
        changed(place / "metrics.json", run=Run.open(place).identity)
    labels = [row["condition"] for row in compare([tmp_path]).conditions]
    assert labels == ["small plugins.mine=aaaaaaaa", "small plugins.mine=bbbbbbbb"]


def test_data_of_one_name_and_another_content_are_others(tmp_path: Path) -> None:
    made(tmp_path / "a")
    made(tmp_path / "b", digest="e" * 64)
    assert [row["data"] for row in compare([tmp_path]).conditions] == ["few dddddddd", "few eeeeeeee"]


def test_the_seed_of_the_wiring_counts_too(tmp_path: Path) -> None:
    for number, (seed, wiring) in enumerate([(1, 1), (1, 2), (2, 2)]):
        made(tmp_path / str(number), seed, graph_seed=wiring)
    found = compare([tmp_path])
    assert [row["seed"] for row in found.runs] == ["1", "1 (wiring 2)", "2"]
    assert found.conditions[0]["seeds"] == 3


def test_the_order_is_that_of_the_folders_numbers_as_numbers(tmp_path: Path) -> None:
    for count in (16, 4):
        made(tmp_path / f"d={count}", knobs={"dendrites": count})
    assert [row["condition"] for row in compare([tmp_path]).conditions] == ["small dendrites=4", "small dendrites=16"]


# -- what is left out, and told ----------------------------------------------------------------------------------------


def test_the_same_run_twice_counts_once(tmp_path: Path) -> None:
    made(tmp_path / "a", accuracy=0.7)
    made(tmp_path / "b", accuracy=0.7)
    found = compare([tmp_path])
    assert found.conditions[0]["seeds"] == 1
    assert any(note.startswith(f"left out: {tmp_path / 'b'}: the same run as") for note in found.notes)
    twice = compare([tmp_path / "a", tmp_path / "a", tmp_path / "b" / ".." / "a"])
    assert [row["run"] for row in twice.runs] == [str(tmp_path / "a")], "one folder named three times is no note"
    assert not any("same run" in note for note in twice.notes)


def test_a_number_that_became_a_knob_is_no_other_condition(tmp_path: Path) -> None:
    made(tmp_path / "a", 0)
    made(tmp_path / "b", 1, knobs={"dendrites": MORPHOLOGY["neurons"]["pyramidal"]["dendrites"][0]["count"]})
    made(tmp_path / "c", 1)
    found = compare([tmp_path])
    assert [row["seeds"] for row in found.conditions] == [2]
    assert any("the same run as" in note for note in found.notes), "b and c are alike in all"


def test_settings_of_old_runs_are_read_as_those_of_new_ones(tmp_path: Path) -> None:
    for seed, (noise, patience) in enumerate([(0, 10), (0.0, 3)]):
        config = {**asdict(TrainConfig(epochs=3, device="cpu")), "noise": noise, "patience": patience}
        made(tmp_path / f"{seed}", seed, config=config)
    (row,) = compare([tmp_path]).conditions
    assert row["seeds"] == 2, "a patience that nothing uses is no difference, nor is 0 from 0.0"


def test_knobs_that_some_runs_have_not_yet_name_the_condition(tmp_path: Path) -> None:
    for somata in (8, 16):
        made(tmp_path / f"tree{somata}", 1, name="tree", knobs={"somata": somata})
        made(tmp_path / f"linear{somata}", 1, name="tree-linear", knobs={"somata": somata})
    plain = {**MORPHOLOGY, "layers": [{"name": "hidden", "neuron": "pyramidal", "count": 16}]}
    made(tmp_path / "plain", 0, name="tree", morphology=plain)
    found = compare([tmp_path])
    assert {label: row["seeds"] for label, row in rows_of(found).items() if "linear" not in label} == {
        "tree somata=8": 1,
        "tree somata=16": 2,
    }
    assert {(row["condition"], row["reference"]) for row in found.pairs} == {
        (f"tree-linear somata={somata}", f"tree somata={somata}") for somata in (8, 16)
    }


def test_a_history_that_is_cut_is_no_history(tmp_path: Path) -> None:
    for seed in (0, 1):
        made(tmp_path / f"{seed}", seed)
    history = tmp_path / "1" / "history.csv"
    lines = history.read_text().splitlines(keepends=True)
    for left in (lines[:1], lines[:2], [lines[0], *lines[2:]]):
        history.write_text("".join(left))
        found = compare([tmp_path])
        assert [row["seed"] for row in found.runs] == ["0"]
        assert any("history.csv: damaged: " in note for note in found.notes)


def test_a_long_name_is_known_with_its_controls() -> None:
    long = "n" * 60
    assert is_control(control_name(long, "parameter-matched"), [long, "other"])
    assert not is_control(long, [long, "other"])


def test_two_results_of_one_seed_are_refused(tmp_path: Path) -> None:
    made(tmp_path / "a", weights="w")
    made(tmp_path / "b", weights="other")
    with pytest.raises(DendrographError, match=r"b and .*a: different results of one condition and one seed"):
        compare([tmp_path])


def test_unfinished_and_damaged_runs_are_told(tmp_path: Path) -> None:
    made(tmp_path / "good")
    made(tmp_path / "unfinished", 1, finished=False)
    (made(tmp_path / "no-json", 2) / "run.json").write_text("{")
    (made(tmp_path / "edited", 3) / "morphology.yaml").write_text("name: x\n")
    (made(tmp_path / "no-tree", 4) / "morphology.yaml").unlink()
    (made(tmp_path / "curves", 5) / "history.csv").write_text("epoch\nx\n")
    changed(made(tmp_path / "holes", 6) / "metrics.json", test={"loss": None})
    metrics = made(tmp_path / "swapped", 7) / "metrics.json"
    metrics.write_bytes((tmp_path / "good" / "metrics.json").read_bytes())
    made(tmp_path / ".hidden.tmp", 8)
    found = compare([tmp_path])
    assert [row["run"] for row in found.runs] == [str(tmp_path / "good")]
    told = [note for note in found.notes if note.startswith("left out")]
    assert len(told) == 7 and all("\n" not in note for note in told)
    for name in ("unfinished", "no-json", "edited", "no-tree", "curves", "holes", "swapped"):
        assert any(str(tmp_path / name) in note for note in told), name
    assert not any(".hidden" in note for note in found.notes)


def test_nothing_to_compare_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DendrographError, match="there is no such folder"):
        compare([tmp_path / "none"])
    with pytest.raises(DendrographError, match="no run is in it"):
        compare([tmp_path])
    made(tmp_path / "a", finished=False)
    with pytest.raises(DendrographError, match=r"(?s)no finished run to compare.*has not ended"):
        compare([tmp_path])
    with pytest.raises(DendrographError, match="is a file"):
        compare([tmp_path / "a" / "run.json"])
    with pytest.raises(DendrographError, match="did you mean 'loss'"):
        compare([tmp_path], by="los")


def test_one_seed_has_no_interval_and_says_so(tmp_path: Path) -> None:
    made(tmp_path / "a")
    found = compare(tmp_path / "a")
    row = found.conditions[0]
    assert row["test_accuracy"] == 0.8 and math.isnan(row["test_accuracy_low"])
    assert "few: small: one seed: no interval" in found.notes
    assert not found.pairs
    assert "80.00" in text(found) and "[nan" not in text(found)


def test_without_a_history_what_follows_from_it_is_not_known(tmp_path: Path) -> None:
    (made(tmp_path / "a") / "history.csv").unlink()
    made(tmp_path / "b", 1)
    found = compare([tmp_path])
    row = found.conditions[0]
    assert math.isnan(row["accuracy_efficiency"]) and math.isnan(row["generalisation_gap"])
    assert row["test_accuracy"] == pytest.approx(0.8)
    assert any(
        "not known of all runs: generalisation_gap, accuracy_efficiency, loss_efficiency" in n for n in found.notes
    )
    files(found, "png")


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_efficiency_worked_by_hand(tmp_path: Path) -> None:
    """Parameters 100 and 10,000; the lowest validation loss at epoch 1 and 10: k = 10^2 and 10^5, f = 1 and 2.5."""
    made(tmp_path / "a", accuracy=0.5, loss=1.0, name="few", parameters=100, losses=(0.1, 0.2))
    losses = (*(1 - 0.05 * epoch for epoch in range(10)), 2.0)
    made(tmp_path / "b", accuracy=1.0, loss=0.2, name="many", parameters=10_000, losses=losses)
    found = rows_of(compare([tmp_path]))
    assert [found[name]["accuracy_efficiency"] for name in ("few", "many")] == pytest.approx([0.5, 0.4])
    assert [found[name]["loss_efficiency"] for name in ("few", "many")] == pytest.approx([1.0, 0.5])
    assert found["many"]["efficiency_cheapest_run"] == str(tmp_path / "a")
    assert found["many"]["efficiency_reference_runs"] == 2
    assert found["many"]["generalisation_gap"] == pytest.approx(0.95 - 1.0)
    alone = compare([tmp_path / "b"]).conditions[0]
    assert alone["accuracy_efficiency"] == 1.0, "another reference set"


def test_data_sets_are_worlds_of_their_own(tmp_path: Path) -> None:
    made(tmp_path / "a", parameters=100)
    made(tmp_path / "b", parameters=10_000, data="more", digest="e" * 64, name="big")
    found = compare([tmp_path])
    assert all(row["accuracy_efficiency"] == row["test_accuracy"] for row in found.conditions)
    assert all(row["pareto_accuracy"] for row in found.conditions)
    assert not found.pairs


def test_pairs_are_by_seed_and_as_scipy_has_them(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    scores = {name: generator.uniform(0.6, 0.9, 5) for name in ("base", "mine", "more")}
    for name, values in scores.items():
        for seed, value in enumerate(values):
            made(tmp_path / f"{name}-{seed}", seed, float(value), name=name)
    found = compare([tmp_path], reference="mine")
    assert [row["condition"] for row in found.pairs] == ["base", "more"]
    expected = [stats.ttest_rel(scores[name], scores["mine"]).pvalue for name in ("base", "more")]
    assert [row["p_t"] for row in found.pairs] == pytest.approx(expected)
    least, most = sorted(expected)
    assert sorted(row["p_t_holm"] for row in found.pairs) == pytest.approx([min(1, 2 * least), max(2 * least, most)])
    for row in found.pairs:
        assert row["difference"] == pytest.approx(np.mean(scores[row["condition"]] - scores["mine"]))
        assert row["pairs"] == 5 and row["reference"] == "mine" and row["seeds"] == "0; 1; 2; 3; 4"
    by_loss = compare([tmp_path], by="loss").pairs
    assert all(row["measure"] == "test_loss" and row["difference"] == 0 for row in by_loss)


def test_seeds_without_a_partner_are_left_out_and_told(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        made(tmp_path / f"a{seed}", seed, name="a")
    for seed in (2, 3, 4):
        made(tmp_path / f"b{seed}", seed, 0.9, name="b")
    found = compare([tmp_path])
    (pair,) = found.pairs
    assert pair["pairs"] == 2 and pair["seeds"] == "2; 3" and pair["difference"] == pytest.approx(0.1)
    assert "few: only b has seed 4, only a has seed 1: left out of their difference" in found.notes


def test_conditions_without_a_common_seed_have_no_difference_and_their_files_are_written(tmp_path: Path) -> None:
    for name, seeds in (("a", (1, 10)), ("b", (2,))):
        for seed in seeds:
            made(tmp_path / f"{name}{seed}", seed, name=name)
    found = compare([tmp_path])
    (pair,) = found.pairs
    assert pair["pairs"] == 0 and math.isnan(pair["difference"])
    told = "few: b and a have no seed in common, so their difference is unknown: "
    assert f"{told}only b has seed 2, only a has seeds 1, 10" in found.notes
    assert "g_z needs at least 3 seeds that both conditions have, p at least 2: found none" in text(found)
    assert "p (signs)" not in text(found)
    assert {"pairs.csv", "differences.png"} <= files(found, "png").keys()
    made(tmp_path / "c1", 1, 0.9, name="c")
    mixed = compare([tmp_path])
    assert [row["pairs"] for row in mixed.pairs] == [0, 1] and "found 1" in text(mixed)
    files(mixed, "png")


def test_references(tmp_path: Path) -> None:
    for count in (2, 4):
        made(tmp_path / f"a{count}", knobs={"dendrites": count}, name="tree")
    made(tmp_path / "b", name="point")
    made(tmp_path / "c", name="tree", data="more", digest="e" * 64)
    by_label = compare([tmp_path], reference="tree dendrites=4")
    assert {row["reference"] for row in by_label.pairs} == {"tree dendrites=4"} and len(by_label.pairs) == 2
    assert "more: no pairs: it has no tree dendrites=4" in by_label.notes
    by_name = compare([tmp_path], reference="tree")
    assert not by_name.pairs and any("point: no pair: several tree have its settings" in note for note in by_name.notes)
    with pytest.raises(DendrographError, match="no such condition\n  did you mean 'point'"):
        compare([tmp_path], reference="pont")


def test_each_size_is_held_to_the_tree_of_its_size(tmp_path: Path) -> None:
    for count, accuracy in ((2, 0.5), (4, 0.7)):
        made(tmp_path / f"a{count}", 0, accuracy - 0.1, knobs={"dendrites": count}, name="tree-linear")
        made(tmp_path / f"b{count}", 0, accuracy, knobs={"dendrites": count}, name="tree")
    for reference in (None, "tree"):  # the control comes first by name, and is no reference
        found = compare([tmp_path], reference)
        pairs = {(row["condition"], row["reference"]): row["difference"] for row in found.pairs}
        assert pairs == {
            ("tree-linear dendrites=2", "tree dendrites=2"): pytest.approx(-0.1),
            ("tree-linear dendrites=4", "tree dendrites=4"): pytest.approx(-0.1),
        }


def test_sizes_are_held_to_each_other_by_the_knobs_that_both_morphologies_have(tmp_path: Path) -> None:
    for somata in (4, 8):
        made(tmp_path / f"tree{somata}", 0, 0.5, knobs={"somata": somata}, name="tree")
        made(tmp_path / f"vann{somata}", 0, 0.7, knobs={"somata": somata, "synapses": 16}, name="vann")
    assert {(row["condition"], row["reference"]) for row in compare([tmp_path]).pairs} == {
        ("vann somata=4", "tree somata=4"),
        ("vann somata=8", "tree somata=8"),
    }


def test_of_a_sweep_the_cells_of_its_file_count(tmp_path: Path) -> None:
    made(tmp_path / "s" / "runs" / "one", 0)
    made(tmp_path / "s" / "runs" / "old", 1)
    (tmp_path / "s" / "cells.json").write_text(json.dumps({"name": "s", "cells": [{"name": "one"}, {"name": "two"}]}))
    found = compare([tmp_path / "s"])
    assert [row["seed"] for row in found.runs] == ["0"]
    assert any("not of the sweep as its file is now: old" in note for note in found.notes)
    assert any("two: not begun, or damaged" in note for note in found.notes)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "damaged: no JSON"),
        ("[" * 100_000, "damaged: nested too deeply"),
        ("[]", "damaged: it is a list of 0, expected a mapping"),
        ('{"name": "s", "cells": {}}', "damaged: 'cells' is a mapping, expected a list"),
        ('{"name": "s", "cells": [{"name": "../../elsewhere"}]}', "damaged: 'cells.0.name' is '../../elsewhere'"),
        (sealed({"name": "s", "cells": [{"name": "one"}]}).replace("one", "old"), "damaged or changed"),
    ],
)
def test_of_a_sweep_whose_cells_are_damaged_nothing_is_compared(content: str, told: str, tmp_path: Path) -> None:
    """Else runs would be compared that its file does not have."""
    made(tmp_path / "s" / "runs" / "one", 0)
    (tmp_path / "s" / "cells.json").write_text(sealed({"name": "s", "cells": [{"name": "one"}]}))
    assert len(compare([tmp_path / "s"]).runs) == 1
    (tmp_path / "s" / "cells.json").write_text(content)
    with pytest.raises(DendrographError) as error:
        compare([tmp_path / "s"])
    assert str(error.value).startswith(f"{tmp_path / 's' / 'cells.json'}: {told}")


# -- selection ---------------------------------------------------------------------------------------------------------


def grid(folder: Path) -> None:
    """Two rates; the one that is better on the validation split is worse on the test split."""
    for lr, validation, accuracy in ((0.1, 0.9, 0.6), (0.01, 0.7, 0.99)):
        for seed in (0, 1):
            made(folder / f"lr={lr}-{seed}", seed, accuracy, validation=validation, config={"lr": lr})
    made(folder / "other", name="other")


def test_the_validation_split_chooses(tmp_path: Path) -> None:
    grid(tmp_path)
    found = compare([tmp_path], select=["lr"])
    assert [row["condition"] for row in found.conditions] == ["small lr=0.1", "other"]
    assert [row["competed"] for row in found.conditions] == [1, 0]
    assert "selected on few by validation accuracy: small lr=0.1, of 2 that differ in lr" in found.notes
    assert [(row["condition"], row["selected"]) for row in found.selection] == [
        ("small lr=0.01", False),
        ("small lr=0.1", True),
    ]
    tables = {name: str(content) for name, content in files(found, "svg").items()}
    words = [
        word
        for name in list(tables)
        if name.endswith("svg")
        for word in re.findall(r">([^<]*)</text>", tables.pop(name))
    ]
    shown = "".join([text(found), markdown(found), *tables.values(), *words])
    assert "0.99" not in shown and "99.00" not in shown, "what the other did on the test split is nowhere"
    assert {row["condition"] for row in found.runs} == {"small lr=0.1", "other"}


def test_a_knob_chooses_and_takes_its_tree_along(tmp_path: Path) -> None:
    for count in (16, 32):
        layers = [{"name": "hidden", "neuron": "pyramidal", "count": count}]
        made(
            tmp_path / str(count), 0, count / 100, knobs={"somata": count}, morphology={**MORPHOLOGY, "layers": layers}
        )
    assert [row["condition"] for row in compare([tmp_path], select=["somata"]).conditions] == ["small somata=32"]
    assert len(compare([tmp_path], select=["lr"]).conditions) == 2, "what is not named does not compete"
    by_path = compare([tmp_path], select=["layers.0.count", "somata"])
    assert by_path.conditions[0]["competed"] == 1


def test_a_control_that_was_selected_at_another_size_is_told(tmp_path: Path) -> None:
    for name, best in (("tree", 8), ("tree-parameter-matched", 4)):
        for somata in (4, 8):
            made(
                tmp_path / f"{name}{somata}",
                validation=0.9 if somata == best else 0.5,
                name=name,
                knobs={"somata": somata},
            )
    notes = compare([tmp_path], select=["somata"]).notes
    assert "few: tree-parameter-matched somata=4 was selected separately: it is not a control of tree somata=8" in notes
    assert not any("by itself" in note for note in compare([tmp_path]).notes)


def test_by_loss_less_is_better(tmp_path: Path) -> None:
    made(tmp_path / "a", accuracy=0.9, loss=0.5, config={"lr": 0.1})
    made(tmp_path / "b", accuracy=0.8, loss=0.4, config={"lr": 0.2})
    assert compare([tmp_path], select=["lr"]).conditions[0]["condition"] == "small lr=0.1"
    assert compare([tmp_path], select=["lr"], by="loss").conditions[0]["condition"] == "small lr=0.2"


def test_selections_that_cannot_be(tmp_path: Path) -> None:
    grid(tmp_path)
    with pytest.raises(
        DendrographError, match="select='lrr': no run has such a setting or parameter\n  did you mean 'lr'"
    ):
        compare([tmp_path], select=["lrr"])
    with pytest.raises(DendrographError, match="seeds do not compete"):
        compare([tmp_path], select=["seed"])
    assert (
        "nothing to select by batch_size: no two conditions differ in it"
        in compare([tmp_path], select=["batch_size"]).notes
    )
    wide = {**MORPHOLOGY, "layers": [{"name": "hidden", "neuron": "pyramidal", "count": 32}]}
    made(tmp_path / "k1", name="k", knobs={"d": 1})
    made(tmp_path / "k2", name="k", knobs={"d": 1}, morphology=wide)
    with pytest.raises(DendrographError, match="also differ in other settings"):
        compare([tmp_path], select=["d"])


# -- text, files and the command ---------------------------------------------------------------------------------------


def test_every_number_leads_back_to_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for seed in range(3):
            made(tmp_path / f"{name}{seed}", seed, 0.7 + seed / 100 + (name == "b") / 50, name=name)
    made_files = files(compare([tmp_path]), "png")
    assert set(made_files) == {
        *("conditions.csv", "pairs.csv", "runs.csv", "comparison.md", "accuracy.png", "differences.png")
    }
    tables = {
        name: list(csv.DictReader(io.StringIO(str(made_files[f"{name}.csv"])))) for name in ("conditions", "runs")
    }
    for row in tables["conditions"]:
        folders = row["runs"].split("; ")
        own = [json.loads((Path(folder) / "metrics.json").read_text())["test"]["accuracy"] for folder in folders]
        assert float(row["test_accuracy"]) == pytest.approx(np.mean(own)) and len(own) == 3
    for row in tables["runs"]:
        assert row["identity"] == Run.open(row["run"]).identity
        assert float(row["test_accuracy"]) == Run.open(row["run"]).metrics["test"]["accuracy"]
        assert row["run"] in str(made_files["comparison.md"])


def test_the_text_fits_a_terminal(tmp_path: Path) -> None:
    name = "a-morphology-with-a-name-of-forty-letter"
    for seed in range(2):
        for lr in (0.1, 0.01):
            made(tmp_path / f"{seed}{lr}", seed, name=name, config={"lr": lr}, parameters=12_345_678)
        made(tmp_path / f"short{seed}", seed)
    shown = text(compare([tmp_path]))
    tables = shown[: shown.index("\nin full")]
    assert all(len(line) <= 100 for line in tables.splitlines() if str(tmp_path) not in line)
    assert f"  #1 {name} lr=0.01\n" in shown and "#1 a-morph" in tables


def test_effective_parameters_stand_beside_all_parameters(tmp_path: Path) -> None:
    """Those of a run that was trained before they were recorded are counted by its graph; else a dash says so."""
    tree = {
        "name": "sparse",
        "neurons": {"first": {"synapses": {"count": 4}}, "second": {"synapses": {"count": 1}}},
        "layers": [{"name": "one", "neuron": "first", "count": 20}, {"neuron": "second", "count": 5}],
    }
    network = build_of(tree)
    run = train(network, digits(), TrainConfig(epochs=1), tmp_path / "new", progress=False)
    graph = run.graph()
    assert run.record["reach"]["effective_parameters"] == graph.effective_parameters < graph.parameters
    (row,) = compare([tmp_path / "new"]).conditions
    assert (row["parameters"], row["effective_parameters"]) == (graph.parameters, graph.effective_parameters)
    old = shutil.copytree(tmp_path / "new", tmp_path / "old")
    write_record(old / "run.json", {key: part for key, part in run.record.items() if key != "reach"})
    assert Run.open(old).identity == run.identity
    found = compare([old])
    assert found.conditions[0]["effective_parameters"] == graph.effective_parameters
    header = text(found).splitlines()[2]
    assert header.split()[2:4] == ["parameters", "effective"]
    made(tmp_path / "lost")  # its wiring cannot be made again
    (row,) = compare([tmp_path / "lost"]).conditions
    assert math.isnan(row["effective_parameters"]) and row["parameters"] == 1000


def build_of(tree: Mapping[str, Any]) -> DendriticNetwork:
    return DendriticNetwork(compile(Morphology.from_dict(tree), (8, 8), 10))


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for seed in range(4):
            made(tmp_path / f"{name}{seed}", seed, 0.7 + 0.013 * seed * (name == "a"), name=name)
    assert files(compare([tmp_path]), "pdf") == files(compare([tmp_path]), "pdf")


def cli(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid(tmp_path / "runs")
    out = tmp_path / "out"
    assert (
        cli("compare", tmp_path / "runs", "--select", "lr", "--reference", "other", "-o", out, "--figures", "svg") == 0
    )
    shown = capsys.readouterr()
    assert "small lr=0.1" in shown.out and f"tables and figures: {out}" in shown.out
    assert "note: selected on few" in shown.err
    assert {path.name for path in out.iterdir()} == {
        *("conditions.csv", "pairs.csv", "runs.csv", "selection.csv", "comparison.md"),
        *("accuracy.svg", "differences.svg"),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--figures", "pdf"], "--figures has no effect without --out"),
        (["--out", "new", "--figures", "gif"], "--figures gif: forms: pdf, png, svg"),
        (["--out", "runs"], "runs: there is something already"),
        (["--select", "lr,"], "not a list of settings"),
        (["--select", "lr,lr"], "not a list of settings"),
        (["--by", "speed"], "--by speed: unknown measure"),
        (["--reference", "nobody"], "--reference nobody: no such condition"),
    ],
)
def test_what_the_command_refuses(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    grid(Path("runs"))
    assert cli("compare", "runs", *arguments) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_runs_that_were_trained(tmp_path: Path) -> None:
    data = digits()
    for seed in (1, 2):
        for lr in (0.01, 0.001)[:seed]:
            network = build(morphology_file(tmp_path), data.shapes, data.classes, seed)
            config = TrainConfig(epochs=2, lr=lr, seed=seed)
            train(network, data, config, tmp_path / f"lr={lr}-seed{seed}", progress=False)
    found = compare([tmp_path])
    assert {row["condition"]: row["seeds"] for row in found.conditions} == {"small lr=0.01": 2, "small lr=0.001": 1}
    metrics = [Run.open(tmp_path / f"lr=0.01-seed{seed}").metrics for seed in (1, 2)]
    row = rows_of(found)["small lr=0.01"]
    assert row["test_accuracy"] == pytest.approx(np.mean([one["test"]["accuracy"] for one in metrics]))
    assert row["parameters"] == network.graph.parameters and row["synapses"] == network.graph.synapses
    assert row["best_epoch"] in (1, 1.5, 2)
