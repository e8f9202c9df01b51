"""What a session counts: each epoch once, however often a training is taken up or asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import workflow_fake as fake

from burnish.train.work import Ending, Outcome, Work
from burnish.workflow import candidates
from burnish.workflow.events import Stage
from burnish.workflow.session import Session


class Timed(fake.Fake):
    """A step takes a millisecond, and a training that is taken up again trains only what it has not yet."""

    def __init__(self, *given, **asked) -> None:
        super().__init__(*given, **asked)
        self.reached: dict[str, int] = {}

    def outcome(self, work: Work, cut: bool = False) -> Outcome:
        made = super().outcome(work, cut)
        fresh = made.epochs - self.reached.get(work.trial, 0)
        self.reached[work.trial] = max(self.reached.get(work.trial, 0), made.epochs)
        rows = work.rows or len(self.problem.folds[work.fold].rows.train)
        steps = -(-rows // work.configuration.batch_size)
        return replace(made, seconds=1e-3 * fresh * steps)


@pytest.fixture
def asked(tmp_path) -> tuple[Session, fake.Problem]:
    problem = fake.question()
    return fake.session(tmp_path, Timed(problem), limit=60.0), problem


def train(session: Session, problem: fake.Problem, share: float, *names: str) -> None:
    work = [item for name in names for item in candidates.plan(name, fake.CENTRE, seeds=(0,), folds=(0,), share=share)]
    session.train(problem, work, Stage.TUNE)


def test_epochs_that_were_trained_before_are_not_counted_again(asked):
    """A third, then the whole, then the whole once more: forty epochs of one trial, and a third of another."""
    session, problem = asked
    with session.database:
        train(session, problem, 1 / 3, "one", "other")
        train(session, problem, 1.0, "one")
        train(session, problem, 1.0, "one")

    assert session.budget.epochs == 40 + 14
    assert session.trials == 2


def test_a_step_s_price_is_learned_from_the_steps_that_were_made(asked):
    """What a training is taken up with costs nothing: the price of a step stays a millisecond."""
    session, problem = asked
    with session.database:
        train(session, problem, 1 / 3, "one")
        first = session.price(problem, fake.CENTRE)
        train(session, problem, 1.0, "one")

    assert first == pytest.approx(40 * 3 * 1e-3)
    assert session.price(problem, fake.CENTRE) == pytest.approx(first)


def test_an_interrupted_training_that_goes_on_is_counted_for_the_rest(tmp_path):
    """Twenty of forty epochs at the first deadline; the others when it is asked for again."""
    problem = fake.question()
    executor = Timed(problem, interrupt=lambda work: len(executor.done) < 2)
    session = fake.session(tmp_path, executor)
    with session.database:
        train(session, problem, 1.0, "one")
        halfway = session.budget.epochs
        train(session, problem, 1.0, "one")
        [row] = session.database._rows("SELECT ending, epochs FROM trials")

    assert halfway == 20
    assert session.budget.epochs == 40
    assert row == (Ending.COMPLETED.name, 40)


def test_every_rung_of_a_trial_is_recorded(asked):
    """With the epochs reached by then."""
    session, problem = asked
    with session.database:
        train(session, problem, 1 / 3, "one")
        train(session, problem, 1.0, "one")
        rows = session.database._rows("SELECT trial, until, epochs, stage FROM trials ORDER BY until")

    assert rows == [("one-s0-f0", 14, 14.0, "tune"), ("one-s0-f0", 40, 40.0, "tune")]
