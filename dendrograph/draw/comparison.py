"""Accuracy and loss against the number of parameters, a point a condition, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dendrograph.draw.files import import_matplotlib, own_style
from dendrograph.draw.style import DOUBLE, MM, PALETTES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]

COLOURS = PALETTES["okabe-ito"]
REST = "#B0B0B0"  # of what cannot be told apart any more
FAMILIES = {"dann": "o", "vann": "s", "sann": "^", "pdann": "D", "psann": "v"}
OTHER = "P"
CONTROLS = {"parameter-matched": "s", "linear": "o", "shuffled": "X", "fan-in-matched": "^", "compute-matched": "D"}
SPARE = "Xhpd<>*8"  # markers for when the colours of one are used up
POINTS = 6.5  # of text
INCH = 25.4  # mm
LONGEST = 44  # letters of a name in the legend
STEP, WIDEST = 0.012, 0.08  # share of the axis between points of one size, and over all of them
WIDE = 30.0  # largest loss / least, from which on the axis is logarithmic


@dataclass(frozen=True)
class Look:
    """How the conditions of one morphology are drawn; a control is hollow."""

    colour: str
    marker: str
    hollow: bool = False


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each morphology, of which no two are alike as long as there are colours and markers.

    The colour tells the morphology, the marker its family, which is the beginning of its name. A control, such as
    `dann-lrf-linear`, is hollow, in the colour of its morphology, and its marker tells the kind of control. The order
    of the names does not matter.
    """
    found: dict[str, Look] = {}
    taken: set[tuple[str, str]] = set()
    names = sorted(set(names), key=_parts)
    plain = list(dict.fromkeys(_parts(name)[0] for name in names))
    for position, name in enumerate(plain):
        own = FAMILIES.get(name.split("-")[0], OTHER)
        start = position % len(COLOURS)
        colours = (*COLOURS[start:], *COLOURS[:start])
        pairs = ((colour, marker) for marker in (own, *SPARE) for colour in colours)
        pair = next((pair for pair in pairs if pair not in taken), (REST, own))
        taken.add(pair)
        found[name] = Look(*pair)
    for name in names:
        base, kind = _parts(name)
        if kind:
            found[name] = Look(found[base].colour, CONTROLS[kind], hollow=True)
    return {name: found[name] for name in names}


def _parts(name: str) -> tuple[str, str]:
    """A morphology's name, without the kind of control that it ends with, and that kind."""
    for kind in CONTROLS:
        if name.endswith(f"-{kind}"):
            return name.removesuffix(f"-{kind}"), kind
    return name, ""


def accuracy_figure(conditions: Sequence[Row]) -> Figure:
    """Test accuracy at the left and test loss at the right, over parameters, double-column width (183 mm).

    A row of panels a data set. Bars are intervals; where a morphology's conditions differ in size, a thin line joins
    them; the stepped line in grey is the Pareto front. Conditions of one size stand side by side about it, and not on
    top of each other.

    Args:
        conditions: rows as `Comparison.conditions` has them.
    """
    import_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    sets = list(dict.fromkeys(row["data"] for row in conditions))
    look = looks([row["morphology"] for row in conditions])
    widest = max(_width(short(name)) for name in (*look, "Pareto front"))
    columns = max(1, int(DOUBLE // (widest + 9)))  # with the marker and the space around it
    lines = math.ceil((len(look) + 1) / columns)
    height = (58.0 * len(sets) + 3.4 * lines + 4) / INCH
    with own_style():
        matplotlib.rcParams.update({"font.size": POINTS, "axes.linewidth": 0.6, "axes.titlesize": POINTS + 1})
        figure = Figure(figsize=(DOUBLE / INCH, height), layout="constrained")
        FigureCanvasAgg(figure)
        for data, (left, right) in zip(sets, figure.subplots(len(sets), 2, squeeze=False), strict=True):
            rows = [row for row in conditions if row["data"] == data]
            _panel(left, rows, "accuracy", look)
            _panel(right, rows, "loss", look)
            if len(sets) > 1:
                left.set_title(short(data), loc="left")
        entries = [Line2D([], [], label=short(name), linestyle="none", **_marker(one)) for name, one in look.items()]
        entries.append(Line2D([], [], label="Pareto front", **FRONT))
        figure.legend(
            handles=entries,
            loc="outside lower center",
            ncols=columns,
            frameon=False,
            handletextpad=0.4,
            columnspacing=1.2,
        )
    return figure


FRONT: Mapping[str, Any] = {"color": "0.55", "linewidth": 0.9, "linestyle": (0, (4, 1.5))}


def _marker(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour,
        "marker": look.marker,
        "markersize": 4.2,
        "markerfacecolor": "white" if look.hollow else look.colour,
        "markeredgecolor": look.colour,
        "markeredgewidth": 0.9,
    }


def beside(sizes: Sequence[float], decades: float) -> list[float]:
    """Where on a logarithmic axis of so many decades points of such sizes stand: of the same size, to a hundredth, side
    by side.
    """
    order = sorted(range(len(sizes)), key=lambda position: sizes[position])
    groups: list[list[int]] = []
    for position in order:
        if groups and sizes[position] <= 1.01 * sizes[groups[-1][0]]:
            groups[-1].append(position)
        else:
            groups.append([position])
    places = [float(size) for size in sizes]
    for group in groups:
        step = decades * min(STEP, WIDEST / len(group))
        for number, position in enumerate(sorted(group)):
            places[position] *= 10 ** (step * (number - (len(group) - 1) / 2))
    return places


def _ends(sizes: Sequence[float]) -> tuple[float, float]:
    """Of the axis: half a decade around one size alone, else with a tenth of what lies between them at each end."""
    if not sizes:
        return 1.0, 10.0
    least, most = min(sizes), max(sizes)
    margin = 10 ** max(0.25 if least == most else 0.05, 0.1 * math.log10(most / least))
    return least / margin, most * margin


def short(name: str) -> str:
    """A name as figures have it: of a long one both ends."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-(LONGEST // 2) + 1 :]}"


def _width(text: str) -> float:
    """Width in mm of a text in the legend."""
    import_matplotlib()
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=POINTS).get_extents().width) / MM


def _panel(axes: Axes, rows: Sequence[Row], what: str, look: Mapping[str, Look]) -> None:
    factor = 100 if what == "accuracy" else 1
    shown = [row for row in rows if math.isfinite(row[f"test_{what}"]) and row["parameters"] > 0]
    sizes = [row["parameters"] for row in shown]
    left, right = _ends(sizes)
    places = beside(sizes, math.log10(right / left))
    at = {row["condition"]: place for row, place in zip(shown, places, strict=True)}
    for name, one in look.items():
        own = sorted((row for row in shown if row["morphology"] == name), key=lambda row: row["parameters"])
        x = [at[row["condition"]] for row in own]
        y = [factor * row[f"test_{what}"] for row in own]
        if len({row["parameters"] for row in own}) == len(own) > 1:
            axes.plot(x, y, color=one.colour, linewidth=0.5, alpha=0.6, zorder=2, gid=f"line {name}")
        for row, across, up in zip(own, x, y, strict=True):
            low, high = (factor * row[f"test_{what}_{end}"] for end in ("low", "high"))
            if math.isfinite(low):
                axes.vlines(across, low, high, color=one.colour, linewidth=0.8, zorder=3, gid=f"interval {name}")
            axes.plot([across], [up], linestyle="none", zorder=4, gid=f"point {row['condition']}", **_marker(one))
    values = [row[f"test_{what}"] for row in shown]
    if what == "loss" and values and min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_yscale("log")
    front = sorted((row for row in shown if row[f"pareto_{what}"]), key=lambda row: row["parameters"])
    if front:
        x = [row["parameters"] for row in front]
        y = [factor * row[f"test_{what}"] for row in front]
        axes.step(x, y, where="post", zorder=1, gid="front", **FRONT)
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.set_xlabel("Trainable parameters" + (" (equal ones side by side)" if places != sizes else ""))
    axes.set_ylabel("Test accuracy (%)" if what == "accuracy" else "Test loss (cross-entropy)")
    axes.tick_params(width=0.6, length=2.5)
    axes.tick_params(which="minor", width=0.4, length=1.5)
    axes.spines[["top", "right"]].set_visible(False)
