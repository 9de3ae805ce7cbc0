"""Nodes and edges as blocks of rows, which the text formats and arrays are written from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrograph.export.subject import Subject, cables
from dendrograph.graph.wiring import blocks

Value = str | int | float

NODE_COLUMNS = ("node", "group", "role", "layer", "neuron", "index", "nonlinearity", "integration", "bias")
EDGE_COLUMNS = ("source", "target", "projection", "kind", "sign", "nonlinearity", "length_um", "diameter_um", "weight")


@dataclass(frozen=True, eq=False)
class RowBlock:
    """The rows of one group of nodes or one projection.

    Attributes:
        shared: The values that all rows have in common.
        columns: The values that differ between rows, in the order of a file. Shape (rows,) each.
    """

    shared: Mapping[str, Value]
    columns: Mapping[str, NDArray[Any]]

    def fill(self, template: str) -> Iterator[bytes]:
        """Fill the template once per row and return the text of some thousands of rows at a time.

        Args:
            template: Text with one `%s` per column.
        """
        for part in blocks(len(next(iter(self.columns.values())))):
            columns = [_texts(column[part]) for column in self.columns.values()]
            yield "".join(map(template.__mod__, zip(*columns, strict=True))).encode()

    def attributes(self, write: Callable[[str, str], str]) -> list[str]:
        """Return a template for each attribute of a row except the numbers of nodes, shared values first.

        Args:
            write: Makes the text of an attribute from its name and its value.
        """
        shared = [write(name, str(value)).replace("%", "%%") for name, value in self.shared.items()]
        return shared + [write(name, "%s") for name in self.columns if name not in ("node", "source", "target")]


def _texts(column: NDArray[Any]) -> list[str]:
    """Write numbers with as many digits as their type needs to be read back exactly."""
    # Python is faster for integers; NumPy knows the shortest text of a float32.
    texts: list[str] = column.astype(str).tolist() if column.dtype.kind == "f" else list(map(str, column.tolist()))
    return texts


def node_blocks(subject: Subject) -> Iterator[RowBlock]:
    """Return a block for each group of input units, compartments or readout units, in the order of their numbers."""
    for group in subject.graph.groups:
        index = np.arange(group.size)
        columns = {
            "node": index + group.start,
            "neuron": index // max(1, group.size // max(1, group.neurons)),
            "index": index,
        }
        if (bias := subject.bias(group)) is not None:
            columns["bias"] = bias
        for name, value in subject.learnt(group).items():
            columns[f"learnt_{name}"] = np.broadcast_to(value, (group.size,))
        shared = {"group": group.name, "role": group.role, "layer": group.layer}
        yield RowBlock(
            shared=shared | {"nonlinearity": group.nonlinearity.shown, "integration": group.integration},
            columns=columns,
        )


def edge_blocks(subject: Subject) -> Iterator[RowBlock]:
    """Return a block for each projection, in the order of `Graph.edge_index`."""
    lengths, groups = cables(subject.graph), subject.graph.by_name
    for projection in subject.graph.projections:
        shared: dict[str, Value] = {
            "projection": projection.name,
            "kind": projection.kind,
            "sign": str(projection.sign),
        }
        if projection.nonlinearity:
            shared["nonlinearity"] = projection.nonlinearity.shown
        cable = lengths.get(projection.source)
        if projection.kind == "cable" and cable and cable.length_um:
            shared |= {"length_um": cable.length_um, "diameter_um": cable.diameter_um}
        source, target = projection.edge_index.numpy()
        columns = {
            "source": source + groups[projection.source].start,
            "target": target + groups[projection.target].start,
        }
        if (weight := subject.weight(projection.name)) is not None:
            columns["weight"] = weight
        yield RowBlock(shared=shared, columns=columns)


def column_types(blocks: Iterable[RowBlock]) -> dict[str, str]:
    """Return the type of each attribute of the blocks: `str`, `int`, `float32` or `float64`.

    Raises:
        DendrographError: A weight, bias or learned parameter is not finite.
    """
    types: dict[str, str] = {}
    for block in blocks:
        for key, value in block.shared.items():
            types.setdefault(key, "float64" if isinstance(value, float) else type(value).__name__)
        for key, column in block.columns.items():
            types.setdefault(key, "int" if column.dtype.kind == "i" else str(column.dtype))
    order = [*NODE_COLUMNS, *EDGE_COLUMNS]
    return {
        key: types[key] for key in (*dict.fromkeys(key for key in order if key in types), *sorted({*types} - {*order}))
    }


def check_finite(subject: Subject) -> None:
    """Check all weights, biases and learned parameters before a file is written.

    Raises:
        DendrographError: One of them is not finite.
    """
    deque(chain(node_blocks(subject), edge_blocks(subject)), maxlen=0)
