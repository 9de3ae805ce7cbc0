"""Progress of a training: a bar on a terminal, one plain line per epoch elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from dendrograph.base.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

Item = TypeVar("Item")


class Printable:
    """A stream that writes control characters visibly. In everything else it behaves like the stream that it wraps."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text as `printable` shows it."""
        self.stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def bar_of(*columns: ProgressColumn) -> Progress:
    """A progress bar below the printed lines.

    Only the bar may send control sequences to the terminal. Other output goes through `above`, because rich does not
    redirect the standard streams here.
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


class Reporter:
    """Receives the progress of a training. This base class shows nothing."""

    def start(self, epochs: int, done: int, samples: int) -> None:
        """Begin a training of `epochs` epochs, `done` of them before, with `samples` samples each."""

    def batch(self, epoch: int, seen: int, loss: float, accuracy: float) -> None:
        """Show `seen` samples of this epoch as done, with their mean loss; the accuracy may be some batches older."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """Show a finished epoch by its row of the history."""

    def note(self, text: str) -> None:
        """Show a note to the user."""

    def stop(self) -> None:
        """End the training, whether it finished or failed."""


def reporter(progress: bool) -> Reporter:
    """The reporter that suits standard output."""
    if not progress:
        return Silent()
    return Bar() if sys.stdout.isatty() else Lines()


class Silent(Reporter):
    """Shows nothing."""


class Lines(Reporter):
    """Prints one plain line per epoch, for logs."""

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


class Bar(Reporter):
    """Shows a bar with loss, accuracy, samples per second and remaining time, and leaves one line per epoch."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        self.bar = bar_of(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),  # the rest of the line
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
        """Move the bar at most ten times a second, so that drawing costs little."""
        now = time.monotonic()
        if now - self.drawn < 0.1:
            return
        self.drawn = now
        done = (epoch - 1) * self.samples + seen
        rate = (done - self.before) / max(now - self.began, 1e-9)
        state = f"loss {loss:.4f} accuracy {accuracy:.2%} {rate:,.0f} samples/s"
        self.bar.update(self.task, description=f"epoch {epoch}/{self.epochs}", completed=done, state=state)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Print the epoch's line above the bar."""
        above(self.bar, epoch_text(row, self.epochs))

    def note(self, text: str) -> None:
        """Print the note above the bar."""
        above(self.bar, text)

    def stop(self) -> None:
        """Remove the bar."""
        self.bar.stop()


def epoch_text(row: Mapping[str, float], epochs: int) -> str:
    """One row of a history as a line."""
    return (
        f"epoch {int(row['epoch']):>{len(str(epochs))}}/{epochs}  "
        f"loss {row['train_loss']:.4f}, accuracy {row['train_accuracy']:.2%}; "
        f"validation {row['validation_loss']:.4f}, {row['validation_accuracy']:.2%}"
    )


def with_progress(items: Sequence[Item], name: Callable[[Item], str], stream: TextIO) -> Iterator[Item]:
    """Yield the items. Before each, write a line with its name, its number and the remaining time."""
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
