"""What every test stands on: settings made before anything heavy is imported, and the data beside the checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

os.environ["MPLBACKEND"] = "Agg"
os.environ["NO_COLOR"] = "1"  # messages are compared as plain text
for name in ("FORCE_COLOR", "DENDROGRAPH_DATA"):  # what a developer has set must not reach the tests
    os.environ.pop(name, None)
# One thread a process: several test processes share the cores. A test that is about threads sets its own number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples at every run; `--hypothesis-profile=explore` draws fresh ones, and more of them.
slow_is_fine = [HealthCheck.too_slow]
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True, suppress_health_check=slow_is_fine)
settings.register_profile("explore", max_examples=1000, deadline=None, suppress_health_check=slow_is_fine)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-torch-scatter",
        action="store_true",
        help="run as on a machine where torch-scatter is not installed",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--without-torch-scatter"):
        if "dendrograph" in sys.modules:
            raise pytest.UsageError("--without-torch-scatter comes too late: dendrograph is already imported")
        sys.modules["torch_scatter"] = None  # type: ignore[assignment]  # `import torch_scatter` now fails


def pytest_report_header(config: pytest.Config) -> str:
    return f"torch-scatter: {'hidden' if config.getoption('--without-torch-scatter') else 'as installed'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the published data sets' files, which is kept beside the checkout and not in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets are not here: no folder {folder}")
    return folder
