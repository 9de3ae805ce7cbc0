"""Data sets: what is read is what was written, bad data is told apart from good, and splits are what they promise."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import socket
import subprocess
import sys
import tarfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets
import torch

from dendrograph.base.errors import DataError, DataWarning
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data import batches, cifar_files
from dendrograph.data import downloads as datafiles
from dendrograph.data import load as data
from dendrograph.data.known_datasets import CIFAR_FILES, EMNIST_FILES, KNOWN, MNIST_FILES

REAL = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
RNG = np.random.default_rng


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, no cache but an empty one, no data folder."""

    def unreachable(*args: Any, **options: Any) -> None:
        raise URLError("no network in this test")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", unreachable)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DENDROGRAPH_DATA", raising=False)


def message(action: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        action()
    return str(caught.value)


def arrays(shape: tuple[int, ...] = (28, 28), classes: int = 10, seed: int = 0) -> dict[str, np.ndarray]:
    """A small data set with every class in both splits."""
    rng = RNG(seed)
    made = {}
    for part, samples in (("train", 2 * classes), ("test", classes)):
        made[f"x_{part}"] = rng.integers(0, 256, (samples, *shape), dtype=np.uint8)
        made[f"y_{part}"] = rng.permutation(np.arange(samples) % classes).astype(np.uint8)
    return made


def same(dataset: data.Dataset, wanted: dict[str, np.ndarray]) -> bool:
    return all(
        np.array_equal(split.inputs["image"].numpy(), wanted[f"x_{part}"])
        and np.array_equal(split.labels.numpy(), wanted[f"y_{part}"])
        for part, split in (("train", dataset.train), ("test", dataset.test))
    )


def idx(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder: Path, made: dict[str, np.ndarray], files: tuple[str, ...], suffix: str = ".gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file, key in zip(files, ("x_train", "y_train", "x_test", "y_test"), strict=True):
        content = idx(made[key])
        (folder / f"{file}{suffix}").write_bytes(gzip.compress(content, 1) if suffix else content)
    return folder


def cifar_batches(made: dict[str, np.ndarray]) -> dict[str, bytes]:
    def records(x: np.ndarray, y: np.ndarray) -> bytes:
        return b"".join(bytes([label]) + image.transpose(2, 0, 1).tobytes() for image, label in zip(x, y, strict=True))

    train = np.array_split(np.arange(len(made["y_train"])), 5)
    named = {f"data_batch_{i + 1}.bin": records(made["x_train"][r], made["y_train"][r]) for i, r in enumerate(train)}
    return named | {"test_batch.bin": records(made["x_test"], made["y_test"])}


class Payload:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.trace),)


# --- by name ---------------------------------------------------------------------------------------------------------


def test_digits_are_all_of_scikit_learns_split_by_class() -> None:
    digits = data.load("digits")
    assert (digits.shapes, digits.classes, digits.scale) == ({"image": (8, 8)}, 10, 16)
    assert (len(digits.train), len(digits.test), digits.validation) == (1437, 360, None)
    assert digits.train.inputs["image"].dtype == torch.uint8
    held = torch.cat([digits.train.inputs["image"], digits.test.inputs["image"]]).reshape(1797, 64).numpy()
    held = np.column_stack([held, torch.cat([digits.train.labels, digits.test.labels]).numpy()])
    original = sklearn.datasets.load_digits()
    wanted = np.column_stack([original.data, original.target])
    assert sorted(map(tuple, held.tolist())) == sorted(map(tuple, wanted.astype(int).tolist()))
    shares = np.bincount(digits.test.labels) / np.bincount(original.target)
    assert np.abs(shares - 360 / 1797).max() < 1 / 174  # one sample of the rarest class
    assert digits.digest == data.load("digits").digest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mean", "deviation", "first"),
    [("mnist", 0.1307, 0.3081, [7, 2, 1, 0, 4]), ("fashion_mnist", 0.2860, 0.3530, None)],
)
def test_real_data_has_the_published_statistics(
    name: str, mean: float, deviation: float, first: list[int] | None
) -> None:
    if not (REAL / name).is_dir():
        pytest.skip(f"the real data is not here: {REAL / name}")
    dataset = data.load(name, REAL)
    assert (len(dataset.train), len(dataset.test), dataset.shapes) == (60_000, 10_000, {"image": (28, 28)})
    pixels = dataset.train.inputs["image"].float() / dataset.scale
    assert pixels.mean().item() == pytest.approx(mean, abs=1e-4)
    assert pixels.std().item() == pytest.approx(deviation, abs=1e-4)
    if first is not None:
        assert dataset.test.labels[:5].tolist() == first
    else:
        assert dataset.train.labels.bincount().tolist() == [6000] * 10
        assert dataset.test.labels.bincount().tolist() == [1000] * 10


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
@pytest.mark.parametrize("layout", ["gzip", "plain", "dotted", "torchvision", "own folder", "environment", "cache"])
def test_idx_files_are_found_wherever_they_may_lie(
    name: str, layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, folder, files = arrays(), tmp_path / "data", MNIST_FILES
    place, suffix, given = folder / name, "", folder
    if layout == "gzip":
        suffix = ".gz"
    elif layout == "dotted":
        files = tuple(file.replace("-idx", ".idx") for file in files)
    elif layout == "torchvision":
        place = folder / {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}[name] / "raw"
    elif layout == "own folder":
        given = place
    elif layout == "cache":
        place = tmp_path / "cache" / "dendrograph" / name
    write_idx(place, made, files, suffix)
    if layout == "environment":
        monkeypatch.setenv("DENDROGRAPH_DATA", str(given))
    dataset = data.load(name, None if layout in ("environment", "cache") else given)
    assert same(dataset, made)
    assert (dataset.name, dataset.classes, dataset.scale) == (name, 10, 255)
    assert dataset.source == f"IDX files in {place}"
    assert (
        dataset.digest == data.from_tensors(*(made[key] for key in ("x_train", "y_train", "x_test", "y_test"))).digest
    )


def test_files_of_a_look_alike_are_not_taken_for_the_data_set(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "kmnist", arrays(), MNIST_FILES)
    assert data.load("kmnist", folder).name == "kmnist"
    with pytest.raises(DataError, match=r"kmnist: no data set 'mnist' here"):
        data.load("mnist", folder)


@pytest.mark.parametrize("place", ["emnist", "EMNIST/raw", "."])
def test_emnist_is_turned_upright(place: str, tmp_path: Path) -> None:
    upright = arrays(classes=47)
    stored = {key: array.transpose(0, 2, 1) if key[0] == "x" else array for key, array in upright.items()}
    write_idx(tmp_path / place, stored, EMNIST_FILES)
    dataset = data.load("emnist", tmp_path)
    assert dataset.classes == 47
    assert same(dataset, upright)
    assert not same(dataset, stored)


@pytest.mark.parametrize("layout", ["cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", ".", "archive"])
def test_cifar_is_read_from_binary_batches(layout: str, tmp_path: Path) -> None:
    made = arrays((32, 32, 3))
    batches = cifar_batches(made)
    place = tmp_path / ("" if layout == "archive" else layout)
    place.mkdir(parents=True, exist_ok=True)
    if layout == "archive":
        with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as tar:
            for file, content in batches.items():
                member = tarfile.TarInfo(f"../cifar-10-batches-bin/{file}")  # a path that must lead nowhere
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    else:
        for file, content in batches.items():
            (place / file).write_bytes(content)
    before = sorted(tmp_path.parent.rglob("*"))
    dataset = data.load("cifar10", tmp_path)
    assert dataset.shapes == {"image": (32, 32, 3)}
    assert same(dataset, made)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_cifar_pickles_are_never_read(tmp_path: Path) -> None:
    trace, place = tmp_path / "trace", tmp_path / "cifar-10-batches-py"
    place.mkdir()
    (place / "data_batch_1").write_bytes(pickle.dumps(Payload(trace)))
    assert message(lambda: data.load("cifar10", tmp_path)) == (
        f"{place}: this is CIFAR-10's Python version, made of pickles, which can run any code when they are read; it "
        f"is not read\n  put the binary version, cifar-10-binary.tar.gz, into {tmp_path}; it comes from "
        "https://www.cs.toronto.edu/~kriz/cifar.html"
    )
    assert not trace.exists()
    pickle.loads((place / "data_batch_1").read_bytes())
    assert trace.exists()  # the payload was live


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    known = "known: cifar10, digits, emnist, fashion_mnist, kmnist, mnist; or the path of a .npz file"
    assert message(lambda: data.load("minst")) == f"unknown data set 'minst'\n  did you mean 'mnist'? {known}"
    assert message(lambda: data.load("Fashion-MNIST")) == (
        f"unknown data set 'Fashion-MNIST'\n  did you mean 'fashion_mnist'? {known}"
    )
    assert message(lambda: data.load("imagenet.npy")) == f"unknown data set 'imagenet.npy'\n  {known}"


# --- folders and files that cannot be taken --------------------------------------------------------------------------


def test_a_data_folder_that_was_named_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent, file = tmp_path / "absent", tmp_path / "file"
    file.write_text("")
    assert message(lambda: data.load("mnist", absent)) == (
        f"data folder {absent} (from `data_dir`) does not exist\n  name the folder that holds mnist/"
    )
    monkeypatch.setenv("DENDROGRAPH_DATA", str(file))
    assert message(lambda: data.load("mnist")) == (
        f"data folder {file} (from DENDROGRAPH_DATA) is a file, not a folder\n  name the folder that holds mnist/"
    )
    write_idx(tmp_path / "mnist", arrays(), MNIST_FILES)
    assert len(data.load("mnist", tmp_path).train) == 20  # the argument goes before the environment


def test_offline_it_is_said_which_files_to_put_where(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "mnist").mkdir(parents=True)
    (folder / "notes.txt").write_text("")
    files = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"
    told = (
        f"{folder}: no data set 'kmnist' here (looked in kmnist/, KMNIST/raw/); it holds: mnist/, notes.txt; {{why}}\n"
        f"  put these files into {folder}/kmnist: {files} (each as it is, or .gz)\n"
        "  they come from https://github.com/rois-codh/kmnist\n"
        "  or name the folder that has kmnist/ by `data_dir` or DENDROGRAPH_DATA"
    )
    failed = "downloading it failed: URLError: <urlopen error no network in this test>"
    assert message(lambda: data.load("kmnist", folder)) == told.format(why=failed)
    assert message(lambda: data.load("kmnist", folder, download=False)) == told.format(
        why="downloading was not allowed"
    )
    cache = tmp_path / "cache" / "dendrograph"
    cifar = ", ".join(f"data_batch_{number}.bin" for number in range(1, 6))
    assert message(lambda: data.load("cifar10", download=False)) == (
        f"{cache}: no data set 'cifar10' here (looked in cifar10/, cifar10/cifar-10-batches-bin/, "
        "cifar-10-batches-bin/); it holds: nothing; downloading was not allowed\n"
        f"  put these files into {cache}/cifar10: {cifar}, test_batch.bin, or cifar-10-binary.tar.gz as it is\n"
        "  they come from https://www.cs.toronto.edu/~kriz/cifar.html\n"
        "  or name the folder that has cifar10/ by `data_dir` or DENDROGRAPH_DATA"
    )


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


BAD_IDX: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file is missing": (
        lambda place: (place / "t10k-labels-idx1-ubyte.gz").unlink(),
        "{place}: data set 'mnist' is not complete: t10k-labels-idx1-ubyte missing; it holds: "
        "t10k-images-idx3-ubyte.gz, train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz\n"
        "  put what is missing there, from https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    "gzip cut short": (
        lambda place: _cut(place / "train-images-idx3-ubyte.gz"),
        "{place}/train-images-idx3-ubyte.gz: cannot be unpacked: Compressed file ended before the end-of-stream marker "
        "was reached\n  the file is damaged or was downloaded only in part: fetch it again",
    ),
    "data cut short": (
        lambda place: (place / "train-images-idx3-ubyte").write_bytes(idx(arrays()["x_train"])[:-1]),
        "{place}/train-images-idx3-ubyte: its header says 20 x 28 x 28 = 15680 bytes, but 15679 follow\n"
        "  the file is damaged or was downloaded only in part: fetch it again",
    ),
    "labels in place of images": (
        lambda place: (place / "train-images-idx3-ubyte").write_bytes(idx(arrays()["y_train"])),
        "{place}/train-images-idx3-ubyte: starts with 00 00 08 01, but an IDX file of bytes with 3 axes starts with "
        "00 00 08 03\n  put the publisher's file of that name there, as it is or gzip-compressed",
    ),
    "an empty file": (
        lambda place: (place / "t10k-labels-idx1-ubyte").write_bytes(b""),
        "{place}/t10k-labels-idx1-ubyte: starts with nothing, but an IDX file of bytes with 1 axis starts with "
        "00 00 08 01\n  put the publisher's file of that name there, as it is or gzip-compressed",
    ),
    "the other split's labels": (
        lambda place: (place / "t10k-labels-idx1-ubyte").write_bytes(idx(arrays()["y_train"])),
        "{place}/t10k-images-idx3-ubyte.gz holds 10 images, but {place}/t10k-labels-idx1-ubyte holds 20 labels\n"
        "  put the two files there that belong together",
    ),
    "images of another size": (
        lambda place: (place / "t10k-images-idx3-ubyte").write_bytes(idx(arrays((16, 28))["x_test"])),
        "{place}/t10k-images-idx3-ubyte: its images are 16 x 28, but those of 'mnist' are 28 x 28\n"
        "  put the publisher's file there (https://ossci-datasets.s3.amazonaws.com/mnist/)",
    ),
    "labels of another data set": (
        lambda place: (place / "t10k-labels-idx1-ubyte").write_bytes(idx(np.arange(10) + 17)),
        "mnist, from IDX files in {place}: y_test goes up to 26, but there are 10 classes (0 to 9)\n"
        "  number the classes 0, 1, 2, ... alike in all splits",
    ),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_bad_idx_files_are_told(case: str, tmp_path: Path) -> None:
    spoil, wanted = BAD_IDX[case]
    place = write_idx(tmp_path / "mnist", arrays(), MNIST_FILES)
    assert same(data.load("mnist", tmp_path), arrays())
    spoil(place)
    assert message(lambda: data.load("mnist", tmp_path)) == wanted.format(place=place)


def test_bad_cifar_files_are_told(tmp_path: Path) -> None:
    batches = cifar_batches(arrays((32, 32, 3)))
    for file, content in batches.items():
        (tmp_path / file).write_bytes(content)
    assert len(data.load("cifar10", tmp_path).train) == 20
    third = tmp_path / "data_batch_3.bin"
    third.write_bytes(batches["data_batch_3.bin"][:-1])
    damaged = "the file is damaged or was downloaded only in part: fetch it again"
    assert message(lambda: data.load("cifar10", tmp_path)) == (
        f"{third}: {4 * 3073 - 1} bytes are not a whole number of images of 3073 bytes\n  {damaged}"
    )
    for file in batches:
        (tmp_path / file).unlink()
    archive = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin"))
    lacking = ", ".join(sorted(batches)[1:])
    assert (
        message(lambda: data.load("cifar10", tmp_path)) == f"{archive}: {lacking} missing in the archive\n  {damaged}"
    )
    _cut(archive)
    assert message(lambda: data.load("cifar10", tmp_path)).startswith(f"{archive}: cannot be unpacked: ")


# --- OpenML ----------------------------------------------------------------------------------------------------------


def openml(monkeypatch: pytest.MonkeyPatch, name: str, pixels: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """Let OpenML answer with these rows, the first 20 of them the train set; gives the list of calls made to it."""
    calls: list[dict[str, Any]] = []

    def answer(asked: str, **options: Any) -> Any:
        calls.append({"name": asked, "timeout": socket.getdefaulttimeout(), **options})
        return sklearn.utils.Bunch(data=pixels.astype(np.float64), target=labels.astype(str).astype(object))

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", answer)
    monkeypatch.setitem(KNOWN, name, replace(KNOWN[name], openml_train=20))
    return calls


@pytest.mark.parametrize(
    ("name", "shape", "asked", "flatten"),
    [
        ("mnist", (28, 28), "mnist_784", lambda x: x),
        ("emnist", (28, 28), "EMNIST_Balanced", lambda x: x.transpose(0, 2, 1)),
        ("cifar10", (32, 32, 3), "CIFAR_10", lambda x: x.transpose(0, 3, 1, 2)),
    ],
)
def test_what_is_in_no_folder_is_downloaded_once(
    name: str,
    shape: tuple[int, ...],
    asked: str,
    flatten: Callable[[np.ndarray], np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, cache = arrays(shape), tmp_path / "cache" / "dendrograph"
    pixels = flatten(np.concatenate([made["x_train"], made["x_test"]])).reshape(30, -1)
    calls = openml(monkeypatch, name, pixels, np.concatenate([made["y_train"], made["y_test"]]))
    first = data.load(name)
    assert same(first, made)
    assert first.source == f"OpenML ({asked}, version 1), kept in {cache / name}.npz"
    options = {"version": 1, "as_frame": False, "parser": "liac-arff", "data_home": str(cache), "n_retries": 1}
    assert calls == [{"name": asked, "timeout": datafiles.NETWORK_TIMEOUT, **options}]
    assert socket.getdefaulttimeout() is None
    again = data.load(name, download=False)
    assert len(calls) == 1
    assert (again.digest, again.source) == (first.digest, first.source)
    assert [file.name for file in cache.iterdir()] == [f"{name}.npz"]
    (cache / f"{name}.npz").write_bytes(b"PK")
    assert message(lambda: data.load(name)) == (
        f"{cache / name}.npz: not a .npz file, or a damaged one\n  write it with numpy.savez\n"
        "  delete it, and it is downloaded again"
    )


def test_what_openml_sends_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, why = np.arange(30) % 10, "downloading it failed: DataError: OpenML's mnist_784"
    openml(monkeypatch, "mnist", np.full((30, 783), 7), labels)
    with pytest.raises(DataError, match=rf"{why} has shape \(30, 783\), which is not that of 'mnist'"):
        data.load("mnist")
    for value in (0.5, 256, -1, np.nan):
        openml(monkeypatch, "mnist", np.full((30, 784), value), labels)
        with pytest.raises(DataError, match=f"{why} holds values that are not whole numbers from 0 to 255"):
            data.load("mnist")
    openml(monkeypatch, "mnist", np.full((30, 784), 255), labels)
    assert data.load("mnist").train.inputs["image"].float().mean() == 255


def test_a_full_disk_leaves_no_half_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Any, **made: np.ndarray) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    openml(monkeypatch, "mnist", np.zeros((30, 784)), np.arange(30) % 10)
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match=r"downloading it failed: OSError: \[Errno 28\] No space left on device"):
        data.load("mnist")
    assert list((tmp_path / "cache" / "dendrograph").iterdir()) == []


# --- one's own data --------------------------------------------------------------------------------------------------


def test_npz_and_tensors_are_the_same_data(tmp_path: Path) -> None:
    made = arrays((5, 4), classes=3)
    x_val, y_val = made["x_test"][:2], made["y_test"][:2]
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **made, x_val=x_val, y_val=y_val, about="free of us")
    mine = data.load(path)
    assert same(mine, made)
    assert (mine.name, mine.shapes, mine.classes, mine.scale) == ("mine", {"image": (5, 4)}, 3, 255)
    assert mine.source == str(path)
    assert mine.validation is not None
    assert mine.validation.inputs["image"].tolist() == x_val.tolist()
    tensors = {key: torch.from_numpy(array) for key, array in (made | {"x_val": x_val, "y_val": y_val}).items()}
    assert data.from_tensors(**tensors).digest == mine.digest
    changed = made["x_test"].copy()
    changed[0, 0, 0] ^= 1
    assert data.from_tensors(**(tensors | {"x_test": changed})).digest != mine.digest
    assert data.from_tensors(**{key: tensors[key] for key in made}).digest != mine.digest


def test_several_streams_each_keep_their_type(tmp_path: Path) -> None:
    rng, path = RNG(0), tmp_path / "two.npz"
    sound = rng.normal(size=(6, 9))
    sight = rng.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
    made = {f"x_{part}_{stream}": x for part in ("train", "test") for stream, x in (("b", sound), ("a", sight))}
    np.savez(path, **made, y_train=np.arange(6) % 2, y_test=np.arange(6) % 2)
    both = data.load(path)
    assert both.shapes == {"a": (4, 4, 3), "b": (9,)}
    ((inputs, _),) = batches.batches(both.train, both.scale, 6)
    assert inputs["a"].numpy() == pytest.approx(sight / 255)
    assert inputs["b"].numpy() == pytest.approx(sound)
    labels = torch.arange(6) % 2
    streams = {"a": torch.from_numpy(sight), "b": torch.from_numpy(sound)}  # in another order
    assert data.from_tensors(streams, labels, streams, labels).digest == both.digest


def test_floats_and_bools_are_taken_as_they_are() -> None:
    values, labels = RNG(0).normal(size=(4, 3)), np.array([0.0, 1.0, 1.0, 0.0])
    for x in (values, values.astype(">f4"), torch.from_numpy(values).bfloat16(), values > 0):
        dataset = data.from_tensors(x, labels, x[:2], labels[:2] > 0)
        held = dataset.train.inputs["image"]
        assert held.dtype == torch.float32
        assert held.tolist() == torch.as_tensor(x.astype(np.float32) if isinstance(x, np.ndarray) else x).tolist()
        assert dataset.train.labels.tolist() == [0, 1, 1, 0]
        assert dataset.test.labels.tolist() == [0, 1]


def test_classes_may_be_more_than_the_train_labels_show() -> None:
    x, y = np.zeros((3, 2), np.uint8), np.array([0, 1, 1])
    assert data.from_tensors(x, y, x, y).classes == 2
    assert data.from_tensors(x, y, x, y + 1, classes=5).classes == 5
    assert message(lambda: data.from_tensors(x, y, x, y, classes=1)) == "classes is 1, but must be 2 or more"


GOOD = arrays((2, 2), classes=3)
WHOLE = "wanted: whole numbers from 0, one a sample: the classes"
VALUES = "wanted: uint8 (0 to 255, standing for 0 to 1), or floats (taken as they are)"
KEYS = "wanted: x_train, y_train, x_test, y_test, and x_val, y_val if you bring a validation split"
KNOWN_KEYS = "known: x_test, x_train, x_val, y_test, y_train, y_val; or x_train_<stream> and so on"
FLOATS = np.ones((6, 2, 2))
SCALES = (
    "whose scale is not known\n  save pixels of 0 to 255 as uint8, by .astype(np.uint8): they stand for 0 to 1\n"
    "  save other numbers as floats, scaled as the network shall see them, such as x / x.max()"
)
NUMBER = (
    "number the names of the classes alike in all splits: names = np.unique(y_train), then np.searchsorted(names, y) "
    "of each y"
)


def _with(key: str, array: np.ndarray, at: object, value: object) -> dict[str, np.ndarray]:
    changed = array.copy()
    changed[at] = value
    return {key: changed}


BAD_ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no test split": (
        {"x_test": None, "y_test": None},
        f"no array 'x_test'; there are: x_train, y_train\n  {KEYS}",
    ),
    "no labels": (
        {"y_test": None},
        f"no array 'y_test'; there are: x_test, x_train, y_train\n  {KEYS}",
    ),
    "half a validation split": (
        {"x_val": GOOD["x_test"]},
        f"no array 'y_val'; there are: x_test, x_train, x_val, y_test, y_train\n  {KEYS}",
    ),
    "other capitals": (
        {"x_train": None, "X_TRAINED": GOOD["x_train"], "Y_TRAINED": GOOD["x_train"]},
        "no array 'x_train'; there are: X_TRAINED, Y_TRAINED, x_test, y_test, y_train\n"
        f"  did you mean 'X_TRAINED'? not read: X_TRAINED\n  {KEYS}",
    ),
    "samples that are not split": (
        {"x_train": None, "y_train": None, "x_test": None, "y_test": None, "X": GOOD["x_train"], "y": GOOD["y_train"]},
        "no array 'x_train'; there are: X, y\n  'X' and 'y' are not split: shuffle them alike, and save a part for "
        f"training, the rest for the test\n  {KEYS}",
    ),
    "a misspelt split": (
        {"x_vall": GOOD["x_test"]},
        f"unknown array 'x_vall'\n  did you mean 'x_val'? {KNOWN_KEYS}",
    ),
    "a validation split of half another tool's names": (
        {"x_valid": GOOD["x_test"]},
        f"no array 'y_val'; there are: x_test, x_train, x_valid, y_test, y_train\n  {KEYS}",
    ),
    "one array under two names": (
        {"x_val": GOOD["x_test"], "y_val": GOOD["y_test"], "x_valid": GOOD["x_test"]},
        "both 'x_val' and 'x_valid' may be x_val\n  keep one of them, named x_val",
    ),
    "a stream without a name": (
        {"x_train_": GOOD["x_train"]},
        f"unknown array 'x_train_'\n  did you mean 'x_train'? {KNOWN_KEYS}",
    ),
    "plain and streams": (
        {"x_train_left": GOOD["x_train"]},
        "both x_train and x_train_left\n  name every stream's array x_train_<stream>, or give x_train alone",
    ),
    "other streams in the test split": (
        {"x_test": None, "x_test_left": GOOD["x_test"]},
        "the train split has the streams image, but x_test has left\n  give every split the same streams",
    ),
    "text": ({"x_train": np.full((6, 2), "a")}, f"x_train holds <U1\n  {VALUES}"),
    "complex numbers": ({"x_train": GOOD["x_train"] * 1j}, f"x_train holds complex128\n  {VALUES}"),
    "integers of unknown scale": (
        {"x_train": GOOD["x_train"].astype(int) - 7},
        f"x_train holds int64 from {int(GOOD['x_train'].min()) - 7} to {GOOD['x_train'].max() - 7}, {SCALES}",
    ),
    "wide bytes": (
        {"x_train": GOOD["x_train"].astype("u2")},
        f"x_train holds uint16 from {GOOD['x_train'].min()} to {GOOD['x_train'].max()}, {SCALES}",
    ),
    "one axis": (
        {"x_test": GOOD["x_test"][:, 0, 0]},
        "x_test has shape (3,), but needs samples along its first axis and values along others",
    ),
    "nothing": (
        {"x_test": GOOD["x_test"][:0], "y_test": GOOD["y_test"][:1]},
        "x_test is empty: its shape is (0, 2, 2)",
    ),
    "no label at all": ({"y_test": GOOD["y_test"][:0]}, "y_test is empty"),
    "not a number": (
        _with("x_train", FLOATS, (slice(4, 6), 1, 1), np.nan),
        "x_train holds 2 values that are not finite in float32, the first in sample 4\n  remove or replace them",
    ),
    "too large for float32": (
        _with("x_train", FLOATS, (5, 0, 0), 1e39),
        "x_train holds 1 values that are not finite in float32, the first in sample 5\n  remove or replace them",
    ),
    "fewer labels": (
        {"y_train": GOOD["y_train"][:5]},
        "x_train holds 6 samples, but y_train holds 5 labels\n  give one label for each sample",
    ),
    "other types": (
        {"x_test": FLOATS[:3]},
        "a sample of stream 'image' is uint8 of shape (2, 2) in the train split, but float32 of shape (2, 2) in "
        "x_test\n  give every split the same type and shape",
    ),
    "other shapes": (
        {"x_val": GOOD["x_test"][:, :1], "y_val": GOOD["y_test"]},
        "a sample of stream 'image' is uint8 of shape (2, 2) in the train split, but uint8 of shape (1, 2) in x_val\n"
        "  give every split the same type and shape",
    ),
    "labels as text": ({"y_train": np.array(list("abcabc"))}, f"y_train holds text (<U1)\n  {WHOLE}\n  {NUMBER}"),
    "labels as bytes of text": (
        {"y_train": np.array(list("abcabc"), "S1")},
        f"y_train holds text (|S1)\n  {WHOLE}\n  {NUMBER}",
    ),
    "a half label": (
        _with("y_train", np.arange(6) / 1, 1, 0.5),
        f"y_train holds 0.5 as the label of sample 1\n  {WHOLE}",
    ),
    "an endless label": (
        _with("y_train", np.arange(6) / 1, 2, np.inf),
        f"y_train holds inf as the label of sample 2\n  {WHOLE}",
    ),
    "a label that is no number": (
        _with("y_train", np.arange(6) / 1, 0, np.nan),
        f"y_train holds nan as the label of sample 0\n  {WHOLE}",
    ),
    "a negative label": (
        _with("y_train", np.arange(6), 3, -1),
        f"y_train holds -1 as the label of sample 3\n  {WHOLE}\n  {NUMBER}",
    ),
    "a label beyond int64": (
        _with("y_train", np.arange(6, dtype=np.uint64), 5, 2**63),
        f"y_train holds 9223372036854775808 as the label of sample 5\n  {WHOLE}",
    ),
    "several classes a sample": (
        {"y_train": np.eye(3)[GOOD["y_train"]] + np.eye(3)[0]},
        f"y_train has shape (6, 3), and its rows are not one-hot (a single 1, and 0 elsewhere)\n"
        f"  {WHOLE}; of probabilities take .argmax(1)",
    ),
    "one-hot labels of other classes": (
        {"y_train": np.eye(3)[GOOD["y_train"]], "y_test": np.eye(4)[GOOD["y_test"]]},
        "one-hot labels of different numbers of columns: 3 in y_train, 4 in y_test\n  give each class a column",
    ),
    "labels in a cube": (
        {"y_train": np.zeros((6, 2, 2))},
        f"y_train has shape (6, 2, 2)\n  {WHOLE}, in one axis",
    ),
    "samples along the last axis": (
        {"x_train": np.moveaxis(GOOD["x_train"], 0, -1)},
        "x_train holds 2 samples, but y_train holds 6 labels\n"
        "  np.moveaxis(x_train, -1, 0) puts the samples, which are the last of (2, 2, 6), first",
    ),
    "labels that count something else": (
        _with("y_train", np.arange(6), 5, 10**9),
        "y_train goes up to 1000000000, which makes 1000000001 classes of 6 samples\n  number the classes 0, 1, 2, ...",
    ),
    "one class": (
        {"y_train": GOOD["y_train"] * 0},
        "y_train holds nothing but class 0\n  give samples of two classes or more",
    ),
    "a class that training never sees": (
        {"y_test": GOOD["y_test"] + 1},
        "y_test goes up to 3, but there are 3 classes (0 to 2)\n  number the classes 0, 1, 2, ... alike in all splits",
    ),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_told(case: str, tmp_path: Path) -> None:
    change, wanted = BAD_ARRAYS[case]
    path = tmp_path / "mine.npz"
    np.savez(path, **GOOD)
    assert same(data.load(path), GOOD)
    np.savez(path, **{key: array for key, array in (GOOD | change).items() if array is not None})
    assert message(lambda: data.load(path)) == f"{path}: {wanted}"


def test_bad_arrays_in_memory_are_told_without_a_file() -> None:
    x, y = GOOD["x_train"], GOOD["y_train"]
    assert message(lambda: data.from_tensors({"left": x, "right": x[1:]}, y, {"left": x, "right": x}, y)) == (
        "x_train_right holds 5 samples, but y_train holds 6 labels\n  give one label for each sample"
    )
    ragged: Any = [[1.0], [1.0, 2.0]]
    assert message(lambda: data.from_tensors(ragged, y, x, y)).startswith("x_train is no array: ")
    assert data.from_tensors({"left": x, "right": x}, y, {"left": x, "right": x}, y).classes == 3


WHOLE_TENSOR = torch.rand(6, 2, 2)
NO_ARRAYS: dict[str, Any] = {
    "sparse": WHOLE_TENSOR.to_sparse(),
    "without memory": WHOLE_TENSOR.to("meta"),
    "complex": torch.rand(6, 2, 2, dtype=torch.complex64).conj(),
    "objects": np.array([[object()] * 4] * 6),
    "text": np.full((6, 4), "a"),
    "masked": np.ma.masked_less(RNG(0).random((6, 2, 2)), 0.5),
}


@pytest.mark.parametrize("kind", NO_ARRAYS)
def test_tensors_and_arrays_that_hold_no_plain_numbers_are_told(kind: str) -> None:
    told = message(lambda: data.from_tensors(**GOOD | {"x_train": NO_ARRAYS[kind]}))
    assert told.startswith("x_train ")
    assert ("filled" if kind == "masked" else "wanted: uint8") in told


def test_a_masked_array_without_a_masked_value_is_an_array() -> None:
    assert data.from_tensors(**GOOD | {"x_train": np.ma.masked_array(GOOD["x_train"])}).classes == 3


def test_arguments_of_another_kind_are_told() -> None:
    dataset = data.from_tensors(**GOOD)
    wrong: Any = "a"
    for call in (
        lambda: data.from_tensors(**GOOD, classes=wrong),
        lambda: data.from_tensors(**GOOD, classes=4.0),  # type: ignore[arg-type]
        lambda: batches.split_validation(dataset, wrong),
        lambda: batches.split_validation(dataset, 0.5, seed=1.5),  # type: ignore[arg-type]
        lambda: batches.add_noise(dataset.train, 255, wrong, 1),
        lambda: next(batches.batches(dataset.train, 255, 2, order=[1, 2])),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match=r"expected .*, found"):
            call()
    assert data.from_tensors(**GOOD, classes=np.int64(4)).classes == 4  # type: ignore[arg-type]
    assert message(lambda: data.from_tensors(**GOOD, classes=10**12)).endswith("must be at most 1,000,000")
    assert message(lambda: next(batches.batches(dataset.train, 255, 2, order=torch.tensor([1, 999])))) == (
        "the order goes from 1 to 999, but there are 6 samples, numbered from 0"
    )
    assert "no such file" in message(lambda: data.load("a" * 5000 + ".npz"))


def test_numbers_of_which_uint8_would_lose_some_are_not_to_be_made_bytes() -> None:
    told = message(lambda: data.from_tensors(**GOOD | {"x_train": GOOD["x_train"].astype("i2") + 300}))
    assert "astype(np.uint8)" not in told and "x / x.max()" in told


def test_one_hot_labels_of_more_classes_than_samples_are_read() -> None:
    wide = {key: np.eye(9)[GOOD[key]] for key in ("y_train", "y_test")}
    assert notes(lambda: data.from_tensors(**GOOD | wide))[0].classes == 9


def test_a_path_that_is_no_npz_is_told(tmp_path: Path) -> None:
    path, trace = tmp_path / "mine.npz", tmp_path / "trace"
    remedy = "  give the path of a .npz file, as numpy.savez writes it"
    assert message(lambda: data.load(path)) == f"{path}: no such file\n{remedy}"
    assert message(lambda: data.load("absent.NPZ")) == f"absent.NPZ: no such file\n{remedy}"
    path.mkdir()
    assert message(lambda: data.load(path)) == f"{path}: is a folder\n{remedy}"
    path.rmdir()
    path.write_bytes(pickle.dumps(Payload(trace)))
    no_zip = f"{path}: not a .npz file, or a damaged one\n  write it with numpy.savez"
    assert message(lambda: data.load(path)) == no_zip
    np.savez(path, **GOOD)
    whole = path.read_bytes()
    assert same(data.load(path), GOOD)
    _cut(path)
    assert message(lambda: data.load(path)) == no_zip
    flipped = bytearray(whole)
    flipped[whole.index(GOOD["x_test"].tobytes())] ^= 1
    path.write_bytes(flipped)
    again = "  write it again with numpy.savez, from arrays of numbers"
    assert message(lambda: data.load(path)) == (
        f"{path}: array 'x_test' cannot be read: Bad CRC-32 for file 'x_test.npy'\n{again}"
    )
    np.savez(
        path, allow_pickle=True, **(GOOD | {"x_val": np.array([Payload(trace)], dtype=object), "y_val": np.arange(1)})
    )
    assert message(lambda: data.load(path)) == (
        f"{path}: array 'x_val' cannot be read: Object arrays cannot be loaded when allow_pickle=False\n{again}"
    )
    assert not trace.exists()


def test_damage_anywhere_is_an_error_of_ours_or_none(tmp_path: Path) -> None:
    rng = RNG(0)
    npz = tmp_path / "mine.npz"
    np.savez_compressed(npz, **GOOD)
    idx_file = write_idx(tmp_path / "mnist", arrays(), MNIST_FILES) / "train-labels-idx1-ubyte.gz"
    for path, load in ((npz, lambda: data.load(npz)), (idx_file, lambda: data.load("mnist", tmp_path))):
        whole, refused = path.read_bytes(), 0
        for _ in range(200):
            spoilt = bytearray(whole)
            for place in rng.integers(0, len(whole), rng.integers(1, 4)):
                spoilt[place] = rng.integers(256)
            path.write_bytes(spoilt[: rng.integers(len(whole))] if rng.random() < 0.2 else spoilt)
            try:
                load()
            except DataError:
                refused += 1
        assert refused > 100  # the rest hit what is not read, as a time stamp


# --- as other tools write it -----------------------------------------------------------------------------------------

FOREIGN = {
    "MedMNIST": ("train_images", "train_labels", "test_images", "test_labels", "val_images", "val_labels"),
    "capitals": ("X_train", "Y_train", "X_test", "Y_test", "X_val", "Y_val"),
    "scikit-learn": ("X_train", "y_train", "X_test", "y_test", "X_valid", "y_valid"),
    "no underscore": ("trainX", "trainY", "testX", "testY", "valX", "valY"),
    "the part first": ("train_x", "train_y", "test_x", "test_y", "dev_x", "dev_y"),
    "data and targets": ("train_data", "train_targets", "test_data", "test_targets", "val_data", "val_targets"),
    "Keras": ("x_train", "y_train", "x_test", "y_test", "x_validation", "y_validation"),
}


def notes(action: Callable[[], data.Dataset]) -> tuple[data.Dataset, list[str]]:
    """A data set, and what was said of how it was read."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = action()
    assert all(issubclass(one.category, DataWarning) for one in caught)
    return dataset, [str(one.message) for one in caught]


@pytest.mark.parametrize("tool", FOREIGN)
def test_arrays_named_as_other_tools_name_them_are_read_with_a_note(tool: str, tmp_path: Path) -> None:
    ours = ("x_train", "y_train", "x_test", "y_test", "x_val", "y_val")
    made = GOOD | {"x_val": GOOD["x_test"], "y_val": GOOD["y_test"]}
    np.savez(tmp_path / "ours.npz", **made)
    np.savez(tmp_path / "theirs.npz", **{theirs: made[our] for our, theirs in zip(ours, FOREIGN[tool], strict=True)})
    dataset, said = notes(lambda: data.load(tmp_path / "theirs.npz"))
    assert dataset.digest == data.load(tmp_path / "ours.npz").digest
    named = [f"'{theirs}' as {our}" for our, theirs in zip(ours, FOREIGN[tool], strict=True) if our != theirs]
    (told,) = said
    assert told.startswith(f"{tmp_path / 'theirs.npz'}: arrays are read by the names of another tool: ")
    assert all(name in told for name in named)


def test_other_arrays_beside_ours_are_not_read_and_it_is_said_which_look_like_data(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **GOOD)
    alone = data.load(path)
    x, y = GOOD["x_test"], GOOD["y_test"]
    for others in (
        {"train_images": x, "train_labels": y},
        {"X_vall": x, "Y_vall": y},
        {"val_images": x},
        {"valSamples2": x, "trainLabels2": y},
        {"X_val": x, "val_x": x, "val_y": y, "Y_val": y},
    ):
        np.savez(path, **GOOD | others, about="free of us")
        dataset, said = notes(lambda: data.load(path))
        assert dataset.digest == alone.digest and dataset.validation is None
        names = ", ".join(f"'{key}'" for key in others)
        assert said == [f"{path}: not read: {names}: the arrays named x_train, y_train, x_test, y_test are"]


@pytest.mark.parametrize(
    "names",
    [
        *(("X_val", "Y_val"), ("val_images", "val_labels"), ("xval", "yval"), ("validation_x", "validation_y")),
        *(("X_valid", "y_valid"), ("X_dev", "y_dev"), ("val_imgs", "val_lbls"), ("x_val", "val_labels")),
    ],
)
def test_a_validation_split_of_another_tools_names_beside_ours_is_read(names: tuple[str, str], tmp_path: Path) -> None:
    path, ours = tmp_path / "mine.npz", tmp_path / "ours.npz"
    np.savez(path, **GOOD | dict(zip(names, (GOOD["x_test"], GOOD["y_test"]), strict=True)))
    np.savez(ours, **GOOD, x_val=GOOD["x_test"], y_val=GOOD["y_test"])
    dataset, said = notes(lambda: data.load(path))
    assert dataset.digest == data.load(ours).digest
    assert said[0].startswith(f"{path}: arrays are read by the names of another tool: ") and names[1] in said[0]
    np.savez(ours, **GOOD)
    assert dataset.without_validation().digest == data.load(ours).digest


def test_what_is_suggested_for_a_missing_array_is_of_its_kind_and_not_in_use(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    made = {f"{part}_{kind}": GOOD[key] for key in GOOD for kind, part in [(key[0] + "arr", key[2:])]}
    np.savez(path, train_imgz=GOOD["x_train"], train_labz=GOOD["y_train"])
    assert "train_labz" not in message(lambda: data.load(path)).splitlines()[1]
    capitals = {key[0].upper() + key[1:]: array for key, array in GOOD.items()}
    np.savez(path, **capitals, X_val=GOOD["x_test"])
    assert message(lambda: data.load(path)) == (
        f"{path}: no array 'y_val'; there are: X_test, X_train, X_val, Y_test, Y_train\n  {KEYS}"
    )
    np.savez(path, **made, **{f"arr_{number}": np.zeros(1) for number in range(300)})
    told = message(lambda: data.load(path))
    assert len(told) < 1200 and " more" in told


def test_the_nearest_name_is_told_whatever_its_capitals() -> None:
    assert did_you_mean("x_train", ["Y_train", "X_train"]).startswith("did you mean 'X_train'?")
    assert did_you_mean("TANH", ["tanh", "Tanh2"]).startswith("did you mean 'tanh'?")
    assert did_you_mean("X", ["x", "X"]).startswith("did you mean 'X'?")


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8), (3, 8, 10), (4, 16, 16), (2, 34, 34), (1, 5, 7)])
@pytest.mark.parametrize("kind", ["file", "tensors"])
def test_images_with_their_channels_first_are_refused(shape: tuple[int, ...], kind: str, tmp_path: Path) -> None:
    made, path = arrays(shape, classes=2), tmp_path / "mine.npz"
    np.savez(path, **made)
    keys = ("x_train", "y_train", "x_test", "y_test")
    tensors = [torch.from_numpy(made[key]) for key in keys]
    told = message((lambda: data.load(path)) if kind == "file" else (lambda: data.from_tensors(*tensors)))
    planes = "1 channel" if shape[0] == 1 else f"{shape[0]} channels"
    assert f"x_train: a sample has shape {shape}, which looks like {planes} of {shape[1]} x {shape[2]} pixels" in told
    assert "channels stand last: np.moveaxis(x_train, 1, -1)" in told
    moved = {key: np.moveaxis(array, 1, -1) if key[0] == "x" else array for key, array in made.items()}
    assert data.from_tensors(**moved).shapes == {"image": (*shape[1:], shape[0])}


@pytest.mark.parametrize(
    ("shape", "doubtful"),
    [
        ((8, 8, 1), False),
        ((8, 8, 3), False),
        ((4, 4, 3), False),
        ((8, 10, 3), False),
        ((8, 8, 12), False),
        ((12, 8, 8), True),
        ((8, 8, 8), True),
        ((3, 8, 3), True),
        ((1, 8, 1), True),
        ((9, 8, 7), True),
        ((1, 64), True),
        ((1, 1, 64), True),
        ((64, 1), True),
        ((64,), False),
        ((8, 8), False),
    ],
)
def test_shapes_that_may_mean_two_things_are_read_as_documented_and_told(
    shape: tuple[int, ...], doubtful: bool
) -> None:
    dataset, said = notes(lambda: data.from_tensors(**arrays(shape, classes=2)))
    assert dataset.shapes == {"image": shape}
    if not doubtful:
        assert said == []
    elif len(shape) == 2:
        assert said == [
            f"x_train: a sample of shape {shape} is read as an image of height {shape[0]} and width {shape[1]}; "
            "vectors are (samples, units)"
        ]
    elif shape[:2] == (1, 1):
        assert said == [
            f"x_train: a sample of shape {shape} is read as an image of one pixel of {shape[2]} channels; vectors are "
            "(samples, units)"
        ]
    else:
        channels = "1 channel" if shape[2] == 1 else f"{shape[2]} channels"
        assert said == [
            f"x_train: a sample of shape {shape} is read as height {shape[0]}, width {shape[1]}, {channels}; channels "
            "stand last"
        ]


PIXELS = arrays((6, 6), classes=2)


@pytest.mark.parametrize(
    ("x", "wanted"),
    [
        (lambda x: x, None),
        (lambda x: x / 255, None),
        (lambda x: x / 127.5 - 1, None),
        (lambda x: (x - 127.5) / 74, None),
        (lambda x: x > 127, None),
        (
            lambda x: x.astype(float),
            "are floats from 0 to 255, which are taken as they are; save pixels of 0 to 255 as",
        ),
        (lambda x: x.astype(np.float16) / 2, "are floats from 0 to 127.5, which are taken as they are"),
        (lambda x: np.floor(x / 52.0), "are floats from 0 to 4, which are taken as they are"),
        (lambda x: x - 128.0, "are floats from -128 to 127, which are taken as they are"),
        (lambda x: (x > 127).astype(np.uint8), "are bytes from 0 to 1, and bytes are divided by 255: the network sees"),
        (lambda x: x // 16, "are bytes from 0 to 15, and bytes are divided by 255: the network sees at most 0.059"),
        (lambda x: x * 0 + 7, "are 7 everywhere in the train split: there is nothing to learn from them"),
        (lambda x: x * 0.0, "are 0 everywhere in the train split"),
    ],
)
def test_values_of_an_unlikely_range_are_taken_as_documented_and_told(x: Any, wanted: str | None) -> None:
    edges = {key: array.copy() for key, array in PIXELS.items()}
    for key in ("x_train", "x_test"):
        edges[key][0, 0, :2] = 0, 255
    made = edges | {key: x(edges[key]) for key in ("x_train", "x_test")}
    dataset, said = notes(lambda: data.from_tensors(**made))
    assert torch.equal(
        dataset.train.inputs["image"], torch.as_tensor(made["x_train"]).to(dataset.train.inputs["image"])
    )
    if wanted is None:
        assert said == []
    else:
        assert said[0].startswith(f"inputs of stream 'image' {wanted}")


GREY = RNG(1).integers(0, 256, (40, 6, 6), dtype=np.uint8)
GREY[0, 0, :2] = 0, 255


@pytest.mark.parametrize(
    ("train", "other"),
    [
        (lambda x: x, lambda x: (x > 128).astype("u1")),
        (lambda x: x, lambda x: x // 16),
        (lambda x: x, lambda x: x // 4),
        (lambda x: x, lambda x: x * 0),
        (lambda x: x / 255, lambda x: x / 255 / 255),
        (lambda x: (x / 255 - 0.1307) / 0.3081, lambda x: x / 255),
        (lambda x: x / 255, lambda x: (x / 255 - 0.1307) / 0.3081),
        (lambda x: x / 255, lambda x: x / 127.5 - 1),
        (lambda x: x > 128, lambda x: x / 255),
        (lambda x: x / 255, lambda x: x > 128),
        (lambda x: x, lambda x: (x > 128).astype("u1") * 255),
    ],
)
@pytest.mark.parametrize("part", ["test", "val"])
def test_a_split_scaled_otherwise_than_the_train_split_is_told(train: Any, other: Any, part: str) -> None:
    labels = np.arange(40) % 2
    made = {"x_train": train(GREY), "x_test": train(GREY), "x_val": train(GREY)}
    labelled = {f"y_{key[2:]}": labels for key in made}
    assert notes(lambda: data.from_tensors(**made, **labelled))[1] == []
    _, said = notes(lambda: data.from_tensors(**made | {f"x_{part}": other(GREY)}, **labelled))
    assert len(said) == 1 and said[0].endswith(f" in x_{part}: are they scaled alike?")


def test_floats_that_were_scaled_twice_are_told() -> None:
    made = PIXELS | {key: PIXELS[key] / 255 / 255 for key in ("x_train", "x_test")}
    _, said = notes(lambda: data.from_tensors(**made))
    assert len(said) == 1 and said[0].endswith(": were they scaled twice?")


def test_splits_of_different_scales_are_told() -> None:
    made = PIXELS | {"x_train": PIXELS["x_train"] / 255, "x_test": PIXELS["x_test"].astype(float)}
    _, said = notes(lambda: data.from_tensors(**made))
    high = PIXELS["x_train"].max() / 255
    assert said == [
        f"inputs of stream 'image' are from 0 to {high:g} in the train split, but from {PIXELS['x_test'].min()} to "
        f"{PIXELS['x_test'].max()} in x_test: are they scaled alike?"
    ]


def test_labels_as_a_column_as_a_row_and_one_hot_are_read() -> None:
    plain = data.from_tensors(**GOOD)
    for shape in ((-1, 1), (1, -1), (-1, 1, 1)):
        dataset, said = notes(
            lambda shape=shape: data.from_tensors(
                **GOOD | {key: GOOD[key].reshape(shape) for key in ("y_train", "y_test")}
            )
        )
        assert (dataset.digest, said) == (plain.digest, [])
    for kind in (float, bool, np.uint8):
        eye = np.eye(3).astype(kind)
        made = GOOD | {key: eye[GOOD[key]] for key in ("y_train", "y_test")}
        dataset, said = notes(lambda made=made: data.from_tensors(**made))
        assert dataset.digest == plain.digest
        assert said == ["labels are read as one-hot: the class is the column of the 1"]
    wide = {key: np.eye(5)[GOOD[key]] for key in ("y_train", "y_test")}
    assert data.from_tensors(**GOOD | wide).classes == 5


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (lambda y: y, []),
        (
            lambda y: y + 1,
            "class 0 has no sample in y_train: the network has 4 classes all the same; if the labels begin at 1, save "
            "y - 1",
        ),
        (
            lambda y: y * 2,
            "classes 1, 3 have no sample in y_train: the network has 5 classes all the same; number the classes 0, 1, "
            "2, ... without gaps",
        ),
    ],
)
def test_classes_without_a_sample_are_told(number: Any, wanted: Any) -> None:
    made = GOOD | {key: number(GOOD[key]) for key in ("y_train", "y_test")}
    dataset, said = notes(lambda: data.from_tensors(**made))
    assert said == ([wanted] if wanted else [])
    assert torch.equal(dataset.train.labels, torch.as_tensor(made["y_train"]).long())
    assert notes(lambda: data.from_tensors(**made, classes=7))[1] == []


# --- small files that unpack to large ones ---------------------------------------------------------------------------


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with 10 MB left."""
    monkeypatch.setattr("dendrograph.data.unpacking.available_memory", lambda: 10_000_000)


def test_an_array_that_nobody_reads_is_not_unpacked(tmp_path: Path, little_memory: None) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **GOOD, huge=np.zeros(30_000_000, np.uint8))
    assert same(data.load(path), GOOD)
    whole = bytearray(path.read_bytes())
    at = whole.index(b"huge.npy") + 400
    whole[at : at + 50] = bytes(50)  # damage there is not looked at either
    path.write_bytes(whole)
    assert same(data.load(path), GOOD)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_unpacked(tmp_path: Path, little_memory: None) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **GOOD | {"x_train": np.zeros((6, 2_000_000), np.uint8)})
    assert message(lambda: data.load(path)) == (
        f"{path}: unpacked, it takes 12.0 MB, but only 10.0 MB of memory are free\n"
        "  if the file is not damaged, save fewer samples, or read it on a larger machine"
    )


def at_most(action: Callable[[], str]) -> tuple[str, int]:
    """What an action answers, and how many bytes it held at once."""
    tracemalloc.start()
    told = action()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return told, peak


def with_header(shape: tuple[int, ...], content: bytes) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


@pytest.mark.parametrize(("announced", "there"), [(24, 23), (24, 25), (2**60, 24), (24, 3_000_000)])
def test_an_array_whose_header_lies_is_refused(announced: int, there: int, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", with_header((2, announced // 2), bytes(there)))
        for key in ("y_train", "x_test", "y_test"):
            archive.writestr(f"{key}.npy", with_header((2,), bytes(2)))
    assert message(lambda: data.load(path)) == (
        f"{path}: array 'x_train' cannot be read: its header announces {announced:,} bytes of numbers, but {there:,} "
        "are there\n  write it again with numpy.savez, from arrays of numbers"
    )


@pytest.mark.parametrize(("packing", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_an_array_packed_by_what_unpacks_without_limit_is_refused(packing: int, name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **{key: array for key, array in GOOD.items() if key != "x_train"})
    with zipfile.ZipFile(path, "a", packing) as archive:
        archive.writestr("x_train.npy", with_header((6, 4), bytes(24)) + bytes(30_000_000))
    told, peak = at_most(lambda: message(lambda: data.load(path)))
    assert told == (
        f"{path}: array 'x_train' cannot be read: it is packed by {name}, which NumPy does not write\n"
        "  write it again with numpy.savez, from arrays of numbers"
    )
    assert peak < 5_000_000


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_header_longer_than_any_is_refused_before_it_is_read(version: int, tmp_path: Path) -> None:
    path, most = tmp_path / "mine.npz", 2 ** (16 if version == 1 else 32) - 1
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "x_train.npy",
            b"\x93NUMPY" + bytes((version, 0)) + most.to_bytes(2 if version == 1 else 4, "little") + bytes(30_000_000),
        )
        for key in ("y_train", "x_test", "y_test"):
            archive.writestr(f"{key}.npy", with_header((2,), bytes(2)))
    told, peak = at_most(lambda: message(lambda: data.load(path)))
    assert f"'x_train' cannot be read: its header is {most:,} bytes long, but may have at most 10,000" in told
    assert "allow_pickle" not in told
    assert peak < 5_000_000


def test_every_version_of_the_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    for version in ((1, 0), (2, 0), (3, 0)):
        with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy, that older versions of it cannot read the newer ones
            for key, array in GOOD.items():
                with archive.open(f"{key}.npy", "w") as stream:
                    np.lib.format.write_array(stream, array, version)
        assert same(data.load(path), GOOD)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((600, 5000), bool), np.arange(600) % 2),  # 3 MB, and 12 MB as float32
        (np.zeros((600, 5000), "f4"), np.arange(600) % 2),
        (np.zeros((1000, 600, 10), "u1", "F"), np.arange(1000) % 2),
        (np.zeros((1_000_000, 1), "u1"), (np.arange(1_000_000) % 2).astype("u1")),  # 1 MB, and 8 MB as int64
    ],
)
def test_what_an_array_takes_once_it_is_converted_is_counted(
    x: np.ndarray, y: np.ndarray, tmp_path: Path, little_memory: None
) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **GOOD | {"x_train": x, "y_train": y})
    assert "of memory are free" in message(lambda: data.load(path))


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **GOOD)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library, that the name is there twice
        archive.writestr("x_test.npy", with_header((2,), bytes(2)))
    assert "it cannot be read: two arrays have the same name" in message(lambda: data.load(path))


def test_what_idx_headers_say_is_held_to_the_data_set_before_anything_is_unpacked(tmp_path: Path) -> None:
    place = write_idx(tmp_path / "mnist", arrays(), MNIST_FILES)
    images = place / "train-images-idx3-ubyte.gz"
    for shape, why in (((20, 1000, 1000), "its images are 1000 x 1000"), ((20_000, 28, 28), "holds 20000 images")):
        header = bytes((0, 0, 8, 3)) + b"".join(size.to_bytes(4, "big") for size in shape)
        images.write_bytes(gzip.compress(header + bytes(20_000_000), 1))
        told, peak = at_most(lambda: message(lambda: data.load("mnist", tmp_path)))
        assert told.startswith(f"{images}") and why in told
        assert peak < 5_000_000


def test_a_name_with_a_line_break_forges_no_line(tmp_path: Path) -> None:
    path = tmp_path / "mine\nnote: all is well.npz"
    assert "\nnote" not in message(lambda: data.load(path))
    np.savez(path, **GOOD | {"x_val": GOOD["x_test"]})
    assert "\nnote" not in message(lambda: data.load(path))
    assert "\nnote" not in message(lambda: data.load_again({"name_or_path": f"{path}.npz", "data_dir": None}))


def test_a_zip_without_arrays_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train", b"")
    assert "no name in it ends in .npy, as those of arrays do: 'x_train'" in message(lambda: data.load(path))


def test_no_more_of_a_gzip_is_unpacked_than_its_header_says(tmp_path: Path) -> None:
    place = write_idx(tmp_path / "mnist", arrays(), MNIST_FILES)
    path = place / "train-labels-idx1-ubyte.gz"
    with gzip.open(path, "wb", 1) as packed:
        packed.write(idx(arrays()["y_train"]))
        for _ in range(200):
            packed.write(bytes(1_000_000))
    told, peak = at_most(lambda: message(lambda: data.load("mnist", tmp_path)))
    assert told.startswith(f"{path}: its header says 20 = 20 bytes, but more follow")
    assert peak < 5_000_000


def test_no_more_of_cifars_archive_is_unpacked_than_it_may_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar_files, "CIFAR_BATCH", 100_000)
    archive, content = tmp_path / "cifar-10-binary.tar.gz", bytes(5_000_000)
    told = f"{archive}: holds more than 700,000 bytes, which is all it may"
    for kind, name in ((tarfile.REGTYPE, "data_batch_1.bin"), (tarfile.REGTYPE, "other"), (tarfile.XHDTYPE, "pax")):
        with tarfile.open(archive, "w:gz") as tar:
            member = tarfile.TarInfo(name)
            member.size, member.type = len(content), kind
            tar.addfile(member, io.BytesIO(content))
        assert message(lambda: data.load("cifar10", tmp_path)).startswith(told)
    archive.unlink()
    for file in CIFAR_FILES:
        (tmp_path / file).write_bytes(gzip.compress(content))
    assert "data_batch_1.bin: holds more than 100,000 bytes" in message(lambda: data.load("cifar10", tmp_path))


def test_a_sparse_member_of_cifars_archive_is_not_unpacked(tmp_path: Path) -> None:
    """A hundred bytes of archive that stand for 7 GB of zeros."""
    member = tarfile.TarInfo("data_batch_1.bin")
    member.size, member.type = 512, tarfile.GNUTYPE_SPARSE
    head, whole = bytearray(member.tobuf(tarfile.GNU_FORMAT)), 7 << 30
    head[386:410] = b"%011o\0%011o\0" % (whole - 512, 512)
    head[482:495] = b"\0%011o\0" % whole
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    archive = tmp_path / "cifar-10-binary.tar.gz"
    archive.write_bytes(gzip.compress(bytes(head) + bytes(1536)))
    told, peak = at_most(lambda: message(lambda: data.load("cifar10", tmp_path)))
    assert told.startswith(f"{archive}: data_batch_1.bin, ")
    assert peak < 5_000_000


def test_a_lack_of_memory_names_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    path = tmp_path / "mine.npz"
    np.savez(path, **GOOD)
    monkeypatch.setattr(np.lib.format, "read_array", full)
    assert message(lambda: data.load(path)) == (
        f"{path}: there is not enough memory to read it\n  save fewer samples, or read it on a larger machine"
    )


# --- the data of a run, where they lie now ---------------------------------------------------------------------------


def test_a_runs_data_are_found_where_their_file_was_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path, elsewhere = tmp_path / "here.npz", tmp_path / "elsewhere"
    np.savez(path, **GOOD)
    elsewhere.mkdir()
    for name in ("here.npz", "here.npz/permuted-3/2"):
        origin = data.load(tmp_path / name).origin
        digest = data.load(tmp_path / name).digest
        path.rename(elsewhere / "here.npz")
        told = message(lambda origin=origin: data.load_again(origin))
        assert told.startswith(f"{path}: no such file\n  the run read its data there; say where the same file lies now")
        assert data.load_again(origin, data_dir="elsewhere").digest == digest
        assert data.load_again(origin, data="elsewhere/here.npz").digest == digest
        if "/" in name:
            assert data.load_again(origin, data="elsewhere/here.npz/permuted-3/2").digest == digest
        assert message(lambda origin=origin: data.load_again(origin, tmp_path)) == (
            f"{tmp_path}: it holds no here.npz\n  the run read its data from here.npz: name the folder or the file"
        )
        assert "there is no such folder" in message(lambda origin=origin: data.load_again(origin, tmp_path / "absent"))
        (elsewhere / "here.npz").rename(path)


def test_a_runs_data_may_have_any_name_now(tmp_path: Path) -> None:
    path, now = tmp_path / "mine.npz", tmp_path / "mine.bak"
    np.savez(path, **GOOD)
    before = data.load(path)
    path.rename(now)
    assert data.load_again(before.origin, data=now).digest == before.digest
    assert message(lambda: data.load(now)).startswith(f"{now}: data of one's own are read from a .npz file")


def test_a_recorded_data_folder_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, now = tmp_path / "then", tmp_path / "now"
    write_idx(folder / "mnist", arrays(), MNIST_FILES)
    origin = data.load("mnist", folder).origin
    folder.rename(now)
    assert message(lambda: data.load_again(origin)) == (
        f"data folder {folder}, in which the run found its data, does not exist any more\n"
        "  say where they lie now, by `data_dir` or DENDROGRAPH_DATA"
    )
    assert same(data.load_again(origin, now), arrays())
    monkeypatch.setenv("DENDROGRAPH_DATA", str(now))
    assert same(data.load_again(origin), arrays())


def test_what_a_run_read_is_read_again_whatever_is_refused_now(tmp_path: Path) -> None:
    """Versions before this one read images with their channels first as images of few rows; their runs hold to that."""
    path, made = tmp_path / "first.npz", arrays((3, 8, 8), classes=2)
    np.savez(path, **made)
    again = data.load_again({"name_or_path": str(path), "data_dir": None})
    assert again.shapes == {"image": (3, 8, 8)} and same(again, made)


# --- splits, noise, batches, order -----------------------------------------------------------------------------------


def numbered(counts: list[int]) -> data.Dataset:
    """Samples that carry their own number, `counts` of each class."""
    labels = RNG(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return data.from_tensors(np.arange(len(labels), dtype=np.float32)[:, None], labels, np.zeros((1, 1)), [0])


def test_validation_is_a_stratified_part_of_train() -> None:
    dataset = numbered([300, 100, 57, 43])
    train, validation = batches.split_validation(dataset, 0.2, seed=3)
    rows = torch.cat([train.inputs["image"], validation.inputs["image"]]).flatten().long()
    assert rows.sort().values.tolist() == list(range(500))
    assert torch.equal(dataset.train.labels[rows], torch.cat([train.labels, validation.labels]))
    assert len(validation) == 100
    assert (validation.labels.bincount() - torch.tensor([60, 20, 11.4, 8.6])).abs().max() < 1
    assert not torch.equal(rows[400:], rows[400:].sort().values)  # shuffled
    again = batches.split_validation(dataset, 0.2, seed=3)
    other = batches.split_validation(dataset, 0.2, seed=4)
    assert torch.equal(train.inputs["image"], again[0].inputs["image"])
    assert torch.equal(validation.inputs["image"], again[1].inputs["image"])
    assert not torch.equal(validation.inputs["image"], other[1].inputs["image"])


def test_a_validation_split_of_ones_own_is_kept_as_it_is() -> None:
    dataset = data.from_tensors(**GOOD, x_val=GOOD["x_test"][:1], y_val=GOOD["y_test"][:1])
    assert batches.split_validation(dataset, 0.5, seed=1) == (dataset.train, dataset.validation)


def test_a_validation_split_that_cannot_be_is_told() -> None:
    remedy = "bring a validation split of your own (x_val, y_val), or more samples"
    assert message(lambda: batches.split_validation(numbered([9, 1, 9]), 0.5)) == (
        "tensors: class 1 has 1 sample in the train split, and a validation split needs one more of each class\n"
        f"  {remedy}"
    )
    assert message(lambda: batches.split_validation(numbered([10, 10, 10]), 0.05)) == (
        "tensors: 0.05 of the train split's 30 samples makes 2 for validation and 28 for training, but each needs at "
        f"least 3, one for each class\n  {remedy}, or another fraction"
    )
    assert len(batches.split_validation(numbered([10, 10, 10]), 0.1)[1]) == 3
    for fraction in (0.0, 1.0, -0.1, float("nan")):
        assert message(lambda fraction=fraction: batches.split_validation(numbered([9, 9]), fraction)) == (
            f"the validation fraction is {fraction}, but must lie between 0 and 1, as 0.1 does"
        )
    assert message(lambda: batches.split_validation(numbered([9, 9]), 0.5, seed=-1)) == (
        "the seed of the validation split is -1, but must lie between 0 and 4294967295"
    )


def test_noise_is_gaussian_clipped_and_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.full((500, 20, 10), 102, np.uint8)
    split = data.from_tensors(grey, np.arange(500) % 2, grey, np.arange(500) % 2).train
    monkeypatch.setattr(batches, "NOISE_CHUNK", 7 * 200)  # several chunks, and a last one that is smaller
    noisy = batches.add_noise(split, 255, 0.1, 5)
    values = noisy.inputs["image"]
    assert values.dtype == torch.float32
    error = values - 0.4
    assert error.mean().item() == pytest.approx(0, abs=4 * 0.1 / 100_000**0.5)
    assert error.std().item() == pytest.approx(0.1, abs=4 * 0.1 / 200_000**0.5)
    assert (error.abs() < 0.1).float().mean().item() == pytest.approx(0.6827, abs=0.006)
    assert values.flatten(1).unique(dim=0).shape[0] == 500  # no chunk repeats another
    assert torch.equal(noisy.labels, split.labels)
    assert torch.equal(split.inputs["image"], torch.from_numpy(grey))
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(values, batches.add_noise(split, 255, 0.1, generator).inputs["image"])
    assert not torch.equal(values, batches.add_noise(split, 255, 0.1, generator).inputs["image"])
    assert torch.equal(batches.add_noise(split, 255, 0.0, 5).inputs["image"], split.inputs["image"] / 255)
    clipped = batches.add_noise(split, 255, 1.0, 5).inputs["image"]
    assert (clipped.min(), clipped.max()) == (0, 1)
    assert (clipped == 0).float().mean().item() == pytest.approx(0.3446, abs=0.006)  # Phi(-0.4)
    ((inputs, _),) = batches.batches(noisy, 255, 500)
    assert torch.equal(inputs["image"], values)  # already scaled: not scaled again


def test_noise_that_cannot_be_is_told() -> None:
    unit, wide = numbered([1, 1]).train, numbered([2, 2]).train  # values 0 to 1, and 0 to 3
    assert batches.add_noise(unit, 255, 0.0, 0).inputs["image"].tolist() == [[0.0], [1.0]]
    assert message(lambda: batches.add_noise(wide, 255, 0.1, 0)) == (
        "stream 'image' holds values from 0 to 3, but noise is clipped to [0, 1] and would destroy them\n"
        "  scale the inputs to [0, 1], or save them as uint8"
    )
    for sigma in (-0.1, float("nan"), float("inf")):
        assert message(lambda sigma=sigma: batches.add_noise(unit, 255, sigma, 0)) == (
            f"the noise's standard deviation is {sigma}, but must be 0 or more"
        )


def test_batches_are_the_samples_in_order() -> None:
    split = data.load("digits").train
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))[:1000]
    seen = list(batches.batches(split, 16.0, 128, order))
    assert [len(labels) for _, labels in seen] == [128] * 7 + [104]
    inputs = torch.cat([batch["image"] for batch, _ in seen])
    assert inputs.dtype == torch.float32
    assert torch.equal(inputs, split.inputs["image"][order].float() / 16)
    assert inputs.max() == 1
    assert torch.equal(torch.cat([labels for _, labels in seen]), split.labels[order])
    plain = list(batches.batches(split, 16.0, 1437))
    assert len(plain) == 1
    assert torch.equal(plain[0][0]["image"] * 16, split.inputs["image"].float())
    assert next(batches.batches(split.to("meta"), 16.0, 5))[0]["image"].device.type == "meta"  # stays where it is
    assert next(batches.batches(split, 16.0, 5, device="meta"))[1].device.type == "meta"
    assert message(lambda: next(batches.batches(split, 16.0, 0))) == "the batch size is 0, but must be at least 1"


def test_a_batch_may_be_changed_without_harm() -> None:
    split = numbered([3, 3]).train
    for inputs, labels in batches.batches(split, 1.0, 4):
        inputs["image"].zero_()
        labels.zero_()
    assert split.inputs["image"].flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert split.labels.sum() == 3


def test_class_by_class_shows_one_class_after_the_other() -> None:
    labels = numbered([40, 30, 50]).train.labels
    order = batches.class_by_class(labels, torch.Generator().manual_seed(1))
    assert order.sort().values.tolist() == list(range(120))
    assert labels[order].tolist() == [0] * 40 + [1] * 30 + [2] * 50
    assert not torch.equal(order, labels.argsort(stable=True))  # shuffled within a class
    assert torch.equal(order, batches.class_by_class(labels, torch.Generator().manual_seed(1)))
    assert not torch.equal(order, batches.class_by_class(labels, torch.Generator().manual_seed(2)))


@pytest.mark.slow
def test_scikit_learn_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, dendrograph.data.load; sys.exit('sklearn' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2], check=False).returncode
        == 0
    )
