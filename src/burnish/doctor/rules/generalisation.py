"""BV: where the error of the trained network comes from, by the error budget and the training's curves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from burnish.diagnosis import bias_variance, training
from burnish.diagnosis.budget import Errors
from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import following
from burnish.doctor.arms import Arm, of_part
from burnish.doctor.examination import (
    FRESH,
    LOOKS,
    NOTHING_CHANGED,
    PRACTICAL_SHARE,
    Examination,
)
from burnish.doctor.rule import Found, Rule
from burnish.doctor.subject import Rows
from burnish.stats import paired
from burnish.train.work import Ending

# Standard errors above which a loss is surely higher: a chance of 1 in 30,000, if it were normal.
SURELY = 4.0
# Readings one after the other, each lower than the last, that are no accident: a chance of 1 in 24. A choice.
FEWEST_FALLS = 3
# Rows of which a half can still be learned from; and into how many parts they are dealt, of which one is held out.
FEWEST, HELD_OUT = 20, 5
COMPARE = (
    "Compare how both were prepared: order of columns, codes, units, labels. If rightly, collect training rows like "
    "the dev rows. Training rows that hang together, as those of one person do, look so, too."
)


def _budget(exam: Examination) -> Iterable[Found]:
    """Whether a gap between rows learned from and dev rows is variance alone is asked of a training without a part."""
    if exam.measured is None:
        return
    budget = exam.budget(exam.measured)
    if budget.variance.low > budget.practical and (errors := _held_out(exam)) is not None:
        apart = exam.budget(errors)
        budget = apart if apart.mismatch is not None and apart.mismatch.low > apart.practical else budget
    for one in bias_variance.verdict(budget):
        yield Found(replace(one, remedy=COMPARE) if one.code == "BV4" else one, Evidence.TEST)


def _held_out(exam: Examination) -> Errors | None:
    """Errors of a network that learned from four fifths of the training rows; None: they are too few, too dear, or some
    were left out, as those are that are hard to tell.
    """
    train = exam.subject.train
    if not exam.whole or len(train) < HELD_OUT * FEWEST or time.monotonic() > exam.until:
        return None
    if len(train) < len(exam.original.subject.train):
        return None
    groups = np.arange(len(train)) if train.groups is None else train.groups  # whole ones, or others tell of them
    turn = np.argsort(np.random.default_rng([4, exam.subject.seed]).permutation(groups.max() + 1))[groups]
    held = turn <= np.sort(turn)[len(train) // HELD_OUT - 1]
    held_out, learned = np.flatnonzero(held), np.flatnonzero(~held)
    if not len(learned):
        return None
    lab = exam.trainings.lab(of_part(train, learned, "four fifths of the training rows"))
    return following.errors(lab, lab.train(lab.start(), lab.subject.steps)[0].params, train.take(held_out))


def _stuck(exam: Examination) -> Iterable[Found]:
    """What else a curve shows, the probes have tried."""
    if worse := _worse_than_nothing(exam):
        # Of hardly separable classes a network that is too sure has the higher loss, and still the lower error.
        knows = exam.measured is not None and exam.measured.train.high < exam.uninformed_error
        falls = _on_its_way(exam)
        why = (
            "it falls still when the training ends."
            if falls
            else "what it does to its outputs is worse than nothing, and no cure that was tried helps enough."
        )
        severity = Severity.LIMIT if knows or falls else Severity.FAULT
        told = OP14.finding(f"{worse}: {why}", title="It ends worse than a constant answer", severity=severity)
        yield Found(told, Evidence.TEST)
    elif exam.followed.finite:
        found = training.read(
            following.curve(exam.followed, exam.subject), Ending.COMPLETED, uninformed=exam.uninformed
        )
        yield from (Found(one, Evidence.SIGNAL) for one in found if one.code == "OP14")


def _worse_than_nothing(exam: Examination) -> str:
    """That its loss on rows that it learned from is surely higher than that of the best constant outputs; "": not so.

    By its own loss: weights of classes, or a quantile as the aim, may make the error worse, and are meant.
    """
    if not exam.followed.finite or not np.isfinite(exam.uninformed):
        return ""
    losses = exam.lab.losses(exam.followed.end.params, exam.lab.gauge)
    mean, error = float(losses.mean()), float(losses.std(ddof=1) / np.sqrt(len(losses)))
    if not mean - SURELY * error > exam.uninformed + PRACTICAL_SHARE * abs(exam.uninformed):
        return ""
    return (
        f"On rows that it learned from its loss is {mean:.3g} in the end, where the best constant answer has "
        f"{exam.uninformed:.3g}"
    )


def _on_its_way(exam: Examination) -> bool:
    """Whether its loss was lower at each reading of the second half than at the one before: it ended too early."""
    losses = following.curve(exam.followed, exam.subject).train_loss
    falls = np.diff(losses[len(losses) // 2 :]) < 0
    return len(falls) >= FEWEST_FALLS and bool(falls.all())


def _few(exam: Examination) -> Iterable[Found]:
    """Halves of the rows, each row twice, so that as many steps see them; a fall has no reason to end here."""
    rows = exam.subject.train
    if not exam.followed.finite or len(rows) < FEWEST:
        return
    starts = range(FRESH, FRESH + LOOKS[0])
    halves = [(_half(rows, start), start) for start in starts]
    probed = exam.compare(NOTHING_CHANGED, [(NOTHING_CHANGED, start) for start in starts], halves, paired.ALPHA)
    if exam.promising(probed) and probed.told.low > 0:
        yield DA21.found(f"Learned from all {len(rows):,} rows in place of half of them, {exam.said(probed)}")


def _half(rows: Rows, number: int) -> Arm:
    """Drawn at random, as rows may come class by class."""
    drawn = np.random.default_rng([21, number]).permutation(len(rows))[: len(rows) // 2]
    return of_part(rows, drawn, f"half {number} of the training rows")


BV = Rule(
    "BV",
    "Bias, variance, and what they leave",
    Evidence.TEST,
    Severity.LIMIT,
    "A part of the error budget whose interval lies above zero and above the practical size.",
    "Bias first (larger, longer, better optimised), then variance (more data, regularisation).",
    "The part shrinks, and the dev error with it.",
    "Geman, Bienenstock and Doursat, 1992; the practical size is a choice.",
    look=_budget,
)
OP14 = Rule(
    "OP14",
    "The training never gets under way",
    Evidence.SIGNAL,
    Severity.LIMIT,
    "At the end the training loss is within 2 % of what is reached without a look at the inputs; a fault where it is "
    "surely higher, the error is no lower, and the loss does not fall all the time.",
    "Another learning rate, warm-up, or batch normalisation; if none helps, the inputs may hold nothing to learn.",
    "The training loss falls.",
    "Definition.",
    look=_stuck,
    unless=("NU8", "NU3", "NN8", "NU4", "NN9", "NN13", "DA18", "DA26"),
)
DA21 = Rule(
    "DA21",
    "More training rows would help",
    Evidence.PROBE,
    Severity.LIMIT,
    "From half of the training rows to all of them the dev error falls for sure, by a size that matters.",
    "More rows, or augmentation and pre-training, which stand in for them.",
    "The learning curve: the dev error at twice the rows.",
    "Cortes, Jackel, Solla, Vapnik and Denker, 1993 (learning curves).",
    look=_few,
    to_the_end=True,
)
LIMITS = (BV, OP14, DA21)
