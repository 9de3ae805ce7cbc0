"""A morphology: the validated and frozen content of a file, with the source line of every value.

docs/reference/language.md describes the grammar. Each class is one mapping of the grammar, which its `read` reads.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

from dendrograph.base.errors import DendrographError, Fault, Faults, clip, expect
from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology.cable import Cable
from dendrograph.morphology.document import Document
from dendrograph.morphology.expressions import GREATEST, LARGEST, names
from dendrograph.morphology.grammar import Key, Keys, list_schema, mapping_schema, named_schema, read_keys, reference
from dendrograph.morphology.layers import (
    RESERVED,
    SOME_LAYER,
    Copy,
    Layer,
    Stack,
    contradicting,
    is_stack,
    layer_entries,
    misnamed,
    sources,
    unfold,
)
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.nonlinearities import Nonlinearity
from dendrograph.morphology.overrides import with_overrides
from dendrograph.morphology.plugins import import_plugins, read_plugins, require_plugins
from dendrograph.morphology.shipped import shipped
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.validation import (
    PLACEHOLDER,
    Cursor,
    WithDefaults,
    as_tuple,
    check_kind,
    check_no_arrays,
    not_default,
)
from dendrograph.morphology.weights import INIT, Init, bias_key, bias_to_dict
from dendrograph.morphology.yaml_reader import LARGEST_FILE, Path, decoded, show_path, written

# The classes of a morphology and of its neurons.
__all__ = [
    "Cable",
    "Compartment",
    "Init",
    "Layer",
    "Morphology",
    "Nonlinearity",
    "Readout",
    "Stack",
    "Synapses",
    "load",
]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Readout:
    """The output layer: one linear unit per class, connected to the whole last layer.

    Attributes:
        init: the rule for initial weights.
        bias: whether its units have biases.
        bias_trainable: whether biases are trained.
        trainable: whether its weights and biases are trained.
    """

    init: Init = dataclasses.field(default_factory=Init)
    bias: bool = True
    bias_trainable: bool = True
    trainable: bool = True

    KEYS: ClassVar[Keys] = {
        "init": INIT,
        "bias": bias_key("Of its units."),
        "trainable": Key.flag("Whether it is trained."),
    }

    def __post_init__(self) -> None:
        check_kind(self, "init", Init)
        check_kind(self, "bias_trainable", bool)
        check_no_arrays(self)
        if self.bias is False:
            object.__setattr__(self, "bias_trainable", True)  # it has no bias

    @classmethod
    def read(cls, cursor: Cursor) -> Readout:
        """Read a mapping of `init`, `bias` and `trainable`."""
        if not cursor.keys(cls.KEYS, such_as="{init: glorot, bias: true}"):
            return cls()
        settings = read_keys(cursor, cls.KEYS)
        return cls(**{**settings, **settings.pop("bias", {})})

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that `read` takes."""
        bias = bias_to_dict(self.bias, self.bias_trainable)
        return {"init": self.init.to_dict(), "bias": bias, **not_default(self, ("trainable",))}


def read_shape(cursor: Cursor) -> Shape | None:
    """Read `auto` (None), a number of units, `[height, width]` or `[height, width, channels]`."""
    if cursor.value == "auto":
        return None
    if type(cursor.value) is int:
        return (cursor.whole(1),)
    if not isinstance(cursor.value, list) or not 1 <= len(cursor.value) <= 3:
        cursor.expected("auto, a number of units, [height, width] or [height, width, channels]")
        return None
    return tuple(entry.whole(1) for entry in cursor.entries("sizes"))


def _shape(given: Any) -> Shape | None:
    """The shape of a stream that is given in Python as a tuple, a list, a number of units, None or `auto`."""
    if given is None or (isinstance(given, str) and given == "auto"):
        return None
    return tuple(given) if isinstance(given, list | tuple) else (given,)


@dataclass(frozen=True)
class Morphology:
    """A validated morphology, independent of any data set.

    Attributes:
        name: of the morphology.
        neurons: the kinds of neurons by name, each the compartment of its soma.
        layers: the layers and stacks, from the input to the readout.
        about: a description.
        citation: a DOI or a reference.
        parameters: the parameters of the file. All other values have them applied, so they do not count in comparisons.
        inputs: the shape of each input stream; None for `auto`.
        readout: the output layer.
        plugins: the plugins that it needs, by their names in files.
        document: the document that it was read from. None, which means unchecked, if it was built in Python or changed
            by `replace`.
    """

    name: str
    neurons: Mapping[str, Compartment]
    layers: tuple[Layer | Stack, ...]
    about: str = ""
    citation: str = ""
    parameters: Mapping[str, int | float] = dataclasses.field(default_factory=dict, compare=False)
    inputs: Mapping[str, Shape | None] = dataclasses.field(default_factory=lambda: {"image": None})
    readout: Readout = Readout()
    plugins: tuple[str, ...] = ()
    document: Document | None = dataclasses.field(default=None, init=False, compare=False, repr=False)

    KEYS: ClassVar[Keys] = {
        "name": Key.name("Of the morphology."),
        "about": Key.text("One line for `dendrograph list`, or more."),
        "citation": Key.text("A DOI or a reference."),
        "plugins": Key(
            list_schema(
                {"type": "string"},
                uniqueItems=True,
                description="Installed plugins that add nonlinearities and fields.",
            )
        ),
        "parameters": Key(
            named_schema(
                {"type": "number", "minimum": -GREATEST, "maximum": GREATEST},
                "Numbers that other values name as $name, and that overrides change.",
                may_be_empty=True,
            )
        ),
        "inputs": Key(
            named_schema(
                {
                    "anyOf": [
                        {"const": "auto"},
                        Key.whole(1, "units").schema,
                        list_schema(Key.whole(1).schema, maxItems=3),
                    ]
                },
                "Streams of input: auto, 784, [28, 28] or [32, 32, 3].",
                reserved=RESERVED,
            )
        ),
        "defaults": Key(
            lambda: mapping_schema(Compartment.DEFAULTS, "Values for each compartment and synapse that sets no other.")
        ),
        "neurons": Key(named_schema(reference("neuron"), "Kinds of neurons: a name, and the keys of its soma.")),
        "layers": Key(
            lambda: list_schema(
                {
                    "if": {"required": ["layers"]},
                    "then": mapping_schema(Stack.KEYS, "Layers that are repeated together.", required=Stack.KEYS),
                    "else": reference("layer"),
                },
                description="Populations of neurons, from the input to the readout.",
            )
        ),
        "readout": Key(mapping_schema(Readout.KEYS, "The output layer: a linear unit a class.")),
    }

    def __post_init__(self) -> None:
        for key, kind in (("neurons", Mapping), ("inputs", Mapping), ("parameters", Mapping), ("readout", Readout)):
            check_kind(self, key, kind)
        as_tuple(self, "layers", Layer, Stack)
        as_tuple(self, "plugins", str)
        check_no_arrays(self)
        for neuron in self.neurons.values():
            if not isinstance(neuron, Compartment):
                raise DendrographError(f"Morphology: a neuron is the Compartment of its soma, not {clip(repr(neuron))}")
        object.__setattr__(self, "inputs", {stream: _shape(given) for stream, given in self.inputs.items()})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], name: str | PathLike[str] = "morphology") -> Morphology:
        """A morphology from plain values of the grammar, as `to_dict` returns them.

        Raises:
            MorphologyError: with every fault found.
        """
        expect("name", name, str, PathLike)
        return cls.from_document(Document.from_plain(data, str(name)))

    @classmethod
    def from_document(cls, document: Document, plugins: tuple[str, ...] = ()) -> Morphology:
        """A morphology from a document, with plugins that the document need not name.

        Raises:
            MorphologyError: with every fault found.
        """
        document = document.resolved()
        faults = Faults(document.faults)
        morphology = cls._read(Cursor(document, faults), plugins)
        faults.raise_if_any()
        object.__setattr__(morphology, "document", document)
        for fault in (
            *_unused(morphology),
            *contradicting(morphology.layers, morphology.inputs, morphology.neurons),
            *_readout_of_another_sign(morphology),
        ):
            faults.add(fault)
        faults.raise_if_any()
        return morphology

    @classmethod
    def _read(cls, cursor: Cursor, plugins: tuple[str, ...]) -> Morphology:
        required = {
            "name": "a name for the morphology, such as dann-lrf",
            "neurons": "a mapping: the name of each kind of neuron, and under it the keys of its soma",
            "layers": f"a list of layers, such as - {SOME_LAYER}",
        }
        if not cursor.keys(cls.KEYS, required):
            return cls(PLACEHOLDER, {}, ())
        parameters_at, inputs_at, neurons_at = map(cursor.child, ("parameters", "inputs", "neurons"))
        if plugins_at := cursor.child("plugins"):  # before the names that a plugin may add are looked up
            plugins = tuple(dict.fromkeys((*read_plugins(plugins_at), *plugins)))
        defaults = _defaults(cursor)
        settings = {"name": PLACEHOLDER, **read_keys(cursor, cls.KEYS)}
        if inputs_at:
            streams = inputs_at.named_entries("input streams", RESERVED)
            settings["inputs"] = {key: read_shape(entry) for key, entry in streams.items()}
            if inputs_at.value == {}:
                inputs_at.fault("no input stream", "leave the key out for one stream, named image")
        neurons: dict[str, Compartment] = {}
        if neurons_at:
            entries = neurons_at.named_entries("neurons")
            neurons = {key: Compartment.read(entry, defaults) for key, entry in entries.items()}
            if neurons_at.value == {}:
                neurons_at.fault("no neuron", "declare at least one: a name, and under it the keys of its soma")
        layers = [
            (Stack if is_stack(entry) else Layer).read(entry, neurons, f"layer{index + 1}")
            for index, entry in enumerate(layer_entries(cursor))
        ]
        morphology = cls(
            neurons=neurons,
            layers=tuple(layers),
            parameters=_parameters(parameters_at) if parameters_at else {},
            plugins=plugins,
            readout=Readout.read(readout_at) if (readout_at := cursor.child("readout")) else Readout(),
            **settings,
        )
        for fault in misnamed(morphology.layers, morphology.inputs, neurons) if morphology.inputs else ():
            cursor.faults.add(fault)
        return morphology

    @property
    def file(self) -> str:
        """The name of its file in messages."""
        return self.document.name if self.document else self.name

    @property
    def idle_parameters(self) -> tuple[str, ...]:
        """Unused parameters, which a model keeps so that one sweep can set the same parameters of several models."""
        used = {name for text in (self.document.expressions if self.document else {}).values() for name in names(text)}
        return tuple(name for name in self.parameters if name not in used)

    def checked(self) -> Morphology:
        """This morphology if it was read from a document. One that was built in Python is read now, to find its faults.

        Raises:
            MorphologyError: with every fault found.
        """
        if self.document is None:
            name: Any = self.name  # of any type if it was given in Python
            return Morphology.from_dict(self.to_dict(), name if isinstance(name, str) else "morphology")
        require_plugins(self.plugins)  # another process may have read it
        return self

    def fault(self, path: Path, problem: str, remedy: str = "", key: bool = False) -> Fault:
        """A fault of the value (or of the key) at a path."""
        if self.document is None:
            return Fault(self.name, show_path(path), problem, remedy)
        return self.document.fault(path, problem, remedy, key)

    def copies(self) -> Iterator[Copy]:
        """The copies of all layers, with stacks and repeats unfolded; see `layers.unfold`."""
        return unfold(self.layers, self.inputs, self.neurons)

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the grammar, with the numbers of all expressions and defaults, and without parameters."""
        return {
            "name": self.name,
            **({"about": self.about} if self.about else {}),
            **({"citation": self.citation} if self.citation else {}),
            **({"plugins": list(self.plugins)} if self.plugins else {}),
            "inputs": {
                name: "auto" if shape is None else shape[0] if len(shape) == 1 else list(shape)
                for name, shape in self.inputs.items()
            },
            "neurons": {name: neuron.to_dict() for name, neuron in self.neurons.items()},
            "layers": [layer.to_dict() for layer in self.layers],
            "readout": self.readout.to_dict(),
        }

    def to_yaml(self) -> str:
        """The text of a file that gives an equal morphology when it is read."""
        return written(self.to_dict())


def _defaults(cursor: Cursor) -> Cursor | None:
    """The file's defaults, each checked alone. Contradictions between them are found where they are used."""
    defaults = cursor.child("defaults")
    if defaults is None or not defaults.keys(Compartment.DEFAULTS, hints=Compartment.OF_PARTS):
        return None
    declared = WithDefaults(None, defaults)
    Compartment.read_settings(declared)
    Cable.read(declared.section("cable"))
    synapses = defaults.child("synapses")
    if synapses and synapses.keys(Synapses.KEYS):
        read_keys(synapses, Synapses.KEYS)
    return defaults


def _parameters(cursor: Cursor) -> dict[str, int | float]:
    entries = cursor.named_entries("parameters")
    for key, entry in entries.items():
        if "-" in key:
            cursor.fault(
                f"the parameter '{key}' has a '-' in its name", "$a-b is a difference: write a_b", key, key=True
            )
        if type(entry.value) is int and abs(entry.value) > LARGEST:
            entry.expected(f"a whole number of at most {LARGEST:,}")
        elif type(entry.value) is int:
            continue
        elif type(entry.value) is float:
            entry.number()
        else:
            entry.expected("a number", "a parameter is a plain number: words and expressions stand where it is used")
    return {key: entry.value for key, entry in entries.items()}


def _unused(morphology: Morphology) -> Iterator[Fault]:
    """Faults of streams and layers that nothing draws from: they would cost time and change nothing."""
    copies = tuple(morphology.copies())
    drawn = {name: sources(neuron) for name, neuron in morphology.neurons.items()}
    used = {copy.scope[source] for copy in copies for source in drawn[copy.layer.neuron]}
    for stream in morphology.inputs:
        if stream not in used:
            path, remedy = ("inputs", stream), "remove it, or name it in a 'from'"
            yield morphology.fault(path, "no synapse draws from this stream", remedy, key=True)
    named: set[int] = set()
    for copy in copies[:-1]:
        if copy.name not in used and id(copy.layer) not in named:
            named.add(id(copy.layer))
            remedy = "let a later layer draw from it: from: previous is the layer before, whatever its name"
            yield copy.layer.where.fault(f"layer '{copy.name}' feeds nothing", remedy)


def _readout_of_another_sign(morphology: Morphology) -> Iterator[Fault]:
    """The fault of a readout whose initial weights contradict the sign of the last layer."""
    last = list(morphology.copies())[-1].layer
    if wrong := morphology.readout.init.contradicts(last.sign, f"weights from layer '{last.name}'"):
        yield morphology.fault(("readout", "init"), *wrong)


def load(
    path_or_name: str | pathlib.Path,
    overrides: Mapping[str, Any] | None = None,
    plugins: Iterable[str | pathlib.Path] = (),
) -> Morphology:
    """Read a morphology file, or a morphology that ships with the package by its name.

    Args:
        path_or_name: a path to a YAML file, or a shipped name such as `dann-lrf`.
        overrides: values that replace those of the file, such as `{"dendrites": 64, "layers.0.count": 512}`. Text is
            read as YAML, like that of `--set` on the command line.
        plugins: installed plugins, modules or files of Python that add nonlinearities and fields, such as
            `my_package.dendrites` or `./mine.py`. The morphology names them as if its file did. The file itself may
            name installed plugins and those that are given here.

    Raises:
        MorphologyError: the file is not a valid morphology, or a path of `overrides` leads nowhere; the message names
            every fault.
        DendrographError: there is no such file, name or plugin, or it cannot be read or imported.
    """
    expect("overrides", overrides, Mapping, None)
    expect("path_or_name", path_or_name, str, PathLike)
    path = _find(path_or_name)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)  # one more byte shows that a file is too large
    except OSError as error:
        raise DendrographError(f"{path}: cannot be read: {error.strerror}") from None
    document = Document.from_text(decoded(data, str(path)), str(path))
    return Morphology.from_document(with_overrides(document, overrides or {}, Morphology.KEYS), import_plugins(plugins))


def _find(path_or_name: str | pathlib.Path) -> pathlib.Path:
    path = pathlib.Path(path_or_name)
    try:
        if path.is_file():
            return path
        folder = path.is_dir()
    except OSError as error:
        raise DendrographError(f"{clip(str(path))}: cannot be read: {error.strerror}") from None
    known = shipped()
    if str(path_or_name) in known:
        return known[str(path_or_name)]
    if folder:
        raise DendrographError(f"{path}: expected a YAML file, found a folder")
    remedy = did_you_mean(path_or_name, known, "morphologies that ship")
    raise DendrographError(f"{clip(str(path_or_name))}: no such file, and no morphology of that name\n  {remedy}")
