"""Messages name arguments as their reader writes them: as options at the command line, as arguments in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dendrograph
from dendrograph import DendrographError, load
from dendrograph.cli import main
from dendrograph.errors import argument, for_command_line, is_for_command_line, worded
from dendrograph.experiment import train_by_name
from dendrograph.importing import Choices

PACKAGE = Path(dendrograph.__file__).resolve().parent


@pytest.mark.parametrize(
    ("arguments", "option", "keyword"),
    [
        (("out",), "--out", "`out`"),
        (("data_dir", Path("a b")), "--data-dir a b", "data_dir='a b'"),
        (("resume", True), "--resume", "resume=True"),
        (("fold", False), "--no-fold", "fold=False"),
        (("scale", 0.0), "--scale 0", "scale=0.0"),
        (("neuron", 64), "--neuron 64", "neuron=64"),
        (("select", ["lr", "seed"]), "--select lr,seed", "select=['lr', 'seed']"),
        (("set", {"somata": 3}), "--set somata=3", "set={'somata': 3}"),
        (("processes", 0, "workers"), "--workers 0", "processes=0"),
    ],
)
def test_an_argument_is_written_as_its_reader_writes_it(arguments: Any, option: str, keyword: str) -> None:
    assert argument(*arguments) == keyword and worded(option, keyword) == keyword
    with for_command_line():
        assert argument(*arguments) == option and worded(option, keyword) == option
        with for_command_line(False):
            assert argument(*arguments) == keyword
    assert argument(*arguments) == keyword


def test_the_command_line_leaves_python_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "vann", "--resume"])
    assert capsys.readouterr().err.startswith("error: --resume needs to know the run\n  give its folder by --out, or")
    assert not is_for_command_line()
    with pytest.raises(DendrographError, match="resume=True needs to know the run\n  give its folder by `out`, or"):
        train_by_name("vann", resume=True)


def test_a_setting_is_told_as_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DendrographError, match=r"^set=\{'dendrits': 3\}: there is no parameter 'dendrits'"):
        load("dann-lrf", {"dendrits": 3})
    with pytest.raises(DendrographError, match=r"^set=\{'somata': 'many'\}: "):
        load("dann-lrf", {"somata": "many"})
    with pytest.raises(SystemExit):
        main(["show", "dann-lrf", "--set", "dendrits=3"])
    assert capsys.readouterr().err.startswith("error: --set dendrits=3: there is no parameter 'dendrits'")


def test_choices_of_an_import_are_told_by_their_names_in_python() -> None:
    with pytest.raises(DendrographError, match=r"^`bin_um` says nothing without bins\n  add reduce='bins', or"):
        Choices(bin_um=3.0).check()


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Strings of a module that are no docstrings."""
    nodes = [node for node in ast.walk(tree) if hasattr(node, "body") and isinstance(node.body, list)]
    documentation = {id(body[0].value) for node in nodes if (body := node.body) and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


# What the command line alone says, files that it makes, and the two places that say how an option is spelt.
OF_THE_COMMAND_LINE = {"cli.py", "starter.py", "errors.py", "schema.py"}


def test_no_message_of_the_package_spells_an_option() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith("commands/") or name in OF_THE_COMMAND_LINE:
            continue
        text = path.read_text(encoding="utf-8")
        for line, string in _texts(ast.parse(text)):
            if re.search(r"(?<![\w-])--[a-z]", string) and "worded(" not in text.splitlines()[line - 1]:
                found.append(f"{name}:{line}: {string}")
    assert not found, "use `argument` or `worded` of errors.py"
