"""Lesions: networks without some of their dendrites, somata or synapses, and their accuracy.

A lesion removes edges and compartments: the result is the network that its smaller graph defines. Setting weights to 0
is the same only for a sum of linear synapses. A mean is taken over the remaining inputs, a maximum, minimum or product
must not see a zero that was never sent, a synapse's nonlinearity may send a value at 0, and a removed compartment takes
no part in a normalisation. Where no input remains, the integral is 0, as everywhere in the language, and only the bias
acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.analysis.robustness import (
    LESIONS,
    Draws,
    accuracy_and_loss,
    check_levels,
    check_samples,
    random_stream,
    round_half_up,
)
from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.data.dataset import Split
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.network.network import DendriticNetwork

Kind = Literal["dendrites", "somata", "synapses"]
KINDS: tuple[Kind, ...] = ("dendrites", "somata", "synapses")
ROLES = {"dendrites": "dendrite", "somata": "soma"}

Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Origin = tuple[str, Indices | None]  # a projection or group of the whole network, and the indices in it; None for all


def lesions(
    network: DendriticNetwork,
    split: Split,
    scale: float,
    shares: Iterable[float] = (0.0, 0.1, 0.2, 0.3, 0.5),
    draws: Draws = Draws(),  # noqa: B008 (frozen)
    kinds: Iterable[Kind] | None = None,
) -> tuple[Row, ...]:
    """Measure accuracy and loss when a share of one group's compartments or one projection's synapses is removed.

    Of n, round(share n) are removed at random, with halves rounded up. In one repeat, a larger share removes the same
    elements as a smaller share and more, so that a curve shows the effect of the share and not of another draw.

    A dendrite is removed with its branches, a soma with its dendrites and all its synapses onto others. Synapses onto
    the readout and the output units of the network stay.

    Args:
        network: Trained or untrained; it is not changed.
        split: Samples and labels.
        scale: Divisor of bytes (`Dataset.scale`).
        shares: From 0 to 1.
        draws: Repeats and seed of the removed elements.
        kinds: `dendrites`, `somata` or `synapses`; by default all kinds that the network has.

    Returns:
        Rows with kind, name (of the group or projection), share, repeat, removed (the number), accuracy, loss.

    Raises:
        DendrographError: An argument is not allowed, or the network has no elements of a given kind.
    """
    check_samples(network, split, scale)
    levels = check_levels("shares", shares, 1.0)
    whole = accuracy_and_loss(network, split, scale)
    rows: list[Row] = []
    for number, (kind, name, size) in removable(network.graph, kinds):
        orders = [
            random_stream(draws.seed, LESIONS, repeat, number).permutation(size) for repeat in range(draws.repeats)
        ]
        for share in levels:
            removed = round_half_up(share * size)
            for repeat, order in enumerate(orders):
                scores = whole
                if removed:
                    indices = {name: np.sort(order[:removed])}
                    rest = lesioned(network, synapses=indices) if kind == "synapses" else lesioned(network, indices)
                    scores = accuracy_and_loss(rest, split, scale)
                about = {"kind": kind, "name": name, "share": share, "repeat": repeat, "removed": removed}
                rows.append({**about, **scores})
    return tuple(rows)


def lesioned(
    network: DendriticNetwork,
    compartments: Mapping[str, Any] | None = None,
    synapses: Mapping[str, Any] | None = None,
) -> DendriticNetwork:
    """Return a network without some compartments and synapses, with copies of the remaining parameters.

    Groups and projections keep their names; an empty group is removed.

    Args:
        network: It is not changed.
        compartments: Group of dendrites or somata -> indices of the compartments to remove. Their branches and all
            edges from and to them are removed, too.
        synapses: Projection -> indices of the edges to remove, in the order of its edge index.

    Raises:
        DendrographError: There is no such group, projection or index, or the group is the output of the network.
    """
    graph = network.graph
    groups_inside = {name: size for kind in ROLES for name, size in _sizes(graph, kind)}
    gone: dict[str, Flags] = {group.name: np.zeros(group.size, dtype=bool) for group in graph.groups}
    for name, indices in (compartments or {}).items():
        gone[name] = _flags(name, indices, groups_inside, f"no group '{name}' to remove from", "groups")
    for group in reversed(graph.groups):  # a parent comes after its children
        for cables in graph.onto(group):
            if cables.kind == "cable" and gone[group.name].any():
                child, parent = cables.endpoints()
                gone[cables.source][child[gone[group.name][parent]]] = True
    sizes = dict(_sizes(graph, "synapses"))
    cut = {
        name: _flags(name, indices, sizes, f"no synapses '{name}' to remove", "projections")
        for name, indices in (synapses or {}).items()
    }
    left = {name: np.flatnonzero(~flags) for name, flags in gone.items()}
    groups, start = [], 0
    for group in graph.groups:
        if size := len(left[group.name]):
            groups.append(replace(group, size=size, start=start))
            start += size
    parts = [_remaining_part(projection, gone, cut.get(projection.name)) for projection in graph.projections]
    kept = [(projection, edges) for projection, edges in parts if projection.edges]
    smaller = Graph(graph.name, tuple(groups), tuple(one for one, _ in kept), graph.inputs, graph.classes, graph.seed)
    return network_from_parts(
        network,
        smaller,
        {projection.name: (projection.name, edges) for projection, edges in kept},
        {group.name: (group.name, left[group.name]) for group in groups},
        network.kernel,
    )


def network_from_parts(
    network: DendriticNetwork,
    graph: Graph,
    edges: Mapping[str, Origin],
    units: Mapping[str, Origin],
    kernel: str = "auto",
) -> DendriticNetwork:
    """Return a network over another graph with copies of a network's parameters, in evaluation mode on its device.

    Args:
        network: The network whose parameters are copied.
        graph: A graph of parts of the network's graph.
        edges: Projection of `graph` -> the projection and the edges that its weights come from.
        units: Group of `graph` -> the group and the units that its biases and learned excitability come from.
        kernel: As for `DendriticNetwork`.
    """
    first = next(network.parameters())
    made = DendriticNetwork(graph, kernel)
    if next(made.parameters(), None) is None:  # a network without parameters has no device
        made.register_parameter("nothing", torch.nn.Parameter(torch.empty(0)))
    made = made.to(first.device, first.dtype).eval()

    def select(whole: Tensor, indices: Indices | None) -> Tensor:
        return whole if indices is None else whole[torch.from_numpy(indices).to(whole.device)]

    with torch.no_grad():
        for name, weight in made.weights.items():
            origin, indices = edges[name]
            weight.copy_(select(network.weights[origin], indices))
        for name, bias in made.biases.items():
            origin, indices = units[name]
            bias.copy_(select(network.biases[origin], indices))
        for key, learned in made.excitability.items():
            name, _, parameter = key.rpartition(":")
            origin, indices = units[name]
            whole = network.excitability[f"{origin}:{parameter}"]
            learned.copy_(select(whole, indices) if whole.dim() else whole)
    return made


def removable_groups(graph: Graph, kind: str) -> tuple[Group, ...]:
    """Return the groups of `dendrites` or `somata` that can be removed; the somata of the output stay."""
    return tuple(group for group in graph.groups if group.role == ROLES[kind] and group.name != graph.output.name)


def _sizes(graph: Graph, kind: str) -> list[tuple[str, int]]:
    """Return the name and size of each group or projection of a kind from which elements can be removed."""
    if kind in ROLES:
        return [(group.name, group.size) for group in removable_groups(graph, kind)]
    return [
        (one.name, one.edges)
        for one in graph.projections
        if one.kind == "synapse" and graph.by_name[one.target].role != "readout" and one.edges
    ]


def removable(graph: Graph, kinds: Iterable[Kind] | None) -> list[tuple[int, tuple[Kind, str, int]]]:
    """Return all groups and projections of these kinds as (number, (kind, name, size)).

    The number does not depend on the kinds. It selects the random numbers.
    """
    asked = KINDS if kinds is None else tuple([kinds] if isinstance(kinds, str) else kinds)
    for kind in asked:
        if kind not in KINDS:
            raise DendrographError(f"kinds: unknown kind {kind!r}\n  {did_you_mean(kind, KINDS, 'kinds')}")
    every = [(kind, name, size) for kind in KINDS for name, size in _sizes(graph, kind)]
    existing = {kind for kind, _, _ in every}
    if not existing:
        raise DendrographError(
            "the network has nothing to remove: no dendrites, no somata and no synapses below its output"
        )
    for kind in asked:
        if kinds is not None and kind not in existing:
            raise DendrographError(
                f"kinds: the network has no {kind} to remove\n  {did_you_mean('', existing, 'it has')}"
            )
    if not asked:
        raise DendrographError(f"kinds: the list is empty\n  {did_you_mean('', existing, 'the network has')}")
    return [(number, part) for number, part in enumerate(every) if part[0] in asked]


def _flags(name: str, indices: Any, sizes: Mapping[str, int], problem: str, known: str) -> Flags:
    """Return which elements of a group or projection are given by their indices.

    Raises:
        DendrographError: `problem` where the name is not in `sizes`, or an index is not allowed.
    """
    if name not in sizes:
        raise DendrographError(f"{problem}\n  {did_you_mean(name, sizes, known)}")
    flags = np.zeros(sizes[name], dtype=bool)
    try:
        array = np.atleast_1d(np.asarray(indices))
    except ValueError as error:
        raise DendrographError(f"'{name}': {error}\n  give a list of whole numbers") from None
    if array.size == 0:
        return flags
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DendrographError(f"'{name}': found {array.dtype} of shape {array.shape}\n  give a list of whole numbers")
    wrong = array[(array < 0) | (array >= len(flags))]
    if len(wrong):
        raise DendrographError(f"'{name}' has no number {wrong[0]}\n  they are numbered from 0 to {len(flags) - 1:,}")
    flags[array] = True
    return flags


def _remaining_part(
    projection: Projection, gone: Mapping[str, Flags], cut: Flags | None
) -> tuple[Projection, Indices | None]:
    """Return the rest of a projection with new numbers of its ends, and the indices of its edges; None for all."""
    source_gone, target_gone = gone[projection.source], gone[projection.target]
    if cut is None and not source_gone.any() and not target_gone.any():
        return projection, None
    source, target = projection.endpoints()
    stays = ~(source_gone[source] | target_gone[target])
    if cut is not None:
        stays &= ~cut
    edges = np.flatnonzero(stays)
    pairs = None
    if not projection.all_to_all or cut is not None:
        new_source, new_target = ((np.cumsum(~flags) - 1).astype(source.dtype) for flags in (source_gone, target_gone))
        pairs = new_source[source[edges]], new_target[target[edges]]
    sources, targets = (int((~flags).sum()) for flags in (source_gone, target_gone))
    return replace(projection, sources=sources, targets=targets, pairs=pairs, blocks=(), field=None), edges
