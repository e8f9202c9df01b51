"""Intervals: textbook values, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions

from burnish import errors
from burnish.stats import interval

TRIALS = 400
# A true coverage of 0.95 falls below this in one of 10,000 such simulations.
COVERED = distributions.binom.ppf(1e-4, TRIALS, 0.95) / TRIALS


def coverage(make, truth: float) -> float:
    """Share of simulated intervals that hold the truth."""
    rng = np.random.default_rng(0)
    found = [make(rng) for _ in range(TRIALS)]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def test_rate_equals_the_binomial_test():
    """Clopper and Pearson's ends are where the exact tests reject."""
    ours = interval.proportion(7, 40, level=0.9)
    theirs = distributions.binomtest(7, 40).proportion_ci(0.9, method="exact")

    np.testing.assert_allclose([theirs.low, theirs.high], [ours.low, ours.high], rtol=1e-9)


@pytest.mark.parametrize(("wrong", "low", "high"), [(0, 0.0, 0.0362), (100, 0.9638, 1.0)])
def test_no_error_and_all_errors_have_one_sided_ends(wrong, low, high):
    found = interval.proportion(wrong, 100)

    np.testing.assert_allclose([low, high], [found.low, found.high], atol=5e-5)


def test_rate_of_no_rows_is_refused():
    with pytest.raises(errors.DataError, match="0 errors among 0 rows"):
        interval.proportion(0, 0)
    with pytest.raises(errors.DataError, match="5 errors among 4 rows"):
        interval.proportion(5, 4)


def test_equal_weights_change_nothing():
    wrong = np.repeat([1.0, 0.0], [7, 33])
    plain, weighted = interval.proportion(7, 40), interval.weighted_proportion(wrong, np.full(40, 3.0))

    np.testing.assert_allclose([plain.value, plain.low, plain.high], [weighted.value, weighted.low, weighted.high])


def test_unequal_weights_widen():
    """Rows that weigh little add little: weights 1 and 100 leave about half of the rows."""
    wrong = np.tile([1.0, 0.0, 0.0, 0.0], 10)
    weights = np.repeat([1.0, 100.0], 20)

    weighted = interval.weighted_proportion(wrong, weights)
    assert weighted.value == pytest.approx(0.25)
    assert weighted.half_width > 1.3 * interval.proportion(10, 40).half_width


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [1.0]])
def test_impossible_weights_are_refused(weights):
    with pytest.raises(errors.DataError, match="do not fit 2 rows"):
        interval.weighted_proportion([1, 0], weights)


def test_values_that_are_missing_are_refused():
    with pytest.raises(errors.DataError, match="Of 3 values, 2 are finite"):
        interval.mean([1.0, np.nan, 2.0])
    with pytest.raises(errors.DataError, match="Of 0 values"):
        interval.rmse([])


def test_mean_equals_the_t_interval():
    values = np.random.default_rng(0).normal(3, 2, 25)
    theirs = distributions.t.interval(0.95, 24, values.mean(), distributions.sem(values))
    ours = interval.mean(values)

    np.testing.assert_allclose(theirs, (ours.low, ours.high))


@pytest.mark.parametrize("rows", [20, 100])
def test_rmse_covers_for_normal_errors(rows):
    assert coverage(lambda rng: interval.rmse(rng.normal(0, 3, rows) ** 2), 3.0) >= COVERED


def test_rmse_holds_up_under_heavy_tails():
    """Student's t with 5 degrees: at least 0.89 of 0.95 at 100 rows, where the χ² interval covers 0.77."""
    assert coverage(lambda rng: interval.rmse(rng.standard_t(5, 100) ** 2), np.sqrt(5 / 3)) >= 0.89


def test_rmse_scales_with_the_unit():
    squares = np.random.default_rng(0).normal(size=50) ** 2
    one, thousand = interval.rmse(squares), interval.rmse(squares * 1e6)

    np.testing.assert_allclose(
        [thousand.value, thousand.low, thousand.high], np.multiply([one.value, one.low, one.high], 1000)
    )


def test_rmse_of_equal_errors_and_of_one_row():
    assert interval.rmse([4.0, 4.0, 4.0]) == interval.Interval(2.0, 2.0, 2.0)
    assert interval.rmse([4.0]) == interval.Interval(2.0, 0.0, np.inf)


def test_rmse_weights_equal_repeats():
    """The value of weights 2 and 1 is that of two rows and one."""
    assert interval.rmse([4.0, 1.0], weights=[2, 1]).value == pytest.approx(interval.rmse([4.0, 4.0, 1.0]).value)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 10), 0.6075, 1.0)],
)
def test_difference_of_rates_equals_newcombes_table(first, second, low, high):
    """Newcombe 1998, table II, method 10: examples (a), (b) of 70 and 80 rows and the extreme one."""
    found = interval.proportion_difference(first, second)

    np.testing.assert_allclose([low, high], [found.low, found.high], atol=6e-5)


@pytest.mark.parametrize("statistic", ["rmse", "error", "mean"])
def test_differences_cover(statistic):
    """Dev minus train of the same error covers 0, and of errors apart the true gap."""

    def gap(rng: np.random.Generator) -> interval.Interval:
        if statistic == "error":
            return interval.loss_difference(rng.random(60) < 0.3, rng.random(200) < 0.1, statistic)
        one, other = rng.normal(0, 2, 60), rng.normal(0, 1, 200)
        return interval.loss_difference(one**2, other**2, statistic)

    assert coverage(gap, {"rmse": 1.0, "error": 0.2, "mean": 3.0}[statistic]) >= COVERED - 0.02
