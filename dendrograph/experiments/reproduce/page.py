"""A page of results: its prose is written by hand, its tables are filled in from run folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dendrograph.base import files as atomic
from dendrograph.base.errors import DendrographError

BLOCK = re.compile(r"(<!-- results: ([\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def blocks(text: str) -> list[str]:
    """The names of the blocks of a page, in its order."""
    return [found[2] for found in BLOCK.finditer(text)]


def fill(text: str, tables: Mapping[str, str]) -> str:
    """The page with the content of each block of `tables` in the place of what stood there."""

    def filled(found: re.Match[str]) -> str:
        return f"{found[1]}{tables[found[2]]}\n{found[3]}" if found[2] in tables else found[0]

    return BLOCK.sub(filled, text)


def read(path: Path) -> str:
    """The text of a page.

    Raises:
        DendrographError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "a page is a Markdown file with blocks <!-- results: fig2 --> ... <!-- end -->"
        raise DendrographError(f"{path}: cannot be read: {error}\n  {remedy}") from None


def fill_file(path: Path, tables: Mapping[str, str]) -> list[str]:
    """Fill in a page; gives the names of tables for which it has no block.

    Raises:
        DendrographError: the page cannot be read or written.
    """
    text = read(path)
    atomic.write(path, fill(text, tables))
    there = blocks(text)
    return [name for name in tables if name not in there]
