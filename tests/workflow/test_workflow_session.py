"""What a session counts: each epoch once, however often a training is taken up or asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import workflow_fake as fake

from burnish.report.summary import BaselineResult
from burnish.train.work import Ending, Outcome, Telemetry, Work
from burnish.workflow import candidates, diagnosis, improve, reading, settings
from burnish.workflow.baselines import Baselines
from burnish.workflow.budget import Budget
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


class Seen(fake.Fake):
    """Where it is looked at, nine of ten units of the only hidden layer are dead."""

    def outcome(self, work: Work, cut: bool = False) -> Outcome:
        made = super().outcome(work, cut)
        steps, leaf, layer = np.ones(4), np.ones((4, 1)), np.full((4, 1), np.nan)
        seen = Telemetry(
            *(("hidden.0.w",), ("hidden layer 1",), ()), *(steps,) * 4, *(leaf,) * 3, 0 * leaf, leaf, 0.9 * leaf, layer
        )
        return replace(made, telemetry=seen if work.observed else None)


@pytest.fixture
def asked(tmp_path) -> tuple[Session, fake.Problem]:
    problem = fake.question()
    return fake.session(tmp_path, Timed(problem), limit=60.0), problem


def train(session: Session, problem: fake.Problem, share: float, *names: str) -> None:
    work = [item for name in names for item in candidates.plan(name, fake.CENTRE, seeds=(0,), folds=(0,), share=share)]
    session.train(problem, work, Stage.TUNE)


@pytest.mark.parametrize(("limit", "late"), [(7.5, False), (6.5, True), (90.0, False), (None, False)])
def test_a_run_that_is_later_than_is_promised_says_so(asked, monkeypatch, limit, late):
    session, problem = asked
    session.budget.limit = limit
    elapsed = 98.0 if limit == 90.0 else 10.0  # within 10 % or 3 s
    monkeypatch.setattr(Budget, "elapsed", property(lambda budget: elapsed))
    improve._say_if_late(session, problem, carried=0.0, ready=2.4, trained=9.0)

    assert len(session.warnings) == late
    assert all("time limit of 6.5 s was over 4 s ago" in said for said in session.warnings)


@pytest.mark.parametrize(
    ("carried", "ready", "trained", "why"),
    [
        (0.0, 16.0, 17.0, "preparing 300 rows and 5 columns took 16 s, and little of that can be cut short"),
        (0.0, 2.4, 19.0, "trainings and programs under way, took longer than was reckoned with"),
        (0.0, 2.4, 9.5, "the last judgement took 10 s"),
        (9.0, 11.0, 19.0, "columns took 2 s."),  # of this session, not of those before it
    ],
)
def test_a_late_run_names_what_took_longer_than_its_part_of_the_time(asked, monkeypatch, carried, ready, trained, why):
    session, problem = asked
    session.budget.limit = 10.0
    monkeypatch.setattr(Budget, "elapsed", property(lambda budget: 20.0))
    improve._say_if_late(session, problem, carried=carried, ready=ready, trained=trained)

    [said] = session.warnings
    assert why in said
    assert ("little of that" in said) == (ready == 16.0)
    assert said.count(".") == 1


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


class Shuffled(fake.Fake):
    """Outcomes arrive in an order of their own; every third trial stops early, where it says it does."""

    order: int = 0

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        items = list(work)
        for place in np.random.default_rng(self.order).permutation(len(items)):
            self.done.append(items[place])
            made = self.outcome(items[place])
            if items[place].seed % 3 == 0:
                made = replace(made, epochs=12.3, ending=Ending.STOPPED_EARLY)
            yield made


@pytest.mark.parametrize("epochs", [1, 39, 40, 100, 333, 1000])
def test_more_epochs_than_allowed_are_never_trained(epochs, tmp_path):
    """Whatever is asked for, and in whatever order it arrives: the same work fits, and the sum stays within."""
    reached = []
    for order in range(3):
        problem = fake.question()
        executor = Shuffled(problem)
        executor.order = order
        session = fake.session(tmp_path / str(order), executor, max_epochs=epochs)
        with session.database:
            for name in ("one", "two"):
                work = candidates.plan(name, fake.CENTRE, seeds=range(10), folds=(0,))
                session.train(problem, work, Stage.TUNE)
        assert session.budget.epochs <= epochs
        reached.append(dict(sorted(session.reached.items())))

    assert reached[0] == reached[1] == reached[2]
    # Ten full trainings of 40 epochs but for four that stop early: each name would take 6 * 40 + 4 * 12.3 epochs.
    assert sum(reached[0].values()) > min(epochs, 2 * (6 * 40 + 4 * 12.3)) - 40


def test_the_first_in_line_is_trained_and_nothing_overtakes_it(tmp_path):
    """The second does not fit into what the first leaves; the third would, and waits all the same."""
    problem = fake.question()
    executor = fake.Fake(problem)
    session = fake.session(tmp_path, executor, max_epochs=60)
    shorter = replace(fake.CENTRE, epochs=10)
    first, second = candidates.plan("one", fake.CENTRE, seeds=(1, 2), folds=(0,))
    [third] = candidates.plan("short", shorter, seeds=(1,), folds=(0,))
    with session.database:
        found = session.train(problem, [first, second, third], Stage.TUNE)

    assert list(found) == [first.trial]


def test_what_is_trained_already_and_what_is_left_of_a_rung_are_all_that_they_cost(tmp_path):
    """A third of the epochs, then the rest: 40 in all. Asked for again, when nothing is left, it is answered."""
    problem = fake.question()
    session = fake.session(tmp_path, fake.Fake(problem), max_epochs=40)
    with session.database:
        train(session, problem, 1 / 3, "one")
        train(session, problem, 1.0, "one")
        work = candidates.plan("one", fake.CENTRE, seeds=(0,), folds=(0,))
        again = session.train(
            problem, [*candidates.plan("two", fake.CENTRE, seeds=(0,), folds=(0,)), *work], Stage.TUNE
        )

    assert session.budget.epochs == 40
    assert list(again) == [work[0].trial]


@pytest.mark.parametrize(("epochs", "each"), [(3 * 40, 40), (50, 16), (5, 1), (2, None)])
def test_the_first_network_trains_for_as_many_epochs_as_there_are(epochs, each, tmp_path):
    """The same on each of three folds, its schedule to its end; fewer epochs than folds train no network at all."""
    problem = fake.question(folds=3)
    executor = fake.Fake(problem)
    session = fake.session(tmp_path, executor, max_epochs=epochs, start=fake.CENTRE)
    said = []
    session.emit = said.append
    with session.database:
        _, configuration, found = diagnosis.first(session, problem)

    assert len(found) == (each is not None)
    assert [work.until for work in executor.done] == ([] if each is None else [each] * 3)
    assert {work.configuration.epochs for work in executor.done} <= {configuration.epochs, each}
    assert session.budget.epochs <= epochs
    warned = [event.text for event in said if getattr(event, "warning", False)]
    assert [f"for {each} of its 40 epochs" in text for text in warned] == ([True] if each in (16, 1) else [])


def test_one_dev_part_has_a_second_seed_only_where_its_epochs_fit(tmp_path):
    problem = fake.question()
    executor = fake.Fake(problem)
    session = fake.session(tmp_path, executor, max_epochs=79, start=fake.CENTRE)
    with session.database:
        _, _, found = diagnosis.first(session, problem)

    assert [candidate.seed for candidate in found] == [0]
    assert session.budget.epochs == 40


@pytest.mark.parametrize(("limit", "looked"), [({"max_epochs": 10**6}, 1), ({"limit": 60.0}, 1), ({"limit": 30.0}, 0)])
def test_one_training_of_the_first_network_is_looked_at(limit, looked, tmp_path):
    """Its first one, where the time bears a compilation; what it shows is told beside the verdict."""
    problem = fake.question(folds=3)
    executor = Seen(problem)
    session = fake.session(tmp_path, executor, start=replace(fake.CENTRE, activation="relu"), **limit)
    with session.database:
        _, _, found = diagnosis.first(session, problem)
        made = fake.judge(session, problem)(found[0])

    assert [work.observed for work in executor.done] == [bool(looked), False, False]
    assert [finding.code for finding in made.training] == ["NN5"] * looked
    assert not {finding.code for finding in made.findings} & {"NN5"}


@pytest.mark.parametrize("files", [True, False])
def test_what_a_run_has_trained_it_does_not_train_again(files, tmp_path, monkeypatch):
    """Stages ask for the same work anew; a run that keeps no files answers from memory of it all the same."""
    problem = fake.question()
    executor = fake.Fake(problem)
    work = candidates.plan("one", fake.CENTRE, seeds=(0, 1), folds=(0,))
    monkeypatch.setattr(improve, "workers", lambda *_, **__: nullcontext(executor))
    twice = lambda session, *_, **__: [list(session.execute(work)) for _ in range(2)]  # noqa: E731
    monkeypatch.setattr(improve, "_stages", twice)
    manner = improve.Manner(in_process=True, files=files)
    request = improve.Request(reading.Sources(None), settings.make(target="y"), tmp_path / "run", manner=manner)
    once, again = improve.run(request)

    assert executor.done == work
    assert [outcome.work for outcome in once] == [outcome.work for outcome in again] == work


def test_progress_tells_what_is_spent_of_what(tmp_path):
    """Of epochs, or of time; beyond the limit, the limit stays what it was."""
    problem = fake.question()
    shown = {}
    for name, limits in {"epochs": {"max_epochs": 100}, "time": {"limit": 1e-3}}.items():
        session = fake.session(tmp_path / name, fake.Fake(problem), **limits)
        session.emit = shown.setdefault(name, []).append
        with session.database:
            train(session, problem, 1.0, "one", "two")

    assert [event.note for event in shown["epochs"]] == ["40 of 100 epochs", "80 of 100 epochs"]
    assert {event.remaining for event in shown["epochs"]} == {None}
    for event in shown["time"]:
        assert event.elapsed + event.remaining == pytest.approx(1e-3)
        assert event.note == ""


@pytest.mark.parametrize("reached", [0, 1, 3, 5])
def test_a_first_network_on_some_folds_is_judged_on_their_rows(reached, tmp_path):
    """The clock left the last folds without a network: the others are the problem from then on."""
    problem = fake.question(rows=400, folds=5)

    class Cut(fake.Fake):
        def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
            return super().__call__((item for item in work if item.fold < reached), deadline=deadline)

    session = fake.session(tmp_path, Cut(problem))
    with session.database:
        narrowed, _, found = diagnosis.first(session, problem)

    assert narrowed.split.screen == (reached or 5)
    assert [len(candidate.outcomes) for candidate in found] == ([reached] if reached else [])
    assert len(narrowed.folds) == 5
    assert narrowed.planned == (5 if 0 < reached < 5 else None)
    assert [f"Only {reached} of 5 folds" in said for said in session.warnings] == [True] * (0 < reached < 5)


def test_a_first_network_that_the_clock_cut_off_is_told_as_such(tmp_path):
    """What looks like bias may be no more than that."""
    problem = fake.question(rows=400, folds=5)
    session = fake.session(tmp_path, fake.Fake(problem, interrupt=lambda work: work.fold == 3))
    with session.database:
        _, configuration, found = diagnosis.first(session, problem)

    assert len(found) == 1
    half, most = configuration.epochs // 2, configuration.epochs
    assert session.warnings == [
        f"The clock cut the first network's training off after {half} of at most {most} epochs: with more time it may "
        "fit better."
    ]


def test_folds_that_the_clock_left_out_stay_left_out_in_a_resumed_run(tmp_path):
    """What was decided is in the log: networks that were trained meanwhile do not change what judges."""
    problem = fake.question(rows=400, folds=5)
    session = fake.session(tmp_path, fake.Fake(problem))
    with session.database:
        session.database.decide("folds of the first network", lambda: 2)
        session.database._decided = 0  # as a resumed run begins
        narrowed, _, _ = diagnosis.first(session, problem)

    assert narrowed.split.screen == 2


def test_baselines_follow_a_problem_that_was_narrowed(tmp_path):
    """Predictions and models of the first folds only, row for row those that were there, judged on these rows alone."""
    problem = fake.question(rows=400, folds=5)
    predicted = np.arange(400.0)[:, None]
    whole = problem.judge.measured(predicted, problem.dev_rows(problem.screening)).estimate
    all_folds = Baselines((BaselineResult("mean", whole),), {"mean": predicted}, {"mean": tuple(range(5))})
    narrowed = problem.narrowed(2)
    left = all_folds.on(narrowed)
    rows = sum(len(fold.rows.dev) for fold in problem.folds[:2])

    assert left.fitted["mean"] == (0, 1)
    assert left.errors["mean"] == problem.judge.measured(predicted[:rows], narrowed.dev_rows(range(2))).estimate
    np.testing.assert_array_equal(predicted[:rows], left.dev["mean"])
