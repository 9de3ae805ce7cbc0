"""What neurons, synapses and cables share: where a mapping stands in its file, its defaults, and how weights start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrograph.base.errors import DendrographError, Fault, clip, did_you_mean, shown
from dendrograph.morphology.document import Document
from dendrograph.morphology.validation import PLACEHOLDER, Cursor
from dendrograph.morphology.yaml_reader import Path

INITS = ("glorot", "glorot_dense", "he", "constant")
FREE, EXCITATORY, INHIBITORY, SHUNTING = "free", "excitatory", "inhibitory", "shunting"
SIGNS = (FREE, EXCITATORY, INHIBITORY, SHUNTING)


@dataclass(frozen=True)
class Where:
    """Where a mapping stands in its file, and where the defaults stand on which it falls back.

    What is built in Python stands in no file: then messages tell of it without a place.
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
    """Where the mapping of a cursor stands."""
    return Where(cursor.document, cursor.path, defaults.path if defaults else ())


def hold(built: object, key: str, kind: type) -> None:
    """Hold an attribute of what is built in Python to its class; what a file could not hold either is seen later.

    Raises:
        DendrographError: it is of another.
    """
    value = getattr(built, key)
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise DendrographError(f"{type(built).__name__}: {key} is {article} {kind.__name__}, not {clip(repr(value))}")


def no_arrays(built: object) -> None:
    """Hold what is built in Python to attributes that compare as one value: of an array, each element would.

    Raises:
        DendrographError: one is an array or a tensor.
    """
    for key, value in vars(built).items():
        if hasattr(value, "__array__") and not isinstance(value, np.generic):
            raise DendrographError(f"{type(built).__name__}: {key} is one value, not {shown(value)}")


def gather(built: object, key: str, *kinds: type) -> None:
    """Hold an attribute of what is built in Python to a tuple of these classes; a list, or one alone, is made one.

    Raises:
        DendrographError: something else is in it.
    """
    given = getattr(built, key)
    values = (given,) if isinstance(given, kinds) else tuple(given) if isinstance(given, list | tuple) else None
    wrong = given if values is None else next((value for value in values if not isinstance(value, kinds)), None)
    if values is None or wrong is not None:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise DendrographError(f"{type(built).__name__}: {key} holds {names}, not {clip(repr(wrong))}")
    object.__setattr__(built, key, values)


def told(built: object, keys: Iterable[str]) -> dict[str, Any]:
    """Of the keys of what is built, with their values, those that are not at the default of its class.

    A value of another type is told too, so that whoever reads the mapping finds what a constructor let pass; a whole
    number may stand for one with a fraction.
    """
    found = {key: (getattr(built, key), getattr(type(built), key)) for key in keys}
    return {key: value for key, (value, usual) in found.items() if value != usual or not _of_kind(value, usual)}


def _of_kind(value: object, usual: object) -> bool:
    return type(value) is type(usual) or (type(value), type(usual)) == (int, float)


class Declared:
    """A mapping of the file together with the file's defaults for it: the most local setting wins."""

    def __init__(self, own: Cursor | None, defaults: Cursor | None) -> None:
        self.own = own
        self.defaults = defaults

    def get(self, key: str) -> Cursor | None:
        """The value at a key, from the mapping itself or else from the defaults."""
        return (self.own and self.own.child(key)) or (self.defaults and self.defaults.child(key))

    def section(self, key: str) -> Declared:
        """The mapping at a key, together with its defaults, which hold key by key."""
        return Declared(self.own and self.own.child(key), self.defaults and self.defaults.child(key))

    def more_local(self, key: str, than: str) -> bool:
        """Whether the mapping itself sets a key while another comes from the defaults, which it thereby overrides."""
        return self.is_own(key) and not self.is_own(than)

    def is_own(self, key: str) -> bool:
        """Whether the mapping itself sets a key."""
        return self.own is not None and self.own.child(key) is not None


def read_bias(cursor: Cursor) -> dict[str, bool]:
    """What `bias` sets: `true`, `false`, or `{trainable: false}` for biases that are not learnt."""
    if not isinstance(cursor.value, dict):
        if not isinstance(cursor.value, bool):
            cursor.expected("true, false or {trainable: false}")
        return {"bias": cursor.value is not False, "bias_trainable": True}
    cursor.keys(("trainable",), {"trainable": "write bias: {trainable: false}, or bias: true"})
    trainable_at = cursor.child("trainable")
    return {"bias": True, "bias_trainable": trainable_at.flag() if trainable_at else True}


def written_bias(bias: bool, trainable: bool) -> Any:
    """What `read_bias` takes."""
    return {"trainable": False} if bias and not trainable else bias


@dataclass(frozen=True)
class Init:
    """How weights start: `glorot`, `glorot_dense`, `he`, or `constant` with its value."""

    name: str = "glorot"
    value: float | None = None

    KEYS = ("name", "value")

    def __post_init__(self) -> None:
        no_arrays(self)

    @classmethod
    def read(cls, cursor: Cursor) -> Init:
        """A name, or a mapping of `name` and, for `constant`, `value`."""
        if isinstance(cursor.value, str):
            name = cursor.choice("init", INITS)
            if name == "constant":
                cursor.fault("init 'constant' needs a value", "write init: {name: constant, value: 0.1}")
            return cls(name or "glorot")
        if not isinstance(cursor.value, dict):
            cursor.expected("the name of an init, or a mapping of its name and value", did_you_mean("", INITS))
            return cls()
        name_at, value_at = cursor.child("name"), cursor.child("value")
        name = name_at.choice("init", INITS) if name_at else PLACEHOLDER
        required = {"name": did_you_mean("", INITS)}
        if name == "constant":
            required["value"] = "write {name: constant, value: 0.1}"
        cursor.keys(cls.KEYS, required)
        value = value_at.number() if value_at else None
        if value_at and name not in ("constant", PLACEHOLDER):
            cursor.fault(f"init '{name}' takes no value", "leave it out, or write name: constant", "value", key=True)
        return cls(name or "glorot", value if name == "constant" else None)

    def contradicts(self, sign: str, whose: str = "weights") -> tuple[str, str] | None:
        """Problem and remedy where weights of a sign cannot start so; `whose` names them.

        What is trained of a signed weight is its size, |theta|: a weight that is 0 would never move.
        """
        if sign == FREE or self.value is None or self.value > 0:
            return None
        return f"{whose} are {sign}, but start at {self.value:g}", "give their size, greater than 0: the sign is kept"

    def to_dict(self) -> Any:
        """What `read` takes."""
        return self.name if self.value is None else {"name": self.name, "value": self.value}
