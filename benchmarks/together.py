"""Several networks trained as one graph, against the same networks one after the other.

    python benchmarks/together.py           # all of it, some minutes
    python benchmarks/together.py --quick   # a smoke run

Both sides are dendrograph's own epoch over the same samples, batches and optimizer included: `train_epoch` of each
network in turn, and one `Joint.epoch` of all. Before anything is timed, the weights after an epoch are held to each
other. With one thread, as a sweep's workers have, and with two; of numbers taken while something else occupies a core,
those with two threads say nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import torch
from timing import QUICK_TURN, TURN, interleaved, ratios, spread

from dendrograph import TrainConfig, build, datasets
from dendrograph.base.progress import Silent
from dendrograph.data.dataset import Dataset
from dendrograph.training.distributed import ALONE
from dendrograph.training.ensemble import Joint, Member
from dendrograph.training.loop import Loop, train_epoch
from dendrograph.training.optimizer import FlatParameters, optimizer_for
from dendrograph.training.run import Run
from dendrograph.training.splits import Splits

APART, TOGETHER = "one after the other", "as one graph"
MODELS = (("dann-lrf", (28, 28)), ("dann-lrf", (8, 8)), ("vann", (28, 28)))
DENDRITES, SOMATA = 8, 64
COUNTS = (1, 2, 4, 8, 16)
SAMPLES = 1280 + 142  # ten batches and what is held out
CLASSES = 10


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """A row for each model, number of threads and number of networks: an epoch of both sides, and their ratio."""
    rounds, turn = (3, QUICK_TURN) if quick else (11, TURN)
    models, counts = (MODELS[1:2], COUNTS[:2]) if quick else (MODELS, COUNTS)
    before, rows = torch.get_num_threads(), []
    try:
        for threads in sorted({1, min(2, before)}):
            torch.set_num_threads(threads)
            for model, shape in models:
                data = images(shape)
                for count in counts:
                    row = _row(model, data, count, rounds, turn)
                    rows.append({"model": model, "shape": list(shape), "threads": threads, "networks": count, **row})
                    text = ", ".join(f"{side} {1e3 * row['seconds'][side]['median']:.1f} ms" for side in row["seconds"])
                    at = f"{model} on {'x'.join(map(str, shape))}, {threads} thread(s), {count} networks"
                    say(f"together: {at}: {text}; {row['ratio']['median']:.2f} times faster as one graph")
    finally:
        torch.set_num_threads(before)
    return {"rounds": rounds, "dendrites": DENDRITES, "somata": SOMATA, "batches": 10, "rows": rows}


def images(shape: tuple[int, ...]) -> Dataset:
    """Bytes that nothing can be learnt from: a step takes as long on them."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (SAMPLES, *shape), dtype=torch.uint8, generator=generator)
    labels = torch.arange(SAMPLES) % CLASSES
    return datasets.from_tensors(pixels, labels, pixels[:10], labels[:10])


def members(model: str, data: Dataset, count: int) -> list[Member]:
    """So many trainings that differ in their seeds; nothing of them is written."""
    found = []
    for seed in range(count):
        config = TrainConfig(epochs=1, seed=seed, device="cpu").for_data(data.name)
        network = build(model, data.shapes, CLASSES, seed, overrides={"dendrites": DENDRITES, "somata": SOMATA})
        parameters = FlatParameters(network, more=1)
        optimizer = optimizer_for(parameters.vector, config)
        run, splits = Run(Path(), {}), Splits.of(data, config)
        loop = Loop(network, splits, data.scale, config, run, Silent(), ALONE, parameters, optimizer)
        found.append(Member(loop))
    return found


def _row(model: str, data: Dataset, count: int, rounds: int, turn: float) -> dict[str, Any]:
    apart, together = members(model, data, count), members(model, data, count)
    joint = Joint(together)

    def one_after_the_other() -> None:
        for member in apart:
            train_epoch(member.loop, 1)

    def as_one_graph() -> None:
        joint.epoch(1, Silent())

    one_after_the_other()
    as_one_graph()
    joint.hand_back()
    for mine, its in zip(together, apart, strict=True):
        found, wanted = (member.loop.parameters.vector.detach() for member in (mine, its))
        # Of a gradient that is nothing but rounding Adam makes a step, so that single weights tell little.
        difference = float((found - wanted).norm() / wanted.norm())
        if not difference < 1e-3:  # so written, NaN is no agreement
            raise SystemExit(f"{model}, {count} networks: weights differ by {difference:.3g} of their norm")
    times = interleaved({APART: one_after_the_other, TOGETHER: as_one_graph}, rounds, turn)
    return {
        "seconds": {side: spread(values) for side, values in times.items()},
        "ratio": ratios(times[APART], times[TOGETHER]),
        "rounds": times,
    }


def main() -> None:
    """Print the machine and every row."""
    parser = argparse.ArgumentParser(description="Measure networks trained as one graph against one after the other.")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few rounds, small sizes")
    asked = parser.parse_args()
    for label, text in machine.describe().items():
        print(f"{label}: {text}")
    print(f"load average: {machine.load()}\n")
    measure(asked.quick, lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
