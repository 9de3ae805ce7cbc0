"""The package's own compiled passes for CPUs (cpp/native.cpp), an optional part of the build.

A pass works on the batch in tiles of samples that fit the registers. A source that several compartments share is then
read from the nearest cache, and nothing is stored between gathering and summing. 16-bit numbers are summed in 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels.fused import FUSED
from dendrograph.network.kernels.kernel import is_traced
from dendrograph.network.kernels.sparse import Edges, SparseKernel, match_dtype

try:
    native: Any = import_module("dendrograph.network.kernels._native")
except ImportError:
    native = None

NARROW = (torch.bfloat16, torch.float16)
DTYPES = (torch.float32, torch.float64, *NARROW)


class CompiledKernel(SparseKernel):
    """The sparse product by the compiled passes."""

    name = "compiled"
    description = f"one pass over tiles of the batch, {native.instruction_set()}" if native else "not built"

    def reasons_against(self, projection: Projection, device: str = "cpu") -> tuple[str, ...]:
        """Serve every linear projection on a CPU, if the passes were built."""
        if reasons := super().reasons_against(projection, device):
            return reasons
        if native is None:
            return ("it was not built: the package was installed without a C++ compiler",)
        if torch.device(device).type != "cpu":
            return (f"it runs on CPUs, and the network is on {device}",)
        if max(projection.edges, projection.sources, projection.targets) >= 2**31 - 64:
            return ("more than 2^31 edges",)
        return ()

    def apply(self, weight: Tensor, x: Tensor, targets: int, *index: Edges) -> Tensor:
        """u[t] = sum of w[e] x[s] over the edges of t."""
        x = match_dtype(x, weight)
        if not can_take_addresses(weight):
            return FUSED.apply(weight, x, targets, *index)
        if weight.dtype in NARROW:
            return self.apply(weight.float(), x.float(), targets, *index).to(weight.dtype)
        index[0].check(weight, x)
        return super().apply(weight, x, targets, *index)

    def multiply(self, edges: Edges, weight: Tensor, x: Tensor) -> Tensor:
        """u[r] = sum of w[e] x[c] over the edges e = (r, c)."""
        return _run(native.product, edges, weight, x, x.new_empty((edges.row_count, x.shape[1])))

    def dots(self, edges: Edges, g: Tensor, x: Tensor) -> Tensor:
        """d[e] = sum of g[r] x[c] over the batch."""
        return _run(native.dots, edges, g, x, x.new_empty(edges.columns.shape))


COMPILED = CompiledKernel()


def _run(native_pass: Callable[..., None], edges: Edges, operand: Tensor, x: Tensor, result: Tensor) -> Tensor:
    packed, operand = tiles(x), operand.contiguous()
    addresses = operand.data_ptr(), packed.data_ptr(), result.data_ptr()
    native_pass(*width_and_threads(x), edges.addresses, x.shape[1], *addresses)
    return result


def can_take_addresses(weight: Tensor) -> bool:
    """Whether the passes can run: they serve the type, and PyTorch does not record the operations."""
    return weight.dtype in DTYPES and not is_traced()


def tiles(x: Tensor) -> Tensor:
    """The values (units, batch), of any strides, in the layout of the passes; zeros fill up the batch."""
    units, batch = x.shape
    wide, threads = width_and_threads(x)
    lanes = native.lanes(wide)
    packed = torch.empty(units * -(-batch // lanes) * lanes, dtype=x.dtype)
    native.pack(wide, threads, x.data_ptr(), units, batch, *x.stride(), packed.data_ptr())
    return packed


def gather_samples(samples: Tensor, numbers: Tensor, scale: float) -> Tensor:
    """Some samples of bytes as a batch of floats, each divided by `scale`.

    One pass replaces three: gathering, converting and dividing a batch one after the other takes a tenth of the step of
    a small network.

    Args:
        samples: bytes, shape (samples, *shape).
        numbers: the samples of the batch, shape (batch,).
        scale: the divisor.

    Returns:
        Shape (batch, *shape), float32.

    Raises:
        IndexError: a sample does not exist.
    """
    samples, numbers = samples.contiguous(), numbers.to(torch.int64).contiguous()
    result = torch.empty((len(numbers), *samples.shape[1:]), dtype=torch.float32)
    size = samples[:1].numel()
    addresses = (tensor.data_ptr() for tensor in (samples, numbers, result))
    native.rows(torch.get_num_threads(), *addresses, len(samples), len(numbers), size, scale)
    return result


def width_and_threads(x: Tensor) -> tuple[bool, int]:
    """The first arguments of every pass: whether the numbers have 64 bits, and the number of threads."""
    return x.dtype == torch.float64, torch.get_num_threads()
