"""CSV: a table of the nodes and one of the edges, for spreadsheets, pandas and R."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dendrograph.base.tables import csv_line
from dendrograph.export.content import Content, Write, of_parts
from dendrograph.export.rows import Block, attributes, edge_blocks, node_blocks
from dendrograph.export.subject import Subject

NAME = "CSV tables"
SUFFIXES = (".csv",)
MOST = 20_000_000  # edges: more than a gigabyte


def paths(path: Path) -> tuple[Path, ...]:
    """`net.csv` becomes `net.nodes.csv` and `net.edges.csv`."""
    return tuple(path.with_name(f"{path.stem}.{table}{path.suffix}") for table in ("nodes", "edges"))


def require(weights: str) -> None:
    """Nothing."""


def contents(subject: Subject, path: Path) -> Content:
    """Both tables, with a header each; what a row does not have is empty."""
    nodes, edges = paths(path)
    return Content({nodes: _table(node_blocks, subject), edges: _table(edge_blocks, subject)})


def _table(blocks: Callable[[Subject], Iterable[Block]], subject: Subject) -> Write:
    names = list(attributes(blocks, subject))

    def parts() -> Iterator[bytes]:
        yield csv_line(names).encode()
        for block in blocks(subject):
            # Columns come in the order of the names, so a row is the header's template filled in.
            own = Block(block.shared, {name: block.columns[name] for name in names if name in block.columns})
            cells = [str(block.shared.get(name, "")).replace("%", "%%") for name in names]
            template = ["%s" if name in own.columns else cell for name, cell in zip(names, cells, strict=True)]
            yield from own.filled(csv_line(template))

    return of_parts(parts)
