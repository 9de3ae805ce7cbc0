"""Means over the seeds of each condition, with intervals, of the tables of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dendrograph.base.tables import Row
from dendrograph.comparison.conditions import group_runs, read_runs, with_settings
from dendrograph.comparison.statistics import mean_interval

END = "_over_seeds"  # of the name of such a table

ACTIVITY = ("silent", "active", "sparseness", "entropy", "entropy_with_silence", "classes", "selectivity")
GAPS = ("accuracy_gap", "loss_gap")
BOTH = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
SUMMARY = ("area", "half_level")

# Of each averaged table: the columns that identify a row of one run, and those that are averaged.
AVERAGED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "groups": (("group", "units"), (*ACTIVITY, "population_sparseness")),
    "weights": (
        ("projection", "kind"),
        ("number", "mean", "deviation", "skewness", "kurtosis", "bimodality", "near_zero"),
    ),
    "learning": (("epoch",), (*BOTH, *GAPS)),
    "results": (
        (),
        (
            *("epochs", "best_epoch", *BOTH, "test_loss", "test_accuracy"),
            *(*GAPS, "validation_accuracy_gap", "validation_loss_gap"),
        ),
    ),
    "embedding": (("group", "space", "measure"), ("mean",)),
    "noise": (("trained_sigma", "sigma"), ("accuracy", "loss")),
    "noise_summary": (("trained_sigma",), SUMMARY),
    "occlusion": (("share",), ("accuracy", "loss")),
    "occlusion_summary": ((), SUMMARY),
    "lesions": (("kind", "name", "share"), ("accuracy", "loss")),
    "lesions_summary": (("kind", "name"), SUMMARY),
}


def over_seeds(
    rows: Sequence[Row], about: Mapping[str, Row], keys: Sequence[str], columns: Sequence[str]
) -> tuple[Row, ...]:
    """The means of columns over runs, with their intervals (`statistics.mean_interval`).

    Rows that some runs of a condition lack, such as an epoch after one of them stopped, are left out.

    Args:
        rows: each with the name of its `run`.
        about: the first columns of the rows of a run, by its name. Runs with the same values are averaged; runs
            without any are left out.
        keys: columns that identify a row of one run. Rows with the same keys, such as repeats, are averaged first.
        columns: to be averaged.

    Returns:
        Rows with the columns of `about`, keys, seeds (the number of runs), each column with its interval, and runs.
    """
    members: dict[tuple, list[str]] = {}
    for run in dict.fromkeys(row["run"] for row in rows):
        if run in about:
            members.setdefault(tuple(about[run].items()), []).append(run)
    found: dict[tuple, dict[str, list[Row]]] = {}
    for row in rows:
        if row["run"] in about:
            head = tuple(about[row["run"]].items())
            of_runs = found.setdefault((head, tuple((key, row[key]) for key in keys)), {})
            of_runs.setdefault(row["run"], []).append(row)
    averaged: list[Row] = []
    for (head, own), of_runs in found.items():
        if len(of_runs) < len(members[head]):
            continue
        spread: dict[str, float] = {}
        for column in columns:
            values = [sum(float(row[column]) for row in repeats) / len(repeats) for repeats in of_runs.values()]
            spread |= mean_interval(values).columns(column)
        averaged.append({**dict(head), **dict(own), "seeds": len(of_runs), **spread, "runs": "; ".join(of_runs)})
    return tuple(averaged)


@dataclass(frozen=True)
class Averaged:
    """Tables of several runs and their means over seeds.

    tables: those of the runs, and the means under their names with `END`; with a column for each parameter and setting
        that varies
    conditions: the labels of conditions with means, for figures, with the names of their runs
    notes: on runs that were left out
    """

    tables: Mapping[str, tuple[Row, ...]]
    conditions: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


def averaged(tables: Mapping[str, tuple[Row, ...]], folders: Mapping[str, Path]) -> Averaged:
    """Tables of several runs, with the means of those in `AVERAGED`, one row a condition.

    There are no means if no condition has two seeds.

    Args:
        tables: as `Analysis.tables`; each row names its run.
        folders: of the runs, by their names in the tables.
    """
    runs, notes = read_runs(folders.values())
    conditions, more = group_runs(runs, strict=False)
    names = {folder: name for name, folder in folders.items()}
    members: dict[tuple[str, str], tuple[str, ...]] = {}
    varied: dict[object, Mapping[str, object]] = {}
    for condition in conditions:
        key = (condition.data, condition.label)
        members[key] = tuple(names[run.run.folder] for run in condition.runs.values())
        varied |= dict.fromkeys([key, *members[key]], condition.varied)
    about = {
        name: {"data": data, "condition": label}
        for (data, label), of_condition in members.items()
        for name in of_condition
    }
    means = any(len(own) > 1 for own in members.values())
    made = {
        f"{name}{END}": over_seeds(tables[name], about, keys, columns)
        for name, (keys, columns) in AVERAGED.items()
        if means and name in tables
    }
    several = len({data for data, _ in members}) > 1
    return Averaged(
        with_settings({**tables, **made}, varied, _whose, ("run", "condition")),
        {f"{label}, {data}" if several else label: own for (data, label), own in members.items()} if means else {},
        tuple(f"means over seeds: {note}" for note in (*notes, *more)),
    )


def _whose(row: Row) -> object:
    """The run or the condition of a row."""
    return row["run"] if "run" in row else (row["data"], row["condition"])
