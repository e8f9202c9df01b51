"""Stage 8: random search on the right scales, coarse to fine, the weak stopped early."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Outcome
from burnish.tune import halving, sampler, space
from burnish.workflow import candidates
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

# Share of the search that compiling may take, and programs that it may use at most.
COMPILE_SHARE = 0.15
MOST_PROGRAMS = 16
# Draws of the coarse part, of all draws; the others are drawn around the best of them.
COARSE_SHARE = 2 / 3
# One draw in ETA goes on from the first rung to the last.
ETA = 3
# Where one dev part judges, the first rung is this share of the epochs; where folds do, it is the first fold in full.
FIRST_RUNG = 1 / 3
LEAST_DRAWS, MOST_DRAWS = 6, 400


@dataclass(frozen=True, slots=True)
class Drawn:
    """One draw of the search and how far it came."""

    name: str
    configuration: Configuration
    random: bool  # an independent draw, not drawn around earlier results
    cost: float  # dev cost at the first rung, in the metric's unit; infinite where it diverged
    full: bool  # trained for all its epochs at the first rung


@dataclass(frozen=True, slots=True)
class Search:
    """What was searched and what survived."""

    space: space.Space
    draws: tuple[Drawn, ...]
    survivors: tuple[Candidate, ...]
    programs: int


def search(session: Session, problem: Problem, centre: Configuration, *, until_share: float) -> Search | None:
    """Search around `centre` for as long as the budget's share lasts; None where it does not last for a handful of draws.

    Args:
        session: Executes.
        problem: The question.
        centre: The best configuration so far.
        until_share: The search ends when this share of the budget is used.
    """
    budget = session.budget
    free = space.default(problem.task, problem.training_rows, problem.inputs, centre=centre)
    limit = int(budget.decide("search programs", lambda: _programs(session, until_share)))
    programs = sampler.programs(free, limit, centre)
    bounded = free.within(programs)
    count = int(budget.decide("search draws", lambda: _draws(session, problem, programs, until_share)))
    if count < LEAST_DRAWS:
        session.say(Stage.TUNE, "No time is left for a search.")
        return None
    coarse = max(LEAST_DRAWS, round(COARSE_SHARE * count))
    session.say(
        Stage.TUNE,
        f"Random search: {count} draws around the best so far, {len(programs)} network shapes, then the best third in full.",
    )
    seed = session.settings.seed
    draws = _rung(session, problem, sampler.random(bounded, coarse, seed=seed), first=0, until_share=until_share)
    if count > coarse:
        results = [(drawn.configuration, drawn.cost) for drawn in draws]
        fine = sampler.refine(bounded, results, seed=seed, n=count - coarse, first=coarse)
        draws += _rung(session, problem, fine, first=coarse, until_share=until_share, random=False)
    scores = {drawn.name: drawn.cost for drawn in draws if math.isfinite(drawn.cost)}
    names = halving.survivors(scores, max(1, len(draws) // ETA))
    survivors = _finalists(session, problem, [d for d in draws if d.name in set(names)], until_share)
    used = {drawn.configuration.program for drawn in draws}
    return Search(bounded, tuple(draws), tuple(survivors), len(used))


def _programs(session: Session, until_share: float) -> int:
    left = session.budget.left(until_share)
    if session.budget.limit is None:
        return MOST_PROGRAMS // 2
    # Each worker compiles most programs for itself.
    return max(1, min(MOST_PROGRAMS, int(COMPILE_SHARE * left / session.costs.compile_seconds / session.budget.jobs)))


def _draws(session: Session, problem: Problem, programs: Sequence[Configuration], until_share: float) -> int:
    prices = [session.price(problem, program) for program in programs]
    once = sum(prices) / len(prices)
    folds = problem.split.screen
    each = once * (1 + (folds - 1) / ETA) if folds > 1 else once * (FIRST_RUNG + (1 - FIRST_RUNG) / ETA)
    return max(0, min(MOST_DRAWS, int(session.budget.left(until_share) / each)))


def _rung(
    session: Session,
    problem: Problem,
    configurations: Sequence[Configuration],
    *,
    first: int,
    until_share: float,
    random: bool = True,
) -> list[Drawn]:
    """The first rung: one fold in full, or a share of the epochs."""
    share = 1.0 if problem.split.screen > 1 else FIRST_RUNG
    named = {f"draw{first + i:03d}": configuration for i, configuration in enumerate(configurations)}
    work = [
        item
        for name, configuration in named.items()
        for item in candidates.plan(name, configuration, seeds=(0,), folds=(0,), share=share)
    ]
    outcomes = session.train(problem, work, Stage.TUNE, until_share=until_share)
    rows = problem.folds[0].rows.dev
    draws = []
    for name, configuration in named.items():
        outcome = outcomes.get(candidates.trial(name, 0, 0))
        if outcome is None or outcome.ending is Ending.INTERRUPTED:
            continue
        failed = outcome.ending in (Ending.DIVERGED, Ending.FAILED)
        cost = math.inf if failed else problem.judge.cost(problem.judge.losses(outcome.dev, rows))
        draws.append(Drawn(name, configuration, random, cost, outcome.ending is not Ending.PAUSED))
    return draws


def _finalists(session: Session, problem: Problem, chosen: Sequence[Drawn], until_share: float) -> list[Candidate]:
    """The last rung: survivors trained in full on every screening fold, the best first in line."""
    ranked = sorted(chosen, key=lambda drawn: (drawn.cost, drawn.name))
    work = [
        item
        for drawn in ranked
        for item in candidates.plan(drawn.name, drawn.configuration, seeds=(0,), folds=problem.screening)
    ]
    outcomes: Mapping[str, Outcome] = session.train(problem, work, Stage.TUNE, until_share=until_share)
    made = [candidates.gather(problem, d.name, d.configuration, seed=0, outcomes=outcomes) for d in ranked]
    return [candidate for candidate in made if candidate is not None]
