"""What each technique is worth, in a world where that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import workflow_fake as fake

from burnish.recipe import ablations
from burnish.train.configuration import Configuration
from burnish.train.work import Outcome, Work
from burnish.workflow import ablate, ablating, bench
from burnish.workflow.ablating import Ablated, Worth
from burnish.workflow.problem import Problem

NETWORK = replace(fake.CENTRE, bins=4, norm="batch", dropout=0.2, weight_decay=0.1)
RAW = 1.7  # how much larger errors are on raw columns


def known(c: Configuration) -> float:
    """Binned inputs, batch norm and weights that differ help; dropout hurts; momentum's rate matters; nothing else."""
    size = 2.1 if c.bins == 0 else 1.0
    size *= 1.4 if c.norm == "none" else 1.0
    size *= 0.6 if c.dropout == 0 else 1.0
    size *= 3.0 if c.initializer == "zeros" else 1.0
    if c.optimizer == "momentum":
        size *= 1.0 if c.learning_rate == 0.1 else 2.0
    return size * (1.6 if c.optimizer == "sgd" else 1.0)


@dataclass
class World(fake.Fake):
    """A made-up world in which raw columns cost something, and work may end in another order."""

    backwards: bool = False
    raw_factor: float = RAW

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        items = list(work)
        return super().__call__(items[::-1] if self.backwards else items, deadline=deadline)

    def everywhere(self, work: Work, worse: float = 1.0) -> np.ndarray:
        own = len(self.problem.folds) - len(self.problem.screening)
        return super().everywhere(work, worse * (self.raw_factor if work.fold >= own else 1.0))


def take_apart(path, problem: Problem, world: fake.Fake, *, network=NETWORK, seeds: int = 6) -> Ablated:
    session = fake.session(path, world)
    with session.database:
        return ablating.ablate(session, problem, network, seeds=seeds)


def of(ablated: Ablated) -> dict[str, Worth]:
    return {worth.technique.name: worth for worth in ablated.worths}


def verdicts(ablated: Ablated) -> dict[str, str]:
    return {name: ablate.verdict(worth.gain) for name, worth in of(ablated).items()}


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_techniques_of_known_worth_are_judged_and_ranked_rightly(task, tmp_path):
    """What helps helps, what hurts hurts, and of the rest no difference is seen; the average of seeds helps."""
    problem = ablating.with_raw_folds(fake.question(task, rows=1200, dev=800))
    found = take_apart(tmp_path, problem, World(problem, known))
    judged = verdicts(found)
    worth = {name: one.gain.value for name, one in of(found).items()}

    helps = {"normalisation", "bins", "batch-norm", "init-zeros", "moments", "ensemble"}
    assert {name for name, verdict in judged.items() if verdict == "helps"} == helps
    assert {name for name, verdict in judged.items() if verdict == "hurts"} == {"dropout"}
    assert worth["init-zeros"] > worth["bins"] > worth["normalisation"] > worth["batch-norm"] > 0 > worth["dropout"]
    assert set(judged.values()) == {"helps", "hurts", "no difference seen"}


def test_a_rival_is_judged_at_the_best_rate_of_its_ladder(tmp_path):
    """Momentum is as good as Adam at 0.1 and bad elsewhere: 0.1 is chosen, by a seed that judges nothing."""
    problem = ablating.with_raw_folds(fake.question(rows=1200, dev=800))
    world = World(problem, known)
    found = of(take_apart(tmp_path, problem, world))["second-moment"]

    assert found.rate == 0.1
    assert [rate.rate for rate in found.rates] == list(ablations.PLAIN_RATES)
    assert ablate.verdict(found.gain) == "no difference seen"
    chose = {item.seed for item in world.done if "-rate" in item.trial}
    judged = {item.seed for item in world.done if item.trial.startswith((ablating.CONTROL, "second-moment-s"))}
    assert chose == {ablating.RATE_SEED}
    assert len(judged) == 6
    assert ablating.RATE_SEED not in judged


def test_worth_is_the_difference_of_the_two_costs(tmp_path):
    """Positive where having the technique lowers the cost, whether it was taken away or put in."""
    problem = ablating.with_raw_folds(fake.question(rows=600, dev=300))
    found = take_apart(tmp_path, problem, World(problem, known))

    assert {one.technique.present for one in found.worths} == {True, False}
    for one in found.worths:
        np.testing.assert_allclose(one.gain.value, one.without_cost - one.with_cost, rtol=1e-9)
        np.testing.assert_allclose(one.error_gain.value, one.gain.value, rtol=1e-9)  # RMSE chooses and is the error


def test_the_order_in_which_trainings_end_changes_nothing(tmp_path):
    problem = ablating.with_raw_folds(fake.question(rows=600, dev=300, folds=2))
    forwards = take_apart(tmp_path / "a", problem, World(problem, known))
    backwards = take_apart(tmp_path / "b", problem, World(problem, known, backwards=True))

    assert forwards == backwards


@pytest.mark.slow
def test_of_100_worlds_where_no_technique_matters_at_most_5_call_any_different(tmp_path):
    """All techniques together; but for the average of seeds, which does help."""
    wrong = 0
    problem = ablating.with_raw_folds(fake.question(rows=250, dev=100))
    for world in range(100):
        made = World(problem, world=world, raw_factor=1.0)
        judged = verdicts(take_apart(tmp_path / str(world), problem, made))
        judged.pop("ensemble")
        wrong += set(judged.values()) != {"no difference seen"}

    assert wrong <= 5


def test_with_two_seeds_there_is_no_average_to_judge(tmp_path):
    """The average of the one other seed is another single network."""
    problem = ablating.with_raw_folds(fake.question(rows=400, dev=200))
    found = take_apart(tmp_path, problem, World(problem, known), seeds=2)

    assert verdicts(found)["ensemble"] == "not judged"
    assert {one.gain.seeds for one in found.worths if one.gain} == {2}


def test_a_training_that_failed_costs_its_technique_a_seed_and_no_other(tmp_path):
    """As when memory ran out under it."""
    problem = ablating.with_raw_folds(fake.question(rows=400, dev=200))
    world = World(problem, known, interrupt=lambda work: work.trial.startswith("bins-s1001"))
    seeds = {name: one.gain.seeds for name, one in of(take_apart(tmp_path, problem, world)).items()}

    assert seeds.pop("bins") == 5
    assert set(seeds.values()) == {6}


@pytest.mark.parametrize(
    ("limit", "folds", "seeds", "all_techniques"),
    [(5000, 5, 6, True), (300, 1, 6, True), (200, 1, 4, True), (30, 1, 2, False)],
)
def test_time_cuts_folds_then_seeds_then_techniques(limit, folds, seeds, all_techniques, tmp_path):
    """A training of one fold takes 1.6 s here, and an ablation 32 s for each seed and fold."""
    problem = ablating.with_raw_folds(fake.question(rows=500, folds=5))
    session = fake.session(tmp_path, World(problem, known), limit=float(limit))
    found, _ = ablations.techniques(ablations.Network(NETWORK, 4))
    for configuration in (NETWORK, replace(NETWORK, norm="none"), replace(NETWORK, bins=0)):
        session.costs.per_step[configuration.program] = 1.6 / 280
    with session.database:
        plan = ablating.affordable(session, problem, NETWORK, found, 6)

    assert (plan.folds, plan.seeds, plan.rows) == (folds, seeds, None)
    assert (plan.techniques == len(found)) is all_techniques


def test_raw_folds_have_the_rows_of_their_folds_and_unscaled_columns():
    """Imputed and encoded as before; the delivered preparation is not touched."""
    problem = fake.question(rows=300, folds=3)
    raw = ablating.with_raw_folds(problem)

    assert raw.folds[:3] == problem.folds
    for fold in problem.screening:
        variant = raw.folds[ablating.raw(raw, fold)]
        assert variant.rows == problem.folds[fold].rows
        x = variant.preparation.transform(problem.table).x
        np.testing.assert_allclose(x[:, 0], problem.table["x0"].values, rtol=1e-6)


def test_an_average_of_a_part_of_the_rows_keeps_its_name(tmp_path):
    """Work on a part of the rows is named so, that the same arm on all rows is not mistaken for it."""
    problem = ablating.with_raw_folds(fake.question(rows=400, dev=200))
    world = World(problem, known)
    session = fake.session(tmp_path, world)
    with session.database:
        bench.Bench(session, problem, (0,), 1.0, 100).train({"arm": NETWORK}, (0,), places={"arm": (1,)})

    assert [(item.trial, item.fold, item.rows) for item in world.done] == [("arm-of100-s0-f1", 1, 100)]
