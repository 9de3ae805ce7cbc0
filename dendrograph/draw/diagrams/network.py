"""The whole network: inputs, layers with their neurons' trees, readout, and what connects them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dendrograph.draw.canvas.layout import Free
from dendrograph.draw.canvas.scene import (
    ABOVE,
    BELOW,
    EDGES,
    Discs,
    Entry,
    Floats,
    Mark,
    Picture,
    Scene,
    Shapes,
    Strokes,
    Words,
)
from dendrograph.draw.diagrams import network_layout as columns
from dendrograph.draw.diagrams.network_layout import Block, Columns, Units
from dendrograph.draw.palettes import faded, nonlinearity_colours
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection
from dendrograph.morphology.weights import Sign

MOST_EDGES = 200_000  # drawn one by one; of more, a band from group to group is drawn
MOST_ROWS = 4  # of captions


@dataclass(frozen=True, eq=False)
class Tints:
    """Colours that take the place of the usual ones: of units by their activity.

    of: group -> (size, 4); images: stream -> cells, as a picture takes them
    """

    of: Mapping[str, Floats] = field(default_factory=dict)
    images: Mapping[str, Picture] = field(default_factory=dict)


def network_scene(
    graph: Graph,
    width: float,
    style: Theme,
    *,
    label: bool = True,
    folded: bool = True,
    colours: Mapping[str, str] | None = None,
    tints: Tints | None = None,
) -> Scene:
    """A network from its inputs at the left to its readout at the right.

    Args:
        graph: the network.
        width: in mm.
        style: of lines, colours and letters.
        label: names and numbers of units below the columns.
        folded: few units stand for many; else all are drawn.
        colours: of nonlinearities, where another diagram beside this one has chosen them.
        tints: colours of single units, and images of inputs.
    """
    tints = tints or Tints()
    names = dict.fromkeys(group.nonlinearity.name for group in graph.groups if group.role in ("soma", "dendrite"))
    colours = colours or nonlinearity_colours(style.palette, names)
    lay = columns.lay_out(graph, width, style, folded)
    marks: list[Mark] = []
    kinds: dict[str, Entry] = {}
    for projection in graph.projections:
        if projection.kind == "synapse" and not lay.hidden & {
            end.split("/")[0] for end in (projection.source, projection.target)
        }:
            marks += _synapses(projection, lay, style, kinds, tints)
    marks += _cables(lay, style, kinds)
    for block in lay.blocks:
        marks += _hulls(block, style)
    for name, units in lay.units.items():
        marks += _units(units, colours, tints, style)
        if units.image is not None:
            marks += _image(name, units, tints, style)
    marks += _gaps(lay, style)
    low, high, missing = 0.0, lay.height, 0
    if label:
        words, low, missing = _captions(lay, style)
        marks += words
    margin = 1.2 * style.scale
    entries = [] if tints.of else [Entry("dot", colours[name], name) for name in names]
    moved = Scene(width, 0.0, tuple(marks)).moved(0.0, margin - low)
    notes = (f"no room for the names of {missing} columns: a wider figure has it",) if missing else ()
    return Scene(width, high - low + 2 * margin, moved, notes, (*entries, *kinds.values()))


def _synapses(projection: Projection, lay: Columns, style: Theme, kinds: dict[str, Entry], tints: Tints) -> list[Mark]:
    """Each synapse between units drawn; what comes from units not drawn begins at their ellipsis."""
    source, target = lay.units[projection.source], lay.units[projection.target]
    readout = target.group.role == "readout"
    colour = style.readout if readout else style.synapse
    less = projection.sign in (Sign.INHIBITORY, Sign.SHUNTING)
    word = "readout" if readout else f"{projection.sign} synapse" if less else "synapse"
    kinds.setdefault(word, Entry("dashes" if less else "line", colour, word))
    name = f"{'readout' if readout else 'synapse'} {projection.name}"
    if projection.all_to_all and source.image is not None:
        return _fans(name, source, target, colour)
    if columns.edges_between(projection, source, target) > MOST_EDGES:
        return _bands(name, source, target, colour)
    first, second, _ = columns.between(projection, source, target)
    starts = source.at[first]
    if len(source.gaps):
        nearest = np.abs(source.gaps[:, 1][None] - target.at[second, 1][:, None]).argmin(1)
        starts = np.where((first < 0)[:, None], source.gaps[nearest], starts)
        paths = np.stack([starts, target.at[second]], axis=1)
        paths = np.unique(paths.reshape(-1, 4), axis=0).reshape(-1, 2, 2)
    else:
        kept = first >= 0
        paths = np.stack([starts[kept], target.at[second[kept]]], axis=1)
    if not len(paths):
        return []
    share = float(np.clip(9 / np.sqrt(len(paths)), 0.2, 0.85))
    thin = float(np.clip(2.0 / np.sqrt(len(paths)), 0.07, 0.2)) * style.scale
    marks: list[Mark] = []
    if source.image is not None and projection.source in tints.images:
        # The image is to be seen: its synapses begin where they leave it.
        _, bottom, right, top = source.image
        begin, way = paths[:, 0], paths[:, 1] - paths[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            sideways = (right - begin[:, 0]) / way[:, 0]
            upright = np.where(way[:, 1] > 0, top - begin[:, 1], bottom - begin[:, 1]) / way[:, 1]
        share_in = np.minimum(sideways, np.where(way[:, 1] == 0, np.inf, upright))
        paths[:, 0] = begin + share_in[:, None] * way
    elif source.image is not None:
        # The units that the compartments drawn listen to.
        seen = source.at[np.unique(first[first >= 0])]
        marks.append(
            Shapes(f"sampled {projection.name}", _squares(seen, source.radius), faded(colour, 0.7), level=BELOW)
        )
    return [Strokes(name, paths, thin, faded(colour, share), BELOW, dashed=less), *marks]


def _squares(centres: Floats, half: float) -> Floats:
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    return centres[:, None] + corners


def _fans(name: str, source: Units, target: Units, colour: str) -> list[Mark]:
    """From a whole image to each unit: all of its units reach it."""
    assert source.image is not None
    _, bottom, right, top = source.image
    corners = np.array([[[right, bottom], [right, top], [x, y]] for x, y in target.at])
    share = float(np.clip(0.5 / np.sqrt(len(corners)), 0.03, 0.16))
    return [Shapes(name, corners, faded(colour, share), faded(colour, min(0.6, 3 * share)), 0.1, BELOW)]


def _bands(name: str, source: Units, target: Units, colour: str) -> list[Mark]:
    """From group to group, where edges are too many to be told apart."""
    (right, up), (left, down) = source.at.max(0), target.at.min(0)
    corners = np.array([[[right, source.at[:, 1].min()], [right, up], [left, target.at[:, 1].max()], [left, down]]])
    return [Shapes(name, corners, faded(colour, 0.25), level=BELOW)]


def _cables(lay: Columns, style: Theme, kinds: dict[str, Entry]) -> list[Mark]:
    marks: list[Mark] = []
    for block in lay.blocks:
        for name, paths in block.cables:
            kinds.setdefault("cable", Entry("line", style.cable, "cable"))
            thin = 0.26 * style.scale * min(1.0, 12 / max(1.0, len(paths) ** 0.5))
            marks.append(Strokes(f"cable {name}", paths, thin, style.cable, EDGES))
    return marks


def _hulls(block: Block, style: Theme) -> list[Mark]:
    if not 0 < len(block.hulls) <= 200:
        return []
    left, bottom, right, top = block.hulls.T
    inset = np.minimum(0.18 * (top - bottom), 0.35 * style.scale)
    corners = _rounded(
        left, bottom + inset, right, top - inset, np.minimum(0.45 * (top - bottom - 2 * inset), 1.4 * style.scale)
    )
    return [Shapes(f"neurons {block.name}", corners, faded(style.faint, 0.28), level=BELOW)]


def _rounded(left: Floats, bottom: Floats, right: Floats, top: Floats, radius: Floats) -> Floats:
    """Rectangles with round corners."""
    turn = np.linspace(0, np.pi / 2, 7)
    parts = []
    for start, x, y in (
        (0, right - radius, top - radius),
        (1, left + radius, top - radius),
        (2, left + radius, bottom + radius),
        (3, right - radius, bottom + radius),
    ):
        angle = turn + start * np.pi / 2
        parts.append(
            np.stack(
                [x[:, None] + radius[:, None] * np.cos(angle), y[:, None] + radius[:, None] * np.sin(angle)], axis=2
            )
        )
    return np.concatenate(parts, axis=1)


def _units(units: Units, colours: Mapping[str, str], tints: Tints, style: Theme) -> list[Mark]:
    marks: list[Mark] = []
    group = units.group
    if units.image is None:
        plain = {"input": style.paper, "readout": style.readout}.get(group.role) or colours[group.nonlinearity.name]
        tint = tints.of.get(group.name)
        fill = plain if tint is None else tint[units.copy]
        few = len(units.copy) < 2000
        rim = style.ink if group.role in ("input", "soma") or tint is not None else style.paper
        marks.append(
            Discs(
                f"{group.role} {group.name}",
                units.at,
                units.radius,
                fill,
                rim,
                0.16 * style.scale if few else 0.0,
                ABOVE,
            )
        )
    if len(units.gaps):
        radius = 0.26 * style.scale
        steps = np.array([[0.0, -1.0], [0.0, 0.0], [0.0, 1.0]]) * 2.7 * radius
        marks.append(
            Discs(
                f"ellipsis {group.name}", (units.gaps[:, None] + steps).reshape(-1, 2), radius, style.ink, level=ABOVE
            )
        )
    return marks


def _image(name: str, units: Units, tints: Tints, style: Theme) -> list[Mark]:
    """The frame of an input's image, its grid where it is coarse, its sample where there is one."""
    assert units.image is not None
    left, bottom, right, top = units.image
    marks: list[Mark] = []
    if name in tints.images:
        picture = tints.images[name]
        marks.append(Picture(f"input {name}", picture.cells, units.image, picture.map, picture.low, picture.high, 0))
    cell = 2 * units.radius
    rows, across = round((top - bottom) / cell), round((right - left) / cell)
    if max(rows, across) <= 64 and cell > 0.25 * style.scale:
        steps = [[[left, bottom + k * cell], [right, bottom + k * cell]] for k in range(1, rows)]
        steps += [[[left + k * cell, bottom], [left + k * cell, top]] for k in range(1, across)]
        if steps:
            marks.append(Strokes(f"grid {name}", np.array(steps), 0.05 * style.scale, style.faint, 0))
    frame = np.array([[[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]])
    return [*marks, Strokes(f"frame {name}", frame, 0.22 * style.scale, style.ink, ABOVE)]


def _gaps(lay: Columns, style: Theme) -> list[Mark]:
    """What stands for layers that are left out; how many they are is said below."""
    radius = min(0.4 * style.scale, 0.02 * lay.width)
    steps = np.array([[-3.0 * radius, 0.0], [0.0, 0.0], [3.0 * radius, 0.0]])
    return [
        Discs("ellipsis layers", np.array([x, lay.height / 2]) + steps, radius, style.ink, level=ABOVE)
        for x, _ in lay.gaps
    ]


def _captions(lay: Columns, style: Theme) -> tuple[list[Mark], float, int]:
    """Names and numbers below the columns, in rows that keep them apart; the lowest point; how many had no room."""
    line = style.line(style.small)
    words: list[Mark] = []
    lowest, missing = 0.0, 0
    level = min(block.box[1] for block in lay.blocks)
    stacked = len({round(block.box[2], 3) for block in lay.blocks}) < len(lay.blocks)
    # Below the network there is room for as many rows as may be needed.
    free = Free(lay.width, -MOST_ROWS * 2.25 * line - 2.0 * style.scale, lay.height)
    blocks = [(block.box[0], block.name, block.box[1] if stacked else level, block.captions) for block in lay.blocks]
    blocks += [(x, "layers", level, ((x, (f"{count} more", "layers")),)) for x, count in lay.gaps]
    for _, named, bottom, captions in sorted(blocks, key=lambda block: block[0]):
        base = bottom - 0.9 * style.scale
        for x, given in captions:
            lines = [style.fitting((text,), style.small, lay.width) for text in given]
            wide = max(style.measure(text, style.small) for text in lines)
            left = min(max(x - wide / 2, 0.0), lay.width - wide)
            tall = len(lines) * line
            for row in range(MOST_ROWS):
                top = base - row * (tall + 0.25 * line)
                if free.take(left, top - tall, left + wide, top, 0.2 * line):
                    break
            else:
                missing += 1
                continue
            for number, text in enumerate(lines):
                y = top - (number + 0.5) * line
                words.append(Words(text, left + wide / 2, y, style.small, style.ink, name=f"label {named}"))
            if stacked:  # synapses may pass here: the words are to be read all the same
                right = left + wide
                corners = np.array([[[left, top - tall], [right, top - tall], [right, top], [left, top]]])
                words.insert(0, Shapes("ground", corners, faded(style.paper, 0.85), level=EDGES))
            lowest = min(lowest, top - tall)
    return words, lowest, missing
