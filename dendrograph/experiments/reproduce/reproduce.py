"""An experiment, from its sweep file to its tables, its figures and a page of results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dendrograph.base import files
from dendrograph.base.errors import DendrographError
from dendrograph.experiments.reproduce import SCALES, tables
from dendrograph.experiments.reproduce.continual import ContinualExperiment, read_continual_experiment, run_all
from dendrograph.experiments.reproduce.experiments import Experiment, chosen, file_of
from dendrograph.experiments.reproduce.records import keep, put, read_continual, read_runs
from dendrograph.experiments.reproduce.tables import FIGURES, ResultTable
from dendrograph.experiments.sweep.file import Sweep, read
from dendrograph.experiments.sweep.folder import make_sweep_folder
from dendrograph.experiments.sweep.run_sweep import SweepOptions, run_sweep

BLOCK = re.compile(r"(<!-- results: ([\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Reproduced:
    """The results of experiments.

    folder: where the runs are; tables and figures are in its folder `results`, a folder for each experiment
    tables: of each experiment, by their names
    headings: what each table shows and on which data
    runs: the run folders behind the tables
    continual: the folders of networks that learned tasks in turn
    failures: runs that did not end and tables that could not be made, with their errors
    """

    folder: Path
    tables: Mapping[str, Mapping[str, ResultTable]]
    headings: Mapping[str, str]
    runs: tuple[Path, ...]
    continual: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]

    @property
    def texts(self) -> dict[str, str]:
        """The text of each table for a page, by its name."""
        return {name: table.text for of_one in self.tables.values() for name, table in of_one.items()}

    @property
    def files(self) -> dict[str, bytes]:
        """The content of each file, by its path in the folder of results."""
        return {
            f"{experiment}/{name}": content
            for experiment, of_one in self.tables.items()
            for name, content in tables.files_of(of_one).items()
        }

    @property
    def outdated(self) -> set[str]:
        """Files that these experiments left when more of their runs had ended, and do not leave now."""
        possible = {
            f"{experiment}/{name}"
            for experiment, of_one in self.tables.items()
            for name in (
                *(tables.SUMMARY, tables.PAIRS, tables.MEASURES),
                *(f"{table}{end}" for table in of_one for end in FIGURES),
            )
        }
        return possible - self.files.keys()

    def write(self, folder: Path, figures: Sequence[str] = FIGURES) -> None:
        """Write the files under a folder, and delete the outdated ones.

        Args:
            folder: of results.
            figures: the formats of figures to write.
        """
        for name, content in self.files.items():
            if name.endswith((".csv", *figures)):
                put(folder / name, content)
        for name in self.outdated:
            (folder / name).unlink(missing_ok=True)


def reproduce(
    names: list[str],
    scale: str = "small",
    out: Path | None = None,
    data_dir: Path | None = None,
    processes: int | None = None,
    progress: bool = True,
) -> Reproduced:
    """Run experiments, or continue them, and make their tables.

    All experiments of a scale share one folder, so that a run which two of them need is trained once.

    Args:
        names: of experiments, or `all`.
        scale: `smoke`, `small` or `full`; see `reproduce.SCALES`.
        out: the folder; `reproduced/SCALE` by default.
        data_dir: where data sets are.
        processes: workers; one per core by default.
        progress: show it on standard output.

    Raises:
        DendrographError: an unknown name or scale, or as a sweep does.
    """
    experiments = chosen(names)
    place = out or Path("reproduced") / scale
    make_sweep_folder(place)
    # Every file is read before anything runs, so that a fault in the last one is reported now.
    read_from = {experiment.name: file_of(experiment.name, scale) for experiment in experiments}
    sweeps = {name: read(file, data_dir) for name, file in read_from.items() if name != "continual"}
    tasks = read_continual_experiment(read_from["continual"], data_dir) if "continual" in read_from else None
    if progress:
        print(f"scale {scale}: {SCALES[scale]}", flush=True)
    made: dict[str, dict[str, ResultTable]] = {}
    headings: dict[str, str] = {}
    runs: dict[Path, None] = {}
    learned: list[Path] = []
    failures: list[tuple[str, str]] = []
    for experiment in experiments:
        name = experiment.name
        sweep_runs = [one.sweep_run for one in tasks.runs] if tasks and name == "continual" else sweeps[name].runs
        data = f"data: {', '.join(dict.fromkeys(run.data for run in sweep_runs))}"
        if progress:
            print(f"== {name}: {experiment.about}; {data}", flush=True)
        if tasks and name == "continual":
            learned, failed = run_all(tasks, place / name, progress)
            requests = [_of_continual(experiment, tasks, learned, place)]
        else:
            swept = run_sweep(sweeps[name], place, SweepOptions(processes=processes, progress=progress))
            failed = list(swept.failures)
            runs |= dict.fromkeys(swept.finished)
            ended = {run.identity: run.run_folder(swept.folder) for run in swept.runs}
            requests = _of_sweep(experiment, sweeps[name], ended, data_dir, place)
        failures += failed
        made[name] = {}
        for request in requests:
            made[name][request.name], errors = request.made()
            failures += errors
            headings[request.name] = f"{request.about}; {data}"
    found = Reproduced(
        folder=place,
        tables=made,
        headings=headings,
        runs=tuple(runs),
        continual=tuple(learned),
        failures=tuple(dict.fromkeys(failures)),
    )
    found.write(place / "results")
    return found


@dataclass(frozen=True)
class _Request:
    """A table that is to be made.

    about: what it shows
    wanted: the number of runs that it should be of
    ended: the folders of those that have ended
    make: makes the table of them
    """

    name: str
    about: str
    wanted: int
    ended: Sequence[Path]
    make: Callable[[Sequence[Path]], ResultTable]

    def made(self) -> tuple[ResultTable, list[tuple[str, str]]]:
        """The table and its errors. A table that cannot be made says so, and the other tables are made all the same."""
        if not self.ended:
            return ResultTable(text=f"No table: none of its {self.wanted} runs has ended."), []
        try:
            table = self.make(self.ended)
        except DendrographError as error:
            return ResultTable(text=f"No table: {str(error).splitlines()[0]}"), [(f"the table {self.name}", str(error))]
        if lacking := self.wanted - len(self.ended):
            text = f"{table.text}\n\nFailed, and not in the table: {lacking} of {self.wanted} runs."
            table = replace(table, text=text)
        return table, []


def _of_sweep(
    experiment: Experiment, sweep: Sweep, ended: Mapping[str, Path], data_dir: Path | None, place: Path
) -> list[_Request]:
    """The tables of an experiment; none of a group that its file leaves out.

    Args:
        experiment: whose tables.
        sweep: its runs.
        ended: the folders of those that have ended, by their identity.
        data_dir: where data sets are.
        place: the folder from which the tables name runs.
    """
    found = []
    for group in experiment.groups:
        if own := [run.identity for run in sweep.runs if group.holds(run)]:
            make = partial(tables.comparison, reference=group.reference, place=place)
            folders = [ended[identity] for identity in own if identity in ended]
            about = f"{experiment.about}: {group.about}"
            found.append(_Request(name=group.name, about=about, wanted=len(own), ended=folders, make=make))
    for part in experiment.measured:
        make = partial(tables.measures, part=part, data_dir=data_dir, place=place)
        wanted, folders = len(sweep.runs), list(ended.values())
        found.append(_Request(name=experiment.name, about=experiment.about, wanted=wanted, ended=folders, make=make))
    return found


def _of_continual(experiment: Experiment, tasks: ContinualExperiment, ended: Sequence[Path], place: Path) -> _Request:
    make = partial(tables.continual, reference=tasks.reference, place=place)
    return _Request(name=experiment.name, about=experiment.about, wanted=len(tasks.runs), ended=ended, make=make)


def publish(reproduced: Reproduced, page: Path, scale: str) -> list[str]:
    """Fill in a page, and keep the tables, the figures and the records of the runs beside it, in results/SCALE.

    Tables and figures that have changed are replaced, and records that no table names any more are dropped.

    Returns:
        The names of tables for which the page has no block.
    """
    text, beside = read_page(page), page.parent / "results" / scale
    files.write(page, fill(text, reproduced.texts))
    reproduced.write(beside, figures=(".png",))  # the PDFs show the same
    keep(reproduced.runs, reproduced.continual, reproduced.folder, beside)
    there = blocks(text)
    return [name for name in reproduced.texts if name not in there]


def check_page(page: Path, scale: str) -> None:
    """Check that a page and the records beside it can be read, hours before they are written.

    Raises:
        DendrographError: one of them cannot be read.
    """
    read_page(page)
    read_runs(page.parent / "results" / scale)
    read_continual(page.parent / "results" / scale)


def check_failures(reproduced: Reproduced) -> None:
    """List the failures of a reproduction.

    Raises:
        DendrographError: there are any.
    """
    if reproduced.failures:
        listed = "\n  ".join(f"{name}: {error.splitlines()[0]}" for name, error in reproduced.failures[:10])
        raise DendrographError(f"{len(reproduced.failures)} failed; the tables are of the others\n  {listed}")


def blocks(text: str) -> list[str]:
    """The names of the blocks of a page, in its order."""
    return [found[2] for found in BLOCK.finditer(text)]


def fill(text: str, tables: Mapping[str, str]) -> str:
    """The page with each block replaced by the table of its name; a block without a table stays as it is."""

    def filled(found: re.Match[str]) -> str:
        return f"{found[1]}{tables[found[2]]}\n{found[3]}" if found[2] in tables else found[0]

    return BLOCK.sub(filled, text)


def read_page(path: Path) -> str:
    """The text of a page.

    Raises:
        DendrographError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "a page is a Markdown file with blocks <!-- results: fig2 --> ... <!-- end -->"
        raise DendrographError(f"{path}: cannot be read: {error}\n  {remedy}") from None
