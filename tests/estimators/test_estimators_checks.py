"""scikit-learn's own checks, with no expected failure that is not explained here."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from burnish import BurnishClassifier, BurnishRegressor, Configuration

pytestmark = pytest.mark.slow  # two minutes of small trainings; test_estimators_fit.py has the quick ones

# A small network for few epochs, as scikit-learn lowers `max_iter` for its own checks: they look at behaviour.
# Mini-batches no larger than the smallest check's training rows, so that most checks share their programs.
QUICK = Configuration(widths=(16,), batch_size=8, epochs=40, learning_rate=1e-2)

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Rows are dealt out to those that train and those that choose, and drawn into mini-batches. Two copies of a "
        "row are dealt and drawn otherwise than one row of weight 2, as in every estimator that holds out rows or "
        "draws mini-batches. A weight of 0 does equal a row left out (a test beside this one)."
    )
}

ignoring_what_checks_provoke = pytest.mark.filterwarnings(
    "ignore::burnish.FewRowsWarning",  # most checks fit 10 to 30 rows
    "ignore::sklearn.exceptions.SkipTestWarning",
    "ignore:Can't check dok sparse matrix:UserWarning",
)


@ignoring_what_checks_provoke
@parametrize_with_checks(
    [BurnishClassifier(start=QUICK), BurnishRegressor(start=QUICK)], expected_failed_checks=lambda _: EXPECTED
)
def test_estimator_keeps_scikit_learns_rules(estimator, check):
    """Each check of scikit-learn passes."""
    check(estimator)


@pytest.mark.slow
@ignoring_what_checks_provoke
@parametrize_with_checks([BurnishClassifier(), BurnishRegressor()], expected_failed_checks=lambda _: EXPECTED)
def test_estimator_with_its_defaults_keeps_scikit_learns_rules(estimator, check):
    """Each check of scikit-learn passes with the network that is trained by default."""
    check(estimator)
