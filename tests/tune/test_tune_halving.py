"""Successive halving keeps the best, at the price that it says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnish.errors import ConfigError
from burnish.tune import halving
from burnish.tune.halving import Rung


def test_each_rung_keeps_a_third_and_trains_three_times_as_long():
    assert halving.plan(27) == (Rung(27, 1 / 9), Rung(9, 1 / 3), Rung(3, 1.0))


def test_few_trials_get_few_rungs():
    assert halving.plan(2) == (Rung(2, 1.0),)
    assert halving.plan(4) == (Rung(4, 1 / 3), Rung(2, 1.0))


@given(n=st.integers(1, 1000), eta=st.integers(2, 5), rungs=st.integers(1, 6))
def test_every_plan_ends_with_full_training_and_costs_no_more_than_without_it(n, eta, rungs):
    steps = halving.plan(n, eta=eta, rungs=rungs)

    assert steps[0].survivors == n
    assert steps[-1].fraction == 1.0
    assert len(steps) <= rungs
    assert [step.survivors for step in steps] == sorted((step.survivors for step in steps), reverse=True)
    assert steps[-1].survivors >= 1
    assert halving.cost(steps) <= n + 1e-9


def test_cost_counts_each_epoch_once():
    """27 to a ninth, 9 of them on to a third, 3 of them on to the end: 3 + 2 + 2 trainings."""
    assert halving.cost(halving.plan(27)) == pytest.approx(7.0)


def test_rung_ends_at_a_whole_epoch():
    assert Rung(9, 1 / 9).until(90) == 10
    assert Rung(9, 1 / 9).until(100) == 12
    assert Rung(9, 1 / 9).until(1) == 1
    assert Rung(9, 1.0).until(100) == 100


def test_survivors_are_in_order_with_ties_by_id_and_without_the_diverged():
    scores = {"t3": 0.5, "t1": 0.5, "t2": 0.4, "t4": math.nan, "t5": math.inf, "t6": 0.9}

    assert halving.survivors(scores, 3) == ("t2", "t1", "t3")
    assert halving.survivors(dict(reversed(scores.items())), 3) == ("t2", "t1", "t3")
    assert halving.survivors(scores, 6) == ("t2", "t1", "t3", "t6")


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 3, "eta": 1}, {"n": 3, "rungs": 0}])
def test_impossible_plan_is_refused(wrong):
    with pytest.raises(ConfigError, match="cannot be planned"):
        halving.plan(**wrong)
