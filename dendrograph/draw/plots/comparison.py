"""Plots of a comparison: accuracy and loss of conditions, and a forest plot of paired differences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from dendrograph.draw.canvas.figure import new_figure, own_style, plain
from dendrograph.draw.palettes import REST, TWELVE
from dendrograph.draw.plots.panels import BELOW
from dendrograph.draw.style import DOUBLE, FEWEST_SIGNED, INCH, MM
from dendrograph.morphology.registry import CONTROLS

Row = Mapping[str, Any]

FAMILIES = {"dann": "o", "vann": "s", "sann": "^", "pdann": "D", "psann": "v"}
OTHER = "P"
CONTROL_MARKERS = dict(zip(CONTROLS, "soX^D", strict=True))
SPARE = "Xhpd<>*8PDv^so"  # markers for when those of a family are used up
FILLS = ("full", "left", "bottom", "right")  # of a morphology; a control is hollow
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
POINTS = 6.5  # of text
SETTINGS: Mapping[str, Any] = {"font.size": POINTS, "axes.linewidth": 0.6}
LONGEST = 44  # letters of a name in the legend
HIGH, HIGHEST = 46.0, 76.0  # mm of a panel over parameters, with a millimetre more for each condition
ROW, DIFFERENCE = 4.4, 4.2  # mm of a condition in a strip, and of a pair in a forest plot
SPREAD = 0.26  # of a row, on either side of its middle: the range of single seeds
WIDE = 10.0  # largest loss over the least, from which on the axis is logarithmic
NUMBERED = (  # which of 1 to 9 times a power of ten get a number, and the least distance of two of them in decades
    ((1, 2, 3, 4, 5, 6, 7, 8, 9), 0.045),
    ((1, 2, 3, 4, 6, 8), 0.096),
    ((1, 2, 3, 5, 7), 0.146),
    ((1, 2, 5), 0.301),
    ((1, 3), 0.477),
)
ROOM = 0.16  # of an axis, for the longest number at a tick
FRONT: Mapping[str, Any] = {"color": "0.55", "linewidth": 0.9, "linestyle": (0, (4, 1.5))}


@dataclass(frozen=True)
class Look:
    """How the conditions of one morphology are drawn.

    fill: the filled part of its marker, as matplotlib's `fillstyle`; `none` for a control
    line: joins its sizes
    """

    colour: str
    marker: str
    fill: str = "full"
    line: Any = "-"

    @property
    def mean(self) -> dict[str, Any]:
        """The mark of a mean, which hides what is behind it."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "markersize": 4.2,
            "fillstyle": "full" if self.fill == "none" else self.fill,
            "markerfacecolor": "white" if self.fill == "none" else self.colour,
            "markerfacecoloralt": "white",
            "markeredgecolor": self.colour,
            "markeredgewidth": 0.8,
        }

    @property
    def seed(self) -> dict[str, Any]:
        """The mark of a single seed: small, open and transparent."""
        return {
            "marker": self.marker,
            "markersize": 2.4,
            "markerfacecolor": "none",
            "markeredgecolor": self.colour,
            "markeredgewidth": 0.5,
            "alpha": 0.6,
            "linestyle": "none",
        }


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each morphology. No two have the same mark, nor the same colour as long as there are colours.

    The marker shows the family, which is the beginning of the name, and its filling the member of the family. A
    control, such as `dann-lrf-linear`, is hollow, and its marker shows the kind of control. So all can be told apart in
    grey. The order of the names does not matter.
    """
    found: dict[str, Look] = {}
    taken: set[tuple[str, ...]] = set()
    for position, name in enumerate(sorted(set(names), key=lambda name: (*_parts(name), name))):
        base, kind = _parts(name)
        own = CONTROL_MARKERS[kind] if kind else FAMILIES.get(base.split("-")[0], OTHER)
        signs = [(marker, fill) for marker in (own, *SPARE) for fill in (("none",) if kind else FILLS)]
        start = position % len(TWELVE)
        colours = (*TWELVE[start:], *TWELVE[:start])
        fresh = ((colours[0], *sign) for sign in signs if sign not in taken)
        again = ((colour, *sign) for sign in signs for colour in colours if (colour, *sign) not in taken)
        colour, marker, fill = next(fresh, None) or next(again, (REST, own, signs[0][1]))
        taken |= {(marker, fill), (colour, marker, fill)}
        found[name] = Look(colour, marker, fill, LINES[position % len(LINES)])
    return found


def _parts(name: str) -> tuple[str, str]:
    """The morphology that a name begins with, and the kind of control that it ends with, if any."""
    name = name.split(" ")[0]
    kind = next((kind for kind in CONTROL_MARKERS if name.endswith(f"-{kind}")), "")
    return (name.removesuffix(f"-{kind}"), kind) if kind else (name, "")


def accuracy_figure(conditions: Sequence[Row], runs: Sequence[Row] = ()) -> Figure:
    """Test accuracy on the left and test loss on the right, 183 mm wide, a row of panels a data set.

    Every seed is a small open mark, every mean a large mark with its 95 % interval; the figure says so. Conditions are
    drawn over their number of parameters. A line joins the sizes of a morphology, and the stepped grey line is the
    Pareto front. If several parameters of a morphology vary and do not all rise or fall with its size, no line could
    follow them: each of its conditions has its own mark and its full name. If each morphology has one size and some
    have the same, conditions would be drawn over each other: each has a row of its own instead.

    Args:
        conditions: rows as `Comparison.conditions` has them.
        runs: rows as `Comparison.runs` has them.
    """
    conditions, runs = _in_series(conditions, runs)
    by_set = _by_data(conditions)
    look = looks([row["morphology"] for row in conditions])
    columns = max(1, int(DOUBLE // (max(_width(short(name)) for name in (*look, "Pareto front")) + 11)))
    below = 3.4 * (math.ceil((len(look) + 1) / columns) + 2)
    strips = {data: _same_sizes(rows) for data, rows in by_set.items()}
    heights = [
        ROW * len(rows) + 13 if strips[data] else min(HIGH + len(rows), HIGHEST) for data, rows in by_set.items()
    ]
    with own_style({**SETTINGS, "axes.titlesize": POINTS + 1}):
        figure = new_figure(DOUBLE / INCH, (sum(heights) + below) / INCH, layout="constrained")
        grid = figure.subplots(len(by_set), 2, squeeze=False, height_ratios=heights)
        for (data, rows), pair in zip(by_set.items(), grid, strict=True):
            for axes, what in zip(pair, ("accuracy", "loss"), strict=True):
                panel = _Panel(axes, what, look)
                (panel.strip if strips[data] else panel.scatter)(rows, [run for run in runs if run["data"] == data])
            title = [short(data)] * (len(by_set) > 1) + [f"in brackets: {_counted(rows).lower()}"] * strips[data]
            pair[0].set_title(", ".join(title), loc="left")
        _legend(figure, look, columns, bars(conditions, "test_accuracy", bool(runs)))
    return figure


def _by_data(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {data: [row for row in rows if row["data"] == data] for data in dict.fromkeys(row["data"] for row in rows)}


def _in_series(conditions: Sequence[Row], runs: Sequence[Row]) -> tuple[list[Row], ...]:
    """The rows; conditions of a morphology that are no series of sizes become morphologies of their own."""
    alike: dict[tuple[str, str], list[Row]] = {}
    for row in conditions:
        alike.setdefault((row["data"], row["morphology"]), []).append(row)
    mixed = {morphology for (_, morphology), rows in alike.items() if not _is_series(rows)}
    names = {(row["data"], row["condition"]): row["morphology"] for row in conditions}
    names |= {key: key[1] for key, morphology in names.items() if morphology in mixed}
    return tuple(
        [{**row, "morphology": names[row["data"], row["condition"]]} for row in rows] for rows in (conditions, runs)
    )


def _is_series(rows: Sequence[Row]) -> bool:
    """Whether conditions of one morphology differ in size, and each parameter always rises or always falls with it."""
    rows = sorted(rows, key=lambda row: row["parameters"])
    if any(a["parameters"] == b["parameters"] for a, b in itertools.pairwise(rows)):
        return False
    words = [dict(word.split("=", 1) for word in row["condition"].split() if "=" in word) for row in rows]
    return all(_monotonic([one.get(key, "") for one in words]) for key in dict.fromkeys(itertools.chain(*words)))


def _monotonic(values: Sequence[str]) -> bool:
    """Whether values are all the same, or numbers that never rise or never fall."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return len(set(values)) == 1
    return numbers in (sorted(numbers), sorted(numbers, reverse=True))


def _number_ticks(axis: Axis) -> None:
    """Number as many ticks of a logarithmic axis as it has room for, in plain figures."""
    low, high = sorted(float(end) for end in axis.get_view_interval())
    room = ROOM * math.log10(high / low)
    numbered = next((marks for marks, apart in NUMBERED if apart >= room), (1,))
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    if sum(low <= mark * 10.0**power <= high for power in powers for mark in numbered) < 2:
        axis.set_major_locator(MaxNLocator(4))
        axis.set_minor_locator(NullLocator())
    elif room > 1:
        axis.set_major_locator(LogLocator(numticks=5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _figures(value)))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: _figures(value) if _mark(value) in numbered else ""))


def _mark(value: float) -> int:
    """The first figure of a tick of a logarithmic axis: 3 of 3,000."""
    return round(value / 10 ** math.floor(math.log10(value) + 1e-9))


def _figures(value: float) -> str:
    return f"{value:,.10g}" if 1e-4 <= value < 1e7 else f"{value:.3g}"


def _same_sizes(rows: Sequence[Row]) -> bool:
    """Whether each morphology has one size, and two of them have the same, to 5 %."""
    of = {row["morphology"]: set[float]() for row in rows}
    for row in rows:
        of[row["morphology"]].add(row["parameters"])
    sizes = sorted(row["parameters"] for row in rows)
    near = any(b <= 1.05 * a for a, b in itertools.pairwise(sizes))
    return near and all(len(one) == 1 for one in of.values())


def _counted(rows: Sequence[Row]) -> str:
    """What the numbers of parameters count: also untrained ones, if there are any."""
    all_trained = all(row.get("trainable_parameters", row["parameters"]) == row["parameters"] for row in rows)
    return "Trainable parameters" if all_trained else "Parameters, trained or not"


def bars(rows: Sequence[Row], key: str, single: bool, number: str = "seeds") -> str:
    """A description of the marks and bars that a figure has.

    Args:
        rows: with the ends of an interval, `_low` and `_high` of a key, and the number of its seeds.
        key: of the mean.
        single: whether single seeds are drawn.
        number: the column with the number of seeds.
    """
    counts = sorted({row[number] for row in rows if math.isfinite(row[f"{key}_low"])})
    found = ["Small open marks: single seeds; large ones: their means."] if single else []
    if counts:
        many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        found.append(f"Bars: 95 % bootstrap interval of the mean over n = {many} seeds.")
    return " ".join(found)


def _legend(figure: Figure, look: Mapping[str, Look], columns: int, words: str) -> None:
    """The legend below the panels: each morphology and line that is drawn and has no name beside its mark."""
    drawn = {str(line.get_gid()) for axes in figure.axes for line in axes.lines}
    entries = []
    for name, one in look.items():
        if f"mean {name}" in drawn:
            line = {"linestyle": one.line, "linewidth": 0.7} if f"line {name}" in drawn else {"linestyle": "none"}
            entries.append(Line2D([], [], label=short(name), **line, **one.mean))
    if "front" in drawn:
        entries.append(Line2D([], [], label="Pareto front", **FRONT))
    if entries:
        spaces: dict[str, Any] = {"handlelength": 2.6, "handletextpad": 0.5, "columnspacing": 1.2}
        figure.legend(handles=entries, ncols=columns, title=words, **spaces, **BELOW)
    elif words:
        figure.supxlabel(words, fontsize=POINTS)


def _ends(sizes: Sequence[float]) -> tuple[float, float]:
    """The ends of the axis: a quarter of a decade beyond a single size, else a tenth of the range of sizes."""
    if not sizes:
        return 1.0, 10.0
    least, most = min(sizes), max(sizes)
    margin = 10 ** max(0.25 if least == most else 0.05, 0.1 * math.log10(most / least))
    return least / margin, most * margin


def short(name: str) -> str:
    """A name for a figure: of a long one both ends."""
    shown = name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-(LONGEST // 2) + 1 :]}"
    return plain(shown)


def _width(text: str) -> float:
    """Width in mm of a text in the legend."""
    return float(TextPath((0, 0), text, size=POINTS).get_extents().width) / MM


def _spread(number: int) -> list[float]:
    """Positions of so many seeds above and below the middle of a row."""
    return [SPREAD * (2 * one / (number - 1) - 1) for one in range(number)] if number > 1 else [0.0] * number


@dataclass(frozen=True)
class _Panel:
    """Axes with one measure, `accuracy` or `loss`, of the conditions of a data set."""

    axes: Axes
    what: str
    look: Mapping[str, Look]

    @property
    def label(self) -> str:
        return "Test accuracy (%)" if self.what == "accuracy" else "Test loss (cross-entropy)"

    def of(self, row: Row, end: str = "") -> float:
        """The measure of a row, in the unit of the axis."""
        return float(row[f"test_{self.what}{end}"]) * (100 if self.what == "accuracy" else 1)

    def known(self, rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if math.isfinite(self.of(row)) and row["parameters"] > 0]

    def scatter(self, conditions: Sequence[Row], runs: Sequence[Row]) -> None:
        """Each mark at its number of parameters."""
        axes, shown = self.axes, sorted(self.known(conditions), key=lambda row: row["parameters"])
        for run in self.known(runs):
            gid = f"seed {run['condition']}"
            axes.plot([run["parameters"]], [self.of(run)], zorder=2, gid=gid, **self.look[run["morphology"]].seed)
        for name, one in self.look.items():
            own = [row for row in shown if row["morphology"] == name]
            x, y = [row["parameters"] for row in own], [self.of(row) for row in own]
            if len(set(x)) == len(own) > 1:
                style = {"color": one.colour, "linestyle": one.line, "linewidth": 0.6}
                axes.plot(x, y, zorder=1.5, gid=f"line {name}", **style)
            for row in own:
                low, high, gid = self.of(row, "_low"), self.of(row, "_high"), f"interval {row['condition']}"
                if math.isfinite(low):
                    axes.vlines(row["parameters"], low, high, color=one.colour, linewidth=0.9, zorder=3, gid=gid)
            if own:  # in front of all bars, so that no bar hides a mark
                axes.plot(x, y, linestyle="none", zorder=4, gid=f"mean {name}", **one.mean)
        front = [row for row in shown if row[f"pareto_{self.what}"]]
        if len({row["parameters"] for row in front}) > 1:  # a front of one size is no line
            x, y = [row["parameters"] for row in front], [self.of(row) for row in front]
            axes.step(x, y, where="post", zorder=1, gid="front", **FRONT)
        ends = _ends([row["parameters"] for row in shown])
        axes.set(yscale=self._scale([*shown, *runs]), xscale="log", xlim=ends)
        self._dress(_counted(conditions), self.label)

    def strip(self, conditions: Sequence[Row], runs: Sequence[Row]) -> None:
        """Each condition in a row of its own, with its seeds above and below each other."""
        axes = self.axes
        for place, row in enumerate(conditions):
            one, gid = self.look[row["morphology"]], row["condition"]
            own = self.known([run for run in runs if run["condition"] == gid])
            for run, up in zip(own, _spread(len(own)), strict=True):
                axes.plot([self.of(run)], [place + up], zorder=2, gid=f"seed {gid}", **one.seed)
            low, high = self.of(row, "_low"), self.of(row, "_high")
            if math.isfinite(low):
                axes.hlines(place, low, high, color=one.colour, linewidth=0.9, zorder=3, gid=f"interval {gid}")
            if self.known([row]):
                axes.plot([self.of(row)], [place], linestyle="none", zorder=4, gid=f"row {gid}", **one.mean)
        first = self.what == "accuracy"
        labels = [f"{short(row['condition'])} ({row['parameters']:,.0f})" if first else "" for row in conditions]
        axes.set_yticks(range(len(conditions)), labels)
        axes.set(ylim=(len(conditions) - 0.5, -0.5), xscale=self._scale([*conditions, *runs]))
        self._dress(self.label, "")
        axes.tick_params(axis="y", length=0)

    def _scale(self, rows: Sequence[Row]) -> str:
        """Logarithmic for losses that are far apart."""
        values = [self.of(row) for row in self.known(rows)]
        far = self.what == "loss" and values and min(values) > 0 and max(values) > WIDE * min(values)
        return "log" if far else "linear"

    def _dress(self, across: str, up: str) -> None:
        self.axes.set(xlabel=across, ylabel=up)
        self.axes.tick_params(width=0.6, length=2.5, pad=3.5)
        self.axes.tick_params(which="minor", width=0.4, length=1.5, pad=4.5)  # puts the numbers of both on one line
        self.axes.spines[["top", "right"]].set_visible(False)
        for axis in (self.axes.xaxis, self.axes.yaxis):
            if axis.get_scale() == "log":
                _number_ticks(axis)


def differences_figure(pairs: Sequence[Row], morphologies: Sequence[str] = (), runs: Sequence[Row] = ()) -> Figure:
    """A forest plot: in each row the difference of each seed, their mean and its interval, effect size, p and n.

    It is 183 mm wide, with a panel a data set, in which zero is the reference.

    Args:
        pairs: rows as `Comparison.pairs` has them.
        morphologies: all that are compared, so that each has the same colour as in other figures.
        runs: rows as `Comparison.runs` has them, for the differences of single seeds.
    """
    by_set = _by_data(pairs)
    look = looks([*morphologies, *(row["morphology"] for row in pairs)])
    heights = [DIFFERENCE * len(rows) + 13 for rows in by_set.values()]
    values = {(run["data"], run["condition"], str(run["seed"])): run for run in runs}
    with own_style({**SETTINGS, "axes.titlesize": POINTS + 0.5}):
        figure = new_figure(DOUBLE / INCH, (sum(heights) + 7) / INCH, layout="constrained")
        panels = figure.subplots(len(by_set), 1, squeeze=False, height_ratios=heights)[:, 0]
        for (data, rows), axes in zip(by_set.items(), panels, strict=True):
            _forest(axes, rows, look, values)
            several = len({row["reference"] for row in rows}) > 1
            reference = rows[0]["reference_morphology" if several else "reference"]
            axes.set_title(f"{short(data)}: difference from {short(reference)}", loc="left")
        single = any(str(line.get_gid()).startswith("seed") for axes in panels for line in axes.lines)
        marks = bars(pairs, "difference", single, "pairs")
        beside = ", ".join(_statistics(row) for row in pairs)
        about = {"g =": "g: corrected for few seeds.", "p(": "p: corrected for several comparisons."}
        explained = " ".join(words for sign, words in about.items() if sign in beside)
        figure.supxlabel("\n".join(line for line in (marks, explained) if line), fontsize=POINTS)
    return figure


def _forest(
    axes: Axes, rows: Sequence[Row], look: Mapping[str, Look], values: Mapping[tuple[str, str, str], Row]
) -> None:
    measure = rows[0]["measure"]
    accuracy = measure == "test_accuracy"
    factor = 100 if accuracy else 1
    axes.axvline(0, color="0.55", linewidth=0.8, zorder=1, gid="zero")
    for place, row in enumerate(rows):
        one, gid = look[row["morphology"]], row["condition"]
        seeds = row["seeds"].split("; ") if values and row["pairs"] else []
        for seed, up in zip(seeds, _spread(len(seeds)), strict=True):
            ours, theirs = (values[row["data"], row[key], seed][measure] for key in ("condition", "reference"))
            axes.plot([factor * (ours - theirs)], [place + up], zorder=1.5, gid=f"seed {gid}", **one.seed)
        mean, low, high = (factor * row[f"difference{end}"] for end in ("", "_low", "_high"))
        if math.isfinite(low):
            axes.hlines(place, low, high, color=one.colour, linewidth=1.0, zorder=2, gid=f"interval {gid}")
        if math.isfinite(mean):
            axes.plot([mean], [place], linestyle="none", zorder=3, gid=f"point {gid}", **one.mean)
    axes.set_yticks(range(len(rows)), [short(row["condition"]) for row in rows])
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(range(len(rows)), [_statistics(row) for row in rows])
    for side in (axes, beside):
        side.tick_params(axis="y", length=0)
    beside.spines["right"].set_visible(False)
    across = "Difference of test accuracy (percentage points)" if accuracy else "Difference of test loss"
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel=across)
    axes.tick_params(axis="x", width=0.6, length=2.5)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _statistics(row: Row) -> str:
    """Effect size, p values and n beside a row, as far as they are known."""
    size = row["g_z"]
    words = [f"g = {round(size, 2) + 0.0:.2f}".replace("-", "−")] if math.isfinite(size) else []
    tests = [("p_t_holm", "t"), *([("p_signs_holm", "signs")] if row["pairs"] >= FEWEST_SIGNED else [])]
    for kind, name in tests:
        p = row[kind]
        if not math.isnan(p):
            words.append(f"p({name}) < 0.001" if p < 0.001 else f"p({name}) = {p:.3f}")
    return ", ".join([*words, f"n = {row['pairs']}"])
