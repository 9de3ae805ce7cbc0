"""Plots of a stimulation: input-output curves, and the measured response over the arithmetic sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.figure import new_figure, own_style
from dendrograph.draw.palettes import OKABE_ITO
from dendrograph.draw.plots.panels import BELOW, MARKERS, SETTINGS, Table, check_number, dress, labelled_lines

# Colour and line of each kind of stimulus; lines differ, so that kinds can be told apart in grey.
KINDS = {"single": ("#555555", ":"), "same branch": (OKABE_ITO[5], "-"), "different branches": (OKABE_ITO[0], "--")}
MOST_RECORDED = 6
WIDTH = 3.5  # inches, about one column of a journal
LONGEST = 50  # letters of a label that fits on one line


def stimulation_figure(table: Table) -> Figure:
    """One or two panels for each recorded compartment, 89 mm wide.

    On the left is the measured response over the amplitude of each input, a line a stimulus. On the right, if pairs
    were stimulated, is the measured response over the arithmetic sum, with the diagonal on which both are equal.

    Args:
        table: rows as `Stimulation.table` has them.

    Raises:
        DendrographError: there are too many compartments or stimuli to tell apart.
    """
    curves: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in table:
        curves.setdefault((row["recorded"], row["sites"]), []).append(row)
    recorded = list(dict.fromkeys(one for one, _ in curves))
    kinds = {sites: rows[0]["kind"] for (_, sites), rows in curves.items()}
    markers = _markers(kinds)
    check_number(len(recorded), MOST_RECORDED, "recorded compartments")
    columns = 2 if any(kind != "single" for kind in kinds.values()) else 1
    labels = {sites: _label(sites, kind) for sites, kind in kinds.items()}
    lines = sum(1 + label.count("\n") for label in labels.values()) + 2
    with own_style(SETTINGS):
        figure = new_figure(WIDTH, 1.75 * len(recorded) + 0.14 * lines, layout="constrained")
        grid = figure.subplots(len(recorded), columns, squeeze=False)
        for one, row_of_panels in zip(recorded, grid, strict=True):
            for sites, kind in kinds.items():
                rows = curves[one, sites]
                colour, line = KINDS[kind]
                look: dict[str, Any] = {"color": colour, "linestyle": line, "linewidth": 1.0, "marker": markers[sites]}
                look |= {"markevery": max(1, len(rows) // 8), "label": labels[sites]}
                measured = [row["measured"] for row in rows]
                row_of_panels[0].plot([row["amplitude"] for row in rows], measured, **look)
                if kind != "single":
                    row_of_panels[1].plot([row["arithmetic_sum"] for row in rows], measured, **look)
            dress(row_of_panels[0], "Input on each compartment", f"Response of {one}")
            if columns == 2:
                _diagonal(row_of_panels[1])
                dress(row_of_panels[1], "Arithmetic sum", "Measured")
        shown = labelled_lines(grid[0][[0, -1]])
        figure.legend(shown.values(), shown.keys(), handlelength=3.2, **BELOW)
    return figure


def _label(sites: str, kind: str) -> str:
    """The label in the legend; long names, as reconstructions have them, take a line each."""
    label = f"{sites}, {kind}"
    return label if len(label) <= LONGEST else label.replace("+", "\n+ ")


def _markers(kinds: Mapping[str, str]) -> dict[str, str]:
    """The marker of each stimulus; stimuli of one kind have different markers."""
    found: dict[str, str] = {}
    for kind in KINDS:
        of_kind = [sites for sites in kinds if kinds[sites] == kind]
        if len(of_kind) > len(MARKERS):
            raise DendrographError(
                f"{len(of_kind)} stimuli of kind '{kind}', but a figure shows at most {len(MARKERS)}\n"
                "  stimulate fewer, or use the table alone"
            )
        found.update(zip(of_kind, MARKERS, strict=False))
    return found


def _diagonal(axes: Axes) -> None:
    """The line on which the measured response is the arithmetic sum."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    ends = [min(left, bottom), max(right, top)]
    axes.plot(ends, ends, color="0.7", linewidth=0.8, zorder=0, label="measured = sum")
    axes.set(xlim=(left, right), ylim=(bottom, top))
