"""Settings of Sphinx, which builds these pages: `make docs`. Nothing is fetched, so the build works offline."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import click
import typer
from docutils import nodes
from docutils.parsers.rst import Directive

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dendrograph.cli.main  # noqa: F401 (registers the commands; here, because autodoc imports some modules twice)
from dendrograph.cli.options import app as commands

project = "dendrograph"
author = "The dendrograph developers"
version = release = installed_version("dendrograph")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "results"]
html_theme = "furo"
html_title = f"dendrograph {version}"
html_show_copyright = False
html_copy_source = False
default_role = "literal"  # docstrings write `names` as Markdown does
smartquotes = False
suppress_warnings = ["ref.python"]  # attributes of the same name in several classes

myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False


class CommandHelp(Directive):
    """The `--help` of every command, each in a section of its own."""

    def run(self) -> list[nodes.Node]:
        """Called by docutils."""
        group: Any = typer.main.get_command(commands)
        return [self._section(name, command) for name, command in group.commands.items()]

    def _section(self, name: str, command: Any) -> nodes.Node:
        context = click.Context(command, info_name=f"dendrograph {name}", terminal_width=100)
        text = command.get_help(context)
        section = nodes.section(ids=[name], names=[name])
        section += nodes.title(text=f"dendrograph {name}")
        section += nodes.literal_block(text, text, language="text")
        return section


SECTION = re.compile(r"(Args|Attributes|Examples?|Note|Raises|Returns|Yields):\s*$")


def adapt_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Make our plain docstrings valid reStructuredText.

    Indented lines before the first Google section, such as equations, become literal blocks. Elsewhere characters that
    reStructuredText reads as markup, such as `*` and `|`, are escaped.
    """
    adapted: list[str] = []
    literal, in_sections = False, False
    for line in lines:
        in_sections = in_sections or bool(SECTION.match(line))
        indented = line.startswith(" ") and not in_sections
        if indented and not literal:
            adapted += ["", "::", ""]
        elif literal and line and not indented:
            adapted.append("")
        literal = indented or (literal and not line)
        adapted.append(line if literal else _escaped(line))
    lines[:] = adapted


def _escaped(line: str) -> str:
    parts = re.split(r"(`[^`]*`)", line)
    parts[::2] = [re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.add_directive("command-help", CommandHelp)
    app.connect("autodoc-process-docstring", adapt_docstring, priority=100)  # before napoleon reads the sections
