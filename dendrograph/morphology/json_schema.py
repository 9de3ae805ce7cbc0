"""The language of morphologies as a JSON Schema, so that editors complete and check a file while it is written.

Keys, words and registries are those by which files are read: a key that a class of the language gains and that is not
told of here is an error. A schema sees one value at a time; what values mean together, such as a field that does not
fit an image, only `dendrograph check` finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dendrograph.morphology.cable import ATTENUATIONS, ENDS, Cable
from dendrograph.morphology.cable import SIGNS as SIGNS_OF_CABLES
from dendrograph.morphology.expressions import GREATEST, LARGEST
from dendrograph.morphology.layers import DALE, RESERVED, Layer, Stack
from dendrograph.morphology.morphology import Morphology, Readout
from dendrograph.morphology.neuron import INTEGRATIONS, NORMALISATIONS, Compartment
from dendrograph.morphology.nonlinearities import NONLINEARITIES, OF_PARAMETER, SHARED, TransferFunction
from dendrograph.morphology.plugins import import_plugins
from dendrograph.morphology.receptive_fields import known as known_fields
from dendrograph.morphology.registry import NAME_PATTERN, NAME_RULE
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.weights import INITS, Init, Sign
from dendrograph.morphology.yaml_reader import EXTENSION

DIALECT = "http://json-schema.org/draft-07/schema#"  # the one that editors' YAML servers read

Schema = dict[str, Any]


def schema(plugins: Iterable[str] = ()) -> Schema:
    """The JSON Schema (draft 7) of morphology files.

    Args:
        plugins: whose nonlinearities and fields are words of the language too.

    Raises:
        DendrographError: there is no such plugin.
    """
    import_plugins(plugins)
    definitions = {
        "neuron": _compartment(soma=True),
        "dendrite": _compartment(soma=False),
        "synapses": _synapses(),
        "cable": _cable(),
        "init": _init(),
        "nonlinearity": _nonlinearity(learnable=True),
        "synapse_nonlinearity": {"anyOf": [{"type": "null"}, _nonlinearity(learnable=False)]},
        "layer": _layer(),
        "expression": {
            "type": "string",
            "pattern": r"\$",
            "description": "Arithmetic on parameters, such as $dendrites or $dendrites * 2.",
        },
    }
    return {
        "$schema": DIALECT,
        "title": "dendrograph morphology",
        **_morphology(),
        "definitions": definitions,
    }


def _morphology() -> Schema:
    return {**_sections(), "patternProperties": {f"^{EXTENSION}": {"description": "Values that only anchors use."}}}


def _sections() -> Schema:
    shape = {
        "anyOf": [
            {"const": "auto"},
            _whole(1, "units"),
            {"type": "array", "items": _whole(1), "minItems": 1, "maxItems": 3},
        ]
    }
    return _mapping(
        Morphology.KEYS,
        {
            "name": _name("Of the morphology."),
            "about": _text("One line for `dendrograph list`, or more."),
            "citation": _text("A DOI or a reference."),
            "plugins": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "uniqueItems": True,
                "description": "Installed plugins that bring nonlinearities and fields.",
            },
            "parameters": _named(
                {"type": "number", "minimum": -GREATEST, "maximum": GREATEST},
                "Numbers that stand elsewhere as $name, and that --set turns.",
                may_be_empty=True,
            ),
            "inputs": _named(shape, "Streams of input: auto, 784, [28, 28] or [32, 32, 3].", reserved=RESERVED),
            "defaults": _mapping(
                Compartment.DEFAULTS,
                {**_shared(), "cable": _ref("cable"), "synapses": _ref("synapses")},
                "What holds for each compartment and synapse that says nothing else.",
            ),
            "neurons": _named(_ref("neuron"), "Kinds of neurons: a name, and the keys of its soma."),
            "layers": {
                "type": "array",
                "minItems": 1,
                "items": {"if": {"required": ["layers"]}, "then": _stack(), "else": _ref("layer")},
                "description": "Populations of neurons, from the input to the readout.",
            },
            "readout": _mapping(
                Readout.KEYS,
                {"init": _ref("init"), "bias": _bias("Of its units."), "trainable": _flag("Whether it is learnt.")},
                "The output layer: a linear unit a class.",
            ),
        },
        required=("name", "neurons", "layers"),
    )


def _shared() -> Schema:
    return {
        "nonlinearity": _ref("nonlinearity"),
        "integration": _choice(INTEGRATIONS, "How a compartment reduces what reaches it."),
        "bias": _bias("Whether each compartment has a bias, and whether it is learnt."),
        "dropout": {
            "anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1}, _ref("expression")],
            "description": "Share of the activities that is dropped in training.",
        },
        "normalisation": _choice(NORMALISATIONS, "Of the integrals, over the compartments of a group."),
        "trainable": _flag("Whether anything of the compartment is learnt."),
    }


def _compartment(soma: bool) -> Schema:
    several = {"anyOf": [{"type": "array", "items": _ref("synapses"), "minItems": 1}, _ref("synapses")]}
    properties: Schema = {
        "name": _name("Of the compartment."),
        "count": _whole(1, "How many of them each parent has."),
        **_shared(),
        "cable": _ref("cable"),
        "synapses": several,
        "dendrites": {"type": "array", "items": _ref("dendrite"), "minItems": 1, "description": "Its branches."},
    }
    keys = [key for key in Compartment.KEYS if not soma or key not in Compartment.NOT_OF_SOMA]
    reached = {"anyOf": [{"required": ["synapses"]}, {"required": ["dendrites"]}]}
    return {**_mapping(keys, {key: properties[key] for key in keys}), **reached}


def _synapses() -> Schema:
    source = _name("previous, a stream or a layer.")
    properties: Schema = {
        "count": {"anyOf": [_whole(0), {"const": "all"}], "description": "Synapses of one compartment, or all."},
        "from": {"anyOf": [source, {"type": "array", "items": source, "minItems": 1}]},
        "field": _choice(known_fields(), "The receptive field: how sources are drawn."),
        "group": _whole(1, "Somata that share a centre, for the field global."),
        "nonlinearity": _ref("synapse_nonlinearity"),
        "sign": _choice(Sign, "Of the weights, kept by construction; shunting divides."),
        "init": _ref("init"),
        "replace": _flag("Whether one source may be drawn twice."),
        "shuffle": _flag("Whether compartments exchange what was drawn for them, at random, within the layer."),
        "trainable": _flag("Whether the weights are learnt."),
    }
    return _mapping(Synapses.KEYS, properties, "Weighted connections onto a compartment.")


def _cable() -> Schema:
    told = {
        "length_um": "Length, in µm.",
        "diameter_um": "Diameter, in µm.",
        "rm_ohm_cm2": "Specific membrane resistance, in Ω cm².",
        "ra_ohm_cm": "Axial resistivity, in Ω cm.",
    }
    lengths = {key: {**_number(above_zero=True), "description": told[key]} for key in Cable.LENGTHS}
    properties: Schema = {
        "init": _ref("init"),
        "sign": _choice(SIGNS_OF_CABLES, "excitatory: a weight that stays positive."),
        "trainable": _flag("Whether the weight is learnt."),
        **lengths,
        "attenuation": _choice(ATTENUATIONS, "Whether what it passes is a fixed factor, or the initial weight."),
        "ends": _choice(ENDS, "infinite: it passes exp(-L/λ); sealed: what a finite, branching cable passes."),
    }
    return _mapping(Cable.KEYS, properties, "The connection from a dendrite to its parent.")


def _init() -> Schema:
    valued = _mapping(Init.KEYS, {"name": {"const": "constant"}, "value": _number()}, required=Init.KEYS)
    plain = [name for name in INITS if name != "constant"]
    named = _mapping(("name",), {"name": {"enum": plain}}, required=("name",))
    return {"description": "How weights start.", "anyOf": [{"enum": plain}, valued, named]}


def _nonlinearity(learnable: bool) -> Schema:
    mappings = [_of_one(entry, learnable) for entry in NONLINEARITIES.values()]
    return {"description": "The transfer function.", "anyOf": [{"enum": [*NONLINEARITIES]}, *mappings]}


def _of_one(entry: TransferFunction, learnable: bool) -> Schema:
    properties: Schema = {"name": {"const": entry.name}}
    for key, default in entry.defaults.items():
        plain = _number(above_zero=key in entry.positive)
        keys = {"value": plain, "trainable": {"enum": [*SHARED, False] if learnable else [False]}}
        anyway = {"anyOf": [{"required": ["value"]}, {"required": ["trainable"], "properties": _LEARNT}]}
        properties[key] = {"anyOf": [plain, {**_mapping(OF_PARAMETER, keys), **anyway}], "default": default}
    return _mapping([*properties], properties, entry.equation, required=("name",))


_LEARNT: Schema = {"trainable": {"enum": [*SHARED]}}


def _layer() -> Schema:
    properties: Schema = {
        "name": _name("Of the layer."),
        "neuron": _name("One of neurons."),
        "count": _whole(1, "How many neurons it has."),
        "repeat": _whole(1, "How many such layers stand one after the other."),
        "sign": _choice(DALE, "Of every synapse that draws from it: Dale's principle."),
        "trainable": _flag("Whether anything of its neurons is learnt."),
    }
    return _mapping(Layer.KEYS, properties, "A population of neurons.", required=("neuron", "count"))


def _stack() -> Schema:
    properties: Schema = {
        "repeat": _whole(1, "How many times its layers stand one after the other."),
        "layers": {"type": "array", "items": _ref("layer"), "minItems": 1},
    }
    return _mapping(Stack.KEYS, properties, "Layers that are repeated together.", required=Stack.KEYS)


# --- pieces


def _mapping(
    keys: Iterable[str], properties: Mapping[str, Schema], description: str = "", required: Iterable[str] = ()
) -> Schema:
    """A mapping of exactly these keys; nothing stands for an empty one, as where files are read."""
    if set(keys) != set(properties):
        raise AssertionError(f"the schema tells of {sorted(properties)}, and the language has {sorted(keys)}")
    return {
        "type": ["object", "null"] if not required else "object",
        "properties": dict(properties),
        "additionalProperties": False,
        **({"required": [*required]} if required else {}),
        **({"description": description} if description else {}),
    }


def _named(entry: Schema, description: str, reserved: Iterable[str] = (), may_be_empty: bool = False) -> Schema:
    names: Schema = {"pattern": NAME_PATTERN, **({"not": {"enum": sorted(reserved)}} if reserved else {})}
    kind = ["object", "null"] if may_be_empty else "object"
    return {"type": kind, "propertyNames": names, "additionalProperties": entry, "description": description}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _name(description: str) -> Schema:
    return {"type": "string", "pattern": NAME_PATTERN, "description": f"{description} {NAME_RULE.capitalize()}."}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _bias(description: str) -> Schema:
    fixed = _mapping(("trainable",), {"trainable": _flag("Whether it is learnt.")}, required=("trainable",))
    return {"anyOf": [{"type": "boolean"}, fixed], "description": description}


def _choice(words: Iterable[str], description: str) -> Schema:
    return {"enum": [*words], "description": description}


def _whole(minimum: int, description: str = "") -> Schema:
    number = {"type": "integer", "minimum": minimum, "maximum": LARGEST}
    return {"anyOf": [number, _ref("expression")], **({"description": description} if description else {})}


def _number(above_zero: bool = False) -> Schema:
    return {"anyOf": [{"type": "number", **({"exclusiveMinimum": 0} if above_zero else {})}, _ref("expression")]}
