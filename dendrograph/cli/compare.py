"""The command `compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.cli.options import command


@command("compare", "dendrograph compare sweeps/slopes --out compared")
def compare_command(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="RUNS|SWEEP...", help="Run folders, or folders that contain them.", show_default=False),
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL|MORPHOLOGY", help="Condition with which the others are compared.", show_default="the first"
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SETTING[,SETTING]",
            help="Settings or parameters to choose on the validation split, e.g. lr,batch_size.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Measure for the choice and the differences: accuracy or loss.", show_default="accuracy"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="New folder for tables and figures.", show_default=False)
    ] = None,
    figures: Annotated[
        str | None, typer.Option(help="Format of the figures: pdf, png or svg. Needs --out.", show_default="pdf")
    ] = None,
) -> None:
    """Compare finished runs over their seeds.

    Prints means with intervals, paired differences and efficiency scores. Runs that differ only in the seed are one
    condition. Settings are chosen on the validation split.
    """
    from dendrograph.base import files as atomic
    from dendrograph.comparison import print_comparison as reporting
    from dendrograph.comparison.compare import compare
    from dendrograph.draw.canvas.figure import FORMS

    if figures is not None and out is None:
        raise DendrographError("--figures has no effect without --out\n  add --out FOLDER, or leave --figures out")
    if figures is not None and figures not in FORMS:
        raise DendrographError(f"--figures {figures}: {did_you_mean(figures, FORMS, 'forms')}")
    if out is not None:
        atomic.check_new_folder(out)
    names = [name.strip() for text in select or () for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise DendrographError(
            f"--select {' '.join(select or ())}: not a list of settings\n  write, for example, --select lr,batch_size"
        )
    result = compare(paths, reference, names, by or "accuracy")
    print(reporting.text(result))
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    if out is not None:
        atomic.make_folder(out, reporting.files(result, figures or "pdf"))
        print(f"\ntables and figures: {out}")
