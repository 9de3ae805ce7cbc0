"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dendrograph.errors import RunError


def write(path: Path, content: bytes | str) -> None:
    """Replace a file's content in one step: whoever reads, and whatever kills us, finds the old or the new, whole.

    Raises:
        RunError: it cannot be written; what stood there before still stands.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # a temporary file is private; the file itself is not
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise RunError(
            f"{path}: cannot be written: {error.strerror}\n  is the folder writable, is the disk full?"
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
