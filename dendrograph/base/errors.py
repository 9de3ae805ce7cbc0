"""The errors that a user's input can cause, and how messages show values, arguments and options.

Every such error is a `DendrographError`. Its text says what was found, what is allowed and what to do. The command line
prints it without a traceback and exits with code 2.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, cast

MOST_FAULTS = 100  # reading stops after this number, since the search for similar names takes time
MOST_WORDS = 25  # longer lists of known words are shortened

SETTING = ("--set ", "overrides={")  # the beginning of the place of a value that was set, and is in no file
_for_command_line = False


class DendrographError(Exception):
    """Wrong input. The text alone must be enough to correct it."""

    def __str__(self) -> str:
        """The text, printable whatever names it quotes."""
        return printable(super().__str__())


class DataWarning(UserWarning):
    """A doubtful reading of the user's own data. Commands print it as a note."""


@dataclass(frozen=True)
class Fault:
    """One fault of a morphology file.

    Attributes:
        place: `file:line:column`, or the override that set the value.
        path: of the value in the file, such as `layers[0].count`.
        problem: what is wrong.
        remedy: what to do.
    """

    place: str
    path: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.place, self.path, self.problem) if part)
        return text + "".join(f"\n  {line}" for line in self.remedy.splitlines())


class KindError(DendrographError, TypeError):
    """An argument of the wrong type."""


class MorphologyError(DendrographError):
    """A morphology that is not valid. `faults` holds every fault found, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class WiringError(DendrographError):
    """A receptive field that cannot be wired as declared, or wiring that does not match the morphology."""


class DataError(DendrographError):
    """A data set that is missing, is damaged, or does not fit the morphology."""


class RunError(DendrographError):
    """A run folder that cannot be written, read or resumed."""


class TrainingError(DendrographError):
    """A training that cannot continue, for example because the loss is not finite."""


class Faults:
    """The faults found so far, each once."""

    def __init__(self, found: Iterable[Fault] = ()) -> None:
        self._found = {_identity(fault): fault for fault in found}
        # A value that could not be read is a placeholder, whose further faults mean nothing.
        self._unread = {(fault.place, fault.path) for fault in self._found.values()}

    def add(self, fault: Fault) -> None:
        """Note a fault.

        Raises:
            MorphologyError: there are `MOST_FAULTS` faults.
        """
        if (fault.place, fault.path) not in self._unread:
            self._found.setdefault(_identity(fault), fault)
        if len(self._found) >= MOST_FAULTS:
            raise MorphologyError([*self, Fault("", "", f"reading stopped after {MOST_FAULTS} faults")])

    def raise_if_any(self) -> None:
        """Raise all faults together as one `MorphologyError`, in the order of the file."""
        if self._found:
            raise MorphologyError(self)

    def __iter__(self) -> Iterator[Fault]:
        """The faults in the order of the file."""
        return iter(sorted(self._found.values(), key=lambda fault: _line_and_column(fault.place)))


def _line_and_column(place: str) -> tuple[int, ...]:
    found = None if place.startswith(SETTING) else re.search(r"^.*:(\d+):(\d+)\Z", place, re.DOTALL)
    return (int(found[1]), int(found[2])) if found else ()


def _identity(fault: Fault) -> object:
    # An alias puts one value of a file at many paths; it is reported once.
    return (fault.place, fault.problem) if _line_and_column(fault.place) else fault


@contextmanager
def for_command_line(whether: bool = True) -> Iterator[None]:
    """Within this context, messages are worded for the command line; otherwise for a caller in Python."""
    global _for_command_line
    before, _for_command_line = _for_command_line, whether
    try:
        yield
    finally:
        _for_command_line = before


def is_for_command_line() -> bool:
    """Whether messages are worded for the command line. Whoever starts another process passes this on."""
    return _for_command_line


def worded(command_line: str, python: str) -> str:
    """The text for the command line or the one for Python, whichever the reader of the message uses."""
    return command_line if _for_command_line else python


OPTIONS = {"overrides": "set"}  # arguments in Python whose command-line option has another name


def argument(name: str, value: object = None, option: str | None = None) -> str:
    """An argument as the reader of a message writes it. Every message that names an argument uses this function.

        argument("out")                   --out                 `out`
        argument("resume", True)          --resume              resume=True
        argument("fold", False)           --no-fold             fold=False
        argument("select", ["lr"])        --select lr           select=['lr']
        argument("overrides", {"n": 3})   --set n=3             overrides={'n': 3}

    Args:
        name: the name in Python.
        value: its value, if the message is about the value.
        option: the name at the command line, if it differs.
    """
    if not _for_command_line:
        shown = str(value) if isinstance(value, os.PathLike) else value
        return f"`{name}`" if value is None else f"{name}={shown!r}"
    word = (option or OPTIONS.get(name, name)).replace("_", "-")
    if value is None or isinstance(value, bool):
        return f"--no-{word}" if value is False else f"--{word}"
    if isinstance(value, Mapping):
        value = [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, list | tuple):
        return f"--{word} {','.join(map(str, value))}"
    return f"--{word} {value:g}" if isinstance(value, float) else f"--{word} {value}"


def setting(name: str) -> str:
    """A setting at the beginning of a message: `lr` in Python, `--lr` at the command line."""
    return argument(name) if _for_command_line else name


def printable(text: str) -> str:
    r"""A text in which control characters, escape sequences and marks of direction are visible, not obeyed.

    Each is written as Python writes it, such as `\x1b`. Line breaks, tabs and spaces of any width are kept.
    """
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or unicodedata.category(c) == "Zs" else _escaped(c) for c in text)


# What to pass instead of an object, by the name of the class that is expected and of the class that was found.
_DATASET = "datasets.from_tensors(x_train, y_train, x_test, y_test)"
_NAME_OR_PATH = {"Run": "{0}.folder", "bytes": "{0}.decode()", "device": "str({0})"}
_INSTEAD: Mapping[str, Mapping[str, str]] = {
    "Tensor": {
        "ndarray": "torch.from_numpy({0}).float()",
        "generic": "torch.tensor({0})",
        "list": "torch.tensor({0})",
        "tuple": "torch.tensor({0})",
        "DataFrame": "torch.from_numpy({0}.to_numpy()).float()",
        "Series": "torch.from_numpy({0}.to_numpy()).float()",
        "DataLoader": "its batches, one at a time",
        "Dataset": "one of its tensors, such as data.test.inputs['image']",
        "Split": "one of its tensors, such as split.inputs['image']",
    },
    "Graph": {
        "Morphology": "compile({0}, inputs, classes)",
        "DendriticNetwork": "{0}.graph",
        "DendriticLayer": "{0}.network.graph",
        "Run": "{0}.graph()",
        "str": "compile(load({0}), inputs, classes)",
        "PurePath": "compile(load({0}), inputs, classes)",
    },
    "DendriticNetwork": {
        "Graph": "DendriticNetwork({0})",
        "Morphology": "DendriticNetwork(compile({0}, inputs, classes))",
        "DendriticLayer": "{0}.network",
        "Run": "{0}.network()",
        "str": "build({0}, inputs, classes), or Run.open({0}).network() of a run folder",
        "PurePath": "build({0}, inputs, classes), or Run.open({0}).network() of a run folder",
    },
    "Morphology": {
        "Graph": "{0}.morphology",
        "DendriticNetwork": "{0}.graph.morphology",
        "Run": "{0}.morphology",
        "Compartment": "Morphology(name, neurons={{'neuron': {0}}}, layers=[Layer('layer', 'neuron', 1)])",
        "dict": "Morphology.from_dict({0})",
        "str": "load({0})",
        "PurePath": "load({0})",
    },
    "Dataset": {
        "str": "datasets.load({0})",
        "PurePath": "datasets.load({0})",
        **dict.fromkeys(("ndarray", "Tensor", "tuple", "list", "dict", "DataLoader", "Split"), _DATASET),
    },
    "Split": {"Dataset": "{0}.test"},
    "TrainConfig": {"dict": "TrainConfig(**{0})", "int": "TrainConfig(epochs={0})"},
    "Run": {"str": "Run.open({0})", "PurePath": "Run.open({0})"},
    "Mapping": {"str": "a mapping of names to values", "DataFrame": "{0}.to_dict()"},
    "str": {
        **_NAME_OR_PATH,
        "Morphology": "a name or a path; compile takes a Morphology, and DendriticNetwork what compile gives",
        "Graph": "a name or a path; DendriticNetwork takes a Graph",
    },
}


_KIND_NAMES: Mapping[type, str] = {os.PathLike: "path", Integral: "int", Real: "float"}


def expect(name: str, value: object, *kinds: type | None) -> None:
    """Check the type of an argument. `None` among the types allows that it is not given.

    Raises:
        KindError: another type; the text says which were expected, what was found and what to pass.
    """
    allowed = tuple(type(None) if kind is None else kind for kind in kinds)
    if isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed):
        return
    names = ["None" if kind is None else _KIND_NAMES.get(kind, kind.__name__) for kind in kinds]
    found = [base.__name__ for base in type(value).__mro__]
    ways = (_INSTEAD.get(kind, {}).get(base) for kind in names for base in found)
    way = next(filter(None, ways), "")
    remedy = f"\n  pass {way.format(name)}" if way else ""
    expected = " or ".join("torch.Tensor" if kind == "Tensor" else kind for kind in names)
    raise KindError(f"`{name}`: expected {expected}, found {shown(value)}{remedy}")


def several(name: str, given: object, *kinds: type) -> list[Any]:
    """The list of values of an argument that takes one value or several, by default texts.

    Raises:
        KindError: the argument, or one of its values, is of another type.
    """
    kinds = kinds or (str,)
    expect(name, given, *kinds, *(() if isinstance(given, Mapping) else (Iterable,)))
    found = [given] if isinstance(given, kinds) else list(cast("Iterable[Any]", given))
    for one in found:
        expect(name, one, *kinds)
    return found


def shown(value: object) -> str:
    """A value as messages show it: the value itself if it is short and plain, else its type."""
    if value is None or isinstance(value, str | bool | int | float | complex):
        return clip(repr(value))
    if isinstance(value, list | tuple | dict) and len(value) <= MOST_WORDS and len(text := repr(value)) <= 60:
        return clip(text)
    if isinstance(value, list | tuple | dict | set):
        return f"a {type(value).__name__} of {len(value)}"
    kind = value if isinstance(value, type) else type(value)
    name = (
        kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}.{kind.__qualname__}"
    )
    if isinstance(value, type):
        return f"the class {name} itself"
    if callable(value) and isinstance(own := getattr(value, "__name__", None), str):
        return f"the function {own}"
    shape = getattr(value, "shape", None)
    return f"an object of type {name}" + (f" of shape {tuple(shape)}" if isinstance(shape, tuple) else "")


def clip(text: str, most: int = 60) -> str:
    """A user's text as messages quote it: short, printable and on one line."""
    shown = "".join(map(_escaped, text[: most + 1]))
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def one_line(text: object) -> str:
    """A text in full, printable and on one line, such as a path."""
    return "".join(map(_escaped, str(text)))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
