"""Message passing as in graph networks: messages are gathered, stored, and reduced over `edge_index`.

torch-scatter reduces them if it is installed, otherwise PyTorch's own operations; both give the same results.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels.kernel import Kernel, is_traced
from dendrograph.network.kernels.reference import Messages

try:
    from torch_scatter import scatter as torch_scatter
    from torch_scatter import scatter_max as torch_scatter_max
except ImportError:
    torch_scatter = torch_scatter_max = None
    _DESCRIPTION = "index_add over the edge index (torch-scatter is not installed)"
except OSError as error:  # built for another version of PyTorch
    torch_scatter = torch_scatter_max = None
    _DESCRIPTION = f"index_add over the edge index (torch-scatter cannot be loaded: {error})"
else:
    _DESCRIPTION = "torch-scatter over the edge index"


class ScatterKernel(Kernel):
    """All messages at once. It serves everything; memory grows with edges × batch."""

    name = "scatter"
    description = _DESCRIPTION

    def reasons_against(self, projection: Projection, device: str = "cpu") -> tuple[str, ...]:
        """Serve everything."""
        return ()

    def prepare(self, projection: Projection) -> tuple[Any, ...]:
        """The edge index, and how messages are made."""
        source, target = projection.edge_index
        return source, target, Messages.of(projection)

    def apply(self, weight: Tensor, x: Tensor, targets: int, *index: Any) -> Tensor:
        """Combine the messages g(w[e] x[s]) of each target."""
        source, target, how = index
        messages = how.make(weight, x.index_select(0, source))
        match how.rule:
            case "max":
                return _greatest(messages, target, targets)
            case "min":
                return -_greatest(-messages, target, targets)
            case "product":
                return _multiplied(messages, target, targets, how.largest_fan_in)
        if torch_scatter is not None:
            return torch_scatter(messages, target, dim=0, dim_size=targets, reduce="sum")
        return messages.new_zeros((targets, messages.shape[1])).index_add(0, target, messages)


def _greatest(messages: Tensor, target: Tensor, targets: int) -> Tensor:
    """(edges, batch) -> (targets, batch). The first of equal messages, in the order of edges, gets the gradient."""
    edges, batch = messages.shape
    with torch.no_grad():
        if torch_scatter_max is not None and edges and not is_traced():
            _, found = torch_scatter_max(messages.contiguous(), target, dim=0, dim_size=targets)
        else:
            places = target.unsqueeze(1).expand(edges, batch)
            best = messages.new_full((targets, batch), -math.inf).scatter_reduce(0, places, messages, "amax")
            numbers = torch.arange(edges, device=target.device).unsqueeze(1).expand(edges, batch)
            equal = (messages == best.index_select(0, target)) | messages.isnan()
            candidates = torch.where(equal, numbers, edges)
            found = torch.full_like(best, edges, dtype=torch.int64).scatter_reduce(0, places, candidates, "amin")
    nothing = messages.new_full((1, batch), -math.inf)
    return torch.cat([messages, nothing]).gather(0, found)


def _multiplied(messages: Tensor, target: Tensor, targets: int, largest_fan_in: int) -> Tensor:
    """(edges, batch) -> (targets, batch), edges sorted by target. Ones fill up the shorter rows.

    torch-scatter cannot serve: its gradient divides by the message, which fails for a message of 0.
    """
    edges, batch = messages.shape
    first = torch.searchsorted(target.contiguous(), torch.arange(targets, device=target.device))
    place = torch.arange(edges, device=target.device) - first.index_select(0, target) + target * largest_fan_in
    rows = messages.new_ones((targets * largest_fan_in, batch)).index_copy(0, place, messages)
    return rows.view(targets, largest_fan_in, batch).prod(1)


SCATTER = ScatterKernel()
