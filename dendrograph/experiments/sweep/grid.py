"""The axes of a sweep: the morphologies, data sets, parameters, settings, seeds and controls that its file names."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data import load as datasets
from dendrograph.data.dataset import Dataset
from dendrograph.morphology.document import Document
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.overrides import can_override
from dendrograph.morphology.registry import CONTROLS
from dendrograph.morphology.shipped import shipped
from dendrograph.morphology.validation import Cursor
from dendrograph.morphology.yaml_reader import flow
from dendrograph.training.config import TrainConfig
from dendrograph.training.run_format import load

SETTINGS = tuple(item.name for item in fields(TrainConfig) if item.name != "seed")
LARGEST_SEED = 2**32 - 1
MOST_RUNS = 100_000


@dataclass(frozen=True)
class AxisValue:
    """One value of one axis: its name in messages and folders, and its place in the file."""

    key: str
    value: Any
    cursor: Cursor

    @property
    def shown(self) -> str:
        """Its value as text."""
        return self.value if isinstance(self.value, str) else flow(self.value)

    def fault(self, error: DendrographError) -> None:
        """Report an error as a fault of this value: its first line is the problem, the others are the remedy."""
        problem, _, remedy = str(error).partition("\n")
        self.cursor.fault(problem, remedy.strip())


AxisValues = tuple[AxisValue, ...]


def axis_values(key: str, cursor: Cursor) -> list[AxisValue]:
    """The values of an axis: those of a list, or a single one."""
    if not isinstance(cursor.value, list):
        return [AxisValue(key, cursor.value, cursor)]
    return [AxisValue(key, entry.value, entry) for entry in cursor.entries("values")]


def fault_too_many(where: Cursor) -> None:
    """Report that there would be too many runs."""
    where.fault(f"more than {MOST_RUNS:,} runs", "take a coarser grid, or make several sweeps")


class SweepInputs:
    """The morphologies and data sets of a sweep, each read once. One that cannot be read is a fault, reported once.

    Args:
        folder: of the file; its paths are relative to it.
        data_dir: where data sets are.
        plugins: that the morphologies need.
    """

    def __init__(self, folder: Path, data_dir: str | None, plugins: tuple[str, ...]) -> None:
        self.folder = folder
        self.data_dir = data_dir
        self.plugins = plugins
        self._datasets: dict[str, Dataset | None] = {}
        self._documents: dict[str, Document | None] = {}

    def document(self, choice: AxisValue) -> Document | None:
        """The document of a morphology, or None and a fault."""
        if not isinstance(choice.value, str):
            choice.cursor.expected("a file, or the name of a morphology that ships", did_you_mean("", shipped()))
            return None
        path = self.path(choice.value)
        if path not in self._documents:
            self._documents[path] = None
            try:
                self._documents[path] = load(path, None, self.plugins).document
            except DendrographError as error:
                choice.fault(error)
        return self._documents[path]

    def path(self, morphology: str) -> str:
        """A path relative to the file of the sweep, or the name of a shipped morphology."""
        beside = self.folder / morphology
        return str(beside) if beside.exists() else morphology

    def dataset(self, choice: AxisValue) -> Dataset | None:
        """A data set, or None and a fault."""
        if not isinstance(choice.value, str):
            choice.cursor.expected("the name of a data set, or the path of a .npz file")
            return None
        if choice.value not in self._datasets:
            self._datasets[choice.value] = None
            try:
                self._datasets[choice.value] = datasets.load(self.data_path(choice.value), self.data_dir)
            except DendrographError as error:
                choice.fault(error)
        return self._datasets[choice.value]

    def data_path(self, name: str) -> str:
        """A `.npz` file, or a task cut from one, relative to the file of the sweep; or the name of a data set."""
        own = re.search(r"\.npz(/|\Z)", name, re.IGNORECASE) and not Path(name).is_absolute()
        return str(self.folder / name) if own else name


def parameter_grids(layers: Sequence[tuple[Cursor, Sequence[Document]]]) -> list[AxisValues]:
    """All settings of the parameters: each mapping is a grid, and a list of mappings is one grid after the other.

    Mappings of several layers are crossed, and the later one wins. Each layer has the documents to which it applies: a
    parameter that none of them has is a fault.
    """
    mappings: list[list[tuple[Cursor, Sequence[Document]]]] = [[]]
    for cursor, documents in layers:
        entries = cursor.entries("mappings of parameters") if isinstance(cursor.value, list) else [cursor]
        mappings = [[*before, (entry, documents)] for before in mappings for entry in entries]
    found: list[AxisValues] = []
    for mapping in mappings:
        axes: dict[str, list[AxisValue]] = {}
        for cursor, documents in mapping:
            axes |= _grid(cursor, documents)
        if math.prod(len(choices) for choices in axes.values()) + len(found) > MOST_RUNS:
            fault_too_many(mapping[-1][0])
            break
        found += itertools.product(*axes.values())
    return found or [()]


def _grid(cursor: Cursor, documents: Sequence[Document]) -> dict[str, list[AxisValue]]:
    """The axes of one mapping of parameters."""
    if not isinstance(cursor.value, dict):
        cursor.expected("a mapping of parameters to values", "such as {dendrites: [4, 8]}")
        return {}
    axes = {}
    for key in cursor.value:
        at = cursor.child(key)
        assert at is not None
        axes[key] = axis_values(key, at)
        if documents and not any(can_override(document, key, Morphology.KEYS) for document in documents):
            declared = {name for document in documents for name in document.parameters}
            cursor.fault(f"no morphology has the parameter '{key}'", did_you_mean(key, declared), key, key=True)
    return axes


def configs(cursors: Sequence[Cursor]) -> list[tuple[TrainConfig, AxisValues]]:
    """All settings of the training, with their values in the file; the later of several mappings wins."""
    axes: dict[str, list[AxisValue]] = {}
    for cursor in cursors:
        hints = {"seed": "seeds is a key of its own: seeds: 5, or seeds: [0, 1, 2]"}
        if cursor.keys(SETTINGS, such_as="{epochs: 10, lr: [0.001, 0.01]}", hints=hints):
            for key in cursor.value:
                at = cursor.child(key)
                if key in SETTINGS and at:
                    axes[key] = axis_values(key, at)
    if math.prod(len(choices) for choices in axes.values()) > MOST_RUNS:
        fault_too_many(cursors[-1])
        return []
    # Each setting is checked on its own, so that all wrong ones are reported.
    allowed = [[choice for choice in choices if _is_allowed(choice)] for choices in axes.values()]
    return [
        (TrainConfig(**{choice.key: choice.value for choice in choices}), choices)
        for choices in itertools.product(*allowed)
    ]


def _is_allowed(choice: AxisValue) -> bool:
    """Whether a setting is valid; otherwise it is a fault."""
    try:
        TrainConfig(**{choice.key: choice.value}).for_data("")
    except DendrographError as error:
        choice.fault(error)
        return False
    return True


def seeds(cursor: Cursor | None) -> list[int]:
    """The seeds: a number of them, from 0, or a list."""
    if cursor is None:
        return [0]
    if not isinstance(cursor.value, list):
        number = cursor.whole(1, ", or a list of seeds")
        if number > MOST_RUNS:
            fault_too_many(cursor)
            return []
        return list(range(number))
    listed = cursor.entries("seeds")
    found = [entry.whole(0) for entry in listed]
    for entry, seed in zip(listed, found, strict=True):
        if seed > LARGEST_SEED:
            entry.expected(f"a seed of at most {LARGEST_SEED:,}")
    if len(set(found)) < len(found):
        cursor.fault("a seed is listed twice", "name each seed once")
    return [seed for seed in found if seed <= LARGEST_SEED]


def control_kinds(cursor: Cursor | None) -> list[str]:
    """The names of the controls in the file."""
    if cursor is None:
        return []
    if cursor.value == "all":
        return list(CONTROLS)
    return [choice.cursor.choice("control", CONTROLS) for choice in axis_values("control", cursor)]
