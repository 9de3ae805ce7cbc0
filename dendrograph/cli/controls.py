"""Fair controls of a morphology."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dendrograph.base.errors import DendrographError
from dendrograph.cli.options import (
    Classes,
    DataDir,
    Inputs,
    MorphologyOrRun,
    Plugins,
    Seed,
    Settings,
    command,
    source,
)


@command("controls", "dendrograph controls dann-lrf --inputs 28x28 --out controls")
def controls_command(
    morphology: MorphologyOrRun,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="CONTROL[,CONTROL]",
            help="parameter-matched, linear, shuffled, fan-in-matched, compute-matched.",
            show_default="all that there are",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="A data set, or the path of a .npz file, whose shape and classes are meant.", show_default=False
        ),
    ] = None,
    data_dir: DataDir = None,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: Seed = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A folder to make, with a morphology file a control.", show_default=False),
    ] = None,
) -> None:
    """Make fair controls of a morphology, each a morphology itself.

    A network with as many parameters, one with linear dendrites, and so on; the table says what each keeps.
    """
    from dendrograph.base import files as atomic
    from dendrograph.cli.text import fair_controls
    from dendrograph.experiments.controls import as_file, refuse_missing, survey

    if out is not None and (out.exists() or out.is_symlink()):
        raise DendrographError(f"{out}: there is something already\n  name a folder that is to be made")
    if data is not None and (inputs or classes is not None):
        raise DendrographError("--data says the shape and the classes\n  leave --inputs and --classes out")
    graph = source(
        morphology, settings, plugins, inputs, classes=classes, seed=seed, data=data, data_dir=data_dir
    ).graph()
    found = survey(graph, only.split(",") if only is not None else None)
    if only is not None:
        refuse_missing(graph.name, found)
    files = {f"{each.morphology.name}.yaml": as_file(each, graph) for each in found if each.graph is not None}
    if out is not None:
        if not files:
            raise DendrographError(f"{graph.name} has no control: there is nothing to write\n  leave --out out")
        atomic.make_folder(out, files)
    print(fair_controls(graph, found))
    if out is not None:
        print()
        for name in files:
            print(f"control: {out / name}")
