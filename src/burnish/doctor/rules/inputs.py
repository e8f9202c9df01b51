"""DA1 and DA13: inputs of unlike scales, and rows in an order that teaches one class at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.examination import Examination
from burnish.doctor.rule import Rule, Trial

# A condition number of the inputs' second moments, or a size, from which standardising is worth a probe. The probe
# decides.
ILL_CONDITIONED, UNLIKE = 10.0, 3.0
# Cramér's V from which mini-batches differ in their classes: a small effect by Cohen (1988).
SMALL_EFFECT = 0.1
# Chance with which a random order calls for a probe, which then decides.
CALLED_FOR = 0.01


def _condition(x: np.ndarray) -> float:
    """Of the second-moment matrix: how much steeper the cost of a linear unit is along one axis than another."""
    wide = np.asarray(x, np.float64).reshape(len(x), -1)
    wide = wide[:, wide.std(axis=0) > 0]
    if not wide.shape[1]:
        return 1.0
    joined = np.concatenate([wide, np.ones((len(wide), 1))], axis=1)
    values = np.linalg.eigvalsh(joined.T @ joined / len(joined))
    return float(values[-1] / max(values[0], values[-1] * 1e-12))


def _scales(exam: Examination) -> Trial | None:
    x = exam.subject.train.x
    if not np.issubdtype(x.dtype, np.floating) or not np.isfinite(x).all():
        return None
    change = nulls.standardising(exam.subject.train)
    before = _condition(exam.lab.gauge.x)
    after = _condition((exam.lab.gauge.x - change.shift) * change.scale)
    size = float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))
    unlike = max(size, 1 / max(size, 1e-30)) > UNLIKE
    if before < ILL_CONDITIONED * after and not unlike:
        return None
    return Trial(
        f"Inputs have a size of {size:.3g} and a condition number of {before:.2g}, standardised {after:.2g}.",
        (Arm("standardised inputs", change),),
        general=0 if unlike else 2,  # to condition the inputs better makes nearly any training faster
    )


def _order(exam: Examination) -> Trial | None:
    """Do mini-batches differ in their classes by more than a random order would make them?"""
    subject = exam.subject
    if subject.kind != "classification" or subject.shuffle:
        return None
    table = _counts(exam, range(min(subject.per_epoch, 200)))
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[0] < 2 or table.shape[1] < 2:
        return None
    found = stats.chi2_contingency(table)
    effect = float(np.sqrt(found.statistic / (table.sum() * (min(table.shape) - 1))))
    if found.pvalue >= CALLED_FOR or effect <= SMALL_EFFECT:
        return None
    return Trial(
        f"Mini-batches differ in their classes (Cramér's V {effect:.2f}, p = {found.pvalue:.1g}).",
        (Arm("shuffled rows", subject=lambda given: replace(given, shuffle=True)),),
    )


def _counts(exam: Examination, steps: range) -> np.ndarray:
    chosen, counted = exam.lab.order(steps)
    y = np.asarray(exam.subject.train.y).reshape(len(exam.subject.train), -1)[:, 0]
    classes, codes = np.unique(y, return_inverse=True)
    table = np.zeros((len(steps), len(classes)), int)
    for place in range(len(steps)):
        table[place] = np.bincount(codes[chosen[place][counted[place] > 0]], minlength=len(classes))
    return table


DA1 = Rule(
    "DA1",
    "Inputs are not normalised",
    Evidence.PROBE,
    Severity.FAULT,
    "Inputs far from unit size, or far worse conditioned than standardised ones, and a lower dev error when they are "
    "standardised. By their condition alone only where half of what can be learned is regained, else room for "
    "improvement.",
    "Standardise each input on the training rows, and use the same numbers for all others.",
    "The dev error of the whole training is lower.",
    "LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, section 4.3.",
    trial=_scales,
)
DA13 = Rule(
    "DA13",
    "Rows come in an order that matters",
    Evidence.PROBE,
    Severity.FAULT,
    "Mini-batches differ in their classes as no random order lets them, and a shuffled training does better.",
    "Shuffle the rows at each epoch.",
    "The dev error is lower.",
    "Cramér, 1946 (V); Cohen, 1988 (small effect).",
    trial=_order,
)
