"""PyTorch Geometric: the network as a `Data`, stored as safetensors and JSON, since reading a pickle can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from dendrograph.base.errors import DendrographError
from dendrograph.export.csv_npz import group_rows, node_edge_arrays, projection_rows
from dendrograph.export.format import Content, Format
from dendrograph.export.subject import Subject

TABLES = ("about", "groups", "projections")

# Names of arrays in a `Data`. PyTorch Geometric adds the number of nodes to each attribute with `index` in its name
# when it batches graphs, so that only `edge_index` may have such a name.
RENAMED = {"edge_projection": "projection", "edge_weight": "edge_weight", "node_index": "number"}


class PyTorchGeometric(Format):
    """The tensors as safetensors, and the text as JSON in a second file. Neither needs PyTorch Geometric."""

    name = "PyTorch Geometric"
    suffixes = (".safetensors",)

    def paths(self, path: Path) -> tuple[Path, ...]:
        """Return `net.safetensors` and `net.safetensors.json`."""
        return path, path.with_name(f"{path.name}.json")

    def content(self, subject: Subject, path: Path) -> Content:
        """Return the tensors, and the JSON with their SHA-256."""
        tensors = save_safetensors(_tensors(subject))
        about = {**_tables(subject), "tensors": hashlib.sha256(tensors).hexdigest()}
        text = (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode()
        tensor_file, text_file = self.paths(path)
        return Content(
            {tensor_file: lambda stream: stream.write(tensors), text_file: lambda stream: stream.write(text)}
        )


def to_data(subject: Subject) -> Any:
    """Return the network as a `torch_geometric.data.Data`.

    Returns:
        `edge_index` (2, edges), int64; `edge_weight` (edges,) if there are weights; `projection` (edges,) and `group`
        (nodes,), numbers in the lists `projections` and `groups`; `neuron`, `number` within the group and `bias`
        (nodes,); `about`, a mapping.

    Raises:
        DendrographError: PyTorch Geometric is not installed.
    """
    return _data(_tensors(subject), _tables(subject))


def read_data(path: str | Path) -> Any:
    """Read the `Data` of an exported pair of files without running code from them.

    Args:
        path: The `.safetensors` file.

    Raises:
        DendrographError: PyTorch Geometric is not installed, or a file is missing, damaged or from another export.
    """
    tensor_file, text_file = PyTorchGeometric().paths(Path(path))
    try:
        content, about = tensor_file.read_bytes(), json.loads(text_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DendrographError(f"{error.filename}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DendrographError(f"{text_file}: damaged: no JSON: {error}\n  export the network again") from None
    if not isinstance(about, dict) or not {*TABLES, "tensors"} <= about.keys():
        raise DendrographError(
            f"{text_file}: not the JSON that an export writes beside {tensor_file.name}\n  export the network again"
        )
    if hashlib.sha256(content).hexdigest() != about["tensors"]:
        raise DendrographError(
            f"{tensor_file}: not the tensors that {text_file.name} was written with: damaged or from another export\n"
            "  export the network again"
        )
    try:
        tensors = load_safetensors(content)
    except SafetensorError as error:
        raise DendrographError(f"{tensor_file}: damaged: {error}\n  export the network again") from None
    return _data(tensors, {key: about[key] for key in TABLES})


def _tensors(subject: Subject) -> dict[str, Tensor]:
    return {
        RENAMED.get(name, name.removeprefix("node_")): torch.from_numpy(np.ascontiguousarray(array))
        for name, array in node_edge_arrays(subject).items()
    }


def _tables(subject: Subject) -> dict[str, Any]:
    return {"about": subject.about(), "groups": group_rows(subject), "projections": projection_rows(subject)}


def _data(tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> Any:
    try:
        from torch_geometric.data import Data
    except ImportError:
        raise DendrographError(
            "PyTorch Geometric, which defines `Data`, is not installed\n  pip install torch-geometric"
        ) from None
    return Data(**tensors, **tables, num_nodes=sum(row["size"] for row in tables["groups"]))
