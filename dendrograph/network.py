"""The compiled network as an ordinary PyTorch module: parameters, nonlinearities, forward. Nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dendrograph.compiler import compile
from dendrograph.graph import Graph
from dendrograph.initialisation import initial_weights
from dendrograph.kernels import branch, dense
from dendrograph.kernels.edges import Edges
from dendrograph.morphology import Shape, load
from dendrograph.nonlinearities import Function, bind
from dendrograph.plan import Pass, Plan, plan


@dataclass(frozen=True)
class _Link:
    """One projection, ready to run by its kernel."""

    name: str
    source: str
    targets: int
    apply: Callable[..., Tensor]
    index: tuple[Any, ...]

    def run(self, network: DendriticNetwork, values: Mapping[str, Tensor]) -> Tensor:
        return self.apply(network.weights[self.name], values[self.source], self.targets, *self.index)

    def run_biased(self, network: DendriticNetwork, values: Mapping[str, Tensor], bias: Tensor) -> Tensor:
        """The same plus a bias a target; a matrix product adds it on the way."""
        if self.apply is dense.apply and not self.index:
            return dense.apply_biased(network.weights[self.name], values[self.source], self.targets, bias)
        return self.run(network, values) + bias.unsqueeze(1)


@dataclass(frozen=True)
class _Pass:
    """Synapses onto a group of dendrites, the group itself, and its cables, ready to run in one pass."""

    group: str
    source: str
    synapses: str
    cables: str
    branch: branch.Branch

    def run(self, network: DendriticNetwork, values: Mapping[str, Tensor]) -> Tensor:
        weights, biases = network.weights, network.biases
        bias = biases.get(self.group)
        return branch.apply(self.branch, weights[self.synapses], values[self.source], bias, weights[self.cables])


@dataclass(frozen=True)
class _Step:
    """One group, ready to run."""

    name: str
    size: int
    links: tuple[_Link | _Pass, ...]
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
        self.weights = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        for number, projection in enumerate(graph.projections):
            weights = initial_weights(projection, graph.seed if seed is None else seed, number)
            self.weights[projection.name] = nn.Parameter(torch.from_numpy(weights).to(torch.float32))
        for group in graph.groups:
            if group.bias:
                self.biases[group.name] = nn.Parameter(torch.zeros(group.size))
        self._bind(torch.device("cpu"))

    def _bind(self, device: torch.device) -> None:
        """Plan for a device and make what the kernels need there.

        None of it is in state_dict: the wiring belongs to the graph, and its hash says whether two are equal.
        """
        graph = self.graph
        self._device = device
        self.plan: Plan = plan(graph, self.kernel, device.type)
        links: dict[str, _Link] = {}
        for projection, choice in zip(graph.projections, self.plan.choices, strict=True):
            index = tuple(part.to(device) for part in choice.kernel.prepare(projection))
            links[projection.name] = _Link(
                projection.name, projection.source, projection.targets, choice.kernel.apply, index
            )
        passes = {one.cables: self._pass(one, links[one.synapses].index[0]) for one in self.plan.passes}
        inside = {one.group for one in passes.values()}

        def steps(found: Mapping[str, _Link | _Pass], left_out: Collection[str]) -> tuple[_Step, ...]:
            return tuple(
                _Step(
                    group.name,
                    group.size,
                    tuple(found[projection.name] for projection in graph.onto(group)),
                    group.bias,
                    bind(group.nonlinearity.name, dict(group.nonlinearity.parameters)),
                    group.dropout,
                )
                for group in graph.groups
                if group.role != "input" and group.name not in left_out
            )

        self._steps = steps({**links, **passes}, inside)
        self._every_group = steps(links, ()) if passes else self._steps

    def _pass(self, one: Pass, edges: Edges) -> _Pass:
        group = self.graph.by_name[one.group]
        parents = self.graph.by_name[one.parent].size
        slope = branch.slope_below_zero(group.nonlinearity)
        assert slope is not None
        function = bind(group.nonlinearity.name, dict(group.nonlinearity.parameters))
        (synapses,) = self.graph.onto(group)
        return _Pass(
            group.name,
            synapses.source,
            one.synapses,
            one.cables,
            branch.Branch(edges, parents, function, slope),
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> DendriticNetwork:
        """Every move passes here: on another device, another plan."""
        super()._apply(fn, recurse)
        device = next(self.parameters()).device
        if device != self._device:
            self._bind(device)
        return self

    def forward(self, x: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Logits of a batch.

        Args:
            x: shape (batch, *shape), floating point; a mapping of stream to tensor for several input streams.

        Returns:
            Shape (batch, classes).
        """
        return self._run(x, self._steps)["readout"].t()

    def activations(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Activity of every group, input streams and readout included: name -> (batch, units)."""
        return {name: values.t() for name, values in self._run(x, self._every_group).items()}

    def _run(self, x: Tensor | Mapping[str, Tensor], steps: tuple[_Step, ...]) -> dict[str, Tensor]:
        values = self._inputs(x)  # units first: (units, batch)
        batch = next(iter(values.values())).shape[1]
        for step in steps:
            total = self._integrate(step, values, batch)
            activity = step.function(total)
            if step.dropout and self.training:
                activity = nn.functional.dropout(activity, step.dropout)
            values[step.name] = activity
        return values

    def _integrate(self, step: _Step, values: Mapping[str, Tensor], batch: int) -> Tensor:
        """The sum of a group's synapses, cables and biases. Shape (size, batch)."""
        bias = self.biases[step.name] if step.bias else None
        if bias is not None and len(step.links) == 1 and isinstance(step.links[0], _Link):
            return step.links[0].run_biased(self, values, bias)
        parts = [link.run(self, values) for link in step.links]
        total = parts[0] if parts else next(iter(values.values())).new_zeros((step.size, batch))
        for part in parts[1:]:
            total = total + part
        return total if bias is None else total + bias.unsqueeze(1)

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
            values[name] = given.reshape(given.shape[0], math.prod(shape)).t()
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
