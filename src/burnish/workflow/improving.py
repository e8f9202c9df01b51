"""Stage 7: the basic recipe. What holds the network back, and which remedies prove their worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.finding import Finding
from burnish.recipe import experiment, prescribe, remedies
from burnish.recipe.experiment import Experiment
from burnish.train.configuration import Configuration
from burnish.train.work import Work
from burnish.workflow import bench as benches
from burnish.workflow import candidates, diagnosis
from burnish.workflow.bench import Bench
from burnish.workflow.candidates import Candidate
from burnish.workflow.diagnosis import Verdict
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

MOST_ROUNDS = 6
# Remedies tried in one round: each more costs training time, and power, as the round's error probability is divided.
MOST_REMEDIES, LEAST_REMEDIES = 8, 2
# Where fewer than this many could be tried on all screening folds, the experiments look at fewer folds, and where there
# is one dev part alone, at fewer training rows.
ENOUGH_REMEDIES = 4
AVERAGE = "ensemble"  # the remedy that trains nothing
SCREENING_SEEDS = experiment.SCREENING_SEEDS
SEEDS = experiment.CONFIRMING_SEEDS
# Finalists that get all seeds, of those screened.
FINALISTS = 3
# Share of the remedies that change the network's shape, and so have to be compiled; and what a remedy costs beside the
# control, as some are wider or longer.
NEW_PROGRAMS, DEARER = 0.4, 1.3
# The same three where trainings are on a part of the rows, and remedies leave shape and price nearly as they are.
ON_PART = 2, prescribe.DEARER, 0.1


@dataclass(frozen=True, slots=True)
class RoundMade:
    """One turn of the recipe."""

    number: int
    verdict: Verdict
    experiments: tuple[Experiment, ...]
    kept: Experiment | None
    part: int | None = None  # training rows of each experiment; None: all


# Why the recipe stopped, where the budget was the reason.
NO_BUDGET = "Nothing is left of the budget for a further round of experiments."


@dataclass(slots=True)
class Improved:
    """Where the recipe ended."""

    name: str  # of the configuration's trainings
    configuration: Configuration
    verdict: Verdict
    rounds: list[RoundMade] = field(default_factory=list)
    pool: list[Candidate] = field(default_factory=list)  # every candidate trained on all screening folds on the way
    ended: str = ""  # why the recipe stopped, in one sentence

    def take_in(self, found: Iterable[Candidate]) -> None:
        """Add what is not in the pool yet."""
        known = {candidate.key for candidate in self.pool}
        self.pool += [candidate for candidate in found if candidate.key not in known]

    @property
    def experiments(self) -> tuple[tuple[int, Experiment], ...]:
        """All experiments with their round."""
        return tuple((made.number, one) for made in self.rounds for one in made.experiments)


def improve(
    session: Session,
    problem: Problem,
    begin: tuple[Configuration, Verdict, Sequence[Candidate]],
    *,
    judge_again: diagnosis.Judge,
    until_share: float,
) -> Improved:
    """Work through the recipe until no remedy helps, nothing is left to cure, or the budget's share is used.

    Args:
        session: Executes.
        problem: The question.
        begin: The first configuration, its verdict and the candidates trained of it.
        judge_again: Gives the verdict on a candidate.
        until_share: The recipe ends when this share of the budget is used.
    """
    configuration, verdict, pool = begin
    state = Improved(pool[0].name, configuration, verdict, pool=list(pool))
    tried: set[str] = set()
    for number in range(1, MOST_ROUNDS + 1):
        count, limit, rows = session.budget.decide(
            f"folds, remedies and rows of round {number}",
            lambda: _affordable(session, problem, state.configuration, until_share),
        )
        chosen = (
            prescribe.prescribe(
                (*state.verdict.findings, *state.verdict.training),
                state.configuration,
                tried,
                limit=limit,
                task=problem.task,
                of=problem.of,
                as_dear=problem.part is not None,
            )
            if limit >= LEAST_REMEDIES
            else ()
        )
        if not chosen:
            state.ended = _why_ended(state.verdict.findings, limit)
            break
        bench = Bench(session, problem, tuple(problem.screening)[:count], until_share, rows)
        made = _round(bench, state, number, chosen)
        if made is None:
            state.ended = "The time for the recipe was used."
            break
        state.rounds.append(made)
        tried |= {remedy.name for remedy in chosen}
        if made.kept is not None:
            tried = {made.kept.remedy}
            if not _adopt(bench, state, made, judge_again):
                state.ended = "The time for the recipe was used."
                break
    session.say(Stage.RECIPE, state.ended or "The recipe has made its last round.")
    if state.rounds and problem.part is None:
        bench = Bench(session, problem, tuple(problem.screening), until_share)
        _average(bench, state, len(state.rounds) + 1, judge_again)
    return state


def _affordable(
    session: Session, problem: Problem, configuration: Configuration, until_share: float
) -> tuple[int, int, int | None]:
    """On how many folds how many remedies can be tried, with how many training rows (None: all).

    All are screened, most of FINALISTS confirmed.
    """
    found = []
    for order, (count, rows) in enumerate(benches.shapes(problem)):
        cut = configuration if rows is None else benches.on_part(configuration, rows, problem)
        once = count * session.price_of(problem, Work("", cut, 0, 0, cut.epochs, rows or problem.part))
        finalists, dearer, fresh = (FINALISTS, DEARER, NEW_PROGRAMS) if problem.part is None else ON_PART
        fixed = once * (SEEDS + (finalists - 1) * (SEEDS - SCREENING_SEEDS))
        each = once * SCREENING_SEEDS * dearer + fresh * session.compiling(1)
        limit = max(0, min(MOST_REMEDIES, int((session.budget.left(until_share) - fixed) / each)))
        found.append((limit, -order, count, rows))
        if limit >= ENOUGH_REMEDIES:
            break
    limit, _, count, rows = found[-1] if found[-1][0] >= ENOUGH_REMEDIES else max(found)
    return count, limit, rows


def _why_ended(findings: Sequence[Finding], limit: int) -> str:
    if limit < LEAST_REMEDIES:
        return NO_BUDGET
    if any(finding.code == prescribe.NEAR_FLOOR for finding in findings):
        return "The error is near its floor: no remedy is called for."
    return "No remedy is left to try."


def _round(bench: Bench, state: Improved, number: int, chosen: Sequence[remedies.Remedy]) -> RoundMade | None:
    """Screen all remedies, drop the hopeless, confirm the finalists, judge; None if the clock left nothing."""
    problem, session, control = bench.problem, bench.session, state.name
    titles = ", ".join(remedy.phrase for remedy in chosen)
    part = "" if bench.part is None else f", on {bench.part:,} of {problem.training_rows:,} training rows"
    session.say(Stage.RECIPE, f"Round {number}: trying {titles}{part}.")
    changes = {arm(number, remedy.name): remedy.change(state.configuration) for remedy in chosen}
    arms = {name: changed for name, changed in changes.items() if changed is not None}
    names = {arm(number, remedy.name): remedy.name for remedy in chosen}
    screened = range(SCREENING_SEEDS)
    made = bench.train({control: state.configuration, **arms}, screened)
    first = _matrix(made[control], screened)
    screens = {name: losses for name in arms if (losses := _matrix(made[name], screened)) is not None}
    if first is None or not screens:
        return None
    statistic = problem.judge.chooses_by
    finalists = experiment.screen(first, screens, limit=FINALISTS, statistic=statistic)
    if finalists:
        more = range(SCREENING_SEEDS, SEEDS)
        again = bench.train({control: state.configuration, **{name: arms[name] for name in finalists}}, more)
        for name, got in again.items():
            made[name].update(got)
    if bench.whole:
        state.take_in(c for got in made.values() for c in got.values())
    full = _matrix(made[control], range(SEEDS))
    treatments = {}
    for name, losses in screens.items():
        confirmed = None if full is None else _matrix(made[name], range(SEEDS))
        treatments[names[name]] = losses if confirmed is None else confirmed
    return _judged(bench, state, number, first if full is None else full, treatments)


def _judged(
    bench: Bench,
    state: Improved,
    number: int,
    control: NDArray[np.float64],
    treatments: Mapping[str, NDArray[np.float64]],
) -> RoundMade:
    """The round's experiments, recorded and told."""
    problem, session = bench.problem, bench.session
    experiments = experiment.judge_all(
        control,
        treatments,
        round=number,
        statistic=problem.judge.chooses_by,
        unit=problem.unit_of_gain,
        groups=problem.dev_groups(bench.folds),
    )
    for one in experiments:
        session.database.record_experiment(number, one)
    kept = next((one for one in experiments if one.kept), None)
    session.say(Stage.RECIPE, _outcome(kept))
    return RoundMade(number, state.verdict, experiments, kept, bench.part)


def _average(bench: Bench, state: Improved, number: int, judge_again: diagnosis.Judge) -> None:
    """The last experiment, in a round of its own: what an average of the best configuration's seeds is worth.

    It trains next to nothing, and gains nearly always: among other remedies it would take the place of the one that a
    round may keep.
    """
    problem, session = bench.problem, bench.session
    have = sum(candidate.name == state.name for candidate in state.pool)
    price = (SEEDS - have) * session.price(problem, state.configuration, folds=len(bench.folds))
    if not session.budget.decide("an average of seeds", lambda: bool(price <= session.budget.left(bench.until_share))):
        return
    session.say(Stage.RECIPE, f"Round {number}: trying an average of {SEEDS} seeds of the best network.")
    made = bench.train({state.name: state.configuration}, range(SEEDS))[state.name]
    control = _matrix(made, range(SEEDS))
    if control is None:
        return
    state.take_in(made.values())
    rows = problem.dev_rows(bench.folds)
    predictions = np.stack([made[seed].dev.astype(np.float64) for seed in range(SEEDS)])
    others = experiment.averages_of_others(predictions)
    losses = np.stack([problem.judge.losses(predicted, rows) for predicted in others])
    state.rounds.append(_judged(bench, state, number, control, {AVERAGE: losses}))
    if state.rounds[-1].kept is not None:
        state.verdict = judge_again(candidates.average(problem, [made[seed] for seed in range(SEEDS)]))
        diagnosis.tell(session, Stage.RECIPE, state.verdict, "Now")


def _adopt(bench: Bench, state: Improved, made: RoundMade, judge_again: diagnosis.Judge) -> bool:
    """Make the kept remedy the best so far and judge it anew; False where the clock does not allow it."""
    assert made.kept is not None
    changed = remedies.named(made.kept.remedy).change(state.configuration)
    assert changed is not None
    name = arm(made.number, made.kept.remedy)
    everywhere = replace(bench, folds=tuple(bench.problem.screening), rows=None)
    found = everywhere.train({name: changed}, range(1))[name].get(0)
    state.name, state.configuration = name, changed
    if found is None:
        return False
    state.verdict = judge_again(found)
    state.take_in([found])
    diagnosis.tell(bench.session, Stage.RECIPE, state.verdict, "Now")
    return True


def arm(number: int, remedy: str) -> str:
    """The name of one remedy's trainings in round `number`."""
    return f"round{number}-{remedy}"


def _matrix(made: Mapping[int, Candidate], seeds: range) -> NDArray[np.float64] | None:
    """Choosing losses, shape (seeds, dev rows); None where a seed is missing."""
    if any(seed not in made for seed in seeds):
        return None
    return np.stack([made[seed].losses for seed in seeds])


def _outcome(kept: Experiment | None) -> str:
    if kept is None:
        return "No remedy beat the noise; the network stays as it was."
    return f"Kept: {kept.title} (gain {kept.gain:.4g}, {kept.low:.4g} to {kept.high:.4g})."
