"""Tables of results as files: rows of named values as CSV or as Parquet, the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from dendrograph.errors import DendrographError, clip, did_you_mean

Row = Mapping[str, Any]

FORMATS = ("csv", "parquet")


def columns_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """The names of all columns, in the order in which they first stand in a row."""
    return tuple(dict.fromkeys(name for row in rows for name in row))


def to_csv(rows: Sequence[Row]) -> str:
    """The text of a CSV file: a header, a line a row. Numbers keep all their digits; what a row lacks is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = columns_of(rows)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return stream.getvalue()


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
    """A number of NumPy's as Python's own."""
    return value.item() if hasattr(value, "item") else value


def _cell(value: Any) -> Any:
    value = _plain(value)
    return repr(value) if isinstance(value, float) else value
