"""Pictures: diagrams of networks and plots of results; here are the public functions.

from dendrograph import draw

draw.figure("dann-lrf", "neuron,network", draw.Style(width="double"))   a matplotlib figure
draw.on(axes, graph, "fields")                                          one view on existing axes
draw.save(figure, "figure.pdf")                                         a file, the same bytes each time
draw.page("dann-lrf")                                                   an interactive page, as the text of an HTML file
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dendrograph.draw.functions import figure, on, page, save
    from dendrograph.draw.style import Style

__all__ = ["Style", "figure", "on", "page", "save"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the functions stand above everything that they draw."""
    if name == "Style":
        return import_module("dendrograph.draw.style").Style
    if name in __all__:
        return getattr(import_module("dendrograph.draw.functions"), name)
    raise AttributeError(f"module 'dendrograph.draw' has no attribute '{name}'")
