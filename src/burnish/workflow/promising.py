"""What the delivered model promises: the interval of its error on fresh rows, as the dev rows tell it.

Three things stand between the error of the chosen networks on dev and that on fresh rows. They were chosen by these
rows, so it is too good: rows are judged by choices that they had no part in. Such choices had fewer rows to choose by,
so that is a little too bad: Burman's correction. And each row is judged by the networks of one rotation of train and
dev, where the average of all rotations is delivered, so it is too bad by what averaging gains: how far the rotations
disagree, which inputs tell without answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from burnish.diagnosis.budget import PROBABILITY_FLOOR, Measured
from burnish.predictor.simple import AnyPredictor
from burnish.stats.interval import Interval
from burnish.workflow.problem import Problem

Floats = NDArray[np.float64]

# Variance of the error of rotations over that of as many independent rows: networks that predict one row have training
# rows in common with those that predict another (Bates, Hastie and Tibshirani, "Cross-validation: what does it estimate
# and how well does it do it?", JASA 119, 2024). In simulation 1.5 to 2.2 of 200 and 300 rows,
# 1.0 to 1.5 of 800.
ROTATED_EXCESS = 1.5
# Corrections that take more than this share of the error off are not trusted to leave its variance as it was.
SMALLEST_FACTOR = 0.25
# Natural logarithm of the highest temperature that probabilities are blunted, or sharpened, by.
LOG_TEMPERATURE = 3.0
# Rows on which rotations are compared: their disagreement, itself a small part of the error, is known to some per cent.
COMPARED_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Fresh:
    """Rows that an error is promised for, and what each rotation of train and dev says to some of them."""

    rows: int
    clumping: float = 1.0  # how far groups and weights may widen the interval of their error (`Design.clumping`)
    rotations: int = 1  # that are averaged
    said: tuple[Floats, ...] = ()  # of each, shape (some rows, outputs); () where nothing can be learned from it
    weights: Floats | None = None  # of those rows


@dataclass(frozen=True, slots=True)
class Honest:
    """Errors of the dev rows under choices of networks that parts of them made."""

    dealt: Floats  # under the choice that the row had no part in, a deal of parts each; shape (deals, rows)
    by_all: Floats  # the average over all those choices, whether the row had a part in them or not; shape (rows,)

    @property
    def errors(self) -> Floats:
        """The average over the deals; shape (rows,)."""
        return self.dealt.mean(axis=0)


def promise(raw: Measured, honest: Honest, fresh: Fresh) -> Interval:
    """A prediction interval of the delivered model's error on fresh rows.

    The value is the honest error, corrected for the fewer rows that chose (Burman, "A comparative study of ordinary
    cross-validation, v-fold cross-validation and the repeated learning-testing methods", Biometrika 76, 1989: the
    error on all rows of the choice by all, less that of the choices by parts), at least the raw one, less what
    averaging rotations gains. Ends are the mean over the deals of what each says by itself: averaged over deals, rows
    would seem to vary less than they do.

    Args:
        raw: Of the dev rows that chose, by the choice that is delivered.
        honest: Of the same rows.
        fresh: What is promised for.
    """
    told = _mean(raw, honest.errors)
    known = max(told + _mean(raw, raw.error) - _mean(raw, honest.by_all), _mean(raw, raw.error))
    factor = max(known - gain(raw, known, fresh), 0.0) / told if told > 0 else 1.0
    # What is taken off makes the error smaller, not surer: variances are those of the errors that were measured.
    surer = max(factor * told / known, SMALLEST_FACTOR) if known > 0 else 1.0
    excess = (ROTATED_EXCESS if fresh.rotations > 1 else 1.0) / (surer**2 if raw.name == "RMSE" else surer)
    found = [
        replace(raw, error=errors * factor).promise(fresh.rows, clumping=fresh.clumping, excess=excess)
        for errors in honest.dealt
    ]
    return Interval(*(float(np.mean([getattr(one, end) for one in found])) for end in ("value", "low", "high")))


def plain(raw: Measured) -> Honest:
    """Of a model that nothing chose."""
    return Honest(raw.error[None], raw.error)


def fresh_rows(problem: Problem, predictor: AnyPredictor, dev: NDArray[np.int64]) -> Fresh:
    """What the promise is for: the test rows, or as many as dev has, where there are none.

    Of the test rows only the inputs are looked at, not the answers. Dev rows stand in for them, of which all rotations
    but one have learned: these disagree less on them, so the promise is rather too bad. Where classes count alike it
    would take answers to weigh rows by, so rotations are not compared.
    """
    judge, rows = problem.judge, dev if problem.split.test is None else problem.split.test
    compared = np.sort(np.random.default_rng(0).permutation(rows)[:COMPARED_ROWS])
    weights = None if judge.own_weights is None else judge.own_weights[compared]
    rotations = len(predictor.preparations)
    said: tuple[Floats, ...] = ()
    if rotations > 1 and judge.metric != "balanced_accuracy" and (weights is None or weights.any()):
        table = problem.table.take(compared)
        said = tuple(predictor.predict_by(rotation, table) for rotation in range(rotations))
    return Fresh(len(rows), judge.clumping(rows), rotations, said, weights)


def gain(raw: Measured, known: float, fresh: Fresh) -> float:
    """By how much the average of all rotations lowers the mean per-row error: that of one, less that of the average.

    Of squared errors it is the variance of what the rotations say, whatever the truth (Krogh and Vedelsby, "Neural
    network ensembles, cross validation, and active learning", NIPS 1994). Of wrong classes it is how much more often
    the average's class is the true one than theirs, by probabilities that are sharpened until the rotations' classes
    are right as often as they were on dev.

    Args:
        raw: Says what the errors are.
        known: The mean per-row error of one rotation.
        fresh: Holds what the rotations say.
    """
    if not fresh.said:
        return 0.0
    if raw.name == "RMSE":
        spread = np.var([one[:, 0] for one in fresh.said], axis=0)
        return min(float(np.average(spread, weights=fresh.weights)), known)
    logs = np.log(np.maximum(np.mean(fresh.said, axis=0), PROBABILITY_FLOOR))
    theirs = [one.argmax(1)[:, None] for one in fresh.said]

    def right(log_temperature: float) -> float:
        sharpened = special.softmax(logs * np.exp(-log_temperature), axis=1)
        shares = np.mean([np.take_along_axis(sharpened, one, axis=1)[:, 0] for one in theirs], axis=0)
        return float(np.average(shares, weights=fresh.weights))

    sharpest, bluntest = -LOG_TEMPERATURE, LOG_TEMPERATURE
    if right(sharpest) <= 1 - known:
        best = sharpest
    elif right(bluntest) >= 1 - known:
        best = bluntest
    else:
        best = optimize.brentq(lambda t: right(t) - (1 - known), sharpest, bluntest, xtol=1e-3)
    sharpened = special.softmax(logs * np.exp(-best), axis=1)
    return min(float(np.average(sharpened.max(axis=1), weights=fresh.weights)) - right(best), known)


def _mean(raw: Measured, errors: Floats) -> float:
    return float(np.average(errors, weights=raw.weights))
