"""Reconstructions as real tools write them: read with the length that another reader finds, or refused in words."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dendrograph import load
from dendrograph.base.errors import DendrographError
from dendrograph.cli.main import main
from dendrograph.morphology.swc.sections import read

WORDS = (
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "-1",
    "9",
    "31",
    "1e2",
    "1.5",
    "nan",
    "NA",
    "",
    "x",
    "1e9",
    "-7",
    "inf",
)
Row = list[str]  # id, type, x, y, z, radius, parent


def total_length(text: str, least: float) -> float:
    """The length of all dendrites from the soma's surface on: another reader, to which joins have no direction."""
    rows: dict[int, tuple[int, tuple[float, ...], float, int]] = {}
    for line in text.lower().replace("\u2212", "-").splitlines():
        data = line.split("#")[0].strip(" \t;,\ufeff\x1a")
        words = data.split(";") if ";" in data else data.split("," if data.count(",") >= 6 else None)
        words = [word.strip(" ,\t").replace(",", ".").replace("d", "e") for word in words]
        if len(words) > 6 and words[2] != "x":
            radius = float(words[5]) if words[5][-1:].isdigit() else 0.0
            ident, kind, parent = (int(float(words[column])) for column in (0, 1, 6))
            rows[ident] = (kind, tuple(map(float, words[2:5])), max(radius, least), parent)
    near: dict[int, list[int]] = {one: [] for one in rows}
    for one, other in ((one, row[3]) for one, row in rows.items() if row[3] in rows):
        near[one], near[other] = [*near[one], other], [*near[other], one]
    roots = [one for one, row in rows.items() if row[3] not in rows]
    soma = [one for one, row in rows.items() if row[0] == 1] or roots[:1]
    middle = [sum(axis) / len(soma) for axis in zip(*(rows[one][1] for one in soma), strict=True)]
    balls = [rows[one][1:3] for one in soma]
    balls.append((tuple(middle), sum(math.dist(point, middle) for point, _ in balls) / len(soma)))
    first = max(soma, key=lambda one: (one in roots, sum(each in soma for each in near[one])))
    point, size = rows[first][1:3]
    others = [one for one in soma if one != first and (first in near[one] or one in roots)]
    sizes = [each for one in others for each in (rows[one][2], math.dist(rows[one][1], point))]
    alike = all(math.isclose(each, size, rel_tol=0.05) for each in sizes)
    if len(soma) == 1 or (len(soma) == 3 and len(others) == 2 and alike):
        balls = [(point, size)]
    seen, total = set(soma), 0.0
    starts = [(one, -1, 1) for one in roots if near[one]] + [(each, -1, 1) for one in soma for each in near[one]]
    while starts:
        one, before, kind = starts.pop()
        if one not in seen:
            seen.add(one)
            path = [one]
            while before < 0 and rows[path[-1]][0] in (5, 6) and (ahead := {*near[path[-1]]} - seen - {*path}):
                path.append(min(ahead, key=[*rows].index))
            own, point = rows[path[-1]][0], rows[one][1]
            kind = 2 if own == 2 or (kind == 2 and own not in (3, 4)) else own
            gap = max(0.0, min(math.dist(point, at) - radius for at, radius in balls))
            total += 0.0 if kind == 2 else math.dist(point, rows[before][1]) if before >= 0 else gap
            starts += [(each, one, kind) for each in near[one]]
    return total


def grown(rng: random.Random) -> list[Row]:
    """A random neuron: a soma of any form, dendrites that fork, an axon, types of all kinds, and trees apart."""
    rows: list[Row] = []

    def add(kind: int, point: tuple[float, ...], radius: float, parent: int) -> int:
        rows.append([str(len(rows) + 1), str(kind), *(f"{each:.3f}" for each in point), f"{radius:.3f}", str(parent)])
        return len(rows)

    def grow(parent: int, kind: int, point: tuple[float, ...], forks: int) -> None:
        for _ in range(rng.randint(1, 4)):
            here = rng.choice((5, 6, 0, 7, 44)) if rng.random() < 0.1 else kind
            parent = add(here, point, rng.uniform(0.2, 2), parent)
            point = tuple(each + rng.gauss(0, 12) for each in point)
        for _ in range(rng.choice((2, 2, 3)) if forks else 0):
            grow(parent, 2 if kind == 2 or rng.random() < 0.05 else kind, point, rng.randint(0, forks - 1))

    form = rng.choice(("one", "three", "chain", "both ways", "forks", "outline", "pieces"))
    size = rng.uniform(3, 12)
    first = add(1, (0.0, 0.0, 0.0), size, -1)
    if form == "three":
        add(1, (0.0, -size, 0.0), size, 1), add(1, (0.0, size, 0.0), size, 1)
    elif form != "one":
        for number in range(1, rng.randint(2, 8)):
            angle = 2 * math.pi * number / 8
            at = (
                (size * math.cos(angle) - size, size * math.sin(angle), 0.0)
                if form == "outline"
                else (number * size, 0.0, 0.0)
            )
            parent = {"both ways": max(1, number - 1), "forks": 1 + number // 2, "pieces": -1}.get(form, number)
            at = (-at[0], *at[1:]) if form == "both ways" and number % 2 else at
            first = add(1, at, 0.1 if form == "outline" else size * 0.8, parent)
    for _ in range(rng.randint(1, 4)):
        start = tuple(rng.gauss(0, 15) for _ in range(3))
        kind = rng.choice((3, 3, 4, 2, 5, 31))
        grow(rng.choice((1, first)), kind, start, rng.randint(0, 3))
    if rng.random() < 0.3:
        grow(-1, rng.choice((3, 4, 2)), (40.0, 40.0, 9.0), 1)
    if not any(row[1] in "34" for row in rows):
        grow(1, 3, (0.0, 0.0, 2 * size), 1)
    return rows


def renumbered(rng: random.Random, rows: list[Row]) -> list[Row]:
    new = dict(zip((row[0] for row in rows), map(str, rng.sample(range(10**6), len(rows))), strict=True))
    return [[new[row[0]], *row[1:6], new.get(row[6], row[6])] for row in rows]


def turned(rng: random.Random, rows: list[Row]) -> list[Row]:
    """The same tree from another root, as a tracer writes it that began at a tip."""
    parents = {row[0]: row[6] for row in rows}
    place, before = rng.choice(rows)[0], "-1"
    while place in parents:
        parents[place], place, before = before, parents[place], place
    return [[*row[:6], parents[row[0]]] for row in rows]


def written(rng: random.Random, rows: list[Row]) -> str:
    """The lines in one notation of many that mean the same."""
    separator = rng.choice((" ", " ", "\t", "   ", ",", ", ", " , ", ";", "; "))
    end = rng.choice(("\n", "\n", "\r\n", "\r"))
    decimal = separator in (" ", ";", "\t") and rng.random() < 0.2

    def word(column: int, text: str) -> str:
        if not text[-1:].isdigit():
            return text
        if column in (0, 1, 6) and not text.startswith("-"):
            return rng.choice((text, text, f"+{text}", f"{text}.0", f"{text}e0", f"0{text}"))
        if decimal:
            return text.replace(".", ",")
        return rng.choice((text, text, f"{text}e0", f"{text}D+00", text.replace("-", "\u2212")))

    lines = ["# grown at random", rng.choice(("", "id type x y z radius parent", "# n T x y z R P"))]
    for row in rows:
        line = separator.join(word(column, text) for column, text in enumerate(row))
        more = (separator + "8") * (rng.random() < 0.1) + separator.strip() * (rng.random() < 0.1)
        lines.append(" " * rng.randint(0, 2) + line + more + " # here" * (rng.random() < 0.05))
    return rng.choice(("", "\ufeff")) + end.join(lines) + rng.choice(("", end, end + "\x1a"))


def spoilt(rng: random.Random, rows: list[Row]) -> list[Row]:
    """A few words or lines that are wrong, or not what they were."""
    for _ in range(rng.randint(1, 3)):
        row = rng.choice(rows)
        action = rng.randrange(6)
        if action == 0:
            row[rng.randrange(len(row))] = rng.choice(WORDS)
        elif action == 1 and len(rows) > 2:
            rows.remove(row)
        elif action == 2:
            rows.append(list(row))
        elif action == 3 and len(row) > 1:
            row.pop(rng.randrange(len(row)))
        elif action == 4 and len(row) > 6:
            row[1] = rng.choice(("1", "1", "2", "5", "6", "0", "3"))
        elif len(row) > 6:
            row[6] = rng.choice((rng.choice(rows)[0], "-1", "0"))
    return rows


@pytest.mark.fuzz("SWC files", 2000)
def test_swc_files_have_the_length_of_another_reader_or_are_refused(
    seeds: range, tally: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rows = grown(rng)
        sound = rng.random() < 0.5
        if rng.random() < 0.5 and not any(row[6] == "-1" and row[1] == "1" for row in rows[1:]):
            rows = turned(rng, rows)
        if rng.random() < 0.5:
            rows = renumbered(rng, rows)
        least = rng.choice((0.0, 0.25))
        pieces = sum(row[1] == "1" and row[6] == "-1" for row in rows) > 1  # these must touch
        for row in rows:
            if least and rng.random() < 0.1 and not (pieces and row[1] == "1"):
                row[5] = rng.choice(("0", "-1", "nan", "NA", "-1.0"))
        if not sound:
            rows = spoilt(rng, rows)
        if rng.random() < 0.5:
            rng.shuffle(rows)
        text = written(rng, rows)
        path = tmp_path / f"{seed}.swc"
        path.write_text(text, newline="", encoding="utf-8")
        root_soma = rng.random() < 0.5
        problem, found = "", 0.0
        try:
            sections = read(path, join_trees=True, min_radius=least, root_soma=root_soma).sections
            found = sum(section.length for section in sections)
        except DendrographError as error:
            problem = str(error)
        if problem:
            legal = "no dendrites" in problem or "from the axon" in problem  # a soma with an axon, an axon that forks
            assert not sound or legal, (seed, problem)
            assert problem.startswith(str(path)) and problem.replace("\n", "").isprintable()
        else:
            assert found == pytest.approx(total_length(text, least), rel=1e-5), (seed, text)
        tally("refused" if problem else "read")
        if seed % 5 == 0:
            options = [
                "--join-trees",
                *(["--min-radius", "0.25"] if least else []),
                *(["--root-soma"] if root_soma else []),
            ]
            with pytest.raises(SystemExit) as stopped:
                main(["import", str(path), "--out", str(path.with_suffix(".yaml")), *options])
            assert stopped.value.code in (0, None, 2) and "Traceback" not in capsys.readouterr().err
            if not stopped.value.code:
                (neuron,) = load(path.with_suffix(".yaml")).neurons.values()
                lengths = [each.cable.length_um for each in neuron.tree()][1:]
                assert sum(lengths) == pytest.approx(found, abs=0.001 * len(lengths), rel=1e-5), seed
