"""The figure of selectivity: how entropy and selectivity are distributed over the units of each group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.plots.panels import COLOURS, LINES, Table, dress, hold, hold_few, panels

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


MOST_GROUPS = 12
ROWS = 400  # of a picture, more than which print does not show


def hits_figure(hits: Table) -> Figure:
    """A panel a group: a row a unit, a column a class, as light as the share of the class's samples that activate it.

    Units are sorted by the class that activates them most, and among those of one class by how much; silent ones lie at
    the bottom. A class without samples is left blank. Of more than 400 units neighbours are averaged.

    Args:
        hits: rows with group, unit, class, hits, samples, as `activity.tables` gives them.

    Raises:
        DendrographError: there is nothing to draw, or more than can be told apart.
    """
    hold(hits, ("group", "unit", "class", "hits", "samples"), "hits")
    groups = list(dict.fromkeys(row["group"] for row in hits))
    hold_few(len(groups), MOST_GROUPS, "groups")
    columns = min(4, len(groups))
    with panels(len(groups), columns, 2.8) as (figure, found):
        picture = None
        for number, (axes, group) in enumerate(zip(found, groups, strict=True)):
            shares, classes = _shares([row for row in hits if row["group"] == group])
            extent = (-0.5, len(classes) - 0.5, len(shares), 0)
            look: dict[str, Any] = {
                "cmap": "cividis",
                "vmin": 0,
                "vmax": 1,
                "aspect": "auto",
                "interpolation": "nearest",
            }
            picture = axes.imshow(_fewer(sorted_units(shares)), extent=extent, **look)
            step = max(1, -(-len(classes) // 10))
            axes.set_xticks(range(0, len(classes), step), [str(label) for label in classes[::step]])
            dress(axes, "Class", "Unit, sorted by class" if number % columns == 0 else "", group)
        assert picture is not None
        bar = figure.colorbar(picture, ax=found, shrink=0.8, pad=0.01, aspect=30)
        bar.set_label("Share of samples that activate the unit")
        bar.outline.set_linewidth(0.6)
    return figure


def sorted_units(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Units by the class of their largest share, then from the largest share down; silent ones last.

    Args:
        shares: (units, classes); nan for a class without samples.
    """
    known = np.nan_to_num(shares, nan=-1.0)
    most = known.max(axis=1)
    best = np.where(most > 0, known.argmax(axis=1), shares.shape[1])
    return shares[np.lexsort((-most, best))]


def _fewer(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of neighbouring rows, no more than `ROWS` of them and of nearly equal numbers."""
    if len(shares) <= ROWS:
        return shares
    starts = np.arange(ROWS) * len(shares) // ROWS
    return np.add.reduceat(shares, starts) / np.diff(np.append(starts, len(shares)))[:, None]


def _shares(rows: Table) -> tuple[NDArray[np.float64], list[int]]:
    classes = sorted({row["class"] for row in rows})
    units = sorted({row["unit"] for row in rows})
    across, down = ({key: place for place, key in enumerate(keys)} for keys in (classes, units))
    shares = np.full((len(units), len(classes)), np.nan)
    for row in rows:
        if row["samples"]:
            shares[down[row["unit"]], across[row["class"]]] = row["hits"] / row["samples"]
    return shares, classes


MOST_PROJECTIONS = 15
KINDS = {"synapse": COLOURS[0], "cable": COLOURS[5]}


def densities_figure(densities: Table) -> Figure:
    """A panel a projection, synapses in blue and cables in orange; a line stands at zero.

    Args:
        densities: rows with projection, kind, x, density, as `distributions.tables` gives them.

    Raises:
        DendrographError: there is nothing to draw, or more than can be told apart.
    """
    hold(densities, ("projection", "kind", "x", "density"), "densities")
    names = list(dict.fromkeys(row["projection"] for row in densities))
    hold_few(len(names), MOST_PROJECTIONS, "projections")
    columns = min(3, len(names))
    with panels(len(names), columns, 2.1 if columns == 1 else 1.7) as (figure, found):
        for number, (axes, name) in enumerate(zip(found, names, strict=True)):
            rows = [row for row in densities if row["projection"] == name]
            x, y = [row["x"] for row in rows], [row["density"] for row in rows]
            colour = KINDS.get(rows[0]["kind"], COLOURS[7])
            axes.axvline(0, color="0.7", linewidth=0.6, zorder=0)
            axes.plot(x, y, color=colour, linewidth=1.0)
            axes.fill_between(x, y, color=colour, alpha=0.25, linewidth=0)
            axes.set_ylim(bottom=0)
            dress(axes, f"Weight ({rows[0]['kind']})", "Density" if number % columns == 0 else "", name)
    return figure
