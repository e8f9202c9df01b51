"""Typed sources: data frames, arrays, Parquet, NPZ, JSON; and tables brought together."""

import datetime
import decimal
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from burnish import errors, load
from burnish.data import table

NAN = float("nan")
DAY = 86400.0


def column(found, name):
    """Physical type and values as a person sees them, None for missing."""
    one = found[name]
    if one.physical is table.Physical.TEXT:
        return one.physical.value, [None if code < 0 else one.levels[code] for code in one.values]
    return one.physical.value, [None if np.isnan(value) else value for value in one.values.tolist()]


EXPECTED = {
    "whole": ("number", [1, None, 3]),
    "real": ("number", [0.5, None, 2]),
    "flag": ("boolean", [1, None, 0]),
    "word": ("text", ["x", None, "y"]),
    "coded": ("text", ["1", None, "2"]),  # declared a category: its digits are labels
    "day": ("date", [DAY, None, 2 * DAY]),
    "money": ("number", [1.5, None, 2]),
    "long": ("text", ["1152921504606846977", None, "1"]),
    "digits": ("number", [1, None, 2]),
}
DATES = [datetime.datetime(1970, 1, 2), None, datetime.datetime(1970, 1, 3)]
MONEY = [decimal.Decimal("1.5"), None, decimal.Decimal(2)]


def as_pandas():
    return pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "real": [0.5, NAN, 2],
            "flag": pd.array([True, None, False], dtype="boolean"),
            "word": ["x", None, "y"],
            "coded": pd.Categorical([1, None, 2]),
            "day": pd.to_datetime(DATES),
            "money": pd.Series(MONEY, dtype=object),
            "long": pd.array([2**60 + 1, None, 1], dtype="Int64"),
            "digits": ["1", None, "2"],
        }
    )


def as_polars():
    return pl.DataFrame(
        {
            "whole": [1, None, 3],
            "real": [0.5, NAN, 2],
            "flag": [True, None, False],
            "word": ["x", None, "y"],
            "coded": pl.Series(["1", None, "2"], dtype=pl.Enum(["2", "1"])),
            "day": DATES,
            "money": MONEY,
            "long": [2**60 + 1, None, 1],
            "digits": ["1", None, "2"],
        }
    )


def as_arrow():
    return pa.table(
        {
            "whole": pa.array([1, None, 3]),
            "real": pa.array([0.5, None, 2]),
            "flag": pa.array([True, None, False]),
            "word": pa.array(["x", None, "y"]),
            "coded": pa.array(["1", None, "2"]).dictionary_encode(),
            "day": pa.array(DATES),
            "money": pa.array(MONEY),
            "long": pa.array([2**60 + 1, None, 1]),
            "digits": pa.array(["1", None, "2"]),
        }
    )


def as_objects():
    """What pandas makes of rows of Python objects."""
    rows = as_polars().rows(named=True)
    return {name: [row[name] for row in rows] for name in EXPECTED if name != "coded"}


@pytest.mark.parametrize("make", [as_pandas, as_polars, as_arrow, lambda: as_polars().lazy(), as_objects])
def test_every_library_gives_the_same_table(make):
    found = load.read(make())

    assert {name: column(found, name) for name in found.names} == {name: EXPECTED[name] for name in found.names}
    assert found.row_ids.tolist() == [0, 1, 2]


def test_parquet_gives_the_same_table(tmp_path):
    as_polars().drop("coded").write_parquet(tmp_path / "t.parquet")
    found = load.read(tmp_path / "t.parquet")

    assert {name: column(found, name) for name in found.names} == {n: v for n, v in EXPECTED.items() if n != "coded"}


def test_infinite_values_reject_the_row(tmp_path):
    frame = pl.DataFrame({"a": [1.0, float("inf"), 3.0, 4.0], "b": [1, 2, 3, 4]})
    frame.write_parquet(tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", X=frame.to_numpy())

    for source, name in ((frame, "a"), (tmp_path / "t.parquet", "a"), (tmp_path / "t.npz", "x0")):
        found = load.read(source)
        assert found.row_ids.tolist() == [0, 2, 3]
        assert found.rejects == (table.Reject(1, name, "an infinite value", "inf"),)


def test_objects_of_mixed_types_become_text():
    assert column(load.read(pd.DataFrame({"a": [1, "z", None, 2.5]})), "a") == ("text", ["1", "z", None, "2.5"])


def test_arrays():
    matrix = load.read(np.arange(6).reshape(3, 2))
    structured = load.read(np.array([(1, "u"), (2, "v")], dtype=[("i", "i4"), ("s", "U1")]))
    masked = load.read({"m": np.ma.array([1, 2], mask=[False, True]), "t": np.array(["1970-01-02", "NaT"], "M8[D]")})

    assert column(matrix, "x1") == ("number", [1, 3, 5])
    assert column(structured, "s") == ("text", ["u", "v"])
    assert column(masked, "m") == ("number", [1, None])
    assert column(masked, "t") == ("date", [DAY, None])


def test_npz_with_target_and_names(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.ones((2, 2)), y=np.array(["u", "v"]), feature_names=np.array(["p", "q"]))
    np.savez(tmp_path / "b.npz", left=np.arange(2), right=np.array([True, False]))
    np.savez(tmp_path / "c.npz", x=np.ones((2, 2)), y=np.arange(2))
    np.savez(tmp_path / "d.npz", x=np.arange(2), y=np.arange(2))

    assert load.read(tmp_path / "a.npz").names == ("p", "q", "target")
    assert column(load.read(tmp_path / "b.npz"), "right") == ("boolean", [1, 0])
    assert load.read(tmp_path / "c.npz").names == ("x0", "x1", "target")
    assert load.read(tmp_path / "d.npz").names == ("x", "y")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.array([[1, None]], dtype=object)}, "burnish never unpickles"),
        ({"X": np.ones((2, 2)), "y": np.ones(3)}, "2, 3 rows"),
        ({"a": np.ones((2, 2))}, "do not have one axis: a"),
        ({"X": np.ones((2, 2)), "feature_names": np.array(["p"])}, "1 feature_names for 2 columns"),
        ({"X": np.ones((2, 2, 2))}, "has shape"),
    ],
)
def test_npz_that_is_no_table(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(errors.DataError, match=message):
        load.read(tmp_path / "a.npz")


def test_json_lines_with_rejects(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_text(
        '{"a": 1, "b": [1, 2]}\n\n{"a": 2.5, "c": true}\n[1]\n{bad\n{"a": null, "c": false}\n{"a": Infinity}\n'
    )
    found = load.read(path)

    assert [(r.line, r.column) for r in found.rejects] == [(4, None), (5, None), (7, "a")]
    assert column(found, "a") == ("number", [1, 2.5, None])
    assert column(found, "b") == ("text", ["[1, 2]", None, None])
    assert column(found, "c") == ("boolean", [None, 1, 0])
    assert found.row_ids.tolist() == [1, 3, 6]


def test_json_array(tmp_path):
    path = tmp_path / "j.json"
    path.write_text('[\n {"a": 1},\n\n {"a": 2}\n]\n')
    assert load.read(path).row_ids.tolist() == [2, 4]

    path.write_text('[\n {"a": 1},\n {"a": }\n]\n')
    with pytest.raises(errors.DataError, match="broken at line 3"):
        load.read(path)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), errors.DataError, "More than once: 'a'"),
        (pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), errors.DataError, "More than once: 'a'"),
        (pd.DataFrame({"a": []}), errors.DataError, "has no rows"),
        (pd.DataFrame({"a": [1, 2]}).iloc[:0], errors.DataError, "has no rows"),
        (pd.DataFrame(), errors.DataError, "has no columns"),
        ({"a": [1, 2], "b": [1]}, errors.DataError, "have 1, 2 rows"),
        ({"a": np.ones((2, 2))}, errors.DataError, "has shape"),
        (np.array([1 + 2j]), errors.DataError, "complex numbers"),
        (np.array([np.inf, np.inf, 1.0]), errors.DataError, "2 of its 3 records are broken"),
        (5, errors.ConfigError, "type int cannot be read"),
    ],
)
def test_refused(source, error, message):
    with pytest.raises(error, match=message):
        load.read(source)


def test_align_orders_and_coerces_columns():
    reference = load.read({"code": ["01", "02"], "n": [1.5, 2], "f": [True, False], "y": [1, 2]})
    other = load.read({"extra": [1, 2, 3], "f": [1, 0, 5], "n": ["3", "oops", "inf"], "code": [7, 8, 9]})
    found = load.align(reference, other, optional={"y"})

    assert found.names == ("code", "n", "f")
    assert column(found, "code") == ("text", ["7", "8"])
    assert column(found, "n") == ("number", [3, None])
    assert column(found, "f") == ("boolean", [1, 0])
    assert [(r.line, r.column, r.row_kept) for r in found.rejects] == [(1, "n", True), (2, "n", False)]
    assert found.row_ids.tolist() == [0, 1]


def test_align_names_what_is_missing_and_the_nearest():
    reference = load.read({"square_feet": [1], "rooms": [2]})
    with pytest.raises(errors.DataError, match=r"'square_feet' \(nearest: 'Square Feet'\); 'rooms'\."):
        load.align(reference, load.read({"Square Feet": [1], "year": [2]}))


def test_align_refuses_dates_for_numbers():
    reference = load.read({"a": [1.0]})
    with pytest.raises(errors.DataError, match="should hold number values, but holds date values"):
        load.align(reference, load.read({"a": [datetime.date(2020, 1, 1)]}))


def test_align_with_itself_changes_nothing():
    found = load.read(as_polars())

    again = load.align(found, found)
    assert {name: column(again, name) for name in again.names} == EXPECTED


def test_concatenate_unifies_levels_and_keeps_row_ids():
    one, two = load.read({"a": ["x", "z", None], "n": [1, 2, 3]}), load.read({"a": ["y", "x"], "n": [4, 5]})
    found = load.concatenate([one, two])

    assert column(found, "a") == ("text", ["x", "z", None, "y", "x"])
    assert found["a"].levels == ("x", "y", "z")
    assert column(found, "n") == ("number", [1, 2, 3, 4, 5])
    assert found.row_ids.tolist() == [0, 1, 2, 0, 1]
    with pytest.raises(errors.DataError, match="Align the tables first"):
        load.concatenate([one, one.drop("n")])


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (json.dumps({"data": [{"a": 1}, {"a": 2}], "version": 1}), "rows under 'data'"),
        (json.dumps({"meta": {}, "data": [{"a": 1}, {"a": 2}]}, indent=2), "rows under 'data'"),
        (pd.DataFrame({"a": [1, 2], "y": [3, 4]}).to_json(), "a whole column under each key"),
        (json.dumps({"a": [1, 2], "y": [3, 4]}), "a whole column under each key"),
    ],
    ids=["rows in a line", "rows over lines", "pandas", "columns"],
)
def test_one_object_that_holds_a_table_is_told_how_to_be_one(written, words, tmp_path):
    """It would be read as one row of nested text, or as a thousand broken ones."""
    (tmp_path / "j.json").write_text(written)
    with pytest.raises(errors.DataError, match="one JSON object") as refused:
        load.read(tmp_path / "j.json")

    assert words in str(refused.value)
    assert 'orient="records"' in str(refused.value)


@pytest.mark.parametrize("indent", [None, 2])
def test_one_object_of_plain_values_is_a_row_however_it_is_written(indent, tmp_path):
    """A list among plain values becomes text, as in any record."""
    (tmp_path / "j.json").write_text(json.dumps({"a": 1.5, "b": "red", "c": [1, 2]}, indent=indent) + "\n")
    found = load.read(tmp_path / "j.json")

    assert (found.rows, found.names) == (1, ("a", "b", "c"))
    assert found["a"].values.tolist() == [1.5]


def test_a_broken_first_line_is_a_reject_like_any_other(tmp_path):
    (tmp_path / "j.jsonl").write_text('{"a": 1, "b": \n{"a": 2, "b": 3}\n{"a": 4, "b": 5}\n')
    found = load.read(tmp_path / "j.jsonl")

    assert found.rows == 2
    assert [reject.line for reject in found.rejects] == [1]


def test_an_infinite_value_where_types_are_demanded_of_other_columns_is_missing(tmp_path):
    """A model reads its own columns: a row is not lost to what stands beside them."""
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0], "beside": [1.0, float("-inf"), 2.0]})
    frame.write_csv(tmp_path / "t.csv")

    for source in (frame, tmp_path / "t.csv"):
        found = load.read(source, types={"a": table.Physical.NUMBER})
        assert column(found, "beside") == ("number", [1.0, None, 2.0])
        assert [(one.column, one.text, one.row_kept) for one in found.rejects] == [("beside", "-inf", True)]
