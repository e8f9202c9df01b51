"""Stage 6: the first network, and the verdict on any network: where its error comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from burnish.diagnosis import bias_variance, budget, telemetry
from burnish.diagnosis.budget import ErrorBudget, Errors
from burnish.diagnosis.finding import Finding
from burnish.stats.interval import Interval
from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Outcome
from burnish.workflow import candidates, pacing, start
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

# One of its trainings is looked at from inside, from this time limit on, in seconds: the compilation takes about one,
# of a network for images a dozen.
LOOKING_FROM = {"tables": 40.0, "images": 480.0}
# The first network may use this share of the budget: without it there is nothing to improve.
FIRST_ENDS = 0.85
# Share of the time at which the first network on images should have ended, by what its epochs are expected to take.
FIRST_TAKES = 0.6


@dataclass(frozen=True, slots=True)
class Verdict:
    """One network, its errors, and what they say."""

    candidate: Candidate
    errors: Errors
    budget: ErrorBudget
    findings: tuple[Finding, ...]
    training: tuple[Finding, ...] = ()  # what its steps showed from inside, where it was looked at


Judge = Callable[[Candidate], Verdict]


def first(session: Session, problem: Problem) -> tuple[Problem, Configuration, list[Candidate]]:
    """Train the first network on every screening fold, for as many epochs as there are; no candidates if for none.

    Where the time is not enough for every fold, the problem is narrowed to the folds that it was enough for; where it
    is not enough for experiments on all training rows, to a part of these.
    """
    configuration = start.configuration(problem, session.settings.start)
    if problem.inputs.image is not None and session.settings.start is None and session.budget.limit is not None:
        pace = pacing.of_first(session, problem, configuration, until_share=FIRST_TAKES)
        configuration, problem = replace(configuration, epochs=pace.epochs), replace(problem, part=pace.rows)
    each = session.budget.epochs_left / len(problem.screening)
    if each < 1:
        return problem, configuration, []
    if each < configuration.epochs:
        session.say(
            Stage.FIRST,
            _shortened(session.budget.epochs_left, int(each), configuration.epochs),
            warning=True,
            lasting=True,
        )
        configuration = replace(configuration, epochs=int(each))
    name = "first"
    seeds = candidates.FIRST_SEEDS if problem.split.screen == 1 else candidates.FIRST_SEEDS[:1]
    work = candidates.plan(name, configuration, seeds=seeds, folds=problem.screening, rows=problem.part)
    if session.budget.limit is None or session.budget.limit >= LOOKING_FROM[problem.of]:
        work = [replace(work[0], observed=True), *work[1:]]
    outcomes = session.train(problem, work, Stage.FIRST, until_share=FIRST_ENDS)
    trained = session.budget.decide(
        "folds of the first network", lambda: None if _cut_off(outcomes) else _folds_trained(problem, outcomes, name)
    )
    if trained is None:
        return problem, configuration, []
    if 0 < trained < problem.split.screen:
        planned, problem = problem.split.screen, problem.narrowed(trained)
        rows = len(problem.dev_rows(problem.screening))
        said = f"Only {trained} of {planned} folds came to a network in time: their {rows:,} dev rows judge all models."
        session.say(Stage.FIRST, said, warning=True, lasting=True)
    gathered = [candidates.gather(problem, name, configuration, seed=s, outcomes=outcomes) for s in seeds]
    made = [candidate for candidate in gathered if candidate is not None]
    if said := _ended_by_the_clock(made):
        session.say(Stage.FIRST, said, warning=True, lasting=True)
    return problem, configuration, made


def _ended_by_the_clock(made: Sequence[Candidate]) -> str:
    """That the time was up before the first network's trainings had come to their end, and how far they were; "" else.

    High bias may then be no more than that.
    """
    cut = sorted(round(o.epochs) for one in made for o in one.outcomes if o.ending is Ending.INTERRUPTED)
    if not cut:
        return ""
    reached = f"{cut[0]:,}" if cut[0] == cut[-1] else f"{cut[0]:,} to {cut[-1]:,}"
    return (
        f"The clock cut the first network's training off after {reached} of at most {made[0].configuration.epochs:,} "
        "epochs: with more time it may fit better."
    )


def _cut_off(outcomes: Mapping[str, Outcome]) -> bool:
    """Whether the time ended before any network was judged once, as in an epoch of many images: there is no verdict
    on starting weights."""
    return all(o.ending is Ending.INTERRUPTED and not np.isfinite(o.dev_loss) for o in outcomes.values())


def _folds_trained(problem: Problem, outcomes: Mapping[str, Outcome], name: str) -> int:
    """How many of the first folds gave a network: as many as there are, if the clock did not come between."""

    def trained(fold: int) -> bool:
        outcome = outcomes.get(candidates.trial(name, candidates.FIRST_SEEDS[0], fold))
        return outcome is not None and outcome.ending is not Ending.FAILED and bool(np.isfinite(outcome.dev_loss))

    return next((k for k, fold in enumerate(problem.screening) if not trained(fold)), problem.split.screen)


def _shortened(left: float, each: int, wanted: int) -> str:
    lets = f"--max-epochs {left:.0f} lets the first network train for {each} of its {wanted} epochs"
    return f"{lets}: raise it for a better one."


def verdict(
    session: Session,
    problem: Problem,
    candidate: Candidate,
    others: Mapping[str, Interval],
    *,
    conflicting: float,
) -> Verdict:
    """Where a network's error comes from.

    Args:
        session: Holds the baseline error that the person gave, if any.
        problem: The question.
        candidate: The network.
        others: Dev errors of the baselines, which bound the floor from above.
        conflicting: The error that conflicting rows force on any model.
    """
    train, dev, train_dev = candidates.measured(problem, candidate)
    errors = Errors(dev.name, train.estimate, dev.estimate, None if train_dev is None else train_dev.estimate)
    # Where dev comes from elsewhere it says nothing of the least error on rows like the training ones.
    known = {**others, "the network": dev.estimate} if train_dev is None else {"the network": train_dev.estimate}
    floor = budget.floor(session.settings.baseline_error, known, conflicting_floor=conflicting)
    deviation = float(np.std(problem.judge.truth)) if problem.task == "regression" else None
    found = budget.error_budget(errors, floor, practical=budget.practical_size(errors.dev.value, deviation))
    training = tuple(finding for outcome in candidate.outcomes for finding in telemetry.read(outcome.telemetry))
    return Verdict(candidate, errors, found, bias_variance.verdict(found), training)


def tell(session: Session, stage: Stage, made: Verdict, name: str) -> None:
    """Say the verdict in a line or two."""
    e = made.errors
    session.say(stage, f"{name}: {e.name} {e.train.value:.4g} on train, {e.dev.value:.4g} on dev.")
    if made.budget.floor.surpassed:
        session.say(stage, made.budget.floor.reason)
    for finding in (*made.findings, *made.training):
        session.say(stage, f"{finding.code} {finding.title}: {finding.evidence}")


def worth_saying(findings: Sequence[Finding]) -> str:
    """What holds a network back, a sentence for each finding."""
    return (". ".join(finding.title.rstrip(".") for finding in findings) or "Nothing found") + "."
