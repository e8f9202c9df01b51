"""How rows are judged, and how a fold is handed to the engine."""

from __future__ import annotations

import numpy as np
import pytest
import workflow_fake as fake

from burnish.workflow import problem as problems
from burnish.workflow.problem import Judge


@pytest.mark.parametrize("groups", [2, 3, 7, 60])
def test_rows_of_a_group_stop_trainings_on_the_same_side(groups):
    """Halves of dev hold whole groups, and about as many rows."""
    rng = np.random.default_rng(groups)
    labels = rng.choice(groups, 200, p=rng.dirichlet(np.full(groups, 5.0)))
    half = problems._halves(200, labels, rng)

    for label in np.unique(labels):
        assert len(np.unique(half[labels == label])) == 1
    assert len(np.unique(half)) == 2
    assert abs(half.mean() - 0.5) <= 0.5 * np.bincount(labels).max() / 200 + 0.02


def test_rows_by_themselves_are_halved_at_random():
    """To within one."""
    half = problems._halves(151, None, np.random.default_rng(0))

    assert half.sum() == 76
    assert 50 < half[::2].sum() + (~half[1::2]).sum() < 100


def test_groups_of_the_problem_reach_every_interval():
    """Of twelve groups that err together: wider than if each row stood for itself, on the same errors."""
    grouped, alone = fake.question(groups=12), fake.question()
    executor = fake.Fake(grouped, taste=2.0)
    rows = grouped.dev_rows(grouped.screening)
    said = executor.everywhere(fake.candidates.plan("first", fake.CENTRE, seeds=(0,), folds=(0,))[0])[rows]
    wide, narrow = (problem.judge.measured(said, rows) for problem in (grouped, alone))

    np.testing.assert_array_equal(wide.error, narrow.error)
    assert wide.estimate.half_width > 2 * narrow.estimate.half_width
    assert wide.promise(100).half_width > 2 * narrow.promise(100).half_width
    assert grouped.judge.clumping(rows) == pytest.approx(len(rows) / 12, rel=0.1)
    assert alone.judge.clumping(rows) == 1.0


def test_a_set_of_larger_groups_is_promised_less_surely():
    """As many fresh rows, in fewer groups."""
    judge = Judge("regression", "rmse", np.zeros(400), None, np.arange(400) // 4)
    rng = np.random.default_rng(0)
    found = judge.measured((rng.normal(size=100).repeat(4) + 0.2 * rng.normal(size=400))[:, None], np.arange(400))
    narrow, wide = (found.promise(100, clumping=clumping) for clumping in (1.0, 10.0))

    assert wide.half_width > 1.5 * narrow.half_width
