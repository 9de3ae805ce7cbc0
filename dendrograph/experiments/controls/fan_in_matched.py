"""A morphology without its trees: each kind of compartment of each layer as a layer of point neurons."""

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

Made = tuple[Morphology, tuple[str, ...]]  # a control, and notes on what differs beside what it is for


@dataclass(frozen=True)
class PointLayer:
    """Point neurons in the place of the compartments at one place of a layer's trees.

    neuron: what each of them is, with synapses that draw from streams and from point layers by name
    sign: of every synapse that draws from them
    """

    name: str
    neuron: Compartment
    count: int
    sign: str = Sign.FREE


def fan_in_matched(graph: Graph, name: str, about: str) -> Made:
    """The sparse network of a morphology: units of the same kinds and numbers, as many synapses each, but no trees.

    It is what the paper's sANN-R is to its dANNs (Chavlis & Poirazi, Nature Communications 2025): see `point_layers`.
    """
    assert graph.morphology is not None, "it was compiled"
    layers = point_layers(graph)
    cables = [each for each in graph.projections if each.kind == "cable"]
    notes = []
    if any(cable.factor != 1.0 for cable in cables):
        notes.append("nothing attenuates as the cables did")
    if any(each.field is not None and each.field.rule == "pooled" for each in graph.projections):
        notes.append("the fan-in that varied (pooled) is the same for all")
    return to_morphology(layers, name, about, graph.morphology, graph.inputs), tuple(notes)


def point_layers(graph: Graph) -> tuple[PointLayer, ...]:
    """Each group of compartments as point neurons of the same number, nonlinearity and fan-in, wired at random.

    A group's synapses keep their number, sources, signs and nonlinearities, and whether they are learnt, drawn by the
    field `random` (`all` where they are all-to-all). The cables of each group of dendrites become as many random
    synapses from its point neurons: of c dendrites on each parent, c of each of the parent's point neurons. Dendrites
    stand before what they reach, so that each layer draws from earlier ones only.
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
    """The same layers of plain point neurons: each sums all units of all its sources, whatever the sign.

    Synapses that are declared as none (`count: 0`) stay none.
    """
    return tuple(replace(layer, neuron=_plain(layer.neuron), sign=Sign.FREE) for layer in layers)


def scaled(layers: Iterable[PointLayer], scale: float, least: int = 1) -> tuple[PointLayer, ...]:
    """Each layer's number of neurons times a factor, rounded; at least so many, or as many as it has."""
    return tuple(
        replace(layer, count=count, neuron=normalised(layer.neuron, count))
        for layer in layers
        for count in [max(min(least, layer.count), round(layer.count * scale))]
    )


def normalised(neuron: Compartment, count: int) -> Compartment:
    """The neuron as a layer of so many holds it: one alone has nothing to normalise over."""
    return replace(neuron, normalisation="none") if count == 1 else neuron


def to_morphology(
    layers: Sequence[PointLayer], name: str, about: str, like: Morphology, shapes: Mapping[str, Shape]
) -> Morphology:
    """A morphology of these layers, with plugins and readout of another. Layers that are alike share a neuron."""
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
    """A name that is not taken: the one that is wanted, cut in the middle where it is too long, or with a number."""
    taken = set(taken)
    number, name = 1, _cut(wanted)
    while name in taken:
        number += 1
        name = _cut(wanted, f"-{number}")
    return name


def _cut(name: str, ending: str = "") -> str:
    """Its beginning and its end, which tell most."""
    room = LONGEST_NAME - len(ending)
    if len(name) > room:
        head = room // 2 - 1
        name = f"{name[:head]}--{name[-(room - head - 2) :]}"
    return name + ending


def learns(init: Init) -> Init:
    """How the weights of point neurons wired alike may start: equal ones would stay equal through all training."""
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
    """The same number of synapses from the same sources, whatever the field drew."""
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
    """The neuron with the layer before called `previous`, so that layers which are wired alike are alike."""

    def called() -> Iterator[Synapses]:
        for each in neuron.synapses:
            yield replace(each, sources=tuple(PREVIOUS if name == before else name for name in each.sources))

    return replace(neuron, synapses=tuple(called()))
