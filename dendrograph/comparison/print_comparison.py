"""A comparison as text for a terminal, as Markdown for a supplement, and as files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from dendrograph.base.errors import printable
from dendrograph.base.tables import Row, short_labels, table, to_csv
from dendrograph.comparison.statistics import INTERVALS
from dendrograph.draw.style import FEWEST_SIGNED

if TYPE_CHECKING:  # the help of the command line loads no NumPy
    from dendrograph.comparison.compare import Comparison

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]  # header and rows

FRONTS = "front: no other has as few parameters and as high a mean test accuracy (A), or as low a loss (L)"
EFFICIENCY = (
    "valid.: validation accuracy; gap: training accuracy less test accuracy; best: epoch of the lowest\n"
    "validation loss. Efficiency: accuracy / f and loss × f, f = log10 k / least log10 k,\n"
    "k = parameters × best epoch (Chavlis & Poirazi 2025). The reference set is {number} on {data}, the\n"
    "least k that of {run}"
)
TESTS = (
    "g_z: mean difference / its standard deviation, corrected for few seeds. p (t): paired t test;\n"
    "{signs}; Holm: corrected for the number of comparisons in this table, {number}"
)
SIGNS = "p (signs): all changes of sign, at least {least} with {pairs} pairs"
NO_SIGNS = "p (signs) is left out below {fewest} pairs: with {pairs} it is at least {least}, before any correction"
NO_TESTS = "g_z needs at least 3 seeds that both conditions have, p at least 2: found {found}"


def text(comparison: Comparison) -> str:
    """The output of `dendrograph compare`."""
    parts = []
    for data, rows, pairs in _by_data(comparison):
        shown, in_full = short_labels([row["condition"] for row in rows])
        parts.append(f"{data}: {_number(len(rows), 'condition')}, {_number(sum(row['seeds'] for row in rows), 'run')}")
        parts += [table(*results(rows, shown.__getitem__)), f"{INTERVALS}\n{FRONTS}"]
        parts += [table(*_costs(rows, shown.__getitem__)), _reference_set(rows)]
        if pairs:
            parts += [_about(pairs, shown.__getitem__), table(*differences(pairs, shown.__getitem__)), _tests(pairs)]
        if in_full:
            parts.append("in full\n" + "\n".join(f"  {line}" for line in in_full))
    return "\n\n".join(parts)


def markdown(comparison: Comparison) -> str:
    """Markdown for the supplement of a paper, with full labels and the run folders of each condition."""
    parts = ["# Comparison"]
    for data, rows, pairs in _by_data(comparison):
        parts += [f"## {_escaped(data)}", pipes(results(rows, str)), f"{INTERVALS}. {FRONTS}."]
        parts += [pipes(_costs(rows, str)), _reference_set(rows) + "."]
        if pairs:
            parts += [f"{_escaped(_about(pairs, str))}:", pipes(differences(pairs, str)), _tests(pairs) + "."]
        folders: list[tuple[str, ...]] = [(row["condition"], row["runs"]) for row in rows]
        parts.append(pipes((("condition", "runs"), folders)))
    if comparison.selection:
        choices = [tuple(map(str, row.values())) for row in comparison.selection]
        parts += ["## Selection on the validation split", pipes((tuple(comparison.selection[0]), choices))]
    if comparison.notes:
        parts += ["## Notes", "\n".join(f"- {_escaped(note)}" for note in comparison.notes)]
    return "\n\n".join(parts) + "\n"


def files(comparison: Comparison, form: str) -> dict[str, str | bytes]:
    """The files of a comparison: tables as CSV and Markdown, and figures in a format such as `png`."""
    from dendrograph.draw.canvas.figure import as_bytes
    from dendrograph.draw.plots.comparison import accuracy_figure, differences_figure

    names = [row["morphology"] for row in comparison.conditions]
    made: dict[str, str | bytes] = {
        "conditions.csv": to_csv(comparison.conditions),
        "pairs.csv": to_csv(comparison.pairs),
        "runs.csv": to_csv(comparison.runs),
        "comparison.md": printable(markdown(comparison)),
        f"accuracy.{form}": as_bytes(accuracy_figure(comparison.conditions, comparison.runs), form),
    }
    if comparison.pairs:
        made[f"differences.{form}"] = as_bytes(differences_figure(comparison.pairs, names, comparison.runs), form)
    if comparison.selection:
        made["selection.csv"] = to_csv(comparison.selection)
    return made


def _by_data(comparison: Comparison) -> Iterable[tuple[str, list[Row], list[Row]]]:
    for data in dict.fromkeys(row["data"] for row in comparison.conditions):
        rows: list[Row] = [row for row in comparison.conditions if row["data"] == data]
        pairs: list[Row] = [row for row in comparison.pairs if row["data"] == data]
        yield data, rows, pairs


def results(rows: Sequence[Row], shown: Callable[[str], str]) -> Table:
    """Accuracy and loss of conditions, as a table of text."""
    frozen = any(row["trainable_parameters"] != row["parameters"] for row in rows)
    sizes = ["parameters", *["trainable_parameters"] * frozen, "effective_parameters"]
    names = [key.removesuffix("_parameters") for key in sizes]
    return ("condition", "n", *names, "test accuracy (%)", "test loss", "front"), [
        (
            shown(row["condition"]),
            str(row["seeds"]),
            *("-" if math.isnan(row[key]) else f"{row[key]:,.0f}" for key in sizes),
            _interval(row, "test_accuracy", 100, 2),
            _interval(row, "test_loss", 1, 3),
            ("A" if row["pareto_accuracy"] else "") + ("L" if row["pareto_loss"] else "") or "-",
        )
        for row in rows
    ]


def _costs(rows: Sequence[Row], shown: Callable[[str], str]) -> Table:
    header = ("condition", "valid. (%)", "gap (%)", "synapses", "epochs", "best", "acc. eff.", "loss eff.")
    return header, [
        (
            shown(row["condition"]),
            _plain(100 * row["validation_accuracy"], 2),
            _plain(100 * row["generalisation_gap"], 2),
            f"{row['synapses']:,.0f}",
            _plain(row["epochs"], 1),
            _plain(row["best_epoch"], 1),
            _plain(row["accuracy_efficiency"], 4),
            _plain(row["loss_efficiency"], 4),
        )
        for row in rows
    ]


def differences(pairs: Sequence[Row], shown: Callable[[str], str]) -> Table:
    """Differences to a reference, as a table of text, with the sign test if there are enough pairs."""
    factor, digits = (100, 2) if pairs[0]["measure"] == "test_accuracy" else (1, 3)
    header: tuple[str, ...] = ("condition", "n", "difference", "g_z", "p (t)", "Holm")
    keys: tuple[str, ...] = ("p_t", "p_t_holm")
    if _signed(pairs):
        header, keys = (*header, "p (signs)", "Holm"), (*keys, "p_signs", "p_signs_holm")
    return header, [
        (
            shown(row["condition"]),
            str(row["pairs"]),
            _interval(row, "difference", factor, digits),
            _plain(row["g_z"], 2),
            *(_p(row[key]) for key in keys),
        )
        for row in pairs
    ]


def _about(pairs: Sequence[Row], shown: Callable[[str], str]) -> str:
    measure = {"test_accuracy": "test accuracy (%)", "test_loss": "test loss"}[pairs[0]["measure"]]
    return f"{measure} less that of {reference_of(pairs, shown)}, seed by seed"


def reference_of(pairs: Sequence[Row], shown: Callable[[str], str] = str) -> str:
    """The reference of a table of pairs, in words."""
    if len({row["reference"] for row in pairs}) == 1:
        return shown(pairs[0]["reference"])
    return f"{pairs[0]['reference_morphology']} with the same parameters and settings"


def _reference_set(rows: Sequence[Row]) -> str:
    first = rows[0]
    number = _number(first["efficiency_reference_runs"], "run")
    return EFFICIENCY.format(number=number, data=first["data"], run=first["efficiency_cheapest_run"] or "-")


def _signed(pairs: Sequence[Row]) -> bool:
    return any(row["pairs"] >= FEWEST_SIGNED for row in pairs)


def _tests(pairs: Sequence[Row]) -> str:
    most = max(row["pairs"] for row in pairs)
    if most < 2:
        return NO_TESTS.format(found=most or "none")
    by_signs, by_t = (sum(not math.isnan(row[key]) for row in pairs) for key in ("p_signs", "p_t"))
    signed = _signed(pairs)
    number = f"{by_t}" if by_signs == by_t or not signed else f"{by_signs} by signs, {by_t} by t"
    least = _p(min(1.0, 2 / 2**most))
    signs = (SIGNS if signed else NO_SIGNS).format(least=least, pairs=most, fewest=FEWEST_SIGNED)
    return TESTS.format(signs=signs, number=number)


def _interval(row: Row, key: str, factor: float, digits: int) -> str:
    mean, low, high = (factor * row[f"{key}{end}"] for end in ("", "_low", "_high"))
    if math.isnan(low):
        return _plain(mean, digits)
    return f"{_plain(mean, digits)} [{_plain(low, digits)}, {_plain(high, digits)}]"


def _plain(value: float, digits: int) -> str:
    shown = f"{value:.{digits}f}"
    return "-" if math.isnan(value) else shown.removeprefix("-") if not float(shown) else shown


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count:,} {what}s"


def pipes(rows: Table) -> str:
    """A table in Markdown."""
    header, body = rows
    lines = [header, tuple("---" for _ in header), *body]
    return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("\n", " ")
