"""Forecasts of the error with more data: right where the curve is a power law, silent where it misbehaves."""

import numpy as np
import pytest

from burnish.diagnosis import learning_curve
from burnish.diagnosis.finding import Severity

SIZES = learning_curve.sizes(1600)


def losses(errors, *, rng, seeds=3, rows=500, seed_noise=0.01, row_noise=0.15):
    """Squared errors whose RMSE at each size is `errors`: easy and hard dev rows stay so at every size.

    Seeds, and a choice of training rows that all seeds share, move each size's error.
    """
    errors = np.asarray(errors)
    hardness = rng.standard_normal(rows)
    wobble = rng.standard_normal((seeds, len(errors), rows))
    residual = errors[None, :, None] * (hardness + row_noise * wobble) / np.sqrt(1 + row_noise**2)
    choice = 1 + seed_noise * rng.standard_normal((1, len(errors), 1))
    return np.square(residual * choice * (1 + seed_noise * rng.standard_normal((seeds, len(errors), 1))))


def power(sizes, *, floor=1.0, scale=60.0, exponent=0.6):
    return floor + scale * np.asarray(sizes, float) ** -exponent


def say(value):
    return f"{value:.2f} MPa"


def test_sizes_rise_to_all_rows_by_the_root_of_two():
    assert learning_curve.sizes(800) == (200, 283, 400, 566, 800)


def test_sizes_of_a_tiny_table_stop_where_no_network_can_learn():
    assert learning_curve.sizes(40) == (20, 28, 40)


@pytest.mark.parametrize("exponent", [0.3, 0.6, 1.0])
def test_a_clean_power_law_is_foretold(exponent):
    rng = np.random.default_rng(0)
    clean = losses(power(SIZES, exponent=exponent), rng=rng, seed_noise=0.001)
    found = learning_curve.forecast(SIZES, clean, statistic="rmse")
    now, later = power([1600, 3200], exponent=exponent)

    assert found.given
    assert found.points[2.0].gain.low <= now - later <= found.points[2.0].gain.high
    assert found.points[2.0].gain.value == pytest.approx(now - later, rel=0.35, abs=0.02 * now)


def test_intervals_hold_what_they_promise_on_noisy_power_laws():
    """90 % intervals on 25 curves; at least 80 % must hold the true gain of four times the rows."""
    rng = np.random.default_rng(1)
    truth = power([1600, 6400])
    found = [learning_curve.forecast(SIZES, losses(power(SIZES), rng=rng), statistic="rmse") for _ in range(25)]
    given = [f.points[4.0].gain for f in found if f.given]

    assert len(given) >= 20
    assert np.mean([gain.low <= truth[0] - truth[1] <= gain.high for gain in given]) >= 0.8


def test_four_times_the_rows_gain_more_than_twice_and_less_surely():
    points = learning_curve.forecast(SIZES, losses(power(SIZES), rng=np.random.default_rng(2)), statistic="rmse").points

    assert points[4.0].gain.value > points[2.0].gain.value
    assert points[4.0].gain.half_width > points[2.0].gain.half_width


def test_a_flat_curve_is_not_promised_a_gain():
    rng = np.random.default_rng(3)
    findings = [
        learning_curve.finding(learning_curve.forecast(SIZES, losses(np.full(5, 2.0), rng=rng), statistic="rmse"), say)
        for _ in range(12)
    ]
    promised = [f for f in findings if f is not None and f.severity is Severity.LIMIT]

    assert len(promised) <= 1


def test_a_falling_curve_promises_a_gain_with_its_range():
    steep = losses(power(SIZES), rng=np.random.default_rng(4), seed_noise=0.003)
    found = learning_curve.finding(learning_curve.forecast(SIZES, steep, statistic="rmse"), say)

    assert found is not None
    assert found.code == "BV9"
    assert found.severity is Severity.LIMIT
    assert "2 times the rows: -" in found.evidence


def test_a_rising_curve_is_declined():
    found = learning_curve.forecast(
        SIZES, losses([2.0, 2.0, 2.2, 2.5, 2.6], rng=np.random.default_rng(5)), statistic="rmse"
    )

    assert not found.given
    assert "rises" in found.declined
    assert learning_curve.finding(found, say) is None


def test_a_curve_that_drops_off_a_cliff_at_the_end_is_declined():
    found = learning_curve.forecast(
        SIZES, losses([3.0, 2.9, 2.8, 2.7, 1.2], rng=np.random.default_rng(6)), statistic="rmse"
    )

    assert "misses the largest" in found.declined


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (np.ones((3, 4, 50)), "too few"),
        (np.ones((2, 5, 50)), "too few"),
        (np.full((3, 5, 50), np.nan), "finite"),
        (np.zeros((3, 5, 50)), "no error left"),
    ],
)
def test_what_cannot_be_foretold_is_declined_with_the_reason(table, reason):
    found = learning_curve.forecast(SIZES[-table.shape[1] :], table, statistic="error")

    assert reason in found.declined
    assert not found.points


def test_error_rates_are_foretold_within_what_is_possible():
    rng = np.random.default_rng(7)
    rates = 0.02 + 2.0 * np.asarray(SIZES, float) ** -0.6
    difficulty = rng.uniform(size=1000)
    wrong = (difficulty * rng.uniform(0.9, 1.1, (3, 5, 1000)) < rates[None, :, None]).astype(float)
    found = learning_curve.forecast(SIZES, wrong, statistic="error")

    assert found.given
    assert all(0 <= point.error.low <= point.error.value <= point.error.high for point in found.points.values())


def test_a_forecast_is_the_same_each_time():
    table = losses(power(SIZES), rng=np.random.default_rng(8))

    assert learning_curve.forecast(SIZES, table, statistic="rmse") == learning_curve.forecast(
        SIZES, table, statistic="rmse"
    )


def test_the_weights_of_the_forms_sum_to_one():
    found = learning_curve.forecast(SIZES, losses(power(SIZES), rng=np.random.default_rng(9)), statistic="rmse")

    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert set(found.weights) == {"pow3", "pow4", "mmf4", "wbl4", "last1"}


def test_dev_rows_that_belong_together_are_drawn_together():
    """Rows ten times over: said to be, the forecast is as wide as of each once; a row of no weight is not there."""
    rng = np.random.default_rng(0)
    once = losses(power(SIZES), rng=rng, rows=120, seed_noise=0.002)
    copied, groups = once.repeat(10, axis=-1), np.arange(120).repeat(10)
    plain, told, untold = (
        learning_curve.forecast(SIZES, *given, statistic="rmse", groups=labels).points[2.0].error
        for *given, labels in ((once, None), (copied, groups), (copied, None))
    )
    spoiled = np.concatenate([once, np.full_like(once, 1e4)], axis=-1)
    weighted = learning_curve.forecast(SIZES, spoiled, statistic="rmse", weights=np.repeat([1.0, 0.0], 120))

    assert told.half_width == pytest.approx(plain.half_width, rel=0.08)
    assert untold.half_width < 0.85 * plain.half_width  # the noise of training stays
    assert weighted.measured == pytest.approx(learning_curve.forecast(SIZES, once, statistic="rmse").measured)
