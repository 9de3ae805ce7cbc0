"""The compiled network as an ordinary PyTorch module: parameters, nonlinearities, forward. Nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dendrograph.compiler import compile
from dendrograph.graph import Graph
from dendrograph.initialisation import initial_weights
from dendrograph.morphology import Shape, load
from dendrograph.nonlinearities import Function, bind
from dendrograph.plan import Plan, plan


@dataclass(frozen=True)
class _Link:
    """One projection, ready to run: `apply` is its kernel's, `index` names its buffers."""

    name: str
    source: str
    apply: Callable[..., Tensor]
    index: tuple[str, ...]


@dataclass(frozen=True)
class _Step:
    """One group, ready to run."""

    name: str
    size: int
    links: tuple[_Link, ...]
    bias: bool
    function: Function
    dropout: float


class DendriticNetwork(nn.Module):
    """A network of dendritic neurons, run by message passing over a compiled graph.

    For each compartment i of a group, stage by stage,

        u_i = b_i + sum over edges e = (s, i) of w_e y_s,    y_i = f(u_i),

    where y_s is a presynaptic unit (synapse) or a child compartment (cable), f the group's nonlinearity, and dropout
    acts on y. The readout is linear.

    Args:
        graph: what `compile` gives.
        kernel: `auto`, or the name of a kernel to have it everywhere that it can serve.
        seed: of the initial weights; the graph's own by default.

    Attributes:
        weights: a parameter (edges,) for each projection, in the order of its edge index.
        biases: a parameter (size,) for each group that has biases; they start at zero.
        kernel: what was asked for.
        plan: the kernel of each projection, with the reasons.
    """

    def __init__(self, graph: Graph, kernel: str = "auto", seed: int | None = None) -> None:
        super().__init__()
        self.graph = graph
        self.kernel = kernel
        self.plan: Plan = plan(graph, kernel)
        self.weights = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        links: dict[str, list[_Link]] = {group.name: [] for group in graph.groups}
        for number, (projection, choice) in enumerate(zip(graph.projections, self.plan.choices, strict=True)):
            weights = initial_weights(projection, graph.seed if seed is None else seed, number)
            self.weights[projection.name] = nn.Parameter(torch.from_numpy(weights).to(torch.float32))
            index = choice.kernel.prepare(projection)
            names = tuple(f"index_{number}_{position}" for position in range(len(index)))
            for name, tensor in zip(names, index, strict=True):
                # Not part of state_dict: the wiring belongs to the graph, and its hash says whether two are equal.
                self.register_buffer(name, tensor, persistent=False)
            links[projection.target].append(_Link(projection.name, projection.source, choice.kernel.apply, names))
        for group in graph.groups:
            if group.bias:
                self.biases[group.name] = nn.Parameter(torch.zeros(group.size))
        self._steps = tuple(
            _Step(
                group.name,
                group.size,
                tuple(links[group.name]),
                group.bias,
                bind(group.nonlinearity.name, dict(group.nonlinearity.parameters)),
                group.dropout,
            )
            for group in graph.groups
            if group.role != "input"
        )

    def forward(self, x: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Logits of a batch.

        Args:
            x: shape (batch, *shape), floating point; a mapping of stream to tensor for several input streams.

        Returns:
            Shape (batch, classes).
        """
        return self._run(x)["readout"].t()

    def activations(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Activity of every group, input streams and readout included: name -> (batch, units)."""
        return {name: values.t() for name, values in self._run(x).items()}

    def _run(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        values = self._inputs(x)  # units first: (units, batch)
        batch = next(iter(values.values())).shape[1]
        for step in self._steps:
            total: Tensor | None = None
            for link in step.links:
                index = [getattr(self, name) for name in link.index]
                part = link.apply(self.weights[link.name], values[link.source], step.size, *index)
                total = part if total is None else total + part
            if total is None:
                total = next(iter(values.values())).new_zeros((step.size, batch))
            if step.bias:
                total = total + self.biases[step.name].unsqueeze(1)
            activity = step.function(total)
            if step.dropout and self.training:
                activity = nn.functional.dropout(activity, step.dropout)
            values[step.name] = activity
        return values

    def _inputs(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        shapes = self.graph.inputs
        if isinstance(x, Tensor):
            if len(shapes) > 1:
                raise ValueError(f"the network has several input streams: give a mapping with {', '.join(shapes)}")
            x = {next(iter(shapes)): x}
        elif len(x) == len(shapes) == 1:
            x = {next(iter(shapes)): next(iter(x.values()))}  # the one stream of the data feeds the one declared
        if set(x) != set(shapes):
            raise ValueError(f"input streams {', '.join(x)} given, {', '.join(shapes)} expected")
        values = {}
        for name, shape in shapes.items():
            given = x[name]
            if given.dim() < 2 or not _fits(tuple(given.shape[1:]), shape):
                raise ValueError(
                    f"'{name}' has shape {tuple(given.shape)}, expected (batch, {', '.join(map(str, shape))})"
                )
            if not given.is_floating_point():
                raise ValueError(f"'{name}' holds {given.dtype}, expected a floating-point type such as torch.float32")
            values[name] = given.reshape(given.shape[0], math.prod(shape)).t().contiguous()
        if len({units_first.shape[1] for units_first in values.values()}) > 1:
            counts = ", ".join(f"'{name}' {units_first.shape[1]}" for name, units_first in values.items())
            raise ValueError(f"the input streams hold different numbers of samples: {counts}")
        return values

    def extra_repr(self) -> str:
        """One line for `print(network)`."""
        graph = self.graph
        return f"{graph.name}: {graph.compartments:,} compartments, {graph.parameters:,} parameters"


def _fits(given: Shape, shape: Shape) -> bool:
    """Whether a sample has the stream's shape, axes of one apart; or is flat, or the stream is a plain vector.

    As many numbers in another order, such as channels first, are not taken: their wiring would be another image's.
    """
    if len(given) == 1 or len(shape) == 1:
        return math.prod(given) == math.prod(shape)
    return [side for side in given if side != 1] == [side for side in shape if side != 1]


def build(
    path_or_name: str | Path,
    inputs: Shape | int | Mapping[str, Shape | int] | None = None,
    classes: int = 10,
    seed: int = 0,
    set: Mapping[str, Any] | None = None,
    kernel: str = "auto",
) -> DendriticNetwork:
    """Load, compile and build in one call; see `load`, `compile` and `DendriticNetwork` for the arguments."""
    return DendriticNetwork(compile(load(path_or_name, set), inputs, classes, seed), kernel)
