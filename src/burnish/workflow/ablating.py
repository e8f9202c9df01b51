"""What each technique is worth to one network on these data: both sides on the same fresh seeds and dev rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from burnish.recipe import ablations, experiment
from burnish.recipe.ablations import Technique
from burnish.stats import paired
from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Work
from burnish.workflow import bench as benches
from burnish.workflow.bench import Bench
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Stage
from burnish.workflow.problem import PreparedFold, Problem
from burnish.workflow.session import Session

SEEDS = experiment.CONFIRMING_SEEDS  # at least, where the time is enough
LEAST_SEEDS = 2  # without a second one, nothing tells the noise of training
# The average of the others is another single network where there are two.
LEAST_AVERAGED = 3
# Seeds of a run count from 0, and its network was chosen for being good under one of them.
FIRST_SEED = 1_000
RATE_SEED = FIRST_SEED - 1  # chooses learning rates, and judges nothing
CONTROL = "as-it-is"
# Share of the time until which networks are trained; what is left writes the page.
TRAINING_ENDS = 0.94
# Share of the time until which learning rates are chosen; what is not tried by then is not chosen. They are a fifth of
# the trainings of six seeds, and where a machine is busier than planned for, the seeds need the rest.
LADDERS_END = 0.4

# Trainings take longer than they did where something else is at work too, and the last ones leave a core idle.
SLACK = 1.08

Matrix = NDArray[np.float64]  # (seeds, dev rows)


@dataclass(frozen=True, slots=True)
class Rate:
    """A learning rate of a ladder."""

    rate: float
    cost: float | None  # under the seed that chooses; None where it came to nothing


@dataclass(frozen=True, slots=True)
class Worth:
    """A technique, both its sides, and what having it gains: positive where it helps."""

    technique: Technique
    with_cost: float  # mean over the seeds, in the metric's unit
    without_cost: float
    gain: paired.Gain | None  # fall of what choices are made by; None where too few seeds came to an end
    error_gain: paired.Gain | None  # fall of the error that verdicts speak of
    rate: float | None = None  # of the side that was trained anew, where it was chosen
    rates: tuple[Rate, ...] = ()
    diverged: int = 0  # trainings of that side whose cost stopped being finite


@dataclass(frozen=True, slots=True)
class Plan:
    """What the time is enough for."""

    folds: int
    rows: int | None  # training rows; None: all
    seeds: int
    techniques: int  # the first so many


@dataclass(frozen=True, slots=True)
class Ablated:
    """A network, taken apart."""

    plan: Plan
    asked: int  # seeds
    worths: tuple[Worth, ...]
    left_out: tuple[tuple[str, str], ...]  # technique and why
    dev_rows: int


def with_raw_folds(problem: Problem) -> Problem:
    """The same question with a variant of each screening fold behind the folds: its continuous columns are not scaled.

    The variant of fold k has the number `raw(problem, k)` of the returned problem's own folds.
    """
    variants = tuple(
        PreparedFold(fold.rows, fold.preparation.unscaled(), fold.target, fold.sample)
        for fold in (problem.folds[k] for k in problem.screening)
    )
    return replace(problem, folds=(*problem.folds, *variants))


def raw(problem: Problem, fold: int) -> int:
    """The number of a screening fold's variant, in a problem that `with_raw_folds` made."""
    return len(problem.folds) - len(problem.screening) + fold


def ablate(session: Session, problem: Problem, network: Configuration, *, seeds: int = SEEDS) -> Ablated:
    """Take every technique away that the network has, and put back what it has not, one at a time.

    Where the time is short, fewer folds judge, then fewer rows train, then there are fewer seeds, and only then fewer
    techniques.

    Args:
        session: Executes.
        problem: The question, with its raw folds; all of them are written.
        network: What is taken apart.
        seeds: On which both sides are trained, where the time is enough.
    """
    of_images = problem.of == "images"
    found, missing = ablations.techniques(ablations.Network(network, problem.inputs.numbers, images=of_images))
    planned = affordable(session, problem, network, found, seeds)
    climbed = _climbed(session, problem, network, planned, found[: planned.techniques])
    settled = tuple(climbed[one.name].technique if one.name in climbed else one for one in found[: planned.techniques])
    planned = affordable(session, problem, network, settled, seeds)
    kept = settled[: planned.techniques]
    bench = _bench(session, problem, planned)
    session.say(Stage.ABLATION, _announced(problem, planned, len(kept)), warning=planned.seeds < seeds)
    count, made = _trained(bench, network, kept, planned.seeds, asked=seeds)
    dropped = tuple((one.title, "the time was not enough") for one in found[len(kept) :])
    worths = _judged(bench, kept, made, climbed)
    return Ablated(
        replace(planned, seeds=count), seeds, worths, (*missing, *dropped), len(problem.dev_rows(bench.folds))
    )


def _trained(
    bench: Bench, network: Configuration, techniques: Sequence[Technique], seeds: int, *, asked: int
) -> tuple[int, dict[str, dict[int, Candidate]]]:
    """Both sides of every technique, in one batch; then seed by seed, as long as prices erred on the safe side."""
    session, problem = bench.session, bench.problem
    chosen = {one.name: one.arms[0] for one in techniques if one.arms}
    arms = {CONTROL: network, **{name: arm.configuration for name, arm in chosen.items()}}
    places = {name: tuple(raw(problem, k) for k in bench.folds) for name, arm in chosen.items() if arm.raw}
    made = bench.train(arms, range(FIRST_SEED, FIRST_SEED + seeds), places=places)
    one_more = Plan(len(bench.folds), bench.rows, 1, len(techniques))
    while seeds < asked:
        enough = _price(session, problem, network, techniques, one_more) <= session.budget.left(bench.until_share)
        if not session.budget.decide("one more seed", partial(bool, enough)):
            break
        for name, found in bench.train(arms, (FIRST_SEED + seeds,), places=places).items():
            made[name].update(found)
        seeds += 1
    return seeds, made


def _bench(session: Session, problem: Problem, planned: Plan) -> Bench:
    folds = tuple(problem.screening)[: planned.folds]
    return Bench(session, problem, folds, TRAINING_ENDS, planned.rows, Stage.ABLATION)


def _announced(problem: Problem, planned: Plan, techniques: int) -> str:
    """What is about to be trained, and how it falls short of what it should be."""
    of = problem.split.screen
    folds = "" if of == 1 else f" on {planned.folds} of {of} folds" if planned.folds < of else f" on {of} folds"
    rows = "" if planned.rows is None else f", {planned.rows:,} of {problem.training_rows:,} training rows"
    return f"{techniques} techniques, one at a time, each on the same {planned.seeds} seeds{folds}{rows}."


def affordable(
    session: Session, problem: Problem, network: Configuration, techniques: Sequence[Technique], seeds: int
) -> Plan:
    """The most that can be afforded: a decision, as it looks at the clock."""

    def most() -> tuple[int, int | None, int, int]:
        shapes = benches.shapes(problem)
        ways = [(folds, rows, seeds, len(techniques)) for folds, rows in shapes]
        folds, rows = shapes[-1]
        least = min(seeds, LEAST_SEEDS)
        ways += [(folds, rows, count, len(techniques)) for count in range(seeds - 1, least - 1, -1)]
        ways += [(folds, rows, least, count) for count in range(len(techniques) - 1, 0, -1)]
        left = session.budget.left(TRAINING_ENDS)
        able = (way for way in ways if _price(session, problem, network, techniques, Plan(*way)) <= left)
        return next(able, ways[-1])

    return Plan(*session.budget.decide("folds, rows, seeds and techniques", most))


def _price(
    session: Session, problem: Problem, network: Configuration, techniques: Sequence[Technique], plan: Plan
) -> float:
    """What a plan costs in the budget's unit, its ladders included."""
    bench = _bench(session, problem, plan)

    def once(configuration: Configuration) -> float:
        cut = bench.cut(configuration)
        return session.price_of(problem, Work("", cut, 0, 0, cut.epochs, plan.rows))

    trained = [one for one in techniques[: plan.techniques] if one.arms]
    ladders = [arm.configuration for one in trained if one.ladder for arm in one.arms]
    arms = [network, *(one.arms[0].configuration for one in trained)]
    programs = {configuration.program for configuration in arms} - set(session.costs.per_step)
    trainings = sum(map(once, ladders)) + plan.folds * plan.seeds * sum(map(once, arms))
    return SLACK * trainings + session.compiling(len(programs))


@dataclass(frozen=True, slots=True)
class _Climbed:
    """A ladder of learning rates, and the technique with the best of them."""

    technique: Technique
    rate: float
    rates: tuple[Rate, ...]


def _climbed(
    session: Session, problem: Problem, network: Configuration, planned: Plan, techniques: Sequence[Technique]
) -> dict[str, _Climbed]:
    """The learning rates of what needs one of its own, by a seed and a fold; ties to the first.

    What has to be compiled anew is trained too. Its price is known then, and a worker has the program: workers take
    first what they need not compile, so that the clock would cut off new programs and not seeds.
    """
    ladders = [one for one in techniques if one.ladder]
    if ladders:
        session.say(
            Stage.ABLATION, f"Choosing learning rates for {len(ladders)} rivals, on a seed that judges nothing."
        )
    bench = replace(_bench(session, problem, replace(planned, folds=1)), until_share=LADDERS_END)
    arms = {_rung(one, place): arm.configuration for one in ladders for place, arm in enumerate(one.arms)}
    new = {arm.configuration.program: arm for one in techniques for arm in one.arms}
    new.pop(network.program, None)
    arms |= {f"program{place}": arm.configuration for place, arm in enumerate(new.values())}
    made = bench.train(arms, (RATE_SEED,))
    found = {}
    for one in ladders:
        tried = [made[_rung(one, place)].get(RATE_SEED) for place in range(len(one.arms))]
        costs = [np.inf if candidate is None else candidate.cost for candidate in tried]
        best = int(np.argmin(costs)) if np.isfinite(costs).any() else len(costs) // 2
        rates = tuple(
            Rate(arm.configuration.learning_rate, cost if np.isfinite(cost) else None)
            for arm, cost in zip(one.arms, costs, strict=True)
        )
        settled = replace(one, arms=(one.arms[best],))
        found[one.name] = _Climbed(settled, rates[best].rate, rates)
    return found


def _rung(technique: Technique, place: int) -> str:
    return f"{technique.name}-rate{place}"


@dataclass(frozen=True, slots=True)
class _Sides:
    """What both sides of a technique said on the same seeds; each of shape (seeds, dev rows)."""

    losses: tuple[Matrix, Matrix]  # without, with
    errors: tuple[Matrix, Matrix]
    diverged: int = 0

    @property
    def seeds(self) -> int:
        return len(self.losses[0])


def _judged(
    bench: Bench,
    techniques: Sequence[Technique],
    made: Mapping[str, Mapping[int, Candidate]],
    climbed: Mapping[str, _Climbed],
) -> tuple[Worth, ...]:
    """Every technique's worth, with intervals that hold together."""
    problem, judge = bench.problem, bench.problem.judge
    sides = {one.name: _sides(problem, bench.folds, one, made) for one in techniques}
    able = {name: side for name, side in sides.items() if side is not None}
    groups = problem.dev_groups(bench.folds)
    gains, error_gains = (
        experiment.gains(pairs, alpha=paired.ALPHA, statistic=statistic, groups=groups)
        for pairs, statistic in (
            ({name: side.losses for name, side in able.items()}, judge.chooses_by),
            ({name: side.errors for name, side in able.items()}, judge.error_statistic),
        )
    )
    worths = []
    for one in techniques:
        side, ladder = able.get(one.name), climbed.get(one.name)
        costs = [np.nan, np.nan] if side is None else [np.mean([judge.cost(s) for s in part]) for part in side.losses]
        worths.append(
            Worth(
                technique=one,
                with_cost=float(costs[1]),
                without_cost=float(costs[0]),
                gain=gains.get(one.name),
                error_gain=error_gains.get(one.name),
                rate=None if ladder is None else ladder.rate,
                rates=() if ladder is None else ladder.rates,
                diverged=0 if side is None else side.diverged,
            )
        )
    return tuple(worths)


def _sides(
    problem: Problem, folds: Sequence[int], technique: Technique, made: Mapping[str, Mapping[int, Candidate]]
) -> _Sides | None:
    """Both sides on the seeds that both came to an end on; None where these are too few."""
    rows, control = problem.dev_rows(folds), made[CONTROL]
    other = made[technique.name] if technique.arms else control
    seeds = sorted(control.keys() & other.keys())
    if len(seeds) < (LEAST_SEEDS if technique.arms else LEAST_AVERAGED):
        return None
    own = np.stack([control[seed].dev.astype(np.float64) for seed in seeds])
    averages = experiment.averages_of_others(own)
    theirs = np.stack([other[seed].dev for seed in seeds]) if technique.arms else averages
    without, having = (theirs, own) if technique.present else (own, theirs)
    ended = [outcome.ending for seed in seeds for outcome in other[seed].outcomes]
    judge = problem.judge

    def errors(predictions: NDArray[np.floating]) -> NDArray[np.float64]:
        found = judge.measured(predictions, rows)
        return found.error if found.weights is None else found.error * found.weights

    return _Sides(
        losses=(np.stack([judge.losses(p, rows) for p in without]), np.stack([judge.losses(p, rows) for p in having])),
        errors=(np.stack([errors(p) for p in without]), np.stack([errors(p) for p in having])),
        diverged=sum(ending is Ending.DIVERGED for ending in ended),
    )
