"""Verdicts on bias and variance: the classic cases, the two gates, and how often a healthy network is accused."""

import numpy as np
import pytest

from burnish.diagnosis import bias_variance, budget
from burnish.diagnosis.finding import Severity
from burnish.stats import interval


def codes(findings):
    return [finding.code for finding in findings]


def limits(findings):
    return [finding.code for finding in findings if finding.severity is Severity.LIMIT]


def point(value, half_width):
    return interval.Interval(value, value - half_width, value + half_width)


def budget_of(train, dev, *, floor=(0.0, 0.0), width=0.005, **others):
    errors = budget.Errors("misclassification rate", point(train, width), point(dev, width), **others)
    return budget.error_budget(errors, budget.Floor(*floor, "Given."), practical=budget.practical_size(dev))


def verdict_from_counts(train_error, train_rows, *, dev_error, dev_rows, baseline_error=0.0):
    """The verdict from four numbers and the baseline error; error rates in 0..1."""
    errors = budget.Errors(
        "misclassification rate",
        train=interval.proportion(train_error * train_rows, train_rows, level=budget.LEVEL),
        dev=interval.proportion(dev_error * dev_rows, dev_rows, level=budget.LEVEL),
    )
    given = budget.floor(baseline_error, {})
    return bias_variance.verdict(budget.error_budget(errors, given, practical=budget.practical_size(dev_error)))


@pytest.mark.parametrize(
    ("train", "dev", "expected"),
    [(0.01, 0.11, ["BV2"]), (0.15, 0.16, ["BV1"]), (0.15, 0.30, ["BV3"]), (0.005, 0.01, [])],
)
def test_the_four_classic_cases_get_their_classic_verdicts(train, dev, expected):
    findings = verdict_from_counts(train, 10_000, dev_error=dev, dev_rows=10_000)

    assert limits(findings) == expected


def test_a_higher_baseline_error_turns_high_bias_into_near_the_floor():
    findings = verdict_from_counts(0.15, 10_000, dev_error=0.16, dev_rows=10_000, baseline_error=0.155)

    assert codes(findings) == ["BV8"]


def test_a_gap_of_a_third_of_a_point_on_200_rows_is_not_called_a_gap():
    findings = verdict_from_counts(0.05, 200, dev_error=0.053, dev_rows=200, baseline_error=0.05)

    assert limits(findings) == []
    assert "BV6" in codes(findings)


def test_few_dev_rows_come_with_the_smallest_gap_that_would_have_been_found():
    [note] = [f for f in verdict_from_counts(0.0, 100, dev_error=0.1, dev_rows=100) if f.code == "BV6"]

    assert "80 % power" in note.evidence
    assert "variance" in note.evidence


def test_a_sure_gap_below_the_practical_size_is_not_named():
    findings = bias_variance.verdict(budget_of(0.200, 0.215, floor=(0.2, 0.2), width=0.0001))

    assert limits(findings) == []


def test_an_unsure_gap_above_the_practical_size_is_not_named():
    findings = bias_variance.verdict(budget_of(0.10, 0.14, floor=(0.1, 0.1), width=0.03))

    assert limits(findings) == []


def test_mismatch_is_told_from_variance_by_held_out_rows_of_the_training_kind():
    findings = bias_variance.verdict(budget_of(0.01, 0.12, train_dev=point(0.015, 0.005)))

    assert limits(findings) == ["BV4"]


def test_dev_overfit_needs_test_rows_that_are_surely_worse():
    sure = bias_variance.verdict(budget_of(0.0, 0.10, floor=(0.0, 0.1), test=point(0.15, 0.01)))
    unsure = bias_variance.verdict(budget_of(0.0, 0.10, floor=(0.0, 0.1), test=point(0.12, 0.03)))

    assert "BV5" in codes(sure)
    assert "BV5" not in codes(unsure)


def test_at_the_floor_a_lower_train_error_is_no_variance_to_cure():
    findings = bias_variance.verdict(budget_of(0.0, 0.20, floor=(0.2, 0.2)))

    assert codes(findings) == ["BV8"]


def test_too_few_dev_rows_do_not_silence_variance_by_a_floor_in_reach():
    few = budget_of(0.0, 0.20, floor=(0.17, 0.17), width=0.05)

    assert limits(bias_variance.verdict(few)) == ["BV2"]


def test_an_unknown_floor_accuses_of_bias_only_where_another_model_did_better():
    linear = {"linear": point(0.10, 0.01), "majority": point(0.40, 0.01)}
    beaten = budget.error_budget(
        budget.Errors("misclassification rate", point(0.30, 0.01), point(0.31, 0.01)),
        budget.floor(None, linear),
        practical=0.031,
    )
    best = budget.error_budget(
        budget.Errors("misclassification rate", point(0.09, 0.01), point(0.095, 0.01)),
        budget.floor(None, linear),
        practical=0.01,
    )

    assert limits(bias_variance.verdict(beaten)) == ["BV1"]
    assert limits(bias_variance.verdict(best)) == []


def test_an_unknown_floor_spans_from_forced_errors_to_the_best_models_upper_limit():
    found = budget.floor(None, {"linear": point(0.2, 0.02), "boosting": point(0.1, 0.03)}, 0.04)

    assert (found.low, found.high) == (0.04, 0.13)
    assert "boosting" in found.reason


def test_a_given_error_that_a_model_surely_beats_is_no_floor():
    """People are wrong in 16.5 %, the network in 9 %: nothing is near a floor, and how low it lies is not known."""
    network = interval.proportion(900, 10_000)
    beaten = budget.floor(0.165, {"the network": network}, 0.01)
    unsure = budget.floor(0.0905, {"the network": network})
    errors = budget.Errors("misclassification rate", point(0.05, 0.002), network)
    findings = bias_variance.verdict(budget.error_budget(errors, beaten, practical=budget.practical_size(0.09)))

    assert (beaten.low, beaten.high, beaten.surpassed) == (0.01, network.high, True)
    assert "0.165, is not the lowest possible: the network has 0.09" in beaten.reason
    assert (unsure.low, unsure.high, unsure.surpassed) == (0.0905, 0.0905, False)
    assert codes(findings) == ["BV2"]


def test_a_floor_from_nothing_is_refused():
    with pytest.raises(ValueError, match="baseline error"):
        budget.floor(None, {})


def test_probabilities_of_the_largest_part_sum_to_one_and_point_to_it():
    found = budget_of(0.01, 0.12, train_dev=point(0.02, 0.005)).largest

    assert sum(found.values()) == pytest.approx(1.0)
    assert found["mismatch"] > 0.99


def test_equal_parts_are_equally_likely_to_be_the_largest():
    found = budget_of(0.15, 0.30).largest

    assert 0.4 < found["bias"] < 0.6


def test_measure_gives_errors_and_log_losses_of_the_true_class():
    found = budget.measure("classification", np.array([[0.9, 0.1], [0.6, 0.4], [1.0, 0.0]]), np.array([0, 1, 1]))

    np.testing.assert_array_equal(found.error, [0, 1, 1])
    np.testing.assert_allclose(found.loss, [-np.log(0.9), -np.log(0.4), -np.log(1e-6)])


def test_measure_gives_rmse_in_the_targets_units():
    found = budget.measure("regression", np.array([[3.0], [1.0], [0.0]]), np.array([0.0, 1.0, 0.0]))

    assert found.estimate.value == pytest.approx(np.sqrt(3.0))


def test_inverse_frequencies_as_weights_give_one_minus_balanced_accuracy():
    y = np.array([0] * 90 + [1] * 10)
    predicted = np.tile([0.9, 0.1], (100, 1))
    found = budget.measure("classification", predicted, y, np.where(y == 0, 1 / 90, 1 / 10))

    assert found.estimate.value == pytest.approx(0.5)


@pytest.mark.parametrize("rows", [0, 3])
def test_predictions_for_other_rows_are_refused(rows):
    with pytest.raises(ValueError, match="one for each"):
        budget.measure("regression", np.zeros((rows, 1)), np.zeros(2 if rows else 0))


def test_healthy_networks_are_rarely_accused():
    """Train and dev errors at the floor: 500 data sets of 1000 rows; each gate alone is one-sided 2.5 %."""
    rng = np.random.default_rng(1)
    accused = sum(
        bool(
            limits(
                verdict_from_counts(
                    rng.binomial(1000, 0.1) / 1000,
                    1000,
                    dev_error=rng.binomial(1000, 0.1) / 1000,
                    dev_rows=1000,
                    baseline_error=0.1,
                )
            )
        )
        for _ in range(500)
    )

    assert accused <= 5


def test_regression_speaks_in_the_targets_units_with_its_own_practical_size():
    rng = np.random.default_rng(2)
    y = rng.normal(0, 10, 2000)
    train = budget.measure("regression", y + rng.normal(0, 1, 2000), y).estimate
    dev = budget.measure("regression", y + rng.normal(0, 4, 2000), y).estimate
    size = budget.practical_size(dev.value, float(y.std()))
    found = budget.error_budget(budget.Errors("RMSE", train, dev), budget.floor(1.0, {}), practical=size)
    [finding] = bias_variance.verdict(found)

    assert finding.code == "BV2"
    assert "%" not in finding.evidence.split("Probability")[0]


def test_errors_of_a_single_group_accuse_of_nothing():
    """Nothing tells how far other groups may lie, so nothing is found; every number that is said can be read."""
    rng = np.random.default_rng(0)
    one = np.zeros(60, dtype=np.int64)
    dev = budget.measure("regression", rng.normal(0, 3, (60, 1)), np.zeros(60), groups=one)
    train = budget.measure("regression", rng.normal(0, 0.1, (60, 1)), np.zeros(60))
    errors = budget.Errors(dev.name, train.estimate, dev.estimate)
    found = budget.error_budget(errors, budget.floor(None, {"it": dev.estimate}), practical=0.1)
    findings = bias_variance.verdict(found)

    assert not limits(findings)
    assert sum(found.largest.values()) == pytest.approx(1)
    assert not any(word in finding.evidence for finding in findings for word in ("inf", "nan"))


def test_a_gap_that_few_groups_make_is_not_named():
    """A hundred dev rows of four patients, one of them ill understood: sure of these rows, and not of others."""
    wrong = np.repeat([1.0, 0.0, 0.0, 0.0], 25)
    train = interval.proportion(20, 2000)
    naive, told = (
        budget.error_budget(
            budget.Errors("misclassification rate", train, interval.estimate(wrong, "error", groups=groups)),
            budget.Floor(0.0, 0.0, "Given."),
            practical=budget.practical_size(0.25),
        )
        for groups in (None, np.repeat(np.arange(4), 25))
    )

    assert limits(bias_variance.verdict(naive)) == ["BV2"]
    assert not limits(bias_variance.verdict(told))
