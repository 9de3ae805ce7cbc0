"""What the shipped morphologies claim of themselves, beyond the twelve models of the paper."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch
from models import PAPERS

from dendrograph import DendriticNetwork, TrainConfig, build, compile, datasets, load, train
from dendrograph.morphology.shipped import shipped

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("DENDROGRAPH_DATA", BESIDE))
with_fashion_mnist = pytest.mark.skipif(
    not (DATA / "fashion_mnist").is_dir(), reason=f"Fashion-MNIST is not in {DATA}: set DENDROGRAPH_DATA"
)

ELSEWHERE = ("xor-dcaap", "apical-basal")  # data of their own: their examples train them
OTHERS = tuple(name for name in shipped() if name not in (*PAPERS, *ELSEWHERE))


@pytest.mark.parametrize("name", OTHERS)
def test_it_trains_and_is_read_from_its_run_folder(name: str, tmp_path: Path) -> None:
    data = datasets.load("digits")
    network = build(name, data.shapes, data.classes, seed=0)
    run = train(network, data, TrainConfig(epochs=6, lr=5e-3), tmp_path / "run", progress=False)
    losses = [row["train_loss"] for row in run.history]
    assert all(map(math.isfinite, losses)) and losses[-1] < 0.95 * losses[0]
    x = data.test.inputs["image"].float() / data.scale
    assert torch.equal(run.network()(x), network(x))


def test_the_signs_of_the_interneurons_hold_through_training(tmp_path: Path) -> None:
    data = datasets.load("digits")
    network = build("interneuron-sublinear", data.shapes, data.classes, seed=0)
    train(network, data, TrainConfig(epochs=3, lr=0.05), tmp_path / "run", progress=False)
    signs = {"excitatory": 1, "inhibitory": -1, "shunting": 1}
    found = 0
    for projection in network.graph.projections:
        if projection.sign in signs:
            found += 1
            assert (signs[projection.sign] * network.weight(projection.name) >= 0).all()
    assert found == 4 and {p.sign for p in network.graph.projections} == {"free", "excitatory", "shunting"}


def test_every_cable_of_the_asymmetric_neuron_attenuates_by_its_length() -> None:
    graph = compile(load("asymmetric-pyramidal"), (28, 28))
    factors = {p.source.rpartition("/")[2]: p.factor for p in graph.projections if p.kind == "cable"}
    lengths = {"basal": (100, 1.0), "trunk": (200, 3.0), "oblique": (120, 0.8), "tuft": (150, 1.2)}
    for name, (length, diameter) in lengths.items():
        constant_cm = math.sqrt(diameter * 1e-4 * 20_000 / (4 * 150))
        assert factors[name] == pytest.approx(math.exp(-length * 1e-4 / constant_cm), rel=1e-12)


@pytest.mark.parametrize("layers", [3, 5, 10, 20])
def test_activity_and_gradients_live_at_every_depth(layers: int) -> None:
    data = datasets.load("digits")
    network = build("deep-dann", data.shapes, data.classes, seed=0, overrides={"layers": layers})
    x = data.train.inputs["image"][:128].float() / data.scale
    values = network.activations(x)
    torch.nn.functional.cross_entropy(values["readout"], data.train.labels[:128]).backward()
    gradients = {name: float(weight.grad.std()) for name, weight in network.weights.items() if weight.grad is not None}
    assert len(gradients) == len(network.weights)
    assert max(gradients.values()) < 100 * min(gradients.values())
    for layer in range(1, layers + 1):
        assert 0.3 < float(values[f"hidden{layer}/soma"].detach().std()) < 1.5


@with_fashion_mnist
@pytest.mark.slow
@pytest.mark.parametrize(("layers", "least"), [(10, 0.80), (20, 0.70)])
def test_deep_networks_learn_fashion_mnist(layers: int, least: float, tmp_path: Path) -> None:
    data = datasets.load("fashion_mnist", DATA, download=False)
    graph = compile(load("deep-dann", {"layers": layers}), data.shapes, data.classes, seed=0)
    run = train(DendriticNetwork(graph), data, TrainConfig(epochs=3), tmp_path / "run", progress=False)
    losses = [row["train_loss"] for row in run.history]
    assert losses == sorted(losses, reverse=True)
    assert run.metrics["test"]["accuracy"] > least
