"""The gallery is what its scripts draw."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "gallery"
SCRIPTS = sorted(FOLDER.glob("*.py"))
TRAINED = {"weights", "activity"}  # the last digits of a training differ from processor to processor


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_figure_is_what_its_script_draws(script: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    environment = dict(os.environ)
    if script.stem in TRAINED:
        environment["DENDROGRAPH_DATA"] = str(request.getfixturevalue("shared_data"))
    picture = tmp_path / "figure.png"
    subprocess.run(
        [sys.executable, "-W", "error", str(script), str(picture)], check=True, env=environment, cwd=tmp_path
    )
    kept = (FOLDER / f"{script.stem}.png").read_bytes()
    if script.stem in TRAINED:
        assert picture.read_bytes()[:24] == kept[:24], "of the same size"
    else:
        assert picture.read_bytes() == kept, "draw it again: make gallery"


def test_every_figure_is_shown() -> None:
    page = (FOLDER / "README.md").read_text()
    for script in SCRIPTS:
        assert f"({script.name})" in page and f"({script.stem}.png)" in page
    assert {path.stem for path in FOLDER.glob("*.png")} == {script.stem for script in SCRIPTS}
