"""One network as an interactive page: one HTML file, which works offline.

What there is to see is worked out here: groups, their places, counts, columns, and the edges as arrays. The page's own
code, in the folder `page/`, draws it on a canvas and answers the mouse.
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

# The page's own code, which shares one scope: what a file runs as it is read stands in it or in one before it.
SCRIPTS = (
    *("elements", "data", "names"),  # what there is
    *("layout", "view"),  # where it lies, and what of it is on the screen
    *("canvas", "ribbons", "scene", "marks"),  # how it is painted
    *("card", "selection", "headings", "legend"),  # what is said of it
    *("pointer", "keys", "search"),  # what whoever looks at it does
    "start",
)

MOST_EDGES = 3_000_000  # that a page holds one by one: some 25 MB with their weights
OPEN_NEURONS, OPEN_LAYERS = 200, 4  # above which layers are folded at first
LONGEST = 8  # times as wide as high, at most, the units of a vector are laid out

# In units of the page, which are the distance from one compartment to the next.
STEP = 2.0  # from the soma to the first dendrites, and on to the next, at least
SOMA_ALONE, AROUND = 1.8, 2.2  # side of a neuron without dendrites; room around one that has some


def page(subject: Snapshot, style: Theme, *, fold: bool = True, legend: bool = True) -> str:
    """The text of one HTML file that fetches nothing; the same network gives the same text.

    Args:
        subject: the network, and its weights where they are to be shown.
        style: its colours; its size of text counts in comparison with print.
        fold: large layers, and those of deep networks, are folded at first; else none is.
        legend: what the colours mean stands on it.

    Raises:
        DendrographError: there are too many edges for a page.
    """
    graph = subject.graph
    _hold(subject)
    colours = nonlinearity_colours(
        style.palette, [group.nonlinearity.name for group in graph.groups if group.role in ("soma", "dendrite")]
    )
    blocks = _blocks(graph, fold)
    content = {
        "name": graph.name,
        "weighted": bool(subject.weights),
        "facts": _facts(subject),
        "legend": legend,
        "colours": {
            "ink": style.ink,
            "faint": style.faint,
            "paper": style.paper,
            "synapse": style.synapse,
            "cable": style.cable,
            "readout": style.readout,
            **_signs(style),
            "nonlinearities": colours,
        },
        "blocks": blocks,
        "groups": _groups(graph, colours, style),
        "projections": [_projection(one, graph, subject.weights.get(one.name)) for one in graph.projections],
    }
    filled = {
        "title": html.escape(f"{graph.name} · dendrograph"),
        "name": html.escape(graph.name),
        "variables": _variables(style),
        "style": _part("page.css"),
        "data": _json(content),
        "script": "\n".join(_part(f"{name}.js") for name in SCRIPTS),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], _part("page.html"))


def _part(name: str) -> str:
    return files("dendrograph.draw.web_page").joinpath("page", name).read_text(encoding="utf-8")


def _hold(subject: Snapshot) -> None:
    """Refuse what no browser would hold."""
    graph = subject.graph
    held = sum(one.edges for one in graph.projections if subject.weights or not one.all_to_all)
    if held > MOST_EDGES:
        raise DendrographError(
            f"{graph.name}: {held:,} edges are too many for a page, {MOST_EDGES:,} are the most\n"
            f"  turn its knobs down by {argument('overrides')}, or export them all as FILE.npz"
        )


def _facts(subject: Snapshot) -> list[str]:
    """What the network is, in a few words each."""
    graph = subject.graph
    shapes = [f"{name} {' × '.join(map(str, shape))}" for name, shape in graph.inputs.items()]
    cables = graph.edges - graph.synapses
    counts = ((graph.compartments, "compartment"), (graph.synapses, "synapse"), (cables, "cable"))
    told = [f"{number:,} {word}{'' if number == 1 else 's'}" for number, word in counts]
    weights = [f"{subject.about} weights" if subject.about else "with its weights"] if subject.weights else []
    return [*shapes, *told, f"{graph.parameters:,} parameters", *weights]


def _variables(style: Theme) -> str:
    """The colours and sizes that the style sheet names."""
    named = {name: getattr(style, name) for name in ("ink", "paper", "synapse")}
    named["text"] = "17px" if style.scale > 1 else "14px"
    named["scheme"] = "dark" if style.name == "dark" else "light"
    return " ".join(f"--{name}: {value};" for name, value in named.items())


def _signs(style: Theme) -> dict[str, str]:
    """Colours of weights above and below zero: near the ends of the map that other diagrams draw them in."""
    dark = style.name == "dark"
    positive, negative = ("#F4A582", "#92C5DE") if dark else ("#B2182B", "#2166AC")
    if style.signed != "signed":  # in grey
        positive, negative = (style.ink, "#8A8A8A")
    return {"positive": positive, "negative": negative}


def _json(content: Any) -> str:
    """JSON that may stand within a page: nothing in it ends the element it stands in."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _packed(numbers: NDArray) -> dict[str, str]:
    """An array as text: little-endian, in base64; whole numbers in the smallest type that holds them."""
    if numbers.dtype.kind in "iu":
        most = int(numbers.max(initial=0))
        kind = next(kind for kind in ("uint8", "uint16", "uint32") if most <= np.iinfo(kind).max)
    else:
        kind = "float32"
    plain = np.ascontiguousarray(numbers, dtype=np.dtype(kind).newbyteorder("<"))
    return {"type": kind, "data": base64.b64encode(plain.tobytes()).decode("ascii")}


def _blocks(graph: Graph, fold: bool) -> list[dict[str, Any]]:
    """Streams, layers and the readout, each with the numbers of its groups and the column that it stands in."""
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


def _groups(graph: Graph, colours: Mapping[str, str], style: Theme) -> list[dict[str, Any]]:
    placed = {
        name: place for layer in layers_of(graph) for name, place in _placed(graph, places_of(graph, layer)).items()
    }
    return [_group(graph, group, colours, style) | placed.get(group.name, {}) for group in graph.groups]


def _group(graph: Graph, group: Group, colours: Mapping[str, str], style: Theme) -> dict[str, Any]:
    inner = group.role in ("soma", "dendrite")
    told = [f"integration: {group.integration}"] if inner and group.integration != "sum" else []
    told += [f"{group.normalisation} normalisation"] if group.normalisation != "none" else []
    told += [f"dropout {group.dropout:g}"] if group.dropout else []
    found = {
        "name": group.name,
        "role": group.role,
        "size": group.size,
        "each": group.size // group.neurons if inner else 1,
        "label": group.name.rsplit("/", 1)[-1],
        "nonlinearity": group.nonlinearity.shown if inner else "",
        "kind": group.nonlinearity.name if inner else "",
        "bias": group.bias,
        "notes": told,
        "colour": colours[group.nonlinearity.name]
        if inner
        else style.readout
        if group.role == "readout"
        else style.paper,
    }
    if group.role == "input":
        grid = Grid.of(graph, group.name)
        shape = graph.inputs[group.name]
        found["grid"] = [grid.height, grid.width, grid.channels]
        if len(shape) == 1 and grid.width > LONGEST * grid.height:  # a prime number is one row: wrapped, it can be seen
            width = near_square_width(group.size)
            found["grid"] = [-(-group.size // width), width, 1]
        found["shape"] = " × ".join(map(str, shape)) if len(shape) > 1 else ""
    return found


def _placed(graph: Graph, places: Sequence[Place]) -> dict[str, dict[str, Any]]:
    """Where the compartments of one neuron lie around its soma, and where its places lie when it is folded."""
    number = {group.name: position for position, group in enumerate(graph.groups)}
    parents = [place.parent for place in places]
    one_neuron = layout.unfold(parents, [1, *(place.count for place in places[1:])], [layout.ALL] * len(places))
    folded = layout.unfold(parents, [1] * len(places), [layout.ALL] * len(places))
    radii = _radii(places)
    found: dict[str, dict[str, Any]] = {}
    for position, place in enumerate(places):
        rows = one_neuron.at(position)
        # Clockwise from the right, so that what is declared first lies below the soma.
        turn = 2 * np.pi * one_neuron.slot[rows] / one_neuron.slots
        around = radii[position] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        found[place.group.name] = {
            "around": _packed(around),
            "parent": None if place.parent is None else number[places[place.parent].group.name],
            "count": place.count,
            "depth": depths_of(places)[position],
            "slot": float(folded.slots - folded.slot[position]),  # and so does it there
        }
    return found


def _radii(places: Sequence[Place]) -> Floats:
    """Distance of each place from the soma: the same for all of one depth, and far enough for its compartments."""
    counts = [1, *(place.count for place in places[1:])]
    spans = layout.spans([place.parent for place in places], counts, [layout.ALL] * len(places))
    depth = np.array(depths_of(places))
    last = int(depth.max())
    # Around a circle compartments are one unit apart, or as many as the slots that each takes.
    narrowest = [min(span for span, own in zip(spans, depth, strict=True) if own == level) for level in range(last + 1)]
    needed = np.array([0.0, *(spans[0] / (2 * np.pi * narrow) for narrow in narrowest[1:])])
    step = max(STEP, float(needed.max()) / max(1, last))
    radius = np.zeros(last + 1)
    for level in range(1, last + 1):
        radius[level] = max(needed[level], level * step, radius[level - 1] + 0.8 * STEP)
    return radius[depth]


def _projection(one: Projection, graph: Graph, weights: NDArray | None) -> dict[str, Any]:
    """One projection; its edges go by target, so that of these only how many there are is kept.

    `form` says what need not be listed: `all` for all-to-all, `tree` for siblings that follow one another.
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
