"""Plots of distributions: selectivity of units, the classes that activate them, and densities of weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dendrograph.draw.palettes import OKABE_ITO
from dendrograph.draw.plots.panels import BELOW, LINES, Table, check_columns, check_number, dress, panels

BINS = 20
MOST_GROUPS = 12
MOST_PROJECTIONS = 15
ROWS = 400  # of an image of hits; more cannot be seen in print
KINDS = {"synapse": OKABE_ITO[0], "cable": OKABE_ITO[5]}


def selectivity_figure(units: Table, classes: int | None = None) -> Figure:
    """Histograms of entropy and selectivity: the percentage of each group's units in each of 20 bins, a line a group.

    Silent units are left out; the legend gives their number.

    Args:
        units: rows with group, active, entropy, selectivity.
        classes: number of classes, of which log2 is the end of the entropy axis; by default the largest entropy.

    Raises:
        DendrographError: there is nothing to draw, or there are too many groups to tell apart.
    """
    check_columns(units, ("group", "active", "entropy", "selectivity"), "units")
    groups = list(dict.fromkeys(row["group"] for row in units))
    check_number(len(groups), len(OKABE_ITO), "groups")
    top = math.log2(classes) if classes and classes > 1 else max(1e-9, *(row["entropy"] for row in units))
    columns = (("entropy", "Node entropy (bits)", max(top, 1e-9)), ("selectivity", "Selectivity", 1.0))
    with panels(2, 2, 2.1, 0.15 * (len(groups) + 1)) as (figure, found):
        for axes, (column, across, most) in zip(found, columns, strict=True):
            edges = np.linspace(0, most, BINS + 1)
            for group, colour, line in zip(groups, OKABE_ITO, LINES, strict=False):
                awake = [row[column] for row in units if row["group"] == group and row["active"] > 0]
                silent = sum(row["group"] == group and row["active"] <= 0 for row in units)
                counts, _ = np.histogram(np.clip(awake, 0, most), edges)
                label = f"{group}: {len(awake):,} units, and {silent:,} silent"
                look = {"color": colour, "linestyle": line, "linewidth": 1.1}
                axes.stairs(100 * counts / max(1, len(awake)), edges, label=label, **look)
            axes.set(xlim=(0, most), ylim=(0, None))
            dress(axes, across, "Units (%)" if axes is found[0] else "")
        figure.legend(*found[0].get_legend_handles_labels(), handlelength=3.2, **BELOW)
    return figure


def hits_figure(hits: Table) -> Figure:
    """A panel a group: a row is a unit, a column a class, lightness the share of the class that activates the unit.

    Units are sorted by the class that activates them most, then by that share; silent units are at the bottom. A class
    without samples is blank. More than 400 units are averaged over neighbours.

    Args:
        hits: rows with group, unit, class, hits, samples, as the analysis gives them.

    Raises:
        DendrographError: there is nothing to draw, or there are too many groups.
    """
    check_columns(hits, ("group", "unit", "class", "hits", "samples"), "hits")
    groups = list(dict.fromkeys(row["group"] for row in hits))
    check_number(len(groups), MOST_GROUPS, "groups")
    columns = min(4, len(groups))
    look: dict[str, Any] = {"cmap": "cividis", "vmin": 0, "vmax": 1, "aspect": "auto", "interpolation": "nearest"}
    with panels(len(groups), columns, 2.8) as (figure, found):
        for number, (axes, group) in enumerate(zip(found, groups, strict=True)):
            shares, classes = _shares([row for row in hits if row["group"] == group])
            extent = (-0.5, len(classes) - 0.5, len(shares), 0)
            image = axes.imshow(_averaged(sorted_units(shares)), extent=extent, **look)
            step = max(1, -(-len(classes) // 10))
            axes.set_xticks(range(0, len(classes), step), [str(label) for label in classes[::step]])
            dress(axes, "Class", "Unit, sorted by class" if number % columns == 0 else "", group)
        bar = figure.colorbar(image, ax=found, shrink=0.8, pad=0.01, aspect=30)
        bar.set_label("Share of samples that activate the unit")
        bar.outline.set_linewidth(0.6)
    return figure


def sorted_units(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Units by the class of their largest share, then from the largest share down; silent units last.

    Args:
        shares: (units, classes); nan for a class without samples.
    """
    known = np.nan_to_num(shares, nan=-1.0)
    most = known.max(axis=1)
    best = np.where(most > 0, known.argmax(axis=1), shares.shape[1])
    return shares[np.lexsort((-most, best))]


def _averaged(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of neighbouring rows, at most `ROWS` of them, of nearly equal numbers."""
    if len(shares) <= ROWS:
        return shares
    starts = np.arange(ROWS) * len(shares) // ROWS
    return np.add.reduceat(shares, starts) / np.diff(np.append(starts, len(shares)))[:, None]


def _shares(rows: Table) -> tuple[NDArray[np.float64], list[int]]:
    """The share of each class's samples that activate each unit, (units, classes); the classes."""
    classes, class_of = np.unique([row["class"] for row in rows], return_inverse=True)
    units, unit_of = np.unique([row["unit"] for row in rows], return_inverse=True)
    shares = np.full((len(units), len(classes)), np.nan)
    for row, unit, label in zip(rows, unit_of, class_of, strict=True):
        if row["samples"]:
            shares[unit, label] = row["hits"] / row["samples"]
    return shares, classes.tolist()


def densities_figure(densities: Table) -> Figure:
    """The density of each projection's weights: a panel a projection, synapses in blue, cables in orange.

    Args:
        densities: rows with projection, kind, x, density, as the analysis gives them.

    Raises:
        DendrographError: there is nothing to draw, or there are too many projections.
    """
    check_columns(densities, ("projection", "kind", "x", "density"), "densities")
    names = list(dict.fromkeys(row["projection"] for row in densities))
    check_number(len(names), MOST_PROJECTIONS, "projections")
    columns = min(3, len(names))
    with panels(len(names), columns, 2.1 if columns == 1 else 1.7) as (figure, found):
        for number, (axes, name) in enumerate(zip(found, names, strict=True)):
            rows = [row for row in densities if row["projection"] == name]
            x, y = [row["x"] for row in rows], [row["density"] for row in rows]
            colour = KINDS.get(rows[0]["kind"], OKABE_ITO[7])
            axes.axvline(0, color="0.7", linewidth=0.6, zorder=0)
            axes.plot(x, y, color=colour, linewidth=1.0)
            axes.fill_between(x, y, color=colour, alpha=0.25, linewidth=0)
            axes.set_ylim(bottom=0)
            dress(axes, f"Weight ({rows[0]['kind']})", "Density" if number % columns == 0 else "", name)
    return figure
