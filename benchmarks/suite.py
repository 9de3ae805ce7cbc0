"""The benchmark suite: all measures, all sides, one command.

    python benchmarks/suite.py                    # all, half an hour; writes docs/reference/benchmarks.{md,json}
    python benchmarks/suite.py --quick            # a smoke run, under a minute; writes build/benchmarks
    python benchmarks/suite.py --only steps scale # these sections; the others' numbers stay, each with its date
    python benchmarks/suite.py --render           # the page and the figures again, from the JSON

The number of threads is PyTorch's; OMP_NUM_THREADS sets it. The full run needs about 5 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import epoch
import figures
import machine
import memory
import report
import roofline
import scale
import steps
import together
import trees
from targets import outcomes

from dendrograph.base import files as atomic

MEASURES: dict[str, Callable[[bool, Callable[[str], None]], dict[str, Any]]] = {
    "steps": steps.measure,
    "epoch": epoch.measure,
    "memory": memory.measure_peak,
    "first-batch": memory.measure_first_batch,
    "scale": scale.measure,
    "roofline": roofline.measure,
    "trees": trees.measure,
    "together": together.measure,
}
FULL_FOLDER, QUICK_FOLDER = (
    Path("docs/reference"),
    Path("build/benchmarks"),
)  # a smoke run must not replace real numbers
FORMAT = 1


def main() -> None:
    """Measure what was asked for, write after every section, and print the page."""
    asked = _arguments()
    folder = asked.out or (QUICK_FOLDER if asked.quick else FULL_FOLDER)
    raw = folder / "benchmarks.json"
    if asked.render:
        if not raw.exists():
            raise SystemExit(f"{raw} does not exist: measure first, by {report.COMMAND}")
        render(folder, _read(raw))
        return
    sections = _read(raw) if raw.exists() else {}
    surroundings = machine.describe()
    for label, text in surroundings.items():
        print(f"{label}: {text}")
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, measure in MEASURES.items():
        if asked.only and name not in asked.only:
            continue
        about = {
            "date": datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
            "machine": surroundings,
            "load": machine.load(),
            "quick": asked.quick,
        }
        start = time.perf_counter()
        result = measure(asked.quick, _say)
        about["seconds"] = time.perf_counter() - start
        sections[name] = {"about": about, "result": result}
        # After every section, so that an interruption costs no more than the one that it falls into.
        atomic.write(raw, json.dumps({"format": FORMAT, "sections": sections}, indent=1) + "\n")
    render(folder, sections)


def render(folder: Path, sections: Mapping[str, Any]) -> None:
    """Write page and figures, and print the page and the verdicts."""
    drawings = (("steps", report.STEPS_FIGURE, figures.steps), ("scale", report.SCALE_FIGURE, figures.scale))
    for name, file, draw in drawings:
        result = sections.get(name, {}).get("result", {"skipped": ""})
        if "skipped" not in result and (drawing := draw(result)) is not None:
            (folder / "figures").mkdir(parents=True, exist_ok=True)
            atomic.write(folder / "figures" / file, drawing)
    text = report.page(sections)
    atomic.write(folder / "benchmarks.md", text)
    print(f"\n{text}")
    for outcome in outcomes(sections):
        print(f"{outcome.verdict.upper():>12}  {outcome.text}{': ' if outcome.found else ''}{outcome.found}")
    print(f"\nwritten: {folder / 'benchmarks.md'}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure dendrograph against what users do today.")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few rounds, small sizes, under a minute")
    parser.add_argument("--only", nargs="+", choices=MEASURES, metavar="NAME", help=f"of {', '.join(MEASURES)}")
    parser.add_argument(
        "--out", type=Path, help=f"folder to write to; by default {FULL_FOLDER}, and {QUICK_FOLDER} with --quick"
    )
    parser.add_argument("--render", action="store_true", help="measure nothing: page and figures from the JSON")
    asked = parser.parse_args()
    if asked.render and asked.only:
        parser.error("--render writes the whole page: it does not go with --only")
    return asked


def _read(raw: Path) -> dict[str, Any]:
    try:
        content = json.loads(raw.read_text())
    except json.JSONDecodeError as error:
        raise SystemExit(f"{raw}: is damaged: {error}; remove it to begin anew") from None
    if content.get("format") != FORMAT:
        raise SystemExit(
            f"{raw}: has format {content.get('format')}, this suite reads {FORMAT}; remove it to begin anew"
        )
    return content["sections"]


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
