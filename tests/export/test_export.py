"""Exports: each format is opened by its own tool, and holds the same nodes, edges, weights and biases, exactly."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from cases import for_each
from exports import biased, small
from numpy.typing import NDArray
from small import digits, morphology_file
from tools import tool
from trees import CORNERS, COVERING, Case

from dendrograph import DendriticNetwork, Run, compile, load
from dendrograph.cli.main import main
from dendrograph.export import FORMATS, export, to_data, to_networkx
from dendrograph.export.pytorch_geometric import read_data
from dendrograph.morphology.shipped import shipped
from dendrograph.training.model_source import ModelSource

CASES = (*CORNERS, *COVERING)
TEXT = ("graphml", "dot", "json", "csv", "npz", "safetensors")


@dataclass
class Held:
    """What a file holds, as its tool reads it; weights and biases as float32, by which they are compared."""

    nodes: list[tuple[Any, ...]]  # group, role, layer, neuron, index
    edges: list[tuple[Any, ...]]  # source, target, projection, kind, sign
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]


NODE = ("group", "role", "layer", "neuron", "index")
EDGE = ("projection", "kind", "sign")


def held_by(network: DendriticNetwork) -> Held:
    """What a file should hold."""
    graph = network.graph
    nodes, edges = graph.node_table(), graph.edge_table()
    signs = {projection.name: projection.sign for projection in graph.projections}
    biases = [network.biases[one.name] if one.bias else torch.zeros(one.size) for one in graph.groups]
    weights = [network.weight(one.name) for one in graph.projections]
    return Held(
        list(zip(*(nodes[key].tolist() for key in NODE), strict=True)),
        [
            (source, target, name, kind, signs[name])
            for source, target, name, kind in zip(*(column.tolist() for column in edges.values()), strict=True)
        ],
        torch.cat(weights).detach().numpy() if weights else np.empty(0, np.float32),
        torch.cat(biases).detach().numpy(),
    )


def of_multigraph(graph: nx.MultiDiGraph) -> Held:
    """Edges of one pair keep their order, and so do all by their targets and sources."""
    nodes = sorted((int(node), data) for node, data in graph.nodes(data=True))
    edges = [(int(source), int(target), data) for source, target, data in graph.edges(data=True)]
    return Held(
        [tuple(data[key] for key in NODE) for _, data in nodes],
        [(source, target, *(data[key] for key in EDGE)) for source, target, data in edges],
        np.array([data["weight"] for _, _, data in edges], dtype=np.float32),
        np.array([data.get("bias", 0.0) for _, data in nodes], dtype=np.float32),
    )


def read_graphml(path: Path) -> Held:
    return of_multigraph(nx.read_graphml(path, node_type=int, force_multigraph=True))


def read_json(path: Path) -> Held:
    return of_multigraph(nx.node_link_graph(json.loads(path.read_text()), edges="edges"))


def read_dot(path: Path) -> Held:
    """As Graphviz understands it: its own JSON of what it has read, without a layout of any use."""
    command = [tool("dot"), "-Kosage", "-Tdot_json", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    found = json.loads(done.stdout)
    assert found["directed"] and not found["strict"]
    nodes = sorted(found["objects"], key=lambda node: int(node["name"]))
    names = {node["_gvid"]: int(node["name"]) for node in nodes}
    edges = sorted(found["edges"], key=lambda edge: edge["_gvid"])
    return Held(
        [
            (node["compartments"], node["role"], node["neurons"], int(node["neuron"]), int(node["index"]))
            for node in nodes
        ],
        [(names[edge["tail"]], names[edge["head"]], *(edge[key] for key in EDGE)) for edge in edges],
        np.array([edge["w"] for edge in edges], dtype=np.float32),
        np.array([node.get("bias") or 0.0 for node in nodes], dtype=np.float32),
    )


def read_csv(path: Path) -> Held:
    nodes, edges = (
        list(csv.DictReader(path.with_name(f"{path.stem}.{table}.csv").read_text().splitlines()))
        for table in ("nodes", "edges")
    )
    assert [int(row["node"]) for row in nodes] == list(range(len(nodes)))
    return Held(
        [(row["group"], row["role"], row["layer"], int(row["neuron"]), int(row["index"])) for row in nodes],
        [(int(row["source"]), int(row["target"]), *(row[key] for key in EDGE)) for row in edges],
        np.array([row["weight"] for row in edges], dtype=np.float32),
        np.array([row.get("bias") or 0.0 for row in nodes], dtype=np.float32),
    )


def read_npz(path: Path) -> Held:
    with np.load(path, allow_pickle=False) as held:
        group, projection = held["node_group"], held["edge_projection"]
        node = [held[f"groups_{key}"][group].tolist() for key in ("name", "role", "layer")]
        edge = [held[f"projections_{key}"][projection].tolist() for key in ("name", "kind", "sign")]
        columns = [*node, held["node_neuron"].tolist(), held["node_index"].tolist()]
        return Held(
            list(zip(*columns, strict=True)),
            list(zip(*held["edge_index"].tolist(), *edge, strict=True)),
            held["edge_weight"],
            held["node_bias"],
        )


def of_data(data: Any) -> Held:
    assert data.validate() and data.edge_index.dtype == torch.int64
    groups, projections = ([getattr(data, of)[one] for one in numbers.tolist()] for of, numbers in (
        ("groups", data.group), ("projections", data.projection)
    ))  # fmt: skip
    assert data.num_nodes == len(groups) and data.num_edges == len(projections)
    return Held(
        [
            (group["name"], group["role"], group["layer"], neuron, number)
            for group, neuron, number in zip(groups, data.neuron.tolist(), data.number.tolist(), strict=True)
        ],
        [
            (*pair, projection["name"], projection["kind"], projection["sign"])
            for pair, projection in zip(data.edge_index.t().tolist(), projections, strict=True)
        ],
        data.edge_weight.numpy(),
        data.bias.numpy(),
    )


def read_safetensors(path: Path) -> Held:
    pytest.importorskip("torch_geometric")
    return of_data(read_data(path))


READERS = {
    "graphml": read_graphml,
    "dot": read_dot,
    "json": read_json,
    "csv": read_csv,
    "npz": read_npz,
    "safetensors": read_safetensors,
}


def assert_held(found: Held, network: DendriticNetwork, in_order: bool) -> None:
    """The same in every bit; a multigraph lists its edges by their sources."""
    expected = held_by(network)
    assert found.nodes == expected.nodes
    assert found.biases.tobytes() == expected.biases.tobytes()
    order = range(len(expected.edges))
    if not in_order:
        assert len(found.edges) == len(expected.edges)
        by_source = sorted(order, key=lambda edge: expected.edges[edge][0])
        same = sorted(order, key=lambda edge: found.edges[edge][0])
        key = [(edge[0], edge[1]) for edge in (found.edges[i] for i in same)]
        same = [same[i] for i in sorted(order, key=lambda i: key[i])]
        by_source.sort(key=lambda edge: expected.edges[edge][:2])
        found = Held(found.nodes, [found.edges[i] for i in same], found.weights[same], found.biases)
        order = by_source
    assert found.edges == [expected.edges[edge] for edge in order]
    assert found.weights.tobytes() == expected.weights[list(order)].tobytes()


# Each format by its own tool


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped())
@for_each("suffix", TEXT)
def test_a_shipped_morphology_is_read_again_as_it_was(name: str, suffix: str, tmp_path: Path) -> None:
    network, path = small(name), tmp_path / f"net.{suffix}"
    result = export(network, path)
    assert (result.nodes, result.edges, result.weights) == (network.graph.nodes, network.graph.edges, "own")
    assert all(file.is_file() for file in result.files)
    assert_held(READERS[suffix](path), network, in_order=suffix not in ("graphml", "json", "dot"))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_any_tree_is_read_again_as_it_was(case: Case, tmp_path: Path) -> None:
    network = biased(DendriticNetwork(case.compile()))
    for suffix in TEXT:
        if suffix != "dot":  # which takes its time to start
            path = tmp_path / f"net.{suffix}"
            export(network, path)
            assert_held(READERS[suffix](path), network, in_order=suffix not in ("graphml", "json"))
    assert_held(of_multigraph(to_networkx(network)), network, in_order=False)


def test_what_is_learnt_of_a_nonlinearity_and_lengths_are_held(tmp_path: Path) -> None:
    (case,) = (one for one in CORNERS if one.name == "excitability that is learnt")
    network = DendriticNetwork(case.compile())
    with torch.no_grad():
        for learnt in network.excitability.values():
            learnt.add_(torch.linspace(0.1, 0.2, learnt.numel()).view(learnt.shape))
    found = to_networkx(network)
    (group,) = (one for one in network.graph.groups if one.name == "hidden/d0")
    thresholds = [found.nodes[group.start + index]["learnt_threshold"] for index in range(group.size)]
    assert thresholds == network.excitability["hidden/d0:threshold"].tolist()
    gains = {found.nodes[group.start + index]["learnt_gain"] for index in range(group.size)}
    assert gains == {network.excitability["hidden/d0:gain"].exp().item()}  # it is kept positive by its logarithm
    export(network, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as held:
        of_group = held["node_learnt_threshold"][group.start : group.start + group.size]
        assert of_group.tolist() == thresholds and np.isnan(held["node_learnt_threshold"]).sum() > 0
    export(ModelSource("asymmetric-pyramidal", overrides={"somata": 1}), tmp_path / "net.json")
    edges = json.loads((tmp_path / "net.json").read_text())["edges"]
    lengths = {(edge["projection"], edge.get("length_um"), edge.get("diameter_um")) for edge in edges}
    assert ("hidden/trunk->hidden/soma", 200.0, 3.0) in lengths
    assert all(length is None for name, length, _ in lengths if not name.startswith("hidden/") or "readout" in name)


@pytest.mark.parametrize("suffix", TEXT)
def test_structure_alone_has_no_weights(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{suffix}"
    graph = small("dann-lrf").graph
    result = export(graph, path)
    assert result.weights == "none" and str(result).endswith(" edges, no weights")
    for file in result.files:
        assert b"weight" not in file.read_bytes().replace(b'weights"', b"").replace(b"weights=", b"")
    if suffix == "json":
        found = nx.node_link_graph(json.loads(path.read_text()), edges="edges")
        assert found.number_of_edges() == graph.edges
        assert found.graph["connectivity_hash"] == graph.connectivity_hash


def test_pytorch_geometric_has_it_from_memory_too() -> None:
    pytest.importorskip("torch_geometric")
    from torch_geometric.data import Batch

    network = small("interneuron-sublinear")
    data = to_data(network)
    assert_held(of_data(data), network, in_order=True)
    both = Batch.from_data_list([data, data])
    assert both.num_nodes == 2 * data.num_nodes
    assert both.number.tolist() == 2 * data.number.tolist()  # not raised as edge_index is
    structure = to_data(network.graph)
    assert "edge_weight" not in structure and "bias" not in structure


def test_graphviz_draws_what_is_small(tmp_path: Path) -> None:
    export("xor-dcaap", tmp_path / "net.gv", weights="initial")
    done = subprocess.run([tool("dot"), "-Tsvg", tmp_path / "net.gv"], capture_output=True, text=True, check=True)
    assert not done.stderr and "<svg" in done.stdout


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_weights_of_other_types_keep_their_digits(kind: torch.dtype, tmp_path: Path) -> None:
    network = DendriticNetwork(small("xor-dcaap").graph).to(kind)
    with torch.no_grad():
        for weight in network.weights.values():
            weight.copy_(torch.rand(weight.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    export(network, tmp_path / "net.json")
    edges = json.loads((tmp_path / "net.json").read_text())["edges"]
    weights = torch.cat([network.weight(one.name) for one in network.graph.projections])
    assert torch.tensor([edge["weight"] for edge in edges], dtype=torch.float64).to(kind).equal(weights)


# Figures in text


@pytest.mark.parametrize("name", shipped())
def test_every_group_and_projection_is_in_the_figures(name: str, tmp_path: Path) -> None:
    graph = small(name).graph
    summary = f"{len(graph.groups)} groups, {len(graph.projections)} projections"
    assert export(graph, tmp_path / "net.mmd").summary == summary
    lines = (tmp_path / "net.mmd").read_text().splitlines()
    boxes = [re.fullmatch(r'  (g\d+)[\[(]+"([^"]+)"[\])]+:::(\w+)', line) for line in lines]
    arrows = [re.fullmatch(r'  (g\d+) (==>|-->)\|"([^"]+)"\| (g\d+)', line) for line in lines]
    ids = {match[1]: match[2].split("<br/>") for match in boxes if match}
    assert [(text[0], text[1]) for text in ids.values()] == [(one.name, f"×{one.size:,}") for one in graph.groups]
    found = [(ids[one[1]][0], ids[one[4]][0], one[2] == "==>") for one in arrows if one]
    assert found == [(one.source, one.target, one.kind == "cable") for one in graph.projections]
    export(graph, tmp_path / "net.tex")
    text = (tmp_path / "net.tex").read_text()
    body = re.sub(r"\\[\\{}%_&#$]", "", text)
    assert body.count("{") == body.count("}") and text.count(r"\node[") == len(graph.groups)
    assert text.count(r"\draw[") == len(graph.projections)
    assert all(char.isascii() for char in text) and "_" not in body.replace("\\_", "")
    across = [float(x) for x in re.findall(r"at \((-?[\d.]+), ", text)]
    assert max(across) - min(across) <= 8.4 - 8.4 / 3 + 0.01  # with half a box at either end: one column


# What does not change


@pytest.mark.parametrize("suffix", [suffix for form in FORMATS for suffix in form.suffixes if suffix != ".onnx"])
def test_the_same_input_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    weights = None if suffix in (".mmd", ".tex") else "initial"
    one, other = (
        export(
            ModelSource("interneuron-sublinear", inputs={"image": (5, 5)}),
            tmp_path / folder / f"net{suffix}",
            weights=weights,
        )
        for folder in "ab"
    )
    assert [file.name for file in one.files] == [file.name for file in other.files]
    for first, second in zip(one.files, other.files, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == sorted(file.name for file in one.files)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    from dendrograph import TrainConfig, train

    folder = tmp_path_factory.mktemp("exports")
    network = DendriticNetwork(compile(load(morphology_file(folder)), (8, 8), 10))
    return train(network, digits(), TrainConfig(epochs=1), folder / "run", progress=False).folder


def test_a_run_has_its_trained_weights(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", str(run), "-o", str(tmp_path / "net.npz")])
    assert stopped.value.code == 0
    network = Run.open(run).network()
    assert_held(read_npz(tmp_path / "net.npz"), network, in_order=True)
    held = f"{network.graph.nodes} nodes, {network.graph.edges:,} edges, trained weights"
    assert capsys.readouterr().out == f"{tmp_path / 'net.npz'}\nNumPy arrays: {held}\n"
    export(Run.open(run), tmp_path / "net.json")
    about = json.loads((tmp_path / "net.json").read_text())["graph"]
    assert (about["weights"], about["seed"], about["classes"]) == ("trained", 0, 10)


def test_every_kind_of_subject(tmp_path: Path) -> None:
    graph = compile(load("xor-dcaap"), classes=10)
    subjects: Mapping[str, Any] = {"name": "xor-dcaap", "morphology": load("xor-dcaap"), "graph": graph}
    for name, subject in subjects.items():
        export(subject, tmp_path / f"{name}.npz", weights="initial")
    first, *others = ((tmp_path / f"{name}.npz").read_bytes() for name in subjects)
    assert all(other == first for other in others)
