"""Tables as files, read back by other libraries."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrograph import DendrographError
from dendrograph.base import tables

ROWS = [
    {"group": "hidden/soma", "unit": 0, "active": 0.1 + 0.2, "seen": True},
    {"group": 'a, "b"', "unit": np.int64(1), "active": np.float32(0.5), "note": "more"},
]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_by_hand() -> None:
    assert tables.to_csv(ROWS) == (
        "group,unit,active,seen,note\n"
        "hidden/soma,0,0.30000000000000004,True,\n"
        '"a, ""b""",1,0.5,,more\n'
    )  # fmt: skip
    assert tables.to_csv([]) == "\n"


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=5))
def test_numbers_keep_all_their_digits(values: list[float]) -> None:
    rows = [{"one": "x", "value": np.float64(value)} for value in values]
    assert [float(row["value"]) for row in read(tables.to_csv(rows))] == values


NAMES = (
    *("\x1b[31mred", "bell\a", "\x9b2J", "\u202eback", "a\u2028b", "\udc80path", "=\x1b1", "'=1", "two\nlines"),
    *("C:\\x86", r"\x1b", r"a\\b", "\\\x1b", "ü 漢", "\U000e0001tag", "plain"),
)


def test_no_text_of_a_csv_file_commands_a_terminal_and_every_one_is_read_back() -> None:
    text = tables.to_csv([{"name": name, name: 1} for name in NAMES])
    assert all(character.isprintable() or character == "\n" for character in text)
    assert [row["name"] for row in tables.read_csv(text)] == list(NAMES)
    assert tuple(tables.read_csv(text)[0]) == ("name", *NAMES)


@pytest.mark.slow
@given(st.text())
def test_any_text_of_a_csv_file_is_read_back(name: str) -> None:
    assert tables.read_csv(tables.to_csv([{"a": name, "b": 1}]))[0]["a"] == name


def test_parquet_read_back() -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    content = tables.to_parquet([*ROWS, {"group": "c", "unit": 3, "active": float("nan")}])
    found = parquet.read_table(io.BytesIO(content))
    assert found.column_names == ["group", "unit", "active", "seen", "note"]
    assert found["unit"].to_pylist() == [0, 1, 3] and str(found["unit"].type) == "int64"
    assert found["active"].to_pylist()[:2] == [0.1 + 0.2, 0.5] and math.isnan(found["active"].to_pylist()[2])
    assert found["note"].to_pylist() == [None, "more", None] and found["active"].null_count == 0
    assert tables.to_parquet(ROWS) == tables.to_parquet(ROWS)
    assert parquet.read_table(io.BytesIO(tables.to_parquet([]))).num_columns == 0


def test_parquet_holds_what_csv_holds() -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    found = parquet.read_table(io.BytesIO(tables.to_parquet(ROWS))).to_pylist()
    plain: list[dict[str, Any]] = [{name: value for name, value in row.items() if value is not None} for row in found]
    assert tables.to_csv(plain) == tables.to_csv(ROWS)


def test_a_column_of_several_kinds() -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DendrographError, match="cannot hold values of several types"):
        tables.to_parquet([{"a": 1}, {"a": "one"}])


def test_formats_that_are_none() -> None:
    with pytest.raises(DendrographError, match="unknown format 'parket' of tables\n  did you mean 'parquet'"):
        tables.encode(ROWS, "parket")
    assert tables.encode(ROWS, "csv") == tables.to_csv(ROWS)


def test_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    with pytest.raises(DendrographError, match=r"not installed\n  pip install 'dendrograph\[parquet\]'"):
        tables.to_parquet(ROWS)
    tables.require("csv")


FORMULAS = (
    "=1+1",
    "+a",
    "-a",
    "@sum(a)",
    "\tb",
    "\r=c",
    "\n=c",
    " =1+1",
    "＝1+1",
    "-",
    "--1",
    "-1+1",
    "=-1",
    "+1 2",
    "-1e",
)


def test_text_that_a_spreadsheet_would_run_is_no_formula_and_is_read_back() -> None:
    rows = [{"=head": name, "@mid": 1, "plain": f"a{name}"} for name in FORMULAS]
    text = tables.to_csv(rows)
    assert tables.read_csv(text) == [{"=head": name, "@mid": "1", "plain": f"a{name}"} for name in FORMULAS]
    for line in csv.reader(io.StringIO(text, newline="")):
        assert all(cell[0] in "'a1p" for cell in line)
    assert tables.csv_line(["=a", 'say "=b"']) == '\'=a,"say ""=b"""\n'


@pytest.mark.parametrize(
    "value", [-1, -0.5, float("-inf"), np.float64(-2e-9), "-0.5", "+3", "-1e-7", "-.5", True, None]
)
def test_numbers_are_no_formulas(value: object) -> None:
    cell = read(tables.to_csv([{"a": value, "b": 0}]))[0]["a"]
    assert cell == ("" if value is None else str(value))


@given(st.lists(st.text("'=+-@\t\r\n a1,\";＝"), min_size=1, max_size=4))
def test_any_text_is_read_back(values: list[str]) -> None:
    rows = [{"value": value, "end": "."} for value in values]
    assert tables.read_csv(tables.to_csv(rows)) == rows
    assert tables.read_csv("") == tables.read_csv(tables.to_csv([])) == []


def test_every_csv_file_of_names_is_written_here() -> None:
    package = Path(tables.__file__).parents[1]
    writers = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if "csv.writer" in path.read_text()
    }
    writers |= {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if "DictWriter" in path.read_text()
    }
    assert writers == {"base/tables.py", "training/run.py"}, "and run.py writes numbers alone"


def test_columns_that_are_named_are_those_of_the_file() -> None:
    assert tables.to_csv([{"a": 1, "b": 2}], ("b", "c")) == "b,c\n2,\n"
    assert tables.to_csv([], ("a",)) == "a\n"
