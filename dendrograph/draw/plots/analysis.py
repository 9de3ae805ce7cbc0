"""All figures of an analysis, from its tables: which there are, and what could not be drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.draw.canvas.figure import FORMS, as_bytes
from dendrograph.draw.plots.distributions import densities_figure, hits_figure, selectivity_figure
from dendrograph.draw.plots.embeddings import embeddings_figure
from dendrograph.draw.plots.learning_curves import generalisation_figure
from dendrograph.draw.plots.panels import Table
from dendrograph.draw.plots.robustness import LEVELS, curves, robustness_figure, single_lesion_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Tables = Mapping[str, Table]
Conditions = Mapping[str, Sequence[str]]  # runs by condition

NONE = "none"  # the form of no figures


def analysis_figures(
    tables: Tables, conditions: Conditions = MappingProxyType({})
) -> tuple[dict[str, Figure], tuple[str, ...]]:
    """A figure for each part of an analysis that was made, and a word on each that could not be drawn.

    Of several runs (a column `run`) each has a figure of its own, `embedding-RUN`, and so on; curves of noise,
    occlusion and lesions stand in one: a line a run, or a condition where there are means over seeds.

    Args:
        tables: as `Analysis.tables`.
        conditions: as `Analysis.conditions`.
    """
    figures: dict[str, Figure] = {}
    notes: list[str] = []

    def draw(name: str, figure: Callable[[], Figure]) -> None:
        try:
            figures[name] = figure()
        except DendrographError as error:
            notes.append(f"no figure '{name}': {error}")

    for run, own in _by_run(tables).items():
        end = f"-{run}" if run else ""
        for name, needed, figure in OF_A_RUN:
            if needed in own:
                draw(f"{name}{end}", lambda figure=figure, own=own: figure(own))  # type: ignore[misc]
    for name in ("noise", "occlusion", "lesions"):
        if name in tables:
            over = "seeds" if conditions else "repeats"
            labelled = _labelled(tables, conditions, name, _one_repeat)
            draw(name, lambda labelled=labelled, over=over: robustness_figure(labelled, over=over))  # type: ignore[misc]
    if "single_lesions" in tables:
        draw("single_lesions", lambda: single_lesion_figure(_labelled(tables, conditions, "single_lesions")))
    return figures, tuple(notes)


def _one_repeat(rows: Table, seed: int) -> list[dict[str, Any]]:
    """The curves of one seed, its repeats averaged: among others it is one repeat."""
    level = next(column for column in LEVELS if column in rows[0])
    return [
        {**about, level: x, "repeat": seed, "accuracy": float(np.mean(one))}
        for about, levels, accuracies in curves(rows)
        for x, one in zip(levels, accuracies, strict=True)
    ]


def _labelled(
    tables: Tables,
    conditions: Conditions,
    name: str,
    of_seed: Callable[[Table, int], Table] = lambda rows, seed: rows,
) -> dict[str, Table]:
    """The rows of a table by what a legend calls them: a condition, all its seeds together, or else a run."""
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
    """The same as files by their names, in one of the `FORMS`; no file at all where the form is `none`."""
    hold_figures(form)
    if form == NONE:
        return {}, ()
    figures, notes = analysis_figures(tables, conditions)
    return {f"{name}.{form}": as_bytes(figure, form) for name, figure in figures.items()}, notes


def hold_figures(form: str) -> None:
    """Refuse a form in which there are no figures.

    Raises:
        DendrographError: it is none of `FORMS`, and not `none`.
    """
    if form not in (*FORMS, NONE):
        raise DendrographError(
            f"unknown form '{clip(form)}' of figures\n  {did_you_mean(form, (*FORMS, NONE), 'forms')}"
        )


def _selectivity(tables: Tables) -> Figure:
    classes = {row["class"] for row in tables.get("hits", ())}
    return selectivity_figure(tables["units"], len(classes) or None)


# The name of each figure of one run, the table without which it is not drawn, and how.
OF_A_RUN: tuple[tuple[str, str, Callable[[Tables], Figure]], ...] = (
    ("selectivity", "units", _selectivity),
    ("hits", "hits", lambda tables: hits_figure(tables["hits"])),
    ("densities", "densities", lambda tables: densities_figure(tables["densities"])),
    ("generalisation", "learning", lambda tables: generalisation_figure(tables["learning"], tables.get("results", ()))),
    ("embedding", "points", lambda tables: embeddings_figure(tables["points"], tables.get("embedding", ()))),
)


def _by_run(tables: Tables) -> dict[str, Tables]:
    """The tables of each run, by its name; '' where there is one, and no name. Means over seeds belong to no run."""
    tables = {
        table: rows
        for table, rows in tables.items()
        if not any("condition" in row and "run" not in row for row in rows[:1])
    }
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
