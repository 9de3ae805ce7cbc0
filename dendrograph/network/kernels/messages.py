"""Messages one by one: what an edge carries, and how a compartment reduces what reaches it.

    m[e] = g(w[e] x[s])        u[t] = sum, max, min or product of m[e] over the edges e = (s, t)

A compartment without edges gets what changes nothing: 0 of a sum, -inf of a maximum, inf of a minimum, 1 of a product.
Where several messages are the greatest, the first of them, in the order of the edge index, gets the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.morphology.nonlinearities import Function, bind
from dendrograph.network.kernels.tracing import traced

Scatter = Callable[..., Any]  # torch-scatter's functions

NEUTRAL = {"sum": 0.0, "max": -math.inf, "min": math.inf, "product": 1.0}


@dataclass(frozen=True, eq=False)
class Reduction:
    """How messages are made and reduced; `widest` is the greatest number of edges onto one target."""

    rule: str
    function: Function | None
    widest: int

    @classmethod
    def of(cls, projection: Projection) -> Reduction:
        """Of a projection."""
        synapse = projection.nonlinearity
        function = bind(synapse.name, dict(synapse.parameters)) if synapse else None
        return cls(projection.reduce, function, int(projection.fan_in().max(initial=0)))

    def to(self, device: torch.device | str) -> Reduction:
        """Itself: it holds no tensor."""
        return self

    def messages(self, weight: Tensor, x: Tensor) -> Tensor:
        """One an edge: (edges,), (edges, batch) -> (edges, batch)."""
        messages = weight.unsqueeze(1) * x
        return messages if self.function is None else self.function(messages)


def summed(messages: Tensor, target: Tensor, targets: int, scatter: Scatter | None) -> Tensor:
    """(edges, batch) -> (targets, batch); `scatter` is torch-scatter's, or nothing for PyTorch's own operation."""
    if scatter is not None:
        return scatter(messages, target, dim=0, dim_size=targets, reduce="sum")
    return messages.new_zeros((targets, messages.shape[1])).index_add(0, target, messages)


def greatest(messages: Tensor, target: Tensor, targets: int, scatter_max: Scatter | None) -> Tensor:
    """(edges, batch) -> (targets, batch). Found without gradients; these then pass through the one that was found."""
    edges, batch = messages.shape
    with torch.no_grad():
        if scatter_max is not None and edges and not traced():
            _, found = scatter_max(messages.contiguous(), target, dim=0, dim_size=targets)
        else:
            places = target.unsqueeze(1).expand(edges, batch)
            best = messages.new_full((targets, batch), -math.inf).scatter_reduce(0, places, messages, "amax")
            numbers = torch.arange(edges, device=target.device).unsqueeze(1).expand(edges, batch)
            equal = (messages == best.index_select(0, target)) | messages.isnan()
            candidates = torch.where(equal, numbers, edges)
            found = torch.full_like(best, edges, dtype=torch.int64).scatter_reduce(0, places, candidates, "amin")
    nothing = messages.new_full((1, batch), -math.inf)
    return torch.cat([messages, nothing]).gather(0, found)


def multiplied(messages: Tensor, target: Tensor, targets: int, widest: int) -> Tensor:
    """(edges, batch) -> (targets, batch), edges sorted by target.

    By rows that are filled up with ones: torch-scatter divides by the message to find its gradient, which is not a
    number where the message is 0.
    """
    edges, batch = messages.shape
    first = torch.searchsorted(target.contiguous(), torch.arange(targets, device=target.device))
    place = torch.arange(edges, device=target.device) - first.index_select(0, target) + target * widest
    rows = messages.new_ones((targets * widest, batch)).index_copy(0, place, messages)
    return rows.view(targets, widest, batch).prod(1)
