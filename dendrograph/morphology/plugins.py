"""Plugins: Python modules that add nonlinearities and fields to the language.

A morphology file only names the plugins that it needs. A name belongs to a plugin that the user has installed (an entry
point of the group `dendrograph.plugins`), or has named with `--plugin` or `load(..., plugins=[...])`. A file cannot
load anything else. A plugin is imported once per process and stays known.
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
    """An imported plugin: its name in files, the module or file that it comes from, and the SHA-256 of its source."""

    name: str
    origin: str
    digest: str


IMPORTED: dict[str, Plugin] = {}


def import_plugins(named: Iterable[str | Path]) -> tuple[str, ...]:
    """Import the plugins that the user names, and return their names in files.

    Args:
        named: installed plugins, modules such as `my_package.dendrites` (the name in files is the same), or paths of
            files such as `./mine.py` (the name in files is `mine`).

    Raises:
        DendrographError: there is no such plugin, it cannot be imported, or another plugin has its name.
    """
    if isinstance(named, str | Path):
        raise DendrographError(f"plugins is a list of modules and files\n  write plugins=[{str(named)!r}]")
    return tuple(dict.fromkeys(_import_named(str(one)) for one in several("plugins", named, str, PathLike)))


def read_plugins(cursor: Cursor) -> tuple[str, ...]:
    """Import the plugins that a file lists, and return their names.

    Raises:
        MorphologyError: one is missing or cannot be imported, together with all faults so far. The rest of the file
            cannot be checked without it.
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
            entry.fault(f"the plugin '{clip(entry.value)}' is given twice", "name each plugin once")
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
    """Import the plugins of a morphology that another process has read.

    Raises:
        DendrographError: one is not installed, and the user has not named it in this process.
    """
    for name in names:
        _import_by_name(name)


def digests(names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of the source of each plugin, on which results depend as on the morphology file."""
    return {name: IMPORTED[name].digest for name in names}


def installed() -> dict[str, list[EntryPoint]]:
    """The entry points of the installed plugins by name; several if two packages use one name.

    Folders that Python searches only because it was started in them do not count, so that a file from a stranger cannot
    bring its own plugin.
    """
    from importlib.metadata import entry_points  # slow to import, and most files do not need it

    by_chance = _searched_by_chance()
    found: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        folder = Path(str(entry.dist.locate_file(""))).resolve() if entry.dist else None
        if folder not in by_chance:
            found.setdefault(entry.name, {})[entry.value] = entry
    return {name: list(entries.values()) for name, entries in found.items()}


def _searched_by_chance() -> set[Path]:
    """The folders that Python searches for modules only because of the working directory.

    `python -m` searches the working directory, and so does an empty or relative entry of PYTHONPATH ('', '.', 'lib'). A
    folder that is also named by its absolute path is intended.
    """
    environment = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    entries = environment.split(os.pathsep) if environment else []
    relative = {Path(entry).resolve() for entry in entries if not os.path.isabs(entry)}
    first = 0 if getattr(sys.flags, "safe_path", False) else 1  # without it sys.path[0] is the working directory
    named = {Path(folder).resolve() for folder in sys.path[first:] if os.path.isabs(folder)} - relative
    named |= {Path(entry).resolve() for entry in entries if os.path.isabs(entry)}
    return ({Path.cwd()} | relative) - named


def _import_by_name(name: str) -> None:
    """Import a plugin by its name in a file."""
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
    """Import a plugin that the user named, and return its name in files."""
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
    """The file of a plugin that the user named by its path."""
    shown = f"plugin {clip(named)}"
    try:
        path = Path(named).resolve()
        kind = "a folder" if path.is_dir() else "no file of Python" if path.is_file() else "no such file"
    except (OSError, ValueError):  # not a valid file name
        raise DendrographError(f"{shown}: no such file\n  give a module, or a file such as ./mine.py") from None
    if not path.is_file() or path.suffix != ".py":
        raise DendrographError(f"{shown}: {kind}\n  give a module, or a file such as ./mine.py")
    if not _NAME.match(path.stem):
        remedy = "give the file a name of letters, digits, '-' and '_'"
        raise DendrographError(f"{shown}: '{clip(path.stem)}' is not allowed in a morphology\n  {remedy}")
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
    """Import a plugin once. Its origin is a file, a module, or `module:function`."""
    known = IMPORTED.get(name)
    if known is None:
        IMPORTED[name] = Plugin(name, origin, _digest(_import(name, origin)))
    elif known.origin != origin:
        raise DendrographError(f"plugin {clip(named)}: '{name}' is {known.origin} already\n  give it another name")
    return name


def _import(name: str, origin: str) -> ModuleType:
    """Import the module of a plugin.

    Raises:
        DendrographError: the import fails, for whatever reason.
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
    """The specification of a module, without importing it."""
    try:
        return importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None


def _import_file(name: str, file: str) -> ModuleType:
    """Import a file as a module with a name that hides no other module."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader, "a file that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as `import` does; dataclasses need it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _digest(module: ModuleType) -> str:
    """The SHA-256 of a module's source; empty if it has no source."""
    try:
        return hashlib.sha256(Path(str(getattr(module, "__file__", None))).read_bytes()).hexdigest()
    except OSError:
        return ""
