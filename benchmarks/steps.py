"""Forward, forward and backward, and a whole training step, all sides in turn."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import Any

from cases import CASES, Case, batch
from sides import OURS, Side, agree, missing, sides_for
from timing import QUICK_TURN, TURN, Times, interleaved, ratios, spread

MEASURES = {
    "forward": lambda side, x, y: side.forward(x),
    "forward and backward": lambda side, x, y: side.backward(x, y),
    "step": lambda side, x, y: side.step(x, y),
}


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Case -> measure -> side -> its times and its ratio to dendrograph, with all rounds."""
    names = ["1x32", "vann 8x64"] if quick else list(CASES)
    rounds, turn = (3, QUICK_TURN) if quick else (15, TURN)
    notes: dict[str, None] = {}  # a set that keeps its order
    results = {}
    for name in names:
        case = CASES[name]
        sides = [side for side in sides_for(case.model) if not _left_out(side, notes)]
        results[name] = _case(case, sides, rounds, turn, say)
    for note in notes:
        say(note)
    return {"rounds": rounds, "notes": list(notes), "cases": results}


def _left_out(side: type[Side], notes: dict[str, None]) -> bool:
    why = missing(side)
    if why:
        notes[why] = None
    return bool(why)


def _case(case: Case, kinds: list[type[Side]], rounds: int, turn: float, say: Callable[[str], None]) -> dict[str, Any]:
    graph = case.graph()
    sides = [kind(graph) for kind in kinds]
    agree(sides, case.name)
    say(f"{case.name}: {len(sides)} sides agree in logits, gradients and losses")
    x, y = batch()
    result: dict[str, Any] = {"synapses": graph.synapses, "parameters": graph.parameters, "measures": {}}
    for measure_name, action in MEASURES.items():
        before = [_first_weights(side) for side in sides]
        times = interleaved({side.name: partial(action, side, x, y) for side in sides}, rounds, turn)
        for side, weights in zip(sides, before, strict=True):
            if (_first_weights(side) != weights) != (measure_name == "step"):
                raise SystemExit(f"{case.name}: {side.name}: weights must move in a step, and in nothing else")
        result["measures"][measure_name] = summary(times)
        text = ", ".join(f"{name} {1e3 * spread(values)['median']:.3g}" for name, values in times.items())
        say(f"{case.name}: {measure_name}, ms: {text}")
        for side in sides:
            side.optimizer.zero_grad(set_to_none=True)
    del sides
    gc.collect()
    return result


def _first_weights(side: Side) -> float:
    """The first parameter in one number: an optimizer that makes no step must not pass for a quick one."""
    return float(next(side.module.parameters()).detach().abs().double().sum())


def summary(times: Times) -> dict[str, Any]:
    """For each side its seconds, and how many times dendrograph's they are."""
    return {
        name: {"seconds": spread(values), "ratio": ratios(values, times[OURS]), "rounds": values}
        for name, values in times.items()
    }
