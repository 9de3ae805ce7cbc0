"""A morphology: what a user declares, validated and frozen, knowing the source line of every value.

The grammar stands in docs/language.md. Each class below is one mapping of the grammar, and its `read` is the rule for it.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dendrograph.cursor import PLACEHOLDER, Cursor, Faults
from dendrograph.document import Document, read_text, read_value
from dendrograph.errors import DendrographError, Fault, did_you_mean
from dendrograph.library import shipped
from dendrograph.nonlinearities import NONLINEARITIES

FIELDS = ("random", "pooled", "local", "global", "all")
INITS = ("glorot", "glorot_dense", "he", "constant")
INTEGRATIONS = ("sum", "mean", "max", "min", "product")
SIGNS = ("free", "excitatory", "inhibitory")
PREVIOUS = "previous"
RESERVED = (PREVIOUS, "readout", "auto", "all")

Shape = tuple[int, ...]
All = Literal["all"]


@dataclass(frozen=True)
class Where:
    """Where a mapping stands: `file:line:column`, its path in the file, and the place of each of its values."""

    place: str = ""
    path: str = ""
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def fault(self, problem: str, remedy: str = "", key: str = "") -> Fault:
        """A fault of this mapping, or of the value at one of its keys."""
        place = self.values.get(key, self.place)
        return Fault(place, f"{self.path}.{key}" if key else self.path, problem, remedy)


def _where(cursor: Cursor, defaults: Cursor | None = None) -> Where:
    declared = Declared(cursor, defaults)
    keys = {**(defaults.value if declared.defaults else {}), **cursor.value}  # type: ignore[union-attr]
    values = {key: value.place for key in keys if (value := declared.get(key))}
    return Where(cursor.place, cursor.shown_path, values)


@dataclass(frozen=True)
class Nonlinearity:
    """Name and parameters of a compartment's transfer function (see `dendrograph.nonlinearities`)."""

    name: str = "leaky_relu"
    parameters: tuple[tuple[str, float], ...] = (("slope", 0.1),)

    @classmethod
    def read(cls, cursor: Cursor) -> Nonlinearity:
        """A name, or a mapping of `name` and the nonlinearity's own parameters."""
        name_at = cursor if isinstance(cursor.value, str) else None
        if name_at is None:
            if not isinstance(cursor.value, dict):
                cursor.expected("a nonlinearity's name or a mapping with its name and parameters")
                return cls()
            name_at = cursor.child("name")
            if name_at is None:
                cursor.keys(("name", *cursor.value), required=("name",))
                return cls()
        entry = NONLINEARITIES.get(name_at.choice("nonlinearity", NONLINEARITIES))
        if entry is None:
            return cls()
        values = dict(entry.defaults)
        if isinstance(cursor.value, dict):
            cursor.keys(("name", *entry.defaults))
            for key in entry.defaults:
                if parameter := cursor.child(key):
                    values[key] = parameter.number(above=0.0) if key in entry.positive else parameter.number()
        return cls(entry.name, tuple(values.items()))

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {"name": self.name, **dict(self.parameters)}


@dataclass(frozen=True)
class Init:
    """How weights start: `glorot`, `glorot_dense`, `he`, or `constant` with its value."""

    name: str = "glorot"
    value: float = 0.0

    @classmethod
    def read(cls, cursor: Cursor) -> Init:
        """A name, or a mapping of `name` and, for `constant`, `value`."""
        if not isinstance(cursor.value, dict):
            name = cursor.choice("init", INITS)
            if name == "constant":
                cursor.fault("init 'constant' needs its value", "write init: {name: constant, value: 0.1}")
            return cls(name or "glorot")
        name_at = cursor.child("name")
        name = name_at.choice("init", INITS) if name_at else PLACEHOLDER
        constant = name == "constant"
        cursor.keys(("name", "value") if constant else ("name",), ("name", "value") if constant else ("name",))
        value_at = cursor.child("value")
        return cls(name or "glorot", value_at.number() if constant and value_at else 0.0)

    def to_dict(self) -> Any:
        """What `read` takes."""
        return {"name": self.name, "value": self.value} if self.name == "constant" else self.name


class Declared:
    """A mapping of the file together with the file's defaults for it: the most local setting wins."""

    def __init__(self, own: Cursor, defaults: Cursor | None) -> None:
        self.own = own
        self.defaults = defaults if defaults and isinstance(defaults.value, dict) else None

    def get(self, key: str) -> Cursor | None:
        """The value at a key, from the mapping itself or else from the defaults."""
        return self.own.child(key) or (self.defaults.child(key) if self.defaults else None)

    def is_own(self, key: str) -> bool:
        """Whether the mapping itself sets the key."""
        return self.own.child(key) is not None


@dataclass(frozen=True)
class Synapses:
    """Synapses onto each compartment of a group: how many, from where, and which receptive field draws them.

    `count` is a number a compartment (for the fields `local` and `global`: of grid positions), or `"all"`.
    """

    count: int | All
    sources: tuple[str, ...] = (PREVIOUS,)
    field: str = "random"
    init: Init = Init()
    replace: bool = False
    group: int = 1
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    KEYS = ("count", "from", "field", "group", "nonlinearity", "sign", "init", "replace")

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None) -> Synapses:
        """One mapping of the synapse keys."""
        if not cursor.keys(cls.KEYS):
            return cls("all")
        declared = Declared(cursor, defaults)
        _later(declared.get("nonlinearity"), "nonlinearity of a single synapse", (None,), "leave it out")
        _later(declared.get("sign"), "sign", ("free",), "only 'free'", SIGNS)

        count_at, field_at = declared.get("count"), declared.get("field")
        name = (field_at.choice("field", FIELDS) if field_at else PLACEHOLDER) or "random"
        everything = count_at is not None and count_at.value == "all"
        count: int | All = "all"
        if everything and name != "all" and declared.is_own("count") < declared.is_own("field"):
            everything = False  # the default says `all`, the compartment itself names another field
            count_at = None
        elif everything and field_at and name != "all" and declared.is_own("count") == declared.is_own("field"):
            field_at.fault(f"count 'all' contradicts field '{name}'", "write field: all, or give a number as count")
        elif everything:
            name = "all"
        if name == "all":
            own_number = (
                count_at is not None and not everything and declared.is_own("count") >= declared.is_own("field")
            )
            if count_at is not None and own_number:
                count_at.fault("field 'all' takes no count", "leave count out, or name a field that samples")
        elif count_at is None:
            cursor.faults.add(
                Fault(cursor.place, f"{cursor.shown_path}.count", "missing key 'count'", "a number, or all")
            )
        elif not everything:
            count = count_at.whole(0)

        group_at = declared.get("group")
        group = group_at.whole(1) if group_at else 1
        if group_at and name != "global" and declared.is_own("group"):
            group_at.fault("'group' goes with field 'global' only", "neurons that share a centre need a global field")
        replace_at = declared.get("replace")
        with_replacement = replace_at.flag() if replace_at else False
        if replace_at and with_replacement and name not in ("random", "pooled"):
            replace_at.fault(f"field '{name}' cannot sample with replacement", "only 'random' and 'pooled' can")
        init_at, from_at = declared.get("init"), declared.get("from")
        return cls(
            count,
            _sources(from_at) if from_at else (PREVIOUS,),
            name,
            Init.read(init_at) if init_at else Init(),
            with_replacement,
            group if name == "global" else 1,
            _where(cursor, defaults),
        )

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {
            **({} if self.field == "all" else {"count": self.count}),
            "from": self.sources[0] if len(self.sources) == 1 else list(self.sources),
            "field": self.field,
            "init": self.init.to_dict(),
            **({"replace": True} if self.replace else {}),
            **({"group": self.group} if self.group > 1 else {}),
        }


def _sources(cursor: Cursor) -> tuple[str, ...]:
    if not isinstance(cursor.value, list):
        return (cursor.slug(),)
    names = tuple(entry.slug() for entry in cursor.entries("sources"))
    if not names:
        cursor.fault("an empty list of sources", "name an input stream, an earlier layer, or 'previous'")
    if len(set(names)) < len(names):
        cursor.fault("a source stands twice", "name each source once")
    return names


def _later(
    cursor: Cursor | None, what: str, accepted: tuple[Any, ...], allowed: str, known: tuple[str, ...] = ()
) -> None:
    """Refuse what the grammar knows but the engine cannot run yet; a word that is not known at all is told so."""
    if cursor is None or cursor.value in accepted:
        return
    if known and cursor.choice(what, known) == PLACEHOLDER:
        return
    cursor.fault(f"{what} {cursor.value!r} is not supported yet" if known else f"{what} is not supported yet", allowed)


@dataclass(frozen=True)
class Compartment:
    """A node of a neuron's tree, standing for all of its copies: the soma (root), or a dendrite.

    `count` is the number of copies on each parent compartment (1 for the soma).
    """

    name: str = "soma"
    count: int = 1
    nonlinearity: Nonlinearity = Nonlinearity()
    integration: str = "sum"
    bias: bool = True
    dropout: float = 0.0
    cable: Init = Init()
    synapses: tuple[Synapses, ...] = ()
    dendrites: tuple[Compartment, ...] = ()
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    SHARED = ("nonlinearity", "integration", "bias", "dropout")
    KEYS = ("name", "count", *SHARED, "cable", "synapses", "dendrites")

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None, fallback_name: str = "soma") -> Compartment:
        """One mapping of the compartment keys; the soma takes no `count` and no `cable`."""
        soma = fallback_name == "soma"
        keys = tuple(key for key in cls.KEYS if key not in ("count", "cable")) if soma else cls.KEYS
        if not cursor.keys(keys):
            return cls()
        declared = Declared(cursor, defaults)
        name_at, count_at = cursor.child("name"), cursor.child("count")
        settings = cls.read_settings(declared)
        synapse_defaults = defaults.child("synapses") if defaults else None
        synapses_at, dendrites_at = cursor.child("synapses"), cursor.child("dendrites")
        synapses: tuple[Synapses, ...] = ()
        if synapses_at:
            several = isinstance(synapses_at.value, list)
            each = synapses_at.entries("synapses") if several else [synapses_at]
            synapses = tuple(Synapses.read(entry, synapse_defaults) for entry in each)
        dendrites = _dendrites(dendrites_at, defaults) if dendrites_at else ()
        name = (name_at.slug() if name_at else PLACEHOLDER) or fallback_name
        if soma and name in {dendrite.name for dendrite in dendrites}:
            cursor.fault(f"the soma and one of its dendrites are both named '{name}'", "give each a name of its own")
        if not synapses and not dendrites:
            cursor.fault(
                f"the {'soma' if soma else 'dendrite'} has neither synapses nor dendrites, so nothing reaches it",
                "give it synapses; one that is meant to stay silent declares synapses: {count: 0}",
            )
        return cls(
            name=name,
            count=count_at.whole(1) if count_at else 1,
            synapses=synapses,
            dendrites=dendrites,
            where=_where(cursor),
            **settings,
        )

    @classmethod
    def read_settings(cls, declared: Declared) -> dict[str, Any]:
        """The keys that `defaults` may set too."""
        settings: dict[str, Any] = {}
        integration_at = declared.get("integration")
        _later(integration_at, "integration", ("sum",), "only 'sum'", INTEGRATIONS)
        if nonlinearity_at := declared.get("nonlinearity"):
            settings["nonlinearity"] = Nonlinearity.read(nonlinearity_at)
        if bias_at := declared.get("bias"):
            settings["bias"] = bias_at.flag()
        if dropout_at := declared.get("dropout"):
            settings["dropout"] = dropout_at.number(low=0.0, below=1.0)
        cable_at = declared.get("cable")
        if cable_at and cable_at.keys(("init",)) and (init_at := cable_at.child("init")):
            settings["cable"] = Init.read(init_at)
        return settings

    def to_dict(self, soma: bool = True) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {
            "name": self.name,
            **({} if soma else {"count": self.count, "cable": {"init": self.cable.to_dict()}}),
            "nonlinearity": self.nonlinearity.to_dict(),
            **({} if self.bias else {"bias": False}),
            **({"dropout": self.dropout} if self.dropout else {}),
            **({"synapses": [synapses.to_dict() for synapses in self.synapses]} if self.synapses else {}),
            **({"dendrites": [dendrite.to_dict(soma=False) for dendrite in self.dendrites]} if self.dendrites else {}),
        }


def _dendrites(cursor: Cursor, defaults: Cursor | None) -> tuple[Compartment, ...]:
    entries = cursor.entries("dendrites")
    if isinstance(cursor.value, list) and not entries:
        cursor.fault("an empty list of dendrites", "leave the key out, or describe at least one dendrite")
    found: dict[str, Compartment] = {}
    for index, entry in enumerate(entries):
        fallback = "dendrite" if len(entries) == 1 else f"dendrite{index + 1}"
        dendrite = Compartment.read(entry, defaults, fallback)
        if dendrite.name in found:
            name_at = entry.child("name") or entry
            name_at.fault(f"two siblings are named '{dendrite.name}'", "give each a name of its own")
        found[dendrite.name] = dendrite
    return tuple(found.values())


@dataclass(frozen=True)
class Layer:
    """A population of `count` neurons of one morphology, stacked `repeat` times."""

    name: str
    neuron: str
    count: int
    repeat: int = 1
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    @classmethod
    def read(cls, cursor: Cursor, neurons: Mapping[str, Compartment], fallback: str) -> Layer:
        """One mapping of the layer keys."""
        cursor.keys(("name", "neuron", "count", "repeat"), required=("neuron", "count"))
        name_at, neuron_at = cursor.child("name"), cursor.child("neuron")
        count_at, repeat_at = cursor.child("count"), cursor.child("repeat")
        name = name_at.slug() if name_at else fallback
        if name_at and name in RESERVED:
            name_at.fault(f"'{name}' is a word of the language", "choose another name")
        neuron = neuron_at.slug() if neuron_at else PLACEHOLDER
        if neuron_at and neuron and neuron not in neurons:
            neuron_at.fault(f"unknown neuron '{neuron}'", did_you_mean(neuron, neurons, "declared under neurons"))
        return cls(
            name,
            neuron,
            count_at.whole(1) if count_at else 1,
            repeat_at.whole(1) if repeat_at else 1,
            _where(cursor),
        )

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        repeat = {"repeat": self.repeat} if self.repeat > 1 else {}
        return {"name": self.name, "neuron": self.neuron, "count": self.count, **repeat}


@dataclass(frozen=True)
class Stack:
    """Several layers that are repeated together, each copy fed by the one before."""

    repeat: int
    layers: tuple[Layer, ...]
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    @classmethod
    def read(cls, cursor: Cursor, neurons: Mapping[str, Compartment], fallback: str) -> Stack:
        """A mapping of `repeat` and `layers`."""
        cursor.keys(("repeat", "layers"), required=("repeat",))
        repeat_at, layers_at = cursor.child("repeat"), cursor.child("layers")
        entries = layers_at.entries("layers") if layers_at else []
        if layers_at and isinstance(layers_at.value, list) and not entries:
            layers_at.fault("an empty list of layers", "a stack holds at least one layer")
        layers = tuple(Layer.read(entry, neurons, f"{fallback}_{i + 1}") for i, entry in enumerate(entries))
        return cls(repeat_at.whole(1) if repeat_at else 1, layers, _where(cursor))

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {"repeat": self.repeat, "layers": [layer.to_dict() for layer in self.layers]}


@dataclass(frozen=True)
class Readout:
    """The output layer: one linear unit a class, all-to-all from the last layer."""

    init: Init = Init()
    bias: bool = True

    @classmethod
    def read(cls, cursor: Cursor) -> Readout:
        """A mapping of `init` and `bias`."""
        if not cursor.keys(("init", "bias")):
            return cls()
        init_at, bias_at = cursor.child("init"), cursor.child("bias")
        return cls(Init.read(init_at) if init_at else Init(), bias_at.flag() if bias_at else True)

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {"init": self.init.to_dict(), "bias": self.bias}


def read_shape(cursor: Cursor) -> Shape | None:
    """`auto` (None), a number of units, or `[height, width]` or `[height, width, channels]`."""
    if cursor.value == "auto":
        return None
    if type(cursor.value) is int:
        return (cursor.whole(1),)
    if not isinstance(cursor.value, list) or not 1 <= len(cursor.value) <= 3:
        cursor.expected("auto, a number of units, [height, width] or [height, width, channels]")
        return None
    return tuple(entry.whole(1) for entry in cursor.entries("sizes"))


@dataclass(frozen=True)
class Morphology:
    """A validated morphology file. Nothing in it depends on a data set."""

    name: str
    neurons: Mapping[str, Compartment]
    layers: tuple[Layer | Stack, ...]
    about: str = ""
    citation: str = ""
    parameters: Mapping[str, int] = dataclasses.field(default_factory=dict)
    inputs: Mapping[str, Shape | None] = dataclasses.field(default_factory=lambda: {"image": None})
    readout: Readout = Readout()
    file: str = dataclasses.field(default="", compare=False)

    KEYS = ("name", "about", "citation", "parameters", "inputs", "defaults", "neurons", "layers", "readout")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], name: str = "morphology") -> Morphology:
        """A morphology from plain values of the grammar, as `to_dict` gives them.

        Raises:
            MorphologyError: with every fault found.
        """
        return cls._from_document(Document(name, data, {(): name}, {}))

    @classmethod
    def _from_document(cls, document: Document) -> Morphology:
        document = document.resolved()
        faults = Faults(document.faults)
        cursor = Cursor(document, faults)
        morphology = cls._read(cursor)
        faults.raise_if_any()
        return morphology

    @classmethod
    def _read(cls, cursor: Cursor) -> Morphology:
        if not cursor.keys(cls.KEYS, required=("name", "neurons", "layers")):
            return cls(PLACEHOLDER, {}, ())
        name_at, about_at, citation_at = cursor.child("name"), cursor.child("about"), cursor.child("citation")
        parameters_at, inputs_at, readout_at = (
            cursor.child("parameters"),
            cursor.child("inputs"),
            cursor.child("readout"),
        )
        parameters: dict[str, int] = {}
        for key, entry in parameters_at.named_entries("parameters") if parameters_at else []:
            if type(entry.value) is not int:
                entry.expected("a whole number")
            else:
                parameters[key] = entry.value
        streams = inputs_at.named_entries("input streams") if inputs_at else []
        inputs = {key: read_shape(entry) for key, entry in streams} if inputs_at else {"image": None}
        for key, entry in streams:
            if key in RESERVED:
                entry.fault(f"'{key}' is a word of the language", "choose another name for the stream")
        if inputs_at and not inputs and isinstance(inputs_at.value, dict):
            inputs_at.fault("no input stream", "leave the key out for one stream named image")

        defaults = cursor.child("defaults")
        if defaults and defaults.keys((*Compartment.SHARED, "cable", "synapses")):
            Compartment.read_settings(Declared(defaults, None))
            if (synapse_defaults := defaults.child("synapses")) and synapse_defaults.keys(Synapses.KEYS):
                _check_synapse_defaults(synapse_defaults)
        neurons_at, layers_at = cursor.child("neurons"), cursor.child("layers")
        neurons = {
            key: Compartment.read(entry, defaults)
            for key, entry in (neurons_at.named_entries("neurons") if neurons_at else [])
        }
        if neurons_at and neurons_at.value == {}:
            neurons_at.fault("no neuron", "declare at least one, by name")
        entries = layers_at.entries("layers") if layers_at else []
        if layers_at and layers_at.value == []:
            layers_at.fault("no layer", "write at least one: {neuron: NAME, count: 64}")
        layers: list[Layer | Stack] = []
        for index, entry in enumerate(entries):
            stacked = isinstance(entry.value, dict) and "layers" in entry.value
            kind: type[Layer] | type[Stack] = Stack if stacked else Layer
            layers.append(kind.read(entry, neurons, f"layer{index + 1}"))
        morphology = cls(
            name=name_at.slug() if name_at else PLACEHOLDER,
            neurons=neurons,
            layers=tuple(layers),
            about=about_at.text() if about_at else "",
            citation=citation_at.text() if citation_at else "",
            parameters=parameters,
            inputs=inputs,
            readout=Readout.read(readout_at) if readout_at else Readout(),
            file=cursor.document.name,
        )
        _check_names(morphology, cursor.faults)
        return morphology

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the grammar, every expression and default worked out."""
        return {
            "name": self.name,
            **({"about": self.about} if self.about else {}),
            **({"citation": self.citation} if self.citation else {}),
            **({"parameters": dict(self.parameters)} if self.parameters else {}),
            "inputs": {
                name: "auto" if shape is None else shape[0] if len(shape) == 1 else list(shape)
                for name, shape in self.inputs.items()
            },
            "neurons": {name: neuron.to_dict() for name, neuron in self.neurons.items()},
            "layers": [layer.to_dict() for layer in self.layers],
            "readout": self.readout.to_dict(),
        }

    def to_yaml(self) -> str:
        """The morphology as the text of a file; reading it gives an equal morphology."""
        from ruamel.yaml import YAML

        yaml = YAML()
        yaml.default_flow_style = None
        yaml.width = 120
        stream = io.StringIO()
        yaml.dump(self.to_dict(), stream)
        return stream.getvalue()


def _check_synapse_defaults(cursor: Cursor) -> None:
    """Validate each default on its own; what they mean together shows where they are used."""
    if (count_at := cursor.child("count")) and count_at.value != "all":
        count_at.whole(0)
    if field_at := cursor.child("field"):
        field_at.choice("field", FIELDS)
    if from_at := cursor.child("from"):
        _sources(from_at)
    if init_at := cursor.child("init"):
        Init.read(init_at)
    if replace_at := cursor.child("replace"):
        replace_at.flag()
    if group_at := cursor.child("group"):
        group_at.whole(1)


def _check_names(morphology: Morphology, faults: Faults) -> None:
    """Names of streams and layers must differ, and each `from` must name what stands before the layer."""
    known: dict[str, None] = dict.fromkeys([PREVIOUS, *morphology.inputs])
    flat = [
        (layer, stack)
        for entry in morphology.layers
        for stack in [entry if isinstance(entry, Stack) else None]
        for layer in (entry.layers if isinstance(entry, Stack) else (entry,))
    ]
    everywhere = {layer.name for layer, _ in flat}
    for position, (layer, stack) in enumerate(flat):
        for synapses in _all_synapses(morphology.neurons.get(layer.neuron)):
            for source in synapses.sources:
                if source == PREVIOUS and position == 0 and len(morphology.inputs) > 1:
                    streams = ", ".join(morphology.inputs)
                    problem = "'previous' is not clear for the first layer, which has several input streams"
                    faults.add(synapses.where.fault(problem, f"name one: {streams}", "from"))
                elif source not in known and source != PLACEHOLDER:
                    problem = (
                        f"'{source}' is not earlier than layer '{layer.name}', which uses this neuron"
                        if source in everywhere
                        else f"unknown source '{source}'"
                    )
                    remedy = did_you_mean(source, known, f"sources of layer '{layer.name}'")
                    faults.add(synapses.where.fault(problem, remedy, "from"))
        if layer.name in known and layer.name != PLACEHOLDER:
            faults.add(layer.where.fault(f"the name '{layer.name}' stands twice", "name each layer once", "name"))
        known[layer.name] = None
        repeat = layer.repeat * (stack.repeat if stack else 1)
        known.update(dict.fromkeys(f"{layer.name}{copy + 1}" for copy in range(min(repeat, 1000)) if repeat > 1))


def _all_synapses(compartment: Compartment | None) -> list[Synapses]:
    if compartment is None:
        return []
    below = [synapses for dendrite in compartment.dendrites for synapses in _all_synapses(dendrite)]
    return [*compartment.synapses, *below]


def load(path_or_name: str | Path, set: Mapping[str, Any] | None = None) -> Morphology:
    """Read a morphology file, or one that ships with the package by its name, or that of a run folder.

    Args:
        path_or_name: a path to a YAML file, a shipped name such as `dann-lrf`, or a run folder.
        set: knobs to turn before validation, such as `{"dendrites": 64, "layers.0.count": 512}`. Text values are read as
            YAML, as `--set` on the command line does.

    Raises:
        MorphologyError: the file is not a valid morphology; every fault stands in the message.
        DendrographError: there is no such file or name, or a path of `set` leads nowhere.
    """
    path = _find(path_or_name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DendrographError(f"{path}: not UTF-8 text (byte {error.start})\n  a morphology is a YAML file") from None
    except OSError as error:
        raise DendrographError(f"{path}: cannot be read: {error.strerror}") from None
    document = read_text(text, str(path))
    if set:
        document = document.with_values({k: read_value(v) if isinstance(v, str) else v for k, v in set.items()})
    return Morphology._from_document(document)


def _find(path_or_name: str | Path) -> Path:
    path = Path(path_or_name)
    if path.is_dir() and (path / "morphology.yaml").is_file():
        return path / "morphology.yaml"
    if path.is_file():
        return path
    names = shipped()
    if str(path_or_name) in names:
        return names[str(path_or_name)]
    if path.is_dir():
        raise DendrographError(f"{path}: a folder, but no run folder (it holds no morphology.yaml)\n  give a YAML file")
    remedy = did_you_mean(path_or_name, names, "morphologies that ship")
    raise DendrographError(f"{path_or_name}: no such file, and no morphology of that name\n  {remedy}")
