"""Each transfer function is the equation that it states."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dendrograph.morphology.nonlinearities import NONLINEARITIES, bind

ERF = np.vectorize(math.erf)

# The equations once more, in NumPy, from what each entry states.
EQUATIONS: dict[str, Callable[..., NDArray]] = {
    "identity": lambda u: u,
    "relu": lambda u: np.maximum(0, u),
    "leaky_relu": lambda u, slope: np.where(u > 0, u, slope * u),
    "elu": lambda u, alpha: np.where(u > 0, u, alpha * np.expm1(np.minimum(u, 0))),
    "gelu": lambda u: u * (1 + ERF(u / math.sqrt(2))) / 2,
    "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    "tanh": lambda u: (np.exp(u) - np.exp(-u)) / (np.exp(u) + np.exp(-u)),
    "softplus": lambda u: np.log(1 + np.exp(u)),
    "sublinear": lambda u, saturation: saturation * u / (saturation + np.abs(u)),
    "nmda": lambda u, threshold, gain, plateau: plateau / (1 + np.exp(-gain * (u - threshold))),
    "dcaap": lambda u, threshold, gain, decay: (
        np.exp(-np.maximum(0, u - threshold) / decay) / (1 + np.exp(np.minimum(700, -gain * (u - threshold))))
    ),
    "leaky_ada": lambda u, leak, alpha, c: leak * np.minimum(0, u) + np.maximum(0, u) * np.exp(c - alpha * u),
}

# Where the slope jumps, by the parameters: there a derivative is not compared with differences.
KINKS: dict[str, Callable[..., float]] = {
    "relu": lambda: 0.0,
    "leaky_relu": lambda slope: 0.0,
    "elu": lambda alpha: 0.0,
    "dcaap": lambda threshold, **_: threshold,
    "leaky_ada": lambda **_: 0.0,
}

DEFAULTS = {
    "leaky_relu": {"slope": 0.1},
    "elu": {"alpha": 1.0},
    "sublinear": {"saturation": 1.0},
    "nmda": {"threshold": 1.0, "gain": 4.0, "plateau": 1.0},
    "dcaap": {"threshold": 1.0, "gain": 1000.0, "decay": 1.0},
    "leaky_ada": {"leak": 0.01, "alpha": 1.0, "c": 1.0},
}

OTHERS = {
    "leaky_relu": {"slope": 0.3},
    "elu": {"alpha": 0.4},
    "sublinear": {"saturation": 2.5},
    "nmda": {"threshold": -0.5, "gain": 2.0, "plateau": 3.0},
    "dcaap": {"threshold": 0.5, "gain": 9.0, "decay": 0.6},
    "leaky_ada": {"leak": 0.2, "alpha": 0.5, "c": -0.3},
}

BOUND = [
    pytest.param(name, parameters, id=f"{name} {parameters or ''}".strip())
    for name in EQUATIONS
    for parameters in [{}] + ([OTHERS[name]] if name in OTHERS else [])
]
every_function = pytest.mark.parametrize(("name", "parameters"), BOUND)
every_name = pytest.mark.parametrize("name", list(NONLINEARITIES))
with_parameters = pytest.mark.parametrize("name", list(DEFAULTS))


def test_every_entry_is_tested() -> None:
    assert set(EQUATIONS) == set(NONLINEARITIES)
    for name, entry in NONLINEARITIES.items():
        assert entry.name == name
        assert entry.equation.startswith("f(u) = ") and entry.source
        assert dict(entry.defaults) == DEFAULTS.get(name, {})
        assert entry.positive <= set(entry.defaults)


@every_function
def test_values_are_those_of_the_equation(name: str, parameters: dict[str, float]) -> None:
    u = np.concatenate([np.linspace(-6, 6, 241), [-30.0, 30.0, 1e-9, -1e-9]])
    expected = EQUATIONS[name](u, **{**DEFAULTS.get(name, {}), **parameters})
    found = bind(name, parameters)(torch.from_numpy(u)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=2.1e-9 if name == "softplus" else 1e-12)


@every_function
def test_derivatives_hold_against_finite_differences(name: str, parameters: dict[str, float]) -> None:
    kink = KINKS.get(name, lambda **_: math.nan)(**{**DEFAULTS.get(name, {}), **parameters})
    u = torch.linspace(-4, 4, 31, dtype=torch.float64) + 0.011
    u = u[(u - kink).abs() > 1e-2] if not math.isnan(kink) else u
    function = bind(name, parameters)
    assert torch.autograd.gradcheck(function, u.clone().requires_grad_())
    if name != "sublinear":
        assert torch.autograd.gradgradcheck(function, u.clone().requires_grad_())
    else:  # its second derivative jumps at 0
        assert torch.autograd.gradgradcheck(function, u[u.abs() > 1e-2].clone().requires_grad_())


@every_function
def test_functions_are_continuous(name: str, parameters: dict[str, float]) -> None:
    """A jump would stay as large however fine the steps; what is continuous shrinks with them."""
    function, values = bind(name, parameters), {**DEFAULTS.get(name, {}), **parameters}
    steep = max(1.0, values.get("gain", 1.0) / 4)  # the slope of a sigmoid at its threshold
    for centre in (0.0, values.get("threshold", 0.0)):
        for width in (1e-3, 1e-6):
            u = centre + torch.linspace(-1, 1, 101, dtype=torch.float64) * width
            assert function(u).diff().abs().max() < 10 * steep * width
    u = torch.linspace(-10, 10, 200_001, dtype=torch.float64)
    assert function(u).diff().abs().max() < 1e-3 * steep


@every_name
def test_functions_act_element_by_element(name: str) -> None:
    function = bind(name, {})
    u = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    before = u.clone()
    y = function(u)
    assert y.shape == u.shape and y.dtype == u.dtype
    assert torch.equal(u, before), "the input is left as it was"
    torch.testing.assert_close(torch.stack([function(row) for row in u]), y, rtol=0, atol=1e-15)
    assert function(u.float()).dtype == torch.float32
    assert function(u[:, :0]).shape == (3, 0)


@every_name
def test_functions_stay_finite_far_out(name: str) -> None:
    function = bind(name, {})
    u = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4], requires_grad=True)
    y = function(u)
    assert torch.isfinite(y).all()
    y.sum().backward()
    assert u.grad is not None and torch.isfinite(u.grad).all()


@with_parameters
def test_parameters_may_be_tensors(name: str) -> None:
    """One number for all, or one for each unit: as if each unit had its own function."""
    u = torch.linspace(-4, 4, 41, dtype=torch.float64).expand(2, 41)
    fixed = torch.stack([bind(name, values)(u[0]) for values in (DEFAULTS[name], OTHERS[name])])
    shared = bind(name, {key: torch.tensor(value, dtype=torch.float64) for key, value in OTHERS[name].items()})(u)
    each = {
        key: torch.tensor([[DEFAULTS[name][key]], [OTHERS[name][key]]], dtype=torch.float64) for key in DEFAULTS[name]
    }
    torch.testing.assert_close(shared, fixed[1:].expand(2, 41), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(bind(name, each)(u), fixed, rtol=1e-14, atol=1e-14)
    for key in DEFAULTS[name]:  # one of them learnt, the others fixed
        found = bind(name, {**OTHERS[name], key: each[key][1:]})(u)
        torch.testing.assert_close(found, fixed[1:].expand(2, 41), rtol=1e-14, atol=1e-14)


@with_parameters
@pytest.mark.parametrize("units", [1, 3], ids=["shared", "one each"])
def test_derivatives_by_parameters_hold_against_finite_differences(name: str, units: int) -> None:
    keys = list(DEFAULTS[name])
    spread = torch.linspace(0.9, 1.2, units, dtype=torch.float64).unsqueeze(1)
    values = [(OTHERS[name][key] * spread).requires_grad_() for key in keys]
    u = torch.linspace(-3, 3, 14, dtype=torch.float64) + 0.017
    for kink in [KINKS[name](**OTHERS[name])] if name in KINKS else []:
        u = u[(u - kink).abs() > 0.15]
    u = u.expand(3, -1).clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda u, *given: bind(name, dict(zip(keys, given, strict=True)))(u), (u, *values))


@with_parameters
def test_derivatives_by_parameters_stay_finite_far_out(name: str) -> None:
    """A branch that is not taken must not spoil the gradient of the one that is."""
    values = {key: torch.tensor(value, requires_grad=True) for key, value in DEFAULTS[name].items()}
    u = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4], requires_grad=True)
    bind(name, values)(u).sum().backward()
    for gradient in (u.grad, *(value.grad for value in values.values())):
        assert gradient is not None and torch.isfinite(gradient).all()


def test_given_parameters_win_over_defaults_one_by_one() -> None:
    u = torch.linspace(-2, 2, 9, dtype=torch.float64)
    partly = bind("nmda", {"plateau": 2.0})(u)
    assert torch.equal(partly, bind("nmda", {"plateau": 2.0, "threshold": 1.0, "gain": 4.0})(u))
    assert torch.allclose(partly, 2 * bind("nmda", {})(u))


def test_shapes_that_make_a_dendrite() -> None:
    """What each is there for, as its source tells it."""
    u = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    sublinear, nmda, dcaap = (bind(name, {})(u) for name in ("sublinear", "nmda", "dcaap"))
    assert (sublinear.diff() > 0).all() and sublinear.abs().max() < 1.0
    torch.testing.assert_close(sublinear, -sublinear.flip(0))
    assert (nmda.diff() >= 0).all() and 0 < nmda.min() and nmda.max() <= 1.0
    assert bind("nmda", {})(torch.tensor(1.0)) == 0.5, "half the plateau at threshold"
    soft = bind("dcaap", {"gain": 4.0})(u)
    peak = float(u[soft.argmax()])
    assert 1.0 < peak < 1.5, "greatest just above threshold"
    assert (soft[u > peak + 0.01].diff() < 0).all() and (soft[u < peak - 0.01].diff() > 0).all()
    assert dcaap[-1] < 1e-2 * dcaap.max(), "strong input is answered less than input at threshold"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_dcaap_is_all_or_none_and_greatest_just_above_threshold(dtype: torch.dtype) -> None:
    """Gidon et al. 2020: no answer below threshold, the whole of it just above, and less to stronger input."""
    u = torch.linspace(0, 3, 300_001, dtype=dtype)
    for threshold in (1.0, 0.5):
        y = bind("dcaap", {"threshold": threshold})(u)
        assert 0.99 < float(y.max()) <= 1.0
        assert threshold < float(u[y.argmax()]) < threshold + 0.01
        assert (y[u < threshold - 0.01] < 1e-4).all(), "none"
        assert (y[(u > threshold + 0.005) & (u < threshold + 0.02)] > 0.975).all(), "all"
        beyond = u > threshold + 0.02
        torch.testing.assert_close(y[beyond], torch.exp(threshold - u[beyond]))


def test_a_soft_dcaap_has_the_bits_that_it_had() -> None:
    """`gain: 4`, once the default, and whatever else a file says."""
    u = torch.linspace(-4, 4, 801)
    for gain, decay in ((4.0, 1.0), (8.0, 0.5)):
        expected = torch.sigmoid(gain * (u - 1.0)) * torch.exp(-torch.relu(u - 1.0) / decay)
        assert torch.equal(bind("dcaap", {"gain": gain, "decay": decay})(u), expected)


def test_gradients_of_the_default_dcaap_are_finite_everywhere() -> None:
    u = torch.cat([torch.linspace(-1e4, 1e4, 1001), 1 + torch.linspace(-0.1, 0.1, 2001)]).requires_grad_()
    values = {key: torch.tensor(value, requires_grad=True) for key, value in DEFAULTS["dcaap"].items()}
    y = bind("dcaap", values)(u)
    y.sum().backward()
    for gradient in (u.grad, *(value.grad for value in values.values())):
        assert gradient is not None and torch.isfinite(gradient).all()
    assert float(u.grad.abs().max()) <= 250  # type: ignore[union-attr]


def test_the_leaky_apical_dendrite_rises_and_falls() -> None:
    """f(u) = l min(0, u) + max(0, u) exp(-a u + c): greatest at u = 1 / a, where it is exp(c - 1) / a."""
    u = torch.linspace(-8, 12, 20_001, dtype=torch.float64)
    for leak, alpha, c in ((0.01, 1.0, 1.0), (0.1, 2.0, 0.0), (0.0, 0.5, -1.0)):
        y = bind("leaky_ada", {"leak": leak, "alpha": alpha, "c": c})(u)
        assert abs(float(u[y.argmax()]) - 1 / alpha) < 1e-3
        assert math.isclose(float(y.max()), math.exp(c - 1) / alpha, rel_tol=1e-6)
        torch.testing.assert_close(y[u < 0], leak * u[u < 0])
    assert bind("leaky_ada", {})(torch.tensor(1.0)) == 1.0, "with the defaults the peak is 1, at 1"
