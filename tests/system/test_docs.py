"""The README and the pages of docs/ are programs: every block of them runs, in order, page by page."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dendrograph import compile, load
from dendrograph.base.errors import MorphologyError, for_command_line
from dendrograph.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("tutorials", "guides", "concepts", "reference")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(page for room in ROOMS for page in (ROOT / "docs" / room).rglob("*.md")),
]


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and content of each fenced block."""
    for match in re.finditer(r"^```(\w*|\{[\w-]+\})[^\n]*\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def run_command(line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    words = shlex.split(line, comments=True)
    assert words[0] == "dendrograph", f"a sh block holds dendrograph commands only, not: {line}"
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__page__"}
    plugins: list[Path] = []
    for language, content in blocks(page):
        if language == "yaml":
            name = re.match(r"(?:#.*\n|\n)*name: ([\w-]+)", content)
            assert name, f"a yaml block is a whole morphology; fragments are text:\n{content}"
            path = tmp_path / f"{name[1]}.yaml"
            path.write_text(content)
            morphology = load(path, plugins=plugins)
            compile(morphology, None if all(morphology.inputs.values()) else (28, 28))
        elif language == "python" and (file := re.match(r"# (\w+\.py)\n", content)):
            plugins.append(tmp_path / file[1])  # a file of its own, which what follows names as a plugin
            plugins[-1].write_text(content)
        elif language == "python":
            exec(compile_page(content, page), names)
        elif language == "sh":
            for line in content.splitlines():
                assert run_command(line, monkeypatch) == 0, line
        else:
            assert language in ("text", "") or language.startswith("{"), f"no test knows the language {language!r}"


def compile_page(content: str, page: Path) -> object:
    import builtins

    return builtins.compile(content, page.name, "exec")


def test_readme_shows_the_true_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(blocks(ROOT / "README.md"))
    morphology = next(content for language, content in found if language == "yaml")
    shown = next(content for language, content in found if content.startswith("error: "))
    before, _, after = morphology.rpartition("leaky_relu")
    monkeypatch.chdir(tmp_path)
    Path("two-branches.yaml").write_text(before + "leaky_rleu" + after)
    with pytest.raises(MorphologyError) as raised:
        load("two-branches.yaml")
    assert f"error: {raised.value}\n" == shown


def test_the_page_on_plugins_shows_the_true_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(blocks(ROOT / "docs" / "guides" / "nonlinearities-and-fields.md"))
    monkeypatch.chdir(tmp_path)
    Path("columns-and-bumps.yaml").write_text(next(content for language, content in found if language == "yaml"))
    with pytest.raises(MorphologyError) as raised, for_command_line():
        load("columns-and-bumps.yaml")
    shown = next(content for language, content in found if content.startswith("error: "))
    assert f"error: {raised.value}\n".startswith(shown)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name} links to {link}"


def _speed() -> str:
    """README's three figures, from what the benchmark suite measured."""
    sections = json.loads((ROOT / "docs" / "reference" / "benchmarks.json").read_text())["sections"]
    steps = sections["steps"]["result"]["cases"]["64x512"]["measures"]["step"]
    memory = sections["memory"]["result"]["sides"]
    ours, theirs = "dendrograph", "masked dense, Adam"
    largest = sections["scale"]["result"]["rows"][-1]
    ms = {side: 1000 * steps[side]["seconds"]["median"] for side in (ours, theirs)}
    mb = {side: memory[side]["bytes"]["median"] / 1e6 for side in (ours, theirs)}
    faster, smaller = steps[theirs]["ratio"]["median"], memory[theirs]["ratio"]["median"]
    compiled, gigabytes = largest["compile_seconds"]["median"], largest["bytes"]["median"] / 1e9
    rows = (
        f"| a training step | {ms[ours]:.1f} ms | {ms[theirs]:.0f} ms | {faster:.0f} times faster |",
        f"| peak memory | {mb[ours]:.0f} MB | {mb[theirs]:,.0f} MB | 1/{smaller:.0f} |",
        f"| {largest['synapses'] / 1e6:.1f} million synapses | {compiled:.1f} s to compile, {gigabytes:.2f} GB, "
        f"{largest['seconds']['median']:.2f} s a step | | |",
    )
    return "\n".join(rows)


def test_the_readmes_speed_is_what_the_suite_measured() -> None:
    assert _speed() in (ROOT / "README.md").read_text()
