"""Successive halving keeps the best, at the price that it says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish.errors import ConfigError
from burnish.tune import halving
from burnish.tune.halving import Rung


def test_each_rung_keeps_a_third_and_trains_three_times_as_long():
    assert halving.plan(27, 90) == (Rung(27, 10), Rung(9, 30), Rung(3, 90))


def test_few_trials_or_epochs_get_few_rungs():
    assert halving.plan(2, 90) == (Rung(2, 90),)
    assert halving.plan(4, 90) == (Rung(4, 30), Rung(2, 90))
    assert halving.plan(27, 2) == (Rung(27, 2),)


@settings(derandomize=True, max_examples=100)
@given(trials=st.integers(1, 1000), epochs=st.integers(1, 1000), eta=st.integers(2, 5), rungs=st.integers(1, 6))
def test_every_plan_ends_with_full_training_and_costs_no_more_than_without_it(trials, epochs, eta, rungs):
    steps = halving.plan(trials, epochs, eta=eta, rungs=rungs)

    assert steps[0].trials == trials
    assert steps[-1].epochs == epochs
    assert 1 <= len(steps) <= rungs
    assert [step.trials for step in steps] == sorted({step.trials for step in steps}, reverse=True)
    assert [step.epochs for step in steps] == sorted({step.epochs for step in steps})
    assert halving.cost(steps) <= trials * epochs


def test_cost_counts_each_epoch_once():
    """27 up to epoch 10, 9 of them on to 30, 3 of them on to 90: 270 + 180 + 180 epochs."""
    assert halving.cost(halving.plan(27, 90)) == 630


def test_survivors_are_in_order_with_ties_by_id_and_without_the_diverged():
    scores = {"t3": 0.5, "t1": 0.5, "t2": 0.4, "t4": math.nan, "t5": math.inf, "t6": 0.9}

    assert halving.survivors(scores, 3) == ("t2", "t1", "t3")
    assert halving.survivors(dict(reversed(scores.items())), 3) == ("t2", "t1", "t3")
    assert halving.survivors(scores, 6) == ("t2", "t1", "t3", "t6")


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"epochs": 0}, {"eta": 1}, {"rungs": 0}])
def test_impossible_plan_is_refused(wrong):
    with pytest.raises(ConfigError, match="cannot be planned"):
        halving.plan(**{"trials": 3, "epochs": 3} | wrong)
