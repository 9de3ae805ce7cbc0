"""The experiments: every file is valid, no group is empty, and of a page only the blocks are changed."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import train_named

from dendrograph.base.errors import DataError, DendrographError, MorphologyError
from dendrograph.base.json_files import sealed
from dendrograph.cli.main import main
from dendrograph.experiments.reproduce import SCALES, page, products, records, reproducing
from dendrograph.experiments.reproduce.experiments import EXPERIMENTS, NAMES, chosen, file_of
from dendrograph.experiments.reproduce.learnings import Plan, learn_all, plan
from dendrograph.experiments.reproduce.records import KEPT, drop_orphans
from dendrograph.experiments.reproduce.reproducing import publish, refuse_failures, reproduce
from dendrograph.experiments.sweep.file import read
from dendrograph.experiments.sweep.sweeping import Swept
from dendrograph.training.run import Run
from dendrograph.training.train import Interrupted

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three small runs."""
    folder = tmp_path_factory.mktemp("reproduced")
    settings, knobs = {"epochs": 1}, {"somata": 3, "dendrites": 2}
    for name, seed in (("vann", 0), ("vann", 1), ("dann-lrf", 0)):
        out = folder / "runs" / f"{name}-{seed}"
        train_named(name, "digits", settings={**settings, "seed": seed}, overrides=knobs, out=out, progress=False)
    return folder


@pytest.mark.parametrize("name", [name for name in NAMES if name != "continual"])
def test_the_groups_of_a_smoke_experiment_hold_runs_and_their_references(name: str) -> None:
    sweep = read(file_of(name, "smoke"))
    (experiment,) = chosen([name])
    reached = set()
    for group in experiment.groups:
        held = [cell for cell in sweep.cells if group.holds(cell)]
        if not held:
            # The scale leaves out a level of noise, say; small and full have it.
            assert group.name.startswith(("fig6", "fig7")), group.name
            continue
        reached |= {cell.identity for cell in held}
        if group.reference is not None:
            assert group.reference in {cell.morphology["name"] for cell in held}
            conditions = {(cell.morphology["name"], cell.condition) for cell in held}
            assert len(conditions) == len({name for name, _ in conditions}), "one condition a morphology"
    assert experiment.measured or reached == {cell.identity for cell in sweep.cells}, "no run is for nothing"


def test_every_scale_has_every_experiment() -> None:
    for scale in SCALES:
        assert sorted(path.stem for path in file_of("fig2", scale).parent.glob("*.yaml")) == sorted(NAMES)


def test_at_least_five_seeds_stand_behind_a_small_result() -> None:
    for name in NAMES:
        text = file_of(name, "small").read_text()
        assert int(text.split("\nseeds: ")[1].split("\n")[0]) >= 5


def test_the_plan_of_learnings(tmp_path: Path) -> None:
    found = plan(file_of("continual", "smoke"))
    assert found.reference == "dann-lrf" and len(found.learnings) == 2 * 3 * 2
    assert len({learning.name for learning in found.learnings}) == 2 * 3 * 2
    text = "morphologies: vann\nscenarios: [[split, domain-incremental]]\ntasks: 2\nreference: vann\n"
    (tmp_path / "own.yaml").write_text(text)
    (learning,) = plan(tmp_path / "own.yaml").learnings
    assert learning.cell.network(replace(learning.tasks.whole, classes=5)).graph.classes == 5 == learning.tasks.classes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("morphologies: vann\n", "missing key 'scenarios'\n  name pairs of a protocol and a scenario"),
        ("tasks: 2\n", "missing key 'morphologies'"),
        ("- 3\n", "expected a mapping"),
        ("morphologies: vann\ntasks: 1\n", "own.yaml:2:8: tasks: expected a whole number of at least 2, found 1"),
        ("morphologies: vann\nreference: dann\n", "own.yaml:2:12: reference: 'dann' is none of the morphologies"),
        ("morphologies: vann\ntasks: 5\nscenarios: [split]\n", "scenarios[0]: expected a protocol and a scenario"),
        ("morphologies: vann\ntasks: 3\nscenarios: [[split, class-incremental]]\n", "scenarios[0]: digits: 10 classes"),
        ("morphologies: vann\ntasks: 5\nscenarios: [[cut, up]]\n", "scenarios[0]: unknown protocol 'cut'"),
        ("morphologies: vann\ntask: 5\n", "own.yaml:2:1: task: unknown key 'task'\n  did you mean 'tasks'?"),
    ],
)
def test_bad_plans_of_learnings(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(MorphologyError) as caught:
        plan(tmp_path / "own.yaml")
    assert expected in str(caught.value)


def test_names_that_are_none() -> None:
    with pytest.raises(DendrographError, match=r"unknown experiment 'fig9'\n  did you mean"):
        chosen(["fig9"])
    with pytest.raises(DendrographError, match="unknown scale 'tiny'"):
        file_of("fig2", "tiny")
    assert [one.name for one in chosen(["fig3", "fig2"])] == ["fig2", "fig3"]
    assert chosen(["all"]) == EXPERIMENTS


def test_a_page_is_filled_block_by_block() -> None:
    text = "# A\n<!-- results: one -->\nold\n<!-- end -->\nprose\n<!-- results: two -->\n<!-- end -->\n"
    filled = page.fill(text, {"one": "| new |", "three": "x"})
    assert filled == text.replace("old", "| new |")
    assert page.fill(filled, {"one": "| new |"}) == filled
    assert page.blocks(text) == ["one", "two"]


def test_a_page_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DendrographError, match="cannot be read"):
        page.fill_file(tmp_path / "none.md", {})


def test_a_page_is_read_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["reproduce", "fig2", "--scale", "smoke", "--out", str(tmp_path / "out"), "--page", str(tmp_path / "no")]
    with pytest.raises(SystemExit):
        main(command)
    assert f"{tmp_path / 'no'}: cannot be read" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_what_is_something_else_is_no_place(place: Path) -> None:
    run = place / "runs" / "vann-0"
    before = sorted(run.iterdir())
    with pytest.raises(DendrographError, match="something is there already"):
        reproduce(["continual"], "smoke", run, progress=False)
    assert sorted(run.iterdir()) == before


def test_records_follow_the_runs_and_go_with_their_tables(place: Path, tmp_path: Path) -> None:
    run, beside = tmp_path / "run", tmp_path / "results"
    for source in ("vann-0", "vann-1"):
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(place / "runs" / source, run)
        records.keep([run], beside / "runs")
        assert Run.open(beside / "runs" / "run").metrics == Run.open(run).metrics
    records.keep([place / "runs" / "vann-0"], beside / "runs")
    shutil.copytree(place / "runs" / "vann-1", beside / "runs" / "whole")  # no record: it has weights
    (beside / "runs" / "mine").mkdir()
    records.put(beside / "continual" / "a.json", sealed({"scenario": "one"}).encode())
    records.put(beside / "continual" / "b.json", sealed({"scenario": "one"}).encode())
    (beside / "own.csv").write_text("runs,n\nruns/run; runs/other,2\n")
    (beside / "learnt.csv").write_text("folder\ncontinual/a\n")
    records.drop_orphans(beside)
    assert {path.name for path in (beside / "runs").iterdir()} == {"run", "whole", "mine"}
    assert [path.name for path in (beside / "continual").iterdir()] == ["a.json"]
    before = (place / "runs" / "vann-0" / "run.json").read_bytes()
    records.keep([place / "runs" / "vann-0"], place / "runs")
    assert (place / "runs" / "vann-0" / "run.json").read_bytes() == before, "a run is no record of itself"


def test_where_no_run_has_ended_the_page_says_so_and_old_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproducing, "run", lambda sweep, out, *_: Swept(out, (), (("a-run", "it failed\n  so"),)))
    old = [tmp_path / "out" / "results" / "fig6-noise-0-pairs.csv", tmp_path / "results" / "smoke" / "fig4.csv"]
    for path in old:
        records.put(path, b"runs\nruns/x\n")
    (tmp_path / "out" / "cells.json").write_text("{}")
    found = reproduce(["fig4", "fig6"], "smoke", tmp_path / "out", progress=False)
    assert found.tables["fig6-noise-0"] == "No table: none of its 8 runs has ended."
    assert "fig6-noise-0.5" not in found.tables, "the file of this scale leaves it out"
    (tmp_path / "page.md").write_text("<!-- results: fig4 -->\n| old |\n<!-- end -->\n")
    publish(found, tmp_path / "page.md", "smoke")
    assert "No table: none of its 10 runs has ended.\n<!-- end -->" in (tmp_path / "page.md").read_text()
    assert not any(path.exists() for path in old)
    with pytest.raises(DendrographError, match=r"^1 failed; the tables are of the others\n  a-run: it failed$"):
        refuse_failures(found)


@pytest.mark.parametrize("name", ["fig2", "fig3", "controls", "continual"])
def test_titles_name_the_data_that_are_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproducing, "run", lambda sweep, out, *_: Swept(out, (), ()))
    monkeypatch.setattr(reproducing, "learn_all", lambda *_: ([], []))
    with pytest.raises(SystemExit):
        main(["reproduce", name, "--scale", "smoke", "--out", str(tmp_path / "out")])
    told = capsys.readouterr().out
    assert f"scale smoke: {SCALES['smoke']}" in told
    titles = [line for line in told.splitlines() if line.startswith((f"== {name}: ", name))]
    assert len(titles) > 1 and all(line.endswith("; data: digits") for line in titles)
    assert "mnist" not in " ".join(titles).lower()


def test_help_says_what_each_scale_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["reproduce", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for name, about in SCALES.items():
        assert f"{name}: {about}" in told
        files = [path.read_text() for path in file_of("fig2", name).parent.glob("*.yaml")]
        assert ("digits" in about) == any("\ndata: digits\n" in text for text in files)


def test_a_table_says_how_many_runs_it_lacks_and_what_it_could_not_be_made_of() -> None:
    def refuses(_ended: Any) -> Any:
        raise DataError("not the data\n  that it was")

    made = reproducing._Table("one", "a table", 3, [Path("a"), Path("b")], lambda _: ({}, "| table |")).made()
    assert made == ({}, "| table |\n\nFailed, and not in the table: 1 of 3 runs.", [])
    made = reproducing._Table("one", "a table", 1, [Path("a")], refuses).made()
    assert made == ({}, "No table: not the data", [("the table one", "not the data\n  that it was")])


def test_a_measure_of_one_run_and_of_several(place: Path) -> None:
    for names in (["vann-0"], ["vann-0", "vann-1"]):
        folders = [place / "runs" / name for name in names]
        files, text = products.measures("fig4", folders, "weights", None, place)
        runs = [f"runs/{name}" for name in names]
        rows, of_runs = (list(csv.DictReader(str(files[name]).splitlines())) for name in ("fig4.csv", "fig4-runs.csv"))
        assert {row["runs"] for row in rows} == {"; ".join(runs)} and {row["run"] for row in of_runs} == set(runs)
        assert next(iter(of_runs[0])) == "run" and f"| vann | somatic/soma->readout | synapse | {len(runs)} |" in text


def test_without_a_run_of_the_reference_there_is_a_table_and_no_differences(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = sorted((place / "runs").iterdir())
    files, text = products.comparison("two", folders, "pdann", place)
    assert text.endswith("\n\nNo differences to pdann: no run of it has ended.") and "two-pairs.csv" not in files
    files, text = products.comparison("two", folders, "vann", place)
    assert "seed by seed" in text and "two-pairs.csv" in files

    def rows(_folders: Any) -> list[dict[str, Any]]:
        about = {
            "protocol": "split",
            "tasks": 2,
            "parameters": 3,
            "effective_parameters": 3,
            **dict.fromkeys(products.CONTINUAL, 0.5),
        }
        learnt = [("class", "vann", 0), ("class", "dann", 0), ("task", "vann", 0)]
        return [
            {"folder": f"{place}/{model}", "scenario": scenario, "morphology": model, "seed": seed, **about}
            for scenario, model, seed in learnt
        ]

    monkeypatch.setattr(products, "continual_table", rows)
    files, text = products.continual("continual", [], "dann", place)
    assert "\n\ntask: No differences to dann: no run of it has ended.\n\nDifference in average" in text
    files, text = products.continual("continual", [], "none", place)
    assert set(files) == {"continual.csv", "continual-runs.csv"} and "seed by seed" not in text


def test_a_learning_that_fails_is_told_and_one_that_is_stopped_goes_on_by_the_same_command(tmp_path: Path) -> None:
    def learning(name: str, error: BaseException | None) -> Any:
        def run(_folder: Path) -> None:
            if error:
                raise error

        return SimpleNamespace(name=name, run=run)

    both = Plan((learning("one", DataError("no data")), learning("two", None)), "vann")
    assert learn_all(both, tmp_path, progress=False) == ([tmp_path / "two"], [("one", "no data")])
    stopped = Plan((learning("one", Interrupted("go on by --resume")),), "vann")
    with pytest.raises(Interrupted) as caught:
        learn_all(stopped, tmp_path, progress=False)
    assert str(caught.value) == f"{tmp_path}: interrupted in one\n  the same command goes on"


def test_only_records_that_no_table_names_are_taken_away(tmp_path: Path) -> None:
    for name in ("named", "other", "begun"):
        place = tmp_path / "runs" / name
        place.mkdir(parents=True)
        for file in ("run.json", *(() if name == "begun" else KEPT)):
            (place / file).write_text("x")
    (tmp_path / "continual").mkdir()
    (tmp_path / "continual" / "mine.json").write_text("{}")
    (tmp_path / "continual" / "other.json").write_text(sealed({"scenario": "class-incremental"}))
    (tmp_path / "fig2.csv").write_text("runs\nruns/named\n")
    (tmp_path / "mine.csv").write_bytes("größe;x\n".encode("latin-1"))
    drop_orphans(tmp_path)
    assert (tmp_path / "runs" / "other").exists(), "a table that cannot be read may name any of them"
    (tmp_path / "mine.csv").unlink()
    drop_orphans(tmp_path)
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"named", "begun"}
    assert {path.name for path in (tmp_path / "continual").iterdir()} == {"mine.json"}


@pytest.mark.slow
def test_an_experiment_from_its_file_to_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.md").write_text("before\n<!-- results: fig4 -->\n<!-- end -->\nafter\n")
    out = Path("out")
    command = ["reproduce", "fig4", "fig5", "--scale", "smoke", "--out", str(out), "--page", str(tmp_path / "page.md")]
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert not caught.value.code
    told = capsys.readouterr().out
    assert "has no block for fig5" in told
    first = (tmp_path / "page.md").read_text()
    assert first.startswith("before\n<!-- results: fig4 -->\n| model |") and first.endswith("<!-- end -->\nafter\n")
    rows = list(csv.DictReader((out / "results" / "fig4.csv").read_text().splitlines()))
    assert {row["model"] for row in rows} == {"dann-random", "dann-lrf", "dann-grf", "pdann", "vann"}
    for row in rows:
        assert int(row["seeds"]) == 2 == len(row["runs"].split("; "))
        assert all((out / name / "metrics.json").is_file() for name in row["runs"].split("; "))
    kept = tmp_path / "results" / "smoke"
    assert sorted(path.name for path in (kept / "runs").iterdir()) == sorted(
        path.name for path in (out / "runs").iterdir()
    )
    record = Run.open(next((kept / "runs").iterdir()))
    assert record.metrics["test"]["samples"] == 360 and record.graph().parameters == record.metrics["parameters"]
    assert (kept / "fig4.csv").read_bytes() == (out / "results" / "fig4.csv").read_bytes()
    again = reproduce(["fig4"], "smoke", out, progress=False)
    assert again.tables["fig4"] in first, "the same command gives the same table"
    assert len(list((out / "runs").iterdir())) == 10, "what two experiments need is trained once"


def test_tables_name_runs_from_where_they_lie(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.parent)  # the folder is given as a relative path, as on the command line
    here = Path(place.name)
    files, _ = products.comparison("some", sorted((here / "runs").iterdir()), "vann", here)
    names = {f"runs/{path.name}" for path in (here / "runs").iterdir()}
    for row in csv.DictReader(str(files["some.csv"]).splitlines()):
        assert set(row["runs"].split("; ")) <= names and row["efficiency_cheapest_run"] in names
    assert {row["run"] for row in csv.DictReader(str(files["some-runs.csv"]).splitlines())} == names


@pytest.mark.slow
def test_learning_in_turn_is_tabulated_by_scenario(tmp_path: Path) -> None:
    found = reproduce(["continual"], "smoke", tmp_path, progress=False)
    (tmp_path / "page.md").write_text("<!-- results: continual -->\n<!-- end -->\n")
    publish(found, tmp_path / "page.md", "smoke")
    rows = list(csv.DictReader((tmp_path / "results" / "continual.csv").read_text().splitlines()))
    models = {"dann-lrf", "dann-lrf-parameter-matched", "vann"}
    assert {(row["scenario"], row["model"]) for row in rows} == {
        (scenario, model) for scenario in ("task-incremental", "domain-incremental") for model in models
    }
    assert all(row["seeds"] == "2" for row in rows)
    runs = list(csv.DictReader((tmp_path / "results" / "continual-runs.csv").read_text().splitlines()))
    for run in runs:
        record = json.loads((tmp_path / "results" / "smoke" / f"{run['folder']}.json").read_text())
        assert record["measures"]["average_accuracy"] == float(run["average_accuracy"])
        assert str(tmp_path) not in json.dumps(record)
    for row in rows:
        own = [run for run in runs if (run["scenario"], run["morphology"]) == (row["scenario"], row["model"])]
        mean = sum(float(run["average_accuracy"]) for run in own) / 2
        assert float(row["average_accuracy"]) == pytest.approx(mean)
    assert found.tables["continual"].count("task-incremental") == 3 + 2
