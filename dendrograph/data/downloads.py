"""The known data sets: found in a data folder or in the download cache, or downloaded from OpenML."""

from __future__ import annotations

import math
import os
import socket
import warnings
from pathlib import Path

import numpy as np

from dendrograph.base.errors import DataError, argument
from dendrograph.data.cifar_files import CIFAR_ARCHIVE, cifar_arrays, read_cifar_batch, read_cifar_elsewhere
from dendrograph.data.idx_files import read_idx_set
from dendrograph.data.known_datasets import HOMES, KNOWN, MNIST_FILES
from dendrograph.data.npz_files import read_npz

Arrays = dict[str, np.ndarray]

NETWORK_TIMEOUT = 30.0  # seconds without an answer


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
            return cifar_arrays(
                [(str(path), read_cifar_batch(path)) for path in paths]
            ), f"CIFAR-10 binary files in {place.resolve()}"
        return read_idx_set(name, paths), f"IDX files in {place.resolve()}"
    return read_cifar_elsewhere(places) if name == "cifar10" else None


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
