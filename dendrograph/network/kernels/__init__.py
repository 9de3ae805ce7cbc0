"""Kernels: ways to run one projection, u[t] = sum of w[e] x[s] over the edges e = (s, t).

Where the projection says so, the message of an edge is g(w[e] x[s]), and a maximum, a minimum or a product takes the
place of the sum (kernels/messages.py); most kernels refuse that, and say so.

A kernel is one file, a module with these names:

    NAME, HOW                          what the plan prints
    reasons_against(projection, device) why it cannot run the projection there; an empty tuple says that it can
    prepare(projection)                indices (tensors or `Edges`), made once; they have a method `to(device)`
    apply(weight, x, targets, *index)  (edges,), (sources, batch) -> (targets, batch); differentiable twice

Values are kept units first, (units, batch). The order of `KERNELS` is the order in which the plan tries them; what
stands behind it is measured in benchmarks/.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels import compiled, dense, fused, reference, scatter, tree


class Kernel(Protocol):
    """The contract; every module in `KERNELS` fulfils it."""

    NAME: str
    HOW: str

    def reasons_against(self, projection: Projection, device: str = "cpu") -> tuple[str, ...]:
        """Why the kernel cannot run the projection there; empty where it can."""

    def prepare(self, projection: Projection) -> tuple[Any, ...]:
        """Indices that `apply` takes."""

    def apply(self, weight: Tensor, x: Tensor, targets: int, *index: Any) -> Tensor:
        """Run the projection: (edges,), (sources, batch) -> (targets, batch)."""


KERNELS: tuple[Kernel, ...] = cast("tuple[Kernel, ...]", (tree, dense, compiled, fused, scatter, reference))
