"""Accuracy and loss of conditions, every seed a point: over the number of parameters, or a row a condition."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dendrograph.draw.canvas.figure import import_matplotlib, own_style, plain
from dendrograph.draw.palettes import PALETTES
from dendrograph.draw.style import DOUBLE, MM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Row = Mapping[str, Any]

# Twelve colours that the colour-blind tell apart: Okabe & Ito's without the purple, which they take for the blue, and
# others that lie far from them. Marks differ in shape and filling as well, for print in grey.
OKABE_ITO = PALETTES["okabe-ito"]
COLOURS = (*OKABE_ITO[:3], *OKABE_ITO[4:7], "#1A1A1A", "#993300", "#003399", "#B3B36B", "#9966FF", "#006644")
REST = "#B0B0B0"  # of what cannot be told apart any more
FAMILIES = {"dann": "o", "vann": "s", "sann": "^", "pdann": "D", "psann": "v"}
OTHER = "P"
CONTROLS = {"parameter-matched": "s", "linear": "o", "shuffled": "X", "fan-in-matched": "^", "compute-matched": "D"}
SPARE = "Xhpd<>*8PDv^so"  # markers for when those of a family are used up
FILLS = ("full", "left", "bottom", "right")  # of a morphology; a control is hollow
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
POINTS = 6.5  # of text
INCH = 25.4  # mm
LONGEST = 44  # letters of a name in the legend
HIGH, HIGHEST = 46.0, 76.0  # mm of a panel over parameters: with a millimetre more for each condition
ROW = 4.4  # mm of a condition in a strip
SPREAD = 0.26  # of a row, on either side of its middle: where single seeds lie
WIDE = 10.0  # largest loss / least, from which on the axis is logarithmic
NUMBERED = (  # which of 1 to 9 times a power of ten have a number, and the least distance of two such ticks in decades
    ((1, 2, 3, 4, 5, 6, 7, 8, 9), 0.045),
    ((1, 2, 3, 4, 6, 8), 0.096),
    ((1, 2, 3, 5, 7), 0.146),
    ((1, 2, 5), 0.301),
    ((1, 3), 0.477),
)
ROOM = 0.16  # of an axis: what the longest number of a tick takes
FRONT: Mapping[str, Any] = {"color": "0.55", "linewidth": 0.9, "linestyle": (0, (4, 1.5))}


@dataclass(frozen=True)
class Look:
    """How the conditions of one morphology are drawn.

    fill: which part of its marker is filled, as matplotlib's `fillstyle`; `none` is a control
    line: joins its sizes
    """

    colour: str
    marker: str
    fill: str = "full"
    line: Any = "-"

    @property
    def mean(self) -> dict[str, Any]:
        """Of the mark of a mean; it hides what lies below it."""
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
        """Of the mark of a single seed: small, open and seen through."""
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
    """A look for each morphology: no two have the same mark, nor the same colour as long as there are colours.

    The marker tells the family, which is the beginning of the name, and its filling the members of a family; a control,
    such as `dann-lrf-linear`, is hollow, and its marker tells the kind of control. So all are told apart in grey, too.
    The order of the names does not matter.
    """
    found: dict[str, Look] = {}
    taken: set[tuple[str, ...]] = set()
    for position, name in enumerate(sorted(set(names), key=lambda name: (*_parts(name), name))):
        base, kind = _parts(name)
        own = CONTROLS[kind] if kind else FAMILIES.get(base.split("-")[0], OTHER)
        signs = [(marker, fill) for marker in (own, *SPARE) for fill in (("none",) if kind else FILLS)]
        start = position % len(COLOURS)
        colours = (*COLOURS[start:], *COLOURS[:start])
        fresh = ((colours[0], *sign) for sign in signs if sign not in taken)
        again = ((colour, *sign) for sign in signs for colour in colours if (colour, *sign) not in taken)
        colour, marker, fill = next(fresh, None) or next(again, (REST, own, signs[0][1]))
        taken |= {(marker, fill), (colour, marker, fill)}
        found[name] = Look(colour, marker, fill, LINES[position % len(LINES)])
    return found


def _parts(name: str) -> tuple[str, str]:
    """The morphology that a name begins with, without the kind of control that it ends with, and that kind."""
    name = name.split(" ")[0]
    for kind in CONTROLS:
        if name.endswith(f"-{kind}"):
            return name.removesuffix(f"-{kind}"), kind
    return name, ""


def accuracy_figure(conditions: Sequence[Row], runs: Sequence[Row] = ()) -> Figure:
    """Test accuracy at the left and test loss at the right, double-column width (183 mm), a row of panels a data set.

    Every seed is a small open mark, every mean a large one in front of them, its bar the 95 % interval; the figure says
    so. Conditions stand at their numbers of parameters, where the sizes of a morphology are joined by a line and the
    stepped line in grey is the Pareto front. Where several knobs of a morphology vary and do not all rise or fall with
    its size, no line could follow them: each of its conditions has its own mark and is named in full. Where conditions
    of a data set would stand in one column, for each morphology has one size and some have the same, each has a row of
    its own instead, its seeds beside each other.

    Args:
        conditions: rows as `Comparison.conditions` has them.
        runs: rows as `Comparison.runs` has them.
    """
    import_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    conditions, runs = _in_series(conditions, runs)
    sets = list(dict.fromkeys(row["data"] for row in conditions))
    by_set = [[row for row in conditions if row["data"] == data] for data in sets]
    strips = [_in_columns(rows) for rows in by_set]
    look = looks([row["morphology"] for row in conditions])
    columns = max(1, int(DOUBLE // (max(_width(short(name)) for name in (*look, "Pareto front")) + 11)))
    below = 3.4 * (math.ceil((len(look) + 1) / columns) + 2)
    heights = [
        ROW * len(rows) + 13 if strip else min(HIGH + len(rows), HIGHEST)
        for rows, strip in zip(by_set, strips, strict=True)
    ]
    with own_style():
        matplotlib.rcParams.update({"font.size": POINTS, "axes.linewidth": 0.6, "axes.titlesize": POINTS + 1})
        figure = Figure(figsize=(DOUBLE / INCH, (sum(heights) + below) / INCH), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(len(sets), 2, squeeze=False, height_ratios=heights)
        for data, rows, strip, pair in zip(sets, by_set, strips, grid, strict=True):
            for axes, what in zip(pair, ("accuracy", "loss"), strict=True):
                panel = _Panel(axes, what, look)
                (panel.strip if strip else panel.scatter)(rows, [run for run in runs if run["data"] == data])
            title = [short(data)] if len(sets) > 1 else []
            title += [f"in brackets: {_counted(rows).lower()}"] if strip else []
            pair[0].set_title(", ".join(title), loc="left")
        _legend(figure, look, columns, bars(conditions, "test_accuracy", bool(runs)))
    return figure


def _in_series(conditions: Sequence[Row], runs: Sequence[Row]) -> tuple[list[Row], ...]:
    """Rows with what is told apart as their morphology: one whose conditions are no series is told in full."""
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
    """Whether conditions of one morphology differ in size, and each knob rises or falls with it all the way."""
    rows = sorted(rows, key=lambda row: row["parameters"])
    if any(a["parameters"] == b["parameters"] for a, b in itertools.pairwise(rows)):
        return False
    knobs = [dict(word.split("=", 1) for word in row["condition"].split() if "=" in word) for row in rows]
    return all(_monotonic([one.get(key, "") for one in knobs]) for key in dict.fromkeys(itertools.chain(*knobs)))


def _monotonic(values: Sequence[str]) -> bool:
    """Whether values are all the same, or numbers that never rise or never fall."""
    if len(set(values)) == 1:
        return True
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return False
    return numbers in (sorted(numbers), sorted(numbers, reverse=True))


def _number_ticks(axis: Axis) -> None:
    """Number as many ticks of a logarithmic axis as it has room for, in plain figures."""
    import_matplotlib()
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

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


def _in_columns(rows: Sequence[Row]) -> bool:
    """Whether no morphology has two sizes, and two of them have one size, to a twentieth."""
    of = {row["morphology"]: set[float]() for row in rows}
    for row in rows:
        of[row["morphology"]].add(row["parameters"])
    sizes = sorted(row["parameters"] for row in rows)
    near = any(b <= 1.05 * a for a, b in itertools.pairwise(sizes))
    return near and all(len(one) == 1 for one in of.values())


def _counted(rows: Sequence[Row]) -> str:
    """What numbers of parameters count: where some are not trained, those as well."""
    all_trained = all(row.get("trainable_parameters", row["parameters"]) == row["parameters"] for row in rows)
    return "Trainable parameters" if all_trained else "Parameters, trained or not"


def bars(rows: Sequence[Row], key: str, single: bool, number: str = "seeds") -> str:
    """What the marks of a figure are, in words: only of those that it has.

    Args:
        rows: with the ends of an interval, `_low` and `_high` of a key, and how many seeds it is over.
        key: of the mean.
        single: whether single seeds are drawn.
        number: the column with how many seeds.
    """
    counts = sorted({row[number] for row in rows if math.isfinite(row[f"{key}_low"])})
    found = ["Small open marks: single seeds; large ones: their means."] if single else []
    if counts:
        many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        found.append(f"Bars: 95 % bootstrap interval of the mean over n = {many} seeds.")
    return " ".join(found)


def _legend(figure: Figure, look: Mapping[str, Look], columns: int, words: str) -> None:
    """Below the panels: an entry for each morphology and line that is drawn and not named beside its mark."""
    import_matplotlib()
    from matplotlib.lines import Line2D

    drawn = {str(line.get_gid()) for axes in figure.axes for line in axes.lines}
    entries = []
    for name, one in look.items():
        if f"mean {name}" in drawn:
            line = {"linestyle": one.line, "linewidth": 0.7} if f"line {name}" in drawn else {"linestyle": "none"}
            entries.append(Line2D([], [], label=short(name), **line, **one.mean))
    if "front" in drawn:
        entries.append(Line2D([], [], label="Pareto front", **FRONT))
    if entries:
        place: dict[str, Any] = {"loc": "outside lower center", "ncols": columns, "frameon": False, "title": words}
        figure.legend(handles=entries, handlelength=2.6, handletextpad=0.5, columnspacing=1.2, **place)
    elif words:
        figure.supxlabel(words, fontsize=POINTS)


def _ends(sizes: Sequence[float]) -> tuple[float, float]:
    """Of the axis: half a decade around one size alone, else with a tenth of what lies between them at each end."""
    if not sizes:
        return 1.0, 10.0
    least, most = min(sizes), max(sizes)
    margin = 10 ** max(0.25 if least == most else 0.05, 0.1 * math.log10(most / least))
    return least / margin, most * margin


def short(name: str) -> str:
    """A name as figures have it: of a long one both ends."""
    shown = name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-(LONGEST // 2) + 1 :]}"
    return plain(shown)


def _width(text: str) -> float:
    """Width in mm of a text in the legend."""
    import_matplotlib()
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=POINTS).get_extents().width) / MM


@dataclass(frozen=True)
class _Panel:
    """Axes with one measure of the conditions of a data set."""

    axes: Axes
    what: str
    look: Mapping[str, Look]

    @property
    def label(self) -> str:
        return "Test accuracy (%)" if self.what == "accuracy" else "Test loss (cross-entropy)"

    def of(self, row: Row, end: str = "") -> float:
        """The measure of a row, as the axis has it."""
        return float(row[f"test_{self.what}{end}"]) * (100 if self.what == "accuracy" else 1)

    def known(self, rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if math.isfinite(self.of(row)) and row["parameters"] > 0]

    def scatter(self, conditions: Sequence[Row], runs: Sequence[Row]) -> None:
        """Each mark at its number of parameters."""
        axes, shown = self.axes, self.known(conditions)
        for run in self.known(runs):
            gid = f"seed {run['condition']}"
            axes.plot([run["parameters"]], [self.of(run)], zorder=2, gid=gid, **self.look[run["morphology"]].seed)
        for name, one in self.look.items():
            own = sorted((row for row in shown if row["morphology"] == name), key=lambda row: row["parameters"])
            x, y = [row["parameters"] for row in own], [self.of(row) for row in own]
            if len(set(x)) == len(own) > 1:
                style = {"color": one.colour, "linestyle": one.line, "linewidth": 0.6}
                axes.plot(x, y, zorder=1.5, gid=f"line {name}", **style)
            for row in own:
                low, high = self.of(row, "_low"), self.of(row, "_high")
                if math.isfinite(low):
                    gid = f"interval {row['condition']}"
                    axes.vlines(row["parameters"], low, high, color=one.colour, linewidth=0.9, zorder=3, gid=gid)
            if own:  # in front of all bars, so that no bar hides a mark
                axes.plot(x, y, linestyle="none", zorder=4, gid=f"mean {name}", **one.mean)
        front = sorted((row for row in shown if row[f"pareto_{self.what}"]), key=lambda row: row["parameters"])
        if len({row["parameters"] for row in front}) > 1:  # of one size there is no line to be seen
            x, y = [row["parameters"] for row in front], [self.of(row) for row in front]
            axes.step(x, y, where="post", zorder=1, gid="front", **FRONT)
        axes.set_yscale(self._scale([*shown, *runs]))
        axes.set_xscale("log")
        axes.set_xlim(*_ends([row["parameters"] for row in shown]))
        self._dress(_counted(conditions), self.label)

    def strip(self, conditions: Sequence[Row], runs: Sequence[Row]) -> None:
        """Each condition in a row of its own, its seeds beside each other."""
        axes = self.axes
        for place, row in enumerate(conditions):
            one, gid = self.look[row["morphology"]], row["condition"]
            own = self.known([run for run in runs if run["condition"] == gid])
            for number, run in enumerate(own):
                up = place + (SPREAD * (2 * number / (len(own) - 1) - 1) if len(own) > 1 else 0.0)
                axes.plot([self.of(run)], [up], zorder=2, gid=f"seed {gid}", **one.seed)
            if math.isfinite(self.of(row, "_low")):
                ends = self.of(row, "_low"), self.of(row, "_high")
                axes.hlines(place, *ends, color=one.colour, linewidth=0.9, zorder=3, gid=f"interval {gid}")
            if self.known([row]):
                axes.plot([self.of(row)], [place], linestyle="none", zorder=4, gid=f"row {gid}", **one.mean)
        first = self.what == "accuracy"
        told = [f"{short(row['condition'])} ({row['parameters']:,.0f})" if first else "" for row in conditions]
        axes.set_yticks(range(len(conditions)), told)
        axes.set_ylim(len(conditions) - 0.5, -0.5)
        axes.set_xscale(self._scale([*conditions, *runs]))
        self._dress(self.label, "")
        axes.tick_params(axis="y", length=0)

    def _scale(self, rows: Sequence[Row]) -> str:
        """Logarithmic for losses that lie far apart."""
        values = [self.of(row) for row in self.known(rows)]
        far = self.what == "loss" and values and min(values) > 0 and max(values) > WIDE * min(values)
        return "log" if far else "linear"

    def _dress(self, across: str, up: str) -> None:
        self.axes.set_xlabel(across)
        self.axes.set_ylabel(up)
        self.axes.tick_params(width=0.6, length=2.5, pad=3.5)
        self.axes.tick_params(which="minor", width=0.4, length=1.5, pad=4.5)  # numbers of both stand on one line
        self.axes.spines[["top", "right"]].set_visible(False)
        for axis in (self.axes.xaxis, self.axes.yaxis):
            if axis.get_scale() == "log":
                _number_ticks(axis)


LINE = 4.2  # mm, of a row
FEWEST_SIGNED = 10  # pairs from which on the sign-flip test is shown: with fewer it cannot pass Holm's correction


def differences_figure(pairs: Sequence[Row], morphologies: Sequence[str] = (), runs: Sequence[Row] = ()) -> Figure:
    """A row a pair: the difference of each seed, their mean and its interval; effect size, p and n in words.

    Double-column width (183 mm); a panel a data set, each with its zero, which is the reference.

    Args:
        pairs: rows as `Comparison.pairs` has them.
        morphologies: all that are compared, so that each has the colour that it has in other figures.
        runs: rows as `Comparison.runs` has them, of which the differences of single seeds are taken.
    """
    import_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(row["data"] for row in pairs))
    by_set = [[row for row in pairs if row["data"] == data] for data in sets]
    look = looks([*morphologies, *(row["morphology"] for row in pairs)])
    heights = [LINE * len(rows) + 13 for rows in by_set]
    values = {(run["data"], run["condition"], str(run["seed"])): run for run in runs}
    with own_style():
        matplotlib.rcParams.update({"font.size": POINTS, "axes.linewidth": 0.6, "axes.titlesize": POINTS + 0.5})
        figure = Figure(figsize=(DOUBLE / INCH, (sum(heights) + 7) / INCH), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(sets), 1, squeeze=False, height_ratios=heights)[:, 0]
        for data, rows, axes in zip(sets, by_set, panels, strict=True):
            _panel(axes, rows, look, values)
            several = len({row["reference"] for row in rows}) > 1
            reference = rows[0]["reference_morphology" if several else "reference"]
            axes.set_title(f"{short(data)}: difference from {short(reference)}", loc="left")
        single = any(str(line.get_gid()).startswith("seed") for axes in panels for line in axes.lines)
        marks = bars(pairs, "difference", single, "pairs")
        beside = ", ".join(_words(row) for row in pairs)
        about = {"g =": "g: corrected for few seeds.", "p(": "p: corrected for several comparisons."}
        said = " ".join(words for sign, words in about.items() if sign in beside)
        figure.supxlabel("\n".join(line for line in (marks, said) if line), fontsize=POINTS)
    return figure


def _panel(
    axes: Axes, rows: Sequence[Row], look: Mapping[str, Look], values: Mapping[tuple[str, str, str], Row]
) -> None:
    measure = rows[0]["measure"]
    accuracy = measure == "test_accuracy"
    factor = 100 if accuracy else 1
    axes.axvline(0, color="0.55", linewidth=0.8, zorder=1, gid="zero")
    for place, row in enumerate(rows):
        one, gid = look[row["morphology"]], row["condition"]
        seeds = row["seeds"].split("; ") if values and row["pairs"] else []
        for number, seed in enumerate(seeds):
            ours, theirs = (values[row["data"], row[key], seed][measure] for key in ("condition", "reference"))
            up = place + (SPREAD * (2 * number / (len(seeds) - 1) - 1) if len(seeds) > 1 else 0.0)
            axes.plot([factor * (ours - theirs)], [up], zorder=1.5, gid=f"seed {gid}", **one.seed)
        mean, low, high = (factor * row[f"difference{end}"] for end in ("", "_low", "_high"))
        if math.isfinite(low):
            axes.hlines(place, low, high, color=one.colour, linewidth=1.0, zorder=2, gid=f"interval {gid}")
        if math.isfinite(mean):
            axes.plot([mean], [place], linestyle="none", zorder=3, gid=f"point {gid}", **one.mean)
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


def _words(row: Row) -> str:
    """What stands beside a row; only what there is."""
    size = row["g_z"]
    words = [f"g = {round(size, 2) + 0.0:.2f}".replace("-", "−")] if math.isfinite(size) else []
    tests = [("p_t_holm", "t"), *([("p_signs_holm", "signs")] if row["pairs"] >= FEWEST_SIGNED else [])]
    for kind, name in tests:
        p = row[kind]
        if not math.isnan(p):
            words.append(f"p({name}) < 0.001" if p < 0.001 else f"p({name}) = {p:.3f}")
    return ", ".join([*words, f"n = {row['pairs']}"])
