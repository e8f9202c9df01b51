"""Wide tables of few rows: what is read without the database is what the database reads, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from burnish import errors, load
from burnish.data import table
from burnish.load import plain, typed

WIDE = 8

# What numbers look like, and what only seems to be one; codes, gaps, and numbers that float64 does not hold.
CELLS = (
    *("1", "-2.5", "+3", ".5", "4.", "-.25e2", "1E5", "1e-3", "0", "-0", "0.0", " 7", "8 ", "\t9", "1e400", "1e-400"),
    *("", " ", "NA", "nan", "-", ".", "?", "null", " na ", "N/A", "-nan", "NaT", "  " * 12, " na" + " " * 20),
    *("007", "+01", "-00", "0e1", "00.5", "1_000", "0x1", "inf", "-Infinity", "1e", "1e5.", "--1", "1,5", "1 2", "٣"),
    *("9007199254740992", "9007199254740991", "true", "false", "yes", "2024-01-31", "red", "1.234", "é"),
)


@pytest.fixture
def both(tmp_path, monkeypatch):
    """`both(columns, types)`: the table as it is read without the database, and with it alone; or what refuses it."""

    def reader(columns: list[list[str]], delimiter: str = ",", **types: str) -> list[Any]:
        def quoted(cell: str) -> str:
            return f'"{cell}"' if delimiter in cell else cell

        lines = [[f"c{i}" for i in range(len(columns))], *zip(*columns, strict=True)]
        path = tmp_path / "data.csv"
        path.write_text("".join(delimiter.join(map(quoted, line)) + "\n" for line in lines), "utf-8")
        demanded = {name: table.Physical(value) for name, value in types.items()}
        found: list[Any] = []
        for many in (WIDE, 10**9):
            monkeypatch.setattr(plain, "MANY_COLUMNS", many)
            try:
                found.append(load.read(path, types=demanded))
            except errors.DataError as refused:
                found.append(refused)
        return found

    return reader


def same(one: Any, other: Any) -> None:
    if isinstance(other, errors.DataError):
        assert str(one) == str(other)
        return
    assert (one.names, one.rejects, one.notes) == (other.names, other.rejects, other.notes)
    assert_array_equal(one.row_ids, other.row_ids)
    for mine, yours in zip(one.columns, other.columns, strict=True):
        assert (mine.physical, mine.levels, mine.words) == (yours.physical, yours.levels, yours.words)
        assert mine.values.dtype == yours.values.dtype
        assert_array_equal(mine.values, yours.values)
        known = ~mine.missing  # a NaN has a sign too, and it says nothing
        assert_array_equal(np.signbit(mine.values[known]), np.signbit(yours.values[known]))


def numbers(count: int = WIDE, rows: int = 6) -> list[list[str]]:
    drawn = np.random.default_rng(0).normal(size=(count, rows))
    return [[repr(float(value)) for value in column] for column in drawn]


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_of_any_form_makes_of_its_column_what_the_database_makes(both, cell):
    columns = numbers()
    columns[3][2] = cell
    columns[5] = [cell] * 6
    same(*both(columns))


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mixture_is_read_as_the_database_reads_it(both, data):
    columns = numbers(2 * WIDE)
    for column in columns[: WIDE - 1]:
        for row in data.draw(st.lists(st.integers(0, 5), max_size=6, unique=True)):
            column[row] = data.draw(st.sampled_from(CELLS))
    same(*both(columns))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=WIDE, max_size=WIDE))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_are_read_to_the_bit(both, values):
    same(*both([[repr(value), f"{value:.3e}"] for value in values]))


def test_types_that_are_demanded_are_kept_to(both):
    columns = numbers()
    columns[0] = ["1", "0", "1", "0", "1", "1"]
    columns[1] = ["x", *columns[1][1:]]
    same(*both(columns, c0="boolean", c1="number", c2="text", c3="number"))


def test_beside_decimal_commas_points_are_doubted(both):
    columns = numbers()
    columns[0], columns[1] = ["1,25", "2,5", "3,75", "4,1", "5,2", "6,3"], ["1.234"] * 5 + ["2.345"]
    one, other = both(columns, ";")
    same(one, other)
    assert any("'c1' is read with decimal points" in note for note in one.notes)


def test_plain_numbers_need_no_database(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "MANY_COLUMNS", 2)
    monkeypatch.setattr(typed, "connect", lambda: pytest.fail("the database was opened"))
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2.5\nNA,-1e3\n")
    found = load.read(path)
    assert_array_equal([column.values for column in found.columns], [[1, np.nan], [2.5, -1000]])


def test_many_rows_are_read_by_the_database(monkeypatch, tmp_path):
    monkeypatch.setattr(plain, "MANY_COLUMNS", 1)
    monkeypatch.setattr(typed, "FEW_ROWS", 3)
    monkeypatch.setattr(plain, "_numbers", lambda *_, **__: pytest.fail("few rows only"))
    path = tmp_path / "data.csv"
    path.write_text("a,b\n" + "1,2\n" * 4)
    assert load.read(path).rows == 4


def test_infinite_numbers_cost_their_rows_as_ever(both):
    columns = numbers()
    columns[4][3] = "inf"
    one, other = both(columns)
    same(one, other)
    assert [reject.reason for reject in one.rejects] == ["an infinite value"]


def test_a_file_of_broken_records_is_refused_as_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "MANY_COLUMNS", 1)
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n1\n2\n3\n")
    with pytest.raises(errors.DataError, match="broken"):
        load.read(path)
