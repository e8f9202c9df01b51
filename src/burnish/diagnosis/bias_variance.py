"""The verdict on bias and variance: what the error budget says, in words."""

from __future__ import annotations

import math
from collections.abc import Callable

from burnish.diagnosis.budget import ErrorBudget, ErrorName
from burnish.diagnosis.finding import Finding, Severity
from burnish.stats import interval
from burnish.units import percent


def verdict(budget: ErrorBudget) -> tuple[Finding, ...]:
    """What the budget says in words; () where nothing is large enough to be named.

    A part is high only if its interval excludes 0 and its lower end exceeds the practical size. High variance does
    not also have to be the likeliest largest part, as bias of the same size beside it does not make it less: the
    probability is told. Near the floor, with a dev part large enough to know it, there is nothing to cure, even where
    the train error is lower
    still: a network that learns the noise of its training rows by heart need not lose anything by it.
    """
    errors, least = budget.errors, budget.practical
    too_small = (errors.dev.high - errors.dev.low) / 2 > least
    # The lower end of the floor's range: its upper end is mostly this network's own error, which would always be
    # reached.
    near_floor = errors.dev.low <= budget.floor.low
    if near_floor and not too_small:
        return (_near_floor(budget, certain=True),)
    found: list[Finding] = []
    bias, variance = budget.avoidable_bias.low > least, budget.variance.low > least
    if bias and variance:
        found.append(_both(budget))
    elif bias:
        found.append(_bias(budget))
    elif variance:
        found.append(_variance(budget))
    if budget.mismatch is not None and budget.mismatch.low > least:
        found.append(_mismatch(budget, budget.mismatch))
    if budget.dev_overfit is not None and budget.dev_overfit.low > least:
        found.append(_dev_overfit(budget, budget.dev_overfit))
    if near_floor and not found:
        found.append(_near_floor(budget, certain=False))
    if too_small:
        found.append(_dev_too_small(budget))
    return tuple(found)


def _bias(budget: ErrorBudget) -> Finding:
    return Finding(
        "BV1",
        "The network has high bias",
        Severity.LIMIT,
        _bias_evidence(budget),
        "A larger network, longer training, better optimiser settings, less regularisation, or better features.",
    )


def _variance(budget: ErrorBudget) -> Finding:
    return Finding(
        "BV2",
        "The network has high variance",
        Severity.LIMIT,
        _variance_evidence(budget),
        "More data, regularisation (L2, dropout, early stopping), a smaller network, or the average of several.",
    )


def _both(budget: ErrorBudget) -> Finding:
    return Finding(
        "BV3",
        "The network has high bias and high variance",
        Severity.LIMIT,
        f"{_bias_evidence(budget)} {_variance_evidence(budget)}",
        "First the bias (a larger network, longer or better training), then the variance (more data, regularisation).",
    )


def _bias_evidence(budget: ErrorBudget) -> str:
    say = _sayer(budget.errors.name)
    low, high = budget.floor.low, budget.floor.high
    best = say(low) if low == high else f"{say(low)} to {say(high)}"
    return (
        f"On the rows it learned from its {budget.errors.name} is {_with_range(budget.errors.train, say)}, "
        f"where {best} should be possible: at least {say(budget.avoidable_bias.low)} could be avoided."
    )


def _variance_evidence(budget: ErrorBudget) -> str:
    say, errors = _sayer(budget.errors.name), budget.errors
    return (
        f"Its {errors.name} is {_with_range(errors.train, say)} on rows it learned from and "
        f"{_with_range(errors.train_dev or errors.dev, say)} on new ones like them: "
        f"a gap of {_with_range(budget.variance, say)}. "
        f"Probability that this is the largest part of the error: {percent(budget.largest['variance'])}."
    )


def _mismatch(budget: ErrorBudget, gap: interval.Interval) -> Finding:
    say = _sayer(budget.errors.name)
    return Finding(
        "BV4",
        "The dev rows come from elsewhere than the training rows, and it matters",
        Severity.LIMIT,
        f"The {budget.errors.name} is {_with_range(gap, say)} higher on dev rows than on held-out training-like rows.",
        "Collect or make training rows like the dev rows, or weight the training rows that resemble them.",
    )


def _dev_overfit(budget: ErrorBudget, gap: interval.Interval) -> Finding:
    say = _sayer(budget.errors.name)
    return Finding(
        "BV5",
        "The dev rows were used up by choosing",
        Severity.LIMIT,
        f"On the test rows the {budget.errors.name} is {_with_range(gap, say)} higher than on the dev rows that chose.",
        "A larger or fresh dev part, and fewer looks at it.",
    )


def _dev_too_small(budget: ErrorBudget) -> Finding:
    say, dev = _sayer(budget.errors.name), budget.errors.dev
    detectable = ", ".join(f"{name} {say(size)}" for name, size in budget.smallest_detectable.items())
    return Finding(
        "BV6",
        "The dev rows are too few to see small differences",
        Severity.NOTE,
        f"The dev {budget.errors.name} is {_with_range(dev, say)}, but {say(budget.practical)} matters. "
        f"Smallest gaps that would have been found (80 % power): {detectable}.",
        "More dev rows, or cross-validation; experiments compare row by row and see smaller differences than this.",
    )


def _near_floor(budget: ErrorBudget, *, certain: bool) -> Finding:
    say = _sayer(budget.errors.name)
    return Finding(
        "BV8",
        "The network is near the floor" if certain else "The network may be near the floor",
        Severity.NOTE,
        f"The dev {budget.errors.name}, {_with_range(budget.errors.dev, say)}, cannot be told from the least possible, "
        f"{say(budget.floor.low)}{'' if certain else ', but the dev rows are few'}. {budget.floor.reason}",
        "Training cannot gain much more; better labels or new features can.",
    )


def _sayer(name: ErrorName) -> Callable[[float], str]:
    def say(value: float) -> str:
        if not math.isfinite(value):  # of a single group nothing tells how far others may lie
            return "unknown"
        return f"{100 * value:.1f} %" if name == "misclassification rate" else f"{value:.4g}"

    return say


def _with_range(estimate: interval.Interval, say: Callable[[float], str]) -> str:
    return f"{say(estimate.value)} [{say(estimate.low)} to {say(estimate.high)}]"
