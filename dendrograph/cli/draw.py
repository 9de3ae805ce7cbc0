"""The command `draw`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dendrograph.cli.options import (
    Classes,
    DataDir,
    Inputs,
    LayerOfNeuron,
    NeuronNumber,
    Plugins,
    SeedOfWeights,
    Settings,
    command,
    given,
    source,
)


@command(
    "draw",
    "dendrograph draw dann-lrf --out dann-lrf.svg",
    "dendrograph draw runs/first --view weights,activity --out first.pdf",
)
def draw_command(
    morphologies: Annotated[
        list[str],
        typer.Argument(
            metavar="MORPHOLOGY|RUN...",
            help="YAML files, shipped names or run folders. Several are drawn side by side.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="FILE.pdf, .svg or .png for a figure, FILE.html for an interactive page.",
            show_default=False,
        ),
    ],
    view: Annotated[
        str | None,
        typer.Option(
            metavar="VIEW[,VIEW]",
            help="View: neuron, network, fields, matrix, weights, activity. Several become panels with letters.",
            show_default="neuron",
        ),
    ] = None,
    style: Annotated[str | None, typer.Option(help="Style: paper, talk or dark.", show_default="paper")] = None,
    width: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTH", help="Width: single, double or a number of cm.", show_default="single; talk: a slide"
        ),
    ] = None,
    palette: Annotated[
        str | None, typer.Option(help="Palette: okabe-ito, bright, muted or grey.", show_default="okabe-ito")
    ] = None,
    font: Annotated[str | None, typer.Option(help="Any font of this machine.", show_default="DejaVu Sans")] = None,
    columns: Annotated[
        int | None, typer.Option(help="Number of panels in a row.", show_default="as many as fit")
    ] = None,
    label: Annotated[bool, typer.Option("--label/--no-label", help="Show names and numbers.")] = True,
    legend: Annotated[bool, typer.Option("--legend/--no-legend", help="Show the legend.")] = True,
    fold: Annotated[
        bool, typer.Option("--fold/--no-fold", help="Draw few units in place of many similar ones.")
    ] = True,
    layer: LayerOfNeuron = None,
    neuron: NeuronNumber = None,
    sample: Annotated[
        list[int] | None,
        typer.Option(
            help="Number of a test sample, for the views activity and fields. Several make one file each.",
            show_default="0",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Data set of the sample. A run has its own.", show_default="digits, if its shape fits"),
    ] = None,
    data_dir: DataDir = None,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: SeedOfWeights = None,
) -> None:
    """Draw neurons, networks, receptive fields, weights, activity.

    The network need not be trained. An existing file is replaced.
    """
    from dendrograph.draw.functions import draw_to
    from dendrograph.draw.style import Style

    chosen = given(style=style, width=width, palette=palette, font=font, columns=columns, layer=layer, neuron=neuron)
    look = Style(label=label, legend=legend, fold=fold, **chosen)
    sources = [
        source(morphology, settings, plugins, inputs, classes=classes, seed=seed, data=data, data_dir=data_dir)
        for morphology in morphologies
    ]
    paths, notes = draw_to(out, sources, view, look, sample or ())
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    for path in paths:
        print(f"figure: {path}")
