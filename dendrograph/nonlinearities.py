"""Transfer functions of a compartment: one registry, each entry with its equation, its source and its parameters.

A nonlinearity acts on the integrated input u of a compartment, element by element. PyTorch is imported only when one is
bound, so that a morphology can be read and checked without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[["Tensor"], "Tensor"]


@dataclass(frozen=True)
class Nonlinearity:
    """One entry of the registry: `bind(**parameters)` returns the function of u."""

    name: str
    equation: str
    source: str
    defaults: Mapping[str, float]
    bind: Callable[..., Function]
    positive: frozenset[str] = frozenset()  # parameters that must be greater than 0


def _identity() -> Function:
    return lambda u: u


def _relu() -> Function:
    import torch

    return torch.relu


def _leaky_relu(slope: float) -> Function:
    import torch.nn.functional as F

    return lambda u: F.leaky_relu(u, slope)


def _elu(alpha: float) -> Function:
    import torch.nn.functional as F

    return lambda u: F.elu(u, alpha)


def _gelu() -> Function:
    import torch.nn.functional as F

    return F.gelu


def _sigmoid() -> Function:
    import torch

    return torch.sigmoid


def _tanh() -> Function:
    import torch

    return torch.tanh


def _softplus() -> Function:
    import torch.nn.functional as F

    return F.softplus


def _sublinear(saturation: float) -> Function:
    return lambda u: u * saturation / (saturation + u.abs())


def _nmda(threshold: float, gain: float, plateau: float) -> Function:
    import torch

    return lambda u: plateau * torch.sigmoid(gain * (u - threshold))


def _dcaap(threshold: float, gain: float, decay: float) -> Function:
    import torch

    return lambda u: torch.sigmoid(gain * (u - threshold)) * torch.exp(-torch.relu(u - threshold) / decay)


_GIDON = "Gidon et al., Science 367 (2020): dendritic calcium action potentials of human layer 2/3 neurons"

NONLINEARITIES: dict[str, Nonlinearity] = {
    entry.name: entry
    for entry in (
        Nonlinearity("identity", "f(u) = u", "a linear compartment", {}, _identity),
        Nonlinearity("relu", "f(u) = max(0, u)", "Nair & Hinton, ICML 2010", {}, _relu),
        Nonlinearity(
            "leaky_relu",
            "f(u) = u for u > 0, slope u otherwise",
            "Maas et al., ICML 2013; slope 0.1 as in Chavlis & Poirazi, Nature Communications 2025",
            {"slope": 0.1},
            _leaky_relu,
        ),
        Nonlinearity(
            "elu",
            "f(u) = u for u > 0, alpha (exp(u) - 1) otherwise",
            "Clevert et al., ICLR 2016",
            {"alpha": 1.0},
            _elu,
            frozenset({"alpha"}),
        ),
        Nonlinearity("gelu", "f(u) = u Phi(u), Phi the normal distribution", "Hendrycks & Gimpel 2016", {}, _gelu),
        Nonlinearity("sigmoid", "f(u) = 1 / (1 + exp(-u))", "the logistic function", {}, _sigmoid),
        Nonlinearity("tanh", "f(u) = tanh(u)", "the hyperbolic tangent", {}, _tanh),
        Nonlinearity("softplus", "f(u) = log(1 + exp(u))", "Dugas et al., NIPS 2000", {}, _softplus),
        Nonlinearity(
            "sublinear",
            "f(u) = saturation u / (saturation + |u|)",
            "passive dendrite whose driving force shrinks as it depolarises (Koch, Biophysics of Computation, 1999)",
            {"saturation": 1.0},
            _sublinear,
            frozenset({"saturation"}),
        ),
        Nonlinearity(
            "nmda",
            "f(u) = plateau / (1 + exp(-gain (u - threshold)))",
            "sigmoidal subunit of a thin dendrite: Poirazi, Brannon & Mel, Neuron 37 (2003)",
            {"threshold": 1.0, "gain": 4.0, "plateau": 1.0},
            _nmda,
            frozenset({"gain", "plateau"}),
        ),
        Nonlinearity(
            "dcaap",
            "f(u) = exp(-max(0, u - threshold) / decay) / (1 + exp(-gain (u - threshold)))",
            f"{_GIDON}: greatest just above threshold, smaller beyond; the sigmoid stands for the all-or-none onset",
            {"threshold": 1.0, "gain": 4.0, "decay": 1.0},
            _dcaap,
            frozenset({"gain", "decay"}),
        ),
    )
}


def bind(name: str, parameters: Mapping[str, float]) -> Function:
    """The function of u for a nonlinearity of the registry, parameters that are not given at their defaults."""
    entry = NONLINEARITIES[name]
    return entry.bind(**{**entry.defaults, **parameters})
