"""The folders of tests mirror the package: tests/morphology/test_cable.py tests dendrograph/morphology/cable.py."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OF_THE_WHOLE = {"laws", "system"}  # these folders hold tests of everything together


def modules_of(test: Path) -> list[Path]:
    """The module or package that a file of tests may belong to."""
    folder = ROOT / "dendrograph" / test.relative_to(ROOT / "tests").parent
    name = test.stem.removeprefix("test_")
    whole = [folder] if name == folder.name else []  # tests/draw/test_draw.py tests the package as a whole
    return [folder / f"{name}.py", folder / name, *whole]


def test_every_file_of_tests_mirrors_a_module() -> None:
    files = [
        path
        for path in sorted((ROOT / "tests").glob("**/test_*.py"))
        if path.relative_to(ROOT / "tests").parts[0] not in OF_THE_WHOLE
    ]
    astray = [path.relative_to(ROOT).as_posix() for path in files if not any(map(Path.exists, modules_of(path)))]
    assert astray == [], "rename them after the module that they test"
    assert len(files) > 40


def test_helpers_lie_in_one_folder() -> None:
    helpers = [
        path.relative_to(ROOT / "tests").as_posix()
        for path in sorted((ROOT / "tests").glob("**/*.py"))
        if not path.name.startswith("test_") and "files" not in path.parts
    ]
    assert [name for name in helpers if not name.startswith("support/")] == ["conftest.py"]
