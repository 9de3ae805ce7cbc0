"""Tables and figures of finished runs: what an experiment leaves beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from dendrograph.analysis.analyse import analyse, names_of
from dendrograph.analysis.print_analysis import interval, plain
from dendrograph.base.tables import to_csv
from dendrograph.comparison.compare import compare
from dendrograph.comparison.over_seeds import over_seeds
from dendrograph.comparison.print_comparison import differences, pipes, results
from dendrograph.comparison.statistics import holm, mean_interval, paired
from dendrograph.experiments.reproduce.records import FOLDERS
from dendrograph.training.continual import table as continual_table
from dendrograph.training.model_source import ModelSource
from dendrograph.training.run import Run

Files = dict[str, str | bytes]
Row = Mapping[str, Any]

MEASURED = {  # table of the analysis, what tells its rows apart, and the columns that are averaged over seeds
    "weights": ("weights", ("projection", "kind"), ("deviation", "kurtosis", "bimodality", "near_zero")),
    "activity": (
        "groups",
        ("group",),
        ("silent", "active", "entropy", "entropy_with_silence", "classes", "selectivity"),
    ),
}
ENDS = (".csv", "-runs.csv", "-pairs.csv", ".png", ".pdf")  # of all the files that a name may have
CONTINUAL = ("average_accuracy", "forgetting", "backward_transfer")


def comparison(name: str, folders: Sequence[Path], reference: str | None, place: Path) -> tuple[Files, str]:
    """Of one group: CSV tables, a figure, and the text for a page. Run folders are named as they lie in `place`.

    Where no run of the reference is among them there are no differences, and the text says so.
    """
    from dendrograph.draw.canvas.figure import as_bytes
    from dendrograph.draw.plots.comparison import accuracy_figure

    there = reference in {Run.open(folder).record["graph"]["name"] for folder in folders}
    found = compare(folders, reference if there else None)
    figure = accuracy_figure(found.conditions, found.runs)
    files: Files = {
        f"{name}.csv": to_csv(_within(place, found.conditions)),
        f"{name}-runs.csv": to_csv(_within(place, found.runs)),
        f"{name}.png": as_bytes(figure, "png"),
        f"{name}.pdf": as_bytes(figure, "pdf"),
    }
    text = pipes(results(found.conditions, str))
    if reference is not None and not there:
        text += f"\n\n{_none_of(reference)}"
    elif reference is not None and found.pairs:
        files[f"{name}-pairs.csv"] = to_csv(found.pairs)
        text += f"\n\nDifference in test accuracy (%) to {reference}, seed by seed:\n\n"
        text += pipes(differences(found.pairs, str))
    return files, text


def measures(name: str, folders: Sequence[Path], part: str, data_dir: Path | None, place: Path) -> tuple[Files, str]:
    """Of one part of the analysis: means over seeds with intervals, a row a model and group or projection."""
    table, keys, columns = MEASURED[part]
    by_name = dict(zip(names_of(folders), folders, strict=True))
    models = {name: Run.open(folder).record["graph"]["name"] for name, folder in by_name.items()}
    places = {name: folder.relative_to(place).as_posix() for name, folder in by_name.items()}
    sources = [ModelSource(folder, data_dir=data_dir if part != "weights" else None) for folder in folders]
    found = [
        {"run": "", **row} | {"run": places[row.get("run", next(iter(by_name)))]}  # a single run is not named
        for row in analyse(sources, [part]).tables[table]
    ]
    rows = over_seeds(found, {places[name]: {"model": model} for name, model in models.items()}, keys, columns)
    header = ("model", *keys, "n", *columns)
    body = [
        (*(str(row[key]) for key in ("model", *keys)), str(row["seeds"]), *(interval(row, key) for key in columns))
        for row in rows
    ]
    return {f"{name}.csv": to_csv(rows), f"{name}-runs.csv": to_csv(found)}, pipes((header, body))


def continual(name: str, folders: Sequence[Path], reference: str, place: Path) -> tuple[Files, str]:
    """Of learnings in turn: means over seeds, and differences to a reference, pair by pair."""
    found = _within(place, continual_table(folders))
    rows: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    lacking: list[str] = []
    for protocol, scenario in dict.fromkeys((row["protocol"], row["scenario"]) for row in found):
        here = [row for row in found if (row["protocol"], row["scenario"]) == (protocol, scenario)]
        models = list(dict.fromkeys(row["morphology"] for row in here))
        of = {
            model: {row["seed"]: row["average_accuracy"] for row in here if row["morphology"] == model}
            for model in models
        }
        for model in models:
            own = [row for row in here if row["morphology"] == model]
            spread = _spread(own, CONTINUAL)
            about = {key: own[0][key] for key in ("tasks", "parameters", "effective_parameters")}
            folders_of = "; ".join(str(row["folder"]) for row in own)
            named = {"protocol": protocol, "scenario": scenario, "model": model, **about}
            rows.append({**named, "seeds": len(own), **spread, "runs": folders_of})
        if reference not in of:
            lacking.append(f"{scenario}: {_none_of(reference)}")
            continue
        for model in (model for model in models if model != reference):
            result = paired(of[model], of[reference])
            named = {"protocol": protocol, "scenario": scenario, "model": model, "reference": reference}
            tests = {"g_z": result.corrected, "p_t": result.p_t}
            pairs.append({**named, **result.difference.columns("difference"), **tests})
    corrected = holm([pair["p_t"] for pair in pairs])  # over all rows of the table
    pairs = [{**pair, "p_t_holm": p} for pair, p in zip(pairs, corrected, strict=True)]
    header = ("protocol", "scenario", "model", "parameters", "effective", "n", *CONTINUAL)
    body: list[tuple[str, ...]] = [
        (
            *(row["protocol"], row["scenario"], row["model"], f"{row['parameters']:,}"),
            *("-" if isnan(row["effective_parameters"]) else f"{row['effective_parameters']:,}", str(row["seeds"])),
            *(interval(row, key) for key in CONTINUAL),
        )
        for row in rows
    ]
    files: Files = {f"{name}.csv": to_csv(rows), f"{name}-runs.csv": to_csv(found)}
    text = "\n\n".join([pipes((header, body)), *lacking])
    if not pairs:
        return files, text
    text += f"\n\nDifference in average accuracy to {reference}, seed by seed:\n\n"
    lines: list[tuple[str, ...]] = [
        (pair["scenario"], pair["model"], interval(pair, "difference"), plain(pair["g_z"]), plain(pair["p_t_holm"]))
        for pair in pairs
    ]
    text += pipes((("scenario", "model", "difference", "g_z", "p (t, Holm)"), lines))
    return {**files, f"{name}-pairs.csv": to_csv(pairs)}, text


def _none_of(reference: str) -> str:
    return f"No differences to {reference}: no run of it has ended."


def _within(place: Path, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows whose folders are named from `place` on: so they are right wherever tables and records come to lie."""

    def named(paths: str) -> str:
        return "; ".join(Path(path).relative_to(place).as_posix() for path in paths.split("; "))

    return [{key: named(value) if key in FOLDERS and value else value for key, value in row.items()} for row in rows]


def _spread(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, float]:
    """The mean of each column over rows, with its interval."""
    found: dict[str, float] = {}
    for column in columns:
        found |= mean_interval([float(row[column]) for row in rows]).columns(column)
    return found
