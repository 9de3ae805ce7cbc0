"""The paper's experiments, again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dendrograph.cli.options import DataDir, command
from dendrograph.experiments.reproduce import SCALES


@command("reproduce", "dendrograph reproduce fig2 --scale smoke")
def reproduce_command(
    experiments: Annotated[
        list[str],
        typer.Argument(metavar="EXPERIMENT...", help="fig2 to fig7, controls, continual, or all.", show_default=False),
    ],
    scale: Annotated[
        str, typer.Option(help=f"{'; '.join(f'{name}: {about}' for name, about in SCALES.items())}.")
    ] = "small",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder.", show_default="reproduced/SCALE")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes on this machine.", show_default="one a core"),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            help="A Markdown file to fill in; records and figures come to lie beside it.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the paper's experiments with fair controls, and tabulate them.

    The same command goes on after an interruption. Tables and figures come to lie in OUT/results.
    """
    from dendrograph.experiments.reproduce.page import read
    from dendrograph.experiments.reproduce.reproducing import publish, refuse_failures, reproduce
    from dendrograph.experiments.sweep.interrupts import termination_as_ctrl_c

    if page is not None:
        read(page)  # hours before it is filled in
    with termination_as_ctrl_c():
        found = reproduce(experiments, scale, out, data_dir, workers)
    for name, table in found.tables.items():
        print(f"\n{name}: {found.headings[name]}\n\n{table}")
    if page is not None:
        for name in publish(found, page, scale):
            print(f"note: {page} has no block for {name}")
        print(f"page: {page}")
    print(f"\ntables and figures: {found.folder / 'results'}")
    refuse_failures(found)
