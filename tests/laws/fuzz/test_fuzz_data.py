"""Data files made at random, good, odd, lying or damaged: refused clearly, or read to exactly what is in them.

What is in them is told by a reader of its own, which knows the formats and the documented rules and nothing of ours.
"""

from __future__ import annotations

import ast
import gzip
import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from dendrograph.base.errors import DataError, DataWarning
from dendrograph.data import load as data
from dendrograph.data.known_datasets import MNIST_FILES

Tally = Callable[[str], None]
Rng = np.random.Generator

OURS = ("x_train", "y_train", "x_test", "y_test", "x_val", "y_val")
THEIRS = (
    OURS,
    ("train_images", "train_labels", "test_images", "test_labels", "val_images", "val_labels"),
    ("X_train", "y_train", "X_test", "y_test", "X_val", "y_val"),
    ("X_train", "Y_train", "X_test", "Y_test", "X_valid", "Y_valid"),
    ("train_x", "train_y", "test_x", "test_y", "dev_x", "dev_y"),
    ("trainData", "trainTargets", "testData", "testTargets", "valData", "valTargets"),
)
NAMES = {theirs: our for names in THEIRS for our, theirs in zip(OURS, names, strict=True)}
DTYPES = ("u1", "u1", "f4", "f8", ">f8", "f2", "?", "i8", "u2", "c8", "S3", "O", "M8[s]")
SHAPES = (
    (6,),
    (5, 4),
    (4, 5, 3),
    (6, 6, 1),
    (1, 6, 6),
    (3, 6, 6),
    (3, 6, 7),
    (6, 6, 6),
    (1, 9),
    (),
    (2, 3, 2, 2),
    (0,),
)


@pytest.mark.fuzz("data", 1000)
def test_data_files_are_refused_clearly_or_read_exactly(seeds: range, tally: Tally, tmp_path: Path) -> None:
    for seed in seeds:
        rng = np.random.default_rng(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        npz = rng.random() < 0.7
        name, spoilt = (_make_npz if npz else _make_idx)(rng, folder)
        try:
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always")
                found = data.load(name, folder)
        except DataError as error:
            said = str(error)
            assert said.replace("\n", "").isprintable(), f"seed {seed}: {said!r}"
            assert str(folder) in said and len(said) < 5_000, f"seed {seed}: {said}"
            assert spoilt or not npz, f"seed {seed}: plain data were refused: {said}"
            tally("refused")
            continue
        assert all(issubclass(note.category, DataWarning) for note in notes), f"seed {seed}"
        wanted = (_plain_npz if npz else _plain_idx)(folder)
        splits = {"train": found.train, "test": found.test, "val": found.validation}
        for part, split in splits.items():
            if split is None:
                assert f"x_{part}" not in wanted, f"seed {seed}"
                continue
            (inputs,) = split.inputs.values()
            assert np.array_equal(inputs.numpy(), wanted[f"x_{part}"]), f"seed {seed}: x_{part}"
            assert inputs.numpy().dtype == wanted[f"x_{part}"].dtype, f"seed {seed}: x_{part}"
            assert np.array_equal(split.labels.numpy(), wanted[f"y_{part}"]), f"seed {seed}: y_{part}"
        tally("read with a note" if notes else "read")


# The independent reader


def _plain_npz(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    with zipfile.ZipFile(folder / "own.npz") as archive:
        for member in archive.namelist():
            name = member.removesuffix(".npy")
            if (our := NAMES.get(name)) and (our == name or our not in found):
                found[our] = _plain_npy(archive.read(member))
    for name, array in found.items():
        if name[0] == "x":
            found[name] = array if array.dtype == np.uint8 else array.astype(np.float32)
        elif array.ndim == 2 and min(array.shape) > 1:
            found[name] = np.nonzero(array)[1]
        else:
            found[name] = array.reshape(-1)
    return found


def _plain_npy(content: bytes) -> np.ndarray:
    assert content[:6] == b"\x93NUMPY"
    size, start = (
        (struct.unpack("<H", content[8:10])[0], 10) if content[6] == 1 else (*struct.unpack("<I", content[8:12]), 12)
    )
    header = ast.literal_eval(content[start : start + size].decode("latin1"))
    values = np.frombuffer(content[start + size :], header["descr"])
    return values.reshape(header["shape"], order="F" if header["fortran_order"] else "C")


def _plain_idx(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for name, file in zip(OURS, MNIST_FILES, strict=False):
        (path,) = (folder / "mnist").glob(f"{file}*")
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert content[:3] == b"\x00\x00\x08"
        axes = content[3]
        shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
        found[name] = np.frombuffer(content[4 + 4 * axes :], np.uint8).reshape(shape)
    return found


# Files


def _make_npz(rng: Rng, folder: Path) -> tuple[str, bool]:
    """A file; whether it may be refused."""
    spoilt = bool(rng.random() < 0.75)
    shape = SHAPES[rng.integers(len(SHAPES) if spoilt else 4)]
    dtype = DTYPES[rng.integers(len(DTYPES) if spoilt else 7)]
    names = THEIRS[rng.integers(len(THEIRS))]
    labels = rng.integers(5)
    parts: dict[str, np.ndarray] = {}
    for x, y in _pairs(names, rng):
        parts[x] = _inputs(rng, (8, *shape), dtype)
        parts[y] = _labels(rng, int(labels))
    members = {name: _npy(array) for name, array in parts.items()}
    members["about"] = _npy(np.array("free of us"))
    if spoilt:
        _lie(rng, members)
    packed = _zip(members, zipfile.ZIP_DEFLATED if rng.integers(2) else zipfile.ZIP_STORED)
    (folder / "own.npz").write_bytes(_damage(rng, packed) if spoilt and rng.random() < 0.4 else packed)
    return str(folder / "own.npz"), spoilt


def _pairs(names: tuple[str, ...], rng: Rng) -> list[tuple[str, str]]:
    pairs = list(zip(names[::2], names[1::2], strict=True))
    return pairs if rng.integers(2) else pairs[:2]


def _inputs(rng: Rng, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if dtype == "O":
        return np.full(shape, None, object)
    kind = np.dtype(dtype)
    if kind.kind in "SM":
        return np.zeros(shape, kind)
    made = rng.integers(0, 256, shape) if kind.kind in "ui" else rng.random(shape) * rng.choice([1, 1, 255, 4000])
    made = np.asarray(made).astype(kind)
    return np.asfortranarray(made) if rng.random() < 0.3 else made


def _labels(rng: Rng, form: int) -> np.ndarray:
    labels = rng.permutation(np.arange(8) % 4)
    forms = (
        labels,
        labels.astype(np.uint8)[:, None],
        np.eye(4)[labels],
        labels.astype(float),
        labels[None].astype("i4"),
    )
    return forms[form]


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def _zip(members: Mapping[str, bytes], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _lie(rng: Rng, members: dict[str, bytes]) -> None:
    """Change what an array says of itself, how it is called, or what follows its header."""
    name = str(rng.choice(list(members)))
    content = members[name]
    what = rng.integers(10)
    if what == 0:
        members[name] = content[: rng.integers(len(content) + 1)]
    elif what == 1:
        members[name] = content + bytes(int(rng.choice([1, 8, 100_000])))
    elif what == 2:
        old = content[: content.index(b"\n") + 1]
        new = old.replace(b"(8,", rng.choice([b"(9,", b"(7,", b"(-8", b"(8e", b"(0,", b"(99999999999999,"]), 1)
        members[name] = new + content[len(old) :]
    elif what == 3:
        descr = rng.choice(
            [b"'<f4'", b"'|u1'", b"'|O'", b"'<f8'", b"'<i8'", b"'|V8'", b"[('a','<f8')]", b"'<U2'", b"17"]
        )
        head, rest = content.split(b"'descr': ", 1)
        members[name] = head + b"'descr': " + descr + rest[rest.index(b", 'fortran") :]
    elif what == 4:
        members[name] = content.replace(b"'fortran_order': False", b"'fortran_order': True ", 1)
    elif what == 5:
        at = rng.integers(min(len(content), 128))
        members[name] = content[:at] + bytes([rng.integers(256)]) + content[at + 1 :]
    elif what == 6:
        del members[name]
    elif what == 7:
        members[str(rng.choice([name.upper(), f"{name}_", "x_tain", "\x1b[31mx", "x_val", "../x_train", ""]))] = content
    elif what == 8:
        members[name] = members[str(rng.choice(list(members)))]


def _damage(rng: Rng, content: bytes) -> bytes:
    """Bits flipped, a part lost, or other numbers in what a zip or a gzip says of its content."""
    spoilt = bytearray(content)
    what = rng.integers(4)
    if what == 0:
        return bytes(spoilt[: rng.integers(len(spoilt))])
    if what == 1 and (at := content.rfind(b"PK\x01\x02")) >= 0:
        spoilt[at + 20 : at + 28] = struct.pack(
            "<II", *(int(rng.choice([0, 10, 1000, 2**31, 2**32 - 1])) for _ in "ab")
        )
        return bytes(spoilt)
    for _ in range(rng.integers(1, 5)):
        spoilt[rng.integers(len(spoilt))] ^= 1 << int(rng.integers(8))
    return bytes(spoilt)


def _make_idx(rng: Rng, folder: Path) -> tuple[str, bool]:
    place = folder / "mnist"
    place.mkdir()
    victim = rng.choice(MNIST_FILES) if rng.random() < 0.8 else ""
    for name, file in zip(OURS, MNIST_FILES, strict=False):
        array = rng.integers(0, 256, (12, 28, 28)) if name[0] == "x" else np.arange(12) % 10
        shape = struct.pack(f">{array.ndim}I", *array.shape)
        content = bytes((0, 0, 8, array.ndim)) + shape + array.astype(np.uint8).tobytes()
        what = rng.integers(5) if file == victim else -1
        if what == 0:
            at = rng.integers(4 + 4 * array.ndim)
            content = content[:at] + bytes([rng.integers(256)]) + content[at + 1 :]
        elif what == 1:
            content = content[: rng.integers(len(content))]
        elif what == 2:
            content += bytes(int(rng.choice([1, 1000, 5_000_000])))
        elif what == 3:
            other = struct.pack(">I", int(rng.choice([0, 11, 13, 2**31, 2**32 - 1])))
            content = content[:4] + other + content[8:]
        if rng.integers(2):
            content = gzip.compress(content, 1, mtime=0)
            file += ".gz" if rng.integers(2) else ""
        (place / file).write_bytes(_damage(rng, content) if what == 4 else content)
    return "mnist", True
