"""Names that users give to what they add: whose they are, and what is said where they cannot be given."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from dendrograph import DendrographError, register_field, register_nonlinearity
from dendrograph.morphology.nonlinearities import NONLINEARITIES, bind
from dendrograph.morphology.receptive_fields import OWN, known

pytestmark = pytest.mark.usefixtures("registries")

SOURCE = """
from dendrograph import register_field, register_nonlinearity

@register_nonlinearity("cube", equation="f(u) = {factor} u^3")
def cube(u):
    return {factor} * u**3

@register_field("first")
def first(request):
    return [range(request.count)] * request.compartments
"""


def run_as(file: str, factor: int, module: str = "__main__") -> None:
    """Run the source, as a cell of a notebook or a module does."""
    exec(compile(SOURCE.format(factor=factor), file, "exec"), {"__name__": module})


def plain(u: Any, **_: float) -> Any:
    return u


def nonlinearity(name: Any = "own", function: Any = plain, **settings: Any) -> None:
    register_nonlinearity(name, **{"equation": "f(u) = u", **settings})(function)


def refused(register: Callable[[], object]) -> str:
    with pytest.raises(DendrographError) as error:
        register()
    return str(error.value)


@pytest.fixture(params=["nonlinearity", "field"])
def kind(request: pytest.FixtureRequest) -> tuple[str, Callable[..., Any]]:
    """Either of the two decorators, by its name alone."""
    decorators = {
        "nonlinearity": lambda name: register_nonlinearity(name, equation="f(u) = u"),
        "field": lambda name: register_field(name),
    }
    return request.param, decorators[request.param]


class TestNames:
    """Of nonlinearities and fields alike."""

    @pytest.mark.parametrize("name", ["", "2d", "a b", "a.b", "x" * 65, None, 5, "größer", "a\n"])
    def test_what_is_no_name(self, kind: tuple[str, Callable[..., Any]], name: Any) -> None:
        told = refused(lambda: kind[1](name)(plain))
        assert told.startswith("'") and f"cannot name a {kind[0]}\n  a name is a letter, then letters" in told
        assert told.replace("\n", "").isprintable()

    def test_the_languages_own_are_taken(self, kind: tuple[str, Callable[..., Any]]) -> None:
        name = {"nonlinearity": "relu", "field": "local"}[kind[0]]
        assert refused(lambda: kind[1](name)(plain)) == (
            f"{kind[0]} '{name}' belongs to the language\n  choose another name"
        )

    def test_anothers_are_taken(self, kind: tuple[str, Callable[..., Any]]) -> None:
        def mine(u: Any) -> Any:
            return u

        kind[1]("own")(mine)
        kind[1]("own")(mine)  # the very same
        told = refused(lambda: kind[1]("own")(plain))
        line = mine.__code__.co_firstlineno
        assert told == f"there is a {kind[0]} 'own' already, from test_registry.py:{line}\n  choose another name"
        assert "lambda" not in refused(lambda: kind[1]("own")(lambda u: u))

    def test_the_same_definition_may_run_again(self) -> None:
        """A cell of a notebook, a module that is loaded anew: the later one holds."""
        run_as("<cell 1>", factor=1)
        run_as("<cell 2>", factor=2)
        assert bind("cube", {})(torch.tensor(2.0)) == 16.0
        assert NONLINEARITIES["cube"].equation == "f(u) = 2 u^3"
        assert list(OWN) == ["first"]
        assert refused(lambda: run_as("mine.py", 3, "mine")).startswith("there is a nonlinearity 'cube' already, from")

    def test_one_file_under_two_names_is_one(self) -> None:
        run_as("/folder/mine.py", 1, "package.mine")
        run_as("/folder/mine.py", 1, "dendrograph_plugin_mine")
        assert "already, from mine.py:4\n" in refused(lambda: run_as("/other/mine.py", 1, "other"))

    def test_parameters_that_are_no_mapping(self) -> None:
        told = refused(lambda: nonlinearity(parameters=["a"]))
        assert (
            told
            == "nonlinearity 'own': parameters is a mapping of names to numbers, found ['a']\n  write {'strength': 1.0}"
        )

    def test_what_is_no_function(self, kind: tuple[str, Callable[..., Any]]) -> None:
        called = {"nonlinearity": "f(u)", "field": "f(request)"}[kind[0]]
        assert refused(lambda: kind[1]("own")(5)) == f"{kind[0]} 'own': 5 is no function\n  it is called as {called}"

    def test_a_function_that_takes_something_else(self, kind: tuple[str, Callable[..., Any]]) -> None:
        told = refused(lambda: kind[1]("own")(lambda: None))
        called = {"nonlinearity": "f(u)", "field": "f(request)"}[kind[0]]
        assert told == f"{kind[0]} 'own': too many positional arguments\n  it is called as {called}"
        told = refused(lambda: kind[1]("own")(lambda u, v: None))
        assert told.startswith(f"{kind[0]} 'own': missing a required argument: 'v'\n")

    def test_nothing_is_added_where_something_is_refused(self, kind: tuple[str, Callable[..., Any]]) -> None:
        before = {*NONLINEARITIES, *known()}
        for name, function in (("a b", plain), ("own", 5), ("own", lambda: None)):
            refused(lambda name=name, function=function: kind[1](name)(function))  # type: ignore[misc]
        assert {*NONLINEARITIES, *known()} == before

    def test_functions_of_all_kinds(self) -> None:
        class Callee:
            def __call__(self, u: Any) -> Any:
                return u

        nonlinearity("object", Callee())
        nonlinearity("builtin", torch.sin)
        nonlinearity("lambda", lambda u: u)
        nonlinearity("keyword", lambda u, *, gain: gain * u, parameters={"gain": 2})
        nonlinearity("any", plain, parameters={"gain": 2})
        assert bind("keyword", {})(torch.tensor(2.0)) == 4.0
        assert bind("builtin", {})(torch.tensor(0.0)) == 0.0
        assert "from Callee\n" in refused(lambda: nonlinearity("object", plain))

    def test_the_function_is_given_back(self, kind: tuple[str, Callable[..., Any]]) -> None:
        assert kind[1]("own")(plain) is plain


class TestParameters:
    """Of nonlinearities."""

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"parameters": {"name": 1.0}}, "nonlinearity 'own': a parameter cannot be called 'name'\n"),
            ({"parameters": {"u": 1.0}}, "nonlinearity 'own': a parameter cannot be called 'u'\n"),
            ({"parameters": {"a-b": 1.0}}, "nonlinearity 'own': 'a-b' cannot name a parameter\n"),
            ({"parameters": {"lambda": 1.0}}, "nonlinearity 'own': 'lambda' cannot name a parameter\n"),
            ({"parameters": {"a.b": 1.0}}, "nonlinearity 'own': 'a.b' cannot name a parameter\n"),
            ({"parameters": {3: 1.0}}, "nonlinearity 'own': '3' cannot name a parameter\n"),
            ({"parameters": {"a": "1"}}, "nonlinearity 'own': the default of 'a' is no number, but '1'"),
            ({"parameters": {"a": True}}, "nonlinearity 'own': the default of 'a' is no number, but True"),
            ({"parameters": {"a": None}}, "nonlinearity 'own': the default of 'a' is no number, but None"),
            (
                {"parameters": {"a": math.nan}},
                "nonlinearity 'own': the default of 'a' is nan\n  give 0, or a number of",
            ),
            ({"parameters": {"a": math.inf}}, "nonlinearity 'own': the default of 'a' is inf\n"),
            ({"parameters": {"a": 1e-40}}, "nonlinearity 'own': the default of 'a' is 1e-40\n"),
            ({"positive": ["a"]}, "nonlinearity 'own' has no parameter 'a', which shall be positive"),
            ({"parameters": {"a": 0}, "positive": ["a"]}, "nonlinearity 'own': 'a' shall be positive, and is 0"),
            ({"parameters": {"ab": 1}, "positive": "ab"}, "nonlinearity 'own': positive is a list of parameters\n"),
        ],
        ids=str,
    )
    def test_what_cannot_be_meant(self, settings: dict[str, Any], message: str) -> None:
        assert refused(lambda: nonlinearity(**settings)).startswith(message)

    def test_a_function_that_does_not_take_them(self) -> None:
        told = refused(lambda: nonlinearity(function=lambda u, gain: u, parameters={"gian": 1.0}))
        assert told == "nonlinearity 'own': missing a required argument: 'gain'\n  it is called as f(u, gian)"

    def test_whole_numbers_and_numpys_are_taken(self) -> None:
        import numpy as np

        nonlinearity(parameters={"a": 2, "b": np.float32(0.5), "c": np.int64(3), "d": 0})
        assert dict(NONLINEARITIES["own"].defaults) == {"a": 2.0, "b": 0.5, "c": 3.0, "d": 0.0}
        assert all(type(value) is float for value in NONLINEARITIES["own"].defaults.values())


def test_a_name_that_nothing_registered_in_this_process() -> None:
    assert refused(lambda: bind("cube", {})) == (
        "there is no nonlinearity 'cube' in this process\n  import what registers it"
    )
