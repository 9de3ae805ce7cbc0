"""One network as an interactive page: one HTML file that works offline.

Python works out the content of the page: groups with their positions, counts and columns, and the edges as arrays. The
JavaScript in the folder `page/` draws it on a canvas and handles the mouse and the keys.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError, argument
from dendrograph.draw.canvas import layout
from dendrograph.draw.canvas.places import Place, depths_of, layers_of, places_of
from dendrograph.draw.canvas.scene import Floats
from dendrograph.draw.diagrams.network_layout import columns_of
from dendrograph.draw.diagrams.receptive_fields import Grid, near_square_width
from dendrograph.draw.diagrams.view import Snapshot
from dendrograph.draw.palettes import nonlinearity_colours
from dendrograph.draw.style import Theme
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.weights import Sign

# The scripts of the page share one scope: code that runs while a file is read uses only that file and earlier ones.
SCRIPTS = (
    *("elements", "data", "names"),  # the content
    *("layout", "view"),  # positions, and what is visible
    *("canvas", "ribbons", "scene", "marks"),  # painting
    *("card", "selection", "headings", "legend"),  # text
    *("pointer", "keys", "search"),  # input
    "start",
)

MOST_EDGES = 3_000_000  # that a page lists one by one: about 25 MB with their weights
OPEN_NEURONS, OPEN_LAYERS = 200, 4  # larger layers, and those of deeper networks, are folded at first
LONGEST = 8  # largest ratio of width to height at which the units of a vector are laid out

# In units of the page, which are the distance between neighbouring compartments.
STEP = 2.0  # least distance from the soma to the first dendrites, and from one depth to the next
SOMA_ALONE, AROUND = 1.8, 2.2  # side of a neuron without dendrites; room around a neuron with dendrites
SIGNS = {"dark": ("#F4A582", "#92C5DE"), "light": ("#B2182B", "#2166AC")}  # of weights above and below zero


def page(snapshot: Snapshot, theme: Theme, *, fold: bool = True, legend: bool = True) -> str:
    """The text of one HTML file that loads nothing else; the same network gives the same text.

    Args:
        snapshot: the network, with its weights if they are to be shown.
        theme: colours; the size of text is relative to print.
        fold: fold large layers, and those of deep networks, at first; else none.
        legend: explain the colours on the page.

    Raises:
        DendrographError: there are too many edges for a page.
    """
    graph, weights = snapshot.graph, snapshot.weights
    _check_edges(graph, bool(weights))
    inner = [group.nonlinearity.name for group in graph.groups if group.role in ("soma", "dendrite")]
    colours = nonlinearity_colours(theme.palette, inner)
    scheme = "dark" if theme.name == "dark" else "light"
    # With colours: near the ends of the colour map of other diagrams.
    positive, negative = SIGNS[scheme] if theme.signed == "signed" else (theme.ink, "#8A8A8A")
    shown = {name: getattr(theme, name) for name in ("ink", "faint", "paper", "synapse", "cable", "readout")}
    placed = {
        name: place for layer in layers_of(graph) for name, place in _placed(graph, places_of(graph, layer)).items()
    }
    content = {
        "name": graph.name,
        "weighted": bool(weights),
        "facts": _facts(snapshot),
        "legend": legend,
        "colours": {**shown, "positive": positive, "negative": negative, "nonlinearities": colours},
        "blocks": _blocks(graph, fold),
        "groups": [_group(graph, group, colours, theme) | placed.get(group.name, {}) for group in graph.groups],
        "projections": [_projection(one, graph, weights.get(one.name)) for one in graph.projections],
    }
    variables = {name: shown[name] for name in ("ink", "paper", "synapse")}
    variables |= {"text": "17px" if theme.scale > 1 else "14px", "scheme": scheme}
    filled = {
        "title": html.escape(f"{graph.name} · dendrograph"),
        "name": html.escape(graph.name),
        "variables": " ".join(f"--{name}: {value};" for name, value in variables.items()),
        "style": _part("page.css"),
        "data": _json(content),
        "script": "\n".join(_part(f"{name}.js") for name in SCRIPTS),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], _part("page.html"))


def _part(name: str) -> str:
    return files("dendrograph.draw.web_page").joinpath("page", name).read_text(encoding="utf-8")


def _check_edges(graph: Graph, weighted: bool) -> None:
    """Check that a browser can hold all edges."""
    listed = sum(one.edges for one in graph.projections if weighted or not one.all_to_all)
    if listed > MOST_EDGES:
        raise DendrographError(
            f"{graph.name}: {listed:,} edges are too many for a page, {MOST_EDGES:,} are the most\n"
            f"  make the network smaller with {argument('overrides')}, or export all edges as FILE.npz"
        )


def _facts(snapshot: Snapshot) -> list[str]:
    """The sizes of the network, in a few words each."""
    graph = snapshot.graph
    shapes = [f"{name} {' × '.join(map(str, shape))}" for name, shape in graph.inputs.items()]
    cables = graph.edges - graph.synapses
    counts = ((graph.compartments, "compartment"), (graph.synapses, "synapse"), (cables, "cable"))
    sizes = [f"{number:,} {word}{'' if number == 1 else 's'}" for number, word in counts]
    weights = [f"{snapshot.about} weights" if snapshot.about else "with its weights"] if snapshot.weights else []
    return [*shapes, *sizes, f"{graph.parameters:,} parameters", *weights]


def _json(content: Any) -> str:
    """JSON that is safe within a page: nothing in it closes the element around it."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _packed(numbers: NDArray) -> dict[str, str]:
    """An array as text: little-endian, in base64; whole numbers in the smallest possible type."""
    whole = ("uint8", "uint16", "uint32") if numbers.dtype.kind in "iu" else ()
    kind = next((kind for kind in whole if numbers.max(initial=0) <= np.iinfo(kind).max), "float32")
    plain = np.ascontiguousarray(numbers, dtype=np.dtype(kind).newbyteorder("<"))
    return {"type": kind, "data": base64.b64encode(plain.tobytes()).decode("ascii")}


def _blocks(graph: Graph, fold: bool) -> list[dict[str, Any]]:
    """Streams, layers and the readout, each with the numbers of its groups and its column."""
    column = columns_of(graph)
    layers = layers_of(graph)
    found: dict[str, dict[str, Any]] = {}
    for number, group in enumerate(graph.groups):
        role = group.role if group.role in ("input", "readout") else "layer"
        block = found.setdefault(group.layer, {"name": group.layer, "role": role, "column": column[group.layer]})
        block.setdefault("groups", []).append(number)
    for layer in layers:
        places = places_of(graph, layer)
        neurons = places[0].group.neurons
        radius = float(_radii(places).max(initial=0.0))
        found[layer] |= {
            "neurons": neurons,
            "side": round(2 * radius + AROUND, 4) if len(places) > 1 else SOMA_ALONE,
            "folded": fold and (neurons > OPEN_NEURONS or len(layers) > OPEN_LAYERS),
        }
    return list(found.values())


def _group(graph: Graph, group: Group, colours: Mapping[str, str], theme: Theme) -> dict[str, Any]:
    inner = group.role in ("soma", "dendrite")
    notes = [f"integration: {group.integration}"] if inner and group.integration != "sum" else []
    notes += [f"{group.normalisation} normalisation"] if group.normalisation != "none" else []
    notes += [f"dropout {group.dropout:g}"] if group.dropout else []
    found = {
        "name": group.name,
        "role": group.role,
        "size": group.size,
        "each": group.size // group.neurons if inner else 1,
        "label": group.name.rsplit("/", 1)[-1],
        "nonlinearity": group.nonlinearity.shown if inner else "",
        "kind": group.nonlinearity.name if inner else "",
        "bias": group.bias,
        "notes": notes,
        "colour": {"input": theme.paper, "readout": theme.readout}.get(group.role) or colours[group.nonlinearity.name],
    }
    if group.role == "input":
        grid = Grid.of(graph, group.name)
        shape = graph.inputs[group.name]
        found["grid"] = [grid.height, grid.width, grid.channels]
        if len(shape) == 1 and grid.width > LONGEST * grid.height:  # a prime number of units would be one row
            width = near_square_width(group.size)
            found["grid"] = [-(-group.size // width), width, 1]
        found["shape"] = " × ".join(map(str, shape)) if len(shape) > 1 else ""
    return found


def _placed(graph: Graph, places: Sequence[Place]) -> dict[str, dict[str, Any]]:
    """Positions of the compartments of one neuron around its soma, and of its places if the neuron is folded."""
    number = {group.name: position for position, group in enumerate(graph.groups)}
    parents = [place.parent for place in places]
    one_neuron = layout.unfold(parents, [1, *(place.count for place in places[1:])], [layout.ALL] * len(places))
    folded = layout.unfold(parents, [1] * len(places), [layout.ALL] * len(places))
    radii = _radii(places)
    found: dict[str, dict[str, Any]] = {}
    for position, place in enumerate(places):
        rows = one_neuron.at(position)
        # Clockwise from the right, so that the place declared first is below the soma.
        turn = 2 * np.pi * one_neuron.slot[rows] / one_neuron.slots
        around = radii[position] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        found[place.group.name] = {
            "around": _packed(around),
            "parent": None if place.parent is None else number[places[place.parent].group.name],
            "count": place.count,
            "depth": depths_of(places)[position],
            "slot": float(folded.slots - folded.slot[position]),  # and it is below the soma there, too
        }
    return found


def _radii(places: Sequence[Place]) -> Floats:
    """Distance of each place from the soma: the same for all places of one depth, with room for their compartments."""
    counts = [1, *(place.count for place in places[1:])]
    spans = layout.spans([place.parent for place in places], counts, [layout.ALL] * len(places))
    depth = np.array(depths_of(places))
    last = int(depth.max())
    # Around a circle, neighbouring compartments are as many units apart as each has slots.
    narrowest = [min(span for span, own in zip(spans, depth, strict=True) if own == level) for level in range(last + 1)]
    needed = np.array([0.0, *(spans[0] / (2 * np.pi * narrow) for narrow in narrowest[1:])])
    step = max(STEP, float(needed.max()) / max(1, last))
    radius = np.zeros(last + 1)
    for level in range(1, last + 1):
        radius[level] = max(needed[level], level * step, radius[level - 1] + 0.8 * STEP)
    return radius[depth]


def _projection(one: Projection, graph: Graph, weights: NDArray | None) -> dict[str, Any]:
    """One projection. Its edges are sorted by target, so only the number of edges onto each target is listed.

    `form` is `all` for all-to-all projections and `tree` for trees in order, whose edges need not be listed at all.
    """
    number = {group.name: position for position, group in enumerate(graph.groups)}
    notes = [one.sign] if one.sign != Sign.FREE else []
    notes += [f"each through {one.nonlinearity.shown}"] if one.nonlinearity else []
    notes += [f"their {one.reduce}"] if one.reduce != "sum" else []
    notes += ["fixed weights"] if not one.trainable else []
    found: dict[str, Any] = {
        "name": one.name,
        "kind": one.kind,
        "source": number[one.source],
        "target": number[one.target],
        "edges": one.edges,
        "sign": one.sign,
        "factor": one.factor,
        "notes": notes,
        "field": one.field.rule if one.field is not None else "",
    }
    if weights is not None:
        found["weights"] = _packed(np.asarray(weights, dtype=np.float32))
    if one.pairs is None:
        return found | {"form": "all"}
    sources, targets = one.pairs
    each = one.sources // max(1, one.targets)
    if len(sources) == one.sources == each * one.targets and (
        np.array_equal(sources, np.arange(one.sources)) and np.array_equal(targets, np.arange(one.sources) // each)
    ):
        return found | {"form": "tree"}
    fan_in = one.fan_in()
    same = len(fan_in) > 0 and int(fan_in.min()) == int(fan_in.max())
    found["form"] = "list"
    found["fan"] = int(fan_in[0]) if same else _packed(fan_in)
    return found | {"sources": _packed(sources)}
