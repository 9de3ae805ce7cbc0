"""Data flows one way, and so do imports; what is light stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dendrograph

PACKAGE = Path(dendrograph.__file__).resolve().parent

# Each module imports only what stands above it. A new module gets its place here.
ORDER = (
    *("errors", "contents", "tables", "names", "expressions", "registering", "nonlinearities", "fields"),
    *("reading", "document", "library", "cursor", "plugins"),
    *("declared", "transfer", "cable", "synapses", "neuron", "layers"),
    *("morphology", "tree", "memory", "wiring", "trial", "graph", "effective", "verify", "compiler"),
    *(
        "kernels.tracing",
        "kernels.edges",
        "kernels.product",
        "kernels.messages",
        "kernels.reference",
        "kernels.scatter",
        "kernels.fused",
        "kernels.compiled",
    ),
    *("kernels.dense", "kernels.tree", "kernels.branch", "kernels", "plan", "initialisation"),
    *("network", "dendritic_layer"),
    *(
        "datafiles",
        "dataset",
        "tasks",
        "data",
        "atomic",
        "progress",
        "config",
        "checkpoint",
        "ranks",
        "evaluation",
    ),
    *("draw", "draw.files", "draw.learning", "draw.continual"),
    *("run", "record", "flat"),
    *("training", "experiment", "single", "sites", "stimulation"),
    *("comparison", "comparison.inference", "comparison.efficiency", "comparison.conditions"),
    *(
        "analysis",
        "analysis.disturbance",
        "analysis.lesions",
        "analysis.lesion_effects",
        "analysis.single_lesions",
        "analysis.curves",
        "analysis.robustness",
    ),
    *(
        "analysis.measures",
        "analysis.activity",
        "analysis.distributions",
        "analysis.generalisation",
        "analysis.embedding",
        "analysis.parts",
        "analysis.over_seeds",
        "analyse",
    ),
    *("continual.answers", "continual.forgetting", "continual"),
    *("samples", "swc", "reduction", "importing"),
    *("export.content", "export.subject", "export.rows"),
    *("export.graphml", "export.dot", "export.node_link", "export.tables", "export.arrays", "export.geometric"),
    *("export.multigraph", "export.tree_layout", "export.swc_tree", "export.unrolled", "export.onnx_model"),
    *("export.folded", "export.mermaid", "export.tikz", "export"),
    *("controls.point_layers", "controls.tree_controls", "controls.matching", "controls"),
    *("schema", "starter"),
    *("draw.scene", "draw.style", "draw.layout", "draw.places", "draw.receptive", "draw.render"),
    *(
        "draw.legend",
        "draw.chart",
        "draw.branches",
        "draw.labels",
        "draw.neuron",
        "draw.columns",
        "draw.network",
        "draw.fields",
        "draw.matrix",
    ),
    *("draw.weights", "draw.activity", "draw.panels", "draw.interactive", "drawn", "drawing"),
    "draw.stimulation",
    *("draw.plots", "draw.embeddings", "draw.selectivity", "draw.densities", "draw.generalisation", "draw.hits"),
    *("draw.robustness", "draw.analysis", "describe", "analysis.reporting"),
    *("comparison.selection", "compare"),
    *("draw.comparison", "draw.differences", "comparison.reporting"),
    *("together.union", "together.joint", "together"),
    *(
        "sweep",
        "sweep.cells",
        "sweep.choices",
        "sweep.sources",
        "sweep.axes",
        "sweep.language",
        "sweep.folder",
        "sweep.cost",
        "sweep.jobs",
        "sweep.interrupts",
        "sweep.workers",
    ),
    *("sweep.display", "sweep.sweeping"),
    *(
        "reproduce",
        "reproduce.experiments",
        "reproduce.records",
        "reproduce.products",
        "reproduce.page",
        "reproduce.learnings",
        "reproduce.reproducing",
    ),
    *(
        "commands",
        "commands.options",
        "commands.training",
        "commands.analysis",
        "commands.sweeping",
        "commands.comparison",
        "commands.reproducing",
        "commands.inspection",
        "commands.controls",
        "commands.figures",
        "commands.files",
        "commands.continual",
    ),
    *("cli", "__main__"),
)

# What is looked up when it is first used, and named for type checkers.
LATER = {"draw": {"drawing"}, "graph": {"effective"}}

# Up to here a morphology can be read and checked, and its wiring drawn, without PyTorch.
WITHOUT_TORCH = ORDER[: ORDER.index("wiring") + 1]

HEAVY = ("matplotlib", "networkx", "numpy", "pandas", "psutil", "rich", "ruamel", "safetensors", "scipy", "sklearn")
HEAVY += ("dask", "distributed", "pyarrow", "umap")
HEAVY += ("onnx", "onnxruntime", "onnxscript", "torch", "torch_geometric", "torch_scatter", "typer")


def _modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if name != "__init__":
            found[name] = path
    return found


MODULES = _modules()


def _imported(tree: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    """Modules of the package that a file imports, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("dendrograph."):
                    yield alias.name.removeprefix("dendrograph.")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "dendrograph":
            base = node.module.removeprefix("dendrograph").removeprefix(".")
            for alias in node.names:
                deeper = f"{base}.{alias.name}".removeprefix(".")
                if deeper in known:
                    yield deeper
                elif base:
                    yield base


def test_every_module_has_its_place_in_the_order() -> None:
    assert len(set(ORDER)) == len(ORDER)
    assert {"errors", "morphology", "tree", "wiring", "graph", "compiler", "kernels", "plan", "network"} <= set(MODULES)
    assert set(MODULES) <= set(ORDER), "a new module: say in ORDER what it may import"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_what_stands_above_it(name: str) -> None:
    above = set(ORDER[: ORDER.index(name)]) | LATER.get(name, set())
    for imported in _imported(ast.parse(MODULES[name].read_text(encoding="utf-8")), MODULES):
        assert imported in above, f"{name} imports {imported}, which stands below it"


def test_the_parser_sees_imports_of_every_form() -> None:
    text = """
import dendrograph.graph
from dendrograph import errors, memory as m
from dendrograph.kernels import KERNELS, tree
if False:
    from dendrograph.plan import plan
def f():
    from dendrograph.network import build
from dendrograph import __version__
import numpy
"""
    assert set(_imported(ast.parse(text), MODULES)) == {
        *("graph", "errors", "memory", "kernels", "kernels.tree", "plan", "network")
    }


@pytest.mark.parametrize("name", ["", *sorted(MODULES)])
def test_imports_are_absolute_and_by_name(name: str) -> None:
    path = MODULES[name] if name else PACKAGE / "__init__.py"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            assert all(alias.name != "*" for alias in node.names), f"line {node.lineno}: import *"


def _loaded_by(statement: str) -> set[str]:
    """Top-level packages that a fresh interpreter holds after a statement, less those that it held before."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    fresh = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in fresh.stdout.split()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = _loaded_by("import dendrograph")
    assert "dendrograph" in loaded
    assert not loaded & set(HEAVY)
    assert not loaded - set(sys.stdlib_module_names) - {"dendrograph"}, "the standard library and no more"


def test_the_command_line_starts_light() -> None:
    if "cli" not in MODULES:
        pytest.skip("there is no command line yet")
    loaded = _loaded_by("import dendrograph.cli")
    assert "dendrograph" in loaded
    assert not loaded & {"matplotlib", "networkx", "numpy", "scipy", "sklearn", "torch"}


def test_a_morphology_is_read_and_wired_without_torch() -> None:
    names = [f"dendrograph.{name}" for name in WITHOUT_TORCH if name in MODULES]
    assert {"dendrograph.morphology", "dendrograph.tree", "dendrograph.wiring"} <= set(names)
    loaded = _loaded_by(f"import {', '.join(names)}; dendrograph.load('dann-lrf')")
    assert {"dendrograph", "numpy", "networkx"} <= loaded
    assert not loaded & {"torch", "torch_scatter", "sklearn", "matplotlib"}


def test_the_test_would_see_what_is_heavy() -> None:
    assert {"torch", "numpy"} <= _loaded_by("import dendrograph.network")


def test_public_names_are_found_when_they_are_first_used() -> None:
    for name in dendrograph.__all__:
        assert name in dir(dendrograph)
        assert getattr(dendrograph, name) is not None
    assert dendrograph.load("dann-lrf").name == "dann-lrf"
    with pytest.raises(AttributeError, match="module 'dendrograph' has no attribute 'laod'"):
        _ = dendrograph.laod
