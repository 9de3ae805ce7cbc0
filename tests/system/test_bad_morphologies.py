"""Every case of tests/bad_morphologies reports its faults, and its good twin, which hardly differs, compiles.

tests/support/bad_morphologies.py describes the files.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
from bad_morphologies import KINDS, Case, bad_morphologies
from cases import for_each
from ruamel.yaml import YAML

from dendrograph.base.errors import DendrographError, Fault, MorphologyError
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.morphology import load

CASES = bad_morphologies()
WITHOUT_REMEDY = ("wrong value", "not true or false")  # these say in the same line what was expected
pytestmark = pytest.mark.usefixtures("at_the_command_line")


def compiled(content: bytes, file: str) -> Graph:
    """The graph of a file of this content in the current folder, loaded and compiled as its comments say."""
    Path(file).write_bytes(content)
    text = content.decode("utf-8", errors="replace")
    said = {key: YAML(typ="safe").load(value) for key, value in re.findall(r"^# (compile|set): (.*)$", text, re.M)}
    declared = re.search(r"^inputs:\n  left", text, re.M) is not None  # two streams, with their shapes
    arguments = {"inputs": None if declared else [8, 8], "classes": 10, **said.get("compile", {})}
    return compile(load(file, said.get("set")), **arguments)


def kinds(problem: str) -> list[str]:
    return [kind for kind, wording in KINDS.items() if re.search(wording, problem)]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # messages name files as they were given: here without a folder


def test_there_are_cases_of_every_kind() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 272
    assert sum(case.message is not None for case in CASES) >= 15
    assert {fault.kind for case in CASES for fault in case.faults} == KINDS.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_fault_says_where_and_what(case: Case) -> None:
    """File, line and column (or the setting) in the order of the file, path, kind, the words at fault, what to do."""
    with pytest.raises(DendrographError) as error:
        compiled(case.broken, f"{case.name}.yaml")
    message = str(error.value)
    assert message.replace("\n", "").isprintable()
    assert case.message in (None, f"{message}\n")
    if isinstance(error.value, MorphologyError):
        faults = error.value.faults
    else:
        problem, _, remedy = message.partition("\n")
        faults = (Fault("", "", problem, remedy),)
    assert [(fault.place.removeprefix(f"{case.name}.yaml:"), fault.path) for fault in faults] == [
        (expected.at, expected.path) for expected in case.faults
    ]
    for fault, expected in zip(faults, case.faults, strict=True):
        assert kinds(fault.problem) == [expected.kind], f"{fault}: mend the wording of this kind in KINDS"
        text = f"{fault.problem}\n{fault.remedy}"
        assert [word for word in expected.mentions if word not in text] == [], fault
        assert fault.remedy or expected.kind in WITHOUT_REMEDY, fault


def compile_twin(case: Case) -> None:
    """So that it is the fault, and nothing else, that is refused."""
    compiled(case.good, f"{case.name}.good.yaml")
    if not re.match(rb"(# .*\n)*(name|%YAML)", case.broken):
        return  # no morphology at all: empty, binary, in another encoding, a lone word
    lines = [text.decode("utf-8", errors="replace").splitlines() for text in (case.broken, case.good)]
    changed = sum(line[0] in "+-" for line in difflib.ndiff(*lines))
    assert changed <= 12 + 2 * len(case.faults), "mend the twin, or break the file less"


@pytest.mark.parametrize("topic", sorted({case.topic for case in CASES}))
def test_the_good_twins_of_a_topic_compile_and_hardly_differ(topic: str) -> None:
    for_each("case", [case for case in CASES if case.topic == topic])(compile_twin)()


def test_the_message_that_the_design_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("morphologies").mkdir()
    Path("morphologies/mine.yaml").write_text(
        """name: mine
about: The first example of the documentation.

neurons:
  pyramidal:
    nonlinearity: relu

    dendrites:
      - name: basal
        count: 8
        nonlinearity:
              name: leaky_rleu
        synapses: {count: 16}

layers:
  - {neuron: pyramidal, count: 64}
"""
    )
    with pytest.raises(MorphologyError) as error:
        load("morphologies/mine.yaml")
    assert str(error.value) == (
        "morphologies/mine.yaml:12:21: neurons.pyramidal.dendrites[0].nonlinearity.name: "
        "unknown nonlinearity 'leaky_rleu'\n"
        "  did you mean 'leaky_relu'? known: dcaap, elu, gelu, identity, leaky_ada, leaky_relu, nmda, relu, sigmoid, "
        "softplus, sublinear, tanh"
    )
