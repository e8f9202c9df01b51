"""The bootstrap of rows and of groups."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions

from burnish.stats import bootstrap, interval


def test_it_agrees_with_the_mean_and_repeats():
    values = np.random.default_rng(0).normal(5, 1, 200)
    ours, exact = bootstrap.bootstrap(np.mean, values, seed=1), interval.mean(values)

    np.testing.assert_allclose([exact.low, exact.high], [ours.low, ours.high], atol=0.03)
    assert ours == bootstrap.bootstrap(np.mean, values, seed=1)
    assert ours != bootstrap.bootstrap(np.mean, values, seed=2)


def test_rows_of_all_arrays_are_drawn_together():
    x = np.random.default_rng(0).normal(size=100)

    assert bootstrap.bootstrap(lambda a, b: float(np.abs(a - b).max()), x, x).high == 0


def test_whole_groups_are_drawn():
    """Every resample holds each of its groups with all rows; the groups' labels may be anything."""
    rng = np.random.default_rng(0)
    names = np.array(["north", "south", "west", "sea", "hill"])
    groups = names[rng.integers(0, 5, 60)]
    sizes = {name: int((groups == name).sum()) for name in names}

    def whole(drawn: np.ndarray) -> float:
        found, counts = np.unique(drawn, return_counts=True)
        assert all(count % sizes[name] == 0 for name, count in zip(found, counts, strict=True))
        return float(len(drawn))

    bootstrap.bootstrap(whole, groups, groups=groups, draws=200)


@pytest.mark.parametrize("groups", [12, 40])
def test_the_mean_of_correlated_groups_is_covered(groups):
    """Rows that agree within their group, few groups: rows drawn by themselves cover a third."""
    rng = np.random.default_rng(0)
    held, naive = 0, 0
    for _ in range(200):
        ids = np.repeat(np.arange(groups), 8)
        values = rng.normal(size=groups)[ids] + 0.3 * rng.normal(size=len(ids))
        found = bootstrap.bootstrap(np.mean, values, groups=ids, draws=200)
        alone = bootstrap.bootstrap(np.mean, values, draws=200)
        held += found.low <= 0 <= found.high
        naive += alone.low <= 0 <= alone.high

    assert held >= distributions.binom.ppf(1e-4, 200, 0.93)
    assert naive < 0.7 * 200


def test_groups_of_one_row_are_rows_and_one_group_is_none():
    values = np.random.default_rng(0).normal(size=50)
    alone = bootstrap.bootstrap(np.mean, values, groups=np.zeros(50))

    assert bootstrap.bootstrap(np.mean, values, groups=np.arange(50)[::-1]) == bootstrap.bootstrap(np.mean, values)
    assert alone.value == values.mean()
    assert np.isnan([alone.low, alone.high]).all()
