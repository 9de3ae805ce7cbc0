"""Nonlinearities of compartments and synapses: the registry of transfer functions, and their declaration in files.

A nonlinearity acts element by element on the integrated input u of a compartment. PyTorch is imported only when a
function is bound, so that a morphology can be read and checked without it.
"""

from __future__ import annotations

import functools
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
    """One entry of the registry.

    Attributes:
        name: the word for `nonlinearity:`.
        equation: f(u), as docs/reference writes equations.
        source: the publication that it comes from.
        defaults: the parameters with their default values.
        positive: the parameters that must be greater than 0.
        own: the function f(u, **parameters) that a user registered; None for the entries of the language.
    """

    name: str
    equation: str
    source: str
    defaults: Mapping[str, float]
    positive: frozenset[str] = frozenset()
    own: Callable[..., Tensor] | None = None

    def bind(self, **parameters: Parameter) -> Function:
        """The function of u with these parameters.

        Args:
            parameters: a number each, or, where it is trained, a tensor that broadcasts with u (units, batch).
        """
        if self.own:
            return functools.partial(self.own, **parameters)
        return _functions()[self.name](**parameters)


@functools.cache
def _functions() -> dict[str, Callable[..., Function]]:
    """The functions of u by name, once their parameters are given."""
    import torch
    import torch.nn.functional as F

    def leaky_relu(slope: Parameter) -> Function:
        if isinstance(slope, float):
            return lambda u: F.leaky_relu(u, slope)
        return lambda u: torch.where(u > 0, u, slope * u)

    def elu(alpha: Parameter) -> Function:
        if isinstance(alpha, float):
            return lambda u: F.elu(u, alpha)
        # The clamp keeps exp from an overflow in the branch that is not taken, which would make its gradient nan.
        return lambda u: torch.where(u > 0, u, alpha * torch.expm1(u.clamp(max=0)))

    def dcaap(threshold: Parameter, gain: Parameter, decay: Parameter) -> Function:
        return lambda u: torch.sigmoid(gain * (u - threshold)) * torch.exp(-torch.relu(u - threshold) / decay)

    def leaky_ada(leak: Parameter, alpha: Parameter, c: Parameter) -> Function:
        return lambda u: leak * u.clamp(max=0) + torch.relu(u) * torch.exp(c - alpha * torch.relu(u))

    return {
        "identity": lambda: lambda u: u,
        "relu": lambda: torch.relu,
        "leaky_relu": leaky_relu,
        "elu": elu,
        "gelu": lambda: F.gelu,
        "sigmoid": lambda: torch.sigmoid,
        "tanh": lambda: torch.tanh,
        "softplus": lambda: F.softplus,
        "sublinear": lambda saturation: lambda u: u * saturation / (saturation + u.abs()),
        "nmda": lambda threshold, gain, plateau: lambda u: plateau * torch.sigmoid(gain * (u - threshold)),
        "dcaap": dcaap,
        "leaky_ada": leaky_ada,
    }


_GIDON = "Gidon et al., Science 367 (2020): dendritic calcium action potentials of human layer 2/3 neurons"

NONLINEARITIES: dict[str, TransferFunction] = {
    entry.name: entry
    for entry in (
        TransferFunction("identity", "f(u) = u", "a linear compartment", {}),
        TransferFunction("relu", "f(u) = max(0, u)", "Nair & Hinton, ICML 2010", {}),
        TransferFunction(
            "leaky_relu",
            "f(u) = u for u > 0, slope u otherwise",
            "Maas et al., ICML 2013; slope 0.1 as in Chavlis & Poirazi, Nature Communications 2025",
            {"slope": 0.1},
        ),
        TransferFunction(
            "elu",
            "f(u) = u for u > 0, alpha (exp(u) - 1) otherwise",
            "Clevert et al., ICLR 2016",
            {"alpha": 1.0},
            frozenset({"alpha"}),
        ),
        TransferFunction("gelu", "f(u) = u Phi(u), Phi the normal distribution", "Hendrycks & Gimpel 2016", {}),
        TransferFunction("sigmoid", "f(u) = 1 / (1 + exp(-u))", "the logistic function", {}),
        TransferFunction("tanh", "f(u) = tanh(u)", "the hyperbolic tangent", {}),
        TransferFunction("softplus", "f(u) = log(1 + exp(u))", "Dugas et al., NIPS 2000", {}),
        TransferFunction(
            "sublinear",
            "f(u) = saturation u / (saturation + |u|)",
            "passive dendrite whose driving force shrinks as it depolarises (Koch, Biophysics of Computation, 1999)",
            {"saturation": 1.0},
            frozenset({"saturation"}),
        ),
        TransferFunction(
            "nmda",
            "f(u) = plateau / (1 + exp(-gain (u - threshold)))",
            "sigmoidal subunit of a thin dendrite: Poirazi, Brannon & Mel, Neuron 37 (2003)",
            {"threshold": 1.0, "gain": 4.0, "plateau": 1.0},
            frozenset({"gain", "plateau"}),
        ),
        TransferFunction(
            "dcaap",
            "f(u) = exp(-max(0, u - threshold) / decay) / (1 + exp(-gain (u - threshold)))",
            f"{_GIDON}: all or none, greatest just above threshold, smaller beyond; a small gain gives a soft onset",
            {"threshold": 1.0, "gain": 1000.0, "decay": 1.0},
            frozenset({"gain", "decay"}),
        ),
        TransferFunction(
            "leaky_ada",
            "f(u) = leak min(0, u) + max(0, u) exp(c - alpha u)",
            "leaky apical dendrite activation: Georgescu et al., arXiv 2003.03229 (2020), after Gidon et al. 2020",
            {"leak": 0.01, "alpha": 1.0, "c": 1.0},
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
    """Decorate a function f(u, **parameters) of tensors, to add it to the language as a nonlinearity.

        @register_nonlinearity("cube", equation="f(u) = strength u^3", parameters={"strength": 1.0})
        def cube(u, strength):
            return strength * u**3

    u has shape (units, batch). A parameter is a float, or a tensor that broadcasts with u if a morphology trains it; a
    function of PyTorch's element-wise operations works with both. `compile` tries the function before a network is
    built with it (see `dendrograph.graph.user_functions`).

    Args:
        name: the word for `nonlinearity:`. The same function may be registered again, as when a cell of a notebook runs
            twice; networks that are built afterwards use the later definition.
        equation: as `docs/reference/nonlinearities.md` writes equations.
        source: the publication that it comes from.
        parameters: the names of the parameters with their default values.
        positive: the parameters that must be greater than 0; they stay so in training.

    Raises:
        DendrographError: the name or a parameter is not valid, the name is taken, or the function does not take the
            parameters.
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
        NONLINEARITIES[name] = TransferFunction(name, equation, source, defaults, above_zero, function)
        return function

    return register


def _default(name: str, key: object, value: object) -> float:
    """The default of a parameter, as a float.

    Raises:
        DendrographError: it is not a number that a morphology can hold, or its name is not valid.
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
    """The function of u for a nonlinearity of the registry. Parameters that are not given have their defaults.

    Raises:
        DendrographError: no nonlinearity of this name is registered in this process.
    """
    entry = NONLINEARITIES.get(name)
    if entry is None:
        raise DendrographError(f"there is no nonlinearity '{name}' in this process\n  import what registers it")
    return entry.bind(**{**entry.defaults, **parameters})


Shared = Literal["group", "compartment"]
SHARED: tuple[Shared, ...] = ("group", "compartment")
OF_PARAMETER = ("value", "trainable")  # the keys of a parameter that is a mapping


@dataclass(frozen=True)
class Nonlinearity:
    """A nonlinearity as a morphology declares it: the name of a transfer function, and its parameters.

        Nonlinearity("nmda", {"gain": 2.0}, {"gain": "group"})

    Attributes:
        name: of the transfer function.
        parameters: values of its parameters, or initial values of those that are trained. May be given as a mapping;
            parameters that are left out have their defaults.
        trainable: for each trained parameter, whether there is one for the whole `group` or one for each `compartment`.
            May be given as a mapping.
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
        """Read a name, or a mapping of `name` and the parameters of the nonlinearity."""
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
        """Return the mapping that `read` takes."""
        values = {key: {"value": value} for key, value in self.parameters}
        trained = {key: {**values.get(key, {}), "trainable": shared} for key, shared in self.trainable}
        return {"name": self.name, **dict(self.parameters), **trained}

    @property
    def shown(self) -> str:
        """On one line, as `show` prints it: `nmda threshold=1 gain=4 (trained, one a group) plateau=1`."""
        notes = {key: f" (trained, one a {shared})" for key, shared in self.trainable}
        return " ".join([self.name, *(f"{key}={value:g}{notes.get(key, '')}" for key, value in self.parameters)])


def _parameter(cursor: Cursor, learnable: bool) -> tuple[Cursor | None, Shared | None]:
    """The position of a parameter's value, and how the parameter is trained; None for what is not given."""
    if not isinstance(cursor.value, dict):
        return cursor, None
    value_at, trainable_at = cursor.child("value"), cursor.child("trainable")
    trained = trainable_at is not None and trainable_at.value is not False
    required = {} if trained else {"value": "a number; it starts at the default where only trainable is given"}
    cursor.keys(OF_PARAMETER, required)
    if trainable_at is None or not trained:
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
