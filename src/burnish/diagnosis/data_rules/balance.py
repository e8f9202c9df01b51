"""DA20: rare classes that are hardly ever recognised, though they could be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats as distributions

from burnish.diagnosis.data_rules import models
from burnish.diagnosis.data_rules.rows import Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import interval, multiplicity
from burnish.units import percent

# Within the 5 to 10 that Kohavi (1995) finds best for telling models apart; each fold is one more fit.
FOLDS = 5
# A choice: the share found of 20 rows is known to ± 23 points (Clopper and Pearson 1934), of fewer to nothing useful.
FEWEST_OF_CLASS = 20
# A class is rare below this share of an even one.
RARE_SHARE = 0.4
# Recall that a class has to gain, and half of the rows, which it has to miss now.
GAIN, MISSED = 0.10, 0.5


def overlooked(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA20: a rare class found in less than half of its rows, and surely more often once the classes weigh alike.

    Dividing predicted probabilities by the classes' shares gives what training with balanced classes would (Menon et
    al. 2021), from the same models.
    """
    codes, counts = np.unique(rows.y_train, return_counts=True)
    rare = codes[(counts < RARE_SHARE * len(rows.y_train) / len(codes)) & (counts >= FEWEST_OF_CLASS)]
    if rows.task != "classification" or not len(rare) or len(codes) < 2:
        return
    rng = np.random.default_rng([rows.seed, 20])
    picked = some(len(rows.y_train), rows.most_rows, rng)
    y = np.searchsorted(codes, rows.y_train[picked])
    truth = models.truth_of(y.astype(np.float64), len(codes))
    folds = models.dealt(y.astype(np.float64), FOLDS, rng)
    shares = models.crossed(models.trees, rows.x_train[picked], truth, rows.kinds, folds, rows.seed)
    plain, balanced = shares.argmax(axis=1), (shares / np.maximum(truth.mean(axis=0), 1e-12)).argmax(axis=1)
    tested = []
    for code in np.searchsorted(codes, rare):
        own = y == code
        if own.sum() >= FEWEST_OF_CLASS:
            before, after = plain[own] == code, balanced[own] == code
            found = [interval.proportion(float(hit.sum()), float(own.sum())) for hit in (before, after)]
            tested.append((code, found, _sign_test(int((after & ~before).sum()), int((before & ~after).sum()))))
    if not tested:
        return
    beyond = multiplicity.holm([p for _, _, p in tested], alpha)
    costs = [float((said != y).mean()) for said in (plain, balanced)]
    for (code, (now, then), _), significant in zip(tested, beyond, strict=True):
        if significant and now.high < MISSED and then.value - now.value > GAIN and then.low > now.high:
            yield DA20.finding(
                f"Trees find {percent(now.value)} ({percent(now.low)} to {percent(now.high)}) of the rows of class "
                f"{rows.class_name(codes[code])!r}, which makes up {percent(truth[:, code].mean())}; with classes that "
                f"weigh alike {percent(then.value)} ({percent(then.low)} to {percent(then.high)}), while the share of "
                f"wrong rows goes from {percent(costs[0])} to {percent(costs[1])}.",
                where=rows.class_name(codes[code]),
            )


def _sign_test(gained: int, lost: int) -> float:
    """One-sided chance of so many gains among gains and losses, if both were as likely (McNemar 1947, exact)."""
    return float(distributions.binom.sf(gained - 1, gained + lost, 0.5)) if gained + lost else 1.0


DA20 = DataRule(
    "DA20",
    "A rare class is hardly recognised",
    Evidence.TEST,
    Severity.NOTE,
    "A rare class is found in less than half of its rows, and surely in more once the classes weigh alike.",
    "If missing it costs more than a false alarm, choose by --metric balanced_accuracy, weight the classes, or lower "
    "the threshold; if errors cost alike, nothing is wrong.",
    "The class's recall and the balanced accuracy rise on fresh rows.",
    "Menon et al., 2021 (logit adjustment); McNemar, 1947.",
    overlooked,
)
RULES = (DA20,)
