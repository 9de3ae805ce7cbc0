"""A network written out in operations that every runtime of ONNX has: gather, multiply, reduce; no kernel of ours.

The kernels of a network are made for training, and some reach past PyTorch's own operations. Here each compartment's
edges are a row, filled up to the longest row of the projection with edges that change nothing, so that no operation
scatters: scattered sums are what exporters get wrong. Where at least a quarter of all pairs are wired, the block of
weights is multiplied as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dendrograph.graph.graph import Group, Projection
from dendrograph.morphology.nonlinearities import NONLINEARITIES, bind
from dendrograph.morphology.weights import Sign
from dendrograph.network.kernels.reference import NEUTRAL
from dendrograph.network.network import DendriticNetwork
from dendrograph.network.operations import EPSILON

DENSE = 0.25  # of all pairs

JOIN: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "mean": torch.add,
    "max": torch.maximum,
    "min": torch.minimum,
    "product": torch.mul,
}


class Unrolled(nn.Module):
    """The forward pass of a network in evaluation mode; its numbers are fixed.

    Inputs are tensors (batch, *shape), one a stream in the order of the graph; the output is (batch, classes).
    """

    def __init__(self, network: DendriticNetwork) -> None:
        super().__init__()
        graph = network.graph
        self.streams = tuple((name, math.prod(shape)) for name, shape in graph.inputs.items())
        own = [group for group in graph.groups if group.role != "input"]
        self.names = tuple(group.name for group in own)
        self.groups = nn.ModuleList(_Group(network, group) for group in own)
        self.output = graph.output.name

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits of a batch, as `DendriticNetwork.forward` gives them."""
        values = {name: given.reshape(-1, units).t() for (name, units), given in zip(self.streams, inputs, strict=True)}
        for name, group in zip(self.names, self.groups, strict=True):
            values[name] = group(values)
        return values[self.output].t()


class _Group(nn.Module):
    """One group: u = norm(b + what arrives) / (1 + what shunts), y = f(u)."""

    def __init__(self, network: DendriticNetwork, group: Group) -> None:
        super().__init__()
        self.size, self.rule = group.size, group.integration
        onto = network.graph.onto(group)
        adding, shunting = ([one for one in onto if (one.sign == Sign.SHUNTING) is shunts] for shunts in (False, True))
        self.sources = tuple(one.source for one in adding)
        self.adding = nn.ModuleList(_edges(network, one) for one in adding)
        self.shunting_sources = tuple(one.source for one in shunting)
        self.shunting = nn.ModuleList(_edges(network, one) for one in shunting)
        self.normalised = group.normalisation == "layer"
        bias = network.biases[group.name].detach().clone().unsqueeze(1) if group.bias else None
        self.bias: Tensor | None
        self.register_buffer("bias", bias)
        count = sum((one.fan_in() for one in adding), np.zeros(group.size, dtype=np.int64))
        kind = next(network.parameters()).dtype
        self.share: Tensor
        self.register_buffer("share", torch.from_numpy(1 / np.maximum(count, 1)).to(kind).unsqueeze(1))
        self.reached: Tensor
        self.register_buffer("reached", torch.from_numpy(count > 0).unsqueeze(1))
        self.everywhere = bool(count.all())
        values = dict(group.nonlinearity.parameters)
        learnt: dict[str, Tensor] = {}
        for name, _ in group.nonlinearity.trainable:
            value = network.excitability[f"{group.name}:{name}"].detach()
            value = value.exp() if name in NONLINEARITIES[group.nonlinearity.name].positive else value.clone()
            learnt[name] = value.unsqueeze(1) if value.dim() else value
        self.learnt = nn.ParameterDict({name: nn.Parameter(value, False) for name, value in learnt.items()})
        self.nonlinearity, self.fixed = group.nonlinearity.name, values

    def forward(self, values: dict[str, Tensor]) -> Tensor:
        total = self._arriving(values)
        if self.bias is not None:
            total = total + self.bias
        if self.normalised:
            total = total - total.mean(0, keepdim=True)
            total = total * torch.rsqrt(total.square().mean(0, keepdim=True) + EPSILON)
        if self.shunting:
            parts = zip(self.shunting_sources, self.shunting, strict=True)
            conductance = torch.stack([edges(values[source].relu()) for source, edges in parts]).sum(0)
            total = total / (1 + conductance)
        return bind(self.nonlinearity, {**self.fixed, **dict(self.learnt.items())})(total)

    def _arriving(self, values: dict[str, Tensor]) -> Tensor:
        """The messages of all projections. Shape (size, batch)."""
        if not self.adding:
            first = next(iter(values.values()))
            return first[:1].mul(0.0).expand(self.size, -1)
        total: Tensor | None = None
        for source, edges in zip(self.sources, self.adding, strict=True):
            part = edges(values[source])
            total = part if total is None else JOIN[self.rule](total, part)
        assert total is not None
        if self.rule == "mean":
            return total * self.share
        if self.rule != "sum" and not self.everywhere:
            return torch.where(self.reached, total, 0.0)
        return total


def _edges(network: DendriticNetwork, projection: Projection) -> nn.Module:
    """The edges of a projection, as a block or in rows."""
    weight = network.weight(projection.name).detach().cpu()
    if not projection.nonlinear and projection.density >= DENSE:
        return _Block(projection, weight)
    return _Rows(projection, weight)


class _Block(nn.Module):
    """u = W x, with W of shape (targets, sources) and 0 where no edge is."""

    def __init__(self, projection: Projection, weight: Tensor) -> None:
        super().__init__()
        shape = projection.targets, projection.sources
        if projection.pairs is None:
            block = weight.clone().view(shape)
        else:
            source, target = projection.edge_index
            flat = weight.new_zeros(shape[0] * shape[1])
            block = flat.index_add_(0, target * projection.sources + source, weight).view(shape)
        self.weight: Tensor
        self.register_buffer("weight", block)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight @ x


class _Rows(nn.Module):
    """Each target's edges as a row: their sources, shape (targets, longest row), and their weights."""

    def __init__(self, projection: Projection, weight: Tensor) -> None:
        super().__init__()
        self.rule = projection.reduce
        self.function = None
        if projection.nonlinearity:
            self.function = bind(projection.nonlinearity.name, dict(projection.nonlinearity.parameters))
        source, target = projection.edge_index
        counts = torch.from_numpy(projection.fan_in())
        longest = max(1, int(counts.max()) if len(counts) else 0)
        place = torch.arange(len(source)) - (counts.cumsum(0) - counts)[target] + target * longest
        cells = projection.targets * longest
        shape = projection.targets, longest
        self.sources: Tensor
        self.register_buffer("sources", torch.zeros(cells, dtype=torch.int64).index_copy_(0, place, source))
        self.weight: Tensor
        self.register_buffer("weight", weight.new_zeros(cells).index_copy_(0, place, weight).view(shape))
        taken = torch.zeros(cells, dtype=torch.bool).index_fill_(0, place, True).view(*shape, 1)
        self.full = bool(taken.all())
        self.taken: Tensor
        self.register_buffer("taken", taken)
        self.product = self.function is None and self.rule == "sum"

    def forward(self, x: Tensor) -> Tensor:
        rows = x.index_select(0, self.sources).reshape(*self.weight.shape, -1)  # (targets, longest, batch)
        if self.product:
            return torch.bmm(self.weight.unsqueeze(1), rows).squeeze(1)
        messages = self.weight.unsqueeze(2) * rows
        if self.function is not None:
            messages = self.function(messages)
        if not self.full:
            messages = torch.where(self.taken, messages, NEUTRAL[self.rule])
        return _reduced(messages, self.rule)


def _reduced(messages: Tensor, rule: str) -> Tensor:
    """(targets, longest, batch) -> (targets, batch)."""
    match rule:
        case "max":
            return messages.amax(1)
        case "min":
            return messages.amin(1)
        case "product":
            return messages.prod(1)
        case _:
            return messages.sum(1)


def example(network: DendriticNetwork, batch: int, seed: int = 0) -> Sequence[Tensor]:
    """A batch of random numbers for each stream, in the network's type."""
    generator = torch.Generator().manual_seed(seed)
    kind = next(network.parameters()).dtype
    shapes = network.graph.inputs.values()
    return [torch.randn((batch, *shape), generator=generator, dtype=torch.float64).to(kind) for shape in shapes]
