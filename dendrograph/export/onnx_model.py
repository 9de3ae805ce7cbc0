"""ONNX: a network that other runtimes run, checked with onnxruntime against PyTorch before it is written."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError, argument, clip
from dendrograph.export.content import Content, of_bytes
from dendrograph.export.rows import attributes, edge_blocks, node_blocks
from dendrograph.export.subject import Subject
from dendrograph.export.unrolled import Unrolled, example
from dendrograph.graph.size_limits import available, shown
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.model_source import INITIAL, NONE

NAME = "ONNX"
SUFFIXES = (".onnx",)
MOST = None

OPSET = 18  # what PyTorch's exporter writes by itself; runtimes have had it since 2023
LARGEST = 2**31 - 2**20  # bytes of a file, which is one message of protobuf
BATCHES = (1, 3, 128)  # on which it is checked
TOLERANCE = 1e-3  # of the largest output: sums in another order differ by far less, a wrong graph by far more
FLOOR = 1e-6  # below which a difference is of no account, however small the outputs
OUTPUT = "logits"

INSTALL = "pip install 'dendrograph[onnx]'"


def paths(path: Path) -> tuple[Path, ...]:
    """The file."""
    return (path,)


def require(weights: str) -> None:
    """Weights, and the packages with which PyTorch writes ONNX.

    Raises:
        DendrographError: one of them is not there.
    """
    if weights == NONE:
        raise DendrographError(
            "an ONNX file holds a network with its weights, and a morphology has none\n"
            f"  export a finished run, or add {argument('weights', INITIAL)} for those that a training starts from"
        )
    if missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]:
        names = " and ".join(missing)
        raise DendrographError(f"writing ONNX needs {names}, which is not installed\n  {INSTALL}")


def contents(subject: Subject, path: Path) -> Content:
    """The model, and how far its answers are from the network's.

    Raises:
        DendrographError: it would be larger than such a file may be, or PyTorch cannot export a function of it.
    """
    network = subject.network
    assert network is not None, "required"
    own = next(network.parameters()).dtype
    # The network itself stays as it is and where it is. Runtimes lack some operations in any type but float32.
    network = deepcopy(network).cpu().float().eval()
    content = _model(subject, network)
    notes = [_checked(content, network)]
    if own != torch.float32:
        notes.append(f"the weights are {own}, and the file holds them as float32")
    return Content({path: of_bytes(content)}, tuple(notes))


def _model(subject: Subject, network: DendriticNetwork) -> bytes:
    """The file of a network: one input a stream, by its name, and one output."""
    for blocks in (node_blocks, edge_blocks):
        attributes(blocks, replace(subject, network=network))  # which sees what is no number, in float32 too
    unrolled = Unrolled(network).eval()
    size = sum(tensor.numel() * tensor.element_size() for tensor in unrolled.buffers())
    if size > LARGEST:
        raise DendrographError(
            f"as ONNX the network takes {shown(size)}, and a file holds {shown(LARGEST)}\n"
            "  export it as FILE.npz or FILE.safetensors"
        )
    streams = network.graph.inputs
    batch = torch.export.Dim("batch")
    with _quiet():
        try:
            program = torch.onnx.export(
                unrolled,
                tuple(example(network, batch=2)),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=(tuple({0: batch} for _ in streams),),
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            cause = error.__cause__ or error
            reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
            raise DendrographError(
                f"PyTorch cannot export the network to ONNX: {reason}\n"
                "  does a nonlinearity of your own use more than PyTorch's element-wise operations?"
            ) from None
    assert program is not None
    return _plain(program.model_proto, subject)


def _plain(model: Any, subject: Subject) -> bytes:
    """The bytes of a model, without what only this process knows of (its stack), and with what it is told about."""
    _rename(model.graph, list(subject.graph.inputs))
    model.producer_name, model.producer_version = "dendrograph", version("dendrograph")
    for node in (*model.graph.node, *(node for function in model.functions for node in function.node)):
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    for key, about in subject.about().items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, str(about)
    model.graph.name = subject.graph.name
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _rename(graph: Any, streams: Sequence[str]) -> None:
    """Inputs have the names of the streams, and nothing else can have them: all other names hold a `/`."""
    names = {entry.name: stream for entry, stream in zip(graph.input, streams, strict=True)}
    names[graph.output[0].name] = OUTPUT if OUTPUT not in streams else f"network/{OUTPUT}"

    def new(name: str) -> str:
        return names.setdefault(name, f"network/{name}") if name else name  # an operand left out has no name

    def rename(graph: Any) -> None:
        for entry in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
            entry.name = new(entry.name)
        for node in graph.node:
            node.input[:], node.output[:] = map(new, node.input), map(new, node.output)
            for attribute in node.attribute:
                for inner in (attribute.g, *attribute.graphs) if attribute.type in (5, 10) else ():  # GRAPH, GRAPHS
                    rename(inner)

    rename(graph)


def _checked(content: bytes, network: DendriticNetwork) -> str:
    """What onnxruntime answers, beside what PyTorch does.

    Raises:
        DendrographError: they differ by more than rounding does.
    """
    if find_spec("onnxruntime") is None:
        return f"not checked: onnxruntime is not installed ({INSTALL})"
    greatest, edges = 0.0, network.graph.edges
    # A runtime stores what every edge carries for every sample, in and out.
    batches = [batch for batch in BATCHES if batch == 1 or 8 * batch * edges < available() // 2]
    for number, batch in enumerate(batches):
        given = example(network, batch, seed=number)
        with torch.no_grad():
            expected = network(dict(zip(network.graph.inputs, given, strict=True))).numpy()
        try:
            answer = run(content, given)
        except Exception as error:  # noqa: BLE001 (what onnxruntime raises has no common class of its own)
            told = clip(str(error).strip(), most=300)
            raise DendrographError(f"onnxruntime cannot run the network: {told}\n  nothing was written") from None
        difference = float(np.abs(answer - expected).max())
        if answer.shape != expected.shape or not difference <= TOLERANCE * float(np.abs(expected).max()) + FLOOR:
            raise DendrographError(
                f"onnxruntime answers otherwise than PyTorch: the greatest difference is {difference:.3g}\n"
                "  nothing was written; a fault of ours, or of a nonlinearity of your own that is exported wrongly"
            )
        greatest = max(greatest, difference)
    sizes = ", ".join(map(str, batches))
    return f"checked with onnxruntime, batches of {sizes}: the greatest difference from PyTorch is {greatest:.2g}"


def run(model: bytes | str | Path, inputs: Sequence[torch.Tensor]) -> NDArray[Any]:
    """What onnxruntime answers, on the CPU.

    Args:
        model: the content of a file, or its path.
        inputs: (batch, *shape), one a stream.

    Returns:
        Shape (batch, classes).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    given = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    named = {entry.name: tensor.numpy() for entry, tensor in zip(session.get_inputs(), inputs, strict=True)}
    answer: NDArray[Any] = session.run(None, named)[0]
    return answer


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch's exporter tells of its progress, of what is not installed, and of its own old words."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
