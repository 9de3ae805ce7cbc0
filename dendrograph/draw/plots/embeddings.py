"""The figure of embeddings: every sample a point, coloured by its class; a row a group, a column a method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from dendrograph.draw.canvas.figure import import_matplotlib
from dendrograph.draw.plots.panels import COLOURS, MARKERS, POINTS, Table, hold, hold_few, panels, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
MOST_GROUPS = 8
MOST_CLASSES = len(COLOURS) * len(MARKERS)


def embeddings_figure(points: Table, scores: Table = ()) -> Figure:
    """Where each class lies, with its number at the median of its points.

    Coordinates have no unit, and in t-SNE and UMAP distances between far points mean little: axes have no ticks.

    Args:
        points: rows with group, space, label, x, y.
        scores: rows with group, space, measure, mean, as the analysis gives them: the neighbourhood hit and the
            silhouette stand above each panel.

    Raises:
        DendrographError: there is nothing to draw, or more than can be told apart.
    """
    import_matplotlib()
    from matplotlib.lines import Line2D

    hold(points, ("group", "space", "label", "x", "y"), "points")
    groups = list(dict.fromkeys(row["group"] for row in points))
    spaces = list(dict.fromkeys(row["space"] for row in points))
    classes = sorted({row["label"] for row in points})
    hold_few(len(groups), MOST_GROUPS, "groups")
    hold_few(len(classes), MOST_CLASSES, "classes")
    looks: dict[Any, dict[str, Any]] = {
        label: {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number // len(COLOURS)]}
        for number, label in enumerate(classes)
    }
    means = {(row["group"], row["space"], row["measure"]): row["mean"] for row in scores}
    clouds: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in points:
        clouds.setdefault((row["group"], row["space"]), []).append(row)
    columns = min(len(classes), 16)
    legend = 0.16 * (1 + math.ceil(len(classes) / columns))
    height = 3.2 if len(spaces) == 1 else 6.9 / len(spaces)
    with panels(len(groups) * len(spaces), len(spaces), height, legend) as (figure, found):
        for number, axes in enumerate(found):
            group, space = groups[number // len(spaces)], spaces[number % len(spaces)]
            _cloud(axes, clouds.get((group, space), []), looks)
            said = [
                f"{word} {means[group, space, measure]:.2f}"
                for word, measure in (("hit", "neighbourhood_hit"), ("silhouette", "silhouette"))
                if (group, space, measure) in means
            ]
            title = f"{shortened(group)}, {NAMES.get(space, space)}"
            axes.set_title(title + (f"\n{', '.join(said)}" if said else ""), fontsize=POINTS)
        keys = [
            Line2D([], [], linestyle="", markersize=3.5, markeredgewidth=0, label=str(label), **looks[label])
            for label in classes
        ]
        figure.legend(
            handles=keys, loc="outside lower center", ncols=columns, frameon=False, handletextpad=0.1, columnspacing=1.0
        )
    return figure


def _cloud(axes: Axes, rows: Sequence[Mapping[str, Any]], looks: Mapping[Any, Mapping[str, Any]]) -> None:
    import_matplotlib()
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=1.8, foreground="white")]
    for label, look in looks.items():
        own = [row for row in rows if row["label"] == label]
        if own:
            x, y = [row["x"] for row in own], [row["y"] for row in own]
            axes.plot(
                x, y, linestyle="", markersize=2.2, markeredgewidth=0, alpha=0.75, label=str(label), zorder=2, **look
            )
            place: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 3, "path_effects": halo}
            axes.text(median(x), median(y), str(label), fontsize=POINTS + 1, fontweight="bold", **place)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("0.7")
