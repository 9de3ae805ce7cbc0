"""At which density does a matrix product overtake the sparse kernels? It is behind `network.execution_plan.CROSSOVER`.

    python benchmarks/crossover.py

The same projection by `dense`, `compiled` and `fused`, forward and backward with gradients of weights and inputs, in
turn within one process; at several widths and batch sizes. The tables give medians in milliseconds, the machine, and
the densities at which the order changes. It takes about two minutes.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from itertools import pairwise

import machine
import numpy as np
import torch
from timing import interleaved

from dendrograph.graph.graph import Projection
from dendrograph.graph.wiring import sample
from dendrograph.morphology.weights import Init
from dendrograph.network.kernels.compiled import COMPILED, native
from dendrograph.network.kernels.dense import DENSE
from dendrograph.network.kernels.fused import FUSED
from dendrograph.network.kernels.kernel import Kernel

ROUNDS, TURN = 5, 0.01
SHAPES = ((784, 512), (784, 4096), (512, 512))  # sources, targets
BATCHES = (16, 128, 1024)
DENSITIES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
SPARSE = (FUSED,) if native is None else (COMPILED, FUSED)


def projection(sources: int, targets: int, count: int) -> Projection:
    """A projection in which each target draws `count` sources."""
    drawn = sample(sources, targets, count, np.random.default_rng(0))
    pairs = (drawn.ravel(), np.repeat(np.arange(targets), count))
    return Projection("x->y", "synapse", "x", "y", sources, targets, Init(), pairs)


def action(kernel: Kernel, one: Projection, batch: int) -> Callable[[], object]:
    """One forward and backward pass."""
    weight = torch.randn(one.edges, requires_grad=True)
    x = torch.randn(one.sources, batch, requires_grad=True)
    g = torch.randn(one.targets, batch)
    index = kernel.prepare(one)
    return lambda: torch.autograd.grad(kernel.apply(weight, x, one.targets, *index), (weight, x), g)


def crossing(densities: list[float], ratios: list[float]) -> float | None:
    """The density at which the ratio sparse / dense passes 1, by straight lines on logarithmic scales."""
    pairs = list(zip(densities, ratios, strict=True))
    for (d0, r0), (d1, r1) in pairwise(pairs):
        if r0 < 1 <= r1:
            return math.exp(math.log(d0) + math.log(d1 / d0) * -math.log(r0) / math.log(r1 / r0))
    return None


def main() -> None:
    """Print the tables."""
    torch.manual_seed(0)
    for label, text in machine.describe().items():
        print(f"{label}: {text}")
    names = [kernel.name for kernel in (DENSE, *SPARSE)]
    print(f"\nforward and backward, float32, medians of {ROUNDS} interleaved rounds, ms\n")
    print(f"| sources | targets | batch | density | {' | '.join(names)} |")
    print("| --- " * (4 + len(names)) + "|")
    crossings: dict[tuple[int, int, int], list[float | None]] = {}
    for sources, targets in SHAPES:
        for batch in BATCHES:
            ratios: dict[str, list[float]] = {name: [] for name in names}
            done: list[float] = []
            for density in DENSITIES:
                one = projection(sources, targets, max(1, round(density * sources)))
                actions = {kernel.name: action(kernel, one, batch) for kernel in (DENSE, *SPARSE)}
                times = interleaved(actions, ROUNDS, TURN)
                done.append(one.density)
                for name in names:
                    pairs = zip(times[name], times["dense"], strict=True)
                    ratios[name].append(statistics.median(a / b for a, b in pairs))
                shown = " | ".join(f"{1000 * statistics.median(times[name]):.3f}" for name in names)
                print(f"| {sources} | {targets} | {batch} | {one.density:.3f} | {shown} |", flush=True)
                if all(ratios[name][-1] > 2 for name in names[1:]):
                    break  # dense has won, and only wins more
            crossings[sources, targets, batch] = [crossing(done, ratios[name]) for name in names[1:]]
    print("\ndensity at which dense overtakes\n")
    print(f"| sources | targets | batch | {' | '.join(names[1:])} |")
    print("| --- " * (3 + len(names) - 1) + "|")
    for case, found in crossings.items():
        texts = ["never" if density is None else f"{density:.3f}" for density in found]
        print(f"| {' | '.join(map(str, (*case, *texts)))} |")


if __name__ == "__main__":
    main()
