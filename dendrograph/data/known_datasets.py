"""The data sets that are known by name: shapes, files, folders and sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Known:
    """A data set that is known by name.

    Attributes:
        shape: of a sample.
        classes: number of classes.
        files: for IDX: train images, train labels, test images, test labels.
        folders: places in a data folder where the files may lie; the first is recommended to users.
        openml: name of the data set at OpenML.
        openml_train: number of training samples: OpenML keeps them first in one table with the test samples.
        upright: from pixels as stored, shape (samples, pixels), to (samples, *shape).
    """

    shape: tuple[int, ...]
    classes: int
    files: tuple[str, ...]
    folders: tuple[str, ...]
    openml: str
    openml_train: int
    upright: Callable[[np.ndarray], np.ndarray]


def _grey(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(-1, 28, 28)


def _transposed(pixels: np.ndarray) -> np.ndarray:
    # EMNIST was written column by column (by MATLAB): read row by row its images lie on their side, mirrored.
    return pixels.reshape(-1, 28, 28).transpose(0, 2, 1)


def channels_last(pixels: np.ndarray) -> np.ndarray:
    """Pixels of colour planes, shape (samples, 3072), as images of shape (samples, 32, 32, 3)."""
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def _idx_names(train: str, test: str) -> tuple[str, ...]:
    return tuple(f"{part}-{kind}-ubyte" for part in (train, test) for kind in ("images-idx3", "labels-idx1"))


MNIST_FILES = _idx_names("train", "t10k")
EMNIST_FILES = _idx_names("emnist-balanced-train", "emnist-balanced-test")
CIFAR_FILES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
CIFAR_FOLDERS = ("cifar10", "cifar10/cifar-10-batches-bin", "cifar-10-batches-bin")

KNOWN: Mapping[str, Known] = {
    "mnist": Known((28, 28), 10, MNIST_FILES, ("mnist", "MNIST/raw"), "mnist_784", 60_000, _grey),
    "fashion_mnist": Known(
        (28, 28), 10, MNIST_FILES, ("fashion_mnist", "FashionMNIST/raw"), "Fashion-MNIST", 60_000, _grey
    ),
    "kmnist": Known((28, 28), 10, MNIST_FILES, ("kmnist", "KMNIST/raw"), "Kuzushiji-MNIST", 60_000, _grey),
    "emnist": Known((28, 28), 47, EMNIST_FILES, ("emnist", "EMNIST/raw"), "EMNIST_Balanced", 112_800, _transposed),
    "cifar10": Known((32, 32, 3), 10, CIFAR_FILES, CIFAR_FOLDERS, "CIFAR_10", 50_000, channels_last),
}
HOMES = {  # where a user gets the files
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",  # the publisher's own page gives them no more
    "fashion_mnist": "https://github.com/zalandoresearch/fashion-mnist",
    "kmnist": "https://github.com/rois-codh/kmnist",
    "emnist": "https://www.nist.gov/itl/products-and-services/emnist-dataset",
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar.html",
}
