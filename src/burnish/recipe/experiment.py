"""Remedies as paired experiments: screen, judge. Nothing here trains.

A round: every candidate is screened with `SCREENING_SEEDS`; the hopeless are dropped; the finalists get fresh seeds
up to `CONFIRMING_SEEDS`; all are judged, at most one is kept. Why that is valid: docs/decisions/0003.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from burnish.recipe import remedies
from burnish.recipe.remedies import Cause
from burnish.stats import interval, multiplicity, paired

Losses = NDArray[np.float64]  # (seeds, rows), smaller is better

# Seeds that tell the hopeless from the rest. A gain that six seeds can prove at a round's α lies about 4 standard
# errors above zero, so 2.3 with two seeds: it is not positive there, and dropped by mistake, in 1 % of cases.
SCREENING_SEEDS = 2
# Fewer seeds say too little about the noise of training to accept anything.
CONFIRMING_SEEDS = 6
# Chance that a run keeps one or more remedies that do not help, over all its rounds.
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Experiment:
    """A remedy against the best so far, on the same seeds and dev rows. Gains are positive where the remedy is better.

    `low` and `high` hold for all experiments of the round together: each end is missed by any of them with
    probability at most the round's α.
    """

    remedy: str
    title: str
    cause: Cause
    gain: float  # fall of the choosing loss, in `unit`
    low: float
    high: float
    p_value: float  # one-sided, of no gain, before correction
    pairs: int  # seeds
    rows: int
    kept: bool
    unit: str  # "nats", or the target's


def averages_of_others(predictions: NDArray[np.floating]) -> NDArray[np.floating]:
    """For each seed, the average prediction of all the others: the treatment against which the seeds are the control.

    So the ensemble is judged like any remedy, at the worth of one member less. The differences of two seeds share
    members, which makes their spread larger than that of their mean calls for: the judgement errs towards caution.

    Args:
        predictions: Shape (seeds, rows, outputs), at least two seeds.
    """
    return (predictions.sum(axis=0) - predictions) / (len(predictions) - 1)


def screen(
    control: Losses, treatments: Mapping[str, Losses], *, limit: int, statistic: interval.Statistic
) -> tuple[str, ...]:
    """Names of the finalists, best first: those with a gain so far, at most `limit`. The others are hopeless.

    Args:
        control: At least as many seeds as any treatment; equal rows are equal seeds.
        treatments: By remedy.
        limit: Finalists that the time allows.
        statistic: "mean" of the losses, or "rmse" where they are squared errors.
    """
    gains = {
        name: _gain(control[: len(losses)], losses, statistic=statistic, alpha=paired.ALPHA, groups=None).value
        for name, losses in treatments.items()
    }
    promising = [name for name, gain in gains.items() if gain > 0]
    return tuple(sorted(promising, key=lambda name: (-gains[name], name))[:limit])


def judge(
    remedy: str,
    control: Losses,
    treatment: Losses,
    *,
    alpha: float,
    statistic: interval.Statistic,
    unit: str,
    groups: NDArray[np.integer] | None = None,
) -> Experiment:
    """Whether one remedy beats the control beyond the noise of seeds and dev rows.

    Args:
        remedy: Its name in the registry.
        control: The best so far, shape (seeds, rows).
        treatment: The same seeds and rows with the remedy.
        alpha: Chance of keeping it if it does not help (one-sided).
        statistic: "mean" of the losses, or "rmse" where they are squared errors.
        unit: Of the gain.
        groups: Rows that belong together, shape (rows,); the row numbers themselves where folds repeat.
    """
    found = _gain(control, treatment, statistic=statistic, alpha=alpha, groups=groups)
    return _experiment(remedy, found, unit)


def _experiment(remedy: str, found: paired.Gain, unit: str) -> Experiment:
    entry = remedies.named(remedy)
    return Experiment(
        remedy=entry.name,
        title=entry.title,
        cause=entry.cause,
        gain=found.value,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        pairs=found.seeds,
        rows=found.rows,
        kept=found.positive and found.seeds >= CONFIRMING_SEEDS,
        unit=unit,
    )


def gains(
    pairs: Mapping[str, tuple[Losses, Losses]],
    *,
    alpha: float,
    statistic: interval.Statistic,
    groups: NDArray[np.integer] | None = None,
) -> dict[str, paired.Gain]:
    """What each treatment gains over its control, in the order given; all intervals hold together.

    Every one has an equal share of α (Bonferroni), so any lower end lies above its true gain with probability `alpha`
    at most, and any upper end below it.

    Args:
        pairs: By name, the losses of control and treatment, each of shape (its seeds, rows).
        alpha: One-sided, of all together.
        statistic: "mean" of the losses, or "rmse" where they are squared errors.
        groups: Rows that belong together, shape (rows,).
    """
    share = alpha / max(1, len(pairs))
    return {
        name: _gain(control, treatment, statistic=statistic, alpha=share, groups=groups)
        for name, (control, treatment) in pairs.items()
    }


def judge_all(
    control: Losses,
    treatments: Mapping[str, Losses],
    *,
    round: int,
    statistic: interval.Statistic,
    unit: str,
    groups: NDArray[np.integer] | None = None,
    alpha_total: float = ALPHA,
) -> tuple[Experiment, ...]:
    """The round's verdicts, in the order given; at most one is kept: that with the highest lower end.

    Every candidate of the round shares its α equally (Bonferroni), the dropped ones too: they are given here with the
    seeds that they were screened with, and can never be kept. Holm's procedure would gain nothing where one is kept:
    it differs from the second rejection on.

    Args:
        control: The best so far, shape (seeds, rows).
        treatments: By remedy, shape (its seeds, rows): its seeds are the control's first ones.
        round: 1, 2, ...: the round's α is `alpha_total` / 2^round.
        statistic: "mean" of the losses, or "rmse" where they are squared errors.
        unit: Of the gains.
        groups: Rows that belong together, shape (rows,).
        alpha_total: Chance that a run keeps anything that does not help.
    """
    found = gains(
        {name: (control[: len(losses)], losses) for name, losses in treatments.items()},
        alpha=multiplicity.spend(alpha_total, round),
        statistic=statistic,
        groups=groups,
    )
    return _keep_one([_experiment(name, one, unit) for name, one in found.items()])


def _gain(
    control: Losses,
    treatment: Losses,
    *,
    statistic: interval.Statistic,
    alpha: float,
    groups: NDArray[np.integer] | None,
) -> paired.Gain:
    # With two seeds, a quantile of t with one degree of freedom overflows at the far end of the search for the p-value:
    # infinity is right there, as it only has to lie beyond the gain.
    with np.errstate(over="ignore"):
        return paired.gain(control, treatment, statistic=statistic, alpha=alpha, groups=groups)


def _keep_one(judged: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """Only the winner stays kept; ties by order."""
    passing = [experiment for experiment in judged if experiment.kept]
    winner = max(passing, key=lambda experiment: experiment.low) if passing else None
    return tuple(replace(experiment, kept=experiment is winner) for experiment in judged)
