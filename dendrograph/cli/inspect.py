"""The commands `show`, `check` and `stimulate`."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from dendrograph.base.errors import DendrographError
from dendrograph.cli.options import (
    Classes,
    Inputs,
    Kernel,
    LayerOfNeuron,
    MorphologyOrRun,
    NeuronNumber,
    Plugins,
    Seed,
    SeedOfWeights,
    Settings,
    command,
    source,
)


@command("show", "dendrograph show dann-lrf --set dendrites=64")
def show_command(
    morphology: MorphologyOrRun,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print the kernel of each projection and why the others were not chosen.")
    ] = False,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: Seed = None,
    kernel: Kernel = None,
) -> None:
    """Print the structure and the size of a network.

    The output lists groups, projections, parameters and memory. Nothing is trained.
    """
    from dendrograph.cli.text import describe

    if kernel and not plan:
        raise DendrographError("--kernel has no effect without --plan\n  add --plan, or leave --kernel out")
    model = source(morphology, settings, plugins, inputs, classes=classes, seed=seed, kernel=kernel)
    text = describe(model.graph())
    if plan:
        text += f"\n\nplan\n{model.plan()}"
    print(text)


@command("check", "dendrograph check mine.yaml --inputs 28x28")
def check_command(
    morphology: MorphologyOrRun,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: Seed = None,
) -> None:
    """Check a morphology: validate, compile, verify the wiring."""
    from dendrograph.cli.text import idle_units
    from dendrograph.graph.check_wiring import check_wiring

    graph = source(morphology, settings, plugins, inputs, classes=classes, seed=seed).graph()
    for line in check_wiring(graph):
        print(line)
    for line in idle_units(graph):
        print(f"warning: {line}")
    print(
        f"{graph.effective_parameters:,} of {graph.parameters:,} parameters are effective: the output depends on them"
    )
    print(f"{morphology}: no errors; the wiring matches the morphology")


@command("stimulate", "dendrograph stimulate xor-dcaap --out answers.svg")
def stimulate_command(
    morphology: MorphologyOrRun,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="SITE[+SITE]",
            help="Stimulated compartments: basal[0], basal[0]+basal[1], basal[0]+basal[0]. Repeatable.",
            show_default="the first of each kind of terminal dendrite",
        ),
    ] = None,
    record: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE", help="Recorded compartment. Repeatable.", show_default="soma"),
    ] = None,
    amplitudes: Annotated[
        str | None,
        typer.Option(metavar="FROM:TO:NUMBER", help="Input on each stimulated compartment.", show_default="0:4:41"),
    ] = None,
    layer: LayerOfNeuron = None,
    kind: Annotated[
        str | None, typer.Option(help="Kind of neuron; its first layer is used.", show_default=False)
    ] = None,
    neuron: NeuronNumber = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of a morphology's cables: unit, or initial as in a training.", show_default="unit"),
    ] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    inputs: Inputs = None,
    seed: SeedOfWeights = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Figure to write: FILE.pdf, .svg or .png.", show_default=False)
    ] = None,
    table: Annotated[Path | None, typer.Option(help="Table to write: FILE.csv.", show_default=False)] = None,
) -> None:
    """Put input on compartments of a neuron and record responses.

    Compartments are stimulated alone, and in pairs compared with the arithmetic sum. Existing files are replaced.
    """
    from dendrograph.analysis.stimulate import AMPLITUDES, NeuronIndex, stimulate
    from dendrograph.base import files as atomic
    from dendrograph.cli.text import listed, stimulation
    from dendrograph.draw.canvas.figure import as_bytes, form_of
    from dendrograph.draw.plots.stimulation import stimulation_figure

    form = form_of(out) if out else ""
    if table and table.suffix.lower() != ".csv":
        raise DendrographError(f"{table}: a table must be a file FILE.csv\n  --out writes a figure")
    model = source(morphology, settings, plugins, inputs, seed=seed)
    currents = AMPLITUDES if amplitudes is None else _amplitudes(amplitudes)
    stimulated = NeuronIndex(layer=layer, kind=kind, index=neuron or 0)
    result = stimulate(model, at, record, currents, stimulated, weights)
    figure = as_bytes(stimulation_figure(result.table), form) if out else b""
    print(stimulation(result))
    if result.left_out:
        print(f"note: not stimulated: {listed(result.left_out)}; select them with --at", file=sys.stderr)
    if table:
        atomic.write(table, result.to_csv())
        print(f"table: {table}")
    if out:
        atomic.write(out, figure)
        print(f"figure: {out}")


def _amplitudes(text: str) -> list[float]:
    """Read `0:4:41`: 41 amplitudes from 0 to 4, evenly spaced, both ends included."""
    from dendrograph.analysis.stimulate import check_number

    parts = text.split(":")
    try:
        low, high = (float(part) for part in parts[:2])
        whole = len(parts) == 3 and re.fullmatch("[0-9]{1,18}", parts[2].strip()) and math.isfinite(high - low)
    except ValueError:
        whole = None
    if not whole or not low < high or int(parts[2]) < 2:
        raise DendrographError(
            f"--amplitudes {text}: not FROM:TO:NUMBER with FROM below TO and NUMBER at least 2\n"
            "  write 0:4:41 for 0, 0.1, 0.2 and so on to 4"
        )
    check_number(int(parts[2]))
    steps = int(parts[2]) - 1
    return [low + (high - low) * (step / steps) for step in range(steps + 1)]
