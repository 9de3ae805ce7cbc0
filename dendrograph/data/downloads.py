"""Reading the files that data sets come in: IDX, CIFAR-10's binary batches, `.npz`, and OpenML's copies.

Every reader gives its arrays under the names that a `.npz` of one's own has: `x_train`, `y_train`, `x_test`, `y_test`.
Nothing that is read here can run code: pickled files are refused.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import socket
import sys
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from dendrograph.base.errors import DataError, argument, clip, one_line
from dendrograph.base.suggestions import listed
from dendrograph.graph.size_limits import available_memory, format_bytes

Arrays = dict[str, np.ndarray]

CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR_PICKLES = ("cifar-10-batches-py", "cifar-10-python.tar.gz")
CIFAR_RECORD = 1 + 3 * 32 * 32  # one byte of label, then a plane each of red, green and blue, row by row
CIFAR_BATCH = 10_000 * CIFAR_RECORD  # the publisher's; six of them and some kilobytes of text are the archive
DAMAGED = "the file is damaged or was downloaded only in part: fetch it again"
NETWORK_TIMEOUT = 30.0  # seconds without an answer
MOST_HEADER = 10_000  # bytes of a header of `.npy` that NumPy reads
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # as numpy.savez writes them
UNBOUNDED = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}  # zipfile unpacks them beyond what is asked for


@dataclass(frozen=True)
class Known:
    """What is known of a data set before it is read."""

    shape: tuple[int, ...]
    classes: int
    files: tuple[str, ...]  # for IDX: train images, train labels, test images, test labels
    folders: tuple[str, ...]  # where in a data folder the files may lie; the first is where we ask users to put them
    openml: str  # its name there
    openml_train: int  # OpenML keeps train and test in one table; so many rows come first and are the train set
    upright: Callable[[np.ndarray], np.ndarray]  # from (samples, pixels) as stored to (samples, *shape)


def _grey(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(-1, 28, 28)


def _transposed(pixels: np.ndarray) -> np.ndarray:
    # EMNIST was written column by column (by MATLAB): read row by row its images lie on their side, mirrored.
    return pixels.reshape(-1, 28, 28).transpose(0, 2, 1)


def _planes(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def _idx_names(train: str, test: str) -> tuple[str, ...]:
    return tuple(f"{part}-{kind}-ubyte" for part in (train, test) for kind in ("images-idx3", "labels-idx1"))


MNIST_FILES = _idx_names("train", "t10k")
EMNIST_FILES = _idx_names("emnist-balanced-train", "emnist-balanced-test")
CIFAR_FILES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
CIFAR_FOLDERS = ("cifar10", "cifar10/cifar-10-batches-bin", "cifar-10-batches-bin")

KNOWN: Mapping[str, Known] = {
    "mnist": Known((28, 28), 10, MNIST_FILES, ("mnist", "MNIST/raw"), "mnist_784", 60_000, _grey),
    "fashion_mnist": Known(
        (28, 28), 10, MNIST_FILES, ("fashion_mnist", "FashionMNIST/raw"), "Fashion-MNIST", 60_000, _grey
    ),
    "kmnist": Known((28, 28), 10, MNIST_FILES, ("kmnist", "KMNIST/raw"), "Kuzushiji-MNIST", 60_000, _grey),
    "emnist": Known((28, 28), 47, EMNIST_FILES, ("emnist", "EMNIST/raw"), "EMNIST_Balanced", 112_800, _transposed),
    "cifar10": Known((32, 32, 3), 10, CIFAR_FILES, CIFAR_FOLDERS, "CIFAR_10", 50_000, _planes),
}
HOMES = {  # where a user gets the files
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",  # the publisher's own page gives them no more
    "fashion_mnist": "https://github.com/zalandoresearch/fashion-mnist",
    "kmnist": "https://github.com/rois-codh/kmnist",
    "emnist": "https://www.nist.gov/itl/products-and-services/emnist-dataset",
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar.html",
}


def load_known(name: str, data_dir: str | os.PathLike[str] | None, download: bool) -> tuple[Arrays, str]:
    """The arrays of a data set of `KNOWN`, and where they came from.

    Looks in `data_dir`, else in `$DENDROGRAPH_DATA`, else in the download cache; then for an earlier download; then
    downloads. Raises DataError: a folder that is not there, files missing, damaged or not the data set's, no network.
    """
    folder = data_folder(name, data_dir)
    found = read_folder(name, folder)
    if found is not None:
        return found
    kept = cache_folder() / f"{name}.npz"
    source = f"OpenML ({KNOWN[name].openml}, version 1), kept in {kept}"
    if kept.is_file():
        try:
            return read_npz(kept), source
        except DataError as error:
            raise DataError(f"{error}\n  delete it, and it is downloaded again") from error
    if not download:
        raise _missing(name, folder, "downloading was not allowed")
    try:
        return fetch(name, kept), source
    # Whatever goes wrong between here and OpenML (no network, an answer that is no data set, a full disk) has one
    # remedy, and fetch_openml documents no list of what it raises.
    except Exception as error:
        raise _missing(name, folder, f"downloading it failed: {type(error).__name__}: {error}") from error


def cache_folder() -> Path:
    """Where downloads are kept; it need not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dendrograph"


def data_folder(name: str, data_dir: str | os.PathLike[str] | None) -> Path:
    """The folder to look in. One that was named, by `data_dir` or `$DENDROGRAPH_DATA`, must exist."""
    named = data_dir if data_dir is not None else os.environ.get("DENDROGRAPH_DATA")
    if not named:
        return cache_folder()
    folder = Path(named).expanduser()
    if not os.path.isdir(folder):
        by = argument("data_dir") if data_dir is not None else "DENDROGRAPH_DATA"
        found = "is a file, not a folder" if os.path.exists(folder) else "does not exist"
        raise DataError(f"data folder {folder} (from {by}) {found}\n  name the folder that holds {name}/")
    return folder


def read_folder(name: str, folder: Path) -> tuple[Arrays, str] | None:
    """The data set's files in a data folder, or in `folder` itself if it is plainly theirs; None if none is there."""
    known = KNOWN[name]
    places = [folder / inside for inside in known.folders]
    # MNIST's file names are also those of its look-alikes: only the folder's name tells which of them they are.
    if known.files != MNIST_FILES or folder.resolve().name == name:
        places.append(folder)
    for place in places:
        files = [_find(place, file) for file in known.files]
        if not any(files):
            continue
        paths = [path for path in files if path is not None]
        if len(paths) < len(files):
            lacking = [file for file, path in zip(known.files, files, strict=True) if path is None]
            raise DataError(
                f"{place}: data set '{name}' is not complete: {', '.join(lacking)} missing; it holds: {_holds(place)}\n"
                f"  put what is missing there, from {HOMES[name]}"
            )
        if name == "cifar10":
            return _cifar(
                [(str(path), _read_batch(path)) for path in paths]
            ), f"CIFAR-10 binary files in {place.resolve()}"
        return _read_idx_set(name, paths), f"IDX files in {place.resolve()}"
    return _cifar_elsewhere(places) if name == "cifar10" else None


def _find(place: Path, name: str) -> Path | None:
    # Publishers and mirrors differ in one character: train-images-idx3-ubyte, train-images.idx3-ubyte.
    for stem in (name, name.replace("-idx", ".idx")):
        for file in (place / stem, place / f"{stem}.gz"):
            if os.path.isfile(file):
                return file
    return None


def _holds(folder: Path, most: int = 12) -> str:
    try:
        entries = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
    except OSError as error:
        return f"nothing ({error.strerror})"
    rest = f" and {len(entries) - most} more" if len(entries) > most else ""
    return (", ".join(entries[:most]) or "nothing") + rest


def _missing(name: str, folder: Path, why: str) -> DataError:
    known = KNOWN[name]
    kind = f", or {CIFAR_ARCHIVE} as it is" if name == "cifar10" else " (each as it is, or .gz)"
    return DataError(
        f"{folder}: no data set '{name}' here (looked in {', '.join(f'{inside}/' for inside in known.folders)}); "
        f"it holds: {_holds(folder)}; {why}\n"
        f"  put these files into {folder / known.folders[0]}: {', '.join(known.files)}{kind}\n"
        f"  they come from {HOMES[name]}\n"
        f"  or name the folder that has {known.folders[0]}/ by {argument('data_dir')} or DENDROGRAPH_DATA"
    )


class _Unpacked:
    """A file, unpacked if it is gzip (whatever its name says), of which no more is read than was announced."""

    def __init__(self, path: Path, most: int) -> None:
        self.path, self.left, self.most = path, most, most
        try:
            self.packed = path.open("rb")
            magic = self.packed.read(2)
            self.packed.seek(0)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        self.stream: IO[bytes] = gzip.GzipFile(fileobj=self.packed) if magic == b"\x1f\x8b" else self.packed  # type: ignore[assignment]

    def __enter__(self) -> _Unpacked:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.packed.close()

    def read(self, size: int) -> bytes:
        """The next bytes: fewer at the end.

        Raises:
            DataError: there are more than were announced, or the file is damaged.
        """
        try:
            data = self.stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.path}: cannot be unpacked: {error}\n  {DAMAGED}") from error
        self.left -= len(data)
        if self.left < 0:
            raise DataError(f"{self.path}: holds more than {self.most:,} bytes, which is all it may\n  {DAMAGED}")
        return data


def _hold_memory(path: Path, size: int, what: str = "") -> None:
    """Refuse what would not fit into memory before it is read.

    Raises:
        DataError: naming both sizes.
    """
    if size > (free := available_memory()):
        raise DataError(
            f"{one_line(path)}: {what}takes {format_bytes(size)}, but only {format_bytes(free)} of memory are free\n"
            "  if the file is not damaged, save fewer samples, or read it on a larger machine"
        )


def _idx_shape(file: _Unpacked, axes: int) -> tuple[int, ...]:
    """The shape that the header of an IDX file of bytes announces."""
    magic = bytes((0, 0, 8, axes))  # 8: unsigned bytes
    start = 4 + 4 * axes
    header = file.read(start)
    if header[:4] != magic or len(header) < start:
        raise DataError(
            f"{file.path}: starts with {header[:4].hex(' ') or 'nothing'}, but an IDX file of bytes with {axes} "
            f"{'axis' if axes == 1 else 'axes'} starts with {magic.hex(' ')}\n"
            "  put the publisher's file of that name there, as it is or gzip-compressed"
        )
    return tuple(int(size) for size in np.frombuffer(header, ">u4", axes, offset=4))


def read_idx(path: Path, axes: int) -> np.ndarray:
    """An IDX file of bytes, gzip or plain, as uint8 of `axes` axes. Raises DataError naming the file."""
    with _Unpacked(path, sys.maxsize) as file:
        shape = _idx_shape(file, axes)
        size = math.prod(shape)
        _hold_memory(path, size)
        data = file.read(size + 1)
    if len(data) != size:
        follow = f"{len(data)} follow" if len(data) < size else "more follow"
        raise DataError(
            f"{path}: its header says {' x '.join(map(str, shape))} = {size} bytes, but {follow}\n  {DAMAGED}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read_idx_set(name: str, paths: Sequence[Path]) -> Arrays:
    known = KNOWN[name]
    arrays: Arrays = {}
    for part, images_path, labels_path in zip(("train", "test"), paths[::2], paths[1::2], strict=True):
        # By the headers, before anything is unpacked.
        with _Unpacked(images_path, sys.maxsize) as images, _Unpacked(labels_path, sys.maxsize) as labels:
            (number, *sides), (labelled,) = _idx_shape(images, 3), _idx_shape(labels, 1)
        if number != labelled:
            raise DataError(
                f"{images_path} holds {number} images, but {labels_path} holds {labelled} labels\n"
                "  put the two files there that belong together"
            )
        if tuple(sides) != known.shape:
            raise DataError(
                f"{images_path}: its images are {sides[0]} x {sides[1]}, but those of '{name}' are "
                f"{known.shape[0]} x {known.shape[1]}\n  put the publisher's file there ({HOMES[name]})"
            )
        arrays |= {f"x_{part}": known.upright(read_idx(images_path, 3)), f"y_{part}": read_idx(labels_path, 1)}
    return arrays


def _read_batch(path: Path) -> bytes:
    with _Unpacked(path, CIFAR_BATCH) as file:
        return file.read(CIFAR_BATCH + 1)


def _cifar(batches: Sequence[tuple[str, bytes]]) -> Arrays:
    """CIFAR-10's six binary batches, each with the name to give in an error; the last is the test set."""
    records = []
    for name, data in batches:
        if not data or len(data) % CIFAR_RECORD:
            raise DataError(
                f"{name}: {len(data)} bytes are not a whole number of images of {CIFAR_RECORD} bytes\n  {DAMAGED}"
            )
        records.append(np.frombuffer(data, np.uint8).reshape(-1, CIFAR_RECORD))
    train, test = np.concatenate(records[:-1]), records[-1]
    return {
        "x_train": _planes(train[:, 1:]),
        "y_train": train[:, 0],
        "x_test": _planes(test[:, 1:]),
        "y_test": test[:, 0],
    }


def _cifar_elsewhere(places: Sequence[Path]) -> tuple[Arrays, str] | None:
    for place in places:
        archive = place / CIFAR_ARCHIVE
        if archive.is_file():
            return _cifar(_cifar_archive(archive)), f"CIFAR-10 binary files in {archive.resolve()}"
    for place in places:
        for pickled in CIFAR_PICKLES:
            if (place / pickled).exists():
                raise DataError(
                    f"{place / pickled}: this is CIFAR-10's Python version, made of pickles, which can run any code "
                    f"when they are read; it is not read\n  put the binary version, {CIFAR_ARCHIVE}, into {place}; it "
                    f"comes from {HOMES['cifar10']}"
                )
    return None


def _cifar_archive(archive: Path) -> list[tuple[str, bytes]]:
    """The six batches straight from the archive: nothing is extracted, so no path in it can do harm."""
    batches = {}
    try:
        with _Unpacked(archive, 7 * CIFAR_BATCH) as file, tarfile.open(fileobj=file, mode="r|") as tar:  # type: ignore[call-overload]
            for member in tar:
                name = os.path.basename(member.name)
                # A sparse member takes no place in the archive, and as much memory as it likes.
                stream = tar.extractfile(member) if member.isfile() and not member.issparse() else None
                if stream is not None and name in CIFAR_FILES:
                    batches[name] = stream.read(CIFAR_BATCH + 1)
    except (OSError, tarfile.TarError, ValueError) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error}\n  {DAMAGED}") from error
    lacking = [file for file in CIFAR_FILES if file not in batches]
    if lacking:
        raise DataError(f"{archive}: {', '.join(lacking)} missing in the archive\n  {DAMAGED}")
    return [(f"{archive}: {file}", batches[file]) for file in CIFAR_FILES]


def read_npz(path: Path, choose: Callable[[list[str]], Mapping[str, str]] | None = None) -> Arrays:
    """Arrays of a `.npz`, which are read and unpacked only where they are asked for.

    Args:
        path: the file.
        choose: from the names of all its arrays, what is to be read: a name for each -> its name in the file; all by
            default.

    Raises:
        DataError: not there, not a `.npz`, damaged, holding Python objects, or more than the memory that is free.
    """
    shown = one_line(path)
    if not os.path.isfile(path):
        found = "is a folder" if os.path.isdir(path) else "no such file"
        raise DataError(f"{shown}: {found}\n  give the path of a .npz file, as numpy.savez writes it")
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(f"{shown}: not a .npz file, or a damaged one\n  write it with numpy.savez")
    except OSError as error:
        raise DataError(f"{shown}: cannot be read: {error.strerror}") from error
    reading = "it"
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if _is_array(info)}
            if len(members) < sum(map(_is_array, archive.infolist())):
                raise ValueError("two arrays have the same name")
            if not members and archive.namelist():
                held = listed([f"'{clip(name)}'" for name in archive.namelist()])
                raise ValueError(f"no name in it ends in .npy, as those of arrays do: {held}")
            chosen = choose(list(members)) if choose else {name: name for name in members}
            takes = 0
            for own in chosen.values():
                reading = f"array '{clip(own)}'"
                takes += _announced(archive, members[own])
            _hold_memory(path, takes, "unpacked, it ")
            arrays: Arrays = {}
            for name, own in chosen.items():
                reading = f"array '{clip(own)}'"
                with archive.open(members[own]) as stream:
                    arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
    except (DataError, MemoryError):
        raise
    # Damage may show in the zip, in its compression, in a header or in the data, each with errors of its own.
    except Exception as error:
        raise DataError(
            f"{shown}: {reading} cannot be read: {error}\n  write it again with numpy.savez, from arrays of numbers"
        ) from error
    return arrays


def _is_array(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(".npy")


def _announced(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Bytes that an array of a `.npz` takes in memory, by its header, which is all that is unpacked.

    Raises:
        ValueError: that is not what the zip announces, or nothing that may be unpacked.
    """
    if info.compress_type not in PACKINGS:
        packing = UNBOUNDED.get(info.compress_type, f"method {info.compress_type}")
        raise ValueError(f"it is packed by {packing}, which NumPy does not write")
    with archive.open(info) as stream:
        shape, fortran, dtype, start = _header(stream)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    count = math.prod(shape)
    size = count * dtype.itemsize
    if start + size != info.file_size:
        raise ValueError(f"its header announces {size:,} bytes of numbers, but {info.file_size - start:,} are there")
    if len(shape) < 2:  # labels: int64, and three bytes each while they are checked
        return size + 11 * count
    # Bytes stay as they are, but row by row; all else becomes float32, and takes a byte each to see that it is finite.
    return size + count * (int(fortran) if dtype == np.uint8 else 5)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether columns come first, type, and where the numbers begin, of a `.npy`.

    Raises:
        ValueError: it has no header, or one that is longer than any of an array of numbers.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"it is written in version {version[0]}.{version[1]} of the format, which is not known")
    length = stream.read(2 if version == (1, 0) else 4)
    if (announced := int.from_bytes(length, "little")) > MOST_HEADER:
        raise ValueError(f"its header is {announced:,} bytes long, but may have at most {MOST_HEADER:,}")
    header = io.BytesIO(length + stream.read(announced))
    # The third version differs from the second in the letters of the names of columns, which numbers have not.
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return *read(header), np.lib.format.MAGIC_LEN + len(length) + announced


def fetch(name: str, kept: Path) -> Arrays:
    """Download from OpenML, by scikit-learn, which checks and caches; keep the result as bytes in the file `kept`.

    Reading OpenML's text takes minutes, so it is done once. May raise anything that a network can do to one.
    """
    from sklearn.datasets import fetch_openml

    known = KNOWN[name]
    kept.parent.mkdir(parents=True, exist_ok=True)
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_TIMEOUT)  # fetch_openml sets none: without one, a silent network hangs for ever
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns before each retry; what counts is how the last one ends
            table = fetch_openml(
                known.openml,
                version=1,
                as_frame=False,
                parser="liac-arff",
                data_home=str(kept.parent),
                n_retries=1,
            )
    finally:
        socket.setdefaulttimeout(timeout)

    with np.errstate(invalid="ignore"):
        pixels = table.data.astype(np.uint8)
    labels = np.asarray(table.target, dtype=np.float64).astype(np.int64)  # stored as text: '0', '1', ...
    if pixels.shape[1:] != (math.prod(known.shape),) or len(pixels) <= known.openml_train:
        raise DataError(f"OpenML's {known.openml} has shape {table.data.shape}, which is not that of '{name}'")
    if not np.array_equal(pixels, table.data):
        raise DataError(f"OpenML's {known.openml} holds values that are not whole numbers from 0 to 255")
    images, cut = known.upright(pixels), known.openml_train
    arrays = {"x_train": images[:cut], "y_train": labels[:cut], "x_test": images[cut:], "y_test": labels[cut:]}

    # Written beside and then renamed, so that being killed here leaves no half file to be read next time.
    part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(part, kept)
    finally:
        part.unlink(missing_ok=True)
    return arrays
