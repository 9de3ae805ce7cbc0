"""An experiment, from its sweep file to its tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dendrograph.base import files as atomic
from dendrograph.base.errors import DendrographError
from dendrograph.experiments.reproduce import SCALES, products
from dendrograph.experiments.reproduce.experiments import Experiment, chosen, file_of
from dendrograph.experiments.reproduce.learnings import learn_all, plan
from dendrograph.experiments.reproduce.page import fill_file
from dendrograph.experiments.reproduce.records import drop_orphans, keep, keep_learnings, put
from dendrograph.experiments.sweep.file import Sweep, read
from dendrograph.experiments.sweep.folder import claim
from dendrograph.experiments.sweep.sweeping import Swept, run


@dataclass(frozen=True)
class Reproduced:
    """What came out: files under `folder`/results, tables for a page by their names, and what failed.

    headings: what each table shows and on which data, by the same names
    runs: the run folders behind them
    learnings: the folders of tasks that were learnt in turn
    failures: runs that did not end and tables that could not be made, with their errors
    """

    folder: Path
    files: tuple[Path, ...]
    runs: tuple[Path, ...]
    learnings: tuple[Path, ...]
    tables: Mapping[str, str]
    headings: Mapping[str, str]
    failures: tuple[tuple[str, str], ...]

    @property
    def outdated(self) -> set[str]:
        """Names of files that these tables had when more of their runs had ended, and have no longer."""
        made = {file.name for file in self.files}
        return {f"{name}{end}" for name in self.tables for end in products.ENDS} - made


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
        scale: `smoke`, `small` or `full`; `reproduce.SCALES` says what each is.
        out: the folder; `reproduced/SCALE` by default.
        data_dir: where data sets lie.
        processes: workers; one a core by default.
        progress: show it on standard output.

    Raises:
        DendrographError: an unknown name or scale, or as a sweep does.
    """
    experiments = chosen(names)
    place = out or Path("reproduced") / scale
    claim(place)
    # Every file is read before anything runs, so that a fault in the last is told now.
    read_from = {experiment.name: file_of(experiment.name, scale) for experiment in experiments}
    sweeps = {name: read(file, data_dir) for name, file in read_from.items() if name != "continual"}
    tasks = plan(read_from["continual"], data_dir) if "continual" in read_from else None
    if progress:
        print(f"scale {scale}: {SCALES[scale]}", flush=True)
    failures: list[tuple[str, str]] = []
    files: list[Path] = []
    tables: dict[str, str] = {}
    headings: dict[str, str] = {}
    runs: dict[Path, None] = {}
    learnings: list[Path] = []
    for experiment in experiments:
        if experiment.name == "continual":
            assert tasks is not None
            cells = [learning.cell for learning in tasks.learnings]
        else:
            cells = list(sweeps[experiment.name].cells)
        data = f"data: {', '.join(dict.fromkeys(cell.data for cell in cells))}"
        if progress:
            print(f"== {experiment.name}: {experiment.about}; {data}", flush=True)
        if tasks is not None and experiment.name == "continual":
            learnings, failed = learn_all(tasks, place / "continual", progress)
            failures += failed
            make = partial(products.continual, "continual", reference=tasks.reference, place=place)
            wanted = [_Table("continual", experiment.about, len(cells), learnings, make)]
        else:
            swept = run(sweeps[experiment.name], place, processes, None, progress)
            failures += swept.failures
            runs |= dict.fromkeys(swept.finished)
            wanted = _of_sweep(experiment, sweeps[experiment.name], swept, data_dir, place)
        for table in wanted:
            made, tables[table.name], errors = table.made()
            failures += errors
            headings[table.name] = f"{table.about}; {data}"
            (place / "results").mkdir(parents=True, exist_ok=True)
            for name, content in made.items():
                atomic.write(place / "results" / name, content)
                files.append(place / "results" / name)
    found = Reproduced(
        place, tuple(files), tuple(runs), tuple(learnings), tables, headings, tuple(dict.fromkeys(failures))
    )
    for name in found.outdated:
        (place / "results" / name).unlink(missing_ok=True)
    return found


@dataclass(frozen=True)
class _Table:
    """A table that is to be made.

    about: what it shows
    asked: how many runs it is meant to be of
    ended: the folders of those that have ended
    make: gives its files and its text
    """

    name: str
    about: str
    asked: int
    ended: Sequence[Path]
    make: Callable[[Sequence[Path]], tuple[products.Files, str]]

    def made(self) -> tuple[products.Files, str, list[tuple[str, str]]]:
        """Files, text and errors. What cannot be made is said in its place: other tables are not to suffer from it."""
        if not self.ended:
            return {}, f"No table: none of its {self.asked} runs has ended.", []
        try:
            files, text = self.make(self.ended)
        except DendrographError as error:
            return {}, f"No table: {str(error).splitlines()[0]}", [(f"the table {self.name}", str(error))]
        if lacking := self.asked - len(self.ended):
            text += f"\n\nFailed, and not in the table: {lacking} of {self.asked} runs."
        return files, text, []


def _of_sweep(experiment: Experiment, sweep: Sweep, swept: Swept, data_dir: Path | None, place: Path) -> list[_Table]:
    """The tables of an experiment; none of a group that its file leaves out."""
    found = []
    for group in experiment.groups:
        if asked := sum(map(group.holds, sweep.cells)):
            ended = [cell.run_folder(swept.folder) for cell in swept.cells if group.holds(cell)]
            make = partial(products.comparison, group.name, reference=group.reference, place=place)
            found.append(_Table(group.name, f"{experiment.about}: {group.about}", asked, ended, make))
    for part in experiment.measured:
        make = partial(products.measures, experiment.name, part=part, data_dir=data_dir, place=place)
        found.append(_Table(experiment.name, experiment.about, len(sweep.cells), swept.finished, make))
    return found


def publish(reproduced: Reproduced, page: Path, scale: str) -> list[str]:
    """Fill in a page, and keep the tables, the figures and the records of the runs beside it, in results/SCALE.

    What lies there of tables that have changed is replaced, and records that no table names any more are taken away.
    Gives the names of tables for which the page has no block.
    """
    missing = fill_file(page, reproduced.tables)
    beside = page.parent / "results" / scale
    keep(reproduced.runs, beside / "runs")
    keep_learnings(reproduced.learnings, beside / "continual")
    for file in reproduced.files:
        if file.suffix != ".pdf":  # the same figures, for paper
            put(beside / file.name, file.read_bytes())
    for name in reproduced.outdated:
        (beside / name).unlink(missing_ok=True)
    drop_orphans(beside)
    return missing


def refuse_failures(reproduced: Reproduced) -> None:
    """Say what failed.

    Raises:
        DendrographError: something did.
    """
    if reproduced.failures:
        listed = "\n  ".join(f"{name}: {error.splitlines()[0]}" for name, error in reproduced.failures[:10])
        raise DendrographError(f"{len(reproduced.failures)} failed; the tables are of the others\n  {listed}")
