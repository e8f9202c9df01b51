"""Numbers and booleans, on made-up columns whose right treatment is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from burnish.data.table import Column, Physical
from burnish.errors import DataError
from burnish.preprocess import numbers

ROWS = 20_000
RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=ROWS)


def _far_out(count: int, value: float) -> np.ndarray:
    values = NORMAL.copy()
    values[:count] = value
    return values


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        (NORMAL, "plain"),
        (RNG.random(ROWS), "plain"),
        (np.r_[NORMAL - 100, NORMAL + 100], "plain"),
        (np.arange(2.0).repeat(50), "plain"),
        (RNG.exponential(size=ROWS), "signed_log"),
        (np.exp(2 * NORMAL), "signed_log"),
        (-np.exp(3 * NORMAL), "signed_log"),
        (RNG.standard_cauchy(ROWS), "signed_log"),
        (np.where(RNG.random(ROWS) < 0.9, 0.0, np.exp(8 + NORMAL)), "signed_log"),
        (_far_out(1, 1e9), "smooth_clip"),
        (_far_out(400, 999_999.0), "smooth_clip"),
    ],
    ids=[
        "normal",
        "uniform",
        "two humps",
        "two values",
        "exponential",
        "lognormal",
        "negative lognormal",
        "Cauchy",
        "zero or lognormal",
        "typing error",
        "sentinel",
    ],
)
def test_the_gentlest_sufficient_rule_is_chosen(values, rule):
    scaling = numbers.fit_scaling(values)
    out = scaling.apply(values)

    assert scaling.rule == rule
    assert np.all(np.abs(out) <= numbers.REACH + 1e-9)
    assert_allclose(out.mean(), 0.0, atol=1e-9)
    assert out.std() <= 1 + 1e-9


def test_plain_standardising_is_the_textbook_formula():
    """x ← (x − μ) / σ, with μ and σ of the training rows, on other rows too."""
    scaling = numbers.fit_scaling(NORMAL * 7 + 3)
    fresh = np.array([-5.0, 3.0, 11.0])

    expected = (fresh - (NORMAL * 7 + 3).mean()) / (NORMAL * 7 + 3).std()
    assert_allclose(scaling.apply(fresh), expected, rtol=1e-12)


@pytest.mark.parametrize("rule", ["plain", "signed_log", "smooth_clip"])
def test_every_rule_keeps_the_order_of_values(rule):
    scaling = numbers.Scaling(rule, center=1.0, scale=2.0, mean=0.1, spread=0.7, reason="")
    out = scaling.apply(np.linspace(-12, 14, 1001))

    assert np.all(np.diff(out) > 0)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [4.0, 4.0, 4.0], [4.0, np.nan], [5e-324, 1e-320]])
def test_values_that_do_not_vary_have_no_scaling(values):
    assert numbers.fit_scaling(np.array(values)) is None


@pytest.mark.parametrize("scale", [1e-90, 1e-9, 1.0, 1e9, 1e200, 1e305])
@pytest.mark.parametrize("offset", [0.0, 1.7e18])
def test_no_magnitude_overflows(scale, offset):
    values = offset + scale * np.array([0.0, 1.0, 2.0, 3.0, 1000.0])
    scaling = numbers.fit_scaling(values)
    if scaling is None:  # the variation is below the offset's last digit
        assert scale <= 1.0
        return
    out = scaling.apply(np.r_[values, 1e308, -1e308, 0.0])

    assert np.all(np.isfinite(out))


def test_a_large_offset_costs_no_precision():
    """Nanoseconds since 1970 in steps of one second."""
    values = 1.7e18 + 1e9 * np.arange(100)

    assert_allclose(
        numbers.fit_scaling(values).apply(values), numbers.fit_scaling(np.arange(100.0)).apply(np.arange(100.0))
    )


def test_a_nearly_constant_column_keeps_its_rare_rows_within_reach():
    values = np.zeros(100_000)
    values[7] = 1.0
    out = numbers.fit_scaling(values).apply(values)

    assert_allclose(out[7], numbers.REACH)


def test_far_values_at_prediction_are_held():
    out = numbers.fit_scaling(NORMAL).apply(np.array([1e6, -1e6]))

    assert_array_equal(out, [numbers.HELD, -numbers.HELD])


def test_a_gap_becomes_the_mean_and_a_flag():
    column = Column("age", Physical.NUMBER, np.array([1.0, np.nan, 3.0, 8.0]))
    [plan] = numbers.fit_numbers([column], np.arange(4))
    x = np.zeros((4, 2), np.float32)
    numbers.together([numbers.Placed(plan, 0, 1)]).fill([column], x)

    assert plan.flags == ("age is missing",)
    assert x[1, 0] == 0.0
    assert_allclose(x[:, 0].mean(), 0.0, atol=1e-7)
    assert_array_equal(x[:, 1], [0, 1, 0, 0])


def test_columns_that_are_scaled_together_are_scaled_as_each_alone(monkeypatch):
    rng = np.random.default_rng(4)
    far = np.r_[NORMAL[1:], 1e9]
    values = np.stack([NORMAL, rng.standard_cauchy(ROWS), np.exp(3 * NORMAL), np.full(ROWS, 7.0), far])
    values[1, ::7] = np.nan
    values[4, :7] = np.nan
    monkeypatch.setattr(numbers, "CELLS", 3 * ROWS)  # blocks of three columns and of two
    columns = [Column(f"x{i}", Physical.NUMBER, its) for i, its in enumerate(values)]
    plans = list(numbers.fit_numbers(columns, np.arange(ROWS)))
    x = np.zeros((ROWS, 3), np.float32)
    numbers.together([numbers.Placed(plans[i], 2 - i, -1) for i in (0, 2)]).fill([columns[0], columns[2]], x)

    assert [None if plan is None else plan.scaling for plan in plans] == [numbers.fit_scaling(its) for its in values]
    assert {plan.scaling.rule for plan in plans if plan} == {"plain", "signed_log", "smooth_clip"}
    for i in (0, 2):
        assert_array_equal(x[:, 2 - i], plans[i].scaling.apply(values[i]).astype(np.float32))


def test_gaps_of_a_constant_still_say_something():
    [plan] = numbers.fit_numbers([Column("paid", Physical.NUMBER, np.array([1.0, np.nan, 1.0]))], np.arange(3))

    assert (plan.numbers, plan.flags) == ((), ("paid is missing",))


def test_a_boolean_gap_holds_the_training_share():
    column = Column("own", Physical.BOOLEAN, np.array([1.0, 0.0, 0.0, 1.0, 1.0]))
    plan = numbers.fit_boolean("own", column.values)
    flags = np.zeros((2, 1), np.float32)
    plan.fill(Column("own", Physical.BOOLEAN, np.array([np.nan, 1.0])), np.zeros((2, 0), np.float32), flags)

    assert not plan.indicator
    assert_array_equal(flags[:, 0], np.float32([0.6, 1.0]))


def test_infinities_are_refused():
    with pytest.raises(DataError, match="'dose' holds infinite values"):
        numbers.values_of(Column("dose", Physical.NUMBER, np.array([1.0, np.inf])))


def test_text_where_numbers_are_due_is_refused_with_its_first_value():
    with pytest.raises(DataError, match="'many'"):
        numbers.values_of(Column("dose", Physical.TEXT, np.array([-1, 0], np.int32), ("many",)))


def test_an_empty_text_column_counts_as_missing_numbers():
    """A file's column without any value may be read as text."""
    values = numbers.values_of(Column("dose", Physical.TEXT, np.array([-1, -1], np.int32)))

    assert_array_equal(values, [np.nan, np.nan])
