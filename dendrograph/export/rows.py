"""Nodes and edges as rows: a block for each group and projection, whose rows share most of what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrograph.export.subject import Subject, cables
from dendrograph.graph.wiring import blocks

Value = str | int | float

NODE = ("node", "group", "role", "layer", "neuron", "index", "nonlinearity", "integration", "bias")
EDGE = ("source", "target", "projection", "kind", "sign", "nonlinearity", "length_um", "diameter_um", "weight")


@dataclass(frozen=True, eq=False)
class Block:
    """Rows that belong together.

    shared: what all of them have
    columns: what each has of its own, in the order of a file; shape (rows,) each
    """

    shared: Mapping[str, Value]
    columns: Mapping[str, NDArray[Any]]

    def filled(self, template: str) -> Iterator[bytes]:
        """The template once a row, its `%s` the columns in their order; some thousands of rows at a time."""
        size = len(next(iter(self.columns.values())))
        for part in blocks(size):
            columns = [texts(column[part]) for column in self.columns.values()]
            yield "".join(map(template.__mod__, zip(*columns, strict=True))).encode()


def texts(column: NDArray[Any]) -> list[str]:
    """The numbers as text, with as many digits as their type needs: read again in that type, they are the same."""
    # An int64 is written by Python at once; NumPy knows the fewest digits of a float32.
    found: list[str] = column.astype(str).tolist() if column.dtype.kind == "f" else list(map(str, column.tolist()))
    return found


def node_blocks(subject: Subject) -> Iterator[Block]:
    """The nodes, group by group: input units, compartments and readout units, in the order of their numbers."""
    for group in subject.graph.groups:
        shared: dict[str, Value] = {
            "group": group.name,
            "role": group.role,
            "layer": group.layer,
            "nonlinearity": group.nonlinearity.shown,
            "integration": group.integration,
        }
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
        yield Block(shared, columns)


def edge_blocks(subject: Subject) -> Iterator[Block]:
    """The edges, projection by projection, in the order of `Graph.edge_index`."""
    lengths, groups = cables(subject.graph), subject.graph.by_name
    for projection in subject.graph.projections:
        shared: dict[str, Value] = {
            "projection": projection.name,
            "kind": projection.kind,
            "sign": projection.sign,
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
        yield Block(shared, columns)


def attributes(blocks: Callable[[Subject], Iterable[Block]], subject: Subject) -> dict[str, str]:
    """The attributes that blocks have, and the kind of each: `str`, `int`, `float32` or `float64`.

    Raises:
        DendrographError: a number that is to be exported is not finite: it is seen here, before anything is written.
    """
    found: dict[str, str] = {}
    for block in blocks(subject):
        for key, value in block.shared.items():
            found.setdefault(key, "float64" if isinstance(value, float) else type(value).__name__)
        for key, column in block.columns.items():
            found.setdefault(key, "int" if column.dtype.kind == "i" else str(column.dtype))
    order = [*NODE, *EDGE]
    known = sorted((key for key in found if key in order), key=order.index)
    return {key: found[key] for key in (*known, *sorted(key for key in found if key not in order))}
