"""Files made by random mutation of good ones compile or give a clear error: no other exception, no hang, no blow-up."""

from __future__ import annotations

import random
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from bad_morphologies import bad_morphologies

from dendrograph.base.errors import DendrographError
from dendrograph.graph.compiler import compile
from dendrograph.morphology.document import Document
from dendrograph.morphology.morphology import Morphology, load
from dendrograph.morphology.shipped import shipped
from dendrograph.network.network import DendriticNetwork

FILES = 2400
SETTINGS = 600
PARTS = 8
SECONDS = 10  # that one file may take
MEMORY = 200_000_000  # bytes that one network may take to train
RUN = 5_000  # edges of a network that is run, too
HEADROOM = 3_000_000_000  # bytes of address space that this process may take on top of what it has

NASTY = [
    *(
        "0",
        "-1",
        "1",
        "2",
        "3",
        "17",
        "1.5",
        "1e400",
        "-0.0",
        ".nan",
        "-.inf",
        "1e-320",
        "99999999999999999999",
        "10**9",
    ),
    *(
        "1000",
        "65",
        "1000000",
        "1000000000",
        "1000000000000000",
        "0x10",
        "0o17",
        "010",
        "1_000",
        "+5",
        "1e3",
        "2025-01-01",
    ),
    *("null", "~", "true", "no", "''", "' '", "text", "'1'", "ä", "☃", "\U0001f9e0", "\u2028", "\x85", "\ufeff", "a b"),
    *(
        "[]",
        "{}",
        "[1, 2]",
        "[[]]",
        "[null]",
        "{a: 1}",
        "{count: 1}",
        "[8, 8, 1, 1]",
        "[8, 8]",
        "64",
        "{name: relu}",
        "{? a}",
    ),
    *(
        "$a",
        "$",
        "$1",
        "$somata",
        "$dendrites",
        "$dendrites ** 9",
        "$somata // 0",
        "$somata * $somata",
        "$x",
        "-$somata",
    ),
    *(
        "all",
        "previous",
        "image",
        "hidden",
        "auto",
        "readout",
        "soma",
        "dendrite",
        "random",
        "global",
        "local",
        "pooled",
    ),
    *(
        "*a",
        "&a x",
        "!!str x",
        "!x y",
        "<<",
        "|",
        ">",
        "?",
        "-",
        "- -",
        ":",
        "#",
        "%",
        "@",
        "`",
        "'",
        '"',
        "[",
        "}",
        ",",
        "\t",
    ),
    *(
        "constant",
        "{name: constant}",
        "{name: constant, value: 1}",
        "max",
        "excitatory",
        "{name: nmda, gain: 0}",
        "sum",
    ),
    *(
        "product",
        "min",
        "layer",
        "tiled",
        "shunting",
        "inhibitory",
        "initial",
        "factor",
        "group",
        "compartment",
        "none",
    ),
    *("1e30", "1e-30", "-1e30", "0.5", "100", "{value: 1}", "{trainable: group}", "{value: 0, trainable: compartment}"),
    *("{length_um: 100, diameter_um: 1}", "{sign: excitatory}", "{name: dcaap, decay: {value: 2, trainable: group}}"),
    "x" * 1000,
]
# Keys that may stand, or may not, wherever they are put, each with a value that is good somewhere.
PAIRS = [
    *(f"integration: {word}" for word in ("mean", "max", "min", "product")),
    *(f"sign: {word}" for word in ("free", "excitatory", "inhibitory", "shunting")),
    *("normalisation: layer", "nonlinearity: leaky_ada", "nonlinearity: {name: nmda, gain: {trainable: compartment}}"),
    *("trainable: false", "trainable: group", "value: 2", "field: tiled", "init: {name: constant, value: 1}"),
    *("length_um: 120", "diameter_um: 1.5", "rm_ohm_cm2: 1e4", "ra_ohm_cm: 100", "attenuation: initial"),
    *("cable: {length_um: 90, diameter_um: 2, attenuation: initial}", "cable: {sign: excitatory, trainable: false}"),
]
WORDS = re.compile(r"[\w$.]+")


def sources() -> list[str]:
    """Good files: those that ship, and the good twins of the broken ones."""
    texts = [path.read_text(encoding="utf-8") for path in shipped().values()]
    texts += [case.good_text() for case in bad_morphologies()]
    return list(dict.fromkeys(re.sub(r"^#.*\n", "", text, flags=re.M) for text in texts))


def _lines(change: Callable[[list[str], random.Random], None]) -> Callable[[str, random.Random, list[str]], str]:
    def mutation(text: str, rng: random.Random, _: list[str]) -> str:
        lines = text.split("\n")
        change(lines, rng)
        return "\n".join(lines)

    return mutation


@_lines
def drop_line(lines: list[str], rng: random.Random) -> None:
    del lines[rng.randrange(len(lines))]


@_lines
def double_line(lines: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(lines))
    lines.insert(rng.choice([at, rng.randrange(len(lines) + 1)]), lines[at])


@_lines
def swap_lines(lines: list[str], rng: random.Random) -> None:
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


@_lines
def indent_line(lines: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(lines))
    lines[at] = rng.choice([" ", "  ", "    ", "\t", "- "]) + lines[at] if rng.random() < 0.6 else lines[at][2:]


def flip_character(text: str, rng: random.Random, _: list[str]) -> str:
    at = rng.randrange(len(text) + 1)
    new = rng.choice(["", chr(rng.randrange(32, 127)), chr(rng.randrange(0x250)), rng.choice(":-[]{},$&*!|>%@#\n'\"")])
    return text[:at] + new + text[at + rng.randrange(2) :]


def replace_word(text: str, rng: random.Random, _: list[str]) -> str:
    words = list(WORDS.finditer(text))
    if not words:
        return rng.choice(NASTY)
    word = rng.choice(words)
    return text[: word.start()] + rng.choice(NASTY) + text[word.end() :]


def exchange_words(text: str, rng: random.Random, _: list[str]) -> str:
    """A word of the file, key or value, stands where another one stood."""
    words = list(WORDS.finditer(text))
    if not words:
        return text
    word = rng.choice(words)
    return text[: word.start()] + rng.choice(words)[0] + text[word.end() :]


def replace_value(text: str, rng: random.Random, _: list[str]) -> str:
    values = list(re.finditer(r"(?<=: )[^\s,{}\[\]]+", text))
    if not values:
        return text
    value = rng.choice(values)
    return text[: value.start()] + rng.choice(NASTY) + text[value.end() :]


def rename_key(text: str, rng: random.Random, _: list[str]) -> str:
    keys = list(re.finditer(r"\w+(?=:)", text))
    if not keys:
        return text
    key = rng.choice(keys)
    return (
        text[: key.start()]
        + rng.choice([key[0][::-1], key[0] + "s", *NASTY[:40], rng.choice(keys)[0]])
        + text[key.end() :]
    )


def graft(text: str, rng: random.Random, others: list[str]) -> str:
    """Some lines of one file, indented anew, somewhere in another."""
    donor, lines = rng.choice(others).split("\n"), text.split("\n")
    start = rng.randrange(len(donor))
    shift = " " * rng.choice([0, 0, 2, 4, 6])
    at = rng.randrange(len(lines) + 1)
    cut = rng.choice([0, 0, 1, 3])
    lines[at : at + cut] = [shift + line for line in donor[start : start + rng.randrange(1, 8)]]
    return "\n".join(lines)


def insert_pair(text: str, rng: random.Random, _: list[str]) -> str:
    """A key and its value more, in a mapping in brackets or as a line of its own."""
    pair = rng.choice(PAIRS)
    if rng.random() < 0.2:
        pair = f"{pair.split(':')[0]}: {rng.choice(NASTY)}"
    brackets = [match.end() for match in re.finditer(r"\{", text)]
    if brackets and rng.random() < 0.6:
        at = rng.choice(brackets)
        return f"{text[:at]}{pair}, {text[at:]}"
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    indent = re.match(r"[ -]*", lines[at])
    lines.insert(at, " " * len(indent[0] if indent else "") + pair)
    return "\n".join(lines)


MUTATIONS = [
    *(drop_line, double_line, swap_lines, indent_line, flip_character, replace_word, exchange_words, replace_value),
    *(replace_value, rename_key, graft, insert_pair, insert_pair),
]


def mutants(seed: int) -> Iterator[str]:
    """Broken and odd files without end, the same for the same seed."""
    rng, good = random.Random(seed), sources()
    while True:
        text = rng.choice(good)
        for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 5])):
            text = rng.choice(MUTATIONS)(text, rng, good) or "\n"
        yield text


@contextmanager
def within(seconds: int, what: str) -> Iterator[None]:
    """An error where the block takes too long."""

    def stop(signum: int, frame: Any) -> None:
        raise TimeoutError(f"more than {seconds} s for:\n{what}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def bounded_memory() -> Iterator[None]:
    """A MemoryError where the process would take much more memory than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + HEADROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def check(text: str, file: Path, settings: Mapping[str, str] | None = None) -> bool:
    """Whether the text compiles, and then runs; where it does not, the error is a clear one."""
    file.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    with within(SECONDS, text):
        try:
            morphology = load(file, settings)
            graph = compile(morphology, inputs=None if "[8, 4]" in text else (8, 8), classes=10, memory_limit=MEMORY)
        except DendrographError as error:
            said = str(error)
            assert said.strip() and len(said) < 100_000
            assert said.replace("\n", "").isprintable(), said
            assert "overrides={" in said or file.name in said, said
            return False
        assert graph.parameters > 0
        assert Morphology.from_dict(morphology.to_dict()) == morphology
        if graph.edges < RUN:
            network = DendriticNetwork(graph)
            outputs = network({name: torch.zeros(2, *shape) for name, shape in graph.inputs.items()})
            assert outputs.shape == (2, 10)
            outputs.sum().backward()
        return True


@pytest.mark.parametrize("part", range(PARTS))
def test_mutants_compile_or_are_refused_clearly(part: int, tmp_path: Path) -> None:
    files = mutants(part)
    compiled = 0
    with bounded_memory():
        for _ in range(FILES // PARTS):
            text = next(files)
            try:
                compiled += check(text, tmp_path / "mutant.yaml")
            except Exception as error:
                raise AssertionError(f"{type(error).__name__}: {error}\nfrom the file\n{text}") from error
    assert 0.03 < compiled / (FILES // PARTS) < 0.6  # else the mutations are too rough, or too tame


def test_settings_turn_a_knob_or_are_refused_clearly(tmp_path: Path) -> None:
    rng, good = random.Random(0), sources()
    turned = 0
    with bounded_memory():
        for _ in range(SETTINGS):
            text = rng.choice(good)
            settings = {}
            for _ in range(rng.choice([1, 1, 2])):
                words = list(map(str, rng.choice(list(Document.from_text(text, "").places))))
                if rng.random() < 0.3:
                    at = rng.randrange(len(words) + 1)
                    words[at : at + rng.randrange(2)] = [rng.choice([*NASTY, "count", "bias", "0", "7", "synapses"])]
                settings[rng.choice([".", ".", "..", "[", "]"]).join(words)] = rng.choice([*NASTY, "relu", "he"])
            try:
                turned += check(text, tmp_path / "good.yaml", settings)
            except Exception as error:
                raise AssertionError(f"{type(error).__name__}: {error}\nfrom {settings} and\n{text}") from error
    assert 0.02 < turned / SETTINGS < 0.6
