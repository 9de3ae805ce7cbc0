"""The experiment of a physiologist: input on chosen compartments of one neuron, alone and in pairs, and its answer.

Where y(I) is the activity of a recorded compartment when current I is added to the drive of the stimulated ones, and
all synapses are silent,

    response          r_a(I)  = y_a(I) - y(0)               input on a alone, measured from rest
    measured          r_ab(I) = y_ab(I) - y(0)              input on a and on b, each of amplitude I
    arithmetic sum    s_ab(I) = r_a(I) + r_b(I)
    supralinearity    r_ab(I) - s_ab(I)

Thin dendrites sum what arrives on one branch by a sigmoid, and different branches add: Poirazi, Brannon & Mel, Neuron
37, 977 (2003), in a model CA1 pyramidal cell; Polsky, Mel & Schiller, Nature Neuroscience 7, 621 (2004), in pyramidal
cells of layer 5.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dendrograph.base.errors import DendrographError, expect, several, shown
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import to_csv
from dendrograph.graph.graph import Graph
from dendrograph.morphology.plugins import import_plugins
from dendrograph.network.network import DendriticNetwork
from dendrograph.network.single_neuron import Location, Locations, alone, cut_out, layer_of
from dendrograph.training.model_source import graph_of
from dendrograph.training.run import Run, is_run

AMPLITUDES = tuple(step / 10 for step in range(41))  # 0 to 4
MOST_AMPLITUDES = 10_000
WEIGHTS = ("unit", "initial")  # of a neuron that is not trained
COLUMNS = ("recorded", "sites", "kind", "amplitude", "first", "second", "arithmetic_sum", "measured", "supralinearity")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stimulation:
    """What one neuron answered.

    layer, index: which neuron it is
    weights: how its cables pass: `unit` (1 times the attenuation), `initial`, `trained`, or `own` of a network
    rest: y(0) of each recorded compartment
    table: a row for each recorded compartment, stimulus and amplitude, with the keys `COLUMNS`. `sites` is `basal[0]`
        or `basal[0]+basal[1]`, `kind` is `single`, `same branch` or `different branches`, `first` and `second` are the
        responses to each alone. A single input has no `second`, `arithmetic_sum` and `supralinearity`: None.
    left_out: terminal places that were not stimulated, where nobody said which
    """

    layer: str
    index: int
    weights: str
    rest: Mapping[str, float]
    table: tuple[Row, ...]
    left_out: tuple[str, ...] = ()

    def to_csv(self) -> str:
        """The table as the text of a CSV file; numbers keep all their digits, and None is empty."""
        return to_csv(self.table, COLUMNS)


def stimulate(
    neurons: Graph | DendriticNetwork,
    at: Sequence[str] | str | None = None,
    record: Sequence[str] | str | None = None,
    amplitudes: Sequence[float] = AMPLITUDES,
    *,
    layer: str | None = None,
    neuron: str | None = None,
    index: int = 0,
) -> Stimulation:
    """Stimulate one neuron, and measure against the arithmetic sum.

    Args:
        neurons: a graph, whose cables then pass with strength 1 times their attenuation (or with the constant that
            they are declared to start at) and whose biases are 0, since weights drawn at random say nothing of
            physiology; or a network, whose weights, biases and excitability the neuron then has.
        at: compartments to stimulate: `basal[0]` alone, `basal[0]+basal[1]` together, `basal[0]+basal[0]` twice on one.
            By default the first compartment of each terminal place, alone, with itself and with a sibling.
        record: compartments whose activity is measured; the soma by default.
        amplitudes: the current on each stimulated compartment, added to its drive.
        layer: the neuron's layer; by default the first.
        neuron: the kind of neuron, whose first layer is taken.
        index: the neuron's number in its layer.

    Raises:
        DendrographError: there is no such neuron or compartment, or one is named twice; the neuron cannot be run alone;
            the amplitudes are no finite numbers.
    """
    expect("neurons", neurons, Graph, DendriticNetwork)
    try:
        amplitudes = list(amplitudes)
    except TypeError:
        raise DendrographError(f"amplitudes is a list of numbers, not {shown(amplitudes)}") from None
    layer = layer_of(neurons if isinstance(neurons, Graph) else neurons.graph, layer, neuron)
    if isinstance(neurons, Graph):
        weights, single = "unit", _unit(cut_out(neurons, layer, index))
    else:
        weights, single = "own", alone(neurons, layer, index)
    locations = Locations.of(single.graph, layer)
    at, record = (None if given is None else several(name, given) for name, given in (("at", at), ("record", record)))
    stimuli = locations.by_default() if at is None else [locations.read_stimulus(text) for text in at]
    recorded = [locations.soma] if record is None else [locations.read(text) for text in record]
    _refuse_twice([tuple(sorted(map(str, stimulus))) for stimulus in stimuli], "stimulated")
    _refuse_twice([(str(location),) for location in recorded], "recorded")
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
            told = "+".join(map(str, sent))
            raise DendrographError(f"{told}: the response is no finite number\n  give smaller amplitudes")
    table = [
        row
        for position, location in enumerate(recorded)
        for stimulus in stimuli
        for row in _rows(location, stimulus, locations.kind(stimulus), amplitudes, responses, position)
    ]
    at_rest = {str(location): float(value) for location, value in zip(recorded, rest, strict=True)}
    left_out = tuple(place for place in locations.terminal if place not in locations.chosen) if at is None else ()
    return Stimulation(layer, index, weights, at_rest, tuple(table), left_out)


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
    """A neuron whose cables pass with strength 1 times their attenuation, or with the constant that they start at."""
    single = DendriticNetwork(graph)
    with torch.no_grad():
        for projection in graph.projections:
            if projection.kind == "cable" and projection.init.name != "constant":
                single.weights[projection.name].fill_(1.0)
    return single.double().eval()


def refuse_number(amplitudes: int) -> None:
    """Refuse so many amplitudes before they are made.

    Raises:
        DendrographError: there are none, or too many.
    """
    if not 1 <= amplitudes <= MOST_AMPLITUDES:
        raise DendrographError(f"{amplitudes:,} amplitudes\n  give at least one, and at most {MOST_AMPLITUDES:,}")


def _current(amplitudes: Sequence[float]) -> Tensor:
    """Shape (amplitudes,), float64."""
    refuse_number(len(amplitudes))
    try:
        values = [float(operator.pos(amplitude)) for amplitude in amplitudes]  # text has no sign
    except (TypeError, ValueError):
        raise DendrographError(f"amplitudes must be numbers, found {list(amplitudes)[:5]!r}") from None
    for value in values:
        if not math.isfinite(value):
            raise DendrographError(f"an amplitude is {value}\n  give finite numbers")
    return torch.tensor(values, dtype=torch.float64)


def _refuse_twice(found: Sequence[tuple[str, ...]], what: str) -> None:
    if not found:
        raise DendrographError(f"no compartment to be {what}\n  name one, or leave it out for the default")
    for number, one in enumerate(found):
        if one in found[:number]:
            raise DendrographError(f"'{'+'.join(one)}' is {what} twice\n  name it once")


def stimulate_by_name(
    morphology: str | Path,
    at: Sequence[str] | str | None = None,
    record: Sequence[str] | str | None = None,
    amplitudes: Sequence[float] = AMPLITUDES,
    *,
    layer: str | None = None,
    neuron: str | None = None,
    index: int = 0,
    weights: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    seed: int | None = None,
    plugins: Iterable[str | Path] = (),
) -> Stimulation:
    """Stimulate a neuron of what the name says.

    Args:
        morphology: a file, a shipped name, or the folder of a run, whose trained neuron is stimulated.
        at: as `stimulate` takes it.
        record: as `stimulate` takes it.
        amplitudes: as `stimulate` takes it.
        layer: as `stimulate` takes it.
        neuron: as `stimulate` takes it.
        index: as `stimulate` takes it.
        weights: of a morphology: `unit`, or `initial` for those that a training starts from.
        overrides: knobs of the morphology.
        inputs: shapes of its streams; those of which nothing is said are taken as 28 × 28.
        seed: of its wiring and of the initial weights.
        plugins: what the morphology needs, as `load` takes them.

    Raises:
        DendrographError: also where an option does not go with a run, or the run has not ended.
    """
    expect("weights", weights, str, None)
    if weights is not None and weights not in WEIGHTS:
        raise DendrographError(f"unknown weights '{weights}'\n  {did_you_mean(weights, WEIGHTS)}")
    chosen: dict[str, Any] = {"layer": layer, "neuron": neuron, "index": index}
    if not is_run(morphology):
        graph = graph_of(str(morphology), overrides, inputs, None, seed, plugins)
        initial = weights == "initial"
        result = stimulate(DendriticNetwork(graph) if initial else graph, at, record, amplitudes, **chosen)
        return replace(result, weights="initial") if initial else result
    if overrides or inputs or seed is not None or weights is not None:
        raise DendrographError(
            f"{morphology}: a run's morphology, inputs and seed are fixed, and its weights are the trained ones\n"
            "  leave the options out"
        )
    import_plugins(plugins)
    network = Run.open(morphology).network()
    return replace(stimulate(network, at, record, amplitudes, **chosen), weights="trained")
