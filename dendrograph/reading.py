"""YAML text, or plain Python values, as what a morphology file may hold; each value with the place where it stood.

YAML 1.2, one document a file. No object is constructed, no tag is followed, aliases cannot unfold without end, and the
size is limited, so that reading a stranger's file is safe.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from dendrograph.errors import Fault, Faults, MorphologyError, clip

LARGEST_FILE = 256 * 1024  # bytes
LARGEST_NUMBER = 10**30
MOST_VALUES = 50_000
DEEPEST = 64
MOST_IN_A_ROW = (DEEPEST - 5) // 2  # dendrites on one path from the soma

Path = tuple[str | int, ...]


def show_path(path: Path) -> str:
    """`('layers', 0, 'count')` as `layers[0].count`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{clip(step)}" if text else clip(step)
    return text


def decoded(data: bytes, name: str) -> str:
    """The text of a file's bytes.

    Raises:
        MorphologyError: too many bytes, or no UTF-8.
    """
    _fits(len(data), name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].split(b"\n")
        place = f"{name}:{len(before)}:{len(before[-1]) + 1}"
        problem = f"the byte 0x{data[error.start]:02x} is no UTF-8 text"
        raise MorphologyError([Fault(place, "", problem, "a morphology is a YAML file, saved as UTF-8")]) from None


def _fits(size: int, name: str) -> None:
    if size > LARGEST_FILE:
        raise MorphologyError([Fault(name, "", "the file is too large", f"at most {LARGEST_FILE // 1024} KiB")])


class Reading:
    """Makes plain values, and notes where each stood (`placed=False`: by the name alone) and what is wrong with it.

    `places` holds the position of each value and `key_places` that of each key, by path.
    """

    def __init__(self, name: str, placed: bool = True) -> None:
        self.name = name
        self.placed = placed
        self.places: dict[Path, str] = {}
        self.key_places: dict[Path, str] = {}
        self.faults = Faults()
        self._open: set[int] = set()
        self._values = 0

    def text(self, text: str, path: Path = ()) -> Any:
        """The value of a YAML document, which stands at a path.

        Raises:
            MorphologyError: text that is no YAML at all. Lesser faults are kept in `faults`.
        """
        _fits(len(text.encode("utf-8", "surrogatepass")), self.name)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an anchor may be set anew
                root = YAML(typ="safe", pure=True).compose(text)  # not "rt": its folded text holds marks
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = clip(" ".join(part for part in (error.context, error.problem) if part), most=200)
            began = error.context_mark if mark and error.context_mark and error.context_mark.line < mark.line else None
            where = f"\nwhat was being read begins at {self._at(began)}" if began and self.placed else ""
            raise self._refusal(self._at(mark), f"not YAML: {problem}", _yaml_remedy(problem) + where) from None
        except ReaderError as error:
            before = text[: error.position].split("\n")
            place = f"{self.name}:{len(before)}:{len(before[-1]) + 1}" if self.placed else self.name
            problem = f"not YAML: the character '{clip(text[error.position])}' is not allowed"
            raise self._refusal(place, problem, "a morphology is plain text in UTF-8") from None
        except RecursionError:
            raise self._refusal(self.name, "nested too deeply", f"at most {DEEPEST} levels") from None
        except (YAMLError, ValueError, TypeError, AttributeError, LookupError, AssertionError) as error:
            # The parser meets some malformed input with errors of its own making; whatever its type, it is the file's.
            problem = clip(str(error)) or type(error).__name__
            raise self._refusal(self.name, f"not YAML: {problem}", _yaml_remedy("")) from None
        return None if root is None else self._value(root, path)

    def plain(self, value: Any, path: Path = ()) -> Any:
        """A copy of a Python value as a file could hold it."""
        self._enter(value, self.name, path)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._characters(None, path, value)
        if isinstance(value, numbers.Integral) and abs(int(value)) <= LARGEST_NUMBER:
            return int(value)
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational | float):
            return self.plain(float(value), path)  # NumPy's float32
        if isinstance(value, Mapping | list | tuple):
            self._open.add(id(value))
            try:
                if not isinstance(value, Mapping):
                    return [self.plain(item, (*path, index)) for index, item in enumerate(value)]
                for key in value:
                    if not isinstance(key, str):
                        self._fault(None, path, f"the key {flow(key)} is no text", "a key is a word")
                return {str(key): self.plain(item, (*path, key)) for key, item in value.items() if isinstance(key, str)}
            finally:
                self._open.discard(id(value))
        allowed = "write text, finite numbers, true, false, nothing, lists and mappings"
        self._fault(None, path, f"{flow(value)} cannot stand in a morphology", allowed)
        return 0

    def _at(self, mark: Any) -> str:
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}" if mark and self.placed else self.name

    def _fault(self, node: Node | None, path: Path, problem: str, remedy: str) -> None:
        self.faults.add(Fault(self._at(node and node.start_mark), show_path(path), problem, remedy))

    def _refusal(self, place: str, problem: str, remedy: str) -> MorphologyError:
        return MorphologyError([*self.faults, Fault(place, "", problem, remedy)])

    def _enter(self, value: Any, place: str, path: Path) -> None:
        """Count a value, and refuse what would unfold without end."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._refusal(place, f"more than {MOST_VALUES:,} values", "does an alias or a merge repeat them?")
        if id(value) in self._open:
            raise self._refusal(place, "a value that holds itself", "write out what is meant")
        if len(path) > DEEPEST:
            raise self._refusal(place, "nested too deeply", f"at most {DEEPEST} levels")

    def _value(self, node: Node, path: Path) -> Any:
        place = self.places[path] = self._at(node.start_mark)
        self._enter(node, place, path)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        kind = "seq" if isinstance(node, SequenceNode) else "map"
        if str(node.tag) != f"tag:yaml.org,2002:{kind}":
            self._tag_fault(node, path)
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        entries = []
        merges = []
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                self._fault(key, path, "a key must be a word", "no lists or mappings as keys")
            elif str(key.value) == "<<":
                merges.append((key, item))
            else:
                entries.append((str(key.value), key, item))
        # Merged mappings go first, the earliest last, so that values and places of what is nearer overwrite theirs.
        for _, item in merges[:1]:
            for source in reversed(item.value) if isinstance(item, SequenceNode) else [item]:
                if isinstance(source, MappingNode):
                    result.update(self._value(source, path))
                else:
                    self._fault(source, (*path, "<<"), "'<<' merges mappings only", "write <<: *name of a mapping")
        for key, _ in merges[1:]:
            self._fault(key, (*path, "<<"), "'<<' stands twice", "merge several mappings by a list: <<: [*one, *two]")
        own: set[str] = set()
        for word, key, item in entries:
            at = (*path, word)
            if word in own:
                self._fault(
                    key, at, f"the key '{clip(word)}' stands twice", f"first at {self.key_places[at]}; keep one"
                )
                continue
            own.add(word)
            self.key_places[at] = self._at(key.start_mark)
            result[word] = self._value(item, at)
            if item.start_mark.index == item.end_mark.index:
                self.places[at] = self.key_places[at]  # nothing stands there: the parser tells of the line after
        self.places[path] = self._at(node.start_mark)
        return result

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text = str(node.value)
        tag = str(node.tag).removeprefix("tag:yaml.org,2002:")
        if tag == "null" and text.lower() in ("", "~", "null"):
            return None
        if tag == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if tag in ("int", "float"):
            return self._number(node, path, text, tag)
        if tag not in ("str", "timestamp", "value", "merge", "bool", "null"):
            self._tag_fault(node, path)
        return self._characters(node, path, text)

    def _number(self, node: ScalarNode, path: Path, text: str, tag: str) -> int | float:
        plain = text.lower()  # Python too reads 1_000, and refuses 1__2
        try:
            if tag == "int":
                whole = int(plain, 0) if plain.lstrip("+-")[:2] in ("0x", "0o", "0b") else int(plain)
                if abs(whole) <= LARGEST_NUMBER:
                    return whole
                self._fault(node, path, f"the number {clip(text)} is too large", f"at most {LARGEST_NUMBER:.0e}")
                return 1
            number = float(plain.replace(".inf", "inf").replace(".nan", "nan"))
            if math.isfinite(number):
                return number
            self._fault(node, path, f"'{clip(text)}' is no finite number", "write a number such as 16 or 0.1")
        except ValueError:
            self._fault(node, path, f"'{clip(text)}' cannot be read as a number", "write a number such as 16 or 0.1")
        return 1

    def _characters(self, node: Node | None, path: Path, text: str) -> str:
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._fault(node, path, f"'{clip(text)}' holds half a character", "write characters, not surrogate codes")
            return ""
        return str(text)

    def _tag_fault(self, node: Node, path: Path) -> None:
        tag = clip(str(node.tag).replace("tag:yaml.org,2002:", "!!"))
        self._fault(node, path, f"the tag '{tag}' is not allowed", "write plain YAML, without tags")


def flow(value: Any, levels: int = 3) -> str:
    """A value as YAML would show it on one line, shortened."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, numbers.Integral):
        return str(int(value)) if abs(int(value)) <= LARGEST_NUMBER else f"a number of {int(value).bit_length()} bits"
    if isinstance(value, Mapping | list | tuple):
        few = list(value)[:6] if levels else []
        more = ["..."] * (len(value) > len(few))
        if isinstance(value, Mapping):
            return "{" + ", ".join([f"{flow(key)}: {flow(value[key], levels - 1)}" for key in few] + more) + "}"
        return "[" + ", ".join([flow(item, levels - 1) for item in few] + more) + "]"
    return clip(str(value) if isinstance(value, str | float) else f"a value of type {type(value).__name__}")


def describe(value: Any) -> str:
    """A value as messages name it: `nothing`, `'text'`, `16`, `the list [1, 2]`."""
    if value is None:
        return "nothing"
    kind = "the mapping " if isinstance(value, dict) else "the list " if isinstance(value, list) else ""
    return f"'{clip(value)}'" if isinstance(value, str) else kind + clip(flow(value))


def _yaml_remedy(problem: str) -> str:
    if "'\\t'" in problem:
        return "indent with spaces, never with tabs"
    if "another document" in problem:
        return "one morphology a file: remove the '---' and what follows"
    if "mapping values are not allowed" in problem:
        return "is the line above indented as it should be? text that holds ': ' needs quotes"
    return "check indentation, brackets and quotes, here and just above"
