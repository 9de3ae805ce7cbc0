"""What reaches the output of a graph, and which parameters can ever get a gradient: exact, by its structure alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.nonlinearities import Nonlinearity, Parameter, bind
from dendrograph.morphology.weights import Sign

Units = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Reach:
    """Which units matter, and how many of the numbers of each parameter do.

    A number is effective if the output is a function of it, for weights and inputs in general position. A weight is
    not where its source is always 0, or where its target cannot reach the output. What weights of some value do, such
    as a ReLU that never opens, is not looked at: this is a fact of the wiring.

    with_output: a group's units whose activity reaches the output; shape (units,) each
    with_input: a group's units that some input reaches; the others' activity is one constant
    effective: how many numbers of each parameter of the network (`weights.A->B`, `biases.A`, `excitability.A:gain`)
        reach the output, whether they are trained or not
    """

    with_output: Mapping[str, Units]
    with_input: Mapping[str, Units]
    effective: Mapping[str, int]


def reach(graph: Graph) -> Reach:
    """Follow a graph from its inputs forward and from its output backward; each edge is seen a few times."""
    forward = _Forward(graph)
    return _backward(graph, forward)


class _Forward:
    """What each unit may be, group by group: always 0 or not, and whether it depends on an input."""

    def __init__(self, graph: Graph) -> None:
        self.active: dict[str, Units] = {}  # the activity is not always 0
        self.driven: dict[str, Units] = {}  # it depends on an input
        self.total: dict[str, Units] = {}  # what shunting synapses divide is not always 0
        self.silenced: dict[str, Units] = {}  # one message of a product is always 0
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
            said = self.active[each.source] if carries(each) else np.zeros(each.sources, dtype=bool)
            driven |= _targets(each, said & self.driven[each.source])
            if each.nonlinearity is not None and not _is_zero_at_rest(each.nonlinearity):
                said = np.ones(each.sources, dtype=bool)  # an idle synapse has a message of its own
            total |= _targets(each, said)
            if group.integration == "product":
                silenced |= _targets(each, ~said)
        total &= ~silenced
        driven &= ~silenced
        if group.bias and group.bias_trainable:  # others stay at 0
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
            hearing = answers & total if each.sign == Sign.SHUNTING else integrals & ~forward.silenced[group.name]
            effective[f"weights.{each.name}"] = _edges(each, forward.active[each.source], hearing)
            if carries(each):
                with_output[each.source] |= _sources(each, hearing)
    return Reach(with_output, forward.driven, effective)


def carries(projection: Projection) -> bool:
    """Whether something passes: weights that start at 0 and are not trained stay there."""
    return projection.trainable or projection.init.value != 0


def _of_members(group: Group, units: Units) -> Units:
    """Units that are normalised together are all reached where one is: each is held to the mean of all."""
    parts = np.split(units, np.cumsum(group.members or (group.size,))[:-1])
    return np.concatenate([np.full(len(part), part.any()) for part in parts])


def _targets(projection: Projection, said: Units) -> Units:
    """The targets that an edge from one of some sources reaches. Shape (targets,)."""
    reached = np.zeros(projection.targets, dtype=bool)
    if projection.pairs is not None:
        source, target = projection.pairs
        reached[target if said.all() else target[said[source]]] = True
        return reached
    for (s0, t0), (s1, t1) in _parts(projection):
        reached[t0:t1] = said[s0:s1].any()
    return reached


def _sources(projection: Projection, hearing: Units) -> Units:
    """The sources from which an edge leads to one of some targets. Shape (sources,)."""
    heard = np.zeros(projection.sources, dtype=bool)
    if projection.pairs is not None:
        source, target = projection.pairs
        heard[source if hearing.all() else source[hearing[target]]] = True
        return heard
    for (s0, t0), (s1, t1) in _parts(projection):
        heard[s0:s1] = hearing[t0:t1].any()
    return heard


def _edges(projection: Projection, said: Units, hearing: Units) -> int:
    """How many edges lead from some sources to some targets."""
    if projection.pairs is None:
        parts = _parts(projection)
        return sum(int(said[s0:s1].sum()) * int(hearing[t0:t1].sum()) for (s0, t0), (s1, t1) in parts)
    source, target = projection.pairs
    if said.all() and hearing.all():
        return projection.edges
    if said.all() or hearing.all():
        return int(np.count_nonzero(hearing[target] if said.all() else said[source]))
    return int(np.count_nonzero(said[source] & hearing[target]))


def _parts(projection: Projection) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The borders, (source, target), of each part within which all reach all."""
    borders = np.cumsum([(0, 0), *projection.parts], axis=0)
    return [((int(s0), int(t0)), (int(s1), int(t1))) for (s0, t0), (s1, t1) in pairwise(borders)]


def _is_zero_at_rest(nonlinearity: Nonlinearity) -> bool:
    """Whether f(0) is 0, whatever is learnt of f."""
    return _at_rest(nonlinearity)[0] == 0


def _at_rest(nonlinearity: Nonlinearity) -> tuple[float, dict[str, bool]]:
    """f(0), once what is learnt has moved from its start; and whether f(0) depends on each parameter that is learnt."""
    values: dict[str, Parameter] = dict(nonlinearity.parameters)
    learnt = {key: torch.tensor(1.1 * float(values[key]) + 0.1).requires_grad_() for key, _ in nonlinearity.trainable}
    with torch.enable_grad():
        rest = bind(nonlinearity.name, {**values, **learnt})(torch.zeros((1, 1))).sum()
    if not rest.requires_grad:
        return rest.item(), dict.fromkeys(learnt, False)
    found = torch.autograd.grad(rest, [*learnt.values()], materialize_grads=True)
    return rest.item(), {key: bool(gradient) for key, gradient in zip(learnt, found, strict=True)}
