"""Loss, accuracy and confusion of a network on a split, without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from dendrograph.data import Split, batches
from dendrograph.network import DendriticNetwork

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


def evaluate(network: DendriticNetwork, split: Split, scale: float) -> Evaluation:
    """Run a network over a split in evaluation mode; its mode is put back afterwards.

    Args:
        network: on the device where it shall run.
        split: samples and labels.
        scale: what bytes are divided by (`Dataset.scale`).
    """
    device = next(network.parameters()).device
    classes = network.graph.classes
    confusion = torch.zeros(classes * classes, dtype=torch.int64)
    total = 0.0
    training = network.training
    network.eval()
    with torch.inference_mode():
        for inputs, labels in batches(split, scale, BATCH, None, device):
            logits = network(inputs)
            total += float(cross_entropy(logits, labels, reduction="sum"))
            cells = labels * classes + logits.argmax(1)
            confusion += torch.bincount(cells.cpu(), minlength=classes * classes)
    network.train(training)
    table = confusion.view(classes, classes).numpy()
    samples = len(split)
    return Evaluation(total / max(1, samples), float(table.trace()) / max(1, samples), samples, table)
