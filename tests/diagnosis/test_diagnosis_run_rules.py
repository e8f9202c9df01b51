"""What predictions and seeds of a run show beyond bias and variance."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from burnish.diagnosis.run_rules import calibration, seeds, slices, threshold
from diagnosis import run_cases as cases


@pytest.mark.parametrize("code", cases.SICK)
def test_a_rule_names_its_fault(code):
    assert [one.code for one in cases.SICK[code]()] == [code]


@pytest.mark.parametrize("code", cases.WELL)
def test_a_rule_is_silent_without_its_fault(code):
    assert list(cases.WELL[code]()) == []


def test_a_weak_slice_is_said_in_names_and_levels():
    """The conditions are those that were planted, with the level's own name."""
    [seen] = cases.sliced()

    assert "color is 'blue'" in seen.where
    assert "size > " in seen.where


def test_rows_of_a_group_stay_in_one_half():
    """A hundred rows of one unlucky person are one piece of evidence: copies of them make no slice."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 50)
    x = rng.normal(size=40)[group][:, None]
    wrong = (rng.random(40) < 0.3)[group].astype(float)
    found = slices.weak(x, ("x",), (None,), wrong, statistic="error", practical=0.01, alpha=0.05, groups=group, seed=1)

    assert list(found) == []


def test_missing_numbers_belong_to_the_low_side_and_are_said():
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, (2000, 1))
    x[::4] = np.nan
    wrong = (rng.random(2000) < np.where(np.isnan(x[:, 0]), 0.5, 0.02)).astype(float)
    [seen] = slices.weak(x, ("x",), (None,), wrong, statistic="error", practical=0.01, alpha=0.001)

    assert "or missing" in seen.where


def test_the_temperature_is_the_one_that_was_planted():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3))
    y = np.array([rng.choice(3, p=row) for row in special.softmax(logits, axis=1)])

    assert calibration.temperature(2.5 * logits, y) == pytest.approx(2.5, rel=0.06)


def test_the_calibration_error_of_right_probabilities_is_about_nothing():
    """Binned errors are never 0 on a sample; what chance adds is taken off."""
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 2000)
    right = (rng.random(2000) < sure).astype(float)

    assert calibration.calibration_error(sure, right) < 0.015
    assert calibration.calibration_error(np.minimum(sure + 0.1, 1), right) == pytest.approx(0.095, abs=0.02)


def test_the_best_threshold_has_the_largest_f1_of_all():
    rng = np.random.default_rng(0)
    share = np.round(rng.random(300), 2)
    positive = rng.random(300) < share**2
    found = metrics.f1_score(positive, share > threshold.best(share, positive))
    every = [metrics.f1_score(positive, share > cut) for cut in np.linspace(0, 0.99, 199)]

    assert found == pytest.approx(max(every))


def test_one_seed_far_off_the_others_is_named():
    errors = np.array([0.100, 0.101, 0.099, 0.100, 0.102, 0.300])
    [seen] = seeds.fragile(errors, practical=0.01, alpha=0.001, percent=True)

    assert "the worst lies 19.9 % above" in seen.evidence
