"""The records of run folders: what is kept of them beside a page, where there is no room for weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dendrograph import atomic
from dendrograph.continual import Learned
from dendrograph.run import Run, sealed

KEPT = ("morphology.yaml", "history.csv", "metrics.json")


def keep(folders: Iterable[Path], target: Path) -> None:
    """Copy morphology, settings, history and metrics of each run; those that are kept already are left as they are.

    Of paths to data the last two names are kept, here and below: the others tell of a machine, and nothing of the run.
    """
    for folder in folders:
        if (target / folder.name / "metrics.json").is_file():
            continue
        files = {"run.json": _anywhere(Run.open(folder).record)}
        files |= {name: (folder / name).read_text(encoding="utf-8") for name in KEPT}
        atomic.make_folder(target / folder.name, files)


def keep_learnings(folders: Iterable[Path], target: Path) -> None:
    """Write down what was learnt in turn in each folder: the tasks, the settings, and the accuracy on each task."""
    target.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        atomic.write(target / f"{folder.name}.json", _anywhere(Learned.open(folder).record))


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
