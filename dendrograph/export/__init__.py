"""Exports: a network, or the structure of one, as a file that another program reads.

Each format is a module with these names:

    NAME, SUFFIXES           what it is called, and the endings of its files
    MOST                     edges that a file holds at most, as far as its readers can take it; None for any number
    paths(path)              the files that will be written for the path given
    require(weights)         raises where its packages are not there, or such weights cannot be told
    contents(subject, path)  the `Content` of these files
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, cast

import networkx as nx

from dendrograph.base import files as atomic
from dendrograph.base.errors import DendrographError, argument, clip, expect
from dendrograph.base.suggestions import did_you_mean
from dendrograph.export import (
    arrays,
    dot,
    geometric,
    graphml,
    mermaid,
    multigraph,
    node_link,
    onnx_model,
    swc_tree,
    tables,
    tikz,
)
from dendrograph.export.content import Content, place
from dendrograph.export.geometric import read_data
from dendrograph.export.subject import Subject, subject_of
from dendrograph.graph.compiler import whole
from dendrograph.training.model_source import INITIAL, NONE, Model, ModelSource

__all__ = ["FORMATS", "Exported", "export", "read_data", "to_data", "to_networkx"]


class Format(Protocol):
    """The contract; every module in `FORMATS` fulfils it."""

    NAME: str
    SUFFIXES: tuple[str, ...]
    MOST: int | None

    def paths(self, path: Path) -> tuple[Path, ...]:
        """The files that will be written for the path given."""

    def require(self, weights: str) -> None:
        """Raise where its packages are not there, or such weights cannot be told."""

    def contents(self, subject: Subject, path: Path) -> Content:
        """What is to be written."""


FORMATS: tuple[Format, ...] = cast(
    "tuple[Format, ...]",
    (graphml, dot, node_link, tables, arrays, geometric, swc_tree, onnx_model, mermaid, tikz),
)


@dataclass(frozen=True)
class Exported:
    """What was written.

    files: in the order of writing
    format: its name
    held: what they hold
    nodes, edges: of the network
    weights: `none`, `initial`, `trained` or `own`
    notes: what a user should know of the files
    """

    files: tuple[Path, ...]
    format: str
    held: str
    nodes: int
    edges: int
    weights: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([*map(str, self.files), f"{self.format}: {self.held}"])


def export(
    source: ModelSource | Model,
    path: str | PathLike[str],
    *,
    weights: str | None = None,
    layer: str | None = None,
    neuron: int | None = None,
    force: bool = False,
) -> Exported:
    """Write a network in the format that the suffix of the path says.

    Args:
        source: a `ModelSource` or a model: a `DendriticNetwork` with its weights, a `Graph` or a `Morphology` for the
            structure, a `Run` with its trained weights, or the name of a morphology or a run.
        path: the file to make. Where a format has two files, their names are made from it: see `Exported.files`.
        weights: of a morphology or a graph: `initial` for those that a training starts from.
        layer: for SWC: the neuron's layer; by default the first.
        neuron: for SWC: its number in the layer.
        force: whether files that are there already are replaced.

    Raises:
        DendrographError: whatever is wrong with the arguments or cannot be written. No half-written file is left.
    """
    expect("path", path, str, PathLike)
    path = Path(path)
    form = format_of(path)
    source = ModelSource.of(source)
    _hold_weights(weights)
    expect("layer", layer, str, None)
    neuron = None if neuron is None else whole(argument("neuron"), neuron, 0)
    expect("force", force, bool)
    for name, value in (("layer", layer), ("neuron", neuron)):
        if value is not None and form.NAME != swc_tree.NAME:
            problem = f"{argument(name, value)}: {form.NAME} holds the whole network"
            raise DendrographError(f"{problem}\n  leave it out, or export the tree of one neuron as FILE.swc")
    form.require(source.choose_weights(weights))
    for file in form.paths(path):
        atomic.check_new_file(file, force, f"network{path.suffix}")
    atomic.check_writable(path)
    found = subject_of(source, weights)
    found = Subject(found.graph, found.network, found.weights, layer, neuron)
    graph = found.graph
    if form.MOST is not None and graph.edges > form.MOST:
        raise DendrographError(
            f"{graph.name} has {graph.edges:,} edges, and {form.NAME} is written for at most {form.MOST:,}, "
            f"since its readers take no more\n  export it as {path.with_suffix('.npz').name}, which holds any number"
        )
    content = form.contents(found, path)
    place(content.files)
    has = "no" if found.weights == NONE else found.weights
    held = content.held or f"{graph.nodes:,} nodes, {graph.edges:,} edges, {has} weights"
    written = tuple(content.files)
    return Exported(written, form.NAME, held, graph.nodes, graph.edges, found.weights, content.notes)


def to_networkx(source: ModelSource | Model, *, weights: str | None = None) -> nx.MultiDiGraph:
    """A network as a networkx multigraph with all attributes that the files have.

    Args:
        source: as `export` takes it.
        weights: as `export` takes them.

    Raises:
        DendrographError: the model cannot be read.
    """
    _hold_weights(weights)
    return multigraph.to_networkx(subject_of(ModelSource.of(source), weights))


def to_data(source: ModelSource | Model, *, weights: str | None = None) -> Any:
    """A network as a `torch_geometric.data.Data`; see `geometric.to_data` for what it has.

    Args:
        source: as `export` takes it.
        weights: as `export` takes them.

    Raises:
        DendrographError: the model cannot be read, or PyTorch Geometric is not installed.
    """
    _hold_weights(weights)
    return geometric.to_data(subject_of(ModelSource.of(source), weights))


def format_of(path: Path) -> Format:
    """The format of a file, by its suffix.

    Raises:
        DendrographError: there is none of that suffix.
    """
    suffix = path.suffix.lower()
    for form in FORMATS:
        if suffix in form.SUFFIXES:
            return form
    known = [suffix for form in FORMATS for suffix in form.SUFFIXES]
    found = f"no format has the suffix '{clip(path.suffix)}'" if path.suffix else "the name has no suffix"
    raise DendrographError(f"{clip(str(path))}: {found}\n  {did_you_mean(suffix, known, 'formats')}")


def _hold_weights(weights: str | None) -> None:
    expect("weights", weights, str, None)
    if weights not in (None, INITIAL):
        raise DendrographError(f"unknown weights '{clip(str(weights))}'\n  {did_you_mean(weights, [INITIAL])}")
