"""Overrides: `--set` replaces values of a document."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from documents import DENDRITE, DOCUMENT, SECTIONS, TEXT, turned, value_at

from dendrograph.morphology.document import Document
from dendrograph.morphology.overrides import with_overrides

pytestmark = pytest.mark.usefixtures("at_the_command_line")


class TestSettings:
    """`--set` reaches every value; the document that it is given stays as it is."""

    @pytest.mark.parametrize(
        ("path", "value", "at", "expected"),
        [
            ("dendrites", "64", ("parameters", "dendrites"), 64),
            ("dendrites", 64, ("parameters", "dendrites"), 64),
            ("dendrites", np.int64(64), ("parameters", "dendrites"), 64),
            ("parameters.dendrites", "64", ("parameters", "dendrites"), 64),
            ("layers.0.count", "512", ("layers", 0, "count"), 512),
            ("layers[0].count", "512", ("layers", 0, "count"), 512),
            ("layers.1.repeat", "2", ("layers", 1, "repeat"), 2),
            ("neurons.pyramidal.bias", "false", ("neurons", "pyramidal", "bias"), False),
            ("neurons.pyramidal.nonlinearity", "{name: elu}", ("neurons", "pyramidal", "nonlinearity", "name"), "elu"),
            ("neurons.pyramidal.dendrites.0.synapses.from", "image", (*DENDRITE, "synapses", "from"), "image"),
            ("neurons.pyramidal.dendrites.0.cable.init", "he", (*DENDRITE, "cable", "init"), "he"),
            ("readout.bias", "false", ("readout", "bias"), False),
            ("readout", "{bias: false}", ("readout", "bias"), False),
            ("inputs.image", "[28, 28]", ("inputs", "image"), [28, 28]),
            ("inputs.image", (28, 28), ("inputs", "image"), [28, 28]),
            ("defaults.synapses.init", "he", ("defaults", "synapses", "init"), "he"),
            ("name", "other", ("name",), "other"),
            ("name", "", ("name",), None),
            ("layers", [{"neuron": "pyramidal", "count": 1}], ("layers",), [{"neuron": "pyramidal", "count": 1}]),
            ("layers.0.count", "$dendrites", ("layers", 0, "count"), "$dendrites"),
        ],
    )
    def test_every_kind_of_path(self, path: str, value: Any, at: tuple[str | int, ...], expected: Any) -> None:
        document = with_overrides(DOCUMENT, {path: value}, SECTIONS)
        assert not document.faults
        assert value_at(document, *at) == expected
        assert document.place(at).startswith(f"--set {path}=")
        assert DOCUMENT == Document.from_text(TEXT, "f")

    def test_nothing_else_changes(self) -> None:
        document = turned(layers__0__count="5")
        assert value_at(document, "layers", 0, "neuron") == "pyramidal"
        assert document.place(("layers", 0, "neuron")) == "f:10:14"
        assert document.place(("layers", 1, "count")) == "f:11:32"
        assert {key: item for key, item in document.value.items() if key != "layers"} == {
            key: item for key, item in DOCUMENT.value.items() if key != "layers"
        }

    def test_later_settings_build_on_earlier_ones(self) -> None:
        document = turned(
            readout="{bias: false}", readout__init="he", layers="[{count: 1}, {count: 2}]", layers__1__count=7
        )
        assert document.value["readout"] == {"bias": False, "init": "he"}
        assert document.value["layers"] == [{"count": 1}, {"count": 7}]

    def test_places_of_what_a_setting_brings(self) -> None:
        """What it makes on its way is its own, too, and nothing remains of what it replaces."""
        document = turned(neurons__pyramidal__dendrites="[{synapses: {count: 1}}]", readout__bias="true")
        path = ("neurons", "pyramidal", "dendrites", 0, "synapses", "count")
        for key in (False, True):
            assert document.place(path, key) == "--set neurons.pyramidal.dendrites=[{synapses: {count: 1}}]"
        assert document.place(("neurons", "pyramidal", "dendrites"), key=True) == "f:6:5"
        assert (
            document.place(("readout",), key=True) == document.place(("readout", "bias")) == "--set readout.bias=true"
        )

    @pytest.mark.parametrize(
        ("path", "value", "fault"),
        [
            (
                "dendrits",
                "4",
                "there is no parameter 'dendrits'\n  did you mean 'dendrites'? parameters: dendrites, "
                "somata\n  any other value is reached by its whole path, such as layers.0.count",
            ),
            ("parameters.dendrits", "4", "there is no parameter 'dendrits'\n  did you mean 'dendrites'?"),
            ("nonsense", "4", "there is no parameter 'nonsense'\n  parameters: dendrites, somata\n"),
            ("", "4", "the path is empty\n  write PATH=VALUE, such as dendrites=64"),
            ("..", "4", "the path is empty\n"),
            ("layers.2.count", "4", "'layers' is a list of 2\n  go on with a number below 2, not '2'"),
            ("layers.-1.count", "4", "'layers' is a list of 2\n  go on with a number below 2, not '-1'"),
            ("layers.first.count", "4", "'layers' is a list of 2\n  go on with a number below 2, not 'first'"),
            ("layers.٠.count", "4", "'layers' is a list of 2\n  go on with a number below 2, not '٠'"),
            ("layers." + "9" * 5000 + ".count", "4", "'layers' is a list of 2\n"),
            (
                "neurons.pyramidal.nonlinearity.name",
                "elu",
                "'neurons.pyramidal.nonlinearity' is 'relu', which holds no "
                "'name'\n  set neurons.pyramidal.nonlinearity as a whole",
            ),
            ("layers.1.count.more", "4", "'layers[1].count' is 3, which holds no 'more'"),
            ("neurons.pyramidl.bias", "4", "'neurons' holds no 'pyramidl'\n  did you mean 'pyramidal'? it holds: py"),
            ("neuron.pyramidal.bias", "4", "there is no 'neuron'\n  did you mean 'neurons'? known: about, layers"),
        ],
    )
    def test_paths_that_lead_nowhere(self, path: str, value: str, fault: str) -> None:
        document = with_overrides(DOCUMENT, {path: value}, SECTIONS)
        (found,) = document.faults
        assert found.place.startswith("--set ")
        assert f"{found.problem}\n  {found.remedy.replace(chr(10), chr(10) + '  ')}".startswith(fault)
        assert document.value == DOCUMENT.value

    @pytest.mark.parametrize(
        ("value", "fault"),
        [
            ("[1", "--set layers.0.count=[1: layers[0].count: not YAML: while parsing a flow sequence"),
            ("*x", "--set layers.0.count=*x: layers[0].count: not YAML: found undefined alias 'x'"),
            ("a: b: c", "--set layers.0.count=a: b: c: layers[0].count: not YAML: mapping values are not allowed here"),
            (".nan", "--set layers.0.count=.nan: layers[0].count: '.nan' is no finite number"),
            ("!x 1", "--set layers.0.count=!x 1: layers[0].count: the tag '!x' is not allowed"),
            ("\0", "--set layers.0.count=\\x00: layers[0].count: not YAML: the character '\\x00' is not allowed"),
            (float("inf"), "--set layers.0.count=inf: layers[0].count: inf is not allowed in a morphology"),
            ({1: 2}, "--set layers.0.count={1: 2}: layers[0].count: the key 1 is not text"),
            (
                object(),
                "--set layers.0.count=a value of type object: layers[0].count: a value of type object is not allowed",
            ),
        ],
    )
    def test_values_that_cannot_be_read(self, value: Any, fault: str) -> None:
        (found,) = turned(layers__0__count=value).faults
        assert str(found).startswith(fault)

    def test_all_faults_are_kept(self) -> None:
        assert len(turned(nonsense="1", layers__5="1", name="[").faults) == 3

    def test_a_document_that_is_no_mapping(self) -> None:
        for text in ("5", "[1]", "{parameters: 3}"):
            (fault,) = with_overrides(Document.from_text(text, "f"), {"dendrites": 3}, SECTIONS).faults
            assert "no parameter 'dendrites'" in fault.problem
