"""The file of a sweep: read, validated as a whole, and expanded into cells.

Every fault is found before anything runs: unknown keys, knobs that no morphology has, settings out of range, data that
are not there, and combinations that cannot be compiled, each with its place in the file.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dendrograph import data as datasets
from dendrograph import plugins as plugin
from dendrograph.compiler import compile
from dendrograph.config import TrainConfig
from dendrograph.controls import CONTROLS, controls
from dendrograph.cursor import Cursor
from dendrograph.dataset import Dataset
from dendrograph.document import Document
from dendrograph.errors import DendrographError, Faults, did_you_mean
from dendrograph.experiment import DEFAULT_DATA
from dendrograph.kernels import KERNELS
from dendrograph.library import shipped
from dendrograph.morphology import Morphology, load
from dendrograph.reading import LARGEST_FILE, decoded, flow
from dendrograph.sweep.cells import Cell

KEYS = ("morphologies", "controls", "set", "data", "seeds", "train")
TOP = ("name", "about", "batch", "kernel", "runs", *KEYS)
SETTINGS = tuple(item.name for item in fields(TrainConfig) if item.name != "seed")
MOST_CELLS = 100_000
LARGEST_SEED = 2**32 - 1
SUCH_AS = "morphologies: [dann-lrf, vann], seeds: 5"


@dataclass(frozen=True)
class Sweep:
    """A validated sweep: its cells are the trainings, each once, in the order of the file.

    batch: how many networks one worker may train as one graph
    text: of the file
    """

    name: str
    cells: tuple[Cell, ...]
    batch: int = 1
    about: str = ""
    text: str = field(default="", repr=False)
    notes: tuple[str, ...] = ()


def read(path: str | Path, data_dir: str | Path | None = None, plugins: Iterable[str | Path] = ()) -> Sweep:
    """Read the file of a sweep and hold all that it names to what there is; nothing is trained.

    Paths in the file are taken from where the file lies.

    Args:
        path: of the YAML file.
        data_dir: where data sets lie.
        plugins: what the morphologies need, as `load` takes them.

    Raises:
        MorphologyError: with every fault found, each with its place.
        DendrographError: the file cannot be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise DendrographError(f"{path}: cannot be read: {error.strerror}\n  give the YAML file of a sweep") from None
    text = decoded(content, str(path))
    if not text.strip():
        raise DendrographError(f"{path}: the file is empty\n  a sweep names morphologies, such as {SUCH_AS}")
    named = tuple(str(one) for one in plugins)
    plugin.use(named)
    document = Document.from_text(text, str(path))
    faults = Faults(document.faults)
    reader = _Reader(Cursor(document, faults), path.parent, str(data_dir) if data_dir else None, named)
    sweep = reader.sweep(path.stem)
    faults.raise_if_any()
    return replace(sweep, text=text)


@dataclass(frozen=True)
class _Choice:
    """One value of one axis: what messages and folders call it, and where it stands."""

    key: str
    value: Any
    cursor: Cursor

    @property
    def shown(self) -> str:
        return self.value if isinstance(self.value, str) else flow(self.value)

    def tell(self, error: DendrographError) -> None:
        """Note an error as a fault of this value: its first line is the problem, the others are the remedy."""
        problem, _, remedy = str(error).partition("\n")
        self.cursor.fault(problem, remedy.strip())


Choices = tuple[_Choice, ...]


class _Reader:
    def __init__(self, cursor: Cursor, folder: Path, data_dir: str | None, plugins: tuple[str, ...]) -> None:
        self.top = cursor
        self.folder = folder
        self.data_dir = data_dir
        self.plugins = plugins
        self.data: dict[str, Dataset | None] = {}
        self.documents: dict[str, Document] = {}
        self.compiled: set[tuple[str, str]] = set()
        self.notes: list[str] = []

    def sweep(self, stem: str) -> Sweep:
        top = self.top
        if not top.keys(TOP, such_as=SUCH_AS):
            return Sweep(stem, ())
        name_at, about_at, batch_at = top.child("name"), top.child("about"), top.child("batch")
        runs_at = top.child("runs")
        parts: list[Cursor | None] = [None]
        if runs_at:
            parts = [entry for entry in runs_at.entries("runs") if entry.keys(KEYS, such_as="{morphologies: vann}")]
        found: dict[str, Cell] = {}
        doubled = 0
        for part in parts:
            for cell in self._cells(_Part(top, part)):
                doubled += cell.identity in found
                found.setdefault(cell.identity, cell)
        if doubled:
            self.notes.append(f"combinations that are the same training as another, and are not repeated: {doubled:,}")
        return Sweep(
            name_at.slug() if name_at else stem,
            tuple(cell.named() for cell in _with_axes_that_vary(list(found.values()))),
            batch_at.whole(1) if batch_at else 1,
            about_at.text() if about_at else "",
            notes=tuple(self.notes),
        )

    def _cells(self, part: _Part) -> Iterator[Cell]:
        """The cells of one entry of `runs`, or of the file itself."""
        morphologies_at = part.get("morphologies")
        if morphologies_at is None:
            remedy = f"name files, or morphologies that ship: {SUCH_AS}"
            (part.own or self.top).fault("missing key 'morphologies'", remedy, "morphologies")
            return
        files = [choice for choice in many("morphology", morphologies_at) if self._file(choice) is not None]
        asked = self._controls(part.get("controls"))
        knobs = self._knobs(part.all("set"), files)
        data = [choice for choice in self._data(part.get("data")) if self._dataset(choice) is not None]
        configs = list(self._configs(part.all("train")))
        seeds = self._seeds(part.get("seeds"))
        kernel_at = self.top.child("kernel")
        kernel = kernel_at.choice("kernel", ("auto", *(one.NAME for one in KERNELS))) if kernel_at else "auto"
        number = len(files) * len(knobs) * len(data) * len(configs) * len(seeds) * (1 + len(asked))
        if number > MOST_CELLS:
            self._too_many(part.own or self.top)
            return
        for file, turned, where_data in itertools.product(files, knobs, data):
            for tree in self._trees(file, turned, where_data, asked):
                axes = [(choice.key, choice.shown) for choice in turned]
                for config, settings in configs:
                    dataset = self.data[where_data.value]
                    assert dataset is not None
                    decided = replace(config.for_data(dataset.name), device=config.device)
                    for seed in seeds:
                        yield Cell(
                            {**tree.to_dict(), "parameters": dict(tree.parameters)},
                            self._path(file),
                            self._data_path(where_data.value),
                            dataset.digest,
                            replace(decided, seed=seed),
                            kernel,
                            self.data_dir if dataset.origin["data_dir"] else None,
                            (*axes, ("data", where_data.value), *((choice.key, choice.shown) for choice in settings)),
                            self.plugins,
                        )

    def _trees(self, file: _Choice, turned: Choices, data: _Choice, asked: Sequence[str]) -> Iterator[Morphology]:
        """The morphology with its knobs turned, and its controls; those that do not compile are faults."""
        dataset = self.data[data.value]
        assert dataset is not None
        document = self._file(file)
        assert document is not None
        taken = [choice for choice in turned if document.takes(choice.key, Morphology.KEYS)]
        combination = ", ".join(
            [file.value, *(f"{choice.key}={choice.shown}" for choice in taken), f"data {data.value}"]
        )
        at = taken[0].cursor if taken else file.cursor
        try:
            tree = load(self._path(file), {choice.key: choice.value for choice in taken}, self.plugins)
            trees = [tree]
            self._compile(tree, dataset)
            made = controls(tree, dataset.shapes, dataset.classes) if asked else {}
            for name in asked:
                if name not in made:
                    self._note(f"{tree.name} has no control '{name}': dendrograph controls {file.value} says why")
                    continue
                named = {**made[name].to_dict(), "parameters": dict(tree.parameters)}
                trees.append(Morphology.from_dict(named, made[name].name))
                self._compile(trees[-1], dataset)
        except DendrographError as error:
            at.fault(f"this combination cannot be compiled: {combination}", str(error))
            return
        yield from trees

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _compile(self, tree: Morphology, data: Dataset) -> None:
        """Compile once for each shape of data: what compiles with one seed does with any."""
        key = (tree.to_yaml(), repr((data.shapes, data.classes)))
        if key not in self.compiled:
            compile(tree, data.shapes, data.classes, 0)
            self.compiled.add(key)

    def _file(self, choice: _Choice) -> Document | None:
        """The document of a morphology; None, and a fault, where there is none."""
        if not isinstance(choice.value, str):
            choice.cursor.expected("a file, or the name of a morphology that ships", did_you_mean("", shipped()))
            return None
        path = self._path(choice)
        if path in self.documents:
            return self.documents[path]
        try:
            document = load(path, None, self.plugins).document
        except DendrographError as error:
            choice.tell(error)
            return None
        assert document is not None, "it was read"
        self.documents[path] = document
        return document

    def _path(self, choice: _Choice) -> str:
        """A file is taken from where the sweep's file lies; a name is that of a morphology that ships."""
        beside = self.folder / choice.value
        return str(beside) if beside.exists() else str(choice.value)

    def _controls(self, cursor: Cursor | None) -> list[str]:
        if cursor is None:
            return []
        if cursor.value == "all":
            return list(CONTROLS)
        return [choice.cursor.choice("control", CONTROLS) for choice in many("control", cursor)]

    def _knobs(self, cursors: Sequence[Cursor], files: Sequence[_Choice]) -> list[Choices]:
        """All settings of the knobs: each mapping is a grid, a list of mappings is one grid after the other."""
        documents = [document for file in files if (document := self._file(file))]
        mappings: list[list[Cursor]] = [[]]
        for cursor in cursors:
            entries = cursor.entries("mappings of knobs") if isinstance(cursor.value, list) else [cursor]
            mappings = [[*before, entry] for before in mappings for entry in entries]
        found: list[Choices] = []
        for layers in mappings:
            axes: dict[str, list[_Choice]] = {}
            for cursor in layers:
                if not isinstance(cursor.value, dict):
                    cursor.expected("a mapping of knobs to values", "such as {dendrites: [4, 8]}")
                    continue
                for key in cursor.value:
                    at = cursor.child(key)
                    assert at is not None
                    axes[key] = many(key, at)
                    if documents and not any(document.takes(key, Morphology.KEYS) for document in documents):
                        declared = {name for document in documents for name in document.parameters}
                        cursor.fault(f"no morphology has the knob '{key}'", did_you_mean(key, declared), key, key=True)
            if math.prod(len(choices) for choices in axes.values()) + len(found) > MOST_CELLS:
                self._too_many(layers[-1])
                break
            found += itertools.product(*axes.values())
        return found or [()]

    def _too_many(self, where: Cursor) -> None:
        where.fault(f"more than {MOST_CELLS:,} runs", "take a coarser grid, or make several sweeps")

    def _data(self, cursor: Cursor | None) -> list[_Choice]:
        return many("data", cursor) if cursor else [_Choice("data", DEFAULT_DATA, self.top)]

    def _dataset(self, choice: _Choice) -> Dataset | None:
        if not isinstance(choice.value, str):
            choice.cursor.expected("the name of a data set, or the path of a .npz file")
            return None
        if choice.value not in self.data:
            try:
                self.data[choice.value] = datasets.load(self._data_path(choice.value), self.data_dir)
            except DendrographError as error:
                self.data[choice.value] = None
                choice.tell(error)
        return self.data[choice.value]

    def _data_path(self, name: str) -> str:
        return str(self.folder / name) if name.lower().endswith(".npz") and not Path(name).is_absolute() else name

    def _configs(self, cursors: Sequence[Cursor]) -> Iterator[tuple[TrainConfig, Choices]]:
        axes: dict[str, list[_Choice]] = {}
        for cursor in cursors:
            hints = {"seed": "seeds is a key of its own: seeds: 5, or seeds: [0, 1, 2]"}
            if cursor.keys(SETTINGS, such_as="{epochs: 10, lr: [0.001, 0.01]}", hints=hints):
                for key in cursor.value:
                    at = cursor.child(key)
                    if key in SETTINGS and at:
                        axes[key] = many(key, at)
        if math.prod(len(choices) for choices in axes.values()) > MOST_CELLS:
            self._too_many(cursors[-1])
            return
        for choices in itertools.product(*axes.values()):
            try:
                config = TrainConfig(**{choice.key: choice.value for choice in choices})
                config.for_data("")
                yield config, choices
            except DendrographError as error:
                wrong = next((choice for choice in choices if str(error).startswith(choice.key)), choices[0])
                wrong.tell(error)

    def _seeds(self, cursor: Cursor | None) -> list[int]:
        """So many seeds, from 0 on; or those that are listed."""
        if cursor is None:
            return [0]
        if not isinstance(cursor.value, list):
            number = cursor.whole(1, ", or a list of seeds")
            if number > MOST_CELLS:
                self._too_many(cursor)
            return list(range(min(number, MOST_CELLS)))
        seeds = [entry.whole(0) for entry in cursor.entries("seeds")]
        for entry, seed in zip(cursor.entries("seeds"), seeds, strict=True):
            if seed > LARGEST_SEED:
                entry.expected(f"a seed of at most {LARGEST_SEED:,}")
        if len(set(seeds)) < len(seeds):
            cursor.fault("a seed stands twice", "name each seed once")
        return [seed for seed in seeds if seed <= LARGEST_SEED]


@dataclass(frozen=True)
class _Part:
    """One entry of `runs` over what the file says for all: the entry wins, in `set` and `train` key by key."""

    top: Cursor
    own: Cursor | None

    def get(self, key: str) -> Cursor | None:
        return (self.own and self.own.child(key)) or self.top.child(key)

    def all(self, key: str) -> list[Cursor]:
        """What the file has at a key, then what the entry has, which wins."""
        return [at for cursor in (self.top, self.own) if cursor and (at := cursor.child(key))]


def many(key: str, cursor: Cursor) -> list[_Choice]:
    """The values of an axis: those of a list, or the one that stands there."""
    if not isinstance(cursor.value, list):
        return [_Choice(key, cursor.value, cursor)]
    return [_Choice(key, entry.value, entry) for entry in cursor.entries("values")]


def _with_axes_that_vary(cells: list[Cell]) -> list[Cell]:
    """The cells, told apart by those axes alone that have more than one value among all of them."""
    seen: dict[str, set[str | None]] = {}
    for cell in cells:
        for key, value in cell.axes:
            seen.setdefault(key, set()).add(value)
    return [replace(cell, axes=tuple((key, value) for key, value in cell.axes if len(seen[key]) > 1)) for cell in cells]
