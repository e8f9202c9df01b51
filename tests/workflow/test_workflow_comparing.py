"""The delivered model beside the simple ones, row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import workflow_fake as fake

from burnish.workflow import comparing
from burnish.workflow.baselines import Baselines


def beside(problem, noise):
    """Baselines that are so far off, each in its own way, beside a model with an error of 1 of its own on every row."""
    rows = problem.dev_rows(problem.screening)
    rng = np.random.default_rng(0)
    hard = rng.normal(size=len(rows))  # what makes a row hard for all
    truth = problem.judge.truth[rows]
    own = truth + hard + rng.normal(size=len(rows))
    dev = {name: (truth + hard + size * rng.normal(size=len(rows)))[:, None] for name, size in noise.items()}
    return (own - truth) ** 2, Baselines((), dev, {})


@pytest.mark.parametrize("groups", [None, 50])
def test_rows_that_are_hard_for_both_do_not_hide_which_one_is_better(groups):
    """The difference stands out although the intervals of the two errors overlap."""
    problem = fake.question(rows=400, dev=200, groups=groups)
    errors, simple = beside(problem, {"worse": 1.6, "alike": 1.0, "better": 0.4})
    found = comparing.excess(problem, errors, simple)

    assert found["worse"].high < 0
    assert found["alike"].low < 0 < found["alike"].high
    assert found["better"].low > 0
    other = problem.judge.measured(simple.dev["better"], problem.dev_rows(problem.screening)).error
    assert found["better"].value == pytest.approx(np.sqrt(errors.mean()) - np.sqrt(other.mean()))


def test_rows_count_for_what_they_weigh():
    problem = fake.question("classification", rows=400, dev=200)
    rows = problem.dev_rows(problem.screening)
    weights = np.where(np.arange(400) % 2, 2.0, 0.5)
    problem = replace(problem, judge=replace(problem.judge, weights=weights))
    right = np.eye(3)[problem.judge.truth[rows]]
    found = comparing.excess(problem, np.ones(len(rows)), Baselines((), {"perfect": right}, {}))

    assert found["perfect"].value == pytest.approx(1.0)


def test_a_model_whose_errors_overflow_is_left_out():
    """There is no difference to speak of, and a run does not end in an error for it."""
    problem = fake.question(rows=400, dev=200)
    errors, simple = beside(problem, {"alike": 1.0, "far": np.inf})

    assert list(comparing.excess(problem, errors, simple)) == ["alike"]
