"""The only file of the diagrams that touches matplotlib: a scene becomes artists on an Axes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.draw.canvas.figure import import_matplotlib
from dendrograph.draw.canvas.scene import Colours, Discs, Mark, Picture, Scene, Shapes, Strokes, Words
from dendrograph.draw.style import MM, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RASTER = 5000  # parts of one collection from which on it is a picture inside a vector file
FULL, FEW = 20_000, 50  # parts of a whole diagram from which on all collections of more than a few are
# And `ink`: from paper to ink.
SIGNS = "_×→−…µ[]/"  # that diagrams are written with, besides letters and digits
MAPS = {"grey": "Greys", "heat": "cividis", "signed": "RdBu_r", "signed-grey": "Greys"}


def render(scene: Scene, axes: Axes, style: Theme) -> None:
    """Draw a scene on axes, as large as fits, letters and lines in proportion.

    Each mark becomes one artist whose gid is the mark's name.
    """
    axes.set_axis_off()
    axes.set_xlim(0.0, scene.width)
    axes.set_ylim(0.0, scene.height)
    axes.set_aspect("equal")
    room = size_of(axes)
    scale = min(room[0] / scene.width, room[1] / scene.height)
    raster = RASTER if sum(map(_parts, scene.marks)) < FULL else FEW
    for mark in scene.marks:
        artist = _artist(mark, axes, style, scale)
        artist.set_gid(mark.name or None)
        artist.set_rasterized(isinstance(mark, Strokes | Discs | Shapes) and _parts(mark) >= raster)


def size_of(axes: Axes) -> tuple[float, float]:
    """Width and height of axes in mm, wherever they stand: in a figure, in a part of one, in other axes."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    bounds = axes.get_position(original=True)
    box = bounds.transformed(axes.figure.transSubfigure)
    return 25.4 * box.width / figure.dpi, 25.4 * box.height / figure.dpi


def hold_empty(axes: Axes) -> None:
    """Refuse axes on which a diagram would be no diagram.

    Raises:
        DendrographError: they are not plain, or hold something.
    """
    if axes.name != "rectilinear" or (axes.get_xscale(), axes.get_yscale()) != ("linear", "linear"):
        raise DendrographError(
            "a diagram needs plain axes, with two linear scales\n  make them by figure.add_subplot()"
        )
    if axes.has_data() or axes.texts:
        raise DendrographError("these axes hold something already\n  give empty ones, or clear them: axes.clear()")


def _parts(mark: Mark) -> int:
    if isinstance(mark, Strokes):
        return len(mark.paths)
    if isinstance(mark, Discs):
        return len(mark.centres)
    return len(mark.corners) if isinstance(mark, Shapes) else 1


def _artist(mark: Mark, axes: Axes, style: Theme, scale: float) -> Any:
    import_matplotlib()
    from matplotlib import collections

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
            family=style.font,
            zorder=6,
            parse_math=False,
        )
    if isinstance(mark, Picture):
        left, bottom, right, top = mark.box
        return axes.imshow(
            mark.cells,
            extent=(left, right, bottom, top),
            cmap=colour_map(mark.map, style),
            vmin=mark.low,
            vmax=mark.high,
            interpolation="nearest",
            origin="upper",
            aspect="equal",
            zorder=mark.level,
        )
    if isinstance(mark, Strokes):
        lines = collections.LineCollection(
            list(mark.paths),
            linewidths=np.atleast_1d(mark.width) * MM * scale,
            colors=_colours(mark.colour),
            capstyle="round" if len(mark.paths) < RASTER else "butt",
            linestyles=[(0, (2.2, 1.6))] if mark.dashed else "solid",
            zorder=mark.level,
        )
        return axes.add_collection(lines, autolim=False)
    rim = {
        "facecolors": _colours(mark.fill),
        "edgecolors": _colours(mark.rim),
        "linewidths": mark.rim_width * MM * scale,
        "zorder": mark.level,
    }
    if isinstance(mark, Discs):
        across = 2 * np.broadcast_to(np.asarray(mark.radius, dtype=float), (len(mark.centres),))
        discs = collections.EllipseCollection(
            across, across, np.zeros(len(across)), units="xy", offsets=mark.centres, transOffset=axes.transData, **rim
        )
        return axes.add_collection(discs, autolim=False)
    assert isinstance(mark, Shapes)
    shapes = collections.PolyCollection(list(mark.corners), joinstyle="round", **rim)
    return axes.add_collection(shapes, autolim=False)


def _colours(colours: Colours) -> Any:
    return colours if isinstance(colours, str | np.ndarray) else list(colours)


@functools.lru_cache(maxsize=4096)
def text_width(text: str, size: float, font: str) -> float:
    """Width in mm of a text of so many points."""
    import_matplotlib()
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    width, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(family=font, size=size), ismath=False)
    return float(width) / MM


def font_of(name: str) -> str:
    """The name of a font that is here.

    Raises:
        DendrographError: it is not.
    """
    import_matplotlib()
    from matplotlib import font_manager

    if not isinstance(name, str):
        raise DendrographError(f"font must be the name of one, found {name!r}")
    known = sorted({entry.name for entry in font_manager.fontManager.ttflist})
    if name not in known:
        raise DendrographError(f"there is no font '{name}' on this machine\n  {did_you_mean(name, known, 'fonts')}")
    letters = font_manager.get_font(font_manager.findfont(name)).get_charmap()
    if missing := [letter for letter in SIGNS if ord(letter) not in letters]:
        raise DendrographError(f"the font '{name}' lacks {' '.join(missing)}\n  take another one")
    return name


def colours_in(values: np.ndarray, map: str, low: float, high: float) -> np.ndarray:
    """The colours of numbers in one of the maps. Shape (values, 4)."""
    import_matplotlib()
    import matplotlib

    span = high - low or 1.0
    return np.asarray(matplotlib.colormaps[MAPS[map]](np.clip((values - low) / span, 0, 1)))


def colour_map(name: str, style: Theme) -> Any:
    """A map of numbers to colours."""
    import_matplotlib()
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    if name == "ink":
        return LinearSegmentedColormap.from_list("ink", [style.paper, style.ink])
    return matplotlib.colormaps[MAPS[name]]
