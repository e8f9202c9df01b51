"""DA22: augmentation that makes rows what they are not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from burnish.diagnosis.data_rules import models
from burnish.diagnosis.data_rules.rows import Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import interval, paired
from burnish.units import percent

# A choice: of fewer rows an accuracy is known to ± 7 points at best (Clopper and Pearson 1934).
FEWEST_ROWS = 200
# Share of rows that a model of plain rows recognises and augmented does not, from which on the rows are others; right
# augmentation is hard too, so that a model of augmented rows has to do worse besides.
LOST = 0.05


def makes_other_rows(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA22: a model of plain rows is lost on augmented ones, and one of augmented rows does worse on plain ones."""
    if rows.task != "classification" or rows.x_augmented is None or len(rows.y_train) < FEWEST_ROWS:
        return
    rng = np.random.default_rng([rows.seed, 22])
    picked = some(len(rows.y_train), rows.most_rows, rng)
    codes, y = np.unique(rows.y_train[picked], return_inverse=True)
    plain, made = rows.x_train[picked], rows.x_augmented[picked]
    fit = models.dealt(y.astype(np.float64), 2, rng) == 0
    truth = models.truth_of(y.astype(np.float64), len(codes))
    fitted = models.encoder(plain[fit], rows.kinds)
    seen, held, held_made = (fitted.encode(part) for part in (plain[fit], plain[~fit], made[~fit]))
    wrong = [models.trees(seen, truth[fit], x, rows.seed).argmax(axis=1) != y[~fit] for x in (held, held_made)]
    taught = models.trees(fitted.encode(made[fit]), truth[fit], held, rows.seed).argmax(axis=1) != y[~fit]
    lost = paired.gain(wrong[1].astype(float), wrong[0].astype(float), statistic="error", alpha=alpha)
    worse = paired.gain(taught.astype(float), wrong[0].astype(float), statistic="error", alpha=alpha)
    if lost.low <= LOST or worse.low <= 0:
        return
    rate = interval.proportion(float(taught.sum()), float(len(taught)))
    yield DA22.finding(
        f"Trees that learned from plain rows are wrong on {percent(wrong[0].mean())} of plain and "
        f"{percent(wrong[1].mean())} of augmented rows; trees that learned from augmented rows on "
        f"{percent(rate.value)} ({percent(rate.low)} to {percent(rate.high)}) of plain ones."
    )


DA22 = DataRule(
    "DA22",
    "Augmentation makes rows what they are not (suspected)",
    Evidence.TEST,
    Severity.LIMIT,
    "A model of plain rows is lost on augmented ones by over 5 points, and a model of augmented rows does worse on "
    "plain ones.",
    "Leave out what changes the class: a 6 upside down is a 9.",
    "The dev error of a training without it is lower.",
    "McNemar, 1947; Shorten and Khoshgoftaar, 2019 (augmentation that keeps the label).",
    makes_other_rows,
)
RULES = (DA22,)
