"""Export of a network or its structure to files for other programs: one class per format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import networkx as nx

from dendrograph.base import files
from dendrograph.base.errors import DendrographError, argument, clip, expect
from dendrograph.base.suggestions import did_you_mean
from dendrograph.export import pytorch_geometric
from dendrograph.export.csv_npz import Csv, Npz
from dendrograph.export.format import Format, write_files
from dendrograph.export.graphml_dot_networkx import Dot, GraphML, NodeLinkJson, to_multigraph
from dendrograph.export.mermaid_tikz import Mermaid, Tikz
from dendrograph.export.onnx_writer import Onnx
from dendrograph.export.pytorch_geometric import PyTorchGeometric, read_data
from dendrograph.export.subject import subject_of
from dendrograph.export.swc import Swc
from dendrograph.graph.compiler import check_whole_number
from dendrograph.training.model_source import INITIAL, NONE, Model, ModelSource

__all__ = ["FORMATS", "Exported", "export", "read_data", "to_data", "to_networkx"]

FORMATS: tuple[Format, ...] = (
    GraphML(),
    Dot(),
    NodeLinkJson(),
    Csv(),
    Npz(),
    PyTorchGeometric(),
    Swc(),
    Onnx(),
    Mermaid(),
    Tikz(),
)


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes:
        files: The written files, in the order of writing.
        format: The name of the format.
        summary: The content of the files in a few words.
        nodes: Number of nodes of the network.
        edges: Number of edges of the network.
        weights: `none`, `initial`, `trained` or `own`.
        notes: Remarks on the files.
    """

    files: tuple[Path, ...]
    format: str
    summary: str
    nodes: int
    edges: int
    weights: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([*map(str, self.files), f"{self.format}: {self.summary}"])


def export(
    source: ModelSource | Model,
    path: str | PathLike[str],
    *,
    weights: str | None = None,
    layer: str | None = None,
    neuron: int | None = None,
    force: bool = False,
) -> Exported:
    """Write a network to a file in the format of the file's suffix.

    Args:
        source: A `ModelSource` or a model: a `DendriticNetwork` with its weights, a `Graph` or a `Morphology` for the
            structure, a `Run` with its trained weights, or the name of a morphology or a run.
        path: The file to write. Where a format has two files, their names are derived from it: see `Exported.files`.
        weights: For a morphology or graph, `initial` for the weights before training.
        layer: For SWC, the layer of the neuron; by default the first layer.
        neuron: For SWC, the number of the neuron in its layer.
        force: Whether existing files are replaced.

    Raises:
        DendrographError: An argument is not allowed, or the network cannot be written. No partial file is left.

    Example:
        >>> export("dann-lrf", "network.graphml", weights="initial")  # doctest: +SKIP
    """
    expect("path", path, str, PathLike)
    path = Path(path)
    form = format_of(path)
    source = ModelSource.of(source)
    _check_weights(weights)
    expect("layer", layer, str, None)
    neuron = None if neuron is None else check_whole_number(argument("neuron"), neuron, 0)
    expect("force", force, bool)
    for name, value in (("layer", layer), ("neuron", neuron)):
        if value is not None and not isinstance(form, Swc):
            problem = f"{argument(name, value)}: {form.name} holds the whole network"
            raise DendrographError(f"{problem}\n  leave it out, or export the tree of one neuron as FILE.swc")
    form.check(source.choose_weights(weights))
    for file in form.paths(path):
        files.check_new_file(file, force, f"network{path.suffix}")
    files.check_writable(path)
    found = replace(subject_of(source, weights), layer=layer, neuron=neuron)
    graph = found.graph
    if form.max_edges is not None and graph.edges > form.max_edges:
        raise DendrographError(
            f"{graph.name} has {graph.edges:,} edges, and programs that read {form.name} take at most "
            f"{form.max_edges:,}\n  export it as {path.with_suffix('.npz').name}, which has no limit"
        )
    content = form.content(found, path)
    write_files(content.files)
    of_weights = "no" if found.weights == NONE else found.weights
    return Exported(
        files=tuple(content.files),
        format=form.name,
        summary=content.summary or f"{graph.nodes:,} nodes, {graph.edges:,} edges, {of_weights} weights",
        nodes=graph.nodes,
        edges=graph.edges,
        weights=found.weights,
        notes=content.notes,
    )


def to_networkx(source: ModelSource | Model, *, weights: str | None = None) -> nx.MultiDiGraph:
    """Return a network as a networkx multigraph with all attributes that the files have.

    Args:
        source: As for `export`.
        weights: As for `export`.

    Raises:
        DendrographError: The model cannot be read.
    """
    _check_weights(weights)
    return to_multigraph(subject_of(ModelSource.of(source), weights))


def to_data(source: ModelSource | Model, *, weights: str | None = None) -> Any:
    """Return a network as a `torch_geometric.data.Data`; `pytorch_geometric.to_data` lists its attributes.

    Args:
        source: As for `export`.
        weights: As for `export`.

    Raises:
        DendrographError: The model cannot be read, or PyTorch Geometric is not installed.
    """
    _check_weights(weights)
    return pytorch_geometric.to_data(subject_of(ModelSource.of(source), weights))


def format_of(path: Path) -> Format:
    """Return the format of a file from its suffix.

    Raises:
        DendrographError: No format has this suffix.
    """
    suffix = path.suffix.lower()
    for form in FORMATS:
        if suffix in form.suffixes:
            return form
    known = [suffix for form in FORMATS for suffix in form.suffixes]
    found = f"no format has the suffix '{clip(path.suffix)}'" if path.suffix else "the name has no suffix"
    raise DendrographError(f"{clip(str(path))}: {found}\n  {did_you_mean(suffix, known, 'formats')}")


def _check_weights(weights: str | None) -> None:
    expect("weights", weights, str, None)
    if weights not in (None, INITIAL):
        raise DendrographError(f"unknown weights '{clip(str(weights))}'\n  {did_you_mean(weights, [INITIAL])}")
