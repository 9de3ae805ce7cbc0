"""A small convolutional network of digits with a head of nn.Linear or of dendritic neurons.

python examples/dendritic_cnn.py [SEEDS]

For each of three heads: test accuracy over seeds with its standard deviation, and the head's parameters.
"""

import statistics
import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from dendrograph import DendriticLayer

CHANNELS, HIDDEN, EPOCHS = 16, 64, 12
FEATURES = CHANNELS * 4 * 4


def linear(seed: int) -> nn.Module:
    return nn.Linear(FEATURES, HIDDEN)


def dendritic(seed: int) -> nn.Module:
    """Dendrites that sample features anywhere."""
    return DendriticLayer(FEATURES, HIDDEN, dendrites=4, synapses=8, seed=seed)


def local(seed: int) -> nn.Module:
    """Dendrites whose features lie beside each other: a position of the 4 × 4 map brings all of its channels."""
    return DendriticLayer(FEATURES, HIDDEN, dendrites=2, synapses=1, field="local", shape=(4, 4, CHANNELS), seed=seed)


def network(head: nn.Module) -> nn.Module:
    """Shapes: (batch, 1, 8, 8) -> (batch, 10). Features are flattened channels last, as `shape` has them."""
    return nn.Sequential(
        nn.Conv2d(1, CHANNELS, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        ChannelsLast(),
        nn.Flatten(),
        head,
        nn.ReLU(),
        nn.Linear(HIDDEN, 10),
    )


class ChannelsLast(nn.Module):
    """(batch, channels, height, width) -> (batch, height, width, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        """Move the channels."""
        return x.movedim(1, -1)


def train(model: nn.Module, x: Tensor, y: Tensor, seed: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()


digits = load_digits()
images, labels = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1), torch.tensor(digits.target)
held_out = torch.arange(len(images)) % 5 == 0
seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

for name, make in (("nn.Linear", linear), ("DendriticLayer", dendritic), ("the same, local", local)):
    accuracies, parameters = [], 0
    for seed in seeds:
        torch.manual_seed(seed)
        head = make(seed)
        parameters = sum(weight.numel() for weight in head.parameters())
        model = network(head)
        train(model, images[~held_out], labels[~held_out], seed)
        with torch.no_grad():
            right = model(images[held_out]).argmax(1) == labels[held_out]
        accuracies.append(100 * right.float().mean().item())
    spread = f" ± {statistics.stdev(accuracies):.1f}" if len(accuracies) > 1 else ""
    told = f"accuracy {statistics.mean(accuracies):.1f}%{spread}, {len(accuracies)} seeds"
    print(f"{name:<15} {told}, {parameters:,} parameters in the head", flush=True)
