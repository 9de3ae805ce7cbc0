"""What every test stands on: settings made before anything heavy is imported, and the data beside the checkout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
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


# Optional parts of an installation, each with the module that is hidden to run as where it is missing.
OPTIONAL = {"torch-scatter": "torch_scatter", "compiled": "dendrograph.kernels._native"}


def pytest_addoption(parser: pytest.Parser) -> None:
    for part in OPTIONAL:
        parser.addoption(f"--without-{part}", action="store_true", help=f"run as where {part} is not installed")


def _hidden(config: pytest.Config) -> list[str]:
    return [part for part in OPTIONAL if config.getoption(f"--without-{part}")]


def pytest_configure(config: pytest.Config) -> None:
    for part in _hidden(config):
        if "dendrograph" in sys.modules:
            raise pytest.UsageError(f"--without-{part} comes too late: dendrograph is already imported")
        sys.modules[OPTIONAL[part]] = None  # type: ignore[assignment]  # to import it now fails


def pytest_report_header(config: pytest.Config) -> str:
    return ", ".join(f"{part}: {'hidden' if part in _hidden(config) else 'as installed'}" for part in OPTIONAL)


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[None]:
    """What a test adds to the language, by itself or by plugins that lie in its folder, is gone after it."""
    from dendrograph import fields, nonlinearities, plugins

    before = [(registry, dict(registry)) for registry in (nonlinearities.NONLINEARITIES, fields.OWN, plugins.IMPORTED)]
    path = list(sys.path)
    yield
    for registry, content in before:
        registry.clear()
        registry.update(content)  # type: ignore[arg-type]
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def hiding(request: pytest.FixtureRequest) -> str:
    """A line of Python that hides in a fresh process what is hidden in this one."""
    modules = [OPTIONAL[part] for part in _hidden(request.config)]
    return f"import sys; sys.modules.update(dict.fromkeys({modules!r}))"


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


@pytest.fixture(scope="module")
def nothing_is_drawn() -> Iterator[None]:
    """Learning curves have tests of their own, and take longer than most trainings here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dendrograph.run.as_bytes", lambda figure, form: b"")
        yield
