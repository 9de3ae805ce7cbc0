"""The nonlinearity of a compartment, or of a single synapse, as a user declares it: a name and its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dendrograph.base.errors import DendrographError, clip, did_you_mean
from dendrograph.morphology.nonlinearities import NONLINEARITIES
from dendrograph.morphology.validation import Cursor

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
