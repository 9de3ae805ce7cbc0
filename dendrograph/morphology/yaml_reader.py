"""The YAML of morphology files: reading values with their positions, and writing them.

The language is YAML 1.2 with its core schema, one document per file. A stranger's file is safe to read: no object is
constructed, no tag is followed, aliases cannot expand without end, and the size is limited.
"""

from __future__ import annotations

import io
import math
import numbers
import re
import sys
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml import events as parsed
from ruamel.yaml.docinfo import Version
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import Scanner, ScannerError
from ruamel.yaml.tag import Tag

from dendrograph.base.errors import Fault, Faults, MorphologyError, clip
from dendrograph.morphology.expressions import GREATEST, SMALLEST, vanishes

LARGEST_FILE = 1024**2  # bytes
LARGEST_NUMBER = 10**30
MOST_VALUES = 50_000
MOST_STEPS = 80_000_000  # in the paths to all values together, eight bytes each
MOST_IN_A_ROW = 2_000  # dendrites on one path from the soma; no neuron has nearly as many
DEEPEST = 2 * MOST_IN_A_ROW + 10  # levels: two per dendrite, and those around the first and inside the last
EXTENSION = "x-"  # the prefix of keys whose values only anchors use

_TOO_DEEP = f"at most {DEEPEST:,} levels: {MOST_IN_A_ROW:,} dendrites in a row"
_YAML = "tag:yaml.org,2002:"
# The types of plain scalars in the core schema of YAML 1.2 (chapter 10.3.2); anything else is text.
_CORE = {
    "null": re.compile("null|Null|NULL|~|"),
    "bool": re.compile("true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
}
# Line breaks of YAML 1.1 that are ordinary characters in YAML 1.2, where only CR and LF end a line.
_NO_BREAKS = "\x85\u2028\u2029"

Path = tuple[str | int, ...]
T = TypeVar("T")
Steps = Generator[Any, Any, T]  # the type of a function for `unwound`


def unwound(steps: Steps[T]) -> T:
    """Run a recursive function that is written as a generator: `yield f(x)` calls f and gives its result.

    Deep trees then need memory, but no stack:

        def depth(node):
            return 1 + max([(yield depth(child)) for child in node.children], default=0)  # as a loop

        unwound(depth(root))
    """
    calls: list[Steps[Any]] = [steps]
    result: Any = None
    while calls:
        try:
            inner = calls[-1].send(result)
        except StopIteration as end:
            calls.pop()
            result = end.value
        else:
            calls.append(inner)
            result = None
    return result


def is_extension(path: Path) -> bool:
    """Whether a path leads into a top-level key that begins with `x-`, whose values only anchors use."""
    return bool(path) and str(path[0]).startswith(EXTENSION)


def core_type(text: str) -> str:
    """The type of a plain scalar in the core schema of YAML 1.2: `null`, `bool`, `int`, `float` or `str`."""
    return next((kind for kind, pattern in _CORE.items() if pattern.fullmatch(text)), "str")


def show_path(path: Path) -> str:
    """`('layers', 0, 'count')` as `layers[0].count`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{clip(step)}" if text else clip(step)
    return text


def decoded(data: bytes, name: str) -> str:
    """The text of a file's bytes.

    Raises:
        MorphologyError: the file is too large, or not UTF-8.
    """
    _fits(data, name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"{name}:{_line_and_column(data[: error.start].decode('utf-8-sig'))}"
        problem = f"the byte 0x{data[error.start]:02x} is no UTF-8 text"
        raise MorphologyError([Fault(place, "", problem, "a morphology is a YAML file, saved as UTF-8")]) from None


def _line_and_column(before: str) -> str:
    """`line:column` of the position after a text."""
    lines = re.split("\r\n|\r|\n", before)
    return f"{len(lines)}:{len(lines[-1]) + 1}"


def _fits(data: bytes, name: str, placed: bool = True) -> None:
    if len(data) > LARGEST_FILE:
        end = _line_and_column(data[:LARGEST_FILE].decode("utf-8", "ignore"))  # the end of the part that fits
        place = f"{name}:{end}" if placed else name
        raise MorphologyError([Fault(place, "", "the file is too large", f"at most {LARGEST_FILE // 1024} KiB")])


@dataclass(eq=False)
class _Node:
    """One value of a text as the parser found it. An alias is the node that it names.

    Attributes:
        kind: `scalar`, `list` or `mapping`.
        tag: as written; empty if there is none.
        start, end: the marks of the parser.
        text: of a scalar.
        plain: whether a scalar has no quotes.
        items: the entries of a list; the keys and values of a mapping in turn.
    """

    kind: str
    tag: str
    start: Any
    end: Any
    text: str = ""
    plain: bool = False
    items: list[_Node] = field(default_factory=list)


class _Scanner(Scanner):
    """The scanner of ruamel, which also accepts tabs between tokens, in plain text and on blank lines (YAML 1.2)."""

    def scan_to_next_token(self) -> None:
        """Skip white space, comments and ends of lines."""
        reader = self.reader
        if reader.index == 0 and reader.peek() == "\ufeff":
            reader.forward()
        while True:
            ahead = 0
            while reader.peek(ahead) in " \t":
                ahead += 1
            tab = "\t" in reader.prefix(ahead)
            begun = reader.buffer[: reader.pointer].rstrip(" \t")[-1:] not in ("", "\r", "\n")  # after a token
            if tab and not (self.flow_level or begun or reader.peek(ahead) in "#\r\n\0"):
                while reader.peek() == " ":
                    reader.forward()
                return  # a tab as indentation, which the scanner reports
            if tab and begun and not self.flow_level:
                self.allow_simple_key = False  # a key cannot begin after a tab
            reader.forward(ahead)
            if reader.peek() == "#":
                while reader.peek() not in "\r\n\0":
                    reader.forward()
            if not self.scan_line_break():
                return
            if not self.flow_level:
                self.allow_simple_key = True

    # ruamel looks at every level of nesting at each token, which takes seconds for thousands of levels on one line. A
    # deeper level begins later in the text, so the first key that is not stale ends the search.

    def stale_possible_simple_keys(self) -> None:
        """Remove what can no longer be a key: text on an earlier line, or more than 1024 characters back."""
        keys = self.possible_simple_keys
        while keys:
            level, key = next(iter(keys.items()))
            if key.line == self.reader.line and self.reader.index - key.index <= 1024:
                return
            if key.required:
                problem = "could not find expected ':'"
                raise ScannerError("while scanning a simple key", key.mark, problem, self.reader.get_mark())
            del keys[level]

    def next_possible_simple_key(self) -> Any:
        """The number of the first token that may be a key, or None."""
        return next((key.token_number for key in self.possible_simple_keys.values()), None)

    def scan_plain_spaces(self, indent: Any, start_mark: Any) -> Any:
        """White space inside plain text, which is kept between two words of a line."""
        ahead = 0
        while self.reader.peek(ahead) in " \t":
            ahead += 1
        white = self.reader.prefix(ahead)
        if "\t" in white:
            self.reader.forward(ahead)
            if self.reader.peek() not in "\r\n":
                return [white]
        found = super().scan_plain_spaces(indent, start_mark)
        if found and self.reader.peek() == "\t" and (self.flow_level or self.reader.column >= indent):
            ahead = 0
            while self.reader.peek(ahead) in " \t":
                ahead += 1
            if self.reader.peek(ahead) not in "\r\n\0":
                self.reader.forward(ahead)  # after the indentation of the next line, tabs are white space
        return found

    def scan_yaml_directive_value(self, start_mark: Any) -> Any:
        """A version, such as 1.2. Later versions of YAML 1 are read as 1.2."""
        major, minor = super().scan_yaml_directive_value(start_mark)
        if major == 1 and minor > 2:
            self.yaml_version = (1, 2)
            self.loader.doc_infos[-1].doc_version = Version(1, 2)
            return self.yaml_version
        return major, minor


class Reading:
    """Reads plain values, and notes their positions and faults.

    Attributes:
        name: of the file, in messages.
        placed: whether positions have line and column, besides the name.
        places: the position of each value, by path.
        key_places: the position of each key, by path.
        faults: the faults found.
    """

    def __init__(self, name: str, placed: bool = True) -> None:
        self.name = name
        self.placed = placed
        self.places: dict[Path, str] = {}
        self.key_places: dict[Path, str] = {}
        self.faults = Faults()
        self._open: set[int] = set()
        self._values = self._steps = 0

    def text(self, text: str, path: Path = ()) -> Any:
        """The value of a YAML document that belongs at a path.

        Raises:
            MorphologyError: the text is not YAML. Other faults are kept in `faults`.
        """
        _fits(text.encode("utf-8", "surrogatepass"), self.name, self.placed)
        # Replace characters that the parser would take for line breaks by characters that the text does not have.
        spare = (character for code in range(0xE000, 0xF8FF) if (character := chr(code)) not in text)
        stand_ins = {ord(character): next(spare) for character in _NO_BREAKS if character in text}
        meant = {ord(stand_in): chr(code) for code, stand_in in stand_ins.items()}
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _Scanner
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an anchor may be defined again
                root = self._composed(yaml.parse(text.translate(stand_ins)), meant)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = clip(" ".join(filter(None, (error.context, error.problem))).translate(meant), most=200)
            began = error.context_mark if mark and error.context_mark and error.context_mark.line < mark.line else None
            where = f"\nwhat was being read begins at {self._at(began)}" if began and self.placed else ""
            before = re.split("\r\n|\r|\n", text)[mark.line][: mark.column] if mark else ""
            raise self._refusal(self._at(mark), f"not YAML: {problem}", _yaml_remedy(problem, before) + where) from None
        except ReaderError as error:
            place = f"{self.name}:{_line_and_column(text[: error.position])}" if self.placed else self.name
            problem = f"not YAML: the character '{clip(text[error.position])}' is not allowed"
            raise self._refusal(place, problem, "a morphology is plain text in UTF-8") from None
        except (YAMLError, ValueError, TypeError, AttributeError, LookupError, AssertionError) as error:
            # The parser raises errors of various types for malformed input.
            problem = clip(str(error)) or type(error).__name__
            raise self._refusal(self._at(yaml.reader), f"not YAML: {problem}", _yaml_remedy(problem)) from None
        return None if root is None else unwound(self._value(root, path))

    def _composed(self, found: Iterable[Any], meant: Mapping[int, str]) -> _Node | None:
        """The root of the single document that the parser finds."""
        roots: list[_Node] = []
        anchors: dict[str, _Node] = {}
        within: list[_Node] = []
        for event in found:
            if isinstance(event, parsed.DocumentStartEvent) and roots:
                problem = "not YAML: expected a single document in the stream but found another document"
                where = f"\nwhat was being read begins at {self._at(roots[0].start)}" if self.placed else ""
                raise self._refusal(self._at(event.start_mark), problem, _yaml_remedy(problem) + where)
            if isinstance(event, parsed.CollectionEndEvent):
                within.pop().end = event.end_mark
            if not isinstance(event, parsed.NodeEvent):
                continue
            if isinstance(event, parsed.AliasEvent):
                if event.anchor not in anchors:
                    problem = f"not YAML: found undefined alias '{clip(event.anchor.translate(meant))}'"
                    raise self._refusal(self._at(event.start_mark), problem, _yaml_remedy(problem))
                node = anchors[event.anchor]
            else:
                kind = "list" if isinstance(event, parsed.SequenceStartEvent) else "mapping"
                node = _Node(
                    kind, str(getattr(event, "tag", None) or "").translate(meant), event.start_mark, event.end_mark
                )
                if isinstance(event, parsed.ScalarEvent):
                    node.kind, node.text, node.plain = "scalar", event.value.translate(meant), not event.style
                    if event.style not in ("'", '"') and "\ufeff" in node.text:
                        problem = "not YAML: a byte-order mark (U+FEFF) is inside the text"
                        raise self._refusal(
                            self._at(node.start), problem, 'remove it, or write it in quotes: "\\uFEFF"'
                        )
                if event.anchor:
                    anchors[event.anchor] = node
            (within[-1].items if within else roots).append(node)
            if isinstance(event, parsed.CollectionStartEvent):
                within.append(node)
                if len(within) > DEEPEST:
                    raise self._refusal(self._at(node.start), "nested too deeply", _TOO_DEEP)
        return roots[0] if roots else None

    def plain(self, value: Any, path: Path = ()) -> Any:
        """A copy of a Python value, restricted to values that a file can hold."""
        return unwound(self._plain(value, path))

    def _plain(self, value: Any, path: Path) -> Steps[Any]:
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
            return (yield self._plain(float(value), path))  # NumPy's float32
        if not isinstance(value, Mapping | list | tuple):
            allowed = "write text, finite numbers, true, false, nothing, lists and mappings"
            self._fault(None, path, f"{flow(value)} is not allowed in a morphology", allowed)
            return 0
        self._open.add(id(value))
        copied: Any
        if isinstance(value, Mapping):
            copied = {}
            for key in value:
                if not isinstance(key, str):
                    self._fault(None, path, f"the key {flow(key)} is not text", "a key is a word")
            for key, item in value.items():
                if isinstance(key, str):
                    copied[str(key)] = yield self._plain(item, (*path, key))
        else:
            copied = []
            for index, item in enumerate(value):
                copied.append((yield self._plain(item, (*path, index))))
        self._open.discard(id(value))
        return copied

    def _at(self, mark: Any) -> str:
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}" if mark and self.placed else self.name

    def _fault(self, node: _Node | None, path: Path, problem: str, remedy: str) -> None:
        self.faults.add(Fault(self._at(node and node.start), show_path(path), problem, remedy))

    def _refusal(self, place: str, problem: str, remedy: str) -> MorphologyError:
        return MorphologyError([*self.faults, Fault(place, "", problem, remedy)])

    def _enter(self, value: Any, place: str, path: Path) -> None:
        """Count a value, and refuse values that would expand without end."""
        self._values += 1
        self._steps += len(path)
        if self._steps > MOST_STEPS:
            raise self._refusal(place, "too many values, nested too deeply", "fewer dendrites, or fewer in a row")
        if self._values > MOST_VALUES:
            raise self._refusal(place, f"more than {MOST_VALUES:,} values", "does an alias or a merge repeat them?")
        if id(value) in self._open:
            raise self._refusal(place, "a value that holds itself", "write out what is meant")
        if len(path) > DEEPEST:
            raise self._refusal(place, "nested too deeply", _TOO_DEEP)

    def _value(self, node: _Node, path: Path) -> Steps[Any]:
        place = self.places[path] = self._at(node.start)
        self._enter(node, place, path)
        if node.kind == "scalar":
            return self._scalar(node, path)
        if node.tag not in ("", f"{_YAML}{'seq' if node.kind == 'list' else 'map'}"):
            self._tag_fault(node, path)
        self._open.add(id(node))
        value: Any = []
        if node.kind == "mapping":
            value = yield self._mapping(node, path)
        else:
            for index, item in enumerate(node.items):
                value.append((yield self._value(item, (*path, index))))
        self._open.discard(id(node))
        return value

    def _mapping(self, node: _Node, path: Path) -> Steps[dict[str, Any]]:
        result: dict[str, Any] = {}
        entries = []
        merges = []
        for key, item in zip(node.items[::2], node.items[1::2], strict=True):
            if key.kind != "scalar":
                self._fault(key, path, "a key must be a word", "no lists or mappings as keys")
            elif key.text == "<<" and key.plain:
                merges.append((key, item))
            else:
                entries.append((key.text, key, item))
        # Merged mappings go first, the earliest of them last, so that nearer values and places overwrite theirs.
        for _, item in merges[:1]:
            for source in reversed(item.items) if item.kind == "list" else [item]:
                if source.kind == "mapping":
                    result.update((yield self._value(source, path)))
                else:
                    self._fault(source, (*path, "<<"), "'<<' merges mappings only", "write <<: *name of a mapping")
        for key, _ in merges[1:]:
            self._fault(key, (*path, "<<"), "'<<' is given twice", "merge several mappings by a list: <<: [*one, *two]")
        own: set[str] = set()
        for word, key, item in entries:
            at = (*path, word)
            if word in own:
                self._fault(
                    key, at, f"the key '{clip(word)}' is given twice", f"first at {self.key_places[at]}; keep one"
                )
                continue
            own.add(word)
            self.key_places[at] = self._at(key.start)
            result[word] = yield self._value(item, at)
            if item.start.index == item.end.index:
                self.places[at] = self.key_places[at]  # an empty value, for which the parser gives the next line
        self.places[path] = self._at(node.start)
        return result

    def _scalar(self, node: _Node, path: Path) -> Any:
        text = node.text
        kind = node.tag.removeprefix(_YAML) or (core_type(text) if node.plain else "str")
        if kind == "null" and core_type(text) == "null":
            return None
        if kind == "bool" and core_type(text) == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            return self._number(node, path, text, kind)
        if kind in ("null", "bool"):
            words = "true or false" if kind == "bool" else "null"
            self._fault(node, path, f"'{clip(text)}' cannot be read as {words}", f"write {words}, without a tag")
        elif kind not in ("str", "!"):
            self._tag_fault(node, path)
        return self._characters(node, path, text)

    def _number(self, node: _Node, path: Path, text: str, kind: str) -> int | float:
        allowed = "write a number such as 16 or 0.1"
        if core_type(text) not in ("int", kind):
            self._fault(node, path, f"'{clip(text)}' cannot be read as a number", allowed)
        elif kind == "int":
            whole = int(text, 0 if text[:2] in ("0x", "0o") else 10) if len(text) < 1000 else LARGEST_NUMBER + 1
            if abs(whole) <= LARGEST_NUMBER:
                return whole
            self._unusable(node, path, f"the number {clip(text)} is too large", f"at most {LARGEST_NUMBER:.0e}")
        else:
            number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
            if number == 0 and vanishes(text):
                allowed = f"0, or from {SMALLEST:g} to {GREATEST:g} in size"
                self._unusable(node, path, f"the number {clip(text)} is too small", allowed)
                return 1
            if math.isfinite(number):
                return number
            self._unusable(node, path, f"'{clip(text)}' is no finite number", allowed)
        return 1

    def _unusable(self, node: _Node, path: Path, problem: str, remedy: str) -> None:
        """Report a number that YAML allows and the language does not, unless only anchors use it."""
        if not is_extension(path):
            self._fault(node, path, problem, remedy)

    def _characters(self, node: _Node | None, path: Path, text: str) -> str:
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._fault(node, path, f"'{clip(text)}' holds half a character", "write characters, not surrogate codes")
            return ""
        return str(text)

    def _tag_fault(self, node: _Node, path: Path) -> None:
        tag = clip(node.tag.replace(_YAML, "!!"))
        self._fault(node, path, f"the tag '{tag}' is not allowed", "write plain YAML, without tags")


def written(value: Any) -> str:
    """The text of a YAML file of plain values; reading it gives equal values.

    A list or mapping of scalars is written on one line, and so is everything below 64 levels, where indentation would
    take more space than the content.
    """
    events = list(_events(value))
    yaml = YAML()
    deep = any(getattr(event, "flow_style", None) is _ON_ONE_LINE for event in events)
    yaml.width = sys.maxsize if deep else 120
    stream = io.StringIO()
    yaml.emit(events, stream)
    return stream.getvalue()


_ON_ONE_LINE = 1  # a flow style besides True and False
_FLAT_FROM = 64


def _events(value: Any) -> Iterator[Any]:
    """The events that ruamel's dumper would send to its emitter; the dumper would recurse over the levels."""
    yield parsed.StreamStartEvent()
    yield parsed.DocumentStartEvent()
    resolver = YAML().resolver
    waiting: list[tuple[Any, int, bool]] = [(value, 0, False)]
    while waiting:
        item, depth, inline = waiting.pop()
        if isinstance(item, parsed.Event):
            yield item
        elif isinstance(item, dict | list):
            items = [part for entry in item.items() for part in entry] if isinstance(item, dict) else item
            simple = not any(isinstance(part, dict | list) or _quoted(part) for part in items)
            flow_style = _ON_ONE_LINE if depth >= _FLAT_FROM else simple
            if isinstance(item, dict):
                yield parsed.MappingStartEvent(None, None, True, flow_style=flow_style, nr_items=len(item))
            else:
                yield parsed.SequenceStartEvent(None, None, True, flow_style=flow_style)
            waiting.append(
                (parsed.MappingEndEvent() if isinstance(item, dict) else parsed.SequenceEndEvent(), 0, False)
            )
            waiting += [(part, depth + 1, bool(flow_style)) for part in reversed(items)]
        else:
            text = item if isinstance(item, str) else repr(item).lower() if isinstance(item, float) else flow(item)
            # Quotes where a reader of YAML 1.2, or ruamel, would not read a text.
            other = isinstance(item, str) and (
                core_type(text) != "str" or str(resolver.resolve(ScalarNode, text, (True, False))) != f"{_YAML}str"
            )
            style = '"' if _quoted(item) or (inline and text[:1] in (":", "?")) else None
            yield parsed.ScalarEvent(None, Tag(suffix=f"{_YAML}str"), (not other, True, True), text, style=style)
    yield parsed.DocumentEndEvent()
    yield parsed.StreamEndEvent()


def _quoted(value: Any) -> bool:
    """Whether a text has characters that only double quotes keep."""
    return isinstance(value, str) and any(character in value for character in f"{_NO_BREAKS}\ufeff")


def flow(value: Any, levels: int = 3) -> str:
    """A value as YAML on one line, shortened."""
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
    """A value as messages show it: `nothing`, `'text'`, `16`, `the list [1, 2]`."""
    if value is None:
        return "nothing"
    kind = "the mapping " if isinstance(value, dict) else "the list " if isinstance(value, list) else ""
    return f"'{clip(value)}'" if isinstance(value, str) else kind + clip(flow(value))


def _yaml_remedy(problem: str, before: str = "") -> str:
    """The remedy for a problem of the parser; `before` is the text before the position on its line."""
    if "version" in problem:
        return "write %YAML 1.2, or remove the line"
    if "'<document start>'" in problem:
        return "a line --- stands between lines that begin with % and the morphology"
    if "mapping values are not allowed" in problem and "\t" in before:
        return "a tab stands before this key: put spaces in its place"
    if "'\\t'" in problem:
        return "indent with spaces, never with tabs"
    if "another document" in problem:
        return "one morphology a file: remove the '---' and what follows"
    if "mapping values are not allowed" in problem:
        return "is the line above indented as it should be? text that holds ': ' needs quotes"
    return "check indentation, brackets and quotes, here and just above"
