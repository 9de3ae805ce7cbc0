"""The keys of the grammar, declared once: how the value of each is read, and how the JSON Schema describes it.

A class of the grammar lists its keys in `KEYS`. `read_keys` reads a mapping by that list, and `json_schema` describes
the mapping by the same list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dendrograph.morphology.expressions import LARGEST
from dendrograph.morphology.registry import NAME_PATTERN, NAME_RULE
from dendrograph.morphology.validation import PLACEHOLDER, Cursor, WithDefaults

Schema = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """One key of a mapping.

    Attributes:
        describe: the JSON Schema of its value; a function where plugins add words.
        read: reads the value, and gives `PLACEHOLDER` for a faulty one. None where the class reads the value itself.
    """

    describe: Schema | Callable[[], Schema]
    read: Callable[[Cursor], Any] | None = None

    @property
    def schema(self) -> Schema:
        """The JSON Schema of its value."""
        return self.describe() if callable(self.describe) else self.describe

    @classmethod
    def flag(cls, description: str) -> Key:
        """A key that is `true` or `false`."""
        return cls({"type": "boolean", "description": description}, Cursor.flag)

    @classmethod
    def text(cls, description: str) -> Key:
        """A key of free text."""
        return cls({"type": "string", "description": description}, Cursor.text)

    @classmethod
    def name(cls, description: str) -> Key:
        """A key whose value is a name that the user chooses."""
        description = f"{description} {NAME_RULE.capitalize()}."
        return cls({"type": "string", "pattern": NAME_PATTERN, "description": description}, Cursor.slug)

    @classmethod
    def choice(cls, what: str, options: Iterable[str], description: str) -> Key:
        """A key whose value is one of several words; `what` names it in messages."""
        words = tuple(map(str, options))
        return cls({"enum": [*words], "description": description}, lambda cursor: cursor.choice(what, words))

    @classmethod
    def whole(cls, minimum: int, description: str = "") -> Key:
        """A key whose value is a whole number of at least `minimum`."""
        number = {"type": "integer", "minimum": minimum, "maximum": LARGEST}
        return cls(_or_expression(number, description), lambda cursor: cursor.whole(minimum))

    @classmethod
    def number(
        cls, description: str = "", low: float = -math.inf, below: float = math.inf, above: float = -math.inf
    ) -> Key:
        """A key whose value is a number x with low <= x < below and x > above."""
        bounds = {"minimum": low, "exclusiveMaximum": below, "exclusiveMinimum": above}
        finite = {key: int(bound) for key, bound in bounds.items() if math.isfinite(bound)}

        def read(cursor: Cursor) -> float | str:
            value = cursor.number(low, below, above)
            return value if value > above else PLACEHOLDER  # a fault gives 0

        return cls(_or_expression({"type": "number", **finite}, description), read)


Keys = Mapping[str, Key]


def read_keys(mapping: Cursor | WithDefaults, keys: Keys) -> dict[str, Any]:
    """The values of the keys that are set. A faulty value is left out, so that its default applies."""
    declared = mapping if isinstance(mapping, WithDefaults) else WithDefaults(mapping)
    found = {name: key.read(at) for name, key in keys.items() if key.read and (at := declared.get(name))}
    return {name: value for name, value in found.items() if value != PLACEHOLDER}


def mapping_schema(
    keys: Mapping[str, Key] | Mapping[str, Schema], description: str = "", required: Iterable[str] = ()
) -> Schema:
    """The schema of a mapping of exactly these keys. An empty value stands for an empty mapping, as in a file."""
    return {
        "type": "object" if required else ["object", "null"],
        "properties": {name: key.schema if isinstance(key, Key) else key for name, key in keys.items()},
        "additionalProperties": False,
        **({"required": [*required]} if required else {}),
        **({"description": description} if description else {}),
    }


def named_schema(entry: Schema, description: str, reserved: Iterable[str] = (), may_be_empty: bool = False) -> Schema:
    """The schema of a mapping whose keys are names that the user chooses."""
    names: Schema = {"pattern": NAME_PATTERN, **({"not": {"enum": sorted(reserved)}} if reserved else {})}
    kind = ["object", "null"] if may_be_empty else "object"
    return {"type": kind, "propertyNames": names, "additionalProperties": entry, "description": description}


def list_schema(entry: Schema, **more: Any) -> Schema:
    """The schema of a list of at least one entry."""
    return {"type": "array", "items": entry, "minItems": 1, **more}


def reference(definition: str) -> Schema:
    """The schema of a value that the definitions of the schema describe."""
    return {"$ref": f"#/definitions/{definition}"}


def _or_expression(schema: Schema, description: str) -> Schema:
    """The schema of a number, or of an expression in its place."""
    return {"anyOf": [schema, reference("expression")], **({"description": description} if description else {})}
