"""The compiled network: groups of compartments, projections between them, and their edge-index tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dendrograph.graph import size_limits as memory
from dendrograph.graph.wiring import Indices, index_type
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.nonlinearities import Nonlinearity
from dendrograph.morphology.weights import Init, Sign

if TYPE_CHECKING:
    from dendrograph.graph.effective import Reach

Counts = NDArray[np.int64]
Role = Literal["input", "dendrite", "soma", "readout"]
Kind = Literal["synapse", "cable"]


LINEAR = Nonlinearity("identity", ())


@dataclass(frozen=True)
class Group:
    """All compartments at one place of the tree across a layer's neurons: `hidden/basal`, `hidden/soma`.

    Compartments are ordered neuron by neuron, so the children of one parent are contiguous. They are the nodes
    `start` to `start + size - 1` of the whole graph. `stage` is the group's height above its deepest source. `members`
    says how many compartments each network has where several are one graph (union.py); it is empty in one by itself.
    `trainable` and `bias_trainable` say whether what is learnt of its nonlinearity, and its biases, are learnt here.
    """

    name: str
    role: Role
    layer: str
    size: int
    start: int
    stage: int
    neurons: int
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
        """Parameters of its nonlinearity that may be learnt."""
        return sum(self.size if shared == "compartment" else 1 for _, shared in self.nonlinearity.trainable)

    @property
    def parameters(self) -> int:
        """Numbers of its own: biases, and parameters of its nonlinearity that may be learnt."""
        return self.learnt + (self.size if self.bias else 0)

    @property
    def trainable_parameters(self) -> int:
        """Those of them that are trained."""
        return self.learnt * self.trainable + (self.size if self.bias and self.bias_trainable else 0)


@dataclass(frozen=True)
class Field:
    """How a projection's synapses were drawn, kept so that the wiring can be verified against it.

    `fan_in` is what each compartment must have (None where it varies by design), `total` what all must have together;
    `distinct` says that no compartment draws a unit twice. For `local` and `global`: the grid that was sampled, the
    positions a compartment takes, and its centre. For `global`: the centre of its neuron (or of its set of neurons),
    and how many compartments share one. For what is shuffled: the compartment for which each one's synapses were
    drawn; centres are those of the synapses that a compartment has.
    """

    rule: str
    fan_in: int | None
    total: int
    distinct: bool = True
    grid: tuple[int, int] = (0, 0)
    channels: int = 1
    positions: int = 0
    centres: Indices | None = None
    neuron_centres: Indices | None = None
    members: int = 0
    drawn_for: Indices | None = None

    @property
    def shown(self) -> str:
        """The rule, as tables and messages have it."""
        return self.rule + (", shuffled" if self.drawn_for is not None else "")


@dataclass(frozen=True, eq=False)
class Projection:
    """All edges from one source group to one target group; each edge owns one weight.

    `pairs` holds source and target of each edge, local to their groups, sorted by target, then by source; None stands
    for all-to-all, whose index is made only if somebody asks for it. The indices are int32 where both groups have fewer
    than 2^31 units: products of them may overflow, so reckon with `edge_index`, which is int64. `field` tells how
    synapses were drawn; a list of sources makes several projections that share one. Where `pairs` is None, `blocks`
    makes it all-to-all in parts, one after the other: (sources, targets) of each; empty for one part.

    What an edge carries is the message g(w y), with w the weight as it acts and y its source's activity:

    reduce: how the target combines the messages: `sum`, `max`, `min` or `product` (a mean is a sum, divided later)
    nonlinearity: g, of each synapse; none where the message is w y
    sign: `free`: w is the parameter; `excitatory`: its absolute value; `inhibitory`: that, negative; `shunting`: its
        absolute value, times max(0, y), and the target is divided by 1 + the sum
    factor: what the parameter is multiplied with: a cable's attenuation
    trainable: whether the weights are learnt
    """

    name: str
    kind: Kind
    source: str
    target: str
    sources: int
    targets: int
    init: Init
    pairs: tuple[Indices, Indices] | None
    field: Field | None = None
    reduce: str = "sum"
    nonlinearity: Nonlinearity | None = None
    sign: str = Sign.FREE
    factor: float = 1.0
    trainable: bool = True
    blocks: tuple[tuple[int, int], ...] = ()

    @property
    def nonlinear(self) -> str:
        """Why it is no matrix product, in words; empty where it is one."""
        if self.reduce != "sum":
            return f"its target takes the {self.reduce} of the messages, not their sum"
        return f"each synapse has a nonlinearity ({self.nonlinearity.name})" if self.nonlinearity else ""

    @property
    def edges(self) -> int:
        """Number of edges, which is the number of weights."""
        if self.pairs is None:
            return sum(sources * targets for sources, targets in self.parts)
        return len(self.pairs[0])

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """Sources and targets of each part within which there are edges: the blocks, or the whole."""
        return self.blocks or ((self.sources, self.targets),)

    @property
    def all_to_all(self) -> bool:
        """Whether every source reaches every target once."""
        return self.pairs is None and not self.blocks

    @property
    def density(self) -> float:
        """Edges over as many as its parts could have: over the product of the group sizes where it is one whole."""
        return self.edges / max(1, sum(sources * targets for sources, targets in self.parts))

    def endpoints(self) -> tuple[Indices, Indices]:
        """Source and target of each edge, also for all-to-all; of the same types as `pairs`."""
        if self.pairs is not None:
            return self.pairs
        source, target = (np.arange(units, dtype=index_type(units)) for units in (self.sources, self.targets))
        if not self.blocks:
            return np.tile(source, self.targets), np.repeat(target, self.sources)
        borders = np.cumsum([(0, 0), *self.blocks], axis=0)
        ends = [(source[s0:s1], target[t0:t1]) for (s0, t0), (s1, t1) in pairwise(borders)]
        return (
            np.concatenate([np.tile(sources, len(targets)) for sources, targets in ends]),
            np.concatenate([np.repeat(targets, len(sources)) for sources, targets in ends]),
        )

    @property
    def edge_index(self) -> Tensor:
        """Shape (2, edges), int64, local to the two groups; row 0 is the source. Sorted by target, then by source."""
        return torch.from_numpy(np.stack(self.endpoints(), dtype=np.int64))

    def wiring(self) -> Iterator[bytes]:
        """What a hash of the wiring is made of: the two groups, and the edges in their order."""
        yield f"{self.kind} {self.source} {self.target} {self.edges}\n".encode()
        yield "".join(f"{sources} {targets}\n" for sources, targets in self.blocks).encode()
        for column in self.pairs or ():
            for part in memory.blocks(len(column)):
                yield np.ascontiguousarray(column[part], dtype="<i8").tobytes()

    @cached_property
    def wiring_hash(self) -> str:
        """SHA-256 of its edges alone: its weights mean the same wherever it is equal."""
        digest = hashlib.sha256()
        for part in self.wiring():
            digest.update(part)
        return digest.hexdigest()

    def fan_in(self) -> Counts:
        """Edges into each target. Shape (targets,)."""
        if self.pairs is None:
            sources, targets = np.array(self.parts).T
            return np.repeat(sources, targets)
        return _tally(self.pairs[1], self.targets)

    def fan_out(self) -> Counts:
        """Edges out of each source. Shape (sources,)."""
        if self.pairs is None:
            sources, targets = np.array(self.parts).T
            return np.repeat(targets, sources)
        return _tally(self.pairs[0], self.sources)


def _tally(units: Indices, size: int) -> Counts:
    """How often each of so many units is named; in parts, since `bincount` makes an int64 copy of what it counts."""
    counts = np.zeros(size, dtype=np.int64)
    step = max(memory.BLOCK, size)
    for start in range(0, len(units), step):
        counts += np.bincount(units[start : start + step], minlength=size)
    return counts


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network: what `compile` makes of a morphology for one input shape, number of classes and seed."""

    name: str
    groups: tuple[Group, ...]
    projections: tuple[Projection, ...]
    inputs: Mapping[str, tuple[int, ...]]
    classes: int  # units of the output
    seed: int
    morphology: Morphology | None = None  # what it was compiled from

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        """Itself, since nothing in it changes: copies of a network share it."""
        return self

    @cached_property
    def by_name(self) -> dict[str, Group]:
        """The groups by their names."""
        return {group.name: group for group in self.groups}

    @property
    def nodes(self) -> int:
        """Input units, compartments and readout units together."""
        return sum(group.size for group in self.groups)

    @property
    def edges(self) -> int:
        """Synapses and cables together."""
        return sum(projection.edges for projection in self.projections)

    @property
    def compartments(self) -> int:
        """Somata and dendrites."""
        return sum(group.size for group in self.groups if group.role in ("soma", "dendrite"))

    @property
    def synapses(self) -> int:
        """Edges that are no cables, the readout's included."""
        return sum(projection.edges for projection in self.projections if projection.kind == "synapse")

    @property
    def parameters(self) -> int:
        """Numbers of a network: one weight an edge, one bias a compartment that has one, and learnt excitability."""
        return self.edges + sum(group.parameters for group in self.groups)

    @property
    def trainable_parameters(self) -> int:
        """Those of them that training may change: all but those of parts with `trainable: false`."""
        weights = sum(projection.edges for projection in self.projections if projection.trainable)
        return weights + sum(group.trainable_parameters for group in self.groups)

    @cached_property
    def frozen(self) -> tuple[str, ...]:
        """Parameters of its networks that are declared not to be trained, by name (`weights.A->B`, `biases.A`)."""
        found = [f"weights.{projection.name}" for projection in self.projections if not projection.trainable]
        for group in self.groups:
            found += [f"biases.{group.name}"] * (group.bias and not group.bias_trainable)
            if not group.trainable:
                found += [f"excitability.{group.name}:{key}" for key, _ in group.nonlinearity.trainable]
        return tuple(found)

    @cached_property
    def reach(self) -> Reach:
        """Which units reach the output, which an input reaches, and how many numbers of each parameter matter."""
        from dendrograph.graph.effective import reach

        return reach(self)

    @property
    def effective_parameters(self) -> int:
        """Trainable numbers that can ever get a gradient: the output is a function of them (see `effective.Reach`)."""
        return sum(number for name, number in self.reach.effective.items() if name not in self.frozen)

    @property
    def without_output(self) -> int:
        """Compartments whose activity cannot reach the output."""
        return self._compartments_without(self.reach.with_output)

    @property
    def without_input(self) -> int:
        """Compartments that no input reaches: their activity is one constant."""
        return self._compartments_without(self.reach.with_input)

    def _compartments_without(self, found: Mapping[str, NDArray[np.bool_]]) -> int:
        return sum(int((~found[group.name]).sum()) for group in self.groups if group.role in ("soma", "dendrite"))

    @property
    def output(self) -> Group:
        """What a network gives: the readout, or, where it was compiled without one, the last layer's somata."""
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
        """A row a node: `group`, `role`, `layer`, `neuron` and `index` (the number within its group)."""
        sizes = [group.size for group in self.groups]
        index = np.concatenate([np.arange(size) for size in sizes])
        per_neuron = np.repeat([max(1, group.size // max(1, group.neurons)) for group in self.groups], sizes)
        return {
            "group": np.repeat([group.name for group in self.groups], sizes),
            "role": np.repeat([group.role for group in self.groups], sizes),
            "layer": np.repeat([group.layer for group in self.groups], sizes),
            "neuron": index // per_neuron,
            "index": index,
        }

    def edge_table(self) -> dict[str, NDArray[Any]]:
        """A row an edge, in the order of `edge_index`: `source`, `target` (node numbers), `projection`, `kind`."""
        sizes = [projection.edges for projection in self.projections]
        index = self.edge_index.numpy()
        return {
            "source": index[0],
            "target": index[1],
            "projection": np.repeat([projection.name for projection in self.projections], sizes),
            "kind": np.repeat([projection.kind for projection in self.projections], sizes),
        }

    def to_networkx(self) -> nx.MultiDiGraph:
        """The whole graph with node and edge tables as attributes; a multigraph, since a pair may synapse twice."""
        result = nx.MultiDiGraph(name=self.name)
        nodes, edges = self.node_table(), self.edge_table()
        for number in range(self.nodes):
            result.add_node(number, **{key: column[number].item() for key, column in nodes.items()})
        for row in range(self.edges):
            result.add_edge(
                int(edges["source"][row]),
                int(edges["target"][row]),
                projection=str(edges["projection"][row]),
                kind=str(edges["kind"][row]),
            )
        return result

    @cached_property
    def connectivity_hash(self) -> str:
        """SHA-256 of the wiring: groups with their sizes, projections with their edges. Equal hashes, equal wiring."""
        digest = hashlib.sha256()
        for group in self.groups:
            digest.update(f"{group.name} {group.role} {group.size}\n".encode())
        for projection in self.projections:
            for part in projection.wiring():
                digest.update(part)
        return digest.hexdigest()
