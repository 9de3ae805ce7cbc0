"""The broken morphologies of tests/bad_morphologies: one file a topic, one entry a case.

```yaml
cable-length-in-mm:            # the morphology is read from a file of this name, cable-length-in-mm.yaml
  broken: |                    # the text; !!binary where it is not UTF-8
    name: mine
    ...
  good: |                      # its twin, which compiles and hardly differs
    name: mine
    ...
  faults:                      # every fault, in the order of the file
  - {at: 12:17, path: "neurons.n.cable.length_mm", kind: unknown key, mentions: [length_mm, length_um]}
  message: |                   # the whole message, for about fifteen cases only
    ...
```

`at` is line:column, or the place of a value of `--set`. `kind` is a key of `KINDS`. `mentions` lists the words that the
fault's text must quote, such as what was found and the nearest word. Comments of a text say how to compile it:
`# compile: {inputs: [8, 8], classes: 10}` and `# set: {dendrites: 4}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

FOLDER = Path(__file__).resolve().parents[1] / "bad_morphologies"

# The wording of each kind of fault. A message that is worded anew changes here, and in no case.
KINDS = {
    "unknown key": "unknown key",
    "missing key": "missing key",
    "unknown word": "unknown (?!key)|there is no (parameter|plugin)|holds no",
    "not true or false": "expected true or false",
    "wrong value": "^expected (?!true or false)|is no finite number|too large|a key must be a word"
    "|must be a whole number|passes nothing",
    "wrong name": "is no name|is a word of the language|in its name",
    "repeated": "is given twice|named '",
    "empty": "an empty list|no input stream|no neuron|neither synapses nor dendrites|the file is empty",
    "contradiction": "contradicts|does not go with|says nothing without|starts at the attenuation|but start at|needs a"
    "|takes no|has no nonlinearity|nonlinearity are fixed|a layer is not shunting|a stack is inside|is a list of",
    "no effect": "nothing to (shuffle|normalise)|feeds nothing|draws from this stream",
    "wrong source": "is not earlier|is not clear|there are [0-9]+ sources",
    "wrong shape": "shape|declared as|does not declare",
    "too many": "asked for|layers, repeats included",
    "wrong expression": "cannot evaluate|cannot read the expression|division by zero|an expression of",
    "not YAML": "not YAML|is no UTF-8|half a character|nested too deeply|more than [0-9,]+ values|holds itself"
    "|merges mappings only|the tag",
}


@dataclass(frozen=True)
class ExpectedFault:
    """One fault of a broken file. `at` and `path` are empty where the whole network is at fault."""

    kind: str
    mentions: tuple[str, ...]
    at: str = ""
    path: str = ""


@dataclass(frozen=True)
class Case:
    """One broken morphology with its good twin."""

    topic: str
    name: str
    broken: bytes
    good: bytes
    faults: tuple[ExpectedFault, ...]
    message: str | None = None

    def __str__(self) -> str:
        return self.name

    def good_text(self) -> str:
        return self.good.decode("utf-8-sig").replace("\r\n", "\n")


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _case(topic: str, name: str, entry: dict) -> Case:
    faults = tuple(
        ExpectedFault(**{**fault, "mentions": tuple(map(str, fault.get("mentions", ())))}) for fault in entry["faults"]
    )
    return Case(
        topic=topic,
        name=name,
        broken=_bytes(entry["broken"]),
        good=_bytes(entry["good"]),
        faults=faults,
        message=entry.get("message"),
    )


@cache
def bad_morphologies() -> tuple[Case, ...]:
    """All cases, sorted by the names of their files."""
    found = [
        _case(path.stem, name, entry)
        for path in FOLDER.glob("*.yaml")
        for name, entry in YAML(typ="safe").load(path).items()
    ]
    return tuple(sorted(found, key=lambda case: f"{case.name}.good.yaml"))
