"""Weights as a user declares them: how they start, which sign they keep, and whether biases are trained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology.grammar import Key, mapping_schema, reference
from dendrograph.morphology.validation import PLACEHOLDER, Cursor, check_no_arrays

INITS = ("glorot", "glorot_dense", "he", "constant")


class Sign(str, Enum):
    """The sign that a weight keeps through all training. Each member is a `str`: `Sign.FREE == "free"`."""

    FREE = "free"
    EXCITATORY = "excitatory"
    INHIBITORY = "inhibitory"
    SHUNTING = "shunting"  # an inhibitory conductance, which divides

    __str__ = str.__str__

    def __repr__(self) -> str:  # a function, because Sphinx cannot show enums whose __repr__ is built in
        return str.__repr__(self)

    def __format__(self, format_spec: str) -> str:
        return str.__format__(self, format_spec)


@dataclass(frozen=True)
class Init:
    """The rule for initial weights: `glorot`, `glorot_dense`, `he`, or `constant` with its value."""

    name: str = "glorot"
    value: float | None = None

    def __post_init__(self) -> None:
        check_no_arrays(self)

    @classmethod
    def read(cls, cursor: Cursor) -> Init:
        """Read a name, or a mapping of `name` and, for `constant`, `value`."""
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
        cursor.keys(("name", "value"), required)
        value = value_at.number() if value_at else None
        if value_at and name not in ("constant", PLACEHOLDER):
            cursor.fault(f"init '{name}' takes no value", "leave it out, or write name: constant", "value", key=True)
        return cls(name or "glorot", value if name == "constant" else None)

    def contradicts(self, sign: str, whose: str = "weights") -> tuple[str, str] | None:
        """The problem and its remedy if weights of a sign cannot start at this value; `whose` names the weights.

        A signed weight is trained through its size |theta|, which has no gradient at 0.
        """
        if sign == Sign.FREE or self.value is None or self.value > 0:
            return None
        return f"{whose} are {sign}, but start at {self.value:g}", "give their size, greater than 0: the sign is kept"

    def to_dict(self) -> Any:
        """Return the value that `read` takes."""
        return self.name if self.value is None else {"name": self.name, "value": self.value}


INIT = Key(reference("init"), Init.read)


def read_bias(cursor: Cursor) -> dict[str, bool]:
    """Read `true`, `false`, or `{trainable: false}` for biases that are not trained."""
    if not isinstance(cursor.value, dict):
        if not isinstance(cursor.value, bool):
            cursor.expected("true, false or {trainable: false}")
        return {"bias": cursor.value is not False, "bias_trainable": True}
    cursor.keys(("trainable",), {"trainable": "write bias: {trainable: false}, or bias: true"})
    trainable_at = cursor.child("trainable")
    return {"bias": True, "bias_trainable": trainable_at.flag() if trainable_at else True}


def bias_to_dict(bias: bool, trainable: bool) -> Any:
    """Return the value that `read_bias` takes."""
    return {"trainable": False} if bias and not trainable else bias


def bias_key(description: str) -> Key:
    """The key `bias`, which sets `bias` and `bias_trainable`."""
    fixed = mapping_schema({"trainable": Key.flag("Whether it is trained.")}, required=("trainable",))
    return Key({"anyOf": [{"type": "boolean"}, fixed], "description": description}, read_bias)
