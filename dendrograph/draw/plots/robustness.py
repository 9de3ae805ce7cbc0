"""Plots of robustness: accuracy over the level of a disturbance, and the cost of each single lesion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.draw.palettes import OKABE_ITO
from dendrograph.draw.plots.panels import BELOW, LINES, MARKERS, POINTS, check_number, dress, labelled_lines, panels

Tables = Mapping[str, Sequence[Mapping[str, Any]]]

MOST_PANELS = 12
ACROSS = {"sigma": "Standard deviation of the noise", "share": "Share of the input hidden"}

LEVELS = ("sigma", "share")  # columns with the level of a disturbance
MEASURED = ("repeat", "removed", "covered", "accuracy", "loss")  # columns that do not distinguish curves


class Curve(NamedTuple):
    """Accuracies at each level of a disturbance.

    about: the columns that distinguish it from other curves of its table
    levels: in rising order; accuracies: of all repeats at each level
    """

    about: Mapping[str, Any]
    levels: list[float]
    accuracies: list[list[float]]

    @property
    def part(self) -> tuple[str, str]:
        """Kind and name of the group or projection that is lesioned; empty for other disturbances."""
        return self.about.get("kind", ""), self.about.get("name", "")


def curves(rows: Sequence[Row]) -> list[Curve]:
    """The curves of a table of noise, occlusion or lesions.

    Raises:
        DendrographError: it has no rows, or is another table.
    """
    if not rows:
        raise DendrographError("there is no row\n  give a table of noise, occlusion or lesions")
    level = next((column for column in LEVELS if column in rows[0]), None)
    if level is None or any(level not in row or "accuracy" not in row for row in rows):
        raise DendrographError(
            f"not a table of noise, occlusion or lesions: its columns are {clip(', '.join(rows[0]))}\n"
            f"  {did_you_mean('', LEVELS, 'a column of levels')}, and a column accuracy"
        )
    together: dict[tuple, dict[float, list[float]]] = {}
    for row in rows:
        about = tuple((key, value) for key, value in row.items() if key != level and key not in MEASURED)
        together.setdefault(about, {}).setdefault(float(row[level]), []).append(float(row["accuracy"]))
    return [Curve(dict(about), sorted(one), [one[x] for x in sorted(one)]) for about, one in together.items()]


def robustness_figure(tables: Tables, classes: int | None = None, over: str = "repeats") -> Figure:
    """Accuracy over the level of a disturbance: a line a run, the mean over the repeats, with their spread.

    Each repeat is a small open mark. The band is the mean plus and minus the standard deviation over the repeats (with
    n - 1). Neither is drawn for a single repeat. The figure says what both are. Lesions have a panel for each group
    and each projection, named above it. One panel is 89 mm wide, several are 183 mm wide.

    Args:
        tables: label in the legend -> rows, as `noise`, `occlusion` or `lesions` give them; all of one measure.
        classes: number of classes; draws a dotted line at chance, 1 / classes.
        over: what the repeats are, such as the `seeds` of a condition.

    Raises:
        DendrographError: there is nothing to draw, or there is too much to tell apart.
    """
    if classes is not None and classes < 1:
        raise DendrographError(f"classes: found {classes!r}\n  give the number of classes, or leave it out")
    lines: dict[tuple[str, str], list[tuple[str, Curve]]] = {}
    measures = set()
    for label, rows in _checked(tables).items():
        found = curves(rows)
        measures.add((next(column for column in LEVELS if column in rows[0]), "kind" in rows[0]))
        for curve in found:
            lines.setdefault(curve.part, []).append((_label(label, curve, found), curve))
    if len(measures) > 1:
        raise DendrographError("the tables measure different things\n  draw noise, occlusion and lesions one by one")
    ((level, of_lesions),) = measures
    labels = list(dict.fromkeys(label for own in lines.values() for label, _ in own))
    check_number(len(labels), len(OKABE_ITO), "curves")
    check_number(len(lines), MOST_PANELS, "groups and projections")
    columns = min(3, len(lines))
    words = _spread([curve for own in lines.values() for _, curve in own], over, columns)
    more = 0.16 * (_legend_rows(labels) + (1 + words.count("\n") if words else 0))
    with panels(len(lines), columns, 2.3 if columns == 1 else 1.75, more) as (figure, grid):
        for number, ((kind, name), own) in enumerate(lines.items()):
            axes = grid[number]
            for label, curve in own:
                _line(axes, labels.index(label), label, curve)
            if classes is not None:
                axes.axhline(100 / classes, color="0.6", linewidth=0.8, linestyle=":", zorder=0, label="chance")
            axes.set_ylim(0, 102)
            across = f"Share of {kind} removed" if of_lesions else ACROSS[level]
            dress(axes, across, "Accuracy (%)" if number % columns == 0 else "", name)
        _legend(figure, grid, labels, words)
    return figure


def _spread(shown: Sequence[Curve], over: str, columns: int) -> str:
    """A description of the marks and the band; two lines in a narrow figure."""
    counts = sorted({len(one) for curve in shown for one in curve.accuracies} - {1})
    if not counts:
        return ""
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    marks = f"Lines: means; small open marks: single {over}."
    return f"{marks}{' ' if columns > 1 else chr(10)}Bands: ± 1 standard deviation, n = {many} {over}."


def single_lesion_figure(tables: Tables) -> Figure:
    """The cost of each single lesion, the costliest first: accuracy on the left, loss on the right; 183 mm wide.

    Each group of a run is a line. Lines of different lengths share their axis, which is the share of a group's lesions.

    Args:
        tables: label in the legend -> rows, as `single_lesions` gives them.

    Raises:
        DendrographError: there is nothing to draw, or there is too much to tell apart.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    kinds: dict[str, None] = {}
    for label, rows in _checked(tables).items():
        if any(column not in row for row in rows for column in ("kind", "group", "accuracy_drop", "loss_rise")):
            raise DendrographError(f"{clip(label)}: not a table of single lesions\n  draw the result of single_lesions")
        several = len({row["group"] for row in rows}) > 1
        for row in rows:
            found.setdefault(f"{label}, {row['group']}" if several else label, []).append(row)
            kinds[row["kind"]] = None
    labels = list(found)
    check_number(len(labels), len(OKABE_ITO), "curves")
    measures = (("accuracy_drop", 100, "Accuracy lost (points)"), ("loss_rise", 1, "Loss gained"))
    with panels(2, 2, 2.2, 0.16 * _legend_rows(labels)) as (figure, grid):
        for axes, (column, factor, up) in zip(grid, measures, strict=True):
            for number, (label, rows) in enumerate(found.items()):
                values = factor * np.sort([row[column] for row in rows])[::-1]
                shares = (np.arange(len(values)) + 0.5) / len(values)
                axes.plot(shares, values, label=label, **_look(number, len(values)))
            axes.axhline(0, color="0.6", linewidth=0.6, zorder=0)
            axes.set_xlim(0, 1)
            dress(axes, f"Share of {' or '.join(kinds)}, the costliest first", up)
        _legend(figure, grid, labels)
    return figure


def _label(label: str, curve: Curve, others: Sequence[Curve]) -> str:
    """The label of a curve: its run, and what distinguishes it from other curves of its table."""
    found = [label]
    for key, value in curve.about.items():
        if key not in ("kind", "name") and any(other.about.get(key) != value for other in others):
            found.append(f"trained at {value:g}" if key == "trained_sigma" else str(value))
    return ", ".join(found)


def _checked(tables: Any) -> Tables:
    if not isinstance(tables, Mapping) or not tables:
        raise DendrographError("there is no table to draw\n  give a mapping of labels to tables")
    for label, rows in tables.items():
        if not rows:
            raise DendrographError(f"{clip(str(label))}: the table has no row\n  leave it out")
    return {str(label): rows for label, rows in tables.items()}


def _look(number: int, points: int) -> dict[str, Any]:
    """Colour, line and marker of a curve, each of which distinguishes it."""
    every = max(1, points // 10)
    look = {"color": OKABE_ITO[number], "linestyle": LINES[number], "marker": MARKERS[number]}
    return {**look, "markevery": every, "linewidth": 1.0}


def _line(axes: Axes, number: int, label: str, curve: Curve) -> None:
    levels, accuracies, colour = curve.levels, curve.accuracies, OKABE_ITO[number]
    means = np.array([100 * np.mean(one) for one in accuracies])
    spread = np.array([100 * np.std(one, ddof=1) if len(one) > 1 else 0.0 for one in accuracies])
    axes.plot(levels, means, label=label, **_look(number, len(levels)))
    if spread.any():
        axes.fill_between(levels, means - spread, means + spread, color=colour, alpha=0.18, linewidth=0)
    single = [(x, 100 * value) for x, one in zip(levels, accuracies, strict=True) for value in one if len(one) > 1]
    if single:
        x, y = np.array(single).T
        look: dict[str, Any] = {"facecolors": "none", "edgecolors": colour, "linewidths": 0.4, "alpha": 0.6}
        axes.scatter(x, y, s=4, marker=MARKERS[number], zorder=1.5, **look)


def _legend_rows(labels: Sequence[str]) -> int:
    return math.ceil(len(labels) / _legend_columns(labels)) + 1


def _legend_columns(labels: Sequence[str]) -> int:
    return max(1, min(3, 70 // (max(map(len, labels)) + 8)))


def _legend(figure: Figure, panels: Sequence[Axes], labels: Sequence[str], words: str = "") -> None:
    """One legend for all panels, if there are several lines; and words about marks and bands."""
    lines = labelled_lines(panels)
    shown = {label: lines[label] for label in (*labels, "chance") if label in lines}
    if len(shown) > 1:
        options: dict[str, Any] = {"ncols": _legend_columns(labels), "title": words, "handlelength": 3.2}
        figure.legend(shown.values(), shown.keys(), **options, **BELOW)
    elif words:
        figure.supxlabel(words, fontsize=POINTS)
