"""Transfer functions of a compartment: one registry, each entry with its equation, its source and its parameters.

A nonlinearity acts on the integrated input u of a compartment, element by element. PyTorch is imported only when one is
bound, so that a morphology can be read and checked without it.
"""

from __future__ import annotations

import keyword
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, Union

from dendrograph.base.errors import DendrographError, clip, several
from dendrograph.morphology.expressions import GREATEST, SMALLEST
from dendrograph.morphology.names import is_name
from dendrograph.morphology.registry import hold_free, hold_function, hold_name

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[["Tensor"], "Tensor"]
Parameter = Union[float, "Tensor"]

_Own = TypeVar("_Own", bound=Callable[..., "Tensor"])


@dataclass(frozen=True)
class Nonlinearity:
    """One entry of the registry: `bind(**parameters)` returns the function of u.

    A parameter is a number, or, where it is learnt, a tensor that broadcasts with u (units, batch). `own` is the
    function that a user registered; the language's own entries have none.
    """

    name: str
    equation: str
    source: str
    defaults: Mapping[str, float]
    bind: Callable[..., Function]
    positive: frozenset[str] = frozenset()  # parameters that must be greater than 0
    own: Callable[..., Tensor] | None = None


def _identity() -> Function:
    return lambda u: u


def _relu() -> Function:
    import torch

    return torch.relu


def _leaky_relu(slope: Parameter) -> Function:
    import torch
    import torch.nn.functional as F

    if isinstance(slope, float):
        return lambda u: F.leaky_relu(u, slope)
    return lambda u: torch.where(u > 0, u, slope * u)


def _elu(alpha: Parameter) -> Function:
    import torch
    import torch.nn.functional as F

    if isinstance(alpha, float):
        return lambda u: F.elu(u, alpha)
    # exp of what is not positive only: a branch that is not taken must not overflow, or its gradient is no number.
    return lambda u: torch.where(u > 0, u, alpha * torch.expm1(u.clamp(max=0)))


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


def _sublinear(saturation: Parameter) -> Function:
    return lambda u: u * saturation / (saturation + u.abs())


def _nmda(threshold: Parameter, gain: Parameter, plateau: Parameter) -> Function:
    import torch

    return lambda u: plateau * torch.sigmoid(gain * (u - threshold))


def _dcaap(threshold: Parameter, gain: Parameter, decay: Parameter) -> Function:
    import torch

    return lambda u: torch.sigmoid(gain * (u - threshold)) * torch.exp(-torch.relu(u - threshold) / decay)


def _leaky_ada(leak: Parameter, alpha: Parameter, c: Parameter) -> Function:
    import torch

    return lambda u: leak * u.clamp(max=0) + torch.relu(u) * torch.exp(c - alpha * torch.relu(u))


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
            f"{_GIDON}: all or none, greatest just above threshold, smaller beyond; a small gain gives a soft onset",
            {"threshold": 1.0, "gain": 1000.0, "decay": 1.0},
            _dcaap,
            frozenset({"gain", "decay"}),
        ),
        Nonlinearity(
            "leaky_ada",
            "f(u) = leak min(0, u) + max(0, u) exp(c - alpha u)",
            "leaky apical dendrite activation: Georgescu et al., arXiv 2003.03229 (2020), after Gidon et al. 2020",
            {"leak": 0.01, "alpha": 1.0, "c": 1.0},
            _leaky_ada,
            frozenset({"alpha"}),
        ),
    )
}


def register_nonlinearity(
    name: str,
    *,
    equation: str,
    source: str = "",
    parameters: Mapping[str, float] | None = None,
    positive: Iterable[str] = (),
) -> Callable[[_Own], _Own]:
    """Decorate a function f(u, **parameters) of tensors, to make it a nonlinearity of the language.

        @register_nonlinearity("cube", equation="f(u) = strength u^3", parameters={"strength": 1.0})
        def cube(u, strength):
            return strength * u**3

    u has shape (units, batch). A parameter is a float, or, where a morphology trains it, a tensor that broadcasts with
    u; a function of PyTorch's element-wise operations serves both. `compile` tries the function before a network is
    built of it (see `dendrograph.graph.user_functions`).

    Args:
        name: what `nonlinearity:` calls it. The same function may be registered again, as when a notebook's cell runs
            twice: the later definition holds for networks that are built from then on.
        equation: as `docs/dendrites.md` writes equations.
        source: where it comes from.
        parameters: their names, with what they are where a morphology does not say.
        positive: those that must be greater than 0; they stay so in training.

    Raises:
        DendrographError: the name is no name or is another's, a parameter is none, or the function does not take them.
    """
    hold_name("nonlinearity", name)
    if parameters is not None and not isinstance(parameters, Mapping):
        raise DendrographError(
            f"nonlinearity '{name}': parameters is a mapping of names to numbers, found {clip(repr(parameters))}\n"
            "  write {'strength': 1.0}"
        )
    defaults = {key: _default(name, key, value) for key, value in (parameters or {}).items()}
    if isinstance(positive, str):
        raise DendrographError(f"nonlinearity '{name}': positive is a list of parameters\n  write ['{positive}']")
    above_zero = frozenset(several("positive", positive))
    if unknown := sorted(above_zero - defaults.keys()):
        raise DendrographError(f"nonlinearity '{name}' has no parameter '{unknown[0]}', which shall be positive")
    if wrong := sorted(key for key in above_zero if defaults[key] <= 0):
        raise DendrographError(f"nonlinearity '{name}': '{wrong[0]}' shall be positive, and is {defaults[wrong[0]]:g}")

    def register(function: _Own) -> _Own:
        called = f"f({', '.join(['u', *defaults])})"
        hold_function("nonlinearity", name, function, called, None, **defaults)
        hold_free("nonlinearity", name, function, {key: entry.own for key, entry in NONLINEARITIES.items()})

        def bound(**values: Parameter) -> Function:
            return lambda u: function(u, **values)

        NONLINEARITIES[name] = Nonlinearity(name, equation, source, defaults, bound, above_zero, function)
        return function

    return register


def _default(name: str, key: object, value: object) -> float:
    """The default of a parameter, as a float.

    Raises:
        DendrographError: it is no number that a morphology could hold, or its name is none.
    """
    named = f"nonlinearity '{name}'"
    if not is_name(key) or "-" in str(key) or keyword.iskeyword(str(key)):
        raise DendrographError(f"{named}: '{key}' cannot name a parameter\n  it is the name of an argument in Python")
    if key in ("name", "u"):
        raise DendrographError(f"{named}: a parameter cannot be called '{key}'\n  choose another name")
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise DendrographError(f"{named}: the default of '{key}' is no number, but {clip(repr(value))}")
    number = float(value)
    if not math.isfinite(number) or (number and not SMALLEST <= abs(number) <= GREATEST):
        allowed = f"0, or a number of float32's range, {SMALLEST:g} to {GREATEST:g}"
        raise DendrographError(f"{named}: the default of '{key}' is {number:g}\n  give {allowed}")
    return number


def bind(name: str, parameters: Mapping[str, Parameter]) -> Function:
    """The function of u for a nonlinearity of the registry, parameters that are not given at their defaults.

    Raises:
        DendrographError: a morphology that came from another process names what nothing has registered in this one.
    """
    entry = NONLINEARITIES.get(name)
    if entry is None:
        raise DendrographError(f"there is no nonlinearity '{name}' in this process\n  import what registers it")
    return entry.bind(**{**entry.defaults, **parameters})
