"""Evaluation: held to scikit-learn and to hand-made numbers, and the same again from the run folder alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from small import train_named
from torch import nn

from dendrograph import Run, TrainConfig, build, datasets, train
from dendrograph.base.errors import DataError, RunError
from dendrograph.data.dataset import Split
from dendrograph.training.evaluation import BATCH, evaluate
from dendrograph.training.model_source import ModelSource


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short run of a network with dropout, on noisy data."""
    folder = tmp_path_factory.mktemp("evaluation")
    morphology = small.morphology_file(folder)
    settings = {"epochs": 3, "noise": 0.1, "lr": 0.01}
    return train_named(str(morphology), settings=settings, out=folder / "run", progress=False)


def copied(run: Run, folder: Path) -> Path:
    folder.mkdir()
    for path in run.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_scikit_learn_agrees() -> None:
    data = datasets.load("digits")
    network = build("dann-lrf", data.shapes, data.classes)
    result = evaluate(network, data.test, data.scale)
    with torch.no_grad():
        probabilities = network(data.test.inputs["image"].double().float() / 16).double().softmax(1).numpy()
    truth, answers = data.test.labels.numpy(), probabilities.argmax(1)
    assert result.loss == pytest.approx(log_loss(truth, probabilities, labels=range(10)), rel=1e-6)
    assert result.accuracy == accuracy_score(truth, answers)
    assert np.array_equal(result.confusion, confusion_matrix(truth, answers, labels=range(10)))
    assert result.samples == len(truth) == result.confusion.sum()


class Fixed(nn.Module):
    """Answers that are known beforehand: the input itself."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.graph = type("Graph", (), {"classes": classes})
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return inputs["image"]


def test_by_hand() -> None:
    """Rows of the confusion matrix are true classes, columns answers."""
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25]]))
    network: Any = Fixed(3)
    result = evaluate(network, Split({"image": logits}, torch.tensor([0, 1, 2, 2])), 1.0)
    assert result.loss == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.25]).mean(), rel=1e-6)
    assert result.accuracy == 0.5
    assert result.confusion.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 1]]


def test_the_last_batch_may_be_smaller() -> None:
    torch.manual_seed(0)
    samples = 2 * BATCH + 7
    logits, labels = torch.randn(samples, 4), torch.randint(4, (samples,))
    network: Any = Fixed(4)
    result = evaluate(network, Split({"image": logits}, labels), 1.0)
    assert result.loss == pytest.approx(nn.functional.cross_entropy(logits.double(), labels).item(), rel=1e-6)
    assert result.samples == samples


def test_more_classes_in_the_network_than_in_the_split() -> None:
    network: Any = Fixed(5)
    result = evaluate(network, Split({"image": torch.eye(5)[:2]}, torch.tensor([0, 1])), 1.0)
    assert result.confusion.shape == (5, 5) and result.confusion.trace() == 2


def test_an_empty_split_gives_nothing_and_no_error() -> None:
    network: Any = Fixed(3)
    result = evaluate(network, Split({"image": torch.empty(0, 3)}, torch.empty(0, dtype=torch.int64)), 1.0)
    assert (result.loss, result.accuracy, result.samples) == (0.0, 0.0, 0)


def test_the_mode_is_put_back_and_no_gradient_is_left(run: Run) -> None:
    data, network = datasets.load("digits"), run.network()
    for mode in (True, False):
        network.train(mode)
        results = [evaluate(network, data.test, data.scale).record() for _ in range(2)]
        assert results[0] == results[1], "dropout plays no part"
        assert network.training is mode
    assert all(parameter.grad is None for parameter in network.parameters())


def test_evaluate_gives_the_metrics_again(run: Run) -> None:
    result = evaluate(run.folder)
    assert result.record() == run.metrics["test"]
    assert result.confusion.dtype == np.int64


def test_metrics_follow_from_the_confusion_matrix(run: Run) -> None:
    test = run.metrics["test"]
    confusion = np.array(test["confusion"])
    assert test["accuracy"] == confusion.trace() / confusion.sum()
    assert confusion.sum(1).tolist() == np.bincount(datasets.load("digits").test.labels).tolist()


def known_data(folder: Path, change: int = 0) -> Path:
    """Files of the form of MNIST's, with small numbers of images; the class is where the image is bright."""
    rng = np.random.default_rng(1)
    (folder / "mnist").mkdir(parents=True, exist_ok=True)
    for part, samples in (("train", 400), ("t10k", 100)):
        labels = np.arange(samples, dtype=np.uint8) % 10
        images = rng.integers(0, 60, (samples, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 4] += 150
        images[0, 0, 0] += change
        stem = folder / "mnist" / part
        sizes = b"".join(size.to_bytes(4, "big") for size in images.shape)
        Path(f"{stem}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + images.tobytes())
        Path(f"{stem}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + sizes[:4] + labels.tobytes())
    return folder


def test_data_are_found_again_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With another working folder, without the environment variable, and after the data were moved or changed."""
    known_data(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DENDROGRAPH_DATA", "data")
    settings = {"epochs": 2}
    run = train_named("sann-lrf", "mnist", settings=settings, overrides={"somata": 8}, out=Path("run"), progress=False)
    monkeypatch.delenv("DENDROGRAPH_DATA")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder = Path("../run")
    assert evaluate(folder).record() == Run.open(folder).metrics["test"]
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=rf"{tmp_path}/data, .*does not exist any more"):
        evaluate(folder)
    assert evaluate(ModelSource(folder, data_dir=tmp_path / "moved")).record() == Run.open(folder).metrics["test"]
    known_data(tmp_path / "moved", change=1)
    with pytest.raises(DataError) as error:
        evaluate(ModelSource(folder, data_dir=tmp_path / "moved"))
    digest = json.loads((tmp_path / "run" / "run.json").read_text())["data"]["digest"]
    assert str(error.value) == (
        f"mnist: not the data that the run was trained on\n  read from IDX files in {tmp_path}/moved/mnist; "
        f"the run read IDX files in {tmp_path}/data/mnist, whose SHA-256 began with {digest[:12]}"
    )
    assert run.record["data"]["origin"] == {"name_or_path": "mnist", "data_dir": str(tmp_path / "data")}


def test_an_npz_is_found_again_and_held_to_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        f"x_{part}": rng.random((samples, 12)).astype(np.float32) for part, samples in (("train", 90), ("test", 20))
    }
    arrays |= {"y_train": np.arange(90) % 3, "y_test": np.arange(20) % 3}
    np.savez(tmp_path / "mine.npz", **arrays)
    monkeypatch.chdir(tmp_path)
    knobs = {"somata": 4, "synapses": 3}
    run = train_named(
        "dann-random", "mine.npz", settings={"epochs": 1}, overrides=knobs, out=Path("run"), progress=False
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert evaluate("../run").record() == Run.open("../run").metrics["test"]
    arrays["y_test"][0] = 2
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(DataError, match="mine: not the data that the run was trained on"):
        evaluate("../run")
    (tmp_path / "mine.npz").unlink()
    with pytest.raises(DataError, match=r"mine\.npz: no such file"):
        evaluate("../run")
    assert run.record["data"]["origin"]["name_or_path"] == str(tmp_path / "mine.npz")


def test_data_from_python_are_not_in_the_folder(tmp_path: Path) -> None:
    data = small.digits()
    network = build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})
    run = train(network, data, TrainConfig(epochs=1), tmp_path / "run", progress=False)
    with pytest.raises(RunError, match=r"trained on data from Python \(few-digits\), which the folder does not hold"):
        evaluate(run.folder)
    assert evaluate(run.network(), data.test, data.scale).record() == run.metrics["test"], "as the message says"


def test_a_data_set_loaded_in_python_is_found_again(tmp_path: Path) -> None:
    data = datasets.load("digits")
    network = build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})
    run = train(network, data, TrainConfig(epochs=1), tmp_path / "run", progress=False)
    assert evaluate(run.folder).record() == run.metrics["test"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("morphology.yaml", "count: 4", "count: 5"),  # other wiring
        ("morphology.yaml", "slope: 0.1", "slope: 0.2"),  # the same wiring, another result
    ],
)
def test_a_changed_morphology_is_refused(run: Run, tmp_path: Path, file: str, old: str, new: str) -> None:
    folder = copied(run, tmp_path / "run")
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(RunError, match="not the morphology that was trained: the file was changed"):
        evaluate(folder)


def test_other_wiring_of_the_same_morphology_is_refused(run: Run, tmp_path: Path) -> None:
    """As another version of NumPy might draw."""
    folder = copied(run, tmp_path / "run")
    for name in ("metrics.json", "checkpoint.pt"):  # which know their run
        (folder / name).unlink()
    record = small.read_record(folder / "run.json")
    record["graph"]["seed"] += 1
    small.write_record(folder / "run.json", record)
    with pytest.raises(RunError) as error:
        Run.open(folder).graph()
    wiring = record["graph"]["connectivity_hash"][:12]
    assert str(error.value).startswith(
        f"{folder}: the wiring made from morphology.yaml is not the one that was trained ("
    )
    assert f"instead of {wiring})" in str(error.value)
