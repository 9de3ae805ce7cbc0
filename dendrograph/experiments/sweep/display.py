"""The progress of a sweep: one bar on a terminal, one line per finished run elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from dendrograph.base.errors import printable
from dendrograph.base.progress import above, bar_of, clock
from dendrograph.experiments.sweep.runs import Outcome

if TYPE_CHECKING:
    from rich.progress import Progress

EXPECTED = 0.2  # weight of the estimated cost in the time that is left; the weight of the work done is its share


class Display:
    """The progress of a sweep, by the share of its cost that is done.

    Args:
        show: whether to show anything.
        number: of runs.
        before: runs that had ended already.
        cost: estimated seconds of one core for the others.
        workers: their number.
    """

    def __init__(self, show: bool, number: int, before: int, cost: float, workers: int) -> None:
        self.show, self.number, self.done, self.cost, self.workers = show, number, before, cost, workers
        self.failed = 0
        self.before = before
        self.began = time.monotonic()
        self.share = 0.0
        self.bar: Progress | None = None
        if show and sys.stdout.isatty():
            from rich.progress import BarColumn, TextColumn

            self.bar = bar_of(
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[state]}"),
            )
            self.task = self.bar.add_task(self._count, total=1.0, state="")
            self.bar.start()

    def at(self, share: float) -> None:
        """Show the share of the cost that is done, between 0 and 1."""
        self.share = max(self.share, min(share, 1.0))
        if self.bar:
            self.bar.update(self.task, description=self._count, completed=self.share, state=self._left)

    def outcome(self, outcome: Outcome) -> None:
        """Count and show a run that has ended or failed."""
        self.done += not outcome.error
        self.failed += bool(outcome.error)
        if not self.show:
            return
        if outcome.error:
            result = f"failed: {outcome.error.splitlines()[0]}"
        else:
            result = f"validation accuracy {outcome.validation_accuracy:.2%}, {outcome.seconds:.1f} s"
        line = f"{self._count}  {outcome.run}: {result}"
        if self.bar:
            above(self.bar, line)
        else:
            print(printable(f"{line}  {self._left}"), flush=True)

    def lost(self, number: int) -> None:
        """Report workers that died."""
        who = "a worker was" if number == 1 else f"{number} workers were"
        self.note(f"note: {who} killed; its work continues from the last checkpoint")

    def note(self, text: str) -> None:
        """Show a note."""
        if self.show:
            above(self.bar, text) if self.bar else print(printable(text), flush=True)

    def __enter__(self) -> Display:
        """The display itself; the bar is shown already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self.bar:
            self.bar.stop()

    @property
    def _count(self) -> str:
        return f"[{self.done + self.failed:>{len(str(self.number))}}/{self.number}]"

    @property
    def _left(self) -> str:
        """The rate and the time left: from the work done, and at the beginning also from the timed steps."""
        passed = time.monotonic() - self.began
        rest = (passed + EXPECTED * self.cost / self.workers) / (self.share + EXPECTED) * (1 - self.share)
        rate = (self.done + self.failed - self.before) / max(passed, 1e-9) * 60
        return f"{rate:.1f} runs/min  {clock(rest)} left"
