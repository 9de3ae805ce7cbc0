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
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from dendrograph import atomic
from dendrograph.compiler import compile
from dendrograph.curves import as_bytes, learning_curves
from dendrograph.errors import RunError
from dendrograph.graph import Graph
from dendrograph.morphology import Morphology, load
from dendrograph.network import DendriticNetwork

FORMAT = 1
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
        record = {"format": FORMAT, **record}
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            other = "give another folder by --out"
            if is_run(folder):
                raise RunError(f"{folder}: a run is there already\n  go on with it by --resume, or {other}")
            raise RunError(f"{folder}: something is there already, and it is no run\n  {other}")
        temporary = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp"))
            temporary.chmod(0o755)
            atomic.write(temporary / "morphology.yaml", morphology.to_yaml())
            atomic.write(temporary / "run.json", _json(record))
            os.replace(temporary, folder)
        except OSError as error:
            if temporary:
                shutil.rmtree(temporary, ignore_errors=True)
            raise RunError(f"{folder}: cannot be made: {error.strerror}\n  give a writable folder by --out") from None
        return cls(folder, record)

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Open a run folder.

        Raises:
            RunError: it is none, or its run.json is damaged.
        """
        folder = Path(folder)
        if not is_run(folder):
            found = "no such folder" if not folder.exists() else "not a run folder (it holds no run.json)"
            raise RunError(f"{folder}: {found}\n  a run folder is what `dendrograph train` leaves under runs/")
        record = _read_json(folder / "run.json")
        if record.get("format") != FORMAT:
            raise RunError(f"{folder / 'run.json'}: format {record.get('format')!r}, this version reads {FORMAT}")
        missing = [key for key in ("config", "data", "graph") if not isinstance(record.get(key), dict)]
        if missing:
            raise RunError(f"{folder / 'run.json'}: '{missing[0]}' is missing\n  the file is damaged")
        return cls(folder, record)

    @property
    def morphology(self) -> Morphology:
        """The morphology that was trained, every knob and default worked out."""
        return load(self.folder / "morphology.yaml")

    def graph(self) -> Graph:
        """Compile the run's morphology again and hold it to the recorded connectivity hash.

        Raises:
            RunError: the wiring is not the one that was trained.
        """
        about = self.record["graph"]
        try:
            inputs = {name: tuple(shape) for name, shape in about["inputs"].items()}
            classes, seed, wiring = about["classes"], about["seed"], about["connectivity_hash"]
        except (KeyError, TypeError, AttributeError):
            raise RunError(f"{self.folder / 'run.json'}: 'graph' is damaged") from None
        graph = compile(self.morphology, inputs, classes, seed)
        if graph.connectivity_hash != wiring:
            raise RunError(
                f"{self.folder}: the wiring made from morphology.yaml is not the one that was trained "
                f"({graph.connectivity_hash[:12]} instead of {wiring[:12]})\n"
                "  was the file changed, or is another version of NumPy or dendrograph installed?"
            )
        return graph

    def network(self, kernel: str = "auto") -> DendriticNetwork:
        """The trained network.

        Raises:
            RunError: the run has no weights yet, or they are damaged or another network's.
        """
        path = self.folder / "weights.safetensors"
        if not path.is_file():
            raise RunError(f"{self.folder}: no weights yet: the run has not ended\n  finish it by --resume")
        network = DendriticNetwork(self.graph(), kernel)
        try:
            network.load_state_dict(load_safetensors(path.read_bytes()))
        except (SafetensorError, OSError) as error:
            raise RunError(f"{path}: damaged: {error}") from None
        except RuntimeError:
            raise RunError(f"{path}: these are not the weights of this network") from None
        return network

    @property
    def history(self) -> History:
        """The rows of history.csv."""
        path = self.folder / "history.csv"
        try:
            with path.open(newline="") as stream:
                return [
                    {key: int(value) if key == "epoch" else float(value) for key, value in row.items()}
                    for row in csv.DictReader(stream)
                ]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{path}: damaged: {error}") from None

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return (self.folder / "metrics.json").is_file()

    @property
    def metrics(self) -> dict[str, Any]:
        """The results of a run that has ended."""
        if not self.finished:
            raise RunError(f"{self.folder}: no results yet: the run has not ended\n  finish it by --resume")
        return _read_json(self.folder / "metrics.json")

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write what resuming needs; only tensors, numbers, text, lists and mappings may be in it."""
        stream = io.BytesIO()
        torch.save({"format": FORMAT, **state}, stream)
        atomic.write(self.folder / "checkpoint.pt", stream.getvalue())
        self.save_history(state["history"])

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, or None where no epoch was finished yet. Nothing in the file is executed.

        Raises:
            RunError: it is damaged, or another run's.
        """
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # the reader meets damage with errors of many types, none of them documented
            raise RunError(f"{path}: damaged, or no checkpoint\n  without it the run can only start anew") from None
        wiring = self.record["graph"].get("connectivity_hash")
        keys = {
            "format",
            "connectivity_hash",
            "epoch",
            "network",
            "optimizer",
            "best",
            "best_epoch",
            "history",
            "seconds",
        }
        if not isinstance(state, dict) or not keys <= set(state) or state["format"] != FORMAT:
            raise RunError(f"{path}: not a checkpoint of this version of dendrograph")
        if state["connectivity_hash"] != wiring:
            raise RunError(f"{path}: belongs to a network with other wiring\n  was it copied from another run?")
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
        labels = {"connectivity_hash": str(self.record["graph"]["connectivity_hash"]), "name": self.morphology.name}
        atomic.write(self.folder / "weights.safetensors", save_safetensors(tensors, metadata=labels))
        self.save_history(history)
        figure = learning_curves(history, best_epoch)
        for form in ("png", "pdf"):
            atomic.write(self.folder / f"learning-curves.{form}", as_bytes(figure, form))
        atomic.write(self.folder / "metrics.json", _json(metrics))


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


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise RunError(f"{path}: damaged: no mapping")
    return value
