"""The colours of figures: palettes by name, which colour each nonlinearity has, and the fixed colours of plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

# Colours that people with colour-blindness can tell apart. The first four also differ in lightness, for print in grey.
# The palette `grey` is for print in grey alone; with it, lightness also shows the sign of a weight.
PALETTES: Mapping[str, tuple[str, ...]] = {
    # Okabe & Ito, "Color Universal Design" (2008), with purple for yellow, which is too light for a thin branch.
    "okabe-ito": ("#0072B2", "#E69F00", "#009E73", "#7F3C8D", "#56B4E9", "#D55E00", "#CC79A7", "#666666"),
    # Tol, "Colour schemes", SRON/EPS/TN/09-002 (2021): bright and muted.
    "bright": ("#4477AA", "#EE6677", "#228833", "#AA3377", "#66CCEE", "#CCBB44", "#332288", "#777777"),
    "muted": ("#332288", "#CC6677", "#117733", "#882255", "#88CCEE", "#DDCC77", "#44AA99", "#777777"),
    "grey": ("#1A1A1A", "#7A7A7A", "#4A4A4A", "#A6A6A6", "#303030", "#909090", "#606060", "#B8B8B8"),
}

# The colours of plots. Lines and markers differ as well, so that plots can be read in grey.
OKABE_ITO = PALETTES["okabe-ito"]
TRAIN, VALIDATION, TEST, GAP = OKABE_ITO[0], OKABE_ITO[5], OKABE_ITO[2], OKABE_ITO[3]
# Twelve colours for the morphologies of a comparison: Okabe & Ito's without the purple, which people with
# colour-blindness confuse with the blue, and six others that are far from them.
TWELVE = (*OKABE_ITO[:3], *OKABE_ITO[4:7], "#1A1A1A", "#993300", "#003399", "#B3B36B", "#9966FF", "#006644")
REST = "#B0B0B0"  # of morphologies that cannot be told apart any more

# The position in a palette that each nonlinearity prefers, so that a colour means the same in different figures.
PREFERRED = {
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


def nonlinearity_colours(palette: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """A colour for each nonlinearity: its preferred one, or the next free one of the palette."""
    found: dict[str, str] = {}
    for position, name in enumerate(dict.fromkeys(names)):
        start = PREFERRED.get(name, position)
        order = (*palette[start:], *palette[:start])
        found[name] = next((colour for colour in order if colour not in found.values()), order[0])
    return found


def source_colours(palette: Sequence[str], ink: str, names: Sequence[str], taken: Iterable[str]) -> dict[str, str]:
    """A colour for each source of synapses: ink for the first, then colours that no nonlinearity has."""
    free = [colour for colour in palette if colour not in set(taken)] or list(palette)
    order = [ink, *reversed(free)]
    return {name: order[position % len(order)] for position, name in enumerate(names)}


def lighter(colour: str) -> str:
    """The colour for a dark background."""
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(part + 0.38 * (255 - part)):02X}" for part in parts)


def faded(colour: str, opacity: float) -> str:
    """The colour with an opacity from 0 to 1."""
    return f"{colour[:7]}{round(255 * opacity):02X}"
