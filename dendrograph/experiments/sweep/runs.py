"""A run of a sweep: one training with everything that decides its result, and how a worker trains it."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from dendrograph.base.errors import DataWarning, DendrographError, RunError, argument
from dendrograph.data import load as datasets
from dendrograph.data.dataset import Dataset
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.morphology import Morphology, load
from dendrograph.morphology.plugins import digests, import_plugins
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.config import TrainConfig
from dendrograph.training.run import Run, is_run
from dendrograph.training.train import train


@dataclass(frozen=True)
class SweepRun:
    """One training.

    name: of its run folder; it ends with the first digits of `identity`
    morphology: plain values of the grammar, with the parameters that were set
    file: the name of the morphology in messages
    data: a data set's name, or the path of a `.npz`; `digest` is the SHA-256 of its content
    config: with the number of epochs decided
    axes: the values that the sweep varies, as text, in the order of the file
    plugins: as the user gave them
    sources: the SHA-256 of each plugin that the morphology needs
    written: the SHA-256 of the morphology as its run folder holds it
    """

    morphology: Mapping[str, Any]
    file: str
    data: str
    digest: str
    config: TrainConfig
    kernel: str = "auto"
    data_dir: str | None = None
    axes: tuple[tuple[str, str], ...] = ()
    plugins: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    written: str = ""
    name: str = ""

    @cached_property
    def identity(self) -> str:
        """SHA-256 of everything that decides the result: two runs of one identity are one training."""
        return _digest({**self._decisive, "seed": self.config.seed})

    @cached_property
    def condition(self) -> str:
        """SHA-256 of everything that decides the result except the seed: runs of one condition are replicates."""
        return _digest(self._decisive)

    @property
    def _decisive(self) -> dict[str, Any]:
        morphology = {key: value for key, value in self.morphology.items() if key not in ("parameters", "about")}
        config = asdict(replace(self.config, seed=0))
        plugins = {"plugins": dict(self.sources)} if self.sources else {}
        return {"morphology": morphology, "data": self.digest, "config": config, "kernel": self.kernel, **plugins}

    def named(self) -> SweepRun:
        """This run, with a name made of the values that the sweep varies."""
        words = [str(self.morphology["name"]), *(f"{key}={value}" for key, value in self.axes)]
        readable = "".join(letter if letter.isalnum() or letter in "=_.-+" else "_" for letter in "-".join(words))
        return replace(self, name=f"{readable[:100]}{self.mark}")

    @property
    def mark(self) -> str:
        """The end of the name of its run folder, by which a run is found again whatever the sweep varies."""
        return f"-seed{self.config.seed}-{self.identity[:12]}"

    def record(self) -> dict[str, Any]:
        """Its entry in cells.json."""
        return {
            "name": self.name,
            "identity": self.identity,
            "condition": self.condition,
            "morphology": self.morphology["name"],
            "axes": dict(self.axes),
            "data": self.data,
            "seed": self.config.seed,
        }

    def graph(self, data: Dataset) -> Graph:
        """Compile its morphology for its data."""
        import_plugins(self.plugins)
        tree = Morphology.from_dict(self.morphology, self.file)
        if digests(tree.plugins) != self.sources:  # a worker of a cluster may have imported others before
            raise DendrographError(
                f"plugins: not those that the sweep was read with: {', '.join(tree.plugins)}\n"
                "  give all machines the same files, and restart their workers"
            )
        return compile(tree, data.shapes, data.classes, self.config.seed)

    def network(self, data: Dataset) -> DendriticNetwork:
        """Its network, before training."""
        return DendriticNetwork(self.graph(data), self.kernel)

    def run_folder(self, folder: Path) -> Path:
        """Its folder in the folder of the sweep."""
        return folder / "runs" / self.name

    def has_ended(self, folder: Path) -> bool:
        """Whether it has been trained to its end in that folder, and nothing was lost.

        A folder that is damaged, or another run's, has not ended: continuing it reports what is wrong.
        """
        place = self.run_folder(folder)
        try:
            return is_run(place) and self._is_whole(Run.open(place))
        except RunError:
            return False

    def _is_whole(self, run: Run) -> bool:
        record, graph = run.record, run.record["graph"]
        config = asdict(self.config)
        if self.config.device == "auto":  # the machine decides it
            config["device"] = record["config"].get("device")
        return (
            record["config"] == config
            and record["data"]["digest"] == self.digest
            and record["network"]["kernel"] == self.kernel
            and (graph["seed"], graph["morphology"]) == (self.config.seed, self.written)
            and graph.get("plugins", {}) == self.sources
            and bool(run.text and run.weights)  # a changed file raises an error
        )

    def as_begun(self, folder: Path) -> SweepRun:
        """This run as it was begun: with the text of its morphology in the run folder, if the meaning is the same.

        Since then the file may have changed its description, the order of its neurons and the names of its parameters.
        The run keeps its own text.
        """
        path = self.run_folder(folder) / "morphology.yaml"
        try:
            text = path.read_bytes()
            if (written := hashlib.sha256(text).hexdigest()) == self.written:
                return self
            begun = load(path)
        except (OSError, DendrographError):
            return self
        own = replace(self, morphology=content(begun, begun), file=str(path), written=written)
        return own if own.identity == self.identity else self

    def lock(self, folder: Path) -> FileLock:
        """A lock for the process that trains the run: a worker that seemed dead may still be training it."""
        (folder / ".locks").mkdir(parents=True, exist_ok=True)
        return FileLock(folder / ".locks" / f"{self.name}.lock")


def content(tree: Morphology, original: Morphology) -> dict[str, Any]:
    """A morphology in plain values, with the parameters of `original`, which tables name.

    For a control these are the parameters of its morphology: its own values are numbers.
    """
    return {**tree.to_dict(), "parameters": dict(original.parameters)}


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run; `error` is empty if it was trained to its end.

    It has the validation accuracy only: a sweep is for choosing settings, and the test split is not.
    """

    run: str
    seconds: float
    validation_accuracy: float = float("nan")
    error: str = ""


def train_run(run: SweepRun, folder: Path) -> Outcome:
    """Train a run into its run folder, or continue it; a run that has ended is left as it is.

    An error becomes the outcome, so that other runs are not affected.
    """
    began = time.monotonic()
    try:
        with run.lock(folder):
            place = run.run_folder(folder)
            if not run.has_ended(folder):
                data = dataset(run.data, run.data_dir)
                train(run.network(data), data, run.config, place, resume=True, progress=False)
            from dendrograph.draw.plots.learning_curves import write_learning_curves  # matplotlib: in the workers only

            write_learning_curves(Run.open(place))
        return ended_well(run, folder, time.monotonic() - began)
    except Exception as error:  # noqa: BLE001 (any error is the failure of this run only)
        return failed(run, folder, error, time.monotonic() - began)


def ended_well(run: SweepRun, folder: Path, seconds: float) -> Outcome:
    """The outcome of a run whose run has ended."""
    metrics = Run.open(run.run_folder(folder)).metrics
    return Outcome(run.name, seconds, metrics["validation"]["accuracy"])


def failed(run: SweepRun, folder: Path, error: BaseException, seconds: float = 0.0) -> Outcome:
    """The outcome of a run that raised an error."""
    text, place = str(error), run.run_folder(folder)
    if isinstance(error, RunError) and place.exists():
        # The advice of a single run, to give another folder, would repeat the whole sweep.
        advice = f"give another folder by {argument('out')}"
        lines = [line for line in text.splitlines() if not line.endswith(advice)]
        text = "\n".join([*lines, f"  to train it again, delete the folder {place}"])
    if not isinstance(error, DendrographError) or not text:
        text = f"{type(error).__name__}: {text}"
    return Outcome(run.name, seconds, error=text)


@lru_cache(maxsize=3)
def dataset(name: str, data_dir: str | None) -> Dataset:
    """A data set, cached for the next run. Warnings about it were shown when the file of the sweep was read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return datasets.load(name, data_dir)


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
