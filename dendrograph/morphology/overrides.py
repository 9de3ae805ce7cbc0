"""Overrides: where `--set` is applied. Each replaces one value of a document by its path, or one of its parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from dendrograph.base.errors import Fault, MorphologyError, clip, worded
from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology.document import Document
from dendrograph.morphology.yaml_reader import Path, Reading, describe, flow, show_path

_MADE = {"cable", "nonlinearity", "synapses"}  # mappings that an override may create on its way to one of their keys


def with_overrides(document: Document, overrides: Mapping[str, Any], sections: Iterable[str] = ()) -> Document:
    """A copy in which values are replaced: `{"dendrites": 64, "layers.0.count": 512}`; text is read as YAML.

    A single word names a parameter if the document has one of that name, else a top-level key: one of the document, or
    one of `sections`. An override that cannot be applied is a fault of the copy.
    """
    for path, value in overrides.items():
        document = _with_override(document, str(path), value, tuple(sections))
    return document


def can_override(document: Document, path_text: str, sections: Iterable[str] = ()) -> bool:
    """Whether an override of this name or path can be applied; see `with_overrides`."""
    try:
        _resolve(document, re.findall(r"[^.\[\]]+", path_text), tuple(sections))
    except MorphologyError:
        return False
    return True


def _with_override(document: Document, path_text: str, value: Any, sections: tuple[str, ...]) -> Document:
    setting = _setting(clip(path_text), value)
    reading = Reading(setting, placed=False)
    path: Path = ()
    try:
        path = _resolve(document, re.findall(r"[^.\[\]]+", path_text), sections)
        new = reading.text(value, path) if isinstance(value, str) else reading.plain(value, path)
    except MorphologyError as error:
        faults = [replace(fault, place=setting, path=show_path(path)) for fault in error.faults]
        return replace(document, faults=(*document.faults, *faults))
    # New mappings on the way come from this override, too.
    start = next((path[:end] for end in range(1, len(path)) if not document.holds(path[:end])), path)
    stays = {at: place for at, place in document.places.items() if at[: len(start)] != start}
    keys = {at: place for at, place in document.key_places.items() if at[: len(start)] != start or at == start}
    return replace(
        document,
        value=_put(document.value, path, new),
        places={**stays, start: setting},
        key_places={start: setting, **keys},
        faults=(*document.faults, *reading.faults),
    )


def _resolve(document: Document, words: list[str], sections: tuple[str, ...]) -> Path:
    """The path of an override from the words of its text."""

    def refusal(problem: str, remedy: str) -> MorphologyError:
        return MorphologyError([Fault("", "", problem, remedy)])

    top = document.value if isinstance(document.value, dict) else {}
    parameters = declared if isinstance(declared := top.get("parameters"), dict) else {}
    if not words:
        raise refusal("the path is empty", "write PATH=VALUE, such as dendrites=64")
    if len(words) == 1 and words[0] in parameters:
        return ("parameters", words[0])
    is_parameter = (
        words[0] not in (*top, *sections) if len(words) == 1 else words[0] == "parameters" and len(words) == 2
    )
    if is_parameter and words[-1] not in parameters:
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


def _setting(path_text: str, value: Any) -> str:
    """The place of an overriding value in messages, instead of the line and column of a file."""
    text = clip(value if isinstance(value, str) else flow(value))
    shown = repr(text if isinstance(value, str) else value) if isinstance(value, str | int | float) else text
    return worded(f"--set {path_text}={text}", f"overrides={{{path_text!r}: {clip(shown)}}}")


def _put(value: Any, path: Path, new: Any) -> Any:
    """A copy of the value with `new` at a path. Missing mappings on the way are created."""
    holders: list[Any] = []
    for step in path:
        holders.append(value if isinstance(step, int) else value or {})
        value = holders[-1][step] if isinstance(step, int) else holders[-1].get(step)
    for holder, step in zip(reversed(holders), reversed(path), strict=True):
        new = [*holder[:step], new, *holder[step + 1 :]] if isinstance(step, int) else {**holder, step: new}
    return new
