"""Programs that are no Python packages: what they read, they are asked to read."""

from __future__ import annotations

import os
import shutil

import pytest


def tool(name: str) -> str:
    """The path of a program; without it the test is skipped, except in CI, which has to have it."""
    path = shutil.which(name)
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"the program '{name}' is not installed")
    assert path is not None
    return path
