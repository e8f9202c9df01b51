"""The search on made-up outcomes: rounds, rungs and means; and the learning curve beside it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import workflow_fake as fake

from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Work
from burnish.workflow import learning, tuning
from burnish.workflow.problem import Problem


def distance(configuration: Configuration) -> float:
    """Networks are the better the nearer the learning rate is to 0.003."""
    return 0.3 + 0.5 * abs(math.log10(configuration.learning_rate / 3e-3))


def search(path: Path, problem: Problem, executor: fake.Fake, **asked) -> tuning.Search | None:
    """The search alone, with the whole of the budget but what `until_share` keeps."""
    session = fake.session(path, executor, **asked)
    with session.database:
        return tuning.search(session, problem, fake.CENTRE, until_share=0.9)


def spent(executor: fake.Fake) -> float:
    """Epochs over all trials; one that goes on from a rung is paid for once."""
    furthest: Counter[str] = Counter()
    for work in executor.done:
        furthest[work.trial] = max(furthest[work.trial], work.until)
    return sum(furthest.values())


@pytest.mark.parametrize("folds", [1, 3])
def test_the_search_finds_the_better_region_and_closes_in(folds, tmp_path):
    """Later rounds draw nearer to the optimum than the first, and the best survivor is near it."""
    problem = fake.question(folds=folds)
    found = search(tmp_path, problem, fake.Fake(problem, distance), max_epochs=8000)
    first = [distance(d.configuration) for d in found.draws if d.random]
    later = [distance(d.configuration) for d in found.draws if not d.random]
    best = min(found.survivors, key=lambda candidate: candidate.cost)

    assert len(first) >= tuning.LEAST_DRAWS
    assert len(later) >= tuning.LEAST_DRAWS
    assert np.mean(later) < np.mean(first) - 0.03
    assert distance(best.configuration) < np.quantile(first, 0.3)


def test_the_first_rung_stops_most_and_the_best_go_on_in_full(tmp_path):
    """One dev part: a third of the epochs, then the best third (and the best of each shape) to the end."""
    problem = fake.question()
    executor = fake.Fake(problem, distance)
    found = search(tmp_path, problem, executor, max_epochs=4000)
    untils = {work.trial: sorted(w.until for w in executor.done if w.trial == work.trial) for work in executor.done}
    survivors = {candidate.name for candidate in found.survivors}

    assert {d.name for d in found.draws} == {trial.removesuffix("-s0-f0") for trial in untils}
    for draw in found.draws:
        epochs = draw.configuration.epochs
        third = math.ceil(tuning.FIRST_RUNG * epochs)
        assert untils[f"{draw.name}-s0-f0"] == ([third, epochs] if draw.name in survivors else [third])
    assert len(found.draws) / 5 < len(survivors) < len(found.draws) / 1.5
    # Of the first round, those with the lowest costs are among the survivors.
    ranked = sorted((d for d in found.draws if d.random), key=lambda d: d.cost)
    assert {d.name for d in ranked[: len(ranked) // tuning.ETA]} <= survivors


def test_with_folds_the_first_rung_is_the_first_fold_in_full(tmp_path):
    """Every draw is trained to its end on fold 0; only survivors see the others."""
    problem = fake.question(folds=3)
    executor = fake.Fake(problem, distance)
    found = search(tmp_path, problem, executor, max_epochs=4000)
    seen: dict[str, set[int]] = {}
    for work in executor.done:
        seen.setdefault(work.trial.rsplit("-s", 1)[0], set()).add(work.fold)
    survivors = {candidate.name for candidate in found.survivors}

    assert all(work.until == work.configuration.epochs for work in executor.done)
    assert all(folds == ({0, 1, 2} if name in survivors else {0}) for name, folds in seen.items())
    assert all(draw.full for draw in found.draws)


@pytest.mark.slow
@pytest.mark.parametrize("folds", [1, 3, 5])
@pytest.mark.parametrize("epochs", [600, 2000, 12_000])
def test_the_search_keeps_to_its_share_of_the_epochs(folds, epochs, tmp_path):
    """However few they are: a round that is too dear is not begun, and one of longer trainings ends soon after."""
    problem = fake.question(folds=folds)
    executor = fake.Fake(problem, distance)
    search(tmp_path, problem, executor, max_epochs=epochs)

    assert spent(executor) <= epochs


def test_no_draw_is_begun_where_two_cannot_be_paid(tmp_path):
    """None, and nothing trained."""
    problem = fake.question()
    executor = fake.Fake(problem)

    assert search(tmp_path, problem, executor, max_epochs=40) is None
    assert executor.done == []


def test_what_diverges_or_is_cut_short_never_survives(tmp_path):
    """A diverged draw has an infinite cost and is kept in the list; one that the clock cut is no draw."""
    problem = fake.question()

    class Mishaps(fake.Fake):
        def outcome(self, work: Work, cut: bool = False):
            made = super().outcome(work, cut)
            ending = {2: Ending.DIVERGED, 3: Ending.INTERRUPTED, 4: Ending.FAILED}
            number = int(work.trial[4:7])
            return made if number not in ending else replace(made, ending=ending[number])

    found = search(tmp_path, problem, Mishaps(problem, distance), max_epochs=2000)
    costs = {draw.name: draw.cost for draw in found.draws}
    survivors = {candidate.name for candidate in found.survivors}

    assert costs["draw002"] == costs["draw004"] == math.inf
    assert "draw003" not in costs
    assert not {"draw002", "draw003", "draw004"} & survivors
    assert survivors


def test_the_seed_decides_the_draws(tmp_path):
    """The same seed gives the same draws, another one others."""
    problem = fake.question()
    one, same, other = (
        search(tmp_path / name, problem, fake.Fake(problem, distance), max_epochs=1500, seed=seed)
        for name, seed in (("one", 0), ("same", 0), ("other", 1))
    )

    assert one.draws == same.draws
    assert {d.configuration for d in one.draws}.isdisjoint({d.configuration for d in other.draws})


def curve(path: Path, problem: Problem, executor: fake.Fake, **asked) -> learning.Learned | None:
    session = fake.session(path, executor, **asked)
    with session.database:
        return learning.curve(session, problem, fake.CENTRE, until_share=0.9)


class Learning(fake.Fake):
    """More rows, less noise: by the root of their number."""

    def everywhere(self, work: Work, worse: float = 1.0):
        full = len(self.problem.folds[work.fold].rows.train)
        return super().everywhere(work, worse * math.sqrt(full / (work.rows or full)))


def test_the_learning_curve_trains_every_size_for_equally_many_steps(tmp_path):
    """Sizes up to all rows, three seeds each, as many mini-batches for each, λ in proportion to the rows."""
    problem = fake.question(rows=2000, dev=400)
    executor = Learning(problem, shared=0.3, luck=0.01)
    learned = curve(tmp_path, problem, executor)
    steps = {work.trial: work.until * math.ceil(work.rows / work.configuration.batch_size) for work in executor.done}

    assert learned.sizes[-1] == 1600
    assert Counter(work.rows for work in executor.done) == dict.fromkeys(learned.sizes, learning.SEEDS)
    assert max(steps.values()) < 1.1 * min(steps.values())
    assert [error.value for error in learned.errors] == sorted((e.value for e in learned.errors), reverse=True)
    assert learned.forecast.given
    assert learned.forecast.points[2.0].error.value < learned.errors[-1].value


def test_the_learning_curve_keeps_to_its_share_of_the_epochs(tmp_path):
    """Small sizes take many epochs for the same steps: these are what is paid, whatever the size."""
    problem = fake.question(rows=2000, dev=400)
    for epochs in (1_000, 3_000, 6_000, 9_000, 12_000):
        executor = Learning(problem)
        curve(tmp_path / str(epochs), problem, executor, max_epochs=epochs)

        assert spent(executor) <= learning.LARGEST_SHARE * 0.9 * epochs


@pytest.mark.parametrize("ending", [Ending.INTERRUPTED, Ending.DIVERGED, Ending.FAILED])
def test_a_learning_curve_with_a_broken_point_is_not_told(ending, tmp_path):
    """One training that did not end by itself, and there is no curve."""
    problem = fake.question(rows=2000, dev=400)

    class Broken(fake.Fake):
        def outcome(self, work: Work, cut: bool = False):
            made = super().outcome(work, cut)
            return replace(made, ending=ending) if work.trial.startswith("curve800-s1") else made

    assert curve(tmp_path, problem, Broken(problem)) is None


def test_few_rows_have_no_learning_curve(tmp_path):
    """Sizes below sixteen rows say nothing."""
    problem = fake.question(rows=80, dev=40)
    executor = fake.Fake(problem)

    assert curve(tmp_path, problem, executor) is None
    assert executor.done == []
