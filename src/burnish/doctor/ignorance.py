"""What it costs to know nothing: the loss of the best constant outputs, by a person's own loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from numpy.typing import NDArray

from burnish.doctor import targets
from burnish.doctor.lab import NOTHING, Change, Lab, quick
from burnish.doctor.subject import Subject

# Quantiles of the targets that are tried beside their mean, as absolute errors want the median and others other ones.
QUANTILES = np.linspace(0.05, 0.95, 19)
# Rows that each class counts beside its own, so that one without rows has a logarithm (Krichevsky and Trofimov, 1981).
BESIDE = 0.5
# Share of yes above which yes is the better constant answer.
HALF = 0.5


def uninformed(lab: Lab, params: PyTree, change: Change = NOTHING) -> float:
    """Mean loss on the gauge rows of the best constant outputs; nan where no constant that is tried has one.

    Class shares as logits or as they are for classes, mean and quantiles for numbers. A loss for which another constant
    is better knows nothing for a little less: rules that compare with this then speak less often, not more.

    Args:
        lab: Of the subject, which is `understood`.
        params: Of any start: they tell the outputs' shape.
        change: Of the targets.
    """
    subject, rows = lab.subject, lab.gauge
    shape = jax.eval_shape(subject.apply, params, jnp.asarray(rows.x)).shape
    y = np.asarray(change.targets(jnp.asarray(rows.y)))
    if not np.isfinite(np.asarray(y, np.float64)).all():
        return float("nan")
    mean = lab.programs.of(
        ("constant", subject.loss),
        lambda: quick(lambda outputs, y: jnp.mean(subject.row_losses(outputs, y))),
    )
    return min(
        (
            loss
            for outputs, least in _constants(y, shape, subject)
            if np.isfinite(loss := float(mean(np.broadcast_to(outputs, shape).astype(np.float32), y))) and loss >= least
        ),
        default=float("nan"),
    )


def error(subject: Subject) -> float:
    """Error on the dev rows of their best constant answer: misclassification rate, or RMSE over all targets."""
    y = subject.dev.y
    if subject.several:
        return _of_labels(y)
    if subject.kind == "classification":
        return float(1 - np.unique(y, return_counts=True)[1].max() / len(y))
    return float(np.sqrt(np.nanvar(np.asarray(y, np.float64), axis=0).mean()))


def constant_errors(subject: Subject) -> NDArray[np.float64]:
    """Errors on the dev rows of the constant answer that suits the training rows best; shape (rows,).

    As `Subject.row_errors`: 0 or 1 for classes, of several labels the share that is wrong, the squared error for
    numbers.
    """
    y, dev = subject.train.y, subject.dev.y
    if subject.kind == "regression":
        wide, held_out = (np.asarray(one, np.float64).reshape(len(one), -1) for one in (y, dev))
        return np.square(held_out - np.nanmean(wide, axis=0)).mean(axis=1)
    return targets.wrong_labels((y.mean(axis=0) > HALF).astype(y.dtype) if _is_yes_or_no(y) else commonest(y), dev)


def commonest(y: NDArray[Any]) -> Any:
    """The class that most labels say."""
    return np.bincount(y[y >= 0].ravel()).argmax()


def spread(subject: Subject) -> float:
    """Mean squared distance of all targets, learned from or not, from their mean; 0 where all are the same."""
    y = np.concatenate([np.asarray(rows.y, np.float64).reshape(len(rows), -1) for rows in (subject.train, subject.dev)])
    return float(np.nanmean(np.square(y - np.nanmean(y, axis=0))))


def _constants(
    y: NDArray[np.generic], shape: tuple[int, ...], subject: Subject
) -> Iterable[tuple[NDArray[Any], float]]:
    """Outputs of one row, and the least loss that they can have if the loss takes them for what they are."""
    if subject.kind == "regression":
        wide = np.asarray(y, np.float64).reshape(len(y), -1)
        if wide.shape[1] == np.prod(shape[1:]):
            for one in (wide.mean(axis=0), *np.quantile(wide, QUANTILES, axis=0)):
                yield one.reshape(shape[1:]), -np.inf
        return
    if subject.several:
        yield from _for_labels(np.asarray(y), shape)
        return
    width = int(np.prod(shape[1:]))
    classes, codes = max(2, width), np.asarray(y).reshape(-1)
    if len(codes) != shape[0] or codes.min() < 0 or codes.max() >= classes:
        return
    shares = (np.bincount(codes, minlength=classes) + BESIDE) / (len(codes) + BESIDE * classes)
    if width > 1:
        yield np.log(shares).reshape(shape[1:]), -np.inf
        yield shares.reshape(shape[1:]), 0.0  # an unbounded loss would be below 0 for any positive numbers
        return
    for one in (np.log(shares[1] / shares[0]), shares[1], shares[1] - shares[0]):  # logit, probability, −1 to 1
        yield np.full(shape[1:], one), 0.0


def _for_labels(y: NDArray[Any], shape: tuple[int, ...]) -> Iterable[tuple[NDArray[Any], float]]:
    """The same for several labels a row: shares of classes over all places, or of yes for each output."""
    if len(shape) > y.ndim:
        known = y[y >= 0].astype(np.int64)
        if known.size and known.max() < shape[-1]:
            shares = (np.bincount(known, minlength=shape[-1]) + BESIDE) / (known.size + BESIDE * shape[-1])
            yield np.broadcast_to(np.log(shares), shape[1:]), -np.inf
            yield np.broadcast_to(shares, shape[1:]), 0.0
        return
    shares = (y.sum(axis=0) + BESIDE) / (len(y) + 2 * BESIDE)
    yield np.log(shares / (1 - shares)), 0.0
    yield shares, 0.0


def _of_labels(y: NDArray[Any]) -> float:
    """Share of labels that are not the usual one: of each place where they are yes or no, else of all of them."""
    known = y[y >= 0]
    if _is_yes_or_no(y):
        yes = y.reshape(len(y), -1).mean(axis=0)
        return float(np.minimum(yes, 1 - yes).mean())
    return float(1 - np.unique(known, return_counts=True)[1].max() / known.size) if known.size else 0.0


def _is_yes_or_no(y: NDArray[Any]) -> bool:
    """Whether each of several labels of a row is a question by itself, rather than a class at a place."""
    return y.ndim > 1 and bool((y >= 0).all()) and int(y.max()) < 2
