"""The language of morphologies as a JSON Schema, so that editors complete and check a file while it is written.

The schema is made of the same lists of keys by which files are read (`KEYS` of each class). A schema sees one value at
a time. Only `dendrograph check` finds contradictions between values, such as a field that does not fit an image.
"""

from __future__ import annotations

from collections.abc import Iterable

from dendrograph.morphology.cable import Cable
from dendrograph.morphology.grammar import Key, Schema, mapping_schema
from dendrograph.morphology.layers import Layer
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.nonlinearities import NONLINEARITIES, OF_PARAMETER, SHARED, TransferFunction
from dendrograph.morphology.plugins import import_plugins
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.weights import INITS
from dendrograph.morphology.yaml_reader import EXTENSION

DIALECT = "http://json-schema.org/draft-07/schema#"  # the dialect that the YAML servers of editors read


def schema(plugins: Iterable[str] = ()) -> Schema:
    """The JSON Schema (draft 7) of morphology files.

    Args:
        plugins: plugins whose nonlinearities and fields belong to the language too.

    Raises:
        DendrographError: there is no such plugin.
    """
    import_plugins(plugins)
    return {
        "$schema": DIALECT,
        "title": "dendrograph morphology",
        **mapping_schema(Morphology.KEYS, required=("name", "neurons", "layers")),
        "patternProperties": {f"^{EXTENSION}": {"description": "Values that only anchors use."}},
        "definitions": {
            "neuron": _compartment(soma=True),
            "dendrite": _compartment(soma=False),
            "synapses": mapping_schema(Synapses.KEYS, "Weighted connections onto a compartment."),
            "cable": mapping_schema(Cable.KEYS, "The connection from a dendrite to its parent."),
            "init": _init(),
            "nonlinearity": _nonlinearity(learnable=True),
            "synapse_nonlinearity": {"anyOf": [{"type": "null"}, _nonlinearity(learnable=False)]},
            "layer": mapping_schema(Layer.KEYS, "A population of neurons.", required=("neuron", "count")),
            "expression": {
                "type": "string",
                "pattern": r"\$",
                "description": "Arithmetic on parameters, such as $dendrites or $dendrites * 2.",
            },
        },
    }


def _compartment(soma: bool) -> Schema:
    keys = {name: key for name, key in Compartment.KEYS.items() if not soma or name not in Compartment.NOT_OF_SOMA}
    return {**mapping_schema(keys), "anyOf": [{"required": ["synapses"]}, {"required": ["dendrites"]}]}


def _init() -> Schema:
    valued = {"name": {"const": "constant"}, "value": Key.number().schema}
    plain = [name for name in INITS if name != "constant"]
    named = mapping_schema({"name": {"enum": plain}}, required=("name",))
    return {
        "description": "How weights start.",
        "anyOf": [{"enum": plain}, mapping_schema(valued, required=valued), named],
    }


def _nonlinearity(learnable: bool) -> Schema:
    mappings = [_transfer_function(entry, learnable) for entry in NONLINEARITIES.values()]
    return {"description": "The transfer function.", "anyOf": [{"enum": [*NONLINEARITIES]}, *mappings]}


def _transfer_function(entry: TransferFunction, learnable: bool) -> Schema:
    properties: Schema = {"name": {"const": entry.name}}
    trained = {"required": ["trainable"], "properties": {"trainable": {"enum": [*SHARED]}}}
    for key, default in entry.defaults.items():
        plain = Key.number(above=0.0).schema if key in entry.positive else Key.number().schema
        keys = dict(zip(OF_PARAMETER, (plain, {"enum": [*SHARED, False] if learnable else [False]}), strict=True))
        mapping = {**mapping_schema(keys), "anyOf": [{"required": ["value"]}, trained]}
        properties[key] = {"anyOf": [plain, mapping], "default": default}
    return mapping_schema(properties, entry.equation, required=("name",))
