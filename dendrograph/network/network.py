"""The compiled network as a PyTorch module: its parameters, its forward pass, and its state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dendrograph.base.errors import DendrographError, WiringError, clip, expect, several
from dendrograph.base.suggestions import did_you_mean
from dendrograph.graph.compiler import check_whole_number, compile
from dendrograph.graph.graph import Graph
from dendrograph.graph.initial_weights import initial_weights
from dendrograph.morphology.morphology import Shape, load
from dendrograph.network.execution_plan import ExecutionPlan, plan
from dendrograph.network.operations import ActivationFunction, EffectiveWeight, GroupOperation, operations_of


class DendriticNetwork(nn.Module):
    """A network of dendritic neurons, run by message passing over a compiled graph.

    For each compartment i of a group, stage by stage,

        m_e = g(w_e y_s)                                       for each edge e = (s, i)
        u_i = norm(b_i + integral of m_e) / (1 + sum of w_e max(0, y_s) over shunting synapses)
        y_i = f(u_i),

    where y_s is a presynaptic unit (synapse) or a child compartment (cable). The integral is the sum of the messages,
    or the integration that the group declares, and 0 without messages. g and norm do nothing unless they are declared.
    f is the nonlinearity of the group. Dropout acts on y. The readout is linear.

    The parameters are float32, whatever the default type of PyTorch is; `network.double()` converts them.

        network = DendriticNetwork(compile(load("dann-lrf"), (28, 28)))
        logits = network(torch.rand(32, 28, 28))

    Args:
        graph: a graph that `compile` made.
        kernel: `auto`, or the name of a kernel that runs everything that it can serve.
        seed: seed of the initial weights; by default that of the graph.

    Attributes:
        weights: a parameter (edges,) for each projection, in the order of its edge index. `weight` gives the effective
            weights, which differ from the parameter if a sign is declared or a cable attenuates.
        biases: a parameter (size,) for each group that has biases; they start at zero.
        excitability: a parameter `GROUP:NAME` for each learnt number of a nonlinearity, of shape () or (size,); the
            logarithm of numbers that stay positive.
        kernel: the argument `kernel`.
        seed: the seed of the initial weights.
        plan: the kernel of each projection, with the reasons.
    """

    def __init__(self, graph: Graph, kernel: str = "auto", seed: int | None = None) -> None:
        super().__init__()
        expect("graph", graph, Graph)
        self.graph = graph
        self.kernel = kernel
        self.seed = graph.seed if seed is None else check_whole_number("seed", seed, 0)
        device = torch.get_default_device()
        with torch.device("cpu"):
            self._make_parameters()
            self._bind(torch.device("cpu"))
        self.to(device)

    def _make_parameters(self) -> None:
        def empty(shape: tuple[int, ...], trainable: bool) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape, dtype=torch.float32), requires_grad=trainable)

        self.weights, self.biases, self.excitability = nn.ParameterDict(), nn.ParameterDict(), nn.ParameterDict()
        for projection in self.graph.projections:
            self.weights[projection.name] = empty((projection.edges,), projection.trainable)
        for group in self.graph.groups:
            if group.bias:
                self.biases[group.name] = empty((group.size,), group.bias_trainable)
            for name, shared in group.nonlinearity.trainable:
                shape = () if shared == "group" else (group.size,)
                self.excitability[f"{group.name}:{name}"] = empty(shape, group.trainable)
        self.reset_parameters()

    def _bind(self, device: torch.device) -> None:
        """Plan for a device and make the indices that the kernels need there, whatever device is the default.

        None of it is in state_dict: the wiring belongs to the graph, and its hash says whether two are equal.
        """
        self._device = device
        self.plan: ExecutionPlan = plan(self.graph, self.kernel, device.type)
        self._operations, self._every_group = operations_of(self.graph, self.plan, device)

    def reset_parameters(self, seed: int | None = None) -> None:
        """Draw the initial weights again, in place; biases and learnt excitability start again, too.

        Without a seed, the network gets the weights that it began with, independent of PyTorch's global random numbers:
        every fold of a cross-validation then starts from the same network. The wiring stays. The method also fills
        parameters after deferred initialisation: `network.to_empty(device="cpu")`, then `network.reset_parameters()`.
        Pruned weights stay pruned, because the parameter under the mask is drawn again.

        Args:
            seed: seed of other weights. It does not replace the seed of the network.

        Raises:
            DendrographError: the seed is no whole number of at least 0, or a parameter is computed from others.
        """
        seed = self.seed if seed is None else check_whole_number("seed", seed, 0)
        with torch.no_grad():
            for number, projection in enumerate(self.graph.projections):
                weight = _parameter(self.weights, projection.name)
                if weight.device.type != "meta":  # such a parameter has no memory
                    weight.copy_(torch.from_numpy(initial_weights(projection, seed, number)))
            for group in self.graph.groups:
                if group.bias:
                    _parameter(self.biases, group.name).zero_()
                for key, value in ActivationFunction.of(group).initial_values():
                    _parameter(self.excitability, key).fill_(value)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Add the hash of each projection's wiring to the metadata of the state."""
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if (metadata := getattr(destination, "_metadata", None)) is not None:
            wirings = {projection.name: projection.wiring_hash for projection in self.graph.projections}
            metadata.setdefault(prefix[:-1], {})["wirings"] = wirings

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Tensor], prefix: str, local_metadata: Mapping[str, Any], *rest: Any
    ) -> None:
        """Check that each projection's weights belong to its wiring, before any of them is loaded.

        A part of a state, such as that of a network with other classes, is accepted where the wiring is equal. PyTorch
        lists the parameters whose names or sizes do not fit.

        Raises:
            WiringError: weights belong to another wiring.
        """
        wirings = local_metadata.get("wirings", {})
        for projection in self.graph.projections:
            # A parameter that is pruned or normalised by hooks has another name.
            keys = (f"{prefix}weights.{projection.name}{ending}" for ending in ("", "_orig", "_v"))
            given = any(getattr(state_dict.get(key), "shape", None) == (projection.edges,) for key in keys)
            wiring = wirings.get(projection.name, projection.wiring_hash)
            if given and wiring != projection.wiring_hash:
                raise WiringError(
                    f"the state belongs to a network with other wiring: {projection.name} has wiring {wiring:.12}, "
                    f"and in {self.graph.name} with seed {self.graph.seed} it has {projection.wiring_hash:.12}\n"
                    "  build the network of the graph that the state belongs to: DendriticNetwork(other.graph), or "
                    "Run.open(folder).network()"
                )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the results of `_bind`: they hold addresses, which are valid in one process only."""
        bound = ("plan", "_operations", "_every_group")
        return {key: value for key, value in self.__dict__.items() if key not in bound}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"seed": state["graph"].seed, **state})
        with torch.device("cpu"):
            self._bind(next(self.parameters()).device)

    def __deepcopy__(self, memo: dict[int, Any]) -> DendriticNetwork:
        """Copy the parameters and share the wiring, which nothing changes."""
        memo[id(self)] = copied = self.__class__.__new__(self.__class__)
        copied.__dict__.update(deepcopy(self.__dict__, memo))
        return copied

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> DendriticNetwork:
        """Plan again after a move to another device; PyTorch calls this method for every move."""
        super()._apply(fn, recurse)
        self._follow()
        return self

    def _follow(self) -> Tensor:
        """Bind again if the parameters are on another device now, and return the first parameter.

        Besides moves, `load_state_dict(assign=True)` and `torch.func.functional_call` replace parameters.
        """
        # `next(self.parameters())` alone takes microseconds.
        first: Tensor | None = next(chain(self.weights._parameters.values(), self.parameters()), None)
        if first is None:  # all parameters were removed
            return torch.empty(0, dtype=torch.float32)
        if first.device != self._device:
            with torch.device("cpu"):
                self._bind(first.device)
        return first

    def _call_hooks(self) -> None:
        """Call the forward pre-hooks of the holders of parameters, such as those of pruning.

        The holders have no forward that would call them.
        """
        for holder in self._modules.values():
            for hook in holder._forward_pre_hooks.values():  # type: ignore[union-attr]
                hook(holder, ())

    def forward(self, x: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Logits of a batch.

        Args:
            x: shape (batch, *shape), floating point; a mapping of stream to tensor for several input streams.

        Returns:
            Shape (batch, classes); without a readout the activity of the last layer's somata, (batch, somata).
        """
        values = self._inputs(x)  # first, because it may bind again
        return self._run(values, self._operations)[self.graph.output.name].t()

    def activations(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Activity of every group, input streams and readout included: name -> (batch, units).

        Later tensors are computed from earlier ones, so that autograd gives gradients at every group:

            found = network.activations(x)
            basal, logits = found["hidden/basal"], found["readout"]
            (gradient,) = torch.autograd.grad(cross_entropy(logits, labels), basal)

        `retain_grad` and `register_hook` work on them as well. Every group is computed separately, also if `forward`
        runs a group of dendrites in one pass with its cables; the last digit may then differ from that of `forward`.
        """
        found: dict[str, Tensor] = {}
        values = self._inputs(x)
        self._run(values, self._every_group, found=found)
        return found

    def weight(self, projection: str) -> Tensor:
        """The effective weights of a projection, sign and attenuation included. Shape (edges,).

        Raises:
            ValueError: there is no such projection.
        """
        expect("projection", projection, str)
        self._call_hooks()
        for found in self.graph.projections:
            if found.name == projection:
                return EffectiveWeight.of(found).value(self)
        raise ValueError(f"there is no projection '{projection}'")

    @property
    def frozen_otherwise(self) -> dict[str, list[str]]:
        """Parameters whose `requires_grad` differs from the morphology: `frozen` and `unfrozen`, by name."""
        declared = set(self.graph.frozen)
        found: dict[str, list[str]] = {"frozen": [], "unfrozen": []}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad == (name in declared):
                found["unfrozen" if parameter.requires_grad else "frozen"].append(name)
        return {kind: names for kind, names in found.items() if names}

    def freeze(self, frozen: Iterable[str] | str = (), unfrozen: Iterable[str] | str = ()) -> DendriticNetwork:
        """Exclude parameters from training, or include them, by name; the others follow the morphology.

        Raises:
            ValueError: there is no such parameter.
        """
        frozen, unfrozen = several("frozen", frozen), several("unfrozen", unfrozen)
        parameters = dict(self.named_parameters())
        wanted = {**dict.fromkeys([*self.graph.frozen, *frozen], False), **dict.fromkeys(unfrozen, True)}
        if unknown := [name for name in wanted if name not in parameters]:
            known = did_you_mean(unknown[0], parameters)
            raise ValueError(f"there is no parameter '{clip(unknown[0])}'\n  {known}")
        for name, parameter in parameters.items():
            parameter.requires_grad_(wanted.get(name, True))
        return self

    def respond(self, drive: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Activity of every group when current is injected into compartments and all inputs are silent.

        Args:
            drive: group name -> shape (batch, units): the current, which is added to the input of each compartment.

        Returns:
            As `activations`.

        Raises:
            ValueError: there is no such group of compartments, or a shape does not fit.
        """
        expect("drive", drive, Mapping)
        for name, current in drive.items():
            expect(f"drive[{name!r}]", current, Tensor)
        batches = {len(current) for current in drive.values() if current.dim()}
        for name, current in drive.items():
            group = self.graph.by_name.get(name)
            if group is None or group.role == "input":
                raise ValueError(f"there is no group of compartments '{name}'")
            if current.dim() != 2 or current.shape[1] != group.size or len(batches) != 1:
                raise ValueError(f"'{name}' has shape {tuple(current.shape)}, expected (batch, {group.size})")
        (batch,) = batches or {1}
        first = self._follow()
        values = {name: first.new_zeros((math.prod(shape), batch)) for name, shape in self.graph.inputs.items()}
        currents = {name: current.to(first).t() for name, current in drive.items()}
        found: dict[str, Tensor] = {}
        self._run(values, self._every_group, currents, found)
        return found

    def _run(
        self,
        values: dict[str, Tensor],
        operations: tuple[GroupOperation, ...],
        drive: Mapping[str, Tensor] | None = None,
        found: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Run the groups in order from the inputs. All values have shape (units, batch).

        `found` collects the activity of all groups, (batch, units); later groups are computed from these tensors.
        """
        self._call_hooks()
        if found is not None:
            for name, given in values.items():
                values[name] = _passed_on(given, name, found)
        for operation in operations:
            group = operation.group
            total = operation.integrate(self, values, drive.get(group.name) if drive else None)
            activity = operation.activation.run(self, total)
            if group.dropout and self.training:
                activity = nn.functional.dropout(activity, group.dropout)
            values[group.name] = activity if found is None else _passed_on(activity, group.name, found)
        return values

    def _inputs(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Check a batch of inputs. Stream -> (units, batch)."""
        shapes = self.graph.inputs
        if isinstance(x, Tensor):
            if len(shapes) > 1:
                raise ValueError(f"the network has several input streams: give a mapping with {', '.join(shapes)}")
            x = {next(iter(shapes)): x}
        elif not isinstance(x, Mapping):
            expect("x", x, Tensor, Mapping)  # type: ignore[unreachable]
        elif len(x) == len(shapes) == 1:
            x = {next(iter(shapes)): next(iter(x.values()))}  # the only stream of the data is the only one declared
        if set(x) != set(shapes):
            raise ValueError(f"input streams {', '.join(map(str, x))} given, {', '.join(shapes)} expected")
        values, first = {}, self._follow()
        for name, shape in shapes.items():
            given = x[name]
            if not isinstance(given, Tensor):
                expect(f"x[{name!r}]", given, Tensor)  # type: ignore[unreachable]
            if given.dim() < 2 or not _fits(tuple(given.shape[1:]), shape):
                expected = f"(batch, {', '.join(map(str, shape))})"
                raise ValueError(f"'{name}' has shape {tuple(given.shape)}, expected {expected}")
            if not given.is_floating_point():
                raise ValueError(f"'{name}' holds {given.dtype}, expected a floating-point type such as torch.float32")
            if given.dtype != first.dtype and not torch.is_autocast_enabled(given.device.type):
                found = f"'{name}' holds {given.dtype}, and the weights are {first.dtype}"
                raise ValueError(f"{found}: convert one of the two")
            if given.device != first.device:
                where = f"'{name}' is on {given.device}, and the weights are on {first.device}"
                raise ValueError(f"{where}: move one of the two")
            values[name] = given.reshape(given.shape[0], math.prod(shape)).t()
        if len(values) > 1 and len({given.shape[1] for given in values.values()}) > 1:
            counts = ", ".join(f"'{name}' {given.shape[1]}" for name, given in values.items())
            raise ValueError(f"the input streams hold different numbers of samples: {counts}")
        return values

    def extra_repr(self) -> str:
        """One line for `print(network)`."""
        graph = self.graph
        return f"{graph.name}: {graph.compartments:,} compartments, {graph.parameters:,} parameters"


def _parameter(holder: nn.Module, name: str) -> Tensor:
    """The parameter that is learnt; for a pruned one, the parameter under the mask.

    Raises:
        DendrographError: the value is computed in another way, so that it cannot be set.
    """
    own = holder._parameters
    found = own.get(name, own.get(f"{name}_orig"))
    if found is None:
        raise DendrographError(
            f"'{name}' is no longer a parameter: it is computed from others\n"
            "  remove its parametrization or its hook first, such as by parametrize.remove_parametrizations"
        )
    return found


def _passed_on(activity: Tensor, name: str, found: dict[str, Tensor]) -> Tensor:
    """Keep the activity of a group in `found`, and return a view of the kept tensor, (units, batch)."""
    found[name] = activity.t()
    return found[name].t()


def _fits(given: Shape, shape: Shape) -> bool:
    """Whether a sample has the shape of the stream, apart from axes of size 1, or one of the two is flat.

    The same axes in another order, such as channels first, are refused: the wiring would be that of another image.
    """
    if len(given) == 1 or len(shape) == 1:
        return math.prod(given) == math.prod(shape)
    return [side for side in given if side != 1] == [side for side in shape if side != 1]


def build(
    path_or_name: str | Path,
    inputs: Shape | int | Mapping[str, Shape | int] | None = None,
    classes: int | None = 10,
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
    kernel: str = "auto",
    plugins: Iterable[str | Path] = (),
) -> DendriticNetwork:
    """Load, compile and build in one call.

        network = build("dann-lrf", (28, 28), overrides={"dendrites": 8})

    See `load`, `compile` and `DendriticNetwork` for the arguments.
    """
    expect("path_or_name", path_or_name, str, PathLike)
    return DendriticNetwork(compile(load(path_or_name, overrides, plugins), inputs, classes, seed), kernel)
