"""Values of an axis of a sweep, each with its place in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dendrograph.base.errors import DendrographError
from dendrograph.morphology.validation import Cursor
from dendrograph.morphology.yaml_reader import flow

MOST_CELLS = 100_000


@dataclass(frozen=True)
class Choice:
    """One value of one axis: what messages and folders call it, and where it stands."""

    key: str
    value: Any
    cursor: Cursor

    @property
    def shown(self) -> str:
        """Its value as text."""
        return self.value if isinstance(self.value, str) else flow(self.value)

    def tell(self, error: DendrographError) -> None:
        """Note an error as a fault of this value: its first line is the problem, the others are the remedy."""
        problem, _, remedy = str(error).partition("\n")
        self.cursor.fault(problem, remedy.strip())


Choices = tuple[Choice, ...]


def many(key: str, cursor: Cursor) -> list[Choice]:
    """The values of an axis: those of a list, or the one that stands there."""
    if not isinstance(cursor.value, list):
        return [Choice(key, cursor.value, cursor)]
    return [Choice(key, entry.value, entry) for entry in cursor.entries("values")]


def refuse_too_many(where: Cursor) -> None:
    """Note that there would be more runs than anybody means."""
    where.fault(f"more than {MOST_CELLS:,} runs", "take a coarser grid, or make several sweeps")
