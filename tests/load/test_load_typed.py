"""The ways to read text give one table, to the bit: without the database, or with it for few rows or many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from burnish import errors, load
from burnish.data import table
from burnish.load import database, plain, typed

WIDE = 8
NEVER, ALWAYS = 10**9, 0

# From how many columns the database is spared, up to how many rows cells are read one under the other, and which share
# of a column may be distinct where each text is judged once.
WAYS = (
    {"MANY_COLUMNS": WIDE, "FEW_ROWS": 2_000, "FEW_TEXTS": 0.5},
    {"MANY_COLUMNS": NEVER, "FEW_ROWS": 2_000, "FEW_TEXTS": 0.5},
    {"MANY_COLUMNS": NEVER, "FEW_ROWS": ALWAYS, "FEW_TEXTS": -1.0},
    {"MANY_COLUMNS": NEVER, "FEW_ROWS": ALWAYS, "FEW_TEXTS": 1e9},
)

# What numbers look like, and what only seems to be one; codes, gaps, and numbers that float64 does not hold.
CELLS = (
    *("1", "-2.5", "+3", ".5", "4.", "-.25e2", "1E5", "1e-3", "0", "-0", "0.0", " 7", "8 ", "\t9", "1e400", "1e-400"),
    *("", " ", "NA", "nan", "-", ".", "?", "null", " na ", "N/A", "-nan", "NaT", "  " * 12, " na" + " " * 20),
    *("007", "+01", "-00", "0e1", "00.5", "1_000", "0x1", "inf", "-Infinity", "1e", "1e5.", "--1", "1,5", "1 2", "٣"),
    *("9007199254740992", "9007199254740991", "true", "false", "yes", "2024-01-31", "red", "1.234", "é"),
)


@pytest.fixture
def every_way(tmp_path, monkeypatch):
    """`every_way(columns, types)`: the table as each of the ways reads it, or what refuses it."""

    def reader(columns: list[list[str]], delimiter: str = ",", **types: str) -> list[Any]:
        def quoted(cell: str) -> str:
            return f'"{cell}"' if delimiter in cell else cell

        lines = [[f"c{i}" for i in range(len(columns))], *zip(*columns, strict=True)]
        path = tmp_path / "data.csv"
        path.write_text("".join(delimiter.join(map(quoted, line)) + "\n" for line in lines), "utf-8")
        demanded = {name: table.Physical(value) for name, value in types.items()}
        found: list[Any] = []
        for way in WAYS:
            for setting, value in way.items():
                monkeypatch.setattr(plain if setting == "MANY_COLUMNS" else typed, setting, value)
            try:
                found.append(load.read(path, types=demanded))
            except errors.DataError as refused:
                found.append(refused)
        return found

    return reader


def same(one: Any, *others: Any) -> None:
    for other in others:
        _same(one, other)


def _same(one: Any, other: Any) -> None:
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
def test_a_cell_of_any_form_makes_the_same_of_its_column(every_way, cell):
    columns = numbers()
    columns[3][2] = cell
    columns[5] = [cell] * 6
    same(*every_way(columns))


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mixture_is_read_the_same(every_way, data):
    columns = numbers(2 * WIDE)
    for column in columns[: WIDE - 1]:
        for row in data.draw(st.lists(st.integers(0, 5), max_size=6, unique=True)):
            column[row] = data.draw(st.sampled_from(CELLS))
    same(*every_way(columns))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=WIDE, max_size=WIDE))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_are_read_to_the_bit(every_way, values):
    same(*every_way([[repr(value), f"{value:.3e}"] for value in values]))


def test_types_that_are_demanded_are_kept_to(every_way):
    columns = numbers()
    columns[0] = ["1", "0", "1", "0", "1", "1"]
    columns[1] = ["x", *columns[1][1:]]
    same(*every_way(columns, c0="boolean", c1="number", c2="text", c3="number"))


def test_beside_decimal_commas_points_are_doubted(every_way):
    columns = numbers()
    columns[0], columns[1] = ["1,25", "2,5", "3,75", "4,1", "5,2", "6,3"], ["1.234"] * 5 + ["2.345"]
    one, *others = every_way(columns, ";")
    same(one, *others)
    assert any("'c1' is read with decimal points" in note for note in one.notes)


def test_plain_numbers_need_no_database(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "MANY_COLUMNS", 2)
    monkeypatch.setattr(database, "connect", lambda: pytest.fail("the database was opened"))
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


def test_infinite_numbers_cost_their_rows_as_ever(every_way):
    columns = numbers()
    columns[4][3] = "inf"
    one, *others = every_way(columns)
    same(one, *others)
    assert [reject.reason for reject in one.rejects] == ["an infinite value"]


def test_a_file_of_broken_records_is_refused_as_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "MANY_COLUMNS", 1)
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n1\n2\n3\n")
    with pytest.raises(errors.DataError, match="broken"):
        load.read(path)


def test_none_is_a_word_among_words_and_nothing_among_numbers(every_way):
    columns = numbers()
    columns[2] = ["none", "mild", "None", "NA", "severe", ""]
    columns[3] = ["1.5", "none", "2.5", "3", "4", "5"]
    one, *others = every_way(columns)
    same(one, *others)
    assert one["c2"].levels == ("None", "mild", "none", "severe")
    assert list(one["c2"].missing) == [False, False, False, True, False, True]
    assert list(one["c3"].missing) == [False, True, False, False, False, False]
    assert one.notes == (
        "Column 'c2': 'NA' (1 row) is read as a missing value, 'None' (1 row), 'none' (1 row) as a value of its own.",
    )


def test_what_is_read_for_a_model_keeps_none_as_it_was(every_way):
    columns = numbers()
    columns[2] = ["none", "mild", "NA", "", "none", "mild"]
    one, *others = every_way(columns, c2="text")
    same(one, *others)
    assert one["c2"].levels == ("mild", "none")
    assert one.notes == ()
