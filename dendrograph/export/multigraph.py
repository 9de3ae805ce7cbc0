"""networkx: the whole graph as a multigraph that has what the files have."""

from __future__ import annotations

from collections import Counter

import networkx as nx

from dendrograph.export.rows import Block, edge_blocks, node_blocks
from dendrograph.export.subject import Subject


def to_networkx(subject: Subject) -> nx.MultiDiGraph:
    """`Graph.to_networkx`, and beside it weights, biases, signs, lengths and what is said of the whole.

    Raises:
        DendrographError: a number is not finite.
    """
    result = subject.graph.to_networkx()
    result.graph.update(subject.about())
    for block in node_blocks(subject):
        for row in _rows(block):
            result.nodes[row.pop("node")].update(row)
    # Several synapses of one pair have the keys 0, 1, … in the order of the edge index.
    seen: Counter[tuple[int, int]] = Counter()
    for block in edge_blocks(subject):
        for row in _rows(block):
            pair = row.pop("source"), row.pop("target")
            result.edges[(*pair, seen[pair])].update(row)
            seen[pair] += 1
    return result


def _rows(block: Block) -> list[dict]:
    columns = [column.tolist() for column in block.columns.values()]
    return [{**dict(zip(block.columns, row, strict=True)), **block.shared} for row in zip(*columns, strict=True)]
