"""How diagrams look: sizes, colours and fonts, by the names that `--style`, `--width` and `--palette` take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dendrograph.base.errors import DendrographError, clip
from dendrograph.base.suggestions import did_you_mean

MM = 72 / 25.4  # points to a millimetre
SINGLE, DOUBLE, SLIDE = 89.0, 183.0, 254.0  # mm: one and two columns of a journal, the width of a slide
WIDTHS = {"single": SINGLE, "double": DOUBLE}
NARROWEST, WIDEST = 4.0, 200.0  # cm

FONT = "DejaVu Sans"  # comes with matplotlib: the same letters on every machine

# Colours that the colour-blind tell apart. The first four also differ in lightness, for print in grey; the palette
# `grey` is for print in grey alone, and has the sign of a weight in its lightness too.
PALETTES: Mapping[str, tuple[str, ...]] = {
    # Okabe & Ito, "Color Universal Design" (2008), with purple for yellow, which is too light for a thin branch.
    "okabe-ito": ("#0072B2", "#E69F00", "#009E73", "#7F3C8D", "#56B4E9", "#D55E00", "#CC79A7", "#666666"),
    # Tol, "Colour schemes", SRON/EPS/TN/09-002 (2021): bright and muted.
    "bright": ("#4477AA", "#EE6677", "#228833", "#AA3377", "#66CCEE", "#CCBB44", "#332288", "#777777"),
    "muted": ("#332288", "#CC6677", "#117733", "#882255", "#88CCEE", "#DDCC77", "#44AA99", "#777777"),
    "grey": ("#1A1A1A", "#7A7A7A", "#4A4A4A", "#A6A6A6", "#303030", "#909090", "#606060", "#B8B8B8"),
}

# The slot of a palette that each nonlinearity prefers, so that a colour means the same in figures side by side.
SLOTS = {
    "leaky_relu": 0,
    "nmda": 1,
    "sublinear": 2,
    "dcaap": 3,
    "leaky_ada": 4,
    "sigmoid": 5,
    "tanh": 6,
    "identity": 7,
    "relu": 4,
    "elu": 6,
    "gelu": 5,
    "softplus": 2,
}

Measure = Callable[[str, float], float]


@dataclass(frozen=True)
class Style:
    """Colours, and sizes in points and mm.

    signed, heat: maps of colours, for numbers of either sign and for counts
    text: size of text in points; small: of what is less important
    scale: of lines, dots and spaces; 1 for print
    measure: width in mm of a text of so many points
    """

    name: str
    ink: str
    faint: str  # what is in the background, such as outlines
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

    def line(self, text: float | None = None) -> float:
        """Height in mm of a line of text."""
        return 1.35 * (text or self.text) / MM

    def fitting(self, choices: Sequence[str], size: float, room: float) -> str:
        """The first text that fits into so many mm; else the last one, cut short with an ellipsis."""
        room *= 0.95  # on a screen letters stand on whole pixels, and take a little more
        for text in choices:
            if self.measure(text, size) <= room:
                return text
        text = choices[-1]
        while len(text) > 1 and self.measure(f"{text}…", size) > room:
            text = text[:-1]
        return f"{text}…"

    def colours_of(self, names: Iterable[str]) -> dict[str, str]:
        """A colour for each nonlinearity: the one that it prefers, or the next that is free."""
        found: dict[str, str] = {}
        size = len(self.palette)
        for position, name in enumerate(dict.fromkeys(names)):
            start = SLOTS.get(name, position)
            order = [self.palette[(start + step) % size] for step in range(size)]
            found[name] = next((colour for colour in order if colour not in found.values()), order[0])
        return found

    def sources_of(self, names: Sequence[str], taken: Iterable[str]) -> dict[str, str]:
        """A colour for each source of synapses: ink for the first, and for others what nonlinearities leave free."""
        free = [colour for colour in self.palette if colour not in set(taken)] or list(self.palette)
        order = [self.ink, *reversed(free)]
        return {name: order[position % len(order)] for position, name in enumerate(names)}


def _style(name: str, palette_name: str, font: str, measure: Measure) -> Style:
    dark, talk, grey = name == "dark", name == "talk", palette_name == "grey"
    palette = PALETTES[palette_name]
    edges = ("#8A8A8A", "#5F5F5F") if grey else ("#4C7DA6", "#2F8F6B")
    if dark:
        edges = ("#9A9A9A", "#C4C4C4") if grey else ("#7FB8DE", "#6CC9A8")
    return Style(
        name,
        ink="#F2F2F2" if dark else "#1A1A1A",
        faint="#5A5A5A" if dark else "#C8C8C8",
        paper="#15171A" if dark else "#FFFFFF",
        palette=tuple(map(_lighter, palette)) if dark else palette,
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


STYLES = ("paper", "talk", "dark")


def style_of(name: str, palette: str, font: str, measure: Measure) -> Style:
    """The style of that name, with the colours of a palette.

    Raises:
        DendrographError: there is none.
    """
    if name not in STYLES:
        raise DendrographError(f"unknown style '{clip(name)}'\n  {did_you_mean(name, STYLES, 'styles')}")
    if palette not in PALETTES:
        raise DendrographError(f"unknown palette '{clip(palette)}'\n  {did_you_mean(palette, PALETTES, 'palettes')}")
    return _style(name, palette, font, measure)


def width_of(text: str | float | None, style: str) -> float:
    """Width in mm: `single`, `double`, or a number of cm; by default a column, or a slide for a talk.

    Raises:
        DendrographError: it is none, or no figure has it.
    """
    if text is None:
        return SLIDE if style == "talk" else SINGLE
    if isinstance(text, str) and text in WIDTHS:
        return WIDTHS[text]
    number = re.fullmatch(r"\s*([0-9]{1,6}(?:\.[0-9]*)?)\s*(?:cm)?\s*", str(text))
    if number is None:
        near = did_you_mean(str(text), WIDTHS, "widths")
        raise DendrographError(f"width '{clip(str(text))}' is none\n  {near}, or a number of cm such as 12")
    if not NARROWEST <= float(number[1]) <= WIDEST:
        raise DendrographError(f"a width of {number[1]} cm\n  a figure is {NARROWEST:g} to {WIDEST:g} cm wide")
    return 10 * float(number[1])


def _lighter(colour: str) -> str:
    """The colour on a dark ground."""
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(part + 0.38 * (255 - part)):02X}" for part in parts)


def faded(colour: str, share: float) -> str:
    """The colour, seen through: `share` of it, from 0 to 1."""
    return f"{colour[:7]}{round(255 * share):02X}"
