"""A3 and A4: the verdict from errors and numbers of rows, what to try next, and whether it helped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from burnish import errors, techniques

ROWS = 20_000


@pytest.mark.parametrize(
    ("train", "dev", "baseline", "label"),
    [
        (0.01, 0.11, 0.0, "high variance"),
        (0.15, 0.16, 0.0, "high bias"),
        (0.15, 0.30, 0.0, "high bias and high variance"),
        (0.005, 0.01, 0.005, "neither"),
        (0.15, 0.16, 0.15, "neither"),
    ],
)
def test_the_classic_cases_get_their_labels(train, dev, baseline, label):
    """The course's cats: 1 % and 11 %, 15 % and 16 %, 15 % and 30 %, 0.5 % and 1 %; and 15 % at its best."""
    found = techniques.bias_variance((train, ROWS), (dev, ROWS), baseline=baseline)

    assert found.label == label


def test_regression_is_judged_in_the_targets_own_spread():
    """RMSE 9 of a target that varies by 10 explains little; 1 and 4 do not carry over; 1 and 1.02 are fine."""
    cases = {(9.0, 9.1): "high bias", (1.0, 4.0): "high variance", (1.0, 1.02): "neither"}
    found = {
        pair: techniques.bias_variance((pair[0], ROWS), (pair[1], ROWS), baseline=0.9, target_deviation=10.0).label
        for pair in cases
    }

    assert found == cases


def test_three_tenths_of_a_point_on_200_rows_are_no_gap():
    found = techniques.bias_variance((0.100, 200), (0.103, 200), baseline=0.1)

    assert found.label == "neither"
    assert "BV6" in {finding.code for finding in found.findings}
    assert found.budget.smallest_detectable["variance"] > 0.05


def test_a_train_dev_part_tells_mismatch_from_variance():
    found = techniques.bias_variance((0.01, ROWS), (0.10, ROWS), train_dev=(0.015, ROWS), baseline=0.0)

    assert found.label == "neither"
    assert [finding.code for finding in found.findings] == ["BV4"]


def test_without_a_baseline_no_bias_can_be_shown():
    assert techniques.bias_variance((0.30, ROWS), (0.31, ROWS)).label == "neither"


@pytest.mark.parametrize(("wrong", "rows"), [(0, 50), (3, 50), (50, 50), (1_234, 20_000)])
def test_intervals_of_rates_are_exact(wrong, rows):
    """SciPy's binomial test has the same ends."""
    expected = stats.binomtest(wrong, rows).proportion_ci(0.95, method="exact")
    found = techniques.bias_variance((wrong / rows, rows), (wrong / rows, rows)).budget.errors.dev

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_intervals_of_an_rmse_cover_for_normal_errors():
    rng = np.random.default_rng(0)
    figures = np.sqrt(np.square(rng.normal(0, 3, (2_000, 30))).mean(axis=1))
    spans = [techniques.bias_variance((f, 30), (f, 30), target_deviation=3.0).budget.errors.dev for f in figures]

    assert np.mean([span.low <= 3 <= span.high for span in spans]) == pytest.approx(0.95, abs=0.015)


def test_the_losses_of_rows_give_the_interval_that_scipy_gives():
    wrong = np.arange(80) < 9
    expected = stats.binomtest(9, 80).proportion_ci(0.95, method="exact")
    found = techniques.error_interval(wrong, "error")
    mean = techniques.error_interval([1.0, 2.0, 4.0], "mean")
    t = stats.ttest_1samp([1.0, 2.0, 4.0], 0).confidence_interval(0.95)

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (mean.low, mean.high) == pytest.approx((t.low, t.high))
    assert techniques.bias_variance((0.01, ROWS), found, baseline=0.0).label == "high variance"


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    train=st.floats(0.01, 5.0),
    gap=st.floats(0.0, 3.0),
    rows=st.integers(20, 5_000),
    unit=st.sampled_from([1e-6, 1e3, 1e9]),
)
def test_the_unit_of_the_target_changes_no_verdict(train, gap, rows, unit):
    def label(scale: float) -> str:
        return techniques.bias_variance(
            (train * scale, rows), ((train + gap) * scale, rows), baseline=0.5 * scale, target_deviation=4 * scale
        ).label

    assert label(1.0) == label(unit)


@pytest.mark.parametrize(("error", "rows", "deviation"), [(1.5, 100, None), (-1.0, 100, 2.0), (1.0, 0, 2.0)])
def test_errors_that_cannot_be_are_refused(error, rows, deviation):
    with pytest.raises(errors.DataError):
        techniques.bias_variance((error, rows), (0.5, 100), target_deviation=deviation)


def test_the_recipe_cures_bias_first_and_then_variance():
    bias = techniques.bias_variance((0.15, ROWS), (0.16, ROWS), baseline=0.0)
    variance = techniques.bias_variance((0.01, ROWS), (0.11, ROWS), baseline=0.0)
    both = techniques.bias_variance((0.15, ROWS), (0.30, ROWS), baseline=0.0)

    assert {r.cause for r in techniques.prescription(bias, limit=5)} <= {"bias", "optimisation"}
    assert {r.cause for r in techniques.prescription(variance, limit=5)} == {"variance"}
    causes = [r.cause for r in techniques.prescription(both, limit=100)]
    assert causes[0] in ("bias", "optimisation")
    assert {"wider", "deeper", "longer"} <= {r.name for r in techniques.prescription(bias, limit=100)}
    assert {"dropout", "l2", "weight-decay", "early-stopping"} <= {
        r.name for r in techniques.prescription(variance, limit=100)
    }


def test_at_the_floor_there_is_nothing_to_try_and_what_was_tried_is_not_prescribed_again():
    floor = techniques.bias_variance((0.10, ROWS), (0.10, ROWS), baseline=0.10)
    variance = techniques.bias_variance((0.01, ROWS), (0.11, ROWS), baseline=0.0)
    first = techniques.prescription(variance, limit=1)[0]

    assert techniques.prescription(floor) == ()
    assert first.name not in {r.name for r in techniques.prescription(variance, tried=(first.name,), limit=100)}


def test_a_gain_with_one_seed_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    before, after = rng.exponential(1, 200), rng.exponential(0.9, 200)
    expected = stats.ttest_rel(before, after).confidence_interval(0.95)
    found = techniques.paired_gain(before, after)

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_seeds_that_differ_by_luck_are_no_gain():
    """Treatments of another seed alone, over fresh rows: kept about as often as the 2.5 % that it says."""
    rng = np.random.default_rng(0)
    kept = 0
    for _ in range(200):
        rows = rng.exponential(1, (1, 100))
        arms = [rows + rng.normal(0, 0.1, (6, 1)) + rng.normal(0, 0.3, (6, 100)) for _ in range(2)]
        kept += techniques.paired_gain(*arms).positive

    assert kept <= stats.binom.isf(0.001, 200, 0.025)


def test_a_power_law_is_foretold():
    """The true error at twice the rows lies in the interval; a flat curve is promised no gain."""
    rng, sizes = np.random.default_rng(1), (200, 283, 400, 566, 800)

    def wrong(rates: np.ndarray) -> np.ndarray:
        return rng.random((3, 1, 3_000)) < rates[:, None]

    falling = techniques.learning_curve_forecast(sizes, wrong(0.05 + 4 * np.array(sizes) ** -0.6), statistic="error")
    flat = techniques.learning_curve_forecast(sizes, wrong(np.full(5, 0.2)), statistic="error")

    assert falling.given
    assert falling.points[2.0].error.low <= 0.05 + 4 * 1600**-0.6 <= falling.points[2.0].error.high
    assert falling.points[2.0].gain.low > 0
    assert not flat.given or flat.points[2.0].gain.low <= 0
