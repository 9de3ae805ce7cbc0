"""GraphML: what networkx, igraph, Gephi, Cytoscape and yEd read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from dendrograph.export.content import Content, of_parts
from dendrograph.export.rows import Block, attributes, edge_blocks, node_blocks
from dendrograph.export.subject import Subject

NAME = "GraphML"
SUFFIXES = (".graphml",)
MOST = 2_000_000  # edges: some 600 MB, of which a reader makes several gigabytes

TYPES = {"str": "string", "int": "long", "float32": "float", "float64": "double"}


def paths(path: Path) -> tuple[Path, ...]:
    """The file."""
    return (path,)


def require(weights: str) -> None:
    """Nothing."""


def contents(subject: Subject, path: Path) -> Content:
    """Keys of all attributes, then the nodes by their numbers, then the edges."""
    of_nodes, of_edges = attributes(node_blocks, subject), attributes(edge_blocks, subject)
    about = subject.about()
    keys = {("graph", name): type(value).__name__ for name, value in about.items()}
    keys |= {("node", name): kind for name, kind in of_nodes.items() if name != "node"}
    keys |= {("edge", name): kind for name, kind in of_edges.items() if name not in ("source", "target")}
    ids = {key: f"d{number}" for number, key in enumerate(keys)}

    def parts() -> Iterator[bytes]:
        yield b"<?xml version='1.0' encoding='utf-8'?>\n"
        yield b'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
        for (of, name), kind in keys.items():
            key = f'<key id="{ids[of, name]}" for="{of}" attr.name={quoteattr(name)} attr.type="{TYPES[kind]}"/>\n'
            yield key.encode()
        yield b'<graph edgedefault="directed">\n'
        yield "".join(f"{_data(ids['graph', name], escape(str(value)))}\n" for name, value in about.items()).encode()
        for block in node_blocks(subject):
            yield from block.filled(f'<node id="%s">{_shared(block, "node", ids)}</node>\n')
        for block in edge_blocks(subject):
            yield from block.filled(f'<edge source="%s" target="%s">{_shared(block, "edge", ids)}</edge>\n')
        yield b"</graph>\n</graphml>\n"

    return Content({path: of_parts(parts)})


def _shared(block: Block, of: str, ids: Mapping[tuple[str, str], str]) -> str:
    """The data of one row, as a template: what is its own is still `%s`."""
    shared = [_data(ids[of, name], escape(str(value)).replace("%", "%%")) for name, value in block.shared.items()]
    own = [_data(ids[of, name], "%s") for name in block.columns if name not in ("node", "source", "target")]
    return "".join([*shared, *own])


def _data(key: str, text: str) -> str:
    return f'<data key="{key}">{text}</data>'
