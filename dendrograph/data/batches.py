"""Splits, noise and batches: the samples of a data set as a network sees them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral, Real

import numpy as np
import torch

from dendrograph.base.errors import DataError, expect, worded
from dendrograph.data.dataset import Dataset, Split
from dendrograph.network.kernels.compiled import gather_samples, native

NOISE_CHUNK = 4_194_304  # values drawn at once: 16 MiB; another number would draw other noise
BLOCK = 1_048_576  # values made at once for the next batches: 4 MiB


def split_validation(dataset: Dataset, fraction: float = 0.1, seed: int = 0) -> tuple[Split, Split]:
    """(train, validation): the data set's own validation split if it has one, else `fraction` of its train split.

    The same seed gives the same split, shuffled and stratified by class.

    Raises:
        DataError: `fraction` is not between 0 and 1, or a class has too few samples for both splits.
    """
    expect("dataset", dataset, Dataset)
    expect("fraction", fraction, Real)
    expect("seed", seed, Integral)
    if dataset.validation is not None:
        return dataset.train, dataset.validation
    train, validation = validation_rows(dataset, fraction, seed)
    return dataset.train.take(train), dataset.train.take(validation)


def validation_rows(dataset: Dataset, fraction: float = 0.1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of the train split that are left for training and rows that are held out; nothing is copied.

    No row is held out if the data set has its own validation split.
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
    return stratified(dataset.train.labels.numpy(), wanted, seed)


def add_noise(split: Split, scale: float, sigma: float, generator: torch.Generator | int) -> Split:
    """Inputs scaled to [0, 1] with Gaussian noise of standard deviation `sigma`, clipped to [0, 1], as float32.

    The noise is drawn once from a CPU generator or a seed, so that every epoch sees the same noise.

    Raises:
        DataError: `sigma` is negative or not finite, or float inputs are not within [0, 1].
    """
    expect("split", split, Split)
    expect("scale", scale, Real)
    expect("sigma", sigma, Real)
    expect("generator", generator, torch.Generator, Integral)
    if not (math.isfinite(sigma) and sigma >= 0):
        raise DataError(f"the noise's standard deviation is {sigma}, but must be 0 or more")
    if not isinstance(generator, torch.Generator):
        generator = torch.Generator().manual_seed(int(generator))
    check_scaled(split)
    noisy = {}
    for stream, tensor in split.inputs.items():
        noisy[stream] = torch.empty(tensor.shape, dtype=torch.float32)
        rows = max(1, NOISE_CHUNK // tensor[0].numel())
        for source, target in zip(tensor.split(rows), noisy[stream].split(rows), strict=True):
            noise = torch.randn(source.shape, generator=generator, dtype=torch.float32)
            torch.add(_scaled(source, scale), noise, alpha=sigma, out=target).clamp_(0, 1)
    return Split(noisy, split.labels)


def check_scaled(split: Split) -> None:
    """Check that float inputs are within [0, 1], to which noise is clipped.

    Raises:
        DataError: a stream has other values.
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

    Yields:
        Inputs by stream, float32 of shape (batch, *shape), and labels, int64 of shape (batch,), on `device` (by default
        that of the split). They are copies. Bytes are moved to the device before they become floats.
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

    Several batches are gathered at once: for a small network, the calls that make one batch cost a tenth of a step.
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
    """The samples at `rows`, scaled, on a device; bytes are moved before they become floats."""
    there = samples.device if device is None else torch.device(device)
    if native is not None and samples.dtype == torch.uint8 and samples.device.type == there.type == "cpu":
        return gather_samples(samples, rows, scale)
    return _scaled(samples.index_select(0, rows).to(there), scale)


def _scaled(tensor: torch.Tensor, scale: float) -> torch.Tensor:
    return tensor.float().div_(scale) if tensor.dtype == torch.uint8 else tensor


def stratified(labels: np.ndarray, held_out: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows that are kept and rows that are held out, shuffled; each class keeps its share."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels))
    kept, out = train_test_split(rows, test_size=held_out, random_state=seed, stratify=labels)
    return torch.from_numpy(kept), torch.from_numpy(out)
