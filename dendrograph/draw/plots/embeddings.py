"""Plots of embeddings: every sample is a point, coloured by its class; a row is a group, a column a method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from dendrograph.draw.palettes import OKABE_ITO
from dendrograph.draw.plots.panels import (
    BELOW,
    MARKERS,
    POINTS,
    Table,
    check_columns,
    check_number,
    panels,
    shortened,
)

NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
MOST_GROUPS = 8
MOST_CLASSES = len(OKABE_ITO) * len(MARKERS)


def embeddings_figure(points: Table, scores: Table = ()) -> Figure:
    """Embedded samples, with the number of each class at the median of its points.

    Coordinates have no unit, and in t-SNE and UMAP distances between far points mean little: axes have no ticks.

    Args:
        points: rows with group, space, label, x, y.
        scores: rows with group, space, measure, mean, as the analysis gives them: the neighbourhood hit and the
            silhouette are written above each panel.

    Raises:
        DendrographError: there is nothing to draw, or there are too many groups or classes.
    """
    check_columns(points, ("group", "space", "label", "x", "y"), "points")
    groups = list(dict.fromkeys(row["group"] for row in points))
    spaces = list(dict.fromkeys(row["space"] for row in points))
    classes = sorted({row["label"] for row in points})
    check_number(len(groups), MOST_GROUPS, "groups")
    check_number(len(classes), MOST_CLASSES, "classes")
    looks: dict[Any, dict[str, Any]] = {
        label: {"color": OKABE_ITO[number % len(OKABE_ITO)], "marker": MARKERS[number // len(OKABE_ITO)]}
        for number, label in enumerate(classes)
    }
    means = {(row["group"], row["space"], row["measure"]): row["mean"] for row in scores}
    columns = min(len(classes), 16)
    legend = 0.16 * (1 + math.ceil(len(classes) / columns))
    height = 3.2 if len(spaces) == 1 else 6.9 / len(spaces)
    with panels(len(groups) * len(spaces), len(spaces), height, legend) as (figure, found):
        for number, axes in enumerate(found):
            group, space = groups[number // len(spaces)], spaces[number % len(spaces)]
            _points(axes, [row for row in points if (row["group"], row["space"]) == (group, space)], looks)
            quality = [
                f"{word} {means[group, space, measure]:.2f}"
                for word, measure in (("hit", "neighbourhood_hit"), ("silhouette", "silhouette"))
                if (group, space, measure) in means
            ]
            title = f"{shortened(group)}, {NAMES.get(space, space)}"
            axes.set_title("\n".join([title, *[", ".join(quality)] * bool(quality)]), fontsize=POINTS)
        keys = [
            Line2D([], [], linestyle="", markersize=3.5, markeredgewidth=0, label=str(label), **looks[label])
            for label in classes
        ]
        figure.legend(handles=keys, ncols=columns, handletextpad=0.1, columnspacing=1.0, **BELOW)
    return figure


def _points(axes: Axes, rows: Table, looks: Mapping[Any, Mapping[str, Any]]) -> None:
    point: dict[str, Any] = {"linestyle": "", "markersize": 2.2, "markeredgewidth": 0, "alpha": 0.75, "zorder": 2}
    number: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": POINTS + 1, "fontweight": "bold", "zorder": 3}
    halo = [withStroke(linewidth=1.8, foreground="white")]
    for label, look in looks.items():
        own = [row for row in rows if row["label"] == label]
        if own:
            x, y = [row["x"] for row in own], [row["y"] for row in own]
            axes.plot(x, y, label=str(label), **point, **look)
            axes.text(median(x), median(y), str(label), path_effects=halo, **number)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("0.7")
