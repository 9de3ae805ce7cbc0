"""How much memory a network needs and how much this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

BLOCK = 1 << 16  # elements of a scratch array: half a megabyte of numbers, which a processor's cache holds

# While training in float32: weight, gradient, its place in the vector of all gradients, and Adam's two moments are 20
# bytes. Sampled wiring is kept as source and target (8), and, where its sources are compartments, once more sorted by
# source (12, and 8 while it is sorted). benchmarks/scale.py measures what is really taken.
BYTES_PER_SAMPLED_SYNAPSE = 48
BYTES_PER_DENSE_SYNAPSE = 20
BYTES_PER_COMPARTMENT = 4 * 128 * 4  # a batch of 128: input, output and their gradients
BYTES_PER_MESSAGE = 4 * 128 * 4  # where messages are no products that can be summed as they come: the same an edge


def blocks(rows: int, width: int = 1) -> Iterator[slice]:
    """Rows in blocks of about `BLOCK` elements, so that what is only made on the way stays small in any network."""
    step = max(1, BLOCK // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def available() -> int:
    """Bytes that this process may still take: the machine's, or fewer where a control group allows fewer."""
    free = int(psutil.virtual_memory().available)
    try:
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return min(free, max(0, limit - used))


def needed(sampled: int, dense: int, compartments: int, messages: int = 0) -> int:
    """Bytes that training takes, for so many sampled synapses and cables, all-to-all synapses, and compartments.

    `messages` counts the edges whose messages are stored: a nonlinearity of the synapse, or a maximum, say.
    """
    weights = sampled * BYTES_PER_SAMPLED_SYNAPSE + dense * BYTES_PER_DENSE_SYNAPSE
    return weights + compartments * BYTES_PER_COMPARTMENT + messages * BYTES_PER_MESSAGE


def shown(size: float) -> str:
    """`1.5 GB`."""
    if size >= 1e18:
        return "more than a million TB"
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
