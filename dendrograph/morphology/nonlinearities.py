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
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

from dendrograph.base.errors import DendrographError, clip, several
from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology.expressions import GREATEST, SMALLEST
from dendrograph.morphology.registry import check_function, check_name, check_name_is_free, is_name
from dendrograph.morphology.validation import Cursor

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[["Tensor"], "Tensor"]
Parameter = Union[float, "Tensor"]

_Own = TypeVar("_Own", bound=Callable[..., "Tensor"])


@dataclass(frozen=True)
class TransferFunction:
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

NONLINEARITIES: dict[str, TransferFunction] = {
    entry.name: entry
    for entry in (
        TransferFunction("identity", "f(u) = u", "a linear compartment", {}, _identity),
        TransferFunction("relu", "f(u) = max(0, u)", "Nair & Hinton, ICML 2010", {}, _relu),
        TransferFunction(
            "leaky_relu",
            "f(u) = u for u > 0, slope u otherwise",
            "Maas et al., ICML 2013; slope 0.1 as in Chavlis & Poirazi, Nature Communications 2025",
            {"slope": 0.1},
            _leaky_relu,
        ),
        TransferFunction(
            "elu",
            "f(u) = u for u > 0, alpha (exp(u) - 1) otherwise",
            "Clevert et al., ICLR 2016",
            {"alpha": 1.0},
            _elu,
            frozenset({"alpha"}),
        ),
        TransferFunction("gelu", "f(u) = u Phi(u), Phi the normal distribution", "Hendrycks & Gimpel 2016", {}, _gelu),
        TransferFunction("sigmoid", "f(u) = 1 / (1 + exp(-u))", "the logistic function", {}, _sigmoid),
        TransferFunction("tanh", "f(u) = tanh(u)", "the hyperbolic tangent", {}, _tanh),
        TransferFunction("softplus", "f(u) = log(1 + exp(u))", "Dugas et al., NIPS 2000", {}, _softplus),
        TransferFunction(
            "sublinear",
            "f(u) = saturation u / (saturation + |u|)",
            "passive dendrite whose driving force shrinks as it depolarises (Koch, Biophysics of Computation, 1999)",
            {"saturation": 1.0},
            _sublinear,
            frozenset({"saturation"}),
        ),
        TransferFunction(
            "nmda",
            "f(u) = plateau / (1 + exp(-gain (u - threshold)))",
            "sigmoidal subunit of a thin dendrite: Poirazi, Brannon & Mel, Neuron 37 (2003)",
            {"threshold": 1.0, "gain": 4.0, "plateau": 1.0},
            _nmda,
            frozenset({"gain", "plateau"}),
        ),
        TransferFunction(
            "dcaap",
            "f(u) = exp(-max(0, u - threshold) / decay) / (1 + exp(-gain (u - threshold)))",
            f"{_GIDON}: all or none, greatest just above threshold, smaller beyond; a small gain gives a soft onset",
            {"threshold": 1.0, "gain": 1000.0, "decay": 1.0},
            _dcaap,
            frozenset({"gain", "decay"}),
        ),
        TransferFunction(
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
        equation: as `docs/reference/nonlinearities.md` writes equations.
        source: where it comes from.
        parameters: their names, with what they are where a morphology does not say.
        positive: those that must be greater than 0; they stay so in training.

    Raises:
        DendrographError: the name is no name or is another's, a parameter is none, or the function does not take them.
    """
    check_name("nonlinearity", name)
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
        check_function("nonlinearity", name, function, called, None, **defaults)
        check_name_is_free("nonlinearity", name, function, {key: entry.own for key, entry in NONLINEARITIES.items()})

        def bound(**values: Parameter) -> Function:
            return lambda u: function(u, **values)

        NONLINEARITIES[name] = TransferFunction(name, equation, source, defaults, bound, above_zero, function)
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


Shared = Literal["group", "compartment"]
SHARED: tuple[Shared, ...] = ("group", "compartment")
OF_PARAMETER = ("value", "trainable")  # the keys of a parameter that is written as a mapping


@dataclass(frozen=True)
class Nonlinearity:
    """Name and parameters of a transfer function (see `dendrograph.morphology.nonlinearities`).

    `trainable` holds (parameter, how many there are) for those that are learnt: one for the whole `group`, or one for
    each `compartment`. `parameters` then holds where they start. Both may be given as mappings, and parameters that are
    left out are at their defaults: `Nonlinearity("nmda", {"gain": 2.0}, {"gain": "group"})`.
    """

    name: str = "leaky_relu"
    parameters: tuple[tuple[str, float], ...] = ()
    trainable: tuple[tuple[str, Shared], ...] = ()

    def __post_init__(self) -> None:
        entry = NONLINEARITIES.get(str(self.name))
        try:
            given, shared = dict(self.parameters), dict(self.trainable)
        except (TypeError, ValueError):
            found = clip(repr((self.parameters, self.trainable)))
            remedy = "write such as Nonlinearity('nmda', {'gain': 2.0}, {'gain': 'group'})"
            raise DendrographError(f"Nonlinearity: parameters are mappings, not {found}\n  {remedy}") from None
        values = {**(entry.defaults if entry else {}), **given}
        object.__setattr__(self, "parameters", tuple(values.items()))
        object.__setattr__(self, "trainable", tuple(shared.items()))

    @classmethod
    def read(cls, cursor: Cursor, learnable: bool = True) -> Nonlinearity:
        """A name, or a mapping of `name` and the nonlinearity's own parameters."""
        named = isinstance(cursor.value, dict)
        if not named and not isinstance(cursor.value, str):
            cursor.expected("a nonlinearity's name, or a mapping of its name and parameters")
            return cls()
        name_at = cursor.child("name") if named else cursor
        if name_at is None:
            cursor.fault("missing key 'name'", did_you_mean("", NONLINEARITIES, "nonlinearities"), at="name")
            return cls()
        entry = NONLINEARITIES.get(name_at.choice("nonlinearity", NONLINEARITIES))
        if entry is None:
            return cls()
        values = dict(entry.defaults)
        trainable: list[tuple[str, Shared]] = []
        if named:
            kind = f"parameters of {entry.name}"
            hints = {key: did_you_mean(key, entry.defaults, kind) for key in cursor.value if key not in entry.defaults}
            cursor.keys(("name", *entry.defaults), hints=hints)
            for key in entry.defaults:
                if parameter := cursor.child(key):
                    value_at, shared = _parameter(parameter, learnable)
                    if value_at:
                        values[key] = value_at.number(above=0.0) if key in entry.positive else value_at.number()
                    if shared:
                        trainable.append((key, shared))
        return cls(entry.name, tuple(values.items()), tuple(trainable))

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        values = {key: {"value": value} for key, value in self.parameters}
        learnt = {key: {**values.get(key, {}), "trainable": shared} for key, shared in self.trainable}
        return {"name": self.name, **dict(self.parameters), **learnt}

    @property
    def shown(self) -> str:
        """On one line, as `show` prints it: `nmda threshold=1 gain=4 (trained, one a group) plateau=1`."""
        notes = {key: f" (trained, one a {shared})" for key, shared in self.trainable}
        return " ".join([self.name, *(f"{key}={value:g}{notes.get(key, '')}" for key, value in self.parameters)])


def _parameter(cursor: Cursor, learnable: bool) -> tuple[Cursor | None, Shared | None]:
    """Where a parameter's value stands, if it does, and how it is learnt, if it is."""
    if not isinstance(cursor.value, dict):
        return cursor, None
    value_at, trainable_at = cursor.child("value"), cursor.child("trainable")
    learnt = trainable_at is not None and trainable_at.value is not False
    required = {} if learnt else {"value": "a number; it starts at the default where only trainable is given"}
    cursor.keys(OF_PARAMETER, required)
    if trainable_at is None or not learnt:
        return value_at, None
    if not learnable:
        trainable_at.fault("parameters of a single synapse's nonlinearity are fixed", "give the number alone")
    elif isinstance(trainable_at.value, str):
        word = trainable_at.choice("way to train a parameter", SHARED)
        return value_at, next((shared for shared in SHARED if shared == word), None)
    else:
        trainable_at.expected(
            "group, compartment or false", "group: one number for the whole group; compartment: one for each"
        )
    return value_at, None
