"""Loss, accuracy and confusion matrix of a network on a split, without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from dendrograph.base.errors import expect
from dendrograph.data.batches import batches
from dendrograph.data.dataset import Split
from dendrograph.training.distributed import ALONE, Ranks
from dendrograph.training.model_source import Model, ModelSource
from dendrograph.training.provenance import threads_of
from dendrograph.training.splits import noisy_test

BATCH = 1000  # samples at once; fixed, since the rounding of the sum of losses depends on it


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Mean cross-entropy, accuracy and confusion matrix of a network on a split.

    Attributes:
        confusion: shape (classes, classes): row = true class, column = answer.
    """

    loss: float
    accuracy: float
    samples: int
    confusion: NDArray[np.int64]

    def record(self) -> dict[str, Any]:
        """The values as metrics.json holds them."""
        return {**vars(self), "confusion": self.confusion.tolist()}


def evaluate(
    source: ModelSource | Model | nn.Module, split: Split | None = None, scale: float = 255.0, ranks: Ranks = ALONE
) -> Evaluation:
    """Evaluate a network on samples, by default on the test split of its data.

        evaluate("runs/first")
        evaluate(network, data.test, data.scale)

    Args:
        source: a `ModelSource` or a model. The folder of a run is enough: its trained weights are evaluated on its test
            split, noise included, with its number of threads. A network runs on its own device, and its mode is kept;
            compiled and wrapped ones are taken together with a split.
        split: samples and labels.
        scale: divisor of bytes in the split (`Dataset.scale`).
        ranks: the processes that share the work; each gets the same result.

    Raises:
        RunError: the run has not ended, is damaged, or was trained on data that only Python held.
        DataError: the data set is no longer the one that the run was trained on.
    """
    expect("split", split, Split, None)
    if split is not None and isinstance(source, nn.Module):
        return _evaluate(source, split, scale, ranks)
    source = ModelSource.of(source)  # type: ignore[arg-type]  # which refuses a module that is no network
    network = source.network()
    if split is None:
        dataset = source.dataset()
        split, scale = noisy_test(dataset, source.config()), dataset.scale
    if source.run:
        try:
            network.to(source.run.config.device)
        except (RuntimeError, AssertionError):  # the original device is unavailable: results differ in rounding
            network.to("cpu")
    with threads_of(source.run):
        return _evaluate(network, split, scale, ranks)


def _evaluate(network: Any, split: Split, scale: float, ranks: Ranks) -> Evaluation:
    device = next(network.parameters()).device
    classes = network.graph.classes
    sums = device if device.type == "cuda" else torch.device("cpu")  # these have float64, and processes can add there
    confusion = torch.zeros(classes * classes, dtype=torch.float64, device=sums)
    total = torch.zeros(1, dtype=torch.float64, device=sums)
    rows = torch.arange(len(split))[ranks.share(len(split))]
    training = network.training
    network.eval()
    with torch.inference_mode():
        for inputs, labels in batches(split, scale, BATCH, rows, device):
            logits = network(inputs)
            total += cross_entropy(logits, labels, reduction="sum").to(sums)
            pairs = labels * classes + logits.argmax(1)
            confusion += torch.bincount(pairs, minlength=classes * classes).to(sums)
    network.train(training)
    found = torch.cat([confusion, total])
    ranks.sum(found)
    confusion, total = found[:-1].long().cpu(), found[-1]
    table = confusion.view(classes, classes).numpy()
    samples = len(split)
    return Evaluation(
        loss=float(total) / max(1, samples),
        accuracy=float(table.trace()) / max(1, samples),
        samples=samples,
        confusion=table,
    )
