"""The two-sample test: silent where there is no difference, loud where there is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions

from burnish import errors
from burnish.stats import two_sample


def test_equal_distributions_are_not_told_apart():
    """At α = 0.05 at most 5 % of 60 pairs are, and 0.5 lies inside 95 % of the intervals."""
    found = []
    for seed in range(60):
        x = np.random.default_rng(seed).normal(size=(300, 3))
        found.append(two_sample.classifier_two_sample(x[:150], x[150:], seed=seed))

    assert sum(shift.p_value < 0.05 for shift in found) <= distributions.binom.ppf(1 - 1e-4, 60, 0.05)
    assert sum(shift.auc.low <= 0.5 <= shift.auc.high for shift in found) >= distributions.binom.ppf(1e-4, 60, 0.95)


def test_a_shift_is_found_and_its_column_named():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(800, 5)), rng.normal(size=(600, 5))
    b[:, 3] += 1
    shift = two_sample.classifier_two_sample(a, b)

    assert shift.auc.low > 0.65
    assert shift.p_value < 1e-6
    assert [drift.index for drift in shift.drifts] == [3]


def test_a_difference_that_no_single_column_shows_is_found():
    """Columns that agree in one sample and not in the other: only a classifier sees it."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=1000)
    a = np.stack([first, first + 0.3 * rng.normal(size=1000)], axis=1)
    b = np.stack([rng.normal(size=1000), np.sqrt(1.09) * rng.normal(size=1000)], axis=1)
    shift = two_sample.classifier_two_sample(a, b)

    assert shift.auc.low > 0.7
    assert not shift.drifts


def test_missing_values_count():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(500, 2)), rng.normal(size=(500, 2))
    b[::3, 0] = np.nan
    shift = two_sample.classifier_two_sample(a, b)

    assert shift.drifts[0].index == 0
    assert shift.auc.low > 0.5


def test_copies_inside_a_sample_do_not_look_like_a_shift():
    """Each row of a sample three times: without keeping them together, half of them would be known by heart."""
    rng = np.random.default_rng(0)
    a, b = (np.repeat(rng.normal(size=(150, 3)), 3, axis=0) for _ in range(2))
    shift = two_sample.classifier_two_sample(a, b)

    assert shift.p_value > 0.01


def test_groups_stay_on_one_side():
    """Patients have values of their own; another draw of patients is no shift."""
    rng = np.random.default_rng(0)
    alarms = 0
    for seed in range(20):
        samples, groups = [], []
        for first in (0, 100):
            ids = np.repeat(np.arange(first, first + 40), 10)
            samples.append(rng.normal(size=(40, 3)).repeat(10, axis=0) + 0.05 * rng.normal(size=(400, 3)))
            groups.append(ids)
        alarms += two_sample.classifier_two_sample(*samples, groups=tuple(groups), seed=seed).p_value < 0.01

    assert alarms <= 2


def test_few_values_can_still_differ():
    """Columns with few values meet in both halves, which must not hide that the samples have none in common."""
    shift = two_sample.classifier_two_sample(np.zeros((50, 1)), np.ones((50, 1)))

    assert shift.auc.value == 1
    assert shift.p_value < 1e-6


def test_auc_equals_the_pairs_won():
    rng = np.random.default_rng(0)
    score, positive = rng.integers(0, 5, 60).astype(float), rng.random(60) < 0.4
    up, down = score[positive][:, None], score[~positive]
    found, _ = two_sample.clustered_auc(score, positive)

    assert found.value == pytest.approx(np.mean((up > down) + 0.5 * (up == down)))


def test_auc_interval_covers():
    """Two normal samples one deviation apart: AUC = Φ(1/√2)."""
    rng = np.random.default_rng(0)
    positive = np.arange(120) < 50
    truth = distributions.norm.cdf(1 / np.sqrt(2))
    found = [two_sample.clustered_auc(rng.normal(size=120) + positive, positive)[0] for _ in range(400)]

    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.91


def test_copies_do_not_narrow_the_auc_interval():
    rng = np.random.default_rng(0)
    positive = np.arange(60) < 30
    score = rng.normal(size=60) + positive
    plain, _ = two_sample.clustered_auc(score, positive)
    copied, _ = two_sample.clustered_auc(np.repeat(score, 4), np.repeat(positive, 4), np.repeat(np.arange(60), 4))

    np.testing.assert_allclose([plain.low, plain.high], [copied.low, copied.high])


@pytest.mark.parametrize("shapes", [((100, 2), (100, 3)), ((5, 2), (100, 2)), ((100, 0), (100, 0))])
def test_samples_that_do_not_fit_are_refused(shapes):
    with pytest.raises(errors.DataError):
        two_sample.classifier_two_sample(*(np.zeros(shape) for shape in shapes))


def test_a_group_for_each_sample_cannot_be_halved():
    x = np.random.default_rng(0).normal(size=(100, 2))
    with pytest.raises(errors.DataError, match="form 2 groups"):
        two_sample.classifier_two_sample(x[:50], x[50:], groups=(np.zeros(50), np.ones(50)))


def test_a_column_with_hardly_a_value_is_compared_without_an_error():
    """The half that the classifier learns from may hold none of a column's values."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(100, 2)), rng.normal(size=(100, 2))
    a[:, 1] = b[:, 1] = np.nan

    assert two_sample.classifier_two_sample(a, b).p_value > 0.001
