"""The oracle: a plain loop over edges, in the order of the edge index. Slow, and hard to get wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels.messages import NEUTRAL, Reduction

NAME = "reference"
HOW = "a plain loop over edges"

# The next message joins those before it: the first of equals stays.
JOIN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "max": lambda before, message: torch.where(message > before, message, before),
    "min": lambda before, message: torch.where(message < before, message, before),
    "product": torch.mul,
}


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
    """Serves everything."""
    return ()


def prepare(projection: Projection) -> tuple[Any, ...]:
    """The edge index, and how messages are made and reduced."""
    return projection.edge_index, Reduction.of(projection)


def apply(weight: Tensor, x: Tensor, targets: int, *index: Any) -> Tensor:
    """u[t] = what g(w[e] x[s]) over e = (s, t) reduces to, one edge after the other."""
    edge_index, how = index
    join, neutral = JOIN[how.rule], NEUTRAL[how.rule]
    reduced: list[Tensor] = [x.new_full(x.shape[1:], neutral) for _ in range(targets)]
    for edge, (source, target) in enumerate(edge_index.t().tolist()):
        message = how.messages(weight[edge : edge + 1], x[source : source + 1])[0]
        reduced[target] = join(reduced[target], message)
    return torch.stack(reduced) if reduced else x.new_zeros((0, *x.shape[1:]))
