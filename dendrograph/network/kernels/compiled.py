"""The package's own compiled passes for CPUs (native.cpp), an optional part of its build.

A batch is worked on in tiles of samples that fit the registers, so that a source that several compartments share is
read from the nearest cache, and nothing is stored between gathering and summing. 16-bit numbers are summed in 32 bits.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels import fused
from dendrograph.network.kernels.edges import Edges
from dendrograph.network.kernels.product import Primitives, like, product
from dendrograph.network.kernels.tracing import traced

try:
    native: Any = import_module("dendrograph.network.kernels._native")
except ImportError:
    native = None

NAME = "compiled"
HOW = f"one pass over tiles of the batch, {native.instruction_set()}" if native else "not built"
DTYPES = (torch.float32, torch.float64)
NARROW = (torch.bfloat16, torch.float16)


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
    """Serves every linear projection on a CPU, where it was built."""
    if projection.nonlinear:
        return (projection.nonlinear,)
    if native is None:
        return ("it was not built: the package was installed without a C++ compiler",)
    if torch.device(device).type != "cpu":
        return (f"it runs on CPUs, and the network is on {device}",)
    if max(projection.edges, projection.sources, projection.targets) >= 2**31 - 64:
        return ("more than 2^31 edges",)
    return ()


def prepare(projection: Projection) -> tuple[Edges, ...]:
    """The edges, sorted by target."""
    return (Edges.of(projection),)


def apply(weight: Tensor, x: Tensor, targets: int, *index: Edges) -> Tensor:
    """u[t] = sum of w[e] x[s] over the edges of t."""
    x = like(weight, x)
    if not can_run(weight):
        return fused.apply(weight, x, targets, *index)
    if weight.dtype in NARROW:
        return apply(weight.float(), x.float(), targets, *index).to(weight.dtype)
    index[0].check(weight, x)
    return product(cast("Primitives", sys.modules[__name__]), index[0], weight, x)


def can_run(weight: Tensor) -> bool:
    """Whether addresses may be taken: not where PyTorch must see each operation."""
    return weight.dtype in (*DTYPES, *NARROW) and not traced()


def tiles(x: Tensor) -> Tensor:
    """The values (units, batch), of any strides, as the passes read them, the batch padded with zeros."""
    units, batch = x.shape
    wide, threads = how(x)
    lanes = native.lanes(wide)
    packed = torch.empty(units * -(-batch // lanes) * lanes, dtype=x.dtype)
    native.pack(wide, threads, x.data_ptr(), units, batch, *x.stride(), packed.data_ptr())
    return packed


def multiply(edges: Edges, weight: Tensor, x: Tensor) -> Tensor:
    """u[r] = sum of w[e] x[c] over the edges e = (r, c)."""
    result = x.new_empty((len(edges.pointers) - 1, x.shape[1]))
    packed, weight = tiles(x), weight.contiguous()
    native.product(*how(x), edges.addresses, x.shape[1], weight.data_ptr(), packed.data_ptr(), result.data_ptr())
    return result


def dots(edges: Edges, g: Tensor, x: Tensor) -> Tensor:
    """d[e] = sum of g[r] x[c] over the batch."""
    result = x.new_empty(edges.columns.shape)
    packed, g = tiles(x), g.contiguous()
    native.dots(*how(x), edges.addresses, x.shape[1], g.data_ptr(), packed.data_ptr(), result.data_ptr())
    return result


def rows(samples: Tensor, numbers: Tensor, scale: float) -> Tensor:
    """Samples of bytes as a batch of floats, each divided by `scale`: what a training step reads first.

    One pass instead of three: gathered, converted and divided one after the other, a batch of images costs a tenth of a
    small network's step. Shapes (samples, *shape), (batch,) -> (batch, *shape), float32.

    Raises:
        IndexError: there is no sample of such a number.
    """
    samples, numbers = samples.contiguous(), numbers.to(torch.int64).contiguous()
    result = torch.empty((len(numbers), *samples.shape[1:]), dtype=torch.float32)
    size = samples[:1].numel()
    addresses = (tensor.data_ptr() for tensor in (samples, numbers, result))
    native.rows(torch.get_num_threads(), *addresses, len(samples), len(numbers), size, scale)
    return result


def how(x: Tensor) -> tuple[bool, int]:
    """The type of the numbers and how many threads share the work: what every pass takes first."""
    return x.dtype == torch.float64, torch.get_num_threads()
