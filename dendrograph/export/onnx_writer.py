"""The ONNX writer: a network for other runtimes, checked with onnxruntime against PyTorch before it is written."""

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
from dendrograph.export.format import Content, Format
from dendrograph.export.node_edge_rows import check_finite
from dendrograph.export.onnx_network import OnnxNetwork, example
from dendrograph.export.subject import Subject
from dendrograph.graph.size_limits import available_memory, format_bytes
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.model_source import INITIAL, NONE

OPSET = 18  # the default of PyTorch's exporter; runtimes have supported it since 2023
MAX_BYTES = 2**31 - 2**20  # of a file, which is one protobuf message
BATCHES = (1, 3, 128)  # sizes of the batches of the check
TOLERANCE = 1e-3  # relative to the largest output: far more than rounding, far less than the error of a wrong graph
FLOOR = 1e-6  # absolute differences below this are ignored
OUTPUT = "logits"

INSTALL = "pip install 'dendrograph[onnx]'"


class Onnx(Format):
    """ONNX: one input per stream, with the name of the stream, and one output."""

    name = "ONNX"
    suffixes = (".onnx",)

    def check(self, weights: str) -> None:
        """Check that there are weights, and that the packages that PyTorch needs to write ONNX are installed.

        Raises:
            DendrographError: There are no weights, or a package is missing.
        """
        if weights == NONE:
            raise DendrographError(
                "an ONNX file holds a network with its weights, and a morphology has no weights\n"
                f"  export a finished run, or add {argument('weights', INITIAL)} for the weights before training"
            )
        if missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]:
            raise DendrographError(f"writing ONNX needs {' and '.join(missing)}, which is not installed\n  {INSTALL}")

    def content(self, subject: Subject, path: Path) -> Content:
        """Return the model, and a note on the greatest difference between onnxruntime and PyTorch.

        Raises:
            DendrographError: The file would be too large, or PyTorch cannot export an operation of the network.
        """
        assert subject.network is not None
        dtype = next(subject.network.parameters()).dtype
        # The copy leaves the user's network unchanged. Runtimes lack some operations in any type but float32.
        network = deepcopy(subject.network).cpu().float().eval()
        model = _export(replace(subject, network=network), network)
        notes = [_check_answers(model, network)]
        if dtype != torch.float32:
            notes.append(f"the weights are {dtype}, and the file holds them as float32")
        return Content({path: lambda stream: stream.write(model)}, tuple(notes))


def _export(subject: Subject, network: DendriticNetwork) -> bytes:
    """Return the content of the file of a network in float32 on the CPU."""
    check_finite(subject)
    module = OnnxNetwork(network).eval()
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.buffers())
    if size > MAX_BYTES:
        raise DendrographError(
            f"as ONNX the network takes {format_bytes(size)}, and a file holds {format_bytes(MAX_BYTES)}\n"
            "  export it as FILE.npz or FILE.safetensors"
        )
    batch = torch.export.Dim("batch")
    with _quiet():
        try:
            program = torch.onnx.export(
                module,
                tuple(example(network, batch=2)),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=(tuple({0: batch} for _ in network.graph.inputs),),
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            cause = error.__cause__ or error
            reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
            raise DendrographError(
                f"PyTorch cannot export the network to ONNX: {reason}\n"
                "  does one of your own nonlinearities use more than PyTorch's element-wise operations?"
            ) from None
    assert program is not None
    return _serialise(program.model_proto, subject)


def _serialise(model: Any, subject: Subject) -> bytes:
    """Return the bytes of a model, with the facts about the network instead of the traces of this process."""
    _rename(model.graph, list(subject.graph.inputs))
    model.producer_name, model.producer_version = "dendrograph", version("dendrograph")
    graph = model.graph
    for node in (*graph.node, *(node for function in model.functions for node in function.node)):
        del node.metadata_props[:]
        node.doc_string = ""
    for described in (*graph.input, *graph.output, *graph.value_info, *graph.initializer, graph, model):
        del described.metadata_props[:]
    for key, value in subject.about().items():
        model.metadata_props.add(key=key, value=str(value))
    graph.name = subject.graph.name
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _rename(graph: Any, streams: Sequence[str]) -> None:
    """Name the inputs as the streams; all other names get a `/`, which no stream has in its name."""
    names = {entry.name: stream for entry, stream in zip(graph.input, streams, strict=True)}
    names[graph.output[0].name] = OUTPUT if OUTPUT not in streams else f"network/{OUTPUT}"

    def new(name: str) -> str:
        return names.setdefault(name, f"network/{name}") if name else name  # an omitted operand has no name

    def rename(graph: Any) -> None:
        for entry in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
            entry.name = new(entry.name)
        for node in graph.node:
            node.input[:], node.output[:] = map(new, node.input), map(new, node.output)
            for attribute in node.attribute:
                for inner in (attribute.g, *attribute.graphs) if attribute.type in (5, 10) else ():  # GRAPH, GRAPHS
                    rename(inner)

    rename(graph)


def _check_answers(model: bytes, network: DendriticNetwork) -> str:
    """Compare the outputs of onnxruntime and PyTorch, and return a note on them.

    Raises:
        DendrographError: They differ by more than rounding.
    """
    if find_spec("onnxruntime") is None:
        return f"not checked: onnxruntime is not installed ({INSTALL})"
    greatest = 0.0
    # A runtime stores the input and the output of each edge for each sample.
    batches = [batch for batch in BATCHES if batch == 1 or 8 * batch * network.graph.edges < available_memory() // 2]
    for number, batch in enumerate(batches):
        inputs = example(network, batch, seed=number)
        with torch.no_grad():
            expected = network(dict(zip(network.graph.inputs, inputs, strict=True))).numpy()
        try:
            answer = run(model, inputs)
        except Exception as error:  # noqa: BLE001 (the errors of onnxruntime have no common class)
            reason = clip(str(error).strip(), most=300)
            raise DendrographError(f"onnxruntime cannot run the network: {reason}\n  nothing was written") from None
        difference = float(np.abs(answer - expected).max())
        if answer.shape != expected.shape or not difference <= TOLERANCE * float(np.abs(expected).max()) + FLOOR:
            raise DendrographError(
                f"onnxruntime and PyTorch disagree: the greatest difference is {difference:.3g}\n"
                "  nothing was written; either one of your own nonlinearities is exported wrongly, "
                "or this is an error in dendrograph"
            )
        greatest = max(greatest, difference)
    sizes = ", ".join(map(str, batches))
    return f"checked with onnxruntime, batches of {sizes}: the greatest difference from PyTorch is {greatest:.2g}"


def run(model: bytes | str | Path, inputs: Sequence[torch.Tensor]) -> NDArray[Any]:
    """Run a model with onnxruntime on the CPU.

    Args:
        model: The content or the path of a file.
        inputs: (batch, *shape), one per stream.

    Returns:
        The logits. Shape (batch, classes).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    named = {entry.name: tensor.numpy() for entry, tensor in zip(session.get_inputs(), inputs, strict=True)}
    answer: NDArray[Any] = session.run(None, named)[0]
    return answer


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the progress, the warnings and the log of PyTorch's exporter."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
