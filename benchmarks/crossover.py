"""At which density does a matrix product overtake the sparse kernel? What stands behind `dendrograph.plan.CROSSOVER`.

    python benchmarks/crossover.py

Both kernels run the same projection, forward and backward, in turn within one process; the table gives medians in
milliseconds, the quartiles of the ratio, and the machine. It takes about a minute.
"""

from __future__ import annotations

import platform
import statistics
import time

import numpy as np
import torch

from dendrograph.graph import Projection
from dendrograph.kernels import Kernel, dense, fused
from dendrograph.morphology import Init
from dendrograph.wiring import sample

BATCH = 128
ROUNDS = 15
SHAPES = ((784, 512), (784, 4096), (512, 512))  # sources, targets
DENSITIES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8)


def projection(sources: int, targets: int, count: int) -> Projection:
    """A projection in which each target draws `count` sources."""
    drawn = sample(sources, targets, count, np.random.default_rng(0))
    pairs = (drawn.ravel(), np.repeat(np.arange(targets), count))
    return Projection("x->y", "synapse", "x", "y", sources, targets, Init(), pairs)


def once(kernel: Kernel, weight: torch.Tensor, x: torch.Tensor, targets: int, index: tuple[torch.Tensor, ...]) -> float:
    """Seconds of one forward and backward pass, gradients of weights and inputs."""
    start = time.perf_counter()
    kernel.apply(weight, x, targets, *index).sum().backward()
    seconds = time.perf_counter() - start
    weight.grad = x.grad = None
    return seconds


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}"
    )
    print(f"forward and backward, batch {BATCH}, float32, medians of {ROUNDS} interleaved rounds, ms\n")
    print("| sources | targets | density | dense | fused | fused / dense (quartiles) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for sources, targets in SHAPES:
        for density in DENSITIES:
            one = projection(sources, targets, max(1, round(density * sources)))
            weight = torch.randn(one.edges, requires_grad=True)
            x = torch.randn(sources, BATCH, requires_grad=True)
            indices = [kernel.prepare(one) for kernel in (dense, fused)]
            times: list[list[float]] = [[], []]
            for round_number in range(ROUNDS + 2):
                for position, kernel in enumerate((dense, fused)):
                    seconds = once(kernel, weight, x, targets, indices[position])
                    if round_number >= 2:  # the first two warm up
                        times[position].append(1000 * seconds)
            ratios = [slow / quick for quick, slow in zip(*times, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            medians = [statistics.median(values) for values in times]
            print(
                f"| {sources} | {targets} | {one.density:.2f} | {medians[0]:.2f} | {medians[1]:.2f} "
                f"| {middle:.2f} ({low:.2f} to {high:.2f}) |"
            )


if __name__ == "__main__":
    main()
