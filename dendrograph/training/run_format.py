"""The formats of the files that runs, sequences of tasks and sweeps leave: each field that is read, with its range."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from dendrograph.base.errors import DendrographError, RunError, clip, expect
from dendrograph.base.json_files import (
    DIGEST,
    FLAG,
    FOLDER,
    PLAIN,
    TEXT,
    Each,
    Form,
    Maybe,
    Value,
    number,
    read_file,
    read_sealed,
    whole,
)
from dendrograph.morphology import morphology as files
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.shipped import shipped

_ABOUT = {
    "config": {
        "seed": whole(0, 2**32 - 1),
        "epochs?": Maybe(whole(1)),
        "batch_size?": whole(1),
        "lr?": number(0),
        "optimizer?": TEXT,
        "device?": TEXT,
        "early_stop?": FLAG,
        "patience?": whole(1),
        "noise?": number(0),
        "sequential?": FLAG,
        "validation?": number(0, 1),
    },
    "data": {
        "name": TEXT,
        "source": TEXT,
        "digest": TEXT,
        "origin": Maybe({"name_or_path?": TEXT, "data_dir?": Maybe(TEXT)}),
    },
    "graph": {
        "name": TEXT,
        "inputs": Each(dict, Each(list, whole(1), least=1)),
        "classes": Maybe(whole(1)),
        "seed": whole(0),
        "morphology": TEXT,
        "connectivity_hash": TEXT,
        "plugins?": Each(dict, TEXT),
        "compartments?": whole(0),
        "synapses?": whole(0),
        "parameters?": whole(0),
        "knobs?": Each(dict, PLAIN),
    },
    "network": {
        "kernel": TEXT,
        "kernels": Each(dict, TEXT),
        "initial_weights": TEXT,
        "frozen?": Each(list, TEXT),
        "unfrozen?": Each(list, TEXT),
    },
}
RUN: Form = {
    **_ABOUT,
    "reach?": Each(dict, whole(0)),
    "learning?": Each(dict, PLAIN),
    "surroundings?": Each(dict, PLAIN),
}
LEARNING: Form = {  # continual.json
    "protocol": TEXT,
    "scenario": TEXT,
    "tasks": Each(list, TEXT, least=2),
    **_ABOUT,
    "runs": Each(list, DIGEST, least=2),
    "accuracy": Each(list, Each(list, number(0, 1), least=2), least=3),
}
_EVALUATION = {"accuracy": number(0, 1), "samples?": whole(1), "confusion?": Each(list, Each(list, whole(0)))}
METRICS: Form = {
    "test": {**_EVALUATION, "loss": number(0, finite=False)},
    "validation": {**_EVALUATION, "loss": number(0)},
    "epochs": whole(1),
    "weights_of_epoch": whole(1),
    "parameters": whole(0),
    "seconds?": number(0),
    "weights": DIGEST,
    "history?": DIGEST,  # older runs have none
    "run": DIGEST,
}
COLUMNS = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
_LOSS, _SHARE = number(0), number(0, 1)
HISTORY = Value(
    "a row for each epoch from 1, with losses and accuracies",
    lambda rows: (
        isinstance(rows, list)
        and bool(rows)
        and all(
            isinstance(row, dict)
            and set(row) == set(COLUMNS)
            and type(row["epoch"]) is int
            and row["epoch"] == epoch
            and all((_LOSS if key.endswith("loss") else _SHARE).fits(row[key]) for key in COLUMNS[1:])
            for epoch, row in enumerate(rows, start=1)
        )
    ),
)
CELLS: Form = {  # cells.json of a sweep
    "name": TEXT,
    "cells": Each(list, {"name": FOLDER}),
}


def trained_morphology(folder: Path, record: Mapping[str, Any]) -> bytes:
    """What morphology.yaml of a run folder holds.

    Args:
        folder: the run folder.
        record: the content of its run.json.

    Raises:
        RunError: it cannot be read, or is not what was trained.
    """
    path = folder / "morphology.yaml"
    try:
        text = read_file(path)
    except FileNotFoundError:
        remedy = "put it back from a copy of the run, or train anew in another folder"
        raise RunError(f"{path}: cannot be read: No such file or directory\n  {remedy}") from None
    if hashlib.sha256(text).hexdigest() != record["graph"]["morphology"]:
        raise RunError(
            f"{path}: not the morphology that was trained: the file was changed\n"
            "  a run keeps its morphology; copy the file elsewhere to train a changed one"
        )
    return text


def load(
    path_or_name: str | Path,
    overrides: Mapping[str, Any] | None = None,
    plugins: Iterable[str | Path] = (),
) -> Morphology:
    """Read a morphology file, a morphology that ships with the package by its name, or the morphology of a run folder.

    Args:
        path_or_name: a path to a YAML file, a shipped name such as `dann-lrf`, or a run folder.
        overrides: values that replace those of the file, such as `{"dendrites": 64, "layers.0.count": 512}`. Text is
            read as YAML, like that of `--set` on the command line.
        plugins: installed plugins, modules or files of Python that add nonlinearities and fields, such as
            `my_package.dendrites` or `./mine.py`. The morphology then names them as if its file did. The file's own
            line of plugins may name those that are installed, and those that are given here.

    Raises:
        MorphologyError: the file is not a valid morphology, or a path of `overrides` leads nowhere; the message names
            every fault.
        DendrographError: there is no such file, name or plugin, or it cannot be read or imported.
        RunError: the morphology of the run folder was changed after the training.
    """
    expect("path_or_name", path_or_name, str, PathLike)
    folder = Path(path_or_name)
    if is_run_folder(folder):
        trained_morphology(folder, read_sealed(folder / "run.json", RUN))  # it must be unchanged
        path_or_name = folder / "morphology.yaml"
    elif folder.is_dir() and str(folder) not in shipped():
        raise DendrographError(
            f"{folder}: a folder, but no run folder (that holds run.json and morphology.yaml)\n  give a YAML file"
        )
    return files.load(path_or_name, overrides, plugins)


def is_run_folder(folder: Path) -> bool:
    """Whether a folder holds the two files that every run begins with."""
    try:
        return (folder / "morphology.yaml").is_file() and (folder / "run.json").is_file()
    except OSError as error:
        raise DendrographError(f"{clip(str(folder))}: cannot be read: {error.strerror}") from None
