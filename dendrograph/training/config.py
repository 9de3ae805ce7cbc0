"""The configuration of a training; its defaults are the protocol of the paper."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from os import PathLike
from typing import Any

import torch

from dendrograph.base.errors import DendrographError, RunError, clip, expect, one_line, shown
from dendrograph.base.suggestions import did_you_mean

# Numbers of epochs in the paper; digits is not in the paper.
EPOCHS = {"mnist": 15, "fashion_mnist": 25, "kmnist": 25, "emnist": 50, "cifar10": 50, "digits": 50}
OTHER_EPOCHS = 25
EARLY_STOP_EPOCHS = 100

MOST = 1_000_000_000  # far beyond use, and within what every library below can hold
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training. The defaults are the protocol of Chavlis & Poirazi (Nature Communications 2025).

    Attributes:
        epochs: passes over the training set; by default as in the paper for the data set (MNIST 15, Fashion-MNIST and
            KMNIST 25, EMNIST and CIFAR-10 50), doubled for sequential learning, 100 at most with early stopping.
        batch_size: samples per step.
        lr: learning rate.
        optimizer: `adam` (epsilon 1e-7), `adamw` (the same), `rmsprop` or `sgd` (momentum 0.9).
        seed: seed for the validation split, the order of samples, noise and dropout.
        device: `cpu`, `cuda`, …; `auto` uses a GPU if there is one.
        early_stop: stop when the validation loss has not fallen for `patience` epochs; keep the best epoch's weights.
        patience: epochs without a better validation loss.
        noise: standard deviation of Gaussian noise added to training, validation and test inputs, clipped to [0, 1].
        sequential: present the training samples class by class in each epoch.
        validation: fraction of the training set that is held out, stratified by class.

    Raises:
        DendrographError: a value that is not allowed.
    """

    epochs: int | None = None
    batch_size: int = 128
    lr: float = 1e-3
    optimizer: str = "adam"
    seed: int = 0
    device: str = "auto"
    early_stop: bool = False
    patience: int = 10
    noise: float = 0.0
    sequential: bool = False
    validation: float = 0.1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if (type(value) is not int or value < 1) and not (name == "epochs" and value is None):
                raise DendrographError(f"{name} must be a whole number of at least 1, found {shown(value)}")
        for name in ("epochs", "batch_size", "patience", "noise"):
            value = getattr(self, name)
            if type(value) in (int, float) and MOST < value < math.inf:
                raise DendrographError(f"{name} must be at most {MOST}, found {shown(value)}")
        if type(self.seed) is not int or not 0 <= self.seed < 2**32:
            raise DendrographError(f"seed must be a whole number from 0 to 4294967295, found {shown(self.seed)}")
        if not _is_number(self.lr) or self.lr <= 0:
            raise DendrographError(f"lr must be a number greater than 0, found {shown(self.lr)}")
        if not _is_number(self.noise) or self.noise < 0:
            raise DendrographError(f"noise must be a number of at least 0, found {shown(self.noise)}")
        if not _is_number(self.validation) or not 0 < self.validation < 1:
            raise DendrographError(f"validation must be a share between 0 and 1, found {shown(self.validation)}")
        for name in ("lr", "noise", "validation"):  # 0 and 0.0 are one setting, and one run
            object.__setattr__(self, name, float(getattr(self, name)))
        for name in ("early_stop", "sequential"):
            if type(getattr(self, name)) is not bool:
                raise DendrographError(f"{name} must be True or False, found {shown(getattr(self, name))}")
        expect("device", self.device, str)
        expect("optimizer", self.optimizer, str)
        if self.optimizer not in OPTIMIZERS:
            known = did_you_mean(self.optimizer, OPTIMIZERS, "optimizers")
            raise DendrographError(f"unknown optimizer '{clip(self.optimizer)}'\n  {known}")

    def for_data(self, name: str) -> TrainConfig:
        """A copy with the number of epochs for a data set, and with the device."""
        epochs = self.epochs
        if epochs is None and self.early_stop:
            epochs = EARLY_STOP_EPOCHS
        elif epochs is None:
            epochs = EPOCHS.get(name, OTHER_EPOCHS) * (2 if self.sequential else 1)
        return replace(self, epochs=epochs, device=_device(self.device))

    def in_one_form(self) -> TrainConfig:
        """A copy with unused settings at their defaults, so that the configurations of equal trainings are equal."""
        return self if self.early_stop else replace(self, patience=TrainConfig().patience)

    @classmethod
    def from_record(cls, record: Mapping[str, Any], path: str | PathLike[str] = "run.json") -> TrainConfig:
        """Read the configuration in a run.json.

        Raises:
            RunError: the record is not one of a configuration.
        """
        if set(record) != {field.name for field in fields(cls)}:
            raise RunError(f"{one_line(path)}: 'config' is not what this version of dendrograph writes")
        try:
            return cls(**record)
        except DendrographError as error:
            raise RunError(f"{one_line(path)}: damaged: {error}") from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and abs(value) <= sys.float_info.max


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.ones(1, device=torch.device(name)).item()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = textwrap.shorten(str(error), 120, placeholder=" …")
        found = f"device '{clip(name)}' cannot be used: {reason}"
        raise DendrographError(f"{found}\n  cpu always can, auto picks") from None
    return name
