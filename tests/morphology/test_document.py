"""A document tells where its values stand, takes knobs that are turned, and works expressions out."""

from __future__ import annotations

import pytest
from documents import DOCUMENT, SECTIONS, TEXT, turned, value_at

from dendrograph.base.errors import MorphologyError
from dendrograph.morphology.document import Document
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.overrides import with_overrides

pytestmark = pytest.mark.usefixtures("at_the_command_line")


def test_place_is_that_of_the_nearest_value_that_stands() -> None:
    assert DOCUMENT.place(("layers", 0, "count")) == "f:10:32"
    assert DOCUMENT.place(("layers", 0, "count"), key=True) == "f:10:25"
    assert DOCUMENT.place(("layers", 0, "repeat")) == "f:10:5"
    assert DOCUMENT.place(("layers", 7, "repeat")) == "f:10:3"
    assert DOCUMENT.place(("readout", "bias")) == "f:1:1"
    assert DOCUMENT.place(()) == "f:1:1"
    assert Document.from_plain({"a": 1}, "here").place(("a",)) == "here"


def test_holds() -> None:
    assert DOCUMENT.holds(())
    assert DOCUMENT.holds(("layers", 1, "count"))
    for path in (("layers", 2), ("layers", "count"), ("name", "x"), ("layers", 0, "repeat"), ("layers", -1)):
        assert not DOCUMENT.holds(path)


def test_an_empty_file() -> None:
    for text in ("", "\n\n", "# only a comment\n", "---\n", "~\n"):
        with pytest.raises(MorphologyError, match="f:1:1: the file is empty"):
            Document.from_text(text, "f")


class TestExpressions:
    """`resolved` puts whole numbers for expressions, and remembers these."""

    def test_values(self) -> None:
        resolved = DOCUMENT.resolved()
        assert not resolved.faults
        assert value_at(resolved, "layers", 0, "count") == 16
        assert value_at(resolved, "neurons", "pyramidal", "dendrites", 0, "count") == 4
        assert resolved.expressions[("layers", 0, "count")] == "$somata * 2"
        assert resolved.value["about"] == "costs $somata"
        assert resolved.value["parameters"] == {"dendrites": 4, "somata": 8}

    def test_after_a_knob_is_turned(self) -> None:
        assert value_at(turned(somata="100").resolved(), "layers", 0, "count") == 200

    def test_faults(self) -> None:
        text = TEXT.replace("$dendrites", "$dendrite").replace("$somata * 2", "$somata // 0")
        assert [str(fault) for fault in Document.from_text(text, "f").resolved().faults] == [
            "f:7:16: neurons.pyramidal.dendrites[0].count: unknown parameter '$dendrite'\n"
            "  did you mean 'dendrites'? parameters: dendrites, somata",
            "f:10:32: layers[0].count: division by zero in '$somata // 0'\n  the divisor must not be 0",
        ]

    def test_a_setting_that_may_be_the_cause_is_named(self) -> None:
        resolved = turned(somata="0").resolved()
        fault = resolved.fault(("layers", 0, "count"), "too few", "ask for more")
        assert str(fault) == (
            "f:10:32: layers[0].count: too few\n  ask for more\n  '$somata * 2' was worked out with --set somata=0"
        )
        text = TEXT.replace("$somata * 2", "8 // $somata")
        (fault,) = with_overrides(Document.from_text(text, "f"), {"somata": 0}, SECTIONS).resolved().faults
        assert str(fault).endswith("  '8 // $somata' was worked out with --set somata=0")

    def test_a_parameter_that_is_no_number_is_not_told_of_where_it_is_used(self) -> None:
        text = TEXT.replace("somata: 8", "somata: many")
        assert not Document.from_text(text, "f").resolved().faults
        text = TEXT.replace("{dendrites: 4, somata: 8}", "[dendrites, somata]")
        assert not Document.from_text(text, "f").resolved().faults


ONE_LAYER = """\
name: m
parameters: {somata: 4, drop: 0.1, big: 1000000}
neurons: {n: {dropout: $drop, synapses: {count: 4}}}
layers: [{neuron: n, count: $somata}]
"""


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"drop": "$d"}, "parameters.drop: expected a number, found '$d'"),  # one fault, and none of its uses
        ({"somata": "x", "layers.0.count": "2 / ($somata - 1)"}, "parameters.somata: expected a number, found 'x'"),
        ({"layers.0.count": "${somata}"}, "found '${somata}'\n  a parameter is written $somata"),
        ({"layers.0.count": "$ somata"}, "found '$ somata'\n  a parameter is written $somata"),
        (
            {"layers.0.count": "$big * $big * 10000.0"},
            "expected a whole number of at most 1,000,000,000,000,000, found",
        ),
        ({"drop": "1e-400"}, "parameters.drop: the number 1e-400 is too small"),
    ],
)
def test_a_value_that_cannot_be_used_has_one_fault_that_says_why(settings: dict[str, str], told: str) -> None:
    with pytest.raises(MorphologyError) as error:
        Morphology.from_document(with_overrides(Document.from_text(ONE_LAYER, "f"), settings))
    (fault,) = error.value.faults
    assert told in str(fault) and "// 1" not in str(fault)
