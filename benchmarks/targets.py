"""The targets, and whether the numbers reach them. What was not measured is neither met nor missed.

Nor is what a smoke run has measured: its few rounds and small sizes decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cases import LARGE, MIDDLE, SMALL, VANN, VANN_MIDDLE, Case
from roofline import PASSES
from sides import Dendrograph, Geometric, MaskedDense, MaskedDenseFused, Sequential, Side, TorchScatter
from timing import ratios

Sections = Mapping[str, Any]  # name -> {"about": where and when, "result": numbers}
Results = Mapping[str, Any]  # name -> result, of those sections that count

MET, MISSED, UNKNOWN = "met", "missed", "not measured"


@dataclass(frozen=True)
class Outcome:
    """One target: what it asks, what was found, and the verdict."""

    text: str
    found: str
    verdict: str


@dataclass(frozen=True)
class Target:
    """`value` looks a number up, or raises `NotMeasured`; it must be at least, or at most, `limit`."""

    text: str
    value: Callable[[Results], float]
    limit: float
    at_least: bool
    form: str = "{:.1f}×"

    def outcome(self, results: Results) -> Outcome:
        """Met, missed or not measured."""
        try:
            value = self.value(results)
        except NotMeasured:
            return Outcome(self.text, "", UNKNOWN)
        met = value >= self.limit if self.at_least else value <= self.limit
        return Outcome(self.text, self.form.format(value), MET if met else MISSED)


class NotMeasured(Exception):
    """The section or the side has no numbers."""


def outcomes(sections: Sections) -> list[Outcome]:
    """All targets in order."""
    results = {
        name: section["result"]
        for name, section in sections.items()
        if not section["about"]["quick"] and "skipped" not in section["result"]
    }
    return [target.outcome(results) for target in TARGETS]


def _times_faster(case: Case, side: type[Side]) -> Callable[[Results], float]:
    """How many times dendrograph's step the side's takes."""
    return lambda results: _step(results, case, side)["ratio"]["median"]


def _times_as_long(case: Case, side: type[Side]) -> Callable[[Results], float]:
    """How many times the side's step dendrograph's takes: the ratio turned round before its median is taken."""

    def value(results: Results) -> float:
        theirs = _step(results, case, side)["rounds"]
        return ratios(_step(results, case, Dendrograph)["rounds"], theirs)["median"]

    return value


def _roofline(passed: str, which: str) -> Callable[[Results], float]:
    def value(results: Results) -> float:
        projections = _in(results, "roofline")["projections"].values()
        synapses = next((row for row in projections if row[which]), None)
        if synapses is None:
            raise NotMeasured
        return synapses["passes"][passed]["ratio"]["median"]

    return value


def _step(results: Results, case: Case, side: type[Side]) -> Mapping[str, Any]:
    return _in(_in(results, "steps")["cases"][case.name]["measures"]["step"], side.name)


def _memory(results: Results) -> float:
    return _in(_in(results, "memory")["sides"], MaskedDense.name)["ratio"]["median"]


def _exponent(results: Results) -> float:
    return _in(results, "scale")["exponent"]


def _overhead(results: Results) -> float:
    return 100 * (_in(results, "epoch")["overhead"]["median"] - 1)


def _in(results: Mapping[str, Any], name: str) -> Any:
    """A section or a side, which may be missing; anything else that is missing is a fault of the suite."""
    if name not in results:
        raise NotMeasured(name)
    return results[name]


def _asymmetric(results: Results) -> float:
    if "trees" not in results:
        raise NotMeasured
    return {row["name"]: row["ratio"]["median"] for row in results["trees"]["rows"]}[LARGE.name]


TARGETS = (
    *(
        Target(f"{case.name}: step at least {limit}× faster than {side.name}", _times_faster(case, side), limit, True)
        for case, side, limit in (
            (LARGE, MaskedDense, 100),
            (LARGE, MaskedDenseFused, 50),
            (LARGE, TorchScatter, 100),
            (LARGE, Geometric, 100),
            (MIDDLE, MaskedDense, 25),
            (MIDDLE, MaskedDenseFused, 12),
        )
    ),
    Target(
        f"{SMALL.name}: step faster than {MaskedDenseFused.name}",
        _times_faster(SMALL, MaskedDenseFused),
        1.0,
        True,
        "{:.2f}×",
    ),
    *(
        Target(
            f"{case.name}: step at most 1.05× that of {Sequential.name}",
            _times_as_long(case, Sequential),
            1.05,
            False,
            "{:.3f}×",
        )
        for case in (VANN, VANN_MIDDLE)
    ),
    Target(f"{LARGE.name}: peak memory at most 1/40 of {MaskedDense.name}'s", _memory, 40, True, "1/{:.1f}"),
    *(
        Target(
            f"{LARGE.name}: synapse projection, {how}, {passed}: at most 2× the roofline's limit",
            _roofline(passed, which),
            2,
            False,
            "{:.2f}×",
        )
        for how, which in (("as it runs, in one pass with its cables", "in_one_pass"), ("alone", "synapses_from_input"))
        for passed in PASSES
    ),
    Target("0.5 to 10 million synapses: exponent of the step at most 1.05", _exponent, 1.05, False, "{:.3f}"),
    Target("64x512: a tree that is not symmetric takes at most 1.5× the step", _asymmetric, 1.5, False, "{:.2f}×"),
    Target(f"{MIDDLE.name}: the epoch at most 10 % over its steps", _overhead, 10, False, "{:.1f} %"),
)
