"""The records of run folders: what is kept of them beside a page, where there is no room for weights."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dendrograph.base import files as atomic
from dendrograph.base.errors import RunError
from dendrograph.base.json_files import read_sealed, sealed
from dendrograph.base.tables import read_csv
from dendrograph.training.continual import Learned
from dendrograph.training.run import Run, is_run

KEPT = ("morphology.yaml", "history.csv", "metrics.json")
FOLDERS = ("run", "runs", "folder", "cheapest_run", "efficiency_cheapest_run")  # columns of tables that name folders


def keep(folders: Iterable[Path], target: Path) -> None:
    """Copy morphology, settings, history and metrics of each run, as far as they are not there already.

    Of paths to data the last two names are kept, here and below: the others tell of a machine, and nothing of the run.
    """
    for folder in folders:
        record = target / folder.name
        if record.resolve() == folder.resolve():
            continue  # the page lies beside the run folders themselves
        put(record / "run.json", _anywhere(Run.open(folder).record).encode())
        for name in KEPT:
            put(record / name, (folder / name).read_bytes())


def keep_learnings(folders: Iterable[Path], target: Path) -> None:
    """Write down what was learnt in turn in each folder: the tasks, the settings, and the accuracy on each task."""
    for folder in folders:
        put(target / f"{folder.name}.json", _anywhere(Learned.open(folder).record).encode())


def put(path: Path, content: bytes) -> None:
    """Write a file, unless that is what it holds already."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, content)


def drop_orphans(beside: Path) -> None:
    """Take away the records of runs and of learnings that no table in `beside` names any more; nothing but records.

    Where a table cannot be read, all records stay: it may name any of them.
    """
    try:
        named = {name for table in beside.glob("*.csv") for name in _named(table)}
    except (UnicodeDecodeError, csv.Error):
        return
    for folder in (beside / "runs").glob("*"):
        record = is_run(folder) and {path.name for path in folder.iterdir()} == {"run.json", *KEPT}
        if record and folder.name not in named and not folder.is_symlink():
            shutil.rmtree(folder)
    for file in (beside / "continual").glob("*.json"):
        if file.stem not in named and _is_learning(file):
            file.unlink()


def _is_learning(file: Path) -> bool:
    try:
        return "scenario" in read_sealed(file)
    except RunError:
        return False


def _named(table: Path) -> Iterable[str]:
    """The names of the folders behind a table."""
    for row in read_csv(table.read_bytes().decode()):
        for key in FOLDERS:
            yield from (Path(path).name for path in row.get(key, "").split("; "))


def _anywhere(record: Mapping[str, Any]) -> str:
    """A record, sealed anew, with the last two names of its paths to data."""
    data = dict(record["data"])
    data["source"] = _short(data["source"])
    if data["origin"].get("data_dir"):
        data["origin"] = {**data["origin"], "data_dir": _short(data["origin"]["data_dir"])}
    return sealed({**record, "data": data})


def _short(path: str) -> str:
    parts = Path(path).parts
    return "/".join(parts[-2:]) if len(parts) > 2 else path
