"""DA18 and DA26: do inputs and targets belong to each other, and is there anything to learn?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import special

from burnish.diagnosis.data_rules import models
from burnish.diagnosis.data_rules.rows import Floats, Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.units import percent

# A chance above which nothing was seen. Were 0.2 asked for, as often, one in five targets that nothing predicts would
# go unnamed.
NOTHING = 0.05
# Standard errors from which one family alone is enough: one-sided 3 in 100,000.
PLAIN = 4.0
# The smallest association (0 to 1) that must not go unseen where "nothing can be learned" is said: 4 % of the variance.
UNSEEN = 0.2
# Rows by which targets are tried to be moved.
LAGS = tuple(lag for lag in range(-5, 6) if lag)
LAG_ROWS = 2_000
FEWEST_ROWS = 40


def misaligned(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA18: nothing can be learned, but with targets moved by a row or more, or from the dev rows, much can."""
    if len(rows.y_train) < FEWEST_ROWS or not _nothing(rows, rows.x_train, rows.y_train):
        return
    moved = _moved(rows, alpha / 2)
    if moved is not None:
        lag, found = moved
        yield DA18.finding(
            f"No model predicts the targets of rows that it had not seen, but all is well with the targets of "
            f"{'the row' if abs(lag) == 1 else f'{abs(lag)} rows'} {'below' if lag > 0 else 'above'}: association "
            f"{found:.2f} (0: none, 1: perfect).",
            title="Targets are moved against their rows",
        )
        return
    if len(rows.y_dev) < FEWEST_ROWS:
        return
    count = min(len(rows.y_dev), len(rows.y_train))
    for name, family in models.FAMILIES.items():
        dev, distance = _distance(family, rows, rows.x_dev[:count], rows.y_dev[:count])
        if models.p_value(distance) * len(models.FAMILIES) < alpha / 2:
            yield DA18.finding(
                f"No model of three families predicts held-out targets of the {len(rows.y_train):,} training rows "
                f"better than targets that are dealt at random; on {count:,} dev rows one does ({name}: association "
                f"{dev:.2f}; 0: none, 1: perfect)."
            )
            return


def unlearnable(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA26: nothing can be learned, though an effect worth having would have been seen."""
    seen = min(len(rows.y_train), rows.most_rows)
    _, counts = np.unique(rows.y_train, return_counts=True)
    # Of a target that hardly varies too little can be seen, whatever the number of rows.
    if seen < FEWEST_ROWS or len(rows.y_train) - counts.max() < FEWEST_ROWS:
        return
    # A false alarm is an effect that is there and not seen: its chance is one less the power.
    smallest = float(special.ndtri(1 - NOTHING) + special.ndtri(1 - alpha)) / float(np.sqrt(seen - 1))
    if smallest > UNSEEN or not _nothing(rows, rows.x_train, rows.y_train):
        return
    yield DA26.finding(
        "Models of three families (linear, nearest neighbours, trees) predict held-out targets no better than targets "
        f"that are dealt at random, on {seen:,} rows. An association of {smallest:.2f} or more (0: none, 1: perfect) "
        f"would have gone unseen with a chance of {percent(alpha, 2)}.",
    )


def _nothing(rows: Rows, x: Floats, y: Floats) -> bool:
    """Whether three families see nothing between them; the quickest is asked first.

    Their distances come from the same rows: the mean of three is judged as one, which is cautious.
    """
    distances = []
    for family in models.FAMILIES.values():
        distances.append(_distance(family, rows, x, y)[1])
        if distances[-1] > PLAIN:
            return False
    return models.p_value(float(np.mean(distances))) > NOTHING


def _distance(family: models.Predict, rows: Rows, x: Floats, y: Floats) -> tuple[float, float]:
    """Association of targets with predictions from the other half, and its distance from 0 in standard errors.

    The two halves' distances come from one set of pairs of rows and may be the same number twice: their mean is judged
    as one.
    """
    rng = np.random.default_rng([rows.seed, 18])
    picked = some(len(y), rows.most_rows, rng)
    codes, targets = np.unique(y[picked], return_inverse=True)
    classes = len(codes) if rows.task == "classification" else 0
    y_here = targets.astype(np.float64) if classes else y[picked]
    if len(codes) < 2:
        return 0.0, 0.0
    parts = models.dealt(y_here, 2, rng)
    predicted = models.crossed(family, x[picked], models.truth_of(y_here, classes), rows.kinds, parts, rows.seed)
    both = [models.association(predicted[parts == part], y_here[parts == part], classes) for part in (0, 1)]
    return float(np.mean([found for found, _ in both])), float(np.mean([distance for _, distance in both]))


def _moved(rows: Rows, alpha: float) -> tuple[int, float] | None:
    """The lag under which targets fit, and how well; None if under none."""
    count = min(len(rows.y_train), LAG_ROWS)
    x, y = rows.x_train[:count], rows.y_train[:count]
    families = (models.linear, models.neighbours)
    found = []
    for lag in LAGS:
        here = slice(max(0, -lag), count - max(0, lag))
        there = slice(max(0, lag), count - max(0, -lag))
        found += [(lag, *_distance(family, rows, x[here], y[there])) for family in families]
    lag, association, distance = max(found, key=lambda one: one[2])
    return (lag, association) if models.p_value(distance) * len(found) < alpha else None


DA18 = DataRule(
    "DA18",
    "Targets do not belong to their rows (suspected)",
    Evidence.TEST,
    Severity.FAULT,
    "No family of models predicts held-out training targets, but targets moved by up to five rows are predicted, or "
    "those of the dev rows are.",
    "Join inputs and targets anew by a key, not by their order.",
    "The dev error after joining anew.",
    "Hoeffding, 1951 (permutation of targets).",
    misaligned,
)
DA26 = DataRule(
    "DA26",
    "Nothing was found that a model could learn",
    Evidence.TEST,
    Severity.LIMIT,
    "Three families of models predict held-out targets no better than dealt ones, with power for a small effect.",
    "Look whether inputs and targets were joined in the right order; else collect inputs that have to do with the "
    "target. A network helps only where the target hangs on them in a way that none of these models sees, as the "
    "parity of a number.",
    "A model with the new inputs predicts held-out targets.",
    "Hoeffding, 1951 (permutation of targets).",
    unlearnable,
    unless=("DA18",),
)
RULES = (DA18, DA26)
