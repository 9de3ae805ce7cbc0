r"""Figures in text, one box per group of compartments: Mermaid flowcharts for Markdown and TikZ pictures for LaTeX."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
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


class Flowchart(Format):
    """A figure with a box per group of compartments and an arrow per projection, without weights."""

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
        """Return the text of the figure.

        Raises:
            DendrographError: The graph has more than `MAX_BOXES` groups.
        """
        graph = subject.graph
        if len(graph.groups) > MAX_BOXES:
            raise DendrographError(
                f"{graph.name} has {len(graph.groups):,} groups of compartments, and a figure holds {MAX_BOXES}\n"
                "  export it as FILE.graphml or FILE.npz"
            )
        text = "".join(f"{line}\n" for line in self.lines(graph)).encode()
        summary = f"{len(graph.groups):,} groups, {len(graph.projections):,} projections"
        return Content({path: lambda stream: stream.write(text)}, summary=summary)

    @abstractmethod
    def lines(self, graph: Graph) -> Iterator[str]:
        """Return the lines of the file, with the inputs at the bottom of the figure."""


def _ids(graph: Graph) -> dict[str, str]:
    return {group.name: f"g{number}" for number, group in enumerate(graph.groups)}


def _kind(projection: Projection) -> str:
    """Return `cable` or the sign of the synapses."""
    return CABLE if projection.kind == CABLE else str(projection.sign)


def _box_label(group: Group) -> list[str]:
    """Return the name, the size and the nonlinearity of a group."""
    nonlinearity = [group.nonlinearity.name] if group.role in ("dendrite", "soma") else []
    return [group.name, f"×{group.size:,}", *nonlinearity]


def _arrow_label(projection: Projection) -> list[str]:
    """Return the kind, the number of edges and, for synapses, the density of a projection."""
    if projection.kind == CABLE:
        return [CABLE, f"{projection.edges:,}"]
    percent = 100 * projection.density
    density = f"{percent:.0f} %" if percent >= 9.5 or not projection.edges else f"{percent:.2g} %"
    synapse = "synapse" if projection.sign == Sign.FREE else f"{projection.sign} synapse"
    return [synapse, f"{projection.edges:,}, {'all to all' if projection.all_to_all else density}"]


class Mermaid(Flowchart):
    """Mermaid, which GitHub, GitLab and many editors draw inside Markdown."""

    name = "Mermaid"
    suffixes = (".mmd",)

    def lines(self, graph: Graph) -> Iterator[str]:
        """Return the lines of the file."""
        ids, kinds = _ids(graph), [_kind(projection) for projection in graph.projections]
        yield "flowchart BT"
        for group in graph.groups:
            before, after = SHAPES[group.role]
            yield f'  {ids[group.name]}{before}"{"<br/>".join(_box_label(group))}"{after}:::{group.role}'
        for projection, kind in zip(graph.projections, kinds, strict=True):
            line = "==>" if kind == CABLE else "-->"
            label = "<br/>".join(_arrow_label(projection))
            yield f'  {ids[projection.source]} {line}|"{label}"| {ids[projection.target]}'
        for role in dict.fromkeys(group.role for group in graph.groups):
            yield f"  classDef {role} fill:#{FILLS[role]},stroke:#000000,color:#000000"
        for kind in dict.fromkeys(kinds):
            numbers = ",".join(str(number) for number, other in enumerate(kinds) if other == kind)
            yield f"  linkStyle {numbers} stroke:#{STROKES[kind]}"


class Tikz(Flowchart):
    r"""A `tikzpicture` of the width of one column, for `\input` in a LaTeX document."""

    name = "TikZ"
    suffixes = (".tex",)

    def lines(self, graph: Graph) -> Iterator[str]:
        """Return the lines of the file."""
        ids, rows = _ids(graph), _rows(graph.groups)
        places = {group.name: (row, column) for row, groups in enumerate(rows) for column, group in enumerate(groups)}
        colours: dict[str, str] = {group.role: FILLS[group.role] for group in graph.groups}
        colours |= {kind: STROKES[kind] for kind in map(_kind, graph.projections)}
        yield f"% {graph.name}, folded: a box for each group of compartments, an arrow for each projection."
        yield r"% In the preamble: \usepackage{tikz} \usetikzlibrary{arrows.meta}"
        yield "% Colours are those of Okabe and Ito, which the colour-blind tell apart."
        yield from (rf"\definecolor{{dendrograph{name}}}{{HTML}}{{{colour}}}" for name, colour in colours.items())
        yield r"\begin{tikzpicture}["
        width = COLUMN_CM / BOXES_PER_ROW - 0.5
        yield r"  box/.style={draw, rounded corners=1.5pt, align=center, font=\scriptsize, inner sep=2pt,"
        yield f"    text width={width - 0.15:.2f}cm}},"
        yield r"  arrow/.style={-{Latex[length=1.6mm]}, line width=0.6pt},"
        yield r"  told/.style={align=center, font=\tiny, text=black, fill=white, inner sep=1pt}]"
        for number, groups in enumerate(rows):
            for column, group in enumerate(groups):
                x = (column - (len(groups) - 1) / 2) * COLUMN_CM / BOXES_PER_ROW
                at, fill = f"({x:.2f}, {ROW_DISTANCE_CM * number:.2f})", f"dendrograph{group.role}!40"
                yield rf"  \node[box, fill={fill}] ({ids[group.name]}) at {at} {{{_tex(_box_label(group))}}};"
        positions = _label_positions([(places[one.source][0], places[one.target][0]) for one in graph.projections])
        for projection, position in zip(graph.projections, positions, strict=True):
            kind, line = _kind(projection), _line(places[projection.source], places[projection.target])
            style = f"arrow, dendrograph{kind}{', line width=1pt' if kind == CABLE else ''}"
            label = f"node[told, pos={position}] {{{_tex(_arrow_label(projection))}}}"
            yield rf"  \draw[{style}] ({ids[projection.source]}) {line} {label} ({ids[projection.target]});"
        yield r"\end{tikzpicture}"


def _rows(groups: Sequence[Group]) -> list[list[Group]]:
    """Put the groups of each stage into rows of about the same length, stages from the bottom to the top."""
    rows: list[list[Group]] = []
    for stage in sorted({group.stage for group in groups}):
        of_stage = [group for group in groups if group.stage == stage]
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
