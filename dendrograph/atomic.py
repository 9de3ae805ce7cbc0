"""Files and folders that come to be whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from dendrograph.errors import DendrographError, RunError, argument, worded


def write(path: Path, content: bytes | str) -> None:
    """Replace a file's content in one step: whoever reads, and whatever kills us, finds the old or the new, whole.

    Raises:
        RunError: it cannot be written; what stood there before still stands.
    """
    temporary = _beside(path)
    try:
        try:
            with temporary.open("xb") as stream:
                # Of a name that is not UTF-8 the bytes are shown, as in messages.
                stream.write(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written: {error.strerror or error}\n  is the folder writable, is the disk full?"
        ) from None


def refuse(path: Path, force: bool, such_as: str) -> None:
    """Refuse to make a file where a folder is, or, unless it is meant so, where one is already.

    Raises:
        DendrographError: naming the path and what to do.
    """
    if path.is_dir():
        raise DendrographError(f"{path}: is a folder\n  give the file to make, such as {worded('--out ', '')}{such_as}")
    if not force and (path.exists() or path.is_symlink()):
        raise DendrographError(
            f"{path}: is there already\n  replace it by {argument('force', True)}, or give {_another()}"
        )


def hold_folder(path: Path) -> None:
    """Refuse a file that could not be written, before the work for it is done.

    Raises:
        DendrographError: its folder is none, or is not writable; or it is a folder itself.
    """
    folder = path.parent
    if path.is_dir():
        raise DendrographError(f"{path}: is a folder\n  give the file to make")
    if not folder.is_dir():
        problem = "is no folder" if folder.exists() else "there is no such folder"
        raise DendrographError(f"{path}: cannot be written: {folder}: {problem}\n  make it, or give {_another()}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DendrographError(f"{path}: cannot be written: {folder} is not writable\n  give {_another()}")


def hold_new(folder: Path) -> None:
    """Refuse a folder that could not be made, before the work for what goes into it is done.

    Raises:
        DendrographError: there is something already; or what it would lie in is no folder, or is not writable.
    """
    if folder.exists() or folder.is_symlink():
        raise DendrographError(f"{folder}: there is something already\n  name a folder that is to be made")
    above = next(one for one in folder.absolute().parents if one.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        problem = "is not writable" if above.is_dir() else "is no folder"
        raise DendrographError(f"{folder}: cannot be made: {above} {problem}\n  name a folder elsewhere")


def make_folder(folder: Path, files: Mapping[str, bytes | str]) -> None:
    """Make a folder with these files in it, in one step; folders above it are made as needed.

    Raises:
        RunError: it cannot be made; nothing is left of it.
    """
    temporary = _beside(folder)
    try:
        try:
            temporary.mkdir(parents=True)
            for name, content in files.items():
                write(temporary / name, content)
            os.replace(temporary, folder)  # takes the place of an empty folder, and of no other
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be made: {error.strerror or error}\n  give a writable folder by {argument('out')}"
        ) from None


def _another() -> str:
    return worded("another --out", "another path")


def clear(folder: Path) -> None:
    """Take away the half-written files that a killed process has left in a folder."""
    for left in folder.glob(".*.tmp"):
        left.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
