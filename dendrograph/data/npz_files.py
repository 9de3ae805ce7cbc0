"""The reader of `.npz` files. Nothing in them can run code: pickled objects are refused."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from dendrograph.base.errors import DataError, clip, one_line
from dendrograph.base.suggestions import listed
from dendrograph.data.unpacking import check_memory

MOST_HEADER = 10_000  # bytes of a header of `.npy` that NumPy reads
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # as numpy.savez writes them
UNBOUNDED = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}  # zipfile unpacks them beyond what is asked for


def read_npz(path: Path, choose: Callable[[list[str]], Mapping[str, str]] | None = None) -> dict[str, np.ndarray]:
    """dict[str, np.ndarray] of a `.npz`, which are read and unpacked only where they are asked for.

    Args:
        path: the file.
        choose: from the names of all its arrays, what is to be read: a name for each -> its name in the file; all by
            default.

    Raises:
        DataError: not there, not a `.npz`, damaged, holding Python objects, or more than the memory that is free.
    """
    shown = one_line(path)
    if not os.path.isfile(path):
        found = "is a folder" if os.path.isdir(path) else "no such file"
        raise DataError(f"{shown}: {found}\n  give the path of a .npz file, as numpy.savez writes it")
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(f"{shown}: not a .npz file, or a damaged one\n  write it with numpy.savez")
    except OSError as error:
        raise DataError(f"{shown}: cannot be read: {error.strerror}") from error
    reading = "it"
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if _is_array(info)}
            if len(members) < sum(map(_is_array, archive.infolist())):
                raise ValueError("two arrays have the same name")
            if not members and archive.namelist():
                held = listed([f"'{clip(name)}'" for name in archive.namelist()])
                raise ValueError(f"no name in it ends in .npy, as those of arrays do: {held}")
            chosen = choose(list(members)) if choose else {name: name for name in members}
            takes = 0
            for own in chosen.values():
                reading = f"array '{clip(own)}'"
                takes += _announced(archive, members[own])
            check_memory(path, takes, "unpacked, it ")
            arrays: dict[str, np.ndarray] = {}
            for name, own in chosen.items():
                reading = f"array '{clip(own)}'"
                with archive.open(members[own]) as stream:
                    arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
    except (DataError, MemoryError):
        raise
    # Damage may show in the zip, in its compression, in a header or in the data, each with errors of its own.
    except Exception as error:
        raise DataError(
            f"{shown}: {reading} cannot be read: {error}\n  write it again with numpy.savez, from arrays of numbers"
        ) from error
    return arrays


def _is_array(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(".npy")


def _announced(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Bytes that an array of a `.npz` takes in memory, by its header, which is all that is unpacked.

    Raises:
        ValueError: that is not what the zip announces, or nothing that may be unpacked.
    """
    if info.compress_type not in PACKINGS:
        packing = UNBOUNDED.get(info.compress_type, f"method {info.compress_type}")
        raise ValueError(f"it is packed by {packing}, which NumPy does not write")
    with archive.open(info) as stream:
        shape, fortran, dtype, start = _header(stream)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    count = math.prod(shape)
    size = count * dtype.itemsize
    if start + size != info.file_size:
        raise ValueError(f"its header announces {size:,} bytes of numbers, but {info.file_size - start:,} are there")
    if len(shape) < 2:  # labels: int64, and three bytes each while they are checked
        return size + 11 * count
    # Bytes stay as they are, but row by row; all else becomes float32, and takes a byte each to see that it is finite.
    return size + count * (int(fortran) if dtype == np.uint8 else 5)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether columns come first, type, and where the numbers begin, of a `.npy`.

    Raises:
        ValueError: it has no header, or one that is longer than any of an array of numbers.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"it is written in version {version[0]}.{version[1]} of the format, which is not known")
    length = stream.read(2 if version == (1, 0) else 4)
    if (announced := int.from_bytes(length, "little")) > MOST_HEADER:
        raise ValueError(f"its header is {announced:,} bytes long, but may have at most {MOST_HEADER:,}")
    header = io.BytesIO(length + stream.read(announced))
    # The third version differs from the second in the letters of the names of columns, which numbers have not.
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return *read(header), np.lib.format.MAGIC_LEN + len(length) + announced
