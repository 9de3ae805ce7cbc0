"""One training from names: which morphology, which data, which settings; and the same again from its run folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import torch

from dendrograph.base.errors import DataError, DendrographError, RunError, argument, clip, expect
from dendrograph.data import load as datasets
from dendrograph.data.dataset import Dataset
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.plugins import import_plugins
from dendrograph.network.execution_plan import ExecutionPlan, plan
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.config import TrainConfig
from dendrograph.training.evaluation import Evaluation, evaluate
from dendrograph.training.loop import noisy_test, train
from dendrograph.training.provenance import threads_of
from dendrograph.training.run import Run, is_run
from dendrograph.training.run_format import load

DEFAULT_DATA = "digits"


@torch.inference_mode(False)
def train_by_name(
    morphology: str,
    data: str | None = None,
    data_dir: Path | None = None,
    kernel: str | None = None,
    settings: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: bool = True,
    plugins: Iterable[str | Path] = (),
) -> Run:
    """Train what the names say and leave a run folder.

    Args:
        morphology: a file, a shipped name, or (with `resume`) a run folder, from which all else is then taken.
        data: a data set's name or the path of a `.npz`; digits by default. For a run, where its data lie now.
        data_dir: where data sets lie.
        kernel: of the network, `auto` by default.
        settings: fields of `TrainConfig`; `seed` is that of the wiring and the weights too.
        overrides: knobs of the morphology.
        out: the run folder.
        resume: go on with the run in `out`, or begin it if it has not begun.
        progress: show it on standard output.
        plugins: what the morphology needs, as `load` takes them.
    """
    settings = settings or {}
    if is_run(morphology):
        import_plugins(plugins)
        run = _run_to_go_on(Path(morphology), overrides, out, resume)
        # What is given and differs from the run, `train` refuses.
        config = replace(TrainConfig.from_record(run.record["config"], run.folder / "run.json"), **settings)
        return train(run.untrained(kernel), run.dataset(data_dir, data), config, run.folder, resume, progress)
    if resume and Path(morphology).is_dir():
        Run.open(morphology)  # says why it is none
    if resume and out is None:
        needs = f"{argument('resume', True)} needs to know the run"
        raise RunError(f"{needs}\n  give its folder by {argument('out')}, or in the place of the morphology")
    tree, config = load(morphology, overrides, plugins), TrainConfig(**settings)
    dataset = load_dataset(data or DEFAULT_DATA, data_dir)
    graph = compile(tree, dataset.shapes, dataset.classes, config.seed)
    return train(DendriticNetwork(graph, kernel or "auto"), dataset, config, out, resume, progress)


def _run_to_go_on(folder: Path, overrides: Mapping[str, Any] | None, out: Path | None, resume: bool) -> Run:
    if not resume:
        raise RunError(
            f"{folder}: this is a run folder\n"
            f"  add {argument('resume', True)} to go on with it, or give {folder / 'morphology.yaml'} to train anew"
        )
    if overrides:
        raise RunError(f"{folder}: the morphology of a run is fixed\n  leave {argument('overrides')} out")
    if out is not None and out.resolve() != folder.resolve():
        raise RunError(f"{folder}: a run goes on in its own folder\n  leave {argument('out')} out")
    return Run.open(folder)


def load_dataset(data: str, data_dir: Path | None) -> Dataset:
    """A data set by its name or path.

    Raises:
        DataError: there is none; or a folder is named for one that lies in no data folder.
    """
    dataset = datasets.load(data, data_dir)
    if data_dir is not None and dataset.origin["data_dir"] is None:
        idle = f"{argument('data_dir', data_dir)}: {data} lies in no data folder"
        raise DataError(f"{idle}\n  leave it out, or name {argument('data')}")
    return dataset


def evaluate_run(
    folder: str | Path,
    data_dir: Path | None = None,
    plugins: Iterable[str | Path] = (),
    data: str | Path | None = None,
) -> Evaluation:
    """Loss, accuracy and confusion of a finished run on its test split, from the folder alone.

    Plugins that were named by the user then, and are not installed, are named again. `data_dir` and `data` say where
    the data lie now, as `Run.dataset` takes them.

    Raises:
        RunError: the run has not ended, is damaged, or was trained on data that only Python held.
        DataError: the data set is no longer what the run was trained on.
    """
    import_plugins(plugins)
    run = Run.open(folder)
    network, config = run.network(), TrainConfig.from_record(run.record["config"], run.folder / "run.json")
    dataset = run.dataset(data_dir, data)
    try:
        network.to(config.device)
    except (RuntimeError, AssertionError):  # the device of then is not here: any other gives the same but last digits
        network.to("cpu")
    with threads_of(run):
        return evaluate(network, noisy_test(dataset, config), dataset.scale)


def graph_of(
    morphology: str,
    overrides: Mapping[str, Any] | None = None,
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    classes: int | None = None,
    seed: int | None = None,
    plugins: Iterable[str | Path] = (),
) -> Graph:
    """The graph of a run, or of a morphology for the given shapes (10 classes and seed 0 by default).

    Streams that are `auto` and of which nothing is said are taken as 28 × 28.
    """
    expect("inputs", inputs, Mapping, None)
    expect("seed", seed, Integral, None)
    inputs = inputs or {}
    if is_run(morphology):
        if overrides or inputs or classes is not None or seed is not None:
            fixed = "a run's morphology, inputs, classes and seed are fixed"
            raise DendrographError(f"{morphology}: {fixed}\n  leave the options out")
        import_plugins(plugins)
        return Run.open(morphology).graph()
    return compile_for(load(morphology, overrides, plugins), inputs, classes, seed)


def compile_for(
    tree: Morphology, inputs: Mapping[str, tuple[int, ...]], classes: int | None = None, seed: int | None = None
) -> Graph:
    """The graph of a morphology for the shapes that somebody gave; see `graph_of` for what is taken otherwise.

    Raises:
        DendrographError: a shape is given of a stream that there is not.
    """
    unknown = [name for name in inputs if name not in tree.inputs and name != "image"]
    if unknown:
        raise DendrographError(
            f"{argument('inputs')}: there is no stream '{clip(unknown[0])}'\n  streams: {', '.join(tree.inputs)}"
        )
    shapes = {name: inputs.get(name, inputs.get("image") if len(tree.inputs) == 1 else None) for name in tree.inputs}
    bound = {name: shape or (28, 28) for name, shape in shapes.items() if shape or tree.inputs[name] is None}
    return compile(tree, bound, 10 if classes is None else classes, seed or 0)


def graph_for_data(
    morphology: str,
    data: str,
    data_dir: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int | None = None,
    plugins: Iterable[str | Path] = (),
) -> Graph:
    """The graph of a morphology for the shapes and classes of a data set (seed 0 by default).

    Raises:
        DendrographError: they do not fit, or it is a run, which has data of its own.
    """
    if is_run(morphology):
        raise DendrographError(f"{morphology}: a run has data of its own\n  leave {argument('data')} out")
    tree, dataset = load(morphology, overrides, plugins), load_dataset(data, data_dir)
    return compile(tree, dataset.shapes, dataset.classes, seed or 0)


def plan_of(morphology: str, graph: Graph, kernel: str | None = None) -> ExecutionPlan:
    """The plan for a graph: by the kernel given, else by the run's own, else by the best for each projection."""
    own = Run.open(morphology).record["network"]["kernel"] if is_run(morphology) else "auto"
    return plan(graph, kernel or own)
