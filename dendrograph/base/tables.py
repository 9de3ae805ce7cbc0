r"""Tables of results: rows of named values as CSV or as Parquet, the same bytes for the same rows; and printed.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula and runs it, whoever gave the name. Every
CSV file of ours is therefore written here: such a text gets an apostrophe before it, as spreadsheets write it
themselves, and `read_csv` takes it away again. Numbers, negative ones too, are written as they are.
A terminal obeys some characters, such as escape sequences: they are written as Python writes them (`\x1b`), and the
backslashes of such a text are doubled. `read_csv` gives the text itself here, too.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from dendrograph.base.errors import DendrographError, clip, printable
from dendrograph.base.suggestions import did_you_mean

Row = Mapping[str, Any]

# How a character that a terminal would obey or hide is written: as Python writes it.
ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")

FORMATS = ("csv", "parquet")
LONGEST = 22  # letters of a label, so that a printed table fits into 100 columns

# What a spreadsheet may take for a formula: it may skip spaces, and reads the wide signs of Chinese and Japanese
# keyboards as the narrow ones. A text that has apostrophes before it already gets one more, so that none is lost.
FORMULA = re.compile(r"'*(?:[\t\r\n]|\s*[=+\-@＝＋－＠])")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def columns_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """The names of all columns, in the order in which they first stand in a row."""
    return tuple(dict.fromkeys(name for row in rows for name in row))


def to_csv(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """The text of a CSV file: a header, a line a row. Numbers keep all their digits; what a row lacks is empty.

    Text that a spreadsheet would run as a formula begins with an apostrophe; `read_csv` gives the text itself.

    Args:
        rows: named values.
        columns: which, in their order; by default all that a row has.
    """
    names = columns_of(rows) if columns is None else columns
    return csv_line(names) + "".join(csv_line([row.get(name) for name in names]) for row in rows)


def csv_line(cells: Iterable[Any]) -> str:
    """One line of a CSV file, with its end."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerow(map(_cell, cells))  # quotes what has either of the two in it
    return stream.getvalue().removesuffix("\r\n") + "\n"


def read_csv(text: str) -> list[dict[str, str]]:
    """The rows of a file of `to_csv`, each cell as the text that was written: `'=a` stands for the name `=a`.

    Raises:
        csv.Error: the text is none of a table.
    """
    lines = [[_original(cell) for cell in line] for line in csv.reader(io.StringIO(text, newline=""))]
    return [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]


def to_parquet(rows: Sequence[Row]) -> bytes:
    """The content of a Parquet file. What a row lacks is null, which is not the same as nan.

    Args:
        rows: a column holds numbers, words or truth values, and one kind of them.

    Raises:
        DendrographError: PyArrow is not installed, or a column holds values of several kinds.
    """
    require("parquet")
    import pyarrow
    from pyarrow import parquet

    columns = {}
    for name in columns_of(rows):
        try:
            columns[name] = pyarrow.array([_plain(row.get(name)) for row in rows])
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
            raise DendrographError(
                f"column '{clip(name)}': values of several kinds make no column of a Parquet file: {error}\n"
                "  take the format csv"
            ) from None
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue().to_pybytes()


def encode(rows: Sequence[Row], form: str) -> str | bytes:
    """The rows as a file of one of the `FORMATS`.

    Raises:
        DendrographError: there is no such format, or its library is not installed.
    """
    require(form)
    return to_csv(rows) if form == "csv" else to_parquet(rows)


def require(form: str) -> None:
    """Say before the work is done that its tables could not be written.

    Raises:
        DendrographError: there is no such format, or its library is not installed.
    """
    if form not in FORMATS:
        raise DendrographError(f"unknown format '{clip(form)}' of tables\n  {did_you_mean(form, FORMATS, 'formats')}")
    if form == "parquet" and find_spec("pyarrow") is None:
        raise DendrographError(
            "tables as Parquet are written by PyArrow, which is not installed\n"
            "  pip install 'dendrograph[parquet]', or take the format csv"
        )


def _plain(value: Any) -> Any:
    """A number of NumPy's as Python's own; in a path that is not UTF-8, bytes that are no characters as codes."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    return value.item() if hasattr(value, "item") else value


def _cell(value: Any) -> Any:
    value = _visible(value) if isinstance(value, str) else _plain(value)
    if isinstance(value, float):
        return repr(value)
    if value is None or isinstance(value, int):
        return value
    text = str(value)
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def _visible(text: str) -> str:
    shown = "\r".join(map(printable, text.split("\r")))
    if shown == text and not ESCAPE.search(text):
        return text
    return "\r".join(map(printable, text.replace("\\", "\\\\").split("\r")))


def _original(cell: str) -> str:
    text = cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell
    if not ESCAPE.search(text):
        return text
    return re.sub(rf"\\\\|{ESCAPE.pattern}", lambda found: _character(found[0]), text)


def _character(escape: str) -> str:
    return "\\" if escape == "\\\\" else chr(int(escape[2:], 16))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned; those of numbers to the right."""
    numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(header))]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.removeprefix("-").replace(",", "").replace(".", "").isdecimal()


def short_labels(labels: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Labels as they fit, long ones with a number and without their middle; and what those are in full."""
    shown: dict[str, str] = {}
    in_full: list[str] = []
    for number, label in enumerate(labels, start=1):
        shown[label] = label
        if len(label) > LONGEST:
            front = f"#{number} "
            room = LONGEST - len(front) - 1
            shown[label] = f"{front}{label[: room - room // 2]}…{label[-(room // 2) :]}"
            in_full.append(f"#{number} {label}")
    return shown, in_full
