"""The reference: a plain loop over edges, in the order of the edge index. It is slow and hard to get wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.morphology.nonlinearities import Function, bind
from dendrograph.network.kernels.kernel import Kernel

# The value of a compartment without edges: it changes nothing when it is combined with a message.
NEUTRAL = {"sum": 0.0, "max": -math.inf, "min": math.inf, "product": 1.0}

# How the next message joins those before it. Of equal messages the first stays and gets the gradient.
JOIN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "max": lambda before, message: torch.where(message > before, message, before),
    "min": lambda before, message: torch.where(message < before, message, before),
    "product": torch.mul,
}


@dataclass(frozen=True, eq=False)
class Messages:
    """How the edges of a projection make messages, and how a target combines them.

        m[e] = g(w[e] x[s])        u[t] = sum, max, min or product of m[e] over the edges e = (s, t)

    Attributes:
        rule: `sum`, `max`, `min` or `product`.
        function: the nonlinearity g of each synapse; None for linear messages.
        largest_fan_in: the greatest number of edges onto one target.
    """

    rule: str
    function: Function | None
    largest_fan_in: int

    @classmethod
    def of(cls, projection: Projection) -> Messages:
        """The messages of a projection."""
        synapse = projection.nonlinearity
        function = bind(synapse.name, dict(synapse.parameters)) if synapse else None
        return cls(projection.reduce, function, int(projection.fan_in().max(initial=0)))

    def to(self, device: torch.device | str) -> Messages:
        """Return the object itself, because it holds no tensor."""
        return self

    def make(self, weight: Tensor, x: Tensor) -> Tensor:
        """The message of each edge: (edges,), (edges, batch) -> (edges, batch)."""
        messages = weight.unsqueeze(1) * x
        return messages if self.function is None else self.function(messages)


class ReferenceKernel(Kernel):
    """One edge after the other. It serves everything, and every other kernel is tested against it."""

    name = "reference"
    description = "a plain loop over edges"

    def reasons_against(self, projection: Projection, device: str = "cpu") -> tuple[str, ...]:
        """Serve everything."""
        return ()

    def prepare(self, projection: Projection) -> tuple[Any, ...]:
        """The edge index, and how messages are made."""
        return projection.edge_index, Messages.of(projection)

    def apply(self, weight: Tensor, x: Tensor, targets: int, *index: Any) -> Tensor:
        """Combine the messages g(w[e] x[s]) of each target, one edge after the other."""
        edge_index, messages = index
        combined: list[Tensor] = [x.new_full(x.shape[1:], NEUTRAL[messages.rule]) for _ in range(targets)]
        for edge, (source, target) in enumerate(edge_index.t().tolist()):
            message = messages.make(weight[edge : edge + 1], x[source : source + 1])[0]
            combined[target] = JOIN[messages.rule](combined[target], message)
        return torch.stack(combined) if combined else x.new_zeros((0, *x.shape[1:]))


REFERENCE = ReferenceKernel()
