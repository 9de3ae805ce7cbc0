"""Message passing as in graph networks: messages are gathered, stored, and reduced over `edge_index`.

By torch-scatter, or by the native PyTorch equivalent where torch-scatter is not installed; both give the same results.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels.messages import Reduction, greatest, multiplied, summed

NAME = "scatter"

try:
    from torch_scatter import scatter as torch_scatter
    from torch_scatter import scatter_max as torch_scatter_max
except ImportError:
    torch_scatter = torch_scatter_max = None
    HOW = "index_add over the edge index (torch-scatter is not installed)"
except OSError as error:  # built for another PyTorch
    torch_scatter = torch_scatter_max = None
    HOW = f"index_add over the edge index (torch-scatter cannot be loaded: {error})"
else:
    HOW = "torch-scatter over the edge index"


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
    """Serves everything."""
    return ()


def prepare(projection: Projection) -> tuple[Any, ...]:
    """The edge index, and how messages are made and reduced."""
    source, target = projection.edge_index
    return source, target, Reduction.of(projection)


def apply(weight: Tensor, x: Tensor, targets: int, *index: Any) -> Tensor:
    """u[t] = what the messages g(w[e] x[s]) of its edges reduce to."""
    source, target, how = index
    messages = how.messages(weight, x.index_select(0, source))
    match how.rule:
        case "max":
            return greatest(messages, target, targets, torch_scatter_max)
        case "min":
            return -greatest(-messages, target, targets, torch_scatter_max)
        case "product":
            return multiplied(messages, target, targets, how.widest)
        case _:
            return summed(messages, target, targets, torch_scatter)
