"""What is light stays light: the package and the command line start without heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dendrograph

PACKAGE = Path(dendrograph.__file__).resolve().parent

HEAVY = ("matplotlib", "networkx", "numpy", "pandas", "psutil", "rich", "ruamel", "safetensors", "scipy", "sklearn")
HEAVY += ("dask", "distributed", "pyarrow", "umap")
HEAVY += ("onnx", "onnxruntime", "onnxscript", "torch", "torch_geometric", "torch_scatter", "typer")


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
    loaded = _loaded_by("import dendrograph.cli.main")
    assert "dendrograph" in loaded
    assert not loaded & {"matplotlib", "networkx", "numpy", "scipy", "sklearn", "torch"}


def test_a_morphology_is_read_and_wired_without_torch() -> None:
    folders = ("base", "morphology", "morphology/swc")
    names = [
        f"dendrograph.{folder}.{path.stem}".replace("/", ".")
        for folder in folders
        for path in (PACKAGE / folder).glob("*.py")
    ]
    names = [name.removesuffix(".__init__") for name in names] + ["dendrograph.graph.tree", "dendrograph.graph.wiring"]
    loaded = _loaded_by(f"import {', '.join(names)}; dendrograph.load('dann-lrf')")
    assert {"dendrograph", "numpy", "networkx"} <= loaded
    assert not loaded & {"torch", "torch_scatter", "sklearn", "matplotlib"}


def test_the_test_would_see_what_is_heavy() -> None:
    assert {"torch", "numpy"} <= _loaded_by("import dendrograph.network.network")


def test_public_names_are_found_when_they_are_first_used() -> None:
    for name in dendrograph.__all__:
        assert name in dir(dendrograph)
        assert getattr(dendrograph, name) is not None
    assert dendrograph.load("dann-lrf").name == "dann-lrf"
    with pytest.raises(AttributeError, match="module 'dendrograph' has no attribute 'laod'"):
        _ = dendrograph.laod
