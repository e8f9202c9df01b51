"""The report's error budgets: what is delivered, with its test rows, adds up and says what choosing did."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from burnish.diagnosis import budget
from burnish.report.summary import Delivered
from burnish.stats.interval import Interval, proportion
from burnish.workflow import budgeting

PROBLEM = SimpleNamespace(task="classification")
FLOOR = budget.Floor(0.0, 0.15, "No baseline error was given.")


def verdict(train: float = 0.05, dev: float = 0.12, floor: budget.Floor = FLOOR) -> SimpleNamespace:
    errors = budget.Errors("misclassification rate", proportion(2_000 * train, 2_000), proportion(500 * dev, 500))
    made = budget.error_budget(errors, floor, practical=budget.practical_size(dev))
    return SimpleNamespace(errors=errors, budget=made, findings=())


def finished(*, raw: float, promised: float, test: float | None = None, what: str = "network") -> SimpleNamespace:
    judged = SimpleNamespace(
        train=proportion(40, 2_000),
        train_dev=None,
        dev_raw=proportion(500 * raw, 500),
        dev=Interval(promised, promised - 0.02, promised + 0.02),
        test=None if test is None else proportion(1_000 * test, 1_000),
    )
    return SimpleNamespace(judged=judged, delivered=Delivered(what))


def test_the_parts_add_up_from_the_floor_to_the_test_error():
    told, _ = budgeting.of_delivered(
        PROBLEM, finished(raw=0.10, promised=0.11, test=0.12), verdict(), baseline_error=None
    )

    assert [gap.name for gap in told.gaps] == ["avoidable bias", "variance", "dev overfitting"]
    assert told.floor.value + sum(gap.gap.value for gap in told.gaps) == pytest.approx(0.12)
    assert sum(gap.largest for gap in told.gaps) == pytest.approx(1)


def test_a_test_error_surely_above_the_dev_error_is_a_finding_of_its_own():
    sure = budgeting.of_delivered(PROBLEM, finished(raw=0.05, promised=0.06, test=0.15), verdict(), baseline_error=None)
    unsure = budgeting.of_delivered(
        PROBLEM, finished(raw=0.10, promised=0.11, test=0.11), verdict(), baseline_error=None
    )
    without = budgeting.of_delivered(PROBLEM, finished(raw=0.10, promised=0.11), verdict(), baseline_error=None)

    assert [finding.code for finding in sure[1]] == ["BV5"]
    assert unsure[1] == without[1] == ()
    assert len(without[0].gaps) == 2


@pytest.mark.parametrize(
    ("raw", "promised", "words"),
    [
        (0.10, 0.10001, "did not change the dev error: raw 10.0 %, corrected 10.0 %."),
        (0.10, 0.12, "look better than it is: raw 10.0 %, corrected 12.0 %."),
        (0.12, 0.10, "Averaging takes off more"),
        (0.10, 0.10, "did not change"),
    ],
)
def test_the_raw_dev_error_is_told_beside_the_corrected_one(raw, promised, words):
    told, _ = budgeting.of_delivered(PROBLEM, finished(raw=raw, promised=promised), verdict(), baseline_error=None)

    assert words in told.verdict


def test_nothing_is_said_of_choosing_where_a_simple_model_is_delivered():
    simple = finished(raw=0.12, promised=0.11, what="linear")
    told, _ = budgeting.of_delivered(PROBLEM, simple, verdict(), baseline_error=None)

    assert "hoosing" not in told.verdict
    assert "network" not in told.verdict
    assert told.verdict.startswith("It has high variance. ")
    assert "Averaging its fits lowers the dev error: raw 12.0 %, corrected 11.0 %." in told.verdict


def test_what_is_promised_lowers_the_floors_upper_end_unless_it_was_given():
    better = finished(raw=0.12, promised=0.13)
    open_floor, _ = budgeting.of_delivered(PROBLEM, better, verdict(), baseline_error=None)
    given, _ = budgeting.of_delivered(
        PROBLEM, better, verdict(floor=budget.Floor(0.14, 0.14, "Given.")), baseline_error=0.14
    )

    assert (open_floor.floor.low, open_floor.floor.high) == (0.0, pytest.approx(0.15))
    assert (given.floor.low, given.floor.high) == (0.14, 0.14)


@pytest.mark.parametrize("known", [False, True])
def test_people_are_no_floor_for_a_model_that_is_surely_better(known):
    """The human level on Fashion-MNIST, 16.5 %, and 9 % promised; whether or not the first network was better too."""
    human = budget.floor(0.165, {"the network": proportion(500 * (0.09 if known else 0.165), 500)})
    told, _ = budgeting.of_delivered(
        PROBLEM, finished(raw=0.09, promised=0.09, test=0.09), verdict(floor=human), baseline_error=0.165
    )

    assert human.surpassed is known
    assert told.floor.low == 0.0
    assert told.floor.high == pytest.approx(0.11)
    assert "0.165, is not the lowest possible" in told.floor_reason
    assert "near the floor" not in told.verdict


def test_a_part_that_is_very_likely_the_largest_is_named():
    told = budgeting.of_networks(one := verdict(train=0.001, dev=0.3, floor=budget.Floor(0.0, 0.0, "Given.")), one)

    assert len(told) == 1
    assert told[0].verdict == "Nothing found. Most likely the largest part: variance (100 %)."


def test_the_network_after_the_recipe_has_a_budget_of_its_own():
    made = budgeting.of_networks(verdict(), verdict(train=0.02, dev=0.10))

    assert [one.of for one in made] == ["the first network", "the network after the recipe"]
    assert made[1].floor.value == pytest.approx(0.02)  # the train error lies inside the range: no bias
