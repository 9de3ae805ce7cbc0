"""What users' functions give is held to what it must be, before a network is built of it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrograph.base.errors import DendrographError, WiringError, clip
from dendrograph.graph.wiring import Indices, index_type
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.nonlinearities import NONLINEARITIES, Nonlinearity, Parameter
from dendrograph.morphology.receptive_fields import RegisteredField, Request
from dendrograph.morphology.registry import Added, describe_error_of, place_of

if TYPE_CHECKING:  # without functions of users there is nothing to try, and PyTorch is not needed
    from torch import Tensor

_BY_ITSELF = "it answers each element of u by itself, and the same to the same"


def try_nonlinearities(neurons: Iterable[Compartment]) -> None:
    """Call each registered nonlinearity that stands in the neurons, on a few numbers and with their parameters.

    Raises:
        DendrographError: one that fails, gives another shape or type than that of u, changes u, does not act element
            by element, or lets no gradient through to u or to a parameter that is learnt.
    """
    for nonlinearity in dict.fromkeys(_nonlinearities(neurons)):
        entry = NONLINEARITIES.get(nonlinearity.name)
        if entry and entry.own:
            _try(entry.own, nonlinearity)


def _nonlinearities(neurons: Iterable[Compartment]) -> Iterator[Nonlinearity]:
    for compartment in (each for neuron in neurons for each in neuron.tree()):
        yield compartment.nonlinearity
        yield from (synapses.nonlinearity for synapses in compartment.synapses if synapses.nonlinearity)


def _try(function: Added, nonlinearity: Nonlinearity) -> None:
    import torch

    def refusal(problem: str, remedy: str) -> DendrographError:
        return DendrographError(f"nonlinearity '{nonlinearity.name}' ({place_of(function)}) {problem}\n  {remedy}")

    def answer(u: Tensor, values: dict[str, Parameter]) -> Tensor:
        before, given = u.detach().clone(), u * 1  # not a leaf, which PyTorch itself would protect
        try:
            y: Any = function(given, **values)
        except (Exception, SystemExit) as error:
            raise refusal(f"fails on u of shape {tuple(u.shape)}", describe_error_of(error, function)) from error
        if not isinstance(y, torch.Tensor):
            raise refusal(f"gives {clip(repr(y))}", "it gives a tensor of u's shape")
        if y.shape != u.shape:
            raise refusal(f"gives shape {tuple(y.shape)} for u of shape {tuple(u.shape)}", _BY_ITSELF)
        if y.dtype != u.dtype:
            raise refusal(f"gives {y.dtype} for u of {u.dtype}", "it keeps the type of u")
        if not torch.equal(before, given.detach()):
            raise refusal("changes u", "it gives a tensor of its own: others read u too")
        return y

    # Whoever compiles may have gradients switched off, or another default device.
    with torch.inference_mode(False), torch.enable_grad(), torch.device("cpu"):
        u = torch.tensor([[-1.5, -0.25, 0.125], [0.5, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
        fixed: dict[str, Parameter] = dict(nonlinearity.parameters)
        answer(u.detach().float(), fixed)
        learnt = {
            name: torch.full((2, 1) if shared == "compartment" else (), float(fixed[name]), dtype=torch.float64)
            for name, shared in nonlinearity.trainable
        }
        for value in learnt.values():
            value.requires_grad_()
        y = answer(u, {**fixed, **learnt})
        for unit, sample in np.ndindex(2, 3):
            own = {name: value[unit : unit + 1] if value.dim() else value for name, value in learnt.items()}
            alone = answer(u[unit : unit + 1, sample : sample + 1], {**fixed, **own})
            if not torch.allclose(alone.squeeze(), y[unit, sample], equal_nan=True):
                raise refusal("gives an element another answer among others than alone", _BY_ITSELF)
        for name, value in {"u": u, **learnt}.items():
            reached = y.requires_grad and torch.autograd.grad(y.sum(), value, retain_graph=True, allow_unused=True)[0]
            if not isinstance(reached, torch.Tensor):
                what = "u, so that nothing before it would learn" if name == "u" else f"its parameter '{name}'"
                raise refusal(f"lets no gradient through to {what}", "it computes with PyTorch's operations alone")


def draw(field: RegisteredField, request: Request) -> Indices:
    """What a registered field draws, held to what it must be. Shape (compartments, count), each row sorted.

    Raises:
        WiringError: it fails, or gives something else, or something else a second time.
    """
    shape = (request.compartments, request.count)
    if not request.count:
        return np.empty(shape, dtype=index_type(request.sources))
    named = f"field '{field.name}' ({place_of(field.draw)})"
    numbers = copy.deepcopy(request.rng)
    found = _drawn(field, request, named)
    if found.shape != shape or found.dtype.kind not in "iu":
        raise WiringError(
            f"{named} gave an array of shape {found.shape} that holds {found.dtype}\n"
            f"  it was asked for whole numbers of shape {shape}, a row for each compartment"
        )
    if found.min() < 0 or found.max() >= request.sources:
        raise WiringError(
            f"{named} drew sources {found.min()} to {found.max()}\n"
            f"  there are {request.sources}, numbered from 0 to {request.sources - 1}"
        )
    drawn = np.sort(found, axis=1).astype(index_type(request.sources))
    if (np.diff(drawn, axis=1) == 0).any():
        raise WiringError(f"{named} drew a source twice for one compartment\n  each row holds a source once")
    if not np.array_equal(found, _drawn(field, replace(request, rng=numbers), named)):
        raise WiringError(
            f"{named} drew otherwise when it was asked again\n"
            "  the same request gives the same: all random numbers come from request.rng"
        )
    return drawn


def _drawn(field: RegisteredField, request: Request, named: str) -> Any:
    try:
        return np.asarray(field.draw(request)).copy()  # the function may give one array again and again
    except (Exception, SystemExit) as error:
        raise WiringError(
            f"{named} fails when it is asked for {request.count} of {request.sources} sources for each of "
            f"{request.compartments} compartments\n  {describe_error_of(error, field.draw)}"
        ) from error
