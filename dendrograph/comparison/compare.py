"""Comparison of conditions over seeds, in tables in which every number can be traced to run folders."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from dendrograph.base.errors import DendrographError, argument, expect, several
from dendrograph.base.suggestions import did_you_mean
from dendrograph.comparison import efficiency
from dendrograph.comparison.conditions import (
    Condition,
    FinishedRun,
    control_name,
    find_run_folders,
    group_runs,
    read_runs,
    shown_seed,
    with_settings,
)
from dendrograph.comparison.model_selection import MEASURES, Selection, select_conditions
from dendrograph.comparison.statistics import holm, mean_interval, paired
from dendrograph.morphology.registry import CONTROLS

Row = dict[str, Any]

FEW = 5  # with fewer seeds no bootstrap interval is as wide as it should be
SIZES = ("parameters", "trainable_parameters", "effective_parameters")
TESTED = ("test_accuracy", "test_loss", "generalisation_gap", "accuracy_efficiency", "loss_efficiency")


@dataclass(frozen=True)
class Comparison:
    """Tables of a comparison. Numbers of a condition are means over its seeds, with 95 % intervals (`_low`, `_high`).

    After `condition` follows a column for each parameter, setting and path of a morphology that varies.

    conditions: one row a condition; `pareto_accuracy` and `pareto_loss` are true on the front of more test accuracy, or
        less test loss, for fewer parameters, among the conditions on the same data
    pairs: one row a condition and its reference: the differences, seed by seed
    runs: one row a run
    selection: one row a condition that took part in a selection

    by: the measure of pairs and selections, `accuracy` or `loss`
    notes: what was left out, and why
    """

    conditions: tuple[Row, ...]
    pairs: tuple[Row, ...]
    runs: tuple[Row, ...]
    selection: tuple[Row, ...]
    by: str
    notes: tuple[str, ...]


def compare(
    paths: Iterable[str | Path], reference: str | None = None, select: Sequence[str] = (), by: str = "accuracy"
) -> Comparison:
    """Compare finished runs: group them into conditions, select settings, and compare each condition with a reference.

        comparison = compare(["runs"], reference="vann")

    Args:
        paths: run folders, or folders that contain them, such as that of a sweep.
        reference: label of a condition, or name of a morphology; each condition is compared with the one of that
            morphology that has its parameters and settings. By default the first morphology that is not a control.
        select: settings or parameters that are chosen on the validation split.
        by: `accuracy` or `loss`.

    Raises:
        DendrographError: no run is found, two runs contradict each other, or a name is unknown.
    """
    paths = several("paths", paths, str, PathLike)
    expect("reference", reference, str, None)
    expect("by", by, str)
    select = several("select", select)
    if by not in MEASURES:
        raise DendrographError(f"{argument('by', by)}: unknown measure\n  {did_you_mean(by, MEASURES, 'measures')}")
    folders, notes = find_run_folders(paths)
    runs, more = read_runs(folders)
    notes += more
    if not runs:
        listed = "".join(f"\n  {note}" for note in notes[:10])
        raise DendrographError(f"{', '.join(map(str, paths))}: no finished run to compare{listed}")
    found, more = group_runs(runs)
    notes += more
    chosen = select_conditions(found, select, by) if select else Selection(tuple(found))
    notes += [*chosen.notes, *_chosen_apart(chosen.kept if select else ())]
    rows: list[Row] = []
    tables: list[tuple[Condition, list[Row]]] = []
    for data in dict.fromkeys(condition.data for condition in chosen.kept):
        here = [condition for condition in chosen.kept if condition.data == data]
        of_data = _with_efficiency([_of_run(one, run) for one in here for run in one.runs.values()])
        rows += of_data
        tables += [(one, [row for row in of_data if row["condition"] == one.label]) for one in here]
    table = _with_fronts([_of_condition(condition, own) for condition, own in tables])
    for row in table:
        notes += [f"{row['data']}: {row['condition']}: one seed: no interval"] if row["seeds"] < 2 else []
        unknown = [key for key in TESTED if np.isnan(row[key])]
        notes += [f"{row['data']}: {row['condition']}: not known of all runs: {', '.join(unknown)}"] if unknown else []
    for data in dict.fromkeys(row["data"] for row in table):
        fewest = min((row["seeds"] for row in table if row["data"] == data and row["seeds"] > 1), default=FEW)
        if fewest < FEW:
            notes.append(
                f"{data}: an interval of {fewest} seeds is at most the range of their values, which contains the "
                f"true mean in fewer than 95 % of cases: train at least {FEW}"
            )
    pairs, more = _pairs(tables, _references(chosen.kept, reference, notes), f"test_{by}")
    made = {"conditions": table, "pairs": pairs, "runs": rows, "selection": chosen.rows}
    varied = {(one.data, one.label): one.varied for one in found}
    full = with_settings(made, varied, lambda row: (row["data"], row["condition"]), "condition")
    return Comparison(**full, by=by, notes=(*notes, *more))


def _of_run(condition: Condition, run: FinishedRun) -> Row:
    history, metrics = run.history, run.metrics
    last = metrics.get("weights_of_epoch")
    trained = float("nan")
    if isinstance(last, int) and 1 <= last <= len(history):
        trained = history[last - 1]["train_accuracy"]
    synapses = run.run.record["graph"].get("synapses")
    accuracy, parameters = run.number("test", "accuracy"), int(run.number("parameters"))
    return {
        "data": condition.data,
        "condition": condition.label,
        "morphology": condition.morphology,
        "seed": shown_seed(run.seed),
        "parameters": parameters,
        "trainable_parameters": run.reach.get("trainable_parameters", parameters),
        "effective_parameters": run.reach.get("effective_parameters", float("nan")),
        "synapses": synapses if isinstance(synapses, int) else float("nan"),
        "validation_accuracy": run.number("validation", "accuracy"),
        "validation_loss": run.number("validation", "loss"),
        "test_accuracy": accuracy,
        "test_loss": run.number("test", "loss"),
        "train_accuracy": trained,
        "generalisation_gap": trained - accuracy,
        "epochs": int(run.number("epochs")),
        "best_epoch": efficiency.best_epoch([row["validation_loss"] for row in history]),
        "run": str(run.run.folder),
        "identity": run.run.identity,
    }


def _with_efficiency(rows: Sequence[Row]) -> list[Row]:
    """The runs with their efficiency scores; the reference set is all of them."""
    costs = efficiency.costs([row["trainable_parameters"] for row in rows], [row["best_epoch"] for row in rows])
    known = np.isfinite(costs).any()
    cheapest = rows[int(np.nanargmin(costs))]["run"] if known else ""
    scores = {
        "cost": costs,
        "accuracy_efficiency": efficiency.accuracy_efficiency([row["test_accuracy"] for row in rows], costs),
        "loss_efficiency": efficiency.loss_efficiency([row["test_loss"] for row in rows], costs),
    }
    return [
        {**row, **{key: float(values[position]) for key, values in scores.items()}, "cheapest_run": cheapest}
        for position, row in enumerate(rows)
    ]


def _of_condition(condition: Condition, rows: Sequence[Row]) -> Row:
    def mean(key: str) -> float:
        return float(np.mean([row[key] for row in rows]))

    tested = {key: mean_interval([row[key] for row in rows]) for key in TESTED}
    spread: Row = {}
    for key, estimate in tested.items():
        spread |= estimate.columns(key)
    sizes = {key: mean(key) for key in (*SIZES, "synapses")}
    return {
        "data": condition.data,
        "condition": condition.label,
        "morphology": condition.morphology,
        "seeds": len(rows),
        **{key: int(size) if size.is_integer() else size for key, size in sizes.items()},
        "validation_accuracy": mean("validation_accuracy"),
        "validation_loss": mean("validation_loss"),
        **spread,
        "epochs": mean("epochs"),
        "best_epoch": mean("best_epoch"),
        "competed": len(condition.competed),
        "efficiency_reference_runs": 0,
        "efficiency_cheapest_run": rows[0]["cheapest_run"],
        "runs": "; ".join(row["run"] for row in rows),
    }


def _with_fronts(table: Sequence[Row]) -> list[Row]:
    """The conditions with the Pareto fronts of each data set, and the number of runs in its efficiency scores."""
    found: list[Row] = []
    for data in dict.fromkeys(row["data"] for row in table):
        rows = [row for row in table if row["data"] == data]
        sizes = [row["parameters"] for row in rows]
        accurate = efficiency.on_front([row["test_accuracy"] for row in rows], sizes)
        light = efficiency.on_front([-row["test_loss"] for row in rows], sizes)
        number = sum(row["seeds"] for row in rows)
        for row, first, second in zip(rows, accurate, light, strict=True):
            counted = {"pareto_accuracy": first, "pareto_loss": second, "efficiency_reference_runs": number}
            found.append({**row, **counted})
    return found


def _references(found: Sequence[Condition], name: str | None, notes: list[str]) -> dict[str, list[Condition]]:
    """The references of each data set: one condition, or those of one morphology.

    By default those of the first morphology that is not a control; if it is the only one, its first condition.
    """
    references: dict[str, list[Condition]] = {}
    everywhere = list(dict.fromkeys(condition.data for condition in found))
    for data in everywhere:
        here = [one for one in found if one.data == data]
        if name is None:
            known = [one.morphology for one in here]
            first = next((one for one in known if not is_control(one, known)), known[0])
            own = [one for one in here if one.morphology == first]
            references[data] = own if len(own) < len(here) else own[:1]
        else:
            meant = [one for one in here if one.label == name] or [one for one in here if one.morphology == name]
            references |= {data: meant} if meant else {}
    if not references:
        labels = dict.fromkeys(one.label for one in found)
        raise DendrographError(
            f"{argument('reference', name)}: no such condition\n  {did_you_mean(str(name), labels, 'conditions')}"
        )
    notes += [f"{data}: no pairs: it has no {name}" for data in everywhere if data not in references]
    return references


def _chosen_apart(kept: Sequence[Condition]) -> list[str]:
    """Notes on controls for which a selection chose other parameters than for their morphology: their size differs."""
    notes = []
    for control, own in itertools.permutations(kept, 2):
        of_it = is_control(control.morphology, [own.morphology]) and control.data == own.data
        if of_it and control.first.knobs != own.first.knobs:
            notes.append(f"{control.data}: {control.label} was selected separately: it is not a control of {own.label}")
    return notes


def is_control(morphology: str, known: Sequence[str]) -> bool:
    """Whether a name is that of a control of a known morphology: `dann-lrf-linear` if there is `dann-lrf`."""
    return any(morphology == control_name(other, kind) for other in known for kind in CONTROLS)


def _partners(condition: Condition, references: Sequence[Condition]) -> list[Condition]:
    """The references of a condition: if there are several, those with its settings and its values of parameters."""
    if len(references) == 1:
        return [*references]

    def fits(one: Condition) -> bool:
        own, other = condition.first, one.first
        shared = own.knobs.keys() & other.knobs.keys()
        return own.config == other.config and all(own.knobs[knob] == other.knobs[knob] for knob in shared)

    return [one for one in references if fits(one)]


def _unpaired(alone: Mapping[str, Sequence[str]], paired: bool) -> str:
    """A note on seeds that only one of two conditions has."""
    seeds_of = ", ".join(
        f"only {label} has seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" for label, seeds in alone.items() if seeds
    )
    if paired:
        return f"{seeds_of}: left out of their difference"
    return f"{' and '.join(alone)} have no seed in common, so their difference is unknown: {seeds_of}"


def _pairs(
    tables: Sequence[tuple[Condition, list[Row]]], references: dict[str, list[Condition]], measure: str
) -> tuple[list[Row], list[str]]:
    """The difference of each condition to its reference on the same data, with Holm's correction for one data set."""
    found: list[Row] = []
    notes: list[str] = []
    values = {id(one): {row["seed"]: row[measure] for row in rows} for one, rows in tables}
    for data, candidates in references.items():
        of_data: list[Row] = []
        for condition, rows in tables:
            if condition.data != data or any(condition is one for one in candidates):
                continue
            partners = _partners(condition, candidates)
            if len(partners) != 1:
                meant = candidates[0].morphology
                why = (
                    f"several {meant} have its settings" if partners else f"no {meant} has its parameters and settings"
                )
                notes.append(f"{data}: {condition.label}: no pair: {why}")
                continue
            (reference,) = partners
            theirs = values[id(reference)]
            result = paired({row["seed"]: row[measure] for row in rows}, theirs)
            shared = [row["seed"] for row in rows if row["seed"] in theirs]
            if result.left_out:
                alone: dict[str, list[str]] = {
                    condition.label: [],
                    reference.label: [],
                }  # seeds that only one of the two has
                for seed in result.left_out:
                    alone[reference.label if seed in theirs else condition.label].append(str(seed))
                notes.append(f"{data}: {_unpaired(alone, bool(shared))}")
            of_data.append(
                {
                    "data": data,
                    "condition": condition.label,
                    "reference": reference.label,
                    "reference_morphology": reference.morphology,
                    "measure": measure,
                    "pairs": result.difference.number,
                    **result.difference.columns("difference"),
                    "d_z": result.effect,
                    "g_z": result.corrected,
                    "p_t": result.p_t,
                    "p_t_holm": float("nan"),
                    "p_signs": result.p_signs,
                    "p_signs_holm": float("nan"),
                    "seeds": "; ".join(shared),
                    "morphology": condition.morphology,
                }
            )
        for kind in ("p_t", "p_signs"):
            for row, p in zip(of_data, holm([row[kind] for row in of_data]), strict=True):
                row[f"{kind}_holm"] = p
        found += of_data
    return found, notes
