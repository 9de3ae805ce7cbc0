"""The tables of README, docs/k-tree.md and docs/results.md are made again from the records in docs/results."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest

from dendrograph.base.tables import read_csv
from dendrograph.experiments.reproduce import tables
from dendrograph.experiments.reproduce.experiments import EXPERIMENTS, Experiment
from dendrograph.experiments.reproduce.records import RunRecord, read_continual, read_runs, restore
from dendrograph.experiments.reproduce.reproduce import BLOCK
from dendrograph.morphology.morphology import load
from dendrograph.training.run import Run

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "docs" / "results"
SMALL = RESULTS / "small"


@pytest.fixture(scope="module")
def blocks() -> dict[str, str]:
    """The tables of the page of results."""
    found = BLOCK.finditer((ROOT / "docs" / "results.md").read_text())
    return {block[2]: block[0].split("-->\n", 1)[1].removesuffix("\n<!-- end -->") for block in found}


@pytest.fixture(scope="module")
def small() -> dict[str, RunRecord]:
    """The records behind the page of results."""
    return read_runs(SMALL)


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folders of the records behind the page of results."""
    folder = tmp_path_factory.mktemp("restored")
    restore(SMALL, folder)
    return folder


def measured(experiment: str, table: str) -> list[dict[str, str]]:
    """The rows of measures.csv that are of one table."""
    rows = read_csv((SMALL / experiment / tables.MEASURES).read_text())
    return [{key: value for key, value in row.items() if value} for row in rows if row["table"] == table]


def mean_and_deviation(records: list[RunRecord]) -> tuple[str, str]:
    """The parameters, and the mean test accuracy with its standard deviation."""
    metrics = [record.content["metrics"] for record in records]
    (parameters,) = {f"{one['parameters']:,}" for one in metrics}
    values = [100 * one["test"]["accuracy"] for one in metrics]
    return parameters, f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def test_the_table_of_the_readme(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    table = re.search(r"<!-- results: begin -->\n(.*?)<!-- results: end -->", readme, re.DOTALL)
    assert table
    rows = [line.strip("| ").split(" | ") for line in table[1].strip().splitlines()[2:]]
    shipped = (ROOT / "morphologies").glob("*.yaml")
    of_the_paper = [path.stem for path in shipped if load(path).citation == "10.1038/s41467-025-56297-9"]
    assert sorted(row[0] for row in rows) == sorted(of_the_paper)
    records = read_runs(RESULTS / "fashion_mnist")
    restore(RESULTS / "fashion_mnist", tmp_path)
    for name, parameters, effective, accuracy, _loss, runs in rows:
        stem, seeds = re.fullmatch(r"([\w-]+)-seed\{([\d,]+)\}", runs).groups()  # type: ignore[union-attr]
        names = [f"{stem}-seed{seed}" for seed in seeds.split(",")]
        assert stem == name and mean_and_deviation([records[one] for one in names]) == (parameters, accuracy)
        reached = statistics.mean(Run.open(tmp_path / one).graph().effective_parameters for one in names)
        assert effective == f"{reached:,.0f}"


def test_the_table_of_k_trees() -> None:
    records = read_runs(RESULTS / "k_tree")
    row = r"^\| (point neuron|\d+ trees?) \| ([\d,]+) \| (\S+ ± \S+) "
    rows = re.findall(row, (ROOT / "docs/tutorials/k-tree.md").read_text(), re.M)
    assert len(rows) == 7
    for name, parameters, accuracy in rows:
        kind = "point-neuron" if name == "point neuron" else f"k-tree{name.split()[0]}"
        own = [record for run, record in records.items() if run.startswith(f"{kind}-seed")]
        assert len(own) == 3, kind
        assert mean_and_deviation(own) == (parameters, accuracy)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", [one for one in EXPERIMENTS if one.groups], ids=lambda one: one.name)
def test_the_comparisons_on_the_page_of_results(experiment: Experiment, blocks: dict[str, str], restored: Path) -> None:
    for group in experiment.groups:
        if group.name in blocks:
            folders = [restored / row["run"] for row in measured(experiment.name, group.name)]
            assert tables.comparison(folders, group.reference, restored).text == blocks[group.name]


@pytest.mark.parametrize("experiment", [one for one in EXPERIMENTS if one.measured], ids=lambda one: one.name)
def test_the_measures_on_the_page_of_results(
    experiment: Experiment, blocks: dict[str, str], small: dict[str, RunRecord]
) -> None:
    models = {name: record.content["graph"]["name"] for name, record in small.items()}
    (part,) = experiment.measured
    rows = measured(experiment.name, experiment.name)
    assert tables.over_seeds_of(rows, models, part).text == blocks[experiment.name]


def test_the_forgetting_on_the_page_of_results(blocks: dict[str, str]) -> None:
    rows = measured("continual", "continual")
    assert tables.forgetting_of(rows, "dann-lrf").text == blocks["continual"]
    records = read_continual(SMALL)
    assert {row["folder"] for row in rows} == records.keys()
    for row in rows:
        assert records[row["folder"]]["measures"]["forgetting"] == float(row["forgetting"])


def test_every_run_behind_a_table_has_a_record(small: dict[str, RunRecord]) -> None:
    named = {
        row["run"] for path in SMALL.glob(f"*/{tables.MEASURES}") for row in read_csv(path.read_text()) if "run" in row
    }
    assert named == small.keys()
