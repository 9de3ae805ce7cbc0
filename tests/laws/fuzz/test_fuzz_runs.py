"""Run folders with a fault: each command refuses them by name, or does what it does to the whole one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import small
from small import train_named

from dendrograph.base.json_files import sealed
from dendrograph.cli.main import main
from dendrograph.training import loop as training

SETTINGS = {"epochs": 2, "early_stop": True, "batch_size": 512}
ENDED = ("run.json", "metrics.json", "history.csv", "weights.safetensors", "morphology.yaml", "checkpoint.pt")
BEGUN = ("run.json", "history.csv", "morphology.yaml", "checkpoint.pt")
FIGURES = ("learning-curves.png", "learning-curves.pdf")  # which no command reads
READERS = {  # commands, with RUN for the folder and OUT for a file or folder to make
    "ended": (
        ("evaluate", "RUN"),
        ("compare", "RUN"),
        ("analyse", "RUN", "--parts", "learning,weights"),
        ("export", "RUN", "-o", "OUT.json"),
        ("export", "RUN", "-o", "OUT.safetensors"),
        ("stimulate", "RUN", "--amplitudes", "0:1:3"),
        ("show", "RUN"),
        ("check", "RUN"),
        ("draw", "RUN", "-o", "OUT.svg"),
        ("train", "RUN", "--resume"),
    ),
    "begun": (("train", "RUN", "--resume"), ("train", "RUN", "--resume"), ("check", "RUN"), ("evaluate", "RUN")),
}


@dataclass(frozen=True)
class Places:
    """Where the folders are: whole runs that have ended and that have begun, others of the same kind, and scratch."""

    ended: Path
    begun: Path
    other_ended: Path
    other_begun: Path
    scratch: Path

    def whole(self, kind: str) -> Path:
        return self.ended if kind == "ended" else self.begun

    def other(self, kind: str) -> Path:
        return self.other_ended if kind == "ended" else self.other_begun


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    top = tmp_path_factory.mktemp("runs")
    morphology = str(small.morphology_file(top))
    finish_epoch = training.finish_epoch

    def stopped(*arguments: Any) -> None:
        finish_epoch(*arguments)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        made = {}
        for seed, name in ((0, ""), (1, "other_")):
            settings = {**SETTINGS, "seed": seed}
            made[f"{name}ended"] = top / f"{name}ended"
            made[f"{name}begun"] = top / f"{name}begun"
            train_named(morphology, settings=settings, out=made[f"{name}ended"], progress=False)
            with patch.context() as within:
                within.setattr("dendrograph.training.loop.finish_epoch", stopped)
                with pytest.raises(KeyboardInterrupt):
                    train_named(morphology, settings=settings, out=made[f"{name}begun"], progress=False)
        yield Places(scratch=top / "scratch", **made)


# -- what is done to a file --------------------------------------------------------------------------------------------


def flipped(path: Path, other: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 1, 2, 30])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def truncated(path: Path, other: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.choice([0, chance.randrange(len(content)), len(content) - 1])])


def lengthened(path: Path, other: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes() + chance.choice([b"\n", b"\0", b"x" * 1000]))


def swapped(path: Path, other: Path, chance: random.Random) -> None:
    path.write_bytes((other / path.name).read_bytes())


def shuffled(path: Path, other: Path, chance: random.Random) -> None:
    """Another file of the same run in its place."""
    path.write_bytes((path.parent / chance.choice(sorted(set(BEGUN) - {path.name}))).read_bytes())


def deleted(path: Path, other: Path, chance: random.Random) -> None:
    path.unlink()


def replaced(path: Path, other: Path, chance: random.Random) -> None:
    path.unlink()
    match chance.choice(["folder", "loop", "dangling", "pipe", "empty", "nested", "link"]):
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path.name)
        case "dangling":
            path.symlink_to("nothing")
        case "pipe":
            os.mkfifo(path)
        case "empty":
            path.write_bytes(b"")
        case "nested":
            path.write_text("[" * 100_000 + "]" * 100_000)
        case _:
            path.symlink_to(other / path.name)


def reworded(path: Path, other: Path, chance: random.Random) -> None:
    """A digit of a text that is another one."""
    content = bytearray(path.read_bytes())
    digits = [place for place, byte in enumerate(content) if byte in b"0123456789"]
    place = chance.choice(digits or [0])
    content[place] = ord(str((int(chr(content[place])) + 1) % 10)) if digits else 0
    path.write_bytes(content)


NONSENSE: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "\udce9\x1b[2J",
    [],
    {},
    [[]],
)
NONSENSE += ([1, 2], {"a": 1}, "x" * 10_000, -(10**9))


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places_in(part, (*path, key))


def forged(path: Path, other: Path, chance: random.Random) -> None:
    """A field of a JSON file that is gone or nonsense, sealed anew: it is held by its type and range alone.

    Whatever is not held to anything else is left as it is: surroundings, names and the like may be written as one likes
    by whoever seals them anew.
    """
    record = json.loads(path.read_text())
    del record["sha256"]
    there = [place for place in places_in(record) if place[0] != "surroundings" and place[-1] != "seconds"]
    *above, last = chance.choice(there)
    inner = record
    for key in above:
        inner = inner[key]
    if isinstance(inner, dict) and chance.random() < 0.3:
        del inner[last]
    else:
        inner[last] = chance.choice(NONSENSE)
    path.write_text(sealed(record))


def edited(path: Path, other: Path, chance: random.Random) -> None:
    """The same without a new seal."""
    forged(path, other, chance)
    record = json.loads(path.read_text())
    record["sha256"] = chance.choice(["", "0" * 64, None, 5, record["sha256"][::-1]])
    path.write_text(json.dumps(record, indent=2))


Mutation = Callable[[Path, Path, random.Random], None]
ANY: tuple[Mutation, ...] = (flipped, truncated, lengthened, swapped, shuffled, deleted, replaced, reworded)


# -- what becomes of it ------------------------------------------------------------------------------------------------


def outcome(command: tuple[str, ...], folder: Path) -> tuple[int, str, dict[str, bytes]]:
    """Exit code, all that was printed, and the files made, of a command."""
    out = folder.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    arguments = [word.replace("RUN", str(folder)).replace("OUT", str(out / "made")) for word in command]
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        try:
            main(arguments)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
    made = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
    if command[0] == "train" and code == 0 and "nothing to do" not in told.getvalue():
        made |= {name: (folder / name).read_bytes() for name in ("weights.safetensors", "history.csv")}
    passing = ("epoch ", "note")
    lines = [one for one in told.getvalue().splitlines() if not one.startswith(passing) and "nothing to do" not in one]
    return code, "\n".join(lines), made


@pytest.fixture(scope="module")
def expected(places: Places) -> Callable[[str, tuple[str, ...]], tuple[int, str, dict[str, bytes]]]:
    """What a command does to the whole folder."""
    known: dict[tuple[str, tuple[str, ...]], tuple[int, str, dict[str, bytes]]] = {}

    def of(kind: str, command: tuple[str, ...]) -> tuple[int, str, dict[str, bytes]]:
        if (kind, command) not in known:
            known[kind, command] = outcome(command, copied(places.whole(kind), places.scratch))
        return known[kind, command]

    return of


def copied(whole: Path, scratch: Path) -> Path:
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(whole, scratch / "run")
    return scratch / "run"


@pytest.mark.fuzz("run folders", 2000)
def test_a_run_folder_is_whole_or_refused(
    seeds: range,
    tally: Callable[[str], None],
    places: Places,
    expected: Callable[[str, tuple[str, ...]], tuple[int, str, dict[str, bytes]]],
) -> None:
    faults = []
    for seed in seeds:
        chance = random.Random(seed)
        kind = chance.choice(["ended", "ended", "ended", "begun"])
        command = chance.choice(READERS[kind])
        name = chance.choice((ENDED if kind == "ended" else BEGUN) + (FIGURES if chance.random() < 0.1 else ()))
        name = name if (places.whole(kind) / name).exists() else "run.json"
        mutation = chance.choice((*ANY, forged, edited, forged, edited) if name.endswith(".json") else ANY)
        wanted = expected(kind, command)
        folder = copied(places.whole(kind), places.scratch)
        mutation(folder / name, places.other(kind), chance)
        found = outcome(command, folder)
        case = f"seed {seed}: {mutation.__name__} {name} of a run that has {kind}: {' '.join(command)}: {found[:2]}"
        same = found == wanted or (command[0] == "train" and found[:2] == wanted[:2] and not wanted[2])
        named = found[0] == 2 and (str(folder) in found[1] or name in found[1])
        tally("the same as the whole" if same else "refused" if named else "neither")
        if not same and not named:
            faults.append(case)
    assert not faults, "\n".join(faults)
