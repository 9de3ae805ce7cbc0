"""The file of a sweep, which is read, validated as a whole, and expanded into runs.

Every fault is found before anything runs: unknown keys, parameters that no morphology has, settings out of range,
missing data, and combinations that cannot be compiled, each with its place in the file.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dendrograph.base.errors import DataError, DendrographError, Faults, MorphologyError
from dendrograph.data.batches import validation_rows
from dendrograph.data.dataset import Dataset
from dendrograph.experiments.controls.controls import controls
from dendrograph.experiments.sweep import grid
from dendrograph.experiments.sweep.grid import (
    MOST_RUNS,
    AxisValue,
    AxisValues,
    SweepInputs,
    axis_values,
    fault_too_many,
)
from dendrograph.experiments.sweep.runs import SweepRun, content
from dendrograph.graph.compiler import compile
from dendrograph.morphology.document import Document
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.overrides import can_override
from dendrograph.morphology.plugins import digests, import_plugins
from dendrograph.morphology.validation import Cursor
from dendrograph.morphology.yaml_reader import LARGEST_FILE, decoded
from dendrograph.network.kernels import KERNELS
from dendrograph.training.config import TrainConfig
from dendrograph.training.model_source import DEFAULT_DATA, ModelSource
from dendrograph.training.run_format import load

KEYS = ("morphologies", "controls", "set", "data", "seeds", "train")
TOP = ("name", "about", "batch", "kernel", "runs", *KEYS)
SUCH_AS = "morphologies: [dann-lrf, vann], seeds: 5"

Files = list[tuple[AxisValue, Document]]  # morphologies, with their names in the file


@dataclass(frozen=True)
class Sweep:
    """A validated sweep. Each training is one of its runs once, in the order of the file.

    batch: the number of networks that one worker may train as one graph
    text: of the file
    """

    name: str
    runs: tuple[SweepRun, ...]
    batch: int = 1
    about: str = ""
    text: str = field(default="", repr=False)
    notes: tuple[str, ...] = ()


def read(
    path: str | Path,
    data_dir: str | Path | None = None,
    plugins: Iterable[str | Path] = (),
    more: Callable[[Cursor, Sweep], None] | None = None,
    more_keys: Sequence[str] = (),
) -> Sweep:
    """Read the file of a sweep and check everything that it names; nothing is trained.

    Paths in the file are relative to the file.

    Args:
        path: of the YAML file.
        data_dir: where data sets are.
        plugins: that the morphologies need, as `load` takes them.
        more: reads further keys of the file once its runs are known, and reports their faults.
        more_keys: the names of these keys.

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
    try:
        text = decoded(content, str(path))
    except MorphologyError as error:
        remedy = f"a sweep is a YAML file, saved as UTF-8, of at most {LARGEST_FILE // 1024} KiB"
        raise MorphologyError(replace(fault, remedy=remedy) for fault in error.faults) from None
    if not text.strip():
        raise DendrographError(f"{path}:1:1: the file is empty\n  a sweep names morphologies, such as {SUCH_AS}")
    named = tuple(str(one) for one in plugins)
    import_plugins(named)
    document = Document.from_text(text, str(path))
    faults = Faults(document.faults)
    sources = SweepInputs(path.parent, str(data_dir) if data_dir else None, named)
    top = Cursor(document, faults)
    sweep = _Reader(top, sources).sweep(path.stem, (*TOP, *more_keys))
    if more is not None and isinstance(top.value, dict):
        more(top, sweep)
    faults.raise_if_any()
    return replace(sweep, text=text)


class _Reader:
    """Expands a file into runs."""

    def __init__(self, top: Cursor, sources: SweepInputs) -> None:
        self.top = top
        self.sources = sources
        self.compiled: set[tuple[str, str]] = set()
        self.notes: list[str] = []

    def sweep(self, stem: str, keys: Sequence[str]) -> Sweep:
        top = self.top
        if not top.keys(keys, such_as=SUCH_AS):
            return Sweep(stem, ())
        name_at, about_at, batch_at = top.child("name"), top.child("about"), top.child("batch")
        runs_at = top.child("runs")
        entries: list[Cursor | None] = [None]
        if runs_at:
            entries = [entry for entry in runs_at.entries("runs") if entry.keys(KEYS, such_as="{morphologies: vann}")]
        found: dict[str, SweepRun] = {}
        here = TrainConfig().for_data("").device
        doubled = 0
        of_parts = [(part, self._files(part)) for part in (_Part(top, entry) for entry in entries)]
        every = [document for _, files in of_parts for _, document in files]
        for part, files in of_parts:
            for run in self._runs(part, files, every):
                doubled += (training := _training(run, here)) in found
                found.setdefault(training, run)
        if doubled:
            self.notes.append(f"combinations that are the same training as another, and are not repeated: {doubled:,}")
        return Sweep(
            name_at.slug() if name_at else stem,
            tuple(run.named() for run in _with_axes_that_vary(list(found.values()))),
            batch_at.whole(1) if batch_at else 1,
            about_at.text() if about_at else "",
            notes=tuple(self.notes),
        )

    def _files(self, part: _Part) -> Files:
        """The morphologies of one entry of `runs`, or of the whole file."""
        at = part.get("morphologies")
        if at is None:
            remedy = f"name files, or morphologies that ship: {SUCH_AS}"
            part.at.fault("missing key 'morphologies'", remedy, "morphologies")
            return []
        given = ((choice, self.sources.document(choice)) for choice in axis_values("morphology", at))
        return [(choice, document) for choice, document in given if document is not None]

    def _runs(self, part: _Part, files: Files, every: Sequence[Document]) -> Iterator[SweepRun]:
        """The runs of one entry of `runs`, or of the whole file; `every` has the morphologies of all entries."""
        sources, data_at = self.sources, part.get("data")
        named = axis_values("data", data_at) if data_at else [AxisValue("data", DEFAULT_DATA, self.top)]
        asked = grid.control_kinds(part.get("controls"))
        own = [document for _, document in files]
        # Parameters for all entries need not exist in each entry.
        knobs = grid.parameter_grids([(at, own if at.path[0] == "runs" else every) for at in part.all("set")])
        loaded = ((choice, sources.dataset(choice)) for choice in named)
        data = [(choice, dataset) for choice, dataset in loaded if dataset is not None]
        configs = grid.configs(part.all("train"))
        for choice, dataset in data:
            self._check_splits(choice, dataset, configs)
        seeds = grid.seeds(part.get("seeds"))
        kernel_at = self.top.child("kernel")
        kernel = kernel_at.choice("kernel", ("auto", *(one.name for one in KERNELS))) if kernel_at else "auto"
        number = len(files) * len(knobs) * len(data) * len(configs) * len(seeds) * (1 + len(asked))
        if number > MOST_RUNS:
            fault_too_many(part.at)
            return
        for (file, document), turned, (data_choice, dataset) in itertools.product(files, knobs, data):
            taken = tuple(choice for choice in turned if can_override(document, choice.key, Morphology.KEYS))
            for tree in self._trees(file, taken, data_choice, dataset, asked):
                written = hashlib.sha256(tree.to_yaml().encode()).hexdigest()
                for config, settings in configs:
                    decided = _decided(config, dataset)
                    for seed in seeds:
                        yield SweepRun(
                            content(tree, tree),
                            sources.path(file.value),
                            sources.data_path(data_choice.value),
                            dataset.digest,
                            replace(decided, seed=seed),
                            kernel,
                            sources.data_dir if dataset.origin["data_dir"] else None,
                            tuple((choice.key, choice.shown) for choice in (*taken, data_choice, *settings)),
                            sources.plugins,
                            digests(tree.plugins),
                            written,
                        )

    def _trees(
        self, file: AxisValue, taken: AxisValues, data: AxisValue, dataset: Dataset, asked: Sequence[str]
    ) -> Iterator[Morphology]:
        """The morphology with the parameters that it has set, and its controls; a failed compilation is a fault."""
        at = taken[0].cursor if taken else file.cursor
        try:
            tree = load(
                self.sources.path(file.value), {choice.key: choice.value for choice in taken}, self.sources.plugins
            )
            trees = [tree]
            self._compile(tree, dataset)
            made = controls(ModelSource(tree, data=dataset)) if asked else {}
            for name in asked:
                if name not in made:
                    self._note(f"{tree.name} has no control '{name}': dendrograph controls {file.value} says why")
                    continue
                trees.append(Morphology.from_dict(content(made[name], tree), made[name].name))
                self._compile(trees[-1], dataset)
        except DendrographError as error:
            turned = (f"{choice.key}={choice.shown}" for choice in taken)
            combination = ", ".join([file.value, *turned, f"data {data.value}"])
            at.fault(f"this combination cannot be compiled: {combination}", str(error))
            return
        yield from trees

    def _check_splits(
        self, data: AxisValue, dataset: Dataset, configs: Sequence[tuple[TrainConfig, AxisValues]]
    ) -> None:
        """An impossible validation split is a fault of its share, or of the data where the share is the default."""
        shares = {}
        for config, settings in configs:
            shares[config.validation] = next((choice for choice in settings if choice.key == "validation"), data)
        for share, choice in shares.items():
            try:
                validation_rows(dataset, share)  # of any seed: each class keeps its number on both sides
            except DataError as error:
                choice.fault(error)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _compile(self, tree: Morphology, data: Dataset) -> None:
        """Compile once for each shape of data: the seed does not matter."""
        key = (tree.to_yaml(), repr((data.shapes, data.classes)))
        if key not in self.compiled:
            compile(tree, data.shapes, data.classes, 0)
            self.compiled.add(key)


@dataclass(frozen=True)
class _Part:
    """One entry of `runs` over the keys of the file: the entry wins, in `set` and `train` key by key."""

    top: Cursor
    own: Cursor | None

    @property
    def at(self) -> Cursor:
        """The place of faults of the whole entry."""
        return self.own or self.top

    def get(self, key: str) -> Cursor | None:
        return (self.own and self.own.child(key)) or self.top.child(key)

    def all(self, key: str) -> list[Cursor]:
        """The value of the file at a key, then that of the entry, which wins."""
        return [at for cursor in (self.top, self.own) if cursor and (at := cursor.child(key))]


def _decided(config: TrainConfig, data: Dataset) -> TrainConfig:
    """The settings in one form: the data set decides some, and settings without effect have their default.

    The device stays as it is: the worker decides it.
    """
    return replace(
        config.for_data(data.name).in_one_form(),
        device=config.device,
        validation=config.validation if data.validation is None else TrainConfig().validation,
    )


def _training(run: SweepRun, here: str) -> str:
    """The identity by which runs of one file differ, where `auto` is the device of this machine."""
    if run.config.device == here:
        return replace(run, config=replace(run.config, device="auto")).identity
    return run.identity


def _with_axes_that_vary(runs: list[SweepRun]) -> list[SweepRun]:
    """The runs with only those axes on which they differ."""
    values: dict[str, set[str]] = {}
    times = Counter(key for run in runs for key in dict(run.axes))
    for run in runs:
        for key, value in run.axes:
            values.setdefault(key, set()).add(value)
    vary = {key for key in values if len(values[key]) > 1 or times[key] < len(runs)}
    return [replace(run, axes=tuple((key, value) for key, value in run.axes if key in vary)) for run in runs]
