"""E1 to E4: which settings matter, draws on their scales, what a search guarantees, many models at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from burnish import errors, techniques
from burnish.techniques import Choice, Log, OneMinusLog, OrZero, Tried, Uniform

SCALES = {
    "alpha": Log(1e-4, 1.0),
    "units": Uniform(50, 100, integer=True),
    "beta": OneMinusLog(0.9, 0.999),
    "activation": Choice(("relu", "tanh")),
    "decay": OrZero(Log(1e-3, 1.0), 0.3),
}


def drawn(name: str, n: int = 4_000, seed: int = 0) -> np.ndarray:
    return np.array([draw[name] for draw in techniques.random_search(SCALES, n, seed=seed)])


def even(counts: np.ndarray, shares: list[float]) -> bool:
    """Whether counts are those of these shares, by SciPy's χ² at one in ten thousand."""
    return stats.chisquare(counts, np.array(shares) * counts.sum()).pvalue > 1e-4


def test_log_gives_each_decade_a_quarter_where_uniform_puts_nine_tenths_above_a_tenth():
    decades = np.histogram(np.log10(drawn("alpha")), [-4, -3, -2, -1, 0])[0]
    rng = np.random.default_rng(0)
    uniform = np.array([Uniform(1e-4, 1.0).sample(rng) for _ in range(4_000)])

    assert even(decades, [0.25] * 4)
    assert np.mean(uniform > 0.1) == pytest.approx(0.9, abs=0.02)


@settings(derandomize=True, max_examples=20, deadline=None)
@given(low=st.integers(-8, 2), decades=st.integers(2, 6), seed=st.integers(0, 100))
def test_log_samples_are_uniform_per_decade_wherever_the_scale_lies(low, decades, seed):
    rng = np.random.default_rng(seed)
    draws = [Log(10.0**low, 10.0 ** (low + decades)).sample(rng) for _ in range(1_500)]
    counts = np.histogram(np.log10(draws), np.arange(low, low + decades + 1))[0]

    assert counts.sum() == 1_500
    assert even(counts, [1 / decades] * decades)


def test_beta_is_drawn_by_its_distance_from_one():
    """Half between 0.9 and 0.99, half between 0.99 and 0.999: 1 − β is log-uniform, as SciPy's distribution is."""
    beta = drawn("beta")

    assert stats.kstest(1 - beta, stats.loguniform(0.001, 0.1).cdf).pvalue > 1e-4
    assert np.mean(beta < 0.99) == pytest.approx(0.5, abs=0.03)


def test_counts_reach_both_ends_alike_and_zeros_and_choices_have_their_shares():
    units, decay = drawn("units"), drawn("decay")

    assert set(units) == set(range(50, 101))
    assert even(np.bincount(units - 50), [1 / 51] * 51)
    assert np.mean(decay == 0) == pytest.approx(0.3, abs=0.03)
    assert np.mean(drawn("activation") == "relu") == pytest.approx(0.5, abs=0.03)


def test_draws_are_independent_and_do_not_depend_on_how_many_are_asked_for():
    many = techniques.random_search(SCALES, 20, seed=3)
    ranks = stats.spearmanr(
        np.array([[d["alpha"], d["units"], d["beta"]] for d in techniques.random_search(SCALES, 2_000)])
    )

    assert many[:5] == techniques.random_search(SCALES, 5, seed=3)
    assert many[5:] == techniques.random_search(SCALES, 15, seed=3, first=5)
    assert many != techniques.random_search(SCALES, 20, seed=4)
    np.testing.assert_allclose(ranks.statistic, np.eye(3), atol=0.1)


def test_a_grid_of_25_tries_5_values_of_each_of_two_settings_where_random_search_tries_25():
    two = {name: SCALES[name] for name in ("alpha", "beta")}
    grid, random = techniques.grid_search(two, 25), techniques.random_search(two, 25)

    for name in two:
        assert len({point[name] for point in grid}) == 5
        assert len({draw[name] for draw in random}) == 25
    np.testing.assert_allclose(sorted({p["alpha"] for p in grid}), 10 ** np.linspace(-3.6, -0.4, 5), rtol=1e-9)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(n=st.integers(0, 200))
def test_a_grid_has_no_more_points_than_asked_for_and_the_rest_at_the_middle(n):
    points = techniques.grid_search(SCALES, n)

    assert len(points) <= n
    assert len({tuple(point.values()) for point in points}) == len(points)
    assert all(set(point) == set(SCALES) for point in points)
    if n < 27:
        assert {point["beta"] for point in points} <= {SCALES["beta"].from_unit(0.5)}


def test_a_finer_round_is_drawn_around_the_best_and_settings_that_do_not_matter_stay_wide():
    draws = techniques.random_search(SCALES, 80)
    costs = [abs(np.log10(draw["alpha"]) + 2) for draw in draws]
    finer = techniques.coarse_to_fine(SCALES, draws, costs)

    assert 1e-3 < finer["alpha"].low < 1e-2 < finer["alpha"].high < 1e-1
    assert finer["units"].high - finer["units"].low > 40
    assert techniques.coarse_to_fine(SCALES, draws[:3], costs[:3]) == SCALES
    with pytest.raises(errors.ConfigError):
        techniques.coarse_to_fine(SCALES, draws, costs[:3])


def test_burnishs_own_space_is_searched_by_the_same_names():
    """Draws are configurations then; α is drawn log-uniformly, and the finer space lies around the best."""
    space = techniques.search_space("classification", 5_000, numbers=10)
    draws = techniques.random_search(space, 300, seed=1)
    rates = np.array([draw.learning_rate for draw in draws])
    costs = np.abs(np.log10(rates) + 3)
    finer = techniques.coarse_to_fine(space, draws, costs)
    low, high = space.scales["learning_rate"].low, space.scales["learning_rate"].high

    assert stats.kstest(rates, stats.loguniform(low, high).cdf).pvalue > 1e-4
    assert {draw.batch_size for draw in draws} == {64, 128, 256, 512}
    assert low < finer.scales["learning_rate"].low < 1e-3 < finer.scales["learning_rate"].high < high
    assert len({point.learning_rate for point in techniques.grid_search(space, 25)}) == 5
    assert techniques.importance(space, draws[:60], costs[:60]).settings[0].name == "learning_rate"


@pytest.mark.parametrize(("n", "top"), [(1, 0.05), (10, 0.1), (60, 0.05)])
def test_a_search_guarantees_what_simulated_draws_do(n, top):
    chance, words = techniques.search_guarantee(n, top)
    simulated = np.mean(np.random.default_rng(0).random((20_000, n)).min(axis=1) < top)

    assert chance == pytest.approx(1 - (1 - top) ** n)
    assert chance == pytest.approx(simulated, abs=0.015)
    assert f"top {100 * top:g} %" in words
    assert "nothing guarantees that the best architecture" in words


def test_the_setting_that_decides_the_cost_is_the_most_important():
    """Costs u² of one setting and a little of another, by their places on their scales: shares of the variances."""
    draws = techniques.random_search(SCALES, 150)
    place = {n: np.array([SCALES[n].to_unit(d[n]) for d in draws]) for n in ("alpha", "beta")}
    found = techniques.importance(SCALES, draws, 2 * place["alpha"] + place["beta"])
    share = {setting.name: setting.share for setting in found.settings}

    assert [setting.name for setting in found.settings[:2]] == ["alpha", "beta"]
    assert share["alpha"].low - 0.05 <= 0.8 <= share["alpha"].high + 0.05  # 4 parts of 5
    assert share["units"].value < 0.05
    assert "too few" in techniques.importance(SCALES, draws[:10], np.ones(10)).reason
    assert "too few" in techniques.importance(SCALES, [], []).reason


def test_the_smallest_network_within_noise_of_the_best_is_named():
    rng = np.random.default_rng(0)
    noise = rng.chisquare(1, 400)
    tried = [
        Tried(1, 16, 200, 1.5 * noise),
        Tried(2, 32, 2_000, np.abs(noise + rng.normal(0, 0.02, 400))),
        Tried(3, 64, 9_000, 0.999 * noise),
    ]
    table = techniques.hidden_layer_table(tried, "rmse")

    assert (table.best.depth, table.smallest.depth) == (3, 2)
    assert [cell.within_noise for cell in table.cells] == [False, True, True]
    assert table.best.error.value == pytest.approx(np.sqrt(np.mean(0.999 * noise)))
    assert techniques.hidden_layer_table([], "rmse") is None


def test_a_population_is_thinned_as_planned_and_its_best_comes_through():
    """27 trials whose order shows from the first rung on: the best three come through, for a quarter of the epochs."""
    rungs = techniques.halving_plan(27, 90)
    alive, spent = {f"t{n:02d}": float(n) for n in range(27)}, 0
    trained = dict.fromkeys(alive, 0)
    for rung, after in zip(rungs, [*rungs[1:], None], strict=True):
        assert len(alive) == rung.trials
        spent += sum(rung.epochs - trained[name] for name in alive)
        trained |= dict.fromkeys(alive, rung.epochs)
        if after is not None:
            alive = {name: alive[name] for name in techniques.survivors(alive, after.trials)}

    assert sorted(alive) == ["t00", "t01", "t02"]
    assert {trained[name] for name in alive} == {90}
    assert spent == 630 < 27 * 90 / 3
