"""The renderer: a scene becomes artists on matplotlib axes. Text is measured and fonts are found here, too."""

from __future__ import annotations

import functools
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.draw.canvas.scene import Colours, Discs, Mark, Picture, Scene, Shapes, Strokes, Words
from dendrograph.draw.style import MM, Theme

RASTER = 5000  # a collection with so many parts becomes pixels within a vector file
FULL, FEW = 20_000, 50  # in a diagram with FULL parts, every collection with FEW parts does
SIGNS = "_×→−…µ[]/"  # that diagrams need, besides letters and digits
MAPS = {"grey": "Greys", "heat": "cividis", "signed": "RdBu_r", "signed-grey": "Greys"}  # and `ink`: paper to ink


def render(scene: Scene, axes: Axes, theme: Theme) -> None:
    """Draw a scene on axes, as large as possible, with letters and lines in proportion.

    Each mark becomes one artist whose gid is the mark's name.
    """
    axes.set_axis_off()
    axes.set(xlim=(0.0, scene.width), ylim=(0.0, scene.height), aspect="equal")
    room = size_of(axes)
    scale = min(room[0] / scene.width, room[1] / scene.height)
    raster = RASTER if sum(map(_parts, scene.marks)) < FULL else FEW
    for mark in scene.marks:
        artist = _artist(mark, axes, theme, scale)
        artist.set_gid(mark.name or None)
        artist.set_rasterized(isinstance(mark, Strokes | Discs | Shapes) and _parts(mark) >= raster)


def size_of(axes: Axes) -> tuple[float, float]:
    """Width and height of axes in mm, whether they are in a figure, a subfigure or other axes."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    box = axes.get_position(original=True).transformed(axes.figure.transSubfigure)
    return 25.4 * box.width / figure.dpi, 25.4 * box.height / figure.dpi


def check_empty(axes: Axes) -> None:
    """Check that a diagram can be drawn on axes.

    Raises:
        DendrographError: the axes have another projection or scale, or are not empty.
    """
    if axes.name != "rectilinear" or (axes.get_xscale(), axes.get_yscale()) != ("linear", "linear"):
        raise DendrographError(
            "a diagram needs rectilinear axes with two linear scales\n  make them with figure.add_subplot()"
        )
    if axes.has_data() or axes.texts:
        raise DendrographError("these axes are not empty\n  give empty axes, or clear these: axes.clear()")


def _parts(mark: Mark) -> int:
    if isinstance(mark, Strokes):
        return len(mark.paths)
    if isinstance(mark, Discs):
        return len(mark.centres)
    return len(mark.corners) if isinstance(mark, Shapes) else 1


def _artist(mark: Mark, axes: Axes, theme: Theme, scale: float) -> Any:
    if isinstance(mark, Words):
        return axes.text(
            mark.x,
            mark.y,
            mark.text,
            fontsize=mark.size * scale,
            color=mark.colour,
            ha=mark.across,
            va="center_baseline" if mark.up == "center" else mark.up,
            fontweight="bold" if mark.bold else "normal",
            rotation=90 if mark.upright else 0,
            rotation_mode="anchor" if mark.upright else "default",
            family=theme.font,
            zorder=6,
            parse_math=False,
        )
    if isinstance(mark, Picture):
        return axes.imshow(
            mark.cells,
            extent=(mark.box.left, mark.box.right, mark.box.bottom, mark.box.top),
            cmap=_colour_map(mark.map, theme),
            vmin=mark.low,
            vmax=mark.high,
            interpolation="nearest",
            origin="upper",
            aspect="equal",
            zorder=mark.level,
        )
    if isinstance(mark, Strokes):
        lines = LineCollection(
            list(mark.paths),
            linewidths=np.atleast_1d(mark.width) * MM * scale,
            colors=_colours(mark.colour),
            capstyle="round" if len(mark.paths) < RASTER else "butt",
            linestyles=[(0, (2.2, 1.6))] if mark.dashed else "solid",
            zorder=mark.level,
        )
        return axes.add_collection(lines, autolim=False)
    body = {
        "facecolors": _colours(mark.fill),
        "edgecolors": _colours(mark.rim),
        "linewidths": mark.rim_width * MM * scale,
        "zorder": mark.level,
    }
    if isinstance(mark, Shapes):
        return axes.add_collection(PolyCollection(list(mark.corners), joinstyle="round", **body), autolim=False)
    across = 2 * np.broadcast_to(np.asarray(mark.radius, dtype=float), (len(mark.centres),))
    place: dict[str, Any] = {"units": "xy", "offsets": mark.centres, "transOffset": axes.transData}
    discs = EllipseCollection(across, across, np.zeros(len(across)), **place, **body)
    return axes.add_collection(discs, autolim=False)


def _colours(colours: Colours) -> Any:
    return colours if isinstance(colours, str | np.ndarray) else list(colours)


@functools.lru_cache(maxsize=4096)
def text_width(font: str, text: str, size: float) -> float:
    """Width in mm of a text of so many points."""
    properties = FontProperties(family=font, size=size)
    width, _, _ = TextToPath().get_text_width_height_descent(text, properties, ismath=False)
    return float(width) / MM


def font_of(name: str) -> str:
    """The name of a font, if it is installed and has the letters that diagrams need.

    Raises:
        DendrographError: the font is not installed, or lacks letters.
    """
    if not isinstance(name, str):
        raise DendrographError(f"font must be the name of one, found {name!r}")
    known = sorted({entry.name for entry in font_manager.fontManager.ttflist})
    if name not in known:
        raise DendrographError(f"there is no font '{name}' on this machine\n  {did_you_mean(name, known, 'fonts')}")
    letters = font_manager.get_font(font_manager.findfont(name)).get_charmap()
    if missing := [letter for letter in SIGNS if ord(letter) not in letters]:
        raise DendrographError(f"the font '{name}' lacks {' '.join(missing)}\n  choose another font")
    return name


def colours_in(values: np.ndarray, map: str, low: float, high: float) -> np.ndarray:
    """The colours of numbers in one of `MAPS`. Shape (values, 4)."""
    span = high - low or 1.0
    return np.asarray(matplotlib.colormaps[MAPS[map]](np.clip((values - low) / span, 0, 1)))


def _colour_map(name: str, theme: Theme) -> Any:
    if name == "ink":
        return LinearSegmentedColormap.from_list("ink", [theme.paper, theme.ink])
    return matplotlib.colormaps[MAPS[name]]
