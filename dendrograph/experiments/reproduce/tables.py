"""The tables and figures of finished runs that an experiment leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from dendrograph.analysis.analyse import analyse, names_of
from dendrograph.analysis.print_analysis import interval, plain
from dendrograph.base.tables import Row, to_csv
from dendrograph.comparison.compare import compare
from dendrograph.comparison.over_seeds import over_seeds
from dendrograph.comparison.print_comparison import differences, pipes, results
from dendrograph.comparison.statistics import holm, mean_interval, paired
from dendrograph.experiments.reproduce.records import FOLDERS
from dendrograph.training.continual import table as continual_table
from dendrograph.training.model_source import ModelSource
from dendrograph.training.run import Run

SUMMARY, PAIRS, MEASURES = "summary.csv", "pairs.csv", "measures.csv"
FIGURES = (".png", ".pdf")
MEASURED = {  # table of the analysis, the columns that tell its rows apart, and those that are averaged over seeds
    "weights": ("weights", ("projection", "kind"), ("deviation", "kurtosis", "bimodality", "near_zero")),
    "activity": (
        "groups",
        ("group",),
        ("silent", "active", "entropy", "entropy_with_silence", "classes", "selectivity"),
    ),
}
FORGETTING = ("average_accuracy", "forgetting", "backward_transfer")


@dataclass(frozen=True)
class ResultTable:
    """A table of results.

    text: Markdown, for a page
    summary: one row a condition, with means over seeds
    measures: one row a run, and group or projection where several are measured
    pairs: one row a condition that is compared with the reference
    figures: by the ends of their names
    """

    text: str
    summary: Sequence[Row] = ()
    measures: Sequence[Row] = ()
    pairs: Sequence[Row] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)


def files_of(tables: Mapping[str, ResultTable]) -> dict[str, bytes]:
    """The files of an experiment: its tables, each with a column `table`, and the figures.

    Args:
        tables: by their names.
    """
    rows = {
        file: [{"table": name, **row} for name, table in tables.items() for row in getattr(table, file[:-4])]
        for file in (SUMMARY, PAIRS, MEASURES)
    }
    return {
        **{file: to_csv(of_file).encode() for file, of_file in rows.items() if of_file},
        **{f"{name}{end}": content for name, table in tables.items() for end, content in table.figures.items()},
    }


def comparison(folders: Sequence[Path], reference: str | None, place: Path) -> ResultTable:
    """Compare the runs of one group. Where none of them is of the reference, the text says so.

    Args:
        folders: of the runs.
        reference: the morphology with which the others are compared, seed by seed.
        place: the folder from which the tables name runs.
    """
    from dendrograph.draw.canvas.figure import as_bytes
    from dendrograph.draw.plots.comparison import accuracy_figure

    there = reference in {Run.open(folder).record["graph"]["name"] for folder in folders}
    found = compare(folders, reference if there else None)
    figure = accuracy_figure(found.conditions, found.runs)
    text, pairs = pipes(results(found.conditions, str)), found.pairs if there else ()
    if reference is not None and not there:
        text += f"\n\n{_none_of(reference)}"
    elif pairs:
        text += f"\n\nDifference in test accuracy (%) to {reference}, seed by seed:\n\n{pipes(differences(pairs, str))}"
    return ResultTable(
        text=text,
        summary=_within(place, found.conditions),
        measures=_within(place, found.runs),
        pairs=pairs,
        figures={end: as_bytes(figure, end[1:]) for end in FIGURES},
    )


def measures(folders: Sequence[Path], part: str, data_dir: Path | None, place: Path) -> ResultTable:
    """One part of the analysis of runs: means over seeds, one row a model and group or projection.

    Args:
        folders: of the runs.
        part: a key of `MEASURED`.
        data_dir: where data sets are.
        place: the folder from which the tables name runs.
    """
    table = MEASURED[part][0]
    by_name = dict(zip(names_of(folders), folders, strict=True))
    places = {name: folder.relative_to(place).as_posix() for name, folder in by_name.items()}
    models = {places[name]: str(Run.open(folder).record["graph"]["name"]) for name, folder in by_name.items()}
    sources = [ModelSource(folder, data_dir=data_dir if part != "weights" else None) for folder in folders]
    rows = [
        {"run": "", **row} | {"run": places[row.get("run", next(iter(by_name)))]}  # a single run is not named
        for row in analyse(sources, [part]).tables[table]
    ]
    return over_seeds_of(rows, models, part)


def over_seeds_of(rows: Sequence[Row], models: Mapping[str, str], part: str) -> ResultTable:
    """The means over seeds of measured rows.

    Args:
        rows: each with its `run`.
        models: the morphology of each run.
        part: a key of `MEASURED`.
    """
    _, keys, columns = MEASURED[part]
    summary = over_seeds(rows, {run: {"model": model} for run, model in models.items()}, keys, columns)
    body = [
        (*(str(row[key]) for key in ("model", *keys)), str(row["seeds"]), *(interval(row, key) for key in columns))
        for row in summary
    ]
    return ResultTable(text=pipes((("model", *keys, "n", *columns), body)), summary=summary, measures=rows)


def continual(folders: Sequence[Path], reference: str, place: Path) -> ResultTable:
    """Networks that learned tasks in turn: means over seeds, and differences to a reference, seed by seed.

    Args:
        folders: of the networks.
        reference: the morphology with which the others are compared.
        place: the folder from which the tables name the networks.
    """
    return forgetting_of(_within(place, continual_table(folders)), reference)


def forgetting_of(rows: Sequence[Row], reference: str) -> ResultTable:
    """The means over seeds of rows of `continual_table`, and the differences to a reference.

    Rows of older versions have no effective parameters.
    """
    sizes = [key for key in ("parameters", "effective_parameters") if key in rows[0]]
    summary: list[Row] = []
    pairs: list[dict[str, Any]] = []
    lacking: list[str] = []
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        models = groups.setdefault((row["protocol"], row["scenario"]), {})
        models.setdefault(row["morphology"], []).append(row)
    for (protocol, scenario), models in groups.items():
        about = {"protocol": protocol, "scenario": scenario}
        accuracy = {
            model: {row["seed"]: float(row["average_accuracy"]) for row in own} for model, own in models.items()
        }
        for model, own in models.items():
            shared = {key: own[0][key] for key in ("tasks", *sizes)}
            spread: dict[str, float] = {}
            for key in FORGETTING:
                spread |= mean_interval([float(row[key]) for row in own]).columns(key)
            of_runs = "; ".join(str(row["folder"]) for row in own)
            summary.append({**about, "model": model, **shared, "seeds": len(own), **spread, "runs": of_runs})
            if reference in models and model != reference:
                result = paired(accuracy[model], accuracy[reference])
                difference = result.difference.columns("difference")
                tests = {"g_z": result.corrected, "p_t": result.p_t}
                pairs.append({**about, "model": model, "reference": reference, **difference, **tests})
        if reference not in models:
            lacking.append(f"{scenario}: {_none_of(reference)}")
    for pair, p in zip(pairs, holm([pair["p_t"] for pair in pairs]), strict=True):  # over all rows of the table
        pair["p_t_holm"] = p
    names = [key.removesuffix("_parameters") for key in sizes]
    header = ("protocol", "scenario", "model", *names, "n", *FORGETTING)
    body: list[tuple[str, ...]] = [
        (
            *(row["protocol"], row["scenario"], row["model"]),
            *(_count(row[key]) for key in sizes),
            str(row["seeds"]),
            *(interval(row, key) for key in FORGETTING),
        )
        for row in summary
    ]
    text = "\n\n".join([pipes((header, body)), *lacking])
    if pairs:
        lines: list[tuple[str, ...]] = [
            (pair["scenario"], pair["model"], interval(pair, "difference"), plain(pair["g_z"]), plain(pair["p_t_holm"]))
            for pair in pairs
        ]
        text += f"\n\nDifference in average accuracy to {reference}, seed by seed:\n\n"
        text += pipes((("scenario", "model", "difference", "g_z", "p (t, Holm)"), lines))
    return ResultTable(text=text, summary=summary, measures=rows, pairs=pairs)


def _count(number: Any) -> str:
    return "-" if isnan(float(number)) else f"{int(float(number)):,}"


def _none_of(reference: str) -> str:
    return f"No differences to {reference}: no run of it has ended."


def _within(place: Path, rows: Sequence[Row]) -> list[Row]:
    """Rows that name folders from `place` on, so that the names hold wherever tables and records are."""

    def named(paths: str) -> str:
        return "; ".join(Path(path).relative_to(place).as_posix() for path in paths.split("; "))

    return [{key: named(value) if key in FOLDERS and value else value for key, value in row.items()} for row in rows]
