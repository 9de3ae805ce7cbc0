"""What a tree that is not symmetric costs, against the symmetric one with as many synapses.

`asymmetric-pyramidal` has four kinds of dendrites on two levels, with four nonlinearities; `dann-lrf` has one kind.
Both get the same number of synapses, with the fan-in of the protocol, and take the same training steps in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cases import CLASSES, INPUTS, batch
from sides import Dendrograph
from timing import QUICK_TURN, TURN, interleaved, ratios, spread

from dendrograph import compile, load
from dendrograph.graph import Graph

SIZES = ((8, 64), (16, 256), (64, 512))  # terminal dendrites x somata


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """A row a size: both steps, and the ratio round by round."""
    sizes, rounds, turn = (SIZES[:1], 3, QUICK_TURN) if quick else (SIZES, 25, TURN)
    rows = []
    for dendrites, somata in sizes:
        symmetric = compile(load("dann-lrf", {"dendrites": dendrites, "somata": somata}), INPUTS, CLASSES)
        asymmetric = asymmetric_graph(dendrites, somata)
        if asymmetric.synapses != symmetric.synapses:
            raise ValueError(f"{asymmetric.synapses} synapses against {symmetric.synapses}: no comparison")
        x, y = batch()
        actions = {graph.name: partial(Dendrograph(graph).step, x, y) for graph in (symmetric, asymmetric)}
        times = interleaved(actions, rounds, turn)
        row = {
            "name": f"{dendrites}x{somata}",
            "synapses": symmetric.synapses,
            "seconds": {name: spread(values) for name, values in times.items()},
            "rounds": times,
            "ratio": ratios(times[asymmetric.name], times[symmetric.name]),
        }
        say(f"trees: {row['name']}: the asymmetric tree takes {row['ratio']['median']:.2f} times the symmetric one")
        rows.append(row)
    return {"rounds": rounds, "rows": rows}


def asymmetric_graph(dendrites: int, somata: int) -> Graph:
    """With so many terminal dendrites a soma: half of them basal, a quarter obliques, a quarter in the tuft."""
    knobs = {"somata": somata, "basals": dendrites // 2, "obliques": dendrites // 4, "tufts": dendrites // 4}
    return compile(load("asymmetric-pyramidal", knobs), INPUTS, CLASSES)
