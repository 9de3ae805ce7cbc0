"""The diagram of activity: one sample in a network, every compartment coloured by its activity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dendrograph.draw.canvas.chart import ColourBar
from dendrograph.draw.canvas.render import colours_in
from dendrograph.draw.canvas.scene import Box, Mark, Picture, Scene, Words
from dendrograph.draw.diagrams.network import Tints, network_scene
from dendrograph.draw.diagrams.view import Panel, Snapshot


def activity_scene(snapshot: Snapshot, panel: Panel) -> Scene:
    """The network, each unit coloured by its activity, with the description of the sample as its title.

    Groups differ in range, so each group has its own scale: the middle of the colour map is 0, and its ends are the
    greatest distance from 0 of any unit of the group in this sample. Inputs are shown from their least to their
    greatest value.
    """
    graph, theme = snapshot.graph, panel.theme
    tints: dict[str, NDArray] = {}
    for group in graph.groups:
        values = np.asarray(snapshot.activity[group.name], dtype=float)
        tints[group.name] = colours_in(values / (float(np.abs(values).max()) or 1.0), theme.signed, -1.0, 1.0)
    bar, colours = 1.8 * theme.scale, ColourBar(theme.signed, -1.0, 1.0, "activity / greatest of its group", theme)
    beside = bar + 1.2 * theme.scale + colours.beside if panel.legend else 0.0
    tinted = Tints(tints, sample_pictures(snapshot))
    scene = network_scene(graph, replace(panel, width=panel.width - beside), tinted)
    marks: list[Mark] = list(scene.marks)
    height = scene.height
    if panel.label and snapshot.sample:
        height += theme.line() + 0.8 * theme.scale
        y = (scene.height + height) / 2
        marks.append(Words(snapshot.sample, 1.0, y, theme.text, theme.ink, "left", "center", name="title activity"))
    if panel.legend:
        tall, middle = min(24.0 * theme.scale, 0.6 * scene.height), 0.55 * scene.height
        left = panel.width - beside
        marks += colours.marks(Box(left, middle - tall / 2, left + bar, middle + tall / 2), "activity")
    return Scene(panel.width, height, tuple(marks), scene.notes, scene.entries)


def sample_pictures(snapshot: Snapshot) -> dict[str, Picture]:
    """The sample of each stream of images as a picture: in grey, or in the colours of its first three channels."""
    return {
        name: _picture(name, np.asarray(snapshot.activity[name], dtype=float), shape)
        for name, shape in snapshot.graph.inputs.items()
        if len(shape) > 1
    }


def _picture(name: str, values: NDArray, shape: tuple[int, ...]) -> Picture:
    low, high = float(values.min()), float(values.max())
    cells, box = values.reshape(shape), Box(0, 0, 1, 1)
    if cells.ndim == 3 and cells.shape[2] >= 3:
        return Picture(name, (cells[..., :3] - low) / (high - low or 1.0), box)
    cells = cells.mean(axis=2) if cells.ndim == 3 else cells
    return Picture(name, cells, box, "grey", low, high if high > low else low + 1.0)
