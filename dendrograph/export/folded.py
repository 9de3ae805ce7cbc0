"""The folded network, for figures in text: a box for each group of compartments, an arrow for each projection."""

from __future__ import annotations

from dataclasses import dataclass

from dendrograph.base.errors import DendrographError, argument
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.weights import Sign
from dendrograph.training.model_source import INITIAL

MOST_BOXES = 150  # more fit on no page

# Okabe & Ito's colours, told apart by the colour-blind: of a box by its role, of an arrow by what it is.
FILLS = {"input": "E6E6E6", "dendrite": "56B4E9", "soma": "E69F00", "readout": "FFFFFF"}
CABLE = "cable"
STROKES = {
    CABLE: "000000",
    Sign.FREE: "0072B2",
    Sign.EXCITATORY: "009E73",
    Sign.INHIBITORY: "D55E00",
    Sign.SHUNTING: "CC79A7",
}


@dataclass(frozen=True)
class Box:
    """A group; `lines` are what it says: its name, how many there are, its nonlinearity."""

    group: str
    role: str
    stage: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Arrow:
    """A projection; `sort` is `cable`, or the sign of its synapses."""

    source: str
    target: str
    sort: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Folded:
    """The boxes, sources before targets, and the arrows."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    @property
    def held(self) -> str:
        """How much of it there is."""
        return f"{len(self.boxes):,} groups, {len(self.arrows):,} projections"

    @property
    def ids(self) -> dict[str, str]:
        """A short name for each box."""
        return {box.group: f"g{number}" for number, box in enumerate(self.boxes)}


def folded(graph: Graph) -> Folded:
    """The folded network.

    Raises:
        DendrographError: it has more groups than a figure holds.
    """
    if len(graph.groups) > MOST_BOXES:
        raise DendrographError(
            f"{graph.name} has {len(graph.groups):,} groups of compartments, and a figure holds {MOST_BOXES}\n"
            "  export it as FILE.graphml or FILE.npz"
        )
    return Folded(tuple(map(_box, graph.groups)), tuple(map(_arrow, graph.projections)))


def refuse_weights(name: str, weights: str) -> None:
    """A figure of groups and projections shows no weights, so that asking for some is a slip.

    Raises:
        DendrographError: somebody asks for them.
    """
    if weights == INITIAL:
        raise DendrographError(
            f"{argument('weights', weights)} says nothing here: {name} shows no weights\n  leave it out"
        )


def _box(group: Group) -> Box:
    lines = [group.name, f"×{group.size:,}"]
    if group.role in ("dendrite", "soma"):
        lines.append(group.nonlinearity.name)
    return Box(group.name, group.role, group.stage, tuple(lines))


def _arrow(projection: Projection) -> Arrow:
    if projection.kind == CABLE:
        return Arrow(projection.source, projection.target, CABLE, (CABLE, f"{projection.edges:,}"))
    density = 100 * projection.density
    share = f"{density:.0f} %" if density >= 9.5 or not projection.edges else f"{density:.2g} %"
    kind = "synapse" if projection.sign == Sign.FREE else f"{projection.sign} synapse"
    wired = "all to all" if projection.all_to_all else share
    return Arrow(projection.source, projection.target, projection.sign, (kind, f"{projection.edges:,}, {wired}"))
