"""The samples of an SWC file: every line checked, and the tree turned so that it grows from its soma.

A line is a sample: id, type, x, y, z, radius and the id of its parent (Cannon et al., Journal of Neuroscience Methods
84 (1998)). Types: 1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite, 0 undefined; 5 and 6 mark fork and end points;
7 and above are the author's own. Programs write the numbers, the soma and the order of lines in many ways: what has one
meaning is read, and all else is refused, every fault with its line.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dendrograph.base.errors import DendrographError, Fault, Faults, MorphologyError, argument, clip

LARGEST_FILE = 64 * 1024**2  # bytes: some two million samples
LARGEST_WHOLE = 10**15  # of an id or a type
GREATEST = 1e9  # of a coordinate or a radius
MOST_SECTIONS = 50_000
NEAR = 20.0  # µm between the surfaces of one soma's samples that no parent joins

SOMA, AXON, BASAL, APICAL = 1, 2, 3, 4
OTHER = 0  # the kind of a dendrite that is neither basal nor apical
UNDEFINED, POINTS = 0, (5, 6)  # types that say nothing of the neurite: undefined; fork and end points
COLUMNS = ("id", "type", "x", "y", "z", "radius", "parent")
LENGTHS = ("x", "y", "z", "radius")
SHAPE = f"a line has seven numbers, with spaces or commas between them: {' '.join(COLUMNS)}"
UNKNOWN = {"nan", "na", "n/a", "null", "none", "unknown", "-", "?"}  # words for a radius that was not measured

# Words by which programs name the columns, without capitals and marks; a diameter stands in place of a radius.
_NAMES = {
    word: column
    for column, words in {
        "id": "id n i no num number index sample sampleid sampleno node nodeid pointno pointid ptno treenodeid",
        "type": "type t typ typeid structure structureid structureidentifier structuretype label tag compartment",
        **{
            axis: f"{axis} {axis}pos pos{axis} {axis}coord coord{axis} {axis}coordinate {axis}position"
            for axis in "xyz"
        },
        "radius": "radius r rad radii",
        "diameter": "diameter diam d dia thickness width",
        "parent": "parent p pn pid parentid parentindex parentno parentnode parentnodeid parentsample parenttreenodeid "
        "link",
    }.items()
    for word in words.split()
}
_UNITS = {
    word: sign
    for sign, words in {
        "µm": "um µm micron microns micrometer micrometers micrometre micrometres",
        "nm": "nm nanometer nanometers nanometre nanometres",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "pixels": "px pixel pixels",
        "voxels": "vx voxel voxels",
    }.items()
    for word in words.split()
}
_UNIT = re.compile(f"({'|'.join(_UNITS)})\\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,4})?\Z")


@dataclass
class Samples:
    """The samples of a file, column by column, and the lines on which they stand.

    header: the comments before the first sample, except that which names the columns
    types: as the file has them
    kinds: SOMA, AXON, BASAL, APICAL or OTHER, worked out of the types
    radii: NaN where unknown
    parents: places in the columns, -1 for a root. The tree with the soma grows from the soma, whatever the file's root
    children: places, by the place of their parent; `roots` has those of no parent
    notes: what a user should know of how the file was read
    """

    name: str
    header: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    points: list[tuple[float, ...]] = field(default_factory=list)
    radii: list[float] = field(default_factory=list)
    parent_ids: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    children: list[list[int]] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    whole: int = 0  # lines of seven columns or more
    longer: int = 0  # lines of more
    commas: int = 0  # lines with decimal commas
    columns: dict[str, int] = field(default_factory=lambda: {name: place for place, name in enumerate(COLUMNS)})
    diameters: bool = False  # whether these stand in place of radii

    @property
    def soma(self) -> list[int]:
        """The places of the soma's samples, in the order of the file."""
        return [place for place, kind in enumerate(self.kinds) if kind == SOMA]

    @property
    def loose(self) -> list[int]:
        """The roots of trees that nothing joins to the soma."""
        return [root for root in self.roots if self.kinds[root] != SOMA]

    def fault(self, place: int, problem: str, remedy: str = "") -> Fault:
        """A fault of one sample."""
        return Fault(f"{self.name}:{self.lines[place]}:1", "", problem, remedy)

    def outwards(self, roots: list[int]) -> Iterator[int]:
        """All samples of the trees that grow from some roots: parents before children, each branch to its end."""
        waiting = roots[::-1]
        while waiting:
            place = waiting.pop()
            yield place
            waiting += reversed(self.children[place])

    def link(self) -> None:
        """Fill `children` and `roots` from `parents`."""
        self.children = [[] for _ in self.ids]
        self.roots = []
        for place, parent in enumerate(self.parents):
            (self.roots if parent < 0 else self.children[parent]).append(place)


def text_of(path: Path) -> str:
    """The text of an SWC file, every line ended by a line feed. Comments may be in any encoding.

    Raises:
        DendrographError: there is no such file, it cannot be read, or it is no text.
    """
    try:
        if path.is_dir():
            raise DendrographError(f"{path}: a folder\n  give an SWC file")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise DendrographError(f"{path}: no such file\n  give an SWC file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DendrographError(f"{clip(str(path))}: cannot be read: {reason}") from None
    if len(data) > LARGEST_FILE:
        raise DendrographError(f"{path}: the file is too large\n  at most {LARGEST_FILE // 1024**2} MiB")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # the byte order mark of UTF-16, as Windows writes it
    if b"\0" in data and not wide:
        remedy = "an SWC file is plain text, in UTF-8 or ASCII"
        raise DendrographError(f"{path}: no text: it holds zero bytes\n  {remedy}")
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # names in the comments of older files; every byte is a character there
    return text.replace("\r\n", "\n").replace("\r", "\n")


def samples(
    text: str, name: str, scale: float = 1.0, join_trees: bool = False, min_radius: float = 0.0, root_soma: bool = False
) -> Samples:
    """The samples of an SWC file; `name` (a path) stands before each line number.

    Args:
        text: of the file, as `text_of` gives it.
        name: of the file, in messages.
        scale: µm to one unit of the file; what is returned is in µm.
        join_trees: whether trees that nothing joins to the soma are allowed.
        min_radius: in µm; unknown and smaller radii are taken to be this.
        root_soma: whether the first root is the soma where no sample has type 1.

    Raises:
        MorphologyError: with every fault found. Faults of the tree are looked for once the lines have none.
    """
    faults = Faults()
    found = Samples(name)
    for fault in _read(text, found, scale):
        faults.add(fault)
    if not found.whole and list(faults):
        first = next(iter(faults))
        raise MorphologyError([Fault(first.place, "", "no SWC file: no line of it has seven numbers", SHAPE)])
    faults.raise_if_any()
    if not found.ids:
        raise MorphologyError([Fault(name, "", "no samples: the file is empty, or holds comments only", SHAPE)])

    def hold(*checks: Iterator[Fault]) -> None:
        for check in checks:
            for fault in check:
                faults.add(fault)
        faults.raise_if_any()

    _in_um(found, scale)
    hold(_linked(found))
    found.link()
    hold(_circles(found))
    for fault in _grown_from_soma(found, root_soma):
        faults.add(fault)
    if SOMA not in found.types:
        faults.raise_if_any()
    _take_kinds(found)
    hold(_radii(found, min_radius), _dendrites(found), iter(()) if join_trees else _joined(found))
    hold(_size(found))
    _tell_types(found)
    return found


# Lines


def _read(text: str, found: Samples, scale: float) -> Iterator[Fault]:
    """The lines into columns."""
    for number, line in enumerate(text.rstrip("\x1a").split("\n"), start=1):  # DOS ended a text by this character
        data, hash_sign, comment = line.partition("#")
        words = _words(data)
        if not found.whole and (names := _names(data, True) if words else _names(comment, False)):
            _take_columns(found, number, names, scale)
            continue
        if not words:
            if hash_sign and not found.ids and comment.strip():
                found.header.append(comment.strip())
                _tell_scale(found, number, comment, scale)
            continue
        if len(words) <= max(found.columns.values()):
            problem = f"expected {_needed(found)} numbers, found {len(words)}: '{clip(data.strip())}'"
            yield Fault(f"{found.name}:{number}:1", "", problem, SHAPE)
            continue
        found.whole += 1
        found.longer += len(words) > len(COLUMNS)
        found.commas += any("," in words[place] for place in found.columns.values())
        values: dict[str, float | int] = {}
        at = last = 0
        for name, place in sorted(found.columns.items(), key=lambda column: column[1]):
            at = sum(map(len, words[last:place])) + at
            word, last = words[place], place
            at = data.index(word, at)
            value = _value(name, word)
            if value is not None:
                values[name] = value
                continue
            expected, remedy = _EXPECTED.get(name, (f"a number from {-GREATEST:g} to {GREATEST:g}", ""))
            problem = f"expected {expected}, found '{clip(word)}'"
            yield Fault(f"{found.name}:{number}:{at + 1}", name, problem, remedy)
        if len(values) == len(COLUMNS):
            found.lines.append(number)
            found.ids.append(int(values["id"]))
            found.types.append(int(values["type"]))
            found.points.append((values["x"], values["y"], values["z"]))
            found.radii.append(values["radius"] / 2 if found.diameters else values["radius"])
            found.parent_ids.append(int(values["parent"]))
    if found.commas:
        lines = f"{found.commas:,} line{'' if found.commas == 1 else 's'}"
        found.notes.append(f"commas inside numbers are read as decimal points ({lines})")


_EXPECTED = {
    "id": (f"a whole number from 0 to {LARGEST_WHOLE:.0e}", ""),
    "type": (
        f"a whole number from 0 to {LARGEST_WHOLE:.0e}",
        "1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite, 0 undefined, 5 fork point, 6 end point, "
        "7 and above of your own",
    ),
    "radius": (f"a number up to {GREATEST:g}", "a radius that was not measured may be 0, -1 or nan"),
    "parent": (
        f"a whole number from -1 to {LARGEST_WHOLE:.0e}",
        "the id of another sample, or -1 for the root",
    ),
}


def _needed(found: Samples) -> str:
    """How many numbers a line must have, in words."""
    most = max(found.columns.values()) + 1
    return "seven" if most == len(COLUMNS) else f"{most}"


def _names(text: str, bare: bool) -> list[tuple[str, str]]:
    """The columns that a line names and the unit of each, both empty where there is none; no columns in other lines.

    A bare line, which is no comment, names columns where it has x, y and z. A comment does where it has five names or
    more with no more than one other word between them; what stands around them is left out, except a unit of all.
    """
    title, _, rest = text.partition(":")
    text = rest if rest and not bare and "x" not in title.lower().split() else text
    separator = next((mark for mark in ";\t," if text.count(mark) >= len(COLUMNS) - 1), None)
    named: list[tuple[str, str]] = []
    for word in text.split(separator) if separator else re.split(r"[\s,;]+", text):
        plain = re.sub("[^a-z0-9µ]", "", word.lower().replace("\u03bc", "µ"))
        unit = _UNIT.search(plain)
        if plain in _NAMES:
            named.append((_NAMES[plain], ""))
        elif unit and plain[: unit.start()] in _NAMES:
            named.append((_NAMES[plain[: unit.start()]], _UNITS[unit[1]]))
        elif unit and not unit.start() and named:
            named[-1] = (named[-1][0], _UNITS[unit[1]])
        elif plain:
            named.append(("", ""))
    known = [place for place, (column, _) in enumerate(named) if column]
    if not {"x", "y", "z"} <= {column for column, _ in named}:
        return []
    if not bare:
        inside = named[known[0] : known[-1] + 1]
        if len(known) < 5 or len(inside) > len(known) + 1:
            return []
        of_all = next((unit for column, unit in named if unit and column in ("", "id", "type", "parent")), "")
        named = [(column, unit or of_all) for column, unit in inside]
    return named


def _take_columns(found: Samples, number: int, named: list[tuple[str, str]], scale: float) -> None:
    """Read the columns in the order of their names.

    Raises:
        MorphologyError: the names do not say which column is which, or they name another unit.
    """

    def refuse(problem: str, remedy: str) -> None:
        raise MorphologyError([Fault(f"{found.name}:{number}:1", "", problem, remedy)])

    columns = [column for column, _ in named]
    found.diameters = "radius" not in columns and "diameter" in columns
    if found.diameters:
        columns = ["radius" if column == "diameter" else column for column in columns]
    twice = [column for column in COLUMNS if columns.count(column) > 1]
    missing = [column for column in COLUMNS if column not in columns]
    if len(columns) < len(COLUMNS):
        in_order = [column for column in columns if column] == [column for column in COLUMNS if column in columns]
    else:
        in_order = all(column in ("", meant) for column, meant in zip(columns, COLUMNS, strict=False))
    if twice or (missing and not in_order):
        what = f"two columns have the name '{twice[0]}'" if twice else f"no column has the name '{missing[0]}'"
        remedy = f"name these seven: {' '.join(COLUMNS)}; or, where the columns stand in this order, remove the line"
        refuse(f"{what}, and the columns are in another order than SWC has", remedy)
    units = {column: unit or "µm" for column, (_, unit) in zip(columns, named, strict=True) if column in LENGTHS}
    if len(set(units.values())) > 1:
        told = ", ".join(f"{column} in {unit}" for column, unit in units.items())
        refuse(f"columns in more than one unit: {told}", "give x, y, z and radius in one unit, best in µm")
    (unit,) = set(units.values())
    if unit != "µm" and scale == 1:
        one = {"nm": 0.001, "mm": 1000.0}.get(unit)
        told = argument("scale", one) if one else argument("scale")
        refuse(f"the columns are in {unit}", f"say how many µm one of them is: {told}")
    found.columns = {column: columns.index(column) for column in COLUMNS} if not missing else found.columns
    if list(found.columns.values()) != list(range(len(COLUMNS))):
        found.notes.append(f"the columns are read in the order of their names on line {number}")
    if found.diameters:
        found.notes.append(f"the columns named on line {number} hold diameters: radii are half of them")


def _tell_scale(found: Samples, number: int, comment: str, scale: float) -> None:
    """A note on a comment that speaks of a scale, which nothing applies."""
    words = re.split(r"[\s,;:=]+", comment.strip())
    factors = [word for word in words[1:4] if _NUMBER.match(word.lower())]
    if words[0].lower() == "scale" and scale == 1 and any(float(factor) != 1 for factor in factors):
        told = f"'{clip(comment.strip())}' on line {number} is not applied"
        found.notes.append(f"{told}: where the points are not in µm yet, take {argument('scale')}")


def _words(data: str) -> list[str]:
    """The words of a line: between semicolons, between commas, or between blanks.

    Between semicolons or blanks a comma inside a word is a decimal one (`0,5`).
    """
    if ";" in data:
        words = [word.strip() for word in data.split(";")]
    else:
        words = [word.strip() for word in data.split(",")]
        if len(words) < len(COLUMNS) or any(len(word.split()) > 1 for word in words[: len(COLUMNS)]):
            words = [word[:-1] if word.endswith(",") else word for word in data.split()]
    while words and not words[-1]:  # what stands after the last separator
        words.pop()
    return words


def _value(column: str, word: str) -> float | int | None:
    """The number that a word is, NaN for an unknown radius; None where a column cannot hold it."""
    plain = word.lower().replace("\u2212", "-").replace("d", "e")  # Fortran writes 1.5D+01
    plain = re.sub(r"(?<=[0-9]),(?=[0-9])", ".", plain, count=1)
    if column == "radius" and word.lower() in UNKNOWN:
        return math.nan
    if not _NUMBER.match(plain):
        return None
    if column in ("x", "y", "z", "radius"):
        number = float(plain)
        if column == "radius" and number < 0:
            return math.nan
        return number if abs(number) <= GREATEST else None
    # Not by way of a float where it can be helped: ids may have sixteen digits.
    whole = int(plain) if plain.lstrip("+-").isdigit() and len(plain) < 20 else float(plain)
    if whole != whole // 1 or not (-1 if column == "parent" else 0) <= whole <= LARGEST_WHOLE:
        return None
    return int(whole)


def _in_um(found: Samples, scale: float) -> None:
    """Points and radii in µm, the points from the first sample of the soma on.

    They have the precision of float32, which is more than any reconstruction has.
    """
    import numpy as np

    origin = found.points[found.types.index(SOMA) if SOMA in found.types else 0]
    points = scale * (np.array(found.points) - origin).astype(np.float32).astype(np.float64)
    radii = scale * np.array(found.radii).astype(np.float32).astype(np.float64)
    found.points, found.radii = list(map(tuple, points.tolist())), radii.tolist()


# The tree


def _linked(found: Samples) -> Iterator[Fault]:
    """Each id once, each parent there; fills `parents`."""
    at: dict[int, int] = {}
    for place, ident in enumerate(found.ids):
        if at.setdefault(ident, place) != place:
            first = found.lines[at[ident]]
            yield found.fault(place, f"the id {ident} stands twice", f"first on line {first}; give each its own")
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
    """Parents that lead back to where they began: no root reaches these samples."""
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
    """One soma, whatever its shape; the tree that holds it is turned, so that it grows from there."""
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
    # Samples of the soma that parents join are one piece of it: `inner` maps each to the innermost one of its piece.
    inner: dict[int, int] = {}
    for place in found.outwards(found.roots):
        if types[place] == SOMA:
            inner[place] = inner.get(found.parents[place], place)
    pieces = sorted(set(inner.values()), key=lambda place: (found.parents[place] >= 0, place))
    first = pieces[0]
    soma = [place for place, innermost in inner.items() if innermost == first]
    if found.parents[first] >= 0:
        found.notes.append(f"the soma, on line {found.lines[first]}, grows from a neurite: read from the soma on")
        # From its middle: the sample that most others of the soma are joined to.
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
            remedy = f"its parent, on line {found.lines[parent]}, is none; mend one of the types"
            yield found.fault(piece, "a sample of the soma grows from a neurite", remedy)


def _touching(found: Samples, soma: list[int], pieces: list[int], inner: dict[int, int]) -> list[int]:
    """Join to the soma the pieces of it that no parent joins, where they touch; returns those that do not.

    A piece from which no neurite grows, as a point of an outline, need only be as near as `NEAR`.
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
    """From surface to surface of two samples, in µm; unknown radii count as 0."""
    radii = (0.0 if math.isnan(found.radii[place]) else found.radii[place] for place in (one, other))
    return math.dist(found.points[one], found.points[other]) - sum(radii)


def _take_kinds(found: Samples) -> None:
    """What each sample is part of.

    Undefined samples, fork points and end points are part of the neurite inwards. At the root of a tree, fork and end
    points are part of the one outwards. Types of the author's own are dendrites, but part of the axon that they go on.
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


def _tell_types(found: Samples) -> None:
    """Notes on types that are no soma, axon, basal or apical dendrite."""
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
    """Soma and dendrites have a thickness; a tip may end in 0, and so may the samples of an outline of the soma."""
    if min_radius:
        dendritic = [place for place, kind in enumerate(found.kinds) if kind != AXON]
        small = [place for place in dendritic if not found.radii[place] >= min_radius]
        for place in small:
            found.radii[place] = min_radius
        are = "sample has" if len(small) == 1 else "samples have"
        told = f"{len(small):,} {are} an unknown or smaller radius: {min_radius:g} µm is taken"
        somata = [place for place in small if found.kinds[place] == SOMA]
        if somata:
            told += f"; the soma's own is among them, on line {found.lines[somata[0]]}: the gaps to its stems follow it"
        found.notes.append(
            told if small else f"no radius is below {min_radius:g} µm: {argument('min_radius')} changes nothing"
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
    """Whether the soma is a ball: one sample, or three as NeuroMorpho.Org writes a ball.

    There the second and the third sample grow from the first, have its radius, and lie that far from it.
    """
    first, *others = sorted(found.soma, key=lambda place: found.parents[place] >= 0)
    if len(others) != 2 or any(found.parents[place] != first for place in others):
        return not others
    sizes = [found.radii[place] for place in others]
    sizes += [math.dist(found.points[first], found.points[place]) for place in others]
    return all(math.isclose(size, found.radii[first], rel_tol=0.05) for size in sizes)


def _dendrites(found: Samples) -> Iterator[Fault]:
    """Dendrites grow from the soma or from each other."""
    for place, kind in enumerate(found.kinds):
        parent = found.parents[place]
        if kind not in (SOMA, AXON) and parent >= 0 and found.kinds[parent] == AXON:
            remedy = f"its parent, on line {found.lines[parent]}, is axon; the axon is left out: mend one of the types"
            yield found.fault(place, "a dendrite grows from the axon", remedy)


def _joined(found: Samples) -> Iterator[Fault]:
    """All trees grow from the soma; an axon is left out anyway."""
    for place in found.loose if SOMA in found.types else ():
        if found.kinds[place] != AXON:
            remedy = f"give it a parent, or hang such trees on the soma by {argument('join_trees', True)}"
            yield found.fault(place, "a tree begins here that nothing joins to the soma", remedy)


def _size(found: Samples) -> Iterator[Fault]:
    """Sections in all, as many as a neuron may have."""
    sections = 0
    for place in found.outwards(found.roots):
        children = found.children[place]
        sections += sum(len(children) > 1 or found.kinds[child] != found.kinds[place] for child in children)
    if sections > MOST_SECTIONS:
        yield Fault(found.name, "", f"{sections:,} sections", f"at most {MOST_SECTIONS:,}: is this one neuron?")
