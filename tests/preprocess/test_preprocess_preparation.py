"""The preparation as a whole: fitted on training rows, the same at prediction."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from burnish.data.inputs import InputSpec, Prepared
from burnish.data.kinds import Profile
from burnish.data.table import Column, Kind, Physical, Table
from burnish.errors import DataError
from burnish.preprocess import categories, padding, preparation
from burnish.preprocess.preparation import Preparation

ROWS = 400
TRAIN = np.arange(0, ROWS, 2)
KINDS = {
    "area": Kind.NUMBER,
    "income": Kind.NUMBER,
    "own": Kind.BOOLEAN,
    "hue": Kind.CATEGORY,
    "zip": Kind.CATEGORY,
    "zone": Kind.CATEGORY,
    "sold": Kind.DATE,
    "note": Kind.TEXT,
    "id": Kind.IDENTIFIER,
    "year": Kind.CONSTANT,
    "price": Kind.NUMBER,
    "fold": Kind.NUMBER,
}


def _table(seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    income = np.exp(2 * rng.normal(size=ROWS))
    income[rng.random(ROWS) < 0.1] = np.nan
    codes = {name: rng.integers(-1, n, ROWS).astype(np.int32) for name, n in (("hue", 4), ("zip", 20))}
    unique = np.arange(ROWS, dtype=np.int32)
    words = tuple(f"w{k}" for k in range(ROWS))
    number = {
        "area": rng.normal(size=ROWS),
        "income": income,
        "zone": rng.integers(1, 4, ROWS).astype(float),
        "year": np.full(ROWS, 2024.0),
        "price": rng.normal(size=ROWS),
        "fold": rng.normal(size=ROWS),
    }
    columns = {name: Column(name, Physical.NUMBER, values) for name, values in number.items()}
    columns["own"] = Column("own", Physical.BOOLEAN, (rng.random(ROWS) < 0.3).astype(float))
    columns["hue"] = Column("hue", Physical.TEXT, codes["hue"], ("red", "green", "blue", "teal"))
    columns["zip"] = Column("zip", Physical.TEXT, codes["zip"], words[:20])
    columns["sold"] = Column("sold", Physical.DATE, 1.6e9 + 1e8 * rng.random(ROWS))
    columns["note"] = Column("note", Physical.TEXT, unique, words)
    columns["id"] = Column("id", Physical.NUMBER, unique.astype(float))
    return Table("houses", tuple(columns[name] for name in KINDS), np.arange(ROWS))


PROFILES = tuple(Profile(name, kind, "", 0, 2) for name, kind in KINDS.items())


def _fit(table: Table) -> Preparation:
    return preparation.fit(table, TRAIN, PROFILES, target="price", exclude=("fold",))


def _replace(table: Table, column: Column) -> Table:
    return replace(table, columns=tuple(column if c.name == column.name else c for c in table.columns))


def _assert_same(actual: Prepared, expected: Prepared) -> None:
    assert_array_equal(actual.x, expected.x)
    assert_array_equal(actual.codes, expected.codes)


def _features(fitted: Preparation) -> tuple[str, ...]:
    """A name for each column of the prepared matrix: first all numbers, then all flags."""
    flags = tuple(name for plan in fitted.plans for name in getattr(plan, "flags", ()))
    return tuple(name for plan in fitted.plans for name in getattr(plan, "numbers", ())) + flags


def _coded(fitted: Preparation) -> tuple[str, ...]:
    """The column behind each column of codes."""
    return tuple(plan.name for plan in fitted.plans if isinstance(plan, categories.CodesPlan))


def test_names_shapes_and_types_agree():
    fitted = _fit(_table())
    prepared = fitted.transform(_table())

    assert prepared.x.dtype == np.float32
    assert prepared.codes.dtype == np.int32
    assert prepared.x.shape == (ROWS, fitted.inputs.width) == (ROWS, len(_features(fitted)))
    assert prepared.codes.shape == (ROWS, len(_coded(fitted)))
    assert _coded(fitted) == ("zip",)
    assert _features(fitted)[: fitted.inputs.numbers][:3] == ("area", "income", "sold: trend")
    assert set(_features(fitted)[fitted.inputs.numbers :]) >= {"own", "income is missing", "zone = 2"}
    assert np.all(prepared.codes < np.array(fitted.inputs.vocabularies))


def test_continuous_columns_are_standardised_on_the_training_rows():
    fitted = _fit(_table())
    x = fitted.transform(_table()).x[TRAIN, : fitted.inputs.numbers].astype(np.float64)
    full = [name not in ("income",) for name in _features(fitted)[: fitted.inputs.numbers]]

    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0)[full], 1, atol=1e-6)


def test_flags_are_zero_or_one_where_all_is_known():
    fitted = _fit(_table())
    flags = fitted.transform(_table()).x[:, fitted.inputs.numbers :]

    assert set(np.unique(flags)) == {0.0, 1.0}


def test_only_training_rows_are_looked_at():
    """Whatever stands in the other rows, the fit is the same."""
    table, other = _table(), _table(seed=1)
    columns = []
    for column, strange in zip(table.columns, other.columns, strict=True):
        values = strange.values.copy()
        values[TRAIN] = column.values[TRAIN]
        columns.append(replace(column, values=values))

    assert _fit(replace(table, columns=tuple(columns))) == _fit(table)


def test_json_round_trip_is_exact():
    fitted = _fit(_table())
    back = Preparation.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))

    assert back == fitted
    _assert_same(back.transform(_table()), fitted.transform(_table()))


def test_a_foreign_format_is_refused():
    with pytest.raises(DataError, match="format is 99"):
        Preparation.from_json({**_fit(_table()).to_json(), "format": 99})


def test_every_row_is_prepared_on_its_own():
    fitted, table = _fit(_table()), _table()
    some = np.array([7, 3, 390])

    _assert_same(fitted.transform(table.take(some)), fitted.transform(table).take(some))


def test_the_order_of_levels_and_columns_does_not_matter():
    table = _table()
    hue = table["hue"]
    turned = Column(
        "hue", Physical.TEXT, np.where(hue.values < 0, -1, 3 - hue.values).astype(np.int32), hue.levels[::-1]
    )
    other = replace(_replace(table, turned), columns=_replace(table, turned).columns[::-1])

    _assert_same(_fit(table).transform(other), _fit(table).transform(table))


def test_what_is_left_out_is_said_and_nothing_else():
    fitted = _fit(_table())

    assert [name for name, _ in fitted.left_out] == ["note", "id", "year"]
    assert len(fitted.warnings) == 3
    assert "text that burnish does not read" in fitted.warnings[0]
    assert [entry["column"] for entry in fitted.describe()] == [*fitted.schema, "note", "id", "year"]
    assert all(entry["treatment"] and entry["reason"] for entry in fitted.describe())


def test_schema_is_how_the_columns_were_written():
    schema = _fit(_table()).schema

    assert schema["zone"] is Physical.NUMBER
    assert schema["sold"] is Physical.DATE
    assert "price" not in schema
    assert "fold" not in schema


def test_gaps_and_levels_that_training_did_not_have_are_inputs_like_any_other():
    table, fitted = _table(), _fit(_table())
    area = table["area"].values.copy()
    area[:5] = np.nan
    strange = _replace(table, Column("area", Physical.NUMBER, area))
    strange = _replace(strange, replace(table["hue"], levels=("red", "green", "blue", "mauve")))

    assert np.all(np.isfinite(fitted.transform(strange).x))


def test_absent_columns_are_named_all_at_once_with_the_nearest_names():
    table, names = _table(), {"area": "aera", "hue": "HUE"}
    renamed = replace(table, columns=tuple(replace(c, name=names.get(c.name, c.name)) for c in table.columns))

    with pytest.raises(DataError, match=r"lacks 2 columns.*\n.*'area' \(nearest: 'aera'\); 'hue' \(nearest: 'HUE'\)\."):
        _fit(table).transform(renamed)


def test_a_table_without_a_usable_column_is_refused():
    with pytest.raises(DataError, match=r"No column is left to learn from.\n.*'note': it holds text"):
        preparation.fit(
            _table(), TRAIN, PROFILES, target="price", exclude=[n for n in KINDS if n not in ("note", "year")]
        )


def test_a_column_constant_in_the_training_rows_alone_is_left_out():
    values = _table()["area"].values.copy()
    values[TRAIN] = 3.0
    fitted = _fit(_replace(_table(), Column("area", Physical.NUMBER, values)))

    assert "Column 'area' is left out: it has the same value in all training rows." in fitted.warnings


def test_booleans_written_as_words_become_one_flag():
    words = Column("own", Physical.TEXT, _table()["own"].values.astype(np.int32), ("no", "yes"))
    fitted = _fit(_replace(_table(), words))

    assert "own = yes" in _features(fitted)


def test_folds_are_widened_to_one_shape():
    """Further columns are 0; the network sees the old ones at the start of each part."""
    own = InputSpec(2, 1, (5,))
    prepared = Prepared(np.float32([[1, 2, 3]]), np.int32([[4]]))
    to = padding.pad([own, InputSpec(1, 3, (2, 9))])
    wide = padding.widen(prepared, own, to)

    assert to == InputSpec(2, 3, (5, 9))
    assert_array_equal(wide.x, [[1, 2, 3, 0, 0]])
    assert_array_equal(wide.codes, [[4, 0]])


def test_widening_puts_flags_behind_the_added_numbers():
    wide = padding.widen(Prepared(np.float32([[1, 7]]), np.zeros((1, 0), np.int32)), InputSpec(1, 1), InputSpec(3, 1))

    assert_array_equal(wide.x, [[1, 0, 0, 7]])


def test_widening_refuses_a_shape_without_room():
    prepared = Prepared(np.zeros((1, 3), np.float32), np.zeros((1, 0), np.int32))

    with pytest.raises(ValueError, match="no room"):
        padding.widen(prepared, InputSpec(2, 1), InputSpec(1, 5))
    with pytest.raises(ValueError, match="3 inputs"):
        padding.widen(prepared, InputSpec(1, 1), InputSpec(2, 1))
