"""The edges of a projection as rows of a sparse matrix: what the sparse kernels run over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dendrograph.graph.graph import Projection


@dataclass(eq=False)
class Edges:
    """Edges sorted by row: those of row r are `pointers[r]` to `pointers[r + 1] - 1`.

    Attributes:
        sources: how many units the columns are numbers of.
        pointers: shape (rows + 1,).
        columns: where each edge comes from. Shape (edges,).
        rows: the row of each edge. Shape (edges,).
        numbers: the number of each edge, by which its weight is found; None where that is its place.
    """

    sources: int
    pointers: Tensor
    columns: Tensor
    rows: Tensor
    numbers: Tensor | None = None
    _transposed: Edges | None = field(default=None, repr=False)
    _addresses: tuple[int, ...] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, projection: Projection) -> Edges:
        """By target. Indices take 4 bytes where that is enough; they may be the projection's own memory."""
        small = max(projection.edges, projection.sources, projection.targets) < 2**31
        source, target = (
            torch.from_numpy(column).to(torch.int32 if small else torch.int64) for column in projection.endpoints()
        )
        if projection.edges and not 0 <= int(source.min()) <= int(source.max()) < projection.sources:
            raise ValueError(f"{projection.name}: an edge comes from a unit that is not there")
        return cls(projection.sources, _pointers(target, projection.targets), source, target)

    def transposed(self) -> Edges:
        """By source, made once; edges keep their numbers."""
        if self._transposed is not None:
            return self._transposed
        numbers = torch.argsort(self.columns, stable=True)
        transposed = Edges(
            len(self.pointers) - 1,
            _pointers(self.columns, self.sources),
            self.rows[numbers],
            self.columns[numbers],
            numbers.to(self.columns.dtype),
            _transposed=self,
        )
        if not torch.compiler.is_compiling():
            self._transposed = transposed
        return transposed

    def to(self, device: torch.device | str) -> Edges:
        """The same on a device."""
        pointers, columns, rows = (array.to(device) for array in (self.pointers, self.columns, self.rows))
        numbers = None if self.numbers is None else self.numbers.to(device)
        return Edges(self.sources, pointers, columns, rows, numbers)

    def check(self, weight: Tensor, x: Tensor, *of_rows: Tensor | None) -> None:
        """Refuse operands that do not fit, as a kernel must that takes addresses; `of_rows` hold one number a row.

        Raises:
            ValueError: naming shape, type or device of what does not fit.
        """
        kind, rows = weight.dtype, self.pointers.shape[0] - 1
        wanted = [(weight, (self.columns.shape[0],)), (x, (self.sources, *x.shape[1:]))]
        wanted += [(one, (rows,)) for one in of_rows if one is not None]
        for tensor, shape in wanted:
            if tensor.shape != shape or tensor.dtype != kind or not tensor.is_cpu or x.dim() != 2:
                found = f"{tuple(tensor.shape)} of {tensor.dtype} on {tensor.device}"
                raise ValueError(f"expected {shape} of {kind} on cpu, found {found}")

    @property
    def addresses(self) -> tuple[int, ...]:
        """What the native passes take: rows, sources, and where the arrays lie (0: there is none)."""
        if self._addresses is None:
            arrays = (self.pointers, self.columns, self.numbers)
            where = (0 if array is None else array.data_ptr() for array in arrays)
            self._addresses = (len(self.pointers) - 1, self.sources, *where)
        return self._addresses

    def __deepcopy__(self, memo: dict[int, Any]) -> Edges:
        """Itself, since nothing in it changes: copies of a network share it."""
        return self


def _pointers(index: Tensor, size: int) -> Tensor:
    counts = torch.bincount(index, minlength=size)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]).to(index.dtype)
