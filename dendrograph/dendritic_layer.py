"""A layer of dendritic neurons for anyone's network: it stands where an `nn.Linear` would."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dendrograph.compiler import compile
from dendrograph.errors import DendrographError
from dendrograph.layers import sources
from dendrograph.morphology import Compartment, Morphology, Nonlinearity, Shape
from dendrograph.network import DendriticNetwork
from dendrograph.reading import Steps, unwound
from dendrograph.synapses import PREVIOUS

Activity = str | Mapping[str, Any] | Nonlinearity

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
        synapses: of each dendrite; `"all"` for every feature.
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
        synapses: int | str = 16,
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
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = _whole("in_features", in_features), _whole("out_features", out_features)
        plain: dict[str, Any] = {
            "dendrites": dendrites,
            "synapses": synapses,
            "field": field,
            "nonlinearity": nonlinearity,
            "soma": soma,
            "bias": bias,
        }
        if neuron is None:
            morphology = _morphology(_tree(self.in_features, **plain), self.in_features, self.out_features)
            told = [f"{key}={value if isinstance(value, int | str) else '...'}" for key, value in plain.items()]
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
        """
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"the input has shape {tuple(x.shape)}, expected (..., {self.in_features})")
        samples = x.reshape(-1, self.in_features)
        # The network computes units first: without a copy its answer could not be viewed as nn.Linear's can.
        return self.network(samples).reshape(*x.shape[:-1], self.out_features).contiguous()

    def get_extra_state(self) -> Tensor:
        """What state_dict keeps beside the parameters: the wiring's hash, without which they mean nothing."""
        return torch.tensor(list(bytes.fromhex(self.network.graph.connectivity_hash)), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Hold a state_dict to the wiring that its parameters belong to.

        Raises:
            DendrographError: it is that of a layer that is wired otherwise.
        """
        if state.tolist() != self.get_extra_state().tolist():
            raise DendrographError(
                f"this state is of a DendriticLayer that is wired otherwise than {self.extra_repr()}\n"
                "  build the layer with the same arguments and seed"
            )

    def extra_repr(self) -> str:
        """One line for `print`."""
        return f"in_features={self.in_features}, out_features={self.out_features}, {self._told}"


def _whole(what: str, value: Any) -> int:
    """A whole number of at least 1; NumPy's are taken, too."""
    try:
        whole = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        whole = 0
    if whole < 1:
        raise DendrographError(f"{what} must be a whole number of at least 1, found {value!r}")
    return whole


def _tree(
    features: int, dendrites: Any, synapses: Any, field: Any, nonlinearity: Activity, soma: Activity, bias: Any
) -> dict[str, Any]:
    """The neuron that the plain arguments describe, in the language."""
    if field == "all":
        raise DendrographError("field 'all' takes no number of synapses\n  write synapses='all', and no field")
    drawn: dict[str, Any] = {"count": synapses}
    if synapses != "all":
        drawn = {"count": _whole("synapses", synapses), "field": field}
        if drawn["count"] > features:
            problem = f"{synapses} synapses a dendrite, but there are {features} features"
            raise DendrographError(f"{problem}\n  at most {features}, or 'all'")
    elif field != "random":
        raise DendrographError(f"synapses 'all' contradicts field '{field}'\n  leave the field out, or give a number")
    return {
        "nonlinearity": _plain(soma),
        "bias": bias,
        "dendrites": [
            {
                "name": "dendrite",
                "count": _whole("dendrites", dendrites),
                "nonlinearity": _plain(nonlinearity),
                "bias": bias,
                "synapses": drawn,
            }
        ],
    }


def _plain(nonlinearity: Activity) -> Any:
    return nonlinearity.to_dict() if isinstance(nonlinearity, Nonlinearity) else nonlinearity


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
        raise DendrographError(f"shape {shape!r} is no grid of {features} features\n  give {allowed} of that product")
    return sides


def _told(compartment: Compartment) -> Steps[str]:
    """A tree on one line: `soma(8 basal, apical(2 tuft))`."""
    inside = []
    for dendrite in compartment.dendrites:
        inside.append((yield _told(dendrite)))
    name = compartment.name if compartment.count == 1 else f"{compartment.count} {compartment.name}"
    return f"{name}({', '.join(inside)})" if inside else name
