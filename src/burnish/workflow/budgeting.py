"""The error budgets of the report: of the first network, of the one after the recipe, and of what is delivered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from burnish.diagnosis import bias_variance
from burnish.diagnosis import budget as budgets
from burnish.diagnosis.budget import ErrorBudget, Errors, Floor
from burnish.diagnosis.finding import Finding
from burnish.report import summary as records
from burnish.report import wording
from burnish.stats.interval import Interval
from burnish.workflow import diagnosis
from burnish.workflow.diagnosis import Verdict
from burnish.workflow.finishing import Finished
from burnish.workflow.problem import Problem

OVERFIT = "BV5"
DELIVERED = "the delivered model"
# From which probability on a part is called the largest; below, nothing is said of it. The catalogue's own threshold.
LARGEST = 0.8
# What the bias is called for people; the other parts have the names of `ErrorBudget.largest` already.
BIAS = "avoidable bias"


def of_networks(first: Verdict, last: Verdict) -> tuple[records.Budget, ...]:
    """Those of the first network and, where the recipe has changed it, of the last one."""
    made = [_told("the first network", first.budget, diagnosis.worth_saying(first.findings))]
    if last is not first:
        made.append(_told("the network after the recipe", last.budget, diagnosis.worth_saying(last.findings)))
    return tuple(made)


def of_delivered(
    problem: Problem, finished: Finished, basis: Verdict, *, baseline_error: float | None
) -> tuple[records.Budget, tuple[Finding, ...]]:
    """That of the delivered model, with the test rows beside those that chose it, and what is found in it alone.

    Args:
        problem: The question.
        finished: What is delivered, judged.
        basis: The verdict on the last network: the lowest possible error is at most what it was, and at most what is
            promised now (where dev comes from elsewhere, at most what rows held out of the training ones show).
        baseline_error: Given by the person; then it stands, unless what is delivered is surely better.
    """
    judged = finished.judged
    errors = Errors(basis.errors.name, judged.train, judged.dev_raw, judged.train_dev, judged.test)
    deviation = float(np.std(problem.judge.truth)) if problem.task == "regression" else None
    practical = budgets.practical_size(errors.dev.value, deviation)
    floor, reached = basis.budget.floor, judged.train_dev or judged.dev
    if baseline_error is not None and not floor.surpassed:
        floor = budgets.passed(floor.low, DELIVERED, reached) if reached.high < floor.low else floor
    else:
        floor = _lowered(floor, reached)
    made = budgets.error_budget(errors, floor, practical=practical)
    findings = bias_variance.verdict(made)
    unit = "%" if problem.task == "classification" else ""
    chose = finished.delivered.what == "network"
    corrected = _corrected(judged.dev_raw, judged.dev, unit, chose=chose)
    # What is delivered may be an average, or no network at all; the heading names it.
    found = diagnosis.worth_saying(findings).replace("The network ", "It ")
    sentence = f"{found} {corrected}".rstrip()
    overfit = tuple(finding for finding in findings if finding.code == OVERFIT)
    return _told(DELIVERED, made, sentence), overfit


def _lowered(floor: Floor, reached: Interval) -> Floor:
    return replace(floor, high=max(floor.low, min(floor.high, reached.high)))


def _corrected(raw: Interval, promised: Interval, unit: str, *, chose: bool) -> str:
    """What choosing, and averaging, did to the dev error; of a simple model, that nothing chose, averaging alone."""
    before, after = wording.value_of(raw, unit), wording.value_of(promised, unit)
    both = f"raw {before}, corrected {after}"
    if not chose:
        return "" if before == after else f"Averaging its fits lowers the dev error: {both}."
    if before == after:
        return f"Choosing did not change the dev error: {both}."
    if promised.value > raw.value:
        return f"Choosing by the dev rows made their error look better than it is: {both}."
    return f"Averaging takes off more than choosing by the dev rows had hidden: {both}."


def _told(of: str, budget: ErrorBudget, sentence: str) -> records.Budget:
    start = budget.errors.train.value - budget.avoidable_bias.value  # of the floor's range, what is nearest to train
    gaps = {
        "bias": budget.avoidable_bias,
        "variance": budget.variance,
        "mismatch": budget.mismatch,
        "dev overfitting": budget.dev_overfit,
    }
    probable = max(budget.largest, key=lambda key: budget.largest[key])
    largest = f" Most likely the largest part: {_name(probable)} ({100 * budget.largest[probable]:.0f} %)."
    return records.Budget(
        of=of,
        floor=Interval(start, budget.floor.low, budget.floor.high),
        floor_reason=budget.floor.reason.rstrip("."),
        gaps=tuple(
            records.Gap(
                _name(key), gap, gap.low > budget.practical, budget.smallest_detectable.get(key), budget.largest[key]
            )
            for key, gap in gaps.items()
            if gap is not None
        ),
        verdict=sentence + (largest if budget.largest[probable] >= LARGEST else ""),
    )


def _name(key: str) -> str:
    return BIAS if key == "bias" else key
