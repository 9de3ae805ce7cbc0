"""How dendrograph grows: step, compilation and memory from half a million synapses to ten million."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from cases import Case, batch
from fresh import Unmeasurable, in_fresh_process
from sides import OURS, Dendrograph
from timing import interleaved, spread

DENDRITES, SOMATA, MULTIPLES = 64, 512, (1, 2, 4, 8, 16, 20)  # 64 x 512 dendrites of 16 synapses are half a million


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """A row a size, and the exponent of step time over synapses.

    Step times are taken in turn over all sizes within one process; compilation and memory in a fresh process each.
    """
    dendrites, somata, multiples = (8, 64, (1, 4)) if quick else (DENDRITES, SOMATA, MULTIPLES)
    rounds, starts = (3, 1) if quick else (9, 3)
    cases = [Case(f"{dendrites}x{somata * k}", "dann-lrf", dendrites, somata * k) for k in multiples]
    rows = []
    for case in cases:
        row: dict[str, Any] = {"name": case.name}
        try:
            runs = [in_fresh_process("memory", OURS, case) for _ in range(starts)]
        except Unmeasurable as error:
            say(f"scale: memory and compilation are left out: {error}")
        else:
            row |= {
                "compile_seconds": spread([run["compile_seconds"] for run in runs]),
                "bytes": spread([run["beyond"] for run in runs]),
                "runs": runs,
            }
            say(f"scale: {case.name}: compiled in {row['compile_seconds']['median']:.2f} s")
        rows.append(row)

    graphs = [case.graph() for case in cases]
    sides = [Dendrograph(graph) for graph in graphs]
    x, y = batch()
    times = interleaved({case.name: partial(side.step, x, y) for case, side in zip(cases, sides, strict=True)}, rounds)
    for row, graph in zip(rows, graphs, strict=True):
        values = times[row["name"]]
        row |= {"synapses": graph.synapses, "seconds": spread(values), "rounds": values}
        say(f"scale: {row['name']}: {graph.synapses:,} synapses, {1e3 * row['seconds']['median']:.1f} ms a step")
    del sides
    gc.collect()
    exponent, factor = fit([row["synapses"] for row in rows], [row["seconds"]["median"] for row in rows])
    say(f"scale: exponent {exponent:.3f}")
    return {"rounds": rounds, "rows": rows, "exponent": exponent, "factor": factor}


def fit(synapses: list[int], seconds: list[float]) -> tuple[float, float]:
    """(exponent, factor) of seconds = factor × synapses ^ exponent, by least squares of the logarithms."""
    exponent, constant = np.polyfit(np.log(synapses), np.log(seconds), 1)
    return float(exponent), float(np.exp(constant))
