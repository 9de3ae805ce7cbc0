"""Atomic writing of files and folders: they exist in full or not at all, even after a power failure.

Each is written under a temporary name, `.NAME.HOST-PROCESS-RANDOM.tmp`, and then renamed. The remains of a killed
process are recognised by that name; nothing else is ever deleted.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from dendrograph.base.errors import DendrographError, RunError, argument, worded

MOST_NAME = 255  # bytes of a name, on all file systems in use
LONG_AGO = 24 * 3600  # seconds after which the temporary files of another machine are removed
_TEMPORARY = re.compile(r"\.(.+)\.(?:([0-9a-f]{8})-([0-9]+)-)?[0-9a-f]{8}\.tmp", re.DOTALL)  # older ones: no host


def write(path: Path, content: bytes | str) -> None:
    """Write a file atomically: readers see either the old or the new content.

    Raises:
        RunError: the file cannot be written; the old content is kept.
    """
    temporary = temporary_beside(path)
    try:
        try:
            with temporary.open("xb") as stream:
                # Bytes of names that are not UTF-8 are escaped, as in messages.
                stream.write(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written: {error.strerror or error}\n  is the folder writable, is the disk full?"
        ) from None


def check_new_file(path: Path, force: bool, such_as: str) -> None:
    """Check that a new file would replace no folder and, unless `force`, no file.

    Raises:
        DendrographError: naming the path and what to do.
    """
    if path.is_dir():
        raise DendrographError(f"{path}: is a folder\n  give the file to make, such as {worded('--out ', '')}{such_as}")
    if not force and (path.exists() or path.is_symlink()):
        raise DendrographError(
            f"{path}: is there already\n  replace it by {argument('force', True)}, or give {_another()}"
        )


def check_writable(path: Path) -> None:
    """Check that a file can be written, before the work for it is done.

    Raises:
        DendrographError: its folder does not exist or is not writable, or the path is a folder.
    """
    folder = path.parent
    if path.is_dir():
        raise DendrographError(f"{path}: is a folder\n  give the file to make")
    if not folder.is_dir():
        problem = "is no folder" if folder.exists() else "there is no such folder"
        raise DendrographError(f"{path}: cannot be written: {folder}: {problem}\n  make it, or give {_another()}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DendrographError(f"{path}: cannot be written: {folder} is not writable\n  give {_another()}")


def check_new_folder(folder: Path) -> None:
    """Check that a folder can be made, before the work for its content is done.

    Raises:
        DendrographError: the path exists already, or the folder above it is not a folder or not writable.
    """
    if folder.exists() or folder.is_symlink():
        raise DendrographError(f"{folder}: there is something already\n  name a folder that is to be made")
    above = next(one for one in folder.absolute().parents if one.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        problem = "is not writable" if above.is_dir() else "is no folder"
        raise DendrographError(f"{folder}: cannot be made: {above} {problem}\n  name a folder elsewhere")


def make_folder(folder: Path, files: Mapping[str, bytes | str]) -> None:
    """Make a folder with these files atomically. Missing folders above it are made too.

    Raises:
        RunError: the folder cannot be made; nothing of it remains.
    """
    check_name_lengths(folder)
    temporary = temporary_beside(folder)
    above = [one for one in folder.absolute().parents if not one.exists()]
    try:
        try:
            temporary.mkdir(parents=True)
            clear_left_behind(folder.parent, [folder.name])
            for name, content in files.items():
                write(temporary / name, content)
            os.replace(temporary, folder)  # takes the place of an empty folder, and of no other
            for one in (folder, *above):
                sync_folder(one.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be made: {error.strerror or error}\n  give a writable folder by {argument('out')}"
        ) from None


def check_name_lengths(path: Path) -> None:
    """Check that file systems accept the names of a path, before anything is made.

    Raises:
        RunError: a name is too long, or holds a zero byte.
    """
    for name in path.parts:
        if len(os.fsencode(name)) > MOST_NAME:
            raise RunError(
                f"{path}: cannot be made: File name too long: {len(os.fsencode(name))} bytes, {MOST_NAME} at most\n"
                f"  give a shorter name by {argument('out')}"
            )
        if "\0" in name:
            raise RunError(f"{path!r}: cannot be made: a name holds a zero byte\n  give another by {argument('out')}")


def _another() -> str:
    return worded("another --out", "another path")


def clear(folder: Path, names: Collection[str]) -> None:
    """Remove temporary files and folders from a folder that no other process writes to.

    Args:
        folder: the folder to clear.
        names: the final names of the files and folders; temporary names of others are kept.
    """
    for left in _temporary(folder, names):
        _remove(left)


def clear_left_behind(folder: Path, names: Collection[str]) -> None:
    """Remove temporary files and folders of ended processes, from a folder that other processes may write to.

    Whether a process on another machine has ended is unknown; its files are removed after a day.
    """
    import psutil

    for path in _temporary(folder, names):
        found = _TEMPORARY.fullmatch(path.name)
        assert found is not None
        if found[2] == _host():
            ended = not psutil.pid_exists(int(found[3]))
        else:
            try:
                ended = time.time() - path.lstat().st_mtime > LONG_AGO
            except FileNotFoundError:  # it was renamed just now
                continue
        if ended:
            _remove(path)


def is_temporary(path: Path) -> bool:
    """Whether a file or folder has a temporary name of this module."""
    return _TEMPORARY.fullmatch(path.name) is not None


def _temporary(folder: Path, names: Collection[str]) -> list[Path]:
    short = {_shortened(name) for name in names}
    with suppress(OSError):
        there = list(folder.iterdir())
        return [path for path in there if (found := _TEMPORARY.fullmatch(path.name)) and found[1] in short]
    return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Write the names of a folder to the disk, so that a renamed file survives a power failure.

    Nothing happens if the system has no such call (Windows) or the folder cannot be read.
    """
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def temporary_beside(path: Path) -> Path:
    """A temporary name beside a file or folder, unique to this process."""
    return path.with_name(f".{_shortened(path.name)}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _shortened(name: str) -> str:
    """The name, shortened so that its temporary name is not too long."""
    most = MOST_NAME - len(f"..{_host()}-{2**32}-00000000.tmp")
    while len(os.fsencode(name)) > most:
        name = name[:-1]
    return name


def _host() -> str:
    return hashlib.sha256(platform.node().encode(errors="replace")).hexdigest()[:8]
