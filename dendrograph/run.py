"""A run folder: everything that a training leaves behind, each file written whole or not at all.

morphology.yaml           the morphology, every knob and default worked out
run.json                  settings, data, seeds, wiring, versions, machine
history.csv               a row an epoch
metrics.json              the results, once the run has ended
weights.safetensors       the trained weights and biases
checkpoint.pt             all that resuming needs, after each epoch; the other files follow from it
learning-curves.{png,pdf}
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shlex
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from dendrograph import atomic
from dendrograph.compiler import compile
from dendrograph.data import load_again
from dendrograph.dataset import Dataset
from dendrograph.draw.files import as_bytes
from dendrograph.draw.learning import learning_curves
from dendrograph.errors import DataError, RunError, argument, worded
from dendrograph.graph import Graph
from dendrograph.morphology import Morphology, load
from dendrograph.network import DendriticNetwork
from dendrograph.plugins import digests

FORMAT = 1
CHECKPOINT_FORMAT = 2  # 2: the optimizer's state is one vector
SECTIONS = {  # of run.json, with what else is read from them
    "config": (),
    "data": ("name", "source", "digest", "origin"),
    "graph": ("name", "inputs", "classes", "seed", "morphology", "connectivity_hash"),
    "network": ("kernel", "kernels", "initial_weights"),
}
COLUMNS = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")

History = list[dict[str, float]]


@dataclass(frozen=True)
class Run:
    """A training on disk. `record` is the content of run.json: it is written once, when the run begins."""

    folder: Path
    record: Mapping[str, Any]

    @classmethod
    def begin(cls, folder: Path, morphology: Morphology, record: Mapping[str, Any]) -> Run:
        """Make the folder with its first two files, in one step: a folder that is there is a run that can be resumed.

        Raises:
            RunError: there is something already, or it cannot be written.
        """
        another = f"give another folder by {argument('out')}"
        if is_run(folder):
            raise RunError(
                f"{folder}: a run is there already\n  go on with it by {argument('resume', True)}, or {another}"
            )
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise RunError(f"{folder}: something is there already, and it is no run\n  {another}")
        run = cls(folder, {"format": FORMAT, **record})
        atomic.make_folder(folder, {"morphology.yaml": morphology.to_yaml(), "run.json": sealed(run.record)})
        return run

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Open a run folder.

        Raises:
            RunError: it is none, or its run.json is damaged.
        """
        folder = Path(folder)
        path = folder / "run.json"
        if not is_run(folder):
            found = "no such folder" if not folder.exists() else "not a run folder (it holds no run.json)"
            raise RunError(f"{folder}: {found}\n  a run folder is what `dendrograph train` leaves under runs/")
        record = read_sealed(path)
        if record.get("format") != FORMAT:
            raise RunError(f"{path}: format {record.get('format')!r}, this version reads {FORMAT}")
        for section, keys in SECTIONS.items():
            content = record.get(section)
            missing = [section] if not isinstance(content, dict) else [key for key in keys if key not in content]
            if missing:
                raise RunError(f"{path}: damaged: '{missing[0]}' is missing")
        return cls(folder, record)

    @property
    def identity(self) -> str:
        """SHA-256 of all that decides the result: what tells this run's checkpoint from that of another."""
        record = self.record
        decisive = [record["config"], record["data"]["digest"], record["graph"], record["network"]]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @property
    def morphology(self) -> Morphology:
        """The morphology that was trained, every knob and default worked out."""
        return load(self.folder / "morphology.yaml")

    @property
    def text(self) -> bytes:
        """What morphology.yaml holds.

        Raises:
            RunError: it is not what was trained.
        """
        path = self.folder / "morphology.yaml"
        try:
            text = path.read_bytes()
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}") from None
        if hashlib.sha256(text).hexdigest() != self.record["graph"]["morphology"]:
            raise RunError(
                f"{path}: not the morphology that was trained: the file was changed\n"
                "  a run keeps its morphology; copy the file elsewhere to train a changed one"
            )
        return text

    @property
    def weights(self) -> bytes:
        """What weights.safetensors holds.

        Raises:
            RunError: the run has not ended, or its weights are damaged or another run's.
        """
        path, expected = self.folder / "weights.safetensors", self.metrics["weights"]
        try:
            content = path.read_bytes()
        except OSError as error:
            remedy = (
                f"put it back, or delete metrics.json: {argument('resume', True)} makes it again from checkpoint.pt"
            )
            raise RunError(f"{path}: cannot be read: {error.strerror}\n  {remedy}") from None
        if hashlib.sha256(content).hexdigest() != expected:
            raise RunError(f"{path}: not the weights that this run ended with\n  damaged, or copied from another run?")
        return content

    def graph(self) -> Graph:
        """Compile the run's morphology again and hold it to what was trained.

        Raises:
            RunError: the morphology, or the wiring that it makes, is not the one that was trained.
        """
        about = self.record["graph"]
        _ = self.text  # that it was not changed
        try:
            inputs = {name: tuple(shape) for name, shape in about["inputs"].items()}
        except (TypeError, AttributeError):
            raise RunError(f"{self.folder / 'run.json'}: damaged: 'inputs' of the graph are no shapes") from None
        morphology = self.morphology
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
        """Parameters that were frozen, or unfrozen, in Python: what `DendriticNetwork.freeze` takes.

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
        """With how many threads the run began; None where that is not recorded."""
        surroundings = self.record.get("surroundings")
        found = surroundings.get("threads") if isinstance(surroundings, dict) else None
        return found if type(found) is int and found > 0 else None

    def untrained(self, kernel: str | None = None) -> DendriticNetwork:
        """The network as its seed has it, with the parts that the run does not train frozen; by its own kernel, or one.

        Raises:
            RunError: the morphology, or the wiring that it makes, is not the one that was trained.
        """
        network = DendriticNetwork(self.graph(), kernel or self.record["network"]["kernel"])
        try:
            return network.freeze(**self.frozen)
        except ValueError as error:
            raise RunError(f"{self.folder / 'run.json'}: damaged: what was frozen: {error}") from None

    def network(self) -> DendriticNetwork:
        """The trained network, in evaluation mode.

        Raises:
            RunError: the run has not ended, or its weights are damaged or another run's.
        """
        content = self.weights
        network = self.untrained()
        network.load_state_dict(load_safetensors(content))
        return network.eval()

    @property
    def history(self) -> History:
        """The rows of history.csv."""
        path = self.folder / "history.csv"
        try:
            header, *rows = csv.reader(path.read_text(encoding="ascii").splitlines())
            if tuple(header) != COLUMNS:
                raise ValueError(f"columns {', '.join(header)}")
            return [
                {"epoch": int(epoch)} | {key: float(value) for key, value in zip(COLUMNS[1:], values, strict=True)}
                for epoch, *values in rows
            ]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, csv.Error) as error:
            raise RunError(f"{path}: damaged: {error}") from None

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return (self.folder / "metrics.json").is_file()

    @property
    def metrics(self) -> dict[str, Any]:
        """The results of a run that has ended."""
        path = self.folder / "metrics.json"
        if not self.finished:
            raise RunError(f"{self.folder}: no results yet: the run has not ended\n  {self.how_to_go_on}")
        metrics = read_sealed(path)
        if metrics.get("run") != self.identity:
            raise RunError(f"{path}: not this run's results\n  was it, or run.json, copied from another run?")
        return metrics

    def dataset(self, data_dir: str | Path | None = None, data: str | Path | None = None) -> Dataset:
        """The data that the run was trained on, loaded again.

        Args:
            data_dir: the folder where they lie now; by default where they lay then.
            data: the file itself, where it was moved or renamed.

        Raises:
            RunError: they came from Python.
            DataError: they are no longer what they were.
        """
        then = self.record["data"]
        if not then["origin"]:
            raise RunError(
                f"{self.folder}: trained on data from Python ({then['name']}), which the folder does not hold\n"
                "  train(..., resume=True) goes on with it there, and evaluate(run.network(), ...) evaluates it"
            )
        found = load_again(then["origin"], data_dir, data)
        if found.digest != then["digest"]:
            raise DataError(
                f"{then['name']}: not the data that the run was trained on\n  read from {found.source}; "
                f"the run read {then['source']}, whose SHA-256 began with {then['digest']:.12}"
            )
        return replace(found, name=then["name"])

    @property
    def how_to_go_on(self) -> str:
        """What to call to go on with the run."""
        call = f"train(network, data, config, out={str(self.folder)!r}, resume=True)"
        if self.record["data"]["origin"]:  # other data are held by Python alone
            call = worded(f"dendrograph train {shlex.quote(str(self.folder))} --resume", call)
        return f"go on with it: {call}"

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write what resuming needs; only tensors, numbers, text, lists and mappings may be in it."""
        stream = io.BytesIO()
        torch.save({"run": self.identity, "checkpoint_format": CHECKPOINT_FORMAT, **state}, stream)
        atomic.write(self.folder / "checkpoint.pt", stream.getvalue())
        self.save_history(state["history"])

    @property
    def epochs_kept(self) -> int:
        """How many epochs going on does not train again: those of the checkpoint, which history.csv may lack still."""
        content = self.read_checkpoint()
        return len(self.parse_checkpoint(content)["history"]) if content else 0

    def read_checkpoint(self) -> bytes | None:
        """The file of the last checkpoint; None where no epoch was finished yet."""
        path = self.folder / "checkpoint.pt"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}") from None

    def parse_checkpoint(self, content: bytes) -> dict[str, Any]:
        """What a checkpoint's file holds. Nothing in it is executed.

        Raises:
            RunError: it is damaged, or another run's.
        """
        path = self.folder / "checkpoint.pt"
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                damaged = archive.testzip()  # torch.load itself compares no checksums
            state = None if damaged else torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)  # noqa: TID251
        except Exception:  # noqa: BLE001 (the readers meet damage with errors of many types, none of them documented)
            state = None
        if not isinstance(state, dict):
            raise RunError(f"{path}: damaged, or no checkpoint\n  delete this file, and the run begins anew")
        if state.get("run") != self.identity:
            raise RunError(f"{path}: not this run's checkpoint\n  was it copied from another run, or run.json changed?")
        if state.get("checkpoint_format") != CHECKPOINT_FORMAT:
            remedy = "go on with that version, or delete this file, and the run begins anew"
            raise RunError(
                f"{path}: written by another version of dendrograph, which keeps it in another form\n  {remedy}"
            )
        return state

    def save_history(self, history: History) -> None:
        """Write history.csv; numbers keep all their digits."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([{key: repr(row[key]) for key in COLUMNS} for row in history])
        atomic.write(self.folder / "history.csv", stream.getvalue())

    def finish(
        self, weights: Mapping[str, torch.Tensor], history: History, best_epoch: int | None, metrics: Mapping[str, Any]
    ) -> None:
        """Write weights, curves and, last of all, the metrics, which say that the run has ended."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        # One label and no more: safetensors writes several in an order that differs from process to process.
        content = save_safetensors(tensors, metadata={"run": self.identity})
        atomic.write(self.folder / "weights.safetensors", content)
        self.save_history(history)
        figure = learning_curves(history, best_epoch)
        for form in ("png", "pdf"):
            atomic.write(self.folder / f"learning-curves.{form}", as_bytes(figure, form))
        atomic.clear(self.folder)
        ended = {**metrics, "weights": hashlib.sha256(content).hexdigest(), "run": self.identity}
        atomic.write(self.folder / "metrics.json", sealed(ended))


def is_run(folder: str | Path) -> bool:
    """Whether a path is a run folder."""
    return (Path(folder) / "run.json").is_file()


def free_folder(stem: str, under: Path = Path("runs")) -> Path:
    """`runs/stem`, or the first of `runs/stem-2`, `runs/stem-3`, … that is not there yet."""
    number, folder = 1, under / stem
    while folder.exists():
        number += 1
        folder = under / f"{stem}-{number}"
    return folder


def sealed(value: Mapping[str, Any]) -> str:
    """The text of a JSON file that ends with a SHA-256 of its content, so that damage and edits show."""
    return json.dumps({**value, "sha256": _seal(value)}, indent=2) + "\n"


def _seal(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read_sealed(path: Path) -> dict[str, Any]:
    """The content of a file that `sealed` made.

    Raises:
        RunError: it cannot be read, or is not what it was.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise RunError(f"{path}: damaged: no JSON: {error}\n  take the file from a copy of the run") from None
    if not isinstance(value, dict) or value.pop("sha256", None) != _seal(value):
        remedy = "take the file from a copy of the run; what a run recorded cannot be edited"
        raise RunError(f"{path}: damaged or changed: its content is not what its SHA-256 says\n  {remedy}")
    return value
