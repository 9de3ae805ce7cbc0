"""Many trainings from one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dendrograph.cli.options import DataDir, Plugins, command


@command("sweep", "dendrograph sweep slopes.yaml --dry-run")
def sweep_command(
    file: Annotated[Path, typer.Argument(metavar="SWEEP.yaml", help="The file of the sweep.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Its folder.", show_default="sweeps/NAME")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes on this machine.", show_default="one a core")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="A running dask cluster: tcp://HOST:8786, or its scheduler file.", show_default=False),
    ] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only validate, and say what it will cost.")] = False,
    data_dir: DataDir = None,
    plugins: Plugins = None,
) -> None:
    """Train all that a file asks for: morphologies, knobs, data sets, seeds, settings.

    Everything is validated before anything runs. The same command goes on with a sweep that was stopped.
    """
    from dendrograph.experiments.sweep.interrupts import termination_as_ctrl_c
    from dendrograph.experiments.sweep.sweeping import sweep_by_name

    with termination_as_ctrl_c():
        swept = sweep_by_name(file, out, data_dir, workers, scheduler, plugins or (), dry=dry)
    if dry:
        return
    for cell, error in swept.failures:
        print(f"failed: {cell}: {error}", file=sys.stderr)
    print(f"{len(swept.finished):,} runs have ended: {swept.folder / 'runs'}")
    if swept.finished:
        print(f"next: dendrograph compare {swept.folder}")
    if swept.failures:
        print(f"{len(swept.failures):,} runs failed: {swept.folder / 'failures.json'}", file=sys.stderr)
        raise typer.Exit(1)
