"""The machine and the versions that numbers were measured with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch

import dendrograph

ABSENT = "not installed"


def describe() -> dict[str, str]:
    """What a reader needs to judge a number, as labels and texts."""
    return {
        "CPU": _cpu(),
        "cores": f"{psutil.cpu_count(logical=False) or '?'} ({os.cpu_count()} logical)",
        "threads used by PyTorch": str(torch.get_num_threads()),
        "RAM": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "OS": platform.platform(),
        "Python": platform.python_version(),
        "PyTorch": torch.__version__,
        "torch_scatter": _version("torch_scatter"),
        "torch_geometric": _version("torch_geometric"),
        "dendrograph": dendrograph.__version__,
    }


def load() -> float | None:
    """How many processes have wanted to run in the last minute, this one's included; None where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    """The model's name; Linux keeps it where `platform` does not look."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT
