"""What users' functions give is held to what it must be, and the message tells whose fault it is and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dendrograph import (
    Compartment,
    DendriticNetwork,
    DendrographError,
    Graph,
    Layer,
    Morphology,
    Nonlinearity,
    Synapses,
    compile,
    register_field,
    register_nonlinearity,
)
from dendrograph.base.errors import WiringError
from dendrograph.morphology.receptive_fields import Request

pytestmark = pytest.mark.usefixtures("registries")

FOUR = (Synapses(4),)


def built(dendrite: Compartment) -> Graph:
    """A graph of neurons with such dendrites."""
    neuron = Compartment(dendrites=(dendrite,))
    return compile(Morphology("it", {"n": neuron}, (Layer("h", "n", 3),)), (4, 4), 2)


def own(function: Callable[..., Any], trainable: Any = (), **parameters: float) -> Graph:
    """A graph with the function as nonlinearity."""
    register_nonlinearity("own", equation="f(u)", parameters=parameters)(function)
    shared = tuple((name, trainable) for name in parameters) if trainable else ()
    return built(Compartment("d", 2, Nonlinearity("own", tuple(parameters.items()), shared), synapses=FOUR))


def message_of(call: Callable[[], object], line: Callable[..., Any] | None = None) -> str:
    """The message, with the place of the function left out."""
    with pytest.raises(DendrographError) as error:
        call()
    if "field" in str(error.value):
        assert isinstance(error.value, WiringError)
    text = str(error.value)
    return text.replace(f"test_user_functions.py:{line.__code__.co_firstlineno}", "HERE") if line else text


EACH = "it must act on each element of u separately, and give equal results for equal elements"


class TestNonlinearities:
    """Tried on a few numbers when a morphology is compiled."""

    @pytest.mark.parametrize(
        "function",
        [
            lambda u: u,
            lambda u: torch.where(u > 0, u, 0.1 * u),
            lambda u: u.clamp(min=0).sqrt(),
            lambda u: torch.log(u),  # not a number below 0: that is the user's affair
            lambda u: u.clone().relu_(),
            lambda u: torch.sin(u).contiguous(),
        ],
    )
    def test_functions_that_are_taken(self, function: Callable[[Tensor], Tensor]) -> None:
        assert own(function).by_name["h/d"].size == 6

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda u: u.sum(0), f"gives shape (3,) for u of shape (2, 3)\n  {EACH}"),
            (lambda u: u.t(), f"gives shape (3, 2) for u of shape (2, 3)\n  {EACH}"),
            (lambda u: u.flatten(), f"gives shape (6,) for u of shape (2, 3)\n  {EACH}"),
            (lambda u: 1.0, "gives 1.0\n  it must return a tensor of u's shape"),
            (lambda u: None, "gives None\n  it must return a tensor of u's shape"),
            (lambda u: u.detach().numpy(), "gives array("),
            (lambda u: u > 0, "gives torch.bool for u of torch.float32\n  it must keep the type of u"),
            (lambda u: u.double(), "gives torch.float64 for u of torch.float32\n  it must keep the type of u"),
            (lambda u: u.half().float(), "gives torch.float32 for u of torch.float64\n  it must keep the type of u"),
            (lambda u: u.mul_(2), "changes u\n  it must return a new tensor, because others read u, too"),
            (lambda u: u.softmax(0), f"gives an element another result among others than alone\n  {EACH}"),
            (lambda u: u - u.mean(), f"gives an element another result among others than alone\n  {EACH}"),
            (lambda u: u.cumsum(1), f"gives an element another result among others than alone\n  {EACH}"),
            (lambda u: u + torch.rand(1), f"gives an element another result among others than alone\n  {EACH}"),
            (
                lambda u: (u > 0).to(u.dtype),
                "lets no gradient through to u, so that nothing before it would learn\n  it must use PyTorch's",
            ),
            (lambda u: u.detach(), "lets no gradient through to u, so that nothing before it would learn\n"),
            (lambda u: torch.zeros_like(u, requires_grad=True) + 1, "lets no gradient through to u, so that nothing"),
            (lambda u: u.nothing(), "fails on u of shape (2, 3)\n  HERE: AttributeError: 'Tensor' object has no"),
            (lambda u: u if u > 0 else 0 * u, "fails on u of shape (2, 3)\n  HERE: RuntimeError: Boolean value of"),
            (lambda u: torch.from_numpy(np.tanh(u.numpy())), "fails on u of shape (2, 3)\n  HERE: RuntimeError: Can't"),
        ],
    )
    def test_functions_that_are_refused(self, function: Callable[..., Any], message: str) -> None:
        text = message_of(lambda: own(function), function)
        assert text.startswith(f"nonlinearity 'own' (HERE) {message}"), text

    def test_the_place_is_where_it_failed(self) -> None:
        def failing(u: Tensor) -> Tensor:
            v = u * 2
            return deeper(v)

        def deeper(v: Tensor) -> Tensor:
            raise KeyError("over\nthere")

        text = message_of(lambda: own(failing))
        line = deeper.__code__.co_firstlineno + 1
        assert text.endswith(f"fails on u of shape (2, 3)\n  test_user_functions.py:{line}: KeyError: 'over\\nthere'")

    @pytest.mark.parametrize("trainable", ["group", "compartment"])
    def test_parameters_that_are_learnt(self, trainable: str) -> None:
        graph = own(lambda u, gain, shift: torch.tanh(gain * u) + shift, trainable, gain=2.0, shift=0.5)
        network = DendriticNetwork(graph)
        assert network.excitability["h/d:gain"].shape == (() if trainable == "group" else (6,))
        network(torch.rand(3, 4, 4)).sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())

    @pytest.mark.parametrize("trainable", ["group", "compartment"])
    def test_a_parameter_that_would_not_learn(self, trainable: str) -> None:
        def rounded(u: Tensor, gain: Any, shift: Any) -> Tensor:
            return u * gain + (shift.detach() if isinstance(shift, Tensor) else shift)

        text = message_of(lambda: own(rounded, trainable, gain=2.0, shift=0.5), rounded)
        assert text.startswith("nonlinearity 'own' (HERE) lets no gradient through to its parameter 'shift'\n  it must")

    def test_a_parameter_that_must_be_a_float(self) -> None:
        import math

        def floats(u: Tensor, gain: Any) -> Tensor:
            return u * math.exp(gain)

        assert own(floats, gain=2.0).by_name["h/d"].size == 6, "fixed, it is one"
        learnt = Nonlinearity("own", (("gain", 2.0),), (("gain", "compartment"),))
        text = message_of(lambda: built(Compartment("d", 2, learnt, synapses=FOUR)))
        assert "fails on u of shape (2, 3)\n  test_user_functions.py" in text
        # One number for the group can be made a float, and does not learn.
        shared = Nonlinearity("own", (("gain", 2.0),), (("gain", "group"),))
        assert "no gradient through to its parameter 'gain'" in message_of(
            lambda: built(Compartment("d", 2, shared, synapses=FOUR))
        )

    def test_those_of_synapses_are_tried_too(self) -> None:
        register_nonlinearity("own", equation="f(u)")(lambda u: u.sum(0))
        synapses = (Synapses(4, nonlinearity=Nonlinearity("own", ())),)
        assert "gives shape (3,)" in message_of(lambda: built(Compartment("d", 2, synapses=synapses)))

    def test_wherever_gradients_are_off(self) -> None:
        with torch.no_grad():
            own(torch.tanh)
        with torch.inference_mode():
            own(torch.tanh)
        with torch.device("meta"):
            own(torch.tanh)

    def test_what_is_registered_and_used_nowhere_is_not_tried(self) -> None:
        register_nonlinearity("own", equation="f(u)")(lambda u: u.sum(0))
        assert built(Compartment("d", 2, synapses=FOUR)).by_name["h/d"].size == 6

    def test_the_cause_is_kept(self) -> None:
        with pytest.raises(DendrographError) as error:
            own(lambda u: u.nothing())
        assert isinstance(error.value.__cause__, AttributeError)


def drawn(function: Callable[[Request], Any], count: int = 4, positions: bool = False) -> Graph:
    """A graph whose synapses the function draws: 6 compartments of 16 units."""
    register_field("own", positions)(function)
    return built(Compartment("d", 2, synapses=(Synapses(count, field="own"),)))


def rows(request: Request) -> Any:
    return [list(range(request.count))] * request.compartments


class TestFields:
    """Each time that one draws."""

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda r: None, "gave an array of shape () that holds object\n  it must return whole numbers of shape"),
            (lambda r: np.zeros((6, 3), int), "gave an array of shape (6, 3) that holds int64\n"),
            (lambda r: np.zeros((3, 4), int), "gave an array of shape (3, 4) that holds int64\n"),
            (lambda r: np.array(rows(r), float), "gave an array of shape (6, 4) that holds float64\n"),
            (lambda r: np.array(rows(r)) > 0, "gave an array of shape (6, 4) that holds bool\n"),
            (lambda r: [["a"] * 4] * 6, "gave an array of shape (6, 4) that holds <U1\n"),
            (lambda r: np.array(rows(r)) - 1, "drew sources -1 to 2\n  there are 16, numbered from 0 to 15"),
            (lambda r: np.array(rows(r)) + 13, "drew sources 13 to 16\n  there are 16, numbered from 0 to 15"),
            (lambda r: np.array(rows(r), np.uint64) + 2**63, "drew sources 9223372036854775808 to "),
            (
                lambda r: [[0, 1, 2, 2]] * 6,
                "drew a source twice for one compartment\n  each row must hold a source once",
            ),
            (lambda r: [[0], [1, 2]], "fails for 4 of 16 sources for each of 6 compartments\n"),
            (
                lambda r: np.stack([np.random.default_rng().permutation(16)[:4] for _ in range(6)]),
                "drew other sources for the same request\n  it must take all random numbers from request.rng",
            ),
            (lambda r: torch.rand(6, 16).argsort(1)[:, :4], "drew other sources for the same request\n"),
        ],
    )
    def test_what_is_refused(self, function: Callable[[Request], Any], message: str) -> None:
        text = message_of(lambda: drawn(function), function)
        assert text.startswith(f"field 'own' (HERE) {message}"), text

    def test_an_error_within_it(self) -> None:
        def failing(request: Request) -> Any:
            return request.grid[2]

        line = failing.__code__.co_firstlineno
        assert message_of(lambda: drawn(failing), failing) == (
            "field 'own' (HERE) fails for 4 of 16 sources for each of 6 compartments\n"
            f"  test_user_functions.py:{line + 1}: IndexError: tuple index out of range"
        )

    @pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int32, np.int64, np.uint64])
    def test_any_whole_numbers_in_any_order(self, kind: type) -> None:
        backwards = drawn(lambda request: np.array(rows(request), kind)[:, ::-1])
        assert backwards.onto("h/d")[0].endpoints()[0].tolist() == [0, 1, 2, 3] * 6

    def test_lists_and_tensors(self) -> None:
        assert drawn(rows).onto("h/d")[0].edges == 24

    def test_no_synapses_are_not_asked_for(self) -> None:
        def failing(request: Request) -> Any:
            raise AssertionError("asked")

        assert drawn(failing, count=0).onto("h/d")[0].edges == 0

    def test_an_array_that_is_used_again_may_be_given(self) -> None:
        kept = np.empty((6, 4), dtype=np.int64)

        def reusing(request: Request) -> Any:
            kept[:] = request.rng.permuted(np.tile(np.arange(16), (6, 1)), axis=1)[:, :4]
            return kept

        assert drawn(reusing).onto("h/d")[0].edges == 24


def test_a_function_that_exits_is_at_fault() -> None:
    def leaves(u: Tensor) -> Tensor:
        raise SystemExit(0)

    def leaves_too(request: Request) -> Any:
        raise SystemExit(0)

    assert "SystemExit: 0" in message_of(lambda: own(leaves))
    register_field("own")(leaves_too)
    drawn = Synapses(4, field="own")
    assert "SystemExit: 0" in message_of(lambda: built(Compartment("d", 2, synapses=(drawn,))))
