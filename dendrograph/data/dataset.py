"""A data set in memory: splits of tensors, made from named arrays and checked before training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from dendrograph.base.errors import DataError, clip
from dendrograph.data.array_names import find_arrays

STREAM = "image"  # the one stream of data that has a single one; also the language's default
NUMBERING = (
    "number the names of the classes alike in all splits: names = np.unique(y_train), then np.searchsorted(names, y) "
    "of each y"
)


@dataclass(frozen=True, eq=False)
class Split:
    """Samples and their classes.

    Attributes:
        inputs: for each stream shape (samples, *shape), uint8 (to be divided by the scale of the data set) or float32.
        labels: shape (samples,), int64.
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
        """The split on another device. If its bytes fit on a GPU, `batches` copies nothing."""
        return Split({stream: tensor.to(device) for stream, tensor in self.inputs.items()}, self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory.

    Attributes:
        shapes: for each stream the shape of one sample, such as (28, 28), (32, 32, 3) or (784,).
        classes: number of classes; labels run from 0 to classes - 1.
        scale: divisor of byte inputs; float inputs are not scaled.
        validation: only if the data brought their own; see `split_validation`.
        source: the files or the library that the data were read from, for run.json.
        digest: SHA-256 of all arrays.
        origin: arguments of `load` that read the data again from any folder; empty for data from memory.
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
    origin: Mapping[str, str | None] = field(default_factory=dict)

    def without_validation(self) -> Dataset:
        """A copy without its validation split, like a file without one."""
        return replace(self, validation=None, digest=_digest({"train": self.train, "test": self.test}))


def assemble(
    arrays: Mapping[str, Any],
    *,
    name: str,
    source: str,
    where: str = "",
    classes: int | None = None,
    scale: float = 255.0,
) -> Dataset:
    """Check arrays and make a data set of them.

    Args:
        arrays: named as in a `.npz` file.
        name: of the data set.
        source: of the arrays, for run.json.
        where: begin of every error message.
        classes: number of classes; by default the highest label plus 1.
        scale: divisor of bytes.

    Raises:
        DataError: naming the array at fault.
    """
    find_arrays(arrays, where)
    parts = ["train", "test"] + (["val"] if any(key.startswith(("x_val", "y_val")) for key in arrays) else [])
    made = {part: _split(arrays, part, where) for part in parts}
    splits = {part: split for part, (split, _) in made.items()}
    columns = {part: number for part, (_, number) in made.items() if number}
    train = splits["train"]
    shapes = {stream: tuple(tensor.shape[1:]) for stream, tensor in train.inputs.items()}
    for part in parts[1:]:
        _check_alike(train, splits[part], part, where)
    if len(set(columns.values())) > 1:
        found = ", ".join(f"{number} in y_{part}" for part, number in columns.items())
        raise DataError(f"{where}one-hot labels of different numbers of columns: {found}\n  give each class a column")
    classes = _count_classes(splits, classes, where, max(columns.values(), default=0))
    return Dataset(name, shapes, classes, scale, train, splits.get("val"), splits["test"], source, _digest(splits))


def _digest(splits: Mapping[str, Split]) -> str:
    digest = hashlib.sha256()
    for part, split in splits.items():
        for key, tensor in (*((f"x_{part}_{stream}", x) for stream, x in split.inputs.items()), ("y", split.labels)):
            digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode(errors="surrogatepass"))
            digest.update(tensor.numpy().reshape(-1).data)
    return digest.hexdigest()


def _split(arrays: Mapping[str, Any], part: str, where: str) -> tuple[Split, int]:
    """A split, and the number of columns of its labels if they were one-hot, else 0."""
    plain = f"x_{part}"
    streams = {key[len(plain) + 1 :]: key for key in sorted(arrays) if key.startswith(f"{plain}_")}
    if plain in arrays and streams:
        raise DataError(
            f"{where}both {plain} and {', '.join(map(clip, streams.values()))}\n"
            f"  name every stream's array {plain}_<stream>, or give {plain} alone"
        )
    streams = streams or {STREAM: plain}
    inputs = {stream: _inputs(arrays[key], f"{where}{clip(key)}") for stream, key in streams.items()}
    samples = len(next(iter(inputs.values())))
    labels, columns = _labels(arrays[f"y_{part}"], f"{where}y_{part}", samples)
    for stream, key in streams.items():
        if len(inputs[stream]) != len(labels):
            shape = tuple(inputs[stream].shape)
            last = f"np.moveaxis({key}, -1, 0) puts the samples, which are the last of {shape}, first"
            remedy = last if len(shape) > 2 and shape[-1] == len(labels) else "give one label for each sample"
            raise DataError(
                f"{where}{clip(key)} holds {len(inputs[stream])} samples, but y_{part} holds {len(labels)} labels\n"
                f"  {remedy}"
            )
    return Split(inputs, labels), columns


def _array(value: object, what: str, kinds: str, wanted: str) -> np.ndarray:
    """`value` as a NumPy array of one of the `kinds` (letters of NumPy); `wanted` is their description."""
    if np.ma.is_masked(value):
        raise DataError(
            f"{what} is a masked array, {np.ma.count_masked(value)} of whose values are masked\n"
            f"  say what they are, such as {what}.filled(0), or leave out their samples"
        )
    try:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().resolve_conj().resolve_neg()
            value = (value.float() if value.is_floating_point() else value).numpy()  # numpy has no bfloat16
        array = np.asarray(value)
    # Sparse, nested and quantised tensors, and those without memory, each have an error of their own.
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{what} is no array: {clip(str(error), 200)}\n  wanted: {wanted}") from error
    if array.dtype.kind not in kinds:
        remedy = "\n  if they are numbers, .astype(float) makes them so" if array.dtype.kind == "O" else ""
        raise DataError(f"{what} holds {array.dtype}\n  wanted: {wanted}{remedy}")
    return array


def as_samples(value: object, what: str) -> torch.Tensor:
    """An array or a tensor of samples as a tensor of bytes or of float32, shared if it is one already.

    Raises:
        DataError: values are not numbers, not finite, masked, or integers of an unknown scale.
    """
    array = _array(value, what, "fubi", "uint8 (0 to 255, standing for 0 to 1), or floats (taken as they are)")
    if array.dtype.kind in "ui" and array.dtype != np.uint8 and array.size:
        low, high = array.min(), array.max()
        pixels = "  save pixels of 0 to 255 as uint8, by .astype(np.uint8): they stand for 0 to 1\n"
        raise DataError(
            f"{what} holds {array.dtype} from {low} to {high}, whose scale is not known\n"
            f"{pixels if low >= 0 and high <= 255 else ''}"
            "  save other numbers as floats, scaled as the network shall see them, such as x / x.max()"
        )
    dtype = np.uint8 if array.dtype == np.uint8 else np.float32
    with np.errstate(over="ignore"):  # values too large for float32 become infinite and are refused below
        array = np.require(array, dtype, ["C", "W"])  # torch wants its memory writable
    if dtype == np.float32 and not (finite := np.isfinite(array)).all():
        raise DataError(
            f"{what} holds {array.size - np.count_nonzero(finite)} values that are not finite in float32, the first in "
            f"sample {np.argwhere(~finite)[0][0]}\n  remove or replace them"
        )
    return torch.from_numpy(array)


def _inputs(value: object, what: str) -> torch.Tensor:
    tensor = as_samples(value, what)
    shape = tuple(tensor.shape)
    if len(shape) < 2:
        raise DataError(f"{what} has shape {shape}, but needs samples along its first axis and values along others")
    if tensor.numel() == 0:
        raise DataError(f"{what} is empty: its shape is {shape}")
    return tensor


def _labels(value: object, what: str, samples: int) -> tuple[torch.Tensor, int]:
    """Labels, and their number of columns if they are one-hot, else 0."""
    wanted = "whole numbers from 0, one a sample: the classes"
    array = _array(value, what, "iufbUS", wanted)
    if array.dtype.kind in "US":
        raise DataError(f"{what} holds text ({array.dtype})\n  wanted: {wanted}\n  {NUMBERING}")
    if array.size == 0:
        raise DataError(f"{what} is empty")
    columns = 0
    if array.size == max(array.shape, default=0) and array.size == samples:
        array = array.reshape(-1)  # as a column (n, 1) or a row (1, n)
    elif array.ndim == 2 and array.shape[1] > 1:
        ones = array == 1
        if not ((ones | (array == 0)).all() and (ones.sum(1) == 1).all()):
            raise DataError(
                f"{what} has shape {array.shape}, and its rows are not one-hot (a single 1, and 0 elsewhere)\n"
                f"  wanted: {wanted}; of probabilities take .argmax(1)"
            )
        columns, array = array.shape[1], ones.argmax(1)
    elif array.ndim != 1:
        raise DataError(f"{what} has shape {array.shape}\n  wanted: {wanted}, in one axis")
    with np.errstate(invalid="ignore"):  # values that are no int64 change, and are refused below
        labels = np.require(array, np.int64, ["C", "W"])
    wrong = (labels < 0) | (labels != array)
    if wrong.any():
        row = int(wrong.argmax())
        remedy = f"\n  {NUMBERING}" if (labels == array).all() else ""
        raise DataError(f"{what} holds {array[row]} as the label of sample {row}\n  wanted: {wanted}{remedy}")
    return torch.from_numpy(labels), columns


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


def _count_classes(splits: Mapping[str, Split], classes: int | None, where: str, least: int) -> int:
    """The number of classes: as given, else by the labels, and at least the columns of one-hot labels."""
    train = splits["train"]
    highest = {part: int(split.labels.max()) for part, split in splits.items()}
    if classes is None:
        classes = max(highest["train"] + 1, least)
        # Checked before anything is sized by it: labels such as 1000000000 are not classes.
        if classes > max(len(train), least):
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
