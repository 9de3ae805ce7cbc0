"""Training: a frozen configuration and one flat loop, from which a run folder remains."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dendrograph import __version__
from dendrograph.data import Dataset, Split, add_noise, batches, class_by_class, split_validation
from dendrograph.errors import DendrographError, RunError, TrainingError, did_you_mean
from dendrograph.evaluation import evaluate
from dendrograph.network import DendriticNetwork
from dendrograph.progress import reporter
from dendrograph.run import History, Run, free_folder, is_run

# The paper's numbers of epochs; digits is small and stands in no paper.
EPOCHS = {"mnist": 15, "fashion_mnist": 25, "kmnist": 25, "emnist": 50, "cifar10": 50, "digits": 50}
OTHER_EPOCHS = 25
EARLY_STOP_EPOCHS = 100

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults are the protocol of Chavlis & Poirazi (Nature Communications 2025).

    Attributes:
        epochs: passes over the training set; by default the paper's number for the data set (MNIST 15, Fashion-MNIST and
            KMNIST 25, EMNIST and CIFAR-10 50), doubled for sequential learning, 100 at most with early stopping.
        batch_size: samples a step.
        lr: learning rate.
        optimizer: `adam` (epsilon 1e-7), `adamw`, `rmsprop` or `sgd` (momentum 0.9).
        seed: of the validation split, the order of samples, noise and dropout.
        device: `cpu`, `cuda`, …; `auto` takes a GPU where there is one.
        early_stop: stop when the validation loss has not fallen for `patience` epochs; the best epoch's weights are kept.
        patience: epochs without a better validation loss.
        noise: standard deviation of Gaussian noise added to training, validation and test inputs, clipped to [0, 1].
        sequential: present the training samples class by class, each epoch anew.
        validation: share of the training set that is held out, stratified by class.

    Raises:
        DendrographError: a value that is not allowed.
    """

    epochs: int | None = None
    batch_size: int = 128
    lr: float = 1e-3
    optimizer: str = "adam"
    seed: int = 0
    device: str = "auto"
    early_stop: bool = False
    patience: int = 10
    noise: float = 0.0
    sequential: bool = False
    validation: float = 0.1

    def __post_init__(self) -> None:
        whole = {"epochs": self.epochs, "batch_size": self.batch_size, "patience": self.patience}
        for name, value in whole.items():
            if value is not None and (type(value) is not int or value < 1):
                raise DendrographError(f"{name} must be a whole number of at least 1, found {value!r}")
        if type(self.seed) is not int or not 0 <= self.seed < 2**32:
            raise DendrographError(f"seed must be a whole number from 0 to 4294967295, found {self.seed!r}")
        for name, number, low in (("lr", self.lr, 1e-12), ("noise", self.noise, 0.0)):
            if not isinstance(number, int | float) or not math.isfinite(number) or number < low:
                bound = "greater than 0" if low else "of at least 0"
                raise DendrographError(f"{name} must be a number {bound}, found {number!r}")
        if not isinstance(self.validation, float) or not 0 < self.validation < 1:
            raise DendrographError(f"validation must be a share between 0 and 1, found {self.validation!r}")
        if self.optimizer not in OPTIMIZERS:
            known = did_you_mean(self.optimizer, OPTIMIZERS, "optimizers")
            raise DendrographError(f"unknown optimizer '{self.optimizer}'\n  {known}")

    def for_data(self, name: str) -> TrainConfig:
        """A copy in which what the data set decides is decided: the number of epochs, and the device."""
        epochs = self.epochs
        if epochs is None and self.early_stop:
            epochs = EARLY_STOP_EPOCHS
        elif epochs is None:
            epochs = EPOCHS.get(name, OTHER_EPOCHS) * (2 if self.sequential else 1)
        return replace(self, epochs=epochs, device=_device(self.device))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> TrainConfig:
        """The configuration that a run folder recorded.

        Raises:
            RunError: the record is not one of a configuration.
        """
        if set(record) != {field.name for field in fields(cls)}:
            raise RunError("run.json: 'config' is not what this version of dendrograph writes")
        return cls(**record)


def train(
    network: DendriticNetwork,
    data: Dataset,
    config: TrainConfig | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    kernel: str = "auto",
    data_from: Mapping[str, str | None] | None = None,
) -> Run:
    """Train a network in place and leave a run folder.

    Cross-entropy of the softmax readout; each epoch sees the training samples once in a new order. After every epoch the
    run can be resumed: it then ends with the weights and the history of a run that never stopped, bit for bit (the same
    machine, number of threads and versions provided).

    Args:
        network: from `build` or `DendriticNetwork`; its initial weights are the start.
        data: from `datasets.load` or `datasets.from_tensors`.
        config: the paper's protocol by default.
        out: the run folder, which must not exist; by default the first free `runs/NAME-DATA-seedN`.
        resume: go on with the run in `out` where it stopped; begin it if it has not begun.
        progress: show it on standard output.
        kernel: what the network was built with, for the record.
        data_from: where `evaluate` finds the data again: `load` and `data_dir`, the arguments of `datasets.load`.

    Raises:
        RunError: `out` cannot be written, is not this run, or is damaged.
        TrainingError: the loss is not finite.
        DataError: no validation split can be made.
    """
    config = (config or TrainConfig()).for_data(data.name)
    graph = network.graph
    if graph.morphology is None:
        raise DendrographError("the network's graph has no morphology: make it by `compile`")
    stem = f"{graph.name}-{data.name}-seed{config.seed}"
    folder = Path(out) if out is not None else free_folder(stem)
    assert config.epochs is not None
    device = torch.device(config.device)
    network.to(device)
    record = {**_record(network, data, config, data_from), "kernel": kernel}
    if resume and is_run(folder):
        run = Run.open(folder)
        _refuse_another_run(run, record, graph.morphology.to_dict())
    else:
        run = Run.begin(folder, graph.morphology, record)
    show = reporter(progress)

    optimizer = _optimizer(network, config)
    history: History = []
    best: dict[str, Tensor] = {}
    best_epoch, seconds = 0, 0.0
    state = run.load_checkpoint() if resume else None
    if state is not None:
        _restore(network, optimizer, state, run)
        history, best, best_epoch, seconds = state["history"], state["best"], state["best_epoch"], state["seconds"]
        if run.record["threads"] != record["threads"]:
            show.note(
                f"the run began with {run.record['threads']} threads and goes on with {record['threads']}: "
                "results may differ in the last digits"
            )
    if run.finished:
        show.note(f"{folder}: the run has ended; nothing to do")
        network.load_state_dict(run.network().state_dict())
        return run

    training, validation = split_validation(data, config.validation, config.seed)
    test = data.test
    if config.noise:
        training, validation, test = (
            add_noise(split, data.scale, config.noise, derived_seed(config.seed, "noise", part))
            for part, split in enumerate((training, validation, test))
        )
    began = time.monotonic()
    show.start(config.epochs, len(history), len(training))
    try:
        for epoch in range(len(history) + 1, config.epochs + 1):
            if config.early_stop and history and len(history) - best_epoch >= config.patience:
                break
            # Each epoch has random numbers of its own, so that resuming needs no generator's state.
            torch.manual_seed(derived_seed(config.seed, "dropout", epoch))
            order = _order(training, config, epoch)
            network.train()
            seen, loss_sum, right = 0, 0.0, 0
            for inputs, labels in batches(training, data.scale, config.batch_size, order, device):
                logits = network(inputs)
                loss = cross_entropy(logits, labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                value = loss.item()
                if not math.isfinite(value):
                    raise TrainingError(_where_not_finite(network, inputs, value, epoch, seen, config))
                optimizer.step()
                seen += len(labels)
                loss_sum += value * len(labels)
                right += int((logits.argmax(1) == labels).sum())
                show.batch(epoch, len(labels), loss_sum / seen, right / seen)
            outcome = evaluate(network, validation, data.scale)
            if not math.isfinite(outcome.loss):
                raise TrainingError(
                    f"epoch {epoch}: the validation loss is {outcome.loss}\n  try a smaller learning rate than {config.lr:g}"
                )
            row = {
                "epoch": epoch,
                "train_loss": loss_sum / seen,
                "train_accuracy": right / seen,
                "validation_loss": outcome.loss,
                "validation_accuracy": outcome.accuracy,
            }
            history.append(row)
            if config.early_stop and row["validation_loss"] <= min(past["validation_loss"] for past in history):
                best_epoch, best = epoch, {name: value.clone() for name, value in network.state_dict().items()}
            run.save_checkpoint(
                {
                    "connectivity_hash": graph.connectivity_hash,
                    "epoch": epoch,
                    "network": network.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "best": best,
                    "best_epoch": best_epoch,
                    "history": history,
                    "seconds": seconds + time.monotonic() - began,
                }
            )
            show.epoch(row)
        if config.early_stop:
            network.load_state_dict(best)
        metrics = _metrics(network, data, validation, test, history, best_epoch, seconds + time.monotonic() - began)
        run.finish(network.state_dict(), history, best_epoch or None, metrics)
    finally:
        show.stop()
    return run


def noisy_test(data: Dataset, config: TrainConfig) -> Split:
    """The test split as a run with this configuration saw it, noise included."""
    return (
        add_noise(data.test, data.scale, config.noise, derived_seed(config.seed, "noise", 2))
        if config.noise
        else data.test
    )


def derived_seed(seed: int, purpose: str, number: int) -> int:
    """A seed of its own for each purpose and number, so that no two streams of random numbers are the same."""
    return int(np.random.SeedSequence([seed, *purpose.encode(), number]).generate_state(1)[0])


def _order(training: Split, config: TrainConfig, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(derived_seed(config.seed, "order", epoch))
    if config.sequential:
        return class_by_class(training.labels, generator)
    return torch.randperm(len(training), generator=generator)


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=torch.device(name))
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DendrographError(f"device '{name}' cannot be used: {reason}\n  cpu always can, auto picks") from None
    return name


def _optimizer(network: DendriticNetwork, config: TrainConfig) -> torch.optim.Optimizer:
    parameters = list(network.parameters())
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, lr=config.lr, eps=1e-7, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=config.lr, eps=1e-7, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=config.lr)
        case _:
            return torch.optim.SGD(parameters, lr=config.lr, momentum=0.9)


def _record(
    network: DendriticNetwork, data: Dataset, config: TrainConfig, data_from: Mapping[str, str | None] | None
) -> dict[str, Any]:
    graph = network.graph
    return {
        "config": asdict(config),
        "data": {
            "name": data.name,
            **(data_from or {}),
            "source": data.source,
            "digest": data.digest,
            "shapes": {stream: list(shape) for stream, shape in data.shapes.items()},
            "classes": data.classes,
        },
        "graph": {
            "name": graph.name,
            "inputs": {stream: list(shape) for stream, shape in graph.inputs.items()},
            "classes": graph.classes,
            "seed": graph.seed,
            "connectivity_hash": graph.connectivity_hash,
            "compartments": graph.compartments,
            "synapses": graph.synapses,
            "parameters": graph.parameters,
        },
        "kernels": {choice.projection: choice.kernel.NAME for choice in network.plan.choices},
        "threads": torch.get_num_threads(),
        "versions": {
            "dendrograph": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("torch", "numpy", "scikit-learn")},
        },
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _refuse_another_run(run: Run, record: Mapping[str, Any], morphology: Mapping[str, Any]) -> None:
    """Resuming must continue the very run: same morphology, wiring, data and settings."""
    differences = []
    for section in ("config", "data", "graph"):
        old, new = run.record[section], record[section]
        keys = ("digest", "classes") if section == "data" else tuple(new)
        differences += [
            f"{section}.{key}: the run has {old.get(key)!r}, asked for is {new[key]!r}"
            for key in keys
            if old.get(key) != new[key]
        ]
    if not differences and run.morphology.to_dict() != morphology:
        differences.append("the morphology is another one (compare morphology.yaml)")
    if run.record.get("kernels") != record["kernels"]:
        differences.append("kernels: projections would run by other kernels")
    if differences:
        listed = "\n  ".join(differences)
        raise RunError(
            f"{run.folder}: cannot go on with this run, since it is another one\n  {listed}\n  give another --out"
        )


def _restore(network: DendriticNetwork, optimizer: torch.optim.Optimizer, state: Mapping[str, Any], run: Run) -> None:
    try:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError, KeyError, TypeError):
        raise RunError(
            f"{run.folder / 'checkpoint.pt'}: does not fit this network\n  was it copied from another run?"
        ) from None


def _metrics(
    network: DendriticNetwork,
    data: Dataset,
    validation: Split,
    test: Split,
    history: History,
    best_epoch: int,
    seconds: float,
) -> dict[str, Any]:
    on_validation, on_test = evaluate(network, validation, data.scale), evaluate(network, test, data.scale)
    return {
        "test": {
            "loss": on_test.loss,
            "accuracy": on_test.accuracy,
            "samples": on_test.samples,
            "confusion": on_test.confusion.tolist(),
        },
        "validation": {
            "loss": on_validation.loss,
            "accuracy": on_validation.accuracy,
            "samples": on_validation.samples,
        },
        "epochs": len(history),
        "weights_of_epoch": best_epoch or len(history),
        "parameters": network.graph.parameters,
        "seconds": round(seconds, 3),
    }


def _where_not_finite(
    network: DendriticNetwork, inputs: Mapping[str, Tensor], loss: float, epoch: int, seen: int, config: TrainConfig
) -> str:
    def bad(tensors: Iterator[tuple[str, Tensor]]) -> str | None:
        return next((name for name, tensor in tensors if not bool(torch.isfinite(tensor).all())), None)

    with torch.no_grad():
        place = bad(iter(network.activations(inputs).items()))
    weights = bad(iter(network.named_parameters()))
    text = f"epoch {epoch}, after {seen} samples: the loss is {loss}"
    if place:
        text += f"; the first group whose activity is not finite is {place}"
    if weights:
        text += f"; {weights} is not finite"
    return f"{text}\n  try a smaller learning rate than {config.lr:g}; the last checkpoint is that of epoch {epoch - 1}"
