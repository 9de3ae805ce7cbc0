"""JSON as node-link data: what networkx, D3 and Cytoscape.js are fed with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dendrograph.export.content import Content, of_parts
from dendrograph.export.rows import Block, attributes, edge_blocks, node_blocks
from dendrograph.export.subject import Subject

NAME = "JSON (node-link)"
SUFFIXES = (".json",)
MOST = 2_000_000  # edges: some 300 MB, of which a reader makes several gigabytes


def paths(path: Path) -> tuple[Path, ...]:
    """The file."""
    return (path,)


def require(weights: str) -> None:
    """Nothing."""


def contents(subject: Subject, path: Path) -> Content:
    """A mapping of `directed`, `multigraph`, `graph`, `nodes` and `edges`; a line a node and an edge."""
    for blocks in (node_blocks, edge_blocks):
        attributes(blocks, subject)  # which sees what is no number before anything is written

    def parts() -> Iterator[bytes]:
        about = json.dumps(subject.about(), ensure_ascii=False)
        yield f'{{"directed": true, "multigraph": true, "graph": {about},\n"nodes": ['.encode()
        yield from _entries(node_blocks, subject)
        yield b'\n],\n"edges": ['
        yield from _entries(edge_blocks, subject)
        yield b"\n]}\n"

    return Content({path: of_parts(parts)})


def _entries(blocks: Callable[[Subject], Iterable[Block]], subject: Subject) -> Iterator[bytes]:
    first = True
    for block in blocks(subject):
        own = [f"{json.dumps('id' if name == 'node' else name)}: %s" for name in block.columns]
        shared = [f"{json.dumps(name)}: {json.dumps(value)}".replace("%", "%%") for name, value in block.shared.items()]
        for part in block.filled(f",\n{{{', '.join([*own, *shared])}}}"):
            yield part[1:] if first else part  # no comma before the first of all
            first = first and not part
