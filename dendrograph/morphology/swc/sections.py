"""The sections of a reconstruction: the samples of an SWC file as unbranched stretches of dendrite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dendrograph.base.errors import DendrographError, argument
from dendrograph.morphology.swc.lines import APICAL as APICAL_TYPE
from dendrograph.morphology.swc.lines import AXON, Samples, text_of
from dendrograph.morphology.swc.lines import BASAL as BASAL_TYPE
from dendrograph.morphology.swc.lines import SOMA as SOMA_TYPE
from dendrograph.morphology.swc.soma_tree import is_one_ball, samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BASAL, APICAL, OTHER = "basal", "apical", "dendrite"
KINDS = {BASAL_TYPE: BASAL, APICAL_TYPE: APICAL}  # every other dendrite is OTHER

# Limits in µm beyond which a file is probably not in µm: the soma, a dendrite's diameter, the distance of a tip.
LARGEST_SOMA, THICKEST, FARTHEST, NEAREST = 300.0, 100.0, 30_000.0, 2.0


@dataclass(frozen=True, eq=False)
class Section:
    """A stretch of dendrite between forks or changes of type: a chain of truncated cones.

    Attributes:
        kind: `basal`, `apical` or `dendrite`.
        parent: the index of its parent, which comes earlier; None for a stem, which leaves the soma.
        lengths: of its cones, in µm; shape (cones,). The first one of a stem is the gap from the surface of the soma.
        diameters: at the ends of the cones, in µm; shape (cones + 1,).
        line: the line of its last sample in the file.
    """

    kind: str
    parent: int | None
    lengths: Floats
    diameters: Floats
    line: int = 0

    @property
    def length(self) -> float:
        """The length along the path, in µm."""
        return float(self.lengths.sum())

    def mean_diameter(self, start: float = 0.0, stop: float = float("inf")) -> float:
        """The mean diameter in µm along the path from `start` to `stop` (µm from its beginning).

        A cylinder of this diameter and length has the same membrane area, except for the slant of the cones.
        """
        import numpy as np

        ends = np.concatenate([[0.0], np.cumsum(self.lengths)])
        low, high = np.clip(ends[:-1], start, stop), np.clip(ends[1:], start, stop)
        slopes = np.diff(self.diameters) / np.where(self.lengths > 0, self.lengths, 1.0)
        middles = self.diameters[:-1] + slopes * ((low + high) / 2 - ends[:-1])
        return float((middles * (high - low)).sum() / (high - low).sum())


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A neuron without its axon, as its file describes it.

    Attributes:
        file: the path of the file.
        header: the comments at the beginning of the file.
        soma: a description of the soma.
        sections: parents before children. Sections without length are left out, and their branches move to the parent.
        axon: the number of sections of axon, and their length in µm.
        notes: notes for the user on how the file was read.
    """

    file: str
    header: tuple[str, ...]
    soma: str
    sections: tuple[Section, ...]
    axon: tuple[int, float]
    notes: tuple[str, ...]


def read(
    path: Path, scale: float = 1.0, join_trees: bool = False, min_radius: float = 0.0, root_soma: bool = False
) -> Reconstruction:
    """Read an SWC file.

    Args:
        path: of the file.
        scale: µm per unit of the file.
        join_trees: whether unconnected trees are joined to the soma.
        min_radius: in µm; it replaces unknown and smaller radii.
        root_soma: whether the first root is the soma if no sample has type 1.

    Raises:
        DendrographError: there is no such file, or it is not a reconstruction of a neuron; the text has every fault
            found, with its line.
    """
    text, name = text_of(path), str(path)
    found = samples(text, name, scale, join_trees, min_radius, root_soma)
    soma = _Soma(found)
    sections, left_out, axon = _sections(found, soma)
    if not sections:
        there = "there is a soma alone"
        if axon[0] or left_out:
            there = "the axon is left out" if axon[0] else "what there is has no length"
        raise DendrographError(f"{name}: no dendrites: {there}\n  dendrites have type 3 (basal) or 4 (apical)")
    notes = [f"{name}: {note}" for note in (*found.notes, *_unlikely(soma, sections, scale))]
    if left_out:
        notes.append(f"{name}: {counted(left_out, 'section')} of no length left out; branches moved inwards")
    for place in found.loose:
        if found.kinds[place] == AXON:
            note = "the axon that begins here is joined to nothing"
        elif found.children[place]:
            bridge = f"by a bridge of {soma.gap(found.points[place]):,.1f} µm, which its length includes"
            note = f"the tree that begins here is taken to grow from the soma, {bridge}"
        else:
            note = "this sample is joined to nothing: left out"
        notes.append(f"{name}:{found.lines[place]}: {note}")
    return Reconstruction(name, tuple(found.header), soma.words, sections, axon, tuple(notes))


def _unlikely(soma: _Soma, sections: tuple[Section, ...], scale: float) -> Iterator[str]:
    """A note on sizes that no neuron has, most often because the file is not in µm."""
    reach: list[float] = []
    for section in sections:
        reach.append((0.0 if section.parent is None else reach[section.parent]) + section.length)
    thickest = max(float(section.diameters.max()) for section in sections)
    sizes = f"the soma is {shown(soma.across)} µm across, the farthest tip is {shown(max(reach))} µm away, and the "
    sizes += f"thickest dendrite has {shown(thickest)} µm"
    if soma.across > LARGEST_SOMA or thickest > THICKEST or max(reach) > FARTHEST:
        yield f"{sizes}: is the file in nanometres? {argument('scale', scale / 1000)}"
    elif max(reach) < NEAREST:
        yield f"{sizes}: is the file in millimetres? {argument('scale', scale * 1000)}"


class _Soma:
    """The soma: its description, and the distance of a point from its surface.

    The soma is a ball. Of several samples, it is their balls together with a ball about their centre, whose radius is
    their mean distance from the centre, so that an outline counts as a solid body.

    Attributes:
        across: its diameter, in µm.
        words: its description.
    """

    def __init__(self, found: Samples) -> None:
        import numpy as np

        places = found.soma
        points = np.array([found.points[place] for place in places])
        radii = np.array([found.radii[place] for place in places])
        self.centre = points.mean(axis=0)
        if is_one_ball(found):
            # Three points are a cylinder with the same surface as the ball about the first.
            count = "one point" if len(points) == 1 else "three points"
            first = next(at for at, place in enumerate(places) if found.parents[place] < 0)
            self.points, self.radii, self.radius = points[first : first + 1], radii[first : first + 1], 0.0
        else:
            count = f"{len(points)} points"
            self.points, self.radii = points, radii
            self.radius = float(np.linalg.norm(points - self.centre, axis=1).mean())
        self.across = 2 * max(self.radius, float(self.radii.max()))
        self.words = f"{count}, {shown(self.across)} µm across"

    def gap(self, point: tuple[float, ...]) -> float:
        """The distance from the surface to a point, in µm; 0 for a point inside."""
        import numpy as np

        nearest = float((np.linalg.norm(self.points - point, axis=1) - self.radii).min())
        if self.radius:
            nearest = min(nearest, float(np.linalg.norm(self.centre - point)) - self.radius)
        return max(0.0, nearest)


def _cut(found: Samples) -> Iterator[tuple[int | None, list[int]]]:
    """The samples of each section, parents first, with the index of the parent section (None: the soma).

    A section ends at a fork and at a change of kind.
    """
    inner = [root for root in found.roots if found.kinds[root] == SOMA_TYPE]
    stems: list[int] = []
    for place in inner:  # the loop extends the list
        for child in found.children[place]:
            (inner if found.kinds[child] == SOMA_TYPE else stems).append(child)
    stems += found.loose
    waiting: list[tuple[int | None, int]] = [(None, place) for place in reversed(stems)]
    number = 0
    while waiting:
        parent, place = waiting.pop()
        path = [place]
        while len(children := found.children[place]) == 1 and found.kinds[children[0]] == found.kinds[place]:
            place = children[0]
            path.append(place)
        yield parent, path
        waiting += ((number, child) for child in reversed(children))
        number += 1


def _sections(found: Samples, soma: _Soma) -> tuple[tuple[Section, ...], int, tuple[int, float]]:
    """The sections of the dendrites, the number of sections without length, and the axon's number and length."""
    import numpy as np

    points, radii = np.array(found.points), np.array(found.radii)
    alone = {place for place in found.loose if not found.children[place]}
    sections: list[Section] = []
    new: list[int | None] = []  # the index of the kept section for each section; None: the soma
    axon, axon_length, left_out = 0, 0.0, 0
    for parent, path in _cut(found):
        kind = found.kinds[path[0]]
        # A branch begins at the last sample of its parent; a stem begins at the surface of the soma.
        places = path if parent is None else [found.parents[path[0]], *path]
        lengths = np.linalg.norm(np.diff(points[places], axis=0), axis=1)
        diameters = 2 * radii[places]
        inner = None if parent is None else new[parent]
        new.append(inner)
        if path[0] in alone:
            continue
        if parent is None and not (kind == AXON and found.parents[path[0]] < 0):
            lengths = np.concatenate([[soma.gap(found.points[path[0]])], lengths])
            diameters = np.concatenate([diameters[:1], diameters])
        if kind == AXON:
            axon, axon_length = axon + 1, axon_length + float(lengths.sum())
        elif not lengths.sum() > 0:
            left_out += 1
        else:
            new[-1] = len(sections)
            sections.append(Section(KINDS.get(kind, OTHER), inner, lengths, diameters, found.lines[path[-1]]))
    return _joined(sections), left_out, (axon, axon_length)


def _joined(sections: list[Section]) -> tuple[Section, ...]:
    """Join sections without a fork between them, where an axon or a branch without length was left out."""
    import numpy as np

    children = [0] * len(sections)
    for section in sections:
        if section.parent is not None:
            children[section.parent] += 1
    joined: list[Section] = []
    new: list[int] = []
    for section in sections:
        parent = None if section.parent is None else new[section.parent]
        if section.parent is not None and parent is not None and children[section.parent] == 1:
            before = joined[parent]
            if before.kind == section.kind:
                new.append(parent)
                joined[parent] = Section(
                    before.kind,
                    before.parent,
                    np.concatenate([before.lengths, [0.0], section.lengths]),
                    np.concatenate([before.diameters, section.diameters]),
                    section.line,
                )
                continue
        new.append(len(joined))
        joined.append(replace(section, parent=parent))
    return tuple(joined)


def shown(um: float) -> str:
    """A length in µm, as notes show it."""
    return f"{um:,.0f}" if um >= 1000 else f"{um:.4g}"


def counted(count: int, what: str) -> str:
    """A count with its noun: `1 section`, `3 sections`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
