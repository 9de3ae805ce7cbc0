"""Lesions: what is removed acts as if it had never been there; one at a time, quickly and slowly found alike."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from small import digits
from trees import random_case, ready

from dendrograph import DendriticNetwork, DendrographError, Morphology, build, compile, datasets
from dendrograph.analysis.lesions import lesioned, lesions, removable_groups
from dendrograph.analysis.robustness import Draws
from dendrograph.analysis.single_lesions import single_lesions
from dendrograph.data.dataset import Split
from dendrograph.training.evaluation import evaluate

SMALL = {"somata": 6, "dendrites": 3, "synapses": 6}


def network_of(neuron: Mapping[str, Any], inputs: Any = (8, 8), classes: int | None = 10, **more: Any) -> Any:
    """A network of one layer, its biases not at 0."""
    layers = more.pop("layers", [{"name": "hidden", "neuron": "pyramidal", "count": 5}])
    other = more.pop("neurons", {})
    described = {"name": "one", "neurons": {"pyramidal": neuron, **other}, "layers": layers, **more}
    return shaken(DendriticNetwork(compile(Morphology.from_dict(described), inputs, classes, seed=3)))


def shaken(network: DendriticNetwork) -> DendriticNetwork:
    """With parameters as a training might leave them, every weight and bias another number."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network


def branching(rule: str, **more: Any) -> dict[str, Any]:
    """Dendrites of dendrites, of several kinds, and synapses at the soma."""
    drawn = {"count": 4, "from": "image", "field": "random"}
    return {
        "nonlinearity": "tanh",
        "integration": rule,
        "synapses": {**drawn, "count": 2},
        "dendrites": [
            {"name": "basal", "count": 2, "nonlinearity": "softplus", "synapses": drawn},
            {
                "name": "trunk",
                "count": 2,
                "nonlinearity": "leaky_relu",
                "integration": rule,
                "dendrites": [{"name": "tuft", "count": 3, "nonlinearity": "sigmoid", "synapses": drawn}],
            },
        ],
        **more,
    }


# The soma has bias 1; its dendrites give 2, 3 and 4 (identity of their biases), by cables of weight 1, -1 and 2.
INTEGRALS = {
    # the messages are 2, -3, 8: without the dendrite 0, 1, 2; without 0 and 1; without all
    "sum": (-3 + 8, 2 + 8, 2 - 3, 8, 0),
    "mean": ((-3 + 8) / 2, (2 + 8) / 2, (2 - 3) / 2, 8, 0),
    "max": (8, 8, 2, 8, 0),
    "min": (-3, 2, -3, 8, 0),
    "product": (-24, 16, -6, 8, 0),
}


@pytest.mark.parametrize("rule", INTEGRALS)
def test_a_dendrite_that_is_gone_sends_nothing_whatever_the_integration(rule: str) -> None:
    neuron = {
        "integration": rule,
        "nonlinearity": "identity",
        "dendrites": [
            {
                "name": "basal",
                "count": 3,
                "nonlinearity": "identity",
                "synapses": {"count": "all", "from": "image", "init": {"name": "constant", "value": 0.0}},
            }
        ],
    }
    described = {"name": "hand", "neurons": {"n": neuron}, "layers": [{"name": "l", "neuron": "n", "count": 1}]}
    network = DendriticNetwork(compile(Morphology.from_dict(described), 2, classes=None))
    with torch.no_grad():
        network.biases["l/basal"].copy_(torch.tensor([2.0, 3.0, 4.0]))
        network.biases["l/soma"].fill_(1.0)
        network.weights["l/basal->l/soma"].copy_(torch.tensor([1.0, -1.0, 2.0]))
    x = torch.zeros(1, 2)
    for gone, integral in zip(([0], [1], [2], [0, 1], [0, 1, 2]), INTEGRALS[rule], strict=True):
        assert lesioned(network, {"l/basal": gone})(x).item() == pytest.approx(1 + integral), gone


def test_what_a_compartment_has_learnt_stays_with_it() -> None:
    learnt = {"name": "nmda", "threshold": {"value": 0.5, "trainable": "compartment"}, "gain": {"trainable": "group"}}
    network = network_of(branching("sum", nonlinearity=learnt))
    without = lesioned(network, {"hidden/soma": [1, 3]})
    of_each, of_all = "hidden/soma:threshold", "hidden/soma:gain"
    torch.testing.assert_close(without.excitability[of_each], network.excitability[of_each][[0, 2, 4]])
    torch.testing.assert_close(without.excitability[of_all], network.excitability[of_all])
    by_hand(network, digits().test, single_lesions(network, digits().test, 1.0, at_most=12))


@pytest.mark.parametrize("kernel", ["auto", "reference", "dense", "scatter", "fused"])
def test_of_sums_it_is_as_if_weights_were_zero(kernel: str) -> None:
    network = shaken(build("dann-lrf", (8, 8), overrides=SMALL, kernel=kernel))
    x = digits().test.inputs["image"][:20]
    before = copy.deepcopy(network.state_dict())
    zeroed = copy.deepcopy(network).eval()
    with torch.no_grad():
        zeroed.weights["hidden/dendrite->hidden/soma"][[0, 7, 17]] = 0
        zeroed.weights["image->hidden/dendrite"][[3, 40, 41]] = 0
    without = lesioned(network, {"hidden/dendrite": [0, 7, 17]}, {"image->hidden/dendrite": [3, 40, 41]})
    torch.testing.assert_close(without(x), zeroed(x))
    assert without.graph.by_name["hidden/dendrite"].size == 15
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_soma_goes_with_its_dendrites_and_a_trunk_with_its_branches() -> None:
    network = network_of(branching("sum"))
    without = lesioned(network, {"hidden/soma": [2]})
    sizes = {group.name: group.size for group in without.graph.groups}
    assert sizes == {**{g.name: g.size * 4 // 5 for g in network.graph.groups}, "image": 64, "readout": 10}
    without = lesioned(network, {"hidden/trunk": [1]})
    assert without.graph.by_name["hidden/trunk/tuft"].size == 27
    zeroed = copy.deepcopy(network).eval()
    with torch.no_grad():
        zeroed.weights["hidden/trunk->hidden/soma"][1] = 0
    x = digits().test.inputs["image"][:20]
    torch.testing.assert_close(without(x), zeroed(x))


def test_with_all_somata_gone_the_readouts_bias_is_left() -> None:
    network = network_of(branching("max"))
    logits = lesioned(network, {"hidden/soma": range(5)})(digits().test.inputs["image"][:3])
    torch.testing.assert_close(logits, network.biases["readout"].detach().expand(3, -1))


def test_of_a_network_without_any_parameter_left_all_classes_are_alike() -> None:
    network = network_of({"synapses": {"count": 3}}, readout={"bias": False})
    nothing = lesioned(network, {"hidden/soma": range(5)})
    assert evaluate(nothing, digits().test, 1.0).loss == pytest.approx(math.log(10))


def test_what_is_gone_takes_no_part_in_a_normalisation() -> None:
    network = network_of({"nonlinearity": "identity", "normalisation": "layer", "synapses": {"count": 8}}, classes=10)
    x = digits().test.inputs["image"][:10]
    u = network.weight("image->hidden/soma").detach()
    drive = torch.zeros(10, 5)
    for (source, target), weight in zip(network.graph.projections[0].edge_index.t().tolist(), u, strict=True):
        drive[:, target] += weight * x.flatten(1)[:, source]
    drive = (drive + network.biases["hidden/soma"].detach())[:, [0, 2, 3, 4]]
    centred = drive - drive.mean(1, keepdim=True)
    expected = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
    found = lesioned(network, {"hidden/soma": [1]}).activations(x)["hidden/soma"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def by_hand(network: DendriticNetwork, split: Split, rows: Any) -> None:
    """Each row, held to a network of its own from which the one compartment was removed."""
    whole = evaluate(network, split, 1.0)
    for row in rows:
        one = evaluate(lesioned(network, {row["group"]: [row["unit"]]}), split, 1.0)
        assert row["loss_rise"] == pytest.approx(one.loss - whole.loss, abs=2e-6), row
        assert row["accuracy_drop"] == pytest.approx(whole.accuracy - one.accuracy, abs=1.01 / len(split)), row


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["sum", "mean", "max", "min", "product"])
def test_single_lesions_are_those_of_networks_of_their_own(rule: str) -> None:
    network = network_of(branching(rule))
    rows = single_lesions(network, digits().test, 1.0)
    assert [(row["group"], row["unit"]) for row in rows] == [
        (group.name, unit) for group in network.graph.groups if group.role == "dendrite" for unit in range(group.size)
    ]
    by_hand(network, digits().test, rows)
    assert max(abs(row["loss_rise"]) for row in rows) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("neuron", "more"),
    [
        pytest.param(branching("sum"), {"classes": None}, id="no readout"),
        pytest.param(branching("sum", normalisation="layer"), {}, id="normalised"),
        pytest.param(
            {"nonlinearity": "relu", "dendrites": [{"name": "d", "synapses": {"count": 3, "nonlinearity": "sigmoid"}}]},
            {},
            id="one dendrite a soma",
        ),
        pytest.param(
            branching("mean"),
            {
                "neurons": {
                    "top": {
                        "nonlinearity": "tanh",
                        "integration": "max",
                        "synapses": {"count": 6, "from": ["hidden", "image"]},
                    }
                },
                "layers": [
                    {"name": "hidden", "neuron": "pyramidal", "count": 5},
                    {"name": "over", "neuron": "top", "count": 6},
                ],
            },
            id="a layer above",
        ),
        pytest.param(
            branching("sum"),
            {
                "neurons": {
                    "top": {
                        "nonlinearity": "tanh",
                        "synapses": {"count": 3, "from": "hidden", "nonlinearity": "sigmoid"},
                    }
                },
                "layers": [
                    {"name": "hidden", "neuron": "pyramidal", "count": 5},
                    {"name": "over", "neuron": "top", "count": 6},
                ],
            },
            id="synapses above that send something at zero",
        ),
    ],
)
def test_single_lesions_below_whatever_lies_above(neuron: Mapping[str, Any], more: dict[str, Any]) -> None:
    split = digits().test
    if more.get("classes", 10) is None:
        split = Split(split.inputs, split.labels % 5)
    network = network_of(neuron, **more)
    rows = single_lesions(network, split, 1.0)
    by_hand(network, split, rows)
    if network.graph.output.role == "readout":
        by_hand(network, split, single_lesions(network, split, 1.0, kind="somata"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_single_lesions_of_random_networks(seed: int) -> None:
    case = random_case(seed)
    network = ready(DendriticNetwork(case.compile())).float()
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: torch.rand(12, *shape, generator=generator) for name, shape in network.graph.inputs.items()}
    split = Split(inputs, torch.randint(0, network.graph.classes, (12,), generator=generator))
    for kind in ("dendrites", "somata"):
        if removable_groups(network.graph, kind):
            by_hand(network, split, single_lesions(network, split, 1.0, at_most=10, kind=kind))


@pytest.mark.parametrize("name", ["asymmetric-pyramidal", "interneuron-sublinear", "vann", "dann-lrf"])
def test_single_lesions_of_shipped_networks(name: str) -> None:
    sizes = {"vann": {"somata": 6, "dendrites": 2}, "dann-lrf": SMALL}.get(name, {"somata": 3, "synapses": 5})
    if name == "interneuron-sublinear":
        sizes = {**sizes, "interneurons": 3}
    network = shaken(build(name, (8, 8), overrides=sizes))
    rows = single_lesions(network, digits().test, 1.0)
    by_hand(network, digits().test, rows)
    assert {row["kind"] for row in rows} == {"somata" if name == "vann" else "dendrites"}


def test_a_dendrite_that_says_nothing_costs_nothing() -> None:
    network = shaken(build("dann-lrf", (8, 8), overrides=SMALL))
    with torch.no_grad():
        network.weights["hidden/dendrite->hidden/soma"][4] = 0
    row = single_lesions(network, digits().test, 1.0)[4]
    assert row["unit"] == 4 and row["neuron"] == 1
    assert row["accuracy_drop"] == 0 and abs(row["loss_rise"]) < 1e-7


def test_at_most_so_many_are_tried() -> None:
    network = shaken(build("dann-lrf", (8, 8), overrides=SMALL))
    every = single_lesions(network, digits().test, 1.0)
    few = single_lesions(network, digits().test, 1.0, at_most=7, seed=1)
    assert len(few) == 7 and {row["left_out"] for row in few} == {11} and {row["left_out"] for row in every} == {0}
    for row in few:
        assert row["loss_rise"] == pytest.approx(every[row["unit"]]["loss_rise"], abs=1e-6)
    drawn = [
        tuple(row["unit"] for row in single_lesions(network, digits().test, 1.0, at_most=7, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert single_lesions(network, digits().test, 1.0, at_most=18) == every


def test_rows_of_shares() -> None:
    network = shaken(build("dann-lrf", (8, 8), overrides=SMALL)).train()
    before = copy.deepcopy(network.state_dict())
    random = torch.random.get_rng_state()
    rows = lesions(network, digits().test, 1.0, shares=(0, 0.25, 1), draws=Draws(repeats=2, seed=4))
    names = {("dendrites", "hidden/dendrite"), ("somata", "hidden/soma"), ("synapses", "image->hidden/dendrite")}
    assert {(row["kind"], row["name"]) for row in rows} == names and len(rows) == 3 * 3 * 2
    assert [row["removed"] for row in rows if row["kind"] == "dendrites"] == [0, 0, 5, 5, 18, 18]
    whole = evaluate(network, digits().test, 1.0)
    assert {(row["accuracy"], row["loss"]) for row in rows if not row["share"]} == {(whole.accuracy, whole.loss)}
    of_bias = evaluate(lesioned(network, {"hidden/soma": range(6)}), digits().test, 1.0)
    assert {row["loss"] for row in rows if row["share"] == 1 and row["kind"] == "somata"} == {of_bias.loss}
    losses = [row["loss"] for row in rows if row["share"] == 0.25 and row["kind"] == "synapses"]
    assert losses[0] != losses[1], "another draw for each repeat"
    assert network.training and torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert lesions(network, digits().test, 1.0, shares=(0, 0.25, 1), draws=Draws(repeats=2, seed=4)) == rows
    alone = lesions(network, digits().test, 1.0, shares=(0.25,), draws=Draws(repeats=1, seed=4), kinds=("synapses",))
    assert alone == tuple(
        row for row in rows if row["share"] == 0.25 and row["kind"] == "synapses" and not row["repeat"]
    ), "a row depends on its own draw, not on what else was asked for"


def test_point_neurons_have_somata_and_synapses() -> None:
    network = shaken(build("vann", (8, 8), overrides={"somata": 6, "dendrites": 2}))
    rows = lesions(network, digits().test, 1.0, shares=(0.5,), draws=Draws(repeats=1))
    assert {row["kind"] for row in rows} == {"somata", "synapses"}
    assert not any("readout" in row["name"] for row in rows)


def test_removed_is_the_rounded_share() -> None:
    network = build("dann-lrf", (8, 8), overrides=SMALL)
    shares = tuple(np.linspace(0, 1, 12))
    rows = lesions(network, digits().test, 1.0, shares=shares, draws=Draws(repeats=1), kinds=["dendrites"])
    assert [row["removed"] for row in rows] == [math.floor(18 * share + 0.5) for share in shares]


def test_several_streams_and_bytes() -> None:
    network = shaken(
        build("apical-basal", {"sensory": (8, 8), "feedback": 10}, overrides={"somata": 4, "inputs.sensory": "auto"})
    )
    whole = datasets.load("digits")
    labels = whole.test.labels[:50]
    split = Split({"sensory": whole.test.inputs["image"][:50], "feedback": torch.eye(10)[labels]}, labels)
    rows = single_lesions(network, split, whole.scale)
    assert len(rows) == 8
    floats = Split({"sensory": split.inputs["sensory"].float() / 16, "feedback": torch.eye(10)[labels]}, labels)
    by_hand(network, floats, rows)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shares": (0.1, 1.5)}, "shares: found 1.5"),
        ({"shares": 0.5}, "shares: found 0.5"),
        ({"shares": ()}, "shares: the list is empty"),
        ({"shares": (0.1, 0.1)}, "shares: found 0.1 twice"),
        ({"shares": (float("nan"),)}, "shares: found nan"),
        ({"kinds": ("dendrite",)}, "did you mean 'dendrites'"),
        ({"kinds": ()}, "kinds: the list is empty"),
    ],
)
def test_arguments_that_are_none(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DendrographError, match=message):
        lesions(build("dann-lrf", (8, 8), overrides=SMALL), digits().test, 1.0, **settings)


@pytest.mark.parametrize("settings", [{"repeats": 0}, {"seed": -1}, {"seed": 1.5}])
def test_draws_out_of_range(settings: dict[str, Any]) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(DendrographError, match=f"{name} must be a whole number of at least .*, found {value}"):
        Draws(**settings)


def test_what_cannot_be_removed() -> None:
    point = build("vann", (8, 8), overrides={"somata": 6, "dendrites": 2})
    dann = build("dann-lrf", (8, 8), overrides=SMALL)
    alone = network_of({"synapses": {"count": 3}}, classes=None)
    few = Split(digits().test.inputs, digits().test.labels % 5)
    for refused, message in (
        (lambda: lesions(point, digits().test, 1.0, kinds=["dendrites"]), "the network has no dendrites to remove"),
        (lambda: single_lesions(point, digits().test, 1.0, kind="dendrites"), "has no dendrites to remove\n.*somata"),
        (lambda: single_lesions(dann, digits().test, 1.0, kind="synapses"), "unknown kind 'synapses'"),
        (
            lambda: single_lesions(dann, digits().test, 1.0, at_most=0),
            "at_most must be a whole number of at least 1, found 0",
        ),
        (lambda: lesions(lesioned(dann, {"hidden/soma": range(6)}), digits().test, 1.0), "has nothing to remove"),
        (lambda: single_lesions(alone, few, 1.0), "no dendrites and no somata to remove"),
        (lambda: lesioned(dann, {"hidden/dendrit": [0]}), "did you mean 'hidden/dendrite'"),
        (lambda: lesioned(dann, {"readout": [0]}), "no group 'readout' to remove from"),
        (lambda: lesioned(dann, {"hidden/dendrite": [18]}), "'hidden/dendrite' has no number 18"),
        (lambda: lesioned(dann, {"hidden/dendrite": [[0], [1, 2]]}), "give a list of whole numbers"),
        (lambda: lesioned(dann, {"hidden/dendrite": [0.5]}), "give a list of whole numbers"),
        (lambda: lesioned(dann, synapses={"hidden/soma->readout": [0]}), "no synapses 'hidden/soma->readout'"),
    ):
        with pytest.raises(DendrographError, match=message):
            refused()
