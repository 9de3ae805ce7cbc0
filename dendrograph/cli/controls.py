"""The command `controls`."""

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
            help="Controls: parameter-matched, linear, shuffled, fan-in-matched, compute-matched.",
            show_default="all that exist",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Name of a data set, or path of a .npz file, that gives the shape and the classes.", show_default=False
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
        typer.Option("--out", "-o", help="New folder with one morphology file for each control.", show_default=False),
    ] = None,
) -> None:
    """Generate fair controls of a morphology.

    One control has as many parameters but no trees, another has linear dendrites, and so on. Each control is a
    morphology. The table lists the properties that each control keeps.
    """
    from dendrograph.base import files as atomic
    from dendrograph.cli.text import fair_controls
    from dendrograph.experiments.controls.controls import as_file, check_missing, graph_to_match, survey

    if out is not None and (out.exists() or out.is_symlink()):
        raise DendrographError(f"{out}: already exists\n  name a new folder")
    if data is not None and (inputs or classes is not None):
        raise DendrographError("--data already gives the shape and the classes\n  leave --inputs and --classes out")
    model = source(morphology, settings, plugins, inputs, classes=classes, seed=seed, data=data, data_dir=data_dir)
    graph = graph_to_match(model)
    found = survey(graph, only.split(",") if only is not None else None)
    if only is not None:
        check_missing(graph.name, found)
    files = {f"{each.morphology.name}.yaml": as_file(each, graph) for each in found if each.graph is not None}
    if out is not None:
        if not files:
            raise DendrographError(f"{graph.name} has no control: nothing to write\n  leave --out out")
        atomic.make_folder(out, files)
    print(fair_controls(graph, found))
    if out is not None:
        print()
        for name in files:
            print(f"control: {out / name}")
