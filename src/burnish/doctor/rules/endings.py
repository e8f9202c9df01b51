"""OP5 and NN11: a loss that bounces at the end, and a network of which half would do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import widths
from burnish.doctor.arms import Arm
from burnish.doctor.examination import (
    AT_ONCE,
    FRESH,
    LOOKS,
    MEASURED,
    NOTHING_CHANGED,
    PRACTICAL_SHARE,
    PROBE_ALARMS,
    PROBE_FAMILIES,
    Examination,
)
from burnish.doctor.lab import Change
from burnish.doctor.rule import Found, Rule
from burnish.stats import paired

Floats = NDArray[np.float64]

# Steps after the end of which each is looked at.
LOOKED_AT = 300
# Correlation of a change of the loss with the one before it below which the loss bounces. Back and forth has −1, a loss
# that every step draws anew −0.5, one that drifts 0. A choice: trainings of clusters by SGD had −0.27 at a rate of
# 0.1, −0.35 at 1, which did no harm, and −0.42 to −0.49 where whole batches and rates of 3 and 4 ruined them.
BOUNCING = -0.4
# The rate that is tried, relative to the present one.
LOWER = Arm("0.3 times the learning rate", Change(rate=0.3))
# Units of the narrowest hidden layer from which a network may be wasteful.
WIDE = 64
# Operations of a training up to which half of its network is tried: a note is not worth minutes. A choice.
MOST_OPERATIONS = 2 * AT_ONCE


def correlation(losses: Floats) -> tuple[float, float]:
    """Of each change of the loss with the one before, and the upper end of its interval (Fisher's z)."""
    changes = np.diff(losses)
    before, after = changes[:-1], changes[1:]
    if before.std() == 0 or after.std() == 0:
        return 0.0, 1.0
    found = float(np.corrcoef(before, after)[0, 1])
    reach = float(stats.norm.isf(paired.ALPHA)) / np.sqrt(len(before) - 3)
    return found, float(np.tanh(np.arctanh(np.clip(found, -1 + 1e-9, 1 - 1e-9)) + reach))


def _bouncing(exam: Examination) -> Iterable[Found]:
    """On the same rows at each step, as losses of mini-batches differ by the luck of their rows alone."""
    if not exam.followed.finite:
        return
    if not exam.promising(exam.probe(LOWER, exam.screening, paired.ALPHA)):
        return
    starts = range(FRESH, FRESH + LOOKS[0])  # OP1 has chosen among the others
    probed = exam.probe(LOWER, starts, PROBE_ALARMS / PROBE_FAMILIES)
    present = np.mean([exam.trained(NOTHING_CHANGED, seed).losses.mean() for seed in starts])
    if probed.gain.low <= 0 or probed.gain.value <= PRACTICAL_SHARE * present or probed.fit_gain <= 0:
        return
    at, losses = exam.followed.end, []
    for _ in range(LOOKED_AT):
        at, _ = exam.lab.train(at, 1)
        losses.append(exam.lab.losses(at.params, exam.lab.gauge).mean())
    found, upper = correlation(np.array(losses))
    if np.isfinite(losses).all() and found < BOUNCING and upper < 0:
        yield OP5.found(
            f"From step to step the loss on the same rows goes up and down: a change's correlation with the one before "
            f"is {found:.2f} (below {upper:.2f}). With {LOWER.name} the dev loss is lower by {probed.gain.value:.2g}."
        )


def _wasteful(exam: Examination) -> Iterable[Found]:
    """Hidden layers of half the width, rightly drawn: they would do where they are surely no worse by what matters."""
    layers = exam.gauger.layers
    least = min((layer.units for layer in layers[:-1]), default=0)
    if least < WIDE or exam.operations > MOST_OPERATIONS or not exam.followed.finite:
        return
    half = widths.resized(exam.subject, layers, exam.start.params, 0.5, 1)
    if half is None:
        return
    arm = Arm("hidden layers half as wide", subject=lambda subject: replace(subject, init=half.init))
    if exam.probe(arm, exam.screening, paired.ALPHA).told.value <= -exam.practical:
        return
    gain = exam.probe(arm, MEASURED, paired.ALPHA).told
    if gain.low > -exam.practical:
        yield NN11.found(
            f"With {arm.name} the dev error differs by {-gain.value:+.2g} ({-gain.high:+.2g} to {-gain.low:+.2g}), and "
            f"{exam.practical:.2g} would matter."
        )


OP5 = Rule(
    "OP5",
    "The loss bounces",
    Evidence.TEST,
    Severity.LIMIT,
    "At the end steps undo each other: changes of the loss on the same rows have a correlation below −0.4 "
    "from one to the next, and a third of the learning rate has a dev loss that is lower by a tenth, and a lower loss "
    "on rows that were learned from.",
    "A lower learning rate, decay, larger mini-batches, or less momentum.",
    "Changes are no longer opposed, and the dev loss is lower.",
    "Cohen et al., 2021 (edge of stability: bouncing alone is no fault).",
    look=_bouncing,
    unless=("OP1",),
    to_the_end=True,
)
NN11 = Rule(
    "NN11",
    "Half the width would do",
    Evidence.PROBE,
    Severity.NOTE,
    "All hidden layers have 64 units and more, and half as wide the dev error is surely no higher by what matters.",
    "Narrower layers: the same error for less.",
    "The dev error of the narrower network is no higher.",
    "Schuirmann, 1987 (one of the two one-sided tests of equivalence: a lower error is no reason against it).",
    look=_wasteful,
)
LIMITS = (OP5,)
NOTES = (NN11,)
