"""A small transformer that reads digits row by row, its feed-forward parts of nn.Linear or of dendritic neurons.

python examples/dendritic_transformer.py [SEEDS]

For each of the two: test accuracy over seeds with its standard deviation, and parameters of the feed-forward parts.
"""

import statistics
import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from dendrograph import DendriticLayer

WIDTH, HIDDEN, BLOCKS, EPOCHS = 32, 64, 2, 12


class Block(nn.Module):
    """Attention, then a feed-forward part, each beside a shortcut."""

    def __init__(self, feed_forward: nn.Module) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.feed_forward = feed_forward
        self.before_attention, self.before_feed_forward = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: (batch, rows, WIDTH) -> the same."""
        y = self.before_attention(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.feed_forward(self.before_feed_forward(x))


class Transformer(nn.Module):
    """Each of the eight rows of a digit is a token."""

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.embed, self.place = nn.Linear(8, WIDTH), nn.Parameter(torch.zeros(8, WIDTH))
        self.blocks, self.norm, self.classify = nn.Sequential(*blocks), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Shapes: (batch, 8, 8) -> (batch, 10)."""
        return self.classify(self.norm(self.blocks(self.embed(images) + self.place).mean(1)))


def linear(seed: int) -> nn.Module:
    return nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH))


def dendritic(seed: int) -> nn.Module:
    """A third of the parameters: dendrites sample 4 features each."""
    expand = DendriticLayer(WIDTH, HIDDEN, dendrites=2, synapses=4, seed=2 * seed)
    return nn.Sequential(expand, nn.GELU(), DendriticLayer(HIDDEN, WIDTH, dendrites=2, synapses=4, seed=2 * seed + 1))


def train(model: nn.Module, x: Tensor, y: Tensor, seed: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()


digits = load_digits()
images, labels = torch.tensor(digits.images / 16, dtype=torch.float32), torch.tensor(digits.target)
held_out = torch.arange(len(images)) % 5 == 0
seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

for name, feed_forward in (("nn.Linear", linear), ("DendriticLayer", dendritic)):
    accuracies, parameters = [], 0
    for seed in seeds:
        torch.manual_seed(seed)
        parts = [feed_forward(BLOCKS * seed + number) for number in range(BLOCKS)]
        parameters = sum(weight.numel() for part in parts for weight in part.parameters())
        model = Transformer([Block(part) for part in parts])
        train(model, images[~held_out], labels[~held_out], seed)
        with torch.no_grad():
            right = model.eval()(images[held_out]).argmax(1) == labels[held_out]
        accuracies.append(100 * right.float().mean().item())
    spread = f" ± {statistics.stdev(accuracies):.1f}" if len(accuracies) > 1 else ""
    told = f"accuracy {statistics.mean(accuracies):.1f}%{spread}, {len(accuracies)} seeds"
    print(f"{name:<15} {told}, {parameters:,} parameters in the feed-forward parts", flush=True)
