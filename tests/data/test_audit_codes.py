"""The audit on numbers that stand for a missing value, and on those that only look so."""

from __future__ import annotations

import numpy as np
import pytest
from audited import healthy, look, named

from burnish.data import columns


@pytest.mark.parametrize("code", [-999.0, 9999.0, 99.0])
def test_a_code_for_missing_is_named(code):
    columns = healthy()
    columns["a"] = np.round(10 * columns["a"], 1)
    columns["a"][::50] = code
    seen = named(look(**columns), "DA15")

    assert seen.where == "a"
    assert f"{code:g} occurs in 30 rows" in seen.evidence


PRICES = np.round(np.random.default_rng(3).lognormal(8, 1, 1500), 2)  # up to some 100,000
AGES = np.random.default_rng(3).integers(18, 85, 1500).astype(float)
SCALE = np.random.default_rng(3).integers(1, 6, 1500).astype(float)


def with_rare(values: np.ndarray, code: float, rows: int) -> np.ndarray:
    changed = values.astype(float)
    changed[7 : 7 + 100 * rows : 100] = code
    return changed


@pytest.mark.parametrize(
    ("values", "code", "rows"),
    [(AGES, -999, 2), (AGES, 999, 3), (AGES, -9999, 4), (AGES, -99, 2), (PRICES, -999, 2), (SCALE, 99, 2)],
    ids=["ages", "ages above", "ages, four nines", "two nines", "the only negative price", "a scale"],
)
def test_a_written_code_in_two_rows_is_named(values, code, rows):
    found = columns.code_for_missing(with_rare(values, code, rows))

    assert found is not None
    assert found[:2] == (code, rows)


@pytest.mark.parametrize(
    ("values", "code", "rows"),
    [(AGES, -999, 1), (AGES, 99, 3), (AGES, 500, 3), (AGES, -1, 3), (PRICES, 9999, 3), (PRICES - 500, -999, 3),
     (SCALE, 9, 3), (SCALE, -9, 3), (2 * AGES - 80, -99, 2), (np.where(AGES < 50, 0.0, 1.0), 99, 3)],
    ids=["one row", "an age", "no code", "minus one", "a price", "a loss", "a nine", "minus nine", "near", "flags"],
)  # fmt: skip
def test_numbers_that_may_be_measured_are_no_codes(values, code, rows):
    assert columns.code_for_missing(with_rare(values, code, rows)) is None


def test_a_group_of_rows_that_lies_apart_is_no_code():
    """Rows of one town share its numbers, and one may be far larger than the others; a number far beyond is told."""
    towns = np.repeat(np.r_[np.linspace(10, 60, 40), 130.5], 30)

    assert columns.code_for_missing(towns) is None
    assert columns.code_for_missing(np.where(towns == 130.5, 1e6, towns)) == (1e6, 30, 60)


def test_minus_one_among_counts_is_named():
    columns = healthy()
    columns["a"] = np.random.default_rng(0).integers(0, 300, 1500)
    columns["a"][::3] = -1

    assert (
        "-1 occurs in 500 rows of column 'a', and is its only negative one" in named(look(**columns), "DA15").evidence
    )


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).exponential(size=2000),
        np.random.default_rng(0).standard_cauchy(2000),
        np.round(np.random.default_rng(0).lognormal(3, 1.5, 2000)),
        np.where(np.random.default_rng(0).random(2000) < 0.8, 0, np.random.default_rng(1).exponential(100, 2000)),
        np.clip(np.random.default_rng(0).normal(50, 20, 2000), 0, 100),
        np.random.default_rng(0).poisson(30, 2000),
    ],
    ids=["exponential", "cauchy", "lognormal", "many zeros", "clipped", "counts"],
)
def test_long_tails_are_no_codes(values):
    assert columns.code_for_missing(values.astype(float)) is None


@pytest.mark.parametrize(
    ("code", "severity"), [(-999.0, "limit"), (9999.0, "limit"), (-150.0, "limit"), (500.0, "note")]
)
def test_a_code_for_missing_in_the_target_is_told(code, severity):
    """It is taught as an answer; a number that people do not write for "missing" may be measured."""
    table = healthy()
    table["y"] = np.round(60 + 4 * table["y"], 2)
    table["y"][::20] = code
    seen = named(look(**table), "DA15")

    assert (seen.severity, seen.where) == (severity, "y")
    assert f"The number {code:g} occurs in 75 rows of the target 'y'" in seen.evidence
    assert "leave these rows out" in seen.remedy


def test_a_target_with_many_zeros_is_spared():
    table = healthy()
    table["y"] = np.where(np.arange(1500) % 3 == 0, 0, np.exp(table["y"]))

    assert "DA15" not in {seen.code for seen in look(**table).observations}
