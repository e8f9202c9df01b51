"""Rows that belong together, and rows that weigh more: what they are worth, and intervals that hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions

from burnish import errors
from burnish.stats import design, interval, prediction

TRIALS = 400
# A true coverage of 0.95 falls below this in one of 10,000 such simulations; of 0.92, where heavy tails of few groups
# take some of it, in as many.
COVERED, NEARLY = (distributions.binom.ppf(1e-4, TRIALS, share) / TRIALS for share in (0.95, 0.92))
# Coverage that a simulation of as many trials tells from 0.95.
TOO_LITTLE = 0.88


def sizes(kind: str, groups: int, rng: np.random.Generator) -> np.ndarray:
    """Ten rows for each group, or a lognormal number (one to some hundreds)."""
    if kind == "equal":
        return np.full(groups, 10)
    return np.maximum(1, np.round(rng.lognormal(1.8, 0.9, groups))).astype(int)


def wrong_rows(rng: np.random.Generator, kind: str, groups: int, *, rate: float, correlation: float):
    """Beta-binomial errors: rows of a group are wrong together, the more the higher the correlation."""
    ids = np.repeat(np.arange(groups), sizes(kind, groups, rng))
    odds = 1 / correlation - 1
    chance = rng.beta(rate * odds, (1 - rate) * odds, groups) if odds else rng.random(groups) < rate
    return (rng.random(len(ids)) < chance[ids]).astype(float), ids


def misses(rng: np.random.Generator, kind: str, groups: int, *, shared: float):
    """Squared errors of which a part is the group's."""
    ids = np.repeat(np.arange(groups), sizes(kind, groups, rng))
    return (rng.normal(size=len(ids)) + shared * rng.normal(size=groups)[ids]) ** 2, ids


def coverage(make, truth: float) -> np.ndarray:
    """Share of simulated intervals that hold the truth, of each that `make` gives."""
    rng = np.random.default_rng(0)
    return np.mean([[one.low <= truth <= one.high for one in make(rng)] for _ in range(TRIALS)], axis=0)


@pytest.mark.parametrize("kind", ["equal", "unequal"])
@pytest.mark.parametrize("rate", [0.2, 0.05])
@pytest.mark.parametrize("correlation", [0.1, 0.4, 1.0])
def test_an_error_rate_of_correlated_groups_is_covered(kind, rate, correlation):
    """A hundred groups: 0.92 to 0.98 of 0.95 hold the truth; without groups 0.33 to 0.88."""

    def both(rng: np.random.Generator):
        wrong, ids = wrong_rows(rng, kind, 100, rate=rate, correlation=correlation)
        return interval.estimate(wrong, "error", groups=ids), interval.estimate(wrong, "error")

    held, naive = coverage(both, rate)
    assert held >= (NEARLY if kind == "unequal" else COVERED)
    assert naive < TOO_LITTLE


@pytest.mark.parametrize(("kind", "least"), [("equal", COVERED), ("unequal", NEARLY)])
@pytest.mark.parametrize("shared", [0.7, 2.0])
def test_an_rmse_of_correlated_groups_is_covered(kind, least, shared):
    """A hundred groups that miss together: 0.94 to 0.96; without groups 0.39 to 0.86."""

    def both(rng: np.random.Generator):
        squares, ids = misses(rng, kind, 100, shared=shared)
        return interval.rmse(squares, groups=ids), interval.rmse(squares)

    held, naive = coverage(both, np.sqrt(1 + shared**2))
    assert held >= least
    assert naive < TOO_LITTLE


@pytest.mark.parametrize("groups", [10, 30])
def test_few_groups_are_enough_for_an_honest_interval(groups):
    """Of ten groups, degrees of freedom count more than of a hundred rows."""

    def all_kinds(rng: np.random.Generator):
        wrong, ids = wrong_rows(rng, "equal", groups, rate=0.3, correlation=0.4)
        return interval.estimate(wrong, "error", groups=ids), interval.mean(wrong, groups=ids), interval.mean(wrong)

    rate, mean, naive = coverage(all_kinds, 0.3)
    assert rate >= COVERED
    assert mean >= NEARLY
    assert naive < 0.75


@pytest.mark.parametrize("heavy", [0.05, 0.5])
def test_errors_that_go_with_the_weight_are_covered(heavy):
    """One row in five weighs twenty times as much, and is wrong more often or less often than the others."""
    rates = np.array([0.5 if heavy == 0.05 else 0.05, heavy])
    truth = (0.8 * rates[0] + 0.2 * 20 * rates[1]) / (0.8 + 0.2 * 20)

    def weighted(rng: np.random.Generator):
        weighty = (rng.random(300) < 0.2).astype(int)
        wrong = (rng.random(300) < rates[weighty]).astype(float)
        return interval.weighted_proportion(wrong, np.where(weighty, 20.0, 1.0)), interval.estimate(wrong, "error")

    held, naive = coverage(weighted, truth)
    assert held >= COVERED
    assert naive < TOO_LITTLE


def test_squared_errors_that_go_with_the_weight_are_covered():
    """Rows that weigh more miss by more: the effective number of rows (Kish 1965) knows nothing of that."""

    def weighted(rng: np.random.Generator):
        weights = rng.uniform(0.2, 2.0, 200)
        squares = rng.normal(size=200) ** 2 * weights**2
        return interval.rmse(squares, weights=weights), interval.rmse(squares)

    powers = [(2.0 ** (k + 1) - 0.2 ** (k + 1)) / (k + 1) for k in (1, 3)]
    held, naive = coverage(weighted, np.sqrt(powers[1] / powers[0]))
    assert held >= COVERED
    assert naive < TOO_LITTLE


@pytest.mark.parametrize(("spread", "rows"), [(0.7, 50), (0.7, 200), (1.3, 200)])
def test_weights_that_mean_nothing_cost_rows_and_no_honesty(spread, rows):
    """Lognormal weights that have nothing to do with the errors."""

    def weighted(rng: np.random.Generator):
        weights = rng.lognormal(0, spread, rows)
        squares, wrong = rng.normal(size=rows) ** 2, (rng.random(rows) < 0.3).astype(float)
        return interval.rmse(squares, weights=weights), interval.weighted_proportion(wrong, weights)

    rng = np.random.default_rng(0)
    held = np.mean(
        [[a.low <= 1 <= a.high, b.low <= 0.3 <= b.high] for a, b in (weighted(rng) for _ in range(TRIALS))], axis=0
    )
    assert (held >= COVERED).all()


@pytest.mark.parametrize("statistic", ["rmse", "error"])
@pytest.mark.parametrize(("groups", "fresh"), [(50, 12), (25, 100)])
def test_the_error_of_a_fresh_set_of_groups_is_foretold(statistic, groups, fresh):
    """Few fresh groups differ by chance more than as many rows would: known from the groups at hand."""
    rng = np.random.default_rng(0)
    held, naive = 0, 0
    for _ in range(TRIALS):
        if statistic == "rmse":
            (now, ids), (then, others) = (misses(rng, "unequal", count, shared=2.0) for count in (groups, fresh))
        else:
            (now, ids), (then, others) = (
                wrong_rows(rng, "unequal", count, rate=0.2, correlation=0.4) for count in (groups, fresh)
            )
        found = design.of(len(then), None, others)
        seen = interval.estimate(then, statistic).value
        foretold = prediction.of_fresh_rows(now, statistic, rows=len(then), groups=ids, clumping=found.clumping)
        alone = prediction.of_fresh_rows(now, statistic, rows=len(then))
        held += foretold.low <= seen <= foretold.high
        naive += alone.low <= seen <= alone.high

    assert held / TRIALS >= COVERED
    assert naive / TRIALS < 0.75


@pytest.mark.parametrize("statistic", ["rmse", "error", "mean"])
def test_a_group_of_its_own_for_each_row_changes_nothing(statistic):
    """Whatever the labels; nor do weights that are all alike."""
    losses = (np.random.default_rng(0).random(200) < 0.3).astype(float)
    labels, alike = np.random.default_rng(1).permutation(200), np.full(200, 3.0)
    pairs = [
        (interval.estimate(losses, statistic), interval.estimate(losses, statistic, groups=labels)),
        (interval.estimate(losses, statistic), interval.estimate(losses, statistic, weights=alike)),
    ]
    pairs += [
        tuple(prediction.of_fresh_rows(losses, statistic, rows=70, groups=groups) for groups in (None, labels)),
    ]

    for plain, found in pairs:
        np.testing.assert_allclose(
            [found.value, found.low, found.high], [plain.value, plain.low, plain.high], rtol=1e-12
        )


@pytest.mark.parametrize("statistic", ["rmse", "error", "mean"])
def test_copies_of_every_row_say_nothing_new(statistic):
    """Each row four times over is what it was once, to what degrees of freedom make of it."""
    losses = (np.random.default_rng(0).random(300) < 0.3).astype(float)
    once = interval.estimate(losses, statistic)
    copied = interval.estimate(np.repeat(losses, 4), statistic, groups=np.repeat(np.arange(300), 4))

    np.testing.assert_allclose([copied.low, copied.high], [once.low, once.high], rtol=0.02)


def test_one_group_alone_says_nothing_of_others():
    """The ends are as far out as they can be."""
    losses, one = np.array([0.0, 1.0, 0.0, 0.0]), np.zeros(4)

    assert interval.estimate(losses, "error", groups=one) == interval.Interval(0.25, 0.0, 1.0)
    assert interval.estimate(losses, "rmse", groups=one) == interval.Interval(0.5, 0.0, np.inf)
    assert interval.estimate(losses, "mean", groups=one) == interval.Interval(0.25, -np.inf, np.inf)
    assert prediction.of_fresh_rows(losses, "error", rows=9, groups=one) == interval.Interval(0.25, 0.0, 1.0)
    assert prediction.of_fresh_rows(losses, "rmse", rows=9, groups=one) == interval.Interval(0.5, 0.0, np.inf)


def test_no_wrong_row_of_few_groups_is_not_certain():
    """A hundred right rows of ten groups are ten right groups, as far as anyone knows."""
    none = interval.estimate(np.zeros(100), "error", groups=np.repeat(np.arange(10), 10))

    assert none.low == 0
    assert none.high >= interval.proportion(0, 10).high


def test_rows_of_no_weight_are_not_there():
    """Neither as rows nor as groups."""
    rng = np.random.default_rng(0)
    wrong, ids = wrong_rows(rng, "equal", 20, rate=0.3, correlation=0.4)
    there = ids < 15
    some = interval.estimate(wrong, "error", weights=there.astype(float), groups=ids)
    fewer = interval.estimate(wrong[there], "error", groups=ids[there])

    assert (some.value, some.low, some.high) == pytest.approx((fewer.value, fewer.low, fewer.high))


def test_the_variance_is_that_of_leaving_out_one_group_at_a_time():
    """The jackknife, done by hand."""
    rng = np.random.default_rng(0)
    values, weights, ids = rng.normal(size=60), rng.uniform(0.1, 3, 60), rng.integers(0, 7, 60)
    left = [np.average(values[ids != g], weights=weights[ids != g]) for g in range(7)]
    by_hand = np.sum((np.array(left) - np.average(values, weights=weights)) ** 2) * 6 / 7
    found = design.of(60, weights, ids)

    assert found.left_out(found.pulls(values)) == pytest.approx(np.average(values, weights=weights) - np.array(left))
    assert max(by_hand, 0.0) <= found.of_mean(values).variance * (1 + 1e-12)


def test_degrees_of_freedom_are_those_of_the_groups():
    """Of equal groups one less than there are; of one large among small ones next to none, if rows of a group agree."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(20), 5)
    equal = design.of(100, None, ids).of_mean(rng.normal(size=20)[ids])
    ids = np.repeat(np.arange(20), [500] + 19 * [2])
    unequal = design.of(len(ids), None, ids).of_mean(rng.normal(size=20)[ids])

    assert equal.degrees == pytest.approx(19)
    assert unequal.degrees < 1


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(errors.DataError, match="3 group labels do not fit 2 rows"):
        interval.estimate([1.0, 0.0], "error", groups=[1, 2, 3])
    with pytest.raises(errors.DataError, match="do not fit 2 rows"):
        interval.estimate([1.0, 0.0], "error", weights=[1.0, np.nan])
