"""What dendrograph tells a user whose input it cannot take.

Every error that a user can cause is a `DendrographError`: its text says what was found, what is allowed and what to
do, and the command line prints it without a traceback and leaves with exit code 2.
"""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

MOST_FAULTS = 100  # reading stops there: nobody mends more at once, and looking for near names takes time
MOST_WORDS = 25  # a longer list of what is known is cut short

SETTING = ("--set ", "set={")  # how the place of a value begins that no file holds: see `argument`
_for_command_line = False


class DendrographError(Exception):
    """Bad input. The text alone must be enough to mend it."""

    def __str__(self) -> str:
        """Printable, whatever names it quotes."""
        return printable(super().__str__())


class DataWarning(UserWarning):
    """How data of the user's own was read, where something else may have been meant. Commands print it as a note."""


@dataclass(frozen=True)
class Fault:
    """One fault of a morphology file: where it stands (`file:line:column`), its path, what is wrong, what to do."""

    place: str
    path: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.place, self.path, self.problem) if part)
        return text + "".join(f"\n  {line}" for line in self.remedy.splitlines())


class MorphologyError(DendrographError):
    """A morphology that cannot be taken; `faults` holds every fault found, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class WiringError(DendrographError):
    """A receptive field that cannot be wired as asked, or wiring that is not what the morphology declares."""


class DataError(DendrographError):
    """A data set that is missing, damaged, or does not fit the morphology."""


class RunError(DendrographError):
    """A run folder that cannot be written, read or resumed."""


class TrainingError(DendrographError):
    """A training that cannot go on, such as a loss that is not finite."""


class Faults:
    """The faults found so far, each once."""

    def __init__(self, found: Iterable[Fault] = ()) -> None:
        self._found = {_identity(fault): fault for fault in found}
        # A value that could not even be read is a placeholder by now: what is wrong with that says nothing new.
        self._unread = {(fault.place, fault.path) for fault in self._found.values()}

    def add(self, fault: Fault) -> None:
        """Note a fault.

        Raises:
            MorphologyError: there are `MOST_FAULTS` by now.
        """
        if (fault.place, fault.path) not in self._unread:
            self._found.setdefault(_identity(fault), fault)
        if len(self._found) >= MOST_FAULTS:
            raise MorphologyError([*self, Fault("", "", f"reading stopped after {MOST_FAULTS} faults")])

    def raise_if_any(self) -> None:
        """Raise all of them together as one `MorphologyError`, in the order of the file."""
        if self._found:
            raise MorphologyError(self)

    def __iter__(self) -> Iterator[Fault]:
        """In the order of the file."""
        return iter(sorted(self._found.values(), key=lambda fault: _line_and_column(fault.place)))


def _line_and_column(place: str) -> tuple[int, ...]:
    found = None if place.startswith(SETTING) else re.search(r"^.*:(\d+):(\d+)\Z", place, re.DOTALL)
    return (int(found[1]), int(found[2])) if found else ()


def _identity(fault: Fault) -> object:
    # By an alias, one value of a file may stand at many paths: once is enough.
    return (fault.place, fault.problem) if _line_and_column(fault.place) else fault


def did_you_mean(word: object, known: Iterable[str], kind: str = "known") -> str:
    """Say the nearest of the `known` words, where one is near, and then list them all."""
    words = sorted(map(clip, known))
    # Words that differ in capitals alone are as near as can be; of two such the one nearer as it is written.
    by_form: dict[str, list[str]] = {}
    for one in words:
        by_form.setdefault(one.lower(), []).append(one)
    near = difflib.get_close_matches(str(word).lower(), by_form, n=1, cutoff=0.6)
    near = difflib.get_close_matches(str(word), by_form[near[0]], n=1, cutoff=0) if near else []
    shown = ", ".join(words[:MOST_WORDS]) + (
        f" and {len(words) - MOST_WORDS:,} more" if len(words) > MOST_WORDS else ""
    )
    allowed = f"{kind}: {shown or 'none'}"
    return f"did you mean '{near[0]}'? {allowed}" if near else allowed


@contextmanager
def for_command_line(whether: bool = True) -> Iterator[None]:
    """Messages that are made within it are for a reader at the command line, otherwise for a caller in Python."""
    global _for_command_line
    before, _for_command_line = _for_command_line, whether
    try:
        yield
    finally:
        _for_command_line = before


def is_for_command_line() -> bool:
    """Whether messages are for a reader at the command line; what starts another process tells it so."""
    return _for_command_line


def worded(command_line: str, python: str) -> str:
    """The one of two texts that the reader of a message can use."""
    return command_line if _for_command_line else python


def argument(name: str, value: object = None, option: str | None = None) -> str:
    """An argument as the reader of a message writes it; every message that names one calls this.

        argument("out")                   --out                 `out`
        argument("resume", True)          --resume              resume=True
        argument("fold", False)           --no-fold             fold=False
        argument("select", ["lr"])        --select lr           select=['lr']
        argument("set", {"somata": 3})    --set somata=3        set={'somata': 3}

    Args:
        name: in Python.
        value: its value, where the message is about that.
        option: its name at the command line, where it is another one there.
    """
    if not _for_command_line:
        shown = str(value) if isinstance(value, os.PathLike) else value
        return f"`{name}`" if value is None else f"{name}={shown!r}"
    word = (option or name).replace("_", "-")
    if value is None or isinstance(value, bool):
        return f"--no-{word}" if value is False else f"--{word}"
    if isinstance(value, Mapping):
        value = [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, list | tuple):
        return f"--{word} {','.join(map(str, value))}"
    return f"--{word} {value:g}" if isinstance(value, float) else f"--{word} {value}"


def printable(text: str) -> str:
    r"""A text without what a terminal would obey or hide: control characters, escape sequences, marks of direction.

    Each is shown as Python writes it, such as `\x1b`. Line breaks, tabs and spaces of any width stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or unicodedata.category(c) == "Zs" else _escaped(c) for c in text)


def clip(text: str, most: int = 60) -> str:
    """A user's text as messages quote it: short, on one line, printable."""
    shown = "".join(map(_escaped, text[: most + 1]))
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def numbered(count: int, what: str) -> str:
    """What the numbers of so many things are, for whoever named another one."""
    return f"there is one {what}, number 0" if count == 1 else f"they are numbered from 0 to {count - 1:,}"
