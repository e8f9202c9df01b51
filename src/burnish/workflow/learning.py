"""Would more data help? The learning curve of the best network so far, all sizes and seeds in one population."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from burnish.diagnosis import learning_curve
from burnish.diagnosis.finding import Finding
from burnish.stats import interval
from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Work
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

SEEDS = learning_curve.MIN_SEEDS
# The curve is left out where it would cost more than this share of what is left of the run.
LARGEST_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Learned:
    """Errors at each size, and the forecast."""

    sizes: tuple[int, ...]
    errors: tuple[interval.Interval, ...]  # on dev, of the first seed's network
    forecast: learning_curve.Forecast
    finding: Finding | None


def curve(session: Session, problem: Problem, configuration: Configuration, *, until_share: float) -> Learned | None:
    """Train on parts of the first fold's training rows; None where the budget has no room for it.

    Every size trains for the same number of mini-batches, with λ/m held fixed, so that only the rows differ.
    """
    full = problem.training_rows
    sizes = learning_curve.sizes(full)
    if len(sizes) < learning_curve.MIN_SIZES:
        return None
    work = [_work(configuration, size, seed, full) for size in sizes for seed in range(SEEDS)]
    price = sum(session.price_of(problem, item) for item in work)
    affordable = session.budget.decide(
        "learning curve", lambda: bool(price <= LARGEST_SHARE * session.budget.left(until_share))
    )
    if not affordable:
        return None
    outcomes = session.train(problem, work, Stage.RECIPE, until_share=until_share)
    if len(outcomes) < len(work) or any(
        o.ending not in (Ending.COMPLETED, Ending.STOPPED_EARLY) for o in outcomes.values()
    ):
        return None
    rows, judge = problem.folds[0].rows.dev, problem.judge
    measured = {item.trial: judge.measured(outcomes[item.trial].dev, rows) for item in work}
    losses = np.array([[measured[_name(size, seed)].error for size in sizes] for seed in range(SEEDS)])
    weights, groups = measured[_name(full, 0)].weights, problem.dev_groups([0])
    found = learning_curve.forecast(sizes, losses, statistic=judge.error_statistic, weights=weights, groups=groups)
    session.say(Stage.RECIPE, sentence(found, judge.error_name))
    return Learned(
        sizes=sizes,
        errors=tuple(measured[_name(size, 0)].estimate for size in sizes),
        forecast=found,
        finding=learning_curve.finding(found, lambda value: f"{value:.4g}"),
    )


def _name(size: int, seed: int) -> str:
    return f"curve{size}-s{seed}-f0"


def _work(configuration: Configuration, size: int, seed: int, full: int) -> Work:
    steps = configuration.epochs * math.ceil(full / configuration.batch_size)
    epochs = max(1, round(steps / math.ceil(size / configuration.batch_size)))
    changed = replace(configuration, epochs=epochs, l2=configuration.l2 * size / full)
    return Work(_name(size, seed), changed, 0, seed, epochs, rows=size)


def sentence(found: learning_curve.Forecast, error: str) -> str:
    """What the curve says, or why it says nothing."""
    if not found.given:
        return f"Learning curve: no forecast, as {found.declined[:1].lower()}{found.declined[1:]}"
    parts = [
        f"{multiple:g}× the rows: {error} {point.error.value:.4g} ({point.error.low:.4g} to {point.error.high:.4g})"
        for multiple, point in found.points.items()
    ]
    return "Learning curve: " + "; ".join(parts) + "."
