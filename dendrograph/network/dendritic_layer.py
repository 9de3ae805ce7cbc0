"""A drop-in layer of dendritic neurons: it replaces an `nn.Linear` in any network."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dendrograph.base.errors import DendrographError, KindError, expect, shown
from dendrograph.graph.compiler import check_whole_number, compile
from dendrograph.morphology.layers import sources
from dendrograph.morphology.morphology import Morphology, Shape
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.nonlinearities import NONLINEARITIES, Nonlinearity
from dendrograph.morphology.synapses import PREVIOUS
from dendrograph.morphology.yaml_reader import Steps, unwound
from dendrograph.network.network import DendriticNetwork

AnyNonlinearity = str | Mapping[str, Any] | Nonlinearity

SYNAPSES = 16  # of a dendrite, by default

FEATURES = "features"  # the only source of the layer's synapses; `previous` means the same


class DendriticLayer(nn.Module):
    """Dendritic neurons in place of an `nn.Linear(in_features, out_features)`: one neuron for each output feature.

    For neuron i, whose dendrites j each sample some of the features s,

        y_i = f(b_i + sum over j of c_ij g(b_ij + sum over s of w_ijs x_s)),

    with synapses w, cables c, biases b, the `nonlinearity` g of the dendrites and the `soma` nonlinearity f. The seed
    decides the wiring, which never changes. With D dendrites of K synapses there are

        out_features (D (K + 2) + 1) parameters, or out_features D (K + 1) without bias;

    nn.Linear has out_features (in_features + 1). Any tree of the language can replace this neuron: see `neuron`.

        model = nn.Sequential(nn.Flatten(), DendriticLayer(784, 128), nn.Linear(128, 10))

    Shapes: (..., in_features) -> (..., out_features), for any number of leading dimensions, also none. The input is
    floating point, of the type of the layer's parameters unless autocast is on. The result is contiguous.

    Args:
        in_features: size of the input's last dimension.
        out_features: size of the output's last dimension, which is the number of neurons.
        dendrites: dendrites of each neuron.
        synapses: synapses of each dendrite; `"all"` for every feature. By default 16, or `in_features` if that is less.
        field: how they are drawn: `random`, `pooled`, `local`, `global`, `tiled`, or a registered field.
        nonlinearity: nonlinearity of the dendrites: a name, a mapping of the language, or a `Nonlinearity`.
        soma: nonlinearity of the somata, in the same ways.
        bias: whether dendrites and somata have biases.
        seed: seed of the wiring and of the initial weights. Layers of equal shape and seed start equal: give each layer
            a seed of its own.
        kernel: `auto`, or the name of a kernel that runs everything that it can serve.
        neuron: replaces all arguments from `dendrites` to `bias`: a `Compartment`, such as
            `load("mine.yaml").neurons["pyramidal"]`, or a mapping of a soma's keys in the language, whose synapses draw
            from `previous`, which is the input.
        shape: the features as a grid, for the fields that lie on one: (height, width) or (height, width, channels). By
            default the most nearly square grid.
        device: device of the parameters, as for `nn.Linear`.
        dtype: type of the parameters, as for `nn.Linear`.
        dropout: the share of dendrites that are silent in training, at random (from PyTorch's global random numbers, as
            for `nn.Dropout`); the others are scaled up. For dropout of somata, put an `nn.Dropout` after the layer.

    Every parameter has one dimension: a weight for each synapse and each cable, and no matrix. Weight decay that goes
    by the number of dimensions, as is usual, misses all of them: see `parameter_groups`.

    Attributes:
        network: the `DendriticNetwork` of the layer. `network.graph` is the wiring; `network.activations` gives the
            activity of each dendrite.

    Raises:
        DendrographError: an argument is wrong.
    """

    def __init__(  # as many parameters as nn.Linear and a neuron have together: callers write keywords
        self,
        in_features: int,
        out_features: int,
        dendrites: int = 8,
        synapses: int | str | None = None,
        field: str = "random",
        nonlinearity: AnyNonlinearity = "leaky_relu",
        soma: AnyNonlinearity = "identity",
        bias: bool = True,
        seed: int = 0,
        kernel: str = "auto",
        neuron: Compartment | Mapping[str, Any] | None = None,
        shape: Shape | None = None,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_features = check_whole_number("in_features", in_features, 1)
        self.out_features = check_whole_number("out_features", out_features, 1)
        expect("dropout", dropout, int, float)
        plain: dict[str, Any] = {
            "dendrites": dendrites,
            "synapses": min(SYNAPSES, self.in_features) if synapses is None and neuron is None else synapses,
            "field": field,
            "nonlinearity": nonlinearity,
            "soma": soma,
            "bias": bias,
            **({} if dropout == 0.0 else {"dropout": dropout}),
        }
        if neuron is None:
            morphology = _morphology(_tree(self.in_features, plain), self.in_features, self.out_features)
            shown_as = {key: value if isinstance(value, int | float | str) else "..." for key, value in plain.items()}
        else:
            usual = inspect.signature(DendriticLayer).parameters
            if twice := [key for key, value in plain.items() if value != usual[key].default]:
                raise DendrographError(
                    f"neuron and {twice[0]} are both given\n  leave one out: a neuron is a whole tree"
                )
            morphology = _morphology(neuron, self.in_features, self.out_features)
            shown_as = {"neuron": unwound(_one_line(morphology.neurons["neuron"]))}
        self._arguments = ", ".join(f"{key}={value}" for key, value in {**shown_as, "seed": seed}.items())
        graph = compile(morphology, _sides(self.in_features, shape), None, seed)
        self.network = DendriticNetwork(graph, kernel)
        device = torch.get_default_device() if device is None else device
        self.to(device=device, dtype=torch.get_default_dtype() if dtype is None else dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The somata's activity. Shapes: (..., in_features) -> (..., out_features).

        Raises:
            ValueError: the last dimension is wrong, or the input is not floating point.
            TypeError: the input is no tensor.
        """
        if not isinstance(x, Tensor):
            expect("x", x, Tensor)  # type: ignore[unreachable]
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"the input has shape {tuple(x.shape)}, expected (..., {self.in_features})")
        samples = x.reshape(-1, self.in_features)
        # The network computes units first: only a copy can be viewed like the output of nn.Linear.
        return self.network(samples).reshape(*x.shape[:-1], self.out_features).contiguous()

    def reset_parameters(self, seed: int | None = None) -> None:
        """Draw the initial weights again, in place; biases and learnt parameters of nonlinearities start again, too.

        Without a seed, the layer gets the weights that it began with: unlike `nn.Linear`, it does not draw from
        PyTorch's global random numbers. The wiring stays.

        Args:
            seed: seed of other weights. It does not replace the seed of the layer.

        Raises:
            DendrographError: the seed is no whole number of at least 0.
        """
        self.network.reset_parameters(seed)

    def get_extra_state(self) -> Tensor:
        """The hash of the wiring, which state_dict stores beside the parameters."""
        return torch.tensor(list(bytes.fromhex(self.network.graph.connectivity_hash)), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Check that the parameters of a state_dict belong to the wiring of this layer.

        Raises:
            DendrographError: they belong to other wiring.
        """
        expect("_extra_state", state, Tensor)
        if state.tolist() != self.get_extra_state().tolist():
            raise DendrographError(
                f"this state belongs to a DendriticLayer with other wiring than {self.extra_repr()}\n"
                "  build the layer with the same arguments and seed"
            )

    def extra_repr(self) -> str:
        """One line for `print`."""
        return f"in_features={self.in_features}, out_features={self.out_features}, {self._arguments}"


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters of any network in two groups for an optimizer: those that decay, and the rest.

    Weight decay usually acts on parameters with more than one dimension, and those of a `DendriticLayer` or a
    `DendriticNetwork` have one. Their weights of synapses and cables decay; biases and learnt parameters of
    nonlinearities do not. In all other modules, parameters with more than one dimension decay.

        optimizer = torch.optim.AdamW(parameter_groups(model, weight_decay=0.01), lr=1e-3)

    Args:
        module: a network with any number of dendritic layers, or a single layer.
        weight_decay: weight decay of the first group; that of the second is 0.

    Raises:
        DendrographError: the weight decay is no number of at least 0.
    """
    expect("module", module, nn.Module)
    expect("weight_decay", weight_decay, int, float)
    if not 0 <= weight_decay < math.inf:
        raise DendrographError(f"weight_decay must be a number of at least 0, found {shown(weight_decay)}")
    networks = [found for found in module.modules() if isinstance(found, DendriticNetwork)]
    weights = {id(weight) for network in networks for weight in network.weights.parameters()}
    dendritic = {id(parameter) for network in networks for parameter in network.parameters()}
    decaying: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for parameter in filter(lambda parameter: parameter.requires_grad, module.parameters()):
        decays = id(parameter) in weights if id(parameter) in dendritic else parameter.dim() > 1
        (decaying if decays else rest).append(parameter)
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def _tree(features: int, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The neuron of the plain arguments, in the language."""
    field, synapses = plain["field"], plain["synapses"]
    expect("field", field, str)
    if field == "all":
        raise DendrographError("field 'all' takes no number of synapses\n  write synapses='all', and no field")
    drawn: dict[str, Any] = {"count": synapses}
    if not (isinstance(synapses, str) and synapses == "all"):
        drawn = {"count": check_whole_number("synapses", synapses, 1), "field": field}
        if drawn["count"] > features:
            problem = f"{synapses} synapses a dendrite, but there are {features} features"
            raise DendrographError(f"{problem}\n  at most {features}, or 'all'")
    elif field != "random":
        raise DendrographError(f"synapses 'all' contradicts field '{field}'\n  leave the field out, or give a number")
    dendrite = {
        "name": "dendrite",
        "count": check_whole_number("dendrites", plain["dendrites"], 1),
        "nonlinearity": _in_the_language("nonlinearity", plain["nonlinearity"]),
        "bias": plain["bias"],
        **{key: plain[key] for key in ("dropout",) if key in plain},
        "synapses": drawn,
    }
    soma = _in_the_language("soma", plain["soma"])
    return {"nonlinearity": soma, "bias": plain["bias"], "dendrites": [dendrite]}


def _in_the_language(argument: str, nonlinearity: Any) -> Any:
    """A nonlinearity in the language.

    Raises:
        KindError: it is no nonlinearity; for a function or a module, the message says how it becomes one.
    """
    if isinstance(nonlinearity, Nonlinearity):
        return nonlinearity.to_dict()
    if callable(nonlinearity):
        name = getattr(nonlinearity, "__name__", type(nonlinearity).__name__).lower().replace("leakyrelu", "leaky_relu")
        name = name if name.isidentifier() else "mine"
        way = f"register it, and pass its name: register_nonlinearity({name!r}, equation=..., source=...)(function)"
        if name in NONLINEARITIES:
            way = f"pass the name {name!r}; docs/reference/nonlinearities.md lists them with their parameters"
        raise KindError(
            f"`{argument}`: expected a name, a mapping or a Nonlinearity, found {shown(nonlinearity)}\n  {way}"
        )
    expect(argument, nonlinearity, str, Mapping, Nonlinearity)
    return nonlinearity


def _morphology(neuron: Compartment | Mapping[str, Any], features: int, neurons: int) -> Morphology:
    """One layer of neurons that draw from one stream, checked."""
    stream, layer = FEATURES, "layer"
    if isinstance(neuron, Compartment):
        named = sources(neuron) - {PREVIOUS}
        if len(named) > 1:
            problem = f"the neuron draws from {' and '.join(sorted(named))}"
            raise DendrographError(f"{problem}\n  a DendriticLayer has one input")
        stream = next(iter(named), FEATURES)
        layer = "neurons" if stream == layer else layer  # two things cannot share a name
        neuron = neuron.to_dict()
    return Morphology.from_dict(
        {
            "name": "layer",
            "inputs": {stream: "auto"},
            "neurons": {"neuron": neuron},
            "layers": [{"name": layer, "neuron": "neuron", "count": neurons}],
        },
        f"DendriticLayer({features}, {neurons})",
    )


def _sides(features: int, shape: Shape | None) -> Shape:
    """The shape of the input stream, checked."""
    if shape is None:
        return (features,)
    try:
        sides = tuple(operator.index(side) for side in shape)
    except TypeError:
        sides = ()
    if not 1 <= len(sides) <= 3 or math.prod(sides) != features or min(sides) < 1:
        allowed = "(height, width) or (height, width, channels)"
        raise DendrographError(
            f"shape {shown(shape)} is no grid of {features} features\n  give {allowed} of that product"
        )
    return sides


def _one_line(compartment: Compartment) -> Steps[str]:
    """A tree on one line: `soma(8 basal, apical(2 tuft))`."""
    inside = []
    for dendrite in compartment.dendrites:
        inside.append((yield _one_line(dendrite)))
    name = compartment.name if compartment.count == 1 else f"{compartment.count} {compartment.name}"
    return f"{name}({', '.join(inside)})" if inside else name
