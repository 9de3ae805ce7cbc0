"""Tidy tables of what a trained network does on its test samples, of its weights, and of how it learned."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dendrograph.analysis.learning_curves import history
from dendrograph.analysis.parts import OF_A_NETWORK, OF_A_RUN, PARTS, Settings, Subject, Tables, choose, settings_for
from dendrograph.base import tables
from dendrograph.base.errors import DendrographError, argument, clip, expect
from dendrograph.base.progress import with_progress
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.comparison.over_seeds import averaged
from dendrograph.data.dataset import Split
from dendrograph.morphology.plugins import import_plugins
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.config import TrainConfig
from dendrograph.training.loop import noisy_test
from dendrograph.training.run import Run


@dataclass(frozen=True, eq=False)
class Analysis:
    """Tables by name, each a tuple of rows; docs/reference/measures.md says what stands in each.

    activity: units, groups, hits; weights: weights, densities; learning: learning, results; embedding: embedding,
    points; noise, occlusion, lesions: the same and a summary, noise_summary and so on; lesions: also single_lesions.
    Of several runs each row begins with `run`, then has a column for each knob and setting that varies; where they are
    several seeds of a condition, there are means over them with intervals, groups_over_seeds and so on
    (`over_seeds.AVERAGED` says of which tables), a row a condition.

    conditions: those of which there are means, with the names of their runs
    notes: on runs that are not among them
    """

    tables: Tables
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @property
    def units(self) -> tuple[Row, ...]:
        """A row a unit: active, sparseness, entropy, entropy_with_silence, classes, selectivity."""
        return self["units"]

    @property
    def groups(self) -> tuple[Row, ...]:
        """A row a group: how many units it has and how many are silent, and the means over the others."""
        return self["groups"]

    @property
    def weights(self) -> tuple[Row, ...]:
        """A row a projection: the fields of `measures.Moments`."""
        return self["weights"]

    def __getitem__(self, name: str) -> tuple[Row, ...]:
        if name not in self.tables:
            raise DendrographError(f"no table '{clip(str(name))}'\n  {did_you_mean(name, self.tables, 'tables')}")
        return self.tables[name]

    def files(self, form: str = "csv") -> dict[str, str | bytes]:
        """Each table as a file, by its name: `csv` or `parquet`.

        Raises:
            DendrographError: there is no such format, or its library is not installed.
        """
        return {f"{name}.{form}": tables.encode(rows, form) for name, rows in self.tables.items()}


def analyse(
    network: DendriticNetwork, split: Split, scale: float, parts: Iterable[str] = OF_A_NETWORK, **settings: Any
) -> Analysis:
    """Measure a network, trained or not; its mode is put back afterwards.

    Args:
        network: on the device where it shall run.
        split: samples and labels.
        scale: what bytes are divided by (`Dataset.scale`).
        parts: of `parts.PARTS`; `learning` needs a run.
        settings: see `parts.Settings`.

    Raises:
        DendrographError: a part or a setting is none, or is of no use; or there is no sample.
    """
    expect("network", network, DendriticNetwork)
    expect("split", split, Split)
    chosen = choose(parts)
    if missing := [name for name in chosen if PARTS[name].run]:
        raise DendrographError(f"the part '{missing[0]}' needs a run\n  analyse_run(folder) measures one")
    subject = Subject(network, split, scale, settings_for(chosen, settings))
    _hold(subject, chosen)
    return Analysis(_tables(subject, chosen))


def analyse_run(
    folder: str | Path,
    data_dir: Path | None = None,
    plugins: Iterable[str | Path] = (),
    parts: Iterable[str] = OF_A_RUN,
    data: str | Path | None = None,
    **settings: Any,
) -> Analysis:
    """The same of a finished run, on its test split, noise included.

    Raises:
        RunError: the run has not ended, is damaged, or was trained on data that only Python held.
        DataError: the data set is no longer what the run was trained on.
        DendrographError: a part or a setting is none, or is of no use.
    """
    return analyse_runs([folder], data_dir, plugins, parts, data=data, **settings)


def analyse_runs(
    folders: Sequence[str | Path],
    data_dir: Path | None = None,
    plugins: Iterable[str | Path] = (),
    parts: Iterable[str] = OF_A_RUN,
    progress: bool = False,
    data: str | Path | None = None,
    **settings: Any,
) -> Analysis:
    """The same of several runs: each row of each table begins with `run`, the name of the run's folder.

    Where two folders have the same name, all are named with as many of the folders above them as tell them apart.

    Args:
        folders: of the runs.
        data_dir: where data sets lie.
        plugins: what the morphologies need, as `load` takes them.
        parts: of `parts.PARTS`.
        progress: say on standard error which of several runs is measured, and how long it will take.
        data: where the runs' data lie now, if that is one file (see `Run.dataset`).
        settings: fields of `Settings`.

    Raises:
        DendrographError: as `analyse_run`; or there is no run, or the same twice.
    """
    chosen = choose(parts)
    made = settings_for(chosen, settings)
    for option, given in (("data_dir", data_dir), ("data", data)):
        if given is not None and not _needs_data(chosen):
            raise DendrographError(f"{argument(option)}: no data is read for {', '.join(chosen)}\n  leave it out")
    import_plugins(plugins)
    names = names_of(folders)
    runs = [Run.open(folder) for folder in folders]
    for run in runs:  # what is missing, and what a part refuses, is said before any is measured
        _ = run.metrics
        if "learning" in chosen:
            history(run)
        if any(PARTS[part].hold for part in chosen):
            _hold(_subject(run, (data_dir, data), chosen, made), chosen)
    named = list(zip(names, runs, strict=True))
    shown = with_progress(named, lambda pair: pair[0], sys.stderr) if progress and len(runs) > 1 else named
    found = [_tables(_subject(run, (data_dir, data), chosen, made), chosen) for _, run in shown]
    if len(runs) == 1:
        return Analysis(found[0])
    told_apart = {
        table: tuple({"run": name, **row} for name, of_run in zip(names, found, strict=True) for row in of_run[table])
        for table in found[0]
    }
    means = averaged(told_apart, {name: run.folder for name, run in named})
    return Analysis(means.tables, means.conditions, means.notes)


def names_of(folders: Sequence[str | Path]) -> tuple[str, ...]:
    """A name for each run folder, no two alike: its own, or with the folders above it, joined by `-`.

    Raises:
        DendrographError: there is no folder, or one is given twice.
    """
    paths = [Path(folder).resolve() for folder in folders]
    if not paths:
        raise DendrographError("there is no run to analyse\n  give at least one run folder")
    for position, path in enumerate(paths):
        if path in paths[:position]:
            raise DendrographError(f"{folders[position]}: is given twice\n  give each run once")
    for depth in range(1, 1 + max(len(path.parts) for path in paths)):
        names = tuple("-".join(path.parts[1:][-depth:]) for path in paths)
        if len(set(names)) == len(names):
            return names
    return tuple(f"{name}-{number}" for number, name in enumerate(names, 1))


def _needs_data(chosen: Sequence[str]) -> bool:
    return any(PARTS[name].data for name in chosen)


def _subject(
    run: Run, lies: tuple[Path | None, str | Path | None], chosen: Sequence[str], settings: Settings
) -> Subject:
    network = run.network()
    if not _needs_data(chosen):
        return Subject(network, None, 1.0, settings, run)
    dataset = run.dataset(*lies)
    split = noisy_test(dataset, TrainConfig.from_record(run.record["config"], run.folder / "run.json"))
    return Subject(network, split, dataset.scale, settings, run, dataset)


def _tables(subject: Subject, chosen: Sequence[str]) -> Tables:
    made: dict[str, tuple[Row, ...]] = {}
    for part in chosen:
        with _naming(subject, part):
            made |= PARTS[part].make(subject)
    return made


def _hold(subject: Subject, chosen: Sequence[str]) -> None:
    """Say what a part cannot measure before any part is measured."""
    for part in chosen:
        if (hold := PARTS[part].hold) is not None:
            with _naming(subject, part):
                hold(subject)


@contextmanager
def _naming(subject: Subject, part: str) -> Iterator[None]:
    """Of several runs and parts, an error names the one that it is of."""
    try:
        yield
    except DendrographError as error:
        run = f"{subject.run.folder}: " if subject.run else ""
        raise DendrographError(f"{run}{part}: {error}") from None
