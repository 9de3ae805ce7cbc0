"""The records of run folders: what is kept of them beside a page, where there is no room for weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dendrograph import atomic
from dendrograph.run import Run, sealed

KEPT = ("morphology.yaml", "history.csv", "metrics.json")


def keep(folders: Iterable[Path], target: Path) -> None:
    """Copy morphology, settings, history and metrics of each run; those that are kept already are left as they are.

    Of paths to data the last two names are kept: the others tell of a machine, and nothing of the run.
    """
    for folder in folders:
        if (target / folder.name / "metrics.json").is_file():
            continue
        run = Run.open(folder)
        data = dict(run.record["data"])
        data["source"] = _short(data["source"])
        if data["origin"].get("data_dir"):
            data["origin"] = {**data["origin"], "data_dir": _short(data["origin"]["data_dir"])}
        files = {"run.json": sealed({**run.record, "data": data})}
        files |= {name: (folder / name).read_text(encoding="utf-8") for name in KEPT}
        atomic.make_folder(target / folder.name, files)


def _short(path: str) -> str:
    parts = Path(path).parts
    return "/".join(parts[-2:]) if len(parts) > 2 else path
