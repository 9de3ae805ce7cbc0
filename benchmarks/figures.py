"""The two figures: step times as bars, and growth with the number of synapses."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cases import LARGE, MIDDLE, SMALL
from sides import OURS, SAMPLED

# Okabe & Ito's colours, told apart by the colour-blind; dendrograph's stays the same in both figures.
COLOURS = ("#0072B2", "#D55E00", "#E69F00", "#F0E442", "#009E73", "#56B4E9", "#CC79A7")


def steps(result: Mapping[str, Any]) -> str | None:
    """Step times of every side, a group of bars a size, with quartiles; None where no such size was measured."""
    names = [case.name for case in (SMALL, MIDDLE, LARGE) if case.name in result["cases"]]
    if not names:
        return None
    measured = [result["cases"][name]["measures"]["step"] for name in names]
    present = [(side.name, colour) for side, colour in zip(SAMPLED, COLOURS, strict=True) if side.name in measured[0]]
    width = 0.8 / len(present)
    with _figure(7.2, 3.4) as (figure, axes):
        for position, (side, colour) in enumerate(present):
            spreads = [step[side]["seconds"] for step in measured]
            heights = [1e3 * spread["median"] for spread in spreads]
            below = [1e3 * (spread["median"] - spread["low"]) for spread in spreads]
            above = [1e3 * (spread["high"] - spread["median"]) for spread in spreads]
            places = [group + (position - (len(present) - 1) / 2) * width for group in range(len(names))]
            axes.bar(places, heights, width, yerr=[below, above], color=colour, error_kw={"linewidth": 0.8}, label=side)
            for place, height in zip(places, heights, strict=True):
                axes.annotate(
                    _short(height), (place, height), (0, 4), textcoords="offset points", ha="center", fontsize=5.5
                )
        axes.set_yscale("log")
        axes.margins(y=0.15)
        axes.set_xticks(range(len(names)), [f"{name.replace('x', ' × ')}" for name in names])
        axes.set_xlabel("Dendrites × somata")
        axes.set_ylabel("Training step (ms)")
        axes.legend(frameon=False, fontsize=7, loc="upper left")
        return _svg(figure)


def scale(result: Mapping[str, Any]) -> str:
    """Step time over synapses, both axes logarithmic, with the line that was fitted."""
    synapses = [row["synapses"] for row in result["rows"]]
    spreads = [row["seconds"] for row in result["rows"]]
    middle = [1e3 * spread["median"] for spread in spreads]
    errors = [
        [1e3 * (spread["median"] - spread["low"]) for spread in spreads],
        [1e3 * (spread["high"] - spread["median"]) for spread in spreads],
    ]
    fitted = [1e3 * result["factor"] * count ** result["exponent"] for count in synapses]
    with _figure(4.6, 3.2) as (figure, axes):
        axes.errorbar(
            synapses, middle, yerr=errors, fmt="o", color=COLOURS[0], markersize=4, linewidth=1, label=OURS, zorder=3
        )
        axes.plot(
            synapses, fitted, "--", color="0.4", linewidth=1, label=f"fit: time ∝ synapses^{result['exponent']:.2f}"
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("Synapses")
        axes.set_ylabel("Training step (ms)")
        axes.legend(frameon=False, fontsize=8)
        return _svg(figure)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Any, Any]]:
    """One panel in matplotlib's own style, whatever the user's matplotlibrc says."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["svg.hashsalt"] = "dendrograph"  # the same numbers give the same file
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        yield figure, axes


def _svg(figure: Any) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None}, facecolor="white")
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
