"""Reconstructions of real neurons: an SWC file as the sections of its dendrites, read by MorphIO.

MorphIO (https://github.com/openbraininstitute/MorphIO) knows the forms of a soma and cuts the tree into sections. It is
the extra `dendrograph[swc]`, and imported only when a file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrograph.errors import DendrographError, clip
from dendrograph.samples import AXON, Samples, samples, text_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BASAL, APICAL, OTHER = "basal", "apical", "dendrite"
KINDS = {3: BASAL, 4: APICAL}  # every other type of a dendrite is OTHER


@dataclass(frozen=True, eq=False)
class Section:
    """A stretch of dendrite between two forks, or where its type changes: a chain of truncated cones.

    kind: `basal`, `apical` or `dendrite`
    parent: the place of its parent among the sections, which stands before it; None for a stem, which leaves the soma
    lengths: of its cones, in µm; shape (cones,). A stem's first one is the gap from the surface of the soma
    diameters: at the ends of the cones, in µm; shape (cones + 1,)
    """

    kind: str
    parent: int | None
    lengths: Floats
    diameters: Floats

    @property
    def length(self) -> float:
        """Along the path, in µm."""
        return float(self.lengths.sum())

    def mean_diameter(self, start: float = 0.0, stop: float = float("inf")) -> float:
        """The mean along the path from `start` to `stop` (µm from its beginning).

        A cylinder of this diameter and the same length has the same membrane, the slant of the cones left aside.
        """
        import numpy as np

        ends = np.concatenate([[0.0], np.cumsum(self.lengths)])
        low, high = np.clip(ends[:-1], start, stop), np.clip(ends[1:], start, stop)
        slopes = np.diff(self.diameters) / np.where(self.lengths > 0, self.lengths, 1.0)
        middles = self.diameters[:-1] + slopes * ((low + high) / 2 - ends[:-1])
        return float((middles * (high - low)).sum() / (high - low).sum())


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A neuron as its file tells of it, its axon left out.

    header: the comments at the beginning of the file
    soma: in words
    sections: parents before children; those of no length are left out, their branches moved to what they grew from
    axon: sections of axon, and their length in µm
    notes: what a user should know of how the file was read
    """

    file: str
    header: tuple[str, ...]
    soma: str
    sections: tuple[Section, ...]
    axon: tuple[int, float]
    notes: tuple[str, ...]


def read(path: Path, scale: float = 1.0, join_trees: bool = False) -> Reconstruction:
    """Read an SWC file.

    Args:
        path: of the file.
        scale: µm to one unit of the file.
        join_trees: whether trees that nothing joins to the soma are taken to grow from it.

    Raises:
        DendrographError: MorphIO is not installed; there is no such file; or, with every fault found and its line, the
            file is no reconstruction of a neuron.
    """
    text, name = text_of(path), str(path)
    found = samples(text, name, join_trees)
    morphology, said = _morphio(text, name)
    _complete(found, morphology)
    soma = _Soma(morphology, scale)
    notes = [f"{name}: {note}" for note in (*_notes(found), *said)]
    sections, left_out, axon = _sections(morphology, soma, scale)
    if left_out:
        notes.append(f"{name}: {counted(left_out, 'section')} of no length left out; branches moved inwards")
    for place in found.trees_apart:
        gap = "the tree that begins here is taken to grow from the soma"
        lone = "this sample is joined to nothing: left out"
        notes.append(f"{name}:{found.lines[place]}: {gap if found.children.get(place) else lone}")
    if not sections:
        there = "there is a soma alone"
        if axon[0] or left_out:
            there = "the axon is left out" if axon[0] else "what there is has no length"
        raise DendrographError(f"{name}: no dendrites: {there}\n  dendrites have type 3 (basal) or 4 (apical)")
    return Reconstruction(name, tuple(found.header), soma.words, sections, axon, tuple(notes))


def _morphio(text: str, name: str) -> tuple[Any, list[str]]:
    """MorphIO's view of the file, and what it said beside."""
    try:
        import morphio
    except ImportError:
        raise DendrographError(
            "reading SWC files needs MorphIO, which is not installed\n  pip install 'dendrograph[swc]'"
        ) from None
    # Told in our own words, where they matter at all.
    told = {"zero_diameter", "disconnected_neurite", "type_changed_within_section", "only_child"}
    collector = morphio.WarningHandlerCollector()
    option = morphio.Option.allow_unifurcated_section_change
    try:
        morphology = morphio.Morphology(text, "swc", option, warning_handler=collector)
    except morphio.MorphioError as error:
        raise DendrographError(f"{_plain(error, name)}\n  MorphIO cannot read the file") from None
    warnings = [each.warning for each in collector.get_all()]
    said = dict.fromkeys(
        _plain(each.msg(), name).removeprefix(f"{name}: ") for each in warnings if each.warning().name not in told
    )
    return morphology, [f"MorphIO says: {each}" for each in said]


def _plain(message: object, name: str) -> str:
    """A message of MorphIO on one line, without its terminal colours and its name for the text it was given."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(message))
    place = re.search(r"\$STRING\$:([0-9]+)", text)
    text = re.sub(r"\$STRING\$:([0-9]+)(:\w+)?", lambda match: f"line {match[1]}" if int(match[1]) else "", text)
    told = clip(" ".join(text.replace("Warning: ", "").split()).removeprefix(f"line {place and place[1]} "), most=300)
    return f"{name}:{place[1]}: {told}" if place and int(place[1]) else f"{name}: {told}"


def _complete(found: Samples, morphology: Any) -> None:
    """Nothing was passed over: the reader's points are the samples of the file."""
    given = len(found.ids) - sum(not found.children.get(place) for place in found.trees_apart)
    kept = len(morphology.soma.points) + len(morphology.points)
    # A branch begins with the last point of its parent, which is added unless its own first sample lies there.
    branches = sum(not section.is_root for section in morphology.iter())
    if not kept - branches <= given <= kept:
        told = f"MorphIO made {kept:,} points, {branches:,} of them twice, of {given:,} samples"
        raise DendrographError(f"{found.name}: {told}\n  a fault of ours")


def _notes(found: Samples) -> Iterable[str]:
    others = sorted({kind for kind in found.types if kind == 0 or kind > max(KINDS)})
    if others:
        listed = ", ".join(map(str, others))
        yield f"samples of type {listed} are taken as dendrites, neither basal nor apical"
    if found.longer:
        yield f"columns beyond the seventh are not looked at ({counted(found.longer, 'line')})"


class _Soma:
    """What the soma is, in words, and how far a point lies from its surface."""

    def __init__(self, morphology: Any, scale: float) -> None:
        import numpy as np

        points = scale * np.asarray(morphology.soma.points, dtype=np.float64)
        radii = scale * np.asarray(morphology.soma.diameters, dtype=np.float64) / 2
        form = morphology.soma_type.name
        self.centre = points.mean(axis=0)
        if form in ("SOMA_SINGLE_POINT", "SOMA_NEUROMORPHO_THREE_POINT_CYLINDERS"):
            # Three points stand for a cylinder with the surface of the ball about the first.
            count = "one point" if len(points) == 1 else "three points"
            self.words = f"{count}, {2 * radii[0]:.4g} µm across"
            self.points, self.radii, self.radius = points[:1], radii[:1], 0.0
        else:
            # A chain of cylinders, or the outline of a soma: then what lies about its centre is inside as well.
            self.points, self.radii = points, radii
            self.radius = float(np.linalg.norm(points - self.centre, axis=1).mean())
            self.words = f"{len(points)} points, {2 * max(self.radius, float(radii.max())):.4g} µm across"

    def gap(self, point: Floats) -> float:
        """From the surface to a point; 0 for one that lies inside."""
        import numpy as np

        nearest = float((np.linalg.norm(self.points - point, axis=1) - self.radii).min())
        if self.radius:
            nearest = min(nearest, float(np.linalg.norm(self.centre - point)) - self.radius)
        return max(0.0, nearest)


def _sections(morphology: Any, soma: _Soma, scale: float) -> tuple[tuple[Section, ...], int, tuple[int, float]]:
    """The sections of the dendrites, how many of no length were left out, and the axon's number and length."""
    import numpy as np

    sections: list[Section] = []
    new: dict[int, int | None] = {}  # a section's number in MorphIO -> the place of what stands for it; None: the soma
    axon, axon_length, left_out = 0, 0.0, 0
    for each in morphology.iter():
        points = scale * np.asarray(each.points, dtype=np.float64)
        diameters = scale * np.asarray(each.diameters, dtype=np.float64)
        lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
        if each.is_root:
            lengths = np.concatenate([[soma.gap(points[0])], lengths])
            diameters = np.concatenate([diameters[:1], diameters])
        if int(each.type) == AXON:
            axon, axon_length = axon + 1, axon_length + float(lengths.sum())
            continue
        parent = None if each.is_root else new[each.parent.id]
        if not lengths.sum() > 0:
            new[each.id] = parent
            left_out += 1
            continue
        new[each.id] = len(sections)
        sections.append(Section(KINDS.get(int(each.type), OTHER), parent, lengths, diameters))
    return _joined(sections), left_out, (axon, axon_length)


def _joined(sections: list[Section]) -> tuple[Section, ...]:
    """Sections that no fork parts are one: where an axon left, and where one of two branches had no length."""
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
                )
                continue
        new.append(len(joined))
        joined.append(Section(section.kind, parent, section.lengths, section.diameters))
    return tuple(joined)


def counted(count: int, what: str) -> str:
    """So many of them: `1 section`, `3 sections`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
