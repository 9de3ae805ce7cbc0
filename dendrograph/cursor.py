"""Typed reading of a document, value by value: every fault is noted with its place, and reading goes on.

A getter that meets a fault returns a harmless placeholder, so that one pass finds all the faults of a file; the caller
raises at the end if there was any.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from dendrograph.document import Document, Path, show_path
from dendrograph.errors import Fault, MorphologyError, did_you_mean
from dendrograph.expressions import LARGEST

PLACEHOLDER = ""  # what `slug` returns for a fault; checks that compare names pass over it

_SLUG = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")


class Faults:
    """The faults found so far, each once, in the order of their discovery."""

    def __init__(self, found: Iterable[Fault] = ()) -> None:
        self._found: dict[Fault, None] = dict.fromkeys(found)
        self._paths = {(fault.place, fault.path) for fault in self._found}

    def add(self, fault: Fault) -> None:
        """Note a fault, unless the very value has one already: a second message would only echo the first."""
        if (fault.place, fault.path) not in self._paths:
            self._found[fault] = None
            self._paths.add((fault.place, fault.path))

    def raise_if_any(self) -> None:
        """Raise all of them together as one `MorphologyError`, in the order of the file."""
        if self._found:
            raise MorphologyError(sorted(self._found, key=_in_file_order))


def _in_file_order(fault: Fault) -> tuple[int, int]:
    line_and_column = re.search(r":(\d+):(\d+)\Z", fault.place)
    return (int(line_and_column[1]), int(line_and_column[2])) if line_and_column else (0, 0)


class Cursor:
    """A value of a document, with the path that leads to it."""

    def __init__(self, document: Document, faults: Faults, value: Any = ..., path: Path = ()) -> None:
        self.document = document
        self.faults = faults
        self.value = document.value if value is ... else value
        self.path = path

    @property
    def place(self) -> str:
        """`file:line:column` of the value."""
        return self.document.place(self.path)

    @property
    def shown_path(self) -> str:
        """The path as messages write it: `layers[0].count`."""
        return show_path(self.path)

    def fault(self, problem: str, remedy: str = "") -> None:
        """Note what is wrong with this value."""
        self.faults.add(Fault(self.place, self.shown_path, problem, remedy))

    def expected(self, what: str) -> None:
        """Note that the value is not `what`."""
        found = describe(self.value)
        source = self.document.expressions.get(self.path)
        self.fault(f"expected {what}, found {found}" + (f" (the value of '{source}')" if source else ""))

    def child(self, key: str | int) -> Cursor | None:
        """The value at a key of this mapping, or None where the key is absent."""
        if isinstance(key, str) and not (isinstance(self.value, dict) and key in self.value):
            return None
        return Cursor(self.document, self.faults, self.value[key], (*self.path, key))

    def keys(self, allowed: Iterable[str], required: Iterable[str] = ()) -> bool:
        """Whether this is a mapping; unknown and missing keys are noted as faults. Nothing stands for `{}`."""
        if self.value is None:
            self.value = {}
        if not isinstance(self.value, dict):
            self.expected(f"a mapping of {', '.join(sorted(allowed))}")
            return False
        known = tuple(allowed)
        for key in self.value:
            if key not in known:
                path = (*self.path, key)
                problem = f"unknown key '{_clip(key)}'"
                place = self.document.place(path, key=True)
                self.faults.add(Fault(place, show_path(path), problem, did_you_mean(key, known)))
        for key in required:
            if key not in self.value:
                self.faults.add(Fault(self.place, show_path((*self.path, key)), f"missing key '{key}'"))
        return True

    def entries(self, what: str) -> list[Cursor]:
        """The elements of this list; a fault and no element where it is no list."""
        if not isinstance(self.value, list):
            self.expected(f"a list of {what}")
            return []
        return [Cursor(self.document, self.faults, item, (*self.path, index)) for index, item in enumerate(self.value)]

    def named_entries(self, what: str) -> list[tuple[str, Cursor]]:
        """The entries of this mapping whose keys are names of the user's; a bad name is a fault."""
        if not isinstance(self.value, dict):
            self.expected(f"a mapping of {what}")
            return []
        result = []
        for key in self.value:
            cursor = Cursor(self.document, self.faults, self.value[key], (*self.path, key))
            if not _SLUG.match(key):
                place = self.document.place(cursor.path, key=True)
                self.faults.add(Fault(place, cursor.shown_path, f"'{_clip(key)}' is no name", _SLUG_RULE))
            result.append((key, cursor))
        return result

    def whole(self, minimum: int) -> int:
        """A whole number of at least `minimum`."""
        if type(self.value) is not int or not minimum <= self.value <= LARGEST:
            self.expected(f"a whole number of at least {minimum}")
            return max(minimum, 1)
        return self.value

    def number(self, low: float = -math.inf, below: float = math.inf, above: float = -math.inf) -> float:
        """A number x with low <= x < below and x > above."""
        if type(self.value) not in (int, float) or not (low <= self.value < below and self.value > above):
            bounds = [f"of at least {low:g}"] * (low > -math.inf) + [f"greater than {above:g}"] * (above > -math.inf)
            bounds += [f"less than {below:g}"] * (below < math.inf)
            self.expected(" ".join(["a number", " and ".join(bounds)]).strip())
            return max(low, 0.0)
        if abs(self.value) > 1e30:
            self.expected("a number of float32's range")
            return 0.0
        return float(self.value)

    def flag(self) -> bool:
        """`true` or `false`."""
        if not isinstance(self.value, bool):
            self.expected("true or false")
            return True
        return self.value

    def text(self) -> str:
        """Free text on one or several lines."""
        if not isinstance(self.value, str):
            self.expected("text")
            return PLACEHOLDER
        return self.value

    def slug(self) -> str:
        """A name: a letter, then letters, digits, `-` and `_`."""
        if not isinstance(self.value, str):
            self.expected(f"a name ({_SLUG_RULE})")
            return PLACEHOLDER
        if not _SLUG.match(self.value):
            self.fault(f"'{_clip(self.value)}' is no name", _SLUG_RULE)
            return PLACEHOLDER
        return self.value

    def choice(self, what: str, options: Iterable[str]) -> str:
        """One of the options; `what` names them in the message."""
        words = tuple(options)
        if not isinstance(self.value, str) or self.value not in words:
            found = f"'{_clip(self.value)}'" if isinstance(self.value, str) else describe(self.value)
            self.fault(f"unknown {what} {found}", did_you_mean(self.value, words))
            return PLACEHOLDER
        return self.value


_SLUG_RULE = "a name is a letter, then letters, digits, '-' and '_', 64 characters at most"


def describe(value: Any) -> str:
    """A value as messages show it, short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"'{_clip(value)}'" if isinstance(value, str) else f"{value}"[:40]


def _clip(text: str) -> str:
    shown = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return shown if len(shown) <= 60 else shown[:57] + "..."
