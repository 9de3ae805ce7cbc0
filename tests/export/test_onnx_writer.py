"""ONNX: onnxruntime answers what PyTorch answers, for every morphology that ships and every word of the language."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import biased, small
from torch import Tensor, nn
from trees import CORNERS, COVERING, Case, inputs_of

from dendrograph import DendriticNetwork, Morphology, compile, load, register_nonlinearity
from dendrograph.base.errors import DendrographError
from dendrograph.export import export, onnx_writer
from dendrograph.export.onnx_network import OnnxNetwork
from dendrograph.morphology.shipped import shipped

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

CASES = (*CORNERS, *COVERING)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_onnx_network_network_is_the_network(case: Case) -> None:
    """In float64, so that rounding hides nothing."""
    network = case.build()
    onnx_network = OnnxNetwork(network)
    for batch in (1, 3):
        x = inputs_of(network.graph, batch)
        with torch.no_grad():
            torch.testing.assert_close(onnx_network(*x.values()), network(x), rtol=1e-10, atol=1e-10)


def answers(path: Path, network: DendriticNetwork, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """onnxruntime's and PyTorch's."""
    x = inputs_of(network.graph, batch, torch.float32, seed=batch)
    with torch.no_grad():
        return onnx_writer.run(path, list(x.values())), network(x).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped())
def test_every_morphology_that_ships(name: str, tmp_path: Path) -> None:
    network, path = small(name), tmp_path / "net.onnx"
    (note,) = export(network, path).notes
    found = re.fullmatch(r"checked .* batches of 1, 3, 128: the greatest difference from PyTorch is (\S+)", note)
    assert found and float(found[1]) < 1e-5
    for batch in (1, 3, 128):
        ours, theirs = answers(path, network, batch)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


NAMED = (
    "two streams, one dendrite each, a soma that draws from both",
    "shunting, and signs kept",
    "excitability that is learnt",
    "synapses and dendrites that combine by max",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
def test_words_of_the_language(name: str, tmp_path: Path) -> None:
    (case,) = (case for case in CASES if case.name == name)
    network = biased(DendriticNetwork(case.compile()))
    export(network, tmp_path / "net.onnx")
    for batch in (1, 5):
        ours, theirs = answers(tmp_path / "net.onnx", network, batch)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_what_the_file_says(tmp_path: Path) -> None:
    (case,) = (case for case in CORNERS if case.name.startswith("two streams"))
    network = DendriticNetwork(case.compile()).double()
    export(network, tmp_path / "a.onnx")
    notes = export(network, tmp_path / "b.onnx").notes
    assert "the weights are torch.float64, and the file holds them as float32" in notes
    assert next(network.parameters()).dtype == torch.float64 and network.training  # it is as it was
    content = (tmp_path / "a.onnx").read_bytes()
    assert content == (tmp_path / "b.onnx").read_bytes()
    assert b".py" not in content and str(Path.cwd()).encode() not in content
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [onnx_writer.OPSET]
    assert {entry.domain for entry in model.opset_import} <= {"", "pkg.torch.onnx"} and not model.functions
    inputs = {
        entry.name: [side.dim_param or side.dim_value for side in entry.type.tensor_type.shape.dim]
        for entry in model.graph.input
    }
    assert inputs == {"image": ["batch", 4, 4], "sound": ["batch", 6]}
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["connectivity_hash"] == network.graph.connectivity_hash and about["weights"] == "own"
    assert (model.producer_name, [entry.name for entry in model.graph.output]) == ("dendrograph", ["logits"])


@pytest.mark.slow
def test_streams_whose_names_are_words_of_the_file(tmp_path: Path) -> None:
    drawn = [{"synapses": {"from": stream, "field": "all"}, "name": stream} for stream in ("logits", "view", "batch")]
    morphology = {
        "name": "names",
        "inputs": {"logits": 3, "view": 2, "batch": 4},
        "neurons": {"cell": {"dendrites": drawn}},
        "layers": [{"name": "bias", "neuron": "cell", "count": 2}],
    }
    network = biased(DendriticNetwork(compile(Morphology.from_dict(morphology), classes=2)))
    export(network, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert [entry.name for entry in model.graph.input] == ["logits", "view", "batch"]
    assert [entry.name for entry in model.graph.output] == ["network/logits"]


@pytest.mark.slow
def test_it_is_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export("xor-dcaap", tmp_path / "net.onnx", weights="initial")
    assert capfd.readouterr() == ("", "")


# What cannot be exported


def test_a_morphology_has_no_weights(tmp_path: Path) -> None:
    with pytest.raises(DendrographError, match="has no weights\n  export a finished run, or add weights='init"):
        export("xor-dcaap", tmp_path / "net.onnx")
    with pytest.raises(DendrographError, match="a morphology has no weights"):
        export(compile(load("xor-dcaap")), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_without_the_extra(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_writer, "find_spec", lambda name: None if name == package else object())
    message = f"writing ONNX needs {package}, which is not installed\n  pip install 'dendrograph\\[onnx\\]'"
    with pytest.raises(DendrographError, match=message):
        export("xor-dcaap", tmp_path / "net.onnx", weights="initial")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_without_onnxruntime_it_is_written_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_writer, "find_spec", lambda name: None if name == "onnxruntime" else object())
    notes = export("xor-dcaap", tmp_path / "net.onnx", weights="initial").notes
    assert notes == ("not checked: onnxruntime is not installed (pip install 'dendrograph[onnx]')",)
    assert (tmp_path / "net.onnx").is_file()


@pytest.mark.slow
def test_a_wrong_graph_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(nn.Module):
        def __init__(self, network: DendriticNetwork) -> None:
            super().__init__()
            self.right = OnnxNetwork(network)

        def forward(self, *inputs: Tensor) -> Tensor:
            return self.right(*inputs) + 0.01

    monkeypatch.setattr(onnx_writer, "OnnxNetwork", Wrong)
    with pytest.raises(DendrographError, match=r"and PyTorch disagree: the greatest difference is 0\.01"):
        export("xor-dcaap", tmp_path / "net.onnx", weights="initial")
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_writer, "MAX_BYTES", 100)
    with pytest.raises(DendrographError, match=r"as ONNX the network takes .*, and a file holds 100 bytes"):
        export("xor-dcaap", tmp_path / "net.onnx", weights="initial")


@pytest.mark.slow
@pytest.mark.usefixtures("registries")
def test_a_nonlinearity_of_ones_own(tmp_path: Path) -> None:
    @register_nonlinearity("bump", equation="f(u) = strength u exp(-u^2)", parameters={"strength": 2.0})
    def bump(u: Tensor, strength: Any) -> Tensor:
        return strength * u * torch.exp(-u * u)

    @register_nonlinearity("bessel", equation="f(u) = I0(u)")
    def bessel(u: Tensor) -> Tensor:
        return torch.special.i0(u)

    neuron = next(iter(load("xor-dcaap").neurons))

    def network_of(name: str) -> DendriticNetwork:
        return DendriticNetwork(compile(load("xor-dcaap", {f"neurons.{neuron}.nonlinearity": name})))

    export(network_of("bump"), tmp_path / "net.onnx")
    ours, theirs = answers(tmp_path / "net.onnx", network_of("bump").eval(), 4)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    with pytest.raises(DendrographError, match="PyTorch cannot export the network to ONNX"):
        export(network_of("bessel"), tmp_path / "other.onnx")
    assert not (tmp_path / "other.onnx").exists()
