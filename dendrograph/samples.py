"""The lines of an SWC file, held to the format before the reader of reconstructions sees them.

A line is a sample: id, type, x, y, z, radius and the id of its parent (Cannon et al., Journal of Neuroscience Methods
84 (1998); types as neuromorpho.org keeps them: 1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite, 0 undefined, 5 and
above of the author's own). The reader stops at its first fault, passes over others in silence (parents that go in a
circle, negative radii, numbers that are too large), and does not survive trees that fork without end. So all faults are
found here, each with its line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dendrograph.errors import DendrographError, Fault, Faults, MorphologyError, argument, clip

LARGEST_FILE = 64 * 1024**2  # bytes: some two million samples
LARGEST_ID = 2**32 - 2
LARGEST_TYPE = 19  # the reader's
GREATEST = 1e9  # of a coordinate or a radius
DEEPEST = 1_000  # forks on one path; the reader's stack holds more
MOST_SECTIONS = 50_000

SOMA, AXON = 1, 2
COLUMNS = ("id", "type", "x", "y", "z", "radius", "parent")
SHAPE = f"a line has seven numbers, with spaces between them: {' '.join(COLUMNS)}"

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?\Z")


@dataclass
class Samples:
    """The samples of a file, column by column, and the lines on which they stand.

    header: the comments before the first sample, except that which names the columns
    parents, children: places in the columns; -1 and the list under it are for roots
    """

    name: str
    header: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    radii: list[float] = field(default_factory=list)
    parent_ids: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    children: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    whole: int = 0  # lines of seven columns or more
    longer: int = 0  # lines of more

    @property
    def trees_apart(self) -> list[int]:
        """The roots that are no soma: trees which nothing joins to it."""
        return [root for root in self.children[-1] if self.types[root] != SOMA]

    def fault(self, place: int, problem: str, remedy: str = "") -> Fault:
        """A fault of one sample."""
        return Fault(f"{self.name}:{self.lines[place]}:1", "", problem, remedy)


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
    if b"\0" in data:
        remedy = "an SWC file is plain text, in UTF-8 or ASCII"
        raise DendrographError(f"{path}: no text: it holds zero bytes\n  {remedy}")
    data = data.removeprefix(b"\xef\xbb\xbf")  # the byte order mark of UTF-8
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # names in the comments of older files; every byte is a character there
    return text.replace("\r\n", "\n").replace("\r", "\n")


def samples(text: str, name: str, join_trees: bool = False) -> Samples:
    """The samples of an SWC file; `name` (a path) stands before each line number.

    Args:
        text: of the file, as `text_of` gives it.
        name: of the file, in messages.
        join_trees: whether trees that nothing joins to the soma are allowed.

    Raises:
        MorphologyError: with every fault found. Faults of the tree are looked for once the lines have none.
    """
    faults = Faults()
    found = Samples(name)
    for fault in _read(text, found):
        faults.add(fault)
    if not found.whole and list(faults):
        first = next(iter(faults))
        raise MorphologyError([Fault(first.place, "", "no SWC file: no line of it has seven numbers", SHAPE)])
    faults.raise_if_any()
    if not found.ids:
        raise MorphologyError([Fault(name, "", "no samples: the file is empty, or holds comments only", SHAPE)])
    for checks in ((_linked,), (_circles,), (_soma, _dendrites, _joined), (_size,)):
        for check in checks:
            for fault in check(found) if check is not _joined or not join_trees else ():
                faults.add(fault)
        faults.raise_if_any()
    return found


def _read(text: str, found: Samples) -> Iterator[Fault]:
    """The lines into columns."""
    for number, line in enumerate(text.split("\n"), start=1):
        data, hash_sign, comment = line.partition("#")
        words = data.split()
        if not words:
            columns = {"x", "y", "z"} <= set(comment.lower().split())
            if hash_sign and not found.ids and comment.strip() and not columns:
                found.header.append(comment.strip())
            continue
        if len(words) < len(COLUMNS):
            problem = f"expected seven numbers, found {len(words)}: '{clip(data.strip())}'"
            yield Fault(f"{found.name}:{number}:1", "", problem, SHAPE)
            continue
        found.whole += 1
        found.longer += len(words) > len(COLUMNS)
        bad = [(column, told) for column in range(len(COLUMNS)) if (told := _wrong(column, words[column]))]
        for column, (expected, remedy) in bad:
            at = [match.start() for match in re.finditer(r"\S+", data)][column]
            problem = f"expected {expected}, found '{clip(words[column])}'"
            yield Fault(f"{found.name}:{number}:{at + 1}", COLUMNS[column], problem, remedy)
        if not bad:
            found.lines.append(number)
            found.ids.append(int(words[0]))
            found.types.append(int(words[1]))
            found.radii.append(float(words[5]))
            found.parent_ids.append(int(words[6]))


def _wrong(column: int, word: str) -> tuple[str, str] | None:
    """What was expected of a column, and what to do, where a word is not that."""
    name = COLUMNS[column]
    if name in ("id", "type", "parent"):
        low, high = {"id": (0, LARGEST_ID), "type": (0, LARGEST_TYPE), "parent": (-1, LARGEST_ID)}[name]
        if _WHOLE.match(word) and low <= int(word) <= high:
            return None
        remedies = {
            "type": "1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite, 0 undefined, 5 and above of your own",
            "parent": "the id of another sample, or -1 for the root",
        }
        return f"a whole number from {low} to {high:,}", remedies.get(name, "")
    if _NUMBER.match(word) and abs(value := float(word)) <= GREATEST and (name != "radius" or value >= 0):
        return None
    least = 0.0 if name == "radius" else -GREATEST
    return f"a number from {least:g} to {GREATEST:g}", ""


def _linked(found: Samples) -> Iterator[Fault]:
    """Each id once, each parent there; fills `parents` and `children`."""
    at: dict[int, int] = {}
    for place, ident in enumerate(found.ids):
        if at.setdefault(ident, place) != place:
            first = found.lines[at[ident]]
            yield found.fault(place, f"the id {ident} stands twice", f"first on line {first}; give each its own")
    for place, parent in enumerate(found.parent_ids):
        if parent == -1:
            found.parents.append(-1)
        elif parent == found.ids[place]:
            yield found.fault(place, f"sample {parent} is its own parent", "the root has the parent -1")
            found.parents.append(-1)
        elif parent not in at:
            yield found.fault(
                place,
                f"sample {found.ids[place]} has the parent {parent}, which is not there",
                "was a part of the file lost? give it the id of another sample, or -1 for the root",
            )
            found.parents.append(-1)
        else:
            found.parents.append(at[parent])
        found.children[found.parents[-1]].append(place)


def _circles(found: Samples) -> Iterator[Fault]:
    """Parents that lead back to where they began: no root reaches these samples."""
    seen = [False] * len(found.ids)
    for root in found.children[-1]:
        waiting = [root]
        while waiting:
            place = waiting.pop()
            seen[place] = True
            waiting += found.children.get(place, ())
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


def _soma(found: Samples) -> Iterator[Fault]:
    """One soma: a sample, three of them, or a chain."""
    soma = [place for place, kind in enumerate(found.types) if kind == SOMA]
    if not soma:
        remedy = "a morphology grows from its soma: give type 1 to the sample from which the dendrites leave"
        yield Fault(found.name, "", "no soma: no sample has type 1", remedy)
        return
    roots = [place for place in soma if found.parents[place] == -1]
    for place in roots[1:]:
        remedy = f"the first is on line {found.lines[roots[0]]}; one neuron a file"
        yield found.fault(place, "a second soma", remedy)
    for place in soma:
        parent = found.parents[place]
        if parent != -1 and found.types[parent] != SOMA:
            remedy = f"its parent, on line {found.lines[parent]}, is none; let the soma come first"
            yield found.fault(place, "a sample of the soma grows from a neurite", remedy)
        inside = _soma_children(found, place)
        if len(inside) > 1 and not (len(soma) == 3 and place in roots):
            forks = ", ".join(str(found.lines[child]) for child in inside[:6])
            remedy = "a soma is one sample, three of them (the first the parent of both others), or a chain"
            yield found.fault(place, f"the soma forks, into lines {forks}", remedy)
    one_ball = len(soma) == 1 or (len(soma) == 3 and len(_soma_children(found, roots[0] if roots else soma[0])) == 2)
    if roots and one_ball and found.radii[roots[0]] == 0:
        yield found.fault(roots[0], "the soma has the radius 0", "give its radius, in µm")


def _soma_children(found: Samples, place: int) -> list[int]:
    return [child for child in found.children.get(place, ()) if found.types[child] == SOMA]


def _dendrites(found: Samples) -> Iterator[Fault]:
    """Dendrites have a thickness, and grow from the soma or from each other."""
    for place, kind in enumerate(found.types):
        if kind in (SOMA, AXON):
            continue
        parent = found.parents[place]
        if parent != -1 and found.types[parent] == AXON:
            remedy = f"its parent, on line {found.lines[parent]}, is axon; the axon is left out: mend one of the types"
            yield found.fault(place, "a dendrite grows from the axon", remedy)
        tip = parent != -1 and found.types[parent] != SOMA and not found.children.get(place)
        if found.radii[place] == 0 and not tip:
            remedy = "a dendrite without thickness passes nothing on: give its radius, in µm (a tip may end in 0)"
            yield found.fault(place, "a dendrite has the radius 0", remedy)


def _joined(found: Samples) -> Iterator[Fault]:
    """All trees grow from the soma."""
    for place in found.trees_apart if SOMA in found.types else ():
        remedy = f"give it a parent, or hang such trees on the soma by {argument('join_trees', True)}"
        yield found.fault(place, "a tree begins here that nothing joins to the soma", remedy)


def _size(found: Samples) -> Iterator[Fault]:
    """Forks on one path, and sections in all, as many as a neuron may have."""
    sections = 0
    waiting = [(root, 0) for root in found.children[-1]]
    while waiting:
        place, depth = waiting.pop()
        if depth > DEEPEST:
            yield found.fault(place, f"more than {DEEPEST:,} forks between the soma and here", "is this one neuron?")
            return
        children = found.children.get(place, ())
        for child in children:
            new = len(children) > 1 or found.types[child] != found.types[place]
            sections += new
            waiting.append((child, depth + new))
    if sections > MOST_SECTIONS:
        yield Fault(found.name, "", f"{sections:,} sections", f"at most {MOST_SECTIONS:,}: is this one neuron?")
