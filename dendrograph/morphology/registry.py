"""Checks of names and functions that users register, and messages about errors in their code."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dendrograph.base.errors import DendrographError, clip

NAME_RULE = "a name is a letter, then letters, digits, '-' and '_', 64 characters at most"

LONGEST_NAME = 64  # characters of a name
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"  # also used in the JSON Schema

# Kinds of fair controls, which end the names of control morphologies: `dann-lrf-linear` is a control of `dann-lrf`.
CONTROLS = ("parameter-matched", "linear", "shuffled", "fan-in-matched", "compute-matched")

_NAME = re.compile(NAME_PATTERN.strip("^$") + r"\Z")

Added = Callable[..., Any]


def is_name(text: object) -> bool:
    """Whether a text is a letter, then letters, digits, `-` and `_`."""
    return isinstance(text, str) and _NAME.match(text) is not None


def check_name(kind: str, name: object) -> None:
    """Check that a name is valid.

    Raises:
        DendrographError: it is not.
    """
    if not is_name(name):
        raise DendrographError(f"'{clip(str(name))}' cannot name a {kind}\n  {NAME_RULE}")


def check_function(kind: str, name: str, function: object, called: str, *given: Any, **values: Any) -> None:
    """Check that a function can be called with these arguments.

    Raises:
        DendrographError: it is not a function, or does not take the arguments.
    """
    if not callable(function):
        raise DendrographError(f"{kind} '{name}': {clip(repr(function))} is no function\n  it is called as {called}")
    try:
        inspect.signature(function).bind(*given, **values)
    except TypeError as error:
        raise DendrographError(f"{kind} '{name}': {error}\n  it is called as {called}") from None
    except ValueError:  # a library function without a signature
        return


def check_name_is_free(kind: str, name: str, function: Added, known: Mapping[str, Added | None]) -> None:
    """Check that a name is free, or belongs to the same function, so that a notebook's cell can run again.

    Args:
        kind: `nonlinearity` or `field`.
        name: the name to register.
        function: the function to register.
        known: the registered function of each name; None for the names of the language.

    Raises:
        DendrographError: the name is taken.
    """
    if name not in known:
        return
    before = known[name]
    if before is None:
        raise DendrographError(f"{kind} '{name}' belongs to the language\n  choose another name")
    if not _same_definition(before, function):
        raise DendrographError(f"there is a {kind} '{name}' already, from {place_of(before)}\n  choose another name")


def place_of(function: Added) -> str:
    """The place of a function in messages, such as `mine.py:12`; its name if it is in no file."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return str(getattr(function, "__qualname__", None) or type(function).__name__)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def describe_error(error: BaseException, file: str) -> str:
    """An error of a user's code: the last line of `file` in its traceback, its type and its text."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines = [error.lineno]
    if isinstance(error, DendrographError):
        text = str(error)
    else:
        what = clip(str(error.msg if isinstance(error, SyntaxError) else error).strip(), most=200)
        text = ": ".join(filter(None, (type(error).__name__, what)))
    return f"{Path(file).name}:{lines[-1]}: {text}" if lines and lines[-1] else text


def describe_error_of(error: BaseException, function: Added) -> str:
    """An error that a user's function raised, as `describe_error` words it."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return describe_error(error, code.co_filename if code else "")


def _same_definition(one: Added, other: Added) -> bool:
    """Whether two functions have the same name in the same module or file.

    Functions within functions, and lambdas, only equal themselves.
    """
    if one is other:
        return True
    names = [getattr(function, "__qualname__", "<>") for function in (one, other)]
    if names[0] != names[1] or "<" in names[0]:
        return False
    modules = [getattr(function, "__module__", None) for function in (one, other)]
    files = [getattr(getattr(function, "__code__", None), "co_filename", None) for function in (one, other)]
    return modules[0] == modules[1] is not None or files[0] == files[1] is not None
