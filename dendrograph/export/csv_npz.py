"""CSV tables for spreadsheets, pandas and R, and NumPy arrays (.npz) of the nodes and edges."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.tables import csv_line
from dendrograph.export.format import Content, Format, Write
from dendrograph.export.node_edge_rows import RowBlock, column_types, edge_blocks, node_blocks
from dendrograph.export.subject import Subject

Arrays = dict[str, NDArray[Any]]


class Csv(Format):
    """CSV: a table of the nodes and a table of the edges."""

    name = "CSV tables"
    suffixes = (".csv",)
    max_edges = 20_000_000  # more than a gigabyte

    def paths(self, path: Path) -> tuple[Path, ...]:
        """Return `net.nodes.csv` and `net.edges.csv` for `net.csv`."""
        return tuple(path.with_name(f"{path.stem}.{table}{path.suffix}") for table in ("nodes", "edges"))

    def content(self, subject: Subject, path: Path) -> Content:
        """Return both tables, each with a header; a cell is empty where a row has no such attribute."""
        nodes, edges = self.paths(path)
        return Content({nodes: self._table(node_blocks, subject), edges: self._table(edge_blocks, subject)})

    def _table(self, blocks: Callable[[Subject], Iterable[RowBlock]], subject: Subject) -> Write:
        names = list(column_types(blocks(subject)))

        def lines() -> Iterator[bytes]:
            yield csv_line(names).encode()
            for block in blocks(subject):
                columns = {name: block.columns[name] for name in names if name in block.columns}
                shared = {name: str(value).replace("%", "%%") for name, value in block.shared.items()}
                template = csv_line("%s" if name in columns else shared.get(name, "") for name in names)
                yield from RowBlock(shared=shared, columns=columns).fill(template)

        return lambda stream: stream.writelines(lines())


class Npz(Format):
    """NumPy's `.npz`: the edge index and the tables as arrays. It is the smallest and fastest format, without limits.

    The file holds numbers and text but no objects, so that `numpy.load` reads it with `allow_pickle=False`.
    """

    name = "NumPy arrays"
    suffixes = (".npz",)

    def content(self, subject: Subject, path: Path) -> Content:
        """Return the arrays of nodes and edges, one array per column of the groups and projections, and `about`."""
        arrays = node_edge_arrays(subject)
        for table, rows in (("groups", group_rows(subject)), ("projections", projection_rows(subject))):
            for key in rows[0] if rows else ():
                arrays[f"{table}_{key}"] = np.array([row[key] for row in rows])
        arrays["about"] = np.array(json.dumps(subject.about(), ensure_ascii=False))
        values: dict[str, Any] = dict(arrays)
        return Content({path: lambda stream: np.savez(stream, **values)})


def node_edge_arrays(subject: Subject) -> Arrays:
    """Return all numbers of the nodes and edges.

    Returns:
        `edge_index` (2, edges), int64, with the sources in row 0; `edge_projection` (edges,), the numbers of the
        projections; `node_group` (nodes,), the numbers of the groups; `node_neuron` and `node_index` (nodes,). With
        weights also `edge_weight`, `node_bias` (0 where a group has no bias) and `node_learnt_NAME` for each learned
        parameter of a nonlinearity (nan where a group does not have it).
    """
    nodes, edges = list(node_blocks(subject)), list(edge_blocks(subject))
    arrays: Arrays = {
        "edge_index": np.stack([_concatenate(edges, "source"), _concatenate(edges, "target")]),
        "edge_projection": _block_numbers(edges, "source"),
        "node_group": _block_numbers(nodes, "node"),
        "node_neuron": _concatenate(nodes, "neuron"),
        "node_index": _concatenate(nodes, "index"),
    }
    if subject.network is not None:
        dtype = edges[0].columns["weight"].dtype if edges else np.dtype(np.float32)
        arrays["edge_weight"] = _concatenate(edges, "weight", dtype)
        learned = sorted({name for block in nodes for name in block.columns if name.startswith("learnt_")})
        for name, missing in {"bias": 0.0, **dict.fromkeys(learned, np.nan)}.items():
            parts = [block.columns.get(name, np.full(len(block.columns["node"]), missing, dtype)) for block in nodes]
            arrays[f"node_{name}"] = np.concatenate(parts)
    return arrays


def group_rows(subject: Subject) -> list[Mapping[str, Any]]:
    """Return a row per group; its nodes are numbered from `start` to `start + size - 1`."""
    return [
        {"name": group.name, "role": group.role, "layer": group.layer, "start": group.start, "size": group.size}
        | {"nonlinearity": group.nonlinearity.shown, "integration": group.integration}
        for group in subject.graph.groups
    ]


def projection_rows(subject: Subject) -> list[Mapping[str, Any]]:
    """Return a row per projection; the length and diameter are 0 where no length is declared."""
    return [
        {"name": projection.name, "source": projection.source, "target": projection.target}
        | {"kind": projection.kind, "sign": str(projection.sign), "edges": projection.edges}
        | {"nonlinearity": str(block.shared.get("nonlinearity", ""))}
        | {key: float(block.shared.get(key, 0.0)) for key in ("length_um", "diameter_um")}
        for projection, block in zip(subject.graph.projections, edge_blocks(subject), strict=True)
    ]


def _concatenate(blocks: list[RowBlock], name: str, dtype: Any = np.int64) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *(block.columns[name] for block in blocks)])


def _block_numbers(blocks: list[RowBlock], name: str) -> NDArray[np.int64]:
    """Return the number of the block of each row."""
    return np.repeat(np.arange(len(blocks)), [len(block.columns[name]) for block in blocks])
