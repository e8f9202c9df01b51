"""The baselines against closed forms, plain scikit-learn, and hostile rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from burnish.baseline import boosting, compare, fitted, linear, sample
from burnish.data.inputs import Prepared

RNG = np.random.default_rng(0)
ROWS = 600
X = RNG.normal(size=(ROWS, 4)).astype(np.float32)
CODES = RNG.integers(0, 30, size=(ROWS, 1)).astype(np.int32)
EFFECT = RNG.normal(size=30)
NO_CODES = np.zeros((ROWS, 0), np.int32)
UNITS = 100 + X @ np.array([3.0, -2.0, 1.0, 0.0]) + 5 * EFFECT[CODES[:, 0]] + RNG.normal(size=ROWS)
THREE = (X[:, :3] * 2 + RNG.gumbel(size=(ROWS, 3))).argmax(axis=1).astype(np.int32)
TWO = (THREE > 0).astype(np.int32)
TRAIN, DEV = np.arange(400), np.arange(400, ROWS)
ALL = Prepared(X, CODES)


def _cross_entropy(probabilities: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(probabilities[np.arange(len(y)), y]).mean())


def test_majority_gives_the_class_shares_and_no_zero():
    shares = fitted.majority(np.int32([0, 0, 2]), None, 4).predict(ALL.take(np.arange(2)))

    assert_allclose(shares, np.tile(np.array([2.25, 0.25, 1.25, 0.25]) / 4, (2, 1)))


def test_majority_and_mean_follow_the_weights():
    w = np.array([1.0, 3.0])

    assert fitted.majority(np.int32([0, 1]), w, 2).predict(ALL).argmax(axis=1)[0] == 1
    assert_allclose(fitted.mean(np.array([0.0, 4.0]), w).predict(ALL)[0], 3.0)


def test_ridge_agrees_with_scikit_learn_at_some_penalty():
    prepared = Prepared(X, NO_CODES)
    ours = linear.linear(prepared, UNITS, classes=None, seed=0).predict(prepared)
    plain = [Ridge(alpha=a).fit(X, UNITS).predict(X)[:, None] for a in linear.RIDGE_PENALTIES]

    assert min(float(np.abs(ours - other).max()) for other in plain) < 1e-4


def test_linear_regression_finds_the_effects_of_categories():
    model = linear.linear(ALL.take(TRAIN), UNITS[TRAIN], classes=None, seed=0)
    error = model.predict(ALL.take(DEV))[:, 0] - UNITS[DEV]

    assert np.sqrt(np.mean(error**2)) < 1.5  # the noise is 1


@pytest.mark.parametrize(("y", "classes"), [(TWO, 2), (THREE, 3)])
def test_logistic_regression_beats_the_shares_and_sums_to_one(y, classes):
    prepared = ALL.take(DEV)
    probabilities = linear.linear(ALL.take(TRAIN), y[TRAIN], classes=classes, seed=0).predict(prepared)
    shares = fitted.majority(y[TRAIN], None, classes).predict(prepared)

    assert_allclose(probabilities.sum(axis=1), 1)
    assert _cross_entropy(probabilities, y[DEV]) < 0.8 * _cross_entropy(shares, y[DEV])


def test_a_weight_of_two_is_a_row_given_twice():
    prepared = Prepared(X, NO_CODES)
    weights = np.where(np.arange(ROWS) < 100, 2.0, 1.0)
    twice = np.r_[np.arange(ROWS), np.arange(100)]
    one = linear._ridge(X, UNITS, weights, seed=0)
    other = linear._ridge(X[twice], UNITS[twice], None, seed=0)

    assert_allclose(one[0], other[0], rtol=0.02, atol=0.02)  # α may differ by a step
    assert len(prepared.x) == ROWS


@pytest.mark.parametrize("fit", [linear.linear, boosting.boosting])
def test_a_class_without_a_training_row_has_a_small_probability(fit):
    model = fit(ALL.take(TRAIN), TWO[TRAIN] * 2, classes=4, seed=0)
    probabilities = model.predict(ALL.take(DEV))

    assert_allclose(probabilities.sum(axis=1), 1)
    assert np.all(probabilities[:, [1, 3]] > 0)
    assert np.all(probabilities[:, [1, 3]] < 0.01)


@pytest.mark.parametrize("fit", [linear.linear, boosting.boosting])
def test_one_class_alone_falls_back_to_the_shares(fit):
    model = fit(ALL.take(TRAIN), np.zeros(400, np.int32), classes=2, seed=0)

    assert "one class" in model.note
    assert np.all(model.predict(ALL)[:, 0] > 0.99)


@pytest.mark.parametrize("fit", [linear.linear, boosting.boosting])
def test_a_class_of_one_row_is_allowed(fit):
    y = THREE[TRAIN].copy()
    y[0] = 3

    assert np.all(np.isfinite(np.log(fit(ALL.take(TRAIN), y, classes=4, seed=0).predict(ALL.take(DEV)))))


@pytest.mark.parametrize(
    "model",
    [
        fitted.majority(THREE, None, 3),
        fitted.mean(UNITS, None),
        linear.linear(ALL, UNITS, classes=None, seed=0),
        linear.linear(ALL, THREE, classes=3, seed=0),
        linear.linear(ALL, np.zeros(ROWS, np.int32), classes=2, seed=0),
    ],
    ids=["majority", "mean", "ridge", "logistic", "one class"],
)
def test_json_round_trip_predicts_the_same_to_the_bit(model):
    back = linear.from_json(json.loads(json.dumps(linear.to_json(model), allow_nan=False)))

    assert (back.name, back.note) == (model.name, model.note)
    assert_array_equal(back.predict(ALL), model.predict(ALL))


def test_codes_alone_are_enough():
    prepared = Prepared(np.zeros((ROWS, 0), np.float32), CODES)
    model = linear.linear(prepared, UNITS, classes=None, seed=0)
    back = linear.from_json(json.loads(json.dumps(linear.to_json(model))))

    assert_array_equal(back.predict(prepared), model.predict(prepared))


def test_boosting_is_never_written():
    model = boosting.boosting(ALL.take(TRAIN), UNITS[TRAIN], classes=None, seed=0)

    with pytest.raises(TypeError, match="yardstick"):
        linear.to_json(model)


def test_boosting_sees_interactions_that_a_linear_model_does_not():
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int32)
    folds = [compare.FoldData(ALL.take(TRAIN), y[TRAIN], ALL.take(DEV))]
    majority, line, trees = compare.compare(folds, classes=2, seed=0)

    assert (majority.name, line.name, trees.name) == ("majority", "linear", "boosting")
    assert _cross_entropy(trees.dev[0], y[DEV]) < 0.5 * _cross_entropy(line.dev[0], y[DEV])


def test_codes_beyond_the_trees_limit_count_as_rare():
    codes = RNG.integers(0, 900, size=(ROWS, 1)).astype(np.int32)
    model = boosting.boosting(Prepared(X, codes), UNITS, classes=None, seed=0)
    high = Prepared(X[:1], np.int32([[800]]))
    rare = Prepared(X[:1], np.int32([[0]]))

    assert_array_equal(model.predict(high), model.predict(rare))


def test_a_code_that_the_fit_did_not_see_counts_as_unseen():
    model = linear.linear(Prepared(X, np.minimum(CODES, 9)), UNITS, classes=None, seed=0)

    assert_array_equal(
        model.predict(Prepared(X[:1], np.int32([[25]]))), model.predict(Prepared(X[:1], np.int32([[0]])))
    )


def test_all_folds_are_predicted_in_order_and_the_same_again():
    folds = [compare.FoldData(ALL.take(a), UNITS[a], ALL.take(b)) for a, b in ((TRAIN, DEV), (DEV, TRAIN))]
    first = list(compare.compare(folds, classes=None, seed=3))
    again = list(compare.compare(folds, classes=None, seed=3))

    for one, two in zip(first, again, strict=True):
        assert [len(part) for part in one.dev] == [200, 400]
        assert one.error is None
        for a, b in zip(one.dev, two.dev, strict=True):
            assert_array_equal(a, b)


def test_boosting_stops_between_folds_where_it_is_told_to():
    """Nothing of it is left but that it was stopped."""
    folds = [compare.FoldData(ALL.take(a), UNITS[a], ALL.take(b)) for a, b in ((TRAIN, DEV), (DEV, TRAIN))]
    answers = iter([True, False])
    found = compare.trees(folds, classes=None, seed=0, go_on=lambda: next(answers))

    assert (found.error, found.dev, found.fitted) == (compare.STOPPED, (), ())
    assert next(answers, None) is None


def test_a_baseline_that_fails_says_so_and_takes_no_other_with_it():
    gap = X.copy()
    gap[0, 0] = np.nan
    broken = Prepared(gap, CODES)
    mean, line, trees = compare.compare([compare.FoldData(broken, UNITS, ALL)], classes=None, seed=0)

    assert mean.error is None
    assert line.error.startswith("ValueError: Input X contains NaN")
    assert (line.dev, line.fitted) == ((), ())
    assert trees.error is None  # trees have a branch for missing values


def test_many_rows_are_drawn_and_the_note_says_so(monkeypatch):
    monkeypatch.setattr(linear, "MOST_ROWS", 100)
    monkeypatch.setattr(linear, "FEWEST_ROWS", 100)

    assert linear.linear(ALL, UNITS, classes=None, seed=0).note == "Fitted on 100 of 600 rows, drawn at random."


def test_a_fit_that_does_not_converge_warns_in_its_note_alone(monkeypatch):
    monkeypatch.setattr(linear, "ITERATIONS", 1)

    assert "Stopped after 1 iterations" in linear.linear(ALL, THREE, classes=3, seed=0).note


def test_large_tables_leave_rows_out_before_iterations():
    most, iterations = boosting._size(500_000, 150, work=boosting.MOST_WORK / 10)

    assert most == boosting.FEWEST_ROWS
    assert boosting.FEWEST_ITERATIONS < iterations < boosting.WORTHWHILE_ITERATIONS
    assert boosting._size(3000, 1, work=boosting.MOST_WORK / 300) == (3000, boosting.FEWEST_ITERATIONS)
    assert boosting._size(1000, 20, work=boosting.MOST_WORK) == (1000, boosting.ITERATIONS)


def test_folds_deal_out_each_class():
    fold = sample.stratified_folds(np.repeat([0, 1], [90, 9]), 3, seed=0)

    assert_array_equal(np.bincount(fold[:90]), [30, 30, 30])
    assert_array_equal(np.bincount(fold[90:]), [3, 3, 3])


def test_drawn_rows_are_sorted_and_distinct():
    rows = sample.rows(1000, 100, seed=1)

    assert np.all(np.diff(rows) > 0)
    assert len(rows) == 100
