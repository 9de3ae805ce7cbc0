"""The analysis of networks and runs: tidy tables of activity, weights, learning and robustness."""

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
    """Tables by name, each a tuple of rows; docs/reference/measures.md describes their columns.

    The part `activity` gives units, groups and hits; `weights` gives weights and densities; `learning` gives learning
    and results; `embedding` gives embedding and points; `noise`, `occlusion` and `lesions` give a table of their own
    name and a summary, such as noise_summary; `lesions` also gives single_lesions.

    With several runs, each row begins with `run` and a column for each parameter and setting that varies. Where runs
    are several seeds of one condition, there are also tables of means with intervals, such as groups_over_seeds, with a
    row per condition (`over_seeds.AVERAGED` lists these tables).

    Attributes:
        conditions: The conditions with means, and the names of their runs.
        notes: Remarks on the runs that belong to no such condition.
    """

    tables: Tables
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @property
    def units(self) -> tuple[Row, ...]:
        """A row per unit: active, sparseness, entropy, entropy_with_silence, classes, selectivity."""
        return self["units"]

    @property
    def groups(self) -> tuple[Row, ...]:
        """A row per group: the numbers of units and silent units, and means over the other units."""
        return self["groups"]

    @property
    def weights(self) -> tuple[Row, ...]:
        """A row per projection: the attributes of `weight_distributions.Moments`."""
        return self["weights"]

    def __getitem__(self, name: str) -> tuple[Row, ...]:
        if name not in self.tables:
            raise DendrographError(f"no table '{clip(str(name))}'\n  {did_you_mean(name, self.tables, 'tables')}")
        return self.tables[name]

    def files(self, form: str = "csv") -> dict[str, str | bytes]:
        """Return each table as the content of a file, by the name of the file.

        Args:
            form: `csv` or `parquet`.

        Raises:
            DendrographError: The format is unknown, or its library is not installed.
        """
        return {f"{name}.{form}": tables.encode(rows, form) for name, rows in self.tables.items()}


def analyse(
    sources: ModelSource | Model | Sequence[ModelSource | Model],
    parts: Iterable[str] | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> Analysis:
    """Measure one model or several runs on the test split of their data.

        analyse("runs/first", ["activity", "weights"])
        analyse(ModelSource(network, data=digits), settings=Settings(active=0.1))

    A run is measured with its trained weights on its test split, noise included. With several runs, each row of each
    table begins with `run`, the name of the folder; folders of the same name are named with the folders above them.

    Args:
        sources: A `ModelSource` or a model, or a list of runs. A network runs on its own device, and its mode is kept.
        parts: Names in `parts.PARTS`; by default the fast parts: activity, weights and, for runs, learning.
        settings: Thresholds, samples and repeats of the parts.
        progress: Whether standard error shows which of several runs is measured, and the remaining time.

    Raises:
        RunError: A run is not finished, is damaged, or was trained on data that only Python held.
        DataError: A data set has changed since the training.
        DendrographError: A part or setting is unknown or has no effect, a run is given twice, or there are no samples.
    """
    given: list[Any] = list(sources) if isinstance(sources, list | tuple) else [sources]
    models = [ModelSource.of(one) for one in given]
    are_runs = all(model.run for model in models)
    chosen = choose(parts if parts is not None else OF_A_RUN if are_runs else OF_A_NETWORK)
    settings = settings_for(chosen, settings)
    _check_sources(models, chosen)
    names = names_of([str(model) for model in models]) if are_runs else ("",)
    for model in models:  # errors of all models come before any is measured
        if model.run:
            _ = model.run.metrics
            if "learning" in chosen:
                history(model.run)
        if any(PARTS[part].has_check for part in chosen):
            measured = _measured(model, chosen, settings)
            for part in chosen:
                with _named_errors(measured, part):
                    PARTS[part].check(measured)
    named = list(zip(names, models, strict=True))
    shown = with_progress(named, lambda pair: pair[0], sys.stderr) if progress and len(models) > 1 else named
    results = [_tables(_measured(model, chosen, settings), chosen) for _, model in shown]
    if len(models) == 1:
        return Analysis(results[0])
    joined = {
        table: tuple({"run": name, **row} for name, result in zip(names, results, strict=True) for row in result[table])
        for table in results[0]
    }
    means = averaged(joined, {name: Path(str(model)) for name, model in named})
    return Analysis(means.tables, means.conditions, means.notes)


def _check_sources(models: Sequence[ModelSource], chosen: Sequence[str]) -> None:
    """Check that the models go with each other, with their options and with the parts."""
    for model in models:
        for option in ("data_dir", "data"):
            if model.run and getattr(model, option) is not None and not _needs_data(chosen):
                raise DendrographError(f"{argument(option)}: no data is read for {', '.join(chosen)}\n  leave it out")
    if others := [model for model in models if not model.run]:
        if missing := [name for name in chosen if PARTS[name].needs_run]:
            raise DendrographError(
                f"{others[0]}: not a run, and the part '{missing[0]}' needs one\n  give the folder of a run"
            )
        if len(models) > 1:
            raise DendrographError(
                f"{others[0]}: not a run, and several models can only be analysed together if all are runs\n"
                "  give run folders"
            )


def names_of(folders: Sequence[str | Path]) -> tuple[str, ...]:
    """Return a different name for each run folder: its own name, or with the folders above it, joined by `-`.

    Raises:
        DendrographError: There is no folder, or one is given twice.
    """
    paths = [Path(folder).resolve() for folder in folders]
    if not paths:
        raise DendrographError("no run is given\n  give at least one run folder")
    for position, path in enumerate(paths):
        if path in paths[:position]:
            raise DendrographError(f"{folders[position]}: given twice\n  give each run once")
    for depth in range(1, 1 + max(len(path.parts) for path in paths)):
        names = tuple("-".join(path.parts[1:][-depth:]) for path in paths)
        if len(set(names)) == len(names):
            return names
    return tuple(f"{name}-{number}" for number, name in enumerate(names, 1))


def _needs_data(chosen: Sequence[str]) -> bool:
    return any(PARTS[name].needs_data for name in chosen)


def _measured(model: ModelSource, chosen: Sequence[str], settings: Settings) -> MeasuredNetwork:
    network = model.network()
    if not _needs_data(chosen):
        return MeasuredNetwork(network=network, settings=settings, run=model.run)
    dataset = model.dataset()
    return MeasuredNetwork(
        network=network,
        settings=settings,
        split=noisy_test(dataset, model.config()),
        scale=dataset.scale,
        run=model.run,
        dataset=dataset,
    )


def _tables(measured: MeasuredNetwork, chosen: Sequence[str]) -> Tables:
    tables: dict[str, tuple[Row, ...]] = {}
    for part in chosen:
        with _named_errors(measured, part):
            tables |= PARTS[part].tables(measured)
    return tables


@contextmanager
def _named_errors(measured: MeasuredNetwork, part: str) -> Iterator[None]:
    """Name the run and the part in errors."""
    try:
        yield
    except DendrographError as error:
        run = f"{measured.run.folder}: " if measured.run else ""
        raise DendrographError(f"{run}{part}: {error}") from None
