"""Warnings about data that were read, where something else may have been meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dendrograph.base.errors import DataError, clip
from dendrograph.data.dataset import Dataset

MOST_CHANNELS = 4  # of an image, where its shape alone does not say which axis they are
LARGE = 10  # standardised inputs are smaller; greater ones are taken for pixels or counts that nobody scaled
DARKER = 3  # largest usual ratio between the brightest bytes of two splits
MANY = 20  # values: fewer tell nothing of their scale
FAINT = 64  # bytes that stay below this are taken for values of another scale than 0 to 255


def look_over(dataset: Dataset, arrays: Mapping[str, Any], where: str = "", numbered: bool = True) -> list[str]:
    """Notes on arrays that were read in a way that the user may not have meant.

    Args:
        dataset: made of the arrays by `assemble`.
        arrays: the arrays.
        where: begin of each note and of the error.
        numbered: whether the number of classes follows from the labels.

    Raises:
        DataError: the channels of images stand first.
    """
    notes = []
    for stream, shape in dataset.shapes.items():
        notes += _doubts_of_layout(
            shape, clip(f"x_train_{stream}" if f"x_train_{stream}" in arrays else "x_train"), where
        )
        notes += _doubts_of_range(dataset, stream, where)
    labels = np.shape(arrays["y_train"])
    if len(labels) == 2 and min(labels) > 1:
        notes.append(f"{where}labels are read as one-hot: the class is the column of the 1")
    return notes + (_doubts_of_classes(dataset, where) if numbered else [])


def _doubts_of_layout(shape: tuple[int, ...], what: str, where: str) -> list[str]:
    if len(shape) == 2 and 1 in shape:
        return [
            f"{where}{what}: a sample of shape {shape} is read as an image of height {shape[0]} and width {shape[1]}; "
            "vectors are (samples, units)"
        ]
    if len(shape) > 3:
        return [
            f"{where}{what}: a sample of shape {shape} has {len(shape)} axes, which is no image (height, width, "
            "channels): only an input that is declared as a vector takes it; reshape it for others"
        ]
    if len(shape) < 3:
        return []
    if shape[:2] == (1, 1):
        return [
            f"{where}{what}: a sample of shape {shape} is read as an image of one pixel of {shape[2]} channels; "
            "vectors are (samples, units)"
        ]
    height, width, channels = shape
    first, last = height <= MOST_CHANNELS, channels <= MOST_CHANNELS
    if first and not last and width > MOST_CHANNELS:
        remedy = f"np.moveaxis({what}, 1, -1) moves them there; do so for every split"
        if height == 1:
            remedy += f"; or leave out the axis of one, by {what}[:, 0]"
        raise DataError(
            f"{where}{what}: a sample has shape {shape}, which looks like {height} "
            f"{'channel' if height == 1 else 'channels'} of {width} x {channels} pixels, as PyTorch keeps images; "
            f"here it would be height {height}, width {width}, {channels} channels\n  channels stand last: {remedy}"
        )
    if height == width != channels or (last and not first and width != channels):
        return []
    return [
        f"{where}{what}: a sample of shape {shape} is read as height {height}, width {width}, {channels} "
        f"{'channel' if channels == 1 else 'channels'}; channels stand last"
    ]


def _doubts_of_range(dataset: Dataset, stream: str, where: str) -> list[str]:
    train = dataset.train.inputs[stream]
    low, high = (bound.item() for bound in torch.aminmax(train))
    what = f"{where}inputs of stream '{clip(stream)}'"
    notes = []
    if low == high:
        notes.append(f"{what} are {low:g} everywhere in the train split: there is nothing to learn from them")
    elif train.dtype == torch.uint8:
        if high < FAINT:
            notes.append(
                f"{what} are bytes from {low} to {high}, and bytes are divided by {dataset.scale:g}: the network "
                f"sees at most {high / dataset.scale:.2g}; save "
                f"them as {'bools' if high == 1 else 'floats scaled to [0, 1]'}"
            )
    else:
        notes += doubts_of_floats(train, what, "save")
        if max(-low, high) < 1 / LARGE:
            notes.append(f"{what} are floats from {low:g} to {high:g}: were they scaled twice?")
    tests = {"test": dataset.test, "val": dataset.validation}
    for part, split in ((part, split) for part, split in tests.items() if split is not None):
        mine, its = _Range.of(train), _Range.of(split.inputs[stream])
        if not mine.is_like(its):
            notes.append(f"{what} are {mine} in the train split, but {its} in x_{part}: are they scaled alike?")
    return notes


def doubts_of_floats(values: torch.Tensor, what: str, verb: str = "give") -> list[str]:
    """A note on floats that look like unscaled pixels or counts."""
    low, high = (bound.item() for bound in torch.aminmax(values))
    if max(-low, high) <= LARGE and not (high > 1 and low >= 0 and _are_whole(values[:1000])):
        return []
    return [
        f"{what} are floats from {low:g} to {high:g}, which are taken as they are; {verb} pixels of 0 to 255 as uint8, "
        "and scale other numbers to [0, 1]"
    ]


@dataclass(frozen=True)
class _Range:
    """The range of the values of a split, to find splits of different scales.

    Attributes:
        low: lowest value.
        high: highest value.
        bytes: whether the values are bytes.
        many: whether there are enough values to judge.
        two: whether only the lowest and the highest value occur.
    """

    low: float
    high: float
    bytes: bool
    many: bool
    two: bool

    @classmethod
    def of(cls, values: torch.Tensor) -> _Range:
        low, high = (bound.item() for bound in torch.aminmax(values))
        some = values[:1000]
        two = low != high and bool(((some == low) | (some == high)).all())
        return cls(low, high, values.dtype == torch.uint8, values.numel() >= MANY, two)

    @property
    def reach(self) -> float:
        return max(-self.low, self.high)

    def is_like(self, other: _Range) -> bool:
        """Whether both may have the same scale."""
        less, more = sorted((self.reach, other.reach))
        if less * (DARKER if self.bytes else LARGE) < more:
            return False
        if not (self.many and other.many):
            return True
        signed = (self.low < -self.reach / LARGE, other.low < -other.reach / LARGE)
        if signed[0] != signed[1] and max(self.low, other.low) >= 0:
            return False
        return self.two == other.two or self.low == self.high or other.low == other.high

    def __str__(self) -> str:
        """`from 0 to 1`, `0 and 1 alone`."""
        if self.low == self.high:
            return f"{self.low:g} everywhere"
        return f"{self.low:g} and {self.high:g} alone" if self.two else f"from {self.low:g} to {self.high:g}"


def _are_whole(values: torch.Tensor) -> bool:
    return bool((values == values.round()).all())


def _doubts_of_classes(dataset: Dataset, where: str) -> list[str]:
    counts = torch.bincount(dataset.train.labels, minlength=dataset.classes)
    empty = (counts == 0).nonzero().flatten().tolist()
    if not empty:
        return []
    listed = ", ".join(map(str, empty[:10])) + (f" and {len(empty) - 10} more" if len(empty) > 10 else "")
    what = f"class {listed} has" if len(empty) == 1 else f"classes {listed} have"
    remedy = "if the labels begin at 1, save y - 1" if empty == [0] else "number the classes 0, 1, 2, ... without gaps"
    return [f"{where}{what} no sample in y_train: the network has {dataset.classes} classes all the same; {remedy}"]
