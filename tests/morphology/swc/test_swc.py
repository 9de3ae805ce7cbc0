"""Reconstructions: each file is read or refused in words, and what is made of it keeps lengths, membranes and branches.

`files/good` holds files that are read, however odd; `files/bad` holds those that are refused, each beside its
exact message.
"""

from __future__ import annotations

import itertools
import math
import random
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import for_each

from dendrograph import build, compile, datasets, load
from dendrograph.base.errors import DendrographError, for_command_line
from dendrograph.cli.main import main
from dendrograph.morphology.cable import Cable
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.swc.importing import Choices, import_swc
from dendrograph.morphology.swc.reduction import Part, dendrites, entries, nested, pieces, reduced
from dendrograph.morphology.swc.sections import Reconstruction, read
from dendrograph.morphology.yaml_reader import MOST_IN_A_ROW

pytestmark = pytest.mark.usefixtures("at_the_command_line")  # messages name options

ROOT = Path(__file__).resolve().parents[3]
GOOD, BAD = Path(__file__).parent / "files" / "good", Path(__file__).parent / "files" / "bad"
NEURONS = ROOT / "examples" / "neurons"
SOMA = "1 1 0 0 0 5 -1\n"
STEM = "2 3 5 0 0 1 1\n3 3 25 0 0 1 2\n"


def swc(folder: Path, text: str) -> Path:
    path = folder / "cell.swc"
    path.write_text(text)
    return path


def all_parts(parts: tuple[Part, ...], copies: int = 1) -> Iterator[tuple[Part, int]]:
    """Each dendrite of the file, and how many of it are on a neuron."""
    for part in parts:
        yield part, copies * part.count
        yield from all_parts(part.dendrites, copies * part.count)


def all_dendrites(compartment: Compartment) -> Iterator[Compartment]:
    for dendrite in compartment.dendrites:
        yield dendrite
        yield from all_dendrites(dendrite)


# Files that are read


def told(reconstruction: Reconstruction) -> list[tuple[str, int | None, float, float]]:
    return [
        (section.kind, section.parent, round(section.length, 3), round(section.mean_diameter(), 3))
        for section in reconstruction.sections
    ]


PLAIN = [("basal", None, 20.0, 2.0)]
FORK = [*PLAIN, ("basal", 0, 11.18, 2.0), ("basal", 0, 11.18, 2.0)]
READ: dict[str, list[tuple[str, int | None, float, float]]] = {
    **dict.fromkeys(("soma-one-point", "soma-three-points", "soma-three-points-odd", "parent-after-child"), PLAIN),
    **dict.fromkeys(("crlf", "cr", "latin-1", "tabs-and-blank-lines", "extra-columns", "ids-odd"), PLAIN),
    # A chain of cylinders: the gap is 9.5 - 6 - 3 from the outermost one's ball. An outline: what lies inside has none.
    "soma-cylinders": [("basal", None, 21.0, 2.0)],
    "soma-contour": [("basal", None, 21.9, 2.0), ("basal", None, 20.0, 2.0)],
    "gap": PLAIN,  # 13 µm of samples, and 7 from the surface of the soma to the first of them
    "inside-soma": [("basal", None, 24.0, 2.0)],  # from its first sample on
    "one-sample-stem": FORK,
    "fork-at-soma": [
        ("basal", None, 20.0, 2.0),
        ("basal", None, 20.0, 2.0),
        ("apical", None, 45.0, 2.0),
        ("apical", 2, 11.18, 2.0),
        ("apical", 2, 11.18, 2.0),
    ],
    "three-branches": [*PLAIN, ("basal", 0, 20.0, 2.0), ("basal", 0, 21.932, 2.0), ("basal", 0, 21.932, 2.0)],
    "types-of-ones-own": [("dendrite", None, 20.0, 2.0), ("dendrite", 0, 11.18, 2.0), ("basal", 0, 11.18, 2.0)],
    "type-changes": [*PLAIN, ("apical", 0, 20.0, 2.0)],
    "axon-on-dendrite": [("basal", None, 40.0, 2.0)],  # where only the axon leaves, the section goes on
    "length-none": [*PLAIN, ("basal", 0, 20.616, 2.0), ("basal", 0, 20.616, 2.0)],
    "tip-of-no-radius": [("basal", None, 20.0, 1.0)],
    "tapering": [("basal", None, 30.0, 2.0)],  # (10 · 3 + 20 · 1.5) / 30
    **dict.fromkeys(("numbers-in-any-notation", "utf-16", "axon-apart", "roots-have-parent-0"), PLAIN),
    "fork-and-end-points": [*PLAIN, ("basal", 0, 30.0, 2.0), ("basal", 0, 30.0, 2.0)],
    "fork-points-first": [("apical", None, 20.0, 2.0), ("dendrite", None, 20.0, 2.0)],
    "types-above-19": [("dendrite", None, 20.0, 2.0), ("dendrite", None, 40.0, 2.0)],
    # Of cylinders the balls of all, of an outline what it encloses: a stem that begins inside has no gap.
    "soma-both-ways": [("basal", None, 60.0, 2.0), ("apical", None, 100.0, 2.0)],
    "soma-three-both-ways": PLAIN,
    "soma-forks": PLAIN,
    "soma-in-pieces": [("basal", None, 21.9, 2.0)],
    "soma-after-dendrite": [("basal", None, 14.0, 2.0), ("basal", None, 15.0, 2.0)],
}
NOTES = {
    "extra-columns": ["columns beyond the seventh are not looked at (1 line)"],
    "types-of-ones-own": ["samples of type 0, 7 are taken as dendrites, neither basal nor apical"],
    "length-none": ["2 sections of no length left out; branches moved inwards"],
    "numbers-in-any-notation": ["commas inside numbers are read as decimal points (1 line)"],
    "fork-and-end-points": ["samples of type 5, 6 take the type of the neurite that they are in"],
    "fork-points-first": [
        "samples of type 5 take the type of the neurite that they are in",
        "samples of type 6 are taken as dendrites, neither basal nor apical",
    ],
    "types-above-19": [
        "samples of type 31, 44, 1000000 are taken as dendrites, neither basal nor apical",
        "samples of type 50 go on an axon, and are left out with it",
    ],
    "soma-in-pieces": ["4 pieces of a soma, close together, are taken as one"],
    "soma-after-dendrite": ["the soma, on line 3, grows from a neurite: read from the soma on"],
    "roots-have-parent-0": ["no parent is -1: those whose parent is 0 are taken as roots"],
    "axon-apart": ["the axon that begins here is joined to nothing"],
}


def test_every_good_file_is_listed() -> None:
    assert {path.stem for path in GOOD.iterdir()} == set(READ)


@pytest.mark.parametrize("name", READ)
def test_sections(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    reconstruction = read(GOOD / f"{name}.swc")
    assert told(reconstruction) == READ[name]
    notes = NOTES.get(name, [])
    assert len(reconstruction.notes) == len(notes)
    for note, expected in zip(reconstruction.notes, notes, strict=True):
        assert re.match(rf"{re.escape(str(GOOD / name))}\.swc(:[0-9]+)?: {re.escape(expected)}\Z", note)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
@for_each("how", ["section", "order", "bins"])
def test_every_good_file_becomes_a_morphology(name: str, how: str, tmp_path: Path) -> None:
    imported = import_swc(GOOD / f"{name}.swc", tmp_path / f"{how}.yaml", choices=Choices(reduce=how))
    morphology = load(imported.path)
    assert morphology.name == name and imported.path.read_text() == imported.text
    again = tmp_path / "again.yaml"
    again.write_text(morphology.to_yaml())
    assert load(again) == morphology
    graph = compile(morphology, (28, 28), 10)
    assert graph.compartments == 64 * (1 + dendrites(reduced(read(GOOD / f"{name}.swc"), how)))


def test_header_and_soma() -> None:
    assert read(GOOD / "latin-1.swc").header == ("Müller, Ortiz & Núñez",)
    assert read(GOOD / "soma-one-point.swc").soma == "one point, 10 µm across"
    assert read(GOOD / "soma-three-points.swc").soma == "three points, 10 µm across"
    assert read(GOOD / "soma-cylinders.swc").soma == "3 points, 10 µm across"
    assert read(GOOD / "soma-contour.swc").soma == "8 points, 20 µm across"
    assert read(GOOD / "soma-both-ways.swc").soma == "5 points, 18.4 µm across"


def test_scale() -> None:
    small, large = (read(GOOD / "tapering.swc", scale) for scale in (0.001, 1.0))
    assert small.sections[0].length == pytest.approx(large.sections[0].length / 1000)
    assert small.sections[0].mean_diameter() == pytest.approx(large.sections[0].mean_diameter() / 1000)


def test_trees_apart_are_joined_on_request(tmp_path: Path) -> None:
    reconstruction = read(BAD / "trees-apart.swc", join_trees=True)
    gap = math.hypot(50, 50) - 5
    assert told(reconstruction) == [*PLAIN, ("basal", None, round(gap + math.hypot(10, 10), 3), 2.0)]
    assert [note.removeprefix(str(BAD)) for note in reconstruction.notes] == [
        "/trees-apart.swc:5: the tree that begins here is taken to grow from the soma, by a bridge of 65.7 µm, which "
        "its length includes",
        "/trees-apart.swc:7: this sample is joined to nothing: left out",
    ]


# Files that are refused


BROKEN = sorted(path.stem for path in BAD.glob("*.swc"))


def test_every_bad_file_has_its_message() -> None:
    assert {path.name for path in BAD.iterdir()} == {f"{name}{end}" for name in BROKEN for end in (".swc", ".txt")}
    assert len(BROKEN) >= 25


@pytest.mark.parametrize("name", BROKEN)
def test_the_message_is_exactly_this(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(DendrographError) as error:
        import_swc(f"{name}.swc", tmp_path / "never.yaml")
    assert not list(tmp_path.iterdir())
    assert f"{error.value}\n" == Path(f"{name}.txt").read_text(encoding="utf-8")
    assert str(error.value).replace("\n", "").isprintable()
    assert capfd.readouterr() == ("", "")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DendrographError, match=r"no\.swc: no such file\n  give an SWC file"):
        read(tmp_path / "no.swc")
    with pytest.raises(DendrographError, match="a folder\n  give an SWC file"):
        read(tmp_path)
    with pytest.raises(DendrographError, match="cannot be read: File name too long"):
        read(tmp_path / ("x" * 5000))


def test_a_file_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dendrograph.morphology.swc.lines.LARGEST_FILE", 1024**2)
    with pytest.raises(DendrographError, match="the file is too large\n  at most 1 MiB"):
        read(swc(tmp_path, SOMA * 100_000))


def comb(forks: int) -> str:
    """A trunk with a twig at each of so many forks."""
    lines = [SOMA, "2 3 8 0 0 1 1\n"]
    for fork in range(forks):
        trunk, twig = 2 * fork + 3, 2 * fork + 4
        below = 2 if fork == 0 else trunk - 2
        lines.append(f"{trunk} 3 {5 + 10 * (fork + 1)} 0 0 1 {below}\n{twig} 3 {5 + 10 * fork} 9 0 1 {below}\n")
    return "".join(lines)


@pytest.mark.slow
def test_a_tree_of_any_depth_is_read(tmp_path: Path) -> None:
    """Nothing recurses at a fork: three thousand of them in a row are read, and told to be too many for a file."""
    path = swc(tmp_path, comb(3_000))
    twigs, trunk = math.hypot(3, 9) + 2_999 * 9, 3 + 7 + 2_999 * 10
    assert sum(section.length for section in read(path).sections) == pytest.approx(trunk + twigs)
    few = f"3,001 dendrites one on the other, and a morphology file nests {MOST_IN_A_ROW:,} at most"
    with pytest.raises(DendrographError, match=few):
        import_swc(path, tmp_path / "x.yaml")
    star = SOMA + "".join(f"{number} 3 5 {number} 0 1 1\n" for number in range(2, 60_000))
    with pytest.raises(DendrographError, match="59,998 sections\n  at most 50,000"):
        read(swc(tmp_path, star))


@pytest.mark.slow
def test_a_long_dendrite_is_read(tmp_path: Path) -> None:
    chain = SOMA + "".join(f"{number} 3 {5 + number / 100:.2f} 0 0 1 {number - 1}\n" for number in range(2, 100_000))
    assert told(read(swc(tmp_path, chain))) == [("basal", None, pytest.approx(999.99, abs=0.01), 2.0)]


@for_each("seed", range(40))
def test_files_broken_at_random_are_read_or_refused(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    sources = [*sorted(GOOD.iterdir()), *sorted(BAD.glob("*.swc")), NEURONS / "tiny.swc"]
    words = [
        b"0",
        b"1",
        b"2",
        b"3",
        b"4",
        b"-1",
        b"9",
        b"1e8",
        b"-1e9",
        b"1e-300",
        b".",
        b"\n",
        b" ",
        b"#",
        b"\xff",
        b"-",
    ]
    for _ in range(10):
        data = rng.choice(sources).read_bytes()
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data) + 1)
            data = data[:at] + rng.choice(words) + data[at + rng.randint(0, 3) :]
        path = tmp_path / "cell.swc"
        path.write_bytes(data)
        choices = Choices(reduce=rng.choice(["section", "order", "bins"]), join_trees=rng.random() < 0.5)
        told = ""
        try:
            load(import_swc(path, tmp_path / "cell.yaml", True, choices).path)
        except DendrographError as error:
            told = str(error)
        assert "a fault of ours" not in told and told.replace("\n", "").isprintable()


# Reductions


class Grown:
    """A random neuron, and its lengths and membranes worked out sample by sample."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.lines = [SOMA]
        self.length = self.area = 0.0  # length, and length × diameter, of all dendrites
        self.points = {1: (0.0, 0.0, 0.0, 5.0)}
        self.rng = rng
        for _ in range(rng.randint(1, 4)):
            x, y, z = (rng.gauss(0, 1) for _ in range(3))
            size = (5 + rng.choice([0.0, 0.0, 3.0])) / math.hypot(x, y, z)
            self.grow(1, rng.choice([3, 4]), (x * size, y * size, z * size), rng.randint(0, 3))

    def sample(self, parent: int, kind: int, point: tuple[float, float, float]) -> int:
        number = len(self.points) + 1
        radius = self.rng.uniform(0.2, 2)
        self.points[number] = (*point, radius)
        self.lines.append(f"{number} {kind} {point[0]!r} {point[1]!r} {point[2]!r} {radius!r} {parent}\n")
        *before, above = self.points[parent]
        length = math.dist(before, point)
        if parent == 1:
            length, above = max(0.0, length - 5), radius  # the gap, as thick as its first sample
        self.length += length
        self.area += length * (radius + above)
        return number

    def grow(self, parent: int, kind: int, start: tuple[float, float, float], forks: int) -> None:
        point = start
        for _ in range(self.rng.randint(1, 5)):
            parent = self.sample(parent, kind, point)
            point = tuple(each + self.rng.gauss(0, 10) for each in point)  # type: ignore[assignment]
        for _ in range(self.rng.choice([2, 2, 3]) if forks else 0):
            kind = kind if self.rng.random() < 0.9 else 7 - kind
            self.grow(parent, kind, point, self.rng.randint(0, forks - 1))


@for_each("seed", range(30))
def test_lengths_and_membranes_stay(seed: int, tmp_path: Path) -> None:
    grown = Grown(seed)
    reconstruction = read(swc(tmp_path, "".join(grown.lines)))
    number = len(reconstruction.sections)
    assert sum(section.length for section in reconstruction.sections) == pytest.approx(grown.length, rel=1e-5)
    for how, bin_um in (("section", 50.0), ("order", 50.0), ("bins", 25.0), ("bins", 1e5)):
        parts = reduced(reconstruction, how, bin_um)
        found = list(all_parts(parts))
        total, area = (
            sum(part.total_um for part, _ in found),
            sum(part.total_um * part.diameter_um for part, _ in found),
        )
        assert total == pytest.approx(grown.length, rel=1e-5)
        assert area == pytest.approx(grown.area, rel=1e-5)
        for part, copies in found:
            assert part.total_um == pytest.approx(part.length_um * part.sections)
            assert part.sections in (1, copies) or (how == "order" and copies == 1)
        if how == "bins":
            assert all(part.length_um <= bin_um * (1 + 1e-6) for part, _ in found)
            assert len(found) == sum(pieces(section.length, bin_um) for section in reconstruction.sections)
        else:
            assert sum(part.sections for part, _ in found) == number
        if how == "section" or bin_um > 1e4:
            assert parts == reduced(reconstruction, "section")


def test_one_dendrite_a_section() -> None:
    parts = reduced(read(GOOD / "fork-at-soma.swc"))
    assert [part.name for part in parts] == ["basal1", "basal2", "apical"]
    assert [(part.name, part.kind) for part in parts[2].dendrites] == [("b1", "apical"), ("b2", "apical")]


def test_a_dendrite_an_order_of_a_regular_stem_counts_its_branches(tmp_path: Path) -> None:
    (basal,) = reduced(read(GOOD / "three-branches.swc"), "order")
    (branches,) = basal.dendrites
    assert (branches.name, branches.count, branches.sections, branches.dendrites) == ("o2", 3, 3, ())
    assert branches.length_um == pytest.approx((20 + 2 * math.hypot(20, 9)) / 3)
    # Each of two branches forks again: 2 of order 2, then 2 on each of them.
    twice = "4 3 30 9 0 1 3\n5 3 30 -9 0 1 3\n6 3 40 9 9 1 4\n7 3 40 9 -9 1 4\n8 3 40 -9 9 1 5\n9 3 40 -9 -9 1 5\n"
    (basal,) = reduced(read(swc(tmp_path, SOMA + STEM + twice)), "order")
    assert [(part.name, part.count, copies) for part, copies in all_parts((basal,))] == [
        ("basal", 1, 1),
        ("o2", 2, 2),
        ("o3", 2, 4),
    ]


def test_a_dendrite_an_order_of_any_other_stem_stands_for_all(tmp_path: Path) -> None:
    """Only one of two branches forks: no `count` could say so."""
    uneven = "4 3 30 9 0 2 3\n5 3 35 0 0 1 3\n6 3 40 9 9 1 4\n7 3 40 9 -9 1 4\n"
    (basal,) = reduced(read(swc(tmp_path, SOMA + STEM + uneven)), "order")
    found = [(part.name, part.count, part.sections) for part, _ in all_parts((basal,))]
    assert found == [("basal", 1, 1), ("o2", 1, 2), ("o3", 1, 2)]
    long, short = math.hypot(5, 9), 10
    (branches,) = basal.dendrites
    assert branches.length_um == pytest.approx((long + short) / 2)
    assert branches.diameter_um == pytest.approx((long * 3 + short * 2) / (long + short))


def test_types_stay_apart_in_an_order() -> None:
    (stem,) = reduced(read(GOOD / "types-of-ones-own.swc"), "order")
    assert [(part.name, part.kind) for part in stem.dendrites] == [("o2", "dendrite"), ("basal", "basal")]


def test_bins_are_chained_and_carry_the_branches() -> None:
    (basal,) = reduced(read(GOOD / "three-branches.swc"), "bins", 10)
    assert (basal.name, basal.length_um) == ("basal", 10)
    (second,) = basal.dendrites
    assert (second.name, second.length_um) == ("p2", 10)
    assert [(part.name, entries((part,))) for part in second.dendrites] == [("b1", 2), ("b2", 3), ("b3", 3)]


def test_bins_follow_the_taper() -> None:
    (basal,) = reduced(read(GOOD / "tapering.swc"), "bins", 10)
    found = [part.diameter_um for part, _ in all_parts((basal,))]
    assert found == pytest.approx([3.0, 1.75, 1.25])  # from 4 to 2 in the first 10 µm, then to 1 in 20


@pytest.mark.parametrize("bin_um", [3.0, 10.0, 19.0])
def test_bins_of_a_cylinder_pass_together_what_the_section_passes(bin_um: float) -> None:
    """exp(-L / λ) is a product over the pieces of L: cutting changes where synapses lie, not what the cable loses."""

    def passed(parts: tuple[Part, ...]) -> float:
        sizes = [{"length_um": part.length_um, "diameter_um": part.diameter_um} for part, _ in all_parts(parts)]
        losses = [Cable(**size).passes() for size in sizes]
        return math.prod(losses)

    reconstruction = read(GOOD / "soma-one-point.swc")
    assert passed(reduced(reconstruction, "bins", bin_um)) == pytest.approx(passed(reduced(reconstruction)))


def test_orders_leave_out_what_lies_beyond(tmp_path: Path) -> None:
    parts = reduced(read(GOOD / "fork-at-soma.swc"), orders=1)
    assert [(part.name, part.dendrites) for part in parts] == [("basal1", ()), ("basal2", ()), ("apical", ())]
    imported = import_swc(GOOD / "fork-at-soma.swc", tmp_path / "x.yaml", choices=Choices(orders=1))
    assert any(line == "beyond order 1  2 sections, 22 µm: left out" for line in imported.summary)
    assert "#   beyond order 1  2 sections" in imported.text


def test_thirty_forks_in_a_row_are_read_whole(tmp_path: Path) -> None:
    """Real pyramidal cells have 30 to 40."""
    path = swc(tmp_path, comb(30))
    imported = import_swc(path, tmp_path / "deep.yaml")
    (neuron,) = load(imported.path).neurons.values()
    twigs, trunk = math.hypot(3, 9) + 29 * 9, 3 + 7 + 29 * 10
    assert sum(each.cable.length_um for each in all_dendrites(neuron)) == pytest.approx(trunk + twigs, abs=0.1)
    assert imported.summary[-1].endswith("61 dendrites, at most 31 in a row; one dendrite a section")
    for reduce in ("order", "bins"):
        load(import_swc(path, tmp_path / f"{reduce}.yaml", choices=Choices(reduce=reduce)).path)


def test_a_deep_file_is_not_mostly_indentation_and_trains(tmp_path: Path) -> None:
    imported = import_swc(swc(tmp_path, comb(60)), tmp_path / "deep.yaml", choices=Choices(synapses=2, neurons=1))
    assert max(len(line) - len(line.lstrip()) for line in imported.text.splitlines()) < 50
    network = build(imported.path, inputs=(4, 4), classes=2, seed=0)
    network(torch.rand(3, 4, 4)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_deepest_that_a_file_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dendrograph.morphology.swc.reduction.MOST_IN_A_ROW", 29)
    path = swc(tmp_path, comb(28))
    assert nested(reduced(read(path))) == 29
    path = swc(tmp_path, comb(29))
    for choices in (Choices(), Choices(reduce="order"), Choices(reduce="bins")):
        with pytest.raises(DendrographError) as error:
            import_swc(path, tmp_path / "too-deep.yaml", choices=choices)
        by = "order" if choices.reduce == "order" else "section or order"
        assert str(error.value) == (
            f"{path}: 30 dendrites one on the other, and a morphology file nests 29 at most\n"
            f"  leave out the outer branches: --reduce {by}, with --orders 29"
        )
    load(import_swc(path, tmp_path / "cut.yaml", choices=Choices(orders=29)).path)
    assert not (tmp_path / "too-deep.yaml").exists()


def test_bins_that_nest_too_deeply_name_bins_that_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dendrograph.morphology.swc.reduction.MOST_IN_A_ROW", 29)
    path = swc(tmp_path, SOMA + "2 3 5 0 0 1 1\n3 3 1005 0 0 1 2\n")
    with pytest.raises(DendrographError) as error:
        import_swc(path, tmp_path / "x.yaml", choices=Choices(reduce="bins", bin_um=10))
    told, remedy = str(error.value).split("\n")
    assert told.endswith("100 dendrites one on the other, and a morphology file nests 29 at most")
    assert remedy == "  take larger bins, --bin-um 35, or --reduce section or order"
    load(import_swc(path, tmp_path / "x.yaml", choices=Choices(reduce="bins", bin_um=35)).path)


@pytest.mark.parametrize(("limit", "most"), [("LARGEST_FILE", 20_000), ("MOST_VALUES", 2_000), ("MOST_STEPS", 9_000)])
def test_more_than_a_file_can_hold(limit: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("yaml_reader", "swc.reduction"):
        monkeypatch.setattr(f"dendrograph.morphology.{module}.{limit}", most)
    star = SOMA + "".join(f"{number} 3 0 {number} 0 1 1\n" for number in range(8, 308))
    with pytest.raises(DendrographError) as error:
        import_swc(swc(tmp_path, star), tmp_path / "x.yaml")
    assert str(error.value) == (
        f"{tmp_path}/cell.swc: 300 dendrites are more than a morphology file may hold\n"
        "  no reduction makes it fit, for 300 stems leave the soma: leave some out of the file"
    )
    assert not (tmp_path / "x.yaml").exists()


# The file


def test_synapses_fields_and_nonlinearities(tmp_path: Path) -> None:
    choices = Choices(
        synapses=5, field="random", neurons=7, nonlinearities={"soma": "relu", "basal": "nmda", "apical": "tanh"}
    )
    path = import_swc(GOOD / "fork-at-soma.swc", tmp_path / "x.yaml", choices=choices).path
    morphology = load(path)
    assert morphology.parameters == {"somata": 7, "synapses": 5}
    (neuron,) = morphology.neurons.values()
    assert neuron.nonlinearity.name == "relu" and not neuron.synapses
    found = list(all_dendrites(neuron))
    assert [dendrite.nonlinearity.name for dendrite in found] == ["nmda"] * 2 + ["tanh"] * 3
    assert {(one.count, one.field, one.sources) for dendrite in found for one in dendrite.synapses} == {
        (5, "random", ("previous",))
    }
    turned = load(path, {"synapses": 9, "somata": 3})
    assert [each.synapses[0].count for each in all_dendrites(turned.neurons["fork-at-soma"])] == [9] * 5
    assert [layer.count for layer in turned.layers] == [3]  # type: ignore[union-attr]


def test_lengths_and_diameters_reach_the_cables(tmp_path: Path) -> None:
    (neuron,) = load(import_swc(GOOD / "tapering.swc", tmp_path / "x.yaml").path).neurons.values()
    (dendrite,) = neuron.dendrites
    assert (dendrite.cable.length_um, dendrite.cable.diameter_um) == (30, 2)
    assert dendrite.cable.ends == "sealed"
    assert dendrite.cable.passes() == pytest.approx(1 / math.cosh(30e-4 / math.sqrt(2e-4 * 20_000 / (4 * 150))))


@pytest.mark.parametrize(
    ("how", "counts"), [("section", [2, 2, 4, 1, 1]), ("order", [2, 2, 4, 1]), ("bins", [2, 2, 4, 1, 1])]
)
def test_synapses_by_length(how: str, counts: list[int], tmp_path: Path) -> None:
    """0.1 synapses to each µm of 20, 20, 45, 11 and 11 µm; for an order, to the length for which it stands."""
    choices = Choices(reduce=how, synapses_per_um=0.1)
    morphology = load(import_swc(GOOD / "fork-at-soma.swc", tmp_path / "x.yaml", choices=choices).path)
    assert "synapses" not in morphology.parameters
    (neuron,) = morphology.neurons.values()
    assert [each.synapses[0].count for each in all_dendrites(neuron)] == counts


def test_an_order_that_stands_for_several_has_the_synapses_of_all(tmp_path: Path) -> None:
    uneven = "4 3 25 50 0 1 3\n5 3 25 -50 0 1 3\n6 3 25 70 0 1 4\n7 3 25 50 20 1 4\n"
    choices = Choices(reduce="order", synapses_per_um=0.1)
    (neuron,) = load(
        import_swc(swc(tmp_path, SOMA + STEM + uneven), tmp_path / "x.yaml", choices=choices).path
    ).neurons.values()
    assert [(each.count, each.synapses[0].count) for each in all_dendrites(neuron)] == [(1, 2), (1, 10), (1, 4)]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("cell.swc", "cell"),
        ("cnic 001.CNG.SWC", "cnic-001-CNG"),
        ("720575940.swc", "neuron-720575940"),
        ("größe: #1.swc", "gr-e-1"),
        ("--.swc", "neuron"),
        (f"{'x' * 100}.swc", "x" * 64),
        ("no-ending", "no-ending"),
    ],
)
def test_the_name_is_that_of_the_file(file: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(file).write_text(f"# a: 'remark' # \"here\"\n# \x07 {'y' * 300}\n" + SOMA + STEM)
    imported = import_swc(file)
    assert imported.path == Path(f"{name}.yaml") and load(imported.path).name == name
    assert all(len(line) <= 120 for line in imported.text.splitlines() if not line.startswith("about"))


def test_a_long_header_is_cut(tmp_path: Path) -> None:
    text = import_swc(swc(tmp_path, "# line\n" * 50 + SOMA + STEM), tmp_path / "x.yaml").text
    assert text.count("#   line\n") == 20 and "#   (30 more lines)\n" in text


@pytest.mark.parametrize("how", ["section", "order", "bins"])
def test_it_trains(how: str, tmp_path: Path) -> None:
    """Each synapse of each compartment learns, and the loss falls."""
    choices = Choices(reduce=how, neurons=16, nonlinearities={"basal": "nmda"})
    path = import_swc(NEURONS / "tiny.swc", tmp_path / "x.yaml", choices=choices).path
    data = datasets.load("digits")
    torch.manual_seed(0)
    network = build(path, data.shapes, data.classes, seed=0)
    images, labels = data.train.inputs["image"][:256].float() / data.scale, data.train.labels[:256]
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        losses.append(float(loss.detach()))
        if len(losses) == 1:
            assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]


# What ships


@pytest.mark.parametrize("name", ["pyramidal", "interneuron", "tiny"])
def test_the_reconstructions_are_those_that_the_script_grows(name: str) -> None:
    text = (NEURONS / f"{name}.swc").read_text()
    assert "# Synthetic: " in text and "MIT" in text
    assert runpy.run_path(str(NEURONS / "grow.py"))["NEURONS"][name]() == text


def test_the_shipped_morphology_is_an_import(tmp_path: Path) -> None:
    about = "A synthetic pyramidal neuron of layer 5, imported from SWC: one dendrite a section, the axon left out."
    choices = Choices(name="pyramidal-swc", about=about, nonlinearities={"basal": "nmda", "apical": "nmda"})
    made = import_swc(NEURONS / "pyramidal.swc", tmp_path / "x.yaml", choices=choices).text
    shipped = (ROOT / "morphologies" / "pyramidal-swc.yaml").read_text()
    assert made.replace("  cable: {ends: sealed}\n", "").split("\nname:")[1] == shipped.split("\nname:")[1]
    (neuron,) = load("pyramidal-swc").neurons.values()
    assert 20 <= len(list(all_dendrites(neuron))) <= 40
    assert compile(load("pyramidal-swc"), (28, 28), 10).compartments == 64 * 33


# The command


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["import", *map(str, words)])
    return int(stopped.value.code or 0)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(NEURONS / "pyramidal.swc", "--apical", "nmda") == 0
    out, err = capsys.readouterr()
    assert (err, out) == (
        "",
        "soma    three points, 16 µm across\n"
        "basal   19 sections, 1,221 µm, 5 on the soma\n"
        "apical  13 sections, 1,453 µm, 1 on the soma\n"
        "axon    7 sections, 510 µm: left out\n"
        "pyramidal.yaml: 32 dendrites, at most 6 in a row; one dendrite a section\n",
    )
    text = Path("pyramidal.yaml").read_text()
    assert load("pyramidal.yaml").about == (
        "Neuron reconstructed in pyramidal.swc, one dendrite a section; the axon is left out."
    )
    assert "#   axon    7 sections, 510 µm: left out\n" in text and "Synthetic: grown by" in text
    assert call(NEURONS / "pyramidal.swc", "--reduce", "order") == 2
    assert capsys.readouterr().err == (
        "error: pyramidal.yaml: is there already\n  replace it by --force, or give another --out\n"
    )
    assert Path("pyramidal.yaml").read_text() == text
    words = ["--reduce", "bins", "--bin-um", "40", "--orders", "3", "--scale", "2", "--synapses-per-um", "0.05"]
    words += ["--field", "random", "--neurons", "3", "--soma", "tanh", "--basal", "nmda", "--name", "other", "--force"]
    assert call(NEURONS / "pyramidal.swc", *words, "--out", "pyramidal.yaml") == 0
    assert load("pyramidal.yaml").name == "other"
    assert {path.name for path in Path().iterdir()} == {"pyramidal.yaml"}
    assert call(GOOD / "extra-columns.swc", "--apical", "nmda") == 0
    assert capsys.readouterr().err == (
        f"note: {GOOD}/extra-columns.swc: columns beyond the seventh are not looked at (1 line)\n"
        "note: there are no apical dendrites: --apical nmda changes nothing\n"
    )


MISTAKES = [
    (["--reduce", "sections"], "--reduce sections: did you mean 'section'? known: bins, order, section\n"),
    (["--reduce", "bins", "--bin-um", "0"], "--bin-um 0: expected a number from 1e-6 to 1e6\n"),
    (["--reduce", "bins", "--bin-um", "nan"], "--bin-um nan: expected a number from 1e-6 to 1e6\n"),
    (["--bin-um", "50"], "--bin-um says nothing without bins\n  add --reduce bins, or leave it out\n"),
    (["--scale", "-1"], "--scale -1: expected a number from 1e-6 to 1e6\n"),
    (["--orders", "0"], "--orders 0: expected a whole number of at least 1\n"),
    (["--synapses", "0"], "--synapses 0: expected a whole number of at least 1\n"),
    (["--neurons", "-3"], "--neurons -3: expected a whole number of at least 1\n"),
    (["--synapses-per-um", "inf"], "--synapses-per-um inf: expected a number from 1e-6 to 1e6\n"),
    (["--synapses", "3", "--synapses-per-um", "1"], "--synapses and --synapses-per-um say the same in two ways\n"),
    (["--field", "locl"], "--field locl: did you mean 'local'? known: "),
    (["--field", "all"], "--field all: "),
    (["--basal", "nmad"], "--basal nmad: did you mean 'nmda'? known: "),
    (["--name", "a b"], "--name a b: no name\n  a name is a letter, "),
    (["--about", "two\nlines"], "--about two\\nlines: expected text on one line\n"),
    (["--min-radius", "0"], "--min-radius 0: expected a number from 1e-6 to 1e6\n"),
    (["--out", "no/such/"], "no/such: cannot be written: no: there is no such folder\n"),
    (["--out", "no/such/folder.yaml"], "no/such/folder.yaml: cannot be written: no/such: there is no such folder\n"),
    (["--out", "cell.swc", "--force"], "cell.swc: is the reconstruction itself\n  give another --out\n"),
    (["--bins"], "No such option: --bins"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_mistakes(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = swc(tmp_path, SOMA + STEM).read_text()
    assert call("cell.swc", *words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"error: {message}")
    assert {path.name for path in tmp_path.iterdir()} == {"cell.swc"} and Path("cell.swc").read_text() == text


def test_the_page_shows_what_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "guides" / "reconstructions.md").read_text()
    monkeypatch.chdir(tmp_path)
    Path("neuron.swc").write_text(page.split('write_text("""\\\n')[1].split('"""')[0])
    assert call("neuron.swc", "--apical", "nmda") == 0
    assert capsys.readouterr().out in page
    neurons = Path("neuron.yaml").read_text().split("\nneurons:\n")[1].split("\nlayers:")[0]
    assert f"```text\nneurons:\n{neurons}```\n" in page
    broken = page.split("all faults come at once. For\n\n```text\n")[1].split("```")[0]
    for text in (broken, broken.replace("-1 3", "1 3")):
        Path("cell.swc").write_text(text)
        assert call("cell.swc") == 2
        assert f"```text\n{capsys.readouterr().err}```\n" in page


def test_the_mean_diameter_of_a_stretch() -> None:
    section = read(GOOD / "tapering.swc").sections[0]
    assert section.mean_diameter(0, 5) == pytest.approx(3.5)
    assert section.mean_diameter(5, 15) == pytest.approx((5 * 2.5 + 5 * 1.875) / 10)
    steps = np.linspace(0, 30, 31)
    means = [section.mean_diameter(a, b) for a, b in itertools.pairwise(steps)]
    assert np.mean(means) == pytest.approx(section.mean_diameter())


# Units, radii, roots, and several files


@pytest.mark.parametrize(
    ("unit", "note"),
    [(1000, "is the file in nanometres? --scale 0.001"), (0.001, "is the file in millimetres? --scale 1000"), (1, "")],
)
def test_a_file_in_another_unit_is_noticed(unit: float, note: str, tmp_path: Path) -> None:
    rows = [(1, 1, 0, 5, -1), (2, 3, 5, 0.1, 1), (3, 3, 205, 0.1, 2)]
    text = "".join(
        f"{ident} {kind} {unit * x} 0 0 {unit * radius} {parent}\n" for ident, kind, x, radius, parent in rows
    )
    notes = import_swc(swc(tmp_path, text), tmp_path / "x.yaml").notes
    assert [each.rpartition(": ")[2] for each in notes] == [note] * bool(note)
    across = {1000: "10,000", 0.001: "0.01"}.get(unit, "")
    assert all(f"the soma is {across} µm across" in each for each in notes)
    imported = import_swc(tmp_path / "cell.swc", tmp_path / "y.yaml", choices=Choices(scale=1 / unit))
    assert imported.notes == () and "length_um: 200," in imported.text and "diameter_um: 0.2}" in imported.text


def test_a_scale_that_makes_a_neuron_too_small_is_noticed(tmp_path: Path) -> None:
    (note,) = import_swc(swc(tmp_path, SOMA + STEM), tmp_path / "x.yaml", choices=Choices(scale=0.001)).notes
    assert note.endswith("is the file in millimetres? --scale 1")


@pytest.mark.parametrize("word", ["0", "-1", "nan", "NaN", "NA", "-", "0.0", "-1e0", "0.1"])
def test_unknown_radii_are_read_on_request(word: str, tmp_path: Path) -> None:
    text = f"1 1 0 0 0 5 -1\n2 3 5 0 0 {word} 1\n3 3 25 0 0 {word} 2\n4 3 45 0 0 1 3\n5 2 0 5 0 {word} 1\n"
    path = swc(tmp_path, text)
    if word != "0.1":
        with pytest.raises(DendrographError) as error:
            read(path)
        assert str(error.value) == (
            f"{path}:2:1: the radius of a dendrite is unknown or 0 (and of 1 more sample)\n"
            "  give it in µm, or take --min-radius 0.25 for all that are unknown or smaller"
        )
    reconstruction = read(path, min_radius=0.25)
    assert told(reconstruction) == [("basal", None, 40.0, round((20 * 0.5 + 20 * 1.25) / 40, 3))]
    assert reconstruction.notes == (f"{path}: 2 samples have an unknown or smaller radius: 0.25 µm is taken",)


def test_the_least_radius_is_in_micrometres_whatever_the_unit_of_the_file(tmp_path: Path) -> None:
    text = "1 1 0 0 0 5000 -1\n2 3 5000 0 0 -1 1\n3 3 25000 0 0 -1 2\n"
    assert told(read(swc(tmp_path, text), scale=0.001, min_radius=0.5)) == [("basal", None, 20.0, 1.0)]


def test_a_soma_without_a_radius_and_an_option_without_effect(tmp_path: Path) -> None:
    path = swc(tmp_path, SOMA.replace("5 -1", "-1 -1") + STEM)
    with pytest.raises(DendrographError, match=":1:1: the radius of the soma is unknown or 0\n"):
        read(path)
    assert read(path, min_radius=5).soma == "one point, 10 µm across"
    assert (
        read(GOOD / "gap.swc", min_radius=0.5)
        .notes[0]
        .endswith("no radius is below 0.5 µm: --min-radius changes nothing")
    )


def test_the_root_is_taken_for_the_soma_on_request(tmp_path: Path) -> None:
    reconstruction = read(BAD / "soma-missing.swc", root_soma=True)
    assert told(reconstruction) == [("basal", None, 24.0, 2.0)]
    assert reconstruction.notes == (f"{BAD}/soma-missing.swc: the root, on line 1, is taken for the soma",)
    assert read(GOOD / "gap.swc", root_soma=True).notes[0].endswith("there is a soma: --root-soma changes nothing")


def test_pieces_of_a_soma_that_touch_are_one_and_others_are_refused(tmp_path: Path) -> None:
    second = "4 1 {} 0 0 5 -1\n5 3 {} 9 0 1 4\n6 3 {} 29 0 1 5\n"
    reconstruction = read(swc(tmp_path, SOMA + STEM + second.format(-9, -9, -9)))
    assert reconstruction.soma == "2 points, 10 µm across"
    assert [(kind, parent) for kind, parent, *_ in told(reconstruction)] == [("basal", None)] * 2
    with pytest.raises(
        DendrographError, match=r"cell\.swc:4:1: a second soma\n  the first is on line 1; one neuron a file"
    ):
        read(swc(tmp_path, SOMA + STEM + second.format(-11, -11, -11)))


def test_a_file_far_from_the_origin_keeps_its_lengths(tmp_path: Path) -> None:
    """Coordinates of a slide scanner: the length does not suffer from where the neuron lies."""
    lines = [f"{number} 3 {4e8 + 5 + 0.1 * number:.1f} 0 0 1 {number - 1}\n" for number in range(2, 500)]
    path = swc(tmp_path, "1 1 4e8 0 0 5 -1\n" + "".join(lines))
    assert told(read(path))[0][2] == pytest.approx(49.9, abs=1e-3)


def test_several_files_become_a_file_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, length in (("one", 20), ("two", 60)):
        Path(f"{name}.swc").write_text(SOMA + STEM.replace("25", str(5 + length)))
    assert call("one.swc", "two.swc") == 0
    out, err = capsys.readouterr()
    assert err == "" and out.count("one dendrite a section\n") == 2
    lengths = [next(all_dendrites(load(f"{name}.yaml").neurons[name])).cable.length_um for name in ("one", "two")]
    assert lengths == [20, 60]
    assert call("one.swc", "two.swc", "--out", "made") == 0
    assert {path.name for path in Path("made").iterdir()} == {"one.yaml", "two.yaml"}
    assert call("one.swc", "--out", "made", "--force") == 0 and call("one.swc", "--out", "made/") == 2
    capsys.readouterr()
    assert call("one.swc", "two.swc", "--name", "x") == 2
    assert capsys.readouterr().err == "error: --name: there are 2 files\n  give --name for one file at a time\n"
    assert call("one.swc", "two.swc", "--out", "one.yaml", "--force") == 2
    assert capsys.readouterr().err == "error: one.yaml: is a file, and there are 2 to make\n  give --out a folder\n"
    assert call("one.swc", "made/../one.swc", "--force") == 2
    assert "error: one.swc and made/../one.swc would both become one.yaml\n" in capsys.readouterr().err


def test_of_several_files_one_that_is_refused_keeps_no_other_from_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "three"):
        Path(f"{name}.swc").write_text(SOMA + STEM)
    Path("two.swc").write_text(SOMA)
    Path("three.yaml").write_text("mine")
    assert call("one.swc", "two.swc", "three.swc", "four.swc") == 2
    assert capsys.readouterr().err == (
        "error: two.swc: no dendrites: there is a soma alone\n"
        "  dendrites have type 3 (basal) or 4 (apical)\n"
        "three.yaml: is there already\n  replace it by --force, or give another --out\n"
        "four.swc: no such file\n  give an SWC file\n"
        "3 of 4 files not imported\n"
    )
    assert load("one.yaml").name == "one" and Path("three.yaml").read_text() == "mine"
    assert not Path("two.yaml").exists()


def test_a_folder_that_is_not_there_yet_is_made_and_one_in_no_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.swc").write_text(SOMA + STEM)
    Path("bad.swc").write_text(SOMA)
    assert call("one.swc", "--out", "new/") == 0
    assert load("new/one.yaml").name == "one"
    import_swc("one.swc", "other/")
    assert load("other/one.yaml").name == "one"
    capsys.readouterr()
    for files, out in ((["one.swc"], "no/x.yaml"), (["one.swc"], "no/new/"), (["one.swc", "bad.swc"], "no/new")):
        assert call(*files, "--out", out) == 2
        told = f"error: {out.rstrip('/')}: cannot be written: no: there is no such folder\n"
        assert capsys.readouterr().err == f"{told}  make it, or give another --out\n"
    for files in (["bad.swc"], ["bad.swc", "none.swc"]):
        assert call(*files, "--out", "empty/") == 2
        assert not Path("empty").exists()


def test_a_length_that_no_file_holds_names_its_line(tmp_path: Path) -> None:
    path = swc(tmp_path, SOMA + "2 4 5 0 0 0.5 1\n3 4 100000 0 0 0.5 2\n4 3 0 5 0 1 1\n5 3 0 25 0 1 4\n")
    with pytest.raises(
        DendrographError, match=r"cell\.swc:3:1: the dendrite that ends here: a cable of .* passes nothing"
    ):
        import_swc(path, tmp_path / "x.yaml")


def test_a_choice_without_effect_is_named_as_it_was_given(tmp_path: Path) -> None:
    choices = Choices(nonlinearities={"apical": "nmda"})
    path = swc(tmp_path, SOMA + STEM)
    told = "there are no apical dendrites: {} changes nothing"
    assert import_swc(path, tmp_path / "x.yaml", choices=choices).notes == (told.format("--apical nmda"),)
    with for_command_line(False):
        notes = import_swc(path, tmp_path / "y.yaml", choices=choices).notes
    assert notes == (told.format("nonlinearities={'apical': 'nmda'}"),)


@pytest.mark.parametrize("name", ["null", "True", "false"])
def test_a_name_that_is_a_word_of_yaml(name: str, tmp_path: Path) -> None:
    imported = import_swc(swc(tmp_path, SOMA + STEM), tmp_path / "x.yaml", choices=Choices(name=name))
    assert load(imported.path).name == name


@pytest.mark.parametrize(("how", "bin_um"), [("section", None), ("bins", 0.5)])
def test_what_no_file_holds_is_refused_at_once_with_what_fits(
    how: str, bin_um: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dendrograph.morphology.swc.reduction.MOST_VALUES", 1_000)
    path = swc(tmp_path, comb(40))
    slow = pytest.MonkeyPatch()
    slow.setattr("dendrograph.morphology.swc.importing.morphology_text", lambda *_: pytest.fail("the file is made"))
    with slow.context(), pytest.raises(DendrographError, match=r"dendrites are more than|one on the other") as error:
        import_swc(path, tmp_path / "x.yaml", choices=Choices(reduce=how, bin_um=bin_um))
    slow.undo()
    assert str(error.value).endswith("take --reduce order, which makes 41")
    load(import_swc(path, tmp_path / "x.yaml", choices=Choices(reduce="order")).path)
    with pytest.raises(DendrographError, match="--reduce order, with --orders 53"):
        import_swc(swc(tmp_path, comb(90)), tmp_path / "y.yaml", choices=Choices(reduce="order"))


# Names of columns


ROWS = "1 1 0 0 0 5 -1\n2 3 5 0 0 1 1\n3 3 25 0 0 1 2\n"
STIRRED = "1 0 0 0 1 5 -1\n2 5 0 0 3 1 1\n3 25 0 0 3 1 2\n"  # id x y z type radius parent


@pytest.mark.parametrize(
    ("names", "rows", "diameter"),
    [
        ("id x y z type radius parent", STIRRED, 2.0),
        ("# id x y z type radius parent", STIRRED, 2.0),
        ('"id","x","y","z","type","radius","parent"', STIRRED.replace(" ", ","), 2.0),
        ("SampleID xpos ypos zpos TypeID radius ParentID", STIRRED, 2.0),
        ("id type x y z diameter parent", ROWS, 1.0),
        ("# n, T, X (µm), Y (µm), Z (µm), Diam (µm), P", ROWS, 1.0),
        ("##n type x y z radius parent seg_id level", ROWS, 2.0),
        ("PtNo kind X Y Z R link", ROWS, 2.0),
        ("# traced in x, y and z by R. P.", ROWS, 2.0),
        ("Parent,Radius,z,y,x,Type,ID", "-1,5,0,0,0,1,1\n1,1,0,0,5,3,2\n2,1,0,0,25,3,3\n", 2.0),
    ],
)
def test_columns_are_read_by_their_names(names: str, rows: str, diameter: float, tmp_path: Path) -> None:
    reconstruction = read(swc(tmp_path, f"{names}\n{rows}"))
    # With the soma's radius halved as well, the gap to the stem is 2.5 µm.
    assert told(reconstruction) == [("basal", None, 20.0 if diameter == 2.0 else 22.5, diameter)]
    assert len(reconstruction.notes) == (rows != ROWS) + (diameter == 1.0)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("treenode_id parent_treenode_id x y z radius user", "no column has the name 'type', and the columns are in"),
        ("id x y z kind_of radius parent", "no column has the name 'type'"),
        ("id x y z type type parent", "two columns have the name 'type'"),
        ("id type x y z radius_nm parent", "columns in more than one unit: x in µm, y in µm, z in µm, radius in nm"),
        (
            "# id type x_nm y_nm z_nm radius_nm parent",
            "the columns are in nm\n  say how many µm one of them is: --scale",
        ),
        ("# id type x y z radius parent (all in pixels)", "the columns are in pixels"),
    ],
)
def test_names_of_columns_that_cannot_be_followed_are_refused(names: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(DendrographError, match=re.escape(f"cell.swc:1:1: {problem}")):
        read(swc(tmp_path, f"{names}\n{ROWS}"))


def test_a_unit_in_the_names_is_read_with_a_scale_and_a_scale_in_the_header_is_told(tmp_path: Path) -> None:
    names = "# id type x_nm y_nm z_nm radius_nm parent\n"
    assert told(read(swc(tmp_path, names + ROWS), scale=0.5)) == [("basal", None, 10.0, 1.0)]
    notes = read(swc(tmp_path, "# SCALE 0.5 0.5 0.5\n" + ROWS)).notes
    assert len(notes) == 1 and "'SCALE 0.5 0.5 0.5' on line 1 is not applied" in notes[0] and "--scale" in notes[0]
    assert read(swc(tmp_path, "# SCALE 1.0 1.0 1.0\n" + ROWS)).notes == ()


def test_a_soma_of_very_many_pieces_is_put_together(tmp_path: Path) -> None:
    generator = random.Random(0)
    places = [[generator.uniform(-9, 9) for _ in "xyz"] for _ in range(4_000)]
    pieces = "".join(f"{number} 1 {x} {y} {z} 0.5 -1\n" for number, (x, y, z) in enumerate(places, start=10))
    assert (
        read(swc(tmp_path, ROWS + pieces)).notes[0].endswith("4001 pieces of a soma, close together, are taken as one")
    )


def test_types_of_ones_own_on_an_axon_are_told(tmp_path: Path) -> None:
    notes = read(swc(tmp_path, ROWS + "4 2 0 -5 0 1 1\n5 7 0 -25 0 1 4\n")).notes
    assert len(notes) == 1 and notes[0].endswith("samples of type 7 go on an axon, and are left out with it")


def test_a_least_radius_that_the_soma_takes_is_told(tmp_path: Path) -> None:
    (note,) = read(swc(tmp_path, ROWS.replace("0 5 -1", "0 0 -1")), min_radius=0.5).notes
    assert "1 sample has an unknown or smaller radius: 0.5 µm is taken; the soma's own is among them, on line 1" in note
