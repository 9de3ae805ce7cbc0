"""Message passing as in graph networks: messages are gathered, stored, and summed over `edge_index`.

By torch-scatter, or by the native PyTorch equivalent where torch-scatter is not installed; both give the same sums.
"""

from __future__ import annotations

from torch import Tensor

from dendrograph.graph import Projection

NAME = "scatter"

try:
    from torch_scatter import scatter as torch_scatter
except ImportError:
    torch_scatter, HOW = None, "index_add over the edge index (torch-scatter is not installed)"
except OSError as error:  # built for another PyTorch
    torch_scatter, HOW = None, f"index_add over the edge index (torch-scatter cannot be loaded: {error})"
else:
    HOW = "torch-scatter over the edge index"


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
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
    if torch_scatter is not None:
        return torch_scatter(messages, target, dim=0, dim_size=targets, reduce="sum")
    return x.new_zeros((targets, x.shape[1])).index_add(0, target, messages)
