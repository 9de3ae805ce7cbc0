"""Whole-number expressions of a file's parameters: `$dendrites * $somata`.

Only whole numbers, `$name`, `+ - * //` and brackets exist; anything else is refused, and nothing is ever executed.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping

from dendrograph.errors import did_you_mean

LONGEST = 200  # characters
LARGEST = 10**15  # a count beyond this is a slip, and products of such numbers would grow without bound

_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_BARE = re.compile(r"(?<![\w$])[A-Za-z_]\w*")


class ExpressionError(Exception):
    """An expression that cannot be evaluated; `remedy` says what is allowed."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.remedy = remedy


def is_expression(value: object) -> bool:
    """Whether a value of a file is text that holds a `$name`."""
    return isinstance(value, str) and _NAME.search(value) is not None


def names(text: str) -> set[str]:
    """The parameters that an expression uses."""
    return set(_NAME.findall(text))


def evaluate(text: str, parameters: Mapping[str, int]) -> int:
    """Value of an expression such as `$dendrites * ($somata + 1)`.

    Raises:
        ExpressionError: an unknown name, an operator other than `+ - * //`, a division by zero, a number too large.
    """
    allowed = "an expression holds whole numbers, $names, + - * // and brackets"
    if len(text) > LONGEST:
        raise ExpressionError(f"expression of {len(text)} characters", f"at most {LONGEST} characters; {allowed}")
    for name in sorted(names(text)):
        if name not in parameters:
            raise ExpressionError(f"unknown parameter '${name}'", did_you_mean(name, parameters, "parameters"))
    if bare := _BARE.search(text):
        raise ExpressionError(f"cannot evaluate '{bare[0]}' in '{text}'", f"a parameter is written $name; {allowed}")
    # '$' is no character of Python's grammar; with no bare name left, every identifier below is a known parameter.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(_NAME.sub(r"\1", text).strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError(f"cannot read the expression '{text}'", allowed) from None
    return _value(tree.body, text, parameters, allowed)


def _value(node: ast.expr, text: str, parameters: Mapping[str, int], allowed: str) -> int:
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            result = number
        case ast.Name(id=name) if name in parameters:
            result = parameters[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            result = -_value(operand, text, parameters, allowed)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() as operator, right=right):
            first = _value(left, text, parameters, allowed)
            second = _value(right, text, parameters, allowed)
            if isinstance(operator, ast.FloorDiv) and second == 0:
                raise ExpressionError(f"division by zero in '{text}'", "the divisor must not be 0")
            result = {
                ast.Add: lambda: first + second,
                ast.Sub: lambda: first - second,
                ast.Mult: lambda: first * second,
                ast.FloorDiv: lambda: first // second,
            }[type(operator)]()
        case _:
            raise ExpressionError(f"cannot evaluate '{ast.unparse(node)}' in '{text}'", allowed)
    if abs(result) > LARGEST:
        raise ExpressionError(f"'{text}' is too large a number", f"at most {LARGEST:,}")
    return result
