"""From a morphology to a graph: layers expanded, trees unfolded, synapses drawn, the result verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dendrograph import memory, wiring
from dendrograph.errors import DendrographError, Fault, MorphologyError
from dendrograph.graph import Field, Graph, Group, Indices, Projection, Role
from dendrograph.morphology import PREVIOUS, Compartment, Layer, Morphology, Shape, Synapses
from dendrograph.tree import Branching, branchings
from dendrograph.verify import verify

MOST_LAYERS = 1000


@dataclass(frozen=True)
class Population:
    """One layer after stacks are unfolded. `scope` maps each name that its synapses may use to a group."""

    name: str
    neuron: Compartment
    count: int
    scope: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """A group as its targets see it: its units, and the grid that receptive fields are laid on."""

    group: str
    size: int
    grid: tuple[int, int]
    channels: int


def compile(
    morphology: Morphology,
    inputs: Shape | int | Mapping[str, Shape | int] | None = None,
    classes: int = 10,
    seed: int = 0,
    memory_limit: int | None = None,
) -> Graph:
    """Compile a morphology to a graph; the same arguments give the same graph, bit for bit.

    Args:
        morphology: what `load` gives.
        inputs: shape of one sample, such as `(28, 28)`, `(32, 32, 3)` or `784`; a mapping of stream to shape where the
            morphology declares several streams. Streams whose shape the morphology declares may be left out.
        classes: units of the readout.
        seed: of the wiring (and, by default, of the initial weights).
        memory_limit: bytes that training may take; by default what this machine has available.

    Raises:
        MorphologyError: a receptive field that the sources cannot fill, an input that does not fit.
        DendrographError: a network that does not fit in memory; nothing has been allocated by then.
        WiringError: the wiring is not what the morphology declares (never, unless a rule is broken).
    """
    if type(classes) is not int or classes < 1:
        raise DendrographError(f"classes must be a whole number of at least 1, found {classes!r}")
    if type(seed) is not int or seed < 0:
        raise DendrographError(f"the seed must be a whole number of at least 0, found {seed!r}")
    shapes = _bind_inputs(morphology, inputs)
    populations = tuple(_populations(morphology))
    _refuse_unused(morphology, populations)
    _refuse_what_does_not_fit(morphology, shapes, populations, classes, memory_limit)

    groups: dict[str, Group] = {}
    projections: list[Projection] = []
    sources: dict[str, Source] = {}

    def add(group: Group) -> None:
        reached = [groups[projection.source].stage for projection in projections if projection.target == group.name]
        stage = 0 if group.role == "input" else 1 + max(reached, default=0)
        start = sum(other.size for other in groups.values())
        groups[group.name] = Group(**{**vars(group), "stage": stage, "start": start})

    for stream, shape in shapes.items():
        sources[stream] = _input_source(stream, shape)
        add(Group(stream, "input", stream, sources[stream].size, 0, 0, 1))
    for number, population in enumerate(populations):
        places = branchings(population.neuron)
        # Children stand before their parents in the list of groups, so that a single pass runs the network.
        for place in reversed(places):
            compartment = place.compartment
            name = f"{population.name}/{place.name}"
            projections += _synapse_projections(name, population, place, sources, (seed, number, places.index(place)))
            if place.parent is not None:
                continue_to = f"{population.name}/{places[place.parent].name}"
                projections.append(_cable_projection(name, continue_to, population.count * place.size, compartment))
            role: Role = "soma" if place.parent is None else "dendrite"
            add(
                Group(
                    name,
                    role,
                    population.name,
                    population.count * place.size,
                    0,
                    0,
                    population.count,
                    compartment.nonlinearity,
                    compartment.integration,
                    compartment.bias,
                    compartment.dropout,
                )
            )
        soma = f"{population.name}/{population.neuron.name}"
        sources[soma] = Source(soma, population.count, wiring.nearly_square(population.count), 1)
    last = sources[_soma_of(populations[-1])]
    readout = morphology.readout
    projections.append(
        Projection(f"{last.group}->readout", "synapse", last.group, "readout", last.size, classes, readout.init, None)
    )
    add(Group("readout", "readout", "readout", classes, 0, 0, classes, bias=readout.bias))
    order = {name: position for position, name in enumerate(groups)}
    projections.sort(key=lambda projection: order[projection.target])
    graph = Graph(morphology.name, tuple(groups.values()), tuple(projections), shapes, classes, seed, morphology)
    verify(graph)
    return graph


def _soma_of(population: Population) -> str:
    return f"{population.name}/{population.neuron.name}"


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
        wanted = ", ".join(streams)
        raise DendrographError(f"{morphology.name} has several input streams\n  give a shape for each of: {wanted}")
    faults = [
        Fault(
            morphology.file, f"inputs.{name}", f"the data has a stream '{name}', which the morphology does not declare"
        )
        for name in given
        if name not in streams
    ]
    shapes = {}
    for name, declared in streams.items():
        found = given.get(name)
        shape = declared if found is None else (found,) if isinstance(found, int) else tuple(found)
        path = f"inputs.{name}"
        if shape is None:
            faults.append(Fault(morphology.file, path, "no shape", "the stream is auto: the data must bring its shape"))
            continue
        if not 1 <= len(shape) <= 3 or any(type(side) is not int or side < 1 for side in shape):
            allowed = "units, (height, width) or (height, width, channels), each at least 1"
            faults.append(Fault(morphology.file, path, f"{shape} is no shape of an input", allowed))
        elif declared and shape != declared and not (len(declared) == 1 and np.prod(shape) == declared[0]):
            problem = f"declared as {list(declared)}, but the data has {list(shape)}"
            faults.append(Fault(morphology.file, path, problem, "write auto to take the shape of the data"))
        # A stream declared as so many units is a plain vector, whatever the shape of the data.
        shapes[name] = tuple(declared) if declared and len(declared) == 1 else tuple(shape)
    if faults:
        raise MorphologyError(faults)
    return shapes


def _populations(morphology: Morphology) -> Iterator[Population]:
    """Unfold `repeat` and stacks; a layer that is repeated is numbered, and its bare name means the latest copy."""
    streams = list(morphology.inputs)
    scope = {stream: stream for stream in streams}
    if len(streams) == 1:
        scope[PREVIOUS] = streams[0]
    total = 0

    def unfold(layer: Layer, names: Iterator[str], copies: int) -> Iterator[Population]:
        nonlocal total
        for _ in range(copies):
            total += 1
            if total > MOST_LAYERS:
                problem = f"more than {MOST_LAYERS} layers"
                raise MorphologyError([layer.where.fault(problem, "a smaller repeat", "repeat")])
            name = next(names)
            neuron = morphology.neurons[layer.neuron]
            yield Population(name, neuron, layer.count, dict(scope))
            soma = f"{name}/{neuron.name}"
            scope.update({name: soma, layer.name: soma, PREVIOUS: soma})

    def numbered(layer: Layer, copies: int) -> Iterator[str]:
        return (f"{layer.name}{copy + 1}" if copies > 1 else layer.name for copy in range(copies))

    for entry in morphology.layers:
        if isinstance(entry, Layer):
            yield from unfold(entry, numbered(entry, entry.repeat), entry.repeat)
            continue
        names = [numbered(layer, entry.repeat * layer.repeat) for layer in entry.layers]
        for _ in range(entry.repeat):
            for layer, own_names in zip(entry.layers, names, strict=True):
                yield from unfold(layer, own_names, layer.repeat)


def _refuse_unused(morphology: Morphology, populations: tuple[Population, ...]) -> None:
    """A stream or a layer that feeds nothing is a slip: it would cost time and change nothing."""
    used = {_soma_of(populations[-1])}
    names = [population.name for population in populations]
    for name in names:
        if names.count(name) > 1:
            raise MorphologyError(
                [Fault(morphology.file, "layers", f"two layers are named '{name}' once repeats unfold")]
            )
    for population in populations:
        for place in branchings(population.neuron):
            for synapses in place.compartment.synapses:
                used.update(population.scope[source] for source in synapses.sources)
    faults = [
        Fault(
            morphology.file,
            f"inputs.{stream}",
            "no synapse draws from this stream",
            "remove it, or name it in a 'from'",
        )
        for stream in morphology.inputs
        if stream not in used
    ]
    faults += [
        Fault(
            morphology.file,
            "layers",
            f"layer '{population.name}' feeds nothing",
            "let a later layer draw from it; in a repeated layer, from: previous is the copy before",
        )
        for population in populations
        if _soma_of(population) not in used
    ]
    if faults:
        raise MorphologyError(faults)


def _refuse_what_does_not_fit(
    morphology: Morphology,
    shapes: Mapping[str, tuple[int, ...]],
    populations: tuple[Population, ...],
    classes: int,
    limit: int | None,
) -> None:
    """Count synapses and compartments and compare with memory; check that each field has enough sources."""
    units = {stream: _input_source(stream, shape) for stream, shape in shapes.items()}
    sampled = dense = compartments = 0
    faults: dict[Fault, None] = {}
    for population in populations:
        for place in branchings(population.neuron):
            size = population.count * place.size
            compartments += size
            sampled += size if place.parent is not None else 0
            for synapses in place.compartment.synapses:
                found = [units[population.scope[source]] for source in synapses.sources]
                total = sum(source.size for source in found)
                if synapses.count == "all":
                    dense += size * total
                    continue
                sampled += size * synapses.count * (found[0].channels if synapses.field in ("local", "global") else 1)
                if fault := _too_few(synapses, found, size):
                    faults[fault] = None
        # The grid is laid out only when the layer is compiled: its factors are not needed to count.
        units[_soma_of(population)] = Source(_soma_of(population), population.count, (1, population.count), 1)
    if faults:
        raise MorphologyError(faults)
    dense += populations[-1].count * classes
    needed = memory.needed(sampled, dense, compartments)
    there = memory.available() if limit is None else limit
    if needed > there:
        raise DendrographError(
            f"{morphology.file or morphology.name}: {sampled + dense:,} synapses and cables and {compartments:,} "
            f"compartments were asked for, which takes about {memory.shown(needed)} to train; "
            f"{memory.shown(there)} of memory are available\n  ask for fewer somata, dendrites or synapses"
        )


def _too_few(synapses: Synapses, sources: list[Source], targets: int) -> Fault | None:
    count = synapses.count
    assert isinstance(count, int)
    names = ", ".join(synapses.sources)
    if synapses.field in ("local", "global"):
        if len(sources) > 1:
            problem = f"field '{synapses.field}' lies on one grid, but there are {len(sources)} sources"
            return synapses.where.fault(problem, "write one synapses entry a source", "from")
        positions = sources[0].size // sources[0].channels
        if count > positions:
            problem = f"{count} positions asked for, but '{names}' has {positions}"
            return synapses.where.fault(problem, f"at most {positions}", "count")
        return None
    total = sum(source.size for source in sources)
    if count > total and not synapses.replace:
        problem = f"{count} synapses a compartment asked for, but '{names}' has {total} units"
        return synapses.where.fault(problem, f"at most {total}, or replace: true", "count")
    return None


def _input_source(stream: str, shape: tuple[int, ...]) -> Source:
    size = int(np.prod(shape, dtype=object))
    if len(shape) == 1:
        return Source(stream, size, wiring.nearly_square(size), 1)
    return Source(stream, size, (shape[0], shape[1]), shape[2] if len(shape) == 3 else 1)


def _cable_projection(child: str, parent: str, size: int, compartment: Compartment) -> Projection:
    children = np.arange(size)
    pairs = (children, children // compartment.count)
    return Projection(
        f"{child}->{parent}", "cable", child, parent, size, size // compartment.count, compartment.cable, pairs
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
        found = [sources[population.scope[source]] for source in synapses.sources]
        drawn: tuple[Indices, Indices] | None = None
        field = Field("all", sum(source.size for source in found))
        if synapses.count != "all":
            # Each entry has a stream of random numbers of its own: a change elsewhere leaves its wiring as it is.
            rng = np.random.default_rng([seed, layer, position, entry])
            # One neuron has one centre a source, whichever of its dendrites asks: hence a stream a layer and source.
            neuron_rng = np.random.default_rng([seed, layer, *found[0].group.encode()])
            field, drawn = _draw(synapses, found, population.count, place.size, rng, neuron_rng)
        offset = 0
        for source in found:
            pairs = None
            if drawn is not None:
                inside = (drawn[0] >= offset) & (drawn[0] < offset + source.size)
                pairs = drawn if len(found) == 1 else (drawn[0][inside] - offset, drawn[1][inside])
            offset += source.size
            number = taken[source.group] = taken.get(source.group, 0) + 1
            name = f"{source.group}->{target}" + (f"#{number}" if number > 1 else "")
            yield Projection(name, "synapse", source.group, target, source.size, size, synapses.init, pairs, field)


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
        return Field("pooled", None), wiring.pool(total, targets, count, rng, synapses.replace)
    if synapses.field == "random":
        drawn = wiring.sample(total, targets, count, rng, synapses.replace)
        return Field("random", count), (drawn.ravel(), np.repeat(np.arange(targets), count))
    grid, channels = sources[0].grid, sources[0].channels
    neuron_centres = None
    if synapses.field == "local":
        centres = wiring.scatter_centres(grid, targets, rng)
    else:
        sets = -(-neurons // synapses.group)
        of_sets = wiring.scatter_centres(grid, sets, neuron_rng)
        members = synapses.group * per_neuron
        centres = wiring.gather_centres(grid, of_sets, members, rng)[:targets]
        neuron_centres = np.repeat(of_sets, members)[:targets]
    near = wiring.neighbourhood(grid, centres, count, rng)
    units = wiring.spread_channels(near, channels)
    field = Field(synapses.field, count * channels, grid, channels, count, centres, neuron_centres)
    return field, (units.ravel(), np.repeat(np.arange(targets), count * channels))
