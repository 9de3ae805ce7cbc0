"""What the registries of nonlinearities and fields share: whose a name is, and how a user's function is told of."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dendrograph.base.errors import DendrographError, clip

NAME_RULE = "a name is a letter, then letters, digits, '-' and '_', 64 characters at most"

LONGEST_NAME = 64  # letters of a name
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"  # as a JSON Schema has it

_NAME = re.compile(NAME_PATTERN.strip("^$") + r"\Z")

Added = Callable[..., Any]


def is_name(text: object) -> bool:
    """Whether it is a letter, then letters, digits, `-` and `_`."""
    return isinstance(text, str) and _NAME.match(text) is not None


def check_name(kind: str, name: object) -> None:
    """Hold a name to the language's rule.

    Raises:
        DendrographError: it is no name.
    """
    if not is_name(name):
        raise DendrographError(f"'{clip(str(name))}' cannot name a {kind}\n  {NAME_RULE}")


def check_function(kind: str, name: str, function: object, called: str, *given: Any, **values: Any) -> None:
    """Hold a function to how it will be called.

    Raises:
        DendrographError: it is no function, or does not take what it will be given.
    """
    if not callable(function):
        raise DendrographError(f"{kind} '{name}': {clip(repr(function))} is no function\n  it is called as {called}")
    try:
        inspect.signature(function).bind(*given, **values)
    except TypeError as error:
        raise DendrographError(f"{kind} '{name}': {error}\n  it is called as {called}") from None
    except ValueError:  # a function of a library that does not tell what it takes
        return


def check_name_is_free(kind: str, name: str, function: Added, known: Mapping[str, Added | None]) -> None:
    """Hold that a name is free, or that the function which has it is the same, defined again.

    A notebook's cell, or a module that is loaded anew, may run as often as it likes. `known` maps each name to the
    function behind it, None for what belongs to the language.

    Raises:
        DendrographError: the name is another's.
    """
    if name not in known:
        return
    before = known[name]
    if before is None:
        raise DendrographError(f"{kind} '{name}' belongs to the language\n  choose another name")
    if not _same_definition(before, function):
        raise DendrographError(f"there is a {kind} '{name}' already, from {place_of(before)}\n  choose another name")


def place_of(function: Added) -> str:
    """Where a function stands, as messages tell it: `mine.py:12`; by its name where it stands in no file."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return str(getattr(function, "__qualname__", None) or type(function).__name__)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def describe_error(error: BaseException, file: str) -> str:
    """An error of a user's code: the last line of `file` that it came through, its type and its text."""
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
    """The same, of an error that a function raised."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return describe_error(error, code.co_filename if code else "")


def _same_definition(one: Added, other: Added) -> bool:
    """Whether two functions stand at one place: the same name in the same module, or in the same file.

    What stands within a function, and a lambda, has no place of its own.
    """
    if one is other:
        return True
    names = [getattr(function, "__qualname__", "<>") for function in (one, other)]
    if names[0] != names[1] or "<" in names[0]:
        return False
    modules = [getattr(function, "__module__", None) for function in (one, other)]
    files = [getattr(getattr(function, "__code__", None), "co_filename", None) for function in (one, other)]
    return modules[0] == modules[1] is not None or files[0] == files[1] is not None
