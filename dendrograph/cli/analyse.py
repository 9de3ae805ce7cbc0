"""The command `analyse`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dendrograph.base.errors import DendrographError
from dendrograph.cli.options import DataDir, MovedData, Plugins, command, given, source


@command("analyse", "dendrograph analyse runs/first --parts activity,weights --out tables")
def analyse_command(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders or sweep folders.", show_default=False)
    ],
    parts: Annotated[
        str,
        typer.Option(help="Parts: activity, weights, learning, embedding, noise, occlusion, lesions; or all."),
    ] = "activity,weights,learning",
    active: Annotated[
        float | None, typer.Option(help="Activity above which a unit counts as active.", show_default="0")
    ] = None,
    answers: Annotated[
        float | None,
        typer.Option(
            help="A unit responds to a class if it is active in at least this share of its samples.", show_default="0.5"
        ),
    ] = None,
    embeddings: Annotated[
        str | None, typer.Option(help="Embedding methods: pca, tsne, umap.", show_default="pca,tsne")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Largest number of samples in one embedding.", show_default="1000")
    ] = None,
    neighbours: Annotated[
        int | None, typer.Option(help="Number of neighbours in the scores of embeddings.", show_default="6")
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            help="Number of embeddings, or of draws of noise, patches and lesions.",
            show_default="5 embeddings, 3 draws",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed for all random draws.", show_default="0")] = None,
    at_most: Annotated[
        int | None, typer.Option(help="Largest number of dendrites removed one at a time.", show_default="200")
    ] = None,
    data: MovedData = None,
    data_dir: DataDir = None,
    plugins: Plugins = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="New folder for tables and figures.", show_default=False)
    ] = None,
    table_format: Annotated[
        str | None, typer.Option("--format", help="Format of the tables: csv or parquet.", show_default="csv")
    ] = None,
    figures: Annotated[
        str | None, typer.Option(help="Format of the figures: pdf, png, svg or none.", show_default="pdf")
    ] = None,
) -> None:
    """Measure finished runs on their test data.

    --parts selects what to measure. Short tables are printed; --out keeps all tables, and figures. With several runs,
    the first column names the run. With several seeds of a condition, means with intervals are printed as well.
    """
    from dendrograph.analysis.analyse import analyse
    from dendrograph.analysis.parts import Settings
    from dendrograph.analysis.print_analysis import text
    from dendrograph.base import files as atomic
    from dendrograph.base import tables
    from dendrograph.draw.plots.analysis import check_form, figure_files

    for option, value in (("--format", table_format), ("--figures", figures)):
        if out is None and value is not None:
            raise DendrographError(f"{option} has no effect without --out\n  add --out FOLDER, or leave {option} out")
    form = table_format or "csv"
    tables.require(form)
    check_form(figures or "pdf")
    if out is not None:
        atomic.check_new_folder(out)
    chosen = given(
        active=active,
        answers=answers,
        embeddings=None if embeddings is None else _words(embeddings),
        samples=samples,
        neighbours=neighbours,
        repeats=repeats,
        seed=seed,
        at_most=at_most,
    )
    measured = Settings(**chosen)
    sources = [source(folder, plugins=plugins, data=data, data_dir=data_dir) for folder in _run_folders(runs)]
    result = analyse(sources, _words(parts), measured, progress=True)
    notes: tuple[str, ...] = ()
    if out is not None:
        pictures, notes = figure_files(result.tables, figures or "pdf", result.conditions)
        atomic.make_folder(out, {**result.files(form), **pictures})
    print(text(result))
    for note in (*result.notes, *notes):
        print(f"note: {note}", file=sys.stderr)
    if out is not None:
        print(f"\ntables{'' if figures == 'none' else ' and figures'}: {out}")


def _run_folders(paths: list[Path]) -> list[Path]:
    """Return each given run folder, and each finished run under other folders such as that of a sweep, once."""
    from dendrograph.comparison.conditions import find_run_folders
    from dendrograph.training.run import is_run

    found: list[Path] = []
    given = {path.resolve() for path in paths}  # also if another given folder contains it
    for path in paths:
        if is_run(path) or not path.is_dir():
            found.append(path)
            continue
        under, notes = find_run_folders([path])
        under = [run for run in under if run.resolve() not in given]
        given |= {run.resolve() for run in under}
        ended = [run for run in under if (run / "metrics.json").is_file()]
        found += ended or under
        notes += [f"left out: {run}: it is not finished" for run in under if ended and run not in ended]
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
    return found


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
