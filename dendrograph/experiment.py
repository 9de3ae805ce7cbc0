"""One training from names: which morphology, which data, which settings; and the same again from its run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dendrograph import data as datasets
from dendrograph.compiler import compile
from dendrograph.config import TrainConfig
from dendrograph.errors import DataError, DendrographError, RunError
from dendrograph.evaluation import Evaluation, evaluate
from dendrograph.graph import Graph
from dendrograph.morphology import load
from dendrograph.network import DendriticNetwork
from dendrograph.run import Run, is_run
from dendrograph.training import noisy_test, train

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
    if is_run(morphology):
        return _go_on(Path(morphology), data, data_dir, kernel, settings or {}, set, out, resume, progress)
    if resume and out is None:
        raise RunError("--resume needs to know the run\n  give its folder by --out, or in the place of the morphology")
    tree, config = load(morphology, set), TrainConfig(**(settings or {}))
    dataset = datasets.load(data or DEFAULT_DATA, data_dir)
    graph = compile(tree, dataset.shapes, dataset.classes, config.seed)
    network = DendriticNetwork(graph, kernel or "auto")
    return train(network, dataset, config, out, resume, progress, data_dir)


def _go_on(
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
    """All that is not given is taken from the run; what is given and differs from it, `train` refuses."""
    if not resume:
        raise RunError(
            f"{folder}: this is a run folder\n"
            f"  add --resume to go on with it, or give {folder / 'morphology.yaml'} to train anew"
        )
    if set:
        raise RunError(f"{folder}: the morphology of a run is fixed\n  leave --set out")
    if out is not None and out.resolve() != folder.resolve():
        raise RunError(f"{folder}: a run goes on in its own folder\n  leave --out out")
    run = Run.open(folder)
    config = replace(TrainConfig.from_record(run.record["config"]), **settings)
    network = DendriticNetwork(run.graph(), kernel or run.record["network"]["kernel"])
    data_dir = data_dir or run.data_dir
    dataset = datasets.load(data or run.data_name, data_dir)
    return train(network, dataset, config, folder, resume, progress, data_dir)


def evaluate_run(folder: str | Path, data_dir: Path | None = None) -> Evaluation:
    """Loss, accuracy and confusion of a finished run on its test split, from the folder alone.

    Raises:
        RunError: the run has not ended, is damaged, or was trained on data that only Python held.
        DataError: the data set is no longer what the run was trained on.
    """
    run = Run.open(folder)
    network, config = run.network(), TrainConfig.from_record(run.record["config"])
    dataset = datasets.load(run.data_name, data_dir or run.data_dir)
    stored = run.record["data"]
    if dataset.digest != stored["digest"]:
        raise DataError(
            f"{stored['name']}: not the data that the run was trained on\n  read from {dataset.source}; "
            f"the run read {stored['source']}, whose SHA-256 began with {stored['digest'][:12]}"
        )
    network.to(config.device if torch.cuda.is_available() else "cpu")
    return evaluate(network, noisy_test(dataset, config), dataset.scale)


def graph_of(
    morphology: str,
    set: Mapping[str, Any] | None,
    inputs: Mapping[str, tuple[int, ...]],
    classes: int | None,
    seed: int,
) -> Graph:
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
