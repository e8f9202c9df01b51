"""What simple models reach on the same rows: the least possible error is no larger."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish.baseline import boosting, linear
from burnish.baseline.fitted import Fitted, Targets
from burnish.data.inputs import Prepared
from burnish.diagnosis.budget import ErrorName, Measured
from burnish.doctor import ignorance, targets
from burnish.doctor.subject import Rows, Subject
from burnish.stats.interval import Interval

Floats = NDArray[np.float64]

# Inputs of a row up to which simple models are fitted: more are images or texts, of which they know little.
MOST_INPUTS = 1000
# Labels of sequences that tables are made of, which takes about a second.
MOST_LABELS = 200_000
# Questions of a row up to which each is asked of a linear model.
MOST_QUESTIONS = 20
# Share of the work that boosting may do: an examination has other things to do. A choice.
WORK = 0.25


def dev_errors(subject: Subject, name: ErrorName) -> dict[str, Interval]:
    """Errors on the dev rows of a constant answer, a linear model and boosted trees, by name.

    The constant answer alone for rows that the others cannot read. Of sequences of codes, what each code, and each with
    the one before it, mostly has as its label; of several questions, a linear model of each.

    Args:
        subject: Whose rows they are.
        name: The kind of error.
    """
    train, dev = subject.train, subject.dev
    always = ignorance.constant_errors(subject)
    found = {"a constant answer": Measured(name, always, always).estimate}
    if subject.several:
        told = _of_codes(train, dev) if train.x.shape == train.y.shape else _of_questions(train, dev)
        return found | {model: Measured(name, wrong, wrong).estimate for model, wrong in told.items()}
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
        wrong = _wrong(one, held_out, dev)
        found[one.name] = Measured(name, wrong, wrong).estimate
    return found


def _wrong(model: Fitted, prepared: Prepared, rows: Rows) -> Floats:
    """0 or 1, or the squared error, of each row."""
    said = model.predict(prepared)
    if np.issubdtype(rows.y.dtype, np.floating):
        return np.square(said[:, 0] - rows.y)
    return (said.argmax(axis=1) != rows.y).astype(np.float64)


def with_places(subject: Subject) -> tuple[Floats, Floats] | None:
    """Errors of dev rows of a linear model that knows what stands at which place, and of one that knows what stands.

    Args:
        subject: Whose rows are sequences, of codes (rows, places) or of numbers (rows, places, numbers).

    Returns:
        Both of shape (rows,): 0 or 1, or squared errors; None: linear models cannot read these rows.
    """
    train, dev = subject.train, subject.dev
    if not _readable(train) or not _readable(dev):
        return None
    told = [np.asarray(rows.x, np.float32) for rows in (train, dev)]
    if train.x.ndim == 2:
        codes = np.unique(train.x)
        if len(codes) * train.x.shape[1] > MOST_INPUTS:
            return None
        told = [(rows.x[:, :, None] == codes).astype(np.float32) for rows in (train, dev)]
    numbers = subject.kind == "regression"
    classes = None if numbers else int(max(train.y.max(), dev.y.max())) + 1
    y: Targets = train.y.astype(np.float64) if numbers else train.y.astype(np.int32)
    found = []
    for seen in (lambda x: x.reshape(len(x), -1), lambda x: x.mean(axis=1)):
        prepared, held_out = (Prepared(seen(x), np.zeros((len(x), 0), np.int32)) for x in told)
        found.append(_wrong(linear.linear(prepared, y, classes=classes, seed=subject.seed), held_out, dev))
    return found[0], found[1]


def _readable(rows: Rows) -> bool:
    """Finite numbers, not too many in a row, and one target for each: a class counted from 0, or a number."""
    usable = rows.y.ndim == 1 and all(np.issubdtype(values.dtype, np.number) for values in (rows.x, rows.y))
    if not usable or rows.x[0].size > MOST_INPUTS or not all(np.isfinite(values).all() for values in (rows.x, rows.y)):
        return False
    return bool(np.issubdtype(rows.y.dtype, np.floating) or rows.y.min() >= 0)


def _prepared(rows: Rows) -> Prepared:
    return Prepared(rows.x.reshape(len(rows), -1).astype(np.float32), np.zeros((len(rows), 0), np.int32))


def _of_codes(train: Rows, dev: Rows) -> dict[str, Floats]:
    """Share of labels that are wrong in each dev row, by what mostly goes with a code, and with a pair of codes.

    The code after a place is not looked at: it may be what a label says.
    """
    if not all(np.issubdtype(rows.x.dtype, np.integer) for rows in (train, dev)) or train.x.ndim != 2:
        return {}
    train = train.take(slice(0, max(1, MOST_LABELS // train.y.shape[1])))
    said: NDArray[np.integer] = np.full(dev.y.shape, ignorance.commonest(train.y))
    found = {}
    for name, back in (("a table of codes", 0), ("a table of pairs of codes", 1)):
        said = _looked_up(train, dev, back, said)
        found[name] = targets.wrong_labels(said, dev.y)
    return found


def _looked_up(train: Rows, dev: Rows, back: int, otherwise: NDArray[np.integer]) -> NDArray[np.integer]:
    """The label that is commonest where the last codes are the same; where they are new, what was said otherwise."""
    known = train.y >= 0
    contexts, place = np.unique(_contexts(train.x, back)[known], axis=0, return_inverse=True)
    pairs, counts = np.unique(np.stack([place.ravel(), train.y[known]]), axis=1, return_counts=True)
    best = np.zeros(len(contexts), np.int64)
    order = np.argsort(counts, kind="stable")  # the commonest comes last, and stays
    best[pairs[0, order]] = pairs[1, order]
    table = dict(zip(map(tuple, contexts.tolist()), best.tolist(), strict=True))
    asked = map(tuple, _contexts(dev.x, back).reshape(-1, back + 1).tolist())
    said = [table.get(one, other) for one, other in zip(asked, otherwise.ravel().tolist(), strict=True)]
    return np.array(said).reshape(dev.y.shape)


def _contexts(x: NDArray[np.integer], back: int) -> NDArray[np.int64]:
    """Each code, and so many before it, which are −1 before the first; shape (rows, places, 1 + back)."""
    wide = np.pad(x.astype(np.int64), ((0, 0), (back, 0)), constant_values=-1)
    return np.stack([wide[:, back - k : wide.shape[1] - k] for k in range(back + 1)], axis=2)


def _of_questions(train: Rows, dev: Rows) -> dict[str, Floats]:
    """The same for yes or no to each of a few questions, by a linear model of each."""
    asked = train.y.reshape(len(train), -1).shape[1]
    first = [Rows(rows.x, rows.y.reshape(len(rows), -1)[:, 0]) for rows in (train, dev)]
    if asked > MOST_QUESTIONS or train.y.min() < 0 or train.y.max() > 1 or not all(map(_readable, first)):
        return {}
    prepared, held_out = _prepared(train), _prepared(dev)
    wrong = np.zeros(len(dev))
    for question in range(asked):
        y, truth = (rows.y.reshape(len(rows), -1)[:, question].astype(np.int32) for rows in (train, dev))
        if len(np.unique(y)) < 2:
            wrong += truth != y[0]
        else:
            wrong += linear.linear(prepared, y, classes=2, seed=0).predict(held_out).argmax(axis=1) != truth
    return {"linear": wrong / asked}
