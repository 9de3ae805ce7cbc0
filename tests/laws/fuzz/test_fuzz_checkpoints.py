"""Checkpoints with a fault: going on refuses them by name, or ends as the run that had none; no interpreter crashes.

Each is tried in a process of a pool, which is replaced when it dies.
"""

from __future__ import annotations

import io
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from small import train_named

from dendrograph.base.errors import DendrographError
from dendrograph.training import checkpoint
from dendrograph.training import loop as training

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
NUMBERS: tuple[Any, ...] = (None, True, -1, 0, 1.5, 99, 10**9, 10**400, float("nan"), float("inf"), "1", [], {}, [1, 2])


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each optimizer a run that was interrupted after its first epoch."""
    top = tmp_path_factory.mktemp("checkpoints")
    morphology, keep, folders = str(small.morphology_file(top)), training.finish_epoch, {}

    def stopped(*arguments: Any) -> None:
        keep(*arguments)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dendrograph.training.loop.finish_epoch", stopped)
        for optimizer in OPTIMIZERS:
            settings = {"epochs": 2, "optimizer": optimizer, "batch_size": 512, "early_stop": optimizer == "adam"}
            folders[optimizer] = top / optimizer
            with pytest.raises(KeyboardInterrupt):
                train_named(morphology, settings=settings, out=folders[optimizer], progress=False)
    return folders


@pytest.fixture(scope="module")
def ends(begun: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The SHA-256 of the weights with which each run ends."""
    found = {}
    for optimizer, folder in begun.items():
        copy = tmp_path_factory.mktemp("ends") / "run"
        shutil.copytree(folder, copy)
        found[optimizer] = go_on(str(copy))
    return found


def go_on(folder: str) -> str:
    """What a run ends with, or the refusal."""
    try:
        return str(train_named(folder, resume=True, progress=False).metrics["weights"])
    except DendrographError as error:
        return f"refused: {error}"


# -- what is done to a checkpoint --------------------------------------------------------------------------------------


def other_tensor(tensor: torch.Tensor, chance: random.Random) -> Any:
    """Something in the place of a tensor: another size, type, layout, place in memory, or values."""
    match chance.randrange(20):
        case 0:
            return tensor.reshape(-1)[:1].clone()
        case 1:
            return torch.zeros(0)
        case 2:
            return torch.cat([tensor.reshape(-1), torch.zeros(1)])
        case 3:
            return tensor.reshape(1, -1).clone()
        case 4:
            return tensor.to(chance.choice([torch.float64, torch.float16, torch.int64, torch.bool, torch.complex64]))
        case 5:
            return tensor.reshape(-1).to_sparse()
        case 6:
            return torch.zeros(1).expand(10**12)
        case 7:
            return tensor + 1
        case 8:
            return tensor.reshape(-1)[:1].expand(tensor.numel()) + 0 * tensor.reshape(-1)
        case 9:
            return torch.empty_like(tensor, device="meta")
        case 10:
            return tensor.tolist()
        case 11:
            return torch.stack([tensor, torch.zeros_like(tensor)], -1)[..., 0]  # the same values, with gaps
        case 12:
            return torch.cat([tensor.reshape(-1), torch.zeros(7)])[: tensor.numel()].view(tensor.shape)
        case 13:
            return torch.zeros(1).expand(tensor.shape)
        case 14:
            return tensor.clone().requires_grad_() if chance.random() < 0.5 else torch.nn.Parameter(tensor)
        case 15:
            return torch._neg_view(tensor)
        case 16:
            return torch.conj(tensor.to(torch.complex64))
        case 17:
            layout = chance.choice([torch.strided, torch.jagged])
            return torch.nested.nested_tensor([tensor.reshape(-1)], layout=layout)
        case 18:
            return torch.empty(tensor.shape, dtype=torch.bits8)
        case _:
            return chance.choice(NUMBERS)


def share(state: Any, chance: random.Random) -> None:
    """Both vectors of an optimizer are one tensor, or lie in one number; the file is large enough for them."""
    vectors = next(iter(state["optimizer"]["state"].values()), {})
    long = [name for name, value in vectors.items() if isinstance(value, torch.Tensor) and value.dim()]
    for name in long:
        vectors[name] = vectors[long[0]] if chance.random() < 0.5 else torch.zeros(1).expand(vectors[name].shape)
    name = chance.choice(list(state["network"]))
    inner = state["network"][name]
    state["network"][name] = torch.cat([inner.reshape(-1), torch.zeros(10**5)])[: inner.numel()].view(inner.shape)


def changed(state: Any, chance: random.Random) -> Any:
    """One value of it gone, or another."""
    inner, parts = state, []
    while isinstance(inner, dict | list) and len(inner):
        key = chance.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        parts.append((inner, key))
        inner = inner[key]
        if chance.random() < 0.15:
            break
    inner, key = parts[-1]
    match chance.randrange(9):
        case 0 if isinstance(inner, dict):
            del inner[key]
        case 1 if isinstance(inner, dict):
            inner[chance.choice(["more", 7, None, "\udce9"])] = inner[key]
        case 2 if isinstance(inner, list):
            inner.append(inner[key])
        case 3 if isinstance(inner[key], torch.Tensor):
            share(state, chance)
        case _ if isinstance(inner[key], torch.Tensor):
            inner[key] = other_tensor(inner[key], chance)
        case _:
            inner[key] = chance.choice(NUMBERS)
    return state


def rezipped(content: bytes, change: Callable[[zipfile.ZipInfo, bytes], bytes], compression: int) -> bytes:
    """The same archive, with other content of its parts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", compression) as new:
        for part in old.infolist():
            new.writestr(part.filename, change(part, old.read(part)))
    return stream.getvalue()


def with_other_sizes(content: bytes, chance: random.Random) -> bytes:
    """Numbers of the pickle that say how long a tensor is, and bytes of its instructions, are others."""

    def change(part: zipfile.ZipInfo, old: bytes) -> bytes:
        if not part.filename.endswith("data.pkl"):
            return old
        new = bytearray(old)
        for _ in range(chance.choice([1, 1, 3])):
            new[chance.randrange(len(new))] = chance.choice([0, 1, 0x7F, 0xFF, chance.randrange(256)])
        return bytes(new)

    return rezipped(content, change, zipfile.ZIP_STORED)


def mutated(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """What was done, and the file."""
    match chance.randrange(8):
        case 0:
            new = bytearray(content)
            for _ in range(chance.choice([1, 4])):
                new[chance.randrange(len(new))] ^= 1 << chance.randrange(8)
            return "bits", bytes(new)
        case 1:
            return "cut", content[: chance.randrange(len(content))]
        case 2:
            return "pickle", with_other_sizes(content, chance)
        case 3:
            kind = chance.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
            zeros = bytes(chance.choice([0, 1, 10**6, 10**8]) if kind == zipfile.ZIP_DEFLATED else 3)
            return "parts", rezipped(content, lambda part, old: zeros if "/data/" in part.filename else old, kind)
    state = changed(torch.load(io.BytesIO(content), weights_only=True), chance)
    kind = chance.choice(["as it is", "sealed anew", "as an older version"])
    if kind == "sealed anew" and isinstance(state, dict):
        state.pop("sha256", None)
        try:
            state["sha256"] = checkpoint.digest(state)
        except (TypeError, ValueError, RuntimeError, NotImplementedError):
            state["sha256"] = "0" * 64
    elif kind == "as an older version" and isinstance(state, dict):
        state = {key: value for key, value in state.items() if key != "sha256"}
        state["checkpoint_format"] = checkpoint.UNSEALED
    stream = io.BytesIO()
    torch.save(state, stream)
    return kind, stream.getvalue()


# -- what becomes of it ------------------------------------------------------------------------------------------------


class Pool:
    """One process that tries one folder after the other; another one takes its place when it dies."""

    def __init__(self) -> None:
        self.processes = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=small.processes)

    def go_on(self, folder: Path) -> str:
        try:
            return self.processes.submit(go_on, str(folder)).result()
        except BrokenProcessPool:
            self.processes = self._new()
            return "the interpreter died"
        except Exception as error:  # noqa: BLE001 (what no user may see)
            return f"{type(error).__name__}: {error}"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.processes.shutdown()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.fuzz("checkpoints", 1000)
def test_a_checkpoint_is_whole_or_refused(
    seeds: range,
    tally: Callable[[str], None],
    begun: dict[str, Path],
    ends: dict[str, str],
    pool: Pool,
    tmp_path: Path,
) -> None:
    faults = []
    for seed in seeds:
        chance = random.Random(seed)
        optimizer = chance.choice(OPTIMIZERS)
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(begun[optimizer], folder)
        path = folder / "checkpoint.pt"
        what, content = mutated(path.read_bytes(), chance)
        path.write_bytes(content)
        if what == "as an older version":
            small.as_older(folder)
        found = pool.go_on(folder)
        whole = found == ends[optimizer]
        refused = found.startswith(f"refused: {path}") and "\n  " in found
        # Values that somebody seals anew, or an older version's optimizer, are held by shape and type alone.
        values = not (whole or refused) and what in ("sealed anew", "as an older version") and len(found) == 64
        if values:
            tally("other values, sealed anew")
        else:
            tally("ends as without a fault" if whole else "refused" if refused else "neither")
            faults += [] if whole or refused else [f"seed {seed}: {what}, {optimizer}: {found}"]
    assert not faults, "\n".join(faults)
