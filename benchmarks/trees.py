"""What a tree that is not symmetric costs, against the symmetric one with as many synapses.

`asymmetric-pyramidal` has four kinds of dendrites on two levels, with four nonlinearities; `dann-lrf` has one kind.
All get the same number of synapses, with the fan-in of the protocol, and take the same training steps in turn. The same
tree with the leaky ReLU of `dann-lrf` in every compartment tells what its shape costs, and what its nonlinearities do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from cases import CLASSES, INPUTS, batch
from sides import Dendrograph
from timing import QUICK_TURN, TURN, interleaved, ratios, spread

from dendrograph import Compartment, Graph, Nonlinearity, compile, load

UNIFORM = "the same tree, leaky ReLU"
SIZES = ((8, 64), (16, 256), (64, 512))  # terminal dendrites x somata


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """A row a size: the steps, and the ratios round by round."""
    sizes, rounds, turn = (SIZES[:1], 3, QUICK_TURN) if quick else (SIZES, 25, TURN)
    rows = []
    for dendrites, somata in sizes:
        symmetric = compile(load("dann-lrf", {"dendrites": dendrites, "somata": somata}), INPUTS, CLASSES)
        asymmetric, uniform = (asymmetric_graph(dendrites, somata, alike) for alike in (False, True))
        if {asymmetric.synapses, uniform.synapses} != {symmetric.synapses}:
            raise ValueError(f"{asymmetric.synapses} synapses against {symmetric.synapses}: no comparison")
        x, y = batch()
        graphs = {symmetric.name: symmetric, asymmetric.name: asymmetric, UNIFORM: uniform}
        actions = {name: partial(Dendrograph(graph).step, x, y) for name, graph in graphs.items()}
        times = interleaved(actions, rounds, turn)
        row = {
            "name": f"{dendrites}x{somata}",
            "synapses": symmetric.synapses,
            "seconds": {name: spread(values) for name, values in times.items()},
            "rounds": times,
            "ratio": ratios(times[asymmetric.name], times[symmetric.name]),
            "ratio_uniform": ratios(times[UNIFORM], times[symmetric.name]),
        }
        found = " and ".join(f"{row[ratio]['median']:.2f}" for ratio in ("ratio", "ratio_uniform"))
        say(f"trees: {row['name']}: the asymmetric tree, and with leaky ReLU alone: {found} times the symmetric one")
        rows.append(row)
    return {"rounds": rounds, "rows": rows}


def asymmetric_graph(dendrites: int, somata: int, alike: bool) -> Graph:
    """With so many terminal dendrites a soma: half of them basal, a quarter obliques, a quarter in the tuft.

    alike: every compartment has the soma's nonlinearity
    """
    knobs = {"somata": somata, "basals": dendrites // 2, "obliques": dendrites // 4, "tufts": dendrites // 4}
    morphology = load("asymmetric-pyramidal", knobs)
    if alike:
        neurons = {name: _with(soma, soma.nonlinearity) for name, soma in morphology.neurons.items()}
        morphology = replace(morphology, neurons=neurons)
    return compile(morphology, INPUTS, CLASSES)


def _with(compartment: Compartment, nonlinearity: Nonlinearity) -> Compartment:
    """The tree from here on with one nonlinearity."""
    dendrites = tuple(_with(dendrite, nonlinearity) for dendrite in compartment.dendrites)
    return replace(compartment, nonlinearity=nonlinearity, dendrites=dendrites)
