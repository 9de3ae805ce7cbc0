"""Model selection: settings are chosen on the validation split only, and the test split of the others is never read."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dendrograph.base.errors import DendrographError, argument
from dendrograph.base.suggestions import did_you_mean
from dendrograph.comparison.conditions import Condition

MEASURES = ("accuracy", "loss")


@dataclass(frozen=True)
class Selection:
    """The selected conditions, notes on the selection, and one row for each condition that took part."""

    kept: tuple[Condition, ...]
    notes: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()


def select_conditions(conditions: Sequence[Condition], names: Sequence[str], by: str) -> Selection:
    """Of conditions that differ only in the named settings, keep the best one on the validation split.

    Args:
        conditions: labelled.
        names: settings of the training, parameters of a morphology, or its paths, such as `lr`, `dendrites`.
        by: `accuracy`, the highest mean over seeds wins, or `loss`, the lowest wins. The first of equals wins.

    Raises:
        DendrographError: no run has such a setting, or others differ as well.
    """
    _check_names(conditions, names)
    groups: dict[str, list[Condition]] = {}
    for condition in conditions:
        first = condition.first
        rest = {key: value for key, value in first.settings.items() if key not in names}
        if any(name in first.knobs for name in names):  # a parameter changes the rest of the morphology as well
            rest = {key: value for key, value in rest.items() if key not in first.content}
        groups.setdefault(json.dumps([condition.data, condition.morphology, rest], sort_keys=True), []).append(
            condition
        )
    kept: list[Condition] = []
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    for group in groups.values():
        _check_no_others(group, names)
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
            notes.append(f"{best.label} and the conditions that it was selected from have different seeds")
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


def _check_names(conditions: Sequence[Condition], names: Sequence[str]) -> None:
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
                f"{argument('select', name)}: no run has such a setting or parameter\n"
                f"  {did_you_mean(name, known, 'settings')}"
            )


def _check_no_others(group: Sequence[Condition], names: Sequence[str]) -> None:
    seen: dict[tuple[str | None, ...], Condition] = {}
    for condition in group:
        settings = condition.first.settings
        other = seen.setdefault(tuple(settings.get(name) for name in names), condition)
        if other is not condition:
            raise DendrographError(
                f"{argument('select', list(names))}: {other.label} and {condition.label} also differ in other "
                "settings, so that the selection is ambiguous\n  compare the runs of one of them at a time"
            )


def _differing(group: Sequence[Condition], names: Sequence[str]) -> list[str]:
    return [name for name in names if len({one.first.settings.get(name) for one in group}) > 1]


def _best(group: Sequence[Condition], means: dict[str, float], by: str) -> Condition:
    def worth(condition: Condition) -> float:
        mean = means[condition.label]
        return -math.inf if math.isnan(mean) else mean if by == "accuracy" else -mean

    return max(group, key=worth)  # the first of equals
