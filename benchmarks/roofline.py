"""How far each projection is from what this machine could do at best.

The least that a projection with E edges from S sources onto T targets takes for a batch of B in float32:

    forward    reads x (4 S B), the weights (4 E) and, for sampled synapses, the source of each edge (1, 2 or 4 bytes:
               whatever can number the sources); writes u (4 T B). E B multiply-adds.
    backward   reads the gradient of u (4 T B) once, x (4 S B) again, and writes the gradient of the weights (4 E):
               E B multiply-adds. Where x itself needs a gradient, it also reads weights and sources (4 E and the index)
               and writes the gradient of x (4 S B): another E B.

Dendrites that run in one pass with their cables store no u, so their least is smaller: P parents take the place of T
targets (the pass reads and writes 4 P B), a weight and a bias a dendrite are read, their gradients written, and the
cables add T B multiply-adds each way.

Row pointers, intermediate values and the reads of memory about to be overwritten are left out, all of which a real
program has; cables of a full tree and all-to-all need no index. The limit is the longer of bytes / copy bandwidth and
multiply-adds / multiply-add rate, both measured here: bandwidth by copying arrays far larger than the caches (what is
read and what is written both count), the rate by the best float32 matrix product. A projection whose arrays all fit in
the caches may beat a limit that comes from memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from cases import BATCH, LARGE, SMALL
from timing import QUICK_TURN, TURN, interleaved, ratios, spread

from dendrograph import DendriticNetwork
from dendrograph.graph.graph import Graph, Projection
from dendrograph.network.execution_plan import KernelChoice, PassChoice

FLOAT = 4  # bytes
PASSES = ("forward", "forward and backward")


@dataclass(frozen=True)
class Need:
    """The least that a pass takes."""

    bytes: int
    multiply_adds: int

    def limit(self, bandwidth: float, rate: float) -> float:
        """Seconds; no program on this machine takes fewer, if its arrays come from memory."""
        return max(self.bytes / bandwidth, self.multiply_adds / rate)


def needs(projection: Projection, indexed: bool, of_x: bool, size: int = BATCH) -> dict[str, Need]:
    """The model above. `indexed`: the wiring must be read; `of_x`: the source needs a gradient."""
    edges, x, u = projection.edges, FLOAT * projection.sources * size, FLOAT * projection.targets * size
    weights = FLOAT * edges
    index = edges * np.min_scalar_type(projection.sources - 1).itemsize if indexed else 0
    forward = Need(x + weights + index + u, edges * size)
    both = forward.bytes + u + x + weights + (weights + index + x if of_x else 0)
    return {"forward": forward, "forward and backward": Need(both, edges * size * (3 if of_x else 2))}


def projection_actions(projection: Projection, choice: KernelChoice, of_x: bool) -> dict[str, Callable[[], object]]:
    """The passes of one projection by the kernel that the plan has chosen, to be timed.

    All that this file knows of how kernels are called stands here.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(projection.edges, generator=generator).requires_grad_()
    x = torch.randn((projection.sources, BATCH), generator=generator).requires_grad_(of_x)
    gradient = torch.randn((projection.targets, BATCH), generator=generator)
    index = choice.kernel.prepare(projection)
    wanted = (weight, x) if of_x else (weight,)

    def forward() -> object:
        with torch.no_grad():
            return choice.kernel.apply(weight, x, projection.targets, *index)

    def both() -> object:
        return torch.autograd.grad(choice.kernel.apply(weight, x, projection.targets, *index), wanted, gradient)

    return dict(zip(PASSES, (forward, both), strict=True))


def pass_needs(graph: Graph, one: PassChoice, size: int = BATCH) -> dict[str, Need]:
    """The same for a pass over dendrites whose sources are an input stream."""
    synapses = next(projection for projection in graph.projections if projection.name == one.synapses)
    edges, dendrites, parents = synapses.edges, synapses.targets, graph.by_name[one.parent].size
    x, total = FLOAT * synapses.sources * size, FLOAT * parents * size
    parameters = FLOAT * (edges + 2 * dendrites)
    index = edges * np.min_scalar_type(synapses.sources - 1).itemsize
    forward = Need(x + parameters + index + total, (edges + dendrites) * size)
    both = forward.bytes + total + x + index + 2 * parameters
    return {"forward": forward, "forward and backward": Need(both, 2 * forward.multiply_adds)}


def pass_actions(network: DendriticNetwork, one: PassChoice) -> dict[str, Callable[[], object]]:
    """A pass as the network runs it."""
    graph = network.graph
    (run,) = (link for step in network._operations for link in step.inputs if getattr(link, "group", None) == one.group)
    synapses = next(projection for projection in graph.projections if projection.name == one.synapses)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((synapses.sources, BATCH), generator=generator)
    gradient = torch.randn((graph.by_name[one.parent].size, BATCH), generator=generator)
    wanted = (network.weights[one.synapses], network.biases[one.group], network.weights[one.cables])

    def forward() -> object:
        with torch.no_grad():
            return run.run(network, {run.source: x})

    def both() -> object:
        return torch.autograd.grad(run.run(network, {run.source: x}), wanted, gradient)

    return dict(zip(PASSES, (forward, both), strict=True))


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Projection -> pass -> seconds, limit and their ratio; and the machine's two rates."""
    case = SMALL if quick else LARGE
    rounds, turn = (3, QUICK_TURN) if quick else (25, TURN)
    megabytes, tries = (64, 2) if quick else (256, 9)
    bandwidth, rate = copy_bandwidth(megabytes, tries), multiply_add_rate(tries)
    network = DendriticNetwork(case.graph())
    graph, chosen = network.graph, network.plan
    timed = []
    for one in chosen.passes:
        label = f"{one.synapses} and {one.cables}, in one pass"
        timed.append((label, "compiled", pass_needs(graph, one), pass_actions(network, one)))
    for projection, choice in zip(graph.projections, chosen.choices, strict=True):
        of_x = graph.by_name[projection.source].role != "input"
        indexed = projection.kind == "synapse" and not projection.all_to_all
        actions = projection_actions(projection, choice, of_x)
        timed.append((f"{projection.name}, by itself", choice.kernel.name, needs(projection, indexed, of_x), actions))
    projections = {}
    for name, kernel, least, actions in timed:
        times = interleaved(actions, rounds, turn)
        projections[name] = {
            "kernel": kernel,
            "synapses_from_input": name.startswith(f"{graph.projections[0].name},"),
            "in_one_pass": name.endswith("in one pass"),
            "times": times,
            "needs": {name: {"bytes": need.bytes, "multiply_adds": need.multiply_adds} for name, need in least.items()},
        }
    # Once more, and the better counts: a neighbour's work must not make the machine look slow and the limit easy.
    bandwidth = max(bandwidth, copy_bandwidth(megabytes, tries))
    rate = max(rate, multiply_add_rate(tries))
    say(f"roofline: copies at {bandwidth / 1e9:.1f} GB/s, {rate / 1e9:.1f} G multiply-adds/s")
    for name, row in projections.items():
        row["passes"] = {}
        for passed, need in row.pop("needs").items():
            seconds = row["times"][passed]
            limit = Need(**need).limit(bandwidth, rate)
            ratio = ratios(seconds, [limit] * len(seconds))
            row["passes"][passed] = need | {"seconds": spread(seconds), "limit": limit, "ratio": ratio}
            say(f"roofline: {name}, {passed}: {1e3 * limit:.3f} ms at best, {ratio['median']:.2f} times that taken")
    return {
        "case": case.name,
        "rounds": rounds,
        "bandwidth": bandwidth,
        "multiply_add_rate": rate,
        "projections": projections,
    }


def copy_bandwidth(megabytes: int, tries: int) -> float:
    """Bytes a second of a copy from memory to memory, read and written bytes together; the best of several."""
    source = torch.ones(megabytes * 2**20 // FLOAT)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _best(lambda: target.copy_(source), tries)


def multiply_add_rate(tries: int) -> float:
    """Multiply-adds a second of float32 matrix products; the best size and the best of several."""
    rates = []
    for size in (512, 1024, 2048):
        a, b = torch.rand(size, size), torch.rand(size, size)
        out = torch.empty(size, size)
        rates.append(size**3 / _best(lambda a=a, b=b, out=out: torch.mm(a, b, out=out), tries))
    return max(rates)


def _best(action: Callable[[], object], tries: int) -> float:
    action()
    seconds = []
    for _ in range(tries):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
