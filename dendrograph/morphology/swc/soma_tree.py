"""The samples of an SWC file as one tree that grows from its soma; each fault of the tree has its line of the file."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator

from dendrograph.base.errors import Fault, Faults, MorphologyError, argument
from dendrograph.morphology.swc.lines import (
    APICAL,
    AXON,
    BASAL,
    OTHER,
    POINTS,
    SHAPE,
    SOMA,
    UNDEFINED,
    Samples,
    read_lines,
)

MOST_SECTIONS = 50_000
NEAR = 20.0  # µm between the surfaces of one soma's samples that no parent joins


def samples(
    text: str, name: str, scale: float = 1.0, join_trees: bool = False, min_radius: float = 0.0, root_soma: bool = False
) -> Samples:
    """The samples of an SWC file, as one tree that grows from the soma. Messages begin with `name`, a path.

    Args:
        text: of the file, as `text_of` returns it.
        name: of the file, in messages.
        scale: µm per unit of the file. The result is in µm.
        join_trees: whether trees that are not connected to the soma are allowed.
        min_radius: in µm; it replaces unknown and smaller radii.
        root_soma: whether the first root is the soma if no sample has type 1.

    Raises:
        MorphologyError: with every fault found. The tree is checked only if the lines have no faults.
    """
    faults = Faults()
    found = Samples(name)
    for fault in read_lines(text, found, scale):
        faults.add(fault)
    if not found.whole and list(faults):
        first = next(iter(faults))
        raise MorphologyError([Fault(first.place, "", "no SWC file: no line of it has seven numbers", SHAPE)])
    faults.raise_if_any()
    if not found.ids:
        raise MorphologyError([Fault(name, "", "no samples: the file is empty, or holds comments only", SHAPE)])

    def check(*found_faults: Iterator[Fault]) -> None:
        for fault in itertools.chain(*found_faults):
            faults.add(fault)
        faults.raise_if_any()

    _in_um(found, scale)
    check(_linked(found))
    found.link()
    check(_circles(found))
    for fault in _grown_from_soma(found, root_soma):
        faults.add(fault)
    if SOMA not in found.types:
        faults.raise_if_any()
    _take_kinds(found)
    check(_radii(found, min_radius), _dendrites(found), iter(()) if join_trees else _joined(found))
    check(_size(found))
    _note_types(found)
    return found


def _in_um(found: Samples, scale: float) -> None:
    """Convert points and radii to µm, with the first sample of the soma as origin.

    They get the precision of float32, which is finer than any reconstruction.
    """
    import numpy as np

    origin = found.points[found.types.index(SOMA) if SOMA in found.types else 0]
    points = scale * (np.array(found.points) - origin).astype(np.float32).astype(np.float64)
    radii = scale * np.array(found.radii).astype(np.float32).astype(np.float64)
    found.points, found.radii = list(map(tuple, points.tolist())), radii.tolist()


def _linked(found: Samples) -> Iterator[Fault]:
    """Fill `parents`. Each id must be unique, and each parent must exist."""
    at: dict[int, int] = {}
    for place, ident in enumerate(found.ids):
        if at.setdefault(ident, place) != place:
            first = found.lines[at[ident]]
            yield found.fault(place, f"the id {ident} is given twice", f"first on line {first}; give each its own")
    root = -1
    if 0 not in at and -1 not in found.parent_ids:
        root = 0
        found.notes.append("no parent is -1: those whose parent is 0 are taken as roots")
    for place, parent in enumerate(found.parent_ids):
        found.parents.append(-1)
        if parent == root:
            continue
        if parent == found.ids[place]:
            yield found.fault(place, f"sample {parent} is its own parent", "the root has the parent -1")
        elif parent not in at:
            yield found.fault(
                place,
                f"sample {found.ids[place]} has the parent {parent}, which is not there",
                "was a part of the file lost? give it the id of another sample, or -1 for the root",
            )
        else:
            found.parents[-1] = at[parent]


def _circles(found: Samples) -> Iterator[Fault]:
    """Faults of circles of parents, which no root reaches."""
    seen = [False] * len(found.ids)
    for place in found.outwards(found.roots):
        seen[place] = True
    for start in range(len(found.ids)):
        path = []
        place = start
        while not seen[place]:
            seen[place] = True
            path.append(place)
            place = found.parents[place]
        if place in path:
            circle = path[path.index(place) :]
            few = " → ".join(str(found.ids[each]) for each in (*circle[:6], *(circle[:1] if len(circle) <= 6 else ())))
            more = "" if len(circle) <= 6 else " → …"
            first = min(circle, key=lambda each: found.lines[each])
            yield found.fault(first, f"parents go in a circle: {few}{more}", "one of them has another parent")


def _grown_from_soma(found: Samples, root_soma: bool) -> Iterator[Fault]:
    """Make the soma, of whatever shape, the root of its tree. There must be exactly one."""
    types = found.types
    if SOMA not in types:
        if not root_soma:
            root = argument("root_soma", True)
            remedy = f"give type 1 to the sample from which the dendrites leave, or take the root for it by {root}"
            yield Fault(found.name, "", "no soma: no sample has type 1", remedy)
            return
        types[found.roots[0]] = SOMA
        found.notes.append(f"the root, on line {found.lines[found.roots[0]]}, is taken for the soma")
    elif root_soma:
        found.notes.append(f"there is a soma: {argument('root_soma', True)} changes nothing")
    # Connected samples of the soma are one piece: `inner` maps each sample to the innermost one of its piece.
    inner: dict[int, int] = {}
    for place in found.outwards(found.roots):
        if types[place] == SOMA:
            inner[place] = inner.get(found.parents[place], place)
    pieces = sorted(set(inner.values()), key=lambda place: (found.parents[place] >= 0, place))
    first = pieces[0]
    soma = [place for place, innermost in inner.items() if innermost == first]
    if found.parents[first] >= 0:
        found.notes.append(f"the soma, on line {found.lines[first]}, grows from a neurite: read from the soma on")
        # The new root is the middle of the soma: the sample with the most connections to others of the soma.
        joined = Counter(found.parents[place] for place in soma if place != first)
        joined.update(place for place in soma if place != first)
        soma.sort(key=lambda place: -joined[place])
        first, place, before = soma[0], soma[0], -1
        while place >= 0:
            found.parents[place], place, before = before, found.parents[place], place
        found.link()
    apart = _touching(found, soma, pieces[1:], inner)
    if len(pieces) > 1 + len(apart):
        found.notes.append(f"{len(pieces) - len(apart)} pieces of a soma, close together, are taken as one")
        found.link()
    for piece in apart:
        parent = found.parents[piece]
        if parent < 0:
            remedy = f"the first is on line {found.lines[first]}; one neuron a file"
            yield found.fault(piece, "a second soma", remedy)
        else:
            remedy = f"its parent, on line {found.lines[parent]}, is none; correct one of the types"
            yield found.fault(piece, "a sample of the soma grows from a neurite", remedy)


def _touching(found: Samples, soma: list[int], pieces: list[int], inner: dict[int, int]) -> list[int]:
    """Join unconnected pieces of the soma that touch it; return the others.

    A piece without neurites, such as a point of an outline, may be up to `NEAR` away.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    members: dict[int, list[int]] = {piece: [] for piece in pieces if found.parents[piece] < 0}
    for place, piece in inner.items():
        if piece in members:
            members[piece].append(place)
    near = {
        piece: NEAR if all(found.types[child] == SOMA for each in some for child in found.children[each]) else 0.0
        for piece, some in members.items()
    }
    if not members:
        return pieces
    places = [place for some in members.values() for place in some]
    radii = np.nan_to_num([found.radii[place] for place in places])
    tree = cKDTree([found.points[place] for place in places])
    reach = radii.max() + max(near.values())
    waiting = list(soma)
    while waiting and members:
        here = waiting.pop()
        for at in tree.query_ball_point(found.points[here], np.nan_to_num(found.radii[here]) + reach + 1e-9):
            piece = inner[places[at]]
            if piece in members and _gap(found, here, places[at]) <= near[piece]:
                found.parents[piece] = soma[0]
                waiting += members.pop(piece)
    return [piece for piece in pieces if found.parents[piece] != soma[0]]


def _gap(found: Samples, one: int, other: int) -> float:
    """The distance between the surfaces of two samples, in µm. Unknown radii count as 0."""
    radii = (0.0 if math.isnan(found.radii[place]) else found.radii[place] for place in (one, other))
    return math.dist(found.points[one], found.points[other]) - sum(radii)


def _take_kinds(found: Samples) -> None:
    """Fill `kinds`, the neurite that each sample belongs to.

    Undefined samples, fork points and end points belong to the neurite of their parent. At the root of a tree, fork and
    end points belong to the neurite of their children. The author's own types are dendrites, or axon on an axon.
    """
    kinds = found.kinds = [kind if kind in (SOMA, AXON, BASAL, APICAL) else OTHER for kind in found.types]
    for place in found.outwards(found.roots):
        parent = found.parents[place]
        of_parent = SOMA if parent < 0 else kinds[parent]
        if of_parent != SOMA:
            if found.types[place] in (UNDEFINED, *POINTS) or (kinds[place], of_parent) == (OTHER, AXON):
                kinds[place] = of_parent
        elif found.types[place] in POINTS:
            ahead = place
            while found.types[ahead] in POINTS and found.children[ahead]:
                ahead = found.children[ahead][0]
            kinds[place] = kinds[ahead] if kinds[ahead] != SOMA else OTHER


def _note_types(found: Samples) -> None:
    """Note the types other than soma, axon, basal and apical dendrite."""
    pairs = {(kind, taken) for kind, taken in zip(found.types, found.kinds, strict=True)}
    marks = sorted({kind for kind, taken in pairs if kind in (UNDEFINED, *POINTS) and taken != OTHER})
    if marks:
        listed = ", ".join(map(str, marks))
        found.notes.append(f"samples of type {listed} take the type of the neurite that they are in")
    others = sorted({kind for kind, taken in pairs if kind not in (SOMA, AXON, BASAL, APICAL) and taken == OTHER})
    if others:
        found.notes.append(f"samples of type {_listed(others)} are taken as dendrites, neither basal nor apical")
    axon = sorted({kind for kind, taken in pairs if kind not in (UNDEFINED, *POINTS, AXON) and taken == AXON})
    if axon:
        found.notes.append(f"samples of type {_listed(axon)} go on an axon, and are left out with it")
    if found.longer:
        lines = f"{found.longer:,} line{'' if found.longer == 1 else 's'}"
        found.notes.append(f"columns beyond the seventh are not looked at ({lines})")


def _listed(types: list[int]) -> str:
    return ", ".join(map(str, types[:10])) + (f" and {len(types) - 10:,} more" if len(types) > 10 else "")


def _radii(found: Samples, min_radius: float) -> Iterator[Fault]:
    """Faults of radii of soma and dendrites that are unknown or 0. Tips and outlines of the soma may have radius 0."""
    if min_radius:
        dendritic = [place for place, kind in enumerate(found.kinds) if kind != AXON]
        small = [place for place in dendritic if not found.radii[place] >= min_radius]
        for place in small:
            found.radii[place] = min_radius
        are = "sample has" if len(small) == 1 else "samples have"
        note = f"{len(small):,} {are} an unknown or smaller radius: {min_radius:g} µm is taken"
        somata = [place for place in small if found.kinds[place] == SOMA]
        if somata:
            note += f"; the soma's own is among them, on line {found.lines[somata[0]]}: the gaps to its stems follow it"
        found.notes.append(
            note if small else f"no radius is below {min_radius:g} µm: {argument('min_radius')} changes nothing"
        )
        return
    one_ball = is_one_ball(found)
    unknown = []
    for place, kind in enumerate(found.kinds):
        parent = found.parents[place]
        if kind == SOMA:
            may_end = not one_ball or parent >= 0
        else:
            may_end = parent >= 0 and found.kinds[parent] != SOMA and not found.children[place]
        if kind != AXON and not (found.radii[place] > 0 or (found.radii[place] == 0 and may_end)):
            unknown.append(place)
    if unknown:
        others = len(unknown) - 1
        more = f" (and of {others:,} more sample{'' if others == 1 else 's'})" if others else ""
        what = "the soma" if found.kinds[unknown[0]] == SOMA else "a dendrite"
        problem = f"the radius of {what} is unknown or 0{more}"
        remedy = f"give it in µm, or take {argument('min_radius', 0.25)} for all that are unknown or smaller"
        yield found.fault(unknown[0], problem, remedy)


def is_one_ball(found: Samples) -> bool:
    """Whether the soma is a ball: one sample, or three in the convention of NeuroMorpho.Org.

    In this convention, the second and third samples are children of the first, with its radius, and that far from it.
    """
    first, *others = sorted(found.soma, key=lambda place: found.parents[place] >= 0)
    if len(others) != 2 or any(found.parents[place] != first for place in others):
        return not others
    sizes = [found.radii[place] for place in others]
    sizes += [math.dist(found.points[first], found.points[place]) for place in others]
    return all(math.isclose(size, found.radii[first], rel_tol=0.05) for size in sizes)


def _dendrites(found: Samples) -> Iterator[Fault]:
    """Faults of dendrites that grow from the axon."""
    for place, kind in enumerate(found.kinds):
        parent = found.parents[place]
        if kind not in (SOMA, AXON) and parent >= 0 and found.kinds[parent] == AXON:
            remedy = (
                f"its parent, on line {found.lines[parent]}, is axon; the axon is left out: correct one of the types"
            )
            yield found.fault(place, "a dendrite grows from the axon", remedy)


def _joined(found: Samples) -> Iterator[Fault]:
    """Faults of unconnected trees, except for axons, which are left out."""
    for place in found.loose if SOMA in found.types else ():
        if found.kinds[place] != AXON:
            remedy = f"give it a parent, or hang such trees on the soma by {argument('join_trees', True)}"
            yield found.fault(place, "a tree begins here that nothing joins to the soma", remedy)


def _size(found: Samples) -> Iterator[Fault]:
    """The fault of too many sections."""
    sections = 0
    for place in found.outwards(found.roots):
        children = found.children[place]
        sections += sum(len(children) > 1 or found.kinds[child] != found.kinds[place] for child in children)
    if sections > MOST_SECTIONS:
        yield Fault(found.name, "", f"{sections:,} sections", f"at most {MOST_SECTIONS:,}: is this one neuron?")
