"""Receptive fields by name: the language's own, and those that users add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from dendrograph.morphology.registry import check_function, check_name, check_name_is_free

if TYPE_CHECKING:  # a file can be checked without NumPy
    import numpy as np

BUILT_IN = ("random", "pooled", "local", "global", "tiled", "all")

Draw = Callable[["Request"], Any]

_Own = TypeVar("_Own", bound=Callable[..., Any])


@dataclass(frozen=True)
class Request:
    """What a field is asked to draw: `count` sources for each of the compartments of one group.

    Compartments are ordered neuron by neuron; `per_neuron` of them belong to each of the `neurons`.

    sources: what there is to draw from: the units of all sources, one source after the other, or the positions of the
        grid (row × width + column)
    grid: height and width of the source, of the first where there are several; a stream of so many units, and a layer,
        are laid out nearly square
    channels: units at each position of the grid
    rng: where all randomness must come from, so that the same seed gives the same wiring
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
        """How many compartments draw."""
        return self.neurons * self.per_neuron


@dataclass(frozen=True)
class RegisteredField:
    """A field that was registered."""

    name: str
    draw: Draw
    positions: bool


OWN: dict[str, RegisteredField] = {}


def known() -> tuple[str, ...]:
    """The names of all fields."""
    return (*BUILT_IN, *OWN)


def register_field(name: str, positions: bool = False) -> Callable[[_Own], _Own]:
    """Decorate a function that draws the synapses of a group, to make it a field of the language.

        @register_field("column", positions=True)
        def column(request):
            height, width = request.grid
            ...
            return positions  # whole numbers, shape (request.compartments, request.count)

    Each row holds what one compartment draws, in any order and each source once: numbers from 0 to
    `request.sources - 1`. The compiler refuses anything else, and what is drawn otherwise a second time from the same
    random numbers.

    Args:
        name: what `field:` calls it. The same function may be registered again, as when a notebook's cell runs twice.
        positions: whether it draws positions of the source's grid, each of which brings all of its channels, and not
            units.

    Raises:
        DendrographError: the name is no name or is another's, or the function does not take a request.
    """
    check_name("field", name)

    def register(draw: _Own) -> _Own:
        check_function("field", name, draw, "f(request)", None)
        taken = {**dict.fromkeys(BUILT_IN), **{key: field.draw for key, field in OWN.items()}}
        check_name_is_free("field", name, draw, taken)
        OWN[name] = RegisteredField(name, draw, bool(positions))
        return draw

    return register
