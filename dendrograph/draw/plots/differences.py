"""Paired differences with their intervals, one below the other: a forest plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dendrograph.draw.canvas.files import import_matplotlib, own_style
from dendrograph.draw.plots.comparison import INCH, POINTS, SPREAD, Look, bars, looks, short
from dendrograph.draw.style import DOUBLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]

LINE = 4.2  # mm, of a row
FEWEST_SIGNED = 10  # pairs from which on the sign-flip test is shown: with fewer it cannot pass Holm's correction


def differences_figure(pairs: Sequence[Row], morphologies: Sequence[str] = (), runs: Sequence[Row] = ()) -> Figure:
    """A row a pair: the difference of each seed, their mean and its interval; effect size, p and n in words.

    Double-column width (183 mm); a panel a data set, each with its zero, which is the reference.

    Args:
        pairs: rows as `Comparison.pairs` has them.
        morphologies: all that are compared, so that each has the colour that it has in other figures.
        runs: rows as `Comparison.runs` has them, of which the differences of single seeds are taken.
    """
    import_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(row["data"] for row in pairs))
    by_set = [[row for row in pairs if row["data"] == data] for data in sets]
    look = looks([*morphologies, *(row["morphology"] for row in pairs)])
    heights = [LINE * len(rows) + 13 for rows in by_set]
    values = {(run["data"], run["condition"], str(run["seed"])): run for run in runs}
    with own_style():
        matplotlib.rcParams.update({"font.size": POINTS, "axes.linewidth": 0.6, "axes.titlesize": POINTS + 0.5})
        figure = Figure(figsize=(DOUBLE / INCH, (sum(heights) + 7) / INCH), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(sets), 1, squeeze=False, height_ratios=heights)[:, 0]
        for data, rows, axes in zip(sets, by_set, panels, strict=True):
            _panel(axes, rows, look, values)
            several = len({row["reference"] for row in rows}) > 1
            reference = rows[0]["reference_morphology" if several else "reference"]
            axes.set_title(f"{short(data)}: difference from {short(reference)}", loc="left")
        single = any(str(line.get_gid()).startswith("seed") for axes in panels for line in axes.lines)
        marks = bars(pairs, "difference", single, "pairs")
        beside = ", ".join(_words(row) for row in pairs)
        about = {"g =": "g: corrected for few seeds.", "p(": "p: corrected for several comparisons."}
        said = " ".join(words for sign, words in about.items() if sign in beside)
        figure.supxlabel("\n".join(line for line in (marks, said) if line), fontsize=POINTS)
    return figure


def _panel(
    axes: Axes, rows: Sequence[Row], look: Mapping[str, Look], values: Mapping[tuple[str, str, str], Row]
) -> None:
    measure = rows[0]["measure"]
    accuracy = measure == "test_accuracy"
    factor = 100 if accuracy else 1
    axes.axvline(0, color="0.55", linewidth=0.8, zorder=1, gid="zero")
    for place, row in enumerate(rows):
        one, gid = look[row["morphology"]], row["condition"]
        seeds = row["seeds"].split("; ") if values and row["pairs"] else []
        for number, seed in enumerate(seeds):
            ours, theirs = (values[row["data"], row[key], seed][measure] for key in ("condition", "reference"))
            up = place + (SPREAD * (2 * number / (len(seeds) - 1) - 1) if len(seeds) > 1 else 0.0)
            axes.plot([factor * (ours - theirs)], [up], zorder=1.5, gid=f"seed {gid}", **one.seed)
        mean, low, high = (factor * row[f"difference{end}"] for end in ("", "_low", "_high"))
        if math.isfinite(low):
            axes.hlines(place, low, high, color=one.colour, linewidth=1.0, zorder=2, gid=f"interval {gid}")
        if math.isfinite(mean):
            axes.plot([mean], [place], linestyle="none", zorder=3, gid=f"point {gid}", **one.mean)
    axes.set_yticks(range(len(rows)), [short(row["condition"]) for row in rows])
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(range(len(rows)), [_words(row) for row in rows])
    for side in (axes, beside):
        side.tick_params(axis="y", length=0)
    beside.spines["right"].set_visible(False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("Difference of test accuracy (percentage points)" if accuracy else "Difference of test loss")
    axes.tick_params(axis="x", width=0.6, length=2.5)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _words(row: Row) -> str:
    """What stands beside a row; only what there is."""
    size = row["g_z"]
    words = [f"g = {round(size, 2) + 0.0:.2f}".replace("-", "−")] if math.isfinite(size) else []
    tests = [("p_t_holm", "t"), *([("p_signs_holm", "signs")] if row["pairs"] >= FEWEST_SIGNED else [])]
    for kind, name in tests:
        p = row[kind]
        if not math.isnan(p):
            words.append(f"p({name}) < 0.001" if p < 0.001 else f"p({name}) = {p:.3f}")
    return ", ".join([*words, f"n = {row['pairs']}"])
