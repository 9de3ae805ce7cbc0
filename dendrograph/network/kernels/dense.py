"""A matrix product with the whole block of weights, for all-to-all wiring and for dense sampled wiring."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels.kernel import Kernel


class DenseKernel(Kernel):
    """A matrix product. Sampled wiring is first written into a block of zeros.

    Wiring that is all-to-all in several parts has one block a part: one batched product if all are of equal size.
    """

    name = "dense"
    description = "matrix product"

    def prepare(self, projection: Projection) -> tuple[Tensor | Blocks, ...]:
        """Nothing for all-to-all wiring; its blocks; or the position of each edge in the block of weights."""
        if projection.all_to_all:
            return ()
        if projection.blocks:
            return (Blocks(projection.blocks),)
        source, target = projection.edge_index
        return (target * projection.sources + source,)

    def apply(self, weight: Tensor, x: Tensor, targets: int, *index: Tensor | Blocks) -> Tensor:
        """u = W x with W of shape (targets, sources), zero where there is no edge."""
        for part in index:
            if isinstance(part, Blocks):
                return part.product(weight, x, None)
            block = weight.new_zeros(targets * x.shape[0])
            weight = torch.index_add(block, 0, part, weight)  # adds: a pair may have several synapses
        return weight.view(targets, x.shape[0]) @ x

    def apply_with_bias(self, weight: Tensor, x: Tensor, bias: Tensor, *index: Tensor | Blocks) -> Tensor:
        """u = W x + b, in one call for all-to-all wiring."""
        if not index:
            return torch.addmm(bias.unsqueeze(1), weight.view(bias.shape[0], x.shape[0]), x)
        if isinstance(index[0], Blocks):
            return index[0].product(weight, x, bias)
        return super().apply_with_bias(weight, x, bias, *index)


@dataclass(frozen=True)
class Blocks:
    """Blocks of weights along the diagonal, as (sources, targets) of each."""

    sizes: tuple[tuple[int, int], ...]

    def to(self, device: torch.device | str) -> Blocks:
        """Return the object itself, because it holds no tensor."""
        return self

    def product(self, weight: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
        """u = W x + b block by block: (edges,), (sources, batch), (targets,) -> (targets, batch)."""
        batch = x.shape[1]
        if len(set(self.sizes)) == 1:
            number, (sources, targets) = len(self.sizes), self.sizes[0]
            blocks, columns = weight.view(number, targets, sources), x.reshape(number, sources, batch)
            if bias is None:
                return torch.bmm(blocks, columns).view(number * targets, batch)
            return torch.baddbmm(bias.view(number, targets, 1), blocks, columns).view(number * targets, batch)
        weights = weight.split([sources * targets for sources, targets in self.sizes])
        values = x.split([sources for sources, _ in self.sizes])
        parts = zip(self.sizes, weights, values, strict=True)
        u = torch.cat([block.view(targets, sources) @ columns for (sources, targets), block, columns in parts])
        return u if bias is None else u + bias.unsqueeze(1)


DENSE = DenseKernel()
