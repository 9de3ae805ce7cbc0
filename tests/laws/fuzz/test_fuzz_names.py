"""Hostile names wherever a name is printed or written: nothing commands the terminal, no file is broken."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small

from dendrograph.cli.main import main

Tally = Callable[[str], None]

PIECES = (
    *(
        "\x1b[31m",
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x1b]8;;http://example.org\x1b\\",
        "\x9b31m",
        "\x1bc",
        "\x08\x08",
        "\r",
    ),
    *(
        "\n",
        "\nnote: all is well",
        "\t",
        "\x00",
        "\x7f",
        "\x85",
        "\u2028",
        "\u202e",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\x0b",
    ),
    *(
        "'",
        '"',
        "`",
        "\\",
        "<script>alert(1)</script>",
        "]]>",
        "-->",
        "&amp;",
        "&",
        "%s",
        "%",
        "{0}",
        "{{",
        "$",
        "$\\bad$",
    ),
    *(
        "=cmd|' /C calc'!A0",
        "+1",
        "@SUM(A1)",
        "-",
        "--help",
        "../",
        "/",
        "~",
        "*",
        "?",
        "#",
        ";",
        ",",
        ":",
        "|",
        "[",
        "]",
    ),
    *("é", "e\u0301", "名前", "ｆｕｌｌ", "😀", "\U000f0000", "\ufffe", "\udcff", "\udce9", "ß", "İ", "\u00a0"),
    *(
        "con",
        "nul.txt",
        "aux",
        ".",
        "..",
        " ",
        "true",
        "null",
        "~",
        "0x1f",
        "1e5",
        "a" * 70,
        "x" * 300,
        "_",
        "^_^",
        "\\input{a}",
    ),
)
MORPHOLOGY = """\
name: small
about: {about}
parameters: {{knob: 2}}
neurons: {{p: {{dendrites: [{{count: $knob, synapses: {{count: 4, from: previous}}}}]}}}}
layers: [{{name: hidden, neuron: p, count: 4}}]
"""
PLACES = (
    *(
        "name: small",
        "about: {about}",
        "knob: 2",
        "{{p:",
        "neuron: p",
        "name: hidden",
        "from: previous",
        "count: $knob",
    ),
    *("parameters:", "dendrites:", "neurons:"),
)
EXPORTS = ("graphml", "dot", "gv", "json", "mmd", "tex", "csv", "swc", "npz")


class World:
    """An empty folder with a hostile name to use in it, and the command line."""

    def __init__(self, rng: random.Random, folder: Path, runs: list[Path]) -> None:
        self.rng, self.folder, self.runs = rng, folder, runs
        self.name = "".join(rng.choice(PIECES) for _ in range(rng.choice([1, 1, 2, 3, 5])))
        self.printed = ""
        self.codes: list[int] = []

    def call(self, *words: object) -> bool:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        code = int(stopped.value.code or 0)
        self.codes.append(code)
        self.printed += out.getvalue() + err.getvalue()
        assert code in (0, 1, 2)
        return code == 0

    @property
    def path(self) -> str:
        """The name as one of a file in the folder, as near as the system takes it."""
        plain = self.name.replace("/", "").replace("\0", "")
        return os.fsencode(plain)[:200].decode("utf-8", "surrogateescape").strip(".") or "x"

    def morphology(self, about: str = "small", name: str = "small.yaml") -> Path:
        (path := Path(name)).write_text(MORPHOLOGY.format(about=about))
        return path


def _in_a_morphology(world: World) -> None:
    place = world.rng.choice(PLACES)
    key, _, value = place.partition(": ")
    named = json.dumps(world.name) if world.rng.random() < 0.7 else world.name
    text = MORPHOLOGY.replace(place, f"{key}: {named}" if value else named + place[-1])
    try:
        text = text.format(about="small")
    except (KeyError, ValueError, IndexError):
        text = text.replace("{{", "{").replace("}}", "}")
    Path("m.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    if world.call("show", "m.yaml"):
        world.call("draw", "m.yaml", "-o", "m.svg", "--inputs", "6x6")
        world.call("export", "m.yaml", "-o", f"m.{world.rng.choice(EXPORTS)}", "--inputs", "6x6")
    world.call("check", "m.yaml")


def _of_a_morphology_file(world: World) -> None:
    file = world.morphology(name=f"{world.path}.yaml")
    world.call("show", f"./{file}")
    world.call("draw", f"./{file}", "-o", "m.svg", "--inputs", "6x6")
    world.call("export", f"./{file}", "-o", f"m.{world.rng.choice(EXPORTS)}", "--inputs", "6x6")
    world.call("show", world.name.replace("\0", ""))


def _of_arrays(world: World) -> None:
    arrays = {name: np.zeros((4, 6, 6), np.uint8) for name in ("x_train", "x_test")}
    arrays |= {name: np.arange(4) % 2 for name in ("y_train", "y_test")}
    as_written = world.name.encode("utf-8", "replace").decode()
    arrays[world.rng.choice(["", "x_", "x_train_", "X"]) + as_written] = arrays.pop(world.rng.choice(sorted(arrays)))
    np.savez("own.npz", **arrays)
    world.call("draw", world.morphology(), "-o", "m.svg", "--view", "activity", "--data", "own.npz")


def _of_a_data_file(world: World) -> None:
    x, y = np.zeros((4, 6, 6)), np.arange(4) % 2
    with open(f"{world.path}.npz", "wb") as file:
        np.savez(file, x_train=x, y_train=y, x_test=x, y_test=y)
    given = ("--data", f"./{world.path}.npz")
    world.call("draw", world.morphology(), "-o", f"m.{world.rng.choice(['svg', 'pdf'])}", "--view", "activity", *given)
    world.call("controls", "small.yaml", *given)
    world.call("draw", "small.yaml", "-o", "n.svg", "--data", world.name.replace("\0", ""))


def _of_run_folders(world: World) -> None:
    for number, run in enumerate(world.runs):
        shutil.copytree(run, f"{world.path[:150]}-{number}")
    runs = [f"./{world.path[:150]}-{number}" for number in range(len(world.runs))]
    command = world.rng.randrange(3)
    if command == 0:
        world.call("evaluate", runs[0])
        world.call("draw", *runs, "-o", "m.svg")
    elif command == 1:
        world.call("analyse", *runs, "--parts", "activity,learning", "--out", "a", "--figures", "svg")
    else:
        world.call("compare", *runs, "--out", "c", "--figures", "svg")


def _in_a_run(world: World) -> None:
    for number, run in enumerate(world.runs):
        shutil.copytree(run, f"run{number}")
        record = small.read_record(Path(f"run{number}/run.json"))
        section, key = world.rng.choice(
            [("data", "name"), ("data", "source"), ("graph", "name"), ("config", "optimizer")]
        )
        record[section][key] = world.name
        small.write_record(Path(f"run{number}/run.json"), record)
    world.call("compare", "run0", "run1", "--out", "c", "--figures", "svg")
    world.call("evaluate", "run0")
    world.call("train", "run0", "--resume")


def _of_a_sweep(world: World) -> None:
    world.morphology()
    text = "name: grid\nmorphologies: small.yaml\nseeds: 2\nset: {knob: 2}\ntrain: {epochs: 1}\n"
    place = world.rng.choice(["grid", "small.yaml", "seeds", "knob", "2", "epochs", "train"])
    written = text.replace(place, json.dumps(world.name), 1)
    Path("s.yaml").write_bytes(written.encode("utf-8", "surrogatepass"))
    if world.rng.random() < 0.6:
        world.call("sweep", "s.yaml", "--dry-run")
    else:
        Path(f"{world.path}.yaml").write_text(text)
        world.call("sweep", f"./{world.path}.yaml", "--dry-run", "--out", f"./{world.path}")


def _of_plugins_and_options(world: World) -> None:
    file, name = world.morphology(), world.name.replace("\0", "")
    world.call("show", file, "--plugin", name)
    world.call("show", file, "--set", f"{name}=1")
    world.call("show", file, "--set", f"knob={name}")
    world.call("show", file, "--inputs", f"{name}=6x6")
    world.call("show", file, "--kernel", name)
    world.call(name or "x", file)
    Path(f"{world.path}.py").write_text("raise ValueError('\\x1b[31m no plugin')\n")
    world.call("show", file, "--plugin", f"./{world.path}.py")


def _of_files_that_are_made(world: World) -> None:
    file = world.morphology()
    for suffix in (world.rng.choice(EXPORTS), world.rng.choice(EXPORTS)):
        world.call("export", file, "-o", f"./{world.path}.{suffix}", "--inputs", "6x6")
    world.call("draw", file, "-o", f"./{world.path}.{world.rng.choice(['svg', 'png'])}", "--inputs", "6x6")
    world.call("draw", file, "--view", "network", "-o", f"./{world.path}.html", "--inputs", "6x6")
    world.call("draw", file, "-o", world.name.replace("\0", "") or "x", "--inputs", "6x6")


def _in_free_text(world: World) -> None:
    file = world.morphology(about=json.dumps(world.name))
    if world.call("show", file):
        world.call("controls", file, "--inputs", "6x6", "--out", "controls")
        for suffix in world.rng.sample(EXPORTS, 3):
            world.call("export", file, "-o", f"m.{suffix}", "--inputs", "6x6")
        world.call("draw", file, "--view", "network", "-o", "m.html", "--inputs", "6x6")


def _of_a_reconstruction(world: World) -> None:
    Path(f"{world.path}.swc").write_text("1 1 0 0 0 5 -1\n2 3 0 10 0 1 1\n3 3 0 20 0 1 2\n4 3 5 20 0 1 2\n")
    world.call("import", f"./{world.path}.swc", "-o", "m.yaml")
    if Path("m.yaml").exists():
        world.call("show", "m.yaml")


WHERE = (
    *(
        _in_a_morphology,
        _in_a_morphology,
        _of_a_morphology_file,
        _of_arrays,
        _of_a_data_file,
        _of_run_folders,
        _in_a_run,
    ),
    *(_of_a_sweep, _of_plugins_and_options, _of_files_that_are_made, _in_free_text, _of_a_reconstruction),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two finished runs that differ in a knob."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "small.yaml").write_text(MORPHOLOGY.format(about="small"))
    for knob in (2, 3):
        words = (
            "train",
            folder / "small.yaml",
            "--epochs",
            1,
            "--set",
            f"knob={knob}",
            "--out",
            folder / str(knob),
        )
        with pytest.raises(SystemExit), redirect_stdout(io.StringIO()):
            main([str(word) for word in words])
    return [folder / "2", folder / "3"]


@pytest.mark.fuzz("names", 500)
def test_hostile_names_command_nothing_and_break_no_file(
    seeds: range, tally: Tally, tmp_path: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch, registries: None
) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        folder = tmp_path / f"{seed}" / "inside"
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        world = World(rng, folder, runs)
        where = WHERE[seed % len(WHERE)]
        try:
            where(world)
            _check_printed(world.printed)
            for path in folder.rglob("*"):
                if path.is_file():
                    _check_file(path)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {where.__name__}, name {world.name!r}: {error!r}") from error
        tally("taken" if not any(world.codes) else "refused" if all(world.codes) else "taken by some commands")


def _check_printed(text: str) -> None:
    text.encode()  # no halves of characters
    commands = [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c not in "\n\t"]
    assert not commands, commands
    assert "Traceback" not in text


def _check_file(path: Path) -> None:
    suffix, content = path.suffix, path.read_bytes()
    if suffix in (".svg", ".graphml"):
        ElementTree.fromstring(content)
    elif suffix == ".csv":
        rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
        assert len(set(map(len, rows))) == 1
    elif suffix == ".json":
        json.loads(content)
    if suffix in (".svg", ".graphml", ".html", ".dot", ".gv", ".mmd", ".tex", ".swc", ".md"):
        text: Any = content.decode()
        assert not [c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"]
        assert "<script>alert(1)</script>" not in text
