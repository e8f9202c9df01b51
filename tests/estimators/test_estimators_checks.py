"""scikit-learn's own checks, with no expected failure that is not explained here."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from burnish import BurnishClassifier, BurnishRegressor, Configuration

# A small network for few epochs, as scikit-learn lowers `max_iter` for its own checks; what is checked is the behaviour.
QUICK = Configuration(widths=(16,), batch_size=16, epochs=60, learning_rate=1e-2)

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Rows are dealt out to those that train and those that choose. Two copies of a row are two rows, which one row of "
        "weight 2 is not: it can only be on one side, and the order of mini-batches is another. So weighting a row is not "
        "repeating it, as for every estimator that holds out rows or draws mini-batches. A weight of 0 is a row left out."
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
