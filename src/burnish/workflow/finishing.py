"""Stage 9: what is delivered, what it promises, and the test set, opened once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish.diagnose import budget as budgets
from burnish.predictor import weights
from burnish.predictor.predictor import Member, Predictor
from burnish.predictor.simple import AnyPredictor, SimplePredictor
from burnish.recipe import ensemble
from burnish.recipe.ensemble import Selection
from burnish.report.summary import Delivered, Metric
from burnish.stats import interval
from burnish.train import hyperparameters
from burnish.train.fold_data import TargetScale
from burnish.workflow import candidates, preparing, scoring
from burnish.workflow.baselines import DELIVERABLE, Baselines
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

# Candidates that the selection chooses from: the best ones; more would slow prediction and add nothing (their shares
# are 0).
POOL = 12
# Networks that are trained on every rotation of train and dev, at least and at most. With fewer, an average of several
# networks of one rotation is worth as much.
LEAST_ROTATED, MOST_ROTATED = 2, 8


@dataclass(frozen=True, slots=True)
class Chosen:
    """The networks that are delivered and what their dev rows say."""

    members: tuple[tuple[Candidate, float], ...]  # with shares
    folds: tuple[int, ...]  # that each member was trained on
    selection: Selection
    dev: NDArray[np.float64]  # dev predictions of the average, folds stacked
    single: bool  # one network is as good as the average

    @property
    def honest(self) -> NDArray[np.float64]:
        """Choosing losses of dev rows under choices that they had no part in."""
        return self.selection.honest_single if self.single else self.selection.honest


def choose(problem: Problem, pool: Sequence[Candidate], *, folds: Sequence[int], seed: int) -> Chosen:
    """An average of the best networks, where rows that did not choose it say that it beats the best single one.

    Args:
        problem: The question.
        pool: Candidates trained on all of `folds`.
        folds: Whose dev rows choose.
        seed: Of the halves of dev that check the choice.
    """
    ranked = sorted(pool, key=lambda candidate: (candidate.cost, candidate.key))[:POOL]
    predictions = np.stack([candidate.dev.astype(np.float64) for candidate in ranked])
    rows = problem.dev_rows(folds)
    if problem.judge.metric in ("log_loss", "auc"):
        # The log-loss looks at the true class's probability alone, which averages like all of them.
        seen = np.take_along_axis(predictions, problem.judge.truth[rows].astype(np.int64)[None, :, None], axis=2)
        weights = problem.judge.row_weights(rows)

        def losses(average: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
            return -np.log(np.maximum(average[:, 0], budgets.PROBABILITY_FLOOR)) * weights[places]

    else:
        seen = predictions

        def losses(average: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
            return problem.judge.losses(average, rows[places])

    selection = ensemble.select(seen, losses, seed=seed)
    single = float(selection.honest_single.mean()) <= float(selection.honest.mean())
    shares = np.eye(len(ranked))[0] if single else selection.shares
    members = tuple((ranked[i], float(shares[i])) for i in np.argsort(-shares, kind="stable") if shares[i] > 0)
    return Chosen(members, tuple(folds), selection, ensemble.mixture(predictions, shares), single)


def settle(session: Session, problem: Problem, pool: Sequence[Candidate], *, until_share: float) -> Chosen:
    """Choose on the screening folds; then train the chosen on every rotation of train and dev, and choose again.

    So every row trains most of the members, and every row's prediction by those that it did not train helps to choose
    and to promise.
    """
    seed, screening = session.settings.seed, tuple(problem.screening)
    first = choose(problem, pool, folds=screening, seed=seed)
    spare = [k for k in range(len(problem.folds)) if k not in screening]
    if not spare:
        return first
    ordered = [candidate for candidate, _ in first.members]
    ordered += [c for c in sorted(pool, key=lambda c: (c.cost, c.key)) if c.key not in {o.key for o in ordered}]
    count = session.budget.decide(
        "networks trained on every rotation", lambda: _affordable(session, problem, ordered, len(spare), until_share)
    )
    if count < LEAST_ROTATED:
        return first
    session.say(
        Stage.FINISH, f"Training the best {count} networks on the other {len(spare)} rotations of train and dev."
    )
    for fold in spare:
        preparing.write_fold(session, problem, fold)
    everywhere = (*screening, *spare)
    work = [
        item
        for candidate in ordered[:count]
        for item in candidates.plan(candidate.name, candidate.configuration, seeds=(candidate.seed,), folds=everywhere)
    ]
    outcomes = session.train(problem, work, Stage.FINISH, until_share=until_share)
    made = [
        candidates.gather(problem, c.name, c.configuration, seed=c.seed, outcomes=outcomes, folds=everywhere)
        for c in ordered[:count]
    ]
    complete = [candidate for candidate in made if candidate is not None]
    if len(complete) < LEAST_ROTATED:
        return first
    return choose(problem, complete, folds=everywhere, seed=seed)


def _affordable(
    session: Session, problem: Problem, ordered: Sequence[Candidate], rotations: int, until_share: float
) -> int:
    """How many of the ordered candidates can be trained on so many rotations."""
    left, count = session.budget.left(until_share), 0
    for candidate in ordered[:MOST_ROTATED]:
        left -= session.price(problem, candidate.configuration, folds=rotations)
        if left < 0:
            break
        count += 1
    return count


def build(problem: Problem, chosen: Chosen) -> Predictor:
    """The delivered predictor: each member's networks, one a fold, share its share."""
    networks = []
    for candidate, share in chosen.members:
        shape = hyperparameters.architecture(
            candidate.configuration, problem.inputs, outputs=problem.outputs, task=problem.task
        )
        for place, (fold, outcome) in enumerate(zip(chosen.folds, candidate.outcomes, strict=True)):
            coding = problem.folds[fold].target
            scale = TargetScale()
            if problem.task == "regression":
                scale = TargetScale(coding.mean, coding.std, coding.low, coding.high)
            arrays = weights.load(Path(outcome.weights))
            networks.append(Member(place, shape, scale, share / len(chosen.folds), arrays))
    return Predictor(problem.target, tuple(problem.folds[k].preparation for k in chosen.folds), tuple(networks))


@dataclass(frozen=True, slots=True)
class Judged:
    """Errors of what is delivered."""

    train: interval.Interval
    train_dev: interval.Interval | None
    dev: interval.Interval  # the promise: corrected for choosing, for a fresh test set
    dev_raw: interval.Interval
    test: interval.Interval | None
    test_predictions: NDArray[np.float64] | None
    test_rows: NDArray[np.int64] | None


def promise(problem: Problem, chosen: Chosen, *, fresh_rows: int) -> tuple[interval.Interval, interval.Interval]:
    """The dev error corrected for choosing, as a prediction interval for `fresh_rows` fresh rows; and the raw one.

    The correction is made in what choices were made by: the honest losses come from selections that a row had no
    part in. Their excess over the raw losses, relative to them, is carried over to the error.
    """
    judge, rows = problem.judge, problem.dev_rows(chosen.folds)
    raw = judge.measured(chosen.dev, rows)
    raw_cost, honest_cost = judge.cost(judge.losses(chosen.dev, rows)), judge.cost(chosen.honest)
    factor = max(1.0, honest_cost / raw_cost) if raw_cost > 0 else 1.0
    estimate = raw.estimate
    moved = interval.Interval(estimate.value * factor, estimate.low * factor, estimate.high * factor)
    statistic = judge.error_statistic
    return interval.prediction(moved, raw.error, statistic, rows=max(1, fresh_rows)), estimate


def train_predictions(problem: Problem, chosen: Chosen) -> tuple[budgets.Measured, budgets.Measured | None]:
    """Losses of the average on training rows, and on train-dev rows where there are any."""
    judge, folds = problem.judge, [problem.folds[k] for k in chosen.folds]
    parts = [_mixed(chosen, [c.outcomes[i].train for c, _ in chosen.members]) for i in range(len(folds))]
    train = judge.measured(np.concatenate(parts), np.concatenate([fold.sample for fold in folds]))
    rows = [fold.rows.train_dev for fold in folds if fold.rows.train_dev is not None]
    if not rows:
        return train, None
    held = [_mixed(chosen, [c.outcomes[i].train_dev for c, _ in chosen.members]) for i in range(len(folds))]
    return train, judge.measured(np.concatenate(held), np.concatenate(rows))


def _mixed(chosen: Chosen, predictions: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float64]:
    """The members' average of predictions that every member has."""
    stacked = np.stack([p.astype(np.float64) for p in predictions if p is not None])
    return ensemble.mixture(stacked, np.array([share for _, share in chosen.members]))


@dataclass(frozen=True, slots=True)
class Finished:
    """What is delivered, and how it was judged."""

    predictor: AnyPredictor
    delivered: Delivered
    judged: Judged
    test_metrics: tuple[Metric, ...]


def finish(session: Session, problem: Problem, chosen: Chosen, baselines: Baselines) -> Finished:
    """Settle what is delivered, promise its error, and open the test set, once."""
    test = problem.split.test
    promised, raw = promise(problem, chosen, fresh_rows=len(test) if test is not None else len(chosen.dev))
    train, train_dev = train_predictions(problem, chosen)
    networked = build(problem, chosen)
    predictor: AnyPredictor = networked
    count = len(networked.members)
    delivered = Delivered("network", count, networked.parameters)
    simple = _simpler(problem, chosen, baselines)
    if simple is not None:
        predictor = _simple_predictor(problem, baselines, simple)
        error = baselines.errors[simple]
        promised, raw = error, error
        reason = f"No network beat the {simple} baseline on rows that did not choose, so that is what is delivered."
        delivered = Delivered(simple, 1, 0, reason)
        session.say(Stage.FINISH, reason)
    else:
        what = "one network" if count == 1 else f"an average of {count} networks"
        session.say(Stage.FINISH, f"Delivering {what}; promised {problem.judge.error_name} {_span(promised)}.")
    judged_test, predictions = None, None
    metrics: tuple[Metric, ...] = ()
    if test is not None:
        predictions = predictor.predict(problem.table.take(test))
        judged_test = problem.judge.measured(predictions, test).estimate
        metrics = scoring.metrics(problem.judge, predictions, test)
        session.say(Stage.FINISH, f"Test set opened: {problem.judge.error_name} {_span(judged_test)}.")
    judged = Judged(
        train=train.estimate,
        train_dev=None if train_dev is None else train_dev.estimate,
        dev=promised,
        dev_raw=raw,
        test=judged_test,
        test_predictions=predictions,
        test_rows=test,
    )
    return Finished(predictor, delivered, judged, metrics)


def _simpler(problem: Problem, chosen: Chosen, baselines: Baselines) -> Literal["linear", "majority", "mean"] | None:
    """A simple baseline whose dev cost the networks do not beat on rows that did not choose them."""
    rows = problem.dev_rows(problem.screening)
    honest = chosen.honest[: len(rows)]  # the screening folds' rows come first
    costs: dict[Literal["linear", "majority", "mean"], float] = {
        name: problem.judge.cost(problem.judge.losses(baselines.dev[name], rows))
        for name in DELIVERABLE
        if name in baselines.dev
    }
    if not costs:
        return None
    best = min(costs, key=lambda name: costs[name])
    return best if costs[best] <= problem.judge.cost(honest) else None


def _simple_predictor(problem: Problem, baselines: Baselines, name: str) -> SimplePredictor:
    preparations = tuple(problem.folds[k].preparation for k in problem.screening)
    return SimplePredictor(problem.target, preparations, baselines.fitted[name], problem.inputs)


def _span(found: interval.Interval) -> str:
    return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"
