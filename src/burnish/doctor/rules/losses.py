"""NN18: a loss that aims at something else than the error, or takes outputs for something else than targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import answers
from burnish.doctor.arms import Arm
from burnish.doctor.examination import Examination
from burnish.doctor.lab import quick
from burnish.doctor.rule import ROUNDING, Found, Rule, Trial
from burnish.doctor.rules.outputs import CROSS_ENTROPY
from burnish.units import percent

Floats = NDArray[np.float64]

# What outputs may be of the targets, beside the targets themselves.
LINKS: dict[str, Callable[[Floats], Floats]] = {
    "the logarithms of the targets": np.log,
    "the logarithms of 1 and the targets": np.log1p,
    "the logarithms of the targets to base 10": np.log10,
    "the square roots of the targets": np.sqrt,
}
# Positive targets that have to be among those that are asked.
FEWEST = 16
# How far beside them it is looked for a lower loss, in standard deviations of what they may be, and the share of rows
# for which it has to be so.
BESIDE, NEARLY_ALL = (0.03, 0.3), 0.95
# Constants, or leads of the right class, that are asked about: from which quantile of the targets to which, and from
# how many logits to how many, beyond which exp(−30) is nothing to a loss of logits.
QUANTILES, INNER, LEADS = 99, (0.01, 0.99), (0.01, 30.0)
# Standard deviations on either side of a target within which the lowest loss is looked for, by so many steps in each,
# and share of rows whose own may lie elsewhere. Choices.
AROUND, PER_DEVIATION, FEW_ROWS = 4, 10, 0.1
# Standard deviations of the targets beyond their mean and median where a loss has another aim than either. A choice.
OFF_CENTRE = 0.3
# Part of the fall of a loss that is left where it is all but done, and the lead, in logits, below which that is soon:
# cross-entropy has it at 3 to 5, a margin at 1 or 2. A choice.
LEFT, BARELY = 0.05, 1.0
# Random answers that a loss is compared with a usual one by.
ASKED = 8


def _squared(outputs: Array, y: Array) -> Array:
    """By row, of as many outputs as targets."""
    wide = jnp.square(outputs.reshape(len(y), -1) - y.reshape(len(y), -1))
    return wide.mean(axis=1)


SQUARED = Arm("the squared error in the place of the loss", subject=lambda given: given.rewritten(loss=_squared))


def taken_for(exam: Examination) -> Iterable[Found]:
    """Are outputs that the loss is content with no targets, but their logarithms, say? They are judged as they are."""
    asked = _single_numbers(exam)
    if asked is None:
        return
    y, losses = asked
    known = y > 0
    if known.sum() < FEWEST:
        return
    for name, link in LINKS.items():
        if _lowest(losses, np.where(known, link(np.where(known, y, 1.0)), y), known) and not _lowest(losses, y, known):
            yield NN18.found(
                f"The loss is lowest where the outputs are {name}, and as predictions they are judged as they are.",
                remedy="If they are meant so, let apply return predictions in the targets' unit, and let the loss take "
                "them back; else another loss, such as the squared error.",
                severity=Severity.LIMIT,
            )
            return


def _single_numbers(exam: Examination) -> tuple[Floats, Callable[[Floats], Floats]] | None:
    """A few targets, one a row, and what the loss of each is for an output; None: they are no such ones."""
    rows, shape, subject = exam.few, exam.shape, exam.subject
    y = np.asarray(rows.y, np.float64).ravel()
    if subject.kind != "regression" or y.size != len(rows) or int(np.prod(shape)) != len(rows) or np.ptp(y) == 0:
        return None
    loss = quick(subject.row_losses)
    return y, lambda z: np.asarray(loss(z.reshape(shape).astype(np.float32), rows.y), np.float64)


def _lowest(losses: Callable[[Floats], Floats], z: Floats, asked: NDArray[np.bool_]) -> bool:
    """Whether the loss of nearly all rows that are asked is higher beside these outputs than at them, on both sides."""
    here = losses(z)[asked]
    beside = np.array([losses(z + off * np.std(z[asked]))[asked] for by in BESIDE for off in (by, -by)])
    return bool(np.isfinite(here).all() and (here < beside).all(axis=0).mean() >= NEARLY_ALL)


def _another_loss(exam: Examination) -> Trial | None:
    """The usual one, where the loss is another, and the targets are what it is lowest at."""
    if exam.subject.kind == "regression":
        asked = _single_numbers(exam)
        if asked is None or any(taken_for(exam)):
            return None
        y, losses = asked
        if _is_squared(y, losses):
            return None
        why, arm = _off_centre(exam) or _beside(y, losses), SQUARED
    elif _odd_of_classes(exam):
        why, arm = _content(exam), CROSS_ENTROPY
    else:
        return None
    # Absolute errors and margins are usual, and may cost a little of an error that they are not made for.
    return Trial(why, (arm,), optimises=False, general=0 if why else 1)


def _off_centre(exam: Examination) -> str:
    """That of all constants the loss wants one far from both mean and median of the targets; "": it does not."""
    rows, shape = exam.lab.gauge, exam.lab.outputs(exam.start.params, exam.lab.gauge).shape
    y = np.asarray(rows.y, np.float64).ravel()
    mean = quick(lambda z: jnp.mean(exam.subject.row_losses(z, jnp.asarray(rows.y))))
    constants = np.quantile(y, np.linspace(*INNER, QUANTILES))
    costs = [float(mean(np.full(shape, one, np.float32))) for one in constants]
    if not np.isfinite(costs).all():
        return ""
    best, centre = float(constants[int(np.argmin(costs))]), sorted((float(y.mean()), float(np.median(y))))
    off = max(centre[0] - best, best - centre[1]) / float(y.std())
    if off <= OFF_CENTRE:
        return ""
    return (
        f"Of all constants its loss is lowest at {best:.3g}, {off:.2g} standard deviations from mean and median of "
        f"the targets ({y.mean():.3g} and {np.median(y):.3g})."
    )


def _beside(y: Floats, losses: Callable[[Floats], Floats]) -> str:
    """That the loss of a row is lowest elsewhere than at its target, where nothing is known of the row; "": it is not.

    Quantiles, absolute and relative errors all are lowest at the target of a row alone.
    """
    steps = np.linspace(-AROUND, AROUND, 2 * AROUND * PER_DEVIATION + 1)
    costs = np.array([losses(y + step * np.std(y)) for step in steps])
    at = costs[len(steps) // 2]
    if not np.isfinite(costs).all():
        return ""
    best = np.argmin(costs, axis=0)
    off = (at - costs.min(axis=0) > ROUNDING * np.ptp(costs, axis=0)) & (abs(best - len(steps) // 2) > 1)
    if off.mean() <= FEW_ROWS:
        return ""
    row = int(np.flatnonzero(off)[np.argmax(at[off] - costs.min(axis=0)[off])])
    where = f"{y[row] + steps[best[row]] * np.std(y):.3g}"
    farther = " or farther" if best[row] in (0, len(steps) - 1) else ""
    return (
        f"For {percent(float(off.mean()))} of the rows its loss is not lowest where the output is the target: of a "
        f"target of {y[row]:.3g} it is at {where}{farther}."
    )


def _content(exam: Examination) -> str:
    """That the loss is content where the right class is barely ahead of the others; "": it is not."""
    width = exam.shape[1]
    y = np.arange(width).astype(exam.subject.train.y.dtype)
    mean = quick(lambda z: jnp.mean(exam.subject.row_losses(z, jnp.asarray(y))))
    ahead = np.concatenate([[0.0], np.geomspace(*LEADS, QUANTILES)])
    costs = np.array([float(mean(one * (np.eye(width) - 0.5).astype(np.float32))) for one in ahead])
    if not np.isfinite(costs).all() or costs[0] <= costs.min():
        return ""
    first = float(ahead[np.flatnonzero(costs <= costs.min() + LEFT * (costs[0] - costs.min()))[0]])
    if first >= BARELY:
        return ""
    return (
        f"Its loss has fallen by {percent(1 - LEFT)} of all that it can where the logit of the right class is "
        f"{first:.2g} above the others: {percent(float(np.exp(first) / (np.exp(first) + width - 1)))} by softmax."
    )


def _is_squared(y: Floats, losses: Callable[[Floats], Floats]) -> bool:
    """Whether it is the squared error, but for a factor and what is added: then nothing else is tried."""
    off = np.random.default_rng(0).normal(size=(ASKED, len(y))) * np.std(y)
    own, usual = np.array([losses(y + one) for one in off]).ravel(), np.square(off).ravel()
    return bool(np.isfinite(own).all() and np.ptp(own) > 0 and np.corrcoef(own, usual)[0, 1] > 1 - ROUNDING)


def _odd_of_classes(exam: Examination) -> bool:
    """Whether the loss is no cross-entropy of logits, and treats all classes alike: weights may be meant."""
    subject, shape = exam.subject, exam.shape
    width = int(np.prod(shape[1:]))
    if subject.several or len(shape) != 2 or not 1 < width <= answers.MOST_CLASSES or subject.train.y.max() >= width:
        return False
    rng = np.random.default_rng(0)
    z = rng.normal(size=(ASKED * width, width)).astype(np.float32)
    y = np.tile(np.arange(width), ASKED).astype(subject.train.y.dtype)
    loss = quick(subject.row_losses)
    own, moved = (
        np.asarray(loss(one, label.astype(y.dtype)), np.float64)
        for one, label in ((z, y), (np.roll(z, 1, axis=1), (y + 1) % width))
    )
    usual = np.asarray(quick(answers.cross_entropy)(z, y), np.float64)
    if not np.isfinite(own).all() or np.abs(own - moved).max() > ROUNDING * np.abs(own).max() or np.ptp(own) == 0:
        return False
    return float(np.corrcoef(own, usual)[0, 1]) < 1 - ROUNDING


NN18 = Rule(
    "NN18",
    "The loss aims at something else than the error",
    Evidence.PROBE,
    Severity.FAULT,
    "The loss is neither squared error nor cross-entropy, and with these the dev error is lower. Or it is lowest where "
    "the outputs are no targets but their logarithms, say: a limit.",
    "The usual loss; and where another quantity than the mean or the class is wanted, such as a quantile, judge by it.",
    "The dev error of the whole training is lower.",
    "Gneiting, 2011 (losses and what they are lowest at).",
    look=taken_for,
    trial=_another_loss,
    to_the_end=True,
)
PROOFS = (NN18,)
