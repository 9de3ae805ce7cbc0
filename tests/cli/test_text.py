"""What `show` prints of a network: everything that its morphology says of compartments, synapses and cables."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from dendrograph.base.tables import table
from dendrograph.cli.text import describe
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.morphology import Morphology

TEXT = """
name: everything
inputs: {image: [4, 4], context: 5}
neurons:
  inhibitory: {nonlinearity: relu, synapses: {count: 3, from: image}}
  pyramidal:
    integration: mean
    normalisation: layer
    nonlinearity:
      {name: nmda, threshold: {value: 0.5, trainable: compartment}, gain: {value: 3, trainable: group}}
    synapses: {count: 2, from: context, sign: shunting}
    dendrites:
      - name: basal
        count: 2
        cable: {length_um: 120, diameter_um: 1.5}
        synapses:
          - {count: 4, from: image, field: tiled, nonlinearity: {name: sublinear, saturation: 2}}
          - {count: 2, from: interneurons, init: {name: constant, value: 0.3}}
      - name: apical
        integration: max
        bias: false
        cable: {length_um: 300, diameter_um: 1.5, attenuation: initial, sign: excitatory, trainable: false}
        synapses: {count: all, from: context, sign: excitatory, init: he}
layers:
  - {name: interneurons, neuron: inhibitory, count: 4, sign: inhibitory}
  - {name: hidden, neuron: pyramidal, count: 6, sign: excitatory}
"""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return compile(Morphology.from_dict(YAML(typ="safe").load(TEXT)), classes=3)


@pytest.fixture(scope="module")
def rows(graph: Graph) -> dict[str, list[str]]:
    """The cells of each row, by the name in its first column."""
    lines = [re.split(r" {2,}", line) for line in describe(graph).splitlines()]
    return {cells[0]: cells[1:] for cells in lines}


def test_groups(rows: dict[str, list[str]]) -> None:
    assert rows["group"] == ["role", "units", "stage", "integration", "nonlinearity", "biases"]
    learnt = "nmda threshold=0.5 (trained, one a compartment) gain=3 (trained, one a group) plateau=1"
    assert rows["hidden/soma"] == ["soma", "6", "3", "mean, layer normalisation", learnt, "6"]
    assert rows["hidden/basal"] == ["dendrite", "12", "2", "sum", "leaky_relu slope=0.1", "12"]
    assert rows["hidden/apical"] == ["dendrite", "6", "1", "max", "leaky_relu slope=0.1", "0"]
    assert rows["interneurons/soma"] == ["soma", "4", "1", "sum", "relu", "4"]
    assert rows["image"] == ["input", "16", "0", "-", "-", "0"]
    assert rows["readout"] == ["readout", "3", "4", "-", "-", "3"]


def test_projections(rows: dict[str, list[str]]) -> None:
    assert rows["projection"] == ["kind", "field", "edges", "fan-in", "weights"]
    assert rows["image->hidden/basal"] == ["synapse", "tiled", "48", "4", "glorot, sublinear saturation=2"]
    assert rows["interneurons/soma->hidden/basal"] == ["synapse", "random", "24", "2", "constant 0.3, inhibitory"]
    assert rows["context->hidden/soma"] == ["synapse", "random", "12", "2", "glorot, shunting"]
    assert rows["context->hidden/apical"] == ["synapse", "all", "30", "5", "he, excitatory"]
    # exp(-120 / 707.1), a factor; exp(-300 / 707.1), where the weight starts and stays
    assert rows["hidden/basal->hidden/soma"] == ["cable", "tree", "12", "2", "glorot, x 0.844"]
    assert rows["hidden/apical->hidden/soma"] == ["cable", "tree", "6", "1", "constant 0.654, excitatory, fixed"]
    assert rows["hidden/soma->readout"] == ["synapse", "all", "18", "6", "glorot, excitatory"]


def test_totals(graph: Graph, rows: dict[str, list[str]]) -> None:
    """What is fixed is a parameter, but not trained; and what is learnt of a nonlinearity is one."""
    weights, fixed = 12 + 48 + 24 + 12 + 30 + 12 + 18, 6
    biases, learnt = 4 + 12 + 6 + 3, 6 + 1
    assert rows["parameters"] == [f"{weights + fixed + biases + learnt}"]
    assert rows["trainable"] == [f"{weights + biases + learnt} of them"]
    assert rows["compartments"] == [f"{4 + 12 + 6 + 6}"]
    assert rows["synapses"] == ["144 (the readout's 18 included) and 18 cables"]
    assert describe(graph).startswith("everything: inputs image 4×4, context 5; 3 classes; seed 0\n")


def test_a_table_aligns_numbers_to_the_right() -> None:
    shown = table(("name", "units"), [("a", "1,000"), ("longer", "2")])
    assert shown.splitlines() == ["name    units", "a       1,000", "longer      2"]
