"""NumPy's `.npz`: the edge index and the tables as arrays. The smallest and fastest form, for networks of any size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from dendrograph.export.content import Content
from dendrograph.export.rows import Block, edge_blocks, node_blocks
from dendrograph.export.subject import Subject

NAME = "NumPy arrays"
SUFFIXES = (".npz",)
MOST = None

Arrays = dict[str, NDArray[Any]]


def paths(path: Path) -> tuple[Path, ...]:
    """The file."""
    return (path,)


def require(weights: str) -> None:
    """Nothing."""


def contents(subject: Subject, path: Path) -> Content:
    """Numbers and text, and no objects: `numpy.load` reads it with `allow_pickle=False`, as it does by default."""
    found = numbers(subject)
    for table, rows in (("groups", groups(subject)), ("projections", projections(subject))):
        for key in rows[0] if rows else ():
            found[f"{table}_{key}"] = np.array([row[key] for row in rows])
    found["about"] = np.array(json.dumps(subject.about(), ensure_ascii=False))

    def write(stream: BinaryIO) -> None:
        np.savez(stream, **cast("dict[str, Any]", found))

    return Content({path: write})


def numbers(subject: Subject) -> Arrays:
    """All that is a number of a node or an edge.

    Returns:
        `edge_index` (2, edges), int64, row 0 the source; `edge_projection` (edges,), the number of its projection;
        `node_group` (nodes,), that of its group; `node_neuron`, `node_index`. Where there are weights: `edge_weight`,
        `node_bias` (0 where a group has none), and for what is learnt of a nonlinearity `node_learnt_NAME`, which is
        nan for the nodes that do not have it.
    """
    nodes, edges = list(node_blocks(subject)), list(edge_blocks(subject))
    found: Arrays = {
        "edge_index": np.stack([_joined(edges, "source"), _joined(edges, "target")]),
        "edge_projection": _numbered(edges, "source"),
        "node_group": _numbered(nodes, "node"),
        "node_neuron": _joined(nodes, "neuron"),
        "node_index": _joined(nodes, "index"),
    }
    if subject.network is not None:
        kind = edges[0].columns["weight"].dtype if edges else np.dtype(np.float32)
        found["edge_weight"] = _joined(edges, "weight", kind)
        learnt = sorted({name for block in nodes for name in block.columns if name.startswith("learnt_")})
        for name, missing in (("bias", 0.0), *((name, np.nan) for name in learnt)):
            filled = [block.columns.get(name, np.full(len(block.columns["node"]), missing, kind)) for block in nodes]
            found[f"node_{name}"] = np.concatenate(filled)
    return found


def groups(subject: Subject) -> list[dict[str, Any]]:
    """A row a group; those of its nodes have the numbers `start` to `start + size - 1`."""
    return [
        {"name": group.name, "role": group.role, "layer": group.layer, "start": group.start, "size": group.size}
        | {"nonlinearity": group.nonlinearity.shown, "integration": group.integration}
        for group in subject.graph.groups
    ]


def projections(subject: Subject) -> list[dict[str, Any]]:
    """A row a projection; a cable without a length has 0 for it."""
    rows = []
    for projection, block in zip(subject.graph.projections, edge_blocks(subject), strict=True):
        row: dict[str, Any] = {"name": projection.name, "source": projection.source, "target": projection.target}
        row |= {"kind": projection.kind, "sign": projection.sign, "edges": projection.edges}
        row["nonlinearity"] = str(block.shared.get("nonlinearity", ""))
        rows.append(row | {key: float(block.shared.get(key, 0.0)) for key in ("length_um", "diameter_um")})
    return rows


def _joined(blocks: list[Block], name: str, kind: Any = np.int64) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *(block.columns[name] for block in blocks)])


def _numbered(blocks: list[Block], name: str) -> NDArray[np.int64]:
    """The number of its block for each row."""
    return np.repeat(np.arange(len(blocks)), [len(block.columns[name]) for block in blocks])
