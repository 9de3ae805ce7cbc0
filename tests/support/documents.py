"""A small document, which the tests of documents and of overrides share."""

from __future__ import annotations

from typing import Any

from dendrograph.morphology.document import Document
from dendrograph.morphology.overrides import with_overrides

TEXT = """\
name: mine
parameters: {dendrites: 4, somata: 8}
neurons:
  pyramidal:
    nonlinearity: relu
    dendrites:
      - count: $dendrites
        synapses: {count: 2}
layers:
  - {neuron: pyramidal, count: $somata * 2}
  - {neuron: pyramidal, count: 3}
about: costs $somata
"""
SECTIONS = ("name", "about", "parameters", "inputs", "defaults", "neurons", "layers", "readout")
DENDRITE = ("neurons", "pyramidal", "dendrites", 0)
DOCUMENT = Document.from_text(TEXT, "f")


def value_at(document: Document, *path: str | int) -> Any:
    here = document.value
    for step in path:
        here = here[step]
    return here


def turned(**assignments: Any) -> Document:
    return with_overrides(DOCUMENT, {key.replace("__", "."): value for key, value in assignments.items()}, SECTIONS)
