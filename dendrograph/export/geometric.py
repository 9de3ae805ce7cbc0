"""PyTorch Geometric: a `Data` of the whole graph, kept as safetensors plus JSON, since a pickle would run code."""

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
from dendrograph.export import arrays
from dendrograph.export.content import Content, of_bytes
from dendrograph.export.subject import Subject

NAME = "PyTorch Geometric"
SUFFIXES = (".safetensors",)
MOST = None

TABLES = ("about", "groups", "projections")

# What the arrays are called in a `Data`. A name that holds `index` would be raised by the number of nodes when several
# graphs are put in a batch, which is meant for `edge_index` alone.
RENAMED = {"edge_projection": "projection", "edge_weight": "edge_weight", "node_index": "number"}


def paths(path: Path) -> tuple[Path, ...]:
    """`net.safetensors` has `net.safetensors.json` beside it."""
    return path, path.with_name(f"{path.name}.json")


def require(weights: str) -> None:
    """Nothing: neither writing nor the two files themselves need PyTorch Geometric."""


def contents(subject: Subject, path: Path) -> Content:
    """The tensors, and beside them all that is text."""
    tensors = save_safetensors(_tensors(subject))
    text = {**_tables(subject), "tensors": hashlib.sha256(tensors).hexdigest()}
    beside = (json.dumps(text, indent=1, ensure_ascii=False) + "\n").encode()
    first, second = paths(path)
    return Content({first: of_bytes(tensors), second: of_bytes(beside)})


def to_data(subject: Subject) -> Any:
    """The network as a `torch_geometric.data.Data`.

    Returns:
        `edge_index` (2, edges), int64; `edge_weight` (edges,) where there are weights; `projection` (edges,) and
        `group` (nodes,), numbers in the lists `projections` and `groups`; `neuron`, `number` within the group and
        `bias` (nodes,); `about`, a mapping.

    Raises:
        DendrographError: PyTorch Geometric is not installed.
    """
    return _data(_tensors(subject), _tables(subject))


def read_data(path: str | Path) -> Any:
    """The `Data` of an exported pair of files; nothing in them is executed.

    Args:
        path: of the `.safetensors` file.

    Raises:
        DendrographError: PyTorch Geometric is not installed, or a file is missing, damaged or of another export.
    """
    first, second = paths(Path(path))
    try:
        content, text = first.read_bytes(), json.loads(second.read_text(encoding="utf-8"))
    except OSError as error:
        raise DendrographError(f"{error.filename}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DendrographError(f"{second}: damaged: no JSON: {error}\n  export the network again") from None
    if not isinstance(text, dict) or not {*TABLES, "tensors"} <= text.keys():
        raise DendrographError(f"{second}: not what an export writes beside {first.name}\n  export the network again")
    if hashlib.sha256(content).hexdigest() != text["tensors"]:
        raise DendrographError(
            f"{first}: not the tensors that {second.name} was written with\n"
            "  damaged, or of another export? export the network again"
        )
    try:
        tensors = load_safetensors(content)
    except SafetensorError as error:
        raise DendrographError(f"{first}: damaged: {error}\n  export the network again") from None
    return _data(tensors, {key: text[key] for key in TABLES})


def _tensors(subject: Subject) -> dict[str, Tensor]:
    found = arrays.numbers(subject)
    return {
        RENAMED.get(name, name.removeprefix("node_")): torch.from_numpy(np.ascontiguousarray(array))
        for name, array in found.items()
    }


def _tables(subject: Subject) -> dict[str, Any]:
    return {
        "about": subject.about(),
        "groups": arrays.groups(subject),
        "projections": arrays.projections(subject),
    }


def _data(tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> Any:
    try:
        from torch_geometric.data import Data
    except ImportError:
        raise DendrographError(
            "a Data needs PyTorch Geometric, which is not installed\n  pip install torch-geometric"
        ) from None
    nodes = sum(row["size"] for row in tables["groups"])
    return Data(**tensors, **tables, num_nodes=nodes)
