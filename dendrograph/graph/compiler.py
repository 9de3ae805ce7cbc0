"""From a morphology to a graph: layers expanded, trees unfolded, synapses drawn, the result verified."""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dendrograph.base.errors import DendrographError, Fault, Faults, MorphologyError, clip, expect, shown
from dendrograph.base.suggestions import did_you_mean
from dendrograph.graph import size_limits as memory
from dendrograph.graph import user_functions as trial
from dendrograph.graph import wiring
from dendrograph.graph.check_wiring import verify
from dendrograph.graph.graph import Field, Graph, Group, Projection, Role
from dendrograph.graph.tree import Branching, branchings
from dendrograph.graph.wiring import Indices
from dendrograph.morphology import receptive_fields as fields
from dendrograph.morphology.cable import LEAST
from dendrograph.morphology.layers import sign_from
from dendrograph.morphology.morphology import Morphology, Shape
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.weights import Sign
from dendrograph.morphology.yaml_reader import flow

MOST_GROUPS = 100_000  # of compartments and of synapses: each takes time, however few it holds

# Purposes of streams of random numbers; that of the initial weights is 2.
_SYNAPSES = 0
_CENTRES = 1
_SHUFFLE = 3


@dataclass(frozen=True)
class Population:
    """One layer after stacks are unfolded. `scope` maps each name that its synapses may use to a stream or a layer."""

    name: str
    neuron: Compartment
    count: int
    scope: Mapping[str, str]
    sign: str
    trainable: bool = True


@dataclass(frozen=True)
class Source:
    """A group as its targets see it; `shape` is (units,), (height, width) or (height, width, channels)."""

    group: str
    shape: tuple[int, ...]
    sign: str = Sign.FREE  # of all synapses that draw from it

    @property
    def size(self) -> int:
        """Its units."""
        return math.prod(self.shape)

    @property
    def grid(self) -> tuple[int, int]:
        """The grid that receptive fields are laid on."""
        return wiring.nearly_square(self.shape[0]) if len(self.shape) == 1 else (self.shape[0], self.shape[1])

    @property
    def channels(self) -> int:
        """Units at each position of the grid."""
        return self.shape[2] if len(self.shape) == 3 else 1


def compile(
    morphology: Morphology,
    inputs: Shape | int | Mapping[str, Shape | int] | None = None,
    classes: int | None = 10,
    seed: int = 0,
    memory_limit: int | None = None,
) -> Graph:
    """Compile a morphology to a graph; the same arguments give the same graph, bit for bit.

    Args:
        morphology: what `load` gives.
        inputs: shape of one sample, such as `(28, 28)`, `(32, 32, 3)` or `784`; a mapping of stream to shape where the
            morphology declares several streams. Streams whose shape the morphology declares may be left out.
        classes: units of the readout; None for a network without one, whose output is the last layer's somata.
        seed: of the wiring (and, by default, of the initial weights).
        memory_limit: bytes that training may take; by default what this machine has available.

    Raises:
        MorphologyError: a receptive field that the sources cannot fill, an input that does not fit.
        DendrographError: a network that does not fit in memory; nothing has been allocated by then.
        WiringError: the wiring is not what the morphology declares (never, unless a rule is broken).
    """
    expect("morphology", morphology, Morphology)
    classes, seed = None if classes is None else whole("classes", classes, 1), whole("the seed", seed, 0)
    expect("memory_limit", memory_limit, int, float, None)
    morphology = morphology.checked()
    shapes = _bind_inputs(morphology, inputs)
    populations = tuple(_populations(morphology))
    trial.try_nonlinearities(morphology.neurons.values())
    _refuse_what_does_not_fit(morphology, shapes, populations, classes, memory_limit)

    groups: dict[str, Group] = {}
    projections: list[Projection] = []
    sources = {stream: Source(stream, shape) for stream, shape in shapes.items()}
    reached: dict[str, list[int]] = defaultdict(list)  # stages of the sources of each group

    def add(group: Group) -> None:
        last = next(reversed(groups.values()), None)
        start = last.start + last.size if last else 0
        stage = 0 if group.role == "input" else 1 + max(reached[group.name], default=0)
        groups[group.name] = replace(group, stage=stage, start=start)

    def project(projection: Projection) -> None:
        projections.append(projection)
        reached[projection.target].append(groups[projection.source].stage)

    for stream, source in sources.items():
        add(Group(stream, "input", stream, source.size, 0, 0, 1))
    for number, population in enumerate(populations):
        places = branchings(population.neuron)
        # Children stand before their parents in the list of groups, so that a single pass runs the network.
        for position, place in reversed(list(enumerate(places))):
            compartment = place.compartment
            name = f"{population.name}/{place.name}"
            size = population.count * place.size
            for projection in _synapse_projections(name, population, place, sources, (seed, number, position)):
                project(projection)
            role: Role = "soma" if place.parent is None else "dendrite"
            add(
                Group(
                    name,
                    role,
                    population.name,
                    size,
                    0,
                    0,
                    population.count,
                    compartment.nonlinearity,
                    compartment.integration,
                    compartment.bias,
                    compartment.dropout,
                    compartment.normalisation,
                    trainable=compartment.trainable and population.trainable,
                    bias_trainable=compartment.trainable and compartment.bias_trainable and population.trainable,
                )
            )
            if place.parent is not None:
                parent = f"{population.name}/{places[place.parent].name}"
                reduce = _reduction(places[place.parent].compartment)
                cables = _cable_projection(name, parent, size, place, reduce)
                project(replace(cables, trainable=cables.trainable and population.trainable))
        sources[population.name] = _soma_of(population)
    last = sources[populations[-1].name]
    if classes is not None:
        name, readout = f"{last.group}->readout", morphology.readout
        project(
            Projection(
                name,
                "synapse",
                last.group,
                "readout",
                last.size,
                classes,
                readout.init,
                None,
                sign=last.sign,
                trainable=readout.trainable,
            )
        )
        learnt = readout.trainable and readout.bias_trainable
        add(Group("readout", "readout", "readout", classes, 0, 0, classes, bias=readout.bias, bias_trainable=learnt))
    order = {name: position for position, name in enumerate(groups)}
    projections.sort(key=lambda projection: order[projection.target])
    outputs = last.size if classes is None else classes
    graph = Graph(morphology.name, tuple(groups.values()), tuple(projections), shapes, outputs, seed, morphology)
    verify(graph)
    return graph


def whole(what: str, value: int, minimum: int) -> int:
    """The value as a plain int; NumPy's whole numbers are taken, too.

    Raises:
        DendrographError: it is none of at least the minimum.
    """
    try:
        found = minimum - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = minimum - 1
    if found < minimum:
        raise DendrographError(f"{what} must be a whole number of at least {minimum}, found {shown(value)}")
    return found


def _soma_of(population: Population) -> Source:
    return Source(f"{population.name}/{population.neuron.name}", (population.count,), population.sign)


def _bind_inputs(
    morphology: Morphology, inputs: Shape | int | Mapping[str, Shape | int] | None
) -> dict[str, tuple[int, ...]]:
    streams = morphology.inputs
    if inputs is None:
        given: dict[str, Shape | int] = {}
    elif isinstance(inputs, Mapping):
        given = dict(inputs)
        if len(given) == 1 and len(streams) == 1 and set(given) == {"image"}:
            given = {next(iter(streams)): given["image"]}  # the one stream of a data set feeds the one stream declared
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
        path = ("inputs", name)
        if found is None and declared is None:
            remedy = "declare it, such as [28, 28], or give the shape of the data"
            faults.append(morphology.fault(path, f"the shape of the stream '{name}' is not known", remedy))
        elif shape is None:
            allowed = "a shape is units, (height, width) or (height, width, channels), each at least 1"
            faults.append(morphology.fault(path, f"the data's shape {flow(found)} is no shape of an input", allowed))
        elif declared and shape != declared and not (len(declared) == 1 and math.prod(shape) == declared[0]):
            problem = f"declared as {flow(declared)}, but the data has {flow(shape)}"
            faults.append(morphology.fault(path, problem, "write auto to take the shape of the data"))
        else:
            # A stream declared as so many units is a plain vector, whatever the shape of the data.
            shapes[name] = declared if declared and len(declared) == 1 else shape
    if faults:
        raise MorphologyError(faults)
    return shapes


def _as_shape(found: Any) -> Shape | None:
    """The shape of an input as a tuple; None where it is none. NumPy's whole numbers are taken, too."""
    several = isinstance(found, Iterable) and not isinstance(found, bytes | bytearray)  # of bytes, each is a number
    try:
        shape = tuple(operator.index(side) for side in (found if several else (found,)))
    except TypeError:
        return None
    return shape if 1 <= len(shape) <= 3 and min(shape) >= 1 else None


def _populations(morphology: Morphology) -> Iterator[Population]:
    """The layers, stacks and repeats unfolded."""
    for copy in morphology.copies():
        layer, neuron = copy.layer, morphology.neurons[copy.layer.neuron]
        yield Population(copy.name, neuron, layer.count, copy.scope, layer.sign, layer.trainable)


def _refuse_what_does_not_fit(
    morphology: Morphology,
    shapes: Mapping[str, tuple[int, ...]],
    populations: tuple[Population, ...],
    classes: int | None,
    limit: int | None,
) -> None:
    """Count synapses and compartments and compare with memory; check that each field has enough sources."""
    units = {stream: Source(stream, shape) for stream, shape in shapes.items()}
    inputs = sum(source.size for source in units.values())
    sampled = dense = messages = compartments = groups = 0
    faults: dict[int, Fault] = {}  # one for an entry of synapses, in however many layers it stands
    for population in populations:
        for place in branchings(population.neuron):
            size = population.count * place.size
            groups += 1 + len(place.compartment.synapses)
            compartments += size
            sampled += size if place.parent is not None else 0
            alone = _reduction(place.compartment) != "sum"  # messages that are not summed as they come
            messages += alone * size * sum(dendrite.count for dendrite in place.compartment.dendrites)
            if place.compartment.normalisation != "none" and size == 1:
                problem = f"there is one such compartment in layer '{population.name}': nothing to normalise over"
                remedy = "write normalisation: none, or ask for more of them"
                fault = place.compartment.where.fault(problem, remedy, "normalisation")
                faults.setdefault(id(place.compartment), fault)
            if place.passed < LEAST:
                problem = (
                    f"a cable in layer '{population.name}' passes {place.passed:.1g} of the voltage of its dendrite"
                )
                remedy = "what is joined to its parent takes the rest: are all lengths and diameters in µm?"
                faults.setdefault(id(place.compartment), place.compartment.where.fault(problem, remedy, "cable"))
            shuffled = next((each for each in place.compartment.synapses if each.shuffle), None)
            if shuffled and size == 1:
                problem = f"there is one such compartment in layer '{population.name}': nothing to shuffle"
                fault = shuffled.where.fault(problem, "write shuffle: false, or ask for more of them", "shuffle")
                faults.setdefault(id(shuffled), fault)
            for synapses in place.compartment.synapses:
                found = _presynaptic(synapses, population, units)
                total = sum(source.size for source in found)
                each = total if synapses.count == "all" else synapses.count
                each *= found[0].channels if takes_positions(synapses.field) else 1
                summed = synapses.sign == Sign.SHUNTING or not (alone or synapses.nonlinearity)
                messages += 0 if summed else size * each
                if synapses.count == "all":
                    dense += size * total
                    continue
                sampled += size * each
                if (wrong := _too_few(synapses, found, population.name)) is not None:
                    faults.setdefault(id(synapses), wrong)
        units[population.name] = _soma_of(population)
        if groups > MOST_GROUPS:
            raise DendrographError(
                f"{morphology.file}: more than {MOST_GROUPS:,} kinds of compartments and synapses, layer by layer\n"
                "  compartments that are alike are written once, with a count"
            )
    Faults(faults.values()).raise_if_any()
    dense += populations[-1].count * (classes or 0)
    needed = memory.needed(sampled, dense, inputs + compartments + (classes or 0), messages)
    there = memory.available() if limit is None else limit
    if needed > there:
        stored = f"; {_counted(messages)} messages are stored: max, min, product and a synapse's nonlinearity need them"
        asked = f"{_counted(sampled + dense)} synapses and cables, {_counted(compartments)} compartments and "
        raise DendrographError(
            f"{morphology.file}: {asked}{_counted(inputs)} input units were asked for, which takes about "
            f"{memory.shown(needed)} to train; {memory.shown(there)} of memory is available\n"
            f"  ask for fewer somata, dendrites or synapses{stored * bool(messages)}"
        )


def takes_positions(field: str) -> bool:
    """Whether a field draws positions of one grid, each of which brings all of its channels."""
    return field in ("local", "global") or (field in fields.OWN and fields.OWN[field].positions)


def _counted(number: int) -> str:
    return f"{number:,}" if number < 10**18 else "more than 10^18"


def _presynaptic(synapses: Synapses, population: Population, sources: Mapping[str, Source]) -> list[Source]:
    """What synapses draw from, each once: in a first layer `[previous, image]` is the image alone."""
    return [sources[origin] for origin in dict.fromkeys(population.scope[name] for name in synapses.sources)]


def _too_few(synapses: Synapses, sources: list[Source], layer: str) -> Fault | None:
    count = synapses.count
    assert isinstance(count, int)
    drawn_from = " and ".join(f"'{source.group.split('/')[0]}'" for source in sources)
    if takes_positions(synapses.field):
        if len(sources) > 1:
            problem = f"field '{synapses.field}' lies on one grid, but there are {len(sources)} sources"
            return synapses.where.fault(problem, "write an entry of synapses for each source", "from")
        positions = sources[0].size // sources[0].channels
        if count > positions:
            problem = f"{count} positions asked for in layer '{layer}', but {drawn_from} has {positions}"
            return synapses.where.fault(problem, f"at most {positions}", "count")
        return None
    total = sum(source.size for source in sources)
    if count > total and not synapses.replace:
        have = "have" if len(sources) > 1 else "has"
        problem = f"{count} synapses a compartment asked for in layer '{layer}', but {drawn_from} {have} {total} units"
        twice = ", or replace: true" if synapses.field in ("random", "pooled") else ""
        return synapses.where.fault(problem, f"at most {total}{twice}", "count")
    return None


def _reduction(target: Compartment) -> str:
    """How messages onto a compartment are combined, projection by projection: a mean is a sum, divided in the end."""
    return "sum" if target.integration == "mean" else target.integration


def _cable_projection(child: str, parent: str, size: int, place: Branching, reduce: str) -> Projection:
    children = np.arange(size, dtype=wiring.index_type(size))
    cable, count = place.compartment.cable, place.compartment.count
    return Projection(
        f"{child}->{parent}",
        "cable",
        child,
        parent,
        size,
        size // count,
        place.start,
        (children, children // count),
        reduce=reduce,
        sign=cable.sign,
        factor=place.factor,
        trainable=cable.trainable and place.compartment.trainable,
    )


def _synapse_projections(
    target: str,
    population: Population,
    place: Branching,
    sources: Mapping[str, Source],
    seeds: tuple[int, int, int],
) -> Iterator[Projection]:
    """The projections of a group's synapses: one for each entry of `synapses` and each of its sources."""
    seed, layer, position = seeds
    size = population.count * place.size
    taken: dict[str, int] = {}
    for entry, synapses in enumerate(place.compartment.synapses):
        found = _presynaptic(synapses, population, sources)
        drawn: tuple[Indices, Indices] | None = None
        units = sum(source.size for source in found)
        field = Field("all", units, units * size)
        if synapses.count != "all":
            # Each entry has a stream of random numbers of its own: a change elsewhere leaves its wiring as it is.
            rng = wiring.stream(seed, _SYNAPSES, layer, position, entry)
            # One neuron has one centre a source, whichever of its dendrites asks: hence a stream a layer and source.
            neuron_rng = wiring.stream(seed, _CENTRES, layer, *found[0].group.encode())
            field, drawn = _draw(synapses, found, population.count, place.size, rng, neuron_rng)
            if synapses.shuffle:
                # What a compartment has of several entries stays together: hence a stream a group.
                exchange = wiring.shuffle(size, wiring.stream(seed, _SHUFFLE, layer, position))
                field, drawn = _exchanged(field, exchange), wiring.deal(*drawn, exchange)
        offset = 0
        for source in found:
            pairs = None
            if drawn is not None:
                pairs = drawn if len(found) == 1 else _from_one(drawn, offset, source.size)
            offset += source.size
            number = taken[source.group] = taken.get(source.group, 0) + 1
            name = f"{source.group}->{target}" + (f"#{number}" if number > 1 else "")
            sign = sign_from(synapses, source.sign)
            assert sign is not None, "the morphology was checked"
            yield Projection(
                name,
                "synapse",
                source.group,
                target,
                source.size,
                size,
                synapses.init,
                pairs,
                field,
                reduce="sum" if sign == Sign.SHUNTING else _reduction(place.compartment),
                nonlinearity=synapses.nonlinearity,
                sign=sign,
                trainable=synapses.trainable and place.compartment.trainable and population.trainable,
            )


def _from_one(drawn: tuple[Indices, Indices], offset: int, size: int) -> tuple[Indices, Indices]:
    """The edges from one of several sources, numbered within it."""
    source, target = drawn
    inside = (source >= offset) & (source < offset + size)
    return (source[inside] - offset).astype(wiring.index_type(size), copy=False), target[inside]


def _draw(
    synapses: Synapses,
    sources: list[Source],
    neurons: int,
    per_neuron: int,
    rng: np.random.Generator,
    neuron_rng: np.random.Generator,
) -> tuple[Field, tuple[Indices, Indices]]:
    """Sources and targets of all synapses of one entry; sources are numbered through all source groups."""
    count = synapses.count
    assert isinstance(count, int)
    targets = neurons * per_neuron
    total = sum(source.size for source in sources)
    if synapses.field == "pooled":
        field = Field("pooled", None, count * targets, not synapses.replace)
        return field, wiring.pool(total, targets, count, rng, synapses.replace)
    if synapses.field == "random":
        drawn = wiring.sample(total, targets, count, rng, synapses.replace)
        field = Field("random", count, count * targets, not synapses.replace)
        return field, (drawn.ravel(), _each(targets, count))
    if synapses.field == "tiled":
        field = Field("tiled", count, count * targets, count <= total, members=per_neuron)
        return field, (wiring.tile(total, neurons, per_neuron, count).ravel(), _each(targets, count))
    grid, channels = sources[0].grid, sources[0].channels
    if own := fields.OWN.get(synapses.field):
        there = total // channels if own.positions else total
        drawn = trial.draw(own, fields.Request(count, neurons, per_neuron, there, grid, channels, rng))
        fan_in = count * (channels if own.positions else 1)
        units = wiring.spread_channels(drawn, channels if own.positions else 1)
        return Field(own.name, fan_in, fan_in * targets), (units.ravel(), _each(targets, fan_in))
    neuron_centres, members = None, 0
    if synapses.field == "local":
        centres = wiring.scatter_centres(grid, targets, rng)
    else:
        members = min(synapses.group, neurons) * per_neuron
        full, rest = divmod(targets, members)  # the last set of neurons that share a centre may be smaller
        of_sets = wiring.scatter_centres(grid, full + (rest > 0), neuron_rng)
        in_full = wiring.gather_centres(grid, of_sets[:full], members, rng)
        centres = np.concatenate([in_full, wiring.gather_centres(grid, of_sets[full:], rest, rng)])
        neuron_centres = np.repeat(of_sets, members)[:targets]
    near = wiring.neighbourhood(grid, centres, count, rng)
    units = wiring.spread_channels(near, channels)
    fan_in = count * channels
    field = Field(
        synapses.field, fan_in, fan_in * targets, True, grid, channels, count, centres, neuron_centres, members
    )
    return field, (units.ravel(), _each(targets, fan_in))


def _exchanged(field: Field, drawn_for: Indices) -> Field:
    """The field once compartments have exchanged their synapses: their centres went with them."""
    moved = {
        key: column[drawn_for] for key in ("centres", "neuron_centres") if (column := getattr(field, key)) is not None
    }
    return replace(field, drawn_for=drawn_for, **moved)


def _each(targets: int, fan_in: int) -> Indices:
    """The target of each edge where all have the same fan-in."""
    return np.repeat(np.arange(targets, dtype=wiring.index_type(targets)), fan_in)
