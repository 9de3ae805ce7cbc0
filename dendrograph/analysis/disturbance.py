"""What all measures of robustness share: arguments held to what they must be, and where chance comes from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from dendrograph.base.errors import DendrographError, clip
from dendrograph.data.batches import batches
from dendrograph.data.dataset import Split
from dendrograph.graph.wiring import stream
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.evaluation import evaluate

# Purposes of the streams of random numbers, after the compiler's (0 and 1) and the initial weights' (2).
_ROBUSTNESS = 3
NOISE, OCCLUSION, LESIONS, SINGLE_LESIONS = range(4)


def chance(seed: int, measure: int, *numbers: int) -> np.random.Generator:
    """The random numbers of one draw of a measure: they depend on nothing else."""
    return stream(seed, _ROBUSTNESS, measure, *numbers)


def outcome(network: DendriticNetwork, split: Split, scale: float) -> dict[str, float]:
    """The two columns in which every measure ends."""
    found = evaluate(network, split, scale)
    return {"accuracy": found.accuracy, "loss": found.loss}


@contextmanager
def at_rest(network: DendriticNetwork) -> Iterator[None]:
    """Evaluation mode and no gradients; the mode is put back, also after an error."""
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(training)


def hold_samples(network: DendriticNetwork, split: Split, scale: float) -> None:
    """Refuse samples that the network cannot take.

    Raises:
        DendrographError: there is none, their shape or type is another, or a label has no unit of the output.
    """
    if not is_number(scale) or scale <= 0:
        raise DendrographError(f"scale: {scale!r} divides no bytes\n  give the data set's own, `dataset.scale`")
    if not len(split):
        raise DendrographError("there is no sample to measure robustness on\n  give a split with samples")
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= network.graph.classes:
        raise DendrographError(
            f"labels run from {low} to {high}, and the network has {network.graph.classes} classes\n"
            "  labels are numbered from 0; build the network with classes=data.classes"
        )
    first, _ = next(batches(split, scale, 1, torch.arange(1), next(network.parameters()).device))
    try:
        with at_rest(network):
            network(first)
    except ValueError as error:
        raise DendrographError(
            f"the samples do not fit the network: {error}\n  build it with inputs=data.shapes; samples come as float32"
        ) from None


def hold_levels(what: str, given: Iterable[float], most: float = math.inf) -> tuple[float, ...]:
    """Levels of a disturbance, as floats: from 0 to `most`, each once.

    Raises:
        DendrographError: they are not.
    """
    allowed = "numbers of 0 or more" if most == math.inf else f"shares from 0 to {most:g}"
    try:
        found: list[Any] = list(given)
    except TypeError:
        raise DendrographError(f"{what}: found {clip(repr(given))}\n  give a list of {allowed}") from None
    wrong = [value for value in found if not (is_number(value) and 0 <= value <= most)]
    if wrong:
        raise DendrographError(f"{what}: found {clip(repr(wrong[0]))}\n  give a list of {allowed}")
    if not found:
        raise DendrographError(f"{what}: there is none\n  give a list of {allowed}")
    levels = tuple(float(value) for value in found)
    if len(set(levels)) < len(levels):
        twice = next(value for value in levels if levels.count(value) > 1)
        raise DendrographError(f"{what}: {twice:g} stands there twice\n  give each once; `repeats` measures it again")
    return levels


def hold_whole(what: str, value: object, least: int, most: int | None = 2**32 - 1) -> int:
    """A whole number within bounds; without `most` there is no upper one.

    Raises:
        DendrographError: it is none.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        bounds = f"at least {least}" + (f", and at most {most}" if most is not None else "")
        raise DendrographError(f"{what}: found {clip(repr(value))}\n  give a whole number of {bounds}")
    return int(value)  # type: ignore[call-overload]


def is_number(value: object) -> bool:
    """Whether it is a finite real number, NumPy's included."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return real and math.isfinite(value)  # type: ignore[arg-type]
