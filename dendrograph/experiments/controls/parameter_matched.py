"""The parameter-matched and the compute-matched control: MLPs as large as another network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from dendrograph.base.errors import DendrographError
from dendrograph.experiments.controls.fan_in_matched import (
    Made,
    PointLayer,
    all_to_all,
    free_name,
    learns,
    normalised,
    point_layers,
    scaled,
    to_morphology,
)
from dendrograph.experiments.controls.linear_and_shuffled import ADDITIVE
from dendrograph.graph.graph import Graph
from dendrograph.graph.tree import branchings
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.nonlinearities import Nonlinearity
from dendrograph.morphology.synapses import PREVIOUS, Synapses
from dendrograph.morphology.weights import Sign

MOST_OVER = 0.1  # share by which a fair control may be larger than its morphology
MOST_LISTED = 6  # layers whose sizes are listed


def parameter_matched(graph: Graph, name: str, about: str) -> Made:
    """All-to-all hidden layers of one width w, whose number of trainable parameters is closest to that of a network.

    With P input units, L layers, C classes, b = 1 if units have a bias (and e trainable parameters of the nonlinearity
    per unit, g per layer), and r = 1 if the readout has biases:

        p(w) = P w + (L - 1) w^2 + L ((b + e) w + g) + (w + r) C

    Raises:
        DendrographError: one unit per layer has too many already.
    """
    morphology = graph.morphology
    assert morphology is not None, "it was compiled"
    copies = tuple(morphology.copies())
    soma = morphology.neurons[copies[0].layer.neuron]
    nonlinearity, answering = nonlinearity_of_layers(morphology)
    unit = Compartment(
        nonlinearity=nonlinearity, bias=soma.bias, dropout=soma.dropout, normalisation=soma.normalisation
    )
    shared = [how for _, how in unit.nonlinearity.trainable]
    inputs, depth = sum(math.prod(shape) for shape in graph.inputs.values()), len(copies)
    each, once = unit.bias + shared.count("compartment"), shared.count("group")

    def parameters(width: int) -> int:
        between = (depth - 1) * width**2
        own = depth * (each * width + once)
        read = morphology.readout.trainable * (width + (morphology.readout.bias and morphology.readout.bias_trainable))
        return inputs * width + between + own + read * graph.classes

    wanted = graph.trainable_parameters
    width = _nearest(parameters, wanted)
    _check_size(parameters(1), wanted, "parameters")
    init = learns(next(each.init for place in branchings(soma) for each in place.compartment.synapses))
    first = replace(normalised(unit, width), synapses=(Synapses("all", tuple(graph.inputs), "all", init),))
    deeper = replace(first, synapses=(Synapses("all", (PREVIOUS,), "all", init),))
    names = [free_name(f"hidden{number + 1}" if depth > 1 else "hidden", graph.inputs) for number in range(depth)]
    layers = [PointLayer(each, deeper if number else first, width) for number, each in enumerate(names)]
    notes = [(f"{depth} x " if depth > 1 else "") + _units(f"{width:,}")]
    notes += answering
    if len(graph.inputs) > 1:
        notes.append("all streams enter the first layer")
    if graph.frozen:
        notes.append(
            "all parameters of its hidden layers are trainable: frozen parameters of the morphology are not counted"
        )
    return to_morphology(layers, name, about, morphology, graph.inputs), (
        *notes,
        *_far(parameters(width), wanted),
    )


def compute_matched(graph: Graph, name: str, about: str) -> Made:
    """The vanilla network with the proportions of another, whose multiplications per sample are closest to the other's.

    A layer of point neurons replaces each group of compartments, all-to-all from the layers of its dendrites and the
    sources of its synapses. Of n_g compartments max(C, s n_g) remain, or all if there are fewer. The factor s is the
    same for all groups, rounded up or down, so that synapses and cables, each a multiplication, come closest:

        m = sum over layers g of n_g (sum over its sources h of n_h) + n_last C

    A layer with fewer units than C classes would be a bottleneck, whatever it computes. Such a layer remains only if
    more units would need too many multiplications.

    Raises:
        DendrographError: one unit per layer has too many already.
    """
    assert graph.morphology is not None, "it was compiled"
    plain, answering = all_to_all(point_layers(graph)), tuple[str, ...]()
    if all(layer.neuron.nonlinearity.name == "identity" for layer in plain):
        nonlinearity, answering = nonlinearity_of_layers(graph.morphology)
        plain = tuple(replace(layer, neuron=replace(layer.neuron, nonlinearity=nonlinearity)) for layer in plain)
    fixed = {stream: math.prod(shape) for stream, shape in graph.inputs.items()}
    wired = [(layer.name, [*_drawn(layer.neuron)]) for layer in plain]

    def multiplications(layers: Sequence[PointLayer]) -> int:
        sizes = fixed | {layer.name: layer.count for layer in layers}
        between = sum(sizes[name] * sum(sizes[source] for source in sources) for name, sources in wired)
        return between + sizes[plain[-1].name] * graph.classes

    _check_size(multiplications(scaled(plain, 0.0)), graph.edges, "synapses and cables")
    least = graph.classes if multiplications(scaled(plain, 0.0, graph.classes)) <= graph.edges else 1

    def fits(factor: float) -> bool:
        return multiplications(scaled(plain, factor, least)) <= graph.edges

    low, high = 0.0, 1.0
    while fits(high):
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if fits(middle) else (low, middle)
    # Between the two, layers of equal size grow together: the last ones of them may grow first.
    below, above = scaled(plain, low, least), scaled(plain, high, least)
    steps = [(*below[:split], *above[split:]) for split in range(len(plain) + 1)]
    layers = min(steps, key=lambda some: abs(multiplications(some) - graph.edges))
    units = ", ".join(f"{layer.count:,}" for layer in layers[:MOST_LISTED]) + (
        ", ..." if len(layers) > MOST_LISTED else ""
    )
    narrow = least < graph.classes and min(layer.count for layer in layers) < graph.classes
    bottleneck = (
        ("a layer is narrower than the readout, which alone costs accuracy: compare with care",) if narrow else ()
    )
    notes = (_units(units), *answering, *bottleneck, *_far(multiplications(layers), graph.edges))
    return to_morphology(layers, name, about, graph.morphology, graph.inputs), notes


def _units(count: str) -> str:
    return f"{count} unit" + ("" if count == "1" else "s")


def nonlinearity_of_layers(morphology: Morphology) -> tuple[Nonlinearity, tuple[str, ...]]:
    """The nonlinearity of the first layer whose neurons are not linear; see `nonlinearity_of_neuron`."""
    answers = [nonlinearity_of_neuron(morphology.neurons[copy.layer.neuron]) for copy in morphology.copies()]
    return next((found for found in answers if found[0].name != "identity"), answers[0])


def nonlinearity_of_neuron(soma: Compartment) -> tuple[Nonlinearity, tuple[str, ...]]:
    """The nonlinearity of a neuron as one unit, and a note if it is not that of the soma.

    If the soma is linear, it is that of the nearest nonlinear dendrite, or else that of synapses. If only the
    integration or the shunting is nonlinear, which no point neuron has, it is `leaky_relu`. Only a neuron that is
    linear throughout becomes a linear unit, since a network of linear units would not be a fair match.
    """
    compartments = [place.compartment for place in branchings(soma)]
    synapses = [each for compartment in compartments for each in compartment.synapses]
    if soma.nonlinearity.name != "identity":
        return soma.nonlinearity, ()
    for nonlinearity in (each.nonlinearity for each in compartments):
        if nonlinearity.name != "identity":
            return nonlinearity, (f"its units use {nonlinearity.name}, as dendrites do: the somata are linear",)
    for nonlinearity in (each.nonlinearity for each in synapses if each.nonlinearity is not None):
        if nonlinearity.name != "identity":
            return nonlinearity, (f"its units use {nonlinearity.name}, as synapses do: compartments are linear",)
    if any(each.integration not in ADDITIVE for each in compartments) or any(
        each.sign == Sign.SHUNTING for each in synapses
    ):
        unit = Nonlinearity("leaky_relu")
        return unit, ("its units use leaky_relu: compartments are linear except for their integration",)
    return soma.nonlinearity, ()


def _drawn(neuron: Compartment) -> list[str]:
    return [source for synapses in neuron.synapses if synapses.count != 0 for source in synapses.sources]


def _nearest(count: Callable[[int], int], target: int) -> int:
    """The whole number from 1 whose count is closest to the target, the smaller of two; the count must increase."""
    low, high = 1, 2
    while count(high) <= target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= target else (low, middle)
    return min((low, high), key=lambda number: abs(count(number) - target))


def _far(found: int, target: int) -> tuple[str, ...]:
    """A note if the closest number is not close."""
    return ("no other number of units is closer",) if abs(found - target) > MOST_OVER * target else ()


def _check_size(least: int, target: int, what: str) -> None:
    if least > (1 + MOST_OVER) * target:
        raise DendrographError(f"with one unit per layer it already has {least:,} {what}, more than {target:,}")
