"""Formats of graph programs: GraphML, DOT (Graphviz), networkx graphs, and node-link JSON (networkx, D3)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import networkx as nx

from dendrograph.export.format import Content, Format
from dendrograph.export.node_edge_rows import RowBlock, check_finite, column_types, edge_blocks, node_blocks
from dendrograph.export.subject import Subject


class GraphML(Format):
    """GraphML, which networkx, igraph, Gephi, Cytoscape and yEd read."""

    name = "GraphML"
    suffixes = (".graphml",)
    max_edges = 2_000_000  # about 600 MB, of which a reader makes several gigabytes
    types: Mapping[str, str] = {"str": "string", "int": "long", "float32": "float", "float64": "double"}

    def content(self, subject: Subject, path: Path) -> Content:
        """Return the keys of all attributes, the nodes in the order of their numbers, and the edges."""
        keys = {("graph", name): type(value).__name__ for name, value in subject.about().items()}
        for element, blocks in (("node", node_blocks(subject)), ("edge", edge_blocks(subject))):
            keys |= {(element, name): kind for name, kind in column_types(blocks).items()}
        for node_number in (("node", "node"), ("edge", "source"), ("edge", "target")):
            keys.pop(node_number, None)
        return Content({path: lambda stream: stream.writelines(self._lines(subject, keys))})

    def _lines(self, subject: Subject, keys: Mapping[tuple[str, str], str]) -> Iterator[bytes]:
        ids = {key: f"d{number}" for number, key in enumerate(keys)}

        def data(element: str, name: str, text: str) -> str:
            return f'<data key="{ids[element, name]}">{escape(text)}</data>'

        def row(element: str, block: RowBlock) -> str:
            return "".join(block.attributes(lambda name, text: data(element, name, text)))

        yield b"<?xml version='1.0' encoding='utf-8'?>\n"
        yield b'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
        for (element, name), kind in keys.items():
            start = f'<key id="{ids[element, name]}" for="{element}" attr.name={quoteattr(name)}'
            yield f'{start} attr.type="{self.types[kind]}"/>\n'.encode()
        yield b'<graph edgedefault="directed">\n'
        for name, value in subject.about().items():
            yield f"{data('graph', name, str(value))}\n".encode()
        for block in node_blocks(subject):
            yield from block.fill(f'<node id="%s">{row("node", block)}</node>\n')
        for block in edge_blocks(subject):
            yield from block.fill(f'<edge source="%s" target="%s">{row("edge", block)}</edge>\n')
        yield b"</graph>\n</graphml>\n"


class Dot(Format):
    """DOT, which Graphviz reads."""

    name = "DOT"
    suffixes = (".dot", ".gv")
    max_edges = 2_000_000  # about 300 MB; `dot` itself draws a thousandth of that
    # Graphviz uses these names for a weight that is not negative, a rank and a drawing layer.
    renamed: Mapping[str, str] = {"weight": "w", "group": "compartments", "layer": "neurons"}

    def content(self, subject: Subject, path: Path) -> Content:
        """Return the nodes in the order of their numbers, then the edges, each with its attributes."""
        check_finite(subject)
        return Content({path: lambda stream: stream.writelines(self._lines(subject))})

    def _lines(self, subject: Subject) -> Iterator[bytes]:
        yield f"digraph {_quote(subject.graph.name)} {{\n".encode()
        for name, value in subject.about().items():
            yield f"  {name}={_quote(str(value))};\n".encode()
        for block in node_blocks(subject):
            yield from block.fill(f"  %s [{', '.join(block.attributes(self._attribute))}];\n")
        for block in edge_blocks(subject):
            yield from block.fill(f"  %s -> %s [{', '.join(block.attributes(self._attribute))}];\n")
        yield b"}\n"

    def _attribute(self, name: str, text: str) -> str:
        return f"{self.renamed.get(name, name)}={_quote(text)}"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class NodeLinkJson(Format):
    """JSON as node-link data, which networkx, D3 and Cytoscape.js read."""

    name = "JSON (node-link)"
    suffixes = (".json",)
    max_edges = 2_000_000  # about 300 MB, of which a reader makes several gigabytes

    def content(self, subject: Subject, path: Path) -> Content:
        """Return a mapping of `directed`, `multigraph`, `graph`, `nodes` and `edges`, with a line per node and edge."""
        check_finite(subject)
        return Content({path: lambda stream: stream.writelines(self._lines(subject))})

    def _lines(self, subject: Subject) -> Iterator[bytes]:
        about = json.dumps(subject.about(), ensure_ascii=False)
        yield f'{{"directed": true, "multigraph": true, "graph": {about},\n"nodes": ['.encode()
        yield from self._objects(node_blocks(subject))
        yield b'\n],\n"edges": ['
        yield from self._objects(edge_blocks(subject))
        yield b"\n]}\n"

    def _objects(self, blocks: Iterable[RowBlock]) -> Iterator[bytes]:
        separator_needed = False
        for block in blocks:
            own = [f"{json.dumps('id' if name == 'node' else name)}: %s" for name in block.columns]
            shared = [json.dumps({name: value})[1:-1].replace("%", "%%") for name, value in block.shared.items()]
            for part in block.fill(f",\n{{{', '.join([*own, *shared])}}}"):
                yield part if separator_needed else part[1:]
                separator_needed = separator_needed or bool(part)


def to_multigraph(subject: Subject) -> nx.MultiDiGraph:
    """Return `Graph.to_networkx` with the attributes that the files have: weights, biases, signs and lengths.

    Raises:
        DendrographError: A weight, bias or learned parameter is not finite.
    """
    result = subject.graph.to_networkx()
    result.graph.update(subject.about())
    for row in _rows(node_blocks(subject)):
        result.nodes[row.pop("node")].update(row)
    # Several synapses between the same two nodes have the keys 0, 1, … in the order of the edge index.
    seen: Counter[tuple[int, int]] = Counter()
    for row in _rows(edge_blocks(subject)):
        ends = row.pop("source"), row.pop("target")
        result.edges[(*ends, seen[ends])].update(row)
        seen[ends] += 1
    return result


def _rows(blocks: Iterable[RowBlock]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        columns = [column.tolist() for column in block.columns.values()]
        for values in zip(*columns, strict=True):
            yield {**dict(zip(block.columns, values, strict=True)), **block.shared}
