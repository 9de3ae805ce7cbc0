"""Training: one flat loop, from which a run folder remains."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dendrograph import record
from dendrograph.config import TrainConfig
from dendrograph.data import Dataset, Split, add_noise, batches, class_by_class, split_validation
from dendrograph.errors import DataError, RunError, TrainingError
from dendrograph.evaluation import evaluate
from dendrograph.network import DendriticNetwork
from dendrograph.progress import Reporter, reporter
from dendrograph.run import History, Run, free_folder, is_run

__all__ = ["Interrupted", "TrainConfig", "derived_seed", "noisy_test", "train"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came during a training. The text says how to go on with it."""


def train(
    network: DendriticNetwork,
    data: Dataset,
    config: TrainConfig | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Run:
    """Train a network in place and leave a run folder.

    Cross-entropy of the softmax readout; each epoch sees the training samples once in a new order. After every epoch
    the run can be resumed: it then ends with the weights and the history of a run that never stopped, bit for bit (the
    same machine, number of threads and versions provided). The network is left in evaluation mode.

    Args:
        network: from `build` or `DendriticNetwork`; its initial weights are the start.
        data: from `datasets.load` or `datasets.from_tensors`.
        config: the paper's protocol by default.
        out: the run folder, which must not exist; by default the first free `runs/NAME-DATA-seedN`.
        resume: go on with the run in `out` where it stopped; begin it if it has not begun.
        progress: show it on standard output.

    Raises:
        RunError: `out` cannot be written, is not this run, or is damaged.
        TrainingError: the loss is not finite.
        DataError: the data do not fit the network, or no validation split can be made.
        Interrupted: Ctrl-C; it is a `KeyboardInterrupt`.
    """
    if resume and out is None:
        raise RunError("to go on with a run, give its folder as `out`")
    config = (config or TrainConfig()).for_data(data.name)
    _refuse_misfit(network, data)
    splits = _splits(data, config)
    network.to(config.device)
    asked = record.make(network, data, config)
    folder = Path(out) if out is not None else free_folder(f"{network.graph.name}-{data.name}-seed{config.seed}")
    show = reporter(progress)
    if resume and is_run(folder):
        run = Run.open(folder)
        checkpoint = None if run.finished else run.load_checkpoint()
        record.refuse_another(run, asked, begun=run.finished or checkpoint is not None)
        for change in record.changed_surroundings(run, asked):
            show.note(change)
    else:
        assert network.graph.morphology is not None
        run, checkpoint = Run.begin(folder, network.graph.morphology, asked), None
    if run.finished:
        network.load_state_dict(run.network().state_dict())
        network.eval()
        show.note(f"{folder}: the run has ended; nothing to do")
        return run
    try:
        # Dropout draws from PyTorch's global random numbers: the caller finds them as they were.
        with torch.random.fork_rng([config.device] if "cuda" in config.device else []):
            _fit(network, splits, data.scale, config, run, checkpoint, show)
    except KeyboardInterrupt:
        raise Interrupted(f"{folder}: interrupted; {_kept(len(run.history))}\n  {run.how_to_go_on}") from None
    finally:
        show.stop()
        network.eval()
    return run


def _fit(
    network: DendriticNetwork,
    splits: tuple[Split, Split, Split],
    scale: float,
    config: TrainConfig,
    run: Run,
    checkpoint: Mapping[str, Any] | None,
    show: Reporter,
) -> None:
    """Train to the end, from the beginning or from a checkpoint."""
    training, validation, test = splits
    optimizer = _optimizer(network, config)
    history: History = []
    best_epoch, best, seconds = 0, {}, 0.0
    if checkpoint is not None:
        network.load_state_dict(checkpoint["network"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        history, seconds = checkpoint["history"], checkpoint["seconds"]
        best_epoch, best = checkpoint["best_epoch"], checkpoint["best"]

    began = time.monotonic() - seconds
    assert config.epochs is not None
    show.start(config.epochs, len(history), len(training))
    for epoch in range(len(history) + 1, config.epochs + 1):
        if config.early_stop and epoch - 1 - best_epoch >= config.patience:
            break
        # Each epoch has random numbers of its own, so that resuming needs no generator's state.
        torch.manual_seed(derived_seed(config.seed, "dropout", epoch))
        order = _order(training, config, epoch)
        seen, loss_sum, right = 0, 0.0, 0
        network.train()
        for inputs, labels in batches(training, scale, config.batch_size, order, config.device):
            logits = network(inputs)
            loss = cross_entropy(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            value = loss.item()
            if not math.isfinite(value):
                place = _first_not_finite(network, inputs)
                raise TrainingError(
                    f"epoch {epoch}, after {seen} samples: the loss is {value}{place}\n  {_advice(config, epoch)}"
                )
            optimizer.step()
            seen += len(labels)
            loss_sum += value * len(labels)
            right += int((logits.argmax(1) == labels).sum())
            show.batch(epoch, seen, loss_sum / seen, right / seen)
        outcome = evaluate(network, validation, scale)
        if not math.isfinite(outcome.loss):
            raise TrainingError(f"epoch {epoch}: the validation loss is {outcome.loss}\n  {_advice(config, epoch)}")
        if config.early_stop and all(outcome.loss < past["validation_loss"] for past in history):
            best_epoch, best = epoch, {name: value.clone() for name, value in network.state_dict().items()}
        row = {
            "epoch": epoch,
            "train_loss": loss_sum / seen,
            "train_accuracy": right / seen,
            "validation_loss": outcome.loss,
            "validation_accuracy": outcome.accuracy,
        }
        history.append(row)
        run.save_checkpoint(
            {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "history": history,
                "best_epoch": best_epoch,
                "best": best,
                "seconds": time.monotonic() - began,
            }
        )
        show.epoch(row)

    if config.early_stop:
        network.load_state_dict(best)
    metrics = {
        "test": evaluate(network, test, scale).record(),
        "validation": evaluate(network, validation, scale).record(),
        "epochs": len(history),
        "weights_of_epoch": best_epoch or len(history),
        "parameters": network.graph.parameters,
        "seconds": round(time.monotonic() - began, 3),
    }
    run.finish(network.state_dict(), history, best_epoch or None, metrics)


def _splits(data: Dataset, config: TrainConfig) -> tuple[Split, Split, Split]:
    """Training, validation and test."""
    training, validation = split_validation(data, config.validation, config.seed)
    return _noisy(training, data, config, 0), _noisy(validation, data, config, 1), noisy_test(data, config)


def noisy_test(data: Dataset, config: TrainConfig) -> Split:
    """The test split as a run with this configuration saw it, noise included."""
    return _noisy(data.test, data, config, 2)


def _noisy(split: Split, data: Dataset, config: TrainConfig, part: int) -> Split:
    if not config.noise:
        return split
    return add_noise(split, data.scale, config.noise, derived_seed(config.seed, "noise", part))


def derived_seed(seed: int, purpose: str, number: int) -> int:
    """A seed of its own for each purpose and number, so that no two streams of random numbers are the same."""
    return int(np.random.SeedSequence([seed, *purpose.encode(), number]).generate_state(1)[0])


def _order(training: Split, config: TrainConfig, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(derived_seed(config.seed, "order", epoch))
    if config.sequential:
        return class_by_class(training.labels, generator)
    return torch.randperm(len(training), generator=generator)


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


def _refuse_misfit(network: DendriticNetwork, data: Dataset) -> None:
    """Say before the run begins what its first batch would fail at."""
    wanted, given = (
        {name: math.prod(shape) for name, shape in it.items()} for it in (network.graph.inputs, data.shapes)
    )
    one_stream = len(wanted) == len(given) == 1 and set(wanted.values()) == set(given.values())
    if (wanted != given and not one_stream) or data.classes > network.graph.classes:
        raise DataError(
            f"{data.name} does not fit the network: it has {_shapes(data.shapes)} and {data.classes} classes, "
            f"the network takes {_shapes(network.graph.inputs)} and {network.graph.classes} classes\n"
            "  build the network with inputs=data.shapes and classes=data.classes"
        )


def _shapes(streams: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in streams.items())


def _first_not_finite(network: DendriticNetwork, inputs: Mapping[str, Tensor]) -> str:
    """The first group with an activity, and the first parameter with a value, that is not finite."""

    def first(tensors: Iterable[tuple[str, Tensor]]) -> str | None:
        return next((name for name, tensor in tensors if not bool(torch.isfinite(tensor).all())), None)

    with torch.no_grad():
        group = first(network.activations(inputs).items())
    parameter = first(network.named_parameters())
    text = f"; the first group whose activity is not finite is {group}" if group else ""
    return text + (f"; {parameter} is not finite" if parameter else "")


def _advice(config: TrainConfig, epoch: int) -> str:
    return f"try a smaller learning rate than {config.lr:g}, in another folder; {_kept(epoch - 1)}"


def _kept(epochs: int) -> str:
    return f"epoch {epochs} is the last that was finished and kept" if epochs else "no epoch was finished"
