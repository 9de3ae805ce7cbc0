"""What every test stands on: settings made before anything heavy is imported, and the data beside the checkout."""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
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
OPTIONAL = {"torch-scatter": "torch_scatter", "compiled": "dendrograph.network.kernels._native"}


def pytest_addoption(parser: pytest.Parser) -> None:
    for part in OPTIONAL:
        parser.addoption(f"--without-{part}", action="store_true", help=f"run as where {part} is not installed")
    parser.addoption(
        "--fuzz", action="store_true", help="run every seed of the tests in tests/laws/fuzz, not the first few"
    )


def _hidden(config: pytest.Config) -> list[str]:
    return [part for part in OPTIONAL if config.getoption(f"--without-{part}")]


def pytest_configure(config: pytest.Config) -> None:
    for part in _hidden(config):
        if "dendrograph" in sys.modules:
            raise pytest.UsageError(f"--without-{part} comes too late: dendrograph is already imported")
        sys.modules[OPTIONAL[part]] = None  # type: ignore[assignment]  # to import it now fails


def pytest_report_header(config: pytest.Config) -> str:
    return ", ".join(f"{part}: {'hidden' if part in _hidden(config) else 'as installed'}" for part in OPTIONAL)


# Fuzzing. A test marked `@pytest.mark.fuzz("runs", 2000)` takes `seeds`, a range: `make fuzz` covers all of them in
# parts, `make test` the first few of the same seeds. It counts by `tally` what became of each, for the summary.
FEW_SEEDS = 25


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("fuzz")
    if marker is None:
        return
    number = marker.args[1] if metafunc.config.getoption("--fuzz") else FEW_SEEDS
    parts = [range(start, min(start + FEW_SEEDS, number)) for start in range(0, number, FEW_SEEDS)]
    metafunc.parametrize("seeds", parts, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Count an outcome of one fuzzed input, such as "refused", for the summary of the session."""
    counts: dict[str, int] = {}  # xdist sends plain values only
    request.node.user_properties.append((f"fuzz {request.node.get_closest_marker('fuzz').args[0]}", counts))

    def count(outcome: str) -> None:
        counts[outcome] = counts.get(outcome, 0) + 1

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for report in (one for reports in terminalreporter.stats.values() for one in reports):
        if getattr(report, "when", "") == "call":
            for name, counts in report.user_properties:
                if name.startswith("fuzz "):
                    kinds[name].update(counts)
    if kinds:
        terminalreporter.section("fuzzing")
    for kind, outcomes in sorted(kinds.items()):
        listed = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.most_common())
        terminalreporter.line(f"{kind}: {outcomes.total():,} inputs: {listed}")


@pytest.fixture
def at_the_command_line() -> Iterator[None]:
    """Messages name arguments as options (`--out`), as they do for whoever runs a command."""
    from dendrograph.base.errors import for_command_line

    with for_command_line():
        yield


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[None]:
    """What a test adds to the language, by itself or by plugins that lie in its folder, is gone after it."""
    from dendrograph.morphology import nonlinearities, plugins
    from dendrograph.morphology import receptive_fields as fields

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
    for item in items:  # data made for a test are often odd; what is said of them is tested where it is the subject
        item.add_marker(pytest.mark.filterwarnings("ignore::dendrograph.base.errors.DataWarning"))
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
