"""The figure of weights: the density of each projection's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dendrograph.draw.plots.plots import COLOURS, Table, dress, hold, hold_few, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 15
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
    hold_few(len(names), MOST, "projections")
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
