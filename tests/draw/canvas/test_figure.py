"""`dendrograph draw` as a command: files, their content, their bytes; what is refused leaves nothing behind."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest
from matplotlib.figure import Figure

from dendrograph import TrainConfig, build, datasets, draw, train
from dendrograph.base.errors import printable
from dendrograph.cli.main import main
from dendrograph.draw.canvas.figure import FORMS, as_bytes, own_style, plain

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["draw", *words])
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    network = build("dann-lrf", (8, 8), overrides={"somata": 6, "dendrites": 3, "synapses": 6})
    train(network, datasets.load("digits"), TrainConfig(epochs=1), folder, progress=False)
    return folder


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_a_file_of_each_form(command: Command, form: str) -> None:
    assert command("dann-lrf", "--view", "neuron,network", "-o", f"net.{form}") == (0, f"figure: net.{form}\n", "")
    content = Path(f"net.{form}").read_bytes()
    assert content[:5] == {"pdf": b"%PDF-", "svg": b"<?xml", "png": b"\x89PNG\r"}[form]
    assert not list(Path().glob(".*")), "nothing half-written is left"


@pytest.mark.slow
def test_the_same_bytes_from_another_process(command: Command, tmp_path: Path) -> None:
    for form in ("pdf", "svg", "png"):
        words = ["asymmetric-pyramidal", "--view", "neuron,network,fields,matrix,weights,activity", "--width", "double"]
        assert command(*words, "-o", f"one.{form}")[0] == 0
        environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
        subprocess.run(
            [sys.executable, "-m", "dendrograph", "draw", *words, "-o", str(tmp_path / f"two.{form}")],
            check=True,
            env=environment,
            capture_output=True,
        )
        assert Path(f"one.{form}").read_bytes() == Path(f"two.{form}").read_bytes(), form


def test_text_stays_text(command: Command) -> None:
    command("asymmetric-pyramidal", "-o", "net.svg")
    svg = Path("net.svg").read_text()
    for word in ("basal ×4", "trunk", "synapse from image", "50 µm"):
        assert f">{word}</text>" in svg, word
    command("asymmetric-pyramidal", "-o", "net.pdf")
    pdf = Path("net.pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Type0" in pdf, "the font is embedded, as TrueType"
    assert not re.search(rb"/(Creation|Mod)Date", pdf)
    assert "<dc:date>" not in svg


def test_png_has_the_size_in_print(command: Command) -> None:
    command("dann-lrf", "--width", "single", "-o", "net.png")
    assert matplotlib.image.imread("net.png").shape[1] == pytest.approx(89 / 25.4 * 300, abs=2)


def test_a_run_is_drawn_with_its_trained_weights(command: Command, run: Path) -> None:
    for view in ("neuron", "network", "fields", "matrix", "weights", "activity"):
        assert command(str(run), "--view", view, "-o", f"{view}.svg")[0] == 0
    assert "trained synaptic weights" in Path("weights.svg").read_text()
    assert re.search(r"digits, test sample 0: class \d, answer \d</text>", Path("activity.svg").read_text())


def test_several_samples_are_several_files(command: Command, run: Path) -> None:
    code, out, _ = command(str(run), "--view", "activity", "--sample", "0", "--sample", "7", "-o", "a.png")
    assert (code, out) == (0, "figure: a-0.png\nfigure: a-7.png\n")
    assert Path("a-0.png").read_bytes() != Path("a-7.png").read_bytes()
    assert not Path("a.png").exists()


@pytest.mark.parametrize("words", [["--set", "somata=3"], ["--inputs", "5x5"], ["--classes", "3"], ["--seed", "7"]])
def test_a_run_is_what_it_is(command: Command, run: Path, words: list[str]) -> None:
    for view in ("neuron", "weights", "activity"):
        code, _, err = command(str(run), "--view", view, *words, "-o", "net.svg")
        assert code == 2 and "cannot be changed" in err and not Path("net.svg").exists()


def test_an_earlier_figure_is_replaced(command: Command) -> None:
    Path("net.svg").write_text("old")
    assert command("dann-lrf", "-o", "net.svg")[0] == 0
    assert Path("net.svg").read_text() != "old"


@pytest.mark.slow
def test_large_networks_are_small_files(command: Command) -> None:
    """A hundred thousand compartments, one by one."""
    knobs = ["--set", "dendrites=64", "--set", "somata=1600", "--set", "synapses=2"]
    for form in ("pdf", "png"):
        assert command("dann-random", *knobs, "--view", "network", "--no-fold", "-o", f"net.{form}")[0] == 0
        assert Path(f"net.{form}").stat().st_size < 5_000_000
    svg = ["xor-dcaap", "--inputs", "2", "-o", "small.svg"]
    assert command(*svg)[0] == 0
    assert "<image" not in Path("small.svg").read_text(), "a small one has no pixels"


TWICE = ["--sample", "1", "--sample", "1"]
MILLIONS = ["--set", "somata=9000", "--set", "dendrites=500", "--set", "synapses=1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dann-lrf", "-o", "net.jpg"], "error: net.jpg: no figure has the suffix '.jpg'\n  "),
        (["dann-lrf", "-o", "net"], "error: net: the name of a figure needs a suffix\n  forms: html, pdf, png, svg"),
        (["dann-lrf"], "error: Missing option '--out' / '-o'"),
        (["dann-lrf", "--view", "neurn", "-o", "net.pdf"], "error: unknown view 'neurn'\n  did you mean 'neuron'?"),
        (["dann-lrf", "-o", "no/net.pdf"], "error: no/net.pdf: cannot be written: no: there is no such folder"),
        (["dann-lrf", "-o", "."], "error: .: the name of a figure needs a suffix"),
        (["dann-lfr", "-o", "net.pdf"], "did you mean 'dann-lrf'?"),
        (
            ["dann-lrf", "--view", "activity", "--sample", "99999", "-o", "net.pdf"],
            "error: no test sample 99999 in digits",
        ),
        (["dann-lrf", "--view", "activity", "--sample", "-1", "-o", "net.pdf"], "error: no test sample -1 in digits"),
        (["dann-lrf", "--data", "mnits", "--view", "fields", "-o", "net.pdf"], "mnist"),
        (["dann-lrf", "--sample", "3", "-o", "net.pdf"], "error: 'sample' has no effect on the view neuron"),
        (
            ["dann-lrf", "--view", "fields", "--sample", "1", "--sample", "1", "-o", "net.pdf"],
            "a sample is named twice",
        ),
        (["dann-lrf", "--view", "", "-o", "net.pdf"], "error: unknown view ''"),
        (["dann-lrf", "--data-dir", ".", "-o", "net.pdf"], "error: --data-dir . has no effect without --data"),
        (["dann-lrf", "--width", "wide", "-o", "net.pdf"], "error: unknown width 'wide'"),
        (
            ["dann-lrf", "--view", "network", "--no-fold", "-o", "net.pdf", *MILLIONS],
            "compartments are too many to be drawn one by one, 1,000,000 are the most\n  leave --no-fold out",
        ),
    ],
)
def test_what_is_refused(command: Command, words: list[str], message: str) -> None:
    code, out, err = command(*words)
    assert code == 2 and message in err and "Traceback" not in err
    assert out == "" and not list(Path().iterdir()), "nothing is written"


def test_a_run_that_has_not_ended(command: Command, run: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "metrics.json").unlink()
    assert command(str(copy), "--view", "network", "-o", "net.svg")[0] == 0, "its wiring is known"
    code, _, err = command(str(copy), "--view", "weights", "-o", "weights.svg")
    assert code == 2 and "the run has not ended" in err and not Path("weights.svg").exists()


def test_a_full_disk_leaves_the_old_file(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("net.svg").write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, _, err = command("dann-lrf", "-o", "net.svg")
    assert code == 2 and "No space left on device" in err
    assert Path("net.svg").read_text() == "old" and len(list(Path().iterdir())) == 1


def test_from_python(tmp_path: Path) -> None:
    draw.save(draw.figure("dann-lrf", "network"), tmp_path / "net.pdf")
    assert (tmp_path / "net.pdf").read_bytes()[:4] == b"%PDF"


# Backends


def test_only_the_canvas_and_plots_import_matplotlib() -> None:
    """Their packages import it first, whatever MPLBACKEND says; elsewhere only diagrams/panels.py names its types."""
    root = Path(draw.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom) and "matplotlib" in ast.unparse(node)
    }
    assert {Path(name).parts[0] for name in found} <= {"canvas", "plots", "diagrams"}
    assert [name for name in found if name.startswith("diagrams")] == [str(Path("diagrams", "panels.py"))]


@pytest.mark.slow
def test_a_notebooks_backend_that_is_not_installed_does_not_matter(tmp_path: Path) -> None:
    """A notebook sets it for all processes that it starts; matplotlib itself then cannot be imported."""
    program = """
import sys
from dendrograph.cli.main import main
for words in (
    ["train", "dann-lrf", "--epochs", "1", "--set", "somata=4", "--out", "run"],
    ["draw", "run", "-o", "neuron.pdf"],
    ["analyse", "run", "--parts", "weights,learning", "--out", "analysis"],
    ["compare", "run", "--out", "compared"],
    ["stimulate", "run", "--amplitudes", "0:1:3", "-o", "answer.svg"],
):
    try:
        main(words)
    except SystemExit as stopped:
        assert stopped.code == 0, words
import os
assert os.environ["MPLBACKEND"] == "module://no_such_backend"
"""
    environment = {**os.environ, "MPLBACKEND": "module://no_such_backend"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "metrics.json").is_file() and (tmp_path / "run" / "learning-curves.png").is_file()
    assert (tmp_path / "neuron.pdf").is_file() and list((tmp_path / "compared").glob("*.pdf"))


def test_a_backend_that_is_installed_stays_the_callers() -> None:
    program = """
from dendrograph.draw.canvas.figure import own_style
import matplotlib
assert matplotlib.get_backend().lower() == "svg", matplotlib.get_backend()
with own_style():
    pass
assert matplotlib.get_backend().lower() == "svg", matplotlib.get_backend()
"""
    environment = {**os.environ, "MPLBACKEND": "svg"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a\x1b[31mb", "\udcff", "$\\bad$", "a$b$c", "\u202e名\ufffe"])
@pytest.mark.parametrize("form", FORMS)
def test_a_name_in_a_figure_is_shown_letter_by_letter(name: str, form: str) -> None:
    """No control character breaks the file, no dollar begins a formula, no script that the font lacks stops it."""
    with own_style():
        figure = Figure()
        axes = figure.subplots()
        axes.set_title(name)
        axes.set_xscale("log")
        axes.plot([1, 100], [1, 2], label=plain(name))
        axes.legend()
    first, again = as_bytes(figure, form), as_bytes(figure, form)
    assert first == again
    if form == "svg":
        texts = [one.text for one in ElementTree.fromstring(first).iter("{http://www.w3.org/2000/svg}text")]
        assert texts.count(printable(name)) == 2
