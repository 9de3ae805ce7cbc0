"""The base class of the sparse kernels: the edges as a sparse matrix, the product, and its derivatives of any order."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from dendrograph.graph.graph import Projection
from dendrograph.network.kernels.kernel import Kernel


@dataclass(eq=False)
class Edges:
    """The edges of a projection as a sparse matrix in compressed rows (CSR).

    Row r holds the edges `pointers[r]` to `pointers[r + 1] - 1`.

    Attributes:
        sources: number of columns.
        pointers: shape (rows + 1,).
        columns: the column of each edge, shape (edges,).
        rows: the row of each edge, shape (edges,).
        numbers: the position of each edge's weight, shape (edges,); None if the weights are in the order of the edges.
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
        """The edges sorted by target. Indices are int32 where possible and may share the projection's memory."""
        small = max(projection.edges, projection.sources, projection.targets) < 2**31
        source, target = (
            torch.from_numpy(column).to(torch.int32 if small else torch.int64) for column in projection.endpoints()
        )
        if projection.edges and not 0 <= int(source.min()) <= int(source.max()) < projection.sources:
            raise ValueError(f"{projection.name}: an edge comes from a unit that does not exist")
        return cls(projection.sources, _pointers(target, projection.targets), source, target)

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return self.pointers.shape[0] - 1

    def transposed(self) -> Edges:
        """The edges sorted by source, made once."""
        if self._transposed is not None:
            return self._transposed
        numbers = torch.argsort(self.columns, stable=True)
        transposed = Edges(
            sources=self.row_count,
            pointers=_pointers(self.columns, self.sources),
            columns=self.rows[numbers],
            rows=self.columns[numbers],
            numbers=numbers.to(self.columns.dtype),
            _transposed=self,
        )
        if not torch.compiler.is_compiling():
            self._transposed = transposed
        return transposed

    def to(self, device: torch.device | str) -> Edges:
        """A copy on a device."""
        pointers, columns, rows = (array.to(device) for array in (self.pointers, self.columns, self.rows))
        return Edges(self.sources, pointers, columns, rows, None if self.numbers is None else self.numbers.to(device))

    def check(self, weight: Tensor, x: Tensor, *of_rows: Tensor | None) -> None:
        """Check the operands before a native pass takes their addresses. `of_rows` hold one number a row.

        Raises:
            ValueError: an operand has another shape, type or device.
        """
        wanted = [(weight, (self.columns.shape[0],)), (x, (self.sources, *x.shape[1:]))]
        rows = (self.row_count,)
        wanted += [(operand, rows) for operand in of_rows if operand is not None]
        for tensor, shape in wanted:
            if tensor.shape != shape or tensor.dtype != weight.dtype or not tensor.is_cpu or x.dim() != 2:
                found = f"{tuple(tensor.shape)} of {tensor.dtype} on {tensor.device}"
                raise ValueError(f"expected {shape} of {weight.dtype} on cpu, found {found}")

    @property
    def addresses(self) -> tuple[int, ...]:
        """Arguments of the native passes: rows, sources, and the addresses of the arrays (0 for none)."""
        if self._addresses is None:
            arrays = (self.pointers, self.columns, self.numbers)
            where = (0 if array is None else array.data_ptr() for array in arrays)
            self._addresses = (self.row_count, self.sources, *where)
        return self._addresses

    def __deepcopy__(self, memo: dict[int, Any]) -> Edges:
        """Return the edges themselves, because nothing changes them: copies of a network share them."""
        return self


def _pointers(index: Tensor, size: int) -> Tensor:
    counts = torch.bincount(index, minlength=size)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]).to(index.dtype)


class SparseKernel(Kernel):
    """A kernel that brings two operations, `multiply` and `dots`. This class makes all derivatives of them.

    Each derivative is deterministic, because one thread sums every number of a result in a fixed order:

        u  = A(w) x
        gx = A(w)^T g         the same operation over the edges sorted by source
        gw = <g[t], x[s]>     one dot product over the batch for each edge
    """

    def prepare(self, projection: Projection) -> tuple[Edges, ...]:
        """The edges, sorted by target."""
        return (Edges.of(projection),)

    def apply(self, weight: Tensor, x: Tensor, targets: int, *index: Edges) -> Tensor:
        """u[t] = sum of w[e] x[s] over the edges of t."""
        edges, x = index[0], match_dtype(x, weight)
        if x.shape[1] == 0 or weight.shape[0] == 0:
            # The zeros keep their place in the autograd graph.
            nothing = (weight.unsqueeze(1) * x.index_select(0, edges.columns)).sum(0)
            return x.new_zeros((edges.row_count, x.shape[1])) + nothing
        return _Product.apply(self, edges, False, weight, x)

    @abstractmethod
    def multiply(self, edges: Edges, weight: Tensor, x: Tensor) -> Tensor:
        """u[r] = sum of w[e] x[c] over the edges e = (r, c): (edges,), (sources, batch) -> (rows, batch).

        Autograd does not see this operation.
        """

    @abstractmethod
    def dots(self, edges: Edges, g: Tensor, x: Tensor) -> Tensor:
        """d[e] = sum of g[r] x[c] over the batch: (rows, batch), (sources, batch) -> (edges,).

        Autograd does not see this operation.
        """


def match_dtype(x: Tensor, weight: Tensor) -> Tensor:
    """The values in the type of the weights if autocast has narrowed them; otherwise unchanged."""
    return x.to(weight.dtype) if torch.is_autocast_enabled(x.device.type) else x


class _Product(Function):
    """A(w) x, or A(w)^T x."""

    @staticmethod
    def forward(ctx: Any, kernel: SparseKernel, edges: Edges, transposed: bool, weight: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(weight, x)
        ctx.given = kernel, edges, transposed
        return kernel.multiply(edges.transposed() if transposed else edges, weight, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, x = ctx.saved_tensors
        kernel, edges, transposed = ctx.given
        (g,) = gradients
        of_weight = of_x = None
        if ctx.needs_input_grad[3]:
            of_weight = _Dots.apply(kernel, edges, *((x, g) if transposed else (g, x)))
        if ctx.needs_input_grad[4]:
            of_x = _Product.apply(kernel, edges, not transposed, weight, g)
        return None, None, None, of_weight, of_x


class _Dots(Function):
    """One dot product over the batch for each edge."""

    @staticmethod
    def forward(ctx: Any, kernel: SparseKernel, edges: Edges, g: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(g, x)
        ctx.given = kernel, edges
        return kernel.dots(edges, g, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        g, x = ctx.saved_tensors
        kernel, edges = ctx.given
        (of_dots,) = gradients
        of_g = _Product.apply(kernel, edges, False, of_dots, x) if ctx.needs_input_grad[2] else None
        of_x = _Product.apply(kernel, edges, True, of_dots, g) if ctx.needs_input_grad[3] else None
        return None, None, of_g, of_x
