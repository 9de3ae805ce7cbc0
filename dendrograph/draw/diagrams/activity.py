"""A sample on its way through a network: the input as an image, every compartment coloured by its activity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas.chart import bar_room, colour_bar
from dendrograph.draw.canvas.render import colours_in
from dendrograph.draw.canvas.scene import Mark, Picture, Scene, Words
from dendrograph.draw.diagrams.network import Tints, network_scene
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph

Activity = Mapping[str, NDArray[np.float32]]


def activity_scene(
    graph: Graph,
    activity: Activity,
    width: float,
    style: Theme,
    *,
    title: str = "",
    label: bool = True,
    with_legend: bool = True,
    folded: bool = True,
) -> Scene:
    """The network, each unit coloured by its activity.

    Groups differ in range, so each has colours of its own: the middle of the map is 0, and its ends are the greatest
    distance from 0 that any of its units has in this sample. Inputs are shown from their least to their
    greatest value.

    Args:
        graph: the network.
        activity: of every group, shape (size,), for one sample.
        width: in mm.
        style: of lines, colours and letters.
        title: what the sample is.
        label: names and numbers below the columns, and the title.
        with_legend: what the colours mean.
        folded: few units stand for many; else all are drawn.
    """
    tints: dict[str, NDArray] = {}
    images: dict[str, Picture] = {}
    for group in graph.groups:
        values = np.asarray(activity[group.name], dtype=float)
        if group.role == "input":
            images[group.name] = picture_of(group.name, values, graph.inputs[group.name])
            most = float(np.abs(values).max()) or 1.0
            tints[group.name] = colours_in(values, style.signed, -most, most)
        else:
            most = float(np.abs(values).max()) or 1.0
            tints[group.name] = colours_in(values / most, style.signed, -1.0, 1.0)
    bar = 1.8 * style.scale
    beside = bar + 1.2 * style.scale + bar_room(-1.0, 1.0, style) if with_legend else 0.0
    scene = network_scene(graph, width - beside, style, label=label, folded=folded, tints=Tints(tints, images))
    head = style.line() + 0.8 * style.scale if label and title else 0.0
    height = scene.height + head
    marks: list[Mark] = list(scene.marks)
    if head:
        marks.append(
            Words(title, 1.0, height - head / 2, style.text, style.ink, "left", "center", name="title activity")
        )
    if with_legend:
        tall = min(24.0 * style.scale, 0.6 * scene.height)
        middle = 0.55 * scene.height
        box = (width - beside, middle - tall / 2, width - beside + bar, middle + tall / 2)
        marks += colour_bar(style.signed, -1.0, 1.0, box, "activity / greatest of its group", style, "activity")
    return Scene(width, height, tuple(marks), scene.notes, scene.entries)


def picture_of(name: str, values: NDArray, shape: tuple[int, ...]) -> Picture:
    """A sample of an input stream as a picture: grey, or the colours of its first three channels."""
    low, high = float(values.min()), float(values.max())
    cells = values.reshape(shape if len(shape) > 1 else (1, -1))
    if cells.ndim == 3 and cells.shape[2] >= 3:
        span = high - low or 1.0
        return Picture(name, (cells[..., :3] - low) / span, (0, 0, 1, 1))
    cells = cells.mean(axis=2) if cells.ndim == 3 else cells
    return Picture(name, cells, (0, 0, 1, 1), "grey", low, high if high > low else low + 1.0)
