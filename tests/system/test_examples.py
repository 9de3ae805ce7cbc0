"""Every example runs to its end, as a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ARGUMENTS = {
    "twelve_models": ["--data", "digits", "--epochs", "1", "--seeds", "1", "2"],  # a smaller version of the same
    "stimulation": ["sums.png"],
    "dendritic_cnn": ["1"],  # seeds
    "dendritic_transformer": ["1"],
    "k_tree": ["--quick", "--figure", "k-tree.svg"],
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(path), *ARGUMENTS.get(path.stem, [])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    if path.stem == "twelve_models":
        assert done.stdout.count("\n") == 14
        assert len(list((tmp_path / "runs" / "twelve").iterdir())) == 24
    elif path.stem == "stimulation":
        assert done.stdout == (
            "nmda[0]+nmda[0], same branch: measured 0.482, arithmetic sum 0.202\n"
            "nmda[0]+nmda[1], different branches: measured 0.202, arithmetic sum 0.202\n"
            "sublinear[0]+sublinear[0], same branch: measured 0.500, arithmetic sum 0.667\n"
            "sublinear[0]+sublinear[1], different branches: measured 0.667, arithmetic sum 0.667\n"
        )
        assert (tmp_path / "sums.png").stat().st_size > 10_000
    elif path.stem == "xor":
        assert done.stdout == (
            "dcaap: 20 of 20 seeds reach 100 % accuracy\n"
            "leaky_relu: 0 of 20 seeds reach 100 % accuracy\n"
            "sigmoid: 0 of 20 seeds reach 100 % accuracy\n"
        )
    elif path.stem == "depth":
        _, _, *rows = [line.split() for line in done.stdout.splitlines()]
        last = [float(number) for number in rows[-1]]
        assert last[0] == 20 and last[1] < 1e-3 < 0.1 < last[5], "without remedy activity dies, with both it does not"
    else:
        accuracy = float(done.stdout.split("accuracy")[1].split("%")[0])
        assert accuracy > 75, done.stdout
