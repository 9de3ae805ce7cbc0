"""Figures as files: the same bytes for the same figure, text as text, and no user's settings in between."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dendrograph.base.errors import DendrographError, printable
from dendrograph.base.suggestions import did_you_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMS = ("pdf", "png", "svg")
DPI = 300


def form_of(path: Path, forms: Sequence[str] = FORMS) -> str:
    """The form of a figure's file, by its suffix.

    Raises:
        DendrographError: there is none of that suffix.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in forms:
        found = f"no figure has the suffix '{path.suffix}'" if path.suffix else "a figure's file needs a suffix"
        raise DendrographError(f"{path}: {found}\n  {did_you_mean(form, forms, 'forms')}")
    return form


def as_bytes(figure: Figure, form: str) -> bytes:
    """The figure as a file of one of the `FORMS`, the same bytes for the same figure: no timestamp goes in."""
    stream = io.BytesIO()
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    with own_style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script that the font lacks: boxes, no fault
        import_matplotlib()
        from matplotlib.text import Text

        for text in figure.findobj(Text):
            text.set_text(plain(text.get_text()) if text.get_parse_math() else printable(text.get_text()))
        figure.savefig(stream, format=form, dpi=DPI, metadata=undated.get(form))
    return stream.getvalue()


def import_matplotlib() -> None:
    """Import matplotlib, also where MPLBACKEND names a backend that is not installed.

    A notebook sets it for all processes that it starts, and matplotlib then refuses to be imported. Figures here are
    made as files, which needs no backend; one that is installed stays as the caller has chosen it.
    """
    if "matplotlib" in sys.modules:
        return
    named = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    if named:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = named


def plain(name: str) -> str:
    r"""A name as matplotlib shows it letter by letter: printable, and `$` begins no formula."""
    return re.sub(r"(?<!\\)\$", r"\\$", printable(name))


@contextmanager
def own_style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's matplotlibrc says; text in a PDF or an SVG stays text."""
    import_matplotlib()
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["pdf.fonttype"] = 42
        matplotlib.rcParams["svg.fonttype"] = "none"
        matplotlib.rcParams["svg.hashsalt"] = "dendrograph"  # names of parts are else drawn at random
        yield
