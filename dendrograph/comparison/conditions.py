"""Finished runs, found on disk and grouped into conditions: runs that differ in the seed only."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dendrograph.base.errors import DendrographError, RunError
from dendrograph.base.json_files import check_form, read_json, read_sealed
from dendrograph.base.tables import Row
from dendrograph.morphology.document import Document
from dendrograph.morphology.registry import LONGEST_NAME
from dendrograph.training.config import TrainConfig
from dendrograph.training.run import Run, is_run
from dendrograph.training.run_format import CELLS

Seed = tuple[int, int]  # of the training, of the wiring

MOST_PATHS = 3  # of a morphology in a label, if fewer distinguish the conditions
MOST_COLUMNS = 20  # of such paths
ABOUT = (
    "name",
    "about",
    "citation",
    "parameters",
)  # keys that change no network, or are recorded elsewhere

_REACH: dict[str, Mapping[str, float]] = {}  # of graphs that were compiled again, by a digest


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended.

    config: settings of the training, without the seed
    knobs: the parameters of the morphology
    content: the rest of the morphology, by path (`layers.0.count`), what it was compiled for, and the sequence of tasks
        of which the run is a part
    metrics: the content of metrics.json
    """

    run: Run
    config: Mapping[str, str]
    knobs: Mapping[str, str]
    content: Mapping[str, str]
    metrics: Mapping[str, Any]

    @property
    def seed(self) -> Seed:
        """The seeds of the training and of the wiring; they differ only in runs from Python."""
        return int(self.run.record["config"]["seed"]), int(self.run.record["graph"]["seed"])

    @property
    def settings(self) -> dict[str, str]:
        """Everything that may vary, by name."""
        return {**self.knobs, **self.config, **self.content}

    def number(self, *path: str) -> float:
        """A number of metrics.json."""
        value: Any = self.metrics
        for key in path:
            value = value[key]
        return float(value)

    @cached_property
    def reach(self) -> Mapping[str, float]:
        """Its trainable and its effective parameters (see `Graph.reach`), as far as they are known.

        Older runs do not record them; their graphs are compiled again, each once.
        """
        recorded = self.run.record.get("reach")
        if isinstance(recorded, dict) and all(type(number) is int for number in recorded.values()):
            return recorded
        about = self.run.record["graph"]
        key = json.dumps([about["connectivity_hash"], about["morphology"], about.get("plugins")], sort_keys=True)
        if key not in _REACH:
            try:
                graph = self.run.graph()
                _REACH[key] = {"effective_parameters": graph.effective_parameters}
            except DendrographError:  # another version of NumPy drew the wiring, or a plugin is missing
                _REACH[key] = {}
        return _REACH[key]

    @cached_property
    def history(self) -> list[dict[str, float]]:
        """One row an epoch; none for an older run that has lost its history."""
        return self.run.history


@dataclass(frozen=True)
class Condition:
    """Runs that differ in the seed only.

    label: the name of the morphology, and the values that vary among its conditions on the same data
    varied: the value of each parameter, setting and path of a morphology that varies among all conditions
    data: the data set's name; with the first digits of its SHA-256 if two different data sets have one name
    runs: by seed, in its order
    competed: labels of those that lost to it in a selection
    """

    label: str
    morphology: str
    data: str
    runs: Mapping[Seed, FinishedRun] = field(repr=False)
    competed: tuple[str, ...] = ()
    varied: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def first(self) -> FinishedRun:
        """The run with the most parameters; all have the same settings, but older runs may record fewer parameters."""
        return max(self.runs.values(), key=lambda run: len(run.knobs))

    def mean(self, *path: str) -> float:
        """The mean over seeds of a number of metrics.json."""
        return sum(run.number(*path) for run in self.runs.values()) / len(self.runs)


def control_name(morphology: str, kind: str) -> str:
    """The name of a control: that of its morphology, shortened if necessary, and the kind of the control."""
    return f"{morphology[: LONGEST_NAME - 1 - len(kind)].rstrip('-_')}-{kind}"


def shown_seed(seed: Seed) -> str:
    """A seed as text for tables."""
    return str(seed[0]) if seed[0] == seed[1] else f"{seed[0]} (wiring {seed[1]})"


def find_run_folders(paths: Iterable[str | Path]) -> tuple[list[Path], list[str]]:
    """Find the given run folders, and all run folders below given folders, each once; with notes on the rest.

    Folders whose names begin with a dot are skipped: they are unfinished, or not of the user.

    Raises:
        DendrographError: a path is no folder, or no run is under it.
    """
    found: dict[Path, Path] = {}
    notes: list[str] = []
    for given in paths:
        path = Path(given)
        if not str(given) or not os.path.isdir(path):  # `is_dir` fails where the name is too long
            problem = "is a file" if os.path.isfile(path) else "there is no such folder"
            raise DendrographError(
                f"{path if str(given) else 'an empty path'}: {problem}\n"
                "  give run folders, or folders that hold them, such as runs"
            )
        under = list(_under(path, notes))
        if not under:
            raise DendrographError(
                f"{path}: no run is in it\n  a run is a folder with run.json, as `dendrograph train` leaves it"
            )
        for folder in under:
            found.setdefault(folder.resolve(), folder)
    return list(found.values()), notes


def _under(top: Path, notes: list[str]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        notes.append(f"left out: {error.filename}: cannot be read: {error.strerror}")

    for place, folders, _ in os.walk(top, onerror=unreadable):
        names = _sweep_runs(Path(place))
        if names is not None:
            others = sorted(path.name for path in (Path(place) / "runs").glob("*") if path.name not in {".", *names})
            others = [name for name in others if not name.startswith(".")]
            notes += [f"left out: {place}: not of the sweep as its file is now: {', '.join(others)}"] if others else []
            folders.clear()
            for name in names:
                run = Path(place) / "runs" / name
                if is_run(run):
                    yield run
                else:
                    notes.append(f"left out: {run}: not begun, or damaged: it holds no run.json")
        elif is_run(place):
            folders.clear()
            yield Path(place)
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_natural)


def _sweep_runs(folder: Path) -> list[str] | None:
    """The names of the runs of a sweep, in the order of its file; None if the folder is not that of a sweep.

    Raises:
        RunError: its cells.json is damaged.
    """
    path = folder / "cells.json"
    if not os.path.lexists(path):
        return None
    content = read_json(path)
    if isinstance(content, dict) and "sha256" in content:  # those of older sweeps have none
        content = read_sealed(path)
    check_form(content, CELLS, path, remedy="the sweep's own command writes it again")
    return [cell["name"] for cell in content["cells"]]


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """`dendrites=4` before `dendrites=16`."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)], name


def read_runs(folders: Iterable[Path]) -> tuple[list[FinishedRun], list[str]]:
    """Read the runs that have ended, with a note on each that has not, or is damaged."""
    runs: list[FinishedRun] = []
    notes: list[str] = []
    parsed: dict[str, dict[str, str]] = {}
    for folder in folders:
        try:
            runs.append(_finished(Run.open(folder), parsed))
        except DendrographError as error:
            notes.append(f"left out: {str(error).splitlines()[0]}")
    return runs, notes


def _finished(run: Run, parsed: dict[str, dict[str, str]]) -> FinishedRun:
    metrics, about = run.metrics, run.record["graph"]
    path, text, digest = run.folder / "morphology.yaml", run.text, about["morphology"]
    if digest not in parsed:
        value = Document.from_text(text.decode("utf-8", "replace"), str(path)).value
        parts = {key: part for key, part in value.items() if key not in ABOUT} if isinstance(value, dict) else {}
        parsed[digest] = dict(_flat(parts))
    compiled = dict(_flat({key: about[key] for key in ("inputs", "classes", "plugins") if about.get(key)}))
    knobs, config = about.get("knobs", {}), _settings(run.record["config"])
    finished = FinishedRun(
        run,
        {key: _shown(value) for key, value in config.items() if key != "seed"},
        {f"parameters.{key}" if key in config else key: _shown(_whole(value)) for key, value in knobs.items()},
        {
            **parsed[digest],
            **{key if key.startswith("plugins.") else f"compiled.{key}": value for key, value in compiled.items()},
            **{f"network.{kind}": ", ".join(names) for kind, names in run.frozen.items() if names},
            **{f"learning.{key}": _shown(value) for key, value in run.record.get("learning", {}).items()},
        },
        metrics,
    )
    _ = finished.history  # that it is whole
    return finished


def _settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a training in one form: 0 equals 0.0, and a patience without effect is the default."""
    try:
        return asdict(TrainConfig.from_record(config).in_one_form())
    except RunError:
        return config


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _flat(part, f"{path}.{key}" if path else str(key))
    if not isinstance(value, dict | list):
        yield path, _shown(value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _whole(value: Any) -> Any:
    """A parameter in one form: 2.0 is 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value(text: str) -> Any:
    """The number or truth value in a text of `_shown`, or else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float) else text


def group_runs(runs: Sequence[FinishedRun], strict: bool = True) -> tuple[list[Condition], list[str]]:
    """Group runs into conditions. The kernel makes no difference, since it changes only the last digits.

    Args:
        runs: as `read_runs` returns them.
        strict: whether contradicting runs are an error; otherwise their conditions are left out, with a note.

    Returns:
        The conditions, in the order of their first runs, data set by data set; and notes.

    Raises:
        DendrographError: two runs of one condition and one seed are not the same.
    """
    groups: dict[str, dict[Seed, FinishedRun]] = {}
    contradicted: set[str] = set()
    notes: list[str] = []
    for run in runs:
        record = run.run.record
        # The content has the values of parameters: one without effect makes no difference.
        key = json.dumps([record["graph"]["name"], record["data"]["digest"], run.config, run.content], sort_keys=True)
        same = groups.setdefault(key, {})
        other = same.setdefault(run.seed, run)
        if other is run:
            continue
        if (differ := _differing(run, other)) or run.metrics["test"] != other.metrics["test"]:
            problem = (
                f"{run.run.folder} and {other.run.folder}: different results of one condition and one seed "
                f"(they differ in: {', '.join(differ) or 'the test result'})"
            )
            if strict:
                raise DendrographError(f"{problem}\n  keep only one of the two runs")
            contradicted.add(key)
            notes.append(f"left out with its condition: {problem}")
            continue
        notes.append(f"left out: {run.run.folder}: the same run as {other.run.folder}")
    groups = {key: group for key, group in groups.items() if key not in contradicted}
    named: dict[str, dict[str, None]] = {}
    for group in groups.values():
        about = next(iter(group.values())).run.record["data"]
        named.setdefault(str(about["name"]), {})[str(about["digest"])] = None
    found = []
    for group in groups.values():
        record = next(iter(group.values())).run.record
        data = str(record["data"]["name"])
        data += f" {record['data']['digest']:.8}" if len(named[data]) > 1 else ""
        found.append(Condition("", str(record["graph"]["name"]), data, dict(sorted(group.items()))))
    order = list(dict.fromkeys(condition.data for condition in found))
    return _labelled(sorted(found, key=lambda condition: order.index(condition.data))), notes


def _differing(one: FinishedRun, other: FinishedRun) -> list[str]:
    """The names of recorded values that decide a result and differ between two runs."""
    a, b = one.run.record, other.run.record
    keys = [("network", key) for key in ("kernel", "kernels", "initial_weights", "threads")] + [
        ("graph", "connectivity_hash")
    ]
    return [key.replace("_", " ") for section, key in keys if a[section].get(key) != b[section].get(key)]


def _labelled(found: Sequence[Condition]) -> list[Condition]:
    """Conditions with labels, unique on each data set, and with the values that vary."""
    alike: dict[tuple[str, str], list[int]] = {}
    for position, condition in enumerate(found):
        alike.setdefault((condition.data, condition.morphology), []).append(position)
    firsts = [condition.first for condition in found]
    columns = dict.fromkeys(_varying([{**one.knobs, **one.config} for one in firsts], missing=False))
    labels = [""] * len(found)
    for (_, morphology), positions in alike.items():
        own = [firsts[position] for position in positions]
        settings = [{**one.knobs, **one.config} for one in own]
        keys = _varying(settings)
        paths = _unexplained(own)
        labelled = [tuple(side.get(key) for key in keys) for side in settings]
        named = _distinguishing(labelled, [one.content for one in own], paths)
        columns |= dict.fromkeys([*keys, *(paths if len(paths) <= MOST_COLUMNS else named)])
        for position, one in zip(positions, own, strict=True):
            words = [f"{key}={_short(one.settings.get(key, '-'))}" for key in (*keys, *named)]
            labels[position] = " ".join([morphology, *words])
    return [
        replace(
            condition,
            label=label,
            varied={key: _value(one.settings[key]) for key in columns if key in one.settings},
        )
        for condition, label, one in zip(found, labels, firsts, strict=True)
    ]


def _varying(sides: Sequence[Mapping[str, str]], missing: bool = True) -> list[str]:
    """The keys whose values differ. `missing`: whether a missing key counts as a difference."""
    values: dict[str, set[str]] = {}
    times: Counter[str] = Counter()
    for side in sides:
        times.update(side.keys())
        for key, value in side.items():
            values.setdefault(key, set()).add(value)
    return [key for key in values if len(values[key]) > 1 or (missing and times[key] < len(sides))]


def _unexplained(runs: Sequence[FinishedRun]) -> list[str]:
    """The paths in which morphologies of one name differ although their parameters are equal."""
    alike: dict[tuple[tuple[str, str], ...], list[Mapping[str, str]]] = {}
    for run in runs:
        alike.setdefault(tuple(sorted(run.knobs.items())), []).append(run.content)
    return list(dict.fromkeys(path for sides in alike.values() for path in _varying(sides)))


def _distinguishing(labelled: Sequence[tuple], sides: Sequence[Mapping[str, str]], paths: Sequence[str]) -> list[str]:
    """The paths for labels: the shortest of those that vary together, and of many only as many as are needed.

    Args:
        labelled: the values in the labels already.
        sides: one morphology each, by path.
        paths: those that differ.
    """

    def worst(path: str) -> tuple[int, int, int]:
        return sum(path not in side for side in sides), path.count("."), len(path)

    together: dict[tuple[str | None, ...], str] = {}
    for path in sorted(paths, key=worst):
        together.setdefault(tuple(side.get(path) for side in sides), path)
    named = [path for path in paths if path in set(together.values())]
    if len(named) <= MOST_PATHS:
        return named
    chosen: list[str] = []
    apart = len(set(labelled))
    while apart < len(labelled):
        both = list(zip(labelled, sides, strict=True))
        worth = {path: len({(*own, side.get(path)) for own, side in both}) for path in named}
        best = min(named, key=lambda path: (-worth[path], worst(path)))
        if worth[best] == apart:
            break
        chosen.append(best)
        apart = worth[best]
        labelled = [(*own, side.get(best)) for own, side in both]
    return chosen


def _short(value: str) -> str:
    """A value in a label: the digest of a plugin is shortened."""
    return value[:8] if re.fullmatch("[0-9a-f]{64}", value) else value


def with_settings(
    tables: Mapping[str, Sequence[Row]],
    varied: Mapping[Any, Mapping[str, Any]],
    of: Callable[[Row], Any],
    beside: str | tuple[str, ...],
) -> dict[str, tuple[dict[str, Any], ...]]:
    """Tables with a column for each parameter, setting and path that varies.

    If a table already has a column of that name, a parameter becomes `parameters.NAME` and a setting `train.NAME`.

    Args:
        tables: rows by the name of the table.
        varied: as `Condition.varied`.
        of: the key in `varied` of a row.
        beside: the columns after which they are inserted; each row has one of these.
    """
    after = (beside,) if isinstance(beside, str) else beside
    taken = {column for rows in tables.values() for row in rows for column in row}
    settings = {item.name for item in fields(TrainConfig)}
    names = {
        key: f"{'train' if key in settings else 'parameters'}.{key}" if key in taken else key
        for own in varied.values()
        for key in own
    }
    kinds = {key: {type(own[key]) for own in varied.values() if key in own} for key in names}
    # A column of a Parquet file holds one kind of values.
    mixed = {key for key, types in kinds.items() if len(types) > 1 and not types <= {int, float}}

    def widened(row: Row) -> dict[str, Any]:
        values = varied.get(of(row), {})
        new = {
            name: values.get(key) if key not in mixed or key not in values else _shown(values[key])
            for key, name in names.items()
        }
        made: dict[str, Any] = {}
        for key, value in row.items():
            made |= {key: value, **(new if key in after else {})}
        return made

    return {name: tuple(map(widened, rows)) for name, rows in tables.items()}
