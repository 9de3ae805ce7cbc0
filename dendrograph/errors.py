"""What dendrograph tells a user whose input it cannot take.

Every error that a user can cause is a `DendrographError`: its text says what was found, what is allowed and what to
do, and the command line prints it without a traceback and leaves with exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class DendrographError(Exception):
    """Bad input. The text alone must be enough to mend it."""


@dataclass(frozen=True)
class Fault:
    """One fault of a morphology file: where it stands (`file:line:column`), its path, what is wrong, what to do."""

    place: str
    path: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.place, self.path, self.problem) if part)
        return text + "".join(f"\n  {line}" for line in self.remedy.splitlines())


class MorphologyError(DendrographError):
    """A morphology that cannot be taken; `faults` holds every fault found, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class WiringError(DendrographError):
    """A receptive field that cannot be wired as asked, or wiring that is not what the morphology declares."""


class DataError(DendrographError):
    """A data set that is missing, damaged, or does not fit the morphology."""


class RunError(DendrographError):
    """A run folder that cannot be written, read or resumed."""


class TrainingError(DendrographError):
    """A training that cannot go on, such as a loss that is not finite."""


def did_you_mean(word: object, known: Iterable[str], kind: str = "known") -> str:
    """Say the nearest of the `known` words, where one is near, and then list them all."""
    words = sorted(known)
    near = difflib.get_close_matches(str(word).lower(), words, n=1, cutoff=0.6)
    allowed = f"{kind}: {', '.join(words)}" if words else f"{kind}: none"
    return f"did you mean '{near[0]}'? {allowed}" if near else allowed
