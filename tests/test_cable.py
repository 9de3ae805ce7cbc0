"""Passive attenuation: exp(-L / lambda) with lambda from the diameter and the two resistances, in their own units."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrograph import DendriticNetwork, Morphology, compile
from dendrograph.cable import Cable
from dendrograph.declared import Init

LENGTHS = {"length_um": 100.0, "diameter_um": 1.0}
sizes = st.floats(0.1, 1e3)


def test_length_constants() -> None:
    """In round numbers: a dendrite of 4 µm with Rm = 20,000 Ω cm² and Ra = 200 Ω cm has a lambda of 1 mm."""
    assert math.isclose(Cable(length_um=1.0, diameter_um=4.0, ra_ohm_cm=200.0).lambda_um, 1000.0)
    assert math.isclose(Cable(**LENGTHS).lambda_um, 1e4 * math.sqrt(1e-4 * 20_000 / (4 * 150)))


@given(sizes, sizes, st.floats(1e3, 1e5), st.floats(50, 300), st.floats(0.5, 4))
def test_how_the_length_constant_scales(length: float, diameter: float, rm: float, ra: float, times: float) -> None:
    """As the square root of diameter and membrane resistance, against that of the axial resistivity."""
    one = Cable(length_um=length, diameter_um=diameter, rm_ohm_cm2=rm, ra_ohm_cm=ra)
    for other in (
        Cable(length_um=length, diameter_um=times * diameter, rm_ohm_cm2=rm, ra_ohm_cm=ra),
        Cable(length_um=length, diameter_um=diameter, rm_ohm_cm2=times * rm, ra_ohm_cm=ra),
        Cable(length_um=length, diameter_um=diameter, rm_ohm_cm2=rm, ra_ohm_cm=ra / times),
    ):
        assert math.isclose(other.lambda_um, math.sqrt(times) * one.lambda_um)


@given(sizes, sizes, sizes)
def test_two_cables_in_a_row_lose_what_one_of_their_length_loses(first: float, second: float, diameter: float) -> None:
    losses = [Cable(length_um=length, diameter_um=diameter).loss for length in (first, second, first + second)]
    assert math.isclose(losses[0] * losses[1], losses[2], abs_tol=1e-300)
    assert 0 <= losses[2] <= losses[0] <= 1


def test_factor_and_start() -> None:
    plain, factor = Cable(Init("he")), Cable(Init("he"), **LENGTHS)
    initial = Cable(**LENGTHS, attenuation="initial")
    assert (plain.loss, plain.factor, plain.start) == (1.0, 1.0, Init("he"))
    assert (factor.factor, factor.start) == (factor.loss, Init("he"))
    assert (initial.factor, initial.start) == (1.0, Init("constant", initial.loss))
    assert math.isclose(initial.loss, math.exp(-100 / 577.350269), rel_tol=1e-9)


@pytest.mark.parametrize("attenuation", ["factor", "initial"])
@pytest.mark.parametrize("trainable", [True, False])
def test_what_a_network_makes_of_it(attenuation: str, trainable: bool) -> None:
    """With `factor` the trained number is what `init` says, with `initial` it is the attenuation; both act alike."""
    cable: dict[str, Any] = {**LENGTHS, "attenuation": attenuation, "trainable": trainable, "sign": "excitatory"}
    if attenuation == "factor":
        cable["init"] = {"name": "constant", "value": 1.0}
    dendrite = {"name": "d", "count": 3, "cable": cable, "synapses": {"count": 4}}
    layer = {"name": "h", "neuron": "n", "count": 5}
    data = {"name": "it", "neurons": {"n": {"dendrites": [dendrite]}}, "layers": [layer]}
    graph = compile(Morphology.from_dict(data), 16, 2)
    network = DendriticNetwork(graph)
    name, loss = "h/d->h/soma", Cable(**LENGTHS).loss
    assert network.weight(name).tolist() == pytest.approx([loss] * 15)
    assert network.weights[name].tolist() == pytest.approx([1.0 if attenuation == "factor" else loss] * 15)
    assert network.weights[name].requires_grad is trainable
    assert graph.trainable_parameters == (4 * 15 + 15) + 15 * trainable + 5 + (5 + 1) * 2
