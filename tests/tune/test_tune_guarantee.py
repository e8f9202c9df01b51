"""What a search promises, said without overstatement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from burnish.errors import DataError
from burnish.tune import guarantee


def test_sixty_draws_reach_the_top_five_percent_with_95_percent():
    """The known figure: 1 − 0.95^59 is the first above 0.95."""
    assert guarantee.probability(58) < 0.95 < guarantee.probability(59)
    assert guarantee.probability(0) == 0


def test_probability_is_what_simulated_draws_do():
    rng = np.random.default_rng(0)

    hit = np.mean(rng.random((20_000, 10)).min(axis=1) < 0.05)

    assert guarantee.probability(10) == pytest.approx(hit, abs=0.018)  # 5 standard errors


def test_statement_gives_the_probability_what_it_would_take_and_what_does_not_count():
    text = guarantee.statement(20)

    assert "20 independent random draws" in text
    assert "64.1 %" in text
    assert "top 5 %" in text
    assert "59 draws would make it 95 %" in text
    assert "stopped early" in text
    assert "nothing guarantees that the best architecture" in text


def test_statement_never_says_certain():
    text = guarantee.statement(100_000)

    assert "99.9 %" in text
    assert "100 %" not in text
    assert "would make it" not in text


def test_no_full_draw_guarantees_nothing():
    assert "nothing is guaranteed" in guarantee.statement(0)
    assert guarantee.statement(1).startswith("1 random draw was")


def test_rank_stability_agrees_with_the_normal_posterior_of_two_trials():
    """Two trials: P(the picked one is better) is Φ of the paired difference over its standard error."""
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 5, 400)  # what both trials find hard cancels
    losses = np.array([shared + rng.normal(0, 1, 400), shared + rng.normal(0.08, 1, 400)])
    difference = losses[1] - losses[0]
    expected = stats.norm.cdf(abs(difference.mean()) / (difference.std() / np.sqrt(400)))

    assert guarantee.rank_stability(losses, 0) == pytest.approx(expected, abs=0.03)


def test_trials_that_only_noise_tells_apart_are_not_stable_and_clear_ones_are():
    rng = np.random.default_rng(2)
    losses = rng.normal(size=(5, 300))

    assert guarantee.rank_stability(losses, 0) < 0.8
    assert guarantee.rank_stability(losses + np.array([[0], [9], [9], [9], [9]]), 0) == 1.0


def test_equal_trials_share_the_first_place():
    losses = np.tile(np.random.default_rng(3).random(50), (4, 1))

    assert guarantee.rank_stability(losses, 0) == pytest.approx(0.25)


def test_one_survivor_is_the_best_of_the_survivors():
    assert guarantee.rank_stability(np.ones((1, 10)), 0) == 1.0


@pytest.mark.parametrize("losses", [np.ones(5), np.ones((2, 0)), np.array([[1.0, np.nan]])])
def test_losses_that_cannot_be_ranked_are_refused(losses):
    with pytest.raises(DataError, match="one finite loss for each trial and row"):
        guarantee.rank_stability(losses, 0)
