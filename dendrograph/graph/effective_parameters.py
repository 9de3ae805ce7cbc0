"""Effective parameters: those that can get a gradient, because the output of the graph depends on them.

The result is exact and follows from the structure of the graph alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.nonlinearities import Nonlinearity, Parameter, bind
from dendrograph.morphology.weights import Sign

Units = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Reach:
    """The units and the parameters that the output depends on.

    A value of a parameter is effective if the output is a function of it, for weights and inputs in general position. A
    weight is not effective if its source is always 0, or if its target cannot reach the output. Properties of special
    weights, such as a ReLU that never opens, do not count.

    Attributes:
        with_output: for each group, the units whose activity reaches the output, shape (units,).
        with_input: for each group, the units that an input reaches, shape (units,); the others are constant.
        effective: for each parameter of the network (`weights.A->B`, `biases.A`, `excitability.A:gain`), the number of
            values that reach the output, trained or not.
    """

    with_output: Mapping[str, Units]
    with_input: Mapping[str, Units]
    effective: Mapping[str, int]


def reach(graph: Graph) -> Reach:
    """Follow a graph from its inputs forward and from its output backward."""
    return _backward(graph, _Forward(graph))


class _Forward:
    """For each unit: whether it is always 0, and whether it depends on an input."""

    def __init__(self, graph: Graph) -> None:
        self.active: dict[str, Units] = {}  # whether the activity is not always 0
        self.driven: dict[str, Units] = {}  # whether it depends on an input
        self.total: dict[str, Units] = {}  # whether the input of the nonlinearity is not always 0
        self.silenced: dict[str, Units] = {}  # whether a message of a product is always 0
        for group in graph.groups:
            self._add(group, graph.onto(group))

    def _add(self, group: Group, onto: Iterable[Projection]) -> None:
        size, name = group.size, group.name
        if group.role == "input":
            self.active[name] = self.driven[name] = np.ones(size, dtype=bool)
            return
        adding = [each for each in onto if each.sign != Sign.SHUNTING]
        total, driven, silenced = (np.zeros(size, dtype=bool) for _ in range(3))
        for each in adding:
            active = self.active[each.source] & carries(each)
            driven |= _targets(each, active & self.driven[each.source])
            if each.nonlinearity is not None and not _is_zero_at_rest(each.nonlinearity):
                active = np.ones(each.sources, dtype=bool)  # a silent synapse sends a message, too
            total |= _targets(each, active)
            if group.integration == "product":
                silenced |= _targets(each, ~active)
        total &= ~silenced
        driven &= ~silenced
        if group.bias and group.bias_trainable:  # otherwise it stays 0
            total[:] = True
        if group.normalisation != "none":
            total, driven = (_of_members(group, units) for units in (total, driven))
        for each in onto:
            if each.sign == Sign.SHUNTING and carries(each):
                conductance = self.active[each.source] & self.driven[each.source]
                driven |= total & _targets(each, conductance)
        self.total[name], self.driven[name], self.silenced[name] = total, driven, silenced
        self.active[name] = total if _is_zero_at_rest(group.nonlinearity) else np.ones(size, dtype=bool)


def _backward(graph: Graph, forward: _Forward) -> Reach:
    with_output = {group.name: np.zeros(group.size, dtype=bool) for group in graph.groups}
    with_output[graph.output.name][:] = True
    effective: dict[str, int] = {}
    for group in reversed(graph.groups):
        if group.role == "input":
            continue
        answers, total = with_output[group.name], forward.total[group.name]
        integrals = _of_members(group, answers) if group.normalisation != "none" else answers
        if group.bias:
            effective[f"biases.{group.name}"] = int(integrals.sum())
        _, at_rest = _at_rest(group.nonlinearity)
        for key, shared in group.nonlinearity.trainable:
            units = answers if at_rest[key] else answers & total
            effective[f"excitability.{group.name}:{key}"] = int(units.any() if shared == "group" else units.sum())
        for each in graph.onto(group):
            listening = answers & total if each.sign == Sign.SHUNTING else integrals & ~forward.silenced[group.name]
            effective[f"weights.{each.name}"] = _edges(each, forward.active[each.source], listening)
            if carries(each):
                with_output[each.source] |= _sources(each, listening)
    return Reach(with_output, forward.driven, effective)


def carries(projection: Projection) -> bool:
    """Whether the weights can differ from 0: they cannot if they start at 0 and are not trained."""
    return projection.trainable or projection.init.value != 0


def _of_members(group: Group, units: Units) -> Units:
    """Of units that are normalised together, all are reached if one is, because each depends on the mean of all."""
    parts = np.split(units, np.cumsum(group.members or (group.size,))[:-1])
    return np.concatenate([np.full(len(part), part.any()) for part in parts])


def _targets(projection: Projection, active: Units) -> Units:
    """The targets that an edge from an active source reaches. Shape (targets,)."""
    ends = [projection.pairs] if projection.pairs else projection.part_ranges()
    return _reached(projection.targets, active, ends)


def _sources(projection: Projection, listening: Units) -> Units:
    """The sources from which an edge leads to a listening target. Shape (sources,)."""
    ends = [projection.pairs] if projection.pairs else projection.part_ranges()
    return _reached(projection.sources, listening, [(target, source) for source, target in ends])


def _reached(size: int, units: Units, ends: Iterable[tuple[Any, Any]]) -> Units:
    """The units at the far ends of the edges from some units; `ends` are indices, or ranges of all-to-all wiring."""
    reached = np.zeros(size, dtype=bool)
    for near, far in ends:
        if isinstance(near, slice):
            reached[far] = units[near].any()
        else:
            reached[far if units.all() else far[units[near]]] = True
    return reached


def _edges(projection: Projection, active: Units, listening: Units) -> int:
    """The number of edges from active sources to listening targets."""
    if projection.pairs is None:
        ranges = projection.part_ranges()
        return sum(int(active[sources].sum()) * int(listening[targets].sum()) for sources, targets in ranges)
    source, target = projection.pairs
    if active.all():
        return projection.edges if listening.all() else int(np.count_nonzero(listening[target]))
    effective = active[source] if listening.all() else active[source] & listening[target]
    return int(np.count_nonzero(effective))


def _is_zero_at_rest(nonlinearity: Nonlinearity) -> bool:
    """Whether f(0) is 0 for all values of the learnt parameters."""
    return _at_rest(nonlinearity)[0] == 0


def _at_rest(nonlinearity: Nonlinearity) -> tuple[float, dict[str, bool]]:
    """f(0) for learnt parameters away from their initial values, and whether f(0) depends on each of them."""
    values: dict[str, Parameter] = dict(nonlinearity.parameters)
    learnt = {key: torch.tensor(1.1 * float(values[key]) + 0.1).requires_grad_() for key, _ in nonlinearity.trainable}
    with torch.enable_grad():
        rest = bind(nonlinearity.name, {**values, **learnt})(torch.zeros((1, 1))).sum()
    if not rest.requires_grad:
        return rest.item(), dict.fromkeys(learnt, False)
    found = torch.autograd.grad(rest, [*learnt.values()], materialize_grads=True)
    return rest.item(), {key: bool(gradient) for key, gradient in zip(learnt, found, strict=True)}
