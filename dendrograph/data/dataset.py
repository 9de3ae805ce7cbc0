"""A data set in memory: splits of tensors, made of named arrays and checked in every way that training relies on."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from dendrograph.base.errors import DataError, clip
from dendrograph.base.suggestions import did_you_mean, listed

STREAM = "image"  # the one stream of data that has a single one; also the language's default
NAMED = re.compile(r"(x|y)_(train|test|val)|x_(train|test|val)_.+", re.DOTALL)  # what an array may be called
NUMBERING = (
    "number the names of the classes alike in all splits: names = np.unique(y_train), then np.searchsorted(names, y) "
    "of each y"
)
WANTED = "wanted: x_train, y_train, x_test, y_test, and x_val, y_val if you bring a validation split"

# Words that other tools put together to the names of their arrays, as in train_images or X_valid.
PART_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
}
KIND_WORDS = {
    **dict.fromkeys(("x", "xs", "data", "image", "images", "img", "imgs", "samples"), "x"),
    **dict.fromkeys(("input", "inputs", "feature", "features"), "x"),
    **dict.fromkeys(("y", "ys", "label", "labels", "lab", "labs", "lbl", "lbls", "target", "targets"), "y"),
}
FOREIGN = {
    word: f"{kind}_{part}"
    for one, part in PART_WORDS.items()
    for other, kind in KIND_WORDS.items()
    for word in (one + other, other + one)
}

MOST_CHANNELS = 4  # of an image, where its shape alone does not say which axis they are
LARGE = 10  # standardised inputs are smaller; greater ones are taken for pixels or counts that nobody scaled
DARKER = 3  # of the brightest bytes of two splits the one is at most so many times the other
MANY = 20  # values: fewer tell nothing of their scale
FAINT = 64  # bytes that stay below this are taken for values of another scale than 0 to 255


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

    def without_validation(self) -> Dataset:
        """The same without a validation split of its own, as one reads it whose file holds none."""
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
    """Check all that a data set must be, and hold it. `arrays` are named as in a `.npz`; `where` opens errors."""
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


def find_arrays(keys: Iterable[str], where: str = "") -> tuple[dict[str, str], list[str]]:
    """Which arrays of a file are read, and as what: our name of each -> its own, and what the user should know of it.

    Names of other tools (train_images, X_valid) are understood where no array has ours. What looks like one of ours
    and is none is refused, or told where it is not read: a misspelt x_val must not pass in silence.

    Raises:
        DataError: an array is missing, unknown, or there twice under two names.
    """
    keys = list(keys)
    found = {key: key for key in keys if NAMED.fullmatch(key)}
    others = [key for key in keys if key not in found]
    means = {key: ours for key in others if (ours := FOREIGN.get(re.sub(r"[-_ ./](?!\Z)", "", key.lower())))}
    claims = Counter(means.values())
    complete = all(_named(name, found) for name in _names(("train", "test")))
    unread = []
    for key in others:
        ours, ambitious = means.get(key), key.startswith(("x_", "y_"))
        if ours is None and ambitious:
            near = did_you_mean(key, _names(("train", "test", "val")))
            raise DataError(f"{where}unknown array '{clip(key)}'\n  {near}; or x_train_<stream> and so on")
        if ours is None:
            unread += [key] if _part_of(key) else []
            continue
        taken = _named(ours, found)
        pair = ("y" if ours[0] == "x" else "x") + ours[1:]
        whole = claims[pair] or _named(pair, found)
        if complete and not ambitious and (taken or claims[ours] > 1 or not whole):
            unread.append(key)
            continue
        if taken:
            raise DataError(
                f"{where}both '{clip(taken[0])}' and '{clip(key)}' may be {ours}\n  keep one of them, named {ours}"
            )
        found[ours] = key
    _refuse_missing(found, keys, where)
    renamed = [f"'{clip(own)}' as {name}" for name, own in found.items() if name != own]
    notes = [f"{where}arrays are read by the names of another tool: {', '.join(renamed)}"] if renamed else []
    if unread:
        read = ", ".join(name for name in _names(("train", "test", "val")) if _named(name, found))
        left = listed([f"'{clip(key)}'" for key in unread])
        notes.append(f"{where}not read: {left}: the arrays named {read} are")
    return found, notes


def _names(parts: Iterable[str]) -> list[str]:
    return [f"{kind}_{part}" for part in parts for kind in "xy"]


def _named(name: str, found: Mapping[str, str]) -> list[str]:
    """The arrays that are read as this one, or as its streams."""
    if name in found:
        return [found[name]]
    return [own for key, own in found.items() if key.startswith(f"{name}_")] if name[0] == "x" else []


def _part_of(key: str) -> str | None:
    """The part of a data set, such as `val`, whose name a word of an array's name is, or nearly is."""
    return _meaning(key, PART_WORDS)


def _meaning(key: str, known: Mapping[str, str]) -> str | None:
    for word in re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()):
        if near := _nearest(word, tuple(known)):
            return known[near]
    return None


@lru_cache(1024)
def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    return next(iter(difflib.get_close_matches(word[:30], known, n=1, cutoff=0.8)), None)


def _refuse_missing(found: Mapping[str, str], keys: Collection[str], where: str) -> None:
    parts = ["train", "test"] + (["val"] if any(name.startswith(("x_val", "y_val")) for name in found) else [])
    for name in _names(parts):
        if _named(name, found):
            continue
        used = {*found.values()}
        others = [key for key in keys if key not in used]
        whole = {KIND_WORDS[key.lower()]: clip(key) for key in others if key.lower() in KIND_WORDS}
        kind, part = name.split("_")
        fit = [key for key in others if _meaning(key, KIND_WORDS) in (kind, None) and _part_of(key) in (part, None)]
        near = f"  {did_you_mean(name, fit, kind='not read')}\n" if fit else ""
        if len(whole) == 2:
            near = (
                f"  '{whole['x']}' and '{whole['y']}' are not split: shuffle them alike, and save a part for training, "
                "the rest for the test\n"
            )
        there = listed([clip(key) for key in sorted(keys)])
        raise DataError(f"{where}no array '{name}'; there are: {there}\n{near}  {WANTED}")


def _split(arrays: Mapping[str, Any], part: str, where: str) -> tuple[Split, int]:
    """A split, and of how many columns its labels were, where they were one-hot."""
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
    """`value` as a numpy array of one of the `kinds` (numpy's letters); `wanted` says them to the user."""
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
    """An array or a tensor of samples as a tensor of bytes, or else of float32; shared where it is one already.

    Raises:
        DataError: values that are no numbers, not finite, masked, or integers of which the scale is not known.
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
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is told below
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
    """Labels of so many samples, and their number of columns where they are one-hot (else 0)."""
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
    with np.errstate(invalid="ignore"):  # what is no int64 comes out as another number, and is told here
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
    """The classes: as given, else as many as the labels show, and no fewer than the columns of one-hot labels."""
    train = splits["train"]
    highest = {part: int(split.labels.max()) for part, split in splits.items()}
    if classes is None:
        classes = max(highest["train"] + 1, least)
        # Before anything is sized by it: labels such as 1000000000 are numbers of something else than classes.
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


def look_over(dataset: Dataset, arrays: Mapping[str, Any], where: str = "", numbered: bool = True) -> list[str]:
    """What the user should know of how arrays of their own were read, where they may have meant something else.

    Args:
        dataset: what `assemble` made of them.
        arrays: the arrays.
        where: opens each note and the error.
        numbered: whether the labels alone say how many classes there are.

    Raises:
        DataError: images have their channels first.
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
    """What is to be said of floats that are taken as they are, where they look like pixels or counts."""
    low, high = (bound.item() for bound in torch.aminmax(values))
    if max(-low, high) <= LARGE and not (high > 1 and low >= 0 and _are_whole(values[:1000])):
        return []
    return [
        f"{what} are floats from {low:g} to {high:g}, which are taken as they are; {verb} pixels of 0 to 255 as uint8, "
        "and scale other numbers to [0, 1]"
    ]


@dataclass(frozen=True)
class _Range:
    """What values a split has, by which one that was scaled otherwise is told.

    two: there are no others than the lowest and the highest; not said of few values, nor of equal ones
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
        """Whether both may be of one scale."""
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
