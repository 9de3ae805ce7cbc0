"""Text of an analysis for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dendrograph.base.tables import Row, short_labels, table
from dendrograph.comparison.over_seeds import AVERAGED, END, SUMMARY
from dendrograph.comparison.statistics import INTERVALS

if TYPE_CHECKING:
    from dendrograph.analysis.analyse import Analysis

# The printed tables, and the columns of them that are printed where they are means over seeds.
SHORT: Mapping[str, tuple[str, ...]] = {
    "groups": ("silent", "active", "entropy", "selectivity"),
    "weights": ("deviation", "kurtosis", "bimodality", "near_zero"),
    "results": ("train_accuracy", "test_accuracy", "test_loss", "accuracy_gap"),
    "embedding": ("mean",),
    "noise_summary": SUMMARY,
    "occlusion_summary": SUMMARY,
    "lesions_summary": SUMMARY,
}


def text(analysis: Analysis) -> str:
    """Return the output of `dendrograph analyse`: means over the seeds of a condition, or a row per run."""
    parts: list[str] = []
    in_full: list[str] = []
    for name, columns in SHORT.items():
        title = _words(name)
        if rows := analysis.tables.get(f"{name}{END}", ()):
            shown, in_full = short_labels(list(dict.fromkeys(row["condition"] for row in rows)))
            parts.append(f"{title}, means over seeds\n{_means(rows, shown, AVERAGED[name][0], columns)}")
        elif rows := analysis.tables.get(name, ()):
            parts.append(f"{title}\n{table([_words(key) for key in rows[0]], [_cells(row) for row in rows])}")
    if any(name.endswith(END) for name in analysis.tables):
        parts.append(INTERVALS)
    if in_full:
        parts.append("in full\n" + "\n".join(f"  {line}" for line in in_full))
    return "\n\n".join(parts)


def _means(rows: Sequence[Row], shown: Mapping[str, str], keys: Sequence[str], columns: Sequence[str]) -> str:
    data = ("data",) if len({row["data"] for row in rows}) > 1 else ()
    cells = [
        [
            *(row[key] for key in data),
            shown[row["condition"]],
            *(str(row[key]) for key in keys),
            str(row["seeds"]),
            *(interval(row, column) for column in columns),
        ]
        for row in rows
    ]
    return table([_words(name) for name in (*data, "condition", *keys, "n", *columns)], cells)


def interval(row: Row, key: str) -> str:
    """Return the text of a mean with its interval, from `Estimate.columns`; without it where it is nan."""
    mean, low, high = (float(row[f"{key}{end}"]) for end in ("", "_low", "_high"))
    return plain(mean) if math.isnan(low) else f"{plain(mean)} [{plain(low)}, {plain(high)}]"


def plain(value: float) -> str:
    """Return a number with three digits, or a dash for nan."""
    return "-" if math.isnan(value) else f"{value:.3g}"


def _cells(row: Row) -> list[str]:
    return [f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()]


def _words(name: str) -> str:
    return name.replace("_", " ")
