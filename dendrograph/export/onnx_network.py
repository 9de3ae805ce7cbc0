"""The network that is written to ONNX files, in operations that every runtime has: gather, multiply and reduce.

The kernels of `DendriticNetwork` are made for training, and some use more than PyTorch's own operations. Here each
compartment has a row of edges, padded with neutral edges to the longest row of the projection. No operation scatters,
because exporters often write scattered sums wrongly. A projection that wires at least a quarter of all pairs is a
matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np
import torch
from torch import Tensor, nn

from dendrograph.graph.graph import Group, Projection
from dendrograph.morphology.nonlinearities import NONLINEARITIES, bind
from dendrograph.morphology.weights import Sign
from dendrograph.network.kernels.reference import NEUTRAL
from dendrograph.network.network import DendriticNetwork
from dendrograph.network.operations import EPSILON

DENSE = 0.25  # the density from which on a projection is a matrix

COMBINE: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "mean": torch.add,
    "max": torch.maximum,
    "min": torch.minimum,
    "product": torch.mul,
}


REDUCE: Mapping[str, Callable[[Tensor, int], Tensor]] = {
    "sum": torch.sum,
    "mean": torch.sum,
    "max": torch.amax,
    "min": torch.amin,
    "product": torch.prod,
}


class OnnxNetwork(nn.Module):
    """The forward pass of a network in evaluation mode, with fixed parameters.

    The inputs are tensors (batch, *shape), one per stream in the order of the graph; the output is (batch, classes).
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
        """Return the same logits as `DendriticNetwork.forward`. Shape (batch, classes)."""
        values = {name: x.reshape(-1, units).t() for (name, units), x in zip(self.streams, inputs, strict=True)}
        for name, group in zip(self.names, self.groups, strict=True):
            values[name] = group(values)
        return values[self.output].t()


class _Group(nn.Module):
    """One group of compartments: u = norm(b + input) / (1 + shunting conductance), y = f(u)."""

    def __init__(self, network: DendriticNetwork, group: Group) -> None:
        super().__init__()
        self.size, self.integration = group.size, group.integration
        incoming = network.graph.onto(group)
        adding, shunting = (
            [one for one in incoming if (one.sign == Sign.SHUNTING) is shunts] for shunts in (False, True)
        )
        self.sources = tuple(one.source for one in adding)
        self.adding = nn.ModuleList(_edges(network, one) for one in adding)
        self.shunting_sources = tuple(one.source for one in shunting)
        self.shunting = nn.ModuleList(_edges(network, one) for one in shunting)
        self.normalised = group.normalisation == "layer"
        fan_in = sum((one.fan_in() for one in adding), np.zeros(group.size, dtype=np.int64))
        dtype = next(network.parameters()).dtype
        self.bias: Tensor | None
        self.share: Tensor
        self.reached: Tensor
        self.register_buffer("bias", network.biases[group.name].detach().clone().unsqueeze(1) if group.bias else None)
        self.register_buffer("share", torch.from_numpy(1 / np.maximum(fan_in, 1)).to(dtype).unsqueeze(1))
        self.register_buffer("reached", torch.from_numpy(fan_in > 0).unsqueeze(1))
        self.all_reached = bool(fan_in.all())
        self.nonlinearity, self.fixed = group.nonlinearity.name, dict(group.nonlinearity.parameters)
        learned: dict[str, nn.Parameter] = {}
        for name, _ in group.nonlinearity.trainable:
            value = network.excitability[f"{group.name}:{name}"].detach()
            value = value.exp() if name in NONLINEARITIES[self.nonlinearity].positive else value.clone()
            learned[name] = nn.Parameter(value.unsqueeze(1) if value.dim() else value, requires_grad=False)
        self.learnt = nn.ParameterDict(learned)

    def forward(self, values: dict[str, Tensor]) -> Tensor:
        u = self._integrate(values)
        if self.bias is not None:
            u = u + self.bias
        if self.normalised:
            u = u - u.mean(0, keepdim=True)
            u = u * torch.rsqrt(u.square().mean(0, keepdim=True) + EPSILON)
        if self.shunting:
            parts = zip(self.shunting_sources, self.shunting, strict=True)
            u = u / (1 + torch.stack([edges(values[source].relu()) for source, edges in parts]).sum(0))
        return bind(self.nonlinearity, {**self.fixed, **dict(self.learnt.items())})(u)

    def _integrate(self, values: dict[str, Tensor]) -> Tensor:
        """Combine the messages of all projections. Shape (size, batch)."""
        if not self.adding:
            first = next(iter(values.values()))
            return first[:1].mul(0.0).expand(self.size, -1)
        messages = [edges(values[source]) for source, edges in zip(self.sources, self.adding, strict=True)]
        total: Tensor = reduce(COMBINE[self.integration], messages)
        if self.integration == "mean":
            return total * self.share
        if self.integration != "sum" and not self.all_reached:
            return torch.where(self.reached, total, 0.0)
        return total


def _edges(network: DendriticNetwork, projection: Projection) -> nn.Module:
    """Return the edges of a projection as a matrix or as rows."""
    weight = network.weight(projection.name).detach().cpu()
    if not projection.nonlinear and projection.density >= DENSE:
        return _Matrix(projection, weight)
    return _Rows(projection, weight)


class _Matrix(nn.Module):
    """u = W x, with W of shape (targets, sources), which is 0 where there is no edge."""

    def __init__(self, projection: Projection, weight: Tensor) -> None:
        super().__init__()
        shape = projection.targets, projection.sources
        if projection.pairs is None:
            matrix = weight.clone().view(shape)
        else:
            source, target = projection.edge_index
            flat = weight.new_zeros(shape[0] * shape[1])
            matrix = flat.index_add_(0, target * projection.sources + source, weight).view(shape)
        self.weight: Tensor
        self.register_buffer("weight", matrix)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight @ x


class _Rows(nn.Module):
    """The edges of each target as a row: their sources, shape (targets, longest row), and their weights."""

    def __init__(self, projection: Projection, weight: Tensor) -> None:
        super().__init__()
        self.reduce = projection.reduce
        self.function = None
        if projection.nonlinearity:
            self.function = bind(projection.nonlinearity.name, dict(projection.nonlinearity.parameters))
        source, target = projection.edge_index
        counts = torch.from_numpy(projection.fan_in())
        longest = max(1, int(counts.max()) if len(counts) else 0)
        place = torch.arange(len(source)) - (counts.cumsum(0) - counts)[target] + target * longest
        shape = projection.targets, longest
        size = projection.targets * longest
        self.sources: Tensor
        self.register_buffer("sources", torch.zeros(size, dtype=torch.int64).index_copy_(0, place, source))
        self.weight: Tensor
        self.register_buffer("weight", weight.new_zeros(size).index_copy_(0, place, weight).view(shape))
        taken = torch.zeros(size, dtype=torch.bool).index_fill_(0, place, True).view(*shape, 1)
        self.full = bool(taken.all())
        self.taken: Tensor
        self.register_buffer("taken", taken)
        self.product = self.function is None and self.reduce == "sum"

    def forward(self, x: Tensor) -> Tensor:
        rows = x.index_select(0, self.sources).reshape(*self.weight.shape, -1)  # (targets, longest, batch)
        if self.product:
            return torch.bmm(self.weight.unsqueeze(1), rows).squeeze(1)
        messages = self.weight.unsqueeze(2) * rows
        if self.function is not None:
            messages = self.function(messages)
        if not self.full:
            messages = torch.where(self.taken, messages, NEUTRAL[self.reduce])
        return REDUCE[self.reduce](messages, 1)


def example(network: DendriticNetwork, batch: int, seed: int = 0) -> Sequence[Tensor]:
    """Return a batch of random numbers for each stream, (batch, *shape), in the type of the network."""
    generator = torch.Generator().manual_seed(seed)
    dtype = next(network.parameters()).dtype
    shapes = network.graph.inputs.values()
    return [torch.randn((batch, *shape), generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]
