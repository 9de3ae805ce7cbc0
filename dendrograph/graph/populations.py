"""The first step of the compiler: the shapes of the input streams, and the layers with stacks and repeats unfolded."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dendrograph.base.errors import MorphologyError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.graph.wiring import Grid, nearly_square
from dendrograph.morphology import receptive_fields
from dendrograph.morphology.morphology import Morphology, Shape
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.weights import Sign
from dendrograph.morphology.yaml_reader import flow


@dataclass(frozen=True)
class PresynapticGroup:
    """A group that synapses draw from.

    Attributes:
        shape: (units,), (height, width) or (height, width, channels).
        sign: the sign of all synapses that draw from it.
    """

    group: str
    shape: tuple[int, ...]
    sign: str = Sign.FREE

    @property
    def size(self) -> int:
        """Number of units."""
        return math.prod(self.shape)

    @property
    def grid(self) -> Grid:
        """Height and width of the grid on which receptive fields lie."""
        return nearly_square(self.shape[0]) if len(self.shape) == 1 else (self.shape[0], self.shape[1])

    @property
    def channels(self) -> int:
        """Units at each position of the grid."""
        return self.shape[2] if len(self.shape) == 3 else 1


@dataclass(frozen=True, kw_only=True)
class Population:
    """One layer of neurons, after stacks and repeats are unfolded.

    Attributes:
        scope: the stream or the layer for each name that its synapses may use.
        sign: the sign of all synapses that its somata make.
    """

    name: str
    neuron: Compartment
    count: int
    scope: Mapping[str, str]
    sign: str
    trainable: bool

    @property
    def somata(self) -> PresynapticGroup:
        """Its somata, which later layers draw from."""
        return PresynapticGroup(f"{self.name}/{self.neuron.name}", (self.count,), self.sign)

    def presynaptic(self, synapses: Synapses, groups: Mapping[str, PresynapticGroup]) -> list[PresynapticGroup]:
        """The groups that synapses draw from, each once: in a first layer `[previous, image]` is the image alone."""
        return [groups[name] for name in dict.fromkeys(self.scope[name] for name in synapses.sources)]


def populations_of(morphology: Morphology) -> Iterator[Population]:
    """The layers of a morphology, stacks and repeats unfolded."""
    for copy in morphology.copies():
        layer = copy.layer
        yield Population(
            name=copy.name,
            neuron=morphology.neurons[layer.neuron],
            count=layer.count,
            scope=copy.scope,
            sign=layer.sign,
            trainable=layer.trainable,
        )


def takes_positions(field: str) -> bool:
    """Whether a field draws positions of one grid, each with all of its channels."""
    own = receptive_fields.OWN.get(field)
    return own.positions if own else field in ("local", "global")


def input_shapes(
    morphology: Morphology, inputs: Shape | int | Mapping[str, Shape | int] | None
) -> dict[str, tuple[int, ...]]:
    """The shape of each input stream, from the morphology and the data.

    Args:
        morphology: the morphology.
        inputs: the argument of `compile`.

    Raises:
        MorphologyError: a shape is unknown, or the data does not fit the morphology.
    """
    streams = morphology.inputs
    if inputs is None:
        given: dict[str, Shape | int] = {}
    elif isinstance(inputs, Mapping):
        given = dict(inputs)
        if len(given) == 1 and len(streams) == 1 and set(given) == {"image"}:
            given = {next(iter(streams)): given["image"]}  # the only stream of a data set feeds the only one declared
    elif len(streams) == 1:
        given = {next(iter(streams)): inputs}
    else:
        problem = "there are several input streams, but one shape was given"
        raise MorphologyError([morphology.fault(("inputs",), problem, f"give the shape of each: {', '.join(streams)}")])
    faults = [
        morphology.fault(
            ("inputs",),
            f"the data has a stream '{clip(str(name))}', which the morphology does not declare",
            did_you_mean(name, streams, "declared"),
        )
        for name in given
        if name not in streams
    ]
    shapes = {}
    for name, declared in streams.items():
        found = given.get(name)
        shape = declared if found is None else _as_shape(found)
        problem = remedy = ""
        if found is None and declared is None:
            problem = f"the shape of the stream '{name}' is not known"
            remedy = "declare it, such as [28, 28], or give the shape of the data"
        elif shape is None:
            problem = f"the data's shape {flow(found)} is no shape of an input"
            remedy = "a shape is units, (height, width) or (height, width, channels), each at least 1"
        elif declared and shape != declared and not (len(declared) == 1 and math.prod(shape) == declared[0]):
            problem = f"declared as {flow(declared)}, but the data has {flow(shape)}"
            remedy = "write auto to take the shape of the data"
        else:
            # A stream that is declared as a number of units is a plain vector, whatever the shape of the data.
            shapes[name] = declared if declared and len(declared) == 1 else shape
        if problem:
            faults.append(morphology.fault(("inputs", name), problem, remedy))
    if faults:
        raise MorphologyError(faults)
    return shapes


def _as_shape(found: Any) -> Shape | None:
    """The shape of an input as a tuple, or None if it is no shape. NumPy's integers are accepted."""
    several = isinstance(found, Iterable) and not isinstance(found, bytes | bytearray)  # of bytes, each is a number
    try:
        shape = tuple(operator.index(side) for side in (found if several else (found,)))
    except TypeError:
        return None
    return shape if 1 <= len(shape) <= 3 and min(shape) >= 1 else None
