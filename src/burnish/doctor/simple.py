"""What simple models reach on the same rows: the least possible error is no larger."""

from __future__ import annotations

import numpy as np

from burnish.baseline import boosting, linear
from burnish.baseline.fitted import Fitted, Targets
from burnish.data.inputs import Prepared
from burnish.diagnosis.budget import ErrorName, Measured
from burnish.doctor import ignorance
from burnish.doctor.subject import Rows, Subject
from burnish.stats.interval import Interval

# Inputs of a row up to which simple models are fitted: more are images or texts, of which they know little.
MOST_INPUTS = 1000
# Share of the work that boosting may do: an examination has other things to do. A choice.
WORK = 0.25


def dev_errors(subject: Subject, name: ErrorName) -> dict[str, Interval]:
    """Errors on the dev rows of a constant answer, a linear model and boosted trees, by name.

    The constant answer alone for rows that the others cannot read.

    Args:
        subject: Whose rows they are.
        name: The kind of error.
    """
    train, dev = subject.train, subject.dev
    always = ignorance.constant_errors(subject)
    found = {"a constant answer": Measured(name, always, always).estimate}
    if not _readable(train) or not _readable(dev):
        return found
    prepared, held_out = (_prepared(rows) for rows in (train, dev))
    numbers = subject.kind == "regression"
    classes = None if numbers else int(max(train.y.max(), dev.y.max())) + 1
    y: Targets = train.y.astype(np.float64) if numbers else train.y.astype(np.int32)
    fits: tuple[Fitted, ...] = (
        linear.linear(prepared, y, classes=classes, seed=subject.seed),
        boosting.boosting(prepared, y, classes=classes, seed=subject.seed, share=WORK),
    )
    for one in fits:
        said = one.predict(held_out)
        wrong = np.square(said[:, 0] - dev.y) if numbers else (said.argmax(axis=1) != dev.y).astype(np.float64)
        found[one.name] = Measured(name, wrong, wrong).estimate
    return found


def _readable(rows: Rows) -> bool:
    """Finite numbers, not too many in a row, and one target for each: a class counted from 0, or a number."""
    usable = rows.y.ndim == 1 and all(np.issubdtype(values.dtype, np.number) for values in (rows.x, rows.y))
    if not usable or rows.x[0].size > MOST_INPUTS or not all(np.isfinite(values).all() for values in (rows.x, rows.y)):
        return False
    return bool(np.issubdtype(rows.y.dtype, np.floating) or rows.y.min() >= 0)


def _prepared(rows: Rows) -> Prepared:
    return Prepared(rows.x.reshape(len(rows), -1).astype(np.float32), np.zeros((len(rows), 0), np.int32))
