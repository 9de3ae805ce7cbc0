"""From a morphology to a graph: what is compiled is what was declared, for every model and for random trees."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from cases import each_pair, for_each
from models import PAPERS
from trees import CORNERS, COVERING, Case

from dendrograph import DendriticNetwork, DendrographError, Graph, Morphology, compile, load
from dendrograph.base.errors import MorphologyError
from dendrograph.graph import compiler as compiler_module
from dendrograph.graph import wiring
from dendrograph.graph.graph import Projection
from dendrograph.graph.initial_weights import initial_weights
from dendrograph.graph.tree import arborescence
from dendrograph.morphology.weights import Init

ROOT = Path(__file__).resolve().parents[2]
CASES = (*CORNERS[:14], *COVERING)

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def _morphology(neuron: Mapping[str, Any], count: int = 4, **more: Any) -> Morphology:
    layers = [{"name": "hidden", "neuron": "cell", "count": count}]
    return Morphology.from_dict({"name": "test", "neurons": {"cell": neuron}, "layers": layers, **more})


def _dendritic(synapses: Mapping[str, Any], dendrites: int = 3, count: int = 4, **more: Any) -> Morphology:
    return _morphology({"dendrites": [{"count": dendrites, "synapses": synapses}]}, count, **more)


def _projection(graph: Graph, name: str) -> Projection:
    return next(projection for projection in graph.projections if projection.name == name)


# --- the graph --------------------------------------------------------------------------------------------------------


@every_case
def test_groups_are_row_ranges_of_nodes_that_run_in_order(case: Case) -> None:
    graph = case.compile()
    assert [group.start for group in graph.groups] == np.cumsum([0, *(group.size for group in graph.groups)])[
        :-1
    ].tolist()
    assert graph.nodes == sum(group.size for group in graph.groups)
    assert len({group.name for group in graph.groups}) == len(graph.groups)
    position = {group.name: place for place, group in enumerate(graph.groups)}
    for projection in graph.projections:
        assert position[projection.source] < position[projection.target], "a single pass runs the network"
        assert projection.sources == graph.by_name[projection.source].size
        assert projection.targets == graph.by_name[projection.target].size
    targets = [position[projection.target] for projection in graph.projections]
    assert targets == sorted(targets)
    assert len({projection.name for projection in graph.projections}) == len(graph.projections)
    assert graph.groups[-1].name == "readout" and graph.groups[-1].size == case.classes
    assert {group.name for group in graph.groups if group.role == "input"} == set(case.inputs)


@every_case
def test_a_stage_is_the_height_above_the_deepest_source(case: Case) -> None:
    graph = case.compile()
    groups = nx.DiGraph([(projection.source, projection.target) for projection in graph.projections])
    for group in graph.groups:
        above = nx.ancestors(groups, group.name) | {group.name}
        assert group.stage == nx.dag_longest_path_length(groups.subgraph(above))


@every_case
def test_edges_are_sorted_and_lie_in_their_groups(case: Case) -> None:
    graph = case.compile()
    for projection in graph.projections:
        source, target = projection.endpoints()
        assert source.dtype == target.dtype == np.int32, "narrow; the edge index alone is int64"
        assert len(source) == len(target) == projection.edges
        assert np.array_equal(np.lexsort((source, target)), np.arange(len(source))), "stable, so: sorted already"
        index = projection.edge_index
        assert index.dtype == torch.int64 and index.shape == (2, projection.edges)
        assert np.array_equal(index.numpy(), np.stack([source, target]))
        assert projection.fan_in().tolist() == [int((target == i).sum()) for i in range(projection.targets)]
        assert projection.fan_out().tolist() == [int((source == i).sum()) for i in range(projection.sources)]
        if projection.all_to_all:
            assert (
                len(set(zip(source.tolist(), target.tolist(), strict=True))) == projection.sources * projection.targets
            )
            assert projection.density == 1.0


@every_case
def test_the_cables_of_each_neuron_are_its_tree(case: Case) -> None:
    graph = case.compile()
    assert graph.morphology is not None
    declared_in = {copy.name: graph.morphology.neurons[copy.layer.neuron] for copy in graph.morphology.copies()}
    assert set(declared_in) == {group.layer for group in graph.groups if group.role == "soma"}
    for layer in {group.layer for group in graph.groups if group.role in ("soma", "dendrite")}:
        groups = [group for group in graph.groups if group.layer == layer]
        (soma,) = (group for group in groups if group.role == "soma")
        neurons = nx.DiGraph()
        for group in groups:
            neurons.add_nodes_from((group.name.split("/", 1)[1], i) for i in range(group.size))
        for projection in graph.projections:
            if projection.kind == "cable" and projection.target in {group.name for group in groups}:
                child, parent = projection.source.split("/", 1)[1], projection.target.split("/", 1)[1]
                for i, j in zip(*projection.endpoints(), strict=True):
                    neurons.add_edge((parent, int(j)), (child, int(i)))
        declared = declared_in[layer]
        tree = arborescence(declared)
        for number in range(soma.size):
            # Neuron by neuron: neuron n has the n-th range of every group.
            size = {group.name.split("/", 1)[1]: group.size // soma.size for group in groups}
            names = {
                node: (data["group"], number * size[data["group"]] + data["index"])
                for node, data in tree.nodes(data=True)
            }
            mine = nx.relabel_nodes(tree, names)
            below = nx.descendants(neurons, (declared.name, number)) | {(declared.name, number)}
            assert set(mine) == below
            assert set(mine.edges) == set(neurons.subgraph(below).edges)


@every_case
def test_tables_and_networkx_tell_the_same_graph(case: Case) -> None:
    graph = case.compile()
    nodes, edges = graph.node_table(), graph.edge_table()
    assert all(len(column) == graph.nodes for column in nodes.values())
    assert all(len(column) == graph.edges for column in edges.values())
    row = 0
    for group in graph.groups:
        for index in range(group.size):
            assert nodes["group"][row] == group.name and nodes["role"][row] == group.role
            assert nodes["index"][row] == index and nodes["layer"][row] == group.layer
            assert nodes["neuron"][row] == index * group.neurons // group.size
            row += 1
    index = graph.edge_index
    assert index.shape == (2, graph.edges) and index.dtype == torch.int64
    assert np.array_equal(index.numpy(), np.stack([edges["source"], edges["target"]]))
    start = 0
    for projection in graph.projections:
        of_it = slice(start, start + projection.edges)
        source, target = projection.endpoints()
        assert np.array_equal(edges["source"][of_it], source + graph.by_name[projection.source].start)
        assert np.array_equal(edges["target"][of_it], target + graph.by_name[projection.target].start)
        assert set(edges["projection"][of_it]) <= {projection.name} and set(edges["kind"][of_it]) <= {projection.kind}
        start += projection.edges
    network = graph.to_networkx()
    assert (network.number_of_nodes(), network.number_of_edges()) == (graph.nodes, graph.edges)
    assert nx.is_directed_acyclic_graph(network)
    pairs = sorted((a, b) for a, b in network.edges())
    assert pairs == sorted(zip(edges["source"].tolist(), edges["target"].tolist(), strict=True))


@every_case
def test_what_is_counted_is_what_there_is(case: Case) -> None:
    graph = case.compile()
    network = DendriticNetwork(graph)
    assert graph.parameters == sum(part.numel() for part in network.parameters())
    assert graph.trainable_parameters == sum(part.numel() for part in network.parameters() if part.requires_grad)
    assert graph.edges == sum(weight.numel() for weight in network.weights.values())
    assert graph.synapses + sum(p.edges for p in graph.projections if p.kind == "cable") == graph.edges
    assert graph.compartments == int(np.isin(graph.node_table()["role"], ["soma", "dendrite"]).sum())


# --- parameter counts -------------------------------------------------------------------------------------------------


def _formula(model: str, p: int, d: int, s: int, k: int, c: int, layers: int) -> int:
    """Design 1, one dendro-somatic layer after the other; `p` units feed the first, the somata feed the next."""
    total = (s + 1) * c
    for layer in range(layers):
        units = p if layer == 0 else s
        sampled = k if layer == 0 else k_of_somata(k)
        first = (units if model in ("vann", "pdann", "psann") else sampled) + 1
        second = (d * s if model.startswith("vann") else d) + 1
        total += first * d * s + second * s
    return total


def k_of_somata(k: int) -> int:
    """A layer of somata is a grid of one channel: a position is a synapse."""
    return SYNAPSES if k else 0


SYNAPSES, DENDRITES, SOMATA = 16, 4, 32


@pytest.mark.parametrize("model", PAPERS)
@for_each("shape, classes, layers", each_pair([(28, 28), (32, 32, 3)], [10, 47], [1, 3]))
def test_parameters_are_those_of_the_formula(model: str, shape: tuple[int, ...], classes: int, layers: int) -> None:
    knobs = {"dendrites": DENDRITES, "somata": SOMATA, "synapses": SYNAPSES, "layers": layers}
    graph = compile(load(model, knobs), shape, classes)
    fields = model.endswith(("lrf", "grf"))
    k = SYNAPSES * 3 if fields and len(shape) == 3 else SYNAPSES
    expected = _formula(model, int(np.prod(shape)), DENDRITES, SOMATA, k, classes, layers)
    assert graph.parameters == expected
    assert sum(parameter.numel() for parameter in DendriticNetwork(graph).parameters()) == expected


def test_parameters_of_the_models_as_they_ship() -> None:
    # D = 8, S = 64, K = 16, P = 784, C = 10, worked out by hand from design 1.
    dendrites, somata, readout = 8 * 64, 64, 65 * 10
    expected = {
        "dann": 17 * dendrites + 9 * somata + readout,
        "pdann": 785 * dendrites + 9 * somata + readout,
        "vann": 785 * dendrites + 513 * somata + readout,
        "vann-": 17 * dendrites + 513 * somata + readout,
    }
    assert expected["dann"] == 9930
    for model in PAPERS:
        kind = {"p": "pdann", "s": "dann", "d": "dann"}.get(model[0], "vann" if model == "vann" else "vann-")
        assert compile(load(model), (28, 28)).parameters == expected["pdann" if model == "psann" else kind]


@pytest.mark.parametrize("model", PAPERS)
def test_each_model_is_wired_as_its_name_says(model: str) -> None:
    """The authors' released runs were not: an sANN must not be a dANN, nor a GRF leave dendrites without synapses."""
    graph = compile(load(model, {"dendrites": 4, "somata": 16}), (28, 28), seed=1)
    kinds = [projection.kind for projection in graph.projections]
    assert kinds.count("cable") == (1 if "dann" in model else 0)
    inputs = next(projection for projection in graph.projections if projection.source == "image")
    assert inputs.targets == 4 * 16
    assert inputs.fan_in().tolist() == [784 if model in ("vann", "pdann", "psann") else 16] * 64
    second = next(projection for projection in graph.projections if projection.source == inputs.target)
    assert second.targets == 16
    assert second.fan_in().tolist() == [64 if model.startswith("vann") else 4] * 16
    contiguous = second.pairs is not None and np.array_equal(second.pairs[0], np.arange(64))
    assert contiguous == ("dann" in model), "a tree's cables are contiguous; an sANN draws its own at random"
    field = inputs.field
    assert field is not None
    assert field.rule == {"lrf": "local", "grf": "global", "random": "random"}.get(model.split("-")[-1], "all")
    if field.rule == "global":
        assert field.neuron_centres is not None and field.members == 4
        assert len(np.unique(field.neuron_centres.reshape(16, 4), axis=1)) == 16
    assert all(projection.init.name == "glorot_dense" for projection in graph.projections)
    functions = {(group.role, group.nonlinearity.name) for group in graph.groups}
    assert functions == {("input", "identity"), ("readout", "identity")} | (
        {("soma", "leaky_relu"), ("dendrite", "leaky_relu")} if "dann" in model else {("soma", "leaky_relu")}
    )


# --- fields in place --------------------------------------------------------------------------------------------------


@every_case
def test_fan_in_is_exactly_what_was_declared(case: Case) -> None:
    graph = case.compile()
    declared = list(case.synapses())
    exact = [projection for projection in graph.projections if projection.field and projection.field.fan_in is not None]
    together: dict[tuple[str, int], Any] = {}
    for projection in exact:
        key = (projection.target, id(projection.field))
        together[key] = together.get(key, 0) + projection.fan_in()
    for (target, _), fan_in in together.items():
        assert len(set(fan_in.tolist())) == 1, target
    for projection in graph.projections:
        if projection.field is not None and projection.field.rule == "pooled":
            every = [other for other in graph.projections if other.field is projection.field]
            assert sum(other.edges for other in every) == projection.field.total
    assert declared


@pytest.mark.parametrize("field", ["random", "local", "global"])
@pytest.mark.parametrize("count", [0, 1, 5, 16])
def test_fan_in_by_field_and_count(field: str, count: int) -> None:
    for shape, channels in (((4, 4), 1), ((4, 4, 3), 3 if field != "random" else 1)):
        graph = compile(_dendritic({"count": count, "field": field}), shape)
        assert _projection(graph, "image->hidden/dendrite").fan_in().tolist() == [count * channels] * 12


def test_a_list_of_sources_is_one_pool_of_units() -> None:
    morphology = _dendritic(
        {"count": 6, "from": ["image", "sound"]}, dendrites=50, count=20, inputs={"image": "auto", "sound": 5}
    )
    graph = compile(morphology, {"image": (3, 5)})
    image, sound = (_projection(graph, f"{stream}->hidden/dendrite") for stream in ("image", "sound"))
    assert (image.fan_in() + sound.fan_in()).tolist() == [6] * 1000
    assert len(set(image.fan_in().tolist())) > 3, "how many of the six come from which stream is left to chance"
    assert sound.edges / 6000 == pytest.approx(5 / 20, abs=0.02), "by the units that each stream has"
    assert image.field is sound.field


def test_a_source_that_is_named_twice_counts_once() -> None:
    """`previous` is the image itself in a first layer: a list of both draws from one set of units."""
    graph = compile(_dendritic({"count": 16, "from": ["previous", "image"]}), (4, 4))
    (synapses,) = graph.onto("hidden/dendrite")
    assert synapses.fan_in().tolist() == [16] * 12
    everything = compile(_dendritic({"field": "all", "from": ["previous", "image"]}), (4, 4))
    assert everything.onto("hidden/dendrite")[0].edges == 16 * 12 and len(everything.onto("hidden/dendrite")) == 1


def test_global_dendrites_of_one_neuron_share_its_centre_whatever_their_place() -> None:
    local = {"count": 4, "field": "global"}
    neuron = {"dendrites": [{"name": "basal", "count": 2, "synapses": local}, {"name": "apical", "synapses": local}]}
    graph = compile(_morphology(neuron, 30), (9, 9))
    of_basal, of_apical = (_projection(graph, f"image->hidden/{name}").field for name in ("basal", "apical"))
    assert of_basal is not None and of_apical is not None
    assert of_basal.neuron_centres is not None and of_apical.neuron_centres is not None
    assert np.array_equal(of_basal.neuron_centres.reshape(30, 2)[:, 0], of_apical.neuron_centres)
    assert len(set(of_apical.neuron_centres.tolist())) > 10, "each neuron has its own"
    # A lone dendrite has nothing but the neuron's own centre to lie around.
    assert np.array_equal(of_apical.centres, of_apical.neuron_centres)


@pytest.mark.parametrize(("neurons", "group"), [(12, 4), (10, 4), (3, 8), (5, 1), (7, 10**15)])
def test_a_group_of_point_neurons_shares_a_centre(neurons: int, group: int) -> None:
    graph = compile(_morphology({"synapses": {"count": 4, "field": "global", "group": group}}, neurons), (20, 20))
    field = _projection(graph, "image->hidden/soma").field
    assert field is not None and field.neuron_centres is not None and field.centres is not None
    sets = [field.neuron_centres[start : start + group] for start in range(0, neurons, min(group, neurons))]
    assert all(len(set(each.tolist())) == 1 for each in sets)
    for start in range(0, neurons, min(group, neurons)):
        own, centres = field.neuron_centres[start], field.centres[start : start + group]
        assert own in centres, "the nearest position is the centre itself, also where the set is not full"
        assert len(set(centres.tolist())) == len(centres)


def test_somata_are_laid_out_as_a_nearly_square_grid() -> None:
    morphology = Morphology.from_dict(
        {
            "name": "test",
            "neurons": {"a": {"synapses": {"count": 2}}, "b": {"synapses": {"count": 9, "field": "local"}}},
            "layers": [{"name": "first", "neuron": "a", "count": 12}, {"neuron": "b", "count": 5}],
        }
    )
    field = compile(morphology, (4, 4)).projections[1].field
    assert field is not None and field.grid == (3, 4) and field.channels == 1


# --- layers -----------------------------------------------------------------------------------------------------------


def _ends(graph: Graph) -> list[tuple[str, str]]:
    return [(projection.source, projection.target) for projection in graph.projections]


def _layered(layers: list[dict[str, Any]], **neurons: Any) -> Graph:
    one = {"cell": {"synapses": {"count": 2, "from": "previous"}}, **neurons}
    return compile(Morphology.from_dict({"name": "test", "neurons": one, "layers": layers}), (4, 4))


def test_a_repeated_layer_feeds_its_next_copy() -> None:
    graph = _layered([{"name": "a", "neuron": "cell", "count": 5, "repeat": 3}])
    chain = ["image", "a1/soma", "a2/soma", "a3/soma", "readout"]
    assert _ends(graph) == list(pairwise(chain))


def test_a_stack_is_repeated_as_a_whole() -> None:
    layers = [{"name": "a", "neuron": "cell", "count": 5}, {"name": "b", "neuron": "cell", "count": 4, "repeat": 2}]
    graph = _layered([{"repeat": 2, "layers": layers}])
    chain = ["image", "a1/soma", "b1/soma", "b2/soma", "a2/soma", "b3/soma", "b4/soma", "readout"]
    assert _ends(graph) == list(pairwise(chain))


def test_a_skip_connection_reaches_back() -> None:
    skip = {"synapses": [{"count": 2, "from": "previous"}, {"count": 3, "from": ["image", "a"]}]}
    graph = _layered(
        [
            {"name": "a", "neuron": "cell", "count": 5},
            {"name": "b", "neuron": "cell", "count": 4},
            {"name": "c", "neuron": "skip", "count": 3},
        ],
        skip=skip,
    )
    assert {source for source, target in _ends(graph) if target == "c/soma"} == {"b/soma", "image", "a/soma"}


def test_several_entries_from_one_source_are_told_apart() -> None:
    graph = compile(_morphology({"synapses": [{"count": 2}, {"count": 3}, {"field": "all"}]}), (4, 4))
    assert [p.name for p in graph.onto("hidden/soma")] == [
        *("image->hidden/soma", "image->hidden/soma#2", "image->hidden/soma#3")
    ]
    assert [p.edges for p in graph.onto("hidden/soma")] == [8, 12, 64]


def test_what_is_all_to_all_needs_no_index() -> None:
    graph = compile(load("vann"), (28, 28))
    assert all(projection.pairs is None for projection in graph.projections)


# --- determinism ------------------------------------------------------------------------------------------------------


@every_case
def test_the_same_arguments_give_the_same_graph(case: Case) -> None:
    one, other = case.compile(seed=5), case.compile(seed=5)
    assert one.connectivity_hash == other.connectivity_hash
    assert torch.equal(one.edge_index, other.edge_index)
    assert one.groups == other.groups


def test_the_hash_tells_any_change_of_the_wiring() -> None:
    graph = CORNERS[5].compile()
    hashes = {graph.connectivity_hash, replace(graph, groups=graph.groups[1:]).connectivity_hash}
    for number, projection in enumerate(graph.projections):
        others = list(graph.projections)
        if projection.pairs is None:
            continue
        source, target = projection.pairs
        moved = source.copy()
        moved[-1] = (moved[-1] + 1) % projection.sources
        others[number] = replace(projection, pairs=(moved, target))
        hashes.add(replace(graph, projections=tuple(others)).connectivity_hash)
    assert len(hashes) == 2 + sum(projection.pairs is not None for projection in graph.projections)
    assert replace(graph, seed=9, name="other").connectivity_hash == graph.connectivity_hash, "the wiring, no more"


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_graph() -> None:
    code = (
        "from dendrograph import compile, load\n"
        "for model in ('dann-random', 'dann-grf', 'sann-lrf'):\n"
        "    print(compile(load(model), (28, 28), seed=3).connectivity_hash)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "99"}
    fresh = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    models = ("dann-random", "dann-grf", "sann-lrf")
    assert fresh.stdout.split() == [compile(load(model), (28, 28), seed=3).connectivity_hash for model in models]


WIRINGS = {
    "dann-grf": "9b82764d4ceef176",
    "dann-lrf": "90262d33708a156a",
    "dann-random": "17f57717d0ef8a1f",
    "pdann": "61a3f706d83fa3bd",
    "psann": "72cd78b75cc5e475",
    "sann-grf": "5c6be117495a6008",
    "sann-lrf": "c89ed3538d5c3245",
    "sann-random": "a3b609a129699c85",
    "vann-grf": "a12c8d53cc5977e4",
    "vann-lrf": "bedf118ed3915691",
    "vann-random": "7d2c1f0eca17495b",
    "vann": "e80c42a179094e5f",
}


@pytest.mark.parametrize("model", WIRINGS)
def test_wiring_is_that_which_earlier_versions_gave(model: str) -> None:
    """A run is repeated from its seed; should these change, the records of all earlier runs no longer hold."""
    knobs = {"somata": 33} | ({"dendrites": 5} if "dann" in model else {})
    assert compile(load(model, knobs), (28, 28), seed=7).connectivity_hash[:16] == WIRINGS[model]


def test_a_shuffle_changes_the_order_of_rows_and_nothing_else() -> None:
    """One exchange a group, whatever entries it has; each layer and kind has its own; other wiring is as without it."""
    entries = [{"count": 4, "field": "global"}, {"count": 3, "field": "pooled"}, {"count": 2}]

    def graph(*shuffled: bool) -> Graph:
        marked = [entry | {"shuffle": each} for entry, each in zip(entries, shuffled, strict=True)]
        kinds = [{"name": name, "count": 3, "synapses": marked} for name in "ab"]
        layers = [{"name": name, "neuron": "n", "count": 20} for name in ("one", "two")]
        return compile(
            Morphology.from_dict({"name": "it", "neurons": {"n": {"dendrites": kinds}}, "layers": layers}), (9, 9)
        )

    plain, all_of_them, two = graph(False, False, False), graph(True, True, True), graph(True, False, True)
    orders = set()
    for group in ("one/a", "one/b", "two/a", "two/b"):
        of_group = set()
        for one, other, third in zip(*(each.onto(group) for each in (plain, all_of_them, two)), strict=True):
            order = other.field.drawn_for
            of_group.add(tuple(order.tolist()))
            assert one.field.drawn_for is None
            for shuffled in (other, third):
                for row in range(60):
                    was = row if shuffled.field.drawn_for is None else order[row]
                    source, target = shuffled.endpoints()
                    drawn, by = one.endpoints()
                    assert source[target == row].tolist() == drawn[by == was].tolist()
                    if one.field.centres is not None:
                        assert shuffled.field.centres[row] == one.field.centres[was]
        assert [each.field.drawn_for is None for each in two.onto(group)] == [False, True, False]
        assert len(of_group) == 1
        orders |= of_group
    assert len(orders) == 4
    assert plain.connectivity_hash != all_of_them.connectivity_hash


@every_case
def test_neither_blocks_nor_the_type_of_the_indices_change_the_graph(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = case.compile()
    for place, name, value, kind in ((wiring, "BLOCK", 11, np.int32), (wiring, "_NARROW", 0, np.int64)):
        monkeypatch.setattr(place, name, value)
        other = case.compile()
        assert all(end.dtype == kind for projection in other.projections for end in projection.endpoints())
        assert other.connectivity_hash == graph.connectivity_hash
        assert torch.equal(other.edge_index, graph.edge_index)
        for mine, its in zip(graph.projections, other.projections, strict=True):
            assert np.array_equal(mine.fan_in(), its.fan_in()) and np.array_equal(mine.fan_out(), its.fan_out())


@pytest.mark.parametrize("model", [name for name in PAPERS if name not in ("vann", "pdann")])
def test_another_seed_gives_other_wiring(model: str) -> None:
    hashes = {compile(load(model), (28, 28), seed=seed).connectivity_hash for seed in (0, 1, 2, 2**32, 2**32 + 1)}
    assert len(hashes) == 5


@pytest.mark.parametrize("field", ["random", "pooled", "local", "global"])
def test_a_change_in_one_place_leaves_the_wiring_of_all_others(field: str) -> None:
    def compiled(basal: int, synapses: int, classes: int) -> Graph:
        drawn = {"field": field, "from": "image"}
        neuron = {
            "dendrites": [
                {"name": "basal", "count": basal, "synapses": {"count": synapses, **drawn}},
                {
                    "name": "apical",
                    "count": 2,
                    "synapses": [{"count": 3, **drawn}, {"count": 4, **drawn}],
                    "dendrites": [{"name": "tuft", "count": 2, "synapses": {"count": 5, **drawn}}],
                },
            ]
        }
        return compile(_morphology(neuron, 6), (7, 7), classes, seed=1)

    one, other = compiled(2, 3, 10), compiled(5, 9, 4)
    for name in ("image->hidden/apical", "image->hidden/apical#2", "image->hidden/apical/tuft"):
        mine, its = _projection(one, name).pairs, _projection(other, name).pairs
        assert mine is not None and its is not None
        assert np.array_equal(mine, its)
    assert _projection(one, "image->hidden/basal").edges != _projection(other, "image->hidden/basal").edges


@pytest.mark.parametrize("field", ["random", "pooled", "local", "global"])
def test_what_is_declared_alike_is_drawn_apart(field: str) -> None:
    """Two groups, two entries, two layers: each has random numbers of its own, or their wiring would go together."""
    drawn = {"field": field, "from": "image", "count": 5}
    neuron = {
        "synapses": {"from": "previous", "field": "all"},
        "dendrites": [{"name": name, "count": 6, "synapses": [drawn, drawn]} for name in ("basal", "apical")],
    }
    layers = [{"name": "hidden", "neuron": "cell", "count": 6, "repeat": 2}]
    morphology = Morphology.from_dict({"name": "test", "neurons": {"cell": neuron}, "layers": layers})
    graph = compile(morphology, (9, 9))
    wirings = [p.pairs for p in graph.projections if p.source == "image" and p.pairs is not None]
    assert len(wirings) == 8
    edges = [set(zip(*(ends.tolist() for ends in pairs), strict=True)) for pairs in wirings]
    for number, one in enumerate(edges):
        for other in edges[:number]:
            assert len(one & other) < len(one) / 2


# --- what is refused --------------------------------------------------------------------------------------------------


def _peak(run: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        run()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


ABSURD = {
    "synapses": (_dendritic({"count": 10**9, "replace": True}), (28, 28), "12,000,000,052"),
    "somata": (_dendritic({"count": 16}, count=10**12), (28, 28), "61,000,000,000,000"),
    "dendrites": (_dendritic({"count": 16, "field": "local"}, dendrites=10**12), (28, 28), "68,000,000,000,040"),
    "all-to-all": (_morphology({"synapses": {"field": "all"}}, 10**9), (1000, 1000), "1,000,010,000,000,000"),
    "pooled": (_dendritic({"count": 10**5, "field": "pooled"}, 10**4, 10**3), (1000, 1000), "1,000,010,010,000"),
    "input": (_dendritic({"count": 4}), (10**15,), "1,000,000,000,000,000 input units"),
    "a prime input": (_dendritic({"count": 4, "field": "global"}), (10**15 - 11,), "999,999,999,999,989 input units"),
    "classes": (_dendritic({"count": 4}), (4, 4), "40,000,000,060"),
    "layers": (
        Morphology.from_dict(
            {
                "name": "test",
                "neurons": {"cell": {"synapses": {"field": "all"}}},
                "layers": [{"neuron": "cell", "count": 10**6, "repeat": 900}],
            }
        ),
        (28, 28),
        "899,000,794,000,000",
    ),
}


@pytest.mark.parametrize("name", ABSURD)
def test_what_would_not_fit_is_refused_before_anything_is_allocated(name: str) -> None:
    morphology, shape, said = ABSURD[name]
    classes = 10**10 if name == "classes" else 10

    def refuse() -> None:
        with pytest.raises(DendrographError) as refused:
            compile(morphology, shape, classes)
        assert said in str(refused.value)
        assert "synapses" in str(refused.value) and "of memory is available" in str(refused.value)

    assert _peak(refuse) < 20_000_000


def test_the_refusal_counts_what_would_be_compiled() -> None:
    morphology = load("dann-lrf")
    graph = compile(morphology, (28, 28))
    with pytest.raises(DendrographError) as refused:
        compile(morphology, (28, 28), memory_limit=1)
    message = str(refused.value)
    assert f"{graph.edges:,} synapses and cables" in message
    assert f"{graph.compartments:,} compartments" in message
    assert "784 input units" in message
    assert "1 bytes of memory is available" in message
    assert "ask for fewer somata, dendrites or synapses" in message


def test_the_limit_is_a_line_between_enough_and_too_little() -> None:
    def fits(limit: int) -> bool:
        try:
            compile(load("dann-random"), (28, 28), memory_limit=limit)
        except DendrographError:
            return False
        return True

    low, high = 0, 10**9
    assert fits(high) and not fits(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    # Weights, their gradients and Adam's moments alone are 16 bytes a parameter.
    parameters = compile(load("dann-random"), (28, 28)).parameters
    assert parameters * 16 < high < parameters * 16 + 10_000_000


def test_a_group_without_bound_costs_nothing() -> None:
    morphology = _dendritic({"count": 4, "field": "global", "group": 10**15})
    assert _peak(lambda: compile(morphology, (8, 8))) < 1_000_000


@pytest.mark.parametrize("shape", [(28, 28), None])
def test_inputs_that_do_not_fit_are_refused(shape: tuple[int, ...] | None) -> None:
    several = _dendritic({"count": 2, "from": ["image", "sound"]}, inputs={"image": "auto", "sound": "auto"})
    with pytest.raises(DendrographError, match="sound"):
        compile(several, shape)


@pytest.mark.parametrize("field", ["random", "local", "global", "pooled"])
def test_a_field_larger_than_its_source_is_refused(field: str) -> None:
    compile(_dendritic({"count": 16, "field": field}), (4, 4))
    with pytest.raises(MorphologyError, match="at most 16"):
        compile(_dendritic({"count": 17, "field": field}), (4, 4))


@pytest.mark.parametrize("classes", [0, -1, 2.0, True, "10", np.array(2.0)])
def test_classes_must_be_a_whole_number(classes: Any) -> None:
    with pytest.raises(DendrographError, match="classes must be a whole number of at least 1"):
        compile(load("dann-lrf"), (28, 28), classes)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    labels = np.array([0, 3, 6])
    graph = compile(load("dann-lrf"), np.array([8, 8]), labels.max() + 1, np.int32(3))
    assert graph.connectivity_hash == compile(load("dann-lrf"), (8, 8), 7, 3).connectivity_hash
    assert type(graph.classes) is type(graph.seed) is int


@pytest.mark.parametrize("seed", [-1, 1.0, False, None])
def test_a_seed_must_be_a_whole_number(seed: Any) -> None:
    with pytest.raises(DendrographError, match="the seed must be a whole number of at least 0"):
        compile(load("dann-lrf"), (28, 28), 10, seed)


# --- what it costs: counted, since timings decide nothing -------------------------------------------------------------


def _steps(run: Callable[[], Any]) -> int:
    """Bytecodes that the package executes: a loop too many shows, whatever the machine."""
    steps = 0
    package = str(Path(compiler_module.__file__).parent)

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        if event == "call":
            if not frame.f_code.co_filename.startswith(package):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            steps += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return steps


def test_steps_do_not_grow_with_compartments_or_synapses() -> None:
    small, large = (
        _steps(lambda knobs=knobs: compile(load("dann-grf", knobs), (28, 28)))
        for knobs in ({"somata": 16, "dendrites": 8}, {"somata": 64, "dendrites": 16})
    )
    assert large < 1.1 * small


@pytest.mark.parametrize("kind", ["layers", "dendrites"])
def test_steps_grow_linearly_with_groups(kind: str) -> None:
    def steps(number: int) -> int:
        dendrite = {"synapses": {"count": 2, "from": "image"}}
        if kind == "layers":
            neurons, repeat = {"cell": {"synapses": {"count": 2}}}, number
        else:
            neurons, repeat = {"cell": {"dendrites": [{"name": f"d{i}", **dendrite} for i in range(number)]}}, 1
        layers = [{"neuron": "cell", "count": 4, "repeat": repeat}]
        morphology = Morphology.from_dict({"name": "test", "neurons": neurons, "layers": layers})
        return _steps(lambda: compile(morphology, (4, 4)))

    base, once, twice = steps(20), steps(80), steps(140)
    assert (twice - once) < 1.15 * (once - base)


@pytest.mark.parametrize("field", ["random", "pooled", "local", "global"])
def test_memory_grows_linearly_with_synapses(field: str) -> None:
    def peak(count: int) -> int:
        return _peak(lambda: compile(_dendritic({"count": 16, "field": field}, 16, count), (28, 28)))

    small, large = peak(100), peak(400)
    assert large < 4.5 * small
    assert large < 400 * 16 * 16 * 400  # bytes a synapse, at the worst moment


@pytest.mark.parametrize("model", ["dann-random", "dann-lrf", "dann-grf"])
def test_a_million_synapses_take_little_more_than_their_indices(model: str) -> None:
    graphs: list[Graph] = []
    peak = _peak(lambda: graphs.append(compile(load(model, {"dendrites": 64, "somata": 1000}), (28, 28))))
    (graph,) = graphs
    synapses = _projection(graph, "image->hidden/dendrite")
    assert synapses.edges == 1_024_000
    assert peak < 8 * graph.edges + 8_000_000, "two int32 an edge, and what is made on the way"
    source, target = synapses.endpoints()
    assert source.dtype == target.dtype == np.int32
    assert np.array_equal(target, np.repeat(np.arange(64_000), 16)) and (synapses.fan_in() == 16).all()
    rows = source.reshape(64_000, 16)
    assert (rows[:, 1:] > rows[:, :-1]).all() and rows.min() == 0 and rows.max() == 783


def test_weights_of_a_million_synapses_take_little_more_than_themselves() -> None:
    graph = compile(load("dann-random", {"dendrites": 64, "somata": 1000}), (28, 28))
    number, synapses = next(pair for pair in enumerate(graph.projections) if pair[1].edges == 1_024_000)
    own_fans = replace(synapses, init=Init("glorot"))
    assert _peak(lambda: initial_weights(own_fans, 0, number)) < 4 * synapses.edges + 4_000_000
    assert _peak(lambda: graph.connectivity_hash) < 2_000_000
