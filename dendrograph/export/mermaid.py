"""Mermaid: a flowchart of the folded network, which GitHub, GitLab and many editors draw inside Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dendrograph.export.content import Content, of_bytes
from dendrograph.export.folded import CABLE, FILLS, STROKES, Folded, folded, refuse_weights
from dendrograph.export.subject import Subject

NAME = "Mermaid"
SUFFIXES = (".mmd",)
MOST = None

SHAPES = {"input": ("([", "])"), "readout": ("([", "])"), "soma": ("(", ")"), "dendrite": ("[", "]")}


def paths(path: Path) -> tuple[Path, ...]:
    """The file."""
    return (path,)


def require(weights: str) -> None:
    """No weights that somebody asked for."""
    refuse_weights(NAME, weights)


def contents(subject: Subject, path: Path) -> Content:
    """The flowchart, from inputs at the bottom to the readout on top."""
    network = folded(subject.graph)
    return Content({path: of_bytes("\n".join([*_lines(network), ""]).encode())}, held=network.held)


def _lines(network: Folded) -> Iterator[str]:
    ids = network.ids
    yield "flowchart BT"
    for box in network.boxes:
        before, after = SHAPES[box.role]
        yield f'  {ids[box.group]}{before}"{_text(box.lines)}"{after}:::{box.role}'
    for arrow in network.arrows:
        line = "==>" if arrow.sort == CABLE else "-->"
        yield f'  {ids[arrow.source]} {line}|"{_text(arrow.lines)}"| {ids[arrow.target]}'
    for role in dict.fromkeys(box.role for box in network.boxes):
        yield f"  classDef {role} fill:#{FILLS[role]},stroke:#000000,color:#000000"
    for sort in dict.fromkeys(arrow.sort for arrow in network.arrows):
        numbers = ",".join(str(number) for number, arrow in enumerate(network.arrows) if arrow.sort == sort)
        yield f"  linkStyle {numbers} stroke:#{STROKES[sort]}"


def _text(lines: tuple[str, ...]) -> str:
    return "<br/>".join(lines)
