"""The morphologies that ship with the package, found by name from anywhere."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """Where they lie: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent.parent
    installed = here / "morphologies"
    return installed if installed.is_dir() else here.parent / "morphologies"


def shipped() -> dict[str, Path]:
    """Name -> file of every morphology that ships, in alphabetical order."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}
