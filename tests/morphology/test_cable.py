"""Passive attenuation: exp(-L / lambda), and that of a finite, branching cable, held to the cable equation cut up."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrograph import DendriticNetwork, Morphology, compile
from dendrograph.base.errors import MorphologyError
from dendrograph.graph.tree import Branching, branchings
from dendrograph.morphology.cable import Cable
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.weights import Init

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
    losses = [Cable(length_um=length, diameter_um=diameter).passes() for length in (first, second, first + second)]
    assert math.isclose(losses[0] * losses[1], losses[2], abs_tol=1e-300)
    assert 0 <= losses[2] <= losses[0] <= 1


def place(cable: Cable) -> Branching:
    """That of the one dendrite of a neuron."""
    return branchings(Compartment(dendrites=(Compartment("d", cable=cable),)))[1]


def test_factor_and_start() -> None:
    plain, factor = place(Cable(Init("he"))), place(Cable(Init("he"), **LENGTHS))
    initial = place(Cable(**LENGTHS, attenuation="initial"))
    assert (plain.passed, plain.factor, plain.start) == (1.0, 1.0, Init("he"))
    assert (factor.factor, factor.start) == (factor.passed, Init("he"))
    assert (initial.factor, initial.start) == (1.0, Init("constant", initial.passed))
    assert initial.passed == math.exp(-100 / Cable(**LENGTHS).lambda_um) == Cable(**LENGTHS).passes()


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
    name, loss = "h/d->h/soma", Cable(**LENGTHS).passes()
    assert network.weight(name).tolist() == pytest.approx([loss] * 15)
    assert network.weights[name].tolist() == pytest.approx([1.0 if attenuation == "factor" else loss] * 15)
    assert network.weights[name].requires_grad is trainable
    assert graph.trainable_parameters == (4 * 15 + 15) + 15 * trainable + 5 + (5 + 1) * 2


# A finite, branching cable


def sealed(length: float, diameter: float, **others: Any) -> Cable:
    return Cable(length_um=length, diameter_um=diameter, ends="sealed", **others)


def test_a_sealed_branch_alone_keeps_almost_all() -> None:
    """1 / cosh(L / lambda): of 100 µm it keeps 0.985, where the infinite cable keeps 0.84."""
    assert place(sealed(100, 1)).passed == pytest.approx(1 / math.cosh(100 / 577.350269))
    assert round(place(sealed(100, 1)).passed, 3) == 0.985
    assert round(place(Cable(**LENGTHS)).passed, 2) == 0.84


def test_a_load_of_an_endless_cable_makes_it_endless() -> None:
    """A branch on an infinite cable of its own diameter: it is a piece of that cable, and loses what that loses."""
    piece = sealed(120, 2)
    assert piece.passes(piece.endless_conductance) == pytest.approx(math.exp(-120 / piece.lambda_um))
    assert piece.conductance(piece.endless_conductance) == pytest.approx(piece.endless_conductance)
    far = Compartment("far", cable=piece)
    stem = Compartment("stem", cable=Cable(length_um=10, diameter_um=2), dendrites=(far,))
    of_far = branchings(Compartment(dendrites=(stem,)))[2]
    assert of_far.passed == pytest.approx(math.exp(-120 / piece.lambda_um))


def compartmental(neuron: Compartment, enters: str, steps: int = 400) -> dict[str, float]:
    """The steady voltage at each place over that where current enters, by the cable equation cut into many pieces.

    Each copy of a dendrite is a chain of `steps` cylinders: an axial conductance pi d^2 / (4 Ra dx) between neighbours,
    a membrane of pi d dx / Rm on each, half of it at the ends; the soma has none. Only the copies on the way from the
    first of the places named `enters` are told of.
    """
    nodes, edges, membranes, first = 1, [], {0: 0.0}, {}

    def grow(compartment: Compartment, name: str, parent: int) -> None:
        nonlocal nodes
        cable = compartment.cable
        cm, step = cable.diameter_um * 1e-4, cable.length_um * 1e-4 / steps
        before = parent
        for _ in range(steps):
            half = math.pi * cm * step / cable.rm_ohm_cm2 / 2
            edges.append((before, nodes, math.pi * cm**2 / (4 * cable.ra_ohm_cm * step)))
            membranes[before] += half
            membranes[nodes] = half
            before, nodes = nodes, nodes + 1
        first.setdefault(name, before)
        for child in compartment.dendrites:
            for _ in range(child.count):
                grow(child, f"{name}/{child.name}", before)

    for child in neuron.dendrites:
        for _ in range(child.count):
            grow(child, child.name, 0)
    import scipy.sparse as sparse
    from scipy.sparse.linalg import spsolve

    rows, columns, values = [], [], []
    for one, other, conductance in edges:
        rows += [one, other, one, other]
        columns += [one, other, other, one]
        values += [conductance, conductance, -conductance, -conductance]
    rows += membranes
    columns += membranes
    values += membranes.values()
    current = np.zeros(nodes)
    current[first[enters]] = 1e-12
    voltage = spsolve(sparse.csc_matrix((values, (rows, columns)), shape=(nodes, nodes)), current)
    found = {"soma": voltage[0] / voltage[first[enters]]}
    words = enters.split("/")
    for end in range(1, len(words)):
        found["/".join(words[:end])] = voltage[first["/".join(words[:end])]] / voltage[first[enters]]
    return found


def check_against_the_cable_equation(neuron: Compartment, steps: int = 400) -> None:
    places = branchings(neuron)
    for each in places[1:]:
        expected = compartmental(neuron, each.name, steps)
        kept, here = 1.0, each
        while here.parent is not None:
            kept *= here.passed
            here = places[here.parent]
            assert kept == pytest.approx(expected[here.name], rel=2e-4), (each.name, here.name)


def test_the_cables_of_a_branching_tree_pass_what_the_cable_equation_says() -> None:
    """Daughters of unequal diameters and lengths, several copies, and stems that load each other at the soma."""
    thin, thick = Compartment("thin", 2, cable=sealed(200, 0.5)), Compartment("thick", cable=sealed(50, 2))
    basal = Compartment("basal", 3, cable=sealed(100, 1), dendrites=(thin, thick))
    tuft = Compartment("tuft", 2, cable=sealed(150, 1, rm_ohm_cm2=8_000.0, ra_ohm_cm=220.0))
    apical = Compartment(
        "apical", cable=sealed(400, 3), dendrites=(tuft, Compartment("oblique", cable=sealed(80, 0.8)))
    )
    check_against_the_cable_equation(Compartment(dendrites=(basal, apical)))


@pytest.mark.parametrize("seed", range(6))
def test_the_cables_of_random_trees_pass_what_the_cable_equation_says(seed: int) -> None:
    rng = random.Random(seed)

    def grown(name: str, depth: int) -> Compartment:
        cable = sealed(rng.uniform(10, 300), rng.uniform(0.3, 4), rm_ohm_cm2=rng.uniform(5e3, 4e4))
        branches = tuple(grown(f"d{number}", depth - 1) for number in range(rng.randint(0, 2) if depth else 0))
        return Compartment(name, rng.randint(1, 2), cable=cable, dendrites=branches)

    check_against_the_cable_equation(
        Compartment(dendrites=tuple(grown(f"s{at}", 2) for at in range(rng.randint(1, 3)))), 100
    )


@given(st.lists(sizes, min_size=1, max_size=6), st.floats(0.3, 5))
def test_pieces_of_a_sealed_cable_pass_together_what_it_passes_as_a_whole(
    lengths: list[float], diameter: float
) -> None:
    chain: tuple[Compartment, ...] = ()
    for length in lengths:
        chain = (Compartment("d", cable=sealed(length, diameter), dendrites=chain),)
    other = Compartment("other", cable=sealed(70, 2))
    whole = Compartment("d", cable=sealed(sum(lengths), diameter))
    kept, _, expected = (
        math.prod(each.passed for each in branchings(Compartment(dendrites=(of, other))) if each.name != "other")
        for of in (chain[0], other, whole)
    )
    assert kept == pytest.approx(expected, rel=1e-9, abs=1e-200)


def test_a_dendrite_without_a_length_joins_its_branches_to_its_parent() -> None:
    twigs = tuple(Compartment(f"t{at}", cable=sealed(100, at + 1)) for at in range(3))
    joined = Compartment(dendrites=(Compartment("hub", dendrites=twigs),))
    here = [each.passed for each in branchings(joined) if each.name.startswith("hub/")]
    assert here == [each.passed for each in branchings(Compartment(dendrites=twigs))[1:]]
    assert branchings(joined)[1].passed == 1.0


def of_cable(cable: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    dendrite = {"name": "d", "count": 2, "cable": cable, "synapses": {"count": 4}}
    layer = {"name": "h", "neuron": "n", "count": 5}
    data = {"name": "it", "neurons": {"n": {"dendrites": [dendrite]}}, "layers": [layer]}
    return {**data, "defaults": {"cable": defaults}} if defaults else data


@pytest.mark.parametrize("attenuation", ["factor", "initial"])
def test_a_network_has_the_sealed_attenuation(attenuation: str) -> None:
    cable = {**LENGTHS, "ends": "sealed", "attenuation": attenuation}
    morphology = Morphology.from_dict(of_cable(cable))
    (projection,) = (one for one in compile(morphology, 16, 2).projections if one.kind == "cable")
    one = sealed(100, 1)
    passed = one.passes(one.conductance(0.0))  # loaded by its twin
    assert projection.factor == (passed if attenuation == "factor" else 1.0)
    assert attenuation == "factor" or projection.init == Init("constant", passed)
    assert Morphology.from_dict(morphology.to_dict()) == morphology
    assert morphology.to_dict()["neurons"]["n"]["dendrites"][0]["cable"]["ends"] == "sealed"


def test_a_file_without_the_key_is_as_before() -> None:
    plain, told = (Morphology.from_dict(of_cable({**LENGTHS, **more})) for more in ({}, {"ends": "infinite"}))
    assert plain == told and "ends" not in str(plain.to_dict())
    (projection,) = (one for one in compile(plain, 16, 2).projections if one.kind == "cable")
    assert projection.factor == math.exp(-100 / Cable(**LENGTHS).lambda_um)


def test_ends_without_a_length_say_nothing() -> None:
    with pytest.raises(MorphologyError, match="'ends' says nothing without a length\n  give length_um and diameter_um"):
        Morphology.from_dict(of_cable({"ends": "sealed"}))
    assert Morphology.from_dict(of_cable({}, ends="sealed")) == Morphology.from_dict(of_cable({}))
    with pytest.raises(MorphologyError, match="unknown kind of ends 'closed'"):
        Morphology.from_dict(of_cable({**LENGTHS, "ends": "closed"}))


def test_a_cable_that_the_rest_of_the_neuron_shorts_is_refused() -> None:
    data = of_cable({"length_um": 1e-8, "diameter_um": 1e-20, "ends": "sealed"})
    thick = {
        "name": "thick",
        "cable": {"length_um": 100, "diameter_um": 1e12, "ends": "sealed"},
        "synapses": {"count": 4},
    }
    data["neurons"]["n"]["dendrites"].append(thick)
    with pytest.raises(MorphologyError, match=r"a cable in layer 'h' passes .* of the voltage of its dendrite"):
        compile(Morphology.from_dict(data), 16, 2)
