"""Validation of a document, value by value. Every fault is noted with its place, and reading continues.

A getter returns a harmless placeholder for a faulty value, so that one pass finds all faults of a file. The caller
raises at the end. The module also checks objects that are built in Python.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrograph.base.errors import DendrographError, Fault, Faults, clip, shown
from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology.document import Document
from dendrograph.morphology.expressions import GREATEST, LARGEST, SMALLEST, hint
from dendrograph.morphology.registry import NAME_RULE, is_name
from dendrograph.morphology.yaml_reader import EXTENSION, Path, describe, flow

PLACEHOLDER = ""  # the value of `slug` and `choice` for a fault; checks that compare names skip it


class Cursor:
    """A value of a document, with its path."""

    def __init__(self, document: Document, faults: Faults, value: Any = ..., path: Path = ()) -> None:
        self.document = document
        self.faults = faults
        self.value = document.value if value is ... else value
        self.path = path

    def fault(self, problem: str, remedy: str = "", at: str | None = None, key: bool = False) -> None:
        """Note a fault of this value, of the value at a key (`at`), or of that key itself."""
        path = self.path if at is None else (*self.path, at)
        if path not in self.document.stand_ins:
            self.faults.add(self.document.fault(path, problem, remedy, key))

    def expected(self, what: str, remedy: str = "") -> None:
        """Note that the value is not as expected; `what` describes the expected value."""
        source = self.document.expressions.get(self.path)
        found = describe(self.value) + (f", the value of '{clip(source)}'" if source else "")
        written = hint(self.value) if isinstance(self.value, str) else ""
        self.fault(f"expected {what}, found {found}", "\n".join(filter(None, (written, remedy))))

    def child(self, key: str | int) -> Cursor | None:
        """The value at a key of this mapping, or None if the key is absent."""
        if isinstance(key, str) and not (isinstance(self.value, dict) and key in self.value):
            return None
        return Cursor(self.document, self.faults, self.value[key], (*self.path, key))

    def keys(
        self,
        allowed: Iterable[str],
        required: Mapping[str, str] | None = None,
        such_as: str = "",
        hints: Mapping[str, str] | None = None,
    ) -> bool:
        """Whether this is a mapping. Unknown and missing keys are noted as faults. An empty value counts as `{}`.

        Args:
            allowed: the allowed keys.
            required: the required keys, each with the remedy if it is missing.
            such_as: an example of the mapping.
            hints: remedies for keys that a user may expect here, but that are not allowed.
        """
        known = sorted(allowed)
        if self.value is None:
            self.value = {}
        if not isinstance(self.value, dict):
            self.expected(f"a mapping of {', '.join(known)}", such_as and f"such as {such_as}")
            return False
        unknown = [key for key in self.value if key not in known]
        for key in unknown:
            placed = "keys that begin with x- stand at the top level of the file" * str(key).startswith(EXTENSION)
            remedy = (hints or {}).get(key) or placed or did_you_mean(key, known)
            self.fault(f"unknown key '{clip(key)}'", remedy, key, key=True)
        for key, remedy in (required or {}).items():
            # A misspelt key is reported only as unknown.
            if key not in self.value and not difflib.get_close_matches(key, unknown):
                self.fault(f"missing key '{key}'", remedy, key)
        return True

    def entries(self, what: str, remedy: str = "give at least one, or leave the key out") -> list[Cursor]:
        """The elements of this list. Anything else, or an empty list, is a fault and has no elements."""
        if not isinstance(self.value, list):
            self.expected(f"a list of {what}", "begin each entry with '- '" if isinstance(self.value, dict) else "")
            return []
        if not self.value:
            self.fault(f"an empty list of {what}", remedy)
        return [Cursor(self.document, self.faults, item, (*self.path, index)) for index, item in enumerate(self.value)]

    def named_entries(self, what: str, reserved: Iterable[str] = ()) -> dict[str, Cursor]:
        """The entries of this mapping, whose keys are names that the user chooses; a wrong name is a fault."""
        if self.value is None:
            self.value = {}
        if not isinstance(self.value, dict):
            self.expected(f"a mapping of {what}", "begin each with its name and ':'" * isinstance(self.value, list))
            return {}
        for key in self.value:
            if not is_name(key):
                self.fault(f"'{clip(key)}' is no name", NAME_RULE, key, key=True)
            elif key in reserved:
                self.fault(f"'{key}' is a word of the language", "choose another name", key, key=True)
        return {key: Cursor(self.document, self.faults, item, (*self.path, key)) for key, item in self.value.items()}

    def whole(self, minimum: int, otherwise: str = "") -> int:
        """A whole number of at least `minimum`; `otherwise` names other allowed values in the message."""
        if type(self.value) is int and minimum <= self.value <= LARGEST:
            return self.value
        source = self.document.expressions.get(self.path)
        if type(self.value) in (int, float) and self.value > LARGEST:
            self.expected(f"a whole number of at most {LARGEST:,}")
        elif source and type(self.value) is float:
            key = next((step for step in reversed(self.path) if isinstance(step, str)), "it")
            remedy = f"give a whole number, or round down: ({clip(source)}) // 1"
            self.fault(f"{key} must be a whole number: found {clip(source)} = {self.value!r}", remedy)
        else:
            self.expected(f"a whole number of at least {minimum}{otherwise}")
        return max(minimum, 1)

    def number(self, low: float = -math.inf, below: float = math.inf, above: float = -math.inf) -> float:
        """A number x with low <= x < below and x > above."""
        if type(self.value) not in (int, float) or not (low <= self.value < below and self.value > above):
            bounds = [f"of at least {low:g}"] * (low > -math.inf) + [f"greater than {above:g}"] * (above > -math.inf)
            bounds += [f"less than {below:g}"] * (below < math.inf)
            self.expected(" ".join(["a number", " and ".join(bounds)]).strip())
        elif self.value and not SMALLEST <= abs(self.value) <= GREATEST:
            self.expected(f"a number of float32's range, {SMALLEST:g} to {GREATEST:g}")
        else:
            return float(self.value)
        return max(low, 0.0)

    def flag(self) -> bool:
        """`true` or `false`."""
        if not isinstance(self.value, bool):
            self.expected("true or false")
            return True
        return self.value

    def text(self) -> str:
        """Free text on one or several lines."""
        if not isinstance(self.value, str):
            quotes = f"write it in quotes: '{flow(self.value)}'" if isinstance(self.value, int | float) else ""
            self.expected("text", quotes)
            return PLACEHOLDER
        return self.value

    def slug(self) -> str:
        """A name: a letter, then letters, digits, `-` and `_`."""
        if not isinstance(self.value, str):
            self.expected("a name", NAME_RULE)
            return PLACEHOLDER
        if not is_name(self.value):
            self.fault(f"'{clip(self.value)}' is no name", NAME_RULE)
            return PLACEHOLDER
        return self.value

    def choice(self, what: str, options: Iterable[str]) -> str:
        """One of the options; `what` names the key in the message."""
        words = tuple(options)
        if isinstance(self.value, str) and self.value in words:
            return self.value
        if isinstance(self.value, str):
            self.fault(f"unknown {what} '{clip(self.value)}'", did_you_mean(self.value, words))
        else:
            self.expected(f"a word for {what}", did_you_mean("", words))
        return PLACEHOLDER


@dataclass(frozen=True)
class Where:
    """The position of a mapping in its file, and the path of the defaults that it uses.

    An object that is built in Python has no document, and its faults have no place.
    """

    document: Document | None = None
    path: Path = ()
    defaults: Path = ()

    def fault(self, problem: str, remedy: str = "", key: str = "") -> Fault:
        """A fault of this mapping, or of the value at one of its keys."""
        path = (*self.path, key) if key else self.path
        if self.document is None:
            return Fault("", "", problem, remedy)
        if key and self.defaults and not self.document.holds(path) and self.document.holds((*self.defaults, key)):
            path = (*self.defaults, key)
        return self.document.fault(path, problem, remedy)


def where(cursor: Cursor, defaults: Cursor | None = None) -> Where:
    """The position of a cursor's mapping."""
    return Where(cursor.document, cursor.path, defaults.path if defaults else ())


def check_kind(built: object, key: str, kind: type) -> None:
    """Check the class of an attribute of an object that is built in Python.

    Raises:
        DendrographError: it is of another class.
    """
    value = getattr(built, key)
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise DendrographError(f"{type(built).__name__}: {key} is {article} {kind.__name__}, not {clip(repr(value))}")


def check_no_arrays(built: object) -> None:
    """Check that no attribute of an object is an array, whose comparison would not give one boolean.

    Raises:
        DendrographError: one is an array or a tensor.
    """
    for key, value in vars(built).items():
        if hasattr(value, "__array__") and not isinstance(value, np.generic):
            raise DendrographError(f"{type(built).__name__}: {key} is one value, not {shown(value)}")


def as_tuple(built: object, key: str, *kinds: type) -> None:
    """Make an attribute, which may be a list or a single value, a tuple of objects of these classes.

    Raises:
        DendrographError: it holds something else.
    """
    given = getattr(built, key)
    values = (given,) if isinstance(given, kinds) else tuple(given) if isinstance(given, list | tuple) else None
    wrong = given if values is None else next((value for value in values if not isinstance(value, kinds)), None)
    if values is None or wrong is not None:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise DendrographError(f"{type(built).__name__}: {key} holds {names}, not {clip(repr(wrong))}")
    object.__setattr__(built, key, values)


def not_default(built: object, keys: Iterable[str]) -> dict[str, Any]:
    """The keys and values of an object that differ from the defaults of its class.

    A value of another type differs, so that a reader of the mapping finds what the constructor did not check. An int
    may stand for a float.
    """

    def same_kind(value: object, usual: object) -> bool:
        if isinstance(value, str) and isinstance(usual, str):  # a `Sign`, or its word
            return True
        return type(value) is type(usual) or (type(value), type(usual)) == (int, float)

    found = {key: (getattr(built, key), getattr(type(built), key)) for key in keys}
    return {key: value for key, (value, usual) in found.items() if value != usual or not same_kind(value, usual)}


class WithDefaults:
    """A mapping of the file together with the file's defaults for it. The mapping overrides the defaults."""

    def __init__(self, own: Cursor | None, defaults: Cursor | None = None) -> None:
        self.own = own
        self.defaults = defaults

    def get(self, key: str) -> Cursor | None:
        """The value at a key, from the mapping or else from the defaults."""
        return (self.own and self.own.child(key)) or (self.defaults and self.defaults.child(key))

    def section(self, key: str) -> WithDefaults:
        """The mapping at a key together with its defaults, which apply key by key."""
        return WithDefaults(self.own and self.own.child(key), self.defaults and self.defaults.child(key))

    def more_local(self, key: str, than: str) -> bool:
        """Whether the mapping sets `key`, while `than` comes from the defaults and is therefore overridden."""
        return self.is_own(key) and not self.is_own(than)

    def is_own(self, key: str) -> bool:
        """Whether the mapping sets a key, not the defaults."""
        return self.own is not None and self.own.child(key) is not None
