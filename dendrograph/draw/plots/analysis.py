"""All figures of an analysis, from its tables, with notes on figures that could not be drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.draw.canvas.figure import FORMS, as_bytes
from dendrograph.draw.plots.distributions import densities_figure, hits_figure, selectivity_figure
from dendrograph.draw.plots.embeddings import embeddings_figure
from dendrograph.draw.plots.learning_curves import generalisation_figure
from dendrograph.draw.plots.panels import Table
from dendrograph.draw.plots.robustness import LEVELS, curves, robustness_figure, single_lesion_figure

Tables = Mapping[str, Table]
Conditions = Mapping[str, Sequence[str]]  # runs by condition

NONE = "none"  # instead of a format: write no figures


def _selectivity(tables: Tables) -> Figure:
    classes = {row["class"] for row in tables.get("hits", ())}
    return selectivity_figure(tables["units"], len(classes) or None)


# The name of each figure of one run, the table that it needs, and the function that draws it.
OF_A_RUN: tuple[tuple[str, str, Callable[[Tables], Figure]], ...] = (
    ("selectivity", "units", _selectivity),
    ("hits", "hits", lambda tables: hits_figure(tables["hits"])),
    ("densities", "densities", lambda tables: densities_figure(tables["densities"])),
    ("generalisation", "learning", lambda tables: generalisation_figure(tables["learning"], tables.get("results", ()))),
    ("embedding", "points", lambda tables: embeddings_figure(tables["points"], tables.get("embedding", ()))),
)


def analysis_figures(
    tables: Tables, conditions: Conditions = MappingProxyType({})
) -> tuple[dict[str, Figure], tuple[str, ...]]:
    """A figure for each part of an analysis, and a note on each figure that could not be drawn.

    Each of several runs (a column `run`) has figures of its own, such as `embedding-RUN`. Curves of noise, occlusion
    and lesions share one figure, with a line for each run, or for each condition if there are means over seeds.

    Args:
        tables: as `Analysis.tables`.
        conditions: as `Analysis.conditions`.
    """
    drawn = _Drawn()
    for run, own in _by_run(tables).items():
        for name, needed, figure in OF_A_RUN:
            if needed in own:
                drawn.add(f"{name}-{run}" if run else name, partial(figure, own))
    for name in ("noise", "occlusion", "lesions"):
        if name in tables:
            labelled = _labelled(tables, conditions, name, _one_repeat)
            over = "seeds" if conditions else "repeats"
            drawn.add(name, partial(robustness_figure, labelled, over=over))
    if "single_lesions" in tables:
        labelled = _labelled(tables, conditions, "single_lesions", lambda rows, seed: rows)
        drawn.add("single_lesions", partial(single_lesion_figure, labelled))
    return drawn.figures, tuple(drawn.notes)


@dataclass
class _Drawn:
    """The figures that were drawn, and notes on those that could not be drawn."""

    figures: dict[str, Figure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, figure: Callable[[], Figure]) -> None:
        try:
            self.figures[name] = figure()
        except DendrographError as error:
            self.notes.append(f"no figure '{name}': {error}")


def _one_repeat(rows: Table, seed: int) -> list[dict[str, Any]]:
    """The curves of one seed with its repeats averaged, as one repeat among those of other seeds."""
    level = next(column for column in LEVELS if column in rows[0])
    return [
        {**curve.about, level: x, "repeat": seed, "accuracy": float(np.mean(one))}
        for curve in curves(rows)
        for x, one in zip(curve.levels, curve.accuracies, strict=True)
    ]


def _labelled(
    tables: Tables, conditions: Conditions, name: str, of_seed: Callable[[Table, int], Table]
) -> dict[str, Table]:
    """The rows of a table by their label: a condition with all its seeds, or else a run."""
    runs = {run: own[name] for run, own in _by_run(tables).items()}
    if not conditions:
        return {run or "network": rows for run, rows in runs.items()}
    return {
        label: [row for seed, run in enumerate(members) for row in of_seed(runs[run], seed)]
        for label, members in conditions.items()
    }


def figure_files(
    tables: Tables, form: str, conditions: Conditions = MappingProxyType({})
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """`analysis_figures` as files by their names, in one of `FORMS`; no file if the format is `none`."""
    check_form(form)
    if form == NONE:
        return {}, ()
    figures, notes = analysis_figures(tables, conditions)
    return {f"{name}.{form}": as_bytes(figure, form) for name, figure in figures.items()}, notes


def check_form(form: str) -> None:
    """Check the format of figures.

    Raises:
        DendrographError: it is none of `FORMS`, and not `none`.
    """
    if form not in (*FORMS, NONE):
        raise DendrographError(
            f"unknown form '{clip(form)}' of figures\n  {did_you_mean(form, (*FORMS, NONE), 'forms')}"
        )


def _is_mean(row: Mapping[str, Any]) -> bool:
    return "condition" in row and "run" not in row


def _by_run(tables: Tables) -> dict[str, Tables]:
    """The tables of each run, by its name; '' for a single run without a name. Means over seeds belong to no run."""
    tables = {name: rows for name, rows in tables.items() if not (rows and _is_mean(rows[0]))}
    names = dict.fromkeys(row.get("run", "") for rows in tables.values() for row in rows)
    return {
        name: {
            table: [
                {key: value for key, value in row.items() if key != "run"} for row in rows if row.get("run", "") == name
            ]
            for table, rows in tables.items()
        }
        for name in names
    }
