"""Whole-number expressions of a file's parameters: `$dendrites * $somata`.

Only whole numbers, `$name`, `+ - * //` and brackets exist; anything else is refused, and nothing is ever executed.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping

from dendrograph.errors import clip, did_you_mean

LONGEST = 200  # characters
LARGEST = 10**15  # a count beyond this is a slip, and products of such numbers would grow without bound
SMALLEST, GREATEST = 1e-30, 1e30  # of numbers with a fraction: float32 holds these, and their products with weights

_NAME = re.compile(r"\$([A-Za-z][A-Za-z0-9_]*)")
_FOREIGN = re.compile(r"\d*[^\s\d+\-*/()]+[^\s+\-*/()]*", re.ASCII)
_ALLOWED = "an expression holds whole numbers, $names, + - * // and brackets"

_OPERATORS: dict[type[ast.AST], Callable[..., int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


class ExpressionError(Exception):
    """An expression that cannot be evaluated; `remedy` says what is allowed."""

    def __init__(self, problem: str, remedy: str = _ALLOWED) -> None:
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
    text = " ".join(text.split())
    quoted = f"'{clip(text)}'"
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression of {len(text):,} characters", f"at most {LONGEST} characters")
    for name in _NAME.findall(text):
        if name not in parameters:
            raise ExpressionError(f"unknown parameter '${name}'", did_you_mean(name, parameters, "parameters"))
    if foreign := _FOREIGN.search(_NAME.sub(lambda match: " " * len(match[0]), text)):
        word = foreign[0]
        remedy = f"a parameter is written ${word}; {_ALLOWED}" if word in parameters else _ALLOWED
        raise ExpressionError(f"cannot evaluate '{clip(word)}' in {quoted}", remedy)
    # '$' is no character of Python's grammar. With nothing foreign left, `_name` can only be a parameter, and every
    # character keeps its column.
    try:
        if re.search(r"\w\$", text):  # `$a$b` is no parameter named a_b
            raise SyntaxError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.replace("$", "_"), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError(f"cannot read the expression {quoted}") from None

    def value(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int(number)):
                result = number
            case ast.Name(id=name):
                result = parameters[name[1:]]
            case ast.UnaryOp(op=symbol, operand=operand) if type(symbol) in _OPERATORS:
                result = _OPERATORS[type(symbol)](value(operand))
            case ast.BinOp(left=left, op=symbol, right=right) if type(symbol) in _OPERATORS:
                first, second = value(left), value(right)
                if isinstance(symbol, ast.FloorDiv) and second == 0:
                    raise ExpressionError(f"division by zero in {quoted}", "the divisor must not be 0")
                result = _OPERATORS[type(symbol)](first, second)
            case _:
                part = text[node.col_offset : node.end_col_offset]
                whole_division = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
                remedy = f"whole numbers are divided by //; {_ALLOWED}" if whole_division else _ALLOWED
                raise ExpressionError(f"cannot evaluate '{part}'" + f" in {quoted}" * (part != text), remedy)
        if abs(result) > LARGEST:
            raise ExpressionError(f"{quoted} is too large a number", f"at most {LARGEST:,}")
        return result

    return value(tree.body)
