"""What to do next: what was found, less what was tried in vain, is kept, or is delivered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import workflow_fake as fake

from burnish.diagnosis import learning_curve
from burnish.diagnosis.finding import Finding, Severity
from burnish.recipe import remedies
from burnish.report.summary import Delivered
from burnish.stats.interval import Interval
from burnish.train.configuration import Configuration
from burnish.workflow import advising, finishing, improving
from burnish.workflow.improving import Improved
from burnish.workflow.learning import Learned
from burnish.workflow.problem import Problem

BETTER = "strong-weight-decay"
LIMIT = "--max-epochs"
GENERAL = {"BV1": "A larger network", "BV2": "More data, regularisation", "BV3": "First the bias"}


def improved(path: Path, problem: Problem, *, quality=fake.alike, **asked) -> Improved:
    session = fake.session(path, fake.Fake(problem, quality), **asked)
    with session.database:
        first = fake.trained(session, problem, fake.CENTRE)
        judge = fake.judge(session, problem)
        return improving.improve(
            session, problem, (fake.CENTRE, judge(first[0]), first), judge_again=judge, until_share=0.4
        )


def finished(made: Improved, *, train: float, dev: float, what: str = "network") -> finishing.Finished:
    """What is delivered has these errors, as shares of the recipe's dev error."""
    unit = made.verdict.errors.dev.value
    errors = [Interval(share * unit, 0.99 * share * unit, 1.01 * share * unit) for share in (train, dev)]
    judged = finishing.Judged(errors[0], None, errors[1], errors[1], None, "dev", np.arange(1), np.zeros((1, 1)))
    return finishing.Finished(None, Delivered(what), judged, ())


def learned(gain: float) -> Learned:
    """A curve that foretells an error of 2 less this gain, ± 0.1, with twice the rows."""
    point = learning_curve.Point(Interval(2 - gain, 1.9 - gain, 2.1 - gain), Interval(gain, gain - 0.1, gain + 0.1))
    forecast = learning_curve.Forecast(100, (3.0, 2.0), {2.0: point}, {})
    return Learned((50, 100), (), forecast, None)


def told(problem: Problem, made: Improved, curve: Learned | None = None, *, train=1.0, dev=1.0, what="network"):
    ran = advising.Ran(made, curve, problem, finished(made, train=train, dev=dev, what=what))
    return advising.advice((), ran, limit=LIMIT)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return fake.question(rows=600, dev=300)


@pytest.fixture(scope="module")
def in_vain(problem, tmp_path_factory) -> Improved:
    """Everything was tried, and nothing helped."""
    return improved(tmp_path_factory.mktemp("vain"), problem, baseline_error=0.0)


def test_a_run_without_time_for_a_remedy_is_told_to_have_more(problem, in_vain, monkeypatch):
    """Unless what is left of bias or variance has said it already."""
    hasty = replace(in_vain, rounds=[], ended=improving.NO_BUDGET)
    assert sum(f"larger {LIMIT}" in step for step in told(problem, hasty)) == 1
    monkeypatch.setattr(advising, "still_found", lambda ran: ())

    assert told(problem, hasty) == (f"Give it a larger {LIMIT}: there was no time to try a remedy within this one.",)
    assert told(problem, in_vain) == ()


def test_what_was_tried_in_vain_is_said_to_be_in_vain_and_is_not_advised(problem, in_vain):
    """Bias is left: every remedy for it was tried, so only what people can do is left."""
    [step] = told(problem, in_vain)
    names = {one.remedy for _, one in in_vain.experiments}
    tried = [one.phrase for one in remedies.REMEDIES if one.name in names and "BV1" in one.answers]

    assert step.startswith("High bias is left. ")
    assert f" gain beyond the noise: {tried[0]}, {tried[1]}, {tried[2]} and {len(tried) - 3} more. " in step
    assert LIMIT not in step
    assert step.endswith("Columns that tell more about the target are what else can lower it.")


def test_what_the_limit_left_untried_is_named_with_the_limit(problem, tmp_path):
    """Nothing was tried for lack of epochs: the most promising remedies are what more of them would try."""
    made = improved(tmp_path, problem, max_epochs=100)
    [step] = told(problem, made, train=0.05)

    assert made.rounds == []
    assert "Tried" not in step
    assert step.startswith(f"High variance is left. A larger {LIMIT} would try ")
    assert step.endswith("More rows like these may lower it; by how much, no learning curve could tell.")


def test_what_is_kept_is_not_advised_again(problem, tmp_path):
    """It is part of the network; the others are tried on it anew, those that there was no room for by a longer run."""

    def decayed(configuration: Configuration) -> float:
        return 0.65 if configuration.weight_decay == remedies.STRONG_DECAY else 1.0

    made = improved(tmp_path, problem, quality=decayed, max_epochs=5_000)
    steps = " ".join(told(problem, made, train=0.2))
    title = remedies.named(BETTER).phrase

    assert [one.remedy for _, one in made.experiments if one.kept and one.remedy == BETTER] == [BETTER]
    assert title not in steps
    assert f"A larger {LIMIT} would" in steps


def test_the_verdict_is_on_what_is_delivered(problem, in_vain):
    """Search and averaging have closed both gaps: nothing is left to advise, whatever the recipe's network lacked."""
    assert in_vain.verdict.findings
    assert told(problem, in_vain, train=0.01, dev=0.01) == ()
    # A simple model that won says nothing of the networks, which lost.
    assert any("of the networks" in step for step in told(problem, in_vain, train=0.01, dev=0.01, what="linear"))


def test_more_rows_are_advised_by_the_forecast_alone(problem, in_vain):
    """Where the curve foretells a gain, with its size; where it foretells none, that is said."""
    first, second = told(problem, in_vain, learned(0.5), train=0.05)
    assert first == (
        "Collect more rows like these: "
        "with twice as many, one network's RMSE should fall from 2.00 to 1.50 [1.40, 1.60]."
    )
    assert "rows" not in second

    [only] = told(problem, in_vain, learned(0.05), train=0.05)
    assert only.endswith("By the learning curve, twice the rows need not lower it.")


def test_what_the_audit_found_comes_first_the_worst_in_front():
    """burnish mends no data; notes are no advice."""
    found = [
        Finding("DA28", "conflicts", Severity.LIMIT, "", "Look at the labels."),
        Finding("DA15", "gaps", Severity.NOTE, "", "Nothing."),
        Finding("DA10", "leak", Severity.FAULT, "", "Leave it out."),
        Finding("DA10", "leak too", Severity.FAULT, "", "Leave it out."),
    ]

    assert advising.advice(found, None, limit="--time-limit") == (
        "Leave it out.",
        "Look at the labels.",
        "Give it a larger --time-limit: no network could be judged within this one.",
    )


@pytest.mark.parametrize("code", GENERAL)
def test_no_general_remedy_is_given_as_advice(code, problem, in_vain):
    """A finding's own remedy names all that may help; most of it the run has tried."""
    for train in (0.2, 0.6, 1.0):
        assert not any(GENERAL[code] in step for step in told(problem, in_vain, train=train))
