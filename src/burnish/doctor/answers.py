"""Outputs that are made up, to ask a loss what it makes of them: no training is needed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array
from numpy.typing import NDArray

from burnish.data.observation import counted, listed
from burnish.doctor import null as nulls
from burnish.doctor import reach
from burnish.doctor.examination import Examination
from burnish.doctor.lab import quick
from burnish.doctor.rule import ROUNDING
from burnish.units import percent

Floats = NDArray[np.float64]

# How sure a made-up answer is, as a probability or as a logit, and classes beyond which none are made up.
SURE, MOST_CLASSES = 0.9, 100
# How many times as much rows of one class count as they should beside those of another before it is told. A choice.
TWICE = 2.0
# Random outputs that a loss is asked about, relative size up to which two of its values are the same, and sizes of
# right answers, as probabilities or logits.
ASKED, SAME, SIZES = 4, 1e-5, (0.5, 1.0, 3.0, 10.0, 30.0)
# Share of rows that teach nothing from which it is told, and from which it is a fault. A choice: of two classes one row
# in 256 is surely right in all draws by chance.
IDLE, HALF = 0.1, 0.5


def cross_entropy(outputs: Array, y: Array) -> Array:
    """Of logits of each class, shape (rows, classes), or of one logit, shape (rows, 1) or (rows,), by row."""
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return optax.sigmoid_binary_cross_entropy(outputs.reshape(len(outputs)), y)
    return optax.softmax_cross_entropy_with_integer_labels(outputs, y)


def saying(y: NDArray[Any], shape: tuple[int, ...], low: float, high: float) -> NDArray[np.float32]:
    """Outputs of this shape that say these labels: the higher number for what is said, the lower one for the rest."""
    single = len(shape) == y.ndim or shape[1:] == (1,)
    said = y > 0 if single else np.arange(shape[-1]) == y[..., None]
    return np.where(said, high, low).reshape(shape).astype(np.float32)


def right_and_wrong(exam: Examination) -> tuple[Floats, Floats] | None:
    """Losses of rows by right answers, shape (rows,), and by wrong ones, (rows, ways); None: none are known."""
    rows, shape, subject = exam.few, exam.shape, exam.subject
    row_losses = quick(subject.row_losses)

    def losses(outputs: NDArray[Any]) -> Floats:
        return np.asarray(row_losses(outputs.astype(np.float32), rows.y), np.float64)

    if subject.several:
        sure = float(np.log(SURE / (1 - SURE)))
        others = np.where(rows.y < 0, rows.y, (rows.y + 1) % max(2, int(rows.y.max()) + 1))
        right, wrong = (losses(saying(y, shape, -sure, sure)) for y in (rows.y, others))
        return right, wrong[:, None]
    width = int(np.prod(shape[1:]))
    if subject.kind == "classification":
        if not 1 < width <= MOST_CLASSES or int(rows.y.max()) >= width:
            return None
        answers = np.full((width, width), (1 - SURE) / (width - 1)) + (SURE - (1 - SURE) / (width - 1)) * np.eye(width)
        said = [losses(np.tile(answer, (len(rows), 1))) for answer in answers]
        table = np.stack(said, axis=1)  # rows, classes that are said
        own = np.eye(width, dtype=bool)[rows.y]
        return table[own], table[~own].reshape(len(rows), -1)
    if width * len(rows) != rows.y.size:
        return None
    away = float(np.std(rows.y)) or 1.0
    right, *beside = (losses((rows.y + off).reshape(shape)) for off in (0.0, away, -away))
    return right, np.stack(beside, axis=1)


def unsure_and_sure(exam: Examination) -> tuple[float, float] | None:
    """Mean losses of logits that favour no class, and of large ones for the right class; None: no single classes."""
    rows, shape, subject = exam.few, exam.shape, exam.subject
    if subject.kind != "classification" or subject.several or len(shape) != 2:
        return None
    loss, sure = quick(subject.row_losses), saying(rows.y, shape, 0.0, SIZES[-1])
    unsure, found = (float(np.mean(loss(z, rows.y))) for z in (np.zeros(shape, np.float32), sure))
    return unsure, found


def indifferent(exam: Examination) -> str:
    """Why the loss cannot tell classes apart, whatever is trained: asked by made-up outputs; "": it can."""
    rows, shape, subject = exam.few, exam.shape, exam.subject
    width = int(np.prod(shape[1:]))
    if (
        subject.kind != "classification"
        or subject.several
        or len(shape) != 2
        or not 1 < width <= MOST_CLASSES
        or rows.y.max() >= width
    ):
        return ""
    y = jnp.asarray(rows.y)
    loss = quick(lambda outputs: jnp.mean(subject.row_losses(outputs, y)))
    z = np.random.default_rng(0).normal(size=(ASKED, *shape)).astype(np.float32)
    here, there = (np.array([float(loss(one)) for one in asked]) for asked in (z, np.roll(z, 1, axis=2)))
    if np.isfinite([here, there]).all() and np.ptp(here) > SAME * np.abs(here).max() >= np.abs(here - there).max():
        return (
            "The loss is the same when the outputs are those of other classes: it does not ask which output is which."
        )
    far = reach.known(exam)
    if far is None or not np.isinf([far.low, far.high]).all():
        return ""  # a softmax, say, cannot give all classes as much as the right one
    own = np.eye(width)[rows.y]
    # A margin of each class by itself wants what is not said below 0.
    right = min(float(loss((size * says).astype(np.float32))) for size in SIZES for says in (own, 2 * own - 1))
    known = min(float(loss(np.full(shape, size * sign, np.float32))) for size in (0.0, *SIZES) for sign in (1, -1))
    if np.isfinite([right, known]).all() and known <= right < float(loss(z[0])):
        return (
            f"Outputs that are the same for all classes and rows have a loss of {known:.3g}, and right answers "
            f"{right:.3g} at best: nothing has to be learned for it."
        )
    return ""


def unasked(exam: Examination) -> str:
    """That labels of some places, or of some questions, are no concern of the loss, as a sentence; "": all are."""
    rows, subject = exam.few, exam.subject
    if not subject.several:
        return ""
    shape = exam.shape
    y, labels = jnp.asarray(rows.y), rows.y.ndim
    slope = quick(jax.grad(lambda outputs: jnp.sum(subject.row_losses(outputs, y))))
    draws = np.random.default_rng(0).normal(size=(ASKED, *shape)).astype(np.float32)
    slopes = np.max([np.abs(np.asarray(slope(one))) for one in draws], axis=0)
    asked = slopes.reshape(*shape[:labels], -1).max(axis=-1).max(axis=0) > 0
    idle = (rows.y >= 0).any(axis=0) & ~asked
    if not idle.any() or not asked.any():
        return ""
    named = listed([", ".join(map(str, place)) for place in np.argwhere(idle)])
    return (
        f"The loss does not change with the outputs of {counted(int(idle.sum()), 'place')} of {idle.size} in a row "
        f"(from 0: {named}), which have labels: nothing teaches them, and their errors count."
    )


def idle_rows(exam: Examination) -> tuple[str, bool]:
    """That the cost does not change with the outputs of some rows, and whether these are most, or all of a class; an
    empty sentence: it does.

    A margin leaves rows alone that have it already, and a clip what lies outside: so by outputs of several random draws
    of the network, which it can give.
    """
    rows, subject = exam.few, exam.subject
    if subject.several:
        return "", False
    y = jnp.asarray(rows.y)
    slope = quick(jax.grad(lambda outputs: jnp.mean(subject.loss(outputs, y))))
    x = np.asarray(nulls.standardising(subject.train).inputs(rows.x), rows.x.dtype)  # huge ones make any loss sure
    params = [nulls.random_draw(exam.gauger, exam.start.params, number) for number in range(2 * ASKED)]
    draws = [exam.lab.apply(one, jnp.asarray(x)) for one in params]
    slopes = np.max([np.abs(np.asarray(slope(one))) for one in draws], axis=0)
    idle = slopes.reshape(len(rows), -1).max(axis=1) == 0
    share = float(idle.mean())
    if not IDLE <= share < 1 or not np.isfinite(slopes).all():
        return "", False
    known = np.unique(rows.y[idle])
    alone = subject.kind == "classification" and not np.isin(known, rows.y[~idle]).any()
    which = f", all of class {listed([str(one) for one in known])}" if alone else ""
    return (
        f"The cost does not change with the outputs of {idle.sum()} of {len(rows)} rows{which}: they teach nothing.",
        share > HALF or alone,
    )


def unequal(exam: Examination) -> tuple[str, str]:
    """That the loss counts rows of a rarer class for less, or for more than makes up for how rare it is.

    Returns:
        A sentence, and what to do; two empty ones: it is neither.
    """
    found = _weighted(exam)
    if found is None:
        return "", ""
    classes, shares, weights = found
    common, rarer = int(shares.argmax()), shares < shares.max()
    least = int(np.where(rarer, weights, np.inf).argmin())
    if weights[least] * TWICE < weights[common]:
        return (
            f"The loss counts a row of class {classes[least]}, which {percent(shares[least])} of the rows have, "
            f"{weights[least] / weights[common]:.2g} times as much as one of class {classes[common]}, the commonest.",
            "Weights that grow with how rare a class is, if any: look whether they are the wrong way round.",
        )
    together = weights * shares
    most = int(np.where(rarer, together, 0).argmax())
    if together[most] > TWICE * together[common]:
        return (
            f"The loss counts all rows of class {classes[most]}, {percent(shares[most])} of them, "
            f"{together[most] / together[common]:.2g} times as much as all of class {classes[common]}, the commonest: "
            "more than makes up for how rare it is.",
            "Weights of 1 / share at most, which let all classes count alike.",
        )
    return "", ""


def _weighted(exam: Examination) -> tuple[NDArray[np.integer], Floats, Floats] | None:
    """Classes, shares of the rows that have them, and their weights; None: the loss is no weighted cross-entropy.

    Weights are told by made-up outputs: of a weighted cross-entropy each class has one, whatever the outputs.
    """
    y, shape, subject = exam.subject.train.y, exam.shape, exam.subject
    classes, counts = np.unique(y, return_counts=True)
    if subject.kind != "classification" or y.ndim != 1 or len(shape) > 2 or not 1 < len(classes) <= MOST_CLASSES:
        return None
    width = int(np.prod(shape[1:]))
    if classes[0] < 0 or classes[-1] >= max(width, 2):
        return None
    z = np.random.default_rng(0).normal(size=(ASKED * len(classes), *shape[1:])).astype(np.float32)
    asked = np.tile(classes, ASKED).astype(y.dtype)
    own = np.asarray(quick(subject.row_losses)(z, asked), np.float64).reshape(ASKED, -1)
    usual = np.asarray(quick(cross_entropy)(z, asked), np.float64).reshape(ASKED, -1)
    weights = (own / usual).mean(axis=0)
    if not np.isfinite(own).all() or weights.min() <= 0 or np.ptp(own / usual, axis=0).max() > ROUNDING * weights.max():
        return None
    return classes, counts / counts.sum(), weights
