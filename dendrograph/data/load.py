"""Load data sets as tensors: by name, from a `.npz` file, or from tensors, with reproducible splits.

A data set is held in memory as bytes, which become floats batch by batch.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dendrograph.base.errors import DataError, DataWarning, argument, clip, expect, one_line, printable
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data.array_names import find_arrays
from dendrograph.data.batches import stratified
from dendrograph.data.data_warnings import look_over
from dendrograph.data.dataset import Dataset, Split, assemble
from dendrograph.data.downloads import cache_folder, data_folder, load_known
from dendrograph.data.known_datasets import KNOWN
from dendrograph.data.npz_files import read_npz
from dendrograph.data.tasks import derive, parse

__all__ = ["NAMES", "Dataset", "Split", "from_tensors", "load", "load_again", "scale_of"]

NAMES: tuple[str, ...] = ("digits", *KNOWN)
DIGITS_SCALE = 16.0  # divisor of their bytes; that of all other data sets is 255
MOST_CLASSES = 1_000_000  # more units of a readout are a mistake
DIGITS_TEST = 360  # a fifth of the 1797 digits

Array = np.ndarray | torch.Tensor
Inputs = Array | Mapping[str, Array]


def load(
    name_or_path: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None, download: bool = True
) -> Dataset:
    """Load a data set by its name (one of `NAMES`) or from the path of a `.npz` file.

        digits, mine = load("digits"), load("mine.npz")

    `digits` comes with scikit-learn. The others are read from `data_dir`, else from the folder in the environment
    variable DENDROGRAPH_DATA, else from the download cache, else they are downloaded. EMNIST is turned upright.

    A `.npz` file holds x_train, y_train, x_test, y_test and optionally x_val, y_val; with several input streams
    x_train_<stream> and so on; see `from_tensors`. Names of other tools, such as train_images or X_valid, are
    understood, and other arrays are not read. A `DataWarning` reports what was interpreted.

    `mnist/split-5/2`, `mnist/domain-split-5/2` and `mnist/permuted-10/3` are tasks of a data set; see
    `dendrograph.data.tasks`.

    Raises:
        DataError: the data are missing, damaged or unsuitable; the message names the files that are needed.
    """
    expect("name_or_path", name_or_path, str, os.PathLike)
    expect("data_dir", data_dir, str, os.PathLike, None)
    dataset, notes = _load(os.fspath(name_or_path), data_dir, download)
    _tell(notes)
    return dataset


def load_again(
    origin: Mapping[str, str | None],
    data_dir: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Load the data set of a run again, without its warnings. The caller checks the digest.

    Args:
        origin: `Dataset.origin` at the time of the run.
        data_dir: its present folder: a `.npz` file is found by its name, other data as by `load`.
        data: the present path or name; the name of the task may be left out.

    Raises:
        DataError: the data are missing, damaged or unsuitable.
    """
    name = str(origin["name_or_path"])
    task = parse(name, NAMES)
    base = task.base if task else name
    own = base.lower().endswith(".npz")
    if data is not None:
        given = parse(os.fspath(data), NAMES)
        task, base = given or task, given.base if given else os.fspath(data)
    elif own and data_dir is not None:
        base = str(_in_folder(Path(data_dir).expanduser(), Path(base).name))
    elif own and not os.path.isfile(base):
        raise DataError(
            f"{one_line(base)}: no such file\n  the run read its data there; say where the same file lies now by "
            f"{argument('data')}, or in which folder by {argument('data_dir')}"
        )
    name = str(replace(task, base=base)) if task else base
    return _load(name, data_dir or _recorded_folder(origin), download=True, held=True)[0]


def _recorded_folder(origin: Mapping[str, str | None]) -> str | None:
    """The data folder of a run; None if it is gone and the default folders may hold the data."""
    folder = origin["data_dir"]
    if folder is None or os.path.isdir(folder):
        return folder
    if os.environ.get("DENDROGRAPH_DATA") or Path(folder) == cache_folder().resolve():
        return None
    raise DataError(
        f"data folder {one_line(folder)}, in which the run found its data, does not exist any more\n"
        f"  say where they lie now, by {argument('data_dir')} or DENDROGRAPH_DATA"
    )


def scale_of(name: str) -> float:
    """Divisor of the bytes of a data set, by its name or path; nothing is read."""
    task = parse(name, NAMES)
    return DIGITS_SCALE if (task.base if task else name) == "digits" else 255.0


def _in_folder(folder: Path, name: str) -> Path:
    if not os.path.isfile(folder / name):
        found = "there is no such folder" if not os.path.isdir(folder) else f"it holds no {name}"
        raise DataError(f"{folder}: {found}\n  the run read its data from {name}: name the folder or the file")
    return folder / name


def _load(
    name: str, data_dir: str | os.PathLike[str] | None, download: bool, held: bool = False
) -> tuple[Dataset, list[str]]:
    """A data set and its notes; no notes if it is `held`, that is, checked against an earlier digest."""
    try:
        return _read(name, data_dir, download, held)
    except MemoryError:
        remedy = "save fewer samples, or read it on a larger machine"
        raise DataError(f"{one_line(name)}: there is not enough memory to read it\n  {remedy}") from None


def _read(name: str, data_dir: str | os.PathLike[str] | None, download: bool, held: bool) -> tuple[Dataset, list[str]]:
    if (task := parse(name, NAMES)) is not None:
        whole, notes = _read(task.base, data_dir, download, held)
        return derive(whole, task), notes
    # The file of a run may have been renamed; its digest is checked.
    if name.lower().endswith(".npz") or (held and name not in NAMES and os.path.isfile(name)):
        return _own(Path(name).expanduser(), held)
    if name == "digits":
        return replace(_digits(), origin={"name_or_path": name, "data_dir": None}), []
    if name not in KNOWN and os.path.isfile(name):
        raise DataError(f"{one_line(name)}: data of one's own are read from a .npz file\n  write one by numpy.savez")
    if name not in KNOWN:
        raise DataError(f"unknown data set '{clip(name)}'\n  {did_you_mean(name, NAMES)}; or the path of a .npz file")
    arrays, source = load_known(name, data_dir, download)
    known = assemble(arrays, name=name, where=f"{name}, from {source}: ", source=source, classes=KNOWN[name].classes)
    return replace(known, origin={"name_or_path": name, "data_dir": str(data_folder(name, data_dir).resolve())}), []


def _own(path: Path, held: bool) -> tuple[Dataset, list[str]]:
    where, notes = f"{one_line(path)}: ", list[str]()

    def choose(names: list[str]) -> dict[str, str]:
        found, told = find_arrays(names, where)
        notes.extend(told)
        return found

    arrays = read_npz(path, choose)
    own = assemble(arrays, name=path.stem, where=where, source=str(path.resolve()))
    notes += [] if held else look_over(own, arrays, where)
    return replace(own, origin={"name_or_path": str(path.resolve()), "data_dir": None}), notes


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        warnings.warn(printable(note), DataWarning, stacklevel=3)


def from_tensors(
    x_train: Inputs,
    y_train: Array,
    x_test: Inputs,
    y_test: Array,
    *,
    x_val: Inputs | None = None,
    y_val: Array | None = None,
    classes: int | None = None,
    name: str = "tensors",
) -> Dataset:
    """Make a data set from arrays or tensors in memory.

    Arrays of the right type are shared, not copied. A `DataWarning` reports what was interpreted, or what looks like
    another scale or layout.

    Args:
        x_train: shape (samples, *shape), or a mapping of stream name to such arrays. uint8 is divided by 255; floats
            and bools become float32. Images have shape (height, width) or (height, width, channels).
        y_train: shape (samples,), classes from 0; also a column, or one-hot.
        x_test: like `x_train`.
        y_test: like `y_train`.
        x_val: like `x_train`; without it a part of the training samples is held out.
        y_val: like `y_train`.
        classes: number of classes; by default the highest label in `y_train` plus 1.
        name: of the data set.

    Raises:
        DataError: naming the array at fault.
    """
    expect("classes", classes, Integral, None)
    if classes is not None and not 2 <= classes <= MOST_CLASSES:
        bound = "2 or more" if classes < 2 else f"at most {MOST_CLASSES:,}"
        raise DataError(f"classes is {classes}, but must be {bound}")
    arrays: dict[str, Any] = {}
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test), ("val", x_val, y_val)):
        if isinstance(x, Mapping):
            arrays |= {f"x_{part}_{stream}": array for stream, array in x.items()}
        elif x is not None:
            arrays[f"x_{part}"] = x
        if y is not None:
            arrays[f"y_{part}"] = y
    dataset = assemble(arrays, name=name, source="tensors in memory", classes=classes)
    _tell(look_over(dataset, arrays, numbered=classes is None))
    return dataset


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target
    train, test = stratified(labels, DIGITS_TEST, seed=0)
    arrays = {"x_train": images[train], "y_train": labels[train], "x_test": images[test], "y_test": labels[test]}
    return assemble(arrays, name="digits", source="scikit-learn's load_digits", classes=10, scale=DIGITS_SCALE)
