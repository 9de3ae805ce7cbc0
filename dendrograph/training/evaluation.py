"""Loss, accuracy and confusion of a network on a split, without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from dendrograph.base.errors import expect
from dendrograph.data.dataset import Split
from dendrograph.data.load import batches
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.distributed import ALONE, Ranks

BATCH = 1000  # samples at once; the sum of losses depends on it in the last digits, so it is fixed


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network does on a split: mean cross-entropy, share of right answers, and who is taken for whom.

    `confusion` has shape (classes, classes): row = true class, column = answer.
    """

    loss: float
    accuracy: float
    samples: int
    confusion: NDArray[np.int64]

    def record(self) -> dict[str, Any]:
        """As metrics.json holds it."""
        return {**vars(self), "confusion": self.confusion.tolist()}


def evaluate(network: DendriticNetwork, split: Split, scale: float, ranks: Ranks = ALONE) -> Evaluation:
    """Run a network over a split in evaluation mode; its mode is put back afterwards.

    Args:
        network: on the device where it shall run.
        split: samples and labels.
        scale: what bytes are divided by (`Dataset.scale`).
        ranks: the processes that share the work; each gets the same result.
    """
    expect("network", network, nn.Module)  # compiled and wrapped ones, too
    expect("split", split, Split)
    device = next(network.parameters()).device
    classes = network.graph.classes
    sums = device if device.type == "cuda" else torch.device("cpu")  # where there is float64, and processes can add
    confusion = torch.zeros(classes * classes, dtype=torch.float64, device=sums)
    total = torch.zeros(1, dtype=torch.float64, device=sums)
    rows = torch.arange(len(split))[ranks.share(len(split))]
    training = network.training
    network.eval()
    with torch.inference_mode():
        for inputs, labels in batches(split, scale, BATCH, rows, device):
            logits = network(inputs)
            total += cross_entropy(logits, labels, reduction="sum").to(sums)
            cells = labels * classes + logits.argmax(1)
            confusion += torch.bincount(cells, minlength=classes * classes).to(sums)
    network.train(training)
    found = torch.cat([confusion, total])
    ranks.sum(found)
    confusion, total = found[:-1].long().cpu(), found[-1]
    table = confusion.view(classes, classes).numpy()
    samples = len(split)
    return Evaluation(float(total) / max(1, samples), float(table.trace()) / max(1, samples), samples, table)
