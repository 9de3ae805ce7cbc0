"""Diagrams of networks, and figures of results: each a description in numbers first, which matplotlib then draws.

    from dendrograph import draw

    draw.figure("dann-lrf", "neuron,network", width="double")   a matplotlib figure
    draw.on(axes, graph, "fields")                              one view on your axes
    draw.save(figure, "figure.pdf")                             a file, the same bytes each time
    draw.page("dann-lrf")                                       an interactive page, as the text of an HTML file

What they take stands in `dendrograph.draw.functions`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dendrograph.draw.functions import figure, on, page, save

__all__ = ["figure", "on", "page", "save"]


def __getattr__(name: str) -> Any:
    """The public functions stand below all that they draw, so they are looked up when they are first used."""
    if name in ("on", "page", "save", "figure"):
        return getattr(import_module("dendrograph.draw.functions"), name)
    raise AttributeError(f"module 'dendrograph.draw' has no attribute '{name}'")
