"""A morphology file as plain values that know their places: knobs are turned and expressions worked out here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dendrograph.base.errors import SETTING, Fault, Faults, MorphologyError, clip, did_you_mean, worded
from dendrograph.morphology.expressions import ExpressionError, evaluate, is_expression, names
from dendrograph.morphology.yaml_reader import Path, Reading, Steps, describe, flow, is_extension, show_path, unwound

_FREE_TEXT = {"name", "about", "citation", "parameters"}  # top-level keys whose '$' is only a character
_MADE = {"cable", "nonlinearity", "synapses"}  # mappings that a setting may make on its way to one of their keys


@dataclass(frozen=True)
class Document:
    """Plain values of one file (`value`), and where they stood.

    `places` holds the position of each value and `key_places` that of each key, by path. `faults` are those found
    while reading: they are raised by whoever validates the document, together with their own. `stand_ins` are the paths
    of values that cannot be known, for a parameter is no number: a fault of its own, so that these have none.
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
        """Read one YAML document; `name` (a path) stands before each line number.

        Raises:
            MorphologyError: text that is no YAML at all. Lesser faults are kept in `faults`.
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
        """Plain Python values, copied; what no file could hold is a fault."""
        reading = Reading(name, placed=False)
        return cls(name, _used(reading.plain(value)), faults=tuple(reading.faults))

    def place(self, path: Path, key: bool = False) -> str:
        """`file:line:column` of the value (or of the key) at a path, or of the nearest value that holds it."""
        if key and path in self.key_places:
            return self.key_places[path]
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return self.name

    def fault(self, path: Path, problem: str, remedy: str = "", key: bool = False) -> Fault:
        """A fault of the value (or of the key) at a path; where a knob that was turned may be the cause, it says so."""
        expression = self.expressions.get(path, "")
        used = [self.places.get(("parameters", name), "") for name in sorted(names(expression))]
        turned = [place for place in used if place.startswith(SETTING)]
        because = f"'{clip(expression)}' was worked out with {', '.join(turned)}" if turned else ""
        return Fault(self.place(path, key), show_path(path), problem, "\n".join(filter(None, (remedy, because))))

    def holds(self, path: Path) -> bool:
        """Whether there is a value at a path."""
        here = self.value
        for step in path:
            if not (step in here if isinstance(here, dict) else isinstance(here, list) and step in range(len(here))):
                return False
            here = here[step]
        return True

    def with_values(self, assignments: Mapping[str, Any], sections: Iterable[str] = ()) -> Document:
        """A copy in which knobs are turned: `{"dendrites": 64, "layers.0.count": 512}`; text is read as YAML.

        A single word names a parameter where there is one of that name, else a top-level key: one that stands in the
        document, or one of `sections`. What cannot be set is a fault of the copy.
        """
        document = self
        for path, value in assignments.items():
            document = document._with_value(str(path), value, tuple(sections))
        return document

    def takes(self, path_text: str, sections: Iterable[str] = ()) -> bool:
        """Whether a knob of this name, or a value at this path, can be set; see `with_values`."""
        try:
            self._settable(re.findall(r"[^.\[\]]+", path_text), tuple(sections))
        except MorphologyError:
            return False
        return True

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the knobs that it declares."""
        declared = self.value.get("parameters") if isinstance(self.value, dict) else None
        return tuple(declared) if isinstance(declared, dict) else ()

    def _with_value(self, path_text: str, value: Any, sections: tuple[str, ...]) -> Document:
        setting = _setting(clip(path_text), value)
        reading = Reading(setting, placed=False)
        path: Path = ()
        try:
            path = self._settable(re.findall(r"[^.\[\]]+", path_text), sections)
            new = reading.text(value, path) if isinstance(value, str) else reading.plain(value, path)
        except MorphologyError as error:
            faults = [replace(fault, place=setting, path=show_path(path)) for fault in error.faults]
            return replace(self, faults=(*self.faults, *faults))
        # Mappings that were not there before have come by this setting, too.
        start = next((path[:end] for end in range(1, len(path)) if not self.holds(path[:end])), path)
        stays = {at: place for at, place in self.places.items() if at[: len(start)] != start}
        keys = {at: place for at, place in self.key_places.items() if at[: len(start)] != start or at == start}
        return replace(
            self,
            value=_put(self.value, path, new),
            places={**stays, start: setting},
            key_places={start: setting, **keys},
            faults=(*self.faults, *reading.faults),
        )

    def _settable(self, words: list[str], sections: tuple[str, ...]) -> Path:
        """The path along which the words of a setting lead."""

        def refusal(problem: str, remedy: str) -> MorphologyError:
            return MorphologyError([Fault("", "", problem, remedy)])

        top = self.value if isinstance(self.value, dict) else {}
        parameters = declared if isinstance(declared := top.get("parameters"), dict) else {}
        if not words:
            raise refusal("the path is empty", "write PATH=VALUE, such as dendrites=64")
        if len(words) == 1 and words[0] in parameters:
            return ("parameters", words[0])
        knob = words[0] not in (*top, *sections) if len(words) == 1 else words[0] == "parameters" and len(words) == 2
        if knob and words[-1] not in parameters:
            remedy = did_you_mean(words[-1], parameters, "parameters")
            other = "any other value is reached by its whole path, such as layers.0.count"
            raise refusal(f"there is no parameter '{clip(words[-1])}'", f"{remedy}\n{other}")
        path: Path = ()
        here: Any = top
        for position, word in enumerate(words, start=1):
            if isinstance(here, list):
                if not re.fullmatch("[0-9]{1,6}", word) or int(word) >= len(here):
                    remedy = f"go on with a number below {len(here)}, not '{clip(word)}'"
                    raise refusal(f"'{show_path(path)}' is a list of {len(here)}", remedy)
                path, here = (*path, int(word)), here[int(word)]
                continue
            if here is not None and not isinstance(here, dict):
                problem = f"'{show_path(path)}' is {describe(here)}, which holds no '{clip(word)}'"
                raise refusal(problem, f"set {show_path(path)} as a whole")
            here = here or {}
            if word not in here and position < len(words) and word not in (*sections, *_MADE):
                holder = f"'{show_path(path)}' holds" if path else "there is"
                raise refusal(f"{holder} no '{clip(word)}'", did_you_mean(word, here, "it holds" if path else "known"))
            path, here = (*path, word), here.get(word)
        return path

    def resolved(self) -> Document:
        """A copy in which every `$name` expression is a number; those that cannot be worked out are faults."""
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
    """The value without its top-level keys that begin with `x-`: what anchors name there stands where it is used."""
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if not is_extension((key,))}


def _setting(path_text: str, value: Any) -> str:
    """The place of a value that was set from outside: it stands where a value of a file has its line and column."""
    told = clip(value if isinstance(value, str) else flow(value))
    shown = repr(told if isinstance(value, str) else value) if isinstance(value, str | int | float) else told
    return worded(f"--set {path_text}={told}", f"overrides={{{path_text!r}: {clip(shown)}}}")


def _put(value: Any, path: Path, new: Any) -> Any:
    """A copy of the value in which `new` stands at a path; mappings that are missing on the way are made."""
    holders: list[Any] = []
    for step in path:
        holders.append(value if isinstance(step, int) else value or {})
        value = holders[-1][step] if isinstance(step, int) else holders[-1].get(step)
    for holder, step in zip(reversed(holders), reversed(path), strict=True):
        new = [*holder[:step], new, *holder[step + 1 :]] if isinstance(step, int) else {**holder, step: new}
    return new
