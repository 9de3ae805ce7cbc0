"""Choosing among settings on the validation split alone; what the others did on the test split is never looked at."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dendrograph.base.errors import DendrographError, argument
from dendrograph.base.suggestions import did_you_mean
from dendrograph.comparison.conditions import Condition

BY = ("accuracy", "loss")


@dataclass(frozen=True)
class Selection:
    """The conditions that are left, notes on the choice, and a row for each condition that took part in one."""

    kept: tuple[Condition, ...]
    notes: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()


def select(conditions: Sequence[Condition], names: Sequence[str], by: str) -> Selection:
    """Of conditions that differ in the named settings alone, keep the one that is best on the validation split.

    Args:
        conditions: labelled.
        names: settings of the training, knobs of a morphology, or its paths, such as `lr`, `dendrites`.
        by: `accuracy`, whose mean over seeds shall be high, or `loss`, which shall be low. The first of equals wins.

    Raises:
        DendrographError: no run has such a setting, or more differs than the named ones.
    """
    _known(conditions, names)
    groups: dict[str, list[Condition]] = {}
    for condition in conditions:
        first = condition.first
        rest = {key: value for key, value in first.settings.items() if key not in names}
        if any(name in first.knobs for name in names):  # a knob works on the rest of the morphology, too
            rest = {key: value for key, value in rest.items() if key not in first.content}
        groups.setdefault(json.dumps([condition.data, condition.morphology, rest], sort_keys=True), []).append(
            condition
        )
    kept: list[Condition] = []
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    for group in groups.values():
        _refuse_more(group, names)
        means = {condition.label: condition.mean("validation", by) for condition in group}
        best = _best(group, means, by)
        others = tuple(condition.label for condition in group if condition is not best)
        kept.append(replace(best, competed=others))
        if not others:
            continue
        notes.append(
            f"selected on {best.data} by validation {by}: {best.label}, of {len(group)} "
            f"that differ in {', '.join(_differing(group, names))}"
        )
        if len({tuple(condition.runs) for condition in group}) > 1:
            notes.append(f"{best.label} and those that it was selected from do not have the same seeds")
        rows += [
            {
                "data": condition.data,
                "condition": condition.label,
                "seeds": len(condition.runs),
                f"validation_{by}": means[condition.label],
                "selected": condition is best,
                "runs": "; ".join(str(run.run.folder) for run in condition.runs.values()),
            }
            for condition in group
        ]
    for name in names:
        if not any(name in _differing(group, [name]) for group in groups.values()):
            notes.append(f"nothing to select by {name}: no two conditions differ in it")
    order = [condition.label for condition in conditions]
    data = list(dict.fromkeys(condition.data for condition in conditions))
    kept.sort(key=lambda condition: (data.index(condition.data), order.index(condition.label)))
    return Selection(tuple(kept), tuple(notes), tuple(rows))


def _known(conditions: Sequence[Condition], names: Sequence[str]) -> None:
    known: dict[str, None] = {}
    for condition in conditions:
        known.update(dict.fromkeys([*condition.first.config, *condition.first.knobs]))
    every = {*known, *(key for condition in conditions for key in condition.first.content)}
    for name in names:
        if name not in every:
            if name == "seed":
                raise DendrographError(
                    f"{argument('select', 'seed')}: seeds do not compete: a result is the mean over all of them\n"
                    f"  settings: {', '.join(sorted(known))}"
                )
            raise DendrographError(
                f"{argument('select', name)}: no run has such a setting or knob\n"
                f"  {did_you_mean(name, known, 'settings')}"
            )


def _refuse_more(group: Sequence[Condition], names: Sequence[str]) -> None:
    seen: dict[tuple[str | None, ...], Condition] = {}
    for condition in group:
        settings = condition.first.settings
        other = seen.setdefault(tuple(settings.get(name) for name in names), condition)
        if other is not condition:
            raise DendrographError(
                f"{argument('select', list(names))}: {other.label} and {condition.label} differ in more than that, "
                "and which of them is to compete cannot be told\n  compare the runs of one of them at a time"
            )


def _differing(group: Sequence[Condition], names: Sequence[str]) -> list[str]:
    return [name for name in names if len({one.first.settings.get(name) for one in group}) > 1]


def _best(group: Sequence[Condition], means: dict[str, float], by: str) -> Condition:
    def worth(condition: Condition) -> float:
        mean = means[condition.label]
        return -math.inf if math.isnan(mean) else mean if by == "accuracy" else -mean

    return max(group, key=worth)  # the first of equals
