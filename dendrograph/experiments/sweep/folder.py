"""What a sweep leaves on disk.

sweep.yaml     the file, as it was when the sweep last began
cells.json     its trainings: names, identities, what varies
runs/NAME/     a run folder for each
failures.json  what could not be trained, with the error; only where there is any
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

from dendrograph.base import files as atomic
from dendrograph.base.errors import RunError, argument
from dendrograph.base.json_files import sealed
from dendrograph.experiments.sweep.file import Sweep
from dendrograph.experiments.sweep.runs import SweepRun

OF_A_SWEEP = {"sweep.yaml", "runs", "failures.json"}
OF_A_SWEEP |= {"results", "continual"}  # `dendrograph reproduce` keeps its tables and learnings with its runs


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other sweeps out of the folder; the hold ends with the process, however it ends.

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
    """Make the folder, if it is not there, and mark it as a sweep's: by its locks it is known, whatever else is in it.

    Raises:
        DendrographError: it is something else, or cannot be made.
    """
    check_sweep_folder(folder)
    try:
        (folder / ".locks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> RunError:
    return RunError(f"{folder}: cannot be written: {error.strerror}\n  give a writable folder by {argument('out')}")


def check_sweep_folder(folder: Path) -> None:
    """Hold a folder to what a sweep can begin or go on in; nothing is written.

    Raises:
        DendrographError: it is something else, or could not be made.
    """
    if not folder.exists():
        atomic.check_new_folder(folder)
        return
    if not folder.is_dir():
        raise RunError(f"{folder}: is no folder\n  give another by {argument('out')}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RunError(f"{folder}: cannot be written\n  give a writable folder by {argument('out')}")
    if (folder / "runs").exists() and not (folder / "runs").is_dir():
        raise RunError(f"{folder / 'runs'}: is no folder\n  give another by {argument('out')}")
    # A sweep that was killed early, or has lost its cells.json, is known by its locks.
    own = OF_A_SWEEP if (folder / ".locks").is_dir() else set()
    there = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
    if "cells.json" not in there and not there <= own:
        raise RunError(
            f"{folder}: something is there already, and it is no sweep\n  give another folder by {argument('out')}"
        )


def adopted(folder: Path, sweep: Sweep) -> Sweep:
    """The sweep, with the names that its runs have in the folder already.

    A file that varies something more would name its old runs anew; their runs are found by their identity.
    """
    there: dict[str, list[str]] = {}
    for name in sorted(entry.name for entry in folder.glob("runs/*")):
        there.setdefault(run_mark(name), []).append(name)

    def named(run: SweepRun) -> SweepRun:
        names = there.get(run.mark, [run.name])
        if run.name in names:
            return run
        known = [replace(run, name=name) for name in names]
        # Of copies, one that has ended.
        return next((one for one in known if len(known) > 1 and one.has_ended(folder)), known[0])

    return replace(sweep, runs=tuple(named(run).as_begun(folder) for run in sweep.runs))


def run_mark(name: str) -> str:
    """The end of a run folder's name that `SweepRun.mark` gives; empty where it is no run's."""
    found = re.search(r"-seed\d+-[0-9a-f]{12}\Z", name)
    return found[0] if found else ""


def begin(folder: Path, sweep: Sweep) -> None:
    """Write what the sweep is about to do, and take away what killed processes have left half made."""
    atomic.clear_left_behind(folder / "runs", [run.name for run in sweep.runs])
    atomic.clear(folder, ("sweep.yaml", "cells.json", "failures.json"))
    atomic.write(folder / "sweep.yaml", sweep.text)
    content = {"name": sweep.name, "cells": [run.record() for run in sweep.runs]}
    atomic.write(folder / "cells.json", sealed(content))


def finished(folder: Path, runs: Sequence[SweepRun]) -> set[str]:
    """The names of runs whose run has ended, and is whole."""
    return {run.name for run in runs if run.has_ended(folder)}


def epochs(folder: Path, run: SweepRun) -> int:
    """How many epochs of a run are done, by its history."""
    try:
        return max(0, (run.run_folder(folder) / "history.csv").read_bytes().count(b"\n") - 1)
    except OSError:
        return 0


def strangers(folder: Path, sweep: Sweep) -> list[str]:
    """Run folders that are not of the sweep: of the file as it was before."""
    runs = folder / "runs"
    known = {run.name for run in sweep.runs}
    return (
        sorted(entry.name for entry in runs.iterdir() if entry.name not in known and entry.name[0] != ".")
        if runs.is_dir()
        else []
    )


def note_failures(folder: Path, failures: Mapping[str, str]) -> None:
    """Keep what could not be trained, with the error; no failure, no file."""
    path = folder / "failures.json"
    if failures:
        atomic.write(path, json.dumps(dict(sorted(failures.items())), indent=1) + "\n")
    else:
        path.unlink(missing_ok=True)
