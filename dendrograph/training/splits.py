"""The splits of a data set as one training sees them: noise, held-out validation samples, and the order of samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dendrograph.data.batches import add_noise, class_by_class, validation_rows
from dendrograph.data.dataset import Dataset, Split
from dendrograph.training.config import TrainConfig


@dataclass(frozen=True, eq=False)
class Splits:
    """The samples of a training.

    Attributes:
        samples: holds the training samples, shared with the data set where they have no noise.
        rows: the rows of `samples` to train on, shape (training samples,).
        validation: the validation split, noise included.
        test: the test split, noise included.
    """

    samples: Split
    rows: Tensor
    validation: Split
    test: Split

    @classmethod
    def of(cls, data: Dataset, config: TrainConfig) -> Splits:
        """The splits of a data set, noise included.

        Raises:
            DataError: no validation split can be made, or noise cannot be added.
        """
        rows, held_out = validation_rows(data, config.validation, config.seed)
        samples = data.train
        validation = samples.take(held_out) if data.validation is None else data.validation
        if config.noise:  # the noise of a sample depends on its place among the training samples
            samples, rows = _noisy(samples.take(rows), data, config, 0), torch.arange(len(rows))
        return cls(samples, rows, _noisy(validation, data, config, 1), noisy_test(data, config))

    def order(self, config: TrainConfig, epoch: int) -> Tensor:
        """The rows of `samples` in the order in which an epoch sees them."""
        generator = torch.Generator().manual_seed(derived_seed(config.seed, "order", epoch))
        if config.sequential:
            return self.rows[class_by_class(self.samples.labels[self.rows], generator)]
        return self.rows[torch.randperm(len(self.rows), generator=generator)]


def noisy_test(data: Dataset, config: TrainConfig) -> Split:
    """The test split as a training with this configuration sees it, noise included."""
    return _noisy(data.test, data, config, 2)


def _noisy(split: Split, data: Dataset, config: TrainConfig, part: int) -> Split:
    if not config.noise:
        return split
    return add_noise(split, data.scale, config.noise, derived_seed(config.seed, "noise", part))


def derived_seed(seed: int, purpose: str, number: int) -> int:
    """A separate seed for each purpose and number, so that no two streams of random numbers are the same."""
    return int(np.random.SeedSequence([seed, *purpose.encode(), number]).generate_state(1)[0])
