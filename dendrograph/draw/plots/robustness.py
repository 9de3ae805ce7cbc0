"""Figures of robustness: accuracy against the level of a disturbance, and what each single lesion costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.draw.plots.panels import COLOURS, LINES, MARKERS, POINTS, dress, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Tables = Mapping[str, Sequence[Mapping[str, Any]]]

MOST_PANELS = 12
ACROSS = {"sigma": "Standard deviation of the noise", "occlusion": "Share of the input hidden"}

LEVELS = ("sigma", "share")  # the columns that say how strong a disturbance is
MEASURED = ("repeat", "removed", "covered", "accuracy", "loss")  # what tells two curves apart is in none of these


def robustness_figure(tables: Tables, classes: int | None = None, over: str = "repeats") -> Figure:
    """Accuracy against the level of a disturbance: a line a run, the mean over the repeats, with their spread.

    Each repeat is a small open mark, and the band is the mean plus and minus the standard deviation over the repeats
    (with n - 1); neither is drawn where there is one repeat, and the figure says what they are. Lesions have a panel
    for each group and each projection, named above it. One panel is a column wide (89 mm), several are two columns wide
    (183 mm).

    Args:
        tables: what the legend calls a run -> its rows, as `noise`, `occlusion` or `lesions` give them; one measure.
        classes: where given, a dotted line stands at 1 / classes, which is chance.
        over: what stands as repeats, such as the `seeds` of a condition.

    Raises:
        DendrographError: there is nothing to draw, or more than can be told apart.
    """
    if classes is not None and classes < 1:
        raise DendrographError(f"classes: found {classes!r}\n  give how many the networks have, or leave it out")
    places: dict[tuple[str, str], list[tuple[str, list[float], list[list[float]]]]] = {}
    across = set()
    for label, rows in _held(tables).items():
        level = next((column for column in LEVELS if rows and column in rows[0]), "")
        across.add((level, "kind" in rows[0] if rows else False))
        found = curves(rows)
        for about, levels, accuracies in found:
            told = _told(label, about, [other for other, _, _ in found])
            places.setdefault((about.get("kind", ""), about.get("name", "")), []).append((told, levels, accuracies))
    if len(across) > 1:
        raise DendrographError("the tables measure different things\n  draw noise, occlusion and lesions one by one")
    labels = list(dict.fromkeys(told for one in places.values() for told, _, _ in one))
    _few(labels, places)
    columns = min(3, len(places))
    ((level, of_lesions),) = across
    height = 2.3 if columns == 1 else 1.75
    counts = sorted({len(one) for lines in places.values() for _, _, levels in lines for one in levels} - {1})
    words = _spread(counts, over, columns)
    more = 0.16 * (_legend_rows(labels) + (1 + words.count("\n") if words else 0))
    with panels(len(places), columns, height, more) as (figure, grid):
        for number, ((kind, name), lines) in enumerate(places.items()):
            axes = grid[number]
            for told, levels, accuracies in lines:
                _line(axes, labels.index(told), told, levels, accuracies)
            if classes is not None:
                axes.axhline(100 / classes, color="0.6", linewidth=0.8, linestyle=":", zorder=0, label="chance")
            axes.set_ylim(0, 102)
            x = f"Share of {kind} removed" if of_lesions else ACROSS["sigma" if level == "sigma" else "occlusion"]
            dress(axes, x, "Accuracy (%)" if number % columns == 0 else "", name)
        _legend(figure, grid, labels, words)
    return figure


def _spread(counts: Sequence[int], over: str, columns: int) -> str:
    """What the marks and the band are, in words; a line each in a narrow figure."""
    if not counts:
        return ""
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    marks = f"Lines: means; small open marks: single {over}."
    return f"{marks}{' ' if columns > 1 else chr(10)}Bands: ± 1 standard deviation, n = {many} {over}."


def single_lesion_figure(tables: Tables) -> Figure:
    """What each single lesion costs, the costliest first: accuracy on the left, loss on the right, a line a run.

    A run with several groups has a line for each. Two columns wide (183 mm). Curves of different lengths share their
    axis: it counts the share of a group's lesions.

    Args:
        tables: what the legend calls a run -> its rows, as `single_lesions` gives them.

    Raises:
        DendrographError: there is nothing to draw, or more than can be told apart.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    kinds: dict[str, None] = {}
    for label, rows in _held(tables).items():
        if any(column not in row for row in rows for column in ("kind", "group", "accuracy_drop", "loss_rise")):
            raise DendrographError(f"{clip(label)}: no table of single lesions\n  draw what single_lesions gives")
        groups = list(dict.fromkeys(row["group"] for row in rows))
        for row in rows:
            found.setdefault(label if len(groups) == 1 else f"{label}, {row['group']}", []).append(row)
            kinds[row["kind"]] = None
    labels = list(found)
    _few(labels, {})
    lost = " or ".join(kinds)
    with panels(2, 2, 2.2, 0.16 * _legend_rows(labels)) as (figure, grid):
        for axes, column, factor, y in zip(
            grid, ("accuracy_drop", "loss_rise"), (100, 1), ("Accuracy lost (points)", "Loss gained"), strict=True
        ):
            for number, (label, rows) in enumerate(found.items()):
                values = factor * np.sort([row[column] for row in rows])[::-1]
                shares = (np.arange(len(values)) + 0.5) / len(values)
                axes.plot(shares, values, label=label, **_look(number, len(values)))
            axes.axhline(0, color="0.6", linewidth=0.6, zorder=0)
            axes.set_xlim(0, 1)
            dress(axes, f"Share of {lost}, the costliest first", y)
        _legend(figure, grid, labels)
    return figure


def _told(label: str, about: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """What the legend calls a curve: its run, and in what else it differs from others of its table."""
    found = [label]
    for key in (key for key in about if key not in ("kind", "name")):
        if any(other.get(key) != about[key] for other in others):
            found.append(f"trained at {about[key]:g}" if key == "trained_sigma" else str(about[key]))
    return ", ".join(found)


def _held(tables: Any) -> Tables:
    if not isinstance(tables, Mapping) or not tables:
        raise DendrographError("there is no table to draw\n  give a mapping of labels to tables")
    for label, rows in tables.items():
        if not rows:
            raise DendrographError(f"{clip(str(label))}: the table has no row\n  leave it out")
    return {str(label): rows for label, rows in tables.items()}


def _few(labels: Sequence[str], places: Mapping[tuple[str, str], Any]) -> None:
    if len(labels) > len(COLOURS):
        raise DendrographError(
            f"{len(labels)} curves, and a figure tells {len(COLOURS)} apart\n  draw fewer, or take the tables alone"
        )
    if len(places) > MOST_PANELS:
        raise DendrographError(
            f"{len(places)} groups and projections, and a figure shows {MOST_PANELS}\n  draw some of the rows at a time"
        )


def _look(number: int, points: int) -> dict[str, Any]:
    """Colour, line and marker of a curve: each alone tells it from the others."""
    return {
        "color": COLOURS[number],
        "linestyle": LINES[number],
        "marker": MARKERS[number],
        "markevery": max(1, points // 10),
        "linewidth": 1.0,
    }


def _line(axes: Axes, number: int, label: str, levels: list[float], accuracies: list[list[float]]) -> None:
    means = np.array([100 * np.mean(one) for one in accuracies])
    spread = np.array([100 * np.std(one, ddof=1) if len(one) > 1 else 0.0 for one in accuracies])
    axes.plot(levels, means, label=label, **_look(number, len(levels)))
    if spread.any():
        axes.fill_between(levels, means - spread, means + spread, color=COLOURS[number], alpha=0.18, linewidth=0)
    single = [(x, 100 * value) for x, one in zip(levels, accuracies, strict=True) for value in one if len(one) > 1]
    if single:
        x, y = np.array(single).T
        look: dict[str, Any] = {"facecolors": "none", "edgecolors": COLOURS[number], "linewidths": 0.4, "alpha": 0.6}
        axes.scatter(x, y, s=4, marker=MARKERS[number], zorder=1.5, **look)


def _legend_rows(labels: Sequence[str]) -> int:
    return math.ceil(len(labels) / _legend_columns(labels)) + 1


def _legend_columns(labels: Sequence[str]) -> int:
    return max(1, min(3, 70 // (max(map(len, labels)) + 8)))


def _legend(figure: Figure, panels: Sequence[Axes], labels: Sequence[str], words: str = "") -> None:
    """One for all panels, where there is more than one line to tell; and what else the figure has to say."""
    shown = {str(line.get_label()): line for axes in panels for line in axes.lines}
    told = {label: shown[label] for label in (*labels, "chance") if label in shown}
    if len(told) > 1:
        place: dict[str, Any] = {"loc": "outside lower center", "frameon": False, "handlelength": 3.2}
        figure.legend(told.values(), told.keys(), ncols=_legend_columns(labels), title=words, **place)
    elif words:
        figure.supxlabel(words, fontsize=POINTS)


def curves(rows: Sequence[Row]) -> list[tuple[dict[str, Any], list[float], list[list[float]]]]:
    """The curves of a table: what tells each apart, its levels in rising order, and the accuracies at each."""
    if not rows:
        raise DendrographError("there is no row\n  give a table of noise, occlusion or lesions")
    level = next((column for column in LEVELS if column in rows[0]), None)
    if level is None or any(level not in row or "accuracy" not in row for row in rows):
        raise DendrographError(
            f"no table of noise, occlusion or lesions: it has {clip(', '.join(rows[0]))}\n"
            f"  {did_you_mean('', LEVELS, 'a column of levels')}, and a column accuracy"
        )
    together: dict[tuple, dict[float, list[float]]] = {}
    for row in rows:
        about = tuple((key, value) for key, value in row.items() if key != level and key not in MEASURED)
        together.setdefault(about, {}).setdefault(float(row[level]), []).append(float(row["accuracy"]))
    return [(dict(about), sorted(one), [one[x] for x in sorted(one)]) for about, one in together.items()]
