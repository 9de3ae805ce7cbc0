"""The run folder of a training; each file in it is written atomically.

morphology.yaml           the morphology, with all parameters and defaults evaluated
run.json                  settings, data, seeds, wiring, versions, machine
history.csv               one row for each epoch
metrics.json              the results, once the run has ended
weights.safetensors       the trained weights and biases
checkpoint.pt             the state that a resume needs, after each epoch; the other files follow from it
learning-curves.{png,pdf}
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
import shlex
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from dendrograph.base import files
from dendrograph.base.errors import DataError, DataWarning, RunError, argument, clip, expect, one_line, worded
from dendrograph.base.json_files import MOST_TEXT, read_file, read_sealed, seal, sealed
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data.data_warnings import doubts_of_floats
from dendrograph.data.dataset import Dataset, as_samples
from dendrograph.data.load import load_again, scale_of
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.plugins import digests
from dendrograph.network.kernels import KERNELS
from dendrograph.network.network import DendriticNetwork
from dendrograph.training import checkpoint
from dendrograph.training.config import TrainConfig
from dendrograph.training.run_format import COLUMNS, HISTORY, METRICS, RUN, load, trained_morphology

FORMAT = 1
FILES = (
    *("run.json", "morphology.yaml", "history.csv", "metrics.json", "weights.safetensors", "checkpoint.pt"),
    *("learning-curves.png", "learning-curves.pdf"),
)
MOST_STEM = 200  # bytes of the default name of a run folder; file systems take 255

BATCH = 1024  # samples at once in `predict`

History = list[dict[str, float]]


@dataclass(frozen=True)
class Run:
    """A training on disk. `record` is the content of run.json, which is written once, when the run begins."""

    folder: Path
    record: Mapping[str, Any]

    @classmethod
    def begin(cls, folder: Path, morphology: Morphology, record: Mapping[str, Any]) -> Run:
        """Make the folder with its first two files in one step, so that every folder is a run that can be resumed.

        Raises:
            RunError: the folder exists, or cannot be written.
        """
        another = f"give another folder by {argument('out')}"
        if is_run(folder):
            raise RunError(
                f"{folder}: a run is there already\n  go on with it by {argument('resume', True)}, or {another}"
            )
        if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
            raise RunError(f"{folder}: already exists, and is not a run folder\n  {another}")
        run = cls(folder, {"format": FORMAT, **record})
        files.make_folder(folder, {"morphology.yaml": morphology.to_yaml(), "run.json": sealed(run.record)})
        return run

    @classmethod
    def open(cls, folder: str | PathLike[str]) -> Run:
        """Open a run folder.

        Raises:
            RunError: the folder is not a run folder, or its run.json is damaged.
        """
        expect("folder", folder, str, PathLike)
        folder = Path(folder)
        if not is_run(folder):
            found = "no such folder" if not os.path.lexists(folder) else "not a run folder (it holds no run.json)"
            remedy = "a run folder is what `dendrograph train` leaves under runs/"
            raise RunError(f"{one_line(folder)}: {found}\n  {remedy}")
        record = read_sealed(folder / "run.json", RUN, FORMAT)
        return cls(folder, record)

    @property
    def config(self) -> TrainConfig:
        """The configuration of the training.

        Raises:
            RunError: the record is damaged.
        """
        return TrainConfig.from_record(self.record["config"], self.folder / "run.json")

    @property
    def identity(self) -> str:
        """SHA-256 of everything that decides the result. It ties checkpoint and results to the run."""
        record = self.record
        return seal([record["config"], record["data"]["digest"], record["graph"], record["network"]])

    @property
    def morphology(self) -> Morphology:
        """The trained morphology, with all parameters and defaults evaluated."""
        _ = self.text  # raises if it was changed
        return load(self.folder / "morphology.yaml")

    @property
    def text(self) -> bytes:
        """The content of morphology.yaml.

        Raises:
            RunError: it is not the trained morphology.
        """
        return trained_morphology(self.folder, self.record)

    @property
    def weights(self) -> bytes:
        """The content of weights.safetensors.

        Raises:
            RunError: the run has not ended, or its weights are damaged or another run's.
        """
        path, expected = self.folder / "weights.safetensors", self.metrics["weights"]
        try:
            content = read_file(path, self._most)
        except FileNotFoundError:
            raise RunError(f"{path}: cannot be read: No such file or directory\n  {_made_again()}") from None
        if hashlib.sha256(content).hexdigest() != expected:
            raise RunError(f"{path}: not the weights that this run ended with\n  damaged, or copied from another run?")
        return content

    def graph(self) -> Graph:
        """Compile the morphology of the run, and check that the graph is the trained one.

        Raises:
            RunError: the morphology, or the wiring that it makes, is not the one that was trained.
        """
        about, morphology = self.record["graph"], self.morphology
        _ = self.metrics if self.finished else self._history_kept  # raises if run.json is that of another run
        inputs = {name: tuple(shape) for name, shape in about["inputs"].items()}
        for name, digest in digests(morphology.plugins).items():
            if digest != about.get("plugins", {}).get(name):
                raise RunError(
                    f"{self.folder}: the plugin '{name}' is not what it was when the run began: it was changed\n"
                    "  a run keeps to what it was trained with: put that version back"
                )
        graph = compile(morphology, inputs, about["classes"], about["seed"])
        if graph.connectivity_hash != about["connectivity_hash"]:
            raise RunError(
                f"{self.folder}: the wiring made from morphology.yaml is not the one that was trained "
                f"({graph.connectivity_hash:.12} instead of {about['connectivity_hash']!s:.12})\n"
                "  is another version of NumPy or dendrograph installed? run.json says which were used"
            )
        return graph

    @property
    def frozen(self) -> dict[str, list[str]]:
        """Parameters that were frozen or unfrozen in Python, as arguments of `DendriticNetwork.freeze`.

        Raises:
            RunError: run.json is damaged.
        """
        found = {kind: self.record["network"].get(kind, []) for kind in ("frozen", "unfrozen")}
        for kind, names in found.items():
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise RunError(f"{self.folder / 'run.json'}: damaged: 'network.{kind}' is no list of names")
        return found

    @property
    def threads(self) -> int | None:
        """The number of threads with which the run began; None if it is not recorded."""
        surroundings = self.record.get("surroundings")
        found = surroundings.get("threads") if isinstance(surroundings, dict) else None
        return found if type(found) is int and found > 0 else None

    def untrained(self, kernel: str | None = None) -> DendriticNetwork:
        """The network with its initial weights, frozen like the run.

        Args:
            kernel: by default the kernel of the run.

        Raises:
            RunError: the morphology, or the wiring that it makes, is not the one that was trained.
        """
        graph, damaged = self.graph(), f"{one_line(self.folder / 'run.json')}: damaged"
        network = DendriticNetwork(graph, kernel or self._kernel(damaged))
        try:
            return network.freeze(**self.frozen)
        except ValueError as error:
            raise RunError(f"{damaged}: what was frozen: {error}") from None

    def _kernel(self, damaged: str) -> str:
        found, known = str(self.record["network"]["kernel"]), ["auto", *(kernel.name for kernel in KERNELS)]
        if found not in known:
            raise RunError(f"{damaged}: unknown kernel '{clip(found)}'\n  {did_you_mean(found, known, 'kernels')}")
        return found

    def network(self) -> DendriticNetwork:
        """The trained network, in evaluation mode.

        Raises:
            RunError: the run has not ended, or its weights are damaged or another run's.
        """
        content = self.weights
        network = self.untrained()
        try:
            network.load_state_dict(load_safetensors(content))
        except (SafetensorError, RuntimeError):
            path = self.folder / "weights.safetensors"
            raise RunError(f"{path}: damaged: not the weights of this run's network\n  {_made_again()}") from None
        return network.eval()

    def predict(
        self, inputs: Tensor | NDArray[Any] | Mapping[str, Tensor | NDArray[Any]], probabilities: bool = False
    ) -> Tensor:
        """Answers of the trained network to new samples.

            classes = Run.open("runs/mine").predict(images)

        Args:
            inputs: tensors or NumPy arrays of floats, shape (samples, *shape), scaled like the training data; a mapping
                of stream to samples if there are several streams. Bytes are divided by the scale of the data set. A
                `DataWarning` names floats that look like unscaled pixels.
            probabilities: return the softmax of the readout instead of the most probable class.

        Returns:
            Shape (samples,), int64: classes; or (samples, classes), float32: probabilities.

        Raises:
            RunError: the run has not ended, or its weights are damaged or another run's.
            ValueError: a shape is not that of the inputs of the run.
            DataError: values are not finite, masked, not numbers, or integers other than bytes.
            TypeError: an input is not a tensor or an array.
        """
        network = self._network
        streams = inputs if isinstance(inputs, Mapping) else {next(iter(network.graph.inputs)): inputs}
        if len(network.graph.inputs) > 1:
            expect("inputs", inputs, Mapping)
        samples: dict[str, Tensor] = {}
        for name, given in streams.items():
            what = "inputs" if streams is not inputs else f"inputs[{name!r}]"
            expect(what, given, Tensor, np.ndarray)
            tensor = as_samples(given, what)
            if tensor.dtype == torch.uint8:
                tensor = tensor.float() / self._scale
            elif tensor.numel():
                for doubt in doubts_of_floats(tensor, what):
                    warnings.warn(doubt, DataWarning, stacklevel=2)
            samples[name] = tensor
        numbers = {len(tensor) for tensor in samples.values() if tensor.dim()}
        if len(numbers) != 1:
            network(samples)  # raises with the reason
        (number,) = numbers
        with torch.inference_mode():
            parts = [
                network({name: tensor[start : start + BATCH] for name, tensor in samples.items()})
                for start in range(0, max(1, number), BATCH)
            ]
        answers = torch.cat(parts)
        return answers.softmax(1) if probabilities else answers.argmax(1)

    @cached_property
    def _network(self) -> DendriticNetwork:
        return self.network()

    @property
    def _scale(self) -> float:
        """Divisor of bytes: that of the data set, or 255 for data from Python."""
        origin = self.record["data"]["origin"] or {}
        return scale_of(str(origin.get("name_or_path", "")))

    def __repr__(self) -> str:
        """One short line; `record` has the rest."""
        about = self.record
        return (
            f"Run({str(self.folder)!r}: {about['graph']['name']} on {about['data']['name']}, "
            f"seed {about['graph']['seed']}, {'finished' if self.finished else 'not finished'})"
        )

    @property
    def history(self) -> History:
        """One row for each epoch: from history.csv if the run has ended, else from the checkpoint.

        history.csv is checked against the SHA-256 in metrics.json, or, of older runs, against the checkpoint.

        Raises:
            RunError: it is missing, damaged or another run's.
        """
        if not self.finished:
            return self._history_kept or []
        path, metrics = self.folder / "history.csv", self.metrics
        digest = metrics.get("history")
        try:
            content = read_file(path)
        except FileNotFoundError:
            if digest is None:
                return self._history_kept or []
            raise RunError(f"{path}: cannot be read: No such file or directory\n  {_made_again()}") from None
        rows = _rows(path, content)
        if len(rows) != metrics["epochs"]:
            raise RunError(f"{path}: damaged: it has not the {metrics['epochs']} epochs that metrics.json has")
        if digest is None:
            changed = rows != (self._history_kept or rows)
        else:
            changed = hashlib.sha256(content).hexdigest() != digest
        if changed:
            raise RunError(f"{path}: damaged or changed: not the history that this run ended with\n  {_made_again()}")
        return rows

    @property
    def _history_kept(self) -> History | None:
        """The history in the checkpoint, if there is one."""
        content = self.read_checkpoint()
        return None if content is None else self.parse_checkpoint(content)["history"]

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return os.path.lexists(self.folder / "metrics.json")

    @property
    def metrics(self) -> dict[str, Any]:
        """The results of a run that has ended.

        Raises:
            RunError: the run has not ended, or the results are damaged or those of another run.
        """
        path = self.folder / "metrics.json"
        if not self.finished:
            raise RunError(f"{self.folder}: no results yet: the run has not ended\n  {self.how_to_go_on}")
        metrics = read_sealed(path, METRICS)
        if metrics["run"] != self.identity:
            raise RunError(f"{path}: not this run's results\n  was it, or run.json, copied from another run?")
        if not metrics["weights_of_epoch"] <= metrics["epochs"] or not all(
            _is_counted(metrics[part]) for part in ("test", "validation")
        ):
            raise RunError(f"{path}: damaged: its numbers contradict each other\n  {_made_again()}")
        return metrics

    def dataset(self, data_dir: str | PathLike[str] | None = None, data: str | PathLike[str] | None = None) -> Dataset:
        """Load the data that the run was trained on.

        Args:
            data_dir: their present folder; by default the folder at the time of the training.
            data: the file, if it was moved or renamed.

        Raises:
            RunError: the data came from Python.
            DataError: the data have changed.
        """
        then = self.record["data"]
        origin = {"data_dir": None, **(then["origin"] or {})}
        if "name_or_path" not in origin:
            raise RunError(
                f"{self.folder}: trained on data from Python ({then['name']}), which the folder does not hold\n"
                "  train(..., resume=True) goes on with it there, and evaluate(run.network(), ...) evaluates it"
            )
        found = load_again(origin, data_dir, data)
        if found.digest != then["digest"]:  # older versions read fewer names of a validation split
            found = found.without_validation()
        if found.digest != then["digest"]:
            raise DataError(
                f"{then['name']}: not the data that the run was trained on\n  read from {found.source}; "
                f"the run read {then['source']}, whose SHA-256 began with {then['digest']:.12}"
            )
        return replace(found, name=then["name"])

    @property
    def how_to_go_on(self) -> str:
        """The call that goes on with the run."""
        call = f"train(network, data, config, out={str(self.folder)!r}, resume=True)"
        if self.record["data"]["origin"]:  # other data are held by Python alone
            call = worded(f"dendrograph train {shlex.quote(str(self.folder))} --resume", call)
        return f"go on with it: {call}"

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write a checkpoint of tensors, numbers, text, lists and mappings."""
        files.write(self.folder / "checkpoint.pt", checkpoint.encode(self.identity, state))
        self.save_history(state["history"])

    @property
    def epochs_kept(self) -> int:
        """The number of epochs in the checkpoint; history.csv may still lack the last."""
        return len(self._history_kept or ())

    def read_checkpoint(self) -> bytes | None:
        """The bytes of the last checkpoint; None if no epoch is finished."""
        try:
            return read_file(self.folder / "checkpoint.pt", self._most)
        except FileNotFoundError:
            return None

    @property
    def _most(self) -> int:
        """The most bytes of a file of this run: the largest hold a few numbers for each parameter."""
        return MOST_TEXT + 64 * int(self.record["graph"].get("parameters", 0))

    def parse_checkpoint(self, content: bytes) -> dict[str, Any]:
        """Decode a checkpoint. Nothing in it is executed.

        Raises:
            RunError: it is damaged, was changed, or belongs to another run.
        """
        path = self.folder / "checkpoint.pt"
        state = checkpoint.decode(path, content, self.identity)
        if state["checkpoint_format"] == checkpoint.UNSEALED and "reach" in self.record:
            older = "it has no SHA-256, which this run's checkpoints have had from the first"
            raise RunError(f"{path}: damaged or changed: {older}\n  {checkpoint.ANEW}")
        return state

    def save_history(self, history: History) -> None:
        """Write history.csv with all digits of the numbers."""
        files.write(self.folder / "history.csv", _table(history))

    def finish(self, weights: Mapping[str, torch.Tensor], history: History, metrics: Mapping[str, Any]) -> None:
        """Write weights, history and last the metrics, which mark the end of the run."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        # One label alone: safetensors writes several in a random order.
        content = save_safetensors(tensors, metadata={"run": self.identity})
        files.write(self.folder / "weights.safetensors", content)
        self.save_history(history)
        files.clear(self.folder, FILES)
        digests = {"weights": content, "history": _table(history).encode()}
        ended = {**metrics, **{name: hashlib.sha256(one).hexdigest() for name, one in digests.items()}}
        ended["run"] = self.identity
        files.write(self.folder / "metrics.json", sealed(ended))


def is_run(folder: str | Path) -> bool:
    """Whether a path is a run folder."""
    return os.path.isfile(Path(folder) / "run.json")


def free_folder(stem: str, under: Path = Path("runs")) -> Path:
    """`runs/stem`, or the first free one of `runs/stem-2`, `runs/stem-3`, ….

    Characters that are not allowed become `_`; the middle of a long stem is cut out.
    """
    stem = "".join("_" if letter in "/\\\0" else letter for letter in stem)
    while len(os.fsencode(stem)) > MOST_STEM:
        middle = len(stem) // 2
        stem = f"{stem[: middle - 1]}{stem[middle:]}"
    number, folder = 1, under / stem
    while os.path.lexists(folder):
        number += 1
        folder = under / f"{stem}-{number}"
    return folder


def _made_again() -> str:
    """The remedy for a damaged file that follows from the checkpoint."""
    again = argument("resume", True)
    return f"put it back from a copy, or delete metrics.json: {again} then makes it again from checkpoint.pt"


def _table(history: History) -> str:
    """The text of history.csv."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows([{key: repr(row[key]) for key in COLUMNS} for row in history])
    return stream.getvalue()


def _rows(path: Path, content: bytes) -> History:
    """The rows of history.csv, each value of its type and within its range."""
    try:
        header, *rows = csv.reader(content.decode("ascii").splitlines())
        if tuple(header) != COLUMNS:
            raise ValueError(f"columns {', '.join(header)}")
        history: History = [
            {"epoch": int(epoch)} | {key: float(value) for key, value in zip(COLUMNS[1:], values, strict=True)}
            for epoch, *values in rows
        ]
        if history and not HISTORY.fits(history):
            raise ValueError(f"not {HISTORY.words}")
        return history
    except (ValueError, csv.Error) as error:
        raise RunError(f"{path}: damaged: {clip(str(error), 200)}\n  {_made_again()}") from None


def _is_counted(part: Mapping[str, Any]) -> bool:
    """Whether an accuracy agrees with its confusion matrix; some records have none."""
    if "confusion" not in part or "samples" not in part:
        return True
    rows, samples = part["confusion"], part["samples"]
    right = sum(row[number] for number, row in enumerate(rows) if number < len(row))
    square = all(len(row) == len(rows) for row in rows)
    return square and sum(map(sum, rows)) == samples and math.isclose(right / samples, part["accuracy"])
