"""The scales of E3, and what they promise together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnish.errors import ConfigError
from burnish.tune.scales import Choice, Log, OneMinusLog, OrZero, Uniform, window

SCALES = [
    Uniform(0.0, 0.5),
    Uniform(50, 100, integer=True),
    Log(1e-4, 1.0),
    Log(1, 1000, integer=True),
    OneMinusLog(0.9, 0.999),
    Choice(("relu", "gelu", "tanh"), (0.5, 0.3, 0.2)),
    Choice((32, 64, 128)),
    OrZero(Log(1e-4, 1.0), 0.4),
]


def draws(scale, n: int = 20_000) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([scale.sample(rng) for _ in range(n)])


def test_log_gives_each_decade_of_alpha_a_quarter_of_the_draws():
    """E3's figure for 0.0001 to 1."""
    values = draws(Log(1e-4, 1.0))

    counts, _ = np.histogram(values, bins=[1e-4, 1e-3, 1e-2, 1e-1, 1.0])

    np.testing.assert_allclose(counts / len(values), 0.25, atol=0.015)  # 5 standard errors


def test_uniform_puts_nine_tenths_of_the_draws_above_a_tenth():
    """E3's figure for what goes wrong on the wrong scale."""
    values = draws(Uniform(1e-4, 1.0))

    assert np.mean(values > 0.1) == pytest.approx(0.9, abs=0.011)


def test_beta_is_as_often_between_09_and_099_as_between_099_and_0999():
    values = draws(OneMinusLog(0.9, 0.999))

    assert np.mean(values < 0.99) == pytest.approx(0.5, abs=0.018)
    assert values.min() >= 0.9
    assert values.max() <= 0.999


def test_counts_reach_both_ends_alike():
    """50 to 100 units are 51 values, the ends no rarer than the middle."""
    values = draws(Uniform(50, 100, integer=True), 51_000)

    counts = np.bincount(values, minlength=101)[50:]

    assert counts.sum() == len(values)
    np.testing.assert_allclose(counts, 1000, atol=160)  # 5 standard errors


def test_zero_takes_exactly_its_share():
    values = draws(OrZero(Log(1e-4, 1.0), 0.4))

    assert np.mean(values == 0) == pytest.approx(0.4, abs=0.018)
    assert values[values > 0].min() >= 1e-4


def test_choice_follows_its_weights_and_never_takes_a_weight_of_zero():
    scale = Choice(("a", "b", "c"), (3.0, 1.0, 0.0))

    values = draws(scale)

    assert np.mean(values == "a") == pytest.approx(0.75, abs=0.016)
    assert scale.from_unit(1.0) == "b"


@pytest.mark.parametrize("scale", SCALES, ids=repr)
@given(unit=st.floats(0, 1))
def test_unit_coordinate_leads_back_to_the_same_value(scale, unit):
    """from_unit ∘ to_unit is the identity on values, to rounding."""
    value = scale.from_unit(unit)

    place = scale.to_unit(value)

    assert 0 <= place <= 1
    again = scale.from_unit(place)
    assert again == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_unit_coordinate_of_draws_is_in_order_of_the_uniform_number(scale):
    places = [scale.to_unit(scale.from_unit(unit)) for unit in np.linspace(0, 1, 101)]

    assert places == sorted(places)


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_narrowed_scale_draws_only_what_the_scale_held(scale):
    good = [scale.from_unit(unit) for unit in (0.55, 0.6, 0.62, 0.7)]
    rng = np.random.default_rng(1)

    fine = [scale.narrowed(good).sample(rng) for _ in range(3000)]

    assert all(scale.from_unit(scale.to_unit(value)) == pytest.approx(value) for value in fine if value != 0)
    assert set(good) <= set(fine) or isinstance(good[0], float)


def test_unimportant_setting_keeps_its_scale_and_an_important_one_shrinks():
    """Good values spread evenly say nothing; good values side by side say where to look."""
    spread = [1e-4 * 1e4 ** ((k + 0.5) / 8) for k in range(8)]
    together = [0.008, 0.009, 0.01, 0.011, 0.012, 0.013]

    wide = Log(1e-4, 1.0).narrowed(spread)
    narrow = Log(1e-4, 1.0).narrowed(together)

    assert (wide.low, wide.high) == (pytest.approx(1e-4), pytest.approx(1.0))
    assert 0.003 < narrow.low < 0.008
    assert 0.013 < narrow.high < 0.03


def test_window_is_unbiased_for_the_ends_of_a_uniform():
    rng = np.random.default_rng(2)

    ends = np.array([window(list(0.3 + 0.4 * rng.random(8))) for _ in range(4000)])

    np.testing.assert_allclose(ends.mean(axis=0), [0.3, 0.7], atol=0.005)


def test_narrowed_choice_rules_nothing_out():
    scale = Choice((32, 64, 128)).narrowed([64, 64, 128])

    assert scale.weights == pytest.approx((1 / 12, 7 / 12, 4 / 12))


def test_number_that_is_no_option_lies_at_the_nearest_one():
    scale = Choice((32, 64, 128))

    assert scale.to_unit(100) == scale.to_unit(128)
    assert Choice(("relu", "tanh")).to_unit("selu") == 0.5


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(1.0, 0.0),
        lambda: Uniform(0.5, 0.5),
        lambda: Uniform(0.0, float("inf")),
        lambda: Log(0.0, 1.0),
        lambda: OneMinusLog(0.9, 1.0),
        lambda: Choice(()),
        lambda: Choice(("a", "a")),
        lambda: Choice(("a", "b"), (1.0,)),
        lambda: Choice(("a", "b"), (0.0, 0.0)),
        lambda: OrZero(Log(1e-4, 1.0), 1.0),
    ],
)
def test_scale_that_cannot_be_drawn_from_is_refused_in_three_lines(make):
    with pytest.raises(ConfigError) as refused:
        make()

    assert len(str(refused.value).splitlines()) == 3
