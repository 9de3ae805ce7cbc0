"""The command `reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dendrograph.cli.options import DataDir, Workers, command
from dendrograph.experiments.reproduce import SCALES


@command("reproduce", "dendrograph reproduce fig2 --scale smoke")
def reproduce_command(
    experiments: Annotated[
        list[str],
        typer.Argument(metavar="EXPERIMENT...", help="fig2 to fig7, controls, continual or all.", show_default=False),
    ],
    scale: Annotated[
        str, typer.Option(help=f"{'; '.join(f'{name}: {about}' for name, about in SCALES.items())}.")
    ] = "small",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the result.", show_default="reproduced/SCALE")
    ] = None,
    workers: Workers = None,
    page: Annotated[
        Path | None,
        typer.Option(
            help="Markdown file to fill in. Records and figures are written beside it.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the experiments of the paper, with fair controls.

    After an interruption, the same command continues. Tables and figures are written to OUT/results.
    """
    from dendrograph.experiments.reproduce.reproduce import check_failures, check_page, publish, reproduce
    from dendrograph.experiments.sweep.workers import termination_as_ctrl_c

    if page is not None:
        check_page(page, scale)  # fails now rather than hours later
    with termination_as_ctrl_c():
        found = reproduce(experiments, scale, out, data_dir, workers)
    for name, table in found.texts.items():
        print(f"\n{name}: {found.headings[name]}\n\n{table}")
    if page is not None:
        for name in publish(found, page, scale):
            print(f"note: {page} has no block for {name}")
        print(f"page: {page}")
    print(f"\ntables and figures: {found.folder / 'results'}")
    check_failures(found)
