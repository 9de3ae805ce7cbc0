"""The figure of selectivity: how entropy and selectivity are distributed over the units of each group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dendrograph.draw.plots.plots import COLOURS, LINES, Table, dress, hold, hold_few, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 20


def selectivity_figure(units: Table, classes: int | None = None) -> Figure:
    """A line a group: the share of its units in each of 20 bins, silent units left out and counted in the legend.

    Args:
        units: rows with group, active, entropy, selectivity.
        classes: entropy is shown up to that of so many, log2; by default up to the largest there is.

    Raises:
        DendrographError: there is nothing to draw, or more than can be told apart.
    """
    hold(units, ("group", "active", "entropy", "selectivity"), "units")
    groups = list(dict.fromkeys(row["group"] for row in units))
    hold_few(len(groups), len(COLOURS), "groups")
    top = math.log2(classes) if classes and classes > 1 else max(1e-9, *(row["entropy"] for row in units))
    columns = (("entropy", "Node entropy (bits)", max(top, 1e-9)), ("selectivity", "Selectivity", 1.0))
    with panels(2, 2, 2.1, 0.15 * (len(groups) + 1)) as (figure, found):
        for axes, (column, across, most) in zip(found, columns, strict=True):
            edges = np.linspace(0, most, BINS + 1)
            for number, group in enumerate(groups):
                awake = [row[column] for row in units if row["group"] == group and row["active"] > 0]
                silent = sum(row["group"] == group and row["active"] <= 0 for row in units)
                counts, _ = np.histogram(np.clip(awake, 0, most), edges)
                shares = 100 * counts / max(1, len(awake))
                look = {"color": COLOURS[number], "linestyle": LINES[number], "linewidth": 1.1}
                axes.stairs(shares, edges, label=f"{group}: {len(awake):,} units, and {silent:,} silent", **look)
            axes.set_xlim(0, most)
            axes.set_ylim(bottom=0)
            dress(axes, across, "Units (%)" if axes is found[0] else "")
        handles, labels = found[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", frameon=False, handlelength=3.2)
    return figure
