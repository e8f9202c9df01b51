"""Corrections for many tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnish import errors
from burnish.stats import multiplicity

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_holm_textbook_case():
    """Thresholds 0.0125, 0.0167, 0.025, 0.05, and a stop at the first that fails."""
    assert multiplicity.holm([0.01, 0.04, 0.03, 0.005], 0.05) == (True, False, False, True)


@given(P_VALUES, st.floats(0.001, 0.2))
def test_holm_rejects_what_bonferroni_does(p_values, alpha):
    pairs = zip(multiplicity.bonferroni(p_values, alpha), multiplicity.holm(p_values, alpha), strict=True)
    # One ulp between p·k <= α and p <= α/k is no difference of the methods.
    near = [abs(p * len(p_values) - alpha) < 1e-12 for p in p_values]
    assert all(holm or skip or not bonferroni for (bonferroni, holm), skip in zip(pairs, near, strict=True))


@given(P_VALUES)
def test_adjusted_values_keep_the_order(p_values):
    adjusted = multiplicity.holm_adjusted(p_values)

    assert np.all(np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0)
    assert np.all(adjusted >= np.array(p_values))


def test_holm_keeps_the_family_error():
    """Twenty true hypotheses: one falls in at most α of the families."""
    rng = np.random.default_rng(0)
    families = [any(multiplicity.holm(list(rng.random(20)), 0.05)) for _ in range(1000)]

    assert np.mean(families) <= 0.077


def test_spending_never_exceeds_alpha():
    assert sum(multiplicity.spend(0.05, look) for look in range(1, 60)) <= 0.05
    with pytest.raises(errors.ConfigError, match="Look number 0"):
        multiplicity.spend(0.05, 0)


def test_p_values_outside_their_range_are_refused():
    with pytest.raises(errors.DataError, match="outside 0 to 1"):
        multiplicity.holm([0.1, float("nan")], 0.05)
