"""Try the functions that users registered, nonlinearities and receptive fields, before a network is built of them."""

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

if TYPE_CHECKING:  # a morphology without registered functions needs no PyTorch
    from torch import Tensor

_ELEMENTWISE = "it must act on each element of u separately, and give equal results for equal elements"


def try_nonlinearities(neurons: Iterable[Compartment]) -> None:
    """Call each registered nonlinearity that the neurons use, on a few numbers and with their parameters.

    Raises:
        DendrographError: a function fails, returns another shape or type than that of u, changes u, does not act
            element by element, or gives no gradient of u or of a learnt parameter.
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

    def call(u: Tensor, values: dict[str, Parameter]) -> Tensor:
        before, given = u.detach().clone(), u * 1  # not a leaf, which PyTorch itself would protect
        try:
            y: Any = function(given, **values)
        except (Exception, SystemExit) as error:
            raise refusal(f"fails on u of shape {tuple(u.shape)}", describe_error_of(error, function)) from error
        if not isinstance(y, torch.Tensor):
            raise refusal(f"gives {clip(repr(y))}", "it must return a tensor of u's shape")
        if y.shape != u.shape:
            raise refusal(f"gives shape {tuple(y.shape)} for u of shape {tuple(u.shape)}", _ELEMENTWISE)
        if y.dtype != u.dtype:
            raise refusal(f"gives {y.dtype} for u of {u.dtype}", "it must keep the type of u")
        if not torch.equal(before, given.detach()):
            raise refusal("changes u", "it must return a new tensor, because others read u, too")
        return y

    # The caller may have switched gradients off, or chosen another default device.
    with torch.inference_mode(False), torch.enable_grad(), torch.device("cpu"):
        u = torch.tensor([[-1.5, -0.25, 0.125], [0.5, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
        fixed: dict[str, Parameter] = dict(nonlinearity.parameters)
        call(u.detach().float(), fixed)
        learnt = {
            name: torch.full(
                (2, 1) if shared == "compartment" else (), float(fixed[name]), dtype=u.dtype, requires_grad=True
            )
            for name, shared in nonlinearity.trainable
        }
        y = call(u, {**fixed, **learnt})
        for unit, sample in np.ndindex(2, 3):
            own = {name: value[unit : unit + 1] if value.dim() else value for name, value in learnt.items()}
            alone = call(u[unit : unit + 1, sample : sample + 1], {**fixed, **own})
            if not torch.allclose(alone.squeeze(), y[unit, sample], equal_nan=True):
                raise refusal("gives an element another result among others than alone", _ELEMENTWISE)
        for name, value in {"u": u, **learnt}.items():
            reached = y.requires_grad and torch.autograd.grad(y.sum(), value, retain_graph=True, allow_unused=True)[0]
            if not isinstance(reached, torch.Tensor):
                what = "u, so that nothing before it would learn" if name == "u" else f"its parameter '{name}'"
                raise refusal(f"lets no gradient through to {what}", "it must use PyTorch's operations only")


def draw(field: RegisteredField, request: Request) -> Indices:
    """Draw the sources of a registered field, and check them. Shape (compartments, count), each row sorted.

    Raises:
        WiringError: the function fails, returns something else, or another result for the same request.
    """
    shape = (request.compartments, request.count)
    if not request.count:
        return np.empty(shape, dtype=index_type(request.sources))
    named = f"field '{field.name}' ({place_of(field.draw)})"
    rng = copy.deepcopy(request.rng)
    found = _drawn(field, request, named)
    if found.shape != shape or found.dtype.kind not in "iu":
        raise WiringError(
            f"{named} gave an array of shape {found.shape} that holds {found.dtype}\n"
            f"  it must return whole numbers of shape {shape}, a row for each compartment"
        )
    if found.min() < 0 or found.max() >= request.sources:
        raise WiringError(
            f"{named} drew sources {found.min()} to {found.max()}\n"
            f"  there are {request.sources}, numbered from 0 to {request.sources - 1}"
        )
    drawn = np.sort(found, axis=1).astype(index_type(request.sources))
    if (np.diff(drawn, axis=1) == 0).any():
        raise WiringError(f"{named} drew a source twice for one compartment\n  each row must hold a source once")
    if not np.array_equal(found, _drawn(field, replace(request, rng=rng), named)):
        raise WiringError(
            f"{named} drew other sources for the same request\n  it must take all random numbers from request.rng"
        )
    return drawn


def _drawn(field: RegisteredField, request: Request, named: str) -> Any:
    try:
        return np.asarray(field.draw(request)).copy()  # the function may return the same array each time
    except (Exception, SystemExit) as error:
        raise WiringError(
            f"{named} fails for {request.count} of {request.sources} sources for each of "
            f"{request.compartments} compartments\n  {describe_error_of(error, field.draw)}"
        ) from error
