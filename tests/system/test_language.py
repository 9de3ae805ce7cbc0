"""The language reference says what the code does: its tables and its messages are held to the code."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from dendrograph.base.errors import MorphologyError
from dendrograph.graph import size_limits
from dendrograph.morphology import expressions, layers, neuron, nonlinearities, weights
from dendrograph.morphology import receptive_fields as fields
from dendrograph.morphology import yaml_reader as reading
from dendrograph.morphology.cable import ATTENUATIONS, Cable
from dendrograph.morphology.layers import Layer
from dendrograph.morphology.morphology import Morphology, load
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.nonlinearities import NONLINEARITIES
from dendrograph.morphology.synapses import Synapses
from dendrograph.network.operations import EPSILON

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference" / "language.md").read_text(encoding="utf-8")
COMPARTMENTS = (DOCS / "concepts" / "compartments.md").read_text(encoding="utf-8")
CABLES = (DOCS / "concepts" / "cables.md").read_text(encoding="utf-8")
DEPTH = (DOCS / "concepts" / "depth.md").read_text(encoding="utf-8")
NONLINEARITY_PAGE = (DOCS / "reference" / "nonlinearities.md").read_text(encoding="utf-8")
EXAMPLE = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "every-key" in block)


def table(section: str, page: str = PAGE) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    text = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.replace("\\|", "|") for cell in re.split(r" ?(?<!\\)\| ?", row.strip("|"))] for row in rows[2:]]


def words(section: str, page: str = PAGE) -> list[str]:
    """What the first column of a table lists in code font."""
    return [match[1] for row in table(section, page) if (match := re.match(r" ?`(\w+)`", row[0]))]


def row(section: str, key: str) -> list[str]:
    """The row of a key: what it takes, its default, and what is said of it."""
    (found,) = (cells[1:] for cells in table(section) if cells[0].strip() == f"`{key}`")
    return found


def code(cell: str) -> list[str]:
    """What stands in code font in a cell."""
    return re.findall(r"`([^`]*)`", cell)


def test_keys() -> None:
    assert sorted(words("Top level")) == sorted(Morphology.KEYS)
    assert sorted(words("Compartments")) == sorted(Compartment.KEYS)
    assert sorted(words("Synapses")) == sorted(Synapses.KEYS)
    assert words("Cables") == list(Cable.KEYS)
    assert words("Layers, repeats and stacks") == list(Layer.KEYS)


def test_every_key_stands_in_the_complete_example(tmp_path: Path) -> None:
    for key in (*Morphology.KEYS, *Compartment.KEYS, *Synapses.KEYS, *Cable.KEYS, *Layer.KEYS, "value"):
        if key != "plugins":  # there is none that every reader has installed
            assert re.search(rf"\b{key}:", EXAMPLE), key
    file = tmp_path / "every-key.yaml"
    file.write_text(EXAMPLE, encoding="utf-8")
    found = load(file)
    assert found.name == "every-key"
    assert Morphology.from_dict(found.to_dict()) == found


def test_words_that_a_key_takes() -> None:
    assert code(row("Compartments", "integration")[0]) == list(neuron.INTEGRATIONS)
    assert code(row("Compartments", "normalisation")[0]) == list(neuron.NORMALISATIONS)
    assert code(row("Compartments", "nonlinearity")[2])[2:] == ["false", *nonlinearities.SHARED]
    assert code(row("Synapses", "field")[0]) == list(fields.BUILT_IN)
    assert code(row("Synapses", "sign")[0]) == list(weights.Sign)
    assert code(row("Cables", "sign")[0]) == [weights.Sign.FREE, weights.Sign.EXCITATORY]
    assert code(row("Cables", "attenuation")[0]) == list(ATTENUATIONS)
    assert code(row("Layers, repeats and stacks", "sign")[0]) == list(layers.DALE)
    told = code(PAGE.split("\n## Defaults\n")[1].split(", with values")[0])
    assert sorted(told) == sorted(["defaults", *Compartment.SHARED, "cable", "synapses"])


def test_fields_and_inits() -> None:
    assert words("Receptive fields") == list(fields.BUILT_IN)
    assert words("Initial weights") == list(weights.INITS)


def test_what_the_words_mean() -> None:
    assert words("Integration", COMPARTMENTS) == list(neuron.INTEGRATIONS)
    assert words("Signs", COMPARTMENTS) == list(weights.Sign)
    assert words("Attenuation", CABLES) == list(ATTENUATIONS)
    for item in (*neuron.NORMALISATIONS[1:], *list(weights.Sign)[1:], *neuron.INTEGRATIONS[1:]):
        assert re.search(rf"(normalisation|sign|integration): {item}\b", COMPARTMENTS + DEPTH), f"no example of {item}"
    assert f"{EPSILON:.0e}".replace("e-0", "e-") in DEPTH


def test_defaults_of_cables() -> None:
    plain = Cable()
    for key in Cable.KEYS:
        value = plain.init.name if key == "init" else getattr(plain, key)
        shown = f"`{str(value).lower()}`" if isinstance(value, bool | str) else f"{value:g}" if value else "none"
        assert row("Cables", key)[1] == shown, key
    said = re.search(r"With Rm = ([\d,]+) Ω cm² and Ra = (\d+) Ω cm, .* of 1 µm has λ = (\d+) µm", CABLES)
    assert said
    one = Cable(length_um=1.0, diameter_um=1.0)
    assert [number.replace(",", "") for number in said.groups()] == [
        f"{number:.0f}" for number in (one.rm_ohm_cm2, one.ra_ohm_cm, one.lambda_um)
    ]


def test_nonlinearities() -> None:
    rows = [[cell.strip() for cell in cells] for cells in table("Table", NONLINEARITY_PAGE)]
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
    assert [cells[:4] for cells in rows] == expected


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("size of a file", f"{reading.LARGEST_FILE // 1024} KiB"),
        ("values in a file", f"{reading.MOST_VALUES:,}"),
        ("depth of nesting", f"{reading.DEEPEST:,}"),
        ("a whole number", f"10^{len(str(expressions.LARGEST)) - 1}"),
        (
            "a number with a fraction",
            f"0, or from {expressions.SMALLEST:g} to 1e{math.log10(expressions.GREATEST):.0f}",
        ),
        ("an expression", f"{expressions.LONGEST} characters"),
        ("layers", f"{layers.MOST_LAYERS:,}"),
        ("kinds of compartments", f"{size_limits.MOST_GROUPS:,}"),
    ],
)
def test_limits(limit: str, value: str) -> None:
    (found,) = re.findall(rf"^\| {limit}[^|]*\| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert found.startswith(value)


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
