"""A layer of dendritic neurons for anyone's network: it stands where an `nn.Linear` would."""

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

Activity = str | Mapping[str, Any] | Nonlinearity

SYNAPSES = 16  # of a dendrite, where there are so many features

FEATURES = "features"  # the one source of the layer's synapses; `previous` means the same


class DendriticLayer(nn.Module):
    """Dendritic neurons in the place of an `nn.Linear(in_features, out_features)`: one neuron for each output feature.

    For neuron i, whose dendrites j each sample some of the features s,

        y_i = f(b_i + sum over j of c_ij g(b_ij + sum over s of w_ijs x_s)),

    where w are synapses, c cables, b biases, g the `nonlinearity` of dendrites and f that of the `soma`. The wiring is
    drawn once, from the seed, and stays. With D dendrites of K synapses there are

        out_features (D (K + 2) + 1) parameters, or out_features D (K + 1) without bias;

    nn.Linear has out_features (in_features + 1). Any tree of the language serves as well, as `neuron`.

    Shapes: (..., in_features) -> (..., out_features), for any number of leading dimensions, also none; floating point,
    of the type of the layer's parameters unless autocast is on. The answer is contiguous.

    Args:
        in_features: size of the input's last dimension.
        out_features: size of the answer's last dimension: so many neurons.
        dendrites: of each neuron.
        synapses: of each dendrite; `"all"` for every feature. By default 16, or `in_features` where these are fewer.
        field: how they are drawn: `random`, `pooled`, `local`, `global`, `tiled`, or one that was registered.
        nonlinearity: of the dendrites: a name, a mapping of the language, or a `Nonlinearity`.
        soma: that of the somata, in the same ways.
        bias: whether dendrites and somata have biases.
        seed: of the wiring and the initial weights. Layers of one shape and one seed begin as the same layer: give each
            a seed of its own.
        kernel: `auto`, or the name of a kernel to have it everywhere that it can serve.
        neuron: in the place of all from `dendrites` to `bias`: a `Compartment`, such as
            `load("mine.yaml").neurons["pyramidal"]`, or a mapping of a soma's keys in the language, whose synapses draw
            from `previous`, which is the input.
        shape: the features as a grid, for the fields that lie on one: (height, width) or (height, width, channels). By
            default the most nearly square grid.
        device: of the parameters, as for `nn.Linear`.
        dtype: of the parameters, as for `nn.Linear`.
        dropout: the share of dendrites whose activity is left out in training, at random (from PyTorch's global random
            numbers, as `nn.Dropout` does); the others are scaled up. For that of somata, put an `nn.Dropout` after the
            layer.

    Every parameter has one dimension: a weight for each synapse and each cable, and no matrix. Where weight decay goes
    by the number of dimensions, as is usual, none of them decays: see `parameter_groups`.

    Attributes:
        network: the `DendriticNetwork` that answers. `network.graph` is the wiring; `network.activations` tells what
            each dendrite does.

    Raises:
        DendrographError: an argument that cannot be meant.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        dendrites: int = 8,
        synapses: int | str | None = None,
        field: str = "random",
        nonlinearity: Activity = "leaky_relu",
        soma: Activity = "identity",
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
        self.in_features, self.out_features = (
            check_whole_number("in_features", in_features, 1),
            check_whole_number("out_features", out_features, 1),
        )
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
            morphology = _morphology(_tree(self.in_features, **plain), self.in_features, self.out_features)
            told = [f"{key}={value if isinstance(value, int | float | str) else '...'}" for key, value in plain.items()]
        else:
            usual = inspect.signature(DendriticLayer).parameters
            if twice := [key for key, value in plain.items() if value != usual[key].default]:
                raise DendrographError(f"neuron and {twice[0]} are both given\n  a neuron says all of its tree itself")
            morphology = _morphology(neuron, self.in_features, self.out_features)
            told = [f"neuron={unwound(_told(morphology.neurons['neuron']))}"]
        self._told = ", ".join([*told, f"seed={seed}"])
        graph = compile(morphology, _sides(self.in_features, shape), None, seed)
        self.network = DendriticNetwork(graph, kernel)
        device = torch.get_default_device() if device is None else device
        self.to(device=device, dtype=torch.get_default_dtype() if dtype is None else dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The somata's activity. Shapes: (..., in_features) -> (..., out_features).

        Raises:
            ValueError: the last dimension is another, or the input is not floating point.
            TypeError: it is no tensor.
        """
        if not isinstance(x, Tensor):
            expect("x", x, Tensor)  # type: ignore[unreachable]
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"the input has shape {tuple(x.shape)}, expected (..., {self.in_features})")
        samples = x.reshape(-1, self.in_features)
        # The network computes units first: without a copy its answer could not be viewed as nn.Linear's can.
        return self.network(samples).reshape(*x.shape[:-1], self.out_features).contiguous()

    def reset_parameters(self, seed: int | None = None) -> None:
        """Draw the initial weights anew, in place; biases and learnt parameters of nonlinearities start again, too.

        Without a seed they are the weights that the layer began with: unlike `nn.Linear`, it does not draw from
        PyTorch's global random numbers. The wiring stays.

        Args:
            seed: of other weights than those; it does not become the layer's own.

        Raises:
            DendrographError: the seed is no whole number of at least 0.
        """
        self.network.reset_parameters(seed)

    def get_extra_state(self) -> Tensor:
        """What state_dict keeps beside the parameters: the wiring's hash, without which they mean nothing."""
        return torch.tensor(list(bytes.fromhex(self.network.graph.connectivity_hash)), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Hold a state_dict to the wiring that its parameters belong to.

        Raises:
            DendrographError: it is that of a layer that is wired otherwise.
        """
        expect("_extra_state", state, Tensor)
        if state.tolist() != self.get_extra_state().tolist():
            raise DendrographError(
                f"this state belongs to a DendriticLayer with other wiring than {self.extra_repr()}\n"
                "  build the layer with the same arguments and seed"
            )

    def extra_repr(self) -> str:
        """One line for `print`."""
        return f"in_features={self.in_features}, out_features={self.out_features}, {self._told}"


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters of any network in two groups for an optimizer: those that decay, and the rest.

    Weight decay usually acts on what has more than one dimension, which no parameter of a `DendriticLayer` or
    `DendriticNetwork` has. Of these, the weights of synapses and cables decay; biases and learnt parameters of
    nonlinearities do not. Of all other modules, what has more than one dimension decays.

        optimizer = torch.optim.AdamW(parameter_groups(model, weight_decay=0.01), lr=1e-3)

    Args:
        module: a network with any number of dendritic layers in it; or one of them by itself.
        weight_decay: of the first group; that of the second is 0.

    Raises:
        DendrographError: the decay is no number of at least 0.
    """
    expect("module", module, nn.Module)
    expect("weight_decay", weight_decay, int, float)
    if not 0 <= weight_decay < math.inf:
        raise DendrographError(f"weight_decay must be a number of at least 0, found {shown(weight_decay)}")
    ours = [one for one in module.modules() if isinstance(one, DendriticNetwork)]
    weights = {id(weight) for network in ours for weight in network.weights.parameters()}
    own = {id(parameter) for network in ours for parameter in network.parameters()}
    groups: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for parameter in module.parameters():
        if parameter.requires_grad:
            decays = id(parameter) in weights if id(parameter) in own else parameter.dim() > 1
            groups[0 if decays else 1].append(parameter)
    return [{"params": groups[0], "weight_decay": weight_decay}, {"params": groups[1], "weight_decay": 0.0}]


def _tree(
    features: int,
    dendrites: Any,
    synapses: Any,
    field: Any,
    nonlinearity: Activity,
    soma: Activity,
    bias: Any,
    dropout: Any = None,
) -> dict[str, Any]:
    """The neuron that the plain arguments describe, in the language."""
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
    return {
        "nonlinearity": _plain("soma", soma),
        "bias": bias,
        "dendrites": [
            {
                "name": "dendrite",
                "count": check_whole_number("dendrites", dendrites, 1),
                "nonlinearity": _plain("nonlinearity", nonlinearity),
                "bias": bias,
                **({} if dropout is None else {"dropout": dropout}),
                "synapses": drawn,
            }
        ],
    }


def _plain(argument: str, nonlinearity: Any) -> Any:
    """A nonlinearity in the language.

    Raises:
        KindError: it is no nonlinearity; of a function or a module, how it becomes one.
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
        layer = "neurons" if stream == layer else layer  # no two of one name
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
    """The shape of the input stream."""
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


def _told(compartment: Compartment) -> Steps[str]:
    """A tree on one line: `soma(8 basal, apical(2 tuft))`."""
    inside = []
    for dendrite in compartment.dendrites:
        inside.append((yield _told(dendrite)))
    name = compartment.name if compartment.count == 1 else f"{compartment.count} {compartment.name}"
    return f"{name}({', '.join(inside)})" if inside else name
