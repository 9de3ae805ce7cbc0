"""How tests run over many values without an item for each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, product
from typing import Any

import pytest

ParameterSet = type(pytest.param())


def for_each(names: str, values: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with every value, as one item that reports all values at which it fails.

    Takes what `pytest.mark.parametrize` takes. It suits a cheap check of one law. The values share the fixtures of
    the test.
    """
    known, every = [name.strip() for name in names.split(",")], [*values]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            failed: dict[str, Exception] = {}
            for value in every:
                given = value if len(known) > 1 else (value,)
                if isinstance(value, ParameterSet):
                    given = value.values
                try:
                    test(*args, **fixtures, **dict(zip(known, given, strict=True)))
                except Exception as error:  # noqa: BLE001  # all of them are reported below
                    failed[getattr(value, "id", None) or ", ".join(map(str, given))] = error
            if failed:
                raise AssertionError(f"fails for {len(failed)} of {len(every)}: {'; '.join(failed)}") from next(
                    iter(failed.values())
                )

        signature = inspect.signature(test)
        kept = [parameter for name, parameter in signature.parameters.items() if name not in known]
        run.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return run

    return decorate


def each_pair(*axes: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Combinations in which any two values of two axes meet: far fewer than all combinations of three axes or more."""
    every: Sequence[Sequence[Any]] = [[*axis] for axis in axes]

    def pairs(places: tuple[int, ...]) -> set[tuple[int, int, int, int]]:
        return {(one, places[one], other, places[other]) for one, other in combinations(range(len(places)), 2)}

    waiting = [*product(*(range(len(axis)) for axis in every))]
    missing = set().union(*map(pairs, waiting))
    chosen = []
    while missing:
        best = max(waiting, key=lambda places: len(pairs(places) & missing))
        missing -= pairs(best)
        chosen.append(tuple(axis[place] for axis, place in zip(every, best, strict=True)))
    return chosen
