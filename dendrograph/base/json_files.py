"""JSON files with a SHA-256 of their content, and the check of what they hold against a table of forms.

A file is checked against its table before anything in it is used. Fields that no table names are kept: they are for
people.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dendrograph.base.errors import RunError, clip

MOST_TEXT = 64 * 2**20  # bytes of a JSON file or a history: far beyond use
REMEDY = "take the file from a copy of the run; what a run recorded cannot be edited"


@dataclass(frozen=True)
class Value:
    """The form of a single value: a description in words, and a test."""

    words: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class Each:
    """The form of a list or of a mapping of any names, with at least `least` values, all of one form."""

    kind: type[dict] | type[list]
    form: Form
    least: int = 0


@dataclass(frozen=True)
class Maybe:
    """The form of a value that may be missing (`null`)."""

    form: Form


Form = Value | Each | Maybe | Mapping[str, Any]  # a mapping has the form of each field; a field NAME? may be missing


def whole(low: int, high: int = 2**63) -> Value:
    """A whole number within bounds."""
    return Value(f"a whole number from {low} to {high}", lambda value: type(value) is int and low <= value <= high)


def number(low: float, high: float = math.inf, finite: bool = True) -> Value:
    """A number within bounds. If it need not be `finite`, it may also be nan."""

    def fits(value: Any) -> bool:
        if type(value) not in (int, float) or (isinstance(value, int) and abs(value) > 2**1000):
            return False
        return low <= value <= high and math.isfinite(value) if finite else math.isnan(value) or low <= value <= high

    return Value(f"a number from {low:g} to {high:g}", fits)


TEXT = Value("text", lambda value: isinstance(value, str))
FLAG = Value("true or false", lambda value: isinstance(value, bool))
PLAIN = Value("text, a number, true, false or null", lambda value: not isinstance(value, dict | list))
FOLDER = Value(
    "the name of a folder",
    lambda value: isinstance(value, str) and value not in ("", ".", "..") and not set(value) & {"/", "\\", "\0"},
)
DIGEST = Value(
    "a SHA-256 in hexadecimal digits",
    lambda value: isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef"),
)


def check_form(value: Any, form: Form, path: Path, place: str = "", remedy: str = REMEDY) -> None:
    """Check that a value of a file has a form.

    Args:
        value: a plain value, as JSON has them.
        form: the form that it must have.
        path: the file, for messages.
        place: the place in the file, such as `graph.inputs`.
        remedy: what to do about a fault.

    Raises:
        RunError: another form; the text names the field, what was found and what is allowed.
    """
    if isinstance(form, Maybe):
        if value is not None:
            check_form(value, form.form, path, place, remedy)
    elif isinstance(form, Value):
        if not form.fits(value):
            raise _fault(value, form.words, path, place, remedy)
    elif isinstance(form, Each):
        if not isinstance(value, form.kind) or len(value) < form.least:
            least = f" of at least {form.least}" if form.least else ""
            raise _fault(value, f"a {'list' if form.kind is list else 'mapping'}{least}", path, place, remedy)
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            check_form(part, form.form, path, f"{place}.{clip(str(key))}", remedy)
    else:
        if not isinstance(value, dict):
            raise _fault(value, "a mapping", path, place, remedy)
        for key, part in form.items():
            name = key.removesuffix("?")
            within = f"{place}.{name}" if place else name
            if name in value:
                check_form(value[name], part, path, within, remedy)
            elif name == key:
                raise RunError(f"{path}: damaged: '{within}' is missing\n  {remedy}")


def _fault(value: Any, allowed: str, path: Path, place: str, remedy: str) -> RunError:
    if isinstance(value, dict):
        found = "a mapping"
    elif isinstance(value, list):
        found = f"a list of {len(value)}"
    else:  # some types of tensors cannot be printed
        plain = value is None or isinstance(value, str | int | float)
        found = clip(repr(value)) if plain else f"an object of type {type(value).__name__}"
    where = f"'{place}'" if place else "it"
    return RunError(f"{path}: damaged: {where} is {found}, expected {allowed}\n  {remedy}")


def read_file(path: Path, most: int = MOST_TEXT) -> bytes:
    """The content of an ordinary file of at most `most` bytes.

    Raises:
        FileNotFoundError: there is no such file.
        RunError: it cannot be read, is not an ordinary file, or is too large.
    """
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as stream:  # a pipe must not block
            about = os.fstat(stream.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise RunError(f"{path}: cannot be read: it is no file\n  {REMEDY}")
            if about.st_size > most:
                raise RunError(f"{path}: damaged: it has {about.st_size:,} bytes, at most {most:,} fit\n  {REMEDY}")
            return stream.read()
    except FileNotFoundError:
        if path.is_symlink():
            raise RunError(f"{path}: cannot be read: a link to a file that is not there\n  {REMEDY}") from None
        raise
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}\n  {REMEDY}") from None


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        RunError: it cannot be read, or is not JSON.
    """
    try:
        return json.loads(read_file(path).decode())
    except FileNotFoundError:
        raise RunError(f"{path}: cannot be read: No such file or directory\n  {REMEDY}") from None
    except ValueError as error:
        raise RunError(f"{path}: damaged: no JSON: {error}\n  take the file from a copy of the run") from None
    except RecursionError:
        raise RunError(f"{path}: damaged: nested too deeply\n  take the file from a copy of the run") from None


def sealed(value: Mapping[str, Any]) -> str:
    """The text of a JSON file that ends with a SHA-256 of its content, which reveals damage and edits."""
    return json.dumps({**value, "sha256": seal(value)}, indent=2) + "\n"


def seal(value: Any) -> str:
    """The SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read_sealed(path: Path, form: Form | None = None, version: int | None = None) -> dict[str, Any]:
    """The content of a file that `sealed` made.

    Args:
        path: the file.
        form: the form of its content.
        version: the version of the file's format, if the file names one.

    Raises:
        RunError: it cannot be read, was changed, or has another form or version.
    """
    value = read_json(path)
    try:
        whole = isinstance(value, dict) and value.pop("sha256", None) == seal(value)
    except RecursionError:
        whole = False
    if not whole:
        raise RunError(f"{path}: damaged or changed: its content is not what its SHA-256 says\n  {REMEDY}")
    if version is not None and (type(value.get("format")) is not int or value["format"] != version):
        raise RunError(f"{path}: format {clip(repr(value.get('format')))}, this version reads {version}")
    if form is not None:
        check_form(value, form, path)
    return value
