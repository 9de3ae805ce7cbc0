"""Receptive fields by name: those of the language, and those that users register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from dendrograph.morphology.registry import check_function, check_name, check_name_is_free

if TYPE_CHECKING:  # files are checked without NumPy
    import numpy as np

BUILT_IN = ("random", "pooled", "local", "global", "tiled", "all")

Draw = Callable[["Request"], Any]

_Own = TypeVar("_Own", bound=Callable[..., Any])


@dataclass(frozen=True)
class Request:
    """A request to a field: draw `count` sources for each compartment of one group.

    Compartments are ordered neuron by neuron.

    Attributes:
        count: the number of sources for each compartment.
        neurons: the number of neurons.
        per_neuron: the number of compartments of each neuron.
        sources: the number of candidates: the units of all sources, one source after the other, or the positions of the
            grid (row × width + column).
        grid: height and width of the (first) source. A layer, and a stream without a shape, are laid out nearly square.
        channels: the number of units at each position of the grid.
        rng: the only source of randomness, so that the same seed gives the same wiring.
    """

    count: int
    neurons: int
    per_neuron: int
    sources: int
    grid: tuple[int, int]
    channels: int
    rng: np.random.Generator

    @property
    def compartments(self) -> int:
        """The number of compartments that draw."""
        return self.neurons * self.per_neuron


@dataclass(frozen=True)
class RegisteredField:
    """A receptive field that a user registered."""

    name: str
    draw: Draw
    positions: bool


OWN: dict[str, RegisteredField] = {}


def known() -> tuple[str, ...]:
    """The names of all fields."""
    return (*BUILT_IN, *OWN)


def register_field(name: str, positions: bool = False) -> Callable[[_Own], _Own]:
    """Decorate a function that draws the synapses of a group, to add it to the language as a receptive field.

        @register_field("column", positions=True)
        def column(request):
            height, width = request.grid
            ...
            return positions  # whole numbers, shape (request.compartments, request.count)

    Each row holds the sources of one compartment, in any order and each once: numbers from 0 to `request.sources - 1`.
    The compiler refuses any other result, and a function that gives different results for the same random numbers.

    Args:
        name: the word for `field:`. The same function may be registered again, as when a cell of a notebook runs twice.
        positions: whether it draws positions of the source's grid, each with all of its channels, instead of units.

    Raises:
        DendrographError: the name is not valid or is taken, or the function does not take a request.
    """
    check_name("field", name)

    def register(draw: _Own) -> _Own:
        check_function("field", name, draw, "f(request)", None)
        taken = {**dict.fromkeys(BUILT_IN), **{key: field.draw for key, field in OWN.items()}}
        check_name_is_free("field", name, draw, taken)
        OWN[name] = RegisteredField(name, draw, bool(positions))
        return draw

    return register
