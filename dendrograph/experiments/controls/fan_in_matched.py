"""The fan-in-matched control: each kind of compartment of each layer becomes a layer of point neurons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dendrograph.graph.graph import Graph
from dendrograph.graph.populations import takes_positions
from dendrograph.graph.tree import Branching, branchings
from dendrograph.morphology.morphology import Morphology, Shape
from dendrograph.morphology.neuron import SOMA, Compartment
from dendrograph.morphology.registry import LONGEST_NAME
from dendrograph.morphology.synapses import PREVIOUS, Synapses
from dendrograph.morphology.weights import Init, Sign

Made = tuple[Morphology, tuple[str, ...]]  # a control, and notes on further differences


@dataclass(frozen=True)
class PointLayer:
    """Point neurons that replace the compartments at one place of the trees of a layer.

    neuron: the neuron of the layer, with synapses from streams and from point layers by name
    sign: of every synapse from these neurons
    """

    name: str
    neuron: Compartment
    count: int
    sign: str = Sign.FREE


def fan_in_matched(graph: Graph, name: str, about: str) -> Made:
    """The sparse network of a morphology: units of the same kinds and numbers of synapses, but no trees.

    It corresponds to the sANN-R of the paper (Chavlis & Poirazi, Nature Communications 2025): see `point_layers`.
    """
    assert graph.morphology is not None, "it was compiled"
    layers = point_layers(graph)
    cables = [each for each in graph.projections if each.kind == "cable"]
    notes = []
    if any(cable.factor != 1.0 for cable in cables):
        notes.append("there is no attenuation by cables")
    if any(each.field is not None and each.field.rule == "pooled" for each in graph.projections):
        notes.append("all units have the same fan-in, which varied (pooled)")
    return to_morphology(layers, name, about, graph.morphology, graph.inputs), tuple(notes)


def point_layers(graph: Graph) -> tuple[PointLayer, ...]:
    """Each group of compartments as point neurons of the same number, nonlinearity and fan-in, wired at random.

    Synapses keep their number, sources, signs, nonlinearities and whether they are trainable. They are drawn by the
    receptive field `random` (or `all`). The cables of a group of dendrites become random synapses from its point
    neurons: with c dendrites on each parent, c synapses on each point neuron of the parent. Dendrites come before their
    parents, so that each layer draws from earlier ones only.
    """
    assert graph.morphology is not None, "it was compiled"
    made: list[PointLayer] = []
    names = set(graph.inputs)
    somata: dict[str, str] = {}  # the point layer of each layer's somata
    for copy in graph.morphology.copies():
        places = branchings(graph.morphology.neurons[copy.layer.neuron])
        named: dict[int, str] = {}
        for position, place in reversed(list(enumerate(places))):
            wanted = f"{copy.name}-{place.name.replace('/', '-')}" if len(places) > 1 else copy.name
            name = named[position] = free_name(wanted, names)
            names.add(name)
            scope = {called: somata.get(origin, origin) for called, origin in copy.scope.items()}
            learnt = copy.layer.trainable and place.compartment.trainable
            synapses = [
                replace(_at_random(each, scope, graph.inputs), trainable=each.trainable and learnt)
                for each in place.compartment.synapses
            ]
            synapses += [
                _in_place_of_cables(places[child], named[child], copy.layer.trainable)
                for child in sorted(named)
                if places[child].parent == position
            ]
            soma = place.parent is None
            neuron = _point(place.compartment, synapses, learnt)
            made.append(PointLayer(name, neuron, copy.layer.count * place.size, copy.layer.sign if soma else Sign.FREE))
            if soma:
                somata[copy.name] = name
    return tuple(made)


def all_to_all(layers: Sequence[PointLayer]) -> tuple[PointLayer, ...]:
    """The same layers of plain point neurons, which sum all units of all their sources, without signs.

    Synapses that are declared with `count: 0` stay without edges.
    """
    return tuple(replace(layer, neuron=_plain(layer.neuron), sign=Sign.FREE) for layer in layers)


def scaled(layers: Iterable[PointLayer], scale: float, least: int = 1) -> tuple[PointLayer, ...]:
    """The layers with their numbers of neurons times a factor, rounded, and at least `least` or all of them."""
    return tuple(
        replace(layer, count=count, neuron=normalised(layer.neuron, count))
        for layer in layers
        for count in [max(min(least, layer.count), round(layer.count * scale))]
    )


def normalised(neuron: Compartment, count: int) -> Compartment:
    """The neuron in a layer of `count` neurons: a single one cannot be normalised."""
    return replace(neuron, normalisation="none") if count == 1 else neuron


def to_morphology(
    layers: Sequence[PointLayer], name: str, about: str, like: Morphology, shapes: Mapping[str, Shape]
) -> Morphology:
    """A morphology of these layers, with plugins and readout of another. Equal layers share a neuron."""
    neurons: dict[str, Compartment] = {}
    kinds: dict[Compartment, str] = {}
    built: list[dict[str, object]] = []
    before: str | None = next(iter(shapes)) if len(shapes) == 1 else None
    for layer in layers:
        neuron = _drawing_from_previous(layer.neuron, before)
        if neuron not in kinds:
            kinds[neuron] = layer.name
            neurons[layer.name] = neuron
        built.append(
            {
                "name": layer.name,
                "neuron": kinds[neuron],
                "count": layer.count,
                **({"sign": layer.sign} if layer.sign != Sign.FREE else {}),
            }
        )
        before = layer.name
    shell = Morphology(name, neurons, (), about=about, inputs=shapes, readout=like.readout, plugins=like.plugins)
    return Morphology.from_dict({**shell.to_dict(), "layers": built}, name)


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """A free name: the wanted one, shortened in the middle if it is too long, or with a number."""
    taken = set(taken)
    number, name = 1, _cut(wanted)
    while name in taken:
        number += 1
        name = _cut(wanted, f"-{number}")
    return name


def _cut(name: str, ending: str = "") -> str:
    """The beginning and the end of a name, which are the most informative parts."""
    room = LONGEST_NAME - len(ending)
    if len(name) > room:
        head = room // 2 - 1
        name = f"{name[:head]}--{name[-(room - head - 2) :]}"
    return name + ending


def learns(init: Init) -> Init:
    """Initial weights for point neurons with the same wiring: equal ones would stay equal during training."""
    return Init() if init.name == "constant" else init


def _point(compartment: Compartment, synapses: Iterable[Synapses], learnt: bool) -> Compartment:
    nonlinearity = compartment.nonlinearity
    return Compartment(
        SOMA,
        nonlinearity=nonlinearity if learnt else replace(nonlinearity, trainable=()),
        integration=compartment.integration,
        bias=compartment.bias,
        dropout=compartment.dropout,
        normalisation=compartment.normalisation,
        bias_trainable=compartment.bias_trainable and learnt,
        synapses=tuple(synapses),
    )


def _at_random(synapses: Synapses, scope: Mapping[str, str], streams: Mapping[str, Shape]) -> Synapses:
    """The same number of synapses from the same sources, drawn at random."""
    sources = tuple(dict.fromkeys(scope[source] for source in synapses.sources))
    if synapses.count == "all":
        return replace(synapses, sources=sources, group=1)
    shape = streams.get(sources[0], ())
    channels = shape[2] if len(shape) == 3 and takes_positions(synapses.field) else 1
    return replace(synapses, sources=sources, field="random", count=synapses.count * channels, group=1, shuffle=False)


def _in_place_of_cables(dendrites: Branching, layer: str, learnt: bool) -> Synapses:
    cable = dendrites.compartment.cable
    trainable = cable.trainable and dendrites.compartment.trainable and learnt
    return Synapses(
        dendrites.compartment.count, (layer,), "random", dendrites.start, sign=cable.sign, trainable=trainable
    )


def _plain(neuron: Compartment) -> Compartment:
    silent = tuple(replace(each, sign=Sign.FREE, nonlinearity=None) for each in neuron.synapses if each.count == 0)
    drawing = [each for each in neuron.synapses if each.count != 0]
    synapses = silent
    if drawing:
        sources = tuple(dict.fromkeys(source for each in drawing for source in each.sources))
        learnt = any(each.trainable for each in drawing)
        synapses = (Synapses("all", sources, "all", learns(drawing[0].init), trainable=learnt), *silent)
    return replace(neuron, integration="sum", synapses=synapses)


def _drawing_from_previous(neuron: Compartment, before: str | None) -> Compartment:
    """The neuron with the layer before it named `previous`, so that layers with the same wiring are equal."""

    def renamed() -> Iterator[Synapses]:
        for each in neuron.synapses:
            yield replace(each, sources=tuple(PREVIOUS if name == before else name for name in each.sources))

    return replace(neuron, synapses=tuple(renamed()))
