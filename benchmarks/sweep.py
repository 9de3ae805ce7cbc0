"""A sweep of many small runs, against as many separate calls of `dendrograph train`.

    python benchmarks/sweep.py              # 200 runs each way, some ten minutes
    python benchmarks/sweep.py --runs 20    # a smoke run

Both sides train the same networks on the same data with the same seeds, on all cores: the sweep by its workers, the
separate calls as many at a time as there are cores, each with one thread. That both leave the same weights is checked.
The sweep is also timed with `batch: 8`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import machine

from dendrograph.experiments.sweep.workers import cores
from dendrograph.training.run import Run

KNOBS = ({"dendrites": 2, "somata": 16}, {"dendrites": 4, "somata": 16}, {"dendrites": 4, "somata": 32})
KNOBS += ({"dendrites": 8, "somata": 32},)
EPOCHS = 5


def sweep(folder: Path, seeds: int, batch: int) -> tuple[float, dict[tuple[str, int], str]]:
    """Seconds of a sweep, start and all; and the digest of each run's weights."""
    knobs = "".join(f"  - {{dendrites: {one['dendrites']}, somata: {one['somata']}}}\n" for one in KNOBS)
    text = f"morphologies: dann-lrf\nset:\n{knobs}seeds: {seeds}\ntrain: {{epochs: {EPOCHS}}}\nbatch: {batch}\n"
    (folder / "sweep.yaml").write_text(text)
    began = time.perf_counter()
    _call("sweep", str(folder / "sweep.yaml"), "--out", str(folder / "out"))
    return time.perf_counter() - began, digests((folder / "out" / "runs").iterdir())


def calls(folder: Path, seeds: int) -> tuple[float, dict[tuple[str, int], str]]:
    """Seconds of as many separate calls, a core each; and the digests."""

    def train(number: int) -> None:
        knobs, seed = KNOBS[number % len(KNOBS)], number // len(KNOBS)
        turned = [word for key, value in knobs.items() for word in ("--set", f"{key}={value}")]
        _call(
            "train",
            "dann-lrf",
            "--epochs",
            str(EPOCHS),
            "--seed",
            str(seed),
            *turned,
            "--out",
            str(folder / f"{number}"),
        )

    began = time.perf_counter()
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(train, range(seeds * len(KNOBS))))
    return time.perf_counter() - began, digests(folder.iterdir())


def digests(folders: object) -> dict[tuple[str, int], str]:
    """The SHA-256 of each run's weights, by its morphology and seed."""
    runs = [Run.open(folder) for folder in folders]  # type: ignore[attr-defined]
    return {(run.record["graph"]["morphology"], run.record["config"]["seed"]): run.metrics["weights"] for run in runs}


def _call(*words: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "dendrograph", *words], check=True, capture_output=True, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    seeds = max(1, parser.parse_args().runs // len(KNOBS))
    for label, value in machine.describe().items():
        print(f"{label}: {value}")
    print(f"{seeds * len(KNOBS)} runs of {EPOCHS} epochs on digits, {cores()} cores, load {machine.load()}")
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in ("sweep", "batch", "calls")]
        for folder in folders:
            folder.mkdir()
        alone, first = sweep(folders[0], seeds, 1)
        print(f"dendrograph sweep: {alone:.1f} s", flush=True)
        batched, second = sweep(folders[1], seeds, 8)
        print(f"dendrograph sweep, batch: 8: {batched:.1f} s", flush=True)
        separate, third = calls(folders[2], seeds)
        print(f"separate calls of dendrograph train: {separate:.1f} s")
    assert first == third, "the sweep's runs are not those of the separate calls"
    assert second.keys() == first.keys()
    print(f"ratio: {separate / alone:.2f}; with batch: 8: {separate / batched:.2f}")


if __name__ == "__main__":
    main()
