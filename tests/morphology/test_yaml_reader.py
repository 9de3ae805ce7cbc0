"""YAML as plain values with their places; safe to read whatever the file holds."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cases import for_each
from hypothesis import given
from hypothesis import strategies as st

from dendrograph.base.errors import MOST_FAULTS, MorphologyError
from dendrograph.morphology.yaml_reader import (
    DEEPEST,
    LARGEST_FILE,
    MOST_VALUES,
    Reading,
    describe,
    flow,
    show_path,
    written,
)


def read(text: str) -> Any:
    reading = Reading("f")
    value = reading.text(text)
    assert not list(reading.faults)
    return value


def faults(text: str) -> list[str]:
    reading = Reading("f")
    try:
        reading.text(text)
    except MorphologyError as error:
        return [str(fault) for fault in error.faults]
    return [str(fault) for fault in reading.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16),
        ("-16", -16),
        ("+16", 16),
        ("010", 10),  # YAML 1.2: no octal by a leading zero
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1_000.5", "1_000.5"),
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-0.0", -0.0),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("no", "no"),
        ("null", None),
        ("~", None),
        ("''", ""),
        ("'5'", "5"),
        ("1:30", "1:30"),
        ("2025-01-01", "2025-01-01"),
        ("=", "="),
        ("plain text", "plain text"),
        ('"a\\tb \\u00e4"', "a\tb ä"),
        ("|\n a\n b\n", "a\nb\n"),
        (">\n a\n b\n", "a b\n"),
        ("[1, [2, {a: b}]]", [1, [2, {"a": "b"}]]),
        ("{1: a, true: b, null: c, 1.5: d, '': e}", {"1": "a", "true": "b", "null": "c", "1.5": "d", "": "e"}),
        ("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("%YAML 1.1\n---\na: yes\n", {"a": "yes"}),
        ("# only a comment\n", None),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


# The core schema as chapter 10.3.2 of the specification has it, kind by kind, independent of ours.
SPECIFICATION = (
    ("null", r"null|Null|NULL|~"),
    ("null", r""),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?[0-9]+"),
    ("int", r"0o[0-7]+"),
    ("int", r"0x[0-9a-fA-F]+"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"),
    ("float", r"[-+]?(\.inf|\.Inf|\.INF)"),
    ("float", r"\.nan|\.NaN|\.NAN"),
)


def as_specified(text: str) -> Any:
    """A plain scalar by the specification."""
    kind = next((kind for kind, rule in SPECIFICATION if re.fullmatch(rule, text)), "str")
    if kind == "null":
        return None
    if kind == "bool":
        return text[0] in "tT"
    if kind == "int":
        return int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)
    return float(text.replace(".", "") if text.lower().endswith(("inf", "nan")) else text) if kind == "float" else text


SCALARS = """
0 00 -0 +0 1 +1 -1 ++1 010 -010 0o17 0O17 +0o17 -0o17 0o8 0o 0x1F 0X1F 0x1g -0x1F +0x1F 0b1 0b101 1_0 1__0 _1 1_ 1:30
190:20:30 1:30.5 1. .5 . -.5 +.5 5.e1 1e3 1E3 1e+3 1e-3 1e 1.e e3 .e3 1.5e3 1.5.2 1e3.5 1_000.5 0.1e1_0 6.02e23 0e0
.inf .Inf .INF .iNF +.inf -.Inf -.INF +.INF inf Inf infinity .nan .NaN .NAN .Nan -.nan +.NaN nan NaN null Null NULL nULL
~ ~~ none None nil true True TRUE tRUE false False FALSE fALSE yes Yes YES no No NO on On ON off Off OFF y Y n N t f
2001-12-14 2001-12-14t21:59:43.10-05:00 2001-12-15 = << <<< 12e03 -2E+05 0.2e-5 1,000 1% $1 1k 0x 00x1 1d5 1e5f 0.
1\u0660 \u0661 \uff11 1\u00a0 \u00a01 1\u2003 \u20281 1\x85 nul trues Truefalse 0o7_7 0x1_F +.5e-3 -1.e2 .5e .e5 +e5 -
"""


@for_each("text", [*SCALARS.replace("\n", " ").split(" ")])
def test_plain_scalars_are_those_of_the_core_schema(text: str) -> None:
    if text in ("", "-"):
        return
    expected = as_specified(text)
    found = faults(f"a: {text}\n")
    if isinstance(expected, float) and not math.isfinite(expected):
        assert found == [f"f:1:4: a: '{text}' is no finite number\n  write a number such as 16 or 0.1"]
        return
    for document in (f"a: {text}\n", f"a:\n  - {text}\n", f"a: {{b: {text} }}\n", f"a: {text} # so\n"):
        if text in ("<<", "1,000") and "{" in document:
            continue
        (value,) = read(document).values()
        value = value[0] if isinstance(value, list) else value["b"] if isinstance(value, dict) else value
        assert value == expected and type(value) is type(expected), document
    assert read(f"a: '{text}'\n") == read(f'a: "{text}"\n') == {"a": text}  # quoted, it is text
    back = read(written({"a": expected, "b": text}))
    assert back == {"a": expected, "b": text} and type(back["a"]) is type(expected)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\rb: 2\r", {"a": 1, "b": 2}),  # CR alone ends a line
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("a: x\x85y\n", {"a": "x\x85y"}),  # these end a line in YAML 1.1 only
        ("a: x\u2028y\u2029z\n", {"a": "x\u2028y\u2029z"}),
        ("a: 'x\u2028y'\nb: \"x\x85y\"\n", {"a": "x\u2028y", "b": "x\x85y"}),
        ("a: |\n  x\u2029y\n  z\n", {"a": "x\u2029y\nz\n"}),
        ("a: 8\u00a0\n", {"a": "8\u00a0"}),  # not blanks of YAML: part of the word
        ("a: \u20038\n", {"a": "\u20038"}),
        ("a:\t8\n", {"a": 8}),  # a tab may separate
        ("a: 8\t# so many\n", {"a": 8}),
        ("a: 8 \t\n\t\nb: 2\n \t\n", {"a": 8, "b": 2}),
        ("a: x\ty  z\t\n", {"a": "x\ty  z"}),
        ("-\t8\n- \t9\n", [8, 9]),
        ("{a:\t8,\tb: 9}\n", {"a": 8, "b": 9}),
        ("\t# a comment\na: 1\n", {"a": 1}),
        ("\ufeffa: 1\n", {"a": 1}),
        ('a: "x\ufeff"\n', {"a": "x\ufeff"}),
        ("a: x\n  \ty\nb: 1\n", {"a": "x y", "b": 1}),  # behind the indentation of a further line
        ("- x\n  \t y\n", ["x y"]),
        ("%YAML 1.3\n---\na: 1\n", {"a": 1}),  # a later YAML 1 is read as YAML 1.2
        ("%YAML 1.1\n---\na: yes\nb: 010\n", {"a": "yes", "b": 10}),
        ("a: -0.0e-9\nb: 1e-30\n", {"a": -0.0, "b": 1e-30}),
        ("'<<': 1\na: 2\n", {"<<": 1, "a": 2}),  # quoted, it merges nothing
        ("a: ! 5\n", {"a": "5"}),
        ("x-a: .inf\nx-b: 1e400\nb: 1\n", {"x-a": 1, "x-b": 1, "b": 1}),  # what only anchors use need not be usable
    ],
)
def test_white_space_and_breaks_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\n\tb: 2\n", "f:2:1: not YAML: while scanning for the next token found character '\\t'"),
        ("a:\n  b: 1\n\tc: 2\n", "f:3:1: not YAML:"),
        (
            "-\ta: 1\n",
            "f:1:4: not YAML: mapping values are not allowed here\n  a tab stands before this key: put spaces",
        ),
        ("a: x\n\ty\n", "f:2:1: not YAML: while scanning for the next token found character '\\t'"),
        (
            "%YAML 2.0\n---\na: 1\n",
            "f:1:1: not YAML: found incompatible YAML document (version 1.* is required)\n",
        ),
        ("%YAML 1.0\n---\na: 1\n", "f:1:1: not YAML: version minor part can only be 2 or 1, got (1, 0)\n  write %YAML"),
        ("a: !!bool yes\n", "f:1:4: a: 'yes' cannot be read as true or false\n  write true or false, without a tag"),
        ("a: !!null x\n", "f:1:4: a: 'x' cannot be read as null"),
        ("a: 1e-400\n", "f:1:4: a: the number 1e-400 is too small\n  0, or from 1e-30 to 1e+30 in size"),
        ("a: -.1E-999\n", "f:1:4: a: the number -.1E-999 is too small"),
        ("a: 1\n\ufeffb: 2\n", "f:2:1: not YAML: a byte-order mark (U+FEFF) is inside the text"),
        ("a: \ufeff1\n", "f:1:4: not YAML: a byte-order mark"),
        ("x-a: &a .inf\nb: *a\n", "f:1:6: b: '.inf' is no finite number"),
        ("a: 1\rb: .nan\r", "f:2:4: b: '.nan' is no finite number"),
        ("a: 1\u2028b: .nan\nc: [\n", "f:"),
    ],
)
def test_faults_of_white_space(text: str, fault: str) -> None:
    assert faults(text)[0].startswith(fault)


@pytest.mark.slow
def test_every_refusal_names_a_line() -> None:
    for text in ("[" * 9000, "{a: " * 9000, "- " * 9000, "%YAML 1.0\n---\na: 1\n", "\0", "a: *b", "#\n" * LARGEST_FILE):
        (fault, *_) = faults(text)
        assert re.match(r"f:\d+:\d+: ", fault), fault


@pytest.mark.slow
def test_what_is_nested_deeply_is_written_and_read_again() -> None:
    deep: Any = {"end": True}
    for _ in range(900):
        deep = {"about": "1_0", "inside": [deep]}
    text = written(deep)
    found = read(text)
    for _ in range(900):
        assert found["about"] == "1_0"
        (found,) = found["inside"]
    assert found == {"end": True}
    assert len(text) < 100_000  # one line, where indentation would take half a million characters


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.sampled_from("abcde-_ $1"), min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.slow
@given(json_like)
def test_plain_values_are_copied_and_survive_yaml(value: Any) -> None:
    copy = Reading("f").plain(value)
    assert copy == value
    assert read(written({"value": value})) == {"value": value}


def test_places_of_values_and_keys() -> None:
    reading = Reading("f")
    reading.text("a: 1\nb:\n  - c: [x,\n      y]\n    d:\n")
    assert reading.places == {
        (): "f:1:1",
        ("a",): "f:1:4",
        ("b",): "f:3:3",
        ("b", 0): "f:3:5",
        ("b", 0, "c"): "f:3:8",
        ("b", 0, "c", 0): "f:3:9",
        ("b", 0, "c", 1): "f:4:7",
        ("b", 0, "d"): "f:5:5",  # nothing stands there: its key does
    }
    assert reading.key_places[("b", 0, "c")] == "f:3:5"
    assert reading.key_places[("b", 0, "d")] == "f:5:5"


def test_places_follow_aliases_to_what_they_name() -> None:
    reading = Reading("f")
    reading.text("a: &x\n  k: 1\nb: *x\n")
    assert reading.places[("b", "k")] == reading.places[("a", "k")] == "f:2:6"


class TestMerges:
    """`<<`: what the mapping itself says wins, wherever the merge stands; of several sources the first."""

    one = "one: &one {a: 1, b: {c: 1}}\ntwo: &two {a: 2, d: 2}\n"

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("{<<: *one}", {"a": 1, "b": {"c": 1}}),
            ("{<<: *one, a: 3}", {"a": 3, "b": {"c": 1}}),
            ("{a: 3, <<: *one}", {"a": 3, "b": {"c": 1}}),
            ("{<<: *one, b: 3}", {"a": 1, "b": 3}),
            ("{<<: [*one, *two]}", {"a": 1, "b": {"c": 1}, "d": 2}),
            ("{<<: [*two, *one]}", {"a": 2, "b": {"c": 1}, "d": 2}),
            ("{<<: {a: 5}}", {"a": 5}),
            ("{<<: []}", {}),
            ("{<<: {<<: *one, e: 1}, a: 7}", {"a": 7, "b": {"c": 1}, "e": 1}),
        ],
    )
    def test_values(self, text: str, value: Any) -> None:
        assert read(f"{self.one}it: {text}\n")["it"] == value

    def test_places(self) -> None:
        for text in ("{a: 3, <<: *one}", "{<<: *one, a: 3}"):
            reading = Reading("f")
            reading.text(f"{self.one}it: {text}\n")
            assert reading.places[("it", "a")].startswith("f:3:")
            assert reading.places[("it", "b", "c")] == "f:1:25"
            assert reading.places[("it",)] == "f:3:5"
        reading = Reading("f")
        reading.text(f"{self.one}it: {{<<: [*one, *two]}}\n")
        assert reading.places[("it", "a")] == "f:1:15"
        assert reading.places[("it", "d")] == "f:2:21"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\na: 2\n", "f:2:1: a: the key 'a' is given twice\n  first at f:1:1; keep one"),
        ("1: a\n'1': b\n", "f:2:1: 1: the key '1' is given twice\n  first at f:1:1; keep one"),
        ("[a]: 1\n", "f:1:1: a key must be a word\n  no lists or mappings as keys"),
        ("a: .nan\n", "f:1:4: a: '.nan' is no finite number\n  write a number such as 16 or 0.1"),
        ("a: 1e400\n", "f:1:4: a: '1e400' is no finite number\n  write a number such as 16 or 0.1"),
        (f"a: {10**31}\n", f"f:1:4: a: the number {10**31} is too large\n  at most 1e+30"),
        ("a: !!int x\n", "f:1:4: a: 'x' cannot be read as a number\n  write a number such as 16 or 0.1"),
        ("a: !x y\n", "f:1:4: a: the tag '!x' is not allowed\n  write plain YAML, without tags"),
        ("a: !!set {x}\n", "f:1:4: a: the tag '!!set' is not allowed\n  write plain YAML, without tags"),
        ("a: !!binary aGk=\n", "f:1:4: a: the tag '!!binary' is not allowed\n  write plain YAML, without tags"),
        ("a: !!omap []\n", "f:1:4: a: the tag '!!omap' is not allowed\n  write plain YAML, without tags"),
        ('a: "\\ud800"\n', "f:1:4: a: '\\ud800' holds half a character\n  write characters, not surrogate codes"),
        ("a: b: c\n", "f:1:5: not YAML: mapping values are not allowed here\n  is the line above"),
        ("a:\n\tb: 1\n", "f:2:1: not YAML: while scanning for the next token found character '\\t'"),
        ("a: [1\nb: 2\n", "f:2:2: not YAML: while parsing a flow sequence expected ',' or ']', but got ':'"),
        ("a: 1\n---\nb: 1\n", "f:2:1: not YAML: expected a single document in the stream but found another document"),
        ("a: *x\n", "f:1:4: not YAML: found undefined alias 'x'"),
        ("a: \x07b\n", "f:1:4: not YAML: the character '\\x07' is not allowed\n  a morphology is plain text in UTF-8"),
        ("a: 1\nb: \0\n", "f:2:4: not YAML: the character '\\x00' is not allowed"),
        ("%YAML 3.1\n---\na: 1\n", "f:1:1: not YAML: found incompatible YAML document"),
        ("a: &x [*x]\n", "f:1:4: a value that holds itself"),
        ("a: &x {<<: *x}\n", "f:1:4: a value that holds itself"),
        ("a: {<<: 1}\n", "f:1:9: a.<<: '<<' merges mappings only\n  write <<: *name of a mapping"),
        ("a: {<<: {}, <<: {}}\n", "f:1:13: a.<<: '<<' is given twice"),
        ("[" * 5000 + "]" * 5000, f"f:1:{DEEPEST + 1}: nested too deeply\n  at most {DEEPEST:,} levels"),
        ("a:\n - " + "[" * 100_000, f"f:2:{DEEPEST + 2}: nested too deeply\n  at most {DEEPEST:,} levels"),
        ("#\n" * LARGEST_FILE, f"f:{LARGEST_FILE // 2 + 1}:1: the file is too large\n  at most 1024 KiB"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_faults_come_all_at_once_and_in_order() -> None:
    assert [fault.split(": ")[0] for fault in faults("a: .nan\nb: !x 1\na: 2\nc: .inf\n")] == [
        "f:1:4",
        "f:2:4",
        "f:3:1",
        "f:4:4",
    ]


def test_reading_stops_after_many_faults() -> None:
    found = faults("".join(f"k{number}: .nan\n" for number in range(1000)))
    assert len(found) == MOST_FAULTS + 1
    assert found[-1] == f"reading stopped after {MOST_FAULTS} faults"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "x0: &x0 [1, 1]\n" + "".join(f"x{i}: &x{i} [*x{i - 1}, *x{i - 1}]\n" for i in range(1, 60)),
        "x0: &x0 {a: 1}\n" + "".join(f"x{i}: &x{i} {{<<: [*x{i - 1}, *x{i - 1}]}}\n" for i in range(1, 60)),
        "x: &x [" + "1, " * 10_000 + "1]\n" + "".join(f"y{i}: *x\n" for i in range(100)),
        "[" + "1, " * MOST_VALUES + "1]",
    ],
    ids=["aliases", "merges", "repeated", "long"],
)
def test_bombs_are_refused_before_they_go_off(text: str) -> None:
    (fault,) = faults(text)
    assert f"more than {MOST_VALUES:,} values" in fault


def test_no_object_is_made() -> None:
    for tag in ("!!python/object/apply:os.system", "!!python/name:os.system", "!!python/module:os"):
        (fault,) = faults(f"a: {tag} [true]\n")
        assert f"the tag '{tag}' is not allowed" in fault


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, [2]), [1, [2]]),
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.str_("a"), "a"),
        ({"a": (True, None)}, {"a": [True, None]}),
    ],
)
def test_python_values_become_plain(value: Any, expected: Any) -> None:
    reading = Reading("f", placed=False)
    found = reading.plain(value)
    assert found == expected
    assert type(found) is type(expected)
    assert not list(reading.faults)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (math.nan, "f: x: nan is not allowed in a morphology"),
        (math.inf, "f: x: inf is not allowed in a morphology"),
        (10**31, "f: x: a number of 103 bits is not allowed in a morphology"),
        (Fraction(1, 3), "f: x: a value of type Fraction is not allowed in a morphology"),
        (1j, "f: x: a value of type complex is not allowed in a morphology"),
        (b"x", "f: x: a value of type bytes is not allowed in a morphology"),
        ({1, 2}, "f: x: a value of type set is not allowed in a morphology"),
        (np.zeros(3), "f: x: a value of type ndarray is not allowed in a morphology"),
        ({1: 2}, "f: x: the key 1 is not text"),
        ({None: 2}, "f: x: the key null is not text"),
        ("\ud800", "f: x: '\\ud800' holds half a character"),
    ],
)
def test_python_values_that_no_file_holds(value: Any, fault: str) -> None:
    reading = Reading("f", placed=False)
    reading.plain({"x": value, "y": 1})
    (found,) = reading.faults
    assert str(found).startswith(fault)


def test_python_values_without_end() -> None:
    endless: list[Any] = []
    endless.append(endless)
    wide: list[Any] = [1]
    for _ in range(50):
        wide = [wide, wide]
    deep: list[Any] = [1]
    for _ in range(9000):
        deep = [deep]
    for value, problem in ((endless, "holds itself"), (wide, "more than 50,000 values"), (deep, "nested too deeply")):
        with pytest.raises(MorphologyError, match=problem):
            Reading("f").plain(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        (True, "true"),
        (16, "16"),
        (0.5, "0.5"),
        ("a", "'a'"),
        ("a\nb", "'a\\nb'"),
        ("x" * 100, "'" + "x" * 57 + "...'"),
        ([1, [2, 3]], "the list [1, [2, 3]]"),
        ({"a": None}, "the mapping {a: null}"),
        (list(range(9)), "the list [0, 1, 2, 3, 4, 5, ...]"),
    ],
)
def test_values_as_messages_name_them(value: Any, shown: str) -> None:
    assert describe(value) == shown


def test_a_value_is_shown_shortly_however_large_it_is() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert flow(endless) == "[[[[...]]]]"
    assert len(flow({str(i): list(range(1000)) for i in range(1000)})) < 500
    assert flow(10**5000) == "a number of 16610 bits"


def test_paths() -> None:
    assert show_path(()) == ""
    assert show_path(("layers", 0, "count")) == "layers[0].count"
    assert show_path(("a\nb", "x" * 100)) == "a\\nb." + "x" * 57 + "..."
