"""The union of graphs: what each member computes in it is what it computes alone, and nothing else is promised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dendrograph import DendriticNetwork, Graph, Morphology, build, compile, load
from dendrograph.base.errors import DendrographError
from dendrograph.graph.graph import Projection
from dendrograph.morphology.weights import Init
from dendrograph.network.kernels.compiled import native
from dendrograph.network.kernels.dense import DENSE
from dendrograph.network.kernels.reference import REFERENCE
from dendrograph.training.graph_union import reasons_against, shares, union

SHAPE, CLASSES = (8, 8), 3

# One of each kind of wiring, tree, integration and sign; knobs that keep it small, a mapping a member.
KINDS: dict[str, tuple[str, tuple[dict[str, int], ...]]] = {
    "trees": ("dann-lrf", ({"somata": 4, "dendrites": 3},) * 3),
    "trees of other sizes": ("dann-lrf", ({"somata": 4, "dendrites": 3}, {"somata": 2, "dendrites": 5})),
    "more somata": ("dann-random", ({"somata": 4, "dendrites": 3}, {"somata": 7, "dendrites": 3})),
    "all-to-all": ("vann", ({"somata": 4, "dendrites": 2},) * 2),
    "all-to-all of other sizes": ("vann", ({"somata": 4, "dendrites": 2}, {"somata": 3, "dendrites": 1})),
    "partly": ("pdann", ({"somata": 4, "dendrites": 2},) * 2),
    "asymmetric": ("asymmetric-pyramidal", ({"somata": 3},) * 2),
    "normalised layers": ("deep-dann", ({"layers": 2},) * 2),
    "normalised layers of other sizes": ("deep-dann", ({"somata": 64, "layers": 3}, {"somata": 81, "layers": 3})),
    "shunting or signed": ("interneuron-sublinear", ({},) * 2),
}


def graphs_of(kind: str) -> list[Graph]:
    name, members = KINDS[kind]
    return [compile(load(name, knobs), SHAPE, CLASSES, seed) for seed, knobs in enumerate(members)]


def joined(networks: list[DendriticNetwork], kernel: str = "auto") -> DendriticNetwork:
    """Their union with their weights."""
    whole = DendriticNetwork(union([network.graph for network in networks]), kernel).to(next(networks[0].parameters()))
    with torch.no_grad():
        for name, parameter in whole.named_parameters():
            parameter.copy_(torch.cat([network.get_parameter(name) for network in networks]))
    return whole


def parts(whole: Tensor, like: list[Tensor]) -> list[Tensor]:
    return [whole[place] for place in shares(len(one) for one in like)]


@pytest.mark.parametrize("kernel", ["auto", "scatter"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_member_computes_what_it_computes_alone(kind: str, kernel: str) -> None:
    """Activities of every group, and gradients of every weight and input, in float64."""
    networks = [DendriticNetwork(graph, kernel, seed=5 + n).double() for n, graph in enumerate(graphs_of(kind))]
    for network in networks:
        for bias in network.biases.values():
            torch.nn.init.normal_(bias, generator=torch.Generator().manual_seed(1))
    whole = joined(networks, kernel)
    torch.manual_seed(0)
    inputs = [torch.rand(5, 64, dtype=torch.float64, requires_grad=True) for _ in networks]
    together = torch.cat(inputs, 1)
    activities = whole.activations(together)
    for number, network in enumerate(networks):
        alone = network.activations(inputs[number])
        for name, values in alone.items():
            sizes = [other.graph.by_name[name].size for other in networks]
            torch.testing.assert_close(activities[name][:, shares(sizes)[number]], values)
    torch.manual_seed(0)
    pull = torch.randn(5, CLASSES * len(networks), dtype=torch.float64)
    gradients = torch.autograd.grad((whole(together) * pull).sum(), [*whole.parameters(), *inputs])
    own = [
        torch.autograd.grad((network(x) * pull[:, place]).sum(), [*network.parameters(), x])
        for network, x, place in zip(networks, inputs, shares([CLASSES] * len(networks)), strict=True)
    ]
    for place, gradient in enumerate(gradients[: -len(inputs)]):
        of_members = [gradients_of[place] for gradients_of in own]
        for part, expected in zip(parts(gradient, of_members), of_members, strict=True):
            torch.testing.assert_close(part, expected)
    for gradient, gradients_of in zip(gradients[-len(inputs) :], own, strict=True):
        torch.testing.assert_close(gradient, gradients_of[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_no_edge_leads_from_one_member_to_another(kind: str) -> None:
    graphs = graphs_of(kind)
    whole = union(graphs)
    assert (whole.nodes, whole.edges, whole.parameters) == tuple(
        sum(getattr(graph, key) for graph in graphs) for key in ("nodes", "edges", "parameters")
    )
    owner = np.concatenate(
        [
            np.repeat(np.arange(len(graphs)), [graph.by_name[group.name].size for graph in graphs])
            for group in whole.groups
        ]
    )
    source, target = whole.edge_index.numpy()
    assert (owner[source] == owner[target]).all()
    for projection in whole.projections:
        order = np.lexsort(projection.endpoints())
        assert (order == np.arange(projection.edges)).all(), "edges are sorted by target, then by source"
        found = np.bincount(projection.endpoints()[1], minlength=projection.targets)
        assert (projection.fan_in() == found).all()
        found = np.bincount(projection.endpoints()[0], minlength=projection.sources)
        assert (projection.fan_out() == found).all()


@pytest.mark.skipif(native is None, reason="the compiled kernel is not there")
@pytest.mark.parametrize("name", ["dann-lrf", "asymmetric-pyramidal", "vann", "pdann"])
def test_the_plan_is_that_of_one_network(name: str) -> None:
    """The pass over whole dendrites and the matrix product serve the union where they serve a member."""
    networks = [build(name, (28, 28), 10, seed) for seed in range(3)]
    whole = DendriticNetwork(union([network.graph for network in networks]))
    for mine, its in zip(whole.plan.choices, networks[0].plan.choices, strict=True):
        assert (mine.projection, mine.kernel.name) == (its.projection, its.kernel.name)
    assert whole.plan.passes == networks[0].plan.passes


def test_trees_of_other_sizes_are_no_full_tree_any_more() -> None:
    whole = DendriticNetwork(union(graphs_of("trees of other sizes")))
    assert not whole.plan.passes
    assert "not equally many" in str(whole.plan) or "do not divide evenly" in str(whole.plan)


def test_a_union_of_one_is_the_graph() -> None:
    (graph, *_) = graphs_of("trees")
    network, whole = DendriticNetwork(graph), DendriticNetwork(union([graph]))
    whole.load_state_dict(dict(network.state_dict()))  # a plain mapping: its hash is not that of the one
    x = torch.rand(3, 64)
    torch.testing.assert_close(whole(x), network(x))


# All-to-all in parts


def blocks(*sizes: tuple[int, int]) -> Projection:
    sources, targets = (sum(column) for column in zip(*sizes, strict=True))
    return Projection("x->y", "synapse", "x", "y", sources, targets, Init(), None, blocks=sizes)


def test_blocks_by_hand() -> None:
    one = blocks((2, 1), (1, 2))
    assert one.edge_index.tolist() == [[0, 1, 2, 2], [0, 0, 1, 2]]
    assert (one.edges, one.density, one.all_to_all) == (4, 1.0, False)
    assert one.fan_in().tolist() == [2, 1, 1] and one.fan_out().tolist() == [1, 1, 2]
    whole = blocks((2, 3))
    assert torch.equal(whole.edge_index, replace(whole, blocks=()).edge_index)


@pytest.mark.parametrize("sizes", [((2, 3),) * 2, ((3, 1),) * 3, ((1, 1), (4, 2)), ((2, 3),)], ids=str)
def test_blocks_are_the_loop_over_edges(sizes: tuple[tuple[int, int], ...]) -> None:
    one = blocks(*sizes)
    torch.manual_seed(0)
    weight = torch.randn(one.edges, dtype=torch.float64, requires_grad=True)
    x = torch.randn(4, one.sources, dtype=torch.float64).t().requires_grad_()  # strides as a batch of samples has them
    bias = torch.randn(one.targets, dtype=torch.float64, requires_grad=True)
    index = DENSE.prepare(one)
    expected = REFERENCE.apply(weight, x, one.targets, *REFERENCE.prepare(one))
    torch.testing.assert_close(DENSE.apply(weight, x, one.targets, *index), expected)
    biased = DENSE.apply_with_bias(weight, x, bias, *index)  # type: ignore[arg-type]
    torch.testing.assert_close(biased, expected + bias.unsqueeze(1))
    run = lambda w, v, b: DENSE.apply_with_bias(w, v, b, *index)  # noqa: E731
    assert torch.autograd.gradcheck(run, (weight, x, bias))
    assert torch.autograd.gradgradcheck(run, (weight, x, bias))


def test_what_is_not_finite_stays_in_its_block() -> None:
    for sizes in (((2, 3),) * 2, ((2, 3), (1, 2))):
        one = blocks(*sizes)
        x = torch.ones(one.sources, 4)
        x[-1] = float("nan")
        u = DENSE.apply(torch.ones(one.edges), x, one.targets, *DENSE.prepare(one))
        assert u[:3].isfinite().all() and u[3:].isnan().all()


def test_an_empty_batch_gives_an_empty_answer() -> None:
    for kind in ("trees", "all-to-all", "all-to-all of other sizes", "normalised layers"):
        whole = DendriticNetwork(union(graphs_of(kind)))
        (size,) = whole.graph.inputs["image"]
        assert whole(torch.rand(0, size)).shape == (0, whole.graph.classes)


# What makes no union


def morphology(**soma: Any) -> Morphology:
    basal: dict[str, Any] = {"name": "basal", "count": 2, "synapses": {"count": 4, "from": "image"}}
    basal |= soma.pop("basal", {})
    return Morphology.from_dict(
        {
            "name": "small",
            "neurons": {"cell": {"nonlinearity": "relu", "dendrites": [basal], **soma}},
            "layers": [{"name": "hidden", "neuron": "cell", "count": 4}],
        }
    )


def graph_of(shape: tuple[int, ...] = SHAPE, classes: int = CLASSES, **soma: Any) -> Graph:
    return compile(morphology(**soma), shape, classes)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (graph_of(nonlinearity="tanh"), "networks 0 and 1 differ in 'nonlinearity' of hidden/soma: relu and tanh"),
        (graph_of(integration="mean"), "networks 0 and 1 differ in 'integration' of hidden/soma: sum and mean"),
        (graph_of(bias=False), "networks 0 and 1 differ in 'bias' of hidden/soma: True and False"),
        (graph_of(classes=2), "networks 0 and 1 have 3 and 2 classes"),
        (graph_of((4, 4)), "networks 0 and 1 read 64 and 16 values of 'image'"),
        (
            graph_of(basal={"name": "apical"}),
            "networks 0 and 1 have other groups of compartments: image, hidden/basal, hidden/soma, readout; "
            "image, hidden/apical, hidden/soma, readout",
        ),
        (
            graph_of(synapses={"count": 3, "from": "image"}),
            "networks 0 and 1 have other projections: image->hidden/basal, hidden/basal->hidden/soma, "
            "hidden/soma->readout; image->hidden/basal, hidden/basal->hidden/soma, image->hidden/soma, "
            "hidden/soma->readout",
        ),
        (
            graph_of(basal={"synapses": {"count": 4, "from": "image", "sign": "excitatory"}}),
            "networks 0 and 1 differ in 'sign' of image->hidden/basal: free and excitatory",
        ),
    ],
    ids=lambda it: it.split(": ")[0] if isinstance(it, str) else "",
)
def test_what_is_of_another_kind_is_refused(other: Graph, reason: str) -> None:
    assert reason in reasons_against([graph_of(), other])
    with pytest.raises(DendrographError, match=r"^these 2 graphs make no union\n  "):
        union([graph_of(), other])


@pytest.mark.parametrize(
    ("soma", "reason"),
    [
        ({"dropout": 0.1}, "hidden/soma has dropout, whose random numbers would be others"),
        (
            {"nonlinearity": {"name": "leaky_relu", "slope": {"value": 0.1, "trainable": "group"}}},
            "hidden/soma learns one 'slope' for the whole group",
        ),
    ],
    ids=["dropout", "learnt"],
)
def test_what_would_not_stay_a_members_own_is_refused(soma: dict[str, Any], reason: str) -> None:
    graph = graph_of(**soma)
    (found,) = reasons_against([graph, graph])
    assert found.startswith(reason)
    assert reasons_against([graph]) == ()


def test_wiring_fields_inits_and_sizes_may_differ() -> None:
    one = graph_of()
    other = graph_of(basal={"count": 5, "synapses": {"count": 9, "from": "image", "field": "local", "init": "he"}})
    whole = union([one, other])
    assert reasons_against([one, other]) == ()
    assert [group.size for group in whole.groups] == [128, 8 + 20, 8, 6]


def test_what_is_learnt_for_each_compartment_is_its_members() -> None:
    learnt = {"name": "leaky_relu", "slope": {"value": 0.1, "trainable": "compartment"}}
    networks = [DendriticNetwork(graph_of(nonlinearity=learnt), seed=seed) for seed in range(2)]
    for network in networks:
        torch.nn.init.uniform_(network.excitability["hidden/soma:slope"])
    x = torch.rand(5, 2, 64) - 0.5
    answers = joined(networks)(x.flatten(1))
    torch.testing.assert_close(answers, torch.cat([network(x[:, n]) for n, network in enumerate(networks)], 1))


def test_what_does_not_fit_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of()
    monkeypatch.setattr("dendrograph.training.graph_union.available_memory", lambda: 1000)
    (reason,) = reasons_against([graph] * 3)
    assert reason.startswith("they take about ") and "1.0 kB of memory is available" in reason


def test_a_union_of_nothing_is_refused() -> None:
    with pytest.raises(DendrographError, match="a union of no graphs: give at least one"):
        union([])
