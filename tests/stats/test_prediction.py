"""Where an error will lie on fresh rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions

from burnish.stats import interval, prediction

TRIALS = 400
# A true coverage of 0.95 falls below this in one of 10,000 such simulations.
COVERED = distributions.binom.ppf(1e-4, TRIALS, 0.95) / TRIALS


@pytest.mark.parametrize("statistic", ["rmse", "error", "mean"])
@pytest.mark.parametrize("fresh", [50, 2000])
def test_it_covers_the_error_of_a_fresh_set(statistic, fresh):
    """A fresh test set's own error lies inside, small set or large, for rates near 0 too."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(TRIALS):
        if statistic == "error":
            dev, test = (rng.random(rows) < 0.05 for rows in (300, fresh))
        else:
            dev, test = (rng.normal(size=rows) ** 2 for rows in (300, fresh))
        promise = prediction.of_fresh_rows(dev, statistic, rows=fresh)
        hits += promise.low <= interval.estimate(test, statistic).value <= promise.high

    assert hits / TRIALS >= COVERED


@pytest.mark.parametrize("rate", [0.003, 0.01, 0.03, 0.1, 0.4])
@pytest.mark.parametrize(("known", "fresh"), [(150, 150), (600, 100), (150, 2000)])
def test_rates_of_any_size_are_covered_exactly(rate, known, fresh):
    """The coverage itself, summed over all counts there can be: at least 0.95, where the variances' sum had 0.93."""
    counts = np.arange(known + 1)
    likely = counts[distributions.binom.pmf(counts, known, rate) > 1e-7]
    held = 0.0
    for wrong in likely:
        found = prediction.of_fresh_rows(np.arange(known) < wrong, "error", rows=fresh)
        low, high = round(found.low * fresh), round(found.high * fresh)
        inside = distributions.binom.cdf(high, fresh, rate) - distributions.binom.cdf(low - 1, fresh, rate)
        held += distributions.binom.pmf(wrong, known, rate) * inside

    assert held >= 0.95


def test_an_endless_fresh_set_has_the_true_rate():
    """So its interval is the exact one of that; and all wrong or none wrong is no certainty."""
    wrong = np.arange(300) < 30
    found, exact = prediction.of_fresh_rows(wrong, "error", rows=10**7), interval.proportion(30, 300)
    none, all_of_them = (prediction.of_fresh_rows(np.full(100, v), "error", rows=50) for v in (0.0, 1.0))

    np.testing.assert_allclose([found.low, found.high], [exact.low, exact.high], atol=3e-4)
    assert (none.low, all_of_them.high) == (0.0, 1.0)
    assert none.high == pytest.approx(1 - all_of_them.low)
    assert 0.05 < none.high < 0.1


def test_it_is_wider_than_the_estimate_and_narrows():
    squares = np.random.default_rng(0).normal(size=300) ** 2
    now = interval.estimate(squares, "rmse")
    small, large = (prediction.of_fresh_rows(squares, "rmse", rows=rows) for rows in (50, 10**9))

    assert small.value == large.value == now.value
    assert small.low < now.low < now.high < small.high
    np.testing.assert_allclose([now.low, now.high], [large.low, large.high], rtol=1e-4)
