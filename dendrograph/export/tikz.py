r"""TikZ: the folded network as a `tikzpicture`, made for one column, for `\input` in a LaTeX document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from dendrograph.export.content import Content, of_bytes
from dendrograph.export.folded import CABLE, FILLS, STROKES, Arrow, Box, Folded, folded, refuse_weights
from dendrograph.export.subject import Subject

NAME = "TikZ"
SUFFIXES = (".tex",)
MOST = None

COLUMN = 8.4  # cm: one column of a journal is 89 mm
ACROSS = 3  # boxes side by side, so that their text stays readable
UP = 2.0  # cm from one row of boxes to the next
# A long name may be broken where it is joined.
SPECIAL = {
    "/": r"/\allowbreak{}",
    "-": r"-\allowbreak{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
}
SPECIAL |= {character: f"\\{character}" for character in "&%$#{}"} | {"_": r"\_\allowbreak{}"}


def paths(path: Path) -> tuple[Path, ...]:
    """The file."""
    return (path,)


def require(weights: str) -> None:
    """No weights that somebody asked for."""
    refuse_weights(NAME, weights)


def contents(subject: Subject, path: Path) -> Content:
    """The picture, from inputs at the bottom to the readout on top."""
    network = folded(subject.graph)
    lines = _lines(network, subject.graph.name)
    return Content({path: of_bytes("\n".join([*lines, ""]).encode())}, held=network.held)


def _lines(network: Folded, name: str) -> Iterator[str]:
    ids, rows = network.ids, _rows(network.boxes)
    place = {box.group: (row, column) for row, boxes in enumerate(rows) for column, box in enumerate(boxes)}
    used = dict.fromkeys(arrow.sort for arrow in network.arrows)
    roles = dict.fromkeys(box.role for box in network.boxes)
    yield f"% {name}, folded: a box for each group of compartments, an arrow for each projection."
    yield r"% In the preamble: \usepackage{tikz} \usetikzlibrary{arrows.meta}"
    yield "% Colours are those of Okabe and Ito, which the colour-blind tell apart."
    for what, colours in ((roles, FILLS), (used, STROKES)):
        yield from (rf"\definecolor{{dendrograph{word}}}{{HTML}}{{{colours[word]}}}" for word in what)
    yield r"\begin{tikzpicture}["
    width = COLUMN / ACROSS - 0.5
    yield r"  box/.style={draw, rounded corners=1.5pt, align=center, font=\scriptsize, inner sep=2pt,"
    yield f"    text width={width - 0.15:.2f}cm}},"
    yield r"  arrow/.style={-{Latex[length=1.6mm]}, line width=0.6pt},"
    yield r"  told/.style={align=center, font=\tiny, text=black, fill=white, inner sep=1pt}]"
    for number, boxes in enumerate(rows):
        for column, box in enumerate(boxes):
            x = (column - (len(boxes) - 1) / 2) * COLUMN / ACROSS
            at, fill = f"({x:.2f}, {UP * number:.2f})", f"dendrograph{box.role}!40"
            yield rf"  \node[box, fill={fill}] ({ids[box.group]}) at {at} {{{_text(box.lines)}}};"
    positions = _positions([tuple(place[end][0] for end in (arrow.source, arrow.target)) for arrow in network.arrows])
    for arrow, position in zip(network.arrows, positions, strict=True):
        style = f"arrow, dendrograph{arrow.sort}{', line width=1pt' if arrow.sort == CABLE else ''}"
        told = f"node[told, pos={position}] {{{_text(arrow.lines)}}}"
        yield rf"  \draw[{style}] ({ids[arrow.source]}) {_way(arrow, place)} {told} ({ids[arrow.target]});"
    yield r"\end{tikzpicture}"


def _rows(boxes: Sequence[Box]) -> list[list[Box]]:
    """The boxes of one stage side by side, as far as they fit; stages upwards."""
    rows: list[list[Box]] = []
    for stage in sorted({box.stage for box in boxes}):
        here = [box for box in boxes if box.stage == stage]
        # Rows of about one length look better than full ones and a rest.
        number = -(-len(here) // ACROSS)
        each = -(-len(here) // number)
        rows += [here[start : start + each] for start in range(0, len(here), each)]
    return rows


def _positions(rows: Sequence[tuple[int, ...]]) -> list[float]:
    """Where along each arrow its text stands: by turns nearer to either end where several join the same two rows."""
    counts = Counter(rows)
    seen: Counter[tuple[int, ...]] = Counter()
    found = []
    for pair in rows:
        seen[pair] += 1
        found.append(0.5 if counts[pair] == 1 else 0.3 if seen[pair] % 2 else 0.68)
    return found


def _way(arrow: Arrow, place: dict[str, tuple[int, int]]) -> str:
    """Straight to the next row; round the boxes between where there are any."""
    (low, begin), (high, end) = place[arrow.source], place[arrow.target]
    if abs(high - low) <= 1:
        return "--"
    return "to[bend left=30]" if begin <= end else "to[bend right=30]"


def _text(lines: Sequence[str]) -> str:
    return r"\\ ".join("".join(SPECIAL.get(character, character) for character in line) for line in lines)
