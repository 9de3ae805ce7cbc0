"""The experiments: every file is valid, no group is empty, and of a page only the blocks are changed."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import train_named

from dendrograph.base.errors import DataError, DendrographError, MorphologyError
from dendrograph.cli.main import main
from dendrograph.experiments.reproduce import SCALES, tables
from dendrograph.experiments.reproduce import reproduce as reproduce_module
from dendrograph.experiments.reproduce.continual import ContinualExperiment, read_continual_experiment, run_all
from dendrograph.experiments.reproduce.experiments import EXPERIMENTS, NAMES, chosen, file_of
from dendrograph.experiments.reproduce.records import put, read_continual, read_runs, restore
from dendrograph.experiments.reproduce.reproduce import check_failures, publish, reproduce
from dendrograph.experiments.reproduce.tables import ResultTable
from dendrograph.experiments.sweep.file import read
from dendrograph.experiments.sweep.run_sweep import Swept
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


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "continual"])
def test_the_groups_of_a_smoke_experiment_hold_runs_and_their_references(name: str) -> None:
    sweep = read(file_of(name, "smoke"))
    (experiment,) = chosen([name])
    reached = set()
    for group in experiment.groups:
        held = [run for run in sweep.runs if group.holds(run)]
        if not held:
            # The scale leaves out a level of noise, say; small and full have it.
            assert group.name.startswith(("fig6", "fig7")), group.name
            continue
        reached |= {run.identity for run in held}
        if group.reference is not None:
            assert group.reference in {run.morphology["name"] for run in held}
            conditions = {(run.morphology["name"], run.condition) for run in held}
            assert len(conditions) == len({name for name, _ in conditions}), "one condition a morphology"
    assert experiment.measured or reached == {run.identity for run in sweep.runs}, "no run is for nothing"


def test_every_scale_has_every_experiment() -> None:
    for scale in SCALES:
        assert sorted(path.stem for path in file_of("fig2", scale).parent.glob("*.yaml")) == sorted(NAMES)


def test_at_least_five_seeds_stand_behind_a_small_result() -> None:
    for name in NAMES:
        text = file_of(name, "small").read_text()
        assert int(text.split("\nseeds: ")[1].split("\n")[0]) >= 5


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
def test_bad_files_of_continual_experiments(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(MorphologyError) as caught:
        read_continual_experiment(tmp_path / "own.yaml")
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
    filled = reproduce_module.fill(text, {"one": "| new |", "three": "x"})
    assert filled == text.replace("old", "| new |")
    assert reproduce_module.fill(filled, {"one": "| new |"}) == filled
    assert reproduce_module.blocks(text) == ["one", "two"]


def test_a_page_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DendrographError, match="cannot be read"):
        reproduce_module.read_page(tmp_path / "none.md")


def test_what_is_something_else_is_no_place(place: Path) -> None:
    run = place / "runs" / "vann-0"
    before = sorted(run.iterdir())
    with pytest.raises(DendrographError, match="it holds something else than a sweep"):
        reproduce(["continual"], "smoke", run, progress=False)
    assert sorted(run.iterdir()) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fig2", "fig3", "controls", "continual"])
def test_titles_name_the_data_that_are_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproduce_module, "run_sweep", lambda sweep, out, *_: Swept(out, (), ()))
    monkeypatch.setattr(reproduce_module, "run_all", lambda *_: ([], []))
    with pytest.raises(SystemExit):
        main(["reproduce", name, "--scale", "smoke", "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert f"scale smoke: {SCALES['smoke']}" in printed
    titles = [line for line in printed.splitlines() if line.startswith((f"== {name}: ", name))]
    assert len(titles) > 1 and all(line.endswith("; data: digits") for line in titles)
    assert "mnist" not in " ".join(titles).lower()


def test_help_says_what_each_scale_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["reproduce", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    for name, about in SCALES.items():
        assert f"{name}: {about}" in printed
        files = [path.read_text() for path in file_of("fig2", name).parent.glob("*.yaml")]
        assert ("digits" in about) == any("\ndata: digits\n" in text for text in files)


def test_the_runs_of_a_continual_experiment(tmp_path: Path) -> None:
    found = read_continual_experiment(file_of("continual", "smoke"))
    assert found.reference == "dann-lrf" and len(found.runs) == 2 * 3 * 2
    assert len({run.name for run in found.runs}) == 2 * 3 * 2
    text = "morphologies: vann\nscenarios: [[split, domain-incremental]]\ntasks: 2\nreference: vann\n"
    (tmp_path / "own.yaml").write_text(text)
    (run,) = read_continual_experiment(tmp_path / "own.yaml").runs
    assert run.sweep_run.network(replace(run.tasks.whole, classes=5)).graph.classes == 5 == run.tasks.classes


@pytest.mark.parametrize("damaged", ["page", "runs.csv", "continual.csv"])
def test_a_page_and_its_records_are_read_before_anything_runs(
    damaged: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, beside = tmp_path / "page.md", tmp_path / "results" / "smoke"
    if damaged != "page":
        page.write_text("text")
        put(beside / damaged, b"run,folder,graph.morphology,sha256\na,a,,0\n")
    with pytest.raises(SystemExit):
        main(["reproduce", "fig2", "--scale", "smoke", "--out", str(tmp_path / "out"), "--page", str(page)])
    path = page if damaged == "page" else beside / damaged
    assert str(path) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_where_no_run_has_ended_the_page_says_so_and_old_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = (("a-run", "it failed\n  so"),)
    monkeypatch.setattr(reproduce_module, "run_sweep", lambda sweep, out, *_: Swept(out, (), failed))
    old = [tmp_path / "out" / "results" / "fig6" / "fig6-noise-0.png", tmp_path / "results/smoke/fig4/summary.csv"]
    for path in old:
        put(path, b"runs\nruns/x\n")
    (tmp_path / "out" / "cells.json").write_text("{}")
    found = reproduce(["fig4", "fig6"], "smoke", tmp_path / "out", progress=False)
    assert found.texts["fig6-noise-0"] == "No table: none of its 8 runs has ended."
    assert "fig6-noise-0.5" not in found.texts, "the file of this scale leaves it out"
    (tmp_path / "page.md").write_text("<!-- results: fig4 -->\n| old |\n<!-- end -->\n")
    publish(found, tmp_path / "page.md", "smoke")
    assert "No table: none of its 10 runs has ended.\n<!-- end -->" in (tmp_path / "page.md").read_text()
    assert not any(path.exists() for path in old)
    with pytest.raises(DendrographError, match=r"^1 failed; the tables are of the others\n  a-run: it failed$"):
        check_failures(found)


def test_a_table_says_how_many_runs_it_lacks_and_why_it_could_not_be_made() -> None:
    def refuses(_ended: Any) -> Any:
        raise DataError("not the data\n  that it was")

    def request(ended: list[Path], make: Any) -> Any:
        return reproduce_module._Request(name="one", about="a table", wanted=(ended and 3) or 1, ended=ended, make=make)

    table, errors = request([Path("a"), Path("b")], lambda _: ResultTable(text="| table |")).made()
    assert table.text == "| table |\n\nFailed, and not in the table: 1 of 3 runs." and not errors
    table, errors = request([Path("a")], refuses).made()
    assert table.text == "No table: not the data"
    assert errors == [("the table one", "not the data\n  that it was")]


def test_a_measure_of_one_run_and_of_several(place: Path) -> None:
    for names in (["vann-0"], ["vann-0", "vann-1"]):
        folders = [place / "runs" / name for name in names]
        table = tables.measures(folders, "weights", None, place)
        runs = [f"runs/{name}" for name in names]
        assert {row["runs"] for row in table.summary} == {"; ".join(runs)}
        assert {row["run"] for row in table.measures} == set(runs)
        assert next(iter(table.measures[0])) == "run"
        assert f"| vann | somatic/soma->readout | synapse | {len(runs)} |" in table.text


@pytest.mark.slow
def test_without_a_run_of_the_reference_there_is_a_table_and_no_differences(place: Path) -> None:
    folders = sorted((place / "runs").iterdir())
    table = tables.comparison(folders, "pdann", place)
    assert table.text.endswith("\n\nNo differences to pdann: no run of it has ended.") and not table.pairs
    table = tables.comparison(folders, "vann", place)
    assert "seed by seed" in table.text and table.pairs
    files = tables.files_of({"one": table, "two": tables.comparison(folders[:2], None, place)})
    assert set(files) == {"summary.csv", "measures.csv", "pairs.csv", "one.png", "one.pdf", "two.png", "two.pdf"}
    rows = list(csv.DictReader(files["measures.csv"].decode().splitlines()))
    assert [row["table"] for row in rows] == ["one"] * 3 + ["two"] * 2


def test_a_scenario_without_the_reference_has_no_differences() -> None:
    about: dict[str, Any] = {"protocol": "split", "tasks": 2, "parameters": 3, "effective_parameters": 3, "seed": 0}
    about |= dict.fromkeys(tables.FORGETTING, 0.5)
    learned = [("class", "vann"), ("class", "dann"), ("task", "vann")]
    rows = [{"folder": model, "scenario": scenario, "morphology": model, **about} for scenario, model in learned]
    table = tables.forgetting_of(rows, "dann")
    assert "\n\ntask: No differences to dann: no run of it has ended.\n\nDifference in average" in table.text
    table = tables.forgetting_of(rows, "none")
    assert not table.pairs and "seed by seed" not in table.text


def test_a_network_that_fails_is_reported_and_an_interrupted_one_continues_by_the_same_command(tmp_path: Path) -> None:
    def run(name: str, error: BaseException | None) -> Any:
        def train(_folder: Path) -> None:
            if error:
                raise error

        return SimpleNamespace(name=name, train=train)

    both = ContinualExperiment(runs=(run("one", DataError("no data")), run("two", None)), reference="vann")
    assert run_all(both, tmp_path, progress=False) == ([tmp_path / "two"], [("one", "no data")])
    stopped = ContinualExperiment(runs=(run("one", Interrupted("go on by --resume")),), reference="vann")
    with pytest.raises(Interrupted) as caught:
        run_all(stopped, tmp_path, progress=False)
    assert str(caught.value) == f"{tmp_path}: interrupted in one\n  the same command continues"


def test_tables_name_runs_from_their_common_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.parent)  # the folder is given as a relative path, as on the command line
    here = Path(place.name)
    table = tables.comparison(sorted((here / "runs").iterdir()), "vann", here)
    names = {f"runs/{path.name}" for path in (here / "runs").iterdir()}
    for row in table.summary:
        assert set(row["runs"].split("; ")) <= names and row["efficiency_cheapest_run"] in names
    assert {row["run"] for row in table.measures} == names


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
    assert "has no block for fig5" in capsys.readouterr().out
    first = (tmp_path / "page.md").read_text()
    assert first.startswith("before\n<!-- results: fig4 -->\n| model |") and first.endswith("<!-- end -->\nafter\n")
    rows = list(csv.DictReader((out / "results" / "fig4" / "summary.csv").read_text().splitlines()))
    assert {row["model"] for row in rows} == {"dann-random", "dann-lrf", "dann-grf", "pdann", "vann"}
    for row in rows:
        assert int(row["seeds"]) == 2 == len(row["runs"].split("; "))
        assert all((out / name / "metrics.json").is_file() for name in row["runs"].split("; "))
    kept = tmp_path / "results" / "smoke"
    assert read_runs(kept).keys() == {f"runs/{path.name}" for path in (out / "runs").iterdir()}
    restore(kept, tmp_path / "back")
    record = Run.open(next((tmp_path / "back" / "runs").iterdir()))
    assert record.metrics["test"]["samples"] == 360 and record.graph().parameters == record.metrics["parameters"]
    name = Path("fig4") / "summary.csv"
    assert (kept / name).read_bytes() == (out / "results" / name).read_bytes()
    again = reproduce(["fig4"], "smoke", out, progress=False)
    assert again.texts["fig4"] in first, "the same command gives the same table"
    assert len(list((out / "runs").iterdir())) == 10, "a run that two experiments need is trained once"


@pytest.mark.slow
def test_networks_that_learn_tasks_in_turn_are_tabulated_by_scenario(tmp_path: Path) -> None:
    found = reproduce(["continual"], "smoke", tmp_path, progress=False)
    (tmp_path / "page.md").write_text("<!-- results: continual -->\n<!-- end -->\n")
    publish(found, tmp_path / "page.md", "smoke")
    tables_at = tmp_path / "results" / "continual"
    rows = list(csv.DictReader((tables_at / "summary.csv").read_text().splitlines()))
    models = {"dann-lrf", "dann-lrf-parameter-matched", "vann"}
    assert {(row["scenario"], row["model"]) for row in rows} == {
        (scenario, model) for scenario in ("task-incremental", "domain-incremental") for model in models
    }
    assert all(row["seeds"] == "2" for row in rows)
    runs = list(csv.DictReader((tables_at / "measures.csv").read_text().splitlines()))
    records = read_continual(tmp_path / "results" / "smoke")
    for run in runs:
        record = records[run["folder"]]
        assert record["measures"]["average_accuracy"] == float(run["average_accuracy"])
        assert str(tmp_path) not in json.dumps(record)
    for row in rows:
        own = [run for run in runs if (run["scenario"], run["morphology"]) == (row["scenario"], row["model"])]
        mean = sum(float(run["average_accuracy"]) for run in own) / 2
        assert float(row["average_accuracy"]) == pytest.approx(mean)
    assert found.texts["continual"].count("task-incremental") == 3 + 2
