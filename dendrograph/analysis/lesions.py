"""Lesions: a network without some of its dendrites, somata or synapses, and what it then can do.

What is removed is no longer there: the network is the one that its graph without those edges and compartments defines.
To set weights to 0 would be the same for a sum of linear synapses only. Of the other ways to integrate, a mean is taken
over what remains, a maximum or minimum may not fall on a zero that nobody sent, and a product is not wiped out; a
synapse's nonlinearity may send something at 0; a compartment that is gone takes no part in a normalisation. Where
nothing remains to be integrated, the integral is 0, as everywhere in the language, and the bias acts alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.analysis.disturbance import LESIONS, chance, hold_levels, hold_samples, hold_whole, outcome
from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.data.dataset import Split
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.network.network import DendriticNetwork

Kind = Literal["dendrites", "somata", "synapses"]
KINDS: tuple[Kind, ...] = ("dendrites", "somata", "synapses")
ROLES = {"dendrites": "dendrite", "somata": "soma"}

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Origin = tuple[str, Numbers | None]  # a projection or group of the whole network, and which of its numbers; None: all


def lesions(
    network: DendriticNetwork,
    split: Split,
    scale: float,
    shares: Iterable[float] = (0.0, 0.1, 0.2, 0.3, 0.5),
    repeats: int = 3,
    seed: int = 0,
    kinds: Iterable[Kind] | None = None,
) -> tuple[Row, ...]:
    """Accuracy and loss when a share of one group's compartments, or of one projection's synapses, is removed.

    Of n, round(share n) are removed, a half rounded up, drawn at random. In one repeat those of a smaller share are
    among those of a larger one, so that a curve tells of the share and not of another draw.

    A dendrite goes with its branches, a soma with its dendrites and all its synapses onto others. Synapses onto the
    readout are left whole, and so are the units that are the network's output.

    Args:
        network: trained or not; it is left as it is.
        split: samples and labels.
        scale: what bytes are divided by (`Dataset.scale`).
        shares: from 0 to 1.
        repeats: draws of each share.
        seed: of the draws.
        kinds: which of `dendrites`, `somata`, `synapses`; by default all that the network has.

    Returns:
        Rows with kind, name (of the group or projection), share, repeat, removed (how many), accuracy, loss.

    Raises:
        DendrographError: an argument is not allowed, or the network has nothing of a kind that was asked for.
    """
    hold_samples(network, split, scale)
    levels = hold_levels("shares", shares, 1.0)
    repeats, seed = hold_whole("repeats", repeats, 1), hold_whole("seed", seed, 0)
    whole = outcome(network, split, scale)
    rows: list[Row] = []
    for place, (kind, name, size) in removable(network.graph, kinds):
        orders = [chance(seed, LESIONS, repeat, place).permutation(size) for repeat in range(repeats)]
        for share in levels:
            removed = int(np.floor(share * size + 0.5))
            for repeat, order in enumerate(orders):
                found = whole
                if removed:
                    gone = {name: np.sort(order[:removed])}
                    without = lesioned(network, synapses=gone) if kind == "synapses" else lesioned(network, gone)
                    found = outcome(without, split, scale)
                about = {"kind": kind, "name": name, "share": share, "repeat": repeat, "removed": removed}
                rows.append({**about, **found})
    return tuple(rows)


def lesioned(
    network: DendriticNetwork,
    compartments: Mapping[str, Any] | None = None,
    synapses: Mapping[str, Any] | None = None,
) -> DendriticNetwork:
    """A network without some compartments and synapses, with copies of the parameters that remain.

    Groups and projections keep their names; a group of which nothing is left is gone.

    Args:
        network: left as it is.
        compartments: group of dendrites or somata -> the numbers of those to remove within it. What hangs on them
            is removed with them: their branches, and all edges from and to them.
        synapses: projection -> the numbers of the edges to remove, in the order of its edge index.

    Raises:
        DendrographError: there is no such group, projection or number, or the group is the network's output.
    """
    graph = network.graph
    inside = [name for kind in ROLES for name, _ in _groups(graph, kind)]
    gone: dict[str, Flags] = {group.name: np.zeros(group.size, dtype=bool) for group in graph.groups}
    for name, numbers in (compartments or {}).items():
        if name not in inside:
            raise DendrographError(f"no group '{name}' to remove from\n  {did_you_mean(name, inside, 'groups')}")
        gone[name][_numbers(name, numbers, len(gone[name]))] = True
    for group in reversed(graph.groups):  # parents stand after their children
        for cables in graph.onto(group):
            if cables.kind == "cable" and gone[group.name].any():
                child, parent = cables.endpoints()
                gone[cables.source][child[gone[group.name][parent]]] = True
    sizes = dict(_synapses(graph))
    cut: dict[str, Flags] = {}
    for name, numbers in (synapses or {}).items():
        if name not in sizes:
            raise DendrographError(f"no synapses '{name}' to remove\n  {did_you_mean(name, sizes, 'projections')}")
        cut[name] = np.zeros(sizes[name], dtype=bool)
        cut[name][_numbers(name, numbers, sizes[name])] = True

    left = {name: np.flatnonzero(~flags) for name, flags in gone.items()}
    groups, start = [], 0
    for group in graph.groups:
        size = len(left[group.name])
        if size:
            groups.append(replace(group, size=size, start=start))
            start += size
    parts = [_part(projection, gone, cut.get(projection.name)) for projection in graph.projections]
    kept = [(projection, edges) for projection, edges in parts if projection.edges]
    smaller = Graph(graph.name, tuple(groups), tuple(one for one, _ in kept), graph.inputs, graph.classes, graph.seed)
    return of_parts(
        network,
        smaller,
        {projection.name: (projection.name, edges) for projection, edges in kept},
        {group.name: (group.name, left[group.name]) for group in groups},
        network.kernel,
    )


def of_parts(
    network: DendriticNetwork,
    graph: Graph,
    edges: Mapping[str, Origin],
    units: Mapping[str, Origin],
    kernel: str = "auto",
) -> DendriticNetwork:
    """A network over another graph whose parameters are copies of a network's; in evaluation mode, on its device.

    Args:
        network: from where they come.
        graph: made of parts of the network's own.
        edges: projection of `graph` -> the projection and the edges whose weights it has.
        units: group of `graph` -> the group and the units whose biases and learnt excitability it has.
        kernel: as `DendriticNetwork` takes it.
    """
    first = next(network.parameters())
    made = DendriticNetwork(graph, kernel)
    if next(made.parameters(), None) is None:  # nothing is left, and a network without parameters has no device
        made.register_parameter("nothing", torch.nn.Parameter(torch.empty(0)))
    made = made.to(first.device, first.dtype).eval()

    def of(whole: Tensor, numbers: Numbers | None) -> Tensor:
        return whole if numbers is None else whole[torch.from_numpy(numbers).to(whole.device)]

    with torch.no_grad():
        for name, weight in made.weights.items():
            origin, numbers = edges[name]
            weight.copy_(of(network.weights[origin], numbers))
        for name, bias in made.biases.items():
            origin, numbers = units[name]
            bias.copy_(of(network.biases[origin], numbers))
        for key, learnt in made.excitability.items():
            name, _, parameter = key.rpartition(":")
            origin, numbers = units[name]
            whole = network.excitability[f"{origin}:{parameter}"]
            learnt.copy_(of(whole, numbers) if whole.dim() else whole)
    return made


def groups_of(graph: Graph, kind: str) -> tuple[Group, ...]:
    """The groups of `dendrites` or `somata` that can be removed; the output's somata stay."""
    return tuple(group for group in graph.groups if group.role == ROLES[kind] and group.name != graph.output.name)


def _groups(graph: Graph, kind: str) -> Iterator[tuple[str, int]]:
    for group in groups_of(graph, kind):
        yield group.name, group.size


def _synapses(graph: Graph) -> Iterator[tuple[str, int]]:
    for projection in graph.projections:
        if projection.kind == "synapse" and graph.by_name[projection.target].role != "readout" and projection.edges:
            yield projection.name, projection.edges


def removable(graph: Graph, kinds: Iterable[Kind] | None) -> list[tuple[int, tuple[Kind, str, int]]]:
    """All that a share can be removed of, (kind, name, size), each with a number of its own."""
    asked = KINDS if kinds is None else tuple([kinds] if isinstance(kinds, str) else kinds)
    for kind in asked:
        if kind not in KINDS:
            raise DendrographError(f"kinds: unknown kind {kind!r}\n  {did_you_mean(kind, KINDS, 'kinds')}")
    every: list[tuple[Kind, str, int]] = []
    for kind in KINDS:
        every += [(kind, *one) for one in (_synapses(graph) if kind == "synapses" else _groups(graph, kind))]
    there = {kind for kind, _, _ in every}
    if not there:
        raise DendrographError(
            "the network has nothing to remove: no dendrites, no somata and no synapses below its output"
        )
    for kind in asked:
        if kinds is not None and kind not in there:
            raise DendrographError(f"kinds: the network has no {kind} to remove\n  {did_you_mean('', there, 'it has')}")
    if not asked:
        raise DendrographError(f"kinds: there is none\n  {did_you_mean('', there, 'the network has')}")
    return [(place, part) for place, part in enumerate(every) if part[0] in asked]


def _numbers(name: str, given: Any, size: int) -> Numbers:
    try:
        numbers = np.atleast_1d(np.asarray(given))
    except ValueError as error:
        raise DendrographError(f"'{name}': {error}\n  give a list of whole numbers") from None
    if numbers.size == 0:
        return np.zeros(0, dtype=np.int64)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise DendrographError(
            f"'{name}': found {numbers.dtype} of shape {numbers.shape}\n  give a list of whole numbers"
        )
    wrong = numbers[(numbers < 0) | (numbers >= size)]
    if len(wrong):
        raise DendrographError(f"'{name}' has no number {wrong[0]}\n  they are numbered from 0 to {size - 1:,}")
    return numbers.astype(np.int64)


def _part(projection: Projection, gone: Mapping[str, Flags], cut: Flags | None) -> tuple[Projection, Numbers | None]:
    """What is left of a projection, its ends numbered anew, and which edges these are (None: all of them)."""
    from_gone, to_gone = gone[projection.source], gone[projection.target]
    if cut is None and not from_gone.any() and not to_gone.any():
        return projection, None
    source, target = projection.endpoints()
    stays = ~(from_gone[source] | to_gone[target])
    if cut is not None:
        stays &= ~cut
    edges = np.flatnonzero(stays)
    pairs = None
    if not projection.all_to_all or cut is not None:
        places = [(np.cumsum(~flags) - 1).astype(source.dtype) for flags in (from_gone, to_gone)]
        pairs = places[0][source[edges]], places[1][target[edges]]
    counts = [int((~flags).sum()) for flags in (from_gone, to_gone)]
    return replace(projection, sources=counts[0], targets=counts[1], pairs=pairs, blocks=(), field=None), edges
