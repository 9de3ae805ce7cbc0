"""The grammar: every key with its default, what holds where, and the ways to read and write a morphology."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dendrograph.base.errors import DendrographError, MorphologyError
from dendrograph.graph.compiler import compile
from dendrograph.graph.tree import branchings
from dendrograph.morphology import plugins
from dendrograph.morphology.cable import Cable
from dendrograph.morphology.document import Document
from dendrograph.morphology.layers import Layer, Stack
from dendrograph.morphology.morphology import Morphology, Readout, load
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.nonlinearities import NONLINEARITIES, Nonlinearity
from dendrograph.morphology.overrides import with_overrides
from dendrograph.morphology.shipped import shipped
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.weights import Init, Sign
from dendrograph.morphology.yaml_reader import LARGEST_FILE, MOST_IN_A_ROW

ARRAY, TENSOR = (f"an object of type {kind} of shape (3,)" for kind in ("numpy.ndarray", "torch.Tensor"))


def read(text: str) -> Morphology:
    """A morphology from the text of a file."""
    return Morphology.from_dict(YAML(typ="safe").load(text))


def neuron(soma: str, defaults: str = "", streams: str = "") -> Compartment:
    """The neuron whose soma has these keys."""
    text = "name: it\n" + (f"defaults: {defaults}\n" if defaults else "") + (f"inputs: {streams}\n" if streams else "")
    return read(f"{text}neurons: {{n: {soma}}}\nlayers: [{{neuron: n, count: 2}}]\n").neurons["n"]


def synapses(keys: str, defaults: str = "") -> Synapses:
    """Synapses with these keys."""
    return neuron(f"{{synapses: {keys}}}", f"{{synapses: {defaults}}}" if defaults else "").synapses[0]


def messages(text: str) -> list[str]:
    """The faults of a file, without their places."""
    with pytest.raises(MorphologyError) as error:
        read(text)
    return [f"{fault.path}: {fault.problem}" for fault in error.value.faults]


POINT = "neurons: {n: {synapses: {count: 2}}}\nlayers: [{neuron: n, count: 2}]\n"


class TestDefaults:
    """What holds where the file says nothing."""

    def test_of_a_morphology(self) -> None:
        assert read(f"name: it\n{POINT}") == Morphology(
            name="it",
            neurons={"n": Compartment("soma", synapses=(Synapses(2),))},
            layers=(Layer("layer1", "n", 2),),
            about="",
            citation="",
            parameters={},
            inputs={"image": None},
            readout=Readout(Init("glorot"), True),
        )

    def test_of_a_soma(self) -> None:
        assert neuron("{synapses: {count: 2}}") == Compartment(
            name="soma",
            count=1,
            nonlinearity=Nonlinearity("leaky_relu", (("slope", 0.1),)),
            integration="sum",
            bias=True,
            dropout=0.0,
            cable=Cable(Init("glorot")),
            synapses=(Synapses(2, ("previous",), "random", Init("glorot"), False, 1),),
            dendrites=(),
        )

    def test_of_a_dendrite(self) -> None:
        (dendrite,) = neuron("{dendrites: [{synapses: {count: 2}}]}").dendrites
        assert dendrite == Compartment("dendrite", synapses=(Synapses(2),))

    def test_names_of_dendrites_that_have_none(self) -> None:
        found = neuron(
            "{dendrites: [{synapses: {count: 2}}, {name: own, synapses: {count: 2}}, {synapses: {count: 1}}]}"
        )
        assert [dendrite.name for dendrite in found.dendrites] == ["dendrite1", "own", "dendrite3"]

    def test_names_of_layers_that_have_none(self) -> None:
        text = "name: it\nneurons: {n: {synapses: {count: 2}}}\nlayers:\n- {neuron: n, count: 2}\n"
        found = read(
            text + "- {repeat: 2, layers: [{neuron: n, count: 3}, {neuron: n, count: 2}]}\n- {neuron: n, count: 2}"
        )
        assert [copy.name for copy in found.copies()] == [
            *("layer1", "layer2_1_1", "layer2_2_1", "layer2_1_2", "layer2_2_2", "layer3")
        ]

    def test_what_is_given_as_nothing(self) -> None:
        assert read(f"name: it\nparameters:\ndefaults:\nreadout:\n{POINT}") == read(f"name: it\n{POINT}")


class TestKeys:
    """Every key, with what it takes."""

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            ("name: body", Compartment("body", synapses=(Synapses(2),))),
            ("bias: false", Compartment(bias=False, synapses=(Synapses(2),))),
            ("dropout: 0.5", Compartment(dropout=0.5, synapses=(Synapses(2),))),
            ("dropout: 0", Compartment(synapses=(Synapses(2),))),
            ("integration: sum", Compartment(synapses=(Synapses(2),))),
            *(
                (f"integration: {word}", Compartment(integration=word, synapses=(Synapses(2),)))
                for word in ("mean", "max", "min", "product")
            ),
            ("normalisation: none", Compartment(synapses=(Synapses(2),))),
            ("normalisation: layer", Compartment(normalisation="layer", synapses=(Synapses(2),))),
            ("nonlinearity: relu", Compartment(nonlinearity=Nonlinearity("relu", ()), synapses=(Synapses(2),))),
        ],
    )
    def test_of_a_soma(self, keys: str, expected: Compartment) -> None:
        assert neuron(f"{{{keys}, synapses: {{count: 2}}}}") == expected

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            ("{name: basal, count: 3}", Compartment("basal", 3, synapses=(Synapses(2),))),
            ("{cable: {init: he}}", Compartment("dendrite", cable=Cable(Init("he")), synapses=(Synapses(2),))),
            ("{cable: {}}", Compartment("dendrite", synapses=(Synapses(2),))),
            ("{cable: }", Compartment("dendrite", synapses=(Synapses(2),))),
        ],
    )
    def test_of_a_dendrite(self, keys: str, expected: Compartment) -> None:
        found = neuron(f"{{dendrites: [{{synapses: {{count: 2}}, {keys[1:]}]}}")
        assert found.dendrites == (expected,)

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            ("{sign: free, trainable: true}", Cable()),
            ("{sign: excitatory}", Cable(sign="excitatory")),
            ("{trainable: false, init: he}", Cable(Init("he"), trainable=False)),
            ("{length_um: 100, diameter_um: 2}", Cable(length_um=100.0, diameter_um=2.0)),
            ("{length_um: 1, diameter_um: 0.5, init: he}", Cable(Init("he"), length_um=1.0, diameter_um=0.5)),
            ("{length_um: 1, diameter_um: 2, attenuation: factor}", Cable(length_um=1.0, diameter_um=2.0)),
            (
                "{length_um: 80, diameter_um: 2, rm_ohm_cm2: 1e4, ra_ohm_cm: 100, attenuation: initial}",
                Cable(length_um=80.0, diameter_um=2.0, rm_ohm_cm2=1e4, ra_ohm_cm=100.0, attenuation="initial"),
            ),
        ],
    )
    def test_of_a_cable(self, keys: str, expected: Cable) -> None:
        (found,) = neuron(f"{{dendrites: [{{synapses: {{count: 2}}, cable: {keys}}}]}}").dendrites
        assert found.cable == expected

    @pytest.mark.parametrize(
        ("gain", "value", "trainable"),
        [
            ("2", 2.0, ()),
            ("{value: 2}", 2.0, ()),
            ("{value: 2, trainable: false}", 2.0, ()),
            ("{value: 2, trainable: group}", 2.0, (("gain", "group"),)),
            ("{value: 2, trainable: compartment}", 2.0, (("gain", "compartment"),)),
            ("{trainable: compartment}", 4.0, (("gain", "compartment"),)),
        ],
    )
    def test_of_a_parameter_of_a_nonlinearity(self, gain: str, value: float, trainable: Any) -> None:
        found = neuron(f"{{nonlinearity: {{name: nmda, gain: {gain}}}, synapses: {{count: 2}}}}").nonlinearity
        assert found == Nonlinearity("nmda", (("threshold", 1.0), ("gain", value), ("plateau", 1.0)), trainable)

    @pytest.mark.parametrize("sign", ["free", "excitatory", "inhibitory"])
    def test_the_sign_of_a_layer(self, sign: str) -> None:
        found = read(f"name: it\n{POINT.replace('count: 2}]', f'count: 2, sign: {sign}}}]')}")
        assert found.layers == (Layer("layer1", "n", 2, sign=sign),)

    @pytest.mark.parametrize("name", NONLINEARITIES)
    def test_every_nonlinearity_by_name_and_with_each_of_its_parameters(self, name: str) -> None:
        entry = NONLINEARITIES[name]
        plain = Nonlinearity(name, tuple(entry.defaults.items()))
        assert neuron(f"{{nonlinearity: {name}, synapses: {{count: 2}}}}").nonlinearity == plain
        assert neuron(f"{{nonlinearity: {{name: {name}}}, synapses: {{count: 2}}}}").nonlinearity == plain
        for key in entry.defaults:
            found = neuron(f"{{nonlinearity: {{name: {name}, {key}: 2.5}}, synapses: {{count: 2}}}}").nonlinearity
            assert dict(found.parameters) == {**entry.defaults, key: 2.5}
            assert dict(Nonlinearity(name, found.parameters).to_dict()) == {"name": name, **entry.defaults, key: 2.5}
        for key in entry.positive:
            with pytest.raises(MorphologyError, match="greater than 0"):
                neuron(f"{{nonlinearity: {{name: {name}, {key}: 0}}, synapses: {{count: 2}}}}")

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            ("{count: 0}", Synapses(0)),
            ("{count: all}", Synapses("all", field="all")),
            ("{field: all}", Synapses("all", field="all")),
            ("{count: all, field: all}", Synapses("all", field="all")),
            ("{count: 3, field: random}", Synapses(3)),
            ("{count: 3, field: pooled}", Synapses(3, field="pooled")),
            ("{count: 3, field: local}", Synapses(3, field="local")),
            ("{count: 3, field: global}", Synapses(3, field="global")),
            ("{count: 3, field: global, group: 4}", Synapses(3, field="global", group=4)),
            ("{count: 3, replace: true}", Synapses(3, replace=True)),
            ("{count: 3, field: pooled, replace: true}", Synapses(3, field="pooled", replace=True)),
            ("{count: 3, field: local, replace: false}", Synapses(3, field="local")),
            ("{count: 3, from: image}", Synapses(3, ("image",))),
            ("{count: 3, from: [image, previous]}", Synapses(3, ("image", "previous"))),
            ("{count: 3, field: tiled}", Synapses(3, field="tiled")),
            ("{count: 3, field: global, shuffle: true}", Synapses(3, field="global", shuffle=True)),
            ("{count: 3, field: tiled, shuffle: false}", Synapses(3, field="tiled")),
            ("{count: 3, sign: free, nonlinearity: }", Synapses(3)),
            *((f"{{count: 3, sign: {sign}}}", Synapses(3, sign=sign)) for sign in Sign),
            ("{count: 3, nonlinearity: tanh}", Synapses(3, nonlinearity=Nonlinearity("tanh", ()))),
            (
                "{count: 3, sign: inhibitory, nonlinearity: {name: sublinear, saturation: 2}}",
                Synapses(3, sign="inhibitory", nonlinearity=Nonlinearity("sublinear", (("saturation", 2.0),))),
            ),
            ("{count: 3, init: he}", Synapses(3, init=Init("he"))),
            ("{count: 3, init: {name: glorot_dense}}", Synapses(3, init=Init("glorot_dense"))),
            ("{count: 3, init: {name: constant, value: -1}}", Synapses(3, init=Init("constant", -1.0))),
        ],
    )
    def test_of_synapses(self, keys: str, expected: Synapses) -> None:
        assert synapses(keys) == expected

    @pytest.mark.parametrize("sources", ["", "5", "{image: 3}"])
    def test_sources_that_are_none(self, sources: str) -> None:
        with pytest.raises(MorphologyError, match="expected a source, or a list of sources"):
            synapses(f"{{count: 3, from: {sources}}}")

    def test_several_synapses(self) -> None:
        found = neuron("{synapses: [{count: 2}, {count: 3, field: local}]}")
        assert found.synapses == (Synapses(2), Synapses(3, field="local"))

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [("auto", None), ("784", (784,)), ("[784]", (784,)), ("[28, 28]", (28, 28)), ("[32, 32, 3]", (32, 32, 3))],
    )
    def test_inputs(self, shape: str, expected: Any) -> None:
        assert read(f"name: it\ninputs: {{pixels: {shape}}}\n{POINT}").inputs == {"pixels": expected}

    def test_readout(self) -> None:
        assert read(f"name: it\nreadout: {{init: he, bias: false}}\n{POINT}").readout == Readout(Init("he"), False)

    def test_free_text(self) -> None:
        found = read(f"name: it\nabout: |\n  Costs $5.\n  Or more.\ncitation: $doi\nparameters: {{doi: 3}}\n{POINT}")
        assert (found.about, found.citation) == ("Costs $5.\nOr more.\n", "$doi")


class TestDefaultsOfTheFile:
    """`defaults`: the most local setting wins, and synapses and cables are merged key by key."""

    def test_reach_every_compartment(self) -> None:
        defaults = (
            "{nonlinearity: tanh, bias: false, dropout: 0.5, cable: {init: he}, synapses: {init: he, field: local}}"
        )
        found = neuron("{dendrites: [{synapses: {count: 2}, dendrites: [{synapses: [{count: 3}]}]}]}", defaults)
        (branch,) = found.dendrites
        (twig,) = branch.dendrites
        for compartment in (found, branch, twig):
            assert compartment.nonlinearity.name == "tanh"
            assert (compartment.bias, compartment.dropout) == (False, 0.5)
        assert branch.cable == twig.cable == Cable(Init("he"))
        assert found.cable == Cable(), "a soma has no cable"
        assert branch.synapses == (Synapses(2, field="local", init=Init("he")),)
        assert twig.synapses == (Synapses(3, field="local", init=Init("he")),)

    def test_the_most_local_wins(self) -> None:
        defaults = (
            "{nonlinearity: {name: elu, alpha: 2}, bias: false, dropout: 0.5, cable: {init: he}, synapses: {init: he}}"
        )
        own = "{nonlinearity: elu, bias: true, dropout: 0, cable: {init: glorot}, synapses: {count: 2, init: glorot}}"
        (found,) = neuron(f"{{dendrites: [{own}]}}", defaults).dendrites
        assert found == dataclasses.replace(
            Compartment("dendrite", synapses=(Synapses(2),)), nonlinearity=Nonlinearity("elu", (("alpha", 1.0),))
        )

    def test_of_integration_and_normalisation(self) -> None:
        defaults = "{integration: max, normalisation: layer}"
        found = neuron("{dendrites: [{synapses: {count: 2}, integration: mean, normalisation: none}]}", defaults)
        assert (found.integration, found.normalisation) == ("max", "layer")
        assert (found.dendrites[0].integration, found.dendrites[0].normalisation) == ("mean", "none")

    @pytest.mark.parametrize(
        ("own", "expected"),
        [
            ("", Cable(sign="excitatory", length_um=80.0, diameter_um=2.0, ra_ohm_cm=90.0)),
            (
                "{length_um: 20, sign: free}",
                Cable(length_um=20.0, diameter_um=2.0, ra_ohm_cm=90.0),
            ),
            (
                "{ra_ohm_cm: 70, attenuation: initial, trainable: false}",
                Cable(
                    sign="excitatory",
                    trainable=False,
                    length_um=80.0,
                    diameter_um=2.0,
                    ra_ohm_cm=70.0,
                    attenuation="initial",
                ),
            ),
        ],
    )
    def test_of_cables_hold_key_by_key(self, own: str, expected: Cable) -> None:
        defaults = "{cable: {sign: excitatory, length_um: 80, diameter_um: 2, ra_ohm_cm: 90}}"
        (found,) = neuron(f"{{dendrites: [{{synapses: {{count: 2}}, cable: {own}}}]}}", defaults).dendrites
        assert found.cable == expected

    def test_of_lengths_wait_for_a_cable_that_has_one(self) -> None:
        defaults = "{cable: {rm_ohm_cm2: 5000, attenuation: initial, trainable: false}}"
        found = neuron(
            "{dendrites: [{name: a, synapses: {count: 2}, cable: {init: he}}, "
            "{name: b, synapses: {count: 2}, cable: {length_um: 9, diameter_um: 1}}]}",
            defaults,
        )
        assert found.dendrites[0].cable == Cable(Init("he"), trainable=False)
        assert found.dendrites[1].cable == Cable(
            trainable=False, length_um=9.0, diameter_um=1.0, rm_ohm_cm2=5000.0, attenuation="initial"
        )

    def test_where_a_cable_starts_is_said_once(self) -> None:
        """What stands nearer overrides what is farther off; in one place the two contradict each other."""
        lengths, initial = "length_um: 9, diameter_um: 1", "attenuation: initial"
        starting = Cable(length_um=9.0, diameter_um=1.0, attenuation="initial")

        def found(own: str, default: str) -> Cable:
            text = f"{{dendrites: [{{synapses: {{count: 2}}, cable: {{{lengths}, {own}}}}}]}}"
            return neuron(text, f"{{cable: {{{default}}}}}").dendrites[0].cable

        assert found(initial, "init: he") == starting
        assert found("", initial) == starting
        for own, default in ((f"{initial}, init: he", ""), ("init: he", initial), ("", f"{initial}, init: he")):
            with pytest.raises(MorphologyError, match="the weight starts at the attenuation"):
                found(own, default)

    def test_of_synapses_with_signs_and_nonlinearities(self) -> None:
        tanh = Nonlinearity("tanh", ())
        assert synapses("{count: 2}", "{sign: inhibitory, nonlinearity: tanh}") == Synapses(
            2, sign="inhibitory", nonlinearity=tanh
        )
        assert synapses("{count: 2, sign: free}", "{sign: inhibitory}") == Synapses(2)
        assert synapses("{count: 2, nonlinearity: }", "{nonlinearity: tanh}") == Synapses(2)
        assert synapses("{count: 2, sign: shunting}", "{nonlinearity: tanh}") == Synapses(2, sign="shunting")
        with pytest.raises(MorphologyError, match="a shunting synapse has no nonlinearity"):
            synapses("{count: 2, nonlinearity: tanh}", "{sign: shunting}")

    def test_are_no_fault_where_nothing_uses_them(self) -> None:
        assert neuron("{synapses: {count: 2}}", "{cable: {init: he}}") == Compartment(synapses=(Synapses(2),))

    def test_a_default_field_goes_with_an_own_count_and_the_other_way_round(self) -> None:
        assert synapses("{count: 2}", "{field: local}") == Synapses(2, field="local")
        assert synapses("{field: local}", "{count: 2}") == Synapses(2, field="local")
        assert synapses("{}", "{count: 2, field: local}") == Synapses(2, field="local")
        assert synapses("{from: image}", "{count: 2}") == Synapses(2, ("image",))

    def test_what_is_said_nearer_overrides_what_it_contradicts(self) -> None:
        everything = Synapses("all", field="all")
        assert synapses("{count: all}", "{field: local}") == everything
        assert synapses("{field: all}", "{count: 2}") == everything
        assert synapses("{field: local}", "{count: 2, field: random, replace: true}") == Synapses(2, field="local")
        assert synapses("{field: random}", "{count: 2, field: global, group: 4}") == Synapses(2)

    @pytest.mark.parametrize(
        ("own", "defaults", "fault"),
        [
            ("{count: 2}", "{field: all}", "neurons.n.synapses.count: field 'all' takes no count"),
            ("{field: local}", "{count: all}", "neurons.n.synapses.count: missing key 'count'"),
            (
                "{replace: true}",
                "{count: 2, field: local}",
                "neurons.n.synapses.replace: 'replace' does not go with field",
            ),
            ("{group: 2}", "{count: 2}", "neurons.n.synapses.group: 'group' does not go with field 'random'"),
            ("{count: 2}", "{field: local, replace: true}", "defaults.synapses.replace: 'replace' does not go with"),
            ("{}", "{count: all, field: local}", "defaults.synapses.field: count 'all' contradicts field 'local'"),
            ("{}", "{count: 2, field: all}", "defaults.synapses.count: field 'all' takes no count"),
            ("{shuffle: true}", "{field: all}", "neurons.n.synapses.shuffle: field 'all' leaves nothing to shuffle"),
            ("{}", "{field: all, shuffle: true}", "defaults.synapses.shuffle: field 'all' leaves nothing to shuffle"),
        ],
    )
    def test_contradictions(self, own: str, defaults: str, fault: str) -> None:
        text = f"name: it\ndefaults: {{synapses: {defaults}}}\nneurons: {{n: {{synapses: {own}}}}}\n"
        (found,) = messages(text + "layers: [{neuron: n, count: 2}]\n")
        assert found.startswith(fault)

    def test_are_checked_even_where_every_compartment_overrides_them(self) -> None:
        text = "name: it\ndefaults: {dropout: 2, cable: {length_um: 0}, synapses: {sign: exciting, count: x}}\n"
        text += "neurons: {n: {dropout: 0, synapses: {count: 2, sign: free}}}\nlayers: [{neuron: n, count: 2}]\n"
        assert messages(text) == [
            "defaults.dropout: expected a number of at least 0 and less than 1, found 2",
            "defaults.cable.length_um: expected a number greater than 0, found 0",
            "defaults.synapses.count: expected a whole number of at least 0, or all, found 'x'",
            "defaults.synapses.sign: unknown sign 'exciting'",
        ]


class TestLayers:
    """Layers, repeats and stacks, and the names that synapses may draw from."""

    @staticmethod
    def copies(
        layers: str, sources: str = "previous", streams: str = "{image: auto}"
    ) -> list[tuple[str, Mapping[str, str]]]:
        text = f"name: it\ninputs: {streams}\nneurons: {{n: {{synapses: {{count: 1, from: {sources}}}}}}}\n"
        text += f"layers: {layers}"
        return [(copy.name, copy.scope) for copy in read(text).copies()]

    def test_previous_is_the_layer_before_and_at_first_the_only_stream(self) -> None:
        assert self.copies(
            "[{name: a, neuron: n, count: 2}, {name: b, neuron: n, count: 2}]", streams="{eye: auto}"
        ) == [
            ("a", {"eye": "eye", "previous": "eye"}),
            ("b", {"eye": "eye", "previous": "a", "a": "a"}),
        ]

    def test_a_layer_that_is_repeated(self) -> None:
        found = self.copies("[{name: a, neuron: n, count: 2, repeat: 3}, {name: b, neuron: n, count: 1}]")
        assert [name for name, _ in found] == ["a1", "a2", "a3", "b"]
        assert [scope["previous"] for _, scope in found] == ["image", "a1", "a2", "a3"]
        assert found[-1][1] == {"image": "image", "previous": "a3", "a": "a3", "a1": "a1", "a2": "a2", "a3": "a3"}

    def test_a_name_that_ends_in_a_digit(self) -> None:
        assert [name for name, _ in self.copies("[{name: V1, neuron: n, count: 2, repeat: 2}]")] == ["V1_1", "V1_2"]

    def test_a_stack_repeats_its_layers_together(self) -> None:
        layers = "[{repeat: 2, layers: [{name: a, neuron: n, count: 3, repeat: 2}, {name: b, neuron: n, count: 2}]}]"
        found = self.copies(layers)
        assert [name for name, _ in found] == ["a1", "a2", "b1", "a3", "a4", "b2"]
        assert [scope["previous"] for _, scope in found] == ["image", "a1", "a2", "b1", "a3", "a4"]
        assert found[-1][1]["a"] == "a4"
        assert found[-1][1]["b"] == "b1"

    def test_repeat_one_changes_no_name(self) -> None:
        assert [name for name, _ in self.copies("[{name: a, neuron: n, count: 3, repeat: 1}]")] == ["a"]
        assert [name for name, _ in self.copies("[{repeat: 1, layers: [{name: a, neuron: n, count: 3}]}]")] == ["a"]

    TWO = "name: it\nneurons: {n: {synapses: {count: 1}}, m: {synapses: {count: 1, from: %s}}}\nlayers: %s\n"

    @pytest.mark.parametrize(
        ("source", "layers", "fault"),
        [
            (
                "b",
                "[{name: a, neuron: m, count: 2}, {name: b, neuron: n, count: 2}]",
                "'b' is not earlier than layer 'a'",
            ),
            ("b", "[{name: b, neuron: m, count: 2}]", "'b' is not earlier than layer 'b'"),
            ("c", "[{name: a, neuron: m, count: 2}]", "unknown source 'c'"),
            ("a", "[{name: a, neuron: m, count: 2, repeat: 2}]", "'a' is not earlier than layer 'a1'"),
            ("a2", "[{name: a, neuron: n, count: 2}, {name: b, neuron: m, count: 2}]", "unknown source 'a2'"),
            (
                "a2",
                "[{repeat: 2, layers: [{name: a, neuron: n, count: 2}, {name: b, neuron: m, count: 2}]}]",
                "'a2' is not earlier than layer 'b1'",
            ),
            ("nowhere", "[{name: a, neuron: n, count: 2}]", "unknown source 'nowhere'"),
        ],
    )
    def test_sources_that_are_not_there(self, source: str, layers: str, fault: str) -> None:
        (found,) = messages(self.TWO % (source, layers))
        assert found.startswith(f"neurons.m.synapses.from: {fault}")

    def test_a_source_of_the_latest_copy(self) -> None:
        text = self.TWO % ("a", "[{name: a, neuron: n, count: 2, repeat: 2}, {name: b, neuron: m, count: 2}]")
        graph = compile(read(text), inputs=4)
        assert [projection.source for projection in graph.projections if projection.target == "b/soma"] == ["a2/soma"]

    @pytest.mark.parametrize(
        ("layers", "fault"),
        [
            (
                "[{name: a, neuron: n, count: 2}, {name: a, neuron: n, count: 2}]",
                "layers[1].name: the name 'a' is given twice",
            ),
            ("[{name: image, neuron: n, count: 2}]", "layers[0].name: the name 'image' is given twice"),
            (
                "[{name: a, neuron: n, count: 2, repeat: 2}, {name: a2, neuron: n, count: 2}]",
                "layers[1].name: the name 'a2' is given twice",
            ),
            (
                "[{name: a2, neuron: n, count: 2}, {name: a, neuron: n, count: 2, repeat: 2}]",
                "layers[1].name: the name 'a2', once 'a' is repeated, is given twice",
            ),
            (
                "[{name: a, neuron: n, count: 2, repeat: 2}, {name: a, neuron: n, count: 2}]",
                "layers[1].name: the name 'a' is given twice",
            ),
            (
                "[{name: layer2, neuron: n, count: 2}, {neuron: n, count: 2}]",
                "layers[1].name: the name 'layer2' is given twice",
            ),
        ],
    )
    def test_names_that_stand_twice(self, layers: str, fault: str) -> None:
        assert messages(f"name: it\nneurons: {{n: {{synapses: {{count: 1}}}}}}\nlayers: {layers}\n") == [fault]

    @pytest.mark.parametrize("name", ["previous", "readout", "all", "auto"])
    def test_words_of_the_language_are_no_names(self, name: str) -> None:
        problem = f"'{name}' is a word of the language"
        assert messages(
            f"name: it\nneurons: {{n: {{synapses: {{count: 1}}}}}}\nlayers: [{{name: {name}, neuron: n, count: 1}}]"
        ) == [f"layers[0].name: {problem}"]
        assert messages(f"name: it\ninputs: {{{name}: 3}}\n{POINT}")[0] == f"inputs.{name}: {problem}"

    def test_most_layers(self) -> None:
        text = "name: it\nneurons: {n: {synapses: {count: 1}}}\nlayers: [{name: a, neuron: n, count: 1, repeat: %d}]\n"
        assert sum(1 for _ in read(text % 1000).copies()) == 1000
        assert messages(text % 1001) == ["layers[0].repeat: 1,001 layers, repeats included"]


class TestSigns:
    """Dale's principle: what draws from a layer that has a sign has it too."""

    @staticmethod
    def fed_by(layer: str, own: str, init: str = "glorot") -> Morphology:
        """A layer of some sign, repeated, and one that draws from its latest copy with another."""
        neurons = (
            f"{{n: {{synapses: {{count: 1}}}}, m: {{synapses: {{count: 1, from: a, sign: {own}, init: {init}}}}}}}"
        )
        layers = f"[{{name: a, neuron: n, count: 2, repeat: 2, sign: {layer}}}, {{name: b, neuron: m, count: 2}}]"
        return read(f"name: it\nneurons: {neurons}\nlayers: {layers}\n")

    @pytest.mark.parametrize(
        ("layer", "own", "expected"),
        [
            *(("free", own, own) for own in Sign),
            *(("excitatory", own, "excitatory") for own in ("free", "excitatory")),
            *(
                ("inhibitory", own, own if own != "free" else "inhibitory")
                for own in ("free", "inhibitory", "shunting")
            ),
        ],
    )
    def test_that_go_together(self, layer: str, own: str, expected: str) -> None:
        graph = compile(self.fed_by(layer, own), 4)
        onto = {projection.target: projection for projection in graph.projections}
        assert onto["b/soma"].sign == expected
        assert onto["a1/soma"].sign == "free", "the input has none"
        assert onto["a2/soma"].sign == layer, "a copy is fed by the one before"
        assert onto["readout"].sign == "free", "the last layer has none"

    @pytest.mark.parametrize(
        ("layer", "own"),
        [("excitatory", "inhibitory"), ("excitatory", "shunting"), ("inhibitory", "excitatory")],
    )
    def test_that_contradict(self, layer: str, own: str) -> None:
        with pytest.raises(
            MorphologyError, match=f"sign: '{own}' contradicts the layer 'a2', whose synapses are {layer}"
        ):
            self.fed_by(layer, own)

    def test_weights_do_not_start_with_another(self) -> None:
        """From 0 they would never move, and below it they would be of the other sign."""
        for layer, own in (("excitatory", "free"), ("free", "excitatory"), ("inhibitory", "shunting")):
            for value in (-1, 0):
                with pytest.raises(MorphologyError, match=f"but start at {value}\n  give their size"):
                    self.fed_by(layer, own, f"{{name: constant, value: {value}}}")
        assert compile(self.fed_by("inhibitory", "free", "{name: constant, value: 1}"), 4).parameters
        assert compile(self.fed_by("free", "free", "{name: constant, value: -1}"), 4).parameters

    def test_of_the_last_layer_is_that_of_the_readout(self) -> None:
        text = f"name: it\n{POINT.replace('count: 2}]', 'count: 2, sign: inhibitory}]')}readout: {{init: %s}}\n"
        assert compile(read(text % "he"), 4).onto("readout")[0].sign == "inhibitory"
        assert messages(text % "{name: constant, value: 0}") == [
            "readout.init: weights from layer 'layer1' are inhibitory, but start at 0"
        ]


knob_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
slugs = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,10}", fullmatch=True)
floats = st.floats(1e-3, 1e3)
inits = st.one_of(
    st.sampled_from(["glorot", "glorot_dense", "he"]).map(Init), st.builds(Init, st.just("constant"), floats)
)
sources = st.lists(st.sampled_from(["image", "previous"]), min_size=1, max_size=2, unique=True).map(tuple)


@st.composite
def nonlinearities(draw: st.DrawFn, learnable: bool = True) -> Nonlinearity:
    name = draw(st.sampled_from(sorted(NONLINEARITIES)))
    keys = list(NONLINEARITIES[name].defaults)
    shares = st.sampled_from([None, "group", "compartment"]) if learnable else st.none()
    shared = tuple((key, share) for key in keys if (share := draw(shares)))
    return Nonlinearity(name, tuple((key, draw(floats)) for key in keys), shared)


@st.composite
def cables(draw: st.DrawFn) -> Cable:
    settings: dict[str, Any] = {"init": draw(inits)}
    if draw(st.booleans()):
        lengths = {"length_um": st.floats(1, 500), "diameter_um": st.floats(0.5, 5)}
        resistances = {"rm_ohm_cm2": st.floats(1e3, 1e5), "ra_ohm_cm": st.floats(35, 300)}
        settings |= {key: draw(values) for key, values in lengths.items()}
        settings |= {key: draw(values) for key, values in resistances.items() if draw(st.booleans())}
        if draw(st.booleans()):
            settings |= {"attenuation": "initial", "init": Init()}
    return Cable(sign=draw(st.sampled_from(["free", "excitatory"])), trainable=draw(st.booleans()), **settings)


@st.composite
def any_synapses(draw: st.DrawFn, signs: tuple[str, ...]) -> Synapses:
    field = draw(st.sampled_from(["random", "pooled", "local", "global", "tiled", "all"]))
    sign = draw(st.sampled_from(signs))
    own = st.none() if sign == "shunting" else st.one_of(st.none(), nonlinearities(learnable=False))
    return Synapses(
        count="all" if field == "all" else draw(st.integers(0, 9)),
        sources=("previous",) if field in ("local", "global") else draw(sources),
        field=field,
        init=draw(inits),
        replace=draw(st.booleans()) if field in ("random", "pooled") else False,
        group=draw(st.integers(1, 5)) if field == "global" else 1,
        sign=sign,
        nonlinearity=draw(own),
        shuffle=draw(st.booleans()) if field != "all" else False,
    )


@st.composite
def compartments(draw: st.DrawFn, signs: tuple[str, ...], level: int = 0) -> Compartment:
    children = draw(st.lists(compartments(signs, level + 1), max_size=3 - level)) if level < 3 else []
    named = tuple(dataclasses.replace(child, name=f"{child.name}{number}") for number, child in enumerate(children))
    synapses = draw(st.lists(any_synapses(signs), min_size=0 if named else 1, max_size=2))
    return Compartment(
        name=draw(slugs) if level else "soma",
        count=draw(st.integers(1, 4)) if level else 1,
        nonlinearity=draw(nonlinearities()),
        integration=draw(st.sampled_from(["sum", "mean", "max", "min", "product"])),
        bias=draw(st.booleans()),
        dropout=draw(st.sampled_from([0.0, 0.25])),
        normalisation=draw(st.sampled_from(["none", "layer"])),
        cable=draw(cables()) if level else Cable(),
        synapses=tuple(synapses),
        dendrites=named,
    )


# Signs of layers, each with those that synapses may have that draw from them.
regimes = st.sampled_from(
    [
        ("free", ("free", "excitatory", "inhibitory", "shunting")),
        ("excitatory", ("free", "excitatory")),
        ("inhibitory", ("free", "inhibitory", "shunting")),
    ]
)


@st.composite
def layers(draw: st.DrawFn, sign: str) -> Layer:
    count, repeat = draw(st.integers(4, 8)), draw(st.integers(1, 2))
    return Layer(draw(slugs), draw(st.sampled_from("ab")), count, repeat, draw(st.sampled_from(["free", sign])))


@st.composite
def morphologies(draw: st.DrawFn) -> Morphology:
    sign, signs = draw(regimes)
    found = [
        dataclasses.replace(layer, name=f"{layer.name}-{number}x")
        for number, layer in enumerate(draw(st.lists(layers(sign), min_size=1, max_size=4)))
    ]
    # What draws from the layer before keeps every layer in use.
    somata = [draw(compartments(signs)) for _ in range(2)]
    neurons = [dataclasses.replace(soma, synapses=(Synapses(1), *soma.synapses)) for soma in somata]
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    return Morphology(
        name=draw(slugs),
        neurons=dict(zip("ab", neurons, strict=True)),
        layers=(*found[:-1], Stack(draw(st.integers(1, 3)), (found[-1],))),
        about=draw(text),
        citation=draw(text),
        parameters=draw(st.dictionaries(knob_names, st.integers(-(10**15), 10**15), max_size=3)),
        inputs={"image": draw(st.sampled_from([None, (9,), (3, 3), (3, 3, 2)]))},
        readout=Readout(draw(inits), draw(st.booleans())),
        plugins=draw(st.sampled_from([(), ("mine",), ("acme.own", "mine")])),
    )


@pytest.mark.slow
@given(morphologies())
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, morphology: Morphology) -> None:
    """By constructors, as plain values, and as the text of a file: the whole language."""
    there = {name: plugins.Plugin(name, name, "") for name in ("mine", "acme.own")}
    with mock.patch.dict(plugins.IMPORTED, there):
        again = Morphology.from_dict(morphology.to_dict())
        assert again == morphology
        assert again.to_dict() == morphology.to_dict()
        file = tmp_path_factory.getbasetemp() / "written.yaml"
        file.write_text(morphology.to_yaml(), encoding="utf-8")
        assert load(file) == morphology


@pytest.mark.parametrize("name", shipped())
def test_those_that_ship_are_written_and_read_again(name: str, tmp_path: Path) -> None:
    knobs = load(name).parameters
    morphology = load(name, {knob: value for knob, value in {"dendrites": 3, "layers": 2}.items() if knob in knobs})
    file = tmp_path / "written.yaml"
    file.write_text(morphology.to_yaml())
    assert load(file) == morphology
    shapes = None if all(morphology.inputs.values()) else (8, 8)
    hashes = {compile(each, shapes).connectivity_hash for each in (morphology, load(file))}
    assert len(hashes) == 1


EVERYTHING = """
name: it
inputs: {image: [4, 4], context: 5}
defaults: {integration: mean, cable: {ra_ohm_cm: 90, attenuation: initial}, synapses: {sign: excitatory}}
neurons:
  n:
    normalisation: layer
    nonlinearity: {name: nmda, gain: {value: 3, trainable: compartment}, plateau: {trainable: group}, threshold: -1}
    synapses: {count: 2, from: context, sign: shunting}
    dendrites:
      - name: a
        integration: product
        cable: {length_um: 120.5, diameter_um: 0.7, rm_ohm_cm2: 12000}
        synapses:
          - {count: 4, from: image, field: tiled, nonlinearity: {name: sublinear, saturation: 2}}
          - {count: 2, from: [image, context], sign: free, init: {name: constant, value: -1}, shuffle: true}
        dendrites:
          - {name: b, cable: {init: he, sign: excitatory, trainable: false}, synapses: {count: 2, from: image}}
      - name: c
        cable: {length_um: 3, diameter_um: 1, attenuation: factor, init: he}
        synapses: {field: all, from: image}
  m:
    synapses: {count: 3, sign: free}
layers:
  - {name: first, neuron: n, count: 4, sign: inhibitory}
  - {name: second, neuron: m, count: 4, repeat: 2, sign: excitatory}
"""


def test_every_key_is_written_and_read_again(tmp_path: Path) -> None:
    found = read(EVERYTHING)
    (tmp_path / "written.yaml").write_text(found.to_yaml(), encoding="utf-8")
    again = load(tmp_path / "written.yaml")
    assert again == found and again.to_dict() == found.to_dict()
    assert compile(again).connectivity_hash == compile(found).connectivity_hash
    soma, (a, c), second = found.neurons["n"], found.neurons["n"].dendrites, found.neurons["m"]
    assert soma.nonlinearity.trainable == (("gain", "compartment"), ("plateau", "group"))
    assert (soma.integration, a.integration, second.integration) == ("mean", "product", "mean")
    assert [each.sign for each in (*soma.synapses, *a.synapses, *c.synapses)] == [
        *("shunting", "excitatory", "free", "excitatory")
    ]
    assert a.cable == Cable(length_um=120.5, diameter_um=0.7, rm_ohm_cm2=12e3, ra_ohm_cm=90.0, attenuation="initial")
    assert a.dendrites[0].cable == Cable(Init("he"), "excitatory", trainable=False)
    assert c.cable == Cable(Init("he"), length_um=3.0, diameter_um=1.0, ra_ohm_cm=90.0)


class TestLoad:
    """By path, by shipped name, by run folder."""

    def test_by_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text(f"name: mine\n{POINT}")
        assert load(file) == load(str(file))
        assert load(file).file == str(file)
        monkeypatch.chdir(tmp_path)
        assert load("mine.yaml").file == "mine.yaml"

    def test_by_name_from_anywhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in shipped():
            assert load(name).name == name

    def test_a_file_of_the_same_name_comes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("vann").write_text(f"name: mine\n{POINT}")
        assert load("vann").name == "mine"
        Path("pdann").mkdir()  # but an unrelated folder does not hide what ships
        assert load("pdann").name == "pdann"

    def test_byte_order_mark_and_line_ends_do_not_matter(self, tmp_path: Path) -> None:
        plain, odd = tmp_path / "plain.yaml", tmp_path / "odd.yaml"
        text = f"name: mine\nabout: größer\n{POINT}"
        plain.write_bytes(text.encode())
        odd.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        assert load(plain) == load(odd)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("dann-lrff", "dann-lrff: no such file, and no morphology of that name\n  did you mean 'dann-lrf'? morpho"),
            (
                "no/such.yaml",
                "no/such.yaml: no such file, and no morphology of that name\n  morphologies that ship: apical-basal, ",
            ),
            ("", ".: expected a YAML file, found a folder"),
            ("x" * 10_000, "x" * 57 + "...: cannot be read: File name too long"),
            ("a\0b", "a\\x00b: no such file"),
            ("\ud800", "\\ud800: no such file"),
        ],
    )
    def test_what_is_not_there(self, name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(DendrographError) as error:
            load(name)
        assert str(error.value).startswith(message)

    def test_what_is_too_large_is_not_read(self, tmp_path: Path) -> None:
        file = tmp_path / "large.yaml"
        with file.open("wb") as large:
            large.truncate(10**12)  # a sparse file: reading it whole would end badly
        with pytest.raises(MorphologyError, match="the file is too large"):
            load(file)
        text = f"name: mine\n{POINT}"
        for mark, size in ((b"", 1), (b"\xef\xbb\xbf", 1), (b"\xef\xbb\xbf", 3)):
            file.write_bytes(mark + text.encode() + b"#" * (LARGEST_FILE - len(text) - len(mark) + size))
            with pytest.raises(MorphologyError, match="the file is too large"):
                load(file)
        file.write_bytes(text.encode() + b"#" * (LARGEST_FILE - len(text)))
        assert load(file).name == "mine"

    def test_settings(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text(f"name: mine\nparameters: {{a: 2}}\n{POINT.replace('count: 2}]', 'count: $a * 2}]')}")
        assert load(file).layers[0] == Layer("layer1", "n", 4)
        assert load(file, {"a": "5"}).layers[0] == Layer("layer1", "n", 10)
        assert load(file, {"a": np.int64(5), "layers.0.name": "own"}).layers[0] == Layer("own", "n", 10)
        assert load(file, {"readout": "{bias: false}"}).readout == Readout(bias=False)
        assert load(file, {"neurons.n.bias": False, "about": "short"}).neurons["n"].bias is False
        assert load(file, {"neurons": {"m": {"synapses": {"count": 1}}}, "layers.0.neuron": "m"}).neurons.keys() == {
            "m"
        }

    def test_settings_that_are_no_mapping(self) -> None:
        with pytest.raises(
            DendrographError, match=r"^`overrides`: expected Mapping or None, found 'x=3'\n  pass a mapping"
        ):
            load("dann-lrf", "x=3")  # type: ignore[arg-type]

    def test_settings_reach_every_key(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text(
            "name: mine\nneurons: {n: {dendrites: [{synapses: {count: 2}}]}}\nlayers: [{neuron: n, count: 2}]\n"
        )
        dendrite = "neurons.n.dendrites.0"
        found = load(
            file,
            {
                "defaults.integration": "max",
                "neurons.n.normalisation": "layer",
                f"{dendrite}.cable.length_um": "70",
                f"{dendrite}.cable.diameter_um": 1.5,
                f"{dendrite}.cable.trainable": False,
                f"{dendrite}.synapses.sign": "inhibitory",
                f"{dendrite}.synapses.nonlinearity.name": "tanh",
                f"{dendrite}.nonlinearity": "{name: dcaap, decay: {value: 2, trainable: group}}",
                f"{dendrite}.nonlinearity.decay.trainable": "compartment",
                "layers.0.sign": "excitatory",
            },
        )
        (branch,) = found.neurons["n"].dendrites
        assert (found.neurons["n"].normalisation, branch.normalisation) == ("layer", "none")
        assert (found.neurons["n"].integration, branch.integration) == ("max", "max")
        assert branch.cable == Cable(trainable=False, length_um=70.0, diameter_um=1.5)
        assert branch.synapses == (Synapses(2, sign="inhibitory", nonlinearity=Nonlinearity("tanh", ())),)
        assert branch.nonlinearity.trainable == (("decay", "compartment"),)
        assert dict(branch.nonlinearity.parameters)["decay"] == 2.0
        assert found.layers == (Layer("layer1", "n", 2, sign="excitatory"),)

    def test_settings_and_the_file_are_faulty_together(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("mine.yaml").write_text(f"name: 5\n{POINT}")
        with pytest.raises(MorphologyError) as error:
            load("mine.yaml", {"dendrits": "3", "layers.0.count": "many", "layers.0.repeat": "["})
        assert [fault.place for fault in error.value.faults] == [
            "overrides={'dendrits': '3'}",
            "overrides={'layers.0.repeat': '['}",
            "overrides={'layers.0.count': 'many'}",
            "mine.yaml:1:7",
        ]


class TestPython:
    """Morphologies from Python's values and classes."""

    @pytest.mark.parametrize(
        ("data", "fault"),
        [
            (5, "it: expected a mapping of about, citation, defaults,"),
            ([], "it: expected a mapping of about"),
            ({"name": "a", 5: 6}, "it: the key 5 is not text\n  a key is a word"),
            ({"name": "a", "neurons": {None: {}}}, "it: neurons: the key null is not text"),
            ({"name": b"a"}, "it: name: a value of type bytes is not allowed in a morphology"),
            ({"name": "a", "neurons": {"n": {"synapses": {"count": 2.0}}}}, "it: layers: missing key 'layers'"),
        ],
    )
    def test_wrong_values(self, data: Any, fault: str) -> None:
        with pytest.raises(MorphologyError) as error:
            Morphology.from_dict(data, "it")
        assert str(error.value).startswith(fault)

    def test_tuples_and_numpy_numbers_are_taken(self) -> None:
        synapses = {"count": np.int32(2), "from": ("image",), "init": {"name": "constant", "value": np.float32(0.5)}}
        data = {
            "name": "it",
            "inputs": {"image": (np.int64(4), 4)},
            "neurons": {"n": {"dropout": np.float64(0.5), "synapses": (synapses,)}},
            "layers": ({"neuron": "n", "count": 3},),
        }
        found = Morphology.from_dict(data)
        assert found.inputs == {"image": (4, 4)}
        assert found.neurons["n"].synapses == (Synapses(2, ("image",), init=Init("constant", 0.5)),)

    def test_nothing_of_what_is_given_is_kept(self) -> None:
        data: dict[str, Any] = {
            "name": "it",
            "neurons": {"n": {"synapses": {"count": 2}}},
            "layers": [{"neuron": "n", "count": 2}],
        }
        found = Morphology.from_dict(data)
        data["layers"].clear()
        assert len(found.layers) == 1

    def test_classes(self) -> None:
        built = Morphology("it", {"n": Compartment(synapses=(Synapses(2),))}, (Layer("layer1", "n", 2),))
        assert built == read(f"name: it\n{POINT}")
        assert compile(built, 4).connectivity_hash == compile(read(f"name: it\n{POINT}"), 4).connectivity_hash

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"layers": (Layer("a", "m", 2),)}, "it: layers[0].neuron: unknown neuron 'm'"),
            ({"layers": (Layer("a", "n", 0),)}, "it: layers[0].count: expected a whole number of at least 1, found 0"),
            ({"layers": ()}, "it: layers: an empty list of layers"),
            ({"layers": (Layer("a", "n", 2), Layer("a", "n", 2))}, "it: layers[1].name: the name 'a' is given twice"),
            ({"neurons": {"n": Compartment()}}, "it: neurons.n: the soma has neither synapses nor dendrites"),
            ({"name": "no name"}, "it: name: 'no name' is no name"),
            ({"inputs": {"image": (4, 4, 4, 4)}}, "it: inputs.image: expected auto, a number of units"),
            (
                {"neurons": {"n": Compartment(synapses=(Synapses(99),))}},
                "it: neurons.n.synapses[0].count: 99 synapses a",
            ),
        ],
    )
    def test_classes_are_checked_when_they_are_compiled(self, changes: dict[str, Any], fault: str) -> None:
        built = Morphology("it", {"n": Compartment(synapses=(Synapses(2),))}, (Layer("a", "n", 2),))
        with pytest.raises(MorphologyError) as error:
            compile(dataclasses.replace(built, **changes), 4)
        assert str(error.value).replace("no name: ", "it: ", 1).startswith(fault)

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"integration": "median"}, "integration: unknown integration 'median'"),
            ({"normalisation": "batch"}, "normalisation: unknown normalisation 'batch'"),
            (
                {"nonlinearity": Nonlinearity("relu", (), (("slope", "group"),))},
                "nonlinearity.slope: unknown key 'slope'",
            ),
            (
                {"nonlinearity": Nonlinearity("elu", (("alpha", -1.0),))},
                "nonlinearity.alpha: expected a number greater",
            ),
            (
                {"nonlinearity": Nonlinearity("elu", (("alpha", 1.0),), (("alpha", "all"),))},  # type: ignore[arg-type]
                "nonlinearity.alpha.trainable: unknown way to train a parameter 'all'",
            ),
            ({"cable": Cable(length_um=3.0)}, "cable.diameter_um: missing key"),
            ({"cable": Cable(rm_ohm_cm2=3.0)}, "cable.rm_ohm_cm2: 'rm_ohm_cm2' says nothing without a length"),
            ({"cable": Cable(attenuation="initial")}, "cable.attenuation: 'attenuation' says nothing without a length"),
            (
                {"cable": Cable(Init("he"), length_um=3.0, diameter_um=1.0, attenuation="initial")},
                "cable.init: the weight starts at the attenuation",
            ),
            ({"cable": Cable(length_um=-3.0, diameter_um=1.0)}, "cable.length_um: expected a number greater than 0"),
            ({"cable": Cable(sign="inhibitory")}, "cable.sign: unknown sign of a cable 'inhibitory'"),
            (
                {"synapses": (Synapses(2, sign="shunting", nonlinearity=Nonlinearity("tanh", ())),)},
                "synapses[0].nonlinearity: a shunting synapse has no nonlinearity",
            ),
            (
                {
                    "synapses": (
                        Synapses(2, nonlinearity=Nonlinearity("elu", (("alpha", 1.0),), (("alpha", "group"),))),
                    )
                },
                "synapses[0].nonlinearity.alpha.trainable: parameters of a single synapse's nonlinearity are fixed",
            ),
        ],
    )
    def test_dendrites_of_classes_are_checked_key_by_key(self, changes: dict[str, Any], fault: str) -> None:
        dendrite = dataclasses.replace(Compartment("d", synapses=(Synapses(2),)), **changes)
        built = Morphology("it", {"n": Compartment(dendrites=(dendrite,))}, (Layer("a", "n", 2),))
        with pytest.raises(MorphologyError) as error:
            compile(built, 4)
        assert str(error.value).startswith(f"it: neurons.n.dendrites[0].{fault}")

    def test_what_is_short_is_made_whole(self) -> None:
        """One alone or a list instead of a tuple, a mapping of parameters, those left out at their defaults."""
        short = Morphology(
            "it",
            {"n": Compartment(dendrites=[Compartment("d", 2, Nonlinearity("nmda"), synapses=Synapses(2, "image"))])},
            Layer("a", "n", 2),
            inputs={"image": 4, "other": [2, 2], "third": "auto"},
        )
        nmda = Nonlinearity("nmda", (("threshold", 1.0), ("gain", 4.0), ("plateau", 1.0)))
        dendrite = Compartment("d", 2, nmda, synapses=(Synapses(2, ("image",)),))
        inputs = {"image": (4,), "other": (2, 2), "third": None}
        assert short == Morphology(
            "it", {"n": Compartment(dendrites=(dendrite,))}, (Layer("a", "n", 2),), inputs=inputs
        )
        learnt = Nonlinearity("nmda", {"gain": 2.0}, {"gain": "group"})
        assert learnt == Nonlinearity(
            "nmda", (("threshold", 1.0), ("gain", 2.0), ("plateau", 1.0)), (("gain", "group"),)
        )
        assert hash(learnt) == hash(dataclasses.replace(learnt))
        assert Nonlinearity() == Nonlinearity("leaky_relu") == Nonlinearity("leaky_relu", (("slope", 0.1),))
        assert Stack(2, [Layer("a", "n", 2)]).layers == (Layer("a", "n", 2),)

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (lambda: Compartment(count=np.zeros(3)), f"Compartment: count is one value, not {ARRAY}"),
            (lambda: Compartment(bias=np.zeros(3)), f"Compartment: bias is one value, not {ARRAY}"),
            (lambda: Compartment(bias_trainable="no"), "Compartment: bias_trainable is a bool, not 'no'"),
            (lambda: Synapses(torch.ones(3)), f"Synapses: count is one value, not {TENSOR}"),
            (lambda: Cable(length_um=np.zeros(3)), f"Cable: length_um is one value, not {ARRAY}"),
            (lambda: Layer("a", "n", np.zeros(3)), f"Layer: count is one value, not {ARRAY}"),
            (lambda: Stack(np.zeros(3), ()), f"Stack: repeat is one value, not {ARRAY}"),
            (lambda: Init(np.zeros(3)), f"Init: name is one value, not {ARRAY}"),
            (lambda: Readout(bias=np.zeros(3)), f"Readout: bias is one value, not {ARRAY}"),
            (lambda: Readout(bias_trainable="no"), "Readout: bias_trainable is a bool, not 'no'"),
            (lambda: Morphology("m", {}, (), parameters=5), "Morphology: parameters is a Mapping, not 5"),
            (lambda: Morphology("m", {}, (), about=np.zeros(3)), f"Morphology: about is one value, not {ARRAY}"),
            (lambda: Compartment(nonlinearity="relu"), "Compartment: nonlinearity is a Nonlinearity, not 'relu'"),
            (lambda: Compartment(cable=None), "Compartment: cable is a Cable, not None"),
            (lambda: Compartment(synapses=16), "Compartment: synapses holds Synapses, not 16"),
            (lambda: Compartment(synapses=[Synapses(1), 2]), "Compartment: synapses holds Synapses, not 2"),
            (
                lambda: Compartment(dendrites={"name": "d"}),
                "Compartment: dendrites holds Compartment, not {'name': 'd'}",
            ),
            (lambda: Synapses(2, init="he"), "Synapses: init is an Init, not 'he'"),
            (lambda: Synapses(2, [3]), "Synapses: sources holds str, not 3"),
            (lambda: Synapses(2, nonlinearity="tanh"), "Synapses: nonlinearity is a Nonlinearity, not 'tanh'"),
            (lambda: Cable("he"), "Cable: init is an Init, not 'he'"),
            (lambda: Readout("he"), "Readout: init is an Init, not 'he'"),
            (lambda: Stack(2, [Stack(2, ())]), "Stack: layers holds Layer, not Stack(repeat=2, layers=())"),
            (
                lambda: Nonlinearity("elu", 2.0),
                "Nonlinearity: parameters are mappings, not (2.0, ())\n  write such as ",
            ),
            (
                lambda: Nonlinearity("elu", trainable="alpha"),
                "Nonlinearity: parameters are mappings, not ((), 'alpha')\n",
            ),
            (lambda: Morphology("it", [], ()), "Morphology: neurons is a Mapping, not []"),
            (lambda: Morphology("it", {"n": {}}, ()), "Morphology: a neuron is the Compartment of its soma, not {}"),
            (lambda: Morphology("it", {}, {"n": 2}), "Morphology: layers holds Layer or Stack, not {'n': 2}"),
            (lambda: Morphology("it", {}, (), inputs=4), "Morphology: inputs is a Mapping, not 4"),
            (lambda: Morphology("it", {}, (), readout=True), "Morphology: readout is a Readout, not True"),
            (lambda: Morphology("it", {}, (), plugins=[3]), "Morphology: plugins holds str, not 3"),
        ],
    )
    def test_parts_of_another_kind_are_refused_where_they_are_given(self, build: Any, message: str) -> None:
        with pytest.raises(DendrographError) as error:
            build()
        assert str(error.value).startswith(message)

    def test_what_was_read_is_checked_again_after_a_change(self) -> None:
        found = read(f"name: it\n{POINT}")
        assert found.checked() is found
        with pytest.raises(MorphologyError, match="an empty list of layers"):
            dataclasses.replace(found, layers=()).checked()

    def test_a_morphology_can_be_pickled(self) -> None:
        """To reach the processes of a sweep."""
        found = load("sann-grf")
        again = pickle.loads(pickle.dumps(found))
        assert again == found
        with pytest.raises(
            MorphologyError, match=r"sann-grf\.yaml:\d+:\d+: neurons\.dendritic\.synapses\.count: 16 positions"
        ):
            compile(again, 4)


def test_each_copy_is_fed_by_the_one_before_also_where_the_first_names_its_source() -> None:
    text = """
        name: mine
        neurons:
          point: {synapses: {count: 4, from: %s}}
          other: {synapses: {count: 4, from: second}}
        layers:
          - {name: zeroth, neuron: point, count: 8}
          - repeat: 2
            layers:
              - {name: second, neuron: point, count: 8, repeat: 2}
              - {name: third, neuron: other, count: 8}
    """

    def fed(source: str) -> dict[str, set[str]]:
        found = read(text % source)
        return {
            copy.name: {copy.scope[name] for name in sources_of(found, copy.layer.neuron)} for copy in found.copies()
        }

    before = {
        "zeroth": {"image"},
        "second1": {"zeroth"},
        "second2": {"second1"},
        "third1": {"second2"},
        "second3": {"third1"},
        "second4": {"second3"},
        "third2": {"second4"},
    }
    assert fed("previous") == before
    both = fed("[previous, image]")
    assert both == {name: feeding | {"image"} if name[0] in "zs" else feeding for name, feeding in before.items()}


def sources_of(morphology: Morphology, neuron: str) -> set[str]:
    from dendrograph.morphology.layers import sources

    return sources(morphology.neurons[neuron])


def test_a_repeated_layer_may_name_what_its_first_copy_draws_from() -> None:
    neurons, layers = "{a: {synapses: {count: 4, from: image}}}", "[{name: v, neuron: a, count: 8, repeat: 3}]"
    text = f"{{name: mine, neurons: {neurons}, layers: {layers}}}"
    assert [copy.scope["image"] for copy in read(text).copies()] == ["image", "v1", "v2"]


@pytest.mark.parametrize(
    ("soma", "layer", "message"),
    [
        ({"synapses": Synapses(3, init=Init("constant"))}, {}, "init 'constant' needs a value"),
        ({"synapses": Synapses(3, init=Init("he", 0.5))}, {}, "init 'he' takes no value"),
        ({"synapses": Synapses(3, field="all")}, {}, "field 'all' takes no count"),
        ({"synapses": Synapses(3, replace="no")}, {}, "expected true or false, found 'no'"),
        ({"synapses": Synapses(3, field="global", group="4")}, {}, "expected a whole number of at least 1, found '4'"),
        ({"synapses": Synapses(3), "bias": None}, {}, "expected true, false or {trainable: false}, found nothing"),
        ({"synapses": Synapses(3), "dropout": ""}, {}, "expected a number of at least 0 and less than 1, found ''"),
        ({"synapses": Synapses(3), "count": 3}, {}, "unknown key 'count'"),
        ({"synapses": Synapses(3), "cable": Cable(trainable=False)}, {}, "unknown key 'cable'"),
        ({"synapses": Synapses(3)}, {"repeat": 0}, "expected a whole number of at least 1, found 0"),
    ],
)
def test_what_constructors_let_pass_is_found(soma: dict[str, Any], layer: dict[str, Any], message: str) -> None:
    built = Morphology("m", {"n": Compartment(**soma)}, (Layer("L", "n", 2, **layer),))
    with pytest.raises(MorphologyError, match=re.escape(message)):
        built.checked()


class TestDeepTrees:
    """Real neurons fork dozens of times in a row, and a cable may be cut into hundreds of pieces."""

    @staticmethod
    def chain(dendrites: int, count: int = 1) -> Compartment:
        below: tuple[Compartment, ...] = ()
        for _ in range(dendrites):
            below = (Compartment("d", synapses=(Synapses(count),), dendrites=below),)
        return Compartment(dendrites=below)

    def test_of_any_depth_they_are_compared_hashed_shown_copied_and_pickled(self) -> None:
        one, same, other = self.chain(3000), self.chain(3000), self.chain(3001)
        assert one == same and one != other and one != self.chain(3000, count=2)
        assert hash(one) == hash(same) and len({one, same, other}) == 2
        assert repr(one).count("Compartment(") == 3001 and repr(one).endswith("dendrites=())" + ",))" * 3000)
        assert copy.deepcopy(one) is one and pickle.loads(pickle.dumps(one)) == one
        assert len(branchings(one)) == 3001

    def test_a_repr_is_what_makes_it_again(self) -> None:
        neuron = load("asymmetric-pyramidal").neurons
        assert eval(repr(neuron)) == neuron

    @pytest.mark.slow
    def test_written_read_and_compiled(self) -> None:
        morphology = Morphology("deep", {"n": self.chain(400)}, (Layer("h", "n", 2),))
        text = morphology.to_yaml()
        assert len(text) < LARGEST_FILE
        read = Morphology.from_document(Document.from_text(text, "f"))
        assert read == morphology
        assert [each.name for each in read.neurons["n"].tree()] == ["soma"] + ["d"] * 400
        graph = compile(read, 4)
        assert len(graph.groups) == 1 + 401 + 1
        path = "neurons.n" + ".dendrites.0" * 400 + ".synapses.0.count"
        (changed,) = list(Morphology.from_document(with_overrides(read.document, {path: 2})).neurons["n"].tree())[
            -1
        ].synapses  # type: ignore[union-attr]
        assert changed.count == 2

    def test_the_limit_of_dendrites_in_a_row_is_exact(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dendrograph.morphology.neuron.MOST_IN_A_ROW", 5)
        for length in (5, 6):
            text = Morphology("deep", {"n": self.chain(length)}, (Layer("h", "n", 2),)).to_yaml()
            document = Document.from_text(text, "f")
            if length == 5:
                assert Morphology.from_document(document).name == "deep"
                continue
            with pytest.raises(MorphologyError, match="nested too deeply\n  at most 5 dendrites in a row"):
                Morphology.from_document(document)

    def test_a_limit_that_no_neuron_meets_is_told(self) -> None:
        morphology = Morphology("deep", {"n": self.chain(MOST_IN_A_ROW + 10)}, (Layer("h", "n", 2),))
        with pytest.raises(MorphologyError, match=f"deeply\n  at most .*: {MOST_IN_A_ROW:,} dendrites in a row"):
            compile(morphology, 4)


SHARED = """\
name: m
x-common: &common {count: 2, synapses: {count: 8, from: previous}}
x-words: [anything, {at: $all}, .nan, &field local]
x-empty:
neurons:
  p: {dendrites: [{<<: *common, name: a}, {<<: *common, name: b, count: 5}]}
layers: [{name: h, neuron: p, count: 8}]
"""


class TestExtensionKeys:
    """Top-level keys that begin with `x-` hold values for anchors; nothing else comes of them."""

    def test_they_are_read_and_leave_no_trace(self) -> None:
        morphology = Morphology.from_document(Document.from_text(SHARED, "f"))
        assert [dendrite.count for dendrite in morphology.neurons["p"].dendrites] == [2, 5]
        assert "x-" not in morphology.to_yaml()
        assert morphology == Morphology.from_dict(morphology.to_dict())
        assert Morphology.from_dict({**morphology.to_dict(), "x-more": {"any": None}}) == morphology

    def test_anywhere_else_they_are_unknown(self) -> None:
        with pytest.raises(MorphologyError, match=r"f:6:9: neurons\.p\.x-more: unknown key 'x-more'\n  keys that"):
            Morphology.from_document(Document.from_text(SHARED.replace("p: {", "p: {  x-more: 1, "), "f"))

    def test_to_set_one_would_change_nothing(self) -> None:
        with pytest.raises(MorphologyError, match=r"overrides={'x-common\.count': 3}: there is no 'x-common'"):
            Morphology.from_document(with_overrides(Document.from_text(SHARED, "f"), {"x-common.count": 3}))


class TestParameters:
    text = """\
name: m
parameters: {slope: 0.1, dropout: 0.2, dendrites: 8, um: 120, idle: -1.5e-3}
neurons:
  p:
    nonlinearity: {name: leaky_relu, slope: $slope}
    dropout: $dropout
    dendrites:
      - count: $dendrites / 2
        cable: {length_um: 1.5 * $um, diameter_um: $slope + 1}
        synapses: {count: 8, init: {name: constant, value: $slope / 2}}
layers: [{name: h, neuron: p, count: $dendrites * 1.5}]
"""

    def read(self, **settings: Any) -> Morphology:
        return Morphology.from_document(with_overrides(Document.from_text(self.text, "f"), settings, Morphology.KEYS))

    def test_real_numbers_stand_wherever_numbers_do(self) -> None:
        morphology = self.read()
        assert dict(morphology.parameters) == {"slope": 0.1, "dropout": 0.2, "dendrites": 8, "um": 120, "idle": -0.0015}
        assert morphology.idle_parameters == ("idle",)
        soma = morphology.neurons["p"]
        (dendrite,) = soma.dendrites
        assert dict(soma.nonlinearity.parameters) == {"slope": 0.1} and soma.dropout == 0.2
        assert (dendrite.count, dendrite.cable.length_um, dendrite.cable.diameter_um) == (4, 180.0, 1.1)
        assert dendrite.synapses[0].init.value == 0.05
        assert isinstance(morphology.layers[0], Layer) and morphology.layers[0].count == 12
        assert Morphology.from_dict(morphology.to_dict()) == morphology

    def test_they_are_set_as_whole_numbers_are(self) -> None:
        assert self.read(slope="0.2").neurons["p"].nonlinearity.parameters == (("slope", 0.2),)
        assert self.read(slope=np.float64(0.25)).neurons["p"].nonlinearity.parameters == (("slope", 0.25),)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (
                {"dendrites": 0.5},
                "f:8:16: neurons.p.dendrites[0].count: count must be a whole number: found $dendrites / 2 = 0.25",
            ),
            ({"layers.0.count": "$slope"}, "layers[0].count: count must be a whole number: found $slope = 0.1"),
            ({"slope": "fast"}, "parameters.slope: expected a number, found 'fast'\n  a parameter is a plain number"),
            ({"slope": "true"}, "parameters.slope: expected a number, found true"),
            ({"slope": "[1]"}, "parameters.slope: expected a number, found the list [1]"),
            ({"slope": ".nan"}, "parameters.slope: '.nan' is no finite number"),
            ({"slope": "1_0"}, "parameters.slope: expected a number, found '1_0'"),
            ({"idle": "1e40"}, "parameters.idle: expected a number of float32's range"),
            ({"idle": 10**16}, "parameters.idle: expected a whole number of at most 1,000,000,000,000,000"),
        ],
    )
    def test_faults(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(MorphologyError) as error:
            self.read(**settings)
        assert message in str(error.value)
