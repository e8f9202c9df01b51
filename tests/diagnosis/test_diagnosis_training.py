"""What single training curves show, and that healthy ones are left alone."""

import numpy as np
import pytest

from burnish.diagnosis import training
from burnish.train.work import Curve, Ending

EPOCHS = np.arange(1.0, 61.0)


def curve(train, dev, *, rate=None, norm=None):
    epochs = EPOCHS[: len(dev)]
    return Curve(
        epochs,
        np.asarray(train, float),
        np.asarray(dev, float),
        np.ones(len(dev)) if norm is None else np.asarray(norm, float),
        np.full(len(dev), 1e-3) if rate is None else np.asarray(rate, float),
    )


def settled(epochs, *, start=1.0, floor=0.3, pace=6.0):
    return floor + start * np.exp(-epochs / pace)


def codes(found):
    return [finding.code for finding in found]


def test_a_settled_curve_is_left_alone():
    assert training.read(curve(settled(EPOCHS, floor=0.2), settled(EPOCHS)), Ending.COMPLETED) == ()


def test_divergence_is_a_fault_with_its_epoch():
    bad = curve([1.0, 5.0, np.nan], [1.0, 7.0, np.nan], norm=[1.0, 300.0, np.inf])
    [found] = training.read(bad, Ending.DIVERGED)

    assert found.code == "NU4"
    assert "epoch 3" in found.evidence
    assert "300" in found.evidence


def test_divergence_in_the_first_epoch_is_told_without_a_curve():
    [found] = training.read(curve([], []), Ending.DIVERGED)

    assert "the first epoch" in found.evidence


def test_a_cost_that_still_falls_at_the_end_asks_for_more_epochs():
    slow = settled(EPOCHS, pace=40.0, floor=0.1)

    assert "BV10" in codes(training.read(curve(slow, slow), Ending.COMPLETED))


def test_a_training_that_noise_has_stopped_was_stopped_too_early():
    """The trend still falls, and what came after the lowest cost is noise; not so where it has settled or risen."""
    noise = 0.01 * np.random.default_rng(0).normal(size=60)
    falling, settling = settled(EPOCHS, pace=40.0, floor=0.1) + noise, settled(EPOCHS) + noise
    lowest = np.where(EPOCHS == 57, -0.04, 0.0)
    risen = np.where(EPOCHS > 57, 0.2, 0.0)

    def stopped(dev):
        return codes(training.read(curve(falling, dev), Ending.STOPPED_EARLY))

    assert stopped(falling + lowest) == ["OP12"]
    assert stopped(settling + lowest) == []
    assert "OP12" not in stopped(falling + lowest + risen)
    assert "OP12" not in codes(training.read(curve(falling, falling + lowest), Ending.COMPLETED))


def test_a_straight_fall_suspects_a_low_learning_rate_too():
    straight = 2.0 - EPOCHS / 60

    assert codes(training.read(curve(straight, straight), Ending.COMPLETED)) == ["BV10", "OP2"]


def test_under_a_decaying_rate_the_fall_is_told_with_caution():
    slow = settled(EPOCHS, pace=40.0, floor=0.1)
    cosine = 1e-3 * 0.5 * (1 + np.cos(np.pi * EPOCHS / 60))
    [constant] = [f for f in training.read(curve(slow, slow), Ending.COMPLETED) if f.code == "BV10"]
    [decayed] = [f for f in training.read(curve(slow, slow, rate=cosine), Ending.COMPLETED) if f.code == "BV10"]

    assert "decay" not in constant.evidence
    assert "decay" in decayed.evidence


def test_a_fall_that_a_decaying_rate_hides_is_seen_by_the_way_gone():
    """A rate so low that nothing settles: under cosine decay the cost flattens all the same."""
    cosine = 1e-5 * 0.5 * (1 + np.cos(np.pi * EPOCHS / 60))
    flattening = 2.4 - 0.5 * np.cumsum(cosine) / np.sum(cosine)

    assert codes(training.read(curve(flattening, flattening, rate=cosine), Ending.COMPLETED)) == ["BV10", "OP2"]


def test_a_cost_that_stays_at_what_ignorance_costs_never_got_under_way():
    rng = np.random.default_rng(1)
    chance = 2.3 + 0.02 * rng.standard_normal(60)

    assert codes(training.read(curve(chance, chance), Ending.COMPLETED, uninformed=2.3)) == ["OP14"]
    assert training.read(curve(chance, chance), Ending.COMPLETED, uninformed=4.0) == ()


def test_a_late_fall_that_does_not_reach_the_earlier_best_asks_for_nothing():
    cosine = 0.1 * 0.5 * (1 + np.cos(np.pi * EPOCHS / 60))
    dev = np.where(EPOCHS <= 12, np.maximum(0.6 - 0.03 * EPOCHS, 0.3), 0.40 - 0.0016 * (EPOCHS - 12))
    fresh = np.where(EPOCHS <= 12, 0.5, dev)

    assert training.read(curve(settled(EPOCHS, floor=0.2), dev, rate=cosine), Ending.COMPLETED) == ()
    assert "BV10" in codes(training.read(curve(settled(EPOCHS, floor=0.2), fresh, rate=cosine), Ending.COMPLETED))


def test_a_training_that_was_stopped_early_is_not_told_to_go_on():
    slow = settled(EPOCHS, pace=40.0, floor=0.1)

    assert training.read(curve(slow, slow), Ending.STOPPED_EARLY) == ()


def test_a_dev_cost_that_turns_while_training_goes_on_falling_was_trained_too_long():
    dev = settled(EPOCHS) + 0.01 * np.maximum(EPOCHS - 20, 0)
    [found] = training.read(curve(settled(EPOCHS, floor=0.01, pace=15), dev), Ending.COMPLETED)

    assert found.code == "BV11"
    assert "were kept" in found.evidence


def test_one_bad_evaluation_at_the_end_is_no_turn():
    dev = settled(EPOCHS)
    dev[-1] = 2.0

    assert training.read(curve(settled(EPOCHS, floor=0.2), dev), Ending.COMPLETED) == ()


def test_a_training_cost_that_rises_suspects_a_high_learning_rate():
    up = settled(EPOCHS) + 0.02 * np.maximum(EPOCHS - 20, 0)

    assert codes(training.read(curve(up, up), Ending.COMPLETED)) == ["OP1"]


def test_a_short_curve_says_nothing():
    straight = np.linspace(2.0, 1.0, 8)

    assert training.read(curve(straight, straight), Ending.COMPLETED) == ()


def test_a_curve_with_holes_says_nothing():
    dev = settled(EPOCHS)
    dev[5] = np.nan

    assert training.read(curve(settled(EPOCHS), dev), Ending.COMPLETED) == ()


def test_a_cost_of_zero_is_no_reason_to_divide_by_it():
    zero = np.zeros(60)

    assert training.read(curve(zero, zero), Ending.COMPLETED) == ()


@pytest.mark.parametrize("noise", [0.002, 0.01, 0.03])
def test_healthy_noisy_curves_are_rarely_accused(noise):
    rng = np.random.default_rng(0)
    accused = 0
    for _ in range(100):
        train, dev = (settled(EPOCHS, floor=f) + noise * rng.standard_normal(60) for f in (0.3, 0.35))
        accused += bool(training.read(curve(train, dev), Ending.COMPLETED))

    assert accused <= 2
