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
from dendrograph.analysis.parts import (
    OF_A_NETWORK,
    OF_A_RUN,
    PARTS,
    MeasuredNetwork,
    Settings,
    Tables,
    choose,
    settings_for,
)
from dendrograph.base import tables
from dendrograph.base.errors import DendrographError, argument, clip
from dendrograph.base.progress import with_progress
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.comparison.over_seeds import averaged
from dendrograph.training.model_source import Model, ModelSource
from dendrograph.training.splits import noisy_test


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
        """A row a projection: the fields of `weight_distributions.Moments`."""
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
    sources: ModelSource | Model | Sequence[ModelSource | Model],
    parts: Iterable[str] | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> Analysis:
    """Measure one model or several on the test split of their data.

        analyse("runs/first", ["activity", "weights"])
        analyse(ModelSource(network, data=digits), settings=Settings(active=0.1))

    A run is measured with its trained weights on its test split, noise included. Of several runs each row of each table
    begins with `run`, the name of the folder; folders of the same name are named with the folders above them.

    Args:
        sources: a `ModelSource` or a model, or a list of runs. A network is measured where it is; its mode is kept.
        parts: names in `parts.PARTS`; by default all that are quick: activity, weights, and of runs learning.
        settings: thresholds, samples and repeats of the parts.
        progress: show on standard error which of several runs is measured, and the time that is left.

    Raises:
        RunError: a run has not ended, is damaged, or was trained on data that only Python held.
        DataError: a data set is no longer the one that the run was trained on.
        DendrographError: a part or a setting is unknown or of no use; a model is given twice, or none; there is no
            sample.
    """
    given: list[Any] = list(sources) if isinstance(sources, list | tuple) else [sources]
    models = [ModelSource.of(one) for one in given]
    are_runs = bool(models) and all(model.run for model in models)
    chosen = choose(parts if parts is not None else OF_A_RUN if are_runs or not models else OF_A_NETWORK)
    made = settings_for(chosen, settings)
    for model in models:
        for option in ("data_dir", "data"):
            if model.run and getattr(model, option) is not None and not _needs_data(chosen):
                raise DendrographError(f"{argument(option)}: no data is read for {', '.join(chosen)}\n  leave it out")
    if not are_runs and models:
        if missing := [name for name in chosen if PARTS[name].needs_run]:
            raise DendrographError(f"the part '{missing[0]}' needs a run\n  give the folder of a run")
        if len(models) > 1:
            raise DendrographError("several models can be analysed together only if all are runs\n  give run folders")
    names = names_of([str(model) for model in models]) if are_runs or not models else ("",)
    for model in models:  # errors of all models come before any is measured
        if model.run:
            _ = model.run.metrics
            if "learning" in chosen:
                history(model.run)
        if any(PARTS[part].has_check for part in chosen):
            _check(_subject(model, chosen, made), chosen)
    named = list(zip(names, models, strict=True))
    shown = with_progress(named, lambda pair: pair[0], sys.stderr) if progress and len(models) > 1 else named
    found = [_tables(_subject(model, chosen, made), chosen) for _, model in shown]
    if len(models) == 1:
        return Analysis(found[0])
    told_apart = {
        table: tuple({"run": name, **row} for name, of_run in zip(names, found, strict=True) for row in of_run[table])
        for table in found[0]
    }
    means = averaged(told_apart, {name: Path(str(model)) for name, model in named})
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
    return any(PARTS[name].needs_data for name in chosen)


def _subject(model: ModelSource, chosen: Sequence[str], settings: Settings) -> MeasuredNetwork:
    network = model.network()
    if not _needs_data(chosen):
        return MeasuredNetwork(network, None, 1.0, settings, model.run)
    dataset = model.dataset()
    return MeasuredNetwork(network, noisy_test(dataset, model.config()), dataset.scale, settings, model.run, dataset)


def _tables(subject: MeasuredNetwork, chosen: Sequence[str]) -> Tables:
    made: dict[str, tuple[Row, ...]] = {}
    for part in chosen:
        with _naming(subject, part):
            made |= PARTS[part].tables(subject)
    return made


def _check(subject: MeasuredNetwork, chosen: Sequence[str]) -> None:
    """Check that each part can be measured, before any is."""
    for part in chosen:
        with _naming(subject, part):
            PARTS[part].check(subject)


@contextmanager
def _naming(subject: MeasuredNetwork, part: str) -> Iterator[None]:
    """Of several runs and parts, an error names the one that it is of."""
    try:
        yield
    except DendrographError as error:
        run = f"{subject.run.folder}: " if subject.run else ""
        raise DendrographError(f"{run}{part}: {error}") from None
