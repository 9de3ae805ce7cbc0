"""Loaded by each worker: Ctrl-C on a terminal reaches all processes, and only the sweep itself is to answer it."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Called by dask in the worker's process; the sweep ends its workers in its own time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
