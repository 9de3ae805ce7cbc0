"""A data set in memory: splits of tensors, made of named arrays and checked in every way that training relies on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from dendrograph.errors import DataError, did_you_mean

STREAM = "image"  # the one stream of data that has a single one; also the language's default
NAMED = re.compile(r"(x|y)_(train|test|val)|x_(train|test|val)_.+")  # what an array may be called


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
    origin: the arguments of `load` that give it again, from any folder; empty where it came from memory
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


def assemble(
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
