"""Training: the protocol, what each setting does, what is refused, and that the same seed gives the same bits."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
from models import PAPERS
from safetensors.torch import load_file
from small import train_named
from torch.nn.functional import cross_entropy, softmax

from dendrograph import DendriticNetwork, Morphology, TrainConfig, build, compile, datasets, train
from dendrograph.base.errors import DataError, DendrographError, RunError, TrainingError
from dendrograph.base.progress import Silent
from dendrograph.cli.main import main
from dendrograph.data.batches import batches_at, split_validation
from dendrograph.data.dataset import Dataset, Split
from dendrograph.network.kernels import KERNELS
from dendrograph.training.config import OPTIMIZERS
from dendrograph.training.evaluation import evaluate
from dendrograph.training.run import Run
from dendrograph.training.splits import derived_seed, noisy_test

TINY = {"somata": 8}


def network_for(data: Dataset, name: str = "dann-lrf", seed: int = 0, **knobs: Any) -> DendriticNetwork:
    return build(name, data.shapes, data.classes, seed, overrides={**TINY, **knobs})


def trained(data: Dataset, out: Path, network: DendriticNetwork | None = None, **settings: Any) -> Any:
    network = network or network_for(data)
    return train(network, data, TrainConfig(**{"epochs": 2, **settings}), out, progress=False)


def files(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "weights.safetensors").read_bytes(), (folder / "history.csv").read_bytes()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Every training batch that the network gets: inputs and labels."""
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    def watched(*arguments: Any) -> Any:
        for inputs, labels in batches_at(*arguments):
            kept.append((inputs["image"].clone(), labels.clone()))
            yield inputs, labels

    monkeypatch.setattr("dendrograph.training.loop.batches_at", watched)
    return kept


# The configuration


@pytest.mark.parametrize(
    ("data", "settings", "epochs"),
    [
        ("mnist", {}, 15),
        ("fashion_mnist", {}, 25),
        ("kmnist", {}, 25),
        ("emnist", {}, 50),
        ("cifar10", {}, 50),
        ("mnist", {"sequential": True}, 30),
        ("fashion_mnist", {"sequential": True}, 50),
        ("kmnist", {"sequential": True}, 50),
        ("emnist", {"sequential": True}, 100),
        ("cifar10", {"sequential": True}, 100),
        ("mnist", {"early_stop": True}, 100),
        ("cifar10", {"early_stop": True, "sequential": True}, 100),
        ("mnist", {"epochs": 7, "sequential": True}, 7),
        ("cifar10", {"epochs": 7, "early_stop": True}, 7),
    ],
)
def test_epochs_are_the_papers(data: str, settings: dict[str, Any], epochs: int) -> None:
    assert TrainConfig(**settings).for_data(data).epochs == epochs


def test_defaults_are_the_papers() -> None:
    assert dataclasses.asdict(TrainConfig()) == {
        "epochs": None,
        "batch_size": 128,
        "lr": 1e-3,
        "optimizer": "adam",
        "seed": 0,
        "device": "auto",
        "early_stop": False,
        "patience": 10,
        "noise": 0.0,
        "sequential": False,
        "validation": 0.1,
    }


WHOLE = "must be a whole number of at least 1, found"
INVALID = [
    *(({name: value}, f"{name} {WHOLE} {value!r}") for name in ("epochs", "batch_size", "patience")
      for value in (0, -1, 1.0, "3", True)),
    *(({name: None}, f"{name} {WHOLE} None") for name in ("batch_size", "patience")),
    *(({"seed": value}, f"seed must be a whole number from 0 to 4294967295, found {value!r}")
      for value in (-1, 2**32, 0.0, "0", None, True)),
    *(({"lr": value}, f"lr must be a number greater than 0, found {value!r}")
      for value in (0, -1e-3, math.nan, math.inf, "0.1", None, True)),
    *(({"noise": value}, f"noise must be a number of at least 0, found {value!r}")
      for value in (-0.1, math.nan, math.inf, "0.1", None, True)),
    *(({"validation": value}, f"validation must be a share between 0 and 1, found {value!r}")
      for value in (0, 1, -0.1, 1.5, math.nan, "0.1", None)),
    *(({name: value}, f"{name} must be True or False, found {value!r}")
      for name in ("early_stop", "sequential") for value in (1, "yes", None)),
    ({"optimizer": "adma"}, "unknown optimizer 'adma'\n"
     "  did you mean 'adam'? optimizers: adam, adamw, rmsprop, sgd"),
    ({"optimizer": None}, "`optimizer`: expected str, found None"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "message"), INVALID, ids=[str(settings) for settings, _ in INVALID])
def test_invalid_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DendrographError) as error:
        TrainConfig(**settings)
    assert str(error.value) == message


@pytest.mark.parametrize("device", ["cuda:99", "nope", "meta", "", "cpu:x"])
def test_devices_that_cannot_be_used_are_refused(device: str) -> None:
    with pytest.raises(DendrographError, match=f"^device '{device}' cannot be used: .*\n  cpu always can"):
        TrainConfig(device=device).for_data("digits")


def test_config_is_read_back_as_it_was_recorded() -> None:
    config = TrainConfig(epochs=3, noise=0.5, early_stop=True).for_data("digits")
    record = dataclasses.asdict(config)
    assert TrainConfig.from_record(record) == config
    for damaged in ({**record, "lr": "fast"}, {**record, "more": 1}, {k: record[k] for k in list(record)[1:]}):
        with pytest.raises(RunError, match=r"^run\.json: "):
            TrainConfig.from_record(damaged)


# The optimizers


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_first_step_is_that_of_the_formula(
    optimizer: str, tmp_path: Path, seen: list[tuple[torch.Tensor, torch.Tensor]]
) -> None:
    """One batch, one step; the gradient is taken again by hand."""
    data, lr = small.digits(), 0.01
    network = network_for(data)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    trained(data, tmp_path / "run", network, epochs=1, batch_size=1000, optimizer=optimizer, lr=lr)
    ((inputs, labels),) = seen
    copy = network_for(data)
    loss = cross_entropy(copy(inputs), labels)
    for (name, parameter), gradient in zip(
        network.named_parameters(), torch.autograd.grad(loss, list(copy.parameters())), strict=True
    ):
        g = gradient.double()
        match optimizer:
            case "adam":  # both moments are corrected for their start at zero
                first, second = 0.1 * g / (1 - 0.9), 0.001 * g**2 / (1 - 0.999)
                step = lr * first / (second.sqrt() + 1e-7)
            case "adamw":
                step = lr * g / (g.abs() + 1e-7) + lr * 0.01 * before[name]
            case "rmsprop":
                step = lr * g / ((0.01 * g**2).sqrt() + 1e-8)
            case "sgd":
                step = lr * g
        torch.testing.assert_close(parameter.detach().double(), before[name] - step, rtol=1e-5, atol=1e-6)


def test_adam_over_several_steps(tmp_path: Path, seen: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Kingma & Ba's algorithm with epsilon 1e-7, written out, ends at the same weights; and so does the loss."""
    data = small.digits()
    run = trained(data, tmp_path / "run", epochs=2, batch_size=90)
    assert [len(labels) for _, labels in seen] == 2 * [90, 90, 90, 90]
    network = network_for(data)
    names, parameters = zip(*network.named_parameters(), strict=True)
    first, second = ([torch.zeros_like(parameter) for parameter in parameters] for _ in range(2))
    losses = []
    for t, (inputs, labels) in enumerate(seen, 1):
        probabilities = softmax(network(inputs), 1)
        loss = -probabilities[torch.arange(len(labels)), labels].log().mean()
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, g, m, v in zip(parameters, gradients, first, second, strict=True):
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.999).add_(0.001 * g**2)
                parameter -= 1e-3 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-7)
    stored = load_file(tmp_path / "run" / "weights.safetensors")
    for name, parameter in zip(names, parameters, strict=True):
        torch.testing.assert_close(stored[name], parameter.detach(), rtol=1e-4, atol=1e-5)
    for row, own in zip(run.history, (losses[:4], losses[4:]), strict=True):
        assert row["train_loss"] == pytest.approx(np.mean(own), rel=1e-5)


# What training sees


def test_every_epoch_sees_every_training_sample_once_in_a_new_order(
    tmp_path: Path, seen: list[tuple[torch.Tensor, torch.Tensor]]
) -> None:
    data = small.digits()
    trained(data, tmp_path / "run", epochs=3)
    training, validation = split_validation(data, 0.1, 0)
    assert len(validation) == 40
    wanted = sorted(map(tuple, training.inputs["image"].flatten(1).tolist()))
    epochs = [torch.cat([inputs for inputs, _ in seen[start : start + 3]]) for start in (0, 3, 6)]
    for epoch in epochs:
        assert sorted(map(tuple, epoch.flatten(1).tolist())) == wanted
    assert not torch.equal(epochs[0], epochs[1]) and not torch.equal(epochs[1], epochs[2])


def test_validation_is_a_stratified_tenth(tmp_path: Path) -> None:
    data = datasets.load("digits")
    run = trained(data, tmp_path / "run", epochs=1)
    training, validation = split_validation(data, 0.1, 0)
    assert run.metrics["validation"]["samples"] == len(validation) == round(0.1 * len(data.train))
    shares = [np.bincount(split.labels) / len(split) for split in (training, validation)]
    assert np.abs(shares[0] - shares[1]).max() < 0.01


def test_history_is_what_was_seen(tmp_path: Path, seen: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Without learning to speak of, the training loss is that of the initial network on the training samples."""
    data = small.digits()
    network = network_for(data)
    training, validation = split_validation(data, 0.1, 0)
    expected = [evaluate(network, split, data.scale) for split in (training, validation)]
    (row,) = trained(data, tmp_path / "run", network, epochs=1, lr=1e-12, optimizer="sgd").history
    found = [row[f"{part}_{what}"] for part in ("train", "validation") for what in ("loss", "accuracy")]
    wanted = [value for outcome in expected for value in (outcome.loss, outcome.accuracy)]
    assert found == pytest.approx(wanted, rel=1e-6)


def test_sequential_presents_class_after_class(tmp_path: Path, seen: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    data = small.digits()
    trained(data, tmp_path / "run", epochs=2, sequential=True)
    epochs = [[torch.cat([batch[part] for batch in seen[start : start + 3]]) for part in (0, 1)] for start in (0, 3)]
    for inputs, labels in epochs:
        assert torch.equal(labels, labels.sort().values)
        assert len(labels.unique()) == 10
        assert len(inputs) == 360
    assert not torch.equal(epochs[0][0], epochs[1][0]), "within a class, each epoch has an order of its own"


def test_noise_is_on_training_validation_and_test(
    tmp_path: Path, seen: list[tuple[torch.Tensor, torch.Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On grey images the noise is all that there is to see."""
    evaluated: list[torch.Tensor] = []

    def watched(network: DendriticNetwork, split: Split, *more: Any) -> Any:
        evaluated.append(split.inputs["image"])
        return evaluate(network, split, *more)

    monkeypatch.setattr("dendrograph.training.loop.evaluate", watched)
    grey, labels = torch.full((400, 8, 8), 0.5), torch.arange(400) % 10
    data = datasets.from_tensors(grey, labels, grey[:60], labels[:60])
    config = TrainConfig(epochs=2, noise=0.3)
    train(network_for(data), data, config, tmp_path / "run", progress=False)
    epochs = [torch.cat([inputs for inputs, _ in seen[start : start + 3]]) for start in (0, 3)]
    rows = [sorted(map(tuple, epoch.flatten(1).tolist())) for epoch in epochs]
    assert rows[0] == rows[1], "each epoch sees the same noise"
    validation, same, test, last = evaluated
    assert validation is same is last
    assert torch.equal(test, noisy_test(data, config).inputs["image"])
    splits = {"training": epochs[0], "validation": validation, "test": test}
    for noisy in splits.values():
        assert noisy.min() == 0 and noisy.max() == 1, "clipped"
        within = ((noisy - 0.5).abs() < 0.3).float().mean().item()
        assert within == pytest.approx(0.683, abs=0.03), "as many as a normal distribution has"
    drawn = [row for noisy in splits.values() for row in map(tuple, noisy.flatten(1).tolist())]
    assert len(set(drawn)) == 360 + 40 + 60, "no two samples, of whatever split, share their noise"


def test_noise_makes_no_difference_between_metrics_and_evaluate(tmp_path: Path) -> None:
    run = train_named(
        "dann-lrf", settings={"epochs": 2, "noise": 0.5}, overrides=TINY, out=tmp_path / "run", progress=False
    )
    result = evaluate(run.folder)
    assert result.record() == run.metrics["test"]
    clean = evaluate(run.network(), datasets.load("digits").test, 16.0)
    assert clean.loss != result.loss


def test_dropout_is_drawn_in_training_and_not_in_evaluation(tmp_path: Path) -> None:
    data = small.digits()
    graph = compile(Morphology.from_dict(small.MORPHOLOGY), data.shapes, data.classes)
    runs = [trained(data, tmp_path / str(seed), DendriticNetwork(graph), seed=seed) for seed in (0, 1)]
    assert files(runs[0].folder) != files(runs[1].folder)
    network = runs[0].network()
    image = data.test.inputs["image"]
    assert not network.training and torch.equal(network(image), network(image))
    network.train()
    assert not torch.equal(network(image), network(image))


# Early stopping


def test_early_stopping_keeps_the_best_epochs_weights(tmp_path: Path) -> None:
    data = small.digits()
    settings = {"epochs": 60, "lr": 0.05, "early_stop": True, "patience": 4}
    run = trained(data, tmp_path / "run", **settings)
    losses = [row["validation_loss"] for row in run.history]
    best = 1 + int(np.argmin(losses))
    assert run.metrics["weights_of_epoch"] == best
    assert run.metrics["epochs"] == len(losses) == best + 4 < 60
    assert run.metrics["validation"]["loss"] == min(losses)
    shorter = trained(data, tmp_path / "shorter", epochs=best, lr=0.05)
    ours, theirs = (load_file(each.folder / "weights.safetensors") for each in (run, shorter))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("losses", "epochs", "best"),
    [
        ([5, 4, 3, 3, 3, 2], 5, 3),  # the same loss again is no better one
        ([5, 6, 4, 6, 5, 1], 5, 3),  # the waiting starts anew with each better epoch
        ([1, 2, 3, 0], 3, 1),
        ([6, 5, 4, 3, 2, 1], 6, 6),
        ([6, 5, 4, 3, 2, 3], 6, 5),  # the last epoch comes before patience ends
    ],
)
def test_when_it_stops(
    losses: list[float], epochs: int, best: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming, data = iter(losses), small.digits()

    def scripted(network: DendriticNetwork, split: Split, *more: Any) -> Any:
        result = evaluate(network, split, *more)
        return dataclasses.replace(result, loss=next(coming, result.loss)) if len(split) == 40 else result

    monkeypatch.setattr("dendrograph.training.loop.evaluate", scripted)
    run = trained(data, tmp_path / "run", epochs=6, early_stop=True, patience=2)
    assert (run.metrics["epochs"], run.metrics["weights_of_epoch"]) == (epochs, best)


def test_without_early_stopping_the_last_weights_stay(tmp_path: Path) -> None:
    data = small.digits()
    network = network_for(data)
    run = trained(data, tmp_path / "run", network, epochs=3)
    assert run.metrics["weights_of_epoch"] == 3
    for name, tensor in load_file(run.folder / "weights.safetensors").items():
        assert torch.equal(tensor, network.state_dict()[name])


# Determinism


def test_the_same_seed_gives_the_same_bits_in_another_process(tmp_path: Path) -> None:
    path = small.morphology_file(tmp_path)
    settings = {"epochs": 3, "seed": 5, "noise": 0.2}
    train_named(str(path), settings=settings, out=tmp_path / "here", progress=False)
    (tmp_path / "cwd").mkdir()
    command = [sys.executable, "-W", "error", "-m", "dendrograph", "train", str(path), "--epochs", "3", "--seed", "5"]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    subprocess.run(
        [*command, "--noise", "0.2", "--out", "../there"],
        cwd=tmp_path / "cwd",
        env=environment,
        check=True,
        capture_output=True,
    )
    assert files(tmp_path / "here") == files(tmp_path / "there")
    for name in ("morphology.yaml", "run.json"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes(), name


def test_another_seed_gives_another_result(tmp_path: Path) -> None:
    data = small.digits()
    runs = [
        trained(data, tmp_path / str(seed), seed=seed) for seed in (0, 1)
    ]  # split and order; the network is the same
    assert files(runs[0].folder) != files(runs[1].folder)
    by_name = [
        train_named(
            "dann-lrf", settings={"epochs": 1, "seed": seed}, overrides=TINY, out=tmp_path / f"n{seed}", progress=False
        )
        for seed in (0, 1)
    ]  # wiring and weights too
    assert len({run.record["graph"]["connectivity_hash"] for run in by_name}) == 2
    assert len({run.record["network"]["initial_weights"] for run in by_name}) == 2


def test_no_two_purposes_share_random_numbers() -> None:
    seeds = [
        derived_seed(seed, purpose, number)
        for seed in range(20)
        for purpose in ("dropout", "order", "noise")
        for number in range(20)
    ]
    assert len(set(seeds)) == len(seeds)


def test_the_callers_random_numbers_and_data_stay_as_they_were(tmp_path: Path) -> None:
    data = datasets.load("digits")
    digest = [tensor.clone() for split in (data.train, data.test) for tensor in (*split.inputs.values(), split.labels)]
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002 (the caller's)
    expected = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    graph = compile(Morphology.from_dict(small.MORPHOLOGY), data.shapes, data.classes)
    trained(data, tmp_path / "run", DendriticNetwork(graph), noise=0.5, sequential=True)
    assert torch.equal(torch.rand(3), expected[0]) and np.array_equal(np.random.rand(3), expected[1])  # noqa: NPY002
    after = [tensor for split in (data.train, data.test) for tensor in (*split.inputs.values(), split.labels)]
    assert all(torch.equal(one, other) for one, other in zip(digest, after, strict=True))


def test_the_result_does_not_depend_on_the_callers_random_numbers(tmp_path: Path) -> None:
    data = small.digits()
    graph = compile(Morphology.from_dict(small.MORPHOLOGY), data.shapes, data.classes)
    for seed in (1, 2):
        torch.manual_seed(seed)
        trained(data, tmp_path / str(seed), DendriticNetwork(graph))
    assert files(tmp_path / "1") == files(tmp_path / "2")


# Kernels, models, data


@pytest.mark.parametrize("kernel", [kernel.name for kernel in KERNELS])
def test_every_kernel_trains(kernel: str, tmp_path: Path) -> None:
    data = small.digits(200)
    auto = trained(data, tmp_path / "auto")
    network = build("dann-lrf", data.shapes, data.classes, kernel=kernel, overrides=TINY)
    run = trained(data, tmp_path / "run", network)
    assert run.record["network"]["kernel"] == kernel
    assert kernel in run.record["network"]["kernels"].values()
    assert run.history[1]["train_loss"] == pytest.approx(auto.history[1]["train_loss"], rel=1e-4)
    assert run.history[1]["train_loss"] < run.history[0]["train_loss"]
    assert evaluate(run.network(), data.test, data.scale).record() == run.metrics["test"], (
        "evaluated by the same kernel"
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer: str, tmp_path: Path) -> None:
    lr = 0.1 if optimizer == "sgd" else 0.01
    run = trained(small.digits(), tmp_path / "run", epochs=5, optimizer=optimizer, lr=lr, batch_size=32)
    assert run.history[-1]["train_loss"] < 0.8 * run.history[0]["train_loss"]


@pytest.mark.parametrize("name", PAPERS)
def test_every_shipped_model_trains(name: str, tmp_path: Path) -> None:
    data = small.digits()
    run = trained(data, tmp_path / "run", network_for(data, name, dendrites=4))
    losses = [row["train_loss"] for row in run.history]
    assert all(map(math.isfinite, losses)) and losses[1] < losses[0]
    assert run.metrics["parameters"] == run.network().graph.parameters


def test_a_deep_network_trains(tmp_path: Path) -> None:
    data = small.digits()
    run = trained(data, tmp_path / "run", network_for(data, "dann-random", layers=3, synapses=8, somata=16))
    assert run.history[1]["train_loss"] < run.history[0]["train_loss"]


def test_colour_images_of_ones_own_with_a_validation_split(tmp_path: Path) -> None:
    """uint8 RGB in a .npz; a class is a colour."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, samples in (("train", 300), ("val", 50), ("test", 70)):
        labels = rng.integers(0, 3, samples)
        images = rng.integers(0, 100, (samples, 6, 6, 3))
        images[np.arange(samples), :, :, labels] += 120
        arrays |= {f"x_{part}": images.astype(np.uint8), f"y_{part}": labels}
    np.savez(tmp_path / "colours.npz", **arrays)
    settings = {"epochs": 15, "lr": 0.01, "batch_size": 32}
    run = train_named(
        "dann-lrf",
        str(tmp_path / "colours.npz"),
        settings=settings,
        overrides={**TINY, "synapses": 4},
        out=tmp_path / "run",
        progress=False,
    )
    assert run.metrics["validation"]["samples"] == 50
    assert run.record["graph"]["inputs"] == {"image": [6, 6, 3]} and run.record["graph"]["classes"] == 3
    assert run.metrics["test"]["accuracy"] > 0.9
    assert evaluate(run.folder).record() == run.metrics["test"]
    assert len(run.metrics["test"]["confusion"]) == 3


STREAMS = """
name: two-streams
inputs: {signal: auto, cue: auto}
neurons:
  gated:
    nonlinearity: leaky_relu
    dendrites:
      - name: basal
        count: 8
        nonlinearity: relu
        synapses:
          - {from: signal, count: 6, field: random}
          - {from: cue, field: all}
layers:
  - {neuron: gated, count: 16}
"""


def two_streams() -> dict[str, np.ndarray]:
    """A cue says which half of a signal matters: neither alone tells the class."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, samples in (("train", 1500), ("test", 300)):
        cue = rng.integers(0, 2, (samples, 1)).astype(np.float32)
        signal = rng.normal(size=(samples, 8)).astype(np.float32)
        labels = np.where(cue[:, 0] > 0, signal[:, :4].sum(1), signal[:, 4:].sum(1)) > 0
        arrays |= {f"x_{part}_signal": signal, f"x_{part}_cue": cue, f"y_{part}": labels.astype(np.int64)}
    return arrays


def test_several_input_streams(tmp_path: Path) -> None:
    arrays = two_streams()
    np.savez(tmp_path / "gated.npz", **arrays)
    (tmp_path / "two-streams.yaml").write_text(STREAMS)
    settings = {"epochs": 40, "lr": 0.01, "batch_size": 64}
    run = train_named(
        str(tmp_path / "two-streams.yaml"),
        str(tmp_path / "gated.npz"),
        settings=settings,
        out=tmp_path / "run",
        progress=False,
    )
    assert run.metrics["test"]["accuracy"] > 0.85
    assert evaluate(run.folder).record() == run.metrics["test"]
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    data = datasets.from_tensors(
        {"signal": tensors["x_train_signal"], "cue": tensors["x_train_cue"]},
        tensors["y_train"],
        {"signal": tensors["x_test_signal"], "cue": tensors["x_test_cue"]},
        tensors["y_test"],
    )
    network = build(tmp_path / "two-streams.yaml", data.shapes, data.classes)
    config = TrainConfig(**settings)
    in_memory = train(network, data, config, tmp_path / "in-memory", progress=False)
    assert files(in_memory.folder) == files(run.folder), "the same data, wherever they come from"


def test_the_default_folder_is_the_first_that_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = small.digits()
    folders = [trained(data, None, epochs=1, seed=4).folder for _ in range(3)]  # type: ignore[arg-type]
    assert folders == [Path("runs") / f"dann-lrf-few-digits-seed4{more}" for more in ("", "-2", "-3")]


# What is refused


def test_data_that_do_not_fit_the_network_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    data = small.digits()
    for network, wanted in (
        (build("dann-lrf", (28, 28), 10, overrides=TINY), "takes image 28×28 and 10 classes"),
        (build("dann-lrf", (8, 8), 9, overrides=TINY), "takes image 8×8 and 9 classes"),
    ):
        with pytest.raises(DataError) as error:
            trained(data, tmp_path / "run", network)
        assert str(error.value) == (
            f"few-digits does not fit the network: it has image 8×8 and 10 classes, the network {wanted}\n"
            "  build the network with inputs=data.shapes and classes=data.classes"
        )
    (tmp_path / "two-streams.yaml").write_text(STREAMS)
    network = build(tmp_path / "two-streams.yaml", {"signal": 64, "cue": 1})
    with pytest.raises(DataError, match="the network takes signal 64, cue 1 and 10 classes"):
        trained(data, tmp_path / "run", network)
    assert not (tmp_path / "run").exists()


def test_data_without_a_validation_split_leave_no_folder(tmp_path: Path) -> None:
    data = datasets.from_tensors(torch.rand(20, 64), torch.arange(20) % 10, torch.rand(5, 64), torch.arange(5))
    with pytest.raises(DataError, match="makes 2 for validation"):
        trained(data, tmp_path / "run")
    wide = datasets.from_tensors(5 * torch.rand(400, 64), torch.arange(400) % 10, torch.rand(5, 64), torch.arange(5))
    with pytest.raises(DataError, match="noise is clipped"):
        trained(wide, tmp_path / "run", noise=0.1)
    assert not (tmp_path / "run").exists()


def test_a_class_more_in_the_network_than_in_the_data_is_no_fault(tmp_path: Path) -> None:
    data = small.digits()
    assert trained(data, tmp_path / "run", build("dann-lrf", (8, 8), 12, overrides=TINY)).finished


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        main(["train", "dann-lrf", "--lr", "1e20", "--epochs", "3", "--out", str(folder), "--set", "somata=8"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: epoch 1, after 128 samples: the loss is ")
    assert "; the first group whose activity is not finite is " in error
    assert error.endswith("\n  try a smaller learning rate than 1e+20, in another folder; no epoch was finished\n")
    assert {path.name for path in folder.iterdir()} == {"run.json", "morphology.yaml"}
    with pytest.raises(RunError, match="the run has not ended"):
        evaluate(folder)


def test_the_last_checkpoint_remains_when_the_loss_blows_up_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small.digits()
    network = network_for(data)

    class Blow(Silent):
        def batch(self, epoch: int, seen: int, loss: float, accuracy: float) -> None:
            if epoch == 3 and seen == 256:
                with torch.no_grad():
                    network.weights["hidden/dendrite->hidden/soma"][7] = math.inf

    monkeypatch.setattr("dendrograph.training.train.reporter", lambda progress: Blow())
    with pytest.raises(TrainingError) as error:
        trained(data, tmp_path / "run", network, epochs=5)
    text = str(error.value)
    assert text.startswith("epoch 3, after 256 samples: the loss is nan")
    assert "; the first group whose activity is not finite is hidden/soma" in text
    assert "; weights.hidden/dendrite->hidden/soma is not finite" in text
    assert text.endswith("epoch 2 is the last that was finished and kept")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"run.json", "morphology.yaml", "checkpoint.pt", "history.csv"}
    monkeypatch.undo()
    train(network_for(data), data, TrainConfig(epochs=5), tmp_path / "run", resume=True, progress=False)
    assert files(tmp_path / "run") == files(trained(data, tmp_path / "whole", epochs=5).folder)


def test_inputs_that_are_not_finite_are_named(tmp_path: Path) -> None:
    """`datasets` refuses them; a data set made by hand may hold them."""
    data = small.digits()
    inputs = data.train.inputs["image"].clone()
    inputs[:] = math.inf
    broken = dataclasses.replace(data, train=Split({"image": inputs}, data.train.labels))
    with pytest.raises(TrainingError, match=r"^epoch 1, after 0 samples: .* is not finite is image\n"):
        trained(broken, tmp_path / "run")


def test_a_validation_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    data = small.digits()
    _, validation = split_validation(data)
    broken = Split({"image": torch.full_like(validation.inputs["image"], math.inf)}, validation.labels)
    with pytest.raises(TrainingError, match=r"^epoch 1: the validation loss is nan\n  try a smaller learning rate"):
        trained(dataclasses.replace(data, validation=broken), tmp_path / "run")


def test_a_graph_of_no_morphology_is_refused(tmp_path: Path) -> None:
    data = small.digits()
    graph = dataclasses.replace(network_for(data).graph, morphology=None)
    with pytest.raises(DendrographError, match="has no morphology"):
        trained(data, tmp_path / "run", DendriticNetwork(graph))


def test_it_does_not_matter_in_which_mode_the_network_comes(tmp_path: Path) -> None:
    """Dropout acts in training, though the network was in evaluation mode."""
    data = small.digits()
    graph = compile(Morphology.from_dict(small.MORPHOLOGY), data.shapes, data.classes)
    runs = [
        trained(data, tmp_path / str(mode), DendriticNetwork(graph).train(mode), epochs=1) for mode in (True, False)
    ]
    assert files(runs[0].folder) == files(runs[1].folder)


def test_gradients_that_the_network_brings_count_for_nothing(tmp_path: Path) -> None:
    """Neither those of the caller nor those of a training that was interrupted between two lines."""
    data = small.digits()
    clean, brought = network_for(data), network_for(data)
    brought(data.train.inputs["image"][:50]).sum().backward()
    runs = [trained(data, tmp_path / str(number), network) for number, network in enumerate((clean, brought))]
    assert files(runs[0].folder) == files(runs[1].folder)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_parameter_that_takes_no_gradient_stays_as_it_is(optimizer: str, tmp_path: Path) -> None:
    data = small.digits()
    network = network_for(data)
    name, frozen = next(iter(network.named_parameters()))
    frozen.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trained(data, tmp_path / "run", network, optimizer=optimizer)
    changed = {key for key, tensor in network.state_dict().items() if not torch.equal(tensor, before[key])}
    assert changed == before.keys() - {name}


@pytest.mark.parametrize("ended", ["at its end", "interrupted", "not finite"])
def test_each_parameter_has_memory_of_its_own_however_it_ends(
    ended: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small.digits()
    network = network_for(data)

    class Stopped(Silent):
        def batch(self, epoch: int, seen: int, loss: float, accuracy: float) -> None:
            if ended == "interrupted":
                raise KeyboardInterrupt

    monkeypatch.setattr("dendrograph.training.train.reporter", lambda progress: Stopped())
    stopped: Any = {"interrupted": KeyboardInterrupt, "not finite": TrainingError}
    with pytest.raises(stopped[ended]) if ended in stopped else contextlib.nullcontext():
        trained(data, tmp_path / "run", network, lr=1e20 if ended == "not finite" else 1e-3)
    parameters = list(network.parameters())
    assert len({parameter.untyped_storage().data_ptr() for parameter in parameters}) == len(parameters)


def test_the_network_is_left_ready_for_use(tmp_path: Path) -> None:
    data = small.digits()
    network = network_for(data)
    assert network.training
    trained(data, tmp_path / "run", network)
    assert not network.training


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience", "noise"])
def test_settings_beyond_use_are_refused_before_a_library_overflows(name: str) -> None:
    assert getattr(TrainConfig(**{name: 10**9}), name) == 10**9
    with pytest.raises(DendrographError, match=f"^{name} must be at most 1000000000, found {10**9 + 1}$"):
        TrainConfig(**{name: 10**9 + 1})


def test_a_network_without_a_readout_is_read_from_its_run(tmp_path: Path) -> None:
    data = small.digits(100)
    graph = compile(Morphology.from_dict(small.MORPHOLOGY), data.shapes, None)  # its 16 somata answer
    run = train(DendriticNetwork(graph), data, TrainConfig(epochs=1), tmp_path / "run", progress=False)
    assert run.record["graph"]["classes"] is None
    found = evaluate(Run.open(run.folder).network(), data.test, data.scale)
    assert found.record()["confusion"] == run.metrics["test"]["confusion"]


# Types of numbers


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("part", ["all of it", "one tensor", "a tensor that is not trained"])
def test_a_network_of_another_type_is_refused_before_anything_is_made(
    kind: torch.dtype, part: str, tmp_path: Path
) -> None:
    data = small.digits()
    network = build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})
    if part == "all of it":
        network.to(kind)
    else:
        network.biases["readout"].data = network.biases["readout"].data.to(kind)
        network.biases["readout"].requires_grad_(part == "one tensor")
    with pytest.raises(DendrographError) as error:
        train(network, data, TrainConfig(epochs=1), tmp_path / "run", progress=False)
    assert f"of the network holds {kind}\n" in str(error.value)
    assert str(error.value).endswith("\n  convert the network: network.float()")
    assert not list(tmp_path.iterdir())
    train(network.float(), data, TrainConfig(epochs=1), tmp_path / "run", progress=False)


def test_the_callers_default_type_changes_nothing(tmp_path: Path) -> None:
    settings = {"epochs": 1, "noise": 0.2}
    expected = train_named("dann-lrf", settings=settings, overrides={"somata": 8}, out=tmp_path / "a", progress=False)
    for kind in (torch.float64, torch.bfloat16):
        torch.set_default_dtype(kind)
        try:
            found = train_named(
                "dann-lrf", settings=settings, overrides={"somata": 8}, out=tmp_path / str(kind), progress=False
            )
            assert torch.get_default_dtype() == kind
            assert evaluate(expected.folder).record() == expected.metrics["test"]
        finally:
            torch.set_default_dtype(torch.float32)
        assert (found.metrics["weights"], found.history) == (expected.metrics["weights"], expected.history)


# What the caller has told PyTorch


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_a_caller_without_gradients_trains_to_the_same_bits(mode: Any, tmp_path: Path) -> None:
    data = small.digits()
    expected = trained(data, tmp_path / "expected")
    network = network_for(data)
    with mode():
        found = trained(data, tmp_path / "found", network)
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
    assert files(found.folder) == files(expected.folder)


def test_a_training_from_names_may_stand_within_inference_mode(tmp_path: Path) -> None:
    with torch.inference_mode():
        run = train_named("dann-lrf", settings={"epochs": 1}, overrides=TINY, out=tmp_path / "run", progress=False)
    assert run.finished


@pytest.mark.parametrize("made", ["in torch.inference_mode()", "on the device meta, without values"])
def test_a_network_that_cannot_be_trained_is_refused_before_anything_is_made(made: str, tmp_path: Path) -> None:
    data = small.digits()
    with torch.inference_mode("inference" in made):
        network = network_for(data)
    if "meta" in made:
        network.to("meta")
    with pytest.raises(DendrographError) as error:
        trained(data, tmp_path / "run", network)
    assert f" was made {made}: it cannot be trained\n  build the network again" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_another_default_device_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    data = small.digits()
    network = network_for(data)
    with torch.device("meta"), pytest.raises(DendrographError) as error:
        trained(data, tmp_path / "run", network)
    assert str(error.value).startswith("training needs the default device cpu in PyTorch: found meta\n  call torch.")
    assert not list(tmp_path.iterdir())
