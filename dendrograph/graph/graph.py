"""The compiled network: groups of compartments, projections between them, and their edge-index tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.graph.wiring import BLOCK, Grid, Indices, blocks, index_type
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.nonlinearities import Nonlinearity
from dendrograph.morphology.weights import Init, Sign

if TYPE_CHECKING:
    from dendrograph.graph.effective_parameters import Reach

Counts = NDArray[np.int64]
Role = Literal["input", "dendrite", "soma", "readout"]
Kind = Literal["synapse", "cable"]


LINEAR = Nonlinearity("identity", ())


@dataclass(frozen=True)
class Group:
    """All compartments at one place of the tree across a layer's neurons: `hidden/basal`, `hidden/soma`.

    Compartments are ordered neuron by neuron, so the children of one parent are contiguous.

    Attributes:
        start: the node number of the first compartment in the whole graph; the others follow.
        stage: the height of the group above its deepest source.
        neurons: number of neurons of the layer.
        members: the compartments of each network in a union of networks (training/ensemble/union.py); otherwise empty.
        trainable: whether the trainable parameters of the nonlinearity are trained here.
        bias_trainable: whether the biases are trained.
    """

    name: str
    role: Role
    layer: str
    size: int
    start: int = 0
    stage: int = 0
    neurons: int = 1
    nonlinearity: Nonlinearity = LINEAR
    integration: str = "sum"
    bias: bool = False
    dropout: float = 0.0
    normalisation: str = "none"
    members: tuple[int, ...] = ()
    trainable: bool = True
    bias_trainable: bool = True

    @property
    def learnt(self) -> int:
        """Number of values that the nonlinearity declares as trainable."""
        return sum(self.size if shared == "compartment" else 1 for _, shared in self.nonlinearity.trainable)

    @property
    def parameters(self) -> int:
        """Number of biases and of values that the nonlinearity declares as trainable."""
        return self.learnt + (self.size if self.bias else 0)

    @property
    def trainable_parameters(self) -> int:
        """Number of these parameters that are trained."""
        return self.learnt * self.trainable + (self.size if self.bias and self.bias_trainable else 0)


@dataclass(frozen=True)
class ReceptiveField:
    """How the synapses of a projection were drawn, kept so that `check_wiring` can check the wiring against it.

    Attributes:
        rule: the name of the field.
        fan_in: the fan-in of each compartment; None if the rule varies it.
        total: number of synapses of all compartments together.
        distinct: whether no compartment draws a unit twice.
        grid: for `local` and `global`, height and width of the grid.
        channels: units at each position of the grid.
        positions: positions that a compartment takes.
        centres: the centre of each compartment, for the synapses that it has after a shuffle.
        neuron_centres: for `global`, the centre of each compartment's neuron, or of its set of neurons.
        members: for `global`, number of compartments that share a centre; for `tiled`, compartments of a neuron.
        drawn_for: after a shuffle, the compartment for which each compartment's synapses were drawn.
    """

    rule: str
    fan_in: int | None
    total: int
    distinct: bool = True
    grid: Grid = (0, 0)
    channels: int = 1
    positions: int = 0
    centres: Indices | None = None
    neuron_centres: Indices | None = None
    members: int = 0
    drawn_for: Indices | None = None

    @property
    def shown(self) -> str:
        """The rule as text for tables and messages."""
        return self.rule + (", shuffled" if self.drawn_for is not None else "")


@dataclass(frozen=True, eq=False)
class Projection:
    """All edges from one source group to one target group. Each edge owns one weight.

    The message of an edge is g(w y), with the effective weight w and the activity y of its source.

    Attributes:
        pairs: source and target of each edge, local to their groups, sorted by target, then by source; None for
            all-to-all wiring, whose index is made on demand. The indices are int32 if both groups have fewer than 2^31
            units, and products of them may overflow; compute with `edge_index`, which is int64.
        field: how the synapses were drawn. The projections from a list of sources share one.
        reduce: how the target combines the messages: `sum`, `max`, `min` or `product`. A mean is a sum that is divided
            later.
        nonlinearity: the nonlinearity g of each synapse; None if the message is w y.
        sign: `free`: w is the parameter; `excitatory`: its absolute value; `inhibitory`: the negative absolute value;
            `shunting`: the absolute value, times max(0, y), and the target is divided by 1 + the sum.
        factor: the factor between parameter and weight: the attenuation of a cable.
        trainable: whether the weights are trained.
        blocks: (sources, targets) of each part of wiring that is all-to-all in parts; empty for one part.
    """

    name: str
    kind: Kind
    source: str
    target: str
    sources: int
    targets: int
    init: Init
    pairs: tuple[Indices, Indices] | None
    field: ReceptiveField | None = None
    reduce: str = "sum"
    nonlinearity: Nonlinearity | None = None
    sign: str = Sign.FREE
    factor: float = 1.0
    trainable: bool = True
    blocks: tuple[tuple[int, int], ...] = ()

    @property
    def nonlinear(self) -> str:
        """Why the projection is no matrix product, as text; empty if it is one."""
        if self.reduce != "sum":
            return f"its target takes the {self.reduce} of the messages, not their sum"
        return f"each synapse has a nonlinearity ({self.nonlinearity.name})" if self.nonlinearity else ""

    @property
    def edges(self) -> int:
        """Number of edges, which is the number of weights."""
        return self._possible_edges if self.pairs is None else len(self.pairs[0])

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """Sources and targets of each part within which there are edges: the blocks, or the whole."""
        return self.blocks or ((self.sources, self.targets),)

    @property
    def _possible_edges(self) -> int:
        return sum(sources * targets for sources, targets in self.parts)

    @property
    def all_to_all(self) -> bool:
        """Whether every source reaches every target once."""
        return self.pairs is None and not self.blocks

    @property
    def density(self) -> float:
        """Number of edges divided by the number that all-to-all wiring of its parts would have."""
        return self.edges / max(1, self._possible_edges)

    def part_ranges(self) -> list[tuple[slice, slice]]:
        """The sources and the targets of each part."""
        borders = np.cumsum([(0, 0), *self.parts], axis=0).tolist()
        return [(slice(s0, s1), slice(t0, t1)) for (s0, t0), (s1, t1) in pairwise(borders)]

    def endpoints(self) -> tuple[Indices, Indices]:
        """Source and target of each edge, also for all-to-all wiring, in the types of `pairs`."""
        if self.pairs is not None:
            return self.pairs
        all_sources, all_targets = (np.arange(size, dtype=index_type(size)) for size in (self.sources, self.targets))
        ends = [(all_sources[sources], all_targets[targets]) for sources, targets in self.part_ranges()]
        return (
            np.concatenate([np.tile(sources, len(targets)) for sources, targets in ends]),
            np.concatenate([np.repeat(targets, len(sources)) for sources, targets in ends]),
        )

    @property
    def edge_index(self) -> Tensor:
        """Shape (2, edges), int64, local to the two groups; row 0 is the source. Sorted by target, then by source."""
        return torch.from_numpy(np.stack(self.endpoints(), dtype=np.int64))

    def wiring_bytes(self) -> Iterator[bytes]:
        """The input of a hash of the wiring: the two groups, and the edges in their order."""
        yield f"{self.kind} {self.source} {self.target} {self.edges}\n".encode()
        yield "".join(f"{sources} {targets}\n" for sources, targets in self.blocks).encode()
        for column in self.pairs or ():
            for part in blocks(len(column)):
                yield np.ascontiguousarray(column[part], dtype="<i8").tobytes()

    @cached_property
    def wiring_hash(self) -> str:
        """SHA-256 of the edges: weights fit every projection of equal hash."""
        return _sha256(self.wiring_bytes())

    def fan_in(self) -> Counts:
        """Number of edges into each target. Shape (targets,)."""
        if self.pairs is None:
            sources, targets = np.array(self.parts).T
            return np.repeat(sources, targets)
        return _tally(self.pairs[1], self.targets)

    def fan_out(self) -> Counts:
        """Number of edges out of each source. Shape (sources,)."""
        if self.pairs is None:
            sources, targets = np.array(self.parts).T
            return np.repeat(targets, sources)
        return _tally(self.pairs[0], self.sources)


def _sha256(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _tally(units: Indices, size: int) -> Counts:
    """Count how often each unit occurs, in parts, because `bincount` makes an int64 copy of its input."""
    counts = np.zeros(size, dtype=np.int64)
    step = max(BLOCK, size)
    for start in range(0, len(units), step):
        counts += np.bincount(units[start : start + step], minlength=size)
    return counts


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network: the result of `compile` for a morphology, an input shape, a number of classes and a seed.

    Attributes:
        inputs: the shape of each input stream.
        classes: units of the output.
        morphology: the morphology that it was compiled from, if any.
    """

    name: str
    groups: tuple[Group, ...]
    projections: tuple[Projection, ...]
    inputs: Mapping[str, tuple[int, ...]]
    classes: int
    seed: int
    morphology: Morphology | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        """Return the graph itself, because nothing in it changes: copies of a network share it."""
        return self

    @cached_property
    def by_name(self) -> dict[str, Group]:
        """The groups by their names."""
        return {group.name: group for group in self.groups}

    @property
    def nodes(self) -> int:
        """Number of input units, compartments and readout units together."""
        return sum(group.size for group in self.groups)

    @property
    def edges(self) -> int:
        """Number of synapses and cables together."""
        return sum(projection.edges for projection in self.projections)

    @property
    def compartments(self) -> int:
        """Number of somata and dendrites."""
        return sum(group.size for group in self.groups if group.role in ("soma", "dendrite"))

    @property
    def synapses(self) -> int:
        """Number of edges that are no cables, the readout's included."""
        return sum(projection.edges for projection in self.projections if projection.kind == "synapse")

    @property
    def parameters(self) -> int:
        """Number of parameters: a weight for each edge, a bias for each compartment with one, learnt excitability."""
        return self.edges + sum(group.parameters for group in self.groups)

    @property
    def trainable_parameters(self) -> int:
        """Number of parameters that are trained: all except those of parts with `trainable: false`."""
        weights = sum(projection.edges for projection in self.projections if projection.trainable)
        return weights + sum(group.trainable_parameters for group in self.groups)

    @cached_property
    def frozen(self) -> tuple[str, ...]:
        """Names of the parameters that are declared as not trained (`weights.A->B`, `biases.A`)."""
        found = [f"weights.{projection.name}" for projection in self.projections if not projection.trainable]
        for group in self.groups:
            found += [f"biases.{group.name}"] * (group.bias and not group.bias_trainable)
            if not group.trainable:
                found += [f"excitability.{group.name}:{key}" for key, _ in group.nonlinearity.trainable]
        return tuple(found)

    @cached_property
    def reach(self) -> Reach:
        """The units that reach the output, those that an input reaches, and the effective values of each parameter."""
        from dendrograph.graph.effective_parameters import reach

        return reach(self)

    @property
    def effective_parameters(self) -> int:
        """Number of trainable values that can get a gradient (see `effective_parameters.Reach`)."""
        return sum(number for name, number in self.reach.effective.items() if name not in self.frozen)

    @property
    def without_output(self) -> int:
        """Number of compartments whose activity cannot reach the output."""
        return self._compartments_without(self.reach.with_output)

    @property
    def without_input(self) -> int:
        """Number of compartments that no input reaches: their activity is constant."""
        return self._compartments_without(self.reach.with_input)

    def _compartments_without(self, found: Mapping[str, NDArray[np.bool_]]) -> int:
        return sum(int((~found[group.name]).sum()) for group in self.groups if group.role in ("soma", "dendrite"))

    @property
    def output(self) -> Group:
        """The output of the network: the readout, or, without a readout, the last layer's somata."""
        return self.groups[-1]

    def onto(self, group: Group | str) -> tuple[Projection, ...]:
        """The projections that reach a group."""
        name = group if isinstance(group, str) else group.name
        return tuple(projection for projection in self.projections if projection.target == name)

    @property
    def edge_index(self) -> Tensor:
        """The whole network's edges in global node numbers. Shape (2, edges), int64, projection by projection."""
        columns = [
            projection.edge_index.add_(
                torch.tensor([[self.by_name[end].start] for end in (projection.source, projection.target)])
            )
            for projection in self.projections
        ]
        return torch.cat(columns, dim=1) if columns else torch.empty((2, 0), dtype=torch.int64)

    def node_table(self) -> dict[str, NDArray[Any]]:
        """A row for each node: `group`, `role`, `layer`, `neuron` and `index` (the number within its group)."""
        sizes = [group.size for group in self.groups]
        index = np.concatenate([np.arange(size) for size in sizes])
        per_neuron = np.repeat([max(1, group.size // max(1, group.neurons)) for group in self.groups], sizes)
        named = {key: [getattr(group, key) for group in self.groups] for key in ("name", "role", "layer")}
        return {
            "group": np.repeat(named["name"], sizes),
            "role": np.repeat(named["role"], sizes),
            "layer": np.repeat(named["layer"], sizes),
            "neuron": index // per_neuron,
            "index": index,
        }

    def edge_table(self) -> dict[str, NDArray[Any]]:
        """A row for each edge of `edge_index`: `source`, `target` (node numbers), `projection`, `kind`."""
        sizes = [projection.edges for projection in self.projections]
        index = self.edge_index.numpy()
        return {
            "source": index[0],
            "target": index[1],
            "projection": np.repeat([projection.name for projection in self.projections], sizes),
            "kind": np.repeat([projection.kind for projection in self.projections], sizes),
        }

    def to_networkx(self) -> nx.MultiDiGraph:
        """The whole graph with the node and edge tables as attributes; a multigraph, because a pair may synapse twice.

        largest = max(nx.weakly_connected_components(graph.to_networkx()), key=len)
        """
        result = nx.MultiDiGraph(name=self.name)
        nodes, edges = self.node_table(), self.edge_table()
        result.add_nodes_from((number, row) for number, row in enumerate(_rows(nodes)))
        result.add_edges_from((row.pop("source"), row.pop("target"), row) for row in _rows(edges))
        return result

    @cached_property
    def connectivity_hash(self) -> str:
        """SHA-256 of the wiring: groups with their sizes, projections with their edges. Equal wiring, equal hashes."""
        groups = (f"{group.name} {group.role} {group.size}\n".encode() for group in self.groups)
        return _sha256(chain(groups, *(projection.wiring_bytes() for projection in self.projections)))


def _rows(table: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, Any]]:
    columns = [column.tolist() for column in table.values()]
    return (dict(zip(table, values, strict=True)) for values in zip(*columns, strict=True))
