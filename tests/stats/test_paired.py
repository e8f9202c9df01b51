"""The paired gain: no false keeps, power, and the oracle of a plain paired t-test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions

from burnish import errors
from burnish.stats import paired

TRIALS = 250


def at_most(alpha: float) -> float:
    """A rate of `alpha` exceeds this in one of 10,000 simulations."""
    return float(distributions.binom.ppf(1 - 1e-4, TRIALS, alpha)) / TRIALS


def noise(rng: np.random.Generator, seeds: int, rows: int, scale: tuple[float, float, float]) -> np.ndarray:
    """Crossed noise of seeds, rows and both, shape (seeds, rows)."""
    seed, row, both = scale
    return seed * rng.normal(size=(seeds, 1)) + row * rng.normal(size=(1, rows)) + both * rng.normal(size=(seeds, rows))


@pytest.mark.parametrize("scale", [(1, 1, 1), (0, 1, 1), (0, 0, 1), (0.3, 1, 2), (0.1, 1, 0)])
@pytest.mark.parametrize("seeds", [3, 6])
def test_useless_treatments_are_not_kept(scale, seeds):
    """Whatever part of the noise dominates, false keeps stay at or below α."""
    rng = np.random.default_rng(0)
    kept = [paired.gain(noise(rng, seeds, 60, scale), np.zeros((seeds, 60))).positive for _ in range(TRIALS)]

    assert np.mean(kept) <= at_most(paired.ALPHA)


def test_useless_treatments_are_not_kept_at_a_small_alpha():
    """Where seeds dominate, pooled degrees of freedom would keep 2.3 % at α = 0.6 %."""
    rng = np.random.default_rng(1)
    alpha = 0.00625
    kept = [paired.gain(noise(rng, 3, 100, (1, 1, 1)), np.zeros((3, 100)), alpha=alpha).positive for _ in range(TRIALS)]

    assert np.mean(kept) <= at_most(alpha)


@pytest.mark.parametrize("statistic", ["rmse", "error"])
def test_another_seed_alone_is_no_gain(statistic):
    """Control and treatment of the same kind, on rows of unequal difficulty."""
    rng = np.random.default_rng(2)
    kept = 0
    for _ in range(TRIALS):
        if statistic == "error":
            hard = rng.beta(0.3, 1.2, size=80)
            control, treatment = (rng.random((4, 80)) < hard for _ in range(2))
        else:
            hard = rng.standard_t(4, size=80)
            control, treatment = ((hard + 0.5 * rng.normal(size=(4, 80))) ** 2 for _ in range(2))
        kept += paired.gain(control, treatment, statistic=statistic).positive

    assert kept / TRIALS <= at_most(paired.ALPHA)


def test_a_true_gain_is_found_and_measured():
    """A gain of three standard errors is mostly kept, and the interval holds it."""
    rng = np.random.default_rng(3)
    results = [paired.gain(0.5 + noise(rng, 6, 200, (0.1, 1, 1)), np.zeros((6, 200))) for _ in range(TRIALS)]

    assert np.mean([one.positive for one in results]) > 0.9
    assert np.mean([one.low <= 0.5 <= one.high for one in results]) >= 0.93


def test_one_seed_is_the_paired_t_test():
    control, treatment = np.random.default_rng(4).normal(size=(2, 50))
    ours = paired.gain(control, treatment)
    theirs = distributions.ttest_rel(control, treatment, alternative="greater")

    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.one_seed
    assert not paired.gain(np.ones((2, 5)), np.zeros((2, 5))).one_seed


def test_rmse_gain_is_in_the_targets_unit():
    """Errors of 3 and of 2 give a gain of 1."""
    rng = np.random.default_rng(5)
    signs = rng.normal(size=(5, 4000))
    found = paired.gain((3 * signs) ** 2, (2 * signs) ** 2, statistic="rmse")

    assert found.value == pytest.approx(1, abs=0.05)
    assert found.low > 0.9


def test_low_end_and_p_value_agree():
    rng = np.random.default_rng(6)
    for _ in range(50):
        found = paired.gain(0.3 + noise(rng, 4, 30, (0.2, 1, 1)), np.zeros((4, 30)), alpha=0.01)
        assert found.positive == (found.p_value < 0.01)


def test_swapping_the_two_mirrors_the_result():
    control, treatment = np.random.default_rng(7).normal(size=(2, 3, 20))
    one, other = paired.gain(control, treatment), paired.gain(treatment, control)

    np.testing.assert_allclose([one.value, one.low, one.high], [-other.value, -other.high, -other.low])
    assert one.p_value == pytest.approx(1 - other.p_value)


def test_groups_count_as_one():
    """Every row five times tells no more than every row once."""
    control, treatment = np.random.default_rng(8).normal(size=(2, 3, 40))
    plain = paired.gain(control, treatment)
    copied = paired.gain(
        np.repeat(control, 5, axis=1), np.repeat(treatment, 5, axis=1), groups=np.repeat(np.arange(40), 5)
    )

    np.testing.assert_allclose([plain.low, plain.high, plain.p_value], [copied.low, copied.high, copied.p_value])


def test_a_handful_of_rows_is_no_proof():
    """Three rows of 200 improved, none got worse: the exact test has p = 0.125."""
    control, treatment = np.zeros((6, 200)), np.zeros((6, 200))
    control[:, :3] = 1

    assert not paired.gain(control, treatment, statistic="error").positive


def test_certain_and_equal_results():
    """The same difference everywhere is certain; no difference is none."""
    assert paired.gain(np.full((2, 5), 2.0), np.ones((2, 5))).p_value == 0
    assert paired.gain(np.ones((2, 5)), np.full((2, 5), 2.0)).p_value == 1
    assert not paired.gain(np.ones((2, 5)), np.ones((2, 5))).positive


def test_detectable_size_is_found_with_the_power_it_states():
    rng = np.random.default_rng(9)
    size = np.mean(
        [paired.detectable(paired.gain(noise(rng, 6, 100, (0, 1, 1)), np.zeros((6, 100)))) for _ in range(50)]
    )
    found = [paired.gain(size + noise(rng, 6, 100, (0, 1, 1)), np.zeros((6, 100))).positive for _ in range(TRIALS)]

    assert 0.7 < np.mean(found) < 0.92


def test_where_it_is_hopeless_more_seeds_would_seldom_have_helped():
    """Rows whose noise no seed averages away are given up; a gain that more seeds show is not."""
    rng = np.random.default_rng(8)
    alpha = 1e-3
    given_up, found_then, found_though = [], [], []
    for gain in (0.1, 0.2, 0.4):
        for _ in range(TRIALS):
            all_seeds = gain + noise(rng, 30, 100, (0.5, 1, 1))
            early, late = (paired.gain(one, np.zeros_like(one), alpha=alpha) for one in (all_seeds[:6], all_seeds))
            given_up.append(early.hopeless(30, alpha=alpha))
            found_then.append(late.positive and not given_up[-1])
            found_though.append(late.positive and given_up[-1])

    assert np.mean(given_up) > 0.25
    assert np.sum(found_though) <= 0.1 * np.sum(given_up)
    assert np.sum(found_then) > 3 * np.sum(found_though)


@pytest.mark.parametrize(
    ("control", "treatment", "why"),
    [
        (np.zeros((2, 5)), np.zeros((3, 5)), "shape"),
        (np.zeros((2, 1)), np.zeros((2, 1)), "1 rows in 1 groups"),
        (np.array([[0.0, np.nan]]), np.zeros((1, 2)), "1 of 2 rows"),
    ],
)
def test_what_cannot_be_paired_is_refused(control, treatment, why):
    with pytest.raises(errors.DataError, match=why):
        paired.gain(control, treatment)


def test_group_labels_must_fit():
    with pytest.raises(errors.DataError, match="3 group labels were given for 5 rows"):
        paired.gain(np.zeros((2, 5)), np.zeros((2, 5)), groups=[1, 2, 3])
