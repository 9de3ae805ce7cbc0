"""One training from names: which morphology, which data, which settings; and the same again from its run folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from dendrograph import data as datasets
from dendrograph.compiler import compile
from dendrograph.errors import DataError, DendrographError, RunError
from dendrograph.evaluation import Evaluation, evaluate
from dendrograph.morphology import Morphology, load
from dendrograph.network import DendriticNetwork
from dendrograph.run import Run, is_run
from dendrograph.training import TrainConfig, noisy_test, train

DEFAULT_DATA = "digits"


def train_by_name(
    morphology: str,
    data: str | None = None,
    data_dir: Path | None = None,
    kernel: str | None = None,
    settings: Mapping[str, Any] | None = None,
    set: Mapping[str, Any] | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Run:
    """Train what the names say and leave a run folder.

    Args:
        morphology: a file, a shipped name, or (with `resume`) a run folder, from which all else is then taken.
        data: a data set's name or the path of a `.npz`; digits by default.
        data_dir: where data sets lie.
        kernel: of the network, `auto` by default.
        settings: fields of `TrainConfig`; `seed` is that of the wiring and the weights too.
        set: knobs of the morphology.
        out: the run folder.
        resume: go on with the run in `out`, or begin it if it has not begun.
        progress: show it on standard output.
    """
    settings = dict(settings or {})
    if is_run(morphology):
        return _resume(Path(morphology), data, data_dir, kernel, settings, set, out, resume, progress)
    if resume and out is None:
        raise RunError("--resume needs to know the run\n  give its folder by --out, or in the place of the morphology")
    tree = load(morphology, set)
    config = TrainConfig(**settings)
    return _train(tree, config, data or DEFAULT_DATA, data_dir, kernel or "auto", config.seed, out, resume, progress)


def _resume(
    folder: Path,
    data: str | None,
    data_dir: Path | None,
    kernel: str | None,
    settings: Mapping[str, Any],
    set: Mapping[str, Any] | None,
    out: Path | None,
    resume: bool,
    progress: bool,
) -> Run:
    if not resume:
        raise RunError(
            f"{folder}: this is a run folder\n  add --resume to go on with it, or give {folder / 'morphology.yaml'} to train anew"
        )
    run = Run.open(folder)
    config = TrainConfig.from_record(run.record["config"])
    recorded = {field.name: getattr(config, field.name) for field in fields(config)}
    stored = run.record["data"]
    asked = {**settings, **({"data": data} if data else {}), **({"kernel": kernel} if kernel else {})}
    have = {**recorded, "data": stored.get("load", stored["name"]), "kernel": run.record.get("kernel", "auto")}
    differences = [
        f"{key}: the run has {have[key]!r}, asked for is {value!r}"
        for key, value in asked.items()
        if have[key] != value
    ]
    if set:
        differences.append("--set: the morphology of a run is fixed")
    if out is not None and out.resolve() != folder.resolve():
        differences.append("--out: a run goes on in its own folder")
    if differences:
        raise RunError(
            f"{folder}: a run goes on with its own settings\n  " + "\n  ".join(differences) + "\n  leave them out"
        )
    directory = data_dir or (Path(stored["data_dir"]) if stored.get("data_dir") else None)
    seed = run.record["graph"]["seed"]
    return _train(run.morphology, config, have["data"], directory, have["kernel"], seed, folder, True, progress)


def _train(
    morphology: Morphology,
    config: TrainConfig,
    data: str,
    data_dir: Path | None,
    kernel: str,
    seed: int,
    out: Path | None,
    resume: bool,
    progress: bool,
) -> Run:
    dataset = datasets.load(data, data_dir)
    network = DendriticNetwork(compile(morphology, dataset.shapes, dataset.classes, seed), kernel)
    return train(network, dataset, config, out, resume, progress, kernel, _found_again(data, data_dir))


def _found_again(data: str, data_dir: Path | None) -> dict[str, str | None]:
    """What `datasets.load` is to be called with, from any folder and without the environment of today."""
    directory = data_dir or os.environ.get("DENDROGRAPH_DATA") or None
    own = data.lower().endswith(".npz")
    return {
        "load": str(Path(data).resolve()) if own else data,
        "data_dir": str(Path(directory).resolve()) if directory and not own else None,
    }


def evaluate_run(folder: str | Path, data_dir: Path | None = None) -> Evaluation:
    """Loss, accuracy and confusion of a finished run on its test split, from the folder alone.

    Raises:
        RunError: the run has not ended, is damaged, or was trained on data that only Python held.
        DataError: the data set is no longer what the run was trained on.
    """
    run = Run.open(folder)
    stored = run.record["data"]
    config = TrainConfig.from_record(run.record["config"])
    network = run.network(run.record.get("kernel", "auto"))
    if "load" not in stored:
        raise RunError(f"{folder}: trained on data from Python ({stored['name']}), which the folder does not hold")
    directory = data_dir or (Path(stored["data_dir"]) if stored.get("data_dir") else None)
    dataset = datasets.load(stored["load"], directory)
    if dataset.digest != stored["digest"]:
        raise DataError(
            f"{stored['name']}: not the data that the run was trained on\n  read from {dataset.source}; "
            f"the run read {stored['source']}, whose SHA-256 began with {stored['digest'][:12]}"
        )
    return evaluate(network, noisy_test(dataset, config), dataset.scale)


def graph_of(
    morphology: str,
    set: Mapping[str, Any] | None,
    inputs: Mapping[str, tuple[int, ...]],
    classes: int | None,
    seed: int,
) -> Any:
    """The graph of a run, or of a morphology for the given shapes.

    Streams that are `auto` and of which nothing is said are taken as 28 × 28.
    """
    if is_run(morphology):
        if set or inputs or classes:
            raise DendrographError(
                f"{morphology}: a run's morphology, inputs and classes are fixed\n  leave the options out"
            )
        return Run.open(morphology).graph()
    tree = load(morphology, set)
    unknown = [name for name in inputs if name not in tree.inputs and name != "image"]
    if unknown:
        raise DendrographError(f"--inputs {unknown[0]}=…: no such stream\n  streams: {', '.join(tree.inputs)}")
    shapes = {name: inputs.get(name, inputs.get("image") if len(tree.inputs) == 1 else None) for name in tree.inputs}
    bound = {name: shape or (28, 28) for name, shape in shapes.items() if shape or tree.inputs[name] is None}
    return compile(tree, bound, classes or 10, seed)
