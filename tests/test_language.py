"""The language reference says what the code does: its tables and its messages are held to the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dendrograph import compiler, cursor, expressions, layers, neuron, reading
from dendrograph.errors import MorphologyError
from dendrograph.morphology import Compartment, Morphology, Synapses, load
from dendrograph.nonlinearities import NONLINEARITIES

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "language.md").read_text(encoding="utf-8")


def table(section: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.replace("\\|", "|") for cell in re.split(r" ?(?<!\\)\| ?", row.strip("|"))] for row in rows[2:]]


def words(section: str) -> list[str]:
    """What the first column of a table lists in code font."""
    return [match[1] for row in table(section) if (match := re.match(r" ?`(\w+)`", row[0]))]


def test_keys() -> None:
    assert words("Top level") == [
        *("name", "about", "citation", "parameters", "inputs", "defaults", "neurons", "layers", "readout")
    ]
    assert sorted(words("Top level")) == sorted(Morphology.KEYS)
    assert sorted(words("Compartments")) == sorted(Compartment.KEYS)
    assert sorted(words("Synapses")) == sorted(Synapses.KEYS)
    assert words("Layers, repeats and stacks") == ["name", "neuron", "count", "repeat"]


def test_every_key_stands_in_the_complete_example(tmp_path: Path) -> None:
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "every-key" in block)
    for key in (*Morphology.KEYS, *Compartment.KEYS, *Synapses.KEYS, "neuron", "repeat"):
        if key != "nonlinearity":
            assert re.search(rf"\b{key}:", text), key
    file = tmp_path / "every-key.yaml"
    file.write_text(text, encoding="utf-8")
    assert load(file).name == "every-key"


def test_fields_and_inits() -> None:
    assert words("Receptive fields") == list(neuron.FIELDS)
    assert words("Initial weights") == list(neuron.INITS)


def test_nonlinearities() -> None:
    rows = [[cell.strip() for cell in row] for row in table("Nonlinearities")]
    expected = [
        [
            f"`{entry.name}`",
            f"`{entry.equation}`",
            ", ".join(
                f"`{key}`: {value:g}" + " (> 0)" * (key in entry.positive) for key, value in entry.defaults.items()
            )
            or "none",
            entry.source,
        ]
        for entry in NONLINEARITIES.values()
    ]
    assert [row[:4] for row in rows] == expected


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("size of a file", f"{reading.LARGEST_FILE // 1024} KiB"),
        ("values in a file", f"{reading.MOST_VALUES:,}"),
        ("depth of nesting", f"{reading.DEEPEST}"),
        ("a whole number", f"10^{len(str(expressions.LARGEST)) - 1}"),
        ("a number with a fraction", f"0, or from {cursor.SMALLEST:g} to {cursor.GREATEST:g}".replace("+", "")),
        ("an expression", f"{expressions.LONGEST} characters"),
        ("layers", f"{layers.MOST_LAYERS:,}"),
        ("kinds of compartments", f"{compiler.MOST_GROUPS:,}"),
    ],
)
def test_limits(limit: str, value: str) -> None:
    (row,) = re.findall(rf"^\| {limit}[^|]*\| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert row.startswith(value)


def test_reserved_words() -> None:
    assert "`previous`, `readout`, `auto` and `all` are words of the language" in PAGE
    assert set(layers.RESERVED) == {"previous", "readout", "auto", "all"}


def test_the_message_that_it_shows_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    file = next(block for block in found if block.startswith("name: mine"))
    shown = next(block for block in found if block.startswith("error: "))
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(file)
    with pytest.raises(MorphologyError) as error:
        load("mine.yaml")
    assert f"error: {error.value}\n" == shown
