"""Plain networks of point neurons that are as large as another network: in parameters, or in multiplications."""

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

MOST_OVER = 0.1  # a control that is larger than its morphology by more than this share is no fair one
MOST_TOLD = 6  # layers whose sizes are told


def parameter_matched(graph: Graph, name: str, about: str) -> Made:
    """Hidden layers of one width w, all-to-all, whose trainable parameters come nearest to those of a network.

    With P input units, L layers, C classes, b = 1 where units have a bias (and e more that each learns of its
    nonlinearity, g a layer) and r = 1 where the readout has biases:

        p(w) = P w + (L - 1) w^2 + L ((b + e) w + g) + (w + r) C

    Raises:
        DendrographError: one unit a layer has too many already.
    """
    morphology = graph.morphology
    assert morphology is not None, "it was compiled"
    copies = tuple(morphology.copies())
    soma = morphology.neurons[copies[0].layer.neuron]
    nonlinearity, answering = answer_of_layers(morphology)
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
    _refuse_larger(parameters(1), wanted, "parameters")
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
        notes.append("all of its hidden layers is learnt: what the morphology does not learn is not counted")
    return to_morphology(layers, name, about, morphology, graph.inputs), (
        *notes,
        *_far(parameters(width), wanted),
    )


def compute_matched(graph: Graph, name: str, about: str) -> Made:
    """The vanilla network in the proportions of another whose multiplications a sample come nearest to the other's.

    A layer of point neurons stands for each group of compartments, all-to-all from whatever reaches the group: its
    dendrites' layers, and the sources of its synapses. Of n_g compartments remain max(C, s n_g), or all where there are
    fewer, with one factor s for all, rounded up or down, so that synapses and cables, each a multiplication, come
    nearest:

        m = sum over layers g of n_g (sum over its sources h of n_h) + n_last C

    A layer of fewer units than there are C classes would lose by its narrowness, whatever it computes. One is left so
    narrow only where more would be too many multiplications.

    Raises:
        DendrographError: one unit a layer has too many already.
    """
    assert graph.morphology is not None, "it was compiled"
    plain, answering = all_to_all(point_layers(graph)), tuple[str, ...]()
    if all(layer.neuron.nonlinearity.name == "identity" for layer in plain):
        nonlinearity, answering = answer_of_layers(graph.morphology)
        plain = tuple(replace(layer, neuron=replace(layer.neuron, nonlinearity=nonlinearity)) for layer in plain)
    fixed = {stream: math.prod(shape) for stream, shape in graph.inputs.items()}
    wired = [(layer.name, [*_drawn(layer.neuron)]) for layer in plain]

    def multiplications(layers: Sequence[PointLayer]) -> int:
        sizes = fixed | {layer.name: layer.count for layer in layers}
        between = sum(sizes[name] * sum(sizes[source] for source in sources) for name, sources in wired)
        return between + sizes[plain[-1].name] * graph.classes

    _refuse_larger(multiplications(scaled(plain, 0.0)), graph.edges, "synapses and cables")
    least = graph.classes if multiplications(scaled(plain, 0.0, graph.classes)) <= graph.edges else 1

    def fits(factor: float) -> bool:
        return multiplications(scaled(plain, factor, least)) <= graph.edges

    low, high = 0.0, 1.0
    while fits(high):
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if fits(middle) else (low, middle)
    # Between the two lies a step at which layers of like sizes grow together: some of them may go first, the last ones.
    below, above = scaled(plain, low, least), scaled(plain, high, least)
    steps = [(*below[:split], *above[split:]) for split in range(len(plain) + 1)]
    layers = min(steps, key=lambda some: abs(multiplications(some) - graph.edges))
    units = ", ".join(f"{layer.count:,}" for layer in layers[:MOST_TOLD]) + (", ..." if len(layers) > MOST_TOLD else "")
    narrow = least < graph.classes and min(layer.count for layer in layers) < graph.classes
    bottleneck = ("a layer is narrower than the readout, and loses by that alone: compare with care",) if narrow else ()
    notes = (_units(units), *answering, *bottleneck, *_far(multiplications(layers), graph.edges))
    return to_morphology(layers, name, about, graph.morphology, graph.inputs), notes


def _units(count: str) -> str:
    return f"{count} unit" + ("" if count == "1" else "s")


def answer_of_layers(morphology: Morphology) -> tuple[Nonlinearity, tuple[str, ...]]:
    """That of the first layer whose neurons are not linear; see `answer`."""
    answers = [answer(morphology.neurons[copy.layer.neuron]) for copy in morphology.copies()]
    return next((found for found in answers if found[0].name != "identity"), answers[0])


def answer(soma: Compartment) -> tuple[Nonlinearity, tuple[str, ...]]:
    """The nonlinearity of a neuron as one unit, and a note where it is not the soma's.

    Where the soma is linear it is that of the nearest dendrite which is not; else that of synapses; else, where it is
    the integration or the shunting that is not linear, which no point neuron has, `leaky_relu`. A network of linear
    units would be no match for any other; only a neuron that is linear throughout becomes one.
    """
    compartments = [place.compartment for place in branchings(soma)]
    synapses = [each for compartment in compartments for each in compartment.synapses]
    if soma.nonlinearity.name != "identity":
        return soma.nonlinearity, ()
    for nonlinearity in (each.nonlinearity for each in compartments):
        if nonlinearity.name != "identity":
            return nonlinearity, (f"its units answer by {nonlinearity.name}, as dendrites do: the somata are linear",)
    for nonlinearity in (each.nonlinearity for each in synapses if each.nonlinearity is not None):
        if nonlinearity.name != "identity":
            return nonlinearity, (f"its units answer by {nonlinearity.name}, as synapses do: compartments are linear",)
    if any(each.integration not in ADDITIVE for each in compartments) or any(
        each.sign == Sign.SHUNTING for each in synapses
    ):
        unit = Nonlinearity("leaky_relu")
        return unit, ("its units answer by leaky_relu: compartments are linear but for how they integrate",)
    return soma.nonlinearity, ()


def _drawn(neuron: Compartment) -> list[str]:
    return [source for synapses in neuron.synapses if synapses.count != 0 for source in synapses.sources]


def _nearest(count: Callable[[int], int], target: int) -> int:
    """The whole number of at least 1 whose count, which grows with it, comes nearest; of two the smaller."""
    low, high = 1, 2
    while count(high) <= target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= target else (low, middle)
    return min((low, high), key=lambda number: abs(count(number) - target))


def _far(found: int, target: int) -> tuple[str, ...]:
    """A note where what comes nearest is not near."""
    return ("no other number of units comes nearer",) if abs(found - target) > MOST_OVER * target else ()


def _refuse_larger(least: int, target: int, what: str) -> None:
    if least > (1 + MOST_OVER) * target:
        raise DendrographError(f"with one unit a layer it has {least:,} {what} already, not {target:,}")
