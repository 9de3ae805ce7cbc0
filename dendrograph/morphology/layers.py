"""Layers (populations of neurons) and stacks of layers: how repeats unfold, and which names a layer may draw from."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrograph.base.errors import Fault
from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology.grammar import Key, Keys, list_schema, read_keys, reference
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.synapses import PREVIOUS, Synapses
from dendrograph.morphology.validation import PLACEHOLDER, Cursor, Where, as_tuple, check_no_arrays, not_default, where
from dendrograph.morphology.weights import Sign

RESERVED = (PREVIOUS, "readout", "auto", "all")  # words that cannot name a layer or a stream
MOST_LAYERS = 1000  # with repeats unfolded
SOME_LAYER = "{neuron: NAME, count: 64}"
DALE = (Sign.FREE, Sign.EXCITATORY, Sign.INHIBITORY)


def _read_sign(cursor: Cursor) -> str:
    if cursor.value == Sign.SHUNTING:
        cursor.fault("a layer is not shunting", "its synapses are: write sign: shunting there, inhibitory here")
        return PLACEHOLDER
    return cursor.choice("sign of a layer", DALE)


@dataclass(frozen=True)
class Layer:
    """A population of `count` neurons of one kind, stacked `repeat` times.

    Attributes:
        name: of the layer.
        neuron: one of the morphology's neurons.
        count: the number of neurons.
        repeat: the number of such layers, each fed by the one before.
        sign: of every synapse that draws from its somata (Dale's principle), or `free`.
        trainable: whether anything of its neurons is trained. The synapses that draw from it belong to later layers.
        where: the position in the file.
    """

    name: str
    neuron: str
    count: int
    repeat: int = 1
    sign: str = Sign.FREE
    trainable: bool = True
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    KEYS: ClassVar[Keys] = {
        "name": Key(Key.name("Of the layer.").schema),
        "neuron": Key(Key.name("One of neurons.").schema),
        "count": Key.whole(1, "How many neurons it has."),
        "repeat": Key.whole(1, "How many such layers follow each other."),
        "sign": Key(
            {"enum": [*map(str, DALE)], "description": "Of every synapse that draws from it: Dale's principle."},
            _read_sign,
        ),
        "trainable": Key.flag("Whether anything of its neurons is trained."),
    }

    def __post_init__(self) -> None:
        check_no_arrays(self)

    @classmethod
    def read(cls, cursor: Cursor, neurons: Mapping[str, Compartment], fallback: str) -> Layer:
        """Read one mapping of the layer keys."""
        declared = "declared under neurons"
        required = {"neuron": did_you_mean("", neurons, declared), "count": "how many neurons it has"}
        if not cursor.keys(cls.KEYS, required, such_as=SOME_LAYER):
            return cls(PLACEHOLDER, PLACEHOLDER, 1)
        name_at, neuron_at = cursor.child("name"), cursor.child("neuron")
        name = name_at.slug() if name_at else fallback
        if name_at and name in RESERVED:
            name_at.fault(f"'{name}' is a word of the language", "choose another name")
        neuron = neuron_at.slug() if neuron_at else PLACEHOLDER
        if neuron_at and neuron and neurons and neuron not in neurons:
            neuron_at.fault(f"unknown neuron '{neuron}'", did_you_mean(neuron, neurons, declared))
        return cls(name, neuron, where=where(cursor), **{"count": 1, **read_keys(cursor, cls.KEYS)})

    def copy_name(self, number: int) -> str:
        """The name of a copy of a repeated layer: `hidden` gives `hidden1`, `V1` gives `V1_1`."""
        return f"{self.name}_{number}" if self.name[-1:].isdigit() else f"{self.name}{number}"

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that `read` takes."""
        more = not_default(self, ("repeat", "sign", "trainable"))
        return {"name": self.name, "neuron": self.neuron, "count": self.count, **more}


@dataclass(frozen=True)
class Stack:
    """Several layers that are repeated together, each copy fed by the one before."""

    repeat: int
    layers: tuple[Layer, ...]
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    KEYS: ClassVar[Keys] = {
        "repeat": Key.whole(1, "How many times its layers follow each other."),
        "layers": Key(list_schema(reference("layer"))),
    }

    def __post_init__(self) -> None:
        as_tuple(self, "layers", Layer)
        check_no_arrays(self)

    @classmethod
    def read(cls, cursor: Cursor, neurons: Mapping[str, Compartment], fallback: str) -> Stack:
        """Read a mapping of `repeat` and `layers`."""
        own = "an entry with 'layers' is a stack: this key belongs to each of its layers"
        hints = dict.fromkeys(("name", "neuron", "count", "sign", "trainable"), own)
        cursor.keys(cls.KEYS, {"repeat": "how many times its layers follow each other"}, hints=hints)
        layers = []
        for index, entry in enumerate(layer_entries(cursor)):
            if is_stack(entry):
                entry.fault("a stack is inside a stack", "a stack holds layers, which may have a repeat of their own")
            else:
                layers.append(Layer.read(entry, neurons, f"{fallback}_{index + 1}"))
        return cls(layers=tuple(layers), where=where(cursor), **{"repeat": 1, **read_keys(cursor, cls.KEYS)})

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that `read` takes."""
        return {"repeat": self.repeat, "layers": [layer.to_dict() for layer in self.layers]}


def layer_entries(cursor: Cursor) -> list[Cursor]:
    """The entries of the key `layers` of a mapping."""
    layers_at = cursor.child("layers")
    return layers_at.entries("layers", f"give at least one, such as - {SOME_LAYER}") if layers_at else []


def is_stack(cursor: Cursor) -> bool:
    """Whether an entry of `layers` is a stack."""
    return isinstance(cursor.value, dict) and "layers" in cursor.value


@dataclass(frozen=True)
class Copy:
    """One layer after stacks and repeats are unfolded.

    Attributes:
        name: of the copy, such as `hidden2`.
        layer: the declared layer.
        scope: maps each name that its synapses may draw from to an input stream or an earlier copy.
    """

    name: str
    layer: Layer
    scope: Mapping[str, str]


def unfold(
    layers: Iterable[Layer | Stack], streams: Iterable[str], neurons: Mapping[str, Compartment]
) -> Iterator[Copy]:
    """The copies of all layers, with stacks and repeats unfolded. The name of a repeated layer means its latest copy.

    Each copy draws from the one before. If the first copy draws by name from the layer before it, a later copy draws
    from its own predecessor instead, unless it draws from that anyway.
    """
    scope = {stream: stream for stream in streams}
    if len(scope) == 1:
        scope[PREVIOUS] = next(iter(scope))
    drawn = {name: sources(neuron) for name, neuron in neurons.items()}
    for entry in layers:
        stack = entry if isinstance(entry, Stack) else Stack(1, (entry,))
        numbers = [itertools.count(1) for _ in stack.layers]
        fed_by: list[str | None] = [None] * len(stack.layers)
        for _ in range(stack.repeat):
            for position, layer in enumerate(stack.layers):
                for _ in range(layer.repeat):
                    number = next(numbers[position])
                    own = dict(scope)
                    if number == 1:
                        fed_by[position] = scope.get(PREVIOUS)
                    elif scope[PREVIOUS] not in {scope.get(source) for source in drawn.get(layer.neuron, ())}:
                        own.update({name: scope[PREVIOUS] for name in scope if scope[name] == fed_by[position]})
                    name = layer.copy_name(number) if stack.repeat * layer.repeat > 1 else layer.name
                    yield Copy(name, layer, own)
                    scope.update({name: name, layer.name: name, PREVIOUS: name})


def all_synapses(compartment: Compartment) -> Iterator[Synapses]:
    """The synapses of a neuron's tree."""
    return (synapses for each in compartment.tree() for synapses in each.synapses)


def sources(neuron: Compartment) -> set[str]:
    """The names that a neuron's synapses draw from."""
    return {source for synapses in all_synapses(neuron) for source in synapses.sources} - {PLACEHOLDER}


def misnamed(
    layers: tuple[Layer | Stack, ...], streams: Mapping[str, Any], neurons: Mapping[str, Compartment]
) -> Iterator[Fault]:
    """Faults of names: streams and layers have different names, and each `from` names a stream or an earlier layer."""
    total = 0
    for entry in layers:
        inside = entry.layers if isinstance(entry, Stack) else ()
        total += entry.repeat * (sum(layer.repeat for layer in inside) if inside else 1)
        if total > MOST_LAYERS:
            longest = max((entry, *inside), key=lambda item: item.repeat)
            yield longest.where.fault(f"{total:,} layers, repeats included", f"at most {MOST_LAYERS:,}", "repeat")
            return
    copies = tuple(unfold(layers, streams, neurons))
    owners: dict[str, Layer | None] = dict.fromkeys(streams)
    for copy in copies:
        for name in dict.fromkeys((copy.name, copy.layer.name)):
            if name and owners.setdefault(name, copy.layer) is not copy.layer:
                repeated = f", once '{copy.layer.name}' is repeated," if name != copy.layer.name else ""
                problem = f"the name '{name}'{repeated} is given twice"
                yield copy.layer.where.fault(problem, "name each layer once", "name")
    drawn = {name: sources(neuron) for name, neuron in neurons.items()}
    named: set[tuple[str, str]] = set()
    for copy in copies:
        neuron = copy.layer.neuron
        for source in sorted(drawn.get(neuron, set()) - copy.scope.keys()):
            if (neuron, source) in named:
                continue
            named.add((neuron, source))
            problem = f"unknown source '{source}'"
            remedy = did_you_mean(source, copy.scope, f"sources of layer '{copy.name}'")
            if source == PREVIOUS:
                problem = f"'previous' is not clear for '{copy.name}', the first layer: there are several streams"
                remedy = f"name one: {', '.join(streams)}"
            elif source in owners:
                problem = f"'{source}' is not earlier than layer '{copy.name}', which uses this neuron"
            for place in _drawing(neurons[neuron], source):
                yield place.fault(problem, remedy, "from")
    # `--set` may choose a neuron that no layer uses. A source that does not exist is a mistake even there.
    used = {copy.layer.neuron for copy in copies}
    for neuron in neurons if copies else ():
        for source in sorted(drawn[neuron] - {*owners, PREVIOUS}) if neuron not in used else ():
            remedy = did_you_mean(source, (*owners, PREVIOUS), "sources")
            for place in _drawing(neurons[neuron], source):
                yield place.fault(f"unknown source '{source}'", remedy, "from")


def sign_from(synapses: Synapses, presynaptic: str) -> str | None:
    """The sign of synapses that draw from a layer (or stream) of a sign; None if the signs contradict each other."""
    if Sign.FREE in (synapses.sign, presynaptic):
        return presynaptic if synapses.sign == Sign.FREE else synapses.sign
    if synapses.sign == Sign.SHUNTING and presynaptic == Sign.INHIBITORY:
        return Sign.SHUNTING
    return synapses.sign if synapses.sign == presynaptic else None


def contradicting(
    layers: tuple[Layer | Stack, ...], streams: Iterable[str], neurons: Mapping[str, Compartment]
) -> Iterator[Fault]:
    """Faults of synapses whose sign or initial weight contradicts the sign of the layer that they draw from."""
    signs: dict[str, str] = {}
    for copy in unfold(layers, streams, neurons):
        for synapses in all_synapses(neurons[copy.layer.neuron]):
            for source in synapses.sources:
                origin = copy.scope[source]
                layer_sign = signs.get(origin, Sign.FREE)
                sign = sign_from(synapses, layer_sign)
                if sign is None:
                    problem = f"'{synapses.sign}' contradicts the layer '{origin}', whose synapses are {layer_sign}"
                    remedy = f"write sign: {layer_sign}, or leave it out: it is the layer's"
                    yield synapses.where.fault(problem, remedy, "sign")
                elif wrong := synapses.init.contradicts(sign, f"weights from layer '{origin}'"):
                    yield synapses.where.fault(*wrong, "init")
        signs[copy.name] = copy.layer.sign


def _drawing(neuron: Compartment, source: str) -> Iterator[Where]:
    """The positions of the synapses that draw from a source."""
    return (synapses.where for synapses in all_synapses(neuron) if source in synapses.sources)
