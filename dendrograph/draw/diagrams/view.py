"""A view of a network: which views there are, the network's state that they show, and the panel that they fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph

VIEWS = ("neuron", "network", "fields", "matrix", "weights", "activity")
ONE_NEURON = ("neuron", "fields", "weights")  # views that show a single neuron


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network at one moment: its graph, and the numbers for the views that show numbers.

    weights: effective weights by the projection's name, in the order of its edges
    about: which weights these are, `trained` or `initial`
    activity: of every group for one sample, shape (size,)
    sample: a description of the sample
    asked: whether the caller chose the sample; receptive fields are then drawn over it
    """

    graph: Graph
    weights: Mapping[str, NDArray] = field(default_factory=dict)
    about: str = ""
    activity: Mapping[str, NDArray] = field(default_factory=dict)
    sample: str = ""
    asked: bool = False


@dataclass(frozen=True, eq=False)
class Panel:
    """The panel that a view fills: its width in mm, its theme, what is drawn in it, and shared colours.

    label: names and counts
    legend: legends and colour bars
    folded: draw few of many like parts; else all
    layer, neuron: the neuron that is drawn, by its number in the layer
    nonlinearities, sources: colours that all panels of a figure share, by nonlinearity and by source of synapses
    """

    width: float
    theme: Theme
    label: bool = True
    legend: bool = True
    folded: bool = True
    layer: str = ""
    neuron: int = 0
    nonlinearities: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def views_of(text: str | Sequence[str]) -> tuple[str, ...]:
    """The names of views, from a list or from text with commas.

    Raises:
        DendrographError: there is no such view, or the list is empty.
    """
    names = [name.strip() for name in text.split(",")] if isinstance(text, str) else text
    if not isinstance(names, list | tuple):
        raise DendrographError(f"view must name views, found {clip(repr(text))}\n  views: {', '.join(VIEWS)}")
    for name in names:
        if name not in VIEWS:
            raise DendrographError(f"unknown view '{clip(str(name))}'\n  {did_you_mean(str(name), VIEWS, 'views')}")
    if not names:
        raise DendrographError(f"no view is named\n  views: {', '.join(VIEWS)}")
    return tuple(names)
