"""Figures of robustness: accuracy against the level of a disturbance, and what each single lesion costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrograph.analysis.curves import LEVELS, curves
from dendrograph.draw.files import own_style
from dendrograph.draw.style import DOUBLE, PALETTES, SINGLE
from dendrograph.errors import DendrographError, clip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Tables = Mapping[str, Sequence[Mapping[str, Any]]]

INCH = 25.4  # mm
POINTS = 7.0  # of text
COLOURS = PALETTES["okabe-ito"]
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (4, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = "osD^vP*X"
MOST_PANELS = 12
ACROSS = {"sigma": "Standard deviation of the noise", "occlusion": "Share of the input hidden"}


def robustness_figure(tables: Tables, classes: int | None = None) -> Figure:
    """Accuracy against the level of a disturbance: a line a run, the mean over the repeats, with their spread.

    The band is the mean plus and minus the standard deviation over the repeats (with n - 1; none where there is one
    repeat). Lesions have a panel for each group and each projection, named above it. One panel is a column wide
    (89 mm), several are two columns wide (183 mm).

    Args:
        tables: what the legend calls a run -> its rows, as `noise`, `occlusion` or `lesions` give them; one measure.
        classes: where given, a dotted line stands at 1 / classes, which is chance.

    Raises:
        DendrographError: there is nothing to draw, or more than can be told apart.
    """
    from matplotlib.figure import Figure

    if classes is not None and classes < 1:
        raise DendrographError(f"classes: found {classes!r}\n  give how many the networks have, or leave it out")
    panels: dict[tuple[str, str], list[tuple[str, list[float], list[list[float]]]]] = {}
    across = set()
    for label, rows in _held(tables).items():
        level = next((column for column in LEVELS if rows and column in rows[0]), "")
        across.add((level, "kind" in rows[0] if rows else False))
        found = curves(rows)
        for about, levels, accuracies in found:
            told = _told(label, about, [other for other, _, _ in found])
            panels.setdefault((about.get("kind", ""), about.get("name", "")), []).append((told, levels, accuracies))
    if len(across) > 1:
        raise DendrographError("the tables measure different things\n  draw noise, occlusion and lesions one by one")
    labels = list(dict.fromkeys(told for one in panels.values() for told, _, _ in one))
    _few(labels, panels)
    columns = min(3, len(panels))
    deep = math.ceil(len(panels) / columns)
    with own_style():
        _set_text()
        width = (SINGLE if columns == 1 else DOUBLE) / INCH
        figure = Figure(
            figsize=(width, (2.3 if columns == 1 else 1.75) * deep + 0.16 * _legend_rows(labels)), layout="constrained"
        )
        grid = _subplots(figure, deep, columns)
        ((level, of_lesions),) = across
        for number, ((kind, name), lines) in enumerate(panels.items()):
            axes = grid[number]
            for told, levels, accuracies in lines:
                _line(axes, labels.index(told), told, levels, accuracies)
            if classes is not None:
                axes.axhline(100 / classes, color="0.6", linewidth=0.8, linestyle=":", zorder=0, label="chance")
            axes.set_ylim(0, 102)
            x = f"Share of {kind} removed" if of_lesions else ACROSS["sigma" if level == "sigma" else "occlusion"]
            _dress(axes, x, "Accuracy (%)" if number % columns == 0 else "", name)
        for axes in grid[len(panels) :]:
            axes.remove()
        _legend(figure, grid[: len(panels)], labels)
    return figure


def single_lesion_figure(tables: Tables) -> Figure:
    """What each single lesion costs, the costliest first: accuracy on the left, loss on the right, a line a run.

    A run with several groups has a line for each. Two columns wide (183 mm). Curves of different lengths share their
    axis: it counts the share of a group's lesions.

    Args:
        tables: what the legend calls a run -> its rows, as `single_lesions` gives them.

    Raises:
        DendrographError: there is nothing to draw, or more than can be told apart.
    """
    from matplotlib.figure import Figure

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
    with own_style():
        _set_text()
        figure = Figure(figsize=(DOUBLE / INCH, 2.2 + 0.16 * _legend_rows(labels)), layout="constrained")
        grid = _subplots(figure, 1, 2)
        for axes, column, factor, y in zip(
            grid, ("accuracy_drop", "loss_rise"), (100, 1), ("Accuracy lost (points)", "Loss gained"), strict=True
        ):
            for number, (label, rows) in enumerate(found.items()):
                values = factor * np.sort([row[column] for row in rows])[::-1]
                shares = (np.arange(len(values)) + 0.5) / len(values)
                axes.plot(shares, values, label=label, **_look(number, len(values)))
            axes.axhline(0, color="0.6", linewidth=0.6, zorder=0)
            axes.set_xlim(0, 1)
            _dress(axes, f"Share of {lost}, the costliest first", y, "")
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


def _few(labels: Sequence[str], panels: Mapping[tuple[str, str], Any]) -> None:
    if len(labels) > len(COLOURS):
        raise DendrographError(
            f"{len(labels)} curves, and a figure tells {len(COLOURS)} apart\n  draw fewer, or take the tables alone"
        )
    if len(panels) > MOST_PANELS:
        raise DendrographError(
            f"{len(panels)} groups and projections, and a figure shows {MOST_PANELS}\n  draw some of the rows at a time"
        )


def _set_text() -> None:
    import matplotlib

    matplotlib.rcParams.update({"font.size": POINTS, "axes.linewidth": 0.6, "lines.markersize": 2.6})


def _subplots(figure: Figure, rows: int, columns: int) -> list[Axes]:
    """Panels row by row, drawn without a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    return list(figure.subplots(rows, columns, squeeze=False).flat)


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


def _dress(axes: Axes, across: str, up: str, title: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if title:
        axes.set_title(title, fontsize=POINTS)
    axes.tick_params(width=0.6, length=2.5, labelsize=POINTS)
    axes.spines[["top", "right"]].set_visible(False)


def _legend_rows(labels: Sequence[str]) -> int:
    return math.ceil(len(labels) / _legend_columns(labels)) + 1


def _legend_columns(labels: Sequence[str]) -> int:
    return max(1, min(3, 70 // (max(map(len, labels)) + 8)))


def _legend(figure: Figure, panels: Sequence[Axes], labels: Sequence[str]) -> None:
    """One for all panels, where there is more than one line to tell."""
    shown = {str(line.get_label()): line for axes in panels for line in axes.lines}
    told = {label: shown[label] for label in (*labels, "chance") if label in shown}
    if len(told) > 1:
        figure.legend(
            told.values(),
            told.keys(),
            loc="outside lower center",
            frameon=False,
            handlelength=3.2,
            ncols=_legend_columns(labels),
        )
