"""The lines of an SWC file as samples. Every line is checked.

A line is a sample: id, type, x, y, z, radius and the id of its parent (Cannon et al., Journal of Neuroscience Methods
84 (1998)). Types: 1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite, 0 undefined; 5 and 6 mark fork and end points;
7 and above are the author's own. Programs write numbers, soma and columns in many ways: unambiguous files are read, and
all others are refused, with the line of each fault.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dendrograph.base.errors import DendrographError, Fault, MorphologyError, argument, clip

LARGEST_FILE = 64 * 1024**2  # bytes: about two million samples
LARGEST_WHOLE = 10**15  # of an id or a type
GREATEST = 1e9  # of a coordinate or a radius

SOMA, AXON, BASAL, APICAL = 1, 2, 3, 4
OTHER = 0  # the kind of a dendrite that is neither basal nor apical
UNDEFINED, POINTS = 0, (5, 6)  # types without information on the neurite: undefined; fork and end points
COLUMNS = ("id", "type", "x", "y", "z", "radius", "parent")
LENGTHS = ("x", "y", "z", "radius")
SHAPE = f"a line has seven numbers, with spaces or commas between them: {' '.join(COLUMNS)}"
UNKNOWN = {"nan", "na", "n/a", "null", "none", "unknown", "-", "?"}  # words for an unknown radius

# The names that programs give to columns, in lower case and without punctuation. A diameter may replace the radius.
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
    """The samples of a file, column by column, with their lines. Samples are numbered by index.

    Attributes:
        name: the file, for messages.
        header: the comments before the first sample, except for the one that names the columns.
        lines: the line of each sample.
        ids: as in the file.
        types: as in the file.
        points: x, y, z.
        radii: NaN if unknown.
        parent_ids: as in the file.
        kinds: SOMA, AXON, BASAL, APICAL or OTHER, derived from the types.
        parents: the index of each sample's parent, -1 for a root. The soma is the root of its tree, whatever the file's
            root is.
        children: the indices of each sample's children.
        roots: the indices of the samples without a parent.
        notes: notes for the user on how the file was read.
        whole: the number of lines with seven columns or more.
        longer: the number of lines with more than seven columns.
        commas: the number of lines with decimal commas.
        columns: the position of each column in a line.
        diameters: whether the file has diameters instead of radii.
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
    whole: int = 0
    longer: int = 0
    commas: int = 0
    columns: dict[str, int] = field(default_factory=lambda: {name: place for place, name in enumerate(COLUMNS)})
    diameters: bool = False

    @property
    def soma(self) -> list[int]:
        """The indices of the soma's samples, in the order of the file."""
        return [place for place, kind in enumerate(self.kinds) if kind == SOMA]

    @property
    def loose(self) -> list[int]:
        """The roots of the trees that are not connected to the soma."""
        return [root for root in self.roots if self.kinds[root] != SOMA]

    def fault(self, place: int, problem: str, remedy: str = "") -> Fault:
        """A fault of the sample with this index."""
        return Fault(f"{self.name}:{self.lines[place]}:1", "", problem, remedy)

    def outwards(self, roots: list[int]) -> Iterator[int]:
        """All samples of the trees of some roots: parents before children, each branch to its end."""
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
    """The text of an SWC file, with line feeds at the ends of lines. Comments may have any encoding.

    Raises:
        DendrographError: there is no such file, it cannot be read, or it is not text.
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
        text = data.decode("latin-1")  # comments of older files; every byte is a character in it
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(text: str, found: Samples, scale: float) -> Iterator[Fault]:
    """Read the lines into the columns of `found`, and yield their faults."""
    for number, line in enumerate(text.rstrip("\x1a").split("\n"), start=1):  # the end of a text in DOS
        data, hash_sign, comment = line.partition("#")
        words = _words(data)
        if not found.whole and (names := _names(data, True) if words else _names(comment, False)):
            _take_columns(found, number, names, scale)
            continue
        if not words:
            if hash_sign and not found.ids and comment.strip():
                found.header.append(comment.strip())
                _note_scale(found, number, comment, scale)
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
    """The number of values that a line must have, in words."""
    most = max(found.columns.values()) + 1
    return "seven" if most == len(COLUMNS) else f"{most}"


def _names(text: str, bare: bool) -> list[tuple[str, str]]:
    """The columns that a line names, with their units, or nothing if the line names none. Unknown names are empty.

    A bare line, which is not a comment, names columns if it has x, y and z. A comment does if it has at least five
    names, with at most one other word between them. Words around them are ignored, except for a common unit.
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
    """Set the columns of `found` to the named order.

    Raises:
        MorphologyError: the names do not determine the columns, or they name another unit.
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
        shown = ", ".join(f"{column} in {unit}" for column, unit in units.items())
        refuse(f"columns in more than one unit: {shown}", "give x, y, z and radius in one unit, best in µm")
    (unit,) = set(units.values())
    if unit != "µm" and scale == 1:
        one = {"nm": 0.001, "mm": 1000.0}.get(unit)
        shown = argument("scale", one) if one else argument("scale")
        refuse(f"the columns are in {unit}", f"say how many µm one of them is: {shown}")
    found.columns = {column: columns.index(column) for column in COLUMNS} if not missing else found.columns
    if list(found.columns.values()) != list(range(len(COLUMNS))):
        found.notes.append(f"the columns are read in the order of their names on line {number}")
    if found.diameters:
        found.notes.append(f"the columns named on line {number} hold diameters: radii are half of them")


def _note_scale(found: Samples, number: int, comment: str, scale: float) -> None:
    """Note a comment about a scale, which is not applied."""
    words = re.split(r"[\s,;:=]+", comment.strip())
    factors = [word for word in words[1:4] if _NUMBER.match(word.lower())]
    if words[0].lower() == "scale" and scale == 1 and any(float(factor) != 1 for factor in factors):
        shown = f"'{clip(comment.strip())}' on line {number} is not applied"
        found.notes.append(f"{shown}: where the points are not in µm yet, take {argument('scale')}")


def _words(data: str) -> list[str]:
    """The words of a line, separated by semicolons, commas or blanks.

    If semicolons or blanks separate the words, a comma in a word is a decimal comma (`0,5`).
    """
    if ";" in data:
        words = [word.strip() for word in data.split(";")]
    else:
        words = [word.strip() for word in data.split(",")]
        if len(words) < len(COLUMNS) or any(len(word.split()) > 1 for word in words[: len(COLUMNS)]):
            words = [word[:-1] if word.endswith(",") else word for word in data.split()]
    while words and not words[-1]:  # after the last separator
        words.pop()
    return words


def _value(column: str, word: str) -> float | int | None:
    """The number of a word, NaN for an unknown radius, or None if the column cannot hold it."""
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
    # Not through a float if possible: ids may have sixteen digits.
    whole = int(plain) if plain.lstrip("+-").isdigit() and len(plain) < 20 else float(plain)
    if whole != whole // 1 or not (-1 if column == "parent" else 0) <= whole <= LARGEST_WHOLE:
        return None
    return int(whole)
