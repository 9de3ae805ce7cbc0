"""Distributed training: the processes that train one network together, started by `torchrun`; usually there is one.

Every process holds the whole network and works on its share of each batch. The gradients are summed over all processes,
so each makes the same step. Only the first process writes files. The processes exchange tensors alone, and execute
nothing that they receive.
"""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

import torch
import torch.distributed as dist
from torch import Tensor

from dendrograph.base.errors import RunError, argument


@dataclass(frozen=True)
class Ranks:
    """The rank of this process, from 0, among `size` processes."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def share(self, number: int) -> slice:
        """The share of this process in `number` samples."""
        return slice(number * self.rank // self.size, number * (self.rank + 1) // self.size)

    def sum(self, tensor: Tensor) -> None:
        """Sum a tensor over all processes, in place."""
        if self.size > 1:
            with _others_there():
                dist.all_reduce(tensor)

    def send(self, content: bytes | None) -> bytes:
        """Send bytes from the first process to all."""
        if self.size == 1:
            return content or b""
        length = torch.tensor([len(content or b"")])
        with _others_there():
            dist.broadcast(length, 0)
            sent = torch.zeros(int(length), dtype=torch.uint8)
            if content:
                sent[:] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            if len(sent):
                dist.broadcast(sent, 0)
        return sent.numpy().tobytes()

    def agree(self, facts: Mapping[str, str]) -> None:
        """Check that all processes have the same facts as the first.

        Raises:
            RunError: in every process, naming the facts and the processes that differ.
        """
        if self.size == 1:
            return
        digests = b"".join(hashlib.sha256(fact.encode()).digest() for fact in facts.values())
        own = torch.frombuffer(bytearray(digests), dtype=torch.uint8)
        every = [torch.empty_like(own) for _ in range(self.size)]
        with _others_there():
            dist.all_gather(every, own)
        rows = torch.stack(every).view(self.size, len(facts), -1)
        different = (rows != rows[0]).any(2)
        if bool(different.any()):
            listed = "\n  ".join(
                f"{name}: process {', '.join(str(int(rank)) for rank in different[:, number].nonzero())}"
                for number, name in enumerate(facts)
                if bool(different[:, number].any())
            )
            raise RunError(
                f"the processes do not train the same thing: these differ from process 0\n  {listed}\n"
                "  start all with the same arguments, files and versions"
            )


ALONE = Ranks()


@contextmanager
def _others_there() -> Iterator[None]:
    """Turn the error of a lost connection into a message.

    Raises:
        RunError: another process has ended.
    """
    try:
        yield
    except RuntimeError as error:  # the only error of torch.distributed for a closed connection
        raise RunError(
            f"another process of this training has ended before this one ({str(error).splitlines()[0]})\n"
            f"  its own message says why; a run that had begun goes on by {argument('resume', True)}"
        ) from None


def join(device: str) -> Ranks:
    """Join the processes that train together: those of `torchrun`, or those that have joined already.

    A process stays joined until it ends, so that a script may train several times.

    Args:
        device: device of the network.

    Raises:
        RunError: the others cannot be reached.
    """
    if started() <= 1:
        return ALONE
    if not dist.is_initialized():
        # Bytes are exchanged between CPUs, on any device.
        backend = "cpu:gloo,cuda:nccl" if torch.device(device).type == "cuda" else "gloo"
        # As a default, its functions take the group that is there when it is imported. Imported later (by an optimizer)
        # it would keep the group past `_leave`, and the group's threads could abort the process at the very end.
        import_module("torch.distributed.nn")
        try:
            dist.init_process_group(backend)
        except (RuntimeError, ValueError) as error:  # both are what it raises where a variable or a process is missing
            raise RunError(f"the processes of this training cannot reach each other: {error}") from None
        atexit.register(_leave)
    return Ranks(dist.get_rank(), dist.get_world_size())


def _leave() -> None:
    """Leave the group before the interpreter shuts down, so that the threads that exchange tensors end."""
    if dist.is_initialized():
        dist.destroy_process_group()


def started() -> int:
    """The number of processes that train together; 1 without `torchrun`."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size()
    given = os.environ.get("WORLD_SIZE", "1") if "MASTER_ADDR" in os.environ else "1"
    if not given.isdecimal():
        raise RunError(f"the environment variable WORLD_SIZE is '{given}', but must be a whole number\n  unset it")
    return int(given)


def own_device(device: str) -> str:
    """The device of this process: `cuda` becomes the GPU of its local rank."""
    if device == "cuda" and started() > 1:
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return device
