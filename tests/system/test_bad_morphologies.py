"""Each broken file in tests/bad/ gives its exact message, and its good twin, which hardly differs, compiles.

`NAME.yaml` is the broken file, `NAME.txt` its message, `NAME.good.yaml` the twin. What else goes into a compilation
stands in comments of the file: `# compile: {inputs: [8, 8], classes: 10}` and `# set: {dendrites: 4}`.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dendrograph.base.errors import DendrographError, MorphologyError
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.morphology import load

BAD = Path(__file__).resolve().parents[1] / "bad"
pytestmark = pytest.mark.usefixtures("at_the_command_line")

NAMES = sorted(path.stem for path in BAD.glob("*.txt"))


def compiled(file: str) -> Graph:
    """The graph of a file in the current folder, loaded and compiled as its comments say."""
    text = Path(file).read_bytes().decode("utf-8", errors="replace")
    said = {key: YAML(typ="safe").load(value) for key, value in re.findall(r"^# (compile|set): (.*)$", text, re.M)}
    declared = re.search(r"^inputs:\n  left", text, re.M) is not None  # two streams, with their shapes
    arguments = {"inputs": None if declared else [8, 8], "classes": 10, **said.get("compile", {})}
    return compile(load(file, said.get("set")), **arguments)


@pytest.fixture(autouse=True)
def _inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)  # messages name files as they were given: here without a folder


def test_every_broken_file_has_its_message_and_its_twin() -> None:
    expected = {f"{name}{ending}" for name in NAMES for ending in (".yaml", ".txt", ".good.yaml")}
    assert {path.name for path in BAD.iterdir()} == expected
    assert len(NAMES) >= 250


@pytest.mark.parametrize("name", NAMES)
def test_the_message_is_exactly_this(name: str) -> None:
    with pytest.raises(DendrographError) as error:
        compiled(f"{name}.yaml")
    assert f"{error.value}\n" == Path(f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_good_twin_compiles(name: str) -> None:
    compiled(f"{name}.good.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_hardly_differs(name: str) -> None:
    """So that it is the fault, and nothing else, that is refused."""
    bad, good = (Path(f"{name}{ending}").read_bytes() for ending in (".yaml", ".good.yaml"))
    if not re.match(rb"(# .*\n)*(name|%YAML)", bad):
        return  # no morphology at all: empty, binary, in another encoding, a lone word
    lines = [text.decode("utf-8", errors="replace").splitlines() for text in (bad, good)]
    told = Path(f"{name}.txt").read_text(encoding="utf-8")
    changed = sum(line[0] in "+-" for line in difflib.ndiff(*lines))
    assert changed <= 12 + 2 * told.count(f"{name}.yaml:"), "mend the twin, or break the file less"


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_says_where_and_what(name: str) -> None:
    """File, line and column (or the setting), in the order of the file; on lines that can be printed."""
    with pytest.raises(DendrographError) as error:
        compiled(f"{name}.yaml")
    assert str(error.value).replace("\n", "").isprintable()
    if not isinstance(error.value, MorphologyError):
        assert name.startswith(("compile-memory", "compile-classes"))  # of the network as a whole
        return
    faults = error.value.faults
    assert faults and all(fault.problem for fault in faults)
    positions = []
    for fault in faults:
        place = re.fullmatch(rf"{re.escape(name)}\.yaml:(\d+):(\d+)", fault.place)
        assert place or fault.place.startswith("--set "), fault.place
        positions.append((int(place[1]), int(place[2])) if place else (0, 0))
    assert positions == sorted(positions)


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
