"""Data sets as tensors: by name, from a `.npz`, or from tensors; with splits that are the same every time.

A data set that fits is held in memory as bytes and becomes floats batch by batch, without any Python per sample.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dendrograph.datafiles import KNOWN, load_known, read_npz
from dendrograph.errors import DataError, did_you_mean

NAMES: tuple[str, ...] = ("digits", *KNOWN)
STREAM = "image"  # the one stream of data that has a single one; also the language's default
DIGITS_TEST = 360  # a fifth of the 1797 digits
NOISE_CHUNK = 4_194_304  # values drawn at once: 16 MiB; another number would draw other noise
NAMED = re.compile(r"(x|y)_(train|test|val)|x_(train|test|val)_.+")  # what an array may be called

Array = np.ndarray | torch.Tensor
Inputs = Array | Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Split:
    """Samples and their classes.

    inputs: stream name -> (samples, *shape), uint8 (to be divided by the data set's scale) or float32 (as they are)
    labels: (samples,), int64
    """

    inputs: Mapping[str, torch.Tensor]
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: torch.Tensor) -> Split:
        """A copy of the samples at `rows`, in that order."""
        inputs = {stream: tensor.index_select(0, rows) for stream, tensor in self.inputs.items()}
        return Split(inputs, self.labels.index_select(0, rows))

    def to(self, device: torch.device | str) -> Split:
        """The split on another device. Bytes of a small data set fit on a GPU, and `batches` then copies nothing."""
        return Split({stream: tensor.to(device) for stream, tensor in self.inputs.items()}, self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory.

    shapes: stream name -> the shape of one sample, as (28, 28), (32, 32, 3) or (784,)
    classes: how many there are; labels run from 0 to classes - 1
    scale: what `batches` divides byte inputs by; float inputs are taken as they are
    validation: only where the data brought one of its own; see `split_validation`
    source: what was read and from where, for a run's record
    digest: SHA-256 of all arrays: equal for two runs if they saw the same data
    """

    name: str
    shapes: Mapping[str, tuple[int, ...]]
    classes: int
    scale: float
    train: Split
    validation: Split | None
    test: Split
    source: str
    digest: str


def load(
    name_or_path: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None, download: bool = True
) -> Dataset:
    """A data set by name (one of `NAMES`), or one's own from the path of a `.npz`.

    `digits` comes with scikit-learn. The others are read from `data_dir`, else from the folder named by the environment
    variable DENDROGRAPH_DATA, else from the download cache, and are downloaded if they are not there. EMNIST, which is
    published lying on its side, is turned upright.

    A `.npz` holds x_train, y_train, x_test, y_test and maybe x_val, y_val; with several input streams, x_train_<stream>
    and so on. uint8 inputs stand for 0 to 1 (they are divided by 255); float inputs are taken as they are.

    Raises DataError, saying what to put where, if anything is missing, damaged or no data to train on.
    """
    name = os.fspath(name_or_path)
    if name.lower().endswith(".npz"):
        path = Path(name).expanduser()
        return _dataset(read_npz(path), name=path.stem, where=f"{path}: ", source=str(path.resolve()))
    if name == "digits":
        return _digits()
    if name not in KNOWN:
        raise DataError(f"unknown data set '{name}'\n  {did_you_mean(name, NAMES)}; or the path of a .npz file")
    arrays, source = load_known(name, data_dir, download)
    return _dataset(arrays, name=name, where=f"{name}, from {source}: ", source=source, classes=KNOWN[name].classes)


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

    x_*: (samples, *shape); uint8 stands for 0 to 1 (divided by 255), floats and bools are taken as float32
    y_*: (samples,), whole numbers from 0
    classes: how many there are, if not the highest label of y_train + 1

    An array that has the right type already is shared, not copied. Raises DataError naming the array at fault.
    """
    if classes is not None and classes < 2:
        raise DataError(f"classes is {classes}, but must be 2 or more")
    arrays: dict[str, Any] = {}
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test), ("val", x_val, y_val)):
        if isinstance(x, Mapping):
            arrays |= {f"x_{part}_{stream}": array for stream, array in x.items()}
        elif x is not None:
            arrays[f"x_{part}"] = x
        if y is not None:
            arrays[f"y_{part}"] = y
    return _dataset(arrays, name=name, source="tensors in memory", classes=classes)


def split_validation(dataset: Dataset, fraction: float = 0.1, seed: int = 0) -> tuple[Split, Split]:
    """(train, validation): the data set's own validation split if it has one, else `fraction` of its train split.

    The same seed gives the same split; it is shuffled and stratified (each class keeps its share). Raises DataError if
    `fraction` is not between 0 and 1, or where there are too few samples for every class to be on both sides.
    """
    if dataset.validation is not None:
        return dataset.train, dataset.validation
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
            f"for each class{remedy}, or another fraction"
        )
    train, validation = _stratified(dataset.train.labels.numpy(), wanted, seed)
    return dataset.train.take(train), dataset.train.take(validation)


def add_noise(split: Split, scale: float, sigma: float, generator: torch.Generator | int) -> Split:
    """Inputs scaled to [0, 1] with Gaussian noise of standard deviation `sigma`, clipped to [0, 1], as float32.

    Drawn once, here, from a CPU generator or a seed: every epoch sees the same noise. Raises DataError if `sigma` is
    negative or not finite, or if float inputs are not within [0, 1].
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise DataError(f"the noise's standard deviation is {sigma}, but must be 0 or more")
    if isinstance(generator, int):
        generator = torch.Generator().manual_seed(generator)
    noisy = {}
    for stream, tensor in split.inputs.items():
        low, high = (bound.item() for bound in torch.aminmax(tensor))
        if tensor.dtype != torch.uint8 and not 0 <= low <= high <= 1:
            raise DataError(
                f"stream '{stream}' holds values from {low:g} to {high:g}, but noise is clipped to [0, 1] and would "
                "destroy them\n  scale the inputs to [0, 1], or save them as uint8"
            )
        noisy[stream] = torch.empty(tensor.shape, dtype=torch.float32)
        rows = max(1, NOISE_CHUNK // tensor[0].numel())
        for source, target in zip(tensor.split(rows), noisy[stream].split(rows), strict=True):
            noise = torch.randn(source.shape, generator=generator)
            torch.add(_scaled(source, scale), noise, alpha=sigma, out=target).clamp_(0, 1)
    return Split(noisy, split.labels)


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
    if batch_size < 1:
        raise DataError(f"the batch size is {batch_size}, but must be at least 1")
    order = torch.arange(len(split)) if order is None else order
    for rows in order.to(split.labels.device).split(batch_size):
        batch = split.take(rows)
        if device is not None:
            batch = batch.to(device)
        yield {stream: _scaled(tensor, scale) for stream, tensor in batch.inputs.items()}, batch.labels


def class_by_class(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """An order for sequential learning: all samples of class 0, then of class 1, and so on, shuffled within each."""
    shuffled = torch.randperm(len(labels), generator=generator)
    return shuffled[labels[shuffled].argsort(stable=True)]


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
    return _dataset(arrays, name="digits", source="scikit-learn's load_digits", classes=10, scale=16.0)


def _dataset(
    arrays: Mapping[str, Any],
    *,
    name: str,
    source: str,
    where: str = "",
    classes: int | None = None,
    scale: float = 255.0,
) -> Dataset:
    """Check all that a data set must be, and hold it. `arrays` are named as in a `.npz`; `where` opens errors."""
    _check_names(arrays, where)
    parts = ["train", "test"] + (["val"] if any(key.startswith(("x_val", "y_val")) for key in arrays) else [])
    splits = {part: _split(arrays, part, where) for part in parts}
    train = splits["train"]
    shapes = {stream: tuple(tensor.shape[1:]) for stream, tensor in train.inputs.items()}
    for part in parts[1:]:
        _check_alike(train, splits[part], part, where)
    classes = _count_classes(splits, classes, where)
    digest = hashlib.sha256()
    for part, split in splits.items():
        for key, tensor in (*((f"x_{part}_{stream}", x) for stream, x in split.inputs.items()), ("y", split.labels)):
            digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.numpy().reshape(-1).data)
    return Dataset(name, shapes, classes, scale, train, splits.get("val"), splits["test"], source, digest.hexdigest())


def _check_names(arrays: Mapping[str, Any], where: str) -> None:
    """Refuse what looks like an array for us but is none: a misspelt x_val must not pass in silence."""
    for key in arrays:
        if key[:2] in ("x_", "y_") and not NAMED.fullmatch(key):
            known = [f"{kind}_{part}" for part in ("train", "test", "val") for kind in "xy"]
            raise DataError(
                f"{where}unknown array '{key}'\n  {did_you_mean(key, known)}; or x_train_<stream> and so on"
            )


def _split(arrays: Mapping[str, Any], part: str, where: str) -> Split:
    plain = f"x_{part}"
    streams = {key[len(plain) + 1 :]: key for key in sorted(arrays) if key.startswith(f"{plain}_")}
    if plain in arrays and streams:
        raise DataError(
            f"{where}both {plain} and {', '.join(streams.values())}\n"
            f"  name every stream's array {plain}_<stream>, or give {plain} alone"
        )
    streams = streams or {STREAM: plain}
    for key in (*streams.values(), f"y_{part}"):
        if key not in arrays:
            others = [other for other in arrays if not NAMED.fullmatch(other)]
            near = f"  {did_you_mean(key, others, kind='of no use')}\n" if others else ""
            raise DataError(
                f"{where}no array '{key}'; there are: {', '.join(sorted(arrays)) or 'none'}\n{near}"
                "  wanted: x_train, y_train, x_test, y_test, and x_val, y_val if you bring a validation split"
            )
    labels = _labels(arrays[f"y_{part}"], f"{where}y_{part}")
    inputs = {}
    for stream, key in streams.items():
        inputs[stream] = _inputs(arrays[key], f"{where}{key}")
        if len(inputs[stream]) != len(labels):
            raise DataError(
                f"{where}{key} holds {len(inputs[stream])} samples, but y_{part} holds {len(labels)} labels\n"
                "  give one label for each sample"
            )
    return Split(inputs, labels)


def _array(value: object, what: str, kinds: str, wanted: str) -> np.ndarray:
    """`value` as a numpy array of one of the `kinds` (numpy's letters); `wanted` says them to the user."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()  # numpy has no bfloat16
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{what} is no array: {error}\n  wanted: {wanted}") from error
    if array.dtype.kind not in kinds:
        raise DataError(f"{what} holds {array.dtype}\n  wanted: {wanted}")
    return array


def _inputs(value: object, what: str) -> torch.Tensor:
    wanted = "uint8 (0 to 255, standing for 0 to 1), or floats (taken as they are)"
    array = _array(value, what, "fub", wanted)
    if array.dtype.kind == "u" and array.dtype != np.uint8:
        raise DataError(f"{what} holds {array.dtype}\n  wanted: {wanted}")
    if array.ndim < 2:
        raise DataError(
            f"{what} has shape {array.shape}, but needs samples along its first axis and values along others"
        )
    if array.size == 0:
        raise DataError(f"{what} is empty: its shape is {array.shape}")
    dtype = np.uint8 if array.dtype == np.uint8 else np.float32
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is told below
        array = np.require(array, dtype, ["C", "W"])  # torch wants its memory writable
    if dtype == np.float32 and not (finite := np.isfinite(array)).all():
        raise DataError(
            f"{what} holds {array.size - np.count_nonzero(finite)} values that are not finite in float32, the first in "
            f"sample {np.argwhere(~finite)[0][0]}\n  remove or replace them"
        )
    return torch.from_numpy(array)


def _labels(value: object, what: str) -> torch.Tensor:
    wanted = "whole numbers from 0, one a sample: the classes"
    array = _array(value, what, "iufb", wanted)
    if array.ndim != 1:
        hint = "; of one-hot rows take .argmax(1)" if array.ndim == 2 and array.shape[1] > 1 else "; flatten it"
        raise DataError(f"{what} has shape {array.shape}\n  wanted: {wanted}, in one axis{hint if array.ndim else ''}")
    if array.size == 0:
        raise DataError(f"{what} is empty")
    with np.errstate(invalid="ignore"):  # what is no int64 comes out as another number, and is told here
        labels = np.require(array, np.int64, ["C", "W"])
    wrong = (labels < 0) | (labels != array)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{what} holds {array[row]} as the label of sample {row}\n  wanted: {wanted}")
    return torch.from_numpy(labels)


def _check_alike(train: Split, other: Split, part: str, where: str) -> None:
    if train.inputs.keys() != other.inputs.keys():
        raise DataError(
            f"{where}the train split has the streams {', '.join(train.inputs)}, but x_{part} has "
            f"{', '.join(other.inputs)}\n  give every split the same streams"
        )
    for stream, tensor in train.inputs.items():
        mine, its = (f"{str(x.dtype)[6:]} of shape {tuple(x.shape[1:])}" for x in (tensor, other.inputs[stream]))
        if mine != its:
            raise DataError(
                f"{where}a sample of stream '{stream}' is {mine} in the train split, but {its} in x_{part}\n"
                "  give every split the same type and shape"
            )


def _count_classes(splits: Mapping[str, Split], classes: int | None, where: str) -> int:
    train = splits["train"]
    highest = {part: int(split.labels.max()) for part, split in splits.items()}
    if classes is None:
        classes = highest["train"] + 1
        # Before anything is sized by it: labels such as 1000000000 are numbers of something else than classes.
        if classes > len(train):
            raise DataError(
                f"{where}y_train goes up to {highest['train']}, which makes {classes} classes of {len(train)} samples\n"
                "  number the classes 0, 1, 2, ..."
            )
        if classes < 2:
            raise DataError(f"{where}y_train holds nothing but class 0\n  give samples of two classes or more")
    for part, label in highest.items():
        if label >= classes:
            raise DataError(
                f"{where}y_{part} goes up to {label}, but there are {classes} classes (0 to {classes - 1})\n"
                "  number the classes 0, 1, 2, ... alike in all splits"
            )
    return int(classes)
