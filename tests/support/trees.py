"""Morphologies for the laws: random ones with everything the language has, and the corners of it one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dendrograph import DendriticNetwork, Graph, Morphology, compile
from dendrograph.morphology.nonlinearities import NONLINEARITIES
from dendrograph.network.kernels.compiled import native

Shape = tuple[int, ...]

BUILT_IN = tuple(NONLINEARITIES)  # tests may register others
BUILT = native is not None  # the compiled kernel is an optional part of the build
SPARSE = "compiled" if BUILT else "fused"  # what `auto` takes for sampled wiring
KERNELS = ("auto", "tree", "dense", *(("compiled",) if BUILT else ()), "fused", "scatter", "reference")


@dataclass(frozen=True, eq=False)
class Case:
    """A morphology as plain values, the shapes of its input streams, and its classes."""

    name: str
    morphology: Mapping[str, Any]
    inputs: Mapping[str, Shape]
    classes: int = 3

    def __str__(self) -> str:
        return self.name

    def compile(self, seed: int = 0) -> Graph:
        return compile(Morphology.from_dict(self.morphology), dict(self.inputs), self.classes, seed)

    def build(self, kernel: str = "auto", seed: int = 0) -> DendriticNetwork:
        """A network in float64 that is ready for a comparison: biases drawn too, dropout off."""
        return ready(DendriticNetwork(self.compile(seed), kernel))

    def compartments(self) -> Iterator[Mapping[str, Any]]:
        """Every compartment that is declared."""
        waiting = list(self.morphology["neurons"].values())
        while waiting:
            compartment = waiting.pop()
            yield compartment
            waiting += compartment.get("dendrites", ())

    def synapses(self) -> Iterator[Mapping[str, Any]]:
        """Every entry of `synapses` that is declared."""
        for compartment in self.compartments():
            declared = compartment.get("synapses", ())
            yield from [declared] if isinstance(declared, Mapping) else declared

    def features(self) -> set[str]:
        """What of the language it uses, so that a test can tell that nothing is left out."""
        found = {f"field {synapses.get('field', 'random')}" for synapses in self.synapses()}
        for synapses in self.synapses():
            found |= {key for key in ("replace", "group", "shuffle") if synapses.get(key)}
            found |= {"several sources"} if isinstance(synapses.get("from"), list) else set()
            found |= {"silent"} if synapses.get("count") == 0 else set()
            found |= {f"init {_name(synapses.get('init', 'glorot'))}", f"sign {synapses.get('sign', 'free')}"}
            found |= {"nonlinear synapse"} if synapses.get("nonlinearity") else set()
        for compartment in self.compartments():
            found |= {f"nonlinearity {_name(compartment.get('nonlinearity', 'leaky_relu'))}"}
            found |= {f"integration {compartment.get('integration', 'sum')}"}
            found |= {"normalisation"} if compartment.get("normalisation") == "layer" else set()
            cable = compartment.get("cable", {})
            found |= {f"attenuation {cable.get('attenuation', 'factor')}"} if "length_um" in cable else set()
            found |= {"fixed cable"} if cable.get("trainable") is False else set()
            found |= {"excitatory cable"} if cable.get("sign") == "excitatory" else set()
            for value in _parameters(compartment.get("nonlinearity", {})):
                found |= {f"one parameter a {value['trainable']}"} if isinstance(value, Mapping) else set()
            found |= {"no bias"} if compartment.get("bias") is False else set()
            found |= {"dropout"} if compartment.get("dropout") else set()
            siblings = compartment.get("dendrites", ())
            found |= {"synapses beside children"} if siblings and compartment.get("synapses") else set()
            found |= {"siblings that differ"} if len({str(child) for child in siblings}) > 1 else set()
            found |= {"several entries"} if len(_listed(compartment.get("synapses", ()))) > 1 else set()
        for neuron in self.morphology["neurons"].values():
            found |= {f"depth {_depth(neuron)}"}
        layers = self.morphology["layers"]
        found |= {"stack" for layer in layers if "layers" in layer}
        found |= {"repeat" for layer in layers if layer.get("repeat", 1) > 1 and "layers" not in layer}
        found |= {f"layer {layer['sign']}" for layer in layers if "sign" in layer}
        found |= {"several layers"} if len(layers) > 1 else set()
        found |= {"several streams"} if len(self.inputs) > 1 else set()
        found |= {"channels" for shape in self.inputs.values() if len(shape) == 3}
        names = {layer["name"] for layer in layers if "name" in layer}
        drawn = {source for synapses in self.synapses() for source in _listed(synapses.get("from", "previous"))}
        return found | ({"skip connection"} if names & drawn else set())


def ready(network: DendriticNetwork, seed: int = 7) -> DendriticNetwork:
    """In float64, without dropout, and with biases that are not zero."""
    network = network.double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for bias in network.biases.values():
            bias.copy_(torch.randn(bias.shape, generator=generator, dtype=torch.float64) * 0.3)
    return network


def inputs_of(graph: Graph, batch: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> dict[str, Tensor]:
    """A random batch for each input stream."""
    generator = torch.Generator().manual_seed(1000 + seed)
    return {
        name: torch.randn((batch, *shape), generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in graph.inputs.items()
    }


def gradients(
    network: DendriticNetwork, x: Mapping[str, Tensor], weigh: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and the gradient of each parameter and input of a random linear function of them."""
    x = {name: tensor.detach().clone().requires_grad_() for name, tensor in x.items()}
    logits = network(x)
    if weigh is None:
        generator = torch.Generator().manual_seed(5)
        weigh = torch.randn(logits.shape, generator=generator, dtype=torch.float64).to(logits)
    trained = {name: tensor for name, tensor in network.named_parameters() if tensor.requires_grad}
    wanted = {**trained, **{f"input {name}": tensor for name, tensor in x.items()}}
    found = torch.autograd.grad((logits * weigh).sum(), list(wanted.values()), allow_unused=True)
    return logits.detach(), {
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for (name, tensor), gradient in zip(wanted.items(), found, strict=True)
    }


def assert_same(
    one: tuple[Tensor, dict[str, Tensor]], other: tuple[Tensor, dict[str, Tensor]], tolerance: float
) -> None:
    """Logits and gradients agree to a tolerance relative to the largest element of each tensor."""
    assert set(one[1]) == set(other[1])
    for name, mine, its in [("logits", one[0], other[0]), *((name, one[1][name], other[1][name]) for name in one[1])]:
        assert mine.shape == its.shape, name
        if mine.numel():
            scale = max(1.0, float(its.abs().max()))
            torch.testing.assert_close(mine, its, rtol=0.0, atol=tolerance * scale, msg=lambda m, n=name: f"{n}: {m}")


def random_case(seed: int) -> Case:
    """A random morphology: a few layers, each with a neuron of its own, small enough for the reference kernel."""
    rng = np.random.default_rng([20, seed])
    return _Draw(rng).case(f"random{seed}")


class _Draw:
    """Draws one morphology; keeps the units of everything that a layer may draw from."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.units: dict[str, int] = {}
        self.positions: dict[str, int] = {}  # of the grid: units without channels
        self.signs: dict[str, str] = {}  # of layers that have one

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def one_of(self, options: Any) -> Any:
        return list(options)[int(self.rng.integers(len(options)))]

    def whole(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def case(self, name: str) -> Case:
        inputs: dict[str, Shape] = {"image": self.shape()}
        if self.chance(0.3):
            inputs["sound"] = (self.whole(3, 12),)
        for stream, shape in inputs.items():
            self.units[stream] = int(np.prod(shape))
            self.positions[stream] = int(np.prod(shape[:2]))
        neurons: dict[str, Any] = {}
        layers: list[dict[str, Any]] = []
        previous = "image" if len(inputs) == 1 else None
        for number in range(self.whole(1, 3)):
            layer = {"name": f"layer{number}", "neuron": f"neuron{number}", "count": self.whole(1, 4)}
            repeat = 2 if self.chance(0.2) else 1
            if previous is None:
                repeat, feeding = 1, list(inputs)
            else:
                feeding = [] if number else list(inputs)
            known = dict(self.units)
            if previous is not None:
                # A repeated layer's `previous` is at first the layer before, then its own copy: both must suffice.
                both = [previous] if repeat == 1 else [previous, layer["name"]]
                own = {layer["name"]: layer["count"]}
                known["previous"] = min((own | self.units)[source] for source in both)
                self.positions["previous"] = min((own | self.positions)[source] for source in both)
                feeding.append("previous")
            self.signs["previous"] = self.signs.get(previous or "", "free")
            neurons[layer["neuron"]] = self.compartment(known, feeding, self.whole(0, 3), layer["count"])
            if repeat == 1 and self.chance(0.25):
                layer["sign"] = self.signs[layer["name"]] = self.one_of(["excitatory", "inhibitory"])
            self.units[layer["name"]] = self.positions[layer["name"]] = layer["count"]
            previous = layer["name"]
            if repeat > 1 and self.chance(0.5):
                layers.append({"repeat": repeat, "layers": [layer]})
            else:
                layers.append({**layer, **({"repeat": repeat} if repeat > 1 else {})})
        readout = self.one_of([{}, {"bias": False}, {"init": "glorot_dense"}])
        morphology = {"name": name, "inputs": dict.fromkeys(inputs, "auto"), "neurons": neurons, "layers": layers}
        return Case(name, {**morphology, "readout": readout}, inputs, classes=self.whole(1, 4))

    def shape(self) -> Shape:
        kind = self.whole(0, 2)
        if kind == 0:
            return (self.whole(5, 25),)
        grid = (self.whole(1, 5), self.whole(1, 5))
        return grid if kind == 1 else (*grid, 3)

    def compartment(self, known: dict[str, int], feeding: list[str], deepest: int, size: int) -> dict[str, Any]:
        """A compartment and all below it, of which there are `size`; `feeding` are sources that it must draw from."""
        made: dict[str, Any] = {"nonlinearity": self.nonlinearity()}
        if self.chance(0.3):
            made["integration"] = self.one_of(["mean", "max", "min", "product"])
        if size > 1 and self.chance(0.15):
            made["normalisation"] = "layer"
        if self.chance(0.2):
            made["bias"] = False
        if self.chance(0.1):
            made["dropout"] = 0.25
        children = self.whole(1, 2) if deepest else 0
        entries = [self.synapses(known, [source]) for source in feeding]
        if not entries and (not children or self.chance(0.4)):
            entries = [self.synapses(known, []) for _ in range(self.whole(1, 2))]
        if entries:
            made["synapses"] = entries[0] if len(entries) == 1 else entries
        if children:
            made["dendrites"] = [self.branch(f"branch{number}", known, deepest - 1, size) for number in range(children)]
        return made

    def branch(self, name: str, known: dict[str, int], deepest: int, parents: int) -> dict[str, Any]:
        count = self.whole(1, 3)
        below = self.compartment(known, [], self.whole(0, deepest), parents * count)
        return {"name": name, "count": count, "cable": self.cable(), **below}

    def cable(self) -> dict[str, Any]:
        made: dict[str, Any] = {"init": self.init()}
        if self.chance(0.3):
            made |= {"length_um": float(self.rng.uniform(10, 300)), "diameter_um": float(self.rng.uniform(0.5, 3))}
            if self.chance(0.5):
                made["attenuation"] = "initial"
                del made["init"]
        if self.chance(0.2):
            made["trainable"] = False
        if self.chance(0.2):
            made["sign"] = "excitatory"
        return made

    def synapses(self, known: dict[str, int], sources: list[str]) -> dict[str, Any]:
        field = self.one_of(["random", "pooled", "local", "global", "tiled", "all"])
        if not sources:
            sources = [self.one_of(known)]
            others = [source for source in known if source not in (*sources, "previous")]
            if field not in ("local", "global") and "previous" not in sources and others and self.chance(0.5):
                sources.append(self.one_of(others))
        made: dict[str, Any] = {"from": sources[0] if len(sources) == 1 else sources, "field": field}
        if field != "all":
            most = sum(known[source] for source in sources)
            if field in ("local", "global"):
                most = self.positions[sources[0]]
            elif field != "tiled" and self.chance(0.3):
                made["replace"] = True
                most *= 2
            made["count"] = 0 if self.chance(0.07) else self.whole(1, min(most, 8))
        if field == "global" and self.chance(0.3):
            made["group"] = self.whole(2, 3)
        if self.chance(0.4):
            free = all(self.signs.get(source, "free") == "free" for source in sources)
            made["sign"] = self.one_of(["excitatory", "inhibitory", "shunting"]) if free else "free"
        if made.get("sign") != "shunting" and self.chance(0.15):
            made["nonlinearity"] = self.nonlinearity(learnable=False)
        return {**made, "init": self.init()}

    def init(self) -> Any:
        return self.one_of(["glorot", "glorot_dense", "he", {"name": "constant", "value": 0.2}])

    def nonlinearity(self, learnable: bool = True) -> dict[str, Any]:
        entry = NONLINEARITIES[self.one_of(BUILT_IN)]
        changed: dict[str, Any] = {}
        for key, value in entry.defaults.items():
            changed[key] = value * float(self.rng.uniform(0.5, 1.5))
            if learnable and self.chance(0.3):
                changed[key] = {"value": changed[key], "trainable": self.one_of(["group", "compartment"])}
        return {"name": entry.name, **changed}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _name(value: Any) -> str:
    return str(value["name"]) if isinstance(value, Mapping) else str(value)


def _parameters(nonlinearity: Any) -> list[Any]:
    return list(nonlinearity.values()) if isinstance(nonlinearity, Mapping) else []


def _depth(compartment: Mapping[str, Any]) -> int:
    return max((1 + _depth(child) for child in compartment.get("dendrites", ())), default=0)


def _one_neuron(neuron: Mapping[str, Any], count: int = 3) -> dict[str, Any]:
    return {
        "name": "corner",
        "neurons": {"cell": neuron},
        "layers": [{"name": "hidden", "neuron": "cell", "count": count}],
    }


def _with_dendrites(*dendrites: Mapping[str, Any], **soma: Any) -> dict[str, Any]:
    return _one_neuron({**soma, "dendrites": [{"name": f"d{i}", **each} for i, each in enumerate(dendrites)]})


_FOUR: dict[str, Any] = {"count": 4, "from": "image"}

CORNERS = tuple(
    Case(name, morphology, inputs)
    for name, morphology, inputs in (
        ("a soma without dendrites", _one_neuron({"synapses": _FOUR}), {"image": (4, 4)}),
        ("one soma, one input, one synapse", _one_neuron({"synapses": {"count": 1}}, 1), {"image": (1,)}),
        (
            "a silent dendrite beside one that is not",
            _with_dendrites({"count": 2, "synapses": {"count": 0}}, {"count": 2, "synapses": _FOUR}),
            {"image": (4, 4)},
        ),
        ("nothing but a silent soma", _one_neuron({"synapses": {"count": 0}}), {"image": (4, 4)}),
        (
            "a silent dendrite that has children",
            _with_dendrites(
                {"count": 2, "synapses": {"count": 0}, "dendrites": [{"name": "tuft", "count": 3, "synapses": _FOUR}]}
            ),
            {"image": (4, 4)},
        ),
        (
            "synapses on soma and dendrites",
            _with_dendrites({"count": 3, "synapses": _FOUR}, synapses=[_FOUR, {"from": "image", "field": "all"}]),
            {"image": (4, 4)},
        ),
        (
            "more synapses than units",
            _with_dendrites({"count": 2, "synapses": {"count": 9, "replace": True}}),
            {"image": (2, 2)},
        ),
        (
            "few synapses thrown over many compartments",
            _with_dendrites({"count": 6, "synapses": {"count": 1, "field": "pooled"}}),
            {"image": (3, 3)},
        ),
        (
            "more dendrites than positions",
            _with_dendrites({"count": 11, "synapses": {"count": 2, "field": "global"}}),
            {"image": (2, 2)},
        ),
        (
            "neurons that share a centre, the last set not full",
            _one_neuron({"synapses": {"count": 3, "field": "global", "group": 4}}, 10),
            {"image": (5, 5)},
        ),
        (
            "local fields of three channels, up to the whole image",
            _with_dendrites(
                {"count": 2, "synapses": {"count": 5, "field": "local"}},
                {"count": 2, "synapses": {"count": 12, "field": "local"}},
                {"count": 2, "synapses": {"count": 12, "field": "global"}},
            ),
            {"image": (3, 4, 3)},
        ),
        (
            "two streams, one dendrite each, a soma that draws from both",
            {
                **_with_dendrites(
                    {"count": 2, "synapses": {"count": 3, "from": "image", "field": "local"}},
                    {"count": 1, "synapses": {"from": "sound", "field": "all"}},
                    synapses={"count": 5, "from": ["sound", "image"]},
                ),
                "inputs": {"image": "auto", "sound": 6},
            },
            {"image": (4, 4), "sound": (6,)},
        ),
        (
            "a stack with a skip connection",
            {
                "name": "corner",
                "neurons": {
                    "a": {"dendrites": [{"count": 2, "synapses": {"count": 3, "from": ["previous", "image"]}}]},
                    "b": {"synapses": {"count": 4, "field": "local"}},
                    "c": {"synapses": [{"from": "previous", "field": "all"}, {"count": 2, "from": "first"}]},
                },
                "layers": [
                    {"name": "first", "neuron": "b", "count": 4},
                    {"repeat": 2, "layers": [{"neuron": "a", "count": 5}, {"neuron": "b", "count": 4, "repeat": 2}]},
                    {"name": "last", "neuron": "c", "count": 3},
                ],
            },
            {"image": (4, 4)},
        ),
        (
            "a tree five branches deep",
            _with_dendrites(
                {
                    "count": 2,
                    "dendrites": [
                        {
                            "count": 1,
                            "synapses": _FOUR,
                            "dendrites": [
                                {
                                    "count": 2,
                                    "nonlinearity": "nmda",
                                    "dendrites": [{"count": 1, "dendrites": [{"count": 2, "synapses": _FOUR}]}],
                                }
                            ],
                        }
                    ],
                }
            ),
            {"image": (4, 4)},
        ),
        *(
            (
                f"every compartment {name}",
                _with_dendrites({"count": 2, "nonlinearity": name, "synapses": _FOUR}, nonlinearity=name),
                {"image": (4, 4)},
            )
            for name in BUILT_IN
        ),
        *(
            (
                f"synapses and dendrites that combine by {rule}",
                _with_dendrites(
                    {"count": 3, "integration": rule, "synapses": _FOUR},
                    {"count": 1, "synapses": {"count": 0}},
                    integration=rule,
                    synapses=[_FOUR, {**_FOUR, "field": "pooled", "sign": "excitatory"}],
                ),
                {"image": (4, 4)},
            )
            for rule in ("mean", "max", "min", "product")
        ),
        *(
            (
                f"thrown over many compartments that combine by {rule}",
                _with_dendrites({"count": 6, "integration": rule, "synapses": {"count": 1, "field": "pooled"}}),
                {"image": (3, 3)},
            )
            for rule in ("mean", "max", "min", "product")
        ),
        (
            "shunting, and signs kept",
            _with_dendrites(
                {"count": 2, "synapses": [{**_FOUR, "sign": "excitatory"}, {**_FOUR, "sign": "shunting"}]},
                {"count": 2, "cable": {"sign": "excitatory"}, "synapses": {**_FOUR, "sign": "inhibitory"}},
                synapses={"field": "all", "sign": "shunting"},
            ),
            {"image": (4, 4)},
        ),
        (
            "excitability that is learnt",
            _with_dendrites(
                {
                    "count": 2,
                    "nonlinearity": {
                        "name": "nmda",
                        "threshold": {"value": 0.3, "trainable": "compartment"},
                        "gain": {"trainable": "group"},
                        "plateau": {"value": 2.0, "trainable": "compartment"},
                    },
                    "synapses": _FOUR,
                },
                nonlinearity={"name": "leaky_relu", "slope": {"trainable": "group"}},
            ),
            {"image": (4, 4)},
        ),
        (
            "synapses that are shuffled",
            _with_dendrites(
                {
                    "count": 4,
                    "synapses": [
                        {**_FOUR, "field": "global", "shuffle": True},
                        {**_FOUR, "field": "pooled", "sign": "excitatory", "shuffle": True},
                        {"field": "all"},
                    ],
                },
                {"count": 2, "synapses": {"count": 9, "field": "tiled", "shuffle": True}},
            ),
            {"image": (4, 4)},
        ),
        # Sampled so thinly that no matrix product pays: `auto` takes a sparse kernel, and one pass where there is one.
        ("few synapses of many units", _with_dendrites({"count": 3, "synapses": _FOUR}), {"image": (15, 15)}),
        (
            "few synapses of many units, three branches deep",
            _with_dendrites(
                {"count": 2, "dendrites": [{"count": 3, "dendrites": [{"count": 2, "synapses": _FOUR}]}]},
            ),
            {"image": (15, 15)},
        ),
    )
)


# A few random cases that hold each feature of the language at least three times, for tests that need no more.
COVERING = tuple(random_case(seed) for seed in (2, 5, 7, 15, 25, 27, 57, 64))
