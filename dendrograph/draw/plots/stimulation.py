"""The figure of a stimulation: input-output curves, and the measured response against the arithmetic sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.figure import import_matplotlib, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of each kind of stimulus: Okabe & Ito's colours, told apart by the colour-blind, and a line that tells it in grey.
KINDS = {"single": ("#555555", ":"), "same branch": ("#D55E00", "-"), "different branches": ("#0072B2", "--")}
MARKERS = "osD^vP*X"  # of the stimuli of one kind
MOST_RECORDED = 6
WIDTH = 3.5  # inches: one column of a journal, 89 mm
POINTS = 7.0  # of text
LONGEST = 50  # label that fits on one line

Table = Sequence[Mapping[str, Any]]


def stimulation_figure(table: Table) -> Figure:
    """Two panels for each recorded compartment, single-column width (89 mm).

    On the left the measured response over the amplitude of each input, a line a stimulus; on the right, where there are
    pairs, the measured response over the arithmetic sum, with the diagonal on which the two are equal.

    Args:
        table: rows as `Stimulation.table` has them.

    Raises:
        DendrographError: there is more than can be told apart.
    """
    import_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in table:
        curves.setdefault((row["recorded"], row["sites"]), []).append(row)
    recorded = list(dict.fromkeys(one for one, _ in curves))
    kinds = {sites: rows[0]["kind"] for (_, sites), rows in curves.items()}
    markers = _markers(kinds)
    if len(recorded) > MOST_RECORDED:
        raise DendrographError(
            f"{len(recorded)} compartments are recorded, and a figure shows {MOST_RECORDED}\n"
            "  record fewer, or take the table alone"
        )
    columns = 2 if any(kind != "single" for kind in kinds.values()) else 1
    told = {sites: _label(sites, kind) for sites, kind in kinds.items()}
    lines = sum(1 + label.count("\n") for label in told.values()) + 2
    height = 1.75 * len(recorded) + 0.14 * lines
    with own_style():
        matplotlib.rcParams.update({"font.size": POINTS, "axes.linewidth": 0.6, "lines.markersize": 2.6})
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(recorded), columns, squeeze=False)
        for one, row_of_panels in zip(recorded, panels, strict=True):
            for sites, kind in kinds.items():
                rows = curves[one, sites]
                colour, line = KINDS[kind]
                style: dict[str, Any] = {
                    "color": colour,
                    "linestyle": line,
                    "linewidth": 1.0,
                    "marker": markers[sites],
                    "markevery": max(1, len(rows) // 8),
                    "label": told[sites],
                }
                measured = [row["measured"] for row in rows]
                row_of_panels[0].plot([row["amplitude"] for row in rows], measured, **style)
                if kind != "single":
                    row_of_panels[1].plot([row["arithmetic_sum"] for row in rows], measured, **style)
            _dress(row_of_panels[0], "Input on each compartment", f"Response of {one}")
            if columns == 2:
                _diagonal(row_of_panels[1])
                _dress(row_of_panels[1], "Arithmetic sum", "Measured")
        shown = [line for axes in panels[0][[0, -1]] for line in axes.lines]
        legend = {str(line.get_label()): line for line in shown}
        figure.legend(legend.values(), legend.keys(), loc="outside lower center", frameon=False, handlelength=3.2)
    return figure


def _label(sites: str, kind: str) -> str:
    """What the legend says; a long name, as a reconstruction has them, takes a line for each site."""
    label = f"{sites}, {kind}"
    return label if len(label) <= LONGEST else label.replace("+", "\n+ ")


def _markers(kinds: Mapping[str, str]) -> dict[str, str]:
    """The marker of each stimulus, another one for each of its kind."""
    found: dict[str, str] = {}
    for kind in KINDS:
        of_kind = [sites for sites in kinds if kinds[sites] == kind]
        if len(of_kind) > len(MARKERS):
            raise DendrographError(
                f"{len(of_kind)} stimuli are '{kind}', and a figure tells {len(MARKERS)} apart\n"
                "  stimulate fewer, or take the table alone"
            )
        found.update(zip(of_kind, MARKERS, strict=False))
    return found


def _diagonal(axes: Axes) -> None:
    """Where the measured response is the arithmetic sum, over all that is shown."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    ends = [min(left, bottom), max(right, top)]
    axes.plot(ends, ends, color="0.7", linewidth=0.8, zorder=0, label="measured = sum")
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _dress(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.tick_params(width=0.6, length=2.5, labelsize=POINTS)
    axes.spines[["top", "right"]].set_visible(False)
