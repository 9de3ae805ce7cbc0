"""The sides: the same network, written as each library's users write it, from the same edges and initial weights.

Every side is one small class with the same four methods. `agree` holds them to dendrograph's logits and gradients
before anything is timed; a side that computes something else is not worth timing.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from cases import Layer, batch, layers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu, linear

from dendrograph import DendriticNetwork, TrainConfig
from dendrograph.graph.graph import Graph
from dendrograph.training.optimizer import FlatParameters, optimizer_for

LEARNING_RATE, EPSILON = 1e-3, 1e-7  # the protocol's; see dendrograph.TrainConfig
OURS = "dendrograph"

Gradients = dict[str, tuple[Tensor, Tensor]]  # projection -> of its weights, one an edge, and of its target's biases


def adam(parameters: Any, fused: bool | None = None) -> torch.optim.Optimizer:
    """Adam with the protocol's two numbers; everything else is PyTorch's default unless `fused` is asked for."""
    return torch.optim.Adam(parameters, lr=LEARNING_RATE, eps=EPSILON, fused=fused)


class Side:
    """What is timed. `forward` gives logits (batch, classes) and keeps what backward needs."""

    name: str
    needs: str = ""  # the package without which it cannot run
    module: nn.Module
    optimizer: torch.optim.Optimizer

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images (batch, 28, 28)."""
        return self.module(x)

    def backward(self, x: Tensor, y: Tensor) -> Tensor:
        """Forward, loss and backward; gradients of before are dropped. Gives the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = cross_entropy(self.forward(x), y)
        loss.backward()
        return loss.detach()

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        """A whole training step. Gives the loss of before."""
        loss = self.backward(x, y)
        self.optimizer.step()
        return loss

    def gradients(self) -> Gradients:
        """What the last backward left, one number an edge in the order of the edge index."""
        raise NotImplementedError


# --- dendrograph ------------------------------------------------------------------------------------------------------


class Dendrograph(Side):
    """This project, with the kernels that it picks by itself, stepped as `dendrograph.training.loop` does it.

    All that the suite knows of how dendrograph trains stands in this class.
    """

    name = OURS

    def __init__(self, graph: Graph) -> None:
        self.module = self.network = DendriticNetwork(graph)
        self.parameters = FlatParameters(self.network)
        self.optimizer = optimizer_for(self.parameters.vector, TrainConfig(device="cpu"))

    def backward(self, x: Tensor, y: Tensor) -> Tensor:
        """Forward, loss and backward; the gradients lie in one vector afterwards."""
        loss = cross_entropy(self.network(x), y)
        loss.backward()
        self.parameters.collect()
        return loss.detach()

    def gradients(self) -> Gradients:
        """The vector's gradient, cut into its parts, which are in the order of the edge index."""
        network = self.network
        sizes = [parameter.numel() for parameter in network.parameters()]
        parts = _grad(self.parameters.vector).split(sizes)
        found = dict(zip((name for name, _ in network.named_parameters()), parts, strict=True))
        return {
            projection.name: (found[f"weights.{projection.name}"], found[f"biases.{projection.target}"])
            for projection in network.graph.projections
        }


# --- masked dense -----------------------------------------------------------------------------------------------------


class MaskedLinear(nn.Module):
    """A full weight matrix times a 0/1 mask; what is masked starts at zero and stays there."""

    def __init__(self, layer: Layer, mask_forward: bool) -> None:
        super().__init__()
        self.mask_forward = mask_forward
        weight = torch.zeros(layer.targets, layer.sources)
        weight[layer.target, layer.source] = layer.weight
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(layer.bias.clone())
        self.slope = layer.slope
        self.mask: Tensor | None = None  # for all-to-all it would be work for nothing
        if not layer.all_to_all:
            self.mask = torch.zeros(layer.targets, layer.sources)
            self.mask[layer.target, layer.source] = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """(batch, sources) -> (batch, targets)."""
        weight = self.weight if self.mask is None or not self.mask_forward else self.weight * self.mask
        return _activate(linear(x, weight, self.bias), self.slope)


class MaskedDense(Side):
    """What users do today: dense layers, the mask in forward, the gradients masked once more after backward."""

    name = "masked dense, Adam"
    fused: bool | None = None
    mask_forward = True

    def __init__(self, graph: Graph) -> None:
        chain = layers(graph)
        self.module = nn.Sequential(nn.Flatten(), *(MaskedLinear(layer, self.mask_forward) for layer in chain))
        self.optimizer = adam(self.module.parameters(), self.fused)
        self.names = [layer.name for layer in chain]
        self.layers = [module for module in self.module if isinstance(module, MaskedLinear)]

    def backward(self, x: Tensor, y: Tensor) -> Tensor:
        """Forward, loss, backward, and the mask over the gradients."""
        loss = super().backward(x, y)
        for layer in self.layers:
            if layer.mask is not None:
                assert layer.weight.grad is not None
                layer.weight.grad.mul_(layer.mask)
        return loss

    def gradients(self) -> Gradients:
        """The cells of the mask, row by row, which is the order of the edge index."""
        return {
            name: (
                _grad(layer.weight)[layer.mask.bool()] if layer.mask is not None else _grad(layer.weight).ravel(),
                _grad(layer.bias),
            )
            for name, layer in zip(self.names, self.layers, strict=True)
        }


class MaskedDenseFused(MaskedDense):
    """The same, with Adam's update in one pass."""

    name = "masked dense, fused Adam"
    fused = True


class MaskedGradientFused(MaskedDenseFused):
    """The leanest that can still be called masked: weights masked once at the start, then only their gradients."""

    name = "masked gradient, fused Adam"
    mask_forward = False


# --- message passing --------------------------------------------------------------------------------------------------


class EdgeLayer(nn.Module):
    """What the sparse sides share: a weight an edge, a bias a target; a plain matrix where wiring is all-to-all."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.name, self.sources, self.targets = layer.name, layer.sources, layer.targets
        self.all_to_all, self.slope = layer.all_to_all, layer.slope
        shape = (layer.targets, layer.sources) if layer.all_to_all else (-1,)
        self.weight, self.bias = nn.Parameter(layer.weight.view(shape).clone()), nn.Parameter(layer.bias.clone())
        if not layer.all_to_all:
            self.index(layer)

    def index(self, layer: Layer) -> None:
        """Keep what tells the edges; called where wiring is not all-to-all."""
        raise NotImplementedError


class ScatterLayer(EdgeLayer):
    """Batch first: gather (batch, edges), multiply, sum into (batch, targets)."""

    def index(self, layer: Layer) -> None:
        """The ends of each edge."""
        self.source, self.target = layer.source, layer.target

    def forward(self, x: Tensor) -> Tensor:
        """(batch, sources) -> (batch, targets)."""
        if self.all_to_all:
            return _activate(linear(x, self.weight, self.bias), self.slope)
        from torch_scatter import scatter

        messages = x[:, self.source] * self.weight
        summed = scatter(messages, self.target, dim=1, dim_size=self.targets, reduce="sum")
        return _activate(summed + self.bias, self.slope)


class SparseLayer(EdgeLayer):
    """Units first: a CSR matrix times (sources, batch).

    Values of a CSR matrix get gradients, and its forward is the quicker one; COO's backward is the same.
    """

    def index(self, layer: Layer) -> None:
        """Row pointers and columns; edges are sorted by target already."""
        counts = torch.bincount(layer.target, minlength=layer.targets)
        self.rows = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        self.columns = layer.source

    def forward(self, x: Tensor) -> Tensor:
        """(sources, batch) -> (targets, batch)."""
        matrix = self.weight
        if not self.all_to_all:
            size = (self.targets, self.sources)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
                matrix = torch.sparse_csr_tensor(self.rows, self.columns, self.weight, size, check_invariants=False)
        return _activate(matrix @ x + self.bias.unsqueeze(1), self.slope)


def _geometric_layer(layer: Layer) -> nn.Module:
    """A layer of PyTorch Geometric: nodes are units, a node's features are the batch. Its package is imported here."""
    from torch_geometric.nn import MessagePassing

    class Passing(MessagePassing):
        def __init__(self) -> None:
            super().__init__(aggr="add")
            self.edge_index = torch.stack([layer.source, layer.target])

        def forward(self, x: Tensor, weight: Tensor) -> Tensor:
            return self.propagate(self.edge_index, x=(x, None), weight=weight, size=(layer.sources, layer.targets))

        def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
            return weight.view(-1, 1) * x_j

    class GeometricLayer(EdgeLayer):
        def index(self, layer: Layer) -> None:
            self.passing = Passing()

        def forward(self, x: Tensor) -> Tensor:
            summed = self.weight @ x if self.all_to_all else self.passing(x, self.weight)
            return _activate(summed + self.bias.unsqueeze(1), self.slope)

    return GeometricLayer(layer)


class EdgeSide(Side):
    """A chain of edge layers with PyTorch's default Adam."""

    layer: Callable[[Layer], nn.Module]
    units_first = False

    def __init__(self, graph: Graph) -> None:
        self.module = nn.Sequential(*(type(self).layer(layer) for layer in layers(graph)))
        self.optimizer = adam(self.module.parameters())

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        flat = x.flatten(1)
        return self.module(flat.t().contiguous()).t() if self.units_first else self.module(flat)

    def gradients(self) -> Gradients:
        """One number an edge already."""
        return {layer.name: (_grad(layer.weight).ravel(), _grad(layer.bias)) for layer in self.module}


class TorchScatter(EdgeSide):
    """Gather, multiply, scatter, as written by hand."""

    name = "torch-scatter"
    needs = "torch_scatter"
    layer = ScatterLayer


class Geometric(EdgeSide):
    """`MessagePassing(aggr="add")`."""

    name = "PyTorch Geometric"
    needs = "torch_geometric"
    layer = staticmethod(_geometric_layer)
    units_first = True


class TorchSparse(EdgeSide):
    """PyTorch's own sparse matrices."""

    name = "torch.sparse"
    layer = SparseLayer
    units_first = True


# --- all-to-all -------------------------------------------------------------------------------------------------------


class Sequential(Side):
    """`nn.Sequential` of `nn.Linear` and `nn.LeakyReLU`, with fused Adam, which dendrograph has too."""

    name = "nn.Sequential, fused Adam"

    def __init__(self, graph: Graph) -> None:
        modules: list[nn.Module] = [nn.Flatten()]
        self.linears: dict[str, nn.Linear] = {}
        for layer in layers(graph):
            if not layer.all_to_all:
                raise ValueError(f"{graph.name}: {layer.name} is not all-to-all, and nn.Linear knows nothing else")
            dense = nn.Linear(layer.sources, layer.targets)
            with torch.no_grad():
                dense.weight.copy_(layer.weight.view(layer.targets, layer.sources))
                dense.bias.copy_(layer.bias)
            self.linears[layer.name] = dense
            modules += [dense] if layer.slope == 1 else [dense, nn.LeakyReLU(layer.slope)]
        self.module = nn.Sequential(*modules)
        self.optimizer = adam(self.module.parameters(), fused=True)

    def gradients(self) -> Gradients:
        """A row of the matrix holds a target's edges, sorted by source: the order of the edge index."""
        return {name: (_grad(dense.weight).ravel(), _grad(dense.bias)) for name, dense in self.linears.items()}


# --- together ---------------------------------------------------------------------------------------------------------

SAMPLED: tuple[type[Side], ...] = (
    Dendrograph,
    MaskedDense,
    MaskedDenseFused,
    MaskedGradientFused,
    TorchScatter,
    Geometric,
    TorchSparse,
)
ALL_TO_ALL: tuple[type[Side], ...] = (Dendrograph, Sequential)
SIDES = {side.name: side for side in (*SAMPLED, Sequential)}


def sides_for(model: str) -> tuple[type[Side], ...]:
    """The sides that a model is measured against."""
    return ALL_TO_ALL if model == "vann" else SAMPLED


def missing(side: type[Side]) -> str | None:
    """Why a side cannot run here, or None. Packages are imported by this, so that nothing timed imports them."""
    if not side.needs:
        return None
    if find_spec(side.needs) is None:
        return f"{side.name} is left out: {side.needs} is not installed"
    try:
        importlib.import_module(side.needs)
    except (ImportError, OSError) as error:  # OSError: built for another PyTorch
        return f"{side.name} is left out: {side.needs} cannot be loaded: {error}"
    return None


class Disagreement(SystemExit):
    """A side computes something else than dendrograph; the suite ends."""


def agree(sides: Sequence[Side], case: str, steps: int = 3) -> None:
    """Hold all sides to the first: logits, gradients of all weights and biases, and the losses of a few steps.

    They sum in another order, so that float32 allows 1e-4 of the largest number; a wrong edge is far above it. The
    losses are of another kind: they tell that the optimizer has moved the weights alike.

    Raises:
        Disagreement: naming side, what differs, and by how much.
    """
    x, y = batch(1)
    first, *others = sides
    wanted_logits = first.forward(x).detach()
    first.backward(x, y)
    wanted = first.gradients()
    losses = [float(first.step(x, y)) for _ in range(steps)]
    for other in others:
        _near(other.forward(x).detach(), wanted_logits, f"{case}: logits of {other.name}")
        other.backward(x, y)
        found = other.gradients()
        if found.keys() != wanted.keys():
            raise Disagreement(f"{case}: {other.name} has gradients of {sorted(found)}, expected {sorted(wanted)}")
        for projection, (weight, bias) in wanted.items():
            _near(found[projection][0], weight, f"{case}: weight gradients of {projection} of {other.name}")
            _near(found[projection][1], bias, f"{case}: bias gradients onto {projection}'s target of {other.name}")
        found_losses = [float(other.step(x, y)) for _ in range(steps)]
        _near(torch.tensor(found_losses), torch.tensor(losses), f"{case}: losses of {other.name}", 1e-3)


def _near(found: Tensor, wanted: Tensor, what: str, tolerance: float = 1e-4) -> None:
    if found.shape != wanted.shape:
        raise Disagreement(f"{what} have shape {tuple(found.shape)}, dendrograph's {tuple(wanted.shape)}")
    allowed = tolerance * float(wanted.abs().max())
    largest = float((found - wanted).abs().max())
    if not largest <= allowed:  # so written, NaN is no agreement
        raise Disagreement(f"{what} differ from dendrograph's by {largest:.3g}; {allowed:.3g} is allowed")


def _activate(x: Tensor, slope: float) -> Tensor:
    return x if slope == 1 else leaky_relu(x, slope)


def _grad(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.detach().clone()
