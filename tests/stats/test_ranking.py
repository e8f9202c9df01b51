"""Areas under curves: scikit-learn's numbers, and intervals that know how rows count."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as distributions
from sklearn import metrics

from burnish.stats import bootstrap, design, interval, ranking

TRIALS = 300
# A true coverage of 0.92 falls below this in one of 10,000 such simulations; these intervals have 0.92 to 0.96.
NEARLY = distributions.binom.ppf(1e-4, TRIALS, 0.92) / TRIALS


def scored(rng: np.random.Generator, groups: int, rows: int, *, share: float, correlation: float, skill: float = 1.0):
    """Scores and truths of which a part is the group's."""
    ids = np.repeat(np.arange(groups), rows)

    def part() -> np.ndarray:
        own, common = rng.normal(size=len(ids)), rng.normal(size=groups)[ids]
        return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own

    positive = part() > distributions.norm.isf(share)
    return positive, skill * positive + part(), ids


@pytest.mark.parametrize("classes", [2, 4])
def test_the_mean_auc_is_that_of_scikit_learn_and_its_interval_that_of_the_bootstrap(classes):
    """One class against the rest, averaged; the ends lie within a tenth of the width from resampled ones."""
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, 600)
    scores = rng.normal(size=(600, classes))
    scores[np.arange(600), truth] += 1
    if classes == 2:
        scores[:, 0] = -scores[:, 1]

    def area(truth: np.ndarray, scores: np.ndarray) -> float:
        return float(np.mean([metrics.roc_auc_score(truth == k, scores[:, k]) for k in range(classes)]))

    found = ranking.mean_auc(scores, truth)
    resampled = bootstrap.bootstrap(area, truth, scores, draws=400)

    assert found.value == pytest.approx(area(truth, scores), abs=1e-12)
    np.testing.assert_allclose(
        [found.low, found.high], [resampled.low, resampled.high], atol=0.1 * (found.high - found.low)
    )


def test_a_perfect_order_of_few_rows_is_not_certain():
    """Three classes told apart without a slip: the smallest, of 10 rows, says how far the truth may be."""
    truth = np.repeat([0, 1, 2], [30, 20, 10])
    found = ranking.mean_auc(np.eye(3)[truth], truth)
    areas = [ranking.average_precision(np.arange(60.0), truth == 2, groups=g) for g in (None, np.arange(60) // 5)]

    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(1 - interval.proportion(0, 10).high)
    assert [(area.value, area.high) for area in areas] == [(1.0, 1.0)] * 2
    assert areas[0].low == pytest.approx(1 - interval.proportion(0, 10).high)
    assert areas[1].low == pytest.approx(1 - interval.proportion(0, 2).high)  # two groups of positive rows


@pytest.mark.parametrize("ties", [False, True])
def test_weighted_areas_are_those_of_scikit_learn(ties):
    """With and without rows of one score; weights of 0 too."""
    rng = np.random.default_rng(0)
    positive, score, _ = scored(rng, 300, 1, share=0.3, correlation=0.0)
    score = np.round(score) if ties else score
    weights = rng.uniform(0, 3, 300) * (rng.random(300) < 0.8)
    both = np.stack([-score, score], axis=1)

    assert ranking.average_precision(score, positive).value == pytest.approx(
        metrics.average_precision_score(positive, score)
    )
    assert ranking.average_precision(score, positive, weights=weights).value == pytest.approx(
        metrics.average_precision_score(positive, score, sample_weight=weights)
    )
    assert ranking.mean_auc(both, positive.astype(int), weights=weights).value == pytest.approx(
        metrics.roc_auc_score(positive, score, sample_weight=weights)
    )


def test_what_a_row_adds_is_what_a_little_more_of_it_changes():
    """The derivative of the area by each row's weight, against a finite difference; they sum to nothing."""
    rng = np.random.default_rng(0)
    positive, score, _ = scored(rng, 40, 1, share=0.4, correlation=0.0)
    score = np.round(2 * score)
    shares = np.full(40, 1 / 40)
    for area in (ranking._precisions, ranking.placed):
        value, parts = area(score, positive, shares)
        for row in range(40):
            more = shares.copy()
            more[row] *= 1 + 1e-6
            assert (area(score, positive, more)[0] - value) / 1e-6 == pytest.approx(parts[row], abs=1e-5)
        assert parts.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("rows", "share"), [(40, 0.3), (400, 0.3), (1000, 0.05), (100, 0.2)])
@pytest.mark.parametrize("skill", [1.0, 3.5])
def test_average_precision_is_covered(rows, share, skill):
    """Of a few positive rows, and of many; where they are hard to tell, and where hardly a mistake is made."""
    rng = np.random.default_rng(0)
    truth = metrics.average_precision_score(*scored(rng, 300_000, 1, share=share, correlation=0.0, skill=skill)[:2])
    held = 0
    for _ in range(TRIALS):
        positive, score, _ = scored(rng, rows, 1, share=share, correlation=0.0, skill=skill)
        found = ranking.average_precision(score, positive)
        held += found.low <= truth <= found.high

    assert held / TRIALS >= NEARLY


@pytest.mark.parametrize("measure", ["average precision", "AUC"])
def test_areas_of_correlated_groups_are_covered(measure):
    """Ten rows a group that say nearly the same: taken for independent they cover half."""
    rng = np.random.default_rng(0)
    positive, score, _ = scored(rng, 40_000, 10, share=0.3, correlation=0.9)
    whole = metrics.average_precision_score if measure == "average precision" else metrics.roc_auc_score
    truth = whole(positive, score)
    held, naive = 0, 0
    for _ in range(TRIALS):
        positive, score, ids = scored(rng, 60, 10, share=0.3, correlation=0.9)
        for groups in (ids, None):
            if measure == "average precision":
                found = ranking.average_precision(score, positive, groups=groups)
            else:
                found = ranking.mean_auc(np.stack([-score, score], axis=1), positive.astype(int), groups=groups)
            if groups is None:
                naive += found.low <= truth <= found.high
            else:
                held += found.low <= truth <= found.high

    assert held / TRIALS >= distributions.binom.ppf(1e-4, TRIALS, 0.90) / TRIALS
    assert naive / TRIALS < 0.7


def test_one_group_says_nothing_and_groups_of_one_row_change_nothing():
    rng = np.random.default_rng(0)
    positive, score, _ = scored(rng, 50, 1, share=0.4, correlation=0.0)
    both, codes = np.stack([-score, score], axis=1), positive.astype(int)
    alone = ranking.average_precision(score, positive, groups=np.zeros(50))

    assert (alone.low, alone.high) == (0.0, 1.0)
    assert ranking.mean_auc(both, codes, groups=np.zeros(50)).low == 0.0
    assert ranking.average_precision(score, positive, groups=np.arange(50)) == ranking.average_precision(
        score, positive
    )
    assert ranking.mean_auc(both, codes, groups=np.arange(50)) == ranking.mean_auc(both, codes)
    assert design.of(50, None, np.arange(50)) is None
