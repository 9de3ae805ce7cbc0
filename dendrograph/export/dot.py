"""DOT: what Graphviz reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dendrograph.export.content import Content, of_parts
from dendrograph.export.rows import Block, attributes, edge_blocks, node_blocks
from dendrograph.export.subject import Subject

NAME = "DOT"
SUFFIXES = (".dot", ".gv")
MOST = 2_000_000  # edges: some 300 MB; `dot` itself draws a thousandth of that

# To Graphviz these words mean a number that is not negative, a rank, a drawing layer; ours would bend its layout.
RENAMED = {"weight": "w", "group": "compartments", "layer": "neurons"}


def paths(path: Path) -> tuple[Path, ...]:
    """The file."""
    return (path,)


def require(weights: str) -> None:
    """Nothing."""


def contents(subject: Subject, path: Path) -> Content:
    """The nodes by their numbers, then the edges, each with its attributes."""
    for blocks in (node_blocks, edge_blocks):
        attributes(blocks, subject)  # which sees what is no number before anything is written
    about = [f"{name}={quoted(str(value))}" for name, value in subject.about().items()]

    def parts() -> Iterator[bytes]:
        lines = [f"digraph {quoted(subject.graph.name)} {{", *(f"  {line};" for line in about), ""]
        yield "\n".join(lines).encode()
        for block in node_blocks(subject):
            yield from block.filled(f"  %s [{_attributes(block)}];\n")
        for block in edge_blocks(subject):
            yield from block.filled(f"  %s -> %s [{_attributes(block)}];\n")
        yield b"}\n"

    return Content({path: of_parts(parts)})


def quoted(text: str) -> str:
    """Text as DOT has it between quotation marks."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _attributes(block: Block) -> str:
    """The attributes of one row, as a template: what is its own is still `%s`."""
    shared = [(name, quoted(str(value)).replace("%", "%%")) for name, value in block.shared.items()]
    own = [(name, '"%s"') for name in block.columns if name not in ("node", "source", "target")]
    return ", ".join(f"{RENAMED.get(name, name)}={text}" for name, text in (*shared, *own))
