r"""Figures in text, one box per group of compartments: Mermaid flowcharts for Markdown and TikZ pictures for LaTeX."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dendrograph.base.errors import DendrographError, argument
from dendrograph.export.format import Content, Format
from dendrograph.export.subject import Subject
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.weights import Sign
from dendrograph.training.model_source import INITIAL

MAX_BOXES = 150  # as many as fit on a page

# The colours of Okabe and Ito, which colour-blind people can tell apart: boxes by role, arrows by kind.
FILLS = {"input": "E6E6E6", "dendrite": "56B4E9", "soma": "E69F00", "readout": "FFFFFF"}
CABLE = "cable"
STROKES = {
    CABLE: "000000",
    Sign.FREE: "0072B2",
    Sign.EXCITATORY: "009E73",
    Sign.INHIBITORY: "D55E00",
    Sign.SHUNTING: "CC79A7",
}

SHAPES = {"input": ("([", "])"), "readout": ("([", "])"), "soma": ("(", ")"), "dendrite": ("[", "]")}  # of Mermaid

COLUMN_CM = 8.4  # one column of a journal is 89 mm
BOXES_PER_ROW = 3  # so that their text stays readable
ROW_DISTANCE_CM = 2.0
# TikZ may break a long name at a slash, hyphen or underscore.
TEX_CHARACTERS = {
    "/": r"/\allowbreak{}",
    "-": r"-\allowbreak{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
}
TEX_CHARACTERS |= {character: f"\\{character}" for character in "&%$#{}"} | {"_": r"\_\allowbreak{}"}


@dataclass(frozen=True)
class Box:
    """A group of compartments; `lines` holds its name, size and nonlinearity."""

    id: str
    role: str
    stage: int
    lines: tuple[str, ...]

    @classmethod
    def of(cls, group: Group, id: str) -> Box:
        """Return the box of a group."""
        lines = [group.name, f"×{group.size:,}"]
        if group.role in ("dendrite", "soma"):
            lines.append(group.nonlinearity.name)
        return cls(id=id, role=group.role, stage=group.stage, lines=tuple(lines))


@dataclass(frozen=True)
class Arrow:
    """A projection between two boxes; `kind` is `cable` or the sign of its synapses."""

    source: str
    target: str
    kind: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, projection: Projection, source: str, target: str) -> Arrow:
        """Return the arrow of a projection between boxes with these ids."""
        if projection.kind == CABLE:
            return cls(source=source, target=target, kind=CABLE, lines=(CABLE, f"{projection.edges:,}"))
        percent = 100 * projection.density
        density = f"{percent:.0f} %" if percent >= 9.5 or not projection.edges else f"{percent:.2g} %"
        synapse = "synapse" if projection.sign == Sign.FREE else f"{projection.sign} synapse"
        wiring = "all to all" if projection.all_to_all else density
        lines = (synapse, f"{projection.edges:,}, {wiring}")
        return cls(source=source, target=target, kind=projection.sign, lines=lines)


@dataclass(frozen=True)
class Flowchart:
    """A network as boxes, sources before targets, and arrows."""

    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    @classmethod
    def of(cls, graph: Graph) -> Flowchart:
        """Return the flowchart of a graph.

        Raises:
            DendrographError: The graph has more than `MAX_BOXES` groups.
        """
        if len(graph.groups) > MAX_BOXES:
            raise DendrographError(
                f"{graph.name} has {len(graph.groups):,} groups of compartments, and a figure holds {MAX_BOXES}\n"
                "  export it as FILE.graphml or FILE.npz"
            )
        ids = {group.name: f"g{number}" for number, group in enumerate(graph.groups)}
        return cls(
            name=graph.name,
            boxes=tuple(Box.of(group, ids[group.name]) for group in graph.groups),
            arrows=tuple(Arrow.of(one, ids[one.source], ids[one.target]) for one in graph.projections),
        )

    @property
    def roles(self) -> dict[str, list[int]]:
        """The numbers of the boxes of each role."""
        return _numbers_by(box.role for box in self.boxes)

    @property
    def kinds(self) -> dict[str, list[int]]:
        """The numbers of the arrows of each kind."""
        return _numbers_by(arrow.kind for arrow in self.arrows)


def _numbers_by(names: Iterable[str]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        numbers.setdefault(name, []).append(number)
    return numbers


class FlowchartFormat(Format):
    """A figure of the groups and projections, without weights; inputs are at the bottom."""

    def check(self, weights: str) -> None:
        """Check that nobody asks for initial weights, which the figure does not show.

        Raises:
            DendrographError: Initial weights are asked for.
        """
        if weights == INITIAL:
            raise DendrographError(
                f"{argument('weights', weights)} has no effect: {self.name} shows no weights\n  leave it out"
            )

    def content(self, subject: Subject, path: Path) -> Content:
        """Return the text of the figure."""
        chart = Flowchart.of(subject.graph)
        text = "".join(f"{line}\n" for line in self.lines(chart)).encode()
        summary = f"{len(chart.boxes):,} groups, {len(chart.arrows):,} projections"
        return Content({path: lambda stream: stream.write(text)}, summary=summary)

    @abstractmethod
    def lines(self, chart: Flowchart) -> Iterator[str]:
        """Return the lines of the file."""


class Mermaid(FlowchartFormat):
    """Mermaid, which GitHub, GitLab and many editors draw inside Markdown."""

    name = "Mermaid"
    suffixes = (".mmd",)

    def lines(self, chart: Flowchart) -> Iterator[str]:
        """Return the lines of the file."""
        yield "flowchart BT"
        for box in chart.boxes:
            before, after = SHAPES[box.role]
            yield f'  {box.id}{before}"{"<br/>".join(box.lines)}"{after}:::{box.role}'
        for arrow in chart.arrows:
            line = "==>" if arrow.kind == CABLE else "-->"
            yield f'  {arrow.source} {line}|"{"<br/>".join(arrow.lines)}"| {arrow.target}'
        for role in chart.roles:
            yield f"  classDef {role} fill:#{FILLS[role]},stroke:#000000,color:#000000"
        for kind, numbers in chart.kinds.items():
            yield f"  linkStyle {','.join(map(str, numbers))} stroke:#{STROKES[kind]}"


class Tikz(FlowchartFormat):
    r"""A `tikzpicture` of the width of one column, for `\input` in a LaTeX document."""

    name = "TikZ"
    suffixes = (".tex",)

    def lines(self, chart: Flowchart) -> Iterator[str]:
        """Return the lines of the file."""
        rows = _rows(chart.boxes)
        places = {box.id: (row, column) for row, boxes in enumerate(rows) for column, box in enumerate(boxes)}
        yield f"% {chart.name}, folded: a box for each group of compartments, an arrow for each projection."
        yield r"% In the preamble: \usepackage{tikz} \usetikzlibrary{arrows.meta}"
        yield "% Colours are those of Okabe and Ito, which the colour-blind tell apart."
        colours = {role: FILLS[role] for role in chart.roles} | {kind: STROKES[kind] for kind in chart.kinds}
        yield from (rf"\definecolor{{dendrograph{name}}}{{HTML}}{{{colour}}}" for name, colour in colours.items())
        yield r"\begin{tikzpicture}["
        width = COLUMN_CM / BOXES_PER_ROW - 0.5
        yield r"  box/.style={draw, rounded corners=1.5pt, align=center, font=\scriptsize, inner sep=2pt,"
        yield f"    text width={width - 0.15:.2f}cm}},"
        yield r"  arrow/.style={-{Latex[length=1.6mm]}, line width=0.6pt},"
        yield r"  told/.style={align=center, font=\tiny, text=black, fill=white, inner sep=1pt}]"
        for number, boxes in enumerate(rows):
            for column, box in enumerate(boxes):
                x = (column - (len(boxes) - 1) / 2) * COLUMN_CM / BOXES_PER_ROW
                at, fill = f"({x:.2f}, {ROW_DISTANCE_CM * number:.2f})", f"dendrograph{box.role}!40"
                yield rf"  \node[box, fill={fill}] ({box.id}) at {at} {{{_tex(box.lines)}}};"
        positions = _label_positions([(places[one.source][0], places[one.target][0]) for one in chart.arrows])
        for arrow, position in zip(chart.arrows, positions, strict=True):
            style = f"arrow, dendrograph{arrow.kind}{', line width=1pt' if arrow.kind == CABLE else ''}"
            line = _line(places[arrow.source], places[arrow.target])
            label = f"node[told, pos={position}] {{{_tex(arrow.lines)}}}"
            yield rf"  \draw[{style}] ({arrow.source}) {line} {label} ({arrow.target});"
        yield r"\end{tikzpicture}"


def _rows(boxes: Sequence[Box]) -> list[list[Box]]:
    """Put the boxes of each stage into rows of about the same length, stages from the bottom to the top."""
    rows: list[list[Box]] = []
    for stage in sorted({box.stage for box in boxes}):
        of_stage = [box for box in boxes if box.stage == stage]
        length = -(-len(of_stage) // -(-len(of_stage) // BOXES_PER_ROW))
        rows += [of_stage[start : start + length] for start in range(0, len(of_stage), length)]
    return rows


def _label_positions(rows: Sequence[tuple[int, int]]) -> list[float]:
    """Return where along each arrow its label is placed, alternating where several arrows join the same two rows."""
    counts = Counter(rows)
    seen: Counter[tuple[int, int]] = Counter()
    positions = []
    for pair in rows:
        seen[pair] += 1
        positions.append(0.5 if counts[pair] == 1 else 0.3 if seen[pair] % 2 else 0.68)
    return positions


def _line(source: tuple[int, int], target: tuple[int, int]) -> str:
    """Return a straight line to the next row, or a curve around the rows between; places are (row, column)."""
    if abs(target[0] - source[0]) <= 1:
        return "--"
    return "to[bend left=30]" if source[1] <= target[1] else "to[bend right=30]"


def _tex(lines: Sequence[str]) -> str:
    return r"\\ ".join("".join(TEX_CHARACTERS.get(character, character) for character in line) for line in lines)
