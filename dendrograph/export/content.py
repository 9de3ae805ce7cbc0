"""What a format makes of a network: files with their content, each file whole or none of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dendrograph.base import files as atomic
from dendrograph.base.errors import RunError

Write = Callable[[BinaryIO], None]


@dataclass(frozen=True)
class Content:
    """What is to be written.

    files: for each file how its content is written to a stream, so that large ones need not stand in memory
    notes: what a user should know of them
    held: what they hold, where it is not the network node by node
    """

    files: Mapping[Path, Write]
    notes: tuple[str, ...] = ()
    held: str = ""


def of_bytes(content: bytes) -> Write:
    """Content that is there already."""

    def write(stream: BinaryIO) -> None:
        stream.write(content)

    return write


def of_parts(parts: Callable[[], Iterable[bytes]]) -> Write:
    """Content that is made part by part."""

    def write(stream: BinaryIO) -> None:
        stream.writelines(parts())

    return write


def place(files: Mapping[Path, Write]) -> None:
    """Write the files beside their places, and put them there once all are whole.

    Whoever reads, and whatever goes wrong, finds the old or the new of each file. Several files are put in place one
    after the other, so that only a process killed between two of these steps leaves an old one beside a new one.

    Raises:
        RunError: one cannot be written; what stood there before still stands.
    """
    beside = {path: atomic.temporary_beside(path) for path in files}
    now = next(iter(files))
    try:
        try:
            for path, write in files.items():
                now = path
                with beside[path].open("xb") as stream:
                    write(stream)
                    stream.flush()
                    os.fsync(stream.fileno())
            for path, temporary in beside.items():
                now = path
                os.replace(temporary, path)
                atomic.sync_folder(path.parent)
        finally:
            for temporary in beside.values():
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{now}: cannot be written: {error.strerror or error}\n  is the folder writable, is the disk full?"
        ) from None
