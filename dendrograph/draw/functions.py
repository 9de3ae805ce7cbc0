"""Diagrams from names: which network, which view of it, with which numbers; as a figure, on axes, or as a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrograph.base import files as atomic
from dendrograph.base.errors import DendrographError, argument, clip, expect
from dendrograph.base.suggestions import did_you_mean
from dendrograph.draw.canvas.figure import FORMS, as_bytes, form_of
from dendrograph.draw.diagrams.panels import compose, draw_on
from dendrograph.draw.diagrams.view import views_of
from dendrograph.draw.drawn import Drawn, Source, subject_of
from dendrograph.draw.style import FONT, Style, theme_of
from dendrograph.draw.web_page.interactive import page as page_of
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.run import Run, is_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figure(what: Drawn | Sequence[Drawn], view: str | Sequence[str] = "neuron", **options: Any) -> Figure:
    """A matplotlib figure of one network or of several side by side.

        from dendrograph import draw

        draw.figure("dann-lrf", "neuron,network", width="double")

    Args:
        what: a shipped name, a file, a run folder, a Compartment (one neuron's tree), a Morphology, a Graph, a
            DendriticNetwork or a Run; or a list of them.
        view: `neuron`, `network`, `fields`, `matrix`, `weights`, `activity`; several make panels with letters.
        options: style (`paper`, `talk`, `dark`), width (`single`, `double`, or cm), palette, font, label, legend, fold,
            layer, neuron (its number in the layer), columns (of panels); and, of what is drawn, those of `Source`: set,
            inputs, classes, seed, plugins, data, data_dir, sample.

    Raises:
        DendrographError: there is no such thing, view or option.
    """
    drawn, _ = _figure(what, view, options)
    return drawn


def on(axes: Axes, what: Drawn, view: str = "neuron", **options: Any) -> None:
    """Draw one view on axes of yours, as large as they are; see `figure` for the arguments.

    The axes are plain and empty, and `width` has no value: it is theirs.
    """
    how, source = _split(options)
    (name,) = views_of([view])
    draw_on(axes, subject_of(what, (name,), source), name, how)


def page(what: Drawn, **options: Any) -> str:
    """An interactive page of one network, as the text of an HTML file that works offline; see `figure` for `what`.

    A run's or a network's weights are on it; of all else the structure alone is.

        Path("net.html").write_text(draw.page("dann-lrf"), encoding="utf-8")

    Args:
        what: as `figure` takes it.
        options: style, palette, legend, fold (large layers are folded at first); and, of what is drawn, set, inputs,
            classes, seed, plugins, data, data_dir.

    Raises:
        DendrographError: there is no such thing or option, or the network has too many edges for a page.
    """
    how, source = _split(options)
    plain = Style(style=how.style, palette=how.palette, legend=how.legend, fold=how.fold)
    idle = next(
        (one.name for one in dataclasses.fields(Style) if getattr(how, one.name) != getattr(plain, one.name)), ""
    )
    idle = idle or ("sample" if source.sample is not None else "")
    if idle:
        raise DendrographError(
            f"'{idle}' has no effect on an interactive page\n  leave it out, or draw a figure: .pdf, .svg or .png"
        )
    trained = isinstance(what, DendriticNetwork | Run) or (isinstance(what, str | Path) and is_run(what))
    subject = subject_of(what, ("weights",) if trained else ("network",), source)
    style = theme_of(how.style, how.palette, FONT, lambda text, size: 0.0)  # the browser measures its text
    return page_of(subject, style, fold=how.fold, legend=how.legend)


def save(drawn: Figure, path: str | Path) -> None:
    """Write a figure as FILE.pdf, .svg or .png, whole or not at all; the same figure gives the same bytes."""
    expect("path", path, str, PathLike)
    path = Path(path)
    form = form_of(path)
    atomic.write(path, as_bytes(drawn, form))


def draw_to(
    path: Path,
    what: Sequence[Drawn],
    view: str | Sequence[str] | None = None,
    samples: Sequence[int] = (),
    **options: Any,
) -> tuple[list[Path], tuple[str, ...]]:
    """Draw files, one for each sample; say which, and what the diagrams leave out."""
    form = form_of(path, (*FORMS, "html"))
    atomic.check_writable(path)
    if form == "html":
        atomic.write(path, _only_page(path, what, view, samples, options))
        return [path], ()
    paths: list[Path] = []
    contents: list[bytes] = []
    notes: list[str] = []
    views = views_of("neuron" if view is None else view)
    if samples and not {"activity", "fields"} & set(views):
        raise DendrographError(f"'sample' says nothing to the view {', '.join(views)}\n  draw activity or fields")
    if len(set(samples)) < len(samples):
        raise DendrographError("a sample is named twice\n  name each once: a file is made of each")
    for sample in samples or (None,):
        drawn, left_out = _figure(what, views, {**options, "sample": sample})
        paths.append(path if len(samples) < 2 else path.with_name(f"{path.stem}-{sample}{path.suffix}"))
        contents.append(as_bytes(drawn, form))
        notes += left_out
    for own, content in zip(paths, contents, strict=True):
        atomic.write(own, content)
    return paths, tuple(dict.fromkeys(notes))


def _only_page(
    path: Path,
    what: Sequence[Drawn],
    view: str | Sequence[str] | None,
    samples: Sequence[int],
    options: Mapping[str, Any],
) -> str:
    """The page of what is drawn, which has to be one network, seen as a whole."""
    if len(what) != 1:
        raise DendrographError(
            f"{path}: an interactive page shows one network, not {len(what)}\n  make a page for each"
        )
    if view is not None and views_of(view) != ("network",):
        raise DendrographError(
            f"{path}: an interactive page shows the network\n"
            f"  leave {argument('view')} out, or draw the view as a figure: .pdf, .svg or .png"
        )
    return page(what[0], **options, **({"sample": samples[0]} if samples else {}))


def _figure(
    what: Drawn | Sequence[Drawn], view: str | Sequence[str], options: Mapping[str, Any]
) -> tuple[Figure, tuple[str, ...]]:
    how, source = _split(options)
    views = views_of(view)
    several: list[Any] = list(what) if isinstance(what, list | tuple) else [what]
    if not several:
        raise DendrographError("nothing to draw\n  name a morphology or a run")
    return compose([subject_of(one, views, source) for one in several], views, how)


def _split(options: Mapping[str, Any]) -> tuple[Style, Source]:
    fields = [{entry.name for entry in dataclasses.fields(kind)} for kind in (Style, Source)]
    for name in options:
        if name not in fields[0] | fields[1]:
            raise DendrographError(
                f"no option '{clip(name)}'\n  {did_you_mean(name, sorted(fields[0] | fields[1]), 'options')}"
            )
    of = [{name: value for name, value in options.items() if name in own} for own in fields]
    return Style(**of[0]), Source(**of[1])
