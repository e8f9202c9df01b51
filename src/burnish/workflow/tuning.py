"""Stage 8: random search on the right scales, coarse to fine, the weak stopped early."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Outcome
from burnish.tune import halving, model_based, sampler, space
from burnish.workflow import candidates
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

# Share of the search that compiling may take, and programs that it may use at most.
COMPILE_SHARE = 0.2
MOST_PROGRAMS = 16
DRAWS_PER_PROGRAM = 4
# Programs from which on one of them mixes rows: with fewer, other depths and widths are worth more.
PROGRAMS_WITH_MIXUP = 6
# The search goes in rounds, the first over the whole space, each later one around the best so far. A round may plan
# with this share of what is left, so that a price guessed wrong in one round is put right in the next.
ROUND_SHARE = 0.5
MOST_ROUNDS = 8
# Share of a later round's draws that a model of the results proposes. On two tables, nine rounds, their median cost at
# the first rung lay below that of the draws around the best in every one (log-loss 0.423 to 0.428 against 0.429 to
# 0.434, and 0.324 to 0.338 against 0.366 to 0.386); the others keep the search from staying where the model believes.
MODEL_SHARE = 0.75
# One draw in ETA goes on from the first rung to the last.
ETA = 3
# Where one dev part judges, the first rung is this share of the epochs; where folds do, it is the first fold in full.
FIRST_RUNG = 1 / 3
LEAST_DRAWS, MOST_DRAWS = 2, 400
# A round of fewer draws is not worth a part of the means: it takes all that is left.
ENOUGH_DRAWS = 12


CENTRE = "search centre"  # fact of the run: the configuration that the search began from


@dataclass(frozen=True, slots=True)
class Drawn:
    """One draw of the search and how far it came."""

    name: str
    configuration: Configuration
    random: bool  # an independent draw, not drawn around earlier results
    cost: float  # dev cost at the first rung, in the metric's unit; infinite where it diverged
    error: float  # dev error then
    full: bool  # trained for all its epochs at the first rung


@dataclass(frozen=True, slots=True)
class Search:
    """What was searched and what survived."""

    space: space.Space
    draws: tuple[Drawn, ...]
    survivors: tuple[Candidate, ...]
    programs: int


def search(session: Session, problem: Problem, centre: Configuration, *, until_share: float) -> Search | None:
    """Search around `centre` for as long as the budget's share lasts; None where it does not last for a handful of
    draws.

    Args:
        session: Executes.
        problem: The question.
        centre: The best configuration so far.
        until_share: The search ends when this share of the budget is used.
    """
    budget = session.budget
    if budget.limit is None and budget.left(until_share) <= 0:
        return None  # every epoch is spent; a budget of time is looked at below, where what the clock decides is logged
    free = space.default(problem.task, problem.training_rows, problem.inputs, centre=centre)
    limit = int(budget.decide("search programs", lambda: _programs(session, problem, centre, until_share)))
    bounded = free.within(_shapes(free, centre, limit))
    session.database.set(CENTRE, centre.to_json())
    draws: list[Drawn] = []
    survivors: list[Candidate] = []
    for number in range(MOST_ROUNDS):
        price = functools.partial(_draws, session, problem, centre, 0 if draws else limit, until_share)
        count = int(budget.decide(f"draws of round {number + 1}", price))
        if count < LEAST_DRAWS:
            break
        found = _round(session, problem, bounded, draws, count, until_share)
        draws += found
        survivors += _finalists(session, problem, _promoted(found), until_share)
    if not draws:
        session.say(Stage.TUNE, "Nothing is left of the budget for a search.")
        return None
    used = {drawn.configuration.program for drawn in draws}
    return Search(bounded, tuple(draws), tuple(survivors), len(used))


def _shapes(free: space.Space, centre: Configuration, limit: int) -> tuple[Configuration, ...]:
    """Network shapes to draw from: the centre, then those that err unlike it, then its neighbours in depth and width.

    With and without batch norm, binned inputs and mixup: an average gains most from networks that differ.
    """
    unlike = []
    if "norm" in free.scales:
        unlike.append(replace(centre, norm="none" if centre.norm == "batch" else "batch"))
    if "bins" in free.scales:
        unlike.append(replace(centre, bins=0 if centre.bins else space.BINS[-1]))
    if "mixup" in free.scales and limit >= PROGRAMS_WITH_MIXUP:
        unlike.append(replace(centre, mixup=0.0 if centre.mixup else space.MIXUP))
    near = sampler.programs(free, limit, centre)
    distinct = {shape.program: shape for shape in reversed([centre, *unlike, *near])}
    return tuple(reversed(distinct.values()))[:limit]


def _programs(session: Session, problem: Problem, centre: Configuration, until_share: float) -> int:
    """How many network shapes to draw from: as compiling allows, and with some draws for each."""
    if session.budget.limit is None:
        return MOST_PROGRAMS // 2
    compiled = int(COMPILE_SHARE * session.budget.left(until_share) / session.compiling(1))
    drawn = _draws(session, problem, centre, 0, until_share) // DRAWS_PER_PROGRAM
    return max(1, min(MOST_PROGRAMS, compiled, drawn))


def _draws(session: Session, problem: Problem, centre: Configuration, new_programs: int, until_share: float) -> int:
    """How many draws a round can afford, from its first rung to the last of its survivors."""
    once, folds = session.price(problem, centre), problem.split.screen
    each = once * (1 + (folds - 1) / ETA) if folds > 1 else once * (FIRST_RUNG + (1 - FIRST_RUNG) / ETA)
    left = session.budget.left(until_share) - session.compiling(new_programs)
    part = int(ROUND_SHARE * left / each)
    return max(0, min(MOST_DRAWS, part if part >= ENOUGH_DRAWS else int(left / each)))


def _round(
    session: Session,
    problem: Problem,
    bounded: space.Space,
    before: Sequence[Drawn],
    count: int,
    until_share: float,
) -> list[Drawn]:
    """The first rung of one round: over the whole space where nothing was drawn before, else around the best so far."""
    seed, first = session.settings.seed, len(before)
    if not before:
        shapes = len(bounded.programs.options) if bounded.programs else 1
        session.say(Stage.TUNE, f"Random search: {count} draws from {shapes} network shapes.")
        configurations = sampler.random(bounded, count, seed=seed)
    else:
        session.say(
            Stage.TUNE, f"Closer in: {count} draws around the best of {first}, and where a model expects better."
        )
        results = [(drawn.configuration, drawn.cost) for drawn in before]
        modelled = round(MODEL_SHARE * count)
        near = count - modelled
        configurations = (
            *sampler.refine(bounded, results, seed=seed, n=near, first=first),
            *model_based.propose(bounded, results, seed=seed, n=modelled, first=first + near),
        )
    return _rung(session, problem, configurations, first=first, until_share=until_share, random=not before)


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
        error = math.inf if failed else problem.judge.measured(outcome.dev, rows).estimate.value
        draws.append(Drawn(name, configuration, random, cost, error, outcome.ending is not Ending.PAUSED))
    return draws


def _promoted(found: Sequence[Drawn]) -> list[Drawn]:
    """The best third, and the best of each network shape: an average needs networks that err unlike one another."""
    scores = {drawn.name: drawn.cost for drawn in found}
    names = set(halving.survivors(scores, max(1, len(found) // ETA)))
    for program in {drawn.configuration.program for drawn in found}:
        of_program = {drawn.name: drawn.cost for drawn in found if drawn.configuration.program == program}
        names |= set(halving.survivors(of_program, 1))
    return [drawn for drawn in found if drawn.name in names]


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
