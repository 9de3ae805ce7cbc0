"""Data sets as tensors: by name, from a `.npz`, or from tensors; with splits that are the same every time.

A data set that fits is held in memory as bytes and becomes floats batch by batch, without any Python per sample.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dendrograph.base.errors import DataError, DataWarning, argument, clip, expect, one_line, printable, worded
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data.dataset import Dataset, Split, assemble, find_arrays, look_over
from dendrograph.data.downloads import KNOWN, cache_folder, data_folder, load_known, read_npz
from dendrograph.data.tasks import derive, parse
from dendrograph.network.kernels.compiled import gather_samples, native

__all__ = [
    "NAMES",
    "Dataset",
    "Split",
    "add_noise",
    "batches",
    "batches_at",
    "class_by_class",
    "from_tensors",
    "load",
    "load_again",
    "scale_of",
    "split_validation",
    "validation_rows",
]

NAMES: tuple[str, ...] = ("digits", *KNOWN)
DIGITS_SCALE = 16.0  # what their bytes are divided by; those of all other data sets by 255
MOST_CLASSES = 1_000_000  # a readout of more units is a slip of the pen
DIGITS_TEST = 360  # a fifth of the 1797 digits
NOISE_CHUNK = 4_194_304  # values drawn at once: 16 MiB; another number would draw other noise

BLOCK = 1_048_576  # values made at once for the batches that come next: 4 MiB

Array = np.ndarray | torch.Tensor
Inputs = Array | Mapping[str, Array]


def load(
    name_or_path: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None, download: bool = True
) -> Dataset:
    """A data set by name (one of `NAMES`), or one's own from the path of a `.npz`.

    `digits` comes with scikit-learn. The others are read from `data_dir`, else from the folder named by the environment
    variable DENDROGRAPH_DATA, else from the download cache, and are downloaded if they are not there. EMNIST, which is
    published lying on its side, is turned upright.

    A `.npz` holds x_train, y_train, x_test, y_test and maybe x_val, y_val; with several input streams, x_train_<stream>
    and so on; see `from_tensors`. Names of other tools, such as train_images or X_valid, are understood as well. Other
    arrays are not read. Where something was interpreted, a `DataWarning` says so.

    `mnist/split-5/2`, `mnist/domain-split-5/2` and `mnist/permuted-10/3` are tasks of a data set, of any of these; see
    `dendrograph.data.tasks`.

    Raises DataError, saying what to put where, if anything is missing, damaged or no data to train on.
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
    """The data set of a run, which the caller holds to the recorded digest. What was doubtful is not said again.

    Args:
        origin: of the data set then (`Dataset.origin`).
        data_dir: the folder where it lies now: a `.npz` by its name, the others as for `load`.
        data: what to read in its place, such as the path where the `.npz` lies now; a task's need not name the task.

    Raises:
        DataError: it is not there, damaged, or no data to train on.
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
    """The folder where a run found its data; None where it is gone, and they may lie where data lie by default."""
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
    """What the bytes of a data set of this name or path are divided by; nothing is read."""
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
    """A data set and what the user should know of it: nothing where it is `held` to what was read before."""
    try:
        return _read(name, data_dir, download, held)
    except MemoryError:
        remedy = "save fewer samples, or read it on a larger machine"
        raise DataError(f"{one_line(name)}: there is not enough memory to read it\n  {remedy}") from None


def _read(name: str, data_dir: str | os.PathLike[str] | None, download: bool, held: bool) -> tuple[Dataset, list[str]]:
    if (task := parse(name, NAMES)) is not None:
        whole, notes = _read(task.base, data_dir, download, held)
        return derive(whole, task), notes
    # What a run read may have got another name since; its digest is what counts.
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
    """A data set from arrays or tensors in memory; inputs of several streams as a mapping of stream name to array.

    x_*: (samples, *shape); uint8 stands for 0 to 1 (divided by 255), floats and bools are taken as float32; of images
        the shape is (height, width) or (height, width, channels)
    y_*: (samples,), whole numbers from 0; also as a column, or one-hot
    classes: how many there are, if not the highest label of y_train + 1

    An array that has the right type already is shared, not copied. Where something was interpreted, or looks as if
    another scale or layout was meant, a `DataWarning` says so. Raises DataError naming the array at fault.
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


def split_validation(dataset: Dataset, fraction: float = 0.1, seed: int = 0) -> tuple[Split, Split]:
    """(train, validation): the data set's own validation split if it has one, else `fraction` of its train split.

    The same seed gives the same split; it is shuffled and stratified (each class keeps its share). Raises DataError if
    `fraction` is not between 0 and 1, or where there are too few samples for every class to be on both sides.
    """
    expect("dataset", dataset, Dataset)
    expect("fraction", fraction, Real)
    expect("seed", seed, Integral)
    if dataset.validation is not None:
        return dataset.train, dataset.validation
    train, validation = validation_rows(dataset, fraction, seed)
    return dataset.train.take(train), dataset.train.take(validation)


def validation_rows(dataset: Dataset, fraction: float = 0.1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rows of the train split `split_validation` leaves for training, and which it holds out; nothing is copied.

    All are left, and none is held out, where the data set has a validation split of its own.
    """
    if dataset.validation is not None:
        return torch.arange(len(dataset.train)), torch.arange(0)
    if not 0 < fraction < 1:
        raise DataError(f"the validation fraction is {fraction}, but must lie between 0 and 1, as 0.1 does")
    if not 0 <= seed < 2**32:
        raise DataError(f"the seed of the validation split is {seed}, but must lie between 0 and {2**32 - 1}")
    labels, counts = dataset.train.labels.unique(return_counts=True)
    wanted = round(fraction * len(dataset.train))
    remedy = "\n  bring a validation split of your own (x_val, y_val), or more samples"
    if (lone := labels[counts < 2]).numel():
        raise DataError(
            f"{dataset.name}: class {int(lone[0])} has 1 sample in the train split, and a validation split needs one "
            f"more of each class{remedy}"
        )
    if min(wanted, len(dataset.train) - wanted) < len(labels):
        raise DataError(
            f"{dataset.name}: {fraction} of the train split's {len(dataset.train)} samples makes {wanted} for "
            f"validation and {len(dataset.train) - wanted} for training, but each needs at least {len(labels)}, one "
            f"for each class{remedy}{worded('', ', or another fraction')}"
        )
    return _stratified(dataset.train.labels.numpy(), wanted, seed)


def add_noise(split: Split, scale: float, sigma: float, generator: torch.Generator | int) -> Split:
    """Inputs scaled to [0, 1] with Gaussian noise of standard deviation `sigma`, clipped to [0, 1], as float32.

    Drawn once, here, from a CPU generator or a seed: every epoch sees the same noise. Raises DataError if `sigma` is
    negative or not finite, or if float inputs are not within [0, 1].
    """
    expect("split", split, Split)
    expect("scale", scale, Real)
    expect("sigma", sigma, Real)
    expect("generator", generator, torch.Generator, Integral)
    if not (math.isfinite(sigma) and sigma >= 0):
        raise DataError(f"the noise's standard deviation is {sigma}, but must be 0 or more")
    if not isinstance(generator, torch.Generator):
        generator = torch.Generator().manual_seed(int(generator))
    refuse_unscaled(split)
    noisy = {}
    for stream, tensor in split.inputs.items():
        noisy[stream] = torch.empty(tensor.shape, dtype=torch.float32)
        rows = max(1, NOISE_CHUNK // tensor[0].numel())
        for source, target in zip(tensor.split(rows), noisy[stream].split(rows), strict=True):
            noise = torch.randn(source.shape, generator=generator, dtype=torch.float32)
            torch.add(_scaled(source, scale), noise, alpha=sigma, out=target).clamp_(0, 1)
    return Split(noisy, split.labels)


def refuse_unscaled(split: Split) -> None:
    """Refuse float inputs beyond [0, 1], to which noise is clipped.

    Raises:
        DataError: a stream holds some.
    """
    for stream, tensor in split.inputs.items():
        low, high = (bound.item() for bound in torch.aminmax(tensor))
        if tensor.dtype != torch.uint8 and not 0 <= low <= high <= 1:
            raise DataError(
                f"stream '{stream}' holds values from {low:g} to {high:g}, but noise is clipped to [0, 1] and would "
                "destroy them\n  scale the inputs to [0, 1], or save them as uint8"
            )


def batches(
    split: Split,
    scale: float,
    batch_size: int,
    order: torch.Tensor | None = None,
    device: torch.device | str | None = None,
) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    """The samples in `order` (int64 indices; by default as they lie), `batch_size` at a time; the last may be smaller.

    Yields (inputs, labels): stream name -> (batch, *shape) float32, and (batch,) int64, on `device` (by default where
    the split is). They are copies: changing them leaves the split as it is. What crosses to the device is the bytes.
    """
    expect("split", split, Split)
    expect("scale", scale, Real)
    expect("batch_size", batch_size, Integral)
    expect("order", order, torch.Tensor, None)
    if batch_size < 1:
        raise DataError(f"the batch size is {batch_size}, but must be at least 1")
    order = torch.arange(len(split)) if order is None else order
    if order.dim() != 1 or order.dtype != torch.int64:
        raise DataError(f"the order is {order.dtype} of shape {tuple(order.shape)}, but must be int64 in one axis")
    if len(order) and not 0 <= (least := int(order.min())) <= (most := int(order.max())) < len(split):
        raise DataError(f"the order goes from {least} to {most}, but there are {len(split)} samples, numbered from 0")
    yield from batches_at(split, scale, order.split(batch_size), device)


def batches_at(
    split: Split, scale: float, parts: Sequence[torch.Tensor], device: torch.device | str | None = None
) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    """A batch for each of `parts` (int64 indices), as `batches` yields it.

    Several batches are gathered at once and handed out one by one: beside a step of a small network, the few calls that
    make a batch would cost a tenth of it.
    """
    numbers = sum(tensor[:1].numel() for tensor in split.inputs.values())
    together = max(1, BLOCK // max(1, numbers * max((len(part) for part in parts), default=1)))
    for start in range(0, len(parts), together):
        block = parts[start : start + together]
        rows = torch.cat(list(block)).to(split.labels.device)
        sizes = [len(part) for part in block]
        labels = split.labels.index_select(0, rows).to(device).split(sizes)
        streams = [_floats(tensor, rows, scale, device).split(sizes) for tensor in split.inputs.values()]
        for of_batch, *inputs in zip(labels, *streams, strict=True):
            yield dict(zip(split.inputs, inputs, strict=True)), of_batch


def class_by_class(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """An order for sequential learning: all samples of class 0, then of class 1, and so on, shuffled within each."""
    shuffled = torch.randperm(len(labels), generator=generator)
    return shuffled[labels[shuffled].argsort(stable=True)]


def _floats(samples: torch.Tensor, rows: torch.Tensor, scale: float, device: torch.device | str | None) -> torch.Tensor:
    """The samples at `rows`, scaled, on a device; what crosses to it is the bytes."""
    there = samples.device if device is None else torch.device(device)
    if native is not None and samples.dtype == torch.uint8 and samples.device.type == there.type == "cpu":
        return gather_samples(samples, rows, scale)
    return _scaled(samples.index_select(0, rows).to(there), scale)


def _scaled(tensor: torch.Tensor, scale: float) -> torch.Tensor:
    return tensor.float().div_(scale) if tensor.dtype == torch.uint8 else tensor


def _stratified(labels: np.ndarray, held_out: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels))
    kept, out = train_test_split(rows, test_size=held_out, random_state=seed, stratify=labels)
    return torch.from_numpy(kept), torch.from_numpy(out)


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target
    train, test = _stratified(labels, DIGITS_TEST, seed=0)
    arrays = {"x_train": images[train], "y_train": labels[train], "x_test": images[test], "y_test": labels[test]}
    return assemble(arrays, name="digits", source="scikit-learn's load_digits", classes=10, scale=DIGITS_SCALE)
