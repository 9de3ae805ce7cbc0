"""The run folder: what is in it, that it is written whole or not at all, and that damage is told."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import platform
import stat
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small import train_named

import dendrograph
from dendrograph import Morphology, Run, TrainConfig, build, compile, datasets, load, train
from dendrograph.analysis.analyse import analyse
from dendrograph.base import files as atomic
from dendrograph.base.errors import DataError, DataWarning, DendrographError, RunError, for_command_line
from dendrograph.cli.main import main
from dendrograph.comparison.compare import compare
from dendrograph.network.kernels.compiled import native
from dendrograph.training import loop as training
from dendrograph.training.evaluation import evaluate
from dendrograph.training.model_source import ModelSource
from dendrograph.training.run import free_folder, is_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run") / "deeper" / "run"
    settings = {"epochs": 2, "seed": 3}
    return train_named("dann-lrf", settings=settings, overrides={"somata": 8}, out=folder, progress=False)


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in run.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(RunError) as error:
        call()
    return str(error.value)


# What it answers


def test_it_predicts_what_its_network_answers(run: Run) -> None:
    data = run.dataset()
    bytes_, labels = data.test.inputs["image"], data.test.labels
    images = bytes_.float() / data.scale
    found = run.predict(images)
    assert found.shape == labels.shape and found.dtype == torch.int64
    assert float((found == labels).double().mean()) == pytest.approx(run.metrics["test"]["accuracy"])
    for same in (bytes_, {"image": bytes_}, images.numpy(), images.double().numpy(), images.flatten(1)):
        assert torch.equal(run.predict(same), found)
    shares = run.predict(images, probabilities=True)
    with torch.no_grad():
        torch.testing.assert_close(shares, run.network()(images).softmax(1))
    assert torch.equal(torch.cat([run.predict(images[:1]), run.predict(images[1:])]), found)
    assert run.predict(images[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("inputs", "kind", "text"),
    [
        (torch.zeros(2, 8, 9), ValueError, r"'image' has shape \(2, 8, 9\), expected \(batch, 8, 8\)"),
        (torch.tensor(0.5), ValueError, r"'image' has shape \(\), expected"),
        (torch.zeros(2, 8, 8, dtype=torch.int64), DataError, "inputs holds int64 from 0 to 0, whose scale is not"),
        (torch.full((2, 8, 8), torch.nan), DataError, "inputs holds 128 values that are not finite"),
        (torch.zeros(2, 8, 8).to_sparse(), DataError, "inputs is no array: "),
        (torch.zeros(2, 8, 8, device="meta"), DataError, "inputs is no array: "),
        (np.full((2, 8, 8), "a"), DataError, "inputs holds <U1"),
        (np.ma.masked_array(np.ones((2, 8, 8)), True), DataError, "inputs is a masked array"),
        (
            [[0.0] * 64],
            TypeError,
            r"`inputs`: expected torch\.Tensor or ndarray, found a list of 1\n  pass torch\.tensor",
        ),
        (None, TypeError, "found None"),
        ({"image": "x"}, TypeError, r"`inputs\['image'\]`: expected"),
        ({"a": torch.zeros(1, 64), "b": torch.zeros(1, 64)}, ValueError, "input streams a, b given, image expected"),
    ],
)
def test_it_predicts_nothing_for_what_is_not_its_input(run: Run, inputs: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        run.predict(inputs)


def test_it_predicts_for_arrays_of_any_memory_and_tells_of_floats_not_scaled(run: Run) -> None:
    images = run.dataset().test.inputs["image"][:20].numpy()
    found = run.predict(images)
    scaled = (images / 16).astype("f4")
    still = scaled.copy()
    still.flags.writeable = False
    for same in (scaled[:, ::-1].copy()[:, ::-1], scaled.astype(">f4"), scaled.astype(np.longdouble), still):
        assert torch.equal(run.predict(same), found)
    with pytest.warns(DataWarning, match="inputs are floats from 0 to 16, which are taken as they are; give pixels"):
        run.predict(images.astype("f4"))


def test_it_predicts_bytes_without_its_data(tmp_path: Path) -> None:
    path, rng = tmp_path / "mine.npz", np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 8, 8), dtype=np.uint8), np.arange(40) % 4
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    made = train_named(
        "dann-lrf",
        data=str(path),
        settings={"epochs": 1},
        overrides={"somata": 4},
        out=tmp_path / "run",
        progress=False,
    )
    path.unlink()
    assert torch.equal(Run.open(made.folder).predict(x), made.predict(x / 255.0))


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("config", "optimizer", "sgd\nerror: x", "unknown optimizer 'sgd\\nerror: x'"),
        ("network", "kernel", "auto\nerror: x", "unknown kernel 'auto\\nerror: x'"),
        ("network", "frozen", ["a\nerror: x"], "there is no parameter 'a\\nerror: x'"),
    ],
)
def test_a_forged_record_forges_no_line_and_its_file_is_named(
    run: Run, section: str, key: str, value: Any, said: str
) -> None:
    record = {**run.record, section: {**run.record[section], key: value}}
    forged = Run(run.folder, record)
    object.__setattr__(forged, "graph", run.graph)
    path = run.folder / "run.json"
    told = refused(forged.untrained if section == "network" else lambda: TrainConfig.from_record(record[section], path))
    assert told.startswith(f"{path}: damaged: ") and said in told


def test_a_folder_whose_name_breaks_the_line_forges_no_line(tmp_path: Path) -> None:
    assert "\nerror" not in refused(lambda: Run.open(f"{tmp_path}/nope\nerror: x"))


def test_its_repr_is_one_line(run: Run, copy: Path) -> None:
    assert repr(run) == f"Run({str(run.folder)!r}: dann-lrf on digits, seed 3, finished)"
    (copy / "metrics.json").unlink()
    assert repr(Run.open(copy)).endswith("seed 3, not finished)")


# What is in it


def test_its_files(run: Run) -> None:
    assert {path.name for path in run.folder.iterdir()} == small.FILES


def test_its_files_can_be_read_by_all_whom_the_umask_lets(run: Run) -> None:
    umask = os.umask(0)
    os.umask(umask)
    for path in run.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask, path.name
    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o777 & ~umask


def test_its_record_is_all_that_a_result_follows_from(run: Run) -> None:
    graph = compile(load("dann-lrf", {"somata": 8}), (8, 8), 10, seed=3)
    network = build("dann-lrf", (8, 8), 10, seed=3, overrides={"somata": 8})
    weights = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        weights.update(name.encode() + tensor.numpy().tobytes())
    assert small.read_record(run.folder / "run.json") == {
        "format": 1,
        "config": vars(TrainConfig(epochs=2, seed=3).for_data("digits")),
        "data": {
            "name": "digits",
            "source": "scikit-learn's load_digits",
            "digest": datasets.load("digits").digest,
            "origin": {"name_or_path": "digits", "data_dir": None},
        },
        "graph": {
            "name": "dann-lrf",
            "inputs": {"image": [8, 8]},
            "classes": 10,
            "seed": 3,
            "morphology": hashlib.sha256((run.folder / "morphology.yaml").read_bytes()).hexdigest(),
            "connectivity_hash": graph.connectivity_hash,
            "compartments": graph.compartments,
            "synapses": graph.synapses,
            "parameters": graph.parameters,
            "knobs": {"dendrites": 8, "somata": 8, "synapses": 16, "layers": 1},
        },
        "network": {
            "kernel": "auto",
            "kernels": {choice.projection: choice.kernel.name for choice in network.plan.choices},
            "initial_weights": weights.hexdigest(),
        },
        "reach": {
            "trainable_parameters": graph.parameters,
            "effective_parameters": graph.effective_parameters,
            "units_without_output": 0,
            "units_without_input": 0,
        },
        "surroundings": {
            "dendrograph": dendrograph.__version__,
            "python": platform.python_version(),
            "torch": metadata.version("torch"),
            "numpy": metadata.version("numpy"),
            "scikit-learn": metadata.version("scikit-learn"),
            "threads": torch.get_num_threads(),
            "processes": 1,
            "instruction set": native.instruction_set() if native else "PyTorch's",
            "machine": f"{platform.system()} {platform.machine()}",
        },
    }


def test_its_morphology_is_worked_out_and_gives_the_wiring_again(run: Run) -> None:
    morphology = load(run.folder / "morphology.yaml")
    assert morphology == run.morphology == load(run.folder)
    assert "$" not in (run.folder / "morphology.yaml").read_text()
    again = compile(morphology, (8, 8), 10, seed=3)
    assert again.connectivity_hash == run.record["graph"]["connectivity_hash"] == run.graph().connectivity_hash
    assert ModelSource(run.folder).graph().connectivity_hash == again.connectivity_hash


def test_its_weights_are_plain_safetensors(run: Run) -> None:
    weights = load_file(run.folder / "weights.safetensors")
    state = run.network().state_dict()
    assert weights.keys() == state.keys()
    assert all(torch.equal(weights[name], state[name]) for name in weights)
    digest = hashlib.sha256((run.folder / "weights.safetensors").read_bytes()).hexdigest()
    assert run.metrics["weights"] == digest
    with safe_open(run.folder / "weights.safetensors", framework="pt") as file:
        assert file.metadata() == {"run": run.identity}, "several labels would be written in any order"


def test_its_history_keeps_every_digit(run: Run, tmp_path: Path) -> None:
    with (run.folder / "history.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    content = run.read_checkpoint()
    assert content is not None
    checkpoint = run.parse_checkpoint(content)
    assert [{key: float(value) for key, value in row.items()} for row in rows] == checkpoint["history"] == run.history
    assert list(rows[0]) == ["epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert run.history[-1]["validation_loss"] == run.metrics["validation"]["loss"]


def test_its_metrics(run: Run) -> None:
    metrics = run.metrics
    assert set(metrics) == {
        "test", "validation", "epochs", "weights_of_epoch", "parameters", "seconds", "weights", "history", "run",
    }  # fmt: skip
    assert metrics["epochs"] == metrics["weights_of_epoch"] == 2
    assert (
        metrics["parameters"] == run.record["graph"]["parameters"] == sum(map(torch.numel, run.network().parameters()))
    )
    assert metrics["seconds"] > 0
    for part, samples in (("test", 360), ("validation", 144)):
        assert metrics[part]["samples"] == samples
        confusion = torch.tensor(metrics[part]["confusion"])
        assert confusion.sum() == samples
        assert confusion.trace() / samples == pytest.approx(metrics[part]["accuracy"])


def test_its_checkpoint_holds_data_only(run: Run) -> None:
    state = torch.load(run.folder / "checkpoint.pt", weights_only=True)
    assert set(state) == {
        "run",
        "checkpoint_format",
        "network",
        "optimizer",
        "history",
        "best_epoch",
        "best",
        "seconds",
        "sha256",
    }


def test_identity_tells_runs_apart_by_what_decides_their_results(run: Run) -> None:
    def changed(section: str, key: str, value: object) -> str:
        record = json.loads(json.dumps(run.record))
        record[section][key] = value
        return Run(run.folder, record).identity

    assert Run.open(run.folder).identity == run.identity == changed("config", "lr", 0.001)
    for section, key in (
        ("config", "lr"),
        ("data", "digest"),
        ("graph", "morphology"),
        ("network", "kernel"),
        ("network", "initial_weights"),
    ):
        assert changed(section, key, "other") != run.identity
    for section, key in (("data", "origin"), ("data", "source"), ("surroundings", "threads")):
        assert changed(section, key, "other") == run.identity


# Writing


class Broken:
    """Stands for a call of the operating system that fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        raise self.error


FULL = OSError(errno.ENOSPC, "No space left on device")
DENIED = PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize("call", ["os.replace", "os.fsync", "Path.open"])
@pytest.mark.parametrize("error", [FULL, DENIED, KeyboardInterrupt()], ids=["full", "denied", "interrupted"])
def test_a_file_is_written_whole_or_not_at_all(
    call: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    for content in (None, b"old"):
        if content is not None:
            path.write_bytes(content)
        with monkeypatch.context() as patch:
            patch.setattr(f"dendrograph.base.files.{call}", Broken(error))
            if isinstance(error, OSError):
                assert refused(lambda: atomic.write(path, b"new")) == (
                    f"{path}: cannot be written: {error.strerror}\n  is the folder writable, is the disk full?"
                )
            else:
                with pytest.raises(KeyboardInterrupt):
                    atomic.write(path, b"new")
        assert path.exists() == (content is not None)
        assert content is None or path.read_bytes() == content
        assert {entry.name for entry in tmp_path.iterdir()} <= {"file"}
    atomic.write(path, "new ü")
    assert path.read_text(encoding="utf-8") == "new ü"


def test_a_disk_that_fills_half_way_leaves_nothing_of_the_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def opened(self: Path, *arguments: Any, **options: Any) -> Any:
        stream = real(self, *arguments, **options)
        stream.write(b"half")
        stream.close()
        raise FULL

    monkeypatch.setattr("dendrograph.base.files.Path.open", opened)
    refused(lambda: atomic.write(tmp_path / "file", b"whole"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", ["os.replace", "os.fsync", "Path.mkdir"])
def test_a_folder_is_made_whole_or_not_at_all(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(f"dendrograph.base.files.{call}", Broken(DENIED))
        refused(lambda: atomic.make_folder(tmp_path / "folder", {"one": "1", "two": "2"}))
    assert not list(tmp_path.iterdir())
    atomic.make_folder(tmp_path / "a" / "b" / "folder", {"one": "1", "two": "2"})
    assert (tmp_path / "a" / "b" / "folder" / "two").read_text() == "2"


def test_two_writers_leave_one_whole_file(tmp_path: Path) -> None:
    """Each has a temporary file of its own."""
    names = {atomic.temporary_beside(tmp_path / "file") for _ in range(100)}
    assert len(names) == 100


def trained(out: Path, **options: Any) -> Run:
    data = small.digits()
    network = build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})
    return train(network, data, TrainConfig(epochs=1), out, progress=False, **options)


def test_places_where_no_run_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    text = refused(lambda: trained(file))
    assert text == f"{file}: already exists, and is not a run folder\n  give another folder by `out`"
    text = refused(lambda: trained(file, resume=True))
    assert text == f"{file}: already exists, and is not a run folder\n  give another folder by `out`"
    text = refused(lambda: trained(file / "run"))
    assert text == f"{file / 'run'}: cannot be made: Not a directory\n  give a writable folder by `out`"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    text = refused(lambda: trained(tmp_path / "mine"))
    assert text == f"{tmp_path / 'mine'}: already exists, and is not a run folder\n  give another folder by `out`"
    with monkeypatch.context() as patch:
        patch.setattr("dendrograph.base.files.Path.mkdir", Broken(DENIED))
        text = refused(lambda: trained(tmp_path / "denied" / "run"))
        assert text.startswith(f"{tmp_path / 'denied' / 'run'}: cannot be made: Permission denied\n")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "mine"}
    assert file.read_text() == (tmp_path / "mine" / "notes.txt").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot be made: Permission denied" in refused(lambda: trained(tmp_path / "run"))


def test_a_name_too_long(tmp_path: Path) -> None:
    """What is made under a temporary name needs no longer one."""
    text = refused(lambda: trained(tmp_path / "deeper" / ("é" * 128)))
    assert "File name too long: 256 bytes, 255 at most\n  give a shorter name by `out`" in text
    assert not list(tmp_path.iterdir())
    assert trained(tmp_path / ("x" * 255)).finished


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert trained(tmp_path / "empty").finished


def test_a_run_that_is_there_is_not_overwritten(copy: Path) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    text = refused(lambda: trained(copy))
    assert text == f"{copy}: a run is there already\n  go on with it by resume=True, or give another folder by `out`"
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_a_disk_that_is_full_stops_a_training_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the second checkpoint on there is no space; with space again the run goes on."""
    replace, count = os.replace, 0

    def filling(source: Any, target: Any) -> None:
        nonlocal count
        count += Path(target).name == "checkpoint.pt"
        if count > 1:
            raise FULL
        replace(source, target)

    data = small.digits()

    def network() -> Any:
        return build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})

    config, folder = TrainConfig(epochs=3), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("dendrograph.base.files.os.replace", filling)
        text = refused(lambda: train(network(), data, config, folder, progress=False))
    assert text.startswith(f"{folder / 'checkpoint.pt'}: cannot be written: No space left on device\n")
    assert {path.name for path in folder.iterdir()} == {"run.json", "morphology.yaml", "checkpoint.pt", "history.csv"}
    assert len(Run.open(folder).history) == 1
    run = train(network(), data, config, folder, resume=True, progress=False)
    whole = train(network(), data, config, tmp_path / "whole", progress=False)
    assert run.metrics["weights"] == whole.metrics["weights"]


def test_free_folder(tmp_path: Path) -> None:
    assert free_folder("a", tmp_path) == tmp_path / "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").write_text("")
    assert free_folder("a", tmp_path) == tmp_path / "a-3"


# Reading what is damaged, missing or foreign


def test_what_is_no_run(tmp_path: Path) -> None:
    left = "\n  a run folder is what `dendrograph train` leaves under runs/"
    assert refused(lambda: Run.open(tmp_path / "none")) == f"{tmp_path / 'none'}: no such folder{left}"
    assert refused(lambda: Run.open(tmp_path)) == f"{tmp_path}: not a run folder (it holds no run.json){left}"
    (tmp_path / "file").write_text("")
    assert "not a run folder" in refused(lambda: Run.open(tmp_path / "file"))
    assert not is_run(tmp_path) and not is_run(tmp_path / "file")


def without(record: dict[str, Any], section: str, key: str | None = None) -> dict[str, Any]:
    record = json.loads(json.dumps(record))
    if key is None:
        del record[section]
    else:
        del record[section][key]
    return record


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda record: "", "damaged: no JSON"),
        (lambda record: json.dumps(record)[:200], "damaged: no JSON"),
        (lambda record: b"\xff\xfe\x00", "damaged: no JSON"),
        (lambda record: "[1, 2]", "damaged or changed: "),
        (lambda record: "null", "damaged or changed: "),
        (lambda record: json.dumps(record), "damaged or changed: "),
        (lambda record: json.dumps({**record, "sha256": "0" * 64}), "damaged or changed: "),
        (lambda record: {}, "format None, this version reads 1"),
        (lambda record: {**record, "format": 2}, "format 2, this version reads 1"),
        (lambda record: without(record, "config"), "damaged: 'config' is missing"),
        (lambda record: {**record, "graph": []}, "damaged: 'graph' is a list of 0, expected a mapping"),
        (lambda record: without(record, "graph", "seed"), "damaged: 'graph.seed' is missing"),
        (lambda record: without(record, "data", "digest"), "damaged: 'data.digest' is missing"),
        (lambda record: without(record, "network", "kernel"), "damaged: 'network.kernel' is missing"),
    ],
)
def test_a_damaged_record(damage: Callable[[Any], Any], message: str, copy: Path) -> None:
    path = copy / "run.json"
    content = damage(small.read_record(path))
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content)
    else:
        small.write_record(path, content)
    assert refused(lambda: Run.open(copy)).startswith(f"{path}: {message}")
    assert refused(lambda: evaluate(copy)).startswith(f"{path}: {message}")
    assert refused(lambda: train_named(str(copy), resume=True)).startswith(f"{path}: {message}")
    assert refused(lambda: ModelSource(copy).graph()).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("graph", "inputs", [8, 8]),
        ("graph", "inputs", {"image": 8}),
        ("graph", "inputs", {"image": ["a", 8]}),
        ("graph", "classes", "ten"),
        ("graph", "seed", None),
        ("graph", "seed", -1),
        ("graph", "connectivity_hash", 5),
        ("network", "kernel", "fastest"),
        ("config", "lr", "fast"),
        ("config", "epochs", None),
    ],
)
def test_a_record_with_nonsense_in_it(section: str, key: str, value: object, copy: Path) -> None:
    path = copy / "run.json"
    record = small.read_record(path)
    record[section][key] = value
    small.write_record(path, record)
    (copy / "metrics.json").unlink()
    with pytest.raises(DendrographError):
        train_named(str(copy), resume=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "damaged: "),
        ("epoch,train_loss\n1,2\n", "damaged: columns epoch, train_loss"),
        ("epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n1,2,3\n", "damaged: "),
        ("epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n1,2,3,4,5,6\n", "damaged: "),
        ("epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n1,2,x,4,5\n", "damaged: "),
        ("epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n1.5,2,3,4,5\n", "damaged: "),
        ("epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n\n", "damaged: "),
        ("\x00\xff", "damaged: "),
    ],
)
def test_a_damaged_history(content: str, message: str, copy: Path) -> None:
    path = copy / "history.csv"
    path.write_bytes(content.encode("latin-1"))
    assert refused(lambda: Run.open(copy).history).startswith(f"{path}: {message}")


def test_a_history_that_has_not_begun(copy: Path) -> None:
    for name in ("history.csv", "metrics.json", "checkpoint.pt"):
        (copy / name).unlink()
    assert Run.open(copy).history == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "damaged: no JSON"),
        ("[]", "damaged or changed: "),
        ("{}", "damaged or changed: "),
        ('{"test": 5, "validation": {}}', "damaged or changed: "),
    ],
)
def test_damaged_metrics(content: str, message: str, copy: Path) -> None:
    path = copy / "metrics.json"
    path.write_text(content)
    assert refused(lambda: Run.open(copy).metrics).startswith(f"{path}: {message}")
    assert refused(lambda: evaluate(copy)).startswith(f"{path}: {message}")


def test_an_edited_record_is_refused(copy: Path) -> None:
    """Else `evaluate` would add noise that the run never saw, and print results that nobody measured."""
    for file, old, new in (
        ("run.json", '"noise": 0.0', '"noise": 0.7'),
        ("metrics.json", '"accuracy": 0', '"accuracy": 1'),
    ):
        path = copy / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        for use in (lambda: evaluate(copy), lambda: train_named(str(copy), resume=True).metrics):
            assert refused(use).startswith(f"{path}: damaged or changed: its content is not what its SHA-256 says\n")
        path.write_text(text)
    evaluate(copy)


def test_the_record_of_another_run_is_refused(copy: Path) -> None:
    record = small.read_record(copy / "run.json")
    record["config"]["noise"] = 0.7
    small.write_record(copy / "run.json", record)
    assert refused(lambda: evaluate(copy)).startswith(f"{copy / 'metrics.json'}: not this run's results\n")


def test_damaged_or_foreign_weights(copy: Path) -> None:
    path = copy / "weights.safetensors"
    whole = path.read_bytes()
    weights = load_file(path)
    save_file({name: tensor + 1 for name, tensor in weights.items()}, path)
    others = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-3] ^= 1
    for content in (b"", whole[:-10], bytes(flipped), others, b"\x80" * 100):
        path.write_bytes(content)
        for read in (lambda: Run.open(copy).network(), lambda: evaluate(copy)):
            assert refused(read).startswith(f"{path}: not the weights that this run ended with\n")
    path.unlink()
    assert refused(lambda: evaluate(copy)).startswith(f"{path}: cannot be read: No such file or directory\n")
    (copy / "metrics.json").rename(copy / "kept")
    assert train_named(str(copy), resume=True).metrics["test"] == small.read_record(copy / "kept")["test"]
    assert path.read_bytes() == whole
    (copy / "kept").replace(copy / "metrics.json")
    path.write_bytes(whole)
    assert evaluate(copy).record() == Run.open(copy).metrics["test"]


def test_a_morphology_that_is_missing_or_changed(copy: Path) -> None:
    path = copy / "morphology.yaml"
    whole = path.read_text()
    path.write_text(whole + "# a remark\n")
    assert refused(lambda: Run.open(copy).graph()).startswith(
        f"{path}: not the morphology that was trained: the file was changed\n"
    )
    path.unlink()
    for read in (lambda: Run.open(copy).graph(), lambda: evaluate(copy), lambda: ModelSource(copy).graph()):
        remedy = "put it back from a copy of the run, or train anew in another folder"
        assert refused(read) == f"{path}: cannot be read: No such file or directory\n  {remedy}"


def test_a_run_that_has_not_ended(copy: Path) -> None:
    (copy / "metrics.json").unlink()
    run = Run.open(copy)
    assert not run.finished
    on = f"the run has not ended\n  go on with it: train(network, data, config, out={str(copy)!r}, resume=True)"
    assert refused(lambda: run.metrics) == f"{copy}: no results yet: {on}"
    for read in (run.network, lambda: evaluate(copy)):
        assert refused(read) == f"{copy}: no results yet: {on}"


def test_how_to_go_on_is_a_command_that_a_shell_understands(run: Run, tmp_path: Path) -> None:
    record = dict(run.record)
    with for_command_line():
        assert Run(Path("it's mine"), record).how_to_go_on.endswith("""train 'it'"'"'s mine' --resume""")
    record["data"] = {**record["data"], "origin": {}}
    assert Run(Path("mine"), record).how_to_go_on.endswith("train(network, data, config, out='mine', resume=True)")


def test_any_morphology_comes_back_from_its_folder(tmp_path: Path) -> None:
    """Words that YAML would take for something else, and letters beyond ASCII."""
    plain = {**small.MORPHOLOGY, "name": "on", "about": "no: 1e-3 # déjà vu «µ»"}
    morphology = Morphology.from_dict(plain)
    record = {**json.loads(json.dumps({key: {} for key in ("config", "data", "network")})), "graph": {}}
    folder = Run.begin(tmp_path / "run", morphology, record).folder
    assert load(folder / "morphology.yaml").to_dict() == morphology.to_dict()


# A history belongs to its run


def test_a_history_that_was_edited_or_swapped_is_not_believed(copy: Path, run: Run) -> None:
    path = copy / "history.csv"
    whole = path.read_text()
    value = run.history[-1]["train_accuracy"]
    path.write_text(whole.replace(repr(value), "0.99"))
    told = f"{path}: damaged or changed: not the history that this run ended with\n"
    assert refused(lambda: Run.open(copy).history).startswith(told)
    for command in (lambda: compare([copy]), lambda: analyse(copy, parts=["learning"])):
        with pytest.raises(DendrographError, match=r"history\.csv: damaged or changed"):
            command()
    path.unlink()
    assert refused(lambda: Run.open(copy).history).startswith(f"{path}: cannot be read: No such file")
    path.write_text(whole)
    assert Run.open(copy).history == run.history


def test_the_history_of_an_older_run_is_held_to_its_checkpoint(copy: Path, run: Run) -> None:
    """It has no SHA-256 of it; where the checkpoint is gone, types and ranges are held."""
    record = small.read_record(copy / "metrics.json")
    del record["history"]
    small.write_record(copy / "metrics.json", record)
    path = copy / "history.csv"
    edited = path.read_text().replace(repr(run.history[-1]["train_accuracy"]), "0.99")
    assert Run.open(copy).history == run.history
    path.write_text(edited)
    assert "not the history that this run ended with" in refused(lambda: Run.open(copy).history)
    path.unlink()
    assert Run.open(copy).history == run.history
    (copy / "checkpoint.pt").unlink()
    path.write_text(edited)
    assert Run.open(copy).history[-1]["train_accuracy"] == 0.99
    path.write_text(edited.replace("0.99", "1.99"))
    assert f"{path}: damaged: not a row for each epoch" in refused(lambda: Run.open(copy).history)


def test_before_its_end_the_history_is_that_of_the_checkpoint(copy: Path, run: Run) -> None:
    (copy / "metrics.json").unlink()
    (copy / "history.csv").write_text("mine")
    assert Run.open(copy).history == run.history


# Records that were forged


@pytest.mark.parametrize("file", ["run.json", "metrics.json"])
def test_json_that_is_nested_without_end_is_refused(file: str, copy: Path) -> None:
    (copy / file).write_text("[" * 100_000 + "]" * 100_000)
    for use in (lambda: evaluate(copy), lambda: ModelSource(copy).graph(), lambda: train_named(str(copy), resume=True)):
        assert refused(use).startswith(f"{copy / file}: damaged: nested too deeply\n")


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [("test", "accuracy", 0.99), ("test", "samples", 359), ("validation", "confusion", [[1, 2], [3]])],
)
def test_results_that_contradict_each_other_are_refused_although_sealed(
    part: str, key: str, value: Any, copy: Path
) -> None:
    record = small.read_record(copy / "metrics.json")
    record[part][key] = value
    small.write_record(copy / "metrics.json", record)
    told = f"{copy / 'metrics.json'}: damaged: its numbers contradict each other\n"
    assert refused(lambda: Run.open(copy).metrics).startswith(told)


def test_the_record_of_another_run_describes_no_network_either(copy: Path) -> None:
    record = small.read_record(copy / "run.json")
    record["graph"]["seed"] += 1
    small.write_record(copy / "run.json", record)
    assert refused(lambda: ModelSource(copy).graph()).startswith(f"{copy / 'metrics.json'}: not this run's results\n")


def test_a_morphology_that_was_changed_is_not_loaded_from_the_folder(copy: Path) -> None:
    (copy / "morphology.yaml").write_text((copy / "morphology.yaml").read_text() + "# mine\n")
    assert "not the morphology that was trained" in refused(lambda: load(copy))


def test_weights_of_another_network_are_refused_although_their_digest_fits(copy: Path) -> None:
    path = copy / "weights.safetensors"
    for content in ({"more": torch.zeros(3)}, {**load_file(path), "biases.readout": torch.zeros(3)}):
        save_file(content, path)
        record = small.read_record(copy / "metrics.json")
        record["weights"] = hashlib.sha256(path.read_bytes()).hexdigest()
        small.write_record(copy / "metrics.json", record)
        assert refused(lambda: evaluate(copy)).startswith(f"{path}: damaged: not the weights of this run's network")


# Temporary names


def test_only_temporary_names_of_ours_are_taken_away(copy: Path) -> None:
    """Neither a file of the user's nor a folder stops the end of a run."""
    (copy / "metrics.json").unlink()
    for name in (".x.tmp", ".notes.0123abcd.tmp", ".history.csv.tmp"):
        (copy / name).write_text("mine")
    (copy / ".mine.tmp").mkdir()
    ours = [copy / ".history.csv.0123abcd.tmp", atomic.temporary_beside(copy / "checkpoint.pt")]
    for path in ours:
        path.write_text("half")
    assert train_named(str(copy), resume=True, progress=False).finished
    assert not any(path.exists() for path in ours)
    assert {path.name for path in copy.glob(".*")} == {".x.tmp", ".notes.0123abcd.tmp", ".history.csv.tmp", ".mine.tmp"}


def test_what_a_killed_start_left_is_taken_away_at_the_next_start(tmp_path: Path) -> None:
    own = atomic.temporary_beside(tmp_path / "run")
    gone = own.with_name(own.name.replace(f"-{os.getpid()}-", "-999999999-"))
    elsewhere = own.with_name(own.name.replace(f".{atomic._host()}-", ".00000000-"))
    another = gone.with_name(gone.name.replace(".run.", ".other."))
    for path in (own, gone, elsewhere, another, tmp_path / ".run.tmp"):
        path.mkdir()
        (path / "run.json").write_text("half")
    trained(tmp_path / "run")
    assert not gone.exists()
    assert own.exists() and elsewhere.exists() and another.exists() and (tmp_path / ".run.tmp").exists()
    os.utime(elsewhere, (0, 0))
    trained(tmp_path / "deeper" / ".." / "run-2")
    (tmp_path / "run").rename(tmp_path / "kept")
    trained(tmp_path / "run")
    assert not elsewhere.exists(), "what another machine left is given up after a day"


def test_names_are_on_the_disk_before_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was put in place is there after a power failure: its folder was synced after the renaming."""
    done: list[str] = []
    replace, sync = os.replace, os.fsync

    def replaced(source: Any, target: Any) -> None:
        replace(source, target)
        done.append(f"named {Path(target).name}")

    def synced(number: int) -> None:
        sync(number)
        kind = "folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file"
        done.append(f"{kind} synced")

    monkeypatch.setattr("os.replace", replaced)
    monkeypatch.setattr("os.fsync", synced)
    atomic.write(tmp_path / "file", "content")
    assert done == ["file synced", "named file", "folder synced"]
    done.clear()
    atomic.make_folder(tmp_path / "a" / "run", {"file": "content"})
    named = done.index("named run")
    assert done[:named] == ["file synced", "named file", "folder synced"]
    assert done[named + 1 :] == ["folder synced"] * 2, "the run's folder, and that of the folder made above it"


# Paths


@pytest.mark.parametrize("name", [b"caf\xe9", "café".encode(), b"two\nlines", b"\xff\xfe"])
def test_any_path_of_the_system_works(
    name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / os.fsdecode(name) / "run"
    finish_epoch = training.finish_epoch

    def stopped(*arguments: Any) -> None:
        finish_epoch(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("dendrograph.training.loop.finish_epoch", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_named("dann-lrf", settings={"epochs": 2}, overrides={"somata": 8}, out=folder)
    for words in (["train", str(folder), "--resume"], ["evaluate", str(folder)], ["compare", str(folder)]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 0, capsys.readouterr().err
    assert Run.open(folder).finished
    compared = tmp_path / os.fsdecode(name) / "tables"
    with pytest.raises(SystemExit) as stop:
        main(["compare", str(folder), "--out", str(compared)])
    assert stop.value.code == 0, capsys.readouterr().err
    for table in compared.glob("*.csv"):
        table.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [b"caf\xe9.npz", "é.npz".encode()])
def test_a_data_file_of_any_name_is_recorded_and_found_again(name: bytes, tmp_path: Path) -> None:
    data = small.digits()
    path = tmp_path / os.fsdecode(name)
    arrays = {
        f"x_{part}": split.inputs["image"].numpy() for part, split in (("train", data.train), ("test", data.test))
    }
    arrays |= {f"y_{part}": split.labels.numpy() for part, split in (("train", data.train), ("test", data.test))}
    with path.open("wb") as file:
        np.savez(file, **arrays)
    run = train_named("dann-lrf", str(path), settings={"epochs": 1}, overrides={"somata": 8}, out=tmp_path / "run")
    assert evaluate(run.folder).record() == run.metrics["test"]


def test_a_default_name_is_no_longer_than_a_name_may_be(tmp_path: Path) -> None:
    stem = f"dann-lrf-{'é' * 200}-seed12"
    folder = free_folder(stem, tmp_path)
    assert len(os.fsencode(folder.name)) <= 200
    assert folder.name.startswith("dann-lrf-é") and folder.name.endswith("é-seed12")
    assert free_folder("a/b\0c", tmp_path) == tmp_path / "a_b_c"
