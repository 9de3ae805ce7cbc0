"""Gather, multiply and sum in one pass by PyTorch's embedding bag. No message is stored."""

from __future__ import annotations

import torch
from torch import Tensor

from dendrograph.network.kernels.sparse import Edges, SparseKernel


class FusedKernel(SparseKernel):
    """The sparse product by PyTorch's embedding bag: each target is a bag of its sources, weighted by its synapses.

    It serves every linear projection on every device, and runs for the kernel `compiled` under `torch.compile`.
    """

    name = "fused"
    description = "gather, multiply and sum in one pass"

    def multiply(self, edges: Edges, weight: Tensor, x: Tensor) -> Tensor:
        """u[r] = sum of w[e] x[c] over the edges e = (r, c)."""
        weight = weight if edges.numbers is None else weight[edges.numbers]
        return torch.embedding_bag(x.contiguous(), edges.columns, edges.pointers, False, 0, False, weight, True)[0]

    def dots(self, edges: Edges, g: Tensor, x: Tensor) -> Tensor:
        """d[e] = sum of g[r] x[c] over the batch."""
        return torch.ops.aten._embedding_bag_per_sample_weights_backward(
            g.contiguous(), x.contiguous(), edges.columns, edges.pointers, edges.rows, 0, -1
        )


FUSED = FusedKernel()
