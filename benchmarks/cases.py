"""What is measured: a model with its knobs, compiled once and shared by all sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dendrograph import compile, load
from dendrograph.graph.graph import Graph
from dendrograph.graph.initial_weights import initial_weights

INPUTS = (28, 28)
CLASSES = 10
BATCH = 128


@dataclass(frozen=True)
class Case:
    """A shipped model with its knobs; `name` is how tables and targets call it."""

    name: str
    model: str
    dendrites: int
    somata: int

    def knobs(self) -> Mapping[str, int]:
        """What `dendrograph.build` takes as `set`."""
        return {"dendrites": self.dendrites, "somata": self.somata}

    def graph(self) -> Graph:
        """The compiled graph; the same at every call."""
        return compile(load(self.model, self.knobs()), INPUTS, CLASSES)


SMALL = Case("1x32", "dann-lrf", 1, 32)  # overhead rules
MIDDLE = Case("16x256", "dann-lrf", 16, 256)
LARGE = Case("64x512", "dann-lrf", 64, 512)
VANN = Case("vann 8x64", "vann", 8, 64)
VANN_MIDDLE = Case("vann 16x256", "vann", 16, 256)
CASES = {case.name: case for case in (SMALL, MIDDLE, LARGE, VANN, VANN_MIDDLE)}


@dataclass(frozen=True, eq=False)
class Layer:
    """One projection as any library would be given it: edges, their initial weights, and what its target does.

    `source` and `target` are the ends of each edge, int64, sorted by target, then by source. `slope` is the target's
    leaky ReLU; 1 where it is linear. Every target here is reached by one projection.
    """

    name: str
    target_name: str
    sources: int
    targets: int
    all_to_all: bool
    source: Tensor
    target: Tensor
    weight: Tensor
    bias: Tensor
    slope: float


def layers(graph: Graph) -> list[Layer]:
    """The graph as a chain of layers, with the initial weights that dendrograph's own network starts from.

    Raises:
        ValueError: the graph is not such a chain, or a side could not express it.
    """
    chain = []
    before = graph.groups[0].name
    for number, projection in enumerate(graph.projections):
        group = graph.by_name[projection.target]
        if projection.source != before or len(graph.onto(group)) != 1 or not group.bias or group.dropout:
            raise ValueError(f"{graph.name}: {projection.name} is not a plain link of a chain")
        if group.nonlinearity.name not in ("identity", "leaky_relu"):
            raise ValueError(f"{graph.name}: {group.name} is {group.nonlinearity.name}; the sides know leaky_relu only")
        source, target = projection.endpoints()
        if len(np.unique(target.astype(np.int64) * projection.sources + source)) != projection.edges:
            raise ValueError(f"{graph.name}: {projection.name} has double synapses, which a 0/1 mask cannot express")
        slope = dict(group.nonlinearity.parameters).get("slope", 1.0)
        chain.append(
            Layer(
                projection.name,
                group.name,
                projection.sources,
                projection.targets,
                projection.all_to_all,
                torch.from_numpy(source.astype(np.int64)),
                torch.from_numpy(target.astype(np.int64)),
                torch.from_numpy(initial_weights(projection, graph.seed, number)).to(torch.float32),
                torch.zeros(group.size),
                float(slope),
            )
        )
        before = group.name
    return chain


def batch(number: int = 0) -> tuple[Tensor, Tensor]:
    """A batch like images, (batch, 28, 28) within 0 to 1, and its labels; another `number`, another batch."""
    generator = torch.Generator().manual_seed(number)
    x = torch.rand((BATCH, *INPUTS), generator=generator)
    return x, torch.randint(CLASSES, (BATCH,), generator=generator)
