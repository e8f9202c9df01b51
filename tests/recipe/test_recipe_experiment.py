"""Experiments: what is compared, how often the useless is kept and the useful found."""

import numpy as np
import pytest
from scipy import stats

from burnish.recipe import experiment
from burnish.recipe.remedies import REMEDIES

NAMES = tuple(remedy.name for remedy in REMEDIES)


def arm(rng, *, seeds, base, gain=0.0, seed_noise=0.02, residual=0.3):
    """Losses of one arm: heavy-tailed rows shared with the other arms, and the noise of this arm's own trainings."""
    noise = rng.normal(0, seed_noise, (seeds, 1)) + residual * rng.standard_t(4, (seeds, len(base))) * base
    return base * (1 - gain) + noise


def one_round(rng, number, *, candidates=8, rows=300, gains=()):
    """A whole round as the workflow runs it: screen with 2 seeds, confirm the finalists with 6."""
    base = rng.exponential(0.5, rows)
    control = arm(rng, seeds=experiment.CONFIRMING_SEEDS, base=base)
    full = {
        name: arm(rng, seeds=experiment.CONFIRMING_SEEDS, base=base, gain=gain)
        for name, gain in zip(NAMES, (*gains, *(0.0,) * (candidates - len(gains))), strict=False)
    }
    screened = {name: losses[: experiment.SCREENING_SEEDS] for name, losses in full.items()}
    finalists = experiment.screen(control, screened, limit=4, statistic="mean")
    treatments = {name: full[name] if name in finalists else screened[name] for name in full}
    return experiment.judge_all(control, treatments, round=number, statistic="mean", unit="nats")


def test_of_200_null_remedies_at_most_five_in_a_hundred_are_kept():
    """Another seed is no remedy: 25 rounds of 8, each a first round; 97.5 % of the rounds should keep nothing."""
    rng = np.random.default_rng(0)
    kept = sum(e.kept for _ in range(25) for e in one_round(rng, 1))

    assert kept <= 200 * 0.05
    assert stats.binomtest(kept, 25, 0.025, alternative="greater").pvalue > 0.01


def test_a_run_of_rounds_keeps_nothing_useless_19_times_in_20():
    """60 runs of three rounds against one control that goes on from round to round, as in the workflow."""
    rng = np.random.default_rng(1)
    spoiled = 0
    for _ in range(60):
        base = rng.exponential(0.5, 200)
        control = arm(rng, seeds=6, base=base)
        kept = False
        for number in (1, 2, 3):
            treatments = {name: arm(rng, seeds=6, base=base) for name in NAMES[6 * number - 6 : 6 * number]}
            judged = experiment.judge_all(control, treatments, round=number, statistic="mean", unit="nats")
            for winner in (e for e in judged if e.kept):
                kept, control = True, treatments[winner.remedy]
        spoiled += kept

    assert stats.binomtest(spoiled, 60, experiment.ALPHA, alternative="greater").pvalue > 0.01


def test_a_useless_remedy_alone_is_kept_no_more_often_than_its_alpha():
    """600 single experiments at 5 %, skewed rows and few seeds: the two-way variance errs towards caution."""
    rng = np.random.default_rng(2)
    kept = 0
    for _ in range(600):
        base = rng.exponential(0.5, 100)
        control, treatment = arm(rng, seeds=6, base=base), arm(rng, seeds=6, base=base)
        judged = experiment.judge("wider", control, treatment, alpha=0.05, statistic="mean", unit="nats")
        kept += judged.kept

    assert stats.binomtest(kept, 600, 0.05, alternative="greater").pvalue > 0.01


def test_real_gains_are_found_and_the_best_is_the_one_kept():
    rng = np.random.default_rng(3)
    winners = [
        next((e.remedy for e in one_round(rng, 1, rows=1000, gains=(0.02, 0.3, 0.05)) if e.kept), None)
        for _ in range(40)
    ]

    assert winners.count(NAMES[1]) >= 36


def test_a_harmful_remedy_is_not_kept():
    rng = np.random.default_rng(4)
    base = rng.exponential(0.5, 1000)
    found = experiment.judge(
        "wider",
        arm(rng, seeds=6, base=base),
        arm(rng, seeds=6, base=base, gain=-0.3),
        alpha=0.05,
        statistic="mean",
        unit="nats",
    )

    assert not found.kept
    assert found.high < 0


def test_at_most_one_is_kept_and_its_interval_lies_above_zero():
    rng = np.random.default_rng(5)
    judged = one_round(rng, 1, rows=2000, gains=(0.3, 0.35, 0.4))
    [winner] = [e for e in judged if e.kept]

    assert winner.low > 0
    assert winner.low == max(e.low for e in judged if e.pairs == 6)


def test_what_was_only_screened_is_never_kept_but_counts():
    rng = np.random.default_rng(6)
    base = rng.exponential(0.5, 2000)
    control = arm(rng, seeds=6, base=base, seed_noise=0.0)
    good = arm(rng, seeds=6, base=base, gain=0.3, seed_noise=0.0)
    [screened] = experiment.judge_all(control, {"wider": good[:2]}, round=1, statistic="mean", unit="nats")
    [alone] = experiment.judge_all(control, {"wider": good}, round=1, statistic="mean", unit="nats")
    among, _ = experiment.judge_all(
        control, {"wider": good, "deeper": control[:2]}, round=1, statistic="mean", unit="nats"
    )

    assert not screened.kept
    assert screened.pairs == 2
    assert alone.kept
    assert among.low < alone.low


def test_later_rounds_ask_for_more():
    rng = np.random.default_rng(7)
    base = rng.exponential(0.5, 500)
    control, good = arm(rng, seeds=6, base=base), arm(rng, seeds=6, base=base, gain=0.2)
    [first] = experiment.judge_all(control, {"wider": good}, round=1, statistic="mean", unit="nats")
    [third] = experiment.judge_all(control, {"wider": good}, round=3, statistic="mean", unit="nats")

    assert third.low < first.low
    assert third.p_value == first.p_value


def test_a_remedy_that_changes_nothing_is_not_kept():
    """Early stopping that never fires leaves equal losses: no noise, and no gain."""
    control = np.random.default_rng(8).exponential(1.0, (6, 50))
    [found] = experiment.judge_all(control, {"early-stopping": control}, round=1, statistic="mean", unit="nats")

    assert not found.kept
    assert found.gain == 0.0
    assert found.p_value >= 0.5


def test_a_round_without_candidates_has_no_verdicts():
    assert experiment.judge_all(np.ones((6, 5)), {}, round=1, statistic="mean", unit="nats") == ()


def test_regression_gains_are_differences_of_rmse():
    rng = np.random.default_rng(9)
    rows = rng.normal(0, 1, 400)
    control = np.square(4 * rows + 0.1 * rng.normal(0, 1, (6, 400)))
    treatment = np.square(3 * rows + 0.1 * rng.normal(0, 1, (6, 400)))
    [found] = experiment.judge_all(control, {"wider": treatment}, round=1, statistic="rmse", unit="MPa")

    assert found.kept
    assert found.gain == pytest.approx(np.sqrt(np.mean(rows**2)), rel=0.02)
    assert found.unit == "MPa"


def test_screening_drops_what_does_not_gain_and_ranks_the_rest():
    control = np.ones((6, 4)) + np.arange(4)
    treatments = {
        "wider": control[:2] - 0.1,
        "deeper": control[:2] - 0.3,
        "faster": control[:2],
        "slower": control[:2] + 1,
    }
    finalists = experiment.screen(control, treatments, limit=5, statistic="mean")

    assert finalists == ("deeper", "wider")
    assert experiment.screen(control, treatments, limit=1, statistic="mean") == ("deeper",)


def test_a_gain_that_is_provable_is_rarely_dropped_by_the_screening():
    rng = np.random.default_rng(10)
    dropped = 0
    for _ in range(200):
        base = rng.exponential(0.5, 500)
        control, good = arm(rng, seeds=2, base=base), arm(rng, seeds=2, base=base, gain=0.15)
        dropped += not experiment.screen(control, {"wider": good}, limit=1, statistic="mean")

    assert dropped <= 10


def test_each_seed_is_compared_with_the_average_of_the_others():
    predictions = np.array([[[1.0]], [[2.0]], [[6.0]]])

    np.testing.assert_allclose(experiment.averages_of_others(predictions)[:, 0, 0], [4.0, 3.5, 1.5])


def test_averaging_of_noisy_networks_is_judged_a_gain_and_of_equal_ones_is_not():
    rng = np.random.default_rng(11)
    truth = rng.normal(0, 1, 300)
    noisy = (truth + rng.normal(0, 1, (6, 300)))[..., None]
    equal = np.repeat((truth + rng.normal(0, 1, 300))[None, :, None], 6, axis=0)

    def kept(predictions):
        before = np.square(predictions[..., 0] - truth)
        after = np.square(experiment.averages_of_others(predictions)[..., 0] - truth)
        return experiment.judge("ensemble", before, after, alpha=0.01, statistic="rmse", unit="").kept

    assert kept(noisy)
    assert not kept(equal)
