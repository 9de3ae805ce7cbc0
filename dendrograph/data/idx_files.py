"""The reader of IDX files, the format of MNIST and its relatives."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dendrograph.base.errors import DataError
from dendrograph.data.known_datasets import HOMES, KNOWN
from dendrograph.data.unpacking import DAMAGED, Unpacked, check_memory


def _idx_shape(file: Unpacked, axes: int) -> tuple[int, ...]:
    """The shape in the header of an IDX file of bytes."""
    magic = bytes((0, 0, 8, axes))  # 8: unsigned bytes
    start = 4 + 4 * axes
    header = file.read(start)
    if header[:4] != magic or len(header) < start:
        raise DataError(
            f"{file.path}: starts with {header[:4].hex(' ') or 'nothing'}, but an IDX file of bytes with {axes} "
            f"{'axis' if axes == 1 else 'axes'} starts with {magic.hex(' ')}\n"
            "  put the publisher's file of that name there, as it is or gzip-compressed"
        )
    return tuple(int(size) for size in np.frombuffer(header, ">u4", axes, offset=4))


def read_idx(path: Path, axes: int) -> np.ndarray:
    """Read an IDX file of bytes, gzip or plain.

    Args:
        path: the file.
        axes: number of axes.

    Returns:
        uint8, with `axes` axes.

    Raises:
        DataError: the file is damaged, or no such file.
    """
    with Unpacked(path, sys.maxsize) as file:
        shape = _idx_shape(file, axes)
        size = math.prod(shape)
        check_memory(path, size)
        data = file.read(size + 1)
    if len(data) != size:
        follow = f"{len(data)} follow" if len(data) < size else "more follow"
        raise DataError(
            f"{path}: its header says {' x '.join(map(str, shape))} = {size} bytes, but {follow}\n  {DAMAGED}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def read_idx_set(name: str, paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """The arrays of a known data set from its files: images and labels of the training, then of the test split.

    Raises:
        DataError: a file is damaged, or is not of this data set.
    """
    known = KNOWN[name]
    arrays: dict[str, np.ndarray] = {}
    for part, images_path, labels_path in zip(("train", "test"), paths[::2], paths[1::2], strict=True):
        # The headers are compared before anything is unpacked.
        with Unpacked(images_path, sys.maxsize) as images, Unpacked(labels_path, sys.maxsize) as labels:
            (number, *sides), (labelled,) = _idx_shape(images, 3), _idx_shape(labels, 1)
        if number != labelled:
            raise DataError(
                f"{images_path} holds {number} images, but {labels_path} holds {labelled} labels\n"
                "  put the two files there that belong together"
            )
        if tuple(sides) != known.shape:
            raise DataError(
                f"{images_path}: its images are {sides[0]} x {sides[1]}, but those of '{name}' are "
                f"{known.shape[0]} x {known.shape[1]}\n  put the publisher's file there ({HOMES[name]})"
            )
        arrays |= {f"x_{part}": known.upright(read_idx(images_path, 3)), f"y_{part}": read_idx(labels_path, 1)}
    return arrays
