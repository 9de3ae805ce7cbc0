"""The records of finished runs as tables, for a page of results: everything in a run folder except weights and figures.

runs.csv                       one row a run: a column for each value of run.json and of metrics.json
history.csv                    one row a run and epoch
continual.csv                  one row a network that learned tasks in turn: the values of its continual.json
../morphologies/SHA256.yaml    each different morphology once, named by the SHA-256 of its text

A cell holds a value as JSON, or a text as it is. An empty cell means that the run lacks the value. The column `sha256`
is the digest of all that the row says, the history and the morphology included, so that damage and edits show.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dendrograph.base import files
from dendrograph.base.errors import RunError
from dendrograph.base.json_files import seal, sealed
from dendrograph.base.tables import columns_of, read_csv, to_csv
from dendrograph.training.continual import FILE as CONTINUAL_FILE
from dendrograph.training.continual import Learned
from dendrograph.training.run import Run
from dendrograph.training.run_format import COLUMNS

RUNS, HISTORY, CONTINUAL, MORPHOLOGIES = "runs.csv", "history.csv", "continual.csv", "morphologies"
FOLDERS = ("run", "runs", "folder", "cheapest_run", "efficiency_cheapest_run")  # columns of tables that name folders
KEY = re.compile(r"[\w -]+")  # a name in a mapping that can be a part of a column's name
REMEDY = "take the file from a copy; a record cannot be edited"


@dataclass(frozen=True)
class RunRecord:
    """A finished run without its weights.

    content: the content of run.json, and of metrics.json under `metrics`
    history: the text of history.csv
    morphology: the text of morphology.yaml
    """

    content: Mapping[str, Any]
    history: str
    morphology: bytes

    @classmethod
    def of(cls, folder: Path) -> RunRecord:
        """Read the record of a run folder.

        Raises:
            RunError: the run has not ended, or its folder is damaged.
        """
        run = Run.open(folder)
        content = {**_with_short_paths(run.record), "metrics": run.metrics}
        _ = run.history  # checks history.csv
        return cls(content=content, history=(folder / "history.csv").read_text(), morphology=run.text)

    def seal(self, name: str) -> str:
        """The digest of the record under its name; the content has the digest of the morphology."""
        return seal([name, self.content, self.history])

    def restore(self, folder: Path) -> None:
        """Write a run folder without weights, which can be compared and drawn."""
        run = {key: value for key, value in self.content.items() if key != "metrics"}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(sealed(run))
        (folder / "metrics.json").write_text(sealed(self.content["metrics"]))
        (folder / "history.csv").write_text(self.history)
        (folder / "morphology.yaml").write_bytes(self.morphology)


def read_runs(folder: Path) -> dict[str, RunRecord]:
    """The records of a folder by the names of their runs; none where there is no table.

    Raises:
        RunError: a table or a morphology is missing or damaged, or a row is not what its SHA-256 says.
    """
    rows = _read(folder / RUNS)
    epochs: dict[str, list[str]] = {}
    for row in _read(folder / HISTORY) if rows else ():
        epochs.setdefault(row["run"], [",".join(COLUMNS)]).append(",".join(row.get(key, "") for key in COLUMNS))
    texts: dict[str, bytes] = {}
    records = {}
    for line, row in enumerate(rows, start=2):
        name, content = row["run"], _unflattened(row)
        if not (digest := row.get("graph.morphology")):
            raise _changed(folder / RUNS, line, name)
        if digest not in texts:
            texts[digest] = _read_morphology(folder.parent / MORPHOLOGIES / f"{digest}.yaml", digest)
        history = "".join(f"{epoch}\n" for epoch in epochs.get(name, ()))
        record = records[name] = RunRecord(content=content, history=history, morphology=texts[digest])
        if record.seal(name) != row.get("sha256"):
            raise _changed(folder / RUNS, line, f"{name}, with its rows of {HISTORY},")
    return records


def read_continual(folder: Path) -> dict[str, Mapping[str, Any]]:
    """The content of each continual.json, by the name of its folder; none where there is no table.

    Raises:
        RunError: the table is damaged, or a row is not what its SHA-256 says.
    """
    records: dict[str, Mapping[str, Any]] = {}
    for line, row in enumerate(_read(folder / CONTINUAL), start=2):
        name = row["folder"]
        records[name] = _unflattened(row)
        if seal([name, records[name]]) != row.get("sha256"):
            raise _changed(folder / CONTINUAL, line, name)
    return records


def write_runs(folder: Path, records: Mapping[str, RunRecord]) -> None:
    """Write the tables of runs and their morphologies; files that hold the same already are left alone."""
    rows, epochs = [], []
    for name, record in records.items():
        rows.append({"run": name, **dict(_flattened(record.content)), "sha256": record.seal(name)})
        epochs += [{"run": name, **row} for row in csv.DictReader(record.history.splitlines())]
        digest = record.content["graph"]["morphology"]
        put(folder.parent / MORPHOLOGIES / f"{digest}.yaml", record.morphology)
    _write(folder / RUNS, rows)
    _write(folder / HISTORY, epochs)


def write_continual(folder: Path, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the table of networks that learned tasks in turn."""
    rows = [
        {"folder": name, **dict(_flattened(content)), "sha256": seal([name, content])}
        for name, content in records.items()
    ]
    _write(folder / CONTINUAL, rows)


def keep(runs: Iterable[Path], continual: Iterable[Path], place: Path, target: Path) -> None:
    """Keep the records of run folders in the tables of `target`, and drop records that no other table there names.

    Where one of the other tables cannot be read, all records stay, since it may name any of them. Of paths to data only
    the last two names are kept: the others describe a machine, not a run.

    Args:
        runs: run folders.
        continual: folders of tasks that were learned in turn.
        place: the folder from which the tables name runs.
        target: where the tables are; the morphologies are in the folder beside it.

    Raises:
        RunError: a run or a table is damaged, or cannot be written.
    """
    kept = read_runs(target) | {_name(folder, place): RunRecord.of(folder) for folder in runs}
    learned = read_continual(target) | {
        _name(folder, place): _with_short_paths(Learned.open(folder).record) for folder in continual
    }
    try:
        named = {name for table in target.glob("*/*.csv") for name in _named(table)}
        kept = {name: record for name, record in kept.items() if name in named}
        learned = {name: record for name, record in learned.items() if name in named}
    except (UnicodeDecodeError, csv.Error):
        pass
    write_runs(target, dict(sorted(kept.items())))
    write_continual(target, dict(sorted(learned.items())))
    _drop_unused_morphologies(target.parent)


def restore(folder: str | Path, out: str | Path) -> list[Path]:
    """Write the run folders of all records in a folder, without weights, so that they can be compared and drawn.

        from dendrograph.experiments.reproduce.records import restore

        restore("docs/results/small", "restored")

    Args:
        folder: with runs.csv, history.csv or continual.csv.
        out: the folder under which the run folders are made; the tables have their names from there.

    Returns:
        The folders of the runs, and of the tasks that were learned in turn.

    Raises:
        RunError: there are no records, or they are damaged.
    """
    folder, out = Path(folder), Path(out)
    runs, learned = read_runs(folder), read_continual(folder)
    if not runs and not learned:
        raise RunError(f"{folder}: no records: it holds no {RUNS} and no {CONTINUAL}\n  give a folder of docs/results")
    for name, record in runs.items():
        record.restore(out / name)
    for name, content in learned.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / name / CONTINUAL_FILE).write_text(sealed(content))
    return [out / name for name in (*runs, *learned)]


def put(path: Path, content: bytes) -> None:
    """Write a file, unless it holds that content already."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, content)


def _flattened(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each value of a mapping with the path to it, `graph.parameters`, as the text of a cell."""
    if isinstance(value, Mapping) and value and all(KEY.fullmatch(key) for key in value):
        for key, part in value.items():
            yield from _flattened(part, f"{path}.{key}" if path else key)
    elif isinstance(value, str) and value and isinstance(_parsed(value), str) and not value.startswith('"'):
        yield path, value
    else:
        yield path, json.dumps(value, separators=(",", ":"))


def _unflattened(row: Mapping[str, str]) -> dict[str, Any]:
    """The mapping that `_flattened` made into cells."""
    content: dict[str, Any] = {}
    for column, cell in row.items():
        if cell and column not in ("run", "folder", "sha256"):
            *sections, key = column.split(".")
            inner = content
            for section in sections:
                inner = inner.setdefault(section, {})
            inner[key] = _parsed(cell)
    return content


def _parsed(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        return read_csv(path.read_bytes().decode())
    except (OSError, ValueError, csv.Error, IndexError) as error:
        raise RunError(f"{path}: cannot be read: {error}\n  {REMEDY}") from None


def _read_morphology(path: Path, digest: str) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}\n  {REMEDY}") from None
    if hashlib.sha256(text).hexdigest() != digest:
        raise RunError(f"{path}: damaged or changed: not the text whose SHA-256 is the file's name\n  {REMEDY}")
    return text


def _changed(path: Path, line: int, name: str) -> RunError:
    return RunError(f"{path}:{line}: damaged or changed: {name} is not what its SHA-256 says\n  {REMEDY}")


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    if rows:
        columns = sorted(columns_of(rows), key="sha256".__eq__)  # last
        put(path, to_csv(rows, columns).encode())
    else:
        path.unlink(missing_ok=True)


def _name(folder: Path, place: Path) -> str:
    return folder.relative_to(place).as_posix()


def _named(table: Path) -> Iterator[str]:
    """The names of the folders behind the rows of a table."""
    for row in read_csv(table.read_bytes().decode()):
        for key in FOLDERS:
            yield from row.get(key, "").split("; ")


def _drop_unused_morphologies(results: Path) -> None:
    """Delete the morphologies that no table of runs names; nothing, where one of them cannot be read."""
    try:
        used = {row.get("graph.morphology") for table in results.glob(f"*/{RUNS}") for row in _read(table)}
    except RunError:
        return
    for path in (results / MORPHOLOGIES).glob("*.yaml"):
        if path.stem not in used and hashlib.sha256(path.read_bytes()).hexdigest() == path.stem:
            path.unlink()


def _with_short_paths(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the last two names of its paths to data."""
    data = dict(record["data"])
    data["source"] = _short(data["source"])
    if data["origin"].get("data_dir"):
        data["origin"] = {**data["origin"], "data_dir": _short(data["origin"]["data_dir"])}
    return {**record, "data": data}


def _short(path: str) -> str:
    parts = Path(path).parts
    return "/".join(parts[-2:]) if len(parts) > 2 else path
