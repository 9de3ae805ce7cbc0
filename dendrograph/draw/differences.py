"""Paired differences with their intervals, one below the other: a forest plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dendrograph.draw.comparison import INCH, POINTS, Look, looks, short
from dendrograph.draw.files import import_matplotlib, own_style
from dendrograph.draw.style import DOUBLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 3.6  # mm, of a row


def differences_figure(pairs: Sequence[Mapping[str, Any]], morphologies: Sequence[str] = ()) -> Figure:
    """A row a pair: the mean difference and its interval, with effect size, p and number of pairs in words.

    Double-column width (183 mm); a panel a data set, each with its zero, which is the reference.

    Args:
        pairs: rows as `Comparison.pairs` has them.
        morphologies: all that are compared, so that each has the colour that it has in other figures.
    """
    import_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(row["data"] for row in pairs))
    by_set = [[row for row in pairs if row["data"] == data] for data in sets]
    look = looks([*morphologies, *(row["morphology"] for row in pairs)])
    heights = [LINE * len(rows) + 13 for rows in by_set]
    with own_style():
        matplotlib.rcParams.update({"font.size": POINTS, "axes.linewidth": 0.6, "axes.titlesize": POINTS + 0.5})
        figure = Figure(figsize=(DOUBLE / INCH, (sum(heights) + 4) / INCH), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(sets), 1, squeeze=False, height_ratios=heights)[:, 0]
        for data, rows, axes in zip(sets, by_set, panels, strict=True):
            _panel(axes, rows, look)
            several = len({row["reference"] for row in rows}) > 1
            reference = rows[0]["reference_morphology" if several else "reference"]
            axes.set_title(f"{short(data)}: difference from {short(reference)}", loc="left")
        figure.supxlabel("g: corrected for few seeds. p: corrected for several comparisons.", fontsize=POINTS - 0.5)
    return figure


def _panel(axes: Axes, rows: Sequence[Mapping[str, Any]], look: Mapping[str, Look]) -> None:
    accuracy = rows[0]["measure"] == "test_accuracy"
    factor = 100 if accuracy else 1
    axes.axvline(0, color="0.55", linewidth=0.8, zorder=1, gid="zero")
    for place, row in enumerate(rows):
        one = look[row["morphology"]]
        mean, low, high = (factor * row[f"difference{end}"] for end in ("", "_low", "_high"))
        if math.isfinite(low):
            axes.hlines(place, low, high, color=one.colour, linewidth=1.0, zorder=2, gid=f"interval {row['condition']}")
        if math.isfinite(mean):
            axes.plot(
                [mean],
                [place],
                linestyle="none",
                marker=one.marker,
                markersize=3.8,
                color=one.colour,
                markerfacecolor="white" if one.hollow else one.colour,
                markeredgewidth=0.9,
                zorder=3,
                gid=f"point {row['condition']}",
            )
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


def _words(row: Mapping[str, Any]) -> str:
    """What stands beside a row; only what there is."""
    size = row["g_z"]
    words = [f"g = {round(size, 2) + 0.0:.2f}".replace("-", "−")] if math.isfinite(size) else []
    for kind, name in (("p_t_holm", "t"), ("p_signs_holm", "signs")):
        p = row[kind]
        if not math.isnan(p):
            words.append(f"p({name}) < 0.001" if p < 0.001 else f"p({name}) = {p:.3f}")
    return ", ".join([*words, f"n = {row['pairs']}"])
