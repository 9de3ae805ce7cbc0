"""YAML text as plain values, each with the line and column where it stood.

YAML 1.2, one document a file. No object is constructed, no tag is followed, aliases cannot unfold without end, and the
size is limited, so that reading a stranger's file is safe.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dendrograph.errors import DendrographError, Fault, MorphologyError, did_you_mean
from dendrograph.expressions import ExpressionError, evaluate, is_expression

LARGEST_FILE = 256 * 1024  # bytes
MOST_VALUES = 50_000
DEEPEST = 64

Path = tuple[str | int, ...]

_FREE_TEXT = {"name", "about", "citation", "parameters"}  # top-level keys whose '$' is only a character


def show_path(path: Path) -> str:
    """`('layers', 0, 'count')` as `layers[0].count`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


@dataclass(frozen=True)
class Document:
    """Plain values of one file (`value`), and where they stood.

    `places` holds the position of each value and `key_places` that of each key, by path. `faults` are those found
    while reading: they are raised by whoever validates the document, together with their own.
    """

    name: str
    value: Any
    places: Mapping[Path, str] = field(repr=False)
    key_places: Mapping[Path, str] = field(repr=False)
    faults: tuple[Fault, ...] = ()
    expressions: Mapping[Path, str] = field(default_factory=dict, repr=False)

    def place(self, path: Path, key: bool = False) -> str:
        """`file:line:column` of the value (or of the key) at a path, or of the nearest value that holds it."""
        if key and path in self.key_places:
            return self.key_places[path]
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return self.name

    def with_values(self, assignments: Mapping[str, Any]) -> Document:
        """A copy in which knobs are turned: `{"dendrites": 64, "layers.0.count": 512}`.

        A single word names a parameter where there is one of that name, else a top-level key.

        Raises:
            DendrographError: a path that leads nowhere.
        """
        document = self
        for path_text, value in assignments.items():
            document = document._with_value(path_text, value)
        return document

    def _with_value(self, path_text: str, value: Any) -> Document:
        setting = f"--set {path_text}={value if isinstance(value, str) else _inline(value)}"
        words = re.findall(r"[^.\[\]]+", path_text)
        parameters = self.value.get("parameters") if isinstance(self.value, dict) else None
        if not isinstance(parameters, dict):
            parameters = {}
        if not words:
            raise DendrographError(f"{setting}: the path is empty\n  write --set PATH=VALUE, such as dendrites=64")
        if len(words) == 1 and words[0] in parameters:
            words = ["parameters", words[0]]
        elif len(words) == 1 and not (isinstance(self.value, dict) and words[0] in self.value):
            known = [*map(str, parameters), "layers.0.count", "readout.bias"]
            raise DendrographError(
                f"{setting}: '{words[0]}' is no parameter of {self.name}\n  "
                + did_you_mean(words[0], parameters, "parameters")
                + f"\n  any other value is reached by its whole path, such as {known[-2]}"
            )
        if words[0] == "parameters" and len(words) == 2 and words[1] not in parameters:
            raise DendrographError(
                f"{setting}: no parameter '{words[1]}'\n  {did_you_mean(words[1], parameters, 'parameters')}"
            )
        path, changed = _assign(self.value, words, value, setting)
        stays = {at: place for at, place in self.places.items() if at[: len(path)] != path}
        return replace(
            self, value=changed, places={**stays, path: setting}, key_places={**self.key_places, path: setting}
        )

    def resolved(self) -> Document:
        """A copy in which every `$name` expression is a whole number; those that cannot be evaluated are faults."""
        faults: list[Fault] = []
        expressions: dict[Path, str] = {}
        parameters: dict[str, int] = {}
        declared = self.value.get("parameters") if isinstance(self.value, dict) else None
        if isinstance(declared, dict):
            parameters = {k: v for k, v in declared.items() if type(v) is int}

        def walk(value: Any, path: Path) -> Any:
            if len(path) == 1 and path[0] in _FREE_TEXT:
                return value
            if isinstance(value, dict):
                return {key: walk(item, (*path, key)) for key, item in value.items()}
            if isinstance(value, list):
                return [walk(item, (*path, index)) for index, item in enumerate(value)]
            if not is_expression(value):
                return value
            expressions[path] = value
            try:
                return evaluate(value, parameters)
            except ExpressionError as error:
                faults.append(Fault(self.place(path), show_path(path), str(error), error.remedy))
                return value

        return replace(self, value=walk(self.value, ()), faults=(*self.faults, *faults), expressions=expressions)


def read_text(text: str, name: str) -> Document:
    """Read one YAML document; `name` (a path) stands before each line number.

    Raises:
        MorphologyError: text that is no YAML at all. Lesser faults are kept in `Document.faults`.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE:
        problem = f"{len(text):,} characters are too many"
        raise MorphologyError([Fault(name, "", problem, f"a file holds at most {LARGEST_FILE // 1024} KiB")])
    try:
        root = YAML(pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        detail = " ".join(part for part in (error.context, error.problem) if part)
        raise MorphologyError([Fault(place, "", f"not YAML: {detail}")]) from None
    except (YAMLError, ValueError, TypeError, AttributeError, IndexError, AssertionError, KeyError) as error:
        # The parser meets some malformed input with errors of its own making; whatever its type, it is the file's.
        raise MorphologyError(
            [Fault(name, "", f"not YAML: {str(error).splitlines()[0] if str(error) else error!r}")]
        ) from None
    except RecursionError:
        raise MorphologyError([Fault(name, "", "nested too deeply", f"at most {DEEPEST} levels")]) from None
    if root is None:
        raise MorphologyError(
            [Fault(name, "", "the file is empty", "a morphology has at least: name, neurons, layers")]
        )
    reading = _Reading(name)
    value = reading.value_of(root, ())
    return Document(name, value, reading.places, reading.key_places, tuple(reading.faults))


def read_value(text: str) -> Any:
    """A single YAML value, as `--set` takes it: `64`, `true`, `[28, 28]`, `{name: relu}`."""
    if not text.strip():
        return None
    document = read_text(text, "--set")
    if document.faults:
        raise MorphologyError(document.faults)
    return document.value


class _Reading:
    """Turns composed nodes into plain values, noting where each stood."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[Path, str] = {}
        self.key_places: dict[Path, str] = {}
        self.faults: list[Fault] = []
        self.open: set[int] = set()

    def place(self, node: Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def fault(self, node: Node, path: Path, problem: str, remedy: str = "") -> None:
        self.faults.append(Fault(self.place(node), show_path(path), problem, remedy))

    def value_of(self, node: Node, path: Path) -> Any:
        self.places[path] = self.place(node)
        if len(self.places) > MOST_VALUES:
            raise MorphologyError([Fault(self.name, "", f"more than {MOST_VALUES:,} values", "does an alias repeat?")])
        if id(node) in self.open:
            raise MorphologyError([Fault(self.place(node), show_path(path), "an alias that holds itself")])
        if len(path) > DEEPEST:
            raise MorphologyError([Fault(self.place(node), "", "nested too deeply", f"at most {DEEPEST} levels")])
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        self.open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                self.plain_tag(node, path, "seq")
                return [self.value_of(item, (*path, index)) for index, item in enumerate(node.value)]
            assert isinstance(node, MappingNode)
            self.plain_tag(node, path, "map")
            return self.mapping(node, path)
        finally:
            self.open.discard(id(node))

    def plain_tag(self, node: Node, path: Path, kind: str) -> None:
        if str(node.tag) != f"tag:yaml.org,2002:{kind}":
            self.fault(node, path, f"tag '{_short_tag(node)}' is not allowed", "write plain YAML without tags")

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, item in node.value:
            if not isinstance(key_node, ScalarNode):
                self.fault(key_node, path, "a key must be a word", "no lists or mappings as keys")
                continue
            key = str(key_node.value)
            if str(key_node.tag) == "tag:yaml.org,2002:merge" or key == "<<":
                value = self.value_of(item, path)
                for source in value if isinstance(value, list) else [value]:
                    if isinstance(source, dict):
                        merged = {**source, **merged}
                    else:
                        self.fault(item, path, "'<<' merges mappings only", "write <<: *name of a mapping")
                continue
            if key in result:
                first = self.key_places[(*path, key)]
                self.fault(key_node, (*path, key), f"key '{key}' stands twice", f"first at {first}; keep one")
                continue
            self.key_places[(*path, key)] = self.place(key_node)
            result[key] = self.value_of(item, (*path, key))
        self.places[path] = self.place(node)  # a merge read its source under this very path
        return {**merged, **result}

    def scalar(self, node: ScalarNode, path: Path) -> Any:
        text = str(node.value)
        tag = str(node.tag).removeprefix("tag:yaml.org,2002:")
        try:
            if tag == "null":
                return None
            if tag == "bool":
                return text.lower() == "true"
            if tag == "int":
                plain = text.replace("_", "")
                whole = int(plain, 0) if plain.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else int(plain)
                if abs(whole) > 10**30:
                    raise ValueError
                return whole
            if tag == "float":
                number = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
                if not math.isfinite(number):
                    self.fault(node, path, f"'{text}' is no finite number")
                    return 0.0
                return number
        except ValueError:
            self.fault(node, path, f"'{text[:40]}' cannot be read as a number", "write a number such as 16 or 0.1")
            return 0
        if tag not in ("str", "timestamp", "value", "merge"):
            self.fault(node, path, f"tag '{_short_tag(node)}' is not allowed", "write plain YAML without tags")
        return text


def _short_tag(node: Node) -> str:
    return str(node.tag).replace("tag:yaml.org,2002:", "!!")


def _inline(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _assign(value: Any, words: list[str], new: Any, setting: str) -> tuple[Path, Any]:
    """The path that the words name, and a copy of the value in which `new` stands there."""

    def refuse(at: list[str], problem: str) -> DendrographError:
        where = f"'{'.'.join(at)}' " if at else ""
        return DendrographError(f"{setting}: {where}{problem}")

    def walk(here: Any, index: int) -> tuple[Path, Any]:
        if index == len(words):
            return (), new
        word = words[index]
        if isinstance(here, list):
            if not word.isdecimal() or int(word) >= len(here):
                raise refuse(
                    words[:index], f"is a list of {len(here)}\n  go on with 0 to {len(here) - 1}, not '{word}'"
                )
            path, changed = walk(here[int(word)], index + 1)
            return (int(word), *path), [*here[: int(word)], changed, *here[int(word) + 1 :]]
        if here is None:
            here = {}
        if not isinstance(here, dict):
            raise refuse(words[:index], f"is {here!r}, which holds no '{word}'")
        if word not in here and index == 0:
            here = {**here, word: {}}  # an optional section; if it is no key of the language, validation says so
        if word not in here and index < len(words) - 1 and word not in ("cable", "nonlinearity", "readout", "synapses"):
            raise refuse(words[:index], f"holds no '{word}'\n  {did_you_mean(word, map(str, here), 'it holds')}")
        path, changed = walk(here.get(word), index + 1)
        return (word, *path), {**here, word: changed}

    return walk(value, 0)
