"""Reading of packed files: gzip without surprises in size, and a check of the memory that is needed."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import IO

from dendrograph.base.errors import DataError, one_line
from dendrograph.graph.size_limits import available_memory, format_bytes

DAMAGED = "the file is damaged or was downloaded only in part: fetch it again"


class Unpacked:
    """A file, unpacked if its content is gzip, that refuses to give more bytes than it may hold.

    Args:
        path: the file.
        most: the most bytes that it may hold unpacked.
    """

    def __init__(self, path: Path, most: int) -> None:
        self.path, self.left, self.most = path, most, most
        try:
            self.packed = path.open("rb")
            magic = self.packed.read(2)
            self.packed.seek(0)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        self.stream: IO[bytes] = gzip.GzipFile(fileobj=self.packed) if magic == b"\x1f\x8b" else self.packed  # type: ignore[assignment]

    def __enter__(self) -> Unpacked:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.packed.close()

    def read(self, size: int) -> bytes:
        """The next bytes; fewer at the end.

        Raises:
            DataError: the file holds more than it may, or is damaged.
        """
        try:
            data = self.stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.path}: cannot be unpacked: {error}\n  {DAMAGED}") from error
        self.left -= len(data)
        if self.left < 0:
            raise DataError(f"{self.path}: holds more than {self.most:,} bytes, which is all it may\n  {DAMAGED}")
        return data


def check_memory(path: Path, size: int, what: str = "") -> None:
    """Check before reading that the content fits into memory.

    Raises:
        DataError: naming both sizes.
    """
    if size > (free := available_memory()):
        raise DataError(
            f"{one_line(path)}: {what}takes {format_bytes(size)}, but only {format_bytes(free)} of memory are free\n"
            "  if the file is not damaged, save fewer samples, or read it on a larger machine"
        )
