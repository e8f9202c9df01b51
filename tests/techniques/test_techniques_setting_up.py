"""A1 and A2: sizes of the parts, the parts themselves, and whether two tables come from one distribution."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from burnish import errors, techniques


@pytest.mark.parametrize(
    ("rows", "test", "train_dev_test"),
    [
        (1_000, True, (600, 200, 200)),
        (50_000, True, (30_000, 10_000, 10_000)),
        (1_000_000, True, (980_000, 10_000, 10_000)),
        (1_000, False, (700, 300, 0)),
        (1_000_000, False, (990_000, 10_000, 0)),
    ],
)
def test_sizes_are_those_of_the_rule(rows, test, train_dev_test):
    """60/20/20 for small data, 98/1/1 for a million rows, 70/30 without a test set."""
    found = techniques.split_sizes(rows, test=test)

    assert (found.train, found.dev, found.test) == train_dev_test


@pytest.mark.parametrize("difference", [0.002, 0.005, 0.01])
def test_dev_grows_until_it_tells_the_wished_for_difference(difference):
    """A z-test at 5 % then finds a difference as large with 80 % power at the worst error rate, 0.5."""
    dev = techniques.split_sizes(10_000_000, smallest_difference=difference).dev
    power = stats.norm.sf(stats.norm.isf(0.025) - difference / (0.5 / np.sqrt(dev)))

    assert dev >= 10_000
    assert power == pytest.approx(0.8, abs=0.001) or (dev == 10_000 and power > 0.8)


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"rows": 10, "smallest_difference": 0.0}])
def test_sizes_that_mean_nothing_are_refused(wrong):
    with pytest.raises(errors.ConfigError):
        techniques.split_sizes(**wrong)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    rows=st.integers(60, 4_000),
    kind=st.sampled_from(["classes", "numbers", "words"]),
    groups=st.sampled_from([0, 12, 40]),
    test=st.booleans(),
    seed=st.integers(0, 5),
)
def test_parts_are_disjoint_and_cover_and_keep_groups_whole(rows, kind, groups, test, seed):
    rng = np.random.default_rng(seed)
    y = {"classes": rng.integers(0, 3, rows), "numbers": rng.normal(size=rows)}.get(kind, rng.choice(["a", "b"], rows))
    group = rng.integers(0, groups, rows) if groups else None
    parts = techniques.split(y, group=group, test=test, seed=seed)
    held = np.empty(0, int) if parts.test is None else parts.test

    assert (parts.test is not None) == test
    for fold in parts.folds:
        np.testing.assert_array_equal(np.sort(np.concatenate([fold.train, fold.dev, held])), np.arange(rows))
        if group is not None:
            assert not set(group[fold.train]) & set(group[fold.dev])
            assert not set(group[np.concatenate([fold.train, fold.dev])]) & set(group[held])
    devs = np.concatenate([fold.dev for fold in parts.folds])
    assert len(set(devs)) == len(devs)
    if parts.screen > 1:  # dev under 500 rows: all rows outside of test take turns
        assert len(devs) == rows - len(held)


def test_every_part_has_its_share_of_each_class_and_source():
    """As scikit-learn's stratified splits: to the row."""
    rng = np.random.default_rng(0)
    y, source = rng.choice(4, 5_000, p=[0.7, 0.2, 0.07, 0.03]), rng.choice(["web", "camera"], 5_000, p=[0.9, 0.1])
    parts = techniques.split(y, source=source)
    kinds = pd.Series(y).astype(str) + source
    whole = kinds.value_counts(normalize=True)

    for rows in (parts.folds[0].train, parts.folds[0].dev, parts.test):
        shares = kinds.iloc[rows].value_counts(normalize=True).reindex(whole.index, fill_value=0)
        np.testing.assert_allclose(shares, whole, atol=2 / len(rows))


@pytest.mark.parametrize(
    "write",
    [
        lambda days: days.astype(float),
        lambda days: np.datetime64("2020-01-01") + days,
        lambda days: (np.datetime64("2020-01-01") + days).astype(str),
        lambda days: [*(np.datetime64("2020-01-01") + days).astype(str).astype(object)],
    ],
    ids=["numbers", "datetime64", "text", "objects"],
)
def test_time_orders_the_parts(write):
    """Train on the past, choose on what comes after, test on the latest."""
    days = np.random.default_rng(0).permutation(2_000)
    parts = techniques.split(np.arange(2_000) % 2, time=write(days))

    assert days[parts.folds[0].train].max() < days[parts.folds[0].dev].min()
    assert days[parts.folds[0].dev].max() < days[parts.test].min()


def test_rows_without_a_group_stand_for_themselves():
    group = np.array([None] * 300 + ["a"] * 100, object)
    parts = techniques.split(np.arange(400) % 2, group=group)
    in_dev = [int(np.isin(np.arange(300, 400), fold.dev).sum()) for fold in parts.folds]

    assert set(in_dev) <= {0, 100}
    assert np.isin(np.arange(300), parts.test).any()


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=["None", "NaN", "NA"])
def test_a_class_that_is_missing_is_refused(missing):
    with pytest.raises(errors.DataError, match="missing"):
        techniques.split(np.array(["a", "b", missing, "a"] * 10, object))


def test_long_numbers_name_groups_of_their_own():
    """As float64 2⁵³ and 2⁵³ + 1 are one number."""
    group = 2**53 + np.arange(600)
    parts = techniques.split(np.arange(600) % 2, group=group, seed=1)

    assert len(parts.test) == 120


def test_series_of_pandas_are_divided_as_arrays_are():
    y = np.random.default_rng(0).choice(["a", "b", "c"], 900)
    plain = techniques.split(y)

    for other in (pd.Series(y), pd.Series(y, dtype="category"), pd.Series(y).astype("string"), [*y]):
        np.testing.assert_array_equal(techniques.split(other).test, plain.test)


@pytest.mark.parametrize(
    ("y", "more"),
    [
        ([0.5, np.nan, 1.0], {}),
        ([0, 1, 0], {"group": [1, 2]}),
        ([], {}),
        ([[0], [1]], {}),
        ([0, 1, 0, 1], {"folds": 1}),
    ],
    ids=["missing target", "other length", "no rows", "two axes", "one fold"],
)
def test_what_cannot_be_divided_is_refused(y, more):
    with pytest.raises(errors.BurnishError):
        techniques.split(y, **more)


def pictures(rows: int, shift: float, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"light": rng.normal(shift, 1, rows), "angle": rng.normal(size=rows), "tag": rng.choice(["x", "y"], rows)}


def test_a_shift_is_found_with_its_column_and_the_auc_that_it_allows():
    """No classifier can beat the likelihood ratio: Φ(δ/√2) for normals a distance δ apart; ours comes near it."""
    found = techniques.mismatch(pictures(1_500, 0, 0), pd.DataFrame(pictures(1_500, 1, 1)))
    best = stats.norm.cdf(1 / np.sqrt(2))

    assert found.differs
    assert found.auc.low < best
    assert best - 0.05 < found.auc.high
    assert [feature.name for feature in found.features] == ["light"]
    assert "Mix the rows" in found.advice
    expected = stats.ks_2samp(pictures(1_500, 0, 0)["light"], pictures(1_500, 1, 1)["light"])
    assert found.features[0].distance == pytest.approx(expected.statistic, abs=1e-12)


def test_one_distribution_is_not_called_two():
    found = [techniques.mismatch(pictures(400, 0, 2 * n), pictures(400, 0, 2 * n + 1), seed=n) for n in range(8)]

    assert not any(one.differs for one in found)
    assert sum(one.auc.low <= 0.5 <= one.auc.high for one in found) >= 6
    assert sum(one.features != () for one in found) <= 1  # by itself at 1 %
    assert "Nothing" in found[0].advice


def test_categories_of_other_levels_are_compared_by_name():
    """Codes of text depend on the levels there are: they must be those of both tables together."""
    rng = np.random.default_rng(0)
    one, other = ({"town": rng.choice(levels, 500)} for levels in (["Ulm", "Bonn"], ["Ulm", "Aachen"]))
    found = techniques.mismatch(one, other)

    assert found.differs
    assert found.features[0].name == "town"
    assert found.features[0].distance == pytest.approx(0.5, abs=0.1)


def test_rows_of_a_group_stay_on_one_side():
    """Fifty patients in each table, ten rows each, told apart by nothing but who they are."""
    rng = np.random.default_rng(0)
    tables = []
    for first in (0, 50):
        patient = np.repeat(np.arange(first, first + 50), 10)
        tables.append({"patient": patient, "x": np.repeat(rng.normal(size=50), 10)})

    assert not techniques.mismatch(*tables, group="patient").differs


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        ({"a": np.arange(5.0)}, {"a": np.arange(5.0)}, {}),
        ({"a": np.arange(50) % 7.0}, {"b": np.arange(50) % 7.0}, {}),
        ({"a": np.ones(50)}, {"a": np.ones(50)}, {}),
        ({"a": np.arange(50) % 7.0}, {"a": np.arange(50) % 7.0}, {"group": "c"}),
    ],
    ids=["few rows", "other columns", "constants", "no such group"],
)
def test_tables_that_cannot_be_compared_are_refused(first, second, more):
    with pytest.raises(errors.DataError):
        techniques.mismatch(first, second, **more)
