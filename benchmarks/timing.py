"""Timing side by side: in turn within one process, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

TURN = 0.05  # seconds that a turn lasts at least: a quick side takes many steps in it, each as in a training
QUICK_TURN = 0.01
WARM_UP = 2  # turns that are not counted

Times = dict[str, list[float]]  # side -> seconds of one step, a number a round
Spread = dict[str, float]  # low, median, high: the quartiles, and the median between


def interleaved(actions: Mapping[str, Callable[[], object]], rounds: int, turn: float = TURN) -> Times:
    """Seconds of each action, a number a round.

    In every round each action has a turn, in an order drawn anew (so that nobody always follows the same neighbour,
    whose leavings fill the caches). A turn is one step, or as many as fill `turn` seconds, of which the mean counts.
    """
    order = list(actions)
    shuffle = random.Random(0)
    repeats = dict.fromkeys(order, 1)
    for _ in range(WARM_UP):
        for name in order:
            seconds = _turn(actions[name], repeats[name])
            repeats[name] = max(1, round(turn / max(seconds, 1e-7)))
    times: Times = {name: [] for name in order}
    collecting = gc.isenabled()
    gc.disable()  # a collection would fall on whoever has its turn
    try:
        for _ in range(rounds):
            shuffle.shuffle(order)
            for name in order:
                times[name].append(_turn(actions[name], repeats[name]))
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return times


def _turn(action: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        action()
    return (time.perf_counter() - start) / repeats


def spread(values: Sequence[float]) -> Spread:
    """Quartiles and median."""
    if len(values) == 1:
        return {"low": values[0], "median": values[0], "high": values[0]}
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"low": low, "median": median, "high": high}


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Quartiles and median of the ratios round by round: what slowed a whole round cancels."""
    return spread([a / b for a, b in zip(above, below, strict=True)])
