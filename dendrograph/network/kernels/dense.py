"""A matrix product with the whole block of weights: for all-to-all wiring, and for sampled wiring that is nearly so.

Where wiring is all-to-all in parts, each part is a block of its own: one batched product where they are equally large.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection

NAME = "dense"
HOW = "matrix product"


@dataclass(frozen=True)
class Blocks:
    """Blocks along the diagonal: (sources, targets) of each."""

    sizes: tuple[tuple[int, int], ...]

    def to(self, device: torch.device | str) -> Blocks:
        """Itself: it holds no tensor."""
        return self

    @property
    def alike(self) -> bool:
        """Whether all are equally large."""
        return len(set(self.sizes)) == 1

    def product(self, weight: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
        """u = W x + b block by block. Shapes (edges,), (sources, batch), (targets,) -> (targets, batch)."""
        batch = x.shape[1]
        if self.alike:
            number, (sources, targets) = len(self.sizes), self.sizes[0]
            blocks, columns = weight.view(number, targets, sources), x.reshape(number, sources, batch)
            if bias is None:
                return torch.bmm(blocks, columns).view(number * targets, batch)
            return torch.baddbmm(bias.view(number, targets, 1), blocks, columns).view(number * targets, batch)
        weights = weight.split([sources * targets for sources, targets in self.sizes])
        columns_of = x.split([sources for sources, _ in self.sizes])
        parts = [
            block.view(targets, sources) @ columns
            for (sources, targets), block, columns in zip(self.sizes, weights, columns_of, strict=True)
        ]
        u = torch.cat(parts)
        return u if bias is None else u + bias.unsqueeze(1)


def reasons_against(projection: Projection, device: str = "cpu") -> tuple[str, ...]:
    """Serves every linear projection."""
    if projection.nonlinear:
        return (projection.nonlinear,)
    return ()


def prepare(projection: Projection) -> tuple[Tensor | Blocks, ...]:
    """Nothing for all-to-all, the blocks where it is so in parts; else each edge's cell in the block of weights."""
    if projection.all_to_all:
        return ()
    if projection.blocks:
        return (Blocks(projection.blocks),)
    source, target = projection.edge_index
    return (target * projection.sources + source,)


def apply(weight: Tensor, x: Tensor, targets: int, *index: Tensor | Blocks) -> Tensor:
    """u = W x with W of shape (targets, sources), zero where no edge is."""
    for cells in index:
        if not isinstance(cells, Tensor):
            return cells.product(weight, x, None)
        block = weight.new_zeros(targets * x.shape[0])
        weight = torch.index_add(block, 0, cells, weight)  # adds: a pair may have several synapses
    return weight.view(targets, x.shape[0]) @ x


def apply_biased(weight: Tensor, x: Tensor, targets: int, bias: Tensor, *index: Blocks) -> Tensor:
    """u = W x + b in one call, for all-to-all wiring."""
    if index:
        return index[0].product(weight, x, bias)
    return torch.addmm(bias.unsqueeze(1), weight.view(targets, x.shape[0]), x)
