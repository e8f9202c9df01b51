"""BV: where the error of the trained network comes from, by the error budget and the training's curves."""

from __future__ import annotations

from collections.abc import Iterable

from burnish.diagnosis import bias_variance, training
from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor.examination import Examination
from burnish.doctor.rule import Found, Rule
from burnish.train.work import Ending


def _budget(exam: Examination) -> Iterable[Found]:
    if exam.followed.finite:
        yield from (Found(one, Evidence.TEST) for one in bias_variance.verdict(exam.budget))


def _stuck(exam: Examination) -> Iterable[Found]:
    """What else a curve shows, the probes have tried."""
    if exam.followed.finite:
        found = training.read(exam.curve, Ending.COMPLETED, uninformed=exam.uninformed)
        yield from (Found(one, Evidence.SIGNAL) for one in found if one.code == "OP14")


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
    "At the end the training loss is within 2 % of what is reached without a look at the inputs.",
    "Another learning rate, warm-up, or batch normalisation; if none helps, the inputs may hold nothing to learn.",
    "The training loss falls.",
    "Definition.",
    look=_stuck,
    unless=("NU8", "NU3", "NN8", "NU4", "NN9", "DA18", "DA26"),
)
LIMITS = (BV, OP14)
