"""The entry point of the command line. It turns errors into messages and exit codes.

Heavy libraries are imported only by the commands that need them.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer

from dendrograph.base.errors import DataWarning, DendrographError, for_command_line
from dendrograph.base.progress import Printable
from dendrograph.cli.options import app, rank

# Each module adds its commands. --help lists them in this order.
# isort: off
from dendrograph.cli import train as training  # noqa: F401
from dendrograph.cli import analyse as analysis  # noqa: F401
from dendrograph.cli import sweep as sweeping  # noqa: F401
from dendrograph.cli import compare as comparison  # noqa: F401
from dendrograph.cli import reproduce as reproducing  # noqa: F401
from dendrograph.cli import continual  # noqa: F401
from dendrograph.cli import inspect as inspection  # noqa: F401
from dendrograph.cli import controls  # noqa: F401
from dendrograph.cli import draw as figures  # noqa: F401
from dendrograph.cli import files  # noqa: F401
# isort: on


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command. An error that the user can correct is a message with exit code 2; a traceback is a bug."""
    with _mended_streams():
        _run(sys.argv[1:] if arguments is None else list(arguments))


def _run(given: list[str]) -> NoReturn:
    command = typer.main.get_command(app)
    try:
        with for_command_line(), command.make_context("dendrograph", given) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as exit:
        sys.exit(exit.exit_code)
    except DendrographError as error:
        _fail(f"error: {error}", 2)
    except KeyboardInterrupt as interrupt:
        _fail(str(interrupt) or "interrupted", 130)
    except BrokenPipeError:  # the reader closed the pipe; the interpreter must not flush into it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"error: {error}", 2)
    except MemoryError as error:
        _fail(f"error: not enough memory: {error}", 2)
    except Exception as error:
        if not hasattr(error, "format_message"):  # errors of click have it
            raise
        named = given[:1] if given[:1] and given[0] in getattr(command, "commands", ()) else []
        _fail(f"error: {_usage(error, ' '.join(['dendrograph', *named]))}", 2)
    sys.exit(0)


@contextmanager
def _mended_streams() -> Iterator[None]:
    """Prepare standard output and error while a command runs.

    A closed stream is ignored. A character that a stream cannot show is replaced. All output goes through `Printable`,
    so names from files cannot send control sequences to the terminal. Warnings about the user's data become notes.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (it stays open until the process ends)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Printable(sys.stdout), Printable(sys.stderr)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", DataWarning)
            original = warnings.showwarning

            def show(message: Any, category: type[Warning], *more: Any) -> None:
                if not issubclass(category, DataWarning):
                    original(message, category, *more)
                elif not rank():
                    print(f"note: {message}", file=sys.stderr)

            warnings.showwarning = show  # type: ignore[assignment]
            yield
    finally:
        sys.stdout, sys.stderr = before


def _fail(text: str, code: int) -> NoReturn:
    print(f"process {rank()}: {text}" if rank() else text, file=sys.stderr)
    sys.exit(code)


# Messages of click about invalid values, and ours.
_INVALID_VALUES = {
    "Input should be a valid integer, unable to parse string as an integer": "give a whole number",
    "Input should be a valid number, unable to parse string as a number": "give a number",
    "Input should be greater than or equal to": "give a number of at least",
    "Input should be less than or equal to": "give a number of at most",
    "Input should be greater than": "give a number above",
    "Input should be less than": "give a number below",
}


def _usage(error: Any, called: str) -> str:
    """Word an error of the command line itself. Not every such error knows its command."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else called
    text = error.format_message()
    for found, wanted in _INVALID_VALUES.items():
        text = text.replace(found, wanted)
    return f"{text}\n  `{command} --help` lists what is allowed"


@app.callback(invoke_without_command=True)
def _dendrograph(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"dendrograph {importlib.metadata.version('dendrograph')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


if __name__ == "__main__":
    main()
