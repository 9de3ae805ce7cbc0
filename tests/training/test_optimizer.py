"""All parameters of a network as one vector: the same numbers, the same steps, and nothing that others would notice."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import small
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dendrograph import DendriticNetwork, build
from dendrograph.training.optimizer import FlatParameters


def network() -> DendriticNetwork:
    return build("dann-lrf", (8, 8), 10, seed=1, overrides={"somata": 8})


def loss_of(network: nn.Module, number: int = 0) -> Tensor:
    data = small.digits()
    rows = slice(30 * number, 30 * (number + 1))
    return cross_entropy(network(data.train.inputs["image"][rows]), data.train.labels[rows])


def test_the_parameters_are_views_of_the_vector_in_their_order() -> None:
    ours, copy = network(), network()
    before = list(ours.parameters())
    flat = FlatParameters(ours)
    assert all(one is other for one, other in zip(ours.parameters(), before, strict=True)), "the same objects"
    assert torch.equal(flat.vector, torch.cat([parameter.reshape(-1) for parameter in copy.parameters()]))
    start = flat.vector.data_ptr()
    for parameter, own in zip(ours.parameters(), copy.parameters(), strict=True):
        assert parameter.data_ptr() == start and parameter.shape == own.shape and parameter.is_contiguous()
        start += 4 * parameter.numel()
    with torch.no_grad():
        flat.vector.copy_(torch.arange(len(flat.vector)))
    assert torch.equal(torch.cat([parameter.reshape(-1) for parameter in ours.parameters()]), flat.vector)
    assert all(parameter.is_leaf and parameter.requires_grad for parameter in ours.parameters())


def test_the_state_of_the_network_looks_as_before(tmp_path: Path) -> None:
    ours, copy = network(), network()
    names = [name for name, _ in ours.named_parameters()]
    FlatParameters(ours)
    assert [name for name, _ in ours.named_parameters()] == names
    wanted = copy.state_dict()
    save_file(ours.state_dict(), tmp_path / "weights.safetensors")
    torch.save(ours.state_dict(), stream := io.BytesIO())
    saved = load_file(tmp_path / "weights.safetensors"), torch.load(io.BytesIO(stream.getvalue()), weights_only=True)
    for state in (ours.state_dict(), *saved):
        assert list(state.keys() - wanted.keys()) == [] and len(state) == len(wanted)
        assert all(torch.equal(state[name], wanted[name]) for name in wanted)
    image = small.digits().test.inputs["image"]
    assert torch.equal(ours(image), copy(image))


def test_a_state_that_is_loaded_arrives_in_the_vector() -> None:
    ours = network()
    other = DendriticNetwork(ours.graph, seed=2)
    flat = FlatParameters(ours)
    ours.load_state_dict(other.state_dict())
    assert torch.equal(flat.vector, torch.cat([parameter.reshape(-1) for parameter in other.parameters()]))


def test_the_gradients_are_gathered_and_forgotten() -> None:
    ours, copy = network(), network()
    flat = FlatParameters(ours)
    for number in range(2):  # the second would show what the first left
        loss_of(ours, number).backward()
        gathered = flat.collect()
        wanted = torch.autograd.grad(loss_of(copy, number), list(copy.parameters()))
        assert torch.equal(gathered, torch.cat([gradient.reshape(-1) for gradient in wanted]))
        assert flat.vector.grad is not None and flat.vector.grad.data_ptr() == gathered.data_ptr()
        assert all(parameter.grad is None for parameter in ours.parameters())


def test_a_gradient_that_is_missing_counts_as_zero() -> None:
    module = nn.ModuleList([nn.Linear(2, 3), nn.Linear(3, 4, bias=False)])
    flat = FlatParameters(module)
    flat.message.fill_(7)
    module[1](torch.ones(1, 3)).sum().backward()
    assert torch.equal(flat.collect(), torch.cat([torch.zeros(9), torch.ones(12)]))
    assert torch.equal(flat.collect(), torch.zeros(21)), "none at all"


def test_the_message_is_the_gradient_with_room_behind_it() -> None:
    ours = network()
    flat = FlatParameters(ours, more=2)
    size = sum(parameter.numel() for parameter in ours.parameters())
    assert flat.message.shape == (size + 2,) and flat.vector.shape == (size,)
    flat.message[-2:] = torch.tensor([3.0, 4.0])
    loss_of(ours).backward()
    gathered = flat.collect()
    assert flat.message.data_ptr() == gathered.data_ptr() and torch.equal(flat.message[:-2], gathered)
    assert flat.message[-2:].tolist() == [3, 4], "left as they are"
    flat.message.mul_(2)
    assert flat.vector.grad is not None and torch.equal(flat.vector.grad, flat.message[:-2]), "one block of memory"
    assert FlatParameters(network()).message.shape == (size,)


def test_after_release_each_has_memory_of_its_own() -> None:
    ours = network()
    flat = FlatParameters(ours)
    values = [parameter.detach().clone() for parameter in ours.parameters()]
    flat.release()
    with torch.no_grad():
        flat.vector.zero_()
    storages = {parameter.untyped_storage().data_ptr() for parameter in ours.parameters()}
    assert len(storages) == len(values)
    for parameter, value in zip(ours.parameters(), values, strict=True):
        assert torch.equal(parameter, value) and parameter.requires_grad and parameter.is_leaf
        assert parameter.untyped_storage().nbytes() == 4 * parameter.numel()
    loss_of(ours).backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())


OPTIMIZERS: dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, eps=1e-7),
    "fused adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, eps=1e-7, fused=True),
    "fused adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, eps=1e-7, fused=True),
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, lr=0.01),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_steps_are_those_over_the_list_of_parameters(name: str) -> None:
    ours, plain = network(), network()
    flat = FlatParameters(ours, more=2)
    one, many = OPTIMIZERS[name]([flat.vector]), OPTIMIZERS[name](list(plain.parameters()))
    for number in range(8):
        loss_of(ours, number).backward()
        flat.collect()
        one.step()
        many.zero_grad()
        loss_of(plain, number).backward()
        many.step()
    for parameter, wanted in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(parameter, wanted, rtol=1e-5, atol=1e-6)


def test_an_optimizers_zero_grad_takes_nothing_away() -> None:
    """It drops the vector's gradient; without one, an optimizer makes no step and says nothing."""
    network = torch.nn.Linear(3, 2)
    parameters = FlatParameters(network)
    optimizer = torch.optim.Adam([parameters.vector], fused=True)
    for _ in range(2):
        optimizer.zero_grad(set_to_none=True)
        before = parameters.vector.detach().clone()
        network(torch.ones(4, 3)).sum().backward()
        parameters.collect()
        optimizer.step()
        assert not torch.equal(parameters.vector, before)
