"""An experiment, from its sweep file to its tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dendrograph import atomic
from dendrograph.errors import DendrographError
from dendrograph.reproduce import products
from dendrograph.reproduce.experiments import Experiment, chosen, file_of
from dendrograph.reproduce.learnings import learn_all, plan
from dendrograph.reproduce.page import fill_file
from dendrograph.reproduce.records import keep, keep_learnings
from dendrograph.sweep.language import read
from dendrograph.sweep.sweeping import Swept, run

Tables = dict[str, str]  # Markdown, by the name of the block of a page


@dataclass(frozen=True)
class Reproduced:
    """What came out: files under `folder`/results, tables for a page by their names, and runs that failed.

    runs: the run folders behind them
    learnings: the folders of tasks that were learnt in turn
    """

    folder: Path
    files: tuple[Path, ...]
    runs: tuple[Path, ...]
    learnings: tuple[Path, ...]
    tables: Mapping[str, str]
    failures: tuple[tuple[str, str], ...]


def reproduce(
    names: list[str],
    scale: str = "small",
    out: Path | None = None,
    data_dir: Path | None = None,
    processes: int | None = None,
    progress: bool = True,
) -> Reproduced:
    """Run experiments, or go on with them, and tabulate what came out.

    All experiments of a scale share one folder, so that a run which two of them need is trained once.

    Args:
        names: of experiments, or `all`.
        scale: `smoke` (minutes), `small` (hours on two cores), `full` (a cluster's work).
        out: the folder; `reproduced/SCALE` by default.
        data_dir: where data sets lie.
        processes: workers; one a core by default.
        progress: show it on standard output.

    Raises:
        DendrographError: an unknown name or scale, or as a sweep does.
    """
    experiments = chosen(names)
    place = out or Path("reproduced") / scale
    # Every file is read before anything runs, so that a fault in the last is told now.
    read_from = {experiment.name: file_of(experiment.name, scale) for experiment in experiments}
    sweeps = {name: read(file, data_dir) for name, file in read_from.items() if name != "continual"}
    tasks = plan(read_from["continual"], data_dir) if "continual" in read_from else None
    failures: list[tuple[str, str]] = []
    files: list[Path] = []
    tables: Tables = {}
    runs: dict[Path, None] = {}
    learnings: list[Path] = []
    for experiment in experiments:
        if progress:
            print(f"== {experiment.name}: {experiment.about}", flush=True)
        if experiment.name == "continual":
            assert tasks is not None
            learnings = learn_all(tasks, place / "continual", progress)
            made, text = products.continual("continual", learnings, tasks.reference, place)
            found = {"continual": text}
        else:
            swept = run(sweeps[experiment.name], place, processes, None, progress)
            failures += swept.failures
            runs |= dict.fromkeys(swept.finished)
            made, found = _products(experiment, swept, data_dir, place)
        tables |= found
        (place / "results").mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            atomic.write(place / "results" / name, content)
            files.append(place / "results" / name)
    return Reproduced(place, tuple(files), tuple(runs), tuple(learnings), tables, tuple(failures))


def _products(
    experiment: Experiment, swept: Swept, data_dir: Path | None, place: Path
) -> tuple[products.Files, Tables]:
    made: products.Files = {}
    tables: Tables = {}
    for group in experiment.groups:
        folders = [cell.run_folder(swept.folder) for cell in swept.cells if group.holds(cell)]
        if folders:
            files, tables[group.name] = products.comparison(group.name, folders, group.reference, place)
            made |= files
    for part in experiment.measured:
        files, tables[experiment.name] = products.measures(experiment.name, swept.finished, part, data_dir)
        made |= files
    return made, tables


def publish(reproduced: Reproduced, page: Path, scale: str) -> list[str]:
    """Fill in a page, and keep the tables, the figures and the records of the runs beside it, in results/SCALE.

    Gives the names of tables for which the page has no block.
    """
    missing = fill_file(page, reproduced.tables)
    beside = page.parent / "results" / scale
    keep(reproduced.runs, beside / "runs")
    keep_learnings(reproduced.learnings, beside / "continual")
    for file in reproduced.files:
        if file.suffix != ".pdf":  # the same figures, for paper
            atomic.write(beside / file.name, file.read_bytes())
    return missing


def refuse_failures(reproduced: Reproduced) -> None:
    """Say that runs failed.

    Raises:
        DendrographError: some did.
    """
    if reproduced.failures:
        listed = "\n  ".join(f"{name}: {error.splitlines()[0]}" for name, error in reproduced.failures[:10])
        raise DendrographError(f"{len(reproduced.failures)} runs failed; the tables are of the others\n  {listed}")
