"""What is drawn, from names: its graph, and the weights and the activity that a view shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError, argument
from dendrograph.data import load as datasets
from dendrograph.data.dataset import Dataset
from dendrograph.draw.diagrams.view import Snapshot
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.layers import Layer
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.plugins import import_plugins
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.model_source import DEFAULT_DATA, compile_for
from dendrograph.training.run import Run, is_run
from dendrograph.training.run_format import load

Shapes = Mapping[str, tuple[int, ...]]
Drawn = str | Path | Compartment | Morphology | Graph | DendriticNetwork | Run


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a network and its sample come from: the options of the command line.

    overrides: knobs of the morphology
    inputs: shapes of its streams; those of which nothing is said are taken as 28 × 28
    classes, seed: as `compile` takes them
    plugins: what the morphology needs, as `load` takes them
    data, data_dir: the data set that a sample is taken from; that of the run, or digits, by default
    sample: its number among the test samples
    """

    overrides: Mapping[str, Any] | None = None
    inputs: Shapes | None = None
    classes: int | None = None
    seed: int | None = None
    plugins: Iterable[str | Path] = ()
    data: str | None = None
    data_dir: Path | None = None
    sample: int | None = None


def subject_of(what: Drawn, views: Sequence[str], source: Source) -> Snapshot:
    """The graph, and the numbers that the views need: no more is worked out."""
    wants_sample = "activity" in views or source.sample is not None
    numbers = "weights" in views or wants_sample
    run = what if isinstance(what, Run) else Run.open(what) if isinstance(what, str | Path) and is_run(what) else None
    network: DendriticNetwork | None = what if isinstance(what, DendriticNetwork) else None
    dataset: Dataset | None = None
    if run is not None:
        fixed = [
            name for name in ("overrides", "inputs", "classes", "seed") if getattr(source, name) not in (None, {}, [])
        ]
        if fixed:
            raise DendrographError(f"{run.folder}: a run's {' and '.join(fixed)} cannot be changed\n  leave them out")
        import_plugins(source.plugins)
        network = run.network() if numbers else None
        graph = run.graph() if network is None else network.graph
        dataset = _data(source) if source.data else run.dataset(source.data_dir) if wants_sample else None
        about = "trained"
    else:
        if source.data_dir is not None and not source.data:
            idle = f"{argument('data_dir')} says nothing without {argument('data')}"
            raise DendrographError(f"{idle}\n  name the data set that lies there")
        graph, dataset = _graph(what, source, _data(source) if source.data else None, wants_sample)
        about = "initial" if network is None else ""
    if not numbers:
        return Snapshot(graph)
    return _with_numbers(graph, network or DendriticNetwork(graph), about, dataset, source, wants_sample)


def _with_numbers(
    graph: Graph,
    network: DendriticNetwork,
    about: str,
    dataset: Dataset | None,
    source: Source,
    wants_sample: bool,
) -> Snapshot:
    """The graph with the network's weights and, if it is wanted, the activity for one sample."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            weights = {one.name: _array(network.weight(one.name), one.name) for one in graph.projections}
            if not wants_sample:
                return Snapshot(graph, weights, about)
            x, told, label = _sample(graph, dataset, source.sample or 0)
            first = next(network.parameters())
            activity = network.activations({name: value.to(first) for name, value in x.items()})
    finally:
        network.train(training)
    found = {name: _array(values[0], name) for name, values in activity.items()}
    if label is not None and graph.output.role == "readout":
        told += f": class {label}, answer {int(np.argmax(found[graph.output.name]))}"
    told = f"{told}; {about} weights" if about == "initial" else told
    return Snapshot(graph, weights, about, found, told, source.sample is not None)


def _array(tensor: torch.Tensor, name: str) -> NDArray[np.float32]:
    """The numbers of a tensor of any type.

    Raises:
        DendrographError: some are not finite.
    """
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    if not np.isfinite(array).all():
        raise DendrographError(f"{name}: not all of its numbers are finite: they cannot be drawn")
    return array


def _graph(what: Any, source: Source, dataset: Dataset | None, wants_sample: bool) -> tuple[Graph, Dataset | None]:
    """The graph of what is no run; with a sample of digits where its shapes are free, one for those of a data set."""
    if isinstance(what, Graph | DendriticNetwork):
        graph = what if isinstance(what, Graph) else what.graph
        given = [
            name for name in ("overrides", "inputs", "classes", "seed") if getattr(source, name) not in (None, {}, [])
        ]
        if given:
            raise DendrographError(
                f"{graph.name}: a graph is fixed, and takes no '{given[0]}'\n  leave it out, or give a morphology"
            )
        return graph, dataset
    if isinstance(what, Compartment):
        what = Morphology("neuron", neurons={"neuron": what}, layers=(Layer("layer", "neuron", 1),))
    if isinstance(what, Morphology):
        if source.overrides:
            raise DendrographError(
                f"{what.name}: a Morphology has no knobs left to turn by 'overrides'\n  load it with them"
            )
        tree = what
    elif isinstance(what, str | Path):
        tree = load(what, source.overrides, source.plugins)
    else:
        raise DendrographError(
            f"{type(what).__name__} is nothing that can be drawn\n"
            "  give a name, a file, a run, a Morphology, a Graph or a network"
        )
    free = len(tree.inputs) == 1 and next(iter(tree.inputs.values())) is None
    if dataset is None and wants_sample and free and not source.inputs:
        dataset = datasets.load(DEFAULT_DATA, None)
    if dataset is not None:
        if source.inputs:
            both = f"{argument('inputs')} and {argument('data')}"
            raise DendrographError(f"{both} both say what the inputs are\n  leave one of them out")
        classes = dataset.classes if source.classes is None else source.classes
        return compile(tree, dataset.shapes, classes, source.seed or 0), dataset
    return compile_for(tree, source.inputs or {}, source.classes, source.seed), None


def _data(source: Source) -> Dataset:
    return datasets.load(source.data or DEFAULT_DATA, source.data_dir)


def _sample(graph: Graph, dataset: Dataset | None, number: int) -> tuple[dict[str, torch.Tensor], str, int | None]:
    """One sample of each stream, what it is in words, and its class where it has one."""
    if dataset is None:
        rng = np.random.default_rng(number)
        x = {name: torch.from_numpy(rng.random((1, *shape), dtype=np.float32)) for name, shape in graph.inputs.items()}
        return x, f"random input {number}", None
    test = dataset.test
    if isinstance(number, bool) or not isinstance(number, int):
        raise DendrographError(f"sample must be a whole number, found {number!r}")
    if not 0 <= number < len(test):
        raise DendrographError(
            f"no test sample {number} in {dataset.name}\n  they are numbered from 0 to {len(test) - 1:,}"
        )
    taken = test.take(torch.tensor([number]))
    given = {
        name: value / dataset.scale if value.dtype == torch.uint8 else value for name, value in taken.inputs.items()
    }
    if len(given) == len(graph.inputs) == 1:
        given = dict(zip(graph.inputs, given.values(), strict=True))
    return given, f"{dataset.name}, test sample {number}", int(taken.labels[0])
