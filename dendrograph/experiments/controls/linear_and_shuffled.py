"""The controls `linear` and `shuffled`, which keep the trees: linear dendrites, and exchanged synapses."""

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
INDEPENDENT = ("random", "pooled", "local")  # receptive fields that are drawn for each compartment independently


def linear(graph: Graph, name: str, about: str) -> Made:
    """The same trees with linear dendrites: the potential of a soma is then an affine function of its inputs.

    Everything nonlinear in a dendrite is removed: its nonlinearity, that of its synapses, max, min and product (now
    sums), shunting (now subtraction), normalisation. Somata and the readout stay, without nonlinear synapses.

    Raises:
        DendrographError: there are no dendrites, or they are already linear.
    """
    morphology = _with_dendrites(graph)
    neurons = {key: unwound(_linear(neuron, soma=True)) for key, neuron in morphology.neurons.items()}
    if neurons == dict(morphology.neurons):
        raise DendrographError("its dendrites are linear already")
    dendrites = [place for neuron in _used(morphology).values() for place in _dendrites(neuron).values()]
    notes = []
    if others := sorted({each.integration for each in dendrites} - {*ADDITIVE}):
        notes.append(f"dendrites sum instead of taking the {' or the '.join(others)}")
    if any(each.normalisation != "none" for each in dendrites):
        notes.append("dendrites are not normalised")
    if any(synapses.sign == Sign.SHUNTING for each in dendrites for synapses in each.synapses):
        notes.append("shunting synapses of dendrites subtract")
    if any(each.nonlinearity.trainable for each in dendrites):
        notes.append("the trainable parameters of the nonlinearities of dendrites are removed")
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
    """The same trees and the same synapses, but dendrites of different somata exchange synapses (`shuffle: true`).

    The dendrites of each kind that have more than one parent in the layer are shuffled: among the dendrites of one
    parent, an exchange changes only the order. Synapses on somata stay.

    Raises:
        DendrographError: there are no dendrites, or an exchange would change none of them.
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
            "all dendrites of a kind have one parent: an exchange of their synapses only changes their order"
            if sampled
            else "its dendrites receive all units, so that all have the same synapses"
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
    if fields <= {*INDEPENDENT}:
        notes = (f"each dendrite draws independently ({', '.join(sorted(fields))}): one more draw of the same kind",)
    return replace(morphology, name=name, about=about, citation="", neurons=neurons), notes


def _to_shuffle(morphology: Morphology, key: str) -> Iterator[str]:
    """The names of the places of dendrites whose synapses an exchange would change.

    Every layer of the neuron must have more than one of each, as `shuffle` needs.
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
    """The morphology of a graph, which must have dendrites."""
    morphology = graph.morphology
    assert morphology is not None, "it was compiled"
    if not any(neuron.dendrites for neuron in _used(morphology).values()):
        raise DendrographError("it has no dendrites")
    return morphology


def _used(morphology: Morphology) -> Mapping[str, Compartment]:
    """The neurons that layers use."""
    used = {copy.layer.neuron for copy in morphology.copies()}
    return {key: neuron for key, neuron in morphology.neurons.items() if key in used}


def _dendrites(neuron: Compartment) -> Mapping[str, Compartment]:
    """The dendrites of a neuron, by the names of their places."""
    return {place.name: place.compartment for place in branchings(neuron)[1:]}
