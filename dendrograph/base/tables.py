r"""Tables of results: rows of named values as CSV, as Parquet or printed. The same rows give the same bytes.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula. Every CSV file of the package is therefore
written here: such a text gets an apostrophe before it, as spreadsheets write it, and `read_csv` removes the apostrophe.
Numbers, also negative ones, stay as they are. Characters that a terminal obeys, such as escape sequences, are written
as Python writes them (`\x1b`), and the backslashes of such a text are doubled. `read_csv` restores the text.
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

# A control character as Python writes it.
ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")

FORMATS = ("csv", "parquet")
LONGEST = 22  # characters of a label, so that a printed table fits into 100 columns

# A text that a spreadsheet may take for a formula. Spreadsheets skip spaces, and read the wide signs of Chinese and
# Japanese keyboards as narrow ones. A text that begins with apostrophes gets one more, so that none is lost.
FORMULA = re.compile(r"'*(?:[\t\r\n]|\s*[=+\-@＝＋－＠])")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def columns_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """The names of all columns, in the order of their first appearance."""
    return tuple(dict.fromkeys(name for row in rows for name in row))


def to_csv(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """The text of a CSV file: a header, and one line per row. Numbers keep all digits; a missing value is empty.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, which `read_csv` removes.

    Args:
        rows: named values.
        columns: the columns in their order; by default all columns of the rows.
    """
    names = columns_of(rows) if columns is None else columns
    return csv_line(names) + "".join(csv_line([row.get(name) for name in names]) for row in rows)


def csv_line(cells: Iterable[Any]) -> str:
    """One line of a CSV file, with its line break."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerow(map(_cell, cells))  # it quotes cells with either of the two
    return stream.getvalue().removesuffix("\r\n") + "\n"


def read_csv(text: str) -> list[dict[str, str]]:
    """The rows of a file that `to_csv` wrote, each cell as the original text: `'=a` gives `=a`.

    Raises:
        csv.Error: the text is not a table.
    """
    lines = [[_original(cell) for cell in line] for line in csv.reader(io.StringIO(text, newline=""))]
    return [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]


def to_parquet(rows: Sequence[Row]) -> bytes:
    """The content of a Parquet file. A missing value is null, which differs from nan.

    Args:
        rows: named values; the values of a column are all numbers, all texts or all booleans.

    Raises:
        DendrographError: PyArrow is not installed, or a column holds values of several types.
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
                f"column '{clip(name)}': a column of a Parquet file cannot hold values of several types: {error}\n"
                "  use the format csv"
            ) from None
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue().to_pybytes()


def encode(rows: Sequence[Row], form: str) -> str | bytes:
    """The content of a file of the rows in one of the `FORMATS`.

    Raises:
        DendrographError: there is no such format, or its library is not installed.
    """
    require(form)
    return to_csv(rows) if form == "csv" else to_parquet(rows)


def require(form: str) -> None:
    """Check that tables of a format can be written, before the work is done.

    Raises:
        DendrographError: there is no such format, or its library is not installed.
    """
    if form not in FORMATS:
        raise DendrographError(f"unknown format '{clip(form)}' of tables\n  {did_you_mean(form, FORMATS, 'formats')}")
    if form == "parquet" and find_spec("pyarrow") is None:
        raise DendrographError(
            "Parquet tables need PyArrow, which is not installed\n"
            "  pip install 'dendrograph[parquet]', or use the format csv"
        )


def _plain(value: Any) -> Any:
    """A NumPy number as a Python number, and a text in which bytes that are not UTF-8 are escaped."""
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
    """The rows as text with aligned columns; columns of numbers are aligned to the right."""
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
    """Labels that fit a table, long ones with a number and without their middle; and those in full, by number."""
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
