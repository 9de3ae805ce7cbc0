"""The command `sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dendrograph.cli.options import DataDir, Plugins, Workers, command


@command("sweep", "dendrograph sweep slopes.yaml --dry-run")
def sweep_command(
    file: Annotated[Path, typer.Argument(metavar="SWEEP.yaml", help="The sweep file.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the sweep.", show_default="sweeps/NAME")
    ] = None,
    workers: Workers = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="A running dask cluster: tcp://HOST:8786 or its scheduler file.", show_default=False),
    ] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only validate the file and estimate the cost.")] = False,
    data_dir: DataDir = None,
    plugins: Plugins = None,
) -> None:
    """Train many networks as described in one file.

    The file names morphologies, parameters, data sets, seeds and settings. Everything is validated before the first
    run starts. The same command continues a stopped sweep.
    """
    from dendrograph.experiments.sweep.run_sweep import SweepOptions, run_sweep_file
    from dendrograph.experiments.sweep.workers import termination_as_ctrl_c

    with termination_as_ctrl_c():
        options = SweepOptions(processes=workers, scheduler=scheduler, dry=dry)
        swept = run_sweep_file(file, out, data_dir, plugins or (), options)
    if dry:
        return
    for run, error in swept.failures:
        print(f"failed: {run}: {error}", file=sys.stderr)
    print(f"{len(swept.finished):,} runs are finished: {swept.folder / 'runs'}")
    if swept.finished:
        print(f"next: dendrograph compare {swept.folder}")
    if swept.failures:
        print(f"{len(swept.failures):,} runs failed: {swept.folder / 'failures.json'}", file=sys.stderr)
        raise typer.Exit(1)
