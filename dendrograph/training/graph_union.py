"""Several graphs as one: the same groups, each with the units of all members, one member after the other.

No edge leads from one member to another, so what a member computes is what it computes alone; but one step of the
whole costs the calls of one network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from dendrograph.base.errors import DendrographError
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.graph.size_limits import (
    BYTES_PER_DENSE_SYNAPSE,
    available_memory,
    format_bytes,
    training_memory,
)
from dendrograph.graph.wiring import Indices, index_type
from dendrograph.morphology.nonlinearities import Nonlinearity
from dendrograph.morphology.weights import Init

# What groups, and projections, must have in common: one call computes them all.
OF_GROUPS = ("role", "nonlinearity", "integration", "bias", "dropout", "normalisation", "trainable", "bias_trainable")
OF_PROJECTIONS = ("kind", "source", "target", "reduce", "nonlinearity", "sign", "factor", "trainable")

SILENT = Init("constant", 0.0)  # a union's weights are its members'


def union(graphs: Sequence[Graph]) -> Graph:
    """The disjoint union of graphs of one kind, whose sizes and wiring may differ.

    A group holds the units of the first member's group of that name, then those of the second's, and so on; a
    projection its edges likewise, and an input stream its values, flat. Wiring that is all-to-all in every member is
    all-to-all in parts. What it computes for unit i of member m is what member m computes for its unit i.

    Args:
        graphs: one or more; one graph may stand several times.

    Raises:
        DendrographError: there is none, or they are not of one kind; see `reasons_against`.
    """
    if not graphs:
        raise DendrographError("a union of no graphs: give at least one")
    if reasons := reasons_against(graphs):
        listed = "\n  ".join(reasons)
        raise DendrographError(f"these {len(graphs)} graphs make no union\n  {listed}")
    first = graphs[0]
    groups: list[Group] = []
    start = 0
    for group in first.groups:
        members = [graph.by_name[group.name] for graph in graphs]
        sizes = tuple(member.size for member in members)
        neurons = sum(member.neurons for member in members)
        groups.append(replace(group, size=sum(sizes), neurons=neurons, start=start, members=sizes))
        start += sum(sizes)
    projections = tuple(_merged(members) for members in zip(*(graph.projections for graph in graphs), strict=True))
    inputs = {name: (sum(graph.by_name[name].size for graph in graphs),) for name in first.inputs}
    name = f"{len(graphs)} x {first.name}"
    return Graph(name, tuple(groups), projections, inputs, sum(graph.classes for graph in graphs), first.seed)


def shares(sizes: Iterable[int]) -> tuple[slice, ...]:
    """Which of the numbers of all members are each member's, for so many of each."""
    return tuple(slice(start, stop) for start, stop in pairwise(accumulate(sizes, initial=0)))


def reasons_against(graphs: Sequence[Graph]) -> tuple[str, ...]:
    """Why graphs make no union in which each computes what it computes alone; empty where they do."""
    if len(graphs) < 2:
        return ()
    found: dict[str, None] = {}  # a set that keeps its order
    for number, graph in enumerate(graphs[1:], 1):
        found |= dict.fromkeys(_differences(graphs[0], graph, number))
        if len(found) > 10:
            break  # they have nothing in common: more of it tells no more
    for group in graphs[0].groups:
        found |= dict.fromkeys(_not_alone(group))
    if not found and (needed := _bytes(graphs)) > (there := available_memory()):
        takes = f"they take about {format_bytes(needed)} together, and {format_bytes(there)} of memory is available"
        return (f"{takes}: train fewer at a time",)
    return tuple(found)


def _differences(first: Graph, other: Graph, number: int) -> Iterator[str]:
    """What a member has otherwise than the first."""
    between = f"networks 0 and {number}"
    if [group.name for group in first.groups] != [group.name for group in other.groups]:
        yield f"{between} have other groups of compartments: {_names(first.groups)}; {_names(other.groups)}"
        return
    if [one.name for one in first.projections] != [one.name for one in other.projections]:
        yield f"{between} have other projections: {_names(first.projections)}; {_names(other.projections)}"
        return
    if first.classes != other.classes:
        yield f"{between} have {first.classes} and {other.classes} classes"
    for name in first.inputs:
        mine, its = first.by_name[name].size, other.by_name[name].size
        if mine != its:
            yield f"{between} read {mine} and {its} values of '{name}'"
    pairs: list[tuple[Any, Any, tuple[str, ...]]] = []
    pairs += [(*two, OF_GROUPS) for two in zip(first.groups, other.groups, strict=True)]
    pairs += [(*two, OF_PROJECTIONS) for two in zip(first.projections, other.projections, strict=True)]
    for mine, its, keys in pairs:
        for key in keys:
            if getattr(mine, key) != getattr(its, key):
                found = f"{_shown(getattr(mine, key))} and {_shown(getattr(its, key))}"
                yield f"{between} differ in '{key}' of {mine.name}: {found}"


def _not_alone(group: Group) -> Iterator[str]:
    """Why what a group computes of one member would depend on the others."""
    if group.dropout:
        yield f"{group.name} has dropout, whose random numbers would be others than those of a training of its own"
    for name, shared in group.nonlinearity.trainable:
        if shared == "group":
            yield f"{group.name} learns one '{name}' for the whole group, and in one graph it would be all members'"


def _shown(value: Any) -> str:
    return value.shown if isinstance(value, Nonlinearity) else str(value)


def _names(parts: Sequence[Group] | Sequence[Projection]) -> str:
    return ", ".join(part.name for part in parts)


def _bytes(graphs: Sequence[Graph]) -> int:
    """What they take together: the members' weights are there twice, their own and in the union."""
    total = 0
    for graph in graphs:
        dense = sum(one.edges for one in graph.projections if one.pairs is None)
        messages = sum(one.edges for one in graph.projections if one.nonlinear)
        total += training_memory(graph.edges - dense, dense, graph.nodes, messages)
        total += graph.edges * BYTES_PER_DENSE_SYNAPSE
    return total


def _merged(members: Sequence[Projection]) -> Projection:
    """One projection of all members."""
    sources, targets = (sum(getattr(member, key) for member in members) for key in ("sources", "targets"))
    merged = replace(members[0], sources=sources, targets=targets, init=SILENT, field=None, pairs=None, blocks=())
    if all(member.pairs is None for member in members):
        return replace(merged, blocks=tuple(part for member in members for part in member.parts))
    source, target = zip(*(member.endpoints() for member in members), strict=True)
    return replace(
        merged,
        pairs=(
            _laid_out(source, [member.sources for member in members]),
            _laid_out(target, [member.targets for member in members]),
        ),
    )


def _laid_out(columns: Sequence[Indices], sizes: Sequence[int]) -> Indices:
    """Units of the members in the numbers of the union. Edges stay sorted: a member's targets follow the former's."""
    kind = index_type(sum(sizes))
    moved = [column.astype(kind) + kind(share.start) for column, share in zip(columns, shares(sizes), strict=True)]
    return np.concatenate(moved)
