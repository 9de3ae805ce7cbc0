"""Errors of exports: they are reported before the work begins, and leave no file behind."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import small
from small import MORPHOLOGY

from dendrograph import DendriticNetwork, compile, load
from dendrograph import export as exporting
from dendrograph.base.errors import DendrographError, RunError
from dendrograph.cli.main import main
from dendrograph.export import FORMATS, export, format
from dendrograph.export.csv_npz import Csv
from dendrograph.export.graphml_dot_networkx import GraphML
from dendrograph.export.pytorch_geometric import read_data
from dendrograph.training.model_source import ModelSource
from dendrograph.training.run import Run


def error_of(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the error message of the command."""
    with pytest.raises(SystemExit) as stopped:
        main(["export", *map(str, arguments)])
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ")
    return err


REFUSED = {
    "no suffix": (("xor-dcaap", "-o", "net"), "net: the name has no suffix\n  formats: .csv, .dot, "),
    "unknown suffix": (
        ("xor-dcaap", "-o", "net.graphm"),
        "net.graphm: no format has the suffix '.graphm'\n  did you mean '.graphml'? formats: .csv, ",
    ),
    "no folder": (
        ("xor-dcaap", "-o", "there/net.npz"),
        "there/net.npz: cannot be written: there: there is no such folder\n  make it, or give another --out",
    ),
    "no morphology": (("xor-dcap", "-o", "net.npz"), "xor-dcap: no such file, and no morphology of that name"),
    "weights": (
        ("xor-dcaap", "-o", "net.npz", "--weights", "trained"),
        "unknown weights 'trained'\n  known: initial",
    ),
    "weights of a figure": (
        ("xor-dcaap", "-o", "net.mmd", "--weights", "initial"),
        "--weights initial has no effect: Mermaid shows no weights\n  leave it out",
    ),
    "layer without SWC": (
        ("xor-dcaap", "-o", "net.npz", "--layer", "hidden"),
        "--layer hidden: NumPy arrays holds the whole network\n  leave it out, or export the tree of one neuron",
    ),
    "neuron without SWC": (("xor-dcaap", "-o", "net.onnx", "--neuron", "0"), "--neuron 0: ONNX holds the whole"),
    "unknown layer": (
        ("dann-lrf", "-o", "net.swc", "--layer", "hiden"),
        "no layer 'hiden'\n  did you mean 'hidden'? layers: hidden",
    ),
    "unknown neuron": (
        ("dann-lrf", "-o", "net.swc", "--neuron", "64"),
        "--neuron 64: no such neuron in layer 'hidden'\n  they are numbered from 0 to 63",
    ),
    "negative neuron": (
        ("dann-lrf", "-o", "net.swc", "--neuron", "-1"),
        "--neuron must be a whole number of at least 0, found -1",
    ),
    "no weights": (("dann-lrf", "-o", "net.onnx"), "an ONNX file holds a network with its weights"),
    "no shape": (("dann-lrf", "-o", "net.npz", "--inputs", "big"), "--inputs big: not a shape"),
    "a knob": (("dann-lrf", "-o", "net.npz", "--set", "dendrite=2"), "--set dendrite"),
    "out": (("dann-lrf",), "Missing option '--out'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, message = REFUSED[name]
    assert message in error_of(*arguments, capsys=capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [form.suffixes[0] for form in FORMATS if form.name != "ONNX"])
def test_a_file_is_replaced_only_if_it_is_meant_so(suffix: str, tmp_path: Path) -> None:
    network, path = small("xor-dcaap"), tmp_path / f"net{suffix}"
    files = export(network, path).files
    for file in files:
        for other in files:
            other.unlink(missing_ok=True)
        file.write_text("mine")
        with pytest.raises(
            DendrographError, match="is there already\n  replace it by force=True, or give another path"
        ):
            export(network, path)
        assert [one.read_text() for one in tmp_path.iterdir()] == ["mine"]
        export(network, path, force=True)
        assert sorted(tmp_path.iterdir()) == sorted(files) and file.read_bytes() != b"mine"


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "net.npz").mkdir()
    with pytest.raises(DendrographError, match="is a folder"):
        export("xor-dcaap", tmp_path / "net.npz", force=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DendrographError, match="is not writable\n  give another path"):
            export("xor-dcaap", tmp_path / "net.npz")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("suffix", ["graphml", "csv", "safetensors", "npz"])
def test_a_disk_that_is_full_leaves_what_was_there(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, path = small("xor-dcaap"), tmp_path / f"net.{suffix}"
    files = export(network, path).files
    before = {file: file.read_bytes() for file in files}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(format.os, "fsync", full)
    with pytest.raises(RunError, match="cannot be written: No space left on device\n  is the folder writable"):
        export(network, path, force=True)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_error_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def half(stream: Any) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        format.write_files({tmp_path / "one": lambda stream: stream.write(b"whole"), tmp_path / "two": half})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [form.suffixes[0] for form in FORMATS if form.name not in ("Mermaid", "TikZ")])
@pytest.mark.parametrize("where", ["weight", "bias"])
def test_numbers_that_are_not_finite(suffix: str, where: str, tmp_path: Path) -> None:
    network = DendriticNetwork(small("dann-lrf").graph)
    of = {"weight": network.weights, "bias": network.biases}[where]
    name = next(one for one in of if one.startswith("hidden/dendrit") and (where == "bias" or "soma" in one))
    with torch.no_grad():
        of[name][0] = float("nan")
    if suffix == ".swc" and where == "bias":
        pytest.skip("a tree has no biases")
    with pytest.raises(DendrographError, match=f"{name}: not all are finite numbers"):
        export(network, tmp_path / f"net{suffix}")
    assert not list(tmp_path.iterdir())


def test_too_many_edges_for_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for form in (GraphML, Csv):
        monkeypatch.setattr(form, "max_edges", 100)
    graph = small("dann-lrf").graph
    graph = replace(graph, projections=graph.projections * 10)
    message = f"dann-lrf has {graph.edges} edges, and programs that read GraphML take at most 100"
    with pytest.raises(DendrographError, match=f"{message}\n  export it as net.npz, which has no limit"):
        export(graph, tmp_path / "net.graphml")
    with pytest.raises(DendrographError, match="programs that read CSV tables take at most 100"):
        export(graph, tmp_path / "net.csv")
    assert not list(tmp_path.iterdir())


def test_the_real_limits_refuse_at_once(tmp_path: Path) -> None:
    """A hundred million edges: refused by their number, before any of them is made."""
    graph = small("vann").graph
    (first, *others) = graph.projections
    graph = replace(graph, projections=(replace(first, sources=10_000, targets=10_000, pairs=None), *others))
    for suffix in ("graphml", "dot", "json", "csv"):
        with pytest.raises(DendrographError, match=r"has 100,0\d\d,\d\d\d edges"):
            export(graph, tmp_path / f"net.{suffix}")


def test_too_many_groups_for_a_figure(tmp_path: Path) -> None:
    graph = small("vann").graph
    graph = replace(graph, groups=graph.groups * 60)
    for suffix in ("mmd", "tex"):
        with pytest.raises(DendrographError, match="groups of compartments, and a figure holds 150"):
            export(graph, tmp_path / f"net.{suffix}")
    assert not list(tmp_path.iterdir())


def test_a_run_that_has_not_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dendrograph.morphology.morphology import Morphology

    morphology = Morphology.from_dict(MORPHOLOGY)
    graph = compile(morphology, (8, 8), 10)
    record = {
        "config": {"seed": 0},
        "data": {"name": "x", "source": "", "digest": "", "origin": None},
        "graph": {
            "name": graph.name,
            "inputs": {"image": [8, 8]},
            "classes": 10,
            "seed": 0,
            "morphology": "",
            "connectivity_hash": graph.connectivity_hash,
        },
        "network": {"kernel": "auto", "kernels": {}, "initial_weights": ""},
    }
    run = Run.begin(tmp_path / "run", morphology, record)
    for suffix in ("npz", "onnx"):
        said = error_of(run.folder, "-o", tmp_path / f"net.{suffix}", capsys=capsys)
        assert "no results yet: the run has not ended\n  go on with it: " in said
    for options, fixed in (
        (("--weights", "initial"), "the weights of a run are fixed: found --weights initial"),
        (("--seed", "0"), "the seed of a run cannot be changed: found --seed 0"),
        (("--set", "a=1", "--inputs", "8"), "the parameters and inputs of a run cannot be changed: found --set a=1"),
        (("--classes", "2"), "the classes of a run cannot be changed: found --classes 2"),
    ):
        assert fixed in error_of(run.folder, "-o", tmp_path / "net.npz", *options, capsys=capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_options_that_do_not_go_with_the_subject(tmp_path: Path) -> None:
    network = small("xor-dcaap")
    for source, weights, message in (
        (ModelSource(network, seed=1), None, "the seed of a network cannot be changed: found seed=1"),
        (network, "initial", "the weights of a network are fixed: found weights='initial'"),
        (ModelSource(network.graph, classes=3), None, "the classes of a graph cannot be changed: found classes=3"),
        (ModelSource(load("xor-dcaap"), overrides={"a": 1}), None, "the parameters of a Morphology cannot be changed"),
    ):
        with pytest.raises(DendrographError, match=message):
            export(source, tmp_path / "net.npz", weights=weights)
    with pytest.raises(DendrographError, match="`model`: expected str or path or Compartment or Morphology or Graph"):
        export(3, tmp_path / "net.npz")  # type: ignore[arg-type]


# The pair of files for PyTorch Geometric


def test_a_pair_that_does_not_belong_together(tmp_path: Path) -> None:
    path, beside = export(small("xor-dcaap"), tmp_path / "net.safetensors").files
    content = path.read_bytes()
    for damaged in (content[:-4], content[:-1] + bytes([content[-1] ^ 1]), b""):
        path.write_bytes(damaged)
        with pytest.raises(DendrographError, match=r"not the tensors that net\.safetensors\.json was written with"):
            read_data(path)
    path.write_bytes(content)
    text = beside.read_text()
    for damaged_text, message in (
        ("{", "damaged: no JSON"),
        ("[]", "not the JSON that an export writes"),
        ("{}", "not the JSON that"),
    ):
        beside.write_text(damaged_text)
        with pytest.raises(DendrographError, match=message):
            read_data(path)
    beside.write_text(text)
    beside.unlink()
    with pytest.raises(DendrographError, match=r"net\.safetensors\.json: cannot be read: No such file"):
        read_data(path)


def test_without_pytorch_geometric_files_are_written_and_a_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "torch_geometric"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    path, _ = export(small("xor-dcaap"), tmp_path / "net.safetensors").files
    for act in (lambda: read_data(path), lambda: exporting.to_data("xor-dcaap")):
        with pytest.raises(DendrographError, match="PyTorch Geometric, which defines `Data`, is not installed\n  pip"):
            act()


def test_no_file_holds_a_pickle(tmp_path: Path) -> None:
    for suffix in ("npz", "safetensors"):
        for file in export("xor-dcaap", tmp_path / f"net.{suffix}", weights="initial").files:
            assert not re.search(rb"\x80[\x02-\x05]c|numpy\.core|__reduce__", file.read_bytes())
    with np.load(tmp_path / "net.npz", allow_pickle=False) as held:
        assert all(held[name].dtype != object for name in held.files)
