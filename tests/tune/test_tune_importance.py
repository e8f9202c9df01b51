"""fANOVA gives each setting the share that it has, and declines where it cannot tell."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from burnish.tune import importance, sampler
from burnish.tune.scales import Log, OrZero, Uniform
from burnish.tune.space import Space

SPACE = Space(
    {
        "learning_rate": Log(1e-4, 1.0),
        "beta1": Uniform(0.5, 1.0),
        "weight_decay": OrZero(Log(1e-4, 1.0), 0.5),
        "input_noise": Uniform(0.0, 1.0),
    }
)


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch):
    """The ends of the intervals may be a little rougher here than in the product."""
    monkeypatch.setattr(importance, "RESAMPLES", 30)


def analysed(cost, n: int = 80, seed: int = 0):
    draws = sampler.random(SPACE, n, seed=seed)
    units = np.array([SPACE.units(draw) for draw in draws])
    return importance.importance(draws, [cost(unit) for unit in units], SPACE)


def test_setting_that_alone_matters_has_nearly_all_of_it():
    found = analysed(lambda unit: (unit[0] - 0.4) ** 2)

    assert found.settings[0].name == "learning_rate"
    assert found.settings[0].share.value > 0.85
    assert sum(item.share.value for item in found.settings[1:]) < 0.1
    assert found.predicted > 0.8


def test_shares_follow_the_variances_of_an_additive_cost():
    """Variances 4 : 1, so 0.8 and 0.2, and no interactions beyond what a forest makes up."""
    found = analysed(lambda unit: 2 * unit[0] + unit[1], n=150)

    shares = {item.name: item.share.value for item in found.settings}
    assert shares["learning_rate"] == pytest.approx(0.8, abs=0.08)
    assert shares["beta1"] == pytest.approx(0.2, abs=0.08)
    assert found.interactions is not None
    assert found.interactions.value < 0.1


def test_settings_that_matter_only_together_leave_a_remainder():
    found = analysed(lambda unit: float((unit[0] > 0.3) != (unit[1] > 0.7)) + 0.2 * unit[0], n=200)

    assert found.interactions is not None
    assert found.interactions.value > 0.4


def test_every_share_lies_inside_its_interval_and_they_add_up():
    found = analysed(lambda unit: unit[0] + unit[1] * unit[2], n=60)

    parts = [*(item.share for item in found.settings), found.interactions]
    assert all(0 <= part.low <= part.value <= part.high <= 1 for part in parts)
    assert sum(part.value for part in parts) == pytest.approx(1.0)
    assert [item.share.value for item in found.settings] == sorted(
        (item.share.value for item in found.settings), reverse=True
    )


def test_interval_says_which_of_two_settings_is_beyond_doubt():
    found = analysed(lambda unit: 3 * unit[0] + unit[1])
    shares = {item.name: item.share for item in found.settings}

    assert shares["learning_rate"].low > shares["beta1"].high


def test_main_effects_equal_the_plain_definition():
    """Oracle: the tree predicted on the full product of the draws' values, averaged over all settings but one."""
    rng = np.random.default_rng(5)
    units = rng.random((9, 3))
    units[:4, 2] = 0.25  # ties, as a share of exact zeros makes them
    costs = units[:, 0] + units[:, 1] * units[:, 2] + rng.normal(0, 0.1, 9)
    tree = DecisionTreeRegressor(random_state=0).fit(units, costs)
    everywhere = tree.predict(np.array(list(itertools.product(*units.T)))).reshape(9, 9, 9)

    found = importance.main_effects(tree.tree_, importance._Measure.of(units))

    others = [(1, 2), (0, 2), (0, 1)]
    expected = [everywhere.mean(axis=axes).var() / everywhere.var() for axes in others]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_too_few_draws_are_declined_with_the_number_it_takes():
    found = analysed(lambda unit: unit[0], n=importance.MIN_DRAWS - 1)

    assert found.settings == ()
    assert f"takes {importance.MIN_DRAWS}" in found.reason


@pytest.mark.parametrize("seed", range(3))
def test_pure_noise_is_declined(seed):
    rng = np.random.default_rng(seed)

    found = analysed(lambda unit: rng.normal(), seed=seed)

    assert found.settings == ()
    assert "mostly noise" in found.reason


def test_equal_costs_are_declined():
    assert "same dev cost" in analysed(lambda unit: 1.0).reason


def test_one_exploded_trial_is_not_all_the_variance_there_is():
    """Costs of 1e30 and NaN at the top of the α scale count as bad, not as everything."""
    calm = analysed(lambda unit: unit[1] + 0.5 * unit[0])
    wild = analysed(lambda unit: [math.nan, 1e30][int(unit[2] > 0.5)] if unit[0] > 0.97 else unit[1] + 0.5 * unit[0])

    assert calm.settings[0].name == wild.settings[0].name == "beta1"


def test_same_draws_give_the_same_answer():
    assert analysed(lambda unit: unit[0] + unit[2], n=40) == analysed(lambda unit: unit[0] + unit[2], n=40)
