"""The figure of hits: to which classes each unit of a group answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.plots.plots import Table, dress, hold, hold_few, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12
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
    hold_few(len(groups), MOST, "groups")
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
