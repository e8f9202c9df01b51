"""What is delivered and what it promises, on made-up outcomes of which the truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import workflow_fake as fake

from burnish.predictor.simple import SimplePredictor
from burnish.report.summary import BaselineResult
from burnish.stats import interval, prediction
from burnish.stats.interval import Interval
from burnish.train.work import Ending, Outcome, Work
from burnish.workflow import baselines, candidates, finishing, preparing, promising
from burnish.workflow.candidates import Candidate
from burnish.workflow.problem import Problem


def competitors(problem: Problem, executor: fake.Fake, count: int) -> list[Candidate]:
    """Candidates of as many configurations, one seed each."""
    pool = []
    for number in range(count):
        name, changed = f"draw{number:03d}", replace(fake.CENTRE, learning_rate=1e-3 * (number + 1))
        work = candidates.plan(name, changed, seeds=(0,), folds=problem.screening)
        outcomes = {item.trial: executor.outcome(item) for item in work}
        found = candidates.gather(problem, name, changed, seed=0, outcomes=outcomes)
        assert found is not None
        pool.append(found)
    return pool


def promised_and_raw(problem: Problem, chosen: finishing.Chosen, *, rows: int) -> tuple[Interval, Interval]:
    """What is promised for so many fresh rows, and the raw error of the same choice."""
    raw = problem.judge.measured(chosen.dev, problem.dev_rows(chosen.folds))
    return promising.promise(raw, chosen.errors, promising.Fresh(rows)), raw.estimate


def chosen_from(problem: Problem, pool: list[Candidate]) -> finishing.Chosen:
    return finishing.choose(problem, pool, folds=tuple(problem.screening), seed=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "metric", "folds"),
    [
        ("regression", "rmse", 1),
        ("classification", "log_loss", 1),
        pytest.param("regression", "mae", 3, marks=pytest.mark.slow),
        pytest.param("classification", "accuracy", 1, marks=pytest.mark.slow),
    ],
)
def test_the_promise_holds_where_many_equal_candidates_compete(task, metric, folds):
    """Forty candidates of the same true error: the winner's luck is not promised.

    In 40 worlds the 95 % prediction interval holds the error on 150 fresh rows as often as is consistent with 95 %
    (Clopper and Pearson), and the promised error is right on average, to 6 %; the raw one is far too good.
    """
    held, promised, raw, true = [], [], [], []
    for world in range(40):
        problem = fake.question(
            task, rows=150 if folds > 1 else 300, dev=150, folds=folds, test=2000, metric=metric, seed=world
        )
        executor = fake.Fake(problem, world=world)
        chosen = chosen_from(problem, competitors(problem, executor, 40))
        found, flattering = promised_and_raw(problem, chosen, rows=150)
        said = sum(share * executor.everywhere(member.outcomes[0].work) for member, share in chosen.members)
        test, judge = problem.split.test, problem.judge
        fresh = judge.measured(said[test[:150]], test[:150]).estimate.value
        held.append(found.low <= fresh <= found.high)
        promised.append(found.value)
        raw.append(flattering.value)
        true.append(judge.measured(said[test], test).estimate.value)

    assert interval.proportion(float(np.sum(held)), len(held)).high > 0.95
    assert np.mean(promised) == pytest.approx(np.mean(true), rel=0.06)
    assert np.mean(raw) < 0.93 * np.mean(true)


def test_one_candidate_alone_is_promised_as_it_is():
    """Nothing was chosen, so nothing is corrected: the promise is the raw error, wider by the fresh rows' chance."""
    problem = fake.question()
    chosen = chosen_from(problem, competitors(problem, fake.Fake(problem), 1))
    promised, raw = promised_and_raw(problem, chosen, rows=150)

    assert chosen.single
    assert promised.value == pytest.approx(raw.value)
    assert promised.low < raw.low
    assert promised.high > raw.high


def test_a_larger_fresh_set_makes_the_promise_narrower():
    """Down to the uncertainty of dev itself."""
    problem = fake.question()
    chosen = chosen_from(problem, competitors(problem, fake.Fake(problem), 3))
    widths = [promised_and_raw(problem, chosen, rows=rows)[0].half_width for rows in (20, 200, 2_000_000)]

    assert widths[0] > widths[1] > widths[2]


def test_independent_networks_are_averaged_and_dependent_ones_are_not():
    """Where networks err by themselves an average is chosen; where all of them make one error, one of them is."""
    problem = fake.question()
    apart = chosen_from(problem, competitors(problem, fake.Fake(problem, shared=0.1), 8))
    alike = chosen_from(problem, competitors(problem, fake.Fake(problem, lambda _: 0.0), 8))

    assert not apart.single
    assert len(apart.members) > 4
    assert sum(share for _, share in apart.members) == pytest.approx(1)
    assert alike.single
    assert len(alike.members) == 1


def test_the_average_is_of_the_predictions_that_it_says():
    """`dev` is the members' mixture, row by row in the order of `dev_rows`."""
    problem = fake.question("classification", folds=3)
    chosen = chosen_from(problem, competitors(problem, fake.Fake(problem, shared=0.3), 6))
    expected = sum(share * member.dev.astype(np.float64) for member, share in chosen.members)

    np.testing.assert_allclose(chosen.dev, expected, rtol=1e-12)
    np.testing.assert_allclose(chosen.dev.sum(1), 1, rtol=1e-6)


def finish(path: Path, problem: Problem, executor: fake.Fake, count: int = 6, *, begun: int = 0) -> finishing.Finished:
    """Real baselines beside made-up networks, whose weights are drawn at random; of none, so many trainings began."""
    executor.weights = path
    session = fake.session(path, executor)
    session.reached.update({f"first-s0-f{fold}": 0.0 for fold in range(begun)})
    with session.database:
        for number in problem.screening:
            preparing.write_fold(session, problem, number)
        simple = baselines.train_baselines(session, problem, yardstick=False)
        chosen = chosen_from(problem, competitors(problem, executor, count)) if count else None
        return finishing.finish(session, problem, chosen, simple)


@pytest.mark.parametrize(
    ("begun", "said"),
    [
        (0, "No network was trained."),
        (2, "2 trainings began, but did not come far enough for a network to be judged."),
    ],
)
def test_without_a_network_the_reason_counts_the_trainings_that_began(begun, said, tmp_path):
    """As the head of the report does."""
    problem = fake.question(rows=120, dev=60, noise=0.5)
    finished = finish(tmp_path, problem, fake.Fake(problem), count=0, begun=begun)

    assert finished.delivered.reason == said
    assert finished.excess["mean"].high < 0
    assert "linear" not in finished.excess  # it is what is delivered


@pytest.mark.parametrize("folds", [1, 3])
def test_a_linear_truth_is_answered_by_the_linear_model(folds, tmp_path):
    """y is linear plus noise, and networks twice as far off as that noise: what is delivered is linear, and said so."""
    problem = fake.question(rows=120, dev=60, folds=folds, test=400, noise=0.5)
    finished = finish(tmp_path, problem, fake.Fake(problem, lambda _: 0.5, shared=0.9))

    assert isinstance(finished.predictor, SimplePredictor)
    assert finished.delivered.what == "linear"
    assert finished.delivered.reason == f"{finishing.NOT_BEATEN}."
    assert finished.delivered.members == folds
    assert finished.judged.test.value == pytest.approx(0.5, rel=0.2)  # the noise that nothing can know
    # Errors are of what is delivered, on every part: linear models err alike on rows they saw and rows they did not.
    assert finished.judged.train.value == pytest.approx(0.5, rel=0.25)
    assert finished.judged.dev.value == pytest.approx(0.5, rel=0.25)


def test_what_chose_is_said_where_another_simple_model_has_the_lower_error():
    """Log-loss may prefer a model that is never sure to one that is right more often."""
    problem = fake.question("classification", metric="log_loss")
    errors = {"majority": 0.5, "linear": 0.2, "boosting": 0.1}
    results = tuple(BaselineResult(name, Interval(error, error, error)) for name, error in errors.items())
    simple = baselines.Baselines(results, {}, {})

    assert "the lowest log-loss, which is what chooses" in finishing._chosen_by(problem, simple, "majority")
    assert finishing._chosen_by(problem, simple, "linear") == ""


@pytest.mark.parametrize(("task", "simplest"), [("regression", "mean"), ("classification", "majority")])
def test_where_there_is_no_signal_the_simplest_model_is_delivered(task, simplest, tmp_path):
    """Targets of pure noise, columns that say nothing: a constant, or a linear model that is next to one."""
    problem = fake.question(task, rows=600, dev=300, test=200, signal=0.0, noise=1.0, seed=3)
    finished = finish(tmp_path, problem, fake.Fake(problem, lambda _: 2.0, shared=3.0))

    assert finished.delivered.what in (simplest, "linear")
    assert finished.judged.predictions.std(axis=0).max() < 0.1  # where the target's deviation is 1, or 0.47 of a class


def test_a_simple_model_promises_for_fresh_rows_too(tmp_path):
    """Its dev error as a prediction interval for the test rows: wider than where the dev error may truly lie."""
    problem = fake.question(rows=400, dev=200, test=50, noise=0.5)
    finished = finish(tmp_path, problem, fake.Fake(problem, shared=3.0))
    judged = finished.judged
    rows = problem.split.primary.dev
    expected = problem.judge.measured(finished.predictor.predict(problem.table.take(rows)), rows)
    fresh = prediction.of_fresh_rows(expected.error, "rmse", rows=50)

    assert finished.delivered.what == "linear"
    assert judged.dev.value == judged.dev_raw.value == pytest.approx(expected.estimate.value)
    assert (judged.dev.low, judged.dev.high) == pytest.approx((fresh.low, fresh.high))
    assert judged.dev.half_width > 1.3 * judged.dev_raw.half_width


def test_networks_that_are_better_are_delivered(tmp_path):
    """Each with its share; predictions are in the test rows' units and order."""
    problem = fake.question(rows=400, dev=200, test=100, signal=1.0, noise=1.0)
    finished = finish(tmp_path, problem, fake.Fake(problem, lambda _: 0.2, shared=0.2))

    assert finished.delivered.what == "network"
    assert finished.delivered.members == len(finished.predictor.members)
    assert sum(member.share for member in finished.predictor.members) == pytest.approx(1)
    assert finished.judged.part == "test"
    np.testing.assert_array_equal(finished.judged.rows, problem.split.test)
    assert finished.judged.predictions.shape == (100, 1)


def test_two_seeds_of_one_configuration_are_two_networks(tmp_path):
    """They share a name, and nothing else: the delivered average holds both, each with its own weights."""
    problem = fake.question(test=50)
    executor = fake.Fake(problem, lambda _: 0.5, shared=0.1, weights=tmp_path)
    session = fake.session(tmp_path, executor)
    with session.database:
        pool = fake.trained(session, problem, fake.CENTRE, seeds=(0, 1))
    chosen = chosen_from(problem, pool)
    built = finishing.build(problem, chosen)
    first = [member.arrays["hidden.0.w"] for member in built.members]

    assert {member.key for member, _ in chosen.members} == {"first-s0", "first-s1"}
    assert len(first) == 2
    assert np.abs(first[0] - first[1]).max() > 0.01


def settle(path: Path, problem: Problem, executor: fake.Fake, **asked) -> finishing.Chosen:
    """More competitors than are trained everywhere, screened; and all means but what is asked for."""
    session = fake.session(path, executor, **asked)
    pool = competitors(problem, executor, finishing.MOST_ROTATED + 2)
    session.reached.update({o.work.trial: o.epochs for candidate in pool for o in candidate.outcomes})
    with session.database:
        return finishing.settle(session, problem, pool, until_share=0.9)


def test_the_chosen_are_trained_on_every_rotation_and_chosen_again_by_all_rows(tmp_path):
    """Screened on one fold of four: in the end each row but the test set's is dev once, and trains three in four."""
    problem = fake.question(rows=400, folds=4, screen=1, test=100)
    executor = fake.Fake(problem, lambda _: 0.5, weights=tmp_path)
    chosen = settle(tmp_path, problem, executor)
    built = finishing.build(problem, chosen)

    assert chosen.folds == (0, 1, 2, 3)
    assert len(chosen.dev) == len(chosen.honest) == len(chosen.errors.errors) == 400
    assert all(len(member.outcomes) == 4 for member, _ in chosen.members)
    assert len({work.trial.rsplit("-f", 1)[0] for work in executor.done}) == finishing.MOST_ROTATED
    assert len(built.preparations) == 4
    assert len(built.members) == 4 * len(chosen.members)
    assert sum(member.share for member in built.members) == pytest.approx(1)
    for number in range(4):  # each fold's networks have a quarter of the say
        assert sum(m.share for m in built.members if m.preparation == number) == pytest.approx(0.25)


@pytest.mark.parametrize("epochs", [100, 200, 250, 700])
def test_rotations_keep_to_the_epochs_that_are_left(epochs, tmp_path):
    """Three rotations of 40 epochs a network: none where two networks cannot be paid, else as many as can."""
    problem = fake.question(rows=400, folds=4, screen=1)
    executor = fake.Fake(problem)
    chosen = settle(tmp_path, problem, executor, max_epochs=epochs)
    rotated = [work for work in executor.done if work.fold > 0]
    affordable = int(0.9 * epochs / 120)

    assert len(rotated) == (3 * affordable if affordable >= finishing.LEAST_ROTATED else 0)
    assert chosen.folds == ((0, 1, 2, 3) if rotated else (0,))


def test_a_network_that_fails_on_a_rotation_is_left_out(tmp_path):
    """The others go on; where too few are left, what screening chose is delivered."""
    problem = fake.question(rows=400, folds=4, screen=1)

    class Failing(fake.Fake):
        victims: tuple[str, ...] = ()

        def outcome(self, work: Work, cut: bool = False) -> Outcome:
            made = super().outcome(work, cut)
            failed = work.fold == 2 and work.trial.startswith(self.victims)
            return replace(made, ending=Ending.FAILED) if failed else made

    one, all_of_them = Failing(problem), Failing(problem)
    first = chosen_from(problem, competitors(problem, fake.Fake(problem), finishing.MOST_ROTATED + 2))
    best = first.members[0][0].name
    one.victims, all_of_them.victims = (best,), ("draw",)
    rotated, screened = settle(tmp_path / "one", problem, one), settle(tmp_path / "all", problem, all_of_them)

    assert rotated.folds == (0, 1, 2, 3)
    assert best not in {member.name for member, _ in rotated.members}
    assert screened.folds == (0,)
    assert [member.key for member, _ in screened.members] == [member.key for member, _ in first.members]


def test_without_a_test_set_none_is_opened(tmp_path):
    """The promise stands alone, for as many rows as dev has; what is shown are dev rows."""
    problem = fake.question()
    finished = finish(tmp_path, problem, fake.Fake(problem, lambda _: 0.1, shared=0.1))

    assert finished.judged.test is None
    assert finished.judged.part == "dev"
    assert finished.test_metrics == ()
    np.testing.assert_array_equal(finished.judged.rows, problem.split.primary.dev)
