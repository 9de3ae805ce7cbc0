"""The diagram of a whole network: inputs, layers with the trees of their neurons, readout, and all connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from dendrograph.draw.canvas.layout import Free
from dendrograph.draw.canvas.scene import (
    ABOVE,
    BELOW,
    EDGES,
    Box,
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
from dendrograph.draw.diagrams.network_layout import (
    Block,
    NetworkLayout,
    Units,
    between,
    edges_between,
    lay_out,
)
from dendrograph.draw.diagrams.view import Panel
from dendrograph.draw.palettes import faded, nonlinearity_colours
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Projection
from dendrograph.morphology.weights import Sign

MOST_EDGES = 200_000  # drawn one by one; larger projections are drawn as a band from group to group
MOST_ROWS = 4  # of captions
FINEST_GRID = 64  # pixels a side of an image with lines between them


@dataclass(frozen=True, eq=False)
class Tints:
    """Colours of single units, which replace the usual ones, and images of the inputs.

    of: group -> (size, 4); images: stream -> its sample as a picture
    """

    of: Mapping[str, Floats] = field(default_factory=dict)
    images: Mapping[str, Picture] = field(default_factory=dict)


def network_scene(graph: Graph, panel: Panel, tints: Tints | None = None) -> Scene:
    """A network from its inputs at the left to its readout at the right.

    Args:
        graph: the network.
        panel: that the diagram fills.
        tints: colours of single units, and images of inputs.
    """
    names = dict.fromkeys(group.nonlinearity.name for group in graph.groups if group.role in ("soma", "dendrite"))
    colours = panel.nonlinearities or nonlinearity_colours(panel.theme.palette, names)
    drawing = _Drawing(graph, lay_out(graph, panel), replace(panel, nonlinearities=colours), tints or Tints())
    entries = [] if drawing.tints.of else [Entry("dot", colours[name], name) for name in names]
    return drawing.scene(entries)


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A network that is laid out, to be drawn in a panel."""

    graph: Graph
    lay: NetworkLayout
    panel: Panel
    tints: Tints

    @property
    def theme(self) -> Theme:
        return self.panel.theme

    def scene(self, entries: list[Entry]) -> Scene:
        lay, low, missing = self.lay, 0.0, 0
        marks: list[Mark] = []
        for projection in self.graph.projections:
            ends = {end.split("/")[0] for end in (projection.source, projection.target)}
            if projection.kind == "synapse" and not lay.hidden & ends:
                entries.append(self._entry(projection))
                marks += self._synapses(projection)
        for block in lay.blocks:
            marks += self._cables(block)
            entries += [Entry("line", self.theme.cable, "cable")] if block.cables else []
        for block in lay.blocks:
            marks += self._hulls(block)
        for name, units in lay.units.items():
            marks += self._units(units)
            if units.image is not None:
                marks += self._image(name, units.image, units.radius)
        marks += self._gaps()
        if self.panel.label:
            words, low, missing = self._captions()
            marks += words
        margin = 1.2 * self.theme.scale
        whole = Scene(lay.width, lay.height - low + 2 * margin, tuple(marks))
        notes = (f"no room for the names of {missing} columns: make the figure wider",) if missing else ()
        once = tuple(dict.fromkeys(entries))
        return replace(whole, marks=whole.moved(0.0, margin - low), notes=notes, entries=once)

    def _edges(self, projection: Projection) -> tuple[str, str, bool]:
        """What the edges of a projection are called, their colour, and whether they inhibit."""
        less = projection.sign in (Sign.INHIBITORY, Sign.SHUNTING)
        if self.graph.by_name[projection.target].role == "readout":
            return "readout", self.theme.readout, less
        return f"{projection.sign} synapse" if less else "synapse", self.theme.synapse, less

    def _entry(self, projection: Projection) -> Entry:
        word, colour, less = self._edges(projection)
        return Entry("dashes" if less else "line", colour, word)

    def _synapses(self, projection: Projection) -> list[Mark]:
        """Each synapse between units that are drawn; synapses from units that are not drawn begin at an ellipsis."""
        source, target = self.lay.units[projection.source], self.lay.units[projection.target]
        word, colour, less = self._edges(projection)
        name = f"{'readout' if word == 'readout' else 'synapse'} {projection.name}"
        if projection.all_to_all and source.image is not None:
            return [_fans(name, source.image, target, colour)]
        if edges_between(projection, source, target) > MOST_EDGES:
            return [_band(name, source, target, colour)]
        first, second = between(projection, source, target)
        starts = source.at[first]
        if len(source.gaps):
            nearest = np.abs(source.gaps[:, 1][None] - target.at[second, 1][:, None]).argmin(1)
            starts = np.where((first < 0)[:, None], source.gaps[nearest], starts)
            paths = np.stack([starts, target.at[second]], axis=1)
            paths = np.unique(paths.reshape(-1, 4), axis=0).reshape(-1, 2, 2)
        else:
            paths = np.stack([starts, target.at[second]], axis=1)[first >= 0]
        if not len(paths):
            return []
        opacity = float(np.clip(9 / np.sqrt(len(paths)), 0.2, 0.85))
        thin = float(np.clip(2.0 / np.sqrt(len(paths)), 0.07, 0.2)) * self.theme.scale
        sampled: list[Mark] = []
        if source.image is not None and projection.source in self.tints.images:
            paths[:, 0] = _exits(paths, source.image)  # so that lines do not hide the image
        elif source.image is not None:
            seen = source.at[np.unique(first[first >= 0])]
            corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * source.radius + seen[:, None]
            sampled.append(Shapes(f"sampled {projection.name}", corners, faded(colour, 0.7), level=BELOW))
        return [Strokes(name, paths, thin, faded(colour, opacity), BELOW, dashed=less), *sampled]

    def _cables(self, block: Block) -> Iterator[Mark]:
        for name, paths in block.cables:
            thin = 0.26 * self.theme.scale * min(1.0, 12 / max(1.0, len(paths) ** 0.5))
            yield Strokes(f"cable {name}", paths, thin, self.theme.cable, EDGES)

    def _hulls(self, block: Block) -> Iterator[Mark]:
        """The outlines of neurons."""
        if 0 < len(block.hulls) <= 200:
            scale = self.theme.scale
            left, bottom, right, top = block.hulls.T
            inset = np.minimum(0.18 * (top - bottom), 0.35 * scale)
            radius = np.minimum(0.45 * (top - bottom - 2 * inset), 1.4 * scale)
            corners = _rounded((left, bottom + inset, right, top - inset), radius)
            yield Shapes(f"neurons {block.name}", corners, faded(self.theme.faint, 0.28), level=BELOW)

    def _units(self, units: Units) -> Iterator[Mark]:
        group, theme = units.group, self.theme
        if units.image is None:
            plain = {"input": theme.paper, "readout": theme.readout}.get(group.role)
            tint = self.tints.of.get(group.name)
            fill = (plain or self.panel.nonlinearities[group.nonlinearity.name]) if tint is None else tint[units.copy]
            rim = theme.ink if group.role in ("input", "soma") or tint is not None else theme.paper
            thin = 0.16 * theme.scale if len(units.copy) < 2000 else 0.0
            yield Discs(f"{group.role} {group.name}", units.at, units.radius, fill, rim, thin, ABOVE)
        if len(units.gaps):
            radius = 0.26 * theme.scale
            steps = np.array([[0.0, -1.0], [0.0, 0.0], [0.0, 1.0]]) * 2.7 * radius
            centres = (units.gaps[:, None] + steps).reshape(-1, 2)
            yield Discs(f"ellipsis {group.name}", centres, radius, theme.ink, level=ABOVE)

    def _image(self, name: str, box: Box, radius: float) -> Iterator[Mark]:
        """The frame of an input's image, lines between coarse pixels, and its sample if there is one."""
        theme, cell = self.theme, 2 * radius
        if name in self.tints.images:
            yield replace(self.tints.images[name], name=f"input {name}", box=box, level=0)
        rows, columns = round(box.height / cell), round(box.width / cell)
        lines = box.grid(rows, columns)
        if len(lines) and max(rows, columns) <= FINEST_GRID and cell > 0.25 * theme.scale:
            yield Strokes(f"grid {name}", lines, 0.05 * theme.scale, theme.faint, 0)
        outline = np.concatenate([box.corners, box.corners[:, :1]], axis=1)
        yield Strokes(f"frame {name}", outline, 0.22 * theme.scale, theme.ink, ABOVE)

    def _gaps(self) -> Iterator[Mark]:
        """An ellipsis for layers that are left out; the caption gives their number."""
        radius = min(0.4 * self.theme.scale, 0.02 * self.lay.width)
        steps = np.array([[-3.0 * radius, 0.0], [0.0, 0.0], [3.0 * radius, 0.0]])
        for x, _ in self.lay.gaps:
            centres = np.array([x, self.lay.height / 2]) + steps
            yield Discs("ellipsis layers", centres, radius, self.theme.ink, level=ABOVE)

    def _captions(self) -> tuple[list[Mark], float, int]:
        """Names and numbers below the columns, in rows so that they do not touch; the lowest point; how many found no
        room.
        """
        lay, theme = self.lay, self.theme
        line, size = theme.line(theme.small), theme.small
        words: list[Mark] = []
        lowest, missing = 0.0, 0
        level = min(block.box.bottom for block in lay.blocks)
        stacked = len({round(block.box.right, 3) for block in lay.blocks}) < len(lay.blocks)
        free = Free(lay.width, -MOST_ROWS * 2.25 * line - 2.0 * theme.scale, lay.height)
        blocks = [(one.box.left, one.name, one.box.bottom if stacked else level, one.captions) for one in lay.blocks]
        blocks += [(x, "layers", level, ((x, (f"{count} more", "layers")),)) for x, count in lay.gaps]
        for _, named, bottom, captions in sorted(blocks, key=lambda block: block[0]):
            for x, given in captions:
                lines = [theme.fitting((text,), size, lay.width) for text in given]
                wide, tall = max(theme.measure(text, size) for text in lines), len(lines) * line
                left = min(max(x - wide / 2, 0.0), lay.width - wide)
                tops = [bottom - 0.9 * theme.scale - row * (tall + 0.25 * line) for row in range(MOST_ROWS)]
                boxes = (Box(left, top - tall, left + wide, top) for top in tops)
                box = next((box for box in boxes if free.take(*box, 0.2 * line)), None)
                if box is None:
                    missing += 1
                    continue
                for number, text in enumerate(lines):
                    y = box.top - (number + 0.5) * line
                    words.append(Words(text, left + wide / 2, y, size, theme.ink, name=f"label {named}"))
                if stacked:  # synapses may cross the caption, which must still be readable
                    words.insert(0, Shapes("ground", box.corners, faded(theme.paper, 0.85), level=EDGES))
                lowest = min(lowest, box.bottom)
        return words, lowest, missing


def _exits(paths: Floats, image: Box) -> Floats:
    """Where lines that begin within an image leave it. Shape (lines, 2)."""
    begin, way = paths[:, 0], paths[:, 1] - paths[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        sideways = (image.right - begin[:, 0]) / way[:, 0]
        upright = np.where(way[:, 1] > 0, image.top - begin[:, 1], image.bottom - begin[:, 1]) / way[:, 1]
    share = np.minimum(sideways, np.where(way[:, 1] == 0, np.inf, upright))
    return np.asarray(begin + share[:, None] * way)


def _fans(name: str, image: Box, target: Units, colour: str) -> Mark:
    """From a whole image to each unit, for all-to-all projections."""
    corners = np.array([[[image.right, image.bottom], [image.right, image.top], [x, y]] for x, y in target.at])
    opacity = float(np.clip(0.5 / np.sqrt(len(corners)), 0.03, 0.16))
    return Shapes(name, corners, faded(colour, opacity), faded(colour, min(0.6, 3 * opacity)), 0.1, BELOW)


def _band(name: str, source: Units, target: Units, colour: str) -> Mark:
    """From group to group, if there are too many edges to tell them apart."""
    (right, up), (left, down) = source.at.max(0), target.at.min(0)
    corners = np.array([[[right, source.at[:, 1].min()], [right, up], [left, target.at[:, 1].max()], [left, down]]])
    return Shapes(name, corners, faded(colour, 0.25), level=BELOW)


def _rounded(boxes: tuple[Floats, Floats, Floats, Floats], radius: Floats) -> Floats:
    """Rectangles (left, bottom, right, top) with round corners."""
    left, bottom, right, top = boxes
    turn = np.linspace(0, np.pi / 2, 7)
    parts = []
    for start, x, y in (
        (0, right - radius, top - radius),
        (1, left + radius, top - radius),
        (2, left + radius, bottom + radius),
        (3, right - radius, bottom + radius),
    ):
        angle = turn + start * np.pi / 2
        around = x[:, None] + radius[:, None] * np.cos(angle), y[:, None] + radius[:, None] * np.sin(angle)
        parts.append(np.stack(around, axis=2))
    return np.concatenate(parts, axis=1)
