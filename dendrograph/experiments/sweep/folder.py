"""The folder of a sweep.

sweep.yaml     the file, as it was when the sweep last began
cells.json     its runs: names, identities, and the values that vary
runs/NAME/     a run folder for each
failures.json  the runs that could not be trained, with their errors; only if there are any
.locks/        which run is being trained, and whether a sweep is at work in the folder
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from dendrograph.base import files
from dendrograph.base.errors import RunError, argument
from dendrograph.base.json_files import sealed
from dendrograph.experiments.sweep.file import Sweep
from dendrograph.experiments.sweep.runs import SweepRun

OF_A_SWEEP = {"sweep.yaml", "runs", "failures.json"}
OF_A_SWEEP |= {"results", "continual"}  # of `dendrograph reproduce`


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other sweeps out of the folder. The lock ends with the process, however it ends.

    Raises:
        RunError: another sweep is at work in it, or the folder is something else.
    """
    make_sweep_folder(folder)
    lock = FileLock(folder / ".locks" / "sweep.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(
            f"{folder}: a sweep is at work in it\n  wait for it, or give another folder by {argument('out')}"
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        yield
    finally:
        lock.release()


def make_sweep_folder(folder: Path) -> None:
    """Make the folder if necessary, and mark it as that of a sweep by its locks.

    Raises:
        DendrographError: it is the folder of something else, or cannot be made.
    """
    check_sweep_folder(folder)
    try:
        (folder / ".locks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> RunError:
    return RunError(f"{folder}: cannot be written: {error.strerror}\n  give a writable folder by {argument('out')}")


def check_sweep_folder(folder: Path) -> None:
    """Check that a sweep can begin or continue in a folder; nothing is written.

    Raises:
        DendrographError: it is the folder of something else, or could not be made.
    """
    if not folder.exists():
        files.check_new_folder(folder)
        return
    if not folder.is_dir():
        raise RunError(f"{folder}: not a folder\n  give another by {argument('out')}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RunError(f"{folder}: cannot be written\n  give a writable folder by {argument('out')}")
    if (folder / "runs").exists() and not (folder / "runs").is_dir():
        raise RunError(f"{folder / 'runs'}: not a folder\n  give another by {argument('out')}")
    # The locks identify a sweep that was killed early or has lost its cells.json.
    own = OF_A_SWEEP if (folder / ".locks").is_dir() else set()
    there = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
    if "cells.json" not in there and not there <= own:
        raise RunError(f"{folder}: it holds something else than a sweep\n  give another folder by {argument('out')}")


def with_existing_names(folder: Path, sweep: Sweep) -> Sweep:
    """The sweep, with the names that its runs already have in the folder.

    A file that varies one more value gives its old runs other names. Their folders are found by their identity.
    """
    there: dict[str, list[str]] = {}
    for name in sorted(entry.name for entry in folder.glob("runs/*")):
        there.setdefault(run_mark(name), []).append(name)

    def named(run: SweepRun) -> SweepRun:
        names = there.get(run.mark, [run.name])
        if run.name in names:
            return run
        known = [replace(run, name=name) for name in names]
        # Among copies, one that has ended.
        return next((one for one in known if len(known) > 1 and one.has_ended(folder)), known[0])

    return replace(sweep, runs=tuple(named(run).as_begun(folder) for run in sweep.runs))


def run_mark(name: str) -> str:
    """The end of a run folder's name, as `SweepRun.mark` makes it; empty for other folders."""
    found = re.search(r"-seed\d+-[0-9a-f]{12}\Z", name)
    return found[0] if found else ""


def begin(folder: Path, sweep: Sweep) -> None:
    """Write the plan of the sweep, and delete unfinished files of killed processes."""
    files.clear_left_behind(folder / "runs", [run.name for run in sweep.runs])
    files.clear(folder, ("sweep.yaml", "cells.json", "failures.json"))
    files.write(folder / "sweep.yaml", sweep.text)
    content = {"name": sweep.name, "cells": [run.record() for run in sweep.runs]}
    files.write(folder / "cells.json", sealed(content))


def finished(folder: Path, runs: Sequence[SweepRun]) -> set[str]:
    """The names of the runs that have ended and are complete."""
    return {run.name for run in runs if run.has_ended(folder)}


def epochs(folder: Path, run: SweepRun) -> int:
    """The number of epochs of a run that are done, from its history."""
    try:
        return max(0, (run.run_folder(folder) / "history.csv").read_bytes().count(b"\n") - 1)
    except OSError:
        return 0


def other_runs(folder: Path, sweep: Sweep) -> list[str]:
    """The run folders that are not of the sweep, such as those of an earlier version of its file."""
    runs = folder / "runs"
    known = {run.name for run in sweep.runs}
    return (
        sorted(entry.name for entry in runs.iterdir() if entry.name not in known and entry.name[0] != ".")
        if runs.is_dir()
        else []
    )


def write_failures(folder: Path, failures: Mapping[str, str]) -> None:
    """Write failures.json, or delete it where there are none."""
    path = folder / "failures.json"
    if failures:
        files.write(path, json.dumps(dict(sorted(failures.items())), indent=1) + "\n")
    else:
        path.unlink(missing_ok=True)
