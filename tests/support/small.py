"""Small trainings that the tests share, and processes in which they can be killed. Only the package is imported here:
a killed process costs what its imports cost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from dendrograph import Morphology, datasets
from dendrograph.base.json_files import sealed
from dendrograph.data.dataset import Dataset
from dendrograph.training.model_source import ModelSource
from dendrograph.training.run import Run
from dendrograph.training.train import train

# All that a finished run leaves behind, and what the command line draws of it.
FILES = {
    "run.json",
    "morphology.yaml",
    "history.csv",
    "metrics.json",
    "weights.safetensors",
    "checkpoint.pt",
}
FIGURES = {"learning-curves.png", "learning-curves.pdf"}

MORPHOLOGY: Mapping[str, Any] = {
    "name": "small",
    "neurons": {
        "pyramidal": {
            "nonlinearity": "leaky_relu",
            "dropout": 0.1,
            "dendrites": [
                {
                    "name": "basal",
                    "count": 4,
                    "nonlinearity": "leaky_relu",
                    "dropout": 0.3,
                    "synapses": {"count": 8, "from": "image", "field": "local"},
                }
            ],
        }
    },
    "layers": [{"name": "hidden", "neuron": "pyramidal", "count": 16}],
}


def morphology_file(folder: Path) -> Path:
    path = folder / "small.yaml"
    path.write_text(Morphology.from_dict(MORPHOLOGY).to_yaml())
    return path


@cache
def digits(samples: int = 400) -> Dataset:
    """The first digits, as tensors."""
    whole = datasets.load("digits")
    train, test = whole.train, whole.test
    image = train.inputs["image"][:samples].float() / 16
    return datasets.from_tensors(
        image, train.labels[:samples], test.inputs["image"][:100].float() / 16, test.labels[:100], name="few-digits"
    )


def train_named(
    model: str | Path, data: str | None = None, settings: Mapping[str, Any] | None = None, **options: Any
) -> Run:
    """Train as the command line does: the settings given replace those of a run, or the defaults."""
    given = {name: options.pop(name) for name in ("out", "resume", "progress") if name in options}
    source = ModelSource(model, data=data, **options)
    return train(source, config=replace(source.config(), **(settings or {})), **given)


def go(morphology: Path, out: Path, settings: Mapping[str, Any]) -> None:
    """Train, or go on."""
    train_named(morphology, settings=settings, out=out, resume=True, progress=False)


def killed_at_replacement(number: int, *arguments: Any) -> None:
    """`go`, killed for good when it is about to put its file of that number in place."""
    replace, count = os.replace, 0

    def counting(source: Any, target: Any) -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = counting
    go(*arguments)


# A process begins in a few milliseconds: it is forked off one that has everything imported, what is imported late too.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(
    [
        "dendrograph.training.train",
        "fontTools.subset",
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_pdf",
        "matplotlib.figure",
        "ruamel.yaml",
        "sklearn.datasets",
        "sklearn.model_selection",
        "torch._dynamo",
    ]
)


def read_record(path: Path) -> dict[str, Any]:
    """The content of run.json or metrics.json, without its SHA-256."""
    record = json.loads(path.read_text())
    del record["sha256"]
    return record


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write it as a run does: what is wrong in it is then not that its SHA-256 does not fit."""
    path.write_text(sealed(record))


def as_older(folder: Path) -> None:
    """Take from a run's record what earlier versions did not write."""
    record = read_record(folder / "run.json")
    record.pop("reach", None)
    write_record(folder / "run.json", record)
