"""Peak memory beyond libraries and data, and the time to the first batch; each side in processes of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cases import LARGE, SMALL
from fresh import Unmeasurable, in_fresh_process
from sides import OURS, missing, sides_for
from timing import ratios, spread


def measure_peak(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Side -> peak resident bytes beyond the baseline after wiring, network and five training steps."""
    return _measure("memory", "beyond", "bytes", quick, say)


def measure_first_batch(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Side -> seconds from the end of its imports to the first loss."""
    return _measure("first", "seconds", "seconds", quick, say)


def _measure(what: str, key: str, unit: str, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """One process a side and round, round by round, so that no side has the quiet hour for itself."""
    case = SMALL if quick else LARGE
    rounds = 1 if quick else 5
    kinds = sides_for(case.model)
    notes = [why for side in kinds if (why := missing(side))]
    names = [side.name for side in kinds if not missing(side)]
    if quick:
        names = names[:2]
        notes.append("a smoke run starts the first two sides only")
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in tuple(names):
            try:
                runs[name].append(in_fresh_process(what, name, case))
            except Unmeasurable as error:
                if name == OURS:  # nothing to compare with
                    return {"skipped": str(error)}
                names.remove(name)
                notes.append(f"{name} is left out: {error}")
    values = {name: [run[key] for run in runs[name]] for name in names}
    sides = {
        name: {unit: spread(values[name]), "ratio": ratios(values[name], values[OURS]), "runs": runs[name]}
        for name in names
    }
    for note in notes:
        say(note)
    for name, side in sides.items():
        say(f"{what}: {name}: {side[unit]['median']:.4g} {unit}, {side['ratio']['median']:.3g} times dendrograph's")
    return {"case": case.name, "rounds": rounds, "notes": notes, "sides": sides}
