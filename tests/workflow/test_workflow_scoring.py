"""Measures of test rows: scikit-learn's numbers, and intervals that know how rows count."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions
from sklearn import metrics as measures

from burnish.preprocess.target import TargetCoding
from burnish.stats import interval
from burnish.workflow import scoring
from burnish.workflow.problem import Judge

ROWS = 400
RNG = np.random.default_rng(0)
CODES = (RNG.random(ROWS) < 0.3).astype(np.int64)
SAID = RNG.dirichlet(np.ones(2), ROWS) * 0.6 + 0.4 * np.eye(2)[CODES]
NUMBERS = RNG.normal(size=ROWS)
GUESSES = (NUMBERS + 0.5 * RNG.standard_t(4, ROWS))[:, None]
WEIGHTS = RNG.uniform(0.2, 3.0, ROWS) * (RNG.random(ROWS) < 0.9)
GROUPS = RNG.integers(0, 40, ROWS)
TWO = TargetCoding("y", "classification", ("no", "yes"), "yes")
NUMBER = TargetCoding("y", "regression")


def of_classes(weights=None, groups=None, target=TWO) -> dict[str, interval.Interval]:
    judge = Judge("classification", "log_loss", CODES, weights, groups, weights)
    return {m.name: m.value for m in scoring.metrics(judge, SAID, np.arange(ROWS), target)}


def of_numbers(weights=None, groups=None) -> dict[str, interval.Interval]:
    judge = Judge("regression", "rmse", NUMBERS, weights, groups, weights)
    return {m.name: m.value for m in scoring.metrics(judge, GUESSES, np.arange(ROWS), NUMBER)}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("positive", ["yes", "no"])
def test_measures_of_classes_are_those_of_scikit_learn(weights, positive):
    """Each turned into an error, named with the positive class where that decides; weighted like everything else."""
    code, called = TWO.classes.index(positive), SAID.argmax(1)
    given = {"sample_weight": weights}
    of_it = {**given, "pos_label": code}
    expected = {
        "misclassification rate": measures.zero_one_loss(CODES, called, **given),
        "log-loss": measures.log_loss(CODES, SAID, **given),
        "1 - balanced accuracy": 1 - measures.balanced_accuracy_score(CODES, called, **given),
        "1 - AUC": 1 - measures.roc_auc_score(CODES, SAID[:, 1], **given),
        f"1 - precision of '{positive}'": 1 - measures.precision_score(CODES, called, **of_it),
        f"1 - recall of '{positive}'": 1 - measures.recall_score(CODES, called, **of_it),
        f"1 - F1 of '{positive}'": 1 - measures.f1_score(CODES, called, **of_it),
        f"1 - average precision of '{positive}'": 1
        - measures.average_precision_score(code == CODES, SAID[:, code], **given),
    }
    found = of_classes(weights, target=TargetCoding("y", "classification", ("no", "yes"), positive))

    assert {name: one.value for name, one in found.items()} == pytest.approx(expected, rel=1e-9)
    for one in found.values():
        assert one.low < one.value < one.high


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
def test_measures_of_numbers_are_those_of_scikit_learn(weights):
    given = {"sample_weight": weights}
    expected = {
        "RMSE": measures.root_mean_squared_error(NUMBERS, GUESSES[:, 0], **given),
        "MAE": measures.mean_absolute_error(NUMBERS, GUESSES[:, 0], **given),
        "1 - R²": 1 - measures.r2_score(NUMBERS, GUESSES[:, 0], **given),
    }

    assert {name: one.value for name, one in of_numbers(weights).items()} == pytest.approx(expected, rel=1e-9)


def test_more_than_two_classes_have_no_positive_one():
    """What depends on it is left out."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 60)
    judge = Judge("classification", "log_loss", codes, None)
    three = TargetCoding("y", "classification", ("a", "b", "c"))
    found = scoring.metrics(judge, rng.dirichlet(np.ones(3), 60), np.arange(60), three)

    assert [m.name for m in found] == ["misclassification rate", "log-loss", "1 - balanced accuracy", "1 - AUC"]


def test_a_measure_of_no_rows_is_left_out():
    """Where nothing is called positive there is no precision; where nothing is positive no recall."""
    said = np.tile([0.9, 0.1], (20, 1))
    some, none = np.arange(20) % 2, np.zeros(20, dtype=np.int64)
    names = [
        [m.name for m in scoring.metrics(Judge("classification", "log_loss", codes, None), said, np.arange(20), TWO)]
        for codes in (some, none)
    ]

    assert [name for name in names[0] if "yes" in name] == [
        f"1 - {name} of 'yes'" for name in ("recall", "F1", "average precision")
    ]
    assert not [name for name in names[1] if "yes" in name]


def test_groups_widen_every_measure_and_move_none():
    """Rows ten times over, told to be: as wide as once. Not told: a third of it."""
    codes, said = CODES.repeat(10), SAID.repeat(10, axis=0)
    naive, told = (
        {
            m.name: m.value
            for m in scoring.metrics(
                Judge("classification", "log_loss", codes, None, groups), said, np.arange(10 * ROWS), TWO
            )
        }
        for groups in (None, np.arange(ROWS).repeat(10))
    )

    for name, once in of_classes().items():
        assert told[name].value == pytest.approx(once.value, rel=1e-9)
        assert told[name].half_width == pytest.approx(once.half_width, rel=0.15)
        assert naive[name].half_width < 0.4 * once.half_width


def test_groups_of_one_row_change_nothing():
    """Of classes and of numbers."""
    alone = np.arange(ROWS)[::-1]
    for plain, grouped in ((of_classes(), of_classes(groups=alone)), (of_numbers(), of_numbers(groups=alone))):
        assert plain.keys() == grouped.keys()
        for name, one in plain.items():
            if name in ("1 - balanced accuracy", "1 - R²"):  # whole groups are drawn, in another order
                assert grouped[name].half_width == pytest.approx(one.half_width, rel=0.2)
            else:
                np.testing.assert_allclose(
                    [grouped[name].low, grouped[name].high], [one.low, one.high], rtol=1e-9, err_msg=name
                )


def test_measures_of_correlated_groups_are_covered():
    """Forty groups of ten rows that are right or wrong together: 0.95 hold the truth, to within chance."""
    rng = np.random.default_rng(0)

    def world(groups: int):
        ids = np.repeat(np.arange(groups), 10)
        hard, kind = rng.normal(size=groups)[ids], rng.normal(size=groups)[ids]
        codes = (kind + 0.7 * rng.normal(size=len(ids)) > 0.4).astype(np.int64)
        score = 1 / (1 + np.exp(-(2 * codes - 1) - 1.2 * hard - 0.5 * rng.normal(size=len(ids))))
        return Judge("classification", "log_loss", codes, None, ids), np.stack([1 - score, score], axis=1)

    judge, said = world(20_000)
    truth = {
        m.name: m.value.value
        for m in scoring.metrics(Judge(judge.task, judge.metric, judge.truth, None), said, np.arange(len(said)), TWO)
    }
    held = dict.fromkeys(truth, 0)
    trials = 100
    for _ in range(trials):
        judge, said = world(40)
        for one in scoring.metrics(judge, said, np.arange(len(said)), TWO):
            held[one.name] += one.value.low <= truth[one.name] <= one.value.high

    for name, count in held.items():
        assert count >= distributions.binom.ppf(1e-4, trials, 0.93), name


def test_the_bootstrap_of_many_groups_looks_at_whole_ones(monkeypatch):
    """As many as fit into what it looks at, at least two."""
    rows = scoring._Rows(CODES, SAID, None, GROUPS)
    monkeypatch.setattr(scoring, "BOOTSTRAP_ROWS", 100)
    part = scoring._part(rows)
    monkeypatch.setattr(scoring, "BOOTSTRAP_ROWS", 1)
    least = scoring._part(rows)

    assert 80 < len(part) <= 100
    assert len(np.unique(GROUPS[least])) == 2
    for chosen in (part, least):
        np.testing.assert_array_equal(chosen, np.flatnonzero(np.isin(GROUPS, GROUPS[chosen])))
