"""The training loop: one epoch, what follows it, and the end of a run."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dendrograph.base.errors import DataError, DendrographError, TrainingError, worded
from dendrograph.base.progress import Reporter
from dendrograph.data.batches import batches_at
from dendrograph.data.dataset import Dataset
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.config import TrainConfig
from dendrograph.training.distributed import Ranks
from dendrograph.training.evaluation import evaluate
from dendrograph.training.optimizer import FlatParameters
from dendrograph.training.run import History, Run
from dendrograph.training.splits import Splits, derived_seed


@dataclass(frozen=True)
class Loop:
    """All that each step of a training needs; `scale` is the divisor of bytes (`Dataset.scale`)."""

    network: DendriticNetwork
    splits: Splits
    scale: float
    config: TrainConfig
    run: Run
    show: Reporter
    ranks: Ranks
    parameters: FlatParameters
    optimizer: torch.optim.Optimizer


@dataclass
class State:
    """The part of a checkpoint beside weights and optimizer; `best` holds the weights of the best epoch."""

    history: History = field(default_factory=list)
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0


def fit(loop: Loop, state: State) -> None:
    """Train from a state to the end, and write the end of the run."""
    began = time.monotonic() - state.seconds
    assert loop.config.epochs is not None
    loop.show.start(loop.config.epochs, len(state.history), len(loop.splits.rows))
    while not has_ended(loop.config, state):
        finish_epoch(loop, state, train_epoch(loop, len(state.history) + 1), began)
    finish_run(loop, state, began)


def has_ended(config: TrainConfig, state: State) -> bool:
    """Whether no epoch is left: all are done, or the validation loss has not fallen for `patience` epochs."""
    assert config.epochs is not None
    done = len(state.history)
    return done >= config.epochs or (config.early_stop and done - state.best_epoch >= config.patience)


def finish_run(loop: Loop, state: State, began: float) -> None:
    """Evaluate the trained network, and write the end of the run."""
    network, run, ranks = loop.network, loop.run, loop.ranks
    if loop.config.early_stop:
        network.load_state_dict(state.best)
    metrics = {
        "test": evaluate(network, loop.splits.test, loop.scale, ranks).record(),
        "validation": evaluate(network, loop.splits.validation, loop.scale, ranks).record(),
        "epochs": len(state.history),
        "weights_of_epoch": state.best_epoch or len(state.history),
        "parameters": network.graph.parameters,
        "seconds": round(time.monotonic() - began, 3),
    }
    if ranks.first:
        run.finish(network.state_dict(), state.history, metrics)
    ranks.send(b"")  # every process sees the end of the run


def finish_epoch(loop: Loop, state: State, trained: tuple[float, float], began: float) -> None:
    """Evaluate the validation split after an epoch, add a row to the history, and write a checkpoint.

    Args:
        loop: the training.
        state: changed in place.
        trained: training loss and accuracy of the epoch.
        began: when the training began, by `time.monotonic`.

    Raises:
        TrainingError: the validation loss is not finite.
    """
    network, config, epoch = loop.network, loop.config, len(state.history) + 1
    outcome = evaluate(network, loop.splits.validation, loop.scale, loop.ranks)
    if not math.isfinite(outcome.loss):
        raise TrainingError(f"epoch {epoch}: the validation loss is {outcome.loss}\n  {_advice(config, epoch)}")
    if config.early_stop and all(outcome.loss < past["validation_loss"] for past in state.history):
        state.best_epoch = epoch
        state.best = {name: value.clone() for name, value in network.state_dict().items()}
    loss, accuracy = trained
    row = {
        "epoch": epoch,
        "train_loss": loss,
        "train_accuracy": accuracy,
        "validation_loss": outcome.loss,
        "validation_accuracy": outcome.accuracy,
    }
    state.history.append(row)
    state.seconds = time.monotonic() - began
    if loop.ranks.first:
        weights = {"network": network.state_dict(), "optimizer": loop.optimizer.state_dict()}
        loop.run.save_checkpoint({**weights, **vars(state)})
    loop.show.epoch(row)


def train_epoch(loop: Loop, epoch: int) -> tuple[float, float]:
    """Train on each training sample once.

    Returns:
        Mean loss and accuracy over the epoch, each measured before its step.

    Raises:
        TrainingError: the loss is not finite.
    """
    network, config, ranks, samples = loop.network, loop.config, loop.ranks, loop.splits.samples
    # Each epoch has its own random numbers, so that resuming needs no generator state.
    torch.manual_seed(derived_seed(config.seed, "dropout" if ranks.first else f"dropout {ranks.rank}", epoch))
    order = loop.splits.order(config, epoch)
    device = next(network.parameters()).device
    parts = order.split(config.batch_size)
    shares = [rows[ranks.share(len(rows))] for rows in parts]
    seen, loss_sum = 0, 0.0
    correct = _CorrectAnswers(ranks)
    network.train()
    for rows, (inputs, labels) in zip(parts, batches_at(samples, loop.scale, shares, device), strict=True):
        number = len(rows)
        value = _step(loop, inputs, labels, number, correct)
        if not math.isfinite(value):
            place = _first_not_finite(network, inputs)
            raise TrainingError(
                f"epoch {epoch}, after {seen} samples: the loss is {value}{place}\n  {_advice(config, epoch)}"
            )
        seen += number
        loss_sum += value * number
        loop.show.batch(epoch, seen, loss_sum / seen, correct.share(last=seen == len(order)))
    return loss_sum / seen, correct.share(last=True)


def _step(loop: Loop, inputs: Mapping[str, Tensor], labels: Tensor, number: int, correct: _CorrectAnswers) -> float:
    """One optimizer step on the share that this process has of a batch of `number` samples.

    Returns:
        Mean loss of the whole batch before the step. No step is made if it is not finite.
    """
    parameters, ranks = loop.parameters, loop.ranks
    logits = loop.network(inputs)
    correct.add(logits.detach(), labels, number)
    loss = cross_entropy(logits, labels) if ranks.size == 1 else cross_entropy(logits, labels, reduction="sum") / number
    loss.backward()
    parameters.collect()
    if ranks.size == 1:
        value = loss.item()
    else:
        parameters.message[-1] = loss.detach()
        ranks.sum(parameters.message)
        value = parameters.message[-1].item()
    if math.isfinite(value):
        loop.optimizer.step()
    return value


class _CorrectAnswers:
    """The number of correct answers in an epoch, counted for several batches at once: each count costs calls."""

    BATCHES = 32

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._samples = 0  # with those that wait
        self._right = self._counted = 0

    def add(self, logits: Tensor, labels: Tensor, number: int) -> None:
        """Add the share that this process has of a batch of `number` samples."""
        self._waiting.append((logits, labels))
        self._samples += number

    def share(self, last: bool) -> float:
        """The accuracy over the batches counted so far; over all batches if this is the `last` call."""
        if self._waiting and (last or not self._counted or len(self._waiting) == self.BATCHES):
            logits, labels = (torch.cat(parts) for parts in zip(*self._waiting, strict=True))
            right = (logits.argmax(1) == labels).sum()
            self._ranks.sum(right)
            self._right += int(right)
            self._counted = self._samples
            self._waiting.clear()
        return self._right / max(1, self._counted)


def check_fit(network: DendriticNetwork, data: Dataset) -> None:
    """Check before the run begins that the network can be trained on the data.

    Raises:
        DendrographError: the network is not of float32 throughout, or no parameter is trainable; or the default device
            of PyTorch is not the CPU.
        DataError: the data have another shape or more classes than the network.
    """
    if (default := torch.get_default_device()).type != "cpu":
        raise DendrographError(
            f"training needs the default device cpu in PyTorch: found {default}\n"
            '  call torch.set_default_device("cpu"), and name the device for training in the configuration'
        )
    graph = network.graph
    for name, parameter in network.named_parameters():
        if parameter.is_meta or parameter.is_inference():
            where = "on the device meta, without values" if parameter.is_meta else "in torch.inference_mode()"
            raise DendrographError(
                f"the parameter {name} of the network was made {where}: it cannot be trained\n"
                "  build the network again outside of it"
            )
        if parameter.dtype != torch.float32:
            raise DendrographError(
                f"training needs torch.float32 in all parameters: {name} of the network holds {parameter.dtype}\n"
                "  convert the network: network.float()"
            )
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise TrainingError(
            f"{graph.name}: nothing to train: all parameters are frozen\n"
            f"  train a part of it, without trainable: false{worded('', ' or requires_grad_(False)')}, "
            "or evaluate it as it is"
        )
    wanted, given = ({name: math.prod(shape) for name, shape in it.items()} for it in (graph.inputs, data.shapes))
    one_stream = len(wanted) == len(given) == 1 and set(wanted.values()) == set(given.values())
    if (wanted != given and not one_stream) or data.classes > graph.classes:
        raise DataError(
            f"{data.name} does not fit the network: it has {_shapes(data.shapes)} and {data.classes} classes, "
            f"the network takes {_shapes(graph.inputs)} and {graph.classes} classes\n"
            "  build the network with inputs=data.shapes and classes=data.classes"
        )


def _shapes(streams: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in streams.items())


def _first_not_finite(network: DendriticNetwork, inputs: Mapping[str, Tensor]) -> str:
    """The first group whose activity, and the first parameter whose values, are not finite."""

    def first(tensors: Iterable[tuple[str, Tensor]]) -> str | None:
        return next((name for name, tensor in tensors if not bool(torch.isfinite(tensor).all())), None)

    with torch.no_grad():
        group = first(network.activations(inputs).items())
    parameter = first(network.named_parameters())
    text = f"; the first group whose activity is not finite is {group}" if group else ""
    return text + (f"; {parameter} is not finite" if parameter else "")


def _advice(config: TrainConfig, epoch: int) -> str:
    return f"try a smaller learning rate than {config.lr:g}, in another folder; {epochs_kept(epoch - 1)}"


def epochs_kept(epochs: int) -> str:
    """The number of finished epochs, in words."""
    return f"epoch {epochs} is the last that was finished and kept" if epochs else "no epoch was finished"
