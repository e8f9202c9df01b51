"""How long networks train where an epoch is dear: on a part of the rows first, and in full at the end."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import workflow_fake as fake

from burnish.data.inputs import InputSpec
from burnish.train import fold_data
from burnish.train.work import Work
from burnish.workflow import diagnosis, improve, improving, pacing, start
from burnish.workflow import problem as problems

WANTED = 20  # epochs of a first network with time enough


def asked(seconds, *, rows=6_000, price=5.0):
    """Pace and words where an epoch of all rows takes `price` seconds on the one core, and all the time is left."""
    problem = replace(fake.question(rows=rows), inputs=InputSpec(0, image=(28, 28, 1)))
    said: list[str] = []
    session = SimpleNamespace(
        budget=SimpleNamespace(limit=seconds, jobs=1, left=lambda share: seconds, decide=lambda name, choose: choose()),
        compiling=lambda programs: 2.0,
        price_of=lambda problem, work: (
            price * work.until * (work.rows or problem.training_rows) / problem.training_rows
        ),
        say=lambda stage, text, warning=False, lasting=False: said.append(text),
    )
    configuration = replace(start.configuration(problem, None), epochs=WANTED)
    return pacing.of_first(session, problem, configuration, until_share=0.6), said


@pytest.mark.parametrize(("seconds", "epochs"), [(1_000.0, WANTED), (100.0, 9), (1.0, 1)])
def test_epochs_of_few_images_end_in_time(seconds, epochs):
    """Two trainings of 20 epochs at 5 seconds each: a schedule is not cut off, but made shorter."""
    found, said = asked(seconds)

    assert found == pacing.Pace(epochs)
    assert bool(said) == (epochs < WANTED)


@pytest.mark.parametrize(
    ("seconds", "pace"),
    [
        (10_000.0, pacing.Pace(WANTED)),  # a training takes 1 % of the time
        (1_000.0, pacing.Pace(4, 10_000)),  # 10 %; a part of half the rows takes 2.5 s an epoch
        (100.0, pacing.Pace(1, 5_000)),  # an epoch of 10,000 would take more than its share
        (1.0, pacing.Pace(1, 5_000)),  # so do the fewest rows that the train error is measured on
    ],
)
def test_a_part_of_many_images_trains_where_all_would_leave_no_room_for_experiments(seconds, pace):
    """Of 20,000 training rows."""
    found, said = asked(seconds, rows=20_150)

    assert found == pace
    assert bool(said) == (pace.rows is not None)


def test_the_train_error_is_measured_on_rows_of_the_part(monkeypatch, tmp_path):
    """Whatever the part: the rows that are stored first."""
    monkeypatch.setattr(fold_data, "TRAIN_SAMPLE", 50)
    problem = fake.question(rows=400, dev=100)
    fold, prepared = problem.folds[0], SimpleNamespace(take=lambda rows: rows)
    order = problems.assemble(problem, 0, prepared, seed=0).train.inputs

    assert len(fold.sample) == 50
    assert set(fold.sample) == set(order[:50])


@pytest.mark.parametrize(
    ("limit", "networks", "epochs", "rows"),
    [(100.0, 1, 17, None), (400.0, 2, 34, None), (6_000.0, 6, 48, None), (4.0, 1, 1, 2_700), (1.0, 0, 0, None)],
)
def test_final_networks_are_as_long_as_the_time_and_then_more(limit, networks, epochs, rows, tmp_path):
    """At 5 seconds an epoch of all rows and one core; at most twice the 24 epochs of a first network.

    Where there is no time for one epoch, it has fewer rows, but more than the experiments had.
    """
    problem = replace(fake.question(rows=4_150), part=1_000)
    executor = fake.Fake(problem)
    session = fake.session(tmp_path, executor, limit=limit)
    configuration = replace(fake.CENTRE, batch_size=32, epochs=2)
    an_epoch = session.steps(problem, Work("", configuration, 0, 0, until=1))
    session.costs.per_step[configuration.program] = 5.0 / an_epoch
    with session.database:
        made = pacing.in_full(session, problem, {"final": configuration}, until_share=0.92)

    assert len(made) == networks
    assert all(work.until == epochs for work in executor.done)
    assert all(work.rows == (rows and pytest.approx(rows, rel=0.1)) for work in executor.done)
    assert all(candidate.configuration.epochs == epochs for candidate in made)


def on_a_part(folder, cost):
    """A question of 1,000 rows of which experiments see 300, and five minutes of cheap trainings with these costs."""
    problem = replace(fake.question(rows=1_000, dev=400), part=300)
    executor = fake.Fake(problem, cost)
    session = fake.session(folder, executor, limit=300.0, start=fake.CENTRE)
    session.costs.per_step[fake.CENTRE.program] = 1e-3
    return problem, executor, session


def test_final_networks_that_were_cut_off_take_no_better_ones_place(tmp_path):
    """One that was stopped before its first epoch was over knows nothing."""
    problem, executor, session = on_a_part(tmp_path, lambda c: 20.0 if c.epochs > fake.CENTRE.epochs else 1.0)
    with session.database:
        problem, configuration, first = diagnosis.first(session, problem)
        judge = fake.judge(session, problem)
        improved = improving.Improved(first[0].name, configuration, judge(first[0]), pool=list(first))
        chosen = improve._in_full(session, problem, improved, judge, configuration)

    assert any(work.trial.startswith("final") for work in executor.done)
    assert {candidate.name for candidate, _ in chosen.members} == {first[0].name}


def test_what_helps_on_a_part_is_trained_on_all_rows_and_delivered(tmp_path):
    """From the first network to the chosen ones: nothing that learned from a part alone is delivered."""
    problem, executor, session = on_a_part(
        tmp_path, lambda c: 0.6 if c.learning_rate > fake.CENTRE.learning_rate else 1.0
    )
    with session.database:
        problem, configuration, first = diagnosis.first(session, problem)
        judge = fake.judge(session, problem)
        improved = improving.improve(
            session, problem, (configuration, judge(first[0]), first), judge_again=judge, until_share=0.9
        )
        chosen = improve._in_full(session, problem, improved, judge, configuration)
    tried = {work.rows for work in executor.done if not work.trial.startswith(("final", "unchanged"))}

    assert tried == {300}
    assert [one.remedy for _, one in improved.experiments if one.kept] == ["faster"]
    assert improved.rounds[0].part == 300
    assert {o.work.rows for candidate, _ in chosen.members for o in candidate.outcomes} == {None}
    assert improved.configuration.learning_rate > fake.CENTRE.learning_rate
    assert {candidate.name for candidate in improved.pool} == {"final", "unchanged"}
