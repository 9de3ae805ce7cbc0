"""The reader of the binary files of CIFAR-10, and of their archive."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dendrograph.base.errors import DataError
from dendrograph.data.known_datasets import CIFAR_FILES, HOMES, channels_last
from dendrograph.data.unpacking import DAMAGED, Unpacked

CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR_PICKLES = ("cifar-10-batches-py", "cifar-10-python.tar.gz")
CIFAR_RECORD = 1 + 3 * 32 * 32  # one byte of label, then a plane each of red, green and blue, row by row
CIFAR_BATCH = 10_000 * CIFAR_RECORD  # the publisher's; six of them and some kilobytes of text are the archive


def read_cifar_batch(path: Path) -> bytes:
    """The bytes of one binary batch of CIFAR-10, gzip or plain."""
    with Unpacked(path, CIFAR_BATCH) as file:
        return file.read(CIFAR_BATCH + 1)


def cifar_arrays(batches: Sequence[tuple[str, bytes]]) -> dict[str, np.ndarray]:
    """CIFAR-10's six binary batches, each with the name to give in an error; the last is the test set."""
    records = []
    for name, data in batches:
        if not data or len(data) % CIFAR_RECORD:
            raise DataError(
                f"{name}: {len(data)} bytes are not a whole number of images of {CIFAR_RECORD} bytes\n  {DAMAGED}"
            )
        records.append(np.frombuffer(data, np.uint8).reshape(-1, CIFAR_RECORD))
    train, test = np.concatenate(records[:-1]), records[-1]
    return {
        "x_train": channels_last(train[:, 1:]),
        "y_train": train[:, 0],
        "x_test": channels_last(test[:, 1:]),
        "y_test": test[:, 0],
    }


def read_cifar_elsewhere(places: Sequence[Path]) -> tuple[dict[str, np.ndarray], str] | None:
    """CIFAR-10 from its archive in one of the places, and its source; None if it is in none.

    Raises:
        DataError: only the Python version of CIFAR-10 is there, which is made of pickles.
    """
    for place in places:
        archive = place / CIFAR_ARCHIVE
        if archive.is_file():
            return cifar_arrays(_archived_batches(archive)), f"CIFAR-10 binary files in {archive.resolve()}"
    for place in places:
        for pickled in CIFAR_PICKLES:
            if (place / pickled).exists():
                raise DataError(
                    f"{place / pickled}: this is CIFAR-10's Python version, made of pickles, which can run any code "
                    f"when they are read; it is not read\n  put the binary version, {CIFAR_ARCHIVE}, into {place}; it "
                    f"comes from {HOMES['cifar10']}"
                )
    return None


def _archived_batches(archive: Path) -> list[tuple[str, bytes]]:
    """The six batches straight from the archive: nothing is extracted, so no path in it can do harm."""
    batches = {}
    try:
        with Unpacked(archive, 7 * CIFAR_BATCH) as file, tarfile.open(fileobj=file, mode="r|") as tar:  # type: ignore[call-overload]
            for member in tar:
                name = os.path.basename(member.name)
                # A sparse member takes no place in the archive, and as much memory as it likes.
                stream = tar.extractfile(member) if member.isfile() and not member.issparse() else None
                if stream is not None and name in CIFAR_FILES:
                    batches[name] = stream.read(CIFAR_BATCH + 1)
    except (OSError, tarfile.TarError, ValueError) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error}\n  {DAMAGED}") from error
    lacking = [file for file in CIFAR_FILES if file not in batches]
    if lacking:
        raise DataError(f"{archive}: {', '.join(lacking)} missing in the archive\n  {DAMAGED}")
    return [(f"{archive}: {file}", batches[file]) for file in CIFAR_FILES]
