"""Stage 9: what is delivered, what it promises, and the test set, opened once."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data.counting import Counting
from burnish.diagnosis import budget as budgets
from burnish.predictor import weights
from burnish.predictor.predictor import Member, Predictor
from burnish.predictor.simple import AnyPredictor, SimplePredictor
from burnish.recipe import ensemble
from burnish.report import wording
from burnish.report.summary import Delivered, Metric
from burnish.stats import interval
from burnish.train.fold_data import TargetScale
from burnish.workflow import candidates, comparing, preparing, promising, scoring
from burnish.workflow.baselines import DELIVERABLE, Baselines, Simple
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.promising import Honest
from burnish.workflow.session import Session
from burnish.workflow.settings import CHOOSES_BY

# Candidates that the selection chooses from: the best ones; more would slow prediction and add nothing (their shares
# are 0).
POOL = 12
# Networks that are trained on every rotation of train and dev, at least and at most. With fewer, an average of several
# networks of one rotation is worth as much.
LEAST_ROTATED, MOST_ROTATED = 2, 12
# Why a simple model is delivered although there are networks.
NOT_BEATEN = "No network beat it on rows that did not choose"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The networks that are delivered and what their dev rows say."""

    members: tuple[tuple[Candidate, float], ...]  # with shares
    folds: tuple[int, ...]  # that each member was trained on
    dev: NDArray[np.float64]  # dev predictions of the average, folds stacked
    single: bool  # one network is as good as the average
    honest: NDArray[np.float64]  # choosing losses of dev rows under choices that they had no part in
    errors: Honest  # their errors under the same choices


def choose(problem: Problem, pool: Sequence[Candidate], *, folds: Sequence[int], seed: int) -> Chosen:
    """An average of the best networks, where rows that did not choose it say that it beats the best single one.

    Args:
        problem: The question.
        pool: Candidates trained on all of `folds`.
        folds: Whose dev rows choose.
        seed: Of the parts of dev that check the choice.
    """
    judge, rows = problem.judge, problem.dev_rows(folds)
    ranked = sorted(pool, key=lambda candidate: (candidate.cost, candidate.key))
    predictions = [candidate.dev.astype(np.float64) for candidate in ranked]
    if judge.metric in ("log_loss", "auc"):
        # The log-loss looks at the true class's probability alone, which averages like all of them.
        truth, row_weights = judge.truth[rows].astype(np.int64)[:, None], judge.row_weights(rows)
        seen = np.stack([np.take_along_axis(predicted, truth, axis=1) for predicted in predictions])

        def losses(average: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
            return -np.log(np.maximum(average[:, 0], budgets.PROBABILITY_FLOOR)) * row_weights[places]

    else:
        seen = np.stack(predictions)

        def losses(average: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
            return judge.losses(average, rows[places])

    def errors(average: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
        return judge.measured(average, rows[places]).error

    selection = ensemble.select(seen, losses, most=POOL, seed=seed, groups=problem.dev_groups(folds))
    averaged, alone = (selection.honest(seen, losses, single=single) for single in (False, True))
    single = float(alone.mean()) <= float(averaged.mean())
    shares = np.eye(len(ranked))[0] if single else selection.shares
    members = tuple((ranked[i], float(shares[i])) for i in np.argsort(-shares, kind="stable") if shares[i] > 0)
    return Chosen(
        members,
        tuple(folds),
        dev=ensemble.mixture(predictions, shares),
        single=single,
        honest=alone if single else averaged,
        errors=Honest(
            selection.dealt(predictions, errors, single=single), selection.by_all(predictions, errors, single=single)
        ),
    )


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
    made: list[Candidate] = []
    while ordered and len(made) < MOST_ROTATED:  # prices err, so what is left is looked at again after each batch
        able = functools.partial(_affordable, session, problem, ordered[: MOST_ROTATED - len(made)], spare, until_share)
        count = session.budget.decide(f"networks trained on every rotation, after {len(made)}", able)
        if not count or len(made) + count < LEAST_ROTATED:
            break
        if not made:
            for fold in spare:
                preparing.write_fold(session, problem, fold)
        which = f"{count} more" if made else f"the best {count}"
        session.say(Stage.FINISH, f"Training {which} networks on the other {len(spare)} rotations of train and dev.")
        made += _rotate(session, problem, ordered[:count], (*screening, *spare), until_share)
        ordered = ordered[count:]
    if len(made) < LEAST_ROTATED:
        return first
    return choose(problem, made, folds=(*screening, *spare), seed=seed)


def _rotate(
    session: Session, problem: Problem, batch: Sequence[Candidate], folds: tuple[int, ...], until_share: float
) -> list[Candidate]:
    """The same candidates, trained on all of `folds`; those that the clock left without one of them are left out."""
    work = [
        item
        for candidate in batch
        for item in candidates.plan(candidate.name, candidate.configuration, seeds=(candidate.seed,), folds=folds)
    ]
    outcomes = session.train(problem, work, Stage.FINISH, until_share=until_share)
    found = (
        candidates.gather(problem, c.name, c.configuration, seed=c.seed, outcomes=outcomes, folds=folds) for c in batch
    )
    return [candidate for candidate in found if candidate is not None]


def _affordable(
    session: Session, problem: Problem, ordered: Sequence[Candidate], rotations: Sequence[int], until_share: float
) -> int:
    """How many of the ordered candidates, the first in line, can be trained on these rotations.

    Each is expected to stop as early as it did on the screening folds.
    """
    left, count = session.budget.left(until_share), 0
    for candidate in ordered:
        trained = float(np.mean([outcome.epochs for outcome in candidate.outcomes]))
        stopped = trained / candidate.configuration.epochs
        left -= stopped * session.price(problem, candidate.configuration, folds=len(rotations))
        if left < 0:
            break
        count += 1
    return count


def build(problem: Problem, chosen: Chosen) -> Predictor:
    """The delivered predictor: each member's networks, one a fold, share its share."""
    networks = []
    for candidate, share in chosen.members:
        shape = problem.architecture(candidate.configuration)
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
    part: Literal["test", "dev"]  # whose rows and predictions these are: test where there is one
    rows: NDArray[np.int64]
    predictions: NDArray[np.float64]
    dev_rows: int = 0  # that `dev` and `dev_raw` come from


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
    excess: Mapping[str, interval.Interval] = field(default_factory=dict)  # over each simple model's dev error


def finish(session: Session, problem: Problem, chosen: Chosen | None, baselines: Baselines) -> Finished:
    """Settle what is delivered, promise its error, and open the test set, once.

    Args:
        session: Tells.
        problem: The question.
        chosen: The networks; None where none was trained, and the best simple model is delivered.
        baselines: The simple models.

    Raises:
        DataError: There is neither a network nor a simple model.
    """
    simple, error_name = _simpler(problem, chosen, baselines), problem.judge.error_name
    predictor: AnyPredictor
    if simple is None and chosen is None:
        raise errors.DataError(
            "Nothing could be trained.", "Neither a network nor a simple model came to an end.", "Raise --time-limit."
        )
    if simple is None:
        assert chosen is not None
        predictor, delivered, judged = _network(problem, chosen)
        count = delivered.members
        what = f"Delivering {'one network' if count == 1 else f'an average of {count} networks'}"
    else:
        why = NOT_BEATEN if chosen is not None else wording.without_network(session.trials)
        why = f"{why}.{_chosen_by(problem, baselines, simple)}"
        predictor, delivered, judged = _simple(problem, baselines, simple, why=why)
        what = f"{delivered.reason} Delivering the {simple} baseline"
    excess = comparing.excess(problem, _errors(problem, chosen, baselines, delivered), baselines)
    excess.pop(delivered.what, None)  # it is this model itself
    predictor = replace(predictor, counting=Counting(session.settings.group, session.settings.weight))
    session.say(Stage.FINISH, f"{what}; promised {error_name} {_span(judged.dev)}.")
    test = problem.split.test
    if test is None:
        return Finished(predictor, delivered, judged, (), excess)
    predictions = predictor.predict(problem.table.take(test))
    found = problem.judge.measured(predictions, test).estimate
    session.say(Stage.FINISH, f"Test set opened: {error_name} {_span(found)}.")
    judged = replace(judged, test=found, part="test", rows=test, predictions=predictions)
    metrics = scoring.metrics(problem.judge, predictions, test, problem.target)
    return Finished(predictor, delivered, judged, metrics, excess)


def _errors(problem: Problem, chosen: Chosen | None, baselines: Baselines, delivered: Delivered) -> NDArray[np.float64]:
    """Of what is delivered, on the screening folds' dev rows, under choices that each row had no part in."""
    rows = problem.dev_rows(problem.screening)
    if chosen is not None and delivered.what == "network":
        return chosen.errors.errors[: len(rows)]  # the screening folds' rows come first
    return problem.judge.measured(baselines.dev[delivered.what], rows).error


def _network(problem: Problem, chosen: Chosen) -> tuple[Predictor, Delivered, Judged]:
    """The chosen networks, and their errors before the test set is opened."""
    predictor, rows = build(problem, chosen), problem.dev_rows(chosen.folds)
    raw = problem.judge.measured(chosen.dev, rows)
    promised = promising.promise(raw, chosen.errors, promising.fresh_rows(problem, predictor, rows))
    train, train_dev = train_predictions(problem, chosen)
    held = None if train_dev is None else train_dev.estimate
    judged = Judged(train.estimate, held, promised, raw.estimate, None, "dev", rows, chosen.dev, len(rows))
    return predictor, Delivered("network", len(predictor.members), predictor.parameters), judged


def _simple(
    problem: Problem, baselines: Baselines, name: Simple, *, why: str
) -> tuple[SimplePredictor, Delivered, Judged]:
    """A simple model, and its errors before the test set is opened. Nothing chose it by its dev error but one look."""
    judge, rows = problem.judge, problem.dev_rows(problem.screening)
    folds = [problem.folds[k] for k in problem.screening]
    preparations = tuple(fold.preparation for fold in folds)
    predictor = SimplePredictor(problem.target, preparations, baselines.fitted[name], problem.inputs)

    def learned(parts: Sequence[NDArray[np.int64] | None]) -> interval.Interval | None:
        """Error of each fold's model on rows of that fold."""
        known = [(number, part) for number, part in enumerate(parts) if part is not None]
        if not known:
            return None
        predicted = [predictor.predict_by(number, problem.table.take(part)) for number, part in known]
        return judge.measured(np.concatenate(predicted), np.concatenate([part for _, part in known])).estimate

    train = learned([fold.sample for fold in folds])
    assert train is not None
    raw = judge.measured(baselines.dev[name], rows)
    promised = promising.promise(raw, promising.plain(raw), promising.fresh_rows(problem, predictor, rows))
    held = learned([fold.rows.train_dev for fold in folds])
    judged = Judged(train, held, promised, raw.estimate, None, "dev", rows, baselines.dev[name], len(rows))
    return predictor, Delivered(name, len(folds), 0, why), judged


def _simpler(problem: Problem, chosen: Chosen | None, baselines: Baselines) -> Simple | None:
    """A simple baseline whose dev cost the networks do not beat on rows that did not choose them."""
    rows = problem.dev_rows(problem.screening)
    costs: dict[Simple, float] = {
        name: problem.judge.cost(problem.judge.losses(baselines.dev[name], rows))
        for name in DELIVERABLE
        if name in baselines.dev
    }
    if not costs:
        return None
    best = min(costs, key=lambda name: costs[name])
    if chosen is None:
        return best
    honest = chosen.honest[: len(rows)]  # the screening folds' rows come first
    return best if costs[best] <= problem.judge.cost(honest) else None


def _chosen_by(problem: Problem, baselines: Baselines, name: Simple) -> str:
    """What chose a simple model, where another one has a lower error: costs and errors may differ. "" elsewhere."""
    known = baselines.errors
    if all(known[name].value <= known[other].value for other in DELIVERABLE if other in known):
        return ""
    return f" Of the simple models it has the lowest {CHOOSES_BY[problem.judge.metric]}, which is what chooses."


def _span(found: interval.Interval) -> str:
    return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"
