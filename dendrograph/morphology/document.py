"""A morphology file as plain values with their positions; the arithmetic of its `$name` expressions is done here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dendrograph.base.errors import SETTING, Fault, Faults, MorphologyError, clip
from dendrograph.morphology.expressions import ExpressionError, evaluate, is_expression, names
from dendrograph.morphology.yaml_reader import Path, Reading, Steps, is_extension, show_path, unwound

_FREE_TEXT = {"name", "about", "citation", "parameters"}  # top-level keys in which '$' is an ordinary character


@dataclass(frozen=True)
class Document:
    """The plain values of one file, with their positions.

    Attributes:
        name: the file, for messages.
        value: the plain values.
        places: the position of each value, by path.
        key_places: the position of each key, by path.
        faults: the faults found while reading. The validation raises them together with its own.
        expressions: the text of each expression, by path.
        stand_ins: the paths of values that depend on a faulty parameter. Only the parameter is reported.
    """

    name: str
    value: Any
    places: Mapping[Path, str] = field(default_factory=dict, repr=False)
    key_places: Mapping[Path, str] = field(default_factory=dict, repr=False)
    faults: tuple[Fault, ...] = ()
    expressions: Mapping[Path, str] = field(default_factory=dict, repr=False)
    stand_ins: Collection[Path] = field(default=(), repr=False)

    @classmethod
    def from_text(cls, text: str, name: str) -> Document:
        """Read one YAML document. Messages put `name`, a path, before each line number.

        Raises:
            MorphologyError: the text is not YAML. Other faults are kept in `faults`.
        """
        reading = Reading(name)
        value = reading.text(text)
        if value is None:
            raise MorphologyError(
                [Fault(f"{name}:1:1", "", "the file is empty", "a morphology has a name, neurons and layers")]
            )
        return cls(name, _used(value), reading.places, reading.key_places, tuple(reading.faults))

    @classmethod
    def from_plain(cls, value: Any, name: str) -> Document:
        """A document of plain Python values, which are copied. A value that no file can hold is a fault."""
        reading = Reading(name, placed=False)
        return cls(name, _used(reading.plain(value)), faults=tuple(reading.faults))

    def place(self, path: Path, key: bool = False) -> str:
        """`file:line:column` of the value (or of the key) at a path, or of the nearest value around it."""
        if key and path in self.key_places:
            return self.key_places[path]
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return self.name

    def fault(self, path: Path, problem: str, remedy: str = "", key: bool = False) -> Fault:
        """A fault of the value (or of the key) at a path. It names the override that may be the cause."""
        expression = self.expressions.get(path, "")
        used = [self.places.get(("parameters", name), "") for name in sorted(names(expression))]
        overrides = [place for place in used if place.startswith(SETTING)]
        because = f"'{clip(expression)}' was worked out with {', '.join(overrides)}" if overrides else ""
        return Fault(self.place(path, key), show_path(path), problem, "\n".join(filter(None, (remedy, because))))

    def holds(self, path: Path) -> bool:
        """Whether there is a value at a path."""
        here = self.value
        for step in path:
            if not (step in here if isinstance(here, dict) else isinstance(here, list) and step in range(len(here))):
                return False
            here = here[step]
        return True

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters that it declares."""
        declared = self.value.get("parameters") if isinstance(self.value, dict) else None
        return tuple(declared) if isinstance(declared, dict) else ()

    def resolved(self) -> Document:
        """A copy with the number of every `$name` expression. An expression without a value is a fault."""
        expressions: dict[Path, str] = {}
        stand_ins: set[Path] = set()
        document = replace(self, expressions=expressions, stand_ins=stand_ins)
        faults = Faults(self.faults)
        declared = self.value.get("parameters") if isinstance(self.value, dict) else None
        given = declared if isinstance(declared, dict) else {}
        faulty = {fault.path for fault in self.faults}
        unknown = {
            name
            for name, value in given.items()
            if type(value) not in (int, float) or show_path(("parameters", name)) in faulty
        }
        parameters = {name: 1 if name in unknown else value for name, value in given.items()}
        unreadable = declared is not None and not isinstance(declared, dict)

        def walk(value: Any, path: Path) -> Steps[Any]:
            if len(path) == 1 and path[0] in _FREE_TEXT:
                return value
            if isinstance(value, dict):
                entries = {}
                for key, item in value.items():
                    entries[key] = yield walk(item, (*path, key))
                return entries
            if isinstance(value, list):
                items = []
                for index, item in enumerate(value):
                    items.append((yield walk(item, (*path, index))))
                return items
            if not is_expression(value):
                return value
            if unreadable or (unknown & (used := names(value)) and used <= parameters.keys()):
                stand_ins.add(path)
                return 1
            expressions[path] = value
            try:
                return evaluate(value, parameters)
            except ExpressionError as error:
                faults.add(document.fault(path, str(error), error.remedy))
                return value

        return replace(document, value=unwound(walk(self.value, ())), faults=tuple(faults))


def _used(value: Any) -> Any:
    """The value without its top-level keys that begin with `x-`, which only hold anchors."""
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if not is_extension((key,))}
