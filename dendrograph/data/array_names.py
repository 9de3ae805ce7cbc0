"""The names of arrays in a `.npz` file: ours, and those of other tools, such as train_images or X_valid."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from dendrograph.base.errors import DataError, clip
from dendrograph.base.suggestions import did_you_mean, listed

NAMED = re.compile(r"(x|y)_(train|test|val)|x_(train|test|val)_.+", re.DOTALL)  # what an array may be called
WANTED = "wanted: x_train, y_train, x_test, y_test, and x_val, y_val if you bring a validation split"

# Words that other tools put together to the names of their arrays, as in train_images or X_valid.
PART_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
}
KIND_WORDS = {
    **dict.fromkeys(("x", "xs", "data", "image", "images", "img", "imgs", "samples"), "x"),
    **dict.fromkeys(("input", "inputs", "feature", "features"), "x"),
    **dict.fromkeys(("y", "ys", "label", "labels", "lab", "labs", "lbl", "lbls", "target", "targets"), "y"),
}
FOREIGN = {
    word: f"{kind}_{part}"
    for one, part in PART_WORDS.items()
    for other, kind in KIND_WORDS.items()
    for word in (one + other, other + one)
}


def find_arrays(keys: Iterable[str], where: str = "") -> tuple[dict[str, str], list[str]]:
    """The arrays of a file that are read: our name of each -> its name in the file, and notes for the user.

    Names of other tools (train_images, X_valid) are read if no array has our name. An unknown name that resembles ours
    is an error or a note, so that a misspelt x_val is noticed.

    Raises:
        DataError: an array is missing, unknown, or present under two names.
    """
    keys = list(keys)
    found = {key: key for key in keys if NAMED.fullmatch(key)}
    others = [key for key in keys if key not in found]
    means = {key: ours for key in others if (ours := FOREIGN.get(re.sub(r"[-_ ./](?!\Z)", "", key.lower())))}
    claims = Counter(means.values())
    complete = all(_named(name, found) for name in _names(("train", "test")))
    unread = []
    for key in others:
        ours, ambitious = means.get(key), key.startswith(("x_", "y_"))
        if ours is None and ambitious:
            near = did_you_mean(key, _names(("train", "test", "val")))
            raise DataError(f"{where}unknown array '{clip(key)}'\n  {near}; or x_train_<stream> and so on")
        if ours is None:
            unread += [key] if _part_of(key) else []
            continue
        taken = _named(ours, found)
        pair = ("y" if ours[0] == "x" else "x") + ours[1:]
        whole = claims[pair] or _named(pair, found)
        if complete and not ambitious and (taken or claims[ours] > 1 or not whole):
            unread.append(key)
            continue
        if taken:
            raise DataError(
                f"{where}both '{clip(taken[0])}' and '{clip(key)}' may be {ours}\n  keep one of them, named {ours}"
            )
        found[ours] = key
    _refuse_missing(found, keys, where)
    renamed = [f"'{clip(own)}' as {name}" for name, own in found.items() if name != own]
    notes = [f"{where}arrays are read by the names of another tool: {', '.join(renamed)}"] if renamed else []
    if unread:
        read = ", ".join(name for name in _names(("train", "test", "val")) if _named(name, found))
        left = listed([f"'{clip(key)}'" for key in unread])
        notes.append(f"{where}not read: {left}: the arrays named {read} are")
    return found, notes


def _names(parts: Iterable[str]) -> list[str]:
    return [f"{kind}_{part}" for part in parts for kind in "xy"]


def _named(name: str, found: Mapping[str, str]) -> list[str]:
    """The arrays in the file that are read under this name, or as its streams."""
    if name in found:
        return [found[name]]
    return [own for key, own in found.items() if key.startswith(f"{name}_")] if name[0] == "x" else []


def _part_of(key: str) -> str | None:
    """The split, such as `val`, that a word in the name of an array means."""
    return _meaning(key, PART_WORDS)


def _meaning(key: str, known: Mapping[str, str]) -> str | None:
    for word in re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()):
        if near := _nearest(word, tuple(known)):
            return known[near]
    return None


@lru_cache(1024)
def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    return next(iter(difflib.get_close_matches(word[:30], known, n=1, cutoff=0.8)), None)


def _refuse_missing(found: Mapping[str, str], keys: Collection[str], where: str) -> None:
    parts = ["train", "test"] + (["val"] if any(name.startswith(("x_val", "y_val")) for name in found) else [])
    for name in _names(parts):
        if _named(name, found):
            continue
        used = {*found.values()}
        others = [key for key in keys if key not in used]
        whole = {KIND_WORDS[key.lower()]: clip(key) for key in others if key.lower() in KIND_WORDS}
        kind, part = name.split("_")
        fit = [key for key in others if _meaning(key, KIND_WORDS) in (kind, None) and _part_of(key) in (part, None)]
        near = f"  {did_you_mean(name, fit, kind='not read')}\n" if fit else ""
        if len(whole) == 2:
            near = (
                f"  '{whole['x']}' and '{whole['y']}' are not split: shuffle them alike, and save a part for training, "
                "the rest for the test\n"
            )
        there = listed([clip(key) for key in sorted(keys)])
        raise DataError(f"{where}no array '{name}'; there are: {there}\n{near}  {WANTED}")
