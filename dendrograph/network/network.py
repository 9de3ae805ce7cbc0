"""The compiled network as an ordinary PyTorch module: parameters, nonlinearities, forward. Nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dendrograph.base.errors import DendrographError, WiringError, clip, expect, several
from dendrograph.base.suggestions import did_you_mean
from dendrograph.graph.compiler import compile, whole
from dendrograph.graph.graph import Graph, Group
from dendrograph.graph.initial_weights import initial_weights
from dendrograph.morphology.morphology import Shape, load
from dendrograph.morphology.nonlinearities import NONLINEARITIES, Function, Nonlinearity, Parameter, bind
from dendrograph.morphology.weights import Sign
from dendrograph.network.execution_plan import Pass, Plan, plan
from dendrograph.network.kernels import branch, dense

EPSILON = 1e-5  # of a normalisation: what is added to the variance


@dataclass(frozen=True)
class _Weight:
    """The weights of one projection as they act: their sign kept by construction, a cable's attenuation seen to."""

    name: str
    sign: str
    factor: float

    def of(self, network: DendriticNetwork) -> Tensor:
        weight: Tensor = network.weights[self.name]
        if self.sign != Sign.FREE:
            weight = weight.abs()
        factor = -self.factor if self.sign == Sign.INHIBITORY else self.factor
        return weight if factor == 1.0 else weight * factor


@dataclass(frozen=True)
class _Link:
    """One projection, ready to run by its kernel."""

    weight: _Weight
    source: str
    targets: int
    apply: Callable[..., Tensor]
    index: tuple[Any, ...]
    adds_bias: bool  # whether it is a matrix product that adds a bias on the way

    def run(self, network: DendriticNetwork, values: Mapping[str, Tensor]) -> Tensor:
        x = values[self.source]
        if self.weight.sign == Sign.SHUNTING:
            x = x.relu()  # a conductance is not negative
        return self.apply(self.weight.of(network), x, self.targets, *self.index)

    def run_biased(self, network: DendriticNetwork, values: Mapping[str, Tensor], bias: Tensor) -> Tensor:
        """The same plus a bias a target; a matrix product adds it on the way."""
        if self.adds_bias:
            return dense.apply_biased(self.weight.of(network), values[self.source], self.targets, bias, *self.index)
        return self.run(network, values) + bias.unsqueeze(1)


@dataclass(frozen=True)
class _Pass:
    """Synapses onto a group of dendrites, the group itself, and its cables, ready to run in one pass."""

    group: str
    source: str
    synapses: _Weight
    cables: _Weight
    branch: branch.Branch

    def run(self, network: DendriticNetwork, values: Mapping[str, Tensor]) -> Tensor:
        weights = self.synapses.of(network), self.cables.of(network)
        bias = network.biases.get(self.group)
        return branch.apply(self.branch, weights[0], values[self.source], bias, weights[1])


@dataclass(frozen=True)
class _Activity:
    """The nonlinearity of a group: a function, or how to make one from the parameters that are learnt."""

    function: Function
    nonlinearity: Nonlinearity
    keys: tuple[tuple[str, str, bool], ...]  # parameter, its key in `excitability`, whether it is kept positive

    @classmethod
    def of(cls, group: Group) -> _Activity:
        nonlinearity = group.nonlinearity
        positive = NONLINEARITIES[nonlinearity.name].positive
        keys = tuple((name, f"{group.name}:{name}", name in positive) for name, _ in nonlinearity.trainable)
        return cls(bind(nonlinearity.name, dict(nonlinearity.parameters)), nonlinearity, keys)

    def starts(self) -> Iterator[tuple[str, float]]:
        """What each learnt number begins with, by its key: its logarithm where it is kept positive."""
        start = dict(self.nonlinearity.parameters)
        for name, key, positive in self.keys:
            yield key, math.log(start[name]) if positive else start[name]

    def run(self, network: DendriticNetwork, u: Tensor) -> Tensor:
        if not self.keys:
            return self.function(u)
        values: dict[str, Parameter] = dict(self.nonlinearity.parameters)
        for name, key, positive in self.keys:
            learnt: Tensor = network.excitability[key]
            learnt = learnt.exp() if positive else learnt
            values[name] = learnt.unsqueeze(1) if learnt.dim() else learnt
        return bind(self.nonlinearity.name, values)(u)


@dataclass(frozen=True)
class _Step:
    """One group, ready to run.

    share: of a mean: what the sum is multiplied with, one number for all compartments or one for each
    empty: which compartments nothing reaches, where that must be seen to; None elsewhere
    plain: whether it is the sum over one projection, and nothing else
    """

    name: str
    size: int
    links: tuple[_Link | _Pass, ...]
    shunts: tuple[_Link, ...]
    bias: bool
    rule: str
    share: float | Tensor
    empty: Tensor | None
    normalised: bool
    members: tuple[int, ...]
    activity: _Activity
    dropout: float
    plain: bool

    def integrate(self, network: DendriticNetwork, values: Mapping[str, Tensor], drive: Tensor | None) -> Tensor:
        """What the nonlinearity acts on. Shape (size, batch)."""
        bias = network.biases[self.name] if self.bias else None
        if bias is not None and drive is None and self.plain:
            return self.links[0].run_biased(network, values, bias)  # type: ignore[union-attr]
        total = self._combined(network, values)
        if drive is not None:
            total = total + drive
        if bias is not None:
            total = total + bias.unsqueeze(1)
        if self.normalised:
            total = _normalised(total, self.members)
        if self.shunts:
            conductance = self.shunts[0].run(network, values)
            for shunt in self.shunts[1:]:
                conductance = conductance + shunt.run(network, values)
            total = total / (1 + conductance)
        return total

    def _combined(self, network: DendriticNetwork, values: Mapping[str, Tensor]) -> Tensor:
        """The messages of all projections. Shape (size, batch)."""
        parts = [link.run(network, values) for link in self.links]
        if not parts:
            first = next(iter(values.values()))
            return first.new_zeros((self.size, first.shape[1]))
        join, total = _JOIN[self.rule], parts[0]
        for part in parts[1:]:
            total = join(total, part)
        if self.empty is not None:
            total = total.masked_fill(self.empty, 0.0)
        if isinstance(self.share, Tensor):
            return total * self.share.to(total.dtype)
        return total if self.share == 1.0 else total * self.share


def _normalised(total: Tensor, members: tuple[int, ...], over: int = 0) -> Tensor:
    """Mean 0 and variance 1 over the units of a layer; of a union, over those of each member. Shape (size, batch)."""
    if not members:
        total = total - total.mean(over, keepdim=True)
        return total * torch.rsqrt(total.square().mean(over, keepdim=True) + EPSILON)
    if len(set(members)) == 1:
        return _normalised(total.reshape(len(members), members[0], total.shape[1]), (), over=1).reshape(total.shape)
    return torch.cat([_normalised(part, ()) for part in total.split(members)])


# The messages of one more projection join those of the ones before it; of equals, the first gets the gradient.
_JOIN: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "mean": torch.add,
    "max": lambda before, more: torch.where(more > before, more, before),
    "min": lambda before, more: torch.where(more < before, more, before),
    "product": torch.mul,
}


class DendriticNetwork(nn.Module):
    """A network of dendritic neurons, run by message passing over a compiled graph.

    For each compartment i of a group, stage by stage,

        m_e = g(w_e y_s)                                       for each edge e = (s, i)
        u_i = norm(b_i + integral of m_e) / (1 + sum of w_e max(0, y_s) over shunting synapses)
        y_i = f(u_i),

    where y_s is a presynaptic unit (synapse) or a child compartment (cable); the integral is the sum of the messages,
    or what else the group's integration says, 0 where nothing arrives; g and norm do nothing unless they are declared;
    f is the group's nonlinearity, and dropout acts on y. The readout is linear.

    Args:
        graph: what `compile` gives.
        kernel: `auto`, or the name of a kernel to have it everywhere that it can serve.
        seed: of the initial weights; the graph's own by default. An attribute, too.

    The parameters are float32, whatever PyTorch's default type is; `network.double()` converts them.

    Attributes:
        weights: a parameter (edges,) for each projection, in the order of its edge index; `weight` gives them as they
            act, which is another number where a sign is declared or a cable attenuates.
        biases: a parameter (size,) for each group that has biases; they start at zero.
        excitability: a parameter for each number of a nonlinearity that is learnt, `GROUP:NAME`, of shape () or
            (size,); of those that stay positive, the logarithm.
        kernel: what was asked for.
        plan: the kernel of each projection, with the reasons.
    """

    def __init__(self, graph: Graph, kernel: str = "auto", seed: int | None = None) -> None:
        super().__init__()
        expect("graph", graph, Graph)
        self.graph = graph
        self.kernel = kernel
        self.seed = graph.seed if seed is None else whole("seed", seed, 0)
        device = torch.get_default_device()
        with torch.device("cpu"):
            self._begin()
        self.to(device)

    def _begin(self) -> None:
        """Make the parameters and what runs them, on the CPU."""
        graph = self.graph
        self.weights = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        for number, projection in enumerate(graph.projections):
            weights = initial_weights(projection, self.seed, number)
            self.weights[projection.name] = nn.Parameter(torch.from_numpy(weights), requires_grad=projection.trainable)
        self.excitability = nn.ParameterDict()
        for group in graph.groups:
            if group.bias:
                zeros = torch.zeros(group.size, dtype=torch.float32)
                self.biases[group.name] = nn.Parameter(zeros, requires_grad=group.bias_trainable)
            shapes = [() if shared == "group" else (group.size,) for _, shared in group.nonlinearity.trainable]
            for (key, value), shape in zip(_Activity.of(group).starts(), shapes, strict=True):
                start_at = torch.full(shape, value, dtype=torch.float32)
                self.excitability[key] = nn.Parameter(start_at, requires_grad=group.trainable)
        self._bind(torch.device("cpu"))

    def _bind(self, device: torch.device) -> None:
        """Plan for a device and make what the kernels need there, whatever device is the default.

        None of it is in state_dict: the wiring belongs to the graph, and its hash says whether two are equal.
        """
        graph = self.graph
        self._device = device
        self.plan: Plan = plan(graph, self.kernel, device.type)
        links: dict[str, _Link] = {}
        for projection, choice in zip(graph.projections, self.plan.choices, strict=True):
            index = tuple(part.to(device) for part in choice.kernel.prepare(projection))
            weight = _Weight(projection.name, projection.sign, projection.factor)
            apply, whole = choice.kernel.apply, projection.pairs is None
            biased = apply is dense.apply and whole and projection.sign != Sign.SHUNTING
            links[projection.name] = _Link(weight, projection.source, projection.targets, apply, index, biased)
        passes = {one.cables: self._pass(one, links) for one in self.plan.passes}
        inside = {one.group for one in passes.values()}

        def steps(found: Mapping[str, _Link | _Pass], left_out: Collection[str]) -> tuple[_Step, ...]:
            return tuple(
                self._step(group, found)
                for group in graph.groups
                if group.role != "input" and group.name not in left_out
            )

        self._steps = steps({**links, **passes}, inside)
        self._every_group = steps(links, ()) if passes else self._steps

    def reset_parameters(self, seed: int | None = None) -> None:
        """Draw the initial weights anew, in place; biases and learnt excitability start again, too.

        Without a seed they are the weights that the network began with, whatever PyTorch's global random numbers are:
        every fold of a cross-validation then starts from the same network. The wiring stays. It also fills what
        deferred initialisation leaves empty: `network.to_empty(device="cpu")`, then `network.reset_parameters()`.

        Args:
            seed: of other weights than those; it does not become the network's own.

        What is pruned stays so: what is drawn anew is the parameter under its mask.

        Raises:
            DendrographError: the seed is no whole number of at least 0, or a parameter is computed from others.
        """
        drawn = self.seed if seed is None else whole("seed", seed, 0)
        with torch.no_grad():
            for number, projection in enumerate(self.graph.projections):
                weight = _parameter(self.weights, projection.name)
                if weight.device.type != "meta":  # where there is nothing to be filled
                    weight.copy_(torch.from_numpy(initial_weights(projection, drawn, number)))
            for group in self.graph.groups:
                if group.bias:
                    _parameter(self.biases, group.name).zero_()
                for key, value in _Activity.of(group).starts():
                    _parameter(self.excitability, key).fill_(value)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Beside the parameters, where no key shows it: whose wiring they belong to."""
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if (metadata := getattr(destination, "_metadata", None)) is not None:
            wirings = {projection.name: projection.wiring_hash for projection in self.graph.projections}
            metadata.setdefault(prefix[:-1], {})["wirings"] = wirings

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Tensor], prefix: str, local_metadata: Mapping[str, Any], *rest: Any
    ) -> None:
        """Hold each projection's weights to the wiring that they belong to, before any of them is taken.

        So a part of a state, such as that of a network with other classes, is taken where the wiring is equal. What
        does not even fit in names and sizes is left to PyTorch, which lists all of it.

        Raises:
            WiringError: weights are of a projection that is wired otherwise.
        """
        wirings = local_metadata.get("wirings", {})
        for projection in self.graph.projections:
            # pruned, or normalised by its hooks, the parameter has another name
            keys = (f"{prefix}weights.{projection.name}{ending}" for ending in ("", "_orig", "_v"))
            given = any(getattr(state_dict.get(key), "shape", None) == (projection.edges,) for key in keys)
            wiring = wirings.get(projection.name, projection.wiring_hash)
            if given and wiring != projection.wiring_hash:
                raise WiringError(
                    f"this state is of a network that is wired otherwise: {projection.name} has wiring {wiring:.12}, "
                    f"and in {self.graph.name} with seed {self.graph.seed} it has {projection.wiring_hash:.12}\n"
                    "  build the network of the graph that the state belongs to: DendriticNetwork(other.graph), or "
                    "Run.open(folder).network()"
                )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def __getstate__(self) -> dict[str, Any]:
        """Without what `_bind` makes: kernels are modules, and addresses hold for one process."""
        made = ("plan", "_steps", "_every_group")
        return {key: value for key, value in self.__dict__.items() if key not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"seed": state["graph"].seed, **state})
        with torch.device("cpu"):
            self._bind(next(self.parameters()).device)

    def __deepcopy__(self, memo: dict[int, Any]) -> DendriticNetwork:
        """With parameters of its own; the wiring, which nothing changes, is shared."""
        memo[id(self)] = copied = self.__class__.__new__(self.__class__)
        copied.__dict__.update(deepcopy(self.__dict__, memo))
        return copied

    def _pass(self, one: Pass, links: Mapping[str, _Link]) -> _Pass:
        group = self.graph.by_name[one.group]
        parents = self.graph.by_name[one.parent].size
        synapses = links[one.synapses]
        return _Pass(
            group.name,
            synapses.source,
            synapses.weight,
            links[one.cables].weight,
            branch.Branch(synapses.index[0], parents, group.nonlinearity),
        )

    def _step(self, group: Group, found: Mapping[str, _Link | _Pass]) -> _Step:
        onto = self.graph.onto(group)
        shunting = tuple(projection for projection in onto if projection.sign == Sign.SHUNTING)
        adding = tuple(projection for projection in onto if projection.sign != Sign.SHUNTING)
        share: float | Tensor = 1.0
        empty = None
        if group.integration != "sum":  # a sum needs no count of its edges, which takes time where there are millions
            counts = sum((projection.fan_in() for projection in adding), np.zeros(group.size, dtype=np.int64))
            if group.integration == "mean":
                shares = 1.0 / np.maximum(counts, 1)
                even = bool((shares == shares[0]).all())
                share = float(shares[0]) if even else torch.from_numpy(shares).unsqueeze(1).to(self._device)
            elif not counts.all():
                empty = torch.from_numpy(counts == 0).unsqueeze(1).to(self._device)
        links = tuple(found[projection.name] for projection in adding)
        shunts = [found[projection.name] for projection in shunting]
        normalised = group.normalisation == "layer"
        one = len(links) == 1 and isinstance(links[0], _Link) and not shunts
        return _Step(
            group.name,
            group.size,
            links,
            tuple(shunt for shunt in shunts if isinstance(shunt, _Link)),
            group.bias,
            group.integration,
            share,
            empty,
            normalised,
            group.members,
            _Activity.of(group),
            group.dropout,
            one and group.integration == "sum" and not normalised,
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> DendriticNetwork:
        """Every move passes here: on another device, another plan."""
        super()._apply(fn, recurse)
        self._follow()
        return self

    def _follow(self) -> Tensor:
        """Bind anew where the parameters are on another device by now, and give the first of them.

        Beside moves, `load_state_dict(assign=True)` and `torch.func.functional_call` bring others.
        """
        # the usual way alone takes microseconds
        first: Tensor | None = next(chain(self.weights._parameters.values(), self.parameters()), None)
        if first is None:  # all of it was removed
            return torch.empty(0, dtype=torch.float32)
        if first.device != self._device:
            with torch.device("cpu"):
                self._bind(first.device)
        return first

    def _call_hooks(self) -> None:
        """Call what acts before a module's forward, such as pruning, on the holders of parameters: they have none."""
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
        values = self._inputs(x)  # first: it may bind anew
        return self._run(values, self._steps)[self.graph.output.name].t()

    def activations(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Activity of every group, input streams and readout included: name -> (batch, units).

        Each tensor is on the path to those after it, so that gradients can be had at every group:

            found = network.activations(x)
            basal, logits = found["hidden/basal"], found["readout"]
            (gradient,) = torch.autograd.grad(cross_entropy(logits, labels), basal)

        `retain_grad` and `register_hook` work on them as well. Every group is computed by itself, also where `forward`
        runs a group of dendrites in one pass with its cables, which may round otherwise in the last digit.
        """
        found: dict[str, Tensor] = {}
        values = self._inputs(x)
        self._run(values, self._every_group, found=found)
        return found

    def weight(self, projection: str) -> Tensor:
        """The weights of a projection as they act, sign and attenuation included. Shape (edges,).

        Raises:
            ValueError: there is no such projection.
        """
        expect("projection", projection, str)
        self._call_hooks()
        for found in self.graph.projections:
            if found.name == projection:
                return _Weight(found.name, found.sign, found.factor).of(self)
        raise ValueError(f"there is no projection '{projection}'")

    @property
    def frozen_otherwise(self) -> dict[str, list[str]]:
        """Parameters that somebody has frozen, or unfrozen, by `requires_grad_`, other than the morphology has it."""
        declared = set(self.graph.frozen)
        found: dict[str, list[str]] = {"frozen": [], "unfrozen": []}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad == (name in declared):
                found["unfrozen" if parameter.requires_grad else "frozen"].append(name)
        return {kind: names for kind, names in found.items() if names}

    def freeze(self, frozen: Iterable[str] | str = (), unfrozen: Iterable[str] | str = ()) -> DendriticNetwork:
        """Take parameters out of training, or into it, by name or names; the others are as the morphology has them.

        Raises:
            ValueError: there is no such parameter.
        """
        frozen, unfrozen = several("frozen", frozen), several("unfrozen", unfrozen)
        parameters = dict(self.named_parameters())
        wanted = {**dict.fromkeys(self.graph.frozen, False), **dict.fromkeys(frozen, False)}
        wanted |= dict.fromkeys(unfrozen, True)
        if unknown := [name for name in wanted if name not in parameters]:
            known = did_you_mean(unknown[0], parameters)
            raise ValueError(f"there is no parameter '{clip(unknown[0])}'\n  {known}")
        for name, parameter in parameters.items():
            parameter.requires_grad_(wanted.get(name, True))
        return self

    def respond(self, drive: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Activity of every group when current is injected into compartments and all inputs are silent.

        Args:
            drive: group name -> shape (batch, units): what is added to the compartments' integrals.

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
        steps: tuple[_Step, ...],
        drive: Mapping[str, Tensor] | None = None,
        found: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Stage by stage from the inputs; all values are units first, (units, batch).

        `found` takes those of all groups, (batch, units): what follows is computed from the very tensors in it.
        """
        self._call_hooks()
        if found is not None:
            for name, given in values.items():
                values[name] = _passed_on(given, name, found)
        for step in steps:
            total = step.integrate(self, values, drive.get(step.name) if drive else None)
            activity = step.activity.run(self, total)
            if step.dropout and self.training:
                activity = nn.functional.dropout(activity, step.dropout)
            values[step.name] = activity if found is None else _passed_on(activity, step.name, found)
        return values

    def _inputs(self, x: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        shapes = self.graph.inputs
        if isinstance(x, Tensor):
            if len(shapes) > 1:
                raise ValueError(f"the network has several input streams: give a mapping with {', '.join(shapes)}")
            x = {next(iter(shapes)): x}
        elif not isinstance(x, Mapping):
            expect("x", x, Tensor, Mapping)  # type: ignore[unreachable]
        elif len(x) == len(shapes) == 1:
            x = {next(iter(shapes)): next(iter(x.values()))}  # the one stream of the data feeds the one declared
        if set(x) != set(shapes):
            raise ValueError(f"input streams {', '.join(map(str, x))} given, {', '.join(shapes)} expected")
        values, first = {}, self._follow()
        own = first.dtype
        for name, shape in shapes.items():
            given = x[name]
            if not isinstance(given, Tensor):
                expect(f"x[{name!r}]", given, Tensor)  # type: ignore[unreachable]
            if given.dim() < 2 or not _fits(tuple(given.shape[1:]), shape):
                raise ValueError(
                    f"'{name}' has shape {tuple(given.shape)}, expected (batch, {', '.join(map(str, shape))})"
                )
            if not given.is_floating_point():
                raise ValueError(f"'{name}' holds {given.dtype}, expected a floating-point type such as torch.float32")
            if given.dtype != own and not torch.is_autocast_enabled(given.device.type):
                raise ValueError(f"'{name}' holds {given.dtype}, and the weights are {own}: convert one of the two")
            if given.device != first.device:
                where = f"'{name}' is on {given.device}, and the weights are on {first.device}"
                raise ValueError(f"{where}: move one of the two")
            values[name] = given.reshape(given.shape[0], math.prod(shape)).t()
        batches = [units_first.shape[1] for units_first in values.values()]
        if any(batch != batches[0] for batch in batches):
            counts = ", ".join(f"'{name}' {units_first.shape[1]}" for name, units_first in values.items())
            raise ValueError(f"the input streams hold different numbers of samples: {counts}")
        return values

    def extra_repr(self) -> str:
        """One line for `print(network)`."""
        graph = self.graph
        return f"{graph.name}: {graph.compartments:,} compartments, {graph.parameters:,} parameters"


def _parameter(holder: nn.Module, name: str) -> Tensor:
    """The parameter that is learnt, where what acts is a pruned copy of it.

    Raises:
        DendrographError: what acts is computed in another way, and no value of it can be set.
    """
    own = dict(holder.named_parameters(recurse=False))
    found = own.get(name, own.get(f"{name}_orig"))
    if found is None:
        raise DendrographError(
            f"'{name}' is no parameter by now: it is computed from others\n"
            "  remove its parametrization or its hook first, such as by parametrize.remove_parametrizations"
        )
    return found


def _passed_on(activity: Tensor, name: str, found: dict[str, Tensor]) -> Tensor:
    """The activity of a group as it goes on to the next, (units, batch), through the tensor that is kept of it."""
    found[name] = activity.t()
    return found[name].t()


def _fits(given: Shape, shape: Shape) -> bool:
    """Whether a sample has the stream's shape, axes of one apart; or is flat, or the stream is a plain vector.

    As many numbers in another order, such as channels first, are not taken: their wiring would be another image's.
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
    """Load, compile and build in one call; see `load`, `compile` and `DendriticNetwork` for the arguments."""
    expect("path_or_name", path_or_name, str, PathLike)
    return DendriticNetwork(compile(load(path_or_name, overrides, plugins), inputs, classes, seed), kernel)
