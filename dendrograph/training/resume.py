"""The resume of a run: find it on disk, check that it is the same training, and restore its checkpoint."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from dendrograph.base.errors import DendrographError, RunError, argument, setting
from dendrograph.base.progress import Reporter
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.checkpoint import ANEW, UNSEALED, check_checkpoint
from dendrograph.training.distributed import Ranks
from dendrograph.training.evaluation import evaluate
from dendrograph.training.loop import Loop, State
from dendrograph.training.optimizer import optimizer_for
from dendrograph.training.provenance import has_cores
from dendrograph.training.run import Run, is_run


def begin_or_resume(
    folder: Path, network: DendriticNetwork, asked: Mapping[str, Any], resume: bool, ranks: Ranks, show: Reporter
) -> tuple[Run, Mapping[str, Any] | None]:
    """The run and its checkpoint: an empty mapping if it begins, None if it has ended.

    The first process reads and writes; the others receive what they need.
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
        run, content, checkpoint = open_or_begin(folder, network, asked, resume, show)
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


def open_or_begin(
    folder: Path, network: DendriticNetwork, asked: Mapping[str, Any], resume: bool, show: Reporter
) -> tuple[Run, bytes | None, Mapping[str, Any] | None]:
    """The run, the file of its checkpoint, and the content of that: empty if it begins, None if it has ended."""
    if not (resume and is_run(folder)):
        assert network.graph.morphology is not None
        return Run.begin(folder, network.graph.morphology, asked), None, {}
    run = Run.open(folder)
    content = None if run.finished else run.read_checkpoint()
    checkpoint = {} if content is None else run.parse_checkpoint(content)
    check_same_training(run, asked, begun=run.finished or content is not None)
    for change in changed_surroundings(run, asked):
        show.note(change)
    return run, content, None if run.finished else checkpoint


def restore(loop: Loop, checkpoint: Mapping[str, Any]) -> State:
    """Load weights and optimizer from a checkpoint, and return its state; an empty checkpoint changes nothing.

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
        _check_number_of_parameters(loop, checkpoint["optimizer"])
    check_checkpoint(checkpoint, path, loop.network, like, loop.config, steps)
    if checkpoint["checkpoint_format"] == UNSEALED:
        _check_losses(loop, checkpoint)
    loop.network.load_state_dict(checkpoint["network"])
    settings = loop.optimizer.state_dict()["param_groups"]  # other versions of PyTorch have more or fewer settings
    loop.optimizer.load_state_dict({**checkpoint["optimizer"], "param_groups": settings})
    return State(**{item.name: checkpoint[item.name] for item in fields(State)})


def _check_losses(loop: Loop, checkpoint: Mapping[str, Any]) -> None:
    """Check that the weights of a checkpoint without SHA-256 have the losses of its history.

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
        if not math.isclose(loss, before, rel_tol=1e-3, abs_tol=1e-6):  # another machine rounds differently
            raise RunError(
                f"{loop.run.folder / 'checkpoint.pt'}: damaged or changed: {part}: with these weights the validation "
                f"loss is {loss:.6g}, but it was {before:.6g} after epoch {epoch}\n  {ANEW}"
            )


def _check_number_of_parameters(loop: Loop, optimizer: Mapping[str, Any]) -> None:
    """Check what is frozen, for runs that do not record it, by the size of the optimizer state."""
    held = {
        len(value)
        for state in optimizer["state"].values()
        for value in state.values()
        if isinstance(value, Tensor) and value.dim() == 1
    }
    own = len(loop.parameters.vector)
    if len(held) == 1 and held != {own}:  # several sizes mean a damaged checkpoint
        raise RunError(
            f"{loop.run.folder / 'checkpoint.pt'}: the run trains {max(held):,} numbers, and this network {own:,}\n"
            f"  freeze the parameters that the run does not train, or give another folder by {argument('out')}"
        )


def check_same_training(run: Run, asked: Mapping[str, Mapping[str, Any]], begun: bool) -> None:
    """Check that a run goes on with the same settings, data, morphology and wiring.

    Args:
        run: the run on disk.
        asked: the record of the training that is asked for.
        begun: whether there is a checkpoint; without one the initial weights must be those of the run, too.

    Raises:
        RunError: naming each difference.
    """

    def differ(section: str, key: str) -> bool:
        return bool(run.record[section].get(key) != asked[section][key])

    named = [("config", key, setting(key)) for key in asked["config"]]
    named += [("data", "name", setting("data"))] if differ("data", "digest") else []  # a renamed file is the same data
    named += [("graph", "inputs", "inputs"), ("graph", "classes", "classes"), ("network", "kernel", setting("kernel"))]
    differences = [
        f"{shown}: the run has {run.record[section].get(key)!r}, asked for is {asked[section][key]!r}"
        for section, key, shown in named
        if differ(section, key)
    ]
    if differ("data", "digest") and not differ("data", "name"):
        differences.append(f"data: not the data that the run read ({run.record['data']['source']})")
    if differ("graph", "morphology"):
        differences.append("morphology: not the morphology of the run (see its morphology.yaml)")
    elif run.record["graph"].get("plugins") != asked["graph"].get("plugins"):
        differences.append("plugins: their source has changed since the run began")
    if not differences and (differ("graph", "seed") or differ("graph", "connectivity_hash")):
        differences.append("wiring: compiled with another seed, or by another version of NumPy or dendrograph")
    if not differences and "reach" in run.record:  # older runs do not record what was frozen
        differences += _frozen_differently(run.frozen, asked["network"])
    if not differences and differ("network", "kernels"):
        differences.append("kernels: some projections would use other kernels than those in run.json")
    if not differences and not begun and differ("network", "initial_weights"):
        differences.append("initial weights: not those that the run began with; build the network again")
    if differences:
        listed = "\n  ".join(differences)
        raise RunError(
            f"{run.folder}: a run goes on only as it began\n  {listed}\n  or give another folder by {argument('out')}"
        )


def _frozen_differently(had: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """The parameters that only one of two networks of one graph trains, in words."""
    frozen, unfrozen = (({*had.get(kind, ())}, {*asked.get(kind, ())}) for kind in ("frozen", "unfrozen"))
    only_then = (frozen[1] - frozen[0]) | (unfrozen[0] - unfrozen[1])
    only_now = (frozen[0] - frozen[1]) | (unfrozen[1] - unfrozen[0])
    remedy = "set requires_grad as it was, by network.freeze(**run.frozen)"
    found = [f"frozen: the run trains {', '.join(sorted(only_then))}, the network does not"] * bool(only_then)
    found += [f"frozen: the run does not train {', '.join(sorted(only_now))}, the network does"] * bool(only_now)
    return [f"{line}: {remedy}" for line in found]


def changed_surroundings(run: Run, asked: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Versions and machine that differ from the begin of the run, so that results may differ in rounding."""
    before = run.record.get("surroundings", {})
    return [
        f"the run began with {key} {before.get(key)} and goes on with {value}: results may differ in the last digits"
        for key, value in asked["surroundings"].items()
        if before.get(key) != value and not (key == "threads" and run.threads and has_cores(run.threads))
    ]
