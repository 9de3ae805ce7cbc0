"""Plugins: modules of Python that add nonlinearities and fields to the language.

A morphology file names the plugins that it needs, and can do no more than that: a name is that of a plugin which the
user has installed (an entry point of the group `dendrograph.plugins`), or of one which he named himself, by `--plugin`
or `load(..., plugins=[...])`. Nothing else is ever imported because a file says so. What was named once is known to the
process from then on, and is imported once.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from dendrograph.base.errors import DendrographError, MorphologyError, clip, several, worded
from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology.registry import describe_error
from dendrograph.morphology.validation import Cursor

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "dendrograph.plugins"
KIND = "installed or named"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}\Z")
_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_MODULE = re.compile(rf"{_DOTTED}\Z", re.ASCII)
_ENTRY = re.compile(rf"\s*({_DOTTED})\s*(?::\s*({_DOTTED})\s*)?(?:\[.*\]\s*)?\Z", re.ASCII)  # module:function [extras]


@dataclass(frozen=True)
class Plugin:
    """A plugin that was imported: its name in files, what it was imported from, and the SHA-256 of its source."""

    name: str
    origin: str
    digest: str


IMPORTED: dict[str, Plugin] = {}


def import_plugins(named: Iterable[str | Path]) -> tuple[str, ...]:
    """Import the plugins that the user names himself, and give their names as files write them.

    Args:
        named: each an installed plugin, a module such as `my_package.dendrites` (its name in files is the same), or the
            path of a file such as `./mine.py` (its name in files is `mine`).

    Raises:
        DendrographError: there is no such plugin, it cannot be imported, or its name is that of another.
    """
    if isinstance(named, str | Path):
        raise DendrographError(f"plugins is a list of modules and files\n  write plugins=[{str(named)!r}]")
    return tuple(dict.fromkeys(_import_named(str(one)) for one in several("plugins", named, str, PathLike)))


def read_plugins(cursor: Cursor) -> tuple[str, ...]:
    """The list of plugins of a file, each of which is imported.

    Raises:
        MorphologyError: one that is not there or cannot be imported, together with all faults so far: without it, what
            follows in the file cannot be judged.
    """
    if isinstance(cursor.value, str):
        cursor.expected("a list of plugins", f"write plugins: [{clip(cursor.value)}]")
        raise MorphologyError(cursor.faults)
    names: list[str] = []
    missing = False
    for entry in cursor.entries("plugins"):
        if not isinstance(entry.value, str):
            entry.expected("the name of a plugin")
            continue
        if entry.value in names:
            entry.fault(f"the plugin '{clip(entry.value)}' stands twice", "name each plugin once")
            continue
        names.append(entry.value)
        try:
            _import_by_name(entry.value)
        except DendrographError as error:
            missing = True
            problem, _, remedy = str(error).partition("\n")
            entry.fault(problem, "\n".join(line.strip() for line in remedy.splitlines()))
    if missing:
        raise MorphologyError(cursor.faults)
    return tuple(names)


def require_plugins(names: Iterable[str]) -> None:
    """Import the plugins that a morphology was read with, where another process read it.

    Raises:
        DendrographError: one is not installed here, and the user has not named it in this process.
    """
    for name in names:
        _import_by_name(name)


def digests(names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of the source of each plugin that a morphology was read with: it decides results as the file does."""
    return {name: IMPORTED[name].digest for name in names}


def installed() -> dict[str, list[EntryPoint]]:
    """Name -> entry points of the installed plugins; more than one where two packages have taken one name.

    What lies in a folder that is searched only because of where Python was started is not installed: else a file from
    a stranger could bring its plugin along.
    """
    from importlib.metadata import entry_points  # not needed by most files, and not light

    by_chance = _searched_by_chance()
    found: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        folder = Path(str(entry.dist.locate_file(""))).resolve() if entry.dist else None
        if folder not in by_chance:
            found.setdefault(entry.name, {})[entry.value] = entry
    return {name: list(entries.values()) for name, entries in found.items()}


def _searched_by_chance() -> set[Path]:
    """The folders in which Python looks for modules only because of the working directory.

    `python -m` looks in the working directory, and so does an empty or relative entry of PYTHONPATH ('', '.', 'lib'). A
    folder that is also named by its whole path was meant.
    """
    environment = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    entries = environment.split(os.pathsep) if environment else []
    relative = {Path(entry).resolve() for entry in entries if not os.path.isabs(entry)}
    first = 0 if getattr(sys.flags, "safe_path", False) else 1  # without it sys.path[0] is the working directory
    named = {Path(folder).resolve() for folder in sys.path[first:] if os.path.isabs(folder)} - relative
    named |= {Path(entry).resolve() for entry in entries if os.path.isabs(entry)}
    return ({Path.cwd()} | relative) - named


def _import_by_name(name: str) -> None:
    """Import the plugin of a name that stands in a file."""
    if name in IMPORTED:
        return
    there = installed()
    if name not in there:
        known = did_you_mean(name, {*there, *IMPORTED}, KIND)
        way = f"a module or a file of your own is named by {worded('--plugin MODULE_OR_FILE', 'plugins=[...]')}, too"
        raise DendrographError(f"there is no plugin '{clip(name)}'\n  {known}\n  {way}")
    module = there[name][0].value.partition(":")[0].partition(".")[0].strip()
    spec = _found(module) if _MODULE.match(module) and module not in sys.modules else None
    places = [str(getattr(spec, "origin", None)), *(getattr(spec, "submodule_search_locations", None) or ())]
    if any(Path(place).resolve().parent in _searched_by_chance() for place in places if os.path.isabs(place)):
        remedy = "start from another folder, or remove that one from PYTHONPATH"
        problem = f"the installed plugin '{clip(name)}' is hidden by {places[-1]}, in the working directory"
        raise DendrographError(f"{problem}\n  {remedy}")
    _import_installed(name, there[name])


def _import_named(named: str) -> str:
    """Import what the user named, and give its name in files."""
    there = installed()
    if named.endswith(".py") or "/" in named or "\\" in named:
        path = _file(named)
        if path.stem in there:
            remedy = "give the file another name, or name the installed plugin"
            raise DendrographError(f"plugin {clip(named)}: there is an installed plugin '{path.stem}'\n  {remedy}")
        return _once(path.stem, str(path), named)
    if named in there:
        return _import_installed(named, there[named])
    if not _MODULE.match(named):
        remedy = "give one such as my_package.mine, or ./mine.py"
        raise DendrographError(f"plugin '{clip(named)}': neither a module nor a file\n  {remedy}")
    return _once(named, named, named)


def _file(named: str) -> Path:
    """The file of a plugin that was named by its path."""
    shown = f"plugin {clip(named)}"
    try:
        path = Path(named).resolve()
        kind = "a folder" if path.is_dir() else "no file of Python" if path.is_file() else "no such file"
    except (OSError, ValueError):  # a name that no file can have
        raise DendrographError(f"{shown}: no such file\n  give a module, or a file such as ./mine.py") from None
    if not path.is_file() or path.suffix != ".py":
        raise DendrographError(f"{shown}: {kind}\n  give a module, or a file such as ./mine.py")
    if not _NAME.match(path.stem):
        remedy = "give the file a name of letters, digits, '-' and '_'"
        raise DendrographError(f"{shown}: '{clip(path.stem)}' cannot stand in a morphology\n  {remedy}")
    return path


def _import_installed(name: str, entries: list[EntryPoint]) -> str:
    owners = " and ".join(sorted(f"{entry.dist.name if entry.dist else '?'} ({entry.value})" for entry in entries))
    if len(entries) > 1:
        raise DendrographError(f"the plugin '{clip(name)}' is not clear: it is in {owners}\n  uninstall one of them")
    entry = _ENTRY.match(entries[0].value)
    if not _NAME.match(name) or entry is None:
        remedy = "an entry point is written NAME = my_package.module"
        raise DendrographError(f"the plugin '{clip(name)}' of {owners} is declared wrongly\n  {remedy}")
    return _once(name, ":".join(filter(None, entry.groups())), name)


def _once(name: str, origin: str, named: str) -> str:
    """Import a plugin unless that was done; its origin is a file, a module, or `module:function`."""
    known = IMPORTED.get(name)
    if known is None:
        IMPORTED[name] = Plugin(name, origin, _digest(_import(name, origin)))
    elif known.origin != origin:
        raise DendrographError(f"plugin {clip(named)}: '{name}' is {known.origin} already\n  give it another name")
    return name


def _import(name: str, origin: str) -> ModuleType:
    """The module of a plugin, imported.

    Raises:
        DendrographError: whatever goes wrong in it.
    """
    file = origin if origin.endswith(".py") else ""
    module, _, function = ("", "", "") if file else origin.partition(":")
    try:
        if file:
            return _import_file(f"dendrograph_plugin_{name}", file)
        found = importlib.import_module(module)
        file = str(getattr(found, "__file__", ""))
        if function:
            call = found
            for part in function.split("."):
                call = getattr(call, part)
            call()  # type: ignore[operator]
        return found
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            known = did_you_mean(name, {*installed(), *IMPORTED}, KIND)
            problem = f"plugin '{clip(name)}': there is no module '{error.name}'"
            raise DendrographError(f"{problem}\n  {known}\n  a file is given by its path, such as ./mine.py") from None
        if not file:
            spec = sys.modules.get(module) or _found(module)
            file = str(getattr(spec, "__file__", None) or getattr(spec, "origin", None) or "")
        raise DendrographError(f"plugin '{name}' cannot be imported\n  {describe_error(error, file)}") from error


def _found(module: str) -> object:
    """Where a module stands, without importing it."""
    try:
        return importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None


def _import_file(name: str, file: str) -> ModuleType:
    """A file as a module of its own name, which hides no other."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader, "a file that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as an import does: dataclasses look there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _digest(module: ModuleType) -> str:
    """The SHA-256 of a module's source; empty where it has none."""
    try:
        return hashlib.sha256(Path(str(getattr(module, "__file__", None))).read_bytes()).hexdigest()
    except OSError:
        return ""
