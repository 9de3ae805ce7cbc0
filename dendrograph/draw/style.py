"""The style of a diagram: the options that the caller gives, and the theme of colours and sizes that they select."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.draw.palettes import PALETTES, lighter

MM = 72 / 25.4  # points in a millimetre
INCH = 25.4  # millimetres in an inch
SINGLE, DOUBLE, SLIDE = 89.0, 183.0, 254.0  # mm: one and two columns of a journal, the width of a slide
WIDTHS = {"single": SINGLE, "double": DOUBLE}
NARROWEST, WIDEST = 4.0, 200.0  # cm
STYLES = ("paper", "talk", "dark")
FEWEST_SIGNED = 10  # pairs; the sign-flip test of fewer pairs cannot pass Holm's correction and is not shown
FONT = "DejaVu Sans"  # comes with matplotlib: the same letters on every machine

Measure = Callable[[str, float], float]


@dataclass(frozen=True)
class Style:
    """How to draw.

    Example:
        Style(width="double", palette="muted", layer="hidden", neuron=3)

    Args:
        style: `paper`, `talk` or `dark`.
        width: of the figure: `single` (89 mm), `double` (183 mm), or a number of cm.
        palette: a name in `dendrograph.draw.palettes.PALETTES`.
        font: the name of an installed font.
        label: draw names and counts.
        legend: draw legends and colour bars.
        fold: draw few of many like parts; else all.
        layer: of the neuron that is drawn; the first layer by default.
        neuron: its number in the layer; 0 by default.
        columns: panels in a row.

    Raises:
        DendrographError: a value has the wrong type.
    """

    style: str = "paper"
    width: str | float | None = None
    palette: str = "okabe-ito"
    font: str = FONT
    label: bool = True
    legend: bool = True
    fold: bool = True
    layer: str | None = None
    neuron: int | None = None
    columns: int | None = None

    def __post_init__(self) -> None:
        kinds: dict[str, tuple[type, ...]] = {
            **dict.fromkeys(("style", "palette", "font"), (str,)),
            **dict.fromkeys(("label", "legend", "fold"), (bool,)),
            "layer": (str, type(None)),
            **dict.fromkeys(("neuron", "columns"), (int, type(None))),
        }
        for name, allowed in kinds.items():
            value = getattr(self, name)
            if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
                words = {str: "text", bool: "True or False", int: "a whole number"}
                raise DendrographError(f"{name} must be {words[allowed[0]]}, found {clip(repr(value))}")


@dataclass(frozen=True)
class Theme:
    """Colours, and sizes in points and mm.

    ink, faint, paper: colours of text and outlines, of the background of a diagram, and of the paper
    signed, heat: colour maps for numbers of either sign and for counts
    text, small: sizes of text in points
    scale: factor of lines, dots and gaps; 1 for print
    measure: width in mm of a text, by the text and its size in points
    """

    name: str
    ink: str
    faint: str
    paper: str
    palette: tuple[str, ...]
    synapse: str
    cable: str
    readout: str
    signed: str
    heat: str
    text: float
    small: float
    scale: float
    font: str
    measure: Measure

    def line(self, size: float | None = None) -> float:
        """Height in mm of a line of text of so many points."""
        return 1.35 * (size or self.text) / MM

    def fitting(self, choices: Sequence[str], size: float, room: float) -> str:
        """The first text that fits into `room` mm; else the last one, shortened with an ellipsis."""
        room *= 0.95  # on a screen letters are aligned to pixels and become slightly wider
        for text in choices:
            if self.measure(text, size) <= room:
                return text
        text = choices[-1]
        while len(text) > 1 and self.measure(f"{text}…", size) > room:
            text = text[:-1]
        return f"{text}…"


def theme_of(style: str, palette: str, font: str, measure: Measure) -> Theme:
    """The theme of a style and a palette.

    Raises:
        DendrographError: there is no such style or palette.
    """
    if style not in STYLES:
        raise DendrographError(f"unknown style '{clip(style)}'\n  {did_you_mean(style, STYLES, 'styles')}")
    if palette not in PALETTES:
        raise DendrographError(f"unknown palette '{clip(palette)}'\n  {did_you_mean(palette, PALETTES, 'palettes')}")
    dark, talk, grey = style == "dark", style == "talk", palette == "grey"
    edges = ("#8A8A8A", "#5F5F5F") if grey else ("#4C7DA6", "#2F8F6B")
    if dark:
        edges = ("#9A9A9A", "#C4C4C4") if grey else ("#7FB8DE", "#6CC9A8")
    return Theme(
        name=style,
        ink="#F2F2F2" if dark else "#1A1A1A",
        faint="#5A5A5A" if dark else "#C8C8C8",
        paper="#15171A" if dark else "#FFFFFF",
        palette=tuple(map(lighter, PALETTES[palette])) if dark else PALETTES[palette],
        synapse=edges[0],
        cable="#F2F2F2" if dark else "#333333",
        readout=edges[1],
        signed="signed-grey" if grey else "signed",
        heat="grey" if grey else "heat",
        text=15.0 if talk else 6.5,
        small=13.0 if talk else 5.5,
        scale=2.2 if talk else 1.0,
        font=font,
        measure=measure,
    )


def width_of(text: str | float | None, style: str) -> float:
    """Width in mm: `single`, `double`, or a number of cm; by default one column, or a slide for a talk.

    Raises:
        DendrographError: there is no such width, or it is too small or too large.
    """
    if text is None:
        return SLIDE if style == "talk" else SINGLE
    if isinstance(text, str) and text in WIDTHS:
        return WIDTHS[text]
    number = re.fullmatch(r"\s*([0-9]{1,6}(?:\.[0-9]*)?)\s*(?:cm)?\s*", str(text))
    if number is None:
        near = did_you_mean(str(text), WIDTHS, "widths")
        raise DendrographError(f"unknown width '{clip(str(text))}'\n  {near}, or a number of cm such as 12")
    if not NARROWEST <= float(number[1]) <= WIDEST:
        raise DendrographError(f"a width of {number[1]} cm\n  a figure is {NARROWEST:g} to {WIDEST:g} cm wide")
    return 10 * float(number[1])
