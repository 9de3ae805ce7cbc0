"""Message passing as in graph networks: messages are gathered, stored, and summed over `edge_index`.

By torch-scatter, or by the native PyTorch equivalent where torch-scatter is not installed; both give the same sums.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from torch import Tensor

from dendrograph.graph import Projection

NAME = "scatter"


def has_torch_scatter() -> bool:
    """Whether torch-scatter is installed."""
    if "torch_scatter" in sys.modules:
        return sys.modules["torch_scatter"] is not None
    return find_spec("torch_scatter") is not None


HOW = "torch-scatter over the edge index" if has_torch_scatter() else "index_add over the edge index (no torch-scatter)"


def reasons_against(projection: Projection) -> tuple[str, ...]:
    """Serves everything."""
    return ()


def prepare(projection: Projection) -> tuple[Tensor, ...]:
    """The edge index."""
    source, target = projection.edge_index
    return source, target


def apply(weight: Tensor, x: Tensor, targets: int, *index: Tensor) -> Tensor:
    """u[t] = sum of the messages w[e] x[s] of its edges."""
    source, target = index
    messages = weight.unsqueeze(1) * x.index_select(0, source)
    if has_torch_scatter():
        from torch_scatter import scatter

        return scatter(messages, target, dim=0, dim_size=targets, reduce="sum")
    return x.new_zeros((targets, x.shape[1])).index_add(0, target, messages)
