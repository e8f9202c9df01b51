"""What is left to do after a run: what was found, less what was tried in vain or is delivered already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from burnish.diagnosis import bias_variance, budget
from burnish.diagnosis.finding import Finding, Severity
from burnish.recipe import prescribe, remedies
from burnish.recipe.remedies import Remedy
from burnish.report import wording
from burnish.stats.interval import Interval
from burnish.workflow.finishing import Finished
from burnish.workflow.improving import NO_BUDGET, Improved
from burnish.workflow.learning import Learned
from burnish.workflow.problem import Problem

MOST_ADVICE = 5  # more than five things to do next is no advice
MOST_NAMED = 3  # remedies that a sentence names; the others are counted

BOTH = "BV3"
# What only a person can do: their remedies are said as they are.
FOR_PEOPLE = ("BV4", "BV5", "BV8")


@dataclass(frozen=True, slots=True)
class Ran:
    """What the stages that train networks found and did."""

    improved: Improved
    learned: Learned | None
    problem: Problem
    finished: Finished


def advice(about_data: Sequence[Finding], ran: Ran | None, *, limit: str) -> tuple[str, ...]:
    """What to do next, in order, each once.

    Args:
        about_data: Findings of the audit. burnish changes no data, so their remedies are all left to do.
        ran: What became of the networks; None where none could be trained.
        limit: The option that bounds the run: --time-limit or --max-epochs.
    """
    ranked = sorted(about_data, key=lambda finding: finding.severity is not Severity.FAULT)
    steps = [finding.remedy for finding in ranked if finding.remedy and finding.severity is not Severity.NOTE]
    if ran is None:
        steps.append(f"Give it a larger {limit}: no network could be judged within this one.")
    else:
        steps += _of_networks(ran, limit)
        untried = ran.improved.ended == NO_BUDGET and not ran.improved.experiments
        if untried and not any(f"larger {limit}" in step for step in steps):
            steps.append(f"Give it a larger {limit}: there was no time to try a remedy within this one.")
    return tuple(dict.fromkeys(steps))[:MOST_ADVICE]


def _of_networks(ran: Ran, limit: str) -> list[str]:
    findings = still_found(ran)
    codes = {finding.code for finding in findings}
    steps = []
    if (more := _more_rows(ran)) is not None:
        steps.append(more)
    steps += [
        _left(ran, what, code, limit) for what, code in (("bias", "BV1"), ("variance", "BV2")) if codes & {code, BOTH}
    ]
    certain = prescribe.UNKNOWING not in codes
    steps += [f.remedy for f in findings if f.code in FOR_PEOPLE and (certain or f.code != prescribe.NEAR_FLOOR)]
    return steps


def still_found(ran: Ran) -> tuple[Finding, ...]:
    """The verdict on what is delivered: what the recipe, the search and averaging have left.

    Where a simple model is delivered, the verdict on the best network, which lost to it.
    """
    before, judged = ran.improved.verdict, ran.finished.judged
    if ran.finished.delivered.what != "network":
        return before.findings
    # The error corrected for choosing, with the interval of the measured one: a prediction interval would hide gaps.
    shift = judged.dev.value - judged.dev_raw.value
    dev = Interval(judged.dev.value, judged.dev_raw.low + shift, judged.dev_raw.high + shift)
    errors = budget.Errors(before.errors.name, judged.train, dev, judged.train_dev)
    return bias_variance.verdict(budget.error_budget(errors, before.budget.floor, practical=before.budget.practical))


def _more_rows(ran: Ran) -> str | None:
    """That more rows would help, and by how much, where the learning curve foretells it."""
    if ran.learned is None or not ran.learned.forecast.given:
        return None
    forecast, unit = ran.learned.forecast, "%" if ran.problem.task == "classification" else ""
    twice = forecast.points[2.0]
    if twice.gain.low <= 0:
        return None
    now = wording.value_of(Interval(forecast.measured[-1], twice.error.low, twice.error.high), unit)
    name, then = ran.problem.judge.error_name, wording.span(twice.error, unit)
    return f"Collect more rows like these: with twice as many, one network's {name} should fall from {now} to {then}."


def _left(ran: Ran, what: str, code: str, limit: str) -> str:
    """One limit that is left, what was tried against it in vain, and what may still lower it."""
    vain, waiting = _tried_in_vain(ran.improved, code), _waiting(ran, code)
    network = "" if ran.finished.delivered.what == "network" else " of the networks"
    parts = [f"High {what}{network} is left."]
    if vain:
        parts.append(f"Tried without a gain beyond the noise: {_named(vain)}.")
    if waiting:
        parts.append(f"A larger {limit} would {'also ' if vain else ''}try {_named(waiting)}.")
    parts.append(_by_people(what, ran.learned))
    return " ".join(part for part in parts if part)


def _by_people(what: str, learned: Learned | None) -> str:
    if what == "bias":
        return "Columns that tell more about the target are what else can lower it."
    if learned is None or not learned.forecast.given:
        return "More rows like these may lower it; by how much, no learning curve could tell."
    return (
        "" if learned.forecast.points[2.0].gain.low > 0 else "By the learning curve, twice the rows need not lower it."
    )


def _tried_in_vain(improved: Improved, code: str) -> list[Remedy]:
    """Remedies that answer the code, were tried on the best configuration, and were not kept."""
    tried = _tried(improved)
    return [one for one in remedies.REMEDIES if one.trains and one.name in tried and code in one.answers]


def _waiting(ran: Ran, code: str) -> list[Remedy]:
    """Remedies that answer the code and could be tried still, the most promising first."""
    improved = ran.improved
    able = prescribe.prescribe(
        improved.verdict.findings,
        improved.configuration,
        _tried(improved) | _kept(improved),
        limit=len(remedies.REMEDIES),
        task=ran.problem.task,
        of=ran.problem.of,
    )
    return [one for one in able if code in one.answers]


def _tried(improved: Improved) -> set[str]:
    """What was tried in vain on the configuration as it is: on another one it may yet help, and is tried anew."""
    tried: set[str] = set()
    for made in improved.rounds:
        if made.kept is not None and remedies.named(made.kept.remedy).trains:
            tried = set()
        else:
            tried |= {one.remedy for one in made.experiments if not one.kept}
    return tried


def _kept(improved: Improved) -> set[str]:
    return {one.remedy for _, one in improved.experiments if one.kept}


def _named(found: Sequence[Remedy]) -> str:
    """A few by name, the rest by number."""
    titles = [one.phrase for one in found[:MOST_NAMED]]
    more = len(found) - MOST_NAMED
    return wording.listing([*titles, *([f"{more} more"] if more > 0 else [])])
