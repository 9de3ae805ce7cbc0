"""What a user installs: the wheel holds the whole package with its morphologies, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dendrograph

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of the tree: a build leaves files beside its sources."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for path in (*ROOT.glob("*.*"), ROOT / "LICENSE", *ROOT.glob("dendrograph/**/*"), *ROOT.glob("morphologies/*"),
                 *ROOT.glob("tests/*.py")):  # fmt: skip
        if path.is_file() and "__pycache__" not in path.parts:
            target = source / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "-w", folder, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_it_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    name = f"dendrograph-{dendrograph.__version__}.dist-info/"
    held = {entry for entry in wheel.namelist() if not entry.startswith(name)}
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("dendrograph/**/*.py")}
    models = {f"dendrograph/morphologies/{path.name}" for path in ROOT.glob("morphologies/*.yaml")}
    assert held == {*modules, *models, "dendrograph/py.typed"}
    assert len(models) == 12
    assert "dendrograph/cli.py" in modules and "dendrograph/kernels/fused.py" in modules
    for path in ROOT.glob("morphologies/*.yaml"):
        assert wheel.read(f"dendrograph/morphologies/{path.name}") == path.read_bytes()


def test_its_metadata(wheel: zipfile.ZipFile) -> None:
    folder = f"dendrograph-{dendrograph.__version__}.dist-info"
    metadata = wheel.read(f"{folder}/METADATA").decode()
    assert f"\nVersion: {dendrograph.__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert f"{folder}/licenses/LICENSE" in wheel.namelist()
    assert wheel.read(f"{folder}/entry_points.txt").decode().strip() == (
        "[console_scripts]\ndendrograph = dendrograph.cli:main"
    )
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    required = {re.split(r"[<>=;\[ ]", line.removeprefix("Requires-Dist: "))[0] for line in needed}
    assert "torch-scatter" not in required, "it is an extra: its build needs torch"
    imported = {
        match.partition(".")[0]
        for path in ROOT.glob("dendrograph/**/*.py")
        for match in re.findall(r"^ *(?:import|from) ([\w.]+)", path.read_text(), re.MULTILINE)
    }
    distributions = {"ruamel": "ruamel.yaml", "sklearn": "scikit-learn"}
    third_party = imported - set(sys.stdlib_module_names) - {"dendrograph", "torch_scatter"}
    assert {distributions.get(name, name) for name in third_party} == required


def test_it_works_where_it_is_installed(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Unpacked, away from the checkout: the shipped morphologies are found by name, from any folder."""
    wheel.extractall(tmp_path / "site")
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "import dendrograph; print(dendrograph.__file__)\n"
        "from dendrograph.cli import main; main(['list'])"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run([*command, tmp_path / "site"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, header, *rows = done.stdout.splitlines()
    assert first == str(tmp_path / "site" / "dendrograph" / "__init__.py")
    assert header.startswith("name") and len(rows) == 12
