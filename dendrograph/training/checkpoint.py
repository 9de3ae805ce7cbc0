"""The checkpoint file: the state that a resume needs, with a SHA-256 of its content.

It is a file of `torch.save` that holds tensors, numbers, text, lists and mappings only; reading it
executes nothing. Before use, everything in it is checked against the network and the configuration.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dendrograph.base.errors import RunError, clip
from dendrograph.base.json_files import Each, Form, Value, check_form, number, seal, whole
from dendrograph.training.config import TrainConfig
from dendrograph.training.run_format import HISTORY

FORMAT = 3  # 3: with a SHA-256
UNSEALED = 2  # the same without it, as earlier versions wrote it; 1 kept the optimizer's state for each parameter
ANEW = "delete this file, and the run begins anew"
COUNTED_EXACTLY = 2**24  # optimizers count their steps in float32

_TENSORS = Each(dict, Value("a tensor", lambda found: _is_plain(found)))
_NUMBERS = (torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64)
Kind = tuple[torch.Size, torch.dtype]

STATE: Form = {
    "network": _TENSORS,
    "optimizer": {
        "state": Each(dict, _TENSORS),
        "param_groups": Value("a list of one mapping of plain values", lambda found: _is_one_mapping(found)),
    },
    "history": HISTORY,
    "best_epoch": whole(0),
    "best": _TENSORS,
    "seconds": number(0, 1e12),
}


def _is_plain(found: Any) -> bool:
    """Whether a value is a plain tensor of numbers in memory, not a lazy, nested or sparse one."""
    if type(found) not in (Tensor, nn.Parameter) or found.is_nested or found.is_neg() or found._is_zerotensor():
        return False
    return (found.layout, found.device.type) == (torch.strided, "cpu") and found.dtype in _NUMBERS


def _is_one_mapping(found: Any) -> bool:
    if not (isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict)):
        return False
    values = (part if isinstance(part, list | tuple) else [part] for part in found[0].values())
    plain = (bool, int, float, str, type(None))
    return all(len(several) <= 2 and all(type(one) in plain for one in several) for several in values)


def encode(run: str, state: Mapping[str, Any]) -> bytes:
    """Encode a checkpoint.

    Args:
        run: the identity of the run.
        state: the fields of `STATE`.
    """
    content = {"run": run, "checkpoint_format": FORMAT, **state}
    stream = io.BytesIO()
    torch.save({**content, "sha256": digest(content)}, stream)
    return stream.getvalue()


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of all values; tensors with their types, shapes and bytes."""
    return seal(_plain(content))


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        flat = value.detach().cpu().contiguous().view(-1)
        content = hashlib.sha256(flat.view(torch.uint8).numpy().data).hexdigest()
        return [str(value.dtype), list(value.shape), content]
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def decode(path: Path, content: bytes, run: str) -> dict[str, Any]:
    """Decode a checkpoint: the fields of `STATE`, each of its type and within its range.

    Args:
        path: of the file, for messages.
        content: its bytes.
        run: the identity of the run that it must belong to.

    Raises:
        RunError: the file is damaged or changed, or belongs to another run or version.
    """
    state = _loaded(content)
    if not isinstance(state, dict):
        raise RunError(f"{path}: damaged, or no checkpoint\n  {ANEW}")
    if not isinstance(state.get("run"), str) or state["run"] != run:
        raise RunError(f"{path}: not this run's checkpoint\n  was it copied from another run, or run.json changed?")
    version = state.get("checkpoint_format")
    if type(version) is not int or version not in (FORMAT, UNSEALED):
        remedy = f"go on with that version, or {ANEW}"
        raise RunError(f"{path}: written by another version of dendrograph, which keeps it in another form\n  {remedy}")
    assert isinstance(STATE, Mapping)
    known = {*STATE, "run", "checkpoint_format"} | ({"sha256"} if version == FORMAT else set())
    if unknown := [key for key in state if key not in known]:
        raise RunError(f"{path}: damaged: it holds {clip(repr(unknown[0]))}, which no checkpoint has\n  {ANEW}")
    check_form(state, STATE, path, remedy=ANEW)
    tensors = [*state["network"].values(), *state["best"].values()]
    tensors += [tensor for values in state["optimizer"]["state"].values() for tensor in values.values()]
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors) > len(content):
        raise RunError(f"{path}: damaged: its tensors are larger than the file\n  {ANEW}")
    given = state.pop("sha256", None)
    if version == FORMAT and not (isinstance(given, str) and given == _digest_of_read(state)):
        raise RunError(f"{path}: damaged or changed: its content is not what its SHA-256 says\n  {ANEW}")
    owned: dict[str, Any] = _owned(state)
    return owned


def _owned(value: Any) -> Any:
    """A copy in which each tensor has separate, contiguous memory, since optimizers write to it in place."""
    if isinstance(value, Tensor):
        return value.detach().clone(memory_format=torch.contiguous_format)
    return {key: _owned(part) for key, part in value.items()} if isinstance(value, dict) else value


def _loaded(content: bytes) -> Any:
    """The content of a file of `torch.save`; None if it is damaged.

    Compressed files are refused, so that no file unpacks to more than its size.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            orders = [archive.read(part) for part in parts if part.filename.endswith("/byteorder")]
            stored = all(part.compress_type == zipfile.ZIP_STORED for part in parts)
            large = sum(part.file_size for part in parts) > len(content)
            twice = len({part.filename for part in parts}) < len(parts)
            # torch.load itself compares no checksums, and swaps the bytes of another order in place.
            if not stored or large or twice or orders != [sys.byteorder.encode()] or archive.testzip():
                return None
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)  # noqa: TID251
    except Exception:  # noqa: BLE001 (the readers meet damage with errors of many types, none of them documented)
        return None


def _digest_of_read(state: Mapping[str, Any]) -> str | None:
    try:
        return digest(state)
    except (TypeError, ValueError, RecursionError):  # values that are not plain stand among the optimizer's settings
        return None


def check_checkpoint(
    state: Mapping[str, Any],
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    steps: int,
) -> None:
    """Check that a checkpoint fits the training that goes on from it.

    Args:
        state: from `decode`.
        path: of its file.
        network: the network to restore.
        optimizer: an optimizer of one number after one step; its state shows the form of the state.
        config: of the training.
        steps: optimizer steps per epoch.

    Raises:
        RunError: naming the part that does not fit.
    """

    def refuse(place: str, problem: str) -> None:
        raise RunError(f"{path}: damaged or changed: {place}: {problem}\n  {ANEW}")

    def hold_tensors(place: str, found: Mapping[str, Tensor], wanted: Mapping[str, Kind]) -> None:
        if odd := sorted(map(str, found.keys() ^ wanted.keys())):
            refuse(place, f"{'has no' if odd[0] in wanted else 'has'} {clip(odd[0])}, unlike this run's network")
        for name, (shape, kind) in wanted.items():
            if (found[name].shape, found[name].dtype) != (shape, kind):
                given = f"{list(found[name].shape)} of {found[name].dtype}"
                refuse(f"{place}.{clip(name)}", f"a tensor of shape {given}, expected {list(shape)} of {kind}")

    weights = {name: (tensor.shape, tensor.dtype) for name, tensor in network.state_dict().items()}
    hold_tensors("network", state["network"], weights)
    hold_tensors("best", state["best"], weights if config.early_stop else {})
    history = state["history"]
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    size, like = sum(parameter.numel() for parameter in trained), optimizer.state_dict()
    if state["optimizer"]["state"].keys() != like["state"].keys():
        refuse("optimizer.state", "not that of one vector of parameters")
    for key, values in like["state"].items():
        wanted = {
            name: (torch.Size([size]) if value.dim() else value.shape, value.dtype) for name, value in values.items()
        }
        found = state["optimizer"]["state"][key]
        if "step" in found and found["step"].dtype == torch.float64:  # PyTorch's default type decides
            found = {**found, "step": found["step"].float()}
        hold_tensors("optimizer", found, wanted)
        for name in ("exp_avg_sq", "square_avg"):
            if name in found and bool((found[name] < 0).any()):
                refuse(f"optimizer.{name}", "a mean of squares that is below 0")
        if "step" in found and float(found["step"]) != min(steps * len(history), COUNTED_EXACTLY):
            refuse("optimizer.step", f"{float(found['step']):g}, expected {steps * len(history)}")
    group = state["optimizer"]["param_groups"][0]
    for name, value in like["param_groups"][0].items():  # other versions of PyTorch know more settings, or fewer
        if name in group and (type(group[name]) is not type(value) or group[name] != value):
            refuse(f"optimizer.{name}", f"{clip(repr(group[name]))}, but the run's is {value!r}")
    if len(history) > (config.epochs or 0):
        refuse("history", f"{len(history)} epochs, the run has {config.epochs}")
    losses = [row["validation_loss"] for row in history]
    best = 1 + losses.index(min(losses)) if config.early_stop else 0
    if state["best_epoch"] != best:
        refuse("best_epoch", f"{state['best_epoch']}, by its history it is {best}")
