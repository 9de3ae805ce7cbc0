"""What a training shows while it runs: a bar on a terminal, a plain line an epoch elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

from dendrograph.base.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

Item = TypeVar("Item")


class Printable:
    """A stream to which nothing is written that a terminal would obey; all else about it is as of the one it wraps."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write what is printable of a text, and the rest as `printable` shows it."""
        self.stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def bar_of(*columns: ProgressColumn) -> Progress:
    """A bar that stands below what is printed while it moves.

    It alone may send the terminal what it obeys. So rich does not print in the place of others: what is to stand above
    the bar goes through `above`.
    """
    from rich.console import Console
    from rich.progress import Progress

    stream = sys.stdout.stream if isinstance(sys.stdout, Printable) else None
    console = Console(file=stream)
    return Progress(
        *columns, console=console, transient=True, expand=True, redirect_stdout=False, redirect_stderr=False
    )


def above(bar: Progress, text: str) -> None:
    """Print a text above a bar."""
    bar.console.print(printable(text), highlight=False, markup=False, soft_wrap=True)


class Reporter(Protocol):
    """Told of a training's progress; it changes nothing."""

    def start(self, epochs: int, done: int, samples: int) -> None:
        """Training begins: `epochs` in all, `done` of them before, `samples` in each."""

    def batch(self, epoch: int, seen: int, loss: float, accuracy: float) -> None:
        """So many samples of this epoch are done; the loss is their mean, the accuracy may be some batches older."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is done: its row of the history."""

    def note(self, text: str) -> None:
        """Something that the user should know."""

    def stop(self) -> None:
        """Training has ended, one way or another."""


def reporter(progress: bool) -> Reporter:
    """The reporter that fits where standard output goes."""
    if not progress:
        return Silent()
    return Bar() if sys.stdout.isatty() else Lines()


class Silent:
    """Shows nothing."""

    def start(self, epochs: int, done: int, samples: int) -> None:
        """Nothing."""

    def batch(self, epoch: int, seen: int, loss: float, accuracy: float) -> None:
        """Nothing."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class Lines(Silent):
    """One plain line an epoch, for logs."""

    def start(self, epochs: int, done: int, samples: int) -> None:
        """Start the clock."""
        self.epochs, self.first, self.samples, self.began = epochs, done, samples, time.monotonic()

    def epoch(self, row: Mapping[str, float]) -> None:
        """Print the epoch's line."""
        done = int(row["epoch"]) - self.first
        seconds = max(time.monotonic() - self.began, 1e-9) / done
        left = clock(seconds * (self.epochs - int(row["epoch"])))
        rate = f"{self.samples / seconds:,.0f} samples/s"
        print(f"{epoch_text(row, self.epochs)}  {rate}  {left} left", flush=True)

    def note(self, text: str) -> None:
        """Print it."""
        print(printable(text), flush=True)


class Bar(Silent):
    """A bar with loss, accuracy, samples a second and the remaining time; a line stays for each epoch."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        self.bar = bar_of(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),  # what the text leaves of the line
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
        )

    def start(self, epochs: int, done: int, samples: int) -> None:
        """Show the bar."""
        self.epochs, self.samples, self.before = epochs, samples, done * samples
        self.began, self.drawn = time.monotonic(), 0.0
        self.task = self.bar.add_task("training", total=epochs * samples, completed=self.before, state="")
        self.bar.start()

    def batch(self, epoch: int, seen: int, loss: float, accuracy: float) -> None:
        """Move the bar, ten times a second at most: drawing must not cost what training does."""
        now = time.monotonic()
        if now - self.drawn < 0.1:
            return
        self.drawn = now
        done = (epoch - 1) * self.samples + seen
        rate = (done - self.before) / max(now - self.began, 1e-9)
        state = f"loss {loss:.4f} accuracy {accuracy:.2%} {rate:,.0f} samples/s"
        self.bar.update(self.task, description=f"epoch {epoch}/{self.epochs}", completed=done, state=state)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Leave the epoch's line above the bar."""
        above(self.bar, epoch_text(row, self.epochs))

    def note(self, text: str) -> None:
        """Leave it above the bar."""
        above(self.bar, text)

    def stop(self) -> None:
        """Take the bar away."""
        self.bar.stop()


def epoch_text(row: Mapping[str, float], epochs: int) -> str:
    """One row of a history as a line."""
    return (
        f"epoch {int(row['epoch']):>{len(str(epochs))}}/{epochs}  "
        f"loss {row['train_loss']:.4f}, accuracy {row['train_accuracy']:.2%}; "
        f"validation {row['validation_loss']:.4f}, {row['validation_accuracy']:.2%}"
    )


def with_progress(items: Sequence[Item], name: Callable[[Item], str], stream: TextIO) -> Iterator[Item]:
    """The items, one by one; before each a line is written that names it, its number and the time that is left."""
    began = time.monotonic()
    for done, item in enumerate(items):
        seconds = (time.monotonic() - began) / max(done, 1) * (len(items) - done)
        left = f"  {clock(seconds)} left" if done else ""
        count = f"[{done + 1:>{len(str(len(items)))}}/{len(items)}]"
        print(printable(f"{count}  {name(item)}{left}"), file=stream, flush=True)
        yield item


def clock(seconds: float) -> str:
    """`1:02:03`, `2:03`, `0:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
