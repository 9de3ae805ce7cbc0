"""A whole epoch on Fashion-MNIST: what dendrograph's training loop costs beyond its steps.

The loop is the real one: `training.train.train` runs for one epoch, and a reporter in place of its own takes the
time at the beginning, after every batch, and at the end. The steps alone are the same number of steps on batches that
lie ready. All that is known of the loop stands in `own_loop`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from cases import BATCH, MIDDLE
from sides import Dendrograph, MaskedDense, Side
from timing import ratios, spread
from torch import Tensor

from dendrograph import DendriticNetwork, TrainConfig
from dendrograph.base.errors import DataError
from dendrograph.base.progress import Silent
from dendrograph.data import load as data
from dendrograph.data.dataset import Dataset
from dendrograph.training import train as training

DATA = "fashion_mnist"
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"  # where a checkout may keep data beside itself
CONFIG = TrainConfig(epochs=1, batch_size=BATCH, device="cpu")
QUICK_SAMPLES = 2_000


class Clock(Silent):
    """A reporter that notes when the epoch began, when its last batch was done, and when the epoch was."""

    began = last_batch = done = 0.0

    def start(self, epochs: int, done: int, samples: int) -> None:
        """The first epoch begins."""
        self.began = time.perf_counter()

    def batch(self, epoch: int, seen: int, loss: float, accuracy: float) -> None:
        """A batch is done."""
        self.last_batch = time.perf_counter()

    def epoch(self, row: Mapping[str, float]) -> None:
        """The epoch is done: validation is evaluated, the checkpoint written."""
        self.done = time.perf_counter()


def own_loop(network: DendriticNetwork, dataset: Dataset) -> tuple[float, float]:
    """Seconds of one epoch through dendrograph's own loop: to its last batch, and with validation and checkpoint."""
    clock, before = Clock(), training.reporter
    training.reporter = lambda progress: clock
    try:
        with tempfile.TemporaryDirectory() as folder:
            training.train(network, dataset, CONFIG, Path(folder) / "run", progress=False)
    finally:
        training.reporter = before
    return clock.last_batch - clock.began, clock.done - clock.began


def steps_alone(side: Side, ready: list[tuple[Tensor, Tensor]]) -> float:
    """Seconds of one step a batch, the batches lying ready."""
    side.module.train()
    side.step(*ready[0])  # warms up, and makes the optimizer's state
    start = time.perf_counter()
    for x, y in ready:
        side.step(x, y)
    return time.perf_counter() - start


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Own loop and steps alone in turn, and masked dense's steps alone."""
    try:
        dataset = fashion_mnist()
    except DataError as error:
        why = str(error).splitlines()[0]
        say(f"the epoch is left out: {why}")
        return {"skipped": why}
    if quick:
        dataset = replace(dataset, train=dataset.train.take(torch.arange(QUICK_SAMPLES)))
    rounds = 1 if quick else 15
    graph = MIDDLE.graph()
    train, _ = data.split_validation(dataset, CONFIG.validation, CONFIG.seed)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    ready = [(next(iter(x.values())), y) for x, y in data.batches(train, dataset.scale, BATCH, order)]
    times: dict[str, list[float]] = {"steps alone": [], "own loop": [], "with validation and checkpoint": []}
    for _ in range(rounds):
        times["steps alone"].append(steps_alone(Dendrograph(graph), ready))
        loop, whole = own_loop(DendriticNetwork(graph), dataset)
        times["own loop"].append(loop)
        times["with validation and checkpoint"].append(whole)
    result: dict[str, Any] = {
        "case": MIDDLE.name,
        "samples": len(train),
        "batches": len(ready),
        "rounds": rounds,
        "seconds": {name: spread(values) for name, values in times.items()},
        "times": times,
        "overhead": ratios(times["own loop"], times["steps alone"]),
    }
    say(f"epoch: steps alone {result['seconds']['steps alone']['median']:.2f} s, own loop {times['own loop']}")
    if not quick:
        result["masked"] = {"side": MaskedDense.name, "seconds": steps_alone(MaskedDense(graph), ready)}
        say(f"epoch: {MaskedDense.name}, steps alone: {result['masked']['seconds']:.1f} s")
    return result


def fashion_mnist() -> Dataset:
    """From DENDROGRAPH_DATA, a folder beside the checkout, or the cache; nothing is downloaded by a benchmark."""
    folder = BESIDE if "DENDROGRAPH_DATA" not in os.environ and (BESIDE / DATA).is_dir() else None
    return data.load(DATA, folder, download=False)
