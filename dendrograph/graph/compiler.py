"""From a morphology to a graph: layers expanded, trees unfolded, synapses drawn, the result checked."""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dendrograph.base.errors import DendrographError, expect, shown
from dendrograph.graph import user_functions, wiring
from dendrograph.graph.check_wiring import check_wiring
from dendrograph.graph.graph import Graph, Group, Projection, ReceptiveField
from dendrograph.graph.populations import Population, PresynapticGroup, input_shapes, populations_of
from dendrograph.graph.size_limits import check_size
from dendrograph.graph.tree import Branching, branchings
from dendrograph.graph.wiring import Indices
from dendrograph.morphology import receptive_fields
from dendrograph.morphology.layers import sign_from
from dendrograph.morphology.morphology import Morphology, Shape
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.weights import Sign

# Purposes of the streams of random numbers; that of the initial weights is 2.
_SYNAPSES = 0
_CENTRES = 1
_SHUFFLE = 3

Edges = tuple[Indices, Indices]  # source and target of each synapse


def compile(
    morphology: Morphology,
    inputs: Shape | int | Mapping[str, Shape | int] | None = None,
    classes: int | None = 10,
    seed: int = 0,
    memory_limit: int | None = None,
) -> Graph:
    """Compile a morphology to a graph; the same arguments give the same graph, bit for bit.

        graph = compile(load("dann-lrf"), (28, 28))

    Args:
        morphology: a morphology that `load` read.
        inputs: shape of one sample, such as `(28, 28)`, `(32, 32, 3)` or `784`; a mapping of stream to shape if the
            morphology declares several streams. Streams whose shape the morphology declares may be left out.
        classes: units of the readout; None for a network without one, whose output is the last layer's somata.
        seed: seed of the wiring (and, by default, of the initial weights).
        memory_limit: bytes that training may take; by default the memory that this machine has available.

    Raises:
        MorphologyError: the sources cannot fill a receptive field, or an input does not fit.
        DendrographError: the network does not fit in memory; nothing has been allocated by then.
        WiringError: the function of a field fails; or, by an internal error, the wiring does not match the morphology.
    """
    expect("morphology", morphology, Morphology)
    classes = None if classes is None else check_whole_number("classes", classes, 1)
    seed = check_whole_number("the seed", seed, 0)
    expect("memory_limit", memory_limit, int, float, None)
    morphology = morphology.checked()
    shapes = input_shapes(morphology, inputs)
    populations = tuple(populations_of(morphology))
    user_functions.try_nonlinearities(morphology.neurons.values())
    check_size(morphology, shapes, populations, classes, memory_limit)
    graph = _Builder(morphology, seed, shapes).build(populations, classes)
    check_wiring(graph)
    return graph


def check_whole_number(what: str, value: int, minimum: int) -> int:
    """The value as a plain int. NumPy's integers are accepted.

    Raises:
        DendrographError: the value is no whole number of at least the minimum.
    """
    try:
        found = minimum - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = minimum - 1
    if found < minimum:
        raise DendrographError(f"{what} must be a whole number of at least {minimum}, found {shown(value)}")
    return found


@dataclass
class _Builder:
    """The graph in the making: its groups and projections so far."""

    morphology: Morphology
    seed: int
    shapes: Mapping[str, tuple[int, ...]]
    groups: dict[str, Group] = field(default_factory=dict, init=False)
    projections: list[Projection] = field(default_factory=list, init=False)
    sources: dict[str, PresynapticGroup] = field(default_factory=dict, init=False)  # by stream and layer
    _stages: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list), init=False)  # sources of a group

    def build(self, populations: tuple[Population, ...], classes: int | None) -> Graph:
        """Add all streams, layers and the readout."""
        for stream, shape in self.shapes.items():
            self.sources[stream] = source = PresynapticGroup(stream, shape)
            self._add_group(Group(name=stream, role="input", layer=stream, size=source.size))
        for number, population in enumerate(populations):
            self._add_population(number, population)
            self.sources[population.name] = population.somata
        last = populations[-1].somata
        if classes is not None:
            self._add_readout(last, classes)
        order = {name: position for position, name in enumerate(self.groups)}
        self.projections.sort(key=lambda projection: order[projection.target])
        return Graph(
            name=self.morphology.name,
            groups=tuple(self.groups.values()),
            projections=tuple(self.projections),
            inputs=self.shapes,
            classes=last.size if classes is None else classes,
            seed=self.seed,
            morphology=self.morphology,
        )

    def _add_group(self, group: Group) -> None:
        last = next(reversed(self.groups.values()), None)
        start = last.start + last.size if last else 0
        stage = 0 if group.role == "input" else 1 + max(self._stages[group.name], default=0)
        self.groups[group.name] = replace(group, stage=stage, start=start)

    def _add_projection(self, projection: Projection) -> None:
        self.projections.append(projection)
        self._stages[projection.target].append(self.groups[projection.source].stage)

    def _add_population(self, number: int, population: Population) -> None:
        places = branchings(population.neuron)
        # Children come before their parents in the list of groups, so that one pass over the list runs the network.
        for position, place in reversed(list(enumerate(places))):
            compartment = place.compartment
            name, size = f"{population.name}/{place.name}", population.count * place.size
            trainable = compartment.trainable and population.trainable
            for projection in self._synapses(name, population, place, (number, position)):
                self._add_projection(projection)
            self._add_group(
                Group(
                    name=name,
                    role="soma" if place.parent is None else "dendrite",
                    layer=population.name,
                    size=size,
                    neurons=population.count,
                    nonlinearity=compartment.nonlinearity,
                    integration=compartment.integration,
                    bias=compartment.bias,
                    dropout=compartment.dropout,
                    normalisation=compartment.normalisation,
                    trainable=trainable,
                    bias_trainable=trainable and compartment.bias_trainable,
                )
            )
            if place.parent is not None:
                parent, cable = places[place.parent], compartment.cable
                target = f"{population.name}/{parent.name}"
                children = np.arange(size, dtype=wiring.index_type(size))
                self._add_projection(
                    Projection(
                        name=f"{name}->{target}",
                        kind="cable",
                        source=name,
                        target=target,
                        sources=size,
                        targets=size // compartment.count,
                        init=place.start,
                        pairs=(children, children // compartment.count),
                        reduce=parent.reduction,
                        sign=cable.sign,
                        factor=place.factor,
                        trainable=trainable and cable.trainable,
                    )
                )

    def _add_readout(self, source: PresynapticGroup, classes: int) -> None:
        readout = self.morphology.readout
        self._add_projection(
            Projection(
                name=f"{source.group}->readout",
                kind="synapse",
                source=source.group,
                target="readout",
                sources=source.size,
                targets=classes,
                init=readout.init,
                pairs=None,
                sign=source.sign,
                trainable=readout.trainable,
            )
        )
        self._add_group(
            Group(
                name="readout",
                role="readout",
                layer="readout",
                size=classes,
                neurons=classes,
                bias=readout.bias,
                bias_trainable=readout.trainable and readout.bias_trainable,
            )
        )

    def _synapses(
        self, target: str, population: Population, place: Branching, numbers: tuple[int, int]
    ) -> Iterator[Projection]:
        """The projections of a group's synapses: one for each entry of `synapses` and each of its sources.

        `numbers` are those of the population and of the place in its tree.
        """
        size = population.count * place.size
        taken: Counter[str] = Counter()
        for entry, synapses in enumerate(place.compartment.synapses):
            sources = population.presynaptic(synapses, self.sources)
            drawn: Edges | None = None
            units = sum(source.size for source in sources)
            receptive_field = ReceptiveField(rule="all", fan_in=units, total=units * size)
            if synapses.count != "all":
                # Each entry has a stream of random numbers of its own, so that a change elsewhere keeps its wiring.
                rng = wiring.stream(self.seed, _SYNAPSES, *numbers, entry)
                # All dendrites of a neuron share its centre in a source: hence a stream for each layer and source.
                neuron_rng = wiring.stream(self.seed, _CENTRES, numbers[0], *sources[0].group.encode())
                receptive_field, drawn = _draw(population, place, synapses, sources, (rng, neuron_rng))
                if synapses.shuffle:
                    # The synapses that a compartment has of several entries stay together: hence a stream a group.
                    exchange = wiring.shuffle(size, wiring.stream(self.seed, _SHUFFLE, *numbers))
                    receptive_field, drawn = _exchanged(receptive_field, exchange), wiring.deal(*drawn, exchange)
            offset = 0
            for source in sources:
                pairs = None
                if drawn is not None:
                    pairs = drawn if len(sources) == 1 else _from_one(drawn, offset, source.size)
                offset += source.size
                taken[source.group] += 1
                number = taken[source.group]
                sign = sign_from(synapses, source.sign)
                assert sign is not None, "the morphology was checked"
                yield Projection(
                    name=f"{source.group}->{target}" + (f"#{number}" if number > 1 else ""),
                    kind="synapse",
                    source=source.group,
                    target=target,
                    sources=source.size,
                    targets=size,
                    init=synapses.init,
                    pairs=pairs,
                    field=receptive_field,
                    reduce="sum" if sign == Sign.SHUNTING else place.reduction,
                    nonlinearity=synapses.nonlinearity,
                    sign=sign,
                    trainable=synapses.trainable and place.compartment.trainable and population.trainable,
                )


def _from_one(drawn: Edges, offset: int, size: int) -> Edges:
    """The edges from one of several sources, numbered within it."""
    source, target = drawn
    inside = (source >= offset) & (source < offset + size)
    return (source[inside] - offset).astype(wiring.index_type(size), copy=False), target[inside]


def _draw(
    population: Population,
    place: Branching,
    synapses: Synapses,
    sources: list[PresynapticGroup],
    rngs: tuple[np.random.Generator, np.random.Generator],
) -> tuple[ReceptiveField, Edges]:
    """Draw source and target of each synapse of one entry. Sources are numbered through all source groups.

    `rngs` are the random numbers of the entry, and those of the neurons' centres.
    """
    rule, count, with_replacement = synapses.field, synapses.count, synapses.replace
    assert isinstance(count, int)
    targets, total = population.count * place.size, sum(source.size for source in sources)
    grid, channels, rng = sources[0].grid, sources[0].channels, rngs[0]
    about: dict[str, Any] = {}
    if rule == "pooled":
        receptive_field = ReceptiveField(rule=rule, fan_in=None, total=count * targets, distinct=not with_replacement)
        return receptive_field, wiring.pool(total, targets, count, rng, with_replacement)
    if rule == "random":
        drawn = wiring.sample(total, targets, count, rng, with_replacement)
        about["distinct"] = not with_replacement
    elif rule == "tiled":
        drawn = wiring.tile(total, population.count, place.size, count)
        about |= {"distinct": count <= total, "members": place.size}
    elif own := receptive_fields.OWN.get(rule):
        request = receptive_fields.Request(
            count=count,
            neurons=population.count,
            per_neuron=place.size,
            sources=total // channels if own.positions else total,
            grid=grid,
            channels=channels,
            rng=rng,
        )
        drawn = wiring.spread_channels(user_functions.draw(own, request), channels if own.positions else 1)
    else:
        if rule == "local":
            about["centres"] = wiring.scatter_centres(grid, targets, rng)
        else:
            members = min(synapses.group, population.count) * place.size
            full, rest = divmod(targets, members)  # the last set of neurons that share a centre may be smaller
            of_sets = wiring.scatter_centres(grid, full + (rest > 0), rngs[1])
            in_full = wiring.gather_centres(grid, of_sets[:full], members, rng)
            about["centres"] = np.concatenate([in_full, wiring.gather_centres(grid, of_sets[full:], rest, rng)])
            about |= {"neuron_centres": np.repeat(of_sets, members)[:targets], "members": members}
        drawn = wiring.spread_channels(wiring.neighbourhood(grid, about["centres"], count, rng), channels)
        about |= {"grid": grid, "channels": channels, "positions": count}
    fan_in = drawn.shape[1]
    edge_targets = np.repeat(np.arange(targets, dtype=wiring.index_type(targets)), fan_in)
    receptive_field = ReceptiveField(rule=rule, fan_in=fan_in, total=fan_in * targets, **about)
    return receptive_field, (drawn.ravel(), edge_targets)


def _exchanged(field: ReceptiveField, drawn_for: Indices) -> ReceptiveField:
    """The field after compartments have exchanged their synapses; the centres go with the synapses."""
    moved = {
        key: column[drawn_for] for key in ("centres", "neuron_centres") if (column := getattr(field, key)) is not None
    }
    return replace(field, drawn_for=drawn_for, **moved)
