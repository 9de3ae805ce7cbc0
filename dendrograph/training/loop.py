"""Training: one flat loop, from which a run folder remains."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor
from torch.nn.functional import cross_entropy

from dendrograph.base.errors import DataError, DendrographError, RunError, TrainingError, argument, expect, worded
from dendrograph.base.progress import Reporter, reporter
from dendrograph.data.dataset import Dataset, Split
from dendrograph.data.load import add_noise, batches_at, class_by_class, validation_rows
from dendrograph.network.network import DendriticNetwork
from dendrograph.training import checkpoint as checkpoints
from dendrograph.training import provenance as record
from dendrograph.training.config import TrainConfig
from dendrograph.training.distributed import Ranks, join, own_device
from dendrograph.training.evaluation import evaluate
from dendrograph.training.optimizer import FlatParameters
from dendrograph.training.run import History, Run, free_folder, is_run

__all__ = [
    "Interrupted",
    "Loop",
    "Splits",
    "State",
    "TrainConfig",
    "derived_seed",
    "finish",
    "has_ended",
    "keep",
    "noisy_test",
    "on_disk",
    "optimizer_for",
    "order_of",
    "refuse_misfit",
    "restored",
    "train",
    "train_epoch",
]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came during a training. The text says how to go on with it."""


@torch.inference_mode(False)  # wherever it is called: gradients are worked out, and tensors can be trained
def train(
    network: DendriticNetwork,
    data: Dataset,
    config: TrainConfig | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    learning: Mapping[str, Any] | None = None,
) -> Run:
    """Train a network in place and leave a run folder.

    Cross-entropy of the softmax readout; each epoch sees the training samples once in a new order. After every epoch
    the run can be resumed: it then ends with the weights and the history of a run that never stopped, bit for bit (the
    same machine and versions provided). It goes on with the number of threads with which it began. Parameters that do
    not require a gradient stay as they are, and the run records them. The network is left in evaluation mode.

    Args:
        network: from `build` or `DendriticNetwork`; its initial weights are the start.
        data: from `datasets.load` or `datasets.from_tensors`.
        config: the paper's protocol by default.
        out: the run folder, which must not exist; by default the first free `runs/NAME-DATA-seedN`.
        resume: go on with the run in `out` where it stopped; begin it if it has not begun.
        progress: show it on standard output.
        learning: of what longer learning it is a part (plain values), for the run's record: what begins with weights
            that were learnt is no replicate of what does not.

    Raises:
        RunError: `out` cannot be written, is not this run, or is damaged.
        TrainingError: the loss is not finite.
        DataError: the data do not fit the network, or no validation split can be made.
        Interrupted: Ctrl-C; it is a `KeyboardInterrupt`.
        TypeError: an argument is another kind of object; it is a `DendrographError`, too.
    """
    expect("network", network, DendriticNetwork)
    expect("data", data, Dataset)
    expect("config", config, TrainConfig, None)
    expect("out", out, str, PathLike, None)
    expect("resume", resume, bool)
    expect("progress", progress, bool)
    if resume and out is None:
        raise RunError("to go on with a run, give its folder as `out`")
    config = (config or TrainConfig()).for_data(data.name)
    refuse_misfit(network, data)
    splits = Splits.of(data, config)
    device = own_device(config.device)
    network.to(device)
    ranks = join(device)
    asked = record.make(network, data, config, ranks.size, learning=learning)
    ranks.agree(
        {
            "settings": repr(asked["config"]),
            "data": asked["data"]["digest"],
            "wiring": asked["graph"]["connectivity_hash"],
            "initial weights": asked["network"]["initial_weights"],
            "kernels": repr(asked["network"]["kernels"]),
            "frozen parameters": repr(network.frozen_otherwise),
        }
    )
    folder = Path(out) if out is not None else free_folder(f"{network.graph.name}-{data.name}-seed{config.seed}")
    show = reporter(progress and ranks.first)
    run, checkpoint = _begin_or_go_on(folder, network, asked, resume, ranks, show)
    if checkpoint is None:
        network.eval()
        show.note(f"{run.folder}: the run has ended; nothing to do")
        return run
    parameters = FlatParameters(network, more=1)  # the loss of a batch
    optimizer = optimizer_for(parameters.vector, config)
    try:
        # Dropout draws from PyTorch's global random numbers: the caller finds them as they were.
        with torch.random.fork_rng([device] if "cuda" in device else []), record.threads_of(run):
            _fit(Loop(network, splits, data.scale, config, run, show, ranks, parameters, optimizer), checkpoint)
    except KeyboardInterrupt:
        kept = f"; {_kept(run.epochs_kept)}\n  {run.how_to_go_on}" if ranks.first else ""
        raise Interrupted(f"{run.folder}: interrupted{kept}") from None
    finally:
        parameters.release()
        show.stop()
        network.eval()
    return run


def _begin_or_go_on(
    folder: Path, network: DendriticNetwork, asked: Mapping[str, Any], resume: bool, ranks: Ranks, show: Reporter
) -> tuple[Run, Mapping[str, Any] | None]:
    """The run, and what it goes on from: a checkpoint, an empty mapping where it begins, None where it has ended.

    The first process reads and writes; the others are sent what they need.
    """
    if not ranks.first:
        if problem := ranks.send(None):
            raise RunError(os.fsdecode(problem))
        place, kept, ended, sent = (ranks.send(None) for _ in range(4))
        run = Run(Path(os.fsdecode(place)), json.loads(kept))
        if ended:
            network.load_state_dict(load_safetensors(ended))
            return run, None
        return run, run.parse_checkpoint(sent) if sent else {}
    try:
        run, content, checkpoint = on_disk(folder, network, asked, resume, show)
    except DendrographError as error:
        ranks.send(os.fsencode(f"refused by process 0: {error}"))
        raise
    state = b""
    if checkpoint is None:
        network.load_state_dict(run.network().state_dict())
        state = save_safetensors({name: tensor.cpu() for name, tensor in network.state_dict().items()})
    for part in (b"", os.fsencode(run.folder), json.dumps(run.record).encode(), state, content or b""):
        ranks.send(part)
    return run, checkpoint


def on_disk(
    folder: Path, network: DendriticNetwork, asked: Mapping[str, Any], resume: bool, show: Reporter
) -> tuple[Run, bytes | None, Mapping[str, Any] | None]:
    """The run, its checkpoint's file, and what that holds: empty where the run begins, None where it has ended."""
    content: bytes | None = None
    if resume and is_run(folder):
        run = Run.open(folder)
        content = None if run.finished else run.read_checkpoint()
        checkpoint = {} if content is None else run.parse_checkpoint(content)
        record.refuse_another(run, asked, begun=run.finished or content is not None)
        for change in record.changed_surroundings(run, asked):
            show.note(change)
        return run, content, None if run.finished else checkpoint
    assert network.graph.morphology is not None
    return Run.begin(folder, network.graph.morphology, asked), None, {}


@dataclass(frozen=True, eq=False)
class Splits:
    """What a training sees: it trains on the rows of `samples` that `rows` names, which none is a copy of."""

    samples: Split
    rows: Tensor
    validation: Split
    test: Split

    @classmethod
    def of(cls, data: Dataset, config: TrainConfig) -> Splits:
        """Of a data set, noise included.

        Raises:
            DataError: no validation split can be made, or noise cannot be added.
        """
        rows, held_out = validation_rows(data, config.validation, config.seed)
        samples = data.train
        validation = samples.take(held_out) if data.validation is None else data.validation
        if config.noise:  # the noise of a sample is that of its place among those that are trained on
            samples, rows = _noisy(samples.take(rows), data, config, 0), torch.arange(len(rows))
        return cls(samples, rows, _noisy(validation, data, config, 1), noisy_test(data, config))


@dataclass(frozen=True)
class Loop:
    """What every step of a training needs."""

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
    """What changes from epoch to epoch, beside weights and optimizer; `best` holds the weights of the best epoch."""

    history: History = field(default_factory=list)
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0


def _fit(loop: Loop, checkpoint: Mapping[str, Any]) -> None:
    """Train to the end, from the beginning (an empty checkpoint) or from a checkpoint."""
    state = restored(loop, checkpoint)
    began = time.monotonic() - state.seconds
    assert loop.config.epochs is not None
    loop.show.start(loop.config.epochs, len(state.history), len(loop.splits.rows))
    while not has_ended(loop.config, state):
        keep(loop, state, train_epoch(loop, len(state.history) + 1), began)
    finish(loop, state, began)


def restored(loop: Loop, checkpoint: Mapping[str, Any]) -> State:
    """Put weights and optimizer to where a checkpoint has them (an empty one: leave them), and give the rest of it.

    Raises:
        RunError: the checkpoint does not fit the training.
    """
    if not checkpoint:
        return State()
    one = torch.nn.Parameter(torch.zeros(1, dtype=torch.float32))
    one.grad = torch.zeros_like(one)
    like = optimizer_for(one, loop.config)
    like.step()
    steps = math.ceil(len(loop.splits.rows) / loop.config.batch_size)
    path = loop.run.folder / "checkpoint.pt"
    if "reach" not in loop.run.record:
        _refuse_other_parameters(loop, checkpoint["optimizer"])
    checkpoints.hold_to(checkpoint, path, loop.network, like, loop.config, steps)
    if checkpoint["checkpoint_format"] == checkpoints.UNSEALED:
        _hold_to_history(loop, checkpoint)
    loop.network.load_state_dict(checkpoint["network"])
    settings = loop.optimizer.state_dict()["param_groups"]  # other versions of PyTorch have more of them, or fewer
    loop.optimizer.load_state_dict({**checkpoint["optimizer"], "param_groups": settings})
    return State(**{item.name: checkpoint[item.name] for item in fields(State)})


def _hold_to_history(loop: Loop, checkpoint: Mapping[str, Any]) -> None:
    """Hold the weights of a checkpoint that has no SHA-256 to the losses that its history has of them.

    Raises:
        RunError: they are not the weights of those epochs.
    """
    epochs = {"network": len(checkpoint["history"]), "best": checkpoint["best_epoch"]}
    for part, epoch in epochs.items():
        if not checkpoint[part]:
            continue
        loop.network.load_state_dict(checkpoint[part])
        loss = evaluate(loop.network, loop.splits.validation, loop.scale, loop.ranks).loss
        before = checkpoint["history"][epoch - 1]["validation_loss"]
        if not math.isclose(loss, before, rel_tol=1e-3, abs_tol=1e-6):  # another machine differs in the last digits
            raise RunError(
                f"{loop.run.folder / 'checkpoint.pt'}: damaged or changed: {part}: with these weights the validation "
                f"loss is {loss:.6g}, but it was {before:.6g} after epoch {epoch}\n  {checkpoints.ANEW}"
            )


def _refuse_other_parameters(loop: Loop, optimizer: Mapping[str, Any]) -> None:
    """Runs that do not record what was frozen show it by how many numbers their optimizer holds."""
    held = {len(value) for state in optimizer["state"].values() for value in state.values() if _is_vector(value)}
    own = len(loop.parameters.vector)
    if len(held) == 1 and held != {own}:  # of several sizes, it is the checkpoint that is damaged
        raise RunError(
            f"{loop.run.folder / 'checkpoint.pt'}: the run trains {max(held):,} numbers, and this network {own:,}\n"
            "  freeze the parameters that the run does not train, or give another folder by "
            f"{argument('out')}"
        )


def _is_vector(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 1


def has_ended(config: TrainConfig, state: State) -> bool:
    """Whether no epoch is left: all are done, or the validation loss has not fallen for long enough."""
    assert config.epochs is not None
    done = len(state.history)
    return done >= config.epochs or (config.early_stop and done - state.best_epoch >= config.patience)


def finish(loop: Loop, state: State, began: float) -> None:
    """Evaluate what was trained, and write the end of the run."""
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
    ranks.send(b"")  # all find the run ended


def keep(loop: Loop, state: State, trained: tuple[float, float], began: float) -> None:
    """What follows an epoch that was trained, with its loss and accuracy: validation, its row, and a checkpoint."""
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
    """Each training sample once. Gives the mean loss and accuracy over the epoch, as they were at each step.

    Raises:
        TrainingError: the loss is not finite.
    """
    network, config, ranks, samples = loop.network, loop.config, loop.ranks, loop.splits.samples
    # Each epoch has random numbers of its own, so that resuming needs no generator's state.
    torch.manual_seed(derived_seed(config.seed, "dropout" if ranks.first else f"dropout {ranks.rank}", epoch))
    order = order_of(loop.splits, config, epoch)
    device = next(network.parameters()).device
    parts = order.split(config.batch_size)
    shares = [rows[ranks.share(len(rows))] for rows in parts]
    seen, loss_sum = 0, 0.0
    score = _Score(ranks)
    network.train()
    for rows, (inputs, labels) in zip(parts, batches_at(samples, loop.scale, shares, device), strict=True):
        number = len(rows)
        value = _step(loop, inputs, labels, number, score)
        if not math.isfinite(value):
            place = _first_not_finite(network, inputs)
            raise TrainingError(
                f"epoch {epoch}, after {seen} samples: the loss is {value}{place}\n  {_advice(config, epoch)}"
            )
        seen += number
        loss_sum += value * number
        loop.show.batch(epoch, seen, loss_sum / seen, score.accuracy(last=seen == len(order)))
    return loss_sum / seen, score.accuracy(last=True)


def _step(loop: Loop, inputs: Mapping[str, Tensor], labels: Tensor, number: int, score: _Score) -> float:
    """One step on this process's share of a batch of so many samples.

    Gives the mean loss of the whole batch, before the step. No step is made where the loss is not finite.
    """
    parameters, ranks = loop.parameters, loop.ranks
    logits = loop.network(inputs)
    score.add(logits.detach(), labels, number)
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


class _Score:
    """How many answers of an epoch were right, counted for some batches at a time: it costs calls, not arithmetic."""

    BATCHES = 32

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._samples = 0  # with those that wait
        self._right = self._counted = 0

    def add(self, logits: Tensor, labels: Tensor, number: int) -> None:
        """This process's share of a batch of so many samples."""
        self._waiting.append((logits, labels))
        self._samples += number

    def accuracy(self, last: bool) -> float:
        """Of the batches that have been counted; of all of them at the `last`."""
        if self._waiting and (last or not self._counted or len(self._waiting) == self.BATCHES):
            logits, labels = (torch.cat(parts) for parts in zip(*self._waiting, strict=True))
            right = (logits.argmax(1) == labels).sum()
            self._ranks.sum(right)
            self._right += int(right)
            self._counted = self._samples
            self._waiting.clear()
        return self._right / max(1, self._counted)


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


def order_of(splits: Splits, config: TrainConfig, epoch: int) -> Tensor:
    """The rows of `splits.samples` in the order in which an epoch sees them."""
    generator = torch.Generator().manual_seed(derived_seed(config.seed, "order", epoch))
    if config.sequential:
        return splits.rows[class_by_class(splits.samples.labels[splits.rows], generator)]
    return splits.rows[torch.randperm(len(splits.rows), generator=generator)]


def optimizer_for(vector: torch.nn.Parameter, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer that a configuration names, over all parameters as one vector."""
    parameters = [vector]
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, lr=config.lr, eps=1e-7, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=config.lr, eps=1e-7, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=config.lr)
        case _:
            return torch.optim.SGD(parameters, lr=config.lr, momentum=0.9)


def refuse_misfit(network: DendriticNetwork, data: Dataset) -> None:
    """Say before the run begins what its first batch would fail at.

    Raises:
        DendrographError: the network is not of float32, in which training and its records are, or cannot be trained;
            or PyTorch makes new tensors elsewhere than on the CPU.
        DataError: the data have another shape or more classes.
    """
    if (default := torch.get_default_device()).type != "cpu":
        raise DendrographError(
            f"PyTorch's default device is {default}, but training takes cpu there\n"
            '  call torch.set_default_device("cpu"); the device to train on is the configuration\'s'
        )
    for name, parameter in network.named_parameters():
        if parameter.is_meta or parameter.is_inference():
            where = "on PyTorch's device meta, with no values" if parameter.is_meta else "in torch.inference_mode()"
            raise DendrographError(
                f"the network's {name} was made {where}: it cannot be trained\n  build the network anew, outside of it"
            )
    if odd := next((it for it in network.named_parameters() if it[1].dtype != torch.float32), None):
        raise DendrographError(
            f"the network's {odd[0]} holds {odd[1].dtype}, but training takes torch.float32 throughout\n"
            "  convert it: network.float()"
        )
    wanted, given = (
        {name: math.prod(shape) for name, shape in it.items()} for it in (network.graph.inputs, data.shapes)
    )
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise TrainingError(
            f"{network.graph.name}: nothing is trained: all its parameters are frozen\n"
            f"  train a part of it, without trainable: false{worded('', ' or requires_grad_(False)')}, "
            "or evaluate it as it is"
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
