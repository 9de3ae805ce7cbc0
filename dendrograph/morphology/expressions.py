"""Arithmetic on a file's parameters: `$dendrites * $somata`, `0.5 * $slope`.

An expression holds numbers, `$name`, `+ - * / // % **` and brackets. Anything else is refused; no code is executed.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping

from dendrograph.base.errors import clip
from dendrograph.base.suggestions import did_you_mean

LONGEST = 200  # characters
LARGEST = 10**15  # a larger count is a mistake, and products of such numbers would grow without bound
SMALLEST, GREATEST = 1e-30, 1e30  # the range of fractions: float32 holds them, and their products with weights

Number = int | float

_NAME = re.compile(r"\$([A-Za-z][A-Za-z0-9_]*)")
_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])", re.ASCII)
_FOREIGN = re.compile(r"[^ +\-*/%()]+")
_ALMOST = re.compile(r"\$\s*[{(]\s*([A-Za-z][A-Za-z0-9_]*)\s*[})]|\$\s+([A-Za-z][A-Za-z0-9_]*)")
_ALLOWED = "an expression holds numbers, $names, + - * / // % ** and brackets"


def _quotient(first: Number, second: Number) -> Number:
    """The quotient; a whole number if two whole numbers divide without remainder."""
    whole = isinstance(first, int) and isinstance(second, int) and first % second == 0
    return first // second if whole else first / second


def _power(base: Number, exponent: Number) -> Number:
    """The power; a huge one is never computed."""
    if base == 0 and exponent < 0:
        raise ZeroDivisionError
    if abs(base) not in (0, 1) and abs(exponent * math.log10(abs(base))) > 300:
        raise OverflowError
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("a negative number has no such power")
    return result


_OPERATORS: dict[type[ast.AST], Callable[..., Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.FloorDiv: lambda first, second: math.floor(first // second),
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


class ExpressionError(Exception):
    """An expression without a value. `remedy` says what is allowed."""

    def __init__(self, problem: str, remedy: str = _ALLOWED) -> None:
        super().__init__(problem)
        self.remedy = remedy


def is_expression(value: object) -> bool:
    """Whether a value of a file is a text with a `$name`."""
    return isinstance(value, str) and _NAME.search(value) is not None


def names(text: str) -> set[str]:
    """The parameters that an expression uses."""
    return set(_NAME.findall(text))


def hint(text: str) -> str:
    """The right spelling of a parameter that is written as in other languages: `${d}`, `$ d`."""
    almost = _ALMOST.search(text)
    return f"a parameter is written ${almost[1] or almost[2]}" if almost else ""


def vanishes(number: str) -> bool:
    """Whether a written number is not 0, but so small that its float is 0."""
    return float(number) == 0 and re.search("[1-9]", number.lower().partition("e")[0]) is not None


def evaluate(text: str, parameters: Mapping[str, Number]) -> Number:
    """The value of an expression such as `$dendrites * ($somata + 1)`; an int if it has no fraction.

    Raises:
        ExpressionError: an unknown name, another operator, a division by zero, a number too large or too small.
    """
    text = " ".join(re.split("[ \t\r\n]+", text)).strip(" ")
    quoted = f"'{clip(text)}'"
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression of {len(text):,} characters", f"at most {LONGEST} characters")
    for name in _NAME.findall(text):
        if name not in parameters:
            raise ExpressionError(f"unknown parameter '${name}'", did_you_mean(name, parameters, "parameters"))
    blank = _NAME.sub(lambda match: " " * len(match[0]), text)
    if foreign := _FOREIGN.search(_NUMBER.sub(lambda match: " " * len(match[0]), blank)):
        word = foreign[0]
        spelling = f"a parameter is written ${word}" if word in parameters else hint(text)
        remedy = f"{spelling}; {_ALLOWED}" if spelling else _ALLOWED
        raise ExpressionError(f"cannot evaluate '{clip(word)}' in {quoted}", remedy)
    if any(map(vanishes, _NUMBER.findall(blank))):
        raise ExpressionError(f"{quoted} has too small a number", f"0, or at least {SMALLEST:g} in size")
    # Python's grammar has no '$'. No other names are left, so `_name` is a parameter, and every character keeps its
    # column.
    try:
        if re.search(r"[\w.]\$", text):  # `$a$b` is not a parameter a_b
            raise SyntaxError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.replace("$", "_"), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError(f"cannot read the expression {quoted}") from None

    def value(node: ast.expr) -> Number:
        match node:
            case ast.Constant(value=int(number) | float(number)):
                result: Number = number
            case ast.Name(id=name):
                result = parameters[name[1:]]
            case ast.UnaryOp(op=symbol, operand=operand) if type(symbol) in _OPERATORS:
                result = _OPERATORS[type(symbol)](value(operand))
            case ast.BinOp(left=left, op=symbol, right=right) if type(symbol) in _OPERATORS:
                first, second = value(left), value(right)
                try:
                    result = _OPERATORS[type(symbol)](first, second)
                except ZeroDivisionError:
                    raise ExpressionError(f"division by zero in {quoted}", "the divisor must not be 0") from None
                except OverflowError:
                    result = math.inf
                except ValueError as error:
                    raise ExpressionError(f"cannot evaluate {quoted}: {error}") from None
            case _:
                part = text[node.col_offset : node.end_col_offset]
                raise ExpressionError(f"cannot evaluate '{part}'" + f" in {quoted}" * (part != text))
        if not abs(result) <= (LARGEST if isinstance(result, int) else GREATEST):
            most = f"{LARGEST:,}" if isinstance(result, int) else f"{GREATEST:g}"
            raise ExpressionError(f"{quoted} is too large a number", f"at most {most}")
        if 0 < abs(result) < SMALLEST:
            raise ExpressionError(f"{quoted} is too small a number", f"0, or at least {SMALLEST:g} in size")
        return result

    result = value(tree.body)
    return int(result) if isinstance(result, float) and result.is_integer() and abs(result) <= LARGEST else result
