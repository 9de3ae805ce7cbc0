"""Matplotlib figures: made with one style, whatever the user's settings are, and saved to the same bytes each time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from dendrograph.base.errors import DendrographError, printable
from dendrograph.base.suggestions import did_you_mean

FORMS = ("pdf", "png", "svg")
DPI = 300


@contextmanager
def own_style(settings: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Matplotlib's defaults instead of the user's matplotlibrc; text in a PDF or SVG file stays text.

    Args:
        settings: further `rcParams`.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # The salt makes the names of parts in an SVG file the same each time.
        own: Any = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "dendrograph", **(settings or {})}
        matplotlib.rcParams.update(own)
        yield


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure of a size in inches, which no window shows."""
    figure = Figure(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def form_of(path: Path, forms: Sequence[str] = FORMS) -> str:
    """The format of a figure file, from the suffix of its name.

    Raises:
        DendrographError: the suffix is missing or names no format.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in forms:
        found = f"no figure has the suffix '{path.suffix}'" if path.suffix else "the name of a figure needs a suffix"
        raise DendrographError(f"{path}: {found}\n  {did_you_mean(form, forms, 'forms')}")
    return form


def as_bytes(figure: Figure, form: str) -> bytes:
    """The content of a figure file in one of `FORMS`. It has no timestamp: the same figure gives the same bytes."""
    stream = io.BytesIO()
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    with own_style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # letters that the font lacks are drawn as boxes
        for text in figure.findobj(Text):
            text.set_text(plain(text.get_text()) if text.get_parse_math() else printable(text.get_text()))
        figure.savefig(stream, format=form, dpi=DPI, metadata=undated.get(form))
    return stream.getvalue()


def plain(name: str) -> str:
    r"""A name that matplotlib shows letter by letter: printable, and `$` does not begin a formula."""
    return re.sub(r"(?<!\\)\$", r"\\$", printable(name))
