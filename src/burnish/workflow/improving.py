"""Stage 7: the basic recipe. What holds the network back, which remedies answer it, and which of them prove their worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from burnish.diagnose.finding import Finding
from burnish.recipe import experiment, prescribe, remedies
from burnish.recipe.experiment import Experiment
from burnish.train.configuration import Configuration
from burnish.workflow import candidates, diagnosis
from burnish.workflow.candidates import Candidate
from burnish.workflow.diagnosis import Verdict
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

MOST_ROUNDS = 6
# Remedies tried in one round: each more costs training time, and power, as the round's error probability is divided.
MOST_REMEDIES, LEAST_REMEDIES = 8, 2
SCREENING_SEEDS = experiment.SCREENING_SEEDS
SEEDS = experiment.CONFIRMING_SEEDS
# Finalists that get all seeds, of those screened.
FINALISTS = 3


@dataclass(frozen=True, slots=True)
class RoundMade:
    """One turn of the recipe."""

    number: int
    verdict: Verdict
    experiments: tuple[Experiment, ...]
    kept: Experiment | None


@dataclass(slots=True)
class Improved:
    """Where the recipe ended."""

    configuration: Configuration
    verdict: Verdict
    rounds: list[RoundMade] = field(default_factory=list)
    pool: list[Candidate] = field(default_factory=list)  # every complete candidate that was trained on the way
    ended: str = ""  # why the recipe stopped, in one sentence

    @property
    def experiments(self) -> tuple[tuple[int, Experiment], ...]:
        """All experiments with their round."""
        return tuple((made.number, one) for made in self.rounds for one in made.experiments)


def improve(
    session: Session,
    problem: Problem,
    start: tuple[Configuration, Verdict, Sequence[Candidate]],
    *,
    judge_again: diagnosis.Judge,
    until_share: float,
) -> Improved:
    """Work through the recipe until no remedy helps, nothing is left to cure, or the budget's share is used.

    Args:
        session: Executes.
        problem: The question.
        start: The first configuration, its verdict and the candidates trained of it.
        judge_again: Gives the verdict on a candidate.
        until_share: The recipe ends when this share of the budget is used.
    """
    configuration, verdict, pool = start
    state = Improved(configuration, verdict, pool=list(pool))
    control = {candidate.seed: candidate for candidate in pool}
    tried: set[str] = set()
    for number in range(1, MOST_ROUNDS + 1):
        limit = session.budget.decide(
            f"remedies of round {number}",
            lambda: _affordable(session, problem, state.configuration, until_share, have=len(control)),
        )
        chosen = (
            prescribe.prescribe(state.verdict.findings, state.configuration, tried, limit=limit, task=problem.task)
            if limit >= LEAST_REMEDIES
            else ()
        )
        if not chosen:
            state.ended = _why_ended(state.verdict.findings, limit)
            break
        made, kept = _round(session, problem, state, control, number, chosen, until_share)
        if made is None:
            state.ended = "The time for the recipe was used."
            break
        state.rounds.append(made)
        tried |= {remedy.name for remedy in chosen}
        if made.kept is None:
            continue
        state.configuration = kept[0].configuration
        control = {candidate.seed: candidate for candidate in kept}
        tried = {made.kept.remedy}
        state.verdict = judge_again(control[min(control)])
        diagnosis.tell(session, Stage.RECIPE, state.verdict, "Now")
    session.say(Stage.RECIPE, state.ended or "The recipe has made its last round.")
    return state


def _affordable(
    session: Session, problem: Problem, configuration: Configuration, until_share: float, *, have: int
) -> int:
    """How many remedies a round can try: all screened, FINALISTS of them confirmed, the control on as many seeds."""
    once = session.price(problem, configuration, folds=problem.split.screen)
    left = session.budget.left(until_share) - once * max(0, SEEDS - have)
    fixed = once * min(FINALISTS, 2) * (SEEDS - SCREENING_SEEDS)
    each = once * SCREENING_SEEDS * 1.3 + _new_program(session)
    return max(0, min(MOST_REMEDIES, int((left - fixed) / each)))


def _new_program(session: Session) -> float:
    return 0.0 if session.budget.limit is None else session.costs.compile_seconds * 0.5


def _why_ended(findings: Sequence[Finding], limit: int) -> str:
    if limit < LEAST_REMEDIES:
        return "No time is left for a further round of experiments."
    if any(finding.code == prescribe.NEAR_FLOOR for finding in findings):
        return "The error is near its floor: no remedy is called for."
    return "No remedy is left to try."


def _round(
    session: Session,
    problem: Problem,
    state: Improved,
    control: dict[int, Candidate],
    number: int,
    chosen: Sequence[remedies.Remedy],
    until_share: float,
) -> tuple[RoundMade | None, list[Candidate]]:
    """Screen all, drop the hopeless, confirm the finalists, judge."""
    titles = ", ".join(remedy.title.lower() for remedy in chosen)
    session.say(Stage.RECIPE, f"Round {number}: trying {titles}.")
    changed = {remedy.name: remedy.change(state.configuration) for remedy in chosen}
    screened = range(SCREENING_SEEDS)
    arms = {name: c for name, c in changed.items() if c is not None}
    made = _train(session, problem, f"round{number}", state.configuration, control, arms, screened, until_share)
    first = _matrix(control, screened)
    if first is None:
        return None, []
    screens = {name: losses for name, got in made.items() if (losses := _matrix(got, screened)) is not None}
    statistic = problem.judge.chooses_by
    finalists = experiment.screen(first, screens, limit=FINALISTS, statistic=statistic)
    final_arms = {name: arms[name] for name in finalists}
    more = range(SCREENING_SEEDS, SEEDS)
    again = _train(session, problem, f"round{number}", state.configuration, control, final_arms, more, until_share)
    for name, got in again.items():
        made[name].update(got)
    state.pool += [c for got in made.values() for c in got.values()]
    known = {candidate.name + str(candidate.seed) for candidate in state.pool}
    state.pool += [c for c in control.values() if c.name + str(c.seed) not in known]
    seeds = range(SEEDS)
    full = _matrix(control, seeds)
    treatments = {
        name: _seeds_in_full(made[name], seeds, screened_losses, full is not None)
        for name, screened_losses in screens.items()
    }
    experiments = experiment.judge_all(
        first if full is None else full, treatments, round=number, statistic=statistic, unit=problem.unit_of_gain
    )
    kept = next((one for one in experiments if one.kept), None)
    for one in experiments:
        session.database.record_experiment(number, one)
    _tell(session, experiments, kept)
    return RoundMade(number, state.verdict, experiments, kept), list(made[kept.remedy].values()) if kept else []


def _train(
    session: Session,
    problem: Problem,
    prefix: str,
    configuration: Configuration,
    control: dict[int, Candidate],
    arms: Mapping[str, Configuration],
    seeds: range,
    until_share: float,
) -> dict[str, dict[int, Candidate]]:
    """Train the control's missing seeds and every arm on these seeds, all at once; `control` is completed in place."""
    missing = [seed for seed in seeds if seed not in control]
    work = candidates.plan(f"{prefix}-control", configuration, seeds=missing, folds=problem.screening)
    for name, changed in arms.items():
        work += candidates.plan(f"{prefix}-{name}", changed, seeds=seeds, folds=problem.screening)
    outcomes = session.train(problem, work, Stage.RECIPE, until_share=until_share)

    def gathered(name: str, of: Configuration, wanted: Sequence[int]) -> dict[int, Candidate]:
        made = {s: candidates.gather(problem, name, of, seed=s, outcomes=outcomes) for s in wanted}
        return {seed: candidate for seed, candidate in made.items() if candidate is not None}

    control.update(gathered(f"{prefix}-control", configuration, missing))
    return {name: gathered(f"{prefix}-{name}", changed, seeds) for name, changed in arms.items()}


def _matrix(made: Mapping[int, Candidate], seeds: range) -> NDArray[np.float64] | None:
    """Choosing losses, shape (seeds, dev rows); None where a seed is missing."""
    if any(seed not in made for seed in seeds):
        return None
    return np.stack([made[seed].losses for seed in seeds])


def _seeds_in_full(
    made: Mapping[int, Candidate], seeds: range, screened: NDArray[np.float64], control_is_full: bool
) -> NDArray[np.float64]:
    """All seeds where there are all, else those screened."""
    full = _matrix(made, seeds) if control_is_full else None
    return screened if full is None else full


def _tell(session: Session, experiments: Sequence[Experiment], kept: Experiment | None) -> None:
    if kept is None:
        session.say(Stage.RECIPE, "No remedy beat the noise; the network stays as it was.")
    else:
        session.say(Stage.RECIPE, f"Kept: {kept.title} (gain {kept.gain:.4g}, {kept.low:.4g} to {kept.high:.4g}).")
