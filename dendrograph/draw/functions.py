"""The public functions for diagrams: as a figure, on axes, as a page, or as a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrograph.base import files
from dendrograph.base.errors import DendrographError, argument, expect
from dendrograph.draw.canvas.figure import FORMS, as_bytes, form_of
from dendrograph.draw.diagrams.panels import compose, draw_on
from dendrograph.draw.diagrams.view import views_of
from dendrograph.draw.drawn import snapshot_of
from dendrograph.draw.style import FONT, Style, theme_of
from dendrograph.draw.web_page.interactive import page as page_of
from dendrograph.training.model_source import NONE, Model, ModelSource

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Models = ModelSource | Model | Sequence[ModelSource | Model]
ON_A_PAGE = ("style", "palette", "legend", "fold")  # the options of a style that a page uses


def figure(
    source: Models, view: str | Sequence[str] = "neuron", style: Style | None = None, sample: int | None = None
) -> Figure:
    """A matplotlib figure of one model or of several side by side.

        from dendrograph import draw

        draw.figure("dann-lrf", "neuron,network", draw.Style(width="double"))

    Args:
        source: a `ModelSource` or a model: a shipped name, a file, a run folder, a `Compartment` (the tree of one
            neuron), a `Morphology`, a `Graph`, a `DendriticNetwork` or a `Run`; or a list of them.
        view: `neuron`, `network`, `fields`, `matrix`, `weights`, `activity`; several make panels with letters.
        style: look and content of the figure: see `Style`.
        sample: number of the test sample for activity and below receptive fields; 0 by default.

    Raises:
        DendrographError: there is no such model, view or sample, or it cannot be drawn.
    """
    drawn, _ = _figure(source, view, style, sample)
    return drawn


def on(
    axes: Axes,
    source: ModelSource | Model,
    view: str = "neuron",
    style: Style | None = None,
    sample: int | None = None,
) -> None:
    """Draw one view on existing axes, in their size; see `figure` for the arguments.

    The axes must be plain and empty. The style has no `width`: the axes have one.
    """
    (name,) = views_of([view])
    draw_on(axes, snapshot_of(ModelSource.of(source), (name,), sample), name, _checked(style))


def page(source: ModelSource | Model, style: Style | None = None) -> str:
    """An interactive page of one model, as the text of an HTML file that works offline.

        Path("net.html").write_text(draw.page("dann-lrf"), encoding="utf-8")

    The page shows the weights of a run or a network, and the structure alone of everything else.

    Args:
        source: one model, as `figure` takes it.
        style: only `style`, `palette`, `legend` and `fold` (large layers are folded at first) have an effect.

    Raises:
        DendrographError: there is no such model, or it has too many edges for a page; or an option has no effect.
    """
    style = _checked(style)
    plain = Style()
    for option in dataclasses.fields(Style):
        if option.name not in ON_A_PAGE and getattr(style, option.name) != getattr(plain, option.name):
            raise DendrographError(_no_effect_on_a_page(option.name))
    source = ModelSource.of(source)
    snapshot = snapshot_of(source, ("network",) if source.weights == NONE else ("weights",))
    look = theme_of(style.style, style.palette, FONT, lambda text, size: 0.0)  # the browser measures its text
    return page_of(snapshot, look, fold=style.fold, legend=style.legend)


def _no_effect_on_a_page(option: str) -> str:
    remedy = "leave it out, or draw a figure: .pdf, .svg or .png"
    return f"'{option}' has no effect on an interactive page\n  {remedy}"


def save(drawn: Figure, path: str | PathLike[str]) -> None:
    """Write a figure as FILE.pdf, .svg or .png, atomically; the same figure gives the same bytes."""
    expect("path", path, str, PathLike)
    path = Path(path)
    files.write(path, as_bytes(drawn, form_of(path)))


def draw_to(
    path: Path,
    sources: Sequence[ModelSource | Model],
    view: str | Sequence[str] | None = None,
    style: Style | None = None,
    samples: Sequence[int] = (),
) -> tuple[list[Path], tuple[str, ...]]:
    """Draw a file for each sample.

    Args:
        path: FILE.pdf, .svg, .png or .html; of several samples the number is added to its stem.
        sources: models, side by side.
        view: as `figure` takes it.
        style: as `figure` takes it.
        samples: numbers of test samples.

    Returns:
        The files, and notes on the parts that the diagrams leave out.
    """
    form = form_of(path, (*FORMS, "html"))
    files.check_writable(path)
    if form == "html":
        files.write(path, _only_page(path, sources, view, style, samples))
        return [path], ()
    views = views_of("neuron" if view is None else view)
    if samples and not {"activity", "fields"} & set(views):
        raise DendrographError(
            f"'sample' has no effect on the view {', '.join(views)}\n  draw activity or fields, or leave it out"
        )
    if len(set(samples)) < len(samples):
        raise DendrographError("a sample is named twice\n  name each once: a file is made of each")
    contents: dict[Path, bytes] = {}
    notes: list[str] = []
    for sample in samples or (None,):
        drawn, left_out = _figure(sources, views, style, sample)
        own = path if len(samples) < 2 else path.with_name(f"{path.stem}-{sample}{path.suffix}")
        contents[own] = as_bytes(drawn, form)
        notes += left_out
    for own, content in contents.items():
        files.write(own, content)
    return list(contents), tuple(dict.fromkeys(notes))


def _only_page(
    path: Path,
    sources: Sequence[ModelSource | Model],
    view: str | Sequence[str] | None,
    style: Style | None,
    samples: Sequence[int],
) -> str:
    """The page of the only model, which is shown as a whole."""
    if len(sources) != 1:
        raise DendrographError(
            f"{path}: an interactive page shows one network, not {len(sources)}\n  make a page for each"
        )
    if view is not None and views_of(view) != ("network",):
        raise DendrographError(
            f"{path}: an interactive page shows the network\n"
            f"  leave {argument('view')} out, or draw the view as a figure: .pdf, .svg or .png"
        )
    if samples:
        raise DendrographError(_no_effect_on_a_page("sample"))
    return page(sources[0], style)


def _figure(
    source: Models, view: str | Sequence[str], style: Style | None, sample: int | None
) -> tuple[Figure, tuple[str, ...]]:
    style, views = _checked(style), views_of(view)
    several: list[Any] = list(source) if isinstance(source, list | tuple) else [source]
    if not several:
        raise DendrographError("nothing to draw\n  name a morphology or a run")
    return compose([snapshot_of(ModelSource.of(one), views, sample) for one in several], views, style)


def _checked(style: Style | None) -> Style:
    expect("style", style, Style, None)
    return style or Style()
