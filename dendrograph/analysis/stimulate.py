"""Stimulation of one neuron: current into chosen compartments, alone and in pairs, and its responses.

y(I) is the activity of a recorded compartment when current I is added to the drive of the stimulated compartments and
all synapses are silent:

    response          r_a(I)  = y_a(I) - y(0)               input on a alone, measured from rest
    measured          r_ab(I) = y_ab(I) - y(0)              input on a and on b, each of amplitude I
    arithmetic sum    s_ab(I) = r_a(I) + r_b(I)
    supralinearity    r_ab(I) - s_ab(I)

Thin dendrites pass the sum of inputs on one branch through a sigmoid, and the branches add linearly: Poirazi, Brannon &
Mel, Neuron 37, 977 (2003), in a model CA1 pyramidal cell; Polsky, Mel & Schiller, Nature Neuroscience 7, 621 (2004), in
pyramidal cells of layer 5.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dendrograph.base.errors import DendrographError, expect, several, shown
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import to_csv
from dendrograph.graph.graph import Graph
from dendrograph.network.network import DendriticNetwork
from dendrograph.network.single_neuron import Location, Locations, alone, cut_out, layer_of
from dendrograph.training.model_source import INITIAL, Model, ModelSource

AMPLITUDES = tuple(step / 10 for step in range(41))  # 0 to 4
MOST_AMPLITUDES = 10_000
UNIT = "unit"
WEIGHTS = (UNIT, INITIAL)  # of a neuron that is not trained
COLUMNS = ("recorded", "sites", "kind", "amplitude", "first", "second", "arithmetic_sum", "measured", "supralinearity")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stimulation:
    """The responses of one neuron.

    Attributes:
        layer: of the neuron.
        index: its number in the layer.
        weights: `unit` (cables pass 1 times their attenuation), `initial`, `trained`, or `own` of a network.
        rest: y(0) of each recorded compartment.
        table: a row for each recorded compartment, stimulus and amplitude, with the keys `COLUMNS`. `sites` is
            `basal[0]` or `basal[0]+basal[1]`, `kind` is `single`, `same branch` or `different branches`, `first` and
            `second` are the responses to each alone. `second`, `arithmetic_sum` and `supralinearity` of a single input
            are None.
        left_out: terminal places that are not stimulated by default.
    """

    layer: str
    index: int
    weights: str
    rest: Mapping[str, float]
    table: tuple[Row, ...]
    left_out: tuple[str, ...] = ()

    def to_csv(self) -> str:
        """The table as the text of a CSV file, with all digits of the numbers; None is empty."""
        return to_csv(self.table, COLUMNS)


@dataclass(frozen=True)
class NeuronIndex:
    """One neuron of a network.

    Attributes:
        layer: its layer; by default the first, or the first with neurons of that kind.
        kind: the kind of neuron.
        index: its number in the layer.
    """

    layer: str | None = None
    kind: str | None = None
    index: int = 0


def stimulate(
    source: ModelSource | Model,
    at: Sequence[str] | str | None = None,
    record: Sequence[str] | str | None = None,
    amplitudes: Sequence[float] = AMPLITUDES,
    neuron: NeuronIndex | None = None,
    weights: str | None = None,
) -> Stimulation:
    """Stimulate one neuron, and compare its responses with the arithmetic sum.

        stimulate("xor-dcaap", ["basal[0]+basal[1]"], neuron=NeuronIndex(layer="hidden", index=3))

    Args:
        source: a `ModelSource` or a model. The neuron of a run or of a network has its weights, biases and learnt
            excitability.
        at: compartments to stimulate: `basal[0]` alone, `basal[0]+basal[1]` together, `basal[0]+basal[0]` twice on one.
            By default the first compartment of each terminal place, alone, with itself and with a sibling.
        record: compartments to record from; the soma by default.
        amplitudes: current on each stimulated compartment, added to its drive.
        neuron: the neuron; by default the first of the first layer.
        weights: of a morphology or a graph. `unit`, the default: cables pass with strength 1 times their attenuation
            (or with the constant of their initial weights) and biases are 0, since random weights say nothing about
            physiology. `initial`: the weights before training.

    Raises:
        DendrographError: there is no such neuron or compartment, or one is named twice; the neuron cannot be run alone;
            an amplitude is not a finite number; or the run has not ended.
    """
    source, neuron = ModelSource.of(source), neuron or NeuronIndex()
    expect("neuron", neuron, NeuronIndex)
    expect("weights", weights, str, None)
    if weights is not None and weights not in WEIGHTS:
        raise DendrographError(f"unknown weights '{weights}'\n  {did_you_mean(weights, WEIGHTS)}")
    try:
        amplitudes = list(amplitudes)
    except TypeError:
        raise DendrographError(f"amplitudes must be a list of numbers, found {shown(amplitudes)}") from None
    chosen = source.choose_weights(weights, UNIT)
    network = None if chosen == UNIT else source.network(chosen)
    graph = source.graph() if network is None else network.graph
    layer, index = layer_of(graph, neuron.layer, neuron.kind), neuron.index
    single = _unit(cut_out(graph, layer, index)) if network is None else alone(network, layer, index)
    locations = Locations.of(single.graph, layer)
    at, record = (None if given is None else several(name, given) for name, given in (("at", at), ("record", record)))
    stimuli = locations.by_default() if at is None else [locations.read_stimulus(text) for text in at]
    recorded = [locations.soma] if record is None else [locations.read(text) for text in record]
    _check_unique([tuple(sorted(map(str, stimulus))) for stimulus in stimuli], "stimulated")
    _check_unique([(str(location),) for location in recorded], "recorded")
    current = _current(amplitudes)

    def activity(stimulus: tuple[Location, ...], current: Tensor) -> Tensor:
        """Shape (recorded, amplitudes)."""
        drive: dict[str, Tensor] = {}
        for location in stimulus:
            onto = drive.setdefault(
                f"{layer}/{location.group}", current.new_zeros((len(current), locations.sizes[location.group]))
            )
            onto[:, location.index] += current
        found = single.respond(drive)
        return torch.stack([found[f"{layer}/{location.group}"][:, location.index] for location in recorded])

    with torch.no_grad():
        rest = activity((locations.soma,), current.new_zeros(1))
        responses = {
            sent: activity(sent, current) - rest
            for stimulus in stimuli
            for sent in {stimulus, *((location,) for location in stimulus)}
        }
    for sent, response in responses.items():
        if not bool(torch.isfinite(response).all()):
            stimulus = "+".join(map(str, sent))
            raise DendrographError(f"{stimulus}: the response is not a finite number\n  give smaller amplitudes")
    table = [
        row
        for position, location in enumerate(recorded)
        for stimulus in stimuli
        for row in _rows(location, stimulus, locations.kind(stimulus), amplitudes, responses, position)
    ]
    at_rest = {str(location): float(value) for location, value in zip(recorded, rest, strict=True)}
    left_out = tuple(place for place in locations.terminal if place not in locations.chosen) if at is None else ()
    return Stimulation(layer=layer, index=index, weights=chosen, rest=at_rest, table=tuple(table), left_out=left_out)


def _rows(
    recorded: Location,
    stimulus: tuple[Location, ...],
    kind: str,
    amplitudes: Sequence[float],
    responses: Mapping[tuple[Location, ...], Tensor],
    position: int,
) -> list[Row]:
    measured, first, second = (responses[sent][position].tolist() for sent in (stimulus, stimulus[:1], stimulus[-1:]))
    rows: list[Row] = []
    for number, amplitude in enumerate(amplitudes):
        pair = len(stimulus) == 2
        total = first[number] + second[number] if pair else None
        rows.append(
            {
                "recorded": str(recorded),
                "sites": "+".join(map(str, stimulus)),
                "kind": kind,
                "amplitude": float(amplitude),
                "first": first[number],
                "second": second[number] if pair else None,
                "arithmetic_sum": total,
                "measured": measured[number],
                "supralinearity": None if total is None else measured[number] - total,
            }
        )
    return rows


def _unit(graph: Graph) -> DendriticNetwork:
    """A neuron whose cables pass 1 times their attenuation, or the constant of their initial weights."""
    single = DendriticNetwork(graph)
    with torch.no_grad():
        for projection in graph.projections:
            if projection.kind == "cable" and projection.init.name != "constant":
                single.weights[projection.name].fill_(1.0)
    return single.double().eval()


def check_number(amplitudes: int) -> None:
    """Check the number of amplitudes before they are made.

    Raises:
        DendrographError: there are none, or too many.
    """
    if not 1 <= amplitudes <= MOST_AMPLITUDES:
        raise DendrographError(f"{amplitudes:,} amplitudes\n  give at least one, and at most {MOST_AMPLITUDES:,}")


def _current(amplitudes: Sequence[float]) -> Tensor:
    """Shape (amplitudes,), float64."""
    check_number(len(amplitudes))
    try:
        values = [float(operator.pos(amplitude)) for amplitude in amplitudes]  # text has no sign
    except (TypeError, ValueError):
        raise DendrographError(f"amplitudes must be numbers, found {list(amplitudes)[:5]!r}") from None
    for value in values:
        if not math.isfinite(value):
            raise DendrographError(f"an amplitude is {value}\n  give finite numbers")
    return torch.tensor(values, dtype=torch.float64)


def _check_unique(found: Sequence[tuple[str, ...]], what: str) -> None:
    if not found:
        raise DendrographError(f"no compartment to be {what}\n  name one, or leave it out for the default")
    for number, one in enumerate(found):
        if one in found[:number]:
            raise DendrographError(f"'{'+'.join(one)}' is {what} twice\n  name it once")
