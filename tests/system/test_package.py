"""What a user installs: the wheel holds the whole package with its morphologies, and nothing else."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import dendrograph

ROOT = Path(__file__).resolve().parents[2]


NATIVE = re.compile(r"dendrograph/network/kernels/_native\b.*\.(so|pyd)")
A_COMPILER = any(map(shutil.which, ("c++", "g++", "clang++", "cl")))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree as a clone has it: a build leaves files beside its sources."""
    pytest.importorskip("setuptools")
    source = tmp_path_factory.mktemp("package") / "source"
    for path in (*ROOT.glob("*.*"), ROOT / "LICENSE", *ROOT.glob("dendrograph/**/*"), *ROOT.glob("morphologies/*"),
                 *ROOT.glob("examples/reproduce/*/*"), *ROOT.glob("tests/*.py")):  # fmt: skip
        if path.is_file() and "__pycache__" not in path.parts and not NATIVE.search(path.as_posix()):
            target = source / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return source


def _wheel(source: Path, folder: Path, **environment: str) -> zipfile.ZipFile:
    own = folder / "source"
    shutil.copytree(source, own)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "-w", folder, own], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return _wheel(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheel_without_compiler(source: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return _wheel(source, tmp_path_factory.mktemp("plain"), CC="/bin/false", CXX="/bin/false")


def test_it_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    name = f"dendrograph-{dendrograph.__version__}.dist-info/"
    held = {entry for entry in wheel.namelist() if not entry.startswith(name)}
    native = {entry for entry in held if NATIVE.fullmatch(entry)}
    assert len(native) == A_COMPILER
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("dendrograph/**/*.py")}
    models = {f"dendrograph/morphologies/{path.name}" for path in ROOT.glob("morphologies/*.yaml")}
    page = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("dendrograph/draw/web_page/page/*")}
    sweeps = {
        f"dendrograph/reproductions/{path.parent.name}/{path.name}" for path in ROOT.glob("examples/reproduce/*/*.yaml")
    }
    assert held - native == {*modules, *models, *page, *sweeps, "dendrograph/py.typed"}
    assert len(sweeps) >= 24
    assert len(models) >= 12
    packages = {path.parent for path in ROOT.glob("dendrograph/**/*.py")}
    without = [path.relative_to(ROOT).as_posix() for path in packages if not (path / "__init__.py").is_file()]
    assert without == [], "a folder without __init__.py is no package, and is not installed"
    assert {f"{path.relative_to(ROOT).as_posix()}/__init__.py" for path in packages} <= held
    for path in ROOT.glob("morphologies/*.yaml"):
        assert wheel.read(f"dendrograph/morphologies/{path.name}") == path.read_bytes()


def test_its_metadata(wheel: zipfile.ZipFile) -> None:
    folder = f"dendrograph-{dendrograph.__version__}.dist-info"
    metadata = wheel.read(f"{folder}/METADATA").decode()
    assert f"\nVersion: {dendrograph.__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert f"{folder}/licenses/LICENSE" in wheel.namelist()
    assert wheel.read(f"{folder}/entry_points.txt").decode().strip() == (
        "[console_scripts]\ndendrograph = dendrograph.__main__:main"
    )
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    required = {re.split(r"[<>=;\[ ]", line.removeprefix("Requires-Dist: "))[0] for line in needed}
    assert "torch-scatter" not in required, "it is an extra: its build needs torch"
    assert "Provides-Extra: swc" not in metadata, "reading SWC takes no extra"
    imported = set()
    for path in ROOT.glob("dendrograph/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    distributions = {"ruamel": "ruamel.yaml", "sklearn": "scikit-learn"}
    extras = {"dask", "distributed", "onnxruntime", "pyarrow", "torch_geometric", "torch_scatter", "umap"}
    third_party = imported - set(sys.stdlib_module_names) - {"dendrograph"} - extras
    assert {distributions.get(name, name) for name in third_party} == required


def _run_installed(wheel: zipfile.ZipFile, folder: Path, program: str) -> list[str]:
    """What a program prints that has the unpacked wheel before all else, away from the checkout."""
    wheel.extractall(folder / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import dendrograph; print(dendrograph.__file__)\n" + program
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, folder / "site"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first == str(folder / "site" / "dendrograph" / "__init__.py")
    return lines


def test_it_works_where_it_is_installed(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """The shipped morphologies are found by name, from any folder."""
    header, *rows = _run_installed(wheel, tmp_path, "from dendrograph.cli.main import main; main(['list'])")
    assert header.startswith("name") and len(rows) == len([*ROOT.glob("morphologies/*.yaml")])


def test_the_shipped_files_are_found_in_an_editable_installation(source: Path, tmp_path: Path) -> None:
    """`pip install -e` leaves the morphologies at the top of the checkout."""
    own, built, site = tmp_path / "source", tmp_path / "wheel", tmp_path / "site"
    shutil.copytree(source, own)
    built.mkdir()
    environment = {**os.environ, "CC": "/bin/false", "CXX": "/bin/false", "OMP_NUM_THREADS": "1"}
    code = "import sys; from setuptools.build_meta import build_editable; build_editable(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, built], cwd=own, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import site, sys; site.addsitedir(sys.argv[1])\n"
        "import dendrograph; from dendrograph.morphology.shipped import shipped\n"
        "print(dendrograph.__file__, len(shipped()), shipped()['dann-lrf'])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, site],  # without this environment's own installation
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    file, number, model = done.stdout.split()
    assert file == str(own / "dendrograph" / "__init__.py")
    assert int(number) == len([*ROOT.glob("morphologies/*.yaml")])
    assert Path(model).read_bytes() == (ROOT / "morphologies" / "dann-lrf.yaml").read_bytes()


OF_A_NETWORK = """
import torch
from dendrograph import build
from dendrograph.network.kernels.compiled import native
network = build("dann-lrf", (28, 28))
network(torch.zeros(2, 28, 28)).sum().backward()
print(native and native.__file__)
print(*(choice.kernel.name for choice in network.plan.choices))
"""


@pytest.mark.skipif(not A_COMPILER, reason="no C++ compiler")
def test_its_compiled_kernel_runs(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    file, kernels = _run_installed(wheel, tmp_path, OF_A_NETWORK)
    assert Path(file).parent == tmp_path / "site" / "dendrograph" / "network" / "kernels"
    assert kernels == "compiled compiled dense"


def test_where_no_compiler_works_it_is_built_and_runs_without_the_compiled_kernel(
    wheel: zipfile.ZipFile, wheel_without_compiler: zipfile.ZipFile, tmp_path: Path
) -> None:
    native = {entry for entry in wheel.namelist() if NATIVE.fullmatch(entry)}
    assert set(wheel_without_compiler.namelist()) == set(wheel.namelist()) - native
    file, kernels = _run_installed(wheel_without_compiler, tmp_path, OF_A_NETWORK)
    assert (file, kernels) == ("None", "fused tree dense")


def test_the_source_distribution_holds_what_the_compiled_kernel_is_built_from(source: Path, tmp_path: Path) -> None:
    code = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    own = tmp_path / "source"
    shutil.copytree(source, own)
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"dendrograph/network/kernels/cpp/native.{ending}" for ending in ("cpp", "h")} <= held
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("dendrograph/**/*.py")} <= held
    assert not any(NATIVE.fullmatch(name) for name in held)
