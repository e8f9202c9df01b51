"""BV: where the error of the trained network comes from, by the error budget and the training's curves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from burnish.diagnosis import bias_variance, training
from burnish.diagnosis.finding import Finding, Severity
from burnish.doctor.examination import Examination
from burnish.doctor.rule import Evidence, Rule
from burnish.train.work import Ending


def _budget(exam: Examination) -> Iterable[Finding]:
    if np.isfinite(exam.followed.trace.loss).all():
        yield from bias_variance.verdict(exam.budget)


def _curves(exam: Examination) -> Iterable[Finding]:
    """Too few or too many epochs; what the learning rate's probes and the proofs say is theirs to say."""
    if np.isfinite(exam.followed.trace.loss).all():
        found = training.read(exam.curve, Ending.COMPLETED, uninformed=exam.uninformed)
        yield from (one for one in found if one.code in ("BV10", "BV11", "OP14"))


BV = Rule(
    "BV",
    "Bias, variance, and what they leave",
    Evidence.TEST,
    Severity.LIMIT,
    "A part of the error budget whose interval lies above zero and above the practical size.",
    "Bias first (larger, longer, better optimised), then variance (more data, regularisation).",
    "The part shrinks, and the dev error with it.",
    "Geman, Bienenstock and Doursat, 1992; the practical size is a choice.",
    _budget,
)
CURVES = Rule(
    "BV10",
    "Too few or too many epochs",
    Evidence.SIGNAL,
    Severity.LIMIT,
    "The dev loss still falls in the last third, or has risen for good after its lowest point.",
    "Longer training, or early stopping.",
    "The dev loss of the other number of epochs is lower.",
    "Theil, 1950; Sen, 1968 (slope); Prechelt, 1998 (early stopping).",
    _curves,
)
RULES = (BV, CURVES)
