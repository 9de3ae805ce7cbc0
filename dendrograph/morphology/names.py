"""What may be a name in the language: of a compartment, a layer, a stream, a parameter, a field, a nonlinearity."""

from __future__ import annotations

import re

NAME_RULE = "a name is a letter, then letters, digits, '-' and '_', 64 characters at most"

LONGEST = 64  # letters of a name
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"  # as a JSON Schema has it

_NAME = re.compile(NAME_PATTERN.strip("^$") + r"\Z")


def is_name(text: object) -> bool:
    """Whether it is a letter, then letters, digits, `-` and `_`."""
    return isinstance(text, str) and _NAME.match(text) is not None
