"""The base class of the export formats, and the writing of their files."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from dendrograph.base import files
from dendrograph.base.errors import RunError
from dendrograph.export.subject import Subject

Write = Callable[[BinaryIO], object]


@dataclass(frozen=True)
class Content:
    """The content of the files of one export.

    Attributes:
        files: For each file, a function that writes its content to a stream, so that large files need no memory.
        notes: Remarks for the user.
        summary: Counts of the written elements, where the files do not hold the network node by node.
    """

    files: Mapping[Path, Write]
    notes: tuple[str, ...] = ()
    summary: str = ""


class Format(ABC):
    """A file format. Each format is a subclass, with one instance in `dendrograph.export.FORMATS`.

    Attributes:
        name: The name of the format in messages.
        suffixes: The suffixes of its files, in lower case.
        max_edges: The largest number of edges that programs can read in this format; None for no limit.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    max_edges: int | None = None

    def paths(self, path: Path) -> tuple[Path, ...]:
        """Return the paths of the files that are written for `path`."""
        return (path,)

    def check(self, weights: str) -> None:  # noqa: B027 (most formats have nothing to check)
        """Check, before a network is built, that its packages are installed and that it can hold such weights.

        Args:
            weights: `none`, `initial` or `trained`.

        Raises:
            DendrographError: A package is missing, or the format cannot hold such weights.
        """

    @abstractmethod
    def content(self, subject: Subject, path: Path) -> Content:
        """Return the content of the files.

        Raises:
            DendrographError: The network cannot be written in this format.
        """


def write_files(contents: Mapping[Path, Write]) -> None:
    """Write all files under temporary names, then move them to their places.

    Each file is replaced atomically. Several files are moved one after the other: only a process that is killed between
    two moves leaves an old file beside a new one.

    Raises:
        RunError: A file cannot be written; the existing files are unchanged.
    """
    temporaries = {path: files.temporary_beside(path) for path in contents}
    current = next(iter(contents))
    try:
        try:
            for current, write in contents.items():
                with temporaries[current].open("xb") as stream:
                    write(stream)
                    stream.flush()
                    os.fsync(stream.fileno())
            for current, temporary in temporaries.items():
                os.replace(temporary, current)
                files.sync_folder(current.parent)
        finally:
            for temporary in temporaries.values():
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{current}: cannot be written: {error.strerror or error}\n  is the folder writable, is the disk full?"
        ) from None
