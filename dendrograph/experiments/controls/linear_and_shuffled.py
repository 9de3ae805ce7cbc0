"""Controls that keep the trees: dendrites made linear, and synapses dealt out anew among the dendrites of a layer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from dendrograph.base.errors import DendrographError
from dendrograph.experiments.controls.fan_in_matched import Made
from dendrograph.graph.graph import LINEAR, Graph
from dendrograph.graph.tree import branchings
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.weights import Sign
from dendrograph.morphology.yaml_reader import Steps, unwound

ADDITIVE = ("sum", "mean")  # the integrations that are linear
BY_THEMSELVES = ("random", "pooled", "local")  # fields that draw for each compartment whatever its neuron is


def linear(graph: Graph, name: str, about: str) -> Made:
    """The same trees whose dendrites are linear: a soma's potential is then an affine function of what its tree hears.

    Whatever is not linear in a dendrite goes: its nonlinearity, that of its synapses, max, min and product (now sums),
    shunting (now subtraction), normalisation. Somata and the readout stay; nonlinear synapses onto somata go.

    Raises:
        DendrographError: there are no dendrites, or they are linear already.
    """
    morphology = _with_dendrites(graph)
    neurons = {key: unwound(_linear(neuron, soma=True)) for key, neuron in morphology.neurons.items()}
    if neurons == dict(morphology.neurons):
        raise DendrographError("its dendrites are linear already")
    dendrites = [place for neuron in _used(morphology).values() for place in _dendrites(neuron).values()]
    notes = []
    if others := sorted({each.integration for each in dendrites} - {*ADDITIVE}):
        notes.append(f"dendrites sum where they took the {' or the '.join(others)}")
    if any(each.normalisation != "none" for each in dendrites):
        notes.append("dendrites are not normalised")
    if any(synapses.sign == Sign.SHUNTING for each in dendrites for synapses in each.synapses):
        notes.append("shunting synapses of dendrites subtract")
    if any(each.nonlinearity.trainable for each in dendrites):
        notes.append("what was learnt of the dendrites' nonlinearities falls away")
    return replace(morphology, name=name, about=about, citation="", neurons=neurons), tuple(notes)


def _linear(compartment: Compartment, soma: bool) -> Steps[Compartment]:
    synapses = tuple(
        replace(each, nonlinearity=None, sign=Sign.INHIBITORY if each.sign == Sign.SHUNTING and not soma else each.sign)
        for each in compartment.synapses
    )
    below = []
    for each in compartment.dendrites:
        below.append((yield _linear(each, soma=False)))
    if soma:
        return replace(compartment, synapses=synapses, dendrites=tuple(below))
    return replace(
        compartment,
        nonlinearity=LINEAR,
        integration=compartment.integration if compartment.integration in ADDITIVE else "sum",
        normalisation="none",
        synapses=synapses,
        dendrites=tuple(below),
    )


def shuffled(graph: Graph, name: str, about: str) -> Made:
    """The same trees and the same synapses, but dendrites exchange theirs with those of other somata (`shuffle: true`).

    Shuffled are the dendrites of each kind that have more than one parent in the layer: among the dendrites of one
    parent an exchange is but another order. Synapses on somata stay.

    Raises:
        DendrographError: there are no dendrites, or none that an exchange would change.
    """
    morphology = _with_dendrites(graph)
    chosen = {key: tuple(_to_shuffle(morphology, key)) for key in _used(morphology)}
    if not any(chosen.values()):
        sampled = [
            each
            for neuron in _used(morphology).values()
            for place in _dendrites(neuron).values()
            for each in place.synapses
            if _is_sampled(each)
        ]
        raise DendrographError(
            "all dendrites of a kind have one parent: an exchange of their synapses is but another order"
            if sampled
            else "its dendrites draw all units, so that all have the same synapses"
        )
    neurons = {
        key: replace(
            neuron, dendrites=tuple(unwound(_exchanging(each, each.name, chosen[key])) for each in neuron.dendrites)
        )
        if key in chosen
        else neuron
        for key, neuron in morphology.neurons.items()
    }
    if neurons == dict(morphology.neurons):
        raise DendrographError("its synapses are shuffled already")
    fields = {
        synapses.field
        for key, places in chosen.items()
        for place in places
        for synapses in _dendrites(morphology.neurons[key])[place].synapses
        if _is_sampled(synapses)
    }
    notes: tuple[str, ...] = ()
    if fields <= {*BY_THEMSELVES}:
        notes = (f"each dendrite draws by itself ({', '.join(sorted(fields))}): one more draw of the same kind",)
    return replace(morphology, name=name, about=about, citation="", neurons=neurons), notes


def _to_shuffle(morphology: Morphology, key: str) -> Iterator[str]:
    """The dendrites of a neuron, by the names of their places, whose synapses an exchange would deal out anew.

    Each must be more than one in every layer of the neuron, as `shuffle` needs.
    """
    counts = [copy.layer.count for copy in morphology.copies() if copy.layer.neuron == key]
    for place in branchings(morphology.neurons[key])[1:]:
        parents = place.size // place.compartment.count
        several = max(counts) * parents > 1 and min(counts) * place.size > 1
        if several and any(_is_sampled(each) for each in place.compartment.synapses):
            yield place.name


def _exchanging(dendrite: Compartment, name: str, chosen: Collection[str]) -> Steps[Compartment]:
    below = []
    for each in dendrite.dendrites:
        below.append((yield _exchanging(each, f"{name}/{each.name}", chosen)))
    if name not in chosen:
        return replace(dendrite, dendrites=tuple(below))
    synapses = tuple(replace(each, shuffle=True) if _is_sampled(each) else each for each in dendrite.synapses)
    return replace(dendrite, synapses=synapses, dendrites=tuple(below))


def _is_sampled(synapses: Synapses) -> bool:
    return synapses.count not in ("all", 0)


def _with_dendrites(graph: Graph) -> Morphology:
    """The morphology of a graph, if there are dendrites in it."""
    morphology = graph.morphology
    assert morphology is not None, "it was compiled"
    if not any(neuron.dendrites for neuron in _used(morphology).values()):
        raise DendrographError("it has no dendrites")
    return morphology


def _used(morphology: Morphology) -> Mapping[str, Compartment]:
    """The neurons that layers are made of."""
    used = {copy.layer.neuron for copy in morphology.copies()}
    return {key: neuron for key, neuron in morphology.neurons.items() if key in used}


def _dendrites(neuron: Compartment) -> Mapping[str, Compartment]:
    """A neuron's dendrites by the names of their places."""
    return {place.name: place.compartment for place in branchings(neuron)[1:]}
