"""The operations that run a network, one for each group: projections, integration, nonlinearity, dropout.

`operations_of` makes them from a graph and its plan; `DendriticNetwork` holds the parameters and runs them in order. An
operation holds no parameter: it takes those of the network at each run. All values have shape (units, batch).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.nonlinearities import NONLINEARITIES, Function, Nonlinearity, Parameter, bind
from dendrograph.morphology.weights import Sign
from dendrograph.network.execution_plan import ExecutionPlan
from dendrograph.network.kernels.branch import BranchPass
from dendrograph.network.kernels.kernel import Kernel
from dendrograph.network.kernels.reference import JOIN

EPSILON = 1e-5  # of a normalisation: added to the variance

Values = Mapping[str, Tensor]  # activity of each group that has run, (units, batch)


class Parameters(Protocol):
    """The parameters of a network; `DendriticNetwork` describes them."""

    weights: nn.ParameterDict
    biases: nn.ParameterDict
    excitability: nn.ParameterDict


@dataclass(frozen=True, kw_only=True)
class EffectiveWeight:
    """The weights of one projection with their sign and the attenuation of their cable."""

    projection: str
    sign: str
    factor: float

    @classmethod
    def of(cls, projection: Projection) -> EffectiveWeight:
        """The weights of a projection."""
        return cls(projection=projection.name, sign=projection.sign, factor=projection.factor)

    def value(self, parameters: Parameters) -> Tensor:
        """Shape (edges,)."""
        weight: Tensor = parameters.weights[self.projection]
        if self.sign != Sign.FREE:
            weight = weight.abs()
        factor = -self.factor if self.sign == Sign.INHIBITORY else self.factor
        return weight if factor == 1.0 else weight * factor


@dataclass(frozen=True, kw_only=True)
class ProjectionOperation:
    """One projection, run by its kernel."""

    weight: EffectiveWeight
    source: str
    targets: int
    kernel: Kernel
    index: tuple[Any, ...]

    def run(self, parameters: Parameters, values: Values) -> Tensor:
        """The input of each target, (targets, batch)."""
        x = values[self.source]
        if self.weight.sign == Sign.SHUNTING:
            x = x.relu()  # a conductance is not negative
        return self.kernel.apply(self.weight.value(parameters), x, self.targets, *self.index)

    def run_with_bias(self, parameters: Parameters, values: Values, bias: Tensor) -> Tensor:
        """The same plus a bias for each target; not for shunting synapses."""
        return self.kernel.apply_with_bias(self.weight.value(parameters), values[self.source], bias, *self.index)


@dataclass(frozen=True, kw_only=True)
class BranchOperation:
    """The synapses onto a group of dendrites, the group itself and its cables, run in one pass."""

    group: str
    source: str
    synapses: EffectiveWeight
    cables: EffectiveWeight
    branch: BranchPass

    def run(self, parameters: Parameters, values: Values) -> Tensor:
        """The cable sum of each parent, (parents, batch)."""
        weights = self.synapses.value(parameters), self.cables.value(parameters)
        return self.branch.run(weights[0], values[self.source], parameters.biases.get(self.group), weights[1])


@dataclass(frozen=True, kw_only=True)
class ActivationFunction:
    """The nonlinearity of a group.

    Attributes:
        function: the nonlinearity, if none of its parameters is learnt.
        nonlinearity: the nonlinearity as the morphology declares it.
        learnt: for each learnt parameter its name, its key in `excitability`, and whether it stays positive.
    """

    function: Function
    nonlinearity: Nonlinearity
    learnt: tuple[tuple[str, str, bool], ...]

    @classmethod
    def of(cls, group: Group) -> ActivationFunction:
        """The nonlinearity of a group."""
        nonlinearity = group.nonlinearity
        positive = NONLINEARITIES[nonlinearity.name].positive
        learnt = tuple((name, f"{group.name}:{name}", name in positive) for name, _ in nonlinearity.trainable)
        function = bind(nonlinearity.name, dict(nonlinearity.parameters))
        return cls(function=function, nonlinearity=nonlinearity, learnt=learnt)

    def initial_values(self) -> Iterator[tuple[str, float]]:
        """Key and initial value of each learnt parameter; the logarithm for a parameter that stays positive."""
        start = dict(self.nonlinearity.parameters)
        for name, key, positive in self.learnt:
            yield key, math.log(start[name]) if positive else start[name]

    def run(self, parameters: Parameters, u: Tensor) -> Tensor:
        """f(u), (units, batch)."""
        if not self.learnt:
            return self.function(u)
        values: dict[str, Parameter] = dict(self.nonlinearity.parameters)
        for name, key, positive in self.learnt:
            learnt: Tensor = parameters.excitability[key]
            learnt = learnt.exp() if positive else learnt
            values[name] = learnt.unsqueeze(1) if learnt.dim() else learnt
        return bind(self.nonlinearity.name, values)(u)


@dataclass(frozen=True, kw_only=True)
class GroupOperation:
    """One group: the integration of its input, and its nonlinearity.

    Attributes:
        group: the group.
        inputs: the projections and passes that reach it.
        only: the projection that makes the input by a plain sum, if it is the only one; a matrix product then adds the
            bias as well.
        shunts: the projections of shunting synapses.
        join: how the inputs are combined.
        share: the factor that makes a mean of the sum: one number, or one for each compartment, (units, 1).
        empty: the compartments without input, (units, 1), if a maximum, a minimum or a product must skip them.
        activation: the nonlinearity.
    """

    group: Group
    inputs: tuple[ProjectionOperation | BranchOperation, ...]
    only: ProjectionOperation | None
    shunts: tuple[ProjectionOperation, ...]
    join: Callable[[Tensor, Tensor], Tensor]
    share: float | Tensor
    empty: Tensor | None
    activation: ActivationFunction

    @classmethod
    def of(
        cls,
        graph: Graph,
        group: Group,
        operations: Mapping[str, ProjectionOperation | BranchOperation],
        device: torch.device,
    ) -> GroupOperation:
        """The operation of a group; `operations` has that of each projection, by its name."""
        onto = graph.onto(group)
        adding = [projection for projection in onto if projection.sign != Sign.SHUNTING]
        inputs = tuple(operations[projection.name] for projection in adding)
        shunts = (operations[projection.name] for projection in onto if projection.sign == Sign.SHUNTING)
        share: float | Tensor = 1.0
        empty = None
        if group.integration != "sum":  # a sum needs no count of its edges, which takes time for millions of them
            counts = sum((projection.fan_in() for projection in adding), np.zeros(group.size, dtype=np.int64))
            if group.integration == "mean":
                shares = 1.0 / np.maximum(counts, 1)
                even = bool((shares == shares[0]).all())
                share = float(shares[0]) if even else torch.from_numpy(shares).unsqueeze(1).to(device)
            elif not counts.all():
                empty = torch.from_numpy(counts == 0).unsqueeze(1).to(device)
        plain = len(onto) == len(inputs) == 1 and group.integration == "sum" and group.normalisation == "none"
        return cls(
            group=group,
            inputs=inputs,
            only=inputs[0] if plain and isinstance(inputs[0], ProjectionOperation) else None,
            shunts=tuple(shunt for shunt in shunts if isinstance(shunt, ProjectionOperation)),
            join=JOIN["sum" if group.integration == "mean" else group.integration],
            share=share,
            empty=empty,
            activation=ActivationFunction.of(group),
        )

    def integrate(self, parameters: Parameters, values: Values, drive: Tensor | None) -> Tensor:
        """The input of the nonlinearity, (units, batch). `drive` is an injected current."""
        bias = parameters.biases[self.group.name] if self.group.bias else None
        if bias is not None and drive is None and self.only is not None:
            return self.only.run_with_bias(parameters, values, bias)
        total = self._combined(parameters, values)
        if drive is not None:
            total = total + drive
        if bias is not None:
            total = total + bias.unsqueeze(1)
        if self.group.normalisation == "layer":
            total = _normalised(total, self.group.members)
        if self.shunts:
            conductance = self.shunts[0].run(parameters, values)
            for shunt in self.shunts[1:]:
                conductance = conductance + shunt.run(parameters, values)
            total = total / (1 + conductance)
        return total

    def _combined(self, parameters: Parameters, values: Values) -> Tensor:
        """The combined input of all projections, (units, batch)."""
        if not self.inputs:
            first = next(iter(values.values()))
            return first.new_zeros((self.group.size, first.shape[1]))
        total = self.inputs[0].run(parameters, values)
        for operation in self.inputs[1:]:
            total = self.join(total, operation.run(parameters, values))
        if self.empty is not None:
            total = total.masked_fill(self.empty, 0.0)
        if isinstance(self.share, Tensor):
            return total * self.share.to(total.dtype)
        return total if self.share == 1.0 else total * self.share


def operations_of(
    graph: Graph, plan: ExecutionPlan, device: torch.device
) -> tuple[tuple[GroupOperation, ...], tuple[GroupOperation, ...]]:
    """Make the operations of a graph, and the indices that its kernels need on the device.

    Returns:
        The operations by which `forward` runs, and those that compute every group separately, also the groups that
        run in one pass. Both in the order of the graph.
    """
    projections: dict[str, ProjectionOperation] = {}
    for projection, choice in zip(graph.projections, plan.choices, strict=True):
        projections[projection.name] = ProjectionOperation(
            weight=EffectiveWeight.of(projection),
            source=projection.source,
            targets=projection.targets,
            kernel=choice.kernel,
            index=tuple(part.to(device) for part in choice.kernel.prepare(projection)),
        )
    passes: dict[str, BranchOperation] = {}
    for chosen in plan.passes:
        synapses, parents = projections[chosen.synapses], graph.by_name[chosen.parent].size
        passes[chosen.cables] = BranchOperation(
            group=chosen.group,
            source=synapses.source,
            synapses=synapses.weight,
            cables=projections[chosen.cables].weight,
            branch=BranchPass(synapses.index[0], parents, graph.by_name[chosen.group].nonlinearity),
        )

    def operations(
        of_projections: Mapping[str, ProjectionOperation | BranchOperation], left_out: Collection[str]
    ) -> tuple[GroupOperation, ...]:
        groups = [group for group in graph.groups if group.role != "input" and group.name not in left_out]
        return tuple(GroupOperation.of(graph, group, of_projections, device) for group in groups)

    in_passes = operations({**projections, **passes}, {chosen.group for chosen in plan.passes})
    return in_passes, operations(projections, ()) if passes else in_passes


def _normalised(total: Tensor, members: tuple[int, ...], over: int = 0) -> Tensor:
    """Mean 0 and variance 1 over the units of a layer; in a union, over the units of each member. (units, batch)."""
    if not members:
        total = total - total.mean(over, keepdim=True)
        return total * torch.rsqrt(total.square().mean(over, keepdim=True) + EPSILON)
    if len(set(members)) == 1:
        return _normalised(total.reshape(len(members), members[0], total.shape[1]), (), over=1).reshape(total.shape)
    return torch.cat([_normalised(part, ()) for part in total.split(members)])
