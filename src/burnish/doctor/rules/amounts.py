"""OP6, OP7, BV10, BV11: how many rows a step sees, and how many steps there are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import optimisers
from burnish.doctor.arms import Arm
from burnish.doctor.examination import CHEAP, Examination
from burnish.doctor.lab import Change
from burnish.doctor.rule import Rule, Trial
from burnish.doctor.subject import Subject

# Steps of an epoch up to which mini-batches may be too large, or rows of one from which they may be.
FEW_STEPS, LARGE = 8, 256
# Rows of a mini-batch that are usual, and up to which one may be too small.
USUAL, SMALL = 32, 4
# How much longer, or shorter, a training is tried.
LONGER, SHORTER = (4, 16), (0.5, 0.25)
# Steps, and operations, that a longer training may have: some seconds for a few starts.
MOST_STEPS, MOST_OPERATIONS = 20_000, CHEAP / 4


def _batch(rows: int) -> Arm:
    return Arm(f"mini-batches of {rows} rows", subject=partial(_of_length, batch_size=rows))


def _of_length(subject: Subject, *, batch_size: int | None = None, epochs: int | None = None) -> Subject:
    """With another number of steps, over which a schedule of the optimiser's is drawn out; None: as it was."""
    made = replace(subject, batch_size=batch_size or subject.batch_size, epochs=epochs or subject.epochs)
    if not optimisers.scheduled(subject.optimizer, jax.eval_shape(subject.init, jax.random.key(0))):
        return made
    return replace(made, optimizer=optimisers.over(subject.optimizer, made.steps / subject.steps))


def _too_large(exam: Examination) -> Trial | None:
    subject = exam.subject
    size = min(subject.batch_size, len(subject.train))
    if size <= USUAL or (subject.per_epoch > FEW_STEPS and size < LARGE):
        return None
    why = f"A mini-batch has {size:,} of {len(subject.train):,} rows, so that there are {subject.steps:,} steps in all."
    return Trial(why, (_batch(USUAL),))


def _too_small(exam: Examination) -> Trial | None:
    """For as many epochs: fewer steps, each of them less by chance, and so by the same rate or by a larger one."""
    size = exam.subject.batch_size
    if size > SMALL:
        return None
    usual, factor = _batch(USUAL), math.sqrt(USUAL / size)  # the noise of an update stays as it was (Krizhevsky, 2014)
    larger = replace(usual, name=f"{usual.name} and {factor:.2g} times the learning rate", change=Change(rate=factor))
    return Trial(f"A mini-batch has {size} row{'s' if size > 1 else ''}.", (usual, larger))


def _times(factor: float) -> Callable[[Subject], Subject]:
    return lambda subject: _of_length(subject, epochs=max(1, round(factor * subject.epochs)))


def _too_short(exam: Examination) -> Trial | None:
    factors = [
        factor
        for factor in LONGER
        if exam.operations * factor <= MOST_OPERATIONS and exam.subject.steps * factor <= MOST_STEPS
    ]
    arms = tuple(Arm(f"{factor} times the epochs", subject=_times(factor)) for factor in factors)
    return Trial("", arms) if arms else None


def _too_long(exam: Examination) -> Trial | None:
    factors = [factor for factor in SHORTER if factor * exam.subject.epochs >= 1]
    arms = tuple(Arm(f"{factor:g} times the epochs", subject=_times(factor)) for factor in factors)
    return Trial("", arms, optimises=False) if arms else None


OP6 = Rule(
    "OP6",
    "Mini-batches are too small",
    Evidence.PROBE,
    Severity.FAULT,
    "A mini-batch has up to four rows, and larger ones, at the same or a larger learning rate, reach a lower dev error "
    "in as many epochs.",
    "Larger mini-batches, or several of them for each step.",
    "The dev error after as many epochs is lower.",
    "McCandlish et al., 2018 (gradient noise scale); Krizhevsky, 2014 (learning rate by the root of the size).",
    trial=_too_small,
    to_the_end=True,
)
OP7 = Rule(
    "OP7",
    "Mini-batches are too large",
    Evidence.PROBE,
    Severity.FAULT,
    "An epoch has few steps, and mini-batches of 32 rows reach a lower dev error in as many epochs.",
    "Smaller mini-batches, or more steps.",
    "The dev error after as many epochs is lower.",
    "Wilson and Martinez, 2003; McCandlish et al., 2018.",
    trial=_too_large,
    to_the_end=True,
)
BV10 = Rule(
    "BV10",
    "It was trained for too few epochs",
    Evidence.PROBE,
    Severity.LIMIT,
    "Four or sixteen times as many epochs reach a lower dev error, and a lower loss on rows that were learned from.",
    "Longer training.",
    "The dev error of the longer training is lower.",
    "Prechelt, 1998.",
    trial=_too_short,
    general=1,
    to_the_end=True,
)
BV11 = Rule(
    "BV11",
    "It was trained for too many epochs",
    Evidence.PROBE,
    Severity.LIMIT,
    "A half or a quarter of the epochs reaches a lower dev error.",
    "Early stopping, with the best weights kept.",
    "The dev error of the shorter training is lower.",
    "Prechelt, 1998.",
    trial=_too_long,
    general=1,
    to_the_end=True,
)
BATCHES = (OP7, OP6)
